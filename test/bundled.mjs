// Builds one of the test programs into dist/ and runs it: TypeScript stripped once, not in every thread.
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { bundleForNode } from '../adapters/cli/bundling.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/**
 * @param {string} entryPoint relative to the project
 * @param {string} name of the bundle
 * @param {import('esbuild').BuildOptions} [options] where it is built otherwise than the rest
 */
export async function runBundled(entryPoint, name, options = {}) {
  const bundle = join(root, 'dist', `${name}.mjs`);
  await build({ ...bundleForNode(root), ...options, entryPoints: [entryPoint], outfile: bundle });
  await import(pathToFileURL(bundle).href);
}
