import type { Command } from 'commander';
import { formatLakh } from '../../reports/money.ts';
import { formatCount } from '../../reports/words.ts';
import { adviceOn } from '../../simulator/complaint.ts';
import {
  comparePolicies,
  PRICE_BOOKS,
  priceBook,
  WAITING_PRICE,
  type WaitingPrice,
} from '../../simulator/index.ts';
import { InputError, quoted } from '../import/input-error.ts';
import { loadScenario, type ScenarioOverrides } from '../import/load-scenario.ts';
import { collect, newCommand } from './command.ts';
import { parseFault } from './fault-option.ts';
import { checkJournalPath, journalPath, writeJournalFile } from './journal-file.ts';
import { listPoliciesJson, listPoliciesText } from './list-policies.ts';
import { choosePolicies } from './policy-settings.ts';
import { Progress } from './progress.ts';
import { simulateJson } from './simulate-json.ts';
import { simulateText } from './simulate-text.ts';

interface SimulateOptions {
  readonly policy?: readonly string[];
  readonly policyFile?: readonly string[];
  readonly set?: readonly string[];
  readonly seed: number;
  readonly peakNodes?: number;
  readonly from?: string;
  readonly to?: string;
  readonly priceBook?: string;
  readonly waitingPrice?: WaitingPrice;
  readonly fault?: readonly string[];
  readonly journal?: string;
  readonly force?: true;
  readonly json?: true;
  readonly listPolicies?: true;
}

const WAITING_PRICE_MAX = 1_000_000;
const DEFAULT_WAITING_PRICE = `sale=${String(WAITING_PRICE.saleBdtPerPodMinute)},other=${String(WAITING_PRICE.otherBdtPerPodMinute)}`;

export function simulateCommand(): Command {
  return newCommand('simulate')
    .summary('run policies on a scenario and compare cost and waiting')
    .description(
      'Runs scaling policies on a scenario and compares what they cost with what they make pods wait.',
    )
    .argument('[scenario]', 'a trace (.csv) or a scenario (.yaml)')
    .option('--policy <name>', 'a policy to run; repeatable (default: all)', collect)
    .option(
      '--policy-file <file>',
      'a policy to run with the settings in a file; repeatable',
      collect,
    )
    .option(
      '--set <key=number>',
      'a setting, for every policy run that has it; repeatable; over --policy-file, which is over the scenario',
      collect,
    )
    .option('--seed <n>', 'seed of all chance, a whole number from 0', seedOption, 1)
    .option(
      '--peak-nodes <n>',
      'scale the trace so that its peak needs this many nodes',
      nodesOption,
    )
    .option('--from <instant>', 'begin there: ISO-8601 with its zone, or Unix seconds')
    .option('--to <instant>', 'end there')
    .option('--price-book <name>', "bill by this price book, not the scenario's", priceBookOption)
    .option(
      '--waiting-price <bdt>',
      `what a missing pod-minute is worth: a number, or sale=NUMBER,other=NUMBER (default: ${DEFAULT_WAITING_PRICE})`,
      waitingPriceOption,
    )
    .option(
      '--fault <effect:mode[:percent[:from-to]]>',
      "something that goes wrong, beside the scenario's faults; repeatable",
      collect,
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
  const { seed } = options;
  const { scenario: loaded, warnings } = await loadScenario(path, overridesOf(options), {
    onProgress: ({ rowsRead }) => {
      progress.show(`${path}: ${formatCount(rowsRead)} rows read`);
    },
  });
  const scenario = { ...loaded, prices: options.priceBook ?? loaded.prices };
  const choice = {
    names: options.policy ?? [],
    files: options.policyFile ?? [],
    sets: options.set ?? [],
  };
  const policies = choosePolicies(choice, scenario, path);
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
  progress.clear();
  for (const warning of warnings) {
    process.stderr.write(`node-fleet: warning: ${warning}\n`);
  }
  const comparison = comparePolicies({
    scenario,
    seed,
    policies,
    waitingPrice: options.waitingPrice ?? WAITING_PRICE,
    onRun: ({ policy, index, count }) => {
      progress.show(`run ${String(index + 1)} of ${String(count)}: ${policy}`);
    },
  });
  progress.clear();
  for (const [at, journal] of journals.entries()) {
    if (journal !== null) {
      writeJournalFile(journal, comparison.runs[at].run.journal);
    }
  }
  return options.json
    ? json(simulateJson(scenario, seed, comparison, warnings))
    : simulateText(scenario, seed, comparison);
}

function overridesOf({ peakNodes, from, to, fault }: SimulateOptions): ScenarioOverrides {
  return {
    faults: (fault ?? []).map(parseFault),
    ...(peakNodes === undefined ? {} : { peakNodes }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  };
}

function json(document: object): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** `--seed`, for any command. */
export function seedOption(text: string): number {
  const seed = /^\d+$/.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(seed)) {
    throw new InputError('--seed', null, `found ${quoted(text)}, expected a whole number from 0`);
  }
  return seed;
}

/** `--peak-nodes`, for any command. Its range is the scenario’s. */
export function nodesOption(text: string): number {
  const nodes = /^(\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : NaN;
  if (!(nodes > 0 && nodes <= 1000)) {
    const expected = 'expected a number above 0 and up to 1000';
    throw new InputError('--peak-nodes', null, `found ${quoted(text)}, ${expected}`);
  }
  return nodes;
}

function priceBookOption(name: string): string {
  if (priceBook(name) === undefined) {
    const known = PRICE_BOOKS.map((book) => book.name);
    throw new InputError('--price-book', null, `found ${quoted(name)}, ${adviceOn(name, known)}`);
  }
  return name;
}

/** `50`, or `sale=100,other=20`; what is not named stays as it is by default. */
function waitingPriceOption(text: string): WaitingPrice {
  const parts = text.split(',').map((part) => /^(?:(sale|other)=)?(\d+\.?\d*|\.\d+)$/.exec(part));
  const prices = new Map(parts.map((part) => [part?.[1] ?? 'both', Number(part?.[2] ?? NaN)]));
  const both = prices.get('both');
  const valid =
    prices.size === parts.length &&
    [...prices.values()].every((price) => price <= WAITING_PRICE_MAX) &&
    (both === undefined || prices.size === 1);
  if (!valid) {
    const expected = `expected a number up to ${formatLakh(WAITING_PRICE_MAX)}, or like ${DEFAULT_WAITING_PRICE}`;
    throw new InputError('--waiting-price', null, `found ${quoted(text)}, ${expected}`);
  }
  const { saleBdtPerPodMinute, otherBdtPerPodMinute } = WAITING_PRICE;
  return {
    saleBdtPerPodMinute: both ?? prices.get('sale') ?? saleBdtPerPodMinute,
    otherBdtPerPodMinute: both ?? prices.get('other') ?? otherBdtPerPodMinute,
  };
}
