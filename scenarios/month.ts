/**
 * A month of a shop on five static nodes: idle most of the time, and overrun by its sales. It was
 * fitted to what the client says of himself, and to runs of `static` with 5 nodes alone; no other
 * policy had run on it when it was committed. README.md has the figures, and a test recomputes them.
 */
import { stream } from '../simulator/random.ts';
import {
  curve,
  MINUTES_PER_DAY,
  noisy,
  REQUESTS_PER_SECOND_PER_NODE,
  row,
  type Point,
  type TraceRow,
} from './traffic.ts';

/** November 2026. Its 1st is a Sunday. */
const DAYS = 30;

/** What the evening peak of an ordinary weekday needs. */
const EVENING_PEAK_NODES = 4.5;

/** Sunday to Thursday by the hour, as shares of the evening peak: offices, then the evening. */
const WEEKDAY: readonly number[] = [
  0.66, 0.48, 0.36, 0.29, 0.27, 0.29, 0.35, 0.45, 0.55, 0.63, 0.69, 0.73, 0.75, 0.72, 0.7, 0.71,
  0.74, 0.78, 0.85, 0.93, 0.98, 1, 0.93, 0.8,
];

/** Friday and Saturday: up late, quiet at the Friday prayer, out in the evening. */
const WEEKEND: readonly number[] = [
  0.7, 0.54, 0.41, 0.32, 0.27, 0.26, 0.29, 0.37, 0.47, 0.58, 0.68, 0.73, 0.69, 0.63, 0.69, 0.76,
  0.81, 0.86, 0.92, 0.98, 1.02, 1.04, 0.98, 0.85,
];

/** How the month weighs on it: salaries come in its first days. By the day of the month. */
const SALARY: readonly Point[] = [
  [1, 1.02],
  [6, 1.03],
  [14, 1],
  [24, 0.96],
  [28, 0.97],
  [31, 1.02],
];

/** From day to day, up to this share more or less. */
const DAY_SHARE_MAX = 0.02;

/** A sale: when it opens, and what it multiplies ordinary traffic by at its height. */
interface Sale {
  readonly day: number;
  readonly hour: number;
  readonly times: number;
}

/** month.yaml announces the same. */
const SALES: readonly Sale[] = [
  { day: 6, hour: 20, times: 1.9 },
  { day: 11, hour: 0, times: 3.1 },
  { day: 19, hour: 12, times: 2.6 },
  { day: 27, hour: 20, times: 2.1 },
];

/** The course of a sale: the share of its height over the minutes since it opened. */
const SALE_COURSE: readonly Point[] = [
  [0, 0],
  [4, 1],
  [35, 0.97],
  [55, 0.66],
  [80, 0.36],
  [105, 0.12],
  [120, 0],
];

/** Rows are 5 minutes apart; from half an hour before a sale until half an hour after, one. */
const MINUTES_PER_ROW = 5;
const FINE_BEFORE = 30;
const FINE_AFTER = 150;

/** 30 days from Sunday 2026-11-01 in Dhaka. */
export function month(): TraceRow[] {
  const ordinary = ordinaryNodes();
  const course = curve(SALE_COURSE);
  const opensAt = SALES.map(({ day, hour }) => ((day - 1) * 24 + hour) * 60);
  const rates = noisy(stream(20261101, 'month', 'noise'), DAYS * MINUTES_PER_DAY, (minute) => {
    let times = 1;
    for (const [at, sale] of SALES.entries()) {
      times += (sale.times - 1) * course(minute - opensAt[at]);
    }
    return ordinary(minute / 60) * times * REQUESTS_PER_SECOND_PER_NODE;
  });
  const isFine = (minute: number): boolean =>
    opensAt.some((opens) => minute >= opens - FINE_BEFORE && minute < opens + FINE_AFTER);

  const rows: TraceRow[] = [];
  for (let minute = 0; minute < rates.length;) {
    const minutes = isFine(minute) ? 1 : MINUTES_PER_ROW;
    let sum = 0;
    for (const rate of rates.slice(minute, minute + minutes)) {
      sum += rate;
    }
    rows.push(row(1, minute, sum / minutes));
    minute += minutes;
  }
  return rows;
}

/** What ordinary traffic needs, by the hour from the month's beginning. */
function ordinaryNodes(): (hour: number) => number {
  const luck = stream(20261101, 'month', 'days');
  const salary = curve(SALARY);
  // The day before and the day after, so that the first and last nights are like any other.
  const points = Array.from({ length: DAYS + 2 }, (_, day) => {
    const level = salary(day) * (1 + DAY_SHARE_MAX * (2 * luck.nextUnit() - 1));
    const isWeekend = day % 7 === 6 || day % 7 === 0;
    return (isWeekend ? WEEKEND : WEEKDAY).map((share, hour): Point => [
      (day - 1) * 24 + hour,
      EVENING_PEAK_NODES * level * share,
    ]);
  });
  return curve(points.flat());
}
