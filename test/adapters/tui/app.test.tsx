import { Text } from 'ink';
import { cleanup, render } from 'ink-testing-library';
import type { ReactElement } from 'react';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { App, type PolicyFiles, type Simulating } from '../../../adapters/tui/app.tsx';
import type { Answer } from '../../../adapters/tui/session.ts';
import type { SavePlan, Setup, TuneState } from '../../../adapters/tui/state.ts';
import { Workbench, type Trial } from '../../../adapters/tui/workbench.ts';
import { scenarioOf } from '../../simulator/build.ts';
import { setup } from './build.ts';

/** The size of the window. */
const size = { columns: 80, rows: 24 };

beforeAll(() => {
  // The library’s terminal is 100 columns wide and has no height: it gets ours.
  const { stdout, unmount } = render(<Text>x</Text>);
  const terminal = Object.getPrototypeOf(stdout) as object;
  Object.defineProperty(terminal, 'columns', { get: () => size.columns });
  Object.defineProperty(terminal, 'rows', { get: () => size.rows });
  unmount();
});
afterEach(() => {
  cleanup();
  size.columns = 80;
  size.rows = 24;
});

const rates = Array.from({ length: 300 }, (_, minute) => (minute < 150 || minute > 180 ? 60 : 600));
const sale = {
  name: 'Friday sale',
  startAt: '2026-11-27T02:30:00+06:00',
  endAt: '2026-11-27T03:00:00+06:00',
};
const scenario = scenarioOf({ name: 'Evening', calendar: [sale] }, rates);
const bench = new Workbench({ scenario, seed: 1 });

/** Simulates when it is let, on this thread. */
class HandWound implements Simulating {
  readonly asked: { number: number; trial: Trial }[] = [];
  #answered: (answer: Answer) => void = () => undefined;

  listen(answered: (answer: Answer) => void): void {
    this.#answered = answered;
    answered({ kind: 'ready', demand: bench.demand });
  }

  run(number: number, trial: Trial): void {
    this.asked.push({ number, trial });
  }

  explain(number: number, cycle: number): void {
    this.#answered({ kind: 'told', number, cycle, paragraph: bench.explain(cycle) ?? '' });
  }

  /** Answers the last trial asked for. */
  answer(): void {
    const { number, trial } = this.asked.at(-1)!;
    const outcome = bench.run(trial, () => true)!;
    this.#answered({ kind: 'outcome', number, outcome });
  }
}

const noFiles: PolicyFiles = {
  plan: () => ({ problem: 'there are no files here' }),
  write: () => ({ problem: 'there are no files here' }),
};

/** A session in a window, and what is on it. */
function opened(more: Partial<Setup> = {}, files = noFiles) {
  const simulating = new HandWound();
  const ends: { left: TuneState[]; interrupted: number } = { left: [], interrupted: 0 };
  const app: ReactElement = (
    <App
      setup={setup({ scenario, ...more })}
      simulating={simulating}
      files={files}
      left={(state) => ends.left.push(state)}
      interrupted={() => ends.interrupted++}
    />
  );
  const { stdin, stdout, lastFrame } = render(app);
  const lines = (): string[] => (lastFrame() ?? '').split('\n');
  return {
    simulating,
    ends,
    lines,
    text: () => lines().join('\n'),
    /** The time of the cycle that is explained. */
    told: () => /\n(\d\d:\d\d:\d\d) /.exec(lines().join('\n'))?.[1] ?? null,
    /** Presses keys, each in a piece of its own, and waits until they are drawn. */
    press: async (...keys: readonly string[]) => {
      for (const key of keys) {
        stdin.write(key);
        await drawn();
      }
    },
    answer: async () => {
      simulating.answer();
      await vi.waitFor(() => {
        expect(lines()[0]).not.toContain('simulating');
      });
    },
    /** Waits until what is on the screen has settled for the new size. */
    resize: async (columns: number, rows: number, first: RegExp) => {
      Object.assign(size, { columns, rows });
      stdout.emit('resize');
      await vi.waitFor(() => {
        expect(lines()[0]).toMatch(first);
        expect(Math.max(...lines().map((line) => [...line].length))).toBeLessThanOrEqual(columns);
      });
    },
  };
}

async function drawn(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 50));
}

async function begun(more: Partial<Setup> = {}, files = noFiles) {
  const window = opened(more, files);
  await drawn();
  await window.answer();
  await vi.waitFor(() => {
    expect(window.told()).not.toBeNull();
  });
  return window;
}

const [UP, DOWN, RIGHT, LEFT, ESCAPE, ENTER] = [
  '\u001b[A',
  '\u001b[B',
  '\u001b[C',
  '\u001b[D',
  '\u001b',
  '\r',
];

/** The line of a setting. */
function lineOf(lines: readonly string[], key: string): string {
  return lines.find((line) => line.slice(2).startsWith(key)) ?? '';
}

describe('the screen at 80 columns and 24 rows', () => {
  test('is full and no line is wider, before the first figures and after', async () => {
    const window = opened();
    await drawn();
    for (const step of [async () => undefined, window.answer]) {
      await step();
      expect(window.lines()).toHaveLength(24);
      expect(Math.max(...window.lines().map((line) => [...line].length))).toBeLessThanOrEqual(80);
    }
  });

  test('shows figures, chart, explanation, sliders and keys', async () => {
    const { lines, text } = await begun();
    expect(lines()[0]).toMatch(/^node-fleet on Evening, seed 1, techflow *$/);
    expect(lines()[1]).toMatch(/^pending pod-min {5}avoidable short {5}p95 to capacity {5}cost *$/);
    expect(lines()[2]).toMatch(/^[\d,]+ +[\d,]+ +\S.* ৳[\d,]+ *$/);
    expect(text()).toMatch(/▼▼▼▼ Friday sale/);
    expect(text()).toMatch(/█ needed +\d+\n/);
    expect(text()).toMatch(/▒ missing +\d+\n/);
    expect(text()).toMatch(/▅ pending +[1-9]\d*\n/);
    expect(text()).toMatch(/┬.*▲.*┬/);
    expect(text()).toMatch(/\n\d\d:\d\d:\d\d (hold|add \d+): [^\n]* pods? pending/);
    expect(lines()[15]).toMatch(/^──\[policy\]─ fleet ─ pace ─ readings ─ time-outs ─+ 1 of 22 ─$/);
    expect(lineOf(lines(), 'cpuHighPercent')).toMatch(
      /^ {2}cpuHighPercent {16}─+●─+ 70 % +1 – 100$/,
    );
    expect(lines()[23]).toMatch(/^↑↓ setting {2}←→ change .* q quit *$/);
  });

  test('says nothing of pods or nodes before anything was simulated', async () => {
    const window = opened();
    await drawn();
    expect(window.lines()[0]).toMatch(/simulating…$/);
    expect(window.text()).not.toMatch(/[▒·]{2}|৳/);
  });
});

describe('moving a slider', () => {
  test('shows at once, says that the figures are not its own yet, then shows what it changed', async () => {
    const window = await begun();
    const before = window.lines()[2];
    await window.press('1', '2', ENTER, RIGHT, LEFT);
    expect(lineOf(window.lines(), 'pendingStep*')).toMatch(/○─*●─+ 12 nodes +1 – 100$/);
    expect(window.lines()[0]).toMatch(/1 setting changed.* simulating…$/);
    expect(window.lines()[2]).toBe(before);
    await window.answer();
    expect(window.lines()[0]).not.toContain('simulating');
    expect(window.lines()[2]).toMatch(
      /^[\d,]+ {2}−[\d,]+ \(−\d+ %\) .*৳[\d,]+ {2}\+[\d,]+ \(\+\d+ %\)/,
    );
    expect(window.simulating.asked.map(({ number }) => number)).toEqual([0, 1, 2, 3]);
    await window.press('r');
    await window.answer();
    expect(window.lines()[2].split('৳')[1]).toMatch(/^[\d,]+ {2}same/);
  });

  test('tells what a setting was', async () => {
    const window = await begun();
    await window.press(DOWN, RIGHT);
    expect(window.text()).toContain('(HIGH_LOAD). Was 70, the\n  default.');
    await window.press('u', UP);
    expect(window.text()).not.toContain('Was 70');
  });

  test('keys that come in one piece are pressed one after the other', async () => {
    const window = await begun();
    await window.press(`7${ENTER}`);
    expect(lineOf(window.lines(), 'pendingStep*')).toContain(' 7 nodes ');
    await window.press('12\u007f\u007f3\n');
    expect(lineOf(window.lines(), 'pendingStep*')).toContain(' 3 nodes ');
  });

  test('scrubbing explains another cycle', async () => {
    const window = await begun();
    const before = window.told();
    await window.press(']');
    await vi.waitFor(() => {
      expect(window.told()).not.toBe(before);
    });
    await window.press('[');
    await vi.waitFor(() => {
      expect(window.told()).toBe(before);
    });
  });
});

describe('saving', () => {
  const plan: SavePlan = {
    path: 'mine.yaml',
    before: 'version: 1\nx: 1\n',
    text: 'version: 1\nx: 2\n',
    diff: [
      { sign: ' ', text: 'version: 1' },
      { sign: '-', text: 'x: 1' },
      { sign: '+', text: 'x: 2' },
    ],
  };

  test('shows what changes, asks before it replaces a file, and says that it has', async () => {
    const written: SavePlan[] = [];
    const files: PolicyFiles = {
      plan: (path) => ({ ...plan, path }),
      write(each) {
        written.push(each);
        return null;
      },
    };
    const window = await begun({}, files);
    await window.press(RIGHT, 's');
    expect(window.lines()[23]).toContain('save as: node-fleet.yaml█');
    await window.press(ENTER);
    expect(
      window
        .lines()
        .slice(0, 5)
        .map((line) => line.trimEnd()),
    ).toEqual(['node-fleet.yaml: what changes in it', '', '  version: 1', '- x: 1', '+ x: 2']);
    expect(window.lines().at(-1)).toMatch(/^y replaces the file that is there {2}n goes back/);
    expect(written).toEqual([]);
    await window.press('y');
    expect(written).toEqual([{ ...plan, path: 'node-fleet.yaml' }]);
    expect(window.lines()[23]).toMatch(/^saved: node-fleet.yaml/);
    await window.press('q');
    await vi.waitFor(() => {
      expect(window.ends.left).toHaveLength(1);
    });
  });

  test('says why it cannot', async () => {
    const window = await begun();
    await window.press('s', ENTER);
    expect(window.lines()[23]).toMatch(/^there are no files here/);
  });
});

describe('leaving', () => {
  test('asks once when something is not saved', async () => {
    const window = await begun();
    await window.press(RIGHT, 'q');
    expect(window.lines()[23]).toMatch(/^Not saved\. q leaves without saving/);
    expect(window.ends.left).toEqual([]);
    await window.press('q');
    await vi.waitFor(() => {
      expect(window.ends.left).toHaveLength(1);
    });
  });

  test('Ctrl-C is passed on, whatever is on the screen', async () => {
    const window = await begun();
    await window.press('s', '\u0003');
    expect(window.ends).toEqual({ left: [], interrupted: 1 });
  });
});

describe('a window of another size', () => {
  const TOO_SMALL = /^this window has \d+ columns and \d+ rows, tune needs 80 and 24\.$/;
  const TITLE = /^node-fleet on Evening, seed 1, techflow *$/;

  test('that is too small says what is needed, ignores the sliders, and recovers', async () => {
    const window = await begun();
    await window.resize(79, 24, TOO_SMALL);
    expect(window.text()).toMatch(/^this window has 79 columns and 24 rows, .*\nMake it larger/);
    await window.press(RIGHT);
    await window.resize(80, 24, TITLE);
    expect(window.lines()).toHaveLength(24);
    expect(lineOf(window.lines(), 'pendingStep')).toContain(' 2 nodes ');
    await window.resize(80, 23, TOO_SMALL);
    expect(window.text()).toMatch(/80 columns and 23 rows/);
  });

  test.each([
    [81, 25, 25],
    [120, 40, 40],
    [200, 60, 47],
  ])('of %d columns and %d rows has %d lines in use', async (columns, rows, lines) => {
    const window = await begun();
    await window.resize(columns, rows, TITLE);
    await vi.waitFor(() => {
      expect(window.lines()).toHaveLength(lines);
      const widths = window.lines().map((line) => [...line].length);
      expect(Math.max(...widths)).toBe(columns);
    });
    expect(window.text()).toContain('cpuLowPercent');
  });

  test('shows every key, and the whole explanation, on screens of their own', async () => {
    const window = await begun();
    await window.press('?');
    expect(window.lines()).toHaveLength(24);
    expect(window.text()).toMatch(/ {2}ctrl c +leave at once/);
    expect(window.text()).toMatch(/○ at the start/);
    await window.press(ESCAPE);
    await vi.waitFor(() => {
      expect(window.lines()[23]).toMatch(/^↑↓ setting/);
    });
    await window.press('e');
    expect(window.lines()[2]).toMatch(/^\d\d:\d\d:\d\d /);
    expect(window.lines()).toHaveLength(24);
  });
});
