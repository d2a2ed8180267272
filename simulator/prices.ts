/**
 * Price books, and what a bill comes to by them. Money is whole micro-BDT (1 BDT = 1,000,000); a
 * month is 720 h, and billing is per whole second. One entry in `PRICE_BOOKS` adds a book.
 */

export const MICRO_BDT_PER_BDT = 1_000_000;
export const HOURS_PER_MONTH = 720;
const SECONDS_PER_MONTH = HOURS_PER_MONTH * 3600;

export type Market = 'on-demand' | 'spot';

export interface PriceBook {
  readonly name: string;
  /** Where the numbers are from, for a reader who wants to check them. */
  readonly source: string;
  /** Day the source was read, or what it says of its date. */
  readonly asOf: string;
  /** One worker on demand for 720 h, with all that belongs to it. */
  readonly nodeMicroBdtPerMonth: number;
  /** Whole percent off the on-demand price. */
  readonly spotDiscountPercent: number;
  /** What running the autoscaler costs in 720 h; nothing under a policy that never scales. */
  readonly overheadMicroBdtPerMonth: number;
  /** An instance that ran at all is billed for this long at least. */
  readonly minimumBilledSeconds: number;
}

/**
 * The client's own figures, all-inclusive: five nodes cost 1.2 lakh a month. About five times the
 * list price of t3.medium, so it bills no disks, gateways, traffic or CPU credits beside the nodes.
 */
const techflow: PriceBook = {
  name: 'techflow',
  source:
    'Project brief: ৳1.2 lakh a month for 5 static nodes (Project Overview; Cost Analysis), ৳1,000 a month for Lambda and DynamoDB (Cost Analysis). Spot discount of 70 % assumed.',
  asOf: 'undated project brief',
  nodeMicroBdtPerMonth: 24_000 * MICRO_BDT_PER_BDT,
  spotDiscountPercent: 70,
  overheadMicroBdtPerMonth: 1_000 * MICRO_BDT_PER_BDT,
  minimumBilledSeconds: 60,
};

export const PRICE_BOOKS: readonly PriceBook[] = [techflow];

/** The book of that name, or undefined. */
export function priceBook(name: string): PriceBook | undefined {
  return PRICE_BOOKS.find((book) => book.name === name);
}

/**
 * The bill of one instance that ran for billedMs: seconds rounded up, at least minimumBilledSeconds,
 * priced pro rata of 720 h and rounded to the nearest micro-BDT (half up). An instance that never ran
 * costs nothing. Two bills differ from that of the two spans in one by 1 micro-BDT at most, where the
 * spans are whole seconds and above the minimum.
 */
export function nodeCostMicroBdt(book: PriceBook, market: Market, billedMs: number): number {
  const ranSeconds = wholeSeconds('billedMs', billedMs);
  if (ranSeconds === 0) {
    return 0;
  }
  const billedSeconds = Math.max(ranSeconds, book.minimumBilledSeconds);
  return proRata(nodeMicroBdtPerMonth(book, market), billedSeconds, SECONDS_PER_MONTH);
}

/**
 * What running the autoscaler for durationMs costs, rounded as `nodeCostMicroBdt` without a minimum.
 * It is for the caller to leave it out under a policy that never scales.
 */
export function overheadMicroBdt(book: PriceBook, durationMs: number): number {
  const seconds = wholeSeconds('durationMs', durationMs);
  return proRata(book.overheadMicroBdtPerMonth, seconds, SECONDS_PER_MONTH);
}

/** The price of one hour, to the nearest micro-BDT: to show and to compare, not to add up. */
export function priceMicroBdtPerHour(book: PriceBook, market: Market): number {
  return proRata(nodeMicroBdtPerMonth(book, market), 1, HOURS_PER_MONTH);
}

function nodeMicroBdtPerMonth(book: PriceBook, market: Market): number {
  const paidPercent = market === 'spot' ? 100 - book.spotDiscountPercent : 100;
  return proRata(book.nodeMicroBdtPerMonth, paidPercent, 100);
}

/**
 * amount × parts ÷ whole, to the nearest integer, half up. Exact although amount × parts may be above
 * 2^53: the quotient and the remainder of amount ÷ whole are multiplied apart. What must stay below
 * 2^53 is the result and 2 × whole × (parts + 1): at whole seconds of a month, over 50 years.
 */
function proRata(amount: number, parts: number, whole: number): number {
  const remainder = amount % whole;
  const quotient = (amount - remainder) / whole;
  return quotient * parts + Math.floor((2 * remainder * parts + whole) / (2 * whole));
}

function wholeSeconds(name: string, ms: number): number {
  if (!(ms >= 0 && ms <= Number.MAX_SAFE_INTEGER)) {
    throw new RangeError(`${name} is a span of time, not ${String(ms)}.`);
  }
  return Math.ceil(ms / 1000);
}
