// The report in a real browser, opened from its file as whoever gets it by mail opens it.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  nodeFleet,
  root,
  temporaryFolder,
  traceCsv,
  writeText,
} from '../../adapters/cli/program.ts';
import { installFromDebian } from './debian.ts';

const CHARTS = ['traffic', 'nodes', 'deeds', 'pending', 'spent', 'tradeOff'];
const ZOOMED = ['nodes', 'deeds', 'pending', 'spent'];
const QUIET = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
];

const folder = temporaryFolder();
const report = join(folder.path, 'report.html');
const pages: Page[] = [];
let browser: Browser;

beforeAll(async () => {
  // The font has the sign of the taka.
  installFromDebian(['chromium'], ['chromium', 'fonts-lohit-beng-bengali']);
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: QUIET });
  const args = ['scenarios/flash-sale.csv', '--policy', 'node-fleet', '--policy', 'scheduled'];
  const written = await nodeFleet(['report', ...args, '-o', report]);
  expect(written).toMatchObject({ exitCode: 0, stderr: '' });
});
afterEach(async () => {
  await Promise.all(pages.splice(0).map((page) => page.close()));
});
afterAll(async () => {
  await browser.close();
  folder.remove();
});

interface Opened {
  readonly page: Page;
  /** What the browser complained of, breaches of the page’s policy included. */
  readonly complaints: readonly string[];
  /** Whom it asked beside the file itself. */
  readonly requests: readonly string[];
}

async function opened(path: string, width = 1280, height = 800): Promise<Opened> {
  const page = await browser.newPage({ viewport: { width, height } });
  pages.push(page);
  const complaints: string[] = [];
  const requests: string[] = [];
  const url = pathToFileURL(path).href;
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('dialog', (dialog) => {
    complaints.push(dialog.message());
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (request.url() !== url) {
      requests.push(request.url());
    }
  });
  await page.addInitScript(
    "addEventListener('securitypolicyviolation', (e) => console.error('policy', e.violatedDirective));",
  );
  await page.goto(url);
  await page.waitForFunction('document.documentElement.dataset.charts !== undefined');
  expect(await page.locator('html').getAttribute('data-charts')).toBe('drawn');
  return { page, complaints, requests };
}

/** The labels below a chart: what part of the run it shows. */
async function times(page: Page, chart: string): Promise<string> {
  const labels = await page.locator(`#chart-${chart} .role-axis-label text`).allTextContents();
  // In an order of their own: a label that comes back is put last.
  const shown = labels.filter((label) => /^\d\d:\d\d$|^\d+ [A-Z]/.test(label));
  return shown.sort().join(' ');
}

const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';

describe('a report in a browser', () => {
  test('draws its charts from its own file alone, and breaks no policy', async () => {
    const { page, complaints, requests } = await opened(report);
    for (const chart of CHARTS) {
      const marks = page.locator(
        `#chart-${chart} svg :is(.mark-area, .mark-line, .mark-symbol) path`,
      );
      expect(await marks.count(), chart).toBeGreaterThan(0);
    }
    expect(complaints).toEqual([]);
    expect(requests).toEqual([]);
  });

  test('the charts show what the run was: nodes missing in the sale, and what was done', async () => {
    const hasty = join(folder.path, 'node-fleet.html');
    const args = ['scenarios/flash-sale.csv', '--policy', 'node-fleet', '-o', hasty];
    expect(await nodeFleet(['report', ...args])).toMatchObject({ exitCode: 0 });
    const { page } = await opened(hasty);
    const { data } = JSON.parse((await page.locator('#report-data').textContent()) ?? '') as {
      data: { gaps: unknown[]; events: { kind: string }[] };
    };
    const added = data.events.filter(({ kind }) => kind === 'added').length;
    expect(data.gaps.length).toBeGreaterThan(2);
    expect(added).toBeGreaterThan(2);
    // The layers of a chart, from the back: sales first, then what was needed and what was missing of it.
    const drawn = async (chart: string, layer: number): Promise<number> =>
      page.locator(`#chart-${chart} .layer_${String(layer)}_marks path`).count();
    expect(await drawn('nodes', 2)).toBe(data.gaps.length);
    // Sales, what was held back, what was added.
    expect(await drawn('deeds', 2)).toBe(added);
    expect(await page.locator('#chart-deeds svg text').allTextContents()).toContain('added');
  });

  test('one brush over the traffic narrows every chart below it, and lets them go again', async () => {
    const { page, complaints } = await opened(report);
    const first = await times(page, 'nodes');
    expect(first).toMatch(/^18:00 .* 28 Nov$/);
    await page.locator('#chart-traffic').scrollIntoViewIfNeeded();
    const box = await page.locator('#chart-traffic svg').boundingBox();
    if (box === null) {
      throw new Error('no traffic chart');
    }
    const y = box.y + 30;
    await page.mouse.move(box.x + box.width * 0.3, y);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.35, y, { steps: 4 });
    await page.mouse.up();
    await expect.poll(async () => times(page, 'nodes')).not.toBe(first);
    const narrowed = await times(page, 'nodes');
    expect(narrowed).not.toContain('28 Nov');
    for (const chart of ZOOMED) {
      expect(await times(page, chart), chart).toBe(narrowed);
    }
    await page.getByRole('button', { name: 'Whole run' }).click();
    await expect.poll(async () => times(page, 'spent')).toBe(await times(page, 'traffic'));
    await page.getByRole('button', { name: 'Friday flash sale' }).press('Enter');
    await expect.poll(async () => times(page, 'pending')).toBe(first);
    expect(complaints).toEqual([]);
  });

  test.each([
    [1280, 800],
    [390, 844],
  ])(
    'at %d pixels nothing is wider than the page, and the answer is on the first screen',
    async (width, height) => {
      const { page } = await opened(report, width, height);
      expect(await page.evaluate(overflow)).toBe(0);
      await page.evaluate(
        "document.querySelectorAll('details').forEach((each) => (each.open = true))",
      );
      expect(await page.evaluate(overflow)).toBe(0);
      const figures = await page.locator('.change dd').all();
      expect(figures).toHaveLength(5);
      for (const figure of figures.slice(0, 4)) {
        const box = await figure.boundingBox();
        expect((box?.y ?? Infinity) + (box?.height ?? 0)).toBeLessThan(height);
      }
      // Charts follow the window.
      const svg = page.locator('#chart-nodes svg');
      const before = await svg.getAttribute('width');
      await page.setViewportSize({ width: Math.round(width * 0.75), height });
      await expect.poll(async () => svg.getAttribute('width')).not.toBe(before);
      expect(await page.evaluate(overflow)).toBe(0);
    },
  );

  test('without JavaScript the answer, the tables and the timeline can be read', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    pages.push(page);
    await page.goto(pathToFileURL(report).href);
    const text = await page.locator('body').innerText();
    for (const said of [
      'What should we do?',
      'clairvoyant',
      'add 1',
      'The charts need JavaScript',
    ]) {
      expect(text).toContain(said);
    }
    await expect(page.locator('#windows').isVisible()).resolves.toBe(false);
    await context.close();
  });

  test('names of another’s making run nothing and are shown as they are', async () => {
    const name = '</script><script>alert(1)</script><img src=x onerror=alert(2)>';
    const evil = join(folder.path, 'evil.html');
    const yaml = [
      'version: 1',
      `name: "${name}"`,
      'calendar:',
      `  - { name: "${name}", startAt: 2026-11-27T12:45:00Z, endAt: 2026-11-27T13:15:00Z }`,
    ];
    writeText(folder.path, 'evil.yaml', yaml.join('\n'));
    const trace = writeText(folder.path, 'evil.csv', traceCsv());
    expect(await nodeFleet(['report', trace, '-o', evil])).toMatchObject({ exitCode: 0 });
    const { page, complaints, requests } = await opened(evil);
    expect(await page.locator('h1').textContent()).toBe(name);
    expect(await page.locator('#windows button').last().textContent()).toBe(name);
    expect(await page.locator('img').count()).toBe(0);
    expect(complaints).toEqual([]);
    expect(requests).toEqual([]);
  });

  test('its policy refuses a script that is not its own', async () => {
    const { page, complaints } = await opened(report);
    await page.evaluate(
      "document.body.append(Object.assign(document.createElement('script'), { textContent: 'document.title = 1' }))",
    );
    expect(await page.title()).toMatch(/node-fleet report$/);
    expect(complaints.join(' ')).toMatch(/policy script-src/);
  });

  test('its picture for the README, where one is wanted', async () => {
    const { page } = await opened(report);
    const pictures = process.env['NODE_FLEET_PICTURES'];
    const path = join(pictures === undefined ? folder.path : join(root, pictures), 'report.png');
    const picture = await page.locator('header').screenshot({ path });
    expect(picture.length).toBeGreaterThan(20_000);
    expect(picture.length).toBeLessThan(150_000);
  });
});
