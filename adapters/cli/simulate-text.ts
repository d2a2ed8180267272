import {
  WAITING_PRICE,
  type Comparison,
  type Demand,
  type PolicyRun,
  type Scenario,
} from '../../simulator/index.ts';
import { IDLE, nodesChart, SHORT, USED } from './chart.ts';
import { journalDigest } from './journal-file.ts';
import { formatBdt, formatLakh } from './money.ts';
import {
  date,
  formatCount,
  formatMinutes,
  formatShare,
  formatSpan,
  formatTimeToCapacity,
  hourAndMinute,
  shortened,
  textTable,
  type Column,
  WIDTH,
  wrapped,
  zoneName,
} from './text.ts';

const CHART_ROWS = 10;
/** How much longer than the part around a sale a run must be for the chart to show that part alone. */
const SALE_CHART_RATIO = 2;

/** What `simulate` prints for people: at most 80 columns, the same bytes for the same input. */
export function simulateText(scenario: Scenario, seed: number, comparison: Comparison): string {
  const { demand, runs, largest } = comparison;
  const charted = runs.find(({ run }) => run.configured.policy.scales) ?? runs[0];
  const lines = [
    ...heading(scenario, seed, demand, runs[0]),
    '',
    ...table(runs),
    '',
    ...legend(largest.configured.settings.nodeCountMax),
    '',
    ...chart(scenario, demand, charted),
    '',
    'Saving in % of 5 static nodes, cost of 720 h, and SHA-256 of the journal:',
    ...runs.flatMap((compared) => details(compared)),
    '',
    ...NOT_MODELLED,
  ];
  return `${lines.join('\n')}\n`;
}

function heading(scenario: Scenario, seed: number, demand: Demand, { run }: PolicyRun): string[] {
  const { timeZoneOffsetMinutes: offset } = scenario;
  const { startAtMs, endAtMs } = scenario.trace;
  let peak = 0;
  for (const rate of demand.requestsPerSecond) {
    peak = Math.max(peak, rate);
  }
  const facts = [
    `${formatSpan(endAtMs - startAtMs)} from ${date(startAtMs, offset)} ${hourAndMinute(startAtMs, offset)} ${zoneName(offset)}`,
    `${formatCount(run.measures.requestsArrived)} requests`,
    `peak ${peak < 99.5 ? peak.toFixed(1) : formatLakh(peak)}/s`,
    `seed ${String(seed)}`,
  ];
  return [shortened(scenario.name, WIDTH), ...wrapped(facts.join(', '), WIDTH)];
}

function table(runs: readonly PolicyRun[]): string[] {
  const column = (
    header: readonly string[],
    value: (compared: PolicyRun) => string,
    { group = false, dropped = 0 } = {},
  ): Column => ({ header, values: runs.map(value), align: 'right', group, dropped });
  const names = runs.map(({ run }) => shortened(run.configured.policy.name, 24));
  return textTable(
    [
      { header: ['policy'], values: names, align: 'left', group: false, dropped: 0 },
      column(['cost', '৳'], ({ run }) => formatLakh(run.measures.costBdt)),
      column(['saved', '%'], ({ savings }) => signed(savings.percent)),
      column(['pending', 'pod-min'], ({ run }) => formatMinutes(run.measures.pendingPodMinutes), {
        group: true,
        dropped: 1,
      }),
      column(['short', 'pod-min'], ({ run }) => formatMinutes(run.measures.shortagePodMinutes)),
      column(['avoid-', 'able'], (compared) => formatMinutes(compared.avoidableShortagePodMinutes)),
      column(
        ['wait', 'p95'],
        ({ run }) =>
          formatTimeToCapacity(run.measures.timeToCapacitySeconds)
            .replace(' min', 'm')
            .replace(' s', 's'),
        { group: true },
      ),
      column(['lost', '%'], ({ run }) =>
        formatShare(run.measures.requestsLost, run.measures.requestsArrived),
      ),
      // What the total has beyond the cost: the first to go.
      column(['waiting', '৳'], (compared) => formatLakh(compared.waitingCostBdt), {
        group: true,
        dropped: 2,
      }),
      // Of the rounded parts, so that the row adds up.
      column(['total', '৳'], ({ run, waitingCostBdt }) =>
        formatLakh(Math.round(run.measures.costBdt) + Math.round(waitingCostBdt)),
      ),
    ],
    WIDTH,
  );
}

function legend(nodesMax: number): string[] {
  const { saleBdtPerPodMinute, otherBdtPerPodMinute } = WAITING_PRICE;
  const text =
    `cost: of this run. saved: against 5 static nodes. pending: pods the scheduler found no room for. short: pods missing against a ` +
    `cluster with room for all; avoidable: of it, more than ${formatLakh(nodesMax)} static nodes would miss. wait: ` +
    `until a pending pod runs (>: some never did). waiting: short at ${formatBdt(otherBdtPerPodMinute)} a pod-minute, ` +
    `${formatBdt(saleBdtPerPodMinute)} in sales. total: cost + waiting.`;
  return wrapped(text, WIDTH);
}

function chart(scenario: Scenario, demand: Demand, { run }: PolicyRun): string[] {
  const { calendar, timeZoneOffsetMinutes: offsetMinutes } = scenario;
  const { stepMs } = demand;
  const shown = stepsToShow(scenario, demand);
  const where = shown.sale === null ? '' : ' around the sale';
  return [
    `nodes${where} under ${run.configured.policy.name}: ${USED} needed  ${SHORT} missing  ${IDLE} idle`,
    ...nodesChart({
      demandNodes: demand.nodes.subarray(shown.from, shown.to),
      capacityNodes: run.measures.series.readyNodes.subarray(shown.from, shown.to),
      firstStepAtMs: demand.firstStepAtMs + shown.from * stepMs,
      stepMs,
      offsetMinutes,
      sales: calendar,
      width: WIDTH - 2,
      rows: CHART_ROWS,
    }),
  ];
}

/** The whole run; or where a sale is but a small part of it, the first sale with as much again on either side. */
function stepsToShow(
  { calendar }: Scenario,
  { firstStepAtMs, stepMs, stepCount }: Demand,
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

function signed(percent: number): string {
  return percent
    .toFixed(1)
    .replace(/^-0\.0$/, '0.0')
    .replace('-', '−');
}

function details({ run, savings, costPerMonthBdt }: PolicyRun): string[] {
  const { fewerNodes, spot, overhead } = savings.split;
  const split =
    `${run.configured.policy.name}: ${signed(savings.percent)} = nodes ${signed(fewerNodes)} + spot ${signed(spot)} + ` +
    `overhead ${signed(overhead)}; ${formatBdt(costPerMonthBdt)} a month`;
  return [...wrapped(split, WIDTH), `  digest ${journalDigest(run.journal)}`];
}

const NOT_MODELLED = wrapped(
  'Not modelled: spot reclaims, so what spot saves is an upper bound; CPU credits; refused launches; clients that retry (see README).',
  WIDTH,
);
