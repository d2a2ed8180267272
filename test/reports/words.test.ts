import { describe, expect, test } from 'vitest';
import {
  counted,
  formatCount,
  formatMinutes,
  formatShare,
  formatSpan,
  formatTimeToCapacity,
  timeOfDay,
  timeSeenFrom,
} from '../../reports/words.ts';

describe('numbers for people', () => {
  test('spans in the unit that suits them', () => {
    const minute = 60_000;
    expect([57, 119, 120, 2879.75, 4319, 4320, 43_200].map((m) => formatSpan(m * minute))).toEqual([
      '57 min',
      '119 min',
      '2 h',
      '48 h',
      '72 h',
      '3 days',
      '30 days',
    ]);
  });

  test('counts to three digits or so', () => {
    expect(
      [0, 9999, 10_000, 99_949, 99_950, 999_499, 999_500, 14_166_000].map(formatCount),
    ).toEqual(['0', '9,999', '10.0 k', '99.9 k', '100 k', '999 k', '1.0 M', '14.2 M']);
    expect(formatCount(1_147_000_000)).toBe('1,147 M');
  });

  test('pod-minutes keep a digit while it matters', () => {
    expect([0, 0.25, 9.94, 9.95, 131_544].map(formatMinutes)).toEqual([
      '0',
      '0.3',
      '9.9',
      '10',
      '1,31,544',
    ]);
  });

  test('a share that is not zero does not read as zero', () => {
    expect(formatShare(0, 100)).toBe('0');
    expect(formatShare(1, 100_000)).toBe('<0.01');
    expect(formatShare(17, 10_000)).toBe('0.17');
    expect(formatShare(9_949, 1_000_000)).toBe('0.99');
    expect(formatShare(9_951, 1_000_000)).toBe('1.0');
    expect(formatShare(1, 1)).toBe('100.0');
    expect(formatShare(0, 0)).toBe('0');
  });

  test('a wait that some pods never ended is more than it says', () => {
    expect(formatTimeToCapacity({ p95: null, censored: 0 })).toBe('–');
    expect(formatTimeToCapacity({ p95: null, censored: 3 })).toBe('never');
    expect(formatTimeToCapacity({ p95: 135, censored: 0 })).toBe('135 s');
    expect(formatTimeToCapacity({ p95: 135, censored: 1 })).toBe('135 s');
    expect(formatTimeToCapacity({ p95: 900, censored: 0 })).toBe('15 min');
  });
});

describe('times for people', () => {
  const evening = Date.UTC(2026, 10, 27, 14, 4, 9, 900);

  test('are those of a zone', () => {
    expect(timeOfDay(evening, 360)).toBe('20:04:09');
    expect(timeOfDay(evening, -210)).toBe('10:34:09');
  });

  test('have their day where it is another', () => {
    expect(timeSeenFrom(evening, evening + 60_000, 360)).toBe('20:05:09');
    expect(timeSeenFrom(evening, evening + 4 * 3_600_000, 360)).toBe('00:04:09 on 28 Nov');
    // The same instants fall on one day elsewhere.
    expect(timeSeenFrom(evening, evening + 4 * 3_600_000, 0)).toBe('18:04:09');
    expect(timeSeenFrom(evening, evening - 21 * 3_600_000, 360)).toBe('23:04:09 on 26 Nov');
  });
});

test('what is counted: none, one, many', () => {
  expect([0, 1, 2, 123_456].map((count) => counted(count, 'node'))).toEqual([
    'no node',
    '1 node',
    '2 nodes',
    '1,23,456 nodes',
  ]);
});
