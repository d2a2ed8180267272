import { join } from 'node:path';
import type { Command } from 'commander';
import type { ConfiguredPolicy } from '../../engine/index.ts';
import type { Scenario } from '../../simulator/index.ts';
import { InputError } from '../import/input-error.ts';
import { COLUMNS_MIN, isTooSmall, ROWS_MIN, tooSmall } from '../tui/layout.ts';
import { startSimulating } from '../tui/simulating.ts';
import { hasUnsaved, trialOf, type Offer, type TuneState } from '../tui/state.ts';
import { collect, newCommand } from './command.ts';
import { policyFiles } from './policy-file.ts';
import { choosePolicies, overridesOf, settableKeys } from './policy-settings.ts';
import { Progress } from './progress.ts';
import { projectRoot } from './project.ts';
import { chooseRuns, withScenarioOptions, type RunOptions } from './run-options.ts';

interface TuneOptions extends RunOptions {
  readonly json?: true;
}

const DEFAULT_POLICY = 'node-fleet';

export function tuneCommand(): Command {
  const command = newCommand('tune')
    .summary('tune a policy by hand, and see at once what that does')
    .description(
      'Shows every setting of a policy as a slider, and what each change does to cost and waiting, on a terminal of at least ' +
        `${String(COLUMNS_MIN)} columns and ${String(ROWS_MIN)} rows.`,
    )
    .argument('<scenario>', 'a trace (.csv) or a scenario (.yaml)')
    .option('--policy <name>', `the policy to begin with (default: ${DEFAULT_POLICY})`, collect)
    .option('--policy-file <file>', 'begin with the settings in a file', collect)
    .option(
      '--set <key=number>',
      'a setting to begin with; repeatable; over --policy-file, which is over the scenario',
      collect,
    );
  return withScenarioOptions(command)
    .option('--json', 'refused: there is nothing to print, see simulate --json')
    .addHelpText(
      'after',
      '\n? on the screen lists the keys. Example: npm run tune -- scenarios/flash-sale.csv --policy node-fleet',
    )
    .action(tune);
}

async function tune(path: string, options: TuneOptions): Promise<void> {
  checkTerminal(options);
  const progress = new Progress();
  const choice = startingPoint(options);
  const { scenario, policies, warnings } = await chooseRuns(path, choice, progress).finally(() => {
    progress.clear();
  });
  if (policies.length > 1) {
    const names = policies.map(({ policy }) => policy.name).join(' and ');
    throw new InputError('tune', null, `found the policies ${names}, expected one to begin with`);
  }
  for (const warning of warnings) {
    process.stderr.write(`node-fleet: warning: ${warning}\n`);
  }
  const { seed } = options;
  const [begun] = policies;
  // Before Ink is loaded: both take their time.
  const workerPath = join(projectRoot(), 'dist', 'node-fleet-worker.mjs');
  const simulating = startSimulating({ scenario, seed }, workerPath);
  if ((process.env['NO_COLOR'] ?? '') !== '') {
    // The one that Ink’s colours know.
    process.env['FORCE_COLOR'] = '0';
  }
  const { tuneOnTerminal } = await import('../tui/start.tsx');
  const setup = {
    scenario,
    seed,
    offers: offersOf(scenario, path, begun),
    policy: begun.policy.name,
    path: options.policyFile?.[0] ?? `${begun.policy.name}.yaml`,
  };
  const always = Object.fromEntries(
    Object.entries(scenario.policies).map(([name, values]) => [name, Object.keys(values)]),
  );
  const state = await tuneOnTerminal({ setup, simulating, files: policyFiles(always) });
  process.stdout.write(lastWords(path, options, state));
}

/** InputError unless there is somebody at a terminal that is large enough. */
function checkTerminal({ json }: TuneOptions): void {
  const { stdin, stdout } = process;
  const instead = 'simulate --json has the figures, simulate --list-policies --json the settings';
  if (json) {
    throw new InputError('--json', null, `tune draws for a person and prints nothing; ${instead}`);
  }
  const missing = [
    ...(stdin.isTTY ? [] : ['standard input']),
    ...(stdout.isTTY ? [] : ['standard output']),
  ];
  if (missing.length > 0) {
    const found = `found no terminal on ${missing.join(' and ')}`;
    throw new InputError('tune', null, `${found}, expected one to draw on; ${instead}`);
  }
  if (isTooSmall(stdout)) {
    throw new InputError('tune', null, tooSmall(stdout));
  }
}

/** What is asked for, or the policy that `tune` begins with when nothing is. */
function startingPoint(options: TuneOptions): RunOptions {
  return options.policy === undefined && options.policyFile === undefined
    ? { ...options, policy: [DEFAULT_POLICY] }
    : options;
}

/** Every policy, the one to begin with as it was chosen and the others as the scenario has them. */
function offersOf(scenario: Scenario, path: string, begun: ConfiguredPolicy): Offer[] {
  const all = choosePolicies({ names: [], files: [], sets: [] }, scenario, path);
  return all.map((each) => {
    const configured = each.policy === begun.policy ? begun : each;
    const { policy } = configured;
    return { policy, settable: settableKeys(policy), overrides: overridesOf(configured) };
  });
}

/** What is left of a session on the first screen: how to run again what was found. */
function lastWords(path: string, options: TuneOptions, state: TuneState): string {
  const { seed, peakNodes, from, to, priceBook, fault = [] } = options;
  const given = Object.entries({ seed, 'peak-nodes': peakNodes, from, to, 'price-book': priceBook })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [`--${name}`, String(value)]);
  const command = (policy: readonly string[]): string => {
    const faults = fault.map((each) => ['--fault', each]);
    return [
      'npm run simulate --',
      ...[path, ...policy, ...given.flat(), ...faults.flat()].map(forShell),
    ].join(' ');
  };
  const { policy, overrides } = trialOf(state);
  if (hasUnsaved(state)) {
    const sets = Object.entries(overrides).map(([key, value]) => [
      '--set',
      `${key}=${String(value)}`,
    ]);
    return `not saved; to run it: ${command(['--policy', policy, ...sets.flat()])}\n`;
  }
  return state.savedTo === null
    ? ''
    : `saved; to run it: ${command(['--policy-file', state.savedTo])}\n`;
}

/** An argument as a shell takes it. */
function forShell(argument: string): string {
  return /^[\w./:=+@%,-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}
