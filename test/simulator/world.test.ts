import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PENDING_AS_WRITTEN, type Instance, type Reading } from '../../engine/index.ts';
import { CPU_MS_PER_CREDIT } from '../../simulator/credits.ts';
import { World } from '../../simulator/world.ts';
import { runs } from '../properties/arbitraries.ts';
import {
  demandOf,
  HOUR_MS,
  launch,
  podsOn,
  quietWorld,
  scenarioOf,
  START_AT_MS,
  step,
  STEP_MS,
  stepUntilReady,
  workers,
  ZONE_A,
  ZONE_B,
} from './build.ts';

const valueOf = (reading: Reading): number => (reading.missing === null ? reading.value : NaN);
const cpuPercent = (world: World): number =>
  valueOf(world.prometheus.query(world.nowMs + 7_000).cpuPercent);
const instanceOf = (world: World, id: string): Instance => {
  const [instance] = world.describe([id]);
  expect(instance).toBeDefined();
  return instance;
};
const NOBODY_RETRIES = { clients: { retryPercent: 0, awayMinutes: 0 } };
/** HPA settings under which replicas follow traffic at once, up and down. */
const AT_ONCE = { metricsLagSeconds: 0, scaleDownWindowSeconds: 0 };

// ================================================================ everything at once

type Operation =
  | { readonly kind: 'step'; readonly count: number }
  | { readonly kind: 'traffic'; readonly requestsPerSecond: number }
  | { readonly kind: 'launch'; readonly count: number; readonly zone: string }
  | {
      readonly kind: 'terminate' | 'reclaim' | 'taint' | 'untaint' | 'deleteNode';
      readonly node: number;
    }
  | { readonly kind: 'cordon' | 'health' | 'power'; readonly node: number; readonly on: boolean }
  | { readonly kind: 'evict'; readonly node: number; readonly shape: number };

const node = fc.nat(30);
const operations: fc.Arbitrary<Operation[]> = fc.array(
  fc.oneof(
    {
      weight: 10,
      arbitrary: fc.record({ kind: fc.constant('step'), count: fc.integer({ min: 1, max: 12 }) }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('traffic'),
        requestsPerSecond: fc.integer({ min: 0, max: 1500 }),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('launch'),
        count: fc.integer({ min: 1, max: 6 }),
        zone: fc.constantFrom(ZONE_A, ZONE_B),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constantFrom('terminate', 'reclaim', 'taint', 'taint', 'untaint', 'deleteNode'),
        node,
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constantFrom('cordon', 'health', 'power'),
        node,
        on: fc.boolean(),
      }),
    },
    {
      weight: 8,
      arbitrary: fc.record({ kind: fc.constant('evict'), node, shape: fc.nat(2) }),
    },
  ),
  { minLength: 20, maxLength: 80, size: 'max' },
);

const busyScenario = scenarioOf({
  workload: {
    web: { hpa: { metricsLagSeconds: 15, scaleDownWindowSeconds: 60 } },
    others: [
      {
        name: 'postgres',
        kind: 'statefulset',
        requestMillicpu: 500,
        requestMib: 1024,
        usageMillicpu: 100,
        workingSetMib: 800,
        zone: ZONE_B,
      },
      {
        name: 'report',
        replicas: 3,
        requestMillicpu: 1200,
        requestMib: 500,
        usageMillicpu: 900,
        workingSetMib: 400,
      },
    ],
  },
});

/** What holds of a world at any instant between two operations. */
function expectConsistent(world: World): void {
  const { expected, found } = world.podsExpectedAndFound();
  expect(found).toBe(expected);
  expect(world.fitsEverywhere()).toBe(true);

  const nodes = workers(world);
  const { worker } = world.scenario.cluster;
  const bound = world.shapes.map(() => 0);
  nodes.forEach(({ name }, n) => {
    const pods = world.podsOn(name)!;
    let millicpu = 0;
    let mib = 0;
    for (const { shape, active, terminating } of pods) {
      expect(active).toBeGreaterThanOrEqual(0);
      expect(terminating).toBeGreaterThanOrEqual(0);
      bound[shape] += active;
      millicpu += (active + terminating) * world.shapes[shape].requestMillicpu;
      mib += (active + terminating) * world.shapes[shape].requestMib;
      if (active > 0 && world.shapes[shape].zone !== null) {
        expect(instanceOf(world, name).zone).toBe(world.shapes[shape].zone);
      }
    }
    expect(millicpu).toBeLessThanOrEqual(worker.allocatableMillicpu);
    expect(mib).toBeLessThanOrEqual(worker.allocatableMib);
    expect(world.listPods().perNode[n]).toEqual({
      nodeName: name,
      counts: pods.map(({ active, terminating }) => active + terminating),
    });
  });
  expect(world.listPods().perNode).toHaveLength(nodes.length);
  world.shapes.forEach((_, s) => {
    expect(world.startingTotal[s]).toBeGreaterThanOrEqual(0);
    expect(world.runningTotal[s]).toBeGreaterThanOrEqual(0);
    expect(world.startingTotal[s] + world.runningTotal[s]).toBe(bound[s]);
  });
  expect(world.readyNodes).toBe(nodes.filter(({ ready }) => ready).length);

  const sorted = (ids: string[]): void => expect(ids).toEqual([...ids].sort());
  sorted(nodes.map(({ name }) => name));
  sorted(world.listInstances(world.nowMs).map(({ id }) => id));
  expect(world.aliveInstances()).toHaveLength(world.launches - world.terminations);
  expect(world.bills()).toHaveLength(world.launches);

  expect(world.backlogRequests).toBeGreaterThanOrEqual(0);
  expect(world.lostRequests).toBeGreaterThanOrEqual(0);
  expect(world.usageMillicpu).toBeGreaterThanOrEqual(0);
  const cpu = cpuPercent(world);
  if (!Number.isNaN(cpu)) {
    expect(cpu).toBeGreaterThan(-1e-9);
    expect(cpu).toBeLessThan(100 + 1e-9);
  }
}

describe('whatever is done to it', () => {
  const LIFE = ['pending', 'running', 'shutting-down', 'terminated'];

  it('conserves pods and requests, fits, and adds up', () => {
    const seen = { blocked: 0, evicted: 0, killed: 0, unschedulable: 0, lost: 0, grown: 0 };
    fc.assert(
      fc.property(operations, fc.nat(1000), (todo, seed) => {
        const demand = demandOf(2_000, 4, 100);
        const world = new World(busyScenario, demand, seed);
        world.startWith([
          { zone: ZONE_A, market: 'on-demand' },
          { zone: ZONE_B, market: 'spot' },
        ]);
        const all = world.aliveInstances().map(({ id }) => id);
        const life = new Map<string, number>();
        let balance = 0;
        const stepOnce = (): void => {
          const blocked = new Map<string, number>();
          for (const { name } of workers(world)) {
            blocked.set(
              name,
              world.podsOn(name)!.reduce((sum, { active }) => sum + active, 0),
            );
          }
          const before = world.backlogRequests + world.retryingRequests;
          world.step();
          for (const { name, ready, cordoned, taintIntentId } of workers(world)) {
            const active = world.podsOn(name)!.reduce((sum, pods) => sum + pods.active, 0);
            if (!ready || cordoned || taintIntentId !== null) {
              // Nothing is bound to a node that may not be scheduled to.
              expect(active).toBeLessThanOrEqual(blocked.get(name) ?? 0);
            }
          }
          const served = (world.usageMillicpu * STEP_MS) / 1000 / 12;
          const after = world.backlogRequests + world.retryingRequests;
          const lost = world.lostRequests + world.stayedAwayRequests;
          balance += before + world.arrivedRequests - served - lost - after;
          expect(Math.abs(balance)).toBeLessThan(1e-3);
          for (const { id, state } of world.listInstances(world.nowMs)) {
            expect(LIFE.indexOf(state)).toBeGreaterThanOrEqual(life.get(id) ?? 0);
            life.set(id, LIFE.indexOf(state));
          }
        };
        for (const operation of todo) {
          const id = 'node' in operation ? all[operation.node % all.length] : '';
          switch (operation.kind) {
            case 'step':
              for (let n = 0; n < operation.count; n++) {
                stepOnce();
                expectConsistent(world);
              }
              break;
            case 'traffic':
              demand.requestsPerSecond.fill(operation.requestsPerSecond, world.stepIndex);
              break;
            case 'launch':
              all.push(...launch(world, operation.count, { zone: operation.zone }));
              break;
            case 'terminate':
              expect(world.terminate(id, world.nowMs)).toBe(true);
              break;
            case 'reclaim':
              world.reclaim(id, world.nowMs);
              break;
            case 'power':
              world.setPower(id, operation.on, world.nowMs);
              break;
            case 'taint': {
              const found = workers(world).find(({ name }) => name === id);
              expect(world.taint(id, 'x', found?.resourceVersion ?? '1')).toBe(
                found === undefined ? 'not-found' : 'ok',
              );
              break;
            }
            case 'untaint':
              world.untaint(id);
              break;
            case 'deleteNode':
              world.deleteNode(id);
              break;
            case 'cordon':
              world.cordon(id, operation.on);
              break;
            case 'health':
              world.setHealth(id, operation.on, !operation.on, world.nowMs);
              break;
            case 'evict': {
              const answer = world.evict(id, operation.shape);
              seen.evicted += answer === 'ok' ? 1 : 0;
              seen.blocked += answer === 'blocked-by-pdb' ? 1 : 0;
              break;
            }
          }
          expectConsistent(world);
          seen.unschedulable += world.unschedulableTotal > 0 ? 1 : 0;
          seen.lost += world.lostRequests > 0 ? 1 : 0;
        }
        seen.killed += world.disruptions;
        seen.grown += world.launches > 16 ? 1 : 0;
      }),
      runs(25),
    );
    for (const [what, count] of Object.entries(seen)) {
      expect(count, what).toBeGreaterThan(5);
    }
  });

  it('is the same again with the same seed', () => {
    const luck = (seed: number): string => {
      const { world } = quietWorld(1, 1, { seed });
      const ids = Array.from({ length: 20 }, () => launch(world)[0]);
      step(world, 30);
      return JSON.stringify(ids.map((id) => workers(world).find(({ name }) => name === id)));
    };
    expect(luck(1)).toBe(luck(1));
    expect(luck(1)).not.toBe(luck(2));
  });
});

// ================================================================ nodes

describe('start-up', () => {
  it('goes from request to running to joined to Ready', () => {
    const { world } = quietWorld(1, 1);
    const [id] = launch(world);
    const seen: string[] = [];
    while (seen[seen.length - 1] !== 'running, Ready') {
      const found = workers(world).find(({ name }) => name === id);
      const joined = found === undefined ? '' : found.ready ? ', Ready' : ', joined';
      const now = instanceOf(world, id).state + joined;
      if (now !== seen[seen.length - 1]) {
        seen.push(now);
      }
      step(world);
    }
    expect(seen.filter((each) => each !== 'running, joined')).toEqual([
      'pending',
      'running',
      'running, Ready',
    ]);
    const ready = workers(world).find(({ name }) => name === id)!;
    expect(ready.createdAtMs).toBeGreaterThan(START_AT_MS);
    expect(ready.readyChangedAtMs).toBeGreaterThan(ready.createdAtMs);
    expect(ready.readyChangedAtMs).toBeLessThanOrEqual(world.nowMs);
  });

  const launches = 2_000;
  /** What became of so many launches, each a batch of its own: seconds from request to Ready, ascending. */
  function startups(startup: object): { seconds: number[]; neverJoined: number } {
    const { world } = quietWorld(1, 1, { settings: { startup } });
    for (let n = 0; n < launches; n++) {
      launch(world);
    }
    step(world, 150);
    const seconds = workers(world)
      .slice(1)
      .map(({ readyChangedAtMs }) => (readyChangedAtMs - START_AT_MS) / 1000)
      .sort((a, b) => a - b);
    expect(world.aliveInstances().every(({ state }) => state === 'running')).toBe(true);
    return { seconds, neverJoined: launches - seconds.length };
  }

  it('takes a median of 75 s and a p95 of 120 s, as configured', () => {
    const { seconds, neverJoined } = startups({ neverJoinsPercent: 0 });
    expect(neverJoined).toBe(0);
    expect(Math.abs(seconds[launches * 0.5] / 75 - 1)).toBeLessThan(0.05);
    expect(Math.abs(seconds[launches * 0.95] / 120 - 1)).toBeLessThan(0.1);
  });

  it.each([
    [75, 120],
    [75, 240],
    [75, 480],
    [300, 600],
  ])('half take up to %i s, and all but a twentieth up to %i s', (medianSeconds, p95Seconds) => {
    const { seconds } = startups({ medianSeconds, p95Seconds, neverJoinsPercent: 0 });
    const share = (most: number) => seconds.filter((each) => each <= most).length / launches;
    // By what the batches add it is 46 % and 94 %; σ is 1.1 % and 0.5 %.
    expect(Math.abs(share(medianSeconds) - 0.48)).toBeLessThan(0.06);
    expect(Math.abs(share(p95Seconds) - 0.945)).toBeLessThan(0.025);
    // No machine boots in no time, and none takes for ever.
    expect(seconds[0]).toBeGreaterThan(medianSeconds / 2);
  });

  it.each([1.5, 20])('%d %% never join, though their machines run', (neverJoinsPercent) => {
    const { neverJoined } = startups({ neverJoinsPercent });
    const share = neverJoinsPercent / 100;
    const sigma = Math.sqrt(launches * share * (1 - share));
    expect(Math.abs(neverJoined - launches * share)).toBeLessThan(4 * sigma);
  });

  it('is shared in part by a batch: now and then all of it is slow', () => {
    const { world } = quietWorld(1, 1, { settings: { startup: { neverJoinsPercent: 0 } } });
    const batches = Array.from({ length: 100 }, () => launch(world, 25));
    step(world, 40);
    const readyAtMs = new Map(workers(world).map((each) => [each.name, each.readyChangedAtMs]));
    const means = batches
      .map((ids) => ids.reduce((sum, id) => sum + readyAtMs.get(id)! - START_AT_MS, 0) / 25)
      .sort((a, b) => a - b);
    // 25 nodes of their own luck each would differ by σ = 5 % of the mean, and the slowest of 100 batches by 12 %.
    expect(means[99] / means[50]).toBeGreaterThan(1.2);
  });

  it('an instance is listed at most 8 s after its request, and found by its id at once', () => {
    const { world } = quietWorld(1, 1);
    const ids = Array.from({ length: 200 }, () => launch(world)[0]);
    const listed = (afterMs: number): number =>
      world.listInstances(START_AT_MS + afterMs).length - 1;
    expect(world.describe(ids)).toHaveLength(200);
    const shares = [0, 2_000, 4_000, 6_000, 8_000].map((ms) => listed(ms) / 200);
    // Equally likely at every instant of the 8 s.
    shares.forEach((share, n) => expect(Math.abs(share - n / 4)).toBeLessThan(0.15));
    expect(shares[4]).toBe(1);
    expect(listed(7_999)).toBeGreaterThan(190);
  });

  it('a list made before an instance is visible does not hide it afterwards', () => {
    const { world } = quietWorld(1, 1);
    const ids = Array.from({ length: 50 }, () => launch(world)[0]);
    world.listInstances(START_AT_MS);
    step(world);
    expect(world.listInstances(world.nowMs + 8_000).map(({ id }) => id)).toEqual(
      expect.arrayContaining(ids),
    );
  });
});

describe('launching', () => {
  const request = {
    clientToken: 't',
    zone: ZONE_B,
    market: 'spot',
    count: 2,
    birthEpoch: 9,
  } as const;

  it('makes what was asked for', () => {
    const { world } = quietWorld(1, 1);
    const ids = world.launch(request, START_AT_MS + 123) as string[];
    expect(ids).toHaveLength(2);
    for (const id of ids) {
      expect(instanceOf(world, id)).toEqual({
        id,
        state: 'pending',
        zone: ZONE_B,
        market: 'spot',
        launchedAtMs: START_AT_MS + 123,
        privateIp: null,
        clientToken: 't',
        birthEpoch: 9,
        statusCheckFailed: false,
      });
    }
  });

  it('with the same token again gives the same instances, and launches none', () => {
    const { world } = quietWorld(1, 1);
    const ids = world.launch(request, START_AT_MS);
    step(world, 20);
    expect(world.launch({ ...request }, world.nowMs)).toEqual(ids);
    expect(world.launches).toBe(1 + 2);
    expect(world.aliveInstances()).toHaveLength(3);
  });

  it.each([
    ['zone', { zone: ZONE_A }],
    ['market', { market: 'on-demand' }],
    ['count', { count: 3 }],
    ['epoch', { birthEpoch: 10 }],
  ] as const)('refuses a token that was used with another %s', (_, change) => {
    const { world } = quietWorld(1, 1);
    world.launch(request, START_AT_MS);
    expect(world.launch({ ...request, ...change }, START_AT_MS)).toBe('parameter-mismatch');
    expect(world.launches).toBe(3);
  });

  it('calls a token spent when all that it launched was terminated, not before', () => {
    const { world } = quietWorld(1, 1);
    const ids = world.launch(request, START_AT_MS) as string[];
    world.terminate(ids[0], START_AT_MS);
    expect(world.launch(request, START_AT_MS)).toEqual(ids);
    world.terminate(ids[1], START_AT_MS);
    expect(world.launch(request, START_AT_MS)).toBe('spent');
    // Also when EC2 has long forgotten them.
    step(world, 400);
    expect(world.launch(request, world.nowMs)).toBe('spent');
  });

  it('refuses a zone that it does not have, and a count of none', () => {
    const { world } = quietWorld(1, 1);
    expect(world.launch({ ...request, zone: 'mars-1a' }, START_AT_MS)).toBe('invalid');
    expect(world.launch({ ...request, clientToken: 'u', count: 0 }, START_AT_MS)).toBe('invalid');
    expect(world.launches).toBe(1);
  });
});

describe('terminating', () => {
  it('kills the pods that were not drained, and they wait for room elsewhere', () => {
    const { world } = quietWorld(2, 10);
    step(world);
    const [a, b] = workers(world).map(({ name }) => name);
    expect([podsOn(world, a).active, podsOn(world, b).active]).toEqual([5, 5]);
    world.terminate(a, world.nowMs);
    expect(world.disruptions).toBe(5);
    expect(world.runningTotal[0]).toBe(5);
    // 2 of 5 find room; kube-scheduler tries as soon as it may, which is the next step.
    step(world);
    expect(podsOn(world, b).active).toBe(7);
    expect(world.unschedulableTotal).toBe(3);
  });

  it('kills nobody on a node that was drained', () => {
    const { world } = quietWorld(2, 4, {
      settings: { workload: { web: { maxUnavailablePercent: 100 } } },
    });
    step(world);
    const [a] = workers(world).map(({ name }) => name);
    world.taint(a, 'x', workers(world)[0].resourceVersion);
    while (podsOn(world, a).active > 0) {
      expect(world.evict(a, 0)).toBe('ok');
    }
    step(world, 4);
    expect(podsOn(world, a)).toEqual({ active: 0, terminating: 0 });
    world.terminate(a, world.nowMs);
    expect([world.evictions, world.disruptions]).toEqual([2, 0]);
  });

  it('of pods that are ending already: they were moved before, and are not killed twice', () => {
    const { world } = quietWorld(1, 4);
    step(world);
    const [a] = workers(world).map(({ name }) => name);
    world.evict(a, 0);
    world.terminate(a, world.nowMs);
    expect([world.evictions, world.disruptions]).toEqual([1, 3]);
    expect(world.podsExpectedAndFound()).toEqual({ expected: 4, found: 4 });
  });

  it('twice is once', () => {
    const { world } = quietWorld(1, 4);
    const [{ name }] = workers(world);
    expect(world.terminate(name, START_AT_MS)).toBe(true);
    expect(world.terminate(name, START_AT_MS + 5)).toBe(true);
    expect([world.terminations, world.disruptions]).toEqual([1, 4]);
    expect(world.bills()).toEqual([
      {
        market: 'on-demand',
        launchedAtMs: START_AT_MS,
        endedAtMs: START_AT_MS,
        surplusCpuMs: 0,
        costRatio: 1,
      },
    ]);
  });

  it('answers whether there is such an instance', () => {
    const { world } = quietWorld(1, 1);
    expect(world.terminate('i-none', START_AT_MS)).toBe(false);
  });

  it('goes on being listed for an hour, and its node until somebody deletes it', () => {
    const { world } = quietWorld(2, 1);
    const [, b] = workers(world).map(({ name }) => name);
    world.terminate(b, START_AT_MS);
    const at = (ms: number): string | undefined => {
      while (world.nextStepAtMs <= START_AT_MS + ms) {
        world.step();
      }
      return world.listInstances(world.nowMs).find(({ id }) => id === b)?.state;
    };
    expect(at(30_000)).toBe('shutting-down');
    expect(at(60_000)).toBe('terminated');
    expect(at(HOUR_MS)).toBe('terminated');
    expect(at(HOUR_MS + 60_000)).toBeUndefined();
    expect(world.describe([b])).toEqual([]);
    expect(workers(world).map(({ name, ready }) => [name, ready])).toContainEqual([b, false]);
    expect(world.deleteNode(b)).toBe(true);
    expect(world.deleteNode(b)).toBe(false);
    expect(workers(world)).toHaveLength(1);
  });

  it('leaves nothing to whoever gets its place: no boot, no pods, no past', () => {
    // Machines that take hours, half of which never join: the place is free again before its first owner would have been up.
    const startup = { medianSeconds: 3_600, p95Seconds: 7_200, neverJoinsPercent: 50 };
    /** When the second of two machines ran, joined and was Ready; its luck is the same whatever became of the first. */
    const second = (seed: number, firstIsGone: boolean): unknown[] => {
      const { world } = quietWorld(1, 1, { steps: 2_500, settings: { startup }, seed });
      const [first] = launch(world);
      if (firstIsGone) {
        world.terminate(first, world.nowMs);
      }
      step(world, 250);
      expect(world.describe([first])).toHaveLength(firstIsGone ? 0 : 1);
      const [id] = launch(world);
      let runsAtMs = 0;
      while (!world.done) {
        step(world);
        if (runsAtMs === 0 && instanceOf(world, id).state === 'running') {
          runsAtMs = world.nowMs;
        }
      }
      const found = workers(world).find(({ name }) => name === id);
      return [runsAtMs, found?.createdAtMs, found?.readyChangedAtMs, found?.ready];
    };
    let joined = 0;
    for (let seed = 0; seed < 30; seed++) {
      const alone = second(seed, false);
      expect(second(seed, true)).toEqual(alone);
      joined += alone[3] === true ? 1 : 0;
    }
    expect(joined).toBeGreaterThan(5);
    expect(joined).toBeLessThan(25);
  });
});

describe('taints, cordons and health', () => {
  it('our taint keeps new pods away, and leaves those that are there', () => {
    const { world } = quietWorld(2, 8);
    step(world);
    const [a, b] = workers(world);
    expect(world.taint(a.name, 'drain-7', a.resourceVersion)).toBe('ok');
    expect(workers(world)[0].taintIntentId).toBe('drain-7');
    world.evict(b.name, 0);
    step(world, 3);
    expect(podsOn(world, a.name).active).toBe(4);
    expect(world.untaint(a.name)).toBe(true);
    expect(workers(world)[0].taintIntentId).toBeNull();
  });

  it('a taint needs the version of the node that was read', () => {
    const { world } = quietWorld(1, 1);
    const [before] = workers(world);
    world.cordon(before.name, true);
    expect(world.taint(before.name, 'x', before.resourceVersion)).toBe('conflict');
    const [after] = workers(world);
    expect(after.resourceVersion).not.toBe(before.resourceVersion);
    expect(world.taint(before.name, 'x', after.resourceVersion)).toBe('ok');
    expect(world.taint('i-none', 'x', '1')).toBe('not-found');
  });

  it('taking our taint off does not lift a person’s cordon, and the reverse', () => {
    const { world } = quietWorld(1, 7);
    const [{ name, resourceVersion }] = workers(world);
    world.taint(name, 'x', resourceVersion);
    world.cordon(name, true);
    world.untaint(name);
    expect(workers(world)[0]).toMatchObject({ cordoned: true, taintIntentId: null });
    world.evict(name, 0);
    step(world, 5);
    expect(world.unschedulableTotal).toBe(1);
    world.taint(name, 'y', workers(world)[0].resourceVersion);
    world.cordon(name, false);
    step(world);
    expect(world.unschedulableTotal).toBe(1);
    world.untaint(name);
    step(world);
    expect(world.unschedulableTotal).toBe(0);
  });

  it('a node that is not Ready takes no pods and is not Ready to whoever lists it', () => {
    const { world } = quietWorld(1, 7);
    step(world);
    const [{ name }] = workers(world);
    world.setHealth(name, false, true, world.nowMs);
    expect(workers(world)[0]).toMatchObject({ ready: false, readyChangedAtMs: world.nowMs });
    expect(instanceOf(world, name).statusCheckFailed).toBe(true);
    world.evict(name, 0);
    step(world, 5);
    expect(world.unschedulableTotal).toBe(1);
    world.setHealth(name, true, false, world.nowMs);
    step(world);
    expect(world.unschedulableTotal).toBe(0);
    expect(workers(world)[0].ready).toBe(true);
    expect(instanceOf(world, name).statusCheckFailed).toBe(false);
  });

  it('deleting the node of a machine that runs takes its pods with it', () => {
    const { world } = quietWorld(2, 8);
    step(world);
    const [a, b] = workers(world).map(({ name }) => name);
    world.deleteNode(a);
    expect([world.readyNodes, world.runningTotal[0], world.disruptions]).toEqual([1, 4, 4]);
    step(world, 5);
    // The agent does not come back by itself: nothing is bound to a node that nobody can see.
    expect(podsOn(world, b).active).toBe(7);
    expect(world.unschedulableTotal).toBe(1);
    expect(instanceOf(world, a).state).toBe('running');
    expect(world.terminate(a, world.nowMs)).toBe(true);
    expect(world.disruptions).toBe(4);
  });
});

// ================================================================ pods

describe('eviction', () => {
  it('is allowed while more pods run than replicas − ceil(maxUnavailable), and not one further', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(100), (replicas, percent) => {
        const web = { maxUnavailablePercent: percent };
        const { world } = quietWorld(6, replicas, { settings: { workload: { web } } });
        step(world);
        let allowed = 0;
        for (const { name } of workers(world)) {
          while (world.evict(name, 0) === 'ok') {
            allowed++;
          }
        }
        expect(allowed).toBe(Math.ceil((replicas * percent) / 100));
        expect(world.runningTotal[0]).toBe(replicas - allowed);
      }),
      runs(60),
    );
  });

  it('counts pods that are down for any reason against the budget', () => {
    // 25 % of 8 is 2; one has no room.
    const { world } = quietWorld(1, 8);
    step(world);
    const [{ name }] = workers(world);
    expect(world.unschedulableTotal).toBe(1);
    expect([world.evict(name, 0), world.evict(name, 0)]).toEqual(['ok', 'blocked-by-pdb']);
  });

  it('is allowed again once replacements run, not when they are bound', () => {
    const { world, demand } = quietWorld(3, 8);
    demand.startSteps.fill(3);
    step(world);
    const [a, b] = workers(world).map(({ name }) => name);
    expect([world.evict(a, 0), world.evict(a, 0)]).toEqual(['ok', 'ok']);
    for (let n = 0; n < 3; n++) {
      expect(world.evict(b, 0)).toBe('blocked-by-pdb');
      step(world);
      expect(world.startingTotal[0]).toBe(2);
    }
    step(world);
    expect(world.evict(b, 0)).toBe('ok');
  });

  it('of a pod that does not run yet needs no budget', () => {
    const web = { maxUnavailablePercent: 0 };
    const { world, demand } = quietWorld(1, 8, { settings: { workload: { web } } });
    demand.startSteps.fill(100);
    step(world);
    const [first] = workers(world).map(({ name }) => name);
    expect(world.evict(first, 0)).toBe('blocked-by-pdb');
    const [second] = launch(world);
    stepUntilReady(world, second);
    step(world);
    expect(podsOn(world, second).active).toBe(1);
    expect(world.evict(second, 0)).toBe('ok');
  });

  it('keeps the room occupied until the grace is over', () => {
    // 7 pods fill the node: the one that replaces the evicted one needs its room.
    const { world } = quietWorld(1, 7);
    step(world);
    const [{ name }] = workers(world);
    expect(world.evict(name, 0)).toBe('ok');
    expect(podsOn(world, name)).toEqual({ active: 6, terminating: 1 });
    const seen: [number, number][] = [];
    for (let n = 0; n < 4; n++) {
      step(world);
      seen.push([podsOn(world, name).terminating, world.unschedulableTotal]);
    }
    // Evicted between two steps, so 30 s are over at the third one after that.
    expect(seen).toEqual([
      [1, 1],
      [1, 1],
      [0, 0],
      [0, 0],
    ]);
  });

  it('of the grace that the web pods have, and of 30 s for the others', () => {
    const ends = (shape: number, terminationGraceSeconds: number): number => {
      const worker = { name: 'worker', replicas: 4, usageMillicpu: 0, workingSetMib: 1 };
      const { world } = quietWorld(1, 2, {
        settings: {
          workload: {
            web: { terminationGraceSeconds, maxUnavailablePercent: 100 },
            others: [{ ...worker, requestMillicpu: 100, requestMib: 100 }],
          },
        },
      });
      step(world);
      const [{ name }] = workers(world);
      world.evict(name, shape);
      let steps = 0;
      while (podsOn(world, name, shape).terminating > 0) {
        step(world);
        steps++;
      }
      return steps;
    };
    expect([0, 15, 16, 300].map((grace) => ends(0, grace))).toEqual([2, 2, 3, 21]);
    expect([0, 300].map((grace) => ends(1, grace))).toEqual([3, 3]);
  });

  it('says what is not there', () => {
    const { world } = quietWorld(2, 1);
    step(world);
    const [a, b] = workers(world).map(({ name }) => name);
    expect(world.evict('i-none', 0)).toBe('not-found');
    expect([world.evict(a, 0), world.evict(a, 0), world.evict(b, 0)].sort()).toEqual([
      'not-found',
      'not-found',
      'ok',
    ]);
  });

  it('sends its pods elsewhere in the next step, and they run after their start', () => {
    const { world, demand } = quietWorld(2, 4);
    demand.startSteps.fill(2);
    step(world);
    const [a, b] = workers(world);
    world.taint(a.name, 'x', a.resourceVersion);
    world.evict(a.name, 0);
    const seen: number[] = [];
    for (let n = 0; n < 4; n++) {
      step(world);
      expect(podsOn(world, b.name).active).toBe(3);
      seen.push(world.runningTotal[0]);
    }
    expect(seen).toEqual([3, 3, 4, 4]);
    // Placed in the first step in which it could be: it never was unschedulable.
    expect(world.waitSteps).toEqual([]);
  });
});

describe('scaling the web pods down', () => {
  /** A world of one node whose autoscaler comes down from `before` to `after` at its first sync. */
  function comingDown(before: number, after: number): World {
    const settings = { workload: { web: { hpa: { ...AT_ONCE, replicasMin: after } } } };
    const world = new World(scenarioOf(settings), demandOf(50, before), 1);
    world.startWith([{ zone: ZONE_A, market: 'on-demand' }]);
    return world;
  }

  it('drops those without a node first', () => {
    const world = comingDown(12, 8);
    step(world);
    const [{ name }] = workers(world);
    expect(podsOn(world, name)).toEqual({ active: 7, terminating: 0 });
    expect([world.replicas[0], world.unschedulableTotal]).toEqual([8, 1]);
    // They had not waited yet.
    expect(world.censoredPods).toBe(0);
  });

  it('then those that run', () => {
    const world = comingDown(12, 5);
    step(world);
    const [{ name }] = workers(world);
    expect(podsOn(world, name)).toEqual({ active: 5, terminating: 2 });
    expect(world.disruptions + world.evictions).toBe(0);
  });

  it('gives their room back when their grace is over', () => {
    const world = comingDown(7, 5);
    const ending: number[] = [];
    for (let n = 0; n < 4; n++) {
      step(world);
      ending.push(podsOn(world, workers(world)[0].name).terminating);
    }
    // Ended in the first step, 30 s later gone.
    expect(ending).toEqual([2, 2, 0, 0]);
  });

  it('ends those that do not run yet before those that do', () => {
    const { world, demand } = quietWorld(2, 7, {
      rates: [400],
      settings: { workload: { timeoutSeconds: 0.1, web: { hpa: { ...AT_ONCE, replicasMin: 5 } } } },
    });
    // Traffic for 14 pods at once, of which the 7 new ones take long to start; then none.
    demand.startSteps.fill(10);
    step(world, 2);
    expect([world.runningTotal[0], world.startingTotal[0]]).toEqual([7, 7]);
    step(world);
    expect(world.replicas[0]).toBe(5);
    expect([world.runningTotal[0], world.startingTotal[0]]).toEqual([5, 0]);
  });

  it('leaves the running ones alone while ending those that do not is enough', () => {
    const { world, demand } = quietWorld(2, 7, {
      rates: [400],
      settings: { workload: { web: { hpa: { ...AT_ONCE, replicasMin: 9 } } } },
    });
    demand.startSteps.fill(10);
    step(world, 2);
    expect([world.runningTotal[0], world.startingTotal[0]]).toEqual([7, 7]);
    step(world);
    expect(world.replicas[0]).toBe(9);
    expect([world.runningTotal[0], world.startingTotal[0]]).toEqual([7, 2]);
    // Those that are left start when they would have.
    step(world, 10);
    expect([world.runningTotal[0], world.startingTotal[0]]).toEqual([9, 0]);
  });

  it('takes running ones from the node with most of them', () => {
    const { world } = quietWorld(3, 12, {
      // 70 % of what 12 pods request.
      rates: Array.from({ length: 7 }, () => 175),
      settings: {
        workload: { web: { maxUnavailablePercent: 100, hpa: { ...AT_ONCE, replicasMin: 6 } } },
      },
    });
    // Uneven at first: 1 on the first node, then 4 and 7.
    step(world);
    const names = workers(world).map(({ name }) => name);
    const [a, b, c] = names;
    world.cordon(a, true);
    world.cordon(b, true);
    for (let n = 0; n < 3; n++) {
      expect(world.evict(a, 0)).toBe('ok');
    }
    step(world, 6);
    world.cordon(a, false);
    world.cordon(b, false);
    expect(names.map((name) => podsOn(world, name).active)).toEqual([1, 4, 7]);
    step(world, 2);
    expect(world.replicas[0]).toBe(6);
    const left = names.map((name) => podsOn(world, name).active);
    expect([left[0], [left[1], left[2]].sort()]).toEqual([1, [2, 3]]);
    expect(podsOn(world, c).terminating).toBeGreaterThanOrEqual(4);
  });

  it('counts a pod that it drops after it waited in vain as censored, and no other', () => {
    const { world, demand } = quietWorld(1, 7, {
      settings: { workload: { web: { hpa: { ...AT_ONCE, replicasMin: 7 } } } },
    });
    demand.requestsPerSecond.fill(160, 0, 4);
    step(world, 4);
    const waiting = world.unschedulableTotal;
    expect(waiting).toBeGreaterThan(0);
    expect(world.stillWaiting()).toBeGreaterThan(0);
    step(world, 2);
    expect([world.unschedulableTotal, world.censoredPods]).toEqual([0, waiting]);
    expect(world.stillWaiting()).toBe(0);
  });
});

describe('waiting for room', () => {
  it('is counted in steps from the first try to running, of pods that found none', () => {
    const { world, demand } = quietWorld(1, 9);
    demand.startSteps.fill(2);
    step(world);
    expect(world.unschedulableTotal).toBe(2);
    const [id] = launch(world);
    stepUntilReady(world, id);
    const readyAtStep = world.stepIndex - 1;
    expect(world.unschedulableTotal).toBe(0);
    // First tried in step 0, bound in the step in which the node was Ready, running 2 steps later.
    expect(world.waitSteps.map((count, steps) => [steps, count]).filter(Boolean)).toEqual([
      [readyAtStep + 2, 2],
    ]);
    expect([world.startingTotal[0], world.runningTotal[0]]).toEqual([2, 7]);
    step(world, 2);
    expect([world.startingTotal[0], world.runningTotal[0]]).toEqual([0, 9]);
  });

  it('is listed by shape, and does not count those that merely start', () => {
    const { world, demand } = quietWorld(1, 5, {
      settings: {
        workload: {
          others: [
            {
              name: 'big',
              requestMillicpu: 1931,
              requestMib: 1,
              usageMillicpu: 0,
              workingSetMib: 1,
            },
          ],
        },
      },
    });
    demand.startSteps.fill(20);
    step(world);
    const [{ name }] = workers(world);
    world.evict(name, 0);
    step(world);
    expect(world.startingTotal[0]).toBe(1);
    expect(world.listPods().unschedulable).toEqual([0, 1]);
    expect(world.unschedulableTotal).toBe(1);
  });
});

// ================================================================ traffic

describe('traffic', () => {
  /** One node of 7 pods: 1,930 millicpu for requests, 160.83 of them a second. */
  const oneNode = (rates: readonly number[]): World => {
    const { world, demand } = quietWorld(1, 7, {
      settings: {
        workload: { ...NOBODY_RETRIES, web: { hpa: { replicasMin: 7, metricsLagSeconds: 600 } } },
      },
    });
    rates.forEach((rate, k) => (demand.requestsPerSecond[k] = rate));
    return world;
  };
  const CAPACITY = 1930 / 12;

  it('is served at 12 CPU-ms a request', () => {
    const world = oneNode([100]);
    step(world);
    expect(world.usageMillicpu).toBeCloseTo(1200, 9);
    expect(world.arrivedRequests).toBe(1500);
    expect([world.backlogRequests, world.lostRequests, world.lateRequests]).toEqual([0, 0, 0]);
  });

  it('is served up to the last millicpu of a node, and no further', () => {
    for (const [wanted, used] of [
      [1929.5, 1929.5],
      [1930.5, 1930],
    ]) {
      const world = oneNode([wanted / 12]);
      step(world);
      expect(world.usageMillicpu).toBeCloseTo(used, 9);
    }
  });

  it('beyond what the nodes can do waits, and is served late', () => {
    const world = oneNode([200, 200, 0]);
    step(world);
    expect(world.usageMillicpu).toBe(1930);
    expect(world.backlogRequests).toBeCloseTo(15 * (200 - CAPACITY), 6);
    expect([world.lostRequests, world.lateRequests]).toEqual([0, 0]);
    step(world);
    expect(world.backlogRequests).toBeCloseTo(30 * (200 - CAPACITY), 6);
    expect(world.lateRequests).toBeCloseTo(15 * (200 - CAPACITY), 6);
    expect(world.lostRequests).toBe(0);
    step(world);
    expect(world.backlogRequests).toBe(0);
    expect(world.lateRequests).toBeCloseTo(30 * (200 - CAPACITY), 6);
  });

  it('that would wait longer than the timeout of 10 s is lost', () => {
    const world = oneNode([400]);
    step(world);
    expect(world.backlogRequests).toBeCloseTo(10 * CAPACITY, 6);
    expect(world.lostRequests).toBeCloseTo(15 * (400 - CAPACITY) - 10 * CAPACITY, 6);
    expect(world.latencyP95Ms).toBe(10_000);
  });

  it('is lost at once where nothing runs', () => {
    const { world, demand } = quietWorld(0, 4, { settings: { workload: NOBODY_RETRIES } });
    demand.requestsPerSecond.fill(50);
    step(world);
    expect([world.lostRequests, world.backlogRequests, world.usageMillicpu]).toEqual([750, 0, 0]);
    expect(world.latencyP95Ms).toBe(10_000);
  });

  it('is split equally over the pods, and a hot node serves no more than it can', () => {
    const { world, demand } = quietWorld(2, 9, {
      settings: { workload: { web: { hpa: { metricsLagSeconds: 600 } } } },
    });
    step(world);
    const [a, b] = workers(world).map(({ name }) => name);
    world.cordon(a, true);
    world.evict(a, 0);
    world.evict(a, 0);
    step(world, 4);
    expect([podsOn(world, a).active, podsOn(world, b).active]).toEqual([3, 6]);
    // 350 millicpu a pod: 1,050 on one node; 2,100 on the other, which has 1,930.
    demand.requestsPerSecond[world.stepIndex] = (9 * 350) / 12;
    step(world);
    expect(world.usageMillicpu).toBeCloseTo(1050 + 1930, 6);
    expect(world.backlogRequests).toBeCloseTo((15 * (2100 - 1930)) / 12, 6);
  });

  it('shares a node with what the others on it use', () => {
    const { world, demand } = quietWorld(1, 2, {
      settings: {
        workload: {
          web: { hpa: { metricsLagSeconds: 600 } },
          others: [
            {
              name: 'report',
              requestMillicpu: 100,
              requestMib: 9,
              usageMillicpu: 1500,
              workingSetMib: 9,
            },
          ],
        },
      },
    });
    demand.requestsPerSecond[0] = 100;
    step(world);
    expect(world.usageMillicpu).toBe(2000 - 70 - 1500);
  });

  it('is answered more slowly the more there is of it', () => {
    const latencies = [0, 50, 100, 140, 155, 180, 200].map((rate) => {
      const world = oneNode([rate]);
      step(world);
      return world.latencyP95Ms;
    });
    expect(latencies[0]).toBeCloseTo(80 / (1 - 70 / 2000), 9);
    expect(latencies[2]).toBeCloseTo(80 / (1 - 1270 / 2000), 9);
    expect(latencies).toEqual([...new Set(latencies)].sort((a, b) => a - b));
    expect(latencies[6]).toBeLessThan(10_000);
  });

  it('arrives, is served, is lost or waits: over a whole run to the request', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 900 }), { minLength: 10, maxLength: 60 }),
        fc.integer({ min: 1, max: 4 }),
        (rates, nodes) => {
          const { world, demand } = quietWorld(nodes, 4);
          rates.forEach((rate, k) => (demand.requestsPerSecond[k] = rate));
          let arrived = 0;
          let served = 0;
          let lost = 0;
          for (const rate of rates) {
            step(world);
            expect(world.arrivedRequests).toBe(rate * 15);
            expect(world.usageMillicpu).toBeLessThanOrEqual(nodes * 1930 + 1e-9);
            arrived += world.arrivedRequests;
            served += (world.usageMillicpu * 15) / 12;
            lost += world.lostRequests + world.stayedAwayRequests;
          }
          const underWay = world.backlogRequests + world.retryingRequests;
          expect(Math.abs(arrived - served - lost - underWay)).toBeLessThan(1e-4);
        },
      ),
      runs(60),
    );
  });
});

describe('what Prometheus sees', () => {
  it('of idle nodes is what the system uses, whether they are old or have just joined', () => {
    const { world } = quietWorld(1, 1);
    step(world, 3);
    const [id] = launch(world, 3);
    stepUntilReady(world, id);
    for (let n = 0; n < 40; n++) {
      step(world);
      expect(cpuPercent(world)).toBeCloseTo((100 * 70) / 2000, 6);
    }
    expect(workers(world)).toHaveLength(4);
  });

  it('of nodes that do all they can is 100 %', () => {
    const { world, demand } = quietWorld(2, 10);
    demand.requestsPerSecond.fill(5_000);
    step(world, 22);
    expect(cpuPercent(world)).toBeCloseTo(100, 9);
  });

  it('of CPU follows from the requests', () => {
    const { world, demand } = quietWorld(2, 10);
    demand.requestsPerSecond.fill(100);
    step(world, 22);
    expect(cpuPercent(world)).toBeCloseTo((100 * (1200 + 2 * 70)) / 4000, 9);
  });

  it('of memory is the system’s and the pods’ working sets, of what is there', () => {
    const { world } = quietWorld(2, 10);
    step(world);
    const percent = (): number => valueOf(world.prometheus.query(world.nowMs).memoryPercent);
    expect(percent()).toBeCloseTo((100 * (2 * 700 + 10 * 300)) / (2 * 4096), 9);
    const [{ name }] = workers(world);
    world.terminate(name, world.nowMs);
    step(world, 3);
    expect(percent()).toBeCloseTo((100 * (700 + 7 * 300)) / 4096, 9);
  });

  it('of requests, latency and unschedulable pods is as of the step before', () => {
    const { world, demand } = quietWorld(1, 9);
    demand.requestsPerSecond.set([50, 60]);
    step(world);
    const latency = world.latencyP95Ms;
    step(world);
    const { requestsPerSecond, apiLatencyP95Ms, unschedulablePods } = world.prometheus.query(
      world.nowMs,
    );
    expect([requestsPerSecond, apiLatencyP95Ms, unschedulablePods].map(valueOf)).toEqual([
      50,
      latency,
      2,
    ]);
  });
});

describe('pods in phase Pending', () => {
  it('are those without a node and those that start on one; running ones are not', () => {
    const { world, demand } = quietWorld(1, 9);
    demand.startSteps.fill(3);
    const pending = (): number =>
      valueOf(world.prometheus.query(world.nowMs, [PENDING_AS_WRITTEN]).custom[0].reading);
    const unschedulable = (): number =>
      valueOf(world.prometheus.query(world.nowMs).unschedulablePods);
    step(world, 2);
    // 7 of the 9 fit.
    expect([pending(), unschedulable()]).toEqual([2, 2]);
    launch(world);
    const seen: number[][] = [];
    for (let n = 0; n < 20; n++) {
      step(world);
      seen.push([pending(), unschedulable()]);
    }
    // While they pull their image they have a node and are Pending still.
    expect(seen).toContainEqual([2, 0]);
    expect(seen.at(-1)).toEqual([0, 0]);
  });
});

describe('the bill', () => {
  it('has a line for each instance: nodes of before from the first step on, others from their request to their end', () => {
    const { world } = quietWorld(2, 1);
    const [a, b] = workers(world).map(({ name }) => name);
    step(world, 10);
    const [c] = launch(world, 1, { nowMs: world.nowMs + 1_234 });
    world.launch(
      { clientToken: 's', zone: ZONE_B, market: 'spot', count: 1, birthEpoch: 1 },
      world.nowMs + 2_000,
    );
    step(world, 100);
    world.terminate(c, world.nowMs + 77);
    world.terminate(a, world.nowMs + 99);
    expect(world.bills()).toEqual(
      [
        {
          market: 'on-demand',
          launchedAtMs: START_AT_MS + 9 * STEP_MS + 1_234,
          endedAtMs: world.nowMs + 77,
        },
        { market: 'on-demand', launchedAtMs: START_AT_MS, endedAtMs: world.nowMs + 99 },
        { market: 'on-demand', launchedAtMs: START_AT_MS, endedAtMs: null },
        { market: 'spot', launchedAtMs: START_AT_MS + 9 * STEP_MS + 2_000, endedAtMs: null },
      ].map((bill) => ({ ...bill, surplusCpuMs: 0, costRatio: 1 })),
    );
    expect(world.aliveInstances().map(({ id }) => id)).toContain(b);
  });

  it('keeps what EC2 no longer lists', () => {
    const { world } = quietWorld(1, 1);
    const [c] = launch(world);
    world.terminate(c, START_AT_MS + 5_000);
    step(world, 300);
    expect(world.describe([c])).toEqual([]);
    expect(world.bills()[0]).toEqual({
      market: 'on-demand',
      launchedAtMs: START_AT_MS,
      endedAtMs: START_AT_MS + 5_000,
      surplusCpuMs: 0,
      costRatio: 1,
    });
  });
});

describe('CPU credits', () => {
  const standard = { cluster: { worker: { credits: { mode: 'standard' } } } };
  /** Surplus that each instance would be billed, in credits. */
  const surplus = (world: World): number[] =>
    world.bills().map(({ surplusCpuMs }) => surplusCpuMs / CPU_MS_PER_CREDIT);
  /** CPU that web pods get in the next step, millicpu. */
  const webMillicpu = (world: World): number => {
    step(world);
    return (world.servedRequests * world.scenario.workload.cpuMsPerRequest) / (STEP_MS / 1000);
  };

  it('none, in standard mode: a node serves what its baseline leaves beside the system', () => {
    const { world } = quietWorld(1, 7, { settings: standard, rates: [500, 500] });
    // 400 m less 70 m.
    expect(webMillicpu(world)).toBeCloseTo(330, 9);
    expect(webMillicpu(world)).toBeCloseTo(330, 9);
  });

  it('none, in standard mode: the node reads 100 % busy, and its pods as using all of it', () => {
    const { world, demand } = quietWorld(1, 10, { settings: standard });
    demand.requestsPerSecond.fill(60);
    step(world, 22);
    expect(cpuPercent(world)).toBeCloseTo(100, 9);
    expect(world.usageMillicpu).toBe(2000 - 70);
    expect(world.latencyP95Ms).toBe(10_000);
  });

  it('in standard mode and below the baseline nothing is held back', () => {
    const { world, demand } = quietWorld(1, 10, { settings: standard });
    demand.requestsPerSecond.fill(25);
    step(world, 22);
    expect(cpuPercent(world)).toBeCloseTo((100 * (300 + 70)) / 2000, 9);
    expect(world.usageMillicpu).toBeCloseTo(300, 9);
    expect(world.lostRequests + world.backlogRequests).toBe(0);
  });

  it('saved in a quiet hour carry a standard node through 15 minutes of all its CPU', () => {
    const { world, demand } = quietWorld(1, 7, { settings: standard });
    // 400 m less 70 m are saved, 19.8 credits in the hour.
    demand.requestsPerSecond.fill(5_000, 240);
    step(world, 240);
    const bursts = [];
    for (let n = 0; n < 60; n++) {
      bursts.push(Math.round(webMillicpu(world)));
    }
    // 19.8 credits at 1,600 m above the baseline: 49.5 steps.
    expect(bursts.slice(0, 49).every((millicpu) => millicpu === 1930)).toBe(true);
    expect(bursts[49]).toBeGreaterThan(330);
    expect(bursts[49]).toBeLessThan(1930);
    expect(bursts.slice(50).every((millicpu) => millicpu === 330)).toBe(true);
  });

  it('in unlimited mode a node goes on, and owes what it burns above its baseline', () => {
    const { world, demand } = quietWorld(2, 7);
    demand.requestsPerSecond.fill(5_000);
    step(world, 239);
    expect(webMillicpu(world)).toBeCloseTo(2 * 1930, 6);
    expect(surplus(world)).toEqual([96, 96]);
  });

  it('are counted of every node, however many there are', () => {
    const { world, demand } = quietWorld(40, 280, { settings: standard });
    demand.requestsPerSecond.fill(50_000);
    expect(webMillicpu(world)).toBeCloseTo(40 * 330, 6);
    expect(surplus(world)).toEqual(new Array<number>(40).fill(0));
  });

  it('are settled when the instance is terminated, and not again', () => {
    const { world, demand } = quietWorld(2, 7);
    demand.requestsPerSecond.fill(5_000, 0, 240);
    // Ten steps more, in which what is queued is served.
    step(world, 250);
    const [first, second] = surplus(world);
    world.terminate(workers(world)[0].name, world.nowMs);
    step(world, 600);
    // The other one has 400 m less 70 m left over, 19.8 credits an hour, for 2½ hours.
    expect(surplus(world)).toEqual([first, expect.closeTo(second - 2.5 * 19.8, 6)]);
    expect(first).toBeGreaterThan(90);
  });

  it('belong to the instance: one that joins later owes nothing of those before', () => {
    const { world, demand } = quietWorld(1, 7);
    demand.requestsPerSecond.fill(5_000);
    step(world, 240);
    const [{ name }] = workers(world);
    world.terminate(name, world.nowMs);
    world.deleteNode(name);
    demand.requestsPerSecond.fill(0);
    step(world, 300);
    const [later] = launch(world);
    stepUntilReady(world, later);
    step(world, 100);
    expect(surplus(world)).toEqual([96, 0]);
  });

  it('none are counted of a machine that needs none', () => {
    const settings = { cluster: { worker: { credits: { mode: 'none' } } } };
    const { world, demand } = quietWorld(2, 7, { settings });
    demand.requestsPerSecond.fill(5_000);
    step(world, 239);
    expect(webMillicpu(world)).toBeCloseTo(2 * 1930, 6);
    expect(surplus(world)).toEqual([0, 0]);
  });
});

describe('nodes of before the first step', () => {
  it('are Ready, have run for an hour, and hold what the traffic needs', () => {
    const { world } = quietWorld(2, 9);
    expect(world.readyNodes).toBe(2);
    for (const { id, launchedAtMs, state } of world.listInstances(START_AT_MS)) {
      expect([launchedAtMs, state]).toEqual([START_AT_MS - HOUR_MS, 'running']);
      expect(workers(world).find(({ name }) => name === id)).toMatchObject({
        ready: true,
        readyChangedAtMs: START_AT_MS - HOUR_MS + 75_000,
      });
    }
    expect([world.runningTotal[0], world.startingTotal[0]]).toEqual([9, 0]);
    expect(
      world
        .listPods()
        .perNode.map(({ counts }) => counts[0])
        .sort(),
    ).toEqual([4, 5]);
  });

  it('give room to the others first, and to the web pods what is left', () => {
    const { world } = quietWorld(1, 9, {
      settings: {
        workload: {
          others: [
            {
              name: 'postgres',
              kind: 'statefulset',
              requestMillicpu: 500,
              requestMib: 500,
              usageMillicpu: 0,
              workingSetMib: 1,
            },
          ],
        },
      },
    });
    const [{ name }] = workers(world);
    expect(podsOn(world, name, 1).active).toBe(1);
    // 1,430 m are left.
    expect(podsOn(world, name, 0).active).toBe(5);
    step(world);
    expect(world.listPods().unschedulable).toEqual([4, 0]);
    // They were there from the start, so they have not waited yet.
    expect(world.stillWaiting()).toBe(0);
  });
});
