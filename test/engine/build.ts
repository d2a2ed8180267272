// Builders for the tests of the engine: a quiet fleet of three, and whatever a test changes in it; and an interpreter that
// answers a cycle's effects from a script.
import {
  configurePolicy,
  cycle,
  emptyState,
  type Cluster,
  type ConfiguredPolicy,
  type CycleInput,
  type DecisionRecord,
  type DecodedState,
  type DoomedMark,
  type DrainIntent,
  type Effect,
  type EffectKind,
  type EffectOf,
  type FleetState,
  type Inbox,
  type Instance,
  type KubeNode,
  type LaunchAttempt,
  type LaunchIntent,
  type LockItem,
  type Metrics,
  type Mode,
  type PodOnNode,
  type Pods,
  type PodShape,
  type Policy,
  type Proposal,
  type Reading,
  type ResultOf,
  type Seen,
  type View,
  type Worker,
  type Yielded,
} from '../../engine/index.ts';

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
/** Now, in every test: a whole second. */
export const NOW = 1_750_000_000_000;
export const EPOCH = NOW / 1000;

export const ZONES = ['a', 'b', 'c'];

/** Round numbers: a node of 2,000 m and 4,096 MiB holds 8 web pods of 250 m and 256 MiB; memory would allow 16. */
export const WEB: PodShape = shape('web', { requestMillicpu: 250, requestMib: 256 });

export function shape(key: string, changes: Partial<PodShape> = {}): PodShape {
  return { key, requestMillicpu: 250, requestMib: 256, zone: null, pinnedBy: null, ...changes };
}

export function cluster(changes: Partial<Cluster> = {}): Cluster {
  return {
    id: 'shop',
    zones: ZONES,
    template: { allocatableMillicpu: 2000, allocatableMib: 4096 },
    templateVersion: '7',
    onDemandBdtPerHour: 10,
    spotBdtPerHour: 3,
    calendar: [],
    timeZoneOffsetMinutes: 360,
    operatorDelaysMs: [],
    ...changes,
  };
}

/** A reading sampled just now, whole; `ageMs` and `coverageRatio` make it worse. */
export function reading(value: number, ageMs = 0, coverageRatio = 1): Reading {
  return { value, sampledAtMs: NOW - ageMs, coverageRatio, missing: null };
}

export const MISSING: Reading = { missing: 'unavailable' };

export function metrics(changes: Partial<Metrics> = {}): Metrics {
  return {
    cpuPercent: reading(50),
    memoryPercent: reading(50),
    unschedulablePods: reading(0),
    apiLatencyP95Ms: reading(80),
    requestsPerSecond: reading(100),
    custom: [],
    ...changes,
  };
}

/** A worker that has been Ready for an hour, in zone a, on demand and empty. */
export function worker(id: string, changes: Partial<Worker> = {}): Worker {
  const phase = changes.phase ?? 'ready';
  return {
    id,
    zone: 'a',
    market: 'on-demand',
    phase,
    launchedAtMs: NOW - HOUR - MINUTE,
    readySinceMs: phase === 'ready' ? NOW - HOUR : 0,
    cordoned: false,
    allocatableMillicpu: 2000,
    allocatableMib: 4096,
    pods: [0],
    ...changes,
  };
}

/** `count` Ready workers i-1, i-2, …: zones in turn, the first two on demand, one web pod each. */
export function workers(count: number, changes: Partial<Worker> = {}): Worker[] {
  return Array.from({ length: count }, (_, n) =>
    worker(idOf(n + 1), {
      zone: ZONES[n % 3]!,
      market: n < 2 ? 'on-demand' : 'spot',
      pods: [1],
      ...changes,
    }),
  );
}

/** Ids whose order as text is their order as numbers. */
export function idOf(n: number): string {
  return `i-${String(n).padStart(2, '0')}`;
}

/** Three Ready workers, half busy, nothing pending, nothing remembered. */
export function view(changes: Partial<View> = {}): View {
  return {
    nowMs: NOW,
    mode: 'act',
    metrics: metrics(),
    instancesKnown: true,
    nodesKnown: true,
    podsKnown: true,
    inboxKnown: true,
    contradicted: false,
    workers: workers(3),
    shapes: [WEB],
    unschedulable: [0],
    unanswered: [],
    desired: 3,
    lastScaleUpAtMs: null,
    lastScaleDownAtMs: null,
    recoveryUntilMs: 0,
    joinFailures: 0,
    joinFailedAtMs: 0,
    poolBackoffs: [],
    victimBackoffs: [],
    hold: null,
    ...changes,
  };
}

/** What is seen when the Kubernetes API does not answer. */
export const KUBERNETES_DOWN: Partial<View> = {
  nodesKnown: false,
  podsKnown: false,
  shapes: [],
  unschedulable: [],
};

// ---------------------------------------------------------------- policies

const resolved = new Map<string, ConfiguredPolicy>();

/** A policy with its settings resolved; fails when they are wrong. */
export function configured(
  name = 'node-fleet',
  overrides: Readonly<Record<string, unknown>> = {},
): ConfiguredPolicy {
  const key = JSON.stringify([name, overrides]);
  const before = resolved.get(key);
  if (before !== undefined) {
    return before;
  }
  const result = configurePolicy(name, overrides);
  if (!result.ok) {
    throw new Error(JSON.stringify(result.problems));
  }
  resolved.set(key, result.configured);
  return result.configured;
}

/** A policy that always asks for the same, without cool-downs or small steps of its own unless `overrides` has them. */
export function asking(
  action: Proposal['action'],
  count: number,
  overrides: Readonly<Record<string, unknown>> = {},
  evidence: Proposal['evidence'] = action === 'scaleDown' ? 'cpu' : 'pods',
): ConfiguredPolicy {
  const { settings } = configured('node-fleet', {
    cooldownAfterActionSeconds: 60,
    cooldownBeforeRemovalSeconds: 0,
    stepDownMax: 10,
    drainsInFlightMax: 10,
    ...overrides,
  });
  const policy: Policy = {
    name: 'asking',
    summary: 'asks for the same always',
    settings: {},
    scales: true,
    fleetDefaults: () => ({}),
    propose: ({ memory }) => ({ action, count, level: 'TARGET', evidence, rules: [], memory }),
  };
  return { policy, settings };
}

// ---------------------------------------------------------------- what a cycle reads

/** A running instance of the hour before last. */
export function instance(id: string, changes: Partial<Instance> = {}): Instance {
  return {
    id,
    state: 'running',
    zone: 'a',
    market: 'on-demand',
    launchedAtMs: NOW - HOUR - MINUTE,
    privateIp: null,
    clientToken: null,
    birthEpoch: 1,
    statusCheckFailed: false,
    ...changes,
  };
}

/** The node of an instance, named by it, Ready for an hour. */
export function node(instanceId: string, changes: Partial<KubeNode> = {}): KubeNode {
  return {
    name: instanceId,
    instanceId,
    internalIp: null,
    controlPlane: false,
    createdAtMs: NOW - HOUR - 10 * SECOND,
    ready: true,
    readyChangedAtMs: NOW - HOUR,
    cordoned: false,
    taintIntentId: null,
    resourceVersion: '41',
    allocatableMillicpu: 2000,
    allocatableMib: 4096,
    ...changes,
  };
}

/** A node that registered and has not become Ready since. */
export function neverReady(instanceId: string, createdAtMs: number): KubeNode {
  return node(instanceId, { ready: false, createdAtMs, readyChangedAtMs: createdAtMs });
}

export function pods(changes: Partial<Pods> = {}): Pods {
  return { shapes: [WEB], unschedulable: [0], perNode: [], ...changes };
}

/** Instances i-01 … with a node and one web pod each, zones in turn. */
export function fleetOf(count: number): Fleet {
  const ids = Array.from({ length: count }, (_, n) => idOf(n + 1));
  return {
    instances: ids.map((id, n) =>
      instance(id, { zone: ZONES[n % 3]!, market: n < 2 ? 'on-demand' : 'spot' }),
    ),
    nodes: ids.map((id) => node(id)),
    pods: pods({ perNode: ids.map((nodeName) => ({ nodeName, counts: [1] })) }),
  };
}

type Fleet = Pick<Seen, 'instances' | 'nodes' | 'pods'>;

/** The same with one instance changed. */
export function withInstance(fleet: Fleet, id: string, changes: Partial<Instance>): Fleet {
  const instances = fleet.instances!.map((each) =>
    each.id === id ? { ...each, ...changes } : each,
  );
  return { ...fleet, instances };
}

/** The same with one node changed. */
export function withNode(fleet: Fleet, name: string, changes: Partial<KubeNode>): Fleet {
  const nodes = fleet.nodes!.map((each) => (each.name === name ? { ...each, ...changes } : each));
  return { ...fleet, nodes };
}

/** The same without these instances; their nodes stay unless `nodesToo`. */
export function without(fleet: Fleet, ids: readonly string[], nodesToo = true): Fleet {
  const instances = fleet.instances!.filter(({ id }) => !ids.includes(id));
  const nodes = nodesToo ? fleet.nodes!.filter(({ name }) => !ids.includes(name)) : fleet.nodes;
  return { ...fleet, instances, nodes };
}

/** The same with other pods on one node, by shape. */
export function withPods(fleet: Fleet, nodeName: string, counts: readonly number[]): Fleet {
  const perNode = fleet.pods!.perNode.map((each) =>
    each.nodeName === nodeName ? { nodeName, counts } : each,
  );
  return { ...fleet, pods: { ...fleet.pods!, perNode } };
}

export const EMPTY_INBOX: Inbox = { doomed: [], kickedAtMs: null };

export function marked(
  instanceId: string,
  cause: DoomedMark['cause'] = 'reclaim',
  kickedAtMs: number | null = null,
): Inbox {
  return { doomed: [{ instanceId, cause, markedAtMs: NOW - 20 * SECOND }], kickedAtMs };
}

/** A fleet of three, seen whole. */
export function seen(changes: Partial<Seen> = {}): Seen {
  return {
    nowMs: NOW,
    mode: 'act',
    metrics: metrics(),
    inbox: EMPTY_INBOX,
    ...fleetOf(3),
    confirmedGone: [],
    disowned: [],
    ...changes,
  };
}

/** What is remembered of that fleet: a node that is being drained is not meant to stay. */
export function state(changes: Partial<FleetState> = {}): FleetState {
  const leaving = (changes.drains ?? []).filter(({ reason }) => reason === 'scale-down');
  return {
    ...emptyState('node-fleet'),
    desired: 3 - leaving.length,
    known: [idOf(1), idOf(2), idOf(3)],
    joined: [idOf(1), idOf(2), idOf(3)],
    ...changes,
  };
}

export function drain(instanceId: string, changes: Partial<DrainIntent> = {}): DrainIntent {
  const reason = changes.reason ?? 'scale-down';
  return {
    id: reason === 'scale-down' ? `drain-5-${instanceId}` : `doomed-${instanceId}`,
    instanceId,
    nodeName: instanceId,
    reason,
    birthEpoch: 5,
    policy: 'node-fleet',
    startedAtMs: NOW - MINUTE,
    progressedAtMs: NOW - MINUTE,
    podsLeft: 1,
    stage: 'evicting',
    ...changes,
  };
}

export function attempt(changes: Partial<LaunchAttempt> = {}): LaunchAttempt {
  return {
    number: 0,
    zone: 'a',
    market: 'on-demand',
    count: 2,
    clientToken: 'token-0',
    outcome: 'unknown',
    launched: 0,
    ...changes,
  };
}

export function launch(changes: Partial<LaunchIntent> = {}): LaunchIntent {
  return {
    id: '5-old',
    birthEpoch: 5,
    createdAtMs: NOW - 2 * MINUTE,
    reason: 'scale-up',
    policy: 'node-fleet',
    templateVersion: '6',
    count: 2,
    repair: 0,
    attempts: [attempt()],
    ...changes,
  };
}

// ---------------------------------------------------------------- a cycle, answered from a script

type Answer<K extends EffectKind> =
  ResultOf<Extract<Effect, { kind: K }>> extends infer R
    ? DistributiveOmit<R, 'completedAtMs'> & {
        /** How long it took; 10 ms unless told. */
        readonly tookMs?: number;
      }
    : never;
/** Over each member of a union by itself. */
type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
/** An answer, or one made from the effect and how many of its kind came before. */
type Answers = {
  readonly [K in EffectKind]?: Answer<K> | ((effect: EffectOf<K>, nth: number) => Answer<K>);
};

export interface Script {
  readonly policy?: ConfiguredPolicy;
  readonly cluster?: Cluster;
  readonly mode?: Mode;
  readonly input?: Partial<CycleInput>;
  /** What is read, unless `answers` says otherwise. */
  readonly seen?: Partial<Pick<Seen, 'metrics' | 'inbox' | 'instances' | 'nodes' | 'pods'>>;
  readonly stored?: DecodedState;
  readonly podsOnNode?: readonly PodOnNode[];
  readonly answers?: Answers;
  /** Kills the cycle when this effect has been asked for, before it is answered. */
  readonly killedAt?: (effect: Effect) => boolean;
}

export interface Played {
  /** Null: it was killed. */
  readonly record: DecisionRecord | null;
  /** Every effect, in order; those of one `parallel` one after the other. */
  readonly effects: readonly Effect[];
  readonly endedAtMs: number;
  /** The state as the table has it afterwards. */
  readonly stored: DecodedState;
}

export const OK = { ok: true } as const;
export function refused<const R extends string>(reason: R) {
  return { ok: false, certainty: 'refused', reason } as const;
}
export const TIMEOUT = {
  ok: false,
  certainty: 'unknown',
  reason: 'timeout',
  tookMs: 5 * SECOND,
} as const;

export function known(value: FleetState): DecodedState {
  return { kind: 'known', state: value };
}

/**
 * Steps one cycle by hand. Everything goes well unless the script says otherwise: the lock is free, three nodes are there,
 * launches give i-91, i-92, …, evictions are accepted, and a drained node has no pods.
 */
export function play(script: Script = {}): Played {
  const effects: Effect[] = [];
  const counts = new Map<EffectKind, number>();
  const read = { ...seen(), ...script.seen };
  let stored = script.stored ?? known(state());
  let lastId = 90;

  const usual: { [K in EffectKind]: (effect: EffectOf<K>) => Answer<K> } = {
    acquireLock: () => ({ ...OK, stored }),
    readLock: () => ({ ...OK, lock: FREE_LOCK, stored }),
    commitState: () => OK,
    releaseLock: () => OK,
    readInbox: () => (read.inbox === null ? TIMEOUT : { ...OK, inbox: read.inbox }),
    clearInbox: () => OK,
    queryMetrics: () => ({ ...OK, metrics: read.metrics }),
    listInstances: () => (read.instances === null ? TIMEOUT : { ...OK, instances: read.instances }),
    describeInstances: ({ ids }) => ({
      ...OK,
      instances: (read.instances ?? []).filter(({ id }) => ids.includes(id)),
      foreign: [],
    }),
    listNodes: () => (read.nodes === null ? TIMEOUT : { ...OK, nodes: read.nodes }),
    listPods: () => (read.pods === null ? TIMEOUT : { ...OK, pods: read.pods }),
    listNodePods: () => ({ ...OK, pods: script.podsOnNode ?? [] }),
    launchInstances: ({ launch: { count } }) => ({
      ...OK,
      instanceIds: Array.from({ length: count }, () => idOf(++lastId)),
    }),
    terminateInstance: () => OK,
    taintNode: () => OK,
    untaintNode: () => OK,
    evictPod: () => OK,
    deleteNode: () => OK,
    pause: () => OK,
    appendJournal: () => OK,
    publishMetrics: () => OK,
    notify: () => OK,
  };

  const input: CycleInput = {
    nowMs: NOW,
    triggeredAtMs: NOW,
    deadlineMs: NOW + MINUTE,
    trigger: 'schedule',
    nonce: 'n1',
    mode: script.mode ?? 'act',
    cluster: script.cluster ?? cluster(),
    configured: script.policy ?? configured(),
    ...script.input,
  };
  let clockMs = input.nowMs;

  const answer = (effect: Effect, beganAtMs: number): { completedAtMs: number } => {
    const nth = counts.get(effect.kind) ?? 0;
    counts.set(effect.kind, nth + 1);
    effects.push(effect);
    // One of the two maps by the same key: TypeScript cannot follow that through a union.
    const scripted = script.answers?.[effect.kind] as
      object | ((effect: Effect, nth: number) => object) | undefined;
    const plain = usual[effect.kind] as (effect: Effect) => object;
    const { tookMs, ...result } = (
      typeof scripted === 'function' ? scripted(effect, nth) : (scripted ?? plain(effect))
    ) as { ok: boolean; tookMs?: number };
    if (effect.kind === 'commitState' && result.ok) {
      stored = known(effect.state);
    }
    const resumesAtMs = effect.kind === 'pause' ? effect.untilMs : 0;
    return { ...result, completedAtMs: Math.max(beganAtMs + (tookMs ?? 10), resumesAtMs) };
  };

  // The driver, by hand: a test sees every effect before it is answered.
  const process = cycle(input) as Generator<Yielded, DecisionRecord, unknown>;
  let step = process.next();
  while (!step.done) {
    const asked = step.value;
    const all = asked.kind === 'parallel' ? asked.effects : [asked];
    if (script.killedAt !== undefined && all.some(script.killedAt)) {
      return { record: null, effects, endedAtMs: clockMs, stored };
    }
    const beganAtMs = clockMs;
    const results = all.map((effect) => answer(effect, beganAtMs));
    clockMs = Math.max(...results.map((result) => result.completedAtMs));
    step = process.next(asked.kind === 'parallel' ? results : results[0]);
  }
  return { record: step.value, effects, endedAtMs: clockMs, stored };
}

export const FREE_LOCK: LockItem = {
  owner: null,
  epoch: 0,
  lockExpiryAtMs: 0,
  holderDeadlineAtMs: 0,
};

/** The effects of one kind, in order. */
export function only<K extends EffectKind>(played: Played, kind: K): EffectOf<K>[] {
  return played.effects.filter((effect): effect is EffectOf<K> & Effect => effect.kind === kind);
}

/** The order in which kinds of effects came, each run of one kind once. */
export function order(played: Played): EffectKind[] {
  return played.effects
    .map(({ kind }) => kind)
    .filter((kind, n, kinds) => n === 0 || kinds[n - 1] !== kind);
}

/** Effects that change EC2 or Kubernetes. */
export const MUTATING: readonly EffectKind[] = [
  'launchInstances',
  'terminateInstance',
  'taintNode',
  'untaintNode',
  'evictPod',
  'deleteNode',
];

export function mutations(played: Played): Effect[] {
  return played.effects.filter(({ kind }) => MUTATING.includes(kind));
}

/** The state that the table has afterwards; fails when it has none. */
export function storedState(played: Played): FleetState {
  if (played.stored.kind !== 'known') {
    throw new Error(`the table has no state: ${played.stored.kind}`);
  }
  return played.stored.state;
}

/** The decision that a cycle journalled; fails when it took none. */
export function decidedIn(played: Played) {
  const decided = played.record?.decided;
  if (decided === null || decided === undefined) {
    throw new Error('the cycle did not decide');
  }
  return decided;
}

/** What a cycle notified of. */
export function alarmsOf(played: Played): string[] {
  return only(played, 'notify').flatMap(({ alarms }) => alarms.map(({ code }) => code));
}

export function eventsOf(played: Played): string[] {
  return (played.record?.events ?? []).map(({ code, subject }) => `${code} ${subject}`);
}

export function podOnNode(n: number, changes: Partial<PodOnNode> = {}): PodOnNode {
  return {
    uid: `uid-${n}`,
    namespace: 'shop',
    name: `web-${n}`,
    terminatesAtMs: null,
    pinnedBy: null,
    ...changes,
  };
}
