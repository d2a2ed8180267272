import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  isUnbroken,
  lastedMs,
  rankedStreaks,
  remembered,
  streak,
  UNSEEN_MAX_MS,
} from '../../../engine/policies/streak.ts';
import { MINUTE, NOW } from '../build.ts';

describe('a streak', () => {
  test.each([
    { was: 0, isSo: true, expected: NOW },
    { was: NOW - MINUTE, isSo: true, expected: NOW - MINUTE },
    { was: NOW - MINUTE, isSo: false, expected: 0 },
    { was: 0, isSo: false, expected: 0 },
  ])('begins, goes on and ends: $was, $isSo → $expected', ({ was, isSo, expected }) => {
    expect(streak(was, isSo, NOW)).toBe(expected);
  });

  test('lasts from its instant, and not at all when there is none', () => {
    expect(lastedMs(NOW - 5 * MINUTE, NOW)).toBe(5 * MINUTE);
    expect(lastedMs(0, NOW)).toBe(0);
  });

  test('what is not remembered is none', () => {
    expect(remembered([], 0)).toBe(0);
    expect(remembered([7, 8], 1)).toBe(8);
  });

  test('is broken by more than ten minutes without a look', () => {
    expect(UNSEEN_MAX_MS).toBe(10 * MINUTE);
    expect(isUnbroken(NOW - 10 * MINUTE, NOW)).toBe(true);
    expect(isUnbroken(NOW - 10 * MINUTE - 1, NOW)).toBe(false);
    expect(isUnbroken(0, NOW)).toBe(false);
  });
});

describe('ranked streaks', () => {
  test.each([
    { what: 'the first look', memory: [], count: 2, expected: [NOW, NOW] },
    { what: 'as many', memory: [NOW - MINUTE, 5, 6], count: 2, expected: [5, 6] },
    { what: 'more', memory: [NOW - MINUTE, 5], count: 3, expected: [5, NOW, NOW] },
    { what: 'fewer', memory: [NOW - MINUTE, 5, 6, 7], count: 1, expected: [5] },
    { what: 'none', memory: [NOW - MINUTE, 5, 6], count: 0, expected: [] },
    { what: 'after a gap', memory: [NOW - 11 * MINUTE, 5, 6], count: 2, expected: [NOW, NOW] },
  ])('$what: $expected', ({ memory, count, expected }) => {
    expect(rankedStreaks(memory, 1, count, NOW)).toEqual(expected);
  });

  test('begin where they are told to in the memory', () => {
    expect(rankedStreaks([NOW, 1, 2, 30, 40], 3, 3, NOW)).toEqual([30, 40, NOW]);
  });

  test('say since when there have been at least so many, for any history', () => {
    const looks = fc.array(
      fc.record({
        afterMs: fc.integer({ min: 1, max: 12 * MINUTE }),
        count: fc.nat(5),
      }),
      { minLength: 1, maxLength: 40 },
    );
    fc.assert(
      fc.property(looks, (history) => {
        let memory: readonly number[] = [];
        let nowMs = NOW;
        const seen: { atMs: number; count: number }[] = [];
        for (const { afterMs, count } of history) {
          nowMs += afterMs;
          seen.push({ atMs: nowMs, count });
          const sinceMs = rankedStreaks(memory, 1, count, nowMs);
          memory = [nowMs, ...sinceMs];
          expect(sinceMs).toHaveLength(count);
          sinceMs.forEach((since, rank) => {
            // Back to the last look at which there were fewer, or before which nobody looked for long.
            let first = seen.length - 1;
            while (
              first > 0 &&
              seen[first - 1].count > rank &&
              seen[first].atMs - seen[first - 1].atMs <= UNSEEN_MAX_MS
            ) {
              first--;
            }
            expect(since).toBe(seen[first].atMs);
          });
        }
      }),
    );
  });
});
