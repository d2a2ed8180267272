import type { ConfiguredPolicy } from '../../engine/index.ts';
import {
  bestTotals,
  faultLine,
  formatPrice,
  scenarioFacts,
  signedPercent,
  unavoidable,
} from '../../reports/comparison.ts';
import { formatBdt, formatLakh } from '../../reports/money.ts';
import {
  counted,
  dayAndMonth,
  formatMinutes,
  formatShare,
  formatTimeToCapacity,
  timeOfDay,
} from '../../reports/words.ts';
import type {
  Comparison,
  Demand,
  Money,
  PolicyRun,
  Scenario,
  WaitingPrice,
} from '../../simulator/index.ts';
import { IDLE, nodesChart, SHORT, stepsToShow, USED } from '../../reports/chart.ts';
import { journalDigest } from './journal-file.ts';
import { shadowTrial } from './shadow-trial.ts';
import { shortened, textTable, type Column, WIDTH, wrapped } from '../../reports/text.ts';

const CHART_ROWS = 10;

/** What `simulate` prints for people: at most 80 columns, the same bytes for the same input. */
export function simulateText(
  scenario: Scenario,
  seed: number,
  comparison: Comparison,
  shadow: ConfiguredPolicy | null = null,
): string {
  const { demand, runs, waitingPrice, largest } = comparison;
  const charted = runs.find(({ run }) => run.configured.policy.scales) ?? runs[0];
  const lines = [
    ...heading(scenario, seed, demand, runs[0]),
    '',
    ...table(comparison),
    '',
    ...legend(largest.configured.settings.nodeCountMax, waitingPrice),
    ...unavoidableLines(comparison),
    '',
    ...bestLines(runs),
    ...shadowLines(scenario, runs, shadow),
    ...chart(scenario, demand, charted),
    '',
    ...wrapped(
      `Saving in % of 5 static nodes (of 5 with as much spot) and cost of 720 h, by ${scenario.prices} and by other prices, and SHA-256 of the journal:`,
      WIDTH,
    ),
    ...runs.flatMap((compared) => details(compared)),
    '',
    ...NOT_MODELLED,
  ];
  return `${lines.join('\n')}\n`;
}

function heading(scenario: Scenario, seed: number, demand: Demand, { run }: PolicyRun): string[] {
  const facts = scenarioFacts(scenario, seed, demand, run.measures.requestsArrived);
  return [
    shortened(scenario.name, WIDTH),
    ...wrapped(facts.join(', '), WIDTH),
    ...scenario.faults.flatMap((fault) =>
      wrapped(faultLine(fault, scenario.timeZoneOffsetMinutes), WIDTH),
    ),
  ];
}

function table({ runs, clairvoyant, baseline }: Comparison): string[] {
  const column = (
    header: readonly string[],
    value: (compared: PolicyRun) => string,
    optimal: string,
    { group = false, dropped = 0 } = {},
  ): Column => ({ header, values: [...runs.map(value), optimal], align: 'right', group, dropped });
  const names = runs.map(({ run }) => shortened(run.configured.policy.name, 24));
  const saved = 100 * (1 - clairvoyant.costBdt / baseline.measures.costBdt);
  // Of the rounded parts, so that the row adds up.
  const total = (costBdt: number, waitingCostBdt: number): string =>
    formatLakh(Math.round(costBdt) + Math.round(waitingCostBdt));
  return textTable(
    [
      {
        header: ['policy'],
        values: [...names, 'clairvoyant'],
        align: 'left',
        group: false,
        dropped: 0,
      },
      column(
        ['cost', '৳'],
        ({ run }) => formatLakh(run.measures.costBdt),
        formatLakh(clairvoyant.costBdt),
      ),
      column(['saved', '%'], ({ savings }) => signedPercent(savings.percent), signedPercent(saved)),
      column(
        ['pending', 'pod-min'],
        ({ run }) => formatMinutes(run.measures.pendingPodMinutes),
        NONE,
        { group: true, dropped: 2 },
      ),
      column(
        ['short', 'pod-min'],
        ({ run }) => formatMinutes(run.measures.shortagePodMinutes),
        formatMinutes(clairvoyant.shortagePodMinutes),
      ),
      column(
        ['avoid-', 'able'],
        (compared) => formatMinutes(compared.avoidableShortagePodMinutes),
        NONE,
      ),
      column(
        ['wait', 'p95'],
        ({ run }) =>
          formatTimeToCapacity(run.measures.timeToCapacitySeconds)
            .replace(' min', 'm')
            .replace(' s', 's'),
        NONE,
        { group: true },
      ),
      column(
        ['lost', '%'],
        ({ run }) => formatShare(run.measures.requestsLost, run.measures.requestsArrived),
        NONE,
      ),
      // The total less the cost: the first to go.
      column(
        ['waiting', '৳'],
        (compared) => formatLakh(compared.waitingCostBdt),
        formatLakh(clairvoyant.waitingCostBdt),
        { group: true, dropped: 3 },
      ),
      column(
        ['total', '৳'],
        ({ run, waitingCostBdt }) => total(run.measures.costBdt, waitingCostBdt),
        total(clairvoyant.costBdt, clairvoyant.waitingCostBdt),
      ),
      column(
        ['regret', '%'],
        ({ regretPercent }) => (regretPercent === null ? NONE : formatLakh(regretPercent)),
        NONE,
        { dropped: 1 },
      ),
    ],
    WIDTH,
  );
}

/** Where there is nothing to tell. */
const NONE = '–';

function legend(nodesMax: number, waitingPrice: WaitingPrice): string[] {
  const { saleBdtPerPodMinute, otherBdtPerPodMinute } = waitingPrice;
  const text =
    `cost: of this run. saved: against 5 static nodes. pending: pods the scheduler found no room for. short: pods missing against a ` +
    `cluster with room for all; avoidable: of it, more than ${formatLakh(nodesMax)} static nodes would miss. wait: ` +
    `in which 95 % of pending pods ran (never: fewer did). total: cost and waiting, which is short at ` +
    `${formatPrice(otherBdtPerPodMinute)} a pod-minute, ${formatPrice(saleBdtPerPodMinute)} in sales. clairvoyant: the ` +
    `least total for who knows all demand beforehand and has every node at the lowest price; no policy is below it. regret: ` +
    `cost above the least that buys as little shortage.`;
  return wrapped(text, WIDTH);
}

/** Which policy has the lowest total, whatever a missing pod-minute is worth. */
function bestLines(runs: readonly PolicyRun[]): string[] {
  if (runs.length === 1) {
    return [];
  }
  const named = runs.map(({ run }) => ({
    name: shortened(run.configured.policy.name, 24),
    measures: run.measures,
  }));
  const text = `Lowest total, by the price of a missing pod-minute: ${bestTotals(named)}.`;
  return [...wrapped(text, WIDTH), ''];
}

/** What the policy on trial would have done otherwise, beside each that governed. */
function shadowLines(
  { timeZoneOffsetMinutes: offset }: Scenario,
  runs: readonly PolicyRun[],
  shadow: ConfiguredPolicy | null,
): string[] {
  if (shadow === null) {
    return [];
  }
  const lines = runs.map(({ run }) => {
    const { decided, otherwise, moreNodes, fewerNodes, firstAtMs } = shadowTrial(run.journal);
    const often = `${run.configured.policy.name}: in ${formatLakh(otherwise)} of ${counted(decided, 'cycle')}`;
    return firstAtMs === null
      ? often
      : `${often}, for more nodes in ${formatLakh(moreNodes)}, for fewer in ${formatLakh(fewerNodes)}; first ${dayAndMonth(firstAtMs, offset)} ${timeOfDay(firstAtMs, offset)}`;
  });
  const heading = `In its shadow ${shadow.policy.name} would have decided otherwise, on what the one that governs saw:`;
  return [...wrapped(heading, WIDTH), ...lines.flatMap((line) => wrapped(line, WIDTH, '  ')), ''];
}

/** What no policy within the maximum can prevent, and what a higher one would change. */
function unavoidableLines(comparison: Comparison): string[] {
  const text = unavoidable(comparison);
  return text === null ? [] : ['', ...wrapped(text, WIDTH)];
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

function details(compared: PolicyRun): string[] {
  const { run, bill, byPriceBook } = compared;
  const others = byPriceBook.filter((money) => money.bill.prices !== bill.prices);
  const lines = [
    `${run.configured.policy.name}: ${saving(compared)}`,
    ...others.map((money) => `${money.bill.prices}: ${saving(money)}`),
    `digest ${journalDigest(run.journal)}`,
  ];
  return lines.flatMap((line, at) => wrapped(line, WIDTH, at === 0 ? '' : '  '));
}

function saving({ savings, costPerMonthBdt }: Money): string {
  const { fewerNodes, spot, overhead } = savings.split;
  return (
    `${signedPercent(savings.percent)} (${signedPercent(savings.sameSpotMixPercent)}) = nodes ${signedPercent(fewerNodes)} + ` +
    `spot ${signedPercent(spot)} − overhead ${signedPercent(-overhead)}; ${formatBdt(costPerMonthBdt)}`
  );
}

const NOT_MODELLED = wrapped(
  'Not modelled: pods that crash, memory pressure, network and disk (see README). Assumed: how customers retry, how AWS reclaims beyond its rate.',
  WIDTH,
);
