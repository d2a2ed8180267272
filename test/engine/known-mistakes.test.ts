// One test for each mistake that an autoscaler of this kind has really made, as far as the engine can make it. The numbers
// are those of the list; the others belong to the adapters, the metrics and the reports, and are tested there.
import { describe, expect, test } from 'vitest';
import {
  countFleet,
  CPU_AS_WRITTEN,
  decide,
  firstBlocking,
  MODES,
  PENDING_AS_WRITTEN,
  POLICIES,
  type ConfiguredPolicy,
  type PinReason,
  type Policy,
  type Reading,
  type View,
} from '../../engine/index.ts';
import {
  asking,
  attempt,
  cluster,
  configured,
  decidedIn,
  drain,
  EPOCH,
  eventsOf,
  fleetOf,
  HOUR,
  idOf,
  instance,
  KUBERNETES_DOWN,
  known,
  launch,
  marked,
  metrics,
  MINUTE,
  MISSING,
  mutations,
  node,
  NOW,
  only,
  order,
  play,
  podOnNode,
  pods,
  reading,
  refused,
  SECOND,
  shape,
  state,
  storedState,
  TIMEOUT,
  view,
  WEB,
  withNode,
  worker,
  workers,
  type Script,
} from './build.ts';

const IDLE = metrics({ cpuPercent: reading(5) });
const idleFleet = (count: number): Script => ({
  seen: { ...fleetOf(count), metrics: IDLE },
  stored: known(
    state({ known: Array.from({ length: count }, (_, n) => idOf(n + 1)), desired: count }),
  ),
});
const pendingPods = (count: number): Script => ({
  seen: { ...fleetOf(3), pods: pods({ ...fleetOf(3).pods, unschedulable: [count] }) },
});
/** The readings of the brief's own two queries, which only node-fleet-as-written asks for. */
const asWritten = (cpuPercent: number, pendingPods: number) => [
  { name: CPU_AS_WRITTEN, reading: reading(cpuPercent) },
  { name: PENDING_AS_WRITTEN, reading: reading(pendingPods) },
];
const decideOn = (changes: Partial<View>, policy: ConfiguredPolicy = configured()) =>
  decide(policy, cluster(), view(changes), []);
/** The cycle `afterMs` later, by another holder, on what the one before left in the table. */
const laterBy = (afterMs: number) => ({
  nowMs: NOW + afterMs,
  triggeredAtMs: NOW + afterMs,
  deadlineMs: NOW + afterMs + MINUTE,
  nonce: 'n2',
});

describe('1: a variable set in one branch and used in all', () => {
  test('every fleet size, load and mode has an answer, whatever the policy', () => {
    const readings: Reading[] = [reading(0), reading(50), reading(100), MISSING];
    for (const { name } of POLICIES) {
      for (const mode of MODES) {
        for (let count = 0; count <= 12; count++) {
          for (const cpuPercent of readings) {
            for (const waiting of [0, 30]) {
              const { decision } = decideOn(
                {
                  mode,
                  workers: workers(count),
                  desired: count,
                  metrics: metrics({ cpuPercent }),
                  unschedulable: [waiting],
                },
                configured(name),
              );
              expect(['hold', 'scaleUp', 'scaleDown']).toContain(decision.action);
            }
          }
        }
      }
    }
  });

  test('a fleet at max still scales down', () => {
    const full = { workers: workers(10), desired: 10, metrics: IDLE };
    expect(decideOn(full).decision).toMatchObject({ action: 'scaleDown', count: 1 });
  });
});

describe('3: a query that failed or was empty reads as zero', () => {
  test.each(['unavailable', 'timeout', 'empty', 'not-a-number', 'exporter-down', 'stale'] as const)(
    'all metrics %s: nothing is bought and nothing goes, cycle after cycle',
    (missing) => {
      const gone: Reading = { missing };
      let stored = known(state());
      for (let n = 0; n < 5; n++) {
        const played = play({
          stored,
          input: laterBy(n * 2 * MINUTE),
          seen: {
            metrics: {
              cpuPercent: gone,
              memoryPercent: gone,
              unschedulablePods: gone,
              apiLatencyP95Ms: gone,
              requestsPerSecond: gone,
              custom: [],
            },
          },
        });
        expect(mutations(played)).toEqual([]);
        expect(storedState(played)).toMatchObject({ desired: 3, launches: [], drains: [] });
        ({ stored } = played);
      }
    },
  );

  test('an instance list that failed or came empty does not buy the minimum', () => {
    for (const instances of [null, []]) {
      const played = play({ seen: { instances, metrics: IDLE } });
      expect(mutations(played)).toEqual([]);
      expect(decidedIn(played).decision).toMatchObject({ action: 'hold', repair: 0 });
    }
  });
});

describe('4: nodes are removed because readings are missing', () => {
  const removes = (cpuPercent: Reading) =>
    decideOn({ metrics: metrics({ cpuPercent }) }).decision.action === 'scaleDown';

  test('an idle CPU removes only when it is present, fresh and well covered', () => {
    expect(removes(reading(0))).toBe(true);
    expect(removes(MISSING)).toBe(false);
    expect(removes(reading(0, 91 * SECOND))).toBe(false);
    expect(removes(reading(0, 0, 0.59))).toBe(false);
  });
});

describe('5: killed half-way, and nothing was written', () => {
  test('killed at its launch: intent and cooldown are in the table, and nobody launches again', () => {
    const killed = play({
      ...pendingPods(3),
      killedAt: ({ kind }) => kind === 'launchInstances',
    });
    expect(killed.record).toBeNull();
    expect(storedState(killed).launches).toHaveLength(1);
    expect(storedState(killed).lastScaleUpAtMs).toBeGreaterThanOrEqual(NOW);

    const intent = storedState(killed).launches[0]!;
    const next = play({ ...pendingPods(3), stored: killed.stored, input: laterBy(2 * MINUTE) });
    const tokens = only(next, 'launchInstances').map((each) => each.launch.clientToken);
    expect(tokens).toEqual(intent.attempts.map((each) => each.clientToken));
    expect(decidedIn(next).decision.action).toBe('hold');
  });

  test('killed at its taint: the drain is in the table, and is taken up or taken back', () => {
    const killed = play({ ...idleFleet(3), killedAt: ({ kind }) => kind === 'taintNode' });
    const [begun] = storedState(killed).drains;
    expect(begun).toMatchObject({ reason: 'scale-down', stage: 'tainting' });
    expect(storedState(killed).lastScaleDownAtMs).toBeGreaterThanOrEqual(NOW);

    const tainted = withNode(fleetOf(3), begun!.instanceId, { taintIntentId: begun!.id });
    const paused = play({
      mode: 'paused',
      seen: tainted,
      stored: killed.stored,
      input: laterBy(2 * MINUTE),
    });
    expect(only(paused, 'untaintNode').map((each) => each.nodeName)).toEqual([begun!.instanceId]);
  });

  test('no cycle waits for a node: it ends before its deadline, however slow the answers', () => {
    const slow = { answers: { evictPod: refused('blocked-by-pdb'), taintNode: TIMEOUT } } as const;
    const scripts: Script[] = [
      pendingPods(30),
      { ...pendingPods(30), answers: { launchInstances: TIMEOUT } },
      { ...idleFleet(3), podsOnNode: [podOnNode(1), podOnNode(2)], ...slow },
      { ...idleFleet(3), podsOnNode: [podOnNode(1)], answers: { evictPod: TIMEOUT } },
    ];
    for (const script of scripts) {
      for (const seconds of [20, 30, 60]) {
        const played = play({ ...script, input: { deadlineMs: NOW + seconds * SECOND } });
        expect(played.endedAtMs).toBeLessThanOrEqual(NOW + seconds * SECOND);
        expect(order(played).at(-1)).toBe('releaseLock');
      }
    }
  });
});

describe('6: a lock that is released or overwritten by who does not hold it', () => {
  test('every write names its owner and the epoch that it holds', () => {
    const played = play(pendingPods(3));
    const writes = [...only(played, 'commitState'), ...only(played, 'releaseLock')];
    expect(writes.length).toBeGreaterThanOrEqual(3);
    for (const write of writes) {
      expect(write).toMatchObject({ owner: 'n1', epoch: EPOCH });
    }
  });

  test('a write after the epoch was raised names the new one', () => {
    const instances = fleetOf(3).instances!.map((each) => ({ ...each, birthEpoch: EPOCH + 7 }));
    const played = play({ ...pendingPods(3), seen: { ...pendingPods(3).seen, instances } });
    const [first, ...others] = only(played, 'commitState');
    expect(first).toMatchObject({ epoch: EPOCH, nextEpoch: EPOCH + 8 });
    for (const write of [...others, ...only(played, 'releaseLock')]) {
      expect(write.epoch).toBe(EPOCH + 8);
    }
  });

  test('who finds that it has lost the lock neither acts nor releases', () => {
    const played = play({ ...pendingPods(3), answers: { commitState: refused('lock-lost') } });
    expect(mutations(played)).toEqual([]);
    expect(only(played, 'releaseLock')).toEqual([]);
    expect(played.record).toMatchObject({ outcome: 'lock-lost', decided: null });
  });

  test('a lock that another holds is not forced open', () => {
    const lock = {
      owner: 'other',
      epoch: EPOCH - 9,
      lockExpiryAtMs: NOW,
      holderDeadlineAtMs: NOW,
    };
    const played = play({
      answers: {
        acquireLock: refused('held'),
        readLock: { ok: true, lock, stored: known(state()) },
      },
    });
    expect(order(played)).toEqual(['acquireLock', 'readLock', 'appendJournal']);
  });
});

describe('7: launches without a token or tags, and in-flight nodes that nobody counts', () => {
  test('a request carries its own token, intent and epoch: it never needs a second call', () => {
    const sent = only(play(pendingPods(3)), 'launchInstances').map((each) => each.launch);
    expect(sent.length).toBeGreaterThan(0);
    for (const each of sent) {
      expect(each).toMatchObject({ birthEpoch: EPOCH, intentId: `${EPOCH}-n1` });
      expect(each.clientToken).toMatch(/^[0-9a-f]{40}$/);
    }
    expect(new Set(sent.map((each) => each.clientToken)).size).toBe(sent.length);
  });

  test('two fleets, two cycles and two attempts never share a token', () => {
    const tokens = [
      play(pendingPods(3)),
      play({ ...pendingPods(3), cluster: cluster({ id: 'other' }) }),
      play({ ...pendingPods(3), input: { nonce: 'n9' } }),
      play({ ...pendingPods(3), input: laterBy(2 * MINUTE) }),
    ].flatMap((played) => only(played, 'launchInstances').map((each) => each.launch.clientToken));
    expect(new Set(tokens).size).toBe(tokens.length);
  });

  test('pods that wait for nodes already launched, or perhaps launched, buy no more (S21)', () => {
    const fresh = { state: 'pending', launchedAtMs: NOW - 20 * SECOND } as const;
    const pending = play({
      ...pendingPods(3),
      seen: {
        ...pendingPods(3).seen,
        instances: [...fleetOf(3).instances!, instance('i-04', fresh)],
      },
    });
    expect(countFleet(decidedIn(pending).view).arriving).toBe(1);
    expect(only(pending, 'launchInstances')).toEqual([]);

    const unanswered = play({
      ...pendingPods(3),
      stored: known(state({ launches: [launch({ count: 1, attempts: [attempt({ count: 1 })] })] })),
      answers: { launchInstances: TIMEOUT },
    });
    expect(only(unanswered, 'launchInstances').map((each) => each.launch.clientToken)).toEqual([
      'token-0',
    ]);
  });
});

describe('8: a launch that partly failed is asked for again in full', () => {
  test.each([0, 1, 2, 3])('%i of 4 came: the rest is asked for, and no more', (came) => {
    const policy = configured('node-fleet', { pendingStep: 4, spotPercent: 0 });
    let asked = 0;
    let launched = 0;
    const played = play({
      ...pendingPods(30),
      policy,
      cluster: cluster({ zones: ['a'] }),
      answers: {
        launchInstances({ launch: { count } }, nth) {
          asked += count;
          const now = nth === 0 ? came : count;
          launched += now;
          return now === 0
            ? refused('insufficient-capacity')
            : { ok: true, instanceIds: Array.from({ length: now }, (_, n) => `i-9${nth}${n}`) };
        },
      },
    });
    // One zone and no spot: the pool that ran short backs off, so nothing else is asked.
    expect(asked).toBe(4);
    expect(launched).toBe(came);
    expect(storedState(played).poolBackoffs).toHaveLength(1);
  });

  test.each([0, 1, 2])('%i of 3 spot nodes came: on demand gets what is missing', (came) => {
    const policy = configured('node-fleet', { pendingStep: 3, spotPercent: 100 });
    const launched: number[] = [];
    play({
      ...pendingPods(30),
      policy,
      cluster: cluster({ zones: ['a'] }),
      answers: {
        launchInstances({ launch: { count, market } }, nth) {
          const now = market === 'spot' ? came : count;
          launched.push(now);
          return now === 0
            ? refused('insufficient-capacity')
            : { ok: true, instanceIds: Array.from({ length: now }, (_, n) => `i-9${nth}${n}`) };
        },
      },
    });
    expect(launched).toEqual([came, 3 - came]);
  });
});

describe('11: a path around the cooldown and around max', () => {
  const sale = cluster({
    calendar: [{ name: 'sale', startAtMs: NOW + 5 * MINUTE, endAtMs: NOW + HOUR }],
  });
  const blockedBy = (changes: Partial<View>, policy = configured()) =>
    firstBlocking(decide(policy, sale, view(changes), []).explanation)?.rule;

  test('a sale in the calendar is held by both', () => {
    expect(decide(configured(), sale, view(), []).decision).toMatchObject({ count: 1 });
    expect(blockedBy({ lastScaleUpAtMs: NOW - 4 * MINUTE })).toBe('cooldown');
    expect(blockedBy({ workers: workers(10), desired: 10 })).toBe('max');
  });

  test.each(['pods', 'cpu', 'calendar', 'none'] as const)(
    'a policy that asks for 50 on %s gets what is free below max',
    (evidence) => {
      const policy = asking('scaleUp', 50, { stepUpMax: 100 }, evidence);
      expect(decideOn({}, policy).decision.count).toBe(7);
      expect(decideOn({ workers: workers(10), desired: 10 }, policy).decision.count).toBe(0);
    },
  );
});

describe('12: "never remove critical nodes" as a weight', () => {
  const pins: readonly PinReason[] = [
    'system-critical',
    'stateful-set',
    'single-replica',
    'local-data',
    'unmodelled-affinity',
    'no-controller',
    'blocked-by-pdb',
    'do-not-evict',
  ];
  const removeTen = asking('scaleDown', 10, { nodeCountMin: 0, onDemandBase: 0 });

  test.each(pins)('pods that are %s keep their node, however much is asked', (pinnedBy) => {
    const shapes = [WEB, shape('pinned', { pinnedBy })];
    const fleet = workers(6).map((each) => ({ ...each, pods: [0, 1] }));
    const changes = { shapes, unschedulable: [0, 0], workers: fleet, desired: 6 };
    expect(decideOn(changes, removeTen).decision.victims).toEqual([]);
    const free = fleet.map((each) => ({ ...each, pods: [1, 0] }));
    expect(decideOn({ ...changes, workers: free }, removeTen).decision.victims).not.toEqual([]);
  });

  test('when pods, nodes, instances or notices cannot be read, every node is critical', () => {
    const unknown: Partial<View>[] = [
      { podsKnown: false },
      { nodesKnown: false },
      { instancesKnown: false },
      { inboxKnown: false },
      KUBERNETES_DOWN,
    ];
    for (const changes of unknown) {
      const empty = { workers: workers(6, { pods: [0] }), desired: 6, metrics: IDLE };
      expect(decideOn({ ...empty, ...changes }, removeTen).decision.victims).toEqual([]);
    }
  });
});

describe('13: terminated without a drain, because its node was not found', () => {
  const leaving = known(state({ desired: 2, drains: [drain(idOf(3), { nodeName: null })] }));
  // A node that names no instance: it may be the one.
  const stranger = node(idOf(3), { name: 'ip-10-0-0-3', instanceId: null });
  const nameless = { ...fleetOf(3), nodes: [...fleetOf(3).nodes!.slice(0, 2), stranger] };

  test('a node that cannot be found is not drained, so it is not terminated', () => {
    for (const seen of [nameless, { ...fleetOf(3), nodes: null }, { ...fleetOf(3), nodes: [] }]) {
      const played = play({ seen, stored: leaving });
      expect(only(played, 'terminateInstance')).toEqual([]);
      expect(only(played, 'evictPod')).toEqual([]);
    }
  });

  test('nor when the taint is refused, or its pods cannot be listed', () => {
    for (const answers of [
      { taintNode: refused('conflict') },
      { listNodePods: TIMEOUT },
    ] as const) {
      const played = play({ stored: leaving, answers });
      expect(only(played, 'terminateInstance')).toEqual([]);
    }
  });

  test('a node found by its address is drained by its own name', () => {
    const at = { internalIp: '10.0.0.3', instanceId: null, name: 'ip-10-0-0-3' };
    const seen = {
      ...fleetOf(3),
      instances: fleetOf(3).instances!.map((each) =>
        each.id === idOf(3) ? { ...each, privateIp: '10.0.0.3' } : each,
      ),
      nodes: [...fleetOf(3).nodes!.slice(0, 2), node(idOf(3), at)],
      inbox: marked(idOf(3)),
    };
    const played = play({ seen, podsOnNode: [podOnNode(1)] });
    expect(only(played, 'taintNode').map((each) => each.nodeName)).toEqual(['ip-10-0-0-3']);
    expect(only(played, 'terminateInstance')).toEqual([]);
  });
});

describe('14: a drain that failed leaves its node cordoned and the count lowered', () => {
  test('it ends undone: taint off, victim in back-off, and what is there is what is counted', () => {
    const stuck = drain(idOf(3), {
      startedAtMs: NOW - 20 * MINUTE,
      progressedAtMs: NOW - 6 * MINUTE,
    });
    const played = play({
      seen: withNode(fleetOf(3), idOf(3), { taintIntentId: stuck.id }),
      stored: known(state({ desired: 2, drains: [stuck] })),
    });
    expect(only(played, 'untaintNode').map((each) => each.nodeName)).toEqual([idOf(3)]);
    expect(only(played, 'terminateInstance')).toEqual([]);
    const after = storedState(played);
    expect(after).toMatchObject({ drains: [], desired: 3 });
    expect(after.victimBackoffs).toMatchObject([{ instanceId: idOf(3), failures: 1 }]);
    expect(eventsOf(played)).toContain(`drain-undone ${idOf(3)}`);
  });

  test('a taint that could not be taken off is tried again', () => {
    const seen = withNode(fleetOf(3), idOf(3), { taintIntentId: 'drain-5-i-03' });
    const first = play({ seen, answers: { untaintNode: TIMEOUT } });
    const second = play({ seen, stored: first.stored, input: laterBy(2 * MINUTE) });
    expect(only(first, 'untaintNode')).toHaveLength(1);
    expect(only(second, 'untaintNode')).toHaveLength(1);
  });
});

describe('15: a drain that forces', () => {
  const draining = known(state({ desired: 2, drains: [drain(idOf(3))] }));

  test('pods leave by eviction alone, each by its UID; a voluntary drain stops at a pinned one', () => {
    const free = play({ stored: draining, podsOnNode: [podOnNode(1), podOnNode(2)] });
    expect(only(free, 'evictPod')).toEqual([
      { kind: 'evictPod', namespace: 'shop', name: 'web-1', uid: 'uid-1' },
      { kind: 'evictPod', namespace: 'shop', name: 'web-2', uid: 'uid-2' },
    ]);
    for (const pinnedBy of ['local-data', 'no-controller'] as const) {
      const pinned = [podOnNode(1), podOnNode(2, { pinnedBy })];
      const played = play({ stored: draining, podsOnNode: pinned });
      expect(mutations(played).map(({ kind }) => kind)).toEqual(['taintNode']);
    }
  });

  test.each(['blocked-by-pdb', 'ambiguous-pdb'] as const)(
    'an eviction that is %s blocks: the node stays',
    (reason) => {
      const played = play({
        stored: draining,
        podsOnNode: [podOnNode(1)],
        answers: { evictPod: refused(reason) },
      });
      expect(only(played, 'terminateInstance')).toEqual([]);
      expect(storedState(played).drains).toMatchObject([{ stage: 'evicting', podsLeft: 1 }]);
    },
  );
});

describe('19: durations counted in cycles', () => {
  /** How long after an action an idle fleet loses a node, asked every `everyMs`. */
  function quietForMs(name: string, everyMs: number): number {
    const policy = configured(name, { cooldownBeforeRemovalSeconds: 720 });
    let memory: readonly number[] = [];
    for (let afterMs = 0; afterMs <= 6 * HOUR; afterMs += everyMs) {
      const nowMs = NOW + afterMs;
      const cpuPercent = { ...reading(5), sampledAtMs: nowMs } as Reading;
      const decided = decide(
        policy,
        cluster(),
        view({
          nowMs,
          metrics: metrics({
            cpuPercent,
            memoryPercent: cpuPercent,
            custom: asWritten(5 / 7, 0),
          }),
          lastScaleUpAtMs: NOW,
        }),
        memory,
      );
      if (decided.decision.action === 'scaleDown') {
        return afterMs;
      }
      ({ memory } = decided);
    }
    return Infinity;
  }

  test.each(POLICIES.filter(({ scales }) => scales).map(({ name }) => name))(
    '%s waits as long whether it is asked every 30 s, 1 min or 2 min',
    (name) => {
      const waits = [30 * SECOND, MINUTE, 2 * MINUTE].map((everyMs) => quietForMs(name, everyMs));
      expect(waits[0]).toBeGreaterThanOrEqual(12 * MINUTE);
      expect(waits[0]).toBeLessThan(Infinity);
      // Asked more rarely it can only notice at its next turn.
      expect(waits[1]! - waits[0]!).toBeLessThan(MINUTE);
      expect(waits[2]! - waits[0]!).toBeLessThan(2 * MINUTE);
    },
  );
});

describe('20: every Pending pod counts', () => {
  const giant = shape('giant', { requestMillicpu: 2_001 });

  /** Decides on what has been so for as long as the policy waits, and for an hour more. */
  function decideOnLasting(name: string, changes: Partial<View>) {
    const policy = configured(name);
    let memory: readonly number[] = [];
    for (let n = 60; ; n--) {
      const decided = decide(
        policy,
        cluster(),
        view({ ...changes, nowMs: NOW - n * MINUTE }),
        memory,
      );
      if (n === 0) {
        return decided;
      }
      ({ memory } = decided);
    }
  }
  const looksAtPods = ({ name, pendingPatienceMs }: Policy): boolean =>
    name !== 'static' &&
    name !== 'node-fleet-as-written' &&
    (pendingPatienceMs?.(configured(name).settings, cluster()) ?? 0) < Infinity;

  test.each(POLICIES.filter(looksAtPods).map(({ name }) => name))(
    '%s buys nothing for a pod that no node can hold',
    (name) => {
      const workersNow = workers(5);
      const impossible = { shapes: [giant], unschedulable: [50], workers: workersNow, desired: 5 };
      const possible = { ...impossible, shapes: [WEB] };
      expect(decideOnLasting(name, possible).decision.action).toBe('scaleUp');
      expect(decideOnLasting(name, impossible).decision.action).not.toBe('scaleUp');
    },
  );

  test('node-fleet-as-written does, on purpose: it shows what the brief’s own query costs', () => {
    const policy = configured('node-fleet-as-written');
    const impossible = {
      shapes: [giant],
      unschedulable: [1],
      metrics: metrics({ custom: asWritten(5, 1) }),
    };
    expect(decideOn(impossible, policy).decision).toMatchObject({ action: 'scaleUp', count: 2 });
  });

  test('nor does it keep an idle node for it, but says so', () => {
    const played = play({
      ...idleFleet(3),
      seen: {
        ...idleFleet(3).seen,
        pods: {
          shapes: [WEB, giant],
          unschedulable: [0, 1],
          perNode: [1, 2, 3].map((n) => ({ nodeName: idOf(n), counts: [1, 0] })),
        },
      },
    });
    expect(decidedIn(played).decision.action).toBe('scaleDown');
    expect(only(played, 'notify').flatMap((each) => each.alarms)).toContainEqual({
      code: 'pods-no-node-can-hold',
      subject: 'giant',
    });
  });
});

describe('21: a fixed step, whatever was asked for', () => {
  test('trailing-max buys what the waiting pods need, at once', () => {
    const policy = configured('trailing-max', { nodeCountMax: 100, stepUpMax: 100 });
    const added = (waiting: number) => {
      const full = workers(3, { pods: [8] });
      return decideOn({ workers: full, unschedulable: [waiting] }, policy).decision.count;
    };
    expect(added(8)).toBeGreaterThanOrEqual(1);
    expect(added(80)).toBeGreaterThanOrEqual(10);
    expect(added(80) - added(8)).toBeGreaterThanOrEqual(9);
  });

  test('the brief’s own rule is +2, and its step is a setting', () => {
    const added = (overrides: object) =>
      decideOn({ unschedulable: [80] }, configured('node-fleet', { ...overrides })).decision.count;
    expect(added({})).toBe(2);
    expect(added({ pendingStep: 6 })).toBe(6);
  });
});

describe('22: the cooldown of an action that is forgotten when it completes', () => {
  test('when a node has gone, the instant and the direction of its removal stay', () => {
    const removedAtMs = NOW - 2 * MINUTE;
    const removed = play({
      ...idleFleet(3),
      seen: {
        ...idleFleet(3).seen,
        instances: fleetOf(3).instances!.map((each) =>
          each.id === idOf(3) ? { ...each, state: 'terminated' as const } : each,
        ),
      },
      stored: known(
        state({
          desired: 2,
          lastScaleUpAtMs: NOW - HOUR,
          lastScaleDownAtMs: removedAtMs,
          drains: [drain(idOf(3), { stage: 'terminating' })],
        }),
      ),
    });
    expect(storedState(removed)).toMatchObject({
      drains: [],
      lastScaleUpAtMs: NOW - HOUR,
      lastScaleDownAtMs: removedAtMs,
    });
  });

  test.each([
    ['an addition', { lastScaleUpAtMs: NOW - 9 * MINUTE }],
    ['a removal', { lastScaleDownAtMs: NOW - 9 * MINUTE }],
  ])('nine minutes after %s a node may be added, none removed', (_what, last) => {
    const idle = decideOn({ ...last, metrics: IDLE });
    expect(firstBlocking(idle.explanation)?.rule).toBe('cooldown');
    expect(decideOn({ ...last, unschedulable: [9] }).decision.action).toBe('scaleUp');
  });
});

describe('24: a window that is only partly filled', () => {
  test('a reading of little coverage removes nothing', () => {
    const thin = metrics({ cpuPercent: reading(5, 0, 0.3) });
    expect(decideOn({ metrics: thin }).decision.action).toBe('hold');
  });

  test('the node that was just bought, or just joined, answers for its share: no second one', () => {
    const hot = metrics({ cpuPercent: reading(80, 15 * SECOND) });
    const alone = { workers: workers(3), metrics: hot };
    expect(decideOn(alone).decision.action).toBe('scaleUp');
    const arrivals = [
      worker('i-04', { phase: 'booting', pods: [0] }),
      worker('i-04', { phase: 'joining', pods: [0] }),
      worker('i-04', { readySinceMs: NOW - 10 * SECOND, pods: [0] }),
      worker('i-04', { readySinceMs: NOW - 10 * SECOND, pods: [3] }),
    ];
    for (const fresh of arrivals) {
      const four = { workers: [...workers(3), fresh], metrics: hot, desired: 4 };
      expect(decideOn(four).decision.action).toBe('hold');
    }
  });
});
