import { CrashedCycle, faultKind } from './fault.ts';

export const crashBefore = faultKind({
  name: 'crash-before',
  summary: 'whoever asked is killed before it is done',
  strikes: () => true,
  meet(effect) {
    throw new CrashedCycle(`killed before ${effect.kind}`);
  },
});
