import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root } from '../adapters/cli/program.ts';
import { titlesBelow } from '../reliability.ts';
import { PLANTED } from './bugs.ts';
import { look } from './hunt.ts';
import { withBug } from './plant.ts';
import { howFound, rowOf, tableIn } from './table.ts';

const read = (path: string): string => readFileSync(join(root, path), 'utf8');

describe('the list of planted bugs', () => {
  test.each(PLANTED.map((bug) => [bug.rule, bug.what, bug] as const))(
    '%s: "%s" fits the source, once',
    (_rule, _what, bug) => {
      const source = read(bug.file);
      expect(withBug(bug, source)).not.toBe(source);
    },
  );

  test('has each rule of safety', () => {
    const rules = Array.from({ length: 25 }, (_, n) => `S${String(n + 1)}`);
    expect(rules.filter((wanted) => !PLANTED.some(({ rule }) => rule === wanted))).toEqual([]);
  });

  test('names tests that exist', () => {
    const titles = titlesBelow(root, ['test']);
    const named = PLANTED.flatMap((bug) => (bug.test === undefined ? [] : [bug.test]));
    expect(
      named.filter(([file, title]) => !titles.some((e) => e.file === file && e.title === title)),
    ).toEqual([]);
  });

  test('is the table of docs/reliability.md, row by row, and each is found', () => {
    const rows = tableIn(read('docs/reliability.md')).split('\n').slice(2);
    expect(rows.map((row) => row.split(' |').slice(0, 2).join(' |') + ' |')).toEqual(
      PLANTED.map(rowOf),
    );
    expect(rows.filter((row) => /\| not (found|looked)/.test(row))).toEqual([]);
  });
});

test('a piece that is not there, or more than once, is an error that names it', () => {
  const bug = { rule: 'S4', what: '', file: 'engine/x.ts', find: 'a', instead: 'b' } as const;
  expect(() => withBug(bug, 'c')).toThrow('S4: engine/x.ts has "a" 0 times, once is expected');
  expect(() => withBug(bug, 'aa')).toThrow('S4: engine/x.ts has "a" 2 times, once is expected');
  expect(withBug({ ...bug, instead: '$&' }, 'cac')).toBe('c$&c');
});

test.each([
  ['S1', 'without the pod list, nothing pending on Prometheus is enough for a removal'],
  ['S4', 'an attempt at another pool is sent before it is committed'],
])('%s: "%s" is found where the table says', async (rule, what) => {
  const bug = PLANTED.find((each) => each.rule === rule && each.what === what)!;
  const found = await look(root, bug, { casesMax: 30, seconds: 50 });
  expect(found.swarm).not.toBeNull();
  expect(read('docs/reliability.md')).toContain(`${rowOf(bug)} ${howFound(found)} |`);
});

test('without a bug the swarm finds nothing in as many cases', async () => {
  const harmless = {
    rule: 'S1',
    what: 'none',
    file: 'engine/guards.ts',
    find: 'const LISTED_LATE_MS = 120_000;',
    instead: 'const LISTED_LATE_MS = 120_000 ;',
  } as const;
  expect(await look(root, harmless, { casesMax: 30, seconds: 50 })).toMatchObject({
    cases: 30,
    swarm: null,
  });
});
