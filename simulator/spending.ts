import {
  clusterMicroBdt,
  diskCostMicroBdt,
  MICRO_BDT_PER_BDT,
  nodeCostMicroBdt,
  overheadMicroBdt,
  surplusCostMicroBdt,
  type PriceBook,
} from './prices/index.ts';
import type { Demand } from './unconstrained.ts';
import type { BilledInstance } from './world.ts';

/** What a run had cost by an instant. */
export interface Spent {
  readonly atMs: number;
  readonly bdt: number;
}

/**
 * How a run’s bill grew: a point wherever an instance began or ended, straight lines between. What an instance comes to is
 * spread evenly over its time, though a first hour that AWS waived or credits that ran dry are known only later. The last
 * point is the bill.
 */
export function spending(
  instances: readonly BilledInstance[],
  { firstStepAtMs, stepMs, stepCount }: Demand,
  book: PriceBook,
  scales: boolean,
): readonly Spent[] {
  const durationMs = stepCount * stepMs;
  const endAtMs = firstStepAtMs + durationMs;
  const standing =
    clusterMicroBdt(book, durationMs) + (scales ? overheadMicroBdt(book, durationMs) : 0);
  const changes = [
    { atMs: firstStepAtMs, perMs: standing / durationMs },
    { atMs: endAtMs, perMs: 0 },
  ];
  for (const { market, launchedAtMs, endedAtMs, costRatio, surplusCpuMs } of instances) {
    const ranMs = Math.max(0, (endedAtMs ?? endAtMs) - launchedAtMs);
    const microBdt =
      Math.round(nodeCostMicroBdt(book, market, ranMs) * costRatio) +
      diskCostMicroBdt(book, ranMs) +
      surplusCostMicroBdt(book, surplusCpuMs);
    if (ranMs > 0) {
      const perMs = microBdt / ranMs;
      changes.push({ atMs: launchedAtMs, perMs }, { atMs: launchedAtMs + ranMs, perMs: -perMs });
    }
  }
  changes.sort((a, b) => a.atMs - b.atMs);
  const points: Spent[] = [];
  let [atMs, microBdt, perMs] = [firstStepAtMs, 0, 0];
  for (const change of changes) {
    microBdt += perMs * (change.atMs - atMs);
    perMs += change.perMs;
    atMs = change.atMs;
    if (points.at(-1)?.atMs === atMs) {
      points.pop();
    }
    points.push({ atMs, bdt: microBdt / MICRO_BDT_PER_BDT });
  }
  return points;
}
