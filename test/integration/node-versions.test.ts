import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { nodeBinary } from './node-binary.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

interface Report {
  readonly runs: readonly { readonly policy: string; readonly journalSha256: string }[];
}

function simulateUnder(major: number): { version: string; report: string } {
  const node = nodeBinary(major);
  const command = ['adapters/cli/launch.mjs', 'simulate', 'scenarios/flash-sale.csv', '--json'];
  const report = execFileSync(node, command, { cwd: ROOT, encoding: 'utf8' });
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
  return { version, report };
}

beforeAll(() => {
  for (const major of [20, 22, 24]) {
    nodeBinary(major);
  }
}, 300_000);

test('Node 20, 22 and 24 print the same bytes, digests included', () => {
  const results = [20, 22, 24].map(simulateUnder);
  expect(results.map(({ version }) => version.split('.')[0])).toEqual(['v20', 'v22', 'v24']);
  const [first, ...others] = results.map(({ report }) => report);
  const digests = (JSON.parse(first) as Report).runs.map((run) => run.journalSha256);
  expect(digests.length).toBeGreaterThanOrEqual(3);
  expect(new Set(digests).size).toBe(digests.length);
  for (const other of others) {
    expect(other).toBe(first);
  }
});
