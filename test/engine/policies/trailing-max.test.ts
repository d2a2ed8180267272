import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countFleet, type Proposal, type View } from '../../../engine/index.ts';
import {
  cluster,
  configured,
  KUBERNETES_DOWN,
  MINUTE,
  NOW,
  shape,
  view,
  WEB,
  worker,
  workers,
} from '../build.ts';

function propose(
  changes: Partial<View>,
  memory: readonly number[] = [],
  settings: Readonly<Record<string, unknown>> = {},
): Proposal {
  const { policy, settings: resolved } = configured('trailing-max', settings);
  const now = view(changes);
  return policy.propose({
    view: now,
    fleet: countFleet(now),
    cluster: cluster(),
    settings: resolved,
    memory,
  });
}

function asked({ action, count }: Proposal): number {
  return action === 'hold' ? 0 : action === 'scaleUp' ? count : -count;
}

/** `count` nodes and, on the first of them, `pods` pods: 8 of them to a node. */
function running(pods: number, count = 3): Partial<View> {
  return { workers: workers(count, { pods: [0] }).map((w, n) => (n ? w : { ...w, pods: [pods] })) };
}

describe('demand', () => {
  test.each([
    { pods: 16, expected: -1 }, // 2 nodes of 3
    { pods: 17, expected: 0 },
    { pods: 24, expected: 0 },
    { pods: 25, expected: 1 }, // 25 / 8 = 3.1
    { pods: 40, expected: 2 },
  ])('$pods pods on 3 nodes ask for $expected', ({ pods, expected }) => {
    expect(asked(propose(running(pods)))).toBe(expected);
  });

  test('pods that wait and pods that run count alike, on whatever node they are', () => {
    // 1 + 1 + 1 run, 14 wait: 17 pods need 3 nodes; with 22 waiting, 25 need 4.
    const arriving = workers(3, { phase: 'booting' });
    expect(asked(propose({ unschedulable: [14], workers: arriving }))).toBe(0);
    expect(asked(propose({ unschedulable: [22], workers: arriving }))).toBe(1);
    // Those of a doomed node will need a home too.
    const doomed = worker('i-9', { phase: 'doomed', pods: [22] });
    expect(asked(propose({ workers: [...workers(3), doomed] }))).toBe(1);
  });

  test('is packed, not summed: three pods of 1,200 m need three nodes', () => {
    const shapes = [WEB, shape('big', { requestMillicpu: 1200 })];
    const empty = workers(2, { pods: [0, 0] });
    expect(asked(propose({ shapes, unschedulable: [0, 3], workers: empty }))).toBe(1);
  });

  test.each([
    // 16 pods pack into 2 nodes. 2 × 1.5 = 3; 2 × 1.51 = 3.02, rounded up to 4; 2 × 1 = 2.
    { headroomPercent: 50, expected: 0 },
    { headroomPercent: 51, expected: 1 },
    { headroomPercent: 0, expected: -1 },
    { headroomPercent: 200, expected: 3 },
  ])(
    'headroom of $headroomPercent % on two nodes’ demand asks for $expected',
    ({ headroomPercent, expected }) => {
      expect(asked(propose(running(16), [], { headroomPercent }))).toBe(expected);
    },
  );

  test('pods for which there is no room, though there are nodes enough, ask for what they lack', () => {
    const full = { unschedulable: [9], workers: workers(3, { pods: [1] }) };
    const proposal = propose(full);
    expect(asked(proposal)).toBe(2);
    expect(proposal.rules.map(({ rule, verdict }) => `${rule} ${verdict}`)).toEqual([
      'target-above-supply quiet',
      'pods-unschedulable fires',
    ]);
    expect(asked(propose({ ...full, unschedulable: [0] }))).toBe(-1);
  });

  test('headroom that comes out even is not rounded up', () => {
    // 10 nodes of 8; 10 × 110 / 100 = 11 exactly, though 10 × 1.1 is 11.000000000000002.
    expect(asked(propose(running(80, 11), [], { headroomPercent: 10 }))).toBe(0);
  });
});

describe('its maximum over a window in time', () => {
  const windowSeconds = 600;
  const step = (nowMs: number, pods: number, memory: readonly number[]): readonly number[] =>
    propose({ nowMs, ...running(pods) }, memory, { windowSeconds }).memory;

  test('a demand is remembered for the window, to its last instant', () => {
    const high = step(NOW, 40, []);
    const after = (ms: number) =>
      propose({ nowMs: NOW + ms, ...running(8) }, high, { windowSeconds });
    expect(asked(after(600_000))).toBe(2); // 40 pods: 5 nodes, 3 are there
    expect(asked(after(600_001))).toBe(-1); // 8 pods: 1 node, but min is 2
  });

  test('windows are time: two readings or two hundred within it make no difference', () => {
    let often = step(NOW, 40, []);
    for (let ms = 2950; ms <= 590_000; ms += 2950) {
      often = step(NOW + ms, 8, often);
    }
    const seldom = step(NOW + 590_000, 8, step(NOW, 40, []));
    for (const [ms, expected] of [
      [600_000, 2],
      [600_001, -1],
    ] as const) {
      const at = { nowMs: NOW + ms, ...running(8) };
      expect(asked(propose(at, often, { windowSeconds }))).toBe(expected);
      expect(asked(propose(at, seldom, { windowSeconds }))).toBe(expected);
    }
  });

  test('its memory is a falling queue: what a newer demand exceeds or equals is dropped', () => {
    const first = step(NOW, 40, []);
    expect(first).toEqual([NOW, 5]);
    const second = step(NOW + MINUTE, 16, first);
    expect(second).toEqual([NOW, 5, NOW + MINUTE, 2]);
    expect(step(NOW + 2 * MINUTE, 16, second)).toEqual([NOW, 5, NOW + 2 * MINUTE, 2]);
    expect(step(NOW + 2 * MINUTE, 24, second)).toEqual([NOW, 5, NOW + 2 * MINUTE, 3]);
    expect(step(NOW + 2 * MINUTE, 80, second)).toEqual([NOW + 2 * MINUTE, 10]);
    expect(step(NOW + 20 * MINUTE, 8, second)).toEqual([NOW + 20 * MINUTE, 1]);
  });

  test('a window of 0 is the demand of this instant', () => {
    const memory = propose(running(40), [], { windowSeconds: 0 }).memory;
    const later = { nowMs: NOW + 1, ...running(8) };
    expect(asked(propose(later, memory, { windowSeconds: 0 }))).toBe(-1);
  });

  test('for any history the target is the highest demand of the window', () => {
    const history = fc.array(
      fc.record({ afterMs: fc.integer({ min: 1, max: 400_000 }), pods: fc.nat(90) }),
      { minLength: 1, maxLength: 30 },
    );
    fc.assert(
      fc.property(history, (steps) => {
        let memory: readonly number[] = [];
        let nowMs = NOW;
        const seen: { atMs: number; demand: number }[] = [];
        for (const { afterMs, pods } of steps) {
          nowMs += afterMs;
          memory = step(nowMs, pods, memory);
          seen.push({ atMs: nowMs, demand: Math.ceil(pods / 8) });
          const within = seen.filter(({ atMs }) => atMs >= nowMs - windowSeconds * 1000);
          expect(memory[1]).toBe(Math.max(...within.map(({ demand }) => demand)));
        }
      }),
    );
  });
});

describe('the proposal', () => {
  test('up: what is above the supply, on the pods', () => {
    const proposal = propose(running(40));
    expect(proposal).toMatchObject({ action: 'scaleUp', count: 2, level: 'TARGET' });
    expect(proposal.evidence).toBe('pods');
    expect(proposal.rules).toEqual([
      { rule: 'target-above-supply', verdict: 'fires', observed: 5, threshold: 3 },
    ]);
  });

  test('down: what is below the supply, on the pods', () => {
    const proposal = propose(running(25, 6));
    expect(proposal).toMatchObject({ action: 'scaleDown', count: 2, level: 'TARGET' });
    expect(proposal.evidence).toBe('pods');
    expect(proposal.rules).toEqual([
      { rule: 'target-above-supply', verdict: 'quiet', observed: 4, threshold: 6 },
      { rule: 'target-below-supply', verdict: 'fires', observed: 4, threshold: 6 },
    ]);
  });

  test('neither: both rules are quiet', () => {
    const proposal = propose(running(24));
    expect(proposal).toMatchObject({ action: 'hold', count: 0, level: 'NONE', evidence: 'none' });
    expect(proposal.memory).toEqual([NOW, 3]);
    expect(proposal.rules).toEqual([
      { rule: 'target-above-supply', verdict: 'quiet', observed: 3, threshold: 3 },
      { rule: 'target-below-supply', verdict: 'quiet', observed: 3, threshold: 3 },
    ]);
  });

  test('it does not ask to go below min', () => {
    expect(asked(propose(running(0, 4)))).toBe(-2); // min is 2
    expect(asked(propose(running(0, 2)))).toBe(0);
    expect(asked(propose(running(0, 4), [], { nodeCountMin: 0 }))).toBe(-4);
  });

  test('nodes on their way are supply', () => {
    const booting = {
      workers: [...running(40).workers!, ...workers(2, { phase: 'booting', pods: [0] })],
    };
    expect(asked(propose(booting))).toBe(0);
  });

  test('when the pods are not known it asks for nothing and forgets nothing', () => {
    const proposal = propose(KUBERNETES_DOWN, [NOW - MINUTE, 9]);
    expect(proposal).toMatchObject({ action: 'hold', memory: [NOW - MINUTE, 9] });
    expect(proposal.rules).toEqual([
      { rule: 'target-above-supply', verdict: 'unknown', observed: 0, threshold: 3 },
    ]);
  });
});
