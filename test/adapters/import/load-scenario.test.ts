import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InputError } from '../../../adapters/import/input-error.ts';
import { loadScenario, type ScenarioOverrides } from '../../../adapters/import/load-scenario.ts';
import { defaultScenarioSettings } from '../../../simulator/scenario.ts';
import { peakRequestsPerSecond } from '../../../simulator/trace.ts';

// Noon to 12:04 in Dhaka.
const CSV = `timestamp,requests_per_second
2026-11-27T12:00:00+06:00,10
2026-11-27T12:01:00+06:00,20
2026-11-27T12:02:00+06:00,40
2026-11-27T12:03:00+06:00,30
`;
const NOON_MS = Date.UTC(2026, 10, 27, 6);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'load-scenario-'));
});
afterEach(() => rm(folder, { recursive: true }));

const write = async (files: Record<string, string>): Promise<void> => {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
};

const load = (name: string, overrides?: ScenarioOverrides) =>
  loadScenario(join(folder, name), overrides);

/** The error without the folder in front of its files. */
const problemOf = async (name: string, overrides?: ScenarioOverrides): Promise<string> => {
  const error: unknown = await load(name, overrides).then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(InputError);
  return (error as InputError).message.replaceAll(`${folder}/`, '');
};

const yamlProblem = async (yaml: string): Promise<string> => {
  await write({ 'shop.csv': CSV, 'shop.yaml': yaml });
  return problemOf('shop.yaml');
};

describe('which files make a scenario', () => {
  it('a trace alone runs on the defaults', async () => {
    await write({ 'shop.csv': CSV, 'other.yaml': 'version: 1\nprices: none\n' });
    const { scenario, warnings } = await load('shop.csv');
    const { cluster, workload } = defaultScenarioSettings();
    expect(scenario).toMatchObject({ name: 'shop', cluster, workload, calendar: [] });
    expect(warnings).toEqual([]);
  });

  it.each(['shop.yaml', 'shop.yml'])(
    'a trace takes the settings beside it from %s',
    async (yaml) => {
      await write({ 'shop.csv': CSV, [yaml]: 'version: 1\nname: The shop\n' });
      expect((await load('shop.csv')).scenario.name).toBe('The shop');
      expect((await load(yaml)).scenario.name).toBe('The shop');
    },
  );

  it('a YAML names its trace, relative to itself', async () => {
    await write({
      'traces/raw.csv': CSV,
      'runs/shop.yaml': 'version: 1\ntrace: ../traces/raw.csv\n',
    });
    const { scenario } = await load('runs/shop.yaml');
    expect(scenario.name).toBe('raw');
    expect(scenario.trace.startAtMs).toBe(NOON_MS);
  });

  it('a trace and the YAML beside it agree', async () => {
    await write({ 'shop.csv': CSV, 'shop.yaml': 'version: 1\ntrace: ./shop.csv\n' });
    expect((await load('shop.csv')).scenario.name).toBe('shop');
    await write({ 'shop.yaml': 'version: 1\ntrace: other.csv\n' });
    expect(await problemOf('shop.csv')).toBe(
      'shop.yaml: found the trace "other.csv", expected "shop.csv", beside which this file stands',
    );
  });

  it('two YAMLs beside one trace are one too many', async () => {
    await write({ 'shop.csv': CSV, 'shop.yaml': 'version: 1\n', 'shop.yml': 'version: 1\n' });
    expect(await problemOf('shop.csv')).toBe(
      'shop.csv: found shop.yaml and shop.yml beside it, expected one of them',
    );
  });

  it('what is missing is named', async () => {
    await write({ 'shop.yaml': 'version: 1\n', 'notes.txt': CSV });
    expect(await problemOf('none.yaml')).toBe('none.yaml: found nothing here, expected a file');
    expect(await problemOf('none.csv')).toBe('none.csv: found nothing here, expected a file');
    expect(await problemOf('shop.yaml')).toBe('shop.csv: found nothing here, expected a file');
    expect(await problemOf('notes.txt')).toBe(
      'notes.txt: found a name in ".txt", expected a trace (.csv) or a scenario (.yaml or .yml)',
    );
    await write({ README: CSV });
    expect(await problemOf('README')).toMatch(/^README: found a name without an extension, exp/);
    await mkdir(join(folder, 'traces'));
    expect(await problemOf('traces')).toMatch(/^traces: found a folder, expected a trace/);
    expect(await problemOf('none')).toBe('none: found nothing here, expected a file');
    await mkdir(join(folder, 'folder.yaml'));
    expect(await problemOf('folder.yaml')).toBe('folder.yaml: found a folder, expected a file');
  });

  it('a time without its zone is one in the scenario’s', async () => {
    await write({ 'shop.csv': CSV.replaceAll('+06:00', ''), 'shop.yaml': 'version: 1\n' });
    const { scenario, warnings } = await load('shop.csv');
    expect(scenario.trace.startAtMs).toBe(NOON_MS);
    expect(warnings.join()).toMatch(/shop\.csv:2: found times without a zone .* read as \+06:00/);
    await write({ 'shop.yaml': 'version: 1\ntimeZoneOffsetMinutes: 0\n' });
    expect((await load('shop.yaml')).scenario.trace.startAtMs).toBe(NOON_MS + 6 * 3_600_000);
  });

  it('a trace’s errors and warnings are its own', async () => {
    await write({ 'shop.csv': CSV.replace(',20', ',twenty'), 'shop.yaml': 'version: 1\n' });
    expect(await problemOf('shop.yaml')).toMatch(/^shop\.csv:3: found the rate "twenty"/);
    await write({ 'shop.csv': `${CSV}2026-11-27T12:09:00+06:00,1\n` });
    expect((await load('shop.yaml')).warnings.join()).toContain('shop.csv:6: found 1 gap of 360 s');
  });
});

describe('what is wrong with a YAML', () => {
  it.each([
    [
      'version: 1\nworkload:\n  web:\n    # too many\n    hpa: {replicasMin: -4}\n',
      'shop.yaml:5: workload.web.hpa.replicasMin: found -4, expected a whole number from 1 to 10000',
    ],
    [
      'version: 1\n\nworkload:\n  peakNode: 3\n',
      'shop.yaml:4: unknown setting "peakNode", did you mean "peakNodes"?',
    ],
    ['name: x\n', 'shop.yaml:1: version: found nothing, expected 1, the version of this format'],
    [
      'version: 1\ncalendar:\n  - name: a\n    startAt: 2026-11-27T20:00:00Z\n    endAt: 2026-11-27T21:00:00Z\n  - name: b\n    endAt: 2026-11-27T21:00:00Z\n',
      'shop.yaml:6: calendar.1.startAt: found nothing, expected an ISO-8601 instant',
    ],
    [
      'version: 1\ncalendar:\n- {name: a, startAt: 2026-11-27T20:00:00, endAt: 2026-11-27T21:00:00Z}\n',
      'shop.yaml:3: calendar.0.startAt: found "2026-11-27T20:00:00", expected its zone as well',
    ],
    [
      'version: 1\ncluster:\n  zones:\n    - a\n    - B\n',
      'shop.yaml:5: cluster.zones.1: found "B", expected a name of lower-case letters',
    ],
    [
      'version: 1\nstartup:\n  medianSeconds: 500\n',
      'shop.yaml:2: startup.p95Seconds: found 120, expected at least startup.medianSeconds, 500',
    ],
    [
      'version: 1\ncluster: &c\n  nodeCountInitial: 0\nworkload: *c\n',
      'shop.yaml:3: cluster.nodeCountInitial: found 0, expected a whole number from 1 to 1000',
    ],
    [
      'version: 1\ncluster:\n',
      'shop.yaml:2: cluster: found nothing, expected a mapping of settings',
    ],
    ['', 'shop.yaml:1: the scenario: found nothing, expected a mapping of settings'],
    ['- 1\n', 'shop.yaml:1: the scenario: found a list, expected a mapping of settings'],
    ['version: 1\nname: [a\nprices: x\n', 'shop.yaml:3: found text that is not YAML ('],
    ['version: 1\nname: a\nname: b\n', 'shop.yaml:3: found text that is not YAML ('],
    ['version: 1\n---\nversion: 1\n', 'shop.yaml:2: found text that is not YAML ('],
    ['version: 1\nname: *nobody\n', 'shop.yaml:2: found *nobody, expected an alias of an anchor'],
  ])('%j', async (yaml, expected) => {
    const [first] = (await yamlProblem(yaml)).split('\n');
    expect(first.slice(0, expected.length)).toBe(expected);
  });

  it('is told all at once, in the order of its lines', async () => {
    const yaml = 'version: 1\nprices: free\ncluster:\n  zone: a\nworkload:\n  trafficFactor: 0\n';
    expect(await yamlProblem(yaml)).toBe(
      [
        'shop.yaml:2: prices: found "free", expected one of techflow, aws-ap-southeast-1',
        'shop.yaml:4: unknown setting "zone", did you mean "zones"?',
        'shop.yaml:6: workload.trafficFactor: found 0, expected a number from 0.001 to 1000',
      ].join('\n'),
    );
  });

  it('is told before its trace is read', async () => {
    await write({ 'shop.yaml': 'version: 2\n' });
    expect(await problemOf('shop.yaml')).toMatch(/^shop\.yaml:1: version/);
  });

  it('does not blow up on aliases of aliases', async () => {
    const levels = Array.from({ length: 9 }, (_, at) => {
      const item = at === 0 ? 'x' : `*a${String(at - 1)}`;
      return `  a${String(at)}: &a${String(at)} [${Array(9).fill(item).join(', ')}]\n`;
    });
    expect(await yamlProblem(`version: 1\npolicies:\n${levels.join('')}`)).toMatch(
      /^shop\.yaml: found YAML that cannot be resolved/,
    );
  });

  it('warnings name the file', async () => {
    await write({
      'shop.csv': CSV,
      'shop.yaml':
        'version: 1\ncluster: {nodeCountInitial: 1}\nworkload: {web: {hpa: {replicasMin: 8}}}\n',
    });
    expect((await load('shop.csv')).warnings).toEqual([
      expect.stringContaining(`${folder}/shop.yaml: cluster.nodeCountInitial: 1 nodes hold 7`),
    ]);
  });
});

describe('what the command line changes', () => {
  const yaml = 'version: 1\nworkload: {peakNodes: 4, trafficFactor: 2, cpuMsPerRequest: 24}\n';

  it('peakNodes and trafficFactor replace the scenario’s', async () => {
    await write({ 'shop.csv': CSV, 'shop.yaml': yaml });
    const peak = async (overrides: ScenarioOverrides) =>
      peakRequestsPerSecond((await load('shop.csv', overrides)).scenario.trace);
    // 51.04 requests/s a node at 24 CPU-ms.
    expect(await peak({})).toBeCloseTo(51.0417 * 8, 2);
    expect(await peak({ peakNodes: 1 })).toBeCloseTo(51.0417 * 2, 2);
    expect(await peak({ trafficFactor: 1 })).toBeCloseTo(51.0417 * 4, 2);
    const { scenario } = await load('shop.csv', { peakNodes: 1, trafficFactor: 1 });
    expect(scenario.workload).toMatchObject({ peakNodes: 1, trafficFactor: 1, timeoutSeconds: 10 });
  });

  it('are held to the same ranges', async () => {
    await write({ 'shop.csv': CSV });
    expect(await problemOf('shop.csv', { peakNodes: -3 })).toBe(
      'shop.csv: peakNodes: found -3, expected null (the trace as it is) or a number above 0 and up to 1000',
    );
    expect(await problemOf('shop.csv', { trafficFactor: NaN })).toBe(
      'shop.csv: trafficFactor: found NaN, expected a number from 0.001 to 1000',
    );
  });

  it('from and to cut the trace', async () => {
    await write({ 'shop.csv': CSV });
    const { scenario, warnings } = await load('shop.csv', {
      from: '2026-11-27T12:01:00+06:00',
      to: '2026-11-27T06:03:00Z',
    });
    expect(scenario.trace.startAtMs).toBe(NOON_MS + 60_000);
    expect(scenario.trace.endAtMs).toBe(NOON_MS + 180_000);
    expect(warnings).toEqual([]);
  });

  it('a window that the trace does not fill is warned of, one that it misses is refused', async () => {
    await write({ 'shop.csv': CSV });
    const found =
      'shop.csv: found traffic from 2026-11-27T12:00:00+06:00 to 2026-11-27T12:04:00+06:00';
    for (const overrides of [
      { from: '2026-11-27T11:59:59+06:00' },
      { to: '2026-11-27T12:04:01+06:00' },
    ]) {
      expect((await load('shop.csv', overrides)).warnings).toEqual([
        `${folder}/${found}, less than the window asked for, which is cut to it`,
      ]);
    }
    for (const overrides of [
      { from: '2026-11-27T12:04:00+06:00' },
      { to: '2026-11-27T12:00:00+06:00' },
    ]) {
      expect(await problemOf('shop.csv', overrides)).toBe(
        `${found}, expected some in the window asked for`,
      );
    }
  });

  it('a window is two instants with their zones, in order', async () => {
    await write({ 'shop.csv': CSV });
    expect(await problemOf('shop.csv', { from: '2026-11-27T12:01:00' })).toBe(
      'shop.csv: from: found "2026-11-27T12:01:00", expected its zone as well, like +06:00 or Z at the end',
    );
    expect(await problemOf('shop.csv', { to: 'noon' })).toBe(
      'shop.csv: to: found "noon", expected ISO-8601 with a zone, like 2026-11-27T20:00:00+06:00, ' +
        'or Unix time in seconds or milliseconds',
    );
    const [from, to] = ['2026-11-27T12:01:00+06:00', '2026-11-27T06:01:00Z'];
    expect(await problemOf('shop.csv', { from, to })).toBe(
      `shop.csv: found the window from ${from} to ${to}, expected it to end after it begins`,
    );
  });

  it('a run of more steps than memory holds is refused, a part of it is not', async () => {
    // A mistyped year, and the day before the limit of 5 million steps of 15 s.
    await write({ 'years.csv': `${CSV}2036-11-27T12:00:00+06:00,1\n` });
    expect(await problemOf('years.csv')).toBe(
      'years.csv: found traffic from 2026-11-27T12:00:00+06:00 to 2036-11-27T12:01:00+06:00, ' +
        'expected at most 868 days of it in a run; choose a part with --from and --to',
    );
    const { scenario } = await load('years.csv', { to: '2029-04-13T12:00:00+06:00' });
    expect((scenario.trace.endAtMs - scenario.trace.startAtMs) / 86_400_000).toBe(868);
    await write({ 'years.yaml': 'version: 1\nworldStepSeconds: 1\n' });
    expect(await problemOf('years.csv', { to: '2029-04-13T12:00:00+06:00' })).toContain(
      'expected at most 57 days',
    );
  });

  it('traffic that no service has is refused when scaling makes it', async () => {
    const spike = Array.from(
      { length: 2000 },
      (_, at) => `${String(at)},${at === 9 ? '10' : '0.00001'}\n`,
    );
    await write({ 'shop.csv': `timestamp,requests_per_second\n${spike.join('')}` });
    expect((await load('shop.csv', { peakNodes: 8 })).scenario.name).toBe('shop');
    expect(await problemOf('shop.csv', { peakNodes: 8, trafficFactor: 2 })).toBe(
      'shop.csv: found 1633333333 requests per second once it is scaled, expected at most 1000000000',
    );
  });

  it('a trace without traffic cannot be scaled', async () => {
    await write({ 'idle.csv': CSV.replace(/,\d+$/gm, ',0') });
    expect((await load('idle.csv')).scenario.trace.requestsPerSecond).toEqual(new Float64Array(4));
    expect(await problemOf('idle.csv', { peakNodes: 8 })).toBe(
      'idle.csv: The trace "idle" cannot be scaled: its 99.9th percentile is 0 requests/s.',
    );
  });
});
