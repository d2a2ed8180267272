import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { nodeFleet, root } from '../../adapters/cli/program.ts';
import { ShellInTerminal } from './terminal.ts';

// The built program on a real terminal: what is typed, and what can be read on the screen.

const folder = mkdtempSync(join(tmpdir(), 'node-fleet-tune-'));
const launcher = join(root, 'adapters/cli/launch.mjs');
const scenario = join(root, 'scenarios/flash-sale.csv');
const onTerminal = 'first screen, cursor shown';
let shell: ShellInTerminal;
let sessions = 0;

/** Waits until what is on the screen is so. */
async function until(check: () => void): Promise<void> {
  await vi.waitFor(check, { timeout: 30_000, interval: 50 });
}

async function untilText(pattern: RegExp): Promise<string> {
  await until(() => {
    expect(shell.text).toMatch(pattern);
  });
  return shell.text;
}

/** Starts `tune` at this size, and waits for its first figures. */
async function tune(columns: number, rows: number, ...args: string[]): Promise<void> {
  shell = new ShellInTerminal(`tune-${String(sessions++)}`, columns, rows, folder);
  shell.run(`${process.execPath} ${launcher} tune ${[scenario, ...args].join(' ')}`);
  await untilText(/৳\d[\s\S]*\n\d\d:\d\d:\d\d (add|hold)/);
}

/** Waits for the shell after a program has ended, and returns its exit code. */
async function exitCode(): Promise<number> {
  await until(() => {
    expect(shell.state).toBe(onTerminal);
    // The shell’s prompt: nothing else reads what is typed.
    expect(shell.lines.filter((line) => line !== '').at(-1)).toBe('$');
  });
  shell.run('echo "code $?, $(stty -a | grep -wo -e -icanon -e -echo | wc -l) modes off"');
  const [, code, modes] = /\ncode (\d+), (\d+) modes off/.exec(await untilText(/\ncode \d+/)) ?? [];
  expect(modes).toBe('0');
  return Number(code);
}

beforeAll(async () => {
  // Built before anything waits for it.
  await nodeFleet(['--help']);
});
afterEach(() => {
  shell.end();
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('a session on a terminal', () => {
  test('starts, moves a slider, scrubs, saves through the diff and quits; simulate takes the file', async () => {
    await tune(80, 24);
    expect(shell.state).toBe('other screen, cursor hidden');
    expect(shell.lines).toHaveLength(24);
    const before = shell.lines[2];

    shell.press('Right', 'Right');
    await untilText(/▸ pendingStep\* +\S+ 4 nodes/);
    await until(() => {
      expect(shell.lines[0]).toMatch(/1 setting changed/);
      expect(shell.lines[0]).not.toMatch(/simulating/);
      expect(shell.lines[2]).not.toBe(before);
    });
    expect(shell.lines[2]).toMatch(/^\d+ +[−+]\d+ .*৳[\d,]+ +[−+]\d+/);

    const explained = (): string => shell.lines[12];
    const first = explained();
    shell.press(']', ']');
    await until(() => {
      expect(explained()).not.toBe(first);
      expect(explained()).toMatch(/^\d\d:\d\d:\d\d /);
    });

    shell.press('s');
    await untilText(/save as: node-fleet\.yaml█/);
    shell.press('Enter');
    await untilText(
      /node-fleet\.yaml: a new file\n\n\+ version: 1\n\+ policy: node-fleet\n\+ settings:\n\+ {3}pendingStep: 4/,
    );
    expect(existsSync(join(folder, 'node-fleet.yaml'))).toBe(false);
    shell.press('y');
    await untilText(/saved: node-fleet\.yaml/);
    shell.press('q');
    expect(await exitCode()).toBe(0);
    expect(shell.text).toContain(`saved; to run it: npm run simulate -- ${scenario}`.slice(0, 60));

    const file = join(folder, 'node-fleet.yaml');
    const { exitCode: code, stdout } = await nodeFleet([
      'simulate',
      scenario,
      '--policy-file',
      file,
      '--json',
    ]);
    expect(code).toBe(0);
    const { runs } = JSON.parse(stdout) as { runs: { settings: Record<string, number> }[] };
    expect(runs[0].settings.pendingStep).toBe(4);
  });

  test('begins with a policy file, asks before it replaces it, and asks once before it loses a change', async () => {
    const file = join(folder, 'mine.yaml');
    writeFileSync(file, '# ours\nversion: 1\npolicy: sustained\nsettings:\n  stepNodes: 2\n');
    await tune(120, 40, '--policy-file', file, '--set', 'lowSeconds=300', '--peak-nodes', '8');
    expect(shell.lines[0]).toMatch(/^sustained on Flash sale, seed 1, techflow/);
    await untilText(/stepNodes +\S+ 2 nodes[\s\S]*lowSeconds +\S+ 300 s \(5 min\)/);
    shell.press('3', 'Enter', 's');
    await untilText(/save as: /);
    shell.press('Enter');
    await untilText(
      /- {3}stepNodes: 2\n\+ {3}stepNodes: 3\n\+ {3}lowSeconds: 300\n[\s\S]*y replaces the file that is there/,
    );
    shell.press('n');
    await untilText(/nothing was written/);
    shell.press('q');
    await untilText(/Not saved\. q leaves without saving/);
    shell.press('q');
    expect(await exitCode()).toBe(0);
    expect(readFileSync(file, 'utf8')).toContain('stepNodes: 2');
    // Where a line is broken, and a space with it, depends on how long the scenario’s path is.
    const command =
      '--policy sustained --set stepNodes=3 --set lowSeconds=300 --seed 1 --peak-nodes 8';
    await until(() => {
      expect(shell.text.replaceAll(/\s/g, '')).toContain(command.replaceAll(' ', ''));
    });
  });

  test('a window made too small says so, and goes on when it is large enough', async () => {
    await tune(80, 24);
    shell.resize(79, 24);
    await untilText(
      /^this window has 79 columns and 24 rows, tune needs 80 and 24\.\nMake it larger/,
    );
    shell.resize(100, 30);
    await untilText(/^node-fleet on Flash sale[\s\S]*\n↑↓ setting/);
    expect(shell.lines.filter((line) => line.startsWith('node-fleet on'))).toHaveLength(1);
    shell.resize(80, 24);
    await until(() => {
      expect(shell.lines[23]).toMatch(/^↑↓ setting/);
    });
  });
});

describe('README’s commands', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const commands = [...readme.matchAll(/^npm run tune -- (.*)$/gm)].map(([, args]) => args);

  // Without any, this fails.
  test.each(commands)('npm run tune -- %s', async (args) => {
    const file = join(folder, 'node-fleet.yaml');
    writeFileSync(file, 'version: 1\npolicy: node-fleet\nsettings:\n  pendingStep: 5\n');
    shell = new ShellInTerminal(`tune-${String(sessions++)}`, 80, 24, folder);
    const given = args.replaceAll('scenarios/', `${join(root, 'scenarios')}/`);
    shell.run(`${process.execPath} ${launcher} tune ${given}`);
    await untilText(/৳\d[\s\S]*\n\d\d:\d\d:\d\d /);
    shell.press('q');
    expect(await exitCode()).toBe(0);
  });
});

describe('the terminal is as it was before', () => {
  test('after Ctrl-C', async () => {
    await tune(80, 24);
    shell.press('C-c');
    expect(await exitCode()).toBe(130);
  });

  test('after a SIGTERM', async () => {
    await tune(80, 24);
    process.kill(shell.childPid, 'SIGTERM');
    expect(await exitCode()).toBe(143);
  });

  test('after a crash, which is told', async () => {
    // The program without its worker.
    const copy = join(folder, 'copy');
    mkdirSync(copy);
    execFileSync('cp', ['-r', join(root, 'dist'), join(root, 'package.json'), copy]);
    rmSync(join(copy, 'dist/node-fleet-worker.mjs'));
    shell = new ShellInTerminal(`tune-${String(sessions++)}`, 80, 40, folder);
    shell.run(`${process.execPath} copy/dist/node-fleet.mjs tune ${scenario}`);
    await untilText(/node-fleet: this is a bug in node-fleet[\s\S]*node-fleet-work/);
    expect(await exitCode()).toBe(70);
  });
});

describe('a bad start is a clear line and exit code 2', () => {
  test.each([
    [
      'a window too small',
      79,
      scenario,
      /node-fleet: tune: this window has 79 columns and 24 rows/,
    ],
    ['no such file', 80, 'none.csv', /node-fleet: none\.csv: found nothing here, expected a file/],
    ['a file that is no trace', 80, 'broken.csv', /node-fleet: broken\.csv:1: found/],
    [
      'two policies',
      80,
      `${scenario} --policy static --policy manual`,
      /found the policies static and manual/,
    ],
    ['no such setting', 80, `${scenario} --set x=1`, /node-fleet: --set: found the setting "x"/],
  ])('%s', async (_, columns, args, message) => {
    writeFileSync(join(folder, 'broken.csv'), 'what is this\n');
    shell = new ShellInTerminal(`tune-${String(sessions++)}`, columns, 24, folder);
    shell.run(`${process.execPath} ${launcher} tune ${args}`);
    await untilText(message);
    expect(shell.text).not.toMatch(/\n {4}at /);
    expect(await exitCode()).toBe(2);
  });
});
