import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  fillSteps,
  gapRows,
  makeTrace,
  multiply,
  peakRequestsPerSecond,
  scaleToPeak,
  slice,
  TraceError,
  type Trace,
  type TraceProblem,
} from '../../simulator/trace.ts';

const MINUTE = 60_000;

/** A trace with a row a minute, from 0. */
const minutes = (...rates: number[]): Trace =>
  rows(...rates.map((rate, at) => [at, rate] as const));

/** A trace of [minute, rate]. */
const rows = (...pairs: (readonly [minute: number, rate: number])[]): Trace =>
  makeTrace(
    'test',
    Float64Array.from(pairs, ([minute]) => minute * MINUTE),
    Float64Array.from(pairs, ([, rate]) => rate),
  );

const problemOf = (act: () => unknown): TraceProblem | null => {
  try {
    act();
  } catch (error) {
    if (error instanceof TraceError) {
      return error.problem;
    }
    throw error;
  }
  return null;
};

/** What the header of trace.ts promises, at one instant. */
const rateAt = (trace: Trace, ms: number): number => {
  const { atMs, requestsPerSecond, stepMs } = trace;
  const row = Math.max(0, atMs.filter((at) => at <= ms).length - 1);
  const heldMs = atMs[row] + stepMs;
  const isGap = row + 1 < atMs.length && atMs[row + 1] - atMs[row] > 1.5 * stepMs;
  if (!isGap || ms < heldMs) {
    return requestsPerSecond[row];
  }
  const share = (ms - heldMs) / (atMs[row + 1] - heldMs);
  return requestsPerSecond[row] * (1 - share) + requestsPerSecond[row + 1] * share;
};

/** Rows in whole seconds, some far apart, and rates. */
const anyTrace = fc
  .array(
    fc.record({
      spacing: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 40 })),
      rate: fc.integer({ min: 0, max: 1000 }),
    }),
    { minLength: 2, maxLength: 30 },
  )
  .map((drawn) => {
    let second = 100;
    const atMs = drawn.map(({ spacing }) => (second += spacing) * 1000);
    const rates = drawn.map(({ rate }) => rate);
    return makeTrace('any', Float64Array.from(atMs), Float64Array.from(rates));
  });

describe('makeTrace', () => {
  it('ends one median spacing after its last row', () => {
    const trace = rows([10, 1], [11, 1], [12, 1], [17, 1]);
    expect(trace.stepMs).toBe(MINUTE);
    expect([trace.startAtMs, trace.endAtMs]).toEqual([10 * MINUTE, 18 * MINUTE]);
  });

  it('takes the median by size, not by text', () => {
    expect(rows([0, 1], [2, 1], [4, 1], [14, 1], [15, 1], [115, 1]).stepMs).toBe(2 * MINUTE);
  });

  it('refuses rows that are no trace', () => {
    expect(problemOf(() => minutes(1))).toBe('too-few-rows');
    expect(problemOf(() => makeTrace('x', new Float64Array(2), new Float64Array(3)))).toBe(
      'too-few-rows',
    );
    expect(problemOf(() => rows([0, 1], [1, 1], [1, 1]))).toBe('not-ascending');
    expect(problemOf(() => rows([1, 1], [0, 1]))).toBe('not-ascending');
    expect(problemOf(() => rows([0, 1], [NaN, 1]))).toBe('not-ascending');
    for (const rate of [-1, NaN, Infinity]) {
      expect(problemOf(() => minutes(rate, 1))).toBe('not-a-rate');
      expect(problemOf(() => minutes(1, rate))).toBe('not-a-rate');
    }
  });
});

describe('gapRows', () => {
  it('names the rows before a spacing of more than 1.5 medians', () => {
    expect(gapRows(rows([0, 1], [1, 1], [2, 1], [3.5, 1], [4.5, 1]))).toEqual([]);
    expect(gapRows(rows([0, 1], [1, 1], [2.6, 1], [3.6, 1], [9, 1], [10, 1]))).toEqual([1, 3]);
  });
});

describe('peakRequestsPerSecond', () => {
  const ramp = (count: number): Trace => minutes(...Array.from({ length: count }, (_, at) => at));

  it('is the maximum while a row is more than a thousandth of the time', () => {
    expect(peakRequestsPerSecond(minutes(3, 1))).toBe(3);
    expect(peakRequestsPerSecond(ramp(999))).toBe(998);
  });

  it('leaves out a thousandth of the time, and no more', () => {
    expect(peakRequestsPerSecond(ramp(1000))).toBe(998);
    expect(peakRequestsPerSecond(ramp(1999))).toBe(1997);
    expect(peakRequestsPerSecond(ramp(2000))).toBe(1997);
  });

  it('is the lowest rate that is exceeded for at most a thousandth of the time', () => {
    const anyRates = fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 2, maxLength: 4000 });
    fc.assert(
      fc.property(anyRates, (rates) => {
        const exceeded = (rate: number) => rates.filter((other) => other > rate).length;
        const allowed = rates.filter((rate) => exceeded(rate) * 1000 <= rates.length);
        expect(peakRequestsPerSecond(minutes(...rates))).toBe(Math.min(...allowed));
      }),
      { numRuns: 30 },
    );
  });

  it('weighs a row by its time, not by being a row', () => {
    // Two rows of a minute among 1,998 minutes of rows of 1.5: less than a thousandth.
    const spacings = Array.from({ length: 1333 }, (_, at) => (at === 500 || at === 700 ? 1 : 1.5));
    let minute = 0;
    const pairs = spacings.map((spacing, at) => {
      const row = [minute, at === 500 ? 900 : at === 700 ? 800 : 5] as const;
      minute += spacing;
      return row;
    });
    expect(peakRequestsPerSecond(rows(...pairs))).toBe(800);
  });

  it('does not count time for which there are no rows', () => {
    // Were the gap counted as the 9 before it, the 10 would be less than a thousandth.
    expect(peakRequestsPerSecond(rows([0, 10], [1, 9], [5000, 9], [5001, 9]))).toBe(10);
  });
});

describe('scaleToPeak', () => {
  it('makes the 99.9th percentile the rate asked for', () => {
    fc.assert(
      fc.property(anyTrace, fc.integer({ min: 1, max: 5000 }), (trace, peak) => {
        fc.pre(peakRequestsPerSecond(trace) > 0);
        expect(peakRequestsPerSecond(scaleToPeak(trace, peak))).toBeCloseTo(peak, 8);
      }),
    );
    expect([...scaleToPeak(minutes(1, 4, 2), 8).requestsPerSecond]).toEqual([2, 8, 4]);
  });

  it('cannot scale a trace without traffic', () => {
    expect(problemOf(() => scaleToPeak(minutes(0, 0, 0), 8))).toBe('no-traffic');
    expect(problemOf(() => scaleToPeak(minutes(0, 5e-324), 8))).toBe('no-traffic');
  });

  it('refuses a peak that is no rate above 0', () => {
    for (const peak of [0, -1, NaN, Infinity]) {
      expect(() => scaleToPeak(minutes(1, 2), peak)).toThrow(RangeError);
    }
  });
});

describe('multiply', () => {
  it('multiplies every rate and leaves the trace it was given alone', () => {
    const trace = minutes(1, 2);
    expect([...multiply(trace, 1.5).requestsPerSecond]).toEqual([1.5, 3]);
    expect([...trace.requestsPerSecond]).toEqual([1, 2]);
    for (const factor of [-1, NaN, Infinity]) {
      expect(() => multiply(trace, factor)).toThrow(RangeError);
    }
  });
});

describe('slice', () => {
  it('is cut to the window and to the trace', () => {
    const trace = minutes(1, 2, 3, 4);
    const cut = slice(trace, 1.5 * MINUTE, 3 * MINUTE);
    expect([cut.startAtMs, cut.endAtMs]).toEqual([1.5 * MINUTE, 3 * MINUTE]);
    const whole = slice(trace, -MINUTE, 99 * MINUTE);
    expect([whole.startAtMs, whole.endAtMs]).toEqual([0, 4 * MINUTE]);
    expect(slice(trace, MINUTE, 2 * MINUTE).requestsPerSecond).toEqual(Float64Array.of(2, 3));
  });

  it('leaves the traffic inside its window as it was', () => {
    const second = fc.integer({ min: 90, max: 400 });
    fc.assert(
      fc.property(anyTrace, second, second, (trace, a, b) => {
        const [fromMs, toMs] = [Math.min(a, b) * 1000, Math.max(a, b) * 1000];
        fc.pre(fromMs < toMs && fromMs < trace.endAtMs && toMs > trace.startAtMs);
        const cut = slice(trace, fromMs, toMs);
        const stepCount = (cut.endAtMs - cut.startAtMs) / 500;
        expect(fillSteps(cut, cut.startAtMs, 500, stepCount)).toEqual(
          fillSteps(trace, cut.startAtMs, 500, stepCount),
        );
      }),
    );
  });

  it('takes the peak of its window only', () => {
    expect(peakRequestsPerSecond(slice(minutes(9, 2, 3, 8), MINUTE, 3 * MINUTE))).toBe(3);
  });

  it('says why nothing is left', () => {
    const trace = minutes(1, 2);
    expect(problemOf(() => slice(trace, MINUTE, MINUTE))).toBe('empty-window');
    expect(problemOf(() => slice(trace, 2 * MINUTE, 3 * MINUTE))).toBe('outside-the-trace');
    expect(problemOf(() => slice(trace, -2 * MINUTE, 0))).toBe('outside-the-trace');
  });
});

describe('fillSteps', () => {
  it('holds a bucket’s value until the next row', () => {
    expect([...fillSteps(minutes(1, 2, 3), 0, 20_000, 9)]).toEqual([1, 1, 1, 2, 2, 2, 3, 3, 3]);
  });

  it('weighs buckets that share a step by their time', () => {
    // 15 s steps from 7 s on: the fourth has 8 s of the first minute and 7 s of the second.
    const steps = fillSteps(minutes(15, 30, 45), 7000, 15_000, 5);
    expect([...steps]).toEqual([15, 15, 15, (8 * 15 + 7 * 30) / 15, 30]);
    expect([...fillSteps(minutes(1, 2, 3, 6), 0, 2 * MINUTE, 2)]).toEqual([1.5, 4.5]);
  });

  it('holds the value for a median spacing of a gap, then draws a straight line', () => {
    // Held to minute 3, then from 10 up to 50 at minute 7.
    const trace = rows([0, 10], [1, 10], [2, 10], [7, 50], [8, 60]);
    expect([...fillSteps(trace, 0, MINUTE, 9)]).toEqual([10, 10, 10, 15, 25, 35, 45, 50, 60]);
  });

  it('holds the first value before the trace and the last one after it', () => {
    expect([...fillSteps(minutes(4, 6), -MINUTE, MINUTE, 5)]).toEqual([4, 4, 6, 6, 6]);
  });

  it('gives a bucket’s value back exactly, however awkward', () => {
    const steps = fillSteps(minutes(0.1, 1 / 3, 1e-9), 0, 15_000, 12);
    expect(new Set(steps)).toEqual(new Set([0.1, 1 / 3, 1e-9]));
  });

  it('is the average of the documented rate, whatever the steps', () => {
    fc.assert(
      fc.property(
        anyTrace,
        fc.integer({ min: 80, max: 200 }),
        fc.integer({ min: 1, max: 30 }),
        (trace, startSecond, stepSeconds) => {
          const steps = fillSteps(trace, startSecond * 1000, stepSeconds * 1000, 12);
          // Rates bend at whole seconds only, so the middles of the seconds average exactly.
          const expected = Array.from(steps, (_, step) => {
            let sum = 0;
            for (let second = 0; second < stepSeconds; second++) {
              sum += rateAt(trace, (startSecond + step * stepSeconds + second + 0.5) * 1000);
            }
            return sum / stepSeconds;
          });
          steps.forEach((average, step) => expect(average).toBeCloseTo(expected[step], 6));
        },
      ),
    );
  });

  it('takes time in proportion to rows and steps', () => {
    const count = 200_000;
    const trace = makeTrace(
      'long',
      Float64Array.from({ length: count }, (_, at) => at * MINUTE),
      new Float64Array(count).fill(2),
    );
    const startedAtMs = performance.now();
    expect(fillSteps(trace, 0, 15_000, 4 * count).every((rate) => rate === 2)).toBe(true);
    // About 20 ms; were it rows × steps it would be minutes.
    expect(performance.now() - startedAtMs).toBeLessThan(20_000);
  });

  it('refuses a step without length', () => {
    for (const stepMs of [0, -1, NaN, Infinity]) {
      expect(() => fillSteps(minutes(1, 2), 0, stepMs, 1)).toThrow(RangeError);
    }
  });
});
