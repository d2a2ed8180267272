import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  configurePolicy,
  decide,
  readJournal,
  type Cluster,
  type ConfiguredPolicy,
  type DecisionRecord,
  type Effect,
  type EffectKind,
} from '../../engine/index.ts';
import type { Fault } from '../../simulator/faults/index.ts';
import { clusterOf, run, type Observer, type Run, type RunOptions } from '../../simulator/run.ts';
import { priceBook } from '../../simulator/prices/index.ts';
import { runUnconstrained } from '../../simulator/unconstrained.ts';
import type { World } from '../../simulator/world.ts';
import { policyOf, scenarioOf, START_AT_MS, STEP_MS, workers } from './build.ts';

const MINUTE_MS = 60_000;
/** Three hours with a rise to seven nodes and back. */
const sale = scenarioOf(
  {
    name: 'sale',
    calendar: [
      { name: 'sale', startAt: '2026-11-27T01:00:00+06:00', endAt: '2026-11-27T02:00:00+06:00' },
    ],
  },
  [100, 150, 700, 300, 120, 80],
  30 * MINUTE_MS,
);
const POLICIES = ['static', 'manual', 'node-fleet', 'node-fleet-as-written', 'trailing-max'];
const always = { fromMs: 0, toMs: Infinity };
/** A little of everything, all the time. */
const TROUBLE: readonly Fault[] = [
  { effect: 'commitState', mode: 'fail', rate: 0.05, ...always },
  { effect: 'queryMetrics', mode: 'hang', rate: 0.05, ...always },
  { effect: 'launchInstances', mode: 'lost-answer', rate: 0.2, ...always },
  { effect: 'listInstances', mode: 'stale', rate: 0.1, ...always },
  { effect: 'acquireLock', mode: 'crash-after', rate: 0.03, ...always },
  { effect: 'listPods', mode: 'frozen', rate: 0.02, ...always },
  { effect: 'appendJournal', mode: 'fail', rate: 0.03, ...always },
];

const digest = (of: Run): string => createHash('sha256').update(of.journal).digest('hex');
const runOf = (name: string, options: Partial<RunOptions> = {}): Run =>
  run({ scenario: sale, configured: policyOf(name), seed: 1, ...options });

describe('the same options', () => {
  it.each(POLICIES)('give the same bytes and measures under %s', (name) => {
    for (const faults of [[], TROUBLE]) {
      const once = runOf(name, { faults });
      const again = runOf(name, { faults });
      expect(digest(again)).toBe(digest(once));
      expect(again.measures).toEqual(once.measures);
    }
  });

  it.each(POLICIES)(
    'give the same bytes under %s whether or not the view before is at hand',
    (name) => {
      for (const faults of [[], TROUBLE]) {
        const forgetting = runOf(name, {
          faults,
          invocations: (due) => [{ ...due, lastView: null }],
        });
        expect(digest(forgetting)).toBe(digest(runOf(name, { faults })));
      }
    },
  );

  it('give the same bytes whether or not the demand is passed, and whoever watches', () => {
    const watched: string[] = [];
    const watch = (what: string) => (): void => void watched.push(what);
    const observer: Observer = {
      begun: watch('begun'),
      stepped: watch('stepped'),
      cycleBegins: watch('cycleBegins'),
      reaches: watch('reaches'),
      happened: watch('happened'),
      faulted: watch('faulted'),
      performed: watch('performed'),
      decided: watch('decided'),
      cycleEnds: watch('cycleEnds'),
      finished: watch('finished'),
    };
    const plain = runOf('node-fleet', { faults: TROUBLE });
    const demand = runUnconstrained(sale, 1);
    expect(digest(runOf('node-fleet', { faults: TROUBLE, demand, observer }))).toBe(digest(plain));
    expect(new Set(watched)).toEqual(new Set(Object.keys(observer)));
    expect([watched[0], watched[watched.length - 1]]).toEqual(['begun', 'finished']);
  });

  it('but for the seed, the policy or a setting give others', () => {
    const runs = [
      runOf('node-fleet'),
      runOf('node-fleet', { seed: 2 }),
      runOf('trailing-max'),
      runOf('node-fleet', { configured: policyOf('node-fleet', { nodeCountMax: 6 }) }),
      runOf('node-fleet', { faults: TROUBLE }),
    ];
    expect(new Set(runs.map(digest)).size).toBe(5);
  });

  it('need a price book that exists', () => {
    expect(() => runOf('static', { scenario: { ...sale, prices: 'gold' } })).toThrow(
      new RangeError('there is no price book "gold"'),
    );
  });
});

describe('the journal', () => {
  interface Header {
    readonly policy: string;
    readonly settings: Record<string, number>;
    readonly cluster: Cluster;
    readonly scenario: string;
    readonly seed: number;
    readonly cycleSeconds: number;
  }

  /**
   * Decides again on every view of a journal, by what its header says alone, and compares. Memory is the record's own where it
   * has one, else what the decision before returned.
   */
  function replay(journal: Uint8Array): { decided: number; carried: number; restored: number } {
    const { header, records } = readJournal<Header>(journal);
    const result = configurePolicy(header.policy, header.settings);
    expect(result.ok).toBe(true);
    const { configured } = result as { configured: ConfiguredPolicy };
    const counts = { decided: 0, carried: 0, restored: 0 };
    let memory: readonly number[] = [];
    for (const { decided } of records) {
      if (decided === null) {
        continue;
      }
      counts[decided.memory === null ? 'carried' : 'restored']++;
      const again = decide(configured, header.cluster, decided.view, decided.memory ?? memory);
      expect(again.decision).toEqual(decided.decision);
      expect(again.explanation.level).toBe(decided.level);
      expect(again.explanation.proposed).toBe(decided.proposed);
      expect(again.explanation.rules.map(({ rule, verdict }) => ({ rule, verdict }))).toEqual(
        decided.rules,
      );
      memory = again.memory;
      counts.decided++;
    }
    return counts;
  }

  it.each(POLICIES)('of %s is read back and decides the same again', (name) => {
    const { journal, cycles } = runOf(name);
    expect(replay(journal)).toEqual({ decided: cycles, carried: cycles - 1, restored: 1 });
  });

  it.each(POLICIES)(
    'of %s in trouble, with its memory lost on the way, decides the same again',
    (name) => {
      let cycles = 0;
      let lose: (() => void) | null = null;
      const observer: Observer = {
        begun: (_, table) => (lose = () => table.lose()),
        cycleBegins: () => {
          if (++cycles % 20 === 0) {
            lose!();
          }
        },
      };
      const counts = replay(runOf(name, { faults: TROUBLE, observer }).journal);
      expect(counts.carried).toBeGreaterThan(50);
      // The memory of trailing-max is not empty, so losing it shows.
      expect(counts.restored).toBeGreaterThan(name === 'trailing-max' ? 3 : 0);
    },
  );

  it('holds every record as it was made, in order', () => {
    const made: DecisionRecord[] = [];
    const { journal } = runOf('node-fleet', {
      faults: TROUBLE,
      observer: { decided: (record) => void made.push(record) },
    });
    const { records } = readJournal(journal);
    expect(records).toHaveLength(made.length);
    records.forEach((record, n) => {
      const { startedAtMs, epoch, outcome, decided, events } = made[n];
      expect(record).toMatchObject({ startedAtMs, epoch, outcome, events });
      expect(record.decided?.view).toEqual(decided?.view);
      expect(record.decided?.decision).toEqual(decided?.decision);
    });
  });

  it('says what was run', () => {
    const { header } = readJournal<Header>(runOf('trailing-max', { seed: 9 }).journal);
    expect(header).toEqual({
      schema: 'node-fleet/journal@1',
      source: 'simulator',
      scenario: 'sale',
      seed: 9,
      cycleSeconds: 120,
      faults: [],
      cluster: clusterOf(sale, priceBook('techflow')!, 9),
      policy: 'trailing-max',
      settings: policyOf('trailing-max').settings,
    });
    expect(header.cluster.calendar).toEqual(sale.calendar);
    expect(header.cluster.onDemandBdtPerHour).toBeCloseTo(33.333333, 9);
    expect(header.cluster.spotBdtPerHour).toBe(10);
  });

  it('names the faults of the run, which are the scenario’s unless others are given', () => {
    const fault: Fault = {
      effect: 'listNodes',
      mode: 'fail',
      rate: 0.5,
      fromMs: 0,
      toMs: Infinity,
    };
    const scenario = { ...sale, faults: [fault] };
    const own = runOf('node-fleet', { scenario });
    expect(readJournal<Header>(own.journal).header).toMatchObject({
      faults: [{ effect: 'listNodes', mode: 'fail', ratePercent: 50, to: null }],
    });
    expect(digest(own)).toBe(digest(runOf('node-fleet', { faults: [fault] })));
    expect(digest(runOf('node-fleet', { scenario, faults: [] }))).toBe(digest(runOf('node-fleet')));
    // Not only the name: the node list was really refused.
    const unread = readJournal(own.journal).records.filter(
      ({ decided }) => decided?.view.nodesKnown === false,
    );
    expect(unread.length).toBeGreaterThan(10);
  });
});

describe('what the engine is told of a cluster', () => {
  const told = (seed: number) => clusterOf(sale, priceBook('techflow')!, seed);

  it('includes the zone in which its people read clocks', () => {
    expect(told(1).timeZoneOffsetMinutes).toBe(360);
    const elsewhere = { ...sale, timeZoneOffsetMinutes: -300 };
    expect(clusterOf(elsewhere, priceBook('techflow')!, 1).timeZoneOffsetMinutes).toBe(-300);
  });

  it('includes how long a person takes to come: 15 to 20 min, drawn from the seed', () => {
    const delays = Array.from({ length: 100 }, (_, seed) => told(seed).operatorDelaysMs).flat();
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(15 * MINUTE_MS);
    expect(Math.max(...delays)).toBeLessThanOrEqual(20 * MINUTE_MS);
    // Evenly: every quarter of the five minutes has about its share.
    for (let quarter = 0; quarter < 4; quarter++) {
      const from = (15 + 1.25 * quarter) * MINUTE_MS;
      const inside = delays.filter((ms) => ms >= from && ms < from + 1.25 * MINUTE_MS).length;
      expect(inside / delays.length).toBeGreaterThan(0.22);
      expect(inside / delays.length).toBeLessThan(0.28);
    }
    expect(told(1)).toEqual(told(1));
    expect(told(2).operatorDelaysMs).not.toEqual(told(1).operatorDelaysMs);
  });
});

describe('another policy document in the middle of a run', () => {
  const small = policyOf('node-fleet', { nodeCountMax: 3 });
  const changedAtMs = START_AT_MS + 65 * MINUTE_MS;
  const headersOf = ({ earlier, journal }: Run) =>
    [...earlier.map((stretch) => stretch.journal), journal].map((bytes) => {
      const { header, records } = readJournal<{ policy: string; settings: object }>(bytes);
      return { policy: header.policy, settings: header.settings, records };
    });

  it('is what the first cycle after it goes by, and begins a journal of its own', () => {
    const seen: [nowMs: number, max: number][] = [];
    const observer: Observer = {
      cycleBegins: (nowMs, _, { configured }) =>
        void seen.push([nowMs, configured.settings.nodeCountMax]),
    };
    const changes = [{ atMs: changedAtMs, configured: small }];
    const result = runOf('trailing-max', { changes, observer });
    expect(seen.every(([nowMs, max]) => (max === 3) === nowMs >= changedAtMs)).toBe(true);
    expect(result.configured).toBe(small);
    expect(result.earlier.map(({ configured }) => configured.policy.name)).toEqual([
      'trailing-max',
    ]);
    const [before, after] = headersOf(result);
    expect(before.policy).toBe('trailing-max');
    expect(after).toMatchObject({ policy: 'node-fleet', settings: { nodeCountMax: 3 } });
    expect([...before.records, ...after.records].map(({ startedAtMs }) => startedAtMs)).toEqual(
      seen.map(([nowMs]) => nowMs),
    );
    const told = after.records[0].events.map(({ code, subject }) => [code, subject]);
    expect(told).toContainEqual(['policy-changed', 'trailing-max']);
  });

  it('changes nothing before it; the last of several between two cycles counts, and none after the end', () => {
    const alone = readJournal(runOf('trailing-max').journal).records;
    const manual = { atMs: changedAtMs, configured: policyOf('manual') };
    const changes = [manual, { atMs: changedAtMs + 1, configured: small }];
    const never = { atMs: START_AT_MS + 1_000 * MINUTE_MS, configured: policyOf('static') };
    const [before, after, ...others] = headersOf(
      runOf('trailing-max', { changes: [...changes, never] }),
    );
    expect(before.records).toEqual(alone.slice(0, before.records.length));
    expect(after.policy).toBe('node-fleet');
    expect(others).toEqual([]);
  });

  it('costs what running an autoscaler costs, if either of the two does', () => {
    const lineOf = (name: string, later: string): number =>
      runOf(name, { changes: [{ atMs: changedAtMs, configured: policyOf(later) }] }).measures
        .costBreakdownBdt.autoscaler;
    expect(lineOf('static', 'static')).toBe(0);
    expect(lineOf('static', 'node-fleet')).toBeGreaterThan(0);
    expect(lineOf('node-fleet', 'static')).toBe(lineOf('static', 'node-fleet'));
  });
});

describe('cycles', () => {
  /** When each cycle began, and whether it was killed. */
  function cyclesOf(options: Partial<RunOptions> & { name?: string } = {}) {
    const begun: number[] = [];
    const killed: boolean[] = [];
    const records: DecisionRecord[] = [];
    const result = runOf(options.name ?? 'static', {
      ...options,
      observer: {
        ...options.observer,
        cycleBegins: (nowMs) => void begun.push(nowMs),
        cycleEnds: (_, isKilled) => void killed.push(isKilled),
        decided: (record) => void records.push(record),
      },
    });
    return { begun, killed, records, result };
  }

  it('come every two minutes, from an instant that the seed draws', () => {
    const firsts = new Set<number>();
    for (let seed = 0; seed < 20; seed++) {
      const { begun, result } = cyclesOf({ seed });
      const { firstStepAtMs } = runUnconstrained(sale, seed);
      firsts.add(begun[0] - firstStepAtMs);
      expect(begun[0] - firstStepAtMs).toBeGreaterThanOrEqual(0);
      expect(begun[0] - firstStepAtMs).toBeLessThan(120_000);
      begun.forEach((atMs, n) => expect(atMs).toBe(begun[0] + n * 120_000));
      expect(result.cycles).toBe(begun.length);
      expect(begun.length).toBeGreaterThanOrEqual(89);
      expect(begun.length).toBeLessThanOrEqual(90);
    }
    expect(firsts.size).toBeGreaterThan(15);
  });

  it('come at the same instants under every policy of a seed', () => {
    const grids = POLICIES.map((name) => cyclesOf({ name }).begun);
    expect(grids[1]).toEqual(grids[0]);
    expect(grids[2]).toEqual(grids[0]);
  });

  it('each see the world as it then is: no step is late and none early', () => {
    let world: World | null = null;
    const late: number[] = [];
    runOf('node-fleet', {
      observer: {
        begun: (of) => void (world = of),
        cycleBegins: (nowMs) => void late.push(nowMs - world!.nowMs),
      },
    });
    expect(Math.min(...late)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...late)).toBeLessThan(STEP_MS);
  });

  it('are counted by what they decided', () => {
    const { records, result } = cyclesOf({ name: 'node-fleet' });
    const actions = records.map(({ decided }) => decided?.decision.action);
    expect(result.scaleUps).toBe(actions.filter((action) => action === 'scaleUp').length);
    expect(result.scaleDowns).toBe(actions.filter((action) => action === 'scaleDown').length);
    expect(result.scaleUps).toBeGreaterThan(2);
    expect(result.scaleDowns).toBeGreaterThan(2);
  });

  const quick = { ...sale, cycleSeconds: 30 };

  it('after one that was killed leave until its deadline and grace are over, and then take the lock', () => {
    const first = cyclesOf({ scenario: quick }).begun[0];
    const faults: Fault[] = [
      { effect: 'listPods', mode: 'crash-after', rate: 1, fromMs: first, toMs: first + 5_000 },
    ];
    const { begun, killed, records, result } = cyclesOf({ scenario: quick, faults });
    expect(killed.map((each, n) => (each ? n : -1)).filter((n) => n >= 0)).toEqual([0]);
    expect(result.crashes).toBe(1);
    // The deadline is 60 s after the start and the grace 30 s more; at the very end of it the lock is still its holder's.
    expect(begun.slice(1, 5).map((atMs) => atMs - first)).toEqual([
      30_000, 60_000, 90_000, 120_000,
    ]);
    expect(records.slice(0, 5).map(({ outcome }) => outcome)).toEqual([
      'lock-held',
      'lock-held',
      'lock-held',
      'decided',
      'decided',
    ]);
    expect(records[3].epoch).toBeGreaterThan(Math.floor(first / 1000));
  });

  it('every two minutes lose nothing but the killed one itself', () => {
    const first = cyclesOf().begun[0];
    const faults: Fault[] = [
      { effect: 'releaseLock', mode: 'crash-before', rate: 1, fromMs: first, toMs: first + 5_000 },
    ];
    const { records } = cyclesOf({ faults });
    expect(records.map(({ outcome }) => outcome)).toEqual(records.map(() => 'decided'));
  });

  it('end at their deadline, whatever still answers, and the triggers meanwhile are dropped', () => {
    const first = cyclesOf({ scenario: quick }).begun[0];
    const faults: Fault[] = [
      { effect: 'listPods', mode: 'frozen', rate: 1, fromMs: first, toMs: first + 5_000 },
    ];
    const { begun, killed, records } = cyclesOf({ scenario: quick, faults });
    expect(killed[0]).toBe(true);
    // It slept for 150 s and a little: the triggers at 30 to 150 s were dropped, that at 180 s was not.
    expect(begun[1] - first).toBe(180_000);
    expect(records[0]).toMatchObject({ startedAtMs: begun[1], outcome: 'decided' });
  });

  it('may be missed, sent twice, late or paused', () => {
    const first = cyclesOf().begun[0];
    const at = (nowMs: number): number => Math.round((nowMs - first) / 120_000);
    const { begun, records } = cyclesOf({
      invocations: (due) => {
        switch (at(due.nowMs)) {
          case 1:
            return [];
          case 2:
            return [due, { ...due, nonce: 'second' }];
          case 3:
            return [{ ...due, nowMs: due.nowMs + 100_000, deadlineMs: due.deadlineMs + 100_000 }];
          default:
            return [due];
        }
      },
    });
    expect(begun.slice(0, 5).map((atMs) => atMs - first)).toEqual([
      0,
      240_000,
      // The second begins when the first is done.
      expect.closeTo(240_500, -3),
      360_000 + 100_000,
      480_000,
    ]);
    expect(records.slice(0, 5).map(({ outcome }) => outcome)).toEqual([
      'decided',
      'decided',
      'decided',
      // Another has been sent since (S20).
      'stale-trigger',
      'decided',
    ]);
  });
});

describe('static', () => {
  it('never acts: it only looks, and journals what it saw', () => {
    const asked = new Set<EffectKind>();
    const { measures, scaleUps, scaleDowns } = runOf('static', {
      observer: { reaches: ({ kind }: Effect) => void asked.add(kind) },
    });
    expect([...asked].sort()).toEqual([
      'acquireLock',
      'appendJournal',
      'listInstances',
      'listNodes',
      'listPods',
      'publishMetrics',
      'queryMetrics',
      'readInbox',
      'releaseLock',
    ]);
    expect([scaleUps, scaleDowns, measures.launches, measures.disruptions]).toEqual([0, 0, 0, 0]);
    expect([...new Set(measures.series.billedNodes)]).toEqual([5]);
  });
});

describe('the bill', () => {
  const hour = scenarioOf({}, new Array<number>(60).fill(20), MINUTE_MS);

  it('of one on-demand and two spot nodes for an hour is ৳53.33', () => {
    const { measures } = run({
      scenario: hour,
      configured: policyOf('static', { nodeCount: 3, onDemandBase: 1, spotPercent: 100 }),
      seed: 1,
    });
    expect(measures.durationMs).toBe(3_600_000);
    expect(measures.nodeHours).toEqual({ onDemand: 1, spot: 2 });
    // ৳24,000 ÷ 720 h = ৳33.333333; spot is 70 % off, ৳10 each.
    expect(measures.costBreakdownBdt).toEqual({
      onDemandNodes: 33.333333,
      spotNodes: 20,
      disks: 0,
      surplusCredits: 0,
      cluster: 0,
      autoscaler: 0,
    });
    expect(measures.costBdt).toBe(53.333333);
  });

  it('of a policy that scales has what the autoscaler costs: ৳1,000 a month, ৳1.39 an hour', () => {
    const { measures } = run({
      scenario: hour,
      configured: policyOf('node-fleet', { nodeCountMin: 2, nodeCountMax: 2, onDemandBase: 2 }),
      seed: 1,
    });
    expect(measures.nodeHours).toEqual({ onDemand: 2, spot: 0 });
    // Two instances are billed, each rounded to the micro-taka.
    expect(measures.costBdt).toBe((2 * 33_333_333 + 1_388_889) / 1e6);
  });

  it('is that of its whole trace: 48 hours of five nodes are ৳8,000', () => {
    for (const seed of [1, 2, 3]) {
      const { measures } = run({
        scenario: scenarioOf({}, new Array<number>(48).fill(20), 60 * MINUTE_MS),
        configured: policyOf('static'),
        seed,
      });
      expect(measures.durationMs).toBe(48 * 60 * MINUTE_MS);
      expect(measures.costBdt).toBe(8_000);
    }
  });

  it('at AWS’s prices has disks, surplus credits and the cluster, and its lines add up', () => {
    // 100 requests/s are 1,200 m, which 7 pods share, 4 on one node and 3 on the other; with 70 m each that is 540 m above
    // both baselines.
    const { measures } = run({
      scenario: scenarioOf({ prices: 'aws-ap-southeast-1' }, new Array<number>(60).fill(100)),
      configured: policyOf('static', { nodeCount: 2 }),
      seed: 1,
    });
    expect(measures.costBreakdownBdt).toEqual({
      onDemandNodes: (2 * 6_457_968) / 1e6,
      spotNodes: 0,
      disks: (2 * 326_160) / 1e6,
      // 0.54 vCPU-hours × 0.05 × 122.31
      surplusCredits: expect.closeTo(3.30237, 4) as number,
      // 10,520.61696 ÷ 720
      cluster: 14.611968,
      autoscaler: 0,
    });
    const sum = Object.values(measures.costBreakdownBdt).reduce((a, b) => a + b, 0);
    expect(measures.costBdt).toBeCloseTo(sum, 9);
    expect(measures.bills.map(({ prices }) => prices)).toEqual(['techflow', 'aws-ap-southeast-1']);
    const [{ costBdt, costBreakdownBdt }, own] = measures.bills;
    expect(own).toEqual({
      prices: 'aws-ap-southeast-1',
      costBdt: measures.costBdt,
      waivedBdt: 0,
      costBreakdownBdt: measures.costBreakdownBdt,
    });
    expect(costBreakdownBdt).toMatchObject({ disks: 0, surplusCredits: 0, cluster: 0 });
    expect(costBdt).toBe((2 * 33_333_333) / 1e6);
  });
});

describe('CPU credits', () => {
  const modes = ['none', 'unlimited', 'standard'] as const;
  const journals = (name: string, rates: readonly number[]): string[] =>
    modes.map((mode) => {
      const scenario = scenarioOf(
        { cluster: { nodeCountInitial: 3, worker: { credits: { mode } } } },
        rates,
        20 * MINUTE_MS,
      );
      return Buffer.from(run({ scenario, configured: policyOf(name), seed: 1 }).journal).toString(
        'base64',
      );
    });

  it('make no difference to what is decided as long as they do not run out', () => {
    // Three nodes sustain 3 × 330 m beside their systems, 82 requests/s.
    const [none, unlimited, standard] = journals('node-fleet', [20, 50, 60, 30]);
    expect(unlimited).toBe(none);
    expect(standard).toBe(none);
  });

  it('when they run out bill a node in unlimited mode, and hold it back in standard mode', () => {
    const [none, unlimited, standard] = journals('node-fleet', [200, 300, 300, 200]);
    expect(unlimited).toBe(none);
    expect(standard).not.toBe(none);
  });
});

describe('the fleet before the first step', () => {
  /** Zone and market of each node that is there when the run begins. */
  const fleetOf = (name: string, settings: Record<string, number>, nodeCountInitial: number) => {
    let fleet: string[] = [];
    const scenario = { ...sale, cluster: { ...sale.cluster, nodeCountInitial } };
    run({
      scenario,
      configured: policyOf(name, settings),
      seed: 1,
      observer: {
        begun: (world, table) => {
          fleet = world.aliveInstances().map(({ zone, market }) => `${zone.slice(-1)} ${market}`);
          expect(workers(world).filter(({ ready }) => ready)).toHaveLength(fleet.length);
          const { stored } = table;
          expect(stored.kind === 'known' && stored.state).toMatchObject({
            policy: name,
            desired: fleet.length,
            known: world.aliveInstances().map(({ id }) => id),
          });
        },
      },
    });
    return fleet.sort();
  };

  it('is as large as the scenario says, within what the policy allows', () => {
    expect(fleetOf('node-fleet', {}, 3)).toHaveLength(3);
    expect(fleetOf('node-fleet', { nodeCountMin: 4 }, 3)).toHaveLength(4);
    expect(fleetOf('node-fleet', { nodeCountMax: 5 }, 9)).toHaveLength(5);
    expect(fleetOf('static', { nodeCount: 7 }, 3)).toHaveLength(7);
  });

  it('is placed as the engine places: zones in turn, spot above the on-demand base', () => {
    expect(fleetOf('node-fleet', { onDemandBase: 2, spotPercent: 100 }, 6)).toEqual([
      'a on-demand',
      'a spot',
      'a spot',
      'b on-demand',
      'b spot',
      'b spot',
    ]);
  });

  it('is nothing that a policy has to repair', () => {
    const { journal } = runOf('node-fleet', {
      configured: policyOf('node-fleet', { nodeCountMin: 4 }),
    });
    const { decided, events } = readJournal(journal).records[0];
    expect(decided?.decision.repair).toBe(0);
    expect(events).toEqual([]);
    expect(decided?.view.workers.every(({ phase }) => phase === 'ready')).toBe(true);
  });
});

describe('time within a trace', () => {
  it('is as long as it: the first step begins within the first, the last before the end', () => {
    let steps = 0;
    const demand = runUnconstrained(sale, 1);
    runOf('node-fleet', { observer: { stepped: () => void steps++ } });
    expect(steps).toBe(demand.stepCount);
    expect(demand.stepCount * STEP_MS).toBe(180 * MINUTE_MS);
    const lastAtMs = demand.firstStepAtMs + (demand.stepCount - 1) * STEP_MS;
    expect(lastAtMs).toBeLessThan(START_AT_MS + 180 * MINUTE_MS);
    expect(lastAtMs).toBeGreaterThanOrEqual(START_AT_MS + 180 * MINUTE_MS - STEP_MS);
  });

  it('keeps a shadow’s memory from one cycle to the next, as an item of the table would', () => {
    const shadow = policyOf('sustained');
    const configured = policyOf('node-fleet');
    const { header, records } = readJournal<{ shadow: object; cluster: Cluster }>(
      run({ scenario: sale, configured, shadow, seed: 1 }).journal,
    );
    expect(header.shadow).toEqual({ policy: 'sustained', settings: shadow.settings });
    let memory: readonly number[] = [];
    let remembered = 0;
    for (const { decided } of records) {
      expect(decided!.shadow!.memory).toEqual(memory);
      ({ memory } = decide(shadow, header.cluster, decided!.view, memory));
      remembered += memory.length;
    }
    expect(remembered).toBeGreaterThan(0);
  });
});
