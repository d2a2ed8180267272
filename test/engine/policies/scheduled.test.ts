import { describe, expect, test } from 'vitest';
import { decide, type View } from '../../../engine/index.ts';
import {
  cluster,
  configured,
  HOUR,
  KUBERNETES_DOWN,
  metrics,
  MINUTE,
  MISSING,
  reading,
  view,
  workers,
} from '../build.ts';
import { asked, propose, verdicts } from './propose.ts';

const NAME = 'scheduled';
/** A time of day in Dhaka, six hours ahead of UTC. */
const dhaka = (hour: number, minute = 0, ms = 0): number =>
  Date.UTC(2026, 10, 27, hour - 6, minute, 0, ms);
/** The workers it wants then: what it asks of three, and of none that are there. */
const wants = (nowMs: number, given: Parameters<typeof propose>[2] = {}): number =>
  3 + asked(propose(NAME, { nowMs }, given));

describe('so many nodes by the hour', () => {
  test.each([
    { at: '07:59:59.999', nowMs: dhaka(7, 59, 59_999), expected: 2 },
    { at: '08:00', nowMs: dhaka(8), expected: 3 },
    { at: '17:59:59.999', nowMs: dhaka(17, 59, 59_999), expected: 3 },
    { at: '18:00', nowMs: dhaka(18), expected: 4 },
    { at: '23:59:59.999', nowMs: dhaka(23, 59, 59_999), expected: 4 },
    { at: '00:00', nowMs: dhaka(0), expected: 2 },
    { at: '04:00', nowMs: dhaka(4), expected: 2 },
  ])('at $at in Dhaka: $expected', ({ nowMs, expected }) => {
    expect(wants(nowMs)).toBe(expected);
  });

  test('on the clocks of the cluster’s own zone', () => {
    const utc = { cluster: { timeZoneOffsetMinutes: 0 } };
    expect(wants(Date.UTC(2026, 10, 27, 7, 59), utc)).toBe(2);
    expect(wants(Date.UTC(2026, 10, 27, 8), utc)).toBe(3);
    // 22:00 of the day before in New York.
    const newYork = { cluster: { timeZoneOffsetMinutes: -300 } };
    expect(wants(Date.UTC(2026, 10, 27, 3), newYork)).toBe(4);
  });

  test('every day of the week alike', () => {
    for (let day = 0; day < 7; day++) {
      expect(wants(dhaka(4) + day * 24 * HOUR)).toBe(2);
      expect(wants(dhaka(12) + day * 24 * HOUR)).toBe(3);
      expect(wants(dhaka(20) + day * 24 * HOUR)).toBe(4);
    }
  });

  test('before 1970 as well: the remainder is never negative', () => {
    expect(wants(Date.UTC(1969, 11, 31, 23))).toBe(2);
    expect(wants(Date.UTC(1969, 11, 31, 12))).toBe(4);
  });

  test('hours and counts are settings; of parts that begin together the later one named counts', () => {
    const settings = {
      nightNodeCount: 3,
      dayNodeCount: 5,
      eveningNodeCount: 9,
      dayFromHour: 6.5,
      eveningFromHour: 16,
      nightFromHour: 22,
    };
    const given = { settings };
    expect([6, 7, 15, 16, 21, 22].map((hour) => wants(dhaka(hour), given))).toEqual([
      3, 5, 5, 9, 9, 3,
    ]);
    expect(wants(dhaka(6, 29, 59_999), given)).toBe(3);
    expect(wants(dhaka(6, 30), given)).toBe(5);
    const atOnce = { settings: { ...settings, dayFromHour: 22, nightFromHour: 22 } };
    expect(wants(dhaka(23), atOnce)).toBe(5);
    const always = {
      settings: { ...settings, dayFromHour: 0, eveningFromHour: 0, nightFromHour: 0 },
    };
    expect(wants(dhaka(12), always)).toBe(9);
  });
});

describe('more nodes in a sale of the calendar', () => {
  const sale = { name: 'sale', startAtMs: dhaka(12), endAtMs: dhaka(14) };
  const given = { cluster: { calendar: [sale] } };

  test.each([
    { what: '15 min and 1 ms before', nowMs: dhaka(11, 45) - 1, expected: 3 },
    { what: '15 min before', nowMs: dhaka(11, 45), expected: 10 },
    { what: 'at its start', nowMs: dhaka(12), expected: 10 },
    { what: '1 ms before its end', nowMs: dhaka(14) - 1, expected: 10 },
    { what: 'at its end', nowMs: dhaka(14), expected: 3 },
  ])('$what: $expected', ({ nowMs, expected }) => {
    expect(wants(nowMs, given)).toBe(expected);
  });

  test('of several, whichever is on', () => {
    const other = { name: 'other', startAtMs: dhaka(9), endAtMs: dhaka(10) };
    for (const calendar of [
      [sale, other],
      [other, sale],
    ]) {
      const both = { cluster: { calendar } };
      expect([8, 9, 10, 11, 12].map((hour) => wants(dhaka(hour), both))).toEqual([3, 10, 3, 3, 10]);
    }
  });

  test('lead and count are settings; fewer than the hour’s are no floor', () => {
    const settings = { saleLeadSeconds: 60, saleNodeCount: 7 };
    expect(wants(dhaka(11, 58, 59_999), { ...given, settings })).toBe(3);
    expect(wants(dhaka(11, 59), { ...given, settings })).toBe(7);
    expect(wants(dhaka(12), { ...given, settings: { saleNodeCount: 1 } })).toBe(3);
  });

  test('the rules say which one, and since when it counts', () => {
    const proposal = propose(NAME, { nowMs: dhaka(11, 50) }, given);
    expect(proposal.rules).toEqual([
      {
        rule: 'sale-open',
        verdict: 'fires',
        observed: dhaka(11, 50),
        threshold: dhaka(11, 45),
      },
      { rule: 'target-above-supply', verdict: 'fires', observed: 10, threshold: 3 },
    ]);
    expect(proposal).toMatchObject({ level: 'PREDICTIVE', evidence: 'calendar' });
    expect(propose(NAME, { nowMs: dhaka(8) }, given).rules[0]).toMatchObject({
      verdict: 'quiet',
      threshold: dhaka(11, 45),
    });
    expect(propose(NAME, { nowMs: dhaka(15) }, given).rules[0]).toMatchObject({
      verdict: 'quiet',
      threshold: 0,
    });
  });
});

describe('it follows the clock and nothing else', () => {
  test.each<{ what: string; given: Partial<View> }>([
    { what: 'pods that wait', given: { unschedulable: [50] } },
    { what: 'a full CPU', given: { metrics: metrics({ cpuPercent: reading(100) }) } },
    { what: 'an idle CPU', given: { metrics: metrics({ cpuPercent: reading(0) }) } },
    { what: 'no Prometheus', given: { metrics: metrics({ cpuPercent: MISSING }) } },
    { what: 'no Kubernetes', given: KUBERNETES_DOWN },
  ])('$what changes nothing', ({ given }) => {
    expect(asked(propose(NAME, { nowMs: dhaka(12), ...given }))).toBe(0);
    expect(asked(propose(NAME, { nowMs: dhaka(20), ...given }))).toBe(1);
    expect(asked(propose(NAME, { nowMs: dhaka(4), ...given }))).toBe(-1);
  });

  test('up and down at once, to exactly that many; nodes on their way are there', () => {
    const at = (nowMs: number, count: number, changes = {}) =>
      asked(propose(NAME, { nowMs, workers: workers(count, changes) }));
    expect(at(dhaka(20), 1)).toBe(3);
    expect(at(dhaka(20), 4)).toBe(0);
    expect(at(dhaka(20), 4, { phase: 'booting' })).toBe(0);
    expect(at(dhaka(4), 9)).toBe(-7);
    for (const hour of [4, 20]) {
      const proposal = propose(NAME, { nowMs: dhaka(hour) });
      expect(proposal).toMatchObject({ level: 'TARGET', evidence: 'calendar' });
      const above = { rule: 'target-above-supply', threshold: 3 };
      const below = { rule: 'target-below-supply', verdict: 'fires', observed: 2, threshold: 3 };
      expect(proposal.rules.slice(1)).toEqual(
        hour === 20
          ? [{ ...above, verdict: 'fires', observed: 4 }]
          : [{ ...above, verdict: 'quiet', observed: 2 }, below],
      );
    }
    expect(verdicts(propose(NAME, { nowMs: dhaka(12) }))).toEqual([
      'sale-open quiet',
      'target-above-supply quiet',
      'target-below-supply quiet',
    ]);
  });

  test('within min and max', () => {
    const settings = { nodeCountMin: 3, nodeCountMax: 6 };
    expect(wants(dhaka(4), { settings })).toBe(3);
    const calendar = [{ name: 'sale', startAtMs: dhaka(4), endAtMs: dhaka(5) }];
    expect(wants(dhaka(4), { settings, cluster: { calendar } })).toBe(6);
  });

  test('what it asks for goes through the guards: it needs no reading to add, but one to remove', () => {
    const blind = { metrics: metrics({ cpuPercent: MISSING }) };
    const at = (nowMs: number) =>
      decide(configured(NAME), cluster(), view({ nowMs, desired: 3, ...blind }), []).decision;
    expect(at(dhaka(20)).action).toBe('scaleUp');
    expect(at(dhaka(4)).action).toBe('hold');
  });

  test('nobody may expect of it to answer pods', () => {
    const { policy, settings } = configured(NAME);
    expect(policy.pendingPatienceMs?.(settings, cluster())).toBe(Infinity);
    expect(settings).toMatchObject({
      nodeCountMin: 2,
      nodeCountMax: 10,
      removalHeadroomPercent: 0,
    });
  });

  test('its memory is whatever it was', () => {
    expect(propose(NAME, { nowMs: dhaka(20) + 5 * MINUTE }, { memory: [7] }).memory).toEqual([7]);
  });
});
