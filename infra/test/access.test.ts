import { beforeAll, describe, expect, it } from 'vitest';
import { type PolicyDocument, type Statement, UNLIMITABLE_ACTIONS } from '../access.ts';
import { ACCOUNT, deploy, type Deployed, REGION } from './deployed.ts';
import { permits, type Question } from './iam.ts';

let deployed: Deployed;
const policies = new Map<string, PolicyDocument>();

beforeAll(async () => {
  deployed = await deploy();
  for (const { name, inputs } of deployed.all('RolePolicy')) {
    policies.set(name, JSON.parse(inputs['policy'] as string) as PolicyDocument);
  }
});

function statements(): { of: string; statement: Statement }[] {
  return [...policies].flatMap(([of, document]) =>
    document.Statement.map((statement) => ({ of, statement })),
  );
}

function allowed(): { of: string; statement: Statement }[] {
  return statements().filter(({ statement }) => statement.Effect === 'Allow');
}

/** Whether the role of that name may. */
function may(of: string, question: Question): boolean {
  return permits(policies.get(of)!, question);
}

const ec2 = (resource: string): string => `arn:aws:ec2:${REGION}:${ACCOUNT}:${resource}`;
const table = (name: string): string => `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/${name}`;
const secret = (name: string): string =>
  `arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:node-fleet/node-fleet-prod/${name}-AbCdEf`;

describe('no policy is broader than it must be', () => {
  it('there is one for each role, and nothing else grants', () => {
    const roles = ['alert', 'autoscaler', 'master', 'scheduler', 'spot', 'worker'];
    expect([...policies.keys()].sort()).toEqual(roles);
    expect(
      deployed
        .all('Role')
        .map(({ name }) => name)
        .sort(),
    ).toEqual(roles);
    const kinds = new Set(deployed.asked.map(({ type }) => type.split(':').at(-1)));
    for (const other of ['RolePolicyAttachment', 'Policy', 'PolicyAttachment']) {
      expect(kinds).not.toContain(other);
    }
    for (const { inputs } of deployed.all('Role')) {
      expect(inputs).not.toHaveProperty('managedPolicyArns');
      expect(inputs).not.toHaveProperty('inlinePolicies');
    }
  });

  it('no action is a pattern', () => {
    const patterns = statements().flatMap(({ of, statement }) =>
      statement.Action.filter((action) => !/^[a-z0-9-]+:[A-Za-z]+$/.test(action)).map(
        (action) => `${of}: ${action}`,
      ),
    );
    expect(patterns).toEqual([]);
  });

  it('`*` as the resource is for calls that cannot be limited, and for our region', () => {
    const broad = allowed().filter(({ statement }) => statement.Resource.includes('*'));
    expect(broad.length).toBeGreaterThan(0);
    for (const { of, statement } of broad) {
      for (const action of statement.Action) {
        expect(UNLIMITABLE_ACTIONS, `${of} ${statement.Sid}`).toContain(action);
      }
      expect(statement.Condition).toEqual({ StringEquals: { 'aws:RequestedRegion': REGION } });
    }
  });

  it('what cannot be limited is reading, and being reached by Session Manager', () => {
    const reading = /^(ec2:Describe|servicequotas:Get)/;
    expect(UNLIMITABLE_ACTIONS.filter((action) => !reading.test(action))).toEqual([
      'ssm:UpdateInstanceInformation',
      'ssmmessages:CreateControlChannel',
      'ssmmessages:CreateDataChannel',
      'ssmmessages:OpenControlChannel',
      'ssmmessages:OpenDataChannel',
    ]);
  });

  it('a resource that is not yet named has a condition, but for log streams and Lambda’s own interfaces', () => {
    const unnamed = allowed().filter(
      ({ statement }) =>
        statement.Condition === undefined &&
        statement.Resource.some((resource) => /\*$/.test(resource)),
    );
    expect(
      unnamed.map(({ of, statement }) => `${of} ${statement.Sid} ${statement.Resource[0]}`).sort(),
    ).toEqual([
      `alert Log arn:aws:logs:${REGION}:${ACCOUNT}:log-group:/aws/lambda/node-fleet-alert:*`,
      `autoscaler Log arn:aws:logs:${REGION}:${ACCOUNT}:log-group:/aws/lambda/node-fleet-autoscaler:*`,
      `autoscaler NetworkInterfaces ${ec2('network-interface/*')}`,
      `spot Log arn:aws:logs:${REGION}:${ACCOUNT}:log-group:/aws/lambda/node-fleet-spot:*`,
      `spot NetworkInterfaces ${ec2('network-interface/*')}`,
    ]);
  });

  it('a wildcard stands only for the last part of an ARN', () => {
    for (const { statement } of allowed()) {
      for (const resource of statement.Resource.filter((each) => each !== '*')) {
        expect(resource).toMatch(/^arn:aws:[a-z0-9-]+:[a-z0-9-]*:\d*:[^*]+([/:]\*)?$/);
      }
    }
  });

  it('only EC2, Lambda and the scheduler may take a role, the scheduler for our account alone', () => {
    const trusts = deployed
      .all('Role')
      .map(({ name, inputs }) => [name, JSON.parse(inputs['assumeRolePolicy'] as string)] as const);
    for (const [name, { Statement: given }] of trusts) {
      expect(given).toHaveLength(1);
      const service =
        name === 'master' || name === 'worker'
          ? 'ec2.amazonaws.com'
          : name === 'scheduler'
            ? 'scheduler.amazonaws.com'
            : 'lambda.amazonaws.com';
      expect(given[0]).toMatchObject({
        Effect: 'Allow',
        Action: 'sts:AssumeRole',
        Principal: { Service: service },
      });
      expect(given[0].Condition).toEqual(
        name === 'scheduler' ? { StringEquals: { 'aws:SourceAccount': ACCOUNT } } : undefined,
      );
    }
  });
});

describe('the autoscaler launches workers', () => {
  const template = ec2('launch-template/lt-worker-spot');
  const ours = {
    'aws:RequestTag/node-fleet:cluster': 'node-fleet-prod',
    'aws:RequestTag/Role': 'k3s-worker',
    'ec2:MetadataHttpTokens': 'required',
    'ec2:LaunchTemplate': template,
    'ec2:IsLaunchTemplateResource': 'true',
  };
  const image = `arn:aws:ec2:${REGION}::image/ami-1`;
  /** EC2 asks for each resource of one request; the launch goes through if all are granted. */
  const resources = [
    ec2('instance/*'),
    ec2('volume/*'),
    ec2('network-interface/*'),
    ec2('spot-instances-request/*'),
    ec2('subnet/subnet-workers-ap-southeast-1b'),
    ec2('security-group/sg-workers'),
    template,
    image,
  ];
  const launch = (context: Readonly<Record<string, string>>, each = resources): boolean =>
    each.every((resource) => may('autoscaler', { action: 'ec2:RunInstances', resource, context }));
  const without = (key: keyof typeof ours): Record<string, string> =>
    Object.fromEntries(Object.entries(ours).filter(([each]) => each !== key));

  it('from our templates, tagged as ours', () => {
    expect(launch(ours)).toBe(true);
  });

  it.each([
    'aws:RequestTag/node-fleet:cluster',
    'aws:RequestTag/Role',
    'ec2:MetadataHttpTokens',
    'ec2:LaunchTemplate',
    'ec2:IsLaunchTemplateResource',
  ] as const)('never without %s', (key) => {
    expect(launch(without(key))).toBe(false);
  });

  it.each([
    ['another cluster’s tag', { 'aws:RequestTag/node-fleet:cluster': 'other' }],
    ['the master’s tag', { 'aws:RequestTag/Role': 'k3s-master' }],
    ['IMDSv1', { 'ec2:MetadataHttpTokens': 'optional' }],
    ['another template', { 'ec2:LaunchTemplate': ec2('launch-template/lt-other') }],
    ['an image of its own choice', { 'ec2:IsLaunchTemplateResource': 'false' }],
  ])('never with %s', (_, change) => {
    expect(launch({ ...ours, ...change })).toBe(false);
  });

  it.each([
    'subnet/subnet-nat',
    'subnet/subnet-master',
    'security-group/sg-master',
    'launch-template/lt-other',
    'key-pair/mine',
  ])('never with %s', (resource) => {
    expect(launch(ours, [ec2(resource)])).toBe(false);
  });

  it('tags what it launches, and nothing that exists', () => {
    const tag = (context: Readonly<Record<string, string>>): boolean =>
      may('autoscaler', { action: 'ec2:CreateTags', resource: ec2('instance/i-1'), context });
    expect(tag({ ...ours, 'ec2:CreateAction': 'RunInstances' })).toBe(true);
    expect(tag(ours)).toBe(false);
    expect(tag({ 'ec2:CreateAction': 'RunInstances' })).toBe(false);
  });

  it('passes the workers’ role to EC2, and no other', () => {
    const pass = (name: string, to: string): boolean =>
      may('autoscaler', {
        action: 'iam:PassRole',
        resource: `arn:aws:iam::${ACCOUNT}:role/${name}`,
        context: { 'iam:PassedToService': to },
      });
    expect(pass('node-fleet-worker', 'ec2.amazonaws.com')).toBe(true);
    expect(pass('node-fleet-worker', 'lambda.amazonaws.com')).toBe(false);
    expect(pass('node-fleet-master', 'ec2.amazonaws.com')).toBe(false);
  });
});

describe('the autoscaler removes', () => {
  const remove = (cluster: string, role: string): boolean =>
    may('autoscaler', {
      action: 'ec2:TerminateInstances',
      resource: ec2('instance/i-1'),
      context: { 'ec2:ResourceTag/node-fleet:cluster': cluster, 'ec2:ResourceTag/Role': role },
    });

  it('workers of this cluster', () => {
    expect(remove('node-fleet-prod', 'k3s-worker')).toBe(true);
  });

  it('never the master, another cluster’s worker or a machine that is not ours', () => {
    expect(remove('node-fleet-prod', 'k3s-master')).toBe(false);
    expect(remove('other', 'k3s-worker')).toBe(false);
    expect(
      may('autoscaler', { action: 'ec2:TerminateInstances', resource: ec2('instance/i-1') }),
    ).toBe(false);
  });
});

describe('the table', () => {
  const write = (
    of: string,
    action: string,
    key: string,
    name = 'node-fleet-cluster-state',
    ...attributes: readonly string[]
  ) =>
    may(of, {
      action: `dynamodb:${action}`,
      resource: table(name),
      context: {
        'dynamodb:LeadingKeys': key,
        'dynamodb:Attributes': ['cluster_id', ...attributes],
      },
    });

  it('is the autoscaler’s, as far as its own cluster goes', () => {
    for (const action of ['GetItem', 'PutItem', 'UpdateItem']) {
      expect(write('autoscaler', action, 'node-fleet-prod')).toBe(true);
      expect(write('autoscaler', action, 'node-fleet-prod#inbox')).toBe(true);
      expect(write('autoscaler', action, 'node-fleet-prod2')).toBe(false);
    }
    expect(write('autoscaler', 'DeleteItem', 'node-fleet-prod')).toBe(false);
    expect(write('autoscaler', 'Scan', 'node-fleet-prod')).toBe(false);
  });

  it('has a journal that can only be added to', () => {
    expect(write('autoscaler', 'PutItem', 'node-fleet-prod', 'node-fleet-journal')).toBe(true);
    for (const action of ['UpdateItem', 'DeleteItem', 'GetItem', 'Query']) {
      expect(write('autoscaler', action, 'node-fleet-prod', 'node-fleet-journal')).toBe(false);
    }
  });

  it('is open to the ingest functions in one item only: never the lock (S2, S19)', () => {
    for (const of of ['spot', 'alert']) {
      expect(write(of, 'UpdateItem', 'node-fleet-prod#inbox')).toBe(true);
      expect(write(of, 'UpdateItem', 'node-fleet-prod')).toBe(false);
      expect(write(of, 'PutItem', 'node-fleet-prod#inbox')).toBe(false);
      expect(write(of, 'GetItem', 'node-fleet-prod#inbox')).toBe(false);
    }
  });

  it('is open to the ingest functions for their own mark: a stolen alert token holds no fleet', () => {
    const set = (of: string, ...attributes: readonly string[]) =>
      write(of, 'UpdateItem', 'node-fleet-prod#inbox', 'node-fleet-cluster-state', ...attributes);
    expect(set('spot', 'doomed#i-0a1b')).toBe(true);
    expect(set('alert', 'kicked_at_ms')).toBe(true);
    for (const of of ['spot', 'alert']) {
      expect(set(of, 'hold')).toBe(false);
      expect(set(of, 'doomed#i-0a1b', 'kicked_at_ms')).toBe(false);
      expect(set(of, 'state')).toBe(false);
    }
    expect(set('autoscaler', 'hold')).toBe(true);
  });

  it('is closed to nodes', () => {
    for (const of of ['worker', 'master']) {
      expect(write(of, 'GetItem', 'node-fleet-prod')).toBe(false);
    }
  });
});

describe('the doctor', () => {
  it('looks at templates and quotas with the autoscaler’s role, in our region', () => {
    const context = { 'aws:RequestedRegion': REGION };
    for (const action of ['ec2:DescribeLaunchTemplateVersions', 'servicequotas:GetServiceQuota']) {
      const who = [...policies.keys()].filter((of) => may(of, { action, resource: '*', context }));
      expect(who).toEqual(['autoscaler']);
      expect(may('autoscaler', { action, resource: '*' })).toBe(false);
    }
  });
});

describe('the topic', () => {
  it('is published to, and looked at, by the autoscaler alone', () => {
    for (const action of ['sns:Publish', 'sns:GetTopicAttributes']) {
      const resource = `arn:aws:sns:${REGION}:${ACCOUNT}:node-fleet-alarms`;
      expect([...policies.keys()].filter((of) => may(of, { action, resource }))).toEqual([
        'autoscaler',
      ]);
      expect(may('autoscaler', { action, resource: `${resource}-2` })).toBe(false);
    }
  });
});

describe('the policy document', () => {
  it('is read by the autoscaler alone, and written by none of ours', () => {
    const who = (action: string, name: string): string[] =>
      [...policies.keys()].filter((of) =>
        may(of, { action, resource: `arn:aws:ssm:${REGION}:${ACCOUNT}:parameter${name}` }),
      );
    const name = '/node-fleet/node-fleet-prod/policy';
    expect(who('ssm:GetParameter', name)).toEqual(['autoscaler']);
    expect(who('ssm:GetParameter', '/node-fleet/other/policy')).toEqual([]);
    expect(who('ssm:PutParameter', name)).toEqual([]);
  });
});

describe('a secret', () => {
  const readers = (name: string): string[] =>
    [...policies.keys()].filter((of) =>
      may(of, { action: 'secretsmanager:GetSecretValue', resource: secret(name) }),
    );
  const writers = (name: string): string[] =>
    [...policies.keys()].filter((of) =>
      may(of, { action: 'secretsmanager:PutSecretValue', resource: secret(name) }),
    );

  it('is read by whom it is for, and by nobody else', () => {
    expect(readers('k3s-token')).toEqual(['worker']);
    expect(readers('kubernetes-access').sort()).toEqual(['autoscaler', 'spot']);
    expect(readers('alert-token')).toEqual(['alert']);
    expect(readers('other')).toEqual([]);
  });

  it('with Slack’s webhook is read by the autoscaler, and written by none of ours', async () => {
    const asked = await deploy({ 'node-fleet:slack': 'true' });
    const resource = secret('slack-webhook');
    const who = (action: string): string[] =>
      asked
        .all('RolePolicy')
        .filter(({ inputs }) =>
          permits(JSON.parse(inputs['policy'] as string) as PolicyDocument, { action, resource }),
        )
        .map(({ name }) => name);
    expect(who('secretsmanager:GetSecretValue')).toEqual(['autoscaler']);
    expect(who('secretsmanager:PutSecretValue')).toEqual([]);
    const { variables } = asked.one('Function', 'autoscaler').inputs['environment'] as {
      variables: Record<string, string>;
    };
    expect(variables['NODE_FLEET_SLACK_SECRET']).toBe(resource);
    expect(readers('slack-webhook')).toEqual([]);
  });

  it('is written by the master alone', () => {
    for (const name of ['k3s-token', 'kubernetes-access', 'alert-token']) {
      expect(writers(name)).toEqual(['master']);
    }
    expect(writers('other')).toEqual([]);
  });
});

describe('a function', () => {
  const start = (of: string, name: string): boolean =>
    may(of, {
      action: 'lambda:InvokeFunction',
      resource: `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${name}`,
    });

  it('is started early by the ingest functions, and by the clock', () => {
    for (const of of ['spot', 'alert', 'scheduler']) {
      expect(start(of, 'node-fleet-autoscaler')).toBe(true);
      expect(start(of, 'node-fleet-spot')).toBe(false);
    }
    expect(start('autoscaler', 'node-fleet-autoscaler')).toBe(false);
  });

  it.each(['autoscaler', 'spot'])('%s: Lambda makes its interfaces, its code may not', (of) => {
    const question = {
      action: 'ec2:CreateNetworkInterface',
      resource: ec2('network-interface/*'),
    };
    expect(may(of, question)).toBe(true);
    const context = {
      'lambda:SourceFunctionArn': `arn:aws:lambda:${REGION}:${ACCOUNT}:function:node-fleet-${of}`,
    };
    expect(may(of, { ...question, context })).toBe(false);
  });

  it('writes to its own log', () => {
    const log = (of: string, name: string): boolean =>
      may(of, {
        action: 'logs:PutLogEvents',
        resource: `arn:aws:logs:${REGION}:${ACCOUNT}:log-group:/aws/lambda/${name}:log-stream:x`,
      });
    expect(log('spot', 'node-fleet-spot')).toBe(true);
    expect(log('spot', 'node-fleet-autoscaler')).toBe(false);
  });
});

describe('a worker', () => {
  it('looks for the master and reads its token: that is all it may do', () => {
    expect(policies.get('worker')!.Statement.flatMap(({ Action }) => Action)).toEqual([
      'ec2:DescribeInstances',
      'secretsmanager:GetSecretValue',
    ]);
  });
});
