import {
  describeSettings,
  fleetSettings,
  POLICIES,
  type NumberSetting,
  type SettingDescriptions,
} from '../../engine/index.ts';
import { wrapped, WIDTH } from '../../reports/text.ts';

/** Every policy and all its settings, with that policy’s own defaults. */
export function listPoliciesJson(): object {
  return {
    schema: 'node-fleet/policies@1',
    policies: POLICIES.map((policy) => ({
      name: policy.name,
      summary: policy.summary,
      settings: Object.entries(describeSettings(policy)).map(([key, setting]) => ({
        key,
        default: setting.default,
        min: setting.min,
        max: setting.max,
        step: setting.step,
        unit: setting.unit,
        help: setting.help,
      })),
    })),
  };
}

/** The same for people: what every policy has is told once, and what a policy changes of it where it does. */
export function listPoliciesText(): string {
  const blocks = POLICIES.map((policy) => [
    policy.name,
    ...wrapped(policy.summary, WIDTH, '  '),
    ...Object.entries(describeSettings(policy))
      .filter(([key, setting]) => setting.default !== COMMON[key]?.default)
      .flatMap(([key, setting]) => settingLines(key, setting)),
  ]);
  const common = [
    'Every policy has these as well; a default of its own is shown above.',
    ...Object.entries(COMMON).flatMap(([key, setting]) => settingLines(key, setting)),
  ];
  return `${[...blocks, common].map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

const COMMON: SettingDescriptions = fleetSettings;

function settingLines(key: string, setting: NumberSetting): string[] {
  const { unit, min, max } = setting;
  const value = `${String(setting.default)} ${unit}`;
  const head = `  ${key.padEnd(29)} ${value.padEnd(15)} ${String(min)} to ${String(max)}`;
  const own = COMMON[key] !== undefined && COMMON[key].default !== setting.default;
  return own ? [head] : [head, ...wrapped(setting.help, WIDTH, '      ')];
}
