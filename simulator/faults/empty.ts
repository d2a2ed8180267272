import { missingMetrics, type EffectKind } from '../../engine/index.ts';
import { faultKind } from './fault.ts';

/** Reads that may answer with nothing without being down. */
const MAY_BE_EMPTY: readonly EffectKind[] = ['queryMetrics', 'listInstances', 'listNodes'];

export const empty = faultKind({
  name: 'empty',
  summary: 'a list or query answers with nothing in it',
  strikes: (kind) => MAY_BE_EMPTY.includes(kind),
  meet(effect, { interpret }) {
    const result = interpret(effect);
    const { completedAtMs } = result;
    if (effect.kind === 'queryMetrics') {
      return { ok: true, metrics: missingMetrics('empty', effect.custom), completedAtMs };
    }
    if (effect.kind === 'listInstances') {
      return { ok: true, instances: [], completedAtMs };
    }
    if (effect.kind === 'listNodes') {
      return { ok: true, nodes: [], completedAtMs };
    }
    return result;
  },
});
