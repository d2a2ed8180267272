import { verdict } from '../explain.ts';
import { freshValue } from '../observation.ts';
import { numberSetting, type SettingDescriptions, type SettingValues } from '../settings.ts';
import { creditedMean, helpablePods, nodesLacking, trustedValue } from '../view.ts';
import { hold, type Policy, type PolicyInput, type Proposal } from './policy.ts';

export const fiveRulesSettings = {
  pendingStep: numberSetting({
    default: 2,
    min: 1,
    max: 100,
    step: 1,
    unit: 'nodes',
    help: 'Nodes added when pods are unschedulable (CRITICAL).',
  }),
  cpuHighPercent: numberSetting({
    default: 70,
    min: 1,
    max: 100,
    step: 0.5,
    unit: '%',
    help: 'Mean worker CPU above which one more node is added (HIGH_LOAD).',
  }),
  cpuStep: numberSetting({
    default: 1,
    min: 1,
    max: 100,
    step: 1,
    unit: 'nodes',
    help: 'Nodes added when CPU is high, and before a sale.',
  }),
  saleLeadSeconds: numberSetting({
    default: 900,
    min: 0,
    max: 86_400,
    step: 1,
    unit: 's',
    help: 'How long before a sale in the calendar nodes are added ahead of it (PREDICTIVE).',
  }),
  cpuLowPercent: numberSetting({
    default: 30,
    min: 0,
    max: 99,
    step: 0.5,
    unit: '%',
    help: 'Mean worker CPU below which a node is removed, if nothing is unschedulable.',
  }),
} satisfies SettingDescriptions;

/** The brief’s first rule: 5 min after any action, 10 min before a removal. */
export const FIVE_RULES_COOLDOWNS = {
  cooldownAfterActionSeconds: 300,
  cooldownBeforeRemovalSeconds: 600,
};

/**
 * The client’s five rules, in their order. The first, the cool-down, is the guard of that name with the defaults below;
 * the other four are asked here, and the first that fires is the proposal.
 */
export const nodeFleet: Policy<typeof fiveRulesSettings> = {
  name: 'node-fleet',
  summary:
    'the brief’s five rules: cooldown, pending +2, CPU > 70 % +1, sale incoming +1, CPU < 30 % −1',
  settings: fiveRulesSettings,
  scales: true,
  fleetDefaults: () => FIVE_RULES_COOLDOWNS,
  propose(input) {
    const { view, fleet, cluster, settings } = input;
    const maxAgeMs = settings.readingMaxAgeSeconds * 1000;
    const cpu = view.metrics.cpuPercent;
    const isFresh = freshValue(cpu, view.nowMs, maxAgeMs) !== null;
    return askFiveRules(
      {
        podsRule: 'pods-unschedulable',
        pods: helpablePods(view, cluster, maxAgeMs),
        nodesLacking: nodesLacking(view, fleet, cluster, maxAgeMs),
        cpuForAdding: isFresh ? creditedMean(cpu, view, fleet) : null,
        cpuForRemoving: trustedValue(cpu, view, settings),
      },
      input,
    );
  },
};

/** What the rules compare; null: it could not be read. */
export interface SeenByRules {
  readonly podsRule: 'pods-unschedulable' | 'pods-pending';
  readonly pods: number | null;
  /** Nodes that those pods need beyond what is on its way. */
  readonly nodesLacking: number | null;
  readonly cpuForAdding: number | null;
  readonly cpuForRemoving: number | null;
}

/** Rules two to five of the brief on these numbers, whatever they were measured with. */
export function askFiveRules(
  { podsRule, pods, nodesLacking, cpuForAdding, cpuForRemoving }: SeenByRules,
  { view, cluster, settings, memory }: PolicyInput<SettingValues<typeof fiveRulesSettings>>,
): Proposal {
  const { cpuHighPercent, cpuLowPercent, cpuStep } = settings;
  const podsVerdict =
    pods === null || nodesLacking === null
      ? verdict(podsRule, 'unknown', 0, 0)
      : verdict(podsRule, nodesLacking > 0 ? 'fires' : 'quiet', pods, 0);
  if (podsVerdict.verdict === 'fires') {
    const rules = [podsVerdict];
    const count = settings.pendingStep;
    return { action: 'scaleUp', count, level: 'CRITICAL', evidence: 'pods', rules, memory };
  }

  const cpuHigh =
    cpuForAdding === null
      ? verdict('cpu-high', 'unknown', 0, cpuHighPercent)
      : verdict(
          'cpu-high',
          cpuForAdding > cpuHighPercent ? 'fires' : 'quiet',
          cpuForAdding,
          cpuHighPercent,
        );
  if (cpuHigh.verdict === 'fires') {
    const rules = [podsVerdict, cpuHigh];
    const count = cpuStep;
    return { action: 'scaleUp', count, level: 'HIGH_LOAD', evidence: 'cpu', rules, memory };
  }

  const saleInMs = nextSaleInMs(view.nowMs, cluster.calendar);
  const leadMs = settings.saleLeadSeconds * 1000;
  if (saleInMs <= leadMs) {
    const rules = [podsVerdict, cpuHigh, verdict('sale-incoming', 'fires', saleInMs, leadMs)];
    const count = cpuStep;
    return { action: 'scaleUp', count, level: 'PREDICTIVE', evidence: 'calendar', rules, memory };
  }
  const sale = verdict('sale-incoming', 'quiet', Number.isFinite(saleInMs) ? saleInMs : -1, leadMs);

  const cpuLow =
    cpuForRemoving === null || pods === null
      ? verdict('cpu-low', 'unknown', 0, cpuLowPercent)
      : verdict(
          'cpu-low',
          cpuForRemoving < cpuLowPercent && pods === 0 ? 'fires' : 'quiet',
          cpuForRemoving,
          cpuLowPercent,
        );
  const rules = [podsVerdict, cpuHigh, sale, cpuLow];
  return cpuLow.verdict === 'fires'
    ? { action: 'scaleDown', count: 1, level: 'LOW_LOAD', evidence: 'cpu', rules, memory }
    : hold(rules, memory);
}

/** Time until the next sale begins; Infinity when the calendar has none ahead. A sale that runs is no longer incoming. */
function nextSaleInMs(nowMs: number, calendar: readonly { readonly startAtMs: number }[]): number {
  let soonest = Infinity;
  for (const sale of calendar) {
    const inMs = sale.startAtMs - nowMs;
    if (inMs > 0 && inMs < soonest) {
      soonest = inMs;
    }
  }
  return soonest;
}
