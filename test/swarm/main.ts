import { randomInt } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { Command, InvalidArgumentError } from 'commander';
import { EXPECTED, UNREACHED } from '../properties/sightings.ts';
import { CASES_PER_BATCH, runBatch, type BatchResult, type Broken } from './batch.ts';
import { differenceFromQuiet, timeline } from './timeline.ts';

/** With fewer cases than this a mark may be missing by chance; the sweep in `npm test` makes each of them on purpose. */
const CASES_FOR_EVERY_MARK = 50_000;
const SEED_MAX = 0x7fffffff;
const LINES_SHOWN = 30;
/** Next to the bundle’s folder: where `npm test` finds what is kept. */
const FOUND = fileURLToPath(new URL('../test/properties/found/', import.meta.url));

interface Options {
  readonly seed?: number;
  readonly runs?: number;
  readonly cycles?: number;
  readonly minutes?: number;
  readonly path?: string;
  readonly keep?: string;
  readonly json?: boolean;
}

interface Report {
  readonly schema: 'node-fleet/swarm@1';
  readonly seed: number;
  readonly cases: number;
  readonly cycles: number;
  readonly seconds: number;
  /** Marks that were never made; null: too few cases to tell. */
  readonly neverSeen: readonly string[] | null;
  readonly broken: Broken | null;
}

if (isMainThread) {
  await command().parseAsync();
} else {
  parentPort!.on('message', ({ seed, cases }: { seed: number; cases: number }) => {
    parentPort!.postMessage(runBatch(seed, cases));
  });
}

function whole(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < least || value > SEED_MAX) {
      throw new InvalidArgumentError(`expected a whole number from ${String(least)} on.`);
    }
    return value;
  };
}

function command(): Command {
  return new Command('test:swarm')
    .description(
      'Runs random scenarios under random policies, settings and faults, with every invariant watched. ' +
        'Without a limit it runs a million cycles. Exits with 1 where an invariant is broken.',
    )
    .option('--seed <n>', 'draws everything; a random one by default, and printed', whole(0))
    .option('--runs <n>', 'so many cases', whole(1))
    .option('--cycles <n>', 'at least so many control cycles', whole(1))
    .option('--minutes <n>', 'at most so long', whole(1))
    .option('--path <path>', 'one case of the seed, as a failure named it')
    .option(
      '--keep <name>',
      'with --path: writes the case to test/properties/found, where npm test runs it',
    )
    .option('--json', 'prints one JSON object')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .action(async (options: Options) => {
      if (options.path !== undefined) {
        if (options.seed === undefined) {
          process.stderr.write('node-fleet: --path needs the --seed that it was printed with\n');
          process.exit(2);
        }
        again(options.seed, options.path, options);
        return;
      }
      const report = await swarm(options);
      if (options.json === true) {
        process.stdout.write(JSON.stringify(report) + '\n');
      } else {
        tell(report);
      }
      process.exitCode = report.broken === null && (report.neverSeen ?? []).length === 0 ? 0 : 1;
    });
}

/** Hands out batches in the order of their seeds until enough is done; the first that breaks ends it. */
async function swarm(options: Options): Promise<Report> {
  const seed = options.seed ?? randomInt(SEED_MAX);
  const startedAtMs = performance.now();
  const unlimited =
    options.runs === undefined && options.cycles === undefined && options.minutes === undefined;
  const cyclesMax = options.cycles ?? (unlimited ? 1_000_000 : Infinity);
  const casesMax = options.runs ?? Infinity;
  const untilMs = startedAtMs + (options.minutes ?? Infinity) * 60_000;
  const seen = new Set<string>();
  let cases = 0;
  let cycles = 0;
  let handedOut = 0;
  let batch = 0;
  let broken: Broken | null = null;
  const next = (): { seed: number; cases: number } | null => {
    if (
      broken !== null ||
      cycles >= cyclesMax ||
      handedOut >= casesMax ||
      performance.now() >= untilMs
    ) {
      return null;
    }
    const size = Math.min(CASES_PER_BATCH, casesMax - handedOut);
    handedOut += size;
    return { seed: (seed + batch++) % SEED_MAX, cases: size };
  };
  const working = Array.from({ length: availableParallelism() }, async () => {
    const worker = new Worker(fileURLToPath(import.meta.url));
    for (let wanted = next(); wanted !== null; wanted = next()) {
      const answered = new Promise<BatchResult>((resolve, reject) => {
        worker.once('message', resolve).once('error', reject);
      });
      worker.postMessage(wanted);
      const result = await answered;
      worker.removeAllListeners('error');
      cases += result.cases;
      cycles += result.cycles;
      result.seen.forEach((what) => seen.add(what));
      broken ??= result.broken;
      progress(cases, cycles);
    }
    await worker.terminate();
  });
  await Promise.all(working);
  progress(null, 0);
  const neverSeen =
    cases < CASES_FOR_EVERY_MARK
      ? null
      : EXPECTED.filter((what) => !seen.has(what) && !UNREACHED.includes(what));
  const seconds = Math.round((performance.now() - startedAtMs) / 100) / 10;
  return { schema: 'node-fleet/swarm@1', seed, cases, cycles, seconds, neverSeen, broken };
}

function progress(cases: number | null, cycles: number): void {
  if (process.stderr.isTTY) {
    const text = cases === null ? '' : `${String(cases)} cases, ${String(cycles)} cycles`;
    process.stderr.write(`\r${text}\x1b[K`);
  }
}

function tell({ seed, cases, cycles, seconds, neverSeen, broken }: Report): void {
  const ran = `${String(cases)} cases, ${String(cycles)} cycles in ${String(seconds)} s, seed ${String(seed)}`;
  if (broken !== null) {
    process.stdout.write(`${ran}\n\n`);
    tellBroken(broken);
    return;
  }
  process.stdout.write(`${ran}: no invariant was broken\n`);
  if (neverSeen === null) {
    const least = String(CASES_FOR_EVERY_MARK);
    process.stdout.write(
      `fewer than ${least} cases: whether everything happened that may is not asked\n`,
    );
  } else if (neverSeen.length > 0) {
    process.stdout.write(`never happened: ${neverSeen.join(', ')}\n`);
  } else {
    process.stdout.write(`everything happened that may: ${String(EXPECTED.length)} marks\n`);
  }
}

function tellBroken({ seed, path, found, why }: Broken): void {
  const lines = timeline(found);
  process.stdout.write(
    [
      why,
      '',
      `A quiet case but for ${JSON.stringify(differenceFromQuiet(found))}`,
      '',
      ...(lines.length > LINES_SHOWN ? ['…'] : []),
      ...lines.slice(-LINES_SHOWN),
      '',
      `Again: npm run test:swarm -- --seed ${String(seed)} --path ${path}`,
      '',
    ].join('\n'),
  );
}

/** One case of before; kept where that is asked for. */
function again(seed: number, path: string, { keep, json }: Options): void {
  const { broken } = runBatch(seed, CASES_PER_BATCH, path);
  if (json === true) {
    process.stdout.write(JSON.stringify({ schema: 'node-fleet/swarm@1', seed, broken }) + '\n');
  } else if (broken === null) {
    process.stdout.write('it breaks no invariant any more\n');
  } else {
    tellBroken(broken);
  }
  process.exitCode = broken === null ? 0 : 1;
  if (keep === undefined || broken === null) {
    return;
  }
  const file = join(FOUND, `${keep}.json`);
  if (existsSync(file)) {
    process.stderr.write(`node-fleet: ${file} exists: choose another name\n`);
    process.exit(2);
  }
  const rule = broken.why.split('. Found: ')[0]!.replace(/ at \S+:/, ':');
  const kept = { title: rule, case: differenceFromQuiet(broken.found) };
  writeFileSync(file, JSON.stringify(kept, null, 2) + '\n');
  process.stderr.write(`kept as ${file}; give it a title that says what must hold\n`);
}
