import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { settableKeys } from '../../../adapters/cli/policy-settings.ts';
import {
  formatWithUnit,
  moved,
  onGrid,
  settingsByGroup,
  sliderRatio,
} from '../../../adapters/tui/settings.ts';
import {
  configurePolicy,
  describeSettings,
  fleetSettings,
  numberSetting,
  POLICIES,
} from '../../../engine/index.ts';

const percent = numberSetting({ default: 70, min: 1, max: 100, step: 0.5, unit: '%', help: '' });
const seconds = numberSetting({ default: 600, min: 0, max: 86_400, step: 1, unit: 's', help: '' });
const nodes = numberSetting({ default: 2, min: 1, max: 100_000, step: 1, unit: 'nodes', help: '' });

const everySetting = POLICIES.flatMap((policy) =>
  Object.entries(describeSettings(policy)).map(([key, setting]) => ({ policy, key, setting })),
);

describe('pages of settings', () => {
  test.each(POLICIES.map((policy) => [policy.name, policy] as const))(
    'every setting of %s that may be set is on one of them',
    (_, policy) => {
      const settable = settableKeys(policy);
      const keys = settingsByGroup(policy, settable).flatMap((page) => page.keys);
      expect([...keys].sort()).toEqual([...settable].sort());
    },
  );

  test('a policy’s own come first, and pages without any are left out', () => {
    const [first, second] = settingsByGroup(POLICIES[2], ['spotPercent', 'cpuHighPercent']);
    expect(first).toEqual({ group: 'policy', keys: ['cpuHighPercent'] });
    expect(second).toEqual({ group: 'fleet', keys: ['spotPercent'] });
  });
});

describe('a notch', () => {
  test.each([
    [70, percent, 72, 68],
    [30, percent, 31, 29],
    [3, percent, 3.5, 2.5],
    [600, seconds, 620, 580],
    [1000, seconds, 1050, 980],
    [7, seconds, 8, 6],
    [613, seconds, 620, 600],
    [10, nodes, 11, 9],
    [40_000, nodes, 42_000, 39_000],
  ])('from %d goes to round values about a twentieth away', (value, setting, up, down) => {
    expect(moved(value, 1, setting)).toBe(up);
    expect(moved(value, -1, setting)).toBe(down);
  });

  test('ends at the ends of the range', () => {
    expect(moved(100, 1, percent)).toBe(100);
    expect(moved(1, -1, percent)).toBe(1);
    expect(moved(95, 10, percent)).toBe(100);
  });

  test('always moves, within the range and on the grid, for every setting there is', () => {
    const anySetting = fc.constantFrom(...everySetting);
    fc.assert(
      fc.property(
        anySetting,
        fc.double({ min: 0, max: 1, noNaN: true }),
        ({ policy, key, setting }, share) => {
          const value = onGrid(setting.min + share * (setting.max - setting.min), setting);
          for (const direction of [1, -1]) {
            const next = moved(value, direction, setting);
            const end = direction > 0 ? setting.max : setting.min;
            expect(next === value).toBe(value === end);
            expect(Math.sign(next - value)).toBe(value === end ? 0 : direction);
            const problems = configurePolicy(policy.name, { [key]: next });
            const about = problems.ok ? [] : problems.problems.map(({ message }) => message);
            // A bound may contradict the other one; no value is out of range or between two steps.
            expect(about.filter((message) => /in steps of/.test(message))).toEqual([]);
          }
        },
      ),
    );
  });

  test('goes back to where it came from', () => {
    const round = fc.integer({ min: 1, max: 40 }).map((n) => n * 20);
    fc.assert(
      fc.property(round, (value) => {
        expect(moved(moved(value, 1, seconds), -1, seconds)).toBe(value);
      }),
    );
  });
});

describe('a slider', () => {
  test('a short range is linear', () => {
    expect(sliderRatio(1, percent)).toBe(0);
    expect(sliderRatio(50.5, percent)).toBe(0.5);
    expect(sliderRatio(100, percent)).toBe(1);
  });

  test('a long one is logarithmic, so that what is in use is not all at one end', () => {
    expect(sliderRatio(0, seconds)).toBe(0);
    expect(sliderRatio(600, seconds)).toBeGreaterThan(0.4);
    expect(sliderRatio(86_400, seconds)).toBe(1);
    expect(sliderRatio(10, nodes)).toBeGreaterThan(0.1);
  });

  test('stays between its ends and rises with the value', () => {
    for (const { setting } of everySetting) {
      const ratios = [setting.min, setting.default, setting.max].map((value) =>
        sliderRatio(value, setting),
      );
      expect(ratios[0]).toBe(0);
      expect(ratios[2]).toBeCloseTo(1, 12);
      expect([...ratios].sort((a, b) => a - b)).toEqual(ratios);
    }
  });
});

describe('a value in words', () => {
  test.each([
    [900, '900 s (15 min)', seconds],
    [86_400, '86,400 s (24 h)', seconds],
    [90, '90 s', seconds],
    [70.5, '70.5 %', percent],
    [70, '70 %', percent],
    [1, '1 node', nodes],
    [100_000, '1,00,000 nodes', nodes],
    [0.05, '0.05 BDT/h', fleetSettings.spendMaxBdtPerHour],
  ])('%d reads %s', (value, text, setting) => {
    expect(formatWithUnit(value, setting, 15)).toBe(text);
  });

  test('the span is left out where there is no room for it', () => {
    expect(formatWithUnit(900, seconds, 13)).toBe('900 s');
  });
});
