import {
  cycle,
  JournalWriter,
  JOURNAL_SCHEMA,
  placeLaunches,
  runSync,
  type Cluster,
  type ConfiguredPolicy,
  type DecisionRecord,
  type Effect,
  type Result,
} from '../engine/index.ts';
import { CrashedCycle, withFaults, type Fault } from './faults.ts';
import { Interpreter } from './interpret.ts';
import { MICRO_BDT_PER_BDT, priceBook, priceMicroBdtPerHour, type PriceBook } from './prices.ts';
import { stream } from './random.ts';
import type { Scenario } from './scenario.ts';
import { Meter, type Measures } from './score.ts';
import { Table } from './table.ts';
import { runUnconstrained, type Demand } from './unconstrained.ts';
import { World } from './world.ts';

/** AWS Lambda’s timeout as deployed: a cycle knows it as its deadline. */
const LAMBDA_TIMEOUT_MS = 60_000;

/** Watches a run from beside it: invariants, series, progress. Every method may be left out. */
export interface Observer {
  /** Before the first step. */
  readonly begun?: (world: World, table: Table, interpreter: Interpreter) => void;
  readonly stepped?: (world: World) => void;
  readonly cycleBegins?: (nowMs: number) => void;
  readonly performed?: (effect: Effect, result: Result, world: World) => void;
  readonly decided?: (record: DecisionRecord, world: World) => void;
}

export interface RunOptions {
  readonly scenario: Scenario;
  readonly configured: ConfiguredPolicy;
  readonly seed: number;
  /** `runUnconstrained(scenario, seed)`: pass it where several policies meet the same scenario. */
  readonly demand?: Demand;
  readonly faults?: readonly Fault[];
  readonly observer?: Observer;
}

export interface Run {
  readonly configured: ConfiguredPolicy;
  readonly measures: Measures;
  /** The journal’s bytes: header and records, as `readJournal` reads them. */
  readonly journal: Uint8Array;
  readonly scaleUps: number;
  readonly scaleDowns: number;
  /** Cycles begun, and of those killed by a fault. */
  readonly cycles: number;
  readonly crashes: number;
}

/** What the engine is told of a scenario’s cluster. */
export function clusterOf(scenario: Scenario, book: PriceBook): Cluster {
  const { worker, zones } = scenario.cluster;
  return {
    id: scenario.name,
    zones,
    template: {
      allocatableMillicpu: worker.allocatableMillicpu,
      allocatableMib: worker.allocatableMib,
    },
    templateVersion: '1',
    onDemandBdtPerHour: priceMicroBdtPerHour(book, 'on-demand') / MICRO_BDT_PER_BDT,
    spotBdtPerHour: priceMicroBdtPerHour(book, 'spot') / MICRO_BDT_PER_BDT,
    calendar: scenario.calendar,
  };
}

/**
 * Replays a scenario through the production control cycle under one policy. The same options give the same bytes.
 * @throws RangeError when the scenario names a price book that does not exist
 */
export function run(options: RunOptions): Run {
  const { scenario, configured, seed, observer = {} } = options;
  const book = priceBook(scenario.prices);
  if (book === undefined) {
    throw new RangeError(`there is no price book "${scenario.prices}"`);
  }
  const demand = options.demand ?? runUnconstrained(scenario, seed);
  const cluster = clusterOf(scenario, book);
  const world = new World(scenario, demand, seed);
  const table = new Table();
  const meter = new Meter(scenario, demand);
  const journal = new JournalWriter(journalHeader(options, cluster));
  const counts = { scaleUps: 0, scaleDowns: 0, cycles: 0, crashes: 0 };

  const stepped = (): void => {
    meter.step(world);
    observer.stepped?.(world);
  };
  const record = (each: DecisionRecord): void => {
    journal.append(each);
    const action = each.decided?.decision.action;
    if (action === 'scaleUp') {
      counts.scaleUps++;
    } else if (action === 'scaleDown') {
      counts.scaleDowns++;
    }
    observer.decided?.(each, world);
  };
  const interpreter = new Interpreter(world, table, record, stepped);
  const faulty = withFaults(
    interpreter.interpret,
    options.faults ?? [],
    stream(seed, 'faults'),
    interpreter,
  );
  const interpret =
    observer.performed === undefined ? faulty : observed(faulty, world, observer.performed);

  startFleet(world, configured, cluster);
  observer.begun?.(world, table, interpreter);
  const nonces = stream(seed, 'nonce');
  const cycleMs = scenario.cycleSeconds * 1000;
  let nextCycleAtMs = world.nowMs + stream(seed, 'phase', 'cycle').nextInt(cycleMs);
  while (!world.done) {
    if (world.nextStepAtMs <= nextCycleAtMs) {
      world.step();
      stepped();
      continue;
    }
    const nowMs = nextCycleAtMs;
    nextCycleAtMs += cycleMs;
    counts.cycles++;
    observer.cycleBegins?.(nowMs);
    interpreter.nowMs = nowMs;
    try {
      runSync(
        cycle({
          nowMs,
          triggeredAtMs: nowMs,
          deadlineMs: nowMs + LAMBDA_TIMEOUT_MS,
          nonce: nonces.nextUint32().toString(16).padStart(8, '0'),
          mode: 'act',
          cluster,
          configured,
        }),
        interpret,
      );
    } catch (error) {
      if (!(error instanceof CrashedCycle)) {
        throw error;
      }
      counts.crashes++;
    }
  }
  const measures = meter.finish(world, book, configured.policy.scales);
  return { configured, measures, journal: journal.bytes, ...counts };
}

function observed(
  interpret: (effect: Effect) => Result,
  world: World,
  performed: NonNullable<Observer['performed']>,
): (effect: Effect) => Result {
  return (effect) => {
    const result = interpret(effect);
    performed(effect, result, world);
    return result;
  };
}

/** The fleet before the first step: placed as the engine would have placed it. */
function startFleet(world: World, configured: ConfiguredPolicy, cluster: Cluster): void {
  const { settings } = configured;
  const initial = world.scenario.cluster.nodeCountInitial;
  const count = Math.min(settings.nodeCountMax, Math.max(settings.nodeCountMin, initial));
  const empty = { nowMs: world.nowMs, workers: [], unanswered: [], poolBackoffs: [] };
  const shares = placeLaunches(empty, cluster, settings, count);
  world.startWith(shares.flatMap((share) => new Array<typeof share>(share.count).fill(share)));
}

/** What a journal says of itself. The engine’s digest is not in it: the same decisions give the same bytes. */
function journalHeader(options: RunOptions, cluster: Cluster): object {
  const { scenario, configured, seed } = options;
  return {
    schema: JOURNAL_SCHEMA,
    source: 'simulator',
    scenario: scenario.name,
    seed,
    cycleSeconds: scenario.cycleSeconds,
    cluster,
    policy: configured.policy.name,
    settings: configured.settings,
  };
}
