import { createInterface } from 'node:readline/promises';
import { DynamoDBClient, QueryCommand } from '@aws-sdk/client-dynamodb';
import { JournalError, readJournal, type Hold, type JournalHeader } from '../../engine/index.ts';
import { formatInstant } from '../../simulator/instants.ts';
import { readHold, setHold } from '../aws/table.ts';
import { newCommand } from '../cli/command.ts';
import { EXIT_CHECK_FAILED } from '../cli/failure.ts';
import { runProgram } from '../cli/program.ts';
import { InputError, quoted } from '../import/input-error.ts';
import { callLimit, callWords, reached, regionGiven } from './call.ts';
import {
  offsetOf,
  planHold,
  untilMsOf,
  untilWords,
  type LastDecision,
  type NothingKnown,
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

const NODES_MAX = 100_000;
/** Cycles that found the lock taken have no view. */
const RECORDS_BACK = 20;

const program = newCommand('hold')
  .description(
    'Holds the fleet at no fewer than so many workers until then: they are bought at once, and nothing is removed below that. It ends by itself. Nothing is changed before you say y, or --yes. Without --min and --until it says whether the fleet is held. Region and credentials are those of the AWS CLI.',
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
  const nodes = min === undefined ? null : nodesOf(min);
  if (until !== undefined) {
    // Before anything is asked of AWS. By the cluster’s clock it is read again.
    untilOf(until, Date.now(), 0);
  }
  const client = new DynamoDBClient(regionGiven(process.env));
  try {
    const standing = await reached(
      options.table,
      readHold(client, options.table, inboxOf(options), callLimit()),
    );
    const last = await lastDecision(client, options);
    const nowMs = Date.now();
    const held = standing !== null && standing.untilMs > nowMs ? standing : null;
    if (nodes !== null && until !== undefined) {
      const wanted = { min: nodes, untilMs: untilOf(until, nowMs, offsetOf(last)) };
      await give(client, options, last, wanted, held, nowMs);
    } else if (held === null) {
      print(options, { hold: null }, ['not held']);
    } else if (clear === true) {
      await end(client, options, last, held, nowMs);
    } else {
      show(options, last, held, nowMs);
    }
  } finally {
    client.destroy();
  }
}

function inboxOf({ cluster }: HoldOptions): string {
  return `${cluster}#inbox`;
}

function nodesOf(text: string): number {
  const nodes = /^\d{1,6}$/.test(text) ? Number(text) : NaN;
  if (!(nodes <= NODES_MAX)) {
    const expected = `expected a whole number of workers from 0 to ${String(NODES_MAX)}`;
    throw new InputError('--min', null, `found ${quoted(text)}, ${expected}`);
  }
  return nodes;
}

function untilOf(text: string, nowMs: number, offsetMinutes: number): number {
  const until = untilMsOf(text, nowMs, offsetMinutes);
  if (typeof until === 'string') {
    throw new InputError('--until', null, `found ${quoted(text)}, ${until}`);
  }
  return until;
}

/**
 * The last decision, of an autoscaler that acts or only observes. A journal that cannot be read keeps nobody from holding the
 * fleet: what is not known is told.
 */
async function lastDecision(
  client: DynamoDBClient,
  { journal, cluster }: HoldOptions,
): Promise<LastDecision | NothingKnown> {
  try {
    const [acting, observing] = await Promise.all([
      lastDecisionIn(client, journal, cluster),
      lastDecisionIn(client, journal, `${cluster}#observe`),
    ]);
    const last =
      (observing?.view.nowMs ?? -Infinity) > (acting?.view.nowMs ?? -Infinity) ? observing : acting;
    const why = `no decision of ${quoted(cluster)} is in ${journal} (is --cluster right?)`;
    return last ?? { why };
  } catch (error) {
    const words = error instanceof JournalError ? 'its last item is no journal' : callWords(error);
    return { why: `${journal}: ${words}` };
  }
}

async function lastDecisionIn(
  client: DynamoDBClient,
  journal: string,
  key: string,
): Promise<LastDecision | null> {
  const { Items = [] } = await client.send(
    new QueryCommand({
      TableName: journal,
      KeyConditionExpression: 'cluster_id = :cluster',
      ExpressionAttributeValues: { ':cluster': { S: key } },
      ScanIndexForward: false,
      Limit: RECORDS_BACK,
    }),
    { abortSignal: callLimit() },
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

/** Says what stands, and what it comes to. */
function show(
  options: HoldOptions,
  last: LastDecision | NothingKnown,
  held: Hold,
  nowMs: number,
): void {
  const { hold, sentences, warnings, ...numbers } = planHold(held, last, nowMs);
  const [, ...more] = sentences;
  const lines = [
    `held ${standingWords(held, last, nowMs)}`,
    ...more,
    ...warnings.map(warningWords),
  ];
  const offset = offsetOf(last);
  print(options, { hold: holdJson(hold, offset), ...numbers, warnings }, lines);
}

async function give(
  client: DynamoDBClient,
  options: HoldOptions,
  last: LastDecision | NothingKnown,
  wanted: Hold,
  held: Hold | null,
  nowMs: number,
): Promise<void> {
  const offset = offsetOf(last);
  const { sentences, warnings, hold, ...numbers } = planHold(wanted, last, nowMs);
  const replaced =
    held === null ? [] : [`it replaces the hold ${standingWords(held, last, nowMs)}`];
  const json = {
    hold: holdJson(hold, offset),
    replaces: held === null ? null : holdJson(held, offset),
    ...numbers,
    warnings,
  };
  const lines = [...sentences, ...replaced, ...warnings.map(warningWords)];
  await change(client, options, wanted, json, lines);
}

async function end(
  client: DynamoDBClient,
  options: HoldOptions,
  last: LastDecision | NothingKnown,
  held: Hold,
  nowMs: number,
): Promise<void> {
  const json = { hold: null, replaces: holdJson(held, offsetOf(last)) };
  await change(client, options, null, json, [`the hold ${standingWords(held, last, nowMs)} ends`]);
}

/** Changes what stands in the inbox, once a person has seen what that comes to and said yes. */
async function change(
  client: DynamoDBClient,
  options: HoldOptions,
  hold: Hold | null,
  json: object,
  lines: readonly string[],
): Promise<void> {
  const asks = options.yes !== true && process.stdin.isTTY;
  const agreed = options.yes === true || (asks ? await saysYes(options, lines) : false);
  if (agreed) {
    await reached(
      options.table,
      setHold(client, options.table, inboxOf(options), hold, callLimit()),
    );
  } else {
    process.exitCode = EXIT_CHECK_FAILED;
  }
  const outcome = agreed
    ? 'done: the next cycle begins with it'
    : 'nothing was changed: --yes, or y at a terminal, does it';
  print(options, { ...json, written: agreed }, [...(asks ? [] : lines), outcome]);
}

/** Whether a person at a terminal says yes to that. Who leaves says no. */
async function saysYes({ cluster }: HoldOptions, lines: readonly string[]): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const told = lines.map((each) => `${cluster}: ${each}\n`).join('');
    const answer = await terminal.question(`${told}Do it? [y/N] `);
    return /^y(es)?$/i.test(answer.trim());
  } catch (error) {
    // Ctrl+C, or Ctrl+D.
    if ((error as Error).name !== 'AbortError') {
      throw error;
    }
    process.stderr.write('\n');
    return false;
  } finally {
    terminal.close();
  }
}

/** `at 6 until 22:00 UTC+06:00`. */
function standingWords(
  { min, untilMs }: Hold,
  last: LastDecision | NothingKnown,
  nowMs: number,
): string {
  return `at ${String(min)} until ${untilWords(untilMs, nowMs, offsetOf(last))}`;
}

function warningWords(warning: string): string {
  return `warning: ${warning}`;
}

function holdJson({ min, untilMs }: Hold, offset: number): object {
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
