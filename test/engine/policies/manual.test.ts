import { describe, expect, test } from 'vitest';
import { decide, firstBlocking, type Proposal, type View } from '../../../engine/index.ts';
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
  SECOND,
  view,
  worker,
  workers,
} from '../build.ts';
import { asked, propose, verdicts } from './propose.ts';

const NAME = 'manual';
const DELAYS = { operatorDelaysMs: [16 * MINUTE, 19 * MINUTE] };

/** Its memory: when it last looked, when they were called, since when it is quiet, how often they came. */
const remembering = (calledMs: number | null, quietMs: number | null = null, came = 0) => ({
  memory: [
    NOW - 2 * MINUTE,
    calledMs === null ? 0 : NOW - calledMs,
    quietMs === null ? 0 : NOW - quietMs,
    came,
  ],
});
const called = ({ memory }: Proposal): number | null => (memory[1] === 0 ? null : memory[1]!);
/** Five nodes that stay, and as many more. */
const fleet = (more = 0, changes: Partial<View> = {}): Partial<View> => ({
  workers: workers(5 + more),
  desired: 5 + more,
  ...changes,
});
const cpu = (value: number): Partial<View> => ({
  metrics: metrics({ cpuPercent: reading(value) }),
});

describe('somebody is called', () => {
  test.each([
    { what: 'nothing is the matter', given: {}, expected: null },
    { what: 'a pod is unschedulable', given: { unschedulable: [1] }, expected: NOW },
    { what: 'CPU is 70 %', given: cpu(70), expected: null },
    { what: 'CPU is 70.001 %', given: cpu(70.001), expected: NOW },
    {
      what: 'CPU is 90 %, of 90 s ago',
      given: { metrics: metrics({ cpuPercent: reading(90, 90 * SECOND) }) },
      expected: NOW,
    },
    {
      what: 'CPU is 90 %, of 90.001 s ago',
      given: { metrics: metrics({ cpuPercent: reading(90, 90_001) }) },
      expected: null,
    },
    {
      what: 'CPU is missing',
      given: { metrics: metrics({ cpuPercent: MISSING }) },
      expected: null,
    },
    {
      what: 'the pod list and Prometheus are down',
      given: { ...KUBERNETES_DOWN, metrics: metrics({ unschedulablePods: MISSING }) },
      expected: null,
    },
  ])('when $what: $expected', ({ given, expected }) => {
    const proposal = propose(NAME, fleet(0, given), { cluster: DELAYS });
    expect(called(proposal)).toBe(expected);
    expect(asked(proposal)).toBe(0);
  });

  test('the rules say what calls them, and what nobody knows', () => {
    const of = (given: Partial<View>) => propose(NAME, fleet(0, given)).rules.slice(0, 2);
    const pods = { rule: 'pods-unschedulable', observed: 0, threshold: 0 };
    const high = { rule: 'cpu-high', threshold: 70 };
    expect(of(cpu(70))).toEqual([
      { ...pods, verdict: 'quiet' },
      { ...high, verdict: 'quiet', observed: 70 },
    ]);
    expect(of({ ...cpu(70.001), unschedulable: [3] })).toEqual([
      { ...pods, verdict: 'fires', observed: 3 },
      { ...high, verdict: 'fires', observed: 70.001 },
    ]);
    const blind = metrics({ cpuPercent: MISSING, unschedulablePods: MISSING });
    expect(of({ ...KUBERNETES_DOWN, metrics: blind })).toEqual([
      { ...pods, verdict: 'unknown' },
      { ...high, verdict: 'unknown', observed: 0 },
    ]);
  });

  test('not for pods that nodes on their way will hold, nor for CPU that they will share', () => {
    const booting = [...workers(5), worker('i-9', { phase: 'booting' })];
    const eight = { ...fleet(), workers: booting, unschedulable: [8] };
    expect(called(propose(NAME, eight))).toBe(null);
    expect(called(propose(NAME, { ...eight, unschedulable: [9] }))).toBe(NOW);
    // 84 % on 5 is 70 % on 6.
    expect(called(propose(NAME, { ...fleet(), ...cpu(84), workers: booting }))).toBe(null);
    expect(called(propose(NAME, { ...fleet(), ...cpu(84.1), workers: booting }))).toBe(NOW);
  });

  test('nobody who was not called has been here', () => {
    for (const given of [{}, { unschedulable: [1] }]) {
      const proposal = propose(NAME, fleet(0, given), remembering(null, null, 4));
      expect(proposal.memory[3]).toBe(4);
    }
  });

  test('once: whoever is on the way is not called again, and comes though it got better', () => {
    for (const given of [{ unschedulable: [1] }, {}]) {
      const proposal = propose(NAME, fleet(0, given), {
        ...remembering(9 * MINUTE),
        cluster: DELAYS,
      });
      expect(called(proposal)).toBe(NOW - 9 * MINUTE);
    }
  });
});

describe('they come after a delay that the cluster’s data gives', () => {
  const waiting = fleet(0, { unschedulable: [9] });

  test.each([
    { calledMs: 16 * MINUTE - 1, came: 0, expected: 0 },
    { calledMs: 16 * MINUTE, came: 0, expected: 2 },
    { calledMs: 19 * MINUTE - 1, came: 1, expected: 0 },
    { calledMs: 19 * MINUTE, came: 1, expected: 2 },
    // Counted round.
    { calledMs: 16 * MINUTE - 1, came: 2, expected: 0 },
    { calledMs: 16 * MINUTE, came: 2, expected: 2 },
  ])('called $calledMs ms ago, $came times here before → $expected', (given) => {
    const { calledMs, came, expected } = given;
    const proposal = propose(NAME, waiting, {
      ...remembering(calledMs, null, came),
      cluster: DELAYS,
    });
    expect(asked(proposal)).toBe(expected);
    expect(proposal.rules[2]).toEqual({
      rule: 'operator-comes',
      verdict: expected > 0 ? 'fires' : 'quiet',
      observed: NOW,
      threshold: NOW - calledMs + DELAYS.operatorDelaysMs[came % 2]!,
    });
  });

  test.each([
    { calledMs: 1050 * SECOND - 1, expected: 0 },
    { calledMs: 1050 * SECOND, expected: 2 },
  ])(
    'where there is none, after reactionSeconds: called $calledMs ms ago → $expected',
    ({ calledMs, expected }) => {
      expect(asked(propose(NAME, waiting, remembering(calledMs)))).toBe(expected);
    },
  );
});

describe('they add what is lacking by then', () => {
  const there = { ...remembering(16 * MINUTE), cluster: DELAYS };

  test.each([
    { pods: 1, expected: 1 },
    { pods: 8, expected: 1 },
    { pods: 9, expected: 2 },
    { pods: 40, expected: 5 },
  ])('$pods pods without room → $expected nodes', ({ pods, expected }) => {
    const proposal = propose(NAME, fleet(0, { unschedulable: [pods] }), there);
    expect(asked(proposal)).toBe(expected);
    expect(proposal).toMatchObject({ level: 'CRITICAL', evidence: 'pods' });
  });

  test.each([
    // 5 nodes at 84 % carry what 6 carry at 70 %.
    { percent: 84, expected: 1 },
    { percent: 84.001, expected: 2 },
    { percent: 100, expected: 3 },
  ])('CPU at $percent % → $expected nodes', ({ percent, expected }) => {
    const proposal = propose(NAME, fleet(0, cpu(percent)), there);
    expect(asked(proposal)).toBe(expected);
    expect(proposal).toMatchObject({ level: 'HIGH_LOAD', evidence: 'cpu' });
  });

  test('of both the greater', () => {
    const both = (pods: number) => ({ ...fleet(0, cpu(100)), unschedulable: [pods] });
    expect(asked(propose(NAME, both(8), there))).toBe(3);
    expect(asked(propose(NAME, both(40), there))).toBe(5);
  });

  test('nothing, when it is over: they leave, and were here once more', () => {
    const proposal = propose(NAME, fleet(), there);
    expect(asked(proposal)).toBe(0);
    expect(proposal.memory).toEqual([NOW, 0, NOW, 1]);
  });

  test('nothing, while they cannot see whether it is over: they stay', () => {
    const blind = { ...KUBERNETES_DOWN, metrics: metrics({ unschedulablePods: MISSING }) };
    for (const given of [blind, { metrics: metrics({ cpuPercent: MISSING }) }]) {
      const proposal = propose(NAME, fleet(0, given), there);
      expect(asked(proposal)).toBe(0);
      expect(called(proposal)).toBe(NOW - 16 * MINUTE);
      expect(proposal.memory[3]).toBe(0);
    }
  });

  test('again, as long as it was not ordered; then they leave, and are called anew', () => {
    const waiting = fleet(0, { unschedulable: [9] });
    const orderedMs = (ms: number | null) =>
      propose(
        NAME,
        { ...waiting, lastScaleUpAtMs: ms === null ? null : NOW - ms },
        { ...remembering(20 * MINUTE), cluster: DELAYS },
      );
    // They came 4 minutes ago. What was bought before that was not theirs.
    expect(asked(orderedMs(null))).toBe(2);
    expect(asked(orderedMs(4 * MINUTE + 1))).toBe(2);
    const after = orderedMs(4 * MINUTE);
    expect(asked(after)).toBe(0);
    expect(called(after)).toBe(NOW);
    expect(after.memory[3]).toBe(1);
  });
});

describe('much later they take the fleet back to its base', () => {
  const quiet = (quietMs: number | null) => ({ ...remembering(null, quietMs), cluster: DELAYS });

  test.each([
    { quietMs: null, expected: 0 },
    { quietMs: 2 * HOUR - 1, expected: 0 },
    { quietMs: 2 * HOUR, expected: -3 },
  ])('quiet for $quietMs ms → $expected', ({ quietMs, expected }) => {
    const proposal = propose(NAME, fleet(3, cpu(20)), quiet(quietMs));
    expect(asked(proposal)).toBe(expected);
    expect(proposal.memory[2]).toBe(NOW - (quietMs ?? 0));
    if (expected < 0) {
      expect(proposal).toMatchObject({ level: 'LOW_LOAD', evidence: 'cpu' });
    }
    expect(proposal.rules.at(-1)).toEqual({
      rule: 'quiet-lasts',
      verdict: expected < 0 ? 'fires' : 'quiet',
      observed: quietMs ?? 0,
      threshold: 2 * HOUR,
    });
  });

  test('it is not quiet while a pod waits for a node on its way, or while CPU calls somebody', () => {
    const booting = [...workers(8), worker('i-9', { phase: 'booting' })];
    const waiting = { ...fleet(3, cpu(20)), workers: booting, unschedulable: [1] };
    expect(propose(NAME, waiting, quiet(HOUR)).memory[2]).toBe(0);
    // 4 Ready at 80 % would fit on 5, but 4 more are not Ready, and nobody knows when.
    const sick = [...workers(4), ...workers(4, { phase: 'unknown' })];
    const busy = { ...fleet(3, cpu(80)), workers: sick };
    expect(called(propose(NAME, busy, quiet(HOUR)))).toBe(NOW);
    expect(propose(NAME, busy, quiet(HOUR)).memory[2]).toBe(0);
  });

  test.each([
    // What 8 nodes carry at 43.75 %, 5 carry at 70 %.
    { what: '43.75 % on 8', given: cpu(43.75), isQuiet: true },
    { what: '43.751 % on 8', given: cpu(43.751), isQuiet: false },
    { what: 'a pod without room', given: { ...cpu(20), unschedulable: [1] }, isQuiet: false },
    { what: 'missing', given: { metrics: metrics({ cpuPercent: MISSING }) }, isQuiet: false },
    {
      what: 'half covered',
      given: { metrics: metrics({ cpuPercent: reading(20, 0, 0.599) }) },
      isQuiet: false,
    },
  ])('quiet is when the load would fit on the base: $what → $isQuiet', ({ given, isQuiet }) => {
    const proposal = propose(NAME, fleet(3, given), quiet(HOUR));
    expect(proposal.memory[2]).toBe(isQuiet ? NOW - HOUR : 0);
  });

  test('a gap of more than ten minutes between looks ends it', () => {
    const after = (agoMs: number) =>
      propose(NAME, fleet(3, cpu(20)), { memory: [NOW - agoMs, 0, NOW - 3 * HOUR, 0] });
    expect(asked(after(10 * MINUTE))).toBe(-3);
    expect(asked(after(10 * MINUTE + 1))).toBe(0);
  });

  test('never below it, nor below min', () => {
    expect(asked(propose(NAME, fleet(0, cpu(0)), quiet(9 * HOUR)))).toBe(0);
    const settings = { baseNodeCount: 3, nodeCountMin: 6 };
    const given = { ...quiet(9 * HOUR), settings };
    expect(asked(propose(NAME, fleet(3, cpu(0)), given))).toBe(-2);
  });
});

describe('the base is a standing order: nobody has to come for it', () => {
  test.each([
    { count: 4, settings: {}, expected: 1 },
    { count: 5, settings: {}, expected: 0 },
    { count: 2, settings: { baseNodeCount: 3 }, expected: 1 },
    // As far as max allows, so that a lower one is no contradiction; and never fewer than min.
    { count: 2, settings: { nodeCountMax: 4 }, expected: 2 },
    { count: 4, settings: { nodeCountMax: 4 }, expected: 0 },
    { count: 5, settings: { nodeCountMin: 7 }, expected: 2 },
  ])('$count nodes with $settings → $expected', ({ count, settings, expected }) => {
    const proposal = propose(NAME, { workers: workers(count) }, { settings });
    expect(asked(proposal)).toBe(expected);
    expect(verdicts(proposal).includes('target-above-supply fires')).toBe(expected > 0);
    if (expected > 0) {
      expect(proposal).toMatchObject({ level: 'TARGET', evidence: 'none' });
    }
  });

  test('nodes on their way are there', () => {
    const booting = [...workers(4), worker('i-9', { phase: 'booting' })];
    expect(asked(propose(NAME, { workers: booting }))).toBe(0);
  });
});

describe('what surrounds it', () => {
  test('everything is on demand, and it costs nothing to run', () => {
    const { policy, settings } = configured(NAME);
    expect(policy.scales).toBe(false);
    expect(settings).toMatchObject({
      baseNodeCount: 5,
      nodeCountMin: 2,
      nodeCountMax: 10,
      onDemandBase: 5,
      spotPercent: 0,
    });
    expect(configured(NAME, { baseNodeCount: 12 }).settings).toMatchObject({
      nodeCountMax: 12,
      onDemandBase: 12,
    });
  });

  test('what they order is bought on demand, as far as max allows', () => {
    const waiting = view(fleet(3, { unschedulable: [80] }));
    const { memory } = remembering(16 * MINUTE);
    const decided = decide(configured(NAME), cluster(DELAYS), waiting, memory);
    expect(decided.explanation.proposed).toBe(10);
    expect(decided.decision.count).toBe(2);
    expect(decided.decision.launches.map(({ market }) => market)).toEqual([
      'on-demand',
      'on-demand',
    ]);
    const full = view(fleet(5, { unschedulable: [80] }));
    const refused = decide(configured(NAME), cluster(DELAYS), full, memory);
    expect(firstBlocking(refused.explanation)?.rule).toBe('max');
  });

  test('nobody may expect of it to be there sooner', () => {
    const { policy, settings } = configured(NAME);
    expect(policy.pendingPatienceMs?.(settings, cluster(DELAYS))).toBe(19 * MINUTE);
    expect(policy.pendingPatienceMs?.(settings, cluster())).toBe(1050 * SECOND);
  });

  test('the rules say what they see and when they come', () => {
    const waiting = fleet(0, { unschedulable: [9] });
    expect(verdicts(propose(NAME, waiting, { cluster: DELAYS }))).toEqual([
      'pods-unschedulable fires',
      'cpu-high quiet',
      'operator-comes quiet',
      'quiet-lasts quiet',
    ]);
    expect(verdicts(propose(NAME, fleet()))).toEqual([
      'pods-unschedulable quiet',
      'cpu-high quiet',
      'quiet-lasts quiet',
    ]);
  });
});
