import fc from 'fast-check';
import { configurePolicy, type ConfiguredPolicy, type EffectKind } from '../../engine/index.ts';
import {
  defaultScenarioSettings,
  FAULT_MODES,
  makeTrace,
  requestsPerSecondForNodes,
  resolveScenario,
  type Fault,
  type Scenario,
} from '../../simulator/index.ts';

/** Monday 2026-11-23 00:00 UTC. */
export const START_AT_MS = 1_795_392_000_000;

/** A case in few, small, readable numbers: what fast-check shrinks and prints. */
export interface Case {
  readonly seed: number;
  /** Demand in tenths of a node, one for each ten minutes. */
  readonly tenths: readonly number[];
  readonly zones: number;
  readonly initial: number;
  readonly others: readonly {
    readonly kind: 'deployment' | 'statefulset' | 'single-replica' | 'local-data' | 'do-not-evict';
    readonly requestMillicpu: number;
  }[];
  readonly maxUnavailablePercent: number;
  readonly policy: 'static' | 'node-fleet' | 'trailing-max';
  readonly nodeCountMin: number;
  readonly nodeCountMax: number;
  readonly spotPercent: number;
  readonly headroomPercent: number;
  readonly spendMaxBdtPerHour: number;
  readonly sale: boolean;
  readonly faults: readonly (Pick<Fault, 'effect' | 'mode'> & { readonly percent: number })[];
}

const EFFECTS: readonly EffectKind[] = [
  'acquireLock',
  'readLock',
  'commitState',
  'releaseLock',
  'readInbox',
  'queryMetrics',
  'listInstances',
  'describeInstances',
  'listNodes',
  'listPods',
  'listNodePods',
  'launchInstances',
  'terminateInstance',
  'taintNode',
  'untaintNode',
  'evictPod',
  'deleteNode',
  'appendJournal',
  'publishMetrics',
  'notify',
];

const fault = fc.record({
  effect: fc.constantFrom(...EFFECTS),
  mode: fc.constantFrom(...FAULT_MODES),
  percent: fc.integer({ min: 1, max: 60 }),
});

/** Random cases; half of them without faults. */
export const anyCase: fc.Arbitrary<Case> = fc.record({
  seed: fc.integer({ min: 0, max: 1_000_000 }),
  tenths: fc.array(fc.integer({ min: 0, max: 90 }), { minLength: 6, maxLength: 24 }),
  zones: fc.integer({ min: 1, max: 3 }),
  initial: fc.integer({ min: 1, max: 8 }),
  others: fc.array(
    fc.record({
      kind: fc.constantFrom(
        'deployment',
        'statefulset',
        'single-replica',
        'local-data',
        'do-not-evict',
      ),
      requestMillicpu: fc.integer({ min: 100, max: 2_500 }),
    }),
    { maxLength: 2 },
  ),
  maxUnavailablePercent: fc.integer({ min: 0, max: 100 }),
  policy: fc.constantFrom('static', 'node-fleet', 'trailing-max'),
  nodeCountMin: fc.integer({ min: 1, max: 4 }),
  nodeCountMax: fc.integer({ min: 4, max: 12 }),
  spotPercent: fc.integer({ min: 0, max: 100 }),
  headroomPercent: fc.constantFrom(0, 50, 100),
  spendMaxBdtPerHour: fc.constantFrom(0, 0, 150, 250),
  sale: fc.boolean(),
  faults: fc.oneof(fc.constant([]), fc.array(fault, { minLength: 1, maxLength: 4 })),
});

const BUCKET_MS = 600_000;
/** Quiet hours at the end, in which faults are over and the fleet must come right. */
export const CALM_MS = 2 * 3_600_000;

/** The scenario, policy and faults of a case. */
export function build(each: Case): {
  scenario: Scenario;
  configured: ConfiguredPolicy;
  faults: readonly Fault[];
  calmFromMs: number;
} {
  const settings = defaultScenarioSettings();
  const zones = ['a', 'b', 'c'].slice(0, each.zones);
  const { cluster, workload } = settings;
  const perNode = requestsPerSecondForNodes(1, workload, cluster);
  const last = each.tenths[each.tenths.length - 1] ?? 0;
  const levels = [...each.tenths, ...new Array<number>(CALM_MS / BUCKET_MS).fill(last)];
  const calmFromMs = START_AT_MS + each.tenths.length * BUCKET_MS;
  const trace = makeTrace(
    'random',
    Float64Array.from(levels, (_, i) => START_AT_MS + i * BUCKET_MS),
    Float64Array.from(levels, (level) => (level / 10) * perNode),
  );
  const { scenario } = resolveScenario(
    {
      ...settings,
      name: 'random',
      cluster: { ...cluster, zones, nodeCountInitial: each.initial },
      workload: {
        ...workload,
        web: { ...workload.web, maxUnavailablePercent: each.maxUnavailablePercent },
        others: each.others.map(({ kind, requestMillicpu }, i) => ({
          name: `other-${String(i)}`,
          kind,
          replicas: kind === 'single-replica' ? 1 : 2,
          requestMillicpu,
          requestMib: 200,
          usageMillicpu: Math.floor(requestMillicpu / 4),
          workingSetMib: 100,
          zone: null,
          maxUnavailablePercent: 25,
        })),
      },
      calendar: each.sale
        ? [
            {
              name: 'sale',
              startAt: new Date(START_AT_MS + 3_000_000).toISOString(),
              endAt: new Date(START_AT_MS + 6_000_000).toISOString(),
            },
          ]
        : [],
    },
    trace,
  );
  const own =
    each.policy === 'static'
      ? { nodeCount: each.nodeCountMax }
      : {
          nodeCountMin: each.nodeCountMin,
          nodeCountMax: each.nodeCountMax,
          spotPercent: each.spotPercent,
          removalHeadroomPercent: each.headroomPercent,
          spendMaxBdtPerHour: each.spendMaxBdtPerHour,
        };
  const result = configurePolicy(each.policy, own);
  if (!result.ok) {
    throw new Error(result.problems[0].message);
  }
  const faults = each.faults.map(({ effect, mode, percent }) => ({
    effect,
    mode,
    rate: percent / 100,
    fromMs: START_AT_MS,
    toMs: calmFromMs,
  }));
  return { scenario, configured: result.configured, faults, calmFromMs };
}

/** So many runs by default; `FC_NUM_RUNS` asks for another number. */
export function runs(numRuns: number): { numRuns?: number } {
  return process.env['FC_NUM_RUNS'] === undefined ? { numRuns } : {};
}
