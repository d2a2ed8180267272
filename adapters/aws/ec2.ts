import {
  DescribeInstancesCommand,
  DescribeInstanceStatusCommand,
  RunInstancesCommand,
  TerminateInstancesCommand,
  type DescribeInstanceStatusCommandOutput,
  type EC2Client,
  type Filter,
  type Instance as Ec2Instance,
  type RunInstancesCommandInput,
} from '@aws-sdk/client-ec2';
import {
  byText,
  type Failure,
  type Instance,
  type LaunchRefusal,
  type LaunchRequest,
  type Market,
} from '../../engine/index.ts';
import type { Performers } from '../answer.ts';
import { failureOf } from '../failure.ts';

/** Tags of what we launch. The first two are what permissions hang on (infra/names.ts). */
export const CLUSTER_TAG = 'node-fleet:cluster';
export const ROLE_TAG = 'Role';
export const WORKER_ROLE = 'k3s-worker';
/** Which intent launched it, and that intent’s birth epoch: what state is rebuilt from when it is lost (S6). */
export const INTENT_TAG = 'node-fleet:intent';
export const EPOCH_TAG = 'node-fleet:epoch';

const PAGE = 500;
/** DescribeInstanceStatus takes a hundred ids, a filter two hundred values. */
const STATUS_IDS_MAX = 100;
const FILTER_VALUES_MAX = 200;

/**
 * What EC2’s refusal of a launch says. The first group says that a pool has none now, whatever its HTTP status; a zone
 * without the type or without addresses is such a pool too.
 */
const REFUSALS: Readonly<Record<string, LaunchRefusal>> = {
  InsufficientInstanceCapacity: 'insufficient-capacity',
  InsufficientCapacity: 'insufficient-capacity',
  InsufficientHostCapacity: 'insufficient-capacity',
  InsufficientFreeAddressesInSubnet: 'insufficient-capacity',
  InsufficientAddressCapacity: 'insufficient-capacity',
  InsufficientVolumeCapacity: 'insufficient-capacity',
  SpotMaxPriceTooLow: 'insufficient-capacity',
  UnfulfillableCapacity: 'insufficient-capacity',
  Unsupported: 'insufficient-capacity',
  InstanceLimitExceeded: 'quota',
  VcpuLimitExceeded: 'quota',
  MaxSpotInstanceCountExceeded: 'quota',
  NetworkInterfaceLimitExceeded: 'quota',
  VolumeLimitExceeded: 'quota',
  MaxIOPSLimitExceeded: 'quota',
  ResourceCountLimitExceeded: 'quota',
  ResourceCountExceeded: 'quota',
  IdempotentParameterMismatch: 'parameter-mismatch',
  IdempotentInstanceTerminated: 'spent',
};

/** A refusal in the engine’s words. Only a definite one lets another pool be tried (S4). */
export function launchFailure(error: unknown): Failure<LaunchRefusal | FailureReason> {
  const { name = '', $metadata } = (error ?? {}) as {
    name?: string;
    $metadata?: { httpStatusCode?: number };
  };
  const known = Object.hasOwn(REFUSALS, name) ? REFUSALS[name] : undefined;
  if (known !== undefined) {
    return { ok: false, certainty: 'refused', reason: known };
  }
  const failure = failureOf(error);
  const status = $metadata?.httpStatusCode ?? 0;
  // Any other fault found with the request, a permission included: it would be found in every pool.
  return failure.reason === 'unavailable' && status >= 400 && status < 500
    ? { ok: false, certainty: 'refused', reason: 'invalid' }
    : failure;
}
type FailureReason = ReturnType<typeof failureOf>['reason'];

export interface Ec2Facts {
  readonly clusterId: string;
  /** Launch template ids. */
  readonly templates: Readonly<Record<Market, string>>;
  /** Subnet ids by zone. */
  readonly subnets: Readonly<Record<string, string>>;
}

type Kind = 'listInstances' | 'describeInstances' | 'launchInstances' | 'terminateInstance';

/**
 * The effects that are EC2’s.
 * @param reading may repeat a call, for it changes nothing
 * @param writing must not (S7)
 */
export function ec2Performers(
  reading: EC2Client,
  writing: EC2Client,
  facts: Ec2Facts,
): Performers<Kind> {
  return {
    listInstances: async (_effect, signal) => {
      const found = await describe(reading, ourWorkers(facts.clusterId), signal);
      const failed = await failedChecks(reading, running(found), signal);
      return { ok: true, instances: instancesOf(found, failed) };
    },

    describeInstances: async ({ ids }, signal) => {
      const found: Ec2Instance[] = [];
      // By filter, not by id: an id that EC2 does not know would fail the whole call.
      for (let n = 0; n < ids.length; n += FILTER_VALUES_MAX) {
        const some = ids.slice(n, n + FILTER_VALUES_MAX);
        found.push(...(await describe(reading, [{ Name: 'instance-id', Values: some }], signal)));
      }
      const foreign = found.filter((each) => !carriesOurTags(each, facts.clusterId));
      return {
        ok: true,
        instances: instancesOf(found, new Set()),
        foreign: foreign.flatMap(({ InstanceId }) => InstanceId ?? []).sort(),
      };
    },

    launchInstances: async ({ launch }, signal) => {
      const request = runInstancesRequest(launch, facts);
      if (request === null) {
        return { ok: false, certainty: 'refused', reason: 'invalid' };
      }
      try {
        const answer = await writing.send(new RunInstancesCommand(request), {
          abortSignal: signal,
        });
        const ids = (answer.Instances ?? []).flatMap(({ InstanceId }) => InstanceId ?? []);
        return { ok: true, instanceIds: ids.sort() };
      } catch (error) {
        const failure = launchFailure(error);
        if (failure.reason === 'timeout' || failure.reason === 'unavailable') {
          throw error;
        }
        return failure;
      }
    },

    terminateInstance: async ({ instanceId }, signal) => {
      // Only what carries our tags: permissions say so too, and this says so where they were written too widely.
      const filters = [
        ...ourWorkers(facts.clusterId),
        { Name: 'instance-id', Values: [instanceId] },
      ];
      if ((await describe(reading, filters, signal)).length === 0) {
        return { ok: false, certainty: 'refused', reason: 'not-found' };
      }
      try {
        const command = new TerminateInstancesCommand({ InstanceIds: [instanceId] });
        await writing.send(command, { abortSignal: signal });
        return { ok: true };
      } catch (error) {
        if ((error as { name?: string }).name === 'InvalidInstanceID.NotFound') {
          return { ok: false, certainty: 'refused', reason: 'not-found' };
        }
        throw error;
      }
    },
  };
}

/** What makes an instance a worker of ours. */
function workerTags(clusterId: string): { readonly Key: string; readonly Value: string }[] {
  return [
    { Key: CLUSTER_TAG, Value: clusterId },
    { Key: ROLE_TAG, Value: WORKER_ROLE },
  ];
}

/** Instances that carry our worker tags. */
function ourWorkers(clusterId: string): Filter[] {
  return workerTags(clusterId).map(({ Key, Value }) => ({ Name: `tag:${Key}`, Values: [Value] }));
}

/** Whether it carries them, as far as EC2 has just shown it. */
function carriesOurTags({ Tags = [] }: Ec2Instance, clusterId: string): boolean {
  return workerTags(clusterId).every((ours) =>
    Tags.some(({ Key, Value }) => Key === ours.Key && Value === ours.Value),
  );
}

/** Whether an instance is one of our workers, by its tags. */
export async function isOurWorker(
  client: EC2Client,
  clusterId: string,
  instanceId: string,
  signal: AbortSignal,
): Promise<boolean> {
  const filters = [...ourWorkers(clusterId), { Name: 'instance-id', Values: [instanceId] }];
  return (await describe(client, filters, signal)).length > 0;
}

/**
 * A launch as EC2 is asked for it: a pure function of the committed attempt and of what stands in the configuration (S5).
 * Null: an intent of another configuration, with a zone or a template version that this one does not know.
 */
export function runInstancesRequest(
  launch: LaunchRequest,
  { clusterId, templates, subnets }: Ec2Facts,
): RunInstancesCommandInput | null {
  const [onDemand, spot] = launch.templateVersion.split('/');
  const version = launch.market === 'spot' ? spot : onDemand;
  const subnet = Object.hasOwn(subnets, launch.zone) ? subnets[launch.zone] : undefined;
  if (version === undefined || subnet === undefined) {
    return null;
  }
  return {
    LaunchTemplate: { LaunchTemplateId: templates[launch.market], Version: version },
    MinCount: 1,
    MaxCount: launch.count,
    ClientToken: launch.clientToken,
    SubnetId: subnet,
    TagSpecifications: [
      {
        ResourceType: 'instance',
        Tags: [
          ...workerTags(clusterId),
          { Key: INTENT_TAG, Value: launch.intentId },
          { Key: EPOCH_TAG, Value: String(launch.birthEpoch) },
        ],
      },
    ],
  };
}

async function describe(
  client: EC2Client,
  filters: Filter[],
  signal: AbortSignal,
): Promise<Ec2Instance[]> {
  const found: Ec2Instance[] = [];
  let next: string | undefined;
  do {
    const answer = await client.send(
      new DescribeInstancesCommand({ Filters: filters, MaxResults: PAGE, NextToken: next }),
      { abortSignal: signal },
    );
    for (const { Instances = [] } of answer.Reservations ?? []) {
      found.push(...Instances);
    }
    next = answer.NextToken === '' ? undefined : answer.NextToken;
  } while (next !== undefined);
  return found;
}

function running(found: readonly Ec2Instance[]): string[] {
  return found.flatMap(({ InstanceId, State }) =>
    State?.Name === 'running' && InstanceId !== undefined ? [InstanceId] : [],
  );
}

/**
 * Instances that fail a status check. What could not be asked is not among them: a failed check only ever gives an instance
 * up (S17), and one that has gone since it was listed fails the whole call.
 */
async function failedChecks(
  client: EC2Client,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const failed = new Set<string>();
  for (let n = 0; n < ids.length; n += STATUS_IDS_MAX) {
    let answer: DescribeInstanceStatusCommandOutput;
    try {
      answer = await client.send(
        new DescribeInstanceStatusCommand({ InstanceIds: ids.slice(n, n + STATUS_IDS_MAX) }),
        { abortSignal: signal },
      );
    } catch {
      continue;
    }
    for (const { InstanceId, SystemStatus, InstanceStatus } of answer.InstanceStatuses ?? []) {
      const impaired = SystemStatus?.Status === 'impaired' || InstanceStatus?.Status === 'impaired';
      if (InstanceId !== undefined && impaired) {
        failed.add(InstanceId);
      }
    }
  }
  return failed;
}

/** EC2’s states in the engine’s. Nothing of ours is ever stopped: what is counts as gone. */
const STATES: Readonly<Record<string, Instance['state']>> = {
  pending: 'pending',
  running: 'running',
  'shutting-down': 'shutting-down',
  stopping: 'shutting-down',
  stopped: 'terminated',
  terminated: 'terminated',
};

/** Instances as the engine sees them, sorted by id. */
export function instancesOf(
  found: readonly Ec2Instance[],
  failed: ReadonlySet<string>,
): Instance[] {
  return found
    .map((each): Instance => {
      const id = each.InstanceId ?? '';
      const epoch = Number(each.Tags?.find(({ Key }) => Key === EPOCH_TAG)?.Value ?? 0);
      return {
        id,
        state: STATES[each.State?.Name ?? ''] ?? 'pending',
        zone: each.Placement?.AvailabilityZone ?? '',
        market: each.InstanceLifecycle === 'spot' ? 'spot' : 'on-demand',
        launchedAtMs: each.LaunchTime?.getTime() ?? 0,
        privateIp: each.PrivateIpAddress ?? null,
        clientToken: each.ClientToken ?? null,
        birthEpoch: Number.isSafeInteger(epoch) ? epoch : 0,
        statusCheckFailed: failed.has(id),
      };
    })
    .sort((a, b) => byText(a.id, b.id));
}
