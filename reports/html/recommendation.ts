import {
  bestByWaitingPrice,
  breakEvenBdtPerPodMinute,
  type Measures,
  type WaitingPrice,
} from '../../simulator/index.ts';
import { bestTotals, formatPrice, signedPercent } from '../comparison.ts';
import { formatBdt } from '../money.ts';
import { sentence } from '../rules.ts';
import { formatMinutes } from '../words.ts';

/** One way to run the shop: a policy, or what runs today. */
export interface Candidate {
  readonly name: string;
  /** What the shop runs today: static nodes. */
  readonly isToday: boolean;
  readonly measures: Measures;
  readonly waitingCostBdt: number;
  /** Cost and waiting together. */
  readonly totalBdt: number;
}

export interface Recommendation {
  /** The least total at the stated price of waiting; of equals the first. */
  readonly best: Candidate;
  readonly today: Candidate;
  /** What to do, in one sentence. */
  readonly headline: string;
  /** What that changes, in one sentence. */
  readonly change: string;
  /** Why it is the best of those that were run. */
  readonly why: string;
  /** From which price of waiting on it would be another. */
  readonly breakEven: string;
  /** Others whose totals are as good as the same; null: none. */
  readonly near: string | null;
  /** What else follows from the runs: sentences. */
  readonly further: readonly string[];
}

/** Totals nearer to each other than this, in %, are a matter of luck. */
const NEAR_PERCENT = 1;

/**
 * What the runs say should be done: the least of cost and waiting together at the price of waiting that was asked for, and at
 * which prices it would be another.
 * @param candidates at least one; one of them today’s
 */
export function recommend(
  candidates: readonly Candidate[],
  waitingPrice: WaitingPrice,
): Recommendation {
  const best = candidates.reduce((a, b) => (b.totalBdt < a.totalBdt ? b : a));
  const today = candidates.find(({ isToday }) => isToday) ?? candidates[0];
  const rival = candidates.filter((each) => each !== best);
  const second =
    rival.length === 0 ? null : rival.reduce((a, b) => (b.totalBdt < a.totalBdt ? b : a));
  const compared = best === today ? second : today;
  const { breakEven, further } = atOtherPrices(candidates, best);
  return {
    best,
    today,
    headline:
      best === today
        ? `Keep today’s ${today.name}: nothing that was run has a lower total.`
        : `Run ${best.name} instead of today’s ${today.name}.`,
    change: compared === null ? 'Nothing else was run.' : versus(best, compared),
    why: `The least total of the ${String(candidates.length)} compared: ${formatBdt(best.measures.costBdt)} of cost and ${formatBdt(best.waitingCostBdt)} of waiting, at ${priceWords(waitingPrice)}.`,
    breakEven,
    near: nearOnes(candidates, best),
    further: [...againstToday(best, today), ...further],
  };
}

/** `৳20 a missing pod-minute, ৳100 in sales`. */
export function priceWords({ saleBdtPerPodMinute, otherBdtPerPodMinute }: WaitingPrice): string {
  const other = `${formatPrice(otherBdtPerPodMinute)} a missing pod-minute`;
  return saleBdtPerPodMinute === otherBdtPerPodMinute
    ? other
    : `${other}, ${formatPrice(saleBdtPerPodMinute)} in sales`;
}

/** `It costs ৳4,745 instead of ৳8,000 (40.7 % less), and 21 pod-minutes are missing instead of 1,081.` */
function versus({ measures }: Candidate, other: Candidate): string {
  const { measures: before, name, isToday } = other;
  const cost = `it costs ${formatBdt(measures.costBdt)} instead of ${formatBdt(before.costBdt)} (${difference(measures.costBdt, before.costBdt)})`;
  const [otherwise, then] = [before.shortagePodMinutes, measures.shortagePodMinutes].map(
    formatMinutes,
  );
  const missing =
    otherwise === then
      ? `as many pod-minutes are missing (${then})`
      : `${then} pod-minutes are missing instead of ${otherwise}`;
  return sentence(`${isToday ? '' : `against ${name}, the next best, `}${cost}, and ${missing}`);
}

function difference(bdt: number, beforeBdt: number): string {
  const percent = beforeBdt > 0 ? (100 * (bdt - beforeBdt)) / beforeBdt : 0;
  const shown = signedPercent(Math.abs(percent));
  return shown === '0.0' ? 'the same' : `${shown} % ${percent < 0 ? 'less' : 'more'}`;
}

function nearOnes(candidates: readonly Candidate[], best: Candidate): string | null {
  const withinBdt = (NEAR_PERCENT / 100) * best.totalBdt;
  const near = candidates.filter(
    (each) => each !== best && each.totalBdt - best.totalBdt <= withinBdt,
  );
  if (near.length === 0) {
    return null;
  }
  const names = near.map(({ name, totalBdt }) => `${name} (${formatBdt(totalBdt)})`).join(', ');
  return `${names} ${near.length === 1 ? 'is' : 'are'} within ${String(NEAR_PERCENT)} % of it: one run does not decide between them.`;
}

function againstToday(best: Candidate, today: Candidate): string[] {
  if (best === today) {
    return [];
  }
  const dearer = breakEvenBdtPerPodMinute(best.measures, today.measures);
  const cheaper = breakEvenBdtPerPodMinute(today.measures, best.measures);
  if (dearer !== null) {
    return [
      `It costs more than today and leaves less missing: it pays from ${formatPrice(dearer)} a missing pod-minute on.`,
    ];
  }
  if (cheaper !== null) {
    return [
      `It costs less than today and leaves more missing: above ${formatPrice(cheaper)} a missing pod-minute today’s is better.`,
    ];
  }
  const dominates =
    best.measures.costBdt <= today.measures.costBdt &&
    best.measures.shortagePodMinutes <= today.measures.shortagePodMinutes;
  return [
    dominates
      ? 'It neither costs more than today nor leaves more missing, so that it is the better one whatever a missing pod-minute is worth.'
      : 'It leaves more missing than today and costs no less: it leads only because minutes in sales are worth more.',
  ];
}

/** Which one is best at one price for every minute, in sales or not: what needs no assumption about that price. */
function atOtherPrices(
  candidates: readonly Candidate[],
  best: Candidate,
): Pick<Recommendation, 'breakEven' | 'further'> {
  const sequence = bestByWaitingPrice(candidates.map(({ measures }) => measures));
  const at = sequence.findIndex(({ index }) => candidates[index] === best);
  const further =
    sequence.length === 1
      ? []
      : [
          `At one price for every missing pod-minute, in a sale or not, the least total has: ${bestTotals(candidates)}.`,
        ];
  if (at < 0) {
    const breakEven =
      'At no one price for every minute is it the best: it leads because minutes in sales are worth more.';
    return { breakEven, further };
  }
  const [before, next] = [at === 0 ? undefined : sequence[at - 1], sequence.at(at + 1)];
  const bounds = [
    ...(before === undefined
      ? []
      : [
          `below ${formatPrice(sequence[at].fromBdtPerPodMinute)} a missing pod-minute by ${candidates[before.index].name}`,
        ]),
    ...(next === undefined
      ? []
      : [
          `above ${formatPrice(next.fromBdtPerPodMinute)} a missing pod-minute by ${candidates[next.index].name}`,
        ]),
  ];
  const breakEven =
    bounds.length === 0
      ? 'Of those compared, no other is better at any price of waiting.'
      : `Break-even: overtaken ${bounds.join(', and ')}.`;
  return { breakEven, further };
}
