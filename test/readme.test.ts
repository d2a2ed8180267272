// Every command in README.md is run: here, in the order in which it stands there, as a person who follows it would; or by the
// suite that is named beside it.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { root, temporaryFolder } from './adapters/cli/program.ts';

/** Those that this test would run in vain, and who runs them. */
const RUN_ELSEWHERE: Readonly<Record<string, string>> = {
  'npm test': '.ci/run',
  'npm run check': '.ci/run',
  'npm run test:integration': '.ci/run',
  'npm run test:swarm': '.ci/run',
  'npm run tune': 'test/integration/peers/tune.test.ts',
  'npm run bundle': 'test/integration/peers/lambda.test.ts',
  'npm run doctor': 'test/integration/peers/operations.test.ts',
  'npm run hold': 'test/integration/peers/operations.test.ts',
  'npm run journal': 'test/integration/peers/lambda.test.ts',
};

const readme = readFileSync(join(root, 'README.md'), 'utf8');
const commands = [...readme.matchAll(/^```\n([\s\S]*?)^```$/gm)]
  .flatMap(([, block = '']) => block.split('\n'))
  .filter((line) => line.startsWith('npm '))
  .flatMap((line) => line.replace(/\s+#.*/, '').split(' && '))
  .filter((command) => command !== 'npm ci');
const programOf = (command: string): string => command.split(' -- ')[0];
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};

let folder: ReturnType<typeof temporaryFolder>;
beforeAll(() => {
  folder = temporaryFolder();
  symlinkSync(join(root, 'scenarios'), join(folder.path, 'scenarios'));
  mkdirSync(join(folder.path, 'docs'));
  // What `tune` saves, which a person does by hand.
  const policy = 'version: 1\npolicy: node-fleet\nsettings:\n  pendingStep: 5\n';
  writeFileSync(join(folder.path, 'node-fleet.yaml'), policy);
});
afterAll(() => {
  folder.remove();
});

test.each(commands.filter((command) => RUN_ELSEWHERE[programOf(command)] === undefined))(
  '%s',
  (command) => {
    const script = scripts[programOf(command).replace('npm run ', '')];
    const [node, program, ...args] = script.split(' ');
    const [, given = ''] = command.split(' -- ');
    expect(node).toBe('node');
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(root, program), ...args, ...given.split(' ').filter((word) => word !== '')],
      { cwd: folder.path, encoding: 'utf8', maxBuffer: 1 << 28 },
    );
    // A journal that is decided otherwise is an answer, with exit code 1.
    const expected = command.includes('npm run replay') && command.includes('--set') ? 1 : 0;
    expect({ status, stderr: stderr.includes('node-fleet:') }).toEqual({
      status: expected,
      stderr: false,
    });
    expect(stdout).not.toBe('');
    const [, page] = / -o (\S+\.html)/.exec(command) ?? [];
    if (page !== undefined) {
      expect(statSync(join(folder.path, page)).size).toBeLessThan(2_000_000);
    }
  },
  120_000,
);

test('what is run elsewhere is run there', () => {
  for (const program of new Set(commands.map(programOf))) {
    const where = RUN_ELSEWHERE[program];
    if (where === undefined) {
      continue;
    }
    const suite = readFileSync(join(root, where), 'utf8');
    const name = program.replace(/^npm (run )?/, '');
    expect({ program, found: suite.includes(name) }).toEqual({ program, found: true });
  }
  expect(commands.length).toBeGreaterThan(15);
});
