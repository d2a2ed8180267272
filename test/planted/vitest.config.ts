// One test file against the engine with a bug in it: `npm run test:planted` asks whether the test that is named for it goes red.
import { fileURLToPath } from 'node:url';
import { defineConfig, mergeConfig } from 'vitest/config';
import project from '../../vitest.config.ts';
import type { Planted } from './bugs.ts';
import { withBug } from './plant.ts';

const { test, ...rest } = project;
const bug = JSON.parse(process.env['NODE_FLEET_PLANTED'] ?? 'null') as Planted | null;
const path = bug === null ? '' : fileURLToPath(new URL(`../../${bug.file}`, import.meta.url));

export default mergeConfig(
  rest,
  defineConfig({
    plugins: [
      {
        name: 'planted-bug',
        enforce: 'pre',
        transform: (source, id) => (bug !== null && id === path ? withBug(bug, source) : null),
      },
    ],
    test: { ...test, globalSetup: [] },
  }),
);
