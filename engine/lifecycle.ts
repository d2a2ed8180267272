import type { Alarm } from './effects.ts';
import type { CycleEvent } from './journal.ts';
import {
  byText,
  isAlive,
  MARKETS,
  type DoomedMark,
  type Inbox,
  type Instance,
  type Hold,
  type KubeNode,
  type Metrics,
  type NodePods,
  type Pods,
} from './observation.ts';
import { holdsPinnedPod, podsFitElsewhere } from './placement.ts';
import type { ConfiguredPolicy } from './policies/index.ts';
import { contains, foundIn, inBoth, isBefore, merged, placeIn } from './sorted.ts';
import {
  isOpen,
  stateWith,
  unansweredCount,
  type Absence,
  type DrainIntent,
  type DrainReason,
  type FleetState,
  type LostNode,
  type VictimBackoff,
} from './state.ts';
import {
  countFleet,
  freezeAt,
  nodeCountMinAt,
  helpablePods,
  NOT_READY_PERCENT_MAX,
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
  /** Instances that are alive and do not carry our tags any more: somebody took them from us. */
  readonly disowned: readonly string[];
}

export interface Reconciled {
  /** What was read, less what is not believed: twins in a list, nodes and pods of an API that contradicts itself. */
  readonly seen: Seen;
  readonly state: FleetState;
  readonly view: View;
  readonly events: readonly CycleEvent[];
  readonly alarms: readonly Alarm[];
  /** Nodes that carry our taint without a drain of ours behind it: it comes off. */
  readonly strayTaints: readonly string[];
  /** Nodes whose instance is seen terminated: the node object goes. */
  readonly orphanNodes: readonly string[];
  /** Doomed marks whose instance is gone, or that came to nothing: they leave the inbox. */
  readonly settledMarks: readonly DoomedMark[];
}

/** An absence counts only after this long, and after a describe by id (S16). */
export const ABSENCE_CONFIRM_MS = 300_000;
/** NotReady for less than this is a flap, and changes nothing (S17). */
const FLAP_MS = 120_000;
/** NotReady for so many times as long as is allowed with a failed status check is dead, whatever that check says (S17). */
const DEAD_ANYWAY_FACTOR = 6;
/** A terminate that is not obeyed for this long: the instance counts against max again, and is an alarm. */
export const TERMINATE_OVERDUE_MS = 600_000;
/** Alive by its id, ours by its tags, and in no list for this long: an alarm. */
export const UNLISTED_ALARM_MS = 1_800_000;
/** AWS reclaims two minutes after its notice, or not at all. */
export const NOTICE_VOID_MS = 600_000;
const VICTIM_BACKOFF_FIRST_MS = 1_800_000;
const VICTIM_BACKOFF_LAST_MS = 21_600_000;

/** The id of the drain that a doomed mark leads to; the ingest function taints the node with the same one (S2). */
export function doomedDrainId(instanceId: string): string {
  return `doomed-${instanceId}`;
}

/**
 * Instances to ask EC2 about by their id: known ones that have been missing for long, and those that only a dead node still
 * tells of. EC2 forgets what was terminated after an hour; its node would stay for ever.
 */
export function absencesToConfirm(
  state: FleetState,
  instances: readonly Instance[] | null,
  nodes: readonly KubeNode[] | null,
  nowMs: number,
): readonly string[] {
  if (instances === null) {
    return NOBODY;
  }
  const overdue: string[] = [];
  for (const { instanceId, sinceMs } of state.absent) {
    if (nowMs - sinceMs >= ABSENCE_CONFIRM_MS) {
      overdue.push(instanceId);
    }
  }
  for (const node of nodes ?? NONE) {
    if (node.ready || node.controlPlane) {
      continue;
    }
    const { instanceId, readyChangedAtMs } = node;
    if (
      instanceId !== null &&
      nowMs - readyChangedAtMs >= ABSENCE_CONFIRM_MS &&
      !isKnown(state, instanceId)
    ) {
      overdue.push(instanceId);
    }
  }
  if (overdue.length === 0) {
    return overdue;
  }
  return withoutListed(overdue, instances);
}

function withoutListed(ids: readonly string[], instances: readonly Instance[]): string[] {
  const listed = new Set(instances.map((instance) => instance.id));
  return ids.filter((id) => !listed.has(id));
}

/**
 * Joins what was seen with what is remembered, advances every instance and intent as far as this observation takes it,
 * and finds what must be repaired. Pure: it plans; the cycle commits the new state and then acts. Unchanged state comes
 * back as the same object.
 * @param lastWorkers of the view before, if it is at hand: a worker that is as it was is the same object again
 */
export function reconcile(
  listed: Seen,
  before: FleetState,
  configured: ConfiguredPolicy,
  cluster: Cluster,
  lastWorkers: readonly Worker[] = NONE,
): Reconciled {
  const events: CycleEvent[] = [];
  const alarms: Alarm[] = [];
  // Most of the time nothing has changed, and then no twin is listed and nobody is missed.
  const asKnown = listed.instances !== null && isJustAsKnown(listed.instances, before);
  const seen = asKnown ? listed : withoutTwins(listed);
  let joined = join(seen, before);
  const doubted = seen.nodes !== null && nodesDoubted(seen.instances, joined, before);
  if (doubted) {
    joined = { ...joined, complete: false };
  }
  const roll = asKnown ? { state: before, contradicted: false } : callRoll(seen, before, events);
  let state = withUnlisted(roll.state, joined.unlisted, seen.nowMs);
  state = noteJoined(state, joined, events);
  state = noteLostNodes(state, seen, joined);
  const contradicted = roll.contradicted || joined.contradicted;

  if (contradicted || doubted) {
    alarms.push({ code: 'observation-contradicts-state', subject: cluster.id });
  }
  for (const name of joined.unmatched) {
    alarms.push({ code: 'node-unmatched', subject: name });
  }
  state = forgetSettledIntents(state, seen);
  state = beginRepairs(
    state,
    before,
    seen,
    joined,
    configured,
    cluster,
    contradicted,
    events,
    alarms,
  );
  const workersBefore = buildWorkers(seen, state, joined, configured, NO_UNDONE, lastWorkers);
  const undone = drainsToUndo(state, seen, workersBefore, configured, cluster, events, alarms);
  if (undone.ids.size > 0) {
    state = undone.state;
  }
  state = resetJoinBreaker(state, workersBefore);
  state = forgetOldBackoffs(state, seen.nowMs);

  const workers =
    undone.ids.size > 0
      ? buildWorkers(seen, state, joined, configured, undone.ids, lastWorkers)
      : workersBefore;
  const view = makeView(seen, state, workers, contradicted);
  return {
    seen,
    state,
    view,
    events,
    alarms,
    strayTaints: strayTaints(seen, state, joined),
    orphanNodes: joined.orphanNodes,
    settledMarks: contradicted ? NONE : settledMarks(seen, state, configured, undone.voided),
  };
}

// ---------------------------------------------------------------- joining the lists

const NOBODY: readonly string[] = [];

interface Joined {
  /** Parallel to `seen.instances`. */
  readonly nodeOf: readonly (KubeNode | null)[];
  readonly podsOf: readonly (NodePods | null)[];
  /** Instances that have a node, and those of them whose node is Ready for the first time that we see. */
  readonly matched: number;
  readonly newlyReady: readonly string[];
  /** While memory is lost: instances that are not listed, and whose nodes are Ready (S6). */
  readonly unlisted: readonly string[];
  /** Nodes that can be matched to no instance in any way: each vetoes `never-joined` (S15). */
  readonly unmatched: readonly string[];
  /** Whether a node that is not in the list does not exist, as far as anyone can tell. */
  readonly complete: boolean;
  /** Most Ready nodes of ours belong to instances that were not listed: then that list is not believed (S16). */
  readonly contradicted: boolean;
  readonly orphanNodes: readonly string[];
}

const NOT_JOINED: Joined = {
  nodeOf: [],
  podsOf: [],
  matched: 0,
  newlyReady: [],
  unlisted: NOBODY,
  unmatched: [],
  complete: false,
  contradicted: false,
  orphanNodes: [],
};

/** A list whose pages overlapped shows an instance twice; the first is kept, or its twin would look as if it had no node. */
function withoutTwins(seen: Seen): Seen {
  const instances = seen.instances ?? NONE;
  for (let i = 1; i < instances.length; i++) {
    if (instances[i]!.id === instances[i - 1]!.id) {
      const distinct = instances.filter((each, n) => n === 0 || each.id !== instances[n - 1]!.id);
      return { ...seen, instances: distinct };
    }
  }
  return seen;
}

/**
 * Finds each instance’s node and pods. Both lists are sorted, and a node is named by its instance id, so this is a merge;
 * where a node is named otherwise it is found by its providerID, its name or its address (S15).
 */
function join(seen: Seen, state: FleetState): Joined {
  const { instances, nodes, pods } = seen;
  if (instances === null) {
    return NOT_JOINED;
  }
  const nodeOf = new Array<KubeNode | null>(instances.length).fill(null);
  const podsOf = new Array<NodePods | null>(instances.length).fill(null);
  const orphanNodes: string[] = [];
  const perNode = pods?.perNode ?? [];
  const unmatched: string[] = [];
  const newlyReady: string[] = [];
  let matched = 0;
  let listed = 0;
  let ours = 0;
  let unlisted: string[] | null = null;
  let j = 0;
  let i = 0;
  let p = 0;
  for (const node of nodes ?? []) {
    if (node.controlPlane) {
      continue;
    }
    const { name } = node;
    while (p < perNode.length && isBefore(perNode[p]!.nodeName, name)) {
      p++;
    }
    let nodePods: NodePods | null = null;
    if (p < perNode.length && perNode[p]!.nodeName === name) {
      nodePods = perNode[p++]!;
    } else if (p > 0 && perNode[p - 1]!.nodeName === name) {
      // Pages that overlap list a node twice: its twin has the same pods.
      nodePods = perNode[p - 1]!;
    }
    const key = node.instanceId ?? name;
    while (i < instances.length && isBefore(instances[i]!.id, key)) {
      i++;
    }
    const isNext = i < instances.length && instances[i]!.id === key;
    const at = isNext ? i++ : findInstance(instances, node);
    if (at < 0) {
      if (node.instanceId === null) {
        unmatched.push(node.name);
      } else if (seen.confirmedGone.includes(node.instanceId)) {
        orphanNodes.push(node.name);
      } else if (node.ready) {
        if (contains(state.known, node.instanceId)) {
          ours++;
        } else if (seen.nowMs < state.recoveryUntilMs) {
          (unlisted ??= []).push(node.instanceId);
        }
        // Of an instance that is yet to be listed: it has joined all the same.
        if (!contains(state.joined, node.instanceId)) {
          newlyReady.push(node.instanceId);
        }
      }
      continue;
    }
    matched++;
    // While memory is lost, one that has changed since it registered has been Ready, for all that can be told.
    const hasBeenReady = node.ready || (seen.nowMs < state.recoveryUntilMs && !wasNeverReady(node));
    listed += node.ready ? 1 : 0;
    if (hasBeenReady && isAlive(instances[at]!)) {
      const { id } = instances[at]!;
      // Both are sorted where nodes are named by their instance: the next is the one.
      if (state.joined[j] !== id) {
        j = placeIn(state.joined, id);
      }
      if (state.joined[j] === id) {
        j++;
      } else {
        newlyReady.push(id);
      }
    }
    nodeOf[at] = node;
    podsOf[at] = nodePods;
    if (instances[at]!.state === 'terminated') {
      orphanNodes.push(node.name);
    }
  }
  return {
    nodeOf,
    podsOf,
    matched,
    newlyReady,
    unlisted: unlisted ?? NOBODY,
    unmatched,
    complete: nodes !== null && unmatched.length === 0,
    contradicted: ours + (unlisted?.length ?? 0) > listed,
    orphanNodes,
  };
}

/**
 * The state that knows those as well: lost memory may have had them, and until EC2 is asked about each by its id they are
 * supply that cannot be seen, or an empty page would be bought again (S6, S16).
 */
function withUnlisted(state: FleetState, ids: readonly string[], nowMs: number): FleetState {
  return ids.length === 0
    ? state
    : withAbsent(
        state,
        ids.map((id) => vanishedAt(id, nowMs, false)),
      );
}

/** The state that knows these instances too, though no list shows them; the same state when there are none. */
export function withAbsent(state: FleetState, added: readonly Absence[]): FleetState {
  if (added.length === 0) {
    return state;
  }
  const ids = added.map(({ instanceId }) => instanceId).sort(byText);
  return stateWith(state, {
    known: merged(state.known, ids),
    absent: [...state.absent, ...added].sort((a, b) => byText(a.instanceId, b.instanceId)),
  });
}

/** Names of workers’ nodes that can be matched to none of these instances in any way (S15). */
export function unmatchedNodes(
  nodes: readonly KubeNode[],
  instances: readonly Instance[],
): readonly string[] {
  return nodes
    .filter(
      (node) => node.instanceId === null && !node.controlPlane && findInstance(instances, node) < 0,
    )
    .map(({ name }) => name);
}

/** The node of an instance, however it is named (S15); undefined: none was listed. */
export function nodeOfInstance(
  instanceId: string,
  nodes: readonly KubeNode[] | null,
  instances: readonly Instance[] | null,
): KubeNode | undefined {
  if (nodes === null) {
    return undefined;
  }
  // Nodes are sorted by name, and named by their instance; only one that is not takes a look at all of them.
  const found =
    foundIn(nodes, instanceId, ({ name }) => name) ??
    nodes.find((node) => node.instanceId === instanceId);
  if (found !== undefined) {
    return found;
  }
  const address = instances?.find(({ id }) => id === instanceId)?.privateIp ?? null;
  return address === null
    ? undefined
    : nodes.find(({ instanceId: id, internalIp }) => id === null && internalIp === address);
}

/** By its id, its name, or its address: of a living one, since EC2 uses addresses again. */
function findInstance(instances: readonly Instance[], node: KubeNode): number {
  return instances.findIndex(
    (instance) =>
      instance.id === node.instanceId ||
      (node.instanceId === null &&
        (instance.id === node.name ||
          (isAlive(instance) &&
            instance.privateIp !== null &&
            instance.privateIp === node.internalIp))),
  );
}

// ---------------------------------------------------------------- who is there

interface Roll {
  readonly state: FleetState;
  readonly contradicted: boolean;
}

/**
 * Adopts instances that carry our tags and that we do not know, strikes off those seen terminated, and notes those that
 * vanished without a trace. When more than half of what we knew has vanished, the observation is not believed (S16).
 */
function callRoll(seen: Seen, state: FleetState, events: CycleEvent[]): Roll {
  const { instances, nowMs } = seen;
  if (instances === null) {
    return { state, contradicted: false };
  }
  const known: string[] = [];
  const absent: Absence[] = [];
  let changed = false;
  let seenBefore = 0;
  let vanished = 0;
  let disowned = 0;
  let k = 0;
  const strikeOrMiss = (instanceId: string): void => {
    const noted = foundIn(state.absent, instanceId, (absence) => absence.instanceId);
    if (noted === undefined || noted.seen) {
      seenBefore++;
    }
    const leaving = state.drains.some(
      (drain) => drain.instanceId === instanceId && drain.stage === 'terminating',
    );
    if (seen.disowned.includes(instanceId)) {
      changed = true;
      events.push({ code: 'disowned', subject: instanceId, value: 0 });
      disowned++;
      return;
    }
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
    absent.push(noted ?? vanishedAt(instanceId, nowMs, true));
  };
  for (const instance of instances) {
    while (k < state.known.length && isBefore(state.known[k]!, instance.id)) {
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
  // What a person took out of the fleet is not meant to be there either.
  const desired = state.desired === null ? null : state.desired - disowned;
  return {
    state: stateWith(state, { known, absent, desired }),
    contradicted: vanished * 2 > seenBefore,
  };
}

/** Where it was is not remembered: it counts for no zone, and not toward the on-demand floor. */
function vanishedAt(instanceId: string, sinceMs: number, seen: boolean): Absence {
  return { instanceId, sinceMs, seen, zone: '', market: 'spot' };
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
  if (launches.length === 0 && drains.length === 0) {
    return state;
  }
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
    : stateWith(state, { launches, drains });
}

function isKnown(state: FleetState, instanceId: string): boolean {
  return contains(state.known, instanceId);
}

/** Remembers whose node has been seen Ready (S15), and forgets those that are not known whenever one of ours goes. */
function noteJoined(
  state: FleetState,
  { newlyReady }: Joined,
  events: readonly CycleEvent[],
): FleetState {
  if (events.length === 0 && newlyReady.length === 0) {
    return state;
  }
  const kept = events.some(({ code }) => code === 'gone' || code === 'disowned')
    ? inBoth(state.joined, state.known)
    : state.joined;
  if (newlyReady.length === 0) {
    return kept.length === state.joined.length ? state : stateWith(state, { joined: kept });
  }
  return stateWith(state, { joined: merged(kept, [...newlyReady].sort(byText)) });
}

/** Remembers since when an instance that has joined lacks its node, in lists that can be believed. */
function noteLostNodes(
  state: FleetState,
  { instances, nowMs }: Seen,
  { nodeOf, matched, complete }: Joined,
): FleetState {
  if (instances === null || !complete) {
    return state;
  }
  if (matched === instances.length) {
    return state.lostNodes.length === 0 ? state : stateWith(state, { lostNodes: NONE });
  }
  const lostNodes: LostNode[] = [];
  for (let i = 0; i < instances.length; i++) {
    const { id } = instances[i]!;
    if (nodeOf[i] === null && isAlive(instances[i]!) && contains(state.joined, id)) {
      lostNodes.push(
        state.lostNodes.find(({ instanceId }) => instanceId === id) ?? {
          instanceId: id,
          sinceMs: nowMs,
        },
      );
    }
  }
  const same =
    lostNodes.length === state.lostNodes.length &&
    lostNodes.every((each, n) => each === state.lostNodes[n]);
  return same ? state : stateWith(state, { lostNodes });
}

/** How long an instance that has joined has been without its node; 0: it has one, or it cannot be told. */
function nodelessForMs(state: FleetState, instanceId: string, nowMs: number): number {
  const lost = state.lostNodes.find((each) => each.instanceId === instanceId);
  return lost === undefined ? 0 : nowMs - lost.sinceMs;
}

/**
 * Whether most of the fleet is said to have lost nodes that were seen Ready: a master that was replaced knows none of its
 * agents for a while. Then what is missing from its list is not known to be missing; what is in it is believed.
 */
function nodesDoubted(
  instances: readonly Instance[] | null,
  { nodeOf, matched, unmatched }: Joined,
  state: FleetState,
): boolean {
  if (instances === null || unmatched.length > 0 || instances.length - matched < 2) {
    return false;
  }
  let alive = 0;
  let lost = 0;
  for (let i = 0; i < instances.length; i++) {
    if (isAlive(instances[i]!)) {
      alive++;
      lost += nodeOf[i] === null && contains(state.joined, instances[i]!.id) ? 1 : 0;
    }
  }
  return lost >= 2 && lost * 2 > alive;
}

// ---------------------------------------------------------------- repairs

/**
 * Begins the drains that are not a policy’s choice: reclaimed, about to be reclaimed, dead, never joined. On the last two
 * there is nothing to evict; they are looked at once more before they are terminated (S8). One dead node at a time (S17).
 * Whoever has been Ready is never "never joined": a node object that was deleted, or a master that was replaced, is no
 * reason to terminate a machine that works (S15). A node that a person has cordoned is theirs (S18).
 */
function beginRepairs(
  state: FleetState,
  before: FleetState,
  seen: Seen,
  joined: Joined,
  configured: ConfiguredPolicy,
  cluster: Cluster,
  contradicted: boolean,
  events: CycleEvent[],
  alarms: Alarm[],
): FleetState {
  const { instances, nowMs } = seen;
  if (instances === null || contradicted || seen.mode === 'paused') {
    return state;
  }
  const begun: DrainIntent[] = [];
  let { joinFailures, joinFailedAtMs } = state;
  const failedZones: string[] = [];
  let repairing = state.drains.some((drain) => drain.reason === 'unhealthy');
  const nodesComplete = joined.complete;
  let failedNow = 0;

  const marks = seen.inbox?.doomed ?? [];
  const joinTimeoutMs = configured.settings.joinTimeoutSeconds * 1000;
  const notReadyTimeoutMs = configured.settings.notReadyTimeoutSeconds * 1000;
  for (let i = 0; i < instances.length; i++) {
    const instance = instances[i]!;
    if (!isAlive(instance)) {
      continue;
    }
    const node = joined.nodeOf[i]!;
    const cause = marks.length === 0 ? null : causeOf(marks, instance.id);
    const hasJoined = node?.ready || contains(state.joined, instance.id);
    // A node that has changed since it registered may have been Ready, for all that can be told: it has an hour to come back.
    const overdue =
      !hasJoined &&
      (node === null || wasNeverReady(node)) &&
      isJoinOverdue(instance, node, joinTimeoutMs, nowMs);
    const deadForMs =
      node === null
        ? nodelessForMs(state, instance.id, nowMs)
        : node.ready
          ? 0
          : nowMs - node.readyChangedAtMs;
    const dead = !overdue && deadForMs >= notReadyTimeoutMs;
    if (cause === null && !overdue && !dead) {
      continue;
    }
    const drain = drainOf(state, instance.id);
    if (drain !== undefined && !isReplacedBy(drain, cause)) {
      continue;
    }

    if (cause === 'reclaim' || (cause === 'rebalance' && node !== null)) {
      // Its node was not found, which is not "it has none": nothing is terminated undrained for that (S15). A hint leaves a
      // node alone that a person has cordoned (S18).
      if ((node === null && !nodesComplete) || (cause === 'rebalance' && node!.cordoned)) {
        continue;
      }
      begun.push(repairDrain(instance, node, cause, configured, nowMs));
    } else if (overdue) {
      // Who has joined is not remembered just now, or cannot be told; or it is not known to be a launch of ours.
      const adopted = !contains(before.known, instance.id) || instance.birthEpoch <= 0;
      if (!nodesComplete || nowMs < state.recoveryUntilMs || node?.cordoned || adopted) {
        alarms.push({ code: 'node-unhealthy', subject: instance.id });
        continue;
      }
      failedNow++;
      joinFailedAtMs = nowMs;
      if (!failedZones.includes(instance.zone)) {
        failedZones.push(instance.zone);
      }
      begun.push(repairDrain(instance, node, 'never-joined', configured, nowMs));
    } else if (dead) {
      alarms.push({ code: 'node-unhealthy', subject: instance.id });
      const deadAnyway =
        deadForMs >= DEAD_ANYWAY_FACTOR * notReadyTimeoutMs &&
        nodesComplete &&
        !isMostlyNotReady(instances, joined);
      if ((!instance.statusCheckFailed && !deadAnyway) || repairing || node?.cordoned) {
        continue;
      }
      repairing = true;
      begun.push(repairDrain(instance, node, 'unhealthy', configured, nowMs));
    }
  }
  // A batch that fails together has one cause: up to the breaker each counts, and from then on it is one failed probe (S14).
  if (failedNow > 0) {
    joinFailures = joinFailures < 2 ? Math.min(2, joinFailures + failedNow) : joinFailures + 1;
    if (joinFailures >= 2) {
      failedZones.forEach((zone) => alarms.push({ code: 'join-failing', subject: zone }));
    }
  }
  if (begun.length === 0) {
    return state;
  }
  for (const { reason, instanceId } of begun) {
    events.push({ code: reason, subject: instanceId, value: 0 });
  }
  const others = state.drains.filter(
    (drain) => !begun.some(({ instanceId }) => instanceId === drain.instanceId),
  );
  let after: FleetState = stateWith(state, {
    drains: [...others, ...begun],
    joinFailures,
    joinFailedAtMs,
  });
  // The one probe at a time goes elsewhere: a zone that is broken must not take it for ever (S14).
  if (joinFailures >= 2 && cluster.zones.length > 1) {
    for (const zone of failedZones) {
      for (const market of MARKETS) {
        after = withPoolRefused(after, { zone, market }, nowMs);
      }
    }
  }
  return after;
}

function drainOf({ drains }: FleetState, instanceId: string): DrainIntent | undefined {
  return drains.find((drain) => drain.instanceId === instanceId);
}

function repairDrain(
  instance: Instance,
  node: KubeNode | null,
  reason: DrainReason,
  { policy }: ConfiguredPolicy,
  nowMs: number,
): DrainIntent {
  return {
    id: doomedDrainId(instance.id),
    instanceId: instance.id,
    nodeName: node?.name ?? null,
    reason,
    birthEpoch: 0,
    policy: policy.name,
    startedAtMs: nowMs,
    progressedAtMs: nowMs,
    podsLeft: 0,
    stage: 'tainting',
  };
}

function isMostlyNotReady(instances: readonly Instance[], { nodeOf }: Joined): boolean {
  let alive = 0;
  let notReady = 0;
  for (let i = 0; i < instances.length; i++) {
    if (isAlive(instances[i]!)) {
      alive++;
      notReady += nodeOf[i]?.ready ? 0 : 1;
    }
  }
  return notReady > 1 && notReady * 100 > alive * NOT_READY_PERCENT_MAX;
}

/** Whether an instance that was never seen Ready has had its time, which counts anew when its node registers. */
function isJoinOverdue(
  instance: Instance,
  node: KubeNode | null,
  joinTimeoutMs: number,
  nowMs: number,
): boolean {
  return nowMs - Math.max(instance.launchedAtMs, node?.createdAtMs ?? 0) >= joinTimeoutMs;
}

/** Why an instance is marked: a notice counts before a hint; null: it is not. */
function causeOf(marks: readonly DoomedMark[], instanceId: string): DoomedMark['cause'] | null {
  let cause: DoomedMark['cause'] | null = null;
  for (const mark of marks) {
    if (mark.instanceId === instanceId && cause !== 'reclaim') {
      ({ cause } = mark);
    }
  }
  return cause;
}

/** Whether a drain gives way to a repair: a voluntary one to any, and one for a hint to the notice that came after it. */
function isReplacedBy({ reason, stage }: DrainIntent, cause: DoomedMark['cause'] | null): boolean {
  return (
    stage !== 'terminating' &&
    (reason === 'scale-down' || (reason === 'rebalance' && cause === 'reclaim'))
  );
}

/** One node that joined after the last failure closes the breaker (S14). */
function resetJoinBreaker(state: FleetState, workers: readonly Worker[]): FleetState {
  if (state.joinFailures === 0) {
    return state;
  }
  const joinedSince = workers.some(
    (worker) => worker.phase === 'ready' && worker.readySinceMs > state.joinFailedAtMs,
  );
  return joinedSince ? stateWith(state, { joinFailures: 0, joinFailedAtMs: 0 }) : state;
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
  return stateWith(state, { victimBackoffs, poolBackoffs });
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
  return stateWith(state, { poolBackoffs: [...others, { zone, market, failures, untilMs }] });
}

/** Notes a launch that went through: the pool’s failures are forgotten. */
export function withPoolOpen(state: FleetState, pool: Omit<PoolShare, 'count'>): FleetState {
  const { zone, market } = pool;
  const others = state.poolBackoffs.filter((each) => each.zone !== zone || each.market !== market);
  return others.length === state.poolBackoffs.length
    ? state
    : stateWith(state, { poolBackoffs: others });
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
 * Drains that are undone. Every one, when paused. A voluntary one when a freeze has begun, when pods need the room or a node was lost (before any is
 * bought, S12), when a pod that may not be moved turned up or the pods no longer fit elsewhere (validated at every step),
 * and when it stalls or takes too long (S11: the victim then backs off 30 minutes to 6 hours). One that was given up, when
 * it is Ready after all. Never one that is `terminating`: that is finished whatever happens (S8). A notice that came to
 * nothing (the instance still runs, not drained, long after it) is void: drain and mark are dropped.
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
  if (state.drains.every(({ stage }) => stage === 'terminating')) {
    return { state, ids: NO_UNDONE, voided: NO_UNDONE };
  }
  const reversible = state.drains.filter(({ stage }) => stage !== 'terminating');
  const { settings } = configured;
  const view = makeView(seen, state, workers, false);
  const waiting = seen.pods === null ? null : helpablePods(view, cluster, 0);
  const ids = new Set<string>();
  const voided = new Set<string>();
  const kept: Worker[] = [];
  // Others were lost meanwhile: what is meant to be there is kept by keeping what is here, before any node is bought.
  const frozen = freezeAt(cluster, seen.nowMs) !== null;
  const min = nodeCountMinAt(seen.nowMs, seen.inbox?.hold ?? null, settings);
  const wanted = Math.max(state.desired ?? 0, min);
  let lacking =
    seen.instances === null ? 0 : Math.min(wanted, settings.nodeCountMax) - countFleet(view).supply;
  let { victimBackoffs, desired } = state;
  for (const drain of reversible) {
    const worker = foundIn(workers, drain.instanceId, ({ id }) => id);
    const drainingForMs = seen.nowMs - drain.startedAtMs;
    if (drain.reason === 'unhealthy' || drain.reason === 'never-joined') {
      if (seen.mode === 'paused' || (worker !== undefined && worker.readySinceMs > 0)) {
        ids.add(drain.instanceId);
        events.push({ code: 'drain-undone', subject: drain.instanceId, value: 0 });
      }
      continue;
    }
    // A person who cordons a node in mid-drain takes it over (S18); AWS takes it all the same.
    const taken = worker !== undefined && worker.cordoned && drain.reason !== 'reclaim';
    if (drain.reason !== 'scale-down' && seen.mode !== 'paused' && !taken) {
      if (drainingForMs < noticeVoidMs(configured)) {
        continue;
      }
      voided.add(drain.instanceId);
    }
    const moved = waiting !== null && waiting > 0 && drain.stage === 'evicting';
    const stalled =
      voided.has(drain.instanceId) ||
      seen.nowMs - drain.progressedAtMs >= settings.drainStallSeconds * 1000 ||
      drainingForMs >= settings.drainMaxSeconds * 1000;
    const frozenOut = frozen && drain.reason === 'scale-down';
    const undo =
      seen.mode === 'paused' ||
      taken ||
      stalled ||
      frozenOut ||
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
    // What stays because another was lost makes up for that one; otherwise the removal is taken back.
    if (drain.reason === 'scale-down' && lacking <= 0 && desired !== null) {
      desired++;
    }
    lacking--;
    events.push({ code: 'drain-undone', subject: drain.instanceId, value: drain.podsLeft });
    // Paused, frozen, or in the hands of a person, it is no fault of the node’s; pods that it has moved and that wait are.
    if (seen.mode === 'paused' || taken || frozenOut) {
      continue;
    }
    if (stalled) {
      alarms.push({ code: 'drain-stuck', subject: drain.instanceId });
    }
    if (stalled || moved) {
      victimBackoffs = withVictimFailed(victimBackoffs, drain.instanceId, seen.nowMs);
    }
  }
  if (ids.size === 0) {
    return { state, ids, voided };
  }
  const drains = state.drains.filter((drain) => !ids.has(drain.instanceId));
  return { state: stateWith(state, { drains, victimBackoffs, desired }), ids, voided };
}

/** After this long a notice, or a hint, that nothing came of is void. */
function noticeVoidMs({ settings }: ConfiguredPolicy): number {
  return Math.max(NOTICE_VOID_MS, settings.drainMaxSeconds * 1000);
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
  { settings }: ConfiguredPolicy,
  undone: ReadonlySet<string>,
  last: readonly Worker[],
): readonly Worker[] {
  const { instances } = seen;
  if (instances === null) {
    return NONE;
  }
  const { nowMs } = seen;
  const noPods = zeros(seen.pods === null ? 0 : seen.pods.shapes.length);
  const leaving = leavingPhases(state, seen.inbox?.doomed ?? NONE, nowMs);
  const joinTimeoutMs = settings.joinTimeoutSeconds * 1000;
  let next = 0;
  let absent = 0;
  let j = 0;
  let l = 0;
  // As long as all are as they were, no list is made: so many of the last one are the first of this one.
  let kept = 0;
  let workers: Worker[] | null = null;
  for (let i = 0; i < instances.length; i++) {
    const instance = instances[i]!;
    while (
      absent < state.absent.length &&
      isBefore(state.absent[absent]!.instanceId, instance.id)
    ) {
      const absence = state.absent[absent++]!;
      workers ??= last.slice(0, kept);
      workers.push(absentWorker(absence, noPods, state, leaving, joinTimeoutMs, nowMs));
    }
    if (!isAlive(instance)) {
      continue;
    }
    const node = joined.nodeOf[i]!;
    // A drain just undone: its node takes pods again as soon as the taint is off.
    const returning = undone.size > 0 && undone.has(instance.id);
    while (next < leaving.length && isBefore(leaving[next]![0], instance.id)) {
      next++;
    }
    const leaves = next < leaving.length && leaving[next]![0] === instance.id;
    while (j < state.joined.length && isBefore(state.joined[j]!, instance.id)) {
      j++;
    }
    const hasJoined = state.joined[j] === instance.id;
    j += hasJoined ? 1 : 0;
    const phase =
      returning && node !== null
        ? 'joining'
        : leaves && !returning
          ? leaving[next]![1]
          : node === null
            ? nodelessPhase(instance, hasJoined, seen, state, joined, joinTimeoutMs)
            : stayingPhase(instance, node, hasJoined, joinTimeoutMs, seen.nowMs);
    const pods = joined.podsOf[i]?.counts ?? noPods;
    while (l < last.length && isBefore(last[l]!.id, instance.id)) {
      l++;
    }
    const asBefore = l < last.length && last[l]!.id === instance.id ? last[l++]! : null;
    if (asBefore !== null && isStill(asBefore, instance, node, phase, pods)) {
      if (workers === null && l === kept + 1) {
        kept++;
      } else {
        workers ??= last.slice(0, kept);
        workers.push(asBefore);
      }
      continue;
    }
    workers ??= last.slice(0, kept);
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
      pods,
    });
  }
  while (absent < state.absent.length) {
    const absence = state.absent[absent++]!;
    workers ??= last.slice(0, kept);
    workers.push(absentWorker(absence, noPods, state, leaving, joinTimeoutMs, nowMs));
  }
  return workers ?? (kept === last.length ? last : last.slice(0, kept));
}

/** Whether a worker of an instance is what it was, so that the same object will do: nine workers in ten are, from cycle to cycle. */
function isStill(
  last: Worker,
  instance: Instance,
  node: KubeNode | null,
  phase: Phase,
  pods: readonly number[],
): boolean {
  return (
    last.pods === pods &&
    last.phase === phase &&
    node !== null &&
    node.ready &&
    last.readySinceMs === node.readyChangedAtMs &&
    last.cordoned === node.cordoned &&
    last.allocatableMillicpu === node.allocatableMillicpu &&
    last.allocatableMib === node.allocatableMib &&
    last.launchedAtMs === instance.launchedAtMs &&
    last.market === instance.market &&
    last.zone === instance.zone
  );
}

function zeros(length: number): number[] {
  const counts: number[] = [];
  for (let s = 0; s < length; s++) {
    counts.push(0);
  }
  return counts;
}

/** One that has never joined is on its way, as Describe lags, and forgets; one that has is supply that cannot be seen. */
function absentWorker(
  { instanceId, sinceMs, zone, market }: Absence,
  noPods: readonly number[],
  state: FleetState,
  leaving: readonly (readonly [id: string, phase: Phase])[],
  joinTimeoutMs: number,
  nowMs: number,
): Worker {
  const leavingPhase = leaving.find(([id]) => id === instanceId)?.[1];
  const isOnItsWay = !contains(state.joined, instanceId) && nowMs - sinceMs < joinTimeoutMs;
  return {
    id: instanceId,
    zone,
    market,
    phase: leavingPhase ?? (isOnItsWay ? 'booting' : 'absent'),
    launchedAtMs: sinceMs,
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
  nowMs: number,
): readonly (readonly [id: string, phase: Phase])[] {
  if (state.drains.length === 0 && marks.length === 0) {
    return NONE;
  }
  const phases = new Map<string, Phase>();
  for (const mark of marks) {
    phases.set(mark.instanceId, 'doomed');
  }
  for (const { instanceId, reason, stage, progressedAtMs } of state.drains) {
    // One that does not go although it was told to takes a place again, or each repair would add another.
    const disobeys = stage === 'terminating' && nowMs - progressedAtMs >= TERMINATE_OVERDUE_MS;
    if (reason !== 'scale-down' && !disobeys) {
      phases.set(instanceId, 'doomed');
    } else if (stage === 'terminating') {
      phases.set(instanceId, 'terminating');
    } else {
      phases.set(instanceId, stage === 'evicting' ? 'draining' : 'tainted');
    }
  }
  return [...phases].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** One whose node is not listed: on its way while that is young, unknown while nothing can be told from it, else lost. */
function nodelessPhase(
  instance: Instance,
  hasJoined: boolean,
  { nodes, nowMs }: Seen,
  state: FleetState,
  { complete }: Joined,
  joinTimeoutMs: number,
): Phase {
  if (!hasJoined && !isJoinOverdue(instance, null, joinTimeoutMs, nowMs)) {
    return 'booting';
  }
  if (nodes === null || (hasJoined && !complete)) {
    return 'unknown';
  }
  return hasJoined && nodelessForMs(state, instance.id, nowMs) < FLAP_MS ? 'unknown' : 'not-ready';
}

function stayingPhase(
  instance: Instance,
  node: KubeNode,
  hasJoined: boolean,
  joinTimeoutMs: number,
  nowMs: number,
): Phase {
  if (node.ready) {
    return 'ready';
  }
  if (!hasJoined) {
    const late = node.cordoned || isJoinOverdue(instance, node, joinTimeoutMs, nowMs);
    return late ? 'not-ready' : 'joining';
  }
  return nowMs - node.readyChangedAtMs < FLAP_MS ? 'unknown' : 'not-ready';
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
    hold: holdIn(seen),
  };
}

function holdIn({ inbox, nowMs }: Seen): Hold | null {
  const hold = inbox?.hold;
  return hold === undefined || nowMs >= hold.untilMs ? null : hold;
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
      if (!isOpen(attempt)) {
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
    if (node !== null && node.taintIntentId !== null && isStray(node, seen, state)) {
      (strays ??= []).push(node.name);
    }
  }
  return strays ?? NONE;
}

function isStray({ name, taintIntentId }: KubeNode, seen: Seen, { drains }: FleetState): boolean {
  // A drain that took over from another taints anew: taking the old taint off first would only let pods in.
  if (drains.some((drain) => drain.id === taintIntentId || drain.nodeName === name)) {
    return false;
  }
  // Paused takes all of them off, a marked node’s too (S18).
  return (
    seen.mode === 'paused' ||
    (seen.inbox !== null &&
      !seen.inbox.doomed.some((mark) => doomedDrainId(mark.instanceId) === taintIntentId))
  );
}

/** Marks of instances that are no longer there, and those that came to nothing, with a drain of theirs or without. */
function settledMarks(
  seen: Seen,
  state: FleetState,
  configured: ConfiguredPolicy,
  voided: ReadonlySet<string>,
): readonly DoomedMark[] {
  const { inbox, instances, nowMs } = seen;
  if (
    inbox === null ||
    instances === null ||
    inbox.doomed.length === 0 ||
    nowMs < state.recoveryUntilMs
  ) {
    return NONE;
  }
  return inbox.doomed.filter(
    ({ instanceId, markedAtMs }) =>
      voided.has(instanceId) ||
      !isKnown(state, instanceId) ||
      (nowMs - markedAtMs >= noticeVoidMs(configured) &&
        !state.drains.some((drain) => drain.instanceId === instanceId)),
  );
}
