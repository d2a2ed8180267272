import type { Command } from 'commander';
import { newCommand } from './command.ts';
import { checkJournalPath, journalPath, writeJournalFile } from './journal-file.ts';
import { listPoliciesJson, listPoliciesText } from './list-policies.ts';
import { Progress } from './progress.ts';
import { chooseRuns, compareChosen, withRunOptions, type RunOptions } from './run-options.ts';
import { simulateJson } from './simulate-json.ts';
import { simulateText } from './simulate-text.ts';

interface SimulateOptions extends RunOptions {
  readonly journal?: string;
  readonly force?: true;
  readonly json?: true;
  readonly listPolicies?: true;
}

export function simulateCommand(): Command {
  const command = newCommand('simulate')
    .summary('run policies on a scenario and compare cost and waiting')
    .description(
      'Runs scaling policies on a scenario and compares what they cost with what they make pods wait.',
    )
    .argument('[scenario]', 'a trace (.csv) or a scenario (.yaml)');
  return withRunOptions(command)
    .option(
      '--shadow <policy>',
      'a policy, by name or policy file, that decides beside each one run, on what that one sees, and changes nothing',
    )
    .option(
      '--journal <file>',
      "write the journal; with several policies each name goes before the file's extension",
    )
    .option('--force', 'let --journal replace an older journal')
    .option('--json', 'print JSON')
    .option('--list-policies', 'list the policies and their settings, and stop')
    .addHelpText(
      'after',
      '\nExample: npm run simulate -- scenarios/flash-sale.csv --policy node-fleet --set cpuHighPercent=60',
    )
    .action(simulate);
}

async function simulate(
  path: string | undefined,
  options: SimulateOptions,
  command: Command,
): Promise<void> {
  if (options.listPolicies) {
    process.stdout.write(options.json ? json(listPoliciesJson()) : listPoliciesText());
    return;
  }
  if (path === undefined) {
    command.error("error: missing required argument 'scenario'");
  }
  const progress = new Progress();
  try {
    process.stdout.write(await simulated(path, options, progress));
  } finally {
    progress.clear();
  }
}

/** Runs it all, writes the journals, and returns what to print. */
async function simulated(
  path: string,
  options: SimulateOptions,
  progress: Progress,
): Promise<string> {
  const chosen = await chooseRuns(path, options, progress);
  const { scenario, policies, warnings } = chosen;
  const journals = policies.map(({ policy }) =>
    options.journal === undefined
      ? null
      : journalPath(options.journal, policy.name, policies.length > 1),
  );
  for (const journal of journals) {
    if (journal !== null) {
      checkJournalPath(journal, options.force === true);
    }
  }
  const comparison = compareChosen(chosen, options, progress);
  for (const [at, journal] of journals.entries()) {
    if (journal !== null) {
      writeJournalFile(journal, comparison.runs[at].run.journal);
    }
  }
  return options.json
    ? json(simulateJson(scenario, options.seed, comparison, chosen.shadow, warnings))
    : simulateText(scenario, options.seed, comparison, chosen.shadow);
}

function json(document: object): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}
