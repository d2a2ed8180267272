import { benchCommand } from './bench.ts';
import { newCommand } from './command.ts';
import { explainCommand } from './explain.ts';
import { runProgram } from './program.ts';
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

await runProgram(program);
