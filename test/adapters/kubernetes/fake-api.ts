import type { IncomingMessage } from 'node:http';
import {
  selects,
  type DaemonSetObject,
  type DisruptionBudgetObject,
  type NodeObject,
  type PodObject,
  type ReplicaSetObject,
} from '../../../adapters/kubernetes/objects.ts';
import type { Certificate } from './certificate.ts';
import { PretendedApi, type Answer } from './pretended-api.ts';

/**
 * A Kubernetes API that has exactly the calls that our adapter makes, over TLS, with a bearer token, resource versions and
 * disruption budgets. It is our reading of Kubernetes, not Kubernetes: a real control plane is another test’s.
 */
export class FakeKubernetes extends PretendedApi {
  token = 'token-1';
  /** A list is given in pages of at most this many. */
  pageMax = 500;
  /** How long an evicted pod goes on; 0: it is gone at once. */
  graceMs = 0;
  readonly nodes = new Map<string, NodeObject>();
  pods: PodObject[] = [];
  replicaSets: ReplicaSetObject[] = [];
  daemonSets: DaemonSetObject[] = [];
  budgets: DisruptionBudgetObject[] = [];
  /** Names of Secrets in kube-system. */
  readonly secrets = new Set<string>();
  /** `METHOD /path` of each call, in order. */
  readonly calls: string[] = [];
  /** Answers that come before any other, by `METHOD /path`; each is given once. */
  readonly next = new Map<string, Answer[]>();
  /** Called just before a node is patched: what a kubelet does meanwhile. */
  beforePatch: (node: NodeObject) => void = () => {};

  /** Called at each call, before it is answered. */
  called: () => void = () => {};

  #version = 1;

  static async start(certificate: Certificate): Promise<FakeKubernetes> {
    const fake = new FakeKubernetes(certificate);
    await fake.listen();
    return fake;
  }

  put(node: NodeObject): void {
    const metadata = { ...node.metadata, resourceVersion: String(++this.#version) };
    this.nodes.set(node.metadata.name, { ...node, metadata });
  }

  protected override answer(request: IncomingMessage, url: URL, body: unknown): Answer {
    const { method = '', headers } = request;
    const contentType = headers['content-type'] ?? '';
    if (headers.authorization !== `Bearer ${this.token}`) {
      return failure(401, 'Unauthorized');
    }
    const call = `${method} ${url.pathname}`;
    this.calls.push(call);
    this.called();
    const prepared = this.next.get(call)?.shift();
    if (prepared !== undefined) {
      return prepared;
    }
    switch (call) {
      case 'GET /api/v1/nodes':
        return this.#list([...this.nodes.values()], url);
      case 'GET /api/v1/pods': {
        const [field, nodeName] = (url.searchParams.get('fieldSelector') ?? '').split('=');
        const pods =
          field === 'spec.nodeName'
            ? this.pods.filter(({ spec }) => spec?.nodeName === nodeName)
            : this.pods;
        return this.#list(pods, url);
      }
      case 'GET /apis/apps/v1/replicasets':
        return this.#list(this.replicaSets, url);
      case 'GET /apis/apps/v1/daemonsets':
        return this.#list(this.daemonSets, url);
      case 'GET /apis/policy/v1/poddisruptionbudgets':
        return this.#list(this.budgets, url);
    }
    const [, kind, name] = /^\/api\/v1\/(nodes)\/([^/]+)$/.exec(url.pathname) ?? [];
    if (kind !== undefined) {
      return this.#node(method, name, body, contentType);
    }
    const eviction = /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^/]+)\/eviction$/.exec(url.pathname);
    if (eviction !== null && method === 'POST') {
      return this.#evict(eviction[1], eviction[2], body, url.searchParams.get('dryRun') === 'All');
    }
    const secret = /^\/api\/v1\/namespaces\/kube-system\/secrets\/([^/]+)$/.exec(url.pathname);
    if (secret !== null && method === 'DELETE') {
      return this.secrets.delete(secret[1]) ? ok({}) : failure(404, 'not found');
    }
    return failure(404, 'the server could not find the requested resource');
  }

  #list(items: readonly object[], url: URL): Answer {
    const limit = Math.min(Number(url.searchParams.get('limit') ?? Infinity), this.pageMax);
    const from = Number(url.searchParams.get('continue') ?? 0);
    const more = from + limit < items.length;
    return ok({
      items: items.slice(from, from + limit),
      metadata: more ? { continue: String(from + limit) } : {},
    });
  }

  #node(method: string, name: string, body: unknown, contentType: string): Answer {
    const node = this.nodes.get(name);
    if (node === undefined) {
      return failure(404, `nodes "${name}" not found`);
    }
    switch (method) {
      case 'GET':
        return ok(node);
      case 'DELETE':
        this.nodes.delete(name);
        return ok({});
      case 'PATCH': {
        this.beforePatch(node);
        const now = this.nodes.get(name)!;
        return contentType === 'application/merge-patch+json'
          ? this.#merge(now, body as { metadata: { resourceVersion?: string }; spec: object })
          : this.#patch(now, body as { op: string; path: string; value?: unknown }[]);
      }
      default:
        return failure(405, 'the server does not allow this method');
    }
  }

  #merge(
    node: NodeObject,
    { metadata, spec }: { metadata: { resourceVersion?: string }; spec: object },
  ): Answer {
    if (metadata.resourceVersion !== node.metadata.resourceVersion) {
      return failure(409, 'the object has been modified');
    }
    this.put({ ...node, spec: { ...node.spec, ...spec } });
    return ok({});
  }

  /** `test` and `remove` of one taint: all that we send. */
  #patch(node: NodeObject, operations: { op: string; path: string; value?: unknown }[]): Answer {
    const taints = [...(node.spec?.taints ?? [])];
    for (const { op, path, value } of operations) {
      const index = Number(/^\/spec\/taints\/(\d+)$/.exec(path)?.[1] ?? NaN);
      if (op === 'test' && JSON.stringify(taints[index]) !== JSON.stringify(value)) {
        return failure(422, 'test failed');
      }
      if (op === 'remove') {
        taints.splice(index, 1);
      }
    }
    this.put({ ...node, spec: { ...node.spec, taints } });
    return ok({});
  }

  #evict(namespace: string, name: string, body: unknown, dryRun: boolean): Answer {
    const pod = this.pods.find(
      ({ metadata }) => metadata.namespace === namespace && metadata.name === name,
    );
    if (pod === undefined) {
      return failure(404, `pods "${name}" not found`);
    }
    const budgets = this.budgets.filter((budget) =>
      selects(budget.spec?.selector, pod.metadata.labels ?? {}),
    );
    if (budgets.length > 1) {
      return failure(500, 'This pod has more than one PodDisruptionBudget');
    }
    if (budgets.some(({ status }) => (status?.disruptionsAllowed ?? 0) <= 0)) {
      return {
        status: 429,
        json: {
          message: "Cannot evict pod as it would violate the pod's disruption budget.",
          details: { causes: [{ reason: 'DisruptionBudget' }] },
        },
      };
    }
    // As the real one does, after the budgets.
    const { deleteOptions } = body as { deleteOptions?: { preconditions?: { uid?: string } } };
    if (deleteOptions?.preconditions?.uid !== pod.metadata.uid) {
      return failure(409, 'the UID in the precondition does not match the UID in record');
    }
    if (dryRun) {
      return { status: 201, json: {} };
    }
    const gone = (): void => {
      this.pods = this.pods.filter(({ metadata }) => metadata.uid !== pod.metadata.uid);
    };
    if (this.graceMs === 0) {
      gone();
    } else {
      const deletionTimestamp = new Date(Date.now() + this.graceMs).toISOString();
      this.pods = this.pods.map((each) =>
        each === pod ? { ...pod, metadata: { ...pod.metadata, deletionTimestamp } } : each,
      );
      setTimeout(gone, this.graceMs).unref();
    }
    return { status: 201, json: {} };
  }
}

function ok(json: object): Answer {
  return { status: 200, json };
}

function failure(status: number, message: string): Answer {
  return { status, json: { message } };
}
