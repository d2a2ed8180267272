import { describe, expect, test } from 'vitest';
import { decodeState, type EffectKind } from '../../engine/index.ts';
import {
  alarmsOf,
  attempt,
  decidedIn,
  drain,
  EPOCH,
  eventsOf,
  fleetOf,
  HOUR,
  known,
  launch,
  MINUTE,
  mutations,
  NOW,
  only,
  order,
  play,
  podOnNode,
  refused,
  state,
  storedState,
  TIMEOUT,
  idOf,
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
    expect(asked).toBe(2);
    expect(
      storedState(played).launches[0].attempts.every((each) => each.outcome === 'unknown'),
    ).toBe(true);
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
      podsOnNode: [podOnNode(1, { terminating: true })],
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
