// Freeze windows: the fleet may grow, and nothing is taken from it by choice.
import { describe, expect, test } from 'vitest';
import { decide, freezeAt, reconcile, type Cluster, type SaleWindow } from '../../engine/index.ts';
import {
  asking,
  cluster,
  configured,
  drain,
  fleetOf,
  HOUR,
  idOf,
  MINUTE,
  NOW,
  seen,
  state,
  view,
  withPods,
} from './build.ts';

const freeze = (startAtMs: number, endAtMs: number, name = 'audit'): SaleWindow => ({
  name,
  startAtMs,
  endAtMs,
});
const frozen = (...freezes: SaleWindow[]): Cluster => cluster({ freezes });
const NOW_FROZEN = frozen(freeze(NOW - HOUR, NOW + HOUR));
const REMOVES = asking('scaleDown', 1);
const rulesOf = (of: Cluster, policy = REMOVES): string[] =>
  decide(policy, of, view(), []).explanation.rules.map(({ rule, verdict }) => `${rule} ${verdict}`);

describe('in a freeze', () => {
  test('nothing is removed, and the guard says until when', () => {
    const { decision, explanation } = decide(REMOVES, NOW_FROZEN, view(), []);
    expect(decision).toMatchObject({ action: 'hold', victims: [] });
    expect(explanation.rules.at(-1)).toEqual({
      rule: 'frozen',
      verdict: 'blocks',
      observed: NOW,
      threshold: NOW + HOUR,
    });
  });

  test('nodes are added and replaced as ever', () => {
    const adds = decide(asking('scaleUp', 2), NOW_FROZEN, view(), []);
    expect(adds.decision).toMatchObject({ action: 'scaleUp', count: 2 });
    const lacking = decide(asking('hold', 0), NOW_FROZEN, view({ desired: 5 }), []);
    expect(lacking.decision.repair).toBe(2);
  });

  test('a removal under way is undone, and the node is not held to have failed', () => {
    const [victim] = [idOf(2)];
    const meet = (of: Cluster, stage: 'evicting' | 'terminating') =>
      reconcile(
        seen(withPods(fleetOf(3), victim, [1])),
        state({ drains: [drain(victim, { stage, progressedAtMs: NOW - HOUR, podsLeft: 1 })] }),
        configured('node-fleet'),
        of,
      );
    const undone = meet(NOW_FROZEN, 'evicting');
    expect(undone.state).toMatchObject({ drains: [], victimBackoffs: [], desired: 3 });
    expect(undone.events).toMatchObject([{ code: 'drain-undone', subject: victim }]);
    expect(undone.alarms).toEqual([]);
    // Past return (S8).
    expect(meet(NOW_FROZEN, 'terminating').state.drains).toHaveLength(1);
    // Undone outside of a freeze it is for having stalled, which is the node’s fault.
    expect(meet(cluster(), 'evicting').state.victimBackoffs).toHaveLength(1);
  });

  test('what AWS takes is drained all the same', () => {
    const taken = drain(idOf(2), { reason: 'reclaim', startedAtMs: NOW - MINUTE });
    const { drains } = reconcile(
      seen(),
      state({ drains: [taken] }),
      configured('node-fleet'),
      NOW_FROZEN,
    ).state;
    expect(drains).toHaveLength(1);
  });

  test('a notice that came to nothing is told of as ever', () => {
    const voided = drain(idOf(2), { reason: 'reclaim', startedAtMs: NOW - 10 * HOUR });
    const { alarms } = reconcile(
      seen(),
      state({ drains: [voided] }),
      configured('node-fleet'),
      NOW_FROZEN,
    );
    expect(alarms).toEqual([{ code: 'drain-stuck', subject: idOf(2) }]);
  });
});

test('a freeze lasts from its start up to its end; of several the last end counts', () => {
  const [first, second] = [freeze(NOW - HOUR, NOW + 1, 'a'), freeze(NOW, NOW + HOUR, 'b')];
  expect(freezeAt(frozen(first, second), NOW)?.name).toBe('b');
  expect(freezeAt(frozen(second, first), NOW)?.name).toBe('b');
  expect(freezeAt(frozen(second), NOW - 1)).toBeNull();
  expect(freezeAt(frozen(first), NOW + 1)).toBeNull();
  expect(freezeAt(cluster(), NOW)).toBeNull();
});

test('where there are no freezes not a word is said of them; where there are, that there is none now', () => {
  expect(rulesOf(cluster()).filter((each) => each.startsWith('frozen'))).toEqual([]);
  expect(rulesOf(frozen(freeze(NOW + 1, NOW + HOUR)))).toContain('frozen passes');
});
