import { describe, expect, test } from 'vitest';
import {
  CLOCK_SKEW_MS,
  decodeState,
  HOLDER_GRACE_MS,
  LOCK_MS,
  type ConfiguredPolicy,
  type EffectKind,
} from '../../engine/index.ts';
import {
  alarmsOf,
  attempt,
  cluster,
  configured,
  decidedIn,
  drain,
  EPOCH,
  eventsOf,
  fleetOf,
  HOUR,
  instance,
  known,
  launch,
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
  state,
  storedState,
  TIMEOUT,
  idOf,
  withInstance,
  withNode,
  without,
  type Script,
} from './build.ts';

const waiting = (pods: number) => ({
  seen: { ...fleetOf(3), pods: { ...fleetOf(3).pods!, unschedulable: [pods] } },
});
const three = state({ known: [1, 2, 3].map(idOf), desired: 3 });
const held = (owner: string, holderDeadlineAtMs: number, epoch = EPOCH - 60) => ({
  ok: true as const,
  lock: { owner, epoch, lockExpiryAtMs: NOW + 4 * MINUTE, holderDeadlineAtMs },
  stored: known(three),
});

const HINT = {
  doomed: [{ instanceId: idOf(3), cause: 'rebalance' as const, markedAtMs: NOW }],
  kickedAtMs: null,
};

describe('the lock', () => {
  test('held by another that still works: journal and leave', () => {
    const played = play({
      answers: { acquireLock: refused('held'), readLock: held('other', NOW + MINUTE) },
    });
    expect(order(played)).toEqual(['acquireLock', 'readLock', 'appendJournal']);
    expect(played.record?.outcome).toBe('lock-held');
  });

  test('is ours although the answer to our write was lost (S10)', () => {
    const played = play({
      answers: { acquireLock: TIMEOUT, readLock: held('n1', NOW + MINUTE, EPOCH) },
    });
    expect(played.record?.outcome).toBe('decided');
  });

  test('of a dead holder with a clock ahead of ours is taken under the next epoch (S6, S9)', () => {
    const played = play({
      answers: {
        acquireLock: (_, nth) => (nth === 0 ? refused('held') : { ok: true, stored: known(three) }),
        readLock: held('dead', NOW - 1, EPOCH + 500),
      },
    });
    expect(only(played, 'acquireLock').map((each) => each.epoch)).toEqual([EPOCH, EPOCH + 501]);
    expect(played.record?.epoch).toBe(EPOCH + 501);
  });

  test('is not even asked for by a trigger older than 90 s (S20)', () => {
    const played = play({ input: { triggeredAtMs: NOW - 90_001 } });
    expect(order(played)).toEqual(['appendJournal']);
    expect(played.record?.outcome).toBe('stale-trigger');
    expect(play({ input: { triggeredAtMs: NOW - 90_000 } }).record?.outcome).toBe('decided');
  });

  test('is given back at the end, also after a quiet cycle, which is journalled too', () => {
    const played = play({ stored: known(three) });
    expect(order(played).slice(-3)).toEqual(['appendJournal', 'publishMetrics', 'releaseLock']);
    expect(decidedIn(played).decision.action).toBe('hold');
  });
});

describe('intent before action', () => {
  test('the launch is committed before it is sent, and the request is that attempt', () => {
    const played = play({ ...waiting(3), stored: known(three) });
    const kinds = order(played);
    expect(kinds.indexOf('commitState')).toBeLessThan(kinds.indexOf('launchInstances'));
    const intent = only(played, 'commitState')[0].state.launches[0];
    const [sent] = only(played, 'launchInstances');
    const { clientToken, zone, market, count } = intent.attempts[0];
    expect(sent.launch).toEqual({
      clientToken,
      zone,
      market,
      count,
      templateVersion: intent.templateVersion,
      intentId: intent.id,
      birthEpoch: EPOCH,
    });
    expect(clientToken).toMatch(/^[0-9a-f]{40}$/);
  });

  test.each([
    ['lock-lost', refused('lock-lost')],
    ['not answered', TIMEOUT],
  ])('a commit that is %s: nothing is acted on', (_why, answer) => {
    const played = play({
      ...waiting(3),
      stored: known(three),
      answers: { commitState: answer },
    });
    expect(mutations(played)).toEqual([]);
  });

  test('a taint is taken off for a stray one only once the table has said that the lock is still ours', () => {
    const tainted = withNode(fleetOf(3), idOf(2), { taintIntentId: 'drain-9-new' });
    const quiet = { seen: tainted, stored: known(three) };
    const ours = play(quiet);
    expect(order(ours).indexOf('commitState')).toBeLessThan(order(ours).indexOf('untaintNode'));
    expect(only(ours, 'untaintNode')).toMatchObject([
      { nodeName: idOf(2), intentId: 'drain-9-new' },
    ]);
    const taken = play({ ...quiet, answers: { commitState: refused('lock-lost') } });
    expect(taken.record?.outcome).toBe('lock-lost');
    expect(mutations(taken)).toEqual([]);
    // There is nothing to write otherwise.
    expect(only(play({ stored: known(three) }), 'commitState')).toEqual([]);
  });

  test('a successor repeats an unanswered launch byte for byte, under its birth epoch (S4, S5)', () => {
    const first = play({
      ...waiting(3),
      stored: known(three),
      answers: { launchInstances: TIMEOUT },
    });
    const sent = only(first, 'launchInstances').map((each) => each.launch);
    const later = NOW + 2 * MINUTE;
    const stored = decodeState(JSON.parse(JSON.stringify(storedState(first))));
    const second = play({
      ...waiting(3),
      stored,
      input: { nowMs: later, triggeredAtMs: later, deadlineMs: later + MINUTE, nonce: 'n2' },
    });
    const repeated = only(second, 'launchInstances').map((each) => each.launch);
    expect(repeated.slice(0, sent.length)).toEqual(sent);
  });

  test('an unknown outcome stays in flight: no other pool is tried (S4)', () => {
    const played = play({
      ...waiting(3),
      stored: known(three),
      answers: { launchInstances: TIMEOUT },
    });
    const asked = only(played, 'launchInstances').reduce((sum, each) => sum + each.launch.count, 0);
    // The first hangs, and the second is not sent in this cycle: each is for one.
    expect(asked).toBe(1);
    expect(storedState(played).launches[0].attempts).toMatchObject([
      { outcome: 'unknown', count: 1 },
      { outcome: 'unknown', count: 1 },
    ]);
  });

  test('a definite refusal is tried elsewhere, for what is missing only, under a new token (S4)', () => {
    const played = play({
      ...waiting(3),
      stored: known(three),
      answers: {
        launchInstances: ({ launch: { count } }, nth) =>
          nth === 0
            ? refused('insufficient-capacity')
            : {
                ok: true,
                instanceIds: Array.from({ length: count }, (_, n) => idOf(80 + nth * 5 + n)),
              },
      },
    });
    const sent = only(played, 'launchInstances').map((each) => each.launch);
    const launched = sent.slice(1).reduce((sum, each) => sum + each.count, 0);
    expect(launched).toBe(2);
    expect(new Set(sent.map((each) => each.clientToken)).size).toBe(sent.length);
    expect(alarmsOf(played).join()).toContain('launch-refused');
    expect(storedState(played).poolBackoffs).toHaveLength(1);
  });

  test('an epoch in tags above ours raises ours (S6)', () => {
    const fleet = fleetOf(3);
    const instances = fleet.instances!.map((each) => ({ ...each, birthEpoch: EPOCH + 7 }));
    const played = play({ seen: { ...fleet, instances }, stored: { kind: 'absent' } });
    expect(only(played, 'commitState')[0]).toMatchObject({ epoch: EPOCH, nextEpoch: EPOCH + 8 });
  });

  test('lost memory: intents kept, nothing removed for a cooldown (S6)', () => {
    const kept = launch({ attempts: [attempt()] });
    const played = play({
      seen: fleetOf(3),
      stored: { kind: 'lost', launches: [kept], drains: [] },
      answers: { launchInstances: TIMEOUT },
    });
    const after = storedState(played);
    expect(after.launches.map((each) => each.id)).toEqual([kept.id]);
    expect(after.recoveryUntilMs).toBeGreaterThanOrEqual(NOW + 600_000);
    expect(alarmsOf(played).join()).toContain('state-lost');
  });
});

describe('time', () => {
  test('nothing that changes the world begins when it may not end before the deadline (S8)', () => {
    const played = play({
      ...waiting(3),
      stored: known(three),
      input: { deadlineMs: NOW + 15_000 },
    });
    expect(mutations(played)).toEqual([]);
    expect(eventsOf(played).join()).toContain('out-of-time');
  });
});

describe('a drain', () => {
  const draining = (stage: 'tainting' | 'evicting' | 'terminating') =>
    known({
      ...three,
      desired: 2,
      drains: [drain(idOf(3), { stage, startedAtMs: NOW - MINUTE, progressedAtMs: NOW - MINUTE })],
    });

  test('taints, lists, and terminates only what a list after the taint shows empty, once committed', () => {
    const kinds = order(play({ seen: fleetOf(3), stored: draining('tainting') }));
    const at = (kind: EffectKind) => kinds.indexOf(kind);
    expect(at('taintNode')).toBeGreaterThan(0);
    expect(at('listNodePods')).toBeGreaterThan(at('taintNode'));
    expect(at('commitState')).toBeGreaterThan(at('listNodePods'));
    expect(at('terminateInstance')).toBeGreaterThan(at('commitState'));
  });

  test('an accepted eviction is not gone: not terminated in the same breath (S22)', () => {
    const played = play({
      seen: fleetOf(3),
      stored: draining('evicting'),
      podsOnNode: [podOnNode(1), podOnNode(2)],
    });
    expect(only(played, 'evictPod')).toHaveLength(2);
    expect(only(played, 'terminateInstance')).toEqual([]);
  });

  test('a terminating pod is waited for, and not evicted again (S22)', () => {
    const played = play({
      seen: fleetOf(3),
      stored: draining('evicting'),
      podsOnNode: [podOnNode(1, { terminatesAtMs: NOW })],
    });
    expect(only(played, 'evictPod')).toEqual([]);
    expect(only(played, 'terminateInstance')).toEqual([]);
  });

  test('asks a disruption budget three times in one cycle, ten seconds apart (S11)', () => {
    const played = play({
      seen: fleetOf(3),
      stored: draining('evicting'),
      podsOnNode: [podOnNode(1)],
      answers: { evictPod: refused('blocked-by-pdb') },
    });
    expect(only(played, 'evictPod')).toHaveLength(3);
    expect(only(played, 'pause')).toHaveLength(2);
  });

  test('stops at a pod that may not be moved', () => {
    const played = play({
      seen: fleetOf(3),
      stored: draining('evicting'),
      podsOnNode: [podOnNode(1, { pinnedBy: 'stateful-set' })],
    });
    expect(only(played, 'evictPod')).toEqual([]);
  });

  test('that is terminating is finished even when paused; others are undone (S8, S18)', () => {
    const finished = play({ mode: 'paused', seen: fleetOf(3), stored: draining('terminating') });
    expect(only(finished, 'terminateInstance').map((each) => each.instanceId)).toEqual([idOf(3)]);
    const undone = play({ mode: 'paused', seen: fleetOf(3), stored: draining('evicting') });
    expect(only(undone, 'evictPod')).toEqual([]);
    expect(storedState(undone).drains).toEqual([]);
  });

  test('for a hint waits until its replacement is Ready (S23)', () => {
    const hinted = play({
      seen: { ...fleetOf(3), inbox: HINT },
      stored: known(three),
    });
    expect(only(hinted, 'taintNode')).toEqual([]);
    expect(only(hinted, 'launchInstances').map((each) => each.launch.count)).toEqual([1]);
  });
});

describe('observe mode', () => {
  test('decides and journals, acts on nothing, and keeps no intent', () => {
    const played = play({ ...waiting(3), mode: 'observe', stored: known(three) });
    expect(decidedIn(played).decision.action).toBe('scaleUp');
    expect(mutations(played)).toEqual([]);
    expect(storedState(played).launches).toEqual([]);
  });
});

describe('what cannot be read', () => {
  test.each([
    ['Prometheus', { metrics: undefined }, 'queryMetrics', 'metrics-missing'],
    ['EC2', {}, 'listInstances', 'ec2-unreachable'],
    ['the node list', {}, 'listNodes', 'kubernetes-api-unreachable'],
    ['the pod list', {}, 'listPods', 'kubernetes-api-unreachable'],
  ] as const)('%s: nothing is removed, an alarm is raised', (_what, _seen, kind, alarm) => {
    const played = play({
      seen: fleetOf(3),
      stored: known({ ...three, lastScaleUpAtMs: NOW - HOUR }),
      answers: { [kind]: TIMEOUT },
    });
    expect(mutations(played)).toEqual([]);
    expect(decidedIn(played).decision).toMatchObject({ action: 'hold', repair: 0 });
    expect(alarmsOf(played).join()).toContain(alarm);
  });

  test('a node list without any node is not believed (S15)', () => {
    const played = play({ seen: { ...fleetOf(3), nodes: [] }, stored: known(three) });
    expect(mutations(played)).toEqual([]);
    expect(decidedIn(played).view.nodesKnown).toBe(false);
  });

  test('Prometheus down, pods waiting in the Kubernetes API: that may justify adding', () => {
    const played = play({
      ...waiting(3),
      stored: known(three),
      answers: { queryMetrics: TIMEOUT },
    });
    expect(decidedIn(played).decision).toMatchObject({ action: 'scaleUp', count: 2 });
  });

  test('an empty EC2 page against three known workers: hold, and nothing is bought (S16)', () => {
    const played = play({ seen: { ...fleetOf(3), instances: [] }, stored: known(three) });
    expect(mutations(played)).toEqual([]);
    expect(alarmsOf(played).join()).toContain('observation-contradicts-state');
  });
});

describe('custom readings', () => {
  const policy = (): ConfiguredPolicy => {
    const { policy: nodeFleet, settings } = configured();
    return { policy: { ...nodeFleet, readings: ['queue', 'errors'] }, settings };
  };

  test('are asked for by the names that the policy gives, and seen by it in thousandths', () => {
    const custom = [
      { name: 'queue', reading: reading(7.00049) },
      { name: 'errors', reading: reading(NaN) },
    ];
    const played = play({ policy: policy(), seen: { metrics: metrics({ custom }) } });
    expect(only(played, 'queryMetrics')[0].custom).toEqual(['queue', 'errors']);
    expect(decidedIn(played).view.metrics.custom).toEqual([
      { name: 'queue', reading: reading(7) },
      { name: 'errors', reading: { missing: 'not-a-number' } },
    ]);
  });

  test('are missing, by name, when Prometheus does not answer', () => {
    const played = play({ policy: policy(), answers: { queryMetrics: TIMEOUT } });
    expect(decidedIn(played).view.metrics.custom).toEqual([
      { name: 'queue', reading: { missing: 'timeout' } },
      { name: 'errors', reading: { missing: 'timeout' } },
    ]);
  });

  test('are not asked for by a policy that names none', () => {
    expect(only(play(), 'queryMetrics')[0].custom).toEqual([]);
  });
});

const hot = (pods: number): Script => ({ ...waiting(pods), stored: known(three) });
const oneZone = cluster({ zones: ['a'] });

describe('whose the lock is', () => {
  test('it is asked for with our own deadline and a grace, inside the outer bound (S9)', () => {
    const [asked] = only(play(), 'acquireLock');
    expect(asked).toEqual({
      kind: 'acquireLock',
      owner: 'n1',
      epoch: EPOCH,
      nowMs: NOW,
      lockExpiryAtMs: NOW + LOCK_MS,
      holderDeadlineAtMs: NOW + MINUTE + HOLDER_GRACE_MS,
    });
  });

  test.each([
    ['at its deadline', NOW, 'lock-held'],
    ['past its deadline', NOW - 1, 'decided'],
  ])('a holder %s: %i → %s (S9)', (_when, holderDeadlineAtMs, outcome) => {
    const played = play({
      answers: {
        acquireLock: (_, nth) => (nth === 0 ? refused('held') : { ok: true, stored: known(three) }),
        // Its clock runs ahead of ours: the write was refused for its epoch.
        readLock: held('dead', holderDeadlineAtMs, EPOCH + 1),
      },
    });
    expect(played.record?.outcome).toBe(outcome);
  });

  test('an expired lock is taken, and lost to whoever was faster', () => {
    const played = play({
      answers: {
        acquireLock: refused('held'),
        readLock: (_, nth) =>
          nth === 0 ? held('dead', NOW - 1, EPOCH + 1) : held('faster', NOW + MINUTE, EPOCH + 2),
      },
    });
    expect(only(played, 'acquireLock')).toHaveLength(2);
    expect(played.record?.outcome).toBe('lock-held');
    expect(mutations(played)).toEqual([]);
  });

  test('when neither the write nor the read is answered, nothing is done', () => {
    const played = play({ ...hot(3), answers: { acquireLock: TIMEOUT, readLock: TIMEOUT } });
    expect(order(played)).toEqual(['acquireLock', 'readLock', 'appendJournal']);
    expect(played.record).toMatchObject({ outcome: 'lock-unavailable', decided: null });
  });

  test('found to be ours by reading, it goes on from the state read with it (S10)', () => {
    const lock = {
      owner: 'n1',
      epoch: EPOCH,
      lockExpiryAtMs: NOW + LOCK_MS,
      holderDeadlineAtMs: 0,
    };
    const stored = known({ ...three, desired: 4 });
    const played = play({
      ...hot(3),
      stored: known(three),
      answers: { acquireLock: TIMEOUT, readLock: { ok: true, lock, stored } },
    });
    expect(storedState(played)).toMatchObject({ desired: 4, launches: [{ count: 1, repair: 1 }] });
  });
});

describe('the last moment to act', () => {
  test('lies twice the skew inside the lease, or the cycle does not begin (S8)', () => {
    const within = (leaseLeftMs: number) =>
      play({ ...hot(3), input: { deadlineMs: NOW + LOCK_MS - leaseLeftMs } });
    const longest = within(2 * CLOCK_SKEW_MS);
    expect(only(longest, 'launchInstances')).not.toEqual([]);
    const tooLong = within(2 * CLOCK_SKEW_MS - 1);
    expect(order(tooLong)).toEqual(['appendJournal', 'notify']);
    expect(tooLong.record).toMatchObject({ outcome: 'lease-too-short', decided: null });
  });

  test('a call that hangs never ends after our deadline, and closing still has its time', () => {
    for (let seconds = 5; seconds <= 60; seconds++) {
      const deadlineMs = NOW + seconds * SECOND;
      const played = play({
        ...hot(30),
        input: { deadlineMs },
        answers: { launchInstances: TIMEOUT },
      });
      expect(played.endedAtMs).toBeLessThanOrEqual(deadlineMs);
      if (mutations(played).length > 0) {
        expect(order(played)).toContain('appendJournal');
        expect(order(played).at(-1)).toBe('releaseLock');
      }
    }
  });
});

describe('a lock lost in the middle', () => {
  test('after the intent: what was sent stays recorded as unanswered, and no more is sent', () => {
    const played = play({
      ...hot(30),
      cluster: oneZone,
      policy: configured('node-fleet', { pendingStep: 3, spotPercent: 100 }),
      answers: {
        launchInstances: refused('insufficient-capacity'),
        commitState: (_, nth) => (nth === 0 ? { ok: true } : refused('lock-lost')),
      },
    });
    expect(only(played, 'launchInstances')).toHaveLength(1);
    expect(storedState(played).launches[0].attempts).toMatchObject([{ outcome: 'unknown' }]);
  });

  test('before `terminating` is committed: nothing is terminated', () => {
    const played = play({
      stored: known({ ...three, desired: 2, drains: [drain(idOf(3), { stage: 'tainting' })] }),
      answers: { commitState: refused('lock-lost') },
    });
    expect(only(played, 'terminateInstance')).toEqual([]);
  });

  test('a commit that has no answer: no terminate either, and an alarm', () => {
    const played = play({
      stored: known({ ...three, desired: 2, drains: [drain(idOf(3))] }),
      answers: { commitState: TIMEOUT },
    });
    expect(only(played, 'terminateInstance')).toEqual([]);
    expect(alarmsOf(played)).toContain('commit-failed');
  });
});

describe('answers to a launch', () => {
  const three4 = configured('node-fleet', { pendingStep: 3, spotPercent: 0 });

  test('partly fulfilled: those that came are known, the rest is tried elsewhere', () => {
    const played = play({
      ...hot(30),
      policy: three4,
      cluster: cluster({ zones: ['a', 'b'] }),
      answers: {
        launchInstances: ({ launch: { count } }, nth) => ({
          ok: true,
          instanceIds: Array.from({ length: nth === 0 ? 1 : count }, (_, n) => `i-8${nth}${n}`),
        }),
      },
    });
    const [first, ...others] = only(played, 'launchInstances').map((each) => each.launch);
    const total = others.reduce((sum, each) => sum + each.count, 1);
    expect(total).toBe(3);
    expect(first.count).toBeGreaterThan(1);
    expect(storedState(played).known.filter((id) => id.startsWith('i-8'))).toHaveLength(3);
    expect(storedState(played).poolBackoffs).toMatchObject([{ zone: first.zone }]);
  });

  test('each new attempt is committed before it is sent (S4)', () => {
    const played = play({
      ...hot(30),
      policy: three4,
      answers: { launchInstances: refused('insufficient-capacity') },
    });
    let committed: string[] = [];
    for (const effect of played.effects) {
      if (effect.kind === 'commitState') {
        committed = effect.state.launches.flatMap((each) =>
          each.attempts.map((a) => a.clientToken),
        );
      }
      if (effect.kind === 'launchInstances') {
        expect(committed).toContain(effect.launch.clientToken);
      }
    }
    expect(only(played, 'launchInstances').length).toBeGreaterThan(1);
  });

  test('refused everywhere: no pool is asked twice, and the next cycle passes them over', () => {
    const played = play({ ...hot(30), answers: { launchInstances: refused('quota') } });
    const asked = only(played, 'launchInstances').map(({ launch: l }) => `${l.market}/${l.zone}`);
    expect(new Set(asked).size).toBe(asked.length);
    const later = NOW + 2 * MINUTE;
    const next = play({
      ...waiting(30),
      stored: played.stored,
      input: { nowMs: later, triggeredAtMs: later, deadlineMs: later + MINUTE, nonce: 'n2' },
    });
    const again = only(next, 'launchInstances').map(({ launch: l }) => `${l.market}/${l.zone}`);
    expect(again.filter((pool) => asked.includes(pool))).toEqual([]);
  });

  test('`spent` is an answer, and no fault of the pool', () => {
    const played = play({
      stored: known({ ...three, launches: [launch()] }),
      answers: { launchInstances: refused('spent') },
    });
    expect(storedState(played)).toMatchObject({ launches: [], poolBackoffs: [] });
  });

  test('a mismatch or an invalid request is an alarm of its own', () => {
    for (const reason of ['parameter-mismatch', 'invalid'] as const) {
      const played = play({ ...hot(3), answers: { launchInstances: refused(reason) } });
      expect(alarmsOf(played)).toContain('launch-request-rejected');
    }
  });

  test('no answer is repeated in observe or paused mode: nothing is sent there', () => {
    for (const mode of ['observe', 'paused'] as const) {
      const played = play({ mode, stored: known({ ...three, launches: [launch()] }) });
      expect(mutations(played)).toEqual([]);
      expect(storedState(played).launches).toHaveLength(1);
    }
  });
});

describe('memory', () => {
  test('lost while workers run: nothing is removed before the cooldown ends, then it is (S6)', () => {
    const idle = { ...fleetOf(3), metrics: metrics({ cpuPercent: reading(5) }) };
    const lost = play({ seen: idle, stored: { kind: 'absent' } });
    expect(decidedIn(lost).decision.action).toBe('hold');
    expect(eventsOf(lost)).toContain('memory-lost shop');
    expect(storedState(lost).lastScaleUpAtMs).toBe(NOW - HOUR - MINUTE);

    const at = (afterMs: number) => {
      const nowMs = NOW + afterMs;
      const cpuPercent = { ...reading(5), sampledAtMs: nowMs };
      return play({
        seen: { ...idle, metrics: { ...idle.metrics, cpuPercent } },
        stored: lost.stored,
        input: { nowMs, triggeredAtMs: nowMs, deadlineMs: nowMs + MINUTE },
      });
    };
    expect(mutations(at(9 * MINUTE))).toEqual([]);
    expect(only(at(11 * MINUTE), 'taintNode')).toHaveLength(1);
  });

  test('absent with no worker there is a first start: no alarm about it', () => {
    const played = play({
      seen: { instances: [], nodes: [node('cp', { controlPlane: true })], pods: pods() },
      stored: { kind: 'absent' },
    });
    expect(alarmsOf(played)).not.toContain('state-lost');
    expect(storedState(played).recoveryUntilMs).toBe(0);
    expect(decidedIn(played).decision.repair).toBe(2);
  });

  test('of another policy is dropped; intents and instants stay (S25)', () => {
    const drains = [drain(idOf(3), { policy: 'trailing-max' })];
    const before = { ...three, desired: 2, memory: [1, 2], lastScaleUpAtMs: 7, drains };
    const played = play({ stored: known({ ...before, policy: 'trailing-max' }) });
    expect(eventsOf(played)).toContain('policy-changed trailing-max');
    expect(decidedIn(played).memory).toEqual([]);
    expect(storedState(played)).toMatchObject({
      policy: 'node-fleet',
      lastScaleUpAtMs: 7,
      drains: [{ instanceId: idOf(3), policy: 'trailing-max' }],
    });
  });

  test('that did not change is not written again', () => {
    expect(only(play({ stored: known(three) }), 'commitState')).toEqual([]);
  });
});

describe('a drain, round by round', () => {
  const evicting = known({ ...three, desired: 2, drains: [drain(idOf(3))] });

  test('is done once a later list shows nothing, not terminating pods either (S22)', () => {
    const lists = [[podOnNode(1), podOnNode(2)], [podOnNode(2, { terminatesAtMs: NOW })], []];
    const played = play({
      stored: evicting,
      answers: {
        evictPod: (_, nth) => (nth === 0 ? { ok: true } : refused('blocked-by-pdb')),
        listNodePods: (_, nth) => ({ ok: true, pods: lists[nth] }),
      },
    });
    // Round two finds nobody to ask: the cycle ends there, and the next one looks again.
    expect(only(played, 'listNodePods')).toHaveLength(2);
    expect(only(played, 'pause')).toHaveLength(1);
    expect(only(played, 'terminateInstance')).toEqual([]);
    expect(storedState(played).drains).toMatchObject([{ stage: 'evicting', podsLeft: 1 }]);
  });

  test('`terminating` is committed before it is sent, and sent again until the instance goes (S8)', () => {
    const first = play({ stored: evicting, answers: { terminateInstance: TIMEOUT } });
    const commits = only(first, 'commitState');
    expect(commits.at(-1)?.state.drains).toMatchObject([{ stage: 'terminating' }]);
    expect(eventsOf(first)).toContain('terminate-failed i-03');
    const second = play({ ...hot(30), stored: first.stored });
    expect(only(second, 'terminateInstance')).toHaveLength(1);
  });

  test('killed between commit and terminate, a successor finishes it', () => {
    const killed = play({
      stored: evicting,
      killedAt: ({ kind }) => kind === 'terminateInstance',
    });
    expect(only(play({ stored: killed.stored }), 'terminateInstance')).toHaveLength(1);
  });

  test('a pause that would leave no time to close is not taken (S11)', () => {
    const played = play({
      stored: evicting,
      podsOnNode: [podOnNode(1)],
      input: { deadlineMs: NOW + 25 * SECOND },
      answers: { evictPod: refused('blocked-by-pdb') },
    });
    expect(only(played, 'evictPod')).toHaveLength(1);
    expect(only(played, 'pause')).toEqual([]);
  });

  test('for a hint goes on when its replacement is Ready (S23)', () => {
    const four = state({ known: [1, 2, 3, 4].map(idOf), desired: 3 });
    const played = play({
      seen: { ...fleetOf(4), inbox: HINT },
      stored: known(four),
      podsOnNode: [podOnNode(1)],
    });
    expect(only(played, 'taintNode').map((each) => each.nodeName)).toEqual([idOf(3)]);
    expect(only(played, 'evictPod')).toHaveLength(1);
  });

  test('for a reclaim does not wait, and moves pods that a voluntary one may not', () => {
    const inbox = { ...HINT, doomed: [{ ...HINT.doomed[0], cause: 'reclaim' as const }] };
    const played = play({
      seen: { ...fleetOf(3), inbox },
      stored: known(three),
      podsOnNode: [podOnNode(1, { pinnedBy: 'single-replica' })],
    });
    const kinds = order(played);
    expect(kinds.indexOf('launchInstances')).toBeLessThan(kinds.indexOf('taintNode'));
    expect(only(played, 'evictPod')).toHaveLength(1);
  });

  describe('for a reclaim of what had no node, once EC2 has refused to terminate it', () => {
    const inbox = { ...HINT, doomed: [{ ...HINT.doomed[0], cause: 'reclaim' as const }] };
    const taken = drain(idOf(3), { reason: 'reclaim', nodeName: null, stage: 'terminating' });
    const stored = known({ ...three, drains: [taken] });
    const booting = { ...without(fleetOf(3), [idOf(3)]), instances: fleetOf(3).instances, inbox };

    test('is tried again as long as there is none', () => {
      const played = play({ seen: booting, stored });
      expect(only(played, 'terminateInstance')).toHaveLength(1);
    });

    test('turns to draining the node that has come after all', () => {
      const seen = { ...fleetOf(3), inbox };
      const played = play({ seen, stored, podsOnNode: [podOnNode(1)] });
      expect(only(played, 'terminateInstance')).toEqual([]);
      expect(only(played, 'evictPod')).toHaveLength(1);
      expect(storedState(played).drains).toMatchObject([{ nodeName: idOf(3), stage: 'evicting' }]);
    });

    test('waits where nodes cannot be listed again', () => {
      const played = play({
        seen: booting,
        stored,
        answers: {
          listNodes: (_, nth) => (nth === 0 ? { ok: true, nodes: booting.nodes! } : TIMEOUT),
        },
      });
      expect(only(played, 'terminateInstance')).toEqual([]);
    });
  });
});

describe('paused', () => {
  test('ties nothing, launches nothing, and takes our taints off, a person’s cordon not (S18)', () => {
    const fleet = withNode(fleetOf(3), idOf(2), { taintIntentId: 'drain-5-i-02' });
    const seen = withNode(fleet, idOf(3), { cordoned: true });
    const played = play({
      mode: 'paused',
      seen: { ...seen, pods: pods({ ...seen.pods, unschedulable: [30] }) },
      stored: known({ ...three, desired: 2, drains: [drain(idOf(2))] }),
    });
    const intentId = 'drain-5-i-02';
    expect(mutations(played)).toEqual([{ kind: 'untaintNode', nodeName: idOf(2), intentId }]);
    expect(storedState(played).drains).toEqual([]);
  });
});

describe('what others left behind', () => {
  test('a kick is cleared once what it led to is committed, and not before', () => {
    const inbox = { doomed: [], kickedAtMs: NOW - SECOND };
    const played = play({ ...hot(3), seen: { ...waiting(3).seen, inbox } });
    const kinds = order(played);
    expect(kinds.lastIndexOf('commitState')).toBeLessThan(kinds.indexOf('clearInbox'));
    expect(only(played, 'clearInbox')).toMatchObject([{ kickedAtMs: NOW - SECOND }]);
    const failed = play({
      ...hot(3),
      seen: { ...waiting(3).seen, inbox },
      answers: { commitState: TIMEOUT },
    });
    expect(only(failed, 'clearInbox')).toEqual([]);
  });

  test('the node of an instance seen terminated is deleted', () => {
    const played = play({
      seen: withInstance(fleetOf(3), idOf(3), { state: 'terminated' }),
      stored: known({ ...three, desired: 2 }),
    });
    expect(only(played, 'deleteNode').map((each) => each.nodeName)).toEqual([idOf(3)]);
  });

  test.each([
    ['EC2 does not know', [], ['i-77']],
    ['is alive', ['i-77'], []],
  ])('a dead node of an instance in no list that %s: %s deleted', (_how, alive, deleted) => {
    const dead = node('i-77', { ready: false, readyChangedAtMs: NOW - 5 * MINUTE });
    const played = play({
      seen: { ...fleetOf(3), nodes: [...fleetOf(3).nodes!, dead] },
      stored: known(three),
      answers: {
        describeInstances: { ok: true, instances: alive.map((id) => instance(id)), foreign: [] },
      },
    });
    expect(only(played, 'deleteNode').map((each) => each.nodeName)).toEqual(deleted);
  });

  test.each([
    ['is not known to it either', [], [idOf(1), idOf(2)]],
    ['is alive there', ['i-03'], [idOf(1), idOf(2), idOf(3)]],
  ])('a worker missing for 5 minutes is asked for by its id: it %s (S16)', (_how, alive, after) => {
    const absence = {
      instanceId: idOf(3),
      sinceMs: NOW - 5 * MINUTE,
      seen: true,
      zone: '',
      market: 'spot' as const,
    };
    const played = play({
      seen: without(fleetOf(3), [idOf(3)]),
      stored: known({ ...three, absent: [absence] }),
      answers: {
        describeInstances: { ok: true, instances: alive.map((id) => instance(id)), foreign: [] },
      },
    });
    expect(only(played, 'describeInstances')).toMatchObject([{ ids: [idOf(3)] }]);
    expect(storedState(played).known.filter((id) => id < 'i-04')).toEqual(after);
    expect(decidedIn(played).decision.repair).toBe(alive.length === 0 ? 1 : 0);
  });
});

describe('each source failing alone, while pods wait', () => {
  test.each([
    ['queryMetrics', true],
    ['readInbox', true],
    ['listPods', false],
    ['listInstances', false],
  ] as const)('%s: launches %s', (kind, launches) => {
    const dark = { unschedulablePods: MISSING, cpuPercent: MISSING };
    const played = play({
      ...hot(3),
      seen: { ...waiting(3).seen, ...(kind === 'queryMetrics' ? {} : { metrics: metrics(dark) }) },
      answers: { [kind]: TIMEOUT },
    });
    expect(only(played, 'launchInstances').length > 0).toBe(launches);
    expect(order(played)).toContain('appendJournal');
  });

  test('listNodes: one probe at most (S14)', () => {
    const played = play({ ...hot(30), answers: { listNodes: TIMEOUT } });
    const counts = only(played, 'launchInstances').map((each) => each.launch.count);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(1);
  });

  test('journal, metrics and notices that fail change nothing of what was done', () => {
    const played = play({
      ...hot(3),
      answers: { appendJournal: TIMEOUT, publishMetrics: TIMEOUT, notify: TIMEOUT },
    });
    expect(only(played, 'launchInstances').length).toBeGreaterThan(0);
    expect(order(played).at(-1)).toBe('releaseLock');
  });

  test('pods that wait at max are an alarm, and so is nothing else on a quiet day', () => {
    const full = configured('node-fleet', { nodeCountMax: 3 });
    expect(alarmsOf(play({ ...hot(3), policy: full }))).toEqual(['at-max-with-pods-unschedulable']);
    expect(only(play({ stored: known(three) }), 'notify')).toEqual([]);
  });
});
