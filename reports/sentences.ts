import type {
  CycleEvent,
  CycleOutcome,
  Decided,
  Decision,
  EventCode,
  RuleVerdict,
} from '../engine/index.ts';
import { isBlocking, isFiring, partsOf } from './explanation.ts';
import { ruleClause, ruleClauses, sentence, type Telling } from './rules.ts';
import { counted, timeOfDay } from './words.ts';

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
    const firing = asks.filter(isFiring);
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
  disowned: (id) => `let go of ${id}, which has lost our tags`,
};

/** What happened in a cycle besides its decision, as one sentence. */
export function eventSentence({ code, subject, value }: CycleEvent): string {
  return sentence(EVENTS[code](subject, value));
}
