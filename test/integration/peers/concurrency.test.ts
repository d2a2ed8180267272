import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ScheduledAnswer } from '../../../adapters/aws/handler.ts';
import { lockIn } from '../../../adapters/aws/table.ts';
import type { FleetState } from '../../../engine/index.ts';
import { stream } from '../../../simulator/index.ts';
import { Peers, ShopCluster, tick } from './cluster.ts';
import type { Running } from './processes.ts';
import { SCRAPE_MS, shopSeries, startPrometheus } from './prometheus.ts';
import { ZONES } from './shop.ts';

// Many processes with the built bundle against one table of the real protocol, dynalite’s: at the same time, and killed at any
// moment. Chance has a seed, which is printed: NODE_FLEET_SEED=… is the same kills, as far as clocks allow.

const SEED = Number(process.env['NODE_FLEET_SEED'] ?? Date.now() % 1_000_000);
const KILLS = 200;
const LANES = 4;
const NODES_MAX = 5;

let peers: Peers;
let busy: Running;
let idle: Running;

beforeAll(async () => {
  peers = await Peers.start();
  const now = Math.floor(Date.now() / SCRAPE_MS) * SCRAPE_MS;
  const span = [now - 900_000, now + 1_800_000] as const;
  const workers = ['w1', 'w2', 'w3'];
  busy = await startPrometheus(shopSeries(workers, { cpuRatio: 0.85, unschedulable: 4 }), ...span);
  idle = await startPrometheus(shopSeries(workers, { cpuRatio: 0.1, unschedulable: 0 }), ...span);
});

afterAll(async () => {
  await Promise.all([busy, idle, peers].map((each) => each?.stop()));
});

test('fifty invocations at once, in ten processes: one action an epoch, and what it says is what was launched', async () => {
  const cluster = await ShopCluster.start(peers);
  const sandboxes = Array.from({ length: 10 }, () => cluster.sandbox(busy.url));
  cluster.setWaiting(4);
  for (const expected of [4, NODES_MAX]) {
    const before = cluster.fleet.instances.length;
    const journalled = (await cluster.records()).length;
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        sandboxes[n % sandboxes.length].invoke<ScheduledAnswer>(tick()),
      ),
    );
    expect(answers.filter(({ error }) => error !== null)).toEqual([]);
    const outcomes = answers.map(({ result }) => result.outcome);
    // Unavailable: it was held, and free when looked at again.
    const others = outcomes.filter((each) => each !== 'decided');
    expect(others.filter((each) => !/^lock-(held|unavailable)$/.test(each))).toEqual([]);
    expect(others.length).toBeGreaterThan(25);

    const records = (await cluster.records()).slice(journalled);
    expect(records).toHaveLength(50);
    const decided = records.filter(({ outcome }) => outcome === 'decided');
    expect(new Set(decided.map(({ epoch }) => epoch)).size).toBe(decided.length);
    const actions = decided.filter((each) => each.decided?.decision.action !== 'hold');
    expect(actions).toHaveLength(1);
    const launched = cluster.fleet.instances.slice(before);
    expect(launched).toHaveLength(actions[0].decided!.decision.count);
    expect(new Set(launched.map(({ birthEpoch }) => birthEpoch))).toEqual(
      new Set([actions[0].epoch]),
    );
    expect(cluster.alive).toBe(expected);
    expect(lockIn(await peers.tables.item(cluster.id)).owner).toBeNull();
    cluster.nodesJoin();
    await cluster.age();
  }
  for (const sandbox of sandboxes) {
    expect(await sandbox.end()).toBe(0);
  }
});

/** What has been promised in the table at any time: looked at after each death, since a later cycle may settle it. */
class Promised {
  /** Nodes asked for, by intent; and which intent an attempt is of. */
  readonly counts = new Map<string, number>();
  readonly intentOf = new Map<string, string>();
  readonly terminating = new Set<string>();

  look(state: FleetState): void {
    for (const { id, count, attempts } of state.launches) {
      this.counts.set(id, count);
      attempts.forEach(({ clientToken }) => this.intentOf.set(clientToken, id));
    }
    for (const { instanceId, stage } of state.drains) {
      if (stage === 'terminating') {
        this.terminating.add(instanceId);
      }
    }
  }

  /** Nothing was done that had not been promised, nor more than that. */
  expectKept(cluster: ShopCluster): void {
    const launched = new Map<string, number>();
    for (const { id, state, clientToken } of cluster.fleet.instances) {
      if (clientToken !== null) {
        const intent = this.intentOf.get(clientToken);
        expect(intent, `an intent before ${id}`).toBeDefined();
        launched.set(intent!, (launched.get(intent!) ?? 0) + 1);
      }
      if (state === 'terminated') {
        expect(this.terminating.has(id), `a promise before ${id} ends`).toBe(true);
      }
    }
    for (const [intent, count] of launched) {
      expect(count, `nodes of ${intent}`).toBeLessThanOrEqual(this.counts.get(intent)!);
    }
    expect(cluster.alive).toBeLessThanOrEqual(NODES_MAX);
  }
}

interface Lane {
  readonly cluster: ShopCluster;
  readonly promised: Promised;
  kills: number;
}

/** Cycles one after another, each in a process of its own that is killed before it is over, or has just been. */
async function runLane(lane: Lane, n: number): Promise<void> {
  const { cluster, promised } = lane;
  const random = stream(SEED, 'kills', String(n));
  // Follows how long a cycle takes, so that about one in six gets to its end.
  let withinMs = 1_000;
  while (lane.kills < KILLS / LANES) {
    const rising = random.nextInt(2) === 0;
    cluster.setWaiting(rising ? 4 : 0);
    if (random.nextInt(4) > 0) {
      cluster.nodesJoin();
    }
    const sandbox = cluster.sandbox((rising ? busy : idle).url);
    let wakeUp = (): void => {};
    const begun = new Promise<void>((resolve) => (wakeUp = resolve));
    let ended = false;
    const invocation = sandbox
      .invoke<ScheduledAnswer>(tick(), 60_000, undefined, wakeUp)
      .then((answer) => {
        ended = true;
        return answer;
      });
    await begun;
    const kill = new Promise((resolve) => setTimeout(resolve, random.nextInt(Math.ceil(withinMs))));
    await Promise.race([kill, invocation]);
    if (ended) {
      withinMs *= 0.85;
      const { error } = await invocation;
      expect(error, sandbox.output).toBeNull();
    } else {
      withinMs *= 1.03;
      lane.kills++;
    }
    await sandbox.kill();
    promised.look(await peers.tables.state(cluster.id));
    promised.expectKept(cluster);
    await cluster.age();
  }
}

test(`kill -9 at ${String(KILLS)} random moments, seed ${String(SEED)}: nothing is launched twice, the lock comes free, the journal can be read`, async () => {
  const lanes = await Promise.all(
    Array.from({ length: LANES }, async (): Promise<Lane> => {
      const cluster = await ShopCluster.start(peers);
      return { cluster, promised: new Promised(), kills: 0 };
    }),
  );
  await Promise.all(lanes.map(runLane));

  const seen = { launched: 0, terminated: 0 };
  for (const { cluster, promised } of lanes) {
    const { fleet } = cluster;
    // Left alone it comes right: three cycles, and whatever was begun is over.
    cluster.setWaiting(0);
    const sandbox = cluster.sandbox(busy.url);
    for (let n = 0; n < 3; n++) {
      cluster.nodesJoin();
      const { result, error } = await sandbox.invoke<ScheduledAnswer>(tick());
      expect({ error, outcome: result.outcome }).toEqual({ error: null, outcome: 'decided' });
      promised.look(await peers.tables.state(cluster.id));
      promised.expectKept(cluster);
      expect(lockIn(await peers.tables.item(cluster.id)).owner).toBeNull();
      await cluster.age();
    }
    expect(await sandbox.end()).toBe(0);
    const { known, launches } = await peers.tables.state(cluster.id);
    const running = fleet.instances.filter(({ state }) => state === 'running');
    expect(running.filter(({ id }) => !known.includes(id))).toEqual([]);
    expect(
      launches.filter(({ attempts }) => attempts.some(({ outcome }) => outcome === 'unknown')),
    ).toEqual([]);

    const records = await cluster.records();
    const decided = records.filter(({ outcome }) => outcome === 'decided');
    expect(new Set(decided.map(({ epoch }) => epoch)).size).toBe(decided.length);
    seen.launched += fleet.instances.length - ZONES.length;
    seen.terminated += fleet.instances.length - running.length;
  }
  expect(seen.launched).toBeGreaterThan(5);
  expect(seen.terminated).toBeGreaterThan(0);
}, 400_000);
