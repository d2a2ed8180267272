import type { PodOnNode } from '../../engine/index.ts';
import type { AnswerTo, Performers } from '../answer.ts';
import { unexpected, type KubernetesApi } from './client.ts';
import { kubeNodes, TAINT_EFFECT, TAINT_KEY } from './nodes.ts';
import type {
  DaemonSetObject,
  DisruptionBudgetObject,
  NodeObject,
  PodObject,
  ReplicaSetObject,
} from './objects.ts';
import type { Surroundings } from './pins.ts';
import { podsByShape, podsOnNode } from './pods.ts';

type Kind =
  | 'listNodes'
  | 'listPods'
  | 'listNodePods'
  | 'taintNode'
  | 'untaintNode'
  | 'evictPod'
  | 'deleteNode';

const NOT_FOUND = { ok: false, certainty: 'refused', reason: 'not-found' } as const;
const CONFLICT = { ok: false, certainty: 'refused', reason: 'conflict' } as const;

/** The effects that are the Kubernetes API’s. Nothing is decided here, and nothing sent twice. */
export function kubernetesPerformers(api: KubernetesApi): Performers<Kind> {
  const surroundings = async (signal: AbortSignal): Promise<Surroundings> => {
    const [replicaSets, budgets] = await allSettled([
      api.list('/apis/apps/v1/replicasets', signal),
      api.list('/apis/policy/v1/poddisruptionbudgets', signal),
    ]);
    return {
      replicaSets: replicaSets as readonly ReplicaSetObject[],
      budgets: budgets as readonly DisruptionBudgetObject[],
    };
  };

  return {
    listNodes: async (_effect, signal) => {
      const [nodes, daemonSets] = await allSettled([
        api.list('/api/v1/nodes', signal),
        api.list('/apis/apps/v1/daemonsets', signal),
      ]);
      return {
        ok: true,
        nodes: kubeNodes(nodes as readonly NodeObject[], daemonSets as readonly DaemonSetObject[]),
      };
    },

    listPods: async (_effect, signal) => {
      const [pods, around] = await allSettled([
        api.list('/api/v1/pods', signal),
        surroundings(signal),
      ]);
      return { ok: true, pods: podsByShape(pods as readonly PodObject[], around) };
    },

    listNodePods: async ({ nodeName }, signal) => {
      const [pods, around] = await allSettled([
        api.list('/api/v1/pods', signal, { fieldSelector: `spec.nodeName=${nodeName}` }),
        surroundings(signal),
      ]);
      return { ok: true, pods: podsOnNode(pods as readonly PodObject[], around) };
    },

    taintNode: ({ nodeName, intentId, resourceVersion }, signal) =>
      taintNode(api, nodeName, intentId, resourceVersion, signal),

    untaintNode: async ({ nodeName, intentId }, signal) => {
      const path = nodePath(nodeName);
      const node = await readNode(api, path, signal);
      if (node === null) {
        return NOT_FOUND;
      }
      const taints = node.spec?.taints ?? [];
      const index = taints.findIndex(
        ({ key, value = '' }) => key === TAINT_KEY && value === intentId,
      );
      if (index < 0) {
        return { ok: true };
      }
      // That it is still ours in that place is tested by the API, whatever else of the node has changed meanwhile.
      const place = `/spec/taints/${String(index)}`;
      const body = [
        { op: 'test', path: place, value: taints[index] },
        { op: 'remove', path: place },
      ];
      const contentType = 'application/json-patch+json';
      const patched = await api.call({ method: 'PATCH', path, body, contentType }, signal);
      if (patched.status === 200) {
        return { ok: true };
      }
      if (patched.status === 404) {
        return NOT_FOUND;
      }
      throw unexpected('taking a taint off', patched.status);
    },

    evictPod: (pod, signal) => evictPod(api, pod, signal),

    deleteNode: async ({ nodeName }, signal) => {
      // The Secret first: without its node nobody would come back for it, and K3s would refuse the name.
      const secret = `/api/v1/namespaces/kube-system/secrets/${encodeURIComponent(`${nodeName}.node-password.k3s`)}`;
      const forgotten = await api.call({ method: 'DELETE', path: secret }, signal);
      if (forgotten.status >= 300 && forgotten.status !== 404) {
        throw unexpected('deleting a node password', forgotten.status);
      }
      const deleted = await api.call({ method: 'DELETE', path: nodePath(nodeName) }, signal);
      if (deleted.status === 404) {
        return NOT_FOUND;
      }
      if (deleted.status >= 300) {
        throw unexpected('deleting a node', deleted.status);
      }
      return { ok: true };
    },
  };
}

/** A node; null: there is none at that path. */
async function readNode(
  api: KubernetesApi,
  path: string,
  signal: AbortSignal,
): Promise<NodeObject | null> {
  const read = await api.call({ method: 'GET', path }, signal);
  if (read.status === 404) {
    return null;
  }
  if (read.status !== 200) {
    throw unexpected('reading a node', read.status);
  }
  return read.json as NodeObject;
}

/** Puts our taint on a node, if it is still the one that was looked at. */
export async function taintNode(
  api: KubernetesApi,
  nodeName: string,
  intentId: string,
  resourceVersion: string,
  signal: AbortSignal,
): Promise<AnswerTo<'taintNode'>> {
  const path = nodePath(nodeName);
  const node = await readNode(api, path, signal);
  if (node === null) {
    return NOT_FOUND;
  }
  const { spec } = node;
  const others = (spec?.taints ?? []).filter(({ key }) => key !== TAINT_KEY);
  const taints = [...others, { key: TAINT_KEY, value: intentId, effect: TAINT_EFFECT }];
  // The whole list is replaced, on condition that the node is still the one that was looked at.
  const body = { metadata: { resourceVersion }, spec: { taints } };
  const contentType = 'application/merge-patch+json';
  const patched = await api.call({ method: 'PATCH', path, body, contentType }, signal);
  switch (patched.status) {
    case 200:
      return { ok: true };
    case 404:
      return NOT_FOUND;
    case 409:
      return CONFLICT;
    default:
      throw unexpected('tainting a node', patched.status);
  }
}

/** Evicts a pod, if it is still the one that was looked at. As a dry run the API checks all of it, and leaves pod and budget alone. */
export async function evictPod(
  api: Pick<KubernetesApi, 'call'>,
  { namespace, name, uid }: Pick<PodOnNode, 'namespace' | 'name' | 'uid'>,
  signal: AbortSignal,
  { dryRun = false } = {},
): Promise<AnswerTo<'evictPod'>> {
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}/eviction`;
  const body = {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name, namespace },
    deleteOptions: { preconditions: { uid } },
  };
  const query = dryRun ? { dryRun: 'All' } : {};
  const answer = await api.call({ method: 'POST', path, query, body }, signal);
  return evicted(answer.status, answer.json);
}

/**
 * What an eviction’s answer means. 429 is a disruption budget’s no only where it says so, or else the API’s own rate
 * limit; a 500 that names budgets means two of them on one pod, which no waiting cures (S22).
 */
export function evicted(status: number, json: unknown): AnswerTo<'evictPod'> {
  const { message = '', details } = (json ?? {}) as {
    message?: string;
    details?: { causes?: readonly { reason?: string }[] };
  };
  const byBudget =
    (details?.causes ?? []).some(({ reason }) => reason === 'DisruptionBudget') ||
    /disruption ?budget/i.test(message);
  if (status >= 200 && status < 300) {
    return { ok: true };
  }
  if (status === 404 || status === 409) {
    // 409: another pod has that name by now.
    return NOT_FOUND;
  }
  if (status === 429 && byBudget) {
    return { ok: false, certainty: 'refused', reason: 'blocked-by-pdb' };
  }
  if (status === 500 && byBudget) {
    return { ok: false, certainty: 'refused', reason: 'ambiguous-pdb' };
  }
  throw unexpected('an eviction', status);
}

function nodePath(nodeName: string): string {
  return `/api/v1/nodes/${encodeURIComponent(nodeName)}`;
}

/** As Promise.all, but settled as a whole: when it rejects, nothing of it is still under way (S7). */
async function allSettled<const T extends readonly Promise<unknown>[]>(
  promises: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const settled = await Promise.allSettled(promises);
  for (const each of settled) {
    if (each.status === 'rejected') {
      throw each.reason;
    }
  }
  return settled.map((each) => (each as PromiseFulfilledResult<unknown>).value) as {
    -readonly [K in keyof T]: Awaited<T[K]>;
  };
}
