import type { TopLevelSpec } from 'vega-lite';
import type { Spent } from '../../simulator/index.ts';
import type { Gap, Line } from './series.ts';
import type { FleetEvent, HeldBack } from './timeline.ts';

/** What the charts of a run show, in columns: the page makes rows of them. Instants are of the scenario’s zone, as if it were UTC. */
export interface ChartData {
  readonly startMs: number;
  readonly stepMs: number;
  readonly endMs: number;
  readonly lines: Readonly<Record<LineName, Line>>;
  readonly gaps: readonly Gap[];
  readonly spent: Readonly<Record<'today' | 'chosen', readonly Spent[]>>;
  readonly sales: readonly {
    readonly name: string;
    readonly fromMs: number;
    readonly toMs: number;
  }[];
  readonly events: readonly FleetEvent[];
  readonly heldBack: readonly HeldBack[];
  /** What the brush holds at first; null: everything. */
  readonly window: { readonly fromMs: number; readonly toMs: number } | null;
  readonly policies: readonly PolicyPoint[];
  readonly frontier: readonly { readonly costBdt: number; readonly shortagePodMinutes: number }[];
}
export type LineName = 'traffic' | 'needed' | 'ready' | 'readyToday' | 'pending' | 'pendingToday';

/** A policy among the others. */
export interface PolicyPoint {
  /** As in the table. */
  readonly number: number;
  readonly name: string;
  readonly costBdt: number;
  readonly shortagePodMinutes: number;
  readonly role: 'chosen' | 'today' | 'other';
}

export type ChartName = 'traffic' | 'nodes' | 'deeds' | 'pending' | 'spent' | 'tradeOff';

/** The page’s colours, which know whether it is dark. */
const INK = 'var(--ink)';
const SOFT = 'var(--soft)';
const RULE = 'var(--rule)';
const ACCENT = 'var(--accent)';
const ALARM = 'var(--alarm)';
const TODAY = 'var(--today)';
const NEED = 'var(--need)';
const SALE = 'var(--sale)';

/** Wide enough for ৳1,20,000, and the same in every chart, so that their times stand above one another. */
const AXIS_WIDTH = 66;
const HOUR_MS = 3_600_000;
/** So that a line at its highest is not cut in half by the frame. */
const HEADROOM = 1.06;

const config = {
  background: 'transparent',
  // Each chart is one picture, and says what it shows.
  aria: false,
  font: 'system-ui, sans-serif',
  padding: { left: 0, right: 8, top: 6, bottom: 4 },
  view: { stroke: null },
  axis: {
    domain: false,
    ticks: false,
    grid: true,
    gridColor: RULE,
    labelColor: SOFT,
    labelFontSize: 11,
    titleColor: SOFT,
    titleFontSize: 11,
    titleFontWeight: 'normal',
    labelPadding: 6,
  },
} as const;

const TIME_LABELS =
  "utchours(datum.value) === 0 && utcminutes(datum.value) === 0 ? utcFormat(datum.value, '%-d %b') : utcFormat(datum.value, '%H:%M')";

type Encoding = Readonly<Record<string, unknown>>;

/** The time axis: of the whole run, or of what the brush holds. */
function time(field: string, zoomed: boolean): Encoding {
  return {
    field,
    type: 'temporal',
    title: null,
    scale: {
      type: 'utc',
      nice: false,
      domainMin: { expr: zoomed ? 'from' : 'first' },
      domainMax: { expr: zoomed ? 'to' : 'last' },
    },
    axis: {
      grid: false,
      labelExpr: TIME_LABELS,
      labelOverlap: true,
      labelFlush: true,
      tickCount: { expr: 'max(2, width / 90)' },
    },
  };
}

function amount(field: string, most: number, axis: object = {}): Encoding {
  return {
    field,
    type: 'quantitative',
    title: null,
    stack: null,
    scale: { domain: [0, HEADROOM * Math.max(1, most)], nice: false },
    axis: { minExtent: AXIS_WIDTH, maxExtent: AXIS_WIDTH, tickCount: 4, tickMinStep: 1, ...axis },
  };
}

function spec(
  description: string,
  height: number,
  data: ChartData,
  zoomed: boolean,
  layer: readonly object[],
): TopLevelSpec {
  const { startMs, endMs, window } = data;
  return {
    description,
    width: 'container',
    height,
    autosize: { type: 'fit-x', contains: 'padding' },
    config,
    params: zoomed
      ? [
          { name: 'from', value: window?.fromMs ?? startMs },
          { name: 'to', value: window?.toMs ?? endMs },
        ]
      : [
          { name: 'first', value: startMs },
          { name: 'last', value: endMs },
        ],
    layer,
  } as unknown as TopLevelSpec;
}

function sales(zoomed: boolean): object {
  return {
    data: { name: 'sales' },
    mark: { type: 'rect', color: SALE, opacity: 1, clip: true, tooltip: { expr: 'datum.name' } },
    encoding: { x: time('from', zoomed), x2: { field: 'to' } },
  };
}

/** A line that steps; where only the lowest and the highest of a stretch are known, the band between. */
function steps(
  name: LineName,
  y: (field: string) => Encoding,
  zoomed: boolean,
  stroke: string,
  mark: object = {},
): object {
  return {
    data: { name },
    mark: {
      type: 'area',
      interpolate: 'step-after',
      clip: true,
      fill: stroke,
      fillOpacity: 0.25,
      stroke,
      strokeWidth: 1.5,
      strokeJoin: 'round',
      ...mark,
    },
    encoding: { x: time('t', zoomed), y: y('low'), y2: { field: 'high' } },
  };
}

/** The area below a line that steps. */
function filled(
  name: LineName,
  y: (field: string) => Encoding,
  zoomed: boolean,
  fill: string,
  mark: object = {},
): object {
  return {
    data: { name },
    mark: { type: 'area', interpolate: 'step-after', clip: true, fill, fillOpacity: 1, ...mark },
    encoding: { x: time('t', zoomed), y: y('high') },
  };
}

function mostOf(...lines: readonly Line[]): number {
  return lines.reduce((most, { high }) => high.reduce((a, b) => Math.max(a, b), most), 0);
}

const DEEDS = {
  added: { label: 'added', shape: 'triangle-up', color: ACCENT },
  removed: { label: 'removed', shape: 'triangle-down', color: TODAY },
  taken: { label: 'AWS took', shape: 'diamond', color: ALARM },
  failed: { label: 'failed', shape: 'cross', color: ALARM },
} as const satisfies Record<FleetEvent['kind'], object>;
const HELD = 'held back';

/** The specifications of a report’s charts, without their data: the page adds that by name. */
export function chartSpecs(data: ChartData): Readonly<Record<ChartName, TopLevelSpec>> {
  const { lines, spent, events, heldBack, policies } = data;
  const shortageMost = Math.max(...policies.map(({ shortagePodMinutes }) => shortagePodMinutes));
  const costMost = Math.max(...policies.map(({ costBdt }) => costBdt));
  const traffic = (field: string) =>
    amount(field, mostOf(lines.traffic), { tickCount: 2, format: ',d' });
  const nodes = (field: string) =>
    amount(field, mostOf(lines.needed, lines.ready, lines.readyToday), { format: 'd' });
  const pending = (field: string) =>
    amount(field, mostOf(lines.pending, lines.pendingToday), { tickCount: 3, format: 'd' });
  const spentMost = Math.max(...[...spent.today, ...spent.chosen].map(({ bdt }) => bdt));
  const money = amount('bdt', spentMost, { format: '$,.0f' });
  const kinds = Object.keys(DEEDS) as FleetEvent['kind'][];
  const shown = kinds.filter((kind) => events.some((event) => event.kind === kind));
  const rows = [...shown.map((kind) => DEEDS[kind].label), ...(heldBack.length > 0 ? [HELD] : [])];
  const deed: Encoding = {
    field: 'row',
    type: 'nominal',
    title: null,
    scale: { domain: rows.length === 0 ? ['nothing'] : rows },
    axis: { minExtent: AXIS_WIDTH, maxExtent: AXIS_WIDTH, grid: true },
  };
  const tradeOffX = (field: string): Encoding => ({
    field,
    type: 'quantitative',
    title: 'missing pod-minutes, square-root scale',
    // Only as far as policies are: without any nodes, everything is missing.
    scale: { type: 'sqrt', domain: [0, HEADROOM * Math.max(1, shortageMost)], nice: false },
    axis: { tickCount: { expr: 'max(3, width / 110)' }, format: ',d', grid: true },
  });
  const tradeOffY = (field: string): Encoding => ({
    field,
    type: 'quantitative',
    title: null,
    scale: { domain: [0, HEADROOM * Math.max(1, costMost)], nice: false },
    axis: { minExtent: AXIS_WIDTH, maxExtent: AXIS_WIDTH, tickCount: 5, format: '$,.0f' },
  });
  return {
    traffic: spec('Requests per second over the whole run', 56, data, false, [
      sales(false),
      {
        ...steps('traffic', traffic, false, SOFT, { strokeWidth: 1 }),
        params: [
          {
            name: 'brush',
            select: {
              type: 'interval',
              encodings: ['x'],
              mark: { fill: ACCENT, fillOpacity: 0.12, stroke: ACCENT, strokeOpacity: 0.6 },
            },
            ...(data.window === null
              ? {}
              : { value: { x: [data.window.fromMs, data.window.toMs] } }),
          },
        ],
      },
    ]),
    nodes: spec('Nodes needed, Ready and missing over time', 190, data, true, [
      sales(true),
      filled('needed', nodes, true, NEED),
      {
        data: { name: 'gaps' },
        mark: { type: 'rect', color: ALARM, clip: true },
        encoding: {
          x: time('from', true),
          x2: { field: 'to' },
          y: nodes('there'),
          y2: { field: 'needed' },
        },
      },
      steps('readyToday', nodes, true, TODAY, { strokeDash: [3, 3], strokeWidth: 1 }),
      steps('ready', nodes, true, ACCENT, { strokeWidth: 2 }),
    ]),
    deeds: spec(
      'What was done to the fleet, and when more was asked for in vain',
      18 * Math.max(1, rows.length),
      data,
      true,
      [
        sales(true),
        {
          data: { name: 'heldBack' },
          mark: { type: 'rule', strokeWidth: 6, color: ALARM, opacity: 0.75, clip: true },
          encoding: { x: time('from', true), x2: { field: 'to' }, y: deed },
        },
        ...shown.map((kind) => ({
          data: { name: 'events' },
          transform: [{ filter: `datum.kind === '${kind}'` }],
          mark: {
            type: 'point',
            shape: DEEDS[kind].shape,
            size: 55,
            filled: true,
            color: DEEDS[kind].color,
            opacity: 0.9,
            clip: true,
            tooltip: { expr: 'datum.what' },
          },
          encoding: { x: time('t', true), y: deed },
        })),
      ],
    ),
    pending: spec('Pods without room on a node over time', 84, data, true, [
      sales(true),
      filled('pendingToday', pending, true, TODAY, { fillOpacity: 0.45 }),
      filled('pending', pending, true, ALARM, { fillOpacity: 0.85 }),
    ]),
    spent: spec('Money spent since the run began', 110, data, true, [
      sales(true),
      ...(['spentToday', 'spent'] as const).map((name) => ({
        data: { name },
        mark: {
          type: 'line',
          clip: true,
          color: name === 'spent' ? ACCENT : TODAY,
          strokeWidth: 2,
          strokeDash: name === 'spent' ? [1, 0] : [4, 3],
        },
        encoding: { x: time('t', true), y: money },
      })),
    ]),
    tradeOff: {
      description:
        'Cost against missing pod-minutes of each policy, and the least that anybody could have paid',
      width: 'container',
      height: 260,
      autosize: { type: 'fit-x', contains: 'padding' },
      config,
      layer: [
        {
          data: { name: 'frontier' },
          mark: { type: 'line', color: SOFT, strokeDash: [4, 3], clip: true, strokeWidth: 1.5 },
          encoding: { x: tradeOffX('short'), y: tradeOffY('cost'), order: { field: 'short' } },
        },
        {
          data: { name: 'policies' },
          mark: {
            type: 'point',
            filled: true,
            size: 70,
            opacity: 1,
            tooltip: { expr: 'datum.tip' },
          },
          encoding: {
            x: tradeOffX('short'),
            y: tradeOffY('cost'),
            color: {
              field: 'role',
              type: 'nominal',
              legend: null,
              scale: { domain: ['chosen', 'today', 'other'], range: [ACCENT, INK, TODAY] },
            },
          },
        },
        {
          data: { name: 'numbers' },
          mark: {
            type: 'text',
            fontSize: 11,
            fill: INK,
            dy: -12,
          },
          encoding: {
            x: tradeOffX('short'),
            y: tradeOffY('cost'),
            text: { field: 'numbers', type: 'nominal' },
          },
        },
      ],
    } as unknown as TopLevelSpec,
  };
}

/** What the brush holds at first: where sales are but a small part of a run, the first with as much again on either side. */
export function firstWindow(
  sales: ChartData['sales'],
  startMs: number,
  endMs: number,
): ChartData['window'] {
  const sale = sales.find(({ fromMs, toMs }) => fromMs < endMs && toMs > startMs);
  if (sale === undefined) {
    return null;
  }
  const spanMs = Math.max(HOUR_MS, sale.toMs - sale.fromMs);
  const fromMs = Math.max(startMs, sale.fromMs - spanMs);
  const toMs = Math.min(endMs, sale.toMs + spanMs);
  return (toMs - fromMs) * 2 < endMs - startMs ? { fromMs, toMs } : null;
}
