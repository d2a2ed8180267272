import {
  fleetSettings,
  settingsSchema,
  type FleetSettings,
  type SettingDescriptions,
} from '../settings.ts';
import { consolidating } from './consolidating.ts';
import { manual } from './manual.ts';
import { nodeFleetAsWritten } from './node-fleet-as-written.ts';
import { nodeFleet } from './node-fleet.ts';
import { pendingDriven } from './pending-driven.ts';
import type { Policy } from './policy.ts';
import { scheduled } from './scheduled.ts';
import { staticPolicy } from './static.ts';
import { sustained } from './sustained.ts';
import { targetTracking } from './target-tracking.ts';
import { trailingMax } from './trailing-max.ts';

/** Every policy, in the order in which they are shown. */
export const POLICIES: readonly Policy[] = [
  staticPolicy as unknown as Policy,
  manual as unknown as Policy,
  nodeFleet as unknown as Policy,
  nodeFleetAsWritten as unknown as Policy,
  sustained as unknown as Policy,
  scheduled as unknown as Policy,
  targetTracking as unknown as Policy,
  pendingDriven as unknown as Policy,
  consolidating as unknown as Policy,
  trailingMax as unknown as Policy,
];

/** A policy with every setting resolved: what a run, a journal header and a policy file name. */
export interface ConfiguredPolicy {
  readonly policy: Policy;
  readonly settings: FleetSettings & Readonly<Record<string, number>>;
}

/** What is wrong with a policy’s name or settings, in words for whoever wrote them. */
export interface PolicyProblem {
  readonly setting: string | null;
  readonly message: string;
}

export type PolicyResult =
  | { readonly ok: true; readonly configured: ConfiguredPolicy }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] };

/** Descriptions of all settings of a policy, its own first, with the policy’s defaults for those of the fleet. */
export function describeSettings(
  policy: Policy,
  overrides: Readonly<Record<string, unknown>> = {},
): SettingDescriptions {
  const own = settingsSchema(policy.settings).safeParse(pick(overrides, policy.settings));
  const fleetDefaults = policy.fleetDefaults(
    own.success ? own.data : settingsSchema(policy.settings).parse({}),
  );
  const described: Record<string, SettingDescriptions[string]> = { ...policy.settings };
  for (const [key, setting] of Object.entries(fleetSettings)) {
    described[key] = {
      ...setting,
      default: fleetDefaults[key as keyof FleetSettings] ?? setting.default,
    };
  }
  return described;
}

/**
 * Looks a policy up and resolves its settings. Never throws: an unknown name, an unknown key, a value out of range or
 * bounds that contradict each other come back as problems that name the setting, the value and what was expected.
 */
export function configurePolicy(
  name: string,
  overrides: Readonly<Record<string, unknown>> = {},
): PolicyResult {
  const policy = POLICIES.find((candidate) => candidate.name === name);
  if (!policy) {
    const known = POLICIES.map((candidate) => candidate.name).join(', ');
    return {
      ok: false,
      problems: [{ setting: null, message: `unknown policy "${name}": expected one of ${known}` }],
    };
  }
  const described = describeSettings(policy, overrides);
  const parsed = settingsSchema(described).safeParse(overrides);
  if (!parsed.success) {
    const problems = parsed.error.issues.flatMap((issue) => {
      if (issue.code === 'unrecognized_keys') {
        return issue.keys.map((key) => ({
          setting: key,
          message: `unknown setting "${key}" of policy "${name}": expected one of ${Object.keys(described).join(', ')}`,
        }));
      }
      const key = String(issue.path[0] ?? '');
      const setting = described[key];
      const range = setting
        ? `a number from ${setting.min} to ${setting.max} ${setting.unit}`
        : 'a number';
      const grid = setting ? ` in steps of ${setting.step}` : '';
      const given = overrides[key];
      const value = typeof given === 'number' ? String(given) : JSON.stringify(given);
      return [{ setting: key, message: `${key} is ${value}: expected ${range}${grid}` }];
    });
    // A value may be out of range and off the grid: that is one problem.
    return { ok: false, problems: problems.filter(isFirstOfItsSetting) };
  }
  const settings = parsed.data as ConfiguredPolicy['settings'];
  if (settings.nodeCountMin > settings.nodeCountMax) {
    const message = `nodeCountMin is ${settings.nodeCountMin}: expected at most nodeCountMax, ${settings.nodeCountMax}`;
    return { ok: false, problems: [{ setting: 'nodeCountMin', message }] };
  }
  return { ok: true, configured: { policy, settings } };
}

function isFirstOfItsSetting(
  problem: PolicyProblem,
  index: number,
  problems: readonly PolicyProblem[],
): boolean {
  return problems.findIndex((each) => each.setting === problem.setting) === index;
}

function pick(
  values: Readonly<Record<string, unknown>>,
  keys: SettingDescriptions,
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([key]) => key in keys));
}

export { CPU_AS_WRITTEN, PENDING_AS_WRITTEN, QUERIES_AS_WRITTEN } from './node-fleet-as-written.ts';
export type { Policy, PolicyInput, Proposal } from './policy.ts';
