import { DynamoDBClient, QueryCommand, type AttributeValue } from '@aws-sdk/client-dynamodb';
import { format, parse } from 'node:path';
import { JournalError } from '../../engine/index.ts';
import { counted } from '../../reports/words.ts';
import { expectedTime, formatInstant, parseTimeMs } from '../../simulator/instants.ts';
import { newCommand } from '../cli/command.ts';
import { checkJournalPath, writeJournalFile } from '../cli/journal-file.ts';
import { runProgram } from '../cli/program.ts';
import { InputError, quoted } from '../import/input-error.ts';
import { callLimit, reached, regionGiven } from './call.ts';
import { joinJournals, type JournalRun } from './join-journal.ts';

interface JournalOptions {
  readonly table: string;
  readonly cluster: string;
  readonly from?: string;
  readonly to?: string;
  readonly out: string;
  readonly force?: true;
  readonly json?: true;
}

const program = newCommand('journal')
  .description(
    'Reads decisions from the journal table and writes them as a journal that replay and explain read. A new file begins where the engine, the policy or the settings changed. Region and credentials are those of the AWS CLI.',
  )
  .requiredOption('--out <file>', 'where to write it')
  .option('--table <name>', 'the journal table', 'node-fleet-journal')
  .option(
    '--cluster <id>',
    'the cluster; ID#observe for what it would have done',
    'node-fleet-prod',
  )
  .option('--from <instant>', 'cycles that began then or later, such as 2026-11-24T20:00+06:00')
  .option('--to <instant>', 'cycles that began then or earlier')
  .option('--force', 'replace a journal that is there')
  .option('--json', 'print JSON')
  .addHelpText(
    'after',
    '\nExample: npm run journal -- --from 2026-11-24T20:00+06:00 --out shop.journal',
  )
  .action(exportJournal);

async function exportJournal(options: JournalOptions): Promise<void> {
  const { table, cluster, out, force, json } = options;
  const fromMs = instant('--from', options.from) ?? 0;
  const toMs = instant('--to', options.to) ?? Number.MAX_SAFE_INTEGER;
  if (toMs < fromMs) {
    throw new InputError('--to', null, `found ${quoted(options.to!)}, expected it after --from`);
  }
  const runs = joined(table, await reached(table, items(table, cluster, fromMs, toMs)));
  if (runs.length === 0) {
    throw new InputError(table, null, `found no decision of ${quoted(cluster)} in that time`);
  }
  const paths = runs.map((_, index) => pathOf(out, index, runs.length));
  for (const path of paths) {
    checkJournalPath(path, force === true);
  }
  const written = runs.map((run, index) => {
    writeJournalFile(paths[index]!, run.bytes, run.engine);
    return {
      path: paths[index]!,
      engineDigest: run.engine,
      from: formatInstant(run.fromMs, 0),
      to: formatInstant(run.toMs, 0),
      cycles: run.cycles,
      decided: run.decided,
    };
  });
  const text = written
    .map(({ path, cycles, from, to }) => `${path}: ${counted(cycles, 'cycle')}, ${from} to ${to}\n`)
    .join('');
  process.stdout.write(
    json === true
      ? `${JSON.stringify({ schema: 'node-fleet/export-journal@1', journals: written }, null, 2)}\n`
      : text,
  );
}

function instant(option: string, text: string | undefined): number | null {
  const atMs = text === undefined ? null : parseTimeMs(text);
  if (text !== undefined && atMs === null) {
    throw new InputError(option, null, `found ${quoted(text)}, ${expectedTime(text)}`);
  }
  return atMs;
}

async function items(
  table: string,
  cluster: string,
  fromMs: number,
  toMs: number,
): Promise<Record<string, AttributeValue>[]> {
  const client = new DynamoDBClient(regionGiven(process.env));
  const found: Record<string, AttributeValue>[] = [];
  let next: Record<string, AttributeValue> | undefined;
  try {
    do {
      const answer = await client.send(
        new QueryCommand({
          TableName: table,
          KeyConditionExpression: 'cluster_id = :cluster AND started_at_ms BETWEEN :from AND :to',
          ExpressionAttributeValues: {
            ':cluster': { S: cluster },
            ':from': { N: String(fromMs) },
            ':to': { N: String(toMs) },
          },
          ExclusiveStartKey: next,
        }),
        { abortSignal: callLimit() },
      );
      found.push(...(answer.Items ?? []));
      next = answer.LastEvaluatedKey;
    } while (next !== undefined);
  } finally {
    client.destroy();
  }
  return found;
}

function joined(
  table: string,
  found: readonly Readonly<Record<string, AttributeValue>>[],
): JournalRun[] {
  try {
    return joinJournals(found);
  } catch (error) {
    if (error instanceof JournalError) {
      throw new InputError(table, null, `found an item that holds no journal (${error.message})`);
    }
    throw error;
  }
}

/** `sale.journal` among several is `sale.2.journal`. */
function pathOf(out: string, index: number, count: number): string {
  const { dir, name, ext } = parse(out);
  return count === 1 ? out : format({ dir, name: `${name}.${String(index + 1)}`, ext });
}

await runProgram(program);
