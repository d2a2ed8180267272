import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { counterIncrease, extrapolatedRate } from '../../simulator/rate.ts';

interface Series {
  readonly atSeconds: readonly number[];
  readonly values: readonly number[];
}

/** promtool's notation of a series: `start+step x count`, and `null` for a scrape that did not happen. */
function series(spacingSeconds: number, ...values: readonly (number | null)[]): Series {
  const present = values.flatMap((value, index) =>
    value === null ? [] : [{ at: index * spacingSeconds, value }],
  );
  return { atSeconds: present.map(({ at }) => at), values: present.map(({ value }) => value) };
}

function ramp(start: number, step: number, steps: number): number[] {
  return Array.from({ length: steps + 1 }, (_, index) => start + step * index);
}

/** `rate(series[range])` at an instant; as in 2.42, both ends belong to the range. */
function evaluate(isRate: boolean, of: Series, rangeSeconds: number, atSeconds: number): number {
  const start = atSeconds - rangeSeconds;
  const from = of.atSeconds.findIndex((at) => at >= start);
  const inside = of.values.filter(
    (_, index) => of.atSeconds[index] >= start && of.atSeconds[index] <= atSeconds,
  );
  return extrapolatedRate(
    start * 1000,
    atSeconds * 1000,
    of.atSeconds[from] * 1000,
    of.atSeconds[from + inside.length - 1] * 1000,
    inside.length,
    inside[0],
    counterIncrease(inside, inside.length),
    isRate,
  );
}

const rate = evaluate.bind(null, true);
const increase = evaluate.bind(null, false);
const MINUTE = 60;

/**
 * All numbers here were printed by `promtool test rules` 2.42.0+ds-5+deb12u1 (Debian 12), to the last digit, for these series and
 * expressions. Most are those of prometheus/prometheus, promql/promqltest/testdata/functions.test, at 2.42's answers.
 */
describe('promtool 2.42 gives the same, bit by bit', () => {
  const foo = series(5 * MINUTE, ...ramp(0, 10, 10));
  const bar = series(5 * MINUTE, ...ramp(0, 18, 5), ...ramp(0, 18, 5));
  const dings = series(5 * MINUTE, ...ramp(10, 10, 10));
  const bumms = series(5 * MINUTE, ...ramp(1, 10, 10));

  test('increase over a full window', () => {
    expect(increase(foo, 50 * MINUTE, 50 * MINUTE)).toBe(100);
    expect(increase(bumms, 50 * MINUTE, 50 * MINUTE)).toBe(100);
  });

  test('increase over a window shifted against the samples', () => {
    // increase(a[50m]) at 51m: 9 increments of 10 in 45 of 50 minutes.
    expect(increase(foo, 50 * MINUTE, 51 * MINUTE)).toBe(100);
    expect(increase(bar, 50 * MINUTE, 51 * MINUTE)).toBe(160);
  });

  test('increase over a window that reaches back before the series', () => {
    expect(increase(foo, 100 * MINUTE, 50 * MINUTE)).toBe(100);
    // 162 at 50m too: 90 before the reset and 72 after it, no more as the counter starts at 0.
    expect(increase(bar, 100 * MINUTE, 50 * MINUTE)).toBe(162);
    // Would have been 0 half a minute before its first sample.
    expect(increase(bumms, 100 * MINUTE, 50 * MINUTE)).toBe(101);
    // Would have been 0 one spacing before, nearer than 1.1 of them: all of it is taken. Newer versions take half a spacing: 105.
    expect(increase(dings, 100 * MINUTE, 50 * MINUTE)).toBe(110.00000000000001);
  });

  test('a reset counts from 0', () => {
    // 3 → 2 is read as 3 → 0 → 2.
    expect(increase(series(5 * MINUTE, 0, 1, 2, 3, 2, 3, 4), 30 * MINUTE, 30 * MINUTE)).toBe(7);
    const middle = series(5 * MINUTE, ...ramp(0, 27, 4), ...ramp(0, 27, 5));
    expect(rate(middle, 50 * MINUTE, 50 * MINUTE)).toBe(0.081);
  });

  test('rate is per second, whatever the window', () => {
    const window = series(5 * MINUTE, ...ramp(0, 80, 10));
    expect(rate(window, 50 * MINUTE, 50 * MINUTE)).toBe(0.26666666666666666);
    expect(rate(window, 10 * MINUTE, 45 * MINUTE)).toBe(0.26666666666666666);
    expect(rate(window, 5 * MINUTE, 50 * MINUTE)).toBe(0.26666666666666666);
  });

  test('the zero of a counter cuts the left edge before the threshold does', () => {
    // 4-minute spacing, +240 each, first sample 10 minutes into the window: per start value, in minutes before its 0.
    const at10Minutes = [0, 60, 120, 180, 240, 300].map((start) =>
      rate(series(4 * MINUTE, ...ramp(start, 240, 10)), 20 * MINUTE, 10 * MINUTE),
    );
    // Newer versions: 0.6 for the 4th and 5th as well.
    expect(at10Minutes).toEqual([0.5, 0.55, 0.6, 0.65, 0.7000000000000001, 0.6]);
    const at50Minutes = [0, 60, 300].map((start) =>
      rate(series(4 * MINUTE, ...ramp(start, 240, 10)), 20 * MINUTE, 50 * MINUTE),
    );
    expect(at50Minutes).toEqual([0.6, 0.6, 0.6]);
  });

  test('an edge exactly 1.1 spacings away is too far already', () => {
    // 30 s spacing from 60 s on; windows that start 33 s, 34 s and 32 s before.
    const late = series(30, null, null, ...ramp(1000, 3, 10));
    expect(increase(late, 300, 327)).toBe(28.200000000000003);
    expect(increase(late, 300, 326)).toBe(28.1);
    expect(increase(late, 300, 328)).toBe(30);
    // As it is on the right, where 9 samples end 33 s, then 32 s before the end.
    const ends = (lastMs: number): number =>
      extrapolatedRate(0, 300_000, lastMs - 240_000, lastMs, 9, 1000, 240, false);
    expect(ends(267_000)).toBeCloseTo(27 + 240 + 15, 9);
    expect(ends(268_000)).toBeCloseTo(28 + 240 + 32, 9);
  });

  test('missed scrapes and a reset, at values that round', () => {
    const odd = series(
      15,
      ...[3, 3.7, 4.9, null, 5.3, 8.1, 0.2, 1.9, 3.3, 9.7, null, null, 11.1, 12.3, 13.7],
    );
    expect(rate(odd, 60, 67)).toBe(3.555555555555554e-2);
    expect(rate(odd, 120, 67)).toBe(2.459722222222222e-2);
    expect(rate(odd, 120, 130)).toBe(7.333333333333332e-2);
    expect(rate(odd, 300, 221)).toBe(6.879769119769119e-2);
  });

  test('a partly filled window misleads a plain rate, a ratio of rates it does not', () => {
    // A node 70 % busy, two scrapes old: 15 s × 1 core make 4.5 s idle and 10.5 s busy. Asked at 22 s of a window of 5 minutes.
    const idle = series(15, ...ramp(1000, 4.5, 40));
    const busy = series(15, ...ramp(7000, 10.5, 40));
    expect(rate(idle, 300, 22)).toBe(2.95e-2);
    expect(100 * (1 - rate(idle, 300, 22))).toBe(97.05);
    expect(100 * (1 - rate(idle, 300, 22) / (rate(idle, 300, 22) + rate(busy, 300, 22)))).toBe(70);
    // Half full.
    expect(rate(idle, 300, 150)).toBe(0.1575);
  });

  test('on a node that has just booted even the ratio is off, by the zero of its counters', () => {
    // Idle since boot 20 s, busy 1 s: idle is extended by half a spacing, busy by the 1.43 s to its zero only.
    const idle = series(15, ...ramp(20, 4.5, 40));
    const busy = series(15, ...ramp(1, 10.5, 40));
    expect(rate(idle, 300, 22)).toBe(2.95e-2);
    expect(rate(busy, 300, 22)).toBe(5.466666666666667e-2);
    const idleShare = rate(idle, 300, 22) / (rate(idle, 300, 22) + rate(busy, 300, 22));
    expect(100 * (1 - idleShare)).toBe(64.95049504950495);
  });
});

describe('extrapolatedRate', () => {
  /** A counter at slope 1 from 1000, sampled at first and last. */
  const at = (firstMs: number, lastMs: number, count: number): number =>
    extrapolatedRate(0, 300_000, firstMs, lastMs, count, 1000, (lastMs - firstMs) / 1000, false);

  test('needs two samples', () => {
    expect(extrapolatedRate(0, 300_000, 15_000, 15_000, 1, 7, 0, true)).toBeNaN();
    expect(extrapolatedRate(0, 300_000, 0, 0, 0, 0, 0, true)).toBeNaN();
    // Whatever a ring still holds beside them.
    expect(extrapolatedRate(0, 300_000, 0, 15_000, 1, 7, 3, true)).toBeNaN();
    expect(extrapolatedRate(0, 300_000, 15_000, 30_000, 2, 7, 3, true)).not.toBeNaN();
  });

  test('goes to an edge nearer than 1.1 spacings, and half a spacing otherwise', () => {
    // 10 s spacing, 20 samples over 190 s. Left edge 10.9 s away, then 11.1 s.
    expect(at(10_900, 200_900, 20)).toBeCloseTo(10.9 + 190 + 5, 9);
    expect(at(11_100, 201_100, 20)).toBeCloseTo(5 + 190 + 5, 9);
    // Right edge likewise.
    expect(at(99_100, 289_100, 20)).toBeCloseTo(5 + 190 + 10.9, 9);
    expect(at(98_900, 288_900, 20)).toBeCloseTo(5 + 190 + 5, 9);
  });

  test('ignores the zero of a counter that starts below it', () => {
    const of = (firstValue: number): number =>
      extrapolatedRate(0, 300_000, 150_000, 300_000, 11, firstValue, 30, false);
    expect(of(-5)).toBe(of(1000));
    expect(of(1)).toBeLessThan(of(1000));
  });

  test('a counter that does not rise has rate 0, also from 0', () => {
    expect(extrapolatedRate(0, 300_000, 0, 300_000, 21, 0, 0, true)).toBe(0);
    expect(extrapolatedRate(0, 300_000, 150_000, 300_000, 11, 5, 0, true)).toBe(0);
  });

  /** A window of 5 minutes with samples every 15 s from one instant on. */
  const anyWindow = fc.record({
    phaseMs: fc.integer({ min: 0, max: 14_999 }),
    count: fc.integer({ min: 2, max: 20 }),
    firstValue: fc.integer({ min: 0, max: 100_000 }),
    steps: fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 19, maxLength: 19 }),
  });

  test('never gives less than was seen, nor adds more than 1.1 spacings on a side', () => {
    fc.assert(
      fc.property(anyWindow, ({ phaseMs, count, firstValue, steps }) => {
        const seen = steps.slice(0, count - 1).reduce((sum, step) => sum + step, 0);
        const lastMs = 300_000 - phaseMs;
        const firstMs = lastMs - (count - 1) * 15_000;
        const answer = extrapolatedRate(
          0,
          300_000,
          firstMs,
          lastMs,
          count,
          firstValue,
          seen,
          false,
        );
        expect(answer).toBeGreaterThanOrEqual(seen - 1e-9);
        expect(answer).toBeLessThanOrEqual(seen * (1 + 2.2 / (count - 1)) + 1e-9);
      }),
    );
  });

  test('two counters far from 0 keep the ratio of their increases, however full the window', () => {
    fc.assert(
      fc.property(anyWindow, fc.integer({ min: 1, max: 600 }), (window, other) => {
        const seen =
          1 + window.steps.slice(0, window.count - 1).reduce((sum, step) => sum + step, 0);
        const lastMs = 300_000 - window.phaseMs;
        const firstMs = lastMs - (window.count - 1) * 15_000;
        const of = (increaseSeen: number): number =>
          extrapolatedRate(0, 300_000, firstMs, lastMs, window.count, 1e6, increaseSeen, true);
        expect(of(other) / of(seen)).toBeCloseTo(other / seen, 9);
      }),
    );
  });
});

describe('counterIncrease', () => {
  test('adds up the rises', () => {
    expect(counterIncrease([1, 3, 3, 7], 4)).toBe(6);
  });

  test('counts a restart from 0, also two of them', () => {
    expect(counterIncrease([5, 9, 2, 4], 4)).toBe(8); // 4 + 2 + 2
    expect(counterIncrease([5, 9, 2, 4, 0, 3], 6)).toBe(11); // and 0 + 3
  });

  test('looks at no more than count values', () => {
    expect(counterIncrease(new Float64Array([1, 2, 100]), 2)).toBe(1);
    expect(counterIncrease(new Float64Array([1, 2, 0]), 2)).toBe(1);
    expect(counterIncrease([1, 2, 100], 1)).toBe(0);
    expect(counterIncrease([], 0)).toBe(0);
  });

  test('is what went in, whatever was restarted in between', () => {
    const anyRises = fc.array(
      fc.record({ rise: fc.integer({ min: 0, max: 50 }), restarts: fc.boolean() }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(anyRises, fc.integer({ min: 0, max: 1000 }), (rises, start) => {
        const values = [start];
        let expected = 0;
        for (const { rise, restarts } of rises) {
          const before = values[values.length - 1];
          // A restart shows only when the value is lower than before it.
          const value = restarts && rise < before ? rise : before + rise;
          expected += rise;
          values.push(value);
        }
        expect(counterIncrease(values, values.length)).toBe(expected);
      }),
    );
  });
});
