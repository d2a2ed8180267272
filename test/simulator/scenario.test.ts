import { describe, expect, it } from 'vitest';
import {
  defaultScenarioSettings,
  parseScenario,
  requestsPerSecondForNodes,
  resolveScenario,
  settingsOfFault,
  webPodsPerNode,
  type ScenarioSettings,
} from '../../simulator/scenario.ts';
import { makeTrace, peakRequestsPerSecond, TraceError, type Trace } from '../../simulator/trace.ts';

const parsed = (raw: object): ScenarioSettings => {
  const { settings, issues } = parseScenario({ version: 1, ...raw });
  expect(issues).toBeNull();
  return settings as ScenarioSettings;
};

/** The only issue, as `path | message`. */
const issueOf = (raw: unknown): string => {
  const { issues } = parseScenario(raw);
  expect(issues).toHaveLength(1);
  return (issues ?? []).map(({ path, message }) => `${path.join('.')} | ${message}`)[0];
};

const trace: Trace = makeTrace(
  'shop',
  Float64Array.from([0, 60_000, 120_000, 180_000]),
  Float64Array.from([10, 20, 40, 30]),
);

const other = {
  name: 'postgres',
  requestMillicpu: 500,
  requestMib: 1024,
  usageMillicpu: 100,
  workingSetMib: 800,
};

const event = {
  kind: 'shortage',
  at: '2026-11-27T20:00:00+06:00',
  until: '2026-11-27T21:00:00+06:00',
};

describe('parseScenario', () => {
  it('fills in the defaults', () => {
    expect(defaultScenarioSettings()).toEqual({
      version: 1,
      description: '',
      cluster: {
        zones: ['ap-southeast-1a', 'ap-southeast-1b'],
        nodeCountInitial: 2,
        worker: {
          millicpu: 2000,
          mib: 4096,
          allocatableMillicpu: 1930,
          allocatableMib: 3300,
          credits: { mode: 'unlimited', perHour: 24 },
        },
        systemMillicpu: 70,
        systemMib: 700,
      },
      workload: {
        peakNodes: null,
        trafficFactor: 1,
        cpuMsPerRequest: 12,
        timeoutSeconds: 10,
        clients: { retryPercent: 40, retriesMax: 2, retryWithinSeconds: 30, awayMinutes: 30 },
        web: {
          requestMillicpu: 250,
          requestMib: 400,
          workingSetMib: 300,
          terminationGraceSeconds: 30,
          maxUnavailablePercent: 25,
          hpa: {
            targetUtilizationPercent: 70,
            replicasMin: 4,
            tolerancePercent: 10,
            metricsLagSeconds: 45,
            scaleDownWindowSeconds: 300,
          },
        },
        others: [],
      },
      startup: {
        medianSeconds: 75,
        p95Seconds: 120,
        neverJoinsPercent: 1.5,
        batchNeverJoinsPercent: 0,
        imagePullSecondsMin: 5,
        imagePullSecondsMax: 20,
        warmUpSeconds: 5,
      },
      market: {
        reclaimPercentPerMonth: 5,
        noticePercent: 95,
        hintPercent: 50,
        priceSwingPercent: 0,
        onDemandVcpusMax: null,
        events: [],
      },
      prometheus: { failedScrapePercent: 0, outages: [], alertAfterSeconds: null },
      calendar: [],
      freezes: [],
      holds: [],
      faults: [],
      timeZoneOffsetMinutes: 360,
      prices: 'techflow',
      worldStepSeconds: 15,
      cycleSeconds: 120,
      policies: {},
    });
  });

  it('keeps the defaults beside what is given, at every depth', () => {
    const settings = parsed({ workload: { web: { hpa: { replicasMin: 9 } }, others: [other] } });
    expect(settings.workload.web.hpa).toMatchObject({ replicasMin: 9, tolerancePercent: 10 });
    expect(settings.workload.web.requestMillicpu).toBe(250);
    expect(settings.workload.others).toEqual([
      { ...other, kind: 'deployment', replicas: 1, zone: null, maxUnavailablePercent: 25 },
    ]);
  });

  it('gives each caller defaults of its own', () => {
    defaultScenarioSettings().cluster.zones.push('x');
    defaultScenarioSettings().workload.web.hpa.replicasMin = 99;
    expect(defaultScenarioSettings().cluster.zones).toHaveLength(2);
    expect(defaultScenarioSettings().workload.web.hpa.replicasMin).toBe(4);
  });

  it('leaves a policy’s settings to the policy', () => {
    const policies = { 'node-fleet': { anything: [1, { deep: true }] }, static: {} };
    expect(parsed({ policies }).policies).toEqual(policies);
  });

  it('names an unknown key and the nearest known one, at every depth', () => {
    expect(issueOf({ version: 1, worload: {} })).toBe(
      'worload | unknown setting "worload", did you mean "workload"?',
    );
    expect(issueOf({ version: 1, workload: { peak_nodes: 3 } })).toBe(
      'workload.peak_nodes | unknown setting "peak_nodes", did you mean "peakNodes"?',
    );
    expect(issueOf({ version: 1, workload: { others: [{ ...other, replica: 3 }] } })).toBe(
      'workload.others.0.replica | unknown setting "replica", did you mean "replicas"?',
    );
    expect(issueOf({ version: 1, startup: { warmth: 1 } })).toBe(
      'startup.warmth | unknown setting "warmth", expected one of medianSeconds, p95Seconds, ' +
        'neverJoinsPercent, batchNeverJoinsPercent, imagePullSecondsMin, imagePullSecondsMax, warmUpSeconds',
    );
    expect(issueOf({ version: 1, pricse: 'x', timezone: 1 })).toContain(
      'unknown setting "pricse", did you mean "prices"?; unknown setting "timezone"',
    );
  });

  it.each<[string, object, string]>([
    ['version', { version: 2 }, 'found 2, expected 1, the version of this format'],
    ['cluster', { cluster: null }, 'found nothing, expected a mapping of settings'],
    ['cluster', { cluster: [] }, 'found a list, expected a mapping of settings'],
    ['cluster.zones', { cluster: { zones: [] } }, 'found a list, expected at least one zone'],
    [
      'cluster.nodeCountInitial',
      { cluster: { nodeCountInitial: 2.5 } },
      'found 2.5, expected a whole number from 1 to 1000',
    ],
    [
      'cluster.nodeCountInitial',
      { cluster: { nodeCountInitial: 0 } },
      'found 0, expected a whole number from 1 to 1000',
    ],
    [
      'workload.cpuMsPerRequest',
      { workload: { cpuMsPerRequest: '12 ms' } },
      'found "12 ms", expected a number from 0.001 to 600000',
    ],
    [
      'workload.cpuMsPerRequest',
      { workload: { cpuMsPerRequest: NaN } },
      'found NaN, expected a number from 0.001 to 600000',
    ],
    [
      'workload.trafficFactor',
      { workload: { trafficFactor: 1001 } },
      'found 1001, expected a number from 0.001 to 1000',
    ],
    [
      'workload.peakNodes',
      { workload: { peakNodes: 0 } },
      'found 0, expected null (the trace as it is) or a number above 0 and up to 1000',
    ],
    [
      'workload.others.0.requestMib',
      { workload: { others: [{ ...other, requestMib: undefined }] } },
      'found nothing, expected a whole number from 0 to 16777216',
    ],
    [
      'workload.others.0.kind',
      { workload: { others: [{ ...other, kind: 'cronjob' }] } },
      'found "cronjob", expected one of deployment, statefulset, single-replica, local-data, ' +
        'critical-system, do-not-evict',
    ],
    ['prices', { prices: 'free' }, 'found "free", expected one of techflow, aws-ap-southeast-1'],
    [
      'cluster.worker.credits.mode',
      { cluster: { worker: { credits: { mode: 'off' } } } },
      'found "off", expected one of unlimited, standard, none',
    ],
    [
      'cluster.worker.credits.perHour',
      { cluster: { worker: { credits: { perHour: 0 } } } },
      'found 0, expected a whole number from 1 to 60000',
    ],
    [
      'workload.others.0.kind',
      { workload: { others: [{ ...other, kind: 'deploymnet' }] } },
      'found "deploymnet", did you mean "deployment"?',
    ],
    [
      'faults.0.effect',
      { faults: [{ effect: 'lauchInstances', mode: 'fail' }] },
      'found "lauchInstances", did you mean "launchInstances"?',
    ],
    [
      'faults.0.mode',
      { faults: [{ effect: 'launchInstances', mode: 'explode' }] },
      'found "explode", expected one of fail, hang, slow, ',
    ],
    [
      'faults.0.ratePercent',
      { faults: [{ effect: 'launchInstances', mode: 'fail', ratePercent: 101 }] },
      'found 101, expected a number from 0 to 100',
    ],
    [
      'policies.node-fleet',
      { policies: { 'node-fleet': 3 } },
      'found 3, expected a mapping of settings',
    ],
    [
      'timeZoneOffsetMinutes',
      { timeZoneOffsetMinutes: 841 },
      'found 841, expected a whole number from -720 to 840',
    ],
    [
      'market.onDemandVcpusMax',
      { market: { onDemandVcpusMax: 0 } },
      'found 0, expected null (no limit) or a whole number from 1 to 1000000',
    ],
    [
      'market.events.0.kind',
      { market: { events: [{ ...event, kind: 'flood' }] } },
      'found "flood", expected one of reclaim, shortage, zone-outage',
    ],
    [
      'market.events.0.market',
      { market: { events: [{ ...event, market: 'black' }] } },
      'found "black", expected null (every market) or one of on-demand, spot',
    ],
    ['name', { name: '' }, 'found "", expected text of 1 to 200 characters'],
  ])('%s out of range: %j', (path, raw, expected) => {
    expect(issueOf({ version: 1, ...raw })).toMatch(`${path} | ${path}: ${expected}`);
  });

  it('wants a mapping with a version', () => {
    expect(issueOf(null)).toBe(' | the scenario: found nothing, expected a mapping of settings');
    expect(issueOf({})).toBe(
      'version | version: found nothing, expected 1, the version of this format',
    );
  });

  it('does not hold values against one another that are wrong already', () => {
    expect(issueOf({ version: 1, worldStepSeconds: 0 })).toContain('found 0, expected a whole');
  });

  it('tells of everything wrong at once', () => {
    const { issues } = parseScenario({ version: 1, prices: 'x', cluster: { systemMib: -1 } });
    expect(issues?.map(({ path }) => path.join('.')).sort()).toEqual([
      'cluster.systemMib',
      'prices',
    ]);
  });

  describe('refuses settings that exclude one another', () => {
    const sale = { name: 'sale', startAt: '2026-11-27T20:00:00+06:00' };
    const fault = { effect: 'listNodes', mode: 'empty' };
    it.each<[string, object]>([
      ['cluster.zones.1', { cluster: { zones: ['a', 'a'] } }],
      ['cluster.worker.allocatableMillicpu', { cluster: { worker: { millicpu: 1900 } } }],
      ['cluster.worker.allocatableMib', { cluster: { worker: { allocatableMib: 4097 } } }],
      ['cluster.systemMillicpu', { cluster: { systemMillicpu: 2001 } }],
      ['cluster.systemMib', { cluster: { systemMib: 4097 } }],
      ['workload.web.requestMillicpu', { workload: { web: { requestMillicpu: 1931 } } }],
      ['workload.web.requestMib', { workload: { web: { requestMib: 3301 } } }],
      ['workload.others.0.name', { workload: { others: [{ ...other, name: 'web' }] } }],
      ['workload.others.1.name', { workload: { others: [other, other] } }],
      [
        'workload.others.0.replicas',
        { workload: { others: [{ ...other, kind: 'single-replica', replicas: 2 }] } },
      ],
      ['workload.others.0.zone', { workload: { others: [{ ...other, zone: 'elsewhere' }] } }],
      ['startup.p95Seconds', { startup: { p95Seconds: 74 } }],
      ['startup.imagePullSecondsMax', { startup: { imagePullSecondsMax: 4 } }],
      ['market.events.0.zone', { market: { events: [{ ...event, zone: 'elsewhere' }] } }],
      [
        'market.events.0.market',
        { market: { events: [{ ...event, kind: 'reclaim', market: 'on-demand' }] } },
      ],
      [
        'market.events.0.market',
        { market: { events: [{ ...event, kind: 'zone-outage', market: 'spot' }] } },
      ],
      ['market.events.0.until', { market: { events: [{ ...event, until: event.at }] } }],
      [
        'prometheus.outages.0.to',
        { prometheus: { outages: [{ from: event.until, to: event.at }] } },
      ],
      ['calendar.0.endAt', { calendar: [{ ...sale, endAt: '2026-11-27T14:00:00Z' }] }],
      ['faults.0.mode', { faults: [{ effect: 'commitState', mode: 'stale' }] }],
      ['faults.0.mode', { faults: [{ effect: 'pause', mode: 'fail' }] }],
      [
        'faults.1.to',
        { faults: [fault, { ...fault, from: '2026-11-27T14:00:00Z', to: sale.startAt }] },
      ],
      ['cycleSeconds', { cycleSeconds: 100 }],
    ])('%s: %j', (path, raw) => {
      expect(issueOf({ version: 1, ...raw })).toMatch(`${path} | ${path}: found `);
    });

    it('and shows the default that stands against what was given', () => {
      expect(issueOf({ version: 1, cluster: { worker: { millicpu: 1900 } } })).toContain(
        "found 1930, expected at most the worker's millicpu, 1900",
      );
    });

    it('and allows them at the edge', () => {
      parsed({
        cluster: { systemMillicpu: 2000, worker: { allocatableMillicpu: 2000 } },
        workload: {
          web: { requestMillicpu: 2000, requestMib: 3300 },
          others: [{ ...other, kind: 'single-replica', zone: 'ap-southeast-1b' }],
        },
        startup: { p95Seconds: 75, imagePullSecondsMax: 5 },
        calendar: [{ ...sale, endAt: '2026-11-27T14:00:01Z' }],
      });
    });
  });

  it('wants the zone of an instant', () => {
    const calendar = (startAt: string) => ({
      version: 1,
      calendar: [{ name: 'sale', startAt, endAt: '2026-11-27T22:00:00+06:00' }],
    });
    expect(issueOf(calendar('2026-11-27T20:00:00'))).toBe(
      'calendar.0.startAt | calendar.0.startAt: found "2026-11-27T20:00:00", ' +
        'expected its zone as well, like 2026-11-27T20:00:00+06:00 or …Z',
    );
    expect(issueOf(calendar('Friday'))).toContain('expected an ISO-8601 instant with its zone');
  });
});

describe('requestsPerSecondForNodes', () => {
  it('is 102.08 a node with the defaults', () => {
    const { workload, cluster } = defaultScenarioSettings();
    expect(webPodsPerNode(workload, cluster)).toBe(7);
    // 7 pods × 250 m × 0.70 ÷ 12 ms.
    expect(requestsPerSecondForNodes(1, workload, cluster)).toBeCloseTo(102.0833, 4);
    expect(requestsPerSecondForNodes(8, workload, cluster)).toBeCloseTo(816.6667, 4);
  });

  it('counts the pods by whichever of CPU and memory is short', () => {
    const { workload, cluster } = parsed({
      workload: { cpuMsPerRequest: 10, web: { requestMib: 1000, requestMillicpu: 100 } },
    });
    expect(webPodsPerNode(workload, cluster)).toBe(3);
    expect(requestsPerSecondForNodes(2, workload, cluster)).toBeCloseTo(42, 9);
  });
});

describe('resolveScenario', () => {
  it('takes the trace as it is, and its name, unless told otherwise', () => {
    const { scenario, warnings } = resolveScenario(defaultScenarioSettings(), trace);
    expect(scenario.trace).toBe(trace);
    expect(scenario.name).toBe('shop');
    expect(warnings).toEqual([]);
    expect(resolveScenario(parsed({ name: 'Shop' }), trace).scenario.name).toBe('Shop');
  });

  it('scales the whole trace, multiplies it, then cuts it', () => {
    const settings = parsed({ workload: { peakNodes: 8, trafficFactor: 1.5 } });
    const window = { fromMs: 0, toMs: 120_000 };
    const { scenario } = resolveScenario(settings, trace, window);
    // The peak of 40 is outside the window; 20 is half of it.
    expect(peakRequestsPerSecond(scenario.trace)).toBeCloseTo((816.6667 * 1.5) / 2, 3);
    expect([scenario.trace.startAtMs, scenario.trace.endAtMs]).toEqual([0, 120_000]);
  });

  it('leaves an end open where the window does', () => {
    const settings = defaultScenarioSettings();
    const from = resolveScenario(settings, trace, { fromMs: 60_000, toMs: null }).scenario.trace;
    expect([from.startAtMs, from.endAtMs]).toEqual([60_000, 240_000]);
    const to = resolveScenario(settings, trace, { fromMs: null, toMs: 60_000 }).scenario.trace;
    expect([to.startAtMs, to.endAtMs]).toEqual([0, 60_000]);
  });

  it('sorts the calendar by its starts', () => {
    const at = (minute: number) => `1970-01-01T00:0${String(minute)}:00Z`;
    const calendar = [
      { name: 'b', startAt: at(2), endAt: at(3) },
      { name: 'a', startAt: at(1), endAt: at(3) },
      { name: 'c', startAt: at(1), endAt: at(2) },
    ];
    expect(resolveScenario(parsed({ calendar }), trace).scenario.calendar).toEqual([
      { name: 'c', startAtMs: 60_000, endAtMs: 120_000 },
      { name: 'a', startAtMs: 60_000, endAtMs: 180_000 },
      { name: 'b', startAtMs: 120_000, endAtMs: 180_000 },
    ]);
  });

  it('sorts what happens to pools, and outages of Prometheus, by their starts', () => {
    const at = (minute: number) => `1970-01-01T00:0${String(minute)}:00Z`;
    const [late, soon] = [
      { kind: 'reclaim', zone: 'ap-southeast-1b', market: 'spot', at: at(2), until: at(3) },
      { kind: 'shortage', at: at(1), until: at(4) },
    ];
    const { market, prometheus } = resolveScenario(
      parsed({
        market: { events: [late, soon] },
        prometheus: {
          outages: [
            { from: at(2), to: at(3) },
            { from: at(0), to: at(1) },
          ],
        },
      }),
      trace,
    ).scenario;
    expect(market.events).toEqual([
      { kind: 'shortage', zone: null, market: null, atMs: 60_000, untilMs: 240_000 },
      {
        kind: 'reclaim',
        zone: 'ap-southeast-1b',
        market: 'spot',
        atMs: 120_000,
        untilMs: 180_000,
      },
    ]);
    expect(prometheus.outages).toEqual([
      { fromMs: 0, toMs: 60_000 },
      { fromMs: 120_000, toMs: 180_000 },
    ]);
  });

  it('faults are probabilities in a window that is open where it does not say', () => {
    const launches = { effect: 'launchInstances', mode: 'fail' };
    const window = { from: '1970-01-01T06:01:00+06:00', to: '1970-01-01T00:02:00Z' };
    const settings = parsed({ faults: [launches, { ...launches, ratePercent: 7, ...window }] });
    const { scenario, warnings } = resolveScenario(settings, trace);
    expect(warnings).toEqual([]);
    expect(scenario.faults).toEqual([
      { effect: 'launchInstances', mode: 'fail', rate: 1, fromMs: -Infinity, toMs: Infinity },
      { effect: 'launchInstances', mode: 'fail', rate: 0.07, fromMs: 60_000, toMs: 120_000 },
    ]);
    // And back, as a scenario could have had them.
    expect(scenario.faults.map((each) => settingsOfFault(each, 360))).toEqual([
      { ...launches, ratePercent: 100, from: null, to: null },
      { ...launches, ratePercent: 7, from: window.from, to: '1970-01-01T06:02:00+06:00' },
    ]);
  });

  it('warns of a fault that the run never meets', () => {
    const launches = { effect: 'launchInstances', mode: 'fail' };
    const warned = (window: object) =>
      resolveScenario(parsed({ faults: [{ ...launches, ...window }] }), trace).warnings;
    const never = ['faults: launchInstances fail is outside the traffic, so it never strikes'];
    expect(warned({ to: '1970-01-01T00:00:00Z' })).toEqual(never);
    expect(warned({ from: '1970-01-01T00:04:00Z' })).toEqual(never);
    expect(warned({ from: '1970-01-01T00:03:59Z' })).toEqual([]);
    expect(warned({ to: '1970-01-01T00:00:01Z' })).toEqual([]);
  });

  it('warns of what is hardly meant', () => {
    const { warnings } = resolveScenario(
      parsed({
        cluster: { nodeCountInitial: 1 },
        workload: {
          web: { hpa: { replicasMin: 8 } },
          others: [{ ...other, requestMillicpu: 1931 }],
        },
        calendar: [
          { name: 'early', startAt: '1969-12-31T23:00:00Z', endAt: '1970-01-01T00:00:00Z' },
          { name: 'late', startAt: '1970-01-01T00:04:00Z', endAt: '1970-01-01T00:05:00Z' },
          { name: 'long', startAt: '1969-01-01T00:00:00Z', endAt: '1971-01-01T00:00:00Z' },
        ],
        market: { events: [event] },
        prometheus: { outages: [{ from: event.at, to: event.until }] },
      }),
      trace,
    );
    expect(warnings.map((warning) => warning.split(/[:(]/).slice(0, 2).join(':'))).toEqual([
      'cluster.nodeCountInitial: 1 nodes hold 7 web pods, but workload.web.hpa.replicasMin is 8, so the run begins with pods pending',
      'workload.others: a pod of "postgres" requests 1931 m and 1024 MiB, more than any worker has, so it stays pending for the whole run',
      'calendar: the sale "early" ',
      'calendar: the sale "late" ',
      'market.events: the shortage ',
      'prometheus.outages: the outage ',
    ]);
    expect(warnings[3]).toContain(
      '(1970-01-01T06:04:00+06:00) is outside the traffic, which runs from 1970-01-01T06:00:00+06:00 to 1970-01-01T06:04:00+06:00',
    );
  });

  it('warns of web pods that would not fit in a worker’s memory together', () => {
    const warningsOf = (workingSetMib: number): string[] =>
      resolveScenario(parsed({ workload: { web: { workingSetMib } } }), trace).warnings;
    // 7 pods beside 700 MiB, of 4,096.
    expect(warningsOf(485)).toEqual([]);
    expect(warningsOf(486)).toEqual([
      expect.stringContaining('a worker full of web pods uses 4102 MiB of its 4096'),
    ]);
  });

  it('cannot scale a trace without traffic', () => {
    const idle = makeTrace('idle', Float64Array.of(0, 1), new Float64Array(2));
    const settings = parsed({ workload: { peakNodes: 8 } });
    expect(() => resolveScenario(settings, idle)).toThrow(TraceError);
    expect(resolveScenario(defaultScenarioSettings(), idle).scenario.trace).toBe(idle);
  });
});
