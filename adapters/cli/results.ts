import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { comparePolicies, peakRequestsPerSecond } from '../../simulator/index.ts';
import { fileError, InputError } from '../import/input-error.ts';
import { loadScenario } from '../import/load-scenario.ts';
import { newCommand } from './command.ts';
import { EXIT_CHECK_FAILED } from './failure.ts';
import { choosePolicies } from './policy-settings.ts';
import { Progress } from './progress.ts';
import { projectRoot } from './project.ts';
import { resultsMarkdown, type TraceResult } from './results-markdown.ts';
import { nodesOption } from './run-options.ts';
import { writeFileWhole } from './write-file.ts';

const SEED = 1;

export interface ResultsOptions {
  readonly traces?: string;
  readonly only?: true;
  readonly out?: string;
  readonly peakNodes: number;
  readonly check?: true;
}

export function resultsCommand(): Command {
  return newCommand('results')
    .summary('run all policies on the scenarios and more traces, and write docs/results.md')
    .description(
      "Runs all policies on the project's scenarios and on every trace of a folder, and writes a table of each.",
    )
    .option('--traces <folder>', "more traces, beside the project's scenarios")
    .option('--only', 'the traces of the folder alone')
    .option('--out <file>', 'where to (default: docs/results.md)')
    .option(
      '--peak-nodes <n>',
      'scale each trace so that its peak needs this many nodes',
      nodesOption,
      8,
    )
    .option('--check', 'write nothing, and exit with 1 if the file differs')
    .action(results);
}

async function results(options: ResultsOptions): Promise<void> {
  const root = projectRoot();
  const own = join(root, 'scenarios');
  const out = options.out ?? join(root, 'docs', 'results.md');
  const folders = [
    ...(options.only ? [] : [own]),
    ...(options.traces === undefined ? [] : [options.traces]),
  ];

  const progress = new Progress();
  const traces: TraceResult[] = [];
  for (const path of new Set(folders.flatMap(tracesIn))) {
    traces.push(await resultOf(path, peakNodesFor(dirname(path), options.peakNodes), progress));
  }
  progress.clear();
  const text = resultsMarkdown(traces, options);
  const shown = relative(process.cwd(), out);
  if (!options.check) {
    writeFileWhole(out, text);
    process.stdout.write(`wrote ${shown}\n`);
  } else if (textOf(out) === text) {
    process.stdout.write(`${shown} holds these results\n`);
  } else {
    process.stdout.write(`${shown} differs from these results; npm run results writes it\n`);
    process.exitCode = EXIT_CHECK_FAILED;
  }
}

/** What the traces of a folder are scaled to: null for this project's own, which are sized for their cluster. */
export function peakNodesFor(folder: string, asked: number): number | null {
  return resolve(folder) === join(projectRoot(), 'scenarios') ? null : asked;
}

/** The folder’s traces by name, in an order of no locale, with whole paths. */
function tracesIn(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    throw fileError(folder, error);
  }
  const traces = names.filter((name) => name.endsWith('.csv')).sort();
  if (traces.length === 0) {
    throw new InputError(folder, null, 'found no traces, expected .csv files');
  }
  return traces.map((name) => resolve(folder, name));
}

async function resultOf(
  path: string,
  peakNodes: number | null,
  progress: Progress,
): Promise<TraceResult> {
  const { scenario, warnings } = await loadScenario(path, peakNodes === null ? {} : { peakNodes });
  for (const warning of warnings) {
    process.stderr.write(`node-fleet: warning: ${warning}\n`);
  }
  const file = basename(path);
  const comparison = comparePolicies({
    scenario,
    seed: SEED,
    policies: choosePolicies({ names: [], files: [], sets: [] }, scenario, path),
    onRun: ({ policy }) => {
      progress.show(`${file}: ${policy}`);
    },
  });
  const { scenario: unscaled } = await loadScenario(path);
  const factor = peakRequestsPerSecond(scenario.trace) / peakRequestsPerSecond(unscaled.trace);
  return { file, scenario, comparison, factor: peakNodes === null ? null : factor };
}

/** A document’s text, with the line ends that it is written with. */
export function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').replaceAll('\r\n', '\n');
  } catch (error) {
    throw fileError(path, error);
  }
}
