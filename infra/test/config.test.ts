import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import {
  architectureOf,
  clusterOf,
  type Config,
  FIELDS,
  parseConfig,
  type ParsedConfig,
  settingsOf,
} from '../config.ts';

/** Parses our own keys, with structured values as the JSON that Pulumi hands over. */
function parsed(ours: Readonly<Record<string, string>>, region = 'ap-southeast-1'): ParsedConfig {
  const keyed = Object.entries(ours).map(([key, value]) => [`node-fleet:${key}`, value]);
  return parseConfig('node-fleet', { 'aws:region': region, ...Object.fromEntries(keyed) });
}

function problems(ours: Readonly<Record<string, string>>, region?: string): readonly string[] {
  const result = parsed(ours, region);
  return result.ok ? [] : result.problems;
}

function config(ours: Readonly<Record<string, string>> = {}): Config {
  const result = parsed(ours);
  if (!result.ok) {
    throw new Error(result.problems.join('\n'));
  }
  return result.config;
}

describe('the configuration', () => {
  it('needs nothing but a region', () => {
    expect(config()).toMatchObject({
      clusterId: 'node-fleet-prod',
      region: 'ap-southeast-1',
      architecture: 'amd64',
      mode: 'observe',
      nodeCountMin: 2,
      nodeCountMax: 10,
    });
  });

  it('begins by watching, and protects what it makes', () => {
    expect([config().mode, config().protect]).toEqual(['observe', true]);
  });

  it('accepts the example as it stands', () => {
    const example = parse(
      readFileSync(new URL('../Pulumi.example.yaml', import.meta.url), 'utf8'),
    ) as { config: Record<string, unknown> };
    // As the CLI does: text stays text, all else is JSON.
    const raw = Object.fromEntries(
      Object.entries(example.config).map(([key, value]) => [
        key,
        typeof value === 'string' ? value : JSON.stringify(value),
      ]),
    );
    const result = parseConfig('node-fleet', raw);
    expect(result).toMatchObject({ ok: true });
    expect(result.ok && result.config.calendar).toEqual([
      {
        name: 'victory-day',
        startAtMs: Date.parse('2026-12-16T14:00:00Z'),
        endAtMs: Date.parse('2026-12-16T17:00:00Z'),
      },
    ]);
  });

  it.each([
    ['clusterId', 'No_Such'],
    ['namePrefix', 'n'],
    ['zones', '["ap-southeast-1a"]'],
    ['zones', '["ap-southeast-1a","ap-southeast-1a"]'],
    ['zones', 'ap-southeast-1a'],
    ['vpcCidr', '10.42.0.0/16'],
    ['vpcCidr', '10.43.0.0/16'],
    ['vpcCidr', '8.8.0.0/16'],
    ['vpcCidr', '10.20.0.0/24'],
    ['workerInstanceType', 'big'],
    ['workerDiskGib', '4'],
    ['cpuCredits', 'free'],
    ['imageParameter', 'ami-0123'],
    ['k3sVersion', 'v1.28.5+k3s1'],
    ['k3sVersion', 'latest'],
    ['k3sSha256', 'abc'],
    ['mode', 'on'],
    ['policy', 'magic'],
    ['nodeCountMin', '-1'],
    ['nodeCountMax', 'ten'],
    ['settings', '[]'],
    ['settings', '{"spotPercent":"70"}'],
    ['calendar', '[{"name":"a","start":"2026-12-16T20:00","end":"2026-12-16T21:00"}]'],
    ['calendar', '[{"name":"a","start":"2026-11-31T20:00Z","end":"2026-12-16T21:00Z"}]'],
    [
      'calendar',
      '[{"name":"a","start":"2026-12-16T20:00:00+06:00","end":"2026-12-16T20:00:00+06:00"}]',
    ],
    [
      'calendar',
      '[{"name":"a","start":"2026-12-16T20:00:00Z","end":"2026-12-16T21:00:00Z","boost":2}]',
    ],
    ['timeZoneOffsetMinutes', '841'],
    ['timeZoneOffsetMinutes', '6.5'],
    ['onDemandBdtPerHour', '0'],
    ['alarmEmail', 'nobody'],
    ['logRetentionDays', '2'],
    ['protect', 'yes'],
  ])('refuses %s = %s, saying key, value and what was expected', (key, value) => {
    const { expected } = FIELDS[key as keyof typeof FIELDS];
    expect(problems({ [key]: value })).toEqual([
      `node-fleet:${key}: expected ${expected}, got ${value}`,
    ]);
  });

  it('reports every problem at once', () => {
    expect(problems({ mode: 'on', nodeCountMax: 'ten', protect: 'yes' })).toHaveLength(3);
  });

  it('refuses a key that it does not know', () => {
    expect(problems({ nodeCountMaximum: '10' })).toEqual([
      expect.stringMatching(/^node-fleet:nodeCountMaximum: expected one of the keys clusterId, /),
    ]);
  });

  it('leaves other programs’ keys alone', () => {
    const result = parseConfig('node-fleet', {
      'aws:region': 'ap-southeast-1',
      'aws:profile': 'prod',
      'other:mode': 'on',
    });
    expect(result.ok).toBe(true);
  });

  it('refuses zones of another region than the provider’s', () => {
    expect(problems({}, 'eu-west-1')).toEqual([
      'aws:region: expected the region of the zones ap-southeast-1a, ap-southeast-1b, got eu-west-1',
    ]);
    expect(problems({ zones: '["ap-southeast-1a","ap-southeast-2a"]' })).toHaveLength(1);
    const result = parseConfig('node-fleet', {});
    expect(!result.ok && result.problems).toEqual([
      'aws:region: expected the region of the zones ap-southeast-1a, ap-southeast-1b, got nothing',
    ]);
  });

  it('asks the engine about policy and settings before anything is deployed', () => {
    expect(problems({ settings: '{"cpuHighPercnt":60}' })).toEqual([
      expect.stringMatching(/^node-fleet:settings: .*cpuHighPercnt/),
    ]);
    expect(problems({ nodeCountMin: '12' })).toEqual([
      expect.stringMatching(/^node-fleet:settings: .*nodeCountM/),
    ]);
    expect(problems({ settings: '{"cpuHighPercent":60}' })).toEqual([]);
  });

  it('has one place for the bounds', () => {
    expect(problems({ settings: '{"nodeCountMax":20}' })).toEqual([
      'node-fleet:settings: expected it as a key of its own, got nodeCountMax',
    ]);
  });

  it('keeps what is told to a function within what its environment holds', () => {
    const window = {
      name: 'sale',
      start: '2026-12-16T20:00:00+06:00',
      end: '2026-12-16T23:00:00+06:00',
    };
    expect(problems({ calendar: JSON.stringify(Array(15).fill(window)) })).toEqual([]);
    expect(problems({ calendar: JSON.stringify(Array(30).fill(window)) })).toHaveLength(1);
  });

  it('asks for the room on a worker of another type than the default', () => {
    expect(problems({ workerInstanceType: 't3.large' })).toEqual([
      'node-fleet:workerAllocatableMillicpu, node-fleet:workerAllocatableMib: expected what a t3.large has: the default is that of t3.medium, got nothing',
    ]);
    const shape = { workerAllocatableMillicpu: '1930', workerAllocatableMib: '7300' };
    expect(problems({ workerInstanceType: 't3.large', ...shape })).toEqual([]);
  });

  it('has one image, so one architecture', () => {
    const shape = { workerAllocatableMillicpu: '1930', workerAllocatableMib: '3300' };
    expect(problems({ workerInstanceType: 't4g.medium', ...shape })).toEqual([
      expect.stringMatching(/^node-fleet:masterInstanceType: expected a type with arm64/),
    ]);
    const arm = config({
      workerInstanceType: 't4g.medium',
      masterInstanceType: 't4g.medium',
      ...shape,
    });
    expect(arm.architecture).toBe('arm64');
    expect(arm.imageParameter).toMatch(/-arm64$/);
    expect(arm.k3sSha256).not.toBe(config().k3sSha256);
    expect(arm.k3sSha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('knows the checksum of the default K3s only', () => {
    expect(problems({ k3sVersion: 'v1.35.7+k3s1' })).toEqual([
      'node-fleet:k3sSha256: expected the checksum of K3s v1.35.7+k3s1 for amd64, got nothing',
    ]);
    const k3sSha256 = 'a'.repeat(64);
    expect(config({ k3sVersion: 'v1.35.7+k3s1', k3sSha256 }).k3sSha256).toBe(k3sSha256);
  });

  it.each([
    ['t3.medium', 'amd64'],
    ['t4g.medium', 'arm64'],
    ['m7gd.large', 'arm64'],
    ['im4gn.large', 'arm64'],
    ['a1.large', 'arm64'],
    ['g4dn.xlarge', 'amd64'],
    ['g5g.xlarge', 'arm64'],
    ['m7i-flex.large', 'amd64'],
  ] as const)('%s is %s', (type, architecture) => {
    expect(architectureOf(type)).toBe(architecture);
  });
});

describe('what the engine is told', () => {
  it('has the shop’s clock, west of Greenwich too', () => {
    const west = config({ timeZoneOffsetMinutes: '-180' });
    expect(clusterOf(west, '1/1').timeZoneOffsetMinutes).toBe(-180);
  });

  it('is its own Cluster', () => {
    expect(clusterOf(config(), '3/4')).toEqual({
      id: 'node-fleet-prod',
      zones: ['ap-southeast-1a', 'ap-southeast-1b'],
      template: { allocatableMillicpu: 1930, allocatableMib: 3300 },
      templateVersion: '3/4',
      onDemandBdtPerHour: 33.33,
      spotBdtPerHour: 10,
      calendar: [],
      timeZoneOffsetMinutes: 360,
      operatorDelaysMs: [],
    });
  });

  it('are settings with the bounds among them', () => {
    expect(settingsOf(config({ settings: '{"spotPercent":50}', nodeCountMax: '6' }))).toEqual({
      nodeCountMin: 2,
      nodeCountMax: 6,
      spotPercent: 50,
    });
  });
});
