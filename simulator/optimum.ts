/**
 * The clairvoyant optimum: the least that any policy could have paid and made pods wait, had it known all of the demand
 * beforehand. No run is below it; `docs/decisions` says what makes that sure.
 *
 * It chooses nodes x by step. At a step max(0, pods − podsPerNode·x) pods are missing. Whoever has pods running on a node at
 * a step has paid for that node since the step before, and `launchMs` before that if it was launched. Nodes of before the
 * first step cost nothing up to it. Removing is free.
 *
 * A table over all x (field.md 4.0) is not needed, since nodes do not depend on one another. Call the i-th of them level i,
 * the last to come and the first to go. Pods above podsPerNode·(i − 1) are its own, up to podsPerNode of them. Then nodes
 * paid for, nodes launched and pods missing are sums over the levels; a level is either on or off; and since a lower level
 * never has fewer pods, the best choices of all levels nest into one schedule. While its pods and their price stay the same,
 * a level gains nothing from changing its mind, so that it chooses once for each such stretch.
 */
import {
  clusterMicroBdt,
  diskCostMicroBdt,
  HOURS_PER_MONTH,
  MICRO_BDT_PER_BDT,
  nodeCostMicroBdt,
  type PriceBook,
} from './prices/index.ts';
import type { Run } from './run.ts';
import { webPodsPerNode, type Scenario } from './scenario.ts';
import { isInSale, waitingCostBdt, type WaitingPrice } from './score.ts';
import type { Demand } from './unconstrained.ts';
import { leastStartupMs } from './startup.ts';

/** What no schedule of nodes gets round. Whole numbers. */
export interface Limits {
  readonly stepMs: number;
  readonly podsPerNode: number;
  readonly nodeCountMax: number;
  /** The most nodes that may be there at the first step. */
  readonly nodeCountInitialMax: number;
  /** Paid for a launched node up to the step before the first at which pods run on it. */
  readonly launchMs: number;
}

/** What a schedule comes to: node-time paid for, and pods missing × steps. Whole numbers. */
export interface Outcome {
  readonly nodeMs: number;
  readonly shortPodSteps: number;
  readonly shortPodStepsInSales: number;
}

/** What one more pod running at one step is worth, in node-ms. */
export interface PodStepPrice {
  readonly inSales: number;
  readonly otherwise: number;
}

/** One node’s worth of demand, from the second step on, by stretches of the same pods at the same price. */
interface Level {
  readonly startsOn: boolean;
  readonly steps: Int32Array;
  readonly pods: Int32Array;
  readonly inSale: Uint8Array;
}

/** Demand, made ready for `bestOutcome`. */
export interface Levels {
  readonly limits: Limits;
  readonly levels: readonly Level[];
  /** Missing whatever one does: above the most nodes, and at the first step above those that are there. */
  readonly outOfReach: Omit<Outcome, 'nodeMs'>;
  /** A number for each stretch of the longest level. */
  readonly scratch: Float64Array;
}

/**
 * Splits demand into levels.
 * @param pods wanted, by step
 * @param inSale 1 where the step is in a sale, otherwise 0
 */
export function levelsOf(pods: Int32Array, inSale: Uint8Array, limits: Limits): Levels {
  const { podsPerNode, nodeCountMax, nodeCountInitialMax } = limits;
  const most = pods.reduce((max, each) => Math.max(max, each), 0);
  const levelCount = Math.min(nodeCountMax, Math.ceil(most / podsPerNode));
  let shortPodSteps = 0;
  let shortPodStepsInSales = 0;
  for (let k = 0; k < pods.length; k++) {
    const reach = k === 0 ? Math.min(levelCount, nodeCountInitialMax) : levelCount;
    const missing = Math.max(0, pods[k]! - reach * podsPerNode);
    shortPodSteps += missing;
    shortPodStepsInSales += inSale[k] === 1 ? missing : 0;
  }
  const whole = stretchesOf(pods, inSale);
  const levels = Array.from({ length: levelCount }, (_, i) =>
    levelOf(whole, i * podsPerNode, podsPerNode, i < nodeCountInitialMax),
  );
  const longest = levels.reduce((max, { steps }) => Math.max(max, steps.length), 0);
  return {
    limits,
    levels,
    outOfReach: { shortPodSteps, shortPodStepsInSales },
    scratch: new Float64Array(longest),
  };
}

/** Stretches of all pods, from the second step on. */
function stretchesOf(pods: Int32Array, inSale: Uint8Array): Omit<Level, 'startsOn'> {
  const starts: number[] = [];
  for (let k = 1; k < pods.length; k++) {
    if (k === 1 || pods[k] !== pods[k - 1] || inSale[k] !== inSale[k - 1]) {
      starts.push(k);
    }
  }
  return {
    steps: Int32Array.from(starts, (k, r) => (starts[r + 1] ?? pods.length) - k),
    pods: Int32Array.from(starts, (k) => pods[k]!),
    inSale: Uint8Array.from(starts, (k) => inSale[k]!),
  };
}

/** Of each stretch the pods above `below`, up to `podsPerNode`; neighbours that then are alike become one. */
function levelOf(
  whole: Omit<Level, 'startsOn'>,
  below: number,
  podsPerNode: number,
  startsOn: boolean,
): Level {
  const steps: number[] = [];
  const pods: number[] = [];
  const inSale: number[] = [];
  for (let r = 0; r < whole.steps.length; r++) {
    const own = Math.min(podsPerNode, Math.max(0, whole.pods[r]! - below));
    const last = steps.length - 1;
    if (last >= 0 && pods[last] === own && inSale[last] === whole.inSale[r]) {
      steps[last] = steps[last]! + whole.steps[r]!;
    } else {
      steps.push(whole.steps[r]!);
      pods.push(own);
      inSale.push(whole.inSale[r]!);
    }
  }
  return {
    startsOn,
    steps: Int32Array.from(steps),
    pods: Int32Array.from(pods),
    inSale: Uint8Array.from(inSale),
  };
}

/**
 * What the best schedule at this price comes to. Its choices are exact but for rounding between choices that are equally
 * good; its outcome is counted, not summed up from prices.
 * @param nodes receives the schedule, nodes by step; all 0 before
 */
export function bestOutcome(
  { limits, levels, outOfReach, scratch }: Levels,
  price: PodStepPrice,
  nodes?: Int32Array,
): Outcome {
  const { stepMs, launchMs } = limits;
  let nodeMs = 0;
  let { shortPodSteps, shortPodStepsInSales } = outOfReach;
  for (const { startsOn, steps, pods, inSale } of levels) {
    // What it costs to be on by now, less what it costs to be off. From on one may go off for nothing, from off on for
    // `launchMs`; so before a stretch it counts as no less than 0 and no more than that.
    let onLessOff = startsOn ? 0 : launchMs;
    for (let r = 0; r < steps.length; r++) {
      scratch[r] = onLessOff;
      const before = onLessOff < 0 ? 0 : onLessOff > launchMs ? launchMs : onLessOff;
      const podPrice = inSale[r] === 1 ? price.inSales : price.otherwise;
      onLessOff = before + steps[r]! * (stepMs - podPrice * pods[r]!);
    }
    let on = onLessOff < 0;
    let end = nodes?.length ?? 0;
    for (let r = steps.length - 1; r >= 0; r--) {
      const start = end - steps[r]!;
      if (on) {
        nodeMs += steps[r]! * stepMs;
        if (nodes !== undefined) {
          addNode(nodes, start, end);
        }
        on = scratch[r]! < launchMs;
        nodeMs += on ? 0 : launchMs;
      } else {
        const missing = steps[r]! * pods[r]!;
        shortPodSteps += missing;
        shortPodStepsInSales += inSale[r] === 1 ? missing : 0;
        on = scratch[r]! < 0;
      }
      end = start;
    }
    if (nodes !== undefined && startsOn) {
      addNode(nodes, 0, 1);
    }
  }
  for (let k = 1; nodes !== undefined && k < nodes.length; k++) {
    nodes[k] = nodes[k]! + nodes[k - 1]!;
  }
  return { nodeMs, shortPodSteps, shortPodStepsInSales };
}

/** A node more from one step up to another, in changes from step to step. */
function addNode(changes: Int32Array, fromStep: number, toStep: number): void {
  changes[fromStep] = changes[fromStep]! + 1;
  if (toStep < changes.length) {
    changes[toStep] = changes[toStep]! - 1;
  }
}

/** A best outcome, and a price at which it is the best. */
interface Corner extends Outcome {
  readonly price: number;
}

/** How far below a straight line between two points of the frontier others may be left out, as a share of the highest cost. */
const FRONTIER_TOLERANCE = 0.002;
/** What is below by less than this is on the line. */
const ROUNDING_TOLERANCE = 1e-12;

/**
 * Outcomes that are best at some price, the same in sales and otherwise: from the least shortage to no nodes at all. They are
 * corners of a convex curve. Between neighbours it is a straight line wherever one of `exactAt`, in pod-steps short, is
 * between them; elsewhere it may hang below the line by the tolerance.
 */
export function frontierOf(levels: Levels, exactAt: readonly number[]): readonly Corner[] {
  const { stepMs, launchMs } = levels.limits;
  const cornerAt = (price: number): Corner => ({
    ...bestOutcome(levels, { inSales: price, otherwise: price }),
    price,
  });
  // Above launchMs + stepMs it pays to launch a node for a single pod at a single step.
  const first = cornerAt(2 * (launchMs + stepMs));
  const last = cornerAt(0);
  if (last.shortPodSteps === first.shortPodSteps) {
    return [first];
  }
  const corners = [first];
  const addBetween = (a: Corner, b: Corner): void => {
    // At the price at which both are equally good, is another better still?
    const between = cornerAt((a.nodeMs - b.nodeMs) / (b.shortPodSteps - a.shortPodSteps));
    const below =
      a.nodeMs - between.nodeMs - between.price * (between.shortPodSteps - a.shortPodSteps);
    const exact = exactAt.some((at) => at > a.shortPodSteps && at < b.shortPodSteps);
    if (below > first.nodeMs * (exact ? ROUNDING_TOLERANCE : FRONTIER_TOLERANCE)) {
      addBetween(a, between);
      corners.push(between);
      addBetween(between, b);
    }
  };
  addBetween(first, last);
  corners.push(last);
  return corners;
}

/** A point of the frontier: nobody has fewer pods missing for less money. */
export interface FrontierPoint {
  readonly costBdt: number;
  readonly shortagePodMinutes: number;
  /** A price, the same in sales and otherwise, at which this is the least of cost and waiting together. */
  readonly waitingPriceBdtPerPodMinute: number;
}

export interface Clairvoyant {
  /** The least of cost and waiting together, at the waiting price asked for, and what it is made of. */
  readonly totalBdt: number;
  readonly costBdt: number;
  readonly waitingCostBdt: number;
  readonly shortagePodMinutes: number;
  readonly shortageInSalesPodMinutes: number;
  /** The nodes that this takes, by step. */
  readonly nodes: Int32Array;
  /** By rising shortage; as exact as can be around the shortage of each run. */
  readonly frontier: readonly FrontierPoint[];
}

/**
 * The optimum under everything that binds these runs, too: no run has a total below its total, and none costs less than its
 * frontier does at the same shortage. (By more than bills are rounded: half a micro-BDT an instance.)
 */
export function clairvoyant(
  scenario: Scenario,
  demand: Demand,
  book: PriceBook,
  waitingPrice: WaitingPrice,
  runs: readonly Run[],
): Clairvoyant {
  const { stepMs, stepCount, firstStepAtMs } = demand;
  const inSale = new Uint8Array(stepCount);
  for (let k = 0; k < stepCount; k++) {
    inSale[k] = isInSale(scenario, firstStepAtMs + k * stepMs) ? 1 : 0;
  }
  const levels = levelsOf(demand.running, inSale, limitsOf(scenario, demand, runs));
  const bdtPerNodeMs = leastBdtPerNodeMs(book, scenario);
  const clusterBdt = clusterMicroBdt(book, stepCount * stepMs) / MICRO_BDT_PER_BDT;
  const minutesPerStep = stepMs / 60_000;
  const nodeMsPerPodStep = (bdtPerPodMinute: number): number =>
    (bdtPerPodMinute * minutesPerStep) / bdtPerNodeMs;

  const nodes = new Int32Array(stepCount);
  const price = {
    inSales: nodeMsPerPodStep(waitingPrice.saleBdtPerPodMinute),
    otherwise: nodeMsPerPodStep(waitingPrice.otherBdtPerPodMinute),
  };
  const best = bestOutcome(levels, price, nodes);
  // First hours that AWS gave away: it may have as many as the luckiest of the runs.
  const waivedBdt = runs.reduce((most, { measures }) => Math.max(most, measures.waivedBdt), 0);
  const costOf = (nodeMs: number): number =>
    Math.max(0, nodeMs * bdtPerNodeMs - waivedBdt) + clusterBdt;
  const costBdt = costOf(best.nodeMs);
  const shortage = {
    shortagePodMinutes: best.shortPodSteps * minutesPerStep,
    shortageInSalesPodMinutes: best.shortPodStepsInSales * minutesPerStep,
  };
  const waiting = waitingCostBdt(shortage, waitingPrice);
  const exactAt = runs.map(({ measures }) =>
    Math.round(measures.shortagePodMinutes / minutesPerStep),
  );
  return {
    totalBdt: costBdt + waiting,
    costBdt,
    waitingCostBdt: waiting,
    ...shortage,
    nodes,
    frontier: frontierOf(levels, exactAt).map((corner) => ({
      costBdt: costOf(corner.nodeMs),
      shortagePodMinutes: corner.shortPodSteps * minutesPerStep,
      waitingPriceBdtPerPodMinute: (corner.price * bdtPerNodeMs) / minutesPerStep,
    })),
  };
}

function limitsOf(scenario: Scenario, demand: Demand, runs: readonly Run[]): Limits {
  const { stepMs } = demand;
  const podsPerNode = webPodsPerNode(scenario.workload, scenario.cluster);
  let nodeCountMax = 0;
  let nodeCountInitialMax = 0;
  for (const { configured, earlier, measures } of runs) {
    // A doomed node may stand beside its replacement, above the maximum: so many more are allowed as a run made use of.
    const inUse = measures.series.runningPods.reduce((most, pods) => Math.max(most, pods), 0);
    nodeCountMax = Math.max(nodeCountMax, Math.ceil(inUse / podsPerNode));
    for (const { settings } of [configured, ...earlier.map((stretch) => stretch.configured)]) {
      nodeCountMax = Math.max(nodeCountMax, settings.nodeCountMax);
    }
    nodeCountInitialMax = Math.max(nodeCountInitialMax, measures.series.billedNodes[0]!);
  }
  const startSteps = demand.startSteps.reduce((least, steps) => Math.min(least, steps));
  // A pod runs `startSteps` after the first step at which its node is Ready; the last of them is a step of its own.
  const launchMs = leastStartupMs(scenario.startup) + (startSteps - 1) * stepMs;
  return { stepMs, podsPerNode, nodeCountMax, nodeCountInitialMax, launchMs };
}

/** A node at the cheapest market’s lowest price, with its disk, whether or not a policy may use that market. */
function leastBdtPerNodeMs(book: PriceBook, { market }: Scenario): number {
  const monthMs = HOURS_PER_MONTH * 3_600_000;
  const spot = nodeCostMicroBdt(book, 'spot', monthMs) * (1 - market.priceSwingPercent / 100);
  const onDemand = nodeCostMicroBdt(book, 'on-demand', monthMs);
  return (Math.min(spot, onDemand) + diskCostMicroBdt(book, monthMs)) / MICRO_BDT_PER_BDT / monthMs;
}

/**
 * By how many percent a run costs more than the frontier does at the same shortage; between two of its points on the straight
 * line, which is the curve itself there (`clairvoyant`). Null where nothing at all would do.
 */
export function regretPercent(
  { frontier }: Pick<Clairvoyant, 'frontier'>,
  costBdt: number,
  shortagePodMinutes: number,
): number | null {
  const at = frontier.findIndex((point) => point.shortagePodMinutes >= shortagePodMinutes);
  const right = frontier[at] ?? frontier[frontier.length - 1]!;
  const left = at > 0 ? frontier[at - 1]! : right;
  const width = right.shortagePodMinutes - left.shortagePodMinutes;
  const share = width > 0 ? (shortagePodMinutes - left.shortagePodMinutes) / width : 1;
  const leastBdt = left.costBdt + share * (right.costBdt - left.costBdt);
  return leastBdt > 0 ? (100 * (costBdt - leastBdt)) / leastBdt : null;
}
