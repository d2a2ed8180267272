import { formatInstant } from '../../simulator/index.ts';
import { formatLakh } from './money.ts';

/** What a terminal shows without wrapping, anywhere. */
export const WIDTH = 80;

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

/** `UTC+06:00`. */
export function zoneName(offsetMinutes: number): string {
  const zone = formatInstant(0, offsetMinutes).slice(19);
  return zone === 'Z' ? 'UTC' : `UTC${zone}`;
}

/** A span of time in its largest unit that is at least 2: `27.6 days`, `48 h`, `57 min`. */
export function formatSpan(ms: number): string {
  const minutes = ms / 60_000;
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

/** Text from elsewhere on one line, without control characters, of at most `width` characters. */
export function shortened(text: string, width: number): string {
  const characters = [...text.replace(/[\p{C}\s]+/gu, ' ').trim()];
  return characters.length <= width
    ? characters.join('')
    : `${characters.slice(0, width - 1).join('')}…`;
}

/** Breaks text into lines of at most `width` characters at its spaces; each begins with `indent`. */
export function wrapped(text: string, width: number, indent = ''): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent.length + line.length + 1 + word.length > width) {
      lines.push(indent + line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  lines.push(indent + line);
  return lines;
}

export interface Column {
  /** Above its values, line by line. */
  readonly header: readonly string[];
  readonly values: readonly string[];
  readonly align: 'left' | 'right';
  /** Begins a group of columns: set off from what is before it where there is room. */
  readonly group: boolean;
  /** Left out when the table is too wide; the highest goes first, 0 never. */
  readonly dropped: number;
}

/** Spaces between columns, and between groups of columns: the first that fit. */
const GAPS = [
  [2, 3],
  [2, 2],
  [1, 3],
  [1, 2],
  [1, 1],
] as const;

/** A table in at most `width` columns: narrower gaps first, then fewer columns. */
export function textTable(columns: readonly Column[], width: number): string[] {
  const widths = columns.map(({ header, values }) =>
    Math.max(...[...header, ...values].map((cell) => [...cell].length)),
  );
  const content = widths.reduce((sum, each) => sum + each, 0);
  const fitting = GAPS.map(([gap, groupGap]) =>
    columns.map(({ group }, at) => (at === 0 ? 0 : group ? groupGap : gap)),
  ).find((gaps) => gaps.reduce((sum, each) => sum + each, content) <= width);
  const expendable = columns.reduce((a, b) => (b.dropped > a.dropped ? b : a));
  if (fitting === undefined && expendable.dropped > 0) {
    return textTable(
      columns.filter((column) => column !== expendable),
      width,
    );
  }
  const gaps = fitting ?? columns.map((_, at) => (at === 0 ? 0 : 1));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => {
        const space = ' '.repeat(widths[at] - [...cell].length);
        const padded = columns[at].align === 'left' ? cell + space : space + cell;
        return ' '.repeat(gaps[at]) + padded;
      })
      .join('')
      .trimEnd();
  const headerLines = Math.max(...columns.map(({ header }) => header.length));
  const headerOf = ({ header }: Column, at: number): string =>
    header[at - headerLines + header.length] ?? '';
  return [
    ...Array.from({ length: headerLines }, (_, at) =>
      line(columns.map((column) => headerOf(column, at))),
    ),
    ...columns[0].values.map((_, row) => line(columns.map(({ values }) => values[row]))),
  ];
}
