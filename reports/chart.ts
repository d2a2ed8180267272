import type { Demand, Scenario } from '../simulator/index.ts';
import { shortened } from './text.ts';
import { dayAndMonth, hourAndMinute } from './words.ts';

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

/** A chart in its parts: so many columns of time, each a character wide. */
export interface NodesDrawing {
  /** Before the columns: a label, right-aligned, and two characters of axis. */
  readonly labelWidth: number;
  readonly columns: number;
  /** Marks over the columns in which a sale runs, its name beside them; empty where none does. */
  readonly sales: string;
  /** From the top: the nodes up to which a row counts, and its cells. */
  readonly rows: readonly { readonly label: string; readonly cells: string }[];
  /** As wide as the columns. */
  readonly axis: string;
  /** Of the axis, for the whole width. */
  readonly labels: string;
}

/**
 * A chart in characters: one row a node (or a few), one column a stretch of time. A cell tells whether that node was
 * needed and there, needed and missing, or there for nothing.
 */
export function nodesChart(input: ChartInput): string[] {
  const { labelWidth, sales, rows, axis, labels } = drawNodes(input);
  return [
    ...(sales === '' ? [] : [`${' '.repeat(labelWidth + 2)}${sales}`]),
    ...rows.map(({ label, cells }) => `${label} ┤${cells}`.trimEnd()),
    `${' '.repeat(labelWidth)} └${axis}`,
    labels,
  ];
}

/** The same, for whoever puts more into it. */
export function drawNodes(input: ChartInput): NodesDrawing {
  const { demandNodes, capacityNodes, firstStepAtMs, stepMs, width } = input;
  const steps = demandNodes.length;
  let most = 1;
  for (let k = 0; k < steps; k++) {
    most = Math.max(most, demandNodes[k], capacityNodes[k]);
  }
  const nodesPerRow = Math.ceil(most / input.rows);
  const rowCount = Math.ceil(most / nodesPerRow);
  const labelWidth = String(rowCount * nodesPerRow).length;
  const columns = width - labelWidth - 2;
  const atMs = (column: number): number => firstStepAtMs + (column / columns) * steps * stepMs;

  const rows = [];
  for (let row = rowCount - 1; row >= 0; row--) {
    const level = row * nodesPerRow + Math.ceil(nodesPerRow / 2);
    let cells = '';
    for (let column = 0; column < columns; column++) {
      const [from, to] = stepsOf(column, columns, steps);
      cells += cell(input, from, to, level);
    }
    rows.push({ label: String((row + 1) * nodesPerRow).padStart(labelWidth), cells });
  }
  const { axis, labels } = timeAxis(input, columns, labelWidth, atMs);
  return { labelWidth, columns, sales: saleLine(input, columns, atMs), rows, axis, labels };
}

/** The steps that a column stands for, up to but not at the second. */
function stepsOf(column: number, columns: number, steps: number): [from: number, to: number] {
  const from = Math.floor((column * steps) / columns);
  return [from, Math.max(from + 1, Math.floor(((column + 1) * steps) / columns))];
}

const LEVELS = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/** The highest of each column’s values as bars of one line, in eighths of `most`; what is not zero shows. */
export function barsLine(values: ArrayLike<number>, columns: number, most: number): string {
  let line = '';
  for (let column = 0; column < columns; column++) {
    const [from, to] = stepsOf(column, columns, values.length);
    let highest = 0;
    for (let k = from; k < to; k++) {
      highest = Math.max(highest, values[k]);
    }
    line += LEVELS[highest === 0 ? 0 : Math.max(1, Math.ceil((8 * highest) / most))];
  }
  return line;
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
): Pick<NodesDrawing, 'axis' | 'labels'> {
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
  return { axis: axis.join(''), labels: labels.join('').trimEnd() };
}

/** How much longer than the part around a sale a run must be for the chart to show that part alone. */
const SALE_CHART_RATIO = 2;

/** The whole run; or where a sale is but a small part of it, the first sale with as much again on either side. */
export function stepsToShow(
  { calendar }: Pick<Scenario, 'calendar'>,
  { firstStepAtMs, stepMs, stepCount }: Pick<Demand, 'firstStepAtMs' | 'stepMs' | 'stepCount'>,
): { from: number; to: number; sale: string | null } {
  const stepAt = (atMs: number): number =>
    Math.min(stepCount, Math.max(0, Math.round((atMs - firstStepAtMs) / stepMs)));
  const sale = calendar.find(({ startAtMs, endAtMs }) => stepAt(endAtMs) > stepAt(startAtMs));
  if (sale !== undefined) {
    const spanMs = sale.endAtMs - sale.startAtMs;
    const from = stepAt(sale.startAtMs - spanMs);
    const to = stepAt(sale.endAtMs + spanMs);
    if ((to - from) * SALE_CHART_RATIO < stepCount) {
      return { from, to, sale: sale.name };
    }
  }
  return { from: 0, to: stepCount, sale: null };
}
