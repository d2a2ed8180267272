import { CommanderError } from 'commander';
import { InputError } from '../import/input-error.ts';

export const EXIT_CHECK_FAILED = 1;
export const EXIT_BAD_INPUT = 2;
export const EXIT_BUG = 70;

/** How the program ends after a throw: what it says, and its exit code. */
export interface Failure {
  readonly text: string;
  readonly exitCode: number;
}

/** Bad input is told in one line each; anything unexpected is a bug of ours and shows where it is. */
export function failureOf(error: unknown): Failure {
  if (error instanceof CommanderError) {
    // Commander has already said what it has to say.
    return { text: '', exitCode: error.exitCode === 0 ? 0 : EXIT_BAD_INPUT };
  }
  if (error instanceof InputError) {
    const lines = error.message.split('\n').map((line) => `node-fleet: ${line}\n`);
    return { text: lines.join(''), exitCode: EXIT_BAD_INPUT };
  }
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return {
    text: `node-fleet: this is a bug in node-fleet, not in what it was given:\n${what}\n`,
    exitCode: EXIT_BUG,
  };
}
