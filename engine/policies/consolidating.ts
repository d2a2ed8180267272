import { verdict, type RuleVerdict } from '../explain.ts';
import { chooseVictims } from '../placement.ts';
import { numberSetting, type SettingDescriptions } from '../settings.ts';
import { helpablePods, type Phase } from '../view.ts';
import { askForPending } from './pending-driven.ts';
import { hold, type Policy } from './policy.ts';
import { lastedMs, rankedStreaks } from './streak.ts';

const settings = {
  consolidateAfterSeconds: numberSetting({
    default: 0,
    min: 0,
    max: 86_400,
    step: 1,
    unit: 's',
    help: 'How long a node must have been fit for consolidation; it is then looked at once more.',
  }),
  budgetPercent: numberSetting({
    default: 10,
    min: 0,
    max: 100,
    step: 1,
    unit: '% of nodes',
    help: 'Most nodes that may be on their way out or NotReady at once, rounded up.',
  }),
} satisfies SettingDescriptions;

/** On its way out or NotReady: what the budget counts. */
const DISRUPTED: readonly Phase[] = [
  'tainted',
  'draining',
  'terminating',
  'doomed',
  'not-ready',
  'unknown',
];
/** Between finding something to consolidate and doing it, so that what has changed meanwhile is seen. */
const VALIDATION_MS = 15_000;

/**
 * Karpenter’s way. Up: as many nodes as bin-packing puts the unschedulable pods on, less those on their way. Down: whenever all
 * pods of a node fit on the others, with nothing to spare, it goes (`WhenEmptyOrUnderutilized`), the emptiest first, as long as no
 * more than a tenth of the nodes, rounded up, are on their way out or NotReady.
 *
 * Sources: kubernetes-sigs/karpenter, pkg/apis/v1/nodepool.go (`consolidateAfter` 0s, budget 10 % rounded up),
 * pkg/controllers/disruption/consolidation.go (15 s), pkg/controllers/nodeclaim/lifecycle/liveness.go (15 min to register); its
 * documentation, “Disruption”. Pods are batched for 1 to 10 s there; here a look is a cycle. `consolidateAfter` is counted from
 * when the node came to be fit for it, not from its last pod’s coming or going. One worker shape has no cheaper one to be
 * replaced with.
 *
 * Memory: when it last looked, and since when at least one, two, three … nodes could go (see `pending-driven`).
 */
export const consolidating: Policy<typeof settings> = {
  name: 'consolidating',
  summary: 'Karpenter’s way: bin-pack what is pending; remove any node whose pods fit elsewhere',
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
    const disrupted = view.workers.filter(({ phase }) => DISRUPTED.includes(phase)).length;
    const nodes = fleet.ready + disrupted;
    const budget = Math.ceil((nodes * settings.budgetPercent) / 100);
    // Where something waits or could not be listed, nothing can go.
    const isCalm = view.podsKnown && view.nodesKnown && helpablePods(view, cluster, 0) === 0;
    const most = Math.min(budget, settings.stepDownMax);
    const fit = isCalm ? chooseVictims(view, cluster, settings, most).length : 0;
    const sinceMs = rankedStreaks(before, 1, fit, nowMs);
    const memory = [nowMs, ...sinceMs];
    const rules: RuleVerdict[] = [];

    const addition = askForPending(input, rules, memory);
    if (addition !== null) {
      return addition;
    }
    const neededMs = settings.consolidateAfterSeconds * 1000 + VALIDATION_MS;
    const longestMs = lastedMs(sinceMs[0] ?? 0, nowMs);
    const isFit = longestMs >= neededMs;
    rules.push(verdict('consolidatable-lasts', isFit ? 'fires' : 'quiet', longestMs, neededMs));
    if (!isFit) {
      return hold(rules, memory);
    }
    const isAllowed = disrupted < budget;
    rules.push(verdict('disruption-budget', isAllowed ? 'fires' : 'quiet', disrupted, budget));
    if (!isAllowed) {
      return hold(rules, memory);
    }
    const ripe = sinceMs.filter((each) => lastedMs(each, nowMs) >= neededMs).length;
    return {
      action: 'scaleDown',
      count: Math.min(ripe, budget - disrupted),
      level: 'LOW_LOAD',
      evidence: 'pods',
      rules,
      memory,
    };
  },
};
