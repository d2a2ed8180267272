import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  desiredReplicas,
  HorizontalPodAutoscaler,
  type HorizontalPodAutoscalerOptions,
  type UtilizationReading,
} from '../../simulator/hpa.ts';

/** Pods of 100m at target 50 %, all ready: 50m a pod is on target. */
function reading(changes: Partial<UtilizationReading>): UtilizationReading {
  return {
    currentReplicas: 10,
    readyPods: 10,
    unreadyPods: 0,
    missingPods: 0,
    usageMillicpu: 500,
    requestMillicpu: 100,
    targetUtilizationPercent: 50,
    tolerancePercent: 10,
    ...changes,
  };
}

describe('desiredReplicas', () => {
  describe('the examples of the Kubernetes documentation', () => {
    test('"current 200m, desired 100m: the number of replicas will be doubled"', () => {
      // Request 100m at target 100 % desires 100m a pod. 4 pods × 200m = 800m.
      const on = { requestMillicpu: 100, targetUtilizationPercent: 100 };
      expect(
        desiredReplicas(reading({ ...on, currentReplicas: 4, readyPods: 4, usageMillicpu: 800 })),
      ).toBe(8);
    });

    test('"if the current value is instead 50m, you\'ll halve the number of replicas"', () => {
      const on = { requestMillicpu: 100, targetUtilizationPercent: 100 };
      expect(
        desiredReplicas(reading({ ...on, currentReplicas: 4, readyPods: 4, usageMillicpu: 200 })),
      ).toBe(2);
    });

    test('the walkthrough: 305 % of a 200m request on 1 pod at target 50 % asks for 7', () => {
      // 305 / 50 = 6.1, rounded up.
      const on = { requestMillicpu: 200, targetUtilizationPercent: 50 };
      expect(
        desiredReplicas(reading({ ...on, currentReplicas: 1, readyPods: 1, usageMillicpu: 610 })),
      ).toBe(7);
    });
  });

  describe('the tolerance of 10 % includes its ends', () => {
    test.each([
      // target 70 %: 63 / 70 is 0.9, 77 / 70 is 1.1.
      { percent: 62, replicas: 9 }, // 0.886 × 10 = 8.86
      { percent: 63, replicas: 10 },
      { percent: 77, replicas: 10 },
      { percent: 78, replicas: 12 }, // 1.114 × 10 = 11.14
    ])('$percent % of target 70 % on 10 pods asks for $replicas', ({ percent, replicas }) => {
      const on = { targetUtilizationPercent: 70, usageMillicpu: percent * 10 };
      expect(desiredReplicas(reading(on))).toBe(replicas);
    });

    test('without tolerance the next percent already counts', () => {
      expect(desiredReplicas(reading({ usageMillicpu: 510, tolerancePercent: 0 }))).toBe(11);
      expect(desiredReplicas(reading({ usageMillicpu: 500, tolerancePercent: 0 }))).toBe(10);
    });
  });

  describe('rounding is that of Kubernetes', () => {
    test('utilization is cut to a whole percent before it is compared', () => {
      // 10 pods of 250m: 1,949m is 77.96 %, cut to 77 %, within tolerance; 1,950m is 78 %.
      const on = { requestMillicpu: 250, targetUtilizationPercent: 70 };
      expect(desiredReplicas(reading({ ...on, usageMillicpu: 1949 }))).toBe(10);
      expect(desiredReplicas(reading({ ...on, usageMillicpu: 1950 }))).toBe(12);
    });

    test('an exact quotient is not rounded up', () => {
      // 98 / 70 × 5 = 7, in IEEE 754 too.
      const on = { targetUtilizationPercent: 70, currentReplicas: 5, readyPods: 5 };
      expect(desiredReplicas(reading({ ...on, usageMillicpu: 490 }))).toBe(7);
    });

    test('its one-pod overshoot by rounding is kept', () => {
      // 29 / 70 × 70 is 29.000000000000004 in IEEE 754, in Go as here.
      const on = { targetUtilizationPercent: 70, currentReplicas: 70, readyPods: 70 };
      expect(desiredReplicas(reading({ ...on, usageMillicpu: 70 * 29 }))).toBe(30);
    });
  });

  describe('unready pods', () => {
    test('count as idle when usage is above the target', () => {
      // 6 of 10 ready at 100 %: ratio 2. With 4 idle ones 600 / 1000 = 60 %, ratio 1.2 × 10 = 12.
      const on = { readyPods: 6, unreadyPods: 4, usageMillicpu: 600 };
      expect(desiredReplicas(reading(on))).toBe(12);
    });

    test('keep a starved target where it is: idle ones outweigh the busy', () => {
      // 4 of 10 ready at 100 %: 40 % with the idle ones, ratio 0.8, other direction.
      expect(desiredReplicas(reading({ readyPods: 4, unreadyPods: 6, usageMillicpu: 400 }))).toBe(
        10,
      );
    });

    test('keep it where it is when they bring usage within the tolerance', () => {
      // 55 % with the idle ones: ratio 1.1.
      expect(desiredReplicas(reading({ readyPods: 6, unreadyPods: 4, usageMillicpu: 550 }))).toBe(
        10,
      );
    });

    test('do not count at all when usage is below the target', () => {
      // 6 ready at 40 %: ratio 0.8 × 6 = 4.8.
      expect(desiredReplicas(reading({ readyPods: 6, unreadyPods: 4, usageMillicpu: 240 }))).toBe(
        5,
      );
    });
  });

  test('unready pods do not push usage within the tolerance out of it', () => {
    // 6 ready at 48 %: ratio 0.96. Were the 4 counted, 0.56.
    expect(desiredReplicas(reading({ readyPods: 6, unreadyPods: 4, usageMillicpu: 288 }))).toBe(10);
  });

  describe('pods without a metric', () => {
    test('count as busy, at 100 % of the request, when usage is below the target', () => {
      // 8 at 10 % and 2 assumed at 100 %: 280 / 1000 = 28 %, ratio 0.56 × 10 = 5.6.
      expect(desiredReplicas(reading({ readyPods: 8, missingPods: 2, usageMillicpu: 80 }))).toBe(6);
      // Were they left out: 0.2 × 8 = 1.6.
      expect(desiredReplicas(reading({ readyPods: 8, missingPods: 0, usageMillicpu: 80 }))).toBe(2);
    });

    test('count as on target, when that is above 100 % of the request', () => {
      // Target 150 %: 8 at 30 % and 2 at 150 %: 540 / 1000 = 54 %, ratio 0.36 × 10 = 3.6. At 100 % it were 2.94.
      const on = {
        targetUtilizationPercent: 150,
        readyPods: 8,
        missingPods: 2,
        usageMillicpu: 240,
      };
      expect(desiredReplicas(reading(on))).toBe(4);
    });

    test('count as idle when usage is above the target', () => {
      // 8 at 100 %, 2 idle: 80 %, ratio 1.6 × 10 = 16.
      expect(desiredReplicas(reading({ readyPods: 8, missingPods: 2, usageMillicpu: 800 }))).toBe(
        16,
      );
    });

    test('count together with unready ones when usage is above the target', () => {
      // 6 at 100 %, 4 idle: 60 %, ratio 1.2 × 10.
      const on = { readyPods: 6, missingPods: 2, unreadyPods: 2, usageMillicpu: 600 };
      expect(desiredReplicas(reading(on))).toBe(12);
    });

    test('count without unready ones when usage is below the target', () => {
      // 6 at 10 %, 2 assumed at 100 %: 260 / 800 = 32 %, ratio 0.64 × 8 = 5.12.
      const on = { readyPods: 6, missingPods: 2, unreadyPods: 2, usageMillicpu: 60 };
      expect(desiredReplicas(reading(on))).toBe(6);
    });

    test('cannot turn scaling down into scaling up', () => {
      // 6 at 30 %, 4 assumed at 100 %: 58 %, ratio 1.16.
      expect(desiredReplicas(reading({ readyPods: 6, missingPods: 4, usageMillicpu: 180 }))).toBe(
        10,
      );
    });

    test('cannot turn it, either, where there are far fewer pods than replicas', () => {
      // As before, 58 %, but 1.16 × 10 pods = 12 is below 20 replicas.
      const on = { currentReplicas: 20, readyPods: 6, missingPods: 4, usageMillicpu: 180 };
      expect(desiredReplicas(reading(on))).toBe(20);
    });

    test('keep it where it is when they bring usage within the tolerance', () => {
      // 9 at 38 % and 1 assumed at 100 %: 450 / 1000 = 45 %, ratio 0.9.
      expect(desiredReplicas(reading({ readyPods: 9, missingPods: 1, usageMillicpu: 350 }))).toBe(
        10,
      );
      expect(desiredReplicas(reading({ readyPods: 9, missingPods: 1, usageMillicpu: 349 }))).toBe(
        9,
      );
    });

    test('change nothing when the others are exactly on target', () => {
      expect(desiredReplicas(reading({ readyPods: 5, missingPods: 5, usageMillicpu: 250 }))).toBe(
        10,
      );
    });
  });

  describe('replicas asked for and pods seen may differ', () => {
    test('more pods than replicas: usage below the target does not scale up', () => {
      // 20 pods, 2 of them without a metric, for 10 replicas. 18 at 20 %: 560 / 2000 = 28 %, ratio 0.56 × 20 = 11.2.
      const on = { currentReplicas: 10, readyPods: 18, missingPods: 2, usageMillicpu: 360 };
      expect(desiredReplicas(reading(on))).toBe(10);
      expect(desiredReplicas(reading({ ...on, currentReplicas: 12 }))).toBe(12);
      expect(desiredReplicas(reading({ ...on, currentReplicas: 13 }))).toBe(12);
    });

    test('fewer pods than replicas: usage above the target does not scale down', () => {
      // 5 pods for 10 replicas, 1 unready. 4 at 100 %: 80 % with it, ratio 1.6 × 5 = 8.
      const on = { readyPods: 4, unreadyPods: 1, usageMillicpu: 400 };
      expect(desiredReplicas(reading({ ...on, currentReplicas: 10 }))).toBe(10);
      expect(desiredReplicas(reading({ ...on, currentReplicas: 7 }))).toBe(8);
    });
  });

  test('with all pods ready their number is multiplied, be it far from the replicas', () => {
    // 3 pods at 100 %, 10 replicas: 2 × 3.
    expect(desiredReplicas(reading({ readyPods: 3, usageMillicpu: 300 }))).toBe(6);
    // 30 pods at 30 %: 0.6 × 30.
    expect(desiredReplicas(reading({ readyPods: 30, usageMillicpu: 900 }))).toBe(18);
  });

  test('without any metric of a ready pod nothing changes', () => {
    expect(desiredReplicas(reading({ readyPods: 0, unreadyPods: 10, usageMillicpu: 0 }))).toBe(10);
    expect(desiredReplicas(reading({ readyPods: 0, missingPods: 10, usageMillicpu: 0 }))).toBe(10);
  });

  test('idle pods ask for none at all', () => {
    expect(desiredReplicas(reading({ usageMillicpu: 0 }))).toBe(0);
  });

  const anyReading: fc.Arbitrary<UtilizationReading> = fc
    .record({
      readyPods: fc.integer({ min: 1, max: 200 }),
      unreadyPods: fc.integer({ min: 0, max: 100 }),
      missingPods: fc.integer({ min: 0, max: 20 }),
      usagePercent: fc.integer({ min: 0, max: 400 }),
      requestMillicpu: fc.constantFrom(100, 250, 333),
      targetUtilizationPercent: fc.integer({ min: 10, max: 150 }),
      tolerancePercent: fc.constantFrom(0, 5, 10),
    })
    .map(({ usagePercent, ...counts }) => ({
      ...counts,
      currentReplicas: counts.readyPods + counts.unreadyPods + counts.missingPods,
      usageMillicpu: Math.floor((usagePercent * counts.requestMillicpu * counts.readyPods) / 100),
    }));

  test('more usage never asks for fewer replicas', () => {
    fc.assert(
      fc.property(anyReading, fc.integer({ min: 1, max: 5000 }), (less, extraMillicpu) => {
        const more = { ...less, usageMillicpu: less.usageMillicpu + extraMillicpu };
        expect(desiredReplicas(more)).toBeGreaterThanOrEqual(desiredReplicas(less));
      }),
    );
  });

  test('pods above the target are never scaled down, those below never up', () => {
    fc.assert(
      fc.property(anyReading, (any) => {
        const percent = Math.floor(
          (any.usageMillicpu * 100) / (any.requestMillicpu * any.readyPods),
        );
        const replicas = desiredReplicas(any);
        if (percent >= any.targetUtilizationPercent) {
          expect(replicas).toBeGreaterThanOrEqual(any.currentReplicas);
        }
        if (percent <= any.targetUtilizationPercent) {
          expect(replicas).toBeLessThanOrEqual(any.currentReplicas);
        }
      }),
    );
  });

  test('what is unknown only ever dampens', () => {
    fc.assert(
      fc.property(anyReading, (any) => {
        const known = { ...any, unreadyPods: 0, missingPods: 0 };
        const change = desiredReplicas(any) / any.currentReplicas;
        const knownChange =
          desiredReplicas({ ...known, currentReplicas: any.readyPods }) / any.readyPods;
        // One pod of room for rounding up.
        const room = 1 / any.currentReplicas + 1e-9;
        if (knownChange >= 1) {
          expect(change).toBeLessThanOrEqual(knownChange + room);
        }
        if (knownChange <= 1 && any.unreadyPods === 0) {
          expect(change).toBeGreaterThanOrEqual(
            Math.min(1, knownChange) - room - 1 / any.readyPods,
          );
        }
      }),
    );
  });
});

const STEP_MS = 15_000;
/** 2026-11-27T20:00:00+06:00 */
const START_MS = 1_795_788_000_000;

const OPTIONS: HorizontalPodAutoscalerOptions = {
  replicasMin: 4,
  replicasMax: 1000,
  targetUtilizationPercent: 70,
  tolerancePercent: 10,
  requestMillicpu: 250,
  scaleDownWindowMs: 300_000,
  syncMs: STEP_MS,
  metricsLagMs: 0,
};

/** An autoscaler whose pods are all ready, one step after the other. `percent` is of the request. */
function follower(changes: Partial<HorizontalPodAutoscalerOptions>, replicas: number) {
  const hpa = new HorizontalPodAutoscaler({ ...OPTIONS, ...changes });
  let nowMs = START_MS;
  let current = replicas;
  return (percent: number): number => {
    current = hpa.sync(nowMs, current, current, 0, (percent * 250 * current) / 100);
    nowMs += STEP_MS;
    return current;
  };
}

describe('HorizontalPodAutoscaler', () => {
  describe('scaling up', () => {
    test('happens at once, as far as it is asked for', () => {
      // 84 / 70 × 10 = 12.
      const sync = follower({}, 10);
      expect(sync(84)).toBe(12);
    });

    test('at most doubles in 15 s', () => {
      // 280 / 70: four times.
      const sync = follower({}, 10);
      expect(sync(280)).toBe(20);
      expect(sync(140)).toBe(40);
    });

    test('adds up to 4 pods where that is more than doubling', () => {
      const sync = follower({ replicasMin: 1 }, 2);
      expect(sync(700)).toBe(6);
      expect(sync(700)).toBe(12);
    });

    test('stops at the maximum', () => {
      const sync = follower({ replicasMax: 15 }, 10);
      expect(sync(280)).toBe(15);
    });
  });

  describe('scaling down', () => {
    /** Steps until the replicas first fall below `from`, at an idle percent. */
    const stepsUntilBelow = (
      sync: (percent: number) => number,
      from: number,
      percent: number,
    ): number => {
      for (let step = 1; step <= 1000; step++) {
        if (sync(percent) < from) {
          return step;
        }
      }
      throw new Error('never scaled down');
    };

    test('waits until the window has passed since the higher recommendation', () => {
      // The busy recommendation is at 0 s. At 300 s it is exactly the window old and no longer counts.
      const sync = follower({}, 10);
      expect(sync(70)).toBe(10);
      expect(stepsUntilBelow(sync, 10, 35)).toBe(20);
    });

    test('holds a new controller, too, by what it finds at its first sync', () => {
      // The initial recommendation is at 0 s, the first quiet one as well.
      const sync = follower({}, 10);
      expect(stepsUntilBelow(sync, 10, 35)).toBe(21);
    });

    test('goes to the highest recommendation of the window, not the latest', () => {
      const sync = follower({}, 20);
      sync(70);
      for (let step = 1; step <= 10; step++) {
        expect(sync(35)).toBe(20); // asks for 10
      }
      for (let step = 11; step <= 19; step++) {
        expect(sync(49)).toBe(20); // asks for 14
      }
      expect(sync(14)).toBe(14); // asks for 4; 20 has left the window, 14 is the highest in it
    });

    test('starts the wait again after every busy reading', () => {
      const sync = follower({}, 10);
      for (let step = 0; step < 19; step++) {
        expect(sync(35)).toBe(10);
      }
      expect(sync(70)).toBe(10);
      expect(stepsUntilBelow(sync, 10, 35)).toBe(20);
    });

    test('is not slowed down beyond the window: it may go to the minimum in one step', () => {
      const sync = follower({ scaleDownWindowMs: 0 }, 400);
      expect(sync(0)).toBe(4);
    });

    test('a recommendation above the replicas in the window does not scale up while usage falls', () => {
      const sync = follower({}, 10);
      expect(sync(280)).toBe(20); // asked for 40, limited
      expect(sync(70)).toBe(20);
      expect(sync(60)).toBe(20); // 40 is still in the window
    });
  });

  describe('bounds are put right at once, before any metric', () => {
    const late = { metricsLagMs: 60_000 };
    test('above the maximum', () => {
      expect(follower({ ...late, replicasMax: 15 }, 20)(70)).toBe(15);
    });
    test('below the minimum', () => {
      expect(follower(late, 1)(70)).toBe(4);
    });
  });

  describe('metrics lag', () => {
    test('before any metric is old enough nothing changes', () => {
      // With 45 s: usable from the 4th sync on.
      const sync = follower({ metricsLagMs: 45_000 }, 10);
      expect([sync(140), sync(140), sync(140), sync(140)]).toEqual([10, 10, 10, 20]);
    });

    test('rounds up to whole syncs', () => {
      const sync = follower({ metricsLagMs: 31_000 }, 10);
      expect([sync(140), sync(140), sync(140), sync(140)]).toEqual([10, 10, 10, 20]);
    });

    test('the metrics used are those of the lag before', () => {
      const hpa = new HorizontalPodAutoscaler({ ...OPTIONS, metricsLagMs: 30_000 });
      const replicas = [70, 84, 105, 70, 70].map((percent, step) =>
        // 10 pods of 250m each; the answers are not followed.
        hpa.sync(START_MS + step * STEP_MS, 10, 10, 0, percent * 25),
      );
      expect(replicas).toEqual([10, 10, 10, 12, 15]);
    });

    test('a pod ready since the sample counts as unready', () => {
      // 10 pods at 140 % then; now 14 ready and 6 not. 10 × 140 / 20 = 70 %: on target. (10 × 140 / 16 were above it.)
      const hpa = new HorizontalPodAutoscaler({ ...OPTIONS, metricsLagMs: STEP_MS });
      expect(hpa.sync(START_MS, 20, 10, 10, 3500)).toBe(20);
      expect(hpa.sync(START_MS + STEP_MS, 20, 14, 6, 4900)).toBe(20);
    });

    test('a pod gone since the sample takes its share of the usage along', () => {
      // 10 pods at 84 % then, 5 now: 84 / 70 × 5 = 6, not 168 / 70 × 5 = 12.
      const hpa = new HorizontalPodAutoscaler({ ...OPTIONS, metricsLagMs: STEP_MS });
      expect(hpa.sync(START_MS, 5, 10, 0, 2100)).toBe(5);
      expect(hpa.sync(START_MS + STEP_MS, 5, 5, 0, 2100)).toBe(6);
    });

    test('nothing changes while no pod is ready, or none was at the sample', () => {
      const hpa = new HorizontalPodAutoscaler({ ...OPTIONS, metricsLagMs: STEP_MS });
      expect(hpa.sync(START_MS, 10, 10, 0, 3500)).toBe(10);
      expect(hpa.sync(START_MS + STEP_MS, 10, 0, 10, 0)).toBe(10);
      expect(hpa.sync(START_MS + 2 * STEP_MS, 10, 10, 0, 3500)).toBe(10);
      expect(hpa.sync(START_MS + 3 * STEP_MS, 10, 10, 0, 3500)).toBe(20);
    });

    test('while there is no metric, nothing is recommended either', () => {
      // 35 % asks for 5. What was found first, 10, has left the window after 20 steps.
      for (const [sampledPods, readyPods] of [
        [10, 0],
        [0, 10],
      ]) {
        const hpa = new HorizontalPodAutoscaler({ ...OPTIONS, metricsLagMs: STEP_MS });
        hpa.sync(START_MS, 10, sampledPods, 10 - sampledPods, 0);
        expect(hpa.sync(START_MS + STEP_MS, 10, readyPods, 10 - readyPods, 875)).toBe(10);
        hpa.sync(START_MS + 290_000, 10, 10, 0, 875);
        expect(hpa.sync(START_MS + 305_000, 10, 10, 0, 875)).toBe(5);
      }
    });

    test('late syncs use the newest metric that is old enough', () => {
      const hpa = new HorizontalPodAutoscaler({ ...OPTIONS, metricsLagMs: 30_000 });
      hpa.sync(START_MS, 10, 10, 0, 700);
      hpa.sync(START_MS + 15_000, 10, 10, 0, 2100);
      expect(hpa.sync(START_MS + 600_000, 10, 10, 0, 700)).toBe(12);
    });
  });

  test('an unschedulable pod counts as unready, so a starved target stops asking', () => {
    const hpa = new HorizontalPodAutoscaler(OPTIONS);
    // 7 of 20 pods run, at 150 %: 52 % with the 13 idle ones.
    expect(hpa.sync(START_MS, 20, 7, 13, 2625)).toBe(20);
  });

  test('usage is rounded to the nearest millicpu', () => {
    // 78 % of 10 × 250m is 1950m.
    const sync = (usageMillicpu: number): number =>
      new HorizontalPodAutoscaler(OPTIONS).sync(START_MS, 10, 10, 0, usageMillicpu);
    expect(sync(1949.9999999999998)).toBe(12);
    expect(sync(1949.4)).toBe(10);
  });

  test('a sync that comes too soon is refused', () => {
    const hpa = new HorizontalPodAutoscaler(OPTIONS);
    hpa.sync(START_MS, 10, 10, 0, 1750);
    expect(() => hpa.sync(START_MS + STEP_MS - 1, 10, 10, 0, 1750)).toThrow(RangeError);
    expect(() => hpa.sync(NaN, 10, 10, 0, 1750)).toThrow(RangeError);
    expect(hpa.sync(START_MS + STEP_MS, 10, 10, 0, 1750)).toBe(10);
  });

  test('no tolerance is a setting too', () => {
    expect(follower({ tolerancePercent: 0 }, 10)(71)).toBe(11);
  });

  test.each<Partial<HorizontalPodAutoscalerOptions>>([
    { replicasMin: 0 },
    { replicasMax: 3 },
    { targetUtilizationPercent: 0 },
    { requestMillicpu: 0.5 },
    { tolerancePercent: -1 },
    { tolerancePercent: 100 },
    { tolerancePercent: NaN },
    { scaleDownWindowMs: -1 },
    { syncMs: 14_999 },
    { metricsLagMs: 0.5 },
  ])('the setting %j is refused', (change) => {
    expect(() => new HorizontalPodAutoscaler({ ...OPTIONS, ...change })).toThrow(RangeError);
  });

  /** Stretches of like steps: gaps between syncs, and what the world shows at each. */
  const anyRun = fc
    .array(
      fc.record({
        steps: fc.integer({ min: 1, max: 25 }),
        lateMs: fc.oneof(fc.constant(0), fc.constant(0), fc.integer({ min: 0, max: 400_000 })),
        readyPercent: fc.oneof(fc.constant(100), fc.integer({ min: 0, max: 100 })),
        usagePercent: fc.integer({ min: 0, max: 140 }),
      }),
      { minLength: 1, maxLength: 30 },
    )
    .map((stretches) =>
      stretches.flatMap(({ steps, ...step }) =>
        // Usage falls within a stretch, so that the window holds many recommendations.
        Array.from({ length: steps }, (_, index) => ({
          ...step,
          usagePercent: Math.max(0, step.usagePercent - 2 * index),
        })),
      ),
    );

  test('stays within bounds and limits, and never falls below what the window holds', () => {
    fc.assert(
      fc.property(
        anyRun,
        fc.constantFrom(0, 15_000, 40_000, 300_000),
        fc.constantFrom(0, 15_000, 40_000, 60_000),
        fc.integer({ min: 1, max: 60 }),
        (run, scaleDownWindowMs, metricsLagMs, initialReplicas) => {
          const options = { ...OPTIONS, replicasMax: 50, scaleDownWindowMs, metricsLagMs };
          const hpa = new HorizontalPodAutoscaler(options);
          // The same by full scans over everything ever seen.
          const samples: { atMs: number; pods: number; millicpu: number }[] = [];
          const recommendations: { atMs: number; replicas: number }[] = [];
          let nowMs = START_MS;
          let current = initialReplicas;
          for (const step of run) {
            const ready = Math.floor((current * step.readyPercent) / 100);
            const usage = Math.floor((ready * 250 * step.usagePercent) / 100);
            const next = hpa.sync(nowMs, current, ready, current - ready, usage);

            samples.push({ atMs: nowMs, pods: ready, millicpu: usage });
            if (recommendations.length === 0) {
              recommendations.push({ atMs: nowMs, replicas: current });
            }
            const sample = samples.filter(({ atMs }) => atMs <= nowMs - metricsLagMs).at(-1);
            let expected = current;
            if (current < 4 || current > 50) {
              expected = current < 4 ? 4 : 50;
            } else if (sample !== undefined && sample.pods > 0 && ready > 0) {
              const pods = Math.min(sample.pods, ready);
              const desired = desiredReplicas({
                ...options,
                currentReplicas: current,
                readyPods: pods,
                unreadyPods: current - pods,
                missingPods: 0,
                usageMillicpu: Math.round((sample.millicpu * pods) / sample.pods),
              });
              recommendations.push({ atMs: nowMs, replicas: desired });
              const held = recommendations
                .filter(({ atMs }) => atMs > nowMs - scaleDownWindowMs)
                .map(({ replicas }) => replicas);
              const highest = Math.max(desired, ...held);
              expected =
                desired > current
                  ? Math.min(desired, Math.max(current + 4, current * 2), 50)
                  : Math.max(4, Math.min(current, highest));
            }
            expect(next).toBe(expected);
            expect(next).toBeGreaterThanOrEqual(4);
            expect(next).toBeLessThanOrEqual(50);

            current = next;
            nowMs += STEP_MS + step.lateMs;
          }
        },
      ),
    );
  });
});
