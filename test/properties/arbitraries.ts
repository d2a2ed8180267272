import fc from 'fast-check';
import {
  configurePolicy,
  POLICIES,
  type ConfiguredPolicy,
  type CycleInput,
  type EffectKind,
  type Mode,
} from '../../engine/index.ts';
import {
  checkers,
  defaultScenarioSettings,
  FAULT_MODES,
  makeTrace,
  MARKET_EVENTS,
  requestsPerSecondForNodes,
  resolveScenario,
  run,
  stream,
  together,
  type Change,
  type Fault,
  type Invariant,
  type Observer,
  type Run,
  type RunOptions,
  type Scenario,
  type Table,
  type World,
} from '../../simulator/index.ts';

/** Monday 2026-11-23 00:00 UTC. */
export const START_AT_MS = 1_795_392_000_000;

/** What people and AWS do to a fleet behind the engine's back, as a cycle begins. A reclaim by hand comes to nothing. */
export const HANDS = [
  'cordon',
  'uncordon',
  'untaint',
  'terminate',
  'launch',
  'sicken',
  'heal',
  'delete-node',
  'reboot',
  'reclaim',
  'rebalance',
  'lose-table',
  'lose-state',
] as const;
export interface Hand {
  readonly cycle: number;
  readonly does: (typeof HANDS)[number];
  /** Which of the nodes that are alive, counted round. */
  readonly to: number;
}

/** A case in few, small, readable numbers: what fast-check shrinks and prints. */
export interface Case {
  readonly seed: number;
  /** Demand in tenths of a node, one for each ten minutes. */
  readonly tenths: readonly number[];
  readonly zones: number;
  readonly initial: number;
  readonly others: readonly {
    readonly kind:
      | 'deployment'
      | 'statefulset'
      | 'single-replica'
      | 'local-data'
      | 'critical-system'
      | 'do-not-evict';
    readonly requestMillicpu: number;
    readonly replicas: number;
    /** The zone that it is bound to, counted round; null: none. */
    readonly zone: number | null;
  }[];
  readonly maxUnavailablePercent: number;
  readonly bootSeconds: number;
  readonly warmUpSeconds: number;
  readonly neverJoinsPercent: number;
  readonly batchNeverJoinsPercent: number;
  readonly clients: { readonly retryPercent: number; readonly awayMinutes: number };
  readonly market: {
    readonly reclaimPercentPerMonth: number;
    readonly noticePercent: number;
    readonly hintPercent: number;
    readonly priceSwingPercent: number;
    readonly onDemandVcpusMax: number | null;
    /** Over before it is calm, as are outages of Prometheus. Zones counted round; null: every one. */
    readonly events: readonly {
      readonly kind: (typeof MARKET_EVENTS)[number];
      readonly zone: number | null;
      readonly atMinute: number;
      readonly minutes: number;
    }[];
  };
  readonly failedScrapePercent: number;
  readonly prometheusOutages: readonly { readonly atMinute: number; readonly minutes: number }[];
  readonly cycleSeconds: number;
  /** The name of a policy. */
  readonly policy: string;
  readonly nodeCountMin: number;
  readonly nodeCountMax: number;
  readonly spotPercent: number;
  readonly headroomPercent: number;
  readonly spendMaxBdtPerHour: number;
  /** Settings that differ from the policy's defaults beside those above. */
  readonly settings: Readonly<Partial<Record<string, number>>>;
  readonly sale: boolean;
  readonly faults: readonly (Pick<Fault, 'effect' | 'mode'> & { readonly percent: number })[];
  readonly hands: readonly Hand[];
  /** How many of a hundred triggers get lost, come twice, or come late. */
  readonly triggers: { readonly lost: number; readonly twice: number; readonly late: number };
  /** The cycles from `from` up to `to` are in this mode. */
  readonly mode: { readonly is: Mode; readonly from: number; readonly to: number };
  /** Other policy documents in the middle of it, while it is not calm; what one does not say is as before. Left out: none. */
  readonly changes?: readonly (Partial<
    Pick<Case, 'policy' | 'nodeCountMin' | 'nodeCountMax' | 'spendMaxBdtPerHour' | 'settings'>
  > & { readonly atMinute: number })[];
  /** The function’s timeout until it is calm; left out: as deployed. */
  readonly timeoutSeconds?: number;
  /** Nodes that fall back to their baseline when their CPU credits run out; left out, they do not. */
  readonly credits?: 'standard';
  /** When Alertmanager starts cycles ahead of their time; null, or left out: it does not. */
  readonly alertAfterSeconds?: number | null;
  /** What an operator orders: floors for a while, and when nothing may be removed. Left out: nothing. */
  readonly orders?: {
    readonly holds: readonly { min: number; atMinute: number; minutes: number }[];
    readonly freezes: readonly { atMinute: number; minutes: number }[];
  };
  /** Whether the last of the others is bound to a zone in which no node can be. Left out: it is not. */
  readonly lastElsewhere?: boolean;
}

/** Nothing asked, nothing wrong: what a kept counterexample differs from. */
export const QUIET: Case = {
  seed: 0,
  tenths: [0, 0, 0, 0, 0, 0],
  zones: 1,
  initial: 1,
  others: [],
  maxUnavailablePercent: 0,
  bootSeconds: 75,
  warmUpSeconds: 0,
  neverJoinsPercent: 0,
  batchNeverJoinsPercent: 0,
  clients: { retryPercent: 0, awayMinutes: 0 },
  market: {
    reclaimPercentPerMonth: 0,
    noticePercent: 100,
    hintPercent: 0,
    priceSwingPercent: 0,
    onDemandVcpusMax: null,
    events: [],
  },
  failedScrapePercent: 0,
  prometheusOutages: [],
  cycleSeconds: 120,
  policy: 'static',
  nodeCountMin: 1,
  nodeCountMax: 4,
  spotPercent: 0,
  headroomPercent: 0,
  spendMaxBdtPerHour: 0,
  settings: {},
  sale: false,
  faults: [],
  hands: [],
  triggers: { lost: 0, twice: 0, late: 0 },
  mode: { is: 'act', from: 0, to: 0 },
};

export const EFFECTS: readonly EffectKind[] = [
  'acquireLock',
  'readLock',
  'commitState',
  'releaseLock',
  'readInbox',
  'clearInbox',
  'queryMetrics',
  'listInstances',
  'describeInstances',
  'listNodes',
  'listPods',
  'listNodePods',
  'launchInstances',
  'terminateInstance',
  'taintNode',
  'untaintNode',
  'evictPod',
  'deleteNode',
  'pause',
  'appendJournal',
  'publishMetrics',
  'notify',
];

const whole = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max });

const fault = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      effect: fc.constantFrom(...EFFECTS),
      mode: fc.constantFrom(...FAULT_MODES),
      percent: whole(1, 60),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      effect: fc.constant('launchInstances' as const),
      mode: fc.constant('shortage' as const),
      percent: whole(50, 100),
    }),
  },
);

const hand: fc.Arbitrary<Hand> = fc.record({
  cycle: whole(0, 60),
  does: fc.constantFrom(...HANDS),
  to: whole(0, 7),
});

const window = { atMinute: whole(0, 200), minutes: whole(1, 90) };

/** AWS as it is, or at its worst. */
const anyMarket: fc.Arbitrary<Case['market']> = fc.oneof(
  { weight: 2, arbitrary: fc.constant(QUIET.market) },
  fc.record({
    reclaimPercentPerMonth: fc.constantFrom(5, 10_000),
    noticePercent: fc.constantFrom(95, 50, 0),
    hintPercent: fc.constantFrom(50, 100, 0),
    priceSwingPercent: fc.constantFrom(0, 40),
    onDemandVcpusMax: fc.option(whole(2, 20), { freq: 2 }),
    events: fc.array(
      fc.record({
        kind: fc.constantFrom(...MARKET_EVENTS),
        zone: fc.option(whole(0, 2), { freq: 2 }),
        ...window,
      }),
      { maxLength: 3 },
    ),
  }),
);

const onlyAct: Case['mode'] = { is: 'act', from: 0, to: 0 };

const anyPolicy = fc.constantFrom(...POLICIES.map(({ name }) => name));

const anySettings: fc.Arbitrary<Case['settings']> = fc.record(
  {
    cooldownAfterActionSeconds: fc.constantFrom(60, 300),
    cooldownBeforeRemovalSeconds: fc.constantFrom(0, 60, 1200),
    stepUpMax: whole(1, 3),
    stepDownMax: whole(1, 4),
    drainsInFlightMax: whole(1, 4),
    onDemandBase: whole(0, 4),
    joinTimeoutSeconds: fc.constantFrom(120, 900),
    drainStallSeconds: fc.constantFrom(60, 600),
    drainMaxSeconds: fc.constantFrom(60, 600),
    readingMaxAgeSeconds: fc.constantFrom(15, 600),
  },
  { requiredKeys: [] },
);

/** Random cases. Half of them have no faults, and most nobody who interferes. */
export const anyCase: fc.Arbitrary<Case> = fc.record({
  seed: whole(0, 1_000_000),
  tenths: fc.array(whole(0, 90), { minLength: 6, maxLength: 24 }),
  zones: whole(1, 3),
  initial: whole(1, 8),
  others: fc.array(
    fc.record({
      kind: fc.constantFrom(
        'deployment',
        'statefulset',
        'single-replica',
        'local-data',
        'critical-system',
        'do-not-evict',
      ),
      requestMillicpu: whole(100, 2_500),
      replicas: whole(1, 3),
      zone: fc.option(whole(0, 2)),
    }),
    { maxLength: 2 },
  ),
  maxUnavailablePercent: whole(0, 100),
  bootSeconds: fc.constantFrom(75, 20, 400),
  warmUpSeconds: fc.constantFrom(5, 0, 90),
  neverJoinsPercent: fc.constantFrom(0, 2, 40),
  batchNeverJoinsPercent: fc.constantFrom(0, 0, 20),
  clients: fc.record({
    retryPercent: fc.constantFrom(40, 0, 100),
    awayMinutes: fc.constantFrom(30, 0, 5),
  }),
  market: anyMarket,
  failedScrapePercent: fc.constantFrom(0, 0, 2, 40),
  prometheusOutages: fc.oneof(
    { weight: 2, arbitrary: fc.constant([]) },
    fc.array(fc.record(window), { minLength: 1, maxLength: 2 }),
  ),
  cycleSeconds: fc.constantFrom(120, 60, 300),
  policy: anyPolicy,
  nodeCountMin: whole(1, 4),
  nodeCountMax: whole(4, 12),
  spotPercent: whole(0, 100),
  headroomPercent: fc.constantFrom(0, 50, 100),
  spendMaxBdtPerHour: fc.constantFrom(0, 0, 150, 250),
  settings: anySettings,
  sale: fc.boolean(),
  faults: fc.oneof(fc.constant([]), fc.array(fault, { minLength: 1, maxLength: 4 })),
  hands: fc.oneof(
    { weight: 2, arbitrary: fc.constant([]) },
    fc.array(hand, { minLength: 1, maxLength: 5 }),
  ),
  triggers: fc.oneof(
    { weight: 2, arbitrary: fc.constant({ lost: 0, twice: 0, late: 0 }) },
    fc.record({ lost: whole(0, 30), twice: whole(0, 30), late: whole(0, 30) }),
  ),
  mode: fc.oneof(
    { weight: 4, arbitrary: fc.constant(onlyAct) },
    fc.record({
      is: fc.constantFrom<Mode>('paused', 'observe'),
      from: whole(0, 30),
      to: whole(10, 60),
    }),
  ),
  alertAfterSeconds: fc.option(fc.constantFrom(0, 15), { nil: null, freq: 2 }),
  orders: fc.oneof(
    { weight: 3, arbitrary: fc.constant({ holds: [], freezes: [] }) },
    fc.record({
      holds: fc.array(fc.record({ min: whole(0, 14), ...window }), { maxLength: 2 }),
      freezes: fc.array(fc.record(window), { maxLength: 2 }),
    }),
  ),
  // Drawn last, so that what a seed draws beside them stays as it was.
  changes: fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    fc.array(
      fc.record(
        {
          atMinute: window.atMinute,
          policy: anyPolicy,
          nodeCountMin: whole(1, 4),
          nodeCountMax: whole(4, 12),
          spendMaxBdtPerHour: fc.constantFrom(0, 150, 250),
          settings: anySettings,
        },
        { requiredKeys: ['atMinute'] },
      ),
      { minLength: 1, maxLength: 3 },
    ),
  ),
  timeoutSeconds: fc.oneof(
    { weight: 12, arbitrary: fc.constant(60) },
    fc.constantFrom(30, 120, 180, 240),
  ),
  lastElsewhere: fc.oneof(
    { weight: 4, arbitrary: fc.constant(false) },
    { weight: 1, arbitrary: fc.constant(true) },
  ),
});

const BUCKET_MS = 600_000;
/** Quiet hours at the end, in which faults are over and the fleet must come right. */
export const CALM_MS = 2 * 3_600_000;

/** The scenario, policy and faults of a case. */
export interface Built {
  readonly scenario: Scenario;
  readonly configured: ConfiguredPolicy;
  readonly changes: readonly Change[];
  readonly faults: readonly Fault[];
  readonly calmFromMs: number;
  readonly invocations: (due: CycleInput) => readonly CycleInput[];
}

export function build(each: Case): Built {
  const settings = defaultScenarioSettings();
  const zones = ['a', 'b', 'c'].slice(0, each.zones);
  const { workload } = settings;
  const { worker } = settings.cluster;
  const credits = { ...worker.credits, mode: each.credits ?? worker.credits.mode };
  const cluster = { ...settings.cluster, worker: { ...worker, credits } };
  const perNode = requestsPerSecondForNodes(1, workload, cluster);
  const last = each.tenths[each.tenths.length - 1] ?? 0;
  const levels = [...each.tenths, ...new Array<number>(CALM_MS / BUCKET_MS).fill(last)];
  const calmFromMs = START_AT_MS + each.tenths.length * BUCKET_MS;
  const until = ({ atMinute, minutes }: Case['prometheusOutages'][number]): [string, string][] => {
    const fromMs = START_AT_MS + atMinute * 60_000;
    const toMs = Math.min(calmFromMs, fromMs + minutes * 60_000);
    return fromMs < toMs ? [[new Date(fromMs).toISOString(), new Date(toMs).toISOString()]] : [];
  };
  const trace = makeTrace(
    'random',
    Float64Array.from(levels, (_, i) => START_AT_MS + i * BUCKET_MS),
    Float64Array.from(levels, (level) => (level / 10) * perNode),
  );
  const { scenario: within } = resolveScenario(
    {
      ...settings,
      name: 'random',
      cycleSeconds: each.cycleSeconds,
      cluster: { ...cluster, zones, nodeCountInitial: each.initial },
      startup: {
        ...settings.startup,
        medianSeconds: each.bootSeconds,
        p95Seconds: each.bootSeconds * 2,
        warmUpSeconds: each.warmUpSeconds,
        neverJoinsPercent: each.neverJoinsPercent,
        batchNeverJoinsPercent: each.batchNeverJoinsPercent,
      },
      market: {
        ...each.market,
        events: each.market.events.flatMap(({ kind, zone, ...span }) =>
          until(span).map(([at, end]) => ({
            kind,
            zone: zone === null ? null : zones[zone % zones.length],
            market: null,
            at,
            until: end,
          })),
        ),
      },
      prometheus: {
        alertAfterSeconds: each.alertAfterSeconds ?? null,
        failedScrapePercent: each.failedScrapePercent,
        outages: each.prometheusOutages.flatMap((span) =>
          until(span).map(([from, to]) => ({ from, to })),
        ),
      },
      workload: {
        ...workload,
        clients: { ...workload.clients, ...each.clients },
        web: { ...workload.web, maxUnavailablePercent: each.maxUnavailablePercent },
        others: each.others.map(({ kind, requestMillicpu, replicas, zone }, i) => ({
          name: `other-${String(i)}`,
          kind,
          replicas: kind === 'single-replica' ? 1 : replicas,
          requestMillicpu,
          requestMib: 200,
          usageMillicpu: Math.floor(requestMillicpu / 4),
          workingSetMib: 100,
          zone: zone === null ? null : zones[zone % zones.length],
          maxUnavailablePercent: 25,
        })),
      },
      calendar: each.sale
        ? [
            {
              name: 'sale',
              startAt: new Date(START_AT_MS + 3_000_000).toISOString(),
              endAt: new Date(START_AT_MS + 6_000_000).toISOString(),
            },
          ]
        : [],
      holds: (each.orders?.holds ?? []).flatMap(({ min, ...span }) =>
        until(span).map(([from, to]) => ({ min, from, until: to })),
      ),
      freezes: (each.orders?.freezes ?? []).flatMap((span) =>
        until(span).map(([startAt, endAt]) => ({ name: 'freeze', startAt, endAt })),
      ),
    },
    trace,
  );
  const scenario = each.lastElsewhere === true ? withLastElsewhere(within) : within;
  let document = each;
  const changes = [...(each.changes ?? [])]
    .sort((a, b) => a.atMinute - b.atMinute)
    .map(({ atMinute, ...change }): Change => {
      document = { ...document, ...change };
      return { atMs: START_AT_MS + atMinute * 60_000, configured: configuredBy(document) };
    })
    .filter(({ atMs }) => atMs < calmFromMs);
  const faults = each.faults.map(({ effect, mode, percent }) => ({
    effect,
    mode,
    rate: percent / 100,
    fromMs: START_AT_MS,
    toMs: calmFromMs,
  }));
  return {
    scenario,
    configured: configuredBy(each),
    changes,
    faults,
    calmFromMs,
    invocations: invocationsOf(each, calmFromMs),
  };
}

/** A case’s policy with its settings. */
function configuredBy(each: Case): ConfiguredPolicy {
  const own =
    each.policy === 'static'
      ? { nodeCount: each.nodeCountMax }
      : {
          // What lasts hours by default would never come about in one.
          ...(each.policy === 'manual'
            ? { baseNodeCount: each.nodeCountMin, quietSeconds: 1800 }
            : {}),
          nodeCountMin: each.nodeCountMin,
          nodeCountMax: each.nodeCountMax,
          spotPercent: each.spotPercent,
          removalHeadroomPercent: each.headroomPercent,
          spendMaxBdtPerHour: each.spendMaxBdtPerHour,
        };
  const result = configurePolicy(each.policy, { ...own, ...each.settings });
  if (!result.ok) {
    throw new Error(result.problems.map(({ message }) => message).join('; '));
  }
  return result.configured;
}

/** A zone in which no node of ours can be: no scenario may name one, and a volume may lie there all the same. */
export const ELSEWHERE = 'elsewhere';

function withLastElsewhere(scenario: Scenario): Scenario {
  const { workload } = scenario;
  const last = workload.others.length - 1;
  const others = workload.others.map((other, n) =>
    n === last ? { ...other, zone: ELSEWHERE } : other,
  );
  return { ...scenario, workload: { ...workload, others } };
}

/** What the triggers of a case lead to. Once it is calm each leads to one cycle, on time. */
function invocationsOf(each: Case, calmFromMs: number): Built['invocations'] {
  const { lost, twice, late } = each.triggers;
  const { is, from, to } = each.mode;
  const timeoutMs = each.timeoutSeconds === undefined ? null : each.timeoutSeconds * 1000;
  let cycles = 0;
  return (wanted) => {
    if (wanted.nowMs >= calmFromMs) {
      return [wanted];
    }
    const mode = cycles >= from && cycles < to ? is : wanted.mode;
    const deadlineMs = timeoutMs === null ? wanted.deadlineMs : wanted.nowMs + timeoutMs;
    const due = { ...wanted, mode, deadlineMs };
    cycles++;
    const luck = stream(each.seed, 'trigger', cycles).nextInt(100);
    if (luck < lost) {
      return [];
    }
    if (luck < lost + twice) {
      return [due, { ...due, nonce: `${due.nonce}-again` }];
    }
    if (luck < lost + twice + late) {
      const lateMs = luck % 2 === 0 ? 40_000 : 100_000;
      return [{ ...due, nowMs: due.nowMs + lateMs, deadlineMs: due.deadlineMs + lateMs }];
    }
    return [due];
  };
}

/** Does what the hands of a case do. It comes before whoever watches, so that they see what was done. */
export function interfering(each: Case, calmFromMs: number): Observer {
  let world: World;
  let table: Table;
  let cycles = 0;
  return {
    begun: (theWorld, theTable) => {
      world = theWorld;
      table = theTable;
    },
    cycleBegins: (nowMs) => {
      const now = nowMs < calmFromMs ? each.hands.filter(({ cycle }) => cycle === cycles) : [];
      cycles++;
      for (const { does, to } of now) {
        interfere(world, table, nowMs, does, to, `by-hand-${String(cycles)}-${String(to)}`);
      }
    },
  };
}

const CLOCK_AHEAD_SECONDS = 600;

function interfere(
  world: World,
  table: Table,
  nowMs: number,
  does: Hand['does'],
  to: number,
  clientToken: string,
): void {
  if (does === 'launch') {
    const { zones } = world.scenario.cluster;
    const zone = zones[to % zones.length];
    // From 4 on by one whose clock was ahead of ours: the tags have its epoch (S6).
    const birthEpoch = to < 4 ? 1 : Math.floor(nowMs / 1000) + CLOCK_AHEAD_SECONDS;
    world.launch({ clientToken, zone, market: 'on-demand', count: 1, birthEpoch }, nowMs);
    return;
  }
  if (does === 'lose-table') {
    table.lose();
    return;
  }
  if (does === 'lose-state') {
    const { stored } = table;
    if (stored.kind === 'known') {
      const { launches, drains } = stored.state;
      table.stored = { kind: 'lost', launches, drains };
    }
    return;
  }
  const alive = world.aliveInstances();
  if (alive.length === 0) {
    return;
  }
  const { id } = alive[to % alive.length];
  switch (does) {
    case 'cordon':
    case 'uncordon':
      world.cordon(id, does === 'cordon');
      break;
    case 'untaint':
      world.untaint(id);
      break;
    case 'terminate':
      world.terminate(id, nowMs);
      break;
    case 'sicken':
    case 'heal':
      world.setHealth(id, does === 'heal', does === 'sicken', nowMs);
      break;
    case 'delete-node':
      world.deleteNode(id);
      break;
    case 'reboot':
      world.setPower(id, false, nowMs);
      world.setPower(id, true, nowMs);
      break;
    case 'reclaim':
    case 'rebalance':
      table.mark({ instanceId: id, cause: does, markedAtMs: nowMs });
      break;
  }
}

/** Runs a case, with these invariants watched and somebody else looking on. */
export function runCase(
  each: Case,
  invariants: readonly Invariant[],
  also: Observer = {},
  otherwise: Partial<RunOptions> = {},
): Run {
  const { scenario, configured, changes, faults, calmFromMs, invocations } = build(each);
  const observer = together([
    interfering(each, calmFromMs),
    checkers({ scenario, configured, calmFromMs }, invariants),
    also,
  ]);
  const options = { scenario, configured, changes, seed: each.seed, faults, invocations, observer };
  return run({ ...options, ...otherwise });
}

/** So many runs by default; `FC_NUM_RUNS` asks for another number. */
export function runs(numRuns: number): { numRuns?: number } {
  return process.env['FC_NUM_RUNS'] === undefined ? { numRuns } : {};
}
