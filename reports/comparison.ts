/** What every command says of a comparison, in one wording. */
import {
  bestByWaitingPrice,
  settingsOfFault,
  waitingCostBdt,
  type Comparison,
  type Demand,
  type Fault,
  type Measures,
  type Scenario,
} from '../simulator/index.ts';
import { formatBdt, formatLakh } from './money.ts';
import {
  date,
  dayAndMonth,
  formatCount,
  formatMinutes,
  formatSpan,
  hourAndMinute,
  zoneName,
} from './words.ts';

/** `48 h from 2026-11-26 00:00 UTC+06:00`, `14.2 M requests`, `peak 986/s`, `seed 1`. */
export function scenarioFacts(
  scenario: Scenario,
  seed: number,
  demand: Demand,
  requestsArrived: number,
): readonly string[] {
  const { timeZoneOffsetMinutes: offset } = scenario;
  const { startAtMs, endAtMs } = scenario.trace;
  let peak = 0;
  for (const rate of demand.requestsPerSecond) {
    peak = Math.max(peak, rate);
  }
  return [
    `${formatSpan(endAtMs - startAtMs)} from ${date(startAtMs, offset)} ${hourAndMinute(startAtMs, offset)} ${zoneName(offset)}`,
    `${formatCount(requestsArrived)} requests`,
    `peak ${peak < 99.5 ? peak.toFixed(1) : formatLakh(peak)}/s`,
    `seed ${String(seed)}`,
  ];
}

/** `fault: launchInstances fail, 50 % of the time from 27 Nov 20:00 to 27 Nov 20:30`. */
export function faultLine(fault: Fault, offset: number): string {
  const { effect, mode, fromMs, toMs } = fault;
  const { ratePercent } = settingsOfFault(fault, offset);
  const at = (atMs: number): string =>
    `${dayAndMonth(atMs, offset)} ${hourAndMinute(atMs, offset)}`;
  const from = Number.isFinite(fromMs) ? ` from ${at(fromMs)}` : '';
  const to = Number.isFinite(toMs) ? ` to ${at(toMs)}` : '';
  const often = ratePercent === 100 ? 'each time' : `${String(ratePercent)} % of the time`;
  return `fault: ${effect} ${mode}, ${often}${from}${to}`;
}

/** `A up to ৳0.22, B up to ৳6.00, then C`: who has the lowest total, whatever a missing pod-minute is worth. */
export function bestTotals(
  runs: readonly { readonly name: string; readonly measures: Measures }[],
): string {
  const best = bestByWaitingPrice(runs.map(({ measures }) => measures));
  const parts = best.map(({ index }, at) => {
    const { name } = runs[index];
    if (at === best.length - 1) {
      return best.length === 1 ? `${name} at any price` : `then ${name}`;
    }
    return `${name} up to ${formatPrice(best[at + 1].fromBdtPerPodMinute)}`;
  });
  return parts.join(', ');
}

/** A price of a pod-minute: with as many digits as tell it from another. */
export function formatPrice(bdt: number): string {
  if (Number.isInteger(bdt) || bdt >= 99.5) {
    return formatBdt(bdt);
  }
  return formatBdt(bdt, bdt < 0.0995 ? 4 : 2);
}

/** What no policy within the maximum can prevent, and what a higher one would change; null where nothing is left. */
export function unavoidable({ largest, larger, waitingPrice }: Comparison): string | null {
  if (larger === null) {
    return null;
  }
  const [before, after] = [largest.measures, larger.measures];
  const nodes = formatLakh(largest.configured.settings.nodeCountMax);
  return (
    `${nodes} static nodes miss ${formatMinutes(before.shortagePodMinutes)} pod-min (${formatBdt(waitingCostBdt(before, waitingPrice))}) as well; ` +
    `one node more, always on, costs ${formatBdt(after.costBdt - before.costBdt)} and leaves ` +
    `${formatMinutes(after.shortagePodMinutes)} (${formatBdt(waitingCostBdt(after, waitingPrice))}).`
  );
}

/** A percentage with its sign, to a digit after the point; never −0. */
export function signedPercent(percent: number): string {
  return percent
    .toFixed(1)
    .replace(/^-0\.0$/, '0.0')
    .replace('-', '−');
}
