// Sequences of events that once hurt a fleet, though every step looked right: found by review, each kept under the rule that
// closes it.
import { describe, expect, test } from 'vitest';
import {
  chooseVictims,
  countFleet,
  decide,
  decodeState,
  firstBlocking,
  nodesLacking,
  placeLaunches,
  quantizeReading,
  reconcile,
  freshValue,
  type DecodedState,
} from '../../engine/index.ts';
import {
  alarmsOf,
  asking,
  attempt,
  cluster,
  configured,
  decidedIn,
  drain,
  EPOCH,
  eventsOf,
  FREE_LOCK,
  fleetOf,
  idOf,
  instance,
  known,
  KUBERNETES_DOWN,
  launch,
  marked,
  metrics,
  MINUTE,
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
  seen,
  shape,
  state,
  storedState,
  TIMEOUT,
  view,
  WEB,
  withInstance,
  withNode,
  without,
  worker,
  workers,
  type Script,
} from './build.ts';

const [A, B, C] = [1, 2, 3].map(idOf) as [string, string, string];
const laterBy = (afterMs: number) => ({
  nowMs: NOW + afterMs,
  triggeredAtMs: NOW + afterMs,
  deadlineMs: NOW + afterMs + MINUTE,
  nonce: `n${String(2 + afterMs)}`,
});
const waiting = (count: number): NonNullable<Script['seen']> => ({
  ...fleetOf(3),
  pods: { ...fleetOf(3).pods!, unschedulable: [count] },
});

describe('a shortage of instances', () => {
  test('does not raise what is meant to be there, cycle after cycle, to buy it all when it ends', () => {
    const policy = configured('node-fleet', { nodeCountMax: 50 });
    let stored: DecodedState = known(state());
    for (let n = 0; n < 6; n++) {
      const played = play({
        policy,
        stored,
        seen: waiting(8),
        input: laterBy(n * 6 * MINUTE),
        answers: { launchInstances: refused('insufficient-capacity') },
      });
      ({ stored } = played);
      expect(storedState(played).desired).toBe(3);
    }
    const over = play({ policy, stored, seen: waiting(8), input: laterBy(80 * MINUTE) });
    const bought = only(over, 'launchInstances').reduce((sum, each) => sum + each.launch.count, 0);
    expect(bought).toBe(2);
  });

  test('of what restores capacity leaves it desired, and it is bought once', () => {
    const lost = { seen: without(fleetOf(3), [C]), stored: known(state({ known: [A, B] })) };
    const short = play({ ...lost, answers: { launchInstances: refused('quota') } });
    expect(storedState(short).desired).toBe(3);
    const over = play({ ...lost, stored: short.stored, input: laterBy(40 * MINUTE) });
    expect(only(over, 'launchInstances').map(({ launch }) => launch.count)).toEqual([1]);
  });

  test('that a later cycle learns of lowers what is meant too', () => {
    const intent = launch({ count: 2, attempts: [attempt({ count: 2 })] });
    const played = play({
      stored: known(state({ desired: 5, launches: [intent] })),
      answers: { launchInstances: refused('insufficient-capacity') },
    });
    expect(storedState(played).desired).toBe(3);
  });

  test('in some zones: the next pool is chosen by what the same intent launched elsewhere', () => {
    // Three of four zones get one; the fourth has none, and its share goes where fewest are.
    const zones = ['a', 'b', 'c', 'd'];
    const policy = asking('scaleUp', 4, { onDemandBase: 10 });
    const played = play({
      policy,
      cluster: cluster({ zones }),
      seen: { instances: [], nodes: [node('m', { controlPlane: true })], pods: pods() },
      stored: known(state({ known: [], joined: [], desired: 0 })),
      answers: {
        launchInstances: ({ launch }, nth) =>
          launch.zone === 'a'
            ? refused('insufficient-capacity')
            : {
                ok: true,
                instanceIds: Array.from({ length: launch.count }, (_, n) => `i-9${nth}${n}`),
              },
      },
    });
    const sent = only(played, 'launchInstances').map(
      ({ launch }) => `${launch.zone}${launch.count}`,
    );
    // Two of them restore min.
    expect(sent).toEqual(['a2', 'b2', 'c1', 'd1', 'c1', 'd1']);
  });
});

describe('pools that are closed', () => {
  test('do not make zones more uneven than they need be, whatever the order of markets', () => {
    const closed = ['b', 'c'].map((zone) => ({
      zone,
      market: 'on-demand' as const,
      failures: 1,
      untilMs: NOW + 1,
    }));
    const { settings } = configured('node-fleet', { onDemandBase: 0, spotPercent: 25 });
    const fleet = workers(3, { market: 'on-demand', pods: [1] });
    // One spot, then one on demand, which only zone a has: the spot one goes elsewhere.
    expect(
      placeLaunches(view({ workers: fleet, poolBackoffs: closed }), cluster(), settings, 2),
    ).toEqual([
      { zone: 'b', market: 'spot', count: 1 },
      { zone: 'a', market: 'on-demand', count: 1 },
    ]);
  });
});

describe('a node that was lost', () => {
  test('is bought once by a policy that follows a target: the repair is on its way', () => {
    const played = play({
      policy: configured('trailing-max'),
      seen: {
        ...fleetOf(3),
        inbox: marked(C),
        pods: pods({ perNode: [A, B, C].map((nodeName) => ({ nodeName, counts: [8] })) }),
      },
      stored: known(state({ policy: 'trailing-max' })),
    });
    expect(decidedIn(played).decision).toMatchObject({ repair: 1, action: 'hold', desired: 3 });
    expect(only(played, 'launchInstances').map(({ launch }) => launch.count)).toEqual([1]);
  });

  test('and is NotReady for long is no capacity, and does not stop removals for ever (S17)', () => {
    const fleet = countFleet(
      view({ workers: [...workers(3), worker('j', { phase: 'not-ready' })] }),
    );
    expect(fleet).toMatchObject({ supply: 3, countedAgainstMax: 4, notReady: 1 });
    const dead = withNode(fleetOf(3), C, { ready: false, readyChangedAtMs: NOW - 5 * MINUTE });
    expect(decidedIn(play({ seen: dead })).decision.repair).toBe(1);
    const flaps = withNode(fleetOf(3), C, { ready: false, readyChangedAtMs: NOW - MINUTE });
    expect(decidedIn(play({ seen: flaps })).decision.repair).toBe(0);
  });

  test('its pods need room elsewhere too before another is removed (S12)', () => {
    const full = [
      worker(A, { pods: [4] }),
      worker(B, { zone: 'b', pods: [4] }),
      worker(C, { zone: 'c', pods: [1], market: 'spot' }),
    ];
    const settings = configured('node-fleet', {
      removalHeadroomPercent: 0,
      onDemandBase: 0,
    }).settings;
    const victims = (extra: Parameters<typeof worker>[1]) =>
      chooseVictims(
        view({ workers: [...full, worker('z', { ...extra, market: 'spot' })] }),
        cluster(),
        settings,
        1,
      );
    // Eight places are free on the other two; C’s pod takes one of them.
    expect(victims({ phase: 'doomed', pods: [7] })).toEqual([C]);
    expect(victims({ phase: 'doomed', pods: [8] })).toEqual([]);
    expect(victims({ phase: 'not-ready', pods: [8] })).toEqual([]);
  });

  test('a node that others lost is undone before one is bought', () => {
    const played = play({
      seen: { ...fleetOf(3), inbox: marked(B) },
      stored: known(state({ drains: [drain(A)], desired: 2 })),
    });
    expect(eventsOf(played)).toContain(`drain-undone ${A}`);
    expect(only(played, 'launchInstances')).toEqual([]);
  });

  test('what came back is not meant as well: a moment’s over-count is never bought again', () => {
    const back = play({ seen: fleetOf(4), stored: known(state()) });
    expect(storedState(back).desired).toBe(3);
  });
});

describe('a launch', () => {
  test('not listed yet is on its way: pods that wait for it do not buy another', () => {
    const absent = [
      { instanceId: 'i-91', sinceMs: NOW, seen: false, zone: 'a', market: 'spot' },
    ] as const;
    const met = reconcile(
      seen(waiting(8)),
      state({ known: [A, B, C, 'i-91'], absent, desired: 4 }),
      configured(),
      cluster(),
    );
    expect(countFleet(met.view)).toMatchObject({ arriving: 1, supply: 4 });
    expect(nodesLacking(met.view, countFleet(met.view), cluster(), MINUTE)).toBe(0);
  });

  test.each(['throttled', 'unavailable'] as const)(
    'that is refused as %s says nothing of the pool: it is sent again, and no other is tried (S4)',
    (reason) => {
      const first = play({ seen: waiting(8), answers: { launchInstances: refused(reason) } });
      expect(only(first, 'launchInstances')).toHaveLength(2);
      expect(storedState(first)).toMatchObject({ poolBackoffs: [], desired: 5 });
      expect(alarmsOf(first)).toContain('ec2-unreachable');
      const second = play({ seen: waiting(8), stored: first.stored, input: laterBy(2 * MINUTE) });
      expect(only(second, 'launchInstances').slice(0, 2)).toEqual(only(first, 'launchInstances'));
    },
  );

  test.each(['parameter-mismatch', 'invalid'] as const)(
    'that is refused as %s is not bought elsewhere: the request is at fault (S4)',
    (reason) => {
      const played = play({ seen: waiting(8), answers: { launchInstances: refused(reason) } });
      // The two shares of one decision, and nothing in their place.
      expect(only(played, 'launchInstances')).toHaveLength(2);
      expect(alarmsOf(played)).toContain('launch-request-rejected');
      expect(storedState(played).desired).toBe(3);
    },
  );
});

describe('pods bound to a zone', () => {
  const bound = shape('bound', { zone: 'b' });
  const stuck = { shapes: [WEB, bound], unschedulable: [0, 3] };
  const three = workers(3, { pods: [8, 0] });
  const { settings } = configured();

  test('get their node there, and not wherever fewest are', () => {
    const waits = view({ ...stuck, workers: [...three, worker('j', { zone: 'b', pods: [8, 0] })] });
    expect(placeLaunches(waits, cluster(), settings, 1)).toMatchObject([{ zone: 'b', count: 1 }]);
    // Beyond what they need, balance decides again.
    expect(placeLaunches(waits, cluster(), settings, 3).map(({ zone }) => zone)).toEqual([
      'b',
      'a',
      'c',
    ]);
  });

  test('are not helped by what arrives elsewhere', () => {
    const lacking = (zone: string) => {
      const arriving = worker('j', { zone, phase: 'booting', pods: [0, 0] });
      const waits = view({ ...stuck, workers: [...three, arriving] });
      return nodesLacking(waits, countFleet(waits), cluster(), MINUTE);
    };
    expect(lacking('a')).toBe(1);
    expect(lacking('b')).toBe(0);
  });

  test('share what arrives for others, which is counted once', () => {
    const waits = view({ shapes: [WEB, bound], unschedulable: [8, 8], workers: three });
    const fleet = countFleet(waits);
    expect(nodesLacking(waits, fleet, cluster(), MINUTE)).toBe(2);
    const arriving = view({
      ...waits,
      workers: [...three, worker('j', { zone: 'b', phase: 'booting', pods: [0, 0] })],
    });
    expect(nodesLacking(arriving, countFleet(arriving), cluster(), MINUTE)).toBe(1);
  });

  test('buy nothing elsewhere while their zone has nothing', () => {
    const closed = ['spot', 'on-demand'].map((market) => ({
      zone: 'b',
      market: market as 'spot',
      failures: 1,
      untilMs: NOW + 1,
    }));
    const waits = view({ ...stuck, workers: three, poolBackoffs: closed });
    expect(nodesLacking(waits, countFleet(waits), cluster(), MINUTE)).toBe(0);
    expect(decide(configured(), cluster(), waits, []).decision.action).toBe('hold');
  });

  test('in a zone that is not ours are pods that no node can hold (S13)', () => {
    const elsewhere = { shapes: [shape('far', { zone: 'z' })], unschedulable: [3] };
    const waits = view({ ...elsewhere, workers: workers(3) });
    expect(nodesLacking(waits, countFleet(waits), cluster(), MINUTE)).toBe(0);
    expect(alarmsOf(play({ seen: { ...fleetOf(3), pods: pods(elsewhere) } }))).toContain(
      'pods-no-node-can-hold',
    );
  });

  test('in a zone that is not ours need no node beside those that others wait for (S13)', () => {
    const shapes = [WEB, shape('far', { zone: 'z', requestMillicpu: 1_500 })];
    const waits = view({ workers: workers(3, { pods: [8, 0] }), shapes, unschedulable: [1, 3] });
    expect(nodesLacking(waits, countFleet(waits), cluster(), MINUTE)).toBe(1);
    const asked = decide(configured('trailing-max'), cluster(), waits, []);
    expect(asked.explanation).toMatchObject({ proposed: 1 });
    const alone = { ...waits, unschedulable: [0, 3] };
    expect(decide(configured('trailing-max'), cluster(), alone, []).decision.action).toBe('hold');
  });
});

describe('a drain', () => {
  const pinned = podOnNode(1, { pinnedBy: 'local-data' });

  test('for a hint moves nothing beside a pod that may not be moved; a notice does', () => {
    const draining = (reason: 'rebalance' | 'reclaim') =>
      play({
        seen: { ...fleetOf(3), inbox: marked(C, reason) },
        stored: known(state({ desired: 2, drains: [drain(C, { reason })] })),
        podsOnNode: [pinned, podOnNode(2)],
      });
    expect(only(draining('rebalance'), 'evictPod')).toEqual([]);
    expect(only(draining('reclaim'), 'evictPod')).toHaveLength(2);
  });

  test('that a budget refuses does not keep a notice waiting', () => {
    const played = play({
      seen: { ...fleetOf(3), inbox: marked(C) },
      stored: known(state({ desired: 1, drains: [drain(A), drain(C, { reason: 'reclaim' })] })),
      policy: configured('node-fleet', { nodeCountMin: 1 }),
      answers: {
        evictPod: refused('blocked-by-pdb'),
        listNodePods: ({ nodeName }) => ({ ok: true, pods: [podOnNode(nodeName === A ? 1 : 2)] }),
      },
    });
    const kinds = played.effects.filter(({ kind }) => kind === 'evictPod' || kind === 'pause');
    expect(kinds.map((each) => (each.kind === 'evictPod' ? each.uid : each.kind))).toEqual([
      'uid-2',
      'uid-1',
      'pause',
      'uid-2',
      'uid-1',
      'pause',
      'uid-2',
      'uid-1',
    ]);
  });

  test('whose node changed meanwhile reads it once more, and taints it in the same cycle', () => {
    const changed = withNode(fleetOf(3), C, { resourceVersion: '42' });
    const answers = (conflicts: number): NonNullable<Script['answers']> => ({
      taintNode: (_, nth) => (nth < conflicts ? refused('conflict') : { ok: true }),
      listNodes: (_, nth) => ({ ok: true, nodes: (nth === 0 ? fleetOf(3) : changed).nodes! }),
    });
    const stored = known(state({ drains: [drain(C, { stage: 'tainting' })] }));
    const once = play({ stored, answers: answers(1), podsOnNode: [podOnNode(1)] });
    expect(only(once, 'taintNode').map(({ resourceVersion }) => resourceVersion)).toEqual([
      '41',
      '42',
    ]);
    expect(only(once, 'evictPod')).toHaveLength(1);
    const twice = play({ stored, answers: answers(2), podsOnNode: [podOnNode(1)] });
    expect(only(twice, 'taintNode')).toHaveLength(2);
    expect(only(twice, 'evictPod')).toEqual([]);
  });

  test('whose pods are within their grace makes progress, however long that is (S11)', () => {
    const progressed = (terminatesAtMs: number) => {
      const stored = known(state({ drains: [drain(C, { podsLeft: 1 })] }));
      return storedState(play({ stored, podsOnNode: [podOnNode(1, { terminatesAtMs })] }))
        .drains[0]!.progressedAtMs;
    };
    expect(progressed(NOW + MINUTE)).toBeGreaterThan(NOW);
    expect(progressed(NOW)).toBe(NOW - MINUTE);
  });

  test('remembers its node by name, though the node is known by its address alone', () => {
    const fleet = fleetOf(4);
    const [idle] = [idOf(4)];
    const nameless = withNode(withInstance(fleet, idle, { privateIp: '10.0.0.4' }), idle, {
      instanceId: null,
      internalIp: '10.0.0.4',
      name: 'worker-4',
    });
    const played = play({
      seen: {
        ...nameless,
        metrics: metrics({ cpuPercent: reading(5) }),
        pods: pods({ perNode: [A, B, C].map((nodeName) => ({ nodeName, counts: [1] })) }),
      },
      stored: known(state({ known: [A, B, C, idle], joined: [A, B, C, idle], desired: 4 })),
    });
    expect(storedState(played).drains).toMatchObject([{ instanceId: idle, nodeName: 'worker-4' }]);
    expect(only(played, 'taintNode')).toMatchObject([{ nodeName: 'worker-4' }]);
  });
});

describe('what is irreversible', () => {
  const young = { launchedAtMs: NOW - 20 * MINUTE };
  const late = { ...fleetOf(3), instances: [...fleetOf(3).instances!, instance('i-09', young)] };
  const stored = known(state({ known: [A, B, C, 'i-09'], desired: 4 }));

  test('is looked at once more: a node that is Ready after all stays (S8)', () => {
    const answers = (
      second: readonly ReturnType<typeof node>[],
    ): NonNullable<Script['answers']> => ({
      listNodes: (_, nth) => ({ ok: true, nodes: nth === 0 ? late.nodes! : second }),
    });
    const joined = play({ seen: late, stored, answers: answers([...late.nodes!, node('i-09')]) });
    expect(only(joined, 'terminateInstance')).toEqual([]);
    expect(storedState(joined).drains).toEqual([]);
    const dead = play({ seen: late, stored, answers: answers(late.nodes!) });
    expect(only(dead, 'terminateInstance')).toMatchObject([{ instanceId: 'i-09' }]);
    const kinds = order(dead);
    expect(kinds.lastIndexOf('commitState')).toBeGreaterThan(kinds.lastIndexOf('listNodes'));
  });

  test('waits when that look fails', () => {
    const answers: NonNullable<Script['answers']> = {
      listNodes: (_, nth) => (nth === 0 ? { ok: true, nodes: late.nodes! } : TIMEOUT),
    };
    expect(only(play({ seen: late, stored, answers }), 'terminateInstance')).toEqual([]);
  });
});

describe('memory', () => {
  test('that is lost while instances cannot be listed is lost all the same (S6)', () => {
    const first = play({ stored: { kind: 'absent' }, seen: { instances: null } });
    expect(eventsOf(first)).toContain('memory-lost shop');
    expect(storedState(first)).toMatchObject({
      desired: null,
      recoveryUntilMs: NOW + 10 * MINUTE + 5 * SECOND + 20,
    });
  });

  test('that is lost while EC2 lists nothing, and nodes are there, buys nothing', () => {
    const blind = play({ stored: { kind: 'absent' }, seen: { instances: [] } });
    expect(mutations(blind)).toEqual([]);
    expect(storedState(blind).desired).toBeNull();
  });

  test('that is lost holds Ready nodes for ours until EC2 is asked about each, however often its page is empty', () => {
    const first = play({ stored: { kind: 'absent' }, seen: { instances: [] } });
    expect(storedState(first).known).toEqual([A, B, C]);
    expect(storedState(first).absent.map(({ instanceId }) => instanceId)).toEqual([A, B, C]);
    const later = { ...storedState(first), recoveryUntilMs: NOW };
    expect(mutations(play({ stored: known(later), seen: { instances: [] } }))).toEqual([]);
    // A foreign node among them contradicts nothing.
    const nodes = [...fleetOf(3).nodes!, node('x')];
    const mixed = play({ stored: { kind: 'absent' }, seen: { nodes } });
    expect(alarmsOf(mixed)).not.toContain('observation-contradicts-state');
  });

  test('of one intent that cannot be read leaves the others', () => {
    const raw = { schema: 99, launches: [{ id: 7 }, launch()], drains: [drain(A), 'x'] };
    expect(decodeState(raw)).toEqual({ kind: 'lost', launches: [launch()], drains: [drain(A)] });
  });
});

describe('what is seen', () => {
  test('nodes of instances that are none of ours contradict nothing', () => {
    const foreign = ['x', 'y', 'z', 'zz'].map((id) => node(id));
    const nodes = [...fleetOf(3).nodes!, ...foreign];
    expect(reconcile(seen({ nodes }), state(), configured(), cluster()).view.contradicted).toBe(
      false,
    );
    // Ours, and not listed: then the list is not believed (S16).
    const known = [A, B, C, ...foreign.map(({ name }) => name)];
    expect(
      reconcile(seen({ nodes }), state({ known }), configured(), cluster()).view.contradicted,
    ).toBe(true);
  });

  test.each(['untaintNode', 'deleteNode'] as const)(
    'a node that is not rid of our taint, or of its object, is told of (%s)',
    (kind) => {
      const fleet =
        kind === 'untaintNode'
          ? withNode(fleetOf(3), A, { taintIntentId: 'forgotten' })
          : withInstance(fleetOf(3), A, { state: 'terminated' });
      const played = play({ seen: fleet, stored: known(state()), answers: { [kind]: TIMEOUT } });
      expect(only(played, kind)).toHaveLength(1);
      expect(alarmsOf(played)).toContain('node-unchanged');
      expect(alarmsOf(play({ seen: fleet, stored: known(state()) }))).not.toContain(
        'node-unchanged',
      );
    },
  );

  test.each([
    [6, false, []],
    [6, true, ['i-08', 'i-09']],
    [600, false, []],
  ] as const)(
    'alive by its id and in no list for %i minutes, its tags taken off: %s: given up %j',
    (minutes, isForeign, given) => {
      const missing = ['i-08', 'i-09'];
      const absent = missing.map((instanceId) => ({
        instanceId,
        sinceMs: NOW - minutes * MINUTE,
        seen: true,
        zone: '',
        market: 'spot' as const,
      }));
      const played = play({
        seen: fleetOf(2),
        stored: known(state({ known: [A, B, ...missing], joined: [A, B], absent, desired: 4 })),
        answers: {
          describeInstances: {
            ok: true,
            instances: missing.map((id) => instance(id)),
            foreign: isForeign ? missing : [],
          },
        },
      });
      const disowned = eventsOf(played).filter((each) => each.startsWith('disowned'));
      expect(disowned.map((each) => each.split(' ')[1])).toEqual(given);
      expect(only(played, 'launchInstances')).toEqual([]);
      expect(alarmsOf(played).filter((code) => code === 'instance-unlisted')).toHaveLength(
        minutes === 6 ? given.length : 2,
      );
    },
  );

  test('an instance that is alive by its id and in no list is an alarm', () => {
    const absent = [
      { instanceId: 'i-09', sinceMs: NOW - 30 * MINUTE, seen: true, zone: '', market: 'spot' },
    ] as const;
    const played = play({
      stored: known(state({ known: [A, B, C, 'i-09'], absent, desired: 4 })),
      answers: { describeInstances: { ok: true, instances: [instance('i-09')], foreign: [] } },
    });
    expect(alarmsOf(played)).toContain('instance-unlisted');
  });

  test('a node that can be matched to nothing is an alarm: it holds things up (S15)', () => {
    const nodes = [...fleetOf(3).nodes!, node('stranger', { instanceId: null })];
    expect(alarmsOf(play({ seen: { ...fleetOf(3), nodes } }))).toContain('node-unmatched');
  });

  test('the node of an instance that is gone by its absence is deleted', () => {
    const absent = [
      { instanceId: C, sinceMs: NOW - 10 * MINUTE, seen: true, zone: '', market: 'spot' },
    ] as const;
    const played = play({
      seen: without(fleetOf(3), [C], false),
      stored: known(state({ absent })),
      answers: { describeInstances: { ok: true, instances: [], foreign: [] } },
    });
    expect(only(played, 'deleteNode')).toMatchObject([{ nodeName: C }]);
  });

  test('what is not known is not published as zero', () => {
    const [published] = only(play({ seen: { instances: null } }), 'publishMetrics');
    expect(published).toMatchObject({
      workers: null,
      ready: null,
      inFlight: null,
      doomed: null,
      pending: 0,
    });
    const [blind] = only(play({ seen: { nodes: null, pods: null } }), 'publishMetrics');
    expect(blind).toMatchObject({ workers: 3, ready: null, pending: null });
  });

  test('a coverage that is no number, and a sample of the future, are not believed', () => {
    expect(quantizeReading(reading(50, 0, NaN))).toEqual({ missing: 'low-coverage' });
    expect(freshValue(reading(50, -MINUTE), NOW, MINUTE)).toBe(50);
    expect(freshValue(reading(50, -MINUTE - 1), NOW, MINUTE)).toBeNull();
  });

  test('with the Kubernetes API down one probe may go, and no more (S14)', () => {
    const blind = view({
      ...KUBERNETES_DOWN,
      workers: workers(3, { phase: 'unknown', pods: [] }),
      metrics: metrics({ unschedulablePods: reading(9) }),
    });
    expect(decide(configured(), cluster(), blind, []).decision).toMatchObject({
      action: 'scaleUp',
      count: 1,
    });
    const probing = { ...blind, unanswered: [{ zone: 'a', market: 'spot' as const, count: 1 }] };
    expect(decide(configured(), cluster(), probing, []).decision.action).toBe('hold');
  });

  test('observe mode counts no failure of a launch that it does not give up', () => {
    const late = {
      ...fleetOf(3),
      instances: [...fleetOf(3).instances!, instance('i-09', { launchedAtMs: NOW - 20 * MINUTE })],
    };
    const stored = known(state({ known: [A, B, C, 'i-09'], desired: 4 }));
    expect(storedState(play({ mode: 'observe', seen: late, stored })).joinFailures).toBe(0);
  });

  test('the reason that is shown is the one that stood in the policy’s way, not in a repair’s', () => {
    const rules = [
      { rule: 'desired-capacity', verdict: 'fires', observed: 2, threshold: 3 },
      { rule: 'max', verdict: 'blocks', observed: 4, threshold: 3 },
      { rule: 'pods-unschedulable', verdict: 'quiet', observed: 0, threshold: 0 },
      { rule: 'cpu-high', verdict: 'fires', observed: 80, threshold: 70 },
      { rule: 'cooldown', verdict: 'blocks', observed: 1, threshold: 2 },
    ] as const;
    expect(firstBlocking({ level: 'HIGH_LOAD', proposed: 1, rules })?.rule).toBe('cooldown');
    expect(firstBlocking({ level: 'NONE', proposed: 0, rules: rules.slice(0, 3) })?.rule).toBe(
      'max',
    );
  });
});

describe('an alert', () => {
  const alert = (agoMs: number) =>
    play({
      seen: { ...fleetOf(3), inbox: { doomed: [], kickedAtMs: NOW } },
      input: { trigger: 'alert' },
      answers: {
        readLock: {
          ok: true,
          lock: { ...FREE_LOCK, epoch: EPOCH - agoMs / SECOND },
          stored: known(state()),
        },
      },
    });

  test('within 30 s of the cycle before leaves its kick for the next one (S19)', () => {
    const soon = alert(29 * SECOND);
    expect(order(soon)).toEqual(['readLock', 'appendJournal']);
    expect(soon.record?.outcome).toBe('too-soon');
    const apart = alert(30 * SECOND);
    expect(apart.record?.outcome).toBe('decided');
    expect(only(apart, 'clearInbox')).toMatchObject([{ kickedAtMs: NOW }]);
  });

  test('when the lock cannot be read, is a cycle like any other', () => {
    const played = play({ input: { trigger: 'alert' }, answers: { readLock: TIMEOUT } });
    expect(played.record?.outcome).toBe('decided');
  });
});
