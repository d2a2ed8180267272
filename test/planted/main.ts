import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { PLANTED } from './bugs.ts';
import { look, type Found } from './hunt.ts';
import { howFound, placed, plantedTable, tableIn } from './table.ts';

/** Two at a time: each keeps a core busy. */
const AT_ONCE = 2;
const SHARE_ELSE = 0.25;
/** The bundle lies in dist/. */
const root = fileURLToPath(new URL('..', import.meta.url));

interface Options {
  readonly only?: string;
  readonly cases: number;
  readonly seconds: number;
  readonly json?: boolean;
  readonly into?: string;
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new InvalidArgumentError('expected a whole number from 1 on.');
  }
  return value;
}

await new Command('test:planted')
  .description(
    'Plants the bugs of test/planted/bugs.ts one at a time and lets the swarm look for each, from a fixed seed; what it ' +
      'cannot show is looked for by the explorer, or by the test that is named for it. Exits with 1 where one is not found.',
  )
  .option('--only <rules>', 'the bugs of these rules: S4, "S4,mistake 6"')
  .option('--cases <n>', 'at most so many cases a bug', whole, 4_000)
  .option('--seconds <n>', 'at most so long a bug', whole, 120)
  .option('--into <file>', 'writes what was found into the table of a document, between its marks')
  .option('--json', 'prints one JSON object')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .action(async ({ only, cases, seconds, json, into }: Options) => {
    const bugs = PLANTED.filter(({ rule }) => only?.split(',').includes(rule) ?? true);
    if (bugs.length === 0) {
      refuse(`--only ${only!}: there is no such rule; expected one like S4, or "mistake 6"`);
    }
    const found: Found[] = [];
    let next = 0;
    const working = Array.from({ length: AT_ONCE }, async () => {
      for (let n = next++; n < bugs.length; n = next++) {
        // One that names a test, or a bug of the explorer’s, is known to be hard to see: the swarm has a try.
        const share = (bugs[n]!.test ?? bugs[n]!.explorer) === undefined ? 1 : SHARE_ELSE;
        const limits = { casesMax: Math.ceil(cases * share), seconds: seconds * share };
        found[n] = await look(root, bugs[n]!, limits);
        if (into !== undefined) {
          // Row by row: what was found so far stays when somebody stops it.
          const path = resolve(into);
          const document = readFileSync(path, 'utf8');
          writeFileSync(path, placed(document, plantedTable([found[n]!], tableIn(document))));
        }
        if (json !== true) {
          process.stdout.write(`${bugs[n]!.rule}: ${bugs[n]!.what}: ${howFound(found[n]!)}\n`);
        }
      }
    });
    await Promise.all(working);
    if (json === true) {
      process.stdout.write(JSON.stringify({ schema: 'node-fleet/planted@1', found }) + '\n');
    }
    const missed = found.filter(
      ({ swarm, schedules, test }) => swarm === null && schedules === null && test !== true,
    ).length;
    process.exitCode = missed === 0 ? 0 : 1;
  })
  .parseAsync()
  .catch((error: unknown) => refuse(error instanceof Error ? error.message : String(error)));

function refuse(why: string): never {
  process.stderr.write(`node-fleet: ${why}\n`);
  process.exit(2);
}
