// Each checker is shown one thing that must never happen, and must say so: a watcher that cannot bite proves nothing.
import { describe, expect, test } from 'vitest';
import { INVARIANTS, InvariantViolation } from '../../simulator/index.ts';
import { NEVER, Stage, waitingPods } from './never.ts';

describe('each checker bites', () => {
  test.each(NEVER)('invariant %i: %s', (number, _what, happens) => {
    expect(happens).toThrow(InvariantViolation);
    expect(happens).toThrow(expect.objectContaining({ number }));
  });

  test('there is something that breaks each of them', () => {
    const bitten = new Set(NEVER.map(([number]) => number));
    expect(INVARIANTS.map(({ number }) => number).filter((number) => !bitten.has(number))).toEqual(
      [],
    );
  });

  test('liveness (17) has the patience of the policy, and four cycles more', () => {
    const minutesUntilItBites = (policy: string): number => {
      const stage = new Stage(17, {}, {}, policy);
      stage.interpreter.advance(600_000);
      const fromMs = stage.interpreter.nowMs;
      for (let minutes = 0; minutes <= 120; minutes += 2) {
        stage.interpreter.advance(fromMs + minutes * 60_000 - stage.interpreter.nowMs);
        try {
          stage.begin();
          stage.perform({ kind: 'listPods' }, waitingPods);
          stage.decide({}, {});
          stage.end();
        } catch (error) {
          expect(error).toMatchObject({ number: 17 });
          return minutes;
        }
      }
      return Infinity;
    };
    expect(minutesUntilItBites('node-fleet')).toBe(6);
    // After three minutes, which are over at the third look.
    expect(minutesUntilItBites('sustained')).toBe(4 + 6);
    // A person is there after 15 to 20; a calendar never is.
    expect(minutesUntilItBites('manual')).toBeGreaterThanOrEqual(15 + 6);
    expect(minutesUntilItBites('manual')).toBeLessThanOrEqual(20 + 6);
    expect(minutesUntilItBites('scheduled')).toBe(Infinity);
  });

  test('a violation says which rule, when, what was found, and what was journalled last', () => {
    const stage = new Stage(12);
    stage.decide({}, {});
    stage.interpreter.advance(60_001);
    expect(() => stage.end()).toThrow(
      /invariant 12 at 2026-\S+Z: a cycle ends before its deadline, whatever hangs\. Found: it ended 1 ms after .*\nlast record: .* hold 0/s,
    );
  });
});
