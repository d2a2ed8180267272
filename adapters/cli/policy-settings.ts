import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import * as z from 'zod';
import {
  configurePolicy,
  describeSettings,
  POLICIES,
  type ConfiguredPolicy,
  type Policy,
  type PolicyProblem,
  type SettingDescriptions,
} from '../../engine/index.ts';
import { adviceOn, shown } from '../../simulator/complaint.ts';
import type { Scenario } from '../../simulator/index.ts';
import { InputError, quoted } from '../import/input-error.ts';
import { problemsError, readYamlSource, type YamlSource } from '../import/yaml-source.ts';

/** What the command line says of policies. */
export interface PolicyChoice {
  /** `--policy`, in order. */
  readonly names: readonly string[];
  /** `--policy-file`, in order. */
  readonly files: readonly string[];
  /** `--set`, as written. */
  readonly sets: readonly string[];
}

/** A policy’s settings from one place. */
interface Layer {
  readonly values: Readonly<Record<string, unknown>>;
  /** Where a setting of this layer stands, for a message. */
  readonly placeOf: (setting: string | null) => Place;
}

/** A file and a line in it, or an option. */
type Place = readonly [file: string, line: number | null];

const policyFile = z.strictObject({
  version: z.literal(1),
  policy: z.string(),
  settings: z.record(z.string(), z.unknown()).default({}),
});

const LISTED = 'expected one that --list-policies shows';

/** What a policy file holds, by key: for its error messages. */
const EXPECTED: Readonly<Record<string, string>> = {
  version: '1, the version of this format',
  policy: 'the name of a policy',
  settings: 'a mapping of settings',
};

/**
 * The policies to run, each with its settings: the scenario’s `policies:` first, over it the policy’s file, over that
 * `--set`. Without names and files it is every policy; a file selects its policy. Anything wrong is an InputError.
 */
export function choosePolicies(
  choice: PolicyChoice,
  scenario: Scenario,
  scenarioPath: string,
): ConfiguredPolicy[] {
  const named = choice.names.map((name) => policyCalled(name, () => ['--policy', null]));
  const files = policyFiles(choice.files);
  const asked = [...named, ...files.keys()];
  const selected = asked.length === 0 ? POLICIES : [...new Set(asked)];
  const sets = new Settings(choice.sets, selected);

  const scenarioLayers = new Map<Policy, Layer>();
  const source = scenarioSource(scenarioPath);
  for (const [name, values] of Object.entries(scenario.policies)) {
    const policy = policyCalled(name, () => source(['policies', name]));
    scenarioLayers.set(policy, {
      values,
      placeOf: (setting) => source(['policies', name, ...(setting === null ? [] : [setting])]),
    });
  }
  for (const [policy, layer] of scenarioLayers) {
    if (!selected.includes(policy)) {
      // Not run, but a mistake all the same.
      configured(policy, [layer]);
    }
  }
  return selected.map((policy) => {
    const layers = [scenarioLayers.get(policy), files.get(policy), sets.layerOf(policy)];
    return configured(
      policy,
      layers.filter((layer) => layer !== undefined),
    );
  });
}

/** What `--shadow` names, a policy or a policy file, over the scenario’s settings for it. Anything wrong is an InputError. */
export function chooseShadow(
  text: string,
  scenario: Scenario,
  scenarioPath: string,
): ConfiguredPolicy {
  const isFile = /\.(ya?ml|json)$/i.test(text);
  const name = isFile ? null : policyCalled(text, () => ['--shadow', null]).name;
  const choice = { names: name === null ? [] : [name], files: isFile ? [text] : [], sets: [] };
  return choosePolicies(choice, scenario, scenarioPath)[0];
}

/** One policy by name: what it had before, and over that `--set`. Anything wrong is an InputError. */
export function choosePolicy(
  name: string,
  before: Readonly<Record<string, number>>,
  sets: readonly string[],
): ConfiguredPolicy {
  const policy = policyCalled(name, () => ['--policy', null]);
  const had: Layer = { values: before, placeOf: () => ['--policy', null] };
  return configured(policy, [had, new Settings(sets, [policy]).layerOf(policy)]);
}

/** Settings of a policy that `--set` may name. */
export function settableKeys(policy: Policy): string[] {
  const described = describeSettings(policy);
  const { nodeCountMin, nodeCountMax } = described;
  // Held at N nodes by a setting of its own, as `static` is: changing a bound under it would make it something else.
  const held = nodeCountMin.default === nodeCountMax.default;
  const bounds = ['nodeCountMin', 'nodeCountMax', 'onDemandBase'];
  return Object.keys(described).filter((key) => !(held && bounds.includes(key)));
}

/** `--set key=value`, given for whichever selected policies have that setting. */
class Settings {
  readonly #values = new Map<string, number>();

  constructor(sets: readonly string[], selected: readonly Policy[]) {
    const known = [...new Set(selected.flatMap((policy) => settableKeys(policy)))];
    for (const written of sets) {
      const at = written.indexOf('=');
      if (at < 1) {
        throw new InputError('--set', null, `found ${quoted(written)}, expected KEY=NUMBER`);
      }
      const key = written.slice(0, at).trim();
      const text = written.slice(at + 1).trim();
      if (!known.includes(key)) {
        throw new InputError('--set', null, this.#unknown(key, known, selected));
      }
      const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN;
      if (!Number.isFinite(value)) {
        throw new InputError('--set', null, `${key}: found ${quoted(text)}, expected a number`);
      }
      this.#values.set(key, value);
    }
  }

  layerOf(policy: Policy): Layer {
    const keys = settableKeys(policy);
    const values = Object.fromEntries([...this.#values].filter(([key]) => keys.includes(key)));
    return { values, placeOf: () => [`--set for ${policy.name}`, null] };
  }

  #unknown(key: string, known: readonly string[], selected: readonly Policy[]): string {
    const names = selected.map(({ name }) => name);
    const found = `found the setting ${quoted(key)}, which ${names.join(', ')} ${names.length === 1 ? 'does' : 'do'} not have`;
    return `${found}, ${adviceOn(key, known, LISTED)}`;
  }
}

function configured(policy: Policy, layers: readonly Layer[]): ConfiguredPolicy {
  const merged = Object.assign({}, ...layers.map(({ values }) => values)) as Record<
    string,
    unknown
  >;
  const result = configurePolicy(policy.name, merged);
  if (result.ok) {
    return result.configured;
  }
  throw problemsError(
    result.problems.map((problem) => {
      const [file, line] = layerToBlame(problem, layers).placeOf(problem.setting);
      return { file, line, message: explained(problem, policy) };
    }),
  );
}

/** The last layer that has the setting; of a contradiction between two settings perhaps none has the one named. */
function layerToBlame(problem: PolicyProblem, layers: readonly Layer[]): Layer {
  const { setting } = problem;
  const having = layers.filter(({ values }) => setting !== null && Object.hasOwn(values, setting));
  const changing = layers.filter(({ values }) => Object.keys(values).length > 0);
  return having.at(-1) ?? changing.at(-1) ?? layers[layers.length - 1];
}

function explained({ setting, message }: PolicyProblem, policy: Policy): string {
  const known = Object.keys(describeSettings(policy));
  if (setting === null || known.includes(setting)) {
    return message;
  }
  const found = `found the setting ${quoted(setting)}, which ${policy.name} does not have`;
  return `${found}, ${adviceOn(setting, known, LISTED)}`;
}

function policyCalled(name: string, where: () => Place): Policy {
  const policy = POLICIES.find((candidate) => candidate.name === name);
  if (policy !== undefined) {
    return policy;
  }
  const names = POLICIES.map((candidate) => candidate.name);
  throw new InputError(...where(), `found the policy ${quoted(name)}, ${adviceOn(name, names)}`);
}

function policyFiles(paths: readonly string[]): Map<Policy, Layer> {
  const layers = new Map<Policy, Layer>();
  for (const path of paths) {
    const { source, policy: name, settings } = readPolicyFile(path);
    const nameAt = source.lineOf(['policy']);
    const policy = policyCalled(name, () => [path, nameAt]);
    if (layers.has(policy)) {
      throw new InputError(path, nameAt, `found ${name} again, expected one file for each policy`);
    }
    layers.set(policy, {
      values: settings,
      placeOf: (setting) => [
        path,
        source.lineOf(['settings', ...(setting === null ? [] : [setting])]),
      ],
    });
  }
  return layers;
}

/** What a policy file says, its names and values not yet checked. InputError when it is none. */
export function readPolicyFile(path: string): z.output<typeof policyFile> & { source: YamlSource } {
  const source = readYamlSource(path, 'a policy file');
  return { ...parsePolicyFile(source), source };
}

/** The settings that do not have the policy’s default: with these alone the policy is configured just so. */
export function overridesOf({ policy, settings }: ConfiguredPolicy): Record<string, number> {
  const differing = (descriptions: SettingDescriptions): Record<string, number> =>
    Object.fromEntries(
      Object.entries(descriptions)
        .filter(([key, setting]) => settings[key] !== setting.default)
        .map(([key]) => [key, settings[key]]),
    );
  // Defaults of the fleet’s settings may follow the policy’s own.
  return differing(describeSettings(policy, differing(policy.settings)));
}

function parsePolicyFile(source: YamlSource): z.output<typeof policyFile> {
  const parsed = policyFile.safeParse(source.value);
  if (parsed.success) {
    return parsed.data;
  }
  const [issue] = parsed.error.issues;
  const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
  const keys = Object.keys(policyFile.shape);
  if (issue.code === 'unrecognized_keys') {
    const [key] = issue.keys;
    const line = source.lineOf([...path, key]);
    throw new InputError(
      source.file,
      line,
      `found ${quoted(key)}, expected only ${keys.join(', ')}`,
    );
  }
  const key = path.length === 0 ? null : String(path[0]);
  const value = key === null ? source.value : (source.value as Record<string, unknown>)[key];
  const expected = key === null ? `a mapping with ${keys.join(', ')}` : EXPECTED[key];
  const prefix = key === null ? '' : `${key}: `;
  throw new InputError(
    source.file,
    source.lineOf(path),
    `${prefix}found ${shown(value)}, expected ${expected}`,
  );
}

/** Says where in the scenario’s YAML a value stands. The file is read only when there is something to say. */
function scenarioSource(scenarioPath: string): (path: readonly string[]) => Place {
  const extension = extname(scenarioPath);
  const stem = scenarioPath.slice(0, scenarioPath.length - extension.length);
  const beside = [`${stem}.yaml`, `${stem}.yml`].find((path) => existsSync(path));
  const file = extension.toLowerCase() === '.csv' ? (beside ?? scenarioPath) : scenarioPath;
  let source: YamlSource | undefined;
  return (path) => {
    source ??= readYamlSource(file, 'a scenario');
    return [file, source.lineOf(path)];
  };
}
