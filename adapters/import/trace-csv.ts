import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { CsvError, parse, type Parser } from 'csv-parse';
import {
  formatInstant,
  formatOffset,
  parseInstantMs,
  parseTimeMs,
} from '../../simulator/instants.ts';
import { gapRows, makeTrace, type Trace } from '../../simulator/trace.ts';
import { fileError, InputError, place, quoted } from './input-error.ts';

export interface TraceCsvProgress {
  readonly rowsRead: number;
  readonly bytesRead: number;
  /** Null when it is not known, as for a pipe. */
  readonly bytesTotal: number | null;
}

export interface TraceCsvOptions {
  /** Called at least every 65,536 rows and at the end. */
  readonly onProgress?: (progress: TraceCsvProgress) => void;
}

/** More requests per second than any service has; what is above is a mistake in the file. */
export const REQUESTS_PER_SECOND_MAX = 1e9;

const COLUMNS = ['timestamp', 'requests_per_second'] as const;
const HEADER = `the header ${COLUMNS.join(',')}`;
const ROWS_PER_PROGRESS = 65_536;
/** A row is two short fields; a longer one is an unclosed quote or no CSV at all. */
const ROW_BYTES_MAX = 4096;
const TAB = 9;
const NEWLINE = 10;
const CARRIAGE_RETURN = 13;

/**
 * The trace in a CSV file, read as a stream. Its header is `timestamp,requests_per_second`, in
 * either order; a row is a bucket's start, as ISO-8601 or as Unix time (milliseconds if above 1e11,
 * else seconds), and its average rate. A time without its zone is one at `timeZoneOffsetMinutes`.
 * Rows ascend strictly. A UTF-8 byte-order mark, any line ends, spaces around values and blank
 * lines at the end are accepted. The trace has the file's name without `.csv`.
 *
 * Anything else is an InputError with file and line: the first one in the file. The warnings tell
 * of gaps, where rows are further apart than 1.5 × their median spacing, and of times without a
 * zone. scenarios/README.md has the contract as a table.
 */
export async function readTraceCsv(
  path: string,
  timeZoneOffsetMinutes: number,
  options: TraceCsvOptions = {},
): Promise<{ trace: Trace; warnings: string[] }> {
  const bytesTotal = await sizeOf(path);
  const source = createReadStream(path);
  const parser = parse({
    bom: true,
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
    max_record_size: ROW_BYTES_MAX,
  });
  // Nothing is lost: `takeRows` throws it.
  parser.on('error', () => undefined);

  const rows = new TraceRows(path, timeZoneOffsetMinutes);
  const report = (): void => {
    options.onProgress?.({ rowsRead: rows.count, bytesRead: source.bytesRead, bytesTotal });
  };
  let linesRead = 0;
  let rowsReported = 0;
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      const { textEnd, lines } = textOf(chunk);
      linesRead += lines;
      parser.write(chunk.subarray(0, textEnd));
      takeRows(path, parser, rows);
      if (textEnd < chunk.length) {
        const byte = chunk[textEnd].toString(16).padStart(2, '0');
        const found = `found binary content (the byte 0x${byte})`;
        throw new InputError(path, linesRead + 1, `${found}, expected CSV text in UTF-8`);
      }
      if (rows.count - rowsReported >= ROWS_PER_PROGRESS) {
        rowsReported = rows.count;
        report();
      }
    }
  } catch (error) {
    throw error instanceof Error && 'syscall' in error ? fileError(path, error) : error;
  } finally {
    source.destroy();
  }
  await new Promise((resolve) => {
    parser.end(resolve);
  });
  takeRows(path, parser, rows);
  report();
  return rows.finish();
}

/** The file's size in bytes, or null for a pipe. */
async function sizeOf(path: string): Promise<number | null> {
  let found;
  try {
    found = await stat(path);
  } catch (error) {
    throw fileError(path, error);
  }
  if (found.isDirectory()) {
    throw new InputError(path, null, 'found a folder, expected a CSV file');
  }
  return found.isFile() ? found.size : null;
}

/**
 * Where the bytes stop being text, and how many line ends are before that. Text has no control
 * characters but tabs and line ends; compressed files, spreadsheets and UTF-16 soon do.
 */
function textOf(chunk: Buffer): { textEnd: number; lines: number } {
  let lines = 0;
  for (let at = 0; at < chunk.length; at++) {
    const byte = chunk[at];
    if (byte >= 32) {
      continue;
    }
    if (byte === NEWLINE) {
      lines++;
    } else if (byte !== CARRIAGE_RETURN && byte !== TAB) {
      return { textEnd: at, lines };
    }
  }
  return { textEnd: chunk.length, lines };
}

/**
 * Moves what the parser has read into the rows, then throws what stopped it: rows are judged in the
 * order of the file, so that the first mistake is the one reported. csv-parse parses within
 * `write`, so nothing is left for later.
 */
function takeRows(path: string, parser: Parser, rows: TraceRows): void {
  for (;;) {
    const record = parser.read() as string[] | null;
    if (record === null) {
      break;
    }
    rows.add(record);
  }
  const error = parser.errored;
  if (error instanceof CsvError) {
    throw new InputError(path, rows.nextLine, csvProblem(error));
  }
  if (error !== null) {
    throw error;
  }
}

/** The rows read so far: two arrays that double as they fill. */
class TraceRows {
  count = 0;
  /** The line of the file on which the next record begins. */
  nextLine = 1;
  readonly #path: string;
  /** What a time without a zone is read with, like `+06:00`. */
  readonly #zone: string;
  #zonelessLine: number | null = null;
  #atMs = new Float64Array(4096);
  #requestsPerSecond = new Float64Array(4096);
  /** Which of a row's two fields is the timestamp; null before the header. */
  #timestampAt: 0 | 1 | null = null;
  #blankLine: number | null = null;

  constructor(path: string, timeZoneOffsetMinutes: number) {
    this.#path = path;
    this.#zone = formatOffset(timeZoneOffsetMinutes);
  }

  add(record: string[]): void {
    const line = this.nextLine++;
    if (record.length === 1 && record[0].trim() === '') {
      this.#refuseLineBreak(record[0], line);
      this.#blankLine ??= line;
      return;
    }
    if (this.#blankLine !== null) {
      throw this.#error(this.#blankLine, `found a blank line, expected ${this.#expected()}`);
    }
    if (this.#timestampAt === null) {
      this.#timestampAt = this.#headerOrder(record, line);
      return;
    }
    if (record.length !== 2) {
      const columns = `${String(record.length)} ${record.length === 1 ? 'column' : 'columns'}`;
      const found = `found ${columns} (${quoted(record.join(','))})`;
      throw this.#error(line, `${found}, expected 2: ${COLUMNS.join(' and ')}`);
    }
    const atMs = this.#timestamp(record[this.#timestampAt], line);
    const rate = this.#rate(record[1 - this.#timestampAt], line);
    this.#append(atMs, rate);
  }

  finish(): { trace: Trace; warnings: string[] } {
    if (this.#timestampAt === null) {
      throw this.#error(null, `found an empty file, expected ${HEADER} and rows`);
    }
    if (this.count < 2) {
      const found = this.count === 0 ? 'only the header' : 'a single row';
      throw this.#error(this.count + 1, `found ${found}, expected at least 2 rows`);
    }
    const trace = makeTrace(
      basename(this.#path).replace(/\.csv$/i, ''),
      this.#atMs.slice(0, this.count),
      this.#requestsPerSecond.slice(0, this.count),
    );
    return { trace, warnings: [...this.#zoneWarnings(), ...gapWarnings(this.#path, trace)] };
  }

  #append(atMs: number, rate: number): void {
    if (this.count === this.#atMs.length) {
      this.#atMs = doubled(this.#atMs);
      this.#requestsPerSecond = doubled(this.#requestsPerSecond);
    }
    this.#atMs[this.count] = atMs;
    this.#requestsPerSecond[this.count] = rate;
    this.count++;
  }

  #headerOrder(record: string[], line: number): 0 | 1 {
    if (record.length === 2) {
      for (const at of [0, 1] as const) {
        if (record[at] === COLUMNS[0] && record[1 - at] === COLUMNS[1]) {
          return at;
        }
      }
    }
    throw this.#error(line, `found ${quoted(record.join(','))}, expected ${HEADER}`);
  }

  #timestamp(field: string, line: number): number {
    const atMs = parseTimeMs(field) ?? this.#unusualTimestamp(field, line);
    const lastAtMs = this.count === 0 ? -Infinity : this.#atMs[this.count - 1];
    if (atMs > lastAtMs) {
      return atMs;
    }
    const last = formatInstant(lastAtMs, 0);
    const kind = atMs === lastAtMs ? 'a second row for' : 'an earlier time,';
    const expected = `expected one after the row before it (${last})`;
    throw this.#error(line, `found ${kind} ${quoted(field)}, ${expected}`);
  }

  /** With spaces around it, or without its zone. */
  #unusualTimestamp(field: string, line: number): number {
    this.#refuseLineBreak(field, line);
    const text = field.trim();
    const atMs = parseTimeMs(text);
    if (atMs !== null) {
      return atMs;
    }
    const zonedAtMs = parseInstantMs(text + this.#zone);
    if (zonedAtMs !== null) {
      this.#zonelessLine ??= line;
      return zonedAtMs;
    }
    const expected =
      'expected ISO-8601, like 2026-11-27T20:00:00+06:00, or Unix time in seconds or milliseconds';
    throw this.#error(line, `found the timestamp ${quoted(field)}, ${expected}`);
  }

  #rate(field: string, line: number): number {
    const rate = rateOf(field);
    if (rate !== null) {
      return rate;
    }
    this.#refuseLineBreak(field, line);
    const trimmedRate = rateOf(field.trim());
    if (trimmedRate !== null) {
      return trimmedRate;
    }
    const expected = `expected a number of requests per second from 0 to ${String(REQUESTS_PER_SECOND_MAX)}`;
    throw this.#error(line, `found the rate ${quoted(field)}, ${expected}`);
  }

  /** A quoted one would be a value that trims well, but every line after it would be misnamed. */
  #refuseLineBreak(field: string, line: number): void {
    if (/[\r\n]/.test(field)) {
      const found = `found a line break inside a value (${quoted(field)})`;
      throw this.#error(line, `${found}, expected a row on one line`);
    }
  }

  #zoneWarnings(): string[] {
    return this.#zonelessLine === null
      ? []
      : [
          `${place(this.#path, this.#zonelessLine)}: found times without a zone from this row on, read as ${this.#zone}, the scenario's timeZoneOffsetMinutes`,
        ];
  }

  #expected(): string {
    return this.#timestampAt === null ? HEADER : 'a row (blank lines may only end the file)';
  }

  #error(line: number | null, problem: string): InputError {
    return new InputError(this.#path, line, problem);
  }
}

/** The rate that a decimal number gives, or null when it is none or out of range. */
function rateOf(text: string): number | null {
  const rate = /^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN;
  return rate <= REQUESTS_PER_SECOND_MAX ? rate : null;
}

function csvProblem(error: CsvError): string {
  if (error.code === 'CSV_MAX_RECORD_SIZE' || error.code === 'CSV_QUOTE_NOT_CLOSED') {
    return `found no end of this row within ${String(ROW_BYTES_MAX)} bytes or at the end of the file, expected two short columns (is a quote left open?)`;
  }
  return 'found a misplaced quote, expected values with quotes around them or none';
}

/**
 * At most one warning. Rows stand on the lines after the header, since blank lines between them are
 * refused.
 */
function gapWarnings(path: string, trace: Trace): string[] {
  const rows = gapRows(trace);
  if (rows.length === 0) {
    return [];
  }
  const [row] = rows;
  const seconds = (ms: number): string => `${String(ms / 1000)} s`;
  const gaps = rows.length === 1 ? '1 gap' : `${String(rows.length)} gaps, the first`;
  const length = seconds(trace.atMs[row + 1] - trace.atMs[row]);
  return [
    `${place(path, row + 3)}: found ${gaps} of ${length} before this row where rows are usually ${seconds(trace.stepMs)} apart; ` +
      'missing traffic is taken to run in a straight line between its neighbours',
  ];
}

function doubled(values: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(values.length * 2);
  larger.set(values);
  return larger;
}
