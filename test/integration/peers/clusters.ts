import type { KubernetesApi } from '../../../adapters/kubernetes/client.ts';
import type { DisruptionBudgetObject, PodObject } from '../../../adapters/kubernetes/objects.ts';
import { kubernetesPerformers } from '../../../adapters/kubernetes/perform.ts';
import { failureOf } from '../../../adapters/failure.ts';
import {
  byText,
  type Effect,
  type EffectOf,
  type KubeNode,
  type PodOnNode,
  type Pods,
  type Result,
} from '../../../engine/index.ts';
import { Interpreter, Table, World } from '../../../simulator/index.ts';
import { demandOf, scenarioOf, START_AT_MS } from '../../simulator/build.ts';
import { eventually, type Admin } from './control-plane.ts';
import { asking, join, workerNode } from './kubelet.ts';

// One cluster, twice: in the simulator, and as objects of a real control plane. Each workload is bound to a zone, each zone
// has one node, and each node is full, so that nobody has a choice where a pod goes.

export interface App {
  readonly name: string;
  readonly zone: string;
  readonly replicas: number;
  readonly millicpu: number;
  readonly mib: number;
  readonly maxUnavailablePercent: number;
}

export const APPS: readonly App[] = [
  {
    name: 'alpha',
    zone: 'zone-a',
    replicas: 4,
    millicpu: 500,
    mib: 200,
    maxUnavailablePercent: 25,
  },
  { name: 'beta', zone: 'zone-b', replicas: 2, millicpu: 1000, mib: 300, maxUnavailablePercent: 0 },
  {
    name: 'gamma',
    zone: 'zone-c',
    replicas: 5,
    millicpu: 400,
    mib: 100,
    maxUnavailablePercent: 40,
  },
];
const NODE = { millicpu: 2000, mib: 1000 };
/** A pod that only an empty node could hold: it waits for ever. */
const HUGE = NODE;

/** What may be asked of a node. The fourth does not exist. */
export type Target = 0 | 1 | 2 | 3;

export type Command =
  | {
      readonly kind: 'taint';
      readonly on: Target;
      readonly intent: string;
      readonly stale: boolean;
    }
  | { readonly kind: 'untaint'; readonly on: Target; readonly intent: string }
  | { readonly kind: 'evict'; readonly on: Target }
  | { readonly kind: 'cordon'; readonly on: Target; readonly cordoned: boolean }
  | { readonly kind: 'delete'; readonly on: Target }
  | { readonly kind: 'step' };

/** `ok`, or why it was refused. */
export type Said = string;

/** All that can be listed, without what must differ: versions, uids, times, the names of pods. */
export interface Listed {
  readonly nodes: readonly object[];
  readonly unschedulable: Readonly<Record<string, number>>;
  readonly bound: Readonly<Record<string, number>>;
  /** By node: pods that stay, and pods that end. */
  readonly onNode: Readonly<Record<string, readonly [staying: number, ending: number]>>;
}

function listedOf(
  nodes: readonly KubeNode[],
  { shapes, unschedulable, perNode }: Pods,
  onNode: readonly (readonly [nodeName: string, pods: readonly PodOnNode[]])[],
): Listed {
  // Budgets that allow nothing at the moment pin pods in the real list alone: see docs/fidelity.md.
  const names = shapes.map(
    ({ requestMillicpu, requestMib, zone }) =>
      `${String(requestMillicpu)}m ${String(requestMib)}Mi ${zone ?? 'anywhere'}`,
  );
  const sums = (entries: readonly (readonly [string, number])[]): Record<string, number> => {
    const total: Record<string, number> = {};
    // In one order, so that equal lists are equal texts.
    for (const [name, count] of [...entries].sort(([a], [b]) => byText(a, b))) {
      if (count > 0) {
        total[name] = (total[name] ?? 0) + count;
      }
    }
    return total;
  };
  return {
    nodes: nodes.map(({ name, instanceId, controlPlane, ready, cordoned, taintIntentId }) => ({
      name,
      instanceId,
      controlPlane,
      ready,
      cordoned,
      taintIntentId,
    })),
    unschedulable: sums(unschedulable.map((count, s) => [names[s], count])),
    bound: sums(
      perNode.flatMap(({ nodeName, counts }) =>
        counts.map((count, s) => [`${names[s]} on ${nodeName}`, count] as const),
      ),
    ),
    onNode: Object.fromEntries(
      onNode.map(([name, pods]) => {
        const staying = pods.filter(({ terminatesAtMs }) => terminatesAtMs === null).length;
        return [name, [staying, pods.length - staying]];
      }),
    ),
  };
}

function saidOf(answer: object): Said {
  const { ok, reason } = answer as { ok: boolean; reason?: string };
  return ok ? 'ok' : (reason ?? 'refused');
}

/** The simulator’s own, through the interpreter that serves its cycles. */
export class SimulatedCluster {
  readonly names: readonly string[];
  readonly #world: World;
  readonly #interpreter: Interpreter;
  readonly #staleVersions: readonly string[];

  constructor() {
    const scenario = scenarioOf({
      cluster: {
        zones: APPS.map(({ zone }) => zone),
        worker: { allocatableMillicpu: NODE.millicpu, allocatableMib: NODE.mib },
      },
      market: { reclaimPercentPerMonth: 0 },
      workload: {
        web: { requestMillicpu: HUGE.millicpu, requestMib: HUGE.mib, hpa: { replicasMin: 1 } },
        others: APPS.map(({ name, zone, replicas, millicpu, mib, maxUnavailablePercent }) => ({
          ...{ name, zone, replicas, maxUnavailablePercent },
          ...{ requestMillicpu: millicpu, requestMib: mib, usageMillicpu: 0, workingSetMib: 1 },
        })),
      },
    });
    this.#world = new World(scenario, demandOf(1_000, 1), 1);
    this.#world.startWith(APPS.map(({ zone }) => ({ zone, market: 'on-demand' })));
    this.#interpreter = new Interpreter(
      this.#world,
      new Table(),
      () => {},
      () => {},
    );
    this.#interpreter.advance(START_AT_MS);
    const byZone = new Map(this.#world.aliveInstances().map(({ zone, id }) => [zone, id]));
    this.names = [...APPS.map(({ zone }) => byZone.get(zone)!), 'i-0unknown'];
    this.#staleVersions = this.names.map((name) => this.#version(name));
    for (const name of this.names) {
      this.#world.cordon(name, true);
      this.#world.cordon(name, false);
    }
  }

  /** Of each app: pods that are bound and not running yet, and pods that end. */
  get underWay(): readonly { readonly starting: number; readonly ending: number }[] {
    return APPS.map((_, a) => ({
      starting: this.#world.startingTotal[a + 1],
      ending: this.#world.podsOn(this.names[a])?.[a + 1].terminating ?? 0,
    }));
  }

  /** Every machine stops answering. */
  fallSilent(): void {
    for (const name of this.names) {
      this.#world.setHealth(name, false, false, this.#interpreter.nowMs);
    }
  }

  perform(command: Command): Said {
    switch (command.kind) {
      case 'step':
        this.#interpreter.advance(this.#world.nextStepAtMs - this.#interpreter.nowMs);
        return 'ok';
      case 'cordon':
        this.#world.cordon(this.names[command.on], command.cordoned);
        return 'ok';
      case 'taint':
      case 'untaint':
      case 'evict':
      case 'delete':
        return saidOf(this.#ask(this.#effectOf(command)));
    }
  }

  #effectOf(command: Exclude<Command, { kind: 'step' | 'cordon' }>): Effect {
    const nodeName = this.names[command.on];
    switch (command.kind) {
      case 'taint':
        return {
          kind: 'taintNode',
          nodeName,
          intentId: command.intent,
          resourceVersion: command.stale
            ? this.#staleVersions[command.on]
            : this.#version(nodeName),
        };
      case 'untaint':
        return { kind: 'untaintNode', nodeName, intentId: command.intent };
      case 'delete':
        return { kind: 'deleteNode', nodeName };
      case 'evict': {
        const uid = `${nodeName}/${String(command.on + 1)}/0`;
        return { kind: 'evictPod', namespace: 'shop', name: 'by uid', uid };
      }
    }
  }

  list(): Listed {
    const { nodes } = this.#ask({ kind: 'listNodes' }) as { nodes: readonly KubeNode[] } & Result;
    const { pods } = this.#ask({ kind: 'listPods' }) as { pods: Pods } & Result;
    return listedOf(
      nodes,
      pods,
      this.names.map((nodeName) => {
        const on = this.#ask({ kind: 'listNodePods', nodeName });
        return [nodeName, (on as { pods: readonly PodOnNode[] } & Result).pods];
      }),
    );
  }

  #version(name: string): string {
    return this.#world.listNodes().find((each) => each.name === name)?.resourceVersion ?? '1';
  }

  #ask(effect: Effect): Result {
    return this.#interpreter.interpret(effect);
  }
}

const PODS = '/api/v1/namespaces/shop/pods';
const BUDGETS = '/apis/policy/v1/namespaces/shop/poddisruptionbudgets';

/** The same, with our adapter in front of a real control plane. Kubelets have their time from the simulator. */
export class RealCluster {
  readonly #admin: Admin;
  readonly #perform: ReturnType<typeof kubernetesPerformers>;
  readonly #names: readonly string[];
  #staleVersions: readonly string[] = [];

  constructor(admin: Admin, api: KubernetesApi, names: readonly string[]) {
    this.#admin = admin;
    this.#perform = kubernetesPerformers(api);
    this.#names = names;
  }

  /** Workloads and their budgets, once. */
  static async deploy(admin: Admin): Promise<void> {
    await admin.create('/api/v1/namespaces', { metadata: { name: 'shop' } });
    await eventually('the account of the pods', () =>
      admin.get('/api/v1/namespaces/shop/serviceaccounts/default').catch(() => null),
    );
    for (const { name, zone, replicas, millicpu, mib, maxUnavailablePercent } of APPS) {
      const metadata = { name, namespace: 'shop' };
      const selector = { matchLabels: { app: name } };
      const containers = asking(`${String(millicpu)}m`, `${String(mib)}Mi`);
      const nodeSelector = { 'topology.kubernetes.io/zone': zone };
      await admin.apply({
        apiVersion: 'policy/v1',
        kind: 'PodDisruptionBudget',
        metadata,
        spec: { selector, maxUnavailable: `${String(maxUnavailablePercent)}%` },
      });
      await admin.apply({
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        metadata,
        spec: {
          replicas,
          selector,
          template: {
            metadata: { labels: { app: name } },
            spec: { terminationGracePeriodSeconds: 3_600, containers, nodeSelector },
          },
        },
      });
    }
  }

  /** Begins anew: nodes and pods as in the beginning. */
  async reset(): Promise<void> {
    const admin = this.#admin;
    for (const { metadata } of await this.#nodeObjects()) {
      await admin.remove(`/api/v1/nodes/${metadata.name}`);
    }
    await admin.removeAll(PODS);
    await join(admin, [
      workerNode('control-plane', { controlPlane: true }),
      ...APPS.map(({ zone }, a) => {
        const size = { cpu: `${String(NODE.millicpu)}m`, memory: `${String(NODE.mib)}Mi` };
        return workerNode(this.#names[a], { instanceId: this.#names[a], zone, ...size });
      }),
    ]);
    const objects = await this.#nodeObjects();
    this.#staleVersions = this.#names.map(
      (name) =>
        objects.find(({ metadata }) => metadata.name === name)?.metadata.resourceVersion ?? '1',
    );
    for (const a of APPS.keys()) {
      const labels = { touched: 'yes' };
      await admin.patch(`/api/v1/nodes/${this.#names[a]}`, { metadata: { labels } });
    }
    await eventually('all pods to be bound', async () => {
      const pods = await this.#podObjects();
      const bound = pods.filter(({ spec }) => (spec?.nodeName ?? '') !== '');
      const count = APPS.reduce((sum, { replicas }) => sum + replicas, 0);
      return pods.length === count && bound.length === count ? true : null;
    });
    await admin.create(PODS, {
      metadata: { name: 'huge' },
      spec: { containers: asking(`${String(HUGE.millicpu)}m`, `${String(HUGE.mib)}Mi`) },
    });
    for (const { name } of APPS) {
      await this.#run(name, 0);
    }
    await this.#seen();
  }

  /** @param underWay what the simulator’s clock makes of pods that start and end */
  async perform(command: Command, underWay: SimulatedCluster['underWay']): Promise<Said> {
    switch (command.kind) {
      case 'step':
        await this.#step(underWay);
        return 'ok';
      case 'cordon':
        if (command.on < 3) {
          // Of a node that is gone there is nothing to cordon.
          await this.#admin
            .patch(`/api/v1/nodes/${this.#names[command.on]}`, {
              spec: { unschedulable: command.cordoned ? true : null },
            })
            .catch(() => null);
        }
        return 'ok';
      case 'taint':
      case 'untaint':
      case 'evict':
      case 'delete':
        return saidOf(await this.#ask(command, underWay).catch(failureOf));
    }
  }

  async #ask(
    command: Exclude<Command, { kind: 'step' | 'cordon' }>,
    underWay: SimulatedCluster['underWay'],
  ): Promise<object> {
    const nodeName = this.#names[command.on];
    const signal = AbortSignal.timeout(10_000);
    switch (command.kind) {
      case 'taint': {
        const { intent: intentId, stale, on } = command;
        const [node] = (await this.#nodeObjects()).filter(
          ({ metadata }) => metadata.name === nodeName,
        );
        const fresh = node?.metadata.resourceVersion ?? '1';
        const resourceVersion = stale ? this.#staleVersions[on] : fresh;
        const kind = 'taintNode';
        return this.#perform.taintNode({ kind, nodeName, intentId, resourceVersion }, signal);
      }
      case 'untaint': {
        const { intent: intentId } = command;
        return this.#perform.untaintNode({ kind: 'untaintNode', nodeName, intentId }, signal);
      }
      case 'delete':
        return this.#perform.deleteNode({ kind: 'deleteNode', nodeName }, signal);
      case 'evict':
        return this.#perform.evictPod(await this.#someoneOn(command.on, underWay), signal);
    }
  }

  /** Whom the simulator would take: one that starts, else one that runs, else one that ends. */
  async #someoneOn(
    on: Target,
    underWay: SimulatedCluster['underWay'],
  ): Promise<EffectOf<'evictPod'>> {
    const nobody = { uid: '00000000-0000-0000-0000-000000000000', name: 'nobody' };
    const there = (await this.#nodeObjects()).some(
      ({ metadata }) => metadata.name === this.#names[on],
    );
    const pods = there
      ? (await this.#podObjects()).filter(({ spec }) => spec?.nodeName === this.#names[on])
      : [];
    const staying = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    const phase = (underWay[on]?.starting ?? 0) > 0 ? 'Pending' : 'Running';
    const chosen =
      staying.find(({ status }) => status?.phase === phase) ??
      pods.find(({ metadata }) => metadata.deletionTimestamp !== undefined);
    const { uid = nobody.uid, name } = chosen?.metadata ?? nobody;
    return { kind: 'evictPod', namespace: 'shop', name, uid };
  }

  /** What kubelets and the collector of pods without a node do meanwhile. */
  async #step(underWay: SimulatedCluster['underWay']): Promise<void> {
    const nodes = (await this.#nodeObjects()).map(({ metadata }) => metadata.name);
    for (const [a, { ending }] of underWay.entries()) {
      const bound = (await this.#podObjects(APPS[a].name)).filter(
        ({ spec }) => (spec?.nodeName ?? '') !== '',
      );
      const ends = bound.filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
      const orphans = bound.filter(({ spec }) => !nodes.includes(spec!.nodeName!));
      for (const { metadata } of [...orphans, ...ends.slice(0, ends.length - ending)]) {
        await this.#admin.remove(`${PODS}/${metadata.name}`);
      }
    }
  }

  /**
   * Lets pods run as far as the simulator’s do, and waits until the controllers have done their part. Returns what is
   * listed in the end, whether or not it is what was expected.
   */
  async settle(expected: Listed, underWay: SimulatedCluster['underWay']): Promise<Listed> {
    const wanted = JSON.stringify(expected);
    const alike = async (): Promise<true | null> => {
      for (const [a, { starting }] of underWay.entries()) {
        await this.#run(APPS[a].name, starting);
      }
      return JSON.stringify(await this.list()) === wanted ? true : null;
    };
    await eventually('the lists to be alike', alike, 10_000).catch(() => null);
    await this.#seen();
    return this.list();
  }

  async list(): Promise<Listed> {
    const signal = AbortSignal.timeout(10_000);
    const nodes = await this.#perform.listNodes({ kind: 'listNodes' }, signal);
    const pods = await this.#perform.listPods({ kind: 'listPods' }, signal);
    if (!nodes.ok || !pods.ok) {
      throw new Error('the lists could not be read');
    }
    const onNode: [string, readonly PodOnNode[]][] = [];
    for (const nodeName of this.#names) {
      const on = await this.#perform.listNodePods({ kind: 'listNodePods', nodeName }, signal);
      onNode.push([nodeName, on.ok ? on.pods : []]);
    }
    return listedOf(nodes.nodes, pods.pods, onNode);
  }

  /** Waits until the controller of budgets has seen every pod as it is. */
  async #seen(): Promise<void> {
    await eventually('the budgets', async () => ((await this.#budgetsSettled()) ? true : null));
  }

  async #run(app: string, starting: number): Promise<void> {
    const bound = (await this.#podObjects(app)).filter(
      ({ metadata, spec, status }) =>
        metadata.deletionTimestamp === undefined &&
        (spec?.nodeName ?? '') !== '' &&
        status?.phase === 'Pending',
    );
    for (const { metadata } of bound.slice(0, Math.max(0, bound.length - starting))) {
      const conditions = ['Ready', 'ContainersReady'].map((type) => ({ type, status: 'True' }));
      await this.#admin.patch(`${PODS}/${metadata.name}/status`, {
        status: { phase: 'Running', conditions },
      });
    }
  }

  async #budgetsSettled(): Promise<boolean> {
    const pods = await this.#podObjects();
    const budgets = (await this.#admin.list(BUDGETS)) as (DisruptionBudgetObject & {
      readonly status?: { readonly currentHealthy?: number; readonly disruptedPods?: object };
    })[];
    return budgets.every(({ metadata, status = {} }) => {
      const healthy = pods.filter(
        (pod) =>
          pod.metadata.labels?.['app'] === metadata.name &&
          pod.metadata.deletionTimestamp === undefined &&
          pod.status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True'),
      ).length;
      const allowed = Math.max(0, healthy - (status.desiredHealthy ?? Infinity));
      return (
        status.currentHealthy === healthy &&
        status.disruptionsAllowed === allowed &&
        Object.keys(status.disruptedPods ?? {}).length === 0
      );
    });
  }

  /** How many pods the budget of an app takes for healthy. */
  async healthy(app: string): Promise<number> {
    const { status } = await this.#admin.get<{ status: { currentHealthy: number } }>(
      `${BUDGETS}/${app}`,
    );
    return status.currentHealthy;
  }

  async #nodeObjects() {
    return (await this.#admin.list('/api/v1/nodes')) as {
      metadata: { name: string; resourceVersion?: string };
    }[];
  }

  async #podObjects(app?: string): Promise<PodObject[]> {
    const pods = (await this.#admin.list(PODS)) as PodObject[];
    return pods.filter(({ metadata }) => app === undefined || metadata.labels?.['app'] === app);
  }
}
