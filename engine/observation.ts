/**
 * What a control cycle sees of the world: readings, instances, nodes and pods, as plain data. Lists arrive sorted by
 * their key (instance id, node name), whoever makes them, so that joining them never depends on arrival order.
 */

export type MissingReason =
  'unavailable' | 'timeout' | 'empty' | 'not-a-number' | 'exporter-down' | 'stale' | 'low-coverage';

/**
 * One reading. `sampledAtMs` is when the newest sample behind it was scraped, not when the query ran;
 * `coverageRatio` is the share (0–1) of the samples its window should hold. A reading that could not be had says why:
 * missing is never zero.
 */
export type Reading =
  | {
      readonly value: number;
      readonly sampledAtMs: number;
      readonly coverageRatio: number;
      readonly missing: null;
    }
  | { readonly missing: MissingReason };

export const METRIC_NAMES = [
  'cpuPercent',
  'memoryPercent',
  'unschedulablePods',
  'apiLatencyP95Ms',
  'requestsPerSecond',
] as const;
export type MetricName = (typeof METRIC_NAMES)[number];
export type Metrics = Readonly<Record<MetricName, Reading>> & {
  /** What the policy asked for beside those, in the order in which it names them. */
  readonly custom: readonly NamedReading[];
};

/** A reading that only some policy asks for, under the name that the policy knows it by. */
export interface NamedReading {
  readonly name: string;
  readonly reading: Reading;
}

export const NO_CUSTOM_READINGS: readonly NamedReading[] = [];

/** A reading that is missing, in every metric: what an unreachable Prometheus leaves us with. */
export function missingMetrics(reason: MissingReason, custom: readonly string[] = []): Metrics {
  const missing: Reading = { missing: reason };
  return {
    cpuPercent: missing,
    memoryPercent: missing,
    unschedulablePods: missing,
    apiLatencyP95Ms: missing,
    requestsPerSecond: missing,
    custom:
      custom.length === 0 ? NO_CUSTOM_READINGS : custom.map((name) => ({ name, reading: missing })),
  };
}

/** The custom reading of that name; `unavailable` when nobody asked for it. */
export function customReading(metrics: Metrics, name: string): Reading {
  for (const each of metrics.custom) {
    if (each.name === name) {
      return each.reading;
    }
  }
  return { missing: 'unavailable' };
}

/**
 * Readings are compared and journalled in thousandths, so that a journal holds exactly what was decided on.
 * A value that is not a finite number is missing.
 */
export function quantizeReading(reading: Reading): Reading {
  if (reading.missing !== null) {
    return reading;
  }
  if (!Number.isFinite(reading.value)) {
    return { missing: 'not-a-number' };
  }
  if (!Number.isFinite(reading.coverageRatio)) {
    return { missing: 'low-coverage' };
  }
  const value = Math.round(reading.value * 1000) / 1000;
  const coverageRatio = Math.round(reading.coverageRatio * 1000) / 1000;
  if (value === reading.value && coverageRatio === reading.coverageRatio) {
    return reading;
  }
  return { value, sampledAtMs: reading.sampledAtMs, coverageRatio, missing: null };
}

/** A sample may come from a clock that is ahead of ours by this much; one from further ahead is not believed. */
const SAMPLE_AHEAD_MAX_MS = 60_000;

/** The value of a reading that is present and no older than `maxAgeMs`, else null. */
export function freshValue(reading: Reading, nowMs: number, maxAgeMs: number): number | null {
  if (reading.missing !== null) {
    return null;
  }
  const ageMs = nowMs - reading.sampledAtMs;
  return ageMs <= maxAgeMs && ageMs >= -SAMPLE_AHEAD_MAX_MS ? reading.value : null;
}

/** By code unit, never by locale: the order of every list here, and of whatever feeds a decision. */
export function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export type Market = 'on-demand' | 'spot';
export const MARKETS: readonly Market[] = ['on-demand', 'spot'];

/** An EC2 instance that carries our cluster's worker tags. `stopped` counts as gone: nothing of ours is ever stopped. */
export interface Instance {
  readonly id: string;
  readonly state: 'pending' | 'running' | 'shutting-down' | 'terminated';
  readonly zone: string;
  readonly market: Market;
  readonly launchedAtMs: number;
  readonly privateIp: string | null;
  /** The token of the request that launched it, as EC2 keeps it. */
  readonly clientToken: string | null;
  /** From its tags: the birth epoch of the intent that launched it (S6). */
  readonly birthEpoch: number;
  readonly statusCheckFailed: boolean;
}

/** Whether an instance is there, or is about to be. */
export function isAlive({ state }: Instance): boolean {
  return state === 'pending' || state === 'running';
}

/** A Kubernetes node. `taintIntentId` is the value of our own NoSchedule taint; `cordoned` is a person’s cordon (S18). */
export interface KubeNode {
  readonly name: string;
  readonly instanceId: string | null;
  readonly internalIp: string | null;
  readonly controlPlane: boolean;
  readonly createdAtMs: number;
  readonly ready: boolean;
  /** When `ready` last changed; the creation, for a node that was never Ready. */
  readonly readyChangedAtMs: number;
  readonly cordoned: boolean;
  readonly taintIntentId: string | null;
  readonly resourceVersion: string;
  /** Net of DaemonSets: what pods of ours can still ask for on an empty node. */
  readonly allocatableMillicpu: number;
  readonly allocatableMib: number;
}

/** Why a pod may not be moved. Every filter fails closed: what we cannot read counts as one of these. */
export type PinReason =
  | 'system-critical'
  | 'stateful-set'
  | 'single-replica'
  | 'local-data'
  | 'unmodelled-affinity'
  | 'no-controller'
  | 'blocked-by-pdb'
  | 'do-not-evict';

/**
 * Pods alike in everything that placement looks at. Counts are kept per shape: three pods of 1,200 m need three nodes
 * of 2,000 m although their sum needs two.
 */
export interface PodShape {
  readonly key: string;
  readonly requestMillicpu: number;
  readonly requestMib: number;
  /** The only zone it may run in, or null. */
  readonly zone: string | null;
  readonly pinnedBy: PinReason | null;
}

/** Pods bound to one node, by shape (index into `Pods.shapes`); terminating ones included, DaemonSets' left out. */
export interface NodePods {
  readonly nodeName: string;
  readonly counts: readonly number[];
}

/**
 * The pod list. `unschedulable[s]` counts pods of shape s for which the scheduler found no room; those merely starting,
 * and scheduling-gated ones, are not among them (S13).
 */
export interface Pods {
  readonly shapes: readonly PodShape[];
  readonly unschedulable: readonly number[];
  readonly perNode: readonly NodePods[];
}

/** A spot notice, a rebalance hint or an operator's mark, written by the ingest function without the lock (S2). */
export interface DoomedMark {
  readonly instanceId: string;
  readonly cause: 'reclaim' | 'rebalance';
  readonly markedAtMs: number;
}

/** An operator's floor for a while: before `untilMs` `nodeCountMin` is at least `min`, and never more than max. */
export interface Hold {
  readonly min: number;
  readonly untilMs: number;
}

/** The inbox item: what others leave for the next holder of the lock (S2, S19). */
export interface Inbox {
  readonly doomed: readonly DoomedMark[];
  readonly kickedAtMs: number | null;
  /** Left out: nobody holds the fleet. */
  readonly hold?: Hold;
}

/** One pod on a node being drained, as listed just before it is evicted. */
export interface PodOnNode {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** When its grace will be over (`deletionTimestamp`); null: nobody has asked it to go. */
  readonly terminatesAtMs: number | null;
  readonly pinnedBy: PinReason | null;
}
