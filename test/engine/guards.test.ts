import { describe, expect, test } from 'vitest';
import {
  cooldownUntilMs,
  countFleet,
  decide,
  GUARDS,
  probeDelayMs,
  type Asked,
  type Cluster,
  type Guard,
  type Metrics,
  type PoolShare,
  type RuleId,
  type Verdict,
  type View,
  type Worker,
} from '../../engine/index.ts';
import {
  asking,
  cluster,
  configured,
  idOf,
  KUBERNETES_DOWN,
  metrics,
  MINUTE,
  MISSING,
  NOW,
  reading,
  SECOND,
  shape,
  view,
  WEB,
  worker,
  workers,
  ZONES,
} from './build.ts';

interface Question {
  readonly rule: RuleId;
  readonly direction?: Asked['direction'];
  readonly count?: number;
  readonly evidence?: Asked['evidence'];
  readonly repair?: number;
  readonly victims?: readonly string[];
  readonly seen?: Partial<View>;
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly cluster?: Partial<Cluster>;
}

/** Asks one guard by itself: what is left of the count, its verdict, and the numbers it compared. */
function through(question: Question) {
  const { rule, direction = 'up', seen = {}, settings = {} } = question;
  const now = view(seen);
  const asked: Asked = {
    direction,
    count: question.count ?? 1,
    evidence: question.evidence ?? 'none',
    repair: question.repair ?? 0,
    victims: question.victims ?? [],
    launches: [],
  };
  const guard = GUARDS.find((each) => each.rule === rule)!;
  const answer = guard.check(asked, {
    view: now,
    fleet: countFleet(now),
    cluster: cluster(question.cluster),
    settings: configured('node-fleet', settings).settings,
  });
  expect(answer.rule).toBe(rule);
  const { count, victims, launches } = asked;
  const { verdict, observed, threshold } = answer;
  return { count, verdict, observed, threshold, victims, launches };
}

/** `2 clips`: what is left, and the verdict. */
function outcome(question: Question): string {
  const { count, verdict } = through(question);
  return `${count} ${verdict}`;
}

const booting = (n: number): Worker[] =>
  Array.from({ length: n }, (_, k) => worker(`j-${k}`, { phase: 'booting' }));

describe('the guards in order', () => {
  test('what forbids everything, what we do not know, the bounds, time, pods, who, how many, what it costs', () => {
    const expected: readonly (readonly [RuleId, Guard['appliesTo'], boolean])[] = [
      ['mode', 'both', true],
      ['frozen', 'down', false],
      ['readings', 'both', true],
      ['memory-lost', 'both', true],
      ['max', 'up', true],
      ['min', 'down', false],
      ['cooldown', 'both', false],
      ['joining-works', 'up', true],
      ['no-pods-unschedulable', 'down', false],
      ['nothing-in-flight', 'down', false],
      ['victim', 'down', false],
      ['step', 'both', false],
      ['spend', 'up', true],
      ['pools', 'up', true],
    ];
    expect(GUARDS.map((guard) => [guard.rule, guard.appliesTo, guard.repairs])).toEqual(expected);
  });
});

describe('mode', () => {
  test.each([
    { mode: 'act', expected: '2 passes' },
    { mode: 'observe', expected: '2 passes' },
    { mode: 'paused', expected: '0 blocks' },
  ] as const)('$mode: $expected, both ways', ({ mode, expected }) => {
    for (const direction of ['up', 'down'] as const) {
      expect(outcome({ rule: 'mode', direction, count: 2, seen: { mode } })).toBe(expected);
    }
  });

  test('its numbers say so: 1 where 0 is needed', () => {
    const paused: Question = { rule: 'mode', seen: { mode: 'paused' } };
    expect(through(paused)).toMatchObject({ observed: 1, threshold: 0 });
    expect(through({ rule: 'mode' })).toMatchObject({ observed: 0, threshold: 0 });
  });
});

describe('readings: nothing is bought on a guess, nothing removed unless everything was read', () => {
  const cpu = (changes: Metrics['cpuPercent']): Partial<View> => ({
    metrics: metrics({ cpuPercent: changes }),
  });
  const noPrometheus: Partial<View> = {
    metrics: metrics({ cpuPercent: MISSING, unschedulablePods: MISSING }),
  };
  const passes = (
    direction: Asked['direction'],
    evidence: Asked['evidence'],
    seen: Partial<View>,
  ): boolean => {
    const { verdict, observed, threshold } = through({
      rule: 'readings',
      direction,
      evidence,
      seen,
    });
    expect({ observed, threshold }).toEqual({
      observed: verdict === 'passes' ? 1 : 0,
      threshold: 1,
    });
    return verdict === 'passes';
  };

  test.each(['none', 'pods', 'cpu', 'calendar'] as const)(
    'adding on %s needs instances that are known and not contradicted',
    (evidence) => {
      expect(passes('up', evidence, {})).toBe(true);
      expect(passes('up', evidence, { instancesKnown: false })).toBe(false);
      expect(passes('up', evidence, { contradicted: true })).toBe(false);
    },
  );

  test.each<{ what: string; seen: Partial<View>; adds: readonly string[] }>([
    { what: 'no Prometheus', seen: noPrometheus, adds: ['none', 'pods', 'calendar'] },
    { what: 'stale CPU', seen: cpu(reading(90, 90_001)), adds: ['none', 'pods', 'calendar'] },
    {
      what: 'CPU of 90 s',
      seen: cpu(reading(90, 90 * SECOND)),
      adds: ['none', 'pods', 'cpu', 'calendar'],
    },
    {
      what: 'thin CPU',
      seen: cpu(reading(90, 0, 0.1)),
      adds: ['none', 'pods', 'cpu', 'calendar'],
    },
    { what: 'no Kubernetes', seen: KUBERNETES_DOWN, adds: ['none', 'pods', 'cpu', 'calendar'] },
    {
      what: 'neither Kubernetes nor Prometheus',
      seen: { ...KUBERNETES_DOWN, ...noPrometheus },
      adds: ['none', 'calendar'],
    },
    {
      what: 'no Kubernetes and stale pods in Prometheus',
      seen: { ...KUBERNETES_DOWN, metrics: metrics({ unschedulablePods: reading(5, 90_001) }) },
      adds: ['none', 'cpu', 'calendar'],
    },
    { what: 'no inbox', seen: { inboxKnown: false }, adds: ['none', 'pods', 'cpu', 'calendar'] },
  ])('with $what one may add on $adds', ({ seen, adds }) => {
    const evidences = ['none', 'pods', 'cpu', 'calendar'] as const;
    expect(evidences.filter((evidence) => passes('up', evidence, seen))).toEqual(adds);
  });

  test.each([
    { what: 'memory of 90 s', memoryPercent: reading(90, 90 * SECOND), expected: true },
    { what: 'memory of 90.001 s', memoryPercent: reading(90, 90_001), expected: false },
    { what: 'no memory', memoryPercent: MISSING, expected: false },
  ])('with $what one may add on memory: $expected', ({ memoryPercent, expected }) => {
    expect(passes('up', 'memory', { metrics: metrics({ memoryPercent }) })).toBe(expected);
    // It is asked of nothing else.
    expect(passes('up', 'cpu', { metrics: metrics({ memoryPercent }) })).toBe(true);
    expect(passes('up', 'memory', cpu(MISSING))).toBe(true);
  });

  test.each<{ what: string; seen: Partial<View>; expected: boolean }>([
    { what: 'everything', seen: {}, expected: true },
    { what: 'no instances', seen: { instancesKnown: false }, expected: false },
    { what: 'contradicted instances', seen: { contradicted: true }, expected: false },
    { what: 'no nodes', seen: { nodesKnown: false }, expected: false },
    { what: 'no pods', seen: { podsKnown: false }, expected: false },
    { what: 'no inbox', seen: { inboxKnown: false }, expected: false },
    { what: 'no CPU', seen: cpu(MISSING), expected: false },
    { what: 'CPU of 90 s', seen: cpu(reading(10, 90 * SECOND)), expected: true },
    { what: 'CPU of 90.001 s', seen: cpu(reading(10, 90_001)), expected: false },
    { what: 'CPU covered by 60 %', seen: cpu(reading(10, 0, 0.6)), expected: true },
    { what: 'CPU covered by 59.9 %', seen: cpu(reading(10, 0, 0.599)), expected: false },
  ])('with $what one may remove: $expected', ({ seen, expected }) => {
    for (const evidence of ['cpu', 'pods', 'none'] as const) {
      expect(passes('down', evidence, seen)).toBe(expected);
    }
  });
});

describe('memory lost: no voluntary removal for one cool-down (S6)', () => {
  test.each([
    { untilMs: NOW + 1, expected: '1 blocks' },
    { untilMs: NOW, expected: '1 passes' },
    { untilMs: 0, expected: '1 passes' },
  ])('until $untilMs', ({ untilMs, expected }) => {
    const blocked = expected.endsWith('blocks');
    const question: Question = {
      rule: 'memory-lost',
      direction: 'down',
      seen: { recoveryUntilMs: untilMs },
    };
    expect(through(question)).toMatchObject({
      count: blocked ? 0 : 1,
      verdict: blocked ? 'blocks' : 'passes',
      observed: NOW,
      threshold: untilMs,
    });
  });

  // Cooldowns of 300 and 600 s: lost ten minutes before it ends.
  test.each([
    { lostMs: NOW - 119_999, answer: 'blocks' },
    { lostMs: NOW - 120_000, answer: 'passes' },
  ])('and nothing is bought before what was launched is listed ($answer)', ({ lostMs, answer }) => {
    const seen = { recoveryUntilMs: lostMs + 600_000 };
    expect(through({ rule: 'memory-lost', direction: 'up', seen })).toMatchObject({
      count: answer === 'blocks' ? 0 : 1,
      verdict: answer,
      threshold: lostMs + 120_000,
    });
  });
});

describe('max: never launched past, and what is leaving still counts', () => {
  const settings = { nodeCountMax: 10 };
  test.each([
    { what: '8 ready', seen: workers(8), count: 2, expected: '2 passes' },
    { what: '8 ready', seen: workers(8), count: 3, expected: '2 clips' },
    { what: '10 ready', seen: workers(10), count: 1, expected: '0 blocks' },
    { what: '12 ready', seen: workers(12), count: 1, expected: '0 blocks' },
    {
      what: '7 ready, 2 booting',
      seen: [...workers(7), ...booting(2)],
      count: 2,
      expected: '1 clips',
    },
    {
      what: '8 ready, 1 draining',
      seen: [...workers(8), worker('j-1', { phase: 'draining' })],
      count: 2,
      expected: '1 clips',
    },
    {
      what: '8 ready, 5 doomed',
      seen: [...workers(8), ...booting(5).map((each) => ({ ...each, phase: 'doomed' as const }))],
      count: 2,
      expected: '2 passes',
    },
  ])('$what, max 10: asked for $count, $expected', ({ seen, count, expected }) => {
    expect(outcome({ rule: 'max', count, seen: { workers: seen }, settings })).toBe(expected);
  });

  test('repairs of the same cycle come first', () => {
    const seen = { workers: workers(7) };
    // 7 + 1 repaired leave room for 2.
    expect(outcome({ rule: 'max', count: 2, repair: 1, seen, settings })).toBe('2 passes');
    expect(outcome({ rule: 'max', count: 3, repair: 1, seen, settings })).toBe('2 clips');
    expect(outcome({ rule: 'max', count: 1, repair: 3, seen, settings })).toBe('0 blocks');
  });

  test('launches without an answer are in flight', () => {
    const unanswered: PoolShare[] = [{ zone: 'a', market: 'spot', count: 2 }];
    const seen = { workers: workers(7), unanswered };
    expect(outcome({ rule: 'max', count: 2, seen, settings })).toBe('1 clips');
  });

  test('its numbers are what it would come to, and max', () => {
    const seen = { workers: workers(8) };
    expect(through({ rule: 'max', count: 3, repair: 1, seen, settings })).toMatchObject({
      observed: 12, // 8 + 1 + 3
      threshold: 10,
    });
  });
});

describe('min: never voluntarily gone below, counted in Ready nodes', () => {
  const settings = { nodeCountMin: 2 };
  test.each([
    { what: '4 ready', seen: workers(4), count: 2, expected: '2 passes' },
    { what: '4 ready', seen: workers(4), count: 3, expected: '2 clips' },
    { what: '2 ready', seen: workers(2), count: 1, expected: '0 blocks' },
    { what: '1 ready', seen: workers(1), count: 1, expected: '0 blocks' },
    {
      what: '2 ready, 3 booting',
      seen: [...workers(2), ...booting(3)],
      count: 1,
      expected: '0 blocks',
    },
  ])('$what, min 2: asked for $count, $expected', ({ seen, count, expected }) => {
    const question: Question = { rule: 'min', direction: 'down', count, seen: { workers: seen } };
    expect(outcome({ ...question, settings })).toBe(expected);
  });

  test('its numbers are what would be left, and min', () => {
    const seen = { workers: workers(4) };
    const question: Question = { rule: 'min', direction: 'down', count: 3, seen, settings };
    expect(through(question)).toMatchObject({ observed: 1, threshold: 2 });
  });
});

describe('cool-down: quiet after any action, longer before a removal', () => {
  const settings = { cooldownAfterActionSeconds: 300, cooldownBeforeRemovalSeconds: 600 };
  const up = (agoMs: number): Partial<View> => ({ lastScaleUpAtMs: NOW - agoMs });
  const down = (agoMs: number): Partial<View> => ({ lastScaleDownAtMs: NOW - agoMs });

  test.each<{ what: string; seen: Partial<View>; direction: 'up' | 'down'; expected: string }>([
    {
      what: 'adding 299,999 ms after adding',
      seen: up(299_999),
      direction: 'up',
      expected: 'blocks',
    },
    { what: 'adding 300 s after adding', seen: up(300_000), direction: 'up', expected: 'passes' },
    {
      what: 'adding 299,999 ms after removing',
      seen: down(299_999),
      direction: 'up',
      expected: 'blocks',
    },
    {
      what: 'adding 300 s after removing',
      seen: down(300_000),
      direction: 'up',
      expected: 'passes',
    },
    {
      what: 'removing 599,999 ms after adding',
      seen: up(599_999),
      direction: 'down',
      expected: 'blocks',
    },
    {
      what: 'removing 600 s after adding',
      seen: up(600_000),
      direction: 'down',
      expected: 'passes',
    },
    {
      what: 'removing 599,999 ms after removing',
      seen: down(599_999),
      direction: 'down',
      expected: 'blocks',
    },
    {
      what: 'removing 600 s after removing',
      seen: down(600_000),
      direction: 'down',
      expected: 'passes',
    },
    {
      what: 'removing where nothing ever happened',
      seen: {},
      direction: 'down',
      expected: 'passes',
    },
    { what: 'adding where nothing ever happened', seen: {}, direction: 'up', expected: 'passes' },
  ])('$what: $expected', ({ seen, direction, expected }) => {
    expect(through({ rule: 'cooldown', direction, seen, settings }).verdict).toBe(expected);
  });

  test('the later of the two actions counts', () => {
    const both = { ...up(400_000), ...down(100_000) };
    expect(outcome({ rule: 'cooldown', seen: both, settings })).toBe('0 blocks');
    expect(
      outcome({ rule: 'cooldown', seen: { ...up(100_000), ...down(400_000) }, settings }),
    ).toBe('0 blocks');
  });

  test('a removal waits for the longer of the two settings, whichever it is', () => {
    const reversed = { cooldownAfterActionSeconds: 900, cooldownBeforeRemovalSeconds: 60 };
    const question: Question = { rule: 'cooldown', direction: 'down', settings: reversed };
    expect(outcome({ ...question, seen: up(899_999) })).toBe('0 blocks');
    expect(outcome({ ...question, seen: up(900_000) })).toBe('1 passes');
  });

  test('its numbers are now and when it ends', () => {
    expect(through({ rule: 'cooldown', seen: up(100_000), settings })).toMatchObject({
      observed: NOW,
      threshold: NOW + 200_000,
    });
    expect(through({ rule: 'cooldown', settings })).toMatchObject({ observed: NOW, threshold: 0 });
    const { settings: all } = configured('node-fleet', settings);
    expect(cooldownUntilMs(view(down(100_000)), all, 'down')).toBe(NOW + 500_000);
  });
});

describe('joining works: while launches do not join, one probe at a time (S14)', () => {
  test('the back-off after each failure in a row: 10, 20, 40, then every 80 minutes', () => {
    const minutes = [2, 3, 4, 5, 6, 60].map((failures) => probeDelayMs(failures) / MINUTE);
    expect(minutes).toEqual([10, 20, 40, 80, 80, 80]);
  });

  const failed = (joinFailures: number, agoMs: number, fleet = workers(3)): Partial<View> => ({
    joinFailures,
    joinFailedAtMs: NOW - agoMs,
    workers: fleet,
  });
  test.each([
    { what: 'no failure', seen: failed(0, 0), expected: '4 passes' },
    { what: 'one failure', seen: failed(1, 0), expected: '4 passes' },
    {
      what: 'two, 1 ms less than 10 min ago',
      seen: failed(2, 10 * MINUTE - 1),
      expected: '0 blocks',
    },
    { what: 'two, 10 min ago', seen: failed(2, 10 * MINUTE), expected: '1 clips' },
    {
      what: 'three, 1 ms less than 20 min ago',
      seen: failed(3, 20 * MINUTE - 1),
      expected: '0 blocks',
    },
    { what: 'three, 20 min ago', seen: failed(3, 20 * MINUTE), expected: '1 clips' },
    {
      what: 'five, 1 ms less than 80 min ago',
      seen: failed(5, 80 * MINUTE - 1),
      expected: '0 blocks',
    },
    { what: 'nine, 80 min ago', seen: failed(9, 80 * MINUTE), expected: '1 clips' },
    {
      what: 'two, 10 min ago, and a probe on its way',
      seen: failed(2, 10 * MINUTE, [...workers(3), ...booting(1)]),
      expected: '0 blocks',
    },
  ])('$what: $expected', ({ seen, expected }) => {
    expect(outcome({ rule: 'joining-works', count: 4, seen })).toBe(expected);
  });

  test('one is one: a repair of the same cycle is the probe', () => {
    const seen = failed(2, 10 * MINUTE);
    expect(outcome({ rule: 'joining-works', count: 1, repair: 1, seen })).toBe('0 blocks');
    expect(outcome({ rule: 'joining-works', count: 1, seen })).toBe('1 passes');
  });

  test('while the Kubernetes API is down, one probe and no more', () => {
    const down = { ...KUBERNETES_DOWN, workers: workers(3, { pods: [] }) };
    expect(outcome({ rule: 'joining-works', count: 4, seen: down })).toBe('1 clips');
    const probing = { ...down, workers: booting(1) };
    expect(outcome({ rule: 'joining-works', count: 4, seen: probing })).toBe('0 blocks');
  });

  const notReady = (count: number, of: number): Partial<View> => ({
    workers: workers(of).map((each, n) => (n < count ? { ...each, phase: 'not-ready' } : each)),
  });
  test.each([
    { notReadyOf: [9, 20], expected: '4 passes' }, // 45 %
    { notReadyOf: [10, 20], expected: '1 clips' },
    { notReadyOf: [5, 11], expected: '1 clips' }, // 45.5 %
    { notReadyOf: [3, 6], expected: '1 clips' },
    { notReadyOf: [3, 7], expected: '4 passes' }, // 42.9 %
    { notReadyOf: [2, 2], expected: '4 passes' }, // fewer than three say nothing about the cluster
    { notReadyOf: [3, 3], expected: '1 clips' },
  ] as const)('$notReadyOf NotReady: $expected', ({ notReadyOf: [count, of], expected }) => {
    const seen = notReady(count, of);
    expect(outcome({ rule: 'joining-works', count: 4, seen })).toBe(expected);
  });

  test('a broken cluster lets its probe go at once: only failures to join back off', () => {
    const seen = { ...notReady(3, 3), joinFailures: 1, joinFailedAtMs: NOW };
    expect(outcome({ rule: 'joining-works', count: 4, seen })).toBe('1 clips');
  });

  test('its numbers are the failures in a row and the two that trip it', () => {
    expect(through({ rule: 'joining-works', seen: failed(3, 0) })).toMatchObject({
      observed: 3,
      threshold: 2,
    });
    expect(through({ rule: 'joining-works', seen: failed(1, 0) })).toMatchObject({
      observed: 1,
      threshold: 2,
    });
  });
});

describe('no pods unschedulable: nothing is removed while one that a worker could hold waits (S13)', () => {
  const down = (seen: Partial<View>): Question => ({
    rule: 'no-pods-unschedulable',
    direction: 'down',
    seen,
  });
  test.each([
    { what: 'none', seen: {}, expected: '1 passes' },
    { what: 'one', seen: { unschedulable: [1] }, expected: '0 blocks' },
    {
      what: 'one that no node could hold',
      seen: { shapes: [WEB, shape('huge', { requestMib: 5000 })], unschedulable: [0, 1] },
      expected: '1 passes',
    },
    {
      what: 'nobody knows how many',
      seen: { ...KUBERNETES_DOWN, metrics: metrics({ unschedulablePods: MISSING }) },
      expected: '0 blocks',
    },
  ])('$what: $expected', ({ seen, expected }) => {
    expect(outcome(down(seen))).toBe(expected);
  });

  test('readings of the configured age count when the list is missing', () => {
    const aged = (ageMs: number): Partial<View> => ({
      ...KUBERNETES_DOWN,
      metrics: metrics({ unschedulablePods: reading(0, ageMs) }),
    });
    expect(outcome(down(aged(90_000)))).toBe('1 passes');
    expect(outcome(down(aged(90_001)))).toBe('0 blocks');
  });

  test('its numbers are how many wait, and none', () => {
    expect(through(down({ unschedulable: [4] }))).toMatchObject({ observed: 4, threshold: 0 });
  });
});

describe('nothing in flight: a removal waits until everything has arrived', () => {
  const down = (seen: Partial<View>, more: Partial<Question> = {}): Question => ({
    rule: 'nothing-in-flight',
    direction: 'down',
    seen,
    ...more,
  });
  test.each<{ what: string; seen: Partial<View> }>([
    { what: 'a booting node', seen: { workers: [...workers(3), ...booting(1)] } },
    {
      what: 'a node that may be NotReady',
      seen: { workers: [...workers(3), worker('j', { phase: 'unknown' })] },
    },
    {
      what: 'an instance that is absent',
      seen: { workers: [...workers(3), worker('j', { phase: 'absent' })] },
    },
    {
      what: 'a launch without an answer',
      seen: { unanswered: [{ zone: 'a', market: 'spot', count: 1 }] },
    },
    {
      what: 'a node Ready since 10 s and empty',
      seen: { workers: [...workers(3), worker('j', { readySinceMs: NOW - 10 * SECOND })] },
    },
  ])('$what stops it', ({ seen }) => {
    expect(through(down(seen, { count: 2 }))).toMatchObject({
      count: 0,
      verdict: 'blocks',
      observed: 1,
      threshold: 0,
    });
  });

  test('a repair of the same cycle stops it', () => {
    expect(outcome(down({}, { repair: 1 }))).toBe('0 blocks');
  });

  test('doomed nodes do not: they are leaving anyway', () => {
    const seen = { workers: [...workers(3), worker('j', { phase: 'doomed' })] };
    expect(outcome(down(seen))).toBe('1 passes');
  });

  test('no more drain at once than allowed', () => {
    const draining = (n: number): Partial<View> => ({
      workers: [
        ...workers(3),
        ...booting(n).map((each, k) => ({
          ...each,
          phase: k % 2 === 0 ? ('tainted' as const) : ('draining' as const),
        })),
      ],
    });
    const allowed = (drainsInFlightMax: number, count: number): Partial<Question> => ({
      settings: { drainsInFlightMax },
      count,
    });
    expect(outcome(down(draining(0), allowed(1, 1)))).toBe('1 passes');
    expect(outcome(down(draining(0), allowed(1, 2)))).toBe('1 clips');
    expect(outcome(down(draining(1), allowed(1, 1)))).toBe('0 blocks');
    expect(outcome(down(draining(2), allowed(3, 4)))).toBe('1 clips');
    expect(through(down(draining(2), allowed(3, 4)))).toMatchObject({ observed: 6, threshold: 3 });
  });
});

describe('victim: only who may be removed is', () => {
  const settings = { removalHeadroomPercent: 0, onDemandBase: 0 };
  const down = (fleet: readonly Worker[], count: number) =>
    through({ rule: 'victim', direction: 'down', count, seen: { workers: fleet }, settings });

  test('as many as asked for pass, and are named', () => {
    expect(down(workers(3), 2)).toMatchObject({ count: 2, verdict: 'passes' });
    expect(down(workers(3), 2).victims).toHaveLength(2);
  });

  test('fewer clip the count, none blocks', () => {
    const held = workers(3, { cordoned: true });
    const one = [...workers(2), worker(idOf(3), { zone: 'c' })].map((each, n) =>
      n < 2 ? { ...each, phase: 'not-ready' as const, pods: [0] } : each,
    );
    expect(down(one, 2)).toMatchObject({ count: 1, verdict: 'clips', victims: [idOf(3)] });
    expect(down(one, 2)).toMatchObject({ observed: 1, threshold: 2 });
    expect(down(held, 2)).toMatchObject({ count: 0, verdict: 'blocks', victims: [] });
  });
});

describe('step: no decision takes too large a step', () => {
  const settings = { stepUpMax: 4, stepDownMax: 2 };
  test.each([
    { direction: 'up', count: 4, expected: '4 passes' },
    { direction: 'up', count: 5, expected: '4 clips' },
    { direction: 'down', count: 2, expected: '2 passes' },
    { direction: 'down', count: 3, expected: '2 clips' },
  ] as const)('$direction by $count: $expected', ({ direction, count, expected }) => {
    expect(outcome({ rule: 'step', direction, count, settings })).toBe(expected);
  });

  test('victims beyond the step are let off, the best first kept', () => {
    const question: Question = { rule: 'step', direction: 'down', count: 3, settings };
    const answer = through({ ...question, victims: ['i-2', 'i-1', 'i-3'] });
    expect(answer).toMatchObject({ victims: ['i-2', 'i-1'], observed: 3, threshold: 2 });
  });
});

describe('spend: a ceiling on BDT an hour, every new node taken as on demand', () => {
  // On demand 10, spot 3 BDT/h. workers(3): two on demand and one spot, 23 BDT/h.
  const limit = (spendMaxBdtPerHour: number): Partial<Question> => ({
    rule: 'spend',
    settings: { spendMaxBdtPerHour },
  });
  test.each([
    { ceiling: 0, count: 50, expected: '50 passes' }, // none
    { ceiling: 43, count: 2, expected: '2 passes' }, // 23 + 20
    { ceiling: 42.99, count: 2, expected: '1 clips' },
    { ceiling: 33, count: 2, expected: '1 clips' },
    { ceiling: 32.99, count: 2, expected: '0 blocks' },
    { ceiling: 5, count: 1, expected: '0 blocks' },
  ])('ceiling $ceiling, asked for $count: $expected', ({ ceiling, count, expected }) => {
    expect(outcome({ ...limit(ceiling), count } as Question)).toBe(expected);
  });

  test('repairs, launches without an answer and every worker there cost too', () => {
    const unanswered: PoolShare[] = [
      { zone: 'a', market: 'spot', count: 2 },
      { zone: 'a', market: 'on-demand', count: 1 },
    ];
    const doomed = [...workers(3), worker('j', { phase: 'doomed', market: 'spot' })];
    const question = { ...limit(62), repair: 1, count: 2 } as Question;
    // 23 + 3 doomed + 6 + 10 unanswered + 10 repaired = 52: room for one more.
    const seen = { workers: doomed, unanswered };
    expect(through({ ...question, seen })).toMatchObject({
      count: 1,
      verdict: 'clips',
      observed: 72,
      threshold: 62,
    });
  });

  test('one that cannot be seen costs what it costs where it was launched, and on demand where that is not known', () => {
    const absent = (zone: string) =>
      worker('j', { phase: 'absent', zone, market: 'spot', launchedAtMs: NOW });
    const spendBefore = (zone: string): number =>
      through({
        ...limit(100),
        count: 1,
        seen: { workers: [...workers(3), absent(zone)] },
      } as Question).observed - 10;
    expect(spendBefore('a')).toBe(23 + 3);
    expect(spendBefore('')).toBe(23 + 10);
  });

  test('without a ceiling its numbers are nothing', () => {
    expect(through({ ...limit(0), count: 2 } as Question)).toMatchObject({
      observed: 0,
      threshold: 0,
    });
  });
});

describe('pools: what no pool takes is not asked for', () => {
  const closed = (...zones: readonly string[]): Partial<View> => ({
    workers: [],
    poolBackoffs: (['spot', 'on-demand'] as const).flatMap((market) =>
      zones.map((zone) => ({ zone, market, failures: 1, untilMs: NOW + 1 })),
    ),
  });

  test('repair and policy are placed together, the repair first', () => {
    const answer = through({ rule: 'pools', count: 2, repair: 1, seen: { workers: [] } });
    expect(answer).toMatchObject({ count: 2, verdict: 'passes', observed: 3, threshold: 3 });
    expect(answer.launches.reduce((sum, share) => sum + share.count, 0)).toBe(3);
  });

  test('where every pool is closed nothing is bought', () => {
    const answer = through({ rule: 'pools', count: 2, seen: closed(...ZONES) });
    expect(answer).toMatchObject({ count: 0, verdict: 'blocks', launches: [], observed: 0 });
    // Where the repair alone could not be placed, the policy’s nodes cannot either.
    const repairing: Question = { rule: 'pools', count: 2, repair: 1, seen: closed(...ZONES) };
    expect(outcome(repairing)).toBe('0 blocks');
  });

  test('one open pool is enough', () => {
    const answer = through({ rule: 'pools', count: 2, seen: closed('a', 'b') });
    expect(answer).toMatchObject({ count: 2, verdict: 'passes' });
    expect(answer.launches.every(({ zone }) => zone === 'c')).toBe(true);
  });

  test('when the base can be met but no spot comes, only the base is bought', () => {
    // With the on-demand base of 2 met by what is there, and on demand closed as well, 0 of 2; with spot open, 2.
    const onDemandClosed: Partial<View> = {
      workers: workers(2),
      poolBackoffs: ZONES.map((zone) => ({
        zone,
        market: 'on-demand' as const,
        failures: 1,
        untilMs: NOW + 1,
      })),
    };
    const settings = { spotPercent: 50 };
    // The third worker is on demand (⌊1 × 50 %⌋ = 0 spot): closed, so nothing goes.
    expect(outcome({ rule: 'pools', count: 2, seen: onDemandClosed, settings })).toBe('0 blocks');
    // At 100 % both are spot.
    const spot = { spotPercent: 100 };
    expect(outcome({ rule: 'pools', count: 2, seen: onDemandClosed, settings: spot })).toBe(
      '2 passes',
    );
    // One on demand there, base 1, 75 %: of 2 above the base ⌊1.5⌋ = 1 is spot, the next on demand: placed is 1.
    const some = { ...onDemandClosed, workers: workers(1) };
    const mixed = { onDemandBase: 0, spotPercent: 50 };
    expect(outcome({ rule: 'pools', count: 2, seen: some, settings: mixed })).toBe('1 clips');
  });
});

describe('each guard is needed: without it the same view is decided otherwise', () => {
  const hold = 'hold';
  const cases: readonly {
    readonly rule: RuleId;
    readonly seen: Partial<View>;
    readonly policy: ReturnType<typeof asking>;
    readonly cluster?: Partial<Cluster>;
    readonly withIt: string;
    readonly without: string;
  }[] = [
    {
      rule: 'mode',
      seen: { mode: 'paused' },
      policy: asking('scaleUp', 1),
      withIt: hold,
      without: '+1',
    },
    {
      rule: 'frozen',
      seen: {},
      policy: asking('scaleDown', 1),
      cluster: { freezes: [{ name: 'audit', startAtMs: NOW, endAtMs: NOW + 1 }] },
      withIt: hold,
      without: '-1',
    },
    {
      rule: 'readings',
      seen: { instancesKnown: false },
      policy: asking('scaleUp', 1),
      withIt: hold,
      without: '+1',
    },
    {
      rule: 'memory-lost',
      seen: { recoveryUntilMs: NOW + 1 },
      policy: asking('scaleDown', 1),
      withIt: hold,
      without: '-1',
    },
    {
      rule: 'max',
      seen: {},
      policy: asking('scaleUp', 4, { nodeCountMax: 5 }),
      withIt: '+2',
      without: '+4',
    },
    {
      rule: 'min',
      seen: {},
      policy: asking('scaleDown', 2, { onDemandBase: 0, removalHeadroomPercent: 0 }),
      withIt: '-1',
      without: '-2',
    },
    {
      rule: 'cooldown',
      seen: { lastScaleUpAtMs: NOW - 10 * SECOND },
      policy: asking('scaleUp', 1, { cooldownAfterActionSeconds: 60 }),
      withIt: hold,
      without: '+1',
    },
    {
      rule: 'joining-works',
      seen: { joinFailures: 2, joinFailedAtMs: NOW },
      policy: asking('scaleUp', 1),
      withIt: hold,
      without: '+1',
    },
    {
      rule: 'no-pods-unschedulable',
      seen: { unschedulable: [1] },
      policy: asking('scaleDown', 1),
      withIt: hold,
      without: '-1',
    },
    {
      rule: 'nothing-in-flight',
      seen: { workers: [...workers(3), worker('j', { phase: 'joining' })] },
      policy: asking('scaleDown', 1),
      withIt: hold,
      without: '-1',
    },
    // Without its guard a removal names nobody.
    { rule: 'victim', seen: {}, policy: asking('scaleDown', 1), withIt: '-1', without: 'nobody' },
    {
      rule: 'step',
      seen: {},
      policy: asking('scaleUp', 4, { stepUpMax: 3 }),
      withIt: '+3',
      without: '+4',
    },
    {
      rule: 'spend',
      seen: {},
      policy: asking('scaleUp', 4, { spendMaxBdtPerHour: 43 }),
      withIt: '+2',
      without: '+4',
    },
    // Without its guard an addition goes nowhere.
    { rule: 'pools', seen: {}, policy: asking('scaleUp', 1), withIt: '+1', without: 'nowhere' },
  ];

  const decided = ({ seen, policy, cluster: of }: Omit<(typeof cases)[number], 'rule'>): string => {
    const { decision } = decide(policy, cluster(of), view(seen), []);
    switch (decision.action) {
      case 'hold':
        return hold;
      case 'scaleUp': {
        const launched = decision.launches.reduce((sum, share) => sum + share.count, 0);
        return launched === 0 ? 'nowhere' : `+${launched}`;
      }
      case 'scaleDown':
        return decision.victims.length === 0 ? 'nobody' : `-${decision.victims.length}`;
    }
  };

  test('every guard has its case', () => {
    expect(cases.map(({ rule }) => rule)).toEqual(GUARDS.map(({ rule }) => rule));
  });

  test.each(cases)('$rule: $withIt with it, $without without', ({ rule, ...each }) => {
    expect(decided(each)).toBe(each.withIt);
    const guards = GUARDS as Guard[];
    const at = guards.findIndex((guard) => guard.rule === rule);
    const [removed] = guards.splice(at, 1);
    try {
      expect(decided(each)).toBe(each.without);
    } finally {
      guards.splice(at, 0, removed!);
    }
  });

  test('each blocks or clips under its own name', () => {
    const verdicts: Verdict[] = ['blocks', 'clips'];
    for (const { rule, seen, policy, cluster: of, withIt } of cases) {
      const { explanation } = decide(policy, cluster(of), view(seen), []);
      const stopped = explanation.rules.find(({ verdict }) => verdicts.includes(verdict));
      const asked = `${policy.policy.propose({} as never).count}`;
      if (withIt === `+${asked}` || withIt === `-${asked}`) {
        expect(stopped, rule).toBe(undefined);
      } else {
        expect(stopped?.rule).toBe(rule);
      }
    }
  });
});
