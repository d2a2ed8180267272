import { CALL_TIMEOUT_MS } from '../../engine/index.ts';
import { callsOut, faultKind } from './fault.ts';

export const hang = faultKind({
  name: 'hang',
  summary: 'not done, and no answer until the call times out',
  strikes: callsOut,
  meet(_effect, { clock }) {
    clock.advance(CALL_TIMEOUT_MS);
    return { ok: false, certainty: 'unknown', reason: 'timeout', completedAtMs: clock.nowMs };
  },
});
