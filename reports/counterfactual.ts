import { decide, type Decided, type Decision, type RuleVerdict } from '../engine/index.ts';
import {
  asksInTheWay,
  decidingRules,
  isBlocking,
  partsOf,
  type PlacedRule,
} from './explanation.ts';
import { LEVERS, type Lever, type Situation, type Variable } from './levers.ts';

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

// ---------------------------------------------------------------- finding a flip

/**
 * The one value that flips the rule on which a decision hangs; of a hold that nothing asked to end, a value that would have
 * asked. Null where no single value does.
 */
export function flipOfDecision(
  situation: Situation,
  decided: Decided,
): { readonly placed: PlacedRule; readonly flip: Flip | null } | null {
  const deciding = decidingRules(decided);
  const { asks } = partsOf(decided.explanation);
  const candidates =
    deciding.length > 0 ? deciding : asks.map((rule): PlacedRule => ({ part: 'asks', rule }));
  return firstInTheWay(situation, decided, candidates, () => true);
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
  const candidates = asksInTheWay(decided, direction);
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
