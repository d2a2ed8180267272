import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadScenario } from '../../adapters/import/load-scenario.ts';
import { POLICIES } from '../../engine/index.ts';
import {
  bestOutcome,
  clairvoyant,
  frontierOf,
  levelsOf,
  regretPercent,
  type Clairvoyant,
  type Levels,
  type Limits,
  type Outcome,
  type PodStepPrice,
} from '../../simulator/optimum.ts';
import { PRICE_BOOKS, priceBook, type PriceBook } from '../../simulator/prices/index.ts';
import { run, type Run } from '../../simulator/run.ts';
import { billBy } from '../../simulator/savings.ts';
import { waitingCostBdt, WAITING_PRICE, type WaitingPrice } from '../../simulator/score.ts';
import { runUnconstrained, type Demand } from '../../simulator/unconstrained.ts';
import { leastStartupMs } from '../../simulator/startup.ts';
import { anyCase, build, runCase, runs } from '../properties/arbitraries.ts';
import { demandOf, launch, policyOf, quietWorld, scenarioOf, step, workers } from './build.ts';

const BOOK = priceBook('techflow') as PriceBook;
const SCENARIOS = new URL('../../scenarios/', import.meta.url).pathname;

/** A problem small enough to try every schedule. */
interface Problem {
  readonly limits: Limits;
  readonly pods: readonly number[];
  /** Steps in sales. */
  readonly sales: readonly boolean[];
}

const problems: fc.Arbitrary<Problem> = fc
  .tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 3 }))
  .chain(([steps, nodeCountMax]) =>
    fc.record({
      limits: fc.record({
        stepMs: fc.integer({ min: 1, max: 4 }),
        podsPerNode: fc.integer({ min: 1, max: 4 }),
        nodeCountMax: fc.constant(nodeCountMax),
        nodeCountInitialMax: fc.integer({ min: 0, max: 4 }),
        launchMs: fc.integer({ min: 0, max: 12 }),
      }),
      pods: fc.array(fc.nat(14), { minLength: steps, maxLength: steps }),
      sales: fc.array(fc.boolean(), { minLength: steps, maxLength: steps }),
    }),
  );
/** Quarters of a node-ms, so that ties occur and sums are exact. */
const quarters = fc.nat(80).map((n) => n / 4);
const prices: fc.Arbitrary<PodStepPrice> = fc.record({ inSales: quarters, otherwise: quarters });

function levelsFor({ limits, pods, sales }: Problem): Levels {
  const inSale = Uint8Array.from(sales, Number);
  return levelsOf(Int32Array.from(pods), inSale, limits);
}

interface Cost {
  readonly nodeMs: number;
  readonly short: number;
  readonly shortInSales: number;
}

/** The cost rule itself, for a whole schedule: nothing of levels. */
function costOf({ limits, pods, sales }: Problem, nodes: ArrayLike<number>): Cost {
  const { stepMs, podsPerNode, launchMs } = limits;
  let [nodeMs, short, shortInSales] = [0, 0, 0];
  pods.forEach((wanted, k) => {
    if (k > 0) {
      nodeMs += nodes[k] * stepMs + Math.max(0, nodes[k] - nodes[k - 1]) * launchMs;
    }
    const missing = Math.max(0, wanted - nodes[k] * podsPerNode);
    short += missing;
    shortInSales += sales[k] ? missing : 0;
  });
  return { nodeMs, short, shortInSales };
}

function everySchedule({ limits, pods }: Problem): number[][] {
  const { nodeCountMax, nodeCountInitialMax } = limits;
  let schedules: number[][] = [[]];
  for (let k = 0; k < pods.length; k++) {
    const most = k === 0 ? Math.min(nodeCountMax, nodeCountInitialMax) : nodeCountMax;
    schedules = schedules.flatMap((before) =>
      Array.from({ length: most + 1 }, (_, nodes) => [...before, nodes]),
    );
  }
  return schedules;
}

function valueAt(price: PodStepPrice, { nodeMs, short, shortInSales }: Cost): number {
  return nodeMs + price.inSales * shortInSales + price.otherwise * (short - shortInSales);
}

describe('the best schedule', () => {
  it('is as good as the best of all schedules there are', () => {
    fc.assert(
      fc.property(problems, prices, (problem, price) => {
        const nodes = new Int32Array(problem.pods.length);
        const { nodeMs, shortPodSteps, shortPodStepsInSales } = bestOutcome(
          levelsFor(problem),
          price,
          nodes,
        );
        const claimed = { nodeMs, short: shortPodSteps, shortInSales: shortPodStepsInSales };
        const values = everySchedule(problem).map((each) => valueAt(price, costOf(problem, each)));
        const best = values.reduce((least, each) => Math.min(least, each));
        expect(valueAt(price, claimed)).toBe(best);
        // And there is such a schedule: the one that it names.
        expect(nodes[0]).toBeLessThanOrEqual(problem.limits.nodeCountInitialMax);
        expect(Math.max(...nodes)).toBeLessThanOrEqual(problem.limits.nodeCountMax);
        expect(valueAt(price, costOf(problem, nodes))).toBe(best);
      }),
      runs(150),
    );
  });

  const limits: Limits = {
    stepMs: 15,
    podsPerNode: 7,
    nodeCountMax: 3,
    nodeCountInitialMax: 1,
    launchMs: 40,
  };
  /** The nodes and what they come to, where a missing pod is worth `price` node-ms a step, or much. */
  function best(pods: number[], price = 1e6, changes: Partial<Limits> = {}) {
    const problem = { limits: { ...limits, ...changes }, pods, sales: pods.map(() => false) };
    const nodes = new Int32Array(pods.length);
    const outcome = bestOutcome(levelsFor(problem), { inSales: price, otherwise: price }, nodes);
    return { nodes: [...nodes], nodeMs: outcome.nodeMs, short: outcome.shortPodSteps };
  }

  it('pays for a launch once, and for every step but the first', () => {
    expect(best([7, 7, 14, 14, 7])).toEqual({
      nodes: [1, 1, 2, 2, 1],
      nodeMs: 4 * 15 + (40 + 2 * 15),
      short: 0,
    });
  });

  it('keeps a node through a lull that is shorter than a launch, and not through a longer one', () => {
    const lull = (steps: number) => [7, 14, ...new Array<number>(steps).fill(7), 14];
    expect(best(lull(2)).nodes).toEqual([1, 2, 2, 2, 2]);
    expect(best(lull(3)).nodes).toEqual([1, 2, 1, 1, 1, 2]);
  });

  it('lets pods wait that are not worth their node', () => {
    // One pod for two steps: 40 + 2 × 15 = 70 node-ms.
    expect(best([7, 8, 8, 7], 34)).toMatchObject({ nodes: [1, 1, 1, 1], short: 2 });
    expect(best([7, 8, 8, 7], 36)).toMatchObject({ nodes: [1, 2, 2, 1], short: 0 });
  });

  it('has no more nodes at the first step than were there, and never more than the most', () => {
    expect(best([21, 21]).short).toBe(14);
    expect(best([21, 21], 1e6, { nodeCountInitialMax: 3 }).short).toBe(0);
    expect(best([0, 30, 30])).toMatchObject({ nodes: [1, 3, 3], short: 18 });
  });

  it('of a single step, or of no demand, costs nothing', () => {
    expect(best([5])).toEqual({ nodes: [1], nodeMs: 0, short: 0 });
    expect(best([0, 0, 0])).toEqual({ nodes: [0, 0, 0], nodeMs: 0, short: 0 });
  });

  it('costs no less, and leaves no more pods missing, where a missing pod is worth more', () => {
    fc.assert(
      fc.property(problems, quarters, quarters, (problem, one, another) => {
        const [low, high] = one < another ? [one, another] : [another, one];
        const levels = levelsFor(problem);
        const [atLow, atHigh] = [low, high].map((price) =>
          bestOutcome(levels, { inSales: price, otherwise: price }),
        );
        const value = (price: number, { nodeMs, shortPodSteps }: typeof atLow) =>
          nodeMs + price * shortPodSteps;
        expect(value(high, atHigh)).toBeGreaterThanOrEqual(value(low, atLow));
        if (low < high) {
          expect(atHigh.shortPodSteps).toBeLessThanOrEqual(atLow.shortPodSteps);
        }
      }),
      runs(150),
    );
  });
});

describe('the frontier', () => {
  /** Least node-ms for at most so many pod-steps short, by schedules and mixtures of two of them: the lower hull. */
  function hullOf(problem: Problem): (short: number) => number {
    const costs = everySchedule(problem).map((nodes) => costOf(problem, nodes));
    const least = new Map<number, number>();
    for (const { nodeMs, short } of costs) {
      least.set(short, Math.min(nodeMs, least.get(short) ?? Infinity));
    }
    const points = [...least].sort(([a], [b]) => a - b);
    return (at) => {
      let lowest = Infinity;
      for (const [short, nodeMs] of points) {
        for (const [otherShort, otherMs] of points) {
          if (short <= at && at <= otherShort) {
            const share = short === otherShort ? 0 : (at - short) / (otherShort - short);
            lowest = Math.min(lowest, nodeMs + share * (otherMs - nodeMs));
          } else if (short <= at) {
            lowest = Math.min(lowest, nodeMs);
          }
        }
      }
      return lowest;
    };
  }
  type Corners = ReturnType<typeof frontierOf>;
  function interpolated(corners: Corners, at: number): number {
    const next = corners.findIndex(({ shortPodSteps }) => shortPodSteps >= at);
    const [a, b] = [corners[Math.max(0, next - 1)], corners[next]];
    const width = b.shortPodSteps - a.shortPodSteps;
    const share = width === 0 ? 0 : (at - a.shortPodSteps) / width;
    return a.nodeMs + share * (b.nodeMs - a.nodeMs);
  }
  const wholeRange = (corners: Corners): number[] => {
    const [from, to] = [corners[0].shortPodSteps, corners[corners.length - 1].shortPodSteps];
    return Array.from({ length: to - from + 1 }, (_, n) => from + n);
  };

  it('is the lower hull of all schedules, wherever it is asked to be exact', () => {
    fc.assert(
      fc.property(problems, (problem) => {
        const levels = levelsFor(problem);
        const ends = frontierOf(levels, []);
        const corners = frontierOf(levels, wholeRange(ends));
        const hull = hullOf(problem);
        for (const at of wholeRange(corners)) {
          expect(interpolated(corners, at)).toBeCloseTo(hull(at), 9);
        }
      }),
      runs(60),
    );
  });

  it('has nothing below the line on which it is asked to be exact, however long the demand', () => {
    const limits = {
      stepMs: 15,
      podsPerNode: 7,
      nodeCountMax: 6,
      nodeCountInitialMax: 1,
      launchMs: 40,
    };
    fc.assert(
      fc.property(
        fc.array(fc.nat(42), { minLength: 300, maxLength: 300 }),
        fc.double({ min: 0.001, max: 0.999, noNaN: true }),
        (pods, share) => {
          const levels = levelsFor({ limits, pods, sales: pods.map(() => false) });
          const [first, last] = [frontierOf(levels, [])[0], frontierOf(levels, []).at(-1)!];
          const at = first.shortPodSteps + share * (last.shortPodSteps - first.shortPodSteps);
          const corners = frontierOf(levels, [at]);
          const next = corners.findIndex(({ shortPodSteps }) => shortPodSteps >= at);
          const [a, b] = [corners[next - 1], corners[next]];
          const price = (a.nodeMs - b.nodeMs) / (b.shortPodSteps - a.shortPodSteps);
          const best = bestOutcome(levels, { inSales: price, otherwise: price });
          const value = ({ nodeMs, shortPodSteps }: Outcome) => nodeMs + price * shortPodSteps;
          expect(value(best) / value(a)).toBeCloseTo(1, 11);
        },
      ),
      runs(60),
    );
  });

  it('is never below that hull, and elsewhere above it by a five-hundredth of the highest cost at most', () => {
    fc.assert(
      fc.property(problems, (problem) => {
        const corners = frontierOf(levelsFor(problem), []);
        const hull = hullOf(problem);
        for (const at of wholeRange(corners)) {
          const above = interpolated(corners, at) - hull(at);
          expect(above).toBeGreaterThan(-1e-9);
          expect(above).toBeLessThan(corners[0].nodeMs / 500 + 1e-9);
        }
      }),
      runs(60),
    );
  });

  it('falls from the least shortage to no node at all, ever more slowly, each corner best at its price', () => {
    fc.assert(
      fc.property(problems, (problem) => {
        const corners = frontierOf(levelsFor(problem), []);
        const costs = everySchedule(problem).map((nodes) => costOf(problem, nodes));
        const leastShort = costs.reduce((least, { short }) => Math.min(least, short), Infinity);
        expect(corners[0].shortPodSteps).toBe(leastShort);
        expect(corners.at(-1)?.nodeMs).toBe(0);
        for (const [at, corner] of corners.entries()) {
          const value = corner.nodeMs + corner.price * corner.shortPodSteps;
          const least = costs.map(({ nodeMs, short }) => nodeMs + corner.price * short);
          expect(value).toBeCloseTo(
            least.reduce((a, b) => Math.min(a, b)),
            9,
          );
          if (at > 0) {
            expect(corner.shortPodSteps).toBeGreaterThan(corners[at - 1].shortPodSteps);
            expect(corner.nodeMs).toBeLessThan(corners[at - 1].nodeMs);
            expect(corner.price).toBeLessThan(corners[at - 1].price);
          }
        }
      }),
      runs(60),
    );
  });
});

// ================================================================ the classics, on the abstract model (field.md 4.1, 4.2)

describe('online algorithms against the optimum', () => {
  /** Nodes wanted by step; p a step, β a launch; before the first step there are none. */
  interface Classic {
    readonly wanted: readonly number[];
    readonly p: number;
    readonly beta: number;
  }
  const classics: fc.Arbitrary<Classic> = fc.record({
    wanted: fc.array(fc.nat(5), { minLength: 1, maxLength: 60 }),
    p: fc.integer({ min: 1, max: 9 }),
    beta: fc.nat(60),
  });
  const NODES_MAX = 5;

  function classicCost({ wanted, p, beta }: Classic, nodes: readonly number[], q: number): number {
    return wanted.reduce((sum, each, k) => {
      const launched = Math.max(0, nodes[k] - (k === 0 ? 0 : nodes[k - 1]));
      const missing = Math.max(0, each - nodes[k]);
      return sum + p * nodes[k] + beta * launched + (missing === 0 ? 0 : q * missing);
    }, 0);
  }
  function optimalCost({ wanted, p, beta }: Classic, q: number): number {
    const limits = {
      stepMs: p,
      podsPerNode: 1,
      nodeCountMax: NODES_MAX,
      nodeCountInitialMax: 0,
      launchMs: beta,
    };
    // A step without demand first: the optimum is charged from the second on.
    const pods = Int32Array.from([0, ...wanted]);
    const levels = levelsOf(pods, new Uint8Array(pods.length), limits);
    const { nodeMs, shortPodSteps } = bestOutcome(levels, { inSales: q, otherwise: q });
    return nodeMs + q * shortPodSteps;
  }

  it('the trailing maximum over break-even time costs at most twice as much, demand met', () => {
    fc.assert(
      fc.property(classics, (classic) => {
        const { wanted, p, beta } = classic;
        const window = Math.floor(beta / p);
        const nodes = wanted.map((_, k) =>
          Math.max(...wanted.slice(Math.max(0, k - window), k + 1)),
        );
        const optimum = optimalCost(classic, 2 * (p + beta));
        expect(classicCost(classic, nodes, Infinity)).toBeLessThanOrEqual(2 * optimum);
      }),
      runs(300),
    );
  });

  it('and over a much longer or shorter time may cost more than that', () => {
    const classic = { wanted: [1, ...new Array<number>(40).fill(0), 1], p: 1, beta: 10 };
    const held = classic.wanted.map(() => 1);
    const optimum = optimalCost(classic, 22);
    expect(optimum).toBe(2 * (1 + 10));
    expect(classicCost(classic, held, Infinity)).toBeGreaterThan(2 * optimum);
    const flickering = { wanted: Array.from({ length: 40 }, (_, k) => k % 2), p: 1, beta: 10 };
    expect(classicCost(flickering, flickering.wanted, Infinity)).toBeGreaterThan(
      2 * optimalCost(flickering, 22),
    );
  });

  /** Lazy capacity provisioning: between what the optimum so far would have, paying for power-up or for power-down. */
  function lazyNodes({ wanted, p, beta }: Classic, q: number): number[] {
    let values = Array.from({ length: NODES_MAX + 1 }, (_, x) => (x === 0 ? 0 : Infinity));
    let x = 0;
    return wanted.map((each) => {
      values = values.map((_, to) => {
        const from = values.map((value, at) => value + beta * Math.max(0, to - at));
        return p * to + q * Math.max(0, each - to) + Math.min(...from);
      });
      const down = values.map((value, at) => value - beta * at);
      const low = values.indexOf(Math.min(...values));
      const high = down.lastIndexOf(Math.min(...down));
      expect(low).toBeLessThanOrEqual(high);
      x = Math.min(high, Math.max(low, x));
      return x;
    });
  }

  it('lazy capacity provisioning costs at most three times as much, at any price of waiting', () => {
    fc.assert(
      fc.property(classics, fc.nat(100), (classic, q) => {
        const cost = classicCost(classic, lazyNodes(classic, q), q);
        expect(cost).toBeLessThanOrEqual(3 * optimalCost(classic, q));
      }),
      runs(300),
    );
  });
});

// ================================================================ the bound

/** Bills are rounded to whole micro-BDT, sums to the last bits of a float. */
function slackBdt({ measures }: Run): number {
  return 1e-4 + 1e-6 * measures.launches + 1e-9 * measures.costBdt;
}

/** No run is below the optimum: not its total at these prices, nor its cost at its shortage. */
function expectBelow(optimum: Clairvoyant, waitingPrice: WaitingPrice, run: Run): void {
  const { measures } = run;
  const total = measures.costBdt + waitingCostBdt(measures, waitingPrice);
  expect(optimum.totalBdt).toBeLessThanOrEqual(total + slackBdt(run));
  expect(optimum.frontier[0].shortagePodMinutes).toBeLessThanOrEqual(measures.shortagePodMinutes);
  const regret = regretPercent(optimum, measures.costBdt, measures.shortagePodMinutes);
  if (regret !== null) {
    expect((regret / 100) * measures.costBdt).toBeGreaterThanOrEqual(-slackBdt(run));
  }
}

const waitingPrices: fc.Arbitrary<WaitingPrice> = fc
  .tuple(fc.constantFrom(0, 0.02, 0.1, 0.5, 2, 20, 400), fc.constantFrom(0.1, 1, 5))
  .map(([otherBdtPerPodMinute, factor]) => ({
    otherBdtPerPodMinute,
    saleBdtPerPodMinute: factor * otherBdtPerPodMinute,
  }));

describe('the optimum is below every run', () => {
  const FLAT_PRICES = [0, 0.1, 20].map((bdt) => ({
    saleBdtPerPodMinute: bdt,
    otherBdtPerPodMinute: bdt,
  }));

  it('of any policy, under any settings, with faults and people in the way', () => {
    fc.assert(
      fc.property(anyCase, waitingPrices, (each, waitingPrice) => {
        const { scenario } = build(each);
        const demand = runUnconstrained(scenario, each.seed);
        const ran = runCase(each, [], {}, { demand });
        expectBelow(clairvoyant(scenario, demand, BOOK, waitingPrice, [ran]), waitingPrice, ran);
      }),
      runs(60),
    );
  });

  it('of static fleets of every size, one by one and together', () => {
    fc.assert(
      fc.property(anyCase, waitingPrices, (each, waitingPrice) => {
        const { scenario } = build(each);
        const { seed } = each;
        const demand = runUnconstrained(scenario, seed);
        const fleets = [1, 2, 3, 5, 9].map((nodeCount) => {
          const configured = policyOf('static', { nodeCount, onDemandBase: 0, spotPercent: 100 });
          return run({ scenario, configured, seed, demand });
        });
        const together = clairvoyant(scenario, demand, BOOK, waitingPrice, fleets);
        for (const fleet of fleets) {
          expectBelow(together, waitingPrice, fleet);
          const alone = clairvoyant(scenario, demand, BOOK, waitingPrice, [fleet]);
          expectBelow(alone, waitingPrice, fleet);
          // Whatever binds one more run only loosens it.
          expect(together.totalBdt).toBeLessThanOrEqual(alone.totalBdt * (1 + 1e-12));
        }
      }),
      runs(10),
    );
  });

  it('of one to whom AWS gave hours: all spot goes at once, just before the end', () => {
    const end = '2026-11-27T00:50:00+06:00';
    const event = { kind: 'reclaim', at: '2026-11-27T00:49:00+06:00', until: end };
    const market = { reclaimPercentPerMonth: 0, noticePercent: 0, events: [event] };
    const scenario = scenarioOf({ market }, [80, 700, 700, 700, 700], 10 * 60_000);
    const configured = policyOf('trailing-max', { onDemandBase: 0, spotPercent: 100 });
    for (let seed = 0; seed < 12; seed++) {
      const demand = runUnconstrained(scenario, seed);
      const ran = run({ scenario, configured, seed, demand });
      // Six nodes for half an hour, at ৳10 an hour.
      expect(ran.measures.waivedBdt).toBeGreaterThan(30);
      for (const price of FLAT_PRICES) {
        expectBelow(clairvoyant(scenario, demand, BOOK, price, [ran]), price, ran);
      }
    }
  });

  it('of one whose spot was cheap', () => {
    const market = { reclaimPercentPerMonth: 0, priceSwingPercent: 90 };
    const scenario = scenarioOf({ market }, [204, 204], 3 * 3_600_000);
    const fleet = { nodeCount: 2, onDemandBase: 0, spotPercent: 100 };
    let cheap = 0;
    for (let seed = 0; seed < 12; seed++) {
      const demand = runUnconstrained(scenario, seed);
      const ran = run({ scenario, configured: policyOf('static', fleet), seed, demand });
      cheap += ran.measures.costBdt < 2 * 6 * 10 * 0.8 ? 1 : 0;
      for (const price of FLAT_PRICES) {
        expectBelow(clairvoyant(scenario, demand, BOOK, price, [ran]), price, ran);
      }
    }
    expect(cheap).toBeGreaterThan(0);
  });

  it.each(readdirSync(SCENARIOS).filter((name) => name.endsWith('.csv')))(
    'on scenarios/%s',
    async (name) => {
      const { scenario } = await loadScenario(join(SCENARIOS, name));
      const demand = runUnconstrained(scenario, 1);
      const policies = [
        ...POLICIES.map((policy) => policyOf(policy.name)),
        ...[1, 2, 10].map((nodeCount) => policyOf('static', { nodeCount })),
        policyOf('trailing-max', { windowSeconds: 0, spotPercent: 100, onDemandBase: 0 }),
      ];
      const all = policies.map((configured) => run({ scenario, configured, seed: 1, demand }));
      for (const other of [0.01, 0.3, 20]) {
        const price = { saleBdtPerPodMinute: 5 * other, otherBdtPerPodMinute: other };
        for (const book of PRICE_BOOKS) {
          const billed = all.map((each) => ({
            ...each,
            measures: { ...each.measures, ...billBy(each.measures, book) },
          }));
          const optimum = clairvoyant(scenario, demand, book, price, billed);
          for (const each of billed) {
            expectBelow(optimum, price, each);
          }
        }
      }
    },
  );

  it('even where a doomed node beside its replacement makes one more than the most', () => {
    const scenario = scenarioOf({}, [200, 200], 3_600_000);
    const demand = runUnconstrained(scenario, 1);
    const ran = run({
      scenario,
      configured: policyOf('static', { nodeCount: 1 }),
      seed: 1,
      demand,
    });
    const { measures } = ran;
    // As if there had been two nodes full of pods, now and then.
    const runningPods = measures.series.runningPods.map((pods, k) => (k % 9 === 0 ? 14 : pods));
    const doubled = {
      ...ran,
      measures: { ...measures, series: { ...measures.series, runningPods } },
    };
    const shortage = (of: Run) =>
      clairvoyant(scenario, demand, BOOK, WAITING_PRICE, [of]).shortagePodMinutes;
    expect(shortage(ran)).toBeGreaterThan(0);
    expect(shortage(doubled)).toBeLessThan(shortage(ran) / 2);
  });
});

describe('the luck that the optimum has', () => {
  it('no node is Ready sooner after its launch, and some nearly are', () => {
    const startup = { medianSeconds: 100, p95Seconds: 150, neverJoinsPercent: 0 };
    const { world } = quietWorld(1, 1, { settings: { startup } });
    const launchedAtMs = world.nowMs;
    for (let n = 0; n < 2_000; n++) {
      launch(world);
    }
    step(world, 40);
    const sooner = workers(world)
      .slice(1)
      .map(({ readyChangedAtMs }) => readyChangedAtMs - launchedAtMs);
    const least = leastStartupMs(world.scenario.startup);
    expect(Math.min(...sooner)).toBeGreaterThanOrEqual(least);
    expect(Math.min(...sooner)).toBeLessThan(least * 1.05);
  });
});

// ================================================================ in money

describe('the clairvoyant', () => {
  interface Foreseen {
    readonly book?: PriceBook;
    readonly price?: WaitingPrice;
    readonly startSteps?: number;
    readonly nodeCountInitial?: number;
    readonly calendar?: readonly object[];
  }
  /** What it makes of demand written by hand, 7 pods to a node and up to 3 nodes. */
  function foreseen(pods: readonly number[], options: Foreseen = {}): Clairvoyant {
    const { book = BOOK, price = WAITING_PRICE, startSteps = 1 } = options;
    const { nodeCountInitial = 1, calendar = [] } = options;
    const scenario = scenarioOf({ cluster: { nodeCountInitial }, calendar });
    const demand: Demand = { ...demandOf(pods.length, 4), running: Int32Array.from(pods) };
    demand.startSteps.fill(startSteps);
    const configured = policyOf('node-fleet', { nodeCountMin: 1, nodeCountMax: 3 });
    const ran = run({ scenario, configured, seed: 1, demand });
    return clairvoyant(scenario, demand, book, price, [ran]);
  }
  /** Of techflow’s spot nodes: 30 % of ৳24,000 a month of 720 h. */
  const spotBdt = (ms: number): number => (ms * 0.3 * 24_000) / (720 * 3_600_000);
  /** 55 % of the median of 75 s, in a batch that takes 94 %: the luckiest. */
  const BOOT_MS = 75_000 * 0.55 * 0.94;

  it('pays for spot nodes from the luckiest launch on, and not for the first step', () => {
    const optimum = foreseen([7, 7, 14, 14, 7]);
    expect(optimum.costBdt).toBeCloseTo(spotBdt(4 * 15_000 + BOOT_MS + 2 * 15_000), 9);
    expect(optimum).toMatchObject({ waitingCostBdt: 0, shortagePodMinutes: 0 });
    expect(optimum.totalBdt).toBe(optimum.costBdt);
    expect([...optimum.nodes]).toEqual([1, 1, 2, 2, 1]);
  });

  it('pays for the steps in which the first pods of a node start, but for the last', () => {
    const [one, three] = [1, 3].map((startSteps) => foreseen([7, 7, 14], { startSteps }));
    expect(three.costBdt - one.costBdt).toBeCloseTo(spotBdt(2 * 15_000), 9);
  });

  it('has the nodes for nothing with which a run began', () => {
    const optimum = foreseen([21, 21, 7, 7], { nodeCountInitial: 3 });
    expect(optimum.costBdt).toBeCloseTo(spotBdt((3 + 1 + 1) * 15_000), 9);
    expect(foreseen([21, 21, 7, 7]).shortagePodMinutes).toBe(14 / 4);
  });

  it('pays for a node’s disk as long as for the node, and for the cluster all the time, nodes or none', () => {
    const book = { ...BOOK, diskMicroBdtPerMonth: 720e6, clusterMicroBdtPerMonth: 7_200e6 };
    const clusterBdt = (4 * 15_000 * 10) / 3_600_000;
    const [all, nobody] = [foreseen([7, 7, 7, 7], { book }), foreseen([0, 0, 0, 0], { book })];
    expect(all.costBdt).toBeCloseTo(spotBdt(3 * 15_000) + (3 * 15_000) / 3_600_000 + clusterBdt, 6);
    expect(nobody.costBdt).toBeCloseTo(clusterBdt, 6);
    expect(all.frontier.at(-1)?.costBdt).toBeCloseTo(clusterBdt, 6);
    expect(all.frontier[0].costBdt).toBeCloseTo(all.costBdt, 9);
  });

  it('takes nodes on demand where those are cheaper', () => {
    const dear: PriceBook = { ...BOOK, spotDiscountPercent: -50 };
    expect(foreseen([7, 7, 7], { book: dear }).costBdt).toBeCloseTo(spotBdt(30_000) / 0.3, 9);
  });

  it('is short of what no nodes allowed can hold, and prices it apart in sales', () => {
    // Steps 4 to 7 are a sale; 2 pods are above three nodes.
    const sale = { startAt: '2026-11-27T00:01:00+06:00', endAt: '2026-11-27T00:02:00+06:00' };
    const calendar = [{ name: 'sale', ...sale }];
    const price = { saleBdtPerPodMinute: 60, otherBdtPerPodMinute: 8 };
    const optimum = foreseen(new Array<number>(10).fill(23), {
      nodeCountInitial: 3,
      calendar,
      price,
    });
    expect(optimum).toMatchObject({
      shortagePodMinutes: (2 * 10) / 4,
      shortageInSalesPodMinutes: (2 * 4) / 4,
      waitingCostBdt: 2 * 60 + 3 * 8,
      totalBdt: optimum.costBdt + 2 * 60 + 3 * 8,
    });
  });

  it('buys for sales alone what is worth it in sales alone', () => {
    const sale = { startAt: '2026-11-27T00:01:00+06:00', endAt: '2026-11-27T00:02:00+06:00' };
    const pods = Array.from({ length: 10 }, () => 8);
    // One pod a step: worth more than a whole node in the sale, and less otherwise.
    const nodeBdtPerMinute = spotBdt(60_000);
    const price = {
      saleBdtPerPodMinute: 3 * nodeBdtPerMinute,
      otherBdtPerPodMinute: 0.5 * nodeBdtPerMinute,
    };
    const calendar = [{ name: 'sale', ...sale }];
    expect([...foreseen(pods, { price, calendar }).nodes]).toEqual([1, 1, 1, 1, 2, 2, 2, 2, 1, 1]);
  });

  it('comes to so many times as much when all prices do', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(30), { minLength: 2, maxLength: 20 }),
        waitingPrices,
        fc.constantFrom(2, 3, 10),
        (pods, price, factor) => {
          const once = foreseen(pods, { price });
          const scaled = foreseen(pods, {
            book: { ...BOOK, nodeMicroBdtPerMonth: BOOK.nodeMicroBdtPerMonth * factor },
            price: {
              saleBdtPerPodMinute: price.saleBdtPerPodMinute * factor,
              otherBdtPerPodMinute: price.otherBdtPerPodMinute * factor,
            },
          });
          expect(scaled.totalBdt).toBeCloseTo(once.totalBdt * factor, 9);
          expect(scaled.frontier).toHaveLength(once.frontier.length);
          scaled.frontier.forEach((point, at) => {
            const { costBdt, shortagePodMinutes } = once.frontier[at];
            expect(point.costBdt).toBeCloseTo(costBdt * factor, 9);
            expect(point.shortagePodMinutes).toBe(shortagePodMinutes);
          });
        },
      ),
      runs(30),
    );
  });
});

describe('regret', () => {
  const frontier = [
    { costBdt: 100, shortagePodMinutes: 10, waitingPriceBdtPerPodMinute: 9 },
    { costBdt: 60, shortagePodMinutes: 20, waitingPriceBdtPerPodMinute: 3 },
    { costBdt: 0, shortagePodMinutes: 80, waitingPriceBdtPerPodMinute: 0 },
  ];
  it.each([
    ['at a point of the frontier', 150, 10, 50],
    ['on the line between two', 88, 15, 10],
    ['on another line', 60, 50, 100],
    ['on the frontier itself', 80, 15, 0],
    ['where no nodes at all would do', 5, 80, null],
    ['beyond that', 5, 90, null],
  ])('%s', (_, costBdt, shortagePodMinutes, percent) => {
    const regret = regretPercent({ frontier }, costBdt, shortagePodMinutes);
    if (percent === null) {
      expect(regret).toBeNull();
    } else {
      expect(regret).toBeCloseTo(percent, 9);
    }
  });

  it('of a fleet that is just what is needed, at a price that nobody betters, is the first step alone', () => {
    // 21 pods and no traffic, at the scenario’s 7 pods a node.
    const settings = { workload: { web: { hpa: { replicasMin: 21 } } } };
    const scenario = scenarioOf(settings, [0, 0, 0, 0], 3_600_000);
    const demand = runUnconstrained(scenario, 1);
    const configured = policyOf('static', { nodeCount: 3 });
    const fitting = run({ scenario, configured, seed: 1, demand });
    const optimum = clairvoyant(
      scenario,
      demand,
      { ...BOOK, spotDiscountPercent: 0 },
      WAITING_PRICE,
      [fitting],
    );
    expect(fitting.measures.shortagePodMinutes).toBe(0);
    const { stepCount } = demand;
    expect(regretPercent(optimum, fitting.measures.costBdt, 0)).toBeCloseTo(
      100 / (stepCount - 1),
      5,
    );
  });
});
