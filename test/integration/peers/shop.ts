import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  CreateTableCommand,
  DynamoDBClient,
  GetItemCommand,
  QueryCommand,
  UpdateItemCommand,
  type AttributeValue,
} from '@aws-sdk/client-dynamodb';
import {
  CreateLaunchTemplateCommand,
  DescribeImagesCommand,
  DescribeInstancesCommand,
  DescribeSubnetsCommand,
  EC2Client,
  RunInstancesCommand,
  type Instance,
} from '@aws-sdk/client-ec2';
import {
  CreateSecretCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { CreateTopicCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import { CLUSTER_TAG, ROLE_TAG, WORKER_ROLE } from '../../../adapters/aws/ec2.ts';
import type { FleetState } from '../../../engine/index.ts';

export const REGION = 'ap-southeast-1';
export const ZONES = ['ap-southeast-1a', 'ap-southeast-1b'];
export const CLUSTER_ID = 'node-fleet-test';
export const KUBERNETES_SECRET = 'node-fleet/kubernetes-access';
export const ALERT_SECRET = 'node-fleet/alert-token';
export const STATE_TABLE = 'node-fleet-cluster-state';
export const JOURNAL_TABLE = 'node-fleet-journal';

/** What infra/ makes of the client’s AWS account, in moto. */
export class Shop {
  readonly awsEnvironment: Readonly<Record<string, string>>;
  /** Messages that reached people, as SNS delivered them. */
  readonly messages: { readonly Subject?: string; readonly Message?: string }[] = [];
  /** What Lambda was asked to invoke: moto would want Docker for that, so this server hears it instead. */
  readonly invoked: { readonly path: string; readonly type: string; readonly event: unknown }[] =
    [];
  lambdaUrl = '';
  templates: Record<string, string> = {};
  subnets: Record<string, string> = {};
  topic = '';
  imageId = '';
  readonly #ec2: EC2Client;
  readonly #dynamo: DynamoDBClient;
  readonly #secrets: SecretsManagerClient;
  readonly #sns: SNSClient;
  readonly #phone: Server;

  /** @param url moto’s */
  constructor(url: string) {
    const credentials = { accessKeyId: 'testing', secretAccessKey: 'testing' };
    const options = { endpoint: url, region: REGION, credentials };
    this.awsEnvironment = {
      AWS_ENDPOINT_URL: url,
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_EC2_METADATA_DISABLED: 'true',
    };
    this.#ec2 = new EC2Client(options);
    this.#dynamo = new DynamoDBClient(options);
    this.#secrets = new SecretsManagerClient(options);
    this.#sns = new SNSClient(options);
    this.#phone = createServer((request, reply) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString('utf8')));
      request.on('end', () => {
        const { url: path = '', headers } = request;
        if (path.endsWith('/invocations')) {
          const type = String(headers['x-amz-invocation-type']);
          this.invoked.push({ path, type, event: JSON.parse(body) });
          reply.statusCode = 202;
        } else {
          this.messages.push(JSON.parse(body) as Shop['messages'][number]);
        }
        reply.end();
      });
    });
  }

  async build(kubernetesAccess: object, alertToken: string): Promise<void> {
    const { Images = [] } = await this.#ec2.send(new DescribeImagesCommand({}));
    this.imageId = Images[0].ImageId!;
    for (const market of ['on-demand', 'spot']) {
      const { LaunchTemplate } = await this.#ec2.send(
        new CreateLaunchTemplateCommand({
          LaunchTemplateName: `worker-${market}`,
          LaunchTemplateData: { ImageId: this.imageId, InstanceType: 't3.medium' },
        }),
      );
      this.templates[market] = LaunchTemplate!.LaunchTemplateId!;
    }
    const { Subnets = [] } = await this.#ec2.send(new DescribeSubnetsCommand({}));
    for (const zone of ZONES) {
      this.subnets[zone] = Subnets.find((each) => each.AvailabilityZone === zone)!.SubnetId!;
    }
    await this.#dynamo.send(
      new CreateTableCommand({
        TableName: STATE_TABLE,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'cluster_id', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'cluster_id', KeyType: 'HASH' }],
      }),
    );
    await this.#dynamo.send(
      new CreateTableCommand({
        TableName: JOURNAL_TABLE,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [
          { AttributeName: 'cluster_id', AttributeType: 'S' },
          { AttributeName: 'started_at_ms', AttributeType: 'N' },
        ],
        KeySchema: [
          { AttributeName: 'cluster_id', KeyType: 'HASH' },
          { AttributeName: 'started_at_ms', KeyType: 'RANGE' },
        ],
      }),
    );
    for (const [Name, SecretString] of [
      [KUBERNETES_SECRET, JSON.stringify(kubernetesAccess)],
      [ALERT_SECRET, alertToken],
    ]) {
      await this.#secrets.send(new CreateSecretCommand({ Name, SecretString }));
    }
    const { TopicArn } = await this.#sns.send(new CreateTopicCommand({ Name: 'alarms' }));
    this.topic = TopicArn!;
    await new Promise<void>((resolve) => this.#phone.listen(0, '127.0.0.1', resolve));
    const { port } = this.#phone.address() as AddressInfo;
    this.lambdaUrl = `http://127.0.0.1:${String(port)}`;
    const Endpoint = `http://127.0.0.1:${String(port)}/`;
    await this.#sns.send(
      new SubscribeCommand({ TopicArn: this.topic, Protocol: 'http', Endpoint }),
    );
  }

  async stop(): Promise<void> {
    for (const each of [this.#ec2, this.#dynamo, this.#secrets, this.#sns]) {
      each.destroy();
    }
    this.#phone.closeAllConnections();
    await new Promise((resolve) => this.#phone.close(resolve));
  }

  /** A worker that someone launched before, with tags as ours or as told. */
  async launch(zone: string, tags: Readonly<Record<string, string>> = {}): Promise<string> {
    const all = { [CLUSTER_TAG]: CLUSTER_ID, [ROLE_TAG]: WORKER_ROLE, ...tags };
    const { Instances = [] } = await this.#ec2.send(
      new RunInstancesCommand({
        ImageId: this.imageId,
        MinCount: 1,
        MaxCount: 1,
        SubnetId: this.subnets[zone],
        TagSpecifications: [
          {
            ResourceType: 'instance',
            Tags: Object.entries(all).map(([Key, Value]) => ({ Key, Value })),
          },
        ],
      }),
    );
    return Instances[0].InstanceId!;
  }

  async instances(): Promise<readonly Instance[]> {
    const { Reservations = [] } = await this.#ec2.send(new DescribeInstancesCommand({}));
    return Reservations.flatMap(({ Instances = [] }) => Instances);
  }

  async running(): Promise<readonly Instance[]> {
    return (await this.instances()).filter(({ State }) => State?.Name === 'running');
  }

  async item(key: string): Promise<Record<string, AttributeValue>> {
    const command = new GetItemCommand({
      TableName: STATE_TABLE,
      Key: { cluster_id: { S: key } },
      ConsistentRead: true,
    });
    return (await this.#dynamo.send(command)).Item ?? {};
  }

  /** Changes what the cluster remembers, as time or an earlier cycle would. */
  async remember(state: FleetState): Promise<void> {
    await this.#dynamo.send(
      new UpdateItemCommand({
        TableName: STATE_TABLE,
        Key: { cluster_id: { S: CLUSTER_ID } },
        UpdateExpression: 'SET #state = :state',
        ExpressionAttributeNames: { '#state': 'state' },
        ExpressionAttributeValues: { ':state': { S: JSON.stringify(state) } },
      }),
    );
  }

  async lock(owner: string, untilMs: number): Promise<void> {
    await this.#dynamo.send(
      new UpdateItemCommand({
        TableName: STATE_TABLE,
        Key: { cluster_id: { S: CLUSTER_ID } },
        UpdateExpression: 'SET #owner = :owner, lock_expiry = :until, holder_deadline = :until',
        ExpressionAttributeNames: { '#owner': 'owner' },
        ExpressionAttributeValues: {
          ':owner': { S: owner },
          ':until': { N: String(Math.ceil(untilMs / 1000)) },
        },
      }),
    );
  }

  async unlock(): Promise<void> {
    await this.#dynamo.send(
      new UpdateItemCommand({
        TableName: STATE_TABLE,
        Key: { cluster_id: { S: CLUSTER_ID } },
        UpdateExpression: 'REMOVE #owner',
        ExpressionAttributeNames: { '#owner': 'owner' },
      }),
    );
  }

  async putSecret(SecretId: string, SecretString: string): Promise<void> {
    await this.#secrets.send(new PutSecretValueCommand({ SecretId, SecretString }));
  }

  async journal(key: string): Promise<readonly Record<string, AttributeValue>[]> {
    const { Items = [] } = await this.#dynamo.send(
      new QueryCommand({
        TableName: JOURNAL_TABLE,
        KeyConditionExpression: 'cluster_id = :key',
        ExpressionAttributeValues: { ':key': { S: key } },
      }),
    );
    return Items;
  }
}
