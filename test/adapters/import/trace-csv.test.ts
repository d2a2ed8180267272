import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InputError } from '../../../adapters/import/input-error.ts';
import { readTraceCsv, type TraceCsvProgress } from '../../../adapters/import/trace-csv.ts';

const HEADER = 'timestamp,requests_per_second\n';
const NOON = '2026-11-27T12:00:00+06:00';
const NOON_MS = Date.UTC(2026, 10, 27, 6);
const AFTER_NOON = '2026-11-27T12:01:00+06:00';
/** Where times without a zone are taken to be, in minutes. */
const DHAKA = 360;

let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trace-csv-'));
  file = join(folder, 'shop.csv');
});
afterAll(() => rm(folder, { recursive: true }));

const read = async (content: string | Uint8Array) => {
  await writeFile(file, content);
  return readTraceCsv(file, DHAKA);
};

/** The error without the folder in front of its file. */
const problemOf = async (reading: Promise<unknown>): Promise<string> => {
  const error: unknown = await reading.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(InputError);
  const { message, file: named, line } = error as InputError;
  expect(message.startsWith(line === null ? `${named}: ` : `${named}:${String(line)}: `)).toBe(
    true,
  );
  return message.replace(`${folder}/`, '');
};

describe('readTraceCsv', () => {
  it('reads rows and takes the file’s name', async () => {
    const { trace, warnings } = await read(`${HEADER}${NOON},12.5\n${AFTER_NOON},0\n`);
    expect(trace).toEqual({
      name: 'shop',
      startAtMs: NOON_MS,
      endAtMs: NOON_MS + 120_000,
      atMs: Float64Array.of(NOON_MS, NOON_MS + 60_000),
      requestsPerSecond: Float64Array.of(12.5, 0),
      stepMs: 60_000,
    });
    expect(warnings).toEqual([]);
  });

  it.each([
    ['a byte-order mark', `\uFEFF${HEADER}${NOON},12.5\n${AFTER_NOON},0\n`],
    ['bare CR', `${HEADER}${NOON},12.5\n${AFTER_NOON},0\n`.replaceAll('\n', '\r')],
    ['line ends of both kinds', `${HEADER}${NOON},12.5\r\n${AFTER_NOON},0\n`],
    [
      'line ends of both kinds, CRLF first',
      `${HEADER}${NOON},12.5\n`.replace('\n', '\r\n') + `${AFTER_NOON},0\n`,
    ],
    ['CRLF', `${HEADER}${NOON},12.5\n${AFTER_NOON},0\n`.replaceAll('\n', '\r\n')],
    [
      'both, and no last line end',
      `\uFEFF${HEADER}${NOON},12.5\n${AFTER_NOON},0`.replaceAll('\n', '\r\n'),
    ],
    ['blank lines at the end', `${HEADER}${NOON},12.5\n${AFTER_NOON},0\n\n  \n\r\n`],
    [
      'columns the other way round',
      `requests_per_second,timestamp\n12.5,${NOON}\n0,${AFTER_NOON}\n`,
    ],
    ['quotes', `"timestamp","requests_per_second"\n"${NOON}","12.5"\n${AFTER_NOON},0\n`],
    ['spaces', `${HEADER}${NOON}, 12.5\n ${AFTER_NOON} ,0 \n`],
    [
      'Unix seconds',
      `${HEADER}${String(NOON_MS / 1000)},12.5\n${String(NOON_MS / 1000 + 60)}.000,0\n`,
    ],
    ['Unix milliseconds', `${HEADER}${String(NOON_MS)},12.5\n${String(NOON_MS + 60_000)},0\n`],
    ['rates in other ways', `${HEADER}${NOON},1.25e1\n${AFTER_NOON},.0\n`],
  ])('accepts %s', async (_, content) => {
    const { trace } = await read(content);
    expect([...trace.atMs]).toEqual([NOON_MS, NOON_MS + 60_000]);
    expect([...trace.requestsPerSecond]).toEqual([12.5, 0]);
  });

  it('reads a Unix time with its fraction, to the millisecond', async () => {
    const seconds = await read(`${HEADER}0,1\n0.0015,1\n100000000000,1\n`);
    expect([...seconds.trace.atMs]).toEqual([0, 2, 1e14]);
    const milliseconds = await read(`${HEADER}100000000000.5,1\n100000000002,1\n`);
    expect([...milliseconds.trace.atMs]).toEqual([100_000_000_001, 100_000_000_002]);
  });

  it('says that there is no file', async () => {
    expect(await problemOf(readTraceCsv(join(folder, 'none.csv'), DHAKA))).toBe(
      'none.csv: found nothing here, expected a file',
    );
    expect(await problemOf(readTraceCsv(folder, DHAKA))).toContain(
      'found a folder, expected a CSV file',
    );
  });

  const good = `${HEADER}${NOON},1\n`;
  const expectedTime =
    'expected ISO-8601, like 2026-11-27T20:00:00+06:00, or Unix time in seconds or milliseconds';
  const expectedRate = 'expected a number of requests per second from 0 to 1000000000';
  it.each<[string, string | Uint8Array, string]>([
    [
      'an empty file',
      '',
      'shop.csv: found an empty file, expected the header timestamp,requests_per_second and rows',
    ],
    ['a byte-order mark alone', '\uFEFF', 'shop.csv: found an empty file, expected the header'],
    ['blank lines alone', '\n\n', 'shop.csv: found an empty file, expected the header'],
    ['a header alone', HEADER, 'shop.csv:1: found only the header, expected at least 2 rows'],
    ['one row', good, 'shop.csv:2: found a single row, expected at least 2 rows'],
    [
      'no header',
      `${NOON},1\n${AFTER_NOON},1\n`,
      `shop.csv:1: found "${NOON},1", expected the header timestamp,requests_per_second`,
    ],
    ['another header', 'time,rps\n1,1\n2,1\n', 'shop.csv:1: found "time,rps", expected the header'],
    [
      'a header in capitals',
      good.toUpperCase(),
      'shop.csv:1: found "TIMESTAMP,REQUESTS_PER_SECOND", expected the header',
    ],
    [
      'a column too many',
      `timestamp,requests_per_second,errors\n1,1,1\n`,
      'shop.csv:1: found "timestamp,requests_per_second,errors"',
    ],
    ['a column twice', 'timestamp,timestamp\n1,1\n', 'shop.csv:1: found "timestamp,timestamp"'],
    [
      'semicolons',
      'timestamp;requests_per_second\n1;1\n',
      'shop.csv:1: found "timestamp;requests_per_second"',
    ],
    ['a blank line first', `\n${good}`, 'shop.csv:1: found a blank line, expected the header'],
    [
      'a blank line between',
      `${good}\n${AFTER_NOON},1\n`,
      'shop.csv:3: found a blank line, expected a row (blank lines may only end the file)',
    ],
    [
      'a NUL',
      `${good}${AFTER_NOON},\u0000\n`,
      'shop.csv:3: found binary content (the byte 0x00), expected CSV text in UTF-8',
    ],
    ['UTF-16', Buffer.from(`\uFEFF${good}`, 'utf16le'), 'shop.csv:1: found binary content'],
    [
      'a picture',
      Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13),
      'shop.csv:2: found binary content (the byte 0x1a), expected CSV text in UTF-8',
    ],
    [
      'one column',
      `${good}${AFTER_NOON}\n`,
      `shop.csv:3: found 1 column ("${AFTER_NOON}"), expected 2: timestamp and requests_per_second`,
    ],
    [
      'three columns',
      `${good}${AFTER_NOON},1,000\n`,
      `shop.csv:3: found 3 columns ("${AFTER_NOON},1,000"), expected 2`,
    ],
    ['no time', `${good}soon,1\n`, `shop.csv:3: found the timestamp "soon", ${expectedTime}`],
    ['an empty time', `${good},1\n`, `shop.csv:3: found the timestamp "", ${expectedTime}`],
    [
      'an impossible day',
      `${good}2026-11-31T00:00:00Z,1\n`,
      `shop.csv:3: found the timestamp "2026-11-31T00:00:00Z", ${expectedTime}`,
    ],
    [
      'microseconds',
      `${good}1795759200000000,1\n`,
      `shop.csv:3: found the timestamp "1795759200000000", ${expectedTime}`,
    ],
    [
      'a zone that is none',
      `${good}2026-11-27T12:01:00 Dhaka,1\n`,
      `shop.csv:3: found the timestamp "2026-11-27T12:01:00 Dhaka", ${expectedTime}`,
    ],
    ['no rate', `${good}${AFTER_NOON},\n`, `shop.csv:3: found the rate "", ${expectedRate}`],
    ['NaN', `${good}${AFTER_NOON},NaN\n`, `shop.csv:3: found the rate "NaN", ${expectedRate}`],
    [
      'infinity',
      `${good}${AFTER_NOON},Infinity\n`,
      `shop.csv:3: found the rate "Infinity", ${expectedRate}`,
    ],
    [
      'an overflow',
      `${good}${AFTER_NOON},1e999\n`,
      `shop.csv:3: found the rate "1e999", ${expectedRate}`,
    ],
    [
      'a rate that no service has',
      `${good}${AFTER_NOON},1000000001\n`,
      `shop.csv:3: found the rate "1000000001", ${expectedRate}`,
    ],
    [
      'a negative rate',
      `${good}${AFTER_NOON},-1\n`,
      `shop.csv:3: found the rate "-1", ${expectedRate}`,
    ],
    [
      'a rate in hex',
      `${good}${AFTER_NOON},0x10\n`,
      `shop.csv:3: found the rate "0x10", ${expectedRate}`,
    ],
    [
      'a rate with words',
      `${good}${AFTER_NOON},5 rps\n`,
      `shop.csv:3: found the rate "5 rps", ${expectedRate}`,
    ],
    [
      'a time twice',
      `${good}2026-11-27T06:00:00Z,2\n`,
      'shop.csv:3: found a second row for "2026-11-27T06:00:00Z", expected one after the row before it (2026-11-27T06:00:00Z)',
    ],
    [
      'a time out of order',
      `${good}2026-11-27T11:59:00+06:00,2\n`,
      'shop.csv:3: found an earlier time, "2026-11-27T11:59:00+06:00", expected one after the row before it',
    ],
    ['a quote left open', `${good}${AFTER_NOON},"1\n`, 'shop.csv:3: found no end of this row'],
    [
      'a quote left open early in a long file',
      `${good}${AFTER_NOON},"1\n${`${AFTER_NOON},1\n`.repeat(9999)}`,
      'shop.csv:3: found no end of this row within 4096 bytes',
    ],
    [
      'a line break inside a time',
      `${good}"${AFTER_NOON}\n",1\n`,
      `shop.csv:3: found a line break inside a value ("${AFTER_NOON}\\n"), expected a row on one line`,
    ],
    [
      'a line break inside a rate',
      `${good}${AFTER_NOON},"\r\n1"\n`,
      'shop.csv:3: found a line break inside a value ("\\r\\n1")',
    ],
    [
      'nothing but a line break inside quotes',
      `${good}"\n"\n`,
      'shop.csv:3: found a line break inside a value ("\\n")',
    ],
    ['a quote inside', `${good}${AFTER_NOON},1"0\n`, 'shop.csv:3: found a misplaced quote'],
    [
      'an endless line',
      `${good}${'1'.repeat(100_000)}\n`,
      'shop.csv:3: found no end of this row within 4096 bytes',
    ],
  ])('refuses %s', async (_, content, expected) => {
    expect((await problemOf(read(content))).slice(0, expected.length)).toBe(expected);
  });

  it('names the first mistake of a file, whatever else is wrong with it', async () => {
    const later = `${AFTER_NOON},1"0\n2026-11-27T12:02:00+06:00,1\n\u0000`;
    expect(await problemOf(read(`time,rps\n${NOON},1\n${later}`))).toContain(
      'shop.csv:1: found "time,rps"',
    );
    expect(await problemOf(read(`${HEADER}${NOON},x\n${later}`))).toContain(
      'shop.csv:2: found the rate "x"',
    );
    expect(await problemOf(read(`${good}${later}`))).toContain('shop.csv:3: found a misplaced');
    expect(await problemOf(read(`${good}\u0000\n${later}`))).toContain('shop.csv:3: found binary');
  });

  it('reads a time without its zone at the offset it is given, and says so once', async () => {
    const zoneless = `${HEADER}2026-11-27T12:00:00,1\n2026-11-27 12:01,2\n`;
    const dhaka = await read(zoneless);
    expect([...dhaka.trace.atMs]).toEqual([NOON_MS, NOON_MS + 60_000]);
    expect(dhaka.warnings.map((warning) => warning.replace(`${folder}/`, ''))).toEqual([
      "shop.csv:2: found times without a zone from this row on, read as +06:00, the scenario's timeZoneOffsetMinutes",
    ]);
    const newfoundland = await readTraceCsv(file, -210);
    expect(newfoundland.trace.startAtMs).toBe(Date.UTC(2026, 10, 27, 15, 30));
    expect(newfoundland.warnings.join()).toContain('read as -03:30');
    expect((await readTraceCsv(file, 0)).trace.startAtMs).toBe(Date.UTC(2026, 10, 27, 12));
  });

  it('reads a time that has its zone there, whatever its neighbours have', async () => {
    const { trace, warnings } = await read(
      `${HEADER}2026-11-27T05:59:00Z,1\n2026-11-27T12:00:00,2\n${AFTER_NOON},3\n`,
    );
    expect([...trace.atMs]).toEqual([NOON_MS - 60_000, NOON_MS, NOON_MS + 60_000]);
    expect(warnings.join()).toContain('shop.csv:3: found times without a zone');
  });

  it('counts lines to the end of a long file', async () => {
    const many = Array.from({ length: 20_000 }, (_, at) => `${String(at * 60)},1\n`).join('');
    expect(await problemOf(read(`${HEADER}${many}soon,1\n`))).toContain(
      'shop.csv:20002: found the',
    );
    expect(await problemOf(read(`${HEADER}${many}9999999,\u0000`))).toContain(
      'shop.csv:20002: found binary',
    );
  });

  it('keeps an error on one line, whatever was found', async () => {
    const message = await problemOf(read(`${good}"a\nb\u001b[31m${'x'.repeat(500)}",1\n`));
    expect(message).not.toMatch(/\p{Cc}/u);
    // C1 controls steer terminals too, and marks of direction reverse what follows them.
    const sly = await problemOf(read(`${good}\u009b31m\u202e\u2028,1\n`));
    expect(sly).toContain('found the timestamp "\\u009b31m\\u202e\\u2028"');
    expect(message.length).toBeLessThan(300);
  });

  it('warns of gaps, how many and where the first is', async () => {
    const row = (minute: number) => `${String(minute * 60)},1\n`;
    const one = await read(HEADER + [0, 1, 2, 7, 8].map(row).join(''));
    expect(one.warnings.map((warning) => warning.replace(`${folder}/`, ''))).toEqual([
      'shop.csv:5: found 1 gap of 300 s before this row where rows are usually 60 s apart; ' +
        'missing traffic is taken to run in a straight line between its neighbours',
    ]);
    const two = await read(HEADER + [0, 1, 2, 7, 8, 9, 11, 12].map(row).join(''));
    expect(two.warnings).toHaveLength(1);
    expect(two.warnings[0]).toContain('shop.csv:5: found 2 gaps, the first of 300 s before');
    expect((await read(HEADER + [0, 1, 2, 3.5, 4.5].map(row).join(''))).warnings).toEqual([]);
  });

  it('reports its progress, at the end as well', async () => {
    const rowCount = 140_000;
    const content =
      HEADER + Array.from({ length: rowCount }, (_, at) => `${String(at)},1\n`).join('');
    await writeFile(file, content);
    const seen: TraceCsvProgress[] = [];
    const { trace } = await readTraceCsv(file, DHAKA, {
      onProgress: (progress) => seen.push(progress),
    });
    const rowsRead = seen.map((progress) => progress.rowsRead);
    expect(rowsRead).toHaveLength(3);
    expect(rowsRead[0]).toBeGreaterThanOrEqual(65_536);
    expect(rowsRead[1]).toBeGreaterThanOrEqual(rowsRead[0] + 65_536);
    expect(rowsRead[2]).toBe(rowCount);
    expect(seen.at(-1)).toMatchObject({ bytesRead: content.length, bytesTotal: content.length });
    expect(trace.atMs).toHaveLength(rowCount);
    expect(trace.atMs[rowCount - 1]).toBe((rowCount - 1) * 1000);
    expect(trace.requestsPerSecond.every((rate) => rate === 1)).toBe(true);
    // Arrays that grew by doubling are cut to size.
    expect(trace.atMs.buffer.byteLength).toBe(rowCount * 8);
  });

  it('reads a pipe, whose size nobody knows', async () => {
    const pipe = join(folder, 'pipe.csv');
    execFileSync('mkfifo', [pipe]);
    const seen: TraceCsvProgress[] = [];
    const reading = readTraceCsv(pipe, DHAKA, {
      onProgress: (progress) => seen.push(progress),
    });
    await writeFile(pipe, `${HEADER}${NOON},1\n${AFTER_NOON},2\n`);
    expect((await reading).trace.requestsPerSecond).toEqual(Float64Array.of(1, 2));
    expect(seen.at(-1)?.bytesTotal).toBeNull();
  });
});
