import { doomedDrainId, type DoomedMark } from '../engine/index.ts';
import type { Table } from './table.ts';
import type { World } from './world.ts';

/** From an event of AWS to the cycle that it starts: EventBridge, the ingest function, an asynchronous call. */
export const INGEST_MS = 3_000;

/**
 * The ingest function (S2): writes what AWS announced to the inbox, without the lock, and taints the nodes that go, so that no
 * pod is put there while the cycle waits its turn. A hint taints nothing: its node stays good until its replacement is
 * there (S23). A later notice takes the place of a hint; a node that carries our taint already keeps it.
 */
export function ingest(announced: readonly DoomedMark[], table: Table, world: World): void {
  for (const mark of announced) {
    table.mark(mark);
    if (mark.cause === 'rebalance') {
      continue;
    }
    const node = world.listNodes().find(({ instanceId }) => instanceId === mark.instanceId);
    if (node !== undefined && node.taintIntentId === null) {
      world.taint(node.name, doomedDrainId(mark.instanceId), node.resourceVersion);
    }
  }
}
