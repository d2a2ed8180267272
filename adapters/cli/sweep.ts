import { basename, relative } from 'node:path';
import type { Command } from 'commander';
import { adviceOn } from '../../simulator/complaint.ts';
import { comparePolicies, type Scenario } from '../../simulator/index.ts';
import { InputError, quoted } from '../import/input-error.ts';
import { loadScenario } from '../import/load-scenario.ts';
import { collect, newCommand } from './command.ts';
import { EXIT_CHECK_FAILED } from './failure.ts';
import { choosePolicies } from './policy-settings.ts';
import { Progress } from './progress.ts';
import { textOf } from './results.ts';
import { seedOption } from './run-options.ts';
import {
  outcomesOf,
  sweepJson,
  sweepMarkdown,
  sweepText,
  type Change,
  type SettingValue,
  type Sweep,
  type Variant,
} from './sweep-report.ts';
import { writeFileWhole } from './write-file.ts';

/** What is asked of docs/model.md, and what `sweep` varies when it is not told: assumptions that nobody has measured. */
export const ASSUMPTIONS: readonly string[] = [
  'startup.p95Seconds=120,240,480',
  'workload.web.hpa.targetUtilizationPercent=50,70,90',
  'workload.trafficFactor=1,1.5,2',
  'cluster.worker.credits.mode=unlimited,standard',
  'market.reclaimPercentPerMonth=5,20',
  'prices=techflow,aws-ap-southeast-1',
];

/** What a sweep runs beside its scenario. */
export interface SweepChoice {
  /** `--vary`, as written. */
  readonly vary: readonly string[];
  readonly policies: readonly string[];
  readonly sets: readonly string[];
  readonly seed: number;
}

interface SweepOptions {
  readonly vary?: readonly string[];
  readonly policy?: readonly string[];
  readonly set?: readonly string[];
  readonly seed: number;
  readonly into?: string;
  readonly check?: true;
  readonly json?: true;
}

export function sweepCommand(): Command {
  return newCommand('sweep')
    .summary('change one assumption at a time, and see which conclusions hold')
    .description(
      "Runs policies on scenarios as they are, then again for each value of each setting, one change at a time, and says what that does to cost, waiting and the policies' order.",
    )
    .argument('<scenario...>', 'traces (.csv) or scenarios (.yaml)')
    .option(
      '--vary <key=value,value>',
      'a setting of scenarios/README.md and its values; repeatable (default: start-up, HPA target, traffic, credits, reclaims, prices)',
      collect,
    )
    .option('--policy <name>', 'a policy to run; repeatable (default: all)', collect)
    .option('--set <key=number>', 'a setting, for every policy run that has it', collect)
    .option('--seed <n>', 'seed of all chance, a whole number from 0', seedOption, 1)
    .option('--into <file>', 'put the tables between the marks of a Markdown file')
    .option('--check', 'with --into: write nothing, and exit with 1 if the file differs')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample: npm run sweep -- scenarios/flash-sale.csv --vary startup.p95Seconds=120,240,480',
    )
    .action(sweep);
}

async function sweep(paths: readonly string[], options: SweepOptions): Promise<void> {
  const { into, check, json } = options;
  if (check && into === undefined) {
    throw new InputError('--check', null, 'found no --into, expected the file to compare with');
  }
  if (json && into !== undefined) {
    throw new InputError('--json', null, 'found --into, expected one of them');
  }
  const before = into === undefined ? null : textOf(into);
  if (into !== undefined && before !== null) {
    for (const path of paths) {
      blockOf(before, into, markOf(path));
    }
  }
  const progress = new Progress();
  const sweeps: Sweep[] = [];
  try {
    for (const path of paths) {
      const choice = {
        vary: options.vary ?? ASSUMPTIONS,
        policies: options.policy ?? [],
        sets: options.set ?? [],
        seed: options.seed,
      };
      sweeps.push(await sweepOf(path, choice, progress));
    }
  } finally {
    progress.clear();
  }
  if (into === undefined || before === null) {
    process.stdout.write(
      json ? `${JSON.stringify(sweepJson(sweeps), null, 2)}\n` : sweeps.map(sweepText).join('\n'),
    );
    return;
  }
  let after = before;
  for (const [at, each] of sweeps.entries()) {
    const { from, to } = blockOf(after, into, markOf(paths[at]));
    after = `${after.slice(0, from)}${sweepMarkdown(each)}${after.slice(to)}`;
  }
  const shown = relative(process.cwd(), into);
  if (!check) {
    writeFileWhole(into, after);
    process.stdout.write(`wrote ${shown}\n`);
  } else if (after === before) {
    process.stdout.write(`${shown} holds these tables\n`);
  } else {
    process.stdout.write(`${shown} differs from these tables; without --check they are written\n`);
    process.exitCode = EXIT_CHECK_FAILED;
  }
}

/** The scenario as it is and with each change. Anything wrong is an InputError. */
export async function sweepOf(
  path: string,
  { vary, policies: names, sets, seed }: SweepChoice,
  progress: Progress | null = null,
): Promise<Sweep> {
  const warned = new Set<string>();
  const variantOf = async (change: Change | null): Promise<Variant & { scenario: Scenario }> => {
    const { scenario, warnings } = await loadScenario(
      path,
      change === null ? {} : { setting: change },
    );
    for (const warning of warnings.filter((each) => !warned.has(each))) {
      warned.add(warning);
      process.stderr.write(`node-fleet: warning: ${warning}\n`);
    }
    const label = change === null ? 'as it is' : `${change.key}=${String(change.value)}`;
    const comparison = comparePolicies({
      scenario,
      seed,
      policies: choosePolicies({ names, files: [], sets }, scenario, path),
      onRun: ({ policy }) => {
        progress?.show(`${basename(path)}, ${label}: ${policy}`);
      },
    });
    // Outcomes alone: series and journals of all runs at once would not fit into memory.
    return { change, ...outcomesOf(comparison), scenario };
  };
  const { scenario, ...base } = await variantOf(null);
  const changes = vary.flatMap((written) => changesOf(written, scenario));
  const variants: Variant[] = [];
  for (const change of changes) {
    if (change.asItIs) {
      variants.push({ ...base, change });
    } else {
      const { change: made, outcomes, baseline } = await variantOf(change);
      variants.push({ change: made, outcomes, baseline });
    }
  }
  return { name: scenario.name, file: basename(path), seed, base, variants };
}

/** `KEY=VALUE,VALUE`: one change a value. */
function changesOf(written: string, scenario: Scenario): Change[] {
  const at = written.indexOf('=');
  if (at < 1 || at === written.length - 1) {
    throw new InputError('--vary', null, `found ${quoted(written)}, expected KEY=VALUE,VALUE`);
  }
  const key = written.slice(0, at).trim();
  const known = singleSettings(scenario);
  const now = known.get(key);
  if (now === undefined) {
    const otherwise = 'expected a setting of scenarios/README.md that is one value';
    const advice = adviceOn(key, [...known.keys()], otherwise);
    throw new InputError('--vary', null, `found the setting ${quoted(key)}, ${advice}`);
  }
  return written
    .slice(at + 1)
    .split(',')
    .map((each) => {
      const text = each.trim();
      const isNumber = /^[+-]?(\d+\.?\d*|\.\d+)$/.test(text);
      const value = isNumber ? Number(text) : text === 'null' ? null : text;
      return { key, value, asItIs: value === now };
    });
}

/** Every setting that is one value and no list, by its key, with what the scenario has. */
function singleSettings(scenario: Scenario): Map<string, SettingValue> {
  const { cluster, workload, startup, market, prometheus } = scenario;
  const { prices, worldStepSeconds, cycleSeconds, timeZoneOffsetMinutes } = scenario;
  const found = new Map<string, SettingValue>();
  const gather = (value: unknown, key: string): void => {
    if (value === null || typeof value === 'number' || typeof value === 'string') {
      found.set(key, value);
    } else if (typeof value === 'object' && !Array.isArray(value)) {
      for (const [name, inner] of Object.entries(value)) {
        gather(inner, key === '' ? name : `${key}.${name}`);
      }
    }
  };
  const clock = { worldStepSeconds, cycleSeconds, timeZoneOffsetMinutes };
  gather({ cluster, workload, startup, market, prometheus, prices, ...clock }, '');
  return found;
}

const END = '<!-- sweep ends -->\n';

/** The line after which a scenario’s tables stand, up to `END`. */
export function markOf(path: string): string {
  return `<!-- sweep of ${basename(path).replace(/\.\w+$/, '')}; do not edit -->\n`;
}

/** Where a document’s tables of a scenario are. */
export function blockOf(text: string, file: string, mark: string): { from: number; to: number } {
  const start = text.indexOf(mark);
  const to = text.indexOf(END, start);
  if (start < 0 || to < 0) {
    const expected = `expected the lines ${quoted(mark.trim())} and ${quoted(END.trim())}`;
    throw new InputError(file, null, `found no place for these tables, ${expected}`);
  }
  return { from: start + mark.length, to };
}
