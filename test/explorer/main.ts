import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { Command, InvalidArgumentError } from 'commander';
import { BUGS } from './bugs.ts';
import { casesOf, explore, findBug, type Explored, type Failure } from './explore.ts';
import { SCENARIOS, scenarioNamed } from './races.ts';
import { failureText, parseReplay, planText, readable } from './readable.ts';

interface Options {
  readonly bugs?: boolean;
  readonly scenario?: readonly string[];
  readonly replay?: string;
  readonly json?: boolean;
}

/** One case of a scenario: what a thread explores at a time. */
interface Task {
  readonly scenario: string;
  readonly nth: number;
}

interface Row extends Explored {
  readonly cases: number;
  readonly seconds: number;
}

if (isMainThread) {
  await command().parseAsync();
} else {
  parentPort!.on('message', ({ scenario: name, nth }: Task) => {
    const scenario = scenarioNamed(name)!;
    const one = casesOf(scenario).slice(nth, nth + 1);
    parentPort!.postMessage(explore(scenario, { deaths: true, states: true }, one));
  });
}

function command(): Command {
  return new Command('test:explore')
    .description(
      'Two invocations at once, in every order of their effects: each dies at each of them and in every pair of places, ' +
        'loses each answer, freezes, and has a clock that is a minute off. Exits with 1 where a schedule leaves the fleet wrong.',
    )
    .option('--scenario <name>', 'only this one; may be given several times', named)
    .option('--replay <schedule>', 'one schedule, as a failure printed it, effect by effect')
    .option(
      '--bugs',
      'plants each bug of test/explorer/bugs.ts, and says after how many schedules it is found',
    )
    .option('--json', 'prints one JSON object')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .action(async ({ bugs = false, scenario, replay, json = false }: Options) => {
      if (bugs) {
        plantAll(json);
        return;
      }
      if (replay !== undefined) {
        again(replay, json);
        return;
      }
      const rows = await exploreAll(scenario ?? SCENARIOS.map(({ name }) => name));
      if (json) {
        const text = JSON.stringify(
          { schema: 'node-fleet/explore@1', rows },
          (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value),
        );
        process.stdout.write(`${text}\n`);
      } else {
        process.stdout.write(table(rows));
      }
      process.exitCode = rows.some(({ failure }) => failure !== null) ? 1 : 0;
    });
}

function named(name: string, before: readonly string[] | undefined): readonly string[] {
  if (scenarioNamed(name) === undefined) {
    const names = SCENARIOS.map((each) => each.name).join(', ');
    throw new InvalidArgumentError(`expected one of ${names}.`);
  }
  return [...(before ?? []), name];
}

/** Hands out cases to every thread; a scenario’s row is the sum of its cases. */
async function exploreAll(names: readonly string[]): Promise<Row[]> {
  const tasks: Task[] = names.flatMap((scenario) =>
    casesOf(scenarioNamed(scenario)!).map((_, nth) => ({ scenario, nth })),
  );
  const rows = new Map<string, Row>();
  const working = Array.from(
    { length: Math.min(availableParallelism(), tasks.length) },
    async () => {
      const worker = new Worker(fileURLToPath(import.meta.url));
      for (let task = tasks.shift(); task !== undefined; task = tasks.shift()) {
        const beganMs = performance.now();
        const answered = new Promise<Explored>((resolve, reject) => {
          worker.once('message', resolve).once('error', reject);
        });
        worker.postMessage(task);
        const explored = await answered;
        worker.removeAllListeners('error');
        const seconds = (performance.now() - beganMs) / 1000;
        const before = rows.get(task.scenario);
        rows.set(task.scenario, added(before, explored, seconds));
        if (process.stderr.isTTY) {
          process.stderr.write(`\r${String(tasks.length)} cases to go\x1b[K`);
        }
      }
      await worker.terminate();
    },
  );
  await Promise.all(working);
  if (process.stderr.isTTY) {
    process.stderr.write('\r\x1b[K');
  }
  return names.map((name) => rows.get(name)!);
}

function added(before: Row | undefined, one: Explored, seconds: number): Row {
  if (before === undefined) {
    return { ...one, cases: 1, seconds };
  }
  return {
    ...before,
    cases: before.cases + 1,
    seconds: before.seconds + seconds,
    schedules: before.schedules + one.schedules,
    faultySchedules: before.faultySchedules + one.faultySchedules,
    allSchedules: before.allSchedules! + one.allSchedules!,
    allWithDeaths: before.allWithDeaths! + one.allWithDeaths!,
    states: before.states + one.states,
    ends: before.ends + one.ends,
    failure: before.failure ?? one.failure,
  };
}

function table(rows: readonly Row[]): string {
  const total = (of: (row: Row) => number): number => rows.reduce((sum, row) => sum + of(row), 0);
  const failures = rows.flatMap(({ failure }) => failure ?? []);
  const lines = rows.flatMap((row) => [
    `${row.scenario}: ${scenarioNamed(row.scenario)!.about}`,
    ...(row.failure === null ? figures(row) : ['  BROKEN']),
  ]);
  const schedules = total((row) => row.schedules + row.faultySchedules);
  return [
    ...lines,
    '',
    ...failures.map((failure: Failure) => failureText(failure)),
    failures.length > 0
      ? `${count(failures.length)} of ${count(rows.length)} scenarios can end wrong`
      : `${count(schedules)} schedules in ${count(rows.length)} scenarios, and every end that the whole search reaches is among theirs: all hold`,
    '',
  ].join('\n');
}

function figures(row: Row): string[] {
  return [
    `  ${count(row.schedules)} schedules of ${count(row.allSchedules!)}; with deaths and lost answers ` +
      `${count(row.faultySchedules)} more of ${count(row.allWithDeaths!)}`,
    `  ${count(row.cases)} cases, ${count(row.states)} states, ${count(row.ends)} ends, ` +
      `${row.seconds.toFixed(1)} s: all hold`,
  ];
}

function count(n: number | bigint): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** One schedule of before. */
function again(text: string, json: boolean): void {
  const replay = parseReplay(text);
  if (typeof replay === 'string') {
    process.stderr.write(`node-fleet: --replay: ${replay}\n`);
    process.exit(2);
  }
  const { lines, wrong } = readable(replay);
  if (json) {
    process.stdout.write(
      JSON.stringify({ schema: 'node-fleet/explore@1', ...replay, lines, wrong }) + '\n',
    );
  } else {
    const verdict = wrong.length === 0 ? ['it ends well'] : wrong;
    process.stdout.write([...lines, '', ...verdict, ''].join('\n'));
  }
  process.exitCode = wrong.length === 0 ? 0 : 1;
}

/** Each planted bug, and where and when it is found; every scenario is looked through until it is. */
function plantAll(json: boolean): void {
  const rows = BUGS.map(({ name, bend }) => ({ bug: name, failure: findBug(bend) }));
  if (json) {
    process.stdout.write(JSON.stringify({ schema: 'node-fleet/explore@1', bugs: rows }) + '\n');
  } else {
    for (const { bug, failure } of rows) {
      const how =
        failure === null
          ? 'NOT FOUND'
          : `found after ${count(failure.found)} schedules, in ${planText(failure.plan)}: ${failure.wrong.join('; ')}`;
      process.stdout.write(`${bug}: ${how}\n`);
    }
  }
  process.exitCode = rows.some(({ failure }) => failure === null) ? 1 : 0;
}
