import { PLANTED, type Planted } from './bugs.ts';
import type { Found } from './hunt.ts';

const MARK = '<!-- planted; do not edit -->\n\n';
const END = '\n\n<!-- end -->';

/** By what a bug was found, after how much. */
export function howFound({ bug, cases, swarm, schedules, test }: Found): string {
  const ran = `${String(cases)} ${cases === 1 ? 'case' : 'cases'}`;
  if (swarm !== null) {
    const by = swarm.invariant === 0 ? 'the run threw' : `invariant ${String(swarm.invariant)}`;
    const held = bug.held === undefined ? '' : `, ${Object.keys(bug.held).join(' and ')} held`;
    return `swarm: ${by} after ${ran} (seed ${String(swarm.seed)}${held})`;
  }
  if (schedules !== null) {
    return `explorer: ${bug.explorer!}, after ${String(schedules)} schedules; not by ${ran} of the swarm`;
  }
  if (test === true) {
    const [file, title] = bug.test!;
    return `test: ${title} (${file}); not by ${ran} of the swarm`;
  }
  return `not found in ${ran}`;
}

/** A row for each bug, in the order of the list; of those that were not looked for, the row of before. */
export function plantedTable(found: readonly Found[], before: string): string {
  const rows = before.split('\n');
  return [
    '| rule | the bug | found by |',
    '| --- | --- | --- |',
    ...PLANTED.map((bug) => {
      const now = found.find((each) => each.bug === bug);
      return now === undefined
        ? (rows.find((row) => row.startsWith(rowOf(bug))) ?? `${rowOf(bug)} not looked for |`)
        : `${rowOf(bug)} ${howFound(now)} |`;
    }),
  ].join('\n');
}

/** How the row of a bug begins. */
export function rowOf({ rule, what }: Planted): string {
  return `| ${rule} | ${what} |`;
}

/** What stands between the marks of a document. */
export function tableIn(document: string): string {
  const [from, to] = between(document);
  return document.slice(from, to);
}

/** The document with another table between its marks. */
export function placed(document: string, table: string): string {
  const [from, to] = between(document);
  return document.slice(0, from) + table + document.slice(to);
}

function between(document: string): readonly [number, number] {
  const mark = document.indexOf(MARK);
  const to = document.indexOf(END, mark);
  if (mark < 0 || to < 0) {
    throw new Error(`the document has no "${MARK.trim()}" with its "<!-- end -->"`);
  }
  return [mark + MARK.length, to];
}
