import { faultKind } from './fault.ts';

/** Below the call timeout together with the slowest call. */
const SLOW_MS = 3_500;

export const slow = faultKind({
  name: 'slow',
  summary: 'done, seconds late',
  strikes: () => true,
  meet(effect, { clock, interpret }) {
    clock.advance(SLOW_MS);
    return interpret(effect);
  },
});
