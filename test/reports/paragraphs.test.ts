import { describe, expect, test } from 'vitest';
import { decide, type ConfiguredPolicy, type View } from '../../engine/index.ts';
import { explained, whyNotTold } from '../../reports/paragraphs.ts';
import {
  cluster,
  configured,
  HOUR,
  KUBERNETES_DOWN,
  metrics,
  MINUTE,
  MISSING,
  NOW,
  reading,
  shape,
  view,
  WEB,
  worker,
  workers,
} from '../engine/build.ts';

const SALE = { name: 'Friday sale', startAtMs: NOW + HOUR, endAtMs: NOW + 2 * HOUR };
const busy = (percent: number): Partial<View> => ({
  metrics: metrics({ cpuPercent: reading(percent) }),
});
/** Every pool refused; spot may be tried again before on demand, which the next node is to be. */
const refused = ['a', 'b', 'c'].flatMap((zone) =>
  (['spot', 'on-demand'] as const).map((market, n) => ({
    zone,
    market,
    failures: 1,
    untilMs: NOW + (n + 4) * MINUTE,
  })),
);

/** NOW is 21:06:40 in Dhaka; the last action was about two nodes. */
function situationOf(changes: Partial<View>, policy: ConfiguredPolicy, of = cluster()) {
  const seen = view(changes);
  const situation = { configured: policy, cluster: of, view: seen, memory: [] };
  const decided = decide(policy, of, seen, []);
  const { settings } = policy;
  const telling = { view: seen, cluster: of, settings, offsetMinutes: 360, lastScaledBy: 2 };
  return [situation, decided, telling] as const;
}

describe('why a decision is what it is, in one paragraph', () => {
  test.each<[string, Partial<View>, ConfiguredPolicy?]>([
    [
      '21:06:40 hold: 3 pods pending, but cooling down until 21:08:40 (scaled up by 2 at 21:03:40); would have added 2. ' +
        'Seen from 21:08:40 on, it would have added 2.',
      { unschedulable: [3], lastScaleUpAtMs: NOW - 3 * MINUTE },
    ],
    [
      '21:06:40 add 2: 3 pods pending. With no pod pending, it would have held.',
      { unschedulable: [3] },
    ],
    [
      // Two rules asked for the same: without the first, the second would have.
      '21:06:40 add 2: 3 pods pending. With no pod pending, it would have added 1.',
      { unschedulable: [3], ...busy(80) },
    ],
    [
      '21:06:40 add 1: CPU 80 %, above 70 %. With CPU at 70 % or less, it would have held.',
      busy(80),
    ],
    [
      '21:06:40 remove 1 (i-03): CPU 20 %, below 30 %, and no pod pending. With CPU at 30 % or more, it would have held.',
      busy(20),
    ],
    [
      // Nothing was asked for: what would have asked first.
      '21:06:40 hold: no pod pending; CPU 50 %, not above 70 %; no sale ahead; CPU 50 %, not below 30 %. ' +
        'With 1 pod pending or more, it would have added 2.',
      {},
    ],
    [
      '21:06:40 hold: 30 pods pending, more than the nodes on the way can hold, but that would make 12 nodes, of at most 10 (nodeCountMax); ' +
        'would have added 2. With nodeCountMax at 11 or more (it was 10), it would have added 1.',
      {
        unschedulable: [30],
        desired: 10,
        workers: [...workers(9), worker('i-10', { phase: 'booting' })],
      },
    ],
    [
      // The next guard would have stood in the way: the flip says so.
      '21:06:40 hold: CPU 20 %, below 30 %, and no pod pending, but that would leave 1 node, of at least 2 (nodeCountMin); would have removed 1. ' +
        'With nodeCountMin at 1 or less (it was 2), it would still have held: no node can go: ' +
        'of the Ready, 2 kept by the on-demand base of 2, by zones within one of each other, or by pods that would not fit elsewhere ' +
        'with 100 % of a node to spare.',
      { ...busy(20), workers: workers(2), desired: 2 },
    ],
    [
      '21:06:40 hold: 3 pods pending, but paused: nothing is added or removed; would have added 2. Not paused, it would have added 2.',
      { unschedulable: [3], mode: 'paused' },
    ],
    [
      // What the list would have said nobody knows, so nothing is said of what would have been done.
      '21:06:40 hold: 3 pods pending, but the instance list could not be read; would have added 2. ' +
        'With the instance list read, that would not have stood in the way.',
      { unschedulable: [3], instancesKnown: false },
    ],
    [
      '21:06:40 hold: 3 pods pending, but that could cost ৳43.00 an hour, of at most ৳25.00 (spendMaxBdtPerHour); would have added 2. ' +
        'With spendMaxBdtPerHour at 33 or more (it was 25), it would have added 1.',
      { unschedulable: [3] },
      configured('node-fleet', { spendMaxBdtPerHour: 25 }),
    ],
    [
      '21:06:40 hold: 3 pods pending, but no pool that did not refuse lately; the next may be tried at 21:10:40; would have added 2. ' +
        'Seen from 21:11:40 on, it would have added 2.',
      { unschedulable: [3], poolBackoffs: refused },
    ],
    [
      '21:06:40 hold: CPU 20 %, below 30 %, and no pod pending, but 1 node not settled: on the way, not Ready, or Ready only just now; ' +
        'would have removed 1. With every node settled, it would have removed 1.',
      { ...busy(20), workers: [...workers(3), worker('i-04', { phase: 'joining' })] },
    ],
    [
      '21:06:40 hold: CPU 20 %, below 30 %, and no pod pending, but no node can go: of the Ready, 3 with pods that may not be moved; ' +
        'would have removed 1. No one value of those compared would have changed that.',
      {
        ...busy(20),
        shapes: [WEB, shape('db', { pinnedBy: 'stateful-set' })],
        unschedulable: [0, 0],
        workers: workers(3, { pods: [0, 1] }),
      },
    ],
    [
      '21:06:40 replace 2: 5 nodes meant to be there, 3 there or on their way. With 3 nodes meant to be there, it would have held.',
      { desired: 5 },
    ],
    [
      '21:06:40 hold: 5 nodes meant to be there, 3 there or on their way, but the last 3 launches never joined: only one node at a time, ' +
        'the next at 21:25:40; would have replaced 2. Seen from 21:25:40 on, it would have replaced 1.',
      { desired: 5, joinFailures: 3, joinFailedAtMs: NOW - MINUTE },
    ],
    [
      '21:06:40 hold: the policy asks for nothing. Nothing was compared that could have changed it.',
      {},
      configured('static', { nodeCount: 3 }),
    ],
  ])('%s', (expected, changes, policy = configured()) => {
    expect(explained(...situationOf(changes, policy)).text).toBe(expected);
  });
});

describe('why nothing was added or removed', () => {
  const told = (
    direction: 'up' | 'down',
    changes: Partial<View>,
    policy = configured(),
    of = cluster(),
  ) => {
    const [situation, decided, telling] = situationOf(changes, policy, of);
    return whyNotTold(situation, decided, direction, telling);
  };

  test('the first guard in the way of what was asked for', () => {
    expect(told('up', { unschedulable: [3], lastScaleUpAtMs: NOW - 3 * MINUTE })).toMatchObject({
      kind: 'rule',
      rule: { part: 'guards', rule: { rule: 'cooldown', threshold: NOW + 2 * MINUTE } },
      flip: { variable: 'nowMs', was: NOW, value: NOW + 2 * MINUTE, side: 'atLeast' },
      text:
        '21:06:40 did not add: 3 pods pending, but cooling down until 21:08:40 (scaled up by 2 at 21:03:40). ' +
        'Seen from 21:08:40 on, it would have added 2.',
    });
  });

  test('of what nobody asked for: every rule that might have, and the first that would', () => {
    expect(told('up', busy(20), configured(), cluster({ calendar: [SALE] })).text).toBe(
      '21:06:40 did not add: no pod pending; CPU 20 %, not above 70 %; Friday sale in 60 min, not within 15 min. ' +
        'With 1 pod pending or more, it would have added 2.',
    );
    expect(told('down', {}).text).toBe(
      '21:06:40 did not remove: CPU 50 %, not below 30 %. With CPU at 29.9 % or less, it would have removed 1.',
    );
  });

  test('what asked for the opposite stands in the way', () => {
    expect(told('down', { unschedulable: [3] }).text).toBe(
      '21:06:40 did not remove: 3 pods pending. With no pod pending, it would have held.',
    );
  });

  test('a reading that is missing could have asked', () => {
    const metricsDown = { metrics: metrics({ cpuPercent: MISSING }) };
    expect(told('down', metricsDown).text).toBe(
      '21:06:40 did not remove: CPU for a removal not known: Prometheus does not answer. ' +
        'With a CPU reading of 29.9 % or less, it would have removed 1.',
    );
    const all = { ...KUBERNETES_DOWN, metrics: metrics({ unschedulablePods: MISSING }) };
    expect(told('up', all).flip).toMatchObject({ variable: 'unschedulable', was: null, value: 1 });
  });

  test('what was done needs no excuse', () => {
    expect(told('up', { unschedulable: [3] })).toEqual({
      kind: 'done',
      text: 'It did add 2. 21:06:40 add 2: 3 pods pending.',
      rule: null,
      flip: null,
    });
    expect(told('up', { desired: 5 }).text).toMatch(/^It did add 2\. 21:06:40 replace 2: /);
    expect(told('down', busy(20)).text).toMatch(/^It did remove 1\. 21:06:40 remove 1 \(i-03\): /);
  });

  test('a policy without such a rule never asks', () => {
    expect(told('up', {}, configured('static', { nodeCount: 3 }))).toMatchObject({
      kind: 'never-asked',
      text: '21:06:40 did not add: the policy static has no rule that asks for it.',
    });
  });

  test('a repair that was refused comes before what the policy did not ask for', () => {
    expect(told('up', { desired: 5, mode: 'paused' }).text).toBe(
      '21:06:40 did not add: 5 nodes meant to be there, 3 there or on their way, but paused: nothing is added or removed. ' +
        'Not paused, it would have replaced 2.',
    );
  });
});
