import { describe, expect, test } from 'vitest';
import {
  barsLine,
  drawNodes,
  nodesChart,
  stepsToShow,
  type ChartInput,
} from '../../reports/chart.ts';

const MINUTE_MS = 60_000;
/** 2026-11-27T18:00:00+06:00. */
const START_AT_MS = Date.UTC(2026, 10, 27, 12);

/** One step of a minute a column, 3 columns of labels. */
function chart(demandNodes: number[], capacityNodes: number[], more: Partial<ChartInput> = {}) {
  return nodesChart({
    demandNodes,
    capacityNodes,
    firstStepAtMs: START_AT_MS,
    stepMs: MINUTE_MS,
    offsetMinutes: 360,
    sales: [],
    width: demandNodes.length + 3,
    rows: 8,
    ...more,
  });
}

/** A chart’s rows of nodes, without its axes. */
function body(lines: string[]): string[] {
  return lines.filter((line) => line.includes('┤'));
}

function steps(count: number, value: (at: number) => number): number[] {
  return Array.from({ length: count }, (_, at) => value(at));
}

describe('a chart of nodes', () => {
  test('one row a node: needed, missing, idle', () => {
    const demand = [1, 1, 3, 3, 3, 1, 1, 1, 1, 1, 1, 1];
    const capacity = [2, 2, 2, 2, 4, 4, 4, 2, 2, 0, 1, 1];
    expect(chart(demand, capacity)).toEqual([
      '4 ┤    ···',
      '3 ┤  ▒▒█··',
      '2 ┤··███····',
      '1 ┤█████████▒██',
      // The label of 18:10 would not fit, so it has no tick.
      '  └┬───────────',
      ' 18:00',
    ]);
  });

  test('more nodes than rows share a row', () => {
    const lines = chart([1, 4, 7, 16], [16, 16, 16, 16], { rows: 4, width: 8 });
    // Rows of 4 nodes, each drawn as its second one: 1 of 4 leaves the lowest row idle.
    expect(body(lines)).toEqual(['16 ┤···█', '12 ┤···█', ' 8 ┤··██', ' 4 ┤·███']);
  });

  test('a column holds many steps: needed or idle, whichever for longer', () => {
    // 10 columns of 10 steps; the need of 2 lasts 6 of them in the first, 4 in the second.
    const demand = steps(100, (at) => (at < 6 || (at >= 10 && at < 14) ? 2 : 1));
    const lines = chart(
      demand,
      steps(100, () => 2),
      { width: 13 },
    );
    expect(body(lines)).toEqual(['2 ┤█·········', '1 ┤██████████']);
  });

  test('a node missing for a tenth of a column shows, and for less does not', () => {
    const demand = steps(100, () => 2);
    const capacity = steps(100, (at) => (at === 0 ? 1 : 2));
    expect(body(chart(demand, capacity, { width: 13 }))[0]).toBe('2 ┤▒█████████');
    const wide = {
      demandNodes: steps(200, () => 2),
      capacityNodes: steps(200, (at) => (at === 0 ? 1 : 2)),
    };
    expect(body(chart([], [], { ...wide, width: 13 }))[0]).toBe('2 ┤██████████');
  });

  test('a spike that capacity never reached shows however short it is', () => {
    const demand = steps(1000, (at) => (at === 505 ? 3 : 1));
    const lines = chart(
      demand,
      steps(1000, () => 2),
      { width: 13 },
    );
    expect(body(lines)).toEqual(['3 ┤     ▒', '2 ┤··········', '1 ┤██████████']);
  });

  test('marks a sale and names it', () => {
    const sales = [
      {
        name: 'Eid sale',
        startAtMs: START_AT_MS + 5 * MINUTE_MS,
        endAtMs: START_AT_MS + 8 * MINUTE_MS,
      },
    ];
    const flat = steps(30, () => 1);
    expect(chart(flat, flat, { sales })[0]).toBe('        ▼▼▼ Eid sale');
    // At the right edge the name goes before it.
    const late = sales.map((sale) => ({
      ...sale,
      startAtMs: START_AT_MS + 26 * MINUTE_MS,
      endAtMs: START_AT_MS + 90 * MINUTE_MS,
    }));
    expect(chart(flat, flat, { sales: late })[0]).toBe(`${' '.repeat(20)}Eid sale ▼▼▼▼`);
  });

  test('a sale outside what is shown leaves no line', () => {
    const sales = [{ name: 'past', startAtMs: START_AT_MS - 90 * MINUTE_MS, endAtMs: START_AT_MS }];
    const flat = steps(30, () => 1);
    expect(chart(flat, flat, { sales })[0]).toMatch(/^1 ┤/);
  });

  test('times are in the scenario’s zone, and midnight is a date', () => {
    const hours = steps(10 * 60, () => 1);
    const label = (offsetMinutes: number): string =>
      chart(hours, hours, { width: 70, offsetMinutes }).at(-1) ?? '';
    expect(label(360).trim().split(/ {2,}/)).toEqual([
      '18:00',
      '20:00',
      '22:00',
      '28 Nov',
      '02:00',
    ]);
    expect(label(0).trim().split(/ {2,}/)).toEqual(['12:00', '14:00', '16:00', '18:00', '20:00']);
    // Half an hour off the grid.
    expect(label(330).trim().split(/ {2,}/)[0]).toBe('18:00');
  });

  test('never wider than asked for', () => {
    for (const width of [20, 40, 78]) {
      for (const count of [1, 7, 100, 5000]) {
        const sales = [
          { name: 'x'.repeat(50), startAtMs: START_AT_MS, endAtMs: START_AT_MS + 1e9 },
        ];
        const lines = chart(
          steps(count, (at) => at % 13),
          steps(count, () => 12),
          { width, sales },
        );
        expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThanOrEqual(width);
      }
    }
  });
});

describe('bars of one line', () => {
  test('are eighths of the most, and what is not zero shows', () => {
    expect(barsLine([0, 1, 4, 8], 4, 8)).toBe(' ▁▄█');
    expect(barsLine([0, 1, 400, 800], 4, 800)).toBe(' ▁▄█');
  });

  test('show the highest of a column', () => {
    expect(barsLine([0, 8, 0, 0, 4, 0], 3, 8)).toBe('█ ▄');
  });
});

describe('a chart in its parts', () => {
  test('has every cell of every row, and is the chart when put together', () => {
    const input = {
      demandNodes: [1, 3, 3, 1],
      capacityNodes: [2, 2, 2, 2],
      firstStepAtMs: START_AT_MS,
      stepMs: MINUTE_MS,
      offsetMinutes: 360,
      sales: [],
      width: 7,
      rows: 8,
    };
    const { labelWidth, columns, rows, axis, sales } = drawNodes(input);
    expect([labelWidth, columns, sales]).toEqual([1, 4, '']);
    expect(rows.map(({ label, cells }) => `${label}:${cells}`)).toEqual([
      '3: ▒▒ ',
      '2:·██·',
      '1:████',
    ]);
    expect([...axis]).toHaveLength(columns);
    expect(body(nodesChart(input))).toEqual(['3 ┤ ▒▒', '2 ┤·██·', '1 ┤████']);
  });
});

describe('what to show of a run', () => {
  const hour = 60;
  const run = (hours: number) => ({
    firstStepAtMs: START_AT_MS,
    stepMs: MINUTE_MS,
    stepCount: hours * hour,
  });
  const sale = {
    name: 'Sale',
    startAtMs: START_AT_MS + 4 * hour * MINUTE_MS,
    endAtMs: START_AT_MS + 5 * hour * MINUTE_MS,
  };

  test('all of it, or a sale with as much again on either side where that is less than half', () => {
    expect(stepsToShow({ calendar: [] }, run(24))).toMatchObject({ from: 0, to: 24 * hour });
    expect(stepsToShow({ calendar: [sale] }, run(6))).toMatchObject({ from: 0, to: 6 * hour });
    expect(stepsToShow({ calendar: [sale] }, run(24))).toEqual({
      from: 3 * hour,
      to: 6 * hour,
      sale: 'Sale',
    });
  });
});
