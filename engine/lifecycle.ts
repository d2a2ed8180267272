import type { Alarm } from './effects.ts';
import type { CycleEvent } from './journal.ts';
import type {
  DoomedMark,
  Inbox,
  Instance,
  KubeNode,
  Metrics,
  NodePods,
  Pods,
} from './observation.ts';
import { holdsPinnedPod, podsFitElsewhere } from './placement.ts';
import type { ConfiguredPolicy } from './policies/index.ts';
import {
  unansweredCount,
  type Absence,
  type DrainIntent,
  type DrainReason,
  type FleetState,
  type VictimBackoff,
} from './state.ts';
import {
  countFleet,
  helpablePods,
  type Cluster,
  type Mode,
  type Phase,
  type PoolShare,
  type View,
  type Worker,
} from './view.ts';

/** What a cycle has read. Null: that list could not be had. */
export interface Seen {
  readonly nowMs: number;
  readonly mode: Mode;
  readonly metrics: Metrics;
  readonly inbox: Inbox | null;
  readonly instances: readonly Instance[] | null;
  readonly nodes: readonly KubeNode[] | null;
  readonly pods: Pods | null;
  /** Instances that were absent and that a describe by id did not find either. */
  readonly confirmedGone: readonly string[];
}

export interface Reconciled {
  readonly state: FleetState;
  readonly view: View;
  readonly events: readonly CycleEvent[];
  readonly alarms: readonly Alarm[];
  /** Nodes that carry our taint without a drain of ours behind it: it comes off. */
  readonly strayTaints: readonly string[];
  /** Nodes whose instance is seen terminated: the node object goes. */
  readonly orphanNodes: readonly string[];
  /** Doomed marks whose instance is gone: they leave the inbox. */
  readonly settledMarks: readonly string[];
}

/** An absence counts only after this long, and after a describe by id (S16). */
export const ABSENCE_CONFIRM_MS = 300_000;
/** AWS reclaims two minutes after its notice, or not at all. */
const NOTICE_VOID_MS = 600_000;
const VICTIM_BACKOFF_FIRST_MS = 1_800_000;
const VICTIM_BACKOFF_LAST_MS = 21_600_000;

/** The id of the drain that a doomed mark leads to; the ingest function taints the node with the same one (S2). */
export function doomedDrainId(instanceId: string): string {
  return `doomed-${instanceId}`;
}

/** Known instances that have been missing long enough to ask EC2 about each by its id. */
export function absencesToConfirm(
  state: FleetState,
  instances: readonly Instance[] | null,
  nowMs: number,
): string[] {
  const overdue = state.absent.filter((absence) => nowMs - absence.sinceMs >= ABSENCE_CONFIRM_MS);
  if (instances === null || overdue.length === 0) {
    return [];
  }
  const listed = new Set(instances.map((instance) => instance.id));
  return overdue.map((absence) => absence.instanceId).filter((id) => !listed.has(id));
}

/**
 * Joins what was seen with what is remembered, advances every instance and intent as far as this observation takes it,
 * and finds what must be repaired. Pure: it plans; the cycle commits the new state and then acts. Unchanged state comes
 * back as the same object.
 */
export function reconcile(
  seen: Seen,
  before: FleetState,
  configured: ConfiguredPolicy,
  cluster: Cluster,
): Reconciled {
  const events: CycleEvent[] = [];
  const alarms: Alarm[] = [];
  const joined = join(seen);
  const roll = callRoll(seen, before, events);
  let state = roll.state;
  const contradicted = roll.contradicted || joined.contradicted;

  if (contradicted) {
    alarms.push({ code: 'observation-contradicts-state', subject: cluster.id });
  }
  state = forgetSettledIntents(state, seen);
  state = beginRepairs(state, seen, joined, configured, contradicted, events, alarms);
  const workersBefore = buildWorkers(seen, state, joined, NO_UNDONE);
  const undone = drainsToUndo(state, seen, workersBefore, configured, cluster, events, alarms);
  if (undone.ids.size > 0) {
    state = undone.state;
  }
  state = resetJoinBreaker(state, workersBefore);
  state = forgetOldBackoffs(state, seen.nowMs);

  const workers =
    undone.ids.size > 0 ? buildWorkers(seen, state, joined, undone.ids) : workersBefore;
  const view = makeView(seen, state, workers, contradicted);
  return {
    state,
    view,
    events,
    alarms,
    strayTaints: strayTaints(seen, state, joined),
    orphanNodes: joined.orphanNodes,
    settledMarks: settledMarks(seen, state, undone.voided),
  };
}

// ---------------------------------------------------------------- joining the lists

interface Joined {
  /** Parallel to `seen.instances`. */
  readonly nodeOf: readonly (KubeNode | null)[];
  readonly podsOf: readonly (NodePods | null)[];
  /** Nodes that can be matched to no instance in any way: each vetoes `never-joined` (S15). */
  readonly unmatched: number;
  /** Most Ready nodes belong to instances that were not listed: then that list is not believed (S16). */
  readonly contradicted: boolean;
  readonly orphanNodes: readonly string[];
}

const NOT_JOINED: Joined = {
  nodeOf: [],
  podsOf: [],
  unmatched: 0,
  contradicted: false,
  orphanNodes: [],
};

/**
 * Finds each instance’s node and pods. Both lists are sorted, and a node is named by its instance id, so this is a merge;
 * where a node is named otherwise it is found by its providerID, its name or its address (S15).
 */
function join(seen: Seen): Joined {
  const { instances, nodes, pods } = seen;
  if (instances === null) {
    return NOT_JOINED;
  }
  const nodeOf: (KubeNode | null)[] = new Array(instances.length).fill(null);
  const podsOf: (NodePods | null)[] = new Array(instances.length).fill(null);
  const orphanNodes: string[] = [];
  const perNode = pods?.perNode ?? [];
  let unmatched = 0;
  let ready = 0;
  let unlisted = 0;
  let i = 0;
  let p = 0;
  for (const node of nodes ?? []) {
    while (p < perNode.length && perNode[p]!.nodeName < node.name) {
      p++;
    }
    const nodePods = p < perNode.length && perNode[p]!.nodeName === node.name ? perNode[p]! : null;
    if (node.controlPlane) {
      continue;
    }
    if (node.ready) {
      ready++;
    }
    const key = node.instanceId ?? node.name;
    while (i < instances.length && instances[i]!.id < key) {
      i++;
    }
    let at = i < instances.length && instances[i]!.id === key ? i : -1;
    if (at < 0) {
      at = findInstance(instances, node);
    }
    if (at < 0) {
      if (node.instanceId === null) {
        unmatched++;
      } else if (node.ready) {
        unlisted++;
      }
      continue;
    }
    nodeOf[at] = node;
    podsOf[at] = nodePods;
    if (instances[at]!.state === 'terminated') {
      orphanNodes.push(node.name);
    }
  }
  return { nodeOf, podsOf, unmatched, contradicted: unlisted * 2 > ready, orphanNodes };
}

function findInstance(instances: readonly Instance[], node: KubeNode): number {
  return instances.findIndex(
    (instance) =>
      instance.id === node.instanceId ||
      (node.instanceId === null &&
        (instance.id === node.name ||
          (instance.privateIp !== null && instance.privateIp === node.internalIp))),
  );
}

// ---------------------------------------------------------------- who is there

interface Roll {
  readonly state: FleetState;
  readonly contradicted: boolean;
}

function isAlive(instance: Instance): boolean {
  return instance.state === 'pending' || instance.state === 'running';
}

/**
 * Adopts instances that carry our tags and that we do not know, strikes off those seen terminated, and notes those that
 * vanished without a trace. When more than half of what we knew has vanished, the observation is not believed (S16).
 */
function callRoll(seen: Seen, state: FleetState, events: CycleEvent[]): Roll {
  const { instances, nowMs } = seen;
  if (instances === null || isJustAsKnown(instances, state)) {
    return { state, contradicted: false };
  }
  const known: string[] = [];
  const absent: Absence[] = [];
  let changed = false;
  let seenBefore = 0;
  let vanished = 0;
  let k = 0;
  const strikeOrMiss = (instanceId: string): void => {
    const noted = state.absent.find((absence) => absence.instanceId === instanceId);
    if (noted === undefined || noted.seen) {
      seenBefore++;
    }
    const leaving = state.drains.some(
      (drain) => drain.instanceId === instanceId && drain.stage === 'terminating',
    );
    if (seen.confirmedGone.includes(instanceId) || (leaving && noted !== undefined)) {
      changed = true;
      events.push({ code: 'gone', subject: instanceId, value: 0 });
      return;
    }
    known.push(instanceId);
    if ((noted === undefined || noted.seen) && !leaving) {
      vanished++;
    }
    if (noted === undefined) {
      changed = true;
    }
    absent.push(noted ?? vanishedAt(instanceId, nowMs));
  };
  for (const instance of instances) {
    while (k < state.known.length && state.known[k]! < instance.id) {
      strikeOrMiss(state.known[k++]!);
    }
    const isKnown = k < state.known.length && state.known[k] === instance.id;
    if (isKnown) {
      k++;
    }
    if (isAlive(instance)) {
      known.push(instance.id);
      if (isKnown) {
        seenBefore++;
      } else {
        changed = true;
        events.push({ code: 'adopted', subject: instance.id, value: 0 });
      }
    } else if (isKnown) {
      changed = true;
      events.push({ code: 'gone', subject: instance.id, value: 0 });
    }
  }
  while (k < state.known.length) {
    strikeOrMiss(state.known[k++]!);
  }
  if (!changed && absent.length === state.absent.length) {
    return { state, contradicted: vanished * 2 > seenBefore };
  }
  return { state: { ...state, known, absent }, contradicted: vanished * 2 > seenBefore };
}

/** Where it was is not remembered: it counts for no zone, and not toward the on-demand floor. */
function vanishedAt(instanceId: string, sinceMs: number): Absence {
  return { instanceId, sinceMs, seen: true, zone: '', market: 'spot' };
}

function isJustAsKnown(instances: readonly Instance[], state: FleetState): boolean {
  if (state.absent.length > 0) {
    return false;
  }
  let k = 0;
  for (const instance of instances) {
    if (!isAlive(instance)) {
      if (isKnown(state, instance.id)) {
        return false;
      }
    } else if (state.known[k++] !== instance.id) {
      return false;
    }
  }
  return k === state.known.length;
}

/** Drops launches that are answered in full or given up, and drains whose instance is gone. */
function forgetSettledIntents(state: FleetState, seen: Seen): FleetState {
  let { launches, drains } = state;
  if (launches.some((intent) => unansweredCount(intent) === 0)) {
    launches = launches.filter((intent) => unansweredCount(intent) > 0);
  }
  if (drains.length > 0 && seen.instances !== null) {
    const kept = drains.filter((drain) => isKnown(state, drain.instanceId));
    if (kept.length < drains.length) {
      drains = kept;
    }
  }
  return launches === state.launches && drains === state.drains
    ? state
    : { ...state, launches, drains };
}

function isKnown(state: FleetState, instanceId: string): boolean {
  let low = 0;
  let high = state.known.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (state.known[middle]! < instanceId) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return state.known[low] === instanceId;
}

// ---------------------------------------------------------------- repairs

/**
 * Begins the drains that are not a policy’s choice: reclaimed, about to be reclaimed, dead, never joined. The last two
 * start at `terminating`: there is nothing on them to evict. One dead node at a time (S17).
 */
function beginRepairs(
  state: FleetState,
  seen: Seen,
  joined: Joined,
  configured: ConfiguredPolicy,
  contradicted: boolean,
  events: CycleEvent[],
  alarms: Alarm[],
): FleetState {
  const { instances, nowMs } = seen;
  if (instances === null || contradicted || seen.mode === 'paused') {
    return state;
  }
  const begun: DrainIntent[] = [];
  let replaced = state.drains;
  let { joinFailures, joinFailedAtMs } = state;
  let repairing = state.drains.some((drain) => drain.reason === 'unhealthy');
  const nodesComplete = seen.nodes !== null && joined.unmatched === 0;
  const doubted = nodesDoubted(instances, joined, configured, nowMs);
  let givingUp = state.drains.some((drain) => drain.reason === 'never-joined');
  const begin = (
    instance: Instance,
    node: KubeNode | null,
    reason: DrainReason,
    instead: DrainIntent | undefined,
  ): void => {
    const atOnce = reason === 'unhealthy' || reason === 'never-joined';
    if (instead !== undefined) {
      replaced = replaced.filter((each) => each !== instead);
    }
    begun.push({
      id: doomedDrainId(instance.id),
      instanceId: instance.id,
      nodeName: node?.name ?? null,
      reason,
      birthEpoch: 0,
      policy: configured.policy.name,
      startedAtMs: nowMs,
      progressedAtMs: nowMs,
      podsLeft: 0,
      stage: atOnce || node === null ? 'terminating' : 'tainting',
    });
    events.push({ code: reason, subject: instance.id, value: 0 });
  };

  const marks = seen.inbox?.doomed ?? [];
  const joinTimeoutMs = configured.settings.joinTimeoutSeconds * 1000;
  const notReadyTimeoutMs = configured.settings.notReadyTimeoutSeconds * 1000;
  for (let i = 0; i < instances.length; i++) {
    const instance = instances[i]!;
    if (!isAlive(instance)) {
      continue;
    }
    const node = joined.nodeOf[i]!;
    const mark =
      marks.length === 0 ? undefined : marks.find((each) => each.instanceId === instance.id);
    const overdue =
      (node === null || wasNeverReady(node)) && nowMs - instance.launchedAtMs >= joinTimeoutMs;
    const deadForMs = node !== null && !node.ready ? nowMs - node.readyChangedAtMs : 0;
    if (mark === undefined && !overdue && deadForMs < notReadyTimeoutMs) {
      continue;
    }
    const drain = state.drains.find((each) => each.instanceId === instance.id);
    if (drain !== undefined && (drain.reason !== 'scale-down' || drain.stage === 'terminating')) {
      continue;
    }

    if (mark !== undefined) {
      // Its node was not found, which is not "it has none": nothing is terminated undrained for that (S15).
      if (node === null && !nodesComplete) {
        continue;
      }
      begin(instance, node, mark.cause, drain);
    } else if (overdue) {
      if (!nodesComplete) {
        continue;
      }
      if (doubted) {
        alarms.push({ code: 'observation-contradicts-state', subject: instance.id });
        if (givingUp) {
          continue;
        }
        givingUp = true;
      }
      joinFailures++;
      joinFailedAtMs = nowMs;
      if (joinFailures >= 2) {
        alarms.push({ code: 'join-failing', subject: instance.zone });
      }
      begin(instance, node, 'never-joined', drain);
    } else {
      alarms.push({ code: 'node-unhealthy', subject: instance.id });
      if (!instance.statusCheckFailed || repairing) {
        continue;
      }
      repairing = true;
      begin(instance, node, 'unhealthy', drain);
    }
  }
  if (begun.length === 0) {
    return state;
  }
  return { ...state, drains: [...replaced, ...begun], joinFailures, joinFailedAtMs };
}

/**
 * Whether most of the fleet is said to have lost the nodes that it surely had, being twice as old as one that never joined
 * gets: a master that was replaced knows no node for a while. Then they are given up one at a time, with an alarm.
 */
function nodesDoubted(
  instances: readonly Instance[],
  joined: Joined,
  { settings }: ConfiguredPolicy,
  nowMs: number,
): boolean {
  let alive = 0;
  let lost = 0;
  instances.forEach((instance, i) => {
    if (isAlive(instance)) {
      const old = nowMs - instance.launchedAtMs >= 2 * settings.joinTimeoutSeconds * 1000;
      alive++;
      lost += old && joined.nodeOf[i] === null ? 1 : 0;
    }
  });
  return lost >= 2 && lost * 2 > alive;
}

/** One node that joined after the last failure closes the breaker (S14). */
function resetJoinBreaker(state: FleetState, workers: readonly Worker[]): FleetState {
  if (state.joinFailures === 0) {
    return state;
  }
  const joinedSince = workers.some(
    (worker) => worker.phase === 'ready' && worker.readySinceMs > state.joinFailedAtMs,
  );
  return joinedSince ? { ...state, joinFailures: 0, joinFailedAtMs: 0 } : state;
}

function forgetOldBackoffs(state: FleetState, nowMs: number): FleetState {
  if (state.victimBackoffs.length === 0 && state.poolBackoffs.length === 0) {
    return state;
  }
  // Kept past their end for as long as they lasted at most, so that a failure soon after still doubles them.
  const victimBackoffs = state.victimBackoffs.filter(
    (each) => nowMs < each.untilMs + VICTIM_BACKOFF_LAST_MS,
  );
  const poolBackoffs = state.poolBackoffs.filter(
    (each) => nowMs < each.untilMs + POOL_BACKOFF_LAST_MS,
  );
  if (
    victimBackoffs.length === state.victimBackoffs.length &&
    poolBackoffs.length === state.poolBackoffs.length
  ) {
    return state;
  }
  return { ...state, victimBackoffs, poolBackoffs };
}

/** cluster-autoscaler’s node-group back-off: 5 minutes, doubling to 30. */
const POOL_BACKOFF_FIRST_MS = 300_000;
export const POOL_BACKOFF_LAST_MS = 1_800_000;

/** Notes a pool’s definite refusal: it is passed over for 5, 10, 20, then 30 minutes. */
export function withPoolRefused(
  state: FleetState,
  pool: Omit<PoolShare, 'count'>,
  nowMs: number,
): FleetState {
  const { zone, market } = pool;
  const others = state.poolBackoffs.filter((each) => each.zone !== zone || each.market !== market);
  const before = state.poolBackoffs.find((each) => each.zone === zone && each.market === market);
  const failures = (before?.failures ?? 0) + 1;
  const untilMs = nowMs + doubling(POOL_BACKOFF_FIRST_MS, POOL_BACKOFF_LAST_MS, failures);
  return { ...state, poolBackoffs: [...others, { zone, market, failures, untilMs }] };
}

/** Notes a launch that went through: the pool’s failures are forgotten. */
export function withPoolOpen(state: FleetState, pool: Omit<PoolShare, 'count'>): FleetState {
  const { zone, market } = pool;
  const others = state.poolBackoffs.filter((each) => each.zone !== zone || each.market !== market);
  return others.length === state.poolBackoffs.length ? state : { ...state, poolBackoffs: others };
}

function doubling(firstMs: number, lastMs: number, failures: number): number {
  let delayMs = firstMs;
  for (let n = 1; n < failures && delayMs < lastMs; n++) {
    delayMs *= 2;
  }
  return Math.min(delayMs, lastMs);
}

// ---------------------------------------------------------------- drains that should not go on

const NO_UNDONE: ReadonlySet<string> = new Set();

/**
 * Voluntary drains that are undone: paused; pods need the room (before any is bought, S12); a pod that may not be moved
 * turned up, or the pods no longer fit elsewhere (validated at every step); stalled or too long (S11, the victim then
 * backs off 30 minutes to 6 hours). Never one that is `terminating`: that is finished whatever happens (S8). A notice that
 * came to nothing (the instance still runs, not drained, long after it) is void: drain and mark are dropped.
 */
function drainsToUndo(
  state: FleetState,
  seen: Seen,
  workers: readonly Worker[],
  configured: ConfiguredPolicy,
  cluster: Cluster,
  events: CycleEvent[],
  alarms: Alarm[],
): { state: FleetState; ids: ReadonlySet<string>; voided: ReadonlySet<string> } {
  const reversible = state.drains.filter((drain) => drain.stage !== 'terminating');
  if (reversible.length === 0) {
    return { state, ids: NO_UNDONE, voided: NO_UNDONE };
  }
  const { settings } = configured;
  const view = makeView(seen, state, workers, false);
  const waiting = seen.pods === null ? null : helpablePods(view, cluster.template, 0);
  const ids = new Set<string>();
  const voided = new Set<string>();
  const kept: Worker[] = [];
  // Others were lost meanwhile: min holds by keeping what is here, before any node is bought.
  let lacking = seen.instances === null ? 0 : settings.nodeCountMin - countFleet(view).supply;
  let victimBackoffs = state.victimBackoffs;
  for (const drain of reversible) {
    const worker = workers.find((each) => each.id === drain.instanceId);
    const drainingForMs = seen.nowMs - drain.startedAtMs;
    if (drain.reason !== 'scale-down') {
      // Dead ones and those that never joined were not announced, and are never given back.
      const noticed = drain.reason === 'reclaim' || drain.reason === 'rebalance';
      if (!noticed || drainingForMs < Math.max(NOTICE_VOID_MS, settings.drainMaxSeconds * 1000)) {
        continue;
      }
      voided.add(drain.instanceId);
    }
    const stalled =
      voided.has(drain.instanceId) ||
      seen.nowMs - drain.progressedAtMs >= settings.drainStallSeconds * 1000 ||
      drainingForMs >= settings.drainMaxSeconds * 1000;
    const undo =
      seen.mode === 'paused' ||
      stalled ||
      lacking > 0 ||
      (waiting !== null && waiting > 0) ||
      (seen.pods !== null &&
        seen.nodes !== null &&
        worker !== undefined &&
        (holdsPinnedPod(worker, view) || !podsFitElsewhere(worker, kept, view, cluster, 0)));
    if (!undo) {
      if (worker !== undefined) {
        kept.push(worker);
      }
      continue;
    }
    ids.add(drain.instanceId);
    lacking--;
    events.push({ code: 'drain-undone', subject: drain.instanceId, value: drain.podsLeft });
    if (stalled) {
      alarms.push({ code: 'drain-stuck', subject: drain.instanceId });
      victimBackoffs = withVictimFailed(victimBackoffs, drain.instanceId, seen.nowMs);
    }
  }
  if (ids.size === 0) {
    return { state, ids, voided };
  }
  const drains = state.drains.filter((drain) => !ids.has(drain.instanceId));
  return { state: { ...state, drains, victimBackoffs }, ids, voided };
}

function withVictimFailed(
  backoffs: readonly VictimBackoff[],
  instanceId: string,
  nowMs: number,
): readonly VictimBackoff[] {
  const failures = (backoffs.find((each) => each.instanceId === instanceId)?.failures ?? 0) + 1;
  const untilMs = nowMs + doubling(VICTIM_BACKOFF_FIRST_MS, VICTIM_BACKOFF_LAST_MS, failures);
  return [
    ...backoffs.filter((each) => each.instanceId !== instanceId),
    { instanceId, failures, untilMs },
  ];
}

// ---------------------------------------------------------------- the view

function buildWorkers(
  seen: Seen,
  state: FleetState,
  joined: Joined,
  undone: ReadonlySet<string>,
): readonly Worker[] {
  const { instances } = seen;
  const workers: Worker[] = [];
  if (instances === null) {
    return workers;
  }
  const noPods: readonly number[] = seen.pods === null ? [] : zeros(seen.pods.shapes.length);
  const leaving = leavingPhases(state, seen.inbox?.doomed ?? NONE);
  let next = 0;
  let absent = 0;
  for (let i = 0; i < instances.length; i++) {
    const instance = instances[i]!;
    while (absent < state.absent.length && state.absent[absent]!.instanceId < instance.id) {
      workers.push(absentWorker(state.absent[absent++]!, noPods));
    }
    if (!isAlive(instance)) {
      continue;
    }
    const node = joined.nodeOf[i]!;
    // A drain just undone: its node takes pods again as soon as the taint is off.
    const returning = undone.size > 0 && undone.has(instance.id);
    while (next < leaving.length && leaving[next]![0] < instance.id) {
      next++;
    }
    const leaves = next < leaving.length && leaving[next]![0] === instance.id;
    const phase = returning ? 'joining' : leaves ? leaving[next]![1] : stayingPhase(node);
    workers.push({
      id: instance.id,
      zone: instance.zone,
      market: instance.market,
      phase,
      launchedAtMs: instance.launchedAtMs,
      readySinceMs: node !== null && node.ready ? node.readyChangedAtMs : 0,
      cordoned: node !== null && node.cordoned,
      allocatableMillicpu: node === null ? 0 : node.allocatableMillicpu,
      allocatableMib: node === null ? 0 : node.allocatableMib,
      pods: joined.podsOf[i]?.counts ?? noPods,
    });
  }
  while (absent < state.absent.length) {
    workers.push(absentWorker(state.absent[absent++]!, noPods));
  }
  return workers;
}

function zeros(length: number): number[] {
  return new Array<number>(length).fill(0);
}

function absentWorker(absence: Absence, noPods: readonly number[]): Worker {
  return {
    id: absence.instanceId,
    zone: absence.zone,
    market: absence.market,
    phase: 'absent',
    launchedAtMs: absence.sinceMs,
    readySinceMs: 0,
    cordoned: false,
    allocatableMillicpu: 0,
    allocatableMib: 0,
    pods: noPods,
  };
}

/** Phases of those that have a drain or a doomed mark, sorted by id. */
function leavingPhases(
  state: FleetState,
  marks: readonly DoomedMark[],
): readonly (readonly [id: string, phase: Phase])[] {
  if (state.drains.length === 0 && marks.length === 0) {
    return NONE;
  }
  const phases = new Map<string, Phase>();
  for (const mark of marks) {
    phases.set(mark.instanceId, 'doomed');
  }
  for (const { instanceId, reason, stage } of state.drains) {
    if (reason !== 'scale-down') {
      phases.set(instanceId, 'doomed');
    } else if (stage === 'terminating') {
      phases.set(instanceId, 'terminating');
    } else {
      phases.set(instanceId, stage === 'evicting' ? 'draining' : 'tainted');
    }
  }
  return [...phases].sort(([a], [b]) => (a < b ? -1 : 1));
}

function stayingPhase(node: KubeNode | null): Phase {
  if (node === null) {
    return 'booting';
  }
  if (node.ready) {
    return 'ready';
  }
  return wasNeverReady(node) ? 'joining' : 'not-ready';
}

/** The kubelet posts its first condition as it registers; one that has not changed since was never Ready. */
function wasNeverReady(node: KubeNode): boolean {
  return !node.ready && node.readyChangedAtMs - node.createdAtMs < REGISTRATION_MS;
}
const REGISTRATION_MS = 5_000;

function makeView(
  seen: Seen,
  state: FleetState,
  workers: readonly Worker[],
  contradicted: boolean,
): View {
  return {
    nowMs: seen.nowMs,
    mode: seen.mode,
    metrics: seen.metrics,
    instancesKnown: seen.instances !== null,
    nodesKnown: seen.nodes !== null,
    podsKnown: seen.pods !== null,
    inboxKnown: seen.inbox !== null,
    contradicted,
    workers,
    shapes: seen.pods?.shapes ?? [],
    unschedulable: seen.pods?.unschedulable ?? [],
    unanswered: unansweredShares(state, seen.instances),
    desired: state.desired,
    lastScaleUpAtMs: state.lastScaleUpAtMs,
    lastScaleDownAtMs: state.lastScaleDownAtMs,
    recoveryUntilMs: state.recoveryUntilMs,
    joinFailures: state.joinFailures,
    joinFailedAtMs: state.joinFailedAtMs,
    poolBackoffs: state.poolBackoffs,
    victimBackoffs: state.victimBackoffs,
  };
}

const NO_SHARES: readonly PoolShare[] = [];

/** Nodes that were sent for without an answer, less those of the same request that can already be seen. */
function unansweredShares(
  state: FleetState,
  instances: readonly Instance[] | null,
): readonly PoolShare[] {
  if (state.launches.length === 0) {
    return NO_SHARES;
  }
  const shares: PoolShare[] = [];
  for (const intent of state.launches) {
    for (const attempt of intent.attempts) {
      if (attempt.outcome !== 'unknown') {
        continue;
      }
      const visible = (instances ?? []).filter(
        (each) => each.clientToken === attempt.clientToken,
      ).length;
      if (attempt.count > visible) {
        shares.push({ zone: attempt.zone, market: attempt.market, count: attempt.count - visible });
      }
    }
  }
  return shares;
}

const NONE: readonly never[] = [];

/** Nodes with our taint and no drain behind it. */
function strayTaints(seen: Seen, state: FleetState, joined: Joined): readonly string[] {
  let strays: string[] | null = null;
  for (const node of joined.nodeOf) {
    if (node === null || node.taintIntentId === null) {
      continue;
    }
    // A drain that took over from another taints anew: taking the old taint off first would only let pods in.
    if (
      state.drains.some((drain) => drain.id === node.taintIntentId || drain.nodeName === node.name)
    ) {
      continue;
    }
    if (
      seen.inbox === null ||
      seen.inbox.doomed.some((mark) => doomedDrainId(mark.instanceId) === node.taintIntentId)
    ) {
      continue;
    }
    (strays ??= []).push(node.name);
  }
  return strays ?? NONE;
}

/** Marks of instances that are no longer there, and those that came to nothing. */
function settledMarks(
  seen: Seen,
  state: FleetState,
  voided: ReadonlySet<string>,
): readonly string[] {
  if (seen.inbox === null || seen.instances === null || seen.inbox.doomed.length === 0) {
    return NONE;
  }
  return seen.inbox.doomed
    .map((mark) => mark.instanceId)
    .filter((instanceId) => voided.has(instanceId) || !isKnown(state, instanceId));
}
