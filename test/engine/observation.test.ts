import { describe, expect, test } from 'vitest';
import {
  customReading,
  freshValue,
  METRIC_NAMES,
  missingMetrics,
  quantizeReading,
} from '../../engine/index.ts';
import { metrics, MISSING, NOW, reading } from './build.ts';

describe('a reading', () => {
  test('is kept in thousandths, so that the journal holds exactly what was decided on', () => {
    expect(quantizeReading(reading(70.00049, 5, 0.98765))).toEqual(reading(70, 5, 0.988));
    expect(quantizeReading(reading(70.0005))).toEqual(reading(70.001));
    expect(quantizeReading(reading(70.001))).toEqual(reading(70.001));
  });

  test.each([NaN, Infinity, -Infinity])('of %s is missing: not a number', (value) => {
    expect(quantizeReading(reading(value))).toEqual({ missing: 'not-a-number' });
  });

  test('that is missing stays missing, with its reason', () => {
    expect(quantizeReading({ missing: 'exporter-down' })).toEqual({ missing: 'exporter-down' });
  });

  test('is fresh up to and including its greatest age', () => {
    expect(freshValue(reading(5, 90), NOW, 90)).toBe(5);
    expect(freshValue(reading(5, 91), NOW, 90)).toBe(null);
    expect(freshValue(MISSING, NOW, 90)).toBe(null);
  });

  test('from a clock ahead of ours is fresh', () => {
    expect(freshValue(reading(5, -1000), NOW, 0)).toBe(5);
  });

  test('of zero is a value, not a missing one', () => {
    expect(freshValue(reading(0), NOW, 90)).toBe(0);
  });
});

test('an unreachable Prometheus leaves every metric missing, with the reason', () => {
  const metrics = missingMetrics('timeout');
  for (const name of METRIC_NAMES) {
    expect(metrics[name]).toEqual({ missing: 'timeout' });
  }
});

describe('custom readings', () => {
  const custom = [
    { name: 'queueLength', reading: reading(7) },
    { name: 'errorsPercent', reading: MISSING },
  ];

  test('are found by name', () => {
    expect(customReading(metrics({ custom }), 'queueLength')).toEqual(reading(7));
    expect(customReading(metrics({ custom }), 'errorsPercent')).toEqual(MISSING);
  });

  test('that nobody asked for are missing, not zero', () => {
    expect(customReading(metrics(), 'queueLength')).toEqual({ missing: 'unavailable' });
  });

  test('are missing by name when Prometheus is unreachable', () => {
    expect(missingMetrics('timeout').custom).toEqual([]);
    expect(missingMetrics('timeout', ['queueLength', 'a']).custom).toEqual([
      { name: 'queueLength', reading: { missing: 'timeout' } },
      { name: 'a', reading: { missing: 'timeout' } },
    ]);
  });
});
