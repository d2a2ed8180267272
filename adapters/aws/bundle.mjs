#!/usr/bin/env node
// Builds what runs in Lambda into dist/lambda/: one file, the same bytes from the same sources, wherever it is built. With
// `--journal`, `--hold` or `--doctor` it builds a command of its operators’ instead.
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { bundleForLambda } from '../cli/bundling.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
/** A Lambda that has to load more wakes more slowly. */
const BYTES_MAX = 1_450_000;

/**
 * @param {string} entry
 * @param {string} outfile
 * @param {Record<string, string>} define
 * @returns {Promise<Buffer>}
 */
async function bundle(entry, outfile, define = {}) {
  const shared = bundleForLambda(root);
  await build({
    ...shared,
    define: { ...shared.define, ...define },
    entryPoints: [entry],
    outfile,
  });
  return readFileSync(join(root, outfile));
}

/** Which Node the SDK will want next year is no news to a person who holds a fleet. */
const UNTOLD = { 'process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED': '"true"' };

/** @type {Readonly<Record<string, readonly [entry: string, outfile: string]>>} */
const COMMANDS = {
  '--journal': ['adapters/operate/journal.ts', 'dist/journal.mjs'],
  '--doctor': ['adapters/operate/doctor.ts', 'dist/doctor.mjs'],
  '--hold': ['adapters/operate/hold.ts', 'dist/hold.mjs'],
};

const command = COMMANDS[process.argv[2] ?? ''];
if (command !== undefined) {
  await bundle(...command, UNTOLD);
} else {
  const folder = join(root, 'dist/lambda');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const bytes = await bundle('adapters/aws/handler.ts', 'dist/lambda/index.mjs');
  const kilobytes = (/** @type {number} */ size) => `${Math.ceil(size / 1000)} kB`;
  process.stdout.write(
    `dist/lambda/index.mjs: ${kilobytes(bytes.length)}, ${kilobytes(gzipSync(bytes).length)} gzipped\n`,
  );
  if (bytes.length > BYTES_MAX) {
    process.stderr.write(`expected at most ${kilobytes(BYTES_MAX)}\n`);
    process.exitCode = 1;
  }
}
