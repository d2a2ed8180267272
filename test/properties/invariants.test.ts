import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { INVARIANTS } from '../../simulator/index.ts';
import { anyCase, EFFECTS, QUIET, runCase, runs, type Case } from './arbitraries.ts';

describe('under every fault and load', () => {
  // One property a rule, so that the rule that broke is the title that fails.
  test.each(INVARIANTS.map((invariant) => [invariant.number, invariant.rule, invariant] as const))(
    'invariant %i: %s',
    (_number, _rule, invariant) => {
      fc.assert(
        fc.property(anyCase, (each) => {
          runCase(each, [invariant]);
        }),
        runs(25),
      );
    },
  );

  test('all of them together', () => {
    fc.assert(
      fc.property(anyCase, (each) => {
        runCase(each, INVARIANTS);
      }),
      runs(60),
    );
  });

  test.each(['hang', 'lost-answer', 'slow'] as const)(
    '%s, whatever effect it is: a cycle ends in time all the same (12)',
    (mode) => {
      const inTime = INVARIANTS.filter(({ number }) => number === 12);
      const tenths = [10, 30, 50, 20, 5, 0];
      for (const percent of [30, 60, 90]) {
        const faults = EFFECTS.map((effect) => ({ effect, mode, percent }));
        for (let seed = 0; seed < 4; seed++) {
          runCase({ ...QUIET, seed, tenths, policy: 'node-fleet', faults }, inTime);
        }
      }
    },
  );

  test('all of them together, on nodes that run out of CPU credits', () => {
    fc.assert(
      fc.property(anyCase, (each) => {
        runCase({ ...each, credits: 'standard' }, INVARIANTS);
      }),
      runs(30),
    );
  });

  test('every invariant of the design has its watcher, and so have the rules of safety that those let pass', () => {
    const numbers = INVARIANTS.map((invariant) => invariant.number).sort((a, b) => a - b);
    const ofDesign = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17];
    expect(numbers).toEqual([
      ...ofDesign,
      20,
      21,
      22,
      23,
      24,
      25,
      26,
      27,
      28,
      29,
      30,
      31,
      32,
      33,
      34,
      35,
      36,
    ]);
  });
});

describe('found once, and kept', () => {
  test('an empty node list does not make working nodes look never joined (S15)', () => {
    const faults = [{ effect: 'listNodes', mode: 'empty', percent: 5 }] as const;
    runCase({ ...QUIET, faults }, INVARIANTS);
  });

  test('an invocation that was frozen past its deadline sends nothing when it thaws (S7)', () => {
    const faults = [
      { effect: 'acquireLock', mode: 'frozen', percent: 1 },
      { effect: 'acquireLock', mode: 'fail', percent: 1 },
    ] as const;
    runCase({ ...QUIET, faults }, INVARIANTS);
  });

  test('a drain is undone when others are lost and fewer than min would stay (1)', () => {
    const each: Case = {
      ...QUIET,
      initial: 5,
      others: [{ kind: 'deployment', requestMillicpu: 100, replicas: 1, zone: null }],
      cycleSeconds: 60,
      policy: 'trailing-max',
      nodeCountMin: 3,
      nodeCountMax: 5,
      hands: [{ cycle: 4, does: 'reclaim', to: 2 }],
    };
    runCase(each, INVARIANTS);
  });

  test('an empty instance list does not hide those that stay while a drain ends (1)', () => {
    const each: Case = {
      ...QUIET,
      initial: 3,
      maxUnavailablePercent: 1,
      policy: 'trailing-max',
      faults: [
        { effect: 'listInstances', mode: 'empty', percent: 20 },
        { effect: 'acquireLock', mode: 'fail', percent: 22 },
      ],
    };
    runCase(each, INVARIANTS);
  });

  test('a node deleted in the moment in which memory is lost is not one that never joined (S6, S15)', () => {
    const each: Case = {
      ...QUIET,
      settings: { cooldownBeforeRemovalSeconds: 0 },
      hands: [
        { cycle: 1, does: 'delete-node', to: 0 },
        { cycle: 1, does: 'lose-table', to: 0 },
      ],
    };
    runCase(each, INVARIANTS);
  });

  test('a launch that is sent again is held to what was allowed when it was committed (S4)', () => {
    const each: Case = {
      ...QUIET,
      seed: 499_994,
      tenths: new Array<number>(10).fill(0),
      cycleSeconds: 300,
      settings: { drainMaxSeconds: 60 },
      faults: [
        { effect: 'releaseLock', mode: 'fail', percent: 2 },
        { effect: 'launchInstances', mode: 'fail', percent: 24 },
        { effect: 'acquireLock', mode: 'fail', percent: 1 },
      ],
      hands: [
        { cycle: 12, does: 'reclaim', to: 0 },
        { cycle: 0, does: 'cordon', to: 0 },
      ],
    };
    runCase(each, INVARIANTS);
  });

  test('a target that is met does not leave pods waiting for room that lies in pieces (17)', () => {
    const each: Case = {
      ...QUIET,
      tenths: [26, 0, 0, 26, 0, 0],
      zones: 2,
      others: [
        { kind: 'deployment', requestMillicpu: 966, replicas: 1, zone: 0 },
        { kind: 'deployment', requestMillicpu: 965, replicas: 1, zone: null },
      ],
      policy: 'trailing-max',
      faults: [
        { effect: 'launchInstances', mode: 'shortage', percent: 50 },
        { effect: 'launchInstances', mode: 'partial', percent: 36 },
      ],
      hands: [{ cycle: 0, does: 'cordon', to: 0 }],
    };
    runCase(each, INVARIANTS);
  });

  test('nodes that cannot be listed do not make the pod list doubtful: a drain is undone for pods that wait (2)', () => {
    const each: Case = {
      ...QUIET,
      tenths: [17, 12, 22, 0, 0, 0, 0, 0],
      maxUnavailablePercent: 1,
      cycleSeconds: 60,
      policy: 'node-fleet',
      faults: [
        { effect: 'listNodes', mode: 'fail', percent: 9 },
        { effect: 'listInstances', mode: 'fail', percent: 1 },
        { effect: 'releaseLock', mode: 'fail', percent: 24 },
        { effect: 'readInbox', mode: 'fail', percent: 1 },
      ],
      hands: [{ cycle: 0, does: 'uncordon', to: 0 }],
    };
    runCase(each, INVARIANTS);
  });

  test('a cycle that is killed after memory was lost has forgotten who was Ready, and says so to nobody (5)', () => {
    const each: Case = {
      ...QUIET,
      tenths: [41, 0, 0, 0, 0, 0],
      cycleSeconds: 60,
      policy: 'pending-driven',
      nodeCountMax: 5,
      faults: [{ effect: 'evictPod', mode: 'frozen', percent: 5 }],
      hands: [
        { cycle: 37, does: 'reclaim', to: 1 },
        { cycle: 27, does: 'delete-node', to: 0 },
        { cycle: 44, does: 'lose-table', to: 0 },
        { cycle: 0, does: 'lose-table', to: 0 },
      ],
      triggers: { lost: 16, twice: 28, late: 7 },
      mode: { is: 'paused', from: 1, to: 10 },
    };
    runCase(each, INVARIANTS);
  });
});
