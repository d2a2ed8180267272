import { describe, expect, test } from 'vitest';
import { fleetSettings, numberSetting, settingsSchema } from '../../engine/index.ts';

const sizes = {
  size: numberSetting({ default: 4, min: 1, max: 10, step: 0.5, unit: 'nodes', help: 'How many.' }),
  share: numberSetting({ default: 0, min: 0, max: 1, step: 0.1, unit: '', help: 'How much.' }),
};

describe('settings resolved by their descriptions', () => {
  const schema = settingsSchema(sizes);
  const accepts = (values: unknown): boolean => schema.safeParse(values).success;

  test('what is not given has its default', () => {
    expect(schema.parse({})).toEqual({ size: 4, share: 0 });
    expect(schema.parse({ size: 7 })).toEqual({ size: 7, share: 0 });
  });

  test.each([
    { size: 1, expected: true },
    { size: 0.5, expected: false },
    { size: 10, expected: true },
    { size: 10.5, expected: false },
    { size: 2.5, expected: true },
    { size: 2.25, expected: false },
    { size: NaN, expected: false },
    { size: Infinity, expected: false },
    { size: '4', expected: false },
    { size: null, expected: false },
  ])('size $size is accepted: $expected', ({ size, expected }) => {
    expect(accepts({ size })).toBe(expected);
  });

  test('a grid of tenths accepts every tenth, whatever binary makes of it', () => {
    for (let tenths = 0; tenths <= 10; tenths++) {
      expect(accepts({ share: tenths / 10 }), `${tenths}`).toBe(true);
    }
    expect(accepts({ share: 0.1 + 0.2 })).toBe(true); // 0.30000000000000004
    expect(accepts({ share: 0.35 })).toBe(false);
  });

  test('an unknown key is an error', () => {
    expect(accepts({ size: 4, sizes: 5 })).toBe(false);
  });

  test('what is off the grid says the grid', () => {
    const { error } = schema.safeParse({ size: 2.25 });
    expect(error?.issues.map(({ message }) => message)).toEqual([
      'expected a multiple of 0.5 from 1',
    ]);
  });
});

describe('the settings that surround every policy', () => {
  test.each(Object.entries(fleetSettings))('%s: its default is one of its values', (key, each) => {
    const schema = settingsSchema({ [key]: each });
    expect(schema.parse({})).toEqual({ [key]: each.default });
    expect(schema.safeParse({ [key]: each.default }).success).toBe(true);
    expect(schema.safeParse({ [key]: each.min }).success).toBe(true);
    expect(schema.safeParse({ [key]: each.max }).success).toBe(true);
    expect(schema.safeParse({ [key]: each.min - each.step }).success).toBe(false);
    expect(schema.safeParse({ [key]: each.max + each.step }).success).toBe(false);
    expect(each.help).toMatch(/\.$/);
  });

  test('are safe by themselves: 60 s after an action, 10 min before a removal, one node down at a time', () => {
    expect(settingsSchema(fleetSettings).parse({})).toMatchObject({
      nodeCountMin: 2,
      nodeCountMax: 10,
      cooldownAfterActionSeconds: 60,
      cooldownBeforeRemovalSeconds: 600,
      stepDownMax: 1,
      drainsInFlightMax: 1,
      removalHeadroomPercent: 100,
      onDemandBase: 2,
      spotPercent: 70,
    });
  });
});
