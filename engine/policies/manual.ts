import { verdict, type RuleVerdict } from '../explain.ts';
import { freshValue } from '../observation.ts';
import { numberSetting, type SettingDescriptions } from '../settings.ts';
import { creditedMean, helpablePods, nodesLacking, trustedValue } from '../view.ts';
import { hold, type Policy } from './policy.ts';
import { isUnbroken, lastedMs, remembered, streak } from './streak.ts';

const settings = {
  baseNodeCount: numberSetting({
    default: 5,
    min: 1,
    max: 100_000,
    step: 1,
    unit: 'nodes',
    help: 'On-demand workers that are there always, as far as max allows.',
  }),
  cpuHighPercent: numberSetting({
    default: 70,
    min: 1,
    max: 100,
    step: 0.5,
    unit: '%',
    help: 'Mean worker CPU above which somebody is called; unschedulable pods call them as well.',
  }),
  reactionSeconds: numberSetting({
    default: 1050,
    min: 0,
    max: 86_400,
    step: 1,
    unit: 's',
    help: 'How long they take to come where the cluster’s data does not say; the simulator draws 15 to 20 min.',
  }),
  quietSeconds: numberSetting({
    default: 7200,
    min: 1,
    max: 604_800,
    step: 1,
    unit: 's',
    help: 'After the load has fitted on the base for this long, they take the fleet back to it.',
  }),
} satisfies SettingDescriptions;

/**
 * A person, as the client has today: called when pods are unschedulable or CPU is high, there 15–20 minutes later, and then
 * adding what is lacking by then. Once that is ordered they leave; if it was not enough, they are called again. Much later,
 * when everything would long have fitted on the base, they take the fleet back down to it. Everything is on demand, and the base
 * needs nobody: it is a standing order.
 *
 * Memory: when it last looked, when they were called, since when it has been quiet, how often they came. What cannot be read
 * calls nobody, keeps whoever came waiting, and ends the quiet.
 */
export const manual: Policy<typeof settings> = {
  name: 'manual',
  summary: 'a person, there 15–20 min after trouble begins, adding what is lacking by then',
  settings,
  scales: false,
  fleetDefaults: (own) => ({
    nodeCountMax: Math.max(10, own.baseNodeCount),
    onDemandBase: own.baseNodeCount,
    spotPercent: 0,
    cooldownBeforeRemovalSeconds: 60,
    stepDownMax: 10,
    drainsInFlightMax: 10,
  }),
  pendingPatienceMs: ({ reactionSeconds }, { operatorDelaysMs }) =>
    operatorDelaysMs.length === 0 ? reactionSeconds * 1000 : Math.max(...operatorDelaysMs),
  propose({ view, fleet, cluster, settings, memory: before }) {
    const { nowMs } = view;
    const maxAgeMs = settings.readingMaxAgeSeconds * 1000;
    const rules: RuleVerdict[] = [];

    const pods = helpablePods(view, cluster, maxAgeMs);
    const lacking = nodesLacking(view, fleet, cluster, maxAgeMs);
    const room = lacking === null ? 'unknown' : lacking > 0 ? 'fires' : 'quiet';
    rules.push(verdict('pods-unschedulable', room, pods ?? 0, 0));
    const { cpuPercent } = view.metrics;
    const high = settings.cpuHighPercent;
    const isFresh = freshValue(cpuPercent, nowMs, maxAgeMs) !== null;
    const cpu = isFresh ? creditedMean(cpuPercent, view, fleet) : null;
    const load = cpu === null ? 'unknown' : cpu > high ? 'fires' : 'quiet';
    rules.push(verdict('cpu-high', load, cpu ?? 0, high));
    // Enough for the pods that wait, and for CPU to come down to its threshold.
    const byCpu = Math.ceil((fleet.supply * (cpu ?? 0)) / high) - fleet.supply;
    const needed = Math.max(0, lacking ?? 0, byCpu);

    let calledAtMs = remembered(before, 1);
    let timesCame = remembered(before, 3);
    if (calledAtMs > 0) {
      const cameAtMs = calledAtMs + delayMs(cluster.operatorDelaysMs, settings, timesCame);
      const ordered = (view.lastScaleUpAtMs ?? 0) >= cameAtMs;
      const allWell = lacking !== null && cpu !== null && needed === 0;
      if (nowMs >= cameAtMs && (ordered || allWell)) {
        calledAtMs = 0;
        timesCame++;
      }
    }
    if (calledAtMs === 0 && needed > 0) {
      calledAtMs = nowMs;
    }

    const low = trustedValue(cpuPercent, view, settings);
    const fitsOnBase =
      low !== null && pods === 0 && low * fleet.ready <= high * settings.baseNodeCount;
    const quietBeforeMs = isUnbroken(remembered(before, 0), nowMs) ? remembered(before, 2) : 0;
    const quietSinceMs = streak(quietBeforeMs, needed === 0 && fitsOnBase, nowMs);
    const memory = [nowMs, calledAtMs, quietSinceMs, timesCame];

    const base = Math.max(settings.baseNodeCount, settings.nodeCountMin);
    const standing = Math.min(base, settings.nodeCountMax);
    if (fleet.supply < standing) {
      rules.push(verdict('target-above-supply', 'fires', standing, fleet.supply));
      const count = standing - fleet.supply;
      return { action: 'scaleUp', count, level: 'TARGET', evidence: 'none', rules, memory };
    }
    if (calledAtMs > 0) {
      const comesAtMs = calledAtMs + delayMs(cluster.operatorDelaysMs, settings, timesCame);
      const isThere = nowMs >= comesAtMs;
      rules.push(verdict('operator-comes', isThere ? 'fires' : 'quiet', nowMs, comesAtMs));
      if (isThere && needed > 0) {
        const byPods = needed === lacking;
        return {
          action: 'scaleUp',
          count: needed,
          level: byPods ? 'CRITICAL' : 'HIGH_LOAD',
          evidence: byPods ? 'pods' : 'cpu',
          rules,
          memory,
        };
      }
    }
    const quietMs = settings.quietSeconds * 1000;
    const surplus = fleet.supply - base;
    const hasBeenQuietMs = surplus > 0 ? lastedMs(quietSinceMs, nowMs) : 0;
    if (hasBeenQuietMs >= quietMs) {
      rules.push(verdict('quiet-lasts', 'fires', hasBeenQuietMs, quietMs));
      return {
        action: 'scaleDown',
        count: surplus,
        level: 'LOW_LOAD',
        evidence: 'cpu',
        rules,
        memory,
      };
    }
    rules.push(verdict('quiet-lasts', 'quiet', hasBeenQuietMs, quietMs));
    return hold(rules, memory);
  },
};

/** How long they take the next time, when they have come so many times. */
function delayMs(
  delaysMs: readonly number[],
  { reactionSeconds }: { readonly reactionSeconds: number },
  timesCame: number,
): number {
  return delaysMs[timesCame % delaysMs.length] ?? reactionSeconds * 1000;
}
