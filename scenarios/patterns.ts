/** One difficulty each, a day long, by the minute. Levels are in nodes, so that 10 carry every peak. */
import { stream } from '../simulator/random.ts';
import {
  curve,
  everyDay,
  MINUTES_PER_DAY,
  noisy,
  ORDINARY_DAY,
  REQUESTS_PER_SECOND_PER_NODE,
  row,
  type Point,
  type TraceRow,
} from './traffic.ts';

/** Monday 2026-11-02: 3.4 nodes all day, where 4 have room for the noise and nothing is to be done. */
export function steady(): TraceRow[] {
  return dayOf('steady', 2, () => 3.4);
}

/** What a spike adds, in nodes, over the minutes since it began. */
const SPIKE: readonly Point[] = [
  [0, 0],
  [3, 6.6],
  [15, 6.6],
  [23, 0],
];
/** 14:00, and again 45 minutes later. */
const SPIKES_AT_MINUTE = [14 * 60, 14 * 60 + 45] as const;

/** Tuesday 2026-11-03: something is shown on television, and shown again. */
export function doubleSpike(): TraceRow[] {
  const ordinary = everyDay(ORDINARY_DAY);
  const spike = curve(SPIKE);
  const [first, second] = SPIKES_AT_MINUTE;
  return dayOf(
    'double-spike',
    3,
    (minute) => 1.8 * ordinary(minute / 60) + spike(minute - first) + spike(minute - second),
  );
}

/** Nodes by the hour. */
const RAMP: readonly Point[] = [
  [2, 1.5],
  [8, 4],
  [14, 6.5],
  [20, 9],
];

/** Wednesday 2026-11-04: a node more every two and a half hours, for 18 hours. */
export function slowRamp(): TraceRow[] {
  const ramp = curve(RAMP);
  return dayOf('slow-ramp', 4, (minute) => ramp(minute / 60));
}

/** Nodes by the hour. */
const DECLINE: readonly Point[] = [
  [2, 9],
  [6, 6.4],
  [10, 4.5],
  [14, 3.2],
  [18, 2.2],
  [22, 1.5],
];

/** Thursday 2026-11-05: the evening after a campaign, and the day on which it is forgotten. */
export function gradualDecline(): TraceRow[] {
  const decline = curve(DECLINE);
  return dayOf('gradual-decline', 5, (minute) => decline(minute / 60));
}

/** 19:00. */
const OUTAGE_AT_MINUTE = 19 * 60;
/** What an outage multiplies ordinary first tries by, over the minutes since it began. */
const OUTAGE: readonly Point[] = [
  [0, 1],
  [1, 0.01],
  [30, 0.01],
  [32, 2.3],
  [38, 2.3],
  [60, 1.6],
  [85, 1.2],
  [120, 1],
];

/**
 * Sunday 2026-11-08: nobody reaches the shop for half an hour, then everyone comes back. First
 * tries only: whether clients try again is for the simulator's clients to say.
 */
export function retryStorm(): TraceRow[] {
  const ordinary = everyDay(ORDINARY_DAY);
  const outage = curve(OUTAGE);
  return dayOf(
    'retry-storm',
    8,
    (minute) => 4.2 * ordinary(minute / 60) * outage(minute - OUTAGE_AT_MINUTE),
  );
}

/** A burst of bots, from one minute to the next and as suddenly gone. */
interface Burst {
  readonly atMinute: number;
  readonly minutes: number;
  readonly nodes: number;
}

/** At no hours that a calendar or a season could know. */
const BURSTS: readonly Burst[] = [
  { atMinute: 47, minutes: 3, nodes: 6 },
  { atMinute: 3 * 60 + 12, minutes: 2, nodes: 4.5 },
  { atMinute: 6 * 60 + 58, minutes: 4, nodes: 5.5 },
  { atMinute: 10 * 60 + 21, minutes: 3, nodes: 6.5 },
  { atMinute: 13 * 60 + 5, minutes: 2, nodes: 5 },
  { atMinute: 13 * 60 + 19, minutes: 3, nodes: 6 },
  { atMinute: 17 * 60 + 44, minutes: 5, nodes: 6.5 },
  { atMinute: 21 * 60 + 36, minutes: 3, nodes: 5 },
];

/** Monday 2026-11-09: eight bursts, all but one over before a node could be there. */
export function botBurst(): TraceRow[] {
  const ordinary = everyDay(ORDINARY_DAY);
  return dayOf('bot-burst', 9, (minute) => {
    const burst = BURSTS.find(
      ({ atMinute, minutes }) => minute >= atMinute && minute < atMinute + minutes,
    );
    return 2.2 * ordinary(minute / 60) + (burst?.nodes ?? 0);
  });
}

/** A day of November 2026 by the minute: what its traffic needs, with noise of its own. */
function dayOf(name: string, day: number, nodesAt: (minute: number) => number): TraceRow[] {
  const rates = noisy(
    stream(20261101, name, 'noise'),
    MINUTES_PER_DAY,
    (minute) => nodesAt(minute) * REQUESTS_PER_SECOND_PER_NODE,
  );
  return rates.map((rate, minute) => row(day, minute, rate));
}
