import { verdict, type RuleVerdict } from '../explain.ts';
import { freshValue, type Reading } from '../observation.ts';
import { numberSetting, type SettingDescriptions } from '../settings.ts';
import { trustedValue, type View } from '../view.ts';
import { hold, type Policy } from './policy.ts';
import { isUnbroken, lastedMs, remembered, streak } from './streak.ts';

const settings = {
  targetPercent: numberSetting({
    default: 50,
    min: 1,
    max: 100,
    step: 0.5,
    unit: '%',
    help: 'Mean worker CPU that is aimed at; AWS’s own example.',
  }),
  highSeconds: numberSetting({
    default: 180,
    min: 60,
    max: 86_400,
    step: 1,
    unit: 's',
    help: 'CPU above the target for this long adds nodes: AWS takes 3 data points of a minute.',
  }),
  lowSeconds: numberSetting({
    default: 900,
    min: 60,
    max: 86_400,
    step: 1,
    unit: 's',
    help: 'CPU well below it for this long removes nodes: AWS takes 15 data points of a minute.',
  }),
  lowPercentOfTarget: numberSetting({
    default: 90,
    min: 1,
    max: 100,
    step: 1,
    unit: '% of target',
    help: 'CPU below this share of the target is well below it.',
  }),
  warmupSeconds: numberSetting({
    default: 300,
    min: 0,
    max: 3600,
    step: 1,
    unit: 's',
    help: 'Nodes are warming up for this long after they are Ready; nothing is removed meanwhile.',
  }),
} satisfies SettingDescriptions;

/** What one data point of a CloudWatch alarm tells of. */
const DATAPOINT_MS = 60_000;

/**
 * AWS Auto Scaling’s target tracking on mean CPU. It scales out in proportion and at once, to nodes × CPU ÷ target, rounded up;
 * nodes that are on their way or warming up count as capacity. It scales in only far below the target (the alarm’s threshold is
 * seen to be 90 % of it), only after a quarter of an hour, only when no node is warming up, and never so far that the mean would
 * come out above the target. Missing data points stop both.
 *
 * Sources: Amazon EC2 Auto Scaling user guide, “Target tracking scaling policies” and “Set the default instance warmup”;
 * Application Auto Scaling user guide, “How target tracking scaling works” (usually more than 10 % lower). That the alarms take 3
 * and 15 data points of a minute is not documented but seen by everybody (hashicorp/terraform-provider-aws#42553,
 * aws-samples/amazon-aurora-labs-for-mysql#3).
 *
 * Here a data point is a look, one a cycle, taken to tell of the minute before it; and the reading is Prometheus’ over 5 minutes,
 * not CloudWatch’s over 1, with young nodes in it, so that it lags where AWS’s does not.
 */
export const targetTracking: Policy<typeof settings> = {
  name: 'target-tracking',
  summary: 'AWS Auto Scaling target tracking on CPU: out in proportion, in after 15 min far below',
  settings,
  scales: true,
  fleetDefaults: () => ({
    cooldownBeforeRemovalSeconds: 60,
    stepDownMax: 10,
    drainsInFlightMax: 10,
    removalHeadroomPercent: 0,
  }),
  pendingPatienceMs: () => Infinity,
  propose({ view, fleet, settings, memory: before }) {
    const { nowMs } = view;
    const target = settings.targetPercent;
    const reading = view.metrics.cpuPercent;
    const cpu = freshValue(reading, nowMs, settings.readingMaxAgeSeconds * 1000);
    const lowCpu = trustedValue(reading, view, settings);
    const isHigh = cpu !== null && cpu > target;
    const isLow = lowCpu !== null && lowCpu * 100 < target * settings.lowPercentOfTarget;
    const known = isUnbroken(remembered(before, 0), nowMs);
    const highSinceMs = streak(known ? remembered(before, 1) : 0, isHigh, nowMs - DATAPOINT_MS);
    const lowSinceMs = streak(known ? remembered(before, 2) : 0, isLow, nowMs - DATAPOINT_MS);
    const memory = [nowMs, highSinceMs, lowSinceMs];
    const rules: RuleVerdict[] = [];

    const highMs = settings.highSeconds * 1000;
    const hasBeenHighMs = lastedMs(highSinceMs, nowMs);
    const measured = measuredNodes(view, reading);
    if (cpu === null || measured === 0) {
      rules.push(verdict('above-target-lasts', 'unknown', 0, highMs));
      return hold(rules, memory);
    }
    const capacity = Math.ceil((measured * cpu) / target);
    if (hasBeenHighMs >= highMs) {
      rules.push(verdict('above-target-lasts', 'fires', hasBeenHighMs, highMs));
      if (capacity > fleet.supply) {
        rules.push(verdict('target-above-supply', 'fires', capacity, fleet.supply));
        const count = capacity - fleet.supply;
        return { action: 'scaleUp', count, level: 'TARGET', evidence: 'cpu', rules, memory };
      }
      rules.push(verdict('target-above-supply', 'quiet', capacity, fleet.supply));
      return hold(rules, memory);
    }
    rules.push(verdict('above-target-lasts', 'quiet', hasBeenHighMs, highMs));

    const lowMs = settings.lowSeconds * 1000;
    const hasBeenLowMs = lastedMs(lowSinceMs, nowMs);
    if (hasBeenLowMs < lowMs) {
      const answer = lowCpu === null ? 'unknown' : 'quiet';
      rules.push(verdict('below-target-lasts', answer, hasBeenLowMs, lowMs));
      return hold(rules, memory);
    }
    rules.push(verdict('below-target-lasts', 'fires', hasBeenLowMs, lowMs));
    const warming = fleet.supply - warmNodes(view, settings.warmupSeconds * 1000);
    rules.push(verdict('capacity-warm', warming > 0 ? 'quiet' : 'fires', warming, 0));
    if (warming > 0) {
      return hold(rules, memory);
    }
    const bound = Math.max(capacity, settings.nodeCountMin);
    const isBelow = bound < fleet.supply;
    rules.push(verdict('target-below-supply', isBelow ? 'fires' : 'quiet', bound, fleet.supply));
    if (!isBelow) {
      return hold(rules, memory);
    }
    const count = fleet.supply - bound;
    return { action: 'scaleDown', count, level: 'TARGET', evidence: 'cpu', rules, memory };
  },
};

/** Nodes whose mean a reading is: those that were Ready when it was sampled. */
function measuredNodes(view: View, reading: Reading): number {
  let nodes = 0;
  for (const { phase, readySinceMs } of view.workers) {
    if (phase === 'ready' && reading.missing === null && readySinceMs <= reading.sampledAtMs) {
      nodes++;
    }
  }
  return nodes;
}

/** Nodes that have been Ready for as long as warming up takes. */
function warmNodes(view: View, warmupMs: number): number {
  let nodes = 0;
  for (const { phase, readySinceMs } of view.workers) {
    if (phase === 'ready' && view.nowMs - readySinceMs >= warmupMs) {
      nodes++;
    }
  }
  return nodes;
}
