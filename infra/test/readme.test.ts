import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FIELDS } from '../config.ts';
import { deploy } from './deployed.ts';

const text = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

/** Rows of the table whose heading line is given. */
function rows(heading: string): string[] {
  const lines = text.split('\n');
  const start = lines.indexOf(heading);
  expect(start, heading).toBeGreaterThan(0);
  const rest = lines.slice(start + 2);
  return rest.slice(
    0,
    rest.findIndex((line) => !line.startsWith('|')),
  );
}

describe('the README', () => {
  it('lists every key of the configuration, with its default', () => {
    const declared = Object.entries(FIELDS).map(([key, { default: value, help }]) => {
      const shown = typeof value === 'object' ? JSON.stringify(value) : String(value);
      return `| \`${key}\` | ${shown === '' ? '' : `\`${shown}\``} | ${help} |`.replace(
        '|  |',
        '| |',
      );
    });
    expect(rows('| key | default | what it is |')).toEqual(declared);
  });

  it('lists every variable that a function is told', async () => {
    const deployed = await deploy({ 'node-fleet:slack': 'true' });
    const told = new Map<string, string[]>();
    for (const name of ['autoscaler', 'spot', 'alert']) {
      const { variables } = deployed.one('Function', name).inputs['environment'] as {
        variables: Record<string, string>;
      };
      for (const key of Object.keys(variables)) {
        told.set(key, [...(told.get(key) ?? []), name]);
      }
    }
    const listed = rows('| variable | who | what |').map((row) => {
      const [, variable, who] = row.split('|').map((cell) => cell.trim());
      return `${variable} ${who}`;
    });
    expect(listed.sort()).toEqual(
      [...told].map(([key, who]) => `\`${key}\` ${who.join(', ')}`).sort(),
    );
  });
});
