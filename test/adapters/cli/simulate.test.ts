import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { POLICIES } from '../../../engine/index.ts';
import { readJournalFile } from '../../../adapters/cli/journal-file.ts';
import { formatInstant, PRICE_BOOKS } from '../../../simulator/index.ts';
import { nodeFleet, temporaryFolder, traceCsv, writeText } from './program.ts';

const folder = temporaryFolder();
const policyNames = POLICIES.map(({ name }) => name);
let trace: string;

beforeAll(() => {
  trace = writeText(folder.path, 'trace.csv', traceCsv());
});
afterAll(() => {
  folder.remove();
});

interface RunJson extends Record<string, unknown> {
  readonly policy: string;
  readonly settings: Record<string, number>;
  readonly journalSha256: string;
  readonly costBdt: number;
  readonly waitingCostBdt: number;
  readonly totalBdt: number;
}
interface SimulateJson extends Record<string, unknown> {
  readonly durationSeconds: number;
  readonly runs: readonly RunJson[];
  readonly clairvoyant: {
    readonly costBdt: number;
    readonly shortagePodMinutes: number;
    readonly waitingCostBdt: number;
    readonly totalBdt: number;
    readonly frontier: readonly {
      readonly costBdt: number;
      readonly shortagePodMinutes: number;
      readonly waitingPriceBdtPerPodMinute: number;
    }[];
  };
  readonly breakEvens: readonly {
    readonly policy: string;
    readonly over: string;
    readonly fromBdtPerPodMinute: number;
  }[];
  readonly bestByWaitingPrice: readonly {
    readonly policy: string;
    readonly fromBdtPerPodMinute: number;
  }[];
  readonly faults: readonly { readonly from: string | null; readonly to: string | null }[];
  readonly warnings: readonly string[];
}

async function simulate(...args: string[]) {
  return nodeFleet(['simulate', ...args]);
}

/** The document that --json prints, of a run that must succeed. */
async function simulated(...args: string[]): Promise<SimulateJson> {
  const { exitCode, stdout, stderr } = await simulate(...args, '--json');
  expect(stderr).toBe('');
  expect(exitCode).toBe(0);
  return JSON.parse(stdout) as SimulateJson;
}

/** The longest line, in characters. */
function widthOf(text: string): number {
  return Math.max(...text.split('\n').map((line) => [...line].length));
}

describe('what simulate prints', () => {
  test('a table of all policies, a chart and digests, within 80 columns', async () => {
    const { exitCode, stdout, stderr } = await simulate(trace);
    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
    expect(widthOf(stdout)).toBeLessThanOrEqual(80);
    const lines = stdout.split('\n\n')[1].split('\n');
    for (const name of [...policyNames, 'clairvoyant']) {
      expect(lines.filter((line) => line.startsWith(`${name} `))).toHaveLength(1);
    }
    // The least total stands last, whatever column there was room for.
    const totals = lines
      .filter((line) => [...policyNames, 'clairvoyant'].some((name) => line.startsWith(`${name} `)))
      .map((line) => Number(line.split(/ +/).at(-2)?.replaceAll(',', '')));
    expect(totals).toHaveLength(policyNames.length + 1);
    expect(Math.min(...totals)).toBe(totals.at(-1));
    expect(stdout).toMatch(/^Lowest total, by the price of a missing pod-minute: /m);
    expect(stdout).toMatch(/^nodes under node-fleet: /m);
    expect(stdout).toMatch(/^ 1 ┤|^1 ┤/m);
    expect(stdout).toMatch(
      /^trace\n2 h from 2026-11-27 18:00 UTC\+06:00, .* requests, peak 600\/s, seed 1$/m,
    );
    expect(stdout).toContain('see README');
    expect(stdout.endsWith('\n')).toBe(true);
    // No terminal here, so no colour and no cursor either.
    expect(stdout).not.toContain('\u001b');
  });

  test('the digests are those of --json', async () => {
    const [text, document] = await Promise.all([simulate(trace), simulated(trace)]);
    const digests = [...text.stdout.matchAll(/^ {2}digest ([0-9a-f]{64})$/gm)].map(
      ([, hex]) => hex,
    );
    expect(digests).toEqual(document.runs.map(({ journalSha256 }) => journalSha256));
  });

  test('the same bytes twice, and others for another seed', async () => {
    const [once, twice, json, jsonTwice, other] = await Promise.all([
      simulate(trace),
      simulate(trace),
      simulate(trace, '--json'),
      simulate(trace, '--json'),
      simulate(trace, '--seed', '2'),
    ]);
    expect(twice.stdout).toBe(once.stdout);
    expect(jsonTwice.stdout).toBe(json.stdout);
    expect(other.stdout).not.toBe(once.stdout);
  });

  test('crores, long names and months do not widen it', async () => {
    const name = 'An uncommonly long name, '.repeat(7);
    const yaml = `version: 1\nname: "${name}"\nworkload: { peakNodes: 400 }\n`;
    writeText(folder.path, 'wide.yaml', yaml);
    const wide = writeText(
      folder.path,
      'wide.csv',
      // Ten days at an hour a row, far above what 10 nodes carry.
      `timestamp,requests_per_second\n${Array.from(
        { length: 240 },
        (_, hour) => `${String(1_795_780_800 + hour * 3600)},${String(50 + (hour % 24))}\n`,
      ).join('')}`,
    );
    const { exitCode, stdout } = await simulate(wide);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/\d,\d\d,\d\d,\d{3}/);
    expect(widthOf(stdout)).toBeLessThanOrEqual(80);
  });

  test('a sale that is a small part of the run is what the chart shows', async () => {
    const yaml = [
      'version: 1',
      'calendar:',
      '  - name: Tea-time sale',
      '    startAt: 2026-11-27T12:45:00Z',
      '    endAt: 2026-11-27T13:00:00Z',
    ];
    writeText(folder.path, 'sale.yaml', yaml.join('\n'));
    const { stdout } = await simulate(writeText(folder.path, 'sale.csv', traceCsv()));
    expect(stdout).toMatch(/^nodes around the sale under node-fleet/m);
    expect(stdout).toMatch(/▼ Tea-time sale$/m);
    // From a quarter of an hour before to a quarter after.
    expect(stdout).toMatch(/^ *18:30 .*19:00/m);
    expect(stdout).not.toContain('20:00');
  });

  test('whoever stops reading is no error', async () => {
    const { exitCode, stderr } = await nodeFleet(['simulate', trace, '--json'], { deaf: true });
    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
  });
});

describe('what simulate --json promises', () => {
  test('every key of the contract, and no other', async () => {
    const document = await simulated(trace);
    expect(Object.keys(document)).toEqual([
      'schema',
      'scenario',
      'seed',
      'durationSeconds',
      'engineDigest',
      'priceBook',
      'waitingPriceBdtPerPodMinute',
      'runs',
      'clairvoyant',
      'breakEvens',
      'bestByWaitingPrice',
      'faults',
      'warnings',
      'unavoidable',
    ]);
    expect(document).toMatchObject({
      schema: 'node-fleet/simulate@1',
      scenario: 'trace',
      seed: 1,
      engineDigest: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
      priceBook: 'techflow',
      waitingPriceBdtPerPodMinute: { sale: 100, other: 20 },
      faults: [],
      warnings: [],
    });
    expect(document.runs.map(({ policy }) => policy)).toEqual(policyNames);
    for (const run of document.runs) {
      expect(shapeOf(run)).toEqual(CONTRACT);
    }
  });

  test('money adds up, to the last paisa, by every price book', async () => {
    const { runs } = await simulated(trace);
    for (const run of runs) {
      expect(run.totalBdt).toBeCloseTo(run.costBdt + run.waitingCostBdt, 9);
      const books = run['byPriceBook'] as Record<string, RunJson>;
      const { costBdt, costPerMonthBdt } = run;
      expect(books['techflow']).toMatchObject({ costBdt, costPerMonthBdt });
      for (const money of [run, ...Object.values(books)]) {
        const sumOf = (key: string): number =>
          Object.values(money[key] as Record<string, number>).reduce((a, b) => a + b, 0);
        const saved = money['savingsVsStatic5Percent'] as number;
        expect(sumOf('savingsSplitPercent')).toBeCloseTo(saved, 9);
        // Each of the six lines is rounded by itself.
        expect(Math.abs(sumOf('costBreakdownBdt') - money.costBdt)).toBeLessThan(0.035);
      }
    }
    const five = runs.find(({ policy }) => policy === 'static');
    expect(five).toMatchObject({
      savingsVsStatic5Percent: 0,
      savingsVsStatic5SameSpotMixPercent: 0,
      costPerMonthBdt: 120_000,
      launches: 0,
      elasticity: { elasticSpeedup: 1 },
    });
    expect(JSON.stringify(runs)).not.toMatch(/-0[,}]|\d\.\d{5}/);
  });

  test('what even the largest fleet lacks, and what one node more would change', async () => {
    // 600 requests/s need six nodes.
    const { unavoidable } = await simulated(trace, '--policy', 'static');
    expect(unavoidable).toEqual({
      nodeCount: 5,
      shortagePodMinutes: expect.any(Number) as number,
      waitingCostBdt: expect.any(Number) as number,
      // Two hours of a node at ৳24,000 a month.
      oneNodeMore: {
        addedCostBdt: 66.67,
        shortagePodMinutes: expect.any(Number) as number,
        waitingCostBdt: expect.any(Number) as number,
      },
    });
    const { shortagePodMinutes, waitingCostBdt, oneNodeMore } = unavoidable as {
      shortagePodMinutes: number;
      waitingCostBdt: number;
      oneNodeMore: { shortagePodMinutes: number };
    };
    expect(waitingCostBdt).toBeCloseTo(20 * shortagePodMinutes, 6);
    expect(oneNodeMore.shortagePodMinutes).toBeLessThan(shortagePodMinutes);
    const enough = await simulated(trace, '--policy', 'node-fleet');
    expect(enough['unavoidable']).toEqual({
      nodeCount: 10,
      shortagePodMinutes: 0,
      waitingCostBdt: 0,
      oneNodeMore: null,
    });
    const [told, nothing] = await Promise.all([
      simulate(trace, '--policy', 'static'),
      simulate(trace, '--policy', 'node-fleet'),
    ]);
    expect(told.stdout.replaceAll('\n', ' ')).toMatch(
      / 5 static nodes miss \S+ pod-min \(৳\S+\) as well; one node more, always on, costs ৳67 and leaves /,
    );
    expect(nothing.stdout).not.toContain('one node more');
  });
});

describe('the clairvoyant in --json', () => {
  test('is below every run, and its frontier falls to no nodes', async () => {
    const { runs, clairvoyant } = await simulated(trace);
    const { frontier, ...optimum } = clairvoyant;
    expect(Object.keys(optimum)).toEqual([
      'costBdt',
      'shortagePodMinutes',
      'waitingCostBdt',
      'totalBdt',
    ]);
    expect(optimum.totalBdt).toBeCloseTo(optimum.costBdt + optimum.waitingCostBdt, 9);
    for (const { totalBdt, regretPercent } of runs) {
      expect(optimum.totalBdt).toBeLessThan(totalBdt);
      expect(regretPercent).toBeGreaterThan(0);
    }
    expect(frontier.length).toBeGreaterThan(2);
    expect(frontier.at(-1)).toMatchObject({ costBdt: 0, waitingPriceBdtPerPodMinute: 0 });
    for (let at = 1; at < frontier.length; at++) {
      expect(Object.keys(frontier[at])).toEqual([
        'costBdt',
        'shortagePodMinutes',
        'waitingPriceBdtPerPodMinute',
      ]);
      expect(frontier[at].costBdt).toBeLessThan(frontier[at - 1].costBdt);
      expect(frontier[at].shortagePodMinutes).toBeGreaterThan(frontier[at - 1].shortagePodMinutes);
    }
  });

  test('break-even prices: at each, the two policies come to the same', async () => {
    const ten = ['--set', 'nodeCount=10'];
    const { runs, breakEvens, bestByWaitingPrice } = await simulated(trace, ...ten);
    expect(breakEvens.length).toBeGreaterThan(0);
    const total = (name: string, price: number): number => {
      const found = runs.find(({ policy }) => policy === name);
      return (found?.costBdt ?? NaN) + price * (found?.['shortagePodMinutes'] as number);
    };
    for (const { policy, over, fromBdtPerPodMinute: price } of breakEvens) {
      expect(Math.abs(total(policy, price) / total(over, price) - 1)).toBeLessThan(1e-3);
      expect(total(policy, 2 * price)).toBeLessThan(total(over, 2 * price));
    }
    for (const { policy, fromBdtPerPodMinute } of bestByWaitingPrice) {
      const price = fromBdtPerPodMinute + 0.001;
      const lowest = Math.min(...runs.map((each) => total(each.policy, price)));
      expect(total(policy, price)).toBeCloseTo(lowest, 1);
    }
    const shortages = runs.map(({ shortagePodMinutes }) => shortagePodMinutes as number);
    const last = runs.find(({ policy }) => policy === bestByWaitingPrice.at(-1)?.policy);
    expect(last?.['shortagePodMinutes']).toBe(Math.min(...shortages));
  });
});

describe('prices from the command line', () => {
  const priced = async (...args: string[]) => {
    const document = await simulated(trace, '--policy', 'node-fleet', ...args);
    const [{ waitingCostBdt, shortagePodMinutes }] = document.runs;
    return {
      price: document['waitingPriceBdtPerPodMinute'],
      book: document['priceBook'],
      perPodMinute: waitingCostBdt / (shortagePodMinutes as number),
    };
  };

  test('one price of waiting for all, or one for sales and one for the rest', async () => {
    const flat = await priced('--waiting-price', '7.5');
    expect(flat).toMatchObject({ price: { sale: 7.5, other: 7.5 } });
    expect(flat.perPodMinute).toBeCloseTo(7.5, 3);
    const [both, turned, one] = await Promise.all([
      priced('--waiting-price', 'sale=60,other=3'),
      priced('--waiting-price', 'other=3,sale=60'),
      priced('--waiting-price', 'sale=60'),
    ]);
    expect(both).toMatchObject({ price: { sale: 60, other: 3 } });
    // This trace has no sale.
    expect(both.perPodMinute).toBeCloseTo(3, 3);
    expect(turned).toEqual(both);
    expect(one).toMatchObject({ price: { sale: 60, other: 20 } });
  });

  test('the legend names it', async () => {
    const { stdout } = await simulate(trace, '--waiting-price', 'sale=0.75,other=0.025');
    expect(stdout.replaceAll('\n', ' ')).toContain('short at ৳0.0250 a pod-minute, ৳0.75 in sales');
  });

  test('a price book, over the scenario’s', async () => {
    expect(await priced('--price-book', 'techflow')).toMatchObject({ book: 'techflow' });
    const prices = 'version: 1\nprices: techflow\n';
    writeText(folder.path, 'priced.yaml', prices);
    const csv = writeText(folder.path, 'priced.csv', traceCsv(30));
    for (const { name } of PRICE_BOOKS) {
      const document = await simulated(csv, '--policy', 'static', '--price-book', name);
      expect(document['priceBook']).toBe(name);
    }
  });
});

/** Keys, and below them the keys of what is a mapping. */
function shapeOf(run: Record<string, unknown>): string[] {
  return Object.entries(run).map(([key, value]) =>
    typeof value === 'object' && value !== null && key !== 'settings'
      ? `${key}: ${Object.keys(value).join(' ')}`
      : key,
  );
}

const CONTRACT = [
  'policy',
  'settings',
  'journalSha256',
  'costBdt',
  'costPerMonthBdt',
  'costBreakdownBdt: onDemandNodes spotNodes disks surplusCredits cluster autoscaler',
  'savingsVsStatic5Percent',
  'savingsSplitPercent: fewerNodes spot overhead',
  'savingsVsStatic5SameSpotMixPercent',
  'pendingPodMinutes',
  'shortagePodMinutes',
  'avoidableShortagePodMinutes',
  'waitingCostBdt',
  'totalBdt',
  'timeToCapacitySeconds: p50 p95 max censored',
  'requestsLost',
  'requestsLate',
  'requestsRetried',
  'requestsStayedAway',
  'badMinutes',
  'longestBadMinutes',
  'disruptions',
  'reclaims',
  'evictions',
  'launches',
  'scaleUps',
  'scaleDowns',
  'nodeHours: onDemand spot',
  'elasticity: underProvisioningAccuracyPercent overProvisioningAccuracyPercent ' +
    'underProvisioningTimesharePercent overProvisioningTimesharePercent instabilityPercent jitterPerHour ' +
    'underProvisionedNodesMean overProvisionedNodesMean deviation elasticSpeedup',
  'regretPercent',
  'byPriceBook: techflow aws-ap-southeast-1',
  'shadow',
];

describe('the part of the trace to run', () => {
  test('from and to, as instants or as Unix time', async () => {
    const window = async (from: string, to: string): Promise<number> =>
      (await simulated(trace, '--policy', 'static', '--from', from, '--to', to)).durationSeconds;
    const begin = 1_795_781_400; // 2026-11-27T12:10:00Z
    expect(await window('2026-11-27T18:10:00+06:00', '2026-11-27T12:40:00Z')).toBe(1800);
    const spans = await Promise.all([
      window('2026-11-27T12:10:00Z', '2026-11-27T12:40:00Z'),
      window(String(begin), String(begin + 1800)),
      window(String(begin * 1000), String((begin + 1800) * 1000)),
    ]);
    expect(spans).toEqual([1800, 1800, 1800]);
  });

  test('a wider window warns, on stderr and in --json', async () => {
    const args = [trace, '--policy', 'static', '--from', '2026-11-27T11:00:00Z'];
    const { exitCode, stdout, stderr } = await simulate(...args, '--json');
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/^node-fleet: warning: .*less than the window asked for.*\n$/);
    const { warnings } = JSON.parse(stdout) as SimulateJson;
    expect(warnings).toHaveLength(1);
    expect(stderr).toContain(warnings[0]);
  });

  test('scaled to so many nodes at its peak', async () => {
    // 102.08 requests/s a node.
    const { stdout } = await simulate(trace, '--policy', 'static', '--peak-nodes', '3');
    expect(stdout).toContain('peak 306/s');
  });
});

describe('a policy on trial', () => {
  interface Shadow {
    readonly policy: string;
    readonly settings: Record<string, number>;
    readonly decided: number;
    readonly otherwise: number;
    readonly moreNodes: number;
    readonly fewerNodes: number;
    readonly firstAt: string | null;
  }
  const shadowOf = (document: SimulateJson): Shadow => document.runs[0].shadow as Shadow;
  const governed = ['--policy', 'node-fleet', '--set', 'pendingStep=1'];

  test('says what it would have done otherwise, as replay of the journal does, and changes nothing', async () => {
    const journal = join(folder.path, 'trial.journal');
    const alone = await simulated(trace, ...governed);
    const beside = await simulated(
      trace,
      ...governed,
      '--shadow',
      'sustained',
      '--journal',
      journal,
    );
    const shadow = shadowOf(beside);
    expect(Object.keys(shadow)).toEqual([
      'policy',
      'settings',
      'decided',
      'otherwise',
      'moreNodes',
      'fewerNodes',
      'firstAt',
    ]);
    const strip = (run: RunJson): object => ({ ...run, shadow: null, journalSha256: '' });
    expect(strip(beside.runs[0])).toEqual(strip(alone.runs[0]));
    const replayed = await nodeFleet(['replay', journal, '--json']);
    const { decided, otherwise } = shadow;
    expect(JSON.parse(replayed.stdout)).toMatchObject({
      shadow: { policy: 'sustained', decided, otherwise, changed: 0 },
    });
    expect(otherwise).toBeGreaterThan(0);
    // The first cycle of the journal in which explain tells another action or count.
    const { records, header } = readJournalFile(journal);
    const nodes = ({ action, count }: { action: string; count: number }): number =>
      action === 'scaleUp' ? count : action === 'scaleDown' ? -count : 0;
    const differences = records.flatMap(({ startedAtMs, decided: both }) => {
      const added = nodes(both!.shadow!.decision) - nodes(both!.decision);
      return added === 0 ? [] : [{ startedAtMs, added }];
    });
    expect([shadow.moreNodes, shadow.fewerNodes]).toEqual([
      differences.filter(({ added }) => added > 0).length,
      differences.filter(({ added }) => added < 0).length,
    ]);
    const offset = header.cluster.timeZoneOffsetMinutes;
    expect(shadow.firstAt).toBe(formatInstant(differences[0].startedAtMs, offset));
    const { stdout } = await simulate(trace, ...governed, '--shadow', 'sustained');
    expect(stdout).toMatch(
      /^In its shadow sustained would have decided otherwise[\s\S]*^ {2}node-fleet: in \d+ of \d+ cycles, for more nodes in \d+, for\s+fewer in \d+; first\s+27\s+Nov \d\d:\d\d:\d\d$/m,
    );
    expect(widthOf(stdout)).toBeLessThanOrEqual(80);
  });

  test('is a policy by name with the scenario’s settings, or a file; --set is not for it', async () => {
    const file = writeText(
      folder.path,
      'trial.yaml',
      'version: 1\npolicy: node-fleet\nsettings:\n  pendingStep: 7\n',
    );
    const same = shadowOf(
      await simulated(trace, '--policy', 'node-fleet', '--shadow', 'node-fleet'),
    );
    expect(same).toMatchObject({ otherwise: 0, moreNodes: 0, fewerNodes: 0, firstAt: null });
    const set = shadowOf(await simulated(trace, ...governed, '--shadow', 'node-fleet'));
    expect(set.settings['pendingStep']).toBe(2);
    const other = shadowOf(await simulated(trace, ...governed, '--shadow', file));
    expect([other.policy, other.settings['pendingStep']]).toEqual(['node-fleet', 7]);
  });

  test.each([
    ['sustaind', '--shadow: found the policy "sustaind", did you mean "sustained"?'],
    ['none.yaml', 'none.yaml: found nothing here, expected a file'],
  ])('--shadow %s is refused', async (text, words) => {
    const { exitCode, stdout, stderr } = await simulate(trace, '--shadow', text);
    expect([exitCode, stdout, stderr]).toEqual([2, '', `node-fleet: ${words}\n`]);
  });
});

describe('which policies, with which settings', () => {
  const settingsOf = (document: SimulateJson, policy: string): Record<string, number> =>
    document.runs.find((run) => run.policy === policy)?.settings ?? {};

  test('those named, each once, in the order named', async () => {
    const names = ['node-fleet', 'static', 'node-fleet'];
    const { runs } = await simulated(trace, ...names.flatMap((name) => ['--policy', name]));
    expect(runs.map(({ policy }) => policy)).toEqual(['node-fleet', 'static']);
  });

  test('the scenario’s settings, over them a policy file’s, over them --set', async () => {
    const scenario =
      'version: 1\npolicies:\n  node-fleet: { cpuHighPercent: 61, cpuLowPercent: 21, cpuStep: 2 }\n';
    writeText(folder.path, 'layers.yaml', scenario);
    const csv = writeText(folder.path, 'layers.csv', traceCsv());
    const file = writeText(
      folder.path,
      'policy.yaml',
      'version: 1\npolicy: node-fleet\nsettings:\n  cpuLowPercent: 22\n  cpuStep: 3\n',
    );
    const document = await simulated(csv, '--policy-file', file, '--set', 'cpuStep=4');
    expect(document.runs.map(({ policy }) => policy)).toEqual(['node-fleet']);
    expect(settingsOf(document, 'node-fleet')).toMatchObject({
      cpuHighPercent: 61,
      cpuLowPercent: 22,
      cpuStep: 4,
      pendingStep: 2,
    });
  });

  test('a policy file may be JSON, and stand beside policies by name', async () => {
    const json = { version: 1, policy: 'trailing-max', settings: { windowSeconds: 60 } };
    const file = writeText(folder.path, 'policy.json', JSON.stringify(json, null, 2));
    const document = await simulated(trace, '--policy-file', file, '--policy', 'static');
    expect(document.runs.map(({ policy }) => policy)).toEqual(['static', 'trailing-max']);
    expect(settingsOf(document, 'trailing-max')).toMatchObject({ windowSeconds: 60 });
  });

  test('--set reaches every policy that has the setting', async () => {
    const document = await simulated(
      trace,
      ...['--set', 'cpuHighPercent=55.5', '--set', 'joinTimeoutSeconds=300'],
    );
    expect(settingsOf(document, 'node-fleet')).toMatchObject({ cpuHighPercent: 55.5 });
    expect(settingsOf(document, 'static')).not.toHaveProperty('cpuHighPercent');
    for (const { settings } of document.runs) {
      expect(settings['joinTimeoutSeconds']).toBe(300);
    }
  });

  test('bounds for the others leave static what it is', async () => {
    const document = await simulated(trace, '--set', 'nodeCountMax=4', '--set', 'nodeCountMin=1');
    expect(settingsOf(document, 'static')).toMatchObject({ nodeCountMin: 5, nodeCountMax: 5 });
    expect(settingsOf(document, 'node-fleet')).toMatchObject({ nodeCountMin: 1, nodeCountMax: 4 });
  });
});

describe('journal files', () => {
  const digestBelow = (path: string): string => {
    const bytes = readFileSync(path);
    return createHash('sha256')
      .update(bytes.subarray(bytes.indexOf(10) + 1))
      .digest('hex');
  };
  const headerOf = (path: string): unknown =>
    JSON.parse(readFileSync(path).toString('utf8').split('\n')[0]);

  test('one policy: a line that says what it is, then the bytes of the digest', async () => {
    const path = join(folder.path, 'one.journal');
    const document = await simulated(trace, '--policy', 'node-fleet', '--journal', path);
    const [{ journalSha256 }] = document.runs;
    expect(digestBelow(path)).toBe(journalSha256);
    expect(headerOf(path)).toEqual({
      schema: 'node-fleet/journal-file@1',
      engineDigest: document['engineDigest'],
      sha256: journalSha256,
    });
  });

  test('several: the policy’s name before the extension, and nothing left over', async () => {
    const own = temporaryFolder();
    const { runs } = await simulated(trace, '--journal', join(own.path, 'all.v1.journal'));
    const names = policyNames.map((name) => `all.v1.${name}.journal`);
    expect(readdirSync(own.path).sort()).toEqual(names.slice().sort());
    for (const [at, name] of names.entries()) {
      expect(digestBelow(join(own.path, name))).toBe(runs[at].journalSha256);
    }
    own.remove();
  });

  test('a file that is there stays; --force replaces journals, and journals only', async () => {
    const path = join(folder.path, 'kept.journal');
    const args = [trace, '--policy', 'static', '--journal', path];
    await simulated(...args);
    const before = readFileSync(path);
    const refused = await simulate(...args, '--seed', '2');
    expect(refused).toMatchObject({ exitCode: 2, stdout: '' });
    expect(refused.stderr).toMatch(/^node-fleet: .*kept\.journal: found a file.*\n$/);
    expect(readFileSync(path).equals(before)).toBe(true);
    await simulated(...args, '--seed', '2', '--force');
    expect(readFileSync(path).equals(before)).toBe(false);

    const notes = writeText(folder.path, 'notes.txt', 'mine');
    const saved = await simulate(trace, '--policy', 'static', '--journal', notes, '--force');
    expect(saved.exitCode).toBe(2);
    expect(readFileSync(notes, 'utf8')).toBe('mine');
  });
});

describe('what goes wrong', () => {
  const args = () => [trace, '--policy', 'node-fleet'];

  test('--fault comes after the scenario’s faults, and both are named', async () => {
    const yaml = 'version: 1\nfaults:\n  - { effect: listNodes, mode: slow }\n';
    writeText(folder.path, 'faulty.yaml', yaml);
    const faulty = writeText(folder.path, 'faulty.csv', traceCsv());
    const window = '2026-11-27T12:10:00Z-2026-11-27T18:30:00+06:00';
    const options = [
      faulty,
      '--policy',
      'node-fleet',
      '--fault',
      `queryMetrics:hang:12.5:${window}`,
    ];
    const [{ faults, runs }, text, quiet] = await Promise.all([
      simulated(...options),
      simulate(...options),
      simulated(...args()),
    ]);
    expect(faults).toEqual([
      { effect: 'listNodes', mode: 'slow', ratePercent: 100, from: null, to: null },
      {
        effect: 'queryMetrics',
        mode: 'hang',
        ratePercent: 12.5,
        from: '2026-11-27T18:10:00+06:00',
        to: '2026-11-27T18:30:00+06:00',
      },
    ]);
    expect(text.stdout).toContain('\nfault: listNodes slow, each time\n');
    expect(text.stdout).toContain(
      '\nfault: queryMetrics hang, 12.5 % of the time from 27 Nov 18:10 to 27 Nov 18:30\n',
    );
    expect(widthOf(text.stdout)).toBeLessThanOrEqual(80);
    expect(runs[0].journalSha256).not.toBe(quiet.runs[0].journalSha256);
  });

  test('a window may be Unix seconds, and open at either end', async () => {
    const begin = 1_795_781_400; // 2026-11-27T12:10:00Z
    const windows = [
      `${String(begin)}-`,
      `-${String(begin)}`,
      `${String(begin)}-${String(begin + 60)}`,
    ];
    const { faults } = await simulated(
      ...args(),
      ...windows.flatMap((window) => ['--fault', `listPods:fail::${window}`]),
    );
    const at = (minute: string) => `2026-11-27T18:${minute}:00+06:00`;
    expect(faults.map(({ from, to }) => [from, to])).toEqual([
      [at('10'), null],
      [null, at('10')],
      [at('10'), at('11')],
    ]);
  });

  test.each([
    ['launchInstances', /found "launchInstances", expected EFFECT:MODE\[:PERCENT\[:FROM-TO\]\]/],
    ['lauchInstances:fail', /effect: found "lauchInstances", did you mean "launchInstances"\?/],
    ['launchInstances:fial', /mode: found "fial", did you mean "fail"\?/],
    ['commitState:stale', /mode: found "stale", expected a mode that commitState can meet: fail, /],
    ['listNodes:fail:101', /ratePercent: found 101, expected a number from 0 to 100/],
    ['listNodes:fail:half', /ratePercent: found "half", expected a number from 0 to 100/],
    ['listNodes:fail:50:noon', /found the window "noon", expected FROM-TO/],
    ['listNodes:fail:50:-', /found the window "-", expected FROM-TO/],
    [
      'listNodes:fail:50:2-1',
      /to: found "1970-01-01T00:00:01Z", expected an instant after its start/,
    ],
  ])('%s is a mistake', async (fault, message) => {
    const { exitCode, stdout, stderr } = await simulate(...args(), '--fault', fault);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^node-fleet: --fault: [^\n]+\n$/);
    expect(exitCode).toBe(2);
    expect(stdout).toBe('');
  });
});

describe('bad input is told in one line and ends with 2', () => {
  const policyFile = (text: string): string[] => [
    trace,
    '--policy-file',
    writeText(folder.path, 'bad.yaml', text),
  ];
  const withYaml = (name: string, text: string): string[] => {
    writeText(folder.path, `${name}.yaml`, text);
    return [writeText(folder.path, `${name}.csv`, traceCsv(10))];
  };
  const csv = (text: string): string[] => [writeText(folder.path, 'bad.csv', text)];
  const header = 'timestamp,requests_per_second\n';

  test.each<[string, () => string[], RegExp]>([
    ['no such file', () => ['missing.csv'], /missing\.csv: found nothing here, expected a file/],
    ['a folder', () => ['scenarios'], /scenarios: .*expected a trace/],
    ['an empty file', () => csv(''), /bad\.csv: found an empty file/],
    [
      'a wrong header',
      () => csv('time,rate\n1,2\n2,3\n'),
      /bad\.csv:1: found "time,rate", expected/,
    ],
    ['a rate that is none', () => csv(`${header}1,2\n2,x\n`), /bad\.csv:3: found the rate "x"/],
    ['a row out of order', () => csv(`${header}2,2\n1,3\n`), /bad\.csv:3: found an earlier time/],
    [
      'a scenario with a typo',
      () => withYaml('typo', 'version: 1\nworklod: {}\n'),
      /typo\.yaml:2: .*"workload"/,
    ],
    [
      'a policy unknown to a scenario',
      () => withYaml('unknown', 'version: 1\npolicies:\n  statik: {}\n'),
      /unknown\.yaml:3: found the policy "statik", did you mean "static"/,
    ],
    [
      'a scenario’s setting out of range',
      () => withYaml('range', 'version: 1\npolicies:\n  static:\n    nodeCount: 0\n'),
      /range\.yaml:4: nodeCount is 0: expected/,
    ],
    [
      'the same, of a policy not run',
      () => [
        ...withYaml('idle', 'version: 1\npolicies:\n  static:\n    nodeCount: 0\n'),
        '--policy',
        'node-fleet',
      ],
      /idle\.yaml:4: nodeCount is 0/,
    ],
    [
      'an unknown policy',
      () => [trace, '--policy', 'node-flet'],
      /--policy: found the policy "node-flet", did you mean "node-fleet"\?/,
    ],
    [
      'an unknown setting',
      () => [trace, '--set', 'cpuHigh=60'],
      /--set: found the setting "cpuHigh".*did you mean "cpuHighPercent"\?/,
    ],
    [
      'a setting of another policy',
      () => [trace, '--policy', 'static', '--set', 'cpuHighPercent=60'],
      /"cpuHighPercent", which static does not have/,
    ],
    [
      'a setting without a value',
      () => [trace, '--set', 'cpuStep'],
      /--set: found "cpuStep", expected KEY=NUMBER/,
    ],
    [
      'a setting that is no number',
      () => [trace, '--set', 'cpuStep=two'],
      /--set: cpuStep: found "two", expected a number/,
    ],
    [
      'a setting out of range',
      () => [trace, '--set', 'cpuHighPercent=101'],
      /--set for manual: cpuHighPercent is 101: expected/,
    ],
    [
      'bounds that exclude each other',
      () => [trace, '--set', 'nodeCountMax=1'],
      /nodeCountMin is 2: expected at most nodeCountMax, 1/,
    ],
    [
      'a missing policy file',
      () => [trace, '--policy-file', 'none.yaml'],
      /none\.yaml: found nothing here/,
    ],
    [
      'a policy file that is no YAML',
      () => policyFile('version: 1\npolicy: [\n'),
      /bad\.yaml:\d: found text that is not YAML \(.*\), expected a policy file/,
    ],
    [
      'a policy file of another version',
      () => policyFile('# mine\nversion: 2\npolicy: static\n'),
      /bad\.yaml:2: version: found 2, expected 1/,
    ],
    [
      'a policy file without a policy',
      () => policyFile('version: 1\n'),
      /bad\.yaml:1: policy: found nothing, expected the name of a policy/,
    ],
    [
      'a policy file with an unknown key',
      () => policyFile('version: 1\npolicy: static\nsetings: {}\n'),
      /bad\.yaml:3: found "setings"/,
    ],
    [
      'a policy file for no known policy',
      () => policyFile('version: 1\npolicy: best\n'),
      /bad\.yaml:2: found the policy "best", expected one of static/,
    ],
    [
      'a policy file’s unknown setting',
      () => policyFile('version: 1\npolicy: static\nsettings:\n  # five\n  nodeCuont: 5\n'),
      /bad\.yaml:5: found the setting "nodeCuont", which static does not have, did you mean "nodeCount"\?/,
    ],
    [
      'a policy file’s setting out of range',
      () => policyFile('version: 1\npolicy: static\nsettings:\n  nodeCount: "5"\n'),
      /bad\.yaml:4: nodeCount is "5": expected a number/,
    ],
    [
      'two files for one policy',
      () => [
        ...policyFile('version: 1\npolicy: static\n'),
        '--policy-file',
        join(folder.path, 'bad.yaml'),
      ],
      /bad\.yaml:2: found static again/,
    ],
    [
      'a seed that is none',
      () => [trace, '--seed', '-1'],
      /--seed: found "-1", expected a whole number/,
    ],
    [
      'no peak',
      () => [trace, '--peak-nodes', '0'],
      /--peak-nodes: found "0", expected a number above 0/,
    ],
    [
      'an unknown price book',
      () => [trace, '--price-book', 'techflaw'],
      /--price-book: found "techflaw", did you mean "techflow"\?/,
    ],
    ...['free', 'sale=1,5', '1,2', 'sale=1,sale=2', '1000001'].map(
      (text): [string, () => string[], RegExp] => [
        `a waiting price of "${text}"`,
        () => [trace, '--waiting-price', text],
        /--waiting-price: found ".*", expected a number up to 10,00,000, or like sale=100,other=20/,
      ],
    ),
    [
      'an instant without its zone',
      () => [trace, '--from', '2026-11-27T12:00'],
      /from: found "2026-11-27T12:00", expected its zone/,
    ],
    [
      'a window outside the trace',
      () => [trace, '--to', '2020-01-01T00:00:00Z'],
      /expected some in the window asked for/,
    ],
    [
      'a journal in no folder',
      () => [trace, '--journal', join(folder.path, 'no', 'x')],
      /found no folder to write it in/,
    ],
  ])('%s', async (_, args, message) => {
    const { exitCode, stdout, stderr } = await simulate(...args());
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^node-fleet: [^\n]+\n$/);
    expect(exitCode).toBe(2);
    expect(stdout).toBe('');
  });

  test('several problems of one file: a line each, in its order', async () => {
    const text = 'version: 1\npolicy: node-fleet\nsettings:\n  cpuStpe: 1\n  cpuHighPercent: 0\n';
    const { exitCode, stderr } = await simulate(...policyFile(text));
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(
      /^node-fleet: \S+:4: .*"cpuStpe".*\nnode-fleet: \S+:5: cpuHighPercent.*\n$/,
    );
  });

  test('nothing is written when something is wrong', async () => {
    const path = join(folder.path, 'never.journal');
    await simulate(trace, '--set', 'cpuStep=x', '--journal', path);
    expect(existsSync(path)).toBe(false);
  });
});

describe('the list of policies', () => {
  test('for people: names and settings, within 80 columns', async () => {
    const { exitCode, stdout, stderr } = await simulate('--list-policies');
    expect(exitCode).toBe(0);
    expect(stderr).toBe('');
    expect(widthOf(stdout)).toBeLessThanOrEqual(80);
    for (const { name, settings } of POLICIES) {
      expect(stdout).toMatch(new RegExp(`^${name}$`, 'm'));
      for (const key of Object.keys(settings)) {
        expect(stdout).toMatch(new RegExp(`^ +${key} `, 'm'));
      }
    }
    // Its own default of a common setting.
    expect(stdout).toMatch(/^ +cooldownAfterActionSeconds +300 s/m);
  });

  test('as JSON: every setting of every policy, with its own default', async () => {
    const { stdout } = await simulate('--list-policies', '--json');
    const { schema, policies } = JSON.parse(stdout) as {
      schema: string;
      policies: { name: string; settings: Record<string, unknown>[] }[];
    };
    expect(schema).toBe('node-fleet/policies@1');
    expect(policies.map(({ name }) => name)).toEqual(policyNames);
    const brief = policies.find(({ name }) => name === 'node-fleet');
    const cooldown = brief?.settings.find(({ key }) => key === 'cooldownAfterActionSeconds');
    expect(cooldown).toEqual({
      key: 'cooldownAfterActionSeconds',
      default: 300,
      min: 60,
      max: 7200,
      step: 1,
      unit: 's',
      help: expect.stringContaining('Quiet time') as string,
    });
  });
});
