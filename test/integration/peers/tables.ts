import {
  CreateTableCommand,
  DynamoDBClient,
  GetItemCommand,
  QueryCommand,
  UpdateItemCommand,
  type AttributeValue,
} from '@aws-sdk/client-dynamodb';
import { stateIn } from '../../../adapters/aws/table.ts';
import type { FleetState } from '../../../engine/index.ts';

export const REGION = 'ap-southeast-1';
export const CREDENTIALS = { accessKeyId: 'testing', secretAccessKey: 'testing' };
export const CLUSTER_ID = 'node-fleet-test';
export const STATE_TABLE = 'node-fleet-cluster-state';
export const JOURNAL_TABLE = 'node-fleet-journal';

/** The two tables of infra/, in whatever speaks DynamoDB, and what tests look at and change in them. */
export class Tables {
  readonly #dynamo: DynamoDBClient;

  /** @param url of a DynamoDB */
  constructor(url: string) {
    this.#dynamo = new DynamoDBClient({ endpoint: url, region: REGION, credentials: CREDENTIALS });
  }

  async buildTables(): Promise<void> {
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
  }

  closeTables(): void {
    this.#dynamo.destroy();
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
  async remember(state: FleetState, key = CLUSTER_ID): Promise<void> {
    await this.#dynamo.send(
      new UpdateItemCommand({
        TableName: STATE_TABLE,
        Key: { cluster_id: { S: key } },
        UpdateExpression: 'SET #state = :state',
        ExpressionAttributeNames: { '#state': 'state' },
        ExpressionAttributeValues: { ':state': { S: JSON.stringify(state) } },
      }),
    );
  }

  async lock(owner: string, untilMs: number, key = CLUSTER_ID): Promise<void> {
    await this.#dynamo.send(
      new UpdateItemCommand({
        TableName: STATE_TABLE,
        Key: { cluster_id: { S: key } },
        UpdateExpression: 'SET #owner = :owner, lock_expiry = :until, holder_deadline = :until',
        ExpressionAttributeNames: { '#owner': 'owner' },
        ExpressionAttributeValues: {
          ':owner': { S: owner },
          ':until': { N: String(Math.ceil(untilMs / 1000)) },
        },
      }),
    );
  }

  async unlock(key = CLUSTER_ID): Promise<void> {
    await this.#dynamo.send(
      new UpdateItemCommand({
        TableName: STATE_TABLE,
        Key: { cluster_id: { S: key } },
        UpdateExpression: 'REMOVE #owner',
        ExpressionAttributeNames: { '#owner': 'owner' },
      }),
    );
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
  /** What the cluster remembers; throws where that is lost. */
  async state(key = CLUSTER_ID): Promise<FleetState> {
    const stored = stateIn(await this.item(key));
    if (stored.kind !== 'known') {
      throw new Error(`the state of ${key} is ${stored.kind}`);
    }
    return stored.state;
  }
}
