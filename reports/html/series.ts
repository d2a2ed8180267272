/** A line over time, by where it changes; between two points it stays as it was, within a bucket it was low and high. */
export interface Line {
  /** Steps, rising. */
  readonly at: readonly number[];
  readonly low: readonly number[];
  readonly high: readonly number[];
  /** How many steps a point stands for; 1: every change is told. */
  readonly bucketSteps: number;
}

/** More points than a screen has columns are not seen. */
export const POINTS_MAX = 3_000;

/**
 * A series that holds its value from step to step, in at most `pointsMax` points: every change where there are no more of them;
 * otherwise the lowest and the highest of equal buckets, so that no spike is lost and none is made up.
 */
export function lineOf(values: ArrayLike<number>, pointsMax = POINTS_MAX): Line {
  const at: number[] = [];
  for (let k = 0; k < values.length && at.length <= pointsMax; k++) {
    if (k === 0 || values[k] !== values[k - 1]) {
      at.push(k);
    }
  }
  if (at.length <= pointsMax) {
    const level = at.map((k) => values[k]);
    return { at, low: level, high: level, bucketSteps: 1 };
  }
  const bucketSteps = Math.ceil(values.length / pointsMax);
  const buckets = Math.ceil(values.length / bucketSteps);
  const line = { at: [] as number[], low: [] as number[], high: [] as number[], bucketSteps };
  for (let bucket = 0; bucket < buckets; bucket++) {
    const from = bucket * bucketSteps;
    const to = Math.min(values.length, from + bucketSteps);
    let [low, high] = [values[from], values[from]];
    for (let k = from + 1; k < to; k++) {
      low = Math.min(low, values[k]);
      high = Math.max(high, values[k]);
    }
    line.at.push(from);
    line.low.push(low);
    line.high.push(high);
  }
  return line;
}

/** A stretch in which more was needed than was there. */
export interface Gap {
  readonly fromStep: number;
  readonly toStep: number;
  readonly there: number;
  readonly needed: number;
}

/**
 * The stretches in which more was needed than was there; neighbours of the same two numbers are one. Where there are more than
 * `gapsMax`, the deepest of each of so many equal buckets.
 */
export function gapsOf(
  needed: ArrayLike<number>,
  there: ArrayLike<number>,
  gapsMax = POINTS_MAX,
): readonly Gap[] {
  const gaps: Gap[] = [];
  let from = 0;
  for (let k = 1; k <= needed.length; k++) {
    if (k < needed.length && needed[k] === needed[from] && there[k] === there[from]) {
      continue;
    }
    if (needed[from] > there[from]) {
      gaps.push({ fromStep: from, toStep: k, there: there[from], needed: needed[from] });
    }
    from = k;
  }
  if (gaps.length <= gapsMax) {
    return gaps;
  }
  const deepest = new Map<number, Gap>();
  for (const gap of gaps) {
    const bucket = Math.floor((gap.fromStep * gapsMax) / needed.length);
    const before = deepest.get(bucket);
    if (before === undefined || gap.needed - gap.there > before.needed - before.there) {
      deepest.set(bucket, gap);
    }
  }
  return [...deepest.values()];
}
