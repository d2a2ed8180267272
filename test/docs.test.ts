// Figures in README.md and docs/model.md are those that the program comes to. A change of the engine or of the world may move
// them: UPDATE_DOCS=1 npx vitest run test/docs.test.ts writes README’s tables anew, and the command that docs/model.md names its own.
import { readFileSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { choosePolicies } from '../adapters/cli/policy-settings.ts';
import { simulateText } from '../adapters/cli/simulate-text.ts';
import { sweepMarkdown, type Sweep } from '../adapters/cli/sweep-report.ts';
import { ASSUMPTIONS, blockOf, markOf, sweepOf } from '../adapters/cli/sweep.ts';
import { loadScenario } from '../adapters/import/load-scenario.ts';
import { formatLakh } from '../reports/money.ts';
import { formatMinutes, formatShare } from '../reports/words.ts';
import {
  comparePolicies,
  defaultScenarioSettings,
  WAITING_PRICE,
  type Comparison,
  type Demand,
  type Money,
  type PolicyRun,
} from '../simulator/index.ts';
import { root } from './adapters/cli/program.ts';

const scenarioPath = (name: string): string => join(root, 'scenarios', name);
const text = (path: string): string => readFileSync(join(root, path), 'utf8');
const readme = text('README.md');
const model = text('docs/model.md');

/** What README has there is this. */
function expectInReadme(found: string, expected: string): void {
  if (process.env['UPDATE_DOCS'] !== undefined && found !== '') {
    const path = join(root, 'README.md');
    writeFileSync(
      path,
      readFileSync(path, 'utf8').replace(found, () => expected),
    );
  } else {
    expect(found).toBe(expected);
  }
}

async function compared(
  name: string,
  policies: string[],
  ...sets: string[]
): Promise<{ comparison: Comparison; shown: string }> {
  const path = scenarioPath(name);
  const { scenario } = await loadScenario(path);
  const choice = { names: policies, files: [], sets };
  const comparison = comparePolicies({
    scenario,
    seed: 1,
    policies: choosePolicies(choice, scenario, path),
  });
  return { comparison, shown: simulateText(scenario, 1, comparison) };
}

describe('README.md', () => {
  it('shows the flash sale as simulate prints it', async () => {
    const { shown } = await compared('flash-sale.csv', []);
    const rows = shown.slice(shown.indexOf(' cost saved'), shown.indexOf('\ncost: of this run'));
    const from = readme.indexOf(' cost saved');
    expectInReadme(readme.slice(from, readme.indexOf('\n```', from)).trim(), rows.trim());
  });

  describe('on the month', () => {
    const SETS = ['onDemandBase=1', 'spotPercent=100'];
    let runs: PolicyRun[];
    let demand: Demand;
    let clairvoyantBdt: number;
    beforeAll(async () => {
      const { comparison } = await compared('month.csv', ['static', 'node-fleet']);
      const spot = await compared('month.csv', ['node-fleet'], ...SETS);
      runs = [...comparison.runs, ...spot.comparison.runs];
      ({ demand } = comparison);
      clairvoyantBdt = comparison.clairvoyant.costBdt;
    });

    it('has each line of the bill, both price books, and whom it makes wait', () => {
      const cells = (name: string, brief: string, of: (run: PolicyRun) => string): string =>
        `| ${[name, brief, ...runs.map(of)].join(' | ')} |`;
      const bdt = formatLakh;
      const nodes = (hours: number): string => `(${(hours / 720).toFixed(1)})`;
      const saved = ({ savings: { percent, split } }: Money): string =>
        percent === 0
          ? '–'
          : `${percent.toFixed(1)} = ${split.fewerNodes.toFixed(1)} + ${split.spot.toFixed(1)} − ${(-split.overhead).toFixed(1)}`;
      const byList = ({ byPriceBook }: PolicyRun): Money => byPriceBook[1];
      const inSales = ({ run: { measures } }: PolicyRun): number =>
        measures.shortageInSalesPodMinutes;
      const table = [
        cells('on demand ৳ (nodes)', '', ({ bill, run }) =>
          [bdt(bill.costBreakdownBdt.onDemandNodes), nodes(run.measures.nodeHours.onDemand)].join(
            ' ',
          ),
        ),
        cells('spot ৳ (nodes)', '55,000 with both', ({ bill, run }) =>
          [bdt(bill.costBreakdownBdt.spotNodes), nodes(run.measures.nodeHours.spot)].join(' '),
        ),
        cells('autoscaler ৳', '1,000', ({ bill }) => bdt(bill.costBreakdownBdt.autoscaler)),
        cells('a month ৳', '56,000', ({ bill }) => `**${bdt(bill.costBdt)}**`),
        cells('saved % = fewer nodes + spot − overhead', '53.3', saved),
        cells('by list prices ৳', '', (run) => bdt(byList(run).bill.costBdt)),
        cells('saved % by list prices', '', (run) => saved(byList(run))),
        cells('pods missing in sales, pod-min', '', (run) => formatMinutes(inSales(run))),
        cells('otherwise', '', (each) =>
          formatMinutes(each.run.measures.shortagePodMinutes - inSales(each)),
        ),
        cells('requests lost %', '', ({ run: { measures } }) =>
          formatShare(measures.requestsLost, measures.requestsArrived),
        ),
      ].join('\n');
      const [, from = ''] = readme.split(/^\| November, .*\n\| --- .*\n/m);
      expectInReadme(from.split('\n\n')[0], table);
      for (const set of SETS) {
        expect(readme).toContain(`--set ${set}`);
      }
    });

    it('says right that one pod on the 19th is most of what is missing outside of sales', () => {
      const { measures } = runs[1].run;
      const [from, to] = ['2026-11-19T14:00+06:00', '2026-11-20T00:00+06:00'].map((at) =>
        Math.round((Date.parse(at) - demand.firstStepAtMs) / demand.stepMs),
      );
      let missingSteps = 0;
      let pendingSteps = 0;
      for (let k = from; k < to; k++) {
        missingSteps += Math.max(0, demand.running[k] - measures.series.runningPods[k]);
        pendingSteps += measures.series.unschedulablePods[k];
      }
      const outside = measures.shortagePodMinutes - measures.shortageInSalesPodMinutes;
      expect(missingSteps / (to - from)).toBeCloseTo(1, 0);
      expect((missingSteps * demand.stepMs) / 60_000 / outside).toBeGreaterThan(0.5);
      expect(pendingSteps / missingSteps).toBeLessThan(0.05);
    });

    it('says what it costs when AWS takes all spot at once in the Friday sale, under the setting with more of it', async () => {
      const path = scenarioPath('month.csv');
      const { scenario } = await loadScenario(path);
      const [atMs, untilMs] = ['20:30', '21:30'].map((at) => Date.parse(`2026-11-27T${at}+06:00`));
      const taken = { kind: 'reclaim', zone: null, market: null, atMs, untilMs } as const;
      const choice = { names: ['node-fleet'], files: [], sets: SETS };
      const comparison = comparePolicies({
        scenario: { ...scenario, market: { ...scenario.market, events: [taken] } },
        seed: 1,
        policies: choosePolicies(choice, scenario, path),
      });
      const [{ run, savings }] = comparison.runs;
      expect(run.measures.reclaims).toBe(8);
      const said = /take all eight at once [^%]* saves ([\d.]+) %, and ([\d,]+) requests are lost/;
      const found = said.exec(readme)?.slice(1);
      expect(found).toEqual([savings.percent.toFixed(1), formatLakh(run.measures.requestsLost)]);
    });

    it('says how few nodes would do, and what they cost on demand', () => {
      const nodes = clairvoyantBdt / (24_000 * 0.3);
      const saved = 100 * (1 - nodes / 5);
      const said = /needs ([\d.]+) nodes on average, which on demand would save (\d+) %/;
      expect(said.exec(readme)?.slice(1)).toEqual([nodes.toFixed(1), saved.toFixed(0)]);
      expect(saved).toBeLessThan(53);
    });

    it('names a setting that reaches the promise by the client’s price, and none by list prices', async () => {
      const [, asItIs, spot] = runs;
      const { comparison } = await compared(
        'month.csv',
        ['node-fleet'],
        ...['onDemandBase=0', 'spotPercent=100'],
      );
      const allSpot = comparison.runs[0].byPriceBook[1].savings.percent;
      expect(readme).toContain(`all nodes on spot included (${allSpot.toFixed(0)} %)`);
      expect(asItIs.savings.percent).toBeLessThan(53);
      expect(spot.savings.percent).toBeGreaterThan(53);
      expect(spot.byPriceBook[1].savings.percent).toBeLessThan(53);
    });
  });
});

describe('docs/model.md', () => {
  const FLASH_SALE = scenarioPath('flash-sale.csv');
  const tablesOf = (path: string): string => {
    const { from, to } = blockOf(model, 'docs/model.md', markOf(path));
    return model.slice(from, to);
  };

  it('holds what the command that it names makes of the flash sale', async () => {
    expect(model).toContain(
      'npm run sweep -- scenarios/flash-sale.csv scenarios/month.csv --into docs/model.md\n',
    );
    const all: Sweep = await sweepOf(FLASH_SALE, {
      vary: ASSUMPTIONS,
      policies: [],
      sets: [],
      seed: 1,
    });
    expect(tablesOf(FLASH_SALE)).toBe(sweepMarkdown(all));
  });

  it('and of the month as it is; the rest of that takes half a minute', async () => {
    const path = scenarioPath('month.csv');
    const asItIs = await sweepOf(path, { vary: [], policies: [], sets: [], seed: 1 });
    const rows = (table: string): string[] =>
      [...table.matchAll(/^\| as it is .*$/gm)].map(([row]) => row);
    const places = (table: string): string[][] =>
      [...table.matchAll(/^\| ([\w-]+) \| (\d+) \|/gm)].map(([, ...cells]) => cells);
    expect(rows(tablesOf(path))).toEqual(rows(sweepMarkdown(asItIs)));
    expect(rows(tablesOf(path))).toHaveLength(1);
    expect(places(tablesOf(path))).toEqual(places(sweepMarkdown(asItIs)));
    expect(places(tablesOf(path))).toHaveLength(10);
  });

  describe('in the world model', () => {
    const [, table] = model.split(/^## (?:What is modelled|What moves the conclusions)$/m);
    const named = [...table.matchAll(/`([\w.]+)` ([\w.]+)/g)].map(([, name, value]) => ({
      name,
      value,
    }));

    it('every setting has the default that is written there', () => {
      const settings = named.filter(({ name }) => /^(\w+\.\w|\w+Seconds$)/.test(name));
      expect(settings.length).toBeGreaterThan(30);
      for (const { name, value } of settings) {
        const found = name
          .split('.')
          .reduce<unknown>(
            (section, key) => (section as Record<string, unknown>)[key],
            defaultScenarioSettings(),
          );
        expect(String(found), name).toBe(value);
      }
    });

    it('every constant of the source has the value that is written there', async () => {
      const constants = named.filter(({ name }) => /^[A-Z]/.test(name));
      expect(constants.length).toBeGreaterThan(15);
      const files = (await readdir(join(root, 'simulator'), { recursive: true })).filter((file) =>
        file.endsWith('.ts'),
      );
      const source = files.map((file) => text(join('simulator', file))).join('\n');
      for (const { name, value } of constants) {
        const values = [...source.matchAll(new RegExp(`const ${name} = ([\\d_.]+);`, 'g'))];
        const numbers = new Set(values.map(([, written]) => Number(written.replaceAll('_', ''))));
        expect([...numbers], name).toEqual([Number(value)]);
      }
    });

    it('a missing pod-minute has the price that is written there', () => {
      const prices = named.filter(({ name }) => name.includes('PerPodMinute'));
      expect(Object.fromEntries(prices.map(({ name, value }) => [name, Number(value)]))).toEqual(
        WAITING_PRICE,
      );
    });
  });
});
