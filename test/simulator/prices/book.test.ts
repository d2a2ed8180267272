import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  clusterMicroBdt,
  diskCostMicroBdt,
  nodeCostMicroBdt,
  overheadMicroBdt,
  PRICE_BOOKS,
  priceBook,
  priceMicroBdtPerHour,
  surplusCostMicroBdt,
  type Market,
  type PriceBook,
} from '../../../simulator/prices/index.ts';

const HOUR_MS = 3_600_000;
const MONTH_MS = 720 * HOUR_MS;
const MARKETS: readonly Market[] = ['on-demand', 'spot'];

const techflow = priceBook('techflow') as PriceBook;
/** A book whose prices do not divide evenly, so that rounding shows. */
const uneven: PriceBook = {
  ...techflow,
  name: 'uneven',
  nodeMicroBdtPerMonth: 4_567_891_237,
  spotDiscountPercent: 63,
  diskMicroBdtPerMonth: 345_678_901,
  surplusMicroBdtPerVcpuHour: 6_789_011,
  clusterMicroBdtPerMonth: 12_345_678_907,
  overheadMicroBdtPerMonth: 987_654_321,
};
const anyBook = fc.constantFrom(techflow, uneven);
const anyMarket = fc.constantFrom(...MARKETS);
const anyMs = fc.oneof(
  fc.integer({ min: 0, max: 200_000 }),
  fc.integer({ min: 0, max: 12 * MONTH_MS }),
);

describe('every price book', () => {
  test.each(PRICE_BOOKS)('$name says where its numbers are from, and they are whole', (book) => {
    expect(priceBook(book.name)).toBe(book);
    expect(book.source).not.toBe('');
    expect(book.asOf).not.toBe('');
    for (const amount of [
      book.nodeMicroBdtPerMonth,
      book.diskMicroBdtPerMonth,
      book.surplusMicroBdtPerVcpuHour,
      book.clusterMicroBdtPerMonth,
      book.overheadMicroBdtPerMonth,
      book.minimumBilledSeconds,
      (book.nodeMicroBdtPerMonth * (100 - book.spotDiscountPercent)) / 100,
    ]) {
      expect(Number.isSafeInteger(amount)).toBe(true);
      expect(amount).toBeGreaterThanOrEqual(0);
    }
  });

  test('has a name of its own; an unknown name finds none', () => {
    expect(new Set(PRICE_BOOKS.map(({ name }) => name)).size).toBe(PRICE_BOOKS.length);
    expect(priceBook('no-such-book')).toBeUndefined();
  });
});

test('a half of a micro-BDT is rounded up', () => {
  // 45 % of 10 is 4.5; a month of it, 5.
  const book = { ...techflow, nodeMicroBdtPerMonth: 10, spotDiscountPercent: 55 };
  expect(nodeCostMicroBdt(book, 'spot', MONTH_MS)).toBe(5);
});

test.each([-1, NaN, Infinity])('a span of %d ms is refused', (ms) => {
  expect(() => nodeCostMicroBdt(techflow, 'spot', ms)).toThrow(RangeError);
  expect(() => diskCostMicroBdt(techflow, ms)).toThrow(RangeError);
  expect(() => clusterMicroBdt(techflow, ms)).toThrow(RangeError);
  expect(() => overheadMicroBdt(techflow, ms)).toThrow(RangeError);
});

test.each([-1, NaN, Infinity, 0.5])('%d CPU-ms of surplus are refused', (cpuMs) => {
  expect(() => surplusCostMicroBdt(techflow, cpuMs)).toThrow(RangeError);
});

test('no seconds, no money', () => {
  for (const book of [...PRICE_BOOKS, uneven]) {
    expect(MARKETS.map((market) => nodeCostMicroBdt(book, market, 0))).toEqual([0, 0]);
    expect(diskCostMicroBdt(book, 0)).toBe(0);
    expect(surplusCostMicroBdt(book, 0)).toBe(0);
    expect(clusterMicroBdt(book, 0)).toBe(0);
    expect(overheadMicroBdt(book, 0)).toBe(0);
  }
});

test('a disk is billed as long as its instance is, whatever the market; a cluster without a minimum', () => {
  expect(diskCostMicroBdt(uneven, 1)).toBe(diskCostMicroBdt(uneven, 60_000));
  expect(diskCostMicroBdt(uneven, 60_001)).toBe(diskCostMicroBdt(uneven, 61_000));
  // 345,678,901 ÷ 2,592,000 × 61 = 8,135.19…
  expect(diskCostMicroBdt(uneven, 61_000)).toBe(8_135);
  // 12,345,678,907 ÷ 2,592,000 = 4,762.99…
  expect(clusterMicroBdt(uneven, 1_000)).toBe(4_763);
});

test('an hour of a worker is the node’s and its disk’s', () => {
  const book = { ...techflow, diskMicroBdtPerMonth: 720_000_000 };
  for (const market of MARKETS) {
    expect(priceMicroBdtPerHour(book, market)).toBe(
      priceMicroBdtPerHour(techflow, market) + 1_000_000,
    );
  }
});

test('surplus credits are priced to the CPU-millisecond, above 2^53 in between as well', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 40 }), (cpuMs) => {
      const price = BigInt(uneven.surplusMicroBdtPerVcpuHour);
      const exact = (2n * price * BigInt(cpuMs) + 3_600_000n) / 7_200_000n;
      expect(BigInt(surplusCostMicroBdt(uneven, cpuMs))).toBe(exact);
    }),
  );
});

test('amounts are exact, above 2^53 in between as well', () => {
  const nearest = (amount: bigint, parts: bigint, whole: bigint): bigint =>
    (2n * amount * parts + whole) / (2n * whole);
  fc.assert(
    fc.property(
      anyBook,
      anyMarket,
      fc.integer({ min: 1, max: 50 * 12 * MONTH_MS }),
      (book, market, ms) => {
        const percent = BigInt(market === 'spot' ? 100 - book.spotDiscountPercent : 100);
        const month = nearest(BigInt(book.nodeMicroBdtPerMonth), percent, 100n);
        const seconds = BigInt(Math.max(60, Math.ceil(ms / 1000)));
        expect(BigInt(nodeCostMicroBdt(book, market, ms))).toBe(
          nearest(month, seconds, 2_592_000n),
        );
      },
    ),
  );
});

test('a longer run never costs less, and spot never more than on demand', () => {
  fc.assert(
    fc.property(anyBook, anyMarket, anyMs, anyMs, (book, market, ms, moreMs) => {
      expect(nodeCostMicroBdt(book, market, ms + moreMs)).toBeGreaterThanOrEqual(
        nodeCostMicroBdt(book, market, ms),
      );
      expect(overheadMicroBdt(book, ms + moreMs)).toBeGreaterThanOrEqual(
        overheadMicroBdt(book, ms),
      );
      expect(nodeCostMicroBdt(book, 'spot', ms)).toBeLessThanOrEqual(
        nodeCostMicroBdt(book, 'on-demand', ms),
      );
    }),
  );
});

test('two spans of whole seconds cost what they cost in one, to a micro-BDT', () => {
  const anySeconds = fc.integer({ min: 60, max: 12 * 2_592_000 });
  fc.assert(
    fc.property(anyBook, anyMarket, anySeconds, anySeconds, (book, market, first, second) => {
      const cost = (seconds: number): number => nodeCostMicroBdt(book, market, seconds * 1000);
      expect(Math.abs(cost(first) + cost(second) - cost(first + second))).toBeLessThanOrEqual(1);
    }),
  );
});

test('prices in proportion give bills in proportion', () => {
  fc.assert(
    fc.property(anyMarket, anyMs, fc.integer({ min: 2, max: 20 }), (market, ms, factor) => {
      const dearer = { ...techflow, nodeMicroBdtPerMonth: techflow.nodeMicroBdtPerMonth * factor };
      const difference =
        nodeCostMicroBdt(dearer, market, ms) - factor * nodeCostMicroBdt(techflow, market, ms);
      expect(Math.abs(difference)).toBeLessThanOrEqual(factor / 2 + 0.5);
    }),
  );
});
