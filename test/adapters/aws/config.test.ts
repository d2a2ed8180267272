import { expect, test } from 'vitest';
import {
  alertConfig,
  ConfigError,
  scheduledConfig,
  spotConfig,
  type Environment,
} from '../../../adapters/aws/config.ts';

const cluster = {
  id: 'shop',
  zones: ['ap-southeast-1a', 'ap-southeast-1b'],
  template: { allocatableMillicpu: 1930, allocatableMib: 3300 },
  templateVersion: '3/4',
  onDemandBdtPerHour: 33.33,
  spotBdtPerHour: 10,
  calendar: [{ name: 'sale', startAtMs: 1, endAtMs: 2 }],
};
const environment = {
  NODE_FLEET_CLUSTER: JSON.stringify(cluster),
  NODE_FLEET_CLUSTER_ID: 'shop',
  NODE_FLEET_MODE: 'act',
  NODE_FLEET_POLICY: 'node-fleet',
  NODE_FLEET_SETTINGS: '{"nodeCountMax":7}',
  NODE_FLEET_TEMPLATES: '{"on-demand":"lt-1","spot":"lt-2"}',
  NODE_FLEET_SUBNETS: '{"ap-southeast-1a":"subnet-a","ap-southeast-1b":"subnet-b"}',
  NODE_FLEET_STATE_TABLE: 'state',
  NODE_FLEET_INBOX_KEY: 'shop#inbox',
  NODE_FLEET_JOURNAL_TABLE: 'journal',
  NODE_FLEET_JOURNAL_DAYS: '90',
  NODE_FLEET_KUBERNETES_URL: 'https://10.20.0.10:6443',
  NODE_FLEET_KUBERNETES_SECRET: 'arn:k',
  NODE_FLEET_PROMETHEUS_URL: 'http://10.20.0.10:9090',
  NODE_FLEET_ALARM_TOPIC: 'arn:t',
  NODE_FLEET_METRIC_NAMESPACE: 'NodeFleet',
  NODE_FLEET_AUTOSCALER: 'node-fleet-autoscaler',
  NODE_FLEET_ALERT_SECRET: 'arn:a',
};

test('the environment that infra/ sets is read whole', () => {
  const config = scheduledConfig(environment);
  expect(config.cluster).toEqual({
    ...cluster,
    timeZoneOffsetMinutes: 360,
    operatorDelaysMs: [],
  });
  expect(config.configured.settings.nodeCountMax).toBe(7);
  expect(config.templates).toEqual({ 'on-demand': 'lt-1', spot: 'lt-2' });
  expect(config.journalDays).toBe(90);
  expect(spotConfig(environment).kubernetesSecret).toBe('arn:k');
  expect(alertConfig(environment).alertSecret).toBe('arn:a');
  for (const ingest of [spotConfig, alertConfig]) {
    expect(ingest(environment).autoscaler).toBe('node-fleet-autoscaler');
  }
});

function problems(changes: Environment): string[] {
  try {
    scheduledConfig({ ...environment, ...changes });
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message.split('\n');
  }
  return [];
}

test.each<[Environment, RegExp]>([
  [{ NODE_FLEET_MODE: 'fast' }, /^NODE_FLEET_MODE: expected one of act, observe, paused$/],
  [
    { NODE_FLEET_STATE_TABLE: undefined },
    /^NODE_FLEET_STATE_TABLE: expected a value, got nothing$/,
  ],
  [{ NODE_FLEET_STATE_TABLE: '' }, /^NODE_FLEET_STATE_TABLE: expected a value, got an empty one$/],
  [{ NODE_FLEET_SETTINGS: '{' }, /^NODE_FLEET_SETTINGS: expected JSON, got \{$/],
  [
    { NODE_FLEET_SETTINGS: '{"nodeCountMax":0}' },
    /^NODE_FLEET_SETTINGS: nodeCountMax is 0: expected/,
  ],
  [{ NODE_FLEET_POLICY: 'guess' }, /^NODE_FLEET_POLICY: unknown policy "guess"/],
  [
    { NODE_FLEET_KUBERNETES_URL: 'http://x:6443' },
    /^NODE_FLEET_KUBERNETES_URL: expected an https address$/,
  ],
  [{ NODE_FLEET_JOURNAL_DAYS: 'x' }, /^NODE_FLEET_JOURNAL_DAYS: expected a number of days$/],
  [
    { NODE_FLEET_SUBNETS: '{"ap-southeast-1a":"s"}' },
    /^NODE_FLEET_SUBNETS: expected a subnet for ap-southeast-1b$/,
  ],
  [{ NODE_FLEET_CLUSTER: '{}' }, /^NODE_FLEET_CLUSTER: id: /],
  [
    { NODE_FLEET_CLUSTER: JSON.stringify({ ...cluster, templateVersion: '$Latest' }) },
    /^NODE_FLEET_CLUSTER: templateVersion: expected ON-DEMAND\/SPOT, such as 3\/4$/,
  ],
])('%o is refused, and told by its variable', (changes, told) => {
  expect(problems(changes)[0]).toMatch(told);
});

test('every problem is told, not the first alone', () => {
  expect(problems({ NODE_FLEET_MODE: 'fast', NODE_FLEET_POLICY: undefined })).toHaveLength(2);
});
