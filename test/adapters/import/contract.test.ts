// The table of scenarios/README.md, row by row: the file that it speaks of, and what it says becomes of it.
import { mkdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { failureOf } from '../../../adapters/cli/failure.ts';
import { loadScenario, type ScenarioOverrides } from '../../../adapters/import/load-scenario.ts';
import { root, temporaryFolder } from '../cli/program.ts';

const folder = temporaryFolder();
afterAll(() => {
  folder.remove();
});

const HEADER = 'timestamp,requests_per_second\n';
const NOON_MS = Date.UTC(2026, 10, 27, 6);
const FIRST = '2026-11-27T12:00:00+06:00,10\n';
const SECOND = '2026-11-27T12:01:00+06:00,20.5\n';
const GOOD = HEADER + FIRST + SECOND;
/** A third line, after a header and a good row. */
const third = (line: string): string => `${HEADER}${FIRST}${line}\n`;

/** What the file holds. A refusal needs no more; what is read is GOOD unless rows are given. */
interface Case {
  readonly content: string | Uint8Array | null;
  readonly overrides?: ScenarioOverrides;
  readonly rows?: readonly (readonly [atMs: number, requestsPerSecond: number])[];
}

const content = (text: string | Uint8Array): Case => ({ content: text });
const minute = (at: number) => [NOON_MS + at * 60_000, 1] as const;

const cases: Readonly<Record<string, Case>> = {
  'times in ISO-8601 with their zone': content(GOOD),
  'times in seconds since 1970': content(
    `${HEADER}${String(NOON_MS / 1000)},10\n${String(NOON_MS / 1000 + 60)},20.5\n`,
  ),
  'times in milliseconds since 1970': content(
    `${HEADER}${String(NOON_MS)},10\n${String(NOON_MS + 60_000)},20.5\n`,
  ),
  'times without their zone': content(GOOD.replaceAll('+06:00', '')),
  'columns the other way round': content(GOOD.replaceAll(/^(.*),(.*)$/gm, '$2,$1')),
  'a byte-order mark': content(`\uFEFF${GOOD}`),
  'CRLF line ends': content(GOOD.replaceAll('\n', '\r\n')),
  'bare CR line ends': content(GOOD.replaceAll('\n', '\r')),
  'line ends of several kinds': content(`${HEADER.trim()}\r\n${FIRST}${SECOND.trim()}\r`),
  'no last line end': content(GOOD.trimEnd()),
  'blank lines at the end': content(`${GOOD}\n \n\r\n`),
  'spaces around values': content(GOOD.replaceAll(/^(2026.*),(.*)$/gm, ' $1 , $2 ')),
  'quotes around values': content(GOOD.replaceAll(/^(.*),(.*)$/gm, '"$1","$2"')),
  gaps: {
    content: HEADER + [0, 1, 2, 7].map((at) => `${String(minute(at)[0] / 1000)},1\n`).join(''),
    rows: [0, 1, 2, 7].map(minute),
  },
  nothing: content(''),
  'a header alone': content(HEADER),
  'one row': content(HEADER + FIRST),
  'no header': content(FIRST + SECOND),
  'other columns': content(`time,rps\n${FIRST}${SECOND}`),
  'a third column': content(GOOD.replace('second\n', 'second,errors\n')),
  semicolons: content(GOOD.replaceAll(',', ';')),
  'a row of one column': content(third('2026-11-27T12:01:00+06:00')),
  'a row of three columns': content(third('2026-11-27T12:01:00+06:00,1,000')),
  'a blank line between rows': content(third(`\n${SECOND}`)),
  'a time that is none': content(third('soon,1')),
  'a day that is none': content(third('2026-11-31T12:00:00Z,1')),
  'rows out of order': content(third('2026-11-27T11:59:00+06:00,1')),
  'a time twice': content(third('2026-11-27T06:00:00Z,1')),
  'no rate': content(third('2026-11-27T12:01:00+06:00,')),
  'a negative rate': content(third('2026-11-27T12:01:00+06:00,-1')),
  'not a number': content(third('2026-11-27T12:01:00+06:00,NaN')),
  infinity: content(third('2026-11-27T12:01:00+06:00,Infinity')),
  'a rate of no service': content(third('2026-11-27T12:01:00+06:00,1e10')),
  'a rate with its unit': content(third('2026-11-27T12:01:00+06:00,30 req/s')),
  'a quote left open': content(third('2026-11-27T12:01:00+06:00,"1')),
  'a quote inside a value': content(third('2026-11-27T12:01:00+06:00,1"0')),
  'a line break inside a value': content(third('2026-11-27T12:01:00+06:00,"1\n"')),
  'a picture': content(Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 0x1a, 10, 0, 0, 0, 13)),
  'compressed text': content(gzipSync(GOOD)),
  'UTF-16': content(Buffer.from(GOOD, 'utf16le')),
  'a mistyped year': content(`${GOOD}2062-11-27T12:00:00+06:00,1\n`),
  'no rate above 0, with `--peak-nodes`': {
    content: GOOD.replaceAll(/,[\d.]+$/gm, ',0'),
    overrides: { peakNodes: 8 },
  },
  'a folder': content(''),
  'no file': { content: null },
};

const readme = readFileSync(join(root, 'scenarios', 'README.md'), 'utf8');
const [, table = ''] = readme.split('| the file | what becomes of it |\n| --- | --- |\n');
/** What the table says of each file: its verdict, and the message that goes with it. */
const rows = Array.from(
  table
    .split('\n\n')[0]
    .matchAll(/^\| (.+) \| (read|refused)(?:(?:, with the warning |: )`(.+)`)? \|$/gm),
  ([, file, verdict, message]) => ({ file, verdict, message: message as string | undefined }),
);

describe('the CSV contract of scenarios/README.md', () => {
  it('is a table of these files', () => {
    expect(table.split('\n\n')[0].split('\n')).toHaveLength(rows.length);
    expect(rows.map(({ file }) => file)).toEqual(Object.keys(cases));
  });

  it.each(rows)('$file: $verdict', async ({ file, verdict, message }) => {
    const at = join(folder.path, String(Object.keys(cases).indexOf(file)));
    mkdirSync(at);
    const path = join(at, 'shop.csv');
    const { content, overrides, rows } = cases[file];
    if (file === 'a folder') {
      mkdirSync(path);
    } else if (content !== null) {
      await writeFile(path, content);
    }
    const expected = message?.replaceAll('FILE', path);
    const loading = loadScenario(path, overrides);
    if (verdict === 'read') {
      const { scenario, warnings } = await loading;
      const { atMs, requestsPerSecond } = scenario.trace;
      const found = Array.from(atMs, (each, row) => [each, requestsPerSecond[row]]);
      expect(found).toEqual(
        rows ?? [
          [NOON_MS, 10],
          [NOON_MS + 60_000, 20.5],
        ],
      );
      expect(warnings).toEqual(expected === undefined ? [] : [expected]);
    } else {
      const error: unknown = await loading.then(
        () => null,
        (reason: unknown) => reason,
      );
      expect(failureOf(error)).toEqual({
        text: `node-fleet: ${String(expected)}\n`,
        exitCode: 2,
      });
    }
  });
});
