import {
  decide,
  describeSettings,
  freshValue,
  isHelpable,
  probeDelayMs,
  trustedValue,
  type Cluster,
  type ConfiguredPolicy,
  type Decided,
  type Decision,
  type MetricName,
  type Reading,
  type RuleId,
  type RuleVerdict,
  type View,
} from '../engine/index.ts';
import { asksInTheWay, decidingRule, isBlocking, partsOf, type PlacedRule } from './explanation.ts';
import { asksFor } from './sentences.ts';

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
  | 'desired'
  | 'joinFailures'
  | 'poolBackoffs'
  | 'contradicted'
  | 'instancesKnown'
  | 'nodesKnown'
  | 'podsKnown'
  | 'inboxKnown';
/** What may be changed at all. */
export type Variable = `settings.${string}` | `metrics.${MetricName}` | ViewVariable;

/** One value that makes a rule answer otherwise, all else alike. */
export interface Flip {
  readonly variable: Variable;
  /** What it was; null: not known. */
  readonly was: number | null;
  /** The value next to what it was with which the rule answers otherwise; so do others on its far `side`. */
  readonly value: number;
  readonly side: 'atLeast' | 'atMost' | 'any';
  /** What is decided with it. Null where the variable says that something is known, but not what it says. */
  readonly then: { readonly situation: Situation; readonly decided: Decided } | null;
}

/** Why something was not done: the first rule in the way and what would flip it. */
export type WhyNot =
  | { readonly kind: 'done'; readonly count: number }
  | { readonly kind: 'rule'; readonly placed: PlacedRule; readonly flip: Flip | null }
  /** No rule of the policy ever asks for it. */
  | { readonly kind: 'never-asked' };

// ---------------------------------------------------------------- what can be changed

interface Lever {
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
interface Grid {
  readonly min: number;
  readonly max: number;
  readonly step: number;
}

const PODS_MAX = 100_000;
const DAY_MS = 86_400_000;
/** How far ahead a flip by time alone is looked for: sales are announced weeks ahead. */
const AHEAD_MAX_MS = 62 * DAY_MS;

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
    grid: () => ({ min: 0, max: 100, step: 0.1 }),
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
 * The same seen later: readings as old as they were, and what lies in the past as far in the past as it then is. To whole
 * seconds, which is what people read.
 */
const time: Lever = {
  variable: 'nowMs',
  now: ({ view }) => view.nowMs,
  grid: ({ view }) => {
    const min = Math.ceil(view.nowMs / 1000) * 1000;
    return { min, max: min + AHEAD_MAX_MS, step: 1000 };
  },
  set(situation, nowMs) {
    const { view } = situation;
    const byMs = nowMs - view.nowMs;
    const metrics = { ...view.metrics };
    for (const name of Object.keys(metrics) as MetricName[]) {
      const reading = metrics[name];
      if (reading.missing === null) {
        metrics[name] = { ...reading, sampledAtMs: reading.sampledAtMs + byMs };
      }
    }
    return withView(situation, { nowMs, metrics });
  },
  hints({ view, cluster, configured: { settings } }) {
    const lastMs = Math.max(view.lastScaleUpAtMs ?? 0, view.lastScaleDownAtMs ?? 0);
    const leadMs = (settings['saleLeadSeconds'] ?? 0) * 1000;
    return [
      view.recoveryUntilMs,
      lastMs + settings.cooldownAfterActionSeconds * 1000,
      lastMs + settings.cooldownBeforeRemovalSeconds * 1000,
      view.joinFailedAtMs + probeDelayMs(view.joinFailures),
      ...view.poolBackoffs.map(({ untilMs }) => untilMs),
      ...view.victimBackoffs.map(({ untilMs }) => untilMs),
      ...cluster.calendar.flatMap(({ startAtMs }) => [startAtMs - leadMs, startAtMs]),
    ];
  },
};

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
  return Array.from(view.shapes.keys())
    .filter((s) => isHelpable(view.shapes[s], cluster))
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

/** What would make each rule answer otherwise, the likeliest first. */
const LEVERS: Readonly<Record<RuleId, readonly Lever[]>> = {
  'pods-unschedulable': [pods],
  'cpu-high': [cpu, setting('cpuHighPercent')],
  'sale-incoming': [time, setting('saleLeadSeconds')],
  'cpu-low': [trustedCpu, pods, setting('cpuLowPercent')],
  'target-above-supply': [pods, setting('headroomPercent'), setting('windowSeconds')],
  'target-below-supply': [
    pods,
    setting('windowSeconds'),
    setting('headroomPercent'),
    setting('nodeCountMin'),
  ],
  mode: [mode],
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
  min: [setting('nodeCountMin')],
  cooldown: [time, setting('cooldownAfterActionSeconds'), setting('cooldownBeforeRemovalSeconds')],
  'joining-works': [time, joinFailures, known('nodesKnown')],
  'no-pods-unschedulable': [pods, known('podsKnown')],
  'nothing-in-flight': [setting('drainsInFlightMax'), unsettled],
  victim: [setting('removalHeadroomPercent'), setting('onDemandBase'), time],
  step: [setting('stepUpMax'), setting('stepDownMax')],
  spend: [setting('spendMaxBdtPerHour')],
  pools: [time, poolBackoffs],
  'desired-capacity': [desired, setting('nodeCountMin')],
};

// ---------------------------------------------------------------- finding a flip

/**
 * The one value that flips the rule on which a decision hangs; of a hold that nothing asked to end, a value that would have
 * asked. Null where no single value does.
 */
export function flipOfDecision(
  situation: Situation,
  decided: Decided,
): { readonly placed: PlacedRule; readonly flip: Flip | null } | null {
  const placed = decidingRule(decided);
  if (placed !== null) {
    return { placed, flip: flipOf(situation, decided, placed) };
  }
  const { asks } = partsOf(decided.explanation);
  return firstInTheWay(
    situation,
    decided,
    asks.map((rule) => ({ part: 'asks', rule })),
    () => true,
  );
}

/** Why a decision adds (`up`) or removes (`down`) nothing: the first rule in the way, and the value at which it would flip. */
export function whyNot(situation: Situation, decided: Decided, direction: 'up' | 'down'): WhyNot {
  const { decision, explanation } = decided;
  const { repair, guards } = partsOf(explanation);
  const done =
    direction === 'up'
      ? decision.repair + (decision.action === 'scaleUp' ? decision.count : 0)
      : decision.action === 'scaleDown'
        ? decision.count
        : 0;
  if (done > 0) {
    return { kind: 'done', count: done };
  }
  const proposed = Math.sign(explanation.proposed);
  const wanted = direction === 'up' ? 1 : -1;
  const blocked =
    proposed === wanted
      ? guards.find(isBlocking)
      : direction === 'up'
        ? repair.find(isBlocking)
        : undefined;
  if (blocked !== undefined) {
    const placed: PlacedRule = { part: proposed === wanted ? 'guards' : 'repair', rule: blocked };
    return { kind: 'rule', placed, flip: flipOf(situation, decided, placed) };
  }
  const candidates = asksInTheWay(decided, direction, asksFor);
  const found = firstInTheWay(
    situation,
    decided,
    candidates.map((rule) => ({ part: 'asks', rule })),
    ({ decision: { action } }) => action === (direction === 'up' ? 'scaleUp' : 'scaleDown'),
  );
  return found === null ? { kind: 'never-asked' } : { kind: 'rule', ...found };
}

/** The first of these rules whose flip leads where it should; or else the first that flips; or else the first. */
function firstInTheWay(
  situation: Situation,
  decided: Decided,
  candidates: readonly PlacedRule[],
  leads: (decided: Decided) => boolean,
): { readonly placed: PlacedRule; readonly flip: Flip | null } | null {
  const tried = candidates.map((placed) => ({
    placed,
    flip: flipOf(situation, decided, placed),
  }));
  const changes = tried.find(({ flip }) => {
    const then = flip?.then?.decided;
    return then !== undefined && leads(then) && !isSameDeed(then.decision, decided.decision);
  });
  return changes ?? tried.find(({ flip }) => flip !== null) ?? tried[0] ?? null;
}

/**
 * The one value with which a rule answers otherwise: found by deciding again with other values, so that what it says is
 * true. Of several variables that would do, the first with which something else is done. Where none makes it answer
 * otherwise, one with which it is no longer in the way and something else is done will do: what was asked for may have been
 * had by a repair, and then nothing is asked.
 */
export function flipOf(situation: Situation, decided: Decided, placed: PlacedRule): Flip | null {
  const levers = LEVERS[placed.rule.rule];
  const flipped = goalOf(placed, decided);
  let first: Flip | null = null;
  for (const lever of levers) {
    const flip = search(lever, situation, flipped);
    if (flip === null) {
      continue;
    }
    if (flip.then === null || !isSameDeed(flip.then.decided.decision, decided.decision)) {
      return flip;
    }
    first ??= flip;
  }
  if (first !== null || placed.rule.verdict !== 'blocks') {
    return first;
  }
  const outOfTheWay = ({ decision, explanation }: Decided): boolean =>
    !isSameDeed(decision, decided.decision) &&
    !partsOf(explanation)[placed.part].some(
      (each) => each.rule === placed.rule.rule && isBlocking(each),
    );
  for (const lever of levers) {
    const flip = search(lever, situation, outOfTheWay);
    if (flip !== null) {
      return flip;
    }
  }
  return null;
}

export function isSameDeed(a: Decision, b: Decision): boolean {
  return a.action === b.action && a.count === b.count && a.repair === b.repair;
}

/** Whether a decision has this rule answer otherwise, in the same place and about the same thing. */
export function goalOf(
  { part, rule: { rule, verdict } }: PlacedRule,
  { explanation: { proposed } }: Decided,
): (again: Decided) => boolean {
  if (rule === 'desired-capacity') {
    return ({ explanation }) => partsOf(explanation).repair.length === 0;
  }
  const isFlipped = (now: RuleVerdict['verdict']): boolean => {
    switch (verdict) {
      case 'blocks':
        return now === 'passes' || now === 'clips';
      case 'clips':
        return now === 'passes';
      case 'passes':
        return now === 'clips' || now === 'blocks';
      case 'quiet':
      case 'unknown':
        return now === 'fires';
      case 'fires':
        return now === 'quiet';
    }
  };
  return ({ explanation }) =>
    (part !== 'guards' || Math.sign(explanation.proposed) === Math.sign(proposed)) &&
    partsOf(explanation)[part].some((each) => each.rule === rule && isFlipped(each.verdict));
}

function search(
  lever: Lever,
  situation: Situation,
  flipped: (decided: Decided) => boolean,
): Flip | null {
  const grid = lever.grid(situation);
  if (grid === null || grid.max < grid.min) {
    return null;
  }
  const { min, max, step } = grid;
  const last = Math.floor((max - min) / step + 1e-9);
  // What decimals cannot hold exactly is rounded to a millionth, as a person would have written it.
  const valueOf = (place: number): number => Math.round((min + place * step) * 1e6) / 1e6;
  const flips = (place: number): boolean =>
    flipped(decidedIn(lever.set(situation, valueOf(place))));
  const was = lever.now(situation);
  const at = was === null ? null : (was - min) / step;
  const hints = (lever.hints?.(situation) ?? []).flatMap((value) => {
    const place = (value - min) / step;
    return [Math.floor(place), Math.ceil(place)];
  });

  const up = nearestFlip(at === null ? -1 : Math.floor(at + 1e-9), 1, last, hints, flips);
  const down = nearestFlip(at === null ? last + 1 : Math.ceil(at - 1e-9), -1, last, hints, flips);
  const [place, side] = choose(at, up, down, last);
  if (place === null) {
    return null;
  }
  const value = valueOf(place);
  const then = lever.set(situation, value);
  return {
    variable: lever.variable,
    was,
    value,
    side,
    then: lever.contentUnknown === true ? null : { situation: then, decided: decidedIn(then) },
  };
}

function decidedIn({ configured, cluster, view, memory }: Situation): Decided {
  return decide(configured, cluster, view, memory);
}

/** The nearer of two flips; with nothing to be near to, the one that is a bound. */
function choose(
  at: number | null,
  up: number | null,
  down: number | null,
  last: number,
): readonly [number | null, Flip['side']] {
  if (at === null) {
    // Any value will do.
    if (up === 0 && down === last) {
      return [0, 'any'];
    }
    return up !== null && up > 0 ? [up, 'atLeast'] : [down, 'atMost'];
  }
  if (up === null || (down !== null && at - down < up - at)) {
    return [down, 'atMost'];
  }
  return [up, 'atLeast'];
}

/**
 * The place on the grid nearest to `at` that flips, going one way: tried at growing distances and where a hint says, then
 * narrowed down. Null when none of the places tried flips.
 */
function nearestFlip(
  at: number,
  way: 1 | -1,
  last: number,
  hints: readonly number[],
  flips: (place: number) => boolean,
): number | null {
  const end = way === 1 ? last : 0;
  // Off the grid everything is a miss.
  const from = way === 1 ? Math.max(at, -1) : Math.min(at, last + 1);
  const distances = [(end - from) * way];
  for (let distance = 1; distance < distances[0]; distance *= 2) {
    distances.push(distance);
  }
  for (const hint of hints) {
    distances.push((hint - from) * way);
  }
  const tried = distances
    .filter((distance) => distance >= 1 && distance <= distances[0])
    .sort((a, b) => a - b);
  let miss = 0;
  for (const distance of tried) {
    if (distance === miss || !flips(from + distance * way)) {
      miss = distance;
      continue;
    }
    let hit = distance;
    while (hit - miss > 1) {
      const middle = Math.floor((hit + miss) / 2);
      if (flips(from + middle * way)) {
        hit = middle;
      } else {
        miss = middle;
      }
    }
    return from + hit * way;
  }
  return null;
}
