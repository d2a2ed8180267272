import { DeleteTagsCommand, EC2Client } from '@aws-sdk/client-ec2';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CLUSTER_TAG, ec2Performers } from '../../../adapters/aws/ec2.ts';
import type { Performer } from '../../../adapters/answer.ts';
import type { Effect, Instance, Market } from '../../../engine/index.ts';
import { Interpreter, Table } from '../../../simulator/index.ts';
import { World } from '../../../simulator/world.ts';
import { demandOf, scenarioOf, START_AT_MS } from '../../simulator/build.ts';
import { FakeAws, FleetInMemory, SUBNETS, TEMPLATES } from './fake-aws.ts';
import { startMoto } from './moto.ts';
import type { Running } from './processes.ts';
import { Shop, ZONES } from './shop.ts';
import { CLUSTER_ID, CREDENTIALS, REGION } from './tables.ts';

// One contract for whoever stands behind EC2’s effects: the simulator’s world, and our adapter on moto and on a server of ours
// that knows tokens and shortages, which moto does not.

type Ec2Effect = Extract<
  Effect,
  { kind: 'listInstances' | 'describeInstances' | 'launchInstances' | 'terminateInstance' }
>;
type Ask = (effect: Ec2Effect) => Promise<object>;

const [, SHORT_ZONE] = ZONES;
const endings: (() => Promise<void>)[] = [];
let moto: Running;
let shop: Shop;

beforeAll(async () => {
  moto = await startMoto();
  shop = new Shop(moto.url);
  await shop.build({}, 'token');
});

afterAll(async () => {
  await Promise.all(endings.map((end) => end()));
  await shop?.stop();
  await moto?.stop();
});

function simulated(): Promise<Ask> {
  const scenario = scenarioOf({
    market: {
      events: [
        {
          kind: 'shortage',
          zone: SHORT_ZONE,
          at: '2026-11-26T00:00:00+06:00',
          until: '2026-12-30T00:00:00+06:00',
        },
      ],
    },
  });
  const world = new World(scenario, demandOf(10_000, 0), 1);
  const interpreter = new Interpreter(
    world,
    new Table(),
    () => {},
    () => {},
  );
  interpreter.nowMs = START_AT_MS + 60_000;
  return Promise.resolve((effect) => {
    interpreter.advance(60_000);
    return Promise.resolve(interpreter.interpret(effect));
  });
}

function adapted(url: string, facts: Parameters<typeof ec2Performers>[2]): Ask {
  const client = new EC2Client({
    endpoint: url,
    region: REGION,
    credentials: CREDENTIALS,
    maxAttempts: 1,
  });
  endings.push(() => Promise.resolve(client.destroy()));
  const performers = ec2Performers(client, client, facts);
  return (effect) =>
    (performers[effect.kind] as Performer<Ec2Effect['kind']>)(
      effect as never,
      AbortSignal.timeout(10_000),
    );
}

let clusters = 0;

function onMoto(): Promise<Ask> {
  const { templates, subnets } = shop;
  const clusterId = `${CLUSTER_ID}-${String(++clusters)}`;
  return Promise.resolve(
    adapted(moto.url, { clusterId, templates: templates as Record<Market, string>, subnets }),
  );
}

async function onOurs(): Promise<Ask> {
  const aws = await FakeAws.start();
  endings.push(() => aws.stop());
  aws.pageMax = 3;
  const fleet = new FleetInMemory('00000');
  fleet.short.add(`${SHORT_ZONE}/on-demand`).add(`${SHORT_ZONE}/spot`);
  aws.fleets.set(CLUSTER_ID, fleet);
  return adapted(aws.url, { clusterId: CLUSTER_ID, templates: TEMPLATES, subnets: SUBNETS });
}

test('whose tags a person took off is in no list, and by its id not ours (moto)', async () => {
  const ask = await onMoto();
  const kept = await idsOf(ask(launch('kept', 1)));
  const taken = await idsOf(ask(launch('taken', 1)));
  const client = new EC2Client({
    endpoint: moto.url,
    region: REGION,
    credentials: CREDENTIALS,
    maxAttempts: 1,
  });
  endings.push(() => Promise.resolve(client.destroy()));
  await client.send(new DeleteTagsCommand({ Resources: [...taken], Tags: [{ Key: CLUSTER_TAG }] }));
  expect((await listed(ask)).map(({ id }) => id)).toEqual(kept);
  expect(await ask({ kind: 'describeInstances', ids: [...kept, ...taken].sort() })).toMatchObject({
    ok: true,
    foreign: taken,
  });
});

function launch(clientToken: string, count: number, zone = ZONES[0], market: Market = 'on-demand') {
  const request = {
    intentId: 'intent',
    birthEpoch: 7,
    templateVersion: '1/1',
    clientToken,
    count,
    zone,
    market,
  };
  return { kind: 'launchInstances', launch: request } as Extract<
    Ec2Effect,
    { kind: 'launchInstances' }
  >;
}

async function idsOf(answer: Promise<object>): Promise<readonly string[]> {
  const { instanceIds } = (await answer) as { instanceIds?: readonly string[] };
  return instanceIds ?? [];
}

async function listed(ask: Ask): Promise<readonly Instance[]> {
  return ((await ask({ kind: 'listInstances' })) as { instances: readonly Instance[] }).instances;
}

describe.each([
  ['the simulator', simulated],
  ['the adapter on moto', onMoto],
  ['the adapter on our server', onOurs],
] as const)('%s', (_, start) => {
  test('no instance is an empty list, and one that nobody knows is none: neither is a failure', async () => {
    const ask = await start();
    expect(await ask({ kind: 'listInstances' })).toMatchObject({ ok: true, instances: [] });
    const ids = ['i-0123456789abcdef0'];
    expect(await ask({ kind: 'describeInstances', ids })).toMatchObject({
      ok: true,
      instances: [],
    });
    expect(await ask({ kind: 'terminateInstance', instanceId: ids[0] })).toMatchObject({
      ok: false,
      certainty: 'refused',
      reason: 'not-found',
    });
  });

  test('what is launched is listed with what it was launched by, sorted by id, over however many pages', async () => {
    const ask = await start();
    // One at a time: of several, moto launches as few as may be.
    const ids: string[] = [];
    for (let n = 0; n < 7; n++) {
      ids.push(...(await idsOf(ask(launch(`token-${String(n)}`, 1)))));
    }
    expect(ids).toHaveLength(7);
    const instances = await listed(ask);
    expect(instances.map(({ id }) => id)).toEqual([...ids].sort());
    for (const { id, clientToken } of instances) {
      expect(clientToken).toBe(`token-${String(ids.indexOf(id))}`);
    }
    for (const instance of instances) {
      expect(instance).toMatchObject({
        zone: ZONES[0],
        market: 'on-demand',
        birthEpoch: 7,
        statusCheckFailed: false,
      });
    }
    const some = [ids[3], ids[6]].sort();
    const described = await ask({ kind: 'describeInstances', ids: some });
    expect((described as { instances: Instance[] }).instances.map(({ id }) => id)).toEqual(some);
    expect(described).toMatchObject({ foreign: [] });
  });

  test('to terminate what is gone already is done, and it is listed as gone for a while', async () => {
    const ask = await start();
    const [instanceId] = await idsOf(ask(launch('once', 1)));
    for (let n = 0; n < 2; n++) {
      expect(await ask({ kind: 'terminateInstance', instanceId })).toMatchObject({ ok: true });
    }
    expect(await listed(ask)).toMatchObject([{ id: instanceId, state: 'terminated' }]);
  });
});

// moto launches again whatever the token, and has room for everything.
describe.each([
  ['the simulator', simulated],
  ['the adapter on our server', onOurs],
] as const)('%s, tokens and pools', (_, start) => {
  test('the same request with the same token launches nothing more; another one is a mismatch', async () => {
    const ask = await start();
    const ids = await idsOf(ask(launch('token', 2)));
    expect(ids).toHaveLength(2);
    expect(await idsOf(ask(launch('token', 2)))).toEqual(ids);
    expect(await ask(launch('token', 3))).toMatchObject({
      ok: false,
      certainty: 'refused',
      reason: 'parameter-mismatch',
    });
    expect(await listed(ask)).toHaveLength(2);
  });

  test('a token is spent once all that it launched is gone, and not before', async () => {
    const ask = await start();
    const ids = await idsOf(ask(launch('token', 2)));
    await ask({ kind: 'terminateInstance', instanceId: ids[0] });
    expect(await idsOf(ask(launch('token', 2)))).toEqual(ids);
    await ask({ kind: 'terminateInstance', instanceId: ids[1] });
    expect(await ask(launch('token', 2))).toMatchObject({
      ok: false,
      certainty: 'refused',
      reason: 'spent',
    });
  });

  test('a pool that has none refuses for certain, and leaves its token unused', async () => {
    const ask = await start();
    expect(await ask(launch('short', 1, SHORT_ZONE))).toMatchObject({
      ok: false,
      certainty: 'refused',
      reason: 'insufficient-capacity',
    });
    expect(await idsOf(ask(launch('short', 1)))).toHaveLength(1);
  });
});
