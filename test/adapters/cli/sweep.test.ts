import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { nodeFleet, temporaryFolder, traceCsv, writeText } from './program.ts';

const folder = temporaryFolder();
afterAll(() => {
  folder.remove();
});
const trace = writeText(folder.path, 'rise.csv', traceCsv());
const POLICIES = ['--policy', 'static', '--policy', 'node-fleet', '--policy', 'trailing-max'];
const sweep = async (...args: string[]) => nodeFleet(['sweep', trace, ...POLICIES, ...args]);

interface Document {
  readonly schema: string;
  readonly sweeps: readonly {
    readonly subject: string;
    readonly variants: readonly {
      readonly change: { key: string; value: unknown } | null;
      readonly pairsSwapped: number;
      readonly policies: readonly { policy: string; costBdt: number; totalBdt: number }[];
    }[];
    readonly conclusions: readonly {
      claim: string;
      asItIs: boolean;
      flippedBy: readonly string[];
    }[];
  }[];
}
const swept = async (...args: string[]) => {
  const { stdout, exitCode } = await sweep('--json', ...args);
  expect(exitCode).toBe(0);
  const document = JSON.parse(stdout) as Document;
  expect(document.schema).toBe('node-fleet/sweep@1');
  return document.sweeps[0];
};

describe('a sweep', () => {
  test('has the scenario as it is first, then each value in the order asked for, and does not change two at once', async () => {
    const { variants, subject } = await swept(
      ...['--vary', 'workload.trafficFactor=0.5,1', '--vary', 'prices=aws-ap-southeast-1'],
    );
    expect(subject).toBe('node-fleet');
    expect(variants.map(({ change }) => change)).toEqual([
      null,
      { key: 'workload.trafficFactor', value: 0.5 },
      { key: 'workload.trafficFactor', value: 1 },
      { key: 'prices', value: 'aws-ap-southeast-1' },
    ]);
    const [asItIs, half, same, listPrices] = variants;
    expect(same.policies).toEqual(asItIs.policies);
    const costOf = ({ policies }: typeof asItIs) =>
      policies.find(({ policy }) => policy === 'static')?.costBdt;
    expect(costOf(half)).toBe(costOf(asItIs));
    expect(costOf(listPrices)).not.toBe(costOf(asItIs));
  });

  test('is of each value what simulate makes of a scenario that has it', async () => {
    const yaml = 'version: 1\ntrace: rise.csv\nstartup:\n  p95Seconds: 480\n';
    const scenario = writeText(folder.path, 'slow.yaml', yaml);
    const { stdout } = await nodeFleet(['simulate', scenario, '--json', ...POLICIES]);
    const { runs } = JSON.parse(stdout) as { runs: { policy: string; totalBdt: number }[] };
    const { variants } = await swept('--vary', 'startup.p95Seconds=480');
    const totals = (of: readonly { policy: string; totalBdt: number }[]) =>
      Object.fromEntries(of.map(({ policy, totalBdt }) => [policy, totalBdt]));
    expect(totals(variants[1].policies)).toEqual(totals(runs));
    expect(totals(variants[0].policies)).not.toEqual(totals(runs));
  });

  test('has policies by rising total, and counts the pairs that change places', async () => {
    const { variants } = await swept('--vary', 'workload.trafficFactor=0.01');
    const [before, after] = variants.map(({ policies }) => policies.map(({ policy }) => policy));
    for (const { policies } of variants) {
      const totals = policies.map(({ totalBdt }) => totalBdt);
      expect(totals).toEqual(totals.toSorted((a, b) => a - b));
    }
    let swapped = 0;
    for (const [at, one] of before.entries()) {
      for (const other of before.slice(at + 1)) {
        swapped += after.indexOf(one) > after.indexOf(other) ? 1 : 0;
      }
    }
    expect(variants[1].pairsSwapped).toBe(swapped);
    expect(swapped).toBeGreaterThan(0);
    expect(variants[0].pairsSwapped).toBe(0);
  });

  test('says of each conclusion what turns it round', async () => {
    const vary = ['--vary', 'workload.trafficFactor=0.01,3'];
    const { conclusions } = await swept(...vary);
    const fewer = conclusions.find(({ claim }) => claim.includes('fewer pods missing'));
    // Of a hundredth of the traffic two nodes miss nothing, and so do five.
    expect(fewer).toMatchObject({ asItIs: true, flippedBy: ['trafficFactor 0.01'] });
    const { stdout } = await sweep(...vary);
    for (const { claim, flippedBy } of conclusions) {
      const told = stdout
        .replace(/\n {2}/g, ' ')
        .split('* ')
        .find((line) => line.startsWith(claim));
      for (const change of flippedBy) {
        expect(told).toContain(change);
      }
      expect(told?.includes('each of these') || told?.includes('any of these')).toBe(
        flippedBy.length === 0,
      );
    }
    expect(conclusions.some(({ flippedBy }) => flippedBy.length > 0)).toBe(true);
    expect(conclusions.some(({ flippedBy }) => flippedBy.length === 0)).toBe(true);
    expect(stdout.split('\n').every((line) => [...line].length <= 80)).toBe(true);
  });

  test('goes between the marks of a document, leaves the rest alone, and notices a change', async () => {
    const around = [
      '# Mine\n\n<!-- sweep of rise; do not edit -->\n',
      '<!-- sweep ends -->\nEnd\n',
    ];
    const file = writeText(folder.path, 'mine.md', around.join('old\n'));
    const into = async (...more: string[]) =>
      sweep('--vary', 'workload.trafficFactor=2', '--into', file, ...more);
    expect(await into('--check')).toMatchObject({ exitCode: 1 });
    expect(readFileSync(file, 'utf8')).toBe(around.join('old\n'));
    expect(await into()).toMatchObject({ exitCode: 0, stderr: '' });
    const text = readFileSync(file, 'utf8');
    expect(text.startsWith(around[0])).toBe(true);
    expect(text.endsWith(around[1])).toBe(true);
    expect(text).toContain('| `workload.trafficFactor` 2 | ');
    expect(await into('--check')).toMatchObject({ exitCode: 0 });
  });

  test.each([
    [['--vary', 'startup.p95Seconds'], /--vary: found "startup\.p95Seconds", expected KEY=VALUE/],
    [
      ['--vary', 'startup.p95=1'],
      /--vary: found the setting "startup\.p95", did you mean "startup\.p95S/,
    ],
    [
      ['--vary', 'calendar=1'],
      /--vary: found the setting "calendar", expected a setting of scenarios/,
    ],
    [
      ['--vary', 'startup.p95Seconds=9'],
      /^node-fleet: startup\.p95Seconds=9: found 9, expected at least /,
    ],
    [['--vary', 'prices=dear'], /prices=dear: found "dear", expected one of techflow, /],
    [['--check'], /--check: found no --into, expected the file/],
    [
      ['--into', trace],
      /rise\.csv: found no place for these tables, expected the lines "<!-- sweep of rise/,
    ],
    [['--into', trace, '--json'], /--json: found --into, expected one of them/],
  ])('%j is a mistake that ends with 2', async (args, message) => {
    const { exitCode, stdout, stderr } = await sweep(...args);
    expect(stderr).toMatch(message);
    expect(stderr.split('\n')).toHaveLength(2);
    expect(exitCode).toBe(2);
    expect(stdout).toBe('');
  });
});
