import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadScenario } from '../../adapters/import/load-scenario.ts';
import { flashSale } from '../../scenarios/generate.ts';
import { requestsPerSecondForNodes, type Scenario } from '../../simulator/scenario.ts';

const FOLDER = new URL('../../scenarios/', import.meta.url).pathname;
const DAY = 24 * 60;
const SALE = DAY + 20 * 60;

describe('flash-sale', () => {
  const rates = flashSale().map((row) => row.requestsPerSecond);
  let scenario: Scenario;
  let warnings: string[];
  beforeAll(async () => {
    ({ scenario, warnings } = await loadScenario(join(FOLDER, 'flash-sale.yaml')));
  });

  const nodes = (requestsPerSecond: number): number =>
    requestsPerSecond / requestsPerSecondForNodes(1, scenario.workload, scenario.cluster);
  const highest = (from: number, to: number): number => Math.max(...rates.slice(from, to));

  it('is 2,880 minutes from Thursday 00:00 to Friday 24:00 in Dhaka', () => {
    const { startAtMs, endAtMs, atMs, stepMs } = scenario.trace;
    expect(warnings).toEqual([]);
    expect(atMs).toHaveLength(2880);
    expect(stepMs).toBe(60_000);
    expect(new Date(startAtMs).toISOString()).toBe('2026-11-25T18:00:00.000Z');
    expect(new Date(endAtMs).toISOString()).toBe('2026-11-27T18:00:00.000Z');
    // A Dhaka clock is six hours ahead of the UTC fields that are read here.
    const dhakaDay = (ms: number) => new Date(ms + 6 * 3_600_000).getUTCDay();
    expect([dhakaDay(startAtMs), dhakaDay(endAtMs - 1)]).toEqual([4, 5]);
  });

  it('has a sale in its calendar on Friday from 20:00 to 22:00', () => {
    expect(scenario.calendar).toEqual([
      {
        name: 'Friday flash sale',
        startAtMs: Date.UTC(2026, 10, 27, 14),
        endAtMs: Date.UTC(2026, 10, 27, 16),
      },
    ]);
    expect(scenario.trace.startAtMs + SALE * 60_000).toBe(scenario.calendar[0].startAtMs);
  });

  it('begins on the 2 nodes that carry every ordinary minute', () => {
    expect(scenario.cluster.nodeCountInitial).toBe(2);
    expect(nodes(highest(0, SALE))).toBeGreaterThan(1);
    expect(nodes(highest(0, SALE))).toBeLessThan(1.4);
  });

  it.each([
    ['Thursday', 0],
    ['Friday', DAY],
  ])('is lowest about 04:00 on %s, at 12 to 15 % of the evening', (_, midnight) => {
    const day = rates.slice(midnight, midnight + DAY);
    const lowest = Math.min(...day);
    expect(Math.abs(day.indexOf(lowest) - 4 * 60)).toBeLessThan(30);
    expect(lowest / highest(0, DAY)).toBeGreaterThan(0.12);
    expect(lowest / highest(0, DAY)).toBeLessThan(0.15);
  });

  it('is highest between 20:30 and 21:30 on an ordinary day', () => {
    const at = rates.indexOf(highest(0, DAY));
    expect(at).toBeGreaterThanOrEqual(20.5 * 60);
    expect(at).toBeLessThanOrEqual(21.5 * 60);
  });

  it('moves by a few per cent from minute to minute, and joins its days without a step', () => {
    const changes = rates.slice(1, SALE).map((rate, at) => Math.abs(rate / rates[at] - 1));
    expect(Math.max(...changes)).toBeLessThan(0.05);
    expect(changes.filter((change) => change > 0.005).length).toBeGreaterThan(SALE / 4);
  });

  it('rises eightfold within 3 minutes, holds 20 and is back after 90 more', () => {
    const before = rates[SALE - 1];
    expect(rates[SALE + 3] / before).toBeGreaterThan(7.6);
    expect(rates[SALE + 3] / before).toBeLessThan(8.4);
    for (let minute = SALE + 3; minute < SALE + 23; minute++) {
      expect(rates[minute] / before).toBeGreaterThan(7.5);
      expect(rates[minute] / before).toBeLessThan(8.5);
    }
    expect(rates[SALE + 60] / before).toBeGreaterThan(2);
    expect(rates[SALE + 60] / before).toBeLessThan(4);
    const dayBefore = SALE + 113 - DAY;
    expect(rates[SALE + 113] / rates[dayBefore]).toBeCloseTo(1, 1);
  });

  it('needs about 9.5 nodes at its highest, never more than 10', () => {
    const plateau = rates.slice(SALE + 3, SALE + 23);
    const average = plateau.reduce((sum, rate) => sum + rate, 0) / plateau.length;
    expect(nodes(average)).toBeCloseTo(9.5, 0);
    expect(nodes(highest(0, 2 * DAY))).toBeLessThan(10);
    expect(nodes(highest(0, 2 * DAY)).toFixed(1)).toBe('9.7');
  });
});
