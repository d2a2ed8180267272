import {
  ConditionalCheckFailedException,
  PutItemCommand,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import {
  JOURNAL_SCHEMA,
  JournalWriter,
  type Cluster,
  type ConfiguredPolicy,
  type JournalHeader,
} from '../../engine/index.ts';
import type { Performers } from '../answer.ts';

/** Names the engine’s source that this was built from: 16 hex characters. */
declare const NODE_FLEET_ENGINE_DIGEST: string;
export const ENGINE_DIGEST = NODE_FLEET_ENGINE_DIGEST;

/** The schedule’s interval, as infra/triggers.ts has it. */
const CYCLE_SECONDS = 120;

/** What a journal of the Lambda says of itself, in the simulator’s words. */
export function journalHeader(
  cluster: Cluster,
  { policy, settings }: ConfiguredPolicy,
  shadow: ConfiguredPolicy | null = null,
): JournalHeader {
  return {
    schema: JOURNAL_SCHEMA,
    source: 'lambda',
    scenario: cluster.id,
    seed: 0,
    cycleSeconds: CYCLE_SECONDS,
    faults: [],
    cluster,
    policy: policy.name,
    settings,
    ...(shadow === null
      ? {}
      : { shadow: { policy: shadow.policy.name, settings: shadow.settings } }),
  };
}

export interface JournalFacts {
  readonly table: string;
  /** The items’ `cluster_id`. */
  readonly key: string;
  readonly days: number;
  readonly header: object;
}

/**
 * Appends records to the journal table. Every item is a whole journal of one record, header included, so that each can be
 * read alone and neighbours with one header can be joined. Keyed by when the cycle began, in ms; where two began in the
 * same one, the second takes the next.
 */
export function journalPerformer(
  client: DynamoDBClient,
  { table, key, days, header }: JournalFacts,
): Performers<'appendJournal'> {
  return {
    appendJournal: async ({ record }, signal) => {
      const writer = new JournalWriter(header);
      writer.append(record);
      const expiresAt = Math.floor(record.startedAtMs / 1000) + days * 86_400;
      for (let atMs = record.startedAtMs; ; atMs++) {
        const command = new PutItemCommand({
          TableName: table,
          Item: {
            cluster_id: { S: key },
            started_at_ms: { N: String(atMs) },
            expires_at: { N: String(expiresAt) },
            engine: { S: ENGINE_DIGEST },
            outcome: { S: record.outcome },
            journal: { B: writer.bytes },
          },
          ConditionExpression: 'attribute_not_exists(cluster_id)',
        });
        try {
          await client.send(command, { abortSignal: signal });
          return { ok: true };
        } catch (error) {
          if (!(error instanceof ConditionalCheckFailedException)) {
            throw error;
          }
        }
      }
    },
  };
}
