import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import type { AccessSource } from '../../../adapters/kubernetes/client.ts';
import { KubernetesApi } from '../../../adapters/kubernetes/client.ts';
import { evicted, evictPod, kubernetesPerformers } from '../../../adapters/kubernetes/perform.ts';
import { CallFailed, failureOf } from '../../../adapters/failure.ts';
import { makeCertificate } from './certificate.ts';
import { FakeKubernetes } from './fake-api.ts';
import { kubeNode, kubePod, replicaSet } from './objects.ts';

const certificate = makeCertificate();
const stranger = makeCertificate();
let fake: FakeKubernetes;
let api: KubernetesApi;

beforeAll(async () => {
  fake = await FakeKubernetes.start(certificate);
});

afterAll(async () => {
  api.close();
  await fake.stop();
});

/** @param renewed what the secret holds by now */
function access(token: string, ca = certificate.cert, renewed = { token, ca }): AccessSource {
  return {
    get: () => Promise.resolve({ token, ca }),
    renew: () => Promise.resolve(renewed),
  };
}

beforeEach(() => {
  api?.close();
  api = new KubernetesApi(fake.url, access(fake.token));
  fake.nodes.clear();
  fake.secrets.clear();
  fake.calls.length = 0;
  fake.pods = [];
  fake.budgets = [];
  fake.daemonSets = [];
  fake.replicaSets = [replicaSet('shop-1', 3)];
  fake.beforePatch = () => {};
  fake.pageMax = 500;
});

const signal = () => AbortSignal.timeout(5_000);
const perform = () => kubernetesPerformers(api);

async function failure(promise: Promise<unknown>): Promise<object> {
  return failureOf(await promise.catch((error: unknown) => error));
}

describe('who is believed', () => {
  it('only the pinned authority: a certificate of another one is refused before anything is said', async () => {
    api = new KubernetesApi(fake.url, access(fake.token, stranger.cert));
    expect(await failure(perform().listNodes({ kind: 'listNodes' }, signal()))).toEqual({
      ok: false,
      certainty: 'refused',
      reason: 'unavailable',
    });
    expect(fake.calls).toEqual([]);
  });

  it('an authority that has changed is read anew', async () => {
    const now = { token: fake.token, ca: certificate.cert };
    api = new KubernetesApi(fake.url, access(fake.token, stranger.cert, now));
    expect((await perform().listNodes({ kind: 'listNodes' }, signal())).ok).toBe(true);
  });

  it('a refused token is read anew, and the call made with it; a refused one that is still the same is not', async () => {
    const now = { token: fake.token, ca: certificate.cert };
    api = new KubernetesApi(fake.url, access('old', certificate.cert, now));
    expect((await perform().listNodes({ kind: 'listNodes' }, signal())).ok).toBe(true);
    api = new KubernetesApi(fake.url, access('wrong'));
    expect(await failure(perform().listNodes({ kind: 'listNodes' }, signal()))).toMatchObject({
      certainty: 'refused',
    });
  });

  it('nothing but https', () => {
    expect(() => new KubernetesApi('http://127.0.0.1:6443', access('x'))).toThrow(/over https/);
  });
});

describe('lists', () => {
  it('are read page by page', async () => {
    fake.pageMax = 2;
    fake.pods = [1, 2, 3, 4, 5].map((n) => kubePod(`p${String(n)}`));
    const answer = await perform().listPods({ kind: 'listPods' }, signal());
    expect(answer.ok && answer.pods.unschedulable).toEqual([5]);
    expect(fake.calls.filter((call) => call === 'GET /api/v1/pods')).toHaveLength(3);
  });

  it('that break off are not believed in part', async () => {
    fake.pageMax = 2;
    fake.pods = [1, 2, 3].map((n) => kubePod(`p${String(n)}`));
    fake.next.set('GET /apis/policy/v1/poddisruptionbudgets', [{ status: 500, json: {} }]);
    expect(await failure(perform().listPods({ kind: 'listPods' }, signal()))).toMatchObject({
      reason: 'unavailable',
    });
  });

  it('nodes: sorted, matched by provider id, net of DaemonSets, with our taint and theirs apart (S15, S18)', async () => {
    fake.daemonSets = [
      {
        metadata: { name: 'exporter' },
        spec: {
          template: {
            spec: { containers: [{ resources: { requests: { cpu: '10m', memory: '24Mi' } } }] },
          },
        },
      },
      {
        metadata: { name: 'windows' },
        spec: {
          template: {
            spec: {
              nodeSelector: { 'kubernetes.io/os': 'windows' },
              containers: [{ resources: { requests: { cpu: '1' } } }],
            },
          },
        },
      },
    ];
    fake.put({
      ...kubeNode('i-2', { instanceId: 'i-02', sinceMs: 5_000 }),
      spec: {
        providerID: 'aws:///ap-southeast-1a/i-02',
        unschedulable: true,
        taints: [
          { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' },
          { key: 'node-fleet/draining', value: 'drain-1', effect: 'NoSchedule' },
        ],
      },
    });
    fake.put(kubeNode('i-1', { ready: false }));
    fake.put(kubeNode('master', { controlPlane: true }));
    const answer = await perform().listNodes({ kind: 'listNodes' }, signal());
    const nodes = answer.ok ? answer.nodes : [];
    expect(nodes.map(({ name }) => name)).toEqual(['i-1', 'i-2', 'master']);
    expect(nodes[0]).toMatchObject({
      instanceId: null,
      ready: false,
      cordoned: false,
      taintIntentId: null,
    });
    expect(nodes[1]).toMatchObject({
      instanceId: 'i-02',
      internalIp: '10.20.1.5',
      ready: true,
      readyChangedAtMs: 5_000,
      cordoned: true,
      taintIntentId: 'drain-1',
      allocatableMillicpu: 1990,
      allocatableMib: 3876,
      controlPlane: false,
    });
    expect(nodes[2].controlPlane).toBe(true);
  });

  it('a node’s pods alone', async () => {
    fake.pods = [kubePod('here', { nodeName: 'n1' }), kubePod('there', { nodeName: 'n2' })];
    const answer = await perform().listNodePods({ kind: 'listNodePods', nodeName: 'n1' }, signal());
    expect(answer.ok && answer.pods.map(({ name }) => name)).toEqual(['here']);
  });
});

describe('our taint', () => {
  const taint = (resourceVersion: string) =>
    perform().taintNode(
      { kind: 'taintNode', nodeName: 'n1', intentId: 'drain-1', resourceVersion },
      signal(),
    );
  const version = () => fake.nodes.get('n1')!.metadata.resourceVersion!;
  const taints = () => fake.nodes.get('n1')!.spec?.taints;
  const theirs = { key: 'disk', value: 'full', effect: 'NoExecute' };

  it('is put beside those of others, and taken off without them', async () => {
    fake.put({ ...kubeNode('n1'), spec: { taints: [theirs] } });
    expect(await taint(version())).toEqual({ ok: true });
    const ours = { key: 'node-fleet/draining', value: 'drain-1', effect: 'NoSchedule' };
    expect(taints()).toEqual([theirs, ours]);
    const untaint = (intentId: string) =>
      perform().untaintNode({ kind: 'untaintNode', nodeName: 'n1', intentId }, signal());
    expect(await untaint('drain-0')).toEqual({ ok: true });
    expect(taints()).toEqual([theirs, ours]);
    expect(await untaint('drain-1')).toEqual({ ok: true });
    expect(taints()).toEqual([theirs]);
    const before = version();
    expect(await untaint('drain-1')).toEqual({ ok: true });
    expect(version()).toBe(before);
  });

  it('is not put on a node that has changed since it was looked at, or changes meanwhile', async () => {
    fake.put(kubeNode('n1'));
    const conflict = { ok: false, certainty: 'refused', reason: 'conflict' };
    const before = version();
    fake.put(kubeNode('n1'));
    expect(await taint(before)).toEqual(conflict);
    fake.beforePatch = (node) => fake.put(node);
    expect(await taint(version())).toEqual(conflict);
    expect(taints()).toBeUndefined();
  });

  it('is taken off though the node changes meanwhile, but not when another taint stands in its place', async () => {
    fake.put(kubeNode('n1'));
    await taint(version());
    fake.beforePatch = (node) => fake.put(node);
    const untaint = () =>
      perform().untaintNode({ kind: 'untaintNode', nodeName: 'n1', intentId: 'drain-1' }, signal());
    expect(await untaint()).toEqual({ ok: true });
    fake.beforePatch = () => {};
    await taint(version());
    fake.beforePatch = (node) =>
      fake.put({ ...node, spec: { taints: [theirs, ...(node.spec?.taints ?? [])] } });
    expect(await failure(untaint())).toMatchObject({ certainty: 'refused', reason: 'unavailable' });
    expect(taints()).toHaveLength(2);
  });

  it('a node that is gone is not found', async () => {
    const notFound = { ok: false, certainty: 'refused', reason: 'not-found' };
    expect(await taint('1')).toEqual(notFound);
    const untaint = { kind: 'untaintNode', nodeName: 'n1', intentId: 'drain-1' } as const;
    expect(await perform().untaintNode(untaint, signal())).toEqual(notFound);
  });
});

describe('an eviction', () => {
  const evict = (name: string, uid = `uid-${name}`) =>
    perform().evictPod({ kind: 'evictPod', namespace: 'shop', name, uid }, signal());
  const refused = (reason: string) => ({ ok: false, certainty: 'refused', reason });
  const budget = (disruptionsAllowed: number) => ({
    metadata: { name: 'pdb', namespace: 'shop' },
    spec: { selector: { matchLabels: { app: 'shop' } } },
    status: { disruptionsAllowed },
  });

  it('is of the pod that was seen, and of no other that bears its name', async () => {
    fake.pods = [kubePod('p', { nodeName: 'n1' })];
    expect(await evict('p', 'uid-of-the-one-before')).toEqual(refused('not-found'));
    expect(fake.pods).toHaveLength(1);
    expect(await evict('p')).toEqual({ ok: true });
    expect(await evict('p')).toEqual(refused('not-found'));
  });

  it('as a dry run is judged like another, and leaves the pod alone', async () => {
    fake.pods = [kubePod('p', { nodeName: 'n1' })];
    const pod = { namespace: 'shop', name: 'p', uid: 'uid-p' };
    const tried = () => evictPod(api, pod, signal(), { dryRun: true });
    expect(await tried()).toEqual({ ok: true });
    expect(fake.pods).toHaveLength(1);
    fake.budgets = [budget(0)];
    expect(await tried()).toEqual(refused('blocked-by-pdb'));
  });

  it('a budget refuses for now, two of them for ever', async () => {
    fake.pods = [kubePod('p', { nodeName: 'n1' })];
    fake.budgets = [budget(0)];
    expect(await evict('p')).toEqual(refused('blocked-by-pdb'));
    fake.budgets = [budget(1), budget(1)];
    expect(await evict('p')).toEqual(refused('ambiguous-pdb'));
  });

  it('a 429 without a budget is the API’s own limit, and a 500 without one may have done it (S22)', () => {
    const thrown = (status: number): object => {
      try {
        return evicted(status, { message: 'too many requests' });
      } catch (error) {
        expect(error).toBeInstanceOf(CallFailed);
        return failureOf(error);
      }
    };
    expect(thrown(429)).toMatchObject({ certainty: 'refused', reason: 'throttled' });
    expect(thrown(500)).toMatchObject({ certainty: 'unknown', reason: 'unavailable' });
    expect(thrown(403)).toMatchObject({ certainty: 'refused', reason: 'unavailable' });
  });
});

test('a node goes with its password, whose loss is no loss; the password goes first', async () => {
  const forget = () => perform().deleteNode({ kind: 'deleteNode', nodeName: 'n1' }, signal());
  fake.put(kubeNode('n1'));
  fake.secrets.add('n1.node-password.k3s');
  expect(await forget()).toEqual({ ok: true });
  expect([fake.nodes.size, fake.secrets.size]).toEqual([0, 0]);
  fake.put(kubeNode('n1'));
  expect(await forget()).toEqual({ ok: true });
  expect(await forget()).toEqual({ ok: false, certainty: 'refused', reason: 'not-found' });
  fake.put(kubeNode('n1'));
  const secret = 'DELETE /api/v1/namespaces/kube-system/secrets/n1.node-password.k3s';
  fake.next.set(secret, [{ status: 403, json: {} }]);
  expect(await failure(forget())).toMatchObject({ certainty: 'refused' });
  expect(fake.nodes.size).toBe(1);
});
