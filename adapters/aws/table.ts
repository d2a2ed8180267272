import {
  ConditionalCheckFailedException,
  GetItemCommand,
  UpdateItemCommand,
  type AttributeValue,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import {
  decodeState,
  type DecodedState,
  type DoomedMark,
  type Hold,
  type Inbox,
  type LockItem,
} from '../../engine/index.ts';
import type { Performers } from '../answer.ts';

/**
 * The table’s items, by `cluster_id`. The cluster’s own has the brief’s `node_count`, `scaling_in_progress` and
 * `lock_expiry` (seconds since 1970), and beside them `owner`, `epoch`, `holder_deadline` (seconds) and `state` (JSON). The
 * inbox, `ID#inbox`, has `kicked_at_ms`, an operator’s `hold` (`min`, `until_ms`) and one attribute `doomed#INSTANCE` for each mark, so that writers of different
 * marks never meet. `ID#policy` keeps the last good policy `document`, and `ID#shadow`
 * what a shadow `policy` has in its `memory`.
 */
type Item = Record<string, AttributeValue>;

const MARK_PREFIX = 'doomed#';

type Kind = 'acquireLock' | 'readLock' | 'commitState' | 'releaseLock' | 'readInbox' | 'clearInbox';

export interface TableFacts {
  readonly table: string;
  /** The item with lock and state; observe mode has one of its own. */
  readonly stateKey: string;
  readonly inboxKey: string;
}

const LOCK_LOST = { ok: false, certainty: 'refused', reason: 'lock-lost' } as const;
const NAMES = { '#owner': 'owner', '#epoch': 'epoch' };

/** The effects that are the table’s: each one conditional write, or one consistent read. */
export function tablePerformers(
  client: DynamoDBClient,
  { table, stateKey, inboxKey }: TableFacts,
): Performers<Kind> {
  const ours = (owner: string, epoch: number) => ({
    ConditionExpression: '#owner = :owner AND #epoch = :epoch',
    values: { ':owner': { S: owner }, ':epoch': number(epoch) },
  });

  return {
    acquireLock: async (effect, signal) => {
      const { owner, epoch, nowMs, lockExpiryAtMs, holderDeadlineAtMs } = effect;
      const command = new UpdateItemCommand({
        TableName: table,
        Key: key(stateKey),
        UpdateExpression:
          'SET #owner = :owner, #epoch = :epoch, lock_expiry = :expiry, holder_deadline = :deadline',
        ConditionExpression:
          '(attribute_not_exists(#owner) OR lock_expiry < :now OR holder_deadline < :now) AND ' +
          '(attribute_not_exists(#epoch) OR #epoch < :epoch)',
        ExpressionAttributeNames: NAMES,
        ExpressionAttributeValues: {
          ':owner': { S: owner },
          ':epoch': number(epoch),
          ':now': number(nowMs / 1000),
          ':expiry': seconds(lockExpiryAtMs),
          ':deadline': seconds(holderDeadlineAtMs),
        },
        ReturnValues: 'ALL_NEW',
      });
      const answer = await conditional(client.send(command, { abortSignal: signal }));
      return answer === null
        ? { ok: false, certainty: 'refused', reason: 'held' }
        : { ok: true, stored: stateIn(answer.Attributes) };
    },

    readLock: async (_effect, signal) => {
      const item = await read(client, table, stateKey, signal);
      return { ok: true, lock: lockIn(item), stored: stateIn(item) };
    },

    commitState: async (effect, signal) => {
      const { owner, epoch, nextEpoch, state, nodeCount, scalingInProgress } = effect;
      const { ConditionExpression, values } = ours(owner, epoch);
      const command = new UpdateItemCommand({
        TableName: table,
        Key: key(stateKey),
        UpdateExpression:
          'SET #epoch = :next, #state = :state, node_count = :count, scaling_in_progress = :scaling',
        ConditionExpression,
        ExpressionAttributeNames: { ...NAMES, '#state': 'state' },
        ExpressionAttributeValues: {
          ...values,
          ':next': number(nextEpoch),
          ':state': { S: JSON.stringify(state) },
          ':count': number(nodeCount),
          ':scaling': { BOOL: scalingInProgress },
        },
      });
      const answer = await conditional(client.send(command, { abortSignal: signal }));
      return answer === null ? LOCK_LOST : { ok: true };
    },

    releaseLock: async ({ owner, epoch }, signal) => {
      const { ConditionExpression, values } = ours(owner, epoch);
      const command = new UpdateItemCommand({
        TableName: table,
        Key: key(stateKey),
        UpdateExpression: 'SET lock_expiry = :never, holder_deadline = :never REMOVE #owner',
        ConditionExpression,
        ExpressionAttributeNames: NAMES,
        ExpressionAttributeValues: { ...values, ':never': number(0) },
      });
      const answer = await conditional(client.send(command, { abortSignal: signal }));
      return answer === null ? LOCK_LOST : { ok: true };
    },

    readInbox: async (_effect, signal) => {
      return { ok: true, inbox: inboxIn(await read(client, table, inboxKey, signal)) };
    },

    clearInbox: async ({ marks, kickedAtMs }, signal) => {
      for (const mark of marks) {
        // A later mark of the same instance is not ours to clear.
        const command = new UpdateItemCommand({
          TableName: table,
          Key: key(inboxKey),
          UpdateExpression: 'REMOVE #mark',
          ConditionExpression: '#mark = :mark',
          ...markParts(mark),
        });
        await conditional(client.send(command, { abortSignal: signal }));
      }
      if (kickedAtMs !== null) {
        // Nor is a later kick.
        const command = new UpdateItemCommand({
          TableName: table,
          Key: key(inboxKey),
          UpdateExpression: 'REMOVE kicked_at_ms',
          ConditionExpression: 'kicked_at_ms = :kicked',
          ExpressionAttributeValues: { ':kicked': number(kickedAtMs) },
        });
        await conditional(client.send(command, { abortSignal: signal }));
      }
      return { ok: true };
    },
  };
}

/** Marks an instance as doomed, without the lock (S2). A hint never takes the place of a notice. */
export async function markDoomed(
  client: DynamoDBClient,
  table: string,
  inboxKey: string,
  mark: DoomedMark,
  signal: AbortSignal,
): Promise<void> {
  const command = new UpdateItemCommand({
    TableName: table,
    Key: key(inboxKey),
    UpdateExpression:
      mark.cause === 'reclaim' ? 'SET #mark = :mark' : 'SET #mark = if_not_exists(#mark, :mark)',
    ...markParts(mark),
  });
  await client.send(command, { abortSignal: signal });
}

/** A mark’s attribute and value, by the names that expressions have for them. */
function markParts({ instanceId, cause, markedAtMs }: DoomedMark) {
  return {
    ExpressionAttributeNames: { '#mark': `${MARK_PREFIX}${instanceId}` },
    ExpressionAttributeValues: {
      ':mark': { M: { cause: { S: cause }, marked_at_ms: number(markedAtMs) } },
    },
  };
}

/** Leaves a kick for the next cycle (S19). */
export async function setKick(
  client: DynamoDBClient,
  table: string,
  inboxKey: string,
  kickedAtMs: number,
  signal: AbortSignal,
): Promise<void> {
  const command = new UpdateItemCommand({
    TableName: table,
    Key: key(inboxKey),
    UpdateExpression: 'SET kicked_at_ms = :kicked',
    ExpressionAttributeValues: { ':kicked': number(kickedAtMs) },
  });
  await client.send(command, { abortSignal: signal });
}

/** What a shadow policy remembers; nothing, where another was asked last. */
export async function shadowMemory(
  client: DynamoDBClient,
  table: string,
  shadowKey: string,
  policy: string,
  signal: AbortSignal,
): Promise<readonly number[]> {
  const item = await read(client, table, shadowKey, signal);
  const memory = (item?.['memory']?.L ?? []).map(({ N }) => Number(N));
  return item?.['policy']?.S === policy && memory.every(Number.isSafeInteger) ? memory : [];
}

/** Keeps what a shadow policy remembers: an item of its own, so that it never meets the live one’s. */
export async function keepShadowMemory(
  client: DynamoDBClient,
  table: string,
  shadowKey: string,
  policy: string,
  memory: readonly number[],
  signal: AbortSignal,
): Promise<void> {
  const command = new UpdateItemCommand({
    TableName: table,
    Key: key(shadowKey),
    UpdateExpression: 'SET policy = :policy, memory = :memory',
    ExpressionAttributeValues: {
      ':policy': { S: policy },
      ':memory': { L: memory.map(number) },
    },
  });
  await client.send(command, { abortSignal: signal });
}

/** The hold that stands in the inbox, expired or not; null: none. */
export async function readHold(
  client: DynamoDBClient,
  table: string,
  inboxKey: string,
  signal: AbortSignal,
): Promise<Hold | null> {
  return inboxIn(await read(client, table, inboxKey, signal)).hold ?? null;
}

/** Holds the fleet, in place of an earlier hold; null: no more. */
export async function setHold(
  client: DynamoDBClient,
  table: string,
  inboxKey: string,
  hold: Hold | null,
  signal: AbortSignal,
): Promise<void> {
  const command = new UpdateItemCommand({
    TableName: table,
    Key: key(inboxKey),
    UpdateExpression: hold === null ? 'REMOVE #hold' : 'SET #hold = :hold',
    ExpressionAttributeNames: { '#hold': 'hold' },
    ...(hold === null
      ? {}
      : {
          ExpressionAttributeValues: {
            ':hold': { M: { min: number(hold.min), until_ms: number(hold.untilMs) } },
          },
        }),
  });
  await client.send(command, { abortSignal: signal });
}

/** The last good policy document, as it was kept; null: none ever was. */
export async function keptDocument(
  client: DynamoDBClient,
  table: string,
  policyKey: string,
  signal: AbortSignal,
): Promise<string | null> {
  return (await read(client, table, policyKey, signal))?.['document']?.S ?? null;
}

/** Keeps a policy document that was good, for whoever can read none. */
export async function keepDocument(
  client: DynamoDBClient,
  table: string,
  policyKey: string,
  document: string,
  signal: AbortSignal,
): Promise<void> {
  const command = new UpdateItemCommand({
    TableName: table,
    Key: key(policyKey),
    UpdateExpression: 'SET document = :document',
    ExpressionAttributeValues: { ':document': { S: document } },
  });
  await client.send(command, { abortSignal: signal });
}

/** The answer; null: the condition did not hold. */
async function conditional<T>(sent: Promise<T>): Promise<T | null> {
  try {
    return await sent;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) {
      return null;
    }
    throw error;
  }
}

async function read(
  client: DynamoDBClient,
  table: string,
  clusterId: string,
  signal: AbortSignal,
): Promise<Item | undefined> {
  const command = new GetItemCommand({
    TableName: table,
    Key: key(clusterId),
    ConsistentRead: true,
  });
  return (await client.send(command, { abortSignal: signal })).Item;
}

function key(clusterId: string): Item {
  return { cluster_id: { S: clusterId } };
}

function number(value: number): AttributeValue {
  return { N: String(value) };
}

/** Whole seconds, rounded up: a lock never ends before its holder thinks. */
function seconds(atMs: number): AttributeValue {
  return number(Math.ceil(atMs / 1000));
}

function numberIn(item: Item | undefined, name: string): number {
  return Number(item?.[name]?.N ?? 0);
}

export function lockIn(item: Item | undefined): LockItem {
  return {
    owner: item?.['owner']?.S ?? null,
    epoch: numberIn(item, 'epoch'),
    lockExpiryAtMs: numberIn(item, 'lock_expiry') * 1000,
    holderDeadlineAtMs: numberIn(item, 'holder_deadline') * 1000,
  };
}

/** The state; text that is no JSON is memory that was lost. */
export function stateIn(item: Item | undefined): DecodedState {
  const text = item?.['state']?.S;
  if (text === undefined) {
    return decodeState(item?.['state'] === undefined ? null : {});
  }
  try {
    return decodeState(JSON.parse(text) ?? {});
  } catch {
    return decodeState({});
  }
}

/** A hold; null: there is none, or what stands there is no number of nodes until some time. */
function holdIn(item: Item | undefined): Hold | null {
  const min = Number(item?.['min']?.N ?? NaN);
  const untilMs = Number(item?.['until_ms']?.N ?? NaN);
  return Number.isSafeInteger(min) && min >= 0 && Number.isSafeInteger(untilMs) && untilMs >= 0
    ? { min, untilMs }
    : null;
}

export function inboxIn(item: Item | undefined): Inbox {
  const doomed = Object.entries(item ?? {}).flatMap(([name, value]): DoomedMark[] => {
    if (!name.startsWith(MARK_PREFIX)) {
      return [];
    }
    return [
      {
        instanceId: name.slice(MARK_PREFIX.length),
        cause: value.M?.['cause']?.S === 'rebalance' ? 'rebalance' : 'reclaim',
        markedAtMs: numberIn(value.M, 'marked_at_ms'),
      },
    ];
  });
  doomed.sort((a, b) => (a.instanceId < b.instanceId ? -1 : 1));
  const kicked = item?.['kicked_at_ms']?.N;
  const hold = holdIn(item?.['hold']?.M);
  return {
    doomed,
    kickedAtMs: kicked === undefined ? null : Number(kicked),
    ...(hold === null ? {} : { hold }),
  };
}
