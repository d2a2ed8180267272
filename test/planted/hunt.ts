// Looks for one planted bug: with the swarm, and where the swarm cannot see it, with the one test that is named for it.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import { BUGS } from '../explorer/bugs.ts';
import { findBug } from '../explorer/explore.ts';
import { CASES_PER_BATCH } from '../swarm/batch.ts';
import type { Hunted, Wanted } from './batch.ts';
import type { Planted } from './bugs.ts';
import { planting } from './plant.ts';

/** Where the swarm begins, so that the same bug is found by the same case each time. */
export const FIRST_SEED = 1;

/** A case that takes longer than this has no end. */
const ENDLESS_MS = 30_000;

export interface Limits {
  readonly casesMax: number;
  readonly seconds: number;
}

export interface Found {
  readonly bug: Planted;
  /** Cases that the swarm ran, the one that broke included. */
  readonly cases: number;
  /** By the swarm: which invariant (0: the run threw), and the seed of the batch. */
  readonly swarm: {
    readonly invariant: number;
    readonly seed: number;
    readonly why: string;
  } | null;
  /** By the explorer: after how many schedules; null: not at all, or it was not asked. */
  readonly schedules: number | null;
  /** Whether the test of its name goes red with the bug in; null: it was not asked. */
  readonly test: boolean | null;
}

/** Looks for a bug until it is found, or the limits are reached. */
export async function look(root: string, bug: Planted, limits: Limits): Promise<Found> {
  const { cases, swarm } = await bySwarm(root, bug, limits);
  const test = swarm !== null || bug.test === undefined ? null : await byTest(root, bug);
  const plantedThere = BUGS.find(({ name }) => name === bug.explorer);
  const schedules =
    swarm !== null || plantedThere === undefined
      ? null
      : (findBug(plantedThere.bend)?.found ?? null);
  return { bug, cases, swarm, schedules, test };
}

async function bySwarm(
  root: string,
  bug: Planted,
  { casesMax, seconds }: Limits,
): Promise<Pick<Found, 'cases' | 'swarm'>> {
  const worker = await threadWith(root, bug);
  const untilMs = performance.now() + seconds * 1000;
  let cases = 0;
  try {
    for (let seed = FIRST_SEED; cases < casesMax && performance.now() < untilMs; seed++) {
      const wanted: Wanted = {
        seed,
        cases: Math.min(CASES_PER_BATCH, casesMax - cases),
        forMs: untilMs - performance.now(),
        held: bug.held ?? {},
      };
      const hunted = await answerOf(worker, wanted);
      if (hunted === null) {
        break;
      }
      cases += hunted.cases;
      // What breaks without the bug as well was not broken by it.
      if (hunted.why !== null && (await holdsWithout(root, { ...wanted, path: hunted.path }))) {
        return { cases, swarm: { invariant: hunted.invariant, seed, why: hunted.why } };
      }
    }
  } finally {
    await worker.terminate();
  }
  return { cases, swarm: null };
}

/** A thread that runs the swarm's cases on the source with this bug in it; null: on the source as it is. */
async function threadWith(root: string, bug: Planted | null): Promise<Worker> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ['test/planted/batch.ts'],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    logLevel: 'silent',
    plugins: bug === null ? [] : [planting(root, bug)],
  });
  return new Worker(outputFiles[0]!.text, { eval: true });
}

async function holdsWithout(root: string, wanted: Wanted): Promise<boolean> {
  const worker = await threadWith(root, null);
  try {
    return (await answerOf(worker, { ...wanted, forMs: ENDLESS_MS }))?.why === null;
  } finally {
    await worker.terminate();
  }
}

/** A bug may make a case endless: then the thread is not waited for. */
function answerOf(worker: Worker, wanted: Wanted): Promise<Hunted | null> {
  return new Promise((resolve, reject) => {
    const leave = setTimeout(() => resolve(null), wanted.forMs + ENDLESS_MS);
    worker.removeAllListeners();
    worker.once('error', reject).once('message', (hunted: Hunted) => {
      clearTimeout(leave);
      resolve(hunted);
    });
    worker.postMessage(wanted);
  });
}

/** Runs the test that a bug names against the source with the bug in it; whether that one went red. */
async function byTest(root: string, bug: Planted): Promise<boolean> {
  const [file, title] = bug.test!;
  // A title with a place in it stands for several tests.
  const named = new RegExp(
    `^${title.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&').replace(/%[sio]/g, '.+')}$`,
  );
  const args = ['run', '--config', 'test/planted/vitest.config.ts', '--reporter=json', file];
  const child = spawn(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), ...args], {
    cwd: root,
    env: { ...process.env, NODE_FLEET_PLANTED: JSON.stringify(bug) },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
  await new Promise((resolve, reject) => child.once('close', resolve).once('error', reject));
  const { testResults } = JSON.parse(printed.slice(printed.indexOf('{'))) as {
    testResults: { assertionResults: { title: string; status: string }[] }[];
  };
  const own = testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter((each) => named.test(each.title));
  if (own.length === 0) {
    throw new Error(`${bug.rule}: ${file} has no test "${title}"`);
  }
  return own.some(({ status }) => status === 'failed');
}
