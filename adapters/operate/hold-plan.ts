import {
  countFleet,
  nodeCountMinAt,
  type Hold,
  type JournalHeader,
  type View,
} from '../../engine/index.ts';
import { formatBdt } from '../../reports/money.ts';
import {
  counted,
  date,
  formatSpan,
  hourAndMinute,
  timeSeenFrom,
  zoneName,
} from '../../reports/words.ts';
import { formatOffset, lacksZone, parseInstantMs, parseTimeMs } from '../../simulator/instants.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Dhaka, where no decision says otherwise. */
const OFFSET_MINUTES = 360;
/** A fleet that is held for longer is meant to be larger: that is a setting. */
const HELD_MAX_MS = 31 * DAY_MS;
/** Cycles come every two minutes. */
const SILENT_MS = 10 * MINUTE_MS;

/** The last decision of the cluster, as its journal has it. */
export interface LastDecision {
  readonly header: JournalHeader;
  readonly view: View;
}

/** Why nothing is known of the cluster: its journal cannot be read, or has no decision. */
export interface NothingKnown {
  readonly why: string;
}

/** What a hold would come to. */
export interface HoldPlan {
  readonly hold: Hold;
  /** What it comes to under the policy's max; null, as the rest: nothing is known of the cluster. */
  readonly effectiveMin: number | null;
  readonly workers: number | null;
  readonly boughtNow: number | null;
  /** What it costs at most, ৳, beyond a fleet at its min: every node of the difference on demand until then. */
  readonly costMaxBdt: number | null;
  readonly sentences: readonly string[];
  readonly warnings: readonly string[];
}

/** The zone in which the cluster's people read clocks, minutes ahead of UTC. */
export function offsetOf(last: LastDecision | NothingKnown): number {
  return 'why' in last ? OFFSET_MINUTES : last.header.cluster.timeZoneOffsetMinutes;
}

/**
 * The instant that a person means by `--until`: the next time that clocks show `22:00`, or an instant with its zone. Where it is
 * neither, is over or is more than a month ahead: what was expected, in words. Which of the two it is depends on no zone.
 */
export function untilMsOf(text: string, nowMs: number, offsetMinutes: number): number | string {
  let atMs: number | null;
  if (/^\d?\d:\d\d$/.test(text)) {
    const today = date(nowMs, offsetMinutes);
    atMs = parseInstantMs(`${today}T${text.padStart(5, '0')}:00${formatOffset(offsetMinutes)}`);
    atMs = atMs !== null && atMs <= nowMs ? atMs + DAY_MS : atMs;
  } else {
    atMs = parseTimeMs(text);
  }
  if (atMs === null) {
    return lacksZone(text)
      ? 'expected its zone as well, like +06:00 or Z at the end'
      : 'expected a time such as 22:00 or 2026-11-24T22:00+06:00';
  }
  if (atMs <= nowMs) {
    return `expected a time ahead: that was ${formatSpan(nowMs - atMs)} ago`;
  }
  return atMs - nowMs <= HELD_MAX_MS ? atMs : 'expected a time at most 31 days ahead';
}

/** What a hold would come to, by what is known of the cluster. */
export function planHold(hold: Hold, last: LastDecision | NothingKnown, nowMs: number): HoldPlan {
  const offsetMinutes = offsetOf(last);
  const forMs = hold.untilMs - nowMs;
  const until = `${untilWords(hold.untilMs, nowMs, offsetMinutes)}, ${formatSpan(forMs)} from now`;
  if ('why' in last) {
    return {
      hold,
      effectiveMin: null,
      workers: null,
      boughtNow: null,
      costMaxBdt: null,
      sentences: [`hold at ${String(hold.min)} until ${until}`],
      warnings: [`${last.why}: what it costs is not known, nor the cluster’s clock`],
    };
  }
  const { view, header } = last;
  const { settings, cluster } = header;
  const nodeCountMin = settings['nodeCountMin']!;
  const nodeCountMax = settings['nodeCountMax']!;
  const effectiveMin = nodeCountMinAt(nowMs, hold, { nodeCountMin, nodeCountMax });
  const workers = countFleet(view).supply;
  const boughtNow = Math.max(0, effectiveMin - workers);
  const costMaxBdt = (effectiveMin - nodeCountMin) * (forMs / HOUR_MS) * cluster.onDemandBdtPerHour;
  const price = formatBdt(cluster.onDemandBdtPerHour, 2);
  const sentences = [
    `hold at ${String(effectiveMin)} until ${until}`,
    `${counted(workers, 'worker')} there or on the way: ${counted(boughtNow, 'node')} to buy now`,
    `at most ${formatBdt(costMaxBdt, 2)} more than a fleet at its min of ${String(nodeCountMin)}, all on demand at ${price} an hour`,
  ];
  const warnings: string[] = [];
  if (hold.min > nodeCountMax) {
    warnings.push(`max is ${String(nodeCountMax)}, and goes before a hold at ${String(hold.min)}`);
  }
  if (effectiveMin === nodeCountMin) {
    warnings.push(`min is ${String(nodeCountMin)} already: this holds nothing beyond it`);
  }
  if (view.mode !== 'act') {
    warnings.push(`the mode is ${view.mode}: nothing is bought`);
  }
  if (nowMs - view.nowMs > SILENT_MS) {
    warnings.push(
      `the last decision is ${formatSpan(nowMs - view.nowMs)} old: does the autoscaler run?`,
    );
  }
  return { hold, effectiveMin, workers, boughtNow, costMaxBdt, sentences, warnings };
}

/** `22:00 (UTC+06:00)`, with the day where it is another. */
export function untilWords(untilMs: number, nowMs: number, offsetMinutes: number): string {
  const seen = timeSeenFrom(nowMs, untilMs, offsetMinutes);
  const time = hourAndMinute(untilMs, offsetMinutes);
  return `${seen.replace(/^\d\d:\d\d:\d\d/, time)} ${zoneName(offsetMinutes)}`;
}
