import { CALL_TIMEOUT_MS } from '../../engine/index.ts';
import { callsOut, faultKind } from './fault.ts';

export const lostAnswer = faultKind({
  name: 'lost-answer',
  summary: 'done, and no answer until the call times out',
  strikes: callsOut,
  meet(effect, { clock, interpret }) {
    const timesOutAtMs = clock.nowMs + CALL_TIMEOUT_MS;
    interpret(effect);
    clock.advance(Math.max(0, timesOutAtMs - clock.nowMs));
    return { ok: false, certainty: 'unknown', reason: 'timeout', completedAtMs: clock.nowMs };
  },
});
