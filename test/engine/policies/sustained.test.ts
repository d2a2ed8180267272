import { describe, expect, test } from 'vitest';
import type { View } from '../../../engine/index.ts';
import {
  cluster,
  configured,
  KUBERNETES_DOWN,
  metrics,
  MINUTE,
  MISSING,
  NOW,
  reading,
  SECOND,
  shape,
  WEB,
  worker,
  workers,
} from '../build.ts';
import { asked, propose, verdicts } from './propose.ts';

const NAME = 'sustained';
/** Its memory: when it last looked, since when pods wait, since when CPU is low. */
const remembering = (waitingMs: number | null, lowMs: number | null, agoMs = 2 * MINUTE) => ({
  memory: [NOW - agoMs, waitingMs === null ? 0 : NOW - waitingMs, lowMs === null ? 0 : NOW - lowMs],
});
const reads = (cpu: number, memory = 40): Partial<View> => ({
  metrics: metrics({ cpuPercent: reading(cpu), memoryPercent: reading(memory) }),
});

describe('pods unschedulable for 3 min: up, CRITICAL', () => {
  test.each([
    { waitedMs: null, expected: 0 },
    { waitedMs: 3 * MINUTE - 1, expected: 0 },
    { waitedMs: 3 * MINUTE, expected: 1 },
    { waitedMs: 60 * MINUTE, expected: 1 },
  ])('waiting for $waitedMs ms → $expected', ({ waitedMs, expected }) => {
    const proposal = propose(NAME, { unschedulable: [1] }, remembering(waitedMs, null));
    expect(asked(proposal)).toBe(expected);
    expect(proposal.memory[1]).toBe(NOW - (waitedMs ?? 0));
  });

  test('the proposal says how long they have waited', () => {
    const proposal = propose(NAME, { unschedulable: [1] }, remembering(4 * MINUTE, null));
    expect(proposal).toMatchObject({ level: 'CRITICAL', evidence: 'pods' });
    expect(proposal.rules).toEqual([
      {
        rule: 'pods-waiting-lasts',
        verdict: 'fires',
        observed: 4 * MINUTE,
        threshold: 3 * MINUTE,
      },
    ]);
  });

  test('when none waits any more the time is over', () => {
    const proposal = propose(NAME, {}, remembering(60 * MINUTE, null));
    expect(asked(proposal)).toBe(0);
    expect(proposal.memory[1]).toBe(0);
  });

  test('pods for which nodes are on their way ask for no more, and their time goes on', () => {
    // 8 pods fill the node that boots.
    const booting = [...workers(3), worker('i-9', { phase: 'booting' })];
    const eight = propose(
      NAME,
      { unschedulable: [8], workers: booting },
      remembering(9 * MINUTE, null),
    );
    expect(asked(eight)).toBe(0);
    expect(eight.memory[1]).toBe(NOW - 9 * MINUTE);
    expect(eight.rules[0]).toMatchObject({ verdict: 'quiet', observed: 0 });
    const nine = { unschedulable: [9], workers: booting };
    expect(asked(propose(NAME, nine, remembering(9 * MINUTE, null)))).toBe(1);
  });

  test('a pod that no node could ever hold does not count', () => {
    const shapes = [WEB, shape('huge', { requestMillicpu: 2001 })];
    const proposal = propose(
      NAME,
      { shapes, unschedulable: [0, 3], workers: workers(3, { pods: [1, 0] }) },
      remembering(9 * MINUTE, null),
    );
    expect(asked(proposal)).toBe(0);
    expect(proposal.memory[1]).toBe(0);
  });

  test('what cannot be read neither starts nor ends the wait', () => {
    const blind = { ...KUBERNETES_DOWN, metrics: metrics({ unschedulablePods: MISSING }) };
    for (const waitedMs of [null, 9 * MINUTE]) {
      const proposal = propose(NAME, blind, remembering(waitedMs, null));
      expect(verdicts(proposal)[0]).toBe('pods-waiting-lasts unknown');
      expect(asked(proposal)).toBe(0);
      expect(proposal.memory[1]).toBe(waitedMs === null ? 0 : NOW - waitedMs);
    }
    // Read again, they have waited all the while, however long nobody looked.
    const again = propose(
      NAME,
      { unschedulable: [1] },
      remembering(60 * MINUTE, null, 59 * MINUTE),
    );
    expect(asked(again)).toBe(1);
  });
});

describe('CPU above 70 %: up at once, HIGH_LOAD', () => {
  test.each([
    { what: '70', given: reads(70), expected: 0 },
    { what: '70.001', given: reads(70.001), expected: 1 },
    {
      what: '90, 90 s old',
      given: { metrics: metrics({ cpuPercent: reading(90, 90 * SECOND) }) },
      expected: 1,
    },
    {
      what: '90, 90.001 s old',
      given: { metrics: metrics({ cpuPercent: reading(90, 90_001) }) },
      expected: 0,
    },
    { what: 'missing', given: { metrics: metrics({ cpuPercent: MISSING }) }, expected: 0 },
  ])('$what → $expected', ({ given, expected }) => {
    expect(asked(propose(NAME, given))).toBe(expected);
  });

  test('nodes on their way take their share first', () => {
    // 93 % on 3 nodes is 69.75 % on 4; 94 % is 70.5 %.
    const booting = { workers: [...workers(3), worker('i-9', { phase: 'booting' })] };
    expect(asked(propose(NAME, { ...reads(93), ...booting }))).toBe(0);
    expect(asked(propose(NAME, { ...reads(94), ...booting }))).toBe(1);
  });

  test('the proposal rests on the CPU', () => {
    const proposal = propose(NAME, reads(80));
    expect(proposal).toMatchObject({ level: 'HIGH_LOAD', evidence: 'cpu' });
    expect(verdicts(proposal)).toEqual(['pods-waiting-lasts quiet', 'cpu-high fires']);
  });
});

describe('memory above 75 %: up at once, HIGH_LOAD', () => {
  test.each([
    { what: '75', given: reads(50, 75), expected: 0 },
    { what: '75.001', given: reads(50, 75.001), expected: 1 },
    {
      what: '90, 90 s old',
      given: { metrics: metrics({ memoryPercent: reading(90, 90 * SECOND) }) },
      expected: 1,
    },
    {
      what: '90, 90.001 s old',
      given: { metrics: metrics({ memoryPercent: reading(90, 90_001) }) },
      expected: 0,
    },
    { what: 'missing', given: { metrics: metrics({ memoryPercent: MISSING }) }, expected: 0 },
  ])('$what → $expected', ({ given, expected }) => {
    expect(asked(propose(NAME, given))).toBe(expected);
  });

  test('what is missing is unknown', () => {
    const blind = metrics({ cpuPercent: MISSING, memoryPercent: MISSING });
    expect(propose(NAME, { metrics: blind }).rules).toEqual([
      { rule: 'pods-waiting-lasts', verdict: 'quiet', observed: 0, threshold: 3 * MINUTE },
      { rule: 'cpu-high', verdict: 'unknown', observed: 0, threshold: 70 },
      { rule: 'memory-high', verdict: 'unknown', observed: 0, threshold: 75 },
      { rule: 'cpu-low-lasts', verdict: 'unknown', observed: 0, threshold: 10 * MINUTE },
    ]);
  });

  test('nodes on their way take their share first', () => {
    // 100 % on 3 nodes is 75 % on 4.
    const booting = { workers: [...workers(3), worker('i-9', { phase: 'booting' })] };
    expect(asked(propose(NAME, { ...reads(50, 100), ...booting }))).toBe(0);
    expect(asked(propose(NAME, reads(50, 100)))).toBe(1);
  });

  test('the proposal rests on memory', () => {
    const proposal = propose(NAME, reads(50, 80));
    expect(proposal).toMatchObject({ level: 'HIGH_LOAD', evidence: 'memory' });
    expect(verdicts(proposal)).toEqual([
      'pods-waiting-lasts quiet',
      'cpu-high quiet',
      'memory-high fires',
    ]);
  });
});

describe('CPU below 30 % for 10 min, memory below 50 %, nothing unschedulable: down, LOW_LOAD', () => {
  const TEN = remembering(null, 10 * MINUTE);

  test.each([
    { lowMs: null, expected: 0 },
    { lowMs: 10 * MINUTE - 1, expected: 0 },
    { lowMs: 10 * MINUTE, expected: -1 },
  ])('low for $lowMs ms → $expected', ({ lowMs, expected }) => {
    const proposal = propose(NAME, reads(20), remembering(null, lowMs));
    expect(asked(proposal)).toBe(expected);
    expect(proposal.memory[2]).toBe(NOW - (lowMs ?? 0));
  });

  test.each([
    { what: 'CPU 29.999', given: reads(29.999), expected: -1 },
    { what: 'CPU 30', given: reads(30), expected: 0 },
    { what: 'memory 49.999', given: reads(20, 49.999), expected: -1 },
    { what: 'memory 50', given: reads(20, 50), expected: 0 },
    { what: 'a pod without room', given: { ...reads(20), unschedulable: [1] }, expected: 0 },
  ])('$what → $expected', ({ given, expected }) => {
    expect(asked(propose(NAME, given, TEN))).toBe(expected);
  });

  test('the rules are asked in this order, to the first that says no', () => {
    const down = (given: Partial<View>) => verdicts(propose(NAME, given, TEN)).slice(3);
    expect(down(reads(30))).toEqual(['cpu-low-lasts quiet']);
    expect(down(reads(20, 50))).toEqual(['cpu-low-lasts fires', 'memory-low quiet']);
    expect(down({ ...reads(20), unschedulable: [1] })).toEqual([
      'cpu-low-lasts fires',
      'memory-low fires',
      'nothing-pending quiet',
    ]);
    const quiet = propose(NAME, { ...reads(20, 50), unschedulable: [1] }, TEN);
    expect(verdicts(quiet).slice(0, 3)).toEqual([
      'pods-waiting-lasts quiet',
      'cpu-high quiet',
      'memory-high quiet',
    ]);
    expect(quiet.rules.slice(2).map(({ observed, threshold }) => [observed, threshold])).toEqual([
      [50, 75],
      [10 * MINUTE, 10 * MINUTE],
      [50, 50],
    ]);
    const pending = propose(NAME, { ...reads(20), unschedulable: [2] }, TEN);
    expect(pending.rules.at(-1)).toMatchObject({ observed: 2, threshold: 0 });
    expect(down(reads(20))).toEqual([
      'cpu-low-lasts fires',
      'memory-low fires',
      'nothing-pending fires',
    ]);
    expect(propose(NAME, reads(20), TEN)).toMatchObject({ level: 'LOW_LOAD', evidence: 'cpu' });
  });

  test.each([
    { what: 'CPU is missing', cpuPercent: MISSING },
    { what: 'CPU is stale', cpuPercent: reading(20, 90_001) },
    { what: 'CPU is half covered', cpuPercent: reading(20, 0, 0.599) },
  ])('when $what the time of low CPU ends: it begins anew', ({ cpuPercent }) => {
    const proposal = propose(
      NAME,
      { metrics: metrics({ cpuPercent, memoryPercent: reading(40) }) },
      TEN,
    );
    expect(asked(proposal)).toBe(0);
    expect(proposal.memory[2]).toBe(0);
    expect(verdicts(proposal).at(-1)).toBe('cpu-low-lasts unknown');
  });

  test.each([
    { what: 'memory is missing', memoryPercent: MISSING },
    { what: 'memory is half covered', memoryPercent: reading(40, 0, 0.599) },
  ])('when $what nothing is removed', ({ memoryPercent }) => {
    const given = { metrics: metrics({ cpuPercent: reading(20), memoryPercent }) };
    const proposal = propose(NAME, given, TEN);
    expect(asked(proposal)).toBe(0);
    expect(verdicts(proposal).at(-1)).toBe('memory-low unknown');
  });

  test('when nobody knows whether pods wait nothing is removed', () => {
    const { metrics: low } = reads(20);
    const blind = { ...KUBERNETES_DOWN, metrics: { ...low!, unschedulablePods: MISSING } };
    const proposal = propose(NAME, blind, TEN);
    expect(asked(proposal)).toBe(0);
    expect(verdicts(proposal).at(-1)).toBe('nothing-pending unknown');
  });

  test.each([
    { agoMs: 10 * MINUTE, expected: -1 },
    { agoMs: 10 * MINUTE + 1, expected: 0 },
  ])('after $agoMs ms without a look → $expected', ({ agoMs, expected }) => {
    const proposal = propose(NAME, reads(20), remembering(null, 20 * MINUTE, agoMs));
    expect(asked(proposal)).toBe(expected);
    expect(proposal.memory[2]).toBe(expected < 0 ? NOW - 20 * MINUTE : NOW);
  });

  test('windows are times: looks every half minute or every five make no difference', () => {
    const firstAt = (everyMs: number): number => {
      let memory: readonly number[] = [];
      for (let ms = 0; ms <= 60 * MINUTE; ms += everyMs) {
        const nowMs = NOW + ms;
        const cpuPercent = { ...reading(20), sampledAtMs: nowMs };
        const memoryPercent = { ...reading(40), sampledAtMs: nowMs };
        const now = { nowMs, metrics: metrics({ cpuPercent, memoryPercent }) };
        const proposal = propose(NAME, now as Partial<View>, { memory });
        if (asked(proposal) < 0) {
          return ms;
        }
        ({ memory } = proposal);
      }
      return Infinity;
    };
    expect([MINUTE / 2, MINUTE, 5 * MINUTE].map(firstAt)).toEqual([
      10 * MINUTE,
      10 * MINUTE,
      10 * MINUTE,
    ]);
  });
});

describe('settings', () => {
  test('every threshold is one, and how many are added', () => {
    const settings = {
      stepNodes: 3,
      cpuHighPercent: 60,
      pendingSeconds: 60,
      memoryHighPercent: 65,
      cpuLowPercent: 45,
      lowSeconds: 300,
      memoryLowPercent: 60,
    };
    const with_ = (given: Partial<View>, memory: readonly number[] = []) =>
      asked(propose(NAME, given, { settings, memory }));
    expect(with_(reads(61))).toBe(3);
    expect(with_(reads(50, 66))).toBe(3);
    expect(with_({ unschedulable: [1] }, remembering(MINUTE, null).memory)).toBe(3);
    expect(with_(reads(44, 59), remembering(null, 5 * MINUTE).memory)).toBe(-1);
  });

  test('min 2, max 10, and the fleet’s own cool-downs', () => {
    const { policy, settings } = configured(NAME);
    expect(settings).toMatchObject({ nodeCountMin: 2, nodeCountMax: 10 });
    expect(policy.pendingPatienceMs?.(settings, cluster())).toBe(3 * MINUTE);
  });
});
