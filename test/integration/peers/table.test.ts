import {
  CreateTableCommand,
  DynamoDBClient,
  UpdateItemCommand,
  type DynamoDBClientConfig,
} from '@aws-sdk/client-dynamodb';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { markDoomed, setKick, tablePerformers } from '../../../adapters/aws/table.ts';
import { emptyState, type Effect, type Result } from '../../../engine/index.ts';
import { Table } from '../../../simulator/index.ts';
import { startDynalite } from './dynalite.ts';
import { startMoto } from './moto.ts';
import type { Running } from './processes.ts';

// One contract, three tables: whatever is asked of them, DynamoDB’s conditions answer as the simulator’s table does, in both of
// the implementations that there are here.

const TABLE = 'state';
let clusters = 0;

describe.each([
  ['moto', startMoto, true],
  // It takes no two maps for equal, which DynamoDB does; marks are maps.
  ['dynalite', startDynalite, false],
] as const)('%s', (_, startPeer, comparesMaps) => {
  let peer: Running;
  let client: DynamoDBClient;

  beforeAll(async () => {
    peer = await startPeer();
    const options: DynamoDBClientConfig = {
      endpoint: peer.url,
      region: 'ap-southeast-1',
      credentials: { accessKeyId: 'testing', secretAccessKey: 'testing' },
      maxAttempts: 1,
    };
    client = new DynamoDBClient(options);
    await client.send(
      new CreateTableCommand({
        TableName: TABLE,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'cluster_id', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'cluster_id', KeyType: 'HASH' }],
      }),
    );
  });

  afterAll(async () => {
    client?.destroy();
    await peer?.stop();
  });

  const signal = () => AbortSignal.timeout(10_000);

  /** Both tables, new and empty. */
  function bothTables() {
    const stateKey = `cluster-${String(++clusters)}`;
    const inboxKey = `${stateKey}#inbox`;
    const real = tablePerformers(client, { table: TABLE, stateKey, inboxKey });
    return { real, simulated: new Table(), stateKey, inboxKey };
  }
  type Both = ReturnType<typeof bothTables>;
  type TableEffect = Extract<Effect, { kind: keyof Both['real'] }>;

  function simulate(table: Table, effect: TableEffect): Omit<Result, 'completedAtMs'> {
    switch (effect.kind) {
      case 'acquireLock':
        return table.acquireLock(effect, 0);
      case 'commitState':
        return table.commitState(effect, 0);
      case 'releaseLock':
        return table.releaseLock(effect, 0);
      case 'readLock':
        return { ok: true, lock: table.lock, stored: table.stored } as Result;
      case 'readInbox':
        return { ok: true, inbox: table.inbox } as Result;
      case 'clearInbox':
        table.clearInbox(effect.marks, effect.kickedAtMs);
        return { ok: true };
    }
  }

  async function expectAlike({ real, simulated }: Both, effect: TableEffect): Promise<void> {
    const perform = real[effect.kind] as (
      effect: TableEffect,
      signal: AbortSignal,
    ) => Promise<object>;
    const answered = await perform(effect, signal());
    expect({ ...answered, completedAtMs: 0 }).toEqual({
      ...simulate(simulated, effect),
      completedAtMs: 0,
    });
  }

  // Few owners, epochs and seconds, so that they meet.
  const owner = fc.constantFrom('a', 'b');
  const epoch = fc.integer({ min: 1, max: 4 });
  const atMs = fc.integer({ min: 1, max: 8 }).map((second) => second * 1000);
  const effects: fc.Arbitrary<TableEffect> = fc.oneof(
    fc.record({
      kind: fc.constant('acquireLock' as const),
      owner,
      epoch,
      nowMs: atMs,
      lockExpiryAtMs: atMs,
      holderDeadlineAtMs: atMs,
    }),
    fc.record({
      kind: fc.constant('commitState' as const),
      owner,
      epoch,
      nextEpoch: epoch,
      state: fc.constantFrom(emptyState('static'), emptyState('node-fleet')),
      nodeCount: fc.nat(9),
      scalingInProgress: fc.boolean(),
    }),
    fc.record({ kind: fc.constant('releaseLock' as const), owner, epoch }),
  );

  test('acquire, commit and release have the outcomes and the traces that the simulator’s table has', async () => {
    let held = 0;
    let refused = 0;
    const property = fc.asyncProperty(fc.array(effects, { maxLength: 12 }), async (sequence) => {
      const both = bothTables();
      for (const effect of sequence) {
        await expectAlike(both, effect);
        await expectAlike(both, { kind: 'readLock' });
        if (both.simulated.lock.owner === null) {
          refused++;
        } else {
          held++;
        }
      }
    });
    await fc.assert(property, { numRuns: 25, seed: 20_261_124 });
    expect(Math.min(held, refused)).toBeGreaterThan(5);
  });

  test('a lock that ends within a second ends no sooner than its holder thinks', async () => {
    const { real } = bothTables();
    const ask = (owner: string, epoch: number, nowMs: number) =>
      real.acquireLock(
        {
          kind: 'acquireLock',
          owner,
          epoch,
          nowMs,
          lockExpiryAtMs: 300_400,
          holderDeadlineAtMs: 90_400,
        },
        signal(),
      );
    expect(await ask('a', 1, 0)).toMatchObject({ ok: true });
    expect(await ask('b', 2, 90_399)).toMatchObject({ ok: false, reason: 'held' });
    expect(await ask('b', 2, 91_001)).toMatchObject({ ok: true });
  });

  if (comparesMaps) {
    test('marks and kicks are cleared as they were read, and what came since stays', async () => {
      const both = bothTables();
      const { inboxKey, simulated } = both;
      const mark = (instanceId: string, cause: 'reclaim' | 'rebalance', markedAtMs: number) =>
        markDoomed(client, TABLE, inboxKey, { instanceId, cause, markedAtMs }, signal());
      await mark('i-2', 'reclaim', 5);
      // A hint does not take the place of a notice; a notice does that of a hint.
      await mark('i-2', 'rebalance', 6);
      await mark('i-1', 'rebalance', 6);
      await mark('i-1', 'reclaim', 7);
      await setKick(client, TABLE, inboxKey, 10, signal());
      simulated.inbox = {
        doomed: [
          { instanceId: 'i-1', cause: 'reclaim', markedAtMs: 7 },
          { instanceId: 'i-2', cause: 'reclaim', markedAtMs: 5 },
        ],
        kickedAtMs: 10,
      };
      await expectAlike(both, { kind: 'readInbox' });
      const hint = { instanceId: 'i-1', cause: 'rebalance', markedAtMs: 7 } as const;
      const earlier = { instanceId: 'i-1', cause: 'reclaim', markedAtMs: 6 } as const;
      const [exactly] = simulated.inbox.doomed;
      for (const [marks, kickedAtMs] of [
        [[hint, earlier], 9],
        [[hint, exactly], 10],
        [[exactly], null],
      ] as const) {
        await expectAlike(both, { kind: 'clearInbox', marks, kickedAtMs });
        await expectAlike(both, { kind: 'readInbox' });
      }
      expect(simulated.inbox.doomed.map(({ instanceId }) => instanceId)).toEqual(['i-2']);
    });
  }

  test('a state of another schema is lost, and not absent', async () => {
    const { real, stateKey } = bothTables();
    await client.send(
      new UpdateItemCommand({
        TableName: TABLE,
        Key: { cluster_id: { S: stateKey } },
        UpdateExpression: 'SET #state = :state',
        ExpressionAttributeNames: { '#state': 'state' },
        ExpressionAttributeValues: { ':state': { S: '{"schema":99}' } },
      }),
    );
    expect(await real.readLock({ kind: 'readLock' }, signal())).toMatchObject({
      stored: { kind: 'lost' },
    });
  });
});
