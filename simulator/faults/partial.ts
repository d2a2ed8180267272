import { faultKind } from './fault.ts';
import { refusedForWant } from './shortage.ts';

/** RunInstances with a minimum below its maximum: one fewer, or the refusal that none is. */
export const partial = faultKind({
  name: 'partial',
  summary: 'a launch gets one instance fewer than it asked for',
  strikes: (kind) => kind === 'launchInstances',
  meet(effect, { clock, interpret }) {
    if (effect.kind !== 'launchInstances') {
      return interpret(effect);
    }
    const { launch } = effect;
    return launch.count > 1
      ? interpret({ ...effect, launch: { ...launch, count: launch.count - 1 } })
      : refusedForWant(clock);
  },
});
