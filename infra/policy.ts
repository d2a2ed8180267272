import { Parameter } from '@pulumi/aws/ssm/parameter.js';
import { type Config, settingsOf } from './config.ts';
import { tagsOf } from './tags.ts';

/**
 * The policy document: what may be changed between two cycles, the kill switch included. It begins as the configuration has
 * it and belongs to the operators from then on: no `pulumi up` takes back what they wrote (docs/decisions/105).
 */
export function policyParameter(config: Config): Parameter {
  const { mode, policy } = config;
  return new Parameter(
    'policy',
    {
      name: `/${config.namePrefix}/${config.clusterId}/policy`,
      description: 'node-fleet: mode, policy and settings, read by every cycle',
      type: 'String',
      tier: 'Standard',
      insecureValue: JSON.stringify({ mode, policy, settings: settingsOf(config) }, null, 2),
      tags: tagsOf(config, 'policy'),
    },
    { ignoreChanges: ['insecureValue'] },
  );
}
