#!/usr/bin/env node
// Runs the command line from one bundle, and rebuilds it when a source is newer.
// Fresh, it only reads file times: esbuild is not even imported.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const dist = join(root, 'dist');
const bundle = join(dist, 'node-fleet.mjs');
const page = join(dist, 'report-page.js');
const licences = join(dist, 'report-page.licences.txt');
const sources = ['engine', 'simulator', 'adapters', 'reports', 'scenarios', 'test/bench'];

/**
 * Folders count too: their time changes when a file is deleted or renamed.
 * @param {string} path
 * @returns {number}
 */
function newestMtimeMs(path) {
  let newest = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (newest === 0) {
    return newest;
  }
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.name === 'node_modules') {
      continue;
    }
    const child = join(path, entry.name);
    if (entry.isDirectory()) {
      newest = Math.max(newest, newestMtimeMs(child));
    } else if (/\.tsx?$/.test(entry.name) || entry.name.endsWith('.mjs')) {
      newest = Math.max(newest, statSync(child, { throwIfNoEntry: false })?.mtimeMs ?? 0);
    }
  }
  return newest;
}

/**
 * Ink imports its debugger, which is not installed, and with it a web socket, where DEV is set.
 * @type {import('esbuild').Plugin}
 */
const noDebugger = {
  name: 'no-debugger',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\.\/devtools\.js$/ }, ({ path }) => ({ path, namespace: 'none' }));
    onLoad({ filter: /./, namespace: 'none' }, () => ({ contents: '' }));
  },
};

/**
 * @param {number} sourceMtimeMs newest source, taken before the build began
 */
async function build(sourceMtimeMs) {
  const esbuild = await import('esbuild').catch(() => undefined);
  if (esbuild === undefined) {
    process.stderr.write('node-fleet: esbuild is not installed; run npm ci first\n');
    process.exit(2);
  }
  const { bundleForNode } = await import('./bundling.mjs');
  const common = bundleForNode(root);
  mkdirSync(dist, { recursive: true });
  // A name of its own for each process, then a rename: two launches at once cannot see half a file.
  const draft = join(dist, `.node-fleet.${process.pid}.mjs`);
  try {
    const { warnings, outputFiles } = await esbuild.build({
      ...common,
      entryPoints: {
        'node-fleet': 'adapters/cli/main.ts',
        // Started as a thread.
        'node-fleet-worker': 'adapters/tui/worker.ts',
      },
      outdir: dist,
      outExtension: { '.js': '.mjs' },
      chunkNames: 'node-fleet-[hash]',
      write: false,
      // What one command alone imports late is parsed for that command alone.
      splitting: true,
      plugins: [noDebugger],
      logLevel: 'silent',
      // Only a report needs it: from node_modules, when it does.
      external: ['vega-lite'],
      define: { ...common.define, 'process.env.NODE_ENV': '"production"' },
    });
    await print(esbuild, warnings, 'warning');
    await buildPage(esbuild);
    // The sources' time, not the clock's: an edit made during the build still looks newer.
    const stamp = new Date(Math.ceil(sourceMtimeMs));
    // What others import first; the program, by whose time the build is judged, last.
    const files = outputFiles.filter(({ path }) => path !== bundle);
    for (const { path, contents } of [...files, ...outputFiles]) {
      writeFileSync(draft, contents);
      utimesSync(draft, stamp, stamp);
      renameSync(draft, path);
    }
    const written = new Set(outputFiles.map(({ path }) => path));
    for (const name of readdirSync(dist)) {
      if (/^node-fleet-[0-9A-Z]+\.mjs$/.test(name) && !written.has(join(dist, name))) {
        rmSync(join(dist, name), { force: true });
      }
    }
  } catch (error) {
    const failure = /** @type {import('esbuild').BuildFailure} */ (error);
    if (Array.isArray(failure.errors)) {
      await print(esbuild, failure.errors, 'error');
    } else {
      // Such as a missing esbuild binary for this platform; the first line says it all.
      const [reason] = failure.message.split('\n');
      process.stderr.write(`node-fleet: the build failed: ${reason}\n`);
    }
    rmSync(draft, { force: true });
    process.exit(1);
  }
  await esbuild.stop();
}

/**
 * What runs in the browser of whoever reads a report, and the licences of all that is in it. Before the bundle gets its name:
 * where that is fresh, these are.
 * @param {typeof import('esbuild')} esbuild
 */
async function buildPage(esbuild) {
  const { metafile, outputFiles } = await esbuild.build({
    absWorkingDir: root,
    entryPoints: ['reports/html/browser.ts'],
    bundle: true,
    platform: 'browser',
    format: 'iife',
    target: 'es2022',
    minify: true,
    legalComments: 'none',
    logLevel: 'silent',
    metafile: true,
    write: false,
  });
  writeWhole(page, outputFiles[0].contents);
  writeWhole(licences, licencesOf(Object.keys(metafile.inputs)));
}

/**
 * @param {string} path
 * @param {string | Uint8Array} content
 */
function writeWhole(path, content) {
  const draft = `${path}.${process.pid}.tmp`;
  writeFileSync(draft, content);
  renameSync(draft, path);
}

/**
 * Each licence once, below the packages that have it.
 * @param {string[]} inputs
 */
function licencesOf(inputs) {
  const packages = inputs.flatMap((path) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []);
  /** @type {Map<string, string[]>} */
  const holders = new Map();
  for (const folder of [...new Set(packages)].sort()) {
    const file = readdirSync(join(root, folder)).find((name) => /^licen[cs]e/i.test(name));
    if (file === undefined) {
      throw new Error(`${folder} has no licence that could be kept`);
    }
    const text = readFileSync(join(root, folder, file), 'utf8')
      .trim()
      .replaceAll('\r\n', '\n');
    holders.set(text, [...(holders.get(text) ?? []), folder.slice('node_modules/'.length)]);
  }
  return [...holders].map(([text, names]) => `${names.join(', ')}\n\n${text}\n`).join('\n\n');
}

/**
 * @param {typeof import('esbuild')} esbuild
 * @param {import('esbuild').Message[]} messages
 * @param {'error' | 'warning'} kind
 */
async function print(esbuild, messages, kind) {
  const color = process.stderr.isTTY === true;
  const lines = await esbuild.formatMessages(messages, { kind, color });
  process.stderr.write(lines.join(''));
}

const lockMtimeMs = statSync(join(root, 'package-lock.json'), { throwIfNoEntry: false })?.mtimeMs;
const sourceMtimeMs = Math.max(
  lockMtimeMs ?? 0,
  ...sources.map((folder) => newestMtimeMs(join(root, folder))),
);
const bundleMtimeMs = statSync(bundle, { throwIfNoEntry: false })?.mtimeMs;
if (bundleMtimeMs === undefined || bundleMtimeMs < sourceMtimeMs || !existsSync(page)) {
  await build(sourceMtimeMs);
}

// As if the bundle had been started itself: same process, `argv[2]` is the first argument.
process.argv[1] = bundle;
await import(pathToFileURL(bundle).href);
