import type { DynamoDBClient, UpdateItemCommandInput } from '@aws-sdk/client-dynamodb';
import { expect, test } from 'vitest';
import { inboxIn, lockIn, markDoomed, setKick, stateIn } from '../../../adapters/aws/table.ts';
import { emptyState } from '../../../engine/index.ts';
import { KICK, MARK_PREFIX } from '../../../infra/names.ts';

test('an item that is not there is a free lock, no state, an empty inbox', () => {
  expect(lockIn(undefined)).toEqual({
    owner: null,
    epoch: 0,
    lockExpiryAtMs: 0,
    holderDeadlineAtMs: 0,
  });
  expect(stateIn(undefined)).toEqual({ kind: 'absent' });
  expect(stateIn({ cluster_id: { S: 'x' } })).toEqual({ kind: 'absent' });
  expect(inboxIn(undefined)).toEqual({ doomed: [], kickedAtMs: null });
});

test('the lock’s times are seconds in the table, as the brief has them', () => {
  const item = {
    owner: { S: 'nonce' },
    epoch: { N: '1769000000' },
    lock_expiry: { N: '1769000300' },
    holder_deadline: { N: '1769000090' },
  };
  expect(lockIn(item)).toEqual({
    owner: 'nonce',
    epoch: 1_769_000_000,
    lockExpiryAtMs: 1_769_000_300_000,
    holderDeadlineAtMs: 1_769_000_090_000,
  });
});

test('a state that cannot be read is lost, and never absent', () => {
  const state = emptyState('node-fleet');
  expect(stateIn({ state: { S: JSON.stringify(state) } })).toEqual({ kind: 'known', state });
  for (const text of ['{', 'null', '[]', '7']) {
    expect(stateIn({ state: { S: text } }).kind).toBe('lost');
  }
  expect(stateIn({ state: { N: '7' } }).kind).toBe('lost');
});

test('marks come sorted by instance, beside whatever else is in the inbox', () => {
  const mark = (cause: string, atMs: number) => ({
    M: { cause: { S: cause }, marked_at_ms: { N: String(atMs) } },
  });
  expect(
    inboxIn({
      cluster_id: { S: 'x#inbox' },
      'doomed#i-2': mark('rebalance', 2),
      kicked_at_ms: { N: '9' },
      'doomed#i-1': mark('reclaim', 1),
    }),
  ).toEqual({
    doomed: [
      { instanceId: 'i-1', cause: 'reclaim', markedAtMs: 1 },
      { instanceId: 'i-2', cause: 'rebalance', markedAtMs: 2 },
    ],
    kickedAtMs: 9,
  });
});

test('a hold is a number of nodes and an instant; what is neither is none', () => {
  const stands = (min: string, untilMs: string) =>
    inboxIn({ hold: { M: { min: { N: min }, until_ms: { N: untilMs } } } }).hold;
  expect(stands('8', '1795716000000')).toEqual({ min: 8, untilMs: 1_795_716_000_000 });
  expect(stands('-1', '5')).toBeUndefined();
  expect(stands('1.5', '5')).toBeUndefined();
  expect(stands('8', 'NaN')).toBeUndefined();
  expect(inboxIn({ hold: { S: 'for ever' } })).toEqual({ doomed: [], kickedAtMs: null });
});

test('what the ingest functions write are the attributes that infra/ lets them write, and no others', async () => {
  const sent: UpdateItemCommandInput[] = [];
  const send = ({ input }: { input: UpdateItemCommandInput }): Promise<object> => {
    sent.push(input);
    return Promise.resolve({});
  };
  const client = { send } as unknown as DynamoDBClient;
  const { signal } = new AbortController();
  const mark = { instanceId: 'i-1', markedAtMs: 1 };
  await markDoomed(client, 'table', 'x#inbox', { ...mark, cause: 'reclaim' }, signal);
  await markDoomed(client, 'table', 'x#inbox', { ...mark, cause: 'rebalance' }, signal);
  await setKick(client, 'table', 'x#inbox', 1, signal);
  const written = sent.map(({ UpdateExpression = '', ExpressionAttributeNames: names = {} }) =>
    UpdateExpression.replace(/#\w+/g, (name) => names[name]!),
  );
  const attribute = `${MARK_PREFIX}i-1`;
  expect(written).toEqual([
    `SET ${attribute} = :mark`,
    `SET ${attribute} = if_not_exists(${attribute}, :mark)`,
    `SET ${KICK} = :kicked`,
  ]);
  expect(sent.every(({ ConditionExpression }) => ConditionExpression === undefined)).toBe(true);
});
