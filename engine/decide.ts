import { verdict, type Explanation, type RuleVerdict } from './explain.ts';
import { GUARDS, type Asked, type GuardInput } from './guards.ts';
import type { ConfiguredPolicy } from './policies/index.ts';
import {
  countFleet,
  settingsInForce,
  withRepair,
  type Cluster,
  type PoolShare,
  type View,
} from './view.ts';

/** What is to be done. `launches` places the repair and the policy’s nodes together; `victims` are instance ids. */
export interface Decision {
  readonly action: 'hold' | 'scaleUp' | 'scaleDown';
  /** Nodes that the policy adds or begins to remove. */
  readonly count: number;
  /** Nodes bought to restore desired capacity, whatever the policy says. */
  readonly repair: number;
  readonly launches: readonly PoolShare[];
  readonly victims: readonly string[];
  /** Workers meant to be there afterwards. */
  readonly desired: number;
}

export interface Decided {
  readonly decision: Decision;
  readonly memory: readonly number[];
  readonly explanation: Explanation;
}

/** A policy that decides beside the live one and is only journalled, with what it returned as memory last time. */
export interface Shadow {
  readonly configured: ConfiguredPolicy;
  readonly memory: readonly number[];
}

/** What a shadow would have done, and its memory before it was asked. */
export interface ShadowDecision extends Decided {
  readonly memoryBefore: readonly number[];
}

/** Asks a shadow. Null where it threw: a policy on trial must not stop the one that governs. */
export function decideBeside(
  { configured, memory }: Shadow,
  cluster: Cluster,
  view: View,
): ShadowDecision | null {
  try {
    return { memoryBefore: memory, ...decide(configured, cluster, view, memory) };
  } catch {
    return null;
  }
}

const NOTHING: readonly never[] = [];

/**
 * One decision: repair, then `policy → guards → placement`. Pure and total: every view has an answer, and the same view,
 * settings and memory always give the same one.
 */
export function decide(
  configured: ConfiguredPolicy,
  cluster: Cluster,
  view: View,
  memory: readonly number[],
): Decided {
  const { policy } = configured;
  const settings = settingsInForce(view, configured.settings);
  const fleet = countFleet(view);
  const input: GuardInput = { view, fleet, cluster, settings };
  const rules: RuleVerdict[] = [];

  // What we mean to have. It follows decisions, not what happens to be there: a node too many for a moment is not desired.
  const wantedBefore = Math.max(view.desired ?? fleet.supply, settings.nodeCountMin);
  const lacking = Math.min(wantedBefore, settings.nodeCountMax) - fleet.supply;
  let repair = 0;
  let launches: readonly PoolShare[] = NOTHING;
  if (lacking > 0) {
    rules.push(verdict('desired-capacity', 'fires', fleet.supply, wantedBefore));
    const asked = ask('up', lacking, 'none', 0);
    passGuards(asked, input, rules, true);
    repair = asked.count;
    if (repair > 0) {
      launches = asked.launches;
    }
  }

  const repaired = withRepair(fleet, repair);
  const proposal = policy.propose({ view, fleet: repaired, cluster, settings, memory });
  if (proposal.action === 'hold' || proposal.count === 0) {
    return {
      decision: {
        action: 'hold',
        count: 0,
        repair,
        launches,
        victims: NOTHING,
        desired: wantedBefore,
      },
      memory: proposal.memory,
      explanation: {
        level: proposal.level,
        proposed: 0,
        rules: rules.length === 0 ? proposal.rules : [...rules, ...proposal.rules],
      },
    };
  }

  for (const rule of proposal.rules) {
    rules.push(rule);
  }
  const direction = proposal.action === 'scaleUp' ? 'up' : 'down';
  const asked = ask(direction, proposal.count, proposal.evidence, repair);
  passGuards(asked, input, rules, false);
  const explanation: Explanation = {
    level: proposal.level,
    proposed: direction === 'up' ? proposal.count : -proposal.count,
    rules,
  };
  if (asked.count === 0) {
    const decision: Decision = {
      action: 'hold',
      count: 0,
      repair,
      launches,
      victims: NOTHING,
      desired: wantedBefore,
    };
    return { decision, memory: proposal.memory, explanation };
  }
  const decision: Decision =
    direction === 'up'
      ? {
          action: 'scaleUp',
          count: asked.count,
          repair,
          launches: asked.launches,
          victims: NOTHING,
          desired: wantedBefore + asked.count,
        }
      : {
          action: 'scaleDown',
          count: asked.count,
          repair,
          launches,
          victims: asked.victims,
          desired: fleet.supply - asked.count,
        };
  return { decision, memory: proposal.memory, explanation };
}

function ask(
  direction: 'up' | 'down',
  count: number,
  evidence: Asked['evidence'],
  repair: number,
): Asked {
  return { direction, count, evidence, repair, victims: NOTHING, launches: NOTHING };
}

/** Takes a proposal through the guards that apply to it; stops at the first that blocks. */
function passGuards(
  asked: Asked,
  input: GuardInput,
  rules: RuleVerdict[],
  isRepair: boolean,
): void {
  for (const guard of GUARDS) {
    if (guard.appliesTo !== 'both' && guard.appliesTo !== asked.direction) {
      continue;
    }
    if (isRepair && !guard.repairs) {
      continue;
    }
    if (guard.isIdle?.(input) === true) {
      continue;
    }
    const answer = guard.check(asked, input);
    rules.push(answer);
    if (asked.count === 0) {
      return;
    }
  }
}
