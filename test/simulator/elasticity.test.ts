import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ElasticityMeter, fifthRoot, type ElasticityMetrics } from '../../simulator/elasticity.ts';

type Tick = readonly [demandNodes: number, supplyNodes: number];

const HOUR_MS = 3_600_000;

function measure(
  ticks: readonly Tick[],
  tickMs = 15_000,
  baseline?: ElasticityMetrics,
): ElasticityMetrics {
  const meter = new ElasticityMeter(tickMs);
  for (const [demandNodes, supplyNodes] of ticks) {
    meter.add(demandNodes, supplyNodes);
  }
  return meter.result(baseline);
}

const PERFECT: ElasticityMetrics = {
  underProvisioningAccuracyPercent: 0,
  overProvisioningAccuracyPercent: 0,
  underProvisioningTimesharePercent: 0,
  overProvisioningTimesharePercent: 0,
  instabilityPercent: 0,
  jitterPerHour: 0,
  underProvisionedNodesMean: 0,
  overProvisionedNodesMean: 0,
  deviation: 0,
  elasticSpeedup: null,
};

/**
 * Ten ticks of 6 minutes: one hour.
 * d  4 4 8 8 8 5 5 5 2 2
 * s  4 4 4 6 8 8 5 5 5 2
 */
const DEMAND = [4, 4, 8, 8, 8, 5, 5, 5, 2, 2];
const SUPPLY = [4, 4, 4, 6, 8, 8, 5, 5, 5, 2];
const EXAMPLE: readonly Tick[] = DEMAND.map((demandNodes, tick) => [demandNodes, SUPPLY[tick]]);

describe('an hour reckoned by hand', () => {
  const example = (): ElasticityMetrics => measure(EXAMPLE, 6 * 60_000);

  test('accuracies, relative to demand', () => {
    // Under: 4/8 + 2/8 = 0.75 of 10 ticks. Over: 3/5 + 3/2 = 2.1 of 10.
    expect(example().underProvisioningAccuracyPercent).toBeCloseTo(7.5, 12);
    expect(example().overProvisioningAccuracyPercent).toBeCloseTo(21, 12);
  });

  test('accuracies in nodes', () => {
    // 4 + 2, and 3 + 3.
    expect(example().underProvisionedNodesMean).toBeCloseTo(0.6, 12);
    expect(example().overProvisionedNodesMean).toBeCloseTo(0.6, 12);
  });

  test('timeshares', () => {
    expect(example().underProvisioningTimesharePercent).toBe(20);
    expect(example().overProvisioningTimesharePercent).toBe(20);
  });

  test('instability', () => {
    // Steps of d:  0 + 0 0 - 0 0 - 0
    // Steps of s:  0 0 + + 0 - 0 0 -
    // They differ:   x x x x x   x x  at 7 of 9.
    expect(example().instabilityPercent).toBeCloseTo(700 / 9, 12);
  });

  test('jitter', () => {
    // 4 changes of supply, 3 of demand, in an hour.
    expect(example().jitterPerHour).toBe(1);
  });

  test('deviation', () => {
    // 7.5⁵ + 21⁵ + 2 × 20⁵ + 77.777…⁵ ≈ 23,730 + 4,084,101 + 6,400,000 + 2,846,280,000 = 2,856,788,000
    const { deviation } = example();
    expect(deviation).toBeCloseTo(
      (7.5 ** 5 + 21 ** 5 + 2 * 20 ** 5 + (700 / 9) ** 5) ** (1 / 5),
      9,
    );
    expect(deviation).toBeCloseTo(77.8351, 3);
  });
});

describe('each tick', () => {
  test('without demand adds time and surplus nodes, but no accuracy', () => {
    const result = measure([
      [0, 3],
      [2, 3],
    ]);
    expect(result.overProvisioningAccuracyPercent).toBe(25);
    expect(result.overProvisioningTimesharePercent).toBe(100);
    expect(result.overProvisionedNodesMean).toBe(2);
  });

  test('without supply is 100 % short', () => {
    expect(measure([[5, 0]]).underProvisioningAccuracyPercent).toBe(100);
  });

  test.each<[string, Tick, number]>([
    ['both rise', [6, 9], 0],
    ['both fall', [3, 1], 0],
    ['both stay', [5, 5], 0],
    ['only demand rises', [6, 5], 100],
    ['only demand falls', [4, 5], 100],
    ['only supply rises', [5, 6], 100],
    ['only supply falls', [5, 4], 100],
    ['they part', [6, 4], 100],
  ])('is stable or not: %s', (_, second, instabilityPercent) => {
    expect(measure([[5, 5], second]).instabilityPercent).toBe(instabilityPercent);
  });
});

test('before the first tick all is 0, and a single one has no steps', () => {
  expect(measure([])).toEqual(PERFECT);
  expect(measure([[3, 4]]).instabilityPercent).toBe(0);
  expect(measure([[3, 4]]).jitterPerHour).toBe(0);
});

test.each([0, -1, NaN])('a tick of %d ms is refused', (tickMs) => {
  expect(() => new ElasticityMeter(tickMs)).toThrow(RangeError);
});

describe('the elastic speedup', () => {
  test('is 1 against itself, and null without a baseline', () => {
    const result = measure(EXAMPLE);
    expect(result.elasticSpeedup).toBeNull();
    expect(measure(EXAMPLE, 15_000, result).elasticSpeedup).toBeCloseTo(1, 12);
  });

  test('is the geometric mean of the ratios, baseline over policy', () => {
    const baseline: ElasticityMetrics = {
      ...PERFECT,
      underProvisioningAccuracyPercent: 7.5 * 2,
      overProvisioningAccuracyPercent: 21 * 3,
      underProvisioningTimesharePercent: 20,
      overProvisioningTimesharePercent: 20 / 4,
      instabilityPercent: (700 / 9) * 5,
    };
    // (2 × 3 × 1 × ¼ × 5)^(1/5) = 7.5^(1/5)
    expect(measure(EXAMPLE, 15_000, baseline).elasticSpeedup).toBeCloseTo(7.5 ** (1 / 5), 12);
  });

  test('counts a perfect metric as 0.01 %', () => {
    // Supply is one node short in one of two ticks, in step: 50 % and 25 % against 0.01 %.
    const worse = measure([
      [2, 1],
      [3, 3],
    ]);
    const perfect = measure([[2, 2]], 15_000, worse).elasticSpeedup;
    expect(perfect).toBeCloseTo((2500 * 5000) ** (1 / 5), 8);
    expect(measure([[2, 2]], 15_000, PERFECT).elasticSpeedup).toBe(1);
  });
});

describe('fifthRoot', () => {
  test.each([
    [1, 1],
    [32, 2],
    [243, 3],
    [100_000, 10],
    [1e-5, 0.1],
    [1 / 32, 0.5],
  ])('of %d is %d', (value, root) => {
    expect(fifthRoot(value)).toBeCloseTo(root, 14);
  });

  test('is exact at powers of 32', () => {
    expect([fifthRoot(1), fifthRoot(32), fifthRoot(1024), fifthRoot(1 / 32)]).toEqual([
      1, 2, 4, 0.5,
    ]);
  });

  test.each([0, -1, NaN, Infinity])('refuses %d', (value) => {
    expect(() => fifthRoot(value)).toThrow(RangeError);
  });

  test('agrees with the power function and rises with its argument', () => {
    const anyValue = fc.double({ min: 1e-300, max: 1e300, noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(fifthRoot(value) / value ** 0.2).toBeCloseTo(1, 13);
        expect(fifthRoot(value * 1.000001)).toBeGreaterThan(fifthRoot(value));
      }),
    );
  });
});

describe('over any run', () => {
  const anyNodes = fc.integer({ min: 0, max: 20 });
  const anyTicks = fc.array(fc.tuple(anyNodes, anyNodes), { minLength: 1, maxLength: 100 });
  /** What holding each tick for longer leaves as it is. */
  const shares = (metrics: ElasticityMetrics): number[] => [
    metrics.underProvisioningAccuracyPercent,
    metrics.overProvisioningAccuracyPercent,
    metrics.underProvisioningTimesharePercent,
    metrics.overProvisioningTimesharePercent,
    metrics.underProvisionedNodesMean,
    metrics.overProvisionedNodesMean,
  ];

  test('supply equal to demand is perfect', () => {
    fc.assert(
      fc.property(fc.array(anyNodes, { maxLength: 100 }), (nodes) => {
        expect(measure(nodes.map((count): Tick => [count, count]))).toEqual(PERFECT);
      }),
    );
  });

  test('constant demand and supply are stable, without jitter', () => {
    fc.assert(
      fc.property(anyNodes, anyNodes, fc.integer({ min: 1, max: 50 }), (demand, supply, count) => {
        const result = measure(Array.from({ length: count }, (): Tick => [demand, supply]));
        expect(result.instabilityPercent).toBe(0);
        expect(result.jitterPerHour).toBe(0);
      }),
    );
  });

  test('each tick held k times as long leaves accuracies and timeshares as they are', () => {
    fc.assert(
      fc.property(anyTicks, fc.integer({ min: 2, max: 5 }), (ticks, times) => {
        const held = ticks.flatMap((tick) => Array.from({ length: times }, () => tick));
        const expected = shares(measure(ticks));
        for (const [index, share] of shares(measure(held)).entries()) {
          // Sums of fractions round by how many there are.
          expect(share).toBeCloseTo(expected[index], 8);
        }
      }),
    );
  });

  test('the length of a tick changes the jitter alone, in inverse proportion', () => {
    fc.assert(
      fc.property(anyTicks, fc.integer({ min: 2, max: 100 }), (ticks, times) => {
        const short = measure(ticks, HOUR_MS / 1000);
        const long = measure(ticks, (HOUR_MS / 1000) * times);
        expect({ ...long, jitterPerHour: 0 }).toEqual({ ...short, jitterPerHour: 0 });
        expect(long.jitterPerHour * times).toBeCloseTo(short.jitterPerHour, 8);
      }),
    );
  });

  test('demand and supply exchanged exchange all that has no divisor', () => {
    fc.assert(
      fc.property(anyTicks, (ticks) => {
        const one = measure(ticks);
        const other = measure(ticks.map(([demand, supply]): Tick => [supply, demand]));
        expect(other.underProvisionedNodesMean).toBe(one.overProvisionedNodesMean);
        expect(other.overProvisionedNodesMean).toBe(one.underProvisionedNodesMean);
        expect(other.underProvisioningTimesharePercent).toBe(one.overProvisioningTimesharePercent);
        expect(other.overProvisioningTimesharePercent).toBe(one.underProvisioningTimesharePercent);
        expect(other.instabilityPercent).toBe(one.instabilityPercent);
        expect(other.jitterPerHour + one.jitterPerHour).toBe(0);
      }),
    );
  });

  test('shares stay within what is possible', () => {
    fc.assert(
      fc.property(anyTicks, (ticks) => {
        const result = measure(ticks);
        const outOfStep =
          result.underProvisioningTimesharePercent + result.overProvisioningTimesharePercent;
        expect(outOfStep).toBeLessThanOrEqual(100 + 1e-9);
        expect(result.underProvisioningAccuracyPercent).toBeLessThanOrEqual(
          result.underProvisioningTimesharePercent + 1e-9,
        );
        expect(result.instabilityPercent).toBeLessThanOrEqual(100);
        // A p-norm lies between the largest of the five and their sum.
        const five = [
          result.underProvisioningAccuracyPercent,
          result.overProvisioningAccuracyPercent,
          result.underProvisioningTimesharePercent,
          result.overProvisioningTimesharePercent,
          result.instabilityPercent,
        ];
        expect(result.deviation).toBeGreaterThanOrEqual(Math.max(...five) * (1 - 1e-12));
        expect(result.deviation).toBeLessThanOrEqual(
          five.reduce((sum, value) => sum + value, 0) + 1e-9,
        );
      }),
    );
  });
});
