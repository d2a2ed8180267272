/**
 * What the synthetic traces are made of: tables with smooth curves between their points, and noise
 * from a named random stream. No sin and no exp, so that they are the same bytes on any machine.
 */
import type { RandomStream } from '../simulator/random.ts';

/** One bucket of traffic. */
export interface TraceRow {
  /** The bucket's start as ISO-8601 in Dhaka's zone. */
  readonly timestamp: string;
  /** Its average rate, to two decimals. */
  readonly requestsPerSecond: number;
}

/** A point of a curve. */
export type Point = readonly [x: number, y: number];

export const MINUTES_PER_DAY = 24 * 60;

/**
 * What one node of the default scenario carries when the pod autoscaler is content: 7 pods of 250 m
 * at 70 %, 12 CPU-ms a request. scenarios/README.md derives it; a test holds the two together.
 */
export const REQUESTS_PER_SECOND_PER_NODE = (7 * 250 * 0.7) / 12;

/**
 * An ordinary day of a Bangladeshi shop by the hour, as shares of its evening peak: lowest about
 * 04:00, a plateau from late morning, highest about 21:00.
 */
export const ORDINARY_DAY: readonly Point[] = [
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

/**
 * Minute-to-minute noise: a share that forgets a fifth of itself each minute and gets up to ±1.5 %
 * anew, so a few per cent in all.
 */
const NOISE_KEPT = 0.8;
const NOISE_SHARE_MAX = 0.015;

/** The rate of each minute with its noise. A minute's average is taken to be its middle's value. */
export function noisy(
  luck: RandomStream,
  minutes: number,
  rateAt: (minute: number) => number,
): number[] {
  let noise = 0;
  return Array.from({ length: minutes }, (_, minute) => {
    noise = NOISE_KEPT * noise + NOISE_SHARE_MAX * (2 * luck.nextUnit() - 1);
    return rateAt(minute + 0.5) * (1 + noise);
  });
}

/** A row `minute` minutes after a day of November 2026 began, in which every scenario lies. */
export function row(day: number, minute: number, requestsPerSecond: number): TraceRow {
  const date = twoDigits(day + Math.floor(minute / MINUTES_PER_DAY));
  const hour = twoDigits(Math.floor(minute / 60) % 24);
  return {
    timestamp: `2026-11-${date}T${hour}:${twoDigits(minute % 60)}:00+06:00`,
    requestsPerSecond: Math.round(requestsPerSecond * 100) / 100,
  };
}

/** The rows as the text of a trace file. */
export function traceCsv(rows: readonly TraceRow[]): string {
  const lines = rows.map((row) => `${row.timestamp},${String(row.requestsPerSecond)}\n`);
  return `timestamp,requests_per_second\n${lines.join('')}`;
}

/** The curve of an hourly table over one day, joined to the same day before and after it. */
export function everyDay(hours: readonly Point[]): (hour: number) => number {
  return curve(
    [-1, 0, 1].flatMap((day) => hours.map(([hour, share]): Point => [hour + 24 * day, share])),
  );
}

/**
 * The smooth curve through the points, which ascend in x: cubic Hermite pieces whose slopes are the
 * harmonic means of those of their two sides, or 0 at a turn (Fritsch and Butland), so that it never
 * overshoots a point. Flat beyond its ends.
 */
export function curve(points: readonly Point[]): (x: number) => number {
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
