import { describe, expect, it, test } from 'vitest';
import { instancesOf, launchFailure, runInstancesRequest } from '../../../adapters/aws/ec2.ts';
import type { LaunchRequest } from '../../../engine/index.ts';

const facts = {
  clusterId: 'shop',
  templates: { 'on-demand': 'lt-1', spot: 'lt-2' },
  subnets: { 'ap-southeast-1a': 'subnet-a' },
};
const launch: LaunchRequest = {
  clientToken: 'a'.repeat(40),
  zone: 'ap-southeast-1a',
  market: 'spot',
  count: 3,
  templateVersion: '3/4',
  intentId: '17-n',
  birthEpoch: 17,
};

describe('what EC2 says of a launch', () => {
  it.each([
    ['InsufficientInstanceCapacity', 500, 'insufficient-capacity'],
    ['InsufficientFreeAddressesInSubnet', 400, 'insufficient-capacity'],
    ['SpotMaxPriceTooLow', 400, 'insufficient-capacity'],
    ['Unsupported', 400, 'insufficient-capacity'],
    ['VcpuLimitExceeded', 400, 'quota'],
    ['MaxSpotInstanceCountExceeded', 400, 'quota'],
    ['InstanceLimitExceeded', 400, 'quota'],
    ['IdempotentParameterMismatch', 400, 'parameter-mismatch'],
    ['IdempotentInstanceTerminated', 400, 'spent'],
    ['RequestLimitExceeded', 503, 'throttled'],
    ['UnauthorizedOperation', 403, 'invalid'],
    ['InvalidLaunchTemplateId.NotFound', 400, 'invalid'],
    ['toString', 400, 'invalid'],
  ])('%s (%i) is a definite %s', (name, httpStatusCode, reason) => {
    expect(launchFailure({ name, $metadata: { httpStatusCode } })).toEqual({
      ok: false,
      certainty: 'refused',
      reason,
    });
  });

  it.each([
    [{ name: 'InternalError', $metadata: { httpStatusCode: 500 } }, 'unavailable'],
    [{ name: 'AbortError' }, 'timeout'],
    [{ name: 'Error', code: 'ECONNRESET' }, 'unavailable'],
  ])('%o leaves open whether it happened: no other pool may be tried (S4)', (error, reason) => {
    expect(launchFailure(error)).toEqual({ ok: false, certainty: 'unknown', reason });
  });
});

test('a launch is a function of the committed attempt: token, template version of its market, subnet, tags (S5)', () => {
  expect(runInstancesRequest(launch, facts)).toEqual({
    LaunchTemplate: { LaunchTemplateId: 'lt-2', Version: '4' },
    MinCount: 1,
    MaxCount: 3,
    ClientToken: 'a'.repeat(40),
    SubnetId: 'subnet-a',
    TagSpecifications: [
      {
        ResourceType: 'instance',
        Tags: [
          { Key: 'node-fleet:cluster', Value: 'shop' },
          { Key: 'Role', Value: 'k3s-worker' },
          { Key: 'node-fleet:intent', Value: '17-n' },
          { Key: 'node-fleet:epoch', Value: '17' },
        ],
      },
    ],
  });
  const onDemand = runInstancesRequest({ ...launch, market: 'on-demand' }, facts);
  expect(onDemand?.LaunchTemplate).toEqual({ LaunchTemplateId: 'lt-1', Version: '3' });
});

test('an intent of another configuration cannot be sent', () => {
  expect(runInstancesRequest({ ...launch, zone: 'ap-southeast-1c' }, facts)).toBeNull();
  expect(runInstancesRequest({ ...launch, zone: 'toString' }, facts)).toBeNull();
  expect(runInstancesRequest({ ...launch, templateVersion: '3' }, facts)).toBeNull();
});

test('instances come sorted by id; what was stopped counts as gone; no tag is epoch 0', () => {
  const at = new Date(1_700_000_000_000);
  const instances = instancesOf(
    [
      { InstanceId: 'i-3', State: { Name: 'stopped' } },
      {
        InstanceId: 'i-1',
        State: { Name: 'running' },
        Placement: { AvailabilityZone: 'ap-southeast-1a' },
        InstanceLifecycle: 'spot',
        LaunchTime: at,
        PrivateIpAddress: '10.20.1.7',
        ClientToken: 'token',
        Tags: [{ Key: 'node-fleet:epoch', Value: '17' }],
      },
      {
        InstanceId: 'i-2',
        State: { Name: 'stopping' },
        Tags: [{ Key: 'node-fleet:epoch', Value: 'x' }],
      },
    ],
    new Set(['i-1']),
  );
  expect(instances).toEqual([
    {
      id: 'i-1',
      state: 'running',
      zone: 'ap-southeast-1a',
      market: 'spot',
      launchedAtMs: at.getTime(),
      privateIp: '10.20.1.7',
      clientToken: 'token',
      birthEpoch: 17,
      statusCheckFailed: true,
    },
    expect.objectContaining({ id: 'i-2', state: 'shutting-down', birthEpoch: 0 }),
    expect.objectContaining({ id: 'i-3', state: 'terminated', market: 'on-demand', birthEpoch: 0 }),
  ]);
});
