import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gapsOf, lineOf, type Line } from '../../../reports/html/series.ts';

const values = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 300 });

/** The lowest and the highest that a line shows at a step. */
function shownAt({ at, low, high }: Line, step: number): { low: number; high: number } {
  const point = at.findLastIndex((from) => from <= step);
  return { low: low[point], high: high[point] };
}

describe('a line over time', () => {
  test('tells every change where there are few, and nothing else', () => {
    expect(lineOf([2, 2, 3, 3, 3, 2])).toEqual({
      at: [0, 2, 5],
      low: [2, 3, 2],
      high: [2, 3, 2],
      bucketSteps: 1,
    });
  });

  test('where there are too many, the lowest and the highest of equal buckets', () => {
    expect(lineOf([1, 9, 2, 3, 0, 3, 7], 3)).toEqual({
      at: [0, 3, 6],
      low: [1, 0, 7],
      high: [9, 3, 7],
      bucketSteps: 3,
    });
  });

  test('loses no spike and makes none up: every value lies within what is shown, whose ends are reached', () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 40 }), (series, pointsMax) => {
        const line = lineOf(series, pointsMax);
        expect(line.at.length).toBeLessThanOrEqual(pointsMax);
        for (const [step, value] of series.entries()) {
          const { low, high } = shownAt(line, step);
          expect(value).toBeGreaterThanOrEqual(low);
          expect(value).toBeLessThanOrEqual(high);
        }
        for (const [n, from] of line.at.entries()) {
          const held = series.slice(from, line.at[n + 1] ?? series.length);
          expect(Math.min(...held)).toBe(line.low[n]);
          expect(Math.max(...held)).toBe(line.high[n]);
        }
      }),
    );
  });
});

describe('where more was needed than was there', () => {
  test('a stretch for each two numbers', () => {
    expect(gapsOf([1, 3, 3, 4, 1], [1, 2, 2, 2, 2])).toEqual([
      { fromStep: 1, toStep: 3, there: 2, needed: 3 },
      { fromStep: 3, toStep: 4, there: 2, needed: 4 },
    ]);
  });

  test('covers what is missing, step by step', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(3), fc.nat(3)), { minLength: 1 }), (pairs) => {
        const [needed, there] = [pairs.map(([a]) => a), pairs.map(([, b]) => b)];
        const missing = needed.map((each, step) => Math.max(0, each - there[step]));
        const shown = needed.map(() => 0);
        for (const gap of gapsOf(needed, there)) {
          shown.fill(gap.needed - gap.there, gap.fromStep, gap.toStep);
        }
        expect(shown).toEqual(missing);
      }),
    );
  });

  test('of too many the deepest stay', () => {
    const needed = Array.from({ length: 100 }, (_, step) => (step === 62 ? 9 : step % 2));
    const there = new Array<number>(100).fill(0);
    const gaps = gapsOf(needed, there, 10);
    expect(gaps).toHaveLength(10);
    expect(gaps).toContainEqual({ fromStep: 62, toStep: 63, there: 0, needed: 9 });
  });
});
