import {
  CPU_AS_WRITTEN,
  missingMetrics,
  NO_CUSTOM_READINGS,
  PENDING_AS_WRITTEN,
  type Metrics,
  type Reading,
} from '../engine/index.ts';
import { extrapolatedRate } from './rate.ts';
import { grown } from './scheduler.ts';

/** The window of the CPU query, `rate(node_cpu_seconds_total[5m])`. */
export const CPU_WINDOW_MS = 300_000;

/** Linux counts a CPU’s time as idle, or as one of iowait, irq, nice, softirq, steal, system and user. */
const NON_IDLE_MODES = 7;
const NO_NAMES: readonly string[] = [];

/**
 * Prometheus as the engine meets it: one scrape a world step, and answers that lag and extrapolate as the real one’s do.
 * A node’s idle counter is sampled while it is up; its samples go on counting until the window has passed them, as a dead
 * node’s series do. Samples lie `[scrape][node]`, since a query reads two scrapes of every node.
 *
 * The query is `100 * (1 - sum(rate(idle)) / sum(rate(all modes)))` over workers: the bias of a window that is only partly
 * filled cancels in the ratio. Steal is among the modes, so that a node without CPU credits reads busy (docs/decisions/030).
 */
export class Prometheus {
  readonly #scrapeMs: number;
  readonly #scrapes: number;
  readonly #coresTotal: number;
  /** `idle[scrape % scrapes][slot]`, seconds summed over the node’s CPUs. */
  readonly #idle: Float64Array[];
  readonly #scrapedAtMs: Float64Array;
  #scrape = -1;
  /** When each slot’s counters were 0, and the first and last scrape that got it; -1 when none did. */
  #bootedAtMs: Float64Array;
  #first: Int32Array;
  #last: Int32Array;
  #tracked: number[] = [];

  /** What the gauges showed, and how many nodes were up, by `scrape % scrapes`. */
  readonly #memoryPercent: Float64Array;
  readonly #unschedulablePods: Float64Array;
  readonly #latencyP95Ms: Float64Array;
  readonly #requestsPerSecond: Float64Array;
  readonly #pendingPods: Float64Array;
  readonly #upCount: Int32Array;

  constructor(scrapeMs: number, cores: number, slots: number) {
    this.#scrapeMs = scrapeMs;
    this.#coresTotal = cores;
    this.#scrapes = Math.floor(CPU_WINDOW_MS / scrapeMs) + 2;
    this.#idle = Array.from({ length: this.#scrapes }, () => new Float64Array(slots));
    this.#scrapedAtMs = new Float64Array(this.#scrapes);
    this.#memoryPercent = new Float64Array(this.#scrapes);
    this.#unschedulablePods = new Float64Array(this.#scrapes);
    this.#latencyP95Ms = new Float64Array(this.#scrapes);
    this.#requestsPerSecond = new Float64Array(this.#scrapes);
    this.#pendingPods = new Float64Array(this.#scrapes);
    this.#upCount = new Int32Array(this.#scrapes);
    this.#bootedAtMs = new Float64Array(slots);
    this.#first = new Int32Array(slots).fill(-1);
    this.#last = new Int32Array(slots).fill(-1);
  }

  ensureSlots(slots: number): void {
    if (slots <= this.#first.length) {
      return;
    }
    for (let s = 0; s < this.#scrapes; s++) {
      this.#idle[s] = grown(this.#idle[s]!, slots, 0);
    }
    this.#bootedAtMs = grown(this.#bootedAtMs, slots, 0);
    this.#first = grown(this.#first, slots, -1);
    this.#last = grown(this.#last, slots, -1);
  }

  /** A node’s exporter came up; its counters count from `bootedAtMs`. */
  track(slot: number, bootedAtMs: number): void {
    this.#bootedAtMs[slot] = bootedAtMs;
    this.#first[slot] = -1;
    this.#last[slot] = -1;
    let at = this.#tracked.length;
    while (at > 0 && this.#tracked[at - 1] > slot) {
      at--;
    }
    this.#tracked.splice(at, 0, slot);
  }

  /** Whether a slot’s samples have all left the window, so that the slot may be used again. */
  hasForgotten(slot: number): boolean {
    return !this.#tracked.includes(slot);
  }

  /**
   * One scrape.
   * @param upSlots slots whose exporter answers, the first `upCount` of the array
   * @param idleSeconds idle counters by slot
   */
  scrape(nowMs: number, upSlots: Int32Array, upCount: number, idleSeconds: Float64Array): void {
    const scrape = ++this.#scrape;
    const at = scrape % this.#scrapes;
    const row = this.#idle[at]!;
    this.#scrapedAtMs[at] = nowMs;
    for (let i = 0; i < upCount; i++) {
      const slot = upSlots[i]!;
      row[slot] = idleSeconds[slot]!;
      if (this.#first[slot]! < 0) {
        this.#first[slot] = scrape;
      }
      this.#last[slot] = scrape;
    }
    this.#upCount[at] = upCount;
    if (scrape % this.#scrapes === 0) {
      this.#forget(scrape);
    }
  }

  /**
   * Gauges, as their exporters show them at the scrape that has just been made.
   * @param pendingPods in phase Pending, whatever they wait for: room, an image, a node that no one sells
   */
  setGauges(
    memoryPercent: number,
    unschedulablePods: number,
    latencyP95Ms: number,
    requestsPerSecond: number,
    pendingPods: number,
  ): void {
    const at = this.#scrape % this.#scrapes;
    this.#memoryPercent[at] = memoryPercent;
    this.#unschedulablePods[at] = unschedulablePods;
    this.#latencyP95Ms[at] = latencyP95Ms;
    this.#requestsPerSecond[at] = requestsPerSecond;
    this.#pendingPods[at] = pendingPods;
  }

  #forget(scrape: number): void {
    this.#tracked = this.#tracked.filter((slot) => {
      const last = this.#last[slot]!;
      return last < 0 || scrape - last < this.#scrapes;
    });
  }

  /** The newest scrape that a query at `atMs` may see, as with `time=`; -1: there is none. */
  #newestAt(atMs: number): number {
    const oldest = Math.max(0, this.#scrape - this.#scrapes + 1);
    let newest = this.#scrape;
    while (newest >= oldest && this.#scrapedAtMs[newest % this.#scrapes]! > atMs) {
      newest--;
    }
    return newest < oldest ? -1 : newest;
  }

  /** All readings at `atMs`, and the custom ones of these names; a name that nothing exports is an empty answer. */
  query(atMs: number, custom: readonly string[] = NO_NAMES): Metrics {
    const newest = this.#newestAt(atMs);
    if (newest < 0) {
      return missingMetrics('empty', custom);
    }
    const at = newest % this.#scrapes;
    const gauge = (values: Float64Array): Reading => ({
      value: values[at]!,
      sampledAtMs: this.#scrapedAtMs[at]!,
      coverageRatio: 1,
      missing: null,
    });
    return {
      cpuPercent: this.cpuPercent(atMs),
      memoryPercent: this.#upCount[at]! > 0 ? gauge(this.#memoryPercent) : { missing: 'empty' },
      unschedulablePods: gauge(this.#unschedulablePods),
      apiLatencyP95Ms: gauge(this.#latencyP95Ms),
      requestsPerSecond: gauge(this.#requestsPerSecond),
      custom:
        custom.length === 0
          ? NO_CUSTOM_READINGS
          : custom.map((name): { name: string; reading: Reading } => {
              switch (name) {
                case CPU_AS_WRITTEN:
                  return { name, reading: this.#cpu(atMs, true) };
                case PENDING_AS_WRITTEN:
                  return { name, reading: gauge(this.#pendingPods) };
                default:
                  return { name, reading: { missing: 'empty' } };
              }
            }),
    };
  }

  cpuPercent(atMs: number): Reading {
    return this.#cpu(atMs, false);
  }

  /**
   * One of two queries over the same samples: the ratio, or as the brief wrote it
   * `avg(rate(node_cpu_seconds_total{mode!="idle"}[5m])) * 100`, a mean over every CPU’s seven modes that are not idle. A CPU is
   * in one mode at a time, so that mean is a seventh of its busy share; and where a window is partly filled it is less, since
   * nothing cancels.
   */
  #cpu(atMs: number, asWritten: boolean): Reading {
    const startMs = atMs - CPU_WINDOW_MS;
    let oldest = Math.max(0, this.#scrape - this.#scrapes + 1);
    while (oldest <= this.#scrape && this.#scrapedAtMs[oldest % this.#scrapes]! < startMs) {
      oldest++;
    }
    const newest = this.#newestAt(atMs);
    let idle = 0;
    let all = 0;
    let busy = 0;
    let nodes = 0;
    let rated = 0;
    let samples = 0;
    let sampledAtMs = 0;
    for (const slot of this.#tracked) {
      const last = this.#last[slot]! < newest ? this.#last[slot]! : newest;
      const first = this.#first[slot]! > oldest ? this.#first[slot]! : oldest;
      const count = last - first + 1;
      if (this.#first[slot]! < 0 || count < 1) {
        continue;
      }
      nodes++;
      samples += count;
      if (count < 2) {
        continue;
      }
      const firstAtMs = this.#scrapedAtMs[first % this.#scrapes]!;
      const lastAtMs = this.#scrapedAtMs[last % this.#scrapes]!;
      sampledAtMs = lastAtMs > sampledAtMs ? lastAtMs : sampledAtMs;
      const firstIdle = this.#idle[first % this.#scrapes]![slot]!;
      const increase = this.#idle[last % this.#scrapes]![slot]! - firstIdle;
      const firstAll = (this.#coresTotal * (firstAtMs - this.#bootedAtMs[slot]!)) / 1000;
      const increaseAll = (this.#coresTotal * (lastAtMs - firstAtMs)) / 1000;
      rated++;
      if (asWritten) {
        busy += extrapolatedRate(
          startMs,
          atMs,
          firstAtMs,
          lastAtMs,
          count,
          firstAll - firstIdle,
          increaseAll - increase,
          true,
        );
        continue;
      }
      idle += extrapolatedRate(
        startMs,
        atMs,
        firstAtMs,
        lastAtMs,
        count,
        firstIdle,
        increase,
        true,
      );
      all += extrapolatedRate(
        startMs,
        atMs,
        firstAtMs,
        lastAtMs,
        count,
        firstAll,
        increaseAll,
        true,
      );
    }
    if (rated === 0) {
      return { missing: nodes === 0 ? 'empty' : 'low-coverage' };
    }
    const expected = nodes * Math.floor(CPU_WINDOW_MS / this.#scrapeMs);
    return {
      value: asWritten
        ? (100 * Math.max(0, busy)) / (rated * this.#coresTotal * NON_IDLE_MODES)
        : 100 * (1 - idle / all),
      sampledAtMs,
      coverageRatio: samples >= expected ? 1 : samples / expected,
      missing: null,
    };
  }
}
