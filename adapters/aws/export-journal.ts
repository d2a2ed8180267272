import { existsSync, writeFileSync } from 'node:fs';
import { format, parse } from 'node:path';
import { DynamoDBClient, QueryCommand, type AttributeValue } from '@aws-sdk/client-dynamodb';
import { Command, CommanderError } from 'commander';
import { errorWords } from '../failure.ts';
import { JournalError } from '../../engine/index.ts';
import { joinJournals, journalFile } from './join-journal.ts';

/** Bad input, or a table that could not be read. */
const EXIT_BAD_INPUT = 2;

class ExportError extends Error {}

interface Options {
  readonly table: string;
  readonly cluster: string;
  readonly from?: string;
  readonly to?: string;
  readonly out: string;
  readonly force?: true;
  readonly json?: true;
}

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)$/;

function instant(option: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) {
    return otherwise;
  }
  const atMs = INSTANT.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(atMs)) {
    throw new ExportError(`${option} is "${text}": expected such as 2026-11-24T20:00+06:00`);
  }
  return atMs;
}

async function items(
  table: string,
  cluster: string,
  fromMs: number,
  toMs: number,
): Promise<Record<string, AttributeValue>[]> {
  const client = new DynamoDBClient({});
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
      );
      found.push(...(answer.Items ?? []));
      next = answer.LastEvaluatedKey;
    } while (next !== undefined);
  } catch (error) {
    throw new ExportError(`${table}: could not be read (${errorWords(error)})`);
  } finally {
    client.destroy();
  }
  return found;
}

/** `sale.journal` among several is `sale.2.journal`. */
function pathOf(out: string, index: number, count: number): string {
  const { dir, name, ext } = parse(out);
  return count === 1 ? out : format({ dir, name: `${name}.${String(index + 1)}`, ext });
}

async function exportJournal(options: Options): Promise<void> {
  const { table, cluster, out, force, json } = options;
  const fromMs = instant('--from', options.from, 0);
  const toMs = instant('--to', options.to, Number.MAX_SAFE_INTEGER);
  const found = await items(table, cluster, fromMs, toMs);
  if (found.length === 0) {
    throw new ExportError(`${table}: found no decision of ${cluster} in that time`);
  }
  const runs = joinJournals(found);
  const paths = runs.map((_, index) => pathOf(out, index, runs.length));
  for (const path of paths) {
    if (force !== true && existsSync(path)) {
      throw new ExportError(`${path}: found a file, expected none (--force replaces it)`);
    }
  }
  const written = runs.map((run, index) => {
    writeFileSync(paths[index], journalFile(run));
    return {
      path: paths[index],
      engineDigest: run.engine,
      from: new Date(run.fromMs).toISOString(),
      to: new Date(run.toMs).toISOString(),
      cycles: run.cycles,
      decided: run.decided,
    };
  });
  const text = written
    .map(({ path, cycles, from, to }) => `${path}: ${String(cycles)} cycles, ${from} to ${to}\n`)
    .join('');
  process.stdout.write(
    json === true
      ? `${JSON.stringify({ schema: 'node-fleet/export-journal@1', journals: written }, null, 2)}\n`
      : text,
  );
}

const program = new Command('journal')
  .exitOverride()
  .description(
    'Reads decisions from the journal table and writes them as a journal that replay and explain read. A new file begins where the engine, the policy or the settings changed. Region and credentials are those of the AWS CLI.',
  )
  .requiredOption('--table <name>', 'the journal table')
  .requiredOption('--cluster <id>', 'the cluster; ID#observe for what it would have done')
  .option('--from <instant>', 'cycles that began then or later, such as 2026-11-24T20:00+06:00')
  .option('--to <instant>', 'cycles that began then or earlier')
  .requiredOption('--out <file>', 'where to write it')
  .option('--force', 'replace a file that is there')
  .option('--json', 'print JSON')
  .action(exportJournal);

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : EXIT_BAD_INPUT;
  } else if (error instanceof ExportError || error instanceof JournalError) {
    process.stderr.write(`node-fleet: ${error.message}\n`);
    process.exitCode = EXIT_BAD_INPUT;
  } else {
    throw error;
  }
}
