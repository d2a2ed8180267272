import type { PodShape } from './observation.ts';

/** What an empty worker of our one shape can hold, net of K3s and DaemonSets. */
export interface NodeTemplate {
  readonly allocatableMillicpu: number;
  readonly allocatableMib: number;
}

/** How many pods of a shape an empty node holds. 0: no node could ever hold one (S13). */
export function podsPerNode(shape: PodShape, template: NodeTemplate): number {
  if (shape.pinnedBy === 'unmodelled-affinity') {
    return 0;
  }
  return fitCount(shape, template.allocatableMillicpu, template.allocatableMib);
}

/** How many pods of a shape fit into this much free room. */
export function fitCount(shape: PodShape, freeMillicpu: number, freeMib: number): number {
  const byCpu =
    shape.requestMillicpu > 0 ? Math.floor(freeMillicpu / shape.requestMillicpu) : Infinity;
  const byMemory = shape.requestMib > 0 ? Math.floor(freeMib / shape.requestMib) : Infinity;
  const fit = byCpu < byMemory ? byCpu : byMemory;
  return fit > 0 ? (fit === Infinity ? 110 : fit) : 0; // 110: the kubelet's default pod limit
}

/**
 * The least number of empty nodes that first-fit-decreasing packs these pods into. Pods that no node could hold are
 * left out (S13). Shapes are packed largest first; nodes filled alike are counted, not repeated, so the work depends on
 * the number of shapes and not of pods. FFD is within 11/9 of the optimum, and exact for one shape.
 *
 * @param counts pods by shape (index into `shapes`)
 */
export function nodesNeeded(
  shapes: readonly PodShape[],
  counts: readonly number[],
  template: NodeTemplate,
): number {
  if (shapes.length === 1) {
    const perNode = podsPerNode(shapes[0]!, template);
    return perNode === 0 ? 0 : Math.ceil(counts[0]! / perNode);
  }
  const order: number[] = [];
  for (let s = 0; s < shapes.length; s++) {
    if (counts[s]! > 0 && podsPerNode(shapes[s]!, template) > 0) {
      order.push(s);
    }
  }
  order.sort((a, b) => bySizeDescending(shapes[a]!, shapes[b]!, template) || a - b);
  const left = order.map((s) => counts[s]!);
  let nodes = 0;
  for (;;) {
    // Fill one node, then as many more as the same filling still describes.
    let freeMillicpu = template.allocatableMillicpu;
    let freeMib = template.allocatableMib;
    let repeats = Infinity;
    const filling: number[] = [];
    for (let k = 0; k < order.length; k++) {
      const shape = shapes[order[k]!]!;
      const take = Math.min(left[k]!, fitCount(shape, freeMillicpu, freeMib));
      filling.push(take);
      if (take === 0) {
        continue;
      }
      freeMillicpu -= take * shape.requestMillicpu;
      freeMib -= take * shape.requestMib;
      repeats = Math.min(repeats, Math.floor(left[k]! / take));
    }
    if (repeats === Infinity) {
      return nodes;
    }
    nodes += repeats;
    for (let k = 0; k < order.length; k++) {
      left[k] = left[k]! - repeats * filling[k]!;
    }
  }
}

/** Larger first, by the dearer of its two shares of a node. */
export function bySizeDescending(a: PodShape, b: PodShape, template: NodeTemplate): number {
  return shareOfNode(b, template) - shareOfNode(a, template);
}

function shareOfNode(shape: PodShape, template: NodeTemplate): number {
  const cpu = shape.requestMillicpu / template.allocatableMillicpu;
  const memory = shape.requestMib / template.allocatableMib;
  return cpu > memory ? cpu : memory;
}
