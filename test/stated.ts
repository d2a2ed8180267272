import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { root } from './adapters/cli/program.ts';

/** What a document states under a mark is this; with UPDATE_DOCS set it is written there instead. */
export function expectStated(document: string, name: string, stated: string): void {
  const path = join(root, document);
  const text = readFileSync(path, 'utf8');
  const mark = `<!-- ${name}; do not edit -->\n\n`;
  const from = text.indexOf(mark) + mark.length;
  const to = text.indexOf('\n\n<!-- end -->', from);
  expect(text).toContain(mark);
  expect(to).toBeGreaterThan(0);
  if (process.env['UPDATE_DOCS'] !== undefined) {
    writeFileSync(path, text.slice(0, from) + stated + text.slice(to));
  } else {
    expect(text.slice(from, to)).toBe(stated);
  }
}
