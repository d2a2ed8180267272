import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatBdt, formatLakh } from '../../reports/money.ts';

describe('taka', () => {
  test.each([
    [0, '৳0'],
    [7, '৳7'],
    [999, '৳999'],
    [1000, '৳1,000'],
    [99_999, '৳99,999'],
    [100_000, '৳1,00,000'],
    [120_000, '৳1,20,000'],
    [9_999_999, '৳99,99,999'],
    [10_000_000, '৳1,00,00,000'],
    [1_234_567_890, '৳1,23,45,67,890'],
    [-500, '−৳500'],
    [-120_000, '−৳1,20,000'],
  ])('%d is %s', (bdt, text) => {
    expect(formatBdt(bdt)).toBe(text);
  });

  test('rounds to whole taka, halves away from zero', () => {
    expect([0.49, 0.5, 1.5, 99_999.5, -0.5].map((bdt) => formatBdt(bdt))).toEqual([
      '৳0',
      '৳1',
      '৳2',
      '৳1,00,000',
      '−৳1',
    ]);
  });

  test('what rounds to nothing has no sign', () => {
    expect(formatBdt(-0.4)).toBe('৳0');
    expect(formatBdt(-0)).toBe('৳0');
    expect(formatBdt(-0.004, 2)).toBe('৳0.00');
  });

  test('rounds to paisa as written, not as stored', () => {
    // The nearest binary numbers to these are below them.
    expect([1.005, 2.675, 8.345, 0.045].map((bdt) => formatBdt(bdt, 2))).toEqual([
      '৳1.01',
      '৳2.68',
      '৳8.35',
      '৳0.05',
    ]);
    expect(formatBdt(123_456.7, 2)).toBe('৳1,23,456.70');
    expect(formatBdt(-99_999.999, 2)).toBe('−৳1,00,000.00');
  });

  test('only adds commas: three digits at the end, two in each group before', () => {
    fc.assert(
      fc.property(
        fc.maxSafeNat().map((value) => value % 1_000_000_000_000),
        (value) => {
          const text = formatLakh(value);
          expect(text.replaceAll(',', '')).toBe(String(value));
          expect(text).toMatch(/^\d{1,3}$|^\d{1,2}(,\d\d)*,\d{3}$/);
        },
      ),
    );
  });
});
