import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { priceBook, type Market, type PriceBook } from '../../simulator/prices/index.ts';
import { run } from '../../simulator/run.ts';
import {
  bestByWaitingPrice,
  billOf,
  nodeHoursOf,
  breakEvenBdtPerPodMinute,
  isInSale,
  Meter,
  perMonth,
  waitingCostBdt,
  WAITING_PRICE,
  type Measures,
} from '../../simulator/score.ts';
import { runUnconstrained, type Demand } from '../../simulator/unconstrained.ts';
import { World } from '../../simulator/world.ts';
import { runs } from '../properties/arbitraries.ts';
import {
  demandOf,
  HOUR_MS,
  launch,
  policyOf,
  scenarioOf,
  START_AT_MS,
  step,
  STEP_MS,
  workers,
} from './build.ts';

const BOOK = priceBook('techflow') as PriceBook;

/** What a world shows after one step. */
interface Shown {
  readonly running?: number;
  readonly unschedulable?: number;
  readonly arrived?: number;
  readonly lost?: number;
  readonly late?: number;
  readonly retried?: number;
  readonly stayedAway?: number;
  readonly readyNodes?: number;
  readonly billedNodes?: number;
}

/**
 * Measures of a run that showed this, step by step from 00:00:00 on, while `wanted` pods would have run with room for all of
 * them. A sale runs from 00:01 to 00:02.
 */
function measured(
  steps: readonly Shown[],
  { wanted = [], prepare }: { wanted?: readonly number[]; prepare?: (world: World) => void } = {},
): Measures {
  const sale = { startAt: '2026-11-27T00:01:00+06:00', endAt: '2026-11-27T00:02:00+06:00' };
  const scenario = scenarioOf({ calendar: [{ name: 'sale', ...sale }] });
  const demand: Demand = demandOf(steps.length, 0);
  demand.running.set(wanted);
  const world = new World(scenario, demand, 1);
  const meter = new Meter(scenario, demand);
  expect(meter.scenario).toBe(scenario);
  steps.forEach((shown, k) => {
    world.stepIndex = k + 1;
    world.nowMs = START_AT_MS + k * STEP_MS;
    world.runningTotal[0] = shown.running ?? 0;
    world.unschedulableTotal = shown.unschedulable ?? 0;
    world.arrivedRequests = shown.arrived ?? 0;
    world.lostRequests = shown.lost ?? 0;
    world.lateRequests = shown.late ?? 0;
    world.retriedRequests = shown.retried ?? 0;
    world.stayedAwayRequests = shown.stayedAway ?? 0;
    world.readyNodes = shown.readyNodes ?? 0;
    world.launches = 10;
    world.terminations = 10 - (shown.billedNodes ?? 0);
    meter.step(world);
  });
  prepare?.(world);
  return meter.finish(world, BOOK, false);
}
const repeated = (count: number, shown: Shown): Shown[] =>
  Array.from({ length: count }, () => shown);

describe('waiting', () => {
  it('pending is unschedulable pods × minutes', () => {
    const steps = [3, 5, 0, 4].map((unschedulable) => ({ unschedulable }));
    expect(measured(steps).pendingPodMinutes).toBe((3 + 5 + 0 + 4) / 4);
  });

  it('shortage is pods that would run with room for everything, less those that do, × minutes', () => {
    const steps = [7, 8, 2].map((running) => ({ running }));
    expect(measured(steps, { wanted: [10, 8, 4] }).shortagePodMinutes).toBe((3 + 0 + 2) / 4);
  });

  it('pods too many never make up for pods that were missing', () => {
    const steps = [7, 13].map((running) => ({ running }));
    expect(measured(steps, { wanted: [10, 10] }).shortagePodMinutes).toBe(3 / 4);
  });

  it('a starved autoscaler hides no shortage: nothing is pending, and pods are missing', () => {
    const { pendingPodMinutes, shortagePodMinutes } = measured(repeated(4, { running: 4 }), {
      wanted: [70, 70, 70, 70],
    });
    expect([pendingPodMinutes, shortagePodMinutes]).toEqual([0, 66]);
  });

  it('in a sale is what falls between its start and its end, the end not included', () => {
    // Steps 4 to 7 are 00:01:00 to 00:01:45; each is short of another number of pods.
    const wanted = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
    const { shortagePodMinutes, shortageInSalesPodMinutes } = measured(repeated(10, {}), {
      wanted,
    });
    expect(shortageInSalesPodMinutes).toBe((16 + 32 + 64 + 128) / 4);
    expect(shortagePodMinutes).toBe(1023 / 4);
  });

  it.each(['static', 'node-fleet'])(
    'is none under %s when there is room for everything, and then pods run exactly as they would',
    (name) => {
      fc.assert(
        fc.property(
          // Up to 600 requests/s the four pods of the least fleet, on a node each, never run into their node's CPU.
          fc.array(fc.integer({ min: 0, max: 600 }), { minLength: 4, maxLength: 12 }),
          fc.nat(1000),
          (rates, seed) => {
            const scenario = scenarioOf({}, rates, 300_000);
            const room =
              name === 'static' ? { nodeCount: 60 } : { nodeCountMin: 60, nodeCountMax: 60 };
            const { measures } = run({ scenario, configured: policyOf(name, room), seed });
            expect(measures.shortagePodMinutes).toBe(0);
            expect(measures.pendingPodMinutes).toBe(0);
            expect(measures.series.runningPods).toEqual(runUnconstrained(scenario, seed).running);
            expect(measures.timeToCapacitySeconds).toEqual({
              p50: null,
              p95: null,
              max: null,
              censored: 0,
            });
          },
        ),
        runs(15),
      );
    },
  );

  it('is some when there is not', () => {
    const scenario = scenarioOf({}, [100, 600, 600], 300_000);
    const { measures } = run({
      scenario,
      configured: policyOf('static', { nodeCount: 2 }),
      seed: 1,
    });
    // 600 requests/s want 42 pods or a few less, two nodes run 14.
    expect(measures.shortagePodMinutes).toBeGreaterThan(20 * 9);
    expect(measures.pendingPodMinutes).toBeGreaterThan(0);
  });
});

describe('time to capacity', () => {
  /** `waits`: how many pods waited so many steps. */
  const times = (waits: Record<number, number>, censored = 0) =>
    measured([{}], {
      prepare: (world) => {
        for (const [steps, pods] of Object.entries(waits)) {
          world.waitSteps[Number(steps)] = pods;
        }
        world.censoredPods = censored;
      },
    }).timeToCapacitySeconds;

  it('is nothing when nobody waited', () => {
    expect(times({})).toEqual({ p50: null, p95: null, max: null, censored: 0 });
  });

  it('of one pod is its wait', () => {
    expect(times({ 7: 1 })).toEqual({ p50: 105, p95: 105, max: 105, censored: 0 });
  });

  it('p50 and p95 are those of the pod at that rank, in seconds', () => {
    // 10 pods: the 5th waited 1 step, the 10th (⌈9.5⌉) 20.
    expect(times({ 1: 5, 2: 3, 4: 1, 20: 1 })).toMatchObject({ p50: 15, p95: 300, max: 300 });
    // The 10th and the 19th of 20.
    expect(times({ 1: 9, 2: 1, 3: 8, 8: 1, 100: 1 })).toMatchObject({
      p50: 30,
      p95: 120,
      max: 1500,
    });
    expect(times({ 1: 9, 2: 1, 3: 9, 100: 1 })).toMatchObject({ p50: 30, p95: 45, max: 1500 });
    expect(times({ 1: 199, 100: 1 })).toMatchObject({ p95: 15, max: 1500 });
  });

  it('of those that never ran is for ever: no quantile that reaches them is a number', () => {
    // 20 pods, of which the 20th never ran: the 10th and the 19th did.
    expect(times({ 2: 10, 3: 9 }, 1)).toEqual({ p50: 30, p95: 45, max: null, censored: 1 });
    expect(times({ 2: 10, 3: 8 }, 2)).toEqual({ p50: 30, p95: null, max: null, censored: 2 });
    expect(times({ 2: 4 }, 5)).toEqual({ p50: null, p95: null, max: null, censored: 5 });
    expect(times({}, 1)).toEqual({ p50: null, p95: null, max: null, censored: 1 });
  });

  it('never looks better for pods that never ran', () => {
    const waits = fc.array(fc.tuple(fc.nat(50), fc.integer({ min: 1, max: 30 })), { maxLength: 8 });
    fc.assert(
      fc.property(waits, fc.nat(40), fc.integer({ min: 1, max: 10 }), (of, censored, more) => {
        const waited = Object.fromEntries(of);
        const [some, others] = [times(waited, censored), times(waited, censored + more)];
        for (const key of ['p50', 'p95', 'max'] as const) {
          if (some.censored > 0 || some[key] !== null) {
            expect(others[key] ?? Infinity).toBeGreaterThanOrEqual(some[key] ?? Infinity);
          }
        }
      }),
      runs(50),
    );
  });

  it('counts those that never ran: dropped while they waited, or waiting still', () => {
    expect(times({ 2: 4 }, 3)).toMatchObject({ p50: 30, censored: 3 });

    const scenario = scenarioOf({ workload: { web: { hpa: { replicasMin: 9 } } } }, [0, 0, 0, 0]);
    const { measures } = run({
      scenario,
      configured: policyOf('static', { nodeCount: 1 }),
      seed: 1,
    });
    expect(measures.timeToCapacitySeconds).toEqual({
      p50: null,
      p95: null,
      max: null,
      censored: 2,
    });
  });
});

describe('requests', () => {
  it('are summed as they arrive, are lost, and are late', () => {
    const steps = [
      { arrived: 100.4, lost: 1.5, late: 0 },
      { arrived: 200.2, lost: 0, late: 7.7 },
    ];
    const { requestsArrived, requestsLost, requestsLate } = measured(steps);
    expect([requestsArrived, requestsLost, requestsLate]).toEqual([301, 2, 8]);
  });

  it('that nobody came to make are lost too, and told apart; retries are no requests of their own', () => {
    const steps = [
      { arrived: 100, lost: 1, stayedAway: 20.3, retried: 30.4 },
      { arrived: 100, stayedAway: 5, retried: 2 },
    ];
    const { requestsArrived, requestsLost, requestsStayedAway, requestsRetried } = measured(steps);
    expect([requestsArrived, requestsLost, requestsStayedAway, requestsRetried]).toEqual([
      200, 26, 25, 32,
    ]);
  });

  it('that nobody came to make make no minute bad: it is the one before that was', () => {
    expect(measured([{ arrived: 1000, stayedAway: 500 }]).badMinutes).toBe(0);
  });

  it('make a minute bad when more than 1 % of it is lost or late, together and over the minute', () => {
    const badMinutes = (...steps: Shown[]): number => measured(steps).badMinutes;
    expect(badMinutes({ arrived: 1000, lost: 10 })).toBe(0);
    expect(badMinutes({ arrived: 1000, lost: 11 })).toBe(1);
    expect(badMinutes({ arrived: 1000, lost: 5, late: 6 })).toBe(1);
    // 1.1 % in one step of the minute, 0.3 % over all of it.
    expect(badMinutes({ arrived: 1000, lost: 11 }, ...repeated(3, { arrived: 1000 }))).toBe(0);
    expect(badMinutes({ arrived: 0 })).toBe(0);
  });

  it('have a longest stretch of bad minutes, on end', () => {
    const minute = (bad: boolean): Shown[] =>
      repeated(4, { arrived: 100, lost: bad ? 50 : 0, late: 0 });
    const minutes = [true, false, true, true, true, false, false, true, true];
    const { badMinutes, longestBadMinutes } = measured(minutes.flatMap(minute));
    expect([badMinutes, longestBadMinutes]).toEqual([6, 3]);
    expect(measured(repeated(8, { arrived: 9, late: 9 })).longestBadMinutes).toBe(2);
  });
});

describe('the series', () => {
  it('have a value for each step', () => {
    const { series, durationMs } = measured([
      { readyNodes: 2, billedNodes: 3, unschedulable: 4, running: 5 },
      { readyNodes: 3, billedNodes: 6, unschedulable: 0, running: 9 },
    ]);
    expect(durationMs).toBe(2 * STEP_MS);
    expect(series).toEqual({
      readyNodes: Int32Array.of(2, 3),
      billedNodes: Int32Array.of(3, 6),
      unschedulablePods: Int32Array.of(4, 0),
      runningPods: Int32Array.of(5, 9),
    });
  });
});

describe('launches', () => {
  it('are those of the run: the fleet that it begins with is not among them', () => {
    const world = new World(scenarioOf(), demandOf(4, 1), 1);
    world.startWith([{ zone: 'ap-southeast-1a', market: 'on-demand' }]);
    launch(world, 3);
    const { launches } = new Meter(world.scenario, world.demand).finish(world, BOOK, false);
    expect(launches).toBe(3);
  });
});

describe('the bill', () => {
  function worldOf(...markets: Market[]): World {
    const world = new World(scenarioOf(), demandOf(1000, 1), 1);
    world.startWith(markets.map((market) => ({ zone: 'ap-southeast-1a', market })));
    return world;
  }

  it('is each instance’s time at its price, up to the end of the run', () => {
    const world = worldOf('on-demand', 'spot');
    const [first] = workers(world);
    step(world, 400);
    launch(world, 1, { nowMs: START_AT_MS + 1.5 * HOUR_MS });
    world.terminate(first.name, START_AT_MS + 1.75 * HOUR_MS);
    const endAtMs = START_AT_MS + 2 * HOUR_MS;
    const bill = billOf(world, BOOK, endAtMs, true);
    expect(bill.prices).toBe('techflow');
    expect(nodeHoursOf(world, endAtMs)).toEqual({ onDemand: 1.75 + 0.5, spot: 2 });
    // ৳33.3333 an hour on demand, ৳10 spot, ৳1.3889 the autoscaler; each line in whole micro-taka.
    expect(bill.costBreakdownBdt).toEqual({
      onDemandNodes: (58_333_333 + 16_666_667) / 1e6,
      spotNodes: 20,
      disks: 0,
      surplusCredits: 0,
      cluster: 0,
      autoscaler: 2.777778,
    });
    expect(bill.costBdt).toBe(97.777778);
  });

  it('has disks as long as their instances, surplus credits, and the cluster as long as the run', () => {
    const book = {
      ...BOOK,
      diskMicroBdtPerMonth: 720e6,
      surplusMicroBdtPerVcpuHour: 6e6,
      clusterMicroBdtPerMonth: 7_200e6,
    };
    const demand = demandOf(1000, 7, 5_000);
    const world = new World(scenarioOf(), demand, 1);
    world.startWith([
      { zone: 'ap-southeast-1a', market: 'on-demand' },
      { zone: 'ap-southeast-1a', market: 'spot' },
    ]);
    step(world, 240);
    demand.requestsPerSecond.fill(0);
    world.terminate(workers(world)[0].name, START_AT_MS + HOUR_MS);
    const { costBreakdownBdt } = billOf(world, book, START_AT_MS + HOUR_MS, false);
    // All of two vCPUs for an hour, 400 m of which are the instance's own: 1.6 vCPU-hours at ৳6.
    expect(costBreakdownBdt).toMatchObject({ disks: 2, surplusCredits: 2 * 9.6, cluster: 10 });
  });

  it('is for a minute at least, and in whole seconds', () => {
    const cost = (ranMs: number): number => {
      const world = worldOf('on-demand');
      world.terminate(workers(world)[0].name, START_AT_MS + ranMs);
      return billOf(world, BOOK, START_AT_MS + HOUR_MS, false).costBdt;
    };
    const bdt = (seconds: number): number => Math.round((24_000e6 * seconds) / 2_592_000) / 1e6;
    expect([1, 60_000, 60_001, 3_599_001].map(cost)).toEqual([60, 60, 61, 3600].map(bdt));
  });

  it('pays for spot what it cost then, and nothing for a first hour that AWS cut short', () => {
    const bill = (market: object, taken: boolean) => {
      const scenario = scenarioOf({ market: { reclaimPercentPerMonth: 0, ...market } });
      const world = new World(scenario, demandOf(1000, 1), 1);
      const request = { zone: 'ap-southeast-1a', market: 'spot', count: 1, birthEpoch: 1 } as const;
      const [id] = world.launch({ ...request, clientToken: 't' }, START_AT_MS) as string[];
      if (taken) {
        world.reclaim(id, START_AT_MS + HOUR_MS / 2);
      } else {
        world.terminate(id, START_AT_MS + HOUR_MS / 2);
      }
      const endAtMs = START_AT_MS + 4 * HOUR_MS;
      const { costBdt, costBreakdownBdt } = billOf(world, BOOK, endAtMs, false);
      const nodeHours = nodeHoursOf(world, endAtMs);
      expect(costBreakdownBdt.spotNodes).toBe(costBdt);
      expect(nodeHours.spot).toBe(0.5);
      const ratio = world.market.spotCostRatio(0, START_AT_MS, START_AT_MS + HOUR_MS / 2, false);
      return { costBdt, ratio };
    };
    expect(bill({}, false)).toEqual({ costBdt: 5, ratio: 1 });
    expect(bill({}, true).costBdt).toBe(0);
    const moved = bill({ priceSwingPercent: 50 }, false);
    expect(moved.costBdt).toBeCloseTo(5 * moved.ratio, 6);
    expect(moved.costBdt).not.toBe(5);
  });

  it('has nothing for a launch after the end of the run', () => {
    const world = worldOf();
    launch(world, 1, { nowMs: START_AT_MS + HOUR_MS + 1 });
    expect(billOf(world, BOOK, START_AT_MS + HOUR_MS, false).costBdt).toBe(0);
  });

  it('has the autoscaler only where a policy scales', () => {
    const scenario = scenarioOf({}, new Array<number>(60).fill(10));
    const autoscaler = (name: string): number =>
      run({ scenario, configured: policyOf(name), seed: 1 }).measures.costBreakdownBdt.autoscaler;
    expect(autoscaler('static')).toBe(0);
    expect(autoscaler('node-fleet')).toBeCloseTo(1000 / 720, 1);
  });
});

describe('prices', () => {
  it('a month is 720 hours', () => {
    expect(perMonth(50, HOUR_MS)).toBe(36_000);
    expect(perMonth(1_20_000, 720 * HOUR_MS)).toBe(1_20_000);
    expect(perMonth(1_20_000, 360 * HOUR_MS)).toBe(2_40_000);
  });

  it('a missing pod costs ৳100 a minute in a sale and ৳20 otherwise', () => {
    const wanted = [0, 0, 0, 40, 80, 0, 0, 0];
    // 10 pod-minutes before the sale and 20 in it.
    const measures = measured(repeated(8, {}), { wanted });
    expect(WAITING_PRICE).toEqual({ saleBdtPerPodMinute: 100, otherBdtPerPodMinute: 20 });
    expect(waitingCostBdt(measures)).toBe(10 * 20 + 20 * 100);
    const price = { saleBdtPerPodMinute: 7, otherBdtPerPodMinute: 3 };
    expect(waitingCostBdt(measures, price)).toBe(10 * 3 + 20 * 7);
  });

  it('is not priced by what is pending', () => {
    expect(waitingCostBdt(measured(repeated(4, { unschedulable: 99 })))).toBe(0);
  });
});

describe('a sale', () => {
  it('lasts from its start up to its end, whichever of the calendar it is', () => {
    const sale = (startAt: string, endAt: string) => ({ name: 'sale', startAt, endAt });
    const scenario = scenarioOf({
      calendar: [
        sale('2026-11-27T00:01:00+06:00', '2026-11-27T00:02:00+06:00'),
        sale('2026-11-27T00:05:00+06:00', '2026-11-27T00:06:00+06:00'),
      ],
    });
    const inSales = [0, 59, 60, 119, 120, 300, 360].filter((second) =>
      isInSale(scenario, START_AT_MS + second * 1000),
    );
    expect(inSales).toEqual([60, 119, 300]);
  });
});

describe('break-even', () => {
  const of = (costBdt: number, shortagePodMinutes: number) => ({ costBdt, shortagePodMinutes });

  it('is where what the dearer run costs more is what it saves in waiting', () => {
    expect(breakEvenBdtPerPodMinute(of(500, 10), of(300, 60))).toBe(4);
  });

  it('is nowhere when one run is better in both, or they are equal in one', () => {
    expect(breakEvenBdtPerPodMinute(of(500, 60), of(300, 10))).toBeNull();
    expect(breakEvenBdtPerPodMinute(of(300, 10), of(500, 60))).toBeNull();
    expect(breakEvenBdtPerPodMinute(of(500, 10), of(300, 10))).toBeNull();
    expect(breakEvenBdtPerPodMinute(of(300, 10), of(300, 60))).toBeNull();
  });

  it('the cheapest run is the best at no price of waiting, and the one with least shortage at a high one', () => {
    const best = bestByWaitingPrice([of(500, 10), of(300, 60), of(900, 0), of(1000, 5)]);
    expect(best).toEqual([
      { index: 1, fromBdtPerPodMinute: 0 },
      { index: 0, fromBdtPerPodMinute: 4 },
      { index: 2, fromBdtPerPodMinute: 40 },
    ]);
  });

  it('a run that others overtake before it leads never leads', () => {
    // From 300 to 400 at ৳10, but from 300 to 500 at ৳5 already.
    expect(bestByWaitingPrice([of(300, 50), of(400, 40), of(500, 10)])).toEqual([
      { index: 0, fromBdtPerPodMinute: 0 },
      { index: 2, fromBdtPerPodMinute: 5 },
    ]);
  });

  it('of equal runs the first is named, and of none nothing', () => {
    expect(bestByWaitingPrice([of(9, 9), of(5, 5), of(5, 5)])).toEqual([
      { index: 1, fromBdtPerPodMinute: 0 },
    ]);
    expect(bestByWaitingPrice([])).toEqual([]);
  });

  it('of runs that cost the same the one with less shortage is named, and so where three are equal at one price', () => {
    expect(bestByWaitingPrice([of(5, 9), of(5, 5)])).toEqual([
      { index: 1, fromBdtPerPodMinute: 0 },
    ]);
    expect(bestByWaitingPrice([of(300, 50), of(400, 40), of(500, 30)])).toEqual([
      { index: 0, fromBdtPerPodMinute: 0 },
      { index: 2, fromBdtPerPodMinute: 10 },
    ]);
  });

  it('at any price, the run named has the lowest total', () => {
    const measure = fc.record({ costBdt: fc.nat(50), shortagePodMinutes: fc.nat(50) });
    fc.assert(
      fc.property(
        fc.array(measure, { minLength: 1, maxLength: 8 }),
        fc.double({ min: 0, max: 100, noNaN: true }),
        (all, price) => {
          const total = ({ costBdt, shortagePodMinutes }: (typeof all)[0]) =>
            costBdt + price * shortagePodMinutes;
          const best = bestByWaitingPrice(all);
          const named = best.findLast(({ fromBdtPerPodMinute }) => fromBdtPerPodMinute <= price);
          const lowest = all.map(total).reduce((a, b) => Math.min(a, b));
          expect(total(all[named?.index ?? -1])).toBeCloseTo(lowest, 9);
          for (let at = 1; at < best.length; at++) {
            expect(best[at].fromBdtPerPodMinute).toBeGreaterThan(best[at - 1].fromBdtPerPodMinute);
          }
        },
      ),
      runs(200),
    );
  });
});
