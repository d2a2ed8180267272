import type { DecisionRecord } from './journal.ts';
import type {
  DoomedMark,
  Inbox,
  Instance,
  KubeNode,
  Market,
  Metrics,
  PodOnNode,
  Pods,
} from './observation.ts';
import type { DecodedState, FleetState } from './state.ts';

/**
 * Everything a cycle may ask of the world, as data. A driver performs one effect at a time and answers with a value;
 * expected failures are answers, never exceptions. No effect carries a function, and no interpreter decides or retries.
 */

/** A failure whose effect certainly did not happen (`refused`), or may have happened (`unknown`). */
export interface Failure<Reason extends string = string> {
  readonly ok: false;
  readonly certainty: 'refused' | 'unknown';
  readonly reason: Reason;
}
export type Outcome<Value, Reason extends string = string> =
  ({ readonly ok: true } & Value) | Failure<Reason | TransportReason>;
export type TransportReason = 'timeout' | 'unavailable' | 'throttled';

/** The lock’s fields, as the table stores them. */
export interface LockItem {
  readonly owner: string | null;
  readonly epoch: number;
  /** Outer bound: after this anyone may take over. */
  readonly lockExpiryAtMs: number;
  /** The holder’s own deadline: after this it does nothing more, so a successor need not wait for the outer bound (S9). */
  readonly holderDeadlineAtMs: number;
}

/** A RunInstances request, complete: the interpreter adds nothing to it (S5). */
export interface LaunchRequest {
  readonly clientToken: string;
  readonly zone: string;
  readonly market: Market;
  readonly count: number;
  readonly templateVersion: string;
  readonly intentId: string;
  readonly birthEpoch: number;
}

interface EffectTypes {
  /** Conditional write: the lock is free, expired or past its holder’s deadline, and the stored epoch is lower. */
  acquireLock: {
    request: {
      owner: string;
      epoch: number;
      nowMs: number;
      lockExpiryAtMs: number;
      holderDeadlineAtMs: number;
    };
    result: Outcome<{ stored: DecodedState }, 'held'>;
  };
  /** Consistent read of the lock and the state beside it. */
  readLock: { request: object; result: Outcome<{ lock: LockItem; stored: DecodedState }> };
  /** Conditional write on owner and epoch; `epoch` becomes `nextEpoch`. */
  commitState: {
    request: {
      owner: string;
      epoch: number;
      nextEpoch: number;
      state: FleetState;
      nodeCount: number;
      scalingInProgress: boolean;
    };
    result: Outcome<object, 'lock-lost'>;
  };
  releaseLock: { request: { owner: string; epoch: number }; result: Outcome<object, 'lock-lost'> };
  readInbox: { request: object; result: Outcome<{ inbox: Inbox }> };
  /** Takes out these very marks and this kick: one that has come since, for the same instance too, stays. */
  clearInbox: {
    request: { marks: readonly DoomedMark[]; kickedAtMs: number | null };
    result: Outcome<object>;
  };

  /** Every standard reading, and the policy’s `custom` ones by name; a name that is not known is `empty`. */
  queryMetrics: {
    request: { atMs: number; custom: readonly string[] };
    result: Outcome<{ metrics: Metrics }>;
  };
  /** Every page of our tagged workers, sorted by id. Eventually consistent: settles nothing by itself (S4, S16). */
  listInstances: { request: object; result: Outcome<{ instances: readonly Instance[] }> };
  /**
   * By id, consistent enough to confirm an absence: ids EC2 does not know are simply not in the answer. `foreign`: those of
   * the instances that do not carry our tags, as no list would show them.
   */
  describeInstances: {
    request: { ids: readonly string[] };
    result: Outcome<{ instances: readonly Instance[]; foreign: readonly string[] }>;
  };
  /** Every node, sorted by name. */
  listNodes: { request: object; result: Outcome<{ nodes: readonly KubeNode[] }> };
  listPods: { request: object; result: Outcome<{ pods: Pods }> };
  listNodePods: { request: { nodeName: string }; result: Outcome<{ pods: readonly PodOnNode[] }> };

  launchInstances: {
    request: { launch: LaunchRequest };
    result: Outcome<{ instanceIds: readonly string[] }, LaunchRefusal>;
  };
  terminateInstance: { request: { instanceId: string }; result: Outcome<object, 'not-found'> };
  taintNode: {
    request: { nodeName: string; intentId: string; resourceVersion: string };
    result: Outcome<object, 'conflict' | 'not-found'>;
  };
  /** Takes our taint off, if it is there for that intent: another’s stays. A person’s cordon is not ours (S18). */
  untaintNode: {
    request: { nodeName: string; intentId: string };
    result: Outcome<object, 'not-found'>;
  };
  /** The eviction subresource with the pod’s UID as precondition. Accepted is not gone (S22). */
  evictPod: {
    request: { namespace: string; name: string; uid: string };
    result: Outcome<object, 'blocked-by-pdb' | 'ambiguous-pdb' | 'not-found'>;
  };
  /** Deletes the node and the K3s password secret that belongs to its name. */
  deleteNode: { request: { nodeName: string }; result: Outcome<object, 'not-found'> };

  /** Lets time pass; the driver answers at `untilMs` or later. */
  pause: { request: { untilMs: number }; result: Outcome<object> };
  appendJournal: { request: { record: DecisionRecord }; result: Outcome<object> };
  /** Null: not known, so that nothing is published for it rather than zero. */
  publishMetrics: {
    request: {
      workers: number | null;
      ready: number | null;
      inFlight: number | null;
      doomed: number | null;
      pending: number | null;
    };
    result: Outcome<object>;
  };
  notify: { request: { alarms: readonly Alarm[] }; result: Outcome<object> };
}

/**
 * `insufficient-capacity` and `quota` are definite: another pool may be tried. `spent`: the token’s instances have been
 * launched and terminated since. `parameter-mismatch` cannot happen to an unchanged request; it and `invalid` (the template,
 * a permission) say nothing of capacity: they are an alarm, and no other pool is tried in their place.
 */
export type LaunchRefusal =
  'insufficient-capacity' | 'quota' | 'parameter-mismatch' | 'spent' | 'invalid';

/** Something a person should look at. `subject` is an instance, node or pool. */
export interface Alarm {
  readonly code: AlarmCode;
  readonly subject: string;
}
export type AlarmCode =
  | 'metrics-missing'
  | 'kubernetes-api-unreachable'
  | 'ec2-unreachable'
  | 'inbox-unreadable'
  | 'launch-unanswered'
  | 'terminate-failing'
  | 'lease-too-short'
  | 'scale-up-blocked'
  | 'observation-contradicts-state'
  | 'instance-unlisted'
  | 'node-unmatched'
  | 'node-unchanged'
  | 'state-lost'
  | 'join-failing'
  | 'node-unhealthy'
  | 'pods-no-node-can-hold'
  | 'launch-refused'
  | 'launch-request-rejected'
  | 'drain-stuck'
  | 'commit-failed'
  | 'policy-document-refused'
  | 'policy-document-unreadable'
  | 'shadow-failed'
  | 'at-max-with-pods-unschedulable';

export type EffectKind = keyof EffectTypes;
export type EffectOf<K extends EffectKind> = { readonly kind: K } & Readonly<
  EffectTypes[K]['request']
>;
/** One effect that touches the world. */
export type Effect = { [K in EffectKind]: EffectOf<K> }[EffectKind];
/** Every result says when the world had done with it: the driver owns the clock. */
export type ResultOf<E extends Effect> = EffectTypes[E['kind']]['result'] & {
  readonly completedAtMs: number;
};
export type Result = ResultOf<Effect>;

/** Reads that do not depend on one another. Results come in the same order; it completes with the last. */
export interface Parallel<E extends readonly Effect[] = readonly Effect[]> {
  readonly kind: 'parallel';
  readonly effects: E;
}
export type ResultsOf<E extends readonly Effect[]> = { readonly [K in keyof E]: ResultOf<E[K]> };

export type Yielded = Effect | Parallel;
/** A process that yields effects and is resumed with their results. */
export type Process<T> = Generator<Yielded, T, never>;

/**
 * What `yield*` goes through for one effect: it asks, and ends with the answer. A generator of a single `yield` would say the
 * same, and cost several times as much; a cycle does this eight times. It is its own result, first asked and then answered.
 */
class Asking<Asked extends Yielded, Answer> {
  value: Asked | Answer;
  done = true;

  constructor(asked: Asked) {
    this.value = asked;
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(answer: Answer): IteratorResult<Asked, Answer> {
    this.done = !this.done;
    if (this.done) {
      this.value = answer;
    }
    return this as IteratorResult<Asked, Answer>;
  }
}

/** Performs one effect: `const answer = yield* perform({ kind: 'listNodes' })`. */
export function perform<E extends Effect>(effect: E): Asking<E, ResultOf<E>> {
  return new Asking(effect);
}

/** Performs independent effects together. */
export function performAll<const E extends readonly Effect[]>(
  effects: E,
): Asking<Parallel<E>, ResultsOf<E>> {
  return new Asking({ kind: 'parallel', effects });
}
