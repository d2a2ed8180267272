import type { Container, PodSpec } from './objects.ts';
import { mib, millicpu } from './quantity.ts';

export interface Requests {
  readonly requestMillicpu: number;
  readonly requestMib: number;
  /** Names of resources that no worker of ours is known to have, such as a GPU. */
  readonly others: readonly string[];
}

const READ: readonly string[] = ['cpu', 'memory', 'ephemeral-storage'];

/**
 * What the scheduler reserves for a pod: its containers with the sidecars beside them, or the largest of what runs before
 * them, and the runtime’s overhead. A request that cannot be read is NaN, which fits nowhere. Local disk is not counted.
 */
export function requestsOf(spec: PodSpec): Requests {
  const { containers = [], initContainers = [], overhead = {}, resources } = spec;
  const others = new Set<string>();
  for (const { resources: wanted } of [...containers, ...initContainers]) {
    for (const [name, amount] of Object.entries(wanted?.requests ?? {})) {
      if (!READ.includes(name) && amount !== '0') {
        others.add(name);
      }
    }
  }
  const total = (name: string, read: (text: string) => number): number => {
    const asked = (container: Container): number =>
      read(container.resources?.requests?.[name] ?? '0');
    let running = 0;
    let largest = 0;
    for (const each of initContainers) {
      if (each.restartPolicy === 'Always') {
        running += asked(each);
        largest = Math.max(largest, running);
      } else {
        largest = Math.max(largest, running + asked(each));
      }
    }
    for (const each of containers) {
      running += asked(each);
    }
    const ofPod = resources?.requests?.[name];
    const wanted = ofPod === undefined ? Math.max(running, largest) : read(ofPod);
    return wanted + read(overhead[name] ?? '0');
  };
  return {
    requestMillicpu: total('cpu', (text) => millicpu(text, Math.ceil)),
    requestMib: total('memory', (text) => mib(text, Math.ceil)),
    others: [...others].sort(),
  };
}
