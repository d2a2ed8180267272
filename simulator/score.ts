import { ElasticityMeter, type ElasticityMetrics } from './elasticity.ts';
import {
  nodeCostMicroBdt,
  overheadMicroBdt,
  MICRO_BDT_PER_BDT,
  HOURS_PER_MONTH,
  type PriceBook,
} from './prices.ts';
import type { Scenario } from './scenario.ts';
import type { Demand } from './unconstrained.ts';
import type { World } from './world.ts';

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
  readonly launches: number;
  readonly nodeHours: { readonly onDemand: number; readonly spot: number };
  readonly costBdt: number;
  readonly costBreakdownBdt: {
    readonly onDemandNodes: number;
    readonly spotNodes: number;
    readonly autoscaler: number;
  };
  /** What AWS did not charge for instances that it took within their first hour, at the book’s price. */
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
  #minute = -1;
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
    const minute = Math.floor(world.nowMs / 60_000);
    if (minute !== this.#minute) {
      this.#closeMinute();
      this.#minute = minute;
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
    const podMinutes = (steps: number): number => (steps * stepMs) / 60_000;
    const bill = billOf(world, book, firstStepAtMs + durationMs, scales ? durationMs : 0);
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
        ...waitQuantiles(world.waitSteps, stepMs / 1000),
        censored: world.censoredPods + world.stillWaiting(),
      },
      disruptions: world.disruptions,
      reclaims: world.reclaims,
      evictions: world.evictions,
      launches: world.launches,
      ...bill,
      elasticity: this.#elasticity.result(),
      series: this.series,
    };
  }

  /** The scenario it measures. */
  get scenario(): Scenario {
    return this.#scenario;
  }
}

/** p50, p95 and max of waits counted by steps; null when nothing waited. */
function waitQuantiles(
  waitSteps: readonly (number | undefined)[],
  stepSeconds: number,
): { p50: number | null; p95: number | null; max: number | null } {
  let pods = 0;
  for (const count of waitSteps) {
    pods += count ?? 0;
  }
  if (pods === 0) {
    return { p50: null, p95: null, max: null };
  }
  const rank = (share: number): number => {
    let left = Math.ceil(pods * share);
    for (let steps = 0; steps < waitSteps.length; steps++) {
      left -= waitSteps[steps] ?? 0;
      if (left <= 0) {
        return steps * stepSeconds;
      }
    }
    return (waitSteps.length - 1) * stepSeconds;
  };
  return { p50: rank(0.5), p95: rank(0.95), max: (waitSteps.length - 1) * stepSeconds };
}

/** What a run’s instances cost up to `endAtMs`, and running the autoscaler for `scaledMs`. */
export function billOf(
  world: World,
  book: PriceBook,
  endAtMs: number,
  scaledMs: number,
): Pick<Measures, 'nodeHours' | 'costBdt' | 'costBreakdownBdt' | 'waivedBdt'> {
  let waivedMicroBdt = 0;
  let onDemandMs = 0;
  let spotMs = 0;
  let onDemandMicroBdt = 0;
  let spotMicroBdt = 0;
  for (const instance of world.bills()) {
    const ranMs = Math.max(0, (instance.endedAtMs ?? endAtMs) - instance.launchedAtMs);
    const listMicroBdt = nodeCostMicroBdt(book, instance.market, ranMs);
    const microBdt = Math.round(listMicroBdt * instance.costRatio);
    waivedMicroBdt += instance.costRatio === 0 ? listMicroBdt : 0;
    if (instance.market === 'spot') {
      spotMs += ranMs;
      spotMicroBdt += microBdt;
    } else {
      onDemandMs += ranMs;
      onDemandMicroBdt += microBdt;
    }
  }
  const autoscalerMicroBdt = scaledMs > 0 ? overheadMicroBdt(book, scaledMs) : 0;
  return {
    nodeHours: { onDemand: onDemandMs / 3_600_000, spot: spotMs / 3_600_000 },
    waivedBdt: waivedMicroBdt / MICRO_BDT_PER_BDT,
    costBdt: (onDemandMicroBdt + spotMicroBdt + autoscalerMicroBdt) / MICRO_BDT_PER_BDT,
    costBreakdownBdt: {
      onDemandNodes: onDemandMicroBdt / MICRO_BDT_PER_BDT,
      spotNodes: spotMicroBdt / MICRO_BDT_PER_BDT,
      autoscaler: autoscalerMicroBdt / MICRO_BDT_PER_BDT,
    },
  };
}

/** What `static` 5 costs for as long: the yardstick of every saving. */
export const BASELINE_NODES = 5;

export interface Savings {
  readonly percent: number;
  /** Adds up to `percent`: fewer node-hours, cheaper ones, less what the autoscaler itself costs. */
  readonly split: { readonly fewerNodes: number; readonly spot: number; readonly overhead: number };
}

/** The saving against five on-demand nodes over the same time. */
export function savingsAgainstStatic(measures: Measures, book: PriceBook): Savings {
  const { durationMs, nodeHours, costBdt, costBreakdownBdt } = measures;
  const baselineBdt =
    (BASELINE_NODES * nodeCostMicroBdt(book, 'on-demand', durationMs)) / MICRO_BDT_PER_BDT;
  const onDemandBdtPerHour = book.nodeMicroBdtPerMonth / MICRO_BDT_PER_BDT / HOURS_PER_MONTH;
  const share = (bdt: number): number => (100 * bdt) / baselineBdt;
  const overhead = -share(costBreakdownBdt.autoscaler);
  const spot = share(nodeHours.spot * onDemandBdtPerHour - costBreakdownBdt.spotNodes);
  const percent = share(baselineBdt - costBdt);
  return { percent, split: { fewerNodes: percent - spot - overhead, spot, overhead } };
}

/** Money that a cost would come to in a month of 720 h. */
export function perMonth(bdt: number, durationMs: number): number {
  return (bdt * HOURS_PER_MONTH * 3_600_000) / durationMs;
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
