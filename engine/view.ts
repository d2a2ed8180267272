import { nodesNeeded, podsPerNode, type NodeTemplate } from './demand.ts';
import {
  freshValue,
  MARKETS,
  type Hold,
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
 * `tainted` and `draining` are voluntary and can be undone; `doomed` (reclaim, failed health, hint) cannot. `unknown`: it
 * has been Ready, and whether it still is cannot be told (nodes not listed, or NotReady for less than two minutes, S17);
 * `not-ready`: it has not been for longer, and is no capacity.
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
  | 'absent'
  | 'unknown';
/** Append-only: the journal writes a phase as its index. */
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
  'unknown',
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
  /** Null: no hold that has not expired. */
  readonly hold: Hold | null;
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
  /** When nothing may be removed by choice. Left out: there are none. */
  readonly freezes?: readonly SaleWindow[];
  /** The zone in which its people read clocks: minutes ahead of UTC, +360 in Dhaka. */
  readonly timeZoneOffsetMinutes: number;
  /**
   * How long whoever scales by hand takes to come, ms: the n-th time the n-th, counted round. Drawn by the simulator; empty
   * where nobody is simulated.
   */
  readonly operatorDelaysMs: readonly number[];
}

/** The freeze in which an instant lies: of several the one that ends last. Null: none. */
export function freezeAt({ freezes }: Cluster, nowMs: number): SaleWindow | null {
  if (freezes === undefined) {
    return null;
  }
  let longest: SaleWindow | null = null;
  for (const each of freezes) {
    if (nowMs >= each.startAtMs && nowMs < each.endAtMs && each.endAtMs > (longest?.endAtMs ?? 0)) {
      longest = each;
    }
  }
  return longest;
}

/** The lower bound at an instant: the setting, or what the fleet is held at where that is more. Max goes before both. */
export function nodeCountMinAt(
  nowMs: number,
  hold: Hold | null,
  { nodeCountMin, nodeCountMax }: Pick<FleetSettings, 'nodeCountMin' | 'nodeCountMax'>,
): number {
  return hold === null || nowMs >= hold.untilMs
    ? nodeCountMin
    : Math.max(nodeCountMin, Math.min(hold.min, nodeCountMax));
}

/** Settings as they hold under what the view sees: themselves, where nobody holds the fleet. */
export function settingsInForce<S extends FleetSettings>({ nowMs, hold }: View, settings: S): S {
  const nodeCountMin = nodeCountMinAt(nowMs, hold, settings);
  return nodeCountMin === settings.nodeCountMin ? settings : { ...settings, nodeCountMin };
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
  /** All that counts against max: the supply, the dead, and whatever is still leaving voluntarily. Doomed ones do not. */
  readonly countedAgainstMax: number;
  readonly doomed: number;
  /** Not Ready, for however short a time. */
  readonly notReady: number;
  readonly draining: number;
}

/** Above this share of NotReady nodes something other than a node is wrong (S14; cluster-autoscaler’s 45 %). */
export const NOT_READY_PERCENT_MAX = 45;
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
        leaving++;
        break;
      case 'unknown':
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

/** The fleet with what a repair buys on its way: whoever decides next must not ask for it again. */
export function withRepair(fleet: Fleet, repair: number): Fleet {
  return repair === 0
    ? fleet
    : { ...fleet, arriving: fleet.arriving + repair, supply: fleet.supply + repair };
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

/** Whether an empty worker in one of our zones could hold a pod of this shape (S13). */
export function isHelpable(shape: PodShape, cluster: Cluster, template: NodeTemplate): boolean {
  return (
    podsPerNode(shape, template) > 0 && (shape.zone === null || cluster.zones.includes(shape.zone))
  );
}

/** What a new worker will hold: as much as the template promises, and no more than the largest that is Ready really has. */
export function provenTemplate(workers: readonly Worker[], template: NodeTemplate): NodeTemplate {
  let millicpu = 0;
  let mib = 0;
  for (const worker of workers) {
    if (worker.phase === 'ready') {
      millicpu = worker.allocatableMillicpu > millicpu ? worker.allocatableMillicpu : millicpu;
      mib = worker.allocatableMib > mib ? worker.allocatableMib : mib;
    }
  }
  const { allocatableMillicpu, allocatableMib } = template;
  if (millicpu === 0 || (millicpu >= allocatableMillicpu && mib >= allocatableMib)) {
    return template;
  }
  return {
    allocatableMillicpu: Math.min(millicpu, allocatableMillicpu),
    allocatableMib: Math.min(mib, allocatableMib),
  };
}

/**
 * Unschedulable pods that an empty worker could hold (S13), from the pod list; when that could not be read, what
 * Prometheus says, which cannot tell them apart. Null: nobody knows.
 */
export function helpablePods(view: View, cluster: Cluster, maxAgeMs: number): number | null {
  if (!view.podsKnown) {
    return freshValue(view.metrics.unschedulablePods, view.nowMs, maxAgeMs);
  }
  let pods = 0;
  let template: NodeTemplate | null = null;
  for (let s = 0; s < view.shapes.length; s++) {
    const count = view.unschedulable[s]!;
    if (count > 0) {
      template ??= provenTemplate(view.workers, cluster.template);
      pods += isHelpable(view.shapes[s]!, cluster, template) ? count : 0;
    }
  }
  return pods;
}

/** Unschedulable pods by shape, without those bound to a zone that is not ours: no node will ever be there (S13). */
export function unschedulableInOurZones(
  { shapes, unschedulable }: View,
  { zones }: Cluster,
): readonly number[] {
  let counts: number[] | null = null;
  for (let s = 0; s < shapes.length; s++) {
    const { zone } = shapes[s]!;
    if (zone !== null && unschedulable[s]! > 0 && !zones.includes(zone)) {
      counts ??= unschedulable.slice();
      counts[s] = 0;
    }
  }
  return counts ?? unschedulable;
}

/** Nodes that unschedulable pods need beyond those already on their way; null when the pods are not known. */
export function nodesLacking(
  view: View,
  fleet: Fleet,
  cluster: Cluster,
  maxAgeMs: number,
): number | null {
  const pods = helpablePods(view, cluster, maxAgeMs);
  if (pods === null || pods === 0) {
    return pods;
  }
  if (!view.podsKnown) {
    return fleet.arriving > 0 ? 0 : 1;
  }
  const template = provenTemplate(view.workers, cluster.template);
  const needed = nodesNeeded(view.shapes, unschedulableInOurZones(view, cluster), template);
  const bound = boundNeeds(view, cluster, template);
  if (bound === null) {
    return Math.max(0, needed - fleet.arriving);
  }
  // Pods bound to a zone need nodes there; what arrives elsewhere helps only the others.
  let boundNeeded = 0;
  let boundLacking = 0;
  let useful = 0;
  for (const { needs, arriving, open } of bound) {
    boundNeeded += needs;
    useful += Math.min(needs, arriving);
    boundLacking += open ? Math.max(0, needs - arriving) : 0;
  }
  const free = Math.max(0, needed - boundNeeded);
  return boundLacking + Math.max(0, free - (fleet.arriving - useful));
}

/** What pods that may run in one zone only need there. */
interface ZoneNeed {
  readonly needs: number;
  readonly arriving: number;
  /** Whether a node can be asked for there now, in any market. */
  readonly open: boolean;
}

/** What a placement looks at: what is there already, what waits, and which pools refused. */
export type Occupied = Pick<
  View,
  'nowMs' | 'workers' | 'unanswered' | 'poolBackoffs' | 'shapes' | 'unschedulable'
>;

/** By zone (index into `cluster.zones`), the nodes that pods bound to it need; null when no such pod waits. */
function boundNeeds(
  view: Occupied,
  cluster: Cluster,
  template: NodeTemplate,
): readonly ZoneNeed[] | null {
  let any = false;
  for (let s = 0; s < view.shapes.length; s++) {
    any ||= view.unschedulable[s]! > 0 && view.shapes[s]!.zone !== null;
  }
  if (!any) {
    return null;
  }
  return cluster.zones.map((zone) => {
    const counts = view.shapes.map((shape, s) =>
      shape.zone === zone ? view.unschedulable[s]! : 0,
    );
    let arriving = 0;
    for (const worker of view.workers) {
      const arrives =
        worker.phase === 'booting' ||
        worker.phase === 'joining' ||
        (worker.phase === 'ready' && isYoungReady(worker, view.nowMs));
      arriving += arrives && worker.zone === zone ? 1 : 0;
    }
    for (const share of view.unanswered) {
      arriving += share.zone === zone ? share.count : 0;
    }
    return {
      needs: nodesNeeded(view.shapes, counts, template),
      arriving,
      open: MARKETS.some((market) => !isBackingOff(view.poolBackoffs, zone, market, view.nowMs)),
    };
  });
}

/** By zone, how many nodes pods bound to it still lack and can be asked for there now; null when no such pod waits. */
export function lackingByZone(view: Occupied, cluster: Cluster): number[] | null {
  const bound = boundNeeds(view, cluster, provenTemplate(view.workers, cluster.template));
  return (
    bound?.map(({ needs, arriving, open }) => (open ? Math.max(0, needs - arriving) : 0)) ?? null
  );
}

/** Whether a pool refused lately and is passed over for now. */
export function isBackingOff(
  backoffs: readonly PoolBackoff[],
  zone: string,
  market: Market,
  nowMs: number,
): boolean {
  for (const backoff of backoffs) {
    if (backoff.zone === zone && backoff.market === market && nowMs < backoff.untilMs) {
      return true;
    }
  }
  return false;
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
