import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DoomedMark, Market } from '../../engine/index.ts';
import { NOTICE_MS, SpotMarket, type MarketWorld } from '../../simulator/market.ts';
import { runs } from '../properties/arbitraries.ts';
import { HOUR_MS, scenarioOf, START_AT_MS, ZONE_A, ZONE_B } from './build.ts';

const MINUTE_MS = 60_000;
const MONTH_MS = 720 * HOUR_MS;

interface Machine {
  readonly id: string;
  readonly zone: string;
  readonly market: Market;
}

const machines = (zone: string, market: Market, count: number): Machine[] =>
  Array.from({ length: count }, (_, n) => ({ id: `${zone}-${market}-${String(n)}`, zone, market }));

/** A fleet that is as large after each loss as before it, and what the market does to it. */
class Fleet implements MarketWorld {
  readonly machines: readonly Machine[];
  readonly taken: { readonly id: string; readonly atMs: number }[] = [];
  readonly power: { readonly id: string; readonly on: boolean; readonly atMs: number }[] = [];

  constructor(all: readonly Machine[]) {
    this.machines = all;
  }

  aliveInstances(): readonly Machine[] {
    return this.machines;
  }

  reclaim(id: string, atMs: number): void {
    this.taken.push({ id, atMs });
  }

  setPower(id: string, on: boolean, atMs: number): void {
    this.power.push({ id, on, atMs });
  }
}

const marketOf = (settings: object, seed = 1, lengthMs = MONTH_MS): SpotMarket =>
  new SpotMarket(
    scenarioOf({ market: { reclaimPercentPerMonth: 0, ...settings } }),
    seed,
    START_AT_MS,
    START_AT_MS + lengthMs,
  );

/** Lets a market act on a fleet, each happening at its own instant, and gathers what it announces. */
function passAll(market: SpotMarket, fleet: Fleet, untilMs = Infinity): readonly DoomedMark[] {
  const announced: DoomedMark[] = [];
  while (market.nextAtMs < untilMs) {
    market.pass(fleet, market.nextAtMs);
    announced.push(...market.announced);
    market.announced = [];
  }
  return announced;
}

/** Instants of the run, every five minutes, at which a pool refuses a launch. */
const refusedAt = (market: SpotMarket, zone: string, pool: Market, toMs = MONTH_MS): number[] =>
  Array.from({ length: toMs / (5 * MINUTE_MS) }, (_, n) => n * 5 * MINUTE_MS).filter(
    (ms) =>
      market.refusal({ zone, market: pool, count: 1 }, new Fleet([]), START_AT_MS + ms) ===
      'insufficient-capacity',
  );

const at = (minute: number): string => new Date(START_AT_MS + minute * MINUTE_MS).toISOString();

describe('reclaims that are drawn', () => {
  it.each([1, 3, 20])(
    'take each of %i instances of a pool so often a month as the scenario says',
    (size) => {
      let taken = 0;
      const months = 120;
      for (let seed = 0; seed < months; seed++) {
        const fleet = new Fleet([
          ...machines(ZONE_A, 'spot', size),
          ...machines(ZONE_B, 'spot', 1),
        ]);
        passAll(marketOf({ reclaimPercentPerMonth: 400 }, seed), fleet);
        taken += fleet.taken.filter(({ id }) => id.startsWith(ZONE_A)).length;
      }
      expect(Math.abs(taken / months / size - 4)).toBeLessThan(0.5);
    },
  );

  it('take spot instances only, of one zone at a time, anything from none to all of them', () => {
    const fleet = new Fleet([
      ...machines(ZONE_A, 'spot', 4),
      ...machines(ZONE_A, 'on-demand', 4),
      ...machines(ZONE_B, 'spot', 4),
    ]);
    passAll(marketOf({ reclaimPercentPerMonth: 5_000 }), fleet);
    const at = new Map<number, string[]>();
    for (const { id, atMs } of fleet.taken) {
      at.set(atMs, [...(at.get(atMs) ?? []), id]);
    }
    const sizes = new Set<number>();
    for (const ids of at.values()) {
      expect(ids.every((id) => id.includes('-spot-'))).toBe(true);
      expect(new Set(ids.map((id) => id.slice(0, ZONE_A.length))).size).toBe(1);
      expect(new Set(ids).size).toBe(ids.length);
      sizes.add(ids.length);
    }
    expect([...sizes].sort()).toEqual([1, 2, 3, 4]);
  });

  it('come two minutes after their notice, or without one, as often as the scenario says', () => {
    const fleet = new Fleet(machines(ZONE_A, 'spot', 6));
    const market = marketOf({ reclaimPercentPerMonth: 8_000, noticePercent: 70, hintPercent: 0 });
    const notices = passAll(market, fleet).map(({ instanceId, cause, markedAtMs }) => {
      expect(cause).toBe('reclaim');
      return `${instanceId} ${String(markedAtMs + NOTICE_MS)}`;
    });
    const taken = fleet.taken.map(({ id, atMs }) => `${id} ${String(atMs)}`);
    expect(notices.every((each) => taken.includes(each))).toBe(true);
    expect(Math.abs(notices.length / taken.length - 0.7)).toBeLessThan(0.15);
  });

  it('are hinted at 2 to 20 minutes before their notice, to those whom it then reaches', () => {
    const fleet = new Fleet(machines(ZONE_A, 'spot', 6));
    const market = marketOf({
      reclaimPercentPerMonth: 2_000,
      noticePercent: 100,
      hintPercent: 100,
    });
    const marks = passAll(market, fleet);
    const hints = marks.filter(({ cause }) => cause === 'rebalance');
    expect(hints.length).toBe(fleet.taken.length);
    expect(hints.length).toBeGreaterThan(20);
    for (const { instanceId, markedAtMs } of hints) {
      const notice = marks.find(
        (mark) =>
          mark.cause === 'reclaim' &&
          mark.instanceId === instanceId &&
          mark.markedAtMs >= markedAtMs + 2 * MINUTE_MS &&
          mark.markedAtMs < markedAtMs + 20 * MINUTE_MS,
      );
      expect(notice).toBeDefined();
    }
  });

  it('leave their pool without capacity for 10 to 90 minutes, and no other', () => {
    const market = marketOf({ reclaimPercentPerMonth: 100, noticePercent: 100, hintPercent: 0 });
    const [notice] = passAll(market, new Fleet(machines(ZONE_A, 'spot', 30)));
    expect(notice).toBeDefined();
    const open = (ms: number, zone = ZONE_A, pool: Market = 'spot'): boolean =>
      market.refusal({ zone, market: pool, count: 1 }, new Fleet([]), notice.markedAtMs + ms) ===
      null;
    expect([open(-1), open(0), open(600_000 - 1), open(90 * MINUTE_MS)]).toEqual([
      true,
      false,
      false,
      true,
    ]);
    expect([open(0, ZONE_B), open(0, ZONE_A, 'on-demand')]).toEqual([true, true]);
  });

  it('do not happen at 0 %, and nothing else does', () => {
    const market = marketOf({});
    expect(market.nextAtMs).toBe(Infinity);
    for (const zone of [ZONE_A, ZONE_B]) {
      expect(refusedAt(market, zone, 'spot')).toEqual([]);
      expect(refusedAt(market, zone, 'on-demand')).toEqual([]);
    }
    expect(market.spotCostRatio(0, START_AT_MS, START_AT_MS + 5 * HOUR_MS, false)).toBe(1);
  });
});

describe('two policies', () => {
  const settings = { reclaimPercentPerMonth: 3_000, priceSwingPercent: 40 };

  it('meet the same reclaims and shortages, whatever they run', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.integer({ min: 1, max: 9 }), (seed, size) => {
        const [one, two] = [marketOf(settings, seed), marketOf(settings, seed)];
        const [few, many] = [
          new Fleet(machines(ZONE_A, 'spot', 10)),
          new Fleet([...machines(ZONE_A, 'spot', 10), ...machines(ZONE_B, 'spot', size)]),
        ];
        const [all, more] = [passAll(one, few), passAll(two, many)];
        const inA = <T>(list: readonly T[], idOf: (each: T) => string): T[] =>
          list.filter((each) => idOf(each).startsWith(ZONE_A));
        expect(inA(more, ({ instanceId }) => instanceId)).toEqual(all);
        expect(inA(many.taken, ({ id }) => id)).toEqual(few.taken);
        for (const zone of [ZONE_A, ZONE_B]) {
          expect(refusedAt(one, zone, 'spot')).toEqual(refusedAt(two, zone, 'spot'));
        }
      }),
      runs(10),
    );
  });

  it('meet the same prices, and others with another seed', () => {
    const hour = (market: SpotMarket, n: number): number =>
      market.spotCostRatio(1, START_AT_MS + n * HOUR_MS, START_AT_MS + (n + 1) * HOUR_MS, false);
    const path = (seed: number): number[] => {
      const market = marketOf(settings, seed);
      return Array.from({ length: 720 }, (_, n) => hour(market, n));
    };
    expect(path(1)).toEqual(path(1));
    expect(path(2)).not.toEqual(path(1));
  });
});

describe('spot prices', () => {
  const market = marketOf({ priceSwingPercent: 40 });
  const hour = (zoneIndex: number, n: number): number =>
    market.spotCostRatio(
      zoneIndex,
      START_AT_MS + n * HOUR_MS,
      START_AT_MS + (n + 1) * HOUR_MS,
      false,
    );
  const paths = [0, 1].map((zone) => Array.from({ length: 720 }, (_, n) => hour(zone, n)));

  it('move slowly, each zone’s by itself, never further than their swing', () => {
    for (const path of paths) {
      expect(Math.min(...path)).toBeGreaterThanOrEqual(0.6);
      expect(Math.max(...path)).toBeLessThanOrEqual(1.4);
      expect(Math.max(...path) - Math.min(...path)).toBeGreaterThan(0.1);
      path.slice(1).forEach((ratio, n) => {
        expect(Math.abs(ratio - path[n])).toBeLessThan(0.4 * 0.12 + 1e-9);
      });
    }
    expect(paths[0]).not.toEqual(paths[1]);
  });

  it('never go further than their swing, in any year', () => {
    let furthest = 0;
    for (let seed = 0; seed < 20; seed++) {
      const long = marketOf({ priceSwingPercent: 40 }, seed, 12 * MONTH_MS);
      for (let n = 0; n < 12 * 720; n++) {
        const from = START_AT_MS + n * HOUR_MS;
        const away = Math.abs(long.spotCostRatio(0, from, from + HOUR_MS, false) - 1);
        furthest = away > furthest ? away : furthest;
      }
    }
    expect(furthest).toBeCloseTo(0.4, 12);
  });

  it('are paid as they were while the instance ran', () => {
    // Half an hour of the first, all of the second, a quarter of the third.
    const from = START_AT_MS + 30 * MINUTE_MS;
    const to = START_AT_MS + 135 * MINUTE_MS;
    const [a, b, c] = paths[0];
    expect(market.spotCostRatio(0, from, to, false)).toBeCloseTo(
      (30 * a + 60 * b + 15 * c) / 105,
      12,
    );
  });

  it('are paid from the run’s first step on, by those that ran before', () => {
    const ratio = market.spotCostRatio(0, START_AT_MS - HOUR_MS, START_AT_MS + HOUR_MS, false);
    expect(ratio).toBeCloseTo(paths[0][0], 12);
  });

  it('stay at the book’s while they have no swing', () => {
    expect(marketOf({}).spotCostRatio(0, START_AT_MS, START_AT_MS + 9 * HOUR_MS, false)).toBe(1);
  });
});

describe('the first hour of a spot instance', () => {
  const market = marketOf({});
  it.each<[string, number, boolean, number]>([
    ['is free when AWS ends it', HOUR_MS - 1, true, 0],
    ['is paid when AWS ends the instance later', HOUR_MS, true, 1],
    ['is paid when the instance is terminated by its owner', HOUR_MS - 1, false, 1],
  ])('%s', (_, ranMs, takenByAws, ratio) => {
    expect(market.spotCostRatio(0, START_AT_MS, START_AT_MS + ranMs, takenByAws)).toBe(ratio);
  });

  it('begins with the launch, also before the run', () => {
    const launchedAtMs = START_AT_MS - HOUR_MS;
    expect(market.spotCostRatio(0, launchedAtMs, START_AT_MS + MINUTE_MS, true)).toBe(1);
  });
});

describe('events of a scenario', () => {
  const zones = [ZONE_A, ZONE_B];
  const fleetOf = (): Fleet =>
    new Fleet(
      zones.flatMap((zone) => [...machines(zone, 'spot', 2), ...machines(zone, 'on-demand', 1)]),
    );
  const event = { at: at(60), until: at(90) };

  it('reclaim takes the whole spot pool at its instant, two minutes after the notice', () => {
    const fleet = fleetOf();
    const events = [{ kind: 'reclaim', zone: ZONE_B, ...event }];
    const marks = passAll(marketOf({ events, noticePercent: 100 }), fleet);
    const ids = machines(ZONE_B, 'spot', 2).map(({ id }) => id);
    expect(marks).toEqual(
      ids.map((instanceId) => ({
        instanceId,
        cause: 'reclaim',
        markedAtMs: START_AT_MS + 58 * MINUTE_MS,
      })),
    );
    expect(fleet.taken).toEqual(ids.map((id) => ({ id, atMs: START_AT_MS + 60 * MINUTE_MS })));
  });

  it('reclaim comes without a word where no notice is sent', () => {
    const fleet = fleetOf();
    const events = [{ kind: 'reclaim', ...event }];
    expect(passAll(marketOf({ events, noticePercent: 0 }), fleet)).toEqual([]);
    expect(fleet.taken.map(({ atMs }) => atMs)).toEqual(
      new Array(4).fill(START_AT_MS + 60 * MINUTE_MS),
    );
  });

  it.each<[string, object, Record<string, [Market, number, number][]>]>([
    ['reclaim', {}, { [ZONE_A]: [['spot', 58, 90]], [ZONE_B]: [['spot', 58, 90]] }],
    ['reclaim', { zone: ZONE_A }, { [ZONE_A]: [['spot', 58, 90]] }],
    ['shortage', { zone: ZONE_A, market: 'on-demand' }, { [ZONE_A]: [['on-demand', 60, 90]] }],
    [
      'shortage',
      { zone: ZONE_B },
      {
        [ZONE_B]: [
          ['on-demand', 60, 90],
          ['spot', 60, 90],
        ],
      },
    ],
    [
      'zone-outage',
      { zone: ZONE_A },
      {
        [ZONE_A]: [
          ['on-demand', 60, 90],
          ['spot', 60, 90],
        ],
      },
    ],
  ])('%s %j: launches are refused there, up to its end', (kind, where, refused) => {
    const market = marketOf({ events: [{ kind, ...where, ...event }] });
    for (const zone of zones) {
      for (const pool of ['on-demand', 'spot'] as const) {
        const window = (refused[zone] ?? []).find(([each]) => each === pool);
        const open = (minute: number): boolean =>
          market.refusal(
            { zone, market: pool, count: 1 },
            fleetOf(),
            START_AT_MS + minute * MINUTE_MS,
          ) === null;
        if (window === undefined) {
          expect([50, 58, 60, 75, 90].every(open), `${zone} ${pool}`).toBe(true);
          continue;
        }
        const [, from, to] = window;
        expect([from - 0.01, from, to - 0.01, to].map(open)).toEqual([true, false, false, true]);
      }
    }
  });

  it('zone-outage takes the power from every machine there, and gives it back', () => {
    const fleet = fleetOf();
    passAll(marketOf({ events: [{ kind: 'zone-outage', zone: ZONE_B, ...event }] }), fleet);
    const ids = fleet.machines.filter(({ zone }) => zone === ZONE_B).map(({ id }) => id);
    expect(fleet.power).toEqual([
      ...ids.map((id) => ({ id, on: false, atMs: START_AT_MS + 60 * MINUTE_MS })),
      ...ids.map((id) => ({ id, on: true, atMs: START_AT_MS + 90 * MINUTE_MS })),
    ]);
    expect(fleet.taken).toEqual([]);
  });

  it('zone-outages that overlap end with the last of them', () => {
    const fleet = new Fleet(machines(ZONE_A, 'on-demand', 1));
    const events = [
      { kind: 'zone-outage', zone: ZONE_A, ...event },
      { kind: 'zone-outage', at: at(80), until: at(120) },
      { kind: 'zone-outage', zone: ZONE_A, at: at(120), until: at(130) },
    ];
    passAll(marketOf({ events }), fleet);
    const on = fleet.power.filter((each) => each.on);
    expect(on).toEqual([
      { id: fleet.machines[0].id, on: true, atMs: START_AT_MS + 130 * MINUTE_MS },
    ]);
  });
});

describe('the quota of vCPUs on demand', () => {
  const refusal = (settings: object, pool: Market, running: number, count: number): string | null =>
    new SpotMarket(
      scenarioOf({ market: { reclaimPercentPerMonth: 0, onDemandVcpusMax: 6 }, ...settings }),
      1,
      START_AT_MS,
      START_AT_MS + HOUR_MS,
    ).refusal(
      { zone: ZONE_A, market: pool, count },
      new Fleet([...machines(ZONE_B, 'on-demand', running), ...machines(ZONE_A, 'spot', 9)]),
      START_AT_MS,
    );

  it('refuses a request that would pass it, as a whole', () => {
    // Two vCPUs each, six allowed.
    expect(refusal({}, 'on-demand', 2, 1)).toBeNull();
    expect(refusal({}, 'on-demand', 2, 2)).toBe('quota');
    expect(refusal({}, 'on-demand', 3, 1)).toBe('quota');
  });

  it('counts whole vCPUs', () => {
    const larger = { cluster: { worker: { millicpu: 2_500 } } };
    expect(refusal(larger, 'on-demand', 1, 1)).toBeNull();
    expect(refusal(larger, 'on-demand', 2, 1)).toBe('quota');
  });

  it('is nothing to spot', () => {
    expect(refusal({}, 'spot', 9, 9)).toBeNull();
  });
});
