import { dayAndMonth, hourAndMinute } from '../../reports/words.ts';
import { shortened } from './text.ts';

/** Nodes over time, one value a step, and what to draw of them. */
export interface ChartInput {
  /** Nodes that the demand packs into. */
  readonly demandNodes: ArrayLike<number>;
  /** Nodes that are Ready. */
  readonly capacityNodes: ArrayLike<number>;
  readonly firstStepAtMs: number;
  readonly stepMs: number;
  readonly offsetMinutes: number;
  readonly sales: readonly {
    readonly name: string;
    readonly startAtMs: number;
    readonly endAtMs: number;
  }[];
  readonly width: number;
  readonly rows: number;
}

export const USED = '█';
export const SHORT = '▒';
export const IDLE = '·';
const SALE = '▼';

/** A node is drawn as missing in a column when it was for this share of the column’s time. */
const SHORT_SHARE = 0.1;

const MINUTE_MS = 60_000;
const DAY_MS = 1440 * MINUTE_MS;
/** Distances of labels on the time axis. */
const TICKS_MS = [
  ...[1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720].map((minutes) => minutes * MINUTE_MS),
  ...[1, 2, 7, 14, 28, 91, 364].map((days) => days * DAY_MS),
];
const TICK_COLUMNS_MIN = 9;

/**
 * A chart in characters: one row a node (or a few), one column a stretch of time. A cell tells whether that node was
 * needed and there, needed and missing, or there for nothing.
 */
export function nodesChart(input: ChartInput): string[] {
  const { demandNodes, capacityNodes, firstStepAtMs, stepMs, width } = input;
  const steps = demandNodes.length;
  let most = 1;
  for (let k = 0; k < steps; k++) {
    most = Math.max(most, demandNodes[k], capacityNodes[k]);
  }
  const nodesPerRow = Math.ceil(most / input.rows);
  const rows = Math.ceil(most / nodesPerRow);
  const labelWidth = String(rows * nodesPerRow).length;
  const columns = width - labelWidth - 2;
  const atMs = (column: number): number => firstStepAtMs + (column / columns) * steps * stepMs;

  const lines: string[] = [];
  const margin = ' '.repeat(labelWidth + 2);
  const sales = saleLine(input, columns, atMs);
  if (sales !== '') {
    lines.push(margin + sales);
  }
  for (let row = rows - 1; row >= 0; row--) {
    const level = row * nodesPerRow + Math.ceil(nodesPerRow / 2);
    let cells = '';
    for (let column = 0; column < columns; column++) {
      const from = Math.floor((column * steps) / columns);
      const to = Math.max(from + 1, Math.floor(((column + 1) * steps) / columns));
      cells += cell(input, from, to, level);
    }
    const label = String((row + 1) * nodesPerRow).padStart(labelWidth);
    lines.push(`${label} ┤${cells}`.trimEnd());
  }
  lines.push(...timeAxis(input, columns, labelWidth, atMs));
  return lines;
}

/**
 * One node in one column: needed or idle, whichever for longer; but missing as soon as it was for a tenth of the time, or
 * was needed and never there, so that no spike is lost in a long column.
 */
function cell(
  { demandNodes, capacityNodes }: ChartInput,
  from: number,
  to: number,
  level: number,
): string {
  let used = 0;
  let short = 0;
  let idle = 0;
  for (let k = from; k < to; k++) {
    const needed = demandNodes[k] >= level;
    const there = capacityNodes[k] >= level;
    used += needed && there ? 1 : 0;
    short += needed && !there ? 1 : 0;
    idle += !needed && there ? 1 : 0;
  }
  if (short > 0 && (used === 0 || short >= SHORT_SHARE * (to - from))) {
    return SHORT;
  }
  if (used === 0 && idle === 0) {
    return ' ';
  }
  return used >= idle ? USED : IDLE;
}

/** Marks the columns in which a sale runs, the first with its name. */
function saleLine(
  { sales }: ChartInput,
  columns: number,
  atMs: (column: number) => number,
): string {
  const marks = Array.from({ length: columns }, (_, column) =>
    sales.some((sale) => sale.startAtMs < atMs(column + 1) && sale.endAtMs > atMs(column)),
  );
  const first = marks.indexOf(true);
  if (first === -1) {
    return '';
  }
  let end = first;
  while (marks[end]) {
    end++;
  }
  const shown = sales.find((sale) => sale.endAtMs > atMs(0));
  const name = shortened(shown?.name ?? 'sale', 30);
  const line: string[] = marks.map((mark) => (mark ? SALE : ' '));
  const room = (from: number, to: number): boolean =>
    from >= 0 && to <= columns && !marks.slice(from, to).includes(true);
  const before = first - 1 - name.length;
  const after = end + 1;
  if (room(after, after + name.length)) {
    line.splice(after, name.length, ...name);
  } else if (room(before, before + name.length)) {
    line.splice(before, name.length, ...name);
  }
  return line.join('').trimEnd();
}

/** The axis with its ticks, and below it what they are: times of day, and dates at midnight. */
function timeAxis(
  { firstStepAtMs, offsetMinutes }: ChartInput,
  columns: number,
  labelWidth: number,
  atMs: (column: number) => number,
): string[] {
  const endMs = atMs(columns);
  const columnMs = (endMs - firstStepAtMs) / columns;
  const tickMs =
    TICKS_MS.find((ms) => ms >= TICK_COLUMNS_MIN * columnMs) ?? TICKS_MS[TICKS_MS.length - 1];
  const zoneMs = offsetMinutes * MINUTE_MS;
  const axis = new Array<string>(columns).fill('─');
  const labels = new Array<string>(columns + labelWidth + 2).fill(' ');
  let labelled = 0;
  const firstTickMs = Math.ceil((firstStepAtMs - columnMs + zoneMs) / tickMs) * tickMs - zoneMs;
  for (let tick = firstTickMs; tick < endMs; tick += tickMs) {
    const column = Math.max(0, Math.round((tick - firstStepAtMs) / columnMs));
    const midnight = (tick + zoneMs) % DAY_MS === 0;
    const label = midnight ? dayAndMonth(tick, offsetMinutes) : hourAndMinute(tick, offsetMinutes);
    const at = Math.max(0, column + labelWidth + 2 - Math.floor(label.length / 2));
    if (column >= columns || at < labelled || at + label.length > labels.length) {
      continue;
    }
    axis[column] = '┬';
    labels.splice(at, label.length, ...label);
    labelled = at + label.length + 1;
  }
  return [`${' '.repeat(labelWidth)} └${axis.join('')}`, labels.join('').trimEnd()];
}
