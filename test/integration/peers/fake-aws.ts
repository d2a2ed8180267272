import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CLUSTER_TAG, EPOCH_TAG, ROLE_TAG, WORKER_ROLE } from '../../../adapters/aws/ec2.ts';
import type { Instance, LaunchRefusal, Market } from '../../../engine/index.ts';
import { ZONES } from './shop.ts';
import { CREDENTIALS, REGION } from './tables.ts';

/** A launch as EC2 reads it from the request. */
export interface Launch {
  readonly clientToken: string;
  readonly zone: string;
  readonly market: Market;
  readonly count: number;
  readonly birthEpoch: number;
}

/** What stands behind the API: a fleet of its own, or a simulated world. */
export interface Fleet {
  list(): readonly Instance[];
  /** Idempotent by token, as EC2 is. */
  launch(launch: Launch): readonly string[] | LaunchRefusal;
  /** False: no such instance. */
  terminate(id: string): boolean;
}

/** EC2’s words for its refusals. */
const REFUSALS: Readonly<Record<LaunchRefusal, string>> = {
  'insufficient-capacity': 'InsufficientInstanceCapacity',
  quota: 'VcpuLimitExceeded',
  'parameter-mismatch': 'IdempotentParameterMismatch',
  spent: 'IdempotentInstanceTerminated',
  invalid: 'InvalidParameterValue',
};

export const TEMPLATES = { 'on-demand': 'lt-ondemand', spot: 'lt-spot' } as const;
export const SUBNETS: Readonly<Record<string, string>> = Object.fromEntries(
  ZONES.map((zone) => [zone, `subnet-${zone}`]),
);

/**
 * AWS as far as the bundle needs it beside DynamoDB: EC2 with idempotent launches, which moto lacks; one secret; and SNS.
 * Everything is answered from memory, by one server for however many clusters and processes.
 */
export class FakeAws {
  /** A list is given in pages of at most this many. */
  pageMax = 1_000;
  /** Of the secret, whichever is asked for. */
  secret = '';
  /** Subjects of what was published. */
  readonly published: string[] = [];
  /** Actions, in the order in which they came. */
  readonly calls: string[] = [];
  /** By cluster. */
  readonly fleets = new Map<string, Fleet>();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, reply) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { status, body } = this.#answer(request, Buffer.concat(chunks).toString('utf8'));
        reply.writeHead(status, {
          'content-type': body.startsWith('{') ? 'application/x-amz-json-1.1' : 'text/xml',
        });
        reply.end(body);
      });
    });
  }

  static async start(): Promise<FakeAws> {
    const fake = new FakeAws();
    await new Promise<void>((resolve) => fake.#server.listen(0, '127.0.0.1', resolve));
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** What a sandbox must know to come here, and to DynamoDB there. */
  environment(dynamoUrl: string): Record<string, string> {
    return {
      AWS_ENDPOINT_URL: this.url,
      AWS_ENDPOINT_URL_DYNAMODB: dynamoUrl,
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      AWS_EC2_METADATA_DISABLED: 'true',
      NODE_FLEET_TEMPLATES: JSON.stringify(TEMPLATES),
      NODE_FLEET_SUBNETS: JSON.stringify(SUBNETS),
      NODE_FLEET_ALARM_TOPIC: `arn:aws:sns:${REGION}:123456789012:alarms`,
    };
  }

  #answer(request: IncomingMessage, text: string): { status: number; body: string } {
    const target = String(request.headers['x-amz-target'] ?? '');
    if (target.endsWith('GetSecretValue')) {
      return { status: 200, body: JSON.stringify({ SecretString: this.secret }) };
    }
    const asked = new URLSearchParams(text);
    const action = asked.get('Action') ?? '';
    this.calls.push(action);
    const fleet = this.fleets.get(clusterOf(asked)) ?? EMPTY;
    switch (action) {
      case 'Publish':
        this.published.push(asked.get('Subject') ?? '');
        return done(action, '<PublishResult><MessageId>1</MessageId></PublishResult>');
      case 'DescribeInstances': {
        const ids = filterOf(asked, 'instance-id');
        const found = [...this.fleets]
          .filter(([clusterId]) => ['', clusterId].includes(clusterOf(asked)))
          .flatMap(([clusterId, each]) => each.list().map((one) => ({ ...one, clusterId })))
          .filter(({ id }) => ids === null || ids.includes(id));
        const from = Number(asked.get('NextToken') ?? 0);
        const to = from + Math.min(this.pageMax, Number(asked.get('MaxResults') ?? 1_000));
        const items = found
          .slice(from, to)
          .map(
            (each) =>
              `<item><instancesSet>${instanceXml(each, each.clusterId)}</instancesSet></item>`,
          );
        const next = to < found.length ? `<nextToken>${String(to)}</nextToken>` : '';
        return done(action, `<reservationSet>${items.join('')}</reservationSet>${next}`);
      }
      case 'DescribeInstanceStatus': {
        const failed = [...this.fleets.values()]
          .flatMap((each) => each.list())
          .filter(
            ({ id, statusCheckFailed }) =>
              statusCheckFailed && values(asked, 'InstanceId').includes(id),
          )
          .map(
            ({ id }) =>
              `<item><instanceId>${id}</instanceId><systemStatus><status>impaired</status></systemStatus></item>`,
          );
        return done(action, `<instanceStatusSet>${failed.join('')}</instanceStatusSet>`);
      }
      case 'RunInstances':
        return this.#run(asked, fleet);
      case 'TerminateInstances': {
        const [id] = values(asked, 'InstanceId');
        return [...this.fleets.values()].some((each) => each.terminate(id))
          ? done(action, '<instancesSet/>')
          : refused('InvalidInstanceID.NotFound');
      }
      default:
        return refused('InvalidAction');
    }
  }

  #run(asked: URLSearchParams, fleet: Fleet): { status: number; body: string } {
    const zone = Object.keys(SUBNETS).find((each) => SUBNETS[each] === asked.get('SubnetId'));
    const answer = fleet.launch({
      clientToken: asked.get('ClientToken') ?? '',
      zone: zone ?? '',
      market:
        asked.get('LaunchTemplate.LaunchTemplateId') === TEMPLATES.spot ? 'spot' : 'on-demand',
      count: Number(asked.get('MaxCount')),
      birthEpoch: Number(tagOf(asked, EPOCH_TAG)),
    });
    if (typeof answer === 'string') {
      return refused(REFUSALS[answer]);
    }
    const known = new Map(fleet.list().map((each) => [each.id, each]));
    const items = answer.map((id) => {
      const instance = known.get(id);
      return instance === undefined
        ? `<item><instanceId>${id}</instanceId></item>`
        : instanceXml(instance, clusterOf(asked));
    });
    return done('RunInstances', `<instancesSet>${items.join('')}</instancesSet>`);
  }
}

const EMPTY: Fleet = { list: () => [], launch: () => 'invalid', terminate: () => false };

function done(action: string, body: string): { status: number; body: string } {
  return { status: 200, body: `<${action}Response>${body}</${action}Response>` };
}

function refused(code: string): { status: number; body: string } {
  const error = `<Error><Code>${code}</Code><Message>${code}</Message></Error>`;
  return { status: 400, body: `<Response><Errors>${error}</Errors></Response>` };
}

/** A list of EC2’s query protocol: `NAME.1`, `NAME.2`, … */
function values(asked: URLSearchParams, name: string): string[] {
  const found: string[] = [];
  for (let n = 1; asked.has(`${name}.${String(n)}`); n++) {
    found.push(asked.get(`${name}.${String(n)}`)!);
  }
  return found;
}

function filterOf(asked: URLSearchParams, name: string): string[] | null {
  for (let n = 1; asked.has(`Filter.${String(n)}.Name`); n++) {
    if (asked.get(`Filter.${String(n)}.Name`) === name) {
      return values(asked, `Filter.${String(n)}.Value`);
    }
  }
  return null;
}

function tagOf(asked: URLSearchParams, key: string): string | null {
  for (let n = 1; asked.has(`TagSpecification.1.Tag.${String(n)}.Key`); n++) {
    if (asked.get(`TagSpecification.1.Tag.${String(n)}.Key`) === key) {
      return asked.get(`TagSpecification.1.Tag.${String(n)}.Value`);
    }
  }
  return null;
}

/** Which cluster’s instances a call is about: by its filter, or by the tags that it gives. */
function clusterOf(asked: URLSearchParams): string {
  return filterOf(asked, `tag:${CLUSTER_TAG}`)?.[0] ?? tagOf(asked, CLUSTER_TAG) ?? '';
}

function instanceXml(instance: Instance, clusterId: string): string {
  const { id, state, zone, market, launchedAtMs, clientToken, birthEpoch } = instance;
  const tags = [
    [CLUSTER_TAG, clusterId],
    [ROLE_TAG, WORKER_ROLE],
    ...(birthEpoch === 0 ? [] : [[EPOCH_TAG, String(birthEpoch)]]),
  ];
  const tagSet = tags.map(
    ([key, value]) => `<item><key>${key}</key><value>${value}</value></item>`,
  );
  return [
    `<item><instanceId>${id}</instanceId>`,
    `<instanceState><name>${state}</name></instanceState>`,
    `<launchTime>${new Date(launchedAtMs).toISOString()}</launchTime>`,
    `<placement><availabilityZone>${zone}</availabilityZone></placement>`,
    market === 'spot' ? '<instanceLifecycle>spot</instanceLifecycle>' : '',
    clientToken === null ? '' : `<clientToken>${clientToken}</clientToken>`,
    `<tagSet>${tagSet.join('')}</tagSet></item>`,
  ].join('');
}

/** A fleet in memory. What it launches runs at once. */
export class FleetInMemory implements Fleet {
  readonly instances: Instance[] = [];
  /** Pools that have nothing, as `zone/market`. */
  readonly short = new Set<string>();
  readonly #tokens = new Map<
    string,
    { readonly request: string; readonly ids: readonly string[] }
  >();
  readonly #prefix: string;

  /** @param prefix of its instances’ ids: hexadecimal */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  list(): readonly Instance[] {
    return this.instances;
  }

  launch(launch: Launch): readonly string[] | LaunchRefusal {
    const request = JSON.stringify(launch);
    const earlier = this.#tokens.get(launch.clientToken);
    if (earlier !== undefined) {
      if (earlier.request !== request) {
        return 'parameter-mismatch';
      }
      const left = this.instances.filter(
        ({ id, state }) => earlier.ids.includes(id) && state === 'running',
      );
      return left.length === 0 ? 'spent' : earlier.ids;
    }
    if (this.short.has(`${launch.zone}/${launch.market}`)) {
      return 'insufficient-capacity';
    }
    const ids = Array.from({ length: launch.count }, () => this.add(launch));
    this.#tokens.set(launch.clientToken, { request, ids });
    return ids;
  }

  /** One more, launched by us or, without a token, by someone else. */
  add({
    zone,
    market = 'on-demand',
    clientToken = null,
    birthEpoch = 0,
  }: Partial<Omit<Launch, 'clientToken'>> & { zone: string; clientToken?: string | null }): string {
    const serial = this.instances.length.toString(16).padStart(12, '0');
    const id = `i-${this.#prefix}${serial}`;
    this.instances.push({
      id,
      state: 'running',
      zone,
      market,
      launchedAtMs: Math.floor(Date.now() / 1000) * 1000,
      privateIp: null,
      clientToken,
      birthEpoch,
      statusCheckFailed: false,
    });
    return id;
  }

  terminate(id: string): boolean {
    const n = this.instances.findIndex((each) => each.id === id);
    if (n >= 0) {
      this.instances[n] = { ...this.instances[n], state: 'terminated' };
    }
    return n >= 0;
  }
}
