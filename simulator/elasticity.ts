/**
 * How closely supply followed demand: the elasticity metrics of the SPEC Research Group (Herbst et
 * al., "Ready for Rain? A View from SPEC Research on the Future of Cloud Metrics", SPEC-RG-2016-01;
 * collected in field.md, section 2b).
 *
 * Per tick, demand d is the fewest nodes that all schedulable pods fit on, supply s the workers that
 * are Ready and schedulable. Both accuracies divide by the demand, as SPEC does. (Ilyushkin et al.,
 * ICPE 2017, divide over-provisioning by the supply, which is never above 100 %; not comparable.) A
 * tick without demand has no accuracy and adds 0 to both, though its time counts; its surplus shows
 * in the timeshare and in overProvisionedNodesMean.
 */

/** Metrics that enter the deviation and the speedup, in this order; their number is the norm's p. */
const NORM_METRICS = [
  'underProvisioningAccuracyPercent',
  'overProvisioningAccuracyPercent',
  'underProvisioningTimesharePercent',
  'overProvisioningTimesharePercent',
  'instabilityPercent',
] as const;

/** A metric below this, perfect ones included, counts as this in the speedup, which divides by it. */
const SPEEDUP_FLOOR_PERCENT = 0.01;

const MS_PER_HOUR = 3_600_000;

/** All 0 is a perfect autoscaler; jitter may be below 0. */
export interface ElasticityMetrics {
  /** θ_U: mean of max(d − s, 0) ÷ d. */
  readonly underProvisioningAccuracyPercent: number;
  /** θ_O: mean of max(s − d, 0) ÷ d; may be above 100. */
  readonly overProvisioningAccuracyPercent: number;
  /** τ_U: share of the ticks with s < d. */
  readonly underProvisioningTimesharePercent: number;
  /** τ_O: share of the ticks with s > d. */
  readonly overProvisioningTimesharePercent: number;
  /** υ: share of the ticks, from the second on, in which d and s do not both rise, fall or stay. */
  readonly instabilityPercent: number;
  /** Changes of supply less changes of demand, an hour: above 0 restless, below 0 sluggish. */
  readonly jitterPerHour: number;
  /** Mean of max(d − s, 0), without a divisor. */
  readonly underProvisionedNodesMean: number;
  /** Mean of max(s − d, 0), without a divisor. */
  readonly overProvisionedNodesMean: number;
  /** σ: the 5-norm of θ_U, θ_O, τ_U, τ_O and υ. 0 is the theoretical optimum. */
  readonly deviation: number;
  /**
   * Geometric mean of baseline ÷ this over the same five, equal weights: above 1 is better than the
   * baseline. A metric below 0.01 % counts as 0.01 %. Null without a baseline.
   */
  readonly elasticSpeedup: number | null;
}

/** Collects one run, tick by tick, in constant space. */
export class ElasticityMeter {
  private readonly tickMs: number = 0;
  private tickCount = 0;
  private underTicks = 0;
  private overTicks = 0;
  private unstableTicks = 0;
  private demandChanges = 0;
  private supplyChanges = 0;
  private underNodes = 0;
  private overNodes = 0;
  private underShare = 0;
  private overShare = 0;
  private lastDemandNodes = 0;
  private lastSupplyNodes = 0;

  /** @param tickMs length of every tick; only jitterPerHour depends on it */
  constructor(tickMs: number) {
    if (!(tickMs > 0)) {
      throw new RangeError(`A tick is longer than 0 ms, not ${String(tickMs)}.`);
    }
    this.tickMs = tickMs;
  }

  /** One tick: whole nodes, from 0. */
  add(demandNodes: number, supplyNodes: number): void {
    const missingNodes = demandNodes - supplyNodes;
    if (missingNodes > 0) {
      this.underTicks += 1;
      this.underNodes += missingNodes;
      this.underShare += missingNodes / demandNodes;
    } else if (missingNodes < 0) {
      this.overTicks += 1;
      this.overNodes -= missingNodes;
      if (demandNodes > 0) {
        this.overShare -= missingNodes / demandNodes;
      }
    }
    if (this.tickCount > 0) {
      const demandStep = demandNodes - this.lastDemandNodes;
      const supplyStep = supplyNodes - this.lastSupplyNodes;
      if (demandStep !== 0) {
        this.demandChanges += 1;
      }
      if (supplyStep !== 0) {
        this.supplyChanges += 1;
      }
      if (demandStep > 0 !== supplyStep > 0 || demandStep < 0 !== supplyStep < 0) {
        this.unstableTicks += 1;
      }
    }
    this.lastDemandNodes = demandNodes;
    this.lastSupplyNodes = supplyNodes;
    this.tickCount += 1;
  }

  /**
   * The metrics of the ticks so far; all 0 before the first.
   * @param baseline the run to compare with, such as that of a fixed number of nodes on this trace
   */
  result(baseline?: ElasticityMetrics): ElasticityMetrics {
    const ticks = this.tickCount > 0 ? this.tickCount : 1;
    const steps = this.tickCount > 1 ? this.tickCount - 1 : 1;
    const metrics = {
      underProvisioningAccuracyPercent: (100 * this.underShare) / ticks,
      overProvisioningAccuracyPercent: (100 * this.overShare) / ticks,
      underProvisioningTimesharePercent: (100 * this.underTicks) / ticks,
      overProvisioningTimesharePercent: (100 * this.overTicks) / ticks,
      instabilityPercent: (100 * this.unstableTicks) / steps,
      jitterPerHour:
        ((this.supplyChanges - this.demandChanges) * MS_PER_HOUR) / (ticks * this.tickMs),
      underProvisionedNodesMean: this.underNodes / ticks,
      overProvisionedNodesMean: this.overNodes / ticks,
    };
    const five = NORM_METRICS.map((name) => metrics[name]);
    return {
      ...metrics,
      deviation: fiveNorm(five),
      elasticSpeedup:
        baseline === undefined
          ? null
          : geometricMeanRatio(
              NORM_METRICS.map((name) => baseline[name]),
              five,
            ),
    };
  }
}

/** (Σ v⁵)^(1/5) of values from 0; scaled by the largest, so that powers neither overflow nor vanish. */
function fiveNorm(values: readonly number[]): number {
  const largest = values.reduce((max, value) => (value > max ? value : max), 0);
  if (largest === 0) {
    return 0;
  }
  const sum = values.reduce((total, value) => total + fifthPower(value / largest), 0);
  return largest * fifthRoot(sum);
}

/** (Π numerator ÷ denominator)^(1/5) of five pairs, each at least SPEEDUP_FLOOR_PERCENT. */
function geometricMeanRatio(
  numerators: readonly number[],
  denominators: readonly number[],
): number {
  let product = 1;
  for (let index = 0; index < numerators.length; index++) {
    product *= atLeastFloor(numerators[index]) / atLeastFloor(denominators[index]);
  }
  return fifthRoot(product);
}

function atLeastFloor(percent: number): number {
  return percent > SPEEDUP_FLOOR_PERCENT ? percent : SPEEDUP_FLOOR_PERCENT;
}

function fifthPower(value: number): number {
  const square = value * value;
  return square * square * value;
}

/**
 * The fifth root of a finite number above 0, by Newton's method, in operations that are the same in
 * every JavaScript engine, which Math.pow is not. Powers of 32 = 2⁵ are taken out first, exactly. From
 * above the root the iterates fall until rounding stops them, so it ends, within 2 units in the last
 * place.
 */
export function fifthRoot(value: number): number {
  if (!(value > 0 && value < Infinity)) {
    throw new RangeError(`fifthRoot takes a finite number above 0, not ${String(value)}.`);
  }
  let rest = value;
  let scale = 1;
  while (rest >= 32) {
    rest /= 32;
    scale *= 2;
  }
  while (rest < 1) {
    rest *= 32;
    scale /= 2;
  }
  // The root of rest is in [1, 2).
  let root = 2;
  for (;;) {
    const square = root * root;
    const next = (4 * root + rest / (square * square)) / 5;
    if (next >= root) {
      return root * scale;
    }
    root = next;
  }
}
