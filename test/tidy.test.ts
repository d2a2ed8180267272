import { ESLint } from 'eslint';
import tseslint from 'typescript-eslint';
import { describe, expect, it } from 'vitest';
import { engineDigest } from '../adapters/cli/engine-digest.mjs';
import { allowed, banned, bannedInEngine } from './tidy/bans.ts';
import { forbiddenImports } from './tidy/directions.ts';
import { importsIn, isFile, projectFiles, root, textOf } from './tidy/tree.ts';

declare const NODE_FLEET_ENGINE_DIGEST: string;

const files = projectFiles();
const sources = files.filter((path) => /\.tsx?$/.test(path));
const declared = Object.keys(
  (JSON.parse(textOf('package.json')) as { dependencies: object }).dependencies,
);

describe('imports point inwards', () => {
  it('holds for every source file', () => {
    expect(sources.flatMap((path) => forbiddenImports(path, textOf(path), declared))).toEqual([]);
  });

  it('every relative import names a file, with its extension', () => {
    const dangling = sources.flatMap((path) =>
      importsIn(path, textOf(path)).flatMap((found) =>
        found.kind === 'file' && !isFile(found.path) ? [`${path} imports ${found.specifier}`] : [],
      ),
    );
    expect(dangling).toEqual([]);
  });

  it.each([
    ['engine/a.ts', '../simulator/random.ts'],
    ['engine/policies/a.ts', '../../simulator/random.ts'],
    ['engine/a.ts', 'yaml'],
    ['engine/a.ts', 'node:fs'],
    ['simulator/a.ts', '../reports/report.ts'],
    ['simulator/a.ts', '../scenarios/generate.ts'],
    ['simulator/a.ts', 'csv-parse/sync'],
    ['reports/a.ts', '../adapters/cli/main.ts'],
    ['scenarios/a.ts', '../engine/index.ts'],
    ['scenarios/a.ts', '../simulator/world.ts'],
    ['adapters/import/a.ts', '../cli/main.ts'],
    ['adapters/aws/a.ts', '../../simulator/world.ts'],
    ['adapters/aws/a.ts', '../cli/main.ts'],
    ['adapters/cli/a.ts', '../aws/handler.ts'],
    ['adapters/cli/a.ts', 'not-declared'],
    ['infra/a.ts', '../simulator/index.ts'],
    ['infra/a.ts', '../adapters/aws/handler.ts'],
    ['infra/a.ts', 'zod'],
    ['engine/a.ts', '../infra/config.ts'],
    ['adapters/aws/a.ts', '../../infra/names.ts'],
  ])('%s may not import %s, not even as a type', (path, specifier) => {
    for (const text of [
      `import { a } from '${specifier}';`,
      `import type { A } from '${specifier}';`,
      `export * from '${specifier}';`,
      `export type A = import('${specifier}').A;`,
    ]) {
      expect(forbiddenImports(path, text, declared), text).toHaveLength(1);
    }
  });

  it.each([
    ['engine/policies/a.ts', '../units.ts'],
    ['engine/a.ts', '@noble/hashes/sha2.js'],
    ['simulator/a.ts', '../engine/index.ts'],
    ['reports/a.ts', '../simulator/score.ts'],
    ['scenarios/a.ts', '../simulator/random.ts'],
    ['adapters/import/a.ts', '../../simulator/trace.ts'],
    ['adapters/aws/a.ts', '../prometheus/query.ts'],
    ['adapters/cli/a.ts', '../tui/app.ts'],
    ['adapters/cli/a.ts', 'csv-parse/sync'],
    ['infra/a.ts', '../engine/index.ts'],
    ['infra/a.ts', '@pulumi/aws/ec2/vpc.js'],
    ['infra/test/a.test.ts', 'vitest'],
  ])('%s may import %s', (path, specifier) => {
    expect(forbiddenImports(path, `import { a } from '${specifier}';`, declared)).toEqual([]);
  });
});

describe('lint keeps the engine and the simulator pure', () => {
  // The snippets are not files, so the rules that need types are off here.
  const eslint = new ESLint({
    cwd: root,
    overrideConfig: [
      tseslint.configs.disableTypeChecked,
      { rules: { '@typescript-eslint/no-unused-vars': 'off' } },
    ],
  });

  async function rulesBroken(code: string, filePath: string): Promise<(string | null)[]> {
    const [result] = await eslint.lintText(code, { filePath });
    return result!.messages.map(({ ruleId, message }) => ruleId ?? message);
  }

  const purity = /^no-(restricted-.*|console)$/;

  it.each(banned)('$name is out of engine/ and simulator/', async ({ code, rule }) => {
    expect(await rulesBroken(code, 'engine/x.ts')).toContain(rule);
    expect(await rulesBroken(code, 'engine/drivers.ts')).toContain(rule);
    expect(await rulesBroken(code, 'engine/policies/x.ts')).toContain(rule);
    expect(await rulesBroken(code, 'simulator/x.ts')).toContain(rule);
    expect(await rulesBroken(code, 'adapters/cli/x.ts')).not.toContainEqual(
      expect.stringMatching(purity),
    );
  });

  it.each(bannedInEngine)('$name is out of engine/ but for its drivers', async ({ code, rule }) => {
    expect(await rulesBroken(code, 'engine/x.ts')).toContain(rule);
    expect(await rulesBroken(code, 'engine/drivers.ts')).toEqual([]);
    expect(await rulesBroken(code, 'simulator/x.ts')).toEqual([]);
  });

  it.each(allowed)('%s is welcome', async (code) => {
    expect(await rulesBroken(code, 'engine/x.ts')).toEqual([]);
  });

  it('every ban says why and what to use instead', async () => {
    for (const { name, code, rule } of [...banned, ...bannedInEngine]) {
      const [result] = await eslint.lintText(code, { filePath: 'engine/x.ts' });
      const message = result!.messages.find(({ ruleId }) => ruleId === rule)!.message;
      if (rule !== 'no-console') {
        expect(message, name).toMatch(/: /);
      }
    }
  });

  it('the rules that need types are on for every source', async () => {
    const strict = new ESLint({ cwd: root });
    for (const path of ['engine/x.ts', 'adapters/cli/x.ts', 'test/x.test.ts']) {
      const { rules } = (await strict.calculateConfigForFile(path)) as {
        rules: Record<string, unknown[]>;
      };
      expect(rules['@typescript-eslint/no-floating-promises']?.[0]).toBe(2);
      expect(rules['@typescript-eslint/switch-exhaustiveness-check']?.[0]).toBe(2);
      expect(rules['curly']?.[0]).toBe(2);
      expect(rules['eqeqeq']?.[0]).toBe(2);
    }
  });
});

describe('no source file is dead', () => {
  const cli = 'adapters/cli/main.ts';
  /** Whatever is started by path rather than imported: worker threads, Lambda handlers. */
  const startedByPath: readonly string[] = [
    'adapters/aws/handler.ts',
    'adapters/operate/doctor.ts',
    'adapters/operate/hold.ts',
    'adapters/operate/journal.ts',
    'adapters/tui/worker.ts',
    'reports/html/browser.ts',
  ];
  const entries = [
    cli,
    'engine/index.ts',
    'simulator/index.ts',
    'infra/index.ts',
    ...startedByPath,
  ].filter(isFile);

  it('each is reached from an entry', () => {
    expect(startedByPath.filter((path) => !isFile(path))).toEqual([]);
    const reached = new Set(entries);
    // A Set hands out what is added while it is walked.
    for (const path of reached) {
      for (const found of importsIn(path, textOf(path))) {
        if (found.kind === 'file') {
          reached.add(found.path);
        }
      }
    }
    const dead = sources.filter(
      (path) =>
        /^(engine|simulator|adapters|reports|infra(?!\/test))\//.test(path) && !reached.has(path),
    );
    // Until the command line exists there is nothing to reach the rest from.
    expect(isFile(cli) ? dead : []).toEqual([]);
  });
});

describe('no file holds what does not belong in a repository', () => {
  // Built from pieces, or this file would be the first to be caught.
  const anywhere: readonly (readonly [string, RegExp])[] = [
    ['a machine path', new RegExp('(^|[\\s"\'`(=:])/(work|home|root|Users)' + '/\\w', 'm')],
    ['a machine path', new RegExp('/tmp/' + 'bash_jobs')],
    [
      'a registry host',
      new RegExp('registry\\.(npm|yarn)' + '|proxy\\.golang' + '|pypi\\.' + 'org'),
    ],
    ['a note to finish later', new RegExp('\\b(TO' + 'DO|FIX' + 'ME)\\b')],
    ['a silenced check', new RegExp('@ts-' + '(ignore|nocheck)|eslint-' + 'disable')],
  ];
  const inTests: readonly (readonly [string, RegExp])[] = [
    ['a test that hides others or itself', new RegExp('(?<!\\.)\\.(only|skip)' + '\\(')],
  ];

  function offences(path: string, text: string): string[] {
    return [...anywhere, ...(/^(infra\/)?test\//.test(path) ? inTests : [])].flatMap(
      ([what, pattern]) => {
        const found = pattern.exec(text);
        return found === null ? [] : [`${path} holds ${what}: ${found[0].trim()}`];
      },
    );
  }

  it('holds for every file', () => {
    expect(files.flatMap((path) => offences(path, textOf(path)))).toEqual([]);
  });

  it.each([
    'cd /wo' + 'rk/main',
    '"/ho' + 'me/someone/x"',
    'https://registry.np' + 'mjs.org/zod',
    '// TO' + 'DO: later',
    '// FIX' + 'ME',
    '// @ts-' + 'ignore',
    '/* eslint-' + 'disable no-console */',
    'it.on' + "ly('x')",
    'describe.sk' + "ip('x')",
  ])('notices %s', (text) => {
    expect(offences('test/x.test.ts', text)).toHaveLength(1);
  });

  it.each([
    ['the root’s', ''],
    ['infra’s', 'infra/'],
  ])('%s lock file names no download address', (_, folder) => {
    expect(textOf(`${folder}package-lock.json`)).toContain('"lockfileVersion"');
    expect(textOf(`${folder}package-lock.json`)).not.toMatch(/"resolved": "http/);
    expect(textOf(`${folder}.npmrc`)).toContain('omit-lockfile-registry-resolved=true');
  });
});

describe("the engine's digest", () => {
  it('is 16 hex characters, and the tests are built with it', () => {
    expect(engineDigest(root)).toMatch(/^[0-9a-f]{16}$/);
    expect(NODE_FLEET_ENGINE_DIGEST).toBe(engineDigest(root));
  });
});
