import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import * as z from 'zod';
import { judgeDocument, type Check } from '../aws/doctor.ts';
import { newCommand } from '../cli/command.ts';
import { EXIT_CHECK_FAILED } from '../cli/failure.ts';
import { runProgram } from '../cli/program.ts';
import { fileError, InputError } from '../import/input-error.ts';
import { callWords, regionGiven } from './call.ts';

interface DoctorOptions {
  readonly function: string;
  readonly document?: string;
  readonly json?: true;
}

/** A cycle that runs has the function’s only place: it is over within a minute. */
const ATTEMPTS = 8;
const APART_MS = 8_000;
const ANSWER_MS = 70_000;

const answered = z.object({
  checks: z.array(
    z.object({
      check: z.string(),
      verdict: z.enum(['ok', 'warn', 'fail']),
      found: z.string(),
      advice: z.string(),
    }),
  ),
});

const program = newCommand('doctor')
  .description(
    'Asks the deployed autoscaler to look, with its own role and from where it stands, at all that its cycles rest on: permissions by dry runs, quotas and addresses against the largest fleet, templates, secrets, the tables, the policy document, Prometheus, pods and budgets that block drains, clocks. It launches and removes nothing. Exits with 1 if a check fails. Region and credentials are those of the AWS CLI.',
  )
  .option('--function <name>', 'the autoscaler’s function', 'node-fleet-autoscaler')
  .option(
    '--document <file>',
    'only say whether this policy document would be taken, before it is put; asks nothing of AWS',
  )
  .option('--json', 'print JSON')
  .addHelpText('after', '\nExample: npm run doctor -- --function node-fleet-autoscaler')
  .action(doctor);

async function doctor({ function: name, document, json }: DoctorOptions): Promise<void> {
  const checks = document === undefined ? await asked(name) : [judgeDocument(textOf(document))];
  const of = document === undefined ? { function: name } : { document };
  process.stdout.write(
    json === true
      ? `${JSON.stringify({ schema: 'node-fleet/doctor@1', ...of, checks }, null, 2)}\n`
      : checks.map(lineOf).join(''),
  );
  if (checks.some(({ verdict }) => verdict === 'fail')) {
    process.exitCode = EXIT_CHECK_FAILED;
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw fileError(file, error);
  }
}

function lineOf({ check, verdict, found, advice }: Check): string {
  const line = `${verdict.padEnd(4)}  ${check}: ${found}\n`;
  return advice === '' ? line : `${line}      ${advice}\n`;
}

async function asked(name: string): Promise<readonly Check[]> {
  const client = new LambdaClient({ maxAttempts: 1, ...regionGiven(process.env) });
  const command = new InvokeCommand({
    FunctionName: name,
    Payload: Buffer.from('{"trigger":"doctor"}'),
  });
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        const wait = AbortSignal.timeout(ANSWER_MS);
        const { Payload, FunctionError } = await client.send(command, { abortSignal: wait });
        return checksIn(name, Buffer.from(Payload ?? []).toString('utf8'), FunctionError);
      } catch (error) {
        const busy = (error as { name?: string }).name === 'TooManyRequestsException';
        if (!busy || attempt === ATTEMPTS) {
          throw error instanceof InputError ? error : new InputError(name, null, callWords(error));
        }
        const again = `asking again in ${String(APART_MS / 1000)} s`;
        process.stderr.write(`node-fleet: a cycle has the function’s only place: ${again}\n`);
        await sleep(APART_MS);
      }
    }
  } finally {
    client.destroy();
  }
}

/** What the function said; InputError where it failed, or knows no doctor. */
function checksIn(name: string, text: string, failed: string | undefined): readonly Check[] {
  let raw: unknown = null;
  try {
    raw = JSON.parse(text);
  } catch {
    // Told below.
  }
  const parsed = answered.safeParse(raw);
  if (failed !== undefined || !parsed.success) {
    const expected = 'expected checks: is it deployed as it is here? See its log';
    throw new InputError(name, null, `found ${failed ?? 'another answer'}, ${expected}`);
  }
  return parsed.data.checks;
}

await runProgram(program);
