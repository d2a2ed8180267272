import type { Command } from 'commander';
import { join } from 'node:path';
import { measure, type BenchReport } from '../../test/bench/bench.ts';
import { loadScenario } from '../import/load-scenario.ts';
import { newCommand } from './command.ts';
import { projectRoot } from './project.ts';

/** `bench`: how fast it is here, as times and as ratios to a plain loop in the same process. */
export function benchCommand(): Command {
  return newCommand('bench')
    .description('measure the engine and the simulator on this machine')
    .option('--json', 'print the report as JSON')
    .action(async (options: { json?: true }) => {
      const { scenario } = await loadScenario(join(projectRoot(), 'scenarios/flash-sale.csv'));
      const report = await measure({
        flashSale: scenario,
        progress: (what) => {
          if (process.stderr.isTTY) {
            process.stderr.write(`measuring ${what}\n`);
          }
        },
      });
      process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : table(report));
    });
}

function table(report: BenchReport): string {
  const rows: [string, string][] = [
    ['bare engine', `${String(report.cyclesPerSecond)} cycles/s`],
    ['a month, one policy', `${String(report.monthMs)} ms`],
    ['… with nothing to scale', `${String(report.steadyMonthMs)} ms`],
    ['the plain loop', `${String(report.referenceMs)} ms`],
    ['month ÷ plain loop', `${String(report.ratios.monthToReference)}×`],
    ['flash sale', `${String(report.flashSaleMs)} ms`],
    ...report.scaling.map(({ nodes, pods, ms }): [string, string] => [
      `a day, ${String(nodes)} nodes, ${String(pods)} pods`,
      `${String(ms)} ms`,
    ]),
    ['10,000 ÷ 1,000 nodes', `${String(report.ratios.nodes10000To1000)}×`],
    ['peak memory', `${String(report.peakMemoryMb)} MB`],
  ];
  return rows.map(([what, value]) => `${what.padEnd(34)}${value.padStart(18)}\n`).join('');
}
