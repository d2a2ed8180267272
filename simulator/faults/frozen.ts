import { faultKind } from './fault.ts';

/** Longer than a lock is held, shorter than its outer bound. */
const FROZEN_MS = 150_000;

export const frozen = faultKind({
  name: 'frozen',
  summary: 'done, and whoever asked sleeps for minutes before it sees the answer',
  strikes: () => true,
  meet(effect, { clock, interpret }) {
    const result = interpret(effect);
    clock.advance(FROZEN_MS);
    return { ...result, completedAtMs: clock.nowMs };
  },
});
