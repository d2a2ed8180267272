import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { PAGE_BEGINNING, reportPage, type PageRuntime } from '../../reports/html/page.ts';
import type { Report } from '../../reports/html/report.ts';
import type { BilledInstance, Run } from '../../simulator/index.ts';
import { InputError } from '../import/input-error.ts';
import { newCommand } from './command.ts';
import { journalDigest } from './journal-file.ts';
import { Progress } from './progress.ts';
import { ENGINE_DIGEST, projectRoot } from './project.ts';
import { chooseRuns, compareChosen, withRunOptions, type RunOptions } from './run-options.ts';
import { WIDTH, wrapped } from '../../reports/text.ts';
import { fileBeginsWith, writeFileWhole } from './write-file.ts';

interface ReportOptions extends RunOptions {
  readonly output: string;
  readonly json?: true;
}

export function reportCommand(): Command {
  const command = newCommand('report')
    .summary('write what a scenario says as one HTML page')
    .description(
      'Runs scaling policies on a scenario and writes one HTML page that needs nothing beside it: what we pay, who waits, what we should do, and why.',
    )
    .argument('<scenario>', 'a trace (.csv) or a scenario (.yaml)')
    .requiredOption(
      '-o, --output <file>',
      'the page to write; an older report there is replaced, nothing else is',
    );
  return withRunOptions(command)
    .option('--json', 'print JSON about what was written')
    .addHelpText('after', '\nExample: npm run report -- scenarios/flash-sale.csv -o sale.html')
    .action(report);
}

async function report(path: string, options: ReportOptions): Promise<void> {
  checkOutputPath(options.output);
  const progress = new Progress();
  try {
    process.stdout.write(await reported(path, options, progress));
  } finally {
    progress.clear();
  }
}

async function reported(path: string, options: ReportOptions, progress: Progress): Promise<string> {
  // Nobody else pays for Vega-Lite; and it loads while the scenario is read.
  const runtime = pageRuntime();
  const chosen = await chooseRuns(path, options, progress);
  const instances = new Map<Run, readonly BilledInstance[]>();
  const comparison = compareChosen(chosen, options, progress, (run, world) => {
    instances.set(run, world.bills());
  });
  const { report: told, page } = reportPage(
    {
      scenario: chosen.scenario,
      seed: options.seed,
      comparison,
      instancesOf: (run) => instances.get(run) ?? [],
      digestOf: (run) => journalDigest(run.journal),
      engineDigest: ENGINE_DIGEST,
      command: commandOf(path, options),
      warnings: chosen.warnings,
    },
    await runtime,
  );
  const bytes = Buffer.from(page);
  writeFileWhole(options.output, bytes);
  return options.json
    ? `${JSON.stringify(reportJson(told, options.output, bytes), null, 2)}\n`
    : reportText(told, options.output, bytes);
}

/** InputError unless a report may be written there. */
function checkOutputPath(path: string): void {
  if (!existsSync(path)) {
    if (!existsSync(dirname(path))) {
      throw new InputError(path, null, 'found no folder to write it in');
    }
    return;
  }
  if (!fileBeginsWith(path, PAGE_BEGINNING)) {
    throw new InputError(path, null, 'found something that is no report, which is not replaced');
  }
}

/** What launch.mjs built for the browser, and Vega-Lite. */
async function pageRuntime(): Promise<PageRuntime> {
  const { compile } = await import('vega-lite');
  const dist = join(projectRoot(), 'dist');
  return {
    script: readFileSync(join(dist, 'report-page.js'), 'utf8'),
    licences: readFileSync(join(dist, 'report-page.licences.txt'), 'utf8'),
    compile,
  };
}

/** The command that writes the same page, with every option that changes it; where it is written does not. */
function commandOf(path: string, options: RunOptions): string {
  const { seed, peakNodes, from, to, priceBook, waitingPrice } = options;
  const waiting =
    waitingPrice &&
    `sale=${String(waitingPrice.saleBdtPerPodMinute)},other=${String(waitingPrice.otherBdtPerPodMinute)}`;
  const given: readonly (readonly [string, readonly (string | number | undefined)[]])[] = [
    ['--policy', options.policy ?? []],
    ['--policy-file', options.policyFile ?? []],
    ['--set', options.set ?? []],
    ['--seed', [seed]],
    ['--peak-nodes', [peakNodes]],
    ['--from', [from]],
    ['--to', [to]],
    ['--price-book', [priceBook]],
    ['--waiting-price', [waiting]],
    ['--fault', options.fault ?? []],
  ];
  const words = given.flatMap(([option, values]) =>
    values.flatMap((value) => (value === undefined ? [] : [option, shellWord(String(value))])),
  );
  return ['npm run report --', shellWord(path), ...words, '-o report.html'].join(' ');
}

/** A word as a POSIX shell takes it. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function reportText({ recommendation }: Report, path: string, bytes: Buffer): string {
  const { headline, change, breakEven } = recommendation;
  const lines = [
    ...wrapped(`${headline} ${change} ${breakEven}`, WIDTH),
    '',
    `wrote ${path}: ${String(Math.ceil(bytes.length / 1000))} kB, SHA-256 ${sha256(bytes)}`,
  ];
  return `${lines.join('\n')}\n`;
}

/** The document that `report --json` prints. Its keys are a contract: they are added to, never changed. */
function reportJson(told: Report, path: string, bytes: Buffer): object {
  const { scenario, seed, recommendation, chosen, comparison } = told;
  const { best, today } = recommendation;
  const figures = (measures: Run['measures'], waitingCostBdt: number): object => ({
    costBdt: rounded(measures.costBdt),
    shortagePodMinutes: rounded(measures.shortagePodMinutes),
    requestsLost: measures.requestsLost,
    waitingCostBdt: rounded(waitingCostBdt),
    totalBdt: rounded(rounded(measures.costBdt) + rounded(waitingCostBdt)),
  });
  return {
    schema: 'node-fleet/report@1',
    path,
    bytes: bytes.length,
    sha256: sha256(bytes),
    scenario: scenario.name,
    seed,
    priceBook: scenario.prices,
    engineDigest: ENGINE_DIGEST,
    /** Null: today’s is the best. */
    recommended: best.isToday ? null : best.name,
    headline: recommendation.headline,
    breakEven: recommendation.breakEven,
    today: figures(today.measures, today.waitingCostBdt),
    shown: {
      policy: chosen.run.configured.policy.name,
      journalSha256: told.digestOf(chosen.run),
      ...figures(chosen.run.measures, chosen.waitingCostBdt),
    },
    policies: comparison.runs.map(({ run }) => run.configured.policy.name),
    warnings: told.warnings,
  };
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
