import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { compile } from 'vega-lite';
import type { ConfiguredPolicy } from '../../../engine/index.ts';
import { PAGE_BEGINNING, reportPage } from '../../../reports/html/page.ts';
import {
  comparePolicies,
  type BilledInstance,
  type Run,
  type Scenario,
} from '../../../simulator/index.ts';
import { HOUR_MS, policyOf, scenarioOf, START_AT_MS } from '../../simulator/build.ts';

const POLICIES = ['node-fleet', 'scheduled', 'static'].map((name) => policyOf(name));
/** What a browser would run is not looked at here: test/integration/peers does. */
const RUNTIME = { script: "'</script><!--'", licences: 'a, b\n\n<c> & d', compile };

function scenario(settings: object = {}): Scenario {
  const rates = Array.from({ length: 120 }, (_, minute) => (minute < 45 || minute > 75 ? 60 : 900));
  const at = (hours: number): string => new Date(START_AT_MS + hours * HOUR_MS).toISOString();
  const calendar = [{ name: 'Sale', startAt: at(0.75), endAt: at(1.25) }];
  return scenarioOf({ name: 'rise', calendar, ...settings }, rates);
}

function written(
  world: Scenario,
  policies: readonly ConfiguredPolicy[] = POLICIES,
  changes: object = {},
) {
  const instances = new Map<Run, readonly BilledInstance[]>();
  const comparison = comparePolicies({
    scenario: world,
    seed: 1,
    policies,
    finished: (run, ended) => instances.set(run, ended.bills()),
  });
  return reportPage(
    {
      scenario: world,
      seed: 1,
      comparison,
      instancesOf: (run) => instances.get(run) ?? [],
      digestOf: (run) => createHash('sha256').update(run.journal).digest('hex'),
      engineDigest: '0123456789abcdef',
      command: 'npm run report -- rise.csv --seed 1 -o report.html',
      warnings: [],
      ...changes,
    },
    RUNTIME,
  );
}

const { page, report } = written(scenario());
/** What a reader sees, without scripts and styles. */
function textOf(markup: string): string {
  return markup
    .replace(/<(script|style)\b[^>]*>.*?<\/\1>/gs, ' ')
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ');
}

describe('a report', () => {
  test('is the same bytes each time', () => {
    expect(written(scenario()).page === page).toBe(true);
  });

  test('answers first: what we pay, who waits, what we should do', () => {
    const before = textOf(page.slice(0, page.indexOf('</header>')));
    const { best, today } = report.recommendation;
    expect(before).toContain(report.recommendation.headline);
    expect(best.isToday).toBe(false);
    for (const question of ['What do we pay?', 'Who waits, and how long?', 'What should we do?']) {
      expect(before).toContain(question);
    }
    const lakh = (bdt: number): string => `৳${String(Math.round(bdt))}`;
    expect(before).toContain(lakh(today.measures.costBdt));
    expect(before).toContain(lakh(best.measures.costBdt));
    expect(before).toContain(report.recommendation.breakEven);
  });

  test('names every policy, by its total, and the clairvoyant below which nobody is', () => {
    const table = page.slice(page.indexOf('<table'), page.indexOf('</table>'));
    const names = [...table.matchAll(/<th scope="row">([^<]+)<\/th>/g)].map(([, name]) => name);
    const expected = report.ranked.map(({ run }) =>
      run.configured.policy.name === 'static' ? 'static (today)' : run.configured.policy.name,
    );
    expect(names).toEqual([...expected, 'clairvoyant']);
    expect(names).toHaveLength(4);
    const totals = report.ranked.map(({ totalBdt }) => totalBdt);
    expect(totals).toEqual([...totals].sort((a, b) => a - b));
    // In another order than they were asked for.
    expect(report.ranked).not.toEqual(report.comparison.runs);
  });

  test('tells what runs today where that is none of the policies that were asked for', () => {
    const alone = written(scenario(), [policyOf('node-fleet')]);
    expect(alone.page.includes('<th scope="row">5 static nodes (today)</th>')).toBe(true);
    expect(alone.report.chosen.run.configured.policy.name).toBe('node-fleet');
    expect(page.includes('5 static nodes (today)')).toBe(false);
  });

  test('is about the only policy that was asked for, even where today’s is better', () => {
    // One node, which every pod waits for.
    const poor = policyOf('static', { nodeCount: 1 });
    const { report: told } = written(scenario(), [poor]);
    expect(told.recommendation.best.isToday).toBe(true);
    expect(told.recommendation.headline).toMatch(/^Keep today’s 5 static nodes/);
    expect(told.chosen.run.configured).toBe(poor);
  });

  test('where today’s is the best, it is set beside the next best', () => {
    const calm = scenarioOf({ name: 'calm' }, new Array<number>(120).fill(400));
    const { report: told } = written(calm, [policyOf('static'), policyOf('node-fleet')]);
    expect(told.recommendation.best.isToday).toBe(true);
    expect(told.chosen.run.configured.policy.name).toBe('node-fleet');
    const only = written(calm, [policyOf('static')]);
    expect(only.report.chosen.run).toBe(only.report.comparison.baseline);
    expect(only.page.match(/<dt>today<\/dt>/g)).toHaveLength(2);
    expect(only.page.match(/<div class="then">/g)).toHaveLength(1);
  });

  test('says what it rests on, and the command and digests that make it again', () => {
    const text = textOf(page);
    for (const said of [
      'one run of one trace (seed 1), billed by techflow',
      'by the calendar',
      'Median 75 s, 95 % within 120 s',
      'Not modelled Memory pressure',
      'npm run report -- rise.csv --seed 1 -o report.html',
      'Engine 0123456789abcdef',
      ...report.ranked.map(({ run }) => report.digestOf(run)),
    ]) {
      expect(text).toContain(said);
    }
  });

  test('asks nobody for anything, and lets nothing run but its own script', () => {
    expect(page.startsWith(PAGE_BEGINNING)).toBe(true);
    expect(page).not.toMatch(
      /<(link|img|iframe|object|embed|base|form)\b| (src|href|on\w+|style)=/i,
    );
    const [, policy] = /http-equiv="Content-Security-Policy"\s+content="([^"]+)"/.exec(page) ?? [];
    const scripts = [...page.matchAll(/<script>(.*?)<\/script>/gs)].map(([, code]) => code);
    const styles = [...page.matchAll(/<style>(.*?)<\/style>/gs)].map(([, css]) => css);
    const hash = (text: string): string =>
      `&#39;sha256-${createHash('sha256').update(text).digest('base64')}&#39;`;
    expect([scripts.length, styles.length]).toEqual([1, 1]);
    expect(policy.split('; ')).toEqual([
      'default-src &#39;none&#39;',
      `script-src ${hash(scripts[0])}`,
      `style-src ${hash(styles[0])}`,
      'base-uri &#39;none&#39;',
      'form-action &#39;none&#39;',
    ]);
  });

  test('names of another’s making are text: in elements, attributes, data and comments', () => {
    const hostile = `</title></script><script>alert('x')</script><!-- " onload="x` + '\u202E';
    const at = (hours: number): string => new Date(START_AT_MS + hours * HOUR_MS).toISOString();
    const world = {
      ...scenario({ calendar: [{ name: 'x', startAt: at(0.75), endAt: at(1.25) }] }),
      name: hostile,
    };
    const calendar = world.calendar.map((sale) => ({ ...sale, name: hostile }));
    const named = POLICIES.map((each) => ({
      ...each,
      policy: { ...each.policy, name: `${each.policy.name}${hostile}` },
    }));
    const evil = written({ ...world, calendar }, named, {
      command: hostile,
      engineDigest: hostile,
      warnings: [hostile],
    }).page;
    const tags = (markup: string): string[] =>
      [...markup.matchAll(/<\/?(script|title|style)\b/gi)].map(([tag]) => tag);
    expect(tags(evil)).toEqual(tags(page));
    expect(evil.includes('<!-- "')).toBe(false);
    expect(evil.includes(' onload="')).toBe(false);
    expect(evil.includes('\u202E')).toBe(false);
    expect(textOf(evil)).toContain('&lt;script&gt;alert(&#39;x&#39;)');
    const [, json] = /id="report-data">(.*?)<\/script>/s.exec(evil) ?? [];
    const { data } = JSON.parse(json) as { data: { sales: { name: string }[] } };
    expect(data.sales[0].name).toBe(hostile.slice(0, -1));
  });

  test('headings go down by one, tables have headers, charts have words', () => {
    const levels = [...page.matchAll(/<h(\d)/g)].map(([, level]) => Number(level));
    expect(levels[0]).toBe(1);
    for (const [n, level] of levels.slice(1).entries()) {
      expect(level - levels[n]).toBeLessThanOrEqual(1);
      expect(level).toBeGreaterThan(1);
    }
    for (const [table] of page.matchAll(/<table.*?<\/table>/gs)) {
      expect(table).toMatch(/<th scope="(col|row)"/);
    }
    const charts = [...page.matchAll(/<div\s+id="chart-\w+"\s+role="img"\s+aria-label="([^"]+)"/g)];
    expect(charts.map(([, label]) => label.length > 20)).toEqual(new Array<boolean>(6).fill(true));
    expect(page.includes('<html lang="en">')).toBe(true);
  });

  test('keeps the licences of what it carries', () => {
    expect(page.includes('<pre>a, b\n\n&lt;c&gt; &amp; d</pre>')).toBe(true);
  });
});
