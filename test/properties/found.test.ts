// Cases in which a random search found a bug of the engine. Mended, and kept.
import { describe, test } from 'vitest';
import { INVARIANTS } from '../../simulator/index.ts';
import { QUIET, runCase, type Case } from './arbitraries.ts';

const holds = (each: Case): void => void runCase(each, INVARIANTS);

describe('found by searching at random', () => {
  test('the table is lost, and the next EC2 page is empty: the fleet is not bought again (1, S6, S16)', () => {
    holds({
      ...QUIET,
      initial: 3,
      policy: 'trailing-max',
      nodeCountMin: 3,
      nodeCountMax: 3,
      faults: [{ effect: 'listInstances', mode: 'empty', percent: 60 }],
      hands: [{ cycle: 6, does: 'lose-table', to: 0 }],
    });
  });

  test('memory is lost while launches are not listed yet: no more is bought than the ceiling allows (11)', () => {
    holds({
      ...QUIET,
      seed: 491_088,
      tenths: [86],
      policy: 'pending-driven',
      nodeCountMax: 10,
      spendMaxBdtPerHour: 150,
      hands: [{ cycle: 1, does: 'lose-state', to: 1 }],
      triggers: { lost: 8, twice: 24, late: 20 },
    });
  });
});
