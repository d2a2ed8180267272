import { verdict, type RuleVerdict } from '../explain.ts';
import { byLeastDisruption, holdsPinnedPod, podCount, podsFitElsewhere } from '../placement.ts';
import { numberSetting, type SettingDescriptions, type SettingValues } from '../settings.ts';
import { helpablePods, nodesLacking, type Cluster, type View, type Worker } from '../view.ts';
import { hold, type Policy, type PolicyInput, type Proposal } from './policy.ts';
import { lastedMs, rankedStreaks, remembered } from './streak.ts';

const settings = {
  utilizationPercent: numberSetting({
    default: 50,
    min: 0,
    max: 100,
    step: 1,
    unit: '%',
    help: 'A node whose requests are below this share of its room, both CPU and memory, may be unneeded.',
  }),
  unneededSeconds: numberSetting({
    default: 600,
    min: 1,
    max: 86_400,
    step: 1,
    unit: 's',
    help: 'How long it must have been unneeded before it goes.',
  }),
  delayAfterAddSeconds: numberSetting({
    default: 600,
    min: 0,
    max: 86_400,
    step: 1,
    unit: 's',
    help: 'Nothing is removed for this long after nodes were added.',
  }),
  delayAfterFailureSeconds: numberSetting({
    default: 180,
    min: 0,
    max: 86_400,
    step: 1,
    unit: 's',
    help: 'Nothing is removed for this long after a removal failed.',
  }),
  emptyBulkMax: numberSetting({
    default: 10,
    min: 1,
    max: 1000,
    step: 1,
    unit: 'nodes',
    help: 'Most empty nodes that go at once; of the others one goes at a time.',
  }),
} satisfies SettingDescriptions;

/** Of nodes that are not empty only so many are tried in one look. */
const NON_EMPTY_CANDIDATES = 30;
/** Everything stops when more nodes than this, and more than this share of them, are NotReady. */
const UNREADY_NODES_OK = 3;
const UNREADY_PERCENT_MAX = 45;

/**
 * Cluster Autoscaler’s way. Up: as many nodes as bin-packing puts the unschedulable pods on, less those on their way. Down: a
 * node that is used to less than half by requests (the larger of CPU and memory; DaemonSets’ are left out, as with
 * `--ignore-daemonsets-utilization`), and whose pods would fit on the others, goes once that has been so for 10 minutes, but not
 * within 10 minutes of an addition nor 3 of a failed removal. Empty nodes go up to 10 at once, others one after the other. When
 * much of the cluster is NotReady nothing is done.
 *
 * Source: kubernetes/autoscaler, cluster-autoscaler/FAQ.md, “How does scale-up work?”, “How does scale-down work?”, and the
 * parameters’ defaults. It scans every 10 s; here a look is a cycle.
 *
 * A policy asks for a count, and placement picks the nodes: those with the fewest pods first, as here. So it is not remembered of
 * each node since when it is unneeded, but since when there have been at least one, two, three … of them: the same, unless nodes
 * take turns. Memory: when it last looked, how many removals have failed and when that last grew, and those instants.
 */
export const pendingDriven: Policy<typeof settings> = {
  name: 'pending-driven',
  summary: 'Cluster Autoscaler’s way: bin-pack what is pending; down when half empty for 10 min',
  settings,
  scales: true,
  fleetDefaults: () => ({
    cooldownBeforeRemovalSeconds: 60,
    stepDownMax: 10,
    drainsInFlightMax: 10,
    removalHeadroomPercent: 0,
    joinTimeoutSeconds: 900,
  }),
  propose(input) {
    const { view, fleet, cluster, settings, memory: before } = input;
    const { nowMs } = view;
    const failures = view.victimBackoffs.reduce((sum, each) => sum + each.failures, 0);
    const failedAtMs = failures > remembered(before, 1) ? nowMs : remembered(before, 2);
    // Pods or nodes that could not be listed make nothing unneeded, and end what was.
    const unneeded =
      view.podsKnown && view.nodesKnown ? unneededNodes(view, cluster, settings) : [];
    const sinceMs = rankedStreaks(before, 3, unneeded.length, nowMs);
    const memory = [nowMs, failures, failedAtMs, ...sinceMs];
    const rules: RuleVerdict[] = [];

    const nodes = fleet.ready + fleet.notReady;
    const isBroken =
      fleet.notReady > UNREADY_NODES_OK && fleet.notReady * 100 > nodes * UNREADY_PERCENT_MAX;
    const unready = isBroken ? 'fires' : 'quiet';
    rules.push(verdict('nodes-unready', unready, fleet.notReady, UNREADY_NODES_OK));
    if (isBroken) {
      return hold(rules, memory);
    }
    const addition = askForPending(input, rules, memory);
    if (addition !== null) {
      return addition;
    }

    const addedMs = nowMs - (view.lastScaleUpAtMs ?? 0);
    const failedMs = nowMs - failedAtMs;
    const longestMs = lastedMs(sinceMs[0] ?? 0, nowMs);
    for (const [rule, lastsMs, seconds] of [
      ['scale-up-settled-lasts', addedMs, settings.delayAfterAddSeconds],
      ['removal-settled-lasts', failedMs, settings.delayAfterFailureSeconds],
      ['unneeded-lasts', longestMs, settings.unneededSeconds],
    ] as const) {
      const isOver = lastsMs >= seconds * 1000;
      rules.push(verdict(rule, isOver ? 'fires' : 'quiet', lastsMs, seconds * 1000));
      if (!isOver) {
        return hold(rules, memory);
      }
    }
    const unneededMs = settings.unneededSeconds * 1000;
    const ripe = sinceMs.filter((each) => lastedMs(each, nowMs) >= unneededMs).length;
    const empty = unneeded.filter((worker) => podCount(worker) === 0).length;
    const remove = (count: number): Proposal => ({
      action: 'scaleDown',
      count,
      level: 'LOW_LOAD',
      evidence: 'pods',
      rules,
      memory,
    });
    if (empty > 0) {
      return remove(Math.min(ripe, empty));
    }
    const isDraining = fleet.draining > 0;
    rules.push(verdict('drain-ended', isDraining ? 'quiet' : 'fires', fleet.draining, 0));
    return isDraining ? hold(rules, memory) : remove(1);
  },
};

/** Asks for the nodes that unschedulable pods lack, and says so in `rules`; null when they lack none that is known of. */
export function askForPending(
  { view, fleet, cluster }: PolicyInput<object>,
  rules: RuleVerdict[],
  memory: readonly number[],
): Proposal | null {
  // What Prometheus says cannot be packed: the age of its readings does not matter here.
  const pods = view.podsKnown ? helpablePods(view, cluster, 0) : null;
  const lacking = nodesLacking(view, fleet, cluster, 0) ?? 0;
  if (pods === null || lacking === 0) {
    rules.push(verdict('pods-unschedulable', pods === null ? 'unknown' : 'quiet', pods ?? 0, 0));
    return null;
  }
  rules.push(verdict('pods-unschedulable', 'fires', pods, 0));
  return { action: 'scaleUp', count: lacking, level: 'CRITICAL', evidence: 'pods', rules, memory };
}

/**
 * Nodes little used whose pods, all together, would fit on the others: those with the fewest pods first, no more than may go at
 * once.
 */
function unneededNodes(
  view: View,
  cluster: Cluster,
  { utilizationPercent, emptyBulkMax }: SettingValues<typeof settings>,
): readonly Worker[] {
  const unneeded: Worker[] = [];
  const candidates = view.workers.filter(
    (worker) =>
      worker.phase === 'ready' &&
      !worker.cordoned &&
      isUsedBelow(worker, view, utilizationPercent) &&
      !holdsPinnedPod(worker, view),
  );
  let tried = 0;
  for (const worker of candidates.sort(byLeastDisruption)) {
    if (unneeded.length >= emptyBulkMax || tried >= NON_EMPTY_CANDIDATES) {
      break;
    }
    tried += podCount(worker) > 0 ? 1 : 0;
    if (podsFitElsewhere(worker, unneeded, view, cluster, 0)) {
      unneeded.push(worker);
    }
  }
  return unneeded;
}

/** Whether the requests on a node are below this share of its allocatable CPU, and of its memory. */
function isUsedBelow(worker: Worker, view: View, percent: number): boolean {
  let millicpu = 0;
  let mib = 0;
  for (let s = 0; s < worker.pods.length; s++) {
    millicpu += worker.pods[s]! * view.shapes[s]!.requestMillicpu;
    mib += worker.pods[s]! * view.shapes[s]!.requestMib;
  }
  return (
    millicpu * 100 < worker.allocatableMillicpu * percent &&
    mib * 100 < worker.allocatableMib * percent
  );
}
