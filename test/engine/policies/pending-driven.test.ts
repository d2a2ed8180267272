import { describe, expect, test } from 'vitest';
import { decide, type View, type Worker } from '../../../engine/index.ts';
import {
  cluster,
  configured,
  HOUR,
  KUBERNETES_DOWN,
  metrics,
  MINUTE,
  NOW,
  reading,
  SECOND,
  shape,
  view,
  WEB,
  worker,
  workers,
} from '../build.ts';
import { asked, propose, verdicts } from './propose.ts';

const NAME = 'pending-driven';
/** Its memory: when it last looked, failed removals, when the last failed, since when 1, 2, … nodes are unneeded. */
const remembering = (unneededMs: readonly number[], failures = 0, failedMs = HOUR) => ({
  memory: [
    NOW - 2 * MINUTE,
    failures,
    failures > 0 ? NOW - failedMs : 0,
    ...unneededMs.map((ms) => NOW - ms),
  ],
});
const LONG = remembering([HOUR, HOUR, HOUR, HOUR, HOUR]);
/** One worker for each number of web pods; 8 fill it. */
const holding = (...pods: number[]): { workers: Worker[]; desired: number } => ({
  workers: workers(pods.length).map((each, n) => ({ ...each, pods: [pods[n]!] })),
  desired: pods.length,
});

describe('up: what bin-packing puts the unschedulable pods on', () => {
  test.each([
    { pods: 0, expected: 0 },
    { pods: 1, expected: 1 },
    { pods: 8, expected: 1 },
    { pods: 9, expected: 2 },
    { pods: 80, expected: 10 },
  ])('$pods pods without room → +$expected', ({ pods, expected }) => {
    expect(asked(propose(NAME, { unschedulable: [pods] }))).toBe(expected);
  });

  test('packed, not summed; a pod that no node could hold asks for nothing', () => {
    const shapes = [
      WEB,
      shape('big', { requestMillicpu: 1200 }),
      shape('huge', { requestMillicpu: 2001 }),
    ];
    const empty = workers(3, { pods: [0, 0, 0] });
    const of = (...unschedulable: number[]) =>
      asked(propose(NAME, { shapes, unschedulable, workers: empty }));
    expect(of(0, 3, 0)).toBe(3);
    expect(of(0, 0, 9)).toBe(0);
  });

  test('less the nodes that are on their way', () => {
    const booting = [...workers(3), worker('i-9', { phase: 'booting' })];
    const eight = propose(NAME, { unschedulable: [8], workers: booting });
    expect(asked(eight)).toBe(0);
    expect(eight.rules[1]).toMatchObject({ verdict: 'quiet', observed: 8 });
    expect(asked(propose(NAME, { unschedulable: [9], workers: booting }))).toBe(1);
  });

  test('the proposal says what it saw and rests on the pods', () => {
    const proposal = propose(NAME, { unschedulable: [9] });
    expect(proposal).toMatchObject({ level: 'CRITICAL', evidence: 'pods' });
    expect(proposal.rules).toEqual([
      { rule: 'nodes-unready', verdict: 'quiet', observed: 0, threshold: 3 },
      { rule: 'pods-unschedulable', verdict: 'fires', observed: 9, threshold: 0 },
    ]);
  });

  test('without the pod list nothing is known: Prometheus is not asked', () => {
    const blind = {
      ...KUBERNETES_DOWN,
      metrics: metrics({ unschedulablePods: reading(5) }),
      workers: workers(3, { pods: [] }),
    };
    const proposal = propose(NAME, blind, LONG);
    expect(asked(proposal)).toBe(0);
    expect(verdicts(proposal)).toContain('pods-unschedulable unknown');
    expect(proposal.memory).toEqual([NOW, 0, 0]);
  });

  test('without the node list nothing is unneeded', () => {
    const blind = { ...holding(3, 5, 5), nodesKnown: false };
    expect(propose(NAME, blind, LONG).memory).toEqual([NOW, 0, 0]);
  });
});

describe('a node is unneeded', () => {
  const unneeded = (given: Partial<View>, settings = {}): number =>
    propose(NAME, given, { settings }).memory.length - 3;

  test.each([
    { pods: 3, expected: 1 }, // 750 m of 2,000
    { pods: 4, expected: 0 }, // 1,000 m: not below half
  ])('when less than half of its CPU is requested: $pods pods → $expected', (given) => {
    expect(unneeded(holding(given.pods, 5, 5))).toBe(given.expected);
  });

  test.each([
    { mib: 2047, expected: 1 },
    { mib: 2048, expected: 0 },
  ])('and less than half of its memory: $mib MiB of 4,096 → $expected', ({ mib, expected }) => {
    const shapes = [shape('fat', { requestMillicpu: 1, requestMib: mib })];
    // Two of them fill a node: one place is left on each of the others.
    expect(unneeded({ ...holding(1, 1, 1), shapes })).toBe(expected);
  });

  test.each([
    { free: '3 places elsewhere', pods: [3, 6, 7], expected: 1 },
    { free: '2 places elsewhere', pods: [3, 7, 7], expected: 0 },
  ])('when its pods fit on the others, with nothing to spare: $free → $expected', (given) => {
    expect(unneeded(holding(...given.pods))).toBe(given.expected);
  });

  test('with what is unneeded before it: all their pods together must fit', () => {
    // 8 places on the full ones: 3 + 3 fit, 3 + 3 + 3 do not.
    expect(unneeded(holding(3, 3, 4, 4))).toBe(2);
    expect(unneeded(holding(3, 3, 3, 4, 4))).toBe(2);
    expect(unneeded(holding(0, 0, 0))).toBe(3);
  });

  test.each<{ what: string; changes: Partial<Worker> }>([
    { what: 'booting', changes: { phase: 'booting' } },
    { what: 'NotReady', changes: { phase: 'not-ready' } },
    { what: 'draining', changes: { phase: 'draining' } },
    { what: 'a person’s', changes: { cordoned: true } },
  ])('not while it is $what', ({ changes }) => {
    const given = holding(0, 5, 5);
    given.workers[0] = { ...given.workers[0]!, ...changes };
    expect(unneeded(given)).toBe(0);
  });

  test('not with a pod on it that may not be moved', () => {
    const shapes = [WEB, shape('db', { pinnedBy: 'stateful-set' })];
    const pods = [
      [1, 1],
      [5, 0],
      [5, 0],
    ];
    const given = workers(3).map((each, n) => ({ ...each, pods: pods[n]! }));
    expect(unneeded({ shapes, unschedulable: [0, 0], workers: given })).toBe(0);
  });

  test.each([
    { others: 29, expected: 1 },
    { others: 30, expected: 0 },
  ])('of those with pods 30 are tried: behind $others that cannot go → $expected', (given) => {
    const shapes = [WEB, shape('bound', { zone: 'nowhere' })];
    const fleet = workers(given.others + 2, { pods: [0, 1] });
    fleet[0] = { ...fleet[0]!, pods: [2, 0] };
    fleet[1] = { ...fleet[1]!, pods: [5, 0] };
    expect(unneeded({ shapes, unschedulable: [0, 0], workers: fleet })).toBe(given.expected);
    // Empty ones are no effort.
    const empty = Array.from({ length: 8 }, (_, n) => worker(`j-${n}`, { pods: [0, 0] }));
    const more = [...fleet, ...empty];
    expect(unneeded({ shapes, unschedulable: [0, 0], workers: more })).toBe(8 + given.expected);
  });

  test('below what share is a setting', () => {
    expect(unneeded(holding(4, 5, 5), { utilizationPercent: 51 })).toBe(1);
    expect(unneeded(holding(1, 5, 5), { utilizationPercent: 12 })).toBe(0);
  });
});

describe('down: what has been unneeded for 10 minutes', () => {
  const idle = holding(3, 5, 5);

  test.each([
    { unneededMs: [], expected: 0 },
    { unneededMs: [10 * MINUTE - 1], expected: 0 },
    { unneededMs: [10 * MINUTE], expected: -1 },
  ])('unneeded for $unneededMs ms → $expected', ({ unneededMs, expected }) => {
    const proposal = propose(NAME, idle, remembering(unneededMs));
    expect(asked(proposal)).toBe(expected);
    expect(verdicts(proposal)).toContain(`unneeded-lasts ${expected < 0 ? 'fires' : 'quiet'}`);
    expect(proposal.memory).toEqual([NOW, 0, 0, NOW - (unneededMs[0] ?? 0)]);
  });

  test('a node that is needed again, or a gap between looks, begins it anew', () => {
    expect(propose(NAME, holding(4, 5, 5), LONG).memory).toEqual([NOW, 0, 0]);
    const gap = { memory: [NOW - 10 * MINUTE - 1, 0, 0, NOW - HOUR] };
    const proposal = propose(NAME, idle, gap);
    expect(asked(proposal)).toBe(0);
    expect(proposal.memory[3]).toBe(NOW);
  });

  test('of nodes with pods one goes at a time', () => {
    const three = holding(1, 1, 1, 5, 5);
    const proposal = propose(NAME, three, LONG);
    expect(asked(proposal)).toBe(-1);
    expect(verdicts(proposal).at(-1)).toBe('drain-ended fires');
    const draining = [...three.workers, worker('i-9', { phase: 'draining', pods: [1] })];
    const waits = propose(NAME, { ...three, workers: draining }, LONG);
    expect(asked(waits)).toBe(0);
    expect(verdicts(waits).at(-1)).toBe('drain-ended quiet');
  });

  test('empty ones go together, whatever drains', () => {
    const three = holding(0, 0, 0, 5, 5);
    expect(asked(propose(NAME, three, LONG))).toBe(-3);
    const draining = [...three.workers, worker('i-9', { phase: 'draining', pods: [1] })];
    expect(asked(propose(NAME, { ...three, workers: draining }, LONG))).toBe(-3);
    // Those with pods wait until no empty one is left.
    expect(asked(propose(NAME, holding(0, 1, 1, 5, 5), LONG))).toBe(-1);
  });

  test('of the empty ones as many as have been there long enough, at most 10', () => {
    const memory = remembering([HOUR, 10 * MINUTE, 10 * MINUTE - 1]);
    expect(asked(propose(NAME, holding(0, 0, 0, 5, 5), memory))).toBe(-2);
    const twelve = holding(...new Array<number>(12).fill(0), 5, 5);
    const long = remembering(new Array<number>(12).fill(HOUR));
    expect(asked(propose(NAME, twelve, long))).toBe(-10);
    expect(asked(propose(NAME, twelve, { ...long, settings: { emptyBulkMax: 4 } }))).toBe(-4);
  });

  test.each([
    { addedMs: 10 * MINUTE - 1, expected: 0 },
    { addedMs: 10 * MINUTE, expected: -1 },
  ])('nodes were added $addedMs ms ago → $expected', ({ addedMs, expected }) => {
    const proposal = propose(NAME, { ...idle, lastScaleUpAtMs: NOW - addedMs }, LONG);
    expect(asked(proposal)).toBe(expected);
    expect(verdicts(proposal)).toContain(
      `scale-up-settled-lasts ${expected < 0 ? 'fires' : 'quiet'}`,
    );
  });

  test('a removal delays nothing', () => {
    expect(asked(propose(NAME, { ...idle, lastScaleDownAtMs: NOW }, LONG))).toBe(-1);
  });

  test.each([
    { failedMs: 3 * MINUTE - 1, expected: 0 },
    { failedMs: 3 * MINUTE, expected: -1 },
  ])('a removal failed $failedMs ms ago → $expected', ({ failedMs, expected }) => {
    const failed = { instanceId: 'i-77', failures: 2, untilMs: NOW + HOUR };
    const given = { ...idle, victimBackoffs: [failed] };
    const proposal = propose(NAME, given, remembering([HOUR], 2, failedMs));
    expect(asked(proposal)).toBe(expected);
    expect(verdicts(proposal)).toContain(
      `removal-settled-lasts ${expected < 0 ? 'fires' : 'quiet'}`,
    );
  });

  test('one that has failed since the last look failed now; one that is forgotten did not', () => {
    const failed = (failures: number) => ({ instanceId: 'i-77', failures, untilMs: NOW + HOUR });
    const after = (failures: readonly number[]) =>
      propose(
        NAME,
        { ...idle, victimBackoffs: failures.map(failed) },
        remembering([HOUR], 2, HOUR),
      ).memory.slice(1, 3);
    expect(after([3])).toEqual([3, NOW]);
    expect(after([2, 1])).toEqual([3, NOW]);
    expect(after([2])).toEqual([2, NOW - HOUR]);
    expect(after([])).toEqual([0, NOW - HOUR]);
  });

  test('not while pods wait for a node that is on its way', () => {
    const booting = [...idle.workers, worker('i-9', { phase: 'booting' })];
    const now = view({ ...idle, workers: booting, unschedulable: [1] });
    expect(decide(configured(NAME), cluster(), now, LONG.memory).decision.action).toBe('hold');
  });

  test('the proposal says how long all that has been so, and rests on the pods', () => {
    const proposal = propose(NAME, { ...idle, lastScaleUpAtMs: NOW - HOUR }, LONG);
    expect(proposal).toMatchObject({ level: 'LOW_LOAD', evidence: 'pods' });
    expect(proposal.rules.slice(2)).toEqual([
      {
        rule: 'scale-up-settled-lasts',
        verdict: 'fires',
        observed: HOUR,
        threshold: 10 * MINUTE,
      },
      {
        rule: 'removal-settled-lasts',
        verdict: 'fires',
        observed: NOW,
        threshold: 3 * MINUTE,
      },
      { rule: 'unneeded-lasts', verdict: 'fires', observed: HOUR, threshold: 10 * MINUTE },
      { rule: 'drain-ended', verdict: 'fires', observed: 0, threshold: 0 },
    ]);
  });
});

describe('nothing is done while much of the cluster is NotReady', () => {
  const sick = (notReady: number, ready: number): Partial<View> => ({
    workers: [
      ...workers(ready),
      ...Array.from({ length: notReady }, (_, n) =>
        worker(`j-${n}`, { phase: 'not-ready', pods: [0] }),
      ),
    ],
    unschedulable: [9],
  });

  test.each([
    { notReady: 3, ready: 0, expected: 2 },
    { notReady: 4, ready: 4, expected: 0 }, // half
    { notReady: 4, ready: 5, expected: 2 }, // 44.4 %
    { notReady: 9, ready: 11, expected: 2 }, // 45 % exactly
    { notReady: 10, ready: 11, expected: 0 }, // 47.6 %
  ])('$notReady beside $ready Ready → $expected', ({ notReady, ready, expected }) => {
    const proposal = propose(NAME, sick(notReady, ready));
    expect(asked(proposal)).toBe(expected);
    expect(verdicts(proposal)[0]).toBe(`nodes-unready ${expected > 0 ? 'quiet' : 'fires'}`);
  });
});

describe('what surrounds it', () => {
  test('no headroom, a quarter of an hour to join, and its own delays instead of the cool-down', () => {
    expect(configured(NAME).settings).toMatchObject({
      nodeCountMin: 2,
      nodeCountMax: 10,
      cooldownBeforeRemovalSeconds: 60,
      stepDownMax: 10,
      drainsInFlightMax: 10,
      removalHeadroomPercent: 0,
      joinTimeoutSeconds: 900,
    });
  });

  test('its delays are settings', () => {
    const settings = {
      unneededSeconds: 60,
      delayAfterAddSeconds: 120,
      delayAfterFailureSeconds: 30,
    };
    const failed = { instanceId: 'i-77', failures: 1, untilMs: NOW + HOUR };
    const given = {
      ...holding(3, 5, 5),
      lastScaleUpAtMs: NOW - 2 * MINUTE,
      victimBackoffs: [failed],
    };
    const { memory } = remembering([MINUTE], 1, 30 * SECOND);
    expect(asked(propose(NAME, given, { memory, settings }))).toBe(-1);
  });

  test('empty nodes that it asks for go in one decision, fewest pods first', () => {
    const spot = holding(5, 5, 5, 0, 0, 0);
    const { decision } = decide(configured(NAME), cluster(), view(spot), LONG.memory);
    expect(decision).toMatchObject({ action: 'scaleDown', count: 3 });
    expect([...decision.victims].sort()).toEqual(['i-04', 'i-05', 'i-06']);
  });
});
