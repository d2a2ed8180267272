import { beforeAll, describe, expect, it } from 'vitest';
import {
  CLOCK_SKEW_MS,
  configurePolicy,
  describeSettings,
  HOLDER_GRACE_MS,
  LOCK_MS,
  POLICIES,
  TRIGGER_MAX_AGE_MS,
} from '../../engine/index.ts';
import { parseConfig } from '../config.ts';
import { type Asked, configured, deploy, type Deployed } from './deployed.ts';

let deployed: Deployed;
let environment: Record<string, string>;

beforeAll(async () => {
  deployed = await deploy({ 'node-fleet:alarmEmail': 'ops@example.com' });
  environment = variables('autoscaler');
});

function inputs(kind: string, name: string): Asked['inputs'] {
  return deployed.one(kind, name).inputs;
}

function variables(name: string): Record<string, string> {
  return (inputs('Function', name)['environment'] as { variables: Record<string, string> })
    .variables;
}

describe('everything', () => {
  it('that can be tagged says whose it is', () => {
    const untagged = deployed.asked
      .filter(
        ({ type }) => !/pulumi:|Route$|Association|Policy$|Permission|Subscription/.test(type),
      )
      .filter(({ type }) => !/FunctionUrl|EventInvokeConfig|EventTarget|Schedule$/.test(type))
      .filter(
        (each) =>
          (each.inputs['tags'] as Record<string, string> | undefined)?.['node-fleet:cluster'] !==
          'node-fleet-prod',
      );
    expect(untagged.map(({ type, name }) => `${type} ${name}`)).toEqual([]);
  });

  it('has its name and cluster from the configuration', async () => {
    const other = await deploy({
      'node-fleet:clusterId': 'shop-test',
      'node-fleet:namePrefix': 'shop',
    });
    const text = JSON.stringify(other.asked.map((each) => each.inputs['name'] ?? ''));
    expect(text).toContain('shop-autoscaler');
    expect(text).toContain('shop/shop-test/k3s-token');
    expect(text).not.toContain('node-fleet');
  });
});

describe('the network', () => {
  it('has workers in two zones, in private subnets that do not overlap', () => {
    const workers = deployed.all('Subnet').filter(({ name }) => name.startsWith('workers-'));
    expect(workers.map(({ inputs: each }) => each['availabilityZone'])).toEqual([
      'ap-southeast-1a',
      'ap-southeast-1b',
    ]);
    expect(deployed.all('Subnet').map(({ inputs: each }) => each['cidrBlock'])).toEqual([
      '10.20.0.0/24',
      '10.20.1.0/24',
      '10.20.16.0/20',
      '10.20.32.0/20',
    ]);
  });

  it('gives no instance a public address', () => {
    for (const { inputs: each } of deployed.all('Subnet')) {
      expect(each['mapPublicIpOnLaunch']).toBe(false);
    }
    expect(inputs('Instance', 'master')['associatePublicIpAddress']).toBe(false);
  });

  it('routes only the NAT gateway’s subnet to the internet gateway', () => {
    const table = (subnet: string): unknown =>
      inputs('RouteTableAssociation', subnet)['routeTableId'];
    expect(table('nat')).toBe('id-public');
    for (const subnet of ['master', 'workers-ap-southeast-1a', 'workers-ap-southeast-1b']) {
      expect(table(subnet)).toBe('id-private');
    }
    expect(inputs('Route', 'private-to-nat')).toMatchObject({ natGatewayId: 'id-nat' });
    expect(inputs('Route', 'public-to-internet')).toMatchObject({ gatewayId: 'id-internet' });
    expect(deployed.all('Route')).toHaveLength(2);
  });

  it('has one NAT gateway, in the master’s zone', () => {
    expect(deployed.all('NatGateway')).toHaveLength(1);
    expect(inputs('Subnet', 'nat')['availabilityZone']).toBe(
      inputs('Subnet', 'master')['availabilityZone'],
    );
  });

  it('reaches the table and S3 past the NAT gateway', () => {
    expect(
      deployed
        .all('VpcEndpoint')
        .map(({ inputs: each }) => [
          each['serviceName'],
          each['vpcEndpointType'],
          each['routeTableIds'],
        ]),
    ).toEqual([
      ['com.amazonaws.ap-southeast-1.dynamodb', 'Gateway', ['id-private']],
      ['com.amazonaws.ap-southeast-1.s3', 'Gateway', ['id-private']],
    ]);
  });

  it('opens these doors and no other, none of them to an address', () => {
    const doors = deployed.all('SecurityGroupIngressRule').map(({ inputs: each }) => {
      expect(each).not.toHaveProperty('cidrIpv4');
      expect(each).not.toHaveProperty('cidrIpv6');
      expect(each['fromPort']).toBe(each['toPort']);
      return `${each['referencedSecurityGroupId']} → ${each['securityGroupId']} ${each['fromPort']}/${each['ipProtocol']}`;
    });
    expect(doors.sort()).toEqual([
      'sg-functions → sg-master 6443/tcp',
      'sg-functions → sg-master 9090/tcp',
      'sg-master → sg-workers 10250/tcp',
      'sg-master → sg-workers 8472/udp',
      'sg-master → sg-workers 9100/tcp',
      'sg-workers → sg-master 6443/tcp',
      'sg-workers → sg-master 8472/udp',
      'sg-workers → sg-workers 8472/udp',
    ]);
    for (const { inputs: each } of deployed.all('SecurityGroup')) {
      expect(each).not.toHaveProperty('ingress');
    }
  });

  it('lets functions out to AWS, the API and Prometheus only', () => {
    const out = deployed
      .all('SecurityGroupEgressRule')
      .filter(({ inputs: each }) => each['securityGroupId'] === 'sg-functions')
      .map(
        ({ inputs: each }) =>
          `${String(each['cidrIpv4'] ?? each['referencedSecurityGroupId'])} ${each['fromPort']}/${each['ipProtocol']}`,
      );
    expect(out.sort()).toEqual(['0.0.0.0/0 443/tcp', 'sg-master 6443/tcp', 'sg-master 9090/tcp']);
  });
});

describe('a worker’s template', () => {
  it('is the same for both markets, but for the market', () => {
    const alike = (name: string): object => {
      const template = inputs('LaunchTemplate', name);
      expect(template).toMatchObject({
        name: `node-fleet-${name}`,
        tags: { Name: `node-fleet-${name}` },
      });
      const tagged = (template['tagSpecifications'] as { resourceType: string }[]).filter(
        ({ resourceType }) => resourceType !== 'spot-instances-request',
      );
      return Object.fromEntries([
        ...Object.entries(template).filter(
          ([key]) => !['name', 'tags', 'tagSpecifications', 'instanceMarketOptions'].includes(key),
        ),
        ['tagged', tagged],
      ]);
    };
    expect(alike('worker-spot')).toEqual(alike('worker-on-demand'));
    expect(inputs('LaunchTemplate', 'worker-on-demand')).not.toHaveProperty(
      'instanceMarketOptions',
    );
    expect(inputs('LaunchTemplate', 'worker-spot')['instanceMarketOptions']).toEqual({
      marketType: 'spot',
      spotOptions: { spotInstanceType: 'one-time', instanceInterruptionBehavior: 'terminate' },
    });
  });

  it.each(['worker-on-demand', 'worker-spot'])('%s: IMDSv2, out of reach of pods', (name) => {
    expect(inputs('LaunchTemplate', name)['metadataOptions']).toEqual({
      httpEndpoint: 'enabled',
      httpTokens: 'required',
      httpPutResponseHopLimit: 1,
    });
  });

  it.each(['worker-on-demand', 'worker-spot'])('%s: its root, on an encrypted disk', (name) => {
    expect(inputs('LaunchTemplate', name)['blockDeviceMappings']).toEqual([
      {
        deviceName: '/dev/xvda',
        ebs: {
          volumeSize: 20,
          volumeType: 'gp3',
          encrypted: 'true',
          deleteOnTermination: 'true',
        },
      },
    ]);
  });

  it('names no subnet and no interface: the request brings the zone’s', () => {
    for (const { inputs: each } of deployed.all('LaunchTemplate')) {
      expect(each).not.toHaveProperty('networkInterfaces');
      expect(each).not.toHaveProperty('placement');
      expect(each['vpcSecurityGroupIds']).toEqual(['sg-workers']);
    }
  });

  it('tags the instance, its disk and the spot request as ours', () => {
    const tags = {
      Name: 'node-fleet-worker',
      Role: 'k3s-worker',
      'node-fleet:cluster': 'node-fleet-prod',
    };
    expect(inputs('LaunchTemplate', 'worker-spot')['tagSpecifications']).toEqual([
      { resourceType: 'instance', tags },
      { resourceType: 'volume', tags },
      { resourceType: 'spot-instances-request', tags },
    ]);
  });

  it('ends a worker that shuts itself down: nothing of ours is ever stopped', () => {
    for (const { inputs: each } of deployed.all('LaunchTemplate')) {
      expect(each['instanceInitiatedShutdownBehavior']).toBe('terminate');
    }
  });

  it('has CPU credits only where the type has them', async () => {
    expect(inputs('LaunchTemplate', 'worker-spot')['creditSpecification']).toEqual({
      cpuCredits: 'unlimited',
    });
    const other = await deploy({
      'node-fleet:workerInstanceType': 'm7i.large',
      'node-fleet:workerAllocatableMillicpu': '1930',
      'node-fleet:workerAllocatableMib': '7300',
    });
    expect(other.one('LaunchTemplate', 'worker-spot').inputs).not.toHaveProperty(
      'creditSpecification',
    );
  });

  it('is pinned by both versions together (S5)', () => {
    expect(deployed.outputs['workerTemplateVersion']).toBe('3/4');
    expect(JSON.parse(environment['NODE_FLEET_CLUSTER']!)).toMatchObject({
      templateVersion: '3/4',
    });
    expect(JSON.parse(environment['NODE_FLEET_TEMPLATES']!)).toEqual({
      'on-demand': 'lt-worker-on-demand',
      spot: 'lt-worker-spot',
    });
  });
});

describe('the master', () => {
  it('is found by the tags that workers look for, at an address that stays', () => {
    expect(inputs('Instance', 'master')).toMatchObject({
      privateIp: '10.20.1.10',
      subnetId: 'subnet-master',
      tags: { Role: 'k3s-master', 'node-fleet:cluster': 'node-fleet-prod' },
    });
  });

  it('has IMDSv2 out of reach of pods, an encrypted disk and no key to log in with', () => {
    const master = inputs('Instance', 'master');
    expect(master['metadataOptions']).toEqual({
      httpEndpoint: 'enabled',
      httpTokens: 'required',
      httpPutResponseHopLimit: 1,
    });
    expect(master['rootBlockDevice']).toMatchObject({ encrypted: true });
    expect(master).not.toHaveProperty('keyName');
    expect(deployed.all('KeyPair')).toEqual([]);
  });

  it('can be deleted only once protection is off', async () => {
    expect(inputs('Instance', 'master')['disableApiTermination']).toBe(true);
    const open = await deploy({ 'node-fleet:protect': 'false' });
    expect(open.one('Instance', 'master').inputs['disableApiTermination']).toBe(false);
    for (const { inputs: each } of open.all('Table')) {
      expect(each['deletionProtectionEnabled']).toBe(false);
    }
  });
});

describe('the tables', () => {
  it('are the brief’s, encrypted, paid by use, and refuse to be deleted', () => {
    for (const name of ['state', 'journal']) {
      expect(inputs('Table', name)).toMatchObject({
        billingMode: 'PAY_PER_REQUEST',
        hashKey: 'cluster_id',
        serverSideEncryption: { enabled: true },
        deletionProtectionEnabled: true,
      });
    }
    expect(inputs('Table', 'state')).toMatchObject({
      name: 'node-fleet-cluster-state',
      attributes: [{ name: 'cluster_id', type: 'S' }],
      pointInTimeRecovery: { enabled: true },
    });
    expect(inputs('Table', 'state')).not.toHaveProperty('ttl');
  });

  it('forget old decision records', () => {
    expect(inputs('Table', 'journal')).toMatchObject({
      name: 'node-fleet-journal',
      rangeKey: 'started_at_ms',
      ttl: { attributeName: 'expires_at', enabled: true },
    });
    expect(environment['NODE_FLEET_JOURNAL_DAYS']).toBe('90');
  });
});

describe('the policy document', () => {
  it('begins as the configuration has it, and is the operators’ from then on', async () => {
    const asked = await deploy({
      'node-fleet:mode': 'act',
      'node-fleet:policy': 'sustained',
      'node-fleet:nodeCountMax': '7',
    });
    const { insecureValue: value, ...others } = asked.one('Parameter', 'policy').inputs;
    expect(others).toMatchObject({
      name: '/node-fleet/node-fleet-prod/policy',
      type: 'String',
      tier: 'Standard',
    });
    const { mode, policy, settings } = JSON.parse(value as string) as Record<string, string> & {
      settings: Record<string, number>;
    };
    expect([mode, policy]).toEqual(['act', 'sustained']);
    const chosen = configurePolicy(policy!, settings);
    expect(chosen.ok && chosen.configured.settings.nodeCountMax).toBe(7);
    expect(environment['NODE_FLEET_POLICY_PARAMETER']).toBe('/node-fleet/node-fleet-prod/policy');
  });
});

describe('a secret', () => {
  it('is an empty box: no value passes through here', () => {
    expect(deployed.all('Secret').map(({ inputs: each }) => each['name'])).toEqual([
      'node-fleet/node-fleet-prod/k3s-token',
      'node-fleet/node-fleet-prod/kubernetes-access',
      'node-fleet/node-fleet-prod/alert-token',
    ]);
    const kinds = deployed.asked.map(({ type }) => type);
    expect(kinds.filter((type) => /SecretVersion|random|Password/i.test(type))).toEqual([]);
  });

  it('is in no environment, only its name', () => {
    const suspicious = /K10[0-9a-f]|BEGIN |eyJ|password|AKIA/i;
    for (const { name } of deployed.all('Function')) {
      for (const [key, value] of Object.entries(variables(name))) {
        expect(value, key).not.toMatch(suspicious);
        if (key.endsWith('_SECRET')) {
          expect(value).toMatch(/^arn:aws:secretsmanager:/);
        }
      }
    }
    expect(Object.keys(variables('autoscaler')).filter((key) => /TOKEN|KEY$/.test(key))).toEqual([
      'NODE_FLEET_INBOX_KEY',
    ]);
  });
});

describe('the autoscaler’s function', () => {
  it('ends well inside its lock (S8)', () => {
    const timeoutMs = (inputs('Function', 'autoscaler')['timeout'] as number) * 1000;
    expect(timeoutMs).toBe(60_000);
    expect(timeoutMs + 2 * CLOCK_SKEW_MS).toBeLessThanOrEqual(LOCK_MS);
    expect(timeoutMs + HOLDER_GRACE_MS).toBeLessThan(LOCK_MS);
  });

  it('runs one at a time, on arm64 and Node 22, from the one bundle', () => {
    expect(inputs('Function', 'autoscaler')).toMatchObject({
      name: 'node-fleet-autoscaler',
      handler: 'index.scheduled',
      runtime: 'nodejs22.x',
      architectures: ['arm64'],
      reservedConcurrentExecutions: 1,
      vpcConfig: {
        subnetIds: ['subnet-workers-ap-southeast-1a', 'subnet-workers-ap-southeast-1b'],
        securityGroupIds: ['sg-functions'],
      },
    });
    expect(inputs('Function', 'spot')['handler']).toBe('index.spot');
    expect(inputs('Function', 'alert')['handler']).toBe('index.alert');
  });

  it('is never started late or again (S20)', () => {
    const engineDropsAfterS = TRIGGER_MAX_AGE_MS / 1000;
    expect(inputs('FunctionEventInvokeConfig', 'autoscaler')).toMatchObject({
      functionName: 'node-fleet-autoscaler',
      maximumRetryAttempts: 0,
      maximumEventAgeInSeconds: 60,
    });
    const schedule = inputs('Schedule', 'cycle');
    expect(schedule).toMatchObject({
      scheduleExpression: 'rate(2 minutes)',
      flexibleTimeWindow: { mode: 'OFF' },
      target: { retryPolicy: { maximumRetryAttempts: 0, maximumEventAgeInSeconds: 60 } },
    });
    expect(60).toBeLessThan(engineDropsAfterS);
  });

  it('learns when its tick was due, not when it arrived', () => {
    const { input } = inputs('Schedule', 'cycle')['target'] as { input: string };
    expect(JSON.parse(input)).toEqual({
      trigger: 'schedule',
      time: '<aws.scheduler.scheduled-time>',
    });
  });

  it('is told a policy and settings that the engine takes', () => {
    const result = configurePolicy(
      environment['NODE_FLEET_POLICY']!,
      JSON.parse(environment['NODE_FLEET_SETTINGS']!) as Record<string, unknown>,
    );
    expect(result.ok && result.configured.settings).toMatchObject({
      nodeCountMin: 2,
      nodeCountMax: 10,
    });
  });

  it('knows a subnet for each zone of its cluster', () => {
    const { zones } = JSON.parse(environment['NODE_FLEET_CLUSTER']!) as { zones: string[] };
    expect(JSON.parse(environment['NODE_FLEET_SUBNETS']!)).toEqual(
      Object.fromEntries(zones.map((zone) => [zone, `subnet-workers-${zone}`])),
    );
  });

  it('reaches the master where it is', () => {
    expect(environment).toMatchObject({
      NODE_FLEET_KUBERNETES_URL: 'https://10.20.1.10:6443',
      NODE_FLEET_PROMETHEUS_URL: 'http://10.20.1.10:9090',
    });
  });

  it('has an environment that AWS takes, with everything in it as long as it may be', async () => {
    const sale = (name: string): object => ({
      name,
      start: '2026-12-16T20:00:00+06:00',
      end: '2026-12-16T23:00:00+06:00',
    });
    const every = Object.fromEntries(
      Object.entries(describeSettings(POLICIES.find(({ name }) => name === 'node-fleet')!))
        .filter(([name]) => !name.startsWith('nodeCount'))
        .map(([name, setting]) => [name, setting.default]),
    );
    const most = {
      'node-fleet:clusterId': 'c'.repeat(40),
      'node-fleet:namePrefix': 'n'.repeat(24),
      'node-fleet:zones': '["ap-southeast-1a","ap-southeast-1b","ap-southeast-1c"]',
      'node-fleet:settings': JSON.stringify(every),
    };
    const lengths = Array.from({ length: 40 }, (_, count) => count).filter((count) => {
      const calendar = JSON.stringify(Array.from({ length: count }, (_, i) => sale(`sale-${i}`)));
      return parseConfig('node-fleet', configured({ ...most, 'node-fleet:calendar': calendar })).ok;
    });
    expect(lengths.length).toBeGreaterThan(15);
    const longest = Array.from({ length: Math.max(...lengths) }, (_, i) => sale(`sale-${i}`));
    const full = await deploy({ ...most, 'node-fleet:calendar': JSON.stringify(longest) });
    const { variables: all } = full.one('Function', 'autoscaler').inputs['environment'] as {
      variables: Record<string, string>;
    };
    const bytes = Object.entries(all).reduce(
      (sum, [key, value]) => sum + key.length + Buffer.byteLength(value),
      0,
    );
    expect(bytes).toBeLessThan(4000);
  });
});

describe('the ingest functions', () => {
  it('hear of reclaims and hints, while they matter (S2)', () => {
    const rule = inputs('EventRule', 'spot');
    expect(JSON.parse(rule['eventPattern'] as string)).toEqual({
      source: ['aws.ec2'],
      'detail-type': [
        'EC2 Spot Instance Interruption Warning',
        'EC2 Instance Rebalance Recommendation',
      ],
    });
    expect(inputs('EventTarget', 'spot')).toMatchObject({
      rule: 'node-fleet-spot',
      arn: expect.stringMatching(/function:node-fleet-spot$/),
      retryPolicy: { maximumRetryAttempts: 2, maximumEventAgeInSeconds: 120 },
    });
    expect(inputs('FunctionEventInvokeConfig', 'spot')).toMatchObject({
      maximumEventAgeInSeconds: 120,
      maximumRetryAttempts: 2,
    });
    expect(inputs('Permission', 'spot-events')).toMatchObject({
      principal: 'events.amazonaws.com',
      sourceArn: expect.stringMatching(/rule\/node-fleet-spot$/),
    });
  });

  it('do not share the cycle’s concurrency (S2, S19)', () => {
    for (const name of ['spot', 'alert']) {
      expect(inputs('Function', name)['reservedConcurrentExecutions']).toBeGreaterThan(1);
    }
  });

  it('know the inbox by the key that their policy opens', () => {
    for (const name of ['autoscaler', 'spot', 'alert']) {
      expect(variables(name)['NODE_FLEET_INBOX_KEY']).toBe('node-fleet-prod#inbox');
    }
    for (const name of ['spot', 'alert']) {
      expect(variables(name)['NODE_FLEET_AUTOSCALER']).toBe('node-fleet-autoscaler');
    }
  });

  it('have one public door, that of the alert function, which looks at the token itself', () => {
    expect(deployed.all('FunctionUrl')).toHaveLength(1);
    expect(inputs('FunctionUrl', 'alert')).toMatchObject({
      functionName: 'node-fleet-alert',
      authorizationType: 'NONE',
    });
    const open = deployed.all('Permission').filter(({ inputs: each }) => each['principal'] === '*');
    expect(
      open.map(({ inputs: each }) => [
        each['function'],
        each['action'],
        each['functionUrlAuthType'],
        each['invokedViaFunctionUrl'],
      ]),
    ).toEqual([
      ['node-fleet-alert', 'lambda:InvokeFunctionUrl', 'NONE', undefined],
      ['node-fleet-alert', 'lambda:InvokeFunction', undefined, true],
    ]);
    expect(inputs('Function', 'alert')).not.toHaveProperty('vpcConfig');
  });
});

describe('alarms', () => {
  it('go to a topic that someone reads', () => {
    expect(inputs('TopicSubscription', 'alarms')).toMatchObject({
      protocol: 'email',
      endpoint: 'ops@example.com',
    });
    for (const { inputs: each } of deployed.all('MetricAlarm')) {
      expect(each['alarmActions']).toEqual([
        'arn:aws:sns:ap-southeast-1:123456789012:node-fleet-alarms',
      ]);
    }
    expect(environment['NODE_FLEET_ALARM_TOPIC']).toBe(
      'arn:aws:sns:ap-southeast-1:123456789012:node-fleet-alarms',
    );
  });

  it('without an address there is no subscription', async () => {
    expect((await deploy()).all('TopicSubscription')).toEqual([]);
  });

  it('tell a dead autoscaler from a quiet one', () => {
    expect(inputs('MetricAlarm', 'cycle-missing')).toMatchObject({
      namespace: 'AWS/Lambda',
      metricName: 'Invocations',
      dimensions: { FunctionName: 'node-fleet-autoscaler' },
      comparisonOperator: 'LessThanThreshold',
      treatMissingData: 'breaching',
    });
  });

  it('ring for errors, throttles, slow cycles, the engine’s own alarms and the master', () => {
    const rung = deployed
      .all('MetricAlarm')
      .map(({ inputs: each }) => `${each['namespace']} ${each['metricName']}`);
    expect(rung.sort()).toEqual([
      'AWS/EC2 StatusCheckFailed',
      'AWS/Lambda Duration',
      'AWS/Lambda Errors',
      'AWS/Lambda Errors',
      'AWS/Lambda Errors',
      'AWS/Lambda Invocations',
      'AWS/Lambda Throttles',
      'NodeFleet Alarms',
    ]);
    expect(inputs('MetricAlarm', 'engine')['dimensions']).toEqual({ ClusterId: 'node-fleet-prod' });
    const timeoutMs = (inputs('Function', 'autoscaler')['timeout'] as number) * 1000;
    expect(inputs('MetricAlarm', 'cycle-slow')['threshold']).toBeLessThan(timeoutMs);
  });

  it('logs are kept for a while, not for ever', () => {
    for (const name of ['autoscaler', 'spot', 'alert']) {
      expect(inputs('LogGroup', name)).toMatchObject({
        name: `/aws/lambda/node-fleet-${name}`,
        retentionInDays: 30,
      });
    }
  });
});
