// The races that are explored: what the fleet is when two invocations meet, who they are, and what must have come of it.
import {
  cycle,
  doomedDrainId,
  type CycleInput,
  type EffectOf,
  type ResultOf,
} from '../../engine/index.ts';
import {
  attempt,
  cluster,
  configured,
  drain,
  launch,
  MINUTE,
  NOW,
  SECOND,
  state,
} from '../engine/build.ts';
import type { Begins, Invocation, RaceOptions, Script } from './race.ts';
import type { Beginning } from './world.ts';

export interface Scenario {
  readonly name: string;
  readonly about: string;
  readonly beginning: Beginning;
  readonly invocations: readonly Pick<Invocation, 'script' | 'afterMs'>[];
  /** How wrong each one’s clock goes, ms: each row is explored. */
  readonly skews: readonly (readonly number[])[];
  /** The first freezes for so long at each of its effects in turn, and the others begin meanwhile. */
  readonly freezesForMs?: number;
  /** Workers at the end. */
  readonly workersMin: number;
  readonly workersMax: number;
  /** Workers bought in all, and what policies may begin in all: more would be one need served twice. */
  readonly launchedMax: number;
  readonly begunMax: number;
}

const SHOP = cluster();
export const POLICY = configured('node-fleet', { nodeCountMin: 2, nodeCountMax: 5 });
const MAX_AGE_OVER_MS = 10 * SECOND;

/** One control cycle. @param lateMs how long ago it was asked for */
function invoked(
  trigger: CycleInput['trigger'],
  lateMs = 0,
  mode: CycleInput['mode'] = 'act',
): Invocation['script'] {
  return (begins) =>
    cycle({
      ...begins,
      triggeredAtMs: begins.nowMs - lateMs,
      trigger,
      mode,
      cluster: SHOP,
      configured: POLICY,
    }) as Script;
}

/** The ingest function: it marks the instance, taints its node, and starts a cycle (S2). */
function noticed(instanceId: string): Invocation['script'] {
  return function* ingest(begins: Begins): Script {
    const { nowMs: markedAtMs } = begins;
    yield { kind: 'markDoomed', mark: { instanceId, cause: 'reclaim', markedAtMs } };
    const listed = (yield { kind: 'listNodes' }) as ResultOf<EffectOf<'listNodes'>>;
    let nowMs = listed.completedAtMs;
    const node = listed.ok
      ? listed.nodes.find((each) => each.instanceId === instanceId)
      : undefined;
    if (node?.taintIntentId === null) {
      const intentId = doomedDrainId(instanceId);
      const { name: nodeName, resourceVersion } = node;
      const tainted = (yield {
        ...{ kind: 'taintNode', nodeName, intentId, resourceVersion },
      }) as ResultOf<EffectOf<'taintNode'>>;
      nowMs = tainted.completedAtMs;
    }
    return yield* invoked('spot')({ ...begins, nowMs });
  };
}

/** What customers do in the middle of it all. */
function load(cpuPercent: number, waiting: number): Scenario['invocations'][number] {
  return {
    *script(): Script {
      yield { kind: 'loadBecomes', cpuPercent, waiting };
    },
    afterMs: 0,
  };
}

const TICK = { script: invoked('schedule'), afterMs: 0 };
const ids = (count: number): string[] => Array.from({ length: count }, (_, n) => `i-0${n + 1}`);
const remembers = (count: number, changes: Parameters<typeof state>[0] = {}) =>
  state({ known: ids(count), joined: ids(count), desired: count, ...changes });

const FULL: Beginning = {
  workers: [8, 8, 8],
  waiting: 4,
  cpuPercent: 60,
  stored: remembers(3),
};
const IDLE: Beginning = {
  workers: [2, 2, 2, 0],
  waiting: 0,
  cpuPercent: 15,
  stored: remembers(4),
};
const SENT = attempt({ clientToken: 'token-old' });
const UNHEARD = launch({ attempts: [SENT] });
const UNANSWERED: Beginning = {
  ...FULL,
  stored: remembers(3, { launches: [UNHEARD], desired: 5, lastScaleUpAtMs: NOW - 2 * MINUTE }),
  launched: [
    {
      ...{ clientToken: SENT.clientToken, zone: SENT.zone, market: SENT.market, count: SENT.count },
      ...{ templateVersion: UNHEARD.templateVersion, intentId: UNHEARD.id },
      birthEpoch: UNHEARD.birthEpoch,
    },
  ],
};
/** Clocks that agree, and each a minute off either way. */
const AGREE = [[0, 0]];
const ANY_SKEW = [
  [0, 0],
  [-60, 0],
  [0, 60],
  [60, 0],
  [0, -60],
  [-60, 60],
  [60, -60],
].map((pair) => pair.map((seconds) => seconds * SECOND));
/** Two that hold the lock at once, and the world, which has no clock. */
const OVERLAPS_BESIDE = [
  [0, 0, 0],
  [-60 * SECOND, 60 * SECOND, 0],
  [60 * SECOND, -60 * SECOND, 0],
];
const BUYS = { workersMin: 5, workersMax: 5, launchedMax: 2, begunMax: 1 };
const REMOVES = { workersMin: 3, workersMax: 4, launchedMax: 0, begunMax: 1 };

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'scale-up',
    about: 'one trigger delivered twice at the same instant; pods wait for two nodes',
    beginning: FULL,
    invocations: [TICK, TICK],
    skews: ANY_SKEW,
    ...BUYS,
  },
  {
    name: 'scale-up-shortage',
    about: 'the same, where the first pool refuses and another is asked',
    beginning: { ...FULL, refusing: ['spot/a', 'spot/b'] },
    invocations: [TICK, TICK],
    skews: ANY_SKEW,
    ...BUYS,
    // One node holds those that wait: what a pool refuses to a successor is not asked for again.
    workersMin: 4,
  },
  {
    name: 'scale-up-unanswered',
    about: 'the same, after a launch that EC2 did and nobody heard of',
    beginning: UNANSWERED,
    invocations: [TICK, TICK],
    skews: ANY_SKEW,
    ...BUYS,
  },
  {
    name: 'scale-down',
    about: 'the same; a node is idle and empty, and goes within the cycle',
    beginning: IDLE,
    invocations: [TICK, TICK],
    skews: ANY_SKEW,
    ...REMOVES,
  },
  {
    name: 'drain',
    about: 'the same; the node has pods, and the budget lets one go now',
    beginning: { ...IDLE, workers: [3, 3, 3, 2], evictionsAllowed: 1, grace: true },
    invocations: [TICK, TICK],
    skews: ANY_SKEW,
    ...REMOVES,
  },
  {
    name: 'drain-undone',
    about: 'a drain is under way when pods begin to wait: it is undone, not bought for',
    beginning: {
      workers: [8, 8, 8, 1],
      waiting: 2,
      cpuPercent: 60,
      stored: remembers(4, {
        drains: [drain('i-04')],
        desired: 3,
        lastScaleDownAtMs: NOW - MINUTE,
      }),
      taints: { 'i-04': 'drain-5-i-04' },
      grace: true,
    },
    invocations: [TICK, TICK],
    skews: ANY_SKEW,
    ...{ workersMin: 4, workersMax: 5, launchedMax: 2, begunMax: 2 },
  },
  {
    name: 'spot-mark',
    about: 'AWS takes a node while a cycle scales up: mark, taint, and a cycle ahead of its time',
    beginning: FULL,
    invocations: [TICK, { script: noticed('i-03'), afterMs: 0 }],
    skews: AGREE,
    ...{ workersMin: 5, workersMax: 5, launchedMax: 4, begunMax: 2 },
  },
  {
    name: 'spot-mark-drain',
    about: 'AWS takes the very node that is being drained as idle',
    beginning: {
      ...IDLE,
      workers: [3, 3, 3, 2],
      stored: remembers(4, {
        drains: [drain('i-04')],
        desired: 3,
        lastScaleDownAtMs: NOW - MINUTE,
      }),
      taints: { 'i-04': 'drain-5-i-04' },
      evictionsAllowed: 1,
      grace: true,
    },
    invocations: [TICK, { script: noticed('i-04'), afterMs: 0 }],
    skews: AGREE,
    ...{ workersMin: 3, workersMax: 4, launchedMax: 1, begunMax: 1 },
  },
  {
    name: 'two-marks',
    about: 'AWS takes two nodes of a fleet that is as large as it may be',
    beginning: {
      workers: [8, 8, 8, 8, 8],
      waiting: 4,
      cpuPercent: 60,
      stored: remembers(5),
    },
    invocations: [
      { script: noticed('i-03'), afterMs: 0 },
      { script: noticed('i-05'), afterMs: 0 },
    ],
    skews: AGREE,
    ...{ workersMin: 5, workersMax: 5, launchedMax: 2, begunMax: 0 },
  },
  {
    name: 'alert',
    about: 'an alert asks for a cycle while one is at work',
    beginning: FULL,
    invocations: [TICK, { script: invoked('alert'), afterMs: 0 }],
    skews: ANY_SKEW,
    ...BUYS,
  },
  {
    name: 'three',
    about: 'a trigger delivered three times at the same instant',
    beginning: FULL,
    invocations: [TICK, TICK, TICK],
    skews: [
      [0, 0, 0],
      [-60 * SECOND, 0, 60 * SECOND],
    ],
    ...BUYS,
  },
  {
    name: 'load-falls',
    about: 'the load falls while two cycles overlap: one means to do nothing, the other drains',
    beginning: { ...IDLE, cpuPercent: 60 },
    invocations: [TICK, TICK, load(15, 0)],
    skews: OVERLAPS_BESIDE,
    ...REMOVES,
  },
  {
    name: 'load-rises',
    about: 'pods begin to wait while two cycles overlap: one drains, the other undoes that',
    beginning: IDLE,
    invocations: [TICK, TICK, load(80, 30)],
    skews: OVERLAPS_BESIDE,
    // Three where the pods never come, for they may be missed like anybody; and as the node that is about to go counts, what
    // they need may be bought in two steps.
    ...{ workersMin: 3, workersMax: 5, launchedMax: 2, begunMax: 3 },
  },
  {
    name: 'stray-taint',
    about:
      'a taint of ours that nothing stands behind: one takes it off, the other drains that very node',
    beginning: { ...IDLE, cpuPercent: 60, taints: { 'i-04': 'drain-4-i-04' } },
    invocations: [TICK, TICK, load(15, 0)],
    skews: OVERLAPS_BESIDE,
    ...REMOVES,
  },
  {
    name: 'paused',
    about: 'an operator pauses the fleet; a cycle of before still drains',
    beginning: IDLE,
    invocations: [TICK, { script: invoked('schedule', 0, 'paused'), afterMs: 0 }],
    skews: ANY_SKEW,
    ...REMOVES,
  },
  {
    name: 'late',
    about: 'a tick that waited 80 s in a queue meets the next one',
    beginning: FULL,
    invocations: [TICK, { script: invoked('schedule', 80 * SECOND), afterMs: 0 }],
    skews: ANY_SKEW,
    ...BUYS,
  },
  {
    name: 'too-late',
    about: 'a tick that waited too long meets the next one: it does nothing',
    beginning: IDLE,
    invocations: [TICK, { script: invoked('schedule', 90 * SECOND + MAX_AGE_OVER_MS), afterMs: 0 }],
    skews: AGREE,
    ...REMOVES,
  },
  {
    name: 'frozen-up',
    about:
      'a sandbox freezes at each effect until its lease has lapsed, and thaws beside the next tick',
    beginning: FULL,
    invocations: [TICK, { ...TICK, afterMs: 6 * MINUTE }],
    skews: AGREE,
    freezesForMs: 6 * MINUTE,
    ...BUYS,
  },
  {
    name: 'frozen-down',
    about: 'the same with a scale-down',
    beginning: IDLE,
    invocations: [TICK, { ...TICK, afterMs: 6 * MINUTE }],
    skews: AGREE,
    freezesForMs: 6 * MINUTE,
    ...REMOVES,
  },
  {
    name: 'overlap-load-falls',
    about:
      'it thaws within its deadline beside one that took over, and the load has fallen meanwhile',
    beginning: { ...IDLE, cpuPercent: 60 },
    invocations: [TICK, { ...TICK, afterMs: 32 * SECOND }, load(15, 0)],
    skews: [[0, 60 * SECOND, 0]],
    freezesForMs: 32 * SECOND,
    ...REMOVES,
  },
  {
    name: 'overlap-up',
    about:
      'it thaws within its deadline, but a clock ahead of it has let another take over (decision 9)',
    beginning: FULL,
    invocations: [TICK, { ...TICK, afterMs: 32 * SECOND }],
    skews: [[0, 60 * SECOND]],
    freezesForMs: 32 * SECOND,
    ...BUYS,
  },
  {
    name: 'overlap-down',
    about: 'the same with a scale-down',
    beginning: IDLE,
    invocations: [TICK, { ...TICK, afterMs: 32 * SECOND }],
    skews: [[0, 60 * SECOND]],
    freezesForMs: 32 * SECOND,
    ...REMOVES,
  },
];

/** One way in which a scenario may be played: everything but the order. */
export interface Plan {
  readonly scenario: string;
  readonly listsLag: boolean;
  readonly skewsMs: readonly number[];
  readonly frozenAfter: number | null;
  /** After how many of its yields each dies; null: it does not. */
  readonly diesAfter: readonly (number | null)[];
  /** Which of its yields each never hears the answer of; null: it hears all. */
  readonly unheard: readonly (number | null)[];
}

export function raceOf(plan: Plan): RaceOptions {
  const scenario = scenarioNamed(plan.scenario)!;
  const { beginning, invocations, freezesForMs = 0 } = scenario;
  return {
    beginning,
    listsLag: plan.listsLag,
    frozen: plan.frozenAfter === null ? null : { after: plan.frozenAfter, forMs: freezesForMs },
    invocations: invocations.map((each, n) => ({
      ...each,
      skewMs: plan.skewsMs[n],
      diesAfter: plan.diesAfter[n] ?? Infinity,
      unheard: plan.unheard[n] ?? Infinity,
    })),
  };
}

export function scenarioNamed(name: string): Scenario | undefined {
  return SCENARIOS.find((each) => each.name === name);
}
