/** The least that everything fits in. */
export const COLUMNS_MIN = 80;
export const ROWS_MIN = 24;

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export function isTooSmall({ columns, rows }: Size): boolean {
  return columns < COLUMNS_MIN || rows < ROWS_MIN;
}

/** What is wrong with a window, in words. */
export function tooSmall({ columns, rows }: Size): string {
  const found = `this window has ${String(columns)} columns and ${String(rows)} rows`;
  return `${found}, tune needs ${String(COLUMNS_MIN)} and ${String(ROWS_MIN)}`;
}

/** Lines of each part of the screen. */
export interface Layout {
  readonly chartRows: number;
  readonly explanationLines: number;
  readonly settingRows: number;
  /** Empty lines before the chart, before the explanation, before the settings, before the keys: as many of them. */
  readonly gaps: number;
}

/** Whatever has always the same height: title, figures (2), sale, axis (2), pending pods, pages, help (2), keys. */
const FIXED_LINES = 11;

/** What is given a line more, while there are any, and up to how many. */
const GROWTH: readonly (readonly [part: keyof Layout, upTo: number])[] = [
  ['explanationLines', 4],
  ['gaps', 4],
  ['settingRows', 7],
  ['explanationLines', 5],
  ['chartRows', 20],
];

/** Parts of a screen of so many rows. */
export function layoutOf(rows: number): Layout {
  const layout = { chartRows: 5, explanationLines: 3, settingRows: 5, gaps: 0 };
  const { chartRows, explanationLines, settingRows } = layout;
  let left = rows - FIXED_LINES - chartRows - explanationLines - settingRows;
  for (const [part, upTo] of GROWTH) {
    const more = Math.max(0, Math.min(left, upTo - layout[part]));
    layout[part] += more;
    left -= more;
  }
  return layout;
}
