/**
 * What a price book says, and what a bill comes to by it. Money is whole micro-BDT (1 BDT = 1,000,000); a month is 720 h,
 * and billing is per whole second.
 */

export const MICRO_BDT_PER_BDT = 1_000_000;
export const HOURS_PER_MONTH = 720;
const SECONDS_PER_MONTH = HOURS_PER_MONTH * 3600;
const MS_PER_HOUR = 3_600_000;

export type Market = 'on-demand' | 'spot';

export interface PriceBook {
  readonly name: string;
  /** Where the numbers are from, for a reader who wants to check them. */
  readonly source: string;
  /** Day the source was read, or what it says of its date. */
  readonly asOf: string;
  /** One worker on demand for 720 h. */
  readonly nodeMicroBdtPerMonth: number;
  /** Whole percent off the on-demand price. */
  readonly spotDiscountPercent: number;
  /** The disk of one worker for 720 h, whatever its market; 0 where the node’s price includes it. */
  readonly diskMicroBdtPerMonth: number;
  /** A vCPU-hour of surplus CPU credits (simulator/credits.ts); 0 where the node’s price includes them. */
  readonly surplusMicroBdtPerVcpuHour: number;
  /** What the cluster has beside its workers, whoever scales them: billed to every run alike, the static baseline included. */
  readonly clusterMicroBdtPerMonth: number;
  /** What running the autoscaler costs in 720 h; nothing under a policy that never scales. */
  readonly overheadMicroBdtPerMonth: number;
  /** An instance that ran at all is billed for this long at least, and so is its disk. */
  readonly minimumBilledSeconds: number;
}

/**
 * The bill of one instance that ran for billedMs, without its disk: seconds rounded up, at least minimumBilledSeconds,
 * priced pro rata of 720 h and rounded to the nearest micro-BDT (half up). An instance that never ran
 * costs nothing. Two bills differ from that of the two spans in one by 1 micro-BDT at most, where the
 * spans are whole seconds and above the minimum.
 */
export function nodeCostMicroBdt(book: PriceBook, market: Market, billedMs: number): number {
  return proRata(
    nodeMicroBdtPerMonth(book, market),
    billedSeconds(book, billedMs),
    SECONDS_PER_MONTH,
  );
}

/** The bill of one instance’s disk, which lives as long as the instance; rounded as `nodeCostMicroBdt`. */
export function diskCostMicroBdt(book: PriceBook, billedMs: number): number {
  return proRata(book.diskMicroBdtPerMonth, billedSeconds(book, billedMs), SECONDS_PER_MONTH);
}

/** What one instance’s surplus credits cost, given as whole CPU-milliseconds; rounded to the nearest micro-BDT. */
export function surplusCostMicroBdt(book: PriceBook, surplusCpuMs: number): number {
  if (!Number.isSafeInteger(surplusCpuMs) || surplusCpuMs < 0) {
    throw new RangeError(`surplusCpuMs is whole CPU-milliseconds, not ${String(surplusCpuMs)}.`);
  }
  return proRata(book.surplusMicroBdtPerVcpuHour, surplusCpuMs, MS_PER_HOUR);
}

/** What the cluster costs beside its workers over durationMs, rounded as `nodeCostMicroBdt` without a minimum. */
export function clusterMicroBdt(book: PriceBook, durationMs: number): number {
  const seconds = wholeSeconds('durationMs', durationMs);
  return proRata(book.clusterMicroBdtPerMonth, seconds, SECONDS_PER_MONTH);
}

/**
 * What running the autoscaler for durationMs costs, rounded as `nodeCostMicroBdt` without a minimum.
 * It is for the caller to leave it out under a policy that never scales.
 */
export function overheadMicroBdt(book: PriceBook, durationMs: number): number {
  const seconds = wholeSeconds('durationMs', durationMs);
  return proRata(book.overheadMicroBdtPerMonth, seconds, SECONDS_PER_MONTH);
}

/** The price of one hour of a worker and its disk, to the nearest micro-BDT: to show and to compare, not to add up. */
export function priceMicroBdtPerHour(book: PriceBook, market: Market): number {
  return proRata(
    nodeMicroBdtPerMonth(book, market) + book.diskMicroBdtPerMonth,
    1,
    HOURS_PER_MONTH,
  );
}

function nodeMicroBdtPerMonth(book: PriceBook, market: Market): number {
  const paidPercent = market === 'spot' ? 100 - book.spotDiscountPercent : 100;
  return proRata(book.nodeMicroBdtPerMonth, paidPercent, 100);
}

function billedSeconds(book: PriceBook, billedMs: number): number {
  const ranSeconds = wholeSeconds('billedMs', billedMs);
  return ranSeconds === 0 ? 0 : Math.max(ranSeconds, book.minimumBilledSeconds);
}

/**
 * amount × parts ÷ whole, to the nearest integer, half up. Exact although amount × parts may be above
 * 2^53: quotients and remainders of both by the whole are multiplied apart. What must stay below
 * 2^53 is the result and 2 × whole².
 */
function proRata(amount: number, parts: number, whole: number): number {
  const partsLeft = parts % whole;
  const amountLeft = amount % whole;
  return (
    amount * ((parts - partsLeft) / whole) +
    ((amount - amountLeft) / whole) * partsLeft +
    Math.floor((2 * amountLeft * partsLeft + whole) / (2 * whole))
  );
}

function wholeSeconds(name: string, ms: number): number {
  if (!(ms >= 0 && ms <= Number.MAX_SAFE_INTEGER)) {
    throw new RangeError(`${name} is a span of time, not ${String(ms)}.`);
  }
  return Math.ceil(ms / 1000);
}
