import { CALL_TIMEOUT_MS, type Effect, type Result } from '../../engine/index.ts';
import type { Performer, Performers } from '../answer.ts';
import { errorWords, failureOf } from '../failure.ts';
import type { Log } from './log.ts';

/** A call is given up this early, so that it has ended before the cycle counts on it (S8). */
const GIVE_UP_MS = CALL_TIMEOUT_MS - 500;

/** Lets time pass, by the clock that is asked. */
export function pausePerformer(clock: () => number): Performers<'pause'> {
  return {
    pause: async ({ untilMs }) => {
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, untilMs - clock())));
      return { ok: true };
    },
  };
}

/**
 * Performs effects by a table from kind to function. It decides nothing and repeats nothing. Whatever is thrown becomes a
 * failure, so every effect of a `parallel` is settled when the cycle goes on (S7).
 */
export function interpreter(
  performers: Performers,
  clock: () => number,
  log: Log,
): (effect: Effect) => Promise<Result> {
  return async (effect) => {
    const perform = performers[effect.kind] as Performer<Effect['kind']>;
    let answer;
    try {
      answer = await perform(effect as never, AbortSignal.timeout(GIVE_UP_MS));
    } catch (error) {
      answer = failureOf(error);
      const { reason, certainty } = answer;
      log('warn', 'effect failed', {
        effect: effect.kind,
        reason,
        certainty,
        error: errorWords(error),
      });
    }
    return { ...answer, completedAtMs: clock() } as Result;
  };
}
