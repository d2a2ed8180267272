import type { Command } from 'commander';
import type { ConfiguredPolicy } from '../../engine/index.ts';
import { formatLakh } from '../../reports/money.ts';
import { formatCount } from '../../reports/words.ts';
import { adviceOn } from '../../simulator/complaint.ts';
import {
  comparePolicies,
  PRICE_BOOKS,
  priceBook,
  WAITING_PRICE,
  type CompareOptions,
  type Comparison,
  type Scenario,
  type WaitingPrice,
} from '../../simulator/index.ts';
import { InputError, quoted } from '../import/input-error.ts';
import { loadScenario, type ScenarioOverrides } from '../import/load-scenario.ts';
import { collect } from './command.ts';
import { parseFault } from './fault-option.ts';
import { choosePolicies, chooseShadow } from './policy-settings.ts';
import type { Progress } from './progress.ts';

/** What to run on a scenario, and how to judge it: the same for every command that compares policies. */
export interface RunOptions {
  readonly policy?: readonly string[];
  readonly policyFile?: readonly string[];
  readonly set?: readonly string[];
  readonly shadow?: string;
  readonly seed: number;
  readonly peakNodes?: number;
  readonly from?: string;
  readonly to?: string;
  readonly priceBook?: string;
  readonly waitingPrice?: WaitingPrice;
  readonly fault?: readonly string[];
}

const WAITING_PRICE_MAX = 1_000_000;
const DEFAULT_WAITING_PRICE = `sale=${String(WAITING_PRICE.saleBdtPerPodMinute)},other=${String(WAITING_PRICE.otherBdtPerPodMinute)}`;

/** A command with the options that `RunOptions` holds. */
export function withRunOptions(command: Command): Command {
  const policies = command
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
    );
  return withScenarioOptions(policies).option(
    '--waiting-price <bdt>',
    `what a missing pod-minute is worth: a number, or sale=NUMBER,other=NUMBER (default: ${DEFAULT_WAITING_PRICE})`,
    waitingPriceOption,
  );
}

/** A command with those of them that say what is run on. */
export function withScenarioOptions(command: Command): Command {
  return command
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
      '--fault <effect:mode[:percent[:from-to]]>',
      "something that goes wrong, beside the scenario's faults; repeatable",
      collect,
    );
}

/** A scenario and the policies to run on it, as the command line asks for them. */
export interface Chosen {
  readonly scenario: Scenario;
  readonly policies: readonly ConfiguredPolicy[];
  /** Decides beside each of them; null: none does. */
  readonly shadow: ConfiguredPolicy | null;
  readonly warnings: readonly string[];
}

/** Reads what is to be run. InputError when there is anything wrong with it. */
export async function chooseRuns(
  path: string,
  options: RunOptions,
  progress: Progress,
): Promise<Chosen> {
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
  const shadow = options.shadow === undefined ? null : chooseShadow(options.shadow, scenario, path);
  progress.clear();
  return { scenario, policies, shadow, warnings };
}

/** Tells the warnings, then runs and compares. */
export function compareChosen(
  { scenario, policies, shadow, warnings }: Chosen,
  options: RunOptions,
  progress: Progress,
  finished?: CompareOptions['finished'],
): Comparison {
  for (const warning of warnings) {
    process.stderr.write(`node-fleet: warning: ${warning}\n`);
  }
  const comparison = comparePolicies({
    scenario,
    seed: options.seed,
    policies,
    ...(shadow === null ? {} : { shadow }),
    waitingPrice: options.waitingPrice ?? WAITING_PRICE,
    onRun: ({ policy, index, count }) => {
      progress.show(`run ${String(index + 1)} of ${String(count)}: ${policy}`);
    },
    ...(finished === undefined ? {} : { finished }),
  });
  progress.clear();
  return comparison;
}

function overridesOf({ peakNodes, from, to, fault }: RunOptions): ScenarioOverrides {
  return {
    faults: (fault ?? []).map(parseFault),
    ...(peakNodes === undefined ? {} : { peakNodes }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  };
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
