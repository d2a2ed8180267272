import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ATTRIBUTIONS } from '../../../adapters/cli/attributions.ts';
import { peakNodesFor } from '../../../adapters/cli/results.ts';
import { GENERATED_TRACES } from '../../../scenarios/generate.ts';
import { root } from './program.ts';

describe('the results of traces', () => {
  it('are scaled to the nodes asked for, except this project’s own traces', () => {
    const own = join(root, 'scenarios');
    expect(peakNodesFor(own, 8)).toBeNull();
    expect(peakNodesFor(relative(process.cwd(), own), 8)).toBeNull();
    expect(peakNodesFor(join(own, '..', 'traces'), 8)).toBe(8);
  });

  it('say of each of this project’s traces that it is synthetic, and its own', () => {
    for (const { name, what } of GENERATED_TRACES) {
      expect(ATTRIBUTIONS[name]?.what, name).toBe(`synthetic: ${what}`);
      expect(ATTRIBUTIONS[name]?.licence, name).toBe('this project’s');
    }
  });
});
