import { describe, expect, test } from 'vitest';
import { recommend, type Candidate } from '../../../reports/html/recommendation.ts';
import type { Measures } from '../../../simulator/index.ts';

const PRICE = { saleBdtPerPodMinute: 100, otherBdtPerPodMinute: 20 };

/** Costs so much and misses so many pod-minutes, `inSales` of them in sales. */
function candidate(name: string, costBdt: number, short: number, inSales = 0): Candidate {
  const waitingCostBdt = inSales * 100 + (short - inSales) * 20;
  const measures = {
    costBdt,
    shortagePodMinutes: short,
    shortageInSalesPodMinutes: inSales,
  } as Measures;
  const isToday = name === 'static';
  return { name, isToday, measures, waitingCostBdt, totalBdt: costBdt + waitingCostBdt };
}
const TODAY = candidate('static', 8_000, 100);

describe('what is recommended', () => {
  test('the least total, with the price at which another overtakes', () => {
    // 4,000 + 400; 3,000 + 4,000: what 180 pod-minutes less cost more is ৳1,000.
    const told = recommend(
      [candidate('steady', 4_000, 20), candidate('cheap', 3_000, 200), TODAY],
      PRICE,
    );
    expect(told.best.name).toBe('steady');
    expect(told.headline).toBe('Run steady instead of today’s static.');
    expect(told.change).toBe(
      'It costs ৳4,000 instead of ৳8,000 (50.0 % less), and 20 pod-minutes are missing instead of 100.',
    );
    expect(told.why).toBe(
      'The least total of the 3 compared: ৳4,000 of cost and ৳400 of waiting, at ৳20 a missing pod-minute, ৳100 in sales.',
    );
    expect(told.breakEven).toBe('Break-even: overtaken below ৳5.56 a missing pod-minute by cheap.');
    expect(told.near).toBeNull();
    expect(told.further).toEqual([
      'It neither costs more than today nor leaves more missing, so that it is the better one whatever a missing pod-minute is worth.',
      'At one price for every missing pod-minute, in a sale or not, the least total has: cheap up to ৳5.56, then steady.',
    ]);
  });

  test('today’s, when nothing is better', () => {
    const told = recommend([TODAY, candidate('dear', 9_000, 90)], PRICE);
    expect(told.best).toBe(told.today);
    expect(told.headline).toBe('Keep today’s static: nothing that was run has a lower total.');
    expect(told.change).toMatch(/^Against dear, the next best, it costs ৳8,000 instead of ৳9,000/);
    expect(told.breakEven).toBe('Break-even: overtaken above ৳100 a missing pod-minute by dear.');
  });

  test('of equal ones the first, and all within 1 % are named', () => {
    const told = recommend(
      [candidate('a', 4_000, 0), candidate('b', 4_000, 0), candidate('c', 4_039, 0), TODAY],
      PRICE,
    );
    expect(told.best.name).toBe('a');
    expect(told.near).toBe(
      'b (৳4,000), c (৳4,039) are within 1 % of it: one run does not decide between them.',
    );
    expect(recommend([candidate('a', 4_000, 0), candidate('d', 4_041, 0)], PRICE).near).toBeNull();
  });

  test('one that costs more than today says from which price it pays; one that leaves more missing, up to which', () => {
    const dear = recommend([candidate('dear', 8_500, 0), TODAY], PRICE);
    expect(dear.further[0]).toMatch(/pays from ৳5 a missing pod-minute on/);
    const scarce = recommend([candidate('scarce', 1_000, 150), TODAY], PRICE);
    expect(scarce.further[0]).toMatch(/above ৳140 a missing pod-minute today’s is better/);
  });

  test('one that only leads because minutes in sales are worth more says so', () => {
    // Dearer and more missing than today, but hardly any of it in sales.
    const today = { ...candidate('static', 8_000, 100, 100) };
    const told = recommend([candidate('sales', 8_100, 110, 5), today], PRICE);
    expect(told.best.name).toBe('sales');
    expect(told.breakEven).toMatch(/^At no one price for every minute is it the best/);
    expect(told.further[0]).toMatch(/leads only because minutes in sales are worth more/);
  });

  test('alone it is compared with nothing', () => {
    const told = recommend([TODAY], PRICE);
    expect(told.change).toBe('Nothing else was run.');
    expect(told.further).toEqual([]);
  });
});
