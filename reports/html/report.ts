import {
  BASELINE_NODES,
  priceBook,
  spending,
  waitingCostBdt,
  type BilledInstance,
  type Comparison,
  type PolicyRun,
  type Run,
  type Scenario,
} from '../../simulator/index.ts';
import { firstWindow, type ChartData, type PolicyPoint } from './charts.ts';
import { recommend, type Candidate, type Recommendation } from './recommendation.ts';
import { visible } from './escape.ts';
import { gapsOf, lineOf } from './series.ts';
import { timelineOf, type Timeline } from './timeline.ts';

export interface ReportInput {
  readonly scenario: Scenario;
  readonly seed: number;
  readonly comparison: Comparison;
  /** The instances of each run of the comparison, the baseline’s included. */
  readonly instancesOf: (run: Run) => readonly BilledInstance[];
  /** SHA-256 of a run’s journal. */
  readonly digestOf: (run: Run) => string;
  readonly engineDigest: string;
  /** What makes this report again. */
  readonly command: string;
  readonly warnings: readonly string[];
}

/** What a report tells, before any of it is markup. */
export interface Report extends ReportInput {
  readonly recommendation: Recommendation;
  /** What the report sets beside today’s: the best policy that is not today’s, or the only one that was run. */
  readonly chosen: PolicyRun;
  readonly chosenCandidate: Candidate;
  /** By their totals; of equal ones the first that was asked for. */
  readonly ranked: readonly PolicyRun[];
  readonly timeline: Timeline;
  readonly charts: ChartData;
}

/** @throws RangeError when the scenario names a price book that does not exist */
export function reportOf(input: ReportInput): Report {
  const { comparison } = input;
  const { runs, baseline, waitingPrice } = comparison;
  const candidates = runs.map(({ run, waitingCostBdt: waiting, totalBdt }): Candidate => ({
    name: run.configured.policy.name,
    isToday: run === baseline,
    measures: run.measures,
    waitingCostBdt: waiting,
    totalBdt,
  }));
  if (!candidates.some(({ isToday }) => isToday)) {
    const waiting = waitingCostBdt(baseline.measures, waitingPrice);
    candidates.push({
      name: baseline.configured.policy.name,
      isToday: true,
      measures: baseline.measures,
      waitingCostBdt: waiting,
      totalBdt: baseline.measures.costBdt + waiting,
    });
  }
  const named = candidates.map((each) =>
    each.isToday ? { ...each, name: `${String(BASELINE_NODES)} static nodes` } : each,
  );
  const recommendation = recommend(named, waitingPrice);
  const ranked = [...runs].sort((a, b) => a.totalBdt - b.totalBdt);
  const chosen = ranked.find(({ run }) => run !== baseline) ?? ranked[0];
  const chosenCandidate = named[runs.indexOf(chosen)];
  const timeline = timelineOf(chosen.run);
  return {
    ...input,
    recommendation,
    chosen,
    chosenCandidate,
    ranked,
    timeline,
    charts: chartDataOf(input, timeline, chosen, ranked),
  };
}

/** Of policies as in the table: 1 has the least total. */
export function rankOf(ranked: readonly PolicyRun[], compared: PolicyRun): number {
  return ranked.indexOf(compared) + 1;
}

function chartDataOf(
  { scenario, comparison, instancesOf }: ReportInput,
  timeline: Timeline,
  chosen: PolicyRun,
  ranked: readonly PolicyRun[],
): ChartData {
  const { demand, baseline, clairvoyant } = comparison;
  const { firstStepAtMs, stepMs, stepCount } = demand;
  const book = priceBook(scenario.prices);
  if (book === undefined) {
    throw new RangeError(`there is no price book "${scenario.prices}"`);
  }
  // The charts know no zones: instants are moved, so that UTC reads as the scenario’s.
  const movedMs = scenario.timeZoneOffsetMinutes * 60_000;
  const moved = <T extends { readonly atMs: number }>(each: T): T => ({
    ...each,
    atMs: each.atMs + movedMs,
  });
  const startMs = firstStepAtMs + movedMs;
  const endMs = startMs + stepCount * stepMs;
  const { series } = chosen.run.measures;
  const today = baseline.measures.series;
  const spentBy = (run: Run) =>
    spending(instancesOf(run), demand, book, run.configured.policy.scales).map(moved);
  const sales = scenario.calendar
    .map(({ name, startAtMs, endAtMs }) => ({
      name: visible(name),
      fromMs: Math.max(startMs, startAtMs + movedMs),
      toMs: Math.min(endMs, endAtMs + movedMs),
    }))
    .filter(({ fromMs, toMs }) => fromMs < toMs);
  return {
    startMs,
    stepMs,
    endMs,
    lines: {
      traffic: lineOf(demand.requestsPerSecond.map(wholeOrTenth)),
      needed: lineOf(demand.nodes),
      ready: lineOf(series.readyNodes),
      readyToday: lineOf(today.readyNodes),
      pending: lineOf(series.unschedulablePods),
      pendingToday: lineOf(today.unschedulablePods),
    },
    gaps: gapsOf(demand.nodes, series.readyNodes),
    spent: { today: spentBy(baseline), chosen: spentBy(chosen.run) },
    sales,
    events: timeline.events.map(moved),
    heldBack: timeline.heldBack.map(({ fromMs, toMs }) => ({
      fromMs: fromMs + movedMs,
      toMs: toMs + movedMs,
    })),
    window: firstWindow(sales, startMs, endMs),
    policies: pointsOf(ranked, chosen, baseline),
    frontier: clairvoyant.frontier,
  };
}

/** What a chart can show of a rate. */
function wholeOrTenth(perSecond: number): number {
  return perSecond < 100 ? Math.round(perSecond * 10) / 10 : Math.round(perSecond);
}

function pointsOf(
  ranked: readonly PolicyRun[],
  chosen: PolicyRun,
  baseline: Run,
): readonly PolicyPoint[] {
  const points = ranked.map((compared): PolicyPoint => {
    const { run } = compared;
    return {
      number: rankOf(ranked, compared),
      name: visible(run.configured.policy.name),
      costBdt: run.measures.costBdt,
      shortagePodMinutes: run.measures.shortagePodMinutes,
      role: compared === chosen ? 'chosen' : run === baseline ? 'today' : 'other',
    };
  });
  if (ranked.some(({ run }) => run === baseline)) {
    return points;
  }
  const { costBdt, shortagePodMinutes } = baseline.measures;
  const name = `today: ${String(BASELINE_NODES)} static nodes`;
  return [...points, { number: 0, name, costBdt, shortagePodMinutes, role: 'today' }];
}
