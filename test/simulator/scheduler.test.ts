import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Scheduler } from '../../simulator/scheduler.ts';
import { runs } from '../properties/arbitraries.ts';

const ALLOCATABLE_MILLICPU = 1930;
const ALLOCATABLE_MIB = 3300;
const SLOTS = 6;

interface Shape {
  readonly millicpu: number;
  readonly mib: number;
  /** −1: any. */
  readonly zone: number;
}
const SHAPES: readonly Shape[] = [
  { millicpu: 250, mib: 400, zone: -1 },
  { millicpu: 1000, mib: 300, zone: 0 },
  { millicpu: 100, mib: 1500, zone: 1 },
  { millicpu: 60, mib: 40, zone: -1 },
  { millicpu: 1930, mib: 3300, zone: -1 },
  { millicpu: 1931, mib: 1, zone: -1 },
];

/** Every node looked at for every pod: what fits, of these the emptiest, of these the one that has been so for longest. */
class NaiveScheduler {
  readonly nodes = Array.from({ length: 4 * SLOTS }, () => ({
    eligible: false,
    zone: 0,
    millicpu: 0,
    mib: 0,
    bucket: 0,
    since: 0,
  }));
  #clock = 0;

  setEligible(slot: number, eligible: boolean): void {
    const node = this.nodes[slot];
    if (eligible && !node.eligible) {
      node.bucket = this.#bucket(slot);
      node.since = ++this.#clock;
    }
    node.eligible = eligible;
  }

  occupy(slot: number, millicpu: number, mib: number): void {
    const node = this.nodes[slot];
    node.millicpu += millicpu;
    node.mib += mib;
    const bucket = this.#bucket(slot);
    if (bucket !== node.bucket) {
      node.bucket = bucket;
      node.since = ++this.#clock;
    }
  }

  place({ millicpu, mib, zone }: Shape): number {
    const feasible = [...this.nodes.keys()].filter((slot) => {
      const node = this.nodes[slot];
      return (
        node.eligible &&
        (zone < 0 || node.zone === zone) &&
        node.millicpu + millicpu <= ALLOCATABLE_MILLICPU &&
        node.mib + mib <= ALLOCATABLE_MIB
      );
    });
    feasible.sort(
      (a, b) =>
        this.nodes[a].bucket - this.nodes[b].bucket || this.nodes[a].since - this.nodes[b].since,
    );
    const slot = feasible[0] ?? -1;
    if (slot >= 0) {
      this.occupy(slot, millicpu, mib);
    }
    return slot;
  }

  /** Both fractions, each of 32 steps. */
  #bucket(slot: number): number {
    const { millicpu, mib } = this.nodes[slot];
    return Math.floor((millicpu / ALLOCATABLE_MILLICPU + mib / ALLOCATABLE_MIB) * 32);
  }
}

type Operation =
  | { readonly kind: 'place'; readonly shape: number }
  | { readonly kind: 'leave'; readonly pod: number }
  | { readonly kind: 'eligible'; readonly slot: number; readonly eligible: boolean }
  | { readonly kind: 'zone'; readonly slot: number; readonly zone: number }
  | { readonly kind: 'grow' };

const slot = fc.nat(2 * SLOTS - 1);
const operations: fc.Arbitrary<Operation[]> = fc.array(
  fc.oneof(
    { weight: 12, arbitrary: fc.record({ kind: fc.constant('place' as const), shape: fc.nat(5) }) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('leave' as const), pod: fc.nat(99) }) },
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('eligible' as const),
        slot,
        eligible: fc.boolean(),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('zone' as const), slot, zone: fc.nat(1) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('grow' as const) }) },
  ),
  { minLength: 20, maxLength: 150, size: 'max' },
);

const scheduler = (slots = SLOTS): Scheduler =>
  new Scheduler(ALLOCATABLE_MILLICPU, ALLOCATABLE_MIB, SHAPES.length, slots);
const place = (to: Scheduler, shape: number): number =>
  to.place(shape, SHAPES[shape].millicpu, SHAPES[shape].mib, SHAPES[shape].zone);
const WEB = 0;
const WHOLE_NODE = 4;

describe('the scheduler', () => {
  it('is one that looks at every node for every pod, whatever comes and goes', () => {
    const answers = { placed: 0, refused: 0 };
    fc.assert(
      fc.property(operations, (todo) => {
        const fast = scheduler();
        const naive = new NaiveScheduler();
        let slots = SLOTS;
        let pods: { slot: number; shape: Shape }[] = [];
        for (const operation of todo) {
          switch (operation.kind) {
            case 'place': {
              const shape = SHAPES[operation.shape];
              const at = place(fast, operation.shape);
              expect(at).toBe(naive.place(shape));
              answers[at < 0 ? 'refused' : 'placed']++;
              if (at >= 0) {
                pods.push({ slot: at, shape });
              }
              break;
            }
            case 'leave': {
              if (pods.length === 0) {
                break;
              }
              const [left] = pods.splice(operation.pod % pods.length, 1);
              fast.occupy(left.slot, -left.shape.millicpu, -left.shape.mib);
              naive.occupy(left.slot, -left.shape.millicpu, -left.shape.mib);
              break;
            }
            case 'eligible':
              if (operation.slot < slots) {
                fast.setEligible(operation.slot, operation.eligible);
                naive.setEligible(operation.slot, operation.eligible);
              }
              break;
            case 'zone': {
              // Another machine in this slot: the one before is gone, and its pods with it.
              const { slot: at, zone } = operation;
              if (at >= slots) {
                break;
              }
              fast.setEligible(at, false);
              naive.setEligible(at, false);
              fast.occupy(at, -fast.usedMillicpu[at], -fast.usedMib[at]);
              naive.occupy(at, -naive.nodes[at].millicpu, -naive.nodes[at].mib);
              pods = pods.filter((pod) => pod.slot !== at);
              fast.zone[at] = zone;
              naive.nodes[at].zone = zone;
              break;
            }
            case 'grow':
              slots = 2 * SLOTS;
              fast.ensureSlots(slots);
              break;
          }
          for (let at = 0; at < slots; at++) {
            const { eligible, millicpu, mib } = naive.nodes[at];
            expect([fast.isEligible(at), fast.usedMillicpu[at], fast.usedMib[at]]).toEqual([
              eligible,
              millicpu,
              mib,
            ]);
          }
        }
      }),
      runs(60),
    );
    // Both answers were compared, and not a few times.
    expect(answers.placed).toBeGreaterThan(300);
    expect(answers.refused).toBeGreaterThan(300);
  });

  it('puts pods where there is most room, in turn', () => {
    const to = scheduler();
    [2, 0, 1].forEach((at) => to.setEligible(at, true));
    expect([1, 2, 3, 4, 5].map(() => place(to, WEB))).toEqual([2, 0, 1, 2, 0]);
  });

  it('binds 7 web pods to a t3.medium, and no more', () => {
    const to = scheduler();
    to.setEligible(3, true);
    expect(Array.from({ length: 8 }, () => place(to, WEB))).toEqual([3, 3, 3, 3, 3, 3, 3, -1]);
    expect([to.usedMillicpu[3], to.usedMib[3]]).toEqual([7 * 250, 7 * 400]);
  });

  it('takes a pod that fills a node to the last millicpu and MiB', () => {
    const to = scheduler();
    to.setEligible(0, true);
    expect(place(to, WHOLE_NODE)).toBe(0);
    expect(place(to, WEB)).toBe(-1);
  });

  it('counts what is bound to a node that may not be scheduled to', () => {
    const to = scheduler();
    to.occupy(0, 1750, 2800);
    to.setEligible(0, true);
    expect(place(to, WEB)).toBe(-1);
    to.setEligible(0, false);
    to.occupy(0, -250, -400);
    to.setEligible(0, true);
    expect(place(to, WEB)).toBe(0);
  });
});

describe('a shape that has found no room', () => {
  /** One full node, and a web pod that has just been refused. */
  const refused = (): Scheduler => {
    const to = scheduler();
    to.setEligible(0, true);
    place(to, WHOLE_NODE);
    expect(place(to, WEB)).toBe(-1);
    return to;
  };

  it('finds it when a pod leaves', () => {
    const to = refused();
    to.occupy(0, -250, -400);
    expect(place(to, WEB)).toBe(0);
  });

  it('finds it when only memory or only CPU is given back, if that was what it lacked', () => {
    const noMemory = scheduler();
    noMemory.setEligible(0, true);
    noMemory.occupy(0, 0, ALLOCATABLE_MIB);
    expect(place(noMemory, WEB)).toBe(-1);
    noMemory.occupy(0, 0, -400);
    expect(place(noMemory, WEB)).toBe(0);

    const noCpu = scheduler();
    noCpu.setEligible(0, true);
    noCpu.occupy(0, ALLOCATABLE_MILLICPU, 0);
    expect(place(noCpu, WEB)).toBe(-1);
    noCpu.occupy(0, -250, 0);
    expect(place(noCpu, WEB)).toBe(0);
  });

  it('finds it on a node that becomes eligible', () => {
    const to = refused();
    to.setEligible(1, true);
    expect(place(to, WEB)).toBe(1);
  });

  it('finds it on a node of a slot that did not exist', () => {
    const to = refused();
    to.ensureSlots(10 * SLOTS);
    expect(place(to, WEB)).toBe(-1);
    to.setEligible(10 * SLOTS - 1, true);
    expect(place(to, WEB)).toBe(10 * SLOTS - 1);
  });

  it('does not stand in the way of a smaller one', () => {
    const to = scheduler();
    to.setEligible(0, true);
    expect(place(to, WEB)).toBe(0);
    expect(place(to, WHOLE_NODE)).toBe(-1);
    expect(place(to, WEB)).toBe(0);
  });

  it('is not looked for again until there may be room', () => {
    const to = refused();
    const version = to.capacityVersion;
    to.setEligible(0, true);
    to.setEligible(0, false);
    to.setEligible(1, false);
    to.occupy(2, 100, 100);
    expect(to.capacityVersion).toBe(version);
    to.setEligible(0, true);
    expect(to.capacityVersion).toBeGreaterThan(version);
  });
});

describe('growing', () => {
  it('keeps what is bound, who is eligible and whose turn it is', () => {
    const to = scheduler(2);
    to.zone[1] = 1;
    to.setEligible(0, true);
    to.setEligible(1, true);
    expect([place(to, WEB), place(to, WEB), place(to, WEB)]).toEqual([0, 1, 0]);
    to.ensureSlots(5);
    expect(to.usedMillicpu.length).toBeGreaterThanOrEqual(5);
    expect([to.usedMillicpu[0], to.usedMillicpu[1], to.usedMillicpu[4]]).toEqual([500, 250, 0]);
    expect([0, 1, 2, 3, 4].map((at) => to.isEligible(at))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
    expect(to.zone[1]).toBe(1);
    expect(place(to, WEB)).toBe(1);
  });

  it('never shrinks', () => {
    const to = scheduler(8);
    to.setEligible(7, true);
    to.ensureSlots(3);
    expect(place(to, WEB)).toBe(7);
  });
});
