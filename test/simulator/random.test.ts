import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quantile, stream, type RandomStream } from '../../simulator/random.ts';

const draw = (source: RandomStream, count: number): number[] =>
  Array.from({ length: count }, () => source.nextUint32());

describe('stream', () => {
  // Written down once: a journal made today must replay on any runtime and any later version.
  it('gives the same numbers for ever', () => {
    expect(draw(stream(1, 'boot'), 4)).toEqual([1862283079, 3177866649, 479347806, 3445215474]);
    expect(draw(stream(20261127, 'flash-sale', 'noise'), 4)).toEqual([
      3697619980, 3371949388, 650087039, 3295409699,
    ]);
    expect(draw(stream(0), 2)).toEqual([2696549504, 2389877246]);
    expect(draw(stream(-1, 'দোকান', 7), 2)).toEqual([3860773545, 3664529475]);
  });

  it('depends on its seed and names only, not on other streams or the order they are made in', () => {
    const boot = stream(7, 'boot');
    const alone = draw(boot, 100);
    const spot = stream(7, 'spot');
    draw(spot, 13);
    const again = stream(7, 'boot');
    const interleaved = Array.from({ length: 100 }, () => {
      spot.nextUnit();
      return again.nextUint32();
    });
    expect(interleaved).toEqual(alone);
  });

  it('is another one for any other seed or names, however alike', () => {
    const parts = [
      [1],
      [2],
      [-1],
      [2 ** 32 + 1],
      [1, ''],
      [1, 'a'],
      [1, 'b'],
      [1, 'ab'],
      [1, 'a', 'b'],
      [1, 'b', 'a'],
      [1, 'a","b'],
      [1, 'a', 1],
      [1, 'a', '1'],
      [1, 'a', 11],
      [1, 'a', 1, 1],
    ] as [number, ...(string | number)[]][];
    const firsts = parts.map((names) => draw(stream(...names), 4).join());
    expect(new Set(firsts).size).toBe(parts.length);
  });

  it('agrees in no more bits than chance with the stream beside it', () => {
    // 1,000 words of 32 bits: 16,000 expected to agree, standard deviation 89.
    for (const [a, b] of [
      [stream(1, 'node', 1), stream(1, 'node', 2)],
      [stream(1, 'node', 1), stream(2, 'node', 1)],
      [stream(1, 'boot'), stream(1, 'spot')],
    ]) {
      let agreeing = 0;
      for (let word = 0; word < 1000; word++) {
        let same = ~(a.nextUint32() ^ b.nextUint32());
        for (; same !== 0; same &= same - 1) {
          agreeing++;
        }
      }
      expect(Math.abs(agreeing - 16_000)).toBeLessThan(450);
    }
  });

  it('is uniform, within itself and across streams', () => {
    const within = stream(3, 'uniform');
    for (const next of [
      () => within.nextUnit(),
      (index: number) => stream(3, 'first-draw', index).nextUnit(),
    ]) {
      const counts = new Array<number>(20).fill(0);
      let sum = 0;
      for (let index = 0; index < 20_000; index++) {
        const unit = next(index);
        sum += unit;
        counts[Math.floor(unit * 20)]++;
      }
      // 1,000 expected in each, standard deviation 31; of the mean 0.002.
      expect(Math.min(...counts)).toBeGreaterThan(850);
      expect(Math.max(...counts)).toBeLessThan(1150);
      expect(Math.abs(sum / 20_000 - 0.5)).toBeLessThan(0.01);
    }
  });

  it('nextUnit is the next word over 2^32, below 1', () => {
    const [units, words] = [stream(5, 'same'), stream(5, 'same')];
    for (let index = 0; index < 100; index++) {
      const unit = units.nextUnit();
      expect(unit).toBe(words.nextUint32() / 2 ** 32);
      expect(unit).toBeLessThan(1);
    }
  });

  it('nextInt stays below its bound, reaches every value and uses one draw', () => {
    const source = stream(6, 'int');
    const seen = new Set(Array.from({ length: 500 }, () => source.nextInt(7)));
    expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(stream(6, 'int').nextInt(2 ** 32)).toBe(stream(6, 'int').nextUint32());
    const [a, b] = [stream(6, 'int'), stream(6, 'int')];
    a.nextInt(1);
    b.nextUint32();
    expect(a.nextUint32()).toBe(b.nextUint32());
  });

  it('refuses what is no integer', () => {
    for (const seed of [NaN, 0.5, Infinity, 2 ** 53]) {
      expect(() => stream(seed)).toThrow(RangeError);
      expect(() => stream(1, 'node', seed)).toThrow(RangeError);
    }
    for (const max of [0, -1, 1.5, NaN, 2 ** 32 + 1]) {
      expect(() => stream(1).nextInt(max)).toThrow(RangeError);
    }
  });
});

describe('quantile', () => {
  const table = [
    [0, 40],
    [0.5, 75],
    [0.95, 120],
    [1, 300],
  ] as const;

  it('has each point’s value and a straight line between points', () => {
    expect([0, 0.25, 0.5, 0.725, 0.95, 0.975, 1].map((unit) => quantile(table, unit))).toEqual([
      40, 57.5, 75, 97.5, 120, 210, 300,
    ]);
  });

  it('is flat outside its points', () => {
    expect(quantile(table, -1)).toBe(40);
    expect(quantile(table, 2)).toBe(300);
    expect(quantile([[0.5, 9]], 0.1)).toBe(9);
  });

  it('never falls when its values do not', () => {
    const unit = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(unit, unit, (a, b) => {
        expect(quantile(table, Math.min(a, b))).toBeLessThanOrEqual(
          quantile(table, Math.max(a, b)),
        );
      }),
    );
  });

  it('refuses a table that is empty or does not ascend', () => {
    expect(() => quantile([], 0.5)).toThrow(RangeError);
    const folded = [
      [0, 1],
      [0.5, 2],
      [0.5, 3],
    ] as const;
    expect(() => quantile(folded, 0.9)).toThrow(RangeError);
  });
});
