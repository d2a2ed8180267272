/**
 * The explanation of a decision, as data: which rules were asked, in order, what each compared, and its verdict.
 * Sentences are rendered elsewhere, from these codes; the journal stores the codes. Both lists are append-only: a
 * rule’s code is its index.
 */
export const RULES = [
  // what a policy asks
  'pods-unschedulable',
  'cpu-high',
  'sale-incoming',
  'cpu-low',
  'target-above-supply',
  'target-below-supply',
  // guards, in the order of `GUARDS`
  'mode',
  'readings',
  'memory-lost',
  'max',
  'min',
  'cooldown',
  'joining-works',
  'no-pods-unschedulable',
  'nothing-in-flight',
  'victim',
  'step',
  'spend',
  'pools',
  // repairs
  'desired-capacity',
  // what the policies that came later ask; those that end in `-lasts` compare ms, and fire from their threshold on
  'pods-pending',
  'pods-waiting-lasts',
  'memory-high',
  'cpu-low-lasts',
  'memory-low',
  'nothing-pending',
  'operator-comes',
  'quiet-lasts',
  'sale-open',
  'above-target-lasts',
  'below-target-lasts',
  'capacity-warm',
  'nodes-unready',
  'scale-up-settled-lasts',
  'removal-settled-lasts',
  'unneeded-lasts',
  'drain-ended',
  'consolidatable-lasts',
  'disruption-budget',
  // the guard that came later, second in `GUARDS`
  'frozen',
] as const;
export type RuleId = (typeof RULES)[number];

/**
 * `fires`/`quiet`: a policy’s rule did or did not ask for something. `passes`/`clips`/`blocks`: a guard’s answer.
 * `unknown`: what it compares could not be read, so it asks for nothing and allows no removal.
 */
export const VERDICTS = ['fires', 'quiet', 'unknown', 'passes', 'clips', 'blocks'] as const;
export type Verdict = (typeof VERDICTS)[number];

/**
 * One rule’s answer. `observed` against `threshold`: the verdict flips when `observed` crosses `threshold`, which makes
 * the threshold the counterfactual that `why-not` shows. Units belong to the rule (nodes, percent, ms since 1970, BDT/h).
 */
export interface RuleVerdict {
  readonly rule: RuleId;
  readonly verdict: Verdict;
  readonly observed: number;
  readonly threshold: number;
}

export const LEVELS = [
  'NONE',
  'CRITICAL',
  'HIGH_LOAD',
  'PREDICTIVE',
  'LOW_LOAD',
  'TARGET',
] as const;
/** How urgent a proposal is, in the brief’s words; `TARGET` for policies that follow one. */
export type Level = (typeof LEVELS)[number];

export interface Explanation {
  readonly level: Level;
  /** What the policy asked for, before guards: positive adds, negative removes. */
  readonly proposed: number;
  readonly rules: readonly RuleVerdict[];
}

export function verdict(
  rule: RuleId,
  answer: Verdict,
  observed: number,
  threshold: number,
): RuleVerdict {
  return { rule, verdict: answer, observed, threshold };
}

/**
 * The first rule that stood in the way of what was proposed, or null. A repair comes first, with guards of its own: one that
 * held it back is named only where the policy asked for nothing.
 */
export function firstBlocking({ rules, proposed }: Explanation): RuleVerdict | null {
  const isAnswer = ({ verdict }: RuleVerdict): boolean =>
    verdict === 'fires' || verdict === 'quiet' || verdict === 'unknown';
  const from = rules[0]?.rule === 'desired-capacity' && proposed !== 0 ? 1 : 0;
  const policyFrom =
    from === 0
      ? 0
      : Math.max(
          from,
          rules.findIndex((rule, n) => n > 0 && isAnswer(rule)),
        );
  return rules.slice(policyFrom).find(({ verdict }) => verdict === 'blocks') ?? null;
}
