import type { Command } from 'commander';
import { EXIT_BAD_INPUT, failureOf } from './failure.ts';

/** Runs a program to its end: whatever goes wrong is told in a line, and by the exit code. */
export async function runProgram(program: Command): Promise<void> {
  for (const output of [process.stdout, process.stderr]) {
    output.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') {
        // Whoever read this has seen enough: `| head` is no error.
        process.exit();
      }
      process.stderr.write(`node-fleet: the output could not be written (${error.message})\n`);
      process.exit(EXIT_BAD_INPUT);
    });
  }
  try {
    await program.parseAsync();
  } catch (error) {
    const { text, exitCode } = failureOf(error);
    process.stderr.write(text);
    process.exitCode = exitCode;
  }
}
