import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname, extname, resolve } from 'node:path';
import { expectedTime, formatInstant, parseTimeMs } from '../../simulator/instants.ts';
import {
  defaultScenarioSettings,
  parseScenario,
  resolveScenario,
  type Scenario,
  type ScenarioSettings,
} from '../../simulator/scenario.ts';
import { TraceError, type Trace } from '../../simulator/trace.ts';
import { fileError, InputError, quoted } from './input-error.ts';
import { readTraceCsv, REQUESTS_PER_SECOND_MAX, type TraceCsvOptions } from './trace-csv.ts';
import { problemsError, readYamlSource } from './yaml-source.ts';

/** Steps of one run: 868 days at 15 s. */
const RUN_STEPS_MAX = 5_000_000;

/** What the command line changes in a scenario. */
export interface ScenarioOverrides {
  /** Replaces `workload.peakNodes`. */
  readonly peakNodes?: number;
  /** Replaces `workload.trafficFactor`. */
  readonly trafficFactor?: number;
  /** Come after the scenario’s own. */
  readonly faults?: ScenarioSettings['faults'];
  /** Replaces one of the scenario’s settings, named as scenarios/README.md names it, by a value not yet validated. */
  readonly setting?: { readonly key: string; readonly value: unknown };
  /** Where the run begins and ends: ISO-8601 with its zone, or Unix time. */
  readonly from?: string;
  readonly to?: string;
}

/**
 * The scenario in a file, with warnings for a person. A `.csv` is a trace: a `.yaml` or `.yml` of
 * the same name beside it holds its settings, and without one they are the defaults. A `.yaml` or
 * `.yml` names its trace relative to itself, by default the `.csv` of its own name. Anything wrong
 * is an InputError with the file, the line where there is one, what was found and what was
 * expected.
 */
export async function loadScenario(
  path: string,
  overrides: ScenarioOverrides = {},
  options: TraceCsvOptions = {},
): Promise<{ scenario: Scenario; warnings: string[] }> {
  const { settings, yamlPath, tracePath } = await locate(path);
  const settled = withSetting(withOverrides(path, settings, overrides), overrides.setting);
  const fromMs = instantOverride(path, 'from', overrides.from);
  const toMs = instantOverride(path, 'to', overrides.to);
  if (fromMs !== null && toMs !== null && fromMs >= toMs) {
    const found = `from ${String(overrides.from)} to ${String(overrides.to)}`;
    throw new InputError(
      path,
      null,
      `found the window ${found}, expected it to end after it begins`,
    );
  }

  const offsetMinutes = settled.timeZoneOffsetMinutes;
  const { trace, warnings } = await readTraceCsv(tracePath, offsetMinutes, options);
  warnings.push(...windowWarnings(tracePath, trace, fromMs, toMs, offsetMinutes));
  try {
    const resolved = resolveScenario(settled, trace, { fromMs, toMs });
    checkRunnable(tracePath, resolved.scenario);
    warnings.push(...resolved.warnings.map((warning) => `${yamlPath ?? path}: ${warning}`));
    return { scenario: resolved.scenario, warnings };
  } catch (error) {
    if (error instanceof TraceError) {
      throw new InputError(tracePath, null, error.message);
    }
    throw error;
  }
}

interface Located {
  readonly settings: ScenarioSettings;
  /** Null when the trace stands alone. */
  readonly yamlPath: string | null;
  readonly tracePath: string;
}

async function locate(path: string): Promise<Located> {
  const extension = extname(path);
  const stem = path.slice(0, path.length - extension.length);
  switch (extension.toLowerCase()) {
    case '.yaml':
    case '.yml': {
      const settings = readScenarioYaml(path);
      const tracePath =
        settings.trace === undefined ? `${stem}.csv` : resolve(dirname(path), settings.trace);
      return { settings, yamlPath: path, tracePath };
    }
    case '.csv': {
      const beside = [`${stem}.yaml`, `${stem}.yml`].filter((candidate) => existsSync(candidate));
      if (beside.length > 1) {
        throw new InputError(
          path,
          null,
          `found ${beside.join(' and ')} beside it, expected one of them`,
        );
      }
      if (beside.length === 0) {
        return { settings: defaultScenarioSettings(), yamlPath: null, tracePath: path };
      }
      const [yamlPath] = beside;
      const settings = readScenarioYaml(yamlPath);
      const named = settings.trace;
      if (named !== undefined && resolve(dirname(yamlPath), named) !== resolve(path)) {
        const problem = `found the trace ${quoted(named)}, expected ${quoted(basename(path))}, beside which this file stands`;
        throw new InputError(yamlPath, null, problem);
      }
      return { settings, yamlPath, tracePath: path };
    }
    default:
      throw new InputError(path, null, await strayProblem(path, extension));
  }
}

/** What is wrong with a path that ends in no way that a trace or a scenario does. */
async function strayProblem(path: string, extension: string): Promise<string> {
  let found;
  try {
    found = await stat(path);
  } catch (error) {
    throw fileError(path, error);
  }
  const kind = found.isDirectory()
    ? 'a folder'
    : `a name ${extension === '' ? 'without an extension' : `in ${quoted(extension)}`}`;
  return `found ${kind}, expected a trace (.csv) or a scenario (.yaml or .yml)`;
}

/**
 * A run holds its lines and journals in memory, by step and cycle: one mistyped year in a trace
 * would otherwise exhaust it.
 */
function checkRunnable(tracePath: string, scenario: Scenario): void {
  const { trace, worldStepSeconds, timeZoneOffsetMinutes } = scenario;
  const stepCount = Math.ceil((trace.endAtMs - trace.startAtMs) / (worldStepSeconds * 1000));
  if (stepCount > RUN_STEPS_MAX) {
    const [start, end] = [trace.startAtMs, trace.endAtMs].map((atMs) =>
      formatInstant(atMs, timeZoneOffsetMinutes),
    );
    const days = Math.floor((RUN_STEPS_MAX * worldStepSeconds) / 86_400);
    const found = `found traffic from ${start} to ${end}`;
    const expected = `expected at most ${String(days)} days of it in a run; choose a part with --from and --to`;
    throw new InputError(tracePath, null, `${found}, ${expected}`);
  }
  const highest = trace.requestsPerSecond.reduce((most, rate) => Math.max(most, rate), 0);
  if (!(highest <= REQUESTS_PER_SECOND_MAX)) {
    const found = `found ${String(Math.round(highest))} requests per second once it is scaled`;
    const expected = `expected at most ${String(REQUESTS_PER_SECOND_MAX)}`;
    throw new InputError(tracePath, null, `${found}, ${expected}`);
  }
}

function readScenarioYaml(path: string): ScenarioSettings {
  const source = readYamlSource(path, 'a scenario');
  const { settings, issues } = parseScenario(source.value);
  if (settings === null) {
    throw problemsError(
      issues.map((issue) => ({
        file: path,
        line: source.lineOf(issue.path),
        message: issue.message,
      })),
    );
  }
  return settings;
}

/** The settings with the overrides in place, held to the same ranges. */
function withOverrides(
  path: string,
  settings: ScenarioSettings,
  { peakNodes, trafficFactor, faults = [] }: ScenarioOverrides,
): ScenarioSettings {
  const changed = {
    ...(peakNodes === undefined ? {} : { peakNodes }),
    ...(trafficFactor === undefined ? {} : { trafficFactor }),
  };
  const { issues } = parseScenario({ version: 1, workload: changed });
  if (issues !== null) {
    const problems = issues.map(({ message }) => message.replace(/^workload\./, ''));
    throw new InputError(path, null, problems.join('; '));
  }
  return {
    ...settings,
    workload: { ...settings.workload, ...changed },
    faults: [...settings.faults, ...faults],
  };
}

/** The settings with that one changed, held to its range and to what it may not contradict. */
function withSetting(
  settings: ScenarioSettings,
  changed: ScenarioOverrides['setting'],
): ScenarioSettings {
  if (changed === undefined) {
    return settings;
  }
  const { key, value } = changed;
  const raw = structuredClone(settings);
  const path = key.split('.');
  const last = path.pop() ?? '';
  let section = raw as unknown as Record<string, unknown>;
  for (const name of path) {
    section = section[name] as Record<string, unknown>;
  }
  section[last] = value;
  const result = parseScenario(raw);
  if (result.settings === null) {
    const problems = result.issues.map(({ message }) => message.replace(`${key}: `, ''));
    throw new InputError(`${key}=${String(value)}`, null, problems.join('; '));
  }
  return result.settings;
}

function instantOverride(
  path: string,
  name: 'from' | 'to',
  text: string | undefined,
): number | null {
  if (text === undefined) {
    return null;
  }
  const atMs = parseTimeMs(text);
  if (atMs === null) {
    throw new InputError(path, null, `${name}: found ${quoted(text)}, ${expectedTime(text)}`);
  }
  return atMs;
}

/**
 * InputError when nothing of the trace is in the window, a warning when the trace does not fill it.
 */
function windowWarnings(
  tracePath: string,
  trace: Trace,
  fromMs: number | null,
  toMs: number | null,
  offsetMinutes: number,
): string[] {
  const [from, to] = [fromMs ?? trace.startAtMs, toMs ?? trace.endAtMs];
  const [start, end] = [trace.startAtMs, trace.endAtMs].map((atMs) =>
    formatInstant(atMs, offsetMinutes),
  );
  const found = `found traffic from ${start} to ${end}`;
  if (from >= trace.endAtMs || to <= trace.startAtMs) {
    throw new InputError(tracePath, null, `${found}, expected some in the window asked for`);
  }
  return from < trace.startAtMs || to > trace.endAtMs
    ? [`${tracePath}: ${found}, less than the window asked for, which is cut to it`]
    : [];
}
