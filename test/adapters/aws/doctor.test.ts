import { describe, expect, test } from 'vitest';
import {
  judgeBudgets,
  judgeClock,
  judgeDocument,
  judgeDryRun,
  judgeEviction,
  judgeLease,
  judgePods,
  judgeQuota,
  judgeReadings,
  judgeSubnets,
  judgeTopic,
  misconfigured,
  type Check,
} from '../../../adapters/aws/doctor.ts';
import { metrics, NOW, reading, shape } from '../../engine/build.ts';

const verdictOf = ({ verdict }: Check): string => verdict;
const budget = (name: string, disruptionsAllowed: number) => ({
  metadata: { name, namespace: 'shop' },
  status: { disruptionsAllowed },
});

describe('a check says what was found, and what to do about it unless it is fine', () => {
  const one: Check[] = [
    judgeLease(60_000),
    judgeLease(900_000),
    judgeDryRun('launch', 'UnauthorizedOperation'),
    judgeSubnets({ a: 1 }, 5),
    judgeBudgets([budget('web', 0)]),
    misconfigured('NODE_FLEET_MODE: wrong'),
    judgeDocument('{'),
    judgeEviction({ ok: true }),
    judgeEviction({ ok: false, certainty: 'refused', reason: 'not-found' }),
    judgeTopic(1, 0, false),
    judgeTopic(0, 0, false),
  ];
  test.each(one)('$check $verdict', ({ verdict, found, advice }) => {
    expect(found).not.toBe('');
    expect(advice === '').toBe(verdict === 'ok');
  });
});

test('a cycle must end two minutes of skew inside its lease (S8)', () => {
  expect(verdictOf(judgeLease(180_000))).toBe('ok');
  expect(verdictOf(judgeLease(180_001))).toBe('fail');
});

test('a dry run that would go through is refused as one; whatever else comes is not fine', () => {
  expect(verdictOf(judgeDryRun('x', 'DryRunOperation'))).toBe('ok');
  for (const other of ['UnauthorizedOperation', 'InvalidSubnetID.NotFound', '']) {
    expect(verdictOf(judgeDryRun('x', other))).toBe('fail');
  }
});

test('max fits into the subnets, and should without the largest of them', () => {
  expect(verdictOf(judgeSubnets({ a: 10, b: 10 }, 10))).toBe('ok');
  expect(verdictOf(judgeSubnets({ a: 10, b: 9 }, 10))).toBe('warn');
  expect(verdictOf(judgeSubnets({ a: 5, b: 4 }, 10))).toBe('fail');
  expect(verdictOf(judgeSubnets({ a: 10 }, 10))).toBe('ok');
});

test('a quota allows its usual share of max, and should all of it', () => {
  const verdict = (quota: number) => verdictOf(judgeQuota('spot', quota, 10, 20));
  expect([verdict(20), verdict(19), verdict(10), verdict(9)]).toEqual([
    'ok',
    'warn',
    'warn',
    'fail',
  ]);
});

test('pods that may not be moved are told by why, and on how many nodes', () => {
  const shapes = [
    shape('web'),
    shape('db', { pinnedBy: 'stateful-set' }),
    shape('one', { pinnedBy: 'single-replica' }),
  ];
  const on = (nodeName: string, ...counts: number[]) => ({ nodeName, counts });
  const pods = { shapes, unschedulable: [0, 0, 0] };
  const pinned = judgePods({
    ...pods,
    perNode: [on('a', 5, 1, 2), on('b', 5, 0, 1), on('c', 5, 0, 0)],
  });
  expect(pinned.verdict).toBe('warn');
  expect(pinned.found).toBe(
    'nodes with pods that may not be moved: 2 (single-replica: 3, stateful-set: 1)',
  );
  expect(verdictOf(judgePods({ ...pods, perNode: [on('a', 5, 0, 0)] }))).toBe('ok');
});

test('budgets that allow no disruption are named', () => {
  const { verdict, found } = judgeBudgets([budget('web', 0), budget('api', 1), budget('db', 0)]);
  expect([verdict, found]).toEqual(['warn', 'no disruption allowed by shop/db, shop/web']);
  expect(verdictOf(judgeBudgets([budget('api', 1)]))).toBe('ok');
  expect(verdictOf(judgeBudgets([{ metadata: { name: 'new', namespace: 'shop' } }]))).toBe('warn');
});

test('an eviction that only a budget refuses is permitted, which is worth a word', () => {
  expect(verdictOf(judgeEviction({ ok: true }))).toBe('ok');
  const refused = { ok: false, certainty: 'refused', reason: 'blocked-by-pdb' } as const;
  expect(judgeEviction(refused)).toMatchObject({
    verdict: 'warn',
    found: 'permitted, but blocked-by-pdb',
  });
});

test('alarms are heard by somebody who has confirmed, or in Slack', () => {
  const verdict = (...heard: Parameters<typeof judgeTopic>) => verdictOf(judgeTopic(...heard));
  expect(verdict(1, 0, false)).toBe('ok');
  expect(verdict(0, 0, false)).toBe('warn');
  expect(verdict(0, 1, false)).toBe('warn');
  expect(verdict(0, 0, true)).toBe('ok');
  // Whoever asked for mail wants it.
  expect(verdict(0, 1, true)).toBe('warn');
  expect(judgeTopic(2, 1, true).found).toBe(
    '2 subscribed, 1 not confirmed, and Slack; publishing is not tried',
  );
});

test('readings that decisions rest on must be there; the others should', () => {
  const missing = { missing: 'exporter-down' } as const;
  expect(verdictOf(judgeReadings(metrics()))).toBe('ok');
  expect(judgeReadings(metrics({ requestsPerSecond: missing }))).toMatchObject({
    verdict: 'warn',
    found: 'requestsPerSecond: exporter-down',
  });
  expect(verdictOf(judgeReadings(metrics({ cpuPercent: missing })))).toBe('fail');
  expect(verdictOf(judgeReadings(metrics({ unschedulablePods: missing })))).toBe('fail');
});

test('clocks agree where the newest sample is as old as scrapes make it', () => {
  const at = (ageSeconds: number) =>
    verdictOf(judgeClock(metrics({ cpuPercent: reading(50, ageSeconds * 1000) }), NOW));
  expect([at(0), at(90), at(-5)]).toEqual(['ok', 'ok', 'ok']);
  expect([at(91), at(-6)]).toEqual(['warn', 'warn']);
  expect([at(151), at(-61)]).toEqual(['fail', 'fail']);
  const missing = metrics({ cpuPercent: { missing: 'empty' } });
  expect(verdictOf(judgeClock(missing, NOW))).toBe('warn');
});

test('a document that would be refused fails; one that does not act is worth a word', () => {
  const document = (mode: string) =>
    verdictOf(judgeDocument(JSON.stringify({ mode, policy: 'node-fleet' })));
  expect(['act', 'observe', 'paused', 'fast'].map(document)).toEqual([
    'ok',
    'warn',
    'warn',
    'fail',
  ]);
  expect(verdictOf(judgeDocument(null))).toBe('warn');
  const whole = {
    mode: 'act',
    policy: 'node-fleet',
    settings: { nodeCountMin: 3, nodeCountMax: 9 },
    freezes: [{ name: 'audit', start: '2026-12-01T00:00Z', end: '2026-12-02T00:00Z' }],
    shadow: { policy: 'sustained' },
  };
  expect(judgeDocument(JSON.stringify(whole)).found).toBe(
    'act, by node-fleet, 3 to 9 workers; freezes: audit; in its shadow sustained',
  );
});
