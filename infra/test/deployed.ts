import { tmpdir } from 'node:os';
import * as pulumi from '@pulumi/pulumi';
import { vi } from 'vitest';

export const ACCOUNT = '123456789012';
export const REGION = 'ap-southeast-1';

/** A resource as the program asked for it. */
export interface Asked {
  /** Such as `aws:ec2/instance:Instance`. */
  readonly type: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
}

/** What a program made, with nothing made. */
export interface Deployed {
  readonly asked: readonly Asked[];
  readonly outputs: Readonly<Record<string, unknown>>;
  /** All resources of a kind: the type's last word, such as `LaunchTemplate`. */
  all(kind: string): readonly Asked[];
  /** The one resource of a kind and a logical name. */
  one(kind: string, name: string): Asked;
}

function slug(type: string): string {
  return type.split(':').at(-1)!;
}

/** The identity that AWS would give: an ARN where policies name one, and what else the program reads back. */
function answers(kind: string, name: string, inputs: Record<string, unknown>): object {
  const called = typeof inputs['name'] === 'string' ? inputs['name'] : name;
  const arn = (service: string, resource: string): object => ({
    arn: `arn:aws:${service}:${REGION}:${ACCOUNT}:${resource}`,
  });
  switch (kind) {
    case 'Function':
      return arn('lambda', `function:${called}`);
    case 'LogGroup':
      return arn('logs', `log-group:${called}`);
    case 'Table':
      return arn('dynamodb', `table/${called}`);
    case 'Secret':
      return arn('secretsmanager', `secret:${called}-AbCdEf`);
    case 'Parameter':
      return arn('ssm', `parameter${called}`);
    case 'Topic':
      return arn('sns', called);
    case 'EventRule':
      return arn('events', `rule/${called}`);
    case 'Role':
      return { arn: `arn:aws:iam::${ACCOUNT}:role/${called}` };
    case 'InstanceProfile':
      return { arn: `arn:aws:iam::${ACCOUNT}:instance-profile/${called}` };
    case 'LaunchTemplate':
      return {
        ...arn('ec2', `launch-template/lt-${name}`),
        latestVersion: name.endsWith('spot') ? 4 : 3,
      };
    case 'Subnet':
      return arn('ec2', `subnet/subnet-${name}`);
    case 'SecurityGroup':
      return arn('ec2', `security-group/sg-${name}`);
    case 'FunctionUrl':
      return { functionUrl: 'https://abc.lambda-url.example/' };
    default:
      return {};
  }
}

const IDS: Readonly<Record<string, string>> = {
  Subnet: 'subnet',
  SecurityGroup: 'sg',
  LaunchTemplate: 'lt',
  Instance: 'i',
};

/** The configuration that a test does not care about. */
export function configured(
  overrides: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return { 'aws:region': REGION, ...overrides };
}

/** Runs index.ts against Pulumi's mocks: no CLI, no cloud, and its own modules each time. */
export async function deploy(overrides: Readonly<Record<string, string>> = {}): Promise<Deployed> {
  const asked: Asked[] = [];
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => {
        const kind = slug(type);
        asked.push({ type, name, inputs });
        const id = `${IDS[kind] ?? 'id'}-${name}`;
        return { id, state: { ...inputs, ...answers(kind, name, inputs) } };
      },
      call: ({ token, inputs }) => {
        switch (token) {
          case 'aws:index/getCallerIdentity:getCallerIdentity':
            return { accountId: ACCOUNT };
          case 'aws:ssm/getParameter:getParameter':
            return { insecureValue: `ami-of${inputs['name'].replaceAll('/', '-')}` };
          case 'aws:ec2/getAmi:getAmi':
            return { rootDeviceName: '/dev/xvda' };
          default:
            throw new Error(`no mock for ${token}`);
        }
      },
    },
    'node-fleet',
    'prod',
    false,
  );
  pulumi.runtime.setAllConfig(
    configured({
      // Nothing is packed: any folder will do.
      'node-fleet:bundle': tmpdir(),
      ...overrides,
    }),
  );
  vi.resetModules();
  const exported = (await import('../index.ts')) as Record<string, pulumi.Input<unknown>>;
  await pulumi.runtime.disconnect();
  const outputs = await new Promise<Record<string, unknown>>((resolve) => {
    pulumi.output({ ...exported }).apply((values) => {
      resolve(values as Record<string, unknown>);
    });
  });
  const all = (kind: string): readonly Asked[] => asked.filter(({ type }) => slug(type) === kind);
  const one = (kind: string, name: string): Asked => {
    const found = all(kind).filter((each) => each.name === name);
    if (found.length !== 1) {
      const names = all(kind).map((each) => each.name);
      throw new Error(`${found.length} of ${kind} ${name}; there are ${names.join(', ')}`);
    }
    return found[0]!;
  };
  return { asked, outputs, all, one };
}
