/**
 * Invariants for those rules of safety (`docs/reliability.md`) that the others let pass: what a cycle owes to a notice, a
 * dead node, a lost table, a budget that refuses. As in `checkers.ts`, each watches a run from outside and only looks.
 */
import {
  ALERT_APART_MS,
  CLOCK_SKEW_MS,
  LOCK_MS,
  NOTICE_VOID_MS,
  TRIGGER_MAX_AGE_MS,
  type DrainIntent,
  type RuleId,
  type View,
  type Worker,
} from '../engine/index.ts';
import type { Facts, Invariant } from './checkers.ts';

/** What a repair has to wait for; a cooldown or a step limit is not among them (S3). */
const REPAIRS_WAIT_FOR: readonly RuleId[] = [
  'mode',
  'memory-lost',
  'max',
  'pools',
  'spend',
  'joining-works',
  'readings',
];
/** Of those that the cycle was shown, what is capacity, or will be. */
const CAPACITY: readonly Worker['phase'][] = ['ready', 'booting', 'joining', 'unknown', 'absent'];

/** Whether a cycle was shown everything, and nothing of it was made up. */
function sawAll(facts: Facts, view: View): boolean {
  return (
    view.mode === 'act' &&
    view.instancesKnown &&
    view.nodesKnown &&
    view.podsKnown &&
    view.inboxKnown &&
    !view.contradicted &&
    facts.cycle!.faults === 0
  );
}

const restored: Invariant = {
  number: 20,
  rule: 'what is lost is replaced in the cycle that sees it, and a notice is heeded until it is over (S2, S3, S17)',
  watch(facts, fail) {
    return {
      reaches: (effect) => {
        if (effect.kind !== 'untaintNode' || facts.cycle!.record?.decided?.view.mode === 'paused') {
          return;
        }
        const { nodeName, intentId } = effect;
        const { doomed } = facts.table.inbox;
        if (
          intentId === `doomed-${nodeName}` &&
          doomed.some(({ instanceId }) => instanceId === nodeName) &&
          !facts.cycle!.marked.has(nodeName)
        ) {
          fail(`the taint of ${nodeName} is taken off, and a notice is behind it`);
        }
      },
      decided: ({ decided }) => {
        if (decided === null || !sawAll(facts, decided.view)) {
          return;
        }
        const { view, decision, explanation } = decided;
        // A notice that nothing has come of for ten minutes is void; a hint is, where a person has the node in hand.
        const noticed = new Set(
          facts.table.inbox.doomed.flatMap(({ instanceId, cause, markedAtMs }) =>
            cause === 'reclaim' &&
            facts.cycle!.marked.has(instanceId) &&
            view.nowMs - markedAtMs < NOTICE_VOID_MS
              ? [instanceId]
              : [],
          ),
        );
        const going = new Set(
          facts.drains.flatMap(({ reason, instanceId }) =>
            reason === 'scale-down' ? [] : [instanceId],
          ),
        );
        const capacity = view.workers.filter(
          ({ id, phase }) => CAPACITY.includes(phase) && !noticed.has(id) && !going.has(id),
        ).length;
        const asked = view.unanswered.reduce((sum, { count }) => sum + count, 0);
        const wanted = Math.min(view.desired ?? 0, facts.settings.nodeCountMax);
        const excused = explanation.rules.some(
          ({ rule, verdict }) =>
            REPAIRS_WAIT_FOR.includes(rule) &&
            (verdict === 'blocks' || verdict === 'clips' || verdict === 'unknown'),
        );
        if (capacity + asked < wanted && decision.repair === 0 && !excused) {
          fail(`${capacity} workers are left and ${asked} on their way; ${wanted} are wanted`);
        }
      },
      happened: (effect) => {
        if (effect.kind === 'commitState') {
          const dead = facts.drains.filter(({ reason }) => reason === 'unhealthy');
          if (dead.length > 1) {
            fail(`${dead.map(({ instanceId }) => instanceId).join(', ')} are repaired at once`);
          }
        }
      },
    };
  },
};

const memoryLost: Invariant = {
  number: 21,
  rule: 'after the table has lost its memory nothing is removed by choice for a cooldown (S6)',
  watch(facts, fail) {
    let lostAtMs = -Infinity;
    return {
      cycleBegins: (nowMs) => {
        if (facts.table.stored.kind !== 'known' && facts.world.aliveInstances().length > 0) {
          lostAtMs = nowMs;
        }
      },
      decided: ({ decided }) => {
        if (decided?.decision.action !== 'scaleDown') {
          return;
        }
        const { cooldownAfterActionSeconds, cooldownBeforeRemovalSeconds } = facts.settings;
        const seconds = Math.max(cooldownAfterActionSeconds, cooldownBeforeRemovalSeconds);
        const sinceMs = facts.cycle!.startedAtMs - lostAtMs;
        if (sinceMs < seconds * 1000) {
          fail(`a removal was decided ${sinceMs} ms after memory was lost`);
        }
      },
    };
  },
};

const intentsStay: Invariant = {
  number: 22,
  rule: 'what is committed is finished: no drain that is terminating is given up (S8)',
  watch(facts, fail) {
    let before: readonly DrainIntent[] = [];
    const look = (): void => {
      before = facts.drains;
    };
    return {
      begun: look,
      cycleBegins: look,
      happened: (effect, result) => {
        if (effect.kind !== 'commitState' || !result.ok) {
          return;
        }
        const { stored } = facts.table;
        const known = new Set(stored.kind === 'known' ? stored.state.known : []);
        const undone = before.find(
          ({ instanceId, stage }) =>
            stage === 'terminating' &&
            known.has(instanceId) &&
            facts.drainOf(instanceId) === undefined,
        );
        if (undone !== undefined) {
          fail(`${undone.instanceId} was to be terminated (${undone.reason}), and is not any more`);
        }
        look();
      },
    };
  },
};

/** Of the time that a cycle must have left for a second round: the pause, and what the round and the closing may take. */
const ROUND_MS = 10_000 + 30_000;

const budgetsAsked: Invariant = {
  number: 23,
  rule: 'a disruption budget that refuses is asked again within the cycle (S11)',
  watch(facts, fail) {
    const rounds = new Map<string, number>();
    const refusedAtMs = new Map<string, number>();
    return {
      cycleBegins: () => {
        rounds.clear();
        refusedAtMs.clear();
      },
      performed: (effect, result) => {
        if (effect.kind === 'listNodePods') {
          rounds.set(effect.nodeName, (rounds.get(effect.nodeName) ?? 0) + 1);
        } else if (effect.kind === 'evictPod' && !result.ok && result.reason === 'blocked-by-pdb') {
          const nodeName = effect.uid.split('/')[0]!;
          if (!refusedAtMs.has(nodeName)) {
            refusedAtMs.set(nodeName, facts.nowMs);
          }
        }
      },
      cycleEnds: (_, killed) => {
        const { faults, deadlineMs } = facts.cycle!;
        if (killed || faults > 0) {
          return;
        }
        for (const [nodeName, atMs] of refusedAtMs) {
          if (rounds.get(nodeName) === 1 && atMs + ROUND_MS < deadlineMs) {
            fail(`pods of ${nodeName} were refused once, with ${deadlineMs - atMs} ms left`);
          }
        }
      },
    };
  },
};

/** How many more pods of a shape a worker has room for, as the view has it. */
function roomFor(worker: Worker, shape: number, { shapes }: View): number {
  let millicpu = worker.allocatableMillicpu;
  let mib = worker.allocatableMib;
  worker.pods.forEach((count, s) => {
    millicpu -= count * shapes[s]!.requestMillicpu;
    mib -= count * shapes[s]!.requestMib;
  });
  const { requestMillicpu, requestMib } = shapes[shape]!;
  return Math.max(0, Math.floor(Math.min(millicpu / requestMillicpu, mib / requestMib)));
}

const victimsFit: Invariant = {
  number: 24,
  rule: 'a victim’s pods may be moved, and fit elsewhere (S12)',
  watch(_, fail) {
    return {
      decided: ({ decided }) => {
        if (decided?.decision.action !== 'scaleDown') {
          return;
        }
        const { view, decision } = decided;
        const victims = view.workers.filter(({ id }) => decision.victims.includes(id));
        const hosts = view.workers.filter(
          ({ id, phase, cordoned }) =>
            phase === 'ready' && !cordoned && !decision.victims.includes(id),
        );
        view.shapes.forEach(({ key, pinnedBy, zone }, s) => {
          const moving = victims.reduce((sum, { pods }) => sum + (pods[s] ?? 0), 0);
          if (moving > 0 && pinnedBy !== null) {
            fail(`${decision.victims.join(', ')} would go, and ${key} on it is ${pinnedBy}`);
          }
          const room = hosts
            .filter((host) => zone === null || host.zone === zone)
            .reduce((sum, host) => sum + roomFor(host, s, view), 0);
          if (moving > room) {
            fail(`${moving} pods of ${key} would have to move, and there is room for ${room}`);
          }
        });
      },
    };
  },
};

/** The first back-off of the join breaker. */
const PROBE_APART_MS = 600_000;

const oneProbe: Invariant = {
  number: 25,
  rule: 'while launches never join, one at a time is tried, ten minutes apart (S14); and none for pods that no node could hold (S13)',
  watch(facts, fail) {
    let probedAtMs = -Infinity;
    return {
      decided: ({ decided }) => {
        if (decided === null) {
          return;
        }
        const { view, decision, explanation } = decided;
        const count = decision.launches.reduce((sum, share) => sum + share.count, 0);
        if (view.joinFailures >= 2 && count > 0) {
          const { nowMs } = view;
          if (count > 1) {
            fail(`${count} are launched at once after ${view.joinFailures} that never joined`);
          }
          if (nowMs - probedAtMs < PROBE_APART_MS && view.joinFailedAtMs > probedAtMs) {
            fail(`launched ${nowMs - probedAtMs} ms after the last one, which never joined`);
          }
          probedAtMs = nowMs;
        }
        // A policy that reads pending pods its own way buys for what is merely starting.
        if (
          facts.options.configured.policy.readings === undefined &&
          view.podsKnown &&
          facts.helpable(view.shapes, view.unschedulable) === 0 &&
          explanation.rules.some(
            ({ rule, verdict, observed }) =>
              rule === 'pods-pending' && verdict === 'fires' && observed > 0,
          )
        ) {
          fail('nodes are added for pods that none of them could hold');
        }
      },
    };
  },
};

const triggers: Invariant = {
  number: 26,
  rule: 'no cycle begins on a stale trigger, in the wake of another for an alert, or past its lease (S8, S19, S20)',
  watch(facts, fail) {
    let lastBeganAtMs = -Infinity;
    let wrong: string | null = null;
    let hasty: string | null = null;
    return {
      cycleBegins: (nowMs, deadlineMs, { trigger, triggeredAtMs }) => {
        const agoMs = Math.floor(nowMs / 1000) * 1000 - lastBeganAtMs;
        wrong =
          nowMs - triggeredAtMs > TRIGGER_MAX_AGE_MS
            ? `on a trigger ${nowMs - triggeredAtMs} ms old`
            : deadlineMs - nowMs + 2 * CLOCK_SKEW_MS > LOCK_MS
              ? `with ${deadlineMs - nowMs} ms to go`
              : null;
        hasty =
          trigger === 'alert' &&
          agoMs < ALERT_APART_MS - 1000 &&
          facts.table.stored.kind === 'known'
            ? `for an alert ${agoMs} ms after another`
            : null;
      },
      decided: ({ outcome, startedAtMs }) => {
        if (outcome !== 'decided') {
          return;
        }
        // Where nobody can say when the last one began, the alert is served.
        wrong ??= facts.cycle!.faults === 0 ? hasty : null;
        if (wrong !== null) {
          fail(`it began ${wrong}`);
        }
        lastBeganAtMs = startedAtMs;
      },
    };
  },
};

/** Numbered on from those of the design. */
export const SAFETY_INVARIANTS: readonly Invariant[] = [
  restored,
  memoryLost,
  intentsStay,
  budgetsAsked,
  victimsFit,
  oneProbe,
  triggers,
];
