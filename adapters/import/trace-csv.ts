import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CsvError, parse } from 'csv-parse';
import { formatInstant, lacksZone, parseInstantMs } from '../../simulator/instants.ts';
import { gapRows, makeTrace, type Trace } from '../../simulator/trace.ts';
import { fileError, InputError, place, quoted } from './input-error.ts';

export interface TraceCsvProgress {
  readonly rowsRead: number;
  readonly bytesRead: number;
  /** Null when it is not known, as for a pipe. */
  readonly bytesTotal: number | null;
}

export interface TraceCsvOptions {
  /** Called every 65,536 rows and at the end. */
  readonly onProgress?: (progress: TraceCsvProgress) => void;
}

const COLUMNS = ['timestamp', 'requests_per_second'] as const;
const HEADER = `the header ${COLUMNS.join(',')}`;
const ROWS_PER_PROGRESS = 65_536;
/** A row is two short fields; a longer one is an unclosed quote or no CSV at all. */
const ROW_BYTES_MAX = 4096;
/**
 * Unix times above this are milliseconds (from 1973 on), up to it seconds (until the year 5138).
 */
const UNIX_MS_ABOVE = 1e11;
/** The last millisecond of the year 9999. */
const AT_MS_MAX = 253_402_300_799_999;
const NUL = 0;
const NEWLINE = 10;

/**
 * The trace in a CSV file, read as a stream. Its header is `timestamp,requests_per_second`, in
 * either order; a row is a bucket's start, as ISO-8601 with its zone or as Unix time (milliseconds
 * if above 1e11, else seconds), and its average rate. Rows ascend strictly. A UTF-8 byte-order
 * mark, CRLF, spaces around values and blank lines at the end are accepted. The trace has the
 * file's name without `.csv`.
 *
 * Anything else is an InputError with file and line. The warnings tell of gaps: rows further apart
 * than 1.5 × their median spacing.
 */
export async function readTraceCsv(
  path: string,
  options: TraceCsvOptions = {},
): Promise<{ trace: Trace; warnings: string[] }> {
  const bytesTotal = await sizeOf(path);
  const source = createReadStream(path);
  const parser = parse({
    bom: true,
    info: true,
    relax_column_count: true,
    max_record_size: ROW_BYTES_MAX,
  });
  // Its failures reach the loop below, since it destroys the parser with the same error.
  pipeline(source, refuseNul(path), parser).catch(() => undefined);

  const rows = new TraceRows(path);
  const report = (): void => {
    options.onProgress?.({ rowsRead: rows.count, bytesRead: source.bytesRead, bytesTotal });
  };
  try {
    for await (const { record, info } of parser as AsyncIterable<ParsedLine>) {
      rows.add(record, info.lines);
      if (rows.count % ROWS_PER_PROGRESS === 0 && rows.count > 0) {
        report();
      }
    }
  } catch (error) {
    source.destroy();
    if (error instanceof InputError) {
      throw error;
    }
    if (error instanceof CsvError) {
      // One line a row, so that many rows were whole.
      throw new InputError(path, Number(error['records']) + 1, csvProblem(error));
    }
    throw error instanceof Error && 'syscall' in error ? fileError(path, error) : error;
  }
  report();
  return rows.finish();
}

interface ParsedLine {
  readonly record: string[];
  readonly info: { readonly lines: number };
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
 * Passes bytes on, up to the first NUL: text has none, but compressed files, spreadsheets and
 * UTF-16 do.
 */
function refuseNul(path: string): Transform {
  let linesBefore = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const nulAt = chunk.indexOf(NUL);
      const end = nulAt === -1 ? chunk.length : nulAt;
      for (
        let at = chunk.indexOf(NEWLINE);
        at !== -1 && at < end;
        at = chunk.indexOf(NEWLINE, at + 1)
      ) {
        linesBefore++;
      }
      if (nulAt === -1) {
        done(null, chunk);
      } else {
        const problem = 'found binary content (a NUL byte), expected CSV text in UTF-8';
        done(new InputError(path, linesBefore + 1, problem));
      }
    },
  });
}

/** The rows read so far: two arrays that double as they fill. */
class TraceRows {
  count = 0;
  readonly #path: string;
  #atMs = new Float64Array(4096);
  #requestsPerSecond = new Float64Array(4096);
  /** Which of a row's two fields is the timestamp; null before the header. */
  #timestampAt: 0 | 1 | null = null;
  #blankLine: number | null = null;

  constructor(path: string) {
    this.#path = path;
  }

  add(record: string[], line: number): void {
    if (record.length === 1 && record[0].trim() === '') {
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
    return { trace, warnings: gapWarnings(this.#path, trace) };
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
    const text = field.trim();
    const atMs = timestampMs(text);
    if (atMs === null) {
      const expected = lacksZone(text)
        ? 'expected its zone as well, like +06:00 or Z at the end'
        : 'expected ISO-8601 with a zone, like 2026-11-27T20:00:00+06:00, or Unix time in seconds or milliseconds';
      throw this.#error(line, `found the timestamp ${quoted(field)}, ${expected}`);
    }
    const lastAtMs = this.count === 0 ? -Infinity : this.#atMs[this.count - 1];
    if (atMs > lastAtMs) {
      return atMs;
    }
    const last = formatInstant(lastAtMs, 0);
    const kind = atMs === lastAtMs ? 'a second row for' : 'an earlier time,';
    const expected = `expected one after the row before it (${last})`;
    throw this.#error(line, `found ${kind} ${quoted(field)}, ${expected}`);
  }

  #rate(field: string, line: number): number {
    const text = field.trim();
    const rate = /^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN;
    if (Number.isFinite(rate)) {
      return rate;
    }
    const expected = 'expected a number of requests per second, 0 or more';
    throw this.#error(line, `found the rate ${quoted(field)}, ${expected}`);
  }

  #expected(): string {
    return this.#timestampAt === null ? HEADER : 'a row (blank lines may only end the file)';
  }

  #error(line: number | null, problem: string): InputError {
    return new InputError(this.#path, line, problem);
  }
}

/** Epoch milliseconds of a timestamp in one of the accepted forms, else null. */
function timestampMs(text: string): number | null {
  if (!/^\d+(\.\d+)?$/.test(text)) {
    return parseInstantMs(text);
  }
  const unix = Number(text);
  const atMs = Math.round(unix > UNIX_MS_ABOVE ? unix : unix * 1000);
  return atMs <= AT_MS_MAX ? atMs : null;
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
