import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DecisionRecord } from '../../../engine/index.ts';
import { EIGHT, evening, HEADER, SHADOWED_HEADER, shadowed, writeJournal } from './journals.ts';
import { nodeFleet, temporaryFolder, traceCsv, writeText } from './program.ts';

const folder = temporaryFolder();
let journal: string;

beforeAll(() => {
  journal = writeJournal(folder.path, 'evening.journal');
});
afterAll(() => {
  folder.remove();
});

async function explain(...args: string[]) {
  return nodeFleet(['explain', ...args]);
}

/** What it prints, of a cycle that can be explained. */
async function told(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await explain(...args);
  expect(stderr).toBe('');
  expect(exitCode).toBe(0);
  return stdout;
}

/** A journal with this many cycles, `hours` apart, and so for days. */
function sparse(name: string, cycles: number, hours: number): string {
  const [quiet] = evening();
  const records = Array.from({ length: cycles }, (_, n): DecisionRecord => ({
    ...quiet,
    outcome: 'lock-held',
    decided: null,
    startedAtMs: EIGHT + n * hours * 3_600_000,
  }));
  return writeJournal(folder.path, name, records);
}

describe('what explain prints', () => {
  test('tells what a shadow would have decided beside it', async () => {
    const path = writeJournal(folder.path, 'trial.journal', shadowed(), SHADOWED_HEADER);
    const text = await told(path, '--at', '20:01:12');
    expect(text.replaceAll(/\s+/g, ' ')).toContain(
      'Beside it static would have decided: 20:01:12 replace 1: 4 nodes meant to be there, 3 there or on their way.',
    );
    expect(JSON.parse(await told(path, '--at', '20:01:12', '--json'))).toMatchObject({
      shadow: { policy: 'static', decision: { repair: 1 } },
    });
  });

  test('one paragraph, what was compared, what happened: a golden', async () => {
    expect(await told(journal, '--at', '20:04')).toBe(
      `cycle 3 of 4, 2026-11-27 20:03:59 UTC+06:00, node-fleet on Friday by hand, seed
7

20:04:00 hold: 19 pods pending, more than the nodes on the way can hold, but
cooling down until 20:06:12 (scaled up by 2 at 20:01:12); would have added 2.
Seen from 20:06:12 on, it would have added 2.

What was compared, in order:
  pods-unschedulable     fires   19 pods pending, more than the nodes on the way
                                 can hold.
  mode                   passes  The mode is act.
  readings               passes  What it rests on could be read.
  memory-lost            passes  Nothing that had to be remembered was lost
                                 lately.
  max                    passes  That makes 7 nodes, of at most 10.
  cooldown               blocks  Cooling down until 20:06:12 (scaled up by 2 at
                                 20:01:12).
`,
    );
  });

  test('what a cycle did', async () => {
    const text = await told(journal, '--at', '2');
    expect(text).toContain(
      '20:01:12 add 2: 3 pods pending. With no pod pending, it would have held.',
    );
    expect(text).toMatch(/\n\nWhat happened:\n {2}Launched 2 nodes in spot\/b\.\n$/);
  });

  test('how many nodes the last action was about is not made up when its cycle is missing', async () => {
    const [quiet, , cooling] = evening();
    const path = writeJournal(folder.path, 'missing.journal', [quiet, cooling]);
    expect(await told(path, '--at', '2')).toContain('(scaled up at 20:01:12)');
  });

  test('--why-not says what stood in the way', async () => {
    const text = await told(journal, '--at', '20:00:00', '--why-not', 'up');
    expect(text).toContain(
      '19:59:12 did not add: no pod pending; CPU 50 %, not above 70 %; no sale ahead.\nWith 1 pod pending or more, it would have added 2.\n',
    );
    expect(await told(journal, '--at', '20:00', '--why-not', 'down')).toContain(
      '19:59:12 did not remove: CPU 50 %, not below 30 %. With CPU at 29.9 % or less,\nit would have removed 1.\n',
    );
  });

  test('a cycle that decided nothing says why', async () => {
    expect(await told(journal, '--at', '4')).toMatch(
      /\n\n20:06:00 no decision: another cycle held the lock\.\n$/,
    );
  });

  test('of a real run, every line within 80 columns', async () => {
    const trace = writeText(folder.path, 'rise.csv', traceCsv());
    const real = join(folder.path, 'rise.journal');
    await nodeFleet(['simulate', trace, '--policy', 'node-fleet', '--journal', real]);
    for (const at of ['18:30', '18:48', '18:50', '19:20']) {
      const text = await told(real, '--at', at);
      expect(Math.max(...text.split('\n').map((line) => [...line].length))).toBeLessThanOrEqual(80);
      expect(text).toMatch(/^\d\d:\d\d:\d\d (hold|add|remove|replace)/m);
    }
  });
});

describe('what explain --json promises', () => {
  test('every key, and the values that flip as what they are', async () => {
    const document = JSON.parse(await told(journal, '--at', '3', '--json')) as object;
    expect(document).toMatchObject({
      schema: 'node-fleet/explain@1',
      scenario: 'Friday by hand',
      policy: 'node-fleet',
      seed: 7,
      engineDigest: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
      cycle: 3,
      cycles: 4,
      startedAt: '2026-11-27T20:03:59.800+06:00',
      outcome: 'decided',
      text: expect.stringMatching(/^20:04:00 hold: .* it would have added 2\.$/) as string,
      decision: { action: 'hold', count: 0, repair: 0 },
      level: 'CRITICAL',
      proposed: 2,
      isDecidedOtherwise: false,
      whyNot: null,
      rule: { part: 'guards', rule: 'cooldown', verdict: 'blocks', threshold: EIGHT + 372_000 },
      flip: {
        variable: 'nowMs',
        was: '2026-11-27T20:04:00+06:00',
        value: '2026-11-27T20:06:12+06:00',
        side: 'atLeast',
        decision: { action: 'scaleUp', count: 2 },
      },
      events: [],
    });
    const { rules } = document as { rules: object[] };
    expect(rules).toHaveLength(6);
    expect(rules[0]).toEqual({
      rule: 'pods-unschedulable',
      verdict: 'fires',
      observed: 19,
      threshold: 0,
      part: 'asks',
      sentence: '19 pods pending, more than the nodes on the way can hold.',
    });
  });

  test('of a cycle that decided nothing: nothing', async () => {
    expect(JSON.parse(await told(journal, '--at', '4', '--json'))).toMatchObject({
      outcome: 'lock-held',
      decision: null,
      rules: [],
      rule: null,
      flip: null,
    });
  });

  test('why not, as its kind', async () => {
    const of = async (at: string) =>
      JSON.parse(await told(journal, '--at', at, '--why-not', 'up', '--json')) as {
        whyNot: object;
        flip: { variable: string; was: unknown; value: unknown } | null;
      };
    expect((await of('1')).whyNot).toEqual({ direction: 'up', kind: 'rule' });
    expect((await of('1')).flip).toMatchObject({ variable: 'unschedulable', was: 0, value: 1 });
    expect((await of('2')).whyNot).toEqual({ direction: 'up', kind: 'done' });
  });
});

describe('the cycle that is meant', () => {
  const cycleAt = async (at: string): Promise<number> =>
    (JSON.parse(await told(journal, '--at', at, '--json')) as { cycle: number }).cycle;

  test.each([
    ['20:04:00', 3],
    ['20:03:59', 2],
    ['20:03', 2],
    ['20:05', 3],
    // The last one stays in force for a cycle's length.
    ['20:07:59', 4],
    ['19:59:12', 1],
    ['2026-11-27T20:04:00+06:00', 3],
    ['2026-11-27T14:04:00Z', 3],
    ['2026-11-27 20:04', 3],
    [String((EIGHT + 240_000) / 1000), 3],
    ['4', 4],
  ])('%s is cycle %i', async (at, cycle) => {
    expect(await cycleAt(at)).toBe(cycle);
  });

  test.each([
    [
      '20:08',
      /found "20:08", outside the journal; it runs from 2026-11-27T19:59:11\+06:00 to 2026-11-27T20:08:00\+06:00$/,
    ],
    ['2026-11-27T20:08:00+06:00', /which is after the journal; it runs from/],
    ['2026-11-27T13:59:00Z', /which is before the journal; it runs from/],
    ['0', /found the cycle 0, expected a cycle from 1 to 4/],
    ['5', /found the cycle 5, expected a cycle from 1 to 4/],
    ['25:00', /found "25:00", expected a time like 20:04 or/],
    ['20:4', /found "20:4", expected a time like 20:04 or/],
    ['', /found "", expected a time/],
    ['now', /found "now", expected a time/],
  ])('%j is none', async (at, message) => {
    const { exitCode, stdout, stderr } = await explain(journal, '--at', at);
    expect(stderr).toMatch(/^node-fleet: --at: [^\n]+\n$/);
    expect(stderr.trim()).toMatch(message);
    expect(exitCode).toBe(2);
    expect(stdout).toBe('');
  });

  test('a time of day that the journal has more than once is asked back for', async () => {
    const twice = await explain(sparse('days.journal', 13, 3), '--at', '20:00');
    expect(twice).toMatchObject({ exitCode: 2, stdout: '' });
    expect(twice.stderr).toBe(
      'node-fleet: --at: found "20:00", which is in the journal on 27 Nov and 28 Nov; expected the day as well, like 2026-11-27T20:00:00\n',
    );
    const often = await explain(sparse('weeks.journal', 21, 12), '--at', '8:00:00');
    expect(often.stderr).toContain('on 28 Nov, 29 Nov, 30 Nov and 7 more days; expected');
  });
});

describe('a journal that this engine does not decide the same', () => {
  test('is told by its codes, and not explained', async () => {
    const [quiet, acting, cooling] = evening();
    const { decided } = acting;
    const decision = { ...decided!.decision, count: 3 };
    const other = { ...acting, decided: { ...decided!, decision } };
    const path = writeJournal(folder.path, 'other.journal', [quiet, other, cooling]);
    const text = await told(path, '--at', '2');
    expect(text.replaceAll('\n', ' ')).toMatch(
      /20:01:12 add 3: pods-unschedulable fires, mode passes, .* wrote this journal\. Engine [0-9a-f]{16} decides to add 2 on the same view, so it cannot say what was compared\./,
    );
    // Its neighbours are as they were.
    expect(await told(path, '--at', '3')).toContain('20:04:00 hold: 19 pods pending');
    const document = JSON.parse(await told(path, '--at', '2', '--json')) as { rules: object[] };
    expect(document).toMatchObject({ isDecidedOtherwise: true, rule: null, flip: null });
    expect(document.rules[0]).toEqual({ rule: 'pods-unschedulable', verdict: 'fires' });
  });

  test('written by another engine that decided the same: a warning', async () => {
    const bytes = readFileSync(journal, 'latin1');
    const path = join(folder.path, 'older.journal');
    writeFileSync(
      path,
      bytes.replace(/"engineDigest":"[0-9a-f]+"/, '"engineDigest":"0123456789abcdef"'),
      'latin1',
    );
    const { exitCode, stdout, stderr } = await explain(path, '--at', '20:04');
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(
      /^node-fleet: warning: .*older\.journal: written by engine 0123456789abcdef, explained by engine [0-9a-f]{16}, which decides the same here\n$/,
    );
    expect(stdout).toContain('20:04:00 hold');
  });
});

test('times are told in the journal’s zone', async () => {
  const path = writeJournal(folder.path, 'utc.journal', evening(), {
    ...HEADER,
    cluster: { ...HEADER.cluster, timeZoneOffsetMinutes: 0 },
  });
  const text = await told(path, '--at', '14:04');
  expect(text).toContain('2026-11-27 14:03:59 UTC,');
  expect(text).toContain('cooling down until 14:06:12 (scaled up by 2 at 14:01:12)');
});
