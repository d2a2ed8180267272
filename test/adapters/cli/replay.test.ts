import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { journalHeader } from '../../../adapters/aws/journal.ts';
import { POLICIES, type DecisionRecord } from '../../../engine/index.ts';
import { configured } from '../../engine/build.ts';
import { evening, HEADER, journalOf, SHADOWED_HEADER, shadowed, writeJournal } from './journals.ts';
import { nodeFleet, temporaryFolder, traceCsv, writeText } from './program.ts';

const folder = temporaryFolder();
let journal: string;

beforeAll(() => {
  journal = writeJournal(folder.path, 'evening.journal');
});
afterAll(() => {
  folder.remove();
});

async function replay(...args: string[]) {
  return nodeFleet(['replay', ...args]);
}

/** The hand-made evening with its second cycle said to have added three. */
function falsified(): DecisionRecord[] {
  return evening().map((record, n) => {
    const { decided } = record;
    return n !== 1 || decided === null
      ? record
      : { ...record, decided: { ...decided, decision: { ...decided.decision, count: 3 } } };
  });
}

/** A file of these bytes, under that name. */
function bytesFile(name: string, bytes: Uint8Array): string {
  const path = join(folder.path, name);
  writeFileSync(path, bytes);
  return path;
}

describe('replay', () => {
  test('of every policy on a real run, with faults, is the same', async () => {
    const trace = writeText(folder.path, 'rise.csv', traceCsv());
    await nodeFleet([
      ...['simulate', trace, '--journal', join(folder.path, 'rise.journal')],
      ...['--fault', 'listPods:fail:20', '--fault', 'launchInstances:fail:30'],
      ...['--fault', 'acquireLock:fail:10', '--fault', 'commitState:crash-after:5'],
    ]);
    for (const { name } of POLICIES) {
      const { exitCode, stdout, stderr } = await replay(join(folder.path, `rise.${name}.journal`));
      expect(stderr).toBe('');
      expect(stdout).toMatch(/\nEvery cycle is decided the same again\.\n$/);
      expect(exitCode).toBe(0);
    }
  });

  test('says how often a shadow would have decided otherwise, and whether it still would', async () => {
    const path = writeJournal(folder.path, 'trial.journal', shadowed(), SHADOWED_HEADER);
    const told = await replay(path);
    // Nothing, two, and nothing (cooling down) by the live one; one more, one more, and nothing by static 4.
    expect(told.stdout).toContain(
      'Beside it static would have decided otherwise in 2 of 3 cycles.\n',
    );
    expect(told.exitCode).toBe(0);
    const json = JSON.parse((await replay(path, '--json')).stdout) as { shadow: unknown };
    expect(json.shadow).toEqual({ policy: 'static', decided: 3, otherwise: 2, changed: 0 });

    const [first, ...others] = shadowed();
    const { decided } = first;
    const { shadow } = decided!;
    const changed = { ...shadow!, decision: { ...shadow!.decision, desired: 77 } };
    const records = [{ ...first, decided: { ...decided!, shadow: changed } }, ...others];
    const falsely = await replay(
      writeJournal(folder.path, 'falsely.journal', records, SHADOWED_HEADER),
    );
    expect(falsely.stdout).toContain('static itself is decided otherwise now in 1 of them.');
    expect(falsely.exitCode).toBe(1);
  });

  test('of a hand-made journal: a golden', async () => {
    expect(await replay(journal)).toEqual({
      exitCode: 0,
      stderr: '',
      stdout:
        'node-fleet on Friday by hand, seed 7, 4 cycles, of which 3 decided\nEvery cycle is decided the same again.\n',
    });
  });

  test('names each cycle that is decided otherwise, with both decisions, and exits with 1', async () => {
    const path = writeJournal(folder.path, 'false.journal', falsified());
    const { exitCode, stdout, stderr } = await replay(path);
    expect(stderr).toBe('');
    expect(exitCode).toBe(1);
    expect(stdout).toBe(
      `node-fleet on Friday by hand, seed 7, 4 cycles, of which 3 decided
1 of 3 cycles is decided otherwise:

cycle 2, 2026-11-27 20:01:11 UTC+06:00
  journal: add 3 (pods-unschedulable fires, mode passes, readings passes,
  memory-lost passes, max passes, cooldown passes, joining-works passes, step
  passes, spend passes, pools passes)
  now: add 2 (pods-unschedulable fires, mode passes, readings passes,
  memory-lost passes, max passes, cooldown passes, joining-works passes, step
  passes, spend passes, pools passes)
`,
    );
    expect(JSON.parse((await replay(path, '--json')).stdout)).toMatchObject({
      schema: 'node-fleet/replay@1',
      policy: 'node-fleet',
      other: null,
      cycles: 4,
      decided: 3,
      isSame: false,
      differences: [
        {
          cycle: 2,
          startedAt: '2026-11-27T20:01:11.800+06:00',
          journal: { decision: { action: 'scaleUp', count: 3 } },
          now: { decision: { action: 'scaleUp', count: 2 } },
        },
      ],
    });
  });

  test('shows the first few of many, and says how many more', async () => {
    const [, acting] = falsified();
    const path = writeJournal(folder.path, 'many.journal', Array(8).fill(acting));
    const { stdout } = await replay(path);
    expect(stdout).toContain('8 of 8 cycles are decided otherwise:');
    expect(stdout.match(/^cycle \d/gm)).toHaveLength(5);
    expect(stdout).toMatch(/\nand 3 more; --json has them all\n$/);
  });

  test('says which engine wrote it, when that was another, or nobody knows', async () => {
    const older = readFileSync(journal, 'latin1').replace(
      /"engineDigest":"[0-9a-f]+"/,
      '"engineDigest":"0123456789abcdef"',
    );
    const path = bytesFile('older.journal', Buffer.from(older, 'latin1'));
    const { exitCode, stdout } = await replay(path);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/\nWritten by engine 0123456789abcdef; this is engine [0-9a-f]{16}\.\n/);
    const bare = bytesFile('bare.journal', journalOf(evening()));
    expect((await replay(bare)).stdout).toMatch(
      /\nThe journal does not say which engine wrote it; this is engine [0-9a-f]{16}\.\n/,
    );
    expect(JSON.parse((await replay(bare, '--json')).stdout)).toMatchObject({
      journalEngineDigest: null,
      isSame: true,
    });
  });
});

test('a Lambda’s journal: one record whole, as the table keeps it, and no seed', async () => {
  const header = journalHeader(HEADER.cluster, configured('node-fleet'));
  const path = bytesFile('item', journalOf([evening()[1]], header));
  expect((await replay(path)).stdout).toMatch(/^node-fleet on shop, 1 cycle, of which 1 decided\n/);
  const { exitCode, stdout } = await nodeFleet(['explain', path, '--at', '1']);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^cycle 1 of 1, 2026-11-27 20:01:11 UTC\+06:00, node-fleet on shop\n/);
  expect(stdout).toContain('20:01:12 add 2: 3 pods pending.');
});

describe('what would have been decided otherwise', () => {
  test('with another setting: what it does, and why', async () => {
    const { exitCode, stdout } = await replay(journal, '--set', 'pendingStep=3');
    expect(exitCode).toBe(1);
    expect(stdout).toBe(
      `node-fleet on Friday by hand, seed 7, 4 cycles, of which 3 decided
1 of 3 cycles is decided otherwise by node-fleet with pendingStep=3:

cycle 2, 2026-11-27 20:01:11 UTC+06:00
  journal: add 2
  now: 20:01:12 add 3: 3 pods pending.
`,
    );
  });

  test('the journal’s own settings stay where --set says nothing', async () => {
    const header = { ...HEADER, settings: { ...HEADER.settings, pendingStep: 3 } };
    const path = writeJournal(folder.path, 'three.journal', evening(), header);
    expect((await replay(path)).exitCode).toBe(1);
    expect((await replay(path, '--set', 'cpuStep=2')).stdout).toContain('add 3: 3 pods pending.');
    expect((await replay(path, '--set', 'pendingStep=2')).exitCode).toBe(0);
  });

  test('by another policy, with its own defaults', async () => {
    const { exitCode, stdout } = await replay(journal, '--policy', 'static', '--json');
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      other: { policy: 'static', settings: { nodeCount: 5 } },
      differences: [{ cycle: 1 }, { cycle: 2 }],
    });
  });

  test.each<[string[], RegExp]>([
    [['--policy', 'statik'], /--policy: found the policy "statik", did you mean "static"\?/],
    [['--set', 'pendingStp=3'], /--set: .*did you mean "pendingStep"\?/],
    [
      ['--set', 'pendingStep=0'],
      /--set for node-fleet: pendingStep is 0: expected a number from 1/,
    ],
    [['--policy', 'static', '--set', 'pendingStep=3'], /"pendingStep", which static does not have/],
  ])('%j is a mistake', async (options, message) => {
    const { exitCode, stdout, stderr } = await replay(journal, ...options);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^node-fleet: [^\n]+\n$/);
    expect(exitCode).toBe(2);
    expect(stdout).toBe('');
  });
});

describe('a file that is no journal, or no whole one', () => {
  const bytes = (): Buffer => readFileSync(journal);
  const withHeader = (change: (header: Record<string, unknown>) => object): Uint8Array => {
    const header = JSON.parse(JSON.stringify(HEADER)) as Record<string, unknown>;
    return journalOf(evening(), change(header));
  };

  test.each<[string, () => string, RegExp]>([
    ['nothing', () => join(folder.path, 'none'), /found nothing here, expected a file/],
    ['a folder', () => folder.path, /found a folder, expected a file/],
    [
      'an empty file',
      () => writeText(folder.path, 'empty', ''),
      /found an empty file, expected a journal/,
    ],
    [
      'a trace',
      () => writeText(folder.path, 'trace.csv', traceCsv(5)),
      /found a file that is none, expected a journal as simulate --journal writes it/,
    ],
    [
      'another format',
      () => writeText(folder.path, 'x.json', '{"schema":"node-fleet/journal-file@2"}\n'),
      /x\.json:1: found the format "node-fleet\/journal-file@2", expected "node-fleet\/journal-file@1" or/,
    ],
    [
      'other JSON',
      () => writeText(folder.path, 'y.json', '[1]\n'),
      /y\.json:1: found JSON that is no journal/,
    ],
    [
      'a journal cut off in its header',
      () => bytesFile('head.journal', bytes().subarray(0, 200)),
      /found no journal after its first line/,
    ],
    [
      'a journal with a changed number',
      () =>
        bytesFile(
          'flip.journal',
          bytes().map((byte, n) => (n === bytes().length - 4 ? byte ^ 1 : byte)),
        ),
      /found a journal that was changed or cut off: its SHA-256 is [0-9a-f]{12}…, expected [0-9a-f]{12}…/,
    ],
    [
      'a bare journal with damage that breaks it',
      () => bytesFile('broken', Uint8Array.from([...journalOf(evening()), 250, 0, 0])),
      /found cycle 5 damaged at byte (\d+) of (?!\1)\d+ \(code \d+ is not known/,
    ],
    [
      'a bare journal at no time there is',
      () => bytesFile('late', journalOf(evening().map((each) => ({ ...each, startedAtMs: 1e15 })))),
      /found cycle 1 damaged: at no time there is/,
    ],
    [
      'a journal without cycles',
      () => writeJournal(folder.path, 'no.journal', []),
      /found a journal without a single cycle/,
    ],
    [
      'a header without its cluster',
      () =>
        bytesFile(
          'cluster',
          withHeader((header) => ({ ...header, cluster: { id: 'x' } })),
        ),
      /cluster:1: found the header of a journal with a bad cluster: expected a cluster/,
    ],
    [
      'a policy that this engine does not have',
      () =>
        bytesFile(
          'policy',
          withHeader((header) => ({ ...header, policy: 'oracle' })),
        ),
      /found a journal that this engine cannot decide again: unknown policy "oracle"/,
    ],
  ])('%s', async (_, path, message) => {
    for (const args of [
      ['replay', path()],
      ['explain', path(), '--at', '1'],
    ]) {
      const { exitCode, stdout, stderr } = await nodeFleet(args);
      expect(stderr).toMatch(message);
      expect(stderr).toMatch(/^node-fleet: [^\n]+\n$/);
      expect(exitCode).toBe(2);
      expect(stdout).toBe('');
    }
  });

  test('what stands before the end of one that was cut off is not lost', async () => {
    const cut = bytes().subarray(0, bytes().length - 40);
    const path = bytesFile('cut.journal', cut);
    const size = String(cut.length);
    const replayed = await replay(path);
    expect(replayed).toMatchObject({ exitCode: 2, stdout: '' });
    expect(replayed.stderr).toBe(
      `node-fleet: ${path}: found a journal that ends in the middle of cycle 3, at byte ${size} of ${size}; the 2 cycles before are decided the same again\n`,
    );
    const explained = await nodeFleet(['explain', path, '--at', '20:01:12']);
    expect(explained.exitCode).toBe(0);
    expect(explained.stdout).toContain('20:01:12 add 2: 3 pods pending.');
    expect(explained.stderr).toMatch(/^node-fleet: warning: .* in the middle of cycle 3, at byte/);
    const beyond = await nodeFleet(['explain', path, '--at', '3']);
    expect(beyond).toMatchObject({ exitCode: 2, stdout: '' });
    expect(beyond.stderr).toContain('expected a cycle from 1 to 2');
  });
});
