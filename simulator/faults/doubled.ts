import type { EffectKind } from '../../engine/index.ts';
import { faultKind } from './fault.ts';

const MAY_BE_DOUBLED: readonly EffectKind[] = ['listInstances', 'listNodes'];

/** Pages that overlap, as something changed between them. */
export const doubled = faultKind({
  name: 'doubled',
  summary: 'a list shows each of its items twice',
  strikes: (kind) => MAY_BE_DOUBLED.includes(kind),
  meet(effect, { interpret }) {
    const result = interpret(effect);
    if (!result.ok) {
      return result;
    }
    const twice = <T>(items: readonly T[]): T[] => items.flatMap((item) => [item, item]);
    if ('instances' in result) {
      return { ...result, instances: twice(result.instances) };
    }
    return 'nodes' in result ? { ...result, nodes: twice(result.nodes) } : result;
  },
});
