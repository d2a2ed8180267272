import {
  GUARDS,
  type Decided,
  type Explanation,
  type ReadRecord,
  type RuleId,
  type RuleVerdict,
} from '../engine/index.ts';
import { asksFor } from './rules.ts';

/** The rules of an explanation by what asked them. The first of `repair` says what is lacking; its guards follow. */
export interface Parts {
  readonly repair: readonly RuleVerdict[];
  /** What the policy compared. */
  readonly asks: readonly RuleVerdict[];
  /** The guards that what the policy asked for went through. */
  readonly guards: readonly RuleVerdict[];
}
export type Part = keyof Parts;

const GUARD_ORDER: ReadonlyMap<RuleId, number> = new Map(GUARDS.map(({ rule }, n) => [rule, n]));

/** Takes an explanation apart. Guards stand in one order, so that where it begins again, the policy’s begin. */
export function partsOf({ rules }: Explanation): Parts {
  let at = 0;
  if (rules[0]?.rule === 'desired-capacity') {
    at = 1;
    for (let last = -1; at < rules.length; at++) {
      const place = GUARD_ORDER.get(rules[at].rule) ?? -1;
      if (place <= last) {
        break;
      }
      last = place;
    }
  }
  const isGuard = ({ rule }: RuleVerdict): boolean => GUARD_ORDER.has(rule);
  const firstGuard = rules.findIndex((rule, n) => n >= at && isGuard(rule));
  const asked = firstGuard === -1 ? rules.length : firstGuard;
  return { repair: rules.slice(0, at), asks: rules.slice(at, asked), guards: rules.slice(asked) };
}

/** A rule, and in which part of its explanation it stands. */
export interface PlacedRule {
  readonly part: Part;
  readonly rule: RuleVerdict;
}

/**
 * The rules that a decision hangs on: the guard that refused it; or whatever asked for it; or what is lacking. None where
 * nothing was asked for.
 */
export function decidingRules({ decision, explanation }: Decided): readonly PlacedRule[] {
  const { repair, asks, guards } = partsOf(explanation);
  if (explanation.proposed !== 0) {
    const blocking = guards.find(isBlocking);
    return blocking === undefined
      ? asks.filter(isFiring).map((rule) => ({ part: 'asks', rule }))
      : [{ part: 'guards', rule: blocking }];
  }
  const [lacking] = repair;
  if (lacking === undefined) {
    return [];
  }
  const blocking = decision.repair === 0 ? repair.find(isBlocking) : undefined;
  return [{ part: 'repair', rule: blocking ?? lacking }];
}

export function isFiring({ verdict }: RuleVerdict): boolean {
  return verdict === 'fires';
}

export function isBlocking({ verdict }: RuleVerdict): boolean {
  return verdict === 'blocks';
}

/**
 * The policy’s rules because of which nothing was asked for in this direction: those that hold everything, those that might
 * have asked, and those that asked for the opposite before them.
 */
export function asksInTheWay(
  { explanation }: Decided,
  direction: 'up' | 'down',
): readonly RuleVerdict[] {
  const { asks } = partsOf(explanation);
  const first = asks.findIndex(({ rule }) => asksFor(rule) === direction);
  return asks.filter((each, n) => {
    const way = asksFor(each.rule);
    return way === direction
      ? !isFiring(each)
      : isFiring(each) && (way === 'neither' || first === -1 || n < first);
  });
}

/** How many nodes the last scaling action was about, if its cycle is in the journal. */
export function lastScaledBy(records: readonly ReadRecord[], at: number): number | null {
  const view = records[at].decided?.view;
  const lastMs = Math.max(view?.lastScaleUpAtMs ?? 0, view?.lastScaleDownAtMs ?? 0);
  for (let n = at - 1; n >= 0; n--) {
    const decided = records[n].decided;
    if (decided !== null && decided.view.nowMs <= lastMs) {
      return decided.view.nowMs === lastMs ? decided.decision.count : null;
    }
  }
  return null;
}
