import { nodesNeeded } from '../demand.ts';
import { verdict } from '../explain.ts';
import { numberSetting, type SettingDescriptions } from '../settings.ts';
import {
  helpablePods,
  nodesLacking,
  unschedulableInOurZones,
  type Cluster,
  type View,
} from '../view.ts';
import { hold, type Policy } from './policy.ts';

const settings = {
  windowSeconds: numberSetting({
    default: 900,
    min: 0,
    max: 86_400,
    step: 1,
    unit: 's',
    help: 'Capacity follows the highest demand of this long; break-even is (boot + churn cost) ÷ price.',
  }),
  headroomPercent: numberSetting({
    default: 0,
    min: 0,
    max: 200,
    step: 1,
    unit: '%',
    help: 'Added to the demand before it is rounded up to nodes.',
  }),
} satisfies SettingDescriptions;

/**
 * Bin-packed demand of every pod that wants to run, its maximum over a trailing window: the deterministic 2-competitive
 * answer to the ski-rental problem that each node is (Lu & Chen, arXiv 1112.0442); `optimum.test.ts` holds the bound.
 *
 * Its memory is a queue of (instant, demand) with falling demands: the front is the maximum of the window.
 */
export const trailingMax: Policy<typeof settings> = {
  name: 'trailing-max',
  summary: 'bin-packed demand, its maximum over a window: one line, and a hard bar',
  settings,
  scales: true,
  fleetDefaults: () => ({
    cooldownAfterActionSeconds: 60,
    cooldownBeforeRemovalSeconds: 60,
    stepDownMax: 10,
    drainsInFlightMax: 10,
  }),
  propose({ view, fleet, cluster, settings, memory }) {
    if (!view.podsKnown) {
      return hold([verdict('target-above-supply', 'unknown', 0, fleet.supply)], memory);
    }
    const packed = nodesNeeded(view.shapes, wantedPods(view, cluster), cluster.template);
    const demand = Math.ceil((packed * (100 + settings.headroomPercent)) / 100);
    const remembered = withDemand(memory, view.nowMs, demand, settings.windowSeconds * 1000);
    const target = remembered[1]!;
    if (target > fleet.supply) {
      const rules = [verdict('target-above-supply', 'fires', target, fleet.supply)];
      const count = target - fleet.supply;
      return {
        action: 'scaleUp',
        count,
        level: 'TARGET',
        evidence: 'pods',
        rules,
        memory: remembered,
      };
    }
    const rules = [verdict('target-above-supply', 'quiet', target, fleet.supply)];
    // Enough nodes in all, and still no room: what is free lies in pieces, or in another zone.
    const lacking = nodesLacking(view, fleet, cluster, 0);
    if (lacking !== null && lacking > 0) {
      rules.push(verdict('pods-unschedulable', 'fires', helpablePods(view, cluster, 0) ?? 0, 0));
      return {
        action: 'scaleUp',
        count: lacking,
        level: 'CRITICAL',
        evidence: 'pods',
        rules,
        memory: remembered,
      };
    }
    const bound = Math.max(target, settings.nodeCountMin);
    if (bound < fleet.supply) {
      rules.push(verdict('target-below-supply', 'fires', target, fleet.supply));
      const count = fleet.supply - bound;
      return {
        action: 'scaleDown',
        count,
        level: 'TARGET',
        evidence: 'pods',
        rules,
        memory: remembered,
      };
    }
    rules.push(verdict('target-below-supply', 'quiet', target, fleet.supply));
    return hold(rules, remembered);
  },
};

function wantedPods(view: View, cluster: Cluster): number[] {
  const counts = unschedulableInOurZones(view, cluster).slice();
  for (const worker of view.workers) {
    for (let s = 0; s < worker.pods.length; s++) {
      counts[s] = counts[s]! + worker.pods[s]!;
    }
  }
  return counts;
}

/** Adds a demand to the window’s queue: what is too old leaves at the front, what is not above it leaves at the back. */
function withDemand(
  memory: readonly number[],
  nowMs: number,
  demand: number,
  windowMs: number,
): readonly number[] {
  let from = 0;
  while (from < memory.length && memory[from]! < nowMs - windowMs) {
    from += 2;
  }
  let to = memory.length;
  while (to > from && memory[to - 1]! <= demand) {
    to -= 2;
  }
  const queue = memory.slice(from, to);
  queue.push(nowMs, demand);
  return queue;
}
