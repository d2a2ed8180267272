import type { JournalHeader, ReadRecord } from '../../engine/index.ts';
import { dayAndMonth, timeOfDay, date } from '../../reports/words.ts';
import { formatInstant, parseInstantMs, parseTimeMs } from '../../simulator/instants.ts';
import { InputError, quoted } from '../import/input-error.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 1440 * MINUTE_MS;

/**
 * The place of the record that a person means by `--at`: a cycle’s number from 1, an instant (ISO-8601, in the journal’s zone
 * where it names none; or Unix time), or a time of day where the journal has it once. An instant means the cycle in force
 * then: the last that had begun. InputError when there is none.
 */
export function recordAt(
  text: string,
  records: readonly ReadRecord[],
  { cluster: { timeZoneOffsetMinutes }, cycleSeconds }: JournalHeader,
): number {
  const wanted = text.trim();
  if (/^\d{1,7}$/.test(wanted)) {
    const number = Number(wanted);
    if (number < 1 || number > records.length) {
      const expected = `expected a cycle from 1 to ${String(records.length)}`;
      throw new InputError('--at', null, `found the cycle ${wanted}, ${expected}`);
    }
    return number - 1;
  }
  const startMs = records[0].startedAtMs;
  const endMs = records[records.length - 1].startedAtMs + cycleSeconds * 1000;
  const span = [Math.floor(startMs / 1000), Math.floor(endMs / 1000)]
    .map((seconds) => formatInstant(seconds * 1000, timeZoneOffsetMinutes))
    .join(' to ');
  const atMs = /^\d?\d:\d\d(:\d\d)?$/.test(wanted)
    ? timeOfDayIn(wanted, startMs, endMs, timeZoneOffsetMinutes, span)
    : (parseTimeMs(wanted) ?? parseInstantMs(`${wanted}${zoneOf(timeZoneOffsetMinutes)}`));
  if (atMs === null) {
    const expected =
      'expected a time like 20:04 or 2026-11-27T20:04:00+06:00, Unix seconds, or the number of a cycle';
    throw new InputError('--at', null, `found ${quoted(text)}, ${expected}`);
  }
  if (atMs < startMs || atMs >= endMs) {
    const found = `found ${quoted(text)}, which is ${atMs < startMs ? 'before' : 'after'} the journal`;
    throw new InputError('--at', null, `${found}; it runs from ${span}`);
  }
  let at = 0;
  while (at + 1 < records.length && records[at + 1].startedAtMs <= atMs) {
    at++;
  }
  return at;
}

/** The instant at which clocks showed this time while the journal was written; null when no clock ever does. */
function timeOfDayIn(
  text: string,
  startMs: number,
  endMs: number,
  offsetMinutes: number,
  span: string,
): number | null {
  const time = text.padStart(text.length === 4 || text.length === 7 ? text.length + 1 : 0, '0');
  const found: number[] = [];
  for (let dayMs = startMs - DAY_MS; dayMs < endMs + DAY_MS; dayMs += DAY_MS) {
    const day = date(dayMs, offsetMinutes);
    const atMs = parseInstantMs(`${day}T${time}${zoneOf(offsetMinutes)}`);
    if (atMs === null) {
      return null;
    }
    if (atMs >= startMs && atMs < endMs) {
      found.push(atMs);
    }
  }
  if (found.length === 0) {
    throw new InputError(
      '--at',
      null,
      `found ${quoted(text)}, outside the journal; it runs from ${span}`,
    );
  }
  if (found.length > 1) {
    const days = found.map((atMs) => dayAndMonth(atMs, offsetMinutes));
    const shown =
      days.length > 4
        ? `${days.slice(0, 3).join(', ')} and ${String(days.length - 3)} more days`
        : days.join(' and ');
    const example = `${date(found[0], offsetMinutes)}T${timeOfDay(found[0], offsetMinutes)}`;
    throw new InputError(
      '--at',
      null,
      `found ${quoted(text)}, which is in the journal on ${shown}; expected the day as well, like ${example}`,
    );
  }
  return found[0];
}

function zoneOf(offsetMinutes: number): string {
  return formatInstant(0, offsetMinutes).slice(19);
}
