// What runs in the browser: draws the charts of a report and lets one brush narrow them all. Everything it shows is in the page.
import { formatLocale, parse, View, type Spec } from 'vega';
import { expressionInterpreter } from 'vega-interpreter';
import type { ChartData, ChartName } from './charts.ts';
import type { Line } from './series.ts';

/** As much of a browser as is needed here: the project’s other programs know none. */
interface Element {
  textContent: string;
  hidden: boolean;
  readonly dataset: Record<string, string>;
  append(child: Element): void;
  addEventListener(type: 'click', listener: () => void): void;
  setAttribute(name: string, value: string): void;
}
declare const document: {
  readonly documentElement: Element;
  getElementById(id: string): Element | null;
  createElement(name: string): Element;
};

interface Payload {
  readonly data: ChartData;
  readonly specs: Readonly<Record<ChartName, Spec>>;
}
type Range = readonly [fromMs: number, toMs: number];
type Row = Readonly<Record<string, unknown>>;

const ZOOMED: readonly ChartName[] = ['nodes', 'deeds', 'pending', 'spent'];
/** As a rather narrow chart has it, in pixels: points nearer to each other than this share a label. */
const TRADE_OFF = { width: 400, height: 240, nearX: 18, nearY: 14 } as const;

function rowsOf(data: ChartData): Readonly<Record<string, readonly Row[]>> {
  const { startMs, stepMs, endMs, lines, gaps, spent, sales, events, heldBack } = data;
  const atStep = (step: number): number => Math.min(endMs, startMs + step * stepMs);
  const line = ({ at, low, high }: Line): Row[] => {
    const rows = at.map((step, n): Row => ({ t: atStep(step), low: low[n], high: high[n] }));
    const last = at.length - 1;
    return [...rows, { t: endMs, low: low[last], high: high[last] }];
  };
  const labels = { added: 'added', removed: 'removed', taken: 'AWS took', failed: 'failed' };
  return {
    ...Object.fromEntries(Object.entries(lines).map(([name, each]) => [name, line(each)])),
    gaps: gaps.map(({ fromStep, toStep, there, needed }) => ({
      from: atStep(fromStep),
      to: atStep(toStep),
      there,
      needed,
    })),
    spent: spent.chosen.map(({ atMs, bdt }) => ({ t: atMs, bdt })),
    spentToday: spent.today.map(({ atMs, bdt }) => ({ t: atMs, bdt })),
    sales: sales.map(({ name, fromMs, toMs }) => ({ name, from: fromMs, to: toMs })),
    events: events.map(({ kind, atMs, what }) => ({ kind, t: atMs, what, row: labels[kind] })),
    heldBack: heldBack.map(({ fromMs, toMs }) => ({
      from: fromMs,
      to: toMs + 1000,
      row: 'held back',
    })),
    frontier: data.frontier.map(({ costBdt, shortagePodMinutes }) => ({
      cost: costBdt,
      short: shortagePodMinutes,
    })),
    policies: data.policies.map(({ name, costBdt, shortagePodMinutes, role }) => ({
      tip: name,
      cost: costBdt,
      short: shortagePodMinutes,
      role,
    })),
    numbers: numberRows(data),
  };
}

/** The numbers of policies, where they stand: those that would lie over one another stand together. */
function numberRows({ policies }: ChartData): Row[] {
  const { width, height, nearX, nearY } = TRADE_OFF;
  const shortMost = Math.max(1, ...policies.map(({ shortagePodMinutes }) => shortagePodMinutes));
  const costMost = Math.max(1, ...policies.map(({ costBdt }) => costBdt));
  const labels: { numbers: number[]; x: number; y: number; cost: number; short: number }[] = [];
  for (const { number, costBdt, shortagePodMinutes } of policies) {
    const x = Math.sqrt(shortagePodMinutes / shortMost) * width;
    const y = (costBdt / costMost) * height;
    const near = labels.find(
      (other) => Math.abs(other.x - x) < nearX && Math.abs(other.y - y) < nearY,
    );
    if (near === undefined) {
      labels.push({ numbers: [number], x, y, cost: costBdt, short: shortagePodMinutes });
    } else {
      near.numbers.push(number);
    }
  }
  return labels.map(({ numbers, cost, short }) => ({ numbers: rangesOf(numbers), cost, short }));
}

/** Of rising numbers: `1, 2, 4–7`. */
function rangesOf(numbers: readonly number[]): string {
  const ranges: [first: number, last: number][] = [];
  for (const number of numbers) {
    const range = ranges.at(-1);
    if (range !== undefined && range[1] === number - 1) {
      range[1] = number;
    } else {
      ranges.push([number, number]);
    }
  }
  return ranges
    .map(([first, last]) =>
      last === first
        ? String(first)
        : `${String(first)}${last === first + 1 ? ', ' : '–'}${String(last)}`,
    )
    .join(', ');
}

async function draw({ data, specs }: Payload): Promise<void> {
  // ৳1,20,000, as everywhere else.
  formatLocale({ decimal: '.', thousands: ',', grouping: [3, 2, 2, 2, 2, 2], currency: ['৳', ''] });
  const rows = rowsOf(data);
  const views = new Map<ChartName, View>();
  for (const [name, spec] of Object.entries(specs) as [ChartName, Spec][]) {
    const container = document.getElementById(`chart-${name}`);
    if (container === null) {
      continue;
    }
    const filled = {
      ...spec,
      data: spec.data?.map((each) =>
        each.name in rows ? { ...each, values: rows[each.name] } : each,
      ),
    };
    const view = new View(parse(filled as Spec, {}, { ast: true }), {
      renderer: 'svg',
      container: `#chart-${name}`,
      hover: true,
      expr: expressionInterpreter,
    });
    await view.runAsync();
    views.set(name, view);
  }
  const whole: Range = [data.startMs, data.endMs];
  const show = ([fromMs, toMs]: Range): void => {
    for (const name of ZOOMED) {
      void views.get(name)?.signal('from', fromMs).signal('to', toMs).runAsync();
    }
  };
  const traffic = views.get('traffic');
  traffic?.addSignalListener('brush', (_name: string, value: { t?: [number, number] } | null) => {
    show(value?.t === undefined ? whole : [Number(value.t[0]), Number(value.t[1])]);
  });
  offerWindows(data, (range) => {
    const scale = traffic?.scale('x') as ((atMs: number) => number) | undefined;
    if (traffic !== undefined && scale !== undefined) {
      const isWhole = range[0] <= whole[0] && range[1] >= whole[1];
      void traffic.signal('brush_x', isWhole ? [] : range.map(scale)).runAsync();
      show(range);
    }
  });
}

/** Buttons for whoever has no mouse: the whole run, and each sale with as much again on either side. */
function offerWindows({ startMs, endMs, sales }: ChartData, choose: (range: Range) => void): void {
  const bar = document.getElementById('windows');
  if (bar === null) {
    return;
  }
  const offer = (label: string, range: Range): void => {
    const button = document.createElement('button');
    button.setAttribute('type', 'button');
    button.textContent = label;
    button.addEventListener('click', () => {
      choose(range);
    });
    bar.append(button);
  };
  offer('Whole run', [startMs, endMs]);
  for (const { name, fromMs, toMs } of sales.slice(0, 8)) {
    const spanMs = toMs - fromMs;
    offer(name, [Math.max(startMs, fromMs - spanMs), Math.min(endMs, toMs + spanMs)]);
  }
  bar.hidden = false;
}

const payload = document.getElementById('report-data');
const told = document.documentElement.dataset;
draw(JSON.parse(payload?.textContent ?? '') as Payload).then(
  () => {
    told['charts'] = 'drawn';
  },
  (error: unknown) => {
    told['charts'] = `not drawn: ${String(error)}`;
  },
);
