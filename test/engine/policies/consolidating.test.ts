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

const NAME = 'consolidating';
/** Its memory: when it last looked, and since when 1, 2, … nodes could go. */
const remembering = (...fitMs: number[]) => ({
  memory: [NOW - 2 * MINUTE, ...fitMs.map((ms) => NOW - ms)],
});
const LONG = remembering(HOUR, HOUR, HOUR, HOUR);
/** One worker for each number of web pods; 8 fill it. The first two are the on-demand base. */
const holding = (...pods: number[]): { workers: Worker[]; desired: number } => ({
  workers: workers(pods.length).map((each, n) => ({ ...each, pods: [pods[n]!] })),
  desired: pods.length,
});
const fit = (given: Partial<View>, settings = {}): number =>
  propose(NAME, given, { settings }).memory.length - 1;

describe('up: what bin-packing puts the unschedulable pods on', () => {
  test.each([
    { pods: 0, expected: 0 },
    { pods: 1, expected: 1 },
    { pods: 8, expected: 1 },
    { pods: 9, expected: 2 },
  ])('$pods pods without room → +$expected', ({ pods, expected }) => {
    expect(asked(propose(NAME, { ...holding(8, 8, 8), unschedulable: [pods] }))).toBe(expected);
  });

  test('less the nodes that are on their way', () => {
    const booting = [...holding(8, 8, 8).workers, worker('i-9', { phase: 'booting' })];
    expect(asked(propose(NAME, { unschedulable: [8], workers: booting }))).toBe(0);
    expect(asked(propose(NAME, { unschedulable: [9], workers: booting }))).toBe(1);
  });

  test('without the pod list nothing is known: Prometheus is not asked', () => {
    const blind = {
      ...KUBERNETES_DOWN,
      metrics: metrics({ unschedulablePods: reading(5) }),
      workers: workers(3, { pods: [] }),
    };
    const proposal = propose(NAME, blind, LONG);
    expect(asked(proposal)).toBe(0);
    expect(verdicts(proposal)[0]).toBe('pods-unschedulable unknown');
    expect(proposal.memory).toEqual([NOW]);
  });
});

describe('a node can go', () => {
  test.each([
    { what: 'full ones with 3 places', pods: [7, 6, 3], expected: 1 },
    { what: 'full ones with 2 places', pods: [7, 7, 3], expected: 0 },
    { what: 'a full one that would fit', pods: [0, 0, 8], expected: 1 },
  ])('when its pods fit on the others, with nothing to spare: $what → $expected', (given) => {
    expect(fit(holding(...given.pods))).toBe(given.expected);
  });

  test('not from the on-demand base, nor a person’s, nor with a pod that may not be moved', () => {
    expect(fit(holding(0, 0))).toBe(0);
    const cordoned = holding(1, 1, 1);
    cordoned.workers[2] = { ...cordoned.workers[2]!, cordoned: true };
    expect(fit(cordoned)).toBe(0);
    const shapes = [WEB, shape('db', { pinnedBy: 'stateful-set' })];
    const pinned = workers(3).map((each, n) => ({ ...each, pods: [1, n === 2 ? 1 : 0] }));
    expect(fit({ shapes, unschedulable: [0, 0], workers: pinned })).toBe(0);
  });

  test('not without the node list', () => {
    expect(fit({ ...holding(1, 1, 1), nodesKnown: false })).toBe(0);
  });

  test('not while a pod waits, even for a node on its way', () => {
    const booting = [...holding(1, 1, 1).workers, worker('i-9', { phase: 'booting' })];
    const waiting = { workers: booting, unschedulable: [1] };
    const proposal = propose(NAME, waiting, LONG);
    expect(asked(proposal)).toBe(0);
    expect(proposal.memory).toEqual([NOW]);
    // One that no node could hold waits for ever, and keeps nothing.
    const shapes = [WEB, shape('huge', { requestMillicpu: 2001 })];
    const impossible = workers(3, { pods: [1, 0] });
    expect(fit({ shapes, unschedulable: [0, 5], workers: impossible })).toBe(1);
  });
});

describe('down: what could go 15 s ago, and still can', () => {
  test.each([
    { fitMs: [], expected: 0 },
    { fitMs: [15 * SECOND - 1], expected: 0 },
    { fitMs: [15 * SECOND], expected: -1 },
  ])('for $fitMs ms → $expected', ({ fitMs, expected }) => {
    const proposal = propose(NAME, holding(1, 1, 1), remembering(...fitMs));
    expect(asked(proposal)).toBe(expected);
    expect(proposal.memory).toEqual([NOW, NOW - (fitMs[0] ?? 0)]);
    expect(verdicts(proposal)).toEqual(
      expected < 0
        ? ['pods-unschedulable quiet', 'consolidatable-lasts fires', 'disruption-budget fires']
        : ['pods-unschedulable quiet', 'consolidatable-lasts quiet'],
    );
  });

  test.each([
    { fitMs: 75 * SECOND - 1, expected: 0 },
    { fitMs: 75 * SECOND, expected: -1 },
  ])('consolidateAfter comes on top: for $fitMs ms with 60 s → $expected', (given) => {
    const { memory } = remembering(given.fitMs);
    const settings = { consolidateAfterSeconds: 60 };
    expect(asked(propose(NAME, holding(1, 1, 1), { memory, settings }))).toBe(given.expected);
  });

  test('what cannot go any more, or a gap between looks, begins it anew', () => {
    expect(propose(NAME, holding(7, 7, 3), LONG).memory).toEqual([NOW]);
    const gap = { memory: [NOW - 10 * MINUTE - 1, NOW - HOUR] };
    expect(asked(propose(NAME, holding(1, 1, 1), gap))).toBe(0);
  });

  test('the proposal rests on the pods', () => {
    const proposal = propose(NAME, holding(1, 1, 1), LONG);
    expect(proposal).toMatchObject({ level: 'LOW_LOAD', evidence: 'pods' });
  });
});

describe('a tenth of the nodes at once, rounded up', () => {
  /** `count` idle nodes, and `more` that are as these changes say. */
  const idle = (count: number, more = 0, changes: Partial<Worker> = {}): Partial<View> => ({
    workers: [
      ...workers(count, { pods: [0] }),
      ...Array.from({ length: more }, (_, n) => worker(`j-${n}`, { pods: [0], ...changes })),
    ],
    desired: count,
  });

  test.each([
    { count: 4, expected: -1 },
    { count: 10, expected: -1 },
    { count: 11, expected: -2 },
    { count: 20, expected: -2 },
    { count: 21, expected: -3 },
  ])('$count nodes → $expected', ({ count, expected }) => {
    expect(asked(propose(NAME, idle(count), LONG))).toBe(expected);
  });

  test.each<{ what: string; changes: Partial<Worker> }>([
    { what: 'tainted', changes: { phase: 'tainted' } },
    { what: 'draining', changes: { phase: 'draining' } },
    { what: 'terminating', changes: { phase: 'terminating' } },
    { what: 'doomed', changes: { phase: 'doomed' } },
    { what: 'NotReady', changes: { phase: 'not-ready' } },
    { what: 'NotReady for a moment', changes: { phase: 'unknown' } },
  ])('one that is $what takes its place in the budget', ({ changes }) => {
    const proposal = propose(NAME, idle(9, 1, changes), LONG);
    expect(asked(proposal)).toBe(0);
    expect(proposal.rules.at(-1)).toEqual({
      rule: 'disruption-budget',
      verdict: 'quiet',
      observed: 1,
      threshold: 1,
    });
    // 11 in all have a budget of two.
    expect(asked(propose(NAME, idle(10, 1, changes), LONG))).toBe(-1);
  });

  test('one that boots does not: it is no node yet', () => {
    expect(asked(propose(NAME, idle(10, 1, { phase: 'booting' }), LONG))).toBe(-1);
    expect(asked(propose(NAME, idle(10, 1), LONG))).toBe(-2);
  });

  test('of these as many as have been fit to go for long enough', () => {
    const { memory } = remembering(HOUR, 15 * SECOND, 15 * SECOND - 1);
    expect(asked(propose(NAME, idle(30), { memory }))).toBe(-2);
  });

  test('the budget is a setting; 0 % removes nothing', () => {
    const of = (budgetPercent: number) =>
      asked(propose(NAME, idle(10), { ...LONG, settings: { budgetPercent } }));
    expect([0, 1, 10, 11, 40].map(of)).toEqual([0, -1, -1, -2, -4]);
  });

  test('more than the step limit lets go are not looked for', () => {
    const settings = { budgetPercent: 40, stepDownMax: 2 };
    expect(fit(idle(10), settings)).toBe(2);
    expect(fit(idle(10), { budgetPercent: 40 })).toBe(4);
  });
});

describe('what surrounds it', () => {
  test('no headroom, and a quarter of an hour to join', () => {
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

  test('the node that goes is the emptiest', () => {
    const now = view(holding(5, 5, 2, 0, 3));
    const { decision } = decide(configured(NAME), cluster(), now, LONG.memory);
    expect(decision).toMatchObject({ action: 'scaleDown', victims: ['i-04'] });
  });
});
