import { describe, expect, test } from 'vitest';
import {
  CPU_AS_WRITTEN,
  CYCLE_OUTCOMES,
  decide,
  EVENT_CODES,
  PENDING_AS_WRITTEN,
  RULES,
  verdict,
  VERDICTS,
  type RuleId,
  type Verdict,
  type View,
} from '../../engine/index.ts';
import {
  decisionSentence,
  eventSentence,
  outcomeSentence,
  type CycleTelling,
} from '../../reports/sentences.ts';
import { asksFor, ruleSentence, type Telling } from '../../reports/rules.ts';
import {
  asking,
  cluster,
  configured,
  HOUR,
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
} from '../engine/build.ts';

/** NOW is 21:06:40 in Dhaka. */
const SALE = { name: 'Friday sale', startAtMs: NOW + 10 * MINUTE, endAtMs: NOW + HOUR };

function telling(changes: Partial<View> = {}, more: Partial<Telling> = {}): Telling {
  return {
    view: view(changes),
    cluster: cluster({ calendar: [SALE] }),
    settings: configured().settings,
    offsetMinutes: 360,
    direction: 'up',
    lastScaledBy: null,
    ...more,
  };
}

describe('every rule and verdict has its sentence', () => {
  const situations: [string, Telling][] = [
    ['all is known', telling()],
    ['nothing is known', telling(nothingKnown(), { direction: 'down' })],
    ['scaled before', telling({ lastScaleUpAtMs: NOW - MINUTE }, { lastScaledBy: 2 })],
  ];
  const all = RULES.flatMap((rule) => VERDICTS.map((answer) => [rule, answer] as const));

  test.each(all)('%s %s', (rule, answer) => {
    for (const [what, told] of situations) {
      for (const [observed, threshold] of [
        [0, 0],
        [1, 2],
        [3, 1],
        [NOW, NOW + MINUTE],
      ]) {
        const text = ruleSentence(verdict(rule, answer, observed, threshold), told);
        expect(text, what).toMatch(/^[A-Z0-9৳].*[^.]\.$/);
        expect(text, what).not.toMatch(/undefined|NaN|null|Infinity| {2}|\n/);
      }
    }
  });

  test('what a policy’s rule may say is said apart for each verdict, and what a guard may', () => {
    const asks: Verdict[] = ['fires', 'quiet', 'unknown'];
    const guards: Verdict[] = ['passes', 'clips', 'blocks'];
    for (const rule of RULES) {
      for (const answer of asksFor(rule) === null ? guards : asks) {
        const text = ruleSentence(verdict(rule, answer, 3, 1), telling());
        // A sentence, not the codes that stand in where an engine never comes.
        expect(text.toLowerCase(), rule).not.toContain(`${rule} ${answer}`);
      }
    }
  });
});

function nothingKnown(): Partial<View> {
  const metrics = {
    cpuPercent: MISSING,
    memoryPercent: MISSING,
    unschedulablePods: MISSING,
    apiLatencyP95Ms: MISSING,
    requestsPerSecond: MISSING,
  };
  const lists = { instancesKnown: false, nodesKnown: false, podsKnown: false, inboxKnown: false };
  return { ...lists, metrics: { ...view().metrics, ...metrics } };
}

describe('what rules say', () => {
  const cpu = (reading: View['metrics']['cpuPercent']): Partial<View> => ({
    metrics: { ...view().metrics, cpuPercent: reading },
  });
  const HELD = { hold: { min: 8, untilMs: NOW + HOUR } };
  const down = { direction: 'down' } as const;
  const sustained = { ...down, settings: configured('sustained').settings };
  const tracking = { ...down, settings: configured('target-tracking').settings };
  /** Seen with the brief’s own queries: of pods they found nothing. */
  const asWritten = (isDown = false): Partial<View> => ({
    metrics: {
      ...view().metrics,
      custom: [
        {
          name: CPU_AS_WRITTEN,
          reading: isDown ? { missing: 'exporter-down' } : reading(13.9),
        },
        { name: PENDING_AS_WRITTEN, reading: { missing: 'empty' } },
      ],
    },
  });
  const arriving = [...workers(3), worker('i-04', { phase: 'booting' })];

  test.each<[RuleId, Verdict, number, number, string, Partial<View>?, Partial<Telling>?]>([
    ['pods-unschedulable', 'fires', 1, 0, '1 pod pending.'],
    [
      'pods-unschedulable',
      'fires',
      9,
      0,
      '9 pods pending, more than the nodes on the way can hold.',
      { workers: arriving },
    ],
    ['pods-unschedulable', 'quiet', 0, 0, 'No pod pending.'],
    [
      'pods-unschedulable',
      'quiet',
      3,
      0,
      '3 pods pending, for which the nodes on the way will do.',
      { workers: arriving },
    ],
    [
      'pods-unschedulable',
      'unknown',
      0,
      0,
      'Pending pods not known: the pod list could not be read, and of their metric Prometheus does not answer.',
      nothingKnown(),
    ],
    ['cpu-high', 'fires', 82.44, 70, 'CPU 82.4 %, above 70 %.', cpu(reading(82.44))],
    [
      'cpu-high',
      'quiet',
      61.8,
      70,
      'CPU 61.8 % once the new nodes carry their share (82.4 % measured), not above 70 %.',
      cpu(reading(82.4)),
    ],
    ['cpu-high', 'unknown', 0, 70, 'CPU not known: Prometheus does not answer.', cpu(MISSING)],
    [
      'cpu-high',
      'unknown',
      0,
      70,
      'CPU not known: its last sample is 3 min old, of at most 90 s.',
      cpu(reading(80, 3 * MINUTE)),
    ],
    [
      'cpu-low',
      'unknown',
      0,
      30,
      'CPU for a removal not known: only 40 % of its samples are there, of at least 60 %.',
      cpu(reading(20, 0, 0.4)),
    ],
    ['cpu-low', 'fires', 22.1, 30, 'CPU 22.1 %, below 30 %, and no pod pending.'],
    ['cpu-low', 'quiet', 45, 30, 'CPU 45 %, not below 30 %.'],
    ['cpu-low', 'quiet', 22.1, 30, 'CPU 22.1 %, below 30 %, but pods pending.'],
    ['sale-incoming', 'fires', 600_000, 900_000, 'Friday sale in 10 min, within 15 min.'],
    ['sale-incoming', 'quiet', 3_600_000, 900_000, 'Friday sale in 60 min, not within 15 min.'],
    ['sale-incoming', 'quiet', -1, 900_000, 'No sale ahead.'],
    ['target-above-supply', 'fires', 7, 5, '7 nodes needed, 5 there or on their way.'],
    ['target-below-supply', 'fires', 1, 2, '1 node needed, 2 there or on their way.'],
    [
      'target-below-supply',
      'quiet',
      1,
      2,
      '1 node needed, 2 there or on their way, at least 2 wanted.',
    ],
    ['desired-capacity', 'fires', 3, 5, '5 nodes meant to be there, 3 there or on their way.'],

    ['pods-pending', 'fires', 3, 0, '3 pods pending by the brief’s query.'],
    [
      'pods-pending',
      'unknown',
      0,
      0,
      'Pending pods not known: the query found nothing.',
      asWritten(),
    ],
    [
      'cpu-high',
      'quiet',
      13.9,
      70,
      'CPU 13.9 % by the brief’s query, not above 70 %.',
      asWritten(),
    ],
    [
      'cpu-low',
      'unknown',
      0,
      30,
      'CPU for a removal not known: its exporter is down.',
      asWritten(true),
    ],
    ['pods-waiting-lasts', 'fires', 240_000, 180_000, 'Pods pending for 4 min, at least 3 min.'],
    ['pods-waiting-lasts', 'quiet', 90_000, 180_000, 'Pods pending for 90 s, not yet 3 min.'],
    [
      'pods-waiting-lasts',
      'quiet',
      0,
      180_000,
      'No pod pending for long that no node is on the way for.',
    ],
    [
      'memory-high',
      'fires',
      80,
      75,
      'Memory 80 % once the new nodes carry their share (50 % measured), above 75 %.',
    ],
    ['memory-low', 'quiet', 60, 50, 'Memory 60 %, not below 50 %.', {}, down],
    [
      'cpu-low-lasts',
      'fires',
      720_000,
      600_000,
      'CPU below 30 % for 12 min, at least 10 min.',
      {},
      sustained,
    ],
    ['cpu-low-lasts', 'quiet', 0, 600_000, 'CPU 50 %, not below 30 %.', {}, sustained],
    [
      // It has just come to be so.
      'cpu-low-lasts',
      'quiet',
      0,
      600_000,
      'CPU below 30 % for 0 s, not yet 10 min.',
      cpu(reading(20)),
      sustained,
    ],
    ['nothing-pending', 'quiet', 2, 0, '2 pods pending.', {}, down],
    ['operator-comes', 'quiet', NOW, NOW + 10 * MINUTE, 'Whoever was called comes at 21:16:40.'],
    [
      'quiet-lasts',
      'quiet',
      3_600_000,
      7_200_000,
      'Quiet, with nodes above the base, for 60 min, not yet 2 h.',
      {},
      down,
    ],
    ['sale-open', 'quiet', NOW, 0, 'No sale ahead.'],
    ['sale-open', 'fires', NOW, NOW - MINUTE, 'A sale counts since 21:05:40.'],
    ['above-target-lasts', 'quiet', 0, 180_000, 'CPU 50 %, not above 50 %.', {}, tracking],
    [
      'below-target-lasts',
      'quiet',
      300_000,
      900_000,
      'CPU below 45 % for 5 min, not yet 15 min.',
      {},
      tracking,
    ],
    [
      'capacity-warm',
      'quiet',
      2,
      0,
      '2 nodes not there, or not Ready for 5 min yet.',
      {},
      tracking,
    ],
    ['unneeded-lasts', 'quiet', 0, 600_000, 'No node unneeded until now.', {}, down],
    ['nodes-unready', 'quiet', 0, 3, 'Every node Ready.'],
    ['nodes-unready', 'fires', 4, 3, '4 nodes not Ready, so nothing is done.'],
    [
      'scale-up-settled-lasts',
      'quiet',
      240_000,
      600_000,
      'Nodes added 4 min ago, not yet 10 min.',
      {},
      down,
    ],
    ['removal-settled-lasts', 'fires', NOW, 180_000, 'No removal failed before.', {}, down],
    ['drain-ended', 'quiet', 1, 0, '1 drain going on.', {}, down],
    ['disruption-budget', 'quiet', 1, 1, '1 node disrupted already, of at most 1.', {}, down],

    ['mode', 'passes', 0, 0, 'The mode is act.'],
    ['mode', 'blocks', 1, 0, 'Paused: nothing is added or removed.', { mode: 'paused' }],
    [
      'readings',
      'blocks',
      0,
      1,
      'The instance list contradicts what is remembered.',
      { contradicted: true },
    ],
    [
      'readings',
      'blocks',
      0,
      1,
      'The node list could not be read, and the inbox could not be read, and CPU is not known (Prometheus does not answer).',
      { nodesKnown: false, inboxKnown: false, ...cpu(MISSING) },
      down,
    ],
    [
      'memory-lost',
      'blocks',
      NOW,
      NOW + 5 * MINUTE,
      'Memory was lost: nothing is removed until 21:11:40.',
      {},
      down,
    ],
    [
      'frozen',
      'blocks',
      NOW,
      NOW + 5 * MINUTE,
      'Frozen until 21:11:40: nothing is removed.',
      {},
      down,
    ],
    ['max', 'passes', 7, 10, 'That makes 7 nodes, of at most 10.'],
    ['max', 'clips', 12, 10, 'That would make 12 nodes, of at most 10 (nodeCountMax).'],
    ['min', 'blocks', 1, 2, 'That would leave 1 node, of at least 2 (nodeCountMin).', {}, down],
    ['min', 'blocks', 7, 8, 'That would leave 7 nodes, held at 8 until 22:06:40.', HELD, down],
    [
      'desired-capacity',
      'fires',
      5,
      8,
      '8 nodes meant to be there (held at 8 until 22:06:40), 5 there or on their way.',
      HELD,
    ],
    [
      'desired-capacity',
      'fires',
      5,
      9,
      '9 nodes meant to be there, 5 there or on their way.',
      HELD,
    ],
    [
      'cooldown',
      'blocks',
      NOW,
      NOW + 2 * MINUTE + 100,
      'Cooling down until 21:08:41 (scaled up by 2 at 21:03:40).',
      { lastScaleUpAtMs: NOW - 3 * MINUTE, lastScaleDownAtMs: NOW - HOUR },
      { lastScaledBy: 2 },
    ],
    [
      'cooldown',
      'blocks',
      NOW,
      NOW + 3 * HOUR,
      'Cooling down until 00:06:40 on 16 Jun (scaled down at 21:03:40).',
      { lastScaleDownAtMs: NOW - 3 * MINUTE },
      down,
    ],
    ['cooldown', 'passes', NOW, 0, 'Nothing was scaled before.'],
    ['joining-works', 'passes', 0, 2, 'Nodes join.'],
    ['joining-works', 'passes', 1, 2, 'The last launch never joined.'],
    [
      'joining-works',
      'blocks',
      3,
      2,
      'The last 3 launches never joined: only one node at a time, the next at 21:16:40.',
      { joinFailures: 3, joinFailedAtMs: NOW - 10 * MINUTE },
    ],
    [
      'joining-works',
      'blocks',
      0,
      2,
      'The node list could not be read: only one node at a time, and one is on its way.',
      { nodesKnown: false, workers: arriving },
    ],
    [
      'joining-works',
      'clips',
      0,
      2,
      '3 nodes of 4 not Ready: only one node at a time.',
      {
        workers: [1, 2, 3, 4].map((n) =>
          worker(`i-0${String(n)}`, { phase: n === 1 ? 'ready' : 'not-ready' }),
        ),
      },
    ],
    ['no-pods-unschedulable', 'blocks', 2, 0, '2 pods pending that a node could hold.', {}, down],
    [
      'nothing-in-flight',
      'blocks',
      2,
      0,
      '2 nodes not settled: on the way, not Ready, or Ready only just now.',
      {},
      down,
    ],
    [
      'nothing-in-flight',
      'blocks',
      2,
      1,
      'That would make 2 drains at once, of at most 1 (drainsInFlightMax).',
      {},
      down,
    ],
    ['victim', 'passes', 1, 1, '1 node can go.', {}, down],
    [
      'victim',
      'blocks',
      0,
      1,
      'No node can go: of the Ready, 1 cordoned, 1 with pods that may not be moved, 1 that could not be drained lately, ' +
        '1 kept by the on-demand base of 2, by zones within one of each other, or by pods that would not fit elsewhere ' +
        'with 100 % of a node to spare.',
      {
        shapes: [WEB, shape('db', { pinnedBy: 'stateful-set' })],
        unschedulable: [0, 0],
        workers: workers(4, { pods: [1, 0] }).map((each, n) =>
          n === 0 ? { ...each, cordoned: true } : n === 1 ? { ...each, pods: [0, 1] } : each,
        ),
        victimBackoffs: [{ instanceId: 'i-03', failures: 1, untilMs: NOW + SECOND }],
      },
      down,
    ],
    ['victim', 'blocks', 0, 1, 'No node can go: none is Ready.', { workers: [] }, down],
    ['step', 'clips', 4, 2, '4 nodes at once, of at most 2 (stepUpMax).'],
    ['step', 'clips', 4, 1, '4 nodes at once, of at most 1 (stepDownMax).', {}, down],
    ['spend', 'passes', 0, 0, 'No ceiling on spending.'],
    [
      'spend',
      'blocks',
      153.34,
      150,
      'That could cost ৳153.34 an hour, of at most ৳150.00 (spendMaxBdtPerHour).',
    ],
    [
      'pools',
      'blocks',
      0,
      2,
      'No pool that did not refuse lately; the next may be tried at 21:07:40.',
      {
        poolBackoffs: [
          { zone: 'a', market: 'spot', failures: 1, untilMs: NOW + 2 * MINUTE },
          { zone: 'b', market: 'spot', failures: 1, untilMs: NOW + MINUTE },
          { zone: 'c', market: 'spot', failures: 1, untilMs: NOW - MINUTE },
        ],
      },
    ],
    ['pools', 'clips', 1, 2, 'Pools for only 1 of 2 nodes that did not refuse lately.'],
  ])('%s %s with %d against %d: %s', (rule, answer, observed, threshold, text, changes, more) => {
    const told = telling(changes, more);
    expect(ruleSentence(verdict(rule, answer, observed, threshold), told)).toBe(text);
  });

  test('times are those of the zone they are told in', () => {
    const until = verdict('memory-lost', 'blocks', NOW, NOW + MINUTE);
    expect(ruleSentence(until, telling({}, { offsetMinutes: 0 }))).toContain('until 15:07:40');
    expect(ruleSentence(until, telling({}, { offsetMinutes: -570 }))).toContain('until 05:37:40');
  });
});

describe('a decision in one sentence', () => {
  const told = (
    changes: Partial<View>,
    policy = configured(),
    more: Partial<CycleTelling> = {},
  ): string => {
    const seen = view(changes);
    const of = cluster();
    const { settings } = policy;
    return decisionSentence(decide(policy, of, seen, []), {
      view: seen,
      cluster: of,
      settings,
      offsetMinutes: 360,
      lastScaledBy: null,
      ...more,
    });
  };

  test.each<[string, string]>([
    [
      '21:06:40 hold: 3 pods pending, but cooling down until 21:08:40 (scaled up by 2 at 21:03:40); would have added 2.',
      told({ unschedulable: [3], lastScaleUpAtMs: NOW - 3 * MINUTE }, configured(), {
        lastScaledBy: 2,
      }),
    ],
    ['21:06:40 add 2: 3 pods pending.', told({ unschedulable: [3] })],
    [
      '21:06:40 add 1: 3 pods pending, but that would make 5 nodes, of at most 4 (nodeCountMax); would have added 2.',
      told({ unschedulable: [3] }, configured('node-fleet', { nodeCountMax: 4 })),
    ],
    [
      // Two that look at one number say it once.
      '21:06:40 hold: no pod pending; CPU 50 %, not above 70 %; no sale ahead; CPU 50 %, not below 30 %.',
      told({}),
    ],
    [
      '21:06:40 replace 2: 5 nodes meant to be there, 3 there or on their way.',
      told({ desired: 5 }),
    ],
    [
      '21:06:40 hold: 5 nodes meant to be there, 3 there or on their way, but paused: nothing is added or removed; would have replaced 2.',
      told({ desired: 5, mode: 'paused' }),
    ],
    [
      '21:06:40 hold: the policy asks for nothing.',
      told({}, configured('static', { nodeCount: 3 })),
    ],
    [
      '21:06:40 add 2 (only observing): 3 pods pending.',
      told({ unschedulable: [3], mode: 'observe' }),
    ],
    [
      '21:06:40 remove 1 (i-03): the policy asks for it.',
      told({}, asking('scaleDown', 1, { nodeCountMin: 1, removalHeadroomPercent: 0 })),
    ],
    [
      '21:06:40 hold: 1 node needed, 3 there or on their way, at least 3 wanted.',
      told({}, configured('trailing-max', { nodeCountMin: 3 })).replace(
        '1 node needed, 3 there or on their way; ',
        '',
      ),
    ],
  ])('%s', (expected, text) => {
    expect(text).toBe(expected);
  });
});

describe('a cycle that decided nothing, and what happened in one', () => {
  test.each(CYCLE_OUTCOMES)('%s', (outcome) => {
    expect(outcomeSentence(outcome, NOW + 900, 360)).toMatch(/^21:06:40 [a-z][^.]+\.$/);
  });

  test.each(EVENT_CODES)('%s', (code) => {
    for (const [subject, value] of [
      ['i-01', 0],
      ['', 2],
    ] as const) {
      const text = eventSentence({ code, subject, value });
      expect(text).toMatch(/^[A-Z].+\.$/);
      expect(text).not.toMatch(/undefined|NaN/);
    }
  });

  test('with the instance or pool it is about', () => {
    expect(eventSentence({ code: 'launched', subject: 'spot/a', value: 2 })).toBe(
      'Launched 2 nodes in spot/a.',
    );
    expect(eventSentence({ code: 'gone', subject: 'i-01', value: 0 })).toBe('Found i-01 gone.');
    expect(eventSentence({ code: 'out-of-time', subject: '', value: 0 })).toBe('Had no time left.');
  });
});
