import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseDocument } from 'yaml';
import { configurePolicy } from '../../engine/index.ts';
import { InputError, fileError } from '../import/input-error.ts';
import type { PolicyFiles } from '../tui/app.tsx';
import type { DiffLine } from '../tui/state.ts';
import type { Trial } from '../tui/workbench.ts';
import { readPolicyFile } from './policy-settings.ts';
import { writeFileWhole } from './write-file.ts';

/**
 * Writes policy files for `tune`. A file holds what is not the policy’s default, and what the scenario says otherwise. One that
 * is there keeps its comments and its order, and is replaced only as it was when it was shown.
 *
 * @param always settings that are written whatever their value, by policy: those that the scenario gives
 */
export function policyFiles(always: Readonly<Record<string, readonly string[]>>): PolicyFiles {
  return {
    plan(path, trial) {
      return orProblem(() => {
        const before = textOf(path);
        if (before === null && !existsSync(dirname(path))) {
          throw new InputError(path, null, 'found no folder to write it in');
        }
        const text = policyFileText(path, before, trial, always[trial.policy] ?? []);
        return { path, before, text, diff: lineDiff(before ?? '', text) };
      });
    },
    write({ path, before, text }) {
      return orProblem(() => {
        if (textOf(path) !== before) {
          throw new InputError(path, null, 'has changed meanwhile; save again to see how');
        }
        writeFileWhole(path, text, { replaces: before !== null });
        return null;
      });
    },
  };
}

function orProblem<T>(deed: () => T): T | { readonly problem: string } {
  try {
    return deed();
  } catch (error) {
    if (error instanceof InputError) {
      return { problem: error.message };
    }
    throw error;
  }
}

/** What is in a file; null where there is none. */
function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      return null;
    }
    throw fileError(path, error);
  }
}

/** A policy file’s text: new, or the one there was with other values. InputError when that is no policy file. */
function policyFileText(
  path: string,
  before: string | null,
  { policy, overrides }: Trial,
  always: readonly string[],
): string {
  const result = configurePolicy(policy, overrides);
  if (!result.ok) {
    throw new InputError(path, null, result.problems.map(({ message }) => message).join('; '));
  }
  const { settings } = result.configured;
  const had = before === null ? null : readPolicyFile(path);
  const kept = had?.policy === policy ? Object.keys(had.settings) : [];
  const keys = new Set([...kept, ...always, ...Object.keys(overrides)]);
  const document = parseDocument(had === null || before === null ? 'version: 1\n' : before);
  document.set('policy', policy);
  if (had !== null && had.policy !== policy) {
    document.delete('settings');
  }
  for (const key of keys) {
    document.setIn(['settings', key], settings[key]);
  }
  return document.toString();
}

/** The longest common lines kept, everything else gone or new. */
export function lineDiff(before: string, after: string): DiffLine[] {
  const [a, b] = [before, after].map((text) =>
    text.split('\n').slice(0, text === '' ? 0 : undefined),
  );
  for (const lines of [a, b]) {
    if (lines.at(-1) === '') {
      lines.pop();
    }
  }
  // Lengths of the longest common part of what is left of both.
  const common = Array.from({ length: a.length + 1 }, () =>
    new Array<number>(b.length + 1).fill(0),
  );
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i][j] =
        a[i] === b[j] ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
    }
  }
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ sign: ' ', text: a[i] });
      i++;
      j++;
    } else if (i < a.length && (j === b.length || common[i + 1][j] >= common[i][j + 1])) {
      lines.push({ sign: '-', text: a[i++] });
    } else {
      lines.push({ sign: '+', text: b[j++] });
    }
  }
  return lines;
}
