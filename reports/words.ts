/** Times, spans and numbers as people read them, in every terminal and report. */
import { formatInstant } from '../simulator/instants.ts';
import { formatLakh } from './money.ts';

const MONTHS = [
  ...['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun'],
  ...['Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'],
];

/** `2026-11-27`, in a zone. */
export function date(atMs: number, offsetMinutes: number): string {
  return formatInstant(atMs, offsetMinutes).slice(0, 10);
}

/** `27 Nov`, in a zone. */
export function dayAndMonth(atMs: number, offsetMinutes: number): string {
  const text = formatInstant(atMs, offsetMinutes);
  return `${String(Number(text.slice(8, 10)))} ${MONTHS[Number(text.slice(5, 7)) - 1]}`;
}

/** `20:00`, in a zone. */
export function hourAndMinute(atMs: number, offsetMinutes: number): string {
  return formatInstant(atMs, offsetMinutes).slice(11, 16);
}

/** `20:00:07`, in a zone. */
export function timeOfDay(atMs: number, offsetMinutes: number): string {
  return formatInstant(atMs, offsetMinutes).slice(11, 19);
}

/** `20:00:07`, with its day where that is not the day of `nowMs`: `00:01:00 on 28 Nov`. */
export function timeSeenFrom(nowMs: number, atMs: number, offsetMinutes: number): string {
  const time = timeOfDay(atMs, offsetMinutes);
  return date(atMs, offsetMinutes) === date(nowMs, offsetMinutes)
    ? time
    : `${time} on ${dayAndMonth(atMs, offsetMinutes)}`;
}

/** `UTC+06:00`. */
export function zoneName(offsetMinutes: number): string {
  const zone = formatInstant(0, offsetMinutes).slice(19);
  return zone === 'Z' ? 'UTC' : `UTC${zone}`;
}

/** A span of time in its largest unit that is at least 2: `27.6 days`, `48 h`, `57 min`, `45 s`. */
export function formatSpan(ms: number): string {
  const minutes = ms / 60_000;
  if (minutes < 2) {
    return `${String(Math.round(ms / 1000))} s`;
  }
  const inUnit = (value: number, unit: string): string =>
    `${value.toFixed(1).replace(/\.0$/, '')} ${unit}`;
  if (minutes >= 72 * 60) {
    return inUnit(minutes / 1440, 'days');
  }
  return minutes >= 120 ? inUnit(minutes / 60, 'h') : inUnit(minutes, 'min');
}

/** A count that nobody needs to the last digit: 9,500; 123 k; 12.3 M. */
export function formatCount(count: number): string {
  if (count < 9_999.5) {
    return formatLakh(count);
  }
  const [value, unit] = count < 999_500 ? [count / 1e3, 'k'] : [count / 1e6, 'M'];
  return `${value < 99.95 ? value.toFixed(1) : formatLakh(value)} ${unit}`;
}

/** Pod-minutes, and the like: a digit after the point while it matters. */
export function formatMinutes(value: number): string {
  return value > 0 && value < 9.95 ? value.toFixed(1) : formatLakh(value);
}

/** `82.4 %`, `70 %`. */
export function formatPercent(percent: number): string {
  return `${percent.toFixed(1).replace(/\.0$/, '')} %`;
}

/** A share in percent, to two digits below 1 %; what is not zero does not read as zero. */
export function formatShare(part: number, whole: number): string {
  const percent = whole > 0 ? (100 * part) / whole : 0;
  if (percent === 0) {
    return '0';
  }
  if (percent < 0.01) {
    return '<0.01';
  }
  return percent.toFixed(percent < 0.995 ? 2 : 1);
}

/** p95 of the time to capacity: `135 s`, `12 min`; `never` when more than one pod in twenty never ran, `–` when none waited. */
export function formatTimeToCapacity(time: {
  readonly p95: number | null;
  readonly censored: number;
}): string {
  const { p95, censored } = time;
  if (p95 === null) {
    return censored > 0 ? 'never' : '–';
  }
  return p95 < 600 ? `${String(Math.round(p95))} s` : `${formatLakh(p95 / 60)} min`;
}

/** `1 node`, `3 nodes`, `no node`. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return count === 0 ? `no ${noun}` : `${formatLakh(count)} ${count === 1 ? noun : plural}`;
}
