import { describe, expect, test } from 'vitest';
import { shortened, textTable, wrapped, type Column } from '../../reports/text.ts';

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
