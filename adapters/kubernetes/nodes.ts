import { byText, type KubeNode } from '../../engine/index.ts';
import type { DaemonSetObject, NodeObject } from './objects.ts';
import { mib, millicpu } from './quantity.ts';
import { requestsOf } from './requests.ts';

/** Our own taint. Its value is the id of the intent that wants the node empty; a person’s cordon is theirs (S18). */
export const TAINT_KEY = 'node-fleet/draining';
export const TAINT_EFFECT = 'NoSchedule';

const CONTROL_PLANE_LABELS = [
  'node-role.kubernetes.io/control-plane',
  'node-role.kubernetes.io/master',
];
const PROVIDER_ID = /^aws:\/\/\/[^/]*\/(i-[0-9a-f]+)$/;

/** Nodes as the engine sees them, sorted by name. */
export function kubeNodes(
  nodes: readonly NodeObject[],
  daemonSets: readonly DaemonSetObject[],
): KubeNode[] {
  return nodes.map((node) => kubeNode(node, daemonSets)).sort((a, b) => byText(a.name, b.name));
}

function kubeNode(
  { metadata, spec = {}, status = {} }: NodeObject,
  daemonSets: readonly DaemonSetObject[],
): KubeNode {
  const labels = metadata.labels ?? {};
  const ready = status.conditions?.find(({ type }) => type === 'Ready');
  const createdAtMs = Date.parse(metadata.creationTimestamp ?? '');
  const ours = spec.taints?.find(({ key }) => key === TAINT_KEY);
  const daemons = reservedBy(daemonSets, labels);
  const { cpu = '0', memory = '0' } = status.allocatable ?? {};
  return {
    name: metadata.name,
    instanceId: PROVIDER_ID.exec(spec.providerID ?? '')?.[1] ?? null,
    internalIp: status.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? null,
    controlPlane: CONTROL_PLANE_LABELS.some((label) => label in labels),
    createdAtMs,
    ready: ready?.status === 'True',
    readyChangedAtMs:
      ready?.lastTransitionTime === undefined ? createdAtMs : Date.parse(ready.lastTransitionTime),
    cordoned: spec.unschedulable === true,
    taintIntentId: ours === undefined ? null : (ours.value ?? ''),
    resourceVersion: metadata.resourceVersion ?? '',
    allocatableMillicpu: Math.max(0, millicpu(cpu, Math.floor) - daemons.millicpu),
    allocatableMib: Math.max(0, mib(memory, Math.floor) - daemons.mib),
  };
}

/**
 * What DaemonSets take of a node, whether or not their pods are there yet: a node that has just joined is no larger. One
 * whose selector spares the node is left out; affinities are not looked at, so too much may be reserved and never too
 * little.
 */
function reservedBy(
  daemonSets: readonly DaemonSetObject[],
  labels: Readonly<Record<string, string>>,
): { readonly millicpu: number; readonly mib: number } {
  const total = { millicpu: 0, mib: 0 };
  for (const { spec } of daemonSets) {
    const template = spec?.template?.spec ?? {};
    const selected = Object.entries(template.nodeSelector ?? {}).every(
      ([key, value]) => labels[key] === value,
    );
    if (selected) {
      const { requestMillicpu, requestMib } = requestsOf(template);
      total.millicpu += requestMillicpu;
      total.mib += requestMib;
    }
  }
  return total;
}
