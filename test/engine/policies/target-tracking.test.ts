import { describe, expect, test } from 'vitest';
import { decide, type View } from '../../../engine/index.ts';
import {
  cluster,
  configured,
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

const NAME = 'target-tracking';
/** Its memory: when it last looked, since when CPU is above the target, since when it is far below. */
const remembering = (highMs: number | null, lowMs: number | null, agoMs = 2 * MINUTE) => ({
  memory: [NOW - agoMs, highMs === null ? 0 : NOW - highMs, lowMs === null ? 0 : NOW - lowMs],
});
const HIGH = remembering(10 * MINUTE, null);
const LOW = remembering(null, 60 * MINUTE);
const cpu = (value: number, ageMs = 0, coverageRatio = 1): Partial<View> => ({
  metrics: metrics({ cpuPercent: reading(value, ageMs, coverageRatio) }),
});
/** So many workers that are warm, with that CPU. */
const warm = (count: number, value: number, changes: Partial<View> = {}): Partial<View> => ({
  ...cpu(value),
  workers: workers(count),
  desired: count,
  ...changes,
});

describe('out: CPU above the target for 3 data points of a minute', () => {
  test.each([
    { what: '50', value: 50, expected: 0 },
    { what: '50.001', value: 50.001, expected: 1 },
  ])('at $what % → $expected', ({ value, expected }) => {
    const proposal = propose(NAME, warm(3, value), HIGH);
    expect(asked(proposal)).toBe(expected);
    expect(proposal.memory[1]).toBe(expected > 0 ? NOW - 10 * MINUTE : 0);
  });

  test.each([
    // A look tells of the minute before it: two looks 2 minutes apart are three data points.
    { what: 'this is the first look', highMs: null, expected: 0 },
    { what: 'it began 3 min less 1 ms ago', highMs: 3 * MINUTE - 1, expected: 0 },
    { what: 'it began 3 min ago', highMs: 3 * MINUTE, expected: 3 },
  ])('when $what → $expected', ({ highMs, expected }) => {
    const proposal = propose(NAME, warm(3, 100), remembering(highMs, null));
    expect(asked(proposal)).toBe(expected);
    expect(proposal.memory[1]).toBe(NOW - (highMs ?? MINUTE));
  });

  test.each([
    { count: 3, value: 60, expected: 1 }, // 3 × 60 / 50 = 3.6, rounded up to 4
    { count: 3, value: 66, expected: 1 }, // 3.96
    { count: 3, value: 67, expected: 2 }, // 4.02
    { count: 4, value: 75, expected: 2 }, // 6 exactly
    { count: 5, value: 100, expected: 5 },
  ])('in proportion: $count nodes at $value % → +$expected', ({ count, value, expected }) => {
    expect(asked(propose(NAME, warm(count, value), HIGH))).toBe(expected);
  });

  test('nodes on their way and warming up are capacity already', () => {
    const given = (more: readonly ReturnType<typeof worker>[]) =>
      asked(propose(NAME, { ...cpu(100), workers: [...workers(3), ...more] }, HIGH));
    expect(given([])).toBe(3);
    const booting = ['i-7', 'i-8', 'i-9'].map((id) => worker(id, { phase: 'booting' }));
    expect(given(booting.slice(0, 2))).toBe(1);
    expect(given(booting)).toBe(0);
    const enough = propose(NAME, { ...cpu(100), workers: [...workers(3), ...booting] }, HIGH);
    expect(enough.rules.at(-1)).toEqual({
      rule: 'target-above-supply',
      verdict: 'quiet',
      observed: 6,
      threshold: 6,
    });
    // Ready since the reading was sampled: it is no part of that mean.
    const young = ['i-7', 'i-8', 'i-9'].map((id) =>
      worker(id, { readySinceMs: NOW + 1, pods: [3] }),
    );
    expect(given(young)).toBe(0);
  });

  test('a mean is that of the nodes which were Ready when it was sampled', () => {
    const sampled = cpu(100, 30 * SECOND);
    const at = (readySinceMs: number) =>
      propose(
        NAME,
        { ...sampled, workers: [...workers(3), worker('i-9', { readySinceMs, pods: [3] })] },
        HIGH,
      );
    // Of 4: 8 are wanted; of 3: 6.
    expect(asked(at(NOW - 30 * SECOND))).toBe(4);
    expect(asked(at(NOW - 30 * SECOND + 1))).toBe(2);
  });

  test('the proposal says how long it has been so, and rests on the CPU', () => {
    const proposal = propose(NAME, warm(3, 80), HIGH);
    expect(proposal).toMatchObject({ level: 'TARGET', evidence: 'cpu' });
    expect(proposal.rules).toEqual([
      {
        rule: 'above-target-lasts',
        verdict: 'fires',
        observed: 10 * MINUTE,
        threshold: 3 * MINUTE,
      },
      { rule: 'target-above-supply', verdict: 'fires', observed: 5, threshold: 3 },
    ]);
  });

  test('pods that wait are not looked at', () => {
    expect(asked(propose(NAME, warm(3, 45, { unschedulable: [50] }), HIGH))).toBe(0);
    const { policy, settings } = configured(NAME);
    expect(policy.pendingPatienceMs?.(settings, cluster())).toBe(Infinity);
  });
});

describe('in: CPU below 90 % of the target for 15 data points of a minute', () => {
  test.each([
    { what: '45', value: 45, expected: 0 },
    { what: '44.999', value: 44.999, expected: -1 },
  ])('at $what % on 10 → $expected', ({ value, expected }) => {
    const proposal = propose(NAME, warm(10, value), LOW);
    expect(asked(proposal)).toBe(expected);
    expect(proposal.memory[2]).toBe(expected < 0 ? NOW - 60 * MINUTE : 0);
  });

  test.each([
    { what: 'this is the first look', lowMs: null, expected: 0 },
    { what: 'it began 15 min less 1 ms ago', lowMs: 15 * MINUTE - 1, expected: 0 },
    { what: 'it began 15 min ago', lowMs: 15 * MINUTE, expected: -4 },
  ])('when $what → $expected', ({ lowMs, expected }) => {
    const proposal = propose(NAME, warm(10, 30), remembering(null, lowMs));
    expect(asked(proposal)).toBe(expected);
    expect(proposal.memory[2]).toBe(NOW - (lowMs ?? MINUTE));
    expect(proposal.rules[1]).toEqual({
      rule: 'below-target-lasts',
      verdict: expected < 0 ? 'fires' : 'quiet',
      observed: lowMs ?? MINUTE,
      threshold: 15 * MINUTE,
    });
  });

  test.each([
    { count: 10, value: 30, expected: -4 }, // 10 × 30 / 50 = 6
    { count: 10, value: 30.1, expected: -3 }, // 6.02, rounded up to 7
    { count: 3, value: 34, expected: 0 }, // 2.04: on 2 the mean would be 51
    { count: 3, value: 33, expected: -1 }, // 1.98
    { count: 10, value: 0, expected: -8 }, // to min
    { count: 2, value: 0, expected: 0 },
  ])('never to above the target: $count at $value % → $expected', (given) => {
    const { count, value, expected } = given;
    const proposal = propose(NAME, warm(count, value), LOW);
    expect(asked(proposal)).toBe(expected);
    expect(proposal.rules.at(-1)).toEqual({
      rule: 'target-below-supply',
      verdict: expected < 0 ? 'fires' : 'quiet',
      observed: count + expected,
      threshold: count,
    });
  });

  test.each([
    { what: 'a node that boots', more: { phase: 'booting' as const }, expected: 0 },
    { what: 'one that may be Ready again', more: { phase: 'unknown' as const }, expected: 0 },
    { what: 'one that is dead', more: { phase: 'not-ready' as const }, expected: -1 },
    {
      what: 'a node that has been Ready for 300 s less 1 ms',
      more: { readySinceMs: NOW - 300 * SECOND + 1 },
      expected: 0,
    },
    {
      what: 'a node that has been Ready for 300 s',
      more: { readySinceMs: NOW - 300 * SECOND },
      expected: -2,
    },
  ])('while anything warms up nothing is removed: $what → $expected', ({ more, expected }) => {
    const given = { ...cpu(20), workers: [...workers(3), worker('i-9', { pods: [1], ...more })] };
    const proposal = propose(NAME, given, LOW);
    expect(asked(proposal)).toBe(expected);
    expect(verdicts(proposal)).toContain(`capacity-warm ${expected < 0 ? 'fires' : 'quiet'}`);
  });

  test('the proposal says how long it has been so, and rests on the CPU', () => {
    const proposal = propose(NAME, warm(10, 30), LOW);
    expect(proposal).toMatchObject({ level: 'TARGET', evidence: 'cpu' });
    expect(verdicts(proposal)).toEqual([
      'above-target-lasts quiet',
      'below-target-lasts fires',
      'capacity-warm fires',
      'target-below-supply fires',
    ]);
  });
});

describe('missing data points stop both', () => {
  test.each([
    { what: 'missing', given: { metrics: metrics({ cpuPercent: MISSING }) } },
    { what: 'stale', given: cpu(99, 90_001) },
  ])('$what: nothing is asked for, and both begin anew', ({ given }) => {
    const proposal = propose(NAME, given, remembering(60 * MINUTE, 60 * MINUTE));
    expect(asked(proposal)).toBe(0);
    expect(proposal.memory).toEqual([NOW, 0, 0]);
    expect(verdicts(proposal)).toEqual(['above-target-lasts unknown']);
  });

  test('half covered: it may still add, but not remove', () => {
    const half = (value: number) => ({ ...warm(10, value), ...cpu(value, 0, 0.599) });
    const down = propose(NAME, half(20), LOW);
    expect(asked(down)).toBe(0);
    expect(down.memory[2]).toBe(0);
    expect(verdicts(down).at(-1)).toBe('below-target-lasts unknown');
    expect(asked(propose(NAME, half(60), HIGH))).toBe(2);
  });

  test('a gap of more than ten minutes between looks is missing data points', () => {
    const after = (agoMs: number) =>
      propose(NAME, warm(10, 100), remembering(60 * MINUTE, null, agoMs));
    expect(asked(after(10 * MINUTE))).toBe(10);
    expect(asked(after(10 * MINUTE + 1))).toBe(0);
  });

  test('a mean of no node is nobody’s', () => {
    const none = { ...cpu(99), workers: workers(3, { phase: 'booting' }) };
    expect(verdicts(propose(NAME, none, HIGH))).toEqual(['above-target-lasts unknown']);
  });
});

describe('what surrounds it', () => {
  test('no step limit of ours, no headroom, no cool-down but the guard’s last resort', () => {
    expect(configured(NAME).settings).toMatchObject({
      nodeCountMin: 2,
      nodeCountMax: 10,
      cooldownAfterActionSeconds: 60,
      cooldownBeforeRemovalSeconds: 60,
      stepDownMax: 10,
      drainsInFlightMax: 10,
      removalHeadroomPercent: 0,
    });
  });

  test('settings: target, durations, how far below, warm-up', () => {
    const settings = {
      targetPercent: 60,
      highSeconds: 60,
      lowSeconds: 300,
      lowPercentOfTarget: 50,
      warmupSeconds: 60,
    };
    const with_ = (given: Partial<View>, memory: readonly number[] = []) =>
      asked(propose(NAME, given, { settings, memory }));
    expect(with_(warm(3, 60))).toBe(0);
    expect(with_(warm(3, 60.5))).toBe(1);
    expect(with_(warm(10, 30), remembering(null, 5 * MINUTE).memory)).toBe(0);
    const young = workers(10, { readySinceMs: NOW - MINUTE });
    const low = { ...warm(10, 29), workers: young };
    expect(with_(low, remembering(null, 5 * MINUTE).memory)).toBe(-5);
    expect(with_(low, remembering(null, 5 * MINUTE - 1).memory)).toBe(0);
  });

  test('what it asks for in one look is done in one', () => {
    const now = view(warm(10, 30, { metrics: metrics({ cpuPercent: reading(30) }) }));
    const { decision } = decide(configured(NAME), cluster(), now, LOW.memory);
    expect(decision).toMatchObject({ action: 'scaleDown', count: 4 });
  });
});
