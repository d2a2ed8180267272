import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { decide, decideBeside, type Decision, type Shadow } from './decide.ts';
import {
  perform,
  performAll,
  type Alarm,
  type EffectOf,
  type LaunchRequest,
  type Process,
} from './effects.ts';
import { firstBlocking, type Explanation } from './explain.ts';
import { recoveryMs } from './guards.ts';
import type { CycleEvent, CycleOutcome, DecisionRecord } from './journal.ts';
import {
  absencesToConfirm,
  nodeOfInstance,
  TERMINATE_OVERDUE_MS,
  unmatchedNodes,
  UNLISTED_ALARM_MS,
  reconcile,
  withAbsent,
  withPoolOpen,
  withPoolRefused,
  type Reconciled,
  type Seen,
} from './lifecycle.ts';
import {
  isAlive,
  missingMetrics,
  quantizeReading,
  type KubeNode,
  type Metrics,
} from './observation.ts';
import { placeLaunches, podsFitElsewhere } from './placement.ts';
import type { ConfiguredPolicy } from './policies/index.ts';
import { contains, foundIn } from './sorted.ts';
import {
  emptyState,
  isOpen,
  missingCount,
  NO_MEMORY,
  stateWith,
  unansweredCount,
  type DecodedState,
  type DrainIntent,
  type FleetState,
  type LaunchAttempt,
  type LaunchIntent,
} from './state.ts';
import {
  countFleet,
  helpablePods,
  isHelpable,
  provenTemplate,
  type Cluster,
  type Mode,
  type PoolShare,
  type View,
} from './view.ts';

/** What starts a cycle. */
export interface CycleInput {
  readonly nowMs: number;
  /** When whoever triggered it did so (EventBridge’s event time). */
  readonly triggeredAtMs: number;
  /** `alert` ones may come in bursts: they are kept apart (S19). */
  readonly trigger: 'schedule' | 'spot' | 'alert';
  /** When the caller will be stopped: nothing is started that may not finish before. */
  readonly deadlineMs: number;
  /** Fresh for every invocation, also for a retried one: it is the lock’s owner (S10). */
  readonly nonce: string;
  readonly mode: Mode;
  readonly cluster: Cluster;
  readonly configured: ConfiguredPolicy;
  /** Of the cycle before, where it is at hand: what has not changed since is not built again. It decides nothing. */
  readonly lastView?: View | null;
  /** A policy that decides beside that one on the same view, and is only journalled. Left out: none. */
  readonly shadow?: Shadow;
  /** What the caller has found that people should know. Left out: nothing. */
  readonly alarms?: readonly Alarm[];
}

/** Triggers older than this are dropped: they waited in a queue, and another has come since (S20). */
export const TRIGGER_MAX_AGE_MS = 90_000;
/** An alert that comes sooner after the cycle before leaves its kick for the next one (S19). */
export const ALERT_APART_MS = 30_000;
/** Outer bound of the lock. */
export const LOCK_MS = 300_000;
/** After its deadline a holder does nothing more; a successor allows it this much (S9). */
export const HOLDER_GRACE_MS = 30_000;
/** No single call takes longer than this: interpreters time out earlier (S8). */
export const CALL_TIMEOUT_MS = 5_000;
/** Clocks may differ by this much (S8). */
export const CLOCK_SKEW_MS = 60_000;
/** Kept free at the end of a cycle for commit, journal and release. */
const CLOSING_CALLS = 3;
const CLOSING_MS = CLOSING_CALLS * CALL_TIMEOUT_MS;
/** The lock, the lists, and the inbox. */
const OBSERVING_MS = 3 * CALL_TIMEOUT_MS;
const EVICTION_ROUNDS = 3;
const EVICTION_PAUSE_MS = 10_000;
const LAUNCH_ROUNDS = 4;
/** A notice does not wait for the next tick because a cycle holds the lock: it asks again, this often. */
const LOCK_RETRY_MS = 10_000;
/** A launch that is not answered for so long is an alarm; after the other it is given up where it may not be sent again. */
const UNANSWERED_ALARM_MS = 600_000;
export const UNANSWERED_GIVE_UP_MS = 3_600_000;
const NO_NAMES: readonly string[] = [];
const NOTHING_KNOWN = emptyState('');

/** What a cycle carries while it acts. */
interface Act {
  readonly input: CycleInput;
  /** The epoch that the table has for us, and the one we write under: higher when tags are ahead of the table (S6). */
  lockEpoch: number;
  epoch: number;
  nowMs: number;
  /** Nodes as last listed; null: they could not be, or are not believed. */
  nodes: readonly KubeNode[] | null;
  /** What the state is now, and what the table has of it. */
  state: FleetState;
  committed: FleetState | null;
  nodeCount: number;
  /** A write was refused because the lock is another’s by now: nothing more is done. */
  lockLost: boolean;
  /** A launch had no answer: EC2 hangs, and no other is sent in this cycle, or nothing else would have time. */
  launchHung: boolean;
  /** Nodes were listed anew, and each of them is some instance’s. */
  lookedAgain: boolean;
  readonly events: CycleEvent[];
  readonly alarms: Alarm[];
}

/**
 * One control cycle: lock, observe, reconcile, decide, commit the intent, act, commit the outcome, journal, release.
 * It yields every effect as data; expected failures come back as values and leave the fleet safe. Returns the record that
 * it journalled.
 */
export function* cycle(input: CycleInput): Process<DecisionRecord> {
  if (input.nowMs - input.triggeredAtMs > TRIGGER_MAX_AGE_MS) {
    return yield* leave(input, 'stale-trigger', 0);
  }
  // Whatever begins before the deadline must end well inside the lease, by any clock: whoever deployed a longer timeout must
  // hear of it (S8).
  if (input.deadlineMs - input.nowMs + 2 * CLOCK_SKEW_MS > LOCK_MS) {
    return yield* leave(input, 'lease-too-short', 0, 'lease-too-short');
  }
  if (input.trigger === 'alert' && (yield* isTooSoon(input))) {
    return yield* leave(input, 'too-soon', 0);
  }
  let lock: Lock;
  let askedAtMs = input.nowMs;
  for (;;) {
    const asked = acquisition(input, askedAtMs, Math.floor(askedAtMs / 1000));
    const acquired = yield* perform(asked);
    lock = acquired.ok ? held(asked, acquired) : yield* lookAtLock(input, askedAtMs, asked.epoch);
    if (
      lock.outcome !== 'lock-held' ||
      input.trigger === 'schedule' ||
      lock.nowMs + LOCK_RETRY_MS + OBSERVING_MS + CLOSING_MS > input.deadlineMs
    ) {
      break;
    }
    askedAtMs = (yield* perform({ kind: 'pause', untilMs: lock.nowMs + LOCK_RETRY_MS }))
      .completedAtMs;
  }
  if (lock.outcome !== 'held') {
    return yield* leave(input, lock.outcome, lock.epoch);
  }

  // Observe: what can be is read at once, and what cannot be read is missing, never empty. The inbox comes last: whoever
  // taints a node for a notice has written the mark before, so each such taint that we see has its mark (S2).
  const custom = readingsOf(input);
  const [metrics, instances, nodes, pods] = yield* performAll([
    { kind: 'queryMetrics', atMs: lock.nowMs, custom },
    { kind: 'listInstances' },
    { kind: 'listNodes' },
    { kind: 'listPods' },
  ]);
  const inbox = yield* perform({ kind: 'readInbox' });
  const nowMs = inbox.completedAtMs;
  const act: Act = {
    input,
    lockEpoch: lock.epoch,
    epoch: lock.epoch,
    nowMs,
    nodes: null,
    state: NOTHING_KNOWN,
    committed: lock.stored.kind === 'known' ? lock.stored.state : null,
    nodeCount: 0,
    lockLost: false,
    launchHung: false,
    lookedAgain: false,
    events: [],
    alarms: input.alarms === undefined ? [] : [...input.alarms],
  };
  if (!metrics.ok) {
    act.alarms.push({ code: 'metrics-missing', subject: metrics.reason });
  }
  if (!inbox.ok) {
    act.alarms.push({ code: 'inbox-unreadable', subject: inbox.reason });
  }
  if (!instances.ok) {
    act.alarms.push({ code: 'ec2-unreachable', subject: instances.reason });
  }
  if (!nodes.ok || nodes.nodes.length === 0 || !pods.ok) {
    act.alarms.push({ code: 'kubernetes-api-unreachable', subject: input.cluster.id });
  }
  const listed = instances.ok ? instances.instances : null;
  const listedNodes = nodes.ok ? nodes.nodes : null;
  act.state = recallState(lock.stored, act, listed, listedNodes);
  const stateBefore = act.state;

  if (input.mode === 'act' && act.state.launches.length > 0) {
    yield* repeatUnansweredLaunches(act, {
      instances: listed,
      inbox: inbox.ok ? inbox.inbox : null,
    });
  }
  const toConfirm = absencesToConfirm(act.state, listed, listedNodes, nowMs);
  const { confirmedGone, disowned } =
    toConfirm.length > 0 && hasTime(act, 2 + CLOSING_CALLS)
      ? yield* confirmAbsences(act, toConfirm, nowMs)
      : NOTHING_CONFIRMED;

  const seen: Seen = {
    nowMs: act.nowMs,
    mode: input.mode,
    metrics: metrics.ok
      ? quantizeMetrics(metrics.metrics)
      : missingMetrics(asMissing(metrics.reason), custom),
    inbox: inbox.ok ? inbox.inbox : null,
    instances: listed,
    // The control plane is a node: a list without any is not believed, or every worker would look never joined (S15).
    nodes: listedNodes !== null && listedNodes.length > 0 ? listedNodes : null,
    pods: pods.ok ? pods.pods : null,
    confirmedGone,
    disowned,
  };
  const reconciled = reconcile(
    seen,
    act.state,
    input.configured,
    input.cluster,
    input.lastView?.workers,
  );
  const { view } = reconciled;
  act.nodes = reconciled.seen.nodes;
  act.state = reconciled.state;
  act.nodeCount = view.workers.length;
  for (const event of reconciled.events) {
    act.events.push(event);
  }
  for (const alarm of reconciled.alarms) {
    act.alarms.push(alarm);
  }

  const memory = act.state.memory;
  const decided = decide(input.configured, input.cluster, view, memory);
  act.state = plan(act, decided.decision, decided.memory, reconciled);
  raiseAlarms(act, view, decided.explanation);
  const shadow =
    input.shadow === undefined ? null : decideBeside(input.shadow, input.cluster, view);
  if (input.shadow !== undefined && shadow === null) {
    act.alarms.push({ code: 'shadow-failed', subject: input.shadow.configured.policy.name });
  }

  const record: DecisionRecord = {
    startedAtMs: input.nowMs,
    epoch: act.epoch,
    outcome: 'decided',
    decided: {
      view,
      memory,
      memoryAfter: decided.memory,
      decision: decided.decision,
      explanation: decided.explanation,
      shadow,
    },
    events: act.events,
  };

  // Intent before action: whatever is sent from here on can be finished by a successor.
  if (input.mode === 'observe') {
    act.state = observed(stateBefore, act.state);
  }
  // Nodes were listed after the state was read. Another may have taken over in between and tainted one for a drain that we
  // know nothing of: before a taint is taken for a stray one, or a node for an orphan, the table says whose the fleet is.
  const tidies =
    input.mode !== 'observe' && reconciled.strayTaints.length + reconciled.orphanNodes.length > 0;
  const committed = isStored(act) && !tidies ? 'ok' : yield* commit(act, tidies);
  if (committed === 'lock-lost') {
    act.events.push({ code: 'effect-failed', subject: 'commitState', value: 0 });
    const left: DecisionRecord = { ...record, outcome: 'lock-lost', decided: null };
    if (hasTime(act, 1)) {
      yield* perform({ kind: 'appendJournal', record: left });
    }
    return left;
  }
  if (committed === 'ok' && input.mode !== 'observe' && hasWork(act, reconciled)) {
    yield* carryOut(act, reconciled);
  }

  if (hasTime(act, 1)) {
    act.nowMs = (yield* perform({ kind: 'appendJournal', record })).completedAtMs;
  }
  // Metrics and alarms are left out when only the lock’s release has time left.
  if (hasTime(act, 2)) {
    act.nowMs = (yield* perform(publication(view))).completedAtMs;
  }
  if (act.alarms.length > 0 && hasTime(act, 2)) {
    act.nowMs = (yield* perform({ kind: 'notify', alarms: act.alarms })).completedAtMs;
  }
  if (hasTime(act, 1)) {
    yield* perform({ kind: 'releaseLock', owner: input.nonce, epoch: act.lockEpoch });
  }
  return record;
}

/** Readings that the policies ask for beside the standard ones. */
function readingsOf({ configured, shadow }: CycleInput): readonly string[] {
  const live = configured.policy.readings ?? NO_NAMES;
  const others = shadow?.configured.policy.readings ?? NO_NAMES;
  return others.length === 0 ? live : [...new Set([...live, ...others])];
}

/** Whether a cycle began less than 30 s ago: an epoch is the second in which its holder began, or ahead of the clock (S6). */
function* isTooSoon(input: CycleInput): Process<boolean> {
  const read = yield* perform({ kind: 'readLock' });
  const agoMs = read.ok ? input.nowMs - read.lock.epoch * 1000 : -1;
  return agoMs >= 0 && agoMs < ALERT_APART_MS;
}

/** Ends a cycle that must not decide. */
function* leave(
  input: CycleInput,
  outcome: CycleOutcome,
  epoch: number,
  alarm?: Alarm['code'],
): Process<DecisionRecord> {
  const record: DecisionRecord = {
    startedAtMs: input.nowMs,
    epoch,
    outcome,
    decided: null,
    events: [],
  };
  yield* perform({ kind: 'appendJournal', record });
  if (alarm !== undefined) {
    yield* perform({ kind: 'notify', alarms: [{ code: alarm, subject: input.cluster.id }] });
  }
  return record;
}

// ---------------------------------------------------------------- the lock

type Lock =
  | {
      readonly outcome: 'held';
      readonly epoch: number;
      readonly stored: DecodedState;
      readonly nowMs: number;
    }
  | {
      readonly outcome: 'lock-held' | 'lock-unavailable';
      readonly epoch: number;
      readonly nowMs: number;
    };

/**
 * Asks for the lock under a new, higher epoch: the seconds since 1970, or one more than the last where that is ahead (S6).
 */
function acquisition(input: CycleInput, nowMs: number, epoch: number): EffectOf<'acquireLock'> {
  return {
    kind: 'acquireLock',
    owner: input.nonce,
    epoch,
    nowMs,
    lockExpiryAtMs: nowMs + LOCK_MS,
    holderDeadlineAtMs: input.deadlineMs + HOLDER_GRACE_MS,
  };
}

function held(
  { epoch }: EffectOf<'acquireLock'>,
  { stored, completedAtMs }: { readonly stored: DecodedState; readonly completedAtMs: number },
): Lock {
  return { outcome: 'held', epoch, stored, nowMs: completedAtMs };
}

/**
 * After a refusal: the lock may be ours, and only the answer to our own write was lost (S10). Where it is free, and the last
 * epoch was ahead of ours, it is asked for once more.
 */
function* lookAtLock(input: CycleInput, nowMs: number, refusedEpoch: number): Process<Lock> {
  let epoch = refusedEpoch;
  for (let looks = 0; ; looks++) {
    const read = yield* perform({ kind: 'readLock' });
    if (!read.ok) {
      return { outcome: 'lock-unavailable', epoch, nowMs: read.completedAtMs };
    }
    const { lock, stored, completedAtMs } = read;
    if (lock.owner === input.nonce) {
      return {
        outcome: 'held',
        epoch: lock.epoch,
        stored,
        nowMs: completedAtMs,
      };
    }
    const free =
      lock.owner === null || nowMs > lock.lockExpiryAtMs || nowMs > lock.holderDeadlineAtMs;
    if (!free) {
      return { outcome: 'lock-held', epoch: lock.epoch, nowMs: completedAtMs };
    }
    if (lock.epoch < epoch) {
      return { outcome: 'lock-unavailable', epoch, nowMs: completedAtMs };
    }
    epoch = lock.epoch + 1;
    if (looks > 0) {
      return { outcome: 'lock-held', epoch, nowMs };
    }
    const asked = acquisition(input, nowMs, epoch);
    const acquired = yield* perform(asked);
    if (acquired.ok) {
      return held(asked, acquired);
    }
  }
}

// ---------------------------------------------------------------- memory

/**
 * The state to go on from. Lost memory is rebuilt from what can be seen: intents that could still be read are kept, no
 * node is removed for one cooldown, and the last scale-up is the youngest launch (S6). There is nothing to have been lost
 * only where no state is, no instance, and no worker’s node.
 */
function recallState(
  stored: DecodedState,
  act: Act,
  listed: readonly { readonly launchedAtMs: number; readonly birthEpoch: number }[] | null,
  nodes: readonly KubeNode[] | null,
): FleetState {
  const { policy, settings } = act.input.configured;
  const instances = listed ?? [];
  for (const instance of instances) {
    if (instance.birthEpoch >= act.epoch) {
      act.epoch = instance.birthEpoch + 1;
    }
  }
  if (stored.kind === 'known') {
    if (stored.state.policy === policy.name) {
      return stored.state;
    }
    act.events.push({ code: 'policy-changed', subject: stored.state.policy, value: 0 });
    return stateWith(stored.state, { policy: policy.name, memory: NO_MEMORY });
  }
  const fresh = emptyState(policy.name);
  const anyNode = nodes?.some((node) => !node.controlPlane) ?? false;
  if (stored.kind === 'absent' && listed?.length === 0 && !anyNode) {
    return fresh;
  }
  act.events.push({ code: 'memory-lost', subject: act.input.cluster.id, value: instances.length });
  act.alarms.push({ code: 'state-lost', subject: act.input.cluster.id });
  return stateWith(fresh, {
    launches: stored.kind === 'lost' ? stored.launches : [],
    drains: stored.kind === 'lost' ? stored.drains : [],
    recoveryUntilMs: act.nowMs + recoveryMs(settings),
    lastScaleUpAtMs:
      instances.length === 0 ? null : Math.max(...instances.map((each) => each.launchedAtMs)),
  });
}

/** What EC2 says of instances that it has not listed for long, each by its id (S16). */
type Confirmed = Pick<Seen, 'confirmedGone' | 'disowned'>;
const NOTHING_CONFIRMED: Confirmed = { confirmedGone: NO_NAMES, disowned: NO_NAMES };

function* confirmAbsences(act: Act, ids: readonly string[], nowMs: number): Process<Confirmed> {
  const described = yield* perform({ kind: 'describeInstances', ids });
  act.nowMs = described.completedAtMs;
  if (!described.ok) {
    return NOTHING_CONFIRMED;
  }
  const alive = described.instances.filter(isAlive);
  const confirmedGone = ids.filter((id) => !alive.some((instance) => instance.id === id));
  const disowned = alive.map(({ id }) => id).filter((id) => described.foreign.includes(id));
  for (const { instanceId, sinceMs } of act.state.absent) {
    const unlisted = nowMs - sinceMs >= UNLISTED_ALARM_MS && !confirmedGone.includes(instanceId);
    if (unlisted || disowned.includes(instanceId)) {
      act.alarms.push({ code: 'instance-unlisted', subject: instanceId });
    }
  }
  return { confirmedGone, disowned };
}

/** What observe mode may remember: its memory and when it would have acted, but nothing of what it will not carry out. */
function observed(before: FleetState, after: FleetState): FleetState {
  const { launches, drains, joinFailures, joinFailedAtMs, poolBackoffs, victimBackoffs } = before;
  return stateWith(after, {
    launches,
    drains,
    joinFailures,
    joinFailedAtMs,
    poolBackoffs,
    victimBackoffs,
    desired: null,
  });
}

/** The state with the decision’s intents in it. */
function plan(
  act: Act,
  decision: Decision,
  memory: readonly number[],
  { seen, view }: Reconciled,
): FleetState {
  const { state } = act;
  const acts = decision.action !== 'hold' || decision.repair > 0;
  // What is meant to be there is first learnt from what is, once that can be believed.
  const believed = view.instancesKnown && !view.contradicted;
  const desired = state.desired === null && !believed ? null : decision.desired;
  if (!acts && desired === state.desired && sameMemory(memory, state.memory)) {
    return state;
  }
  const after = stateWith(state, { desired, memory });
  return acts ? withIntents(after, act, decision, seen) : after;
}

function withIntents(state: FleetState, act: Act, decision: Decision, seen: Seen): FleetState {
  const { epoch, nowMs } = act;
  const policy = act.input.configured.policy.name;
  const launches =
    decision.launches.length === 0
      ? state.launches
      : [...state.launches, launchIntent(act, decision, policy)];
  const begun = decision.victims.map((instanceId): DrainIntent => {
    act.events.push({ code: 'scale-down', subject: instanceId, value: 0 });
    const node = nodeOfInstance(instanceId, seen.nodes, seen.instances);
    return {
      id: `drain-${epoch}-${instanceId}`,
      instanceId,
      nodeName: node?.name ?? null,
      reason: 'scale-down',
      birthEpoch: epoch,
      policy,
      startedAtMs: nowMs,
      progressedAtMs: nowMs,
      podsLeft: 0,
      stage: 'tainting',
    };
  });
  return stateWith(state, {
    launches,
    drains: begun.length === 0 ? state.drains : [...state.drains, ...begun],
    lastScaleUpAtMs: decision.action === 'scaleUp' ? nowMs : state.lastScaleUpAtMs,
    lastScaleDownAtMs: decision.action === 'scaleDown' ? nowMs : state.lastScaleDownAtMs,
  });
}

function sameMemory(a: readonly number[], b: readonly number[]): boolean {
  return a === b || (a.length === b.length && a.every((value, i) => value === b[i]));
}

function launchIntent(act: Act, decision: Decision, policy: string): LaunchIntent {
  const { epoch, input } = act;
  const id = `${epoch}-${input.nonce}`;
  return {
    id,
    birthEpoch: epoch,
    createdAtMs: act.nowMs,
    reason: decision.count > 0 ? 'scale-up' : 'repair',
    policy,
    templateVersion: input.cluster.templateVersion,
    count: decision.repair + decision.count,
    repair: decision.repair,
    attempts: decision.launches.map((share, n) => attempt(input.cluster.id, id, n, share)),
  };
}

/** An attempt’s token is a hash of what makes it unique, so that no other attempt can ever carry it: 40 hex digits. */
function attempt(
  clusterId: string,
  intentId: string,
  number: number,
  share: PoolShare,
): LaunchAttempt {
  const clientToken = bytesToHex(sha256(utf8ToBytes(`${clusterId}\n${intentId}\n${number}`))).slice(
    0,
    40,
  );
  return { number, ...share, clientToken, outcome: 'unknown', launched: 0 };
}

/** What a person should know about pods that stay without room: no node could hold them (S13), or max is reached. */
function raiseAlarms(act: Act, view: View, explanation: Explanation): void {
  const { cluster } = act.input;
  let waiting = false;
  for (let s = 0; s < view.shapes.length; s++) {
    if (view.unschedulable[s]! === 0) {
      continue;
    }
    waiting = true;
    const shape = view.shapes[s]!;
    if (!isHelpable(shape, cluster, provenTemplate(view.workers, cluster.template))) {
      act.alarms.push({ code: 'pods-no-node-can-hold', subject: shape.key });
    }
  }
  const rule = waiting ? firstBlocking(explanation)?.rule : undefined;
  if (rule === 'max') {
    act.alarms.push({ code: 'at-max-with-pods-unschedulable', subject: cluster.id });
  } else if (rule === 'spend' || rule === 'pools' || rule === 'joining-works') {
    act.alarms.push({ code: 'scale-up-blocked', subject: rule });
  }
  for (const intent of act.state.launches) {
    if (unansweredCount(intent) > 0 && act.nowMs - intent.createdAtMs >= UNANSWERED_ALARM_MS) {
      act.alarms.push({ code: 'launch-unanswered', subject: intent.id });
    }
  }
}

/** Whether the table has all of it already. */
function isStored(act: Act): boolean {
  return act.state === act.committed && act.epoch === act.lockEpoch;
}

/**
 * Writes the state, fenced by owner and epoch; nothing to do when the table has it already.
 *
 * @param always writes it all the same, to learn whether the lock is still ours
 */
function* commit(act: Act, always = false): Process<'ok' | 'lock-lost' | 'failed'> {
  if (isStored(act) && !always) {
    return 'ok';
  }
  if (!hasTime(act, CLOSING_CALLS)) {
    act.events.push({ code: 'out-of-time', subject: 'commitState', value: 0 });
    return 'failed';
  }
  const { state, input } = act;
  const answer = yield* perform({
    kind: 'commitState',
    owner: input.nonce,
    epoch: act.lockEpoch,
    nextEpoch: act.epoch,
    state,
    nodeCount: act.nodeCount,
    scalingInProgress: state.launches.length > 0 || state.drains.length > 0,
  });
  act.nowMs = answer.completedAtMs;
  if (answer.ok) {
    act.committed = state;
    act.lockEpoch = act.epoch;
    return 'ok';
  }
  if (answer.reason === 'lock-lost') {
    act.lockLost = true;
    return 'lock-lost';
  }
  act.events.push({ code: 'effect-failed', subject: 'commitState', value: 0 });
  act.alarms.push({ code: 'commit-failed', subject: answer.reason });
  return 'failed';
}

// ---------------------------------------------------------------- acting

/** Whether so many calls, one after another, end before our deadline even if each hangs. */
function hasTime(act: Act, calls: number): boolean {
  return act.nowMs + calls * CALL_TIMEOUT_MS <= act.input.deadlineMs;
}

/**
 * Whether another call that changes the world may begin: the lock is not known to be lost, and the call would end before
 * our deadline, with time to close. The deadline lies well inside the lease (S8).
 */
function mayMutate(act: Act): boolean {
  if (act.lockLost) {
    return false;
  }
  const may = hasTime(act, 1 + CLOSING_CALLS);
  if (!may) {
    act.events.push({ code: 'out-of-time', subject: '', value: 0 });
  }
  return may;
}

/** Whether there is anything to carry out: most cycles only looked. */
function hasWork(
  { state }: Act,
  { strayTaints, orphanNodes, settledMarks, seen }: Reconciled,
): boolean {
  return (
    state.launches.length > 0 ||
    state.drains.length > 0 ||
    strayTaints.length > 0 ||
    orphanNodes.length > 0 ||
    settledMarks.length > 0 ||
    (seen.inbox?.kickedAtMs ?? null) !== null
  );
}

/** Launches first, since pods wait for them; then what clears the way, drains, and last what cannot be undone. */
function* carryOut(act: Act, reconciled: Reconciled): Process<void> {
  if (act.state.launches.length > 0) {
    yield* sendNewLaunches(act, reconciled.view);
  }
  for (const nodeName of reconciled.strayTaints) {
    if (!mayMutate(act)) {
      return;
    }
    // The very taint that was seen: whoever has taken over since may have put another in its place.
    const node = foundIn(reconciled.seen.nodes!, nodeName, ({ name }) => name)!;
    const intentId = node.taintIntentId!;
    const answer = yield* perform({ kind: 'untaintNode', nodeName, intentId });
    act.nowMs = answer.completedAtMs;
    if (!answer.ok) {
      act.events.push({ code: 'effect-failed', subject: 'untaintNode', value: 0 });
      act.alarms.push({ code: 'node-unchanged', subject: nodeName });
    }
  }
  for (const nodeName of reconciled.orphanNodes) {
    if (!mayMutate(act)) {
      return;
    }
    const answer = yield* perform({ kind: 'deleteNode', nodeName });
    act.nowMs = answer.completedAtMs;
    if (!answer.ok) {
      act.events.push({ code: 'effect-failed', subject: 'deleteNode', value: 0 });
      act.alarms.push({ code: 'node-unchanged', subject: nodeName });
    }
  }
  if (act.state.drains.length > 0) {
    // Paused: nothing is evicted; what is committed as terminating is finished (S8, S18).
    if (act.input.mode !== 'paused') {
      yield* lookAgain(act, reconciled.seen);
      yield* advanceDrains(act, reconciled);
    }
    yield* terminateCommitted(act);
  }
  const committed = yield* commit(act);
  const kickedAtMs = reconciled.seen.inbox?.kickedAtMs ?? null;
  const { settledMarks } = reconciled;
  const toClear = settledMarks.length > 0 || kickedAtMs !== null;
  if (committed === 'ok' && toClear && hasTime(act, CLOSING_CALLS)) {
    const cleared = yield* perform({ kind: 'clearInbox', marks: settledMarks, kickedAtMs });
    act.nowMs = cleared.completedAtMs;
  }
}

function requestOf(intent: LaunchIntent, attempt: LaunchAttempt): LaunchRequest {
  const { clientToken, zone, market, count } = attempt;
  const { templateVersion, birthEpoch } = intent;
  return { clientToken, zone, market, count, templateVersion, intentId: intent.id, birthEpoch };
}

/**
 * Attempts of earlier cycles that were never answered are sent again, byte for byte: only their answer settles them (S4).
 * Not past max, which may have come nearer since: one that EC2 has certainly done nothing about is then given up, the others
 * after an hour. Whatever they launched all the same is adopted by its tags.
 */
function* repeatUnansweredLaunches(
  act: Act,
  { instances, inbox }: Pick<Seen, 'instances' | 'inbox'>,
): Process<void> {
  if (instances === null) {
    return;
  }
  const isDoomed = (id: string): boolean =>
    (inbox?.doomed ?? []).some(({ instanceId }) => instanceId === id) ||
    act.state.drains.some(({ instanceId, reason }) => instanceId === id && reason !== 'scale-down');
  const alive = instances.filter(isAlive);
  let there = alive.filter(({ id }) => !isDoomed(id)).length;
  there += act.state.absent.filter(
    ({ instanceId }) =>
      !isDoomed(instanceId) && foundIn(alive, instanceId, ({ id }) => id) === undefined,
  ).length;
  for (const intent of act.state.launches) {
    const unanswered = intent.attempts.filter(isOpen);
    if (unanswered.length === 0) {
      continue;
    }
    for (const each of unanswered) {
      const visible = alive.filter(({ clientToken }) => clientToken === each.clientToken).length;
      const fresh = Math.max(0, each.count - visible);
      if (there + fresh > act.input.configured.settings.nodeCountMax) {
        const oldMs = act.nowMs - intent.createdAtMs;
        if (each.outcome === 'unsent' || oldMs >= UNANSWERED_GIVE_UP_MS) {
          act.state = withAnswer(act.state, intent.id, each.number, 'refused', 0);
        }
        continue;
      }
      if (act.launchHung || !mayMutate(act)) {
        return;
      }
      there += fresh;
      yield* sendAttempt(act, intent, each);
    }
    const answered = act.state.launches.find(({ id }) => id === intent.id)!;
    const settled = !answered.attempts.some(isOpen);
    // Instances that came and went were given up by whoever let them go.
    const spent = answered.attempts.some(({ outcome }) => outcome === 'spent');
    if (settled && !spent) {
      act.state = withoutUnmet(act.state, answered, missingCount(answered));
    }
  }
}

/**
 * Sends what this cycle decided. A pool that refuses for certain is passed over, and what is missing is asked of the next,
 * under a new attempt that is committed before it is sent (S4).
 */
function* sendNewLaunches(act: Act, view: View): Process<void> {
  const id = `${act.epoch}-${act.input.nonce}`;
  const sent = new Set<number>();
  for (let round = 0; round < LAUNCH_ROUNDS; round++) {
    const intent = act.state.launches.find((each) => each.id === id);
    if (intent === undefined) {
      return;
    }
    for (const each of intent.attempts) {
      if (sent.has(each.number)) {
        continue;
      }
      if (act.launchHung || !mayMutate(act)) {
        return;
      }
      sent.add(each.number);
      yield* sendAttempt(act, intent, each, true);
    }
    const answered = act.state.launches.find((each) => each.id === id)!;
    const missing = missingCount(answered);
    if (missing <= 0) {
      return;
    }
    const now = {
      ...view,
      nowMs: act.nowMs,
      poolBackoffs: act.state.poolBackoffs,
      unanswered: [...view.unanswered, ...sharesOf(answered)],
    };
    const { settings } = act.input.configured;
    const shares =
      round + 1 === LAUNCH_ROUNDS || rejected(answered)
        ? []
        : placeLaunches(now, act.input.cluster, settings, missing);
    if (shares.length === 0) {
      act.state = withoutUnmet(act.state, answered, missing);
      return;
    }
    const tried = answered.attempts.length;
    const next = shares.map((share, n) => attempt(act.input.cluster.id, id, tried + n, share));
    act.state = withIntent(act.state, { ...answered, attempts: [...answered.attempts, ...next] });
    if (!mayMutate(act) || (yield* commit(act)) !== 'ok') {
      return;
    }
  }
}

/** @param isFirst whether it has certainly not been sent before */
function* sendAttempt(
  act: Act,
  intent: LaunchIntent,
  each: LaunchAttempt,
  isFirst = false,
): Process<void> {
  const answer = yield* perform({ kind: 'launchInstances', launch: requestOf(intent, each) });
  act.nowMs = answer.completedAtMs;
  const pool = `${each.market}/${each.zone}`;
  if (answer.ok) {
    act.events.push({ code: 'launched', subject: pool, value: answer.instanceIds.length });
    act.state = withAnswer(
      act.state,
      intent.id,
      each.number,
      'launched',
      answer.instanceIds.length,
    );
    act.state = withLaunched(act.state, answer.instanceIds, each, act.nowMs);
    const short = answer.instanceIds.length < each.count;
    act.state = short ? withPoolRefused(act.state, each, act.nowMs) : withPoolOpen(act.state, each);
    return;
  }
  switch (answer.reason) {
    case 'insufficient-capacity':
    case 'quota':
      act.events.push({ code: 'launch-refused', subject: pool, value: each.count });
      act.alarms.push({ code: 'launch-refused', subject: pool });
      act.state = withAnswer(act.state, intent.id, each.number, 'refused', 0);
      act.state = withPoolRefused(act.state, each, act.nowMs);
      return;
    case 'invalid':
    case 'parameter-mismatch':
      act.events.push({ code: 'launch-refused', subject: pool, value: each.count });
      act.alarms.push({ code: 'launch-request-rejected', subject: pool });
      act.state = withAnswer(act.state, intent.id, each.number, 'rejected', 0);
      act.state = withPoolRefused(act.state, each, act.nowMs);
      return;
    case 'spent':
      act.events.push({ code: 'launch-refused', subject: pool, value: each.count });
      act.state = withAnswer(act.state, intent.id, each.number, 'spent', 0);
      return;
    case 'throttled':
    case 'unavailable':
    case 'timeout':
      // A throttle, an outage or a timeout says nothing of the pool: it is sent again, unchanged, until it is answered (S4).
      act.events.push({ code: 'launch-unanswered', subject: pool, value: each.count });
      act.launchHung ||= answer.reason === 'timeout';
      if (answer.certainty === 'refused') {
        act.alarms.push({ code: 'ec2-unreachable', subject: answer.reason });
      }
      if (answer.certainty === 'refused' && (each.outcome === 'unsent' || isFirst)) {
        act.state = withAnswer(act.state, intent.id, each.number, 'unsent', 0);
      } else {
        act.state = withAnswer(act.state, intent.id, each.number, 'unknown', 0);
      }
  }
}

/** Whether EC2 found fault with a request itself: then it would with the same request elsewhere (S4). */
function rejected(intent: LaunchIntent): boolean {
  return intent.attempts.some(({ outcome }) => outcome === 'rejected');
}

/** What an intent has launched, or may have, by pool. */
function sharesOf(intent: LaunchIntent): PoolShare[] {
  return intent.attempts.flatMap((attempt) => {
    const { zone, market, count, launched } = attempt;
    const there = isOpen(attempt) ? count : launched;
    return there > 0 ? [{ zone, market, count: there }] : [];
  });
}

/**
 * The state without the part of an intent that no pool had: what a policy asked for in vain is not meant to be there, or
 * each cycle of a shortage would ask for more, and buy it all when it ends. What restores desired capacity stays desired.
 */
function withoutUnmet(state: FleetState, intent: LaunchIntent, missing: number): FleetState {
  if (missing <= 0) {
    return state;
  }
  const asked = Math.min(missing, intent.count - intent.repair);
  // Taken back once: what the intent is for from now on is what it may still get.
  const less = { count: intent.count - missing, repair: intent.repair - (missing - asked) };
  const given = withIntent(state, { ...intent, ...less });
  return asked === 0 || given.desired === null
    ? given
    : stateWith(given, { desired: given.desired - asked });
}

function withIntent(state: FleetState, intent: LaunchIntent): FleetState {
  return stateWith(state, {
    launches: state.launches.map((each) => (each.id === intent.id ? intent : each)),
  });
}

function withAnswer(
  state: FleetState,
  intentId: string,
  number: number,
  outcome: LaunchAttempt['outcome'],
  launched: number,
): FleetState {
  const intent = state.launches.find((each) => each.id === intentId)!;
  const attempts = intent.attempts.map((each) =>
    each.number === number ? { ...each, outcome, launched } : each,
  );
  return withIntent(state, { ...intent, attempts });
}

/** Instances that EC2 says it has launched are known from now on, though Describe may not show them yet. */
function withLaunched(
  state: FleetState,
  instanceIds: readonly string[],
  { zone, market }: Omit<PoolShare, 'count'>,
  nowMs: number,
): FleetState {
  const fresh = instanceIds.filter((id) => !contains(state.known, id));
  return withAbsent(
    state,
    fresh.map((instanceId) => ({ instanceId, sinceMs: nowMs, seen: false, zone, market })),
  );
}

// ---------------------------------------------------------------- draining

/** Whether AWS takes an instance before any node of it was seen: there may be one by now, and pods on it. */
function isNodeless({ reason, nodeName }: DrainIntent): boolean {
  return reason === 'reclaim' && nodeName === null;
}

/**
 * Looks once more at those that are given up, just before that becomes irreversible (S8, S12): dead, never joined, or taken
 * by AWS with no node to drain. One whose node is there, and that may be a worker after all, stays; the others are marked
 * for termination, which happens once that is committed. What AWS takes is looked at until it is gone: a node that joins
 * after all, while EC2 refuses to terminate it, is drained first.
 */
function* lookAgain(act: Act, { instances }: Seen): Process<void> {
  const givenUp = act.state.drains.filter(
    (drain) =>
      isNodeless(drain) ||
      (drain.stage !== 'terminating' &&
        (drain.reason === 'unhealthy' || drain.reason === 'never-joined')),
  );
  if (givenUp.length === 0 || instances === null || !(yield* relistNodes(act))) {
    return;
  }
  if (unmatchedNodes(act.nodes!, instances).length > 0) {
    return;
  }
  act.lookedAgain = true;
  const joinTimeoutMs = act.input.configured.settings.joinTimeoutSeconds * 1000;
  for (const drain of givenUp) {
    const node = nodeOfInstance(drain.instanceId, act.nodes, instances);
    if (node !== undefined && drain.reason === 'reclaim') {
      act.state = withDrain(act.state, { ...drain, nodeName: node.name, stage: 'tainting' });
      continue;
    }
    if (drain.stage === 'terminating') {
      continue;
    }
    const registered =
      node !== undefined &&
      drain.reason === 'never-joined' &&
      act.nowMs - node.createdAtMs < joinTimeoutMs;
    if (node !== undefined && (node.ready || node.cordoned || registered)) {
      act.events.push({ code: 'drain-undone', subject: drain.instanceId, value: 0 });
      const drains = act.state.drains.filter((each) => each !== drain);
      act.state = stateWith(act.state, { drains });
    } else {
      act.state = withDrain(act.state, {
        ...drain,
        stage: 'terminating',
        progressedAtMs: act.nowMs,
      });
    }
  }
}

/** Lists nodes again; false: there was no time, or no list to be believed. */
function* relistNodes(act: Act): Process<boolean> {
  if (!hasTime(act, 1 + CLOSING_CALLS)) {
    return false;
  }
  const listed = yield* perform({ kind: 'listNodes' });
  act.nowMs = listed.completedAtMs;
  if (!listed.ok || listed.nodes.length === 0) {
    return false;
  }
  act.nodes = listed.nodes;
  return true;
}

/** Notices first: AWS does not wait. */
const DRAIN_ORDER: readonly DrainIntent['reason'][] = ['reclaim', 'rebalance', 'scale-down'];

/** Takes every drain as far as it can go now: a few rounds where a disruption budget refuses, all of them in each (S11). */
function* advanceDrains(act: Act, { seen, view }: Reconciled): Process<void> {
  let going = act.state.drains
    .filter(
      (drain) =>
        drain.stage !== 'terminating' &&
        DRAIN_ORDER.includes(drain.reason) &&
        mayGoOn(act, view, drain),
    )
    .sort((a, b) => DRAIN_ORDER.indexOf(a.reason) - DRAIN_ORDER.indexOf(b.reason))
    .map(({ id }) => id);
  for (let round = 1; going.length > 0; round++) {
    const refused: string[] = [];
    for (const id of going) {
      const drain = act.state.drains.find((each) => each.id === id)!;
      if (yield* advanceDrain(act, seen, drain)) {
        refused.push(id);
      }
    }
    const resumesAtMs = act.nowMs + EVICTION_PAUSE_MS;
    if (
      refused.length === 0 ||
      round === EVICTION_ROUNDS ||
      resumesAtMs + CALL_TIMEOUT_MS + CLOSING_MS > act.input.deadlineMs
    ) {
      return;
    }
    act.nowMs = (yield* perform({ kind: 'pause', untilMs: resumesAtMs })).completedAtMs;
    going = refused;
  }
}

/**
 * Whether a drain may move pods in this cycle. AWS does not wait; anything else is validated at every step (S12), and what
 * cannot be read allows nothing. A hint is not a notice: its replacement comes first, and its pods fit elsewhere (S23).
 */
function mayGoOn(act: Act, view: View, { reason, instanceId }: DrainIntent): boolean {
  if (reason === 'reclaim') {
    return true;
  }
  if (!view.podsKnown || !view.instancesKnown || view.contradicted) {
    return false;
  }
  if (reason === 'scale-down') {
    return true;
  }
  const { cluster, configured } = act.input;
  const worker = view.workers.find(({ id }) => id === instanceId);
  const { desired } = act.state;
  return (
    desired !== null &&
    worker !== undefined &&
    countFleet(view).ready >= Math.min(desired, configured.settings.nodeCountMax) &&
    helpablePods(view, cluster, 0) === 0 &&
    podsFitElsewhere(worker, [], view, cluster, 0)
  );
}

/**
 * One round of a drain: taint, list, evict. A node is drained when a list read after the taint shows no pod but
 * DaemonSets’, terminating ones included (S22); it is then marked for termination, which happens once that is committed.
 * Nothing is evicted beside a pod that may not be moved, unless AWS takes the node anyway. True: a disruption budget
 * refused, and asking again shortly may help.
 */
function* advanceDrain(act: Act, seen: Seen, drain: DrainIntent): Process<boolean> {
  // Asked each time: a person may have taken our taint off.
  const nodeName = yield* taint(act, seen, drain);
  if (nodeName === null) {
    return false;
  }
  let current = drain;
  if (current.stage === 'tainting') {
    current = { ...current, stage: 'evicting', progressedAtMs: act.nowMs };
    act.state = withDrain(act.state, current);
  }
  if (!hasTime(act, 1 + CLOSING_CALLS)) {
    return false;
  }
  const listed = yield* perform({ kind: 'listNodePods', nodeName });
  act.nowMs = listed.completedAtMs;
  if (!listed.ok) {
    return false;
  }
  const podsLeft = listed.pods.length;
  if (podsLeft === 0) {
    act.state = withDrain(act.state, {
      ...current,
      podsLeft,
      stage: 'terminating',
      progressedAtMs: act.nowMs,
    });
    return false;
  }
  const staying = listed.pods.filter((pod) => pod.terminatesAtMs === null);
  if (current.reason !== 'reclaim' && staying.some((pod) => pod.pinnedBy !== null)) {
    return false;
  }
  let accepted = 0;
  let refused = 0;
  for (const { namespace, name, uid } of staying) {
    if (!mayMutate(act)) {
      break;
    }
    const answer = yield* perform({ kind: 'evictPod', namespace, name, uid });
    act.nowMs = answer.completedAtMs;
    if (answer.ok || answer.reason === 'not-found') {
      accepted++;
    } else {
      refused++;
    }
  }
  if (accepted > 0) {
    act.events.push({ code: 'evicted', subject: drain.instanceId, value: accepted });
  }
  if (refused > 0) {
    act.events.push({ code: 'eviction-refused', subject: drain.instanceId, value: refused });
  }
  // A pod within its grace is on its way, however long that is.
  const ending = listed.pods.some(
    ({ terminatesAtMs }) => terminatesAtMs !== null && terminatesAtMs > act.nowMs,
  );
  const progressed = accepted > 0 || ending || podsLeft < current.podsLeft;
  if (progressed || podsLeft !== current.podsLeft) {
    const progressedAtMs = progressed ? act.nowMs : current.progressedAtMs;
    act.state = withDrain(act.state, { ...current, podsLeft, progressedAtMs });
  }
  return refused > 0;
}

/**
 * Makes sure that a node carries our taint; its name, or null. A node changes now and then while we look at it (its status
 * does every few minutes): on a conflict it is read once more.
 */
function* taint(act: Act, seen: Seen, drain: DrainIntent): Process<string | null> {
  for (let attempt = 0; attempt < 2; attempt++) {
    const node = nodeOfInstance(drain.instanceId, act.nodes, seen.instances);
    if (node === undefined) {
      return null;
    }
    const { name: nodeName, resourceVersion } = node;
    if (node.taintIntentId === drain.id) {
      return nodeName;
    }
    if (!mayMutate(act)) {
      return null;
    }
    const answer = yield* perform({
      kind: 'taintNode',
      nodeName,
      intentId: drain.id,
      resourceVersion,
    });
    act.nowMs = answer.completedAtMs;
    if (answer.ok) {
      act.events.push({ code: 'tainted', subject: nodeName, value: 0 });
      return nodeName;
    }
    if (answer.reason !== 'conflict' || attempt > 0 || !(yield* relistNodes(act))) {
      act.events.push({ code: 'effect-failed', subject: 'taintNode', value: 0 });
      return null;
    }
  }
  return null;
}

function withDrain(state: FleetState, drain: DrainIntent): FleetState {
  return stateWith(state, {
    drains: state.drains.map((each) => (each.id === drain.id ? drain : each)),
  });
}

/**
 * Terminates what is committed as terminating. Idempotent: repeated each cycle until the instance is seen to go. One without
 * a node waits where none could be looked for: AWS takes it all the same.
 */
function* terminateCommitted(act: Act): Process<void> {
  if (!act.state.drains.some((drain) => drain.stage === 'terminating') || !mayMutate(act)) {
    return;
  }
  if ((yield* commit(act)) !== 'ok') {
    return;
  }
  for (const drain of act.state.drains) {
    if (drain.stage !== 'terminating' || (isNodeless(drain) && !act.lookedAgain)) {
      continue;
    }
    if (!mayMutate(act)) {
      return;
    }
    const answer = yield* perform({ kind: 'terminateInstance', instanceId: drain.instanceId });
    act.nowMs = answer.completedAtMs;
    const done = answer.ok || answer.reason === 'not-found';
    if (act.nowMs - drain.progressedAtMs >= TERMINATE_OVERDUE_MS) {
      act.alarms.push({ code: 'terminate-failing', subject: drain.instanceId });
    }
    act.events.push({
      code: done ? 'terminated' : 'terminate-failed',
      subject: drain.instanceId,
      value: 0,
    });
  }
}

// ---------------------------------------------------------------- closing

/** The fleet in numbers, for whoever watches it; null: not known. */
function publication(view: View): EffectOf<'publishMetrics'> {
  const { workers, instancesKnown, nodesKnown, podsKnown, inboxKnown } = view;
  const { ready, arriving, doomed } = countFleet(view);
  return {
    kind: 'publishMetrics',
    workers: instancesKnown ? workers.length : null,
    ready: instancesKnown && nodesKnown ? ready : null,
    inFlight: instancesKnown && nodesKnown ? arriving : null,
    doomed: instancesKnown && inboxKnown ? doomed : null,
    pending: podsKnown ? sum(view.unschedulable) : null,
  };
}

function quantizeMetrics(metrics: Metrics): Metrics {
  const { custom } = metrics;
  return {
    cpuPercent: quantizeReading(metrics.cpuPercent),
    memoryPercent: quantizeReading(metrics.memoryPercent),
    unschedulablePods: quantizeReading(metrics.unschedulablePods),
    apiLatencyP95Ms: quantizeReading(metrics.apiLatencyP95Ms),
    requestsPerSecond: quantizeReading(metrics.requestsPerSecond),
    custom:
      custom.length === 0
        ? custom
        : custom.map(({ name, reading }) => ({ name, reading: quantizeReading(reading) })),
  };
}

function asMissing(reason: string): 'timeout' | 'unavailable' {
  return reason === 'timeout' ? 'timeout' : 'unavailable';
}

function sum(counts: readonly number[]): number {
  let total = 0;
  for (const count of counts) {
    total += count;
  }
  return total;
}
