// The world, the interpreter and whole runs under a market that reclaims and refuses, zones that go dark, a Prometheus that
// fails and customers who come back. What each model does by itself is tested beside it.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DecisionRecord, Instance, Reading } from '../../engine/index.ts';
import { INGEST_MS } from '../../simulator/ingest.ts';
import { Interpreter } from '../../simulator/interpret.ts';
import { NOTICE_MS } from '../../simulator/market.ts';
import { run, type Observer, type Run } from '../../simulator/run.ts';
import { Table } from '../../simulator/table.ts';
import { runUnconstrained } from '../../simulator/unconstrained.ts';
import { World } from '../../simulator/world.ts';
import { runs } from '../properties/arbitraries.ts';
import {
  demandOf,
  HOUR_MS,
  launch,
  podsOn,
  policyOf,
  quietWorld,
  scenarioOf,
  START_AT_MS,
  step,
  STEP_MS,
  workers,
  ZONE_A,
  ZONE_B,
} from './build.ts';

const MINUTE_MS = 60_000;
const at = (minute: number): string => new Date(START_AT_MS + minute * MINUTE_MS).toISOString();
/** Nothing is drawn: only what a test asks for happens. */
const CALM = { reclaimPercentPerMonth: 0, noticePercent: 100 };

const instanceOf = (world: World, id: string): Instance => {
  const [instance] = world.describe([id]);
  expect(instance).toBeDefined();
  return instance;
};
const digest = (of: Run): string => createHash('sha256').update(of.journal).digest('hex');

/** One spot node in each zone and one on demand, with pods that nobody asks anything of. */
function mixedWorld(market: object, steps = 1000): World {
  const scenario = scenarioOf({
    market: { ...CALM, ...market },
    workload: { web: { hpa: { replicasMin: 6 } } },
  });
  const world = new World(scenario, demandOf(steps, 6), 1);
  world.startWith([
    { zone: ZONE_A, market: 'on-demand' },
    { zone: ZONE_A, market: 'spot' },
    { zone: ZONE_B, market: 'spot' },
  ]);
  return world;
}

describe('a reclaimed instance', () => {
  const events = [{ kind: 'reclaim', zone: ZONE_A, at: at(10), until: at(30) }];

  it('is announced, runs for two minutes more, and then its pods are killed with it', () => {
    const world = mixedWorld({ events });
    const [, spot] = workers(world).map(({ name }) => name);
    while (world.market.announced.length === 0) {
      world.step();
    }
    expect(world.market.announced).toEqual([
      { instanceId: spot, cause: 'reclaim', markedAtMs: START_AT_MS + 8 * MINUTE_MS },
    ]);
    step(world, NOTICE_MS / STEP_MS - 1);
    expect([instanceOf(world, spot).state, world.disruptions]).toEqual(['running', 0]);
    expect(podsOn(world, spot).active).toBe(2);
    world.step();
    expect(instanceOf(world, spot).state).toBe('shutting-down');
    expect([world.disruptions, world.reclaims, world.terminations]).toEqual([2, 1, 1]);
    expect(world.readyNodes).toBe(2);
    expect(world.podsExpectedAndFound()).toEqual({ expected: 6, found: 6 });
  });

  it('that was drained and terminated in time is not taken again', () => {
    const world = mixedWorld({ events });
    const [, spot] = workers(world).map(({ name }) => name);
    step(world, 33);
    world.terminate(spot, world.nowMs);
    step(world, 20);
    expect([world.reclaims, world.terminations]).toEqual([0, 1]);
  });

  it('is free of charge when it was launched less than an hour before', () => {
    const world = mixedWorld({ events: [{ ...events[0], at: at(59), until: at(70) }] });
    const asked = { zone: ZONE_A, market: 'spot', count: 1, birthEpoch: 1 } as const;
    const [young] = world.launch({ ...asked, clientToken: 't' }, START_AT_MS + 1_000) as string[];
    step(world, 250);
    expect(instanceOf(world, young).state).not.toBe('running');
    const bills = world.bills().filter(({ market }) => market === 'spot');
    // The one of before the run has been up for an hour longer; the one in the other zone still runs.
    expect(bills.map(({ costRatio, endedAtMs }) => [costRatio, endedAtMs !== null])).toEqual([
      [1, true],
      [0, true],
      [1, false],
    ]);
  });
});

describe('a spot price that moves', () => {
  it('is what an instance pays, on average over its time; on demand nothing moves', () => {
    const world = mixedWorld({ priceSwingPercent: 50 });
    step(world, 400);
    for (const { name } of workers(world)) {
      world.terminate(name, START_AT_MS + 1.5 * HOUR_MS);
    }
    const ratio = (zone: number): number =>
      world.market.spotCostRatio(zone, START_AT_MS, START_AT_MS + 1.5 * HOUR_MS, false);
    expect(world.bills().map(({ costRatio }) => costRatio)).toEqual([1, ratio(0), ratio(1)]);
    expect(ratio(0)).not.toBe(1);
    expect(ratio(0)).not.toBe(ratio(1));
  });

  it('counts to the end of the run for one that still runs', () => {
    const world = mixedWorld({ priceSwingPercent: 50 }, 480);
    const endAtMs = START_AT_MS + 2 * HOUR_MS;
    expect(world.bills()[2].costRatio).toBe(
      world.market.spotCostRatio(1, START_AT_MS, endAtMs, false),
    );
  });
});

describe('a launch', () => {
  const request = { zone: ZONE_A, market: 'on-demand', count: 1, birthEpoch: 1 } as const;

  it('into a pool without capacity is refused, and nothing of it is remembered', () => {
    const events = [{ kind: 'shortage', zone: ZONE_A, at: at(0), until: at(5) }];
    const world = mixedWorld({ events });
    const asked = { ...request, clientToken: 't' };
    const launches = world.launches;
    expect(world.launch(asked, START_AT_MS + 1)).toBe('insufficient-capacity');
    expect(world.launch({ ...asked, zone: ZONE_B }, START_AT_MS + 1)).toHaveLength(1);
    expect(world.launches).toBe(launches + 1);
    // The refused request was never carried out, so its token is free.
    expect(world.launch({ ...asked, clientToken: 'u' }, START_AT_MS + 1)).toBe(
      'insufficient-capacity',
    );
    expect(world.launch({ ...asked, clientToken: 'u' }, START_AT_MS + 5 * MINUTE_MS)).toHaveLength(
      1,
    );
  });

  it('that went through before is answered the same although its pool has run dry', () => {
    const events = [{ kind: 'shortage', at: at(1), until: at(5) }];
    const world = mixedWorld({ events });
    const asked = { ...request, clientToken: 't' };
    const ids = world.launch(asked, START_AT_MS + 1);
    expect(world.launch(asked, START_AT_MS + 2 * MINUTE_MS)).toEqual(ids);
  });

  it('past the quota is refused until somebody makes room', () => {
    // One node of two vCPUs runs on demand; spot does not count.
    const world = mixedWorld({ onDemandVcpusMax: 4 });
    const [name] = workers(world).map((node) => node.name);
    expect(world.launch({ ...request, clientToken: 't', count: 2 }, START_AT_MS)).toBe('quota');
    expect(world.launch({ ...request, clientToken: 'u' }, START_AT_MS)).toHaveLength(1);
    expect(world.launch({ ...request, clientToken: 'v' }, START_AT_MS)).toBe('quota');
    world.terminate(name, START_AT_MS + 1);
    expect(world.launch({ ...request, clientToken: 'v' }, START_AT_MS + 2)).toHaveLength(1);
  });

  it('in ten minutes in which nothing joins is up, and never a node', () => {
    const { world } = quietWorld(1, 1, {
      settings: { startup: { batchNeverJoinsPercent: 100 }, market: CALM },
    });
    const ids = launch(world, 4);
    step(world, 40);
    expect(ids.map((id) => instanceOf(world, id).state)).toEqual(new Array(4).fill('running'));
    expect(workers(world)).toHaveLength(1);
  });
});

describe('a zone without power', () => {
  const events = [{ kind: 'zone-outage', zone: ZONE_A, at: at(10), until: at(20) }];
  const dark = (world: World): void => step(world, 41);

  it('has machines that fail their checks, nodes that are NotReady, and no pods', () => {
    const world = mixedWorld({ events });
    dark(world);
    const shown = workers(world).map(({ name, ready }) => ({
      zone: instanceOf(world, name).zone,
      state: instanceOf(world, name).state,
      failed: instanceOf(world, name).statusCheckFailed,
      ready,
      pods: podsOn(world, name).active,
    }));
    const off = { zone: ZONE_A, state: 'running', failed: true, ready: false, pods: 0 };
    expect(shown).toEqual([
      off,
      off,
      { zone: ZONE_B, state: 'running', failed: false, ready: true, pods: 6 },
    ]);
    expect(world.disruptions).toBe(4);
    expect(world.podsExpectedAndFound().found).toBe(6);
  });

  it('has them again, empty and sound, when the power is back', () => {
    const world = mixedWorld({ events });
    dark(world);
    step(world, 40);
    expect(world.readyNodes).toBe(3);
    for (const { name, readyChangedAtMs } of workers(world).slice(0, 2)) {
      expect(instanceOf(world, name).statusCheckFailed).toBe(false);
      expect(readyChangedAtMs).toBe(START_AT_MS + 20 * MINUTE_MS);
      expect(podsOn(world, name)).toEqual({ active: 0, terminating: 0 });
    }
  });

  it('loses for good what was still booting', () => {
    const world = mixedWorld({ events });
    step(world, 39);
    const [booting] = launch(world);
    step(world, 400);
    expect(instanceOf(world, booting)).toMatchObject({ state: 'running', statusCheckFailed: true });
    expect(workers(world)).toHaveLength(3);
    expect(world.terminate(booting, world.nowMs)).toBe(true);
  });

  it('does not come up machine by machine because somebody heals a node', () => {
    const world = mixedWorld({ events });
    dark(world);
    const [{ name }] = workers(world);
    world.setHealth(name, true, false, world.nowMs);
    expect(workers(world)[0].ready).toBe(false);
    step(world, 2);
    expect(podsOn(world, name).active).toBe(0);
  });

  it('does not bring back what was terminated or deleted meanwhile', () => {
    const world = mixedWorld({ events });
    dark(world);
    const [a, b] = workers(world).map(({ name }) => name);
    world.terminate(a, world.nowMs);
    world.deleteNode(b);
    step(world, 60);
    expect(world.readyNodes).toBe(1);
    expect(instanceOf(world, a).state).toBe('terminated');
    expect(workers(world).map(({ name }) => name)).not.toContain(b);
  });

  it('shows in Prometheus: counters begin at 0 again, and no CPU is made of that', () => {
    const world = mixedWorld({ events });
    const cpu = (): Reading => world.prometheus.query(world.nowMs).cpuPercent;
    step(world, 81);
    for (let n = 0; n < 30; n++) {
      step(world);
      const reading = cpu();
      expect(reading.missing).toBeNull();
      expect(reading.missing === null && reading.value).toBeCloseTo((100 * 70) / 2000, 1);
    }
  });
});

describe('customers', () => {
  const rates = [...new Array<number>(4).fill(400), ...new Array<number>(30).fill(100)];

  it('who time out come back, and make the shop busier than the trace', () => {
    const { world } = quietWorld(1, 7, {
      rates,
      settings: {
        market: CALM,
        workload: {
          clients: { retryPercent: 100, retriesMax: 5, awayMinutes: 0 },
          web: { hpa: { metricsLagSeconds: 600 } },
        },
      },
    });
    let most = 0;
    let retried = 0;
    for (const rate of rates) {
      step(world);
      expect(world.arrivedRequests).toBe(rate * 15);
      retried += world.retriedRequests;
      if (rate === 100) {
        most = Math.max(most, world.attemptedRequests / world.arrivedRequests);
      }
    }
    expect(most).toBeGreaterThan(2);
    expect(retried).toBeGreaterThan(5_000);
    // It ends: all that is offered is served again, and nothing waits.
    expect([world.retriedRequests, world.retryingRequests, world.lostRequests]).toEqual([0, 0, 0]);
    expect(world.backlogRequests).toBe(0);
  });

  it('who come back are counted as late when they are served', () => {
    const { world } = quietWorld(1, 7, {
      rates: [400, 0, 0, 0],
      settings: {
        market: CALM,
        workload: {
          clients: { retryPercent: 100, retriesMax: 1, retryWithinSeconds: 15, awayMinutes: 0 },
          web: { hpa: { metricsLagSeconds: 600 } },
        },
      },
    });
    const [served, late] = [0, 1, 2, 3].reduce(
      ([sum, lateSum], k) => {
        step(world);
        return k === 0 ? [0, 0] : [sum + world.servedRequests, lateSum + world.lateRequests];
      },
      [0, 0],
    );
    expect(served).toBeGreaterThan(2_000);
    expect(late).toBeCloseTo(served, 6);
  });

  it('who stay away are no traffic: neither served nor in what Prometheus sees', () => {
    const { world, demand } = quietWorld(0, 4, {
      settings: {
        market: CALM,
        workload: { clients: { retryPercent: 0, awayMinutes: 1 } },
      },
    });
    demand.requestsPerSecond.fill(100);
    step(world, 2);
    expect(world.stayedAwayRequests).toBeCloseTo(1500 / 4, 9);
    expect(world.lostRequests).toBeCloseTo((1500 * 3) / 4, 9);
    step(world);
    const { requestsPerSecond } = world.prometheus.query(world.nowMs);
    expect(requestsPerSecond).toMatchObject({ value: expect.closeTo(75, 9) });
  });
});

describe('a cycle', () => {
  it('that asks a Prometheus that is down gets no answer, at once', () => {
    const outages = [{ from: at(0), to: at(5) }];
    const { world } = quietWorld(1, 1, { settings: { prometheus: { outages } } });
    const interpreter = new Interpreter(
      world,
      new Table(),
      () => undefined,
      () => undefined,
    );
    const ask = () =>
      interpreter.interpret({ kind: 'queryMetrics', atMs: interpreter.nowMs, custom: [] });
    interpreter.advance(START_AT_MS + MINUTE_MS);
    expect(ask()).toMatchObject({ ok: false, certainty: 'refused', reason: 'unavailable' });
    interpreter.advance(5 * MINUTE_MS);
    expect(ask()).toMatchObject({ ok: true });
  });

  const scenario = scenarioOf(
    {
      cluster: { nodeCountInitial: 6 },
      market: { ...CALM, events: [{ kind: 'reclaim', zone: ZONE_A, at: at(60), until: at(80) }] },
    },
    [300, 300],
    90 * MINUTE_MS,
  );
  const configured = policyOf('trailing-max', { nodeCountMin: 6, spotPercent: 100 });

  it('begins as soon as AWS announces a reclaim, and knows the mark', () => {
    const begun: number[] = [];
    const records: DecisionRecord[] = [];
    let noticedAtMs = 0;
    const observer: Observer = {
      stepped: (world) => {
        noticedAtMs ||= world.nowMs >= START_AT_MS + 58 * MINUTE_MS ? world.nowMs : 0;
      },
      cycleBegins: (nowMs) => void begun.push(nowMs),
      decided: (record) => void records.push(record),
    };
    run({ scenario, configured, seed: 1, observer });
    const n = begun.indexOf(noticedAtMs + INGEST_MS);
    expect(n).toBeGreaterThan(10);
    const doomed = records[n].decided?.view.workers.filter(({ phase }) => phase === 'doomed');
    expect(doomed?.length).toBe(2);
    expect(records[n].decided?.decision.repair).toBe(2);
    // The schedule goes on as it was.
    expect((begun[n + 1] - begun[n - 1]) % 120_000).toBe(0);
  });

  it('finds the pods of a reclaimed node moved before it is gone, or restarted after', () => {
    const { measures } = run({ scenario, configured, seed: 1 });
    expect(measures.reclaims + measures.evictions).toBeGreaterThan(0);
    expect(measures.launches).toBeGreaterThan(0);
  });
});

describe('luck', () => {
  /** Three hours with a rise. */
  const rates = [100, 500, 200];
  const digestOf = (settings: object, seed: number, name = 'trailing-max'): string =>
    digest(
      run({
        scenario: scenarioOf({ name: 'luck', ...settings }, rates, HOUR_MS),
        configured: policyOf(name, { spotPercent: 100 }),
        seed,
      }),
    );

  it('of the market is nobody else’s: while nothing happens, a run is as without it', () => {
    const rare = { reclaimPercentPerMonth: 0.01, priceSwingPercent: 50, hintPercent: 100 };
    for (let seed = 0; seed < 8; seed++) {
      expect(digestOf({ market: rare }, seed)).toBe(digestOf({ market: CALM }, seed));
    }
  });

  it('of the customers is none: where nothing is lost, it does not matter what they would do', () => {
    const roomy = { cluster: { nodeCountInitial: 8 }, market: CALM };
    for (const clients of [{ retryPercent: 0, awayMinutes: 0 }, { retryPercent: 100 }]) {
      expect(digestOf({ ...roomy, workload: { clients } }, 1, 'static')).toBe(
        digestOf(roomy, 1, 'static'),
      );
    }
  });

  it('is the same twice, whatever goes wrong', () => {
    const everything = {
      market: {
        reclaimPercentPerMonth: 10_000,
        noticePercent: 50,
        onDemandVcpusMax: 8,
        events: [{ kind: 'zone-outage', zone: ZONE_B, at: at(70), until: at(90) }],
      },
      startup: { batchNeverJoinsPercent: 20 },
      prometheus: { failedScrapePercent: 10, outages: [{ from: at(30), to: at(36) }] },
    };
    fc.assert(
      fc.property(fc.nat(10_000), (seed) => {
        expect(digestOf(everything, seed)).toBe(digestOf(everything, seed));
      }),
      runs(5),
    );
    expect(digestOf(everything, 1)).not.toBe(digestOf(everything, 2));
  });

  it('is the same for two policies: pools refuse at the same instants', () => {
    const scenario = scenarioOf({ market: { reclaimPercentPerMonth: 10_000 } }, rates, HOUR_MS);
    const seen = ['node-fleet', 'trailing-max'].map((name) => {
      const refused: boolean[] = [];
      const observer: Observer = {
        stepped: (world) => {
          const pool = { zone: ZONE_A, market: 'spot', count: 1 } as const;
          refused.push(world.market.refusal(pool, world, world.nowMs) !== null);
        },
      };
      const configured = policyOf(name, { spotPercent: 100 });
      for (let seed = 0; seed < 4; seed++) {
        const demand = runUnconstrained(scenario, seed);
        run({ scenario, configured, seed, observer, demand });
      }
      return refused;
    });
    expect(seen[1]).toEqual(seen[0]);
    expect(seen[0]).toContain(true);
    expect(seen[0]).toContain(false);
  });
});
