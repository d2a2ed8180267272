// What must never happen, staged: each is shown to the checker of its invariant, which must say so.
import { expect } from 'vitest';
import {
  emptyState,
  NO_MEMORY,
  type ConfiguredPolicy,
  type CycleInput,
  type Decision,
  type DecisionRecord,
  type DrainIntent,
  type Effect,
  type EffectOf,
  type Explanation,
  type FleetState,
  type LaunchIntent,
  type PodShape,
  type Result,
  type RuleVerdict,
  type View,
} from '../../engine/index.ts';
import {
  billOf,
  checkers,
  Interpreter,
  INVARIANTS,
  PRICE_BOOKS,
  Table,
  type Observer,
  type Run,
  type World,
} from '../../simulator/index.ts';
import { attempt, drain, launch as intent, view, WEB, worker } from '../engine/build.ts';
import { policyOf, quietWorld, ZONE_A, ZONE_B, type Settings } from '../simulator/build.ts';
import { build, QUIET, runCase } from './arbitraries.ts';

type Watch = Required<Observer>;

/** Three nodes with a pod each, a table that knows them and whose lock is held, and one cycle begun. */
export class Stage {
  readonly world: World;
  readonly table = new Table();
  readonly interpreter: Interpreter;
  readonly watch: Watch;
  readonly ids: readonly string[];
  readonly atMs: number;
  readonly configured: ConfiguredPolicy;

  constructor(
    number: number,
    overrides: Record<string, number> = {},
    settings: Settings = {},
    policy = 'node-fleet',
  ) {
    this.world = quietWorld(3, 3, { settings }).world;
    this.ids = this.world.aliveInstances().map(({ id }) => id);
    this.configured = policyOf(policy, overrides);
    const { configured } = this;
    const invariants = INVARIANTS.filter((each) => each.number === number);
    const options = { scenario: this.world.scenario, configured, calmFromMs: 0 };
    this.watch = checkers(options, invariants) as Watch;
    this.interpreter = new Interpreter(
      this.world,
      this.table,
      () => undefined,
      () => undefined,
    );
    this.remember({});
    this.atMs = this.world.nextStepAtMs;
    this.interpreter.advance(this.atMs);
    this.watch.begun(this.world, this.table, this.interpreter);
    this.begin();
  }

  begin(
    due: Partial<Pick<CycleInput, 'trigger' | 'triggeredAtMs' | 'configured'>> = {},
    lastsMs = 60_000,
  ): void {
    const { nowMs } = this.interpreter;
    const expiryMs = nowMs + 300_000;
    this.table.lock = {
      owner: 'us',
      epoch: 7,
      lockExpiryAtMs: expiryMs,
      holderDeadlineAtMs: expiryMs,
    };
    this.watch.cycleBegins(nowMs, nowMs + lastsMs, {
      trigger: 'schedule',
      triggeredAtMs: nowMs,
      configured: this.configured,
      ...due,
    });
    const asked = { owner: 'us', epoch: 7, nowMs, lockExpiryAtMs: expiryMs };
    const effect = { kind: 'acquireLock', ...asked, holderDeadlineAtMs: expiryMs } as const;
    this.watch.reaches(effect, this.world);
  }

  /** Hours go by, and the run is over. */
  finish(): void {
    this.decide({}, {});
    this.interpreter.advance(3 * 3_600_000);
    this.watch.finished(undefined as never, this.world);
  }

  end(): void {
    this.watch.cycleEnds(this.interpreter.nowMs, false);
  }

  remember(changes: Partial<FleetState>): void {
    const state = { ...emptyState('node-fleet'), desired: 3, known: this.ids, ...changes };
    this.table.stored = { kind: 'known', state };
  }

  /** An effect as a cycle performs it, watched from beginning to end. */
  perform(effect: Effect, doctored?: (result: Result) => Result): void {
    this.watch.reaches(effect, this.world);
    const truth = this.interpreter.interpret(effect);
    this.watch.happened(effect, truth, this.world);
    this.watch.performed(effect, doctored?.(truth) ?? truth, this.world);
  }

  /** A commit of what is remembered. */
  commit(changes: Partial<FleetState>, owner = 'us'): void {
    this.remember(changes);
    this.watch.happened(commitBy(owner), { ok: true, completedAtMs: this.atMs }, this.world);
  }

  decide(
    seen: Partial<View>,
    decision: Partial<Decision>,
    explanation: Partial<Explanation> = {},
    startedAtMs = 0,
  ): void {
    const record = recordOf(seen, decision, explanation);
    this.watch.decided({ ...record, startedAtMs }, this.world);
  }

  drain(changes: Partial<DrainIntent> = {}): DrainIntent {
    const [instanceId] = this.ids;
    return drain(instanceId, { nodeName: instanceId, startedAtMs: this.atMs, ...changes });
  }

  intent(count: number): LaunchIntent {
    const first = attempt({ zone: ZONE_A, count, number: 0, clientToken: 'token' });
    return intent({ id: 'intent', count, attempts: [first], createdAtMs: this.atMs });
  }

  /** Sends for `count` nodes, which is what the table has been told. */
  launch(count: number, told = count): void {
    this.remember({ launches: [this.intent(told)] });
    this.perform({
      kind: 'launchInstances',
      launch: {
        clientToken: 'token',
        zone: ZONE_A,
        market: 'on-demand',
        count,
        templateVersion: '1',
        intentId: 'intent',
        birthEpoch: Math.floor(this.atMs / 1000) + 1,
      },
    });
  }
}

function commitBy(owner: string): EffectOf<'commitState'> {
  const state = emptyState('node-fleet');
  return {
    kind: 'commitState',
    owner,
    epoch: 7,
    nextEpoch: 7,
    state,
    nodeCount: 3,
    scalingInProgress: false,
  };
}

function recordOf(
  seen: Partial<View>,
  decision: Partial<Decision>,
  explanation: Partial<Explanation> = {},
): DecisionRecord {
  return {
    startedAtMs: 0,
    epoch: 7,
    outcome: 'decided',
    decided: {
      view: view(seen),
      memory: [],
      memoryAfter: NO_MEMORY,
      decision: {
        action: 'hold',
        count: 0,
        repair: 0,
        launches: [],
        victims: [],
        desired: 3,
        ...decision,
      },
      explanation: { level: 'NONE', proposed: 0, rules: [], ...explanation },
    },
    events: [],
  };
}

const fourInOneZone = Array.from({ length: 4 }, (_, n) =>
  worker(`i-${String(n)}`, { zone: ZONE_A }),
);
const removal = { action: 'scaleDown', count: 1, victims: ['i-0'] } as const;
export const waitingPods = (result: Result): Result =>
  result.ok && 'pods' in result && 'shapes' in result.pods
    ? { ...result, pods: { ...result.pods, unschedulable: [2] } }
    : result;

/** So large that no node could hold it. */
const HUGE: PodShape = { ...WEB, requestMillicpu: 9_000 };

/** A cycle that is shown only a pod without room that no node could hold, and then decides. */
function decideForHuge(decision: Partial<Decision>, rule: RuleVerdict): void {
  const stage = new Stage(31);
  const pods = { shapes: [HUGE], unschedulable: [1], perNode: [] };
  stage.perform({ kind: 'listPods' }, (result) => (result.ok ? { ...result, pods } : result));
  stage.decide({ ...pods, workers: fourInOneZone }, decision, { rules: [rule] });
}

/** For pods that wait, by a policy, so many nodes are asked for. */
function askFor(number: number, policy: string, proposed: number, seen: Partial<View>): void {
  const pending = {
    rule: 'pods-unschedulable',
    verdict: 'fires',
    observed: 8,
    threshold: 0,
  } as const;
  const busy = fourInOneZone.map((each) => ({ ...each, pods: [7] }));
  new Stage(number, {}, {}, policy).decide(
    { workers: busy, unschedulable: [8], ...seen },
    { action: 'scaleUp', count: proposed },
    { proposed, rules: [pending] },
  );
}

/** Nodes that trailing-max asks for when it is shown four that are full and fourteen pods that wait: two nodes’ worth. */
function followTarget(proposed: number, target: number): void {
  const stage = new Stage(36, {}, {}, 'trailing-max');
  const workers = fourInOneZone.map((each) => ({ ...each, pods: [7] }));
  const perNode = workers.map(({ id }) => ({ nodeName: id, counts: [7] }));
  const pods = { shapes: [WEB], unschedulable: [14], perNode };
  stage.perform({ kind: 'listPods' }, (result) => (result.ok ? { ...result, pods } : result));
  stage.decide(
    { ...pods, workers },
    { action: 'scaleUp', count: proposed },
    {
      proposed,
      rules: [{ rule: 'target-above-supply', verdict: 'fires', observed: target, threshold: 4 }],
    },
  );
}

/** A look that says how long CPU has been low. */
function lookAtCpu(stage: Stage, cpuPercent: number, lastedMs: number): void {
  const { nowMs } = stage.interpreter;
  const cpu = { value: cpuPercent, sampledAtMs: nowMs, coverageRatio: 1, missing: null };
  stage.decide(
    { nowMs, metrics: { ...view().metrics, cpuPercent: cpu } },
    {},
    {
      rules: [{ rule: 'cpu-low-lasts', verdict: 'quiet', observed: lastedMs, threshold: 600_000 }],
    },
  );
}

/** A whole run, whose end is told otherwise than it was. */
function endingIn(number: number, otherwise: (run: Run, world: World) => Run): void {
  const { scenario, configured } = build(QUIET);
  const own = INVARIANTS.filter((each) => each.number === number);
  const watch = checkers({ scenario, configured }, own) as Watch;
  const told: Observer = {
    ...watch,
    finished: (run, world) => {
      watch.finished(otherwise(run, world), world);
    },
  };
  runCase(QUIET, [], told);
}

const FROZEN = {
  freezes: [{ name: 'audit', startAt: '2026-11-01T00:00:00Z', endAt: '2026-12-31T00:00:00Z' }],
};

/** What must never happen: by the rule that it breaks. */
export const NEVER: readonly (readonly [number: number, what: string, happens: () => void])[] = [
  [1, 'a launch past max', () => new Stage(1, { nodeCountMax: 4 }).launch(2)],
  [
    1,
    'a removal decided that leaves fewer than min',
    () => new Stage(1, { nodeCountMin: 4 }).decide({ workers: fourInOneZone }, removal),
  ],
  [
    1,
    'a removal carried out that leaves fewer than min',
    () => {
      const stage = new Stage(1, { nodeCountMin: 3 });
      stage.commit({ drains: [stage.drain({ stage: 'terminating' })] });
    },
  ],
  [
    1,
    'a removal decided that leaves fewer than the fleet is held at',
    () => {
      const stage = new Stage(1);
      stage.table.hold({ min: 4, untilMs: stage.atMs + 3_600_000 });
      stage.perform({ kind: 'readInbox' });
      stage.decide({ workers: fourInOneZone }, removal);
    },
  ],
  [
    1,
    'a removal carried out that leaves fewer than the fleet is held at',
    () => {
      const stage = new Stage(1, { nodeCountMin: 1 });
      stage.table.hold({ min: 3, untilMs: stage.atMs + 3_600_000 });
      stage.perform({ kind: 'readInbox' });
      stage.commit({ drains: [stage.drain({ stage: 'terminating' })] });
    },
  ],
  [
    2,
    'a removal decided in a freeze',
    () => new Stage(2, {}, FROZEN).decide({ workers: fourInOneZone }, removal),
  ],
  [
    2,
    'a pod evicted by choice in a freeze',
    () => {
      const stage = new Stage(2, {}, FROZEN);
      stage.remember({ drains: [stage.drain({ stage: 'evicting' })] });
      const uid = `${stage.ids[0]!}/0/0`;
      stage.perform({ kind: 'evictPod', namespace: 'shop', name: 'web', uid });
    },
  ],
  [
    2,
    'a removal on a stale reading',
    () =>
      new Stage(2).decide(
        { workers: fourInOneZone, metrics: view().metrics, nowMs: view().nowMs + 3_600_000 },
        removal,
      ),
  ],
  [
    2,
    'a removal without the list of pods',
    () => new Stage(2).decide({ workers: fourInOneZone, podsKnown: false }, removal),
  ],
  ...(['queryMetrics', 'listPods', 'readInbox'] as const).map((kind): (typeof NEVER)[number] => [
    2,
    `a removal on a view made up where ${kind} had failed`,
    () => {
      const stage = new Stage(2);
      const effect =
        kind === 'queryMetrics' ? { kind, atMs: stage.atMs, custom: [] } : ({ kind } as const);
      stage.perform(effect, ({ completedAtMs }) => ({
        ok: false,
        certainty: 'unknown',
        reason: 'timeout',
        completedAtMs,
      }));
      stage.decide({ workers: fourInOneZone }, removal);
    },
  ]),
  [
    2,
    'a removal while pods wait',
    () => new Stage(2).decide({ workers: fourInOneZone, unschedulable: [1] }, removal),
  ],
  [
    2,
    'a victim that is not Ready',
    () =>
      new Stage(2).decide(
        { workers: fourInOneZone.map((each) => ({ ...each, phase: 'not-ready' })) },
        removal,
      ),
  ],
  [
    2,
    'a taint without a drain',
    () => {
      const stage = new Stage(2);
      const nodeName = stage.ids[0];
      stage.perform({ kind: 'taintNode', nodeName, intentId: 'none', resourceVersion: '1' });
    },
  ],
  [
    2,
    'a drain that stays while paused',
    () => {
      const stage = new Stage(2);
      stage.remember({ drains: [stage.drain({ stage: 'evicting' })] });
      stage.begin();
      stage.decide({ mode: 'paused' }, {});
      stage.end();
    },
  ],
  [
    2,
    'a drain that goes on while pods wait',
    () => {
      const stage = new Stage(2);
      stage.remember({ drains: [stage.drain({ stage: 'evicting' })] });
      stage.begin();
      stage.perform({ kind: 'listInstances' });
      stage.perform({ kind: 'listPods' }, waitingPods);
      stage.decide({}, {});
      stage.end();
    },
  ],
  [3, 'more launched than the intent was for', () => new Stage(3).launch(2, 1)],
  [
    3,
    'a launch before its intent is committed',
    () => {
      const stage = new Stage(3);
      const launch = {
        clientToken: 'unheard-of',
        zone: ZONE_A,
        market: 'on-demand',
        count: 1,
        templateVersion: '1',
        intentId: 'unheard-of',
        birthEpoch: 1,
      } as const;
      stage.perform({ kind: 'launchInstances', launch });
    },
  ],
  [
    3,
    'two decisions in a cycle',
    () => {
      const stage = new Stage(3);
      stage.decide({}, {});
      stage.decide({}, {});
    },
  ],
  [
    4,
    'an instance that is listed and not known',
    () => {
      const stage = new Stage(4);
      stage.remember({ known: stage.ids.slice(1) });
      for (let n = 0; n < 2; n++) {
        stage.begin();
        stage.perform({ kind: 'listInstances' });
        stage.decide({}, {});
        stage.end();
      }
    },
  ],
  [
    5,
    'an eviction of a pod that may not be moved',
    () => {
      const other = {
        name: 'db',
        kind: 'statefulset',
        requestMillicpu: 100,
        requestMib: 100,
        usageMillicpu: 10,
        workingSetMib: 10,
      };
      const stage = new Stage(5, {}, { workload: { others: [other] } });
      stage.remember({ drains: [stage.drain({ stage: 'evicting' })] });
      const uid = `${stage.ids[0]}/1/0`;
      stage.perform({ kind: 'evictPod', namespace: 'shop', name: 'db', uid });
    },
  ],
  [
    5,
    'a termination that is not committed',
    () => {
      const stage = new Stage(5);
      stage.perform({ kind: 'terminateInstance', instanceId: stage.ids[0] });
    },
  ],
  [
    5,
    'a termination of a node with pods',
    () => {
      const stage = new Stage(5);
      const full = stage.ids.find((id) =>
        stage.world.podsOn(id)?.some(({ active }) => active > 0),
      )!;
      const before = stage.drain({ instanceId: full, nodeName: full, stage: 'terminating' });
      stage.remember({ drains: [before] });
      stage.perform({ kind: 'terminateInstance', instanceId: full });
    },
  ],
  [
    5,
    'a Ready node given up as never joined',
    () => {
      const stage = new Stage(5);
      stage.perform({ kind: 'listNodes' });
      stage.commit({ drains: [stage.drain({ reason: 'never-joined', stage: 'terminating' })] });
    },
  ],
  [
    5,
    'a Ready node given up as dead',
    () => {
      const stage = new Stage(5);
      stage.perform({ kind: 'listNodes' });
      stage.commit({ drains: [stage.drain({ reason: 'unhealthy' })] });
    },
  ],
  [
    5,
    'a node given up as dead that is Ready when it is looked at again',
    () => {
      const stage = new Stage(5);
      const [instanceId] = stage.ids;
      stage.world.setHealth(instanceId!, false, true, stage.atMs);
      stage.perform({ kind: 'listNodes' });
      const givenUp = stage.drain({ reason: 'unhealthy' });
      stage.commit({ drains: [givenUp] });
      stage.world.setHealth(instanceId!, true, false, stage.atMs);
      stage.perform({ kind: 'listNodes' });
      stage.commit({ drains: [{ ...givenUp, stage: 'terminating' }] });
    },
  ],
  [
    5,
    'a drain for a notice that nobody had',
    () => {
      const stage = new Stage(5);
      const [instanceId] = stage.ids;
      stage.table.mark({ instanceId, cause: 'rebalance', markedAtMs: stage.atMs });
      stage.commit({ drains: [stage.drain({ reason: 'reclaim' })] });
    },
  ],
  [
    5,
    'a node that is emptied for a hint before its replacement is there',
    () => {
      const stage = new Stage(5);
      stage.perform({ kind: 'listNodes' });
      stage.remember({ drains: [stage.drain({ reason: 'rebalance', stage: 'evicting' })] });
      const uid = `${stage.ids[0]}/0/0`;
      stage.perform({ kind: 'evictPod', namespace: 'shop', name: 'web', uid });
    },
  ],
  [6, 'a commit by another than the holder', () => new Stage(6).commit({}, 'them')],
  [
    6,
    'a termination after the deadline',
    () => {
      const stage = new Stage(6);
      stage.interpreter.advance(60_001);
      stage.perform({ kind: 'terminateInstance', instanceId: stage.ids[0] });
    },
  ],
  [
    6,
    'a launch without the lock',
    () => {
      const stage = new Stage(6);
      stage.table.lock = { owner: null, epoch: 7, lockExpiryAtMs: 0, holderDeadlineAtMs: 0 };
      stage.launch(1);
    },
  ],
  [
    6,
    'a launch under another’s lock',
    () => {
      const stage = new Stage(6);
      stage.table.lock = { ...stage.table.lock, owner: 'them' };
      stage.launch(1);
    },
  ],
  ...(['paused', 'observe'] as const).map((mode): (typeof NEVER)[number] => [
    6,
    `a launch in mode ${mode}`,
    () => {
      const stage = new Stage(6);
      stage.launch(1);
      stage.decide({ mode }, {});
    },
  ]),
  [
    6,
    'a lock that is given to two',
    () => {
      const stage = new Stage(6);
      const nowMs = stage.interpreter.nowMs;
      stage.watch.happened(
        {
          kind: 'acquireLock',
          owner: 'them',
          epoch: 8,
          nowMs,
          lockExpiryAtMs: nowMs + 300_000,
          holderDeadlineAtMs: nowMs + 90_000,
        },
        { ok: true, stored: { kind: 'absent' }, completedAtMs: nowMs },
        stage.world,
      );
    },
  ],
  [
    7,
    'a removal right after an addition',
    () => {
      const stage = new Stage(7);
      stage.commit({ launches: [{ ...stage.intent(1), reason: 'scale-up' }] });
      stage.commit({ drains: [stage.drain({ startedAtMs: stage.atMs + 30_000 })] });
    },
  ],
  [
    7,
    'an addition right after another',
    () => {
      const stage = new Stage(7, { cooldownAfterActionSeconds: 60 });
      const first: LaunchIntent = { ...stage.intent(1), reason: 'scale-up' };
      stage.commit({ launches: [first] });
      const createdAtMs = stage.atMs + 59_999;
      stage.commit({ launches: [first, { ...first, id: 'second', createdAtMs }] });
    },
  ],
  [
    8,
    'a pod that is lost',
    () => {
      const stage = new Stage(8);
      stage.world.podsExpectedAndFound = () => ({ expected: 3, found: 2 });
      stage.watch.stepped(stage.world);
    },
  ],
  [
    8,
    'a node that holds more than fits',
    () => {
      const stage = new Stage(8);
      stage.world.fitsEverywhere = () => false;
      stage.watch.stepped(stage.world);
    },
  ],
  [
    8,
    'a request that nobody heard of again',
    () => {
      const stage = new Stage(8);
      stage.world.arrivedRequests += 1;
      stage.watch.stepped(stage.world);
    },
  ],
  [
    8,
    'a request that is served and lost',
    () => {
      const stage = new Stage(8);
      stage.world.arrivedRequests = 1;
      stage.world.servedRequests = 1;
      stage.world.lostRequests = 0.01;
      stage.watch.stepped(stage.world);
    },
  ],
  [
    9,
    'a launch into the zone that has most',
    () =>
      new Stage(9).decide(
        { workers: fourInOneZone },
        { launches: [{ zone: ZONE_A, market: 'on-demand', count: 1 }] },
      ),
  ],
  [
    9,
    'a removal from the zone that has fewest',
    () => {
      const workers = [...fourInOneZone, worker('i-9', { zone: ZONE_B })];
      new Stage(9).decide({ workers }, { ...removal, victims: ['i-9'] });
    },
  ],
  [
    10,
    'spot before the base is there',
    () =>
      new Stage(10, { onDemandBase: 5 }).decide(
        { workers: fourInOneZone },
        { launches: [{ zone: ZONE_B, market: 'spot', count: 1 }] },
      ),
  ],
  [
    10,
    'a removal that leaves less than the base',
    () => new Stage(10, { onDemandBase: 4 }).decide({ workers: fourInOneZone }, removal),
  ],
  [11, 'a launch past the ceiling', () => new Stage(11, { spendMaxBdtPerHour: 0.01 }).launch(1)],
  [
    12,
    'an effect after the deadline',
    () => {
      const stage = new Stage(12);
      stage.interpreter.advance(60_001);
      stage.perform({ kind: 'listNodes' });
    },
  ],
  [
    12,
    'a cycle that ends late',
    () => {
      const stage = new Stage(12);
      stage.interpreter.advance(60_001);
      stage.end();
    },
  ],
  [
    13,
    'a drain that never ends',
    () => {
      const stage = new Stage(13);
      stage.remember({ drains: [stage.drain({ stage: 'evicting' })] });
      stage.interpreter.advance(1_800_000);
      for (let n = 0; n < 5; n++) {
        stage.begin();
        stage.decide({}, {});
        stage.end();
      }
    },
  ],
  [
    13,
    'an instance that nobody knows of in the end',
    () => {
      const stage = new Stage(13);
      stage.remember({ known: stage.ids.slice(1) });
      stage.finish();
    },
  ],
  [
    13,
    'a taint that stays behind',
    () => {
      const stage = new Stage(13);
      const { name, resourceVersion } = stage.world.listNodes().find((n) => !n.controlPlane)!;
      expect(stage.world.taint(name, 'forgotten', resourceVersion)).toBe('ok');
      stage.finish();
    },
  ],
  [
    13,
    'a mark that stays behind',
    () => {
      const stage = new Stage(13);
      stage.table.mark({ instanceId: 'i-gone', cause: 'reclaim', markedAtMs: stage.atMs });
      stage.finish();
    },
  ],
  [
    14,
    'a cycle that leaves because of a lock that nobody holds',
    () => {
      const stage = new Stage(14);
      stage.table.lock = { ...stage.table.lock, owner: null };
      stage.watch.decided(
        { ...recordOf({}, {}), outcome: 'lock-held', decided: null },
        stage.world,
      );
    },
  ],
  [
    14,
    'a cycle that leaves because of its own lock',
    () => {
      const stage = new Stage(14);
      stage.watch.decided(
        { ...recordOf({}, {}), outcome: 'lock-held', decided: null },
        stage.world,
      );
    },
  ],
  [
    14,
    'a dead holder that is waited for',
    () => {
      const stage = new Stage(14);
      stage.watch.decided(
        {
          ...recordOf({}, {}),
          startedAtMs: stage.table.lock.holderDeadlineAtMs + 1,
          outcome: 'lock-held',
          decided: null,
        },
        stage.world,
      );
    },
  ],
  [
    15,
    'a line of the bill that is too low',
    () => {
      endingIn(15, (run) => {
        const lines = run.measures.costBreakdownBdt;
        const costBreakdownBdt = { ...lines, onDemandNodes: lines.onDemandNodes - 1 };
        return { ...run, measures: { ...run.measures, costBreakdownBdt } };
      });
    },
  ],
  [
    15,
    'surplus credits by another book that were never burnt',
    () => {
      endingIn(15, (run) => {
        const bills = run.measures.bills.map((bill) => ({
          ...bill,
          costBdt: bill.costBdt + 1,
          costBreakdownBdt: {
            ...bill.costBreakdownBdt,
            surplusCredits: bill.costBreakdownBdt.surplusCredits + 1,
          },
        }));
        return { ...run, measures: { ...run.measures, bills } };
      });
    },
  ],
  [
    15,
    'more surplus credits than the machines had CPU for',
    () => {
      endingIn(15, (run, world) => {
        const burnt = world.bills().map((bill) => ({ ...bill, surplusCpuMs: 1e9 }));
        world.bills = () => burnt;
        const { firstStepAtMs, stepCount, stepMs } = world.demand;
        const endAtMs = firstStepAtMs + stepCount * stepMs;
        const bills = PRICE_BOOKS.map((book) => billOf(world, book, endAtMs, false));
        return { ...run, measures: { ...run.measures, bills } };
      });
    },
  ],
  [
    15,
    'lines that do not add up',
    () => {
      endingIn(15, (run) => ({
        ...run,
        measures: { ...run.measures, costBdt: run.measures.costBdt + 1 },
      }));
    },
  ],
  [
    16,
    'a verdict that its numbers do not bear out',
    () =>
      new Stage(16).decide(
        {},
        {},
        { rules: [{ rule: 'max', verdict: 'blocks', observed: 4, threshold: 10 }] },
      ),
  ],
  [
    16,
    'a journal of another run',
    () => {
      const other = runCase({ ...QUIET, cycleSeconds: 300 }, []);
      endingIn(16, (run) => ({ ...run, journal: other.journal }));
    },
  ],
  [
    16,
    'a journal under a policy that did not decide it',
    () => endingIn(16, (run) => ({ ...run, configured: policyOf('static', { nodeCount: 4 }) })),
  ],
  [
    16,
    'a journal of another world',
    () => {
      const other = runCase({ ...QUIET, nodeCountMax: 5 }, []);
      endingIn(16, (run) => ({ ...run, journal: other.journal }));
    },
  ],
  [
    17,
    'pods that wait while nothing is done',
    () => {
      const stage = new Stage(17);
      stage.interpreter.advance(600_000);
      for (let n = 0; n < 5; n++) {
        stage.begin();
        stage.perform({ kind: 'listPods' }, waitingPods);
        stage.decide({}, {});
        stage.end();
      }
    },
  ],
  [
    17,
    'pods that wait for ever for something that never comes',
    () => {
      const stage = new Stage(17);
      for (let n = 0; n < 40; n++) {
        stage.remember({ launches: [stage.intent(1)] });
        stage.interpreter.advance(120_000);
        stage.begin();
        stage.perform({ kind: 'listPods' }, waitingPods);
        stage.decide({}, {});
        stage.end();
      }
    },
  ],
  [
    20,
    'a notice whose taint is taken off',
    () => {
      const stage = new Stage(20);
      const nodeName = stage.ids[0]!;
      stage.table.mark({ instanceId: nodeName, cause: 'reclaim', markedAtMs: stage.atMs });
      stage.perform({ kind: 'untaintNode', nodeName, intentId: `doomed-${nodeName}` });
    },
  ],
  [
    20,
    'a dead node that is not replaced',
    () => {
      const workers = [worker('i-0'), worker('i-1'), worker('i-2', { phase: 'not-ready' })];
      new Stage(20).decide({ workers, desired: 3 }, {});
    },
  ],
  [
    20,
    'dead nodes that are repaired at once',
    () => {
      const stage = new Stage(20);
      const drains = stage.ids.slice(0, 2).map((instanceId) => ({
        ...stage.drain({ reason: 'unhealthy' }),
        id: `doomed-${instanceId}`,
        instanceId,
      }));
      stage.commit({ drains });
    },
  ],
  [
    21,
    'a removal just after memory was lost',
    () => {
      const stage = new Stage(21);
      stage.table.lose();
      stage.begin();
      stage.decide({ workers: fourInOneZone }, removal);
    },
  ],
  [
    22,
    'a drain that was terminating and is not any more',
    () => {
      const stage = new Stage(22);
      stage.commit({ drains: [stage.drain({ stage: 'terminating' })] });
      stage.commit({ drains: [] });
    },
  ],
  [
    23,
    'a budget that is asked once',
    () => {
      const stage = new Stage(23);
      const nodeName = stage.ids[0]!;
      stage.perform({ kind: 'listNodePods', nodeName });
      stage.perform(
        { kind: 'evictPod', namespace: 'shop', name: 'web', uid: `${nodeName}/0/0` },
        ({ completedAtMs }) => ({
          ok: false,
          certainty: 'refused',
          reason: 'blocked-by-pdb',
          completedAtMs,
        }),
      );
      stage.end();
    },
  ],
  [
    24,
    'a victim whose pods fit nowhere',
    () => {
      const full = fourInOneZone.map((each) => ({ ...each, pods: [7] }));
      new Stage(24).decide({ workers: full, shapes: [WEB], unschedulable: [0] }, removal);
    },
  ],
  [
    24,
    'a victim with a pod that may not be moved',
    () => {
      const workers = fourInOneZone.map((each) => ({ ...each, pods: [1] }));
      const shapes = [{ ...WEB, pinnedBy: 'local-data' as const }];
      new Stage(24).decide({ workers, shapes, unschedulable: [0] }, removal);
    },
  ],
  [
    25,
    'two launches at once, when none ever joins',
    () => {
      const launches = [{ zone: ZONE_A, market: 'on-demand' as const, count: 2 }];
      new Stage(25).decide({ joinFailures: 2 }, { launches });
    },
  ],
  [
    25,
    'a launch right after another that never joined',
    () => {
      const stage = new Stage(25);
      const launches = [{ zone: ZONE_A, market: 'on-demand' as const, count: 1 }];
      stage.decide({ joinFailures: 2, nowMs: stage.atMs }, { launches });
      stage.decide(
        { joinFailures: 3, joinFailedAtMs: stage.atMs + 60_000, nowMs: stage.atMs + 120_000 },
        { launches },
      );
    },
  ],
  [
    26,
    'a cycle on a stale trigger',
    () => {
      const stage = new Stage(26);
      stage.begin({ triggeredAtMs: stage.atMs - 90_001 });
      stage.decide({}, {});
    },
  ],
  [
    26,
    'a cycle that may outlast its lease',
    () => {
      const stage = new Stage(26);
      stage.begin({}, 180_001);
      stage.decide({}, {});
    },
  ],
  [
    26,
    'a cycle for an alert in the wake of another',
    () => {
      const stage = new Stage(26);
      stage.decide({}, {}, {}, stage.atMs);
      stage.interpreter.advance(20_000);
      stage.begin({ trigger: 'alert' });
      stage.decide({}, {}, {}, stage.interpreter.nowMs);
    },
  ],
  [
    27,
    'a state under an epoch that a tag has passed',
    () => {
      const stage = new Stage(27);
      const ahead = { clientToken: 'ahead', zone: ZONE_A, market: 'on-demand', count: 1 } as const;
      stage.world.launch({ ...ahead, birthEpoch: 7 }, stage.atMs);
      stage.interpreter.advance(120_000);
      stage.perform({ kind: 'listInstances' });
      stage.watch.reaches(commitBy('us'), stage.world);
    },
  ],
  [
    28,
    'a hint that nobody follows, under a lowered max',
    () => {
      const stage = new Stage(28, { nodeCountMax: 3 });
      const hint = stage.drain({ reason: 'rebalance', stage: 'tainting' });
      stage.remember({ desired: 9, drains: [hint] });
      const hinted = worker(hint.instanceId, { phase: 'doomed' });
      stage.decide({ workers: [...fourInOneZone, hinted] }, {});
      stage.end();
    },
  ],
  [
    29,
    'a removal that the policy has not asked for',
    () => new Stage(29).decide({ workers: fourInOneZone }, removal),
  ],
  [
    30,
    'a drain that is forgotten',
    () => {
      const stage = new Stage(30);
      stage.remember({ drains: [stage.drain()] });
      stage.begin();
      stage.commit({ policy: 'trailing-max' });
      stage.decide({}, {});
    },
  ],
  [
    30,
    'a launch that is forgotten without an answer',
    () => {
      const stage = new Stage(30);
      stage.remember({ launches: [stage.intent(1)] });
      stage.begin();
      stage.commit({ policy: 'trailing-max' });
    },
  ],
  ...(['pods-unschedulable', 'pods-waiting-lasts'] as const).map((rule): (typeof NEVER)[number] => [
    31,
    `a node for pods that no node could hold (${rule})`,
    () => {
      const count = { action: 'scaleUp', count: 1 } as const;
      decideForHuge(count, { rule, verdict: 'fires', observed: 1, threshold: 0 });
    },
  ]),
  ...(
    [
      ['no-pods-unschedulable', 'blocks'],
      ['nothing-pending', 'quiet'],
      ['cpu-low', 'quiet'],
    ] as const
  ).map(([rule, verdict]): (typeof NEVER)[number] => [
    31,
    `a node that is kept for pods that no node could hold (${rule})`,
    () => {
      decideForHuge({}, { rule, verdict, observed: 1, threshold: rule === 'cpu-low' ? 30 : 0 });
    },
  ]),
  [
    32,
    'a node elsewhere than where pods are bound to',
    () =>
      new Stage(32).decide(
        { workers: fourInOneZone, shapes: [{ ...WEB, zone: ZONE_B }], unschedulable: [1] },
        { launches: [{ zone: ZONE_A, market: 'on-demand', count: 1 }] },
      ),
  ],
  [
    33,
    'a node for pods that those on their way will hold',
    () => {
      const workers = [worker('i-0', { phase: 'booting' }), worker('i-1', { phase: 'joining' })];
      askFor(33, 'node-fleet', 2, { workers });
    },
  ],
  [
    34,
    'a removal that is undone, and does not count',
    () => {
      const stage = new Stage(34);
      const drains = [stage.drain({ stage: 'evicting' })];
      stage.remember({ desired: 2, drains });
      stage.begin();
      stage.commit({ desired: 2 });
      const [subject] = stage.ids;
      const record = recordOf({ workers: stage.ids.map((id) => worker(id)), desired: 2 }, {});
      const events = [{ code: 'drain-undone', subject: subject!, value: 0 }] as const;
      stage.watch.decided({ ...record, events }, stage.world);
      stage.end();
    },
  ],
  [
    35,
    'a time that is longer than anybody has looked',
    () => lookAtCpu(new Stage(35, {}, {}, 'sustained'), 10, 600_000),
  ],
  [
    35,
    'a time that goes by faster than time',
    () => {
      const stage = new Stage(35, {}, {}, 'sustained');
      stage.interpreter.advance(3_600_000);
      lookAtCpu(stage, 10, 60_000);
      stage.interpreter.advance(120_000);
      lookAtCpu(stage, 10, 180_001);
    },
  ],
  [
    35,
    'a time that goes on over a look at which it was not so',
    () => {
      const stage = new Stage(35, {}, {}, 'sustained');
      stage.interpreter.advance(3_600_000);
      stage.begin();
      lookAtCpu(stage, 50, 0);
      stage.remember({ memory: NO_MEMORY });
      stage.end();
      stage.interpreter.advance(120_000);
      stage.begin();
      lookAtCpu(stage, 10, 120_001);
    },
  ],
  [36, 'fewer nodes than the pods that wait need', () => askFor(36, 'pending-driven', 1, {})],
  [36, 'more nodes than the pods that wait fill', () => askFor(36, 'consolidating', 3, {})],
  [36, 'a target followed in part', () => followTarget(1, 6)],
  [36, 'a target above what pods ever filled', () => followTarget(3, 7)],
];
