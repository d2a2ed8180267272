/**
 * The invariants of the control cycle, each as a watcher of a run. They compare what the engine does with the truth of the
 * world, the table and the journal, and only look: a run that is watched writes the same bytes. The first violation is
 * thrown. `simulator/run.ts` says when each hook is called.
 */
import {
  decide,
  firstBlocking,
  freshValue,
  isAlive,
  isBackingOff,
  NOTICE_VOID_MS,
  probeDelayMs,
  readJournal,
  trustedValue,
  zonesThatMayShrink,
  type Cluster,
  type ConfiguredPolicy,
  type DecisionRecord,
  type DrainIntent,
  type EffectKind,
  type Hold,
  type Instance,
  type LaunchIntent,
  type LockItem,
  type Market,
  type PodShape,
  type RuleId,
  type RuleVerdict,
  type View,
  type Worker,
} from '../engine/index.ts';
import { formatInstant } from './instants.ts';
import type { Interpreter } from './interpret.ts';
import {
  clusterMicroBdt,
  diskCostMicroBdt,
  MICRO_BDT_PER_BDT,
  nodeCostMicroBdt,
  overheadMicroBdt,
  priceBook,
  surplusCostMicroBdt,
  type PriceBook,
} from './prices/index.ts';
import { clusterOf, type Observer } from './run.ts';
import { SAFETY_INVARIANTS } from './safety.ts';
import type { Scenario } from './scenario.ts';
import type { Table } from './table.ts';
import type { World } from './world.ts';

/** A rule of design section 5: its number there, a sentence, and what watches it. */
export interface Invariant {
  readonly number: number;
  readonly rule: string;
  /** @param fail says what was found instead, and throws */
  readonly watch: (facts: Facts, fail: (found: string) => never) => Observer;
}

/** Thrown at the first violation: which rule, when, with which numbers, and what was journalled last. */
export class InvariantViolation extends Error {
  override readonly name = 'InvariantViolation';
  readonly number: number;
  readonly atMs: number;
  readonly record: DecisionRecord | null;

  constructor(invariant: Invariant, atMs: number, found: string, record: DecisionRecord | null) {
    const journalled = record === null ? '' : `\nlast record: ${summaryOf(record)}`;
    super(
      `invariant ${invariant.number} at ${formatInstant(atMs, 0)}: ${invariant.rule}. Found: ${found}${journalled}`,
    );
    this.number = invariant.number;
    this.atMs = atMs;
    this.record = record;
  }
}

export interface CheckOptions {
  readonly scenario: Scenario;
  readonly configured: ConfiguredPolicy;
  /** From then on nothing goes wrong any more, so that the fleet must come right (17). Left out: that is not asked for. */
  readonly calmFromMs?: number;
}

/** An observer that checks these invariants through one run. */
export function checkers(
  options: CheckOptions,
  invariants: readonly Invariant[] = INVARIANTS,
): Observer {
  const facts = new Facts(options);
  return together([
    facts.gathers,
    ...invariants.map((invariant) =>
      invariant.watch(facts, (found) => {
        throw new InvariantViolation(invariant, facts.nowMs, found, facts.record);
      }),
    ),
    facts.closes,
  ]);
}

/** Several observers as one, each told in this order. */
export function together(observers: readonly Observer[]): Observer {
  const tell = <K extends keyof Observer>(key: K): Required<Observer>[K] => {
    const listeners = observers.flatMap((observer) => observer[key] ?? []) as ((
      ...told: unknown[]
    ) => void)[];
    const each = (...told: unknown[]): void => {
      for (const listener of listeners) {
        listener(...told);
      }
    };
    return each;
  };
  return {
    begun: tell('begun'),
    stepped: tell('stepped'),
    cycleBegins: tell('cycleBegins'),
    reaches: tell('reaches'),
    happened: tell('happened'),
    faulted: tell('faulted'),
    performed: tell('performed'),
    decided: tell('decided'),
    cycleEnds: tell('cycleEnds'),
    finished: tell('finished'),
  };
}

function summaryOf({ startedAtMs, outcome, decided, events }: DecisionRecord): string {
  const at = formatInstant(startedAtMs, 0);
  const happenings = events.map(({ code, subject, value }) => `${code} ${subject} ${value}`);
  if (decided === null) {
    return `${at} ${outcome} [${happenings.join(', ')}]`;
  }
  const { decision, explanation } = decided;
  const blocking = firstBlocking(explanation)?.rule ?? 'nothing';
  const launches = decision.launches.map(
    ({ zone, market, count }) => `${count} ${market} in ${zone}`,
  );
  return (
    `${at} ${decision.action} ${decision.count}, repair ${decision.repair}, desired ${decision.desired}, ` +
    `proposed ${explanation.proposed}, blocked by ${blocking}, launches [${launches.join(', ')}], ` +
    `victims [${decision.victims.join(', ')}], events [${happenings.join(', ')}]`
  );
}

// ---------------------------------------------------------------- what every checker may look at

/** One cycle, from outside. */
interface WatchedCycle {
  readonly startedAtMs: number;
  readonly deadlineMs: number;
  /** The nonce with which it asked for the lock; '' before it did. */
  owner: string;
  /** What it did to the world, by kind of effect. */
  readonly did: Set<EffectKind>;
  /** Faults that struck it; whether one put it to sleep; whether a commit was not confirmed to it. */
  faults: number;
  frozen: boolean;
  commitFailed: boolean;
  /** The instances it was shown; null: it was not. */
  listed: readonly Instance[] | null;
  /** The instances that it was shown to be marked; none, when it was not. */
  marked: ReadonlySet<string>;
  /** The hold that it was shown. */
  hold: Hold | null;
  /** What it asked to be shown and was not, by kind of effect; `queryMetrics` also where it was shown no CPU. */
  readonly unread: Set<EffectKind>;
  /** Pods that a worker could host and that were shown to have no room; null: it was not shown. */
  waiting: number | null;
  /** Workers’ nodes that were Ready in truth when it listed nodes; null: it has not. */
  readyWhenListed: ReadonlySet<string> | null;
  record: DecisionRecord | null;
}

const TOKENLESS = '';
/** A cycle is over by then. */
const LOOK_MAX_MS = 120_000;

/** The parts of a run, its present cycle, and what can be worked out from them. */
export class Facts {
  readonly options: CheckOptions;
  /** As the engine is told of it, from when the run begins. */
  cluster!: Cluster;
  world!: World;
  table!: Table;
  cycle: WatchedCycle | null = null;
  /** The last one journalled. */
  record: DecisionRecord | null = null;
  /** By what the present cycle goes, or the one before. */
  configured: ConfiguredPolicy;
  /** Client tokens that the engine ever sent. */
  readonly tokens = new Set<string>();
  /** When the cycle began that first committed an intent to launch, and its spend ceiling. */
  readonly births = new Map<
    string,
    { readonly atMs: number; readonly spendMaxBdtPerHour: number }
  >();
  #interpreter!: Interpreter;

  readonly #book: PriceBook;

  constructor(options: CheckOptions) {
    this.options = options;
    this.configured = options.configured;
    const book = priceBook(options.scenario.prices);
    if (book === undefined) {
      throw new RangeError(`there is no price book "${options.scenario.prices}"`);
    }
    this.#book = book;
  }

  get nowMs(): number {
    return Math.max(this.world.nowMs, this.#interpreter.nowMs);
  }

  get settings(): ConfiguredPolicy['settings'] {
    return this.configured.settings;
  }

  /** The lower bound for this cycle: the setting, or the hold that it was shown, which max goes before. */
  get nodeCountMin(): number {
    const { nodeCountMin, nodeCountMax } = this.settings;
    const { hold, startedAtMs } = this.cycle!;
    // From the start of a cycle to its decision some seconds pass: what ends meanwhile binds nobody.
    const held = hold !== null && startedAtMs + LOOK_MAX_MS < hold.untilMs ? hold.min : 0;
    return Math.max(nodeCountMin, Math.min(held, nodeCountMax));
  }

  /** Drains and launches that are committed. */
  get drains(): readonly DrainIntent[] {
    const { stored } = this.table;
    return stored.kind === 'known'
      ? stored.state.drains
      : stored.kind === 'lost'
        ? stored.drains
        : [];
  }

  get launches(): readonly LaunchIntent[] {
    const { stored } = this.table;
    return stored.kind === 'known'
      ? stored.state.launches
      : stored.kind === 'lost'
        ? stored.launches
        : [];
  }

  drainOf(instanceId: string): DrainIntent | undefined {
    return this.drains.find((drain) => drain.instanceId === instanceId);
  }

  /** Marked, or being drained for a reason of their own: not capacity any more. */
  doomed(): Set<string> {
    const doomed = new Set(this.table.inbox.doomed.map((mark) => mark.instanceId));
    for (const drain of this.drains) {
      if (drain.reason !== 'scale-down') {
        doomed.add(drain.instanceId);
      }
    }
    return doomed;
  }

  /**
   * Ids of what the cycle may take for workers: alive since before it began, or shown to it as alive, or remembered and not
   * yet confirmed gone.
   */
  believed(): readonly string[] {
    const { startedAtMs, listed } = this.cycle!;
    const alive = this.world.aliveInstances();
    const fresh = new Set(
      alive.filter(({ launchedAtMs }) => launchedAtMs >= startedAtMs).map(({ id }) => id),
    );
    const { stored } = this.table;
    const ids = new Set([
      ...alive.map(({ id }) => id),
      ...(listed ?? []).filter(isAlive).map(({ id }) => id),
      ...(stored.kind === 'known' ? stored.state.known : []),
    ]);
    return [...ids].filter((id) => !fresh.has(id));
  }

  /** Instances that nobody of ours launched since an intent was committed. */
  addedByHandSince(intentId: string): number {
    const atMs = this.births.get(intentId)?.atMs ?? this.cycle!.startedAtMs;
    return this.world
      .aliveInstances()
      .filter(
        ({ clientToken, launchedAtMs }) =>
          launchedAtMs >= atMs &&
          clientToken !== null &&
          !this.tokens.has(clientToken ?? TOKENLESS),
      ).length;
  }

  /** How many pods of a shape an empty worker holds, by the scenario’s own numbers; 0: none ever could (S13). */
  podsOnEmptyNode({ requestMillicpu, requestMib, zone, pinnedBy }: PodShape): number {
    const { worker, zones } = this.options.scenario.cluster;
    if (pinnedBy === 'unmodelled-affinity' || (zone !== null && !zones.includes(zone))) {
      return 0;
    }
    return Math.floor(
      Math.min(worker.allocatableMillicpu / requestMillicpu, worker.allocatableMib / requestMib),
    );
  }

  /** Pods without room that an empty worker could hold (S13). */
  helpable(shapes: readonly PodShape[], unschedulable: readonly number[]): number {
    let pods = 0;
    shapes.forEach((shape, s) => {
      if (unschedulable[s]! > 0 && this.podsOnEmptyNode(shape) > 0) {
        pods += unschedulable[s]!;
      }
    });
    return pods;
  }

  priceBdtPerHour(market: Market): number {
    return market === 'spot' ? this.cluster.spotBdtPerHour : this.cluster.onDemandBdtPerHour;
  }

  readonly gathers: Observer = {
    begun: (world, table, interpreter) => {
      this.world = world;
      this.table = table;
      this.cluster = clusterOf(this.options.scenario, this.#book, world.seed);
      this.#interpreter = interpreter;
    },
    cycleBegins: (startedAtMs, deadlineMs, { configured }) => {
      this.configured = configured;
      this.cycle = {
        startedAtMs,
        deadlineMs,
        owner: '',
        did: new Set(),
        faults: 0,
        frozen: false,
        commitFailed: false,
        listed: null,
        marked: new Set(),
        hold: null,
        unread: new Set(),
        waiting: null,
        readyWhenListed: null,
        record: null,
      };
    },
    faulted: (mode) => {
      this.cycle!.faults++;
      this.cycle!.frozen ||= mode === 'frozen';
    },
    reaches: (effect) => {
      if (effect.kind === 'launchInstances') {
        this.tokens.add(effect.launch.clientToken);
      } else if (effect.kind === 'acquireLock') {
        this.cycle!.owner = effect.owner;
      }
      if (MUTATIONS.has(effect.kind)) {
        this.cycle!.did.add(effect.kind);
      }
    },
    happened: (effect, _, world) => {
      if (effect.kind === 'commitState') {
        for (const { id } of this.launches) {
          if (!this.births.has(id)) {
            const { spendMaxBdtPerHour } = this.settings;
            this.births.set(id, { atMs: this.cycle!.startedAtMs, spendMaxBdtPerHour });
          }
        }
      } else if (effect.kind === 'listNodes') {
        const ready = world.listNodes().filter((node) => node.ready && !node.controlPlane);
        this.cycle!.readyWhenListed = new Set(ready.map((node) => node.name));
      }
    },
    performed: (effect, result) => {
      const cycle = this.cycle!;
      if (!result.ok || ('metrics' in result && result.metrics.cpuPercent.missing !== null)) {
        cycle.unread.add(effect.kind);
      }
      if (effect.kind === 'commitState') {
        cycle.commitFailed ||= !result.ok;
      } else if (effect.kind === 'readInbox' && result.ok && 'inbox' in result) {
        cycle.marked = new Set(result.inbox.doomed.map(({ instanceId }) => instanceId));
        cycle.hold = result.inbox.hold ?? null;
      } else if (effect.kind === 'listInstances') {
        cycle.listed = result.ok && 'instances' in result ? result.instances : null;
      } else if (effect.kind === 'listPods') {
        cycle.waiting =
          result.ok && 'pods' in result && 'shapes' in result.pods
            ? this.helpable(result.pods.shapes, result.pods.unschedulable)
            : null;
      }
    },
    decided: (record) => {
      this.record = record;
    },
  };

  readonly closes: Observer = {
    decided: (record) => {
      this.cycle!.record = record;
    },
    cycleEnds: () => {
      this.cycle = null;
    },
  };
}

function isStaying({ phase }: Worker): boolean {
  return (
    phase !== 'doomed' && phase !== 'terminating' && phase !== 'tainted' && phase !== 'draining'
  );
}

/** How many of each key. */
function tally<T>(items: Iterable<T>, keyOf: (item: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) {
    counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1);
  }
  return counts;
}

/** Effects that change the world outside our table. */
const MUTATIONS: ReadonlySet<EffectKind> = new Set([
  'launchInstances',
  'terminateInstance',
  'taintNode',
  'untaintNode',
  'evictPod',
  'deleteNode',
]);

/** Of those, what a paused engine still does. */
const WHILE_PAUSED: ReadonlySet<EffectKind> = new Set([
  'terminateInstance',
  'untaintNode',
  'deleteNode',
]);
const NOTHING: ReadonlySet<EffectKind> = new Set();
/** Without one of these nothing may be removed. */
const REMOVALS_REST_ON: readonly EffectKind[] = [
  'queryMetrics',
  'listInstances',
  'listPods',
  'readInbox',
];

// ---------------------------------------------------------------- how many

const bounds: Invariant = {
  number: 1,
  rule: 'never launches past max plus the doomed, never voluntarily goes below min',
  watch(facts, fail) {
    let launchedBefore = 0;
    const terminating = new Set<string>();
    // What was allowed when an intent was committed: it is sent again, unchanged, until it is answered (S4).
    const doomedAtBirth = new Map<string, number>();
    const doomedAlive = (): number => {
      const doomed = facts.doomed();
      return facts.world.aliveInstances().filter(({ id }) => doomed.has(id)).length;
    };
    return {
      begun: (world) => {
        launchedBefore = world.launches;
      },
      cycleBegins: () => {
        launchedBefore = facts.world.launches;
      },
      happened: (effect, _, world) => {
        if (effect.kind === 'launchInstances') {
          const launched = world.launches - launchedBefore;
          launchedBefore = world.launches;
          if (launched === 0) {
            return;
          }
          const alive = world.aliveInstances();
          const doomed = Math.max(doomedAlive(), doomedAtBirth.get(effect.launch.intentId) ?? 0);
          const byHand = facts.addedByHandSince(effect.launch.intentId);
          const max = facts.settings.nodeCountMax;
          if (alive.length > max + doomed + byHand) {
            fail(
              `${launched} launched, ${alive.length} alive; max is ${max}, ${doomed} are doomed, ` +
                `${byHand} were added by hand meanwhile`,
            );
          }
        } else if (effect.kind === 'commitState') {
          for (const { id } of facts.launches) {
            if (!doomedAtBirth.has(id)) {
              doomedAtBirth.set(id, doomedAlive());
            }
          }
          for (const { instanceId, reason, stage } of facts.drains) {
            if (reason !== 'scale-down' || stage !== 'terminating' || terminating.has(instanceId)) {
              continue;
            }
            terminating.add(instanceId);
            const staying = facts
              .believed()
              .filter((id) => !facts.cycle!.marked.has(id) && facts.drainOf(id) === undefined);
            const min = facts.nodeCountMin;
            if (staying.length < min) {
              fail(
                `${instanceId} is to be terminated, ${staying.length} would stay; min is ${min}`,
              );
            }
          }
        }
      },
      decided: ({ decided }) => {
        if (decided === null || decided.decision.action !== 'scaleDown') {
          return;
        }
        const ready = decided.view.workers.filter(({ phase }) => phase === 'ready').length;
        const staying = ready - decided.decision.victims.length;
        if (staying < facts.nodeCountMin) {
          fail(`${staying} of ${ready} Ready would stay; min is ${facts.nodeCountMin}`);
        }
      },
    };
  },
};

const informedRemovals: Invariant = {
  number: 2,
  rule: 'no voluntary removal on missing or stale readings, nor while a pod that a worker could host is unschedulable, nor in a freeze',
  watch(facts, fail) {
    let begunBefore = new Set<string>();
    const voluntary = (instanceId: string): DrainIntent | undefined => {
      const drain = facts.drainOf(instanceId);
      return drain?.reason === 'scale-down' ? drain : undefined;
    };
    /** The freeze in which this cycle began and is over. */
    const freeze = (): string | undefined => {
      const { startedAtMs } = facts.cycle!;
      return facts.options.scenario.freezes.find(
        ({ startAtMs, endAtMs }) => startedAtMs >= startAtMs && startedAtMs + LOOK_MAX_MS < endAtMs,
      )?.name;
    };
    return {
      cycleBegins: () => {
        begunBefore = new Set(facts.drains.map(({ id }) => id));
      },
      reaches: (effect) => {
        if (effect.kind !== 'taintNode' && effect.kind !== 'evictPod') {
          return;
        }
        const nodeName = effect.kind === 'taintNode' ? effect.nodeName : nodeOf(effect.uid);
        const drain = facts.drainOf(nodeName);
        if (drain === undefined) {
          return fail(`${effect.kind} on ${nodeName}, for which no drain is committed`);
        }
        if (drain.reason === 'scale-down' && freeze() !== undefined) {
          fail(`${effect.kind} on ${nodeName} for a voluntary drain, in the freeze ${freeze()}`);
        }
        if (drain.reason === 'scale-down' && (facts.cycle!.waiting ?? 0) > 0) {
          fail(
            `${effect.kind} on ${nodeName} for a voluntary drain, while ${facts.cycle!.waiting} pods wait for room`,
          );
        }
      },
      decided: ({ decided }) => {
        if (decided === null) {
          return;
        }
        const { view, decision } = decided;
        const begun = facts.drains.filter(
          ({ id, reason }) => reason === 'scale-down' && !begunBefore.has(id),
        );
        for (const { instanceId } of begun) {
          if (!decision.victims.includes(instanceId)) {
            fail(`a voluntary drain of ${instanceId} began, which was not decided`);
          }
        }
        if (decision.action !== 'scaleDown') {
          return;
        }
        if (freeze() !== undefined) {
          fail(`a removal was decided in the freeze ${freeze()}`);
        }
        const unread = (
          ['instancesKnown', 'nodesKnown', 'podsKnown', 'inboxKnown'] as const
        ).filter((list) => !view[list]);
        if (unread.length > 0 || view.contradicted || view.mode === 'paused') {
          const wrong = view.contradicted ? 'on a list that is not believed' : 'while paused';
          fail(
            `a removal was decided ${unread.length > 0 ? `without ${unread.join(', ')}` : wrong}`,
          );
        }
        // Whatever the view says of it.
        const notShown = REMOVALS_REST_ON.filter((kind) => facts.cycle!.unread.has(kind));
        if (notShown.length > 0) {
          fail(`a removal was decided, and ${notShown.join(', ')} had shown it nothing`);
        }
        const maxAgeMs = facts.settings.readingMaxAgeSeconds * 1000;
        const cpu = view.metrics.cpuPercent;
        if (
          freshValue(cpu, view.nowMs, maxAgeMs) === null ||
          trustedValue(cpu, view, facts.settings) === null
        ) {
          fail(
            `a removal was decided at ${view.nowMs} on the CPU reading ${JSON.stringify(cpu)}, which may be ${maxAgeMs} ms old`,
          );
        }
        const waiting = facts.helpable(view.shapes, view.unschedulable);
        if (waiting > 0) {
          fail(`a removal was decided while ${waiting} pods wait for room`);
        }
        for (const instanceId of decision.victims) {
          const worker = view.workers.find(({ id }) => id === instanceId);
          if (worker?.phase !== 'ready' || worker.cordoned) {
            fail(`the victim ${instanceId} is ${worker?.phase ?? 'unknown'}`);
          }
          if (
            view.victimBackoffs.some(
              (each) => each.instanceId === instanceId && view.nowMs < each.untilMs,
            )
          ) {
            fail(`the victim ${instanceId} is backing off`);
          }
        }
      },
      cycleEnds: (_, killed) => {
        const cycle = facts.cycle!;
        const decided = cycle.record?.decided;
        if (killed || cycle.commitFailed || !decided || decided.view.mode === 'observe') {
          return;
        }
        const going = facts.drains.find(
          ({ instanceId, stage }) => voluntary(instanceId) && stage !== 'terminating',
        );
        if (going === undefined) {
          return;
        }
        const waiting = cycle.waiting ?? 0;
        if (decided.view.mode === 'paused') {
          fail(`the drain of ${going.instanceId} stays while paused`);
        }
        if (waiting > 0 && cycle.listed !== null) {
          fail(`the drain of ${going.instanceId} goes on while ${waiting} pods wait for room`);
        }
      },
    };
  },
};

const onceOnly: Invariant = {
  number: 3,
  rule: 'one policy decision a cycle; no launch twice for one intent, and each repeat is the same request',
  watch(facts, fail) {
    const requests = new Map<string, string>();
    const planned = new Map<string, number>();
    const launchedBy = new Map<string, Set<string>>();
    let records = 0;
    return {
      cycleBegins: () => {
        records = 0;
      },
      reaches: (effect) => {
        if (effect.kind !== 'launchInstances') {
          return;
        }
        const { launch } = effect;
        const intent = facts.launches.find(({ id }) => id === launch.intentId);
        const attempt = intent?.attempts.find(
          ({ clientToken }) => clientToken === launch.clientToken,
        );
        if (intent === undefined || attempt === undefined) {
          return fail(
            `launch ${launch.clientToken} of ${launch.intentId} was sent before it was committed`,
          );
        }
        planned.set(launch.intentId, intent.count);
        const request = JSON.stringify(launch);
        const before = requests.get(launch.clientToken);
        if (before !== undefined && before !== request && launch.count === attempt.count) {
          fail(`token ${launch.clientToken} was sent with ${before} and then with ${request}`);
        }
        if (launch.count === attempt.count) {
          requests.set(launch.clientToken, request);
        }
      },
      happened: (effect, result) => {
        if (effect.kind !== 'launchInstances' || !result.ok || !('instanceIds' in result)) {
          return;
        }
        const { intentId } = effect.launch;
        const ids = launchedBy.get(intentId) ?? new Set();
        for (const id of result.instanceIds) {
          ids.add(id);
        }
        launchedBy.set(intentId, ids);
        const count = planned.get(intentId) ?? 0;
        if (ids.size > count) {
          fail(`intent ${intentId} was for ${count} instances and has launched ${ids.size}`);
        }
      },
      decided: () => {
        records++;
        if (records > 1) {
          fail(`${records} records in one cycle`);
        }
      },
    };
  },
};

const everyInstanceKnown: Invariant = {
  number: 4,
  rule: 'every instance with our tags is known or adopted within two cycles that could see it',
  watch(facts, fail) {
    const missed = new Map<string, number>();
    return {
      cycleEnds: (_, killed) => {
        const { listed, commitFailed, record } = facts.cycle!;
        if (killed || listed === null || commitFailed || record?.outcome !== 'decided') {
          return;
        }
        const { stored } = facts.table;
        const known = new Set(stored.kind === 'known' ? stored.state.known : []);
        for (const instance of listed) {
          if (!isAlive(instance) || known.has(instance.id)) {
            missed.delete(instance.id);
            continue;
          }
          const cycles = (missed.get(instance.id) ?? 0) + 1;
          missed.set(instance.id, cycles);
          if (cycles >= 2) {
            fail(`${instance.id} was listed in ${cycles} cycles and is still not known`);
          }
        }
      },
    };
  },
};

// ---------------------------------------------------------------- what happens to pods

/** The interpreter names a pod `node/shape/number`. */
function nodeOf(uid: string): string {
  return uid.split('/')[0]!;
}

function shapeOf(uid: string): number {
  return Number(uid.split('/')[1]);
}

/** Drains that AWS has announced; the other repairs give up a node of their own accord. */
const NOTICED: readonly DrainIntent['reason'][] = ['reclaim', 'rebalance'];

const podsProtected: Invariant = {
  number: 5,
  rule: 'protected pods are never evicted, disruption budgets hold, and an instance is terminated only drained, doomed or never joined',
  watch(facts, fail) {
    let running = 0;
    let stepIndex = -1;
    const judged = new Set<string>();
    const shownReady = new Set<string>();
    const { web, others } = facts.options.scenario.workload;
    const unavailablePercent = (s: number): number =>
      s === 0 ? web.maxUnavailablePercent : others[s - 1]!.maxUnavailablePercent;
    return {
      performed: (effect, result) => {
        if (effect.kind === 'listNodes' && result.ok && 'nodes' in result) {
          result.nodes.forEach(({ name, ready }) => ready && shownReady.add(name));
        }
      },
      cycleBegins: () => {
        // Who was seen Ready is not remembered any more, whether or not the cycle lives to say so.
        if (facts.table.stored.kind !== 'known') {
          shownReady.clear();
        }
      },
      reaches: (effect, world) => {
        if (effect.kind === 'evictPod') {
          const s = shapeOf(effect.uid);
          running = world.runningTotal[s]!;
          ({ stepIndex } = world);
          const { pinnedBy, key } = world.shapes[s]!;
          const reason = facts.drainOf(nodeOf(effect.uid))?.reason;
          if (pinnedBy !== null && reason !== 'reclaim') {
            fail(`a pod of ${key} (${pinnedBy}) is evicted from ${nodeOf(effect.uid)} (${reason})`);
          }
          if (reason === 'rebalance') {
            // As the cycle was shown them: a notice may come while it works.
            const { marked, readyWhenListed } = facts.cycle!;
            const going = new Set(facts.drains.map((drain) => drain.instanceId));
            const others = [...(readyWhenListed ?? [])].filter(
              (name) => !marked.has(name) && !going.has(name),
            );
            const { stored } = facts.table;
            const desired = stored.kind === 'known' ? (stored.state.desired ?? 0) : 0;
            // What a policy has only just asked for replaces nobody.
            const asked = facts.launches.reduce(
              (sum, { count, repair }) => sum + count - repair,
              0,
            );
            const wanted = Math.min(desired - asked, facts.settings.nodeCountMax);
            if (others.length < wanted) {
              fail(
                `${nodeOf(effect.uid)} is drained for a hint with ${others.length} others Ready; ${wanted} are meant to be there`,
              );
            }
          }
        } else if (effect.kind === 'terminateInstance') {
          const drain = facts.drainOf(effect.instanceId);
          if (drain?.stage !== 'terminating') {
            return fail(`${effect.instanceId} is terminated, which is not committed`);
          }
          if (drain.reason === 'unhealthy' || drain.reason === 'never-joined') {
            return;
          }
          const left = (world.podsOn(effect.instanceId) ?? []).reduce(
            (sum, { active, terminating }) => sum + active + terminating,
            0,
          );
          if (left > 0) {
            fail(`${effect.instanceId} (${drain.reason}) is terminated with ${left} pods on it`);
          }
        }
      },
      happened: (effect, result, world) => {
        if (effect.kind === 'evictPod' && result.ok && world.stepIndex === stepIndex) {
          const s = shapeOf(effect.uid);
          const left = world.runningTotal[s]!;
          const unavailable = Math.ceil((world.replicas[s]! * unavailablePercent(s)) / 100);
          if (left < running && left < world.replicas[s]! - unavailable) {
            fail(
              `${left} of ${world.replicas[s]} pods of ${world.shapes[s]!.key} run after an eviction; ${unavailable} may be away`,
            );
          }
        } else if (effect.kind === 'commitState') {
          for (const { id, instanceId, reason, stage } of facts.drains) {
            // Who is given up is judged twice: before it is terminated it is looked at again.
            const again = stage === 'terminating' && !NOTICED.includes(reason);
            const key = again ? `${id} ${reason} ${stage}` : `${id} ${reason}`;
            if (reason === 'scale-down' || judged.has(key)) {
              continue;
            }
            judged.add(key);
            if (NOTICED.includes(reason)) {
              const marks = facts.table.inbox.doomed.filter(
                (mark) => mark.instanceId === instanceId,
              );
              if (!marks.some(({ cause }) => cause === reason)) {
                fail(`${instanceId} is drained for a ${reason} that nobody announced`);
              }
              continue;
            }
            if (facts.cycle!.readyWhenListed?.has(instanceId)) {
              fail(`${instanceId} is given up (${reason}), but its node is Ready`);
            }
            if (reason === 'never-joined' && shownReady.has(instanceId)) {
              fail(`${instanceId} is given up as never joined, but its node has been Ready`);
            }
          }
        }
      },
    };
  },
};

/** Of so many requests that passed, what sums of fractions may be out by. */
const REQUESTS_ROUNDING = 1e-9;
/** A queue of fewer requests than this is none: so much may be dropped in each step. */
const REQUESTS_DROPPED = 1e-6;

const conserved: Invariant = {
  number: 8,
  rule: 'pods and requests are neither lost nor made, and no node holds more than fits',
  watch(_, fail) {
    let offered = 0;
    let ended = 0;
    return {
      stepped: (world) => {
        offered += world.arrivedRequests;
        ended += world.servedRequests + world.lostRequests + world.stayedAwayRequests;
        const underWay = world.backlogRequests + world.retryingRequests;
        const most = offered * REQUESTS_ROUNDING + (world.stepIndex + 1) * REQUESTS_DROPPED;
        if (!(Math.abs(offered - ended - underWay) <= most)) {
          fail(`${offered} requests were made, ${ended} ended and ${underWay} are under way`);
        }
        const { expected, found } = world.podsExpectedAndFound();
        if (expected !== found) {
          fail(`${expected} pods should exist and ${found} do`);
        }
        if (!world.fitsEverywhere()) {
          fail('a node holds more than its room');
        }
      },
    };
  },
};

// ---------------------------------------------------------------- who may act, and when

const fencing: Invariant = {
  number: 6,
  rule: 'only the holder of the lock acts, not after its deadline, and not where it may only look',
  watch(facts, fail) {
    let lock: LockItem;
    const holds = (owner: string, epoch: number): boolean =>
      lock.owner === owner && lock.epoch === epoch;
    return {
      begun: (_, table) => {
        ({ lock } = table);
      },
      cycleBegins: () => {
        ({ lock } = facts.table);
      },
      reaches: (effect) => {
        const { nowMs, cycle } = facts;
        if (MUTATIONS.has(effect.kind)) {
          if (nowMs > cycle!.deadlineMs) {
            fail(`${effect.kind} ${nowMs - cycle!.deadlineMs} ms after the deadline`);
          }
          const held = facts.table.lock;
          if (held.owner === null || held.owner !== cycle!.owner) {
            fail(
              `${effect.kind} by ${cycle!.owner}; the lock is ${held.owner === null ? 'free' : `held by ${held.owner}`}`,
            );
          }
        }
      },
      // Paused, what is committed as terminating is finished, and what was tainted is let go (S8, S18).
      decided: ({ decided }) => {
        const mode = decided?.view.mode ?? 'act';
        const allowed = mode === 'act' ? MUTATIONS : mode === 'paused' ? WHILE_PAUSED : NOTHING;
        for (const kind of facts.cycle!.did) {
          if (!allowed.has(kind)) {
            fail(`${kind} in mode ${mode}`);
          }
        }
      },
      happened: (effect, result) => {
        if (!result.ok) {
          return;
        }
        if (effect.kind === 'acquireLock') {
          const { nowMs, owner, epoch, lockExpiryAtMs, holderDeadlineAtMs } = effect;
          const free =
            lock.owner === null || lock.lockExpiryAtMs < nowMs || lock.holderDeadlineAtMs < nowMs;
          if (!free || epoch <= lock.epoch) {
            fail(
              `${owner} was given the lock at epoch ${epoch}; ${lock.owner} holds it at ${lock.epoch}`,
            );
          }
          lock = { owner, epoch, lockExpiryAtMs, holderDeadlineAtMs };
        } else if (effect.kind === 'commitState' || effect.kind === 'releaseLock') {
          const { owner, epoch } = effect;
          if (!holds(owner, epoch)) {
            fail(
              `${effect.kind} by ${owner} at ${epoch} was accepted; ${lock.owner} holds the lock at ${lock.epoch}`,
            );
          }
          ({ lock } = facts.table);
        }
      },
    };
  },
};

const inTime: Invariant = {
  number: 12,
  rule: 'a cycle ends before its deadline, whatever hangs',
  watch(facts, fail) {
    return {
      reaches: (effect) => {
        const lateMs = facts.nowMs - facts.cycle!.deadlineMs;
        if (lateMs > 0) {
          fail(`${effect.kind} begins ${lateMs} ms after the deadline`);
        }
      },
      // Killed or not: the deadline would have killed it, and what it was about to write is not written.
      cycleEnds: (nowMs) => {
        const { deadlineMs, frozen } = facts.cycle!;
        if (!frozen && nowMs > deadlineMs) {
          fail(`it ended ${nowMs - deadlineMs} ms after the deadline`);
        }
      },
    };
  },
};

const takenOver: Invariant = {
  number: 14,
  rule: 'the lock of a dead holder is taken over once its deadline has passed, and nobody leaves their own',
  watch(facts, fail) {
    return {
      decided: ({ outcome, startedAtMs }) => {
        if (outcome !== 'lock-held') {
          return;
        }
        const { owner, holderDeadlineAtMs, lockExpiryAtMs } = facts.table.lock;
        if (owner !== null && owner === facts.cycle!.owner) {
          fail('the cycle left because of a lock that is its own');
        }
        if (owner === null || startedAtMs > Math.min(holderDeadlineAtMs, lockExpiryAtMs)) {
          fail(
            `the cycle left because of ${owner ?? 'nobody'}, whose deadline was ${startedAtMs - holderDeadlineAtMs} ms ago`,
          );
        }
      },
    };
  },
};

const quietTimes: Invariant = {
  number: 7,
  rule: 'cooldowns pass between an action and the next',
  watch(facts, fail) {
    const seen = new Set<string>();
    let lastActionAtMs = -Infinity;
    return {
      cycleBegins: () => {
        if (facts.table.stored.kind !== 'known') {
          lastActionAtMs = -Infinity;
        }
      },
      happened: (effect, result) => {
        if (effect.kind !== 'commitState' || !result.ok) {
          return;
        }
        const { cooldownAfterActionSeconds, cooldownBeforeRemovalSeconds } = facts.settings;
        const ups = facts.launches.filter(
          ({ id, reason }) => reason === 'scale-up' && !seen.has(id),
        );
        const downs = facts.drains.filter(
          ({ id, reason }) => reason === 'scale-down' && !seen.has(id),
        );
        for (const { createdAtMs } of ups) {
          const quietMs = createdAtMs - lastActionAtMs;
          if (quietMs < cooldownAfterActionSeconds * 1000) {
            fail(
              `added ${quietMs} ms after an action; the cooldown is ${cooldownAfterActionSeconds} s`,
            );
          }
        }
        const seconds = Math.max(cooldownAfterActionSeconds, cooldownBeforeRemovalSeconds);
        for (const { startedAtMs } of downs) {
          const quietMs = startedAtMs - lastActionAtMs;
          if (quietMs < seconds * 1000) {
            fail(`removing ${quietMs} ms after an action; the cooldown is ${seconds} s`);
          }
        }
        for (const { id } of [...ups, ...downs]) {
          seen.add(id);
        }
        for (const { createdAtMs } of ups) {
          lastActionAtMs = Math.max(lastActionAtMs, createdAtMs);
        }
        for (const { startedAtMs } of downs) {
          lastActionAtMs = Math.max(lastActionAtMs, startedAtMs);
        }
      },
    };
  },
};

// ---------------------------------------------------------------- where, and for how much

/** Workers that stay, by zone, in the order of the cluster’s zones. */
function byZone(view: View, cluster: Cluster, without: readonly string[] = []): number[] {
  const staying = view.workers.filter(
    (worker) => isStaying(worker) && !without.includes(worker.id),
  );
  const counts = tally(staying, ({ zone }) => zone);
  for (const { zone, count } of view.unanswered) {
    counts.set(zone, (counts.get(zone) ?? 0) + count);
  }
  return cluster.zones.map((zone) => counts.get(zone) ?? 0);
}

const zonesEven: Invariant = {
  number: 9,
  rule: 'what is added and what is removed keeps the zones within one of each other, where capacity allows',
  watch(facts, fail) {
    return {
      decided: ({ decided }) => {
        if (decided === null) {
          return;
        }
        const { view, decision } = decided;
        const { zones } = facts.cluster;
        const after = byZone(view, facts.cluster, decision.victims);
        const movable = zonesThatMayShrink(view, facts.cluster, facts.settings);
        for (const { zone, count } of decision.launches) {
          const at = zones.indexOf(zone);
          after[at] = after[at]! + count;
        }
        for (const { zone, market } of decision.launches) {
          // Where pods wait that may run in no other zone, the node goes there.
          if (view.shapes.some((shape, s) => shape.zone === zone && view.unschedulable[s]! > 0)) {
            continue;
          }
          const here = after[zones.indexOf(zone)]!;
          zones.forEach((other, z) => {
            const open = !isBackingOff(view.poolBackoffs, other, market, view.nowMs);
            if (open && here - after[z]! > 1) {
              fail(`launches into ${zone} make ${here} there and ${after[z]} in ${other}`);
            }
          });
        }
        for (const instanceId of decision.victims) {
          const { zone } = view.workers.find(({ id }) => id === instanceId)!;
          const at = zones.indexOf(zone);
          const most = Math.max(0, ...after.filter((_, z) => movable[z]));
          if (at >= 0 && most - after[at]! > 1) {
            fail(`removing ${instanceId} leaves ${after[at]} in ${zone} and ${most} elsewhere`);
          }
        }
      },
    };
  },
};

const onDemandFloor: Invariant = {
  number: 10,
  rule: 'removals leave the on-demand base, and spot is bought only above it',
  watch(facts, fail) {
    return {
      decided: ({ decided }) => {
        if (decided === null) {
          return;
        }
        const { view, decision } = decided;
        const base = facts.settings.onDemandBase;
        const onDemand = (without: readonly string[]): number =>
          view.workers.filter(
            (worker) =>
              isStaying(worker) && worker.market === 'on-demand' && !without.includes(worker.id),
          ).length;
        const left = onDemand(decision.victims);
        if (left < onDemand([]) && left < base) {
          fail(
            `removing ${decision.victims.join(', ')} leaves ${left} on demand; the base is ${base}`,
          );
        }
        let bought = 0;
        let spot = 0;
        for (const { market, count } of [...view.unanswered, ...decision.launches]) {
          if (market === 'on-demand') {
            bought += count;
          } else {
            spot += count;
          }
        }
        if (decision.launches.some(({ market }) => market === 'spot') && left + bought < base) {
          fail(`${spot} spot beside ${left + bought} on demand; the base is ${base}`);
        }
      },
    };
  },
};

const spendCeiling: Invariant = {
  number: 11,
  rule: 'nothing is bought past the spend ceiling',
  watch(facts, fail) {
    let launchedBefore = 0;
    const spend = (instances: readonly Instance[]): number =>
      instances.reduce((sum, { market }) => sum + facts.priceBdtPerHour(market), 0);
    return {
      begun: (world) => {
        launchedBefore = world.launches;
      },
      cycleBegins: () => {
        launchedBefore = facts.world.launches;
      },
      happened: (effect, _, world) => {
        if (effect.kind !== 'launchInstances') {
          return;
        }
        // What is committed is sent again whatever the ceiling has become since (S25).
        const { intentId } = effect.launch;
        const limits = [facts.settings, facts.births.get(intentId) ?? facts.settings].map(
          ({ spendMaxBdtPerHour }) => (spendMaxBdtPerHour === 0 ? Infinity : spendMaxBdtPerHour),
        );
        const limit = Math.max(...limits);
        const launched = world.launches - launchedBefore;
        launchedBefore = world.launches;
        const byHand = facts.addedByHandSince(intentId);
        const bdtPerHour =
          spend(world.aliveInstances()) - byHand * facts.cluster.onDemandBdtPerHour;
        if (launched > 0 && bdtPerHour > limit + 1e-6) {
          fail(`${launched} bought make ${bdtPerHour} BDT/h; the ceiling is ${limit}`);
        }
      },
    };
  },
};

const moneyAddsUp: Invariant = {
  number: 15,
  rule: 'the bill is the sum of what each instance ran',
  watch(facts, fail) {
    const born = new Map<string, { readonly atMs: number; readonly instance: Instance }>();
    const spans: { readonly market: Market; readonly ranMs: number; readonly ratio: number }[] = [];
    const end = (instanceId: string, atMs: number, takenByAws = false): void => {
      const known = born.get(instanceId);
      if (known === undefined) {
        return;
      }
      born.delete(instanceId);
      const { zone, market, launchedAtMs } = known.instance;
      const zoneIndex = facts.cluster.zones.indexOf(zone);
      const ratio =
        market === 'spot'
          ? facts.world.market.spotCostRatio(zoneIndex, launchedAtMs, atMs, takenByAws)
          : 1;
      spans.push({ market, ranMs: Math.max(0, atMs - known.atMs), ratio });
    };
    const notice = (atMs: number, takenByAws = false): void => {
      const alive = facts.world.aliveInstances();
      for (const instance of alive) {
        if (!born.has(instance.id)) {
          born.set(instance.id, { atMs, instance });
        }
      }
      if (alive.length < born.size) {
        const ids = new Set(alive.map(({ id }) => id));
        [...born.keys()].filter((id) => !ids.has(id)).forEach((id) => end(id, atMs, takenByAws));
      }
    };
    return {
      begun: () => notice(facts.world.demand.firstStepAtMs),
      // AWS takes instances in a step; what others launch and terminate, they do as a cycle begins.
      stepped: (world) => {
        if (world.launches - world.terminations < born.size) {
          notice(world.nowMs, true);
        }
      },
      cycleBegins: (nowMs) => notice(nowMs),
      happened: (effect, result) => {
        if (effect.kind === 'launchInstances') {
          notice(result.completedAtMs);
        } else if (effect.kind === 'terminateInstance' && result.ok) {
          end(effect.instanceId, result.completedAtMs);
        }
      },
      finished: ({ measures, configured, earlier }, world) => {
        const { firstStepAtMs, stepCount, stepMs } = world.demand;
        const durationMs = stepCount * stepMs;
        for (const id of [...born.keys()]) {
          end(id, firstStepAtMs + durationMs);
        }
        // No machine burns more than all of its CPU above the baseline, the step in which it ends included.
        const { millicpu, credits } = world.scenario.cluster.worker;
        const surplusMillicpu = Math.max(0, millicpu - (credits.perHour * 1000) / 60);
        const surplus = world.bills().map(({ surplusCpuMs }) => surplusCpuMs);
        const burnt = surplus.reduce((sum, each) => sum + each, 0);
        const burnable = spans.reduce(
          (sum, { ranMs }) => sum + (surplusMillicpu * (ranMs + stepMs)) / 1000,
          0,
        );
        if (burnt > burnable) {
          fail(`${burnt} CPU-ms of surplus credits, where ${burnable} could be burnt`);
        }
        const { costBdt, costBreakdownBdt } = measures;
        const own = { prices: world.scenario.prices, costBdt, costBreakdownBdt };
        const scales = [...earlier, { configured }].some((each) => each.configured.policy.scales);
        for (const bill of [own, ...measures.bills]) {
          const book = priceBook(bill.prices)!;
          const microBdt = { 'on-demand': 0, spot: 0 };
          let disks = 0;
          for (const { market, ranMs, ratio } of spans) {
            microBdt[market] += Math.round(nodeCostMicroBdt(book, market, ranMs) * ratio);
            disks += diskCostMicroBdt(book, ranMs);
          }
          const lines = {
            onDemandNodes: microBdt['on-demand'],
            spotNodes: microBdt.spot,
            disks,
            surplusCredits: surplus.reduce((sum, each) => sum + surplusCostMicroBdt(book, each), 0),
            cluster: clusterMicroBdt(book, durationMs),
            autoscaler: scales ? overheadMicroBdt(book, durationMs) : 0,
          };
          let sum = 0;
          for (const [line, due] of Object.entries(lines)) {
            const wanted = due / MICRO_BDT_PER_BDT;
            const billed = bill.costBreakdownBdt[line as keyof typeof lines];
            if (wanted !== billed) {
              fail(`${line} should cost ${wanted} BDT by ${book.name} and is billed ${billed}`);
            }
            sum += due;
          }
          if (sum / MICRO_BDT_PER_BDT !== bill.costBdt) {
            fail(`the lines add up to ${sum / MICRO_BDT_PER_BDT} BDT, the bill is ${bill.costBdt}`);
          }
        }
      },
    };
  },
};

// ---------------------------------------------------------------- how it ends

/** Cycles in which nothing went wrong that a drain may need beyond its limit. */
const DRAIN_GRACE_CYCLES = 3;
/** What is older than this by the end of the calm is not on its way any more. */
const LEFT_OVER_MS = 3_600_000;

const drainsEnd: Invariant = {
  number: 13,
  rule: 'every drain ends, terminated or undone, and nothing of it stays behind once it is calm',
  watch(facts, fail) {
    const overdue = new Map<string, number>();
    let lastModeIsAct = false;
    // Of the last cycle: the next one takes their taints off.
    let undone = new Set<string>();
    return {
      decided: ({ decided, events }) => {
        if (decided !== null) {
          lastModeIsAct = decided.view.mode === 'act';
          undone = new Set(
            events.flatMap(({ code, subject }) => (code === 'drain-undone' ? [subject] : [])),
          );
        }
      },
      finished: (_, world) => {
        const { calmFromMs } = facts.options;
        const { table } = facts;
        if (calmFromMs === undefined || !lastModeIsAct || table.stored.kind !== 'known') {
          return;
        }
        const endAtMs = world.nowMs;
        const settledBefore = (atMs: number): boolean => atMs < endAtMs - LEFT_OVER_MS;
        if (!settledBefore(calmFromMs)) {
          return;
        }
        const { known } = table.stored.state;
        const marked = new Set(table.inbox.doomed.map(({ instanceId }) => instanceId));
        const alive = world.aliveInstances();
        const orphan = alive.find(
          ({ id, launchedAtMs }) => settledBefore(launchedAtMs) && !known.includes(id),
        );
        if (orphan !== undefined) {
          fail(`${orphan.id} runs, is paid for, and is known to nobody`);
        }
        const drained = new Set(facts.drains.map(({ instanceId }) => instanceId));
        const ids = new Set(alive.map(({ id }) => id));
        // A node that outlives its instance for a while takes no pods.
        const stray = world
          .listNodes()
          .find(
            ({ name, taintIntentId }) =>
              taintIntentId !== null &&
              ids.has(name) &&
              !drained.has(name) &&
              !marked.has(name) &&
              !undone.has(name),
          );
        if (stray !== undefined) {
          fail(`${stray.name} carries our taint ${stray.taintIntentId}, and no drain is behind it`);
        }
        const settled = table.inbox.doomed.find(
          ({ instanceId, markedAtMs }) => settledBefore(markedAtMs) && !ids.has(instanceId),
        );
        if (settled !== undefined) {
          fail(`${settled.instanceId} is gone, and its mark stays`);
        }
      },
      cycleEnds: (nowMs, killed) => {
        const { faults, record } = facts.cycle!;
        if (killed || faults > 0 || record?.decided?.view.mode !== 'act') {
          return;
        }
        const alive = new Set(facts.world.aliveInstances().map(({ id }) => id));
        const drainMaxMs = facts.settings.drainMaxSeconds * 1000;
        for (const { id, instanceId, reason, stage, startedAtMs } of facts.drains) {
          const noticed = reason === 'reclaim' || reason === 'rebalance';
          const limitMs = noticed ? Math.max(NOTICE_VOID_MS, drainMaxMs) : drainMaxMs;
          if (
            !alive.has(instanceId) ||
            (stage !== 'terminating' && nowMs - startedAtMs < limitMs)
          ) {
            overdue.delete(id);
            continue;
          }
          const cycles = (overdue.get(id) ?? 0) + 1;
          overdue.set(id, cycles);
          if (cycles > DRAIN_GRACE_CYCLES) {
            fail(
              `${instanceId} (${reason}) is still ${stage} ${Math.round((nowMs - startedAtMs) / 1000)} s after its drain began`,
            );
          }
        }
      },
    };
  },
};

/** The comparison behind each verdict that stands in the way, or fires: `from` is above or equal, `upTo` below or equal. */
const CROSSES: Readonly<Partial<Record<RuleId, 'above' | 'below' | 'from' | 'upTo'>>> = {
  'cpu-high': 'above',
  'target-above-supply': 'above',
  mode: 'above',
  readings: 'below',
  'memory-lost': 'below',
  max: 'above',
  min: 'below',
  cooldown: 'below',
  'no-pods-unschedulable': 'above',
  'nothing-in-flight': 'above',
  victim: 'below',
  step: 'above',
  pools: 'below',
  'desired-capacity': 'below',
  'pods-pending': 'above',
  'pods-waiting-lasts': 'from',
  'memory-high': 'above',
  'cpu-low-lasts': 'from',
  'memory-low': 'below',
  'nothing-pending': 'upTo',
  'operator-comes': 'from',
  'quiet-lasts': 'from',
  'above-target-lasts': 'from',
  'below-target-lasts': 'from',
  'capacity-warm': 'upTo',
  'scale-up-settled-lasts': 'from',
  'removal-settled-lasts': 'from',
  'unneeded-lasts': 'from',
  'drain-ended': 'upTo',
  'consolidatable-lasts': 'from',
  'disruption-budget': 'below',
};

function reevaluates({ rule, verdict, observed, threshold }: RuleVerdict): boolean {
  const crosses = CROSSES[rule];
  if (crosses === undefined || verdict === 'unknown') {
    return true;
  }
  const crossed =
    crosses === 'above'
      ? observed > threshold
      : crosses === 'from'
        ? observed >= threshold
        : crosses === 'below'
          ? observed < threshold
          : observed <= threshold;
  return crossed === (verdict === 'fires' || verdict === 'clips' || verdict === 'blocks');
}

const replays: Invariant = {
  number: 16,
  rule: 'the journal replays to the same decisions, and every verdict follows from its numbers',
  watch(facts, fail) {
    const lived: { readonly record: DecisionRecord; readonly configured: ConfiguredPolicy }[] = [];
    return {
      decided: (record) => {
        lived.push({ record, configured: facts.configured });
        for (const rule of record.decided?.explanation.rules ?? []) {
          if (!reevaluates(rule)) {
            fail(`${rule.rule} ${rule.verdict} with ${rule.observed} against ${rule.threshold}`);
          }
        }
      },
      finished: (run) => {
        let memory: readonly number[] = [];
        const read = [...run.earlier, run].flatMap(({ configured, journal }) =>
          readJournal(journal).records.map((record) => ({ record, configured })),
        );
        if (read.length !== lived.length) {
          fail(`${lived.length} records were journalled and ${read.length} are read back`);
        }
        read.forEach(({ record, configured }, n) => {
          const { record: original, configured: inForce } = lived[n]!;
          if (configured !== inForce) {
            fail(
              `record ${n} is journalled under ${configured.policy.name}, and was not decided by it`,
            );
          }
          if (
            record.startedAtMs !== original.startedAtMs ||
            record.epoch !== original.epoch ||
            record.outcome !== original.outcome ||
            !same(record.events, original.events)
          ) {
            fail(`record ${n} reads back as ${JSON.stringify({ ...record, decided: null })}`);
          }
          if (record.decided === null || original.decided === null) {
            return;
          }
          const { view, decision, level, proposed, rules } = record.decided;
          if (!same(view, original.decided.view)) {
            fail(`the view of record ${n} reads back differently`);
          }
          memory = record.decided.memory ?? memory;
          const again = decide(configured, facts.cluster, view, memory);
          ({ memory } = again);
          const verdicts = again.explanation.rules.map(({ rule, verdict }) => ({ rule, verdict }));
          if (
            !same(again.decision, decision) ||
            !same(verdicts, rules) ||
            again.explanation.level !== level ||
            again.explanation.proposed !== proposed ||
            !same(again.explanation, original.decided.explanation)
          ) {
            fail(
              `record ${n} says ${JSON.stringify(decision)}, and its view is decided as ${JSON.stringify(again.decision)}`,
            );
          }
        });
      },
    };
  },
};

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a, inOrder) === JSON.stringify(b, inOrder);
}

/** Keys sorted, so that objects are compared by what they hold. */
function inOrder(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return value;
  }
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Longer than any back-off, and than a launch that nobody answers is held to be in flight. */
const EXCUSED_MS = 75 * 60_000;
/** Calm cycles in a row in which pods wait, there is room to buy, nothing is on its way, and nothing is done about it. */
const IDLE_CYCLES_MAX = 3;

const liveness: Invariant = {
  number: 17,
  rule: 'once nothing goes wrong any more, no schedulable pod waits for long without capacity being on its way',
  watch(facts, fail) {
    const { calmFromMs } = facts.options;
    let idleCycles = 0;
    let excusedSinceMs = Infinity;
    let idleSinceMs = Infinity;
    let begunBefore = 0;
    return {
      cycleBegins: () => {
        begunBefore = facts.world.launches;
      },
      happened: (effect, result) => {
        if (effect.kind === 'launchInstances' && !result.ok) {
          // AWS has none: a quota or a shortage of its own is nobody’s fault here.
          excusedSinceMs = Infinity;
        }
      },
      cycleEnds: (nowMs, killed) => {
        const { world, table, settings } = facts;
        const { waiting, record } = facts.cycle!;
        if (calmFromMs === undefined || nowMs < calmFromMs || table.stored.kind !== 'known') {
          return;
        }
        const { state } = table.stored;
        // How long the policy lets pods wait by its own rules: nobody owes them anything before.
        const { policy } = facts.configured;
        const patienceMs = policy.pendingPatienceMs?.(settings, facts.cluster) ?? 0;
        const alive = world.aliveInstances();
        const doomed = facts.doomed();
        const staying = alive.filter(({ id }) => !doomed.has(id));
        const ready = new Set(
          world
            .listNodes()
            .filter((node) => node.ready && !node.cordoned)
            .map(({ name }) => name),
        );
        const arriving = staying.some(
          ({ id, launchedAtMs }) =>
            !ready.has(id) && nowMs - launchedAtMs < settings.joinTimeoutSeconds * 1000 + 300_000,
        );
        const youngest = world
          .listNodes()
          .some((node) => node.ready && nowMs - node.readyChangedAtMs < 60_000);
        const lastActionAtMs = Math.max(
          state.lastScaleUpAtMs ?? -Infinity,
          state.lastScaleDownAtMs ?? -Infinity,
        );
        const spend = alive.reduce((sum, { market }) => sum + facts.priceBdtPerHour(market), 0);
        const limit = settings.spendMaxBdtPerHour;
        const mayBuy =
          staying.length < settings.nodeCountMax &&
          (limit === 0 || spend + facts.cluster.onDemandBdtPerHour <= limit);
        // Whatever it waits for has an end.
        if (
          (waiting ?? 0) === 0 ||
          !mayBuy ||
          state.joinFailures >= 2 ||
          world.launches > begunBefore
        ) {
          excusedSinceMs = Infinity;
        } else {
          excusedSinceMs = Math.min(excusedSinceMs, nowMs);
          if (nowMs - excusedSinceMs > EXCUSED_MS + patienceMs) {
            fail(
              `${waiting} pods have waited for ${(nowMs - excusedSinceMs) / 60_000} minutes, and nothing came`,
            );
          }
        }
        const mayAct =
          mayBuy &&
          nowMs >= state.recoveryUntilMs &&
          nowMs - lastActionAtMs >= settings.cooldownAfterActionSeconds * 1000 &&
          state.poolBackoffs.every(({ untilMs }) => untilMs <= nowMs) &&
          (state.joinFailures < 2 ||
            nowMs >= state.joinFailedAtMs + probeDelayMs(state.joinFailures)) &&
          state.absent.length === 0 &&
          state.launches.length === 0;
        const acted = world.launches > begunBefore;
        if ((waiting ?? 0) === 0 || arriving || youngest || acted || !mayAct) {
          idleCycles = 0;
          idleSinceMs = Infinity;
          return;
        }
        idleSinceMs = Math.min(idleSinceMs, nowMs);
        // A policy that reads pending pods its own way, and was shown nothing, cannot have seen them.
        const blind = record?.decided?.view.metrics.custom.some(
          ({ reading }) => reading.missing !== null,
        );
        if (blind === true || nowMs - idleSinceMs < patienceMs) {
          return;
        }
        idleCycles++;
        if (idleCycles > IDLE_CYCLES_MAX) {
          fail(
            `${waiting} pods wait, ${staying.length} of at most ${settings.nodeCountMax} nodes are there, none is on its way, ` +
              `and for ${idleCycles} cycles nothing was done${killed ? ' (killed)' : ''}: ${record?.outcome ?? 'no record'}`,
          );
        }
      },
    };
  },
};

/** Every invariant, by its number in the design. */
export const INVARIANTS: readonly Invariant[] = [
  bounds,
  informedRemovals,
  onceOnly,
  everyInstanceKnown,
  podsProtected,
  fencing,
  quietTimes,
  conserved,
  zonesEven,
  onDemandFloor,
  spendCeiling,
  inTime,
  drainsEnd,
  takenOver,
  moneyAddsUp,
  replays,
  liveness,
  ...SAFETY_INVARIANTS,
];
