import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bySizeDescending,
  fitCount,
  nodesNeeded,
  podsPerNode,
  type PodShape,
} from '../../engine/index.ts';
import { cluster, shape, WEB } from './build.ts';

const { template } = cluster(); // 2,000 m and 4,096 MiB

describe('how many pods of a shape an empty node holds', () => {
  test.each([
    { requestMillicpu: 250, requestMib: 256, expected: 8 }, // CPU: 2000 / 250
    { requestMillicpu: 251, requestMib: 256, expected: 7 },
    { requestMillicpu: 100, requestMib: 1024, expected: 4 }, // memory: 4096 / 1024
    { requestMillicpu: 100, requestMib: 1025, expected: 3 },
    { requestMillicpu: 2000, requestMib: 4096, expected: 1 },
    { requestMillicpu: 2001, requestMib: 1, expected: 0 },
    { requestMillicpu: 1, requestMib: 4097, expected: 0 },
    { requestMillicpu: 0, requestMib: 1024, expected: 4 },
    { requestMillicpu: 500, requestMib: 0, expected: 4 },
    { requestMillicpu: 0, requestMib: 0, expected: 110 }, // the kubelet’s limit
  ])('$requestMillicpu m and $requestMib MiB: $expected', ({ expected, ...request }) => {
    expect(podsPerNode(shape('x', request), template)).toBe(expected);
  });

  test('a pod with affinity that we do not model is held by none', () => {
    expect(podsPerNode(shape('x', { pinnedBy: 'unmodelled-affinity' }), template)).toBe(0);
    expect(podsPerNode(shape('x', { pinnedBy: 'stateful-set' }), template)).toBe(8);
  });

  test('room that is overdrawn holds none, never less', () => {
    expect(fitCount(WEB, -1, 4096)).toBe(0);
    expect(fitCount(WEB, 2000, -300)).toBe(0);
    expect(fitCount(WEB, 249, 4096)).toBe(0);
    expect(fitCount(WEB, 250, 256)).toBe(1);
  });
});

describe('nodes that pods need', () => {
  const needed = (...pods: readonly (readonly [number, PodShape])[]): number =>
    nodesNeeded(
      pods.map(([, each]) => each),
      pods.map(([count]) => count),
      template,
    );
  const cpu = (requestMillicpu: number): PodShape =>
    shape(`${requestMillicpu}`, { requestMillicpu });

  test.each([
    { pods: 0, expected: 0 },
    { pods: 1, expected: 1 },
    { pods: 8, expected: 1 },
    { pods: 9, expected: 2 },
    { pods: 8000, expected: 1000 },
  ])('$pods web pods: $expected', ({ pods, expected }) => {
    expect(needed([pods, WEB])).toBe(expected);
    // The same, packed beside a shape of which there is none.
    expect(needed([pods, WEB], [0, cpu(100)])).toBe(expected);
  });

  test('three pods of 1,200 m need three nodes, though their sum needs two', () => {
    // 3 × 1,200 = 3,600 < 2 × 2,000.
    expect(needed([3, cpu(1200)])).toBe(3);
    expect(needed([3, cpu(1200)], [0, WEB])).toBe(3);
  });

  test('smaller pods fill what larger ones leave', () => {
    // 1,200 m leaves 800 m: 3 × 250 m fit beside each.
    expect(needed([3, cpu(1200)], [9, WEB])).toBe(3);
    expect(needed([3, cpu(1200)], [10, WEB])).toBe(4);
    expect(needed([10, WEB], [3, cpu(1200)])).toBe(4);
  });

  test('a last node of its own for what is left', () => {
    // 2 × 900 m a node; the fifth shares a node with 1,100 m of others: 4 × 250 m.
    expect(needed([5, cpu(900)], [4, WEB])).toBe(3);
    expect(needed([5, cpu(900)], [5, WEB])).toBe(4);
  });

  test('size is the dearer of the two shares of a node', () => {
    const fat = shape('fat', { requestMillicpu: 100, requestMib: 3000 }); // 73 % of memory
    const busy = shape('busy', { requestMillicpu: 1200, requestMib: 10 }); // 60 % of CPU
    expect(bySizeDescending(fat, busy, template)).toBeLessThan(0);
    expect(bySizeDescending(busy, fat, template)).toBeGreaterThan(0);
    expect(bySizeDescending(fat, { ...fat, key: 'same' }, template)).toBe(0);
    // Fat first: each of the 2 takes a busy one along.
    expect(needed([2, busy], [2, fat])).toBe(2);
  });

  test('pods that no node could ever hold are left out, alone or among others', () => {
    expect(needed([5, cpu(2001)])).toBe(0);
    expect(needed([5, cpu(2001)], [9, WEB])).toBe(2);
    expect(needed([9, WEB], [5, shape('odd', { pinnedBy: 'unmodelled-affinity' })])).toBe(2);
  });

  test('no shapes need nothing', () => {
    expect(needed()).toBe(0);
  });

  const shapeList = fc.array(
    fc.record({
      requestMillicpu: fc.integer({ min: 50, max: 2000 }),
      requestMib: fc.integer({ min: 16, max: 4096 }),
      count: fc.nat(12),
    }),
    { minLength: 2, maxLength: 5 },
  );

  test('packing node by node and pod by pod gives the same number', () => {
    fc.assert(
      fc.property(shapeList, (list) => {
        const shapes = list.map((each, n) => shape(`${n}`, each));
        const counts = list.map(({ count }) => count);
        expect(nodesNeeded(shapes, counts, template)).toBe(packed(shapes, counts));
      }),
    );
  });

  test('more pods never need fewer nodes than their share of a node demands', () => {
    fc.assert(
      fc.property(shapeList, (list) => {
        const shapes = list.map((each, n) => shape(`${n}`, each));
        const counts = list.map(({ count }) => count);
        const nodes = nodesNeeded(shapes, counts, template);
        const millicpu = list.reduce((sum, each) => sum + each.count * each.requestMillicpu, 0);
        const mib = list.reduce((sum, each) => sum + each.count * each.requestMib, 0);
        expect(nodes).toBeGreaterThanOrEqual(Math.max(millicpu / 2000, mib / 4096));
      }),
    );
  });
});

/** First fit, decreasing, as the textbook has it: one node after the other, each filled with the largest that fit. */
function packed(shapes: readonly PodShape[], counts: readonly number[]): number {
  const left = counts.slice();
  const order = shapes
    .map((_, s) => s)
    .sort((a, b) => bySizeDescending(shapes[a]!, shapes[b]!, template) || a - b);
  let nodes = 0;
  while (left.some((count) => count > 0)) {
    nodes++;
    let millicpu = 2000;
    let mib = 4096;
    for (const s of order) {
      const { requestMillicpu, requestMib } = shapes[s]!;
      while (left[s]! > 0 && requestMillicpu <= millicpu && requestMib <= mib) {
        left[s]!--;
        millicpu -= requestMillicpu;
        mib -= requestMib;
      }
    }
  }
  return nodes;
}
