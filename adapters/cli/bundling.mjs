import { engineDigest } from './engine-digest.mjs';

/**
 * What every bundle of this project for Node has in common: one file of ECMAScript that knows which engine is in it.
 * @param {string} root
 * @returns {import('esbuild').BuildOptions}
 */
export function bundleForNode(root) {
  return {
    absWorkingDir: root,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: false,
    legalComments: 'none',
    logLevel: 'warning',
    define: { NODE_FLEET_ENGINE_DIGEST: JSON.stringify(engineDigest(root)) },
    // commander, yaml and some of AWS's SDK are CommonJS and `require` Node's own modules.
    banner: {
      js: [
        "import { createRequire as requireFrom } from 'node:module';",
        'const require = requireFrom(import.meta.url);',
      ].join('\n'),
    },
  };
}

/**
 * The same for Lambda: minified, and of the SDK's ES modules only what is called. Of its CommonJS everything would stay.
 * @param {string} root
 */
export function bundleForLambda(root) {
  return { ...bundleForNode(root), minify: true, mainFields: ['module', 'main'] };
}
