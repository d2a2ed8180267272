import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ScheduledAnswer } from '../../../adapters/aws/handler.ts';
import { Peers, ShopCluster, tick } from './cluster.ts';
import type { Running } from './processes.ts';
import { SCRAPE_MS, shopSeries, startPrometheus } from './prometheus.ts';
import { Proxy, type Trouble } from './proxy.ts';

// Each peer stopped, hung or slowed in the middle of a cycle of the built bundle.

const TIMEOUT_MS = 60_000;
let peers: Peers;
let idle: Running;

beforeAll(async () => {
  peers = await Peers.start();
  const now = Math.floor(Date.now() / SCRAPE_MS) * SCRAPE_MS;
  const series = shopSeries(['w1', 'w2', 'w3', 'w4'], { cpuRatio: 0.1, unschedulable: 0 });
  idle = await startPrometheus(series, now - 900_000, now + 900_000);
});

afterAll(async () => {
  await Promise.all([idle, peers].map((each) => each?.stop()));
});

/** What stands before each peer, which effects then fail, and what people are told. */
const PEERS = {
  Prometheus: { effects: ['queryMetrics'], alarm: 'metrics-missing' },
  Kubernetes: { effects: ['listNodes', 'listPods'], alarm: 'kubernetes-api-unreachable' },
  EC2: { effects: ['listInstances'], alarm: 'ec2-unreachable' },
  // The journal is gone with it: its decision is in the log alone.
  DynamoDB: { effects: ['appendJournal'], alarm: null },
} as const;
type Peer = keyof typeof PEERS;

const CASES = (Object.keys(PEERS) as Peer[]).flatMap((peer) =>
  (['refuse', 'hang', 'drip'] as const).map((trouble) => [peer, trouble] as const),
);

async function through(
  cluster: ShopCluster,
  peer: Peer,
): Promise<{ proxy: Proxy; prometheusUrl: string; changes: Record<string, string> }> {
  const { aws, dynalite } = peers;
  const url = {
    Prometheus: idle.url,
    Kubernetes: cluster.kubernetes.url,
    EC2: aws.url,
    DynamoDB: dynalite.url,
  }[peer];
  const proxy = await Proxy.before(url);
  peers.stops.push(() => proxy.stop());
  const by = proxy.by(url);
  const changes = {
    Prometheus: {},
    Kubernetes: { NODE_FLEET_KUBERNETES_URL: by },
    EC2: { AWS_ENDPOINT_URL_EC2: by },
    DynamoDB: { AWS_ENDPOINT_URL_DYNAMODB: by },
  }[peer];
  return { proxy, prometheusUrl: peer === 'Prometheus' ? by : idle.url, changes };
}

/** Nothing was done to the fleet. */
function expectUntouched({ fleet, kubernetes }: ShopCluster): void {
  expect(fleet.instances.map(({ state }) => state)).toEqual(Array(4).fill('running'));
  expect([...kubernetes.nodes.values()].flatMap(({ spec }) => spec?.taints ?? [])).toEqual([]);
}

test.concurrent.each(CASES)(
  '%s, %s: the cycle ends inside its deadline, holds, says what failed, and the next one goes on',
  async (peer: Peer, trouble: Trouble) => {
    const cluster = await ShopCluster.start(peers, 4);
    const { proxy, prometheusUrl, changes } = await through(cluster, peer);
    const sandbox = cluster.sandbox(prometheusUrl, changes);
    // The lock is taken by then.
    const { kubernetes } = cluster;
    if (peer === 'DynamoDB') {
      kubernetes.called = () => (proxy.trouble = trouble);
    } else {
      proxy.trouble = trouble;
    }
    const beganAtMs = Date.now();
    const { result, error } = await sandbox.invoke<ScheduledAnswer>(tick(), TIMEOUT_MS);
    expect(Date.now() - beganAtMs).toBeLessThan(TIMEOUT_MS);
    expect(error, sandbox.output).toBeNull();
    expectUntouched(cluster);

    const { effects, alarm } = PEERS[peer];
    const failed = sandbox.lines.filter(({ message }) => message === 'effect failed');
    expect(failed.map(({ effect }) => effect)).toEqual(expect.arrayContaining([...effects]));
    expect(failed.map(({ error: words }) => words)).not.toContain('');
    expect(sandbox.lines.at(-1)).toMatchObject({ decisionId: result.decisionId });
    if (alarm !== null) {
      expect(result).toMatchObject({ outcome: 'decided', action: 'hold' });
      const [record] = await cluster.records();
      expect(record.decided?.decision.action).toBe('hold');
      expect(peers.aws.published.join()).toContain(alarm);
    }

    kubernetes.called = () => {};
    proxy.trouble = null;
    if (peer === 'DynamoDB') {
      // Whoever had the lock could not give it back.
      await cluster.age();
    }
    const next = await sandbox.invoke<ScheduledAnswer>(tick(), TIMEOUT_MS);
    expect(next.result).toMatchObject({ outcome: 'decided', action: 'scaleDown', count: 1 });
    expect(await sandbox.end()).toBe(0);
  },
);
