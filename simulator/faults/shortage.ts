import type { Result } from '../../engine/index.ts';
import { faultKind, REFUSAL_MS, type Clock } from './fault.ts';

export const shortage = faultKind({
  name: 'shortage',
  summary: 'a launch gets no instance, for certain: the pool is empty',
  strikes: (kind) => kind === 'launchInstances',
  meet: (_effect, { clock }) => refusedForWant(clock),
});

/** What AWS answers at once when a pool has no instance left. */
export function refusedForWant(clock: Clock): Result {
  clock.advance(REFUSAL_MS);
  return {
    ok: false,
    certainty: 'refused',
    reason: 'insufficient-capacity',
    completedAtMs: clock.nowMs,
  };
}
