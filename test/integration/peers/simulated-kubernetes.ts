import type { IncomingMessage } from 'node:http';
import { TAINT_EFFECT, TAINT_KEY } from '../../../adapters/kubernetes/nodes.ts';
import type { NodeObject, PodObject } from '../../../adapters/kubernetes/objects.ts';
import type { Effect, KubeNode, PodShape, Result } from '../../../engine/index.ts';
import type { World } from '../../../simulator/index.ts';
import type { Certificate } from '../../adapters/kubernetes/certificate.ts';
import { kubePod, replicaSet } from '../../adapters/kubernetes/objects.ts';
import { PretendedApi, type Answer } from '../../adapters/kubernetes/pretended-api.ts';

type TaintObject = NonNullable<NonNullable<NodeObject['spec']>['taints']>[number];

/** A simulated world’s nodes and pods behind Kubernetes’ own protocol: what is asked is read from it, what is done is done to it. */
export class SimulatedKubernetes extends PretendedApi {
  readonly #world: World;
  readonly #perform: (effect: Effect) => Result;

  private constructor(certificate: Certificate, world: World, perform: (effect: Effect) => Result) {
    super(certificate);
    this.#world = world;
    this.#perform = perform;
  }

  /** @param perform what the simulator’s interpreter does with an effect */
  static async start(
    certificate: Certificate,
    world: World,
    perform: (effect: Effect) => Result,
  ): Promise<SimulatedKubernetes> {
    const server = new SimulatedKubernetes(certificate, world, perform);
    await server.listen();
    return server;
  }

  protected override answer({ method = '' }: IncomingMessage, url: URL, body: unknown): Answer {
    const call = `${method} ${url.pathname}`;
    switch (call) {
      case 'GET /api/v1/nodes':
        return list(this.#world.listNodes().map(nodeObject));
      case 'GET /api/v1/pods': {
        const [, nodeName] = (url.searchParams.get('fieldSelector') ?? '').split('=');
        return list(nodeName === undefined ? this.#pods() : this.#podsOf(nodeName));
      }
      case 'GET /apis/apps/v1/replicasets':
        return list(
          this.#world.shapes.map(({ key }, s) => replicaSet(key, this.#world.replicas[s]!)),
        );
      case 'GET /apis/apps/v1/daemonsets':
      case 'GET /apis/policy/v1/poddisruptionbudgets':
        return list([]);
    }
    const [, name] = /^\/api\/v1\/nodes\/([^/]+)$/.exec(url.pathname) ?? [];
    if (name !== undefined) {
      return this.#node(method, name, body);
    }
    if (/\/eviction$/.test(call)) {
      const { metadata, deleteOptions } = body as {
        metadata: { namespace: string; name: string };
        deleteOptions: { preconditions: { uid: string } };
      };
      const { uid } = deleteOptions.preconditions;
      return this.#done({ kind: 'evictPod', ...metadata, uid }, 201);
    }
    return call.startsWith('DELETE ') ? { status: 200, json: {} } : { status: 404, json: {} };
  }

  #node(method: string, name: string, body: unknown): Answer {
    const node = this.#world.listNodes().find((each) => each.name === name);
    if (node === undefined) {
      return { status: 404, json: {} };
    }
    if (method === 'GET') {
      return { status: 200, json: nodeObject(node) };
    }
    if (method === 'DELETE') {
      return this.#done({ kind: 'deleteNode', nodeName: name }, 200);
    }
    if (Array.isArray(body)) {
      const [{ value }] = body as [{ value: TaintObject }];
      return this.#done({ kind: 'untaintNode', nodeName: name, intentId: value.value ?? '' }, 200);
    }
    const { metadata, spec } = body as {
      metadata: { resourceVersion: string };
      spec: { taints: TaintObject[] };
    };
    const intentId = spec.taints.find(({ key }) => key === TAINT_KEY)?.value ?? '';
    const { resourceVersion } = metadata;
    return this.#done({ kind: 'taintNode', nodeName: name, intentId, resourceVersion }, 200);
  }

  /** An effect’s result in HTTP. */
  #done(effect: Effect, status: number): Answer {
    const result = this.#perform(effect);
    if (result.ok) {
      return { status, json: {} };
    }
    switch (result.reason) {
      case 'conflict':
        return { status: 409, json: {} };
      case 'blocked-by-pdb':
        return { status: 429, json: { details: { causes: [{ reason: 'DisruptionBudget' }] } } };
      default:
        return { status: 404, json: {} };
    }
  }

  #pods(): PodObject[] {
    const { shapes, unschedulable } = this.#world.listPods();
    const waiting = shapes.flatMap((shape, s) =>
      Array.from({ length: unschedulable[s]! }, (_, n) =>
        kubePod(`${shape.key}-waiting-${String(n)}`, podOptions(shape)),
      ),
    );
    const nodes = this.#world.listNodes().filter(({ controlPlane }) => !controlPlane);
    return [...waiting, ...nodes.flatMap(({ name }) => this.#podsOf(name))];
  }

  #podsOf(nodeName: string): PodObject[] {
    const { shapes } = this.#world;
    return (this.#world.podsOn(nodeName) ?? []).flatMap(
      ({ shape, active, terminating, goneByMs }) =>
        Array.from({ length: active + terminating }, (_, n): PodObject => {
          const { key } = shapes[shape]!;
          const pod = kubePod(`${key}-${nodeName}-${String(n)}`, {
            nodeName,
            ...podOptions(shapes[shape]!),
          });
          const uid = `${nodeName}/${String(shape)}/${String(n)}`;
          const ends = n < active ? {} : { deletionTimestamp: new Date(goneByMs).toISOString() };
          return { ...pod, metadata: { ...pod.metadata, uid, ...ends } };
        }),
    );
  }
}

function podOptions({ key, requestMillicpu, requestMib }: PodShape) {
  const requests = { cpu: `${String(requestMillicpu)}m`, memory: `${String(requestMib)}Mi` };
  return {
    owner: { kind: 'ReplicaSet', name: key },
    spec: { containers: [{ resources: { requests } }] },
  };
}

function nodeObject(node: KubeNode): NodeObject {
  const { name, instanceId, controlPlane, cordoned, taintIntentId, resourceVersion } = node;
  const taints =
    taintIntentId === null ? [] : [{ key: TAINT_KEY, value: taintIntentId, effect: TAINT_EFFECT }];
  return {
    metadata: {
      name,
      creationTimestamp: new Date(node.createdAtMs).toISOString(),
      resourceVersion,
      labels: controlPlane ? { 'node-role.kubernetes.io/control-plane': 'true' } : {},
    },
    spec: {
      ...(instanceId === null ? {} : { providerID: `aws:///zone/${instanceId}` }),
      ...(cordoned ? { unschedulable: true } : {}),
      taints,
    },
    status: {
      allocatable: {
        cpu: `${String(node.allocatableMillicpu)}m`,
        memory: `${String(node.allocatableMib)}Mi`,
      },
      conditions: [
        {
          type: 'Ready',
          status: node.ready ? 'True' : 'Unknown',
          lastTransitionTime: new Date(node.readyChangedAtMs).toISOString(),
        },
      ],
      addresses: [],
    },
  };
}

function list(items: readonly object[]): Answer {
  return { status: 200, json: { items, metadata: {} } };
}
