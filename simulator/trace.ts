/**
 * A trace: recorded or synthetic traffic as requests per second over time.
 *
 * Row i is a bucket that begins at atMs[i] and holds the average rate over it. Between two rows
 * traffic is a step: the value holds until the next row. Where the next row is more than 1.5 median
 * spacings away rows are missing, and missing is never zero: the value holds for one median spacing
 * and then runs in a straight line to the next row's. The last bucket is one median spacing long.
 * Before the first row its value holds, and after the last row that one's.
 */
import { formatInstant } from './instants.ts';

/**
 * atMs ascend strictly and requestsPerSecond are finite and not negative, one each per row. stepMs
 * is the median spacing of the rows. The trace speaks for startAtMs to endAtMs; after `slice` its
 * first and last rows may reach beyond that window. Never changed in place; rows may be shared
 * between traces.
 */
export interface Trace {
  readonly name: string;
  readonly startAtMs: number;
  readonly endAtMs: number;
  readonly atMs: Float64Array;
  readonly requestsPerSecond: Float64Array;
  readonly stepMs: number;
}

export type TraceProblem =
  | 'too-few-rows'
  | 'not-ascending'
  | 'not-a-rate'
  | 'no-traffic'
  | 'empty-window'
  | 'outside-the-trace';

/**
 * What makes a trace, or a wish about it, impossible. The message is a sentence for the person who
 * gave it.
 */
export class TraceError extends Error {
  override readonly name = 'TraceError';
  readonly problem: TraceProblem;

  constructor(problem: TraceProblem, message: string) {
    super(message);
    this.problem = problem;
  }
}

/**
 * The trace with these rows. TraceError: fewer than two rows or arrays of unequal length, instants
 * that do not ascend strictly, a rate that is negative or not finite.
 */
export function makeTrace(
  name: string,
  atMs: Float64Array,
  requestsPerSecond: Float64Array,
): Trace {
  const rowCount = atMs.length;
  if (rowCount < 2 || requestsPerSecond.length !== rowCount) {
    const found = `${String(rowCount)} instants and ${String(requestsPerSecond.length)} rates`;
    throw new TraceError(
      'too-few-rows',
      `A trace needs at least two rows, each with an instant and a rate; it has ${found}.`,
    );
  }
  const spacingsMs = new Float64Array(rowCount - 1);
  for (let row = 0; row < rowCount; row++) {
    const rate = requestsPerSecond[row];
    if (!(rate >= 0 && rate < Infinity)) {
      throw new TraceError(
        'not-a-rate',
        `Row ${String(row)} of the trace has the rate ${String(rate)}; a rate is 0 or more.`,
      );
    }
    if (row === 0) {
      continue;
    }
    const spacingMs = atMs[row] - atMs[row - 1];
    if (!(spacingMs > 0 && spacingMs < Infinity)) {
      throw new TraceError(
        'not-ascending',
        `Row ${String(row)} of the trace is not later than the row before it.`,
      );
    }
    spacingsMs[row - 1] = spacingMs;
  }
  // The lower median: one of the spacings, so that it is whole milliseconds when they are.
  const stepMs = spacingsMs.sort()[Math.floor((rowCount - 2) / 2)];
  return {
    name,
    startAtMs: atMs[0],
    endAtMs: atMs[rowCount - 1] + stepMs,
    atMs,
    requestsPerSecond,
    stepMs,
  };
}

/**
 * The rows after which rows are missing: the next one is more than 1.5 median spacings away.
 * Ascending indexes.
 */
export function gapRows(trace: Trace): number[] {
  const rows: number[] = [];
  for (let row = 0; row + 1 < trace.atMs.length; row++) {
    if (isGapAfter(trace, row)) {
      rows.push(row);
    }
  }
  return rows;
}

/**
 * The time-weighted 99.9th percentile: the lowest rate of the trace that is exceeded for at most a
 * thousandth of its time, in requests per second. With fewer than a thousand equally spaced rows it
 * is the maximum. Interpolated time is not counted.
 */
export function peakRequestsPerSecond(trace: Trace): number {
  const { requestsPerSecond } = trace;
  const weightsMs = new Float64Array(requestsPerSecond.length);
  let totalMs = 0;
  for (let row = 0; row < weightsMs.length; row++) {
    const fromMs = Math.max(trace.atMs[row], trace.startAtMs);
    const toMs = Math.min(heldUntilMs(trace, row), trace.endAtMs);
    weightsMs[row] = Math.max(0, toMs - fromMs);
    totalMs += weightsMs[row];
  }
  // Not a list of rows sorted by their rates: ten million of those take seconds and a heap.
  const ascending = requestsPerSecond.slice().sort();
  const heldAtLeastMs = (rate: number): number => {
    let heldMs = 0;
    for (let row = 0; row < weightsMs.length; row++) {
      heldMs += requestsPerSecond[row] >= rate ? weightsMs[row] : 0;
    }
    return heldMs;
  };
  let [low, high] = [0, ascending.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (heldAtLeastMs(ascending[middle]) * 1000 > totalMs) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return ascending[low];
}

/**
 * The trace scaled so that its `peakRequestsPerSecond` is the given rate (above 0). TraceError
 * 'no-traffic' when that percentile of the trace is 0, since nothing can scale it.
 */
export function scaleToPeak(trace: Trace, requestsPerSecond: number): Trace {
  if (!(requestsPerSecond > 0 && requestsPerSecond < Infinity)) {
    throw new RangeError(`A peak is a rate above 0, not ${String(requestsPerSecond)}.`);
  }
  const factor = requestsPerSecond / peakRequestsPerSecond(trace);
  if (factor === Infinity) {
    throw new TraceError(
      'no-traffic',
      `The trace "${trace.name}" cannot be scaled: its 99.9th percentile is 0 requests/s.`,
    );
  }
  return multiply(trace, factor);
}

/** The trace with every rate times `factor`, which is 0 or more (RangeError otherwise). */
export function multiply(trace: Trace, factor: number): Trace {
  if (!(factor >= 0 && factor < Infinity)) {
    throw new RangeError(`A traffic factor is 0 or more, not ${String(factor)}.`);
  }
  return { ...trace, requestsPerSecond: trace.requestsPerSecond.map((rate) => rate * factor) };
}

/**
 * The part of the trace from fromMs up to toMs, cut to the trace's own ends. Inside that window the
 * traffic is exactly what it was: rows are shared, not copied, from the one that holds at its start
 * to the first one after its end. TraceError 'empty-window' when fromMs is not before toMs,
 * 'outside-the-trace' when the window and the trace do not overlap.
 */
export function slice(trace: Trace, fromMs: number, toMs: number): Trace {
  if (!(fromMs < toMs)) {
    throw new TraceError(
      'empty-window',
      `A part of a trace ends after it begins, but ${span(fromMs, toMs)} was asked for.`,
    );
  }
  const startAtMs = Math.max(fromMs, trace.startAtMs);
  const endAtMs = Math.min(toMs, trace.endAtMs);
  if (!(startAtMs < endAtMs)) {
    const spans = `it runs ${span(trace.startAtMs, trace.endAtMs)}, and ${span(fromMs, toMs)} was asked for`;
    throw new TraceError(
      'outside-the-trace',
      `Nothing of the trace "${trace.name}" is left: ${spans}.`,
    );
  }
  const { atMs } = trace;
  let first = 0;
  while (first + 1 < atMs.length && atMs[first + 1] <= startAtMs) {
    first++;
  }
  let end = first + 1;
  while (end < atMs.length && atMs[end] < endAtMs) {
    end++;
  }
  // The row beyond says where the last bucket or gap ends.
  end = Math.min(end + 1, atMs.length);
  return {
    ...trace,
    startAtMs,
    endAtMs,
    atMs: atMs.subarray(first, end),
    requestsPerSecond: trace.requestsPerSecond.subarray(first, end),
  };
}

/**
 * The average requests per second in each of stepCount steps, step i being [firstStepAtMs + i ×
 * stepMs, + stepMs). A step inside one bucket has exactly that bucket's value. Takes time in
 * proportion to rows + steps. RangeError unless stepMs is above 0.
 */
export function fillSteps(
  trace: Trace,
  firstStepAtMs: number,
  stepMs: number,
  stepCount: number,
): Float64Array {
  if (!(stepMs > 0 && stepMs < Infinity)) {
    throw new RangeError(`A step is longer than 0 ms, not ${String(stepMs)}.`);
  }
  const { atMs, requestsPerSecond } = trace;
  const lastRow = atMs.length - 1;
  const averages = new Float64Array(stepCount);
  let row = 0;
  for (let step = 0; step < stepCount; step++) {
    const stepAtMs = firstStepAtMs + step * stepMs;
    const stepEndAtMs = stepAtMs + stepMs;
    let cursorMs = stepAtMs;
    let requests = 0;
    for (;;) {
      while (row < lastRow && atMs[row + 1] <= cursorMs) {
        row++;
      }
      const heldMs = row === lastRow ? Infinity : heldUntilMs(trace, row);
      let pieceRate = requestsPerSecond[row];
      let pieceEndMs = Math.min(stepEndAtMs, heldMs);
      if (cursorMs >= heldMs) {
        // In a gap. A straight line averages to its value half-way.
        pieceEndMs = Math.min(stepEndAtMs, atMs[row + 1]);
        const share = ((cursorMs + pieceEndMs) / 2 - heldMs) / (atMs[row + 1] - heldMs);
        pieceRate += (requestsPerSecond[row + 1] - pieceRate) * share;
      }
      if (cursorMs === stepAtMs && pieceEndMs === stepEndAtMs) {
        averages[step] = pieceRate;
        break;
      }
      requests += pieceRate * (pieceEndMs - cursorMs);
      cursorMs = pieceEndMs;
      if (cursorMs === stepEndAtMs) {
        averages[step] = requests / stepMs;
        break;
      }
    }
  }
  return averages;
}

function isGapAfter(trace: Trace, row: number): boolean {
  return (trace.atMs[row + 1] - trace.atMs[row]) * 2 > trace.stepMs * 3;
}

/**
 * Where the row's value stops holding: at the next row, or one median spacing on before a gap and
 * at the end.
 */
function heldUntilMs(trace: Trace, row: number): number {
  const { atMs, stepMs } = trace;
  return row + 1 < atMs.length && !isGapAfter(trace, row) ? atMs[row + 1] : atMs[row] + stepMs;
}

function span(fromMs: number, toMs: number): string {
  return `from ${formatInstant(fromMs, 0)} to ${formatInstant(toMs, 0)}`;
}
