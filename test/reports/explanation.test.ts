import { describe, expect, test } from 'vitest';
import { decide, verdict, type Explanation, type RuleVerdict } from '../../engine/index.ts';
import { asksInTheWay, decidingRules, partsOf } from '../../reports/explanation.ts';
import { asking, cluster, configured, metrics, reading, view } from '../engine/build.ts';

const names = (rules: readonly RuleVerdict[]): string[] => rules.map(({ rule }) => rule);
const decided = (changes: Parameters<typeof view>[0], policy = configured()) =>
  decide(policy, cluster(), view(changes), []);

describe('an explanation in its parts', () => {
  test('what a policy compared, and the guards that its proposal went through', () => {
    const { explanation } = decided({ unschedulable: [3], mode: 'paused' });
    expect(partsOf(explanation)).toEqual({
      repair: [],
      asks: [verdict('pods-unschedulable', 'fires', 3, 0)],
      guards: [verdict('mode', 'blocks', 1, 0)],
    });
  });

  test('a repair has guards of its own, before what the policy compared', () => {
    const parts = partsOf(decided({ desired: 5 }).explanation);
    expect(names(parts.repair)[0]).toBe('desired-capacity');
    expect(names(parts.repair)).toContain('pools');
    expect(names(parts.repair)).not.toContain('cooldown');
    expect(names(parts.asks)).toEqual([
      'pods-unschedulable',
      'cpu-high',
      'sale-incoming',
      'cpu-low',
    ]);
    expect(parts.guards).toEqual([]);
  });

  test('a repair’s guards end where those of the policy begin, though it compared nothing', () => {
    const { explanation } = decided({ desired: 5, mode: 'paused' }, asking('scaleUp', 1));
    const { repair, asks, guards } = partsOf(explanation);
    expect(names(repair)).toEqual(['desired-capacity', 'mode']);
    expect(asks).toEqual([]);
    expect(names(guards)).toEqual(['mode']);
    const acting = partsOf(decided({ desired: 5 }, asking('scaleUp', 1)).explanation);
    expect(names(acting.repair).filter((rule) => rule === 'mode')).toHaveLength(1);
    expect(names(acting.guards)).toContain('cooldown');
    expect([...acting.repair, ...acting.guards]).toEqual(
      decided({ desired: 5 }, asking('scaleUp', 1)).explanation.rules,
    );
  });

  test('nothing compared: nothing in any part', () => {
    const nothing: Explanation = { level: 'NONE', proposed: 0, rules: [] };
    expect(partsOf(nothing)).toEqual({ repair: [], asks: [], guards: [] });
  });
});

describe('the rules that a decision hangs on', () => {
  const hinges = (...args: Parameters<typeof decided>) =>
    decidingRules(decided(...args)).map(({ part, rule }) => `${part} ${rule.rule}`);

  test('the guard that refused it, or what asked for it', () => {
    expect(hinges({ unschedulable: [3], mode: 'paused' })).toEqual(['guards mode']);
    expect(hinges({ unschedulable: [3] })).toEqual(['asks pods-unschedulable']);
  });

  test('what is lacking, or the guard that refused to replace it', () => {
    expect(hinges({ desired: 5 })).toEqual(['repair desired-capacity']);
    expect(hinges({ desired: 5, mode: 'paused' })).toEqual(['repair mode']);
  });

  test('a refused repair is not what it hangs on when the policy asked for something', () => {
    expect(hinges({ desired: 5, unschedulable: [40], mode: 'paused' })).toEqual(['guards mode']);
  });

  test('none, when nobody asked', () => {
    expect(hinges({})).toEqual([]);
  });
});

describe('the policy’s rules in the way', () => {
  const inTheWay = (rules: readonly RuleVerdict[], direction: 'up' | 'down') => {
    const { decision, memory } = decided({});
    const explanation: Explanation = { level: 'NONE', proposed: 0, rules };
    return names(asksInTheWay({ decision, memory, explanation }, direction));
  };
  const quiet = verdict('cpu-high', 'quiet', 50, 70);
  const pods = verdict('pods-unschedulable', 'fires', 3, 0);
  const low = verdict('cpu-low', 'quiet', 50, 30);
  const lowFires = verdict('cpu-low', 'fires', 20, 30);

  test('those that might have asked', () => {
    expect(inTheWay([quiet, low], 'up')).toEqual(['cpu-high']);
    expect(inTheWay([quiet, low], 'down')).toEqual(['cpu-low']);
    expect(inTheWay([verdict('cpu-low', 'unknown', 0, 30)], 'down')).toEqual(['cpu-low']);
  });

  test('those that asked for the opposite first', () => {
    expect(inTheWay([pods], 'down')).toEqual(['pods-unschedulable']);
    expect(inTheWay([pods, low], 'down')).toEqual(['pods-unschedulable', 'cpu-low']);
    // What asked after it was not in its way.
    expect(inTheWay([quiet, lowFires], 'up')).toEqual(['cpu-high']);
  });

  test('of several that must all hold, the one that did not', () => {
    const lasts = verdict('cpu-low-lasts', 'fires', 700_000, 600_000);
    const memory = verdict('memory-low', 'quiet', 60, 50);
    expect(inTheWay([quiet, lasts, memory], 'down')).toEqual(['memory-low']);
  });

  test('what holds everything', () => {
    const unready = verdict('nodes-unready', 'fires', 4, 3);
    expect(inTheWay([unready], 'up')).toEqual(['nodes-unready']);
    expect(inTheWay([unready], 'down')).toEqual(['nodes-unready']);
    expect(inTheWay([verdict('nodes-unready', 'quiet', 0, 3), quiet], 'up')).toEqual(['cpu-high']);
  });

  test('of a real policy', () => {
    const busy = decided({ metrics: metrics({ cpuPercent: reading(80) }) });
    expect(names(asksInTheWay(busy, 'down'))).toEqual(['cpu-high']);
  });
});
