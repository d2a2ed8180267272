// Kubernetes objects as the API gives them, with what our adapter reads and little else.
import type {
  Condition,
  NodeObject,
  PodObject,
  PodSpec,
  ReplicaSetObject,
} from '../../../adapters/kubernetes/objects.ts';

export function kubeNode(
  name: string,
  {
    instanceId = null as string | null,
    zone = 'ap-southeast-1a',
    ready = true,
    sinceMs = 0,
    controlPlane = false,
  } = {},
): NodeObject {
  const since = new Date(sinceMs).toISOString();
  return {
    metadata: {
      name,
      creationTimestamp: since,
      resourceVersion: '1',
      labels: {
        'topology.kubernetes.io/zone': zone,
        ...(controlPlane ? { 'node-role.kubernetes.io/control-plane': 'true' } : {}),
      },
    },
    spec: instanceId === null ? {} : { providerID: `aws:///${zone}/${instanceId}` },
    status: {
      allocatable: { cpu: '2', memory: '3900Mi' },
      conditions: [
        { type: 'Ready', status: ready ? 'True' : 'Unknown', lastTransitionTime: since },
      ],
      addresses: [{ type: 'InternalIP', address: '10.20.1.5' }],
    },
  };
}

export function kubePod(
  name: string,
  {
    nodeName = '',
    spec = {},
    annotations = {},
    labels = { app: 'shop' },
    owner = { kind: 'ReplicaSet', name: 'shop-1' } as { kind: string; name: string } | null,
    phase = nodeName === '' ? 'Pending' : 'Running',
    conditions = (nodeName === ''
      ? [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable' }]
      : []) as Condition[],
  }: {
    nodeName?: string;
    spec?: PodSpec;
    annotations?: Record<string, string>;
    labels?: Record<string, string>;
    owner?: { kind: string; name: string } | null;
    phase?: string;
    conditions?: Condition[];
  } = {},
): PodObject {
  return {
    metadata: {
      name,
      namespace: 'shop',
      uid: `uid-${name}`,
      labels,
      annotations,
      ...(owner === null ? {} : { ownerReferences: [{ ...owner, controller: true }] }),
    },
    spec: {
      ...(nodeName === '' ? {} : { nodeName }),
      containers: [{ resources: { requests: { cpu: '250m', memory: '256Mi' } } }],
      ...spec,
    },
    status: { phase, conditions },
  };
}

export function replicaSet(name: string, replicas: number): ReplicaSetObject {
  return { metadata: { name, namespace: 'shop' }, spec: { replicas } };
}
