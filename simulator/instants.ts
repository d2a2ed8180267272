/**
 * Instants as text and as epoch milliseconds, by integer arithmetic only: Date and Intl are banned
 * here, and every zone is an offset in minutes. The calendar is the proleptic Gregorian one; days
 * are counted as in Howard Hinnant's "chrono-compatible date algorithms".
 */

const MS_PER_MINUTE = 60_000;
const MS_PER_DAY = 86_400_000;
/** The offsets in use run from −12:00 to +14:00. */
export const OFFSET_MINUTES_MIN = -12 * 60;
export const OFFSET_MINUTES_MAX = 14 * 60;

const ISO_8601 =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?:([Zz])|([+-])(\d\d)(?::?(\d\d))?)$/;

/**
 * Epoch milliseconds of an ISO-8601 instant with its zone: `2026-11-27T20:00:00+06:00`, `2026-11-27
 * 14:00:00.250Z`. Seconds may be left out; what is finer than a millisecond is cut off. Null when
 * the text is anything else, an impossible date included; a text that only lacks its zone is null
 * too, see `lacksZone`.
 */
export function parseInstantMs(text: string): number | null {
  const match = ISO_8601.exec(text);
  if (match === null) {
    return null;
  }
  const [
    ,
    yearText,
    monthText,
    dayText,
    hourText,
    minuteText,
    secondText,
    fraction,
    ,
    sign,
    zoneHourText,
    zoneMinuteText,
  ] = match;
  const year = Number(yearText);
  const month = Number(monthText);
  const day = Number(dayText);
  const hour = Number(hourText);
  const minute = Number(minuteText);
  const second = Number(secondText ?? '0');
  const millisecond = Number((fraction ?? '').slice(0, 3).padEnd(3, '0'));
  const zoneMinute = Number(zoneMinuteText ?? '0');
  const offsetMinutes = (sign === '-' ? -1 : 1) * (Number(zoneHourText ?? '0') * 60 + zoneMinute);

  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) {
    return null;
  }
  if (hour > 23 || minute > 59 || second > 59 || zoneMinute > 59) {
    return null;
  }
  if (offsetMinutes < OFFSET_MINUTES_MIN || offsetMinutes > OFFSET_MINUTES_MAX) {
    return null;
  }
  const dayMs = daysFromCivil(year, month, day) * MS_PER_DAY;
  return dayMs + ((hour * 60 + minute - offsetMinutes) * 60 + second) * 1000 + millisecond;
}

/** Unix times above this are milliseconds (from 1973 on), up to it seconds (until the year 5138). */
const UNIX_MS_ABOVE = 1e11;
/** The last millisecond of the year 9999. */
export const AT_MS_MAX = 253_402_300_799_999;

/**
 * Epoch milliseconds of an instant written as ISO-8601 with its zone, or as Unix time (milliseconds if above 1e11, else
 * seconds); null when the text is neither, or after the year 9999.
 */
export function parseTimeMs(text: string): number | null {
  if (!/^\d+(\.\d+)?$/.test(text)) {
    return parseInstantMs(text);
  }
  const unix = Number(text);
  const atMs = Math.round(unix > UNIX_MS_ABOVE ? unix : unix * 1000);
  return atMs <= AT_MS_MAX ? atMs : null;
}

/** What a text that is no instant to `parseTimeMs` should have been. */
export function expectedTime(text: string): string {
  return lacksZone(text)
    ? 'expected its zone as well, like +06:00 or Z at the end'
    : 'expected ISO-8601 with a zone, like 2026-11-27T20:00:00+06:00, or Unix time in seconds or milliseconds';
}

/** Whether the text would be an instant if only it said its zone. */
export function lacksZone(text: string): boolean {
  return parseInstantMs(text) === null && parseInstantMs(`${text}Z`) !== null;
}

/**
 * The instant as ISO-8601 in a zone: `2026-11-27T20:00:00+06:00`, `Z` for offset 0, with `.250`
 * only when there are milliseconds. `parseInstantMs` reads it back. A RangeError outside the years
 * 0000–9999 or for an offset that is not whole minutes in use.
 */
export function formatInstant(atMs: number, offsetMinutes: number): string {
  if (
    !Number.isInteger(offsetMinutes) ||
    offsetMinutes < OFFSET_MINUTES_MIN ||
    offsetMinutes > OFFSET_MINUTES_MAX
  ) {
    throw new RangeError(
      `A zone is ${String(OFFSET_MINUTES_MIN)} to ${String(OFFSET_MINUTES_MAX)} whole minutes, not ${String(offsetMinutes)}.`,
    );
  }
  const localMs = Math.floor(atMs) + offsetMinutes * MS_PER_MINUTE;
  const days = Math.floor(localMs / MS_PER_DAY);
  const { year, month, day } = civilFromDays(days);
  if (!(year >= 0 && year <= 9999)) {
    throw new RangeError(`An instant is in the years 0000 to 9999, not ${String(atMs)} ms.`);
  }

  const msOfDay = localMs - days * MS_PER_DAY;
  const secondOfDay = Math.floor(msOfDay / 1000);
  const millisecond = msOfDay % 1000;
  const time = [
    Math.floor(secondOfDay / 3600),
    Math.floor(secondOfDay / 60) % 60,
    secondOfDay % 60,
  ];
  const date = `${digits(year, 4)}-${digits(month, 2)}-${digits(day, 2)}`;
  const fraction = millisecond === 0 ? '' : `.${digits(millisecond, 3)}`;
  return `${date}T${time.map((part) => digits(part, 2)).join(':')}${fraction}${formatOffset(offsetMinutes)}`;
}

/** The zone as ISO-8601 writes it: `+06:00`, `Z` for offset 0. */
export function formatOffset(offsetMinutes: number): string {
  if (offsetMinutes === 0) {
    return 'Z';
  }
  const minutes = Math.abs(offsetMinutes);
  return `${offsetMinutes < 0 ? '-' : '+'}${digits(Math.floor(minutes / 60), 2)}:${digits(minutes % 60, 2)}`;
}

function digits(value: number, width: number): string {
  return String(value).padStart(width, '0');
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) {
    return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  }
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/**
 * Days since 1970-01-01. The year begins in March, so that the leap day is its last; an era is 400
 * years of 146,097 days.
 */
function daysFromCivil(year: number, month: number, day: number): number {
  const marchYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(marchYear / 400);
  const yearOfEra = marchYear - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146097 + dayOfEra - 719468;
}

/** The inverse of `daysFromCivil`. */
function civilFromDays(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719468;
  const era = Math.floor(shifted / 146097);
  const dayOfEra = shifted - era * 146097;
  const leapDays =
    Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36524) + Math.floor(dayOfEra / 146096);
  const yearOfEra = Math.floor((dayOfEra - leapDays) / 365);
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1,
  };
}
