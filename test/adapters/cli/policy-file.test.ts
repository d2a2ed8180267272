import fc from 'fast-check';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lineDiff, policyFiles } from '../../../adapters/cli/policy-file.ts';
import { choosePolicies } from '../../../adapters/cli/policy-settings.ts';
import { writeFileWhole } from '../../../adapters/cli/write-file.ts';
import type { SavePlan } from '../../../adapters/tui/state.ts';
import type { Trial } from '../../../adapters/tui/workbench.ts';
import { scenarioOf } from '../../simulator/build.ts';
import { temporaryFolder, writeText } from './program.ts';

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => {
  folder.remove();
});

const trial: Trial = { policy: 'node-fleet', overrides: { cpuHighPercent: 60.5, pendingStep: 4 } };
const files = policyFiles({});

function planned(path: string, what = trial, always: Record<string, string[]> = {}): SavePlan {
  const plan = policyFiles(always).plan(path, what);
  if ('problem' in plan) {
    throw new Error(plan.problem);
  }
  return plan;
}

function problemOf(path: string): string {
  const plan = files.plan(path, trial);
  return 'problem' in plan ? plan.problem : '';
}

/** The settings that `simulate --policy-file` runs with. */
function chosen(path: string, policies: Record<string, Record<string, number>> = {}) {
  const scenario = scenarioOf({ policies });
  const [{ policy, settings }] = choosePolicies(
    { names: [], files: [path], sets: [] },
    scenario,
    path,
  );
  return { name: policy.name, settings };
}

describe('a new policy file', () => {
  test('holds what is not the default, all of it shown as new, and is read back', () => {
    const path = join(folder.path, 'mine.yaml');
    const plan = planned(path);
    expect(plan.before).toBeNull();
    expect(plan.text).toBe(
      'version: 1\npolicy: node-fleet\nsettings:\n  cpuHighPercent: 60.5\n  pendingStep: 4\n',
    );
    expect(plan.diff.map(({ sign }) => sign).join('')).toBe('+++++');
    expect(existsSync(path)).toBe(false);
    expect(files.write(plan)).toBeNull();
    const { name, settings } = chosen(path);
    expect(name).toBe('node-fleet');
    expect(settings).toMatchObject(trial.overrides);
    expect(readdirSync(folder.path)).toEqual(['mine.yaml']);
  });

  test('of nothing but defaults is read back as well', () => {
    const path = join(folder.path, 'mine.yaml');
    files.write(planned(path, { policy: 'sustained', overrides: {} }));
    expect(chosen(path).name).toBe('sustained');
  });

  test('says a default that the scenario says otherwise', () => {
    const path = join(folder.path, 'mine.yaml');
    const policies = { 'node-fleet': { cpuLowPercent: 10 } };
    files.write(planned(path, trial, { 'node-fleet': ['cpuLowPercent'] }));
    expect(readFileSync(path, 'utf8')).toContain('cpuLowPercent: 30\n');
    expect(chosen(path, policies).settings.cpuLowPercent).toBe(30);
  });
});

describe('a policy file that is there', () => {
  const before =
    '# Ours, for Fridays.\nversion: 1\npolicy: node-fleet\nsettings:\n  cpuHighPercent: 65 # as agreed\n  cpuStep: 2\n';

  test('keeps its comments and its order, and shows only what changes', () => {
    const path = writeText(folder.path, 'mine.yaml', before);
    const { text, diff } = planned(path);
    expect(text).toBe(
      '# Ours, for Fridays.\nversion: 1\npolicy: node-fleet\nsettings:\n  cpuHighPercent: 60.5 # as agreed\n  cpuStep: 1\n  pendingStep: 4\n',
    );
    expect(diff.map(({ sign, text: line }) => sign + line).slice(3)).toEqual([
      ' settings:',
      '-  cpuHighPercent: 65 # as agreed',
      '-  cpuStep: 2',
      '+  cpuHighPercent: 60.5 # as agreed',
      '+  cpuStep: 1',
      '+  pendingStep: 4',
    ]);
  });

  test('is not written when it has changed since it was shown, and not when it has appeared', () => {
    const path = writeText(folder.path, 'mine.yaml', before);
    const plan = planned(path);
    writeFileSync(path, 'other');
    expect(files.write(plan)?.problem).toMatch(/mine\.yaml: has changed meanwhile/);
    expect(readFileSync(path, 'utf8')).toBe('other');

    const fresh = planned(join(folder.path, 'fresh.yaml'));
    writeFileSync(fresh.path, 'other');
    expect(files.write(fresh)?.problem).toMatch(/has changed meanwhile/);
    expect(readFileSync(fresh.path, 'utf8')).toBe('other');
  });

  test('of another policy keeps nothing of its settings', () => {
    const path = writeText(folder.path, 'mine.yaml', before);
    const { text } = planned(path, { policy: 'trailing-max', overrides: { windowSeconds: 60 } });
    expect(text).toBe(
      '# Ours, for Fridays.\nversion: 1\npolicy: trailing-max\nsettings:\n  windowSeconds: 60\n',
    );
  });
});

describe('what is no policy file is not replaced', () => {
  test.each([
    ['a text', 'hello\n', /mine\.yaml:1: found "hello", expected a mapping with version/],
    [
      'a scenario',
      'version: 1\nzones: [a]\n',
      /mine\.yaml:1: policy: found nothing, expected the name of a policy/,
    ],
    ['no YAML', 'a: [\n', /mine\.yaml:\d+: found text that is not YAML/],
  ])('%s', (_, text, message) => {
    expect(problemOf(writeText(folder.path, 'mine.yaml', text))).toMatch(message);
  });

  test('a folder, and a folder that is not there', () => {
    mkdirSync(join(folder.path, 'mine'));
    expect(problemOf(join(folder.path, 'mine'))).toMatch(/mine: found a folder, expected a file$/);
    expect(problemOf(join(folder.path, 'none', 'a.yaml'))).toMatch(
      /found no folder to write it in$/,
    );
  });
});

describe('a file written whole', () => {
  test('that is to replace nothing stays beside what has appeared, without a trace', () => {
    const path = writeText(folder.path, 'mine.yaml', 'theirs');
    expect(() => {
      writeFileWhole(path, 'ours', { replaces: false });
    }).toThrow(/mine\.yaml: could not be written \(EEXIST/);
    expect(readFileSync(path, 'utf8')).toBe('theirs');
    expect(readdirSync(folder.path)).toEqual(['mine.yaml']);
    writeFileWhole(path, 'ours');
    expect(readFileSync(path, 'utf8')).toBe('ours');
  });
});

describe('a diff of lines', () => {
  test('its kept and gone lines are the old text, its kept and new lines the new one', () => {
    const text = fc
      .array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 8 })
      .map((lines) => lines.map((line) => `${line}\n`).join(''));
    fc.assert(
      fc.property(text, text, (before, after) => {
        const diff = lineDiff(before, after);
        const lines = (signs: string): string =>
          diff
            .filter(({ sign }) => signs.includes(sign))
            .map((line) => `${line.text}\n`)
            .join('');
        expect(lines(' -')).toBe(before);
        expect(lines(' +')).toBe(after);
        if (before === after) {
          expect(diff.every(({ sign }) => sign === ' ')).toBe(true);
        }
      }),
    );
  });

  test('keeps as much as it can', () => {
    const diff = lineDiff('a\nb\nc\n', 'a\nx\nc\n');
    expect(diff.map(({ sign, text }) => sign + text)).toEqual([' a', '-b', '+x', ' c']);
  });
});
