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
  dayAndMonth,
  formatCount,
  formatMinutes,
  formatShare,
  formatSpan,
  formatTimeToCapacity,
  hourAndMinute,
  shortened,
  textTable,
  WIDTH,
  wrapped,
  zoneName,
} from './text.ts';

const CHART_ROWS = 10;

/** What `simulate` prints for people: at most 80 columns, the same bytes for the same input. */
export function simulateText(scenario: Scenario, seed: number, comparison: Comparison): string {
  const { demand, runs, largest } = comparison;
  const charted = runs.find(({ run }) => run.configured.policy.scales) ?? runs[0];
  const lines = [
    ...heading(scenario, seed, demand, runs[0]),
    '',
    ...table(runs),
    '',
    ...legend(largest.measures.series.readyNodes.reduce((a, b) => Math.max(a, b), 0)),
    '',
    ...chart(scenario, demand, charted),
    '',
    ...runs.flatMap((compared) => details(compared)),
    '',
    ...NOT_MODELLED,
  ];
  return `${lines.join('\n')}\n`;
}

function heading(
  scenario: Scenario,
  seed: number,
  demand: Demand,
  { run }: PolicyRun,
): string[] {
  const { timeZoneOffsetMinutes: offset } = scenario;
  const beginsMs = demand.firstStepAtMs;
  let peak = 0;
  for (const rate of demand.requestsPerSecond) {
    peak = Math.max(peak, rate);
  }
  const facts = [
    `${formatSpan(run.measures.durationMs)} from ${dayAndMonth(beginsMs, offset)} ${hourAndMinute(beginsMs, offset)} ${zoneName(offset)}`,
    `${formatCount(run.measures.requestsArrived)} requests`,
    `peak ${peak < 99.5 ? peak.toFixed(1) : formatLakh(peak)}/s`,
    `seed ${String(seed)}`,
  ];
  return [shortened(scenario.name, WIDTH), ...wrapped(facts.join(', '), WIDTH)];
}

function table(runs: readonly PolicyRun[]): string[] {
  const column = (
    header: readonly string[],
    dropped: number,
    value: (compared: PolicyRun) => string,
  ) => ({ header, dropped, values: runs.map(value), align: 'right' as const });
  return textTable(
    [
      {
        header: ['policy'],
        values: runs.map(({ run }) => shortened(run.configured.policy.name, 24)),
        align: 'left',
        dropped: 0,
      },
      column(['cost', '৳'], 0, ({ run }) => formatLakh(run.measures.costBdt)),
      column(['saved', '%'], 0, ({ savings }) => savings.percent.toFixed(1).replace('-', '−')),
      column(['pending', 'pod-min'], 2, ({ run }) => formatMinutes(run.measures.pendingPodMinutes)),
      column(['shortage', 'pod-min'], 0, ({ run }) =>
        formatMinutes(run.measures.shortagePodMinutes),
      ),
      column(['avoid-', 'able'], 0, (compared) =>
        formatMinutes(compared.avoidableShortagePodMinutes),
      ),
      column(['wait', 'p95'], 0, ({ run }) =>
        formatTimeToCapacity(run.measures.timeToCapacitySeconds),
      ),
      column(['lost', '%'], 0, ({ run }) =>
        formatShare(run.measures.requestsLost, run.measures.requestsArrived),
      ),
      column(['waiting', '৳'], 1, (compared) => formatLakh(compared.waitingCostBdt)),
      // Of the rounded parts, so that the row adds up.
      column(['total', '৳'], 0, ({ run, waitingCostBdt }) =>
        formatLakh(Math.round(run.measures.costBdt) + Math.round(waitingCostBdt)),
      ),
    ],
    WIDTH,
  );
}

function legend(nodesMax: number): string[] {
  const { saleBdtPerPodMinute, otherBdtPerPodMinute } = WAITING_PRICE;
  const text =
    `saved: against 5 static nodes. pending: pods the scheduler found no room for. shortage: pods missing against a cluster ` +
    `with room for all; avoidable: above what ${String(nodesMax)} static nodes have. wait: until such a pod runs (>: some never ` +
    `did). waiting: shortage at ${formatBdt(otherBdtPerPodMinute)} a pod-minute, ${formatBdt(saleBdtPerPodMinute)} in sales. total: cost + waiting.`;
  return wrapped(text, WIDTH);
}

function chart(scenario: Scenario, demand: Demand, { run }: PolicyRun): string[] {
  const title = `nodes under ${run.configured.policy.name}: ${USED} needed  ${SHORT} missing  ${IDLE} idle`;
  return [
    title,
    ...nodesChart({
      demandNodes: demand.nodes,
      capacityNodes: run.measures.series.readyNodes,
      firstStepAtMs: demand.firstStepAtMs,
      stepMs: demand.stepMs,
      offsetMinutes: scenario.timeZoneOffsetMinutes,
      sales: scenario.calendar,
      width: WIDTH - 2,
      rows: CHART_ROWS,
    }),
  ];
}

function details({ run, savings, costPerMonthBdt }: PolicyRun): string[] {
  const part = (percent: number): string => percent.toFixed(1).replace('-', '−');
  const { fewerNodes, spot, overhead } = savings.split;
  return [
    `${run.configured.policy.name}: ${formatBdt(costPerMonthBdt)} a month; saves ${part(savings.percent)} % = ` +
      `nodes ${part(fewerNodes)} + spot ${part(spot)} + overhead ${part(overhead)}`,
    `  digest ${journalDigest(run.journal)}`,
  ];
}

const NOT_MODELLED = wrapped(
  'Not modelled: spot reclaims, so what spot saves is an upper bound; CPU credits; refused launches; clients that retry (see README).',
  WIDTH,
);
