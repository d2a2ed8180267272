import {
  cycle,
  emptyState,
  JournalWriter,
  JOURNAL_SCHEMA,
  placeLaunches,
  runSync,
  stateWith,
  type Cluster,
  type ConfiguredPolicy,
  type CycleInput,
  type DecisionRecord,
  type Effect,
  type FleetState,
  type JournalHeader,
  type Result,
  type View,
} from '../engine/index.ts';
import { CrashedCycle, withFaults, type Fault, type FaultMode } from './faults/index.ts';
import { Alertmanager } from './alertmanager.ts';
import { ingest, INGEST_MS } from './ingest.ts';
import { Interpreter } from './interpret.ts';
import {
  MICRO_BDT_PER_BDT,
  priceBook,
  priceMicroBdtPerHour,
  type PriceBook,
} from './prices/index.ts';
import { stream } from './random.ts';
import { settingsOfFault, type Scenario } from './scenario.ts';
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
  readonly cycleBegins?: (
    nowMs: number,
    deadlineMs: number,
    due: Pick<CycleInput, 'trigger' | 'triggeredAtMs' | 'configured'>,
  ) => void;
  /** An effect is about to reach the world: one that fails or hangs never does. */
  readonly reaches?: (effect: Effect, world: World) => void;
  /** What the world did, whether or not the cycle ever learns of it. */
  readonly happened?: (effect: Effect, result: Result, world: World) => void;
  /** A fault strikes an effect. */
  readonly faulted?: (mode: FaultMode, effect: Effect) => void;
  /** What the cycle learns of an effect. */
  readonly performed?: (effect: Effect, result: Result, world: World) => void;
  readonly decided?: (record: DecisionRecord, world: World) => void;
  /** The cycle is over, or was killed. */
  readonly cycleEnds?: (nowMs: number, killed: boolean) => void;
  /** After the last step. */
  readonly finished?: (run: Run, world: World) => void;
}

/** Another policy document in the middle of a run: the first cycle that falls due at that time or later goes by it. */
export interface Change {
  readonly atMs: number;
  readonly configured: ConfiguredPolicy;
}

export interface RunOptions {
  readonly scenario: Scenario;
  readonly configured: ConfiguredPolicy;
  /** What comes after that, in order of time. Left out: nothing. */
  readonly changes?: readonly Change[];
  /** Decides beside it, and is only journalled. */
  readonly shadow?: ConfiguredPolicy;
  readonly seed: number;
  /** `runUnconstrained(scenario, seed)`: pass it where several policies meet the same scenario. */
  readonly demand?: Demand;
  /** Instead of the scenario’s. */
  readonly faults?: readonly Fault[];
  readonly observer?: Observer;
  /** What a trigger leads to: nothing when it is missed, several cycles when it is sent twice, one that is late or paused. */
  readonly invocations?: (due: CycleInput) => readonly CycleInput[];
}

/** What was journalled under one policy and its settings. */
export interface Stretch {
  readonly configured: ConfiguredPolicy;
  /** The journal’s bytes: header and records, as `readJournal` reads them. */
  readonly journal: Uint8Array;
}

/** Its own stretch is the whole run, or what follows the last change. */
export interface Run extends Stretch {
  readonly measures: Measures;
  /** Those before each change: under another header a journal begins anew, as among the Lambda’s. */
  readonly earlier: readonly Stretch[];
  readonly scaleUps: number;
  readonly scaleDowns: number;
  /** Cycles begun, and of those killed by a fault. */
  readonly cycles: number;
  readonly crashes: number;
}

/** The client’s brief: manual scaling takes 15–20 minutes. */
const OPERATOR_DELAY_MIN_MS = 900_000;
const OPERATOR_DELAY_MAX_MS = 1_200_000;
/** Then they come round again: more times than anybody scales by hand in a week. */
const OPERATOR_DELAYS = 16;

/** What the engine is told of a scenario’s cluster, and of the person who would scale it by hand. */
export function clusterOf(scenario: Scenario, book: PriceBook, seed: number): Cluster {
  const { worker, zones } = scenario.cluster;
  const operator = stream(seed, 'operator');
  const spreadMs = OPERATOR_DELAY_MAX_MS - OPERATOR_DELAY_MIN_MS + 1;
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
    ...(scenario.freezes.length === 0 ? {} : { freezes: scenario.freezes }),
    timeZoneOffsetMinutes: scenario.timeZoneOffsetMinutes,
    operatorDelaysMs: Array.from(
      { length: OPERATOR_DELAYS },
      () => OPERATOR_DELAY_MIN_MS + operator.nextInt(spreadMs),
    ),
  };
}

/**
 * Replays a scenario through the production control cycle under one policy. The same options give the same bytes.
 * @throws RangeError when the scenario names a price book that does not exist
 */
export function run(options: RunOptions): Run {
  const { scenario, seed, observer = {}, changes = [] } = options;
  const book = priceBook(scenario.prices);
  if (book === undefined) {
    throw new RangeError(`there is no price book "${scenario.prices}"`);
  }
  const demand = options.demand ?? runUnconstrained(scenario, seed);
  const cluster = clusterOf(scenario, book, seed);
  const world = new World(scenario, demand, seed);
  const table = new Table();
  const meter = new Meter(scenario, demand);
  let { configured } = options;
  let journal = new JournalWriter(journalHeader(options, cluster));
  const earlier: Stretch[] = [];
  let changed = 0;
  const counts = { scaleUps: 0, scaleDowns: 0, cycles: 0, crashes: 0 };

  // When the ingest function starts a cycle ahead of its time: all that AWS announces within a step starts one.
  let startedByEventAtMs = Infinity;
  let startedByAlertAtMs = Infinity;
  const { alertAfterSeconds } = scenario.prometheus;
  const alertmanager = alertAfterSeconds === null ? null : new Alertmanager(alertAfterSeconds);
  let holdsGiven = 0;
  const { holds } = scenario;
  const stepped = (): void => {
    while (holdsGiven < holds.length && holds[holdsGiven]!.fromMs <= world.nowMs) {
      const { min, untilMs } = holds[holdsGiven++]!;
      table.hold({ min, untilMs });
    }
    if (alertmanager?.knocks(world) === true) {
      table.kick(world.nowMs);
      startedByAlertAtMs = Math.min(startedByAlertAtMs, world.nowMs + INGEST_MS);
    }
    if (world.market.announced.length > 0) {
      ingest(world.market.announced, table, world);
      world.market.announced = [];
      startedByEventAtMs = Math.min(startedByEventAtMs, world.nowMs + INGEST_MS);
    }
    meter.step(world);
    observer.stepped?.(world);
  };
  // It outlives a cycle as an item of the table would; what a killed cycle had not written is lost.
  let shadowMemory: readonly number[] = [];
  const record = (each: DecisionRecord): void => {
    journal.append(each);
    shadowMemory = each.decided?.shadow?.memory ?? shadowMemory;
    const action = each.decided?.decision.action;
    if (action === 'scaleUp') {
      counts.scaleUps++;
    } else if (action === 'scaleDown') {
      counts.scaleDowns++;
    }
    observer.decided?.(each, world);
  };
  const interpreter = new Interpreter(world, table, record, stepped);
  const { reaches, happened, faulted, performed } = observer;
  const faulty = withFaults(
    observed(interpreter.interpret, world, reaches, happened),
    options.faults ?? scenario.faults,
    stream(seed, 'faults'),
    interpreter,
    faulted,
  );
  const interpret = observed(faulty, world, undefined, performed);

  startFleet(world, table, configured, cluster);
  observer.begun?.(world, table, interpreter);
  let lastView: View | null = null;
  const invoke = (wanted: CycleInput): void => {
    counts.cycles++;
    interpreter.advance(Math.max(0, wanted.nowMs - interpreter.nowMs));
    // Time that an earlier one has used does not come back: this one starts late, with as long to go.
    const { nowMs } = interpreter;
    const deadlineMs = wanted.deadlineMs + (nowMs - wanted.nowMs);
    const input = nowMs === wanted.nowMs ? wanted : { ...wanted, nowMs, deadlineMs };
    observer.cycleBegins?.(nowMs, deadlineMs, input);
    let killed = false;
    try {
      const record = runSync(cycle(input), interpret, deadlineMs);
      killed = record === null;
      lastView = record?.decided?.view ?? lastView;
    } catch (error) {
      if (!(error instanceof CrashedCycle)) {
        throw error;
      }
      killed = true;
    }
    if (killed) {
      counts.crashes++;
    }
    observer.cycleEnds?.(interpreter.nowMs, killed);
  };
  const nonces = stream(seed, 'nonce');
  const cycleMs = scenario.cycleSeconds * 1000;
  let scheduledAtMs = world.nowMs + stream(seed, 'phase', 'cycle').nextInt(cycleMs);
  while (!world.done) {
    const nowMs = Math.min(scheduledAtMs, startedByEventAtMs, startedByAlertAtMs);
    if (world.nextStepAtMs <= nowMs) {
      world.step();
      stepped();
      continue;
    }
    const trigger =
      nowMs === scheduledAtMs ? 'schedule' : nowMs === startedByEventAtMs ? 'spot' : 'alert';
    // A cycle that begins hears of everything that happened before it.
    startedByEventAtMs = Infinity;
    startedByAlertAtMs = Infinity;
    if (changed < changes.length && changes[changed]!.atMs <= nowMs) {
      earlier.push({ configured, journal: journal.bytes });
      while (changed < changes.length && changes[changed]!.atMs <= nowMs) {
        ({ configured } = changes[changed++]!);
      }
      journal = new JournalWriter(journalHeader({ ...options, configured }, cluster));
    }
    const due: CycleInput = {
      nowMs,
      triggeredAtMs: nowMs,
      deadlineMs: nowMs + LAMBDA_TIMEOUT_MS,
      nonce: hex(nonces.nextUint32()),
      trigger,
      mode: 'act',
      cluster,
      configured,
      lastView,
    };
    const { shadow } = options;
    const asked =
      shadow === undefined ? due : { ...due, shadow: { configured: shadow, memory: shadowMemory } };
    for (const input of options.invocations?.(asked) ?? [asked]) {
      invoke(input);
    }
    // A trigger that falls due while a cycle still runs meets concurrency 1 and is dropped.
    const nowOrLaterMs = Math.max(nowMs, interpreter.nowMs);
    while (scheduledAtMs <= nowOrLaterMs) {
      scheduledAtMs += cycleMs;
    }
  }
  const scales = [...earlier, { configured }].some((each) => each.configured.policy.scales);
  const measures = meter.finish(world, book, scales);
  const finished = { configured, measures, journal: journal.bytes, earlier, ...counts };
  observer.finished?.(finished, world);
  return finished;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Eight hex digits; formatting a number anew in each cycle would take as long as placing pods. */
function hex(uint32: number): string {
  return (
    HEX[uint32 >>> 24]! +
    HEX[(uint32 >>> 16) & 255]! +
    HEX[(uint32 >>> 8) & 255]! +
    HEX[uint32 & 255]!
  );
}

/** An interpreter that tells of each effect before and after; itself, when nobody listens. */
function observed(
  interpret: (effect: Effect) => Result,
  world: World,
  before: Observer['reaches'],
  after: Observer['performed'],
): (effect: Effect) => Result {
  if (before === undefined && after === undefined) {
    return interpret;
  }
  return (effect) => {
    before?.(effect, world);
    const result = interpret(effect);
    after?.(effect, result, world);
    return result;
  };
}

/** The fleet before the first step: placed as the engine would have placed it, and known to it, as the table then has it. */
export function startFleet(
  world: World,
  table: Table,
  configured: ConfiguredPolicy,
  cluster: Cluster,
): FleetState {
  const { settings } = configured;
  const initial = world.scenario.cluster.nodeCountInitial;
  const count = Math.min(settings.nodeCountMax, Math.max(settings.nodeCountMin, initial));
  const empty = {
    nowMs: world.nowMs,
    workers: [],
    unanswered: [],
    poolBackoffs: [],
    shapes: [],
    unschedulable: [],
  };
  const shares = placeLaunches(empty, cluster, settings, count);
  world.startWith(shares.flatMap((share) => new Array<typeof share>(share.count).fill(share)));
  const known = world.aliveInstances().map((instance) => instance.id);
  const state = stateWith(emptyState(configured.policy.name), {
    known,
    joined: known,
    desired: known.length,
  });
  table.stored = { kind: 'known', state };
  return state;
}

/** What a journal says of itself. The engine’s digest is not in it: the same decisions give the same bytes. */
function journalHeader(options: RunOptions, cluster: Cluster): JournalHeader {
  const { scenario, configured, shadow, seed, faults = scenario.faults } = options;
  return {
    schema: JOURNAL_SCHEMA,
    source: 'simulator',
    scenario: scenario.name,
    seed,
    cycleSeconds: scenario.cycleSeconds,
    faults: faults.map((fault) => settingsOfFault(fault, cluster.timeZoneOffsetMinutes)),
    cluster,
    policy: configured.policy.name,
    settings: configured.settings,
    ...(shadow === undefined
      ? {}
      : { shadow: { policy: shadow.policy.name, settings: shadow.settings } }),
  };
}
