import type { Container, NodeObject, PodObject } from '../../../adapters/kubernetes/objects.ts';
import { eventually, type Admin, type KubeObject } from './control-plane.ts';

// What the kubelets of machines that are not there would say and do.

export interface WorkerNode {
  readonly instanceId?: string | null;
  readonly zone?: string;
  readonly ready?: boolean;
  readonly controlPlane?: boolean;
  readonly cpu?: string;
  readonly memory?: string;
  /** In place of those that a node is born with. */
  readonly taints?: readonly object[];
  readonly cordoned?: boolean;
}

/** A node as K3s’ agent registers it on a worker of ours. */
export function workerNode(
  name: string,
  {
    instanceId = null,
    zone = 'ap-southeast-1a',
    ready = true,
    controlPlane = false,
    cpu = '2',
    memory = '3900Mi',
    taints = [],
    cordoned = false,
  }: WorkerNode = {},
): KubeObject {
  const master = 'node-role.kubernetes.io/control-plane';
  const size = { cpu, memory, pods: '110' };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: {
        'kubernetes.io/os': 'linux',
        'kubernetes.io/hostname': name,
        'topology.kubernetes.io/zone': zone,
        ...(controlPlane && { [master]: 'true' }),
      },
    },
    spec: {
      ...(instanceId !== null && { providerID: `aws:///${zone}/${instanceId}` }),
      ...(cordoned && { unschedulable: true }),
      taints: [...taints, ...(controlPlane ? [{ key: master, effect: 'NoSchedule' }] : [])],
    },
    status: {
      capacity: size,
      allocatable: size,
      conditions: [
        {
          type: 'Ready',
          status: ready ? 'True' : 'False',
          reason: 'Test',
          lastHeartbeatTime: new Date().toISOString(),
          lastTransitionTime: new Date().toISOString(),
        },
      ],
      addresses: [{ type: 'InternalIP', address: '10.20.1.5' }],
    },
  };
}

/** Registers nodes, and waits until the controllers have seen which of them are Ready. */
export async function join(admin: Admin, nodes: readonly KubeObject[]): Promise<void> {
  for (const node of nodes) {
    await admin.create('/api/v1/nodes', node);
  }
  await eventually('nodes to be Ready', async () => {
    const all = (await admin.list('/api/v1/nodes')) as NodeObject[];
    const settled = all.every(({ spec, status }) => {
      const ready = status?.conditions?.some(
        (each) => each.type === 'Ready' && each.status === 'True',
      );
      const marked = spec?.taints?.some(({ key }) => key === 'node.kubernetes.io/not-ready');
      return (ready ?? false) !== (marked ?? false);
    });
    return settled ? true : null;
  });
}

export async function setReady(admin: Admin, nodeName: string, ready: boolean): Promise<void> {
  const condition = {
    type: 'Ready',
    status: ready ? 'True' : 'False',
    lastTransitionTime: new Date().toISOString(),
  };
  await admin.patch(`/api/v1/nodes/${nodeName}/status`, { status: { conditions: [condition] } });
}

/** A container that asks for this much and would do nothing. */
export function asking(cpu: string, memory: string): readonly Container[] {
  const container = { name: 'app', image: 'app', resources: { requests: { cpu, memory } } };
  return [container];
}

/** Pods that are bound run at once; those that were asked to go are gone. */
export async function kubelets(
  admin: Admin,
  { runs = true, ends = true }: { readonly runs?: boolean; readonly ends?: boolean } = {},
): Promise<void> {
  for (const { metadata, spec, status } of (await admin.list('/api/v1/pods')) as PodObject[]) {
    const path = `/api/v1/namespaces/${metadata.namespace ?? ''}/pods/${metadata.name}`;
    if ((spec?.nodeName ?? '') === '') {
      continue;
    }
    if (metadata.deletionTimestamp !== undefined) {
      if (ends) {
        await admin.remove(path);
      }
    } else if (runs && status?.phase === 'Pending') {
      const conditions = ['Ready', 'ContainersReady'].map((type) => ({ type, status: 'True' }));
      await admin.patch(`${path}/status`, { status: { phase: 'Running', conditions } });
    }
  }
}
