import { verdict, type RuleVerdict } from '../explain.ts';
import { freshValue } from '../observation.ts';
import { numberSetting, type SettingDescriptions } from '../settings.ts';
import { creditedMean, helpablePods, nodesLacking, trustedValue } from '../view.ts';
import { hold, type Policy, type Proposal } from './policy.ts';
import { isUnbroken, lastedMs, remembered, streak } from './streak.ts';

const settings = {
  stepNodes: numberSetting({
    default: 1,
    min: 1,
    max: 100,
    step: 1,
    unit: 'nodes',
    help: 'Nodes added at a time; the client’s rules do not say how many.',
  }),
  cpuHighPercent: numberSetting({
    default: 70,
    min: 1,
    max: 100,
    step: 0.5,
    unit: '%',
    help: 'Mean worker CPU above which nodes are added.',
  }),
  pendingSeconds: numberSetting({
    default: 180,
    min: 1,
    max: 86_400,
    step: 1,
    unit: 's',
    help: 'Nodes are added once pods have been unschedulable for this long.',
  }),
  memoryHighPercent: numberSetting({
    default: 75,
    min: 1,
    max: 100,
    step: 0.5,
    unit: '%',
    help: 'Mean worker memory above which nodes are added.',
  }),
  cpuLowPercent: numberSetting({
    default: 30,
    min: 0,
    max: 99,
    step: 0.5,
    unit: '%',
    help: 'Mean worker CPU below which, once that has lasted, a node may be removed.',
  }),
  lowSeconds: numberSetting({
    default: 600,
    min: 1,
    max: 86_400,
    step: 1,
    unit: 's',
    help: 'How long CPU must have been below that, without a break.',
  }),
  memoryLowPercent: numberSetting({
    default: 50,
    min: 0,
    max: 100,
    step: 0.5,
    unit: '%',
    help: 'Mean worker memory must be below this as well, and nothing unschedulable.',
  }),
} satisfies SettingDescriptions;

/**
 * The client’s written rules. Up: CPU above 70 %, or pods unschedulable for 3 minutes, or memory above 75 %. Down: CPU below
 * 30 % for 10 minutes, memory below 50 %, and nothing unschedulable. The down rules are asked in that order, to the first that
 * says no.
 *
 * Memory: when it last looked, since when pods have been unschedulable, since when CPU has been low. What cannot be read is
 * taken the careful way both times: it neither starts nor ends a wait for room, which is long seen when it can be read again;
 * it ends a time of low CPU, and so does a gap between looks, because nobody knows what was in it.
 */
export const sustained: Policy<typeof settings> = {
  name: 'sustained',
  summary:
    'the client’s written rules: CPU > 70 %, pods pending 3 min or memory > 75 %; down after 10 min < 30 %',
  settings,
  scales: true,
  fleetDefaults: () => ({}),
  pendingPatienceMs: (settings) => settings.pendingSeconds * 1000,
  propose({ view, fleet, cluster, settings, memory: before }) {
    const { nowMs } = view;
    const maxAgeMs = settings.readingMaxAgeSeconds * 1000;
    const rules: RuleVerdict[] = [];

    const pods = helpablePods(view, cluster, maxAgeMs);
    const waitingSinceMs =
      pods === null ? remembered(before, 1) : streak(remembered(before, 1), pods > 0, nowMs);
    const { cpuPercent, memoryPercent } = view.metrics;
    const cpuLow = trustedValue(cpuPercent, view, settings);
    const lowBeforeMs = isUnbroken(remembered(before, 0), nowMs) ? remembered(before, 2) : 0;
    const isLow = cpuLow !== null && cpuLow < settings.cpuLowPercent;
    const lowSinceMs = streak(lowBeforeMs, isLow, nowMs);
    const memory = [nowMs, waitingSinceMs, lowSinceMs];
    const add = (level: Proposal['level'], evidence: Proposal['evidence']): Proposal => ({
      action: 'scaleUp',
      count: settings.stepNodes,
      level,
      evidence,
      rules,
      memory,
    });

    const lacking = nodesLacking(view, fleet, cluster, maxAgeMs);
    const pendingMs = settings.pendingSeconds * 1000;
    // Pods for which nodes are on their way wait for those, not for another decision.
    const waitedMs = lacking === 0 ? 0 : lastedMs(waitingSinceMs, nowMs);
    if (lacking === null) {
      rules.push(verdict('pods-waiting-lasts', 'unknown', 0, pendingMs));
    } else if (waitedMs >= pendingMs) {
      rules.push(verdict('pods-waiting-lasts', 'fires', waitedMs, pendingMs));
      return add('CRITICAL', 'pods');
    } else {
      rules.push(verdict('pods-waiting-lasts', 'quiet', waitedMs, pendingMs));
    }

    const cpu = freshValue(cpuPercent, nowMs, maxAgeMs);
    const cpuCredited = cpu === null ? null : creditedMean(cpuPercent, view, fleet);
    if (cpuCredited === null) {
      rules.push(verdict('cpu-high', 'unknown', 0, settings.cpuHighPercent));
    } else if (cpuCredited > settings.cpuHighPercent) {
      rules.push(verdict('cpu-high', 'fires', cpuCredited, settings.cpuHighPercent));
      return add('HIGH_LOAD', 'cpu');
    } else {
      rules.push(verdict('cpu-high', 'quiet', cpuCredited, settings.cpuHighPercent));
    }

    const used = freshValue(memoryPercent, nowMs, maxAgeMs);
    const usedCredited = used === null ? null : creditedMean(memoryPercent, view, fleet);
    if (usedCredited === null) {
      rules.push(verdict('memory-high', 'unknown', 0, settings.memoryHighPercent));
    } else if (usedCredited > settings.memoryHighPercent) {
      rules.push(verdict('memory-high', 'fires', usedCredited, settings.memoryHighPercent));
      return add('HIGH_LOAD', 'memory');
    } else {
      rules.push(verdict('memory-high', 'quiet', usedCredited, settings.memoryHighPercent));
    }

    const lowMs = settings.lowSeconds * 1000;
    const hasBeenLowMs = lastedMs(lowSinceMs, nowMs);
    if (cpuLow === null) {
      rules.push(verdict('cpu-low-lasts', 'unknown', 0, lowMs));
      return hold(rules, memory);
    }
    if (!isLow || hasBeenLowMs < lowMs) {
      rules.push(verdict('cpu-low-lasts', 'quiet', hasBeenLowMs, lowMs));
      return hold(rules, memory);
    }
    rules.push(verdict('cpu-low-lasts', 'fires', hasBeenLowMs, lowMs));
    const usedLow = trustedValue(memoryPercent, view, settings);
    if (usedLow === null || usedLow >= settings.memoryLowPercent) {
      const answer = usedLow === null ? 'unknown' : 'quiet';
      rules.push(verdict('memory-low', answer, usedLow ?? 0, settings.memoryLowPercent));
      return hold(rules, memory);
    }
    rules.push(verdict('memory-low', 'fires', usedLow, settings.memoryLowPercent));
    if (pods === null || pods > 0) {
      rules.push(verdict('nothing-pending', pods === null ? 'unknown' : 'quiet', pods ?? 0, 0));
      return hold(rules, memory);
    }
    rules.push(verdict('nothing-pending', 'fires', 0, 0));
    return { action: 'scaleDown', count: 1, level: 'LOW_LOAD', evidence: 'cpu', rules, memory };
  },
};
