import { benchCommand } from './bench.ts';
import { newCommand } from './command.ts';
import { explainCommand } from './explain.ts';
import { EXIT_BAD_INPUT, failureOf } from './failure.ts';
import { replayCommand } from './replay.ts';
import { reportCommand } from './report.ts';
import { resultsCommand } from './results.ts';
import { scenariosCommand } from './scenarios.ts';
import { simulateCommand } from './simulate.ts';
import { sweepCommand } from './sweep.ts';
import { tuneCommand } from './tune.ts';

const program = newCommand('node-fleet')
  .description(
    'A cost-first autoscaler for small Kubernetes fleets, and the simulator that judges it.',
  )
  .addCommand(simulateCommand())
  .addCommand(tuneCommand())
  .addCommand(reportCommand())
  .addCommand(explainCommand())
  .addCommand(replayCommand())
  .addCommand(sweepCommand())
  .addCommand(resultsCommand())
  .addCommand(scenariosCommand())
  .addCommand(benchCommand());

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
