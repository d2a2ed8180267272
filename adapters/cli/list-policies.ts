import { describeSettings, POLICIES, type NumberSetting } from '../../engine/index.ts';
import { wrapped, WIDTH } from './text.ts';

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

/** The same for people. */
export function listPoliciesText(): string {
  const blocks = POLICIES.map((policy) => [
    policy.name,
    ...wrapped(policy.summary, WIDTH, '  '),
    ...Object.entries(describeSettings(policy)).flatMap(([key, setting]) => [
      '',
      `    ${key} = ${range(setting)}`,
      ...wrapped(setting.help, WIDTH, '      '),
    ]),
  ]);
  return `${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function range(setting: NumberSetting): string {
  return `${String(setting.default)} ${setting.unit}  (${String(setting.min)} to ${String(setting.max)})`;
}
