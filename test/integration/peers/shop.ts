import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
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
import { CLUSTER_ID, CREDENTIALS, REGION, Tables } from './tables.ts';

export const ZONES = ['ap-southeast-1a', 'ap-southeast-1b'];
export const KUBERNETES_SECRET = 'node-fleet/kubernetes-access';
export const ALERT_SECRET = 'node-fleet/alert-token';

/** What infra/ makes of the client’s AWS account, in moto. */
export class Shop extends Tables {
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
  readonly #secrets: SecretsManagerClient;
  readonly #sns: SNSClient;
  readonly #phone: Server;

  /** @param url moto’s */
  constructor(url: string) {
    super(url);
    const options = { endpoint: url, region: REGION, credentials: CREDENTIALS };
    this.awsEnvironment = {
      AWS_ENDPOINT_URL: url,
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      AWS_EC2_METADATA_DISABLED: 'true',
    };
    this.#ec2 = new EC2Client(options);
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
    await this.buildTables();
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
    for (const each of [this.#ec2, this.#secrets, this.#sns]) {
      each.destroy();
    }
    this.closeTables();
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

  async putSecret(SecretId: string, SecretString: string): Promise<void> {
    await this.#secrets.send(new PutSecretValueCommand({ SecretId, SecretString }));
  }
}
