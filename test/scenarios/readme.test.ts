import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { FAULTS } from '../../simulator/faults/index.ts';
import { EFFECT_KINDS } from '../../simulator/interpret.ts';
import { defaultScenarioSettings, parseScenario } from '../../simulator/scenario.ts';

const readme = await readFile(new URL('../../scenarios/README.md', import.meta.url), 'utf8');

/** Key and default of each row of the settings' table. */
const [, settings, faults] = readme.split(/^## (?:The settings: YAML|Faults)$/m);
const documented = new Map(
  Array.from(settings.matchAll(/^\| `([\w.[\]]+)` \| ([^|]+) \|/gm), ([, key, shown]) => [
    key,
    shown,
  ]),
);

/** Every default with its path; an object stands for its own keys, a list for itself. */
function leaves(value: unknown, path: string): [path: string, value: unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return [[path, value]];
  }
  const entries = Object.entries(value);
  return entries.length === 0
    ? [[path, value]]
    : entries.flatMap(([key, inner]) => leaves(inner, path === '' ? key : `${path}.${key}`));
}

const shown = (value: unknown): string => {
  if (Array.isArray(value)) {
    return value.length === 0 ? 'none' : value.map((item) => `\`${String(item)}\``).join(', ');
  }
  if (typeof value === 'object' && value !== null) {
    return 'none';
  }
  return typeof value === 'string' ? (value === '' ? 'empty' : `\`${value}\``) : String(value);
};

describe('scenarios/README.md', () => {
  it('documents every setting with its default', () => {
    const optional = { name: undefined, trace: undefined };
    const keys = leaves({ ...defaultScenarioSettings(), ...optional }, '');
    for (const [path, value] of keys) {
      expect(documented.has(path), path).toBe(true);
      if (path !== 'version' && value !== undefined) {
        expect(documented.get(path), path).toBe(shown(value));
      }
    }
  });

  it('documents the keys of a list’s items with their defaults', () => {
    const { settings } = parseScenario({
      version: 1,
      workload: {
        others: [
          { name: 'a', requestMillicpu: 1, requestMib: 1, usageMillicpu: 1, workingSetMib: 1 },
        ],
      },
      calendar: [{ name: 'a', startAt: '2026-01-01T00:00Z', endAt: '2026-01-02T00:00Z' }],
      market: {
        events: [{ kind: 'shortage', at: '2026-01-01T00:00Z', until: '2026-01-02T00:00Z' }],
      },
      prometheus: { outages: [{ from: '2026-01-01T00:00Z', to: '2026-01-02T00:00Z' }] },
      faults: [{ effect: 'listNodes', mode: 'empty' }],
    });
    const holds = (list: string, item: object | undefined, required: readonly string[]): void => {
      expect(item, list).toBeDefined();
      for (const [key, value] of Object.entries(item ?? {})) {
        const expected = required.includes(key) ? '(required)' : shown(value);
        expect(documented.get(`${list}[].${key}`), key).toBe(expected);
      }
    };
    const numbers = ['requestMillicpu', 'requestMib', 'usageMillicpu', 'workingSetMib'];
    holds('workload.others', settings?.workload.others[0], ['name', ...numbers]);
    holds('faults', settings?.faults[0], ['effect', 'mode']);
    holds('market.events', settings?.market.events[0], ['kind', 'at', 'until']);
    for (const key of Object.keys(settings?.calendar[0] ?? {})) {
      expect(documented.get(`calendar[].${key}`), key).toBe('(required)');
    }
    for (const key of Object.keys(settings?.prometheus.outages[0] ?? {})) {
      expect(documented.get(`prometheus.outages[].${key}`), key).toBe('(required)');
    }
  });

  it('documents every fault: what happens, and which effects it can strike', () => {
    const rows = Array.from(faults.matchAll(/^\| `([a-z-]+)` \| ([^|]+) \| ([^|]+) \|$/gm));
    const told = rows.map(([, name, summary, to]) => ({ name, summary, to }));
    const calls = EFFECT_KINDS.filter((kind) => kind !== 'pause');
    expect(told).toEqual(
      FAULTS.map(({ name, summary, strikes }) => {
        const kinds = EFFECT_KINDS.filter(strikes);
        const all = kinds.length === EFFECT_KINDS.length;
        const named = kinds.map((kind) => `\`${kind}\``).join(', ');
        const to = all ? 'anything' : kinds.length === calls.length ? 'any call' : named;
        return { name, summary, to };
      }),
    );
  });

  it('documents nothing that does not exist', () => {
    for (const key of documented.keys()) {
      const path = key.replace('[]', '.0').split('.');
      // A text where there is none to be: an unknown key is told apart from a wrong value.
      let raw: unknown = Symbol.iterator.toString();
      for (const part of path.toReversed()) {
        raw = part === '0' ? [raw] : { [part]: raw };
      }
      const { issues } = parseScenario({ version: 1, ...(raw as object) });
      const unknown = (issues ?? []).filter(({ message }) => message.includes('unknown setting'));
      expect(unknown, key).toEqual([]);
    }
  });

  it('shows the first lines of the trace as they are', async () => {
    const csv = await readFile(new URL('../../scenarios/flash-sale.csv', import.meta.url), 'utf8');
    expect(readme).toContain(`\`\`\`\n${csv.split('\n').slice(0, 3).join('\n')}\n\`\`\``);
  });
});
