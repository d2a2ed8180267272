import { nodesNeeded, podsPerNode, type NodeTemplate } from './demand.ts';
import {
  freshValue,
  type Market,
  type Metrics,
  type PodShape,
  type Reading,
} from './observation.ts';
import type { FleetSettings } from './settings.ts';
import type { PoolBackoff, VictimBackoff } from './state.ts';

export type Mode = 'act' | 'observe' | 'paused';
export const MODES: readonly Mode[] = ['act', 'observe', 'paused'];

/**
 * Where a worker is in its life. `absent`: known, but missing from the last describe and not yet confirmed gone (S16).
 * `tainted` and `draining` are voluntary and can be undone; `doomed` (reclaim, failed health, hint) cannot.
 */
export type Phase =
  | 'booting'
  | 'joining'
  | 'ready'
  | 'not-ready'
  | 'tainted'
  | 'draining'
  | 'terminating'
  | 'doomed'
  | 'absent';
export const PHASES: readonly Phase[] = [
  'booting',
  'joining',
  'ready',
  'not-ready',
  'tainted',
  'draining',
  'terminating',
  'doomed',
  'absent',
];

/** An instance joined with its node and pods. */
export interface Worker {
  readonly id: string;
  readonly zone: string;
  readonly market: Market;
  readonly phase: Phase;
  readonly launchedAtMs: number;
  /** When it last became Ready; 0 while it is not. */
  readonly readySinceMs: number;
  /** A person’s cordon: we leave such a node alone (S18). */
  readonly cordoned: boolean;
  readonly allocatableMillicpu: number;
  readonly allocatableMib: number;
  /** Pods by shape (index into `View.shapes`). */
  readonly pods: readonly number[];
}

/** Nodes of one kind in one place. */
export interface PoolShare {
  readonly zone: string;
  readonly market: Market;
  readonly count: number;
}

/** Everything that a decision may depend on, and all that the journal keeps of a cycle. */
export interface View {
  readonly nowMs: number;
  readonly mode: Mode;
  readonly metrics: Metrics;
  /** Whether each list could be read, whole. */
  readonly instancesKnown: boolean;
  readonly nodesKnown: boolean;
  readonly podsKnown: boolean;
  readonly inboxKnown: boolean;
  /** Instances contradict what we remember (S16): hold and raise an alarm. */
  readonly contradicted: boolean;
  readonly workers: readonly Worker[];
  readonly shapes: readonly PodShape[];
  /** Unschedulable pods by shape, from the pod list of the Kubernetes API. */
  readonly unschedulable: readonly number[];
  /** Launches sent and not answered. */
  readonly unanswered: readonly PoolShare[];
  readonly desired: number | null;
  readonly lastScaleUpAtMs: number | null;
  readonly lastScaleDownAtMs: number | null;
  readonly recoveryUntilMs: number;
  readonly joinFailures: number;
  readonly joinFailedAtMs: number;
  readonly poolBackoffs: readonly PoolBackoff[];
  readonly victimBackoffs: readonly VictimBackoff[];
}

/** A sale, or any window in which waiting is dearer. */
export interface SaleWindow {
  readonly name: string;
  readonly startAtMs: number;
  readonly endAtMs: number;
}

/** What is fixed about a cluster: data, the same for the simulator and for AWS. */
export interface Cluster {
  readonly id: string;
  readonly zones: readonly string[];
  readonly template: NodeTemplate;
  readonly templateVersion: string;
  readonly onDemandBdtPerHour: number;
  readonly spotBdtPerHour: number;
  readonly calendar: readonly SaleWindow[];
}

/** The fleet in numbers. */
export interface Fleet {
  readonly ready: number;
  /** Launched or possibly launched and not yet Ready, and the young Ready. */
  readonly arriving: number;
  /** Ready for so short a time that the scheduler has put nothing on it yet. */
  readonly youngReady: number;
  /** All that is or will be capacity: what `desired` is compared with. */
  readonly supply: number;
  /** All that counts against max: the supply and whatever is still leaving voluntarily. Doomed ones do not. */
  readonly countedAgainstMax: number;
  readonly doomed: number;
  readonly notReady: number;
  readonly draining: number;
}

/** A node that has just become Ready is credited as arriving until the scheduler has had time to use it. */
const YOUNG_READY_MS = 30_000;

/** Counts the fleet. Capacity that came after a reading is credited against it, so nothing is bought twice. */
export function countFleet(view: View): Fleet {
  let ready = 0;
  let arriving = 0;
  let youngReady = 0;
  let supply = 0;
  let leaving = 0;
  let doomed = 0;
  let notReady = 0;
  let draining = 0;
  const workers = view.workers;
  for (let i = 0; i < workers.length; i++) {
    const worker = workers[i]!;
    switch (worker.phase) {
      case 'ready':
        ready++;
        supply++;
        if (isYoungReady(worker, view.nowMs)) {
          youngReady++;
        }
        break;
      case 'booting':
      case 'joining':
        arriving++;
        supply++;
        break;
      case 'not-ready':
        notReady++;
        supply++;
        break;
      case 'absent':
        supply++;
        break;
      case 'tainted':
      case 'draining':
        draining++;
        leaving++;
        break;
      case 'terminating':
        leaving++;
        break;
      case 'doomed':
        doomed++;
        break;
    }
  }
  for (const share of view.unanswered) {
    arriving += share.count;
    supply += share.count;
  }
  arriving += youngReady;
  return {
    ready,
    arriving,
    youngReady,
    supply,
    countedAgainstMax: supply + leaving,
    doomed,
    notReady,
    draining,
  };
}

function isYoungReady(worker: Worker, nowMs: number): boolean {
  if (nowMs - worker.readySinceMs >= YOUNG_READY_MS) {
    return false;
  }
  for (const count of worker.pods) {
    if (count > 0) {
      return false;
    }
  }
  return true;
}

/**
 * Unschedulable pods that an empty worker could hold (S13), from the pod list; when that could not be read, what
 * Prometheus says, which cannot tell them apart. Null: nobody knows.
 */
export function helpablePods(view: View, template: NodeTemplate, maxAgeMs: number): number | null {
  if (!view.podsKnown) {
    return freshValue(view.metrics.unschedulablePods, view.nowMs, maxAgeMs);
  }
  let pods = 0;
  for (let s = 0; s < view.shapes.length; s++) {
    const count = view.unschedulable[s]!;
    if (count > 0 && podsPerNode(view.shapes[s]!, template) > 0) {
      pods += count;
    }
  }
  return pods;
}

/** Nodes that unschedulable pods need beyond those already on their way; null when the pods are not known. */
export function nodesLacking(
  view: View,
  fleet: Fleet,
  template: NodeTemplate,
  maxAgeMs: number,
): number | null {
  const pods = helpablePods(view, template, maxAgeMs);
  if (pods === null || pods === 0) {
    return pods;
  }
  if (!view.podsKnown) {
    return fleet.arriving > 0 ? 0 : 1;
  }
  const lacking = nodesNeeded(view.shapes, view.unschedulable, template) - fleet.arriving;
  return lacking > 0 ? lacking : 0;
}

/**
 * A mean over nodes as it will read once the capacity that came after its sample carries its share: the reading times
 * (nodes then ÷ nodes now). Used for adding only; for removing, the plain reading is the careful one.
 */
export function creditedMean(reading: Reading, view: View, fleet: Fleet): number | null {
  if (reading.missing !== null) {
    return null;
  }
  let since = fleet.arriving;
  let measured = 0;
  for (const worker of view.workers) {
    if (worker.phase !== 'ready') {
      continue;
    }
    if (worker.readySinceMs <= reading.sampledAtMs) {
      measured++;
    } else if (!isYoungReady(worker, view.nowMs)) {
      since++;
    }
  }
  return measured === 0 ? reading.value : (reading.value * measured) / (measured + since);
}

/** The current value of a reading for a removal: fresh and well enough covered, or null. */
export function trustedValue(reading: Reading, view: View, settings: FleetSettings): number | null {
  if (reading.missing !== null) {
    return null;
  }
  if (reading.coverageRatio * 100 < settings.readingCoverageMinPercent) {
    return null;
  }
  return freshValue(reading, view.nowMs, settings.readingMaxAgeSeconds * 1000);
}
