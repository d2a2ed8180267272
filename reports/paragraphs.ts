import type { Decided } from '../engine/index.ts';
import { flipOfDecision, isSameDeed, whyNot, type Flip, type WhyNot } from './counterfactual.ts';
import { asksInTheWay, isBlocking, isFiring, partsOf, type PlacedRule } from './explanation.ts';
import type { Situation, ViewVariable } from './levers.ts';
import { READING_NAMES, ruleClause, ruleClauses, sentence, type Telling } from './rules.ts';
import { decisionReason, decisionSentence, deedWords, type CycleTelling } from './sentences.ts';
import { counted, formatPercent, timeOfDay, timeSeenFrom } from './words.ts';

/** One paragraph for people, and what it was made from. */
export interface Told {
  readonly text: string;
  readonly rule: PlacedRule | null;
  readonly flip: Flip | null;
}

/**
 * Why a decision was taken: what, which rule it hangs on, what that compared, and the one value that would have changed it.
 * `20:04:00 hold: 3 pods pending, but cooling down until 20:06:12 (scaled up by 2 at 20:01:12); would have added 2. Seen
 * from 20:06:12 on, it would have added 2.`
 */
export function explained(situation: Situation, decided: Decided, telling: CycleTelling): Told {
  const found = flipOfDecision(situation, decided);
  const why = decisionSentence(decided, telling);
  if (found === null) {
    return {
      text: `${why} Nothing was compared that could have changed it.`,
      rule: null,
      flip: null,
    };
  }
  const { placed, flip } = found;
  return { text: `${why} ${flipSentence(flip, decided, telling)}`, rule: placed, flip };
}

/** Why a decision added or removed nothing: the first rule in the way, and the value at which it would have let it pass. */
export function whyNotTold(
  situation: Situation,
  decided: Decided,
  direction: 'up' | 'down',
  telling: CycleTelling,
): Told & { readonly kind: WhyNot['kind'] } {
  const answer = whyNot(situation, decided, direction);
  const verb = direction === 'up' ? 'add' : 'remove';
  const time = timeOfDay(telling.view.nowMs, telling.offsetMinutes);
  switch (answer.kind) {
    case 'done': {
      const text = `It did ${verb} ${String(answer.count)}. ${decisionSentence(decided, telling)}`;
      return { kind: answer.kind, text, rule: null, flip: null };
    }
    case 'never-asked': {
      const { name } = situation.configured.policy;
      const text = `${time} did not ${verb}: the policy ${name} has no rule that asks for it.`;
      return { kind: answer.kind, text, rule: null, flip: null };
    }
    case 'rule': {
      const { placed, flip } = answer;
      const reason = inTheWay(placed, decided, direction, telling);
      const text = `${time} did not ${verb}: ${reason}. ${flipSentence(flip, decided, telling)}`;
      return { kind: answer.kind, text, rule: placed, flip };
    }
  }
}

/** What stood in the way: a guard of what was asked for; or else every rule that might have asked. */
function inTheWay(
  { part, rule }: PlacedRule,
  decided: Decided,
  direction: 'up' | 'down',
  cycleTelling: CycleTelling,
): string {
  const telling: Telling = { ...cycleTelling, direction };
  const { repair, asks } = partsOf(decided.explanation);
  if (part === 'asks') {
    return ruleClauses(asksInTheWay(decided, direction), telling, '; ');
  }
  const asking = part === 'repair' ? repair.slice(0, 1) : asks.filter(isFiring);
  const why = ruleClauses(asking, telling, ', ');
  const clause = ruleClause(rule, telling);
  return why === '' ? clause : `${why}, but ${clause}`;
}

/** `With nodeCountMax at 11 or more (it was 10), it would have added 1.` */
export function flipSentence(flip: Flip | null, decided: Decided, telling: CycleTelling): string {
  if (flip === null) {
    return 'No one value of those compared would have changed that.';
  }
  const phrase = flipPhrase(flip, telling);
  const { then } = flip;
  if (then === null) {
    return sentence(`${phrase}, that would not have stood in the way`);
  }
  const { decision } = then.decided;
  const deed = deedWords(decision);
  if (!isSameDeed(decision, decided.decision)) {
    return sentence(`${phrase}, it would have ${deed}`);
  }
  const { explanation } = then.decided;
  const thenTelling: CycleTelling = {
    ...telling,
    view: then.situation.view,
    settings: then.situation.configured.settings,
  };
  // What asked has been said; what stands in its way next has not.
  const blocking = partsOf(explanation).guards.find(isBlocking);
  const reason =
    blocking === undefined
      ? decisionReason(then.decided, thenTelling)
      : ruleClause(blocking, {
          ...thenTelling,
          direction: explanation.proposed < 0 ? 'down' : 'up',
        });
  return sentence(`${phrase}, it would still have ${deed}: ${reason}`);
}

const WITH: Readonly<Record<ViewVariable, (flip: Flip, telling: CycleTelling) => string>> = {
  nowMs: ({ value }, { view, offsetMinutes }) =>
    `seen from ${timeSeenFrom(view.nowMs, value, offsetMinutes)} on`,
  unschedulable({ value, side }) {
    const pending = `with ${counted(value, 'pod')} pending`;
    return side === 'atLeast' ? `${pending} or more` : value === 0 ? pending : `${pending} at most`;
  },
  unsettled: () => 'with every node settled',
  draining: () => 'with no node on its way out',
  desired: ({ value }) => `with ${counted(value, 'node')} meant to be there`,
  joinFailures: ({ value }) =>
    `with ${counted(value, 'launch', 'launches')} in a row that never joined`,
  poolBackoffs: () => 'with no pool that refused lately',
  mode: () => 'not paused',
  contradicted: () => 'with an instance list that agrees with what is remembered',
  instancesKnown: () => 'with the instance list read',
  nodesKnown: () => 'with the node list read',
  podsKnown: () => 'with the pod list read',
  inboxKnown: () => 'with the inbox read',
};

function flipPhrase(flip: Flip, telling: CycleTelling): string {
  const { variable, was, value, side } = flip;
  const direction = side === 'atLeast' ? 'more' : 'less';
  if (variable.startsWith('settings.')) {
    const before = was === null ? '' : ` (it was ${String(was)})`;
    return `with ${variable.slice('settings.'.length)} at ${String(value)} or ${direction}${before}`;
  }
  const [family, name] = variable.split('.');
  if (family === 'metrics' || family === 'custom') {
    const what = READING_NAMES[name as keyof typeof READING_NAMES] ?? name;
    const shown = /pods/i.test(what) ? String(value) : formatPercent(value);
    const bound = `${shown} or ${direction}`;
    return was !== null
      ? `with ${what} at ${bound}`
      : `with ${side === 'any' ? `any ${what} reading` : `a ${what} reading of ${bound}`}`;
  }
  return WITH[variable as ViewVariable](flip, telling);
}
