import { CrashedCycle, faultKind } from './fault.ts';

export const crashAfter = faultKind({
  name: 'crash-after',
  summary: 'done, and whoever asked is killed before it learns of it',
  strikes: () => true,
  meet(effect, { interpret }) {
    interpret(effect);
    throw new CrashedCycle(`killed after ${effect.kind}`);
  },
});
