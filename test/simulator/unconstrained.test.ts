import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { run } from '../../simulator/run.ts';
import {
  initialReplicas,
  podShapes,
  runUnconstrained,
  type Demand,
} from '../../simulator/unconstrained.ts';
import { runs } from '../properties/arbitraries.ts';
import { HOUR_MS, policyOf, scenarioOf, START_AT_MS, STEP_MS } from './build.ts';

/** Traffic at so many rates, each for 20 minutes. */
const plateaus = (...rates: number[]) => scenarioOf({}, rates, 20 * 60_000);
/** The step at the end of a 20-minute plateau. */
const endOf = (demand: Demand, plateau: number): number =>
  Math.min(demand.stepCount, (plateau + 1) * 80) - 1;

describe('replicas', () => {
  it('follow demand: each plateau ends with pods within 10 % of 70 % of their request', () => {
    const rates = [100, 400, 150, 900, 900, 60, 500];
    const demand = runUnconstrained(plateaus(...rates), 1);
    rates.forEach((rate, plateau) => {
      const usedPercent = (100 * rate * 12) / (demand.replicas[endOf(demand, plateau)] * 250);
      // Kubernetes cuts utilization to a whole percent before it compares.
      expect(usedPercent, `plateau ${String(plateau)}`).toBeGreaterThan(63 - 1);
      expect(usedPercent, `plateau ${String(plateau)}`).toBeLessThan(77 + 1);
    });
  });

  it('start at what the traffic of the first step needs', () => {
    // 250 m × 70 % = 175 m a pod; 50 × 12 m = 600 m.
    expect(runUnconstrained(plateaus(50, 50), 1).replicas[0]).toBe(4);
    expect(runUnconstrained(plateaus(102, 102), 1).replicas[0]).toBe(7);
    expect(runUnconstrained(plateaus(103, 103), 1).replicas[0]).toBe(8);
    expect(initialReplicas(0, 12, 175, 4)).toBe(4);
  });

  it('are never fewer than the minimum, and stay there without traffic', () => {
    const demand = runUnconstrained(plateaus(0, 0), 1);
    expect([...new Set(demand.replicas)]).toEqual([4]);
    expect([...new Set(demand.running)]).toEqual([4]);
  });

  it('have no maximum', () => {
    const demand = runUnconstrained(plateaus(100, 20_000), 1);
    expect(demand.replicas[endOf(demand, 1)]).toBeGreaterThan(20_000 / 20);
  });

  it('rise within a minute or two of a sale, and fall only 5 minutes after it', () => {
    const demand = runUnconstrained(plateaus(100, 400, 100), 1);
    const at = (minutes: number): number =>
      demand.replicas[
        Math.round((minutes * 60_000 - (demand.firstStepAtMs - START_AT_MS)) / STEP_MS)
      ];
    expect(at(20)).toBe(7);
    // 45 s of lag in the metrics, then 7 → 14 → 28 at most.
    expect(at(20.5)).toBe(7);
    expect(at(22)).toBe(28);
    expect(at(44.9)).toBe(28);
    expect(at(47)).toBe(7);
  });
});

describe('running pods', () => {
  it('are those asked for, each start-up later, while none are taken away', () => {
    const pull = { imagePullSecondsMin: 1, imagePullSecondsMax: 100 };
    const scenario = scenarioOf({ startup: pull }, [100, 200, 400, 800, 1600], 5 * 60_000);
    const { replicas, running, startSteps, stepCount } = runUnconstrained(scenario, 3);
    expect(new Set(startSteps).size).toBeGreaterThan(4);
    for (let j = 0; j < stepCount; j++) {
      let expected = replicas[0];
      for (let k = 1; k <= j; k++) {
        expect(replicas[k]).toBeGreaterThanOrEqual(replicas[k - 1]);
        expected += k + startSteps[k] <= j ? replicas[k] - replicas[k - 1] : 0;
      }
      expect(running[j]).toBe(expected);
    }
    expect(running[stepCount - 1]).toBeLessThanOrEqual(replicas[stepCount - 1]);
  });

  it('stop at once when they are taken away', () => {
    const { replicas, running, stepCount } = runUnconstrained(plateaus(900, 100), 1);
    let fell = 0;
    for (let k = 1; k < stepCount; k++) {
      expect(running[k]).toBeLessThanOrEqual(replicas[k]);
      if (replicas[k] < replicas[k - 1]) {
        expect(running[k]).toBe(replicas[k]);
        fell++;
      }
    }
    expect(fell).toBeGreaterThan(0);
  });

  it.each([
    ['0 s, in the next step', 0, 0, 0, 15, [1]],
    ['5 to 20 s, in one step or two', 5, 20, 0, 15, [1, 2]],
    ['30 s, in two steps', 30, 30, 0, 15, [2]],
    ['31 s, in three', 31, 31, 0, 15, [3]],
    ['25 s and 6 of warm-up, in three', 25, 25, 6, 15, [3]],
    ['an hour, and one of warm-up, in 7,200 steps of a second', 3600, 3600, 3600, 1, [7200]],
  ])('start in %s', (_, minimum, maximum, warmUpSeconds, worldStepSeconds, steps) => {
    const scenario = scenarioOf({
      worldStepSeconds,
      cycleSeconds: 15 * worldStepSeconds,
      startup: { imagePullSecondsMin: minimum, imagePullSecondsMax: maximum, warmUpSeconds },
    });
    const seen = new Set<number>();
    for (let seed = 0; seed < 20; seed++) {
      runUnconstrained(scenario, seed).startSteps.forEach((each) => seen.add(each));
    }
    expect([...seen].sort()).toEqual(steps);
  });
});

describe('nodes', () => {
  it('are as many as all pods asked for pack into: 7 web pods each', () => {
    const { replicas, nodes } = runUnconstrained(plateaus(50, 800, 300), 1);
    expect(new Set(replicas).size).toBeGreaterThan(5);
    replicas.forEach((pods, k) => expect(nodes[k]).toBe(Math.ceil(pods / 7)));
  });

  it('are packed by shape, not by sums: three pods of 1,200 m need three', () => {
    const others = [
      {
        name: 'report',
        replicas: 3,
        requestMillicpu: 1200,
        requestMib: 100,
        usageMillicpu: 0,
        workingSetMib: 1,
      },
    ];
    const { nodes } = runUnconstrained(scenarioOf({ workload: { others } }, [0, 0], HOUR_MS), 1);
    // 3 × 1,200 m + 4 × 250 m = 4,600 m; the web pods go into what is left beside them.
    expect([...new Set(nodes)]).toEqual([3]);
  });

  it('count what the fleet may not have', () => {
    const { nodes } = runUnconstrained(plateaus(100, 20_000), 1);
    expect(Math.max(...nodes)).toBeGreaterThan(150);
  });
});

describe('the phase of the steps', () => {
  const firstStepOf = (seed: number): number =>
    runUnconstrained(plateaus(10, 10), seed).firstStepAtMs - START_AT_MS;

  it('is drawn from the seed: somewhere in the first step of the trace', () => {
    const phases = Array.from({ length: 300 }, (_, seed) => firstStepOf(seed));
    expect(Math.min(...phases)).toBeGreaterThanOrEqual(0);
    expect(Math.min(...phases)).toBeLessThan(500);
    expect(Math.max(...phases)).toBeGreaterThan(14_500);
    expect(Math.max(...phases)).toBeLessThan(15_000);
    expect(new Set(phases).size).toBeGreaterThan(280);
    expect(firstStepOf(7)).toBe(firstStepOf(7));
  });

  it('is the same for every policy of a seed, and so is everything else that they meet', () => {
    const scenario = plateaus(100, 400, 100);
    const met = ['static', 'node-fleet', 'trailing-max'].map((name) => {
      let demand: Demand | null = null;
      const observer = { begun: (world: { demand: Demand }) => void (demand = world.demand) };
      run({ scenario, configured: policyOf(name), seed: 5, observer });
      return demand;
    });
    expect(met[0]).not.toBeNull();
    expect(met[1]).toEqual(met[0]);
    expect(met[2]).toEqual(met[0]);
    expect(met[0]).toEqual(runUnconstrained(scenario, 5));
  });

  it('moves the grid, not the traffic: each step has the rate that held while it lasted', () => {
    const scenario = scenarioOf({}, [0, 600, 0], 60_000);
    for (let seed = 0; seed < 10; seed++) {
      const { firstStepAtMs, requestsPerSecond, stepCount } = runUnconstrained(scenario, seed);
      expect(stepCount).toBe(12);
      expect(requestsPerSecond).toHaveLength(12);
      expect(firstStepAtMs).toBeLessThan(START_AT_MS + STEP_MS);
      const requests = requestsPerSecond.reduce((sum, rate) => sum + rate * 15, 0);
      expect(requests).toBeCloseTo(600 * 60, 6);
    }
  });
});

describe('a run', () => {
  it('lasts as long as its trace, whatever the phase, in whole steps', () => {
    for (let seed = 0; seed < 20; seed++) {
      expect(runUnconstrained(plateaus(10, 10), seed).stepCount).toBe(160);
      // 61 s are five steps of 15 s; 10 s are one.
      expect(runUnconstrained(scenarioOf({}, [1, 1], 30_500), seed).stepCount).toBe(5);
      expect(runUnconstrained(scenarioOf({}, [1, 1], 5_000), seed).stepCount).toBe(1);
    }
  });

  it('that begins after its trace ends after it, while the last row holds', () => {
    const { firstStepAtMs, requestsPerSecond } = runUnconstrained(scenarioOf({}, [3, 7]), 1);
    expect(firstStepAtMs).toBeGreaterThan(START_AT_MS);
    expect(requestsPerSecond.at(-1)).toBe(7);
  });
});

describe('the same traffic again', () => {
  it('is the same demand, for every seed and trace', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 3000 }), { minLength: 2, maxLength: 30 }),
        fc.nat(),
        (rates, seed) => {
          const scenario = scenarioOf({}, rates);
          const demand = runUnconstrained(scenario, seed);
          expect(runUnconstrained(scenario, seed)).toEqual(demand);
          demand.running.forEach((running, k) => {
            expect(running).toBeGreaterThanOrEqual(0);
            expect(running).toBeLessThanOrEqual(demand.replicas[k]);
            expect(demand.replicas[k]).toBeGreaterThanOrEqual(4);
          });
        },
      ),
      runs(50),
    );
  });
});

describe('pod shapes', () => {
  it('are the web pods, then the others in their order, pinned by what they are', () => {
    const other = { requestMillicpu: 1, requestMib: 2, usageMillicpu: 0, workingSetMib: 1 };
    const kinds = [
      ['deployment', null],
      ['statefulset', 'stateful-set'],
      ['single-replica', 'single-replica'],
      ['local-data', 'local-data'],
      ['critical-system', 'system-critical'],
      ['do-not-evict', 'do-not-evict'],
    ] as const;
    const others = kinds.map(([kind]) => ({ ...other, name: kind, kind, zone: 'ap-southeast-1b' }));
    expect(podShapes(scenarioOf({ workload: { others } }))).toEqual([
      { key: 'web', requestMillicpu: 250, requestMib: 400, zone: null, pinnedBy: null },
      ...kinds.map(([kind, pinnedBy]) => ({
        key: kind,
        requestMillicpu: 1,
        requestMib: 2,
        zone: 'ap-southeast-1b',
        pinnedBy,
      })),
    ]);
  });
});
