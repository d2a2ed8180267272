import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { engineDigest } from '../../../adapters/cli/engine-digest.mjs';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Tests that start other programs: apart from `npm test`, which needs none. */
export default defineConfig({
  root,
  define: { NODE_FLEET_ENGINE_DIGEST: JSON.stringify(engineDigest(root)) },
  test: {
    include: ['test/integration/peers/**/*.test.ts'],
    globalSetup: [
      'test/integration/peers/build-bundle.ts',
      'test/integration/peers/control-plane/build.ts',
    ],
    pool: 'threads',
    // Of the SDK, under Node 20.
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
    testTimeout: 120_000,
    hookTimeout: 600_000,
  },
});
