import { expect, test } from 'vitest';
import type { JournalHeader, View } from '../../../engine/index.ts';
import { planHold, untilMsOf, type LastDecision } from '../../../adapters/operate/hold-plan.ts';
import { cluster, NOW, view, workers } from '../../engine/build.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function last(
  changes: Partial<View> = {},
  settings = { nodeCountMin: 2, nodeCountMax: 10 },
): LastDecision {
  const header = {
    cluster: cluster({ onDemandBdtPerHour: 30, timeZoneOffsetMinutes: 360 }),
    settings,
  } as unknown as JournalHeader;
  return { header, view: view({ nowMs: NOW - MINUTE, ...changes }) };
}
const hold = (min: number, hours = 2) => ({ min, untilMs: NOW + hours * HOUR });

test('a time of day is the next one that clocks show there; an instant is itself', () => {
  // 21:50 in Dhaka.
  const now = Date.UTC(2026, 10, 24, 15, 50);
  expect(untilMsOf('22:00', now, 360)).toBe(now + 10 * MINUTE);
  expect(untilMsOf('9:00', now, 360)).toBe(now + 11 * HOUR + 10 * MINUTE);
  expect(untilMsOf('21:50', now, 360)).toBe(now + 24 * HOUR);
  expect(untilMsOf('22:00', now, 0)).toBe(now + 6 * HOUR + 10 * MINUTE);
  expect(untilMsOf('2026-11-24T22:00+06:00', now, 0)).toBe(now + 10 * MINUTE);
});

test.each([
  ['25:00', 'expected a time such as 22:00'],
  ['soon', 'expected a time such as 22:00'],
  ['', 'expected a time such as 22:00'],
  ['2026-11-24T22:00', 'expected its zone as well'],
  ['2026-11-24T20:50+06:00', 'expected a time ahead: that was 60 min ago'],
  ['2027-11-24T22:00+06:00', 'expected a time at most 31 days ahead'],
])('no such time ahead, and it is said why: %s', (text, words) => {
  const now = Date.UTC(2026, 10, 24, 15, 50);
  for (const offset of [0, 360]) {
    expect(untilMsOf(text, now, offset)).toContain(words);
  }
});

test('what is bought is what is lacking; what it costs at most is all that is above min, on demand', () => {
  const plan = planHold(hold(8), last({ workers: workers(3) }), NOW);
  // 6 above a min of 2, for 2 hours, at ৳30.
  expect(plan).toMatchObject({ effectiveMin: 8, workers: 3, boughtNow: 5, costMaxBdt: 360 });
  expect(plan.sentences.join('\n')).toContain('at most ৳360.00 more');
  expect(plan.warnings).toEqual([]);
});

test('max goes before it, and a person is told', () => {
  const plan = planHold(hold(12), last(), NOW);
  expect(plan.effectiveMin).toBe(10);
  expect(plan.warnings).toEqual(['max is 10, and goes before a hold at 12']);
});

test.each([
  ['no more than min', hold(2), {}, 'this holds nothing beyond it'],
  ['a fleet that is only observed', hold(8), { mode: 'observe' as const }, 'nothing is bought'],
  ['a journal that has fallen silent', hold(8), { nowMs: NOW - HOUR }, 'does the autoscaler run?'],
])('%s is warned of', (_, held, changes, words) => {
  expect(planHold(held, last(changes), NOW).warnings.join()).toContain(words);
});

test('where no decision is known nor is what it costs, and it is said why', () => {
  const plan = planHold(hold(8), { why: 'node-fleet-journal: could not be reached' }, NOW);
  expect(plan).toMatchObject({ effectiveMin: null, costMaxBdt: null, hold: hold(8) });
  expect(plan.warnings).toEqual([
    'node-fleet-journal: could not be reached: what it costs is not known, nor the cluster’s clock',
  ]);
});
