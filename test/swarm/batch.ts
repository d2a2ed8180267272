import fc from 'fast-check';
import {
  INVARIANTS,
  InvariantViolation,
  together,
  type Invariant,
  type Observer,
} from '../../simulator/index.ts';
import { anyCase, runCase, type Case } from '../properties/arbitraries.ts';
import { sightings } from '../properties/sightings.ts';

/** Cases of one batch: few enough that a failure is heard of soon, many enough that handing them out costs nothing. */
export const CASES_PER_BATCH = 100;

/** A case that breaks an invariant, as small as fast-check could make it. */
export interface Broken {
  readonly seed: number;
  readonly path: string;
  readonly found: Case;
  readonly why: string;
}

export interface BatchResult {
  readonly cases: number;
  readonly cycles: number;
  readonly seen: readonly string[];
  readonly broken: Broken | null;
}

/**
 * Runs the cases that fast-check draws from a seed, each under every invariant: a safety phase with the faults that it drew,
 * then a calm one in which the fleet must come right. The same seed draws the same cases.
 *
 * @param path one case of that seed, as a failure named it; left out: all of them
 */
export function runBatch(
  seed: number,
  cases: number,
  path?: string,
  invariants: readonly Invariant[] = INVARIANTS,
): BatchResult {
  const seen = new Set<string>();
  let cycles = 0;
  let run = 0;
  const counting: Observer = { cycleBegins: () => void cycles++ };
  const saw = (what: string): void => void seen.add(what);
  const property = fc.property(anyCase, (each) => {
    run++;
    runCase(each, invariants, together([counting, sightings(each, saw)]));
  });
  const details = fc.check(property, {
    seed,
    numRuns: cases,
    ...(path === undefined ? {} : { path, endOnFailure: true }),
  });
  const broken =
    details.failed && details.counterexample !== null
      ? {
          seed: details.seed,
          path: details.counterexamplePath ?? '',
          found: details.counterexample[0],
          why: whyOf(details.errorInstance),
        }
      : null;
  return { cases: run, cycles, seen: [...seen], broken };
}

function whyOf(error: unknown): string {
  return error instanceof InvariantViolation ? error.message : String(error);
}
