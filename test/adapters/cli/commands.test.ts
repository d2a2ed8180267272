import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { formatLakh } from '../../../reports/money.ts';
import { nodeFleet, root, temporaryFolder, traceCsv, writeText } from './program.ts';

const folder = temporaryFolder();
afterAll(() => {
  folder.remove();
});

describe('the program', () => {
  test.each([
    [[]],
    [['simulate']],
    [['tune']],
    [['report']],
    [['explain']],
    [['replay']],
    [['sweep']],
    [['results']],
    [['scenarios']],
  ])('helps: %j', async (command: string[]) => {
    const { exitCode, stdout, stderr } = await nodeFleet([...command, '--help']);
    expect(exitCode).toBe(0);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^Usage: node-fleet/);
  });

  test.each([
    [['simluate'], /unknown command 'simluate'\n\(Did you mean simulate\?\)/],
    [['simulate', 'x.csv', '--sed', '1'], /unknown option '--sed'\n\(Did you mean .*--seed/],
    [['simulate'], /missing required argument 'scenario'/],
    [['simulate', 'a.csv', 'b.csv'], /too many arguments/],
    [['simulate', 'a.csv', '--seed'], /argument missing/],
    [['explain', 'a.journal'], /required option '--at <time>' not specified/],
    [['explain', 'a', '--at', '1', '--why-not', 'in'], /Allowed choices are up, down/],
    [['replay'], /missing required argument 'journal'/],
    [['tune'], /missing required argument 'scenario'/],
    [
      ['tune', 'x.csv'],
      /^node-fleet: tune: found no terminal on standard input and standard output, /,
    ],
    [
      ['tune', 'x.csv', '--json'],
      /^node-fleet: --json: tune draws for a person.* simulate --json has/,
    ],
    [['tune', 'x.csv', '--waiting-price', '1'], /unknown option '--waiting-price'/],
    [[], /Usage: node-fleet/],
  ])('%j is a mistake that ends with 2', async (args, message) => {
    const { exitCode, stdout, stderr } = await nodeFleet(args);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n {4}at /);
    expect(exitCode).toBe(2);
    expect(stdout).toBe('');
  });
});

describe('scenarios', () => {
  test('the committed traces are as generated', async () => {
    const { exitCode, stdout } = await nodeFleet(['scenarios', '--check']);
    expect(stdout).toMatch(/^(\S+\.csv is as generated\n)+$/);
    expect(exitCode).toBe(0);
  });

  test('writes them again, and notices a change', async () => {
    const dir = join(folder.path, 'scenarios');
    const check = async () => nodeFleet(['scenarios', '--check', '--dir', dir]);
    expect(await check()).toMatchObject({ exitCode: 1 });
    expect(existsSync(dir)).toBe(false);

    const { exitCode, stdout } = await nodeFleet(['scenarios', '--dir', dir]);
    expect(exitCode).toBe(0);
    const [, name] = /^wrote (\S+\.csv)\n/.exec(stdout) ?? [];
    const committed = readFileSync(join(root, 'scenarios', name));
    expect(readFileSync(join(dir, name)).equals(committed)).toBe(true);
    expect(await check()).toMatchObject({ exitCode: 0 });

    writeFileSync(join(dir, name), `${committed.toString('utf8')}\n`);
    const changed = await check();
    expect(changed.exitCode).toBe(1);
    expect(changed.stdout).toContain(`${name} differs`);
  });
});

describe('results', () => {
  const traces = join(folder.path, 'traces');
  const out = join(folder.path, 'results.md');
  const results = async (...args: string[]) =>
    nodeFleet(['results', '--traces', traces, '--only', '--out', out, ...args]);

  test('writes the same file each time, without paths of this machine, and checks it', async () => {
    mkdirSync(traces);
    writeText(traces, 'b-rise.csv', traceCsv());
    writeText(
      traces,
      'a-flat.csv',
      traceCsv(60, () => 5),
    );
    writeText(traces, 'notes.txt', 'no trace');
    expect(await results('--check')).toMatchObject({ exitCode: 2 });
    expect(await results()).toMatchObject({ exitCode: 0, stderr: '' });
    const text = readFileSync(out, 'utf8');
    expect(text.match(/^## .*$/gm)).toEqual(['## a-flat', '## b-rise', '## The traces']);
    expect(text).toContain('npm run results -- --traces FOLDER --only\n');
    expect(text).not.toContain(folder.path);
    expect(text).not.toContain(root);
    // 5 requests/s to 8 nodes of 102.08.
    expect(text).toContain('scaled × 163.3');

    expect(await results('--check')).toMatchObject({ exitCode: 0 });
    expect(await results()).toMatchObject({ exitCode: 0 });
    expect(readFileSync(out, 'utf8')).toBe(text);
    writeFileSync(out, text.replace('## b-rise', '## b-fall'));
    expect(await results('--check')).toMatchObject({ exitCode: 1 });
    expect(readFileSync(out, 'utf8')).toContain('## b-fall');
  });

  test('its digests and its regret are those of simulate', async () => {
    const { stdout } = await nodeFleet([
      ...['simulate', join(traces, 'b-rise.csv'), '--peak-nodes', '8', '--json'],
    ]);
    const { runs } = JSON.parse(stdout) as {
      runs: { journalSha256: string; regretPercent: number }[];
    };
    const [, section] = (await results(), readFileSync(out, 'utf8')).split('## b-rise');
    const rows = [...section.matchAll(/ \| ([\d,]+) \| `([0-9a-f]{12})` \|$/gm)];
    expect(rows.map(([, regret, hex]) => [regret, hex])).toEqual(
      runs.map(({ journalSha256, regretPercent }) => [
        formatLakh(regretPercent),
        journalSha256.slice(0, 12),
      ]),
    );
  });

  test('a folder that is none, or holds no trace, is bad input', async () => {
    const none = await nodeFleet(['results', '--traces', join(folder.path, 'none'), '--only']);
    expect(none).toMatchObject({ exitCode: 2, stdout: '' });
    const empty = join(folder.path, 'empty');
    mkdirSync(empty);
    const { exitCode, stderr } = await nodeFleet(['results', '--traces', empty, '--only']);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/^node-fleet: .*empty: found no traces, expected \.csv files\n$/);
  });
});
