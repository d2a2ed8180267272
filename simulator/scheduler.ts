/**
 * The part of kube-scheduler that decides how many pods fit: filter (resources, taints, Ready, zone), then score. Scores
 * are kept as buckets of nodes by how full they are, so placing a pod looks at the emptiest nodes only
 * (NodeResourcesFit/LeastAllocated with NodeResourcesBalancedAllocation’s inputs; on equal nodes this also spreads).
 * Among equals the node that has waited longest in its bucket wins. docs/fidelity.md measures it against kube-scheduler.
 */
const BUCKETS = 65;
const NONE = -1;

/** Room on nodes, by slot. Capacity grows with `ensureSlots`. */
export class Scheduler {
  readonly allocatableMillicpu: number = 0;
  readonly allocatableMib: number = 0;
  /** Requested by the pods bound to each slot. */
  usedMillicpu: Int32Array;
  usedMib: Int32Array;
  zone: Int32Array;
  /** Rises whenever room appears: a shape that did not fit need not be tried again until then. */
  capacityVersion = 1;

  #bucketOf: Int32Array;
  #next: Int32Array;
  #previous: Int32Array;
  readonly #head = new Int32Array(BUCKETS).fill(NONE);
  readonly #tail = new Int32Array(BUCKETS).fill(NONE);
  readonly #failedAt: Float64Array;

  constructor(allocatableMillicpu: number, allocatableMib: number, shapes: number, slots: number) {
    this.allocatableMillicpu = allocatableMillicpu;
    this.allocatableMib = allocatableMib;
    this.usedMillicpu = new Int32Array(slots);
    this.usedMib = new Int32Array(slots);
    this.zone = new Int32Array(slots);
    this.#bucketOf = new Int32Array(slots).fill(NONE);
    this.#next = new Int32Array(slots).fill(NONE);
    this.#previous = new Int32Array(slots).fill(NONE);
    this.#failedAt = new Float64Array(shapes);
  }

  ensureSlots(slots: number): void {
    if (slots <= this.usedMillicpu.length) {
      return;
    }
    this.usedMillicpu = grown(this.usedMillicpu, slots, 0);
    this.usedMib = grown(this.usedMib, slots, 0);
    this.zone = grown(this.zone, slots, 0);
    this.#bucketOf = grown(this.#bucketOf, slots, NONE);
    this.#next = grown(this.#next, slots, NONE);
    this.#previous = grown(this.#previous, slots, NONE);
  }

  /** Makes a slot eligible (Ready, untainted, not cordoned) or not. Idempotent. */
  setEligible(slot: number, eligible: boolean): void {
    if (eligible === this.isEligible(slot)) {
      return;
    }
    if (eligible) {
      this.#insert(slot, this.#score(slot));
      this.capacityVersion++;
    } else {
      this.#remove(slot);
    }
  }

  isEligible(slot: number): boolean {
    return this.#bucketOf[slot] !== NONE;
  }

  /** Takes room on a slot, or gives it back when the amounts are negative. */
  occupy(slot: number, millicpu: number, mib: number): void {
    this.usedMillicpu[slot] = this.usedMillicpu[slot]! + millicpu;
    this.usedMib[slot] = this.usedMib[slot]! + mib;
    if (millicpu < 0 || mib < 0) {
      this.capacityVersion++;
    }
    const bucket = this.#bucketOf[slot]!;
    if (bucket === NONE) {
      return;
    }
    const score = this.#score(slot);
    if (score !== bucket) {
      this.#remove(slot);
      this.#insert(slot, score);
    }
  }

  /** The slot that a pod of this shape is bound to, room taken; -1 when no eligible node has room. */
  place(shape: number, millicpu: number, mib: number, zone: number): number {
    if (this.#failedAt[shape] === this.capacityVersion) {
      return NONE;
    }
    const millicpuMax = this.allocatableMillicpu - millicpu;
    const mibMax = this.allocatableMib - mib;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      for (let slot = this.#head[bucket]!; slot !== NONE; slot = this.#next[slot]!) {
        if (this.usedMillicpu[slot]! > millicpuMax || this.usedMib[slot]! > mibMax) {
          continue;
        }
        if (zone >= 0 && this.zone[slot] !== zone) {
          continue;
        }
        this.occupy(slot, millicpu, mib);
        return slot;
      }
    }
    this.#failedAt[shape] = this.capacityVersion;
    return NONE;
  }

  #score(slot: number): number {
    const fullness =
      this.usedMillicpu[slot]! / this.allocatableMillicpu +
      this.usedMib[slot]! / this.allocatableMib;
    const bucket = Math.floor(fullness * 32);
    return bucket >= BUCKETS ? BUCKETS - 1 : bucket;
  }

  #insert(slot: number, bucket: number): void {
    this.#bucketOf[slot] = bucket;
    const tail = this.#tail[bucket]!;
    this.#previous[slot] = tail;
    this.#next[slot] = NONE;
    if (tail === NONE) {
      this.#head[bucket] = slot;
    } else {
      this.#next[tail] = slot;
    }
    this.#tail[bucket] = slot;
  }

  #remove(slot: number): void {
    const bucket = this.#bucketOf[slot]!;
    const previous = this.#previous[slot]!;
    const next = this.#next[slot]!;
    if (previous === NONE) {
      this.#head[bucket] = next;
    } else {
      this.#next[previous] = next;
    }
    if (next === NONE) {
      this.#tail[bucket] = previous;
    } else {
      this.#previous[next] = previous;
    }
    this.#bucketOf[slot] = NONE;
  }
}

/** A longer copy of an array, filled up with `fill`. */
export function grown<A extends Int32Array | Float64Array | Uint8Array>(
  array: A,
  length: number,
  fill: number,
): A {
  const Kind = array.constructor as new (length: number) => A;
  const longer = new Kind(Math.max(length, array.length * 2));
  longer.fill(fill, array.length);
  longer.set(array);
  return longer;
}
