// What runs in a worker thread, built with a bug in it: the swarm's cases, in the order in which the swarm draws them.
import { parentPort } from 'node:worker_threads';
import fc from 'fast-check';
import { INVARIANTS, InvariantViolation } from '../../simulator/index.ts';
import { anyCase, runCase, type Case } from '../properties/arbitraries.ts';

/** Asked of the thread: so many cases from this seed, for so long at most, each with these of its fields held. */
export interface Wanted {
  readonly seed: number;
  readonly cases: number;
  readonly forMs: number;
  readonly held: Partial<Case>;
  /** That one case of the seed; left out: all of them. */
  readonly path?: string;
}

/** Its answer. `invariant` 0: something was thrown that no invariant had said; `why` null: nothing broke. */
export interface Hunted {
  readonly cases: number;
  readonly invariant: number;
  readonly why: string | null;
  /** Which case of the seed it was. */
  readonly path: string;
}

parentPort?.on('message', (wanted: Wanted) => {
  parentPort!.postMessage(hunt(wanted));
});

/** Stops at the first case that breaks, and does not make it small. */
function hunt({ seed, cases: numRuns, forMs, held, path: only }: Wanted): Hunted {
  let cases = 0;
  const property = fc.property(anyCase, (each) => {
    cases++;
    runCase({ ...each, ...held }, INVARIANTS);
  });
  const { errorInstance, counterexamplePath } = fc.check(property, {
    seed,
    ...(only === undefined ? {} : { path: only }),
    numRuns,
    endOnFailure: true,
    interruptAfterTimeLimit: forMs,
    markInterruptAsFailure: false,
  });
  const path = counterexamplePath ?? '';
  if (errorInstance === null) {
    return { cases, invariant: 0, why: null, path };
  }
  return errorInstance instanceof InvariantViolation
    ? { cases, invariant: errorInstance.number, why: errorInstance.message, path }
    : { cases, invariant: 0, why: String(errorInstance), path };
}
