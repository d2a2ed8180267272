// Cases for the properties: a day in the life of a shop, as small numbers that shrink and can be read in a failure.
import fc from 'fast-check';
import { configurePolicy, type ConfiguredPolicy } from '../../engine/index.ts';
import {
  canMeet,
  FAULT_MODES,
  makeTrace,
  parseScenario,
  resolveScenario,
  run,
  together,
  type Fault,
  type FaultMode,
  type Observer,
  type Run,
  type Scenario,
} from '../../simulator/index.ts';
import { requestsPerSecondForNodes, WORKLOAD_KINDS } from '../../simulator/scenario.ts';
import { happenings, HAPPENINGS, triggersOf, TRIGGERS } from './chaos.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
/** When every trace begins: a whole day, so that shifts by days keep it. */
export const START = 1_764_201_600_000;

export const SHAPES = ['flat', 'ramp', 'spikes', 'on-off', 'diurnal', 'noisy'] as const;

/** Everything that a run depends on. Traffic is in tenths of a node; instants are minutes from the start. */
export interface Case {
  readonly seed: number;
  readonly hours: number;
  readonly traffic: {
    readonly shape: (typeof SHAPES)[number];
    readonly low: number;
    readonly high: number;
    readonly periodMinutes: number;
  };
  readonly zones: number;
  readonly initial: number;
  readonly cycleSeconds: number;
  readonly graceSeconds: number;
  readonly mayBeAwayPercent: number;
  readonly others: readonly {
    readonly kind: (typeof WORKLOAD_KINDS)[number];
    readonly replicas: number;
    readonly millicpu: number;
    readonly mib: number;
    /** 0: anywhere; else the first, second, third zone. */
    readonly zone: number;
    readonly mayBeAwayPercent: number;
  }[];
  readonly bootSeconds: number;
  readonly neverJoinsPercent: number;
  readonly saleAtMinute: number;
  readonly policy: string;
  readonly settings: Readonly<Record<string, number>>;
  /** How often each effect goes wrong, in percent. */
  readonly faults: readonly {
    readonly effect: Fault['effect'];
    readonly mode: FaultMode;
    readonly percent: number;
  }[];
  readonly happenings: readonly {
    readonly what: (typeof HAPPENINGS)[number];
    readonly minute: number;
    readonly which: number;
  }[];
  readonly triggers: readonly {
    readonly what: (typeof TRIGGERS)[number];
    readonly minute: number;
    readonly minutes: number;
  }[];
}

/** Every effect that can go wrong. */
export const EFFECTS = [
  'acquireLock',
  'readLock',
  'commitState',
  'releaseLock',
  'readInbox',
  'clearInbox',
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
  'pause',
  'appendJournal',
  'publishMetrics',
  'notify',
] as const satisfies readonly Fault['effect'][];

// ---------------------------------------------------------------- drawing

const traffic = fc
  .record({
    shape: fc.constantFrom(...SHAPES),
    low: fc.integer({ min: 0, max: 30 }),
    more: fc.integer({ min: 0, max: 60 }),
    periodMinutes: fc.constantFrom(60, 20, 45, 120, 360),
  })
  .map(({ shape, low, more, periodMinutes }) => ({ shape, low, high: low + more, periodMinutes }));

const other = fc.record({
  kind: fc.constantFrom(...WORKLOAD_KINDS),
  replicas: fc.integer({ min: 1, max: 4 }),
  millicpu: fc.constantFrom(100, 0, 400, 900, 1900, 2500),
  mib: fc.constantFrom(100, 700, 1600, 3000),
  zone: fc.integer({ min: 0, max: 3 }),
  mayBeAwayPercent: fc.constantFrom(25, 0, 1, 50, 100),
});

const fleetSettings = {
  nodeCountMin: fc.integer({ min: 0, max: 3 }),
  nodeCountMax: fc.integer({ min: 3, max: 9 }),
  cooldownAfterActionSeconds: fc.constantFrom(0, 60, 300),
  cooldownBeforeRemovalSeconds: fc.constantFrom(0, 120, 600),
  stepUpMax: fc.integer({ min: 1, max: 4 }),
  stepDownMax: fc.integer({ min: 1, max: 3 }),
  drainsInFlightMax: fc.integer({ min: 1, max: 3 }),
  removalHeadroomPercent: fc.constantFrom(0, 50, 100),
  readingMaxAgeSeconds: fc.constantFrom(15, 60, 90, 600),
  readingCoverageMinPercent: fc.constantFrom(0, 60, 95),
  onDemandBase: fc.integer({ min: 0, max: 3 }),
  spotPercent: fc.constantFrom(0, 50, 70, 100),
  spendMaxBdtPerHour: fc.constantFrom(0, 100, 170, 250),
  joinTimeoutSeconds: fc.constantFrom(240, 600),
  notReadyTimeoutSeconds: fc.constantFrom(120, 600),
  drainStallSeconds: fc.constantFrom(60, 300),
  drainMaxSeconds: fc.constantFrom(300, 1800),
};

/** Some settings drawn, the others left at the policy’s defaults. */
const policies = fc.oneof(
  fc.record({
    policy: fc.constant('node-fleet'),
    settings: fc.record(
      {
        ...fleetSettings,
        pendingStep: fc.integer({ min: 1, max: 4 }),
        cpuHighPercent: fc.constantFrom(40, 60, 85),
        cpuLowPercent: fc.constantFrom(20, 45, 60),
      },
      { requiredKeys: [] },
    ),
  }),
  fc.record({
    policy: fc.constant('trailing-max'),
    settings: fc.record(
      {
        ...fleetSettings,
        windowSeconds: fc.constantFrom(0, 300, 3600),
        headroomPercent: fc.constantFrom(0, 20, 100),
      },
      { requiredKeys: [] },
    ),
  }),
  fc.record({
    policy: fc.constant('static'),
    settings: fc.integer({ min: 1, max: 6 }).map((nodeCount) => ({ nodeCount })),
  }),
);

export const anyFault = fc
  .record({
    effect: fc.constantFrom(...EFFECTS),
    mode: fc.constantFrom(...FAULT_MODES),
    percent: fc.constantFrom(2, 10, 30, 100),
  })
  .filter(({ effect, mode }) => canMeet(mode, effect));

/** How wild the cases may be. */
export interface Wildness {
  readonly hoursMax: number;
  readonly faults: boolean;
  /** Spot reclaims, dead nodes, people: what happens to the fleet from outside. */
  readonly happenings: boolean;
}

export function anyCase({ hoursMax, faults, happenings: happen }: Wildness): fc.Arbitrary<Case> {
  return fc
    .record({
      seed: fc.integer({ min: 1, max: 1_000_000 }),
      hours: fc.integer({ min: 1, max: hoursMax }),
      traffic,
      zones: fc.integer({ min: 1, max: 3 }),
      initial: fc.integer({ min: 1, max: 5 }),
      cycleSeconds: fc.constantFrom(120, 60, 300),
      graceSeconds: fc.constantFrom(30, 0, 90),
      mayBeAwayPercent: fc.constantFrom(25, 0, 10, 100),
      others: fc.array(other, { maxLength: 3 }),
      bootSeconds: fc.constantFrom(75, 20, 200),
      neverJoinsPercent: fc.constantFrom(0, 2, 25),
      saleAtMinute: fc.integer({ min: 0, max: 60 }),
      policy: policies,
      faults: fc.array(anyFault, { maxLength: faults ? 4 : 0 }),
      happenings: fc.array(
        fc.record({
          what: fc.constantFrom(...HAPPENINGS),
          minute: fc.integer({ min: 0, max: 120 }),
          which: fc.integer({ min: 0, max: 5 }),
        }),
        { maxLength: happen ? 6 : 0 },
      ),
      triggers: fc.array(
        fc.record({
          what: fc.constantFrom(...TRIGGERS),
          minute: fc.integer({ min: 0, max: 120 }),
          minutes: fc.integer({ min: 1, max: 20 }),
        }),
        { maxLength: happen ? 2 : 0 },
      ),
    })
    .map(({ policy, ...rest }) => ({ ...rest, ...policy }));
}

// ---------------------------------------------------------------- playing

/** Until when things go wrong: the first half, and at most two hours. */
export function calmFromMs({ hours }: Case): number {
  return START + Math.min(hours / 2, 2) * HOUR;
}

export function scenarioOf(drawn: Case, shiftMs = 0): Scenario {
  const zones = ['a', 'b', 'c'].slice(0, drawn.zones);
  const saleAtMs = START + shiftMs + drawn.saleAtMinute * MINUTE;
  const parsed = parseScenario({
    version: 1,
    name: 'drawn',
    cluster: { zones, nodeCountInitial: drawn.initial },
    workload: {
      web: {
        terminationGraceSeconds: drawn.graceSeconds,
        maxUnavailablePercent: drawn.mayBeAwayPercent,
        hpa: { scaleDownWindowSeconds: 120 },
      },
      others: drawn.others.map(({ kind, replicas, millicpu, mib, zone, mayBeAwayPercent }, n) => ({
        name: `${kind}-${n}`,
        kind,
        replicas: kind === 'single-replica' ? 1 : replicas,
        requestMillicpu: millicpu,
        requestMib: mib,
        usageMillicpu: Math.floor(millicpu / 4),
        workingSetMib: Math.floor(mib / 2),
        zone: zones[zone - 1] ?? null,
        maxUnavailablePercent: mayBeAwayPercent,
      })),
    },
    startup: {
      medianSeconds: drawn.bootSeconds,
      p95Seconds: drawn.bootSeconds + 40,
      neverJoinsPercent: drawn.neverJoinsPercent,
    },
    calendar:
      drawn.saleAtMinute === 0
        ? []
        : [
            {
              name: 'sale',
              startAt: new Date(saleAtMs).toISOString(),
              endAt: new Date(saleAtMs + 20 * MINUTE).toISOString(),
            },
          ],
    cycleSeconds: drawn.cycleSeconds,
  });
  if (parsed.settings === null) {
    throw new Error(parsed.issues.map(({ message }) => message).join('; '));
  }
  const { settings } = parsed;
  const perNode = requestsPerSecondForNodes(1, settings.workload, settings.cluster);
  const minutes = drawn.hours * 60;
  const atMs = Float64Array.from({ length: minutes }, (_, n) => START + shiftMs + n * MINUTE);
  const rates = Float64Array.from(
    { length: minutes },
    (_, n) => (tenthsAt(drawn, n) * perNode) / 10,
  );
  return resolveScenario(settings, makeTrace('drawn', atMs, rates)).scenario;
}

/** Traffic in tenths of a node in a minute. */
function tenthsAt({ traffic, hours, seed }: Case, minute: number): number {
  const { shape, low, high, periodMinutes } = traffic;
  const phase = (minute % periodMinutes) / periodMinutes;
  switch (shape) {
    case 'flat':
      return high;
    case 'ramp':
      return low + ((high - low) * minute) / (hours * 60);
    case 'spikes':
      return phase < 0.1 ? high : low;
    case 'on-off':
      return phase < 0.5 ? high : low;
    case 'diurnal':
      return low + (high - low) * (1 - Math.abs(2 * phase - 1));
    case 'noisy':
      return low + ((high - low) * ((Math.imul(minute + seed, 2_654_435_761) >>> 8) % 100)) / 100;
  }
}

export function configuredFor({ policy, settings }: Pick<Case, 'policy' | 'settings'>): ConfiguredPolicy {
  const result = configurePolicy(policy, settings);
  if (!result.ok) {
    throw new Error(result.problems.map(({ message }) => message).join('; '));
  }
  return result.configured;
}

export function faultsOf(drawn: Case): Fault[] {
  return drawn.faults.map(({ effect, mode, percent }) => ({
    effect,
    mode,
    rate: percent / 100,
    fromMs: START,
    toMs: calmFromMs(drawn),
  }));
}

/** Runs a case. What happens from outside happens before anybody watches. */
export function play(
  drawn: Case,
  watching: (scenario: Scenario, configured: ConfiguredPolicy) => Observer = () => ({}),
): Run {
  const scenario = scenarioOf(drawn);
  const configured = configuredFor(drawn);
  return run({
    scenario,
    configured,
    seed: drawn.seed,
    faults: faultsOf(drawn),
    observer: together([happenings(drawn), watching(scenario, configured)]),
    invocations: triggersOf(drawn),
  });
}
