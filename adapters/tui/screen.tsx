import { Box } from 'ink';
import type { ReactElement } from 'react';
import { barsLine, drawNodes, IDLE, SHORT, USED } from '../../reports/chart.ts';
import { formatLakh } from '../../reports/money.ts';
import { shortened, wrapped } from '../../reports/text.ts';
import { counted, dayAndMonth, hourAndMinute } from '../../reports/words.ts';
import { layoutOf } from './layout.ts';
import { exactly, fitted, Line, type Piece } from './line.tsx';
import { measuresOf } from './measures.ts';
import { KEYS } from './press.ts';
import { formatRange, formatValue, formatWithUnit, sliderRatio } from './settings.ts';
import {
  changedCount,
  cycleAtCursor,
  isCurrent,
  shownSettings,
  type SavePlan,
  type ShownSetting,
  type TuneState,
} from './state.ts';

interface Seen {
  readonly state: TuneState;
  readonly columns: number;
  readonly rows: number;
}

/** Everything on one screen. */
export function TuneScreen({ state, columns, rows }: Seen): ReactElement {
  const layout = layoutOf(rows);
  const settings = shownSettings(state);
  const gap = (before: number): Piece[][] => (layout.gaps > before ? [[]] : []);
  const lines: readonly (readonly Piece[])[] = [
    titleLine(state, columns),
    ...measureLines(state, columns),
    ...gap(1),
    ...chartLines(state, columns, layout.chartRows),
    ...gap(0),
    ...explanationLines(state, columns, layout.explanationLines),
    ...gap(2),
    pagesLine(settings, state.selected, columns),
    ...settingLines(settings, state.selected, columns, layout.settingRows),
    ...helpLines(settings[state.selected], columns),
    ...gap(3),
    bottomLine(state, settings[state.selected], columns),
  ];
  return <Lines lines={lines} />;
}

function Lines({ lines }: { readonly lines: readonly (readonly Piece[])[] }): ReactElement {
  return (
    <Box flexDirection="column">
      {lines.map((pieces, at) => (
        <Line key={at} pieces={pieces} />
      ))}
    </Box>
  );
}

// ---------------------------------------------------------------- title and figures

function titleLine(state: TuneState, columns: number): Piece[] {
  const { setup, tuning } = state;
  const changed = changedCount(state);
  const facts = [
    `${tuning.policy} on ${shortened(setup.scenario.name, 30)}`,
    ...(changed === 0 ? [] : [`${counted(changed, 'setting')} changed`]),
    `seed ${String(setup.seed)}`,
    setup.scenario.prices,
  ];
  const status = isCurrent(state) ? '' : 'simulating…';
  return [
    { text: fitted(facts.join(', '), columns - status.length - 1), isBold: true },
    { text: ` ${status}`, color: 'yellow' },
  ];
}

function measureLines(state: TuneState, columns: number): Piece[][] {
  const { outcome, start } = state;
  const isDim = !isCurrent(state);
  const width = Math.floor(columns / 4);
  if (outcome === null) {
    const labels = ['pending pod-min', 'avoidable short', 'p95 to capacity', 'cost'];
    return [[{ text: labels.map((label) => fitted(label, width)).join(''), isDim: true }], []];
  }
  const measures = measuresOf(outcome.outcome, start);
  const colors = { better: 'green', worse: 'red', same: undefined } as const;
  return [
    measures.map(({ label }) => ({ text: fitted(label, width), isDim: true })),
    measures.flatMap(({ value, difference, share, trend }) => {
      const color = isDim ? undefined : colors[trend];
      const room = width - 2 - [...value].length;
      const whole = `${difference} (${share})`;
      const fits = share !== '' && [...whole].length < room;
      return [
        { text: value, isBold: !isDim, isDim },
        {
          text: `  ${fitted(fits ? whole : difference, room)}`,
          isDim: isDim || trend === 'same',
          ...(color === undefined ? {} : { color }),
        },
      ];
    }),
  ];
}

// ---------------------------------------------------------------- time

/** Beside the chart: what its marks mean, and how many there are at the cursor. */
const PANEL_WIDTH = 15;
const PANEL_GAP = 2;
const CURSOR = '┊';
const CURSOR_FOOT = '▲';

function chartLines(state: TuneState, columns: number, rows: number): Piece[][] {
  const { demand, span, outcome, cursorAtMs, setup } = state;
  if (demand === null || span === null) {
    return new Array<Piece[]>(rows + 4).fill([]);
  }
  const { firstStepAtMs, stepMs, stepCount } = demand;
  const offsetMinutes = setup.scenario.timeZoneOffsetMinutes;
  const from = Math.max(0, Math.round((span.fromMs - firstStepAtMs) / stepMs));
  const to = Math.min(
    stepCount,
    Math.max(from + 1, Math.round((span.toMs - firstStepAtMs) / stepMs)),
  );
  const ready = outcome?.outcome.readyNodes ?? new Int32Array(stepCount);
  const waiting = outcome?.outcome.unschedulablePods ?? new Int32Array(stepCount);
  const width = columns - PANEL_GAP - PANEL_WIDTH;
  const drawing = drawNodes({
    demandNodes: demand.nodes.subarray(from, to),
    capacityNodes: ready.subarray(from, to),
    firstStepAtMs: firstStepAtMs + from * stepMs,
    stepMs,
    offsetMinutes,
    sales: setup.scenario.calendar,
    width,
    rows,
  });
  const margin = ' '.repeat(drawing.labelWidth + 2);
  const waitingShown = waiting.subarray(from, to);
  const mostWaiting = waitingShown.reduce((most, each) => Math.max(most, each), 0);
  const bars = barsLine(waitingShown, drawing.columns, Math.max(1, mostWaiting));
  const shareOfSpan =
    cursorAtMs === null ? -1 : (cursorAtMs - span.fromMs) / (span.toMs - span.fromMs);
  const cursor = cursorAtMs === null ? -1 : Math.floor(shareOfSpan * drawing.columns);
  const at = cursorAtMs === null ? 0 : stepAt(cursorAtMs, demand);
  const needed = demand.nodes[at];
  const there = ready[at];
  const isDim = !isCurrent(state);
  const known = cursorAtMs !== null && outcome !== null;
  const count = (mark: string, label: string, value: number): string =>
    `${mark} ${label.padEnd(8)}${(known ? formatLakh(value) : '').padStart(PANEL_WIDTH - 10)}`;

  const blank = new Array<string>(rows - drawing.rows.length).fill(margin.slice(0, -1));
  const rowTexts = [
    ...blank,
    ...drawing.rows.map(({ label, cells }) =>
      outcome === null ? `${label} ┤` : `${label} ┤${withCursorIn(cells, cursor)}`,
    ),
  ];
  const panel = [
    cursorAtMs === null
      ? ''
      : `${dayAndMonth(cursorAtMs, offsetMinutes)} ${hourAndMinute(cursorAtMs, offsetMinutes)}`,
    count(USED, 'needed', needed),
    count(SHORT, 'missing', Math.max(0, needed - there)),
    count(IDLE, 'idle', Math.max(0, there - needed)),
    '',
    known ? deedAtCursor(state) : '',
  ];
  const row = (pieces: readonly Piece[], text: string, beside: string): Piece[] => [
    ...pieces,
    { text: ' '.repeat(Math.max(0, width + PANEL_GAP - [...text].length)) },
    { text: beside },
  ];
  const sales = margin + drawing.sales;
  const axis = ' '.repeat(drawing.labelWidth) + ' └' + replaced(drawing.axis, cursor, CURSOR_FOOT);
  const waitingLine = margin + bars.trimEnd();
  return [
    row([{ text: sales, color: 'yellow' }], sales, panel[0]),
    ...rowTexts.map((text, n) => row(cellPieces(text, isDim), text, panel[n + 1] ?? '')),
    row([{ text: axis, isDim: true }], axis, ''),
    row([{ text: drawing.labels, isDim: true }], drawing.labels, ''),
    row(
      [{ text: waitingLine, color: 'red', isDim }],
      waitingLine,
      count('▅', 'pending', waiting[at]),
    ),
  ];
}

function stepAt(
  atMs: number,
  {
    firstStepAtMs,
    stepMs,
    stepCount,
  }: { firstStepAtMs: number; stepMs: number; stepCount: number },
): number {
  return Math.min(stepCount - 1, Math.max(0, Math.floor((atMs - firstStepAtMs) / stepMs)));
}

/** What the cycle at the cursor did: `added 2`. */
function deedAtCursor(state: TuneState): string {
  const cycle = cycleAtCursor(state);
  const by = cycle === null || state.outcome === null ? 0 : state.outcome.outcome.scaledBy[cycle];
  return by === 0 ? '' : by > 0 ? `  added ${String(by)}` : `  removed ${String(-by)}`;
}

/** The cursor goes through what is empty, and behind what is not. */
function withCursorIn(cells: string, cursor: number): string {
  return [' ', IDLE].includes(cells.charAt(cursor)) ? replaced(cells, cursor, CURSOR) : cells;
}

function replaced(text: string, at: number, character: string): string {
  return at < 0 || at >= text.length ? text : text.slice(0, at) + character + text.slice(at + 1);
}

/** Missing nodes stand out, idle ones step back. */
function cellPieces(text: string, isDim: boolean): Piece[] {
  return [
    ...text.matchAll(new RegExp(`${SHORT}+|[${IDLE}${CURSOR}]+|[^${SHORT}${IDLE}${CURSOR}]+`, 'g')),
  ].map(([run]) =>
    run.startsWith(SHORT)
      ? { text: run, color: 'red', isDim }
      : { text: run, isDim: isDim || run.startsWith(IDLE) },
  );
}

function explanationLines(state: TuneState, columns: number, count: number): Piece[][] {
  const { told, number } = state;
  if (told === null) {
    return exactly([], count).map((text) => [{ text }]);
  }
  const isDim = told.number !== number || told.cycle !== cycleAtCursor(state);
  return exactly(wrapped(told.paragraph, columns), count, '… (e: all of it)').map((text) => [
    { text, isDim },
  ]);
}

// ---------------------------------------------------------------- settings

function pagesLine(settings: readonly ShownSetting[], selected: number, columns: number): Piece[] {
  const groups = [...new Set(settings.map(({ group }) => group))];
  const here = settings[selected].group;
  const pages = groups.map((group) => {
    const isChanged = settings.some(
      (each) => each.group === group && each.value !== each.startValue,
    );
    const name = `${group}${isChanged ? '*' : ''}`;
    return group === here ? `[${name}]` : ` ${name} `;
  });
  const count = `${String(selected + 1)} of ${String(settings.length)}`;
  const width = pages.join('─').length + count.length + 6;
  return [
    { text: '──', isDim: true },
    ...pages.flatMap((text): Piece[] => [
      { text, isBold: text.startsWith('['), isDim: !text.startsWith('[') },
      { text: '─', isDim: true },
    ]),
    { text: `${'─'.repeat(Math.max(0, columns - width))} `, isDim: true },
    { text: count },
    { text: ' ─', isDim: true },
  ];
}

const KEY_WIDTH = 30;
const VALUE_WIDTH = 15;
const RANGE_WIDTH = 15;

/** The settings of the selected one’s page: as many as there is room for, the selected one among them. */
function settingLines(
  settings: readonly ShownSetting[],
  selected: number,
  columns: number,
  count: number,
): Piece[][] {
  const page = settings.filter(({ group }) => group === settings[selected].group);
  const at = page.indexOf(settings[selected]);
  const first = Math.max(0, Math.min(page.length - count, at - Math.floor((count - 1) / 2)));
  const shown = page.slice(first, first + count);
  return exactly(
    shown.map(() => ''),
    count,
  ).map((_, n): Piece[] => {
    const each = shown.at(n);
    if (each === undefined) {
      return [];
    }
    const hasMore = (n === 0 && first > 0) || (n === count - 1 && first + count < page.length);
    const isSelected = first + n === at;
    return settingPieces(each, isSelected, isSelected ? '▸ ' : hasMore ? '⋮ ' : '  ', columns);
  });
}

function settingPieces(
  { key, setting, value, startValue }: ShownSetting,
  isSelected: boolean,
  mark: string,
  columns: number,
): Piece[] {
  const isChanged = value !== startValue;
  const trackWidth = columns - 2 - KEY_WIDTH - 1 - VALUE_WIDTH - 1 - RANGE_WIDTH;
  const place = (each: number): number => Math.round(sliderRatio(each, setting) * (trackWidth - 1));
  const track = new Array<string>(trackWidth).fill('─');
  track[place(startValue)] = '○';
  track[place(value)] = '●';
  const color = isSelected ? ({ color: 'cyan' } as const) : {};
  return [
    { text: mark + fitted(key + (isChanged ? '*' : ''), KEY_WIDTH), isBold: isSelected, ...color },
    { text: track.join(''), ...color, isDim: !isSelected },
    {
      text: ` ${fitted(formatWithUnit(value, setting, VALUE_WIDTH), VALUE_WIDTH)} `,
      isBold: isSelected || isChanged,
    },
    { text: formatRange(setting).padStart(RANGE_WIDTH), isDim: true },
  ];
}

function helpLines({ setting, value, startValue }: ShownSetting, columns: number): Piece[][] {
  const [was, usual] = [startValue, setting.default].map((each) => formatValue(each, setting));
  const others =
    value !== startValue
      ? startValue === setting.default
        ? ` Was ${was}, the default.`
        : ` Was ${was}; ${usual} by default.`
      : value === setting.default
        ? ''
        : ` ${usual} by default.`;
  return exactly(wrapped(setting.help + others, columns, '  '), 2).map((text) => [
    { text, isDim: true },
  ]);
}

// ---------------------------------------------------------------- the bottom line

/** The keys of every minute, in order. Those that a narrow window has no room for, the last first, are on the keys’ own screen. */
const HINTS: readonly (readonly [hint: string, rank: number])[] = [
  ['↑↓ setting', 0],
  ['←→ change', 0],
  ['tab page', 1],
  ['r reset', 2],
  ['u undo', 0],
  ['p policy', 4],
  ['[ ] time', 0],
  ['{ } action', 3],
  ['+− zoom', 5],
  ['e explain', 6],
  ['s save', 0],
  ['? keys', 0],
  ['q quit', 0],
];

function hintsFor(columns: number): string {
  for (let rank = HINTS.length; rank > 0; rank--) {
    const line = HINTS.filter((hint) => hint[1] < rank)
      .map(([hint]) => hint)
      .join('  ');
    if (line.length <= columns) {
      return line;
    }
  }
  return '';
}

function bottomLine(state: TuneState, { key, setting }: ShownSetting, columns: number): Piece[] {
  const { screen, notice } = state;
  switch (screen.kind) {
    case 'value': {
      const asked = `${key} (${formatRange(setting)} ${setting.unit}): ${screen.typed}█`;
      return notice === null
        ? [
            { text: fitted(asked, columns - 25), isBold: true },
            { text: 'Enter takes, Esc leaves', isDim: true },
          ]
        : noticePieces(state, columns);
    }
    case 'time':
      return notice === null
        ? [
            { text: `go to (20:04, or 2026-11-27 20:04): ${screen.typed}█`, isBold: true },
            { text: '  Enter goes, Esc leaves', isDim: true },
          ]
        : noticePieces(state, columns);
    case 'path':
      return [
        { text: `save as: ${screen.typed}█`, isBold: true },
        { text: '  Enter shows what changes, Esc leaves', isDim: true },
      ];
    case 'leave':
      return [
        {
          text: 'Not saved. q leaves without saving, s saves, any other key stays.',
          color: 'yellow',
          isBold: true,
        },
      ];
    case 'tune':
    case 'keys':
    case 'explanation':
    case 'save':
      return notice === null
        ? [{ text: hintsFor(columns), isDim: true }]
        : noticePieces(state, columns);
  }
}

function noticePieces({ notice }: TuneState, columns: number): Piece[] {
  if (notice === null) {
    return [];
  }
  const text = shortened(notice.text, columns);
  return [{ text, isBold: true, ...(notice.isProblem ? { color: 'red' } : {}) }];
}

// ---------------------------------------------------------------- other screens

/** What every key does. */
export function KeysScreen({ columns, rows }: Seen): ReactElement {
  const lines: Piece[][] = [
    [{ text: 'Keys', isBold: true }],
    [],
    ...KEYS.map(([keys, does]): Piece[] => [
      { text: `  ${keys.padEnd(16)}`, isBold: true },
      { text: does },
    ]),
    [],
    ...wrapped(
      '● the value, ○ at the start, * changed since. All differences are from the start.',
      columns,
      '  ',
    ).map((text): Piece[] => [{ text }]),
  ];
  return <Lines lines={[...padded(lines, rows - 1), [{ text: 'Esc goes back', isDim: true }]]} />;
}

/** The whole paragraph of the cycle at the cursor. */
export function ExplanationScreen({ state, columns, rows }: Seen): ReactElement {
  const lines: Piece[][] = [
    [{ text: 'Why it decided so', isBold: true }],
    [],
    ...explanationLines(state, columns, rows - 4),
  ];
  return (
    <Lines
      lines={[
        ...padded(lines, rows - 1),
        [
          {
            text: '[ ] the cycle before, the next one  { } that added or removed  Esc goes back',
            isDim: true,
          },
        ],
      ]}
    />
  );
}

/** What saving would change, before it does. */
export function SaveScreen({
  plan,
  scrolled,
  columns,
  rows,
}: Omit<Seen, 'state'> & { readonly plan: SavePlan; readonly scrolled: number }): ReactElement {
  const room = rows - 4;
  const { diff, path, before } = plan;
  const first = Math.min(scrolled, Math.max(0, diff.length - room));
  const title =
    before === null
      ? `${path}: a new file`
      : before === plan.text
        ? `${path}: nothing changes`
        : `${path}: what changes in it`;
  const lines: Piece[][] = [
    [{ text: fitted(title, columns).trimEnd(), isBold: true }],
    [],
    ...diff.slice(first, first + room).map(({ sign, text }): Piece[] => [
      {
        text: fitted(`${sign} ${text}`, columns).trimEnd(),
        ...(sign === '+' ? { color: 'green' } : sign === '-' ? { color: 'red' } : {}),
        isDim: sign === ' ',
      },
    ]),
  ];
  const more = diff.length > room ? '↑↓ scrolls  ' : '';
  const verb = before === null ? 'writes it' : 'replaces the file that is there';
  return (
    <Lines
      lines={[
        ...padded(lines, rows - 1),
        [{ text: `${more}y ${verb}  n goes back`, isBold: true }],
      ]}
    />
  );
}

function padded(lines: readonly Piece[][], count: number): readonly Piece[][] {
  return [
    ...lines.slice(0, count),
    ...new Array<Piece[]>(Math.max(0, count - lines.length)).fill([]),
  ];
}
