import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { engineDigest } from './adapters/cli/engine-digest.mjs';

const root = fileURLToPath(new URL('.', import.meta.url));

export default defineConfig({
  define: { NODE_FLEET_ENGINE_DIGEST: JSON.stringify(engineDigest(root)) },
  test: {
    include: ['test/**/*.test.{ts,tsx}', 'infra/test/**/*.test.ts'],
    // Those start other programs: `npm run test:integration`.
    exclude: ['test/integration/peers/**', 'node_modules/**', 'infra/node_modules/**'],
    globalSetup: ['infra/install.mjs'],
    setupFiles: ['test/setup.ts'],
    pool: 'threads',
    testTimeout: 60_000,
    globals: false,
  },
});
