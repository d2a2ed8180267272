// Builds one of the test programs into dist/ and runs it: TypeScript stripped once, not in every thread.
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { engineDigest } from '../adapters/cli/engine-digest.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/**
 * @param {string} entryPoint relative to the project
 * @param {string} name of the bundle
 */
export async function runBundled(entryPoint, name) {
  const bundle = join(root, 'dist', `${name}.mjs`);
  await build({
    absWorkingDir: root,
    entryPoints: [entryPoint],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    legalComments: 'none',
    logLevel: 'warning',
    define: { NODE_FLEET_ENGINE_DIGEST: JSON.stringify(engineDigest(root)) },
    // commander is CommonJS and `require`s Node's own modules.
    banner: {
      js: [
        "import { createRequire as requireFrom } from 'node:module';",
        'const require = requireFrom(import.meta.url);',
      ].join('\n'),
    },
  });
  await import(pathToFileURL(bundle).href);
}
