import { createHash } from 'node:crypto';
import { Bench } from 'tinybench';
import {
  configurePolicy,
  cycle,
  missingMetrics,
  runSync,
  type ConfiguredPolicy,
  type Effect,
  type KubeNode,
  type Instance,
  type Result,
} from '../../engine/index.ts';
import {
  clusterOf,
  priceBook,
  run,
  runUnconstrained,
  type Scenario,
} from '../../simulator/index.ts';
import { referenceRun } from './reference.ts';
import { benchScenario } from './traces.ts';

/** What `npm run bench -- --json` prints. Times are medians; ratios to `referenceMs` of the same process are what to compare. */
export interface BenchReport {
  readonly schema: 'node-fleet/bench@1';
  readonly node: string;
  /** Whole control cycles a second against answers that cost nothing: 10 nodes, 70 pods, nothing to do. */
  readonly cyclesPerSecond: number;
  /** 30 days, one policy, warm, checkers off: demand, 21,600 cycles, journal and its digest. */
  readonly monthMs: number;
  /** The month again on a fleet held at 10 nodes with 70 pods, so that nothing is ever scaled. */
  readonly steadyMonthMs: number;
  readonly flashSaleMs: number;
  /** One day at so many nodes. */
  readonly scaling: readonly {
    readonly nodes: number;
    readonly pods: number;
    readonly ms: number;
  }[];
  /** Highest resident size of this process once it had run the month. */
  readonly peakMemoryMb: number;
  /** The month in a plain loop that only rounds up, fits first and asks the five rules. */
  readonly referenceMs: number;
  readonly ratios: {
    readonly monthToReference: number;
    readonly nodes10000To1000: number;
  };
}

export interface BenchOptions {
  readonly flashSale: Scenario;
  /** Called before each part. */
  readonly progress: (what: string) => void;
}

const SEED = 1;
const PODS_PER_NODE_AT_SCALE = 15;

/** Runs every measurement. Takes about a minute. */
export async function measure({ flashSale, progress }: BenchOptions): Promise<BenchReport> {
  const nodeFleet = policy('node-fleet', {});
  const month = benchScenario(30, 10);

  progress('the month, and the plain loop');
  runWhole(month, nodeFleet);
  const peakMemoryMb = process.resourceUsage().maxRSS / 1024;
  const steady = policy('node-fleet', { nodeCountMin: 10 });
  const flat = benchScenario(30, 10);
  const rounds = new Bench({ iterations: 8, time: 0, warmupIterations: 4, warmupTime: 0 });
  rounds
    .add('month', () => void runWhole(month, nodeFleet))
    .add('reference', () => void referenceRun(month, 2, 10))
    .add('steady month', () => void runWhole(flat, steady))
    .add('flash sale', () => void runWhole(flashSale, nodeFleet));
  await rounds.run();

  progress('the bare engine');
  const cycles = new Bench({ iterations: 5, time: 0, warmupIterations: 3, warmupTime: 0 });
  const bare = bareCycles(month, nodeFleet);
  cycles.add('cycles', bare);
  await cycles.run();

  const scaling: { nodes: number; pods: number; ms: number }[] = [];
  for (const nodes of [10, 100, 1_000, 10_000]) {
    progress(`one day at ${String(nodes)} nodes`);
    const day = benchScenario(1, nodes, PODS_PER_NODE_AT_SCALE);
    const following = policy('trailing-max', { nodeCountMax: nodes });
    const repeats = nodes >= 10_000 ? 3 : 5;
    const bench = new Bench({ iterations: repeats, time: 0, warmupIterations: 1, warmupTime: 0 });
    bench.add('day', () => void runWhole(day, following));
    await bench.run();
    scaling.push({ nodes, pods: nodes * PODS_PER_NODE_AT_SCALE, ms: median(bench, 'day') });
  }

  const monthMs = median(rounds, 'month');
  const referenceMs = median(rounds, 'reference');
  return {
    schema: 'node-fleet/bench@1',
    node: process.version,
    cyclesPerSecond: Math.round((BARE_CYCLES * 1000) / median(cycles, 'cycles')),
    monthMs,
    steadyMonthMs: median(rounds, 'steady month'),
    flashSaleMs: median(rounds, 'flash sale'),
    scaling,
    peakMemoryMb: Math.round(peakMemoryMb),
    referenceMs,
    ratios: {
      monthToReference: round(monthMs / referenceMs),
      nodes10000To1000: round(scaling[3].ms / scaling[2].ms),
    },
  };
}

function policy(name: string, settings: Record<string, number>): ConfiguredPolicy {
  const result = configurePolicy(name, settings);
  if (!result.ok) {
    throw new Error(result.problems[0].message);
  }
  return result.configured;
}

/** All that `simulate` does for one policy, its digest included. */
function runWhole(scenario: Scenario, configured: ConfiguredPolicy): string {
  const demand = runUnconstrained(scenario, SEED);
  const { journal } = run({ scenario, configured, seed: SEED, demand });
  return createHash('sha256').update(journal).digest('hex');
}

const BARE_CYCLES = 21_600;

/** Cycles against a world that stands still: every answer is made before the clock starts. */
function bareCycles(scenario: Scenario, configured: ConfiguredPolicy): () => void {
  const cluster = clusterOf(scenario, priceBook('techflow')!, SEED);
  const nowMs = scenario.trace.startAtMs;
  const instances: Instance[] = [];
  const nodes: KubeNode[] = [];
  for (let n = 0; n < 10; n++) {
    const id = `i-${n.toString(16).padStart(17, '0')}`;
    const zone = cluster.zones[n % cluster.zones.length];
    instances.push({
      id,
      state: 'running',
      zone,
      market: n < 5 ? 'on-demand' : 'spot',
      launchedAtMs: nowMs - 7_200_000,
      privateIp: null,
      clientToken: null,
      birthEpoch: 0,
      statusCheckFailed: false,
    });
    nodes.push({
      name: id,
      instanceId: id,
      internalIp: null,
      controlPlane: false,
      createdAtMs: nowMs - 7_100_000,
      ready: true,
      readyChangedAtMs: nowMs - 7_000_000,
      cordoned: false,
      taintIntentId: null,
      resourceVersion: '1',
      ...cluster.template,
    });
  }
  const shapes = [
    { key: 'web', requestMillicpu: 250, requestMib: 400, zone: null, pinnedBy: null },
  ];
  const pods = {
    shapes,
    unschedulable: [0],
    perNode: nodes.map((node) => ({ nodeName: node.name, counts: [7] })),
  };
  const metrics = {
    ...missingMetrics('empty'),
    cpuPercent: { value: 55, sampledAtMs: nowMs, coverageRatio: 1, missing: null },
  };
  let stored: Result = { ok: true, stored: { kind: 'absent' }, completedAtMs: nowMs };
  const done = { ok: true, completedAtMs: nowMs } as Result;
  const answers = new Map<Effect['kind'], Result>([
    ['readInbox', { ok: true, inbox: { doomed: [], kickedAtMs: null }, completedAtMs: nowMs }],
    ['queryMetrics', { ok: true, metrics, completedAtMs: nowMs }],
    ['listInstances', { ok: true, instances, completedAtMs: nowMs }],
    ['listNodes', { ok: true, nodes, completedAtMs: nowMs }],
    ['listPods', { ok: true, pods, completedAtMs: nowMs }],
  ]);
  const interpret = (effect: Effect): Result => {
    if (effect.kind === 'acquireLock') {
      return stored;
    }
    if (effect.kind === 'commitState') {
      stored = {
        ok: true,
        stored: { kind: 'known', state: effect.state },
        completedAtMs: nowMs,
      };
    }
    return answers.get(effect.kind) ?? done;
  };
  const input = {
    nowMs,
    triggeredAtMs: nowMs,
    deadlineMs: nowMs + 60_000,
    trigger: 'schedule',
    nonce: 'bench',
    mode: 'act',
    cluster,
    configured,
  } as const;
  return () => {
    for (let n = 0; n < BARE_CYCLES; n++) {
      runSync(cycle(input), interpret);
    }
  };
}

function median(bench: Bench, name: string): number {
  const task = bench.getTask(name);
  const result = task?.result;
  if (result === undefined || !('latency' in result)) {
    throw new Error(`${name} was not measured`);
  }
  return round(result.latency.p50);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
