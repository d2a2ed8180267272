import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadScenario } from '../../adapters/import/load-scenario.ts';
import { configurePolicy } from '../../engine/index.ts';
import { run } from '../../simulator/run.ts';
import { requestsPerSecondForNodes, type Scenario } from '../../simulator/scenario.ts';
import { root } from '../adapters/cli/program.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const START_MS = Date.UTC(2026, 9, 31, 18);
/** Seed of the luck in the calibration; `static` hardly has any. */
const SEED = 1;

let scenario: Scenario;
let warnings: string[];
let nodes: Float64Array;
beforeAll(async () => {
  ({ scenario, warnings } = await loadScenario(join(root, 'scenarios/month.yaml')));
  const one = requestsPerSecondForNodes(1, scenario.workload, scenario.cluster);
  nodes = scenario.trace.requestsPerSecond.map((rate) => rate / one);
});

/** The highest row whose minutes since the month began lie in the span, in nodes. */
const highest = (fromMinute: number, toMinute: number): number =>
  nodes.reduce((most, need, row) => {
    const minute = (scenario.trace.atMs[row] - START_MS) / MINUTE_MS;
    return minute >= fromMinute && minute < toMinute && need > most ? need : most;
  }, 0);
/** Minutes from the month's beginning to an hour of a day of it. */
const minuteOf = (day: number, hour: number): number => ((day - 1) * 24 + hour) * 60;
const isSale = (atMs: number): boolean =>
  scenario.calendar.some((sale) => atMs >= sale.startAtMs && atMs < sale.endAtMs);

describe('month', () => {
  it('is November 2026 in Dhaka: rows of 5 minutes, of 1 around each sale, without a gap', () => {
    const { startAtMs, endAtMs, atMs, stepMs } = scenario.trace;
    expect(warnings).toEqual([]);
    expect([startAtMs, endAtMs]).toEqual([START_MS, START_MS + 30 * DAY_MS]);
    // Around each of four sales, 3 hours hold 180 rows where there would be 36.
    expect(atMs).toHaveLength(30 * 288 + 4 * (180 - 36));
    expect(stepMs).toBe(5 * MINUTE_MS);
    atMs.forEach((at, row) => {
      const next = row + 1 < atMs.length ? atMs[row + 1] : endAtMs;
      const isFine = scenario.calendar.some(
        (sale) => at >= sale.startAtMs - 30 * MINUTE_MS && at < sale.endAtMs + 30 * MINUTE_MS,
      );
      expect(next - at).toBe(isFine ? MINUTE_MS : 5 * MINUTE_MS);
    });
  });

  it('announces four sales of two hours: two on Friday evenings, one at midnight, one at noon', () => {
    const opens = scenario.calendar.map((sale) => (sale.startAtMs - START_MS) / MINUTE_MS);
    expect(opens).toEqual([minuteOf(6, 20), minuteOf(11, 0), minuteOf(19, 12), minuteOf(27, 20)]);
    for (const sale of scenario.calendar) {
      expect(sale.endAtMs - sale.startAtMs).toBe(120 * MINUTE_MS);
    }
  });

  it('needs more than 8.5 nodes at the height of each sale, never 10, and 5 at no other time', () => {
    for (const { startAtMs, endAtMs } of scenario.calendar) {
      const [from, to] = [startAtMs, endAtMs].map((at) => (at - START_MS) / MINUTE_MS);
      expect(highest(from, to)).toBeGreaterThan(8.5);
      expect(highest(from, to)).toBeLessThan(10);
    }
    const ordinary = nodes.filter((_, row) => !isSale(scenario.trace.atMs[row]));
    expect(Math.max(...ordinary)).toBeGreaterThan(4.5);
    expect(Math.max(...ordinary)).toBeLessThan(5);
  });

  it('rises to the height of a sale within 5 minutes, and is back after two hours', () => {
    for (const { startAtMs, endAtMs } of scenario.calendar) {
      const opens = (startAtMs - START_MS) / MINUTE_MS;
      const closes = (endAtMs - START_MS) / MINUTE_MS;
      const before = highest(opens - 1, opens);
      expect(highest(opens + 4, opens + 5) / before).toBeGreaterThan(1.7);
      expect(highest(opens + 30, opens + 31) / before).toBeGreaterThan(1.6);
      expect(highest(closes + 5, closes + 10)).toBeLessThan(5);
    }
  });

  it('peaks in the evening of every day without a sale, a little higher on Fridays and Saturdays', () => {
    const evenings = { week: [] as number[], weekend: [] as number[] };
    for (let day = 1; day <= 30; day++) {
      const peak = highest(minuteOf(day, 0), minuteOf(day + 1, 0));
      if ([6, 11, 19, 27].includes(day)) {
        continue;
      }
      expect(highest(minuteOf(day, 19), minuteOf(day, 23)), String(day)).toBe(peak);
      expect(highest(minuteOf(day, 3), minuteOf(day, 5)) / peak, String(day)).toBeLessThan(0.4);
      // 2026-11-06 is a Friday.
      evenings[day % 7 === 6 || day % 7 === 0 ? 'weekend' : 'week'].push(peak);
    }
    const mean = (values: number[]) => values.reduce((sum, each) => sum + each) / values.length;
    expect([evenings.week.length, evenings.weekend.length]).toEqual([20, 6]);
    expect(mean(evenings.weekend) / mean(evenings.week)).toBeGreaterThan(1.02);
    expect(mean(evenings.weekend) / mean(evenings.week)).toBeLessThan(1.08);
  });
});

describe('month under static 5', () => {
  /** What five nodes made of a span of time. */
  class Tally {
    readonly name: string;
    #steps = 0;
    #cpuShares = 0;
    #fullMinutes = 0;
    #arrived = 0;
    lost = 0;

    constructor(name: string) {
      this.name = name;
    }

    add(cpuShare: number, minutes: number, arrived: number, lost: number): void {
      this.#steps++;
      this.#cpuShares += cpuShare;
      this.#fullMinutes += cpuShare > 0.999 ? minutes : 0;
      this.#arrived += arrived;
      this.lost += lost;
    }

    get idleShare(): number {
      return 1 - this.#cpuShares / this.#steps;
    }

    get row(): string {
      const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
      const minutes = String(Math.round(this.#fullMinutes));
      const lost = `${String(Math.round(this.lost / 1000))} k`;
      return `| ${[this.name, percent(1 - this.idleShare), percent(this.idleShare), minutes, lost, percent(this.lost / this.#arrived)].join(' | ')} |`;
    }
  }

  let all: Tally;
  let sales: Tally[];
  let otherwise: Tally;
  beforeAll(() => {
    const five = configurePolicy('static', { nodeCount: 5 });
    if (!five.ok) {
      throw new Error('static has no nodeCount');
    }
    all = new Tally('the month');
    sales = scenario.calendar.map(({ name }) => new Tally(name));
    otherwise = new Tally('no sale');
    const { systemMillicpu, worker } = scenario.cluster;
    run({
      scenario,
      configured: five.configured,
      seed: SEED,
      observer: {
        stepped: (world) => {
          const { usageMillicpu, readyNodes, nowMs, arrivedRequests, lostRequests } = world;
          const used = usageMillicpu + readyNodes * systemMillicpu;
          const cpuShare = used / (readyNodes * worker.millicpu);
          const at = scenario.calendar.findIndex(
            (sale) => nowMs >= sale.startAtMs && nowMs < sale.endAtMs,
          );
          for (const tally of [all, at === -1 ? otherwise : sales[at]]) {
            tally.add(cpuShare, scenario.worldStepSeconds / 60, arrivedRequests, lostRequests);
          }
        },
      },
    });
  });

  it('leaves 60 % of the CPU idle', () => {
    expect(all.idleShare).toBeGreaterThan(0.59);
    expect(all.idleShare).toBeLessThan(0.61);
  });

  it('is overrun by every sale, and by nothing else', () => {
    for (const sale of sales) {
      expect(sale.lost, sale.name).toBeGreaterThan(10_000);
    }
    expect(otherwise.lost).toBe(0);
  });

  it('has these figures in scenarios/README.md', async () => {
    const readme = await readFile(join(root, 'scenarios/README.md'), 'utf8');
    const [, table = ''] = readme.split(/^\| `static` 5 .*\n\| --- .*\n/m);
    expect(table.split('\n\n')[0]).toBe([all, ...sales].map(({ row }) => row).join('\n'));
  });
});
