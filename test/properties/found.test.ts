// Cases in which a search at random broke an invariant: each is a file, and runs here from then on. `npm run test:swarm`
// finds them, and keeps one with `--keep`.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { INVARIANTS } from '../../simulator/index.ts';
import { QUIET, runCase, type Case } from './arbitraries.ts';

const folder = new URL('./found/', import.meta.url);
const kept = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .sort()
  .map((name) => {
    const text = readFileSync(new URL(name, folder), 'utf8');
    return JSON.parse(text) as { readonly title: string; readonly case: Partial<Case> };
  });

describe('found by searching at random', () => {
  test('are kept as files', () => {
    expect(kept).not.toEqual([]);
  });

  test.each(kept.map((each) => [each.title, each.case] as const))('%s', (_title, changes) => {
    runCase({ ...QUIET, ...changes }, INVARIANTS);
  });
});
