/**
 * Makes the synthetic scenarios. Each is a pure function of its tables and seed, so that
 * `npm run scenarios` writes the committed files again, byte for byte, on any machine.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stream } from '../simulator/random.ts';
import { month } from './month.ts';
import { botBurst, doubleSpike, gradualDecline, retryStorm, slowRamp, steady } from './patterns.ts';
import {
  curve,
  everyDay,
  MINUTES_PER_DAY,
  noisy,
  ORDINARY_DAY,
  row,
  traceCsv,
  type Point,
  type TraceRow,
} from './traffic.ts';

/** A trace that this file makes: `NAME.csv`. */
export interface GeneratedTrace {
  readonly name: string;
  /** In a few words, for a list of traces. */
  readonly what: string;
  readonly rows: () => TraceRow[];
}

/** The evening peak of an ordinary day of flash-sale, which needs 1.21 nodes. */
const EVENING_PEAK_REQUESTS_PER_SECOND = 124;

/** Friday 20:00, in minutes from the start of flash-sale. */
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
 * The brief's first test: an ordinary Thursday (2026-11-26, Dhaka), then a Friday with a flash sale
 * at 20:00, minute by minute. 2,880 rows.
 */
export function flashSale(): TraceRow[] {
  const ordinary = everyDay(ORDINARY_DAY);
  const sale = curve(SALE);
  const rates = noisy(stream(20261127, 'flash-sale', 'noise'), 2 * MINUTES_PER_DAY, (minute) => {
    const share = ordinary((minute % MINUTES_PER_DAY) / 60) * sale(minute - SALE_AT_MINUTE);
    return EVENING_PEAK_REQUESTS_PER_SECOND * share;
  });
  return rates.map((rate, minute) => row(26, minute, rate));
}

/** Every trace of this folder. */
export const GENERATED_TRACES: readonly GeneratedTrace[] = [
  { name: 'flash-sale', what: 'an ordinary day, then one with a flash sale', rows: flashSale },
  { name: 'month', what: 'a month of five idle nodes, with four sales', rows: month },
  { name: 'steady', what: 'a day on which nothing happens', rows: steady },
  { name: 'double-spike', what: 'two spikes, 45 minutes apart', rows: doubleSpike },
  { name: 'slow-ramp', what: 'growth over 18 hours', rows: slowRamp },
  { name: 'gradual-decline', what: 'decline over 20 hours', rows: gradualDecline },
  { name: 'retry-storm', what: 'an outage, then everyone at once', rows: retryStorm },
  { name: 'bot-burst', what: 'bursts of a few minutes', rows: botBurst },
];

/** Writes every generated trace into the folder `dir`, made if need be, and returns their paths. */
export async function writeScenarios(dir: string): Promise<string[]> {
  await mkdir(dir, { recursive: true });
  const paths: string[] = [];
  for (const { name, rows } of GENERATED_TRACES) {
    const path = join(dir, `${name}.csv`);
    await writeFile(path, traceCsv(rows()));
    paths.push(path);
  }
  return paths;
}
