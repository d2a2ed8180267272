import { describe, expect, it } from 'vitest';
import { Startup, type Boot } from '../../simulator/startup.ts';
import { defaultScenarioSettings } from '../../simulator/scenario.ts';
import { START_AT_MS } from './build.ts';

const { startup } = defaultScenarioSettings();
const MINUTE_MS = 60_000;

/** So many batches of two, one after another. */
function boots(count: number, settings = startup, seed = 1): Boot[] {
  const drawn = new Startup(settings, seed, START_AT_MS);
  return Array.from({ length: count }, () => drawn.batch(2, START_AT_MS)).flat();
}

describe('a start-up', () => {
  const all = boots(10_000);
  const sorted = all.map(({ readyAfterMs }) => readyAfterMs).sort((a, b) => a - b);
  const secondsAt = (share: number): number => sorted[Math.floor(share * sorted.length)] / 1000;

  it('takes about 75 s, and in one case of twenty about 120 s or more', () => {
    expect(Math.abs(secondsAt(0.5) - 75)).toBeLessThan(2);
    // What batches have in common lifts it by 4 %.
    expect(Math.abs(secondsAt(0.95) - 120 * 1.04)).toBeLessThan(2);
    expect(secondsAt(0)).toBeGreaterThan(35);
    expect(secondsAt(0.9999)).toBeLessThan(300);
  });

  it('fails for good as often as the scenario says', () => {
    const failed = all.filter(({ joins }) => !joins).length / all.length;
    expect(Math.abs(failed - 0.015)).toBeLessThan(0.004);
    expect(boots(500, { ...startup, neverJoinsPercent: 0 }).every(({ joins }) => joins)).toBe(true);
  });

  it('goes through running and joining to Ready, and is listed within 8 s', () => {
    for (const { visibleAfterMs, runsAfterMs, joinsAfterMs, readyAfterMs } of all) {
      expect(visibleAfterMs).toBeLessThan(8_000);
      expect(runsAfterMs).toBeLessThan(joinsAfterMs);
      expect(joinsAfterMs).toBeLessThan(readyAfterMs);
    }
  });
});

describe('what a batch has in common', () => {
  it('slows all of it alike', () => {
    // Above the median nothing varies here but what the whole batch has in common.
    const flat = { ...startup, medianSeconds: 100, p95Seconds: 100 };
    const drawn = new Startup(flat, 1, START_AT_MS);
    const factors = Array.from({ length: 300 }, () => {
      const slowest = drawn
        .batch(8, START_AT_MS)
        .map(({ readyAfterMs }) => readyAfterMs)
        .sort((a, b) => b - a);
      return { factor: slowest[0] / 100_000, alike: slowest[0] === slowest[1] };
    });
    expect(factors.filter(({ alike }) => alike).length).toBeGreaterThan(280);
    expect(factors.filter(({ factor }) => factor > 1.1).length).toBeGreaterThan(2);
    expect(factors.filter(({ factor }) => factor > 1.1).length).toBeLessThan(25);
  });

  it('makes all who launch within ten minutes fail, whoever they are', () => {
    const half = { ...startup, neverJoinsPercent: 0, batchNeverJoinsPercent: 50 };
    const [one, two] = [new Startup(half, 3, START_AT_MS), new Startup(half, 3, START_AT_MS)];
    // The other policy has launched before, and launches more.
    two.batch(5, START_AT_MS);
    const fates = Array.from({ length: 60 }, (_, span) => {
      const atMs = START_AT_MS + span * 10 * MINUTE_MS;
      const joins = [
        ...one.batch(3, atMs),
        ...one.batch(1, atMs + 9 * MINUTE_MS),
        ...two.batch(7, atMs + 4 * MINUTE_MS),
      ].map((boot) => boot.joins);
      expect(new Set(joins).size).toBe(1);
      return joins[0];
    });
    expect(fates.filter((joins) => joins).length).toBeGreaterThan(15);
    expect(fates.filter((joins) => !joins).length).toBeGreaterThan(15);
  });

  it('changes nobody’s luck but whether they join', () => {
    const lucky = boots(200);
    const unlucky = boots(200, { ...startup, batchNeverJoinsPercent: 100 });
    expect(unlucky).toEqual(lucky.map((boot) => ({ ...boot, joins: false })));
  });
});
