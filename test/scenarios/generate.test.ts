import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GENERATED_TRACES, writeScenarios } from '../../scenarios/generate.ts';
import { REQUESTS_PER_SECOND_PER_NODE } from '../../scenarios/traffic.ts';
import { defaultScenarioSettings, requestsPerSecondForNodes } from '../../simulator/scenario.ts';
import { root } from '../adapters/cli/program.ts';

const FOLDER = join(root, 'scenarios');

describe('the generated traces', () => {
  let folder: string;
  let paths: string[];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'scenarios-'));
    paths = await writeScenarios(join(folder, 'new'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('are all the traces there are', async () => {
    const committed = (await readdir(FOLDER)).filter((name) => name.endsWith('.csv'));
    expect(paths).toEqual(GENERATED_TRACES.map(({ name }) => join(folder, 'new', `${name}.csv`)));
    expect(paths.map((path) => basename(path)).sort()).toEqual(committed.sort());
  });

  it.each(GENERATED_TRACES)(
    '$name.csv is what the generator writes, byte for byte',
    async ({ name }) => {
      const written = await readFile(join(folder, 'new', `${name}.csv`), 'utf8');
      expect(await readFile(join(FOLDER, `${name}.csv`), 'utf8')).toBe(written);
    },
  );

  it.each(GENERATED_TRACES)('$name.csv is below 1 MB', async ({ name }) => {
    const { size } = await stat(join(FOLDER, `${name}.csv`));
    expect(size).toBeGreaterThan(10_000);
    expect(size).toBeLessThan(1_000_000);
  });

  it('count in nodes as the simulator does', () => {
    const { workload, cluster } = defaultScenarioSettings();
    const one = requestsPerSecondForNodes(1, workload, cluster);
    expect(REQUESTS_PER_SECOND_PER_NODE).toBeCloseTo(one, 10);
  });
});
