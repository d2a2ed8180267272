/**
 * Makes the synthetic scenarios. Each is a pure function of its tables and seed, so that
 * `npm run scenarios` writes the committed files again, byte for byte, on any machine: no sin, no
 * exp, only tables with smooth curves between their points and a named random stream.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stream } from '../simulator/random.ts';

/** One minute of traffic. */
export interface TraceRow {
  /** The minute's start as ISO-8601 in Dhaka's zone. */
  readonly timestamp: string;
  /** Its average rate, to two decimals. */
  readonly requestsPerSecond: number;
}

/** A point of a curve. */
type Point = readonly [x: number, y: number];

const MINUTES_PER_DAY = 24 * 60;
const DAYS = ['2026-11-26', '2026-11-27'] as const;

/** The evening peak of an ordinary day, which needs 1.21 nodes (102.08 requests/s each). */
const EVENING_PEAK_REQUESTS_PER_SECOND = 124;

/**
 * An ordinary day of a Bangladeshi shop by the hour, as shares of its evening peak: lowest about
 * 04:00, a plateau from late morning, highest about 21:00.
 */
const ORDINARY_DAY: readonly Point[] = [
  [0, 0.56],
  [1, 0.36],
  [2, 0.23],
  [3, 0.16],
  [4, 0.13],
  [5, 0.15],
  [6, 0.2],
  [7, 0.28],
  [8, 0.37],
  [9, 0.46],
  [10, 0.54],
  [11, 0.6],
  [12, 0.63],
  [13, 0.6],
  [14, 0.58],
  [15, 0.6],
  [16, 0.64],
  [17, 0.7],
  [18, 0.79],
  [19, 0.9],
  [20, 0.97],
  [21, 1],
  [22, 0.9],
  [23, 0.74],
];

/** Friday 20:00, in minutes from the start of the trace. */
const SALE_AT_MINUTE = MINUTES_PER_DAY + 20 * 60;

/**
 * What the sale multiplies ordinary traffic by, over the minutes since it opened: up to eightfold
 * within 3 minutes, 20 minutes there, then an hour and a half of decay, fast first.
 */
const SALE: readonly Point[] = [
  [0, 1],
  [3, 7.9],
  [23, 7.9],
  [35, 5.6],
  [50, 3.8],
  [65, 2.6],
  [80, 1.8],
  [95, 1.3],
  [113, 1],
];

/**
 * Minute-to-minute noise: a share that forgets a fifth of itself each minute and gets up to ±1.5 %
 * anew, so a few per cent in all.
 */
const NOISE_KEPT = 0.8;
const NOISE_SHARE_MAX = 0.015;

/**
 * The brief's first test: an ordinary Thursday (2026-11-26, Dhaka), then a Friday with a flash sale
 * at 20:00, minute by minute. 2,880 rows.
 */
export function flashSale(): TraceRow[] {
  const luck = stream(20261127, 'flash-sale', 'noise');
  // The day before and the day after, so that the nights join smoothly.
  const ordinary = curve(
    [-1, 0, 1].flatMap((day) => ORDINARY_DAY.map(([hour, share]) => [hour + 24 * day, share])),
  );
  const sale = curve(SALE);
  let noise = 0;
  return DAYS.flatMap((date, day) =>
    Array.from({ length: MINUTES_PER_DAY }, (_, minute): TraceRow => {
      noise = NOISE_KEPT * noise + NOISE_SHARE_MAX * (2 * luck.nextUnit() - 1);
      // A minute's average is taken to be its middle's value.
      const middle = minute + 0.5;
      const share = ordinary(middle / 60) * sale(day * MINUTES_PER_DAY + middle - SALE_AT_MINUTE);
      const rate = EVENING_PEAK_REQUESTS_PER_SECOND * share * (1 + noise);
      const time = `${twoDigits(Math.floor(minute / 60))}:${twoDigits(minute % 60)}`;
      return {
        timestamp: `${date}T${time}:00+06:00`,
        requestsPerSecond: Math.round(rate * 100) / 100,
      };
    }),
  );
}

/** The rows as the text of a trace file. */
export function traceCsv(rows: readonly TraceRow[]): string {
  const lines = rows.map((row) => `${row.timestamp},${String(row.requestsPerSecond)}\n`);
  return `timestamp,requests_per_second\n${lines.join('')}`;
}

/** Writes every generated trace into the folder `dir`, made if need be, and returns their paths. */
export async function writeScenarios(dir: string): Promise<string[]> {
  await mkdir(dir, { recursive: true });
  const path = join(dir, 'flash-sale.csv');
  await writeFile(path, traceCsv(flashSale()));
  return [path];
}

/**
 * The smooth curve through the points, which ascend in x: cubic Hermite pieces whose slopes are the
 * harmonic means of those of their two sides, or 0 at a turn (Fritsch and Butland), so that it never
 * overshoots a point. Flat beyond its ends.
 */
function curve(points: readonly Point[]): (x: number) => number {
  const last = points.length - 1;
  const sides = points.slice(1).map(([x, y], at) => (y - points[at][1]) / (x - points[at][0]));
  const slopes = points.map((_, at) => {
    const [before, after] = at === 0 || at === last ? [0, 0] : [sides[at - 1], sides[at]];
    return before * after > 0 ? (2 * before * after) / (before + after) : 0;
  });
  return (x) => {
    if (x <= points[0][0]) {
      return points[0][1];
    }
    if (x >= points[last][0]) {
      return points[last][1];
    }
    let at = 0;
    while (points[at + 1][0] <= x) {
      at++;
    }
    const [[x0, y0], [x1, y1]] = [points[at], points[at + 1]];
    const width = x1 - x0;
    const t = (x - x0) / width;
    const rise = t * t * (3 - 2 * t);
    const bend0 = t * (1 - t) * (1 - t) * width * slopes[at];
    const bend1 = t * t * (t - 1) * width * slopes[at + 1];
    return y0 + (y1 - y0) * rise + bend0 + bend1;
  };
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
