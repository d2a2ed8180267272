import { describe, expect, test } from 'vitest';
import {
  countFleet,
  creditedMean,
  helpablePods,
  nodesLacking,
  PHASES,
  trustedValue,
  type Phase,
  type Reading,
  type View,
} from '../../engine/index.ts';
import {
  cluster,
  configured,
  KUBERNETES_DOWN,
  metrics,
  MISSING,
  NOW,
  reading,
  SECOND,
  shape,
  view,
  WEB,
  worker,
  workers,
} from './build.ts';

describe('the fleet in numbers', () => {
  const none = {
    ready: 0,
    arriving: 0,
    youngReady: 0,
    supply: 0,
    countedAgainstMax: 0,
    doomed: 0,
    notReady: 0,
    draining: 0,
  };
  const expected: Readonly<Record<Phase, Partial<typeof none>>> = {
    booting: { arriving: 1, supply: 1, countedAgainstMax: 1 },
    joining: { arriving: 1, supply: 1, countedAgainstMax: 1 },
    ready: { ready: 1, supply: 1, countedAgainstMax: 1 },
    'not-ready': { notReady: 1, countedAgainstMax: 1 },
    unknown: { notReady: 1, supply: 1, countedAgainstMax: 1 },
    tainted: { draining: 1, countedAgainstMax: 1 },
    draining: { draining: 1, countedAgainstMax: 1 },
    terminating: { countedAgainstMax: 1 },
    doomed: { doomed: 1 },
    absent: { supply: 1, countedAgainstMax: 1 },
  };

  test.each(PHASES)('a worker that is %s is counted where it belongs', (phase) => {
    expect(countFleet(view({ workers: [worker('i-1', { phase })] }))).toEqual({
      ...none,
      ...expected[phase],
    });
  });

  test('an empty fleet is nothing', () => {
    expect(countFleet(view({ workers: [] }))).toEqual(none);
  });

  test('launches without an answer are in flight: they arrive, are supply, and count against max', () => {
    const unanswered = [
      { zone: 'a', market: 'spot', count: 2 },
      { zone: 'b', market: 'on-demand', count: 1 },
    ] as const;
    const fleet = countFleet(view({ workers: [], unanswered }));
    expect(fleet).toEqual({ ...none, arriving: 3, supply: 3, countedAgainstMax: 3 });
  });

  test.each([
    { what: 'Ready for 29,999 ms and empty', sinceMs: 29_999, pods: [0, 0], young: 1 },
    { what: 'Ready for 30,000 ms and empty', sinceMs: 30_000, pods: [0, 0], young: 0 },
    { what: 'Ready for 29,999 ms with a pod', sinceMs: 29_999, pods: [0, 1], young: 0 },
  ])('a node $what: $young of it still arrives', ({ sinceMs, pods, young }) => {
    const fresh = worker('i-1', { readySinceMs: NOW - sinceMs, pods });
    const fleet = countFleet(view({ workers: [fresh], shapes: [WEB, shape('other')] }));
    expect(fleet).toMatchObject({ ready: 1, supply: 1, youngReady: young, arriving: young });
  });
});

describe('pods that a new worker would help', () => {
  const shop = cluster();
  const shapes = [WEB, shape('huge', { requestMillicpu: 2001 })];

  test('are those that an empty worker could hold, from the pod list', () => {
    const waiting = view({ shapes, unschedulable: [3, 5] });
    expect(helpablePods(waiting, shop, 90 * SECOND)).toBe(3);
  });

  test('are never negative, and none when none waits', () => {
    expect(helpablePods(view({ shapes, unschedulable: [0, 5] }), shop, 90 * SECOND)).toBe(0);
  });

  test('the pod list is believed before Prometheus', () => {
    const seen = view({ metrics: metrics({ unschedulablePods: reading(9) }) });
    expect(helpablePods(seen, shop, 90 * SECOND)).toBe(0);
  });

  test.each<{ what: string; pods: Reading; expected: number | null }>([
    { what: 'a reading of 90 s', pods: reading(4, 90 * SECOND), expected: 4 },
    { what: 'a reading of 90.001 s is stale', pods: reading(4, 90_001), expected: null },
    { what: 'a missing reading', pods: MISSING, expected: null },
  ])('without the pod list Prometheus is asked: $what → $expected', ({ pods, expected }) => {
    const blind = view({ ...KUBERNETES_DOWN, metrics: metrics({ unschedulablePods: pods }) });
    expect(helpablePods(blind, shop, 90 * SECOND)).toBe(expected);
  });
});

describe('nodes that waiting pods lack', () => {
  const shop = cluster();
  const lacking = (changes: Partial<View>): number | null => {
    const waiting = view(changes);
    return nodesLacking(waiting, countFleet(waiting), shop, 90 * SECOND);
  };
  const booting = (count: number) => [
    ...workers(3),
    ...workers(count, { phase: 'booting', pods: [0] }),
  ];

  // 8 web pods fill a node.
  test.each([
    { pods: 0, arriving: 0, expected: 0 },
    { pods: 8, arriving: 0, expected: 1 },
    { pods: 9, arriving: 0, expected: 2 },
    { pods: 9, arriving: 1, expected: 1 },
    { pods: 9, arriving: 2, expected: 0 },
    { pods: 9, arriving: 3, expected: 0 },
  ])('$pods pods with $arriving arriving lack $expected', ({ pods, arriving, expected }) => {
    expect(lacking({ unschedulable: [pods], workers: booting(arriving) })).toBe(expected);
  });

  test('nobody knows when neither the pod list nor Prometheus answers', () => {
    expect(lacking({ ...KUBERNETES_DOWN, metrics: metrics({ unschedulablePods: MISSING }) })).toBe(
      null,
    );
  });

  test('by Prometheus alone it is one node, and none while any arrives', () => {
    const blind = { ...KUBERNETES_DOWN, metrics: metrics({ unschedulablePods: reading(40) }) };
    expect(lacking({ ...blind, workers: workers(3, { pods: [] }) })).toBe(1);
    expect(lacking({ ...blind, workers: [worker('i-1', { phase: 'booting' })] })).toBe(0);
    const quiet = { ...blind, metrics: metrics({ unschedulablePods: reading(0) }) };
    expect(lacking({ ...quiet, workers: workers(3, { pods: [] }) })).toBe(0);
  });
});

describe('a mean over nodes, credited with what came after its sample', () => {
  const credited = (value: Reading, changes: Partial<View>): number | null => {
    const now = view(changes);
    return creditedMean(value, now, countFleet(now));
  };

  test('is the reading while nothing came', () => {
    expect(credited(reading(80), {})).toBe(80);
  });

  test('is spread over nodes that arrive, and over launches without an answer', () => {
    // 80 % on 3 nodes, with 1 booting: 80 × 3 / 4 = 60. With 2 more unanswered: 80 × 3 / 6 = 40.
    const arriving = [...workers(3), worker('i-9', { phase: 'booting' })];
    expect(credited(reading(80), { workers: arriving })).toBe(60);
    const unanswered = [{ zone: 'a', market: 'spot', count: 2 }] as const;
    expect(credited(reading(80), { workers: arriving, unanswered })).toBe(40);
  });

  test('is spread over nodes that became Ready after the sample, and not over one that did at its instant', () => {
    // Sampled 60 s ago; the fourth node is Ready since 59.999 s ago: 80 × 3 / 4.
    const sample = reading(80, 60 * SECOND);
    const ready = (agoMs: number) => [
      ...workers(3),
      worker('i-9', { readySinceMs: NOW - agoMs, pods: [1] }),
    ];
    expect(credited(sample, { workers: ready(59_999) })).toBe(60);
    expect(credited(sample, { workers: ready(60_000) })).toBe(80);
  });

  test('counts a young empty node once: it is already arriving', () => {
    const young = worker('i-9', { readySinceMs: NOW - 10 * SECOND });
    expect(credited(reading(80, 20 * SECOND), { workers: [...workers(3), young] })).toBe(60);
  });

  test('is not spread over nodes that are leaving, doomed or not Ready', () => {
    const others = (['tainted', 'draining', 'terminating', 'doomed', 'not-ready'] as const).map(
      (phase) => worker(`i-${phase}`, { phase }),
    );
    expect(credited(reading(80), { workers: [...workers(3), ...others] })).toBe(80);
  });

  test('is the plain reading when no node was there at its sample', () => {
    const fresh = workers(2, { readySinceMs: NOW - 40 * SECOND });
    expect(credited(reading(80, 60 * SECOND), { workers: fresh })).toBe(80);
  });

  test('is unknown when the reading is missing', () => {
    expect(credited(MISSING, {})).toBe(null);
  });
});

describe('a reading that a removal may rest on', () => {
  const { settings } = configured();
  test.each<{ what: string; given: Reading; expected: number | null }>([
    { what: 'fresh and whole', given: reading(20), expected: 20 },
    { what: '90 s old', given: reading(20, 90 * SECOND), expected: 20 },
    { what: '90.001 s old', given: reading(20, 90_001), expected: null },
    { what: 'covered by 60 %', given: reading(20, 0, 0.6), expected: 20 },
    { what: 'covered by 59.9 %', given: reading(20, 0, 0.599), expected: null },
    { what: 'missing', given: MISSING, expected: null },
  ])('$what → $expected', ({ given, expected }) => {
    expect(trustedValue(given, view(), settings)).toBe(expected);
  });
});
