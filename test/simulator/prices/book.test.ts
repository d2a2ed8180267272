import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  nodeCostMicroBdt,
  overheadMicroBdt,
  PRICE_BOOKS,
  priceBook,
  priceMicroBdtPerHour,
  type Market,
  type PriceBook,
} from '../../simulator/prices/index.ts';

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

describe('invoices by the techflow book', () => {
  test('5 nodes for 720 h are ৳1,20,000 exactly, the figure of the brief', () => {
    // 24,000 × 5
    expect(5 * nodeCostMicroBdt(techflow, 'on-demand', MONTH_MS)).toBe(120_000_000_000);
  });

  test('the same on spot are ৳36,000', () => {
    // 30 % of it
    expect(5 * nodeCostMicroBdt(techflow, 'spot', MONTH_MS)).toBe(36_000_000_000);
  });

  test('a spot node of 61 s', () => {
    // 7,200 ÷ 2,592,000 × 61 = ৳0.169444…
    expect(nodeCostMicroBdt(techflow, 'spot', 61_000)).toBe(169_444);
  });

  test('a node of 10 s is billed 60 s', () => {
    // 24,000 ÷ 2,592,000 × 60 = ৳0.5555555…, rounded to ৳0.555556
    expect(nodeCostMicroBdt(techflow, 'on-demand', 10_000)).toBe(555_556);
    expect(nodeCostMicroBdt(techflow, 'on-demand', 60_000)).toBe(555_556);
    expect(nodeCostMicroBdt(techflow, 'on-demand', 60_001)).toBe(564_815); // 61 s
  });

  test('a second begun is a second billed', () => {
    expect(nodeCostMicroBdt(techflow, 'spot', 90_001)).toBe(
      nodeCostMicroBdt(techflow, 'spot', 91_000),
    );
    expect(nodeCostMicroBdt(techflow, 'spot', 90_000)).toBeLessThan(
      nodeCostMicroBdt(techflow, 'spot', 90_001),
    );
  });

  test('an instance that never ran costs nothing', () => {
    expect(nodeCostMicroBdt(techflow, 'on-demand', 0)).toBe(0);
  });

  test('90 minutes of 2 nodes on demand and 3 on spot are ৳145', () => {
    // 24,000 ÷ 720 × 1.5 = ৳50 and 7,200 ÷ 720 × 1.5 = ৳15: 2 × 50 + 3 × 15
    const onDemand = nodeCostMicroBdt(techflow, 'on-demand', 1.5 * HOUR_MS);
    const spot = nodeCostMicroBdt(techflow, 'spot', 1.5 * HOUR_MS);
    expect(2 * onDemand + 3 * spot).toBe(145_000_000);
  });

  test('a month of the autoscaler is ৳1,000, half a day ৳16.67', () => {
    expect(overheadMicroBdt(techflow, MONTH_MS)).toBe(1_000_000_000);
    expect(overheadMicroBdt(techflow, 12 * HOUR_MS)).toBe(16_666_667);
    expect(overheadMicroBdt(techflow, 0)).toBe(0);
  });

  test('an hour is ৳33.33 on demand and ৳10 on spot', () => {
    expect(priceMicroBdtPerHour(techflow, 'on-demand')).toBe(33_333_333);
    expect(priceMicroBdtPerHour(techflow, 'spot')).toBe(10_000_000);
  });
});

test('a half of a micro-BDT is rounded up', () => {
  // 45 % of 10 is 4.5; a month of it, 5.
  const book = { ...techflow, nodeMicroBdtPerMonth: 10, spotDiscountPercent: 55 };
  expect(nodeCostMicroBdt(book, 'spot', MONTH_MS)).toBe(5);
});

test.each([-1, NaN, Infinity])('a span of %d ms is refused', (ms) => {
  expect(() => nodeCostMicroBdt(techflow, 'spot', ms)).toThrow(RangeError);
  expect(() => overheadMicroBdt(techflow, ms)).toThrow(RangeError);
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
