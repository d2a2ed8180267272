/**
 * Named streams of random numbers, split from one seed.
 *
 * A stream depends on the seed and its own names only, never on which other streams exist, in what
 * order they were made or how much was drawn from them. So two policies on one seed meet the same
 * luck, and a new consumer of randomness changes nobody else's.
 */

/** A source of random numbers. Drawing advances it. */
export interface RandomStream {
  /** An integer, uniform in [0, 2^32). */
  nextUint32(): number;
  /** A number, uniform in [0, 1), a multiple of 2^-32. */
  nextUnit(): number;
  /**
   * An integer, uniform in [0, exclusiveMax), for an integer exclusiveMax from 1 to 2^32; anything
   * else is a RangeError. Uses exactly one draw; the bias is below exclusiveMax / 2^32.
   */
  nextInt(exclusiveMax: number): number;
}

/** One point of an inverse CDF: a share pUnit of the values are at or below value. */
export type QuantilePoint = readonly [pUnit: number, value: number];

const TWO_TO_THE_32 = 4294967296;

/**
 * The stream called `names` under `seed`, at its beginning: equal arguments give equal numbers, and
 * any difference (in the order of the names, or between 1 and '1') gives an unrelated stream.
 *
 * The generator is sfc32 (Doty-Humphrey, PractRand), started from the 128-bit hash cyrb128 and
 * warmed up by 12 draws, as PractRand does. Seed and number names are safe integers; anything else
 * is a RangeError.
 */
export function stream(seed: number, ...names: readonly (string | number)[]): RandomStream {
  for (const part of [seed, ...names]) {
    if (typeof part === 'number' && !Number.isSafeInteger(part)) {
      throw new RangeError(
        `A seed or number name of a random stream is a safe integer, not ${String(part)}.`,
      );
    }
  }
  // JSON keeps ['a', 'b'], ['ab'] and ['a,b'] apart, and 1 from '1'.
  let [a, b, c, counter] = cyrb128(JSON.stringify([seed, ...names]));

  const nextUint32 = (): number => {
    const drawn = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + drawn) | 0;
    return drawn >>> 0;
  };
  for (let draw = 0; draw < 12; draw++) {
    nextUint32();
  }

  return {
    nextUint32,
    nextUnit: () => nextUint32() / TWO_TO_THE_32,
    nextInt: (exclusiveMax) => {
      if (!Number.isInteger(exclusiveMax) || exclusiveMax < 1 || exclusiveMax > TWO_TO_THE_32) {
        throw new RangeError(
          `nextInt needs an integer from 1 to 2^32, not ${String(exclusiveMax)}.`,
        );
      }
      // At most (1 - 2^-32) × exclusiveMax, which is below exclusiveMax by far more than a rounding error.
      return Math.floor((nextUint32() / TWO_TO_THE_32) * exclusiveMax);
    },
  };
}

/**
 * The value at `unit` of the distribution drawn by `table`, straight lines between its points: with
 * unit from `nextUnit()`, a draw from it. Stands in for lognormal and its kin, whose exp and log
 * differ between runtimes.
 *
 * The table's pUnit ascend, usually from 0 to 1; a unit before the first point or after the last
 * has that point's value. A RangeError when the table is empty or does not ascend as far as it is
 * read.
 */
export function quantile(table: readonly QuantilePoint[], unit: number): number {
  if (table.length === 0) {
    throw new RangeError('A quantile table needs at least one point.');
  }
  let [pBefore, valueBefore] = table[0];
  if (unit <= pBefore) {
    return valueBefore;
  }
  for (let at = 1; at < table.length; at++) {
    const [p, value] = table[at];
    if (!(p > pBefore)) {
      throw new RangeError(
        `A quantile table ascends, but ${String(p)} follows ${String(pBefore)}.`,
      );
    }
    if (unit <= p) {
      return valueBefore + ((value - valueBefore) * (unit - pBefore)) / (p - pBefore);
    }
    pBefore = p;
    valueBefore = value;
  }
  return valueBefore;
}

/**
 * bryc's cyrb128: a MurmurHash3-like mix of a string's UTF-16 code units into four 32-bit words.
 */
function cyrb128(text: string): [number, number, number, number] {
  let h1 = 1779033703;
  let h2 = 3144134277;
  let h3 = 1013904242;
  let h4 = 2773480762;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    h1 = h2 ^ Math.imul(h1 ^ unit, 597399067);
    h2 = h3 ^ Math.imul(h2 ^ unit, 2869860233);
    h3 = h4 ^ Math.imul(h3 ^ unit, 951274213);
    h4 = h1 ^ Math.imul(h4 ^ unit, 2716044179);
  }
  h1 = Math.imul(h3 ^ (h1 >>> 18), 597399067);
  h2 = Math.imul(h4 ^ (h2 >>> 22), 2869860233);
  h3 = Math.imul(h1 ^ (h3 >>> 17), 951274213);
  h4 = Math.imul(h2 ^ (h4 >>> 19), 2716044179);
  h1 ^= h2 ^ h3 ^ h4;
  return [h1 | 0, (h2 ^ h1) | 0, (h3 ^ h1) | 0, (h4 ^ h1) | 0];
}
