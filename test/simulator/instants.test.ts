import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  expectedTime,
  formatInstant,
  lacksZone,
  parseInstantMs,
  parseTimeMs,
} from '../../simulator/instants.ts';

const firstMs = Date.UTC(2000, 0, 1) - 2000 * 365.2425 * 86_400_000;
const anyMs = fc.integer({ min: Math.ceil(firstMs) + 86_400_000, max: Date.UTC(9999, 11, 30) });
const anyOffset = fc.integer({ min: -720, max: 840 });

describe('parseInstantMs', () => {
  it.each([
    ['1970-01-01T00:00:00Z', 0],
    ['2026-11-27T20:00:00+06:00', Date.UTC(2026, 10, 27, 14)],
    ['2026-11-27 20:00:00Z', Date.UTC(2026, 10, 27, 20)],
    ['2026-11-27t20:00:00z', Date.UTC(2026, 10, 27, 20)],
    ['2026-11-27T20:00+0600', Date.UTC(2026, 10, 27, 14)],
    ['2026-11-27T20:00:00+06', Date.UTC(2026, 10, 27, 14)],
    ['2026-11-27T20:00:00-03:30', Date.UTC(2026, 10, 27, 23, 30)],
    ['2026-11-27T20:00:00.5Z', Date.UTC(2026, 10, 27, 20, 0, 0, 500)],
    ['2026-11-27T20:00:00,123999Z', Date.UTC(2026, 10, 27, 20, 0, 0, 123)],
    ['2024-02-29T00:00:00Z', Date.UTC(2024, 1, 29)],
    ['2000-02-29T00:00:00Z', Date.UTC(2000, 1, 29)],
    ['1969-12-31T23:59:59.999Z', -1],
  ])('%s', (text, expectedMs) => {
    expect(parseInstantMs(text)).toBe(expectedMs);
  });

  it.each([
    '',
    'yesterday',
    '2026-11-27',
    '2026-11-27T20:00:00',
    '2026-11-27T20:00:00 Dhaka',
    '2026-13-01T00:00:00Z',
    '2026-00-01T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2025-02-29T00:00:00Z',
    '1900-02-29T00:00:00Z',
    '2026-11-00T00:00:00Z',
    '2026-11-27T24:00:00Z',
    '2026-11-27T20:60:00Z',
    '2026-11-27T20:00:60Z',
    '2026-11-27T20:00:00+15:00',
    '2026-11-27T20:00:00-12:01',
    '2026-11-27T20:00:00+06:60',
    '2026-11-27T20:00:00.Z',
    ' 2026-11-27T20:00:00Z',
    '2026-11-27T20:00:00Z\n',
    '26-11-27T20:00:00Z',
  ])('refuses %j', (text) => {
    expect(parseInstantMs(text)).toBeNull();
  });

  it('agrees with Date on every day', () => {
    fc.assert(
      fc.property(anyMs, (ms) => {
        expect(parseInstantMs(new Date(ms).toISOString())).toBe(ms);
      }),
    );
  });
});

describe('lacksZone', () => {
  it('holds for an instant without its zone, and for nothing else', () => {
    expect(lacksZone('2026-11-27T20:00:00')).toBe(true);
    expect(lacksZone('2026-11-27 20:00')).toBe(true);
    expect(lacksZone('2026-11-27T20:00:00Z')).toBe(false);
    expect(lacksZone('2026-11-31T20:00:00')).toBe(false);
    expect(lacksZone('20:00')).toBe(false);
  });
});

describe('formatInstant', () => {
  it('writes the zone, and milliseconds only where there are some', () => {
    const atMs = Date.UTC(2026, 10, 27, 14);
    expect(formatInstant(atMs, 360)).toBe('2026-11-27T20:00:00+06:00');
    expect(formatInstant(atMs, 0)).toBe('2026-11-27T14:00:00Z');
    expect(formatInstant(atMs + 7, -210)).toBe('2026-11-27T10:30:00.007-03:30');
    expect(formatInstant(Date.UTC(2026, 11, 31, 20), 360)).toBe('2027-01-01T02:00:00+06:00');
  });

  it('is Date’s text in UTC', () => {
    fc.assert(
      fc.property(anyMs, (ms) => {
        const text = new Date(ms).toISOString().replace('.000', '');
        expect(formatInstant(ms, 0)).toBe(text);
      }),
    );
  });

  it('is read back in any zone', () => {
    fc.assert(
      fc.property(anyMs, anyOffset, (ms, offsetMinutes) => {
        expect(parseInstantMs(formatInstant(ms, offsetMinutes))).toBe(ms);
      }),
    );
  });

  it('refuses a zone or a year it cannot write', () => {
    for (const offset of [0.5, 841, -721, NaN]) {
      expect(() => formatInstant(0, offset)).toThrow(RangeError);
    }
    for (const ms of [NaN, Infinity, 1e18, -1e18]) {
      expect(() => formatInstant(ms, 0)).toThrow(RangeError);
    }
  });
});

describe('a time as people write it', () => {
  it.each([
    ['2026-11-27T20:00:00+06:00', Date.UTC(2026, 10, 27, 14)],
    ['1795788000', 1_795_788_000_000],
    ['1795788000.25', 1_795_788_000_250],
    ['1795788000000', 1_795_788_000_000],
    ['100000000000', 100_000_000_000_000],
    ['100000000001', 100_000_000_001],
    ['253402300799999', 253_402_300_799_999],
  ])('%s', (text, atMs) => {
    expect(parseTimeMs(text)).toBe(atMs);
  });

  it.each(['253402300800000', '-5', '1e9', 'noon', '', '2026-11-27T20:00:00'])('not %s', (text) => {
    expect(parseTimeMs(text)).toBe(null);
  });

  it('without its zone it is told so, and otherwise what it should be', () => {
    expect(expectedTime('2026-11-27T20:00')).toMatch(/^expected its zone as well/);
    expect(expectedTime('noon')).toMatch(/^expected ISO-8601 with a zone, .* Unix time/);
  });
});
