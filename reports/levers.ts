import {
  CPU_AS_WRITTEN,
  customReading,
  decide,
  describeSettings,
  freshValue,
  isHelpable,
  METRIC_NAMES,
  PENDING_AS_WRITTEN,
  probeDelayMs,
  provenTemplate,
  trustedValue,
  type Cluster,
  type ConfiguredPolicy,
  type Metrics,
  type MetricName,
  type Reading,
  type RuleId,
  type View,
} from '../engine/index.ts';

/** Everything that a decision follows from. */
export interface Situation {
  readonly configured: ConfiguredPolicy;
  readonly cluster: Cluster;
  readonly view: View;
  readonly memory: readonly number[];
}

/** What may be changed in a view, one at a time. Truth counts as 1. */
export type ViewVariable =
  | 'nowMs'
  | 'mode'
  | 'unschedulable'
  | 'unsettled'
  | 'draining'
  | 'desired'
  | 'joinFailures'
  | 'poolBackoffs'
  | 'contradicted'
  | 'instancesKnown'
  | 'nodesKnown'
  | 'podsKnown'
  | 'inboxKnown';
/** What may be changed at all. */
export type Variable =
  | `settings.${string}`
  | `metrics.${MetricName}`
  /** A reading that only the policy asks for. */
  | `custom.${string}`
  | ViewVariable;

/** One variable, and how to put another value in its place. */
export interface Lever {
  readonly variable: Variable;
  readonly now: (situation: Situation) => number | null;
  /** Values on a grid from `min`; null: there is no such thing here. */
  readonly grid: (situation: Situation) => Grid | null;
  readonly set: (situation: Situation, value: number) => Situation;
  /** Values worth trying between the powers of two. */
  readonly hints?: (situation: Situation) => readonly number[];
  /** Whether the decision that follows is fiction: what would have been read is not known. */
  readonly contentUnknown?: true;
}
export interface Grid {
  readonly min: number;
  readonly max: number;
  readonly step: number;
}

const PODS_MAX = 100_000;
const PERCENT: Grid = { min: 0, max: 100, step: 0.1 };
const DAY_MS = 86_400_000;
/** How far ahead a flip by time alone is looked for: sales are announced weeks ahead. */
const AHEAD_MAX_MS = 62 * DAY_MS;
/** The same where a policy remembers, since every look until then has to be taken. */
const AHEAD_MAX_REMEMBERED_MS = DAY_MS;
/** How often it looks meanwhile: often enough that nothing is taken to have been unseen. */
const LOOK_EVERY_MS = 300_000;

const withView = (situation: Situation, changes: Partial<View>): Situation => ({
  ...situation,
  view: { ...situation.view, ...changes },
});

function setting(key: string): Lever {
  return {
    variable: `settings.${key}`,
    now: ({ configured }) => configured.settings[key] ?? null,
    grid({ configured }) {
      const described = describeSettings(configured.policy)[key];
      if (described === undefined) {
        return null;
      }
      const { min, max, step } = described;
      const { nodeCountMin, nodeCountMax } = configured.settings;
      return {
        // A ceiling of 0 is none.
        min: key === 'nodeCountMax' ? nodeCountMin : key === 'spendMaxBdtPerHour' ? step : min,
        max: key === 'nodeCountMin' ? nodeCountMax : max,
        step,
      };
    },
    set: (situation, value) => {
      const { policy, settings } = situation.configured;
      return { ...situation, configured: { policy, settings: { ...settings, [key]: value } } };
    },
  };
}

/**
 * A reading in percent. One that could not be used, since it is old or, where it has to be `trusted`, too little covered, is
 * replaced by one that can.
 */
function percentReading(name: MetricName, trusted: boolean): Lever {
  const usable = (reading: Reading, { view, configured: { settings } }: Situation): boolean =>
    trusted
      ? trustedValue(reading, view, settings) !== null
      : freshValue(reading, view.nowMs, settings.readingMaxAgeSeconds * 1000) !== null;
  return {
    variable: `metrics.${name}`,
    now(situation) {
      const reading = situation.view.metrics[name];
      return reading.missing === null && usable(reading, situation) ? reading.value : null;
    },
    grid: () => PERCENT,
    set(situation, value) {
      const { metrics, nowMs } = situation.view;
      const before = metrics[name];
      const reading: Reading =
        before.missing === null && usable(before, situation)
          ? { ...before, value }
          : { value, sampledAtMs: nowMs, coverageRatio: 1, missing: null };
      return withView(situation, { metrics: { ...metrics, [name]: reading } });
    },
  };
}

/**
 * The same seen later, and nothing done meanwhile: readings as old as they were, and what lies in the past as far in the past
 * as it then is. A policy that remembers has looked every few minutes until then. To whole seconds, which is what people read.
 */
const time: Lever = {
  variable: 'nowMs',
  now: ({ view }) => view.nowMs,
  grid: ({ view, memory }) => {
    const min = Math.ceil(view.nowMs / 1000) * 1000;
    const aheadMs = memory.length === 0 ? AHEAD_MAX_MS : AHEAD_MAX_REMEMBERED_MS;
    return { min, max: min + aheadMs, step: 1000 };
  },
  set(situation, nowMs) {
    let { memory } = situation;
    if (memory.length > 0) {
      const { configured, cluster, view } = situation;
      for (let atMs = view.nowMs; atMs < nowMs; atMs += LOOK_EVERY_MS) {
        ({ memory } = decide(configured, cluster, seenAt(view, atMs), memory));
      }
    }
    return { ...situation, view: seenAt(situation.view, nowMs), memory };
  },
  hints({ view, cluster, configured: { settings } }) {
    const lastMs = Math.max(view.lastScaleUpAtMs ?? 0, view.lastScaleDownAtMs ?? 0);
    const leadMs = (settings['saleLeadSeconds'] ?? 0) * 1000;
    return [
      view.recoveryUntilMs,
      lastMs + settings.cooldownAfterActionSeconds * 1000,
      lastMs + settings.cooldownBeforeRemovalSeconds * 1000,
      view.joinFailedAtMs + probeDelayMs(view.joinFailures),
      ...(cluster.freezes ?? []).map(({ endAtMs }) => endAtMs),
      ...(view.hold === null ? [] : [view.hold.untilMs]),
      ...view.poolBackoffs.map(({ untilMs }) => untilMs),
      ...view.victimBackoffs.map(({ untilMs }) => untilMs),
      ...cluster.calendar.flatMap(({ startAtMs }) => [startAtMs - leadMs, startAtMs]),
    ];
  },
};

/** Time, where a hold ends with it. */
const heldTime: Lever = {
  ...time,
  grid: (situation) => (situation.view.hold === null ? null : time.grid(situation)),
};

function seenAt(view: View, nowMs: number): View {
  const byMs = nowMs - view.nowMs;
  const moved = (reading: Reading): Reading =>
    reading.missing === null ? { ...reading, sampledAtMs: reading.sampledAtMs + byMs } : reading;
  const metrics: Metrics & Record<MetricName, Reading> = {
    ...view.metrics,
    custom: view.metrics.custom.map(({ name, reading }) => ({ name, reading: moved(reading) })),
  };
  for (const name of METRIC_NAMES) {
    metrics[name] = moved(metrics[name]);
  }
  return { ...view, nowMs, metrics };
}

/** A reading that only the policy asks for. */
function customValue(name: string, grid: Grid): Lever {
  return {
    variable: `custom.${name}`,
    now({ view }) {
      const reading = customReading(view.metrics, name);
      return reading.missing === null ? reading.value : null;
    },
    grid: ({ view }) => (view.metrics.custom.some((each) => each.name === name) ? grid : null),
    set(situation, value) {
      const { metrics, nowMs } = situation.view;
      const custom = metrics.custom.map((each) => {
        const before = each.reading;
        return each.name !== name
          ? each
          : {
              name,
              reading:
                before.missing === null
                  ? { ...before, value }
                  : { value, sampledAtMs: nowMs, coverageRatio: 1, missing: null },
            };
      });
      return withView(situation, { metrics: { ...metrics, custom } });
    },
  };
}

/** Pods that wait for room and that a node could hold; by the metric where the list could not be read. */
const pods: Lever = {
  variable: 'unschedulable',
  now(situation) {
    const { view } = situation;
    if (view.podsKnown) {
      return helpable(situation).reduce((sum, s) => sum + view.unschedulable[s], 0);
    }
    const maxAgeMs = situation.configured.settings.readingMaxAgeSeconds * 1000;
    return freshValue(view.metrics.unschedulablePods, view.nowMs, maxAgeMs);
  },
  grid: (situation) =>
    situation.view.podsKnown && helpable(situation).length === 0
      ? null
      : { min: 0, max: PODS_MAX, step: 1 },
  set(situation, count) {
    const { view } = situation;
    if (!view.podsKnown) {
      const unschedulablePods: Reading = {
        value: count,
        sampledAtMs: view.nowMs,
        coverageRatio: 1,
        missing: null,
      };
      return withView(situation, { metrics: { ...view.metrics, unschedulablePods } });
    }
    const shapes = helpable(situation);
    const unschedulable = view.unschedulable.slice();
    let more = count - shapes.reduce((sum, s) => sum + unschedulable[s], 0);
    if (more > 0) {
      unschedulable[shapes[0]] += more;
    }
    for (const s of shapes.toReversed()) {
      const fewer = Math.min(unschedulable[s], Math.max(0, -more));
      unschedulable[s] -= fewer;
      more += fewer;
    }
    return withView(situation, { unschedulable });
  },
};

/** Shapes that an empty node can hold: those that may run anywhere first, and of them the one of which most pods are there. */
function helpable({ view, cluster }: Situation): number[] {
  const bound = (s: number): number => (view.shapes[s].zone === null ? 0 : 1);
  const count = (s: number): number =>
    view.workers.reduce((sum, worker) => sum + (worker.pods[s] ?? 0), view.unschedulable[s]);
  const template = provenTemplate(view.workers, cluster.template);
  return Array.from(view.shapes.keys())
    .filter((s) => isHelpable(view.shapes[s], cluster, template))
    .sort((a, b) => bound(a) - bound(b) || count(b) - count(a) || a - b);
}

const flag = (
  variable: Variable,
  now: (view: View) => boolean,
  set: (on: boolean) => Partial<View>,
): Lever => ({
  variable,
  now: ({ view }) => (now(view) ? 1 : 0),
  grid: () => ({ min: 0, max: 1, step: 1 }),
  set: (situation, value) => withView(situation, set(value === 1)),
});

function known(name: 'instancesKnown' | 'nodesKnown' | 'podsKnown' | 'inboxKnown'): Lever {
  return {
    ...flag(
      name,
      (view) => view[name],
      (on) => ({ [name]: on }),
    ),
    contentUnknown: true,
  };
}

const mode = flag(
  'mode',
  (view) => view.mode !== 'paused',
  (on) => ({ mode: on ? 'act' : 'paused' }),
);

const contradicted: Lever = {
  ...flag(
    'contradicted',
    (view) => view.contradicted,
    (on) => ({ contradicted: on }),
  ),
  contentUnknown: true,
};

/** Nodes on their way or Ready only just now: how many there are, or all of them settled. */
const unsettled: Lever = {
  variable: 'unsettled',
  now: ({ view }) =>
    view.workers.filter((worker) => isUnsettled(worker, view)).length +
    view.unanswered.reduce((sum, { count }) => sum + count, 0),
  grid: () => ({ min: 0, max: 0, step: 1 }),
  set: (situation) => {
    const { view } = situation;
    const longAgoMs = view.nowMs - DAY_MS;
    return withView(situation, {
      unanswered: [],
      workers: view.workers.map((worker) =>
        isUnsettled(worker, view) ? { ...worker, phase: 'ready', readySinceMs: longAgoMs } : worker,
      ),
    });
  },
};

function isUnsettled({ phase, readySinceMs }: View['workers'][number], view: View): boolean {
  return (
    phase === 'booting' ||
    phase === 'joining' ||
    phase === 'not-ready' ||
    phase === 'absent' ||
    phase === 'unknown' ||
    (phase === 'ready' && view.nowMs - readySinceMs < 60_000)
  );
}

/** Nodes that are on their way out of their own accord: how many there are, or none. */
const draining: Lever = {
  variable: 'draining',
  now: ({ view }) => view.workers.filter(isLeaving).length,
  grid: () => ({ min: 0, max: 0, step: 1 }),
  set: (situation) =>
    withView(situation, {
      workers: situation.view.workers.filter((worker) => !isLeaving(worker)),
    }),
};

function isLeaving({ phase }: View['workers'][number]): boolean {
  return phase === 'tainted' || phase === 'draining' || phase === 'terminating';
}

const desired: Lever = {
  variable: 'desired',
  now: ({ view }) => view.desired,
  grid: () => ({ min: 0, max: PODS_MAX, step: 1 }),
  set: (situation, value) => withView(situation, { desired: value }),
};

const joinFailures: Lever = {
  variable: 'joinFailures',
  now: ({ view }) => view.joinFailures,
  grid: () => ({ min: 0, max: PODS_MAX, step: 1 }),
  set: (situation, value) => withView(situation, { joinFailures: value }),
};

/** Pools passed over since they refused: how many there are, or none. */
const poolBackoffs: Lever = {
  variable: 'poolBackoffs',
  now: ({ view }) => view.poolBackoffs.filter(({ untilMs }) => untilMs > view.nowMs).length,
  grid: () => ({ min: 0, max: 0, step: 1 }),
  set: (situation) => withView(situation, { poolBackoffs: [] }),
};

const cpu = percentReading('cpuPercent', false);
const trustedCpu = percentReading('cpuPercent', true);
const cpuAsWritten = customValue(CPU_AS_WRITTEN, PERCENT);

/** Settings that say how many nodes there are to be; each policy has but a few of them. */
const TARGETS = [
  'nightNodeCount',
  'dayNodeCount',
  'eveningNodeCount',
  'saleNodeCount',
  'baseNodeCount',
].map(setting);

/** What would make each rule answer otherwise, the likeliest first. */
export const LEVERS: Readonly<Record<RuleId, readonly Lever[]>> = {
  'pods-unschedulable': [pods],
  'cpu-high': [cpuAsWritten, cpu, setting('cpuHighPercent')],
  'sale-incoming': [time, setting('saleLeadSeconds')],
  'cpu-low': [cpuAsWritten, trustedCpu, pods, setting('cpuLowPercent')],
  'target-above-supply': [
    pods,
    setting('headroomPercent'),
    setting('windowSeconds'),
    cpu,
    setting('targetPercent'),
    ...TARGETS,
    time,
  ],
  'target-below-supply': [
    pods,
    setting('windowSeconds'),
    setting('headroomPercent'),
    trustedCpu,
    setting('nodeCountMin'),
    ...TARGETS,
    time,
  ],
  mode: [mode],
  frozen: [time],
  readings: [
    trustedCpu,
    known('instancesKnown'),
    known('nodesKnown'),
    known('podsKnown'),
    known('inboxKnown'),
    contradicted,
  ],
  'memory-lost': [time],
  max: [setting('nodeCountMax')],
  min: [heldTime, setting('nodeCountMin')],
  cooldown: [time, setting('cooldownAfterActionSeconds'), setting('cooldownBeforeRemovalSeconds')],
  'joining-works': [time, joinFailures, known('nodesKnown')],
  'no-pods-unschedulable': [pods, known('podsKnown')],
  'nothing-in-flight': [setting('drainsInFlightMax'), unsettled],
  victim: [setting('removalHeadroomPercent'), setting('onDemandBase'), time],
  step: [setting('stepUpMax'), setting('stepDownMax')],
  spend: [setting('spendMaxBdtPerHour')],
  pools: [time, poolBackoffs],
  'desired-capacity': [heldTime, desired, setting('nodeCountMin')],
  'pods-pending': [customValue(PENDING_AS_WRITTEN, { min: 0, max: PODS_MAX, step: 1 })],
  'pods-waiting-lasts': [time, pods, setting('pendingSeconds')],
  'memory-high': [percentReading('memoryPercent', false), setting('memoryHighPercent')],
  'cpu-low-lasts': [time, trustedCpu, setting('lowSeconds')],
  'memory-low': [percentReading('memoryPercent', true), setting('memoryLowPercent')],
  'nothing-pending': [pods],
  'operator-comes': [time, setting('reactionSeconds')],
  'quiet-lasts': [time, setting('quietSeconds')],
  'sale-open': [time, setting('saleLeadSeconds')],
  'above-target-lasts': [time, cpu, setting('highSeconds'), setting('targetPercent')],
  'below-target-lasts': [time, trustedCpu, setting('lowSeconds'), setting('targetPercent')],
  'capacity-warm': [time, unsettled, setting('warmupSeconds')],
  'nodes-unready': [unsettled],
  'scale-up-settled-lasts': [time, setting('delayAfterAddSeconds')],
  'removal-settled-lasts': [time, setting('delayAfterFailureSeconds')],
  'unneeded-lasts': [time, setting('unneededSeconds'), setting('utilizationPercent')],
  'drain-ended': [draining],
  'consolidatable-lasts': [time, setting('consolidateAfterSeconds')],
  'disruption-budget': [setting('budgetPercent'), draining],
};
