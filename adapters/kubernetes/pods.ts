import { byText, type PodOnNode, type Pods, type PodShape } from '../../engine/index.ts';
import type { PodObject } from './objects.ts';
import { controllerOf, pinOf, placementOf, type Surroundings } from './pins.ts';
import { requestsOf } from './requests.ts';

const MIRROR = 'kubernetes.io/config.mirror';

/** Pods that go with their node: a DaemonSet’s, and those the kubelet runs from a file. */
function isOfItsNode(pod: PodObject): boolean {
  return controllerOf(pod)?.kind === 'DaemonSet' || MIRROR in (pod.metadata.annotations ?? {});
}

/** Whether a pod has run to its end: it holds nothing any more, and waits only to be collected. */
function isOver({ status }: PodObject): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

/** Whether the scheduler found no room. One that is gated, or merely starting, waits for something else (S13). */
function isUnschedulable({ metadata, spec, status }: PodObject): boolean {
  return (
    status?.phase === 'Pending' &&
    (spec?.nodeName ?? '') === '' &&
    metadata.deletionTimestamp === undefined &&
    (status.conditions ?? []).some(
      (condition) =>
        condition.type === 'PodScheduled' &&
        condition.status === 'False' &&
        condition.reason === 'Unschedulable',
    )
  );
}

function shapeOf(pod: PodObject, surroundings: Surroundings): PodShape {
  const spec = pod.spec ?? {};
  const { requestMillicpu, requestMib } = requestsOf(spec);
  const { zone } = placementOf(spec);
  const readable = Number.isFinite(requestMillicpu) && Number.isFinite(requestMib);
  // A request that cannot be read is none that we could find room for.
  const pinnedBy = readable ? pinOf(pod, surroundings, 'now') : 'unmodelled-affinity';
  const size = readable ? { requestMillicpu, requestMib } : { requestMillicpu: 0, requestMib: 0 };
  const key = [
    `${String(size.requestMillicpu)}m`,
    `${String(size.requestMib)}Mi`,
    zone ?? 'any-zone',
    pinnedBy ?? 'movable',
  ].join(' ');
  return { key, ...size, zone, pinnedBy };
}

/** Pods by shape, shapes sorted by key and nodes by name: whatever order they came in. */
export function podsByShape(pods: readonly PodObject[], surroundings: Surroundings): Pods {
  const shapes = new Map<string, PodShape>();
  const unschedulable = new Map<string, number>();
  const perNode = new Map<string, Map<string, number>>();
  for (const pod of pods) {
    if (isOver(pod) || isOfItsNode(pod)) {
      continue;
    }
    const nodeName = pod.spec?.nodeName ?? '';
    const waits = isUnschedulable(pod);
    if (!waits && nodeName === '') {
      continue;
    }
    const shape = shapeOf(pod, surroundings);
    shapes.set(shape.key, shape);
    let counts = unschedulable;
    if (!waits) {
      counts = perNode.get(nodeName) ?? new Map<string, number>();
      perNode.set(nodeName, counts);
    }
    counts.set(shape.key, (counts.get(shape.key) ?? 0) + 1);
  }
  const keys = [...shapes.keys()].sort(byText);
  const inOrder = (counts: ReadonlyMap<string, number>): number[] =>
    keys.map((key) => counts.get(key) ?? 0);
  return {
    shapes: keys.map((key) => shapes.get(key)!),
    unschedulable: inOrder(unschedulable),
    perNode: [...perNode]
      .sort(([a], [b]) => byText(a, b))
      .map(([nodeName, counts]) => ({ nodeName, counts: inOrder(counts) })),
  };
}

/** What is still on a node that is drained, terminating ones included, sorted by namespace and name (S22). */
export function podsOnNode(pods: readonly PodObject[], surroundings: Surroundings): PodOnNode[] {
  return pods
    .filter((pod) => !isOver(pod) && !isOfItsNode(pod))
    .map((pod) => {
      const { uid = '', namespace = '', name, deletionTimestamp } = pod.metadata;
      return {
        uid,
        namespace,
        name,
        terminatesAtMs: deletionTimestamp === undefined ? null : Date.parse(deletionTimestamp),
        pinnedBy: pinOf(pod, surroundings, 'ever'),
      };
    })
    .sort((a, b) => byText(a.namespace, b.namespace) || byText(a.name, b.name));
}
