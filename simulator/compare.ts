import { configurePolicy, type ConfiguredPolicy } from '../engine/index.ts';
import { ElasticityMeter, type ElasticityMetrics } from './elasticity.ts';
import { clairvoyant, regretPercent, type Clairvoyant } from './optimum.ts';
import { priceBook } from './prices.ts';
import { run, type Run } from './run.ts';
import type { Scenario } from './scenario.ts';
import {
  BASELINE_NODES,
  perMonth,
  savingsAgainstStatic,
  waitingCostBdt,
  WAITING_PRICE,
  type Savings,
  type WaitingPrice,
} from './score.ts';
import { runUnconstrained, type Demand } from './unconstrained.ts';

export interface CompareOptions {
  readonly scenario: Scenario;
  readonly seed: number;
  readonly policies: readonly ConfiguredPolicy[];
  /** What a missing pod-minute is worth; `WAITING_PRICE` if left out. */
  readonly waitingPrice?: WaitingPrice;
  /** Called before each run, references included. */
  readonly onRun?: (next: { policy: string; index: number; count: number }) => void;
}

/** A policy’s run and what only a comparison can say of it. */
export interface PolicyRun {
  readonly run: Run;
  readonly savings: Savings;
  readonly costPerMonthBdt: number;
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
}

/**
 * Runs each policy on the same demand and the same luck, and two references beside them that are run only if no policy
 * is one already.
 * @throws RangeError when the scenario names a price book that does not exist
 */
export function comparePolicies(options: CompareOptions): Comparison {
  const { scenario, seed, policies, waitingPrice = WAITING_PRICE, onRun } = options;
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
  const largestPolicy = staticOf(Math.min(nodeCountMax, nodesForEveryPod(scenario, demand)));
  const distinct: ConfiguredPolicy[] = [];
  for (const configured of [...policies, baselinePolicy, largestPolicy]) {
    if (!distinct.some((other) => isSame(other, configured))) {
      distinct.push(configured);
    }
  }
  const done = distinct.map((configured, index) => {
    onRun?.({ policy: configured.policy.name, index, count: distinct.length });
    return run({ scenario, configured, seed, demand });
  });
  const runOf = (configured: ConfiguredPolicy): Run =>
    done[distinct.findIndex((other) => isSame(other, configured))];

  const baseline = runOf(baselinePolicy);
  const largest = runOf(largestPolicy);
  const unavoidable = largest.measures.shortagePodMinutes;
  const asked = policies.map(runOf);
  const optimum = clairvoyant(scenario, demand, book, waitingPrice, asked);
  const runs = asked.map((ran): PolicyRun => {
    const { measures } = ran;
    const waiting = waitingCostBdt(measures, waitingPrice);
    return {
      run: ran,
      savings: savingsAgainstStatic(measures, book),
      costPerMonthBdt: perMonth(measures.costBdt, measures.durationMs),
      avoidableShortagePodMinutes: Math.max(0, measures.shortagePodMinutes - unavoidable),
      waitingCostBdt: waiting,
      totalBdt: measures.costBdt + waiting,
      regretPercent: regretPercent(optimum, measures.costBdt, measures.shortagePodMinutes),
      elasticity: elasticityAgainst(baseline, ran, demand),
    };
  });
  return { demand, runs, waitingPrice, clairvoyant: optimum, baseline, largest };
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
