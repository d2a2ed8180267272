import {
  countFleet,
  CPU_AS_WRITTEN,
  customReading,
  freezeAt,
  freshValue,
  holdsPinnedPod,
  PENDING_AS_WRITTEN,
  probeDelayMs,
  settingsInForce,
  type Cluster,
  type ConfiguredPolicy,
  type MissingReason,
  type Reading,
  type RuleId,
  type RuleVerdict,
  type Verdict,
  type View,
} from '../engine/index.ts';
import { formatBdt } from './money.ts';
import { counted, formatPercent, formatSpan, timeSeenFrom } from './words.ts';

/** What a sentence may look at beside the verdict that it tells of. */
export interface Telling {
  readonly view: View;
  readonly cluster: Cluster;
  readonly settings: ConfiguredPolicy['settings'];
  /** The zone that times are told in. */
  readonly offsetMinutes: number;
  /** Which way what was asked for goes. */
  readonly direction: 'up' | 'down';
  /** How many nodes the last scaling action before this was about, where the journal has it. */
  readonly lastScaledBy: number | null;
}

type Clause = (rule: RuleVerdict, telling: Telling) => string;

/** Which way a policy’s rule asks: `neither` for one that holds everything when it fires. */
export type Asks = 'up' | 'down' | 'neither';

/** What a policy’s rule says, and which way it asks. */
interface AskWords {
  readonly asks: Asks;
  readonly fires: Clause;
  readonly quiet: Clause;
  readonly unknown: Clause;
}
/** What a guard says. `clips` and `blocks` mostly say the same: what is asked for, and how much of it may be. */
interface GuardWords {
  readonly passes: Clause;
  readonly clips: Clause;
  readonly blocks: Clause;
}

/** What readings are called, the policies’ own included. */
export const READING_NAMES: Readonly<Partial<Record<string, string>>> = {
  cpuPercent: 'CPU',
  memoryPercent: 'memory',
  unschedulablePods: 'pending pods',
  apiLatencyP95Ms: 'latency',
  requestsPerSecond: 'requests/s',
  [CPU_AS_WRITTEN]: 'CPU by the brief’s query',
  [PENDING_AS_WRITTEN]: 'pending pods by the brief’s query',
};

// ---------------------------------------------------------------- what cannot be read

const MISSING: Readonly<Record<MissingReason, string>> = {
  unavailable: 'Prometheus does not answer',
  timeout: 'the query timed out',
  empty: 'the query found nothing',
  'not-a-number': 'the query gave no number',
  'exporter-down': 'its exporter is down',
  stale: 'it is stale',
  'low-coverage': 'it has too few samples',
};

/** Why a reading counts as missing; null when nothing is wrong with it. */
function whyUnread(reading: Reading, { view, settings }: Telling, trusted: boolean): string | null {
  if (reading.missing !== null) {
    return MISSING[reading.missing];
  }
  const { readingMaxAgeSeconds, readingCoverageMinPercent } = settings;
  if (freshValue(reading, view.nowMs, readingMaxAgeSeconds * 1000) === null) {
    const age = formatSpan(Math.abs(view.nowMs - reading.sampledAtMs));
    return `its last sample is ${age} ${reading.sampledAtMs > view.nowMs ? 'ahead' : 'old'}, of at most ${String(readingMaxAgeSeconds)} s`;
  }
  const coveragePercent = reading.coverageRatio * 100;
  return trusted && coveragePercent < readingCoverageMinPercent
    ? `only ${formatPercent(coveragePercent)} of its samples are there, of at least ${formatPercent(readingCoverageMinPercent)}`
    : null;
}

function unread(what: string, why: string | null): string {
  return why === null ? `${what} not known` : `${what} not known: ${why}`;
}

function podsUnread(telling: Telling): string {
  const why = whyUnread(telling.view.metrics.unschedulablePods, telling, false);
  const metric = why === null ? '' : `, and of their metric ${why}`;
  return unread('pending pods', `the pod list could not be read${metric}`);
}

/** Everything that a removal, or else an addition, rests on and that could not be read. */
function unreadLists({ view, direction }: Telling, cpu: string | null): string {
  const lists: (readonly [boolean, string])[] = [
    [!view.instancesKnown, 'the instance list could not be read'],
    [view.contradicted, 'the instance list contradicts what is remembered'],
  ];
  if (direction === 'down') {
    lists.push(
      [!view.nodesKnown, 'the node list could not be read'],
      [!view.podsKnown, 'the pod list could not be read'],
      [!view.inboxKnown, 'the inbox could not be read'],
    );
  }
  const found = lists.flatMap(([is, what]) => (is ? [what] : []));
  if (cpu !== null) {
    found.push(`CPU is not known (${cpu})`);
  }
  return found.length === 0 ? 'what it rests on is not known' : found.join(', and ');
}

// ---------------------------------------------------------------- what was compared

function pending(count: number): string {
  return `${counted(count, 'pod')} pending`;
}

/** Whether the policy reads the brief’s own two queries in place of ours. */
function isAsWritten({ view }: Telling): boolean {
  return view.metrics.custom.some(({ name }) => name === CPU_AS_WRITTEN);
}

/** `CPU 61.8 % once the new nodes carry their share (82.4 % measured)`: credited, as the rule compares it. */
function credited(
  what: 'CPU' | 'memory',
  reading: Reading,
  { observed }: RuleVerdict,
  telling: Telling,
): string {
  if (isAsWritten(telling)) {
    return `${what} ${formatPercent(observed)} by the brief’s query`;
  }
  const measured = reading.missing === null ? reading.value : observed;
  return formatPercent(measured) === formatPercent(observed)
    ? `${what} ${formatPercent(observed)}`
    : `${what} ${formatPercent(observed)} once the new nodes carry their share (${formatPercent(measured)} measured)`;
}

const creditedCpu: Clause = (rule, telling) =>
  credited('CPU', telling.view.metrics.cpuPercent, rule, telling);
const plainCpu: Clause = ({ observed }, telling) =>
  `CPU ${formatPercent(observed)}${isAsWritten(telling) ? ' by the brief’s query' : ''}`;
const creditedMemory: Clause = (rule, telling) =>
  credited('memory', telling.view.metrics.memoryPercent, rule, telling);

/** CPU as a removal looks at it, and why it may not be known. */
function cpuUnread(telling: Telling, trusted: boolean): string | null {
  return isAsWritten(telling)
    ? whyMissing(customReading(telling.view.metrics, CPU_AS_WRITTEN))
    : whyUnread(telling.view.metrics.cpuPercent, telling, trusted);
}

function whyMissing(reading: Reading): string | null {
  return reading.missing === null ? null : MISSING[reading.missing];
}

function nextSale({ view, cluster }: Telling): string {
  const ahead = cluster.calendar.filter(({ startAtMs }) => startAtMs > view.nowMs);
  ahead.sort((a, b) => a.startAtMs - b.startAtMs);
  return ahead[0]?.name ?? 'a sale';
}

function lastAction({ view, offsetMinutes, lastScaledBy }: Telling): string | null {
  const { lastScaleUpAtMs, lastScaleDownAtMs } = view;
  const atMs = Math.max(lastScaleUpAtMs ?? -Infinity, lastScaleDownAtMs ?? -Infinity);
  if (atMs === -Infinity) {
    return null;
  }
  const way = atMs === lastScaleUpAtMs ? 'scaled up' : 'scaled down';
  const by = lastScaledBy === null ? '' : ` by ${String(lastScaledBy)}`;
  return `${way}${by} at ${timeSeenFrom(view.nowMs, atMs, offsetMinutes)}`;
}

function until(atMs: number, { view, offsetMinutes }: Telling): string {
  return timeSeenFrom(view.nowMs, Math.ceil(atMs / 1000) * 1000, offsetMinutes);
}

function neverJoined(failures: number): string {
  return failures === 1
    ? 'the last launch never joined'
    : `the last ${String(failures)} launches never joined`;
}

function joining({ observed }: RuleVerdict, telling: Telling): string {
  const { view } = telling;
  const fleet = countFleet(view);
  const probes: string[] = [];
  if (!view.nodesKnown) {
    probes.push('the node list could not be read');
  } else if (fleet.notReady > 0 && observed < 2) {
    probes.push(
      `${counted(fleet.notReady, 'node')} of ${String(fleet.notReady + fleet.ready)} not Ready`,
    );
  }
  if (observed >= 2) {
    probes.push(neverJoined(observed));
  }
  const nextMs = view.joinFailedAtMs + probeDelayMs(observed);
  const waits =
    observed >= 2 && nextMs > view.nowMs
      ? `, the next at ${until(nextMs, telling)}`
      : fleet.arriving > 0
        ? ', and one is on its way'
        : '';
  const why = probes.length === 0 ? 'nodes may not join' : probes.join(', and ');
  return `${why}: only one node at a time${waits}`;
}

/** Why no more workers may go: what keeps each that is Ready, as far as one look tells. */
function keptWorkers({ view, settings }: Telling): string {
  const ready = view.workers.filter(({ phase }) => phase === 'ready');
  const cordoned = ready.filter((worker) => worker.cordoned);
  const others = ready.filter((worker) => !worker.cordoned);
  const pinned = others.filter((worker) => holdsPinnedPod(worker, view));
  const backingOff = others.filter(
    ({ id }) =>
      !pinned.some((worker) => worker.id === id) &&
      view.victimBackoffs.some(
        ({ instanceId, untilMs }) => instanceId === id && view.nowMs < untilMs,
      ),
  );
  const left = others.length - pinned.length - backingOff.length;
  const parts = [
    cordoned.length > 0 ? `${String(cordoned.length)} cordoned` : '',
    pinned.length > 0 ? `${String(pinned.length)} with pods that may not be moved` : '',
    backingOff.length > 0 ? `${String(backingOff.length)} that could not be drained lately` : '',
    left > 0
      ? `${String(left)} kept by the on-demand base of ${String(settings.onDemandBase)}, by zones within one of each other, or by pods that would not fit elsewhere with ${formatPercent(settings.removalHeadroomPercent)} of a node to spare`
      : '',
  ].filter((part) => part !== '');
  return ready.length === 0 ? 'none is Ready' : `of the Ready, ${parts.join(', ')}`;
}

const there = (count: number): string => `${String(count)} there or on their way`;

/** `CPU 45 %, not below 30 %`, or for how long it has been. */
function lasts(
  what: 'CPU' | 'memory',
  bound: string,
  {
    verdict: { observed, threshold },
    isSo,
    now,
  }: { verdict: RuleVerdict; isSo: boolean; now: number | null },
): string {
  return observed === 0 && !isSo && now !== null
    ? `${what} ${formatPercent(now)}, not ${bound}`
    : `${what} ${bound} for ${formatSpan(observed)}, not yet ${formatSpan(threshold)}`;
}

/** That CPU has been above or below a bound for long enough, or how long it has. */
function cpuLasts(
  side: 'above' | 'below',
  boundOf: (telling: Telling) => number,
): Pick<AskWords, 'fires' | 'quiet'> {
  const beyond = (telling: Telling): string => `${side} ${formatPercent(boundOf(telling))}`;
  return {
    fires: (rule, telling) => longEnough(`CPU ${beyond(telling)}`, rule),
    quiet(rule, telling) {
      const bound = boundOf(telling);
      const now = valueOf(telling.view.metrics.cpuPercent);
      const isSo = now !== null && (side === 'above' ? now > bound : now < bound);
      return lasts('CPU', beyond(telling), { verdict: rule, isSo, now });
    },
  };
}

function valueOf(reading: Reading): number | null {
  return reading.missing === null ? reading.value : null;
}

const longEnough = (what: string, { observed, threshold }: RuleVerdict): string =>
  `${what} for ${formatSpan(observed)}, at least ${formatSpan(threshold)}`;

/** `pods pending for 4 min, not yet 10 min`: of a rule that compares how long something has been so. */
const lasted = (what: string, notSo: string): Pick<AskWords, 'fires' | 'quiet'> => ({
  fires: ({ observed, threshold }) =>
    `${what} for ${formatSpan(observed)}, at least ${formatSpan(threshold)}`,
  quiet: ({ observed, threshold }) =>
    observed === 0
      ? notSo
      : `${what} for ${formatSpan(observed)}, not yet ${formatSpan(threshold)}`,
});

/** Longer ago than any cluster is old: what a rule compares with when something never was. */
const NEVER_MS = 1e12;
const settledSince = (what: string, never: string): Pick<AskWords, 'fires' | 'quiet'> => ({
  fires: ({ observed, threshold }) =>
    observed > NEVER_MS
      ? never
      : `${what} ${formatSpan(observed)} ago, at least ${formatSpan(threshold)}`,
  quiet: ({ observed, threshold }) =>
    `${what} ${formatSpan(observed)} ago, not yet ${formatSpan(threshold)}`,
});

const setting = ({ settings }: Telling, key: string): number => settings[key] ?? 0;
const notSaid =
  (what: string): Clause =>
  () =>
    unread(what, null);
const target: Clause = ({ observed, threshold }) =>
  `${counted(observed, 'node')} needed, ${there(threshold)}`;
const targetUnread: Clause = () =>
  unread('the number of nodes needed', 'the pod list could not be read');

/** `verb`: what is asked for would do. */
const ceiling =
  (verb: string, limit: string): Clause =>
  ({ observed, threshold }) =>
    `that ${verb} ${counted(observed, 'node')}, ${limit.replace('N', String(threshold))}`;
const tooMany = ceiling('would make', 'of at most N (nodeCountMax)');
const tooFew: Clause = (rule, telling) => {
  const held = holding(telling);
  const least = held === null ? 'of at least N (nodeCountMin)' : held;
  return ceiling('would leave', least)(rule, telling);
};

const frozen: Clause = ({ threshold }, telling) => {
  const freeze = freezeAt(telling.cluster, telling.view.nowMs);
  const name = freeze === null ? '' : ` (${freeze.name})`;
  return `frozen until ${until(threshold, telling)}${name}: nothing is removed`;
};

/** `held at 8 until 22:00:00`; null where no hold raises the lower bound. */
function holding(telling: Telling): string | null {
  const { view, settings } = telling;
  const min = settingsInForce(view, settings).nodeCountMin;
  return view.hold === null || min === settings.nodeCountMin
    ? null
    : `held at ${String(min)} until ${until(view.hold.untilMs, telling)}`;
}

const cooling: Clause = (rule, telling) => {
  const last = lastAction(telling);
  return `cooling down until ${until(rule.threshold, telling)}${last === null ? '' : ` (${last})`}`;
};

const inFlight: Clause = ({ observed, threshold }) =>
  threshold === 0
    ? `${counted(observed, 'node')} not settled: on the way, not Ready, or Ready only just now`
    : `that would make ${counted(observed, 'drain')} at once, of at most ${String(threshold)} (drainsInFlightMax)`;

const victims: Clause = ({ observed, threshold }, telling) =>
  `${observed === 0 ? 'no node' : `only ${String(observed)} of ${counted(threshold, 'node')}`} can go: ${keptWorkers(telling)}`;

const steps: Clause = ({ observed, threshold }, { direction }) =>
  `${counted(observed, 'node')} at once, of at most ${String(threshold)} (${direction === 'up' ? 'stepUpMax' : 'stepDownMax'})`;

const spending: Clause = ({ observed, threshold }) =>
  `that could cost ${formatBdt(observed, 2)} an hour, of at most ${formatBdt(threshold, 2)} (spendMaxBdtPerHour)`;

const pools: Clause = ({ observed, threshold }, telling) => {
  const { view } = telling;
  const opensMs = view.poolBackoffs
    .map(({ untilMs }) => untilMs)
    .filter((untilMs) => untilMs > view.nowMs)
    .reduce((soonest, untilMs) => Math.min(soonest, untilMs), Infinity);
  const opens = opensMs === Infinity ? '' : `; the next may be tried at ${until(opensMs, telling)}`;
  return `${observed === 0 ? 'no pool' : `pools for only ${String(observed)} of ${counted(threshold, 'node')}`} that did not refuse lately${opens}`;
};

/**
 * What each rule says, one clause a verdict: exhaustive by type. A rule added to `RULES` gets its words here, and what would
 * flip it in `levers.ts`.
 */
const WORDS: Readonly<Record<RuleId, AskWords | GuardWords>> = {
  'pods-unschedulable': {
    asks: 'up',
    fires: ({ observed }, { view }) =>
      countFleet(view).arriving === 0
        ? pending(observed)
        : `${pending(observed)}, more than the nodes on the way can hold`,
    quiet: ({ observed }) =>
      observed === 0 ? pending(0) : `${pending(observed)}, for which the nodes on the way will do`,
    unknown: (_, telling) => podsUnread(telling),
  },
  'cpu-high': {
    asks: 'up',
    fires: (rule, telling) =>
      `${creditedCpu(rule, telling)}, above ${formatPercent(rule.threshold)}`,
    quiet: (rule, telling) =>
      `${creditedCpu(rule, telling)}, not above ${formatPercent(rule.threshold)}`,
    unknown: (_, telling) => unread('CPU', cpuUnread(telling, false)),
  },
  'sale-incoming': {
    asks: 'up',
    fires: ({ observed, threshold }, telling) =>
      `${nextSale(telling)} in ${formatSpan(observed)}, within ${formatSpan(threshold)}`,
    quiet: ({ observed, threshold }, telling) =>
      observed < 0
        ? 'no sale ahead'
        : `${nextSale(telling)} in ${formatSpan(observed)}, not within ${formatSpan(threshold)}`,
    unknown: () => unread('whether a sale is near', null),
  },
  'cpu-low': {
    asks: 'down',
    fires: (rule, telling) =>
      `${plainCpu(rule, telling)}, below ${formatPercent(rule.threshold)}, and no pod pending`,
    quiet: (rule, telling) =>
      rule.observed < rule.threshold
        ? `${plainCpu(rule, telling)}, below ${formatPercent(rule.threshold)}, but pods pending`
        : `${plainCpu(rule, telling)}, not below ${formatPercent(rule.threshold)}`,
    unknown(_, telling) {
      const why = cpuUnread(telling, true);
      return why === null ? podsUnread(telling) : unread('CPU for a removal', why);
    },
  },
  'target-above-supply': { asks: 'up', fires: target, quiet: target, unknown: targetUnread },
  'target-below-supply': {
    asks: 'down',
    fires: target,
    quiet: ({ observed, threshold }, { view, settings }) =>
      `${counted(observed, 'node')} needed, ${there(threshold)}` +
      (observed < threshold
        ? `, at least ${String(settingsInForce(view, settings).nodeCountMin)} wanted`
        : ''),
    unknown: targetUnread,
  },

  mode: {
    passes: (_, { view }) => `the mode is ${view.mode}`,
    clips: () => 'paused',
    blocks: () => 'paused: nothing is added or removed',
  },
  frozen: {
    passes: () => 'no freeze',
    clips: frozen,
    blocks: frozen,
  },
  readings: {
    passes: () => 'what it rests on could be read',
    clips: (_, telling) => unreadLists(telling, null),
    blocks(_, telling) {
      const down = telling.direction === 'down';
      const why = whyUnread(telling.view.metrics.cpuPercent, telling, down);
      return unreadLists(telling, down ? why : null);
    },
  },
  'memory-lost': {
    passes: () => 'nothing that had to be remembered was lost lately',
    clips: ({ threshold }, telling) =>
      `memory was lost: careful until ${until(threshold, telling)}`,
    blocks: ({ threshold }, telling) =>
      `memory was lost: nothing is ${telling.direction === 'down' ? 'removed' : 'bought'} until ${until(threshold, telling)}`,
  },
  max: {
    passes: ceiling('makes', 'of at most N'),
    clips: tooMany,
    blocks: tooMany,
  },
  min: {
    passes: ceiling('leaves', 'of at least N'),
    clips: tooFew,
    blocks: tooFew,
  },
  cooldown: {
    passes(_, telling) {
      const last = lastAction(telling);
      return last === null ? 'nothing was scaled before' : `no longer cooling down (${last})`;
    },
    clips: cooling,
    blocks: cooling,
  },
  'joining-works': {
    passes: ({ observed }) => (observed === 0 ? 'nodes join' : neverJoined(observed)),
    clips: joining,
    blocks: joining,
  },
  'no-pods-unschedulable': {
    passes: () => pending(0),
    clips: ({ observed }) => pending(observed),
    blocks: ({ observed }, telling) =>
      observed === 0 ? podsUnread(telling) : `${pending(observed)} that a node could hold`,
  },
  'nothing-in-flight': {
    passes: () => 'no node is on its way, and few enough are going',
    clips: inFlight,
    blocks: inFlight,
  },
  victim: {
    passes: ({ threshold }) => `${counted(threshold, 'node')} can go`,
    clips: victims,
    blocks: victims,
  },
  step: { passes: steps, clips: steps, blocks: steps },
  spend: {
    passes: (rule, telling) =>
      rule.threshold === 0 ? 'no ceiling on spending' : spending(rule, telling),
    clips: spending,
    blocks: spending,
  },
  pools: {
    passes: () => 'a pool is open for every node',
    clips: pools,
    blocks: pools,
  },
  'desired-capacity': {
    asks: 'up',
    fires: ({ observed, threshold }, telling) => {
      const held = holding(telling);
      const min = settingsInForce(telling.view, telling.settings).nodeCountMin;
      const why = held !== null && threshold === min ? ` (${held})` : '';
      return `${counted(threshold, 'node')} meant to be there${why}, ${there(observed)}`;
    },
    quiet: ({ threshold }) => `${counted(threshold, 'node')} meant to be there are`,
    unknown: notSaid('how many nodes are meant to be there'),
  },

  'pods-pending': {
    asks: 'up',
    fires: ({ observed }) => `${pending(observed)} by the brief’s query`,
    quiet: ({ observed }) => `${pending(observed)} by the brief’s query`,
    unknown: (_, { view }) =>
      unread('pending pods', whyMissing(customReading(view.metrics, PENDING_AS_WRITTEN))),
  },
  'pods-waiting-lasts': {
    asks: 'up',
    ...lasted('pods pending', 'no pod pending for long that no node is on the way for'),
    unknown: (_, telling) => podsUnread(telling),
  },
  'memory-high': {
    asks: 'up',
    fires: (rule, telling) =>
      `${creditedMemory(rule, telling)}, above ${formatPercent(rule.threshold)}`,
    quiet: (rule, telling) =>
      `${creditedMemory(rule, telling)}, not above ${formatPercent(rule.threshold)}`,
    unknown: (_, telling) =>
      unread('memory', whyUnread(telling.view.metrics.memoryPercent, telling, false)),
  },
  'cpu-low-lasts': {
    asks: 'down',
    ...cpuLasts('below', (telling) => setting(telling, 'cpuLowPercent')),
    unknown: (_, telling) => unread('CPU for a removal', cpuUnread(telling, true)),
  },
  'memory-low': {
    asks: 'down',
    fires: ({ observed, threshold }) =>
      `memory ${formatPercent(observed)}, below ${formatPercent(threshold)}`,
    quiet: ({ observed, threshold }) =>
      `memory ${formatPercent(observed)}, not below ${formatPercent(threshold)}`,
    unknown: (_, telling) =>
      unread('memory for a removal', whyUnread(telling.view.metrics.memoryPercent, telling, true)),
  },
  'nothing-pending': {
    asks: 'down',
    fires: () => pending(0),
    quiet: ({ observed }) => pending(observed),
    unknown: (_, telling) => podsUnread(telling),
  },
  'operator-comes': {
    asks: 'up',
    fires: ({ threshold }, telling) => `whoever was called came at ${until(threshold, telling)}`,
    quiet: ({ threshold }, telling) => `whoever was called comes at ${until(threshold, telling)}`,
    unknown: notSaid('whether somebody was called'),
  },
  'quiet-lasts': {
    asks: 'down',
    ...lasted('quiet, with nodes above the base,', 'not quiet with nodes above the base until now'),
    unknown: notSaid('whether it is quiet'),
  },
  'sale-open': {
    asks: 'up',
    fires: ({ threshold }, telling) => `a sale counts since ${until(threshold, telling)}`,
    quiet: ({ threshold }, telling) =>
      threshold === 0 ? 'no sale ahead' : `the next sale counts from ${until(threshold, telling)}`,
    unknown: notSaid('whether a sale is on'),
  },
  'above-target-lasts': {
    asks: 'up',
    ...cpuLasts('above', (telling) => setting(telling, 'targetPercent')),
    unknown: (_, telling) => unread('CPU', cpuUnread(telling, false)),
  },
  'below-target-lasts': {
    asks: 'down',
    ...cpuLasts('below', lowBound),
    unknown: (_, telling) => unread('CPU for a removal', cpuUnread(telling, true)),
  },
  'capacity-warm': {
    asks: 'down',
    fires: () => 'every node warmed up',
    quiet: ({ observed }, telling) =>
      `${counted(observed, 'node')} not there, or not Ready for ${formatSpan(setting(telling, 'warmupSeconds') * 1000)} yet`,
    unknown: notSaid('whether nodes have warmed up'),
  },
  'nodes-unready': {
    asks: 'neither',
    fires: ({ observed }) => `${counted(observed, 'node')} not Ready, so nothing is done`,
    quiet: ({ observed }) =>
      observed === 0 ? 'every node Ready' : `${counted(observed, 'node')} not Ready`,
    unknown: notSaid('how many nodes are Ready'),
  },
  'scale-up-settled-lasts': {
    asks: 'down',
    ...settledSince('nodes added', 'nothing was added before'),
    unknown: notSaid('when nodes were added'),
  },
  'removal-settled-lasts': {
    asks: 'down',
    ...settledSince('a removal failed', 'no removal failed before'),
    unknown: notSaid('when a removal failed'),
  },
  'unneeded-lasts': {
    asks: 'down',
    ...lasted('a node unneeded', 'no node unneeded until now'),
    unknown: notSaid('which nodes are needed'),
  },
  'drain-ended': {
    asks: 'down',
    fires: () => 'no drain going on',
    quiet: ({ observed }) => `${counted(observed, 'drain')} going on`,
    unknown: notSaid('whether a drain goes on'),
  },
  'consolidatable-lasts': {
    asks: 'down',
    ...lasted('a node whose pods fit elsewhere', 'no node whose pods fit elsewhere until now'),
    unknown: notSaid('whether pods fit elsewhere'),
  },
  'disruption-budget': {
    asks: 'down',
    fires: ({ observed, threshold }) =>
      `${counted(observed, 'node')} disrupted, of at most ${String(threshold)}`,
    quiet: ({ observed, threshold }) =>
      `${counted(observed, 'node')} disrupted already, of at most ${String(threshold)}`,
    unknown: notSaid('how many nodes are disrupted'),
  },
};

/** What target tracking takes for far below its target, in percent. */
function lowBound(telling: Telling): number {
  return (setting(telling, 'targetPercent') * setting(telling, 'lowPercentOfTarget')) / 100;
}

/** Which way a policy’s rule asks; null for a guard. */
export function asksFor(rule: RuleId): Asks | null {
  const words = WORDS[rule];
  return 'asks' in words ? words.asks : null;
}

/** What a rule compared, as a part of a sentence: with numbers and units, without a capital or a full stop. */
export function ruleClause(rule: RuleVerdict, telling: Telling): string {
  const words: Partial<Record<Verdict, Clause>> = WORDS[rule.rule];
  const clause = words[rule.verdict];
  // A policy’s rule that a guard’s verdict is given to, or the reverse: no engine does that.
  return clause === undefined
    ? `${rule.rule} ${rule.verdict} with ${String(rule.observed)} against ${String(rule.threshold)}`
    : clause(rule, telling);
}

/** What rules compared, each clause once: rules that look two ways at one number say one thing. */
export function ruleClauses(
  rules: readonly RuleVerdict[],
  telling: Telling,
  separator: string,
): string {
  return [...new Set(rules.map((rule) => ruleClause(rule, telling)))].join(separator);
}

/** What a rule compared, as one sentence. */
export function ruleSentence(rule: RuleVerdict, telling: Telling): string {
  return sentence(ruleClause(rule, telling));
}

export function sentence(clause: string): string {
  return `${clause.charAt(0).toUpperCase()}${clause.slice(1)}.`;
}
