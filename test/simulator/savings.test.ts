import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PRICE_BOOKS, type PriceBook } from '../../simulator/prices/index.ts';
import { awsApSoutheast1 } from '../../simulator/prices/aws-ap-southeast-1.ts';
import { techflow } from '../../simulator/prices/techflow.ts';
import { run } from '../../simulator/run.ts';
import { billBy, savingsAgainst } from '../../simulator/savings.ts';
import type { Bill, Measures } from '../../simulator/score.ts';
import { runs } from '../properties/arbitraries.ts';
import { HOUR_MS, policyOf, scenarioOf } from './build.ts';

const real = run({ scenario: scenarioOf(), configured: policyOf('static'), seed: 1 }).measures;

/** Measures of a run of 10 hours that cost this by one book. */
function spent(
  prices: PriceBook,
  onDemandHours: number,
  spotHours: number,
  lines: Partial<Bill['costBreakdownBdt']> = {},
): Measures {
  const perHour = prices.nodeMicroBdtPerMonth / 1e6 / 720;
  const costBreakdownBdt = {
    onDemandNodes: onDemandHours * perHour,
    spotNodes: (spotHours * perHour * (100 - prices.spotDiscountPercent)) / 100,
    disks: 0,
    surplusCredits: 0,
    cluster: 0,
    autoscaler: 0,
    ...lines,
  };
  const costBdt = Object.values(costBreakdownBdt).reduce((a, b) => a + b, 0);
  const bill = { prices: prices.name, costBdt, waivedBdt: 0, costBreakdownBdt };
  const nodeHours = { onDemand: onDemandHours, spot: spotHours };
  return { ...real, durationMs: 10 * HOUR_MS, nodeHours, ...bill, bills: [bill] };
}
/** Five nodes for 10 hours at ৳33.33: ৳1,666.67. */
const five = spent(techflow, 50, 0);

describe('what a run saves against five static nodes', () => {
  it('is nothing for five static nodes', () => {
    const { percent, split, sameSpotMixPercent } = savingsAgainst(five, five, techflow);
    expect([percent, split.fewerNodes, split.spot, sameSpotMixPercent]).toEqual([0, 0, 0, 0]);
    expect(split.overhead).toBeCloseTo(0, 9);
  });

  it('comes from fewer nodes, cheaper ones, less the autoscaler', () => {
    // Of 50 node-hours 20 on demand and 10 spot: 20 fewer are 40 %, 10 at 70 % off are 14 %; ৳13.89 of ৳1,666.67 are 0.83 %.
    const saved = savingsAgainst(
      five,
      spent(techflow, 20, 10, { autoscaler: 1000 / 72 }),
      techflow,
    );
    expect(saved.split.fewerNodes).toBeCloseTo(40, 9);
    expect(saved.split.spot).toBeCloseTo(14, 9);
    expect(saved.split.overhead).toBeCloseTo(-0.83333333, 7);
    expect(saved.percent).toBeCloseTo(53.1666667, 7);
  });

  it('is below nothing when a run costs more', () => {
    const { percent, split } = savingsAgainst(five, spent(techflow, 100, 0), techflow);
    expect(split.fewerNodes).toBeCloseTo(-100, 9);
    expect(percent).toBeCloseTo(-100, 9);
  });

  it('beside five nodes with as much spot is what scaling alone is worth', () => {
    // A third of the hours on spot at 70 % off: five nodes would cost 1,666.67 × (1 − 0.7 ÷ 3) = ৳1,277.78, the run ৳766.67.
    const { sameSpotMixPercent } = savingsAgainst(five, spent(techflow, 20, 10), techflow);
    expect(sameSpotMixPercent).toBeCloseTo(100 * (1 - 766.6667 / 1277.7778), 4);
  });

  it('of five nodes that only went to spot is spot’s alone', () => {
    const { percent, split, sameSpotMixPercent } = savingsAgainst(
      five,
      spent(techflow, 10, 40),
      techflow,
    );
    expect(percent).toBeCloseTo(56, 9);
    expect(split.spot).toBeCloseTo(56, 9);
    expect(split.fewerNodes).toBeCloseTo(0, 9);
    expect(sameSpotMixPercent).toBeCloseTo(0, 9);
  });

  it('counts disks and surplus credits with the nodes, and what both pay not at all', () => {
    const before = spent(techflow, 50, 0, { disks: 100, surplusCredits: 40, cluster: 500 });
    const after = spent(techflow, 20, 0, { disks: 40, surplusCredits: 90, cluster: 500 });
    // ৳1,000 of nodes, ৳60 of disks, less ৳50 more of surplus, of ৳2,306.67.
    const { percent, split } = savingsAgainst(before, after, techflow);
    expect(percent).toBeCloseTo((100 * 1010) / 2306.6667, 4);
    expect(split.fewerNodes).toBeCloseTo(percent, 9);
    expect(split.spot).toBe(0);
    expect(split.overhead).toBeCloseTo(0, 9);
  });

  it('is split into parts that add up to it, whatever was spent, by every book', () => {
    const hours = fc.integer({ min: 0, max: 200 });
    const bdt = fc.integer({ min: 0, max: 5000 });
    fc.assert(
      fc.property(
        fc.constantFrom(techflow, awsApSoutheast1),
        hours,
        hours,
        fc.record({ disks: bdt, surplusCredits: bdt, autoscaler: bdt }),
        (book, onDemand, spot, lines) => {
          const before = spent(book, 50, 0, { surplusCredits: 70, cluster: 300 });
          const after = spent(book, onDemand, spot, { cluster: 300, ...lines });
          const { percent, split, sameSpotMixPercent } = savingsAgainst(before, after, book);
          expect(split.fewerNodes + split.spot + split.overhead).toBeCloseTo(percent, 9);
          // A baseline with spot is cheaper, so that less is saved against it.
          expect(sameSpotMixPercent).toBeLessThanOrEqual(percent + 1e-9);
        },
      ),
      runs(100),
    );
  });

  it('of a real run is split by its hours', () => {
    const scenario = scenarioOf({}, [100, 500, 100, 50], HOUR_MS / 2);
    const measuresOf = (name: string): Measures =>
      run({ scenario, configured: policyOf(name), seed: 1 }).measures;
    const [baseline, measures] = [measuresOf('static'), measuresOf('node-fleet')];
    const { onDemand, spot } = measures.nodeHours;
    for (const book of PRICE_BOOKS) {
      const saved = savingsAgainst(baseline, measures, book);
      const { split } = saved;
      expect(split.fewerNodes + split.spot + split.overhead).toBeCloseTo(saved.percent, 9);
      expect(split.spot).toBeGreaterThan(0);
      const [before, after] = [billBy(baseline, book), billBy(measures, book)];
      expect(saved.percent).toBeCloseTo(100 * (1 - after.costBdt / before.costBdt), 9);
    }
    // All-inclusive: 10 node-hours in all two hours.
    const { split } = savingsAgainst(baseline, measures, techflow);
    expect(split.fewerNodes).toBeCloseTo(100 * (1 - (onDemand + spot) / 10), 2);
  });

  it('cannot be told by a book that there is no bill by', () => {
    expect(() => savingsAgainst(five, five, awsApSoutheast1)).toThrow(RangeError);
  });
});
