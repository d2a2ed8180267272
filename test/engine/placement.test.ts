import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  chooseVictims,
  holdsPinnedPod,
  PHASES,
  placeLaunches,
  podsFitElsewhere,
  type Cluster,
  type Market,
  type PinReason,
  type PoolBackoff,
  type PoolShare,
  type View,
  type Worker,
} from '../../engine/index.ts';
import {
  cluster,
  configured,
  HOUR,
  MINUTE,
  NOW,
  shape,
  view,
  WEB,
  worker,
  workers,
  ZONES,
} from './build.ts';

const settingsOf = (overrides: Readonly<Record<string, unknown>> = {}) =>
  configured('node-fleet', { nodeCountMax: 100, ...overrides }).settings;

describe('where new nodes go', () => {
  const place = (
    count: number,
    changes: Partial<View> = {},
    settings: Readonly<Record<string, unknown>> = {},
    clusterChanges: Partial<Cluster> = {},
  ): string[] => {
    const shares = placeLaunches(
      view({ workers: [], ...changes }),
      cluster(clusterChanges),
      settingsOf(settings),
      count,
    );
    return shares.map((share) => `${share.count} ${share.market}/${share.zone}`);
  };
  const total = (shares: readonly string[], market: Market): number =>
    shares
      .filter((each) => each.includes(market))
      .reduce((sum, each) => sum + Number.parseInt(each, 10), 0);

  describe('the market: an on-demand base first, then 70 % spot above it', () => {
    // Above a base of 2, spot ⌊70 %⌋: of 1 → 0, 2 → 1, 3 → 2, 4 → 2, 5 → 3, 10 → 7.
    test.each([
      { count: 1, spot: 0 },
      { count: 2, spot: 0 },
      { count: 3, spot: 0 },
      { count: 4, spot: 1 },
      { count: 5, spot: 2 },
      { count: 6, spot: 2 },
      { count: 7, spot: 3 },
      { count: 12, spot: 7 },
    ])('of $count nodes from nothing, $spot are spot', ({ count, spot }) => {
      const shares = place(count);
      expect(total(shares, 'spot')).toBe(spot);
      expect(total(shares, 'on-demand')).toBe(count - spot);
    });

    test('one by one gives the same mix as all at once', () => {
      let fleet: Worker[] = [];
      for (let n = 0; n < 12; n++) {
        const [share] = placeLaunches(view({ workers: fleet }), cluster(), settingsOf(), 1);
        fleet = [...fleet, worker(`i-${n}`, share!)];
      }
      expect(fleet.filter(({ market }) => market === 'spot')).toHaveLength(7);
    });

    test.each([
      { spotPercent: 0, onDemandBase: 0, spot: 0 },
      { spotPercent: 100, onDemandBase: 0, spot: 10 },
      { spotPercent: 100, onDemandBase: 4, spot: 6 },
      { spotPercent: 100, onDemandBase: 20, spot: 0 },
      { spotPercent: 50, onDemandBase: 0, spot: 5 },
    ])(
      '$spotPercent % above a base of $onDemandBase: $spot of 10',
      ({ spotPercent, onDemandBase, spot }) => {
        expect(total(place(10, {}, { spotPercent, onDemandBase }), 'spot')).toBe(spot);
      },
    );

    test('a base that was lost is bought back before any spot', () => {
      const spots = workers(5, { market: 'spot' });
      expect(total(place(2, { workers: spots }), 'on-demand')).toBe(2);
    });
  });

  describe('the zone: the one with the fewest workers', () => {
    const allOnDemand = { spotPercent: 0 };
    test('nodes spread over zones within ±1', () => {
      expect(place(7, {}, allOnDemand)).toEqual([
        '3 on-demand/a',
        '2 on-demand/b',
        '2 on-demand/c',
      ]);
    });

    test('what is there counts, and the first of equal zones is taken', () => {
      const here = [worker('i-1', { zone: 'a' }), worker('i-2', { zone: 'b' })];
      expect(place(1, { workers: here }, allOnDemand)).toEqual(['1 on-demand/c']);
      expect(place(2, { workers: here }, allOnDemand)).toEqual(['1 on-demand/c', '1 on-demand/a']);
    });

    test('launches without an answer count as there', () => {
      const unanswered: PoolShare[] = [
        { zone: 'a', market: 'spot', count: 2 },
        { zone: 'b', market: 'on-demand', count: 1 },
      ];
      expect(place(1, { unanswered }, allOnDemand)).toEqual(['1 on-demand/c']);
      // 1 on demand and 2 spot are there: the base of 2 lacks one.
      expect(place(1, { unanswered }, { spotPercent: 100 })).toEqual(['1 on-demand/c']);
    });

    test.each(PHASES.map((phase) => ({ phase })))('a worker that is $phase', ({ phase }) => {
      const leaving = ['doomed', 'terminating', 'tainted', 'draining'].includes(phase);
      const here = ['a', 'b'].map((zone) => worker(`i-${zone}`, { zone, phase }));
      // Leaving ones are as good as gone: zone a is as empty as c, and the base of 2 is not met.
      expect(place(1, { workers: here }, allOnDemand)).toEqual([
        leaving ? '1 on-demand/a' : '1 on-demand/c',
      ]);
      expect(place(1, { workers: here }, { spotPercent: 100 })).toEqual([
        leaving ? '1 on-demand/a' : '1 spot/c',
      ]);
    });

    test('a worker in a zone that is not ours any more counts for the market only', () => {
      const elsewhere = workers(2, { zone: 'z' });
      expect(place(3, { workers: elsewhere }, { spotPercent: 100 })).toEqual([
        '1 spot/a',
        '1 spot/b',
        '1 spot/c',
      ]);
    });
  });

  describe('a pool that refused is passed over until its back-off ends', () => {
    const backoff = (market: Market, zone: string, untilMs = NOW + MINUTE): PoolBackoff => ({
      market,
      zone,
      failures: 1,
      untilMs,
    });
    const everySpot = ZONES.map((zone) => backoff('spot', zone));
    const base = workers(2); // a and b, on demand: what comes now is spot
    const spot = { spotPercent: 100 };

    test('another zone of the same market takes its place', () => {
      expect(place(1, { workers: base, poolBackoffs: [backoff('spot', 'c')] }, spot)).toEqual([
        '1 spot/a',
      ]);
    });

    test('only the pool that refused is closed: its zone and market', () => {
      const poolBackoffs = [backoff('on-demand', 'c'), backoff('spot', 'b')];
      expect(place(1, { workers: base, poolBackoffs }, spot)).toEqual(['1 spot/c']);
    });

    test('it is open again at the instant at which its back-off ends', () => {
      const until = (ms: number) => [backoff('spot', 'c', NOW + ms)];
      expect(place(1, { workers: base, poolBackoffs: until(1) }, spot)).toEqual(['1 spot/a']);
      expect(place(1, { workers: base, poolBackoffs: until(0) }, spot)).toEqual(['1 spot/c']);
    });

    test('when every spot pool backs off, on demand takes its place', () => {
      expect(place(2, { workers: base, poolBackoffs: everySpot }, spot)).toEqual([
        '1 on-demand/c',
        '1 on-demand/a',
      ]);
    });

    test('on demand has no stand-in: the base is never made of spot', () => {
      const poolBackoffs = ZONES.map((zone) => backoff('on-demand', zone));
      expect(place(3, { poolBackoffs }, spot)).toEqual([]);
    });

    test('what no pool can take is not placed', () => {
      const poolBackoffs = [...everySpot, ...ZONES.map((zone) => backoff('on-demand', zone))];
      expect(place(1, { workers: base, poolBackoffs }, spot)).toEqual([]);
    });
  });

  test('nodes of one pool come as one share', () => {
    expect(place(6, {}, { spotPercent: 0 }, { zones: ['a'] })).toEqual(['6 on-demand/a']);
    expect(place(3, {}, { onDemandBase: 1, spotPercent: 100 }, { zones: ['a'] })).toEqual([
      '1 on-demand/a',
      '2 spot/a',
    ]);
  });

  test('nothing is placed for nothing', () => {
    expect(place(0)).toEqual([]);
  });

  test('whatever the fleet, launches leave the zones no more uneven than within ±1 needs', () => {
    fc.assert(
      fc.property(fc.tuple(fc.nat(4), fc.nat(4), fc.nat(4)), fc.nat(12), (byZone, count) => {
        const fleet = byZone.flatMap((n, z) =>
          Array.from({ length: n }, (_, k) => worker(`i-${z}-${k}`, { zone: ZONES[z]! })),
        );
        const shares = placeLaunches(view({ workers: fleet }), cluster(), settingsOf(), count);
        const after = ZONES.map(
          (zone, z) =>
            byZone[z]! + shares.filter((s) => s.zone === zone).reduce((sum, s) => sum + s.count, 0),
        );
        const spread = Math.max(...after) - Math.min(...after);
        const spreadBefore = Math.max(...byZone) - Math.min(...byZone);
        expect(spread).toBeLessThanOrEqual(Math.max(1, spreadBefore));
        expect(after.reduce((sum, n) => sum + n, 0)).toBe(fleet.length + count);
      }),
    );
  });
});

describe('whom to remove', () => {
  const victims = (
    fleet: readonly Worker[],
    count = 1,
    settings: Readonly<Record<string, unknown>> = {},
    changes: Partial<View> = {},
  ): string[] =>
    chooseVictims(
      view({ workers: fleet, ...changes }),
      cluster(),
      settingsOf({ onDemandBase: 0, ...settings }),
      count,
    );
  /** Three in three zones; i-1 and i-3 hold a pod, i-2 is empty: without another reason it is i-2. */
  const three = (changes: Partial<Worker> = {}): Worker[] => [
    worker('i-1', { zone: 'a', pods: [1] }),
    worker('i-2', { zone: 'b', pods: [0], ...changes }),
    worker('i-3', { zone: 'c', pods: [2] }),
  ];

  test('nothing stands in the way of the emptiest of three', () => {
    expect(victims(three())).toEqual(['i-2']);
  });

  describe('each filter by itself keeps a worker', () => {
    test.each(PHASES.filter((phase) => phase !== 'ready'))('one that is %s', (phase) => {
      expect(victims(three({ phase }))).not.toContain('i-2');
    });

    test('one that a person has cordoned', () => {
      expect(victims(three({ cordoned: true }), 1, { removalHeadroomPercent: 0 })).toEqual(['i-1']);
    });

    test('one whose drain failed lately, until its back-off ends', () => {
      const until = (ms: number): Partial<View> => ({
        victimBackoffs: [{ instanceId: 'i-2', failures: 1, untilMs: NOW + ms }],
      });
      expect(victims(three(), 1, {}, until(1))).toEqual(['i-1']);
      expect(victims(three(), 1, {}, until(0))).toEqual(['i-2']);
    });

    test.each<PinReason>([
      'system-critical',
      'stateful-set',
      'single-replica',
      'local-data',
      'unmodelled-affinity',
      'no-controller',
      'blocked-by-pdb',
      'do-not-evict',
    ])('one with a pod that is %s', (pinnedBy) => {
      const shapes = [WEB, shape('pinned', { pinnedBy })];
      const fleet = [
        worker('i-1', { zone: 'a', pods: [1, 0] }),
        worker('i-2', { zone: 'b', pods: [0, 1] }),
        worker('i-3', { zone: 'c', pods: [1, 0] }),
      ];
      expect(victims(fleet, 3, { removalHeadroomPercent: 0 }, { shapes })).not.toContain('i-2');
      expect(holdsPinnedPod(fleet[1]!, view({ shapes }))).toBe(true);
      expect(holdsPinnedPod(fleet[0]!, view({ shapes }))).toBe(false);
    });

    test('one on demand, when the base would be undercut', () => {
      // i-2 is on demand; the base is all of them, then one less.
      const fleet = three().map((each) => ({
        ...each,
        market: each.id === 'i-3' ? ('spot' as const) : ('on-demand' as const),
      }));
      expect(victims(fleet, 1, { onDemandBase: 1 })).toEqual(['i-2']);
      expect(victims(fleet, 1, { onDemandBase: 2 })).toEqual(['i-3']);
    });

    test('one without which zones are not within ±1', () => {
      // a 2, b 1, c 2: without b it would be 2–0.
      const fleet = [
        ...three(),
        worker('i-4', { zone: 'a', pods: [3] }),
        worker('i-5', { zone: 'c', pods: [3] }),
      ];
      expect(victims(fleet)).toEqual(['i-1']);
    });

    test('one whose pods do not fit elsewhere', () => {
      // i-1 and i-3 hold 8 each: full. i-2’s one pod has nowhere to go.
      const full = three({ pods: [1] }).map((w) => (w.id === 'i-2' ? w : { ...w, pods: [8] }));
      expect(victims(full, 3, { removalHeadroomPercent: 0 })).toEqual([]);
      const room = full.map((w) => (w.id === 'i-3' ? { ...w, pods: [7] } : w));
      expect(victims(room, 3, { removalHeadroomPercent: 0 })).toEqual(['i-2']);
    });
  });

  describe('zones', () => {
    const inZones = (byZone: readonly number[]): Worker[] =>
      byZone.flatMap((n, z) =>
        Array.from({ length: n }, (_, k) => worker(`i-${ZONES[z]}-${k}`, { zone: ZONES[z]! })),
      );
    const zonesOf = (ids: readonly string[]): string[] => ids.map((id) => id[2]!);

    test.each([
      { byZone: [2, 2, 2], from: ['a', 'b', 'c'] },
      { byZone: [2, 1, 1], from: ['a'] },
      { byZone: [3, 1, 1], from: ['a'] },
      { byZone: [1, 2, 2], from: ['b', 'c'] },
      { byZone: [3, 3, 1], from: ['a', 'b'] },
    ])('with $byZone one may go from $from', ({ byZone, from }) => {
      const fleet = inZones(byZone);
      const possible = new Set(
        fleet.flatMap((each) => {
          // This one is the newest, so that it is asked about first; another goes only where it may not.
          const newest = fleet.map((w) => (w === each ? { ...w, launchedAtMs: NOW } : w));
          return zonesOf(victims(newest, 1, { removalHeadroomPercent: 0 }));
        }),
      );
      // The fullest zone less what is left in this one is at most 1.
      expect([...possible].sort()).toEqual(from);
    });

    test('each victim is counted before the next is chosen', () => {
      // 2–2–2: after one from a, a second from a would leave 0–2–2.
      expect(new Set(zonesOf(victims(inZones([2, 2, 2]), 3))).size).toBe(3);
      // After 3–1–1 loses one of a it is 2–1–1, and only a may lose again.
      expect(zonesOf(victims(inZones([3, 1, 1]), 2))).toEqual(['a', 'a']);
    });

    test('a worker in a zone that is not ours any more may go', () => {
      expect(victims(three({ zone: 'z' }))).toEqual(['i-2']);
    });
  });

  test('the on-demand floor holds over several victims', () => {
    const fleet = workers(6, { market: 'on-demand' });
    expect(victims(fleet, 6, { onDemandBase: 4 })).toHaveLength(2);
    const mixed = workers(6); // i-01 and i-02 on demand
    const gone = victims(mixed, 6, { onDemandBase: 1 });
    expect(gone.filter((id) => id === 'i-01' || id === 'i-02').length).toBeLessThanOrEqual(1);
  });

  describe('the order: fewest pods to move, then the newest, then the id', () => {
    const fleet = (first: Partial<Worker>, second: Partial<Worker>): Worker[] => [
      worker('i-1', { zone: 'a', ...first }),
      worker('i-2', { zone: 'b', ...second }),
      worker('i-3', { zone: 'c', pods: [4] }),
    ];
    const chosen = (fleet: readonly Worker[], changes: Partial<View> = {}): string[] =>
      victims(fleet, 1, { removalHeadroomPercent: 0 }, changes);
    test('fewest pods', () => {
      expect(chosen(fleet({ pods: [3] }, { pods: [2] }))).toEqual(['i-2']);
      expect(chosen(fleet({ pods: [2] }, { pods: [3] }))).toEqual(['i-1']);
    });
    test('of equally full ones the newest', () => {
      const older = { launchedAtMs: NOW - 3 * HOUR };
      const newer = { launchedAtMs: NOW - 2 * HOUR };
      expect(chosen(fleet(older, newer))).toEqual(['i-2']);
      expect(chosen(fleet(newer, older))).toEqual(['i-1']);
    });
    test('of those launched together the first id, in whatever order they are listed', () => {
      expect(chosen(fleet({}, {}))).toEqual(['i-1']);
      expect(chosen(fleet({}, {}).reverse())).toEqual(['i-1']);
    });
    test('pods of all shapes count', () => {
      const shapes = [WEB, shape('api')];
      const both = fleet({ pods: [1, 2] }, { pods: [2, 0] }).map((each) =>
        each.id === 'i-3' ? { ...each, pods: [2, 2] } : each,
      );
      expect(chosen(both, { shapes })).toEqual(['i-2']);
    });
  });

  test('no more are chosen than asked for', () => {
    expect(victims(workers(9), 0)).toEqual([]);
    expect(victims(workers(9), 2)).toHaveLength(2);
    expect(victims([], 2)).toEqual([]);
  });
});

describe('a victim’s pods must fit on the Ready workers that stay, with headroom (S12)', () => {
  const fits = (
    fleet: readonly Worker[],
    headroomPercent: number,
    changes: Partial<View> = {},
    chosen: readonly Worker[] = [],
  ): boolean =>
    podsFitElsewhere(
      fleet[0]!,
      chosen,
      view({ workers: fleet, ...changes }),
      cluster(),
      headroomPercent,
    );
  const full = (...counts: readonly number[]): Worker[] =>
    counts.map((pods, n) => worker(`i-${n}`, { pods: [pods] }));

  // 8 web pods a node. The first of each row is the victim.
  test.each([
    { fleet: [4, 4], headroomPercent: 0, expected: true }, // 4 free, 4 move
    { fleet: [5, 4], headroomPercent: 0, expected: false },
    { fleet: [4, 4], headroomPercent: 5, expected: false }, // ⌈8 × 5 %⌉ = 1 must stay free
    { fleet: [4, 3], headroomPercent: 5, expected: true },
    { fleet: [4, 0, 4], headroomPercent: 100, expected: true }, // 12 free, 4 move, 8 stay
    { fleet: [4, 0, 5], headroomPercent: 100, expected: false },
    { fleet: [0, 0], headroomPercent: 100, expected: true }, // no pod runs at all
    { fleet: [0], headroomPercent: 100, expected: true },
    { fleet: [1], headroomPercent: 0, expected: false },
    { fleet: [0, 1], headroomPercent: 100, expected: false }, // 7 free on the other
    { fleet: [0, 1, 7], headroomPercent: 100, expected: true }, // 7 + 1
  ])('$fleet with $headroomPercent % headroom: $expected', (each) => {
    expect(fits(full(...each.fleet), each.headroomPercent)).toBe(each.expected);
  });

  test.each(PHASES.filter((phase) => phase !== 'ready'))(
    'a worker that is %s is no host',
    (phase) => {
      const [victim, host] = full(1, 0) as [Worker, Worker];
      expect(fits([victim, host], 0)).toBe(true);
      expect(fits([victim, { ...host, phase }], 0)).toBe(false);
    },
  );

  test('a cordoned worker is no host', () => {
    const [victim, host] = full(1, 0) as [Worker, Worker];
    expect(fits([victim, { ...host, cordoned: true }], 0)).toBe(false);
  });

  test('those chosen with it are no hosts, and their pods move too', () => {
    const fleet = full(3, 3, 2); // 6 free on the third
    expect(fits(fleet, 0, {}, [fleet[1]!])).toBe(true);
    const more = full(3, 3, 3); // 5 free on the third, 6 move
    expect(fits(more, 0, {}, [more[1]!])).toBe(false);
    expect(fits(more, 0)).toBe(true);
  });

  test('memory is room as CPU is', () => {
    const shapes = [shape('fat', { requestMillicpu: 10, requestMib: 1024 })]; // 4 a node
    expect(fits(full(2, 2), 0, { shapes })).toBe(true);
    expect(fits(full(2, 3), 0, { shapes })).toBe(false);
  });

  test('a host offers what it really has, not what the template promises', () => {
    const [victim, host] = full(2, 0) as [Worker, Worker];
    expect(fits([victim, { ...host, allocatableMillicpu: 500 }], 0)).toBe(true);
    expect(fits([victim, { ...host, allocatableMillicpu: 499 }], 0)).toBe(false);
    expect(fits([victim, { ...host, allocatableMib: 511 }], 0)).toBe(false);
  });

  test('a pod bound to a zone goes to a host of that zone only', () => {
    const shapes = [shape('zonal', { zone: 'a' })];
    const [victim, host] = full(1, 0) as [Worker, Worker];
    expect(fits([victim, { ...host, zone: 'a' }], 0, { shapes })).toBe(true);
    expect(fits([victim, { ...host, zone: 'b' }], 0, { shapes })).toBe(false);
  });

  test('largest pods are placed first', () => {
    // Hosts have 1,200 m and 800 m free; 1,200 and 3 × 250 move. The small ones first would spoil the first host.
    const shapes = [WEB, shape('big', { requestMillicpu: 1200 })];
    const fleet = [
      worker('i-0', { pods: [3, 1] }),
      worker('i-1', { pods: [0, 0], allocatableMillicpu: 1200 }),
      worker('i-2', { pods: [0, 0], allocatableMillicpu: 800 }),
    ];
    expect(fits(fleet, 0, { shapes })).toBe(true);
  });

  test('headroom is counted in pods of the commonest shape', () => {
    // 5 web and 4 of 500 m run. Commonest is web: 8 a node. After the move of 1 web, 750 m are free on the one host:
    // 3 web pods, so that 35 % (⌈2.8⌉ = 3) holds and 40 % (⌈3.2⌉ = 4) does not.
    const shapes = [shape('half', { requestMillicpu: 500 }), WEB];
    const fleet = [worker('i-0', { pods: [0, 1] }), worker('i-1', { pods: [0, 4] })];
    const others = [worker('i-2', { phase: 'doomed', pods: [4, 0] })];
    expect(fits([...fleet, ...others], 35, { shapes })).toBe(true);
    expect(fits([...fleet, ...others], 40, { shapes })).toBe(false);
  });

  test('it may say no where a cleverer packing would fit, never yes where nothing does', () => {
    const fleets = fc.array(
      fc.record({
        web: fc.nat(4),
        big: fc.nat(1),
        roomMillicpu: fc.integer({ min: 0, max: 2000 }),
      }),
      { minLength: 2, maxLength: 5 },
    );
    fc.assert(
      fc.property(fleets, (list) => {
        const shapes = [WEB, shape('big', { requestMillicpu: 900 })];
        const fleet = list.map(({ web, big, roomMillicpu }, n) =>
          worker(`i-${n}`, {
            pods: [web, big],
            allocatableMillicpu: web * 250 + big * 900 + roomMillicpu,
          }),
        );
        const free = list.slice(1).reduce((sum, each) => sum + each.roomMillicpu, 0);
        const moving = list[0]!.web * 250 + list[0]!.big * 900;
        if (fits(fleet, 0, { shapes })) {
          expect(moving).toBeLessThanOrEqual(free);
        }
      }),
    );
  });

  test('the quick look at headroom never changes who is chosen', () => {
    const fleets = fc.array(
      fc.record({ web: fc.nat(8), big: fc.nat(1), cordoned: fc.boolean(), booting: fc.boolean() }),
      { minLength: 1, maxLength: 7 },
    );
    const percents = fc.constantFrom(0, 50, 100, 150);
    const shapes = [WEB, shape('big', { requestMillicpu: 900 })];
    const oneZone = cluster({ zones: ['a'] });
    fc.assert(
      fc.property(fleets, percents, (list, removalHeadroomPercent) => {
        const fleet = list.map(({ web, big, cordoned, booting }, n) =>
          worker(`i-${n}`, {
            pods: [Math.min(web, 8 - big * 4), big],
            cordoned,
            phase: booting ? 'booting' : 'ready',
          }),
        );
        const now = view({ workers: fleet, shapes });
        const pods = ({ pods: [web, big] }: Worker): number => web! + big!;
        const expected = fleet
          .filter(({ phase, cordoned }) => phase === 'ready' && !cordoned)
          .sort((a, b) => pods(a) - pods(b) || (a.id < b.id ? -1 : 1))
          .find((each) => podsFitElsewhere(each, [], now, oneZone, removalHeadroomPercent));
        const settings = settingsOf({ onDemandBase: 0, removalHeadroomPercent });
        expect(chooseVictims(now, oneZone, settings, 1)).toEqual(
          expected === undefined ? [] : [expected.id],
        );
      }),
      { numRuns: 300 },
    );
  });
});
