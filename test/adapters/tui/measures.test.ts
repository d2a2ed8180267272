import { describe, expect, test } from 'vitest';
import { measuresOf } from '../../../adapters/tui/measures.ts';
import { outcome } from './build.ts';

const begun = outcome(3517);

function told(now: Partial<typeof begun>, from = begun) {
  return measuresOf({ ...from, ...now }, from).map(({ value, difference, share, trend }) =>
    [value, difference, share, trend].join('|'),
  );
}

describe('the figures of a trial', () => {
  test('at the start are compared with nothing', () => {
    expect(measuresOf(begun, begun).map(({ difference }) => difference)).toEqual(['', '', '', '']);
    expect(measuresOf(begun, null).map(({ value }) => value)).toEqual([
      '1.8',
      '10',
      '120 s',
      '৳3,517',
    ]);
  });

  test('are compared with the start’s: less is better', () => {
    const now = {
      costBdt: 120_000,
      pendingPodMinutes: 0.75,
      shortagePodMinutes: 12,
      timeToCapacitySeconds: { ...begun.timeToCapacitySeconds, p95: 60 },
    };
    expect(told(now)).toEqual([
      '0.8|−1.0|−57 %|better',
      '10|same||same',
      '60 s|was 120 s||better',
      '৳1,20,000|+1,16,483|+3,312 %|worse',
    ]);
  });

  test('what changed by less than can be read has not changed', () => {
    expect(told({ costBdt: 3517.2 })[3]).toBe('৳3,517|same||same');
    expect(told({ costBdt: 3523 })[3]).toBe('৳3,523|+6||worse');
  });

  test('avoidable is both times what a fleet as large as either may be would not lack', () => {
    expect(told({ shortagePodMinutes: 9, unavoidablePodMinutes: 4 })[1]).toBe(
      '5.0|−3.0|−38 %|better',
    );
    expect(told({ shortagePodMinutes: 1, unavoidablePodMinutes: 4 })[1]).toBe(
      '0|−8.0|−100 %|better',
    );
  });

  test('a time without end is worse than any, and none better than any', () => {
    const never = { p50: null, p95: null, max: null, censored: 3 };
    const none = { ...never, censored: 0 };
    expect(told({ timeToCapacitySeconds: never })[2]).toBe('never|was 120 s||worse');
    expect(told({ timeToCapacitySeconds: none })[2]).toBe('–|was 120 s||better');
    expect(told({}, { ...begun, timeToCapacitySeconds: never })[2]).toBe('never|same||same');
  });

  test('a start of nothing has no share', () => {
    expect(told({ pendingPodMinutes: 5 }, { ...begun, pendingPodMinutes: 0 })[0]).toBe(
      '5.0|+5.0||worse',
    );
  });
});
