import { configurePolicy, type ConfiguredPolicy } from '../engine/index.ts';
import { ElasticityMeter, type ElasticityMetrics } from './elasticity.ts';
import { clairvoyant, regretPercent, type Clairvoyant } from './optimum.ts';
import { PRICE_BOOKS, priceBook, type PriceBook } from './prices/index.ts';
import { run, type Run } from './run.ts';
import { billBy, BASELINE_NODES, savingsAgainst, type Savings } from './savings.ts';
import type { Scenario } from './scenario.ts';
import { perMonth, waitingCostBdt, WAITING_PRICE, type Bill, type WaitingPrice } from './score.ts';
import { runUnconstrained, type Demand } from './unconstrained.ts';
import type { World } from './world.ts';

export interface CompareOptions {
  readonly scenario: Scenario;
  readonly seed: number;
  readonly policies: readonly ConfiguredPolicy[];
  /** Decides beside each of them, and is only journalled. */
  readonly shadow?: ConfiguredPolicy;
  /** What a missing pod-minute is worth; `WAITING_PRICE` if left out. */
  readonly waitingPrice?: WaitingPrice;
  /** Called before each run, references included. */
  readonly onRun?: (next: { policy: string; index: number; count: number }) => void;
  /** Called after each run with the world as it ended, which is not kept. */
  readonly finished?: (run: Run, world: World) => void;
}

/** A run’s money by one price book. */
export interface Money {
  readonly bill: Bill;
  readonly costPerMonthBdt: number;
  readonly savings: Savings;
}

/** A policy’s run and what only a comparison can say of it; its money is by the scenario’s price book. */
export interface PolicyRun extends Money {
  readonly run: Run;
  /** The same run by every price book. */
  readonly byPriceBook: readonly Money[];
  /** Shortage above what as many static nodes as any policy may have could not prevent either. */
  readonly avoidableShortagePodMinutes: number;
  readonly waitingCostBdt: number;
  /** Cost and waiting together. */
  readonly totalBdt: number;
  /** What it cost above the least that it could have with as much shortage, in % of that; null where no nodes would do. */
  readonly regretPercent: number | null;
  /** With the speedup over the baseline. */
  readonly elasticity: ElasticityMetrics;
}

export interface Comparison {
  readonly demand: Demand;
  /** One a policy, in the order asked for. */
  readonly runs: readonly PolicyRun[];
  readonly waitingPrice: WaitingPrice;
  /** What could have been, had anyone known. */
  readonly clairvoyant: Clairvoyant;
  /** `static` with 5 nodes: what the client has today. */
  readonly baseline: Run;
  /** `static` with the most nodes that any of the policies may have, or one for every pod if that is less. */
  readonly largest: Run;
  /** `static` with one node more than `largest`, to show what a higher maximum would change; null where `largest` lacks nothing. */
  readonly larger: Run | null;
}

/**
 * Runs each policy on the same demand and the same luck, and the references beside them that no policy is already.
 * @throws RangeError when the scenario names a price book that does not exist
 */
export function comparePolicies(options: CompareOptions): Comparison {
  const { scenario, seed, policies, waitingPrice = WAITING_PRICE, onRun, finished } = options;
  const book = priceBook(scenario.prices);
  if (book === undefined) {
    throw new RangeError(`there is no price book "${scenario.prices}"`);
  }
  const demand = runUnconstrained(scenario, seed);
  const nodeCountMax = policies.reduce(
    (most, { settings }) => Math.max(most, settings.nodeCountMax),
    1,
  );
  const baselinePolicy = staticOf(BASELINE_NODES);
  const largestPolicy = largestStatic(scenario, demand, nodeCountMax);
  const distinct: ConfiguredPolicy[] = [];
  for (const configured of [...policies, baselinePolicy, largestPolicy]) {
    if (!distinct.some((other) => isSame(other, configured))) {
      distinct.push(configured);
    }
  }
  const { shadow } = options;
  const beside = shadow === undefined ? {} : { shadow };
  const observer = finished === undefined ? {} : { finished };
  const done: Run[] = [];
  const runOf = (configured: ConfiguredPolicy): Run => {
    let index = distinct.findIndex((other) => isSame(other, configured));
    if (index < 0) {
      index = distinct.push(configured) - 1;
    }
    if (index === done.length) {
      onRun?.({ policy: configured.policy.name, index, count: distinct.length });
      done.push(run({ scenario, configured, ...beside, seed, demand, observer }));
    }
    return done[index];
  };
  distinct.forEach(runOf);

  const baseline = runOf(baselinePolicy);
  const largest = runOf(largestPolicy);
  const nodeCountLargest = largestPolicy.settings.nodeCountMax;
  const larger =
    largest.measures.shortagePodMinutes > 0 ? runOf(staticOf(nodeCountLargest + 1)) : null;
  const unavoidable = largest.measures.shortagePodMinutes;
  const asked = policies.map(runOf);
  const optimum = clairvoyant(scenario, demand, book, waitingPrice, asked);
  const runs = asked.map((ran): PolicyRun => {
    const { measures } = ran;
    const moneyBy = (priced: PriceBook): Money => {
      const bill = billBy(measures, priced);
      return {
        bill,
        costPerMonthBdt: perMonth(bill.costBdt, measures.durationMs),
        savings: savingsAgainst(baseline.measures, measures, priced),
      };
    };
    const waiting = waitingCostBdt(measures, waitingPrice);
    return {
      run: ran,
      ...moneyBy(book),
      byPriceBook: PRICE_BOOKS.map(moneyBy),
      avoidableShortagePodMinutes: Math.max(0, measures.shortagePodMinutes - unavoidable),
      waitingCostBdt: waiting,
      totalBdt: measures.costBdt + waiting,
      regretPercent: regretPercent(optimum, measures.costBdt, measures.shortagePodMinutes),
      elasticity: elasticityAgainst(baseline, ran, demand),
    };
  });
  return { demand, runs, waitingPrice, clairvoyant: optimum, baseline, largest, larger };
}

/** The fleet whose shortage nobody with so many nodes could avoid: all of them always, or one for every pod if that is less. */
export function largestStatic(
  scenario: Scenario,
  demand: Demand,
  nodeCountMax: number,
): ConfiguredPolicy {
  return staticOf(Math.min(nodeCountMax, nodesForEveryPod(scenario, demand)));
}

/** One for each pod, in every zone: no pod ever waits there, so that a larger reference would only take longer. */
function nodesForEveryPod({ cluster, workload }: Scenario, { replicas }: Demand): number {
  const web = replicas.reduce((most, each) => Math.max(most, each), 0);
  const others = workload.others.reduce((sum, each) => sum + each.replicas, 0);
  return Math.max(1, web + others) * cluster.zones.length;
}

function staticOf(nodeCount: number): ConfiguredPolicy {
  const result = configurePolicy('static', { nodeCount });
  if (!result.ok) {
    throw new RangeError(result.problems.map(({ message }) => message).join('; '));
  }
  return result.configured;
}

function isSame(a: ConfiguredPolicy, b: ConfiguredPolicy): boolean {
  const keys = Object.keys(a.settings);
  return (
    a.policy === b.policy &&
    keys.length === Object.keys(b.settings).length &&
    keys.every((key) => a.settings[key] === b.settings[key])
  );
}

/** The run’s elasticity again, now with a baseline to compare with: it is not known while the run goes on. */
function elasticityAgainst(baseline: Run, { measures }: Run, demand: Demand): ElasticityMetrics {
  const meter = new ElasticityMeter(demand.stepMs);
  for (let k = 0; k < demand.stepCount; k++) {
    meter.add(demand.nodes[k], measures.series.readyNodes[k]);
  }
  return meter.result(baseline.measures.elasticity);
}
