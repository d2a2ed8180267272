// Only the engine's own tests may kill a mutant: a golden run would kill most of them and say little.
import { defineConfig, mergeConfig } from 'vitest/config';
import project from '../../vitest.config.ts';

const { test, ...rest } = project;

export default mergeConfig(
  rest,
  defineConfig({ test: { ...test, include: ['test/engine/**/*.test.ts'], globalSetup: [] } }),
);
