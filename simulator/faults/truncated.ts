import { faultKind } from './fault.ts';

/** An eventually consistent Describe, or a page that got lost: what is there is true, and not all. */
export const truncated = faultKind({
  name: 'truncated',
  summary: 'a list lacks the second half of its items',
  strikes: (kind) => kind === 'listInstances',
  meet(effect, { interpret }) {
    const result = interpret(effect);
    if (!result.ok || !('instances' in result)) {
      return result;
    }
    const { instances } = result;
    return { ...result, instances: instances.slice(0, Math.ceil(instances.length / 2)) };
  },
});
