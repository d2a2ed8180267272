import { expect } from 'vitest';
import { joinJournals } from '../../../adapters/operate/join-journal.ts';
import { lockIn } from '../../../adapters/aws/table.ts';
import {
  emptyState,
  readJournal,
  type FleetState,
  type ReadRecord,
} from '../../../engine/index.ts';
import { makeCertificate } from '../../adapters/kubernetes/certificate.ts';
import { FakeKubernetes } from '../../adapters/kubernetes/fake-api.ts';
import { kubeNode, kubePod, replicaSet } from '../../adapters/kubernetes/objects.ts';
import { scheduledEnvironment } from './deployment.ts';
import { startDynalite } from './dynalite.ts';
import { FakeAws, FleetInMemory } from './fake-aws.ts';
import type { Running } from './processes.ts';
import { Sandbox } from './sandbox.ts';
import { ZONES } from './shop.ts';
import { Tables } from './tables.ts';

const MINUTE_MS = 60_000;

/** What clusters share: one AWS, one DynamoDB with both tables, one certificate of the Kubernetes APIs. */
export class Peers {
  readonly certificate = makeCertificate();
  readonly stops: (() => Promise<void>)[] = [];
  clusters = 0;

  private constructor(
    readonly aws: FakeAws,
    readonly dynalite: Running,
    readonly tables: Tables,
  ) {
    const caBase64 = Buffer.from(this.certificate.cert).toString('base64');
    aws.secret = JSON.stringify({ token: 'token-1', caBase64 });
  }

  static async start(): Promise<Peers> {
    const dynalite = await startDynalite();
    const tables = new Tables(dynalite.url);
    await tables.buildTables();
    return new Peers(await FakeAws.start(), dynalite, tables);
  }

  async stop(): Promise<void> {
    this.tables.closeTables();
    await Promise.all([this.aws.stop(), this.dynalite.stop(), ...this.stops.map((stop) => stop())]);
  }
}

/** One cluster: its EC2 fleet, its Kubernetes, its item in the table. */
export class ShopCluster {
  readonly fleet: FleetInMemory;
  readonly #peers: Peers;

  private constructor(
    peers: Peers,
    readonly id: string,
    readonly kubernetes: FakeKubernetes,
    n: number,
  ) {
    this.#peers = peers;
    this.fleet = new FleetInMemory(n.toString(16).padStart(5, '0'));
  }

  static async start(peers: Peers, workers = 2): Promise<ShopCluster> {
    const n = peers.clusters++;
    const kubernetes = await FakeKubernetes.start(peers.certificate);
    const cluster = new ShopCluster(peers, `shop-${String(n)}`, kubernetes, n);
    peers.stops.push(() => kubernetes.stop());
    peers.aws.fleets.set(cluster.id, cluster.fleet);
    kubernetes.put(kubeNode('master', { controlPlane: true }));
    kubernetes.replicaSets = [replicaSet('shop-1', 18)];
    const first = Array.from({ length: workers }, (_, n) =>
      cluster.fleet.add({ zone: ZONES[n % ZONES.length] }),
    );
    cluster.nodesJoin();
    await peers.tables.remember(
      { ...emptyState('node-fleet'), known: first, joined: first, desired: first.length },
      cluster.id,
    );
    return cluster;
  }

  sandbox(prometheusUrl: string, changes: Readonly<Record<string, string>> = {}): Sandbox {
    const { aws, dynalite } = this.#peers;
    const told = {
      ...aws.environment(dynalite.url),
      NODE_FLEET_KUBERNETES_URL: this.kubernetes.url,
      NODE_FLEET_PROMETHEUS_URL: prometheusUrl,
      ...changes,
    };
    return new Sandbox('scheduled', scheduledEnvironment(told, this.id));
  }

  /** Pods without room, so many. */
  setWaiting(count: number): void {
    const { kubernetes } = this;
    kubernetes.pods = kubernetes.pods.filter(({ spec }) => spec?.nodeName !== undefined);
    kubernetes.pods.push(...Array.from({ length: count }, (_, n) => kubePod(`wait-${String(n)}`)));
  }

  /** Machines that run and have no node get one, with pods on it; those that do not lose their pods. */
  nodesJoin(): void {
    const { kubernetes, fleet } = this;
    for (const { id, state, zone } of fleet.instances) {
      if (state === 'running' && !kubernetes.nodes.has(id)) {
        const sinceMs = Date.now() - 60 * MINUTE_MS;
        kubernetes.put(kubeNode(id, { instanceId: id, sinceMs, zone }));
        for (let n = 0; n < 3; n++) {
          kubernetes.pods.push(kubePod(`${id}-${String(n)}`, { nodeName: id }));
        }
      }
      if (state === 'terminated') {
        kubernetes.pods = kubernetes.pods.filter(({ spec }) => spec?.nodeName !== id);
      }
    }
  }

  get alive(): number {
    return this.fleet.instances.filter(({ state }) => state === 'running').length;
  }

  /** Time has passed for the lock and for all that is remembered: a cooldown, or a minute where a drain is under way. */
  async age(): Promise<void> {
    const state = await this.#peers.tables.state(this.id);
    const minutes = state.drains.length > 0 ? 1 : 12;
    await this.#peers.tables.remember(aged(state, minutes * MINUTE_MS), this.id);
    const { owner } = lockIn(await this.#peers.tables.item(this.id));
    if (owner !== null) {
      await this.#peers.tables.lock(owner, Date.now() - 1_000, this.id);
    }
  }

  async records(): Promise<readonly ReadRecord[]> {
    const items = await this.#peers.tables.journal(this.id);
    const runs = joinJournals(items);
    const records = runs.flatMap(({ bytes }) => readJournal(bytes).records);
    expect(records).toHaveLength(items.length);
    return records;
  }
}

/** What is remembered, all of it so much longer ago. */
function aged(state: FleetState, ms: number): FleetState {
  const older = (value: unknown, key = ''): unknown => {
    if (typeof value === 'number') {
      return /(AtMs|untilMs)$/i.test(key) ? value - ms : value;
    }
    if (Array.isArray(value)) {
      return value.map((each) => older(each, key));
    }
    return value !== null && typeof value === 'object'
      ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name, older(each, name)]))
      : value;
  };
  return older(state) as FleetState;
}

export function tick(): object {
  return { trigger: 'schedule', time: new Date().toISOString() };
}
