import { describe, expect, test } from 'vitest';
import {
  formatCount,
  formatMinutes,
  formatShare,
  formatSpan,
  formatTimeToCapacity,
  shortened,
  textTable,
  wrapped,
  type Column,
} from '../../../adapters/cli/text.ts';

describe('numbers for people', () => {
  test('spans in the unit that suits them', () => {
    const minute = 60_000;
    expect([57, 119, 120, 2879.75, 4319, 4320, 43_200].map((m) => formatSpan(m * minute))).toEqual([
      '57 min',
      '119 min',
      '2 h',
      '48 h',
      '72 h',
      '3 days',
      '30 days',
    ]);
  });

  test('counts to three digits or so', () => {
    expect(
      [0, 9999, 10_000, 99_949, 99_950, 999_499, 999_500, 14_166_000].map(formatCount),
    ).toEqual(['0', '9,999', '10.0 k', '99.9 k', '100 k', '999 k', '1.0 M', '14.2 M']);
    expect(formatCount(1_147_000_000)).toBe('1,147 M');
  });

  test('pod-minutes keep a digit while it matters', () => {
    expect([0, 0.25, 9.94, 9.95, 131_544].map(formatMinutes)).toEqual([
      '0',
      '0.3',
      '9.9',
      '10',
      '1,31,544',
    ]);
  });

  test('a share that is not zero does not read as zero', () => {
    expect(formatShare(0, 100)).toBe('0');
    expect(formatShare(1, 100_000)).toBe('<0.01');
    expect(formatShare(17, 10_000)).toBe('0.17');
    expect(formatShare(9_949, 1_000_000)).toBe('0.99');
    expect(formatShare(9_951, 1_000_000)).toBe('1.0');
    expect(formatShare(1, 1)).toBe('100.0');
    expect(formatShare(0, 0)).toBe('0');
  });

  test('a wait that some pods never ended is more than it says', () => {
    expect(formatTimeToCapacity({ p95: null, censored: 0 })).toBe('–');
    expect(formatTimeToCapacity({ p95: null, censored: 3 })).toBe('never');
    expect(formatTimeToCapacity({ p95: 135, censored: 0 })).toBe('135 s');
    expect(formatTimeToCapacity({ p95: 135, censored: 1 })).toBe('135 s');
    expect(formatTimeToCapacity({ p95: 900, censored: 0 })).toBe('15 min');
  });
});

describe('lines for a terminal', () => {
  test('text from elsewhere stays on its line', () => {
    expect(shortened('a\nb\u001b[31mc\td', 80)).toBe('a b [31mc d');
    expect(shortened('abcdef', 4)).toBe('abc…');
    // Four characters of two units each.
    expect(shortened('😀😀😀😀', 4)).toBe('😀😀😀😀');
  });

  test('breaks at spaces', () => {
    expect(wrapped('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrapped('one two three', 9, '  ')).toEqual(['  one two', '  three']);
    expect(wrapped('unbreakable word', 5)).toEqual(['unbreakable', 'word']);
  });
});

describe('a table', () => {
  const column = (name: string, value: string, more: Partial<Column> = {}): Column => ({
    header: [name],
    values: [value, ''],
    align: 'right',
    group: false,
    dropped: 0,
    ...more,
  });
  const columns = [
    column('policy', 'static', { align: 'left' }),
    column('cost', '1'),
    column('wait', '2', { group: true, dropped: 1 }),
    column('total', '3', { dropped: 2 }),
  ];

  test('has as much space between columns as there is', () => {
    // 6 + 4 + 4 + 5 = 19 of content.
    expect(textTable(columns, 26)[0]).toBe('policy  cost   wait  total');
    expect(textTable(columns, 25)[0]).toBe('policy  cost  wait  total');
    expect(textTable(columns, 24)[0]).toBe('policy cost   wait total');
    expect(textTable(columns, 23)[0]).toBe('policy cost  wait total');
    expect(textTable(columns, 22)[0]).toBe('policy cost wait total');
  });

  test('leaves out what matters least when it does not fit', () => {
    expect(textTable(columns, 21)[0]).toBe('policy  cost   wait');
    expect(textTable(columns, 15)[0]).toBe('policy  cost');
    expect(textTable(columns, 3)[0]).toBe('policy cost');
  });

  test('headers of two lines stand at the bottom', () => {
    const two = column('cost', '10', { header: ['cost', '৳'] });
    expect(textTable([columns[0], two], 80)).toEqual([
      '        cost',
      'policy     ৳',
      'static    10',
      '',
    ]);
  });
});
