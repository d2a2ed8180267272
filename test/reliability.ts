// What docs/reliability.md promises, put together from the tests themselves: their titles, the invariants, the faults.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FAULTS, INVARIANTS } from '../simulator/index.ts';

export interface Titled {
  readonly file: string;
  readonly title: string;
}

/** A string that is followed by a callback, which is how a test or a group of them is named. */
const TITLE = /(['"`])((?:\\.|(?!\1)[^\\\n])+)\1,\s*(?:async )?(?:\([^()\n]*\)|\w+) =>/g;

/** Titles of all tests below a folder, and of the cases kept as files. */
export function titlesBelow(root: string, folders: readonly string[]): readonly Titled[] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .sort()
      .flatMap((name) => {
        const file = join(folder, name);
        if (file.includes('node_modules')) {
          return [];
        }
        if (/\.test\.tsx?$/.test(name)) {
          const source = readFileSync(join(root, file), 'utf8');
          return [...source.matchAll(TITLE)].map(([, , title]) => ({ file, title: title! }));
        }
        if (/found\/[^/]+\.json$/.test(file)) {
          const { title } = JSON.parse(readFileSync(join(root, file), 'utf8')) as Titled;
          return [{ file, title }];
        }
        return [];
      }),
  );
}

/** Tests whose title names a rule of safety: `(S4)`, `(S6, S16)`. */
export function testsOf(rule: string, titles: readonly Titled[]): readonly Titled[] {
  const named = new RegExp(`\\([^()]*\\b${rule}\\b[^()]*\\)`);
  return titles.filter(({ title }) => named.test(title));
}

/** The numbered rules of a Markdown table: number, and what stands in its second column. */
export function rulesIn(markdown: string): readonly (readonly [rule: string, text: string])[] {
  return [...markdown.matchAll(/^\| (S\d+) \| (.+?) \|/gm)].map(
    ([, rule, text]) => [rule!, text!] as const,
  );
}

const SHOWN = 3;

function listed(tests: readonly Titled[]): string {
  const shown = tests.slice(0, SHOWN).map(({ file, title }) => `${title} (${file})`);
  const more = tests.length > SHOWN ? [`and ${String(tests.length - SHOWN)} more`] : [];
  return [...shown, ...more].join('; ').replaceAll('|', '\\|');
}

/** Every rule of safety with the tests that are named after it. */
export function safetyTable(
  rules: readonly (readonly [rule: string, text: string])[],
  titles: readonly Titled[],
): string {
  return [
    '| rule | what holds | tests |',
    '| --- | --- | --- |',
    ...rules.map(([rule, text]) => `| ${rule} | ${text} | ${listed(testsOf(rule, titles))} |`),
  ].join('\n');
}

/** Every invariant, and what its checker has been shown that must never happen. */
export function invariantTable(never: readonly (readonly [number, string])[]): string {
  return [
    '| | invariant | its checker is shown, and must say so |',
    '| --- | --- | --- |',
    ...[...INVARIANTS]
      .sort((a, b) => a.number - b.number)
      .map(({ number, rule }) => {
        const shown = never.filter(([of]) => of === number).map(([, what]) => what);
        return `| ${String(number)} | ${rule} | ${shown.join('; ')} |`;
      }),
  ].join('\n');
}

/** Every fault, and its own test. */
export function faultTable(titles: readonly Titled[]): string {
  return [
    '| fault | what happens | test |',
    '| --- | --- | --- |',
    ...FAULTS.map(({ name, summary }) => {
      const own = titles.filter(
        ({ file, title }) =>
          file.endsWith('simulator/faults.test.ts') && title.startsWith(`${name}:`),
      );
      return `| \`${name}\` | ${summary} | ${listed(own)} |`;
    }),
  ].join('\n');
}

/** Mistakes that others have made, by number, and the tests that forbid them here. */
export function mistakeTable(
  titles: readonly Titled[],
  elsewhere: Readonly<Record<number, readonly [mistake: string, file: string, title: string]>>,
  count: number,
): string {
  const rows = Array.from({ length: count }, (_, n) => {
    const number = n + 1;
    const other = elsewhere[number];
    if (other !== undefined) {
      const [mistake, file, title] = other;
      return `| ${String(number)} | ${mistake} | ${listed([{ file, title }])} |`;
    }
    const own = titles.find(
      ({ file, title }) =>
        file.endsWith('known-mistakes.test.ts') && title.startsWith(`${String(number)}: `),
    );
    const [, mistake = ''] = own?.title.split(/^\d+: /) ?? [];
    return `| ${String(number)} | ${mistake} | ${own === undefined ? '' : own.file} |`;
  });
  return ['| | mistake | test |', '| --- | --- | --- |', ...rows].join('\n');
}
