import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  countFleet,
  decide,
  MODES,
  PHASES,
  POLICIES,
  type ConfiguredPolicy,
  type Decided,
  type Policy,
  type PolicyInput,
  type Proposal,
  type Reading,
  type View,
  type Worker,
} from '../../engine/index.ts';
import {
  asking,
  cluster,
  configured,
  HOUR,
  metrics,
  NOW,
  reading,
  SECOND,
  shape,
  view,
  WEB,
  worker,
  workers,
  ZONES,
} from './build.ts';

const decideOn = (
  changes: Partial<View>,
  policy: ConfiguredPolicy,
  memory: readonly number[] = [],
): Decided => decide(policy, cluster(), view(changes), memory);
const launchedBy = ({ decision }: Decided): number =>
  decision.launches.reduce((sum, share) => sum + share.count, 0);
const verdicts = ({ explanation }: Decided): string[] =>
  explanation.rules.map(({ rule, verdict }) => `${rule} ${verdict}`);
const HOLDS = asking('hold', 0);

describe('a hold', () => {
  test('does nothing and means what was meant before', () => {
    expect(decideOn({}, HOLDS)).toEqual({
      decision: { action: 'hold', count: 0, repair: 0, launches: [], victims: [], desired: 3 },
      memory: [],
      explanation: { level: 'TARGET', proposed: 0, rules: [] },
    });
  });

  test('a proposal of nothing is a hold', () => {
    expect(decideOn({}, asking('scaleUp', 0)).decision.action).toBe('hold');
    expect(decideOn({}, asking('scaleDown', 0)).decision.action).toBe('hold');
  });

  test('before anything was meant, what is there is meant, or min', () => {
    expect(decideOn({ desired: null }, HOLDS).decision.desired).toBe(3);
    const empty = decideOn({ desired: null, workers: [], instancesKnown: false }, HOLDS);
    expect(empty.decision.desired).toBe(2);
  });

  test('what is there beside what was meant is not meant: an over-count must not be bought again', () => {
    expect(decideOn({ workers: workers(5), desired: 3 }, HOLDS).decision.desired).toBe(3);
  });

  test('what is there at first is what is meant', () => {
    expect(decideOn({ workers: workers(5), desired: null }, HOLDS).decision.desired).toBe(5);
  });
});

describe('a repair restores what was meant', () => {
  const lost: Partial<View> = { workers: workers(3), desired: 5 };

  test.each([
    { what: 'two of five are lost', changes: lost, repair: 2 },
    { what: 'none is lost', changes: { desired: 3 }, repair: 0 },
    { what: 'more are there than were meant', changes: { desired: 2 }, repair: 0 },
    { what: 'nothing was meant yet, and min is met', changes: { desired: null }, repair: 0 },
    {
      what: 'nothing was meant yet, and min is not',
      changes: { desired: null, workers: workers(1) },
      repair: 1,
    },
    { what: 'less than min was meant', changes: { desired: 0, workers: [] }, repair: 2 },
    {
      what: 'what is lost is on its way',
      changes: { desired: 4, workers: [...workers(3), worker('j', { phase: 'booting' })] },
      repair: 0,
    },
    {
      what: 'one of them is doomed',
      changes: { desired: 4, workers: [...workers(3), worker('j', { phase: 'doomed' })] },
      repair: 1,
    },
  ])('$what: $repair', ({ changes, repair }) => {
    const result = decideOn(changes, HOLDS);
    expect(result.decision).toMatchObject({ action: 'hold', count: 0, repair });
    expect(launchedBy(result)).toBe(repair);
  });

  test('its rule fires with what is there against what is meant', () => {
    expect(decideOn(lost, HOLDS).explanation.rules[0]).toEqual({
      rule: 'desired-capacity',
      verdict: 'fires',
      observed: 3,
      threshold: 5,
    });
    expect(decideOn({}, HOLDS).explanation.rules).toEqual([]);
  });

  test('it is exempt from cool-down and step, and asked of every other guard for adding (S3)', () => {
    const cooling = { ...lost, lastScaleUpAtMs: NOW - SECOND };
    const slow = asking('hold', 0, { cooldownAfterActionSeconds: 300, stepUpMax: 1 });
    const result = decideOn(cooling, slow);
    expect(result.decision.repair).toBe(2);
    expect(verdicts(result)).toEqual([
      'desired-capacity fires',
      'mode passes',
      'readings passes',
      'memory-lost passes',
      'max passes',
      'joining-works passes',
      'spend passes',
      'pools passes',
    ]);
  });

  test('its ceiling is max, to which doomed ones do not count (S3)', () => {
    const doomed = ['j-1', 'j-2'].map((id) => worker(id, { phase: 'doomed' }));
    const full = { workers: [...workers(3), ...doomed], desired: 5 };
    expect(decideOn(full, asking('hold', 0, { nodeCountMax: 5 })).decision.repair).toBe(2);
    const draining = ['j-1', 'j-2'].map((id) => worker(id, { phase: 'draining' }));
    const leaving = { workers: [...workers(3), ...draining], desired: 5 };
    expect(decideOn(leaving, asking('hold', 0, { nodeCountMax: 5 })).decision.repair).toBe(0);
  });

  test('a lowered max is no loss: nothing above it is restored, and nothing removed for it (S24)', () => {
    const lowered = asking('hold', 0, { nodeCountMax: 4 });
    expect(decideOn(lost, lowered).decision).toMatchObject({ repair: 1, desired: 5 });
    const above = decideOn({ workers: workers(6), desired: 6 }, lowered).decision;
    expect(above).toMatchObject({ action: 'hold', repair: 0, victims: [], desired: 6 });
  });

  test('paused, contradicted or blind, nothing is restored', () => {
    expect(decideOn({ ...lost, mode: 'paused' }, HOLDS).decision.repair).toBe(0);
    expect(decideOn({ ...lost, contradicted: true }, HOLDS).decision.repair).toBe(0);
    expect(decideOn({ ...lost, instancesKnown: false }, HOLDS).decision.repair).toBe(0);
  });

  test('what guards clip is bought, what they refuse is not', () => {
    const result = decideOn(lost, asking('hold', 0, { nodeCountMax: 4 }));
    expect(launchedBy(result)).toBe(1);
    expect(decideOn({ ...lost, mode: 'paused' }, HOLDS).decision.launches).toEqual([]);
  });
});

describe('repair and policy together', () => {
  const lost: Partial<View> = { workers: workers(3), desired: 5 };

  test('share max: the repair first, the policy what is left', () => {
    const policy = (nodeCountMax: number): ConfiguredPolicy =>
      asking('scaleUp', 3, { nodeCountMax });
    // 3 there, 2 to repair.
    expect(decideOn(lost, policy(8)).decision).toMatchObject({ repair: 2, count: 3 });
    expect(decideOn(lost, policy(7)).decision).toMatchObject({ repair: 2, count: 2 });
    expect(decideOn(lost, policy(5)).decision).toMatchObject({
      action: 'hold',
      repair: 2,
      count: 0,
    });
    expect(launchedBy(decideOn(lost, policy(7)))).toBe(4);
    expect(launchedBy(decideOn(lost, policy(5)))).toBe(2);
  });

  test('share the spend', () => {
    // 23 BDT/h there, 2 repairs at 10: 43. The ceiling of 55 leaves one more.
    const result = decideOn(lost, asking('scaleUp', 3, { spendMaxBdtPerHour: 55 }));
    expect(result.decision).toMatchObject({ repair: 2, count: 1 });
  });

  test('are placed together', () => {
    const result = decideOn({ workers: [], desired: 2 }, asking('scaleUp', 1));
    expect(result.decision).toMatchObject({ repair: 2, count: 1, desired: 3 });
    const zones = result.decision.launches.flatMap(({ zone, count }) =>
      new Array<string>(count).fill(zone),
    );
    expect(zones.sort()).toEqual(ZONES);
  });

  test('nothing is removed while something is repaired', () => {
    const result = decideOn(lost, asking('scaleDown', 1));
    expect(result.decision).toMatchObject({ action: 'hold', repair: 2, victims: [], desired: 5 });
    expect(verdicts(result)).toContain('nothing-in-flight blocks');
  });

  test('a repair that max refuses leaves the policy none either', () => {
    const doomed = { workers: workers(4), desired: 6 };
    const result = decideOn(doomed, asking('scaleUp', 2, { nodeCountMax: 4 }));
    expect(result.decision).toMatchObject({ action: 'hold', repair: 0, count: 0, launches: [] });
  });

  test('when the repair finds no open pool, nothing is launched', () => {
    const poolBackoffs = ZONES.flatMap((zone) =>
      (['spot', 'on-demand'] as const).map((market) => ({
        zone,
        market,
        failures: 1,
        untilMs: NOW + 1,
      })),
    );
    const result = decideOn({ ...lost, poolBackoffs }, asking('scaleUp', 1));
    expect(result.decision).toMatchObject({ action: 'hold', repair: 0, count: 0, launches: [] });
  });
});

describe('a scale-up', () => {
  test('launches what was asked for, and means that much more', () => {
    const result = decideOn({}, asking('scaleUp', 2));
    expect(result.decision).toMatchObject({
      action: 'scaleUp',
      count: 2,
      repair: 0,
      victims: [],
      desired: 5,
    });
    expect(launchedBy(result)).toBe(2);
    expect(result.explanation).toMatchObject({ level: 'TARGET', proposed: 2 });
  });

  test('on top of what was meant, though more be there', () => {
    expect(decideOn({ workers: workers(5) }, asking('scaleUp', 2)).decision.desired).toBe(5);
  });

  test('that is clipped means only what is left', () => {
    const result = decideOn({}, asking('scaleUp', 4, { nodeCountMax: 5 }));
    expect(result.decision).toMatchObject({ count: 2, desired: 5 });
    expect(result.explanation.proposed).toBe(4);
  });

  test('asks guards in order and stops at the first that blocks', () => {
    const cooling = { lastScaleUpAtMs: NOW - SECOND };
    const result = decideOn(cooling, asking('scaleUp', 1, { cooldownAfterActionSeconds: 60 }));
    expect(verdicts(result)).toEqual([
      'mode passes',
      'readings passes',
      'memory-lost passes',
      'max passes',
      'cooldown blocks',
    ]);
    expect(result.decision).toMatchObject({ action: 'hold', launches: [], desired: 3 });
    expect(result.explanation.proposed).toBe(1);
  });
});

describe('a scale-down', () => {
  test('names its victims and means that much less', () => {
    const result = decideOn({ workers: workers(5), desired: 5 }, asking('scaleDown', 1));
    expect(result.decision).toMatchObject({
      action: 'scaleDown',
      count: 1,
      repair: 0,
      launches: [],
      desired: 4,
    });
    expect(result.decision.victims).toHaveLength(1);
    expect(result.explanation.proposed).toBe(-1);
  });

  test('from what is there: a lowered max is forgotten by the first removal', () => {
    const { decision } = decideOn(
      { workers: workers(6), desired: 6 },
      asking('scaleDown', 1, { nodeCountMax: 4 }),
    );
    expect(decision).toMatchObject({ action: 'scaleDown', desired: 5 });
  });

  test('passes every guard for removing, in order', () => {
    expect(verdicts(decideOn({ workers: workers(5), desired: 5 }, asking('scaleDown', 1)))).toEqual(
      [
        'mode passes',
        'readings passes',
        'memory-lost passes',
        'min passes',
        'cooldown passes',
        'no-pods-unschedulable passes',
        'nothing-in-flight passes',
        'victim passes',
        'step passes',
      ],
    );
  });
});

describe('the policy', () => {
  test('is asked once a decision, with its settings and memory, and answers in between', () => {
    const inputs: PolicyInput<object>[] = [];
    const rules: Proposal['rules'] = [
      { rule: 'cpu-high', verdict: 'fires', observed: 80, threshold: 70 },
    ];
    const policy: Policy = {
      name: 'watching',
      summary: 'says what it was asked',
      settings: {},
      scales: true,
      fleetDefaults: () => ({}),
      propose(input) {
        inputs.push(input);
        return {
          action: 'scaleUp',
          count: 1,
          level: 'HIGH_LOAD',
          evidence: 'cpu',
          rules,
          memory: [8],
        };
      },
    };
    const { settings } = asking('hold', 0);
    const now = view({ desired: 4 });
    const result = decide({ policy, settings }, cluster(), now, [7]);
    // The node that the repair buys is on its way, or the policy would ask for it too.
    const fleet = { ...countFleet(now), arriving: 1, supply: 4 };
    expect(inputs).toEqual([{ view: now, fleet, cluster: cluster(), settings, memory: [7] }]);
    expect(result.memory).toEqual([8]);
    expect(result.explanation.level).toBe('HIGH_LOAD');
    // First the repair, then what the policy says, then the guards on it.
    const said = verdicts(result);
    expect(said[0]).toBe('desired-capacity fires');
    expect(said.indexOf('cpu-high fires')).toBe(said.lastIndexOf('mode passes') - 1);
    expect(rules).toHaveLength(1);
  });

  test('is asked even when the repair was refused, and remembers even when it is', () => {
    const forgetful = configured('trailing-max');
    const paused = decideOn({ mode: 'paused', workers: workers(3, { pods: [20] }) }, forgetful);
    expect(paused.memory).toEqual([NOW, 8]); // 60 pods, 8 a node
  });
});

describe('decide is total and lawful: every view has an answer', () => {
  const readings: fc.Arbitrary<Reading> = fc.oneof(
    fc.constantFrom<Reading>({ missing: 'timeout' }, { missing: 'empty' }),
    fc
      .tuple(fc.integer({ min: 0, max: 120 }), fc.nat(200), fc.integer({ min: 0, max: 10 }))
      .map(([value, age, tenths]) => reading(value, age * SECOND, tenths / 10)),
  );
  const fleet = (shapes: number): fc.Arbitrary<Worker[]> =>
    fc
      .array(
        fc.record({
          zone: fc.constantFrom(...ZONES, 'z', ''),
          market: fc.constantFrom('on-demand' as const, 'spot' as const),
          phase: fc.constantFrom(...PHASES, 'ready' as const, 'ready' as const, 'ready' as const),
          ageMs: fc.nat(2 * HOUR),
          cordoned: fc.boolean(),
          pods: fc.array(fc.nat(4), { minLength: shapes, maxLength: shapes }),
        }),
        { maxLength: 14 },
      )
      .map((list) =>
        list.map(({ ageMs, ...each }, n) =>
          worker(`i-${n + 10}`, {
            ...each,
            launchedAtMs: NOW - ageMs,
            readySinceMs: each.phase === 'ready' ? NOW - Math.floor(ageMs / 2) : 0,
          }),
        ),
      );
  const shapes = [
    WEB,
    shape('big', { requestMillicpu: 1200 }),
    shape('huge', { requestMib: 9999 }),
  ];
  const instant = fc.option(fc.nat(HOUR).map((ago) => NOW - ago));
  const views: fc.Arbitrary<View> = fc
    .record({
      mode: fc.constantFrom(...MODES, 'act' as const, 'act' as const),
      cpuPercent: readings,
      unschedulablePods: readings,
      instancesKnown: fc.boolean(),
      kubernetesKnown: fc.boolean(),
      inboxKnown: fc.boolean(),
      contradicted: fc.boolean(),
      workers: fleet(3),
      unschedulable: fc.tuple(fc.nat(20), fc.nat(3), fc.nat(2)),
      unanswered: fc.array(
        fc.record({
          zone: fc.constantFrom(...ZONES),
          market: fc.constantFrom('on-demand' as const, 'spot' as const),
          count: fc.integer({ min: 1, max: 3 }),
        }),
        { maxLength: 2 },
      ),
      desired: fc.option(fc.nat(15)),
      lastScaleUpAtMs: instant,
      lastScaleDownAtMs: instant,
      joinFailures: fc.nat(6),
      joinFailedAtMs: fc.nat(HOUR).map((ago) => NOW - ago),
    })
    .map(({ cpuPercent, unschedulablePods, kubernetesKnown, ...each }) =>
      view({
        ...each,
        metrics: metrics({ cpuPercent, unschedulablePods }),
        nodesKnown: kubernetesKnown,
        podsKnown: kubernetesKnown,
        shapes: kubernetesKnown ? shapes : [],
        unschedulable: kubernetesKnown ? each.unschedulable : [],
        workers: kubernetesKnown
          ? each.workers
          : each.workers.map((one) => ({ ...one, phase: 'booting' as const, pods: [] })),
      }),
    );
  const policies = fc.constantFrom(...POLICIES.map(({ name }) => name));

  test('it launches what it says, never past max, and never from what it does not know', () => {
    fc.assert(
      fc.property(views, policies, (now, name) => {
        const policy = configured(name);
        const result = decide(policy, cluster(), now, []);
        const { decision } = result;
        const launched = launchedBy(result);
        expect(launched).toBe(
          decision.repair + (decision.action === 'scaleUp' ? decision.count : 0),
        );
        expect(decision.victims).toHaveLength(decision.action === 'scaleDown' ? decision.count : 0);
        if (launched > 0) {
          const { countedAgainstMax } = countFleet(now);
          expect(countedAgainstMax + launched).toBeLessThanOrEqual(policy.settings.nodeCountMax);
          expect(now.instancesKnown && !now.contradicted && now.mode !== 'paused').toBe(true);
        }
      }),
      { numRuns: 400 },
    );
  });

  test('it removes only Ready workers, never below min, and only when it saw everything', () => {
    fc.assert(
      fc.property(views, policies, (now, name) => {
        const { settings } = configured(name);
        const { decision } = decide(configured(name), cluster(), now, []);
        for (const victim of decision.victims) {
          const { phase, cordoned } = now.workers.find(({ id }) => id === victim)!;
          expect({ phase, cordoned }).toEqual({ phase: 'ready', cordoned: false });
        }
        if (decision.victims.length > 0) {
          const { ready } = countFleet(now);
          expect(ready - decision.victims.length).toBeGreaterThanOrEqual(settings.nodeCountMin);
          expect(now.podsKnown && now.nodesKnown && now.inboxKnown).toBe(true);
          expect(now.unschedulable[0]! + now.unschedulable[1]!).toBe(0);
        }
      }),
      { numRuns: 400 },
    );
  });

  test('the same view gives the same answer, and is left as it was', () => {
    fc.assert(
      fc.property(views, policies, (now, name) => {
        const before = JSON.stringify(now);
        const first = decide(configured(name), cluster(), now, []);
        expect(decide(configured(name), cluster(), now, [])).toEqual(first);
        expect(JSON.stringify(now)).toBe(before);
      }),
    );
  });
});
