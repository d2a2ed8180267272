import { ElasticityMeter, type ElasticityMetrics } from './elasticity.ts';
import {
  clusterMicroBdt,
  diskCostMicroBdt,
  HOURS_PER_MONTH,
  MICRO_BDT_PER_BDT,
  nodeCostMicroBdt,
  overheadMicroBdt,
  PRICE_BOOKS,
  surplusCostMicroBdt,
  type PriceBook,
} from './prices/index.ts';
import type { Scenario } from './scenario.ts';
import type { Demand } from './unconstrained.ts';
import type { BilledInstance, World } from './world.ts';

const MS_PER_HOUR = 3_600_000;

/** What a minute of a missing pod is worth, ৳: in a sale, and otherwise. */
export interface WaitingPrice {
  readonly saleBdtPerPodMinute: number;
  readonly otherBdtPerPodMinute: number;
}

/** A 2-hour crash in a sale cost the client ৳8,00,000; with 70 pods at full size that is ৳95 a pod-minute. */
export const WAITING_PRICE: WaitingPrice = { saleBdtPerPodMinute: 100, otherBdtPerPodMinute: 20 };

/** Whether an instant is in a sale of the calendar: from its start up to, but not at, its end. */
export function isInSale({ calendar }: Scenario, atMs: number): boolean {
  for (let i = 0; i < calendar.length; i++) {
    if (atMs >= calendar[i]!.startAtMs && atMs < calendar[i]!.endAtMs) {
      return true;
    }
  }
  return false;
}

/** Lines of a run over time, one value a step. */
export interface Series {
  readonly readyNodes: Int32Array;
  readonly billedNodes: Int32Array;
  readonly unschedulablePods: Int32Array;
  readonly runningPods: Int32Array;
}

/** What a run cost by one price book. The lines add up. */
export interface Bill {
  /** The name of the book. */
  readonly prices: string;
  readonly costBdt: number;
  /** What AWS did not charge for instances that it took within their first hour. */
  readonly waivedBdt: number;
  readonly costBreakdownBdt: {
    readonly onDemandNodes: number;
    readonly spotNodes: number;
    readonly disks: number;
    readonly surplusCredits: number;
    /** Beside the workers, and the same whoever scales them: control plane, gateway. */
    readonly cluster: number;
    readonly autoscaler: number;
  };
}

/** Everything measured of a run, before prices of waiting and comparisons with other runs. */
export interface Measures {
  readonly durationMs: number;
  readonly pendingPodMinutes: number;
  readonly shortagePodMinutes: number;
  readonly shortageInSalesPodMinutes: number;
  readonly requestsArrived: number;
  readonly requestsLost: number;
  readonly requestsLate: number;
  /** Attempts after the first; and of those lost, the ones never made because their customers stayed away. */
  readonly requestsRetried: number;
  readonly requestsStayedAway: number;
  readonly badMinutes: number;
  readonly longestBadMinutes: number;
  /**
   * From unschedulable to running, by pod. Pods that never ran are counted as `censored`, and in the quantiles as having waited
   * for ever: null where such a pod stands, and where no pod waited at all.
   */
  readonly timeToCapacitySeconds: {
    readonly p50: number | null;
    readonly p95: number | null;
    readonly max: number | null;
    readonly censored: number;
  };
  readonly disruptions: number;
  /** Spot instances that AWS took. */
  readonly reclaims: number;
  readonly evictions: number;
  /** Instances asked for during the run: the fleet that it began with is not among them. */
  readonly launches: number;
  readonly nodeHours: { readonly onDemand: number; readonly spot: number };
  /** By the scenario’s price book, which is the one that the engine knew. */
  readonly costBdt: number;
  readonly costBreakdownBdt: Bill['costBreakdownBdt'];
  /** What the same run comes to by each price book. */
  readonly bills: readonly Bill[];
  /** What AWS did not charge for instances that it took within their first hour, by the scenario’s price book. */
  readonly waivedBdt: number;
  readonly elasticity: ElasticityMetrics;
  readonly series: Series;
}

/** A minute is bad when more than this share of its requests was lost or late. */
const BAD_SHARE = 0.01;

/** Watches a run step by step. It only looks: nothing it measures reaches the world or the engine. */
export class Meter {
  readonly #scenario: Scenario;
  readonly #demand: Demand;
  readonly #elasticity: ElasticityMeter;
  #pendingSteps = 0;
  #shortageSteps = 0;
  #saleShortageSteps = 0;
  #arrived = 0;
  #lost = 0;
  #late = 0;
  #retried = 0;
  #stayedAway = 0;
  #minuteEndsAtMs = 0;
  #minuteArrived = 0;
  #minuteBad = 0;
  #badMinutes = 0;
  #badRun = 0;
  #longestBadRun = 0;
  readonly series: Series;

  constructor(scenario: Scenario, demand: Demand) {
    this.#scenario = scenario;
    this.#demand = demand;
    this.#elasticity = new ElasticityMeter(demand.stepMs);
    this.series = {
      readyNodes: new Int32Array(demand.stepCount),
      billedNodes: new Int32Array(demand.stepCount),
      unschedulablePods: new Int32Array(demand.stepCount),
      runningPods: new Int32Array(demand.stepCount),
    };
  }

  /** Called after each step of the world. */
  step(world: World): void {
    const k = world.stepIndex - 1;
    const { series } = this;
    const running = world.runningTotal[0]!;
    series.readyNodes[k] = world.readyNodes;
    series.billedNodes[k] = world.launches - world.terminations;
    series.unschedulablePods[k] = world.unschedulableTotal;
    series.runningPods[k] = running;
    this.#pendingSteps += world.unschedulableTotal;
    const short = this.#demand.running[k]! - running;
    if (short > 0) {
      this.#shortageSteps += short;
      if (isInSale(this.#scenario, world.nowMs)) {
        this.#saleShortageSteps += short;
      }
    }
    this.#elasticity.add(this.#demand.nodes[k]!, world.readyNodes);
    this.#arrived += world.arrivedRequests;
    this.#lost += world.lostRequests;
    this.#late += world.lateRequests;
    this.#retried += world.retriedRequests;
    this.#stayedAway += world.stayedAwayRequests;
    if (world.nowMs >= this.#minuteEndsAtMs) {
      this.#closeMinute();
      this.#minuteEndsAtMs = (Math.floor(world.nowMs / 60_000) + 1) * 60_000;
    }
    this.#minuteArrived += world.arrivedRequests;
    this.#minuteBad += world.lostRequests + world.lateRequests;
  }

  #closeMinute(): void {
    if (this.#minuteBad > this.#minuteArrived * BAD_SHARE) {
      this.#badMinutes++;
      this.#badRun++;
      if (this.#badRun > this.#longestBadRun) {
        this.#longestBadRun = this.#badRun;
      }
    } else {
      this.#badRun = 0;
    }
    this.#minuteArrived = 0;
    this.#minuteBad = 0;
  }

  /** The measures, once the world is done. */
  finish(world: World, book: PriceBook, scales: boolean): Measures {
    this.#closeMinute();
    const { stepMs, stepCount, firstStepAtMs } = this.#demand;
    const durationMs = stepCount * stepMs;
    const censored = world.censoredPods + world.stillWaiting();
    const podMinutes = (steps: number): number => (steps * stepMs) / 60_000;
    const endAtMs = firstStepAtMs + durationMs;
    const { costBdt, costBreakdownBdt, waivedBdt } = billOf(world, book, endAtMs, scales);
    return {
      durationMs,
      pendingPodMinutes: podMinutes(this.#pendingSteps),
      shortagePodMinutes: podMinutes(this.#shortageSteps),
      shortageInSalesPodMinutes: podMinutes(this.#saleShortageSteps),
      requestsArrived: Math.round(this.#arrived),
      requestsLost: Math.round(this.#lost + this.#stayedAway),
      requestsLate: Math.round(this.#late),
      requestsRetried: Math.round(this.#retried),
      requestsStayedAway: Math.round(this.#stayedAway),
      badMinutes: this.#badMinutes,
      longestBadMinutes: this.#longestBadRun,
      timeToCapacitySeconds: {
        ...waitQuantiles(world.waitSteps, censored, stepMs / 1000),
        censored,
      },
      disruptions: world.disruptions,
      reclaims: world.reclaims,
      evictions: world.evictions,
      launches: world.launches - world.nodesAtStart,
      nodeHours: nodeHoursOf(world, endAtMs),
      costBdt,
      costBreakdownBdt,
      waivedBdt,
      bills: PRICE_BOOKS.map((each) => billOf(world, each, endAtMs, scales)),
      elasticity: this.#elasticity.result(),
      series: this.series,
    };
  }

  /** The scenario it measures. */
  get scenario(): Scenario {
    return this.#scenario;
  }
}

/** p50, p95 and max of waits counted by steps, `censored` more pods having waited for ever; null: for ever, or nothing waited. */
function waitQuantiles(
  waitSteps: readonly (number | undefined)[],
  censored: number,
  stepSeconds: number,
): { p50: number | null; p95: number | null; max: number | null } {
  let pods = censored;
  for (const count of waitSteps) {
    pods += count ?? 0;
  }
  const rank = (share: number): number | null => {
    let left = Math.ceil(pods * share);
    for (let steps = 0; left > 0 && steps < waitSteps.length; steps++) {
      left -= waitSteps[steps] ?? 0;
      if (left <= 0) {
        return steps * stepSeconds;
      }
    }
    return null;
  };
  return { p50: rank(0.5), p95: rank(0.95), max: rank(1) };
}

/** How long an instance ran up to `endAtMs`. */
function ranMsOf({ launchedAtMs, endedAtMs }: BilledInstance, endAtMs: number): number {
  return Math.max(0, (endedAtMs ?? endAtMs) - launchedAtMs);
}

/** Hours of instances up to `endAtMs`, by market. */
export function nodeHoursOf(world: World, endAtMs: number): Measures['nodeHours'] {
  let onDemandMs = 0;
  let spotMs = 0;
  for (const instance of world.bills()) {
    const ranMs = ranMsOf(instance, endAtMs);
    if (instance.market === 'spot') {
      spotMs += ranMs;
    } else {
      onDemandMs += ranMs;
    }
  }
  return { onDemand: onDemandMs / MS_PER_HOUR, spot: spotMs / MS_PER_HOUR };
}

/**
 * What a run cost by a book, from its first step to `endAtMs`. Instances that still run are settled as if they were terminated
 * then, their surplus credits too: whoever overdraws late pays as well.
 */
export function billOf(world: World, book: PriceBook, endAtMs: number, scales: boolean): Bill {
  let onDemandNodes = 0;
  let spotNodes = 0;
  let disks = 0;
  let surplusCredits = 0;
  let waived = 0;
  for (const instance of world.bills()) {
    const ranMs = ranMsOf(instance, endAtMs);
    const listMicroBdt = nodeCostMicroBdt(book, instance.market, ranMs);
    const microBdt = Math.round(listMicroBdt * instance.costRatio);
    waived += instance.costRatio === 0 ? listMicroBdt : 0;
    if (instance.market === 'spot') {
      spotNodes += microBdt;
    } else {
      onDemandNodes += microBdt;
    }
    disks += diskCostMicroBdt(book, ranMs);
    surplusCredits += surplusCostMicroBdt(book, instance.surplusCpuMs);
  }
  const durationMs = endAtMs - world.demand.firstStepAtMs;
  const cluster = clusterMicroBdt(book, durationMs);
  const autoscaler = scales ? overheadMicroBdt(book, durationMs) : 0;
  const sum = onDemandNodes + spotNodes + disks + surplusCredits + cluster + autoscaler;
  return {
    prices: book.name,
    waivedBdt: waived / MICRO_BDT_PER_BDT,
    costBdt: sum / MICRO_BDT_PER_BDT,
    costBreakdownBdt: {
      onDemandNodes: onDemandNodes / MICRO_BDT_PER_BDT,
      spotNodes: spotNodes / MICRO_BDT_PER_BDT,
      disks: disks / MICRO_BDT_PER_BDT,
      surplusCredits: surplusCredits / MICRO_BDT_PER_BDT,
      cluster: cluster / MICRO_BDT_PER_BDT,
      autoscaler: autoscaler / MICRO_BDT_PER_BDT,
    },
  };
}

/** Money that a cost would come to in a month of 720 h. */
export function perMonth(bdt: number, durationMs: number): number {
  return (bdt * HOURS_PER_MONTH * MS_PER_HOUR) / durationMs;
}

/** What the waiting of a run, or of the optimum, is worth. */
export function waitingCostBdt(
  measures: Pick<Measures, 'shortagePodMinutes' | 'shortageInSalesPodMinutes'>,
  price: WaitingPrice = WAITING_PRICE,
): number {
  const inSales = measures.shortageInSalesPodMinutes;
  return (
    inSales * price.saleBdtPerPodMinute +
    (measures.shortagePodMinutes - inSales) * price.otherBdtPerPodMinute
  );
}

/** What a run cost and left missing, without a price between them. */
type CostAndShortage = Pick<Measures, 'costBdt' | 'shortagePodMinutes'>;

/**
 * The price of a missing pod-minute, the same in sales and otherwise, at which two runs come to the same total; above it the
 * dearer one is the better one. Null: it leaves no fewer pods missing, or costs no more, so that no price decides.
 */
export function breakEvenBdtPerPodMinute(
  dearer: CostAndShortage,
  cheaper: CostAndShortage,
): number | null {
  const dearerByBdt = dearer.costBdt - cheaper.costBdt;
  const savedPodMinutes = cheaper.shortagePodMinutes - dearer.shortagePodMinutes;
  return dearerByBdt > 0 && savedPodMinutes > 0 ? dearerByBdt / savedPodMinutes : null;
}

/** Which run has the lowest total, from which price of a missing pod-minute on. */
export interface BestFrom {
  /** Its place among the runs. */
  readonly index: number;
  readonly fromBdtPerPodMinute: number;
}

/** The best run at every price of a missing pod-minute, by rising price from 0; of equal runs the first. */
export function bestByWaitingPrice(runs: readonly CostAndShortage[]): readonly BestFrom[] {
  const byCost = [...runs.keys()].sort(
    (a, b) =>
      runs[a]!.costBdt - runs[b]!.costBdt ||
      runs[a]!.shortagePodMinutes - runs[b]!.shortagePodMinutes ||
      a - b,
  );
  const best: BestFrom[] = [];
  for (const index of byCost) {
    let price: number | null = 0;
    while (best.length > 0) {
      const last = best[best.length - 1]!;
      price = breakEvenBdtPerPodMinute(runs[index]!, runs[last.index]!);
      if (price === null || price > last.fromBdtPerPodMinute) {
        break;
      }
      // Before the last one would lead, this one does.
      best.pop();
    }
    if (price !== null) {
      best.push({ index, fromBdtPerPodMinute: price });
    }
  }
  return best;
}
