import {
  CPU_AS_WRITTEN,
  missingMetrics,
  NO_CUSTOM_READINGS,
  PENDING_AS_WRITTEN,
  type Metrics,
  type Reading,
} from '../engine/index.ts';
import type { RandomStream } from './random.ts';
import { counterIncrease, extrapolatedRate } from './rate.ts';
import type { PrometheusSettings } from './scenario.ts';
import { grown } from './scheduler.ts';

/** The window of the CPU query, `rate(node_cpu_seconds_total[5m])`. */
export const CPU_WINDOW_MS = 300_000;
/** An instant query looks back so far for a series’ last sample, `--query.lookback-delta`. */
const LOOKBACK_MS = 300_000;
/** A node’s sample that a scrape did not get. */
const NO_SAMPLE = NaN;

/** A counter that began anew: up to this scrape it counted from then. */
interface CounterReset {
  readonly slot: number;
  readonly scrape: number;
  readonly bootedAtMs: number;
}

/** What is found of a series that is not plain, within a window. */
interface DisturbedSeries {
  readonly first: number;
  readonly last: number;
  readonly count: number;
  readonly increaseIdle: number;
  readonly firstAll: number;
  readonly increaseAll: number;
}

/** Of a slot’s last scrape: there is none yet. */
const ON = 0x7fffffff;

/**
 * For each slot the first and last scrape for which something held: -1 when none was, and `ON` for the last as long as it holds.
 * It is told when that changes, so that a scrape has nothing to write.
 */
class Spans {
  first: Int32Array;
  last: Int32Array;
  /** For how many slots it holds. */
  count = 0;

  constructor(slots: number) {
    this.first = new Int32Array(slots).fill(-1);
    this.last = new Int32Array(slots).fill(-1);
  }

  ensureSlots(slots: number): void {
    this.first = grown(this.first, slots, -1);
    this.last = grown(this.last, slots, -1);
  }

  /** Another has the slot. */
  clear(slot: number): void {
    this.first[slot] = -1;
    this.last[slot] = -1;
  }

  /** It holds from the scrape after `scrape` on. */
  begin(slot: number, scrape: number): void {
    this.count += this.last[slot] === ON ? 0 : 1;
    if (this.first[slot]! < 0) {
      this.first[slot] = scrape + 1;
    }
    this.last[slot] = ON;
  }

  /** It held up to `scrape`, if it ever did for one. */
  end(slot: number, scrape: number): void {
    this.count--;
    if (this.first[slot]! <= scrape) {
      this.last[slot] = scrape;
    } else {
      this.clear(slot);
    }
  }
}

/** What exporters show beside CPU counters, memory as the mean over nodes. Pending pods wait for anything at all. */
export interface Gauges {
  memoryPercent: number;
  unschedulablePods: number;
  latencyP95Ms: number;
  requestsPerSecond: number;
  pendingPods: number;
}

/** What fails, and the luck of each scrape. */
export interface PrometheusFailures {
  readonly settings: Pick<PrometheusSettings, 'failedScrapePercent' | 'outages'>;
  readonly random: RandomStream;
}

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
 *
 * What a failed scrape leaves is what staleness markers leave (Prometheus ≥ 2.0): instant vectors of that target are gone at
 * once, until the next scrape; ranges ignore the markers and keep their samples. While Prometheus itself is down nothing is
 * scraped and nothing answered; afterwards an instant query finds what is at most five minutes old, since nobody marked it.
 * Targets are one exporter a node, kube-state-metrics, and the shop.
 */
export class Prometheus {
  readonly #scrapeMs: number = 0;
  readonly #scrapes: number = 0;
  readonly #coresTotal: number = 0;
  /** `idle[scrape % scrapes][slot]`, seconds summed over the node’s CPUs. */
  readonly #idle: Float64Array[];
  readonly #scrapedAtMs: Float64Array;
  /** The last one, and its place: `scrape % scrapes`. */
  #scrape = -1;
  #at = 0;
  /** When each slot’s counters were 0. */
  #bootedAtMs: Float64Array;
  /** For which scrapes each slot’s exporter was up; and to which it was a target, whether or not it answered. */
  readonly #up: Spans;
  readonly #target: Spans;
  #tracked: number[] = [];
  /** The last scrape after which a node’s series is not plain: a sample was missed, or its counters began anew; -1: none. */
  #disturbed: Int32Array;
  #resets: CounterReset[] = [];
  readonly #failedRatio: number = 0;
  readonly #outages: PrometheusSettings['outages'];
  readonly #random: RandomStream | null;
  /** Whether this step’s scrape took place at all. */
  #isUp = true;

  /** What the gauges showed, and how many nodes were up, by `scrape % scrapes`. */
  readonly #memoryPercent: Float64Array;
  readonly #unschedulablePods: Float64Array;
  readonly #latencyP95Ms: Float64Array;
  readonly #requestsPerSecond: Float64Array;
  readonly #pendingPods: Float64Array;
  /** Nodes that were targets, and those of them whose scrape succeeded; whether those of the other two targets did. */
  readonly #targetCount: Int32Array;
  readonly #scrapedCount: Int32Array;
  readonly #kubeScraped: Uint8Array;
  readonly #shopScraped: Uint8Array;

  constructor(
    scrapeMs: number,
    cores: number,
    slots: number,
    failures: PrometheusFailures | null = null,
  ) {
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
    this.#targetCount = new Int32Array(this.#scrapes);
    this.#scrapedCount = new Int32Array(this.#scrapes);
    this.#kubeScraped = new Uint8Array(this.#scrapes);
    this.#shopScraped = new Uint8Array(this.#scrapes);
    this.#failedRatio = (failures?.settings.failedScrapePercent ?? 0) / 100;
    this.#outages = failures?.settings.outages ?? [];
    this.#random = failures?.random ?? null;
    this.#bootedAtMs = new Float64Array(slots);
    this.#up = new Spans(slots);
    this.#target = new Spans(slots);
    this.#disturbed = new Int32Array(slots).fill(-1);
  }

  ensureSlots(slots: number): void {
    if (slots <= this.#bootedAtMs.length) {
      return;
    }
    for (let s = 0; s < this.#scrapes; s++) {
      this.#idle[s] = grown(this.#idle[s]!, slots, 0);
    }
    this.#bootedAtMs = grown(this.#bootedAtMs, slots, 0);
    this.#up.ensureSlots(slots);
    this.#target.ensureSlots(slots);
    this.#disturbed = grown(this.#disturbed, slots, -1);
  }

  /** A node’s exporter came up, for the first time or again; its counters count from `bootedAtMs`. */
  track(slot: number, bootedAtMs: number): void {
    let at = this.#tracked.length;
    while (at > 0 && this.#tracked[at - 1] > slot) {
      at--;
    }
    if (at > 0 && this.#tracked[at - 1] === slot) {
      this.#restarted(slot, bootedAtMs);
      this.#up.begin(slot, this.#scrape);
      return;
    }
    this.#tracked.splice(at, 0, slot);
    this.#bootedAtMs[slot] = bootedAtMs;
    this.#disturbed[slot] = -1;
    this.#up.clear(slot);
    this.#target.clear(slot);
    this.#up.begin(slot, this.#scrape);
  }

  /** The series goes on after a hole, with counters from 0: rates see the reset as Prometheus sees it. */
  #restarted(slot: number, bootedAtMs: number): void {
    this.#resets.push({ slot, scrape: this.#scrape, bootedAtMs: this.#bootedAtMs[slot]! });
    this.#bootedAtMs[slot] = bootedAtMs;
    this.#disturbed[slot] = this.#scrape;
    const from = Math.max(this.#up.last[slot]!, this.#scrape - this.#scrapes) + 1;
    for (let scrape = from; scrape <= this.#scrape; scrape++) {
      this.#idle[scrape % this.#scrapes]![slot] = NO_SAMPLE;
    }
  }

  /** Its exporter went down. */
  lose(slot: number): void {
    this.#up.end(slot, this.#scrape);
  }

  /** Discovery knows of a node that has been tracked: it is a target, whether or not its machine is on. */
  discover(slot: number): void {
    this.#target.begin(slot, this.#scrape);
  }

  /** Its node object is gone. */
  undiscover(slot: number): void {
    this.#target.end(slot, this.#scrape);
  }

  /** Whether a slot’s samples have all left the window, so that the slot may be used again. */
  hasForgotten(slot: number): boolean {
    return !this.#tracked.includes(slot);
  }

  /**
   * One scrape.
   * @param idleSeconds idle counters by slot
   */
  scrape(nowMs: number, idleSeconds: Float64Array): void {
    this.#isUp = !this.isDown(nowMs);
    const [kubeLuck, shopLuck, nodesLuck] = this.#drawLuck();
    if (!this.#isUp) {
      return;
    }
    const scrape = ++this.#scrape;
    const at = scrape % this.#scrapes;
    const failedRatio = this.#failedRatio;
    this.#at = at;
    this.#scrapedAtMs[at] = nowMs;
    this.#idle[at]!.set(idleSeconds);
    this.#targetCount[at] = this.#target.count;
    this.#scrapedCount[at] = this.#up.count - (failedRatio > 0 ? this.#fail(nodesLuck) : 0);
    this.#kubeScraped[at] = kubeLuck < failedRatio ? 0 : 1;
    this.#shopScraped[at] = shopLuck < failedRatio ? 0 : 1;
    if (at === 0) {
      this.#forget(scrape);
    }
  }

  /** Takes out what the newest scrape did not get of those that are up; returns how many. */
  #fail(nodesLuck: number): number {
    let failed = 0;
    for (const slot of this.#tracked) {
      if (this.#up.last[slot] === ON && nodeLuck(nodesLuck, slot) < this.#failedRatio) {
        this.#idle[this.#at]![slot] = NO_SAMPLE;
        this.#disturbed[slot] = this.#scrape;
        failed++;
      }
    }
    return failed;
  }

  /** Whether Prometheus itself is down. */
  isDown(atMs: number): boolean {
    for (const { fromMs, toMs } of this.#outages) {
      if (atMs >= fromMs && atMs < toMs) {
        return true;
      }
    }
    return false;
  }

  /** As many draws at each scrape, whatever is up: under two policies the same scrapes fail. */
  #drawLuck(): readonly [kube: number, shop: number, nodes: number] {
    const random = this.#random;
    return random === null || this.#failedRatio === 0
      ? NO_LUCK
      : [random.nextUnit(), random.nextUnit(), random.nextUint32()];
  }

  /** Gauges, as their exporters show them at the scrape that has just been made, if it was. */
  setGauges(gauges: Gauges): void {
    if (!this.#isUp) {
      return;
    }
    const at = this.#at;
    this.#memoryPercent[at] = gauges.memoryPercent;
    this.#unschedulablePods[at] = gauges.unschedulablePods;
    this.#latencyP95Ms[at] = gauges.latencyP95Ms;
    this.#requestsPerSecond[at] = gauges.requestsPerSecond;
    this.#pendingPods[at] = gauges.pendingPods;
  }

  #forget(scrape: number): void {
    this.#tracked = this.#tracked.filter((slot) => {
      const last = Math.max(this.#target.last[slot]!, this.#disturbed[slot]!);
      return last < 0 || scrape - last < this.#scrapes;
    });
    if (this.#resets.length > 0) {
      this.#resets = this.#resets.filter((reset) => scrape - reset.scrape < this.#scrapes);
    }
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

  /**
   * All readings at `atMs`, and the custom ones of these names; a name that nothing exports is an empty answer. Without
   * kube-state-metrics nobody knows that nothing is pending (S1); the brief’s own query does not ask.
   */
  query(atMs: number, custom: readonly string[] = NO_NAMES): Metrics {
    const newest = this.#newestAt(atMs);
    if (newest < 0) {
      return missingMetrics('empty', custom);
    }
    const at = newest % this.#scrapes;
    const kube = this.#kubeScraped[at]!;
    const shop = this.#shopScraped[at]!;
    const [scraped, targets] = [this.#scrapedCount[at]!, this.#targetCount[at]!];
    return {
      cpuPercent: this.cpuPercent(atMs),
      memoryPercent: this.#gauge(this.#memoryPercent, at, atMs, scraped, targets),
      unschedulablePods: this.#gauge(this.#unschedulablePods, at, atMs, kube, 1),
      apiLatencyP95Ms: this.#gauge(this.#latencyP95Ms, at, atMs, shop, 1),
      requestsPerSecond: this.#gauge(this.#requestsPerSecond, at, atMs, shop, 1),
      custom:
        custom.length === 0
          ? NO_CUSTOM_READINGS
          : custom.map((name): { name: string; reading: Reading } => {
              switch (name) {
                case CPU_AS_WRITTEN:
                  return { name, reading: this.#cpu(atMs, true) };
                case PENDING_AS_WRITTEN:
                  return { name, reading: this.#gauge(this.#pendingPods, at, atMs, kube, 1) };
                default:
                  return { name, reading: { missing: 'empty' } };
              }
            }),
    };
  }

  /** @param of how many targets show it, of which `scraped` were scraped */
  #gauge(values: Float64Array, at: number, atMs: number, scraped: number, of: number): Reading {
    const sampledAtMs = this.#scrapedAtMs[at]!;
    const found = atMs - sampledAtMs <= LOOKBACK_MS;
    return found && scraped > 0
      ? { value: values[at]!, sampledAtMs, coverageRatio: scraped / of, missing: null }
      : { missing: found && of > 0 ? 'exporter-down' : 'empty' };
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
    const up = this.#up;
    const target = this.#target;
    let idle = 0;
    let all = 0;
    let busy = 0;
    let nodes = 0;
    let rated = 0;
    let samples = 0;
    let sampledAtMs = 0;
    for (const slot of this.#tracked) {
      if (
        target.last[slot]! >= oldest &&
        target.first[slot]! >= 0 &&
        target.first[slot]! <= newest
      ) {
        nodes++;
      }
      let last = up.last[slot]! < newest ? up.last[slot]! : newest;
      let first = up.first[slot]! > oldest ? up.first[slot]! : oldest;
      let count = last - first + 1;
      if (up.first[slot]! < 0 || count < 1) {
        continue;
      }
      const disturbed = this.#disturbed[slot]! < oldest ? null : this.#samplesOf(slot, first, last);
      if (disturbed !== null) {
        ({ first, last, count } = disturbed);
        if (count < 1) {
          continue;
        }
      }
      samples += count;
      if (count < 2) {
        continue;
      }
      const firstAtMs = this.#scrapedAtMs[first % this.#scrapes]!;
      const lastAtMs = this.#scrapedAtMs[last % this.#scrapes]!;
      sampledAtMs = lastAtMs > sampledAtMs ? lastAtMs : sampledAtMs;
      const firstIdle = this.#idle[first % this.#scrapes]![slot]!;
      const increase =
        disturbed?.increaseIdle ?? this.#idle[last % this.#scrapes]![slot]! - firstIdle;
      const firstAll = disturbed?.firstAll ?? this.#allAt(first, this.#bootedAtMs[slot]!);
      const increaseAll =
        disturbed?.increaseAll ?? (this.#coresTotal * (lastAtMs - firstAtMs)) / 1000;
      rated++;
      // Each mode is a series of its own, which is not carried on further back than to its own zero.
      const busyRate = extrapolatedRate(
        startMs,
        atMs,
        firstAtMs,
        lastAtMs,
        count,
        firstAll - firstIdle,
        increaseAll - increase,
        true,
      );
      if (asWritten) {
        busy += busyRate;
        continue;
      }
      const idleRate = extrapolatedRate(
        startMs,
        atMs,
        firstAtMs,
        lastAtMs,
        count,
        firstIdle,
        increase,
        true,
      );
      idle += idleRate;
      all += idleRate + busyRate;
    }
    if (rated === 0) {
      return { missing: this.#nodesAreDown(newest, atMs) ? 'exporter-down' : 'empty' };
    }
    if (all === 0 && !asWritten) {
      // Counters that begin anew at each scrape never rise: 0 ÷ 0.
      return { missing: 'not-a-number' };
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

  /** Whether nodes are known to the newest scrape that an instant query at `atMs` finds, and none of them answered it. */
  #nodesAreDown(newest: number, atMs: number): boolean {
    const at = newest % this.#scrapes;
    return (
      newest >= 0 &&
      atMs - this.#scrapedAtMs[at]! <= LOOKBACK_MS &&
      this.#targetCount[at]! > 0 &&
      this.#scrapedCount[at] === 0
    );
  }

  /** The samples of a series with holes or resets, from `first` to `last`: as many and as large as Prometheus has them. */
  #samplesOf(slot: number, first: number, last: number): DisturbedSeries {
    const resets = this.#resets.filter((reset) => reset.slot === slot);
    const idle: number[] = [];
    const all: number[] = [];
    let firstFound = first;
    let lastFound = last;
    for (let scrape = first; scrape <= last; scrape++) {
      const value = this.#idle[scrape % this.#scrapes]![slot]!;
      if (Number.isNaN(value)) {
        continue;
      }
      const reset = resets.find((each) => scrape <= each.scrape);
      firstFound = idle.length === 0 ? scrape : firstFound;
      lastFound = scrape;
      idle.push(value);
      all.push(this.#allAt(scrape, reset?.bootedAtMs ?? this.#bootedAtMs[slot]!));
    }
    return {
      first: firstFound,
      last: lastFound,
      count: idle.length,
      increaseIdle: counterIncrease(idle, idle.length),
      firstAll: all[0] ?? 0,
      increaseAll: counterIncrease(all, all.length),
    };
  }

  /** The sum of a node’s counters over all modes, at a scrape. */
  #allAt(scrape: number, bootedAtMs: number): number {
    return (this.#coresTotal * (this.#scrapedAtMs[scrape % this.#scrapes]! - bootedAtMs)) / 1000;
  }
}

const NO_LUCK = [1, 1, 0] as const;

/** One node’s luck in a scrape, in [0, 1), of what was drawn for all of them: MurmurHash3’s finalizer. */
export function nodeLuck(luck: number, slot: number): number {
  let hash = luck ^ Math.imul(slot + 1, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 4294967296;
}
