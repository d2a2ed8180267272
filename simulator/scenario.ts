/**
 * A scenario: a trace and the world that serves it. This is the one place where a scenario's
 * settings, their ranges and their defaults are written; scenarios/README.md lists them, and a test
 * holds the two together.
 */
import * as z from 'zod';
import { adviceOn, shown } from './complaint.ts';
import { CREDIT_MODES } from './credits.ts';
import { canMeet, FAULT_MODES, type Fault } from './faults/index.ts';
import {
  formatInstant,
  lacksZone,
  OFFSET_MINUTES_MAX,
  OFFSET_MINUTES_MIN,
  parseInstantMs,
} from './instants.ts';
import { EFFECT_KINDS } from './interpret.ts';
import { PRICE_BOOKS, type Market } from './prices/index.ts';
import { multiply, scaleToPeak, slice, type Trace } from './trace.ts';

/**
 * What a pod of `workload.others` is to whoever wants to move it; all but `deployment` pin their
 * node.
 */
export const WORKLOAD_KINDS = [
  'deployment',
  'statefulset',
  'single-replica',
  'local-data',
  'critical-system',
  'do-not-evict',
] as const;

const MARKETS: readonly [Market, Market] = ['on-demand', 'spot'];
const MILLICPU_MAX = 1_000_000;
const MIB_MAX = 16_777_216;

const clusterSettings = section({
  zones: z
    .array(name(), 'expected a list of zones')
    .min(1, 'expected at least one zone')
    .max(6, 'expected at most 6 zones')
    .default(['ap-southeast-1a', 'ap-southeast-1b']),
  nodeCountInitial: integer(1, 1000).default(2),
  // A t3.medium; what K3s and its DaemonSets leave of it.
  worker: section({
    millicpu: integer(100, MILLICPU_MAX).default(2000),
    mib: integer(128, MIB_MAX).default(4096),
    allocatableMillicpu: integer(1, MILLICPU_MAX).default(1930),
    allocatableMib: integer(1, MIB_MAX).default(3300),
    credits: section({
      mode: choice(CREDIT_MODES).default('unlimited'),
      perHour: integer(1, 60_000).default(24),
    }).prefault({}),
  }).prefault({}),
  systemMillicpu: integer(0, MILLICPU_MAX).default(70),
  systemMib: integer(0, MIB_MAX).default(700),
});

const webSettings = section({
  requestMillicpu: integer(1, MILLICPU_MAX).default(250),
  requestMib: integer(1, MIB_MAX).default(400),
  workingSetMib: integer(1, MIB_MAX).default(300),
  terminationGraceSeconds: number(0, 3600).default(30),
  maxUnavailablePercent: number(0, 100).default(25),
  hpa: section({
    targetUtilizationPercent: number(1, 300).default(70),
    replicasMin: integer(1, 10_000).default(4),
    tolerancePercent: number(0, 100).default(10),
    metricsLagSeconds: number(0, 600).default(45),
    scaleDownWindowSeconds: number(0, 3600).default(300),
  }).prefault({}),
});

const otherWorkloadSettings = section({
  name: name(),
  kind: choice(WORKLOAD_KINDS).default('deployment'),
  replicas: integer(1, 10_000).default(1),
  requestMillicpu: integer(0, MILLICPU_MAX),
  requestMib: integer(0, MIB_MAX),
  usageMillicpu: integer(0, MILLICPU_MAX),
  workingSetMib: integer(0, MIB_MAX),
  zone: name().nullable().default(null),
  maxUnavailablePercent: number(0, 100).default(25),
});

const clientSettings = section({
  retryPercent: number(0, 100).default(40),
  retriesMax: integer(0, 10).default(2),
  retryWithinSeconds: number(1, 3600).default(30),
  awayMinutes: number(0, 1440).default(30),
});

const PEAK_NODES = 'expected null (the trace as it is) or a number above 0 and up to 1000';

const workloadSettings = section({
  peakNodes: z.number(PEAK_NODES).gt(0, PEAK_NODES).max(1000, PEAK_NODES).nullable().default(null),
  trafficFactor: number(0.001, 1000).default(1),
  cpuMsPerRequest: number(0.001, 600_000).default(12),
  timeoutSeconds: number(0.1, 3600).default(10),
  clients: clientSettings.prefault({}),
  web: webSettings.prefault({}),
  others: z.array(otherWorkloadSettings, 'expected a list of workloads').default([]),
});

const startupSettings = section({
  medianSeconds: number(1, 3600).default(75),
  p95Seconds: number(1, 7200).default(120),
  neverJoinsPercent: number(0, 100).default(1.5),
  batchNeverJoinsPercent: number(0, 100).default(0),
  imagePullSecondsMin: number(0, 3600).default(5),
  imagePullSecondsMax: number(0, 3600).default(20),
  warmUpSeconds: number(0, 3600).default(5),
});

/** What a scenario may have happen to EC2's pools, beside what is drawn. */
export const MARKET_EVENTS = ['reclaim', 'shortage', 'zone-outage'] as const;

const marketEventSettings = section({
  kind: choice(MARKET_EVENTS),
  zone: name().nullable().default(null),
  market: z
    .enum(MARKETS, `expected null (every market) or one of ${MARKETS.join(', ')}`)
    .nullable()
    .default(null),
  at: instant(),
  until: instant(),
});

const ALERT_SECONDS = 'expected null (no alerts) or a whole number from 0 to 3600';

const VCPUS = 'expected null (no limit) or a whole number from 1 to 1000000';

const marketSettings = section({
  reclaimPercentPerMonth: number(0, 10_000).default(5),
  noticePercent: number(0, 100).default(95),
  hintPercent: number(0, 100).default(50),
  priceSwingPercent: number(0, 90).default(0),
  onDemandVcpusMax: z.int(VCPUS).min(1, VCPUS).max(1_000_000, VCPUS).nullable().default(null),
  events: z.array(marketEventSettings, 'expected a list of events').default([]),
});

const outageSettings = section({ from: instant(), to: instant() });

const prometheusSettings = section({
  failedScrapePercent: number(0, 100).default(0),
  outages: z.array(outageSettings, 'expected a list of outages').default([]),
  alertAfterSeconds: z
    .int(ALERT_SECONDS)
    .min(0, ALERT_SECONDS)
    .max(3600, ALERT_SECONDS)
    .nullable()
    .default(null),
});

const calendarSettings = section({
  name: sentence(),
  startAt: instant(),
  endAt: instant(),
});

const holdSettings = section({
  min: integer(0, 100_000),
  from: instant(),
  until: instant(),
});

const faultSettings = section({
  effect: choice(EFFECT_KINDS),
  mode: choice(FAULT_MODES),
  ratePercent: number(0, 100).default(100),
  from: instant().nullable().default(null),
  to: instant().nullable().default(null),
});

const scenarioSettings = section({
  version: z.literal(1, 'expected 1, the version of this format'),
  name: sentence().optional(),
  description: z.string('expected text').default(''),
  trace: sentence().optional(),
  cluster: clusterSettings.prefault({}),
  workload: workloadSettings.prefault({}),
  startup: startupSettings.prefault({}),
  market: marketSettings.prefault({}),
  prometheus: prometheusSettings.prefault({}),
  calendar: z.array(calendarSettings, 'expected a list of sales').default([]),
  freezes: z.array(calendarSettings, 'expected a list of freezes').default([]),
  holds: z.array(holdSettings, 'expected a list of holds').default([]),
  faults: z.array(faultSettings, 'expected a list of faults').default([]),
  timeZoneOffsetMinutes: integer(OFFSET_MINUTES_MIN, OFFSET_MINUTES_MAX).default(360),
  prices: choice(PRICE_BOOKS.map((book) => book.name)).default('techflow'),
  worldStepSeconds: integer(1, 60).default(15),
  cycleSeconds: integer(15, 3600).default(120),
  policies: z
    .record(
      z.string(),
      z.record(z.string(), z.unknown(), 'expected a mapping of settings'),
      'expected a mapping from policy names to their settings',
    )
    .default({}),
});

/**
 * A scenario's settings with every default filled in; instants are still text and the trace a
 * file's name.
 */
export type ScenarioSettings = z.output<typeof scenarioSettings>;
export type ClusterSettings = ScenarioSettings['cluster'];
export type WorkloadSettings = ScenarioSettings['workload'];
export type WebSettings = WorkloadSettings['web'];
export type OtherWorkloadSettings = WorkloadSettings['others'][number];
export type StartupSettings = ScenarioSettings['startup'];
export type ClientSettings = WorkloadSettings['clients'];

/** Something that a scenario has happen to pools: from atMs up to untilMs they refuse launches. */
export interface MarketEvent {
  readonly kind: (typeof MARKET_EVENTS)[number];
  /** Null: every zone, every market. */
  readonly zone: string | null;
  readonly market: Market | null;
  readonly atMs: number;
  readonly untilMs: number;
}

/** EC2's pools as a run needs to know them; events are sorted by their instants. */
export interface MarketSettings extends Omit<ScenarioSettings['market'], 'events'> {
  readonly events: readonly MarketEvent[];
}

/** How Prometheus fails, with its outages from fromMs up to toMs, sorted. */
export interface PrometheusSettings extends Omit<ScenarioSettings['prometheus'], 'outages'> {
  readonly outages: readonly { readonly fromMs: number; readonly toMs: number }[];
}
export type FaultSettings = ScenarioSettings['faults'][number];

/** A sale, from startAtMs up to endAtMs. */
export interface CalendarEntry {
  readonly name: string;
  readonly startAtMs: number;
  readonly endAtMs: number;
}

/** An operator's hold: given at fromMs, in place of an earlier one, and good until untilMs. */
export interface HoldEntry {
  readonly min: number;
  readonly fromMs: number;
  readonly untilMs: number;
}

/**
 * All that a run needs to know of its world. The trace is scaled and cut already; the calendar is
 * sorted by its starts.
 */
export interface Scenario {
  readonly name: string;
  readonly description: string;
  readonly trace: Trace;
  readonly calendar: readonly CalendarEntry[];
  /** When nothing may be removed by choice; sorted by their starts. */
  readonly freezes: readonly CalendarEntry[];
  /** Sorted by their starts. */
  readonly holds: readonly HoldEntry[];
  readonly cluster: ClusterSettings;
  readonly workload: WorkloadSettings;
  readonly startup: StartupSettings;
  readonly market: MarketSettings;
  readonly prometheus: PrometheusSettings;
  /** What goes wrong, and when. */
  readonly faults: readonly Fault[];
  readonly timeZoneOffsetMinutes: number;
  /** The name of a price book. */
  readonly prices: string;
  readonly worldStepSeconds: number;
  readonly cycleSeconds: number;
  /** Settings by policy name, for that policy to validate. */
  readonly policies: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/**
 * One thing wrong with a scenario: where in the mapping, and a sentence with what was found and
 * what was expected.
 */
export interface ScenarioIssue {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

export type ScenarioResult =
  | { readonly settings: ScenarioSettings; readonly issues: null }
  | { readonly settings: null; readonly issues: readonly ScenarioIssue[] };

/** The settings in a parsed YAML or JSON value, or everything that is wrong with it. */
export function parseScenario(raw: unknown): ScenarioResult {
  const result = scenarioSettings.safeParse(raw);
  if (!result.success) {
    const issues = result.error.issues.map((issue): ScenarioIssue => {
      const path = issue.path.map((key) => (typeof key === 'number' ? key : String(key)));
      return issue.code === 'unrecognized_keys'
        ? { path: [...path, issue.keys[0]], message: issue.message }
        : misfit(raw, path, issue.message);
    });
    return { settings: null, issues };
  }
  const issues = Array.from(contradictions(result.data), ({ path, expected }) =>
    misfit(result.data, path, `expected ${expected}`),
  );
  return issues.length === 0 ? { settings: result.data, issues: null } : { settings: null, issues };
}

/** The settings of a trace that stands alone: nothing but defaults. */
export function defaultScenarioSettings(): ScenarioSettings {
  return scenarioSettings.parse({ version: 1 });
}

function entriesOf(windows: ScenarioSettings['calendar']): CalendarEntry[] {
  return windows
    .map(({ name, startAt, endAt }) => ({
      name,
      startAtMs: checkedInstantMs(startAt),
      endAtMs: checkedInstantMs(endAt),
    }))
    .sort((a, b) => a.startAtMs - b.startAtMs || a.endAtMs - b.endAtMs);
}

/** The part of a trace to run; null leaves an end open. */
export interface TraceWindow {
  readonly fromMs: number | null;
  readonly toMs: number | null;
}

/**
 * The scenario of these settings and this trace, with warnings about what is allowed but hardly
 * meant. The trace is scaled to `peakNodes` as a whole, then multiplied by `trafficFactor`, then
 * cut to the window. TraceError when one of these cannot be done.
 */
export function resolveScenario(
  settings: ScenarioSettings,
  trace: Trace,
  window: TraceWindow = { fromMs: null, toMs: null },
): { scenario: Scenario; warnings: string[] } {
  const { cluster, workload } = settings;
  let traffic = trace;
  if (workload.peakNodes !== null) {
    const peak = requestsPerSecondForNodes(workload.peakNodes, workload, cluster);
    traffic = scaleToPeak(traffic, peak);
  }
  if (workload.trafficFactor !== 1) {
    traffic = multiply(traffic, workload.trafficFactor);
  }
  if (window.fromMs !== null || window.toMs !== null) {
    traffic = slice(traffic, window.fromMs ?? traffic.startAtMs, window.toMs ?? traffic.endAtMs);
  }
  const scenario: Scenario = {
    name: settings.name ?? trace.name,
    description: settings.description,
    trace: traffic,
    calendar: entriesOf(settings.calendar),
    freezes: entriesOf(settings.freezes),
    holds: settings.holds
      .map(({ min, from, until }) => ({
        min,
        fromMs: checkedInstantMs(from),
        untilMs: checkedInstantMs(until),
      }))
      .sort((a, b) => a.fromMs - b.fromMs),
    cluster,
    workload,
    startup: settings.startup,
    market: {
      ...settings.market,
      events: settings.market.events
        .map(({ kind, zone, market, at, until }) => ({
          kind,
          zone,
          market,
          atMs: checkedInstantMs(at),
          untilMs: checkedInstantMs(until),
        }))
        .sort((a, b) => a.atMs - b.atMs || a.untilMs - b.untilMs),
    },
    prometheus: {
      ...settings.prometheus,
      outages: settings.prometheus.outages
        .map(({ from, to }) => ({ fromMs: checkedInstantMs(from), toMs: checkedInstantMs(to) }))
        .sort((a, b) => a.fromMs - b.fromMs || a.toMs - b.toMs),
    },
    faults: settings.faults.map(faultOf),
    timeZoneOffsetMinutes: settings.timeZoneOffsetMinutes,
    prices: settings.prices,
    worldStepSeconds: settings.worldStepSeconds,
    cycleSeconds: settings.cycleSeconds,
    policies: settings.policies,
  };
  return { scenario, warnings: oddities(scenario) };
}

/** The fault that these settings describe. */
export function faultOf({ effect, mode, ratePercent, from, to }: FaultSettings): Fault {
  return {
    effect,
    mode,
    rate: ratePercent / 100,
    fromMs: from === null ? -Infinity : checkedInstantMs(from),
    toMs: to === null ? Infinity : checkedInstantMs(to),
  };
}

/** The inverse of `faultOf`: a fault as a scenario writes it, for journals and results. */
export function settingsOfFault(fault: Fault, offsetMinutes: number): FaultSettings {
  const { effect, mode, rate, fromMs, toMs } = fault;
  const instantOf = (atMs: number): string | null =>
    Number.isFinite(atMs) ? formatInstant(atMs, offsetMinutes) : null;
  // 0.07 × 100 is 7.000000000000001.
  const ratePercent = Math.round(rate * 1e8) / 1e6;
  return { effect, mode, ratePercent, from: instantOf(fromMs), to: instantOf(toMs) };
}

/**
 * How many web pods a worker holds by their requests: 7 with the defaults, of which CPU is the
 * bound (1930 m ÷ 250 m).
 */
export function webPodsPerNode(workload: WorkloadSettings, cluster: ClusterSettings): number {
  return Math.min(
    Math.floor(cluster.worker.allocatableMillicpu / workload.web.requestMillicpu),
    Math.floor(cluster.worker.allocatableMib / workload.web.requestMib),
  );
}

/**
 * The rate at which the HPA wants exactly as many web pods as fill `nodes` nodes: a request of 12
 * CPU-ms at 1 request/s is 12 m, and each pod carries its target share of its request. With the
 * defaults 102.08 requests/s a node (7 × 250 m × 0.70 ÷ 12 ms).
 */
export function requestsPerSecondForNodes(
  nodes: number,
  workload: WorkloadSettings,
  cluster: ClusterSettings,
): number {
  const { requestMillicpu, hpa } = workload.web;
  const millicpuPerPod = (requestMillicpu * hpa.targetUtilizationPercent) / 100;
  return (nodes * webPodsPerNode(workload, cluster) * millicpuPerPod) / workload.cpuMsPerRequest;
}

/** Settings that are each in range but exclude one another. */
function* contradictions(
  settings: ScenarioSettings,
): Generator<{ path: (string | number)[]; expected: string }> {
  const { cluster, workload, startup } = settings;
  const { worker, zones } = cluster;
  for (const [at, zone] of zones.entries()) {
    if (zones.indexOf(zone) < at) {
      yield { path: ['cluster', 'zones', at], expected: 'each zone once' };
    }
  }
  for (const [allocatable, capacity] of [
    ['allocatableMillicpu', 'millicpu'],
    ['allocatableMib', 'mib'],
  ] as const) {
    if (worker[allocatable] > worker[capacity]) {
      const expected = `at most the worker's ${capacity}, ${String(worker[capacity])}`;
      yield { path: ['cluster', 'worker', allocatable], expected };
    }
  }
  for (const [system, capacity] of [
    ['systemMillicpu', 'millicpu'],
    ['systemMib', 'mib'],
  ] as const) {
    if (cluster[system] > worker[capacity]) {
      const expected = `at most the worker's ${capacity}, ${String(worker[capacity])}`;
      yield { path: ['cluster', system], expected };
    }
  }
  for (const [request, allocatable] of [
    ['requestMillicpu', 'allocatableMillicpu'],
    ['requestMib', 'allocatableMib'],
  ] as const) {
    if (workload.web[request] > worker[allocatable]) {
      const expected = `at most cluster.worker.${allocatable}, ${String(worker[allocatable])}, or no web pod fits on a worker`;
      yield { path: ['workload', 'web', request], expected };
    }
  }
  const names = ['web', ...workload.others.map((other) => other.name)];
  for (const [at, other] of workload.others.entries()) {
    const path = ['workload', 'others', at];
    if (names.indexOf(other.name) <= at) {
      yield { path: [...path, 'name'], expected: 'a name of its own ("web" is taken)' };
    }
    if (other.kind === 'single-replica' && other.replicas !== 1) {
      yield { path: [...path, 'replicas'], expected: '1, since its kind is single-replica' };
    }
    if (other.zone !== null && !zones.includes(other.zone)) {
      yield {
        path: [...path, 'zone'],
        expected: `null or one of cluster.zones: ${zones.join(', ')}`,
      };
    }
  }
  if (startup.p95Seconds < startup.medianSeconds) {
    const expected = `at least startup.medianSeconds, ${String(startup.medianSeconds)}`;
    yield { path: ['startup', 'p95Seconds'], expected };
  }
  if (startup.imagePullSecondsMax < startup.imagePullSecondsMin) {
    const expected = `at least startup.imagePullSecondsMin, ${String(startup.imagePullSecondsMin)}`;
    yield { path: ['startup', 'imagePullSecondsMax'], expected };
  }
  for (const [at, event] of settings.market.events.entries()) {
    const path = ['market', 'events', at];
    if (event.zone !== null && !zones.includes(event.zone)) {
      yield {
        path: [...path, 'zone'],
        expected: `null or one of cluster.zones: ${zones.join(', ')}`,
      };
    }
    if (event.kind === 'reclaim' && event.market === 'on-demand') {
      yield {
        path: [...path, 'market'],
        expected: 'null or spot, since AWS reclaims nothing else',
      };
    }
    if (event.kind === 'zone-outage' && event.market !== null) {
      yield { path: [...path, 'market'], expected: 'null, since an outage asks for no market' };
    }
    if (checkedInstantMs(event.until) <= checkedInstantMs(event.at)) {
      yield { path: [...path, 'until'], expected: `an instant after its start, ${event.at}` };
    }
  }
  for (const [at, outage] of settings.prometheus.outages.entries()) {
    if (checkedInstantMs(outage.to) <= checkedInstantMs(outage.from)) {
      yield {
        path: ['prometheus', 'outages', at, 'to'],
        expected: `an instant after its start, ${outage.from}`,
      };
    }
  }
  for (const list of ['calendar', 'freezes'] as const) {
    for (const [at, { startAt, endAt }] of settings[list].entries()) {
      if (checkedInstantMs(endAt) <= checkedInstantMs(startAt)) {
        yield { path: [list, at, 'endAt'], expected: `an instant after its start, ${startAt}` };
      }
    }
  }
  for (const [at, { from, until }] of settings.holds.entries()) {
    if (checkedInstantMs(until) <= checkedInstantMs(from)) {
      yield { path: ['holds', at, 'until'], expected: `an instant after its start, ${from}` };
    }
  }
  for (const [at, { effect, mode, from, to }] of settings.faults.entries()) {
    if (!canMeet(mode, effect)) {
      const modes = FAULT_MODES.filter((each) => canMeet(each, effect));
      yield {
        path: ['faults', at, 'mode'],
        expected: `a mode that ${effect} can meet: ${modes.join(', ')}`,
      };
    }
    if (from !== null && to !== null && checkedInstantMs(to) <= checkedInstantMs(from)) {
      yield { path: ['faults', at, 'to'], expected: `an instant after its start, ${from}` };
    }
  }
  if (settings.cycleSeconds % settings.worldStepSeconds !== 0) {
    const expected = `a whole multiple of worldStepSeconds, ${String(settings.worldStepSeconds)}`;
    yield { path: ['cycleSeconds'], expected };
  }
}

/** What is possible but hardly meant. */
function oddities(scenario: Scenario): string[] {
  const { cluster, workload, trace, timeZoneOffsetMinutes } = scenario;
  const warnings: string[] = [];
  const podsInitial = cluster.nodeCountInitial * webPodsPerNode(workload, cluster);
  const { replicasMin } = workload.web.hpa;
  if (podsInitial < replicasMin) {
    warnings.push(
      `cluster.nodeCountInitial: ${String(cluster.nodeCountInitial)} nodes hold ${String(podsInitial)} web pods, but ` +
        `workload.web.hpa.replicasMin is ${String(replicasMin)}, so the run begins with pods pending`,
    );
  }
  const fullMib =
    cluster.systemMib + webPodsPerNode(workload, cluster) * workload.web.workingSetMib;
  if (fullMib > cluster.worker.mib) {
    warnings.push(
      `workload.web.workingSetMib: a worker full of web pods uses ${String(fullMib)} MiB of its ${String(cluster.worker.mib)}; ` +
        `on a real one some would be killed, which is not simulated`,
    );
  }
  for (const other of workload.others) {
    if (
      other.requestMillicpu > cluster.worker.allocatableMillicpu ||
      other.requestMib > cluster.worker.allocatableMib
    ) {
      warnings.push(
        `workload.others: a pod of "${other.name}" requests ${String(other.requestMillicpu)} m and ${String(other.requestMib)} MiB, ` +
          `more than any worker has, so it stays pending for the whole run`,
      );
    }
  }
  for (const { effect, mode, fromMs, toMs } of scenario.faults) {
    if (toMs <= trace.startAtMs || fromMs >= trace.endAtMs) {
      warnings.push(`faults: ${effect} ${mode} is outside the traffic, so it never strikes`);
    }
  }
  const windows = [
    ...scenario.calendar.map((sale) => ({
      what: `calendar: the sale "${sale.name}"`,
      fromMs: sale.startAtMs,
      toMs: sale.endAtMs,
    })),
    ...scenario.freezes.map((freeze) => ({
      what: `freezes: the freeze "${freeze.name}"`,
      fromMs: freeze.startAtMs,
      toMs: freeze.endAtMs,
    })),
    ...scenario.holds.map(({ min, fromMs, untilMs }) => ({
      what: `holds: the hold at ${String(min)}`,
      fromMs,
      toMs: untilMs,
    })),
    ...scenario.market.events.map(({ kind, atMs, untilMs }) => ({
      what: `market.events: the ${kind}`,
      fromMs: atMs,
      toMs: untilMs,
    })),
    ...scenario.prometheus.outages.map((outage) => ({
      what: 'prometheus.outages: the outage',
      ...outage,
    })),
  ];
  for (const { what, fromMs, toMs } of windows) {
    if (toMs <= trace.startAtMs || fromMs >= trace.endAtMs) {
      const [start, traceStart, traceEnd] = [fromMs, trace.startAtMs, trace.endAtMs].map((atMs) =>
        formatInstant(atMs, timeZoneOffsetMinutes),
      );
      warnings.push(
        `${what} (${start}) is outside the traffic, which runs from ${traceStart} to ${traceEnd}`,
      );
    }
  }
  return warnings;
}

/** A mapping whose unknown keys are errors that name the nearest known one. */
function section<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => unknownKey(key, known)).join('; ')
        : 'expected a mapping of settings',
  });
}

function number(min: number, max: number) {
  const message = `expected a number from ${String(min)} to ${String(max)}`;
  return z.number(message).min(min, message).max(max, message);
}

function integer(min: number, max: number) {
  const message = `expected a whole number from ${String(min)} to ${String(max)}`;
  return z.int(message).min(min, message).max(max, message);
}

function name() {
  const message = 'expected a name of lower-case letters, digits and dashes';
  return z.string(message).regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, message);
}

function sentence() {
  const message = 'expected text of 1 to 200 characters';
  return z.string(message).min(1, message).max(200, message);
}

function choice<const Names extends readonly string[]>(names: Names) {
  return z.enum(names, {
    error: ({ input }) =>
      typeof input === 'string' ? adviceOn(input, names) : `expected one of ${names.join(', ')}`,
  });
}

function instant() {
  const message = 'expected an ISO-8601 instant with its zone, like 2026-11-27T20:00:00+06:00';
  return z.string(message).superRefine((text, context) => {
    if (parseInstantMs(text) !== null) {
      return;
    }
    const missing = 'expected its zone as well, like 2026-11-27T20:00:00+06:00 or …Z';
    context.addIssue({ code: 'custom', message: lacksZone(text) ? missing : message });
  });
}

/** The instant of text that the schema has let through. */
function checkedInstantMs(text: string): number {
  const atMs = parseInstantMs(text);
  if (atMs === null) {
    throw new RangeError(
      `"${text}" is not an instant; these settings were not made by parseScenario.`,
    );
  }
  return atMs;
}

function unknownKey(written: string, known: readonly string[]): string {
  const key = written.slice(0, 60);
  return `unknown setting "${key}", ${adviceOn(key, known)}`;
}

/** What the scenario has at this path is not what was expected. */
function misfit(raw: unknown, path: (string | number)[], expected: string): ScenarioIssue {
  const where = path.length === 0 ? 'the scenario' : path.join('.');
  return { path, message: `${where}: found ${shown(valueAt(raw, path))}, ${expected}` };
}

function valueAt(raw: unknown, path: readonly (string | number)[]): unknown {
  let value = raw;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) {
      return undefined;
    }
    value = (value as Record<string | number, unknown>)[key];
  }
  return value;
}
