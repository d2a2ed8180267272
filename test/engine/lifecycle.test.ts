import { describe, expect, test } from 'vitest';
import {
  type Absence,
  ABSENCE_CONFIRM_MS,
  absencesToConfirm,
  countFleet,
  doomedDrainId,
  reconcile,
  withPoolOpen,
  withPoolRefused,
  type DrainReason,
  type FleetState,
  type Instance,
  type KubeNode,
  type Reconciled,
  type Seen,
} from '../../engine/index.ts';
import {
  attempt,
  cluster,
  configured,
  drain,
  EMPTY_INBOX,
  fleetOf,
  HOUR,
  idOf,
  instance,
  launch,
  marked,
  MINUTE,
  neverReady,
  node,
  NOW,
  pods,
  SECOND,
  seen,
  shape,
  state,
  WEB,
  withInstance,
  withNode,
  without,
  withPods,
} from './build.ts';

const A = idOf(1);
const B = idOf(2);
const C = idOf(3);

function meet(
  what: Partial<Seen> = {},
  before: Partial<FleetState> = {},
  settings: Readonly<Record<string, unknown>> = {},
): Reconciled {
  return reconcile(seen(what), state(before), configured('node-fleet', settings), cluster());
}

/** `{ i-01: 'ready', … }` */
function phases({ view }: Reconciled): Record<string, string> {
  return Object.fromEntries(view.workers.map(({ id, phase }) => [id, phase]));
}
function events({ events }: Reconciled): string[] {
  return events.map(({ code, subject }) => `${code} ${subject}`);
}
function alarms({ alarms }: Reconciled): string[] {
  return alarms.map(({ code, subject }) => `${code} ${subject}`);
}
function drains({ state }: Reconciled): string[] {
  return state.drains.map((each) => `${each.reason} ${each.instanceId} ${each.stage}`);
}
const knowing = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, n) => idOf(n + 1));

describe('when nothing changed', () => {
  test('the same state comes back as the same object, and nothing is to be done', () => {
    const before = state();
    const result = reconcile(seen(), before, configured(), cluster());
    expect(result.state).toBe(before);
    expect(result).toMatchObject({
      events: [],
      alarms: [],
      strayTaints: [],
      orphanNodes: [],
      settledMarks: [],
    });
  });

  test('the view holds what was seen and what is remembered', () => {
    const remembered = {
      desired: 7,
      lastScaleUpAtMs: NOW - 1,
      lastScaleDownAtMs: NOW - 2,
      recoveryUntilMs: NOW + 3,
      joinFailures: 1,
      joinFailedAtMs: NOW - 4,
      poolBackoffs: [{ zone: 'a', market: 'spot', failures: 1, untilMs: NOW + 5 }],
      victimBackoffs: [{ instanceId: A, failures: 1, untilMs: NOW + 6 }],
    } as const;
    const { view } = meet({ mode: 'observe' }, remembered);
    expect(view).toMatchObject({
      ...remembered,
      nowMs: NOW,
      mode: 'observe',
      metrics: seen().metrics,
      instancesKnown: true,
      nodesKnown: true,
      podsKnown: true,
      inboxKnown: true,
      contradicted: false,
      shapes: [WEB],
      unschedulable: [0],
      unanswered: [],
    });
    expect(view.workers).toHaveLength(3);
  });

  test('a worker is its instance, its node and its pods', () => {
    const fleet = withNode(withPods(fleetOf(3), B, [5]), B, {
      cordoned: true,
      allocatableMillicpu: 1930,
      allocatableMib: 3300,
    });
    expect(meet(fleet).view.workers[1]).toEqual({
      id: B,
      zone: 'b',
      market: 'on-demand',
      phase: 'ready',
      launchedAtMs: NOW - HOUR - MINUTE,
      readySinceMs: NOW - HOUR,
      cordoned: true,
      allocatableMillicpu: 1930,
      allocatableMib: 3300,
      pods: [5],
    });
  });

  test('what could not be read is unknown in the view, never empty', () => {
    const blind = meet({ instances: null, nodes: null, pods: null, inbox: null });
    expect(blind.view).toMatchObject({
      instancesKnown: false,
      nodesKnown: false,
      podsKnown: false,
      inboxKnown: false,
      workers: [],
      shapes: [],
      unschedulable: [],
    });
    expect(blind.state).toEqual(state());
    expect(events(blind)).toEqual([]);
  });
});

describe('where a worker is in its life', () => {
  const young = (what: Partial<Seen>): string =>
    phases(
      meet(
        { instances: [instance(A, { launchedAtMs: NOW - MINUTE })], ...what },
        { known: [A], joined: [] },
      ),
    )[A]!;

  test('without a node it boots', () => {
    expect(young({ nodes: [] })).toBe('booting');
    expect(meet({ nodes: [] }, { joined: [] }).view.workers[0]).toMatchObject({
      readySinceMs: 0,
      cordoned: false,
      allocatableMillicpu: 0,
      allocatableMib: 0,
      pods: [0],
    });
  });

  test('with a node that was never Ready it joins; one that was, is NotReady', () => {
    // The kubelet posts its first condition within 5 s of registering.
    const notReadySince = (ms: number) =>
      node(A, { ready: false, createdAtMs: NOW - MINUTE, readyChangedAtMs: NOW - MINUTE + ms });
    expect(young({ nodes: [notReadySince(0)] })).toBe('joining');
    expect(young({ nodes: [notReadySince(4_999)] })).toBe('joining');
    // Not one that we have seen Ready: its kubelet may have died before that.
    expect(young({ nodes: [notReadySince(5_000)] })).toBe('joining');
    // A node that matches nothing forbids to give it up; it is no capacity all the same.
    const stranger = node('stranger', { instanceId: null });
    const late = (createdAgoMs: number, changes: Parameters<typeof node>[1] = {}) =>
      young({
        instances: [instance(A)],
        nodes: [{ ...neverReady(A, NOW - createdAgoMs), ...changes }, stranger],
      });
    expect(late(10 * MINUTE - 1)).toBe('joining');
    expect(late(10 * MINUTE)).toBe('not-ready');
    expect(late(MINUTE, { cordoned: true })).toBe('not-ready');
  });

  test('one that has not joined in its time is no capacity that anyone waits for', () => {
    const boots = (agoMs: number, nodes: Seen['nodes']) =>
      young({ instances: [instance(A, { launchedAtMs: NOW - agoMs })], nodes });
    const stranger = [node('stranger', { instanceId: null })];
    expect(boots(10 * MINUTE - 1, stranger)).toBe('booting');
    expect(boots(10 * MINUTE, stranger)).toBe('not-ready');
    expect(boots(10 * MINUTE, null)).toBe('unknown');
  });

  test('one that was Ready and is not is unknown for two minutes, and then no capacity (S17)', () => {
    const since = (agoMs: number) =>
      phases(meet(withNode(fleetOf(3), A, { ready: false, readyChangedAtMs: NOW - agoMs })))[A];
    expect(since(2 * MINUTE - 1)).toBe('unknown');
    expect(since(2 * MINUTE)).toBe('not-ready');
  });

  test('one that was Ready and has lost its node is no capacity, unless its node may be one that is not matched', () => {
    const nodes = fleetOf(3).nodes!.filter(({ name }) => name !== B);
    const lost = { lostNodes: [{ instanceId: B, sinceMs: NOW - 5 * MINUTE }] };
    expect(phases(meet({ nodes }, lost))[B]).toBe('not-ready');
    const stranger = node('stranger', { instanceId: null });
    expect(phases(meet({ nodes: [...nodes, stranger] }, lost))[B]).toBe('unknown');
  });

  test('with nodes that cannot be listed, one that was Ready is unknown, and one that was not boots', () => {
    const young = withInstance(fleetOf(3), C, { launchedAtMs: NOW - MINUTE });
    const result = meet({ ...young, nodes: null, pods: null }, { joined: [A, B] });
    expect(phases(result)).toEqual({ [A]: 'unknown', [B]: 'unknown', [C]: 'booting' });
    // What pods say is believed all the same: only nodes are missing.
    const podsKnown = meet({ nodes: null });
    expect(podsKnown.view.podsKnown).toBe(true);
    expect(alarms(podsKnown)).toEqual([]);
  });

  test('a Ready node’s worker is Ready since its node is; any other since never', () => {
    expect(meet().view.workers[0]).toMatchObject({ phase: 'ready', readySinceMs: NOW - HOUR });
    const notReady = withNode(fleetOf(3), A, { ready: false, readyChangedAtMs: NOW - MINUTE });
    expect(meet(notReady).view.workers[0]).toMatchObject({ phase: 'unknown', readySinceMs: 0 });
  });

  test.each([
    { stage: 'tainting', reason: 'scale-down', expected: 'tainted' },
    { stage: 'evicting', reason: 'scale-down', expected: 'draining' },
    { stage: 'terminating', reason: 'scale-down', expected: 'terminating' },
    { stage: 'evicting', reason: 'reclaim', expected: 'doomed' },
    { stage: 'evicting', reason: 'rebalance', expected: 'doomed' },
    { stage: 'terminating', reason: 'unhealthy', expected: 'doomed' },
    { stage: 'terminating', reason: 'never-joined', expected: 'doomed' },
  ] as const)('a drain for $reason that is $stage makes it $expected', (each) => {
    const result = meet({}, { drains: [drain(B, { stage: each.stage, reason: each.reason })] });
    expect(phases(result)).toEqual({ [A]: 'ready', [B]: each.expected, [C]: 'ready' });
  });

  test('pending and running are there; shutting down and terminated are not', () => {
    const states = ['pending', 'running', 'shutting-down', 'terminated'] as const;
    const instances = states.map((each, n) => instance(idOf(n + 1), { state: each }));
    expect(Object.keys(phases(meet({ instances })))).toEqual([A, B]);
  });
});

describe('an instance’s node is found', () => {
  const found = (changes: Parameters<typeof node>[1], instances = [instance(A)]): string =>
    phases(meet({ instances, nodes: [node(A, changes)] }, { known: [A], joined: [] }))[A]!;
  // Young enough not to be taken for one that never joined.
  const young = (changes: Parameters<typeof instance>[1] = {}) =>
    instance(A, { launchedAtMs: NOW - 60_000, ...changes });

  test('by its providerID, whatever it is called', () => {
    expect(found({ name: 'ip-10-0-0-7' })).toBe('ready');
    expect(found({ name: 'a', instanceId: A })).toBe('ready');
  });

  test('by its name, when it has no providerID', () => {
    expect(found({ instanceId: null })).toBe('ready');
  });

  test('by its address, when it has neither', () => {
    const addressed = [instance(A, { privateIp: '10.0.0.7' })];
    const nameless = { name: 'worker-7', instanceId: null };
    expect(found({ ...nameless, internalIp: '10.0.0.7' }, addressed)).toBe('ready');
    expect(found({ ...nameless, internalIp: '10.0.0.8' }, addressed)).toBe('not-ready');
    // Two that are not known are not equal.
    expect(found({ ...nameless, internalIp: null })).toBe('not-ready');
    // EC2 uses addresses again: the one that lives has it.
    const dying = instance(idOf(0), { privateIp: '10.0.0.7', state: 'shutting-down' });
    expect(found({ ...nameless, internalIp: '10.0.0.7' }, [dying, ...addressed])).toBe('ready');
  });

  test('not by its name or address, when its providerID names another', () => {
    const addressed = [young({ privateIp: '10.0.0.7' })];
    expect(found({ name: A, instanceId: B, internalIp: '10.0.0.7' }, addressed)).toBe('booting');
  });

  test('and never on the control plane', () => {
    expect(found({ controlPlane: true }, [young()])).toBe('booting');
  });

  test('in whatever order names and ids stand', () => {
    const names = ['x', 'y', 'z'];
    const ids = [C, A, B];
    const result = meet({
      nodes: names.map((name, n) => node(ids[n]!, { name, allocatableMillicpu: 1000 + n })),
      pods: pods({ perNode: names.map((nodeName, n) => ({ nodeName, counts: [n + 1] })) }),
    });
    expect(
      result.view.workers.map((each) => [each.id, each.allocatableMillicpu, each.pods[0]]),
    ).toEqual([
      [A, 1001, 2],
      [B, 1002, 3],
      [C, 1000, 1],
    ]);
  });

  test('and its pods by the node’s name; a node without any has none', () => {
    const perNode = [
      { nodeName: 'elsewhere', counts: [7] },
      { nodeName: B, counts: [4] },
    ];
    const result = meet({ pods: pods({ perNode }) });
    expect(result.view.workers.map((each) => each.pods)).toEqual([[0], [4], [0]]);
  });

  test('a node that is listed twice has its pods all the same', () => {
    const { nodes } = fleetOf(3);
    const perNode = [A, B, C].map((nodeName, n) => ({ nodeName, counts: [n + 1] }));
    const result = meet({ nodes: nodes!.flatMap((each) => [each, each]), pods: pods({ perNode }) });
    expect(result.view.workers.map((each) => each.pods)).toEqual([[1], [2], [3]]);
  });
});

describe('who is there', () => {
  test('an unknown instance with our tags is adopted', () => {
    const result = meet(fleetOf(4));
    expect(events(result)).toEqual([`adopted ${idOf(4)}`]);
    expect(result.state.known).toEqual(knowing(4));
    expect(phases(result)[idOf(4)]).toBe('ready');
  });

  test('adopted among those known, their order is kept', () => {
    const result = meet({}, { known: [A, C] });
    expect(result.state.known).toEqual([A, B, C]);
    expect(events(result)).toEqual([`adopted ${B}`]);
  });

  test.each(['shutting-down', 'terminated'] as const)(
    'a known instance seen %s is gone, once',
    (gone) => {
      const fleet = withInstance(fleetOf(3), B, { state: gone });
      const result = meet(fleet);
      expect(events(result)).toEqual([`gone ${B}`]);
      expect(result.state.known).toEqual([A, C]);
      expect(phases(result)[B]).toBe(undefined);
      const again = reconcile(seen(fleet), result.state, configured(), cluster());
      expect(events(again)).toEqual([]);
      expect(again.state).toBe(result.state);
    },
  );

  test('its drain goes with it, and so does its intent to launch when all is answered', () => {
    const fleet = withInstance(fleetOf(3), B, { state: 'terminated' });
    const answered = launch({ attempts: [attempt({ outcome: 'launched', launched: 2 })] });
    const before = { drains: [drain(B), drain(C)], launches: [answered] };
    const result = meet(fleet, before, { nodeCountMin: 1 });
    expect(drains(result)).toEqual([`scale-down ${C} evicting`]);
    expect(result.state.launches).toEqual([]);
  });

  test('while instances cannot be read, drains stay and answered launches go', () => {
    const answered = launch({ attempts: [attempt({ outcome: 'refused' })] });
    const result = meet({ instances: null }, { drains: [drain('i-77')], launches: [answered] });
    expect(drains(result)).toEqual(['scale-down i-77 evicting']);
    expect(result.state.launches).toEqual([]);
  });

  test('a launch is kept while any attempt of it has no answer', () => {
    const half = launch({
      attempts: [attempt({ outcome: 'refused' }), attempt({ number: 1, clientToken: 'token-1' })],
    });
    const whole = launch({ id: 'done', attempts: [attempt({ outcome: 'launched', launched: 2 })] });
    expect(meet({}, { launches: [half, whole] }).state.launches).toEqual([half]);
  });
});

describe('an instance that vanished without a trace', () => {
  const missing = (ids: readonly string[], of = 5): Partial<Seen> => without(fleetOf(of), ids);

  test('is noted, stays known, and is supply until it is confirmed gone', () => {
    const result = meet(missing([B]), { known: knowing(5) });
    expect(result.state.absent).toEqual([
      { instanceId: B, sinceMs: NOW, seen: true, zone: '', market: 'spot' },
    ]);
    expect(result.state.known).toEqual(knowing(5));
    expect(events(result)).toEqual([]);
    expect(result.view.workers.map(({ id }) => id)).toEqual(knowing(5));
    expect(result.view.workers[1]).toEqual({
      id: B,
      zone: '',
      market: 'spot',
      phase: 'absent',
      launchedAtMs: NOW,
      readySinceMs: 0,
      cordoned: false,
      allocatableMillicpu: 0,
      allocatableMib: 0,
      pods: [0],
    });
  });

  test('the last in the list too', () => {
    const result = meet(missing([idOf(5)]), { known: knowing(5), joined: knowing(5) });
    expect(phases(result)[idOf(5)]).toBe('absent');
    // One that has not joined is on its way: Describe forgets for a moment.
    expect(phases(meet(missing([idOf(5)]), { known: knowing(5) }))[idOf(5)]).toBe('booting');
  });

  test('keeps the instant at which it was first missed', () => {
    const absent: Absence[] = [
      { instanceId: B, sinceMs: NOW - MINUTE, seen: true, zone: '', market: 'spot' },
    ];
    const before = state({ known: knowing(5), joined: knowing(5), absent });
    const result = reconcile(seen(missing([B])), before, configured(), cluster());
    expect(result.state).toBe(before);
  });

  test('that is listed again was never gone', () => {
    const absent: Absence[] = [
      { instanceId: B, sinceMs: NOW - MINUTE, seen: true, zone: '', market: 'spot' },
    ];
    const result = meet({}, { absent });
    expect(result.state.absent).toEqual([]);
    expect(events(result)).toEqual([]);
    expect(phases(result)[B]).toBe('ready');
  });

  test('is gone once a describe by its id has not found it either (S16)', () => {
    const absent: Absence[] = [
      { instanceId: B, sinceMs: NOW - 5 * MINUTE, seen: true, zone: '', market: 'spot' },
    ];
    const result = meet(
      { ...missing([B]), confirmedGone: [B] },
      { known: knowing(5), absent, drains: [drain(B)] },
    );
    expect(events(result)).toEqual([`gone ${B}`]);
    expect(result.state.known).not.toContain(B);
    expect(result.state).toMatchObject({ absent: [], drains: [] });
  });

  test('that we were terminating is gone when it is missed twice', () => {
    const drains = [drain(B, { stage: 'terminating' })];
    const once = meet(missing([B]), { known: knowing(5), drains });
    expect(once.state.absent).toHaveLength(1);
    expect(events(once)).toEqual([]);
    const twice = reconcile(seen(missing([B])), once.state, configured(), cluster());
    expect(events(twice)).toEqual([`gone ${B}`]);
    expect(twice.state.drains).toEqual([]);
    // One that is merely being drained is not.
    const draining = meet(missing([B]), { ...once.state, drains: [drain(B)] });
    expect(events(draining)).toEqual([]);
  });

  test('is asked about by its id after 5 minutes, while it is not listed', () => {
    const absent = (agoMs: number) =>
      state({
        absent: [{ instanceId: B, sinceMs: NOW - agoMs, seen: true, zone: '', market: 'spot' }],
      });
    const listed = without(fleetOf(3), [B]).instances;
    expect(ABSENCE_CONFIRM_MS).toBe(5 * MINUTE);
    expect(absencesToConfirm(absent(299_999), listed, null, NOW)).toEqual([]);
    expect(absencesToConfirm(absent(300_000), listed, null, NOW)).toEqual([B]);
    expect(absencesToConfirm(absent(300_000), fleetOf(3).instances, null, NOW)).toEqual([]);
    expect(absencesToConfirm(absent(300_000), null, null, NOW)).toEqual([]);
    expect(absencesToConfirm(state(), listed, null, NOW)).toEqual([]);
  });

  test('is asked for as well where only a dead node still tells of it: EC2 forgets, nodes do not', () => {
    const { instances } = fleetOf(3);
    const asked = (changes: Partial<KubeNode>): readonly string[] => {
      const dead = { ready: false, readyChangedAtMs: NOW - 300_000, ...changes };
      return absencesToConfirm(state(), instances, [node('i-77', dead)], NOW);
    };
    expect(asked({})).toEqual(['i-77']);
    expect(asked({ ready: true })).toEqual([]);
    expect(asked({ readyChangedAtMs: NOW - 299_999 })).toEqual([]);
    expect(asked({ controlPlane: true })).toEqual([]);
    expect(asked({ instanceId: null })).toEqual([]);
    expect(asked({ instanceId: A })).toEqual([]);
  });

  describe('more than half of what was known: the observation is not believed (S16)', () => {
    test.each([
      { of: 1, gone: 1, contradicted: true },
      { of: 2, gone: 1, contradicted: false },
      { of: 3, gone: 1, contradicted: false },
      { of: 3, gone: 2, contradicted: true },
      { of: 4, gone: 2, contradicted: false },
      { of: 5, gone: 3, contradicted: true },
      { of: 5, gone: 5, contradicted: true },
    ])('$gone of $of: $contradicted', ({ of, gone, contradicted }) => {
      const result = meet(missing(knowing(gone), of), { known: knowing(of) });
      expect(result.view.contradicted).toBe(contradicted);
      expect(alarms(result)).toEqual(contradicted ? ['observation-contradicts-state shop'] : []);
      expect(countFleet(result.view).supply).toBe(of);
    });

    test('for as long as they are missing and not confirmed gone', () => {
      const empty = { instances: [], nodes: [] };
      const first = meet(empty);
      const later = { ...empty, nowMs: NOW + MINUTE };
      const second = reconcile(seen(later), first.state, configured(), cluster());
      expect(second.view.contradicted).toBe(true);
      const confirmedGone = [A, B, C];
      const third = reconcile(
        seen({ ...later, confirmedGone }),
        second.state,
        configured(),
        cluster(),
      );
      expect(third.view.contradicted).toBe(false);
      expect(third.state.known).toEqual([]);
    });

    test('those seen to shut down did not vanish', () => {
      const fleet = withInstance(withInstance(fleetOf(3), A, { state: 'terminated' }), B, {
        state: 'terminated',
      });
      expect(meet(fleet).view.contradicted).toBe(false);
    });

    test('nor did those that we are terminating', () => {
      const drains = [A, B].map((id) => drain(id, { stage: 'terminating' }));
      expect(meet(missing([A, B], 3), { drains }).view.contradicted).toBe(false);
      const merely = [A, B].map((id) => drain(id));
      expect(meet(missing([A, B], 3), { drains: merely }).view.contradicted).toBe(true);
    });

    test('nor did a launch that Describe has not listed yet', () => {
      const unseen = ['i-91', 'i-92', 'i-93', 'i-94'];
      const before = {
        known: [...knowing(3), ...unseen],
        absent: unseen.map((instanceId) => ({
          instanceId,
          sinceMs: NOW,
          seen: false,
          zone: '',
          market: 'spot' as const,
        })),
      };
      expect(meet({}, before).view.contradicted).toBe(false);
      // And they do not hide that what was seen has vanished: 2 of 3.
      expect(meet(missing([A, B], 3), before).view.contradicted).toBe(true);
    });

    test('nothing is repaired on it, and what was noted stays noted', () => {
      const fleet = withInstance(missing([A, B, C], 5) as ReturnType<typeof fleetOf>, idOf(4), {
        launchedAtMs: NOW - HOUR,
        statusCheckFailed: true,
      });
      const dead = withNode(fleet, idOf(4), { ready: false, readyChangedAtMs: NOW - HOUR / 2 });
      const before = { known: knowing(5) };
      const contradicted = meet({ ...dead, inbox: marked(idOf(5)) }, before);
      expect(contradicted.state.drains).toEqual([]);
      // The mark still dooms it in the view.
      expect(phases(contradicted)[idOf(5)]).toBe('doomed');
    });
  });
});

describe('never joined', () => {
  const launched = (agoMs: number, nodes: Seen['nodes'] = []): Partial<Seen> => ({
    instances: [
      ...fleetOf(3).instances!,
      instance('i-9', { zone: 'c', launchedAtMs: NOW - agoMs }),
    ],
    nodes: nodes === null ? null : [...fleetOf(3).nodes!, ...nodes],
  });
  const before = { known: [A, B, C, 'i-9'] };

  test('an instance without a node for 10 minutes is terminated, to be replaced', () => {
    const early = meet(launched(10 * MINUTE - 1), before);
    expect(drains(early)).toEqual([]);
    expect(phases(early)['i-9']).toBe('booting');
    const late = meet(launched(10 * MINUTE), before);
    expect(late.state.drains).toEqual([
      {
        id: 'doomed-i-9',
        instanceId: 'i-9',
        nodeName: null,
        reason: 'never-joined',
        birthEpoch: 0,
        policy: 'node-fleet',
        startedAtMs: NOW,
        progressedAtMs: NOW,
        podsLeft: 0,
        // Looked at once more before it is terminated (S8).
        stage: 'tainting',
      },
    ]);
    expect(events(late)).toEqual(['never-joined i-9']);
    expect(phases(late)['i-9']).toBe('doomed');
    expect(late.state).toMatchObject({ joinFailures: 1, joinFailedAtMs: NOW });
    expect(alarms(late)).toEqual([]);
  });

  test('how long is a setting', () => {
    const settings = { joinTimeoutSeconds: 120 };
    expect(drains(meet(launched(2 * MINUTE - 1), before, settings))).toEqual([]);
    expect(drains(meet(launched(2 * MINUTE), before, settings))).toHaveLength(1);
  });

  test('a node that registered and was never Ready has not joined', () => {
    const nodes = [neverReady('i-9', NOW - 9 * MINUTE)];
    const result = meet(launched(19 * MINUTE, nodes), before);
    // Its time counts from when it registered.
    expect(drains(result)).toEqual([]);
    const late = meet(launched(20 * MINUTE, [neverReady('i-9', NOW - 10 * MINUTE)]), before);
    expect(drains(late)).toEqual(['never-joined i-9 tainting']);
    expect(late.state.drains[0]!.nodeName).toBe('i-9');
  });

  test('one that was Ready once is never "never joined", whatever became of its node (S15)', () => {
    const joined = [A, B, C, 'i-9'];
    // Its node object was deleted, or it has just registered again.
    const lostNodes = [{ instanceId: 'i-9', sinceMs: NOW - 20 * MINUTE }];
    const lost = meet(launched(HOUR), { ...before, joined, lostNodes });
    expect(drains(lost)).toEqual([]);
    expect(alarms(lost)).toEqual(['node-unhealthy i-9']);
    expect(phases(lost)['i-9']).toBe('not-ready');
    const again = meet(launched(HOUR, [neverReady('i-9', NOW - HOUR / 2)]), { ...before, joined });
    expect(drains(again)).toEqual([]);
    expect(alarms(again)).toEqual(['node-unhealthy i-9']);
  });

  test('who has been Ready is remembered, and forgotten with the instance', () => {
    const nodes = [node('i-9')];
    const first = meet(launched(HOUR, nodes), { ...before, joined: [A] });
    expect(first.state.joined).toEqual([A, B, C, 'i-9']);
    const second = reconcile(seen(launched(HOUR, nodes)), first.state, configured(), cluster());
    expect(second.state).toBe(first.state);
    const gone = withInstance(fleetOf(3), B, { state: 'terminated' });
    expect(meet(gone).state.joined).toEqual([A, C]);
    // Seen before its instance was listed, it has joined all the same.
    const early = meet({ nodes: [...fleetOf(3).nodes!, node('i-9')] });
    expect(early.state.joined).toEqual([A, B, C, 'i-9']);
  });

  test('while memory is lost nobody has "never joined": who had is not remembered (S6, S15)', () => {
    const lost = (untilMs: number) =>
      drains(meet(launched(HOUR), { ...before, recoveryUntilMs: untilMs }));
    expect(lost(NOW + 1)).toEqual([]);
    expect(lost(NOW)).toEqual(['never-joined i-9 tainting']);
  });

  test('a node that a person has cordoned is theirs (S18)', () => {
    const nodes = [{ ...neverReady('i-9', NOW - HOUR / 2), cordoned: true }];
    expect(drains(meet(launched(HOUR, nodes), before))).toEqual([]);
  });

  test('an instance that is listed twice has no twin without a node', () => {
    const { instances } = fleetOf(3);
    const twice = meet({ instances: [instances![0]!, instances![0]!, ...instances!.slice(1)] });
    expect(Object.keys(phases(twice))).toEqual([A, B, C]);
    expect(drains(twice)).toEqual([]);
    expect(events(twice)).toEqual([]);
  });

  test('a node that was Ready once has joined', () => {
    const nodes = [
      node('i-9', { ready: false, createdAtMs: NOW - 9 * MINUTE, readyChangedAtMs: NOW - MINUTE }),
    ];
    expect(drains(meet(launched(10 * MINUTE, nodes), before))).toEqual([]);
  });

  test('it is found once', () => {
    const first = meet(launched(10 * MINUTE), before);
    const again = reconcile(seen(launched(10 * MINUTE)), first.state, configured(), cluster());
    expect(again.state).toBe(first.state);
    expect(events(again)).toEqual([]);
  });

  test('without a complete node list nobody has "never joined" (S15)', () => {
    const result = meet(launched(HOUR, null), before);
    expect(drains(result)).toEqual([]);
    expect(result.state.joinFailures).toBe(0);
  });

  test('a node that can be matched to no instance vetoes it: it may be the one (S15)', () => {
    const stranger = node('stranger', { instanceId: null });
    expect(drains(meet(launched(HOUR, [stranger]), before))).toEqual([]);
    // Not the control plane’s, nor one whose providerID names another instance.
    const master = { ...stranger, controlPlane: true };
    expect(drains(meet(launched(HOUR, [master]), before))).toHaveLength(1);
    const foreign = node('stranger', { instanceId: 'i-77' });
    expect(drains(meet(launched(HOUR, [foreign]), before))).toHaveLength(1);
  });

  describe('the join breaker (S14)', () => {
    test('counts failures in a row, and from the second raises an alarm', () => {
      const second = meet(launched(HOUR), {
        ...before,
        joinFailures: 1,
        joinFailedAtMs: NOW - HOUR,
      });
      expect(second.state).toMatchObject({ joinFailures: 2, joinFailedAtMs: NOW });
      expect(alarms(second)).toEqual(['join-failing c']);
    });

    test('two of one batch are two', () => {
      const fleet = {
        instances: [
          instance('i-8', { zone: 'b', launchedAtMs: NOW - 12 * MINUTE }),
          instance('i-9', { zone: 'c', launchedAtMs: NOW - 12 * MINUTE }),
        ],
        nodes: [],
      };
      const both = meet(fleet, { known: ['i-8', 'i-9'], joined: [] });
      expect(both.state.joinFailures).toBe(2);
      expect(drains(both)).toHaveLength(2);
      expect(alarms(both)).toEqual(['join-failing b', 'join-failing c']);
      // From the breaker on, whatever fails together is one failed probe.
      const probed = meet(fleet, { known: ['i-8', 'i-9'], joined: [], joinFailures: 3 });
      expect(probed.state.joinFailures).toBe(4);
    });

    test('most of a fleet that lost its nodes is a master that forgot them: nothing is done', () => {
      const master = node('master', { instanceId: null, controlPlane: true });
      const forgotten = meet({ nodes: [master, node(C)] });
      expect(drains(forgotten)).toEqual([]);
      expect(alarms(forgotten)).toEqual(['observation-contradicts-state shop']);
      // What is in its list is believed all the same.
      expect(phases(forgotten)).toEqual({ [A]: 'unknown', [B]: 'unknown', [C]: 'ready' });
      expect(forgotten.state.lostNodes).toEqual([]);
      // One of three is a node that somebody deleted.
      const deleted = meet({ nodes: [master, node(B), node(C)] });
      expect(alarms(deleted)).toEqual([]);
      expect(deleted.state.lostNodes).toEqual([{ instanceId: A, sinceMs: NOW }]);
      // Half of them is not most.
      const half = meet(
        { ...fleetOf(4), nodes: [master, node(A), node(B)] },
        { known: knowing(4), joined: knowing(4), desired: 4 },
      );
      expect(half.state.lostNodes).toHaveLength(2);
    });

    test('once it is tripped, the probe goes to another zone than the one that failed', () => {
      const failed = { ...before, joinFailures: 1, joinFailedAtMs: NOW - HOUR };
      expect(meet(launched(HOUR), failed).state.poolBackoffs).toEqual([
        { zone: 'c', market: 'on-demand', failures: 1, untilMs: NOW + 5 * MINUTE },
        { zone: 'c', market: 'spot', failures: 1, untilMs: NOW + 5 * MINUTE },
      ]);
      expect(meet(launched(HOUR), before).state.poolBackoffs).toEqual([]);
      const alone = reconcile(
        seen(launched(HOUR)),
        state(failed),
        configured(),
        cluster({ zones: ['c'] }),
      );
      expect(alone.state).toMatchObject({ joinFailures: 2, poolBackoffs: [] });
    });

    test('one node that became Ready after the last failure closes it', () => {
      const closed = (joinFailedAtMs: number) =>
        meet({}, { joinFailures: 3, joinFailedAtMs }).state.joinFailures;
      // The fleet is Ready since an hour.
      expect(closed(NOW - HOUR - 1)).toBe(0);
      expect(closed(NOW - HOUR)).toBe(3);
    });

    test('a node that is leaving does not', () => {
      const drains = [A, B, C].map((id) => drain(id, { reason: 'reclaim' }));
      const failed = { joinFailures: 3, joinFailedAtMs: NOW - HOUR - 1 };
      expect(meet({}, { ...failed, drains }).state.joinFailures).toBe(3);
      expect(meet({}, { ...failed, drains: drains.slice(1) }).state).toMatchObject({
        joinFailures: 0,
        joinFailedAtMs: 0,
      });
    });
  });
});

describe('NotReady', () => {
  const dead = (agoMs: number, changes: Partial<Instance> = { statusCheckFailed: true }) =>
    withInstance(
      withNode(fleetOf(3), B, { ready: false, readyChangedAtMs: NOW - agoMs }),
      B,
      changes,
    );

  test('a flap under two minutes does nothing at all (S17)', () => {
    const result = meet(dead(2 * MINUTE - 1));
    expect({ events: events(result), alarms: alarms(result), drains: drains(result) }).toEqual({
      events: [],
      alarms: [],
      drains: [],
    });
    expect(countFleet(result.view)).toMatchObject({ notReady: 1, ready: 2, supply: 3 });
  });

  test('for 10 minutes with a failed status check it is doomed (S17)', () => {
    expect(drains(meet(dead(10 * MINUTE - 1)))).toEqual([]);
    const result = meet(dead(10 * MINUTE));
    expect(drains(result)).toEqual([`unhealthy ${B} tainting`]);
    expect(result.state.drains[0]).toMatchObject({ nodeName: B, id: `doomed-${B}` });
    expect(events(result)).toEqual([`unhealthy ${B}`]);
    expect(alarms(result)).toEqual([`node-unhealthy ${B}`]);
    expect(phases(result)[B]).toBe('doomed');
    expect(result.state.joinFailures).toBe(0);
  });

  test('how long is a setting', () => {
    const settings = { notReadyTimeoutSeconds: 120 };
    expect(drains(meet(dead(2 * MINUTE - 1), {}, settings))).toEqual([]);
    expect(drains(meet(dead(2 * MINUTE), {}, settings))).toHaveLength(1);
  });

  test('with a status check that passes there is an alarm and no more', () => {
    const result = meet(dead(HOUR / 2, { statusCheckFailed: false }));
    expect(drains(result)).toEqual([]);
    expect(alarms(result)).toEqual([`node-unhealthy ${B}`]);
    expect(phases(result)[B]).toBe('not-ready');
  });

  test('a failed status check of a Ready node is not ours to judge', () => {
    const result = meet(withInstance(fleetOf(3), B, { statusCheckFailed: true }));
    expect(drains(result)).toEqual([]);
    expect(alarms(result)).toEqual([]);
  });

  test('one at a time: the others wait until it is gone (S17)', () => {
    const both = withInstance(
      withNode(dead(20 * MINUTE), C, { ready: false, readyChangedAtMs: NOW - 30 * MINUTE }),
      C,
      { statusCheckFailed: true },
    );
    const first = meet(both);
    expect(drains(first)).toEqual([`unhealthy ${B} tainting`]);
    expect(alarms(first)).toEqual([`node-unhealthy ${B}`, `node-unhealthy ${C}`]);
    const second = reconcile(seen(both), first.state, configured(), cluster());
    expect(drains(second)).toEqual([`unhealthy ${B} tainting`]);
    const gone = without(both, [B]);
    const third = reconcile(
      seen({ ...gone, confirmedGone: [B] }),
      second.state,
      configured(),
      cluster(),
    );
    expect(drains(third)).toEqual([`unhealthy ${C} tainting`]);
  });

  test('a voluntary drain of it is replaced: nothing is left to evict', () => {
    const before = { drains: [drain(B), drain(A)] };
    expect(drains(meet(dead(10 * MINUTE), before, { nodeCountMin: 1 }))).toEqual([
      `scale-down ${A} evicting`,
      `unhealthy ${B} tainting`,
    ]);
  });

  test('given up and Ready again, it stays', () => {
    const before = { drains: [drain(B, { reason: 'unhealthy', stage: 'tainting' })] };
    const back = meet({}, before);
    expect(drains(back)).toEqual([]);
    expect(events(back)).toEqual([`drain-undone ${B}`]);
    expect(back.state.victimBackoffs).toEqual([]);
    expect(drains(meet(dead(20 * MINUTE), before))).toEqual([`unhealthy ${B} tainting`]);
  });

  test('a node that a person has cordoned is theirs (S18)', () => {
    const cordoned = withNode(dead(20 * MINUTE), B, { cordoned: true });
    expect(drains(meet(cordoned))).toEqual([]);
    expect(alarms(meet(cordoned))).toEqual([`node-unhealthy ${B}`]);
  });

  test('one that is being terminated already is left alone', () => {
    const terminating = [drain(B, { stage: 'terminating' })];
    const result = meet(dead(10 * MINUTE), { drains: terminating });
    expect(result.state.drains).toEqual(terminating);
    expect(alarms(result)).toEqual([]);
  });

  test('paused, nothing is begun', () => {
    expect(drains(meet({ ...dead(HOUR / 2), mode: 'paused' }))).toEqual([]);
  });
});

describe('a doomed mark: spot notice, hint, or an operator’s (S2)', () => {
  test('begins a drain under the id that the ingest function taints with', () => {
    const result = meet({ inbox: marked(B) });
    expect(result.state.drains).toEqual([
      {
        id: doomedDrainId(B),
        instanceId: B,
        nodeName: B,
        reason: 'reclaim',
        birthEpoch: 0,
        policy: 'node-fleet',
        startedAtMs: NOW,
        progressedAtMs: NOW,
        podsLeft: 0,
        stage: 'tainting',
      },
    ]);
    expect(doomedDrainId(B)).toBe(`doomed-${B}`);
    expect(events(result)).toEqual([`reclaim ${B}`]);
    expect(phases(result)[B]).toBe('doomed');
    expect(countFleet(result.view)).toMatchObject({ doomed: 1, supply: 2 });
  });

  test('a rebalance hint is told apart', () => {
    const result = meet({ inbox: marked(B, 'rebalance') });
    expect(drains(result)).toEqual([`rebalance ${B} tainting`]);
    expect(events(result)).toEqual([`rebalance ${B}`]);
  });

  test('it is begun once', () => {
    const first = meet({ inbox: marked(B) });
    const again = reconcile(seen({ inbox: marked(B) }), first.state, configured(), cluster());
    expect(again.state).toBe(first.state);
    expect(events(again)).toEqual([]);
  });

  test('an instance that never got a node is terminated at once, after another look: nothing is on it', () => {
    const fleet = withInstance(without(fleetOf(3), []), B, { launchedAtMs: NOW - MINUTE });
    const nodeless = { ...fleet, nodes: fleet.nodes!.filter(({ name }) => name !== B) };
    const result = meet({ ...nodeless, inbox: marked(B) });
    expect(drains(result)).toEqual([`reclaim ${B} tainting`]);
    expect(result.state.drains[0]!.nodeName).toBeNull();
  });

  test.each(['reclaim', 'rebalance'] as const)(
    'a %s of a node that cannot be looked up is not terminated undrained',
    (cause) => {
      const inbox = marked(B, cause);
      const result = meet({ nodes: null, pods: null, inbox });
      expect(drains(result)).toEqual([]);
      // It is doomed all the same: its replacement need not wait.
      expect(phases(result)[B]).toBe('doomed');
      // Nor while some node cannot be matched: it may be the one (S15).
      const stranger = withNode(fleetOf(3), B, { name: 'stranger', instanceId: null });
      expect(drains(meet({ ...stranger, inbox }))).toEqual([]);
    },
  );

  test('a reclaim of a node being drained takes the drain over (S2)', () => {
    const before = { drains: [drain(B), drain(A)] };
    const result = meet({ inbox: marked(B) }, before, { nodeCountMin: 1 });
    expect(drains(result)).toEqual([`scale-down ${A} evicting`, `reclaim ${B} tainting`]);
  });

  test('and its taint is replaced, not taken off first', () => {
    const tainted = withNode(fleetOf(3), B, { taintIntentId: drain(B).id });
    const result = meet({ ...tainted, inbox: marked(B) }, { drains: [drain(B)] });
    expect(drains(result)).toEqual([`reclaim ${B} tainting`]);
    expect(result.strayTaints).toEqual([]);
  });

  test('a drain that is terminating is past that', () => {
    const terminating = [drain(B, { stage: 'terminating' })];
    expect(meet({ inbox: marked(B) }, { drains: terminating }).state.drains).toEqual(terminating);
  });

  test.each<DrainReason>(['reclaim', 'unhealthy', 'never-joined'])(
    'a drain for %s goes on as it is',
    (reason) => {
      const before = [drain(B, { reason, stage: 'terminating' })];
      expect(meet({ inbox: marked(B) }, { drains: before }).state.drains).toEqual(before);
    },
  );

  test('the notice that comes after a hint takes its drain over: AWS does not wait for a replacement', () => {
    const hinted = { drains: [drain(B, { reason: 'rebalance' })] };
    expect(drains(meet({ inbox: marked(B, 'rebalance') }, hinted))).toEqual([
      `rebalance ${B} evicting`,
    ]);
    expect(drains(meet({ inbox: marked(B) }, hinted))).toEqual([`reclaim ${B} tainting`]);
    const doomed = [...marked(B, 'rebalance').doomed, ...marked(B).doomed];
    for (const marks of [doomed, [...doomed].reverse()]) {
      expect(drains(meet({ inbox: { doomed: marks, kickedAtMs: null } }))).toEqual([
        `reclaim ${B} tainting`,
      ]);
    }
  });

  test('a hint for a machine whose node is gone terminates nothing: it may work', () => {
    const nodes = fleetOf(3).nodes!.filter(({ name }) => name !== B);
    expect(drains(meet({ nodes, inbox: marked(B, 'rebalance') }))).toEqual([]);
  });

  test('paused, no drain is begun, but it is no supply any more', () => {
    const result = meet({ mode: 'paused', inbox: marked(B) });
    expect(drains(result)).toEqual([]);
    expect(phases(result)[B]).toBe('doomed');
  });

  test('when the inbox cannot be read, drains that were begun go on', () => {
    const before = [drain(B, { reason: 'reclaim' })];
    const result = meet({ inbox: null }, { drains: before });
    expect(result.state.drains).toEqual(before);
    expect(phases(result)[B]).toBe('doomed');
  });

  test('it is settled when its instance is gone, and not before', () => {
    expect(meet({ inbox: marked(B) }).settledMarks).toEqual([]);
    const gone = withInstance(fleetOf(3), B, { state: 'terminated' });
    expect(meet({ ...gone, inbox: marked(B) }).settledMarks).toEqual(marked(B).doomed);
    expect(meet({ inbox: marked('i-77') }).settledMarks).toEqual(marked('i-77').doomed);
    expect(meet({ inbox: marked('i-77'), instances: null }).settledMarks).toEqual([]);
    expect(meet({ inbox: null }).settledMarks).toEqual([]);
    expect(meet({ inbox: EMPTY_INBOX }).settledMarks).toEqual([]);
  });
});

describe('a voluntary drain is undone', () => {
  const on = { drains: [drain(B)] };
  const undone = (
    what: Partial<Seen>,
    before: Partial<FleetState> = on,
    settings = {},
  ): boolean => {
    const result = meet(what, before, settings);
    const over = result.state.drains.length === 0;
    expect(events(result)).toEqual(over ? [`drain-undone ${B}`] : []);
    expect(phases(result)[B]).toBe(over ? 'joining' : 'draining');
    return over;
  };

  test('not without a reason', () => {
    expect(undone({})).toBe(false);
  });

  test('when paused', () => {
    expect(undone({ mode: 'paused' })).toBe(true);
    expect(undone({ mode: 'observe' })).toBe(false);
  });

  test('when pods wait that it could hold: before any node is bought (S12)', () => {
    const waiting = (unschedulable: readonly number[]) => ({
      pods: { ...fleetOf(3).pods!, unschedulable },
    });
    expect(undone(waiting([1]))).toBe(true);
    // Its room counts as arriving: nothing is bought for the pod.
    const { view } = meet(waiting([1]), on);
    expect(countFleet(view)).toMatchObject({ arriving: 1, ready: 2, supply: 3, draining: 0 });
    // A pod that no node could hold is no reason.
    const huge = shape('huge', { requestMillicpu: 9000 });
    const { perNode } = fleetOf(3).pods!;
    const wider = perNode.map(({ nodeName, counts }) => ({ nodeName, counts: [...counts, 0] }));
    const hopeless = pods({ shapes: [WEB, huge], unschedulable: [0, 1], perNode: wider });
    expect(undone({ pods: hopeless })).toBe(false);
  });

  test('when a pod that may not be moved turned up on it', () => {
    const shapes = [WEB, shape('db', { pinnedBy: 'stateful-set' })];
    const holding = (counts: readonly number[]) =>
      withPods(
        {
          ...fleetOf(3),
          pods: pods({
            shapes,
            unschedulable: [0, 0],
            perNode: [A, B, C].map((nodeName) => ({ nodeName, counts: [1, 0] })),
          }),
        },
        B,
        counts,
      );
    expect(undone(holding([1, 1]))).toBe(true);
    expect(undone(holding([1, 0]))).toBe(false);
  });

  test('when its pods no longer fit elsewhere, headroom or not', () => {
    const crowded = (onOthers: number) =>
      withPods(withPods(withPods(fleetOf(3), A, [8]), C, [onOthers]), B, [2]);
    expect(undone(crowded(6))).toBe(false);
    expect(undone(crowded(7))).toBe(true);
  });

  test('when it has not moved for 5 minutes, or not ended in 30 (S11)', () => {
    const lasting = (startedAgoMs: number, progressedAgoMs: number) => ({
      drains: [
        drain(B, { startedAtMs: NOW - startedAgoMs, progressedAtMs: NOW - progressedAgoMs }),
      ],
    });
    expect(undone({}, lasting(HOUR / 4, 5 * MINUTE - 1))).toBe(false);
    expect(undone({}, lasting(HOUR / 4, 5 * MINUTE))).toBe(true);
    expect(undone({}, lasting(30 * MINUTE - 1, 0))).toBe(false);
    expect(undone({}, lasting(30 * MINUTE, 0))).toBe(true);
    const settings = { drainStallSeconds: 60, drainMaxSeconds: 120 };
    expect(undone({}, lasting(MINUTE, MINUTE), settings)).toBe(true);
    expect(undone({}, lasting(2 * MINUTE, 0), settings)).toBe(true);
    expect(undone({}, lasting(2 * MINUTE - 1, MINUTE - 1), settings)).toBe(false);
  });

  test('a stuck one raises an alarm and its victim backs off: 30 min, doubling to 6 h (S11)', () => {
    const stuck = { drains: [drain(B, { progressedAtMs: NOW - HOUR, podsLeft: 3 })] };
    const after = (failures: number) =>
      meet(
        {},
        {
          ...stuck,
          victimBackoffs:
            failures === 0 ? [] : [{ instanceId: B, failures, untilMs: NOW - MINUTE }],
        },
      );
    expect(alarms(after(0))).toEqual([`drain-stuck ${B}`]);
    expect(after(0).events).toEqual([{ code: 'drain-undone', subject: B, value: 3 }]);
    const minutes = [0, 1, 2, 3, 4, 5, 50].map((failures) => {
      const [backoff] = after(failures).state.victimBackoffs;
      expect(backoff).toMatchObject({ instanceId: B, failures: failures + 1 });
      return (backoff!.untilMs - NOW) / MINUTE;
    });
    expect(minutes).toEqual([30, 60, 120, 240, 360, 360, 360]);
  });

  test('for another reason than being stuck nobody backs off', () => {
    const result = meet({ mode: 'paused' }, on);
    expect(result.state.victimBackoffs).toEqual([]);
    expect(alarms(result)).toEqual([]);
  });

  test('another’s back-off stays', () => {
    const other = { instanceId: 'i-77', failures: 2, untilMs: NOW + MINUTE };
    const stuck = [drain(B, { progressedAtMs: NOW - HOUR })];
    const { victimBackoffs } = meet({}, { drains: stuck, victimBackoffs: [other] }).state;
    expect(victimBackoffs.map(({ instanceId }) => instanceId)).toEqual(['i-77', B]);
  });

  test('when others were lost meanwhile and fewer than min, or than were meant, would stay', () => {
    const lost = (desired: number, nodeCountMin: number, nodeCountMax = 10) =>
      drains(
        meet({ inbox: marked(B) }, { drains: [drain(A)], desired }, { nodeCountMin, nodeCountMax }),
      );
    const undone = [`reclaim ${B} tainting`];
    const goesOn = [`scale-down ${A} evicting`, ...undone];
    expect(lost(1, 2)).toEqual(undone);
    expect(lost(1, 1)).toEqual(goesOn);
    expect(lost(2, 1)).toEqual(undone);
    // Not for more than max allows.
    expect(lost(2, 1, 1)).toEqual(goesOn);
  });

  test('its taint comes off in the same cycle', () => {
    const tainted = withNode(fleetOf(3), B, { taintIntentId: drain(B).id });
    expect(meet({ ...tainted, mode: 'paused' }, on).strayTaints).toEqual([B]);
    expect(meet(tainted, on).strayTaints).toEqual([]);
  });

  test('unless it is terminating: that is finished whatever happens (S8)', () => {
    const terminating = [drain(B, { stage: 'terminating', startedAtMs: 0, progressedAtMs: 0 })];
    const everything = {
      mode: 'paused' as const,
      pods: { ...fleetOf(3).pods!, unschedulable: [5] },
    };
    expect(meet(everything, { drains: terminating }).state.drains).toEqual(terminating);
  });

  test.each<DrainReason>(['reclaim', 'rebalance', 'unhealthy', 'never-joined'])(
    'but not one for %s: that is no choice, unless paused',
    (reason) => {
      const before = [drain(B, { reason, startedAtMs: NOW - MINUTE, progressedAtMs: 0 })];
      const dead = withNode(fleetOf(3), B, { ready: false });
      const waiting = { ...dead, pods: { ...fleetOf(3).pods!, unschedulable: [5] } };
      expect(meet(waiting, { drains: before }).state.drains).toEqual(before);
      expect(meet({ ...waiting, mode: 'paused' }, { drains: before }).state.drains).toEqual([]);
    },
  );

  test.each<DrainReason>(['reclaim', 'rebalance'])(
    'one for a %s that came to nothing is given up, and its mark with it',
    (reason) => {
      const startedAtMs = NOW - 30 * MINUTE;
      const stuck = drain(B, { reason, startedAtMs });
      const inbox = marked(B, reason === 'reclaim' ? 'reclaim' : 'rebalance');
      const later = meet({ inbox }, { drains: [{ ...stuck, startedAtMs: startedAtMs + 1 }] });
      expect(later.settledMarks).toEqual([]);
      const voided = meet({ inbox }, { drains: [stuck] });
      expect(voided.state.drains).toEqual([]);
      expect(voided.settledMarks).toEqual(inbox.doomed);
      expect(phases(voided)).toMatchObject({ [B]: 'joining' });
    },
  );

  test('each by itself: one that is stuck does not end another', () => {
    const two = { drains: [drain(B, { progressedAtMs: NOW - HOUR }), drain(C)] };
    const result = meet(fleetOf(5), { ...two, known: knowing(5) });
    expect(drains(result)).toEqual([`scale-down ${C} evicting`]);
    expect(phases(result)).toMatchObject({ [B]: 'joining', [C]: 'draining' });
  });

  test('two whose pods do not fit elsewhere together are not both kept', () => {
    // 5 + 5 pods move; A has room for 6.
    const crowded = withPods(withPods(withPods(fleetOf(3), A, [2]), B, [5]), C, [5]);
    const one = meet(crowded, { drains: [drain(B)] });
    expect(drains(one)).toEqual([`scale-down ${B} evicting`]);
    const both = meet(crowded, { drains: [drain(B), drain(C)] });
    expect(both.state.drains.length).toBeLessThan(2);
  });

  test('not on what cannot be seen: without pods, nodes or instances it goes on until it is stuck', () => {
    const crowded = withPods(withPods(withPods(fleetOf(3), A, [8]), C, [8]), B, [2]);
    const ongoing = (what: Partial<Seen>) => meet({ ...crowded, ...what }, on).state.drains.length;
    expect(ongoing({})).toBe(0);
    expect(ongoing({ pods: null })).toBe(1);
    expect(ongoing({ nodes: null })).toBe(1);
    expect(ongoing({ instances: null })).toBe(1);
    const stuck = { drains: [drain(B, { progressedAtMs: NOW - HOUR })] };
    expect(meet({ pods: null, nodes: null }, stuck).state.drains).toEqual([]);
  });
});

describe('taints and nodes that were left behind', () => {
  const tainted = (taintIntentId: string) => withNode(fleetOf(3), B, { taintIntentId });

  test('our taint without a drain behind it comes off', () => {
    expect(meet(tainted('drain-4-gone')).strayTaints).toEqual([B]);
  });

  test('the taint of a drain stays, in whatever stage it is', () => {
    for (const stage of ['tainting', 'evicting', 'terminating'] as const) {
      const drains = [drain(B, { stage })];
      expect(meet(tainted(drain(B).id), { drains }).strayTaints).toEqual([]);
    }
  });

  test('the taint of a doomed mark stays, though its drain is yet to begin', () => {
    // While instances contradict what is remembered, none begins.
    const yetToBegin = (inbox: Seen['inbox'], mode: Seen['mode'] = 'act') =>
      meet({ ...tainted(doomedDrainId(B)), inbox, mode }, { known: knowing(9) }).strayTaints;
    expect(yetToBegin(marked(B))).toEqual([]);
    expect(yetToBegin(marked(C))).toEqual([B]);
    // Paused takes off every taint of ours (S18).
    expect(yetToBegin(marked(B), 'paused')).toEqual([B]);
  });

  test('while the inbox is unknown none is taken off: a mark may be behind it', () => {
    expect(meet({ ...tainted('drain-4-gone'), inbox: null }).strayTaints).toEqual([]);
  });

  test('a person’s cordon is not ours', () => {
    expect(meet(withNode(fleetOf(3), B, { cordoned: true })).strayTaints).toEqual([]);
  });

  test('several come off in order', () => {
    const two = withNode(tainted('drain-4-x'), A, { taintIntentId: 'drain-4-y' });
    expect(meet(two).strayTaints).toEqual([A, B]);
  });

  test('the node of a terminated instance is an orphan; of one shutting down not yet', () => {
    const ended = (ending: Instance['state']) =>
      meet(withInstance(fleetOf(3), B, { state: ending })).orphanNodes;
    expect(ended('terminated')).toEqual([B]);
    expect(ended('shutting-down')).toEqual([]);
    expect(ended('running')).toEqual([]);
  });
});

describe('launches without an answer', () => {
  const shares = (what: Partial<Seen>, attempts = [attempt()]) =>
    meet(what, { launches: [launch({ attempts })] }).view.unanswered;
  const withToken = (
    count: number,
    clientToken = 'token-0',
    state: Instance['state'] = 'pending',
  ) => Array.from({ length: count }, (_, n) => instance(`i-9${n}`, { clientToken, state }));

  test('are in flight, in the pool that was asked', () => {
    expect(shares({})).toEqual([{ zone: 'a', market: 'on-demand', count: 2 }]);
  });

  test('less what can already be seen of the same request', () => {
    expect(shares({ instances: withToken(1) })).toEqual([
      { zone: 'a', market: 'on-demand', count: 1 },
    ]);
    expect(shares({ instances: withToken(2) })).toEqual([]);
    expect(shares({ instances: withToken(3) })).toEqual([]);
    expect(shares({ instances: withToken(2, 'another') })).toHaveLength(1);
    // One that ended was launched all the same.
    expect(shares({ instances: withToken(2, 'token-0', 'terminated') })).toEqual([]);
  });

  test('all of it while instances cannot be read', () => {
    expect(shares({ instances: null })).toEqual([{ zone: 'a', market: 'on-demand', count: 2 }]);
  });

  test('answered attempts are not', () => {
    const attempts = [
      attempt({ outcome: 'refused' }),
      attempt({ number: 1, clientToken: 'token-1', outcome: 'launched', launched: 1, zone: 'b' }),
      attempt({ number: 2, clientToken: 'token-2', zone: 'c', market: 'spot', count: 1 }),
    ];
    expect(shares({}, attempts)).toEqual([{ zone: 'c', market: 'spot', count: 1 }]);
  });
});

describe('back-offs', () => {
  const pool = { zone: 'b', market: 'spot' } as const;

  test('a pool that refuses is passed over for 5, 10, 20, then 30 minutes', () => {
    let now = state();
    const minutes = [1, 2, 3, 4, 5].map((failures) => {
      now = withPoolRefused(now, pool, NOW);
      expect(now.poolBackoffs).toHaveLength(1);
      expect(now.poolBackoffs[0]).toMatchObject({ ...pool, failures });
      return (now.poolBackoffs[0]!.untilMs - NOW) / MINUTE;
    });
    expect(minutes).toEqual([5, 10, 20, 30, 30]);
  });

  test('each pool for itself: zone and market', () => {
    let now = withPoolRefused(state(), pool, NOW);
    now = withPoolRefused(now, { zone: 'a', market: 'spot' }, NOW);
    now = withPoolRefused(now, { zone: 'b', market: 'on-demand' }, NOW);
    expect(now.poolBackoffs.map((each) => each.failures)).toEqual([1, 1, 1]);
    const open = withPoolOpen(now, pool);
    expect(open.poolBackoffs.map(({ zone, market }) => `${market}/${zone}`)).toEqual([
      'spot/a',
      'on-demand/b',
    ]);
    expect(withPoolOpen(open, pool)).toBe(open);
  });

  test('are remembered past their end, so that a failure soon after still doubles them', () => {
    const kept = (overAgoMs: number) => {
      const untilMs = NOW - overAgoMs;
      const { poolBackoffs, victimBackoffs } = meet(
        {},
        {
          poolBackoffs: [{ ...pool, failures: 1, untilMs }],
          victimBackoffs: [{ instanceId: B, failures: 1, untilMs }],
        },
      ).state;
      return [poolBackoffs.length, victimBackoffs.length];
    };
    expect(kept(30 * MINUTE - 1)).toEqual([1, 1]);
    expect(kept(30 * MINUTE)).toEqual([0, 1]);
    expect(kept(6 * HOUR - 1)).toEqual([0, 1]);
    expect(kept(6 * HOUR)).toEqual([0, 0]);
  });

  test('that stay leave the state as it is', () => {
    const before = state({ poolBackoffs: [{ ...pool, failures: 1, untilMs: NOW }] });
    expect(reconcile(seen(), before, configured(), cluster()).state).toBe(before);
  });
});

describe('a change in mid-action', () => {
  test('a drain and a launch begun by another policy are finished (S25)', () => {
    const before = state({
      drains: [drain(B, { policy: 'static' })],
      launches: [launch({ policy: 'static' })],
    });
    const result = reconcile(seen(), before, configured('trailing-max'), cluster());
    expect(result.state.drains).toEqual(before.drains);
    expect(result.state.launches).toEqual(before.launches);
  });

  test('a lowered max begins nothing (S24)', () => {
    const result = meet(fleetOf(6), { known: knowing(6), desired: 6 }, { nodeCountMax: 3 });
    expect(drains(result)).toEqual([]);
    expect(countFleet(result.view).ready).toBe(6);
  });

  test('a clock that jumped back repairs nothing by itself', () => {
    const past = { nowMs: NOW - 2 * HOUR };
    expect(drains(meet(past))).toEqual([]);
    expect(drains(meet({ ...past, nowMs: NOW - SECOND }, { drains: [drain(B)] }))).toHaveLength(1);
  });
});
