import { createInterface } from 'node:readline/promises';
import { DynamoDBClient, QueryCommand } from '@aws-sdk/client-dynamodb';
import { JournalError, readJournal, type JournalHeader } from '../../engine/index.ts';
import { formatInstant } from '../../simulator/instants.ts';
import { readHold, setHold } from '../aws/table.ts';
import { newCommand } from '../cli/command.ts';
import { EXIT_CHECK_FAILED } from '../cli/failure.ts';
import { runProgram } from '../cli/program.ts';
import { errorWords } from '../failure.ts';
import { InputError, quoted } from '../import/input-error.ts';
import {
  offsetOf,
  planHold,
  untilMsOf,
  untilWords,
  type HoldPlan,
  type LastDecision,
} from './hold-plan.ts';

interface HoldOptions {
  readonly cluster: string;
  readonly table: string;
  readonly journal: string;
  readonly min?: string;
  readonly until?: string;
  readonly clear?: true;
  readonly yes?: true;
  readonly json?: true;
}

const CALL_MS = 10_000;
const NODES_MAX = 100_000;
/** Cycles that found the lock taken have no view. */
const RECORDS_BACK = 20;
const signal = (): AbortSignal => AbortSignal.timeout(CALL_MS);

const program = newCommand('hold')
  .description(
    'Holds the fleet at no fewer than so many workers until then: they are bought at once, and nothing is removed below that. It ends by itself. Without --min and --until it says whether the fleet is held. Region and credentials are those of the AWS CLI.',
  )
  .option('--min <nodes>', 'no fewer workers than this; the policy’s max goes before it')
  .option('--until <time>', 'such as 22:00 by the cluster’s clock, or 2026-11-24T22:00+06:00')
  .option('--clear', 'end a hold now')
  .option('--cluster <id>', 'the cluster', 'node-fleet-prod')
  .option('--table <name>', 'the state table', 'node-fleet-cluster-state')
  .option('--journal <name>', 'the journal table', 'node-fleet-journal')
  .option('--yes', 'do it without asking')
  .option('--json', 'print JSON')
  .addHelpText('after', '\nExample: npm run hold -- --min 8 --until 22:00')
  .action(hold);

async function hold(options: HoldOptions): Promise<void> {
  const { min, until, clear } = options;
  if (clear === true && (min !== undefined || until !== undefined)) {
    throw new InputError('--clear', null, 'found --min or --until beside it, expected it alone');
  }
  if ((min === undefined) !== (until === undefined)) {
    const [given, missing] = min === undefined ? ['--until', '--min'] : ['--min', '--until'];
    throw new InputError(given, null, `found it alone, expected ${missing} as well`);
  }
  const client = new DynamoDBClient({});
  try {
    if (clear === true) {
      await reached(
        options.table,
        setHold(client, options.table, inboxOf(options), null, signal()),
      );
      print(options, { hold: null, written: true }, ['no longer held']);
      return;
    }
    const last = await reached(options.journal, lastDecision(client, options));
    if (min === undefined || until === undefined) {
      await show(client, options, last);
      return;
    }
    await give(client, options, last, min, until);
  } finally {
    client.destroy();
  }
}

function inboxOf({ cluster }: HoldOptions): string {
  return `${cluster}#inbox`;
}

/** A call to AWS, whose failure is the operator’s to know: the table’s name and what went wrong, in few words. */
async function reached<T>(table: string, called: Promise<T>): Promise<T> {
  try {
    return await called;
  } catch (error) {
    throw error instanceof InputError || error instanceof JournalError
      ? error
      : new InputError(table, null, `could not be reached (${errorWords(error)})`);
  }
}

async function lastDecision(
  client: DynamoDBClient,
  { journal, cluster }: HoldOptions,
): Promise<LastDecision | null> {
  const { Items = [] } = await client.send(
    new QueryCommand({
      TableName: journal,
      KeyConditionExpression: 'cluster_id = :cluster',
      ExpressionAttributeValues: { ':cluster': { S: cluster } },
      ScanIndexForward: false,
      Limit: RECORDS_BACK,
    }),
    { abortSignal: signal() },
  );
  for (const item of Items) {
    const { header, records } = readJournal<JournalHeader>(item['journal']?.B ?? new Uint8Array());
    const view = records[0]?.decided?.view;
    if (view !== undefined) {
      return { header, view };
    }
  }
  return null;
}

async function show(
  client: DynamoDBClient,
  options: HoldOptions,
  last: LastDecision | null,
): Promise<void> {
  const found = await reached(
    options.table,
    readHold(client, options.table, inboxOf(options), signal()),
  );
  const nowMs = Date.now();
  const offset = offsetOf(last);
  if (found === null || found.untilMs <= nowMs) {
    print(options, { hold: null }, ['not held']);
    return;
  }
  const held = `held at ${String(found.min)} until ${untilWords(found.untilMs, nowMs, offset)}`;
  print(options, { hold: holdJson(found, offset) }, [held]);
}

async function give(
  client: DynamoDBClient,
  options: HoldOptions,
  last: LastDecision | null,
  min: string,
  until: string,
): Promise<void> {
  const nowMs = Date.now();
  const offset = offsetOf(last);
  const nodes = /^\d{1,6}$/.test(min) ? Number(min) : NaN;
  if (!(nodes <= NODES_MAX)) {
    const expected = `expected a whole number of workers from 0 to ${String(NODES_MAX)}`;
    throw new InputError('--min', null, `found ${quoted(min)}, ${expected}`);
  }
  const untilMs = untilMsOf(until, nowMs, offset);
  if (untilMs === null) {
    const expected =
      'expected a time such as 22:00 or 2026-11-24T22:00+06:00, at most 31 days ahead';
    throw new InputError('--until', null, `found ${quoted(until)}, ${expected}`);
  }
  const plan = planHold({ min: nodes, untilMs }, last, nowMs);
  const agreed = options.yes === true || (await asked(options, plan));
  if (agreed) {
    await reached(
      options.table,
      setHold(client, options.table, inboxOf(options), plan.hold, signal()),
    );
  } else {
    process.exitCode = EXIT_CHECK_FAILED;
  }
  const { sentences, warnings, hold, ...numbers } = plan;
  const json = { hold: holdJson(hold, offset), ...numbers, warnings, written: agreed };
  const outcome = agreed
    ? 'done: the next cycle begins with it'
    : 'nothing was changed: --yes, or y at a terminal, does it';
  print(options, json, [...sentences, ...warnings.map((each) => `warning: ${each}`), outcome]);
}

/** Whether a person at a terminal says yes to what it costs. */
async function asked({ cluster }: HoldOptions, plan: HoldPlan): Promise<boolean> {
  if (!process.stdin.isTTY) {
    return false;
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const told = [...plan.sentences, ...plan.warnings].map((each) => `${cluster}: ${each}\n`);
    const answer = await terminal.question(`${told.join('')}Do it? [y/N] `);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}

function holdJson({ min, untilMs }: { min: number; untilMs: number }, offset: number): object {
  return { min, until: formatInstant(untilMs, offset) };
}

function print({ cluster, json }: HoldOptions, document: object, lines: readonly string[]): void {
  process.stdout.write(
    json === true
      ? `${JSON.stringify({ schema: 'node-fleet/hold@1', cluster, ...document }, null, 2)}\n`
      : lines.map((line) => `${cluster}: ${line}\n`).join(''),
  );
}

await runProgram(program);
