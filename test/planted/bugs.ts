import { QUIET, type Case } from '../properties/arbitraries.ts';

/** The bad twin of a rule: what a tired engineer might have written instead, planted one at a time. */
export interface Planted {
  /** A rule of safety, the number of a mistake that others have made, or what an operator has ordered. */
  readonly rule: `S${number}` | `mistake ${number}` | 'hold' | 'freeze';
  /** What it does, in one sentence. */
  readonly what: string;
  readonly file: string;
  /** A piece of that file that is there exactly once, and what stands there instead. */
  readonly find: string;
  readonly instead: string;
  /** For what the swarm rarely comes to: fields of its cases that are held, while the others are drawn. */
  readonly held?: Partial<Case>;
  /** For what takes two cycles at once: the explorer’s name for it (`test/explorer/bugs.ts`). */
  readonly explorer?: string;
  /** For what a simulated run cannot show: the file and the title of the test that goes red. */
  readonly test?: readonly [file: string, title: string];
}

const CYCLE = 'engine/cycle.ts';
const LIFECYCLE = 'engine/lifecycle.ts';
const GUARDS = 'engine/guards.ts';
const PLACEMENT = 'engine/placement.ts';
const VIEW = 'engine/view.ts';

const CYCLE_TEST = 'test/engine/cycle.test.ts';
const LIFECYCLE_TEST = 'test/engine/lifecycle.test.ts';
const FOUND_TEST = 'test/engine/found.test.ts';
const FOUND_AGAIN_TEST = 'test/engine/found-again.test.ts';
const MISTAKES_TEST = 'test/engine/known-mistakes.test.ts';

/** Again and again, so that drains are on their way when it begins. */
const OFTEN = Array.from({ length: 24 }, (_, n) => ({ atMinute: 15 * n, minutes: 5 }));

/** In the order of the rules, then of the mistakes; then what operators order. */
export const PLANTED: readonly Planted[] = [
  {
    rule: 'S1',
    what: 'without the pod list, nothing pending on Prometheus is enough for a removal',
    file: GUARDS,
    find: 'known &&= view.nodesKnown && view.podsKnown && view.inboxKnown;',
    instead: 'known &&= view.nodesKnown && view.inboxKnown;',
  },
  {
    rule: 'S2',
    what: 'the inbox is read with the lists, so a taint may be seen before its mark and is taken off',
    file: CYCLE,
    find: `  const [metrics, instances, nodes, pods] = yield* performAll([
    { kind: 'queryMetrics', atMs: lock.nowMs, custom },
    { kind: 'listInstances' },
    { kind: 'listNodes' },
    { kind: 'listPods' },
  ]);
  const inbox = yield* perform({ kind: 'readInbox' });
`,
    instead: `  const inbox = yield* perform({ kind: 'readInbox' });
  const [metrics, instances, nodes, pods] = yield* performAll([
    { kind: 'queryMetrics', atMs: lock.nowMs, custom },
    { kind: 'listInstances' },
    { kind: 'listNodes' },
    { kind: 'listPods' },
  ]);
`,
    held: {
      faults: [{ effect: 'listInstances', mode: 'slow', percent: 100 }],
      market: { ...QUIET.market, reclaimPercentPerMonth: 100_000, noticePercent: 100 },
      spotPercent: 100,
    },
    test: [
      FOUND_AGAIN_TEST,
      'whose taint we see has its mark: the inbox is read after the nodes (S2)',
    ],
  },
  {
    rule: 'S2',
    what: 'a marked node is still supply',
    file: VIEW,
    find: '        doomed++;\n',
    instead: '        doomed++;\n        supply++;\n',
    held: { hands: [{ cycle: 5, does: 'reclaim', to: 0 }] },
    test: ['test/engine/view.test.ts', 'a worker that is %s is counted where it belongs'],
  },
  {
    rule: 'S3',
    what: 'a repair waits for the cooldown',
    file: GUARDS,
    find: "    rule: 'cooldown',\n    appliesTo: 'both',\n    repairs: false,",
    instead: "    rule: 'cooldown',\n    appliesTo: 'both',\n    repairs: true,",
    held: {
      policy: 'node-fleet',
      market: { ...QUIET.market, reclaimPercentPerMonth: 10_000, noticePercent: 100 },
      spotPercent: 100,
    },
    test: [
      'test/engine/decide.test.ts',
      'it is exempt from cool-down and step, and asked of every other guard for adding (S3)',
    ],
  },
  {
    rule: 'S3',
    what: 'a repair may go past max plus the doomed',
    file: GUARDS,
    find: "    rule: 'max',\n    appliesTo: 'up',\n    repairs: true,",
    instead: "    rule: 'max',\n    appliesTo: 'up',\n    repairs: false,",
    held: {
      policy: 'static',
      hands: [
        { cycle: 5, does: 'sicken', to: 0 },
        { cycle: 5, does: 'sicken', to: 1 },
      ],
    },
  },
  {
    rule: 'S4',
    what: 'a launch without an answer is taken for refused, and another pool is tried',
    file: CYCLE,
    find: "withAnswer(act.state, intent.id, each.number, 'unknown', 0)",
    instead: "withAnswer(act.state, intent.id, each.number, 'refused', 0)",
    held: { faults: [{ effect: 'launchInstances', mode: 'lost-answer', percent: 60 }] },
  },
  {
    rule: 'S4',
    what: 'an attempt at another pool is sent before it is committed',
    file: CYCLE,
    find: "if (!mayMutate(act) || (yield* commit(act)) !== 'ok') {",
    instead: 'if (!mayMutate(act)) {',
  },
  {
    rule: 'S5',
    what: 'a repeat carries the epoch of whoever repeats it',
    file: CYCLE,
    find: 'launch: requestOf(intent, each) }',
    instead: 'launch: { ...requestOf(intent, each), birthEpoch: act.epoch } }',
    held: { faults: [{ effect: 'launchInstances', mode: 'lost-answer', percent: 60 }] },
  },
  {
    rule: 'S6',
    what: 'epochs follow the clock alone, whatever the tags say',
    file: CYCLE,
    find: 'act.epoch = instance.birthEpoch + 1;',
    instead: 'act.epoch = act.lockEpoch;',
    held: { hands: [{ cycle: 5, does: 'launch', to: 4 }] },
    test: [CYCLE_TEST, 'an epoch in tags above ours raises ours (S6)'],
  },
  {
    rule: 'S6',
    what: 'a table without a state is a new cluster, whatever runs',
    file: CYCLE,
    find: "if (stored.kind === 'absent' && listed?.length === 0 && !anyNode) {",
    instead: "if (stored.kind === 'absent') {",
    held: {
      policy: 'node-fleet',
      tenths: [60, 60, 5, 5, 5, 5],
      hands: [{ cycle: 12, does: 'lose-table', to: 0 }],
    },
    test: [
      CYCLE_TEST,
      'lost while workers run: nothing is removed before the cooldown ends, then it is (S6)',
    ],
  },
  {
    rule: 'S7',
    what: 'a sandbox that thaws goes on where it stood',
    file: 'engine/drivers.ts',
    find: `      const result = interpret(wanted);
      if (result.completedAtMs > deadlineMs) {`,
    instead: `      const result = interpret(wanted);
      if (result.completedAtMs > Infinity) {`,
    held: { faults: [{ effect: 'acquireLock', mode: 'frozen', percent: 10 }] },
  },
  {
    rule: 'S8',
    what: 'a call begins however little time is left',
    file: CYCLE,
    find: 'const may = hasTime(act, 1 + CLOSING_CALLS);',
    instead: 'const may = true;',
    held: { faults: [{ effect: 'evictPod', mode: 'hang', percent: 100 }] },
  },
  {
    rule: 'S8',
    what: 'a cycle begins though its deadline lies outside the lease',
    file: CYCLE,
    find: 'input.deadlineMs - input.nowMs + 2 * CLOCK_SKEW_MS > LOCK_MS',
    instead: 'input.deadlineMs - input.nowMs > LOCK_MS',
    held: { timeoutSeconds: 240 },
    test: [CYCLE_TEST, 'lies twice the skew inside the lease, or the cycle does not begin (S8)'],
  },
  {
    rule: 'S8',
    what: 'a drain that is terminating is undone like any other',
    file: LIFECYCLE,
    find: "const reversible = state.drains.filter(({ stage }) => stage !== 'terminating');",
    instead: 'const reversible = state.drains;',
    held: {
      policy: 'node-fleet',
      tenths: [50, 50, 5, 5, 60, 60, 5, 5, 60, 60],
      faults: [{ effect: 'terminateInstance', mode: 'fail', percent: 100 }],
    },
    test: [LIFECYCLE_TEST, 'unless it is terminating: that is finished whatever happens (S8)'],
  },
  {
    rule: 'S8',
    what: 'who is given up is not looked at again before it is terminated',
    file: CYCLE,
    find: 'if (node !== undefined && (node.ready || node.cordoned || registered)) {',
    instead: 'if (registered) {',
    held: {
      cycleSeconds: 60,
      settings: { notReadyTimeoutSeconds: 120 },
      market: {
        ...QUIET.market,
        events: [20, 40].map((atMinute) => ({
          kind: 'zone-outage',
          zone: null,
          atMinute,
          minutes: 3,
        })),
      },
      faults: [
        { effect: 'listPods', mode: 'slow', percent: 100 },
        { effect: 'readInbox', mode: 'slow', percent: 100 },
      ],
    },
    test: [FOUND_TEST, 'is looked at once more: a node that is Ready after all stays (S8)'],
  },
  {
    rule: 'S9',
    what: 'a dead holder’s lock is left until it expires',
    file: CYCLE,
    find: ' || nowMs > lock.holderDeadlineAtMs;',
    instead: ';',
    held: {
      hands: [{ cycle: 5, does: 'launch', to: 4 }],
      faults: [{ effect: 'commitState', mode: 'crash-after', percent: 50 }],
    },
    test: [
      CYCLE_TEST,
      'of a dead holder with a clock ahead of ours is taken under the next epoch (S6, S9)',
    ],
  },
  {
    rule: 'S10',
    what: 'a lock that was refused is another’s, without a look',
    file: CYCLE,
    find: 'if (lock.owner === input.nonce) {',
    instead: 'if (false) {',
    test: [CYCLE_TEST, 'is ours although the answer to our write was lost (S10)'],
    held: { faults: [{ effect: 'acquireLock', mode: 'lost-answer', percent: 30 }] },
  },
  {
    rule: 'S11',
    what: 'a drain that stalls goes on for ever',
    file: LIFECYCLE,
    find: `      seen.nowMs - drain.progressedAtMs >= settings.drainStallSeconds * 1000 ||
      drainingForMs >= settings.drainMaxSeconds * 1000;`,
    instead: '      false;',
    held: { policy: 'node-fleet', faults: [{ effect: 'evictPod', mode: 'fail', percent: 100 }] },
  },
  {
    rule: 'S11',
    what: 'a disruption budget is asked once a cycle',
    file: CYCLE,
    find: 'const EVICTION_ROUNDS = 3;',
    instead: 'const EVICTION_ROUNDS = 1;',
    held: { policy: 'node-fleet', tenths: [50, 50, 5, 5, 5, 5] },
    test: [
      CYCLE_TEST,
      'asks a disruption budget three times in one cycle, ten seconds apart (S11)',
    ],
  },
  {
    rule: 'S11',
    what: 'a victim whose drain failed is chosen again at once',
    file: PLACEMENT,
    find: 'if (backoff.instanceId === worker.id && view.nowMs < backoff.untilMs) {',
    instead: 'if (false) {',
  },
  {
    rule: 'S12',
    what: 'a victim is removed whether or not its pods fit elsewhere',
    file: PLACEMENT,
    find: '      !fitsElsewhere(worker, [...leaving, ...chosen], view, cluster, headroom)\n',
    instead: '      false\n',
    held: { policy: 'node-fleet', tenths: [50, 50, 5, 5, 5, 5] },
    test: ['test/engine/placement.test.ts', 'one whose pods do not fit elsewhere'],
  },
  {
    rule: 'S12',
    what: 'pods wait for a new node while ours are being drained',
    file: LIFECYCLE,
    find: '      (waiting !== null && waiting > 0) ||\n',
    instead: '',
    held: {
      policy: 'trailing-max',
      tenths: [60, 60, 5, 5, 80, 5, 5, 80, 5, 5, 80],
      others: [{ kind: 'deployment', requestMillicpu: 100, replicas: 3, zone: null }],
      settings: { drainStallSeconds: 600 },
      faults: [{ effect: 'evictPod', mode: 'fail', percent: 100 }],
    },
    test: [LIFECYCLE_TEST, 'when pods wait that it could hold: before any node is bought (S12)'],
  },
  {
    rule: 'S13',
    what: 'pods that no node could hold count too',
    file: VIEW,
    find: 'pods += isHelpable(view.shapes[s]!, cluster, template) ? count : 0;',
    instead: 'pods += count;',
    held: {
      policy: 'node-fleet',
      others: [{ kind: 'deployment', requestMillicpu: 5_000, replicas: 1, zone: null }],
    },
    test: [FOUND_TEST, 'in a zone that is not ours are pods that no node can hold (S13)'],
  },
  {
    rule: 'S13',
    what: 'pods bound to a zone that is not ours are packed with the others',
    file: 'engine/policies/trailing-max.ts',
    find: 'const counts = unschedulableInOurZones(view, cluster).slice();',
    instead: 'const counts = view.unschedulable.slice();',
    test: [
      FOUND_TEST,
      'in a zone that is not ours need no node beside those that others wait for (S13)',
    ],
  },
  {
    rule: 'S13',
    what: 'a node for pods bound to a zone is bought wherever fewest are',
    file: PLACEMENT,
    find: 'const lacking = lackingByZone(view, cluster);',
    instead: 'const lacking: number[] | null = null;',
    test: [FOUND_TEST, 'get their node there, and not wherever fewest are'],
    held: {
      zones: 3,
      others: [{ kind: 'deployment', requestMillicpu: 1_500, replicas: 3, zone: 2 }],
    },
  },
  {
    rule: 'S14',
    what: 'launches that never join are replaced as fast as they fail',
    file: GUARDS,
    find: 'const tripped = view.joinFailures >= JOIN_FAILURES_BEFORE_BREAKER;',
    instead: 'const tripped = false;',
    held: {
      neverJoinsPercent: 100,
      policy: 'node-fleet',
      tenths: [60, 60, 60, 60, 60, 60, 60, 60],
    },
    test: ['test/engine/guards.test.ts', 'one is one: a repair of the same cycle is the probe'],
  },
  {
    rule: 'S15',
    what: 'whoever has no node now has never joined',
    file: LIFECYCLE,
    find: 'const hasJoined = node?.ready || contains(state.joined, instance.id);',
    instead: 'const hasJoined = node?.ready;',
  },
  {
    rule: 'S16',
    what: 'an instance that is not listed is gone',
    file: LIFECYCLE,
    find: 'if (seen.confirmedGone.includes(instanceId) || (leaving && noted !== undefined)) {',
    instead: 'if (noted?.seen ?? true) {',
    held: { faults: [{ effect: 'listInstances', mode: 'truncated', percent: 30 }] },
  },
  {
    rule: 'S17',
    what: 'a dead node is supply for ever',
    file: VIEW,
    find: '        notReady++;\n        leaving++;',
    instead: '        notReady++;\n        supply++;',
    held: { policy: 'static', hands: [{ cycle: 2, does: 'sicken', to: 0 }] },
    test: ['test/engine/view.test.ts', 'a worker that is %s is counted where it belongs'],
  },
  {
    rule: 'S17',
    what: 'dead nodes are repaired all at once',
    file: LIFECYCLE,
    find: '      repairing = true;\n',
    instead: '',
    held: {
      policy: 'static',
      hands: [
        { cycle: 2, does: 'sicken', to: 0 },
        { cycle: 2, does: 'sicken', to: 1 },
      ],
    },
    test: [LIFECYCLE_TEST, 'one at a time: the others wait until it is gone (S17)'],
  },
  {
    rule: 'S18',
    what: 'a node that a person has cordoned is a victim like any other',
    file: PLACEMENT,
    find: "return worker.phase === 'ready' && !worker.cordoned && !holdsPinnedPod(worker, view);",
    instead: "return worker.phase === 'ready' && !holdsPinnedPod(worker, view);",
    held: {
      policy: 'node-fleet',
      hands: [
        { cycle: 3, does: 'cordon', to: 0 },
        { cycle: 3, does: 'cordon', to: 1 },
        { cycle: 3, does: 'cordon', to: 2 },
      ],
    },
    test: ['test/engine/placement.test.ts', 'one that a person has cordoned'],
  },
  {
    rule: 'S18',
    what: 'paused, a drain stays and its taint with it',
    file: LIFECYCLE,
    find: "    const undo =\n      seen.mode === 'paused' ||",
    instead: '    const undo =',
    test: [LIFECYCLE_TEST, 'when paused'],
    held: {
      mode: { is: 'paused', from: 12, to: 60 },
      faults: [{ effect: 'evictPod', mode: 'fail', percent: 100 }],
    },
  },
  {
    rule: 'S19',
    what: 'every alert starts a cycle, however soon after the last',
    file: CYCLE,
    find: 'return agoMs >= 0 && agoMs < ALERT_APART_MS;',
    instead: 'return false;',
    held: {
      alertAfterSeconds: 0,
      others: [{ kind: 'deployment', requestMillicpu: 1_931, replicas: 1, zone: null }],
    },
    test: [FOUND_TEST, 'within 30 s of the cycle before leaves its kick for the next one (S19)'],
  },
  {
    rule: 'S20',
    what: 'a trigger is served however long it waited in a queue',
    file: CYCLE,
    find: 'if (input.nowMs - input.triggeredAtMs > TRIGGER_MAX_AGE_MS) {',
    instead: 'if (false) {',
    held: { triggers: { lost: 0, twice: 0, late: 100 } },
    test: [CYCLE_TEST, 'is not even asked for by a trigger older than 90 s (S20)'],
  },
  {
    rule: 'S21',
    what: 'what is on its way is not taken from what waiting pods need',
    file: VIEW,
    find: 'return Math.max(0, needed - fleet.arriving);',
    instead: 'return needed;',
    test: [
      MISTAKES_TEST,
      'pods that wait for nodes already launched, or perhaps launched, buy no more (S21)',
    ],
  },
  {
    rule: 'S21',
    what: 'additions know no quiet time',
    file: GUARDS,
    find: "return refuseIf(asked, view.nowMs < untilMs, 'cooldown', view.nowMs, untilMs);",
    instead:
      "return refuseIf(asked, asked.direction === 'down' && view.nowMs < untilMs, 'cooldown', view.nowMs, untilMs);",
  },
  {
    rule: 'S22',
    what: 'a pod whose eviction was accepted is gone',
    file: CYCLE,
    find: 'const podsLeft = listed.pods.length;',
    instead: 'const podsLeft = listed.pods.filter((pod) => pod.terminatesAtMs === null).length;',
  },
  {
    rule: 'S23',
    what: 'a hint is a notice',
    file: CYCLE,
    find: "  if (reason === 'reclaim') {\n    return true;",
    instead: "  if (reason !== 'scale-down') {\n    return true;",
  },
  {
    rule: 'S24',
    what: 'what is above a lowered max is removed',
    file: 'engine/decide.ts',
    find: 'const proposal = policy.propose({ view, fleet: repaired, cluster, settings, memory });',
    instead: `const own = policy.propose({ view, fleet: repaired, cluster, settings, memory });
  const surplus = fleet.supply - settings.nodeCountMax;
  const proposal = surplus > 0 ? { ...own, action: 'scaleDown' as const, count: surplus } : own;`,
    held: { changes: [{ atMinute: 30, nodeCountMin: 1, nodeCountMax: 4 }] },
    test: [
      'test/engine/decide.test.ts',
      'a lowered max is no loss: nothing above it is restored, and nothing removed for it (S24)',
    ],
  },
  {
    rule: 'S24',
    what: 'under a lowered max no hint is followed any more',
    file: CYCLE,
    find: 'countFleet(view).ready >= Math.min(desired, configured.settings.nodeCountMax) &&',
    instead: 'countFleet(view).ready >= desired &&',
    held: {
      changes: [{ atMinute: 20, nodeCountMin: 1, nodeCountMax: 4 }],
      hands: [
        { cycle: 12, does: 'rebalance', to: 0 },
        { cycle: 20, does: 'rebalance', to: 1 },
      ],
    },
    test: [FOUND_AGAIN_TEST, 'a lowered max does not keep hints from being followed (S24)'],
  },
  {
    rule: 'S25',
    what: 'another policy drops what is in flight',
    file: CYCLE,
    find: 'return stateWith(stored.state, { policy: policy.name, memory: NO_MEMORY });',
    instead:
      'return stateWith(stored.state, { policy: policy.name, memory: NO_MEMORY, launches: [], drains: [] });',
    held: {
      policy: 'node-fleet',
      tenths: [10, 20, 30, 40, 50, 60],
      faults: [{ effect: 'launchInstances', mode: 'lost-answer', percent: 80 }],
      changes: [
        { atMinute: 15, policy: 'trailing-max' },
        { atMinute: 25, policy: 'node-fleet' },
        { atMinute: 35, policy: 'trailing-max' },
        { atMinute: 45, policy: 'node-fleet' },
      ],
    },
    test: [CYCLE_TEST, 'of another policy is dropped; intents and instants stay (S25)'],
  },
  {
    rule: 'mistake 3',
    what: 'while instances cannot be listed there are none, and what is missing is bought',
    file: GUARDS,
    find: 'let known = view.instancesKnown && !view.contradicted;',
    instead: 'let known = !view.contradicted;',
    held: { faults: [{ effect: 'listInstances', mode: 'fail', percent: 30 }] },
    test: [MISTAKES_TEST, 'an instance list that failed or came empty does not buy the minimum'],
  },
  {
    rule: 'mistake 4',
    what: 'readings that could not be had are zeros of this moment',
    file: CYCLE,
    find: ': missingMetrics(asMissing(metrics.reason), custom),',
    instead: `: (() => {
          const zero = { value: 0, sampledAtMs: act.nowMs, coverageRatio: 1, missing: null };
          return { cpuPercent: zero, memoryPercent: zero, unschedulablePods: zero, apiLatencyP95Ms: zero, requestsPerSecond: zero, custom: [] };
        })(),`,
    test: [MISTAKES_TEST, 'an idle CPU removes only when it is present, fresh and well covered'],
  },
  {
    rule: 'mistake 4',
    what: 'nodes are removed on a reading however old',
    file: GUARDS,
    find: 'known &&= trustedValue(view.metrics.cpuPercent, view, settings) !== null;',
    instead: '',
  },
  {
    rule: 'mistake 5',
    what: 'the state is written after the action',
    file: CYCLE,
    find: "const committed = isStored(act) && !tidies ? 'ok' : yield* commit(act, tidies);",
    instead: "const committed = 'ok' as 'ok' | 'lock-lost' | 'failed';",
  },
  {
    rule: 'mistake 6',
    what: 'a lock is overwritten, held or not',
    file: 'simulator/table.ts',
    find: 'if (!free || lock.epoch >= request.epoch) {',
    instead: 'if (lock.epoch >= request.epoch) {',
  },
  {
    rule: 'mistake 6',
    what: 'a state is written by whoever asks',
    file: 'simulator/table.ts',
    find: `    if (!this.#isHeldBy(request.owner, request.epoch)) {
      return { ok: false, certainty: 'refused', reason: 'lock-lost', completedAtMs };
    }
    this.#setState`,
    instead: '    this.#setState',
    explorer: 'a commit that no epoch fences',
  },
  {
    rule: 'mistake 6',
    what: 'a lock is given back by whoever asks',
    file: 'simulator/table.ts',
    find: `    if (!this.#isHeldBy(request.owner, request.epoch)) {
      return { ok: false, certainty: 'refused', reason: 'lock-lost', completedAtMs };
    }
    this.lock`,
    instead: '    this.lock',
    explorer: 'a lock that anyone gives back',
  },
  {
    rule: 'mistake 7',
    what: 'each sending of a launch has a token of its own',
    file: CYCLE,
    find: "  const answer = yield* perform({ kind: 'launchInstances', launch: requestOf(intent, each) });",
    instead: `  const launch = { ...requestOf(intent, each), clientToken: \`\${each.clientToken}-\${act.epoch}\` };
  const answer = yield* perform({ kind: 'launchInstances', launch });`,
  },
  {
    rule: 'mistake 8',
    what: 'what a pool refuses in part is asked of the next in full',
    file: CYCLE,
    find: ': placeLaunches(now, act.input.cluster, settings, missing);',
    instead: ': placeLaunches(now, act.input.cluster, settings, answered.count);',
  },
  {
    rule: 'mistake 11',
    what: 'a policy goes around the guards that repairs are exempt from',
    file: 'engine/decide.ts',
    find: 'if (isRepair && !guard.repairs) {',
    instead: 'if (!guard.repairs) {',
  },
  {
    rule: 'mistake 12',
    what: 'pods that may not be moved count for nothing in the choice of a victim',
    file: PLACEMENT,
    find: 'if (worker.pods[s]! > 0 && view.shapes[s]!.pinnedBy !== null) {',
    instead: 'if (false) {',
    held: {
      policy: 'node-fleet',
      tenths: [50, 50, 5, 5, 5, 5],
      others: [{ kind: 'local-data', requestMillicpu: 400, replicas: 3, zone: null }],
    },
    test: [LIFECYCLE_TEST, 'when a pod that may not be moved turned up on it'],
  },
  {
    rule: 'mistake 13',
    what: 'a node that is not found is terminated without a drain',
    file: CYCLE,
    find: `  const nodeName = yield* taint(act, seen, drain);
  if (nodeName === null) {
`,
    instead: `  const nodeName = yield* taint(act, seen, drain);
  if (nodeName === null) {
    act.state = withDrain(act.state, { ...drain, stage: 'terminating' });
`,
    held: { faults: [{ effect: 'taintNode', mode: 'fail', percent: 50 }] },
    test: [MISTAKES_TEST, 'a node that cannot be found is not drained, so it is not terminated'],
  },
  {
    rule: 'mistake 14',
    what: 'the taint of a failed drain stays',
    file: LIFECYCLE,
    find: 'strayTaints: strayTaints(seen, state, joined),',
    instead: 'strayTaints: NONE,',
  },
  {
    rule: 'mistake 14',
    what: 'a drain that fails lowers the count all the same',
    file: LIFECYCLE,
    find: '      desired++;\n',
    instead: '',
    test: [
      MISTAKES_TEST,
      'it ends undone: taint off, victim in back-off, and what is there is what is counted',
    ],
  },
  {
    rule: 'mistake 15',
    what: 'a drain evicts what may not be moved',
    file: CYCLE,
    find: "if (current.reason !== 'reclaim' && staying.some((pod) => pod.pinnedBy !== null)) {",
    instead: 'if (false) {',
    test: [
      MISTAKES_TEST,
      'pods leave by eviction alone, each by its UID; a voluntary drain stops at a pinned one',
    ],
  },
  {
    rule: 'mistake 15',
    what: 'pods are deleted, past their disruption budget',
    file: 'simulator/world.ts',
    find: 'if (this.#starting[at] === 0 && this.runningTotal[s]! <= this.replicas[s]! - unavailable) {',
    instead: 'if (false) {',
  },
  {
    rule: 'mistake 19',
    what: 'what lasts is counted in looks as well as in time',
    file: 'engine/policies/streak.ts',
    find: 'return isSo ? (sinceMs > 0 ? sinceMs : nowMs) : 0;',
    instead: 'return isSo ? (sinceMs > 0 ? sinceMs - 120_000 : nowMs) : 0;',
    test: [
      'test/engine/policies/sustained.test.ts',
      'windows are times: looks every half minute or every five make no difference',
    ],
  },
  {
    rule: 'mistake 20',
    what: 'a node is bought for a pod that no node could ever hold',
    file: VIEW,
    find: `  if (pods === null || pods === 0) {
    return pods;
  }
  if (!view.podsKnown)`,
    instead: `  if (view.podsKnown && pods === 0) {
    return view.unschedulable.some((count) => count > 0) ? 1 : 0;
  }
  if (pods === null || pods === 0) {
    return pods;
  }
  if (!view.podsKnown)`,
    test: [MISTAKES_TEST, '%s buys nothing for a pod that no node can hold'],
  },
  {
    rule: 'mistake 21',
    what: 'whatever is asked for, one node is added',
    file: 'engine/policies/trailing-max.ts',
    find: '      const count = target - fleet.supply;\n',
    instead: '      const count = 1;\n',
    test: [MISTAKES_TEST, 'trailing-max buys what the waiting pods need, at once'],
  },
  {
    rule: 'mistake 22',
    what: 'the last removal is forgotten when the node has gone',
    file: LIFECYCLE,
    find: '    : stateWith(state, { launches, drains });',
    instead: `    : stateWith(state, {
        launches,
        drains,
        lastScaleDownAtMs: drains.length === 0 ? null : state.lastScaleDownAtMs,
      });`,
    held: { settings: { cooldownBeforeRemovalSeconds: 1_200 } },
    test: [
      MISTAKES_TEST,
      'when a node has gone, the instant and the direction of its removal stay',
    ],
  },
  {
    rule: 'hold',
    what: 'nobody looks at the hold: nodes are removed below it',
    file: VIEW,
    find: '  return hold === null || nowMs >= hold.untilMs\n',
    instead: '  return hold === null || nowMs >= 0\n',
  },
  {
    rule: 'hold',
    what: 'a drain that began before the hold goes on below it',
    file: LIFECYCLE,
    find: 'const min = nodeCountMinAt(seen.nowMs, seen.inbox?.hold ?? null, settings);',
    instead: 'const min = settings.nodeCountMin;',
    held: { orders: { holds: OFTEN.map((window) => ({ min: 14, ...window })), freezes: [] } },
  },
  {
    rule: 'freeze',
    what: 'nodes are removed in a freeze',
    file: GUARDS,
    find: "refuseIf(asked, view.nowMs < untilMs, 'frozen', view.nowMs, untilMs)",
    instead: "refuseIf(asked, view.nowMs < 0, 'frozen', view.nowMs, untilMs)",
  },
  {
    rule: 'freeze',
    what: 'a drain that began before the freeze goes on in it',
    file: LIFECYCLE,
    find: "const frozenOut = frozen && drain.reason === 'scale-down';",
    instead: 'const frozenOut = false && frozen;',
    held: { orders: { holds: [], freezes: OFTEN } },
  },
];
