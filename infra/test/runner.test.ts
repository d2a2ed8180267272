import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Registered, runAsPulumi } from './run-as-pulumi.ts';

const config = {
  'aws:region': 'ap-southeast-1',
  'node-fleet:bundle': tmpdir(),
};

describe('as the CLI runs it', () => {
  it('the program makes its resources, in an order that works', async () => {
    const { exitCode, said, registered } = await runAsPulumi(config);
    expect([exitCode, said]).toEqual([0, '']);
    const one = (kind: string, name: string): Registered =>
      registered.find((each) => each.name === name && each.type.endsWith(`:${kind}`))!;

    // An instance without a way out, or without its rights, boots once and in vain.
    const master = one('Instance', 'master');
    expect(master.dependencies).toEqual(
      expect.arrayContaining(['master', 'private-to-nat', 'public-to-internet']),
    );
    // Its disk is the cluster's memory.
    expect(master).toMatchObject({
      protect: true,
      ignoreChanges: ['ami', 'userDataBase64'],
      deleteBeforeReplace: true,
    });
    expect(one('Table', 'state').protect).toBe(true);
    expect(one('Table', 'journal').protect).toBe(true);
    expect(one('Function', 'autoscaler').dependencies).toEqual(
      expect.arrayContaining(['autoscaler', 'private-to-nat']),
    );
    expect(one('Schedule', 'cycle').dependencies).toContain('scheduler');
    expect(one('EventTarget', 'spot').dependencies).toContain('spot-events');
    expect(one('NatGateway', 'nat').dependencies).toContain('public-to-internet');
  });

  it('a wrong configuration is said in sentences, and nothing is made', async () => {
    const { exitCode, said, registered } = await runAsPulumi({
      ...config,
      'node-fleet:mode': 'on',
      'node-fleet:nodeCountMax': 'ten',
    });
    expect(exitCode).not.toBe(0);
    expect(said).toContain('node-fleet:mode: expected act, observe or paused, got on');
    expect(said).toContain('node-fleet:nodeCountMax: expected a whole number');
    expect(said).not.toMatch(/^\s+at /m);
    expect(registered.map(({ type }) => type)).toEqual(['pulumi:pulumi:Stack']);
  });

  it('functions that were not built are asked for', async () => {
    const bundle = join(tmpdir(), 'node-fleet-bundle-that-is-not-there');
    const { exitCode, said, registered } = await runAsPulumi({
      ...config,
      'node-fleet:bundle': bundle,
    });
    expect(exitCode).not.toBe(0);
    expect(said).toContain(
      `node-fleet:bundle: expected the folder of the built functions, got ${bundle}`,
    );
    expect(registered).toHaveLength(1);
  });
});
