import { describe, expect, test } from 'vitest';
import {
  configurePolicy,
  describeSettings,
  fleetSettings,
  POLICIES,
} from '../../../engine/index.ts';

/** The defaults of policies whose source knows no cool-down, step or headroom. */
const AT_ONCE = {
  cooldownBeforeRemovalSeconds: 60,
  stepDownMax: 10,
  drainsInFlightMax: 10,
  removalHeadroomPercent: 0,
};

/** What is wrong, as the settings named. */
function problems(name: string, overrides: Readonly<Record<string, unknown>>) {
  const result = configurePolicy(name, overrides);
  return result.ok ? [] : result.problems;
}

describe('a policy is chosen by name', () => {
  test('the names are unique and each says what it is', () => {
    const names = POLICIES.map(({ name }) => name);
    expect(names).toEqual([
      'static',
      'manual',
      'node-fleet',
      'node-fleet-as-written',
      'sustained',
      'scheduled',
      'target-tracking',
      'pending-driven',
      'consolidating',
      'trailing-max',
    ]);
    expect(new Set(names).size).toBe(names.length);
    for (const { summary } of POLICIES) {
      expect(summary.length).toBeGreaterThan(10);
    }
  });

  test.each(POLICIES.map(({ name }) => name))('%s resolves with nothing overridden', (name) => {
    const result = configurePolicy(name);
    expect(result.ok && result.configured.policy.name).toBe(name);
  });

  test('an unknown name says which there are', () => {
    expect(problems('magic', {})).toEqual([
      {
        setting: null,
        message: `unknown policy "magic": expected one of ${POLICIES.map(({ name }) => name).join(', ')}`,
      },
    ]);
  });
});

describe('settings of a policy', () => {
  test('its own and those of the fleet resolve together', () => {
    const result = configurePolicy('node-fleet', { cpuHighPercent: 65.5, nodeCountMax: 20 });
    expect(result.ok && result.configured.settings).toMatchObject({
      cpuHighPercent: 65.5,
      cpuLowPercent: 30,
      nodeCountMax: 20,
      nodeCountMin: 2,
    });
  });

  test('a value out of range names the setting, the value and what was expected', () => {
    expect(problems('node-fleet', { nodeCountMax: 0 })).toEqual([
      {
        setting: 'nodeCountMax',
        message: 'nodeCountMax is 0: expected a number from 1 to 100000 nodes in steps of 1',
      },
    ]);
  });

  test('a value that is wrong in two ways is one problem, in its own words', () => {
    const message = (value: number) => problems('node-fleet', { cpuHighPercent: value });
    const expected = 'expected a number from 1 to 100 % in steps of 0.5';
    expect(message(100.25)).toEqual([
      { setting: 'cpuHighPercent', message: `cpuHighPercent is 100.25: ${expected}` },
    ]);
    expect(message(NaN)).toEqual([
      { setting: 'cpuHighPercent', message: `cpuHighPercent is NaN: ${expected}` },
    ]);
  });

  test.each([
    { cpuHighPercent: 70.3 },
    { cpuHighPercent: 0.5 },
    { cpuHighPercent: 100.5 },
    { cpuHighPercent: '70' },
    { cpuHighPercent: null },
  ])('%o is refused, by its name', (overrides) => {
    expect(problems('node-fleet', overrides).map(({ setting }) => setting)).toEqual([
      'cpuHighPercent',
    ]);
  });

  test('an unknown key is named, with those that there are', () => {
    const [problem, ...more] = problems('static', { nodeCounts: 4 });
    expect(more).toEqual([]);
    expect(problem?.setting).toBe('nodeCounts');
    expect(problem?.message).toMatch(
      /^unknown setting "nodeCounts" of policy "static": expected one of nodeCount, nodeCountMin, /,
    );
  });

  test('every wrong key is reported', () => {
    const found = problems('node-fleet', { a: 1, b: 2, nodeCountMax: 0, pendingStep: 0 });
    expect(found.map(({ setting }) => setting).sort()).toEqual([
      'a',
      'b',
      'nodeCountMax',
      'pendingStep',
    ]);
  });

  test('min above max is a contradiction, equal is not', () => {
    expect(problems('node-fleet', { nodeCountMin: 6, nodeCountMax: 5 })).toEqual([
      { setting: 'nodeCountMin', message: 'nodeCountMin is 6: expected at most nodeCountMax, 5' },
    ]);
    expect(problems('node-fleet', { nodeCountMin: 5, nodeCountMax: 5 })).toEqual([]);
    expect(problems('static', { nodeCountMax: 4 }).map(({ setting }) => setting)).toEqual([
      'nodeCountMin',
    ]);
  });
});

describe('the description of a policy’s settings', () => {
  const policy = (name: string) => POLICIES.find((each) => each.name === name)!;

  test('names its own first, then those of the fleet', () => {
    expect(Object.keys(describeSettings(policy('static')))).toEqual([
      'nodeCount',
      ...Object.keys(fleetSettings),
    ]);
  });

  test('shows the policy’s defaults for those of the fleet, and otherwise the fleet’s', () => {
    const described = describeSettings(policy('node-fleet'));
    expect(described['cooldownAfterActionSeconds']).toEqual({
      ...fleetSettings.cooldownAfterActionSeconds,
      default: 300,
    });
    expect(described['nodeCountMax']).toEqual(fleetSettings.nodeCountMax);
  });

  test('follows what is overridden: static’s bounds are its node count', () => {
    const defaults = (overrides: Readonly<Record<string, unknown>>) =>
      describeSettings(policy('static'), overrides)['nodeCountMin']?.default;
    expect(defaults({})).toBe(5);
    expect(defaults({ nodeCount: 8 })).toBe(8);
    expect(defaults({ nodeCount: 8, nodeCountMax: 9 })).toBe(8);
    // What cannot be resolved describes itself by its defaults.
    expect(defaults({ nodeCount: -1 })).toBe(5);
  });

  test.each([
    { name: 'static', defaults: { nodeCountMin: 5, nodeCountMax: 5, onDemandBase: 5 } },
    {
      name: 'manual',
      defaults: {
        cooldownBeforeRemovalSeconds: 60,
        stepDownMax: 10,
        drainsInFlightMax: 10,
        onDemandBase: 5,
        spotPercent: 0,
      },
    },
    { name: 'scheduled', defaults: AT_ONCE },
    ...['node-fleet', 'node-fleet-as-written'].map((name) => ({
      name,
      defaults: { cooldownAfterActionSeconds: 300, cooldownBeforeRemovalSeconds: 600 },
    })),
    { name: 'sustained', defaults: {} },
    { name: 'target-tracking', defaults: AT_ONCE },
    { name: 'pending-driven', defaults: { ...AT_ONCE, joinTimeoutSeconds: 900 } },
    { name: 'consolidating', defaults: { ...AT_ONCE, joinTimeoutSeconds: 900 } },
    {
      name: 'trailing-max',
      defaults: {
        cooldownAfterActionSeconds: 60,
        cooldownBeforeRemovalSeconds: 60,
        stepDownMax: 10,
        drainsInFlightMax: 10,
      },
    },
  ])('$name differs from the fleet’s defaults in just this', ({ name, defaults }) => {
    const described = describeSettings(policy(name));
    const differing = Object.entries(fleetSettings).filter(
      ([key, setting]) => described[key]!.default !== setting.default,
    );
    const expected = Object.entries(defaults).filter(
      ([key, value]) => fleetSettings[key as keyof typeof fleetSettings].default !== value,
    );
    expect(differing.map(([key]) => [key, described[key]!.default])).toEqual(expected);
  });
});
