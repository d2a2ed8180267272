/** What a terminal shows without wrapping, anywhere. */
export const WIDTH = 80;

/** Text from elsewhere on one line, without control characters, of at most `width` characters. */
export function shortened(text: string, width: number): string {
  const characters = [...text.replace(/[\p{C}\s]+/gu, ' ').trim()];
  return characters.length <= width
    ? characters.join('')
    : `${characters.slice(0, width - 1).join('')}…`;
}

/** Breaks text into lines of at most `width` characters at its spaces; each begins with `indent`. */
export function wrapped(text: string, width: number, indent = ''): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent.length + line.length + 1 + word.length > width) {
      lines.push(indent + line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  lines.push(indent + line);
  return lines;
}

export interface Column {
  /** Above its values, line by line. */
  readonly header: readonly string[];
  readonly values: readonly string[];
  readonly align: 'left' | 'right';
  /** Begins a group of columns: set off from what is before it where there is room. */
  readonly group: boolean;
  /** Left out when the table is too wide; the highest goes first, 0 never. */
  readonly dropped: number;
}

/** Spaces between columns, and between groups of columns: the first that fit. */
const GAPS = [
  [2, 3],
  [2, 2],
  [1, 3],
  [1, 2],
  [1, 1],
] as const;

/** A table in at most `width` columns: narrower gaps first, then fewer columns. */
export function textTable(columns: readonly Column[], width: number): string[] {
  const widths = columns.map(({ header, values }) =>
    Math.max(...[...header, ...values].map((cell) => [...cell].length)),
  );
  const content = widths.reduce((sum, each) => sum + each, 0);
  const fitting = GAPS.map(([gap, groupGap]) =>
    columns.map(({ group }, at) => (at === 0 ? 0 : group ? groupGap : gap)),
  ).find((gaps) => gaps.reduce((sum, each) => sum + each, content) <= width);
  const expendable = columns.reduce((a, b) => (b.dropped > a.dropped ? b : a));
  if (fitting === undefined && expendable.dropped > 0) {
    return textTable(
      columns.filter((column) => column !== expendable),
      width,
    );
  }
  const gaps = fitting ?? columns.map((_, at) => (at === 0 ? 0 : 1));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => {
        const space = ' '.repeat(widths[at] - [...cell].length);
        const padded = columns[at].align === 'left' ? cell + space : space + cell;
        return ' '.repeat(gaps[at]) + padded;
      })
      .join('')
      .trimEnd();
  const headerLines = Math.max(...columns.map(({ header }) => header.length));
  const headerOf = ({ header }: Column, at: number): string =>
    header[at - headerLines + header.length] ?? '';
  return [
    ...Array.from({ length: headerLines }, (_, at) =>
      line(columns.map((column) => headerOf(column, at))),
    ),
    ...columns[0].values.map((_, row) => line(columns.map(({ values }) => values[row]))),
  ];
}

/** A table in Markdown, line by line. */
export function markdownTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)];
}
