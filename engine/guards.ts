import { verdict, type RuleId, type RuleVerdict } from './explain.ts';
import { chooseVictims, placeLaunches } from './placement.ts';
import type { Proposal } from './policies/policy.ts';
import { freshValue } from './observation.ts';
import type { FleetSettings } from './settings.ts';
import {
  freezeAt,
  helpablePods,
  NOT_READY_PERCENT_MAX,
  trustedValue,
  type Cluster,
  type Fleet,
  type PoolShare,
  type View,
} from './view.ts';

/** A proposal on its way through the guards. A guard may lower `count`, never raise it; 0 is a veto. */
export interface Asked {
  readonly direction: 'up' | 'down';
  count: number;
  readonly evidence: Proposal['evidence'];
  /** Nodes bought in the same cycle to restore desired capacity: they count against max and spend before the policy’s. */
  readonly repair: number;
  victims: readonly string[];
  launches: readonly PoolShare[];
}

export interface GuardInput {
  readonly view: View;
  readonly fleet: Fleet;
  readonly cluster: Cluster;
  readonly settings: FleetSettings;
}

/**
 * A guard clips or vetoes; it never asks for more. `appliesTo` says which way it looks, and whether repairs, which are
 * exempt from cooldown and step but not from the ceilings, pass through it as well.
 */
export interface Guard {
  readonly rule: RuleId;
  readonly appliesTo: 'both' | 'up' | 'down';
  readonly repairs: boolean;
  /** Whether there is nothing here that it could look at: it is then passed over without a word. Left out: never. */
  readonly isIdle?: (input: GuardInput) => boolean;
  readonly check: (asked: Asked, input: GuardInput) => RuleVerdict;
}

/** From the second launch in a row that never joined, one probe at a time: after 10, 20, 40, then every 80 minutes (S14). */
const JOIN_FAILURES_BEFORE_BREAKER = 2;
const JOIN_PROBE_FIRST_MS = 600_000;
const JOIN_PROBE_LAST_MS = 4_800_000;

/**
 * The guards, in order: what forbids everything, what we do not know, the bounds, time, what would hurt pods, who, how
 * many, and what it costs. They surround every policy alike; the first that blocks is the reason that is shown.
 */
export const GUARDS: readonly Guard[] = [
  {
    rule: 'mode',
    appliesTo: 'both',
    repairs: true,
    check: (asked, { view }) =>
      refuseIf(asked, view.mode === 'paused', 'mode', view.mode === 'paused' ? 1 : 0, 0),
  },
  {
    rule: 'frozen',
    appliesTo: 'down',
    repairs: false,
    isIdle: ({ cluster }) => cluster.freezes === undefined,
    check(asked, { view, cluster }) {
      const untilMs = freezeAt(cluster, view.nowMs)?.endAtMs ?? 0;
      return refuseIf(asked, view.nowMs < untilMs, 'frozen', view.nowMs, untilMs);
    },
  },
  {
    rule: 'readings',
    appliesTo: 'both',
    repairs: true,
    check: checkReadings,
  },
  {
    rule: 'memory-lost',
    appliesTo: 'both',
    repairs: true,
    check(asked, { view, settings }) {
      const untilMs =
        asked.direction === 'down'
          ? view.recoveryUntilMs
          : Math.max(0, view.recoveryUntilMs - recoveryMs(settings) + LISTED_LATE_MS);
      return refuseIf(asked, view.nowMs < untilMs, 'memory-lost', view.nowMs, untilMs);
    },
  },
  {
    rule: 'max',
    appliesTo: 'up',
    repairs: true,
    check(asked, { fleet, settings }) {
      const before = fleet.countedAgainstMax + asked.repair;
      return clipTo(
        asked,
        settings.nodeCountMax - before,
        'max',
        before + asked.count,
        settings.nodeCountMax,
      );
    },
  },
  {
    rule: 'min',
    appliesTo: 'down',
    repairs: false,
    check: (asked, { fleet, settings }) =>
      clipTo(
        asked,
        fleet.ready - settings.nodeCountMin,
        'min',
        fleet.ready - asked.count,
        settings.nodeCountMin,
      ),
  },
  {
    rule: 'cooldown',
    appliesTo: 'both',
    repairs: false,
    check(asked, { view, settings }) {
      const untilMs = cooldownUntilMs(view, settings, asked.direction);
      return refuseIf(asked, view.nowMs < untilMs, 'cooldown', view.nowMs, untilMs);
    },
  },
  {
    rule: 'joining-works',
    appliesTo: 'up',
    repairs: true,
    check: checkJoining,
  },
  {
    rule: 'no-pods-unschedulable',
    appliesTo: 'down',
    repairs: false,
    check(asked, { view, cluster, settings }) {
      const pods = helpablePods(view, cluster, settings.readingMaxAgeSeconds * 1000);
      return refuseIf(asked, pods === null || pods > 0, 'no-pods-unschedulable', pods ?? 0, 0);
    },
  },
  {
    rule: 'nothing-in-flight',
    appliesTo: 'down',
    repairs: false,
    check(asked, { fleet, settings }) {
      const unsettled = fleet.supply - fleet.ready + fleet.youngReady + asked.repair;
      if (unsettled > 0) {
        return refuseIf(asked, true, 'nothing-in-flight', unsettled, 0);
      }
      const limit = settings.drainsInFlightMax;
      return clipTo(
        asked,
        limit - fleet.draining,
        'nothing-in-flight',
        fleet.draining + asked.count,
        limit,
      );
    },
  },
  {
    rule: 'victim',
    appliesTo: 'down',
    repairs: false,
    check(asked, { view, cluster, settings }) {
      const wanted = asked.count;
      asked.victims = chooseVictims(view, cluster, settings, wanted);
      return clipTo(asked, asked.victims.length, 'victim', asked.victims.length, wanted);
    },
  },
  {
    rule: 'step',
    appliesTo: 'both',
    repairs: false,
    check(asked, { settings }) {
      const limit = asked.direction === 'up' ? settings.stepUpMax : settings.stepDownMax;
      const answer = clipTo(asked, limit, 'step', asked.count, limit);
      asked.victims = asked.victims.slice(0, asked.count);
      return answer;
    },
  },
  {
    rule: 'spend',
    appliesTo: 'up',
    repairs: true,
    check: checkSpend,
  },
  {
    rule: 'pools',
    appliesTo: 'up',
    repairs: true,
    check(asked, { view, cluster, settings }) {
      const wanted = asked.repair + asked.count;
      asked.launches = placeLaunches(view, cluster, settings, wanted);
      const placed = countShares(asked.launches);
      return clipTo(asked, placed - asked.repair, 'pools', placed, wanted);
    },
  },
];

/** A launch that nobody remembers is listed after this long, or it has failed: before that it would be bought again (S6). */
const LISTED_LATE_MS = 120_000;

/** How long lost memory forbids removals: one cooldown, and not before what was launched is listed (S6). */
export function recoveryMs(settings: FleetSettings): number {
  const { cooldownAfterActionSeconds, cooldownBeforeRemovalSeconds } = settings;
  const longer = Math.max(cooldownAfterActionSeconds, cooldownBeforeRemovalSeconds) * 1000;
  return Math.max(longer, LISTED_LATE_MS);
}

/** When the quiet time after the last action is over, for this direction. */
export function cooldownUntilMs(
  view: View,
  settings: FleetSettings,
  direction: 'up' | 'down',
): number {
  const lastActionAtMs = Math.max(
    view.lastScaleUpAtMs ?? -Infinity,
    view.lastScaleDownAtMs ?? -Infinity,
  );
  if (lastActionAtMs === -Infinity) {
    return 0;
  }
  const seconds =
    direction === 'up'
      ? settings.cooldownAfterActionSeconds
      : Math.max(settings.cooldownAfterActionSeconds, settings.cooldownBeforeRemovalSeconds);
  return lastActionAtMs + seconds * 1000;
}

/**
 * Nothing is bought on a guess: instances must be known and not contradict what we remember (S16), and so must what the
 * proposal rests on. Nothing is removed unless everything could be read, freshly: instances, nodes, pods, the inbox, CPU.
 */
function checkReadings(asked: Asked, { view, settings }: GuardInput): RuleVerdict {
  const maxAgeMs = settings.readingMaxAgeSeconds * 1000;
  let known = view.instancesKnown && !view.contradicted;
  if (asked.direction === 'down') {
    known &&= view.nodesKnown && view.podsKnown && view.inboxKnown;
    known &&= trustedValue(view.metrics.cpuPercent, view, settings) !== null;
  } else if (asked.evidence === 'cpu') {
    known &&= freshValue(view.metrics.cpuPercent, view.nowMs, maxAgeMs) !== null;
  } else if (asked.evidence === 'memory') {
    known &&= freshValue(view.metrics.memoryPercent, view.nowMs, maxAgeMs) !== null;
  } else if (asked.evidence === 'pods') {
    known &&=
      view.podsKnown || freshValue(view.metrics.unschedulablePods, view.nowMs, maxAgeMs) !== null;
  }
  return refuseIf(asked, !known, 'readings', known ? 1 : 0, 1);
}

/** S14: while launches keep failing to join, or the cluster looks broken, at most one probe is in flight. */
function checkJoining(asked: Asked, { view, fleet }: GuardInput): RuleVerdict {
  const nodes = fleet.ready + fleet.notReady;
  const broken =
    !view.nodesKnown ||
    (fleet.notReady >= 3 && fleet.notReady * 100 > nodes * NOT_READY_PERCENT_MAX);
  const tripped = view.joinFailures >= JOIN_FAILURES_BEFORE_BREAKER;
  if (!broken && !tripped) {
    return verdict('joining-works', 'passes', view.joinFailures, JOIN_FAILURES_BEFORE_BREAKER);
  }
  const waiting = tripped && view.nowMs < view.joinFailedAtMs + probeDelayMs(view.joinFailures);
  const room = waiting || fleet.arriving > 0 ? 0 : 1 - asked.repair;
  return clipTo(asked, room, 'joining-works', view.joinFailures, JOIN_FAILURES_BEFORE_BREAKER);
}

export function probeDelayMs(joinFailures: number): number {
  let delayMs = JOIN_PROBE_FIRST_MS;
  for (
    let n = JOIN_FAILURES_BEFORE_BREAKER;
    n < joinFailures && delayMs < JOIN_PROBE_LAST_MS;
    n++
  ) {
    delayMs *= 2;
  }
  return Math.min(delayMs, JOIN_PROBE_LAST_MS);
}

/**
 * The dearest that the addition could be: every new node on demand, and every one that is there and cannot be seen, unless it is
 * remembered where it was launched.
 */
function checkSpend(asked: Asked, { view, cluster, settings }: GuardInput): RuleVerdict {
  const limit = settings.spendMaxBdtPerHour;
  if (limit === 0) {
    return verdict('spend', 'passes', 0, 0);
  }
  let spendBdtPerHour = asked.repair * cluster.onDemandBdtPerHour;
  for (const worker of view.workers) {
    spendBdtPerHour += hourlyBdt(cluster, worker.zone === '' ? 'on-demand' : worker.market);
  }
  for (const share of view.unanswered) {
    spendBdtPerHour += share.count * hourlyBdt(cluster, share.market);
  }
  const room = Math.floor((limit - spendBdtPerHour) / cluster.onDemandBdtPerHour);
  const dearestBdtPerHour = spendBdtPerHour + asked.count * cluster.onDemandBdtPerHour;
  return clipTo(asked, room, 'spend', dearestBdtPerHour, limit);
}

function hourlyBdt(cluster: Cluster, market: 'on-demand' | 'spot'): number {
  return market === 'spot' ? cluster.spotBdtPerHour : cluster.onDemandBdtPerHour;
}

function countShares(shares: readonly PoolShare[]): number {
  let count = 0;
  for (const share of shares) {
    count += share.count;
  }
  return count;
}

function refuseIf(
  asked: Asked,
  refused: boolean,
  rule: RuleId,
  observed: number,
  threshold: number,
): RuleVerdict {
  if (!refused) {
    return verdict(rule, 'passes', observed, threshold);
  }
  asked.count = 0;
  return verdict(rule, 'blocks', observed, threshold);
}

/** Lowers the count to `room`; below 1 that is a veto. */
function clipTo(
  asked: Asked,
  room: number,
  rule: RuleId,
  observed: number,
  threshold: number,
): RuleVerdict {
  if (asked.count <= room) {
    return verdict(rule, 'passes', observed, threshold);
  }
  asked.count = room > 0 ? room : 0;
  return verdict(rule, asked.count > 0 ? 'clips' : 'blocks', observed, threshold);
}
