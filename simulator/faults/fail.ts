import { callsOut, faultKind, REFUSAL_MS } from './fault.ts';

export const fail = faultKind({
  name: 'fail',
  summary: 'refused, and certainly not done',
  strikes: callsOut,
  meet(_effect, { clock }) {
    clock.advance(REFUSAL_MS);
    return {
      ok: false,
      certainty: 'refused',
      reason: 'unavailable',
      completedAtMs: clock.nowMs,
    };
  },
});
