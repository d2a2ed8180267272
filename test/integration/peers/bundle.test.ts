import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ScheduledAnswer } from '../../../adapters/aws/handler.ts';
import { bundleForLambda } from '../../../adapters/cli/bundling.mjs';
import { root } from '../../adapters/cli/program.ts';
import { nodeBinary } from '../node-binary.ts';
import { Peers, ShopCluster, tick } from './cluster.ts';
import type { Running } from './processes.ts';
import { SCRAPE_MS, shopSeries, startPrometheus } from './prometheus.ts';

// What the bundle weighs: as ratios of one run wherever time is measured, for machines differ.

const BUNDLE = join(root, 'dist/lambda/index.mjs');
let folder: string;
let peers: Peers;
let idle: Running;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'node-fleet-bundle-'));
  peers = await Peers.start();
  const now = Math.floor(Date.now() / SCRAPE_MS) * SCRAPE_MS;
  const series = shopSeries(['w1', 'w2'], { cpuRatio: 0.5, unschedulable: 0 });
  idle = await startPrometheus(series, now - 900_000, now + 900_000);
});

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await Promise.all([idle, peers].map((each) => each?.stop()));
});

async function bundled(entry: string): Promise<Uint8Array> {
  const outfile = join(folder, 'index.mjs');
  const options = { ...bundleForLambda(root), entryPoints: [entry], outfile, write: false };
  const { outputFiles = [] } = await build(options);
  return outputFiles[0].contents;
}

test('the same sources give the same bytes, wherever they are written to', async () => {
  const bytes = await bundled(join(root, 'adapters/aws/handler.ts'));
  expect(Buffer.compare(bytes, readFileSync(BUNDLE))).toBe(0);
  expect(Buffer.from(bytes).includes(root)).toBe(false);
});

/** How long a module takes to import in a fresh process of Lambda’s Node, ms. */
function importMs(path: string): number {
  const program = `const t = performance.now(); await import(${JSON.stringify(pathToFileURL(path).href)}); console.log(performance.now() - t)`;
  const args = ['--input-type=module', '-e', program];
  return Number(execFileSync(nodeBinary(22), args, { encoding: 'utf8', env: {} }));
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

test('a cold import takes at most half as long again as that of the two clients that any solution needs', async () => {
  const entry = join(root, 'dist/two-clients.mjs');
  const alone = join(folder, 'two-clients.mjs');
  writeFileSync(
    entry,
    `export { EC2Client, DescribeInstancesCommand, RunInstancesCommand, TerminateInstancesCommand } from '@aws-sdk/client-ec2';
     export { DynamoDBClient, GetItemCommand, PutItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';`,
  );
  try {
    writeFileSync(alone, await bundled(entry));
  } finally {
    rmSync(entry);
  }
  const pairs = Array.from({ length: 9 }, () => [importMs(alone), importMs(BUNDLE)] as const);
  // The least of nine each: whatever disturbs one only ever adds to it.
  const [two, ours] = [0, 1].map((n) => Math.min(...pairs.map((pair) => pair[n])));
  process.stdout.write(
    `cold import: ${ours.toFixed(0)} ms, ${(ours / two).toFixed(2)} of two clients’\n`,
  );
  expect(ours / two).toBeLessThanOrEqual(1.5);
});

test('a warm cycle takes under a second, less than a cold one, and 256 MB are enough', async () => {
  const cluster = await ShopCluster.start(peers, 3);
  const sandbox = cluster.sandbox(idle.url);
  const takenMs: number[] = [];
  for (let n = 0; n < 9; n++) {
    const beganAtMs = performance.now();
    const { result, error } = await sandbox.invoke<ScheduledAnswer>(tick());
    takenMs.push(performance.now() - beganAtMs);
    expect({ error, outcome: result.outcome }).toEqual({ error: null, outcome: 'decided' });
  }
  const [cold, ...warm] = takenMs;
  const memoryMb = sandbox.peakMemoryMb;
  expect(await sandbox.end()).toBe(0);
  process.stdout.write(
    `warm cycle: ${median(warm).toFixed(0)} ms, memory ${memoryMb.toFixed(0)} MB\n`,
  );
  expect(median(warm)).toBeLessThan(cold);
  // The bound that was asked for; a tenth of it is usual.
  expect(median(warm)).toBeLessThan(1_000);
  expect(memoryMb).toBeGreaterThan(20);
  expect(memoryMb).toBeLessThan(256);
});
