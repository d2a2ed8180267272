import { configurePolicy, type Cluster, type DecisionRecord } from '../../engine/index.ts';
import { lastScaledBy } from '../../reports/explanation.ts';
import { explained } from '../../reports/paragraphs.ts';
import { outcomeSentence } from '../../reports/sentences.ts';
import {
  clusterOf,
  largestStatic,
  priceBook,
  run,
  runUnconstrained,
  type Demand,
  type Measures,
  type Scenario,
} from '../../simulator/index.ts';

/** What everything is tried on. */
export interface Bench {
  readonly scenario: Scenario;
  readonly seed: number;
}

/** A policy with the settings that are not its defaults. */
export interface Trial {
  readonly policy: string;
  readonly overrides: Readonly<Record<string, number>>;
}

/** What a trial came to. */
export interface Outcome {
  readonly costBdt: number;
  readonly pendingPodMinutes: number;
  readonly shortagePodMinutes: number;
  /** Of it, what as many static nodes lack too as this trial or the first may have. */
  readonly unavoidablePodMinutes: number;
  readonly timeToCapacitySeconds: Measures['timeToCapacitySeconds'];
  /** One value a step. */
  readonly readyNodes: Int32Array;
  readonly unschedulablePods: Int32Array;
  /** When each cycle began, and the nodes that it added (above 0) or removed. */
  readonly cycleAtMs: Float64Array;
  readonly scaledBy: Int16Array;
}

/** Thrown out of a run that nobody waits for any more. */
class Superseded extends Error {}

/** Runs trials on one scenario, one at a time, and tells of the last one why each of its cycles decided as it did. */
export class Workbench {
  readonly demand: Demand;
  readonly #bench: Bench;
  readonly #cluster: Cluster;
  /** Shortage of the largest static fleet, by its node count. */
  readonly #unavoidable = new Map<number, number>();
  /** Of the first trial: a lower maximum makes no shortage unavoidable. */
  #firstNodeCountMax = 0;
  #trial: Trial | null = null;
  #records: DecisionRecord[] = [];

  /** @throws RangeError when the scenario names a price book that does not exist */
  constructor(bench: Bench) {
    const { scenario, seed } = bench;
    const book = priceBook(scenario.prices);
    if (book === undefined) {
      throw new RangeError(`there is no price book "${scenario.prices}"`);
    }
    this.#bench = bench;
    this.#cluster = clusterOf(scenario, book, seed);
    this.demand = runUnconstrained(scenario, seed);
  }

  /**
   * Runs a trial; null as soon as it is no longer wanted, which is asked once a cycle.
   * @throws RangeError when there is no such policy, or its settings are not valid
   */
  run(trial: Trial, isWanted: () => boolean): Outcome | null {
    const configured = configuredOf(trial);
    const { settings } = configured;
    const records: DecisionRecord[] = [];
    const watch = (): void => {
      if (!isWanted()) {
        throw new Superseded();
      }
    };
    const decided = (record: DecisionRecord): void => {
      records.push(record);
    };
    try {
      const inRun = { ...this.#bench, demand: this.demand };
      const { measures } = run({
        ...inRun,
        configured,
        observer: { cycleBegins: watch, decided },
      });
      const nodeCountMax = Math.max(this.#firstNodeCountMax, settings.nodeCountMax);
      const largest = largestStatic(this.#bench.scenario, this.demand, nodeCountMax);
      const nodes = largest.settings.nodeCountMax;
      let unavoidable = this.#unavoidable.get(nodes);
      if (unavoidable === undefined) {
        const reference = run({ ...inRun, configured: largest, observer: { cycleBegins: watch } });
        unavoidable = reference.measures.shortagePodMinutes;
        this.#unavoidable.set(nodes, unavoidable);
      }
      this.#firstNodeCountMax ||= settings.nodeCountMax;
      this.#trial = trial;
      this.#records = records;
      return {
        costBdt: measures.costBdt,
        pendingPodMinutes: measures.pendingPodMinutes,
        shortagePodMinutes: measures.shortagePodMinutes,
        unavoidablePodMinutes: unavoidable,
        timeToCapacitySeconds: measures.timeToCapacitySeconds,
        readyNodes: measures.series.readyNodes,
        unschedulablePods: measures.series.unschedulablePods,
        cycleAtMs: Float64Array.from(records, ({ startedAtMs }) => startedAtMs),
        scaledBy: Int16Array.from(records, scaledBy),
      };
    } catch (error) {
      if (error instanceof Superseded) {
        return null;
      }
      throw error;
    }
  }

  /** Why a cycle of the last trial decided as it did, in a paragraph; null where it has no such cycle. */
  explain(cycle: number): string | null {
    const record = this.#records.at(cycle);
    if (this.#trial === null || record === undefined) {
      return null;
    }
    const offsetMinutes = this.#cluster.timeZoneOffsetMinutes;
    if (record.decided === null) {
      return outcomeSentence(record.outcome, record.startedAtMs, offsetMinutes);
    }
    const configured = configuredOf(this.#trial);
    const cluster = this.#cluster;
    const { view, memory, decision, explanation, memoryAfter } = record.decided;
    const telling = {
      view,
      cluster,
      settings: configured.settings,
      offsetMinutes,
      lastScaledBy: lastScaledBy(this.#records, cycle),
    };
    const decided = { decision, explanation, memory: memoryAfter };
    return explained({ configured, cluster, view, memory }, decided, telling).text;
  }
}

function scaledBy({ decided }: DecisionRecord): number {
  if (decided === null) {
    return 0;
  }
  const { action, count } = decided.decision;
  return action === 'scaleUp' ? count : action === 'scaleDown' ? -count : 0;
}

function configuredOf({ policy, overrides }: Trial) {
  const result = configurePolicy(policy, overrides);
  if (!result.ok) {
    throw new RangeError(result.problems.map(({ message }) => message).join('; '));
  }
  return result.configured;
}
