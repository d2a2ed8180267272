import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nodeFleet, root, temporaryFolder, traceCsv, writeText } from './program.ts';

const folder = temporaryFolder();
let trace: string;
beforeAll(() => {
  trace = writeText(folder.path, 'trace.csv', traceCsv());
});
afterAll(() => {
  folder.remove();
});

const at = (name: string): string => join(folder.path, name);
const report = async (...args: string[]) => nodeFleet(['report', ...args]);
const sha256 = (path: string): string =>
  createHash('sha256').update(readFileSync(path)).digest('hex');

interface ReportJson {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly recommended: string | null;
  readonly headline: string;
  readonly policies: readonly string[];
  readonly today: { readonly totalBdt: number };
  readonly shown: {
    readonly policy: string;
    readonly totalBdt: number;
    readonly journalSha256: string;
  };
}

describe('report', () => {
  test('writes the same page each time, wherever it is, and says what it wrote', async () => {
    const [text, json] = [
      await report(trace, '-o', at('a.html')),
      await report(trace, '--output', at('b.html'), '--json'),
    ];
    expect(text).toMatchObject({ exitCode: 0, stderr: '' });
    expect(json).toMatchObject({ exitCode: 0, stderr: '' });
    const told = JSON.parse(json.stdout) as ReportJson;
    expect(sha256(at('b.html'))).toBe(sha256(at('a.html')));
    expect(told).toMatchObject({
      schema: 'node-fleet/report@1',
      path: at('b.html'),
      bytes: readFileSync(at('b.html')).length,
      sha256: sha256(at('b.html')),
    });
    expect(told.bytes).toBeLessThan(2_000_000);
    expect(text.stdout).toContain(`SHA-256 ${told.sha256}\n`);
    expect(text.stdout.replaceAll('\n', ' ')).toContain(told.headline);
    const lines = text.stdout.split('\n').filter((line) => !line.startsWith('wrote '));
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    // Nothing is left beside them.
    expect(readdirSync(folder.path).sort()).toEqual(['a.html', 'b.html', 'trace.csv']);
  });

  test('its figures and digests are those of simulate, and the least total is recommended', async () => {
    const options = ['--policy', 'node-fleet', '--policy', 'trailing-max', '--seed', '3'];
    const [{ stdout }, { stdout: simulated }] = await Promise.all([
      report(trace, '-o', at('c.html'), '--json', ...options),
      nodeFleet(['simulate', trace, '--json', ...options]),
    ]);
    const told = JSON.parse(stdout) as ReportJson;
    const { runs } = JSON.parse(simulated) as {
      runs: { policy: string; totalBdt: number; journalSha256: string }[];
    };
    expect(told.policies).toEqual(['node-fleet', 'trailing-max']);
    const totals = runs.map(({ totalBdt }) => totalBdt);
    const best = runs[totals.indexOf(Math.min(...totals))];
    expect(told.shown).toMatchObject({
      policy: best.policy,
      journalSha256: best.journalSha256,
      totalBdt: best.totalBdt,
    });
    expect(told.recommended).toBe(told.today.totalBdt < best.totalBdt ? null : best.policy);
  });

  test('the command in it, given to a shell, writes the same page again', async () => {
    const odd = at("it's odd.csv");
    writeText(folder.path, "it's odd.csv", traceCsv());
    const file = writeText(
      folder.path,
      'policy.yaml',
      'version: 1\npolicy: trailing-max\nsettings: {}\n',
    );
    const options = [
      ...['--policy', 'node-fleet', '--policy-file', file, '--set', 'cpuHighPercent=60'],
      ...['--seed', '5', '--peak-nodes', '7', '--from', '2026-11-27T12:10:00Z'],
      ...['--to', '2026-11-27T13:50:00Z', '--price-book', 'aws-ap-southeast-1'],
      ...['--waiting-price', 'sale=50', '--fault', 'launchInstances:fail:50'],
    ];
    expect(await report(odd, '-o', at('d.html'), ...options)).toMatchObject({ exitCode: 0 });
    const page = readFileSync(at('d.html'), 'utf8');
    const [, shown] = /<pre>(npm run report -- .*?) -o report\.html<\/pre>/.exec(page) ?? [];
    const command = shown
      .replaceAll('&#39;', "'")
      .replaceAll('&quot;', '"')
      .replace('npm run report -- ', '');
    // As a shell takes it apart.
    const words = [...command.matchAll(/(?:'[^']*'|\\'|[^\s'\\])+/g)].map(([word]) =>
      word.replace(
        /'([^']*)'|\\(')/g,
        (_, quoted?: string, escaped?: string) => quoted ?? escaped ?? '',
      ),
    );
    expect(words).toEqual([
      odd,
      ...options.map((word) => (word === 'sale=50' ? 'sale=50,other=20' : word)),
    ]);
    expect(await report(...words, '-o', at('e.html'))).toMatchObject({ exitCode: 0 });
    expect(sha256(at('e.html'))).toBe(sha256(at('d.html')));
  });

  test('replaces an older report, and nothing else', async () => {
    writeText(folder.path, 'f.html', '<!doctype html>\n<p>Mine.</p>\n');
    const refused = await report(trace, '-o', at('f.html'));
    expect(refused).toMatchObject({ exitCode: 2, stdout: '' });
    expect(refused.stderr).toBe(
      `node-fleet: ${at('f.html')}: found something that is no report, which is not replaced\n`,
    );
    expect(readFileSync(at('f.html'), 'utf8')).toBe('<!doctype html>\n<p>Mine.</p>\n');
    // Not its own input either.
    expect(await report(trace, '-o', trace)).toMatchObject({ exitCode: 2 });
    expect(readFileSync(trace, 'utf8')).toBe(traceCsv());
    mkdirSync(at('folder'));
    expect(await report(trace, '-o', at('folder'))).toMatchObject({ exitCode: 2, stdout: '' });

    await report(trace, '-o', at('g.html'), '--policy', 'node-fleet');
    const first = sha256(at('g.html'));
    expect(await report(trace, '-o', at('g.html'), '--policy', 'static')).toMatchObject({
      exitCode: 0,
    });
    expect(sha256(at('g.html'))).not.toBe(first);
  });

  test.each<[string, string[], RegExp]>([
    [
      'no folder',
      ['-o', 'no/such/x.html'],
      /^node-fleet: no\/such\/x\.html: found no folder to write it in\n$/,
    ],
    ['nowhere to write', [], /required option '-o, --output <file>' not specified/],
    ['no such policy', ['-o', 'x.html', '--policy', 'statik'], /found the policy "statik".*static/],
    ['a bad seed', ['-o', 'x.html', '--seed', '-1'], /^node-fleet: --seed: found "-1"/],
  ])('%s is bad input, in a line', async (_, args, message) => {
    const { exitCode, stdout, stderr } = await report(trace, ...args);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n {4}at /);
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(existsSync(join(root, 'x.html'))).toBe(false);
  });

  test('warnings about the scenario are told, and stand in the page', async () => {
    const yaml = 'version: 1\nworkload: { web: { workingSetMib: 4000, requestMib: 400 } }\n';
    writeText(folder.path, 'warned.yaml', yaml);
    const warned = writeText(folder.path, 'warned.csv', traceCsv());
    const { exitCode, stderr } = await report(warned, '-o', at('h.html'), '--policy', 'static');
    expect(exitCode).toBe(0);
    const [, warning] = /^node-fleet: warning: .*?: (.{20})/.exec(stderr) ?? [];
    expect(readFileSync(at('h.html'), 'utf8')).toContain(warning);
  });
});

describe('what a report carries for the browser', () => {
  test('keeps the licence of every package in it', async () => {
    await report(trace, '-o', at('i.html'), '--policy', 'static');
    const licences = readFileSync(join(root, 'dist/report-page.licences.txt'), 'utf8');
    for (const name of ['vega', 'vega-interpreter', 'd3-array', 'vega-dataflow']) {
      expect(licences).toMatch(new RegExp(`^(.*, )?${name}(,.*)?$`, 'm'));
    }
    expect(licences).toContain('University of Washington Interactive Data Lab');
    const page = readFileSync(at('i.html'), 'utf8');
    expect(page).toContain('Redistribution and use in source and binary forms');
  });
});
