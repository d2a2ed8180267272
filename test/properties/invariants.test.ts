import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkers, INVARIANTS, run, type Invariant } from '../../simulator/index.ts';
import { anyCase, build, runs, type Case } from './arbitraries.ts';

/** Runs a case with some invariants watched; the first violation is thrown with the case beside it. */
function watch(each: Case, invariants: readonly Invariant[]): void {
  const { scenario, configured, faults, calmFromMs } = build(each);
  const observer = checkers({ scenario, configured, calmFromMs }, invariants);
  run({ scenario, configured, seed: each.seed, faults, observer });
}

describe('under every fault and load', () => {
  // One property a rule, so that the rule that broke is the title that fails.
  test.each(INVARIANTS.map((invariant) => [invariant.number, invariant.rule, invariant] as const))(
    'invariant %i: %s',
    (_number, _rule, invariant) => {
      fc.assert(
        fc.property(anyCase, (each) => {
          watch(each, [invariant]);
        }),
        runs(25),
      );
    },
  );

  test('all of them together', () => {
    fc.assert(
      fc.property(anyCase, (each) => {
        watch(each, INVARIANTS);
      }),
      runs(60),
    );
  });

  test('every invariant of the design has its watcher', () => {
    const numbers = INVARIANTS.map((invariant) => invariant.number);
    expect(numbers).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]);
  });
});

describe('found once, and kept', () => {
  const quiet: Case = {
    seed: 0,
    tenths: [0, 0, 0, 0, 0, 0],
    zones: 1,
    initial: 1,
    others: [],
    maxUnavailablePercent: 0,
    policy: 'static',
    nodeCountMin: 1,
    nodeCountMax: 4,
    spotPercent: 0,
    headroomPercent: 0,
    spendMaxBdtPerHour: 0,
    sale: false,
    faults: [],
  };

  test('an empty node list does not make working nodes look never joined (S15)', () => {
    const faults = [{ effect: 'listNodes', mode: 'empty', percent: 5 }] as const;
    watch({ ...quiet, faults }, INVARIANTS);
  });

  test('an invocation that was frozen past its deadline sends nothing when it thaws (S7)', () => {
    const faults = [
      { effect: 'acquireLock', mode: 'frozen', percent: 1 },
      { effect: 'acquireLock', mode: 'fail', percent: 1 },
    ] as const;
    watch({ ...quiet, faults }, INVARIANTS);
  });
});
