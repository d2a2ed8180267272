import { beforeEach, describe, expect, it } from 'vitest';
import {
  CALL_TIMEOUT_MS,
  emptyState,
  PENDING_AS_WRITTEN,
  type DecisionRecord,
  type Effect,
  type EffectKind,
  type EffectOf,
  type Result,
  type ResultOf,
} from '../../engine/index.ts';
import { Interpreter } from '../../simulator/interpret.ts';
import { Table } from '../../simulator/table.ts';
import type { World } from '../../simulator/world.ts';
import {
  launch,
  podsOn,
  quietWorld,
  START_AT_MS,
  step,
  STEP_MS,
  workers,
  ZONE_A,
  ZONE_B,
} from './build.ts';

let world: World;
let table: Table;
let interpreter: Interpreter;
let records: DecisionRecord[];
/** Steps of the world, as told. */
let stepsSeen: number[];
/** Two nodes of 4 web pods and 1 of postgres. The first step has been made. */
beforeEach(() => {
  const postgres = {
    name: 'postgres',
    kind: 'statefulset',
    requestMillicpu: 500,
    requestMib: 500,
    usageMillicpu: 0,
    workingSetMib: 1,
  };
  ({ world } = quietWorld(2, 8, { settings: { workload: { others: [postgres] } } }));
  table = new Table();
  records = [];
  stepsSeen = [];
  interpreter = new Interpreter(
    world,
    table,
    (record) => records.push(record),
    () => stepsSeen.push(world.stepIndex),
  );
  interpreter.advance(START_AT_MS);
});

const RECORD: DecisionRecord = {
  startedAtMs: START_AT_MS,
  epoch: 1,
  outcome: 'lock-held',
  decided: null,
  events: [],
};
const LAUNCH: EffectOf<'launchInstances'> = {
  kind: 'launchInstances',
  launch: {
    clientToken: 'token',
    zone: ZONE_B,
    market: 'spot',
    count: 2,
    templateVersion: '1',
    intentId: 'x',
    birthEpoch: 77,
  },
};

function ask<E extends Effect>(effect: E): ResultOf<E> {
  return interpreter.interpret(effect) as ResultOf<E>;
}
const refused = (reason: string): object => ({ ok: false, certainty: 'refused', reason });
const first = (): string => workers(world)[0].name;

/** One effect of each kind, all of which succeed. */
const effects = (): { [K in EffectKind]: EffectOf<K> } => ({
  acquireLock: {
    kind: 'acquireLock',
    owner: 'me',
    epoch: 5,
    nowMs: interpreter.nowMs,
    lockExpiryAtMs: interpreter.nowMs + 300_000,
    holderDeadlineAtMs: interpreter.nowMs + 90_000,
  },
  readLock: { kind: 'readLock' },
  commitState: {
    kind: 'commitState',
    owner: 'me',
    epoch: 5,
    nextEpoch: 5,
    state: emptyState('static'),
    nodeCount: 2,
    scalingInProgress: false,
  },
  readInbox: { kind: 'readInbox' },
  clearInbox: { kind: 'clearInbox', marks: [], kickedAtMs: null },
  queryMetrics: { kind: 'queryMetrics', atMs: interpreter.nowMs, custom: [] },
  listInstances: { kind: 'listInstances' },
  describeInstances: { kind: 'describeInstances', ids: [first()] },
  listNodes: { kind: 'listNodes' },
  listPods: { kind: 'listPods' },
  listNodePods: { kind: 'listNodePods', nodeName: first() },
  launchInstances: LAUNCH,
  taintNode: {
    kind: 'taintNode',
    nodeName: first(),
    intentId: 'x',
    resourceVersion: workers(world)[0].resourceVersion,
  },
  untaintNode: { kind: 'untaintNode', nodeName: first(), intentId: 'x' },
  evictPod: { kind: 'evictPod', namespace: 'shop', name: 'p', uid: `${first()}/0/0` },
  terminateInstance: { kind: 'terminateInstance', instanceId: first() },
  deleteNode: { kind: 'deleteNode', nodeName: first() },
  pause: { kind: 'pause', untilMs: interpreter.nowMs + 1 },
  appendJournal: { kind: 'appendJournal', record: RECORD },
  publishMetrics: {
    kind: 'publishMetrics',
    workers: 2,
    ready: 2,
    inFlight: 0,
    doomed: 0,
    pending: 0,
  },
  notify: { kind: 'notify', alarms: [] },
  releaseLock: { kind: 'releaseLock', owner: 'me', epoch: 5 },
});
const KINDS: EffectKind[] = [
  'acquireLock',
  'readLock',
  'commitState',
  'readInbox',
  'clearInbox',
  'queryMetrics',
  'listInstances',
  'describeInstances',
  'listNodes',
  'listPods',
  'listNodePods',
  'launchInstances',
  'taintNode',
  'untaintNode',
  'evictPod',
  'terminateInstance',
  'deleteNode',
  'pause',
  'appendJournal',
  'publishMetrics',
  'notify',
  'releaseLock',
];

describe('time', () => {
  it('passes with every effect, less than a call may take, and the answer says when it was done', () => {
    for (const kind of KINDS) {
      const before = interpreter.nowMs;
      const effect = effects()[kind];
      const { completedAtMs, ok } = ask(effect);
      expect(ok, kind).toBe(true);
      expect(completedAtMs, kind).toBe(interpreter.nowMs);
      expect(completedAtMs, kind).toBeGreaterThan(before);
      expect(completedAtMs - before, kind).toBeLessThan(CALL_TIMEOUT_MS);
    }
    expect(new Set(KINDS)).toEqual(new Set(Object.keys(effects())));
  });

  it('passes slowest for RunInstances', () => {
    const took = (effect: Effect): number => {
      const before = interpreter.nowMs;
      return ask(effect).completedAtMs - before;
    };
    const others = KINDS.filter((kind) => kind !== 'launchInstances');
    const slowest = Math.max(...others.map((kind) => took(effects()[kind])));
    expect(took({ ...LAUNCH, launch: { ...LAUNCH.launch, clientToken: 'u' } })).toBeGreaterThan(
      slowest,
    );
  });

  it('passes for the world too: each step that falls due happens, once, and is told of', () => {
    expect(stepsSeen).toEqual([1]);
    ask({ kind: 'pause', untilMs: START_AT_MS + STEP_MS - 1 });
    expect(stepsSeen).toEqual([1]);
    ask({ kind: 'pause', untilMs: START_AT_MS + 4 * STEP_MS });
    expect(stepsSeen).toEqual([1, 2, 3, 4, 5]);
    expect(world.nowMs).toBe(START_AT_MS + 4 * STEP_MS);
  });

  it('an effect that crosses a step is done after it', () => {
    ask({ kind: 'pause', untilMs: START_AT_MS + STEP_MS - 500 });
    const { completedAtMs } = ask(LAUNCH);
    expect(completedAtMs).toBe(START_AT_MS + STEP_MS + 700);
    expect(stepsSeen).toEqual([1, 2]);
    expect(world.aliveInstances()[2].launchedAtMs).toBe(completedAtMs);
  });

  it('a pause until an instant that has passed takes no time', () => {
    expect(ask({ kind: 'pause', untilMs: START_AT_MS - 1 })).toEqual({
      ok: true,
      completedAtMs: START_AT_MS,
    });
  });

  it('a pause ends where it was told to', () => {
    expect(ask({ kind: 'pause', untilMs: START_AT_MS + 10_000 }).completedAtMs).toBe(
      START_AT_MS + 10_000,
    );
  });

  it('stops with the world at the end of the trace', () => {
    interpreter.advance(10 ** 9);
    expect(world.done).toBe(true);
    expect(stepsSeen).toHaveLength(1000);
    expect(ask({ kind: 'readLock' }).ok).toBe(true);
  });
});

describe('the table', () => {
  it('is locked, read, written, released', () => {
    expect(ask(effects().acquireLock)).toMatchObject({ ok: true, stored: { kind: 'absent' } });
    const state = { ...emptyState('node-fleet'), desired: 4 };
    expect(ask({ ...effects().commitState, state }).ok).toBe(true);
    expect(ask({ kind: 'readLock' })).toMatchObject({
      ok: true,
      lock: { owner: 'me', epoch: 5 },
      stored: { kind: 'known', state },
    });
    expect(ask(effects().releaseLock).ok).toBe(true);
    expect(table.lock.owner).toBeNull();
  });

  it('refuses a second owner, and who does not hold the lock', () => {
    ask(effects().acquireLock);
    expect(ask({ ...effects().acquireLock, owner: 'you', epoch: 6 })).toMatchObject(
      refused('held'),
    );
    expect(ask({ ...effects().commitState, owner: 'you' })).toMatchObject(refused('lock-lost'));
    expect(ask({ ...effects().releaseLock, epoch: 4 })).toMatchObject(refused('lock-lost'));
  });

  it('keeps an inbox beside it', () => {
    const mark = { instanceId: 'i-1', cause: 'reclaim', markedAtMs: START_AT_MS } as const;
    table.inbox = { doomed: [mark], kickedAtMs: 7 };
    expect(ask({ kind: 'readInbox' })).toMatchObject({ inbox: { doomed: [mark], kickedAtMs: 7 } });
    ask({ kind: 'clearInbox', marks: [mark], kickedAtMs: 7 });
    expect(ask({ kind: 'readInbox' })).toMatchObject({ inbox: { doomed: [], kickedAtMs: null } });
  });
});

describe('lists', () => {
  it('instances are sorted by id, nodes by name, and both are named alike', () => {
    const instances = ask({ kind: 'listInstances' });
    const nodes = ask({ kind: 'listNodes' });
    const ids = instances.ok ? instances.instances.map(({ id }) => id) : [];
    expect(ids).toHaveLength(2);
    expect(ids).toEqual([...ids].sort());
    const names = nodes.ok ? nodes.nodes.map(({ name }) => name) : [];
    expect(names).toEqual([...names].sort());
    expect(
      nodes.ok && nodes.nodes.filter((node) => !node.controlPlane).map((n) => n.instanceId),
    ).toEqual(ids);
  });

  it('a new instance is not listed at once, but described by its id', () => {
    let late = 0;
    for (let n = 0; n < 10; n++) {
      const [id] = launch(world, 1, { nowMs: interpreter.nowMs });
      const listed = ask({ kind: 'listInstances' });
      late += listed.ok && listed.instances.some((each) => each.id === id) ? 0 : 1;
      expect(ask({ kind: 'describeInstances', ids: [id] })).toMatchObject({ instances: [{ id }] });
    }
    expect(late).toBeGreaterThan(5);
  });

  it('ids that EC2 does not know are simply not in the answer', () => {
    expect(ask({ kind: 'describeInstances', ids: ['i-none', first()] })).toMatchObject({
      ok: true,
      instances: [{ id: first() }],
    });
    expect(ask({ kind: 'describeInstances', ids: ['i-none'] })).toMatchObject({
      ok: true,
      instances: [],
    });
  });

  it('the pods of a node are one each, of their shapes, and those that end are marked', () => {
    const owner = workers(world).find(({ name }) => podsOn(world, name, 1).active === 1)!.name;
    world.evict(owner, 0);
    const answer = ask({ kind: 'listNodePods', nodeName: owner });
    const pods = answer.ok ? answer.pods : [];
    expect(
      pods.map(({ name, terminatesAtMs, pinnedBy }) => [
        name.split('-')[0],
        terminatesAtMs !== null,
        pinnedBy,
      ]),
    ).toEqual([
      ...Array.from({ length: podsOn(world, owner).active }, () => ['web', false, null]),
      ['web', true, null],
      ['postgres', false, 'stateful-set'],
    ]);
    expect(new Set(pods.map(({ uid }) => uid)).size).toBe(pods.length);
    const counts = world.listPods().perNode.find(({ nodeName }) => nodeName === owner)!.counts;
    expect(counts).toEqual([pods.length - 1, 1]);
  });

  it('a node that is not there has no pods', () => {
    expect(ask({ kind: 'listNodePods', nodeName: 'i-none' })).toMatchObject({ ok: true, pods: [] });
  });

  it('metrics are those of the instant asked about', () => {
    interpreter.advance(3 * STEP_MS - 20);
    const atMs = interpreter.nowMs;
    const answer = ask({ kind: 'queryMetrics', atMs, custom: [] });
    // It is answered after the next scrape, which it does not see.
    expect(world.nowMs).toBe(START_AT_MS + 3 * STEP_MS);
    const reading = answer.ok ? answer.metrics.unschedulablePods : null;
    expect(reading).toMatchObject({ missing: null, sampledAtMs: START_AT_MS + 2 * STEP_MS });
  });

  it('custom readings are those asked for', () => {
    interpreter.advance(3 * STEP_MS);
    const custom = [PENDING_AS_WRITTEN, 'nobody-exports-this'];
    expect(ask({ kind: 'queryMetrics', atMs: interpreter.nowMs, custom })).toMatchObject({
      metrics: {
        custom: [
          { name: PENDING_AS_WRITTEN, reading: { value: 0, missing: null } },
          { name: 'nobody-exports-this', reading: { missing: 'empty' } },
        ],
      },
    });
  });
});

describe('launching', () => {
  it('launches, and gives the ids', () => {
    const answer = ask(LAUNCH);
    expect(answer.ok && answer.instanceIds).toHaveLength(2);
    expect(ask(LAUNCH)).toMatchObject({ instanceIds: answer.ok ? answer.instanceIds : null });
    expect(world.aliveInstances().slice(2)).toMatchObject([
      { zone: ZONE_B, market: 'spot', clientToken: 'token', birthEpoch: 77 },
      { zone: ZONE_B, market: 'spot', clientToken: 'token', birthEpoch: 77 },
    ]);
  });

  it('passes on a mismatch, a spent token, an impossible request', () => {
    const with_ = (change: object): Effect => ({
      ...LAUNCH,
      launch: { ...LAUNCH.launch, ...change },
    });
    const answer = ask(LAUNCH);
    expect(ask(with_({ zone: ZONE_A }))).toMatchObject(refused('parameter-mismatch'));
    (answer.ok ? answer.instanceIds : []).forEach((id) => world.terminate(id, interpreter.nowMs));
    expect(ask(LAUNCH)).toMatchObject(refused('spent'));
    expect(ask(with_({ clientToken: 'u', zone: 'nowhere' }))).toMatchObject(refused('invalid'));
  });
});

describe('changing nodes', () => {
  it('terminates what is there, once and again', () => {
    const instanceId = first();
    expect(ask({ kind: 'terminateInstance', instanceId }).ok).toBe(true);
    expect(ask({ kind: 'terminateInstance', instanceId }).ok).toBe(true);
    expect(world.terminations).toBe(1);
    expect(ask({ kind: 'terminateInstance', instanceId: 'i-none' })).toMatchObject(
      refused('not-found'),
    );
  });

  it('taints a node at the version that was read', () => {
    const taint = effects().taintNode;
    expect(ask(taint).ok).toBe(true);
    expect(ask({ ...taint, intentId: 'y' })).toMatchObject(refused('conflict'));
    expect(workers(world)[0].taintIntentId).toBe('x');
    expect(ask({ ...taint, nodeName: 'i-none' })).toMatchObject(refused('not-found'));
  });

  it('takes our taint off, also where there is none, and never another’s', () => {
    const untaint = effects().untaintNode;
    ask(effects().taintNode);
    expect(ask({ ...untaint, intentId: 'another' }).ok).toBe(true);
    expect(workers(world)[0].taintIntentId).toBe('x');
    expect(ask(untaint).ok).toBe(true);
    expect(ask(untaint).ok).toBe(true);
    expect(workers(world)[0].taintIntentId).toBeNull();
    expect(ask({ ...untaint, nodeName: 'i-none' })).toMatchObject(refused('not-found'));
  });

  it('deletes a node once', () => {
    const remove = effects().deleteNode;
    expect(ask(remove).ok).toBe(true);
    expect(ask(remove)).toMatchObject(refused('not-found'));
  });
});

describe('evicting', () => {
  const evict = (uid: string): Result =>
    ask({ kind: 'evictPod', namespace: 'shop', name: 'pod', uid });

  it('evicts a pod of that node and shape', () => {
    const node = first();
    const { active } = podsOn(world, node);
    expect(evict(`${node}/0/0`).ok).toBe(true);
    expect(podsOn(world, node)).toEqual({ active: active - 1, terminating: 1 });
  });

  it('is blocked by the disruption budget, and finds no pod where there is none', () => {
    const node = first();
    evict(`${node}/0/0`);
    evict(`${node}/0/1`);
    expect(evict(`${node}/0/2`)).toMatchObject(refused('blocked-by-pdb'));
    const other = workers(world).find(({ name }) => podsOn(world, name, 1).active === 0)!.name;
    expect(evict(`${other}/1/0`)).toMatchObject(refused('not-found'));
    expect(evict('i-none/0/0')).toMatchObject(refused('not-found'));
  });

  it('takes uids as they were listed', () => {
    const owner = workers(world).find(({ name }) => podsOn(world, name, 1).active === 1)!.name;
    const listed = ask({ kind: 'listNodePods', nodeName: owner });
    const postgres = (listed.ok ? listed.pods : []).find(({ pinnedBy }) => pinnedBy !== null)!;
    expect(evict(postgres.uid).ok).toBe(true);
    expect(podsOn(world, owner, 1)).toEqual({ active: 0, terminating: 1 });
  });
});

describe('what only goes out', () => {
  it('a record goes to the journal, as it is', () => {
    ask({ kind: 'appendJournal', record: RECORD });
    expect(records).toEqual([RECORD]);
    expect(records[0]).toBe(RECORD);
  });

  it('metrics and alarms change nothing here', () => {
    step(world);
    const before = JSON.stringify([world.listInstances(world.nowMs), world.listPods(), table.lock]);
    ask(effects().publishMetrics);
    ask({ kind: 'notify', alarms: [{ code: 'drain-stuck', subject: 'i-1' }] });
    expect(JSON.stringify([world.listInstances(world.nowMs), world.listPods(), table.lock])).toBe(
      before,
    );
    expect(records).toEqual([]);
  });
});
