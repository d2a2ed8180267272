import { bySizeDescending, fitCount, podsPerNode } from './demand.ts';
import type { Market } from './observation.ts';
import type { FleetSettings } from './settings.ts';
import {
  isBackingOff,
  lackingByZone,
  type Cluster,
  type Occupied,
  type PoolShare,
  type View,
  type Worker,
} from './view.ts';

/**
 * Where new nodes go: the market that the on-demand base and the spot share call for, then a zone that waiting pods are
 * bound to, then the zone with the fewest workers. A pool that refused lately is passed over; when every spot pool is
 * backing off, on demand takes its place. May return fewer than asked for, when no pool is open.
 */
export function placeLaunches(
  view: Occupied,
  cluster: Cluster,
  settings: FleetSettings,
  count: number,
): PoolShare[] {
  const tally = tallyPools(view, cluster);
  const lacking = lackingByZone(view, cluster);
  const placed: Placed[] = [];
  for (let n = 0; n < count; n++) {
    const wanted = nextMarket(tally, settings);
    const markets: readonly Market[] = wanted === 'spot' ? ['spot', 'on-demand'] : ['on-demand'];
    const bound = lacking === null ? null : firstOpen(view, cluster, tally, markets, lacking);
    const pool = bound ?? firstOpen(view, cluster, tally, markets, null);
    if (pool === null) {
      break;
    }
    if (bound !== null) {
      lacking![bound.zoneIndex]!--;
    }
    tally.byZone[pool.zoneIndex]!++;
    tally.byMarket[pool.market]++;
    placed.push({ ...pool, isBound: bound !== null });
  }
  evenOut(placed, view, cluster, tally);
  return sharesOf(placed, cluster);
}

/** One node of a launch. `isBound`: pods wait for it that may run in no other zone. */
interface Placed {
  zoneIndex: number;
  readonly market: Market;
  readonly isBound: boolean;
}

/** Where a pool is closed, the order of markets may have made zones more uneven than they need be: moves what may move. */
function evenOut(placed: Placed[], view: Occupied, cluster: Cluster, tally: PoolTally): void {
  for (let moved = true; moved;) {
    moved = false;
    for (const each of placed) {
      const better = each.isBound ? null : firstOpen(view, cluster, tally, [each.market], null);
      if (better !== null && tally.byZone[each.zoneIndex]! - tally.byZone[better.zoneIndex]! > 1) {
        tally.byZone[each.zoneIndex]!--;
        tally.byZone[better.zoneIndex]!++;
        each.zoneIndex = better.zoneIndex;
        moved = true;
      }
    }
  }
}

function sharesOf(placed: readonly Placed[], cluster: Cluster): PoolShare[] {
  const shares: { zone: string; market: Market; count: number }[] = [];
  for (const { zoneIndex, market } of placed) {
    const zone = cluster.zones[zoneIndex]!;
    const share = shares.find((known) => known.zone === zone && known.market === market);
    if (share) {
      share.count++;
    } else {
      shares.push({ zone, market, count: 1 });
    }
  }
  return shares;
}

interface PoolTally {
  /** Workers by zone (index into `cluster.zones`) and by market; doomed ones are as good as gone. */
  readonly byZone: number[];
  readonly byMarket: Record<Market, number>;
}

function tallyPools(view: Occupied, cluster: Cluster): PoolTally {
  const byZone = cluster.zones.map(() => 0);
  const byMarket = { 'on-demand': 0, spot: 0 };
  const add = (zone: string, market: Market, count: number): void => {
    const index = cluster.zones.indexOf(zone);
    if (index >= 0) {
      byZone[index]! += count;
    }
    byMarket[market] += count;
  };
  for (const worker of view.workers) {
    if (isStaying(worker)) {
      add(worker.zone, worker.market, 1);
    }
  }
  for (const share of view.unanswered) {
    add(share.zone, share.market, share.count);
  }
  return { byZone, byMarket };
}

/** Whether a worker will still be there when what we decide now has happened. */
function isStaying(worker: Worker): boolean {
  return worker.phase === 'not-ready' || !losesItsPods(worker);
}

/** Whether the pods on a worker will need room elsewhere. */
function losesItsPods({ phase }: Worker): boolean {
  return (
    phase === 'tainted' ||
    phase === 'draining' ||
    phase === 'terminating' ||
    phase === 'doomed' ||
    phase === 'not-ready'
  );
}

function nextMarket(tally: PoolTally, settings: FleetSettings): Market {
  const total = tally.byMarket['on-demand'] + tally.byMarket.spot + 1;
  if (tally.byMarket['on-demand'] < Math.min(total, settings.onDemandBase)) {
    return 'on-demand';
  }
  const spotWanted = Math.floor(((total - settings.onDemandBase) * settings.spotPercent) / 100);
  return tally.byMarket.spot < spotWanted ? 'spot' : 'on-demand';
}

/** The emptiest zone with an open pool in the first of these markets that has one; where `lacking` is given, of those. */
function firstOpen(
  view: Occupied,
  cluster: Cluster,
  tally: PoolTally,
  markets: readonly Market[],
  lacking: readonly number[] | null,
): { zoneIndex: number; market: Market } | null {
  for (const market of markets) {
    let best = -1;
    for (let z = 0; z < cluster.zones.length; z++) {
      if (
        (lacking !== null && lacking[z]! <= 0) ||
        isBackingOff(view.poolBackoffs, cluster.zones[z]!, market, view.nowMs)
      ) {
        continue;
      }
      if (best < 0 || tally.byZone[z]! < tally.byZone[best]!) {
        best = z;
      }
    }
    if (best >= 0) {
      return { zoneIndex: best, market };
    }
  }
  return null;
}

/**
 * Workers whose removal nobody would notice, best first, at most `count`. Hard filters come first and fail closed: only a
 * Ready worker that no person has cordoned and that is not backing off; nothing on it that may not be moved; the
 * on-demand floor and zones within ±1 hold without it; its pods fit on the Ready workers that stay, with headroom (S12).
 * Among those that qualify: fewest pods to move, then the newest.
 */
export function chooseVictims(
  view: View,
  cluster: Cluster,
  settings: FleetSettings,
  count: number,
): string[] {
  const chosen: Worker[] = [];
  const byPodCount = removableByPodCount(view);
  if (byPodCount.length === 0) {
    return [];
  }
  const tally = tallyPools(view, cluster);
  const movable = zonesThatMayShrink(view, cluster, settings);
  // What stays free for the commonest shape if only its own pods move: an upper bound on the headroom that costs one
  // look at each node, so that a full fleet is not tried node against node.
  const headroom = headroomOf(view, cluster, settings.removalHeadroomPercent);
  // Pods of nodes that are on their way out, or dead, need room there too.
  const leaving = view.workers.filter(losesItsPods);
  let free = 0;
  for (const worker of view.workers) {
    free += freeFor(headroom, worker, view);
  }
  if (free - leastRoomOf(byPodCount, headroom, view) < headroom.pods) {
    return [];
  }
  let mayShrink = zonesToShrink(tally.byZone, movable);
  for (const worker of leastDisruptionFirst(byPodCount)) {
    if (chosen.length >= count) {
      break;
    }
    if (worker.market === 'on-demand' && tally.byMarket['on-demand'] <= settings.onDemandBase) {
      continue;
    }
    const zone = cluster.zones.indexOf(worker.zone);
    if (zone >= 0 && !mayShrink[zone]) {
      continue;
    }
    const freeWithout = free - roomOf(headroom, worker, view);
    if (
      freeWithout < headroom.pods ||
      !fitsElsewhere(worker, [...leaving, ...chosen], view, cluster, headroom)
    ) {
      continue;
    }
    chosen.push(worker);
    free = freeWithout;
    tally.byMarket[worker.market]--;
    if (zone >= 0) {
      tally.byZone[zone]!--;
      mayShrink = zonesToShrink(tally.byZone, movable);
    }
  }
  return chosen.map((worker) => worker.id);
}

/**
 * By zone, whether any worker of it may ever go. One from which nothing can (pods that may not be moved, cordons, the
 * on-demand floor) cannot be evened out, and holds up no other.
 */
export function zonesThatMayShrink(
  view: View,
  cluster: Cluster,
  settings: FleetSettings,
): readonly boolean[] {
  const onDemand = view.workers.filter(
    (worker) => isStaying(worker) && worker.market === 'on-demand',
  ).length;
  const atFloor = onDemand <= settings.onDemandBase;
  const may = cluster.zones.map(() => false);
  for (const worker of view.workers) {
    if (isMovable(worker, view) && !(atFloor && worker.market === 'on-demand')) {
      const zone = cluster.zones.indexOf(worker.zone);
      if (zone >= 0) {
        may[zone] = true;
      }
    }
  }
  return may;
}

function isMovable(worker: Worker, view: View): boolean {
  return worker.phase === 'ready' && !worker.cordoned && !holdsPinnedPod(worker, view);
}

function mayBeRemoved(worker: Worker, view: View): boolean {
  if (!isMovable(worker, view)) {
    return false;
  }
  for (const backoff of view.victimBackoffs) {
    if (backoff.instanceId === worker.id && view.nowMs < backoff.untilMs) {
      return false;
    }
  }
  return true;
}

/** Whether a worker holds a pod that may not be moved. */
export function holdsPinnedPod(worker: Worker, view: View): boolean {
  for (let s = 0; s < worker.pods.length; s++) {
    if (worker.pods[s]! > 0 && view.shapes[s]!.pinnedBy !== null) {
      return true;
    }
  }
  return false;
}

/** Workers that may be removed by themselves, at the index of how many pods each has. */
function removableByPodCount(view: View): Worker[][] {
  const byPodCount: Worker[][] = [];
  for (const worker of view.workers) {
    if (mayBeRemoved(worker, view)) {
      (byPodCount[podCount(worker)] ??= []).push(worker);
    }
  }
  return byPodCount;
}

/** Fewest pods to move first, then the newest; those of many pods are sorted only when it comes to them. */
function* leastDisruptionFirst(byPodCount: readonly Worker[][]): Generator<Worker> {
  for (const workers of byPodCount) {
    yield* workers?.sort(newestFirst) ?? [];
  }
}

function newestFirst(a: Worker, b: Worker): number {
  return b.launchedAtMs - a.launchedAtMs || (a.id < b.id ? -1 : 1);
}

/** Fewest pods to move first, then the newest. */
export function byLeastDisruption(a: Worker, b: Worker): number {
  return podCount(a) - podCount(b) || newestFirst(a, b);
}

export function podCount(worker: Worker): number {
  let pods = 0;
  for (const count of worker.pods) {
    pods += count;
  }
  return pods;
}

/** By zone, whether zones stay within ±1 without one worker of it, or at least become no more uneven. */
function zonesToShrink(byZone: readonly number[], movable: readonly boolean[]): boolean[] {
  const most = Math.max(0, ...byZone.filter((_, z) => movable[z]));
  return byZone.map((count) => most - (count - 1) <= 1);
}

/**
 * Whether the pods of `victim`, and of those already chosen with it, fit on the Ready workers that stay, and whether
 * `headroomPercent` of a node is then still free there, counted in pods of the commonest shape (S12). First fit, largest
 * pods first: it may say no where a cleverer packing would fit, never yes where nothing does.
 */
export function podsFitElsewhere(
  victim: Worker,
  chosen: readonly Worker[],
  view: View,
  cluster: Cluster,
  headroomPercent: number,
): boolean {
  return fitsElsewhere(victim, chosen, view, cluster, headroomOf(view, cluster, headroomPercent));
}

/** Room to be kept free: so many pods of one shape, the commonest; -1 when no pod runs. */
interface Headroom {
  readonly shape: number;
  readonly pods: number;
}

const NO_HEADROOM: Headroom = { shape: -1, pods: 0 };

function headroomOf(view: View, cluster: Cluster, percent: number): Headroom {
  if (percent === 0) {
    return NO_HEADROOM;
  }
  const shape = commonestShape(view);
  const perNode = shape < 0 ? 0 : podsPerNode(view.shapes[shape]!, cluster.template);
  return { shape, pods: Math.ceil((perNode * percent) / 100) };
}

/** How many pods of the headroom’s shape a worker could still take. */
function freeFor(headroom: Headroom, host: Worker, view: View): number {
  if (headroom.shape < 0 || host.phase !== 'ready' || host.cordoned) {
    return 0;
  }
  let freeMillicpu = host.allocatableMillicpu;
  let freeMib = host.allocatableMib;
  for (let s = 0; s < view.shapes.length; s++) {
    freeMillicpu -= host.pods[s]! * view.shapes[s]!.requestMillicpu;
    freeMib -= host.pods[s]! * view.shapes[s]!.requestMib;
  }
  return fitCount(view.shapes[headroom.shape]!, freeMillicpu, freeMib);
}

/** What goes with a worker of the room for the headroom’s shape: what is free on it, and what its pods then take elsewhere. */
function roomOf(headroom: Headroom, worker: Worker, view: View): number {
  const itsOwn = headroom.shape < 0 ? 0 : worker.pods[headroom.shape]!;
  return freeFor(headroom, worker, view) + itsOwn;
}

/** The least that goes with any of them. */
function leastRoomOf(
  byPodCount: readonly (readonly Worker[] | undefined)[],
  headroom: Headroom,
  view: View,
): number {
  let least = Infinity;
  for (const workers of byPodCount) {
    for (const worker of workers ?? []) {
      least = Math.min(least, roomOf(headroom, worker, view));
    }
  }
  return least;
}

function fitsElsewhere(
  victim: Worker,
  chosen: readonly Worker[],
  view: View,
  cluster: Cluster,
  headroom: Headroom,
): boolean {
  const shapes = view.shapes;
  const moving = shapes.map(
    (_, s) => victim.pods[s]! + chosen.reduce((sum, worker) => sum + worker.pods[s]!, 0),
  );
  let headroomPods = headroom.pods;
  const order = shapes.map((_, s) => s).filter((s) => moving[s]! > 0);
  order.sort((a, b) => bySizeDescending(shapes[a]!, shapes[b]!, cluster.template) || a - b);
  let left = order.reduce((sum, s) => sum + moving[s]!, 0);
  for (const host of view.workers) {
    if (left === 0 && headroomPods <= 0) {
      return true;
    }
    if (host.phase !== 'ready' || host.cordoned || host === victim || chosen.includes(host)) {
      continue;
    }
    let freeMillicpu = host.allocatableMillicpu;
    let freeMib = host.allocatableMib;
    for (let s = 0; s < shapes.length; s++) {
      freeMillicpu -= host.pods[s]! * shapes[s]!.requestMillicpu;
      freeMib -= host.pods[s]! * shapes[s]!.requestMib;
    }
    for (const s of order) {
      if (moving[s] === 0) {
        continue;
      }
      const shape = shapes[s]!;
      if (shape.zone !== null && shape.zone !== host.zone) {
        continue;
      }
      const moved = Math.min(moving[s]!, fitCount(shape, freeMillicpu, freeMib));
      moving[s] = moving[s]! - moved;
      left -= moved;
      freeMillicpu -= moved * shape.requestMillicpu;
      freeMib -= moved * shape.requestMib;
    }
    if (headroom.shape >= 0) {
      headroomPods -= fitCount(shapes[headroom.shape]!, freeMillicpu, freeMib);
    }
  }
  return left === 0 && headroomPods <= 0;
}

/** The shape of which most pods run, among those a worker can hold; -1 when there is none. */
function commonestShape(view: View): number {
  const counts = view.shapes.map(() => 0);
  for (const worker of view.workers) {
    for (let s = 0; s < counts.length; s++) {
      counts[s] = counts[s]! + worker.pods[s]!;
    }
  }
  let best = -1;
  for (let s = 0; s < counts.length; s++) {
    if (counts[s]! > 0 && (best < 0 || counts[s]! > counts[best]!)) {
      best = s;
    }
  }
  return best;
}
