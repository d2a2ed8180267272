// docs/reliability.md is put together from the tests, so that it cannot promise what nothing holds. Its tables are written anew by
// UPDATE_DOCS=1 npx vitest run test/reliability.test.ts; its sentences are ours.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from './adapters/cli/program.ts';
import { NEVER } from './properties/never.ts';
import {
  faultTable,
  invariantTable,
  mistakeTable,
  rulesIn,
  safetyTable,
  testsOf,
  titlesBelow,
} from './reliability.ts';
import { expectStated } from './stated.ts';

const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const titles = titlesBelow(root, ['test', 'infra/test']);
const rules = rulesIn(read('engine/README.md'));

/** Mistakes that are none of the engine’s: what they were, and the test that forbids them here. */
const ELSEWHERE: Parameters<typeof mistakeTable>[1] = {
  2: [
    'CPU as the mean over all modes that are not idle: a busy node reads 14 %',
    'test/integration/peers/prometheus.test.ts',
    'the brief’s own queries are asked as they are written, by name; a name nobody knows is empty',
  ],
  9: [
    'an error swallowed by a broad catch',
    'test/adapters/aws/interpret.test.ts',
    'whatever is thrown is a failure with the time at which it was over, and is logged without its message',
  ],
  10: [
    'a write that was always refused, and nobody saw it',
    'test/integration/peers/lambda.test.ts',
    'every decision is taken again, identically, from the journal’s items',
  ],
  16: [
    'the spot handler wrote what nobody read',
    'test/integration/peers/lambda.test.ts',
    'a spot notice is marked without the lock, and the node tainted; a stale or foreign one is not',
  ],
  17: [
    'a spot price of 65 % where the text said 65 % off',
    'test/simulator/prices/aws-ap-southeast-1.test.ts',
    'a t3.medium for 720 h is $38.016, ৳4,649.74; on spot 30 % of it',
  ],
  18: [
    'TLS not verified, secrets in the repository',
    'test/adapters/kubernetes/api.test.ts',
    'only the pinned authority: a certificate of another one is refused before anything is said',
  ],
  23: [
    'a job that ran only when another happened to act at that minute',
    'infra/test/stack.test.ts',
    'is never started late or again (S20)',
  ],
  25: [
    'tests that were green whatever was broken',
    'test/properties/checkers.test.ts',
    'there is something that breaks each of them',
  ],
};
const MISTAKES = 25;

const TABLES: readonly (readonly [name: string, table: () => string])[] = [
  ['invariants', () => invariantTable(NEVER.map(([number, what]) => [number, what]))],
  ['faults', () => faultTable(titles)],
  ['safety', () => safetyTable(rules, titles)],
  ['mistakes', () => mistakeTable(titles, ELSEWHERE, MISTAKES)],
];

test.each(TABLES)('docs/reliability.md has the table of %s as the tests have it', (name, table) => {
  expectStated('docs/reliability.md', name, table());
});

test('every rule of safety, S1 to S25, is in the title of a test', () => {
  expect(rules.map(([rule]) => rule)).toEqual(
    Array.from({ length: 25 }, (_, n) => `S${String(n + 1)}`),
  );
  expect(rules.filter(([rule]) => testsOf(rule, titles).length === 0)).toEqual([]);
});

test('every mistake on the list has its test, and each test that is named exists', () => {
  const known = titles.filter(({ file }) => file.endsWith('known-mistakes.test.ts'));
  for (let number = 1; number <= MISTAKES; number++) {
    const [, file, title] = ELSEWHERE[number] ?? [];
    const found =
      title === undefined
        ? known.some((each) => each.title.startsWith(`${String(number)}: `))
        : titles.some((each) => each.file === file && each.title === title);
    expect({ number, found }).toEqual({ number, found: true });
  }
});
