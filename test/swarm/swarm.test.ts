import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type Invariant } from '../../simulator/index.ts';
import { QUIET } from '../properties/arbitraries.ts';
import { runBatch } from './batch.ts';
import { differenceFromQuiet, timeline } from './timeline.ts';

/** Holds as long as nothing is ever bought: the swarm must find out that something is. */
const nothingBought: Invariant = {
  number: 99,
  rule: 'nothing is ever bought',
  watch: (_, fail) => ({
    happened: (effect, result) => {
      if (effect.kind === 'launchInstances' && result.ok) {
        fail('a launch');
      }
    },
  }),
};

describe('a batch', () => {
  test('of one seed is the same each time, counts what it ran and says what it came across', () => {
    const once = runBatch(7, 4);
    expect(once).toEqual(runBatch(7, 4));
    expect(once).toMatchObject({ cases: 4, broken: null });
    expect(once.cycles).toBeGreaterThan(100);
    expect(once.seen).toContain('outcome decided');
    expect(runBatch(8, 4).cycles).not.toBe(once.cycles);
  });

  test('that breaks a rule names a case, made small, and the path that leads to it again', () => {
    const { broken } = runBatch(7, 50, undefined, [nothingBought]);
    expect(broken).toMatchObject({ seed: 7 });
    expect(broken!.why).toContain('invariant 99 at ');
    const again = runBatch(7, 50, broken!.path, [nothingBought]);
    expect(again.broken).toMatchObject({ found: broken!.found, why: broken!.why });
    expect(again.cases).toBe(1);
    // Made small: it has no faults and no hands, which have nothing to do with it.
    const { faults = [], hands = [] } = differenceFromQuiet(broken!.found);
    expect([...faults, ...hands].length).toBeLessThanOrEqual(1);
  });
});

test('a timeline has a line for each cycle: when, what was decided, what struck it', () => {
  const faults = [{ effect: 'listInstances', mode: 'fail', percent: 50 }] as const;
  const lines = timeline({ ...QUIET, tenths: [5, 30], policy: 'trailing-max', faults });
  expect(lines.length).toBeGreaterThan(60);
  expect(lines.join('\n')).toMatch(
    /^\d\d:\d\d:\d\d scaleUp \d, repair 0, desired \d, 01 ready; launched /m,
  );
  expect(lines.join('\n')).toContain('[fail listInstances]');
});

test('a path alone leads nowhere: exit 2, and one line', () => {
  const program = fileURLToPath(new URL('./swarm.mjs', import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [program, '--path', '1:2'], {
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({
    status: 2,
    stderr: 'node-fleet: --path needs the --seed that it was printed with\n',
  });
});
