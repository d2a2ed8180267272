import type { EffectKind } from '../../engine/index.ts';
import { faultKind } from './fault.ts';

/** Reads that are eventually consistent: only these may be stale without being down. */
const MAY_BE_STALE: readonly EffectKind[] = ['queryMetrics', 'listInstances'];

export const stale = faultKind({
  name: 'stale',
  summary: 'a list or query answers with what it answered last',
  strikes: (kind) => MAY_BE_STALE.includes(kind),
  remembers: true,
  meet(effect, { interpret, lastAnswer }) {
    const result = interpret(effect);
    const before = lastAnswer(effect.kind);
    return before === undefined ? result : { ...before, completedAtMs: result.completedAtMs };
  },
});
