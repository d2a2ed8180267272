// What a second review found, each kept under the rule that closes it.
import { describe, expect, test } from 'vitest';
import {
  chooseVictims,
  reconcile,
  TERMINATE_OVERDUE_MS,
  type DecodedState,
} from '../../engine/index.ts';
import {
  alarmsOf,
  attempt,
  cluster,
  configured,
  decidedIn,
  drain,
  EPOCH,
  fleetOf,
  HOUR,
  idOf,
  instance,
  known,
  launch,
  marked,
  metrics,
  MINUTE,
  neverReady,
  node,
  NOW,
  only,
  play,
  podOnNode,
  pods,
  reading,
  refused,
  SECOND,
  seen,
  shape,
  state,
  storedState,
  TIMEOUT,
  view,
  WEB,
  withInstance,
  withNode,
  worker,
  type Script,
} from './build.ts';

const [A, B, C] = [1, 2, 3].map(idOf) as [string, string, string];
const D = idOf(4);
const later = (ms: number) => ({
  nowMs: NOW + ms,
  triggeredAtMs: NOW + ms,
  deadlineMs: NOW + ms + MINUTE,
  nonce: `n${String(2 + ms)}`,
});
const readingAt = (ms: number, value: number) => ({
  value,
  sampledAtMs: NOW + ms,
  coverageRatio: 1,
  missing: null,
});
const waits = { ...fleetOf(3), pods: { ...fleetOf(3).pods!, unschedulable: [8] } };
const four = { known: [A, B, C, D], joined: [A, B, C, D] };
const lateOne = {
  ...fleetOf(3),
  instances: [...fleetOf(3).instances!, instance('i-09', { launchedAtMs: NOW - 11 * MINUTE })],
};
const withLateOne = known(state({ known: [A, B, C, 'i-09'], desired: 4 }));
/** Without the node of C. */
const nodeless = { ...fleetOf(3), nodes: fleetOf(3).nodes!.filter(({ name }) => name !== C) };

describe('a launch that is sent again', () => {
  test('is not sent past max, and not kept when EC2 has certainly done nothing about it (1, S4)', () => {
    const stored = (outcome: 'unsent' | 'unknown', createdAtMs: number) =>
      known(
        state({
          desired: 3,
          launches: [launch({ count: 1, createdAtMs, attempts: [attempt({ count: 1, outcome })] })],
        }),
      );
    const full = (from: DecodedState, nodeCountMax: number) =>
      play({ stored: from, policy: configured('node-fleet', { nodeCountMax }) });
    expect(only(full(stored('unsent', NOW - MINUTE), 4), 'launchInstances')).toHaveLength(1);
    const unsent = full(stored('unsent', NOW - MINUTE), 3);
    expect(only(unsent, 'launchInstances')).toEqual([]);
    expect(storedState(unsent).launches).toEqual([]);
    const unknown = full(stored('unknown', NOW - HOUR + MINUTE), 3);
    expect(only(unknown, 'launchInstances')).toEqual([]);
    expect(storedState(unknown).launches).toHaveLength(1);
    expect(storedState(full(stored('unknown', NOW - HOUR), 3)).launches).toEqual([]);
  });

  test('that was throttled at first is unsent until it has had no answer', () => {
    const first = play({ seen: waits, answers: { launchInstances: refused('throttled') } });
    const outcomes = ({ stored }: { stored: DecodedState }) =>
      stored.kind === 'known'
        ? stored.state.launches.flatMap(({ attempts }) => attempts.map(({ outcome }) => outcome))
        : [];
    expect(outcomes(first)).toEqual(['unsent', 'unsent']);
    const hung = play({
      seen: waits,
      stored: first.stored,
      input: later(2 * MINUTE),
      answers: { launchInstances: TIMEOUT },
    });
    // Once EC2 hangs, no more is sent in this cycle.
    expect(only(hung, 'launchInstances')).toHaveLength(1);
    expect(outcomes(hung)).toEqual(['unknown', 'unsent']);
    const again = play({
      seen: waits,
      stored: hung.stored,
      input: later(4 * MINUTE),
      answers: { launchInstances: refused('throttled') },
    });
    expect(outcomes(again)).toEqual(['unknown', 'unsent']);
  });

  test('while EC2 hangs does not starve a spot notice', () => {
    const launches = Array.from({ length: 9 }, (_, n) =>
      launch({
        id: `5-old${String(n)}`,
        count: 1,
        attempts: [attempt({ count: 1, clientToken: `t${String(n)}` })],
      }),
    );
    const played = play({
      policy: configured('node-fleet', { nodeCountMax: 50 }),
      seen: { ...fleetOf(3), inbox: marked(C) },
      stored: known(state({ desired: 12, launches })),
      podsOnNode: [podOnNode(1)],
      answers: { launchInstances: TIMEOUT },
    });
    expect(only(played, 'evictPod')).not.toEqual([]);
  });

  test.each([
    ['launched', 4],
    ['refused', 3],
  ] as const)('takes back what no pool had once (then it is %s)', (then, desired) => {
    const closed = ['b', 'c'].map((zone) => ({
      zone,
      market: 'on-demand' as const,
      failures: 1,
      untilMs: NOW + 30 * MINUTE,
    }));
    const first = play({
      seen: waits,
      stored: known(state({ poolBackoffs: closed })),
      answers: {
        launchInstances: ({ launch: { market } }) =>
          market === 'on-demand' ? refused('insufficient-capacity') : TIMEOUT,
      },
    });
    const next = play({
      seen: waits,
      stored: first.stored,
      input: later(2 * MINUTE),
      answers: then === 'launched' ? {} : { launchInstances: refused('insufficient-capacity') },
    });
    expect(storedState(next).desired).toBe(desired);
  });

  test('that one stale list forgets is still on its way', () => {
    const stored = known(state({ known: [A, B, C, 'i-91'], desired: 4 }));
    expect(only(play({ seen: waits, stored }), 'launchInstances')).toEqual([]);
  });
});

describe('a node that never joined', () => {
  test('is given up though it is marked by a hint, and its mark with it', () => {
    const hinted = { ...lateOne, inbox: marked('i-09', 'rebalance') };
    const played = play({ seen: hinted, stored: withLateOne });
    expect(only(played, 'terminateInstance')).toMatchObject([{ instanceId: 'i-09' }]);
    const old = { instanceId: A, cause: 'rebalance' as const, markedAtMs: NOW - 30 * MINUTE };
    const cordoned = withNode(fleetOf(3), A, { cordoned: true });
    const settled = (markedAtMs: number) =>
      reconcile(
        seen({ ...cordoned, inbox: { doomed: [{ ...old, markedAtMs }], kickedAtMs: null } }),
        state(),
        configured(),
        cluster(),
      ).settledMarks;
    expect(settled(NOW - 30 * MINUTE)).toEqual([old]);
    expect(settled(NOW - 30 * MINUTE + 1)).toEqual([]);
  });

  test('is no capacity that pods wait for, though a node that matches nothing forbids to give it up (S15)', () => {
    const played = play({
      seen: {
        instances: [...fleetOf(3).instances!, instance('i-09', { launchedAtMs: NOW - 3 * HOUR })],
        nodes: [...fleetOf(3).nodes!, node('stranger', { instanceId: null })],
        pods: waits.pods,
      },
      stored: withLateOne,
    });
    expect(only(played, 'launchInstances')).not.toEqual([]);
    expect(only(played, 'terminateInstance')).toEqual([]);
  });

  test('one batch waits ten minutes for its first probe, not eighty (S14)', () => {
    const ids = ['i-11', 'i-12', 'i-13', 'i-14', 'i-15'];
    const late = ids.map((id, n) =>
      instance(id, { launchedAtMs: NOW - 11 * MINUTE, zone: 'abc'[n % 3]! }),
    );
    const many = { ...fleetOf(3), pods: { ...fleetOf(3).pods!, unschedulable: [40] } };
    const first = play({
      seen: { ...many, instances: [...many.instances!, ...late] },
      stored: known(state({ known: [A, B, C, ...ids], desired: 8 })),
    });
    expect(storedState(first).joinFailures).toBe(2);
    const after = play({ stored: first.stored, seen: many, input: later(31 * MINUTE) });
    expect(only(after, 'launchInstances')).toHaveLength(1);
  });

  test('though its kubelet died before its first Ready: it has an hour, and is no capacity meanwhile', () => {
    const diedAgo = (ms: number) =>
      play({
        seen: {
          ...fleetOf(3),
          nodes: [
            ...fleetOf(3).nodes!,
            { ...neverReady('i-09', NOW - ms - MINUTE), readyChangedAtMs: NOW - ms },
          ],
          instances: [
            ...fleetOf(3).instances!,
            instance('i-09', { launchedAtMs: NOW - ms - 2 * MINUTE }),
          ],
        },
        stored: withLateOne,
      });
    expect(only(diedAgo(HOUR), 'terminateInstance')).toHaveLength(1);
    const early = diedAgo(HOUR - MINUTE);
    expect(only(early, 'terminateInstance')).toEqual([]);
    expect(decidedIn(early).decision.repair).toBe(1);
  });

  test('is not a machine that somebody tags: it is adopted, and left to people', () => {
    const tagged = (birthEpoch: number) => ({
      ...fleetOf(3),
      instances: [
        ...fleetOf(3).instances!,
        instance('i-09', { launchedAtMs: NOW - 48 * HOUR, birthEpoch }),
      ],
    });
    let stored: DecodedState = known(state());
    for (let n = 0; n < 3; n++) {
      const played = play({ seen: tagged(0), stored, input: later(n * 2 * MINUTE) });
      expect(only(played, 'terminateInstance')).toEqual([]);
      expect(alarmsOf(played)).toContain('node-unhealthy');
      ({ stored } = played);
    }
    // One of ours whose answer was lost is adopted first, and given up a cycle later.
    const first = play({ seen: tagged(5) });
    expect(only(first, 'terminateInstance')).toEqual([]);
    const second = play({ seen: tagged(5), stored: first.stored, input: later(2 * MINUTE) });
    expect(only(second, 'terminateInstance')).toHaveLength(1);
  });
});

describe('a person’s cordon', () => {
  test.each([
    [1, 'evictPod'],
    [0, 'terminateInstance'],
  ] as const)('in mid-drain makes the node theirs (S18), %i pods on it', (count, effect) => {
    const played = play({
      seen: withNode(fleetOf(3), C, { cordoned: true, taintIntentId: 'drain-5-i-03' }),
      stored: known(state({ desired: 2, drains: [drain(C)] })),
      podsOnNode: count === 1 ? [podOnNode(1)] : [],
    });
    expect(only(played, effect)).toEqual([]);
    expect(storedState(played)).toMatchObject({ drains: [], victimBackoffs: [] });
    expect(only(played, 'untaintNode')).toMatchObject([{ nodeName: C }]);
  });

  test('is left alone by a hint, and not by AWS', () => {
    const cordoned = withNode(fleetOf(3), C, { cordoned: true });
    const reasons = (cause: 'rebalance' | 'reclaim') =>
      storedState(play({ seen: { ...cordoned, inbox: marked(C, cause) } })).drains.map(
        ({ reason }) => reason,
      );
    expect(reasons('rebalance')).toEqual([]);
    expect(reasons('reclaim')).toEqual(['reclaim']);
  });
});

describe('the last look before the irreversible', () => {
  const dead = withNode(
    withInstance(fleetOf(3), C, { privateIp: '10.0.0.3', statusCheckFailed: true }),
    C,
    {
      name: 'ip-3',
      instanceId: null,
      internalIp: '10.0.0.3',
      ready: false,
      readyChangedAtMs: NOW - 11 * MINUTE,
    },
  );
  const looking = (seenFirst: typeof dead, second: typeof dead.nodes, stored?: DecodedState) =>
    play({
      seen: seenFirst,
      podsOnNode: [podOnNode(1)],
      ...(stored === undefined ? {} : { stored }),
      answers: {
        listNodes: (_, nth) => ({ ok: true, nodes: (nth === 0 ? seenFirst.nodes : second)! }),
      },
    });

  test('finds a node by its address too (S8, S15)', () => {
    const again = dead.nodes!.map((each) =>
      each.name === 'ip-3' ? { ...each, ready: true, readyChangedAtMs: NOW } : each,
    );
    expect(only(looking(dead, again), 'terminateInstance')).toEqual([]);
    expect(only(looking(dead, dead.nodes), 'terminateInstance')).toHaveLength(1);
  });

  test('is vetoed by a node that matches nothing, and by one that has just registered (S15)', () => {
    const nameless = [...lateOne.nodes!, node('nameless', { instanceId: null })];
    const registered = [...lateOne.nodes!, neverReady('i-09', NOW - MINUTE)];
    for (const second of [nameless, registered]) {
      expect(only(looking(lateOne, second, withLateOne), 'terminateInstance')).toEqual([]);
    }
    expect(only(looking(lateOne, lateOne.nodes, withLateOne), 'terminateInstance')).toHaveLength(1);
  });

  test('is taken at a notice whose node was missing from one list', () => {
    const missed = looking({ ...nodeless, inbox: marked(C) } as typeof dead, fleetOf(3).nodes);
    expect(only(missed, 'terminateInstance')).toEqual([]);
    expect(storedState(missed).drains).toMatchObject([{ instanceId: C, nodeName: C }]);
    const gone = looking({ ...nodeless, inbox: marked(C) } as typeof dead, nodeless.nodes);
    expect(only(gone, 'terminateInstance')).toHaveLength(1);
  });
});

describe('a node that is missing from a list', () => {
  const instances = withInstance(nodeless, C, { statusCheckFailed: true }).instances;
  const since = (ms: number) => ({ lostNodes: [{ instanceId: C, sinceMs: NOW - ms }] });
  const met = (ms: number | null, changes = {}) =>
    reconcile(
      seen({ ...nodeless, instances }),
      state({ ...(ms === null ? {} : since(ms)), ...changes }),
      configured(),
      cluster(),
    );

  test('is not known to be gone for two minutes, and not dead for ten (S17)', () => {
    const phase = (ms: number | null) => met(ms).view.workers[2]!.phase;
    expect([phase(null), phase(2 * MINUTE - 1), phase(2 * MINUTE)]).toEqual([
      'unknown',
      'unknown',
      'not-ready',
    ]);
    expect(met(null).state.lostNodes).toEqual([{ instanceId: C, sinceMs: NOW }]);
    expect(met(10 * MINUTE - 1).state.drains).toEqual([]);
    expect(met(10 * MINUTE).state.drains).toMatchObject([{ reason: 'unhealthy', instanceId: C }]);
    const back = reconcile(seen(), state(since(MINUTE)), configured(), cluster());
    expect(back.state.lostNodes).toEqual([]);
  });

  test('three of seven at once buy nothing (S17)', () => {
    const ids = Array.from({ length: 7 }, (_, n) => idOf(n + 1));
    const fleet = fleetOf(7);
    const played = play({
      seen: { ...fleet, nodes: fleet.nodes!.slice(0, 4) },
      stored: known(state({ known: ids, joined: ids, desired: 7 })),
    });
    expect(only(played, 'launchInstances')).toEqual([]);
  });

  test('with most of the others is not known to be gone; a new one that is listed is believed', () => {
    let stored: DecodedState = known(state({ ...four, desired: 4 }));
    let sent = 0;
    for (let n = 0; n < 20; n++) {
      const ms = n * 2 * MINUTE;
      const played = play({
        stored,
        input: later(ms),
        seen: {
          instances: [
            ...fleetOf(4).instances!,
            instance('i-91', { launchedAtMs: NOW - 5 * MINUTE }),
          ],
          nodes: [
            node('i-91', {
              createdAtMs: NOW - 4 * MINUTE,
              readyChangedAtMs: NOW - 3 * MINUTE,
            }),
            node('m', { controlPlane: true }),
          ],
          pods: pods({ unschedulable: [40] }),
          metrics: metrics({ unschedulablePods: readingAt(ms, 40) }),
        },
      });
      ({ stored } = played);
      sent += only(played, 'launchInstances').length;
      expect(only(played, 'terminateInstance')).toEqual([]);
    }
    expect(sent).toBeGreaterThan(0);
  });

  test('for a day, checks or not, does not keep its place for ever (S17)', () => {
    const deadSince = (ms: number) =>
      storedState(
        play({
          policy: configured('node-fleet', { nodeCountMax: 3 }),
          seen: withNode(waits, C, { ready: false, readyChangedAtMs: NOW - ms }),
        }),
      ).drains.length;
    expect(deadSince(HOUR - SECOND)).toBe(0);
    expect(deadSince(HOUR)).toBe(1);
    // Where many are, it is not them.
    const ago = { ready: false, readyChangedAtMs: NOW - 24 * HOUR };
    const many = { ...waits, nodes: waits.nodes!.map((each) => ({ ...each, ...ago })) };
    expect(storedState(play({ seen: many })).drains).toEqual([]);
  });
});

describe('a terminate that fails for ever', () => {
  test('is an alarm, and its instance takes a place again', () => {
    const stored = (agoMs: number) =>
      known(
        state({
          desired: 3,
          drains: [
            drain(C, { reason: 'reclaim', stage: 'terminating', progressedAtMs: NOW - agoMs }),
          ],
        }),
      );
    const failing = (agoMs: number) =>
      play({
        stored: stored(agoMs),
        policy: configured('node-fleet', { nodeCountMax: 3 }),
        answers: { terminateInstance: refused('unavailable') },
      });
    expect(alarmsOf(failing(TERMINATE_OVERDUE_MS - MINUTE))).not.toContain('terminate-failing');
    const late = failing(TERMINATE_OVERDUE_MS);
    expect(alarmsOf(late)).toContain('terminate-failing');
    expect(only(late, 'launchInstances')).toEqual([]);
    expect(only(failing(MINUTE), 'launchInstances')).toHaveLength(1);
  });
});

describe('a notice', () => {
  const lock = {
    owner: 'other',
    epoch: EPOCH - 20,
    lockExpiryAtMs: NOW + 4 * MINUTE,
    holderDeadlineAtMs: NOW + 40 * SECOND,
  };
  const held = (trigger: 'spot' | 'schedule') =>
    play({
      input: { trigger },
      seen: { ...fleetOf(3), inbox: marked(C) },
      answers: {
        acquireLock: (_, nth) =>
          nth === 0 ? refused('held') : { ok: true, stored: known(state()) },
        readLock: { ok: true, lock, stored: known(state()) },
      },
    });

  test('that finds the lock held waits for it; a tick does not (S2)', () => {
    expect(held('spot').record?.outcome).toBe('decided');
    expect(held('schedule').record?.outcome).toBe('lock-held');
    const always = play({
      input: { trigger: 'spot' },
      answers: {
        acquireLock: refused('held'),
        readLock: { ok: true, lock, stored: known(state()) },
      },
    });
    expect(always.record?.outcome).toBe('lock-held');
    expect(always.endedAtMs).toBeLessThanOrEqual(NOW + MINUTE);
  });

  test('whose taint we see has its mark: the inbox is read after the nodes (S2)', () => {
    const kinds = play().effects.map(({ kind }) => kind);
    expect(kinds.indexOf('readInbox')).toBeGreaterThan(kinds.indexOf('listNodes'));
  });

  test('is not cleared on a list that is not believed', () => {
    const played = play({
      stored: { kind: 'absent' },
      seen: { ...fleetOf(3), instances: [], inbox: marked(C) },
    });
    expect(only(played, 'clearInbox').flatMap(({ marks }) => marks)).toEqual([]);
  });
});

describe('a hint', () => {
  test('does not evict what fits nowhere else, nor while pods wait (S12, S23)', () => {
    const hinted = (counts: readonly number[], unschedulable: readonly number[]) =>
      play({
        seen: {
          ...fleetOf(4),
          inbox: marked(C, 'rebalance'),
          pods: pods({
            shapes: [WEB, shape('bound', { zone: 'c' })],
            unschedulable,
            perNode: [{ nodeName: C, counts }],
          }),
        },
        stored: known(state({ ...four, desired: 3 })),
        podsOnNode: [podOnNode(1)],
      });
    expect(only(hinted([0, 2], [0, 0]), 'evictPod')).toEqual([]);
    expect(only(hinted([2, 0], [0, 0]), 'evictPod')).toHaveLength(1);
    expect(only(hinted([2, 0], [1, 0]), 'evictPod')).toEqual([]);
  });
});

describe('a voluntary drain', () => {
  test('that is undone because the pods wait that it moved backs off (S11)', () => {
    const undone = (stage: 'tainting' | 'evicting') =>
      storedState(
        play({
          seen: { ...fleetOf(3), pods: { ...fleetOf(3).pods!, unschedulable: [1] } },
          stored: known(state({ desired: 2, drains: [drain(C, { stage })] })),
        }),
      ).victimBackoffs;
    expect(undone('evicting')).toMatchObject([{ instanceId: C, failures: 1 }]);
    expect(undone('tainting')).toEqual([]);
  });

  test('evicts nothing while the pod list cannot be read (S12)', () => {
    const played = play({
      seen: { ...fleetOf(3), pods: null },
      stored: known(state({ desired: 2, drains: [drain(C)] })),
      podsOnNode: [podOnNode(1)],
    });
    expect(only(played, 'evictPod')).toEqual([]);
  });

  test('is not held up by zones from which nothing can go', () => {
    const pinned = ['p1', 'p2', 'p3'].map((id) => worker(id, { zone: 'b', pods: [0, 1] }));
    const idle = ['a1', 'a2', 'c1', 'c2'].map((id) =>
      worker(id, { zone: id[0]!, market: 'spot', pods: [0, 0] }),
    );
    const all = view({
      workers: [...pinned, ...idle],
      shapes: [WEB, shape('db', { pinnedBy: 'stateful-set' })],
      unschedulable: [0, 0],
    });
    const { settings } = configured('node-fleet', { removalHeadroomPercent: 0 });
    expect(chooseVictims(all, cluster(), settings, 1)).not.toEqual([]);
  });
});

describe('an instance whose tags a person took off', () => {
  test('is let go once its absence is confirmed, with one alarm, and stops no removal', () => {
    let stored: DecodedState = known(
      state({ known: [A, B, C, 'i-09'], joined: [A, B, C, 'i-09'], desired: 4 }),
    );
    let victims = 0;
    let alarms = 0;
    for (let n = 0; n < 40; n++) {
      const ms = n * 2 * MINUTE;
      const played = play({
        stored,
        policy: configured('node-fleet', { onDemandBase: 1 }),
        input: later(ms),
        seen: { ...fleetOf(3), pods: pods(), metrics: metrics({ cpuPercent: readingAt(ms, 5) }) },
        answers: {
          describeInstances: { ok: true, instances: [instance('i-09')], foreign: ['i-09'] },
        },
      });
      ({ stored } = played);
      victims += decidedIn(played).decision.victims.length;
      alarms += alarmsOf(played).filter((code) => code === 'instance-unlisted').length;
      expect(only(played, 'deleteNode')).toEqual([]);
    }
    expect(victims).toBeGreaterThan(0);
    expect(alarms).toBe(1);
  });
});

describe('a pod that an empty node of ours could not hold', () => {
  test('buys nothing, whatever the template promises (S13)', () => {
    const nodes = fleetOf(4).nodes!.map((each) => ({ ...each, allocatableMillicpu: 1900 }));
    const bought = (requestMillicpu: number) =>
      only(
        play({
          seen: {
            ...fleetOf(4),
            nodes,
            pods: pods({ shapes: [shape('big', { requestMillicpu })], unschedulable: [1] }),
          },
          stored: known(state({ ...four, desired: 4 })),
        }),
        'launchInstances',
      ).length;
    expect(bought(1950)).toBe(0);
    expect(bought(1900)).toBeGreaterThan(0);
  });
});

describe('alarms', () => {
  test.each<[string, string, Script]>([
    ['an inbox that cannot be read', 'inbox-unreadable', { seen: { ...fleetOf(3), inbox: null } }],
    [
      'a launch without an answer for ten minutes',
      'launch-unanswered',
      {
        seen: waits,
        answers: { launchInstances: TIMEOUT },
        stored: known(state({ desired: 5, launches: [launch({ createdAtMs: NOW - HOUR })] })),
      },
    ],
    [
      'pods that wait at the spend ceiling',
      'scale-up-blocked',
      { seen: waits, policy: configured('node-fleet', { spendMaxBdtPerHour: 20 }) },
    ],
    [
      'pods that wait for the join breaker',
      'scale-up-blocked',
      { seen: waits, stored: known(state({ joinFailures: 5, joinFailedAtMs: NOW - MINUTE })) },
    ],
    [
      'a timeout longer than the lease allows',
      'lease-too-short',
      { input: { deadlineMs: NOW + 10 * MINUTE } },
    ],
  ])('%s is one', (_, code, script) => {
    expect(alarmsOf(play(script))).toContain(code);
    expect(alarmsOf(play())).not.toContain(code);
  });
});

test('a lowered max does not keep hints from being followed (S24)', () => {
  const played = play({
    policy: configured('node-fleet', { nodeCountMax: 3 }),
    seen: { ...fleetOf(4), inbox: marked(C, 'rebalance') },
    stored: known(state({ ...four, desired: 9 })),
    podsOnNode: [podOnNode(1)],
  });
  expect(only(played, 'evictPod')).toHaveLength(1);
});

test('an idle CPU of long ago removes nothing', () => {
  expect(
    decidedIn(play({ seen: { ...fleetOf(3), metrics: metrics({ cpuPercent: reading(5, HOUR) }) } }))
      .decision.action,
  ).toBe('hold');
});
