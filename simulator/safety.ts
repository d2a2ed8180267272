/**
 * Invariants for those rules of safety (`docs/reliability.md`) that the others let pass: what a cycle owes to a notice, a
 * dead node, a lost table, a budget that refuses. As in `checkers.ts`, each watches a run from outside and only looks.
 */
import {
  ALERT_APART_MS,
  CLOCK_SKEW_MS,
  countFleet,
  isBackingOff,
  LOCK_MS,
  NOTICE_VOID_MS,
  podsFitElsewhere,
  settingsInForce,
  TRIGGER_MAX_AGE_MS,
  trustedValue,
  UNANSWERED_GIVE_UP_MS,
  withRepair,
  type Decision,
  type DrainIntent,
  type EventCode,
  type Explanation,
  type LaunchIntent,
  type PodShape,
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
const isCapacity = ({ phase }: Worker): boolean => CAPACITY.includes(phase);

/** Nodes of launches that nobody has answered. */
function perhapsLaunched({ unanswered }: View): number {
  return unanswered.reduce((sum, { count }) => sum + count, 0);
}

/** Ready, with nothing on it: it may be so young that it counts as on its way. */
function isUnused({ phase, pods }: Worker): boolean {
  return phase === 'ready' && pods.every((count) => count === 0);
}

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
          (worker) => isCapacity(worker) && !noticed.has(worker.id) && !going.has(worker.id),
        ).length;
        const asked = perhapsLaunched(view);
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
    // By the settings of the cycle that finds it lost.
    let seconds = 0;
    return {
      cycleBegins: (nowMs) => {
        if (facts.table.stored.kind !== 'known' && facts.world.aliveInstances().length > 0) {
          lostAtMs = nowMs;
          const { cooldownAfterActionSeconds, cooldownBeforeRemovalSeconds } = facts.settings;
          seconds = Math.max(cooldownAfterActionSeconds, cooldownBeforeRemovalSeconds);
        }
      },
      decided: ({ decided }) => {
        if (decided?.decision.action !== 'scaleDown') {
          return;
        }
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
  rule: 'while launches never join, one at a time is tried, ten minutes apart (S14)',
  watch(_, fail) {
    let probedAtMs = -Infinity;
    return {
      decided: ({ decided }) => {
        if (decided === null) {
          return;
        }
        const { view, decision } = decided;
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
        // The lock’s epoch says when the last one began, unless it was ahead of the clock (S6).
        const { epoch } = facts.table.lock;
        hasty =
          trigger === 'alert' &&
          agoMs < ALERT_APART_MS - 1000 &&
          epoch * 1000 <= nowMs &&
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

const epochsRise: Invariant = {
  number: 27,
  rule: 'an epoch lies above those in the tags that its cycle was shown (S6)',
  watch(facts, fail) {
    return {
      reaches: (effect) => {
        if (effect.kind !== 'commitState') {
          return;
        }
        const ahead = facts.cycle!.listed?.find(({ birthEpoch }) => birthEpoch >= effect.nextEpoch);
        if (ahead !== undefined) {
          fail(`epoch ${effect.nextEpoch} goes on where ${ahead.id} carries ${ahead.birthEpoch}`);
        }
      },
    };
  },
};

const hintsFollowed: Invariant = {
  number: 28,
  rule: 'a hint is followed once as many others are Ready as are meant to be there, and as may be (S23, S24)',
  watch(facts, fail) {
    return {
      cycleEnds: (_, killed) => {
        const { record, commitFailed } = facts.cycle!;
        const { stored } = facts.table;
        const view = record?.decided?.view;
        if (killed || commitFailed || stored.kind !== 'known' || !view || !sawAll(facts, view)) {
          return;
        }
        const { desired } = stored.state;
        const wanted = Math.min(desired ?? Infinity, facts.settings.nodeCountMax);
        const ready = view.workers.filter(({ phase }) => phase === 'ready').length;
        if (
          ready < wanted ||
          view.unschedulable.some((count) => count > 0) ||
          record!.events.some(({ code }) => code === 'out-of-time' || code === 'effect-failed')
        ) {
          return;
        }
        const names = new Set(facts.world.listNodes().map(({ name }) => name));
        const left = facts.drains.find(({ reason, stage, instanceId }) => {
          const worker = view.workers.find(({ id }) => id === instanceId);
          return (
            reason === 'rebalance' &&
            stage === 'tainting' &&
            worker !== undefined &&
            names.has(instanceId) &&
            podsFitElsewhere(worker, [], view, facts.cluster, 0)
          );
        });
        if (left !== undefined) {
          fail(`${left.instanceId} stays in spite of a hint: ${ready} are Ready, ${wanted} wanted`);
        }
      },
    };
  },
};

const removalsAsked: Invariant = {
  number: 29,
  rule: 'nothing is removed by choice that the policy in force does not ask for, whatever max has become (S24)',
  watch(facts, fail) {
    return {
      decided: ({ decided }) => {
        if (decided?.decision.action !== 'scaleDown') {
          return;
        }
        const { view, memory, decision } = decided;
        const { policy } = facts.configured;
        const { cluster } = facts;
        const settings = settingsInForce(view, facts.settings);
        const fleet = withRepair(countFleet(view), decision.repair);
        const proposal = policy.propose({ view, fleet, cluster, settings, memory });
        const asked = proposal.action === 'scaleDown' ? proposal.count : 0;
        if (asked < decision.count) {
          fail(`${decision.count} would go, and ${policy.name} asks for ${asked} to go`);
        }
      },
    };
  },
};

/** How a drain ends, as a record says it. */
const DRAIN_ENDS: readonly EventCode[] = ['gone', 'disowned', 'drain-undone'];

const inFlightStays: Invariant = {
  number: 30,
  rule: 'what is in flight stays, whatever policy comes: a drain until it ends, a launch until it is answered (S4, S25)',
  watch(facts, fail) {
    let drains: readonly DrainIntent[] = [];
    let launches: readonly LaunchIntent[] = [];
    const answered = new Set<string>();
    return {
      cycleBegins: () => {
        ({ drains, launches } = facts);
      },
      performed: (effect, result) => {
        if (effect.kind === 'launchInstances' && (result.ok || result.certainty === 'refused')) {
          answered.add(effect.launch.clientToken);
        }
      },
      happened: (effect, result) => {
        if (effect.kind !== 'commitState' || !result.ok) {
          return;
        }
        const kept = new Set(facts.launches.map(({ id }) => id));
        const dropped = launches.find(
          ({ id, createdAtMs, attempts }) =>
            !kept.has(id) &&
            facts.nowMs - createdAtMs < UNANSWERED_GIVE_UP_MS &&
            attempts.some(
              ({ outcome, clientToken }) => outcome === 'unknown' && !answered.has(clientToken),
            ),
        );
        if (dropped !== undefined) {
          fail(`the launch ${dropped.id} is forgotten, and nobody knows what came of it`);
        }
        ({ launches } = facts);
      },
      decided: ({ decided, events }) => {
        const { stored } = facts.table;
        if (decided === null || stored.kind !== 'known') {
          return;
        }
        const { known } = stored.state;
        const dropped = drains.find(
          ({ instanceId }) =>
            known.includes(instanceId) &&
            facts.drainOf(instanceId) === undefined &&
            !events.some(
              ({ code, subject }) => subject === instanceId && DRAIN_ENDS.includes(code),
            ),
        );
        if (dropped !== undefined) {
          fail(`the drain of ${dropped.instanceId} (${dropped.reason}) is forgotten`);
        }
      },
    };
  },
};

/** What buys for waiting pods; `pods-pending` is the brief’s own query, which counts what is merely starting. */
const FOR_WAITING_PODS: readonly RuleId[] = ['pods-unschedulable', 'pods-waiting-lasts'];

const helpableOnly: Invariant = {
  number: 31,
  rule: 'pods that no node could hold have none bought, and none kept (S13)',
  watch(facts, fail) {
    return {
      decided: ({ decided }) => {
        if (decided === null || !decided.view.podsKnown || facts.cycle!.waiting !== 0) {
          return;
        }
        const asWritten = facts.configured.policy.readings !== undefined;
        for (const { rule, verdict, observed, threshold } of decided.explanation.rules) {
          if (FOR_WAITING_PODS.includes(rule) && verdict === 'fires') {
            fail(`${rule} asks for nodes, and no node could hold a pod that waits`);
          }
          if (
            (rule === 'no-pods-unschedulable' && verdict === 'blocks') ||
            (rule === 'nothing-pending' && verdict === 'quiet') ||
            (rule === 'cpu-low' && verdict === 'quiet' && observed < threshold && !asWritten)
          ) {
            fail(`${rule} is ${verdict} at ${observed}, and no node could hold a pod that waits`);
          }
        }
      },
    };
  },
};

/** Whether a node is on its way to a zone, as far as anybody can tell. */
function arrivesIn(zone: string, { workers, unanswered }: View): boolean {
  return (
    unanswered.some((share) => share.zone === zone) ||
    workers.some(
      (worker) =>
        worker.zone === zone &&
        (worker.phase === 'booting' || worker.phase === 'joining' || isUnused(worker)),
    )
  );
}

const boundPlaced: Invariant = {
  number: 32,
  rule: 'pods bound to a zone get their node there before any is bought elsewhere (S13)',
  watch(facts, fail) {
    return {
      decided: ({ decided }) => {
        if (decided === null || !decided.view.podsKnown) {
          return;
        }
        const { view, decision } = decided;
        const waiting = facts.cluster.zones.filter((zone) =>
          view.shapes.some(
            (shape, s) =>
              shape.zone === zone && view.unschedulable[s]! > 0 && facts.podsOnEmptyNode(shape) > 0,
          ),
        );
        const unserved = waiting.filter(
          (zone) =>
            !arrivesIn(zone, view) &&
            !decision.launches.some((share) => share.zone === zone) &&
            !isBackingOff(view.poolBackoffs, zone, 'on-demand', view.nowMs),
        );
        const elsewhere = decision.launches.find(({ zone }) => !waiting.includes(zone));
        if (elsewhere !== undefined && unserved.length > 0) {
          fail(
            `${elsewhere.count} are bought in ${elsewhere.zone}, and pods wait in ${unserved.join(', ')}`,
          );
        }
      },
    };
  },
};

/** So many nodes have the room that these pods request, if it came in no pieces: fewer can never hold them. */
function fewestNodes(facts: Facts, shapes: readonly PodShape[], counts: readonly number[]): number {
  const { worker } = facts.options.scenario.cluster;
  let millicpu = 0;
  let mib = 0;
  shapes.forEach((shape, s) => {
    if (facts.podsOnEmptyNode(shape) > 0) {
      millicpu += counts[s]! * shape.requestMillicpu;
      mib += counts[s]! * shape.requestMib;
    }
  });
  return Math.ceil(Math.max(millicpu / worker.allocatableMillicpu, mib / worker.allocatableMib));
}

/** So many do when no two shapes share one: more are never needed. */
function mostNodes(facts: Facts, shapes: readonly PodShape[], counts: readonly number[]): number {
  let nodes = 0;
  shapes.forEach((shape, s) => {
    const perNode = facts.podsOnEmptyNode(shape);
    nodes += perNode > 0 ? Math.ceil(counts[s]! / perNode) : 0;
  });
  return nodes;
}

/** Nodes that are launched, or may be, and not Ready yet; those that a decision restores among them. */
function onTheirWay(view: View, { repair }: Decision): number {
  const booting = view.workers.filter(
    ({ phase }) => phase === 'booting' || phase === 'joining',
  ).length;
  return booting + perhapsLaunched(view) + repair;
}

/** Whether a policy asks for nodes because pods wait that are bound to no zone: any node on its way helps those. */
function asksForFreePods(
  facts: Facts,
  { shapes, unschedulable }: View,
  asked: Explanation,
): boolean {
  return (
    asked.proposed > 0 &&
    asked.rules.some(
      ({ rule, verdict }) => FOR_WAITING_PODS.includes(rule) && verdict === 'fires',
    ) &&
    shapes.every(
      (shape, s) =>
        unschedulable[s] === 0 || shape.zone === null || facts.podsOnEmptyNode(shape) === 0,
    )
  );
}

const arrivalsCounted: Invariant = {
  number: 33,
  rule: 'for pods that the nodes on their way will hold no other is bought (S21)',
  watch(facts, fail) {
    return {
      decided: ({ decided }) => {
        if (
          decided === null ||
          !decided.view.podsKnown ||
          !asksForFreePods(facts, decided.view, decided.explanation)
        ) {
          return;
        }
        const { view, decision, explanation } = decided;
        const arriving = onTheirWay(view, decision);
        const most = mostNodes(facts, view.shapes, view.unschedulable);
        if (most <= arriving) {
          fail(
            `${explanation.proposed} are asked for; ${arriving} are on their way, and the pods that wait fill ${most}`,
          );
        }
      },
    };
  },
};

/** Policies that ask for as many nodes as waiting pods add up to; the others go by steps. */
const SIZE_BY_PENDING = ['pending-driven', 'consolidating'];

const sizedByRequests: Invariant = {
  number: 36,
  rule: 'who sizes by requests asks for what pods add up to, no less and no more',
  watch(facts, fail) {
    // The most that the pods of any look could fill: the maximum over a window is not above it.
    let mostEver = 0;
    return {
      performed: (_, result) => {
        const { policy } = facts.configured;
        if (
          policy.name === 'trailing-max' &&
          result.ok &&
          'pods' in result &&
          'shapes' in result.pods
        ) {
          const { shapes, unschedulable, perNode } = result.pods;
          const wanted = shapes.map((_shape, s) =>
            perNode.reduce((sum, { counts }) => sum + counts[s]!, unschedulable[s]!),
          );
          const most =
            mostNodes(facts, shapes, wanted) * (100 + facts.settings['headroomPercent']!);
          mostEver = Math.max(mostEver, Math.ceil(most / 100));
        }
      },
      decided: ({ decided }) => {
        if (decided === null || !decided.view.podsKnown || decided.explanation.proposed <= 0) {
          return;
        }
        const { view, decision, explanation } = decided;
        const { policy } = facts.configured;
        const { proposed, rules } = explanation;
        if (policy.name === 'trailing-max') {
          const wanted = view.shapes.map((_, s) =>
            view.workers.reduce((sum, { pods }) => sum + pods[s]!, view.unschedulable[s]!),
          );
          const fewest = fewestNodes(facts, view.shapes, wanted);
          const there =
            view.workers.filter(isCapacity).length + perhapsLaunched(view) + decision.repair;
          const target = rules.find(({ rule }) => rule === 'target-above-supply');
          if (
            there + proposed < fewest ||
            (target?.verdict === 'fires' && target.observed > mostEver)
          ) {
            fail(
              `${proposed} are asked for beside ${there}; pods need ${fewest} at least, and never more than ${mostEver}`,
            );
          }
        } else if (
          SIZE_BY_PENDING.includes(policy.name) &&
          asksForFreePods(facts, view, explanation)
        ) {
          const arriving = onTheirWay(view, decision);
          const empty = view.workers.filter(isUnused).length;
          const fewest = fewestNodes(facts, view.shapes, view.unschedulable) - arriving - empty;
          const most = mostNodes(facts, view.shapes, view.unschedulable) - arriving;
          if (proposed < fewest || proposed > most) {
            fail(
              `${proposed} are asked for; pods that wait need ${fewest} to ${most} beside ${arriving} on their way`,
            );
          }
        }
      },
    };
  },
};

const countGivenBack: Invariant = {
  number: 34,
  rule: 'a removal that is undone is given back to the count of nodes that are meant to be there',
  watch(facts, fail) {
    let before: number | null = null;
    let removals = new Set<string>();
    return {
      cycleBegins: () => {
        const { stored } = facts.table;
        // A launch that is given up meanwhile takes back what it was to add.
        before =
          stored.kind === 'known' && stored.state.launches.length === 0
            ? stored.state.desired
            : null;
        removals = new Set(
          facts.drains.flatMap(({ reason, instanceId }) =>
            reason === 'scale-down' ? [instanceId] : [],
          ),
        );
      },
      cycleEnds: () => {
        const { record, hold } = facts.cycle!;
        const { stored } = facts.table;
        if (
          removals.size === 0 ||
          before === null ||
          before < Math.max(facts.settings.nodeCountMin, hold?.min ?? 0) ||
          stored.kind !== 'known' ||
          stored.state.desired === null ||
          !record?.decided ||
          record.decided.decision.action === 'scaleDown' ||
          record.events.some(({ code }) => code === 'disowned')
        ) {
          return;
        }
        const { view } = record.decided;
        const there = view.workers.filter(isCapacity);
        const undone = record.events.filter(
          ({ code, subject }) =>
            code === 'drain-undone' &&
            removals.has(subject) &&
            facts.drainOf(subject) === undefined &&
            there.some(({ id }) => id === subject),
        ).length;
        // One that stays because others were lost makes up for those.
        const meant = Math.min(before + undone, there.length + perhapsLaunched(view));
        if (undone > 0 && stored.state.desired < meant) {
          fail(
            `${undone} removals were undone, ${before} were meant to be there before and ${stored.state.desired} are now; ` +
              `${there.length} are there`,
          );
        }
      },
    };
  },
};

/** One look of `target-tracking` tells of the minute before it. */
const DATAPOINT_MS = 60_000;

/** What policies wait through, and whether a look shows that it is not so. Of some only the policy can tell: never. */
const LASTING: Readonly<Partial<Record<RuleId, (view: View, facts: Facts) => boolean>>> = {
  'pods-waiting-lasts': (view, facts) =>
    view.podsKnown && facts.helpable(view.shapes, view.unschedulable) === 0,
  'cpu-low-lasts': (view, { settings }) => {
    const cpu = trustedValue(view.metrics.cpuPercent, view, settings);
    return cpu === null || cpu >= settings['cpuLowPercent']!;
  },
  'quiet-lasts': () => false,
  'above-target-lasts': () => false,
  'below-target-lasts': () => false,
  'unneeded-lasts': () => false,
  'consolidatable-lasts': () => false,
};

const windowsAreTimes: Invariant = {
  number: 35,
  rule: 'what lasts has not lasted longer than since it was last seen not to be so: windows are times, however often one looks',
  watch(facts, fail) {
    // The earliest that each can have begun.
    const sinceMs = new Map<string, number>();
    let beganAtMs = 0;
    return {
      begun: (world) => {
        beganAtMs = world.nowMs - DATAPOINT_MS;
      },
      decided: ({ decided }) => {
        for (const { rule, observed } of decided?.explanation.rules ?? []) {
          if (LASTING[rule] === undefined || observed === 0) {
            continue;
          }
          const since = sinceMs.get(rule) ?? beganAtMs;
          const { nowMs } = decided!.view;
          if (observed > nowMs - since) {
            fail(`${rule} has seen ${observed} ms of the last ${nowMs - since}`);
          }
          sinceMs.set(rule, nowMs - observed);
        }
      },
      cycleEnds: () => {
        const decided = facts.cycle!.record?.decided;
        const { stored } = facts.table;
        // What was seen and not remembered ends nothing.
        if (!decided || stored.kind !== 'known' || stored.state.memory !== decided.memoryAfter) {
          return;
        }
        for (const [rule, isOver] of Object.entries(LASTING)) {
          if (isOver(decided.view, facts)) {
            sinceMs.set(rule, decided.view.nowMs);
          }
        }
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
  epochsRise,
  hintsFollowed,
  removalsAsked,
  inFlightStays,
  helpableOnly,
  boundPlaced,
  arrivalsCounted,
  countGivenBack,
  windowsAreTimes,
  sizedByRequests,
];
