import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { KubernetesApi, type KubernetesAccess } from '../../../adapters/kubernetes/client.ts';
import type { PodObject, PodSpec } from '../../../adapters/kubernetes/objects.ts';
import { evictPod, kubernetesPerformers } from '../../../adapters/kubernetes/perform.ts';
import { failureOf } from '../../../adapters/failure.ts';
import { interpreter } from '../../../adapters/aws/interpret.ts';
import type { Performers } from '../../../adapters/answer.ts';
import {
  configurePolicy,
  cycle,
  emptyState,
  runAsync,
  type Cluster,
  type Instance,
  type KubeNode,
  type Pods,
  type Reading,
} from '../../../engine/index.ts';
import { Table } from '../../../simulator/index.ts';
import { makeCertificate } from '../../adapters/kubernetes/certificate.ts';
import {
  eventually,
  startControlPlane,
  type ControlPlane,
  type KubeObject,
} from './control-plane.ts';
import { asking, join, kubelets, setReady, workerNode } from './kubelet.ts';

// Our adapter against a real Kubernetes, with the identity and the rights that infra/manifests gives it, and no others.

const MANIFEST = fileURLToPath(
  new URL('../../../infra/manifests/autoscaler.yaml', import.meta.url),
);
const SECRET = '/api/v1/namespaces/node-fleet/secrets/autoscaler-token';
const SHOP = '/api/v1/namespaces/shop';
const ZONES = ['ap-southeast-1a', 'ap-southeast-1b'];

let plane: ControlPlane;
let api: KubernetesApi;
let perform: ReturnType<typeof kubernetesPerformers>;
const signal = () => AbortSignal.timeout(10_000);

/** What the master publishes for the Lambda: the token and the authority, as they stand in the Secret. */
async function accessInSecret(): Promise<KubernetesAccess> {
  const data = await eventually('the token’s Secret to be filled', async () => {
    const secret = await plane.admin.get<{ data?: Record<string, string> }>(SECRET);
    return secret.data?.['token'] === undefined ? null : secret.data;
  });
  const text = (base64: string): string => Buffer.from(base64, 'base64').toString('utf8');
  return { token: text(data['token']), ca: text(data['ca.crt']) };
}

async function applyManifest(): Promise<void> {
  for (const document of parseAllDocuments(readFileSync(MANIFEST, 'utf8'))) {
    await plane.admin.apply(document.toJS() as KubeObject);
  }
}

beforeAll(async () => {
  plane = await startControlPlane();
  const { admin } = plane;
  // K3s has this kind of its own, and the manifest one such object.
  await admin.apply({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'helmchartconfigs.helm.cattle.io' },
    spec: {
      group: 'helm.cattle.io',
      scope: 'Namespaced',
      names: { kind: 'HelmChartConfig', plural: 'helmchartconfigs', singular: 'helmchartconfig' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
          },
        },
      ],
    },
  });
  await eventually('the new kind to be served', () =>
    admin.get('/apis/helm.cattle.io/v1').catch(() => null),
  );
  await applyManifest();
  await admin.create('/api/v1/namespaces', { metadata: { name: 'shop' } });
  await eventually('the account of the shop’s pods', () =>
    admin.get(`${SHOP}/serviceaccounts/default`).catch(() => null),
  );
  const access = await accessInSecret();
  api = new KubernetesApi(plane.url, {
    get: () => Promise.resolve(access),
    renew: () => Promise.resolve(access),
  });
  perform = kubernetesPerformers(api);
  await join(admin, [
    workerNode('master', { controlPlane: true }),
    workerNode('i-0a1', { instanceId: 'i-0a1', zone: 'ap-southeast-1a' }),
    workerNode('i-0b2', { instanceId: 'i-0b2', zone: 'ap-southeast-1b' }),
  ]);
});

afterAll(async () => {
  api?.close();
  await plane?.stop();
});

async function nodes(): Promise<readonly KubeNode[]> {
  const answer = await perform.listNodes({ kind: 'listNodes' }, signal());
  return answer.ok ? answer.nodes : expect.fail(answer.reason);
}

async function node(name: string): Promise<KubeNode> {
  return (await nodes()).find((each) => each.name === name) ?? expect.fail(`no node ${name}`);
}

async function pods(): Promise<Pods> {
  const answer = await perform.listPods({ kind: 'listPods' }, signal());
  return answer.ok ? answer.pods : expect.fail(answer.reason);
}

async function podsOn(nodeName: string) {
  const answer = await perform.listNodePods({ kind: 'listNodePods', nodeName }, signal());
  return answer.ok ? answer.pods : expect.fail(answer.reason);
}

const refused = (reason: string) => ({ ok: false, certainty: 'refused', reason });

/** So many replicas of a workload, of which its real controller makes pods. */
async function deploy(
  name: string,
  replicas: number,
  spec: PodSpec & Readonly<Record<string, unknown>>,
): Promise<void> {
  await plane.admin.apply({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'shop' },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec },
    },
  });
}

async function podObjects(app: string): Promise<PodObject[]> {
  const all = (await plane.admin.list(`${SHOP}/pods`)) as PodObject[];
  return all.filter(({ metadata }) => metadata.labels?.['app'] === app);
}

/** Waits until the scheduler has had its say about so many pods of a workload. */
function scheduled(app: string, count: number): Promise<PodObject[]> {
  return eventually(`${String(count)} pods of ${app} to be scheduled or not`, async () => {
    const found = (await podObjects(app)).filter(({ status }) =>
      status?.conditions?.some(({ type }) => type === 'PodScheduled'),
    );
    return found.length === count ? found : null;
  });
}

/** Takes a workload away with all its pods. */
async function withdraw(app: string): Promise<void> {
  await plane.admin.remove(`/apis/apps/v1/namespaces/shop/deployments/${app}`);
  await eventually(`the pods of ${app} to be gone`, async () => {
    await kubelets(plane.admin, { runs: false });
    const left = await podObjects(app);
    // One that was never bound has no kubelet that would end it.
    for (const { metadata, spec } of left) {
      if ((spec?.nodeName ?? '') === '' && metadata.deletionTimestamp !== undefined) {
        await plane.admin.remove(`${SHOP}/pods/${metadata.name}`);
      }
    }
    return left.length === 0 ? true : null;
  });
}

describe('what the autoscaler may do', () => {
  const status = async (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string) => {
    const answer = await api.call(
      { method, path, ...(method === 'POST' || method === 'PATCH' ? { body: {} } : {}) },
      signal(),
    );
    return answer.status;
  };

  it('is nothing but what its role says: no Secret is read, no pod deleted, no node made', async () => {
    const forbidden = [
      ['GET', '/api/v1/secrets'],
      ['GET', SECRET],
      ['GET', '/api/v1/namespaces/kube-system/secrets'],
      ['GET', '/api/v1/namespaces/kube-system/secrets/i-0a1.node-password.k3s'],
      ['DELETE', SECRET],
      ['GET', '/api/v1/configmaps'],
      ['DELETE', `${SHOP}/pods/some`],
      ['DELETE', `${SHOP}/pods`],
      ['POST', `${SHOP}/pods`],
      ['PATCH', `${SHOP}/pods/some`],
      ['POST', `${SHOP}/pods/some/exec`],
      ['POST', `${SHOP}/pods/some/binding`],
      ['GET', `${SHOP}/pods/some/log`],
      ['POST', '/api/v1/nodes'],
      ['PATCH', '/api/v1/nodes/i-0a1/status'],
      ['GET', '/api/v1/nodes/i-0a1/proxy/metrics'],
      ['POST', '/api/v1/namespaces/node-fleet/serviceaccounts/autoscaler/token'],
      ['GET', '/apis/apps/v1/deployments'],
      ['PATCH', '/apis/apps/v1/namespaces/shop/deployments/some'],
      ['DELETE', '/apis/policy/v1/namespaces/shop/poddisruptionbudgets/some'],
      ['PATCH', '/apis/rbac.authorization.k8s.io/v1/clusterroles/node-fleet-autoscaler'],
      ['POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings'],
      ['GET', '/apis/coordination.k8s.io/v1/leases'],
      ['GET', '/metrics'],
    ] as const;
    const answers = await Promise.all(
      forbidden.map(async ([method, path]) => [method, path, await status(method, path)]),
    );
    expect(answers).toEqual(forbidden.map(([method, path]) => [method, path, 403]));
  });

  it('is enough for each of its effects', async () => {
    const effects = [
      perform.listNodes({ kind: 'listNodes' }, signal()),
      perform.listPods({ kind: 'listPods' }, signal()),
      perform.listNodePods({ kind: 'listNodePods', nodeName: 'nobody' }, signal()),
    ];
    expect((await Promise.all(effects)).map(({ ok }) => ok)).toEqual([true, true, true]);
    // What is asked of something that is not there is not found, which only who may ask is told.
    const uid = '00000000-0000-0000-0000-000000000000';
    const absent = [
      perform.taintNode(
        { kind: 'taintNode', nodeName: 'nobody', intentId: 'x', resourceVersion: '1' },
        signal(),
      ),
      perform.untaintNode({ kind: 'untaintNode', nodeName: 'nobody', intentId: 'x' }, signal()),
      perform.evictPod({ kind: 'evictPod', namespace: 'shop', name: 'nobody', uid }, signal()),
      perform.deleteNode({ kind: 'deleteNode', nodeName: 'nobody' }, signal()),
    ];
    expect(await Promise.all(absent)).toEqual(absent.map(() => refused('not-found')));
  });
});

describe('who is believed', () => {
  it('only the pinned authority: the real one, under another’s certificate, is told nothing', async () => {
    const access = { token: 'never sent', ca: makeCertificate().cert };
    const source = { get: () => Promise.resolve(access), renew: () => Promise.resolve(access) };
    const misled = new KubernetesApi(plane.url, source);
    const failed = await kubernetesPerformers(misled)
      .listNodes({ kind: 'listNodes' }, signal())
      .catch(failureOf);
    misled.close();
    expect(failed).toEqual(refused('unavailable'));
  });

  it('a token is refused once its Secret is deleted, and the next one is read anew', async () => {
    const before = await accessInSecret();
    await plane.admin.remove(SECRET);
    await applyManifest();
    const after = await accessInSecret();
    expect(after.token).not.toBe(before.token);
    let renewed = 0;
    const renewing = new KubernetesApi(plane.url, {
      get: () => Promise.resolve(before),
      renew: () => Promise.resolve(renewed++ === 0 ? after : before),
    });
    // A token that was good goes on being believed for some 10 s.
    const status = await eventually('the token to be refused', async () => {
      const answer = await renewing.call({ method: 'GET', path: '/api/v1/nodes' }, signal());
      return renewed === 0 ? null : answer.status;
    });
    renewing.close();
    expect([status, renewed]).toEqual([200, 1]);
    api.close();
    api = new KubernetesApi(plane.url, {
      get: () => Promise.resolve(after),
      renew: () => Promise.resolve(after),
    });
    perform = kubernetesPerformers(api);
  });
});

describe('nodes', () => {
  it('are joined to their instances by providerID, and the master is told from workers (S15)', async () => {
    const seen = await nodes();
    expect(
      seen.map(({ name, instanceId, controlPlane, ready }) => ({
        name,
        instanceId,
        controlPlane,
        ready,
      })),
    ).toEqual([
      { name: 'i-0a1', instanceId: 'i-0a1', controlPlane: false, ready: true },
      { name: 'i-0b2', instanceId: 'i-0b2', controlPlane: false, ready: true },
      { name: 'master', instanceId: null, controlPlane: true, ready: true },
    ]);
    expect(seen[0]).toMatchObject({
      internalIp: '10.20.1.5',
      allocatableMillicpu: 2000,
      allocatableMib: 3900,
      taintIntentId: null,
      cordoned: false,
    });
    expect(Math.abs(seen[0].createdAtMs - Date.now())).toBeLessThan(120_000);
  });

  it('our taint needs the version that was looked at: whatever has changed the node meanwhile wins (S18)', async () => {
    const before = await node('i-0a1');
    const taint = (resourceVersion: string, intentId = 'drain-1') =>
      perform.taintNode(
        { kind: 'taintNode', nodeName: 'i-0a1', intentId, resourceVersion },
        signal(),
      );
    await plane.admin.patch('/api/v1/nodes/i-0a1', { spec: { unschedulable: true } });
    expect(await taint(before.resourceVersion)).toEqual(refused('conflict'));
    expect(await node('i-0a1')).toMatchObject({ cordoned: true, taintIntentId: null });

    // The controller answers the cordon with a taint of its own; then the node is at rest.
    const settled = await eventually('the cordon’s own taint', async () => {
      const { spec } = await plane.admin.get<{ spec: { taints?: { key: string }[] } }>(
        '/api/v1/nodes/i-0a1',
      );
      const marked = spec.taints?.some(({ key }) => key === 'node.kubernetes.io/unschedulable');
      return marked === true ? node('i-0a1') : null;
    });
    expect(await taint(settled.resourceVersion)).toEqual({ ok: true });
    expect(await taint(settled.resourceVersion)).toEqual(refused('conflict'));
    const tainted = await node('i-0a1');
    expect(tainted).toMatchObject({ cordoned: true, taintIntentId: 'drain-1' });
    // The same again, on the version that it made, is no change and no error.
    expect(await taint(tainted.resourceVersion)).toEqual({ ok: true });
    expect((await node('i-0a1')).resourceVersion).toBe(tainted.resourceVersion);

    const untaint = (intentId: string) =>
      perform.untaintNode({ kind: 'untaintNode', nodeName: 'i-0a1', intentId }, signal());
    expect(await untaint('drain-0')).toEqual({ ok: true });
    expect((await node('i-0a1')).taintIntentId).toBe('drain-1');
    expect(await untaint('drain-1')).toEqual({ ok: true });
    // A person’s cordon is theirs, with the taint that goes with it.
    expect(await node('i-0a1')).toMatchObject({ cordoned: true, taintIntentId: null });
    expect(await untaint('drain-1')).toEqual({ ok: true });
    await plane.admin.patch('/api/v1/nodes/i-0a1', { spec: { unschedulable: null } });
    await eventually('the cordon to be lifted', async () =>
      (await node('i-0a1')).cordoned ? null : true,
    );
  });

  it('one that is NotReady is seen as such, and since when', async () => {
    const sinceMs = Date.now() - 1_000;
    await setReady(plane.admin, 'i-0b2', false);
    const seen = await node('i-0b2');
    expect(seen.ready).toBe(false);
    expect(seen.readyChangedAtMs).toBeGreaterThan(sinceMs - 1_000);
    await setReady(plane.admin, 'i-0b2', true);
    expect((await node('i-0b2')).ready).toBe(true);
  });

  it('is deleted with the password that K3s keeps for its name, and then is not found', async () => {
    const { admin } = plane;
    const passwords = '/api/v1/namespaces/kube-system/secrets';
    await join(admin, [workerNode('i-0c3', { instanceId: 'i-0c3' })]);
    const name = 'i-0c3.node-password.k3s';
    await admin.create(passwords, { metadata: { name } });
    const remove = () => perform.deleteNode({ kind: 'deleteNode', nodeName: 'i-0c3' }, signal());
    expect(await remove()).toEqual({ ok: true });
    expect((await nodes()).map((each) => each.name)).not.toContain('i-0c3');
    await expect(admin.get(`${passwords}/${name}`)).rejects.toThrow(/404/);
    expect(await remove()).toEqual(refused('not-found'));
  });
});

describe('pods', () => {
  it('without room are counted by shape, a gated one and those merely starting are not (S13)', async () => {
    await deploy('big', 3, { containers: asking('3', '1Gi') });
    await deploy('small', 2, { containers: asking('100m', '64Mi') });
    await deploy('far', 2, {
      containers: asking('100m', '64Mi'),
      nodeSelector: { 'topology.kubernetes.io/zone': 'ap-southeast-1c' },
    });
    await deploy('gated', 2, {
      containers: asking('3', '1Gi'),
      schedulingGates: [{ name: 'test/waits' }],
    });
    await scheduled('big', 3);
    await scheduled('far', 2);
    await scheduled('gated', 2);
    const started = await scheduled('small', 2);
    expect(started.map(({ status }) => status?.phase)).toEqual(['Pending', 'Pending']);
    const { shapes, unschedulable, perNode } = await pods();
    expect(
      shapes.map(({ requestMillicpu, requestMib, zone, pinnedBy }, s) => [
        requestMillicpu,
        requestMib,
        zone,
        pinnedBy,
        unschedulable[s],
      ]),
    ).toEqual([
      [100, 64, null, null, 0],
      [100, 64, 'ap-southeast-1c', null, 2],
      [3000, 1024, null, null, 3],
    ]);
    expect(perNode.flatMap(({ counts }) => counts).reduce((a, b) => a + b, 0)).toBe(2);
    for (const app of ['big', 'small', 'far', 'gated']) {
      await withdraw(app);
    }
  });

  it('of a DaemonSet go with their node, and take of its room', async () => {
    const { admin } = plane;
    await admin.apply({
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'exporter', namespace: 'shop' },
      spec: {
        selector: { matchLabels: { app: 'exporter' } },
        template: {
          metadata: { labels: { app: 'exporter' } },
          spec: { containers: asking('70m', '100Mi') },
        },
      },
    });
    // The master’s taint keeps it off.
    await scheduled('exporter', 2);
    expect((await node('i-0a1')).allocatableMillicpu).toBe(1930);
    expect((await node('i-0a1')).allocatableMib).toBe(3800);
    expect(await podsOn('i-0a1')).toEqual([]);
    expect((await pods()).perNode).toEqual([]);
    await admin.remove('/apis/apps/v1/namespaces/shop/daemonsets/exporter');
    await eventually('the exporters to be gone', async () => {
      await kubelets(admin, { runs: false });
      return (await podObjects('exporter')).length === 0 ? true : null;
    });
  });

  it('are read to the last page', async () => {
    const { admin } = plane;
    const count = 1_001;
    let made = 0;
    const make = async (): Promise<void> => {
      while (made < count) {
        const name = `many-${String(made++)}`;
        await admin.create(`${SHOP}/pods`, {
          metadata: { name, labels: { app: 'many' } },
          spec: { containers: asking('1m', '1Mi'), schedulingGates: [{ name: 'test/waits' }] },
        });
      }
    };
    await Promise.all(Array.from({ length: 16 }, make));
    const listed = (await api.list('/api/v1/pods', signal())) as PodObject[];
    expect(new Set(listed.map(({ metadata }) => metadata.uid)).size).toBe(count);
    await admin.removeAll(`${SHOP}/pods`);
    expect(await api.list('/api/v1/pods', signal())).toEqual([]);
  });
});

describe('an eviction', () => {
  const evict = ({ metadata }: PodObject, uid = metadata.uid!) =>
    perform.evictPod({ kind: 'evictPod', namespace: 'shop', name: metadata.name, uid }, signal());
  const budget = (name: string, minAvailable: number): Promise<void> =>
    plane.admin.apply({
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name, namespace: 'shop' },
      spec: { minAvailable, selector: { matchLabels: { app: 'web' } } },
    });
  const budgets = '/apis/policy/v1/namespaces/shop/poddisruptionbudgets';
  const allowed = (name: string, disruptionsAllowed: number) =>
    eventually(`a budget of ${String(disruptionsAllowed)}`, async () => {
      const { status } = await plane.admin.get<{
        status?: { disruptionsAllowed?: number; expectedPods?: number };
      }>(`${budgets}/${name}`);
      const settled = status?.expectedPods === 3;
      return settled && status.disruptionsAllowed === disruptionsAllowed ? true : null;
    });

  test('is of the pod that was seen; a budget refuses it until it allows one; accepted is not gone (S22)', async () => {
    const { admin } = plane;
    await deploy('web', 3, {
      containers: asking('100m', '64Mi'),
      terminationGracePeriodSeconds: 60,
    });
    await scheduled('web', 3);
    await budget('web', 3);
    await kubelets(admin);
    await allowed('web', 0);
    const [victim] = await podObjects('web');
    const nodeName = victim.spec!.nodeName!;

    // Budgets are asked before the UID is looked at.
    const another = '00000000-0000-0000-0000-000000000000';
    expect(await evict(victim, another)).toEqual(refused('blocked-by-pdb'));
    expect(await evict(victim)).toEqual(refused('blocked-by-pdb'));
    const listed = async () =>
      (await podsOn(nodeName)).find(({ uid }) => uid === victim.metadata.uid);
    expect(await listed()).toMatchObject({ terminatesAtMs: null, pinnedBy: 'blocked-by-pdb' });

    await budget('web', 2);
    await allowed('web', 1);
    expect(await listed()).toMatchObject({ pinnedBy: null });
    // As a dry run it would go, and neither pod nor budget knows of it.
    const { uid, name } = victim.metadata;
    const wanted = { namespace: 'shop', name, uid: uid! };
    expect(await evictPod(api, wanted, signal(), { dryRun: true })).toEqual({ ok: true });
    expect(await listed()).toMatchObject({ terminatesAtMs: null, pinnedBy: null });
    expect(await evict(victim)).toEqual({ ok: true });
    // It ends, and takes its room until it has.
    const ending = await listed();
    expect(ending!.terminatesAtMs! - Date.now()).toBeGreaterThan(30_000);
    const { perNode } = await pods();
    expect(perNode.find((each) => each.nodeName === nodeName)!.counts[0]).toBeGreaterThan(0);
    // Asked again it is as well as gone; the budget is spent until another has taken its place.
    expect(await evict(victim)).toEqual({ ok: true });
    const [second] = (await podObjects('web')).filter(
      ({ metadata, status }) =>
        metadata.deletionTimestamp === undefined && status?.phase === 'Running',
    );
    expect(await evict(second)).toEqual(refused('blocked-by-pdb'));

    await kubelets(admin, { runs: false });
    expect(await listed()).toBeUndefined();
    expect(await evict(victim)).toEqual(refused('not-found'));

    await scheduled('web', 3);
    await kubelets(admin);
    await allowed('web', 1);
    // Whoever asks for a pod that has another's name by now evicts nothing, and yet spends the budget for two minutes.
    expect(await evict(second, another)).toEqual(refused('not-found'));
    expect(await evict(second)).toEqual(refused('blocked-by-pdb'));
    await budget('web-too', 1);
    await allowed('web-too', 2);
    expect(await evict(second)).toEqual(refused('ambiguous-pdb'));
    expect((await podsOn(second.spec!.nodeName!))[0].pinnedBy).toBe('blocked-by-pdb');
    await admin.remove(`${budgets}/web`);
    await admin.remove(`${budgets}/web-too`);
    await withdraw('web');
  });
});

describe('the engine', () => {
  /** What is asked of others than Kubernetes: a quiet shop, three instances, a table. */
  function surroundings(clock: () => number, ids: readonly string[]) {
    const table = new Table();
    const state = { ...emptyState('node-fleet'), known: ids, joined: ids, desired: ids.length };
    table.stored = { kind: 'known', state };
    const instances = ids.map((id, n): Instance => ({
      id,
      state: 'running',
      zone: ZONES[n % 2],
      market: 'on-demand',
      launchedAtMs: Date.now() - 3_600_000,
      privateIp: null,
      clientToken: null,
      birthEpoch: 1,
      statusCheckFailed: false,
    }));
    const terminated: string[] = [];
    const alive = () =>
      instances.map((each): Instance =>
        terminated.includes(each.id) ? { ...each, state: 'terminated' } : each,
      );
    const reading = (value: number, atMs: number): Reading => ({
      value,
      sampledAtMs: atMs - 5_000,
      coverageRatio: 1,
      missing: null,
    });
    const ok = { ok: true } as const;
    const others: Omit<Performers, keyof typeof perform | 'pause'> = {
      acquireLock: (effect) => Promise.resolve(table.acquireLock(effect, clock())),
      readLock: () => Promise.resolve({ ...ok, lock: table.lock, stored: table.stored }),
      commitState: (effect) => Promise.resolve(table.commitState(effect, clock())),
      releaseLock: (effect) => Promise.resolve(table.releaseLock(effect, clock())),
      readInbox: () => Promise.resolve({ ...ok, inbox: table.inbox }),
      clearInbox: () => Promise.resolve(ok),
      queryMetrics: ({ atMs }) =>
        Promise.resolve({
          ...ok,
          metrics: {
            cpuPercent: reading(10, atMs),
            memoryPercent: reading(20, atMs),
            unschedulablePods: reading(0, atMs),
            apiLatencyP95Ms: reading(80, atMs),
            requestsPerSecond: reading(1, atMs),
            custom: [],
          },
        }),
      listInstances: () => Promise.resolve({ ...ok, instances: alive() }),
      describeInstances: ({ ids: wanted }) =>
        Promise.resolve({
          ...ok,
          instances: alive().filter(({ id }) => wanted.includes(id)),
          foreign: [],
        }),
      launchInstances: () => expect.fail('nothing is to be launched'),
      terminateInstance: ({ instanceId }) => {
        terminated.push(instanceId);
        return Promise.resolve(ok);
      },
      appendJournal: () => Promise.resolve(ok),
      publishMetrics: () => Promise.resolve(ok),
      notify: () => Promise.resolve(ok),
    };
    return { table, terminated, others };
  }

  it('drains a worker as its budget allows, and terminates it when the last pod has gone (S11, S22)', async () => {
    const { admin } = plane;
    await join(admin, [workerNode('i-0c3', { instanceId: 'i-0c3', zone: ZONES[0] })]);
    await deploy('web', 9, { containers: asking('100m', '64Mi') });
    await scheduled('web', 9);
    await admin.apply({
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'web', namespace: 'shop' },
      spec: { minAvailable: 8, selector: { matchLabels: { app: 'web' } } },
    });
    await kubelets(admin);
    /** Of the workload’s pods, those that run. */
    const running = async () =>
      (await podObjects('web')).filter(
        ({ metadata, status }) =>
          metadata.deletionTimestamp === undefined && status?.phase === 'Running',
      ).length;

    let aheadMs = 0;
    const clock = (): number => Date.now() + aheadMs;
    const { table, terminated, others } = surroundings(clock, ['i-0a1', 'i-0b2', 'i-0c3']);
    let fewestRunning = 9;
    let evictions = 0;
    const left: number[] = [];
    /** Time goes on: pods end and start. */
    const passMs = async (ms: number): Promise<void> => {
      aheadMs += ms;
      fewestRunning = Math.min(fewestRunning, await running());
      await kubelets(admin);
    };
    const performers: Performers = {
      ...perform,
      ...others,
      pause: async ({ untilMs }) => {
        await passMs(Math.max(0, untilMs - clock()));
        return { ok: true };
      },
      evictPod: async (effect, abort) => {
        const answer = await perform.evictPod(effect, abort);
        evictions += answer.ok ? 1 : 0;
        return answer;
      },
      terminateInstance: async (effect, abort) => {
        const pods = await podObjects('web');
        left.push(pods.filter(({ spec }) => spec?.nodeName === effect.instanceId).length);
        return others.terminateInstance(effect, abort);
      },
    };
    const configured = configurePolicy('node-fleet', { nodeCountMin: 2, nodeCountMax: 5 });
    if (!configured.ok) {
      expect.fail(JSON.stringify(configured.problems));
    }
    const cluster: Cluster = {
      id: 'shop',
      zones: ZONES,
      template: { allocatableMillicpu: 2000, allocatableMib: 3900 },
      templateVersion: '1',
      onDemandBdtPerHour: 33.33,
      spotBdtPerHour: 10,
      calendar: [],
      timeZoneOffsetMinutes: 360,
      operatorDelaysMs: [],
    };
    const log: string[] = [];
    for (let n = 0; n < 12 && (await nodes()).length > 3; n++) {
      const nowMs = clock();
      const record = await runAsync(
        cycle({
          nowMs,
          triggeredAtMs: nowMs,
          trigger: 'schedule',
          deadlineMs: nowMs + 60_000,
          nonce: String(n),
          mode: 'act',
          cluster,
          configured: configured.configured,
        }),
        interpreter(performers, clock, (_level, message, fields) =>
          log.push(`${message} ${JSON.stringify(fields)}`),
        ),
      );
      log.push(JSON.stringify(record?.events));
      await passMs(120_000);
    }
    const names = (await nodes()).map(({ name }) => name);
    expect({ names, log }).toMatchObject({
      names: [expect.any(String), expect.any(String), 'master'],
    });
    expect(terminated).toHaveLength(1);
    expect(names).not.toContain(terminated[0]);
    expect(left).toEqual([0]);
    expect(evictions).toBeGreaterThan(1);
    expect(fewestRunning).toBe(8);
    expect(table.stored).toMatchObject({ kind: 'known', state: { drains: [] } });
    expect((await nodes()).map(({ taintIntentId }) => taintIntentId)).toEqual([null, null, null]);
    await scheduled('web', 9);
    await kubelets(admin);
    expect(await running()).toBe(9);
  });
});
