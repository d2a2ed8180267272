import {
  countFleet,
  freshValue,
  holdsPinnedPod,
  probeDelayMs,
  type Cluster,
  type CycleEvent,
  type CycleOutcome,
  type Decided,
  type Decision,
  type EventCode,
  type FleetSettings,
  type MissingReason,
  type Reading,
  type RuleId,
  type RuleVerdict,
  type Verdict,
  type View,
} from '../engine/index.ts';
import { isBlocking, partsOf } from './explanation.ts';
import { formatBdt } from './money.ts';
import { counted, formatPercent, formatSpan, timeOfDay, timeSeenFrom } from './words.ts';

/** What a sentence may look at beside the verdict that it tells of. */
export interface Telling {
  readonly view: View;
  readonly cluster: Cluster;
  readonly settings: FleetSettings;
  /** The zone that times are told in. */
  readonly offsetMinutes: number;
  /** Which way what was asked for goes. */
  readonly direction: 'up' | 'down';
  /** How many nodes the last scaling action before this was about, where the journal has it. */
  readonly lastScaledBy: number | null;
}

type Clause = (rule: RuleVerdict, telling: Telling) => string;

/** What a policy’s rule says, and which way it asks. */
interface AskWords {
  readonly asks: 'up' | 'down';
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

/** `CPU 61.8 % once the new nodes carry their share (82.4 % measured)`: credited, as the rule compares it. */
function creditedCpu({ observed }: RuleVerdict, { view }: Telling): string {
  const { cpuPercent } = view.metrics;
  const measured = cpuPercent.missing === null ? cpuPercent.value : observed;
  return formatPercent(measured) === formatPercent(observed)
    ? `CPU ${formatPercent(observed)}`
    : `CPU ${formatPercent(observed)} once the new nodes carry their share (${formatPercent(measured)} measured)`;
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
const tooFew = ceiling('would leave', 'of at least N (nodeCountMin)');

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
 * flip it in `counterfactual.ts`.
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
    unknown: (_, telling) =>
      unread('CPU', whyUnread(telling.view.metrics.cpuPercent, telling, false)),
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
    fires: ({ observed, threshold }) =>
      `CPU ${formatPercent(observed)}, below ${formatPercent(threshold)}, and no pod pending`,
    quiet: ({ observed, threshold }) =>
      observed < threshold
        ? `CPU ${formatPercent(observed)}, below ${formatPercent(threshold)}, but pods pending`
        : `CPU ${formatPercent(observed)}, not below ${formatPercent(threshold)}`,
    unknown(_, telling) {
      const why = whyUnread(telling.view.metrics.cpuPercent, telling, true);
      return why === null ? podsUnread(telling) : unread('CPU for a removal', why);
    },
  },
  'target-above-supply': { asks: 'up', fires: target, quiet: target, unknown: targetUnread },
  'target-below-supply': {
    asks: 'down',
    fires: target,
    quiet: ({ observed, threshold }, { settings }) =>
      `${counted(observed, 'node')} needed, ${there(threshold)}` +
      (observed < threshold ? `, at least ${String(settings.nodeCountMin)} wanted` : ''),
    unknown: targetUnread,
  },

  mode: {
    passes: (_, { view }) => `the mode is ${view.mode}`,
    clips: () => 'paused',
    blocks: () => 'paused: nothing is added or removed',
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
      `memory was lost: nothing is removed until ${until(threshold, telling)}`,
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
    fires: ({ observed, threshold }) =>
      `${counted(threshold, 'node')} meant to be there, ${there(observed)}`,
    quiet: ({ threshold }) => `${counted(threshold, 'node')} meant to be there are`,
    unknown: () => unread('how many nodes are meant to be there', null),
  },
};

/** Which way a policy’s rule asks; null for a guard. */
export function asksFor(rule: RuleId): 'up' | 'down' | null {
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

// ---------------------------------------------------------------- decisions

/** `hold`, `add 2`, `replace 1 and remove 2 (i-1, i-2)`. */
export function decisionWords({ action, count, repair, victims }: Decision): string {
  const parts = [
    repair > 0 ? `replace ${String(repair)}` : '',
    action === 'scaleUp' ? `add ${String(count)}` : '',
    action === 'scaleDown' ? `remove ${String(count)} (${victims.join(', ')})` : '',
  ].filter((part) => part !== '');
  return parts.length === 0 ? 'hold' : parts.join(' and ');
}

/** What would have been done: `held`, `added 2`, `replaced 1 and removed 2`. */
export function deedWords({ action, count, repair }: Decision): string {
  const parts = [
    repair > 0 ? `replaced ${String(repair)}` : '',
    action === 'scaleUp' ? `added ${String(count)}` : '',
    action === 'scaleDown' ? `removed ${String(count)}` : '',
  ].filter((part) => part !== '');
  return parts.length === 0 ? 'held' : parts.join(' and ');
}

/** The part of a telling that its cycle fixes; which way a rule looks follows from where it stands. */
export type CycleTelling = Omit<Telling, 'direction'>;

/**
 * A decision in one sentence: when, what, and why. `20:04:00 hold: 3 pods pending, but cooling down until 20:06:12 (scaled
 * up by 2 at 20:01:12); would have added 2.`
 */
export function decisionSentence(decided: Decided, telling: CycleTelling): string {
  const { view, offsetMinutes } = telling;
  const time = timeOfDay(view.nowMs, offsetMinutes);
  const seen = view.mode === 'observe' ? ' (only observing)' : '';
  return `${time} ${decisionWords(decided.decision)}${seen}: ${decisionReason(decided, telling)}.`;
}

/** Why a decision is what it is: the part of its sentence after the colon. */
export function decisionReason({ decision, explanation }: Decided, telling: CycleTelling): string {
  const { repair, asks, guards } = partsOf(explanation);
  const reasons: string[] = [];
  const [lacking] = repair;
  if (lacking !== undefined) {
    const wanted = lacking.threshold - lacking.observed;
    const up: Telling = { ...telling, direction: 'up' };
    reasons.push(asked([lacking], repair.slice(1), decision.repair, wanted, 'replaced', up));
  }
  const { proposed } = explanation;
  if (proposed !== 0) {
    const direction = proposed > 0 ? 'up' : 'down';
    const firing = asks.filter(({ verdict }) => verdict === 'fires');
    const verb = proposed > 0 ? 'added' : 'removed';
    reasons.push(
      asked(firing, guards, decision.count, Math.abs(proposed), verb, { ...telling, direction }),
    );
  } else if (lacking === undefined) {
    reasons.push(
      asks.length === 0
        ? 'the policy asks for nothing'
        : ruleClauses(asks, { ...telling, direction: 'up' }, '; '),
    );
  }
  return reasons.join('; ');
}

/** Why so many: what asked, and the guards that clipped or refused it. */
function asked(
  asks: readonly RuleVerdict[],
  guards: readonly RuleVerdict[],
  done: number,
  wanted: number,
  verb: string,
  telling: Telling,
): string {
  const why = asks.length === 0 ? 'the policy asks for it' : ruleClauses(asks, telling, ', ');
  const hindering =
    guards.find(isBlocking) ?? guards.findLast(({ verdict }) => verdict === 'clips');
  return hindering === undefined || done >= wanted
    ? why
    : `${why}, but ${ruleClause(hindering, telling)}; would have ${verb} ${String(wanted)}`;
}

// ---------------------------------------------------------------- cycles

const OUTCOMES: Readonly<Record<CycleOutcome, string>> = {
  decided: 'decided',
  'lock-held': 'no decision: another cycle held the lock',
  'lock-unavailable': 'no decision: the table did not give the lock',
  'lock-lost': 'no decision: the lock was another’s by the time this cycle wanted to write',
  'stale-trigger':
    'no decision: the trigger had waited too long in a queue, and a younger one follows',
  'too-soon': 'no decision: an alert came less than half a minute after another cycle',
  'lease-too-short':
    'no decision: this cycle might outlive its lock, so its time limit is set too long',
};

/** Why a cycle decided nothing: `20:04:00 no decision: another cycle held the lock.` */
export function outcomeSentence(
  outcome: CycleOutcome,
  startedAtMs: number,
  offsetMinutes: number,
): string {
  return `${timeOfDay(startedAtMs, offsetMinutes)} ${OUTCOMES[outcome]}.`;
}

const EVENTS: Readonly<Record<EventCode, (subject: string, value: number) => string>> = {
  adopted: (id) => `adopted ${id}, found running`,
  gone: (id) => `found ${id} gone`,
  'scale-down': (id) => `chose ${id} to go`,
  reclaim: (id) => `replaces ${id}, which AWS takes back`,
  rebalance: (id) => `replaces ${id}, which AWS may soon take back`,
  unhealthy: (id) => `gives up ${id}, which is unhealthy`,
  'never-joined': (id) => `gives up ${id}, which never joined`,
  'drain-undone': (id) => `undid the drain of ${id}`,
  launched: (pool, count) => `launched ${counted(count, 'node')} in ${pool}`,
  'launch-refused': (pool, count) => `was refused ${counted(count, 'node')} in ${pool}`,
  'launch-unanswered': (pool, count) =>
    `asked for ${counted(count, 'node')} in ${pool} and was not answered`,
  tainted: (node) => `tainted ${node}`,
  evicted: (id, count) => `evicted ${counted(count, 'pod')} from ${id}`,
  'eviction-refused': (id, count) => `was refused to evict ${counted(count, 'pod')} from ${id}`,
  terminated: (id) => `terminated ${id}`,
  'terminate-failed': (id) => `could not terminate ${id}`,
  'memory-lost': (_, count) => `had lost its memory, with ${counted(count, 'instance')} there`,
  'policy-changed': (policy) => `took over from the policy ${policy}`,
  'out-of-time': (effect) => `had no time left${effect === '' ? '' : ` for ${effect}`}`,
  'effect-failed': (effect) => `had no success with ${effect}`,
};

/** What happened in a cycle besides its decision, as one sentence. */
export function eventSentence({ code, subject, value }: CycleEvent): string {
  return sentence(EVENTS[code](subject, value));
}
