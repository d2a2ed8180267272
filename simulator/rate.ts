/**
 * Prometheus' `rate()` and `increase()` over counters, as of version 2.42 (Debian 12).
 *
 * Source: prometheus/prometheus, promql/functions.go, extrapolatedRate. Two things changed later:
 *  - From pull request 13725 (March 2024) on, the left edge is first cut to half a sample spacing and
 *    then to the counter's zero. In 2.42 the zero comes first, and wins whenever it is nearer than
 *    1.1 spacings, even where half a spacing would be less. So for a counter that starts inside the
 *    window 2.42 may give more, by up to 0.6 spacings of increase.
 *  - From 3.0 on, a range excludes its left end. In 2.42 a sample exactly at rangeStartMs belongs to
 *    it. Which samples are in the range is the caller's matter.
 */

/** Room for jitter: a sample may come this many average spacings after the one before. */
const EXTRAPOLATION_THRESHOLD_SPACINGS = 1.1;

/**
 * The rate, or the increase, of a counter over a range, extrapolated to where the series plausibly
 * begins and ends. NaN with fewer than two samples, where Prometheus gives no element at all.
 *
 * Between samples it takes the observed increase. Outside it goes on at the same slope: to the edge
 * of the range if that is within 1.1 average spacings, else by half a spacing; never further back
 * than where the counter would have been 0. The result is then related to the whole range, so a
 * range filled to a third gives about a third of the true rate. A ratio of two rates over the same
 * sample times cancels that, as long as neither counter's zero cuts in: that one is each series' own.
 *
 * Operations and their order are those of Prometheus, in seconds, so results are the same bits.
 *
 * @param rangeStartMs evaluation time less the range; rangeEndMs is the evaluation time
 * @param firstAtMs time of the first sample in the range; lastAtMs of the last
 * @param sampleCount samples in the range, those two included
 * @param firstValue value of the first sample
 * @param increase last − first, plus what resets hide: see `counterIncrease`
 * @param isRate true for `rate`, per second; false for `increase`, over the range
 */
export function extrapolatedRate(
  rangeStartMs: number,
  rangeEndMs: number,
  firstAtMs: number,
  lastAtMs: number,
  sampleCount: number,
  firstValue: number,
  increase: number,
  isRate: boolean,
): number {
  if (sampleCount < 2) {
    return NaN;
  }

  let toStartSeconds = (firstAtMs - rangeStartMs) / 1000;
  const toEndSeconds = (rangeEndMs - lastAtMs) / 1000;
  const sampledSeconds = (lastAtMs - firstAtMs) / 1000;
  const spacingSeconds = sampledSeconds / (sampleCount - 1);

  if (increase > 0 && firstValue >= 0) {
    const toZeroSeconds = sampledSeconds * (firstValue / increase);
    if (toZeroSeconds < toStartSeconds) {
      toStartSeconds = toZeroSeconds;
    }
  }

  const thresholdSeconds = spacingSeconds * EXTRAPOLATION_THRESHOLD_SPACINGS;
  let coveredSeconds = sampledSeconds;
  coveredSeconds += toStartSeconds < thresholdSeconds ? toStartSeconds : spacingSeconds / 2;
  coveredSeconds += toEndSeconds < thresholdSeconds ? toEndSeconds : spacingSeconds / 2;

  let factor = coveredSeconds / sampledSeconds;
  if (isRate) {
    factor /= (rangeEndMs - rangeStartMs) / 1000;
  }
  return increase * factor;
}

/**
 * What a counter rose by from values[0] to values[count − 1], in the order of time. A value below the
 * one before it is a restart from 0, of which the rise up to that value is counted. 0 for fewer than
 * two values. Summed in Prometheus' order, so that it is the same bits.
 */
export function counterIncrease(values: ArrayLike<number>, count: number): number {
  if (count < 2) {
    return 0;
  }
  let increase = values[count - 1] - values[0];
  for (let index = 1; index < count; index++) {
    const before = values[index - 1];
    if (values[index] < before) {
      increase += before;
    }
  }
  return increase;
}
