import { HOURS_PER_MONTH, MICRO_BDT_PER_BDT, type PriceBook } from './prices/index.ts';
import type { Bill, Measures } from './score.ts';

/** What the client has today, and every saving is against: so many static nodes, on demand. */
export const BASELINE_NODES = 5;

/** A saving against the baseline, which met the same traffic and is billed by the same book. */
export interface Savings {
  /** Of the baseline’s whole bill. */
  readonly percent: number;
  /** Adds up to `percent`. */
  readonly split: {
    /** Fewer node-hours at the on-demand price, and their disks, less the surplus credits that fewer, hotter nodes burn. */
    readonly fewerNodes: number;
    /** What the hours on spot cost less than on demand. */
    readonly spot: number;
    /** What the autoscaler itself costs: 0 or below. */
    readonly overhead: number;
  };
  /** The same against a baseline with the same share of its hours on spot, at what the run paid for those: what scaling alone is worth. */
  readonly sameSpotMixPercent: number;
}

/** What a run saves by a book against `baseline`, the run of `BASELINE_NODES` static nodes. */
export function savingsAgainst(baseline: Measures, measures: Measures, book: PriceBook): Savings {
  const baselineBdt = billBy(baseline, book).costBdt;
  const { costBdt, costBreakdownBdt } = billBy(measures, book);
  const { onDemand, spot: spotHours } = measures.nodeHours;
  const onDemandBdtPerHour = book.nodeMicroBdtPerMonth / MICRO_BDT_PER_BDT / HOURS_PER_MONTH;
  const spotBdt = spotHours * onDemandBdtPerHour - costBreakdownBdt.spotNodes;
  const share = (bdt: number): number => (100 * bdt) / baselineBdt;
  const percent = share(baselineBdt - costBdt);
  const spot = share(spotBdt);
  const overhead = -share(costBreakdownBdt.autoscaler);
  const baselineHours = baseline.nodeHours.onDemand + baseline.nodeHours.spot;
  const mixedBdt =
    spotHours === 0
      ? baselineBdt
      : baselineBdt - (baselineHours * spotBdt) / (onDemand + spotHours);
  return {
    percent,
    split: { fewerNodes: percent - spot - overhead, spot, overhead },
    sameSpotMixPercent: (100 * (mixedBdt - costBdt)) / mixedBdt,
  };
}

/**
 * A run’s bill by a book.
 * @throws RangeError when it has none
 */
export function billBy(measures: Measures, book: PriceBook): Bill {
  const bill = measures.bills.find(({ prices }) => prices === book.name);
  if (bill === undefined) {
    throw new RangeError(`there is no bill by the price book "${book.name}"`);
  }
  return bill;
}
