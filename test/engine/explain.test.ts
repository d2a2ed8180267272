import { describe, expect, test } from 'vitest';
import { firstBlocking, GUARDS, RULES, verdict, VERDICTS } from '../../engine/index.ts';

describe('an explanation', () => {
  test('the first rule that blocks is the reason; one that clips is not', () => {
    const rules = [
      verdict('pods-unschedulable', 'fires', 3, 0),
      verdict('max', 'clips', 12, 10),
      verdict('cooldown', 'blocks', 5, 9),
      verdict('step', 'blocks', 2, 1),
    ];
    const explanation = { level: 'CRITICAL', proposed: 2, rules } as const;
    expect(firstBlocking(explanation)).toEqual({
      rule: 'cooldown',
      verdict: 'blocks',
      observed: 5,
      threshold: 9,
    });
    expect(firstBlocking({ ...explanation, rules: rules.slice(0, 2) })).toBe(null);
  });

  test('codes of rules are their places in the list: guards stand in their order', () => {
    // `frozen` came later: codes are never given anew.
    const guards = GUARDS.map(({ rule }) => rule).filter((rule) => rule !== 'frozen');
    const first = RULES.indexOf('mode');
    expect(RULES.slice(first, first + guards.length)).toEqual(guards);
    expect(new Set(RULES).size).toBe(RULES.length);
    expect(new Set(VERDICTS).size).toBe(VERDICTS.length);
  });
});
