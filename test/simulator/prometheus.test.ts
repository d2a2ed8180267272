import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CPU_AS_WRITTEN,
  METRIC_NAMES,
  PENDING_AS_WRITTEN,
  type Metrics,
  type Reading,
} from '../../engine/index.ts';
import {
  CPU_WINDOW_MS,
  nodeLuck,
  Prometheus,
  type PrometheusFailures,
  type Gauges,
} from '../../simulator/prometheus.ts';
import { stream } from '../../simulator/random.ts';
import { counterIncrease, extrapolatedRate } from '../../simulator/rate.ts';
import type { PrometheusSettings } from '../../simulator/scenario.ts';
import { runs } from '../properties/arbitraries.ts';

const T = 1_795_716_000_000;
const CORES = 2;

/** A node's whole series, as a time series database would keep it. */
interface Series {
  readonly slot: number;
  bootedAtMs: number;
  readonly atMs: number[];
  /** When it was a target, whether or not it answered. */
  readonly targetAtMs: number[];
  readonly idle: number[];
  readonly all: number[];
}

/** The CPU query from first principles: of each node every sample in the window, and then `sum(rate) / sum(rate)`, busy time being one mode. */
function evaluated(fleet: Fleet, atMs: number): Reading {
  const { series: all, scrapeMs } = fleet;
  const startMs = atMs - CPU_WINDOW_MS;
  let idleRates = 0;
  let cpuRates = 0;
  let nodes = 0;
  let rated = 0;
  let samples = 0;
  let sampledAtMs = 0;
  for (const series of all) {
    const inside = series.atMs.flatMap((at, n) => (at >= startMs && at <= atMs ? [n] : []));
    nodes += series.targetAtMs.some((at) => at >= startMs && at <= atMs) ? 1 : 0;
    samples += inside.length;
    if (inside.length < 2) {
      continue;
    }
    const first = inside[0];
    const last = inside[inside.length - 1];
    const rise = (values: readonly number[]): number =>
      counterIncrease(
        inside.map((n) => values[n]),
        inside.length,
      );
    const rate = (firstValue: number, increase: number): number =>
      extrapolatedRate(
        startMs,
        atMs,
        series.atMs[first],
        series.atMs[last],
        inside.length,
        firstValue,
        increase,
        true,
      );
    rated++;
    const { idle, all: whole } = series;
    const idleRate = rate(idle[first], rise(idle));
    // Resets show in the sum of all modes; in one that hardly rises they would be lost in rounding.
    const busyRate = rate(whole[first] - idle[first], rise(whole) - rise(idle));
    idleRates += idleRate;
    cpuRates += idleRate + busyRate;
    sampledAtMs = Math.max(sampledAtMs, series.atMs[last]);
  }
  if (rated === 0) {
    return { missing: fleet.isDown(atMs) ? 'exporter-down' : 'empty' };
  }
  if (cpuRates === 0) {
    return { missing: 'not-a-number' };
  }
  const expected = nodes * Math.floor(CPU_WINDOW_MS / scrapeMs);
  return {
    value: 100 * (1 - idleRates / cpuRates),
    sampledAtMs,
    coverageRatio: Math.min(1, samples / expected),
    missing: null,
  };
}

/** Nodes that come up, stay at so many per cent of idleness, and go down. */
class Fleet {
  readonly prometheus: Prometheus;
  readonly scrapeMs: number;
  readonly series: Series[] = [];
  readonly up: Series[] = [];
  #off: Series[] = [];
  #slots: number;
  #idle: Float64Array;
  #scrape = 0;
  reused = 0;

  /** What each scrape meets: as Prometheus draws it. */
  readonly #failures: PrometheusFailures | null;
  readonly #luck = stream(1, 'scrape');
  missed = 0;
  /** Of each scrape that took place: when it did, how many nodes were up, and how many of them it got. */
  readonly #made: { readonly atMs: number; readonly up: number; readonly got: number }[] = [];

  constructor(scrapeMs = 15_000, slots = 8, failing: Partial<PrometheusSettings> | null = null) {
    this.scrapeMs = scrapeMs;
    this.#slots = slots;
    this.#idle = new Float64Array(slots);
    this.#failures = failing && {
      settings: { failedScrapePercent: 0, outages: [], ...failing },
      random: stream(1, 'scrape'),
    };
    this.prometheus = new Prometheus(scrapeMs, CORES, slots, this.#failures);
  }

  /** Nodes are known, and none answered the newest scrape that an instant query finds. */
  isDown(atMs: number): boolean {
    const newest = this.#made.findLast((each) => each.atMs <= atMs);
    return (
      newest !== undefined && atMs - newest.atMs <= 300_000 && newest.up > 0 && newest.got === 0
    );
  }

  get nowMs(): number {
    return T + (this.#scrape - 1) * this.scrapeMs;
  }

  /** A node whose counters were 0 so long before the next scrape, in which it had `idleSeconds`. */
  start(bootedMsAgo = 3_600_000, idleSeconds = (CORES * bootedMsAgo) / 2000): Series {
    let slot = 0;
    while (this.up.some((each) => each.slot === slot) || !this.prometheus.hasForgotten(slot)) {
      slot++;
    }
    if (this.series.some((each) => each.slot === slot)) {
      this.reused++;
    }
    if (slot >= this.#slots) {
      this.#slots *= 2;
      this.prometheus.ensureSlots(this.#slots);
      const larger = new Float64Array(this.#slots);
      larger.set(this.#idle);
      this.#idle = larger;
    }
    const bootedAtMs = this.nowMs + this.scrapeMs - bootedMsAgo;
    const node = { slot, bootedAtMs, atMs: [], targetAtMs: [], idle: [], all: [] };
    this.#idle[slot] = idleSeconds;
    this.prometheus.track(slot, node.bootedAtMs);
    this.prometheus.discover(slot);
    this.series.push(node);
    this.up.push(node);
    return node;
  }

  /** @param keepsNode its machine is off, and Kubernetes still has its node: it may come up again */
  stop(node: Series, keepsNode = false): void {
    this.up.splice(this.up.indexOf(node), 1);
    this.prometheus.lose(node.slot);
    if (keepsNode) {
      this.#off.push(node);
    } else {
      this.prometheus.undiscover(node.slot);
    }
  }

  /** The same machine again, up since so long before the next scrape: its counters begin at 0. */
  restart(node: Series, bootedMsAgo = 0): void {
    node.bootedAtMs = this.nowMs + this.scrapeMs - bootedMsAgo;
    this.#idle[node.slot] = 0;
    this.prometheus.track(node.slot, node.bootedAtMs);
    if (!this.up.includes(node)) {
      this.up.push(node);
      this.#off = this.#off.filter((each) => each !== node);
    }
  }

  /** The next scrape; then each node idles for this share of the time until the one after. */
  scrape(idleShare: (node: Series) => number): void {
    this.#scrape++;
    this.prometheus.scrape(this.nowMs, this.#idle);
    const { failedScrapePercent = 0, outages = [] } = this.#failures?.settings ?? {};
    const nodesLuck =
      failedScrapePercent > 0
        ? [this.#luck.nextUnit(), this.#luck.nextUnit(), this.#luck.nextUint32()][2]
        : 0;
    const isDown = outages.some(({ fromMs, toMs }) => this.nowMs >= fromMs && this.nowMs < toMs);
    let got = 0;
    for (const node of this.up) {
      if (isDown || nodeLuck(nodesLuck, node.slot) * 100 < failedScrapePercent) {
        this.missed++;
      } else {
        got++;
        node.atMs.push(this.nowMs);
        node.idle.push(this.#idle[node.slot]);
        node.all.push((CORES * (this.nowMs - node.bootedAtMs)) / 1000);
      }
      this.#idle[node.slot] += (idleShare(node) * CORES * this.scrapeMs) / 1000;
    }
    if (!isDown) {
      [...this.up, ...this.#off].forEach((node) => node.targetAtMs.push(this.nowMs));
      this.#made.push({ atMs: this.nowMs, up: this.up.length + this.#off.length, got });
    }
  }

  scrapes(count: number, idleShare: number): void {
    for (let n = 0; n < count; n++) {
      this.scrape(() => idleShare);
    }
  }
}

function gauges(
  memoryPercent: number,
  unschedulablePods: number,
  latencyP95Ms: number,
  requestsPerSecond: number,
  pendingPods: number,
): Gauges {
  return { memoryPercent, unschedulablePods, latencyP95Ms, requestsPerSecond, pendingPods };
}

/**
 * The brief’s query from first principles: of each node’s CPUs every series but idle, and then their mean. A CPU’s busy time is
 * split over its modes as these shares say.
 */
const MODE_SHARES = {
  iowait: 0.06,
  irq: 0,
  nice: 0,
  softirq: 0.04,
  steal: 0,
  system: 0.2,
  user: 0.7,
};
/** In one mode alone: its counters are halves, so that no rounding decides which way a tie goes. */
const ALL_USER = { iowait: 0, irq: 0, nice: 0, softirq: 0, steal: 0, system: 0, user: 1 };

function evaluatedAsWritten(
  series: readonly Series[],
  atMs: number,
  shares: Readonly<Record<string, number>> = MODE_SHARES,
): number {
  const startMs = atMs - CPU_WINDOW_MS;
  let sum = 0;
  let count = 0;
  for (const { atMs: times, idle, all } of series) {
    const inside = times.flatMap((at, n) => (at >= startMs && at <= atMs ? [n] : []));
    if (inside.length < 2) {
      continue;
    }
    const [first, last] = [inside[0], inside[inside.length - 1]];
    const busy = (n: number): number => all[n] - idle[n];
    const rise = (values: readonly number[]): number =>
      counterIncrease(
        inside.map((n) => values[n]),
        inside.length,
      );
    for (let cpu = 0; cpu < CORES; cpu++) {
      for (const share of Object.values(shares)) {
        const value = (n: number): number => (share * busy(n)) / CORES;
        // Resets show in the sum of all modes; in a mode that hardly rises they would be lost in rounding.
        const increase = (share * (rise(all) - rise(idle))) / CORES;
        sum += extrapolatedRate(
          startMs,
          atMs,
          times[first],
          times[last],
          inside.length,
          value(first),
          increase,
          true,
        );
        count++;
      }
    }
  }
  return count === 0 ? NaN : (100 * sum) / count;
}

const shown = (reading: Reading): number | string =>
  reading.missing === null ? reading.value : reading.missing;
const valueOf = (reading: Reading): number => (reading.missing === null ? reading.value : NaN);
const coverageOf = (reading: Reading): number =>
  reading.missing === null ? reading.coverageRatio : NaN;

describe('the CPU query', () => {
  it('is what all samples of all nodes give, over nodes that come, go and come again', () => {
    const tick = fc.record({
      starts: fc.boolean(),
      bootedMsAgo: fc.integer({ min: 0, max: 400_000 }),
      idleAtFirst: fc.double({ min: 0, max: 1, noNaN: true }),
      stops: fc.option(fc.nat(9), { freq: 3 }),
      idle: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 4 }),
      offset: fc.double({ min: -1, max: 1, noNaN: true }),
    });
    const history = fc.array(tick, { minLength: 30, maxLength: 120, size: 'max' });
    const seen = { read: 0, empty: 0, partial: 0, dead: 0, past: 0, reused: 0 };
    fc.assert(
      fc.property(fc.constantFrom(7_000, 15_000, 60_000), history, (scrapeMs, ticks) => {
        const fleet = new Fleet(scrapeMs, 2);
        for (const { starts, bootedMsAgo, idleAtFirst, stops, idle, offset } of ticks) {
          if (stops !== null && fleet.up.length > 0) {
            fleet.stop(fleet.up[stops % fleet.up.length]);
          }
          if (starts && fleet.up.length < 8) {
            fleet.start(bootedMsAgo, (idleAtFirst * CORES * bootedMsAgo) / 1000);
          }
          fleet.scrape(({ slot }) => idle[slot % idle.length]);
          const atMs = fleet.nowMs + Math.round(offset * scrapeMs);
          const direct = evaluated(fleet, atMs);
          const reading = fleet.prometheus.cpuPercent(atMs);
          if (direct.missing !== null || reading.missing !== null) {
            expect(reading).toEqual(direct);
            seen.empty++;
            continue;
          }
          expect(Math.abs(reading.value - direct.value)).toBeLessThan(1e-9);
          expect(reading.sampledAtMs).toBe(direct.sampledAtMs);
          expect(reading.coverageRatio).toBe(direct.coverageRatio);
          const [written] = fleet.prometheus.query(atMs, [CPU_AS_WRITTEN]).custom;
          expect(written.reading).toMatchObject({
            value: expect.closeTo(evaluatedAsWritten(fleet.series, atMs), 9) as number,
            sampledAtMs: direct.sampledAtMs,
            coverageRatio: direct.coverageRatio,
          });
          seen.read++;
          seen.partial += reading.coverageRatio < 1 ? 1 : 0;
          seen.past += atMs < fleet.nowMs ? 1 : 0;
          seen.dead += reading.sampledAtMs < Math.min(atMs, fleet.nowMs) - scrapeMs ? 1 : 0;
        }
        seen.reused += fleet.reused;
      }),
      runs(60),
    );
    for (const [what, count] of Object.entries(seen)) {
      expect(count, what).toBeGreaterThan(20);
    }
  });

  it('is what all samples give that were scraped, over holes, outages and counters that begin anew', () => {
    const tick = fc.record({
      starts: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
      stops: fc.option(fc.nat(9), { freq: 4 }),
      restarts: fc.option(fc.nat(9), { freq: 3 }),
      idle: fc.double({ min: 0, max: 1, noNaN: true }),
      offset: fc.double({ min: -1, max: 1, noNaN: true }),
    });
    const history = fc.array(tick, { minLength: 40, maxLength: 120, size: 'max' });
    const settings = fc.record({
      failedScrapePercent: fc.constantFrom(0, 5, 60),
      outages: fc.array(
        fc
          .tuple(fc.integer({ min: 0, max: 1200 }), fc.integer({ min: 1, max: 600 }))
          .map(([from, length]) => ({
            fromMs: T + from * 1000,
            toMs: T + (from + length) * 1000,
          })),
        { maxLength: 2 },
      ),
    });
    const seen = { read: 0, empty: 0, missed: 0, restarted: 0 };
    fc.assert(
      fc.property(settings, history, (failing, ticks) => {
        const fleet = new Fleet(15_000, 2, failing);
        const machines: Series[] = [];
        for (const { starts, stops, restarts, idle, offset } of ticks) {
          if (stops !== null && fleet.up.length > 0) {
            fleet.stop(fleet.up[stops % fleet.up.length], true);
          }
          if (restarts !== null && machines.length > 0) {
            const machine = machines[restarts % machines.length];
            // A slot that was given to another machine is not this one’s any more.
            if (!machines.some((each) => each !== machine && each.slot === machine.slot)) {
              fleet.restart(machine, 3_000);
              seen.restarted++;
            }
          }
          if (starts && fleet.up.length < 8) {
            machines.push(fleet.start(60_000, 3));
          }
          fleet.scrape(() => idle);
          const atMs = fleet.nowMs + Math.round(offset * 15_000);
          const direct = evaluated(fleet, atMs);
          const reading = fleet.prometheus.cpuPercent(atMs);
          if (direct.missing !== null || reading.missing !== null) {
            expect(reading).toEqual(direct);
            seen.empty++;
            continue;
          }
          expect(Math.abs(reading.value - direct.value)).toBeLessThan(1e-9);
          expect(reading.sampledAtMs).toBe(direct.sampledAtMs);
          expect(reading.coverageRatio).toBe(direct.coverageRatio);
          const [written] = fleet.prometheus.query(atMs, [CPU_AS_WRITTEN]).custom;
          expect(written.reading).toMatchObject({
            value: expect.closeTo(
              Math.max(0, evaluatedAsWritten(fleet.series, atMs, ALL_USER)),
              9,
            ) as number,
          });
          seen.read++;
        }
        seen.missed += fleet.missed;
      }),
      runs(60),
    );
    for (const [what, count] of Object.entries(seen)) {
      expect(count, what).toBeGreaterThan(20);
    }
  });

  /**
   * Printed by `promtool test rules` 2.42.0 (Debian 12) for `cpu{node,mode}` at 15 s and
   * `100 * (1 - sum(rate(cpu{mode="idle"}[5m])) / sum(rate(cpu[5m])))`: a (idle 1000+18x60, user 500+12x60), b from 480 s on
   * (idle 60+27x20, user 60+3x20), c up to 420 s (idle 700+3x28, user 800+27x28).
   */
  it('gives what promtool 2.42 gives', () => {
    const fleet = new Fleet();
    const a = fleet.start(750_000, 1000);
    const c = fleet.start(750_000, 700);
    let b: Series | null = null;
    const shares = (node: Series): number => (node === a ? 0.6 : node === b ? 0.9 : 0.1);
    const readings: number[] = [];
    for (let k = 0; k <= 49; k++) {
      if (k === 29) {
        fleet.stop(c);
      }
      if (k === 32) {
        b = fleet.start(60_000, 60);
      }
      fleet.scrape(shares);
      const askedMs = [485_000, 510_000, 607_000, 735_000].find(
        (ms) => Math.floor(ms / 15_000) === k,
      );
      if (askedMs !== undefined) {
        readings.push(valueOf(fleet.prometheus.cpuPercent(T + askedMs)));
      }
    }
    const promtool = [6.235023041474654e1, 5.756756756756756e1, 4.358558558558558e1, 26];
    expect(readings).toHaveLength(4);
    readings.forEach((value, n) => expect(value).toBeCloseTo(promtool[n], 10));
  });

  it('gives what promtool 2.42 gives where a counter’s zero cuts in', () => {
    // idle 3+27x20 and user 117+3x20, both from 45 s on; at 110 s. The truth is 10 %.
    const fleet = new Fleet();
    fleet.scrapes(3, 0);
    fleet.start(60_000, 3);
    fleet.scrapes(5, 0.9);
    const reading = fleet.prometheus.cpuPercent(T + 110_000);
    expect(valueOf(reading)).toBeCloseTo(1.0780669144981413e1, 10);
  });

  it.each([
    [100, 0],
    [70, 0.3],
    [0, 1],
  ])(
    'reads %i %% where that is so, in every window, however little of it is filled',
    (busy, idle) => {
      const fleet = new Fleet();
      fleet.start();
      fleet.scrapes(1, idle);
      for (let n = 0; n < 40; n++) {
        fleet.scrapes(1, idle);
        expect(valueOf(fleet.prometheus.cpuPercent(fleet.nowMs))).toBeCloseTo(busy, 9);
      }
    },
  );

  it('is the same at every phase between two scrapes', () => {
    const fleet = new Fleet();
    fleet.start();
    fleet.start();
    fleet.scrapes(30, 0.45);
    for (let offsetMs = 0; offsetMs < 15_000; offsetMs += 500) {
      const reading = fleet.prometheus.cpuPercent(fleet.nowMs + offsetMs);
      expect(valueOf(reading)).toBeCloseTo(55, 9);
      expect(reading.missing === null && reading.sampledAtMs).toBe(fleet.nowMs);
    }
  });

  it('weighs nodes by how much of the window they fill', () => {
    const fleet = new Fleet();
    const old = fleet.start();
    fleet.scrapes(25, 1);
    fleet.start(3_600_000);
    for (let n = 0; n < 11; n++) {
      fleet.scrape((node) => (node === old ? 1 : 0));
    }
    // At a scrape: the idle one fills 300 s, the busy one 10 spacings and half of one to the left.
    const busySeconds = 10 * 15 + 7.5;
    const { prometheus, nowMs } = fleet;
    expect(valueOf(prometheus.cpuPercent(nowMs))).toBeCloseTo(
      (100 * busySeconds) / (300 + busySeconds),
      9,
    );
  });

  it('needs two samples of a node', () => {
    const fleet = new Fleet();
    fleet.start();
    fleet.scrapes(1, 0.5);
    expect(fleet.prometheus.cpuPercent(fleet.nowMs)).toEqual({ missing: 'empty' });
    fleet.scrapes(1, 0.5);
    expect(valueOf(fleet.prometheus.cpuPercent(fleet.nowMs))).toBeCloseTo(50, 9);
  });

  it('a machine that is off is a target as long as it has a node: it lowers the coverage', () => {
    const { prometheus } = new Fleet();
    const idle = new Float64Array(8);
    for (const slot of [0, 1]) {
      prometheus.track(slot, T - 3_600_000);
      prometheus.discover(slot);
    }
    const coverages: number[] = [];
    for (let n = 0; n < 90; n++) {
      // The second goes off at 10 min, and is forgotten by Kubernetes at 15.
      if (n === 40) {
        prometheus.lose(1);
      } else if (n === 60) {
        prometheus.undiscover(1);
      }
      prometheus.scrape(T + n * 15_000, idle);
      prometheus.setGauges(gauges(50, 0, 0, 0, 0));
      const { cpuPercent, memoryPercent } = prometheus.query(T + n * 15_000);
      if (n % 20 === 19) {
        coverages.push(coverageOf(cpuPercent), coverageOf(memoryPercent));
      }
    }
    expect(coverages).toEqual([1, 1, 1, 1, 22 / 40, 1 / 2, 21 / 40, 1]);
  });

  it('covers what is there of the 20 samples that each node should have', () => {
    const fleet = new Fleet();
    fleet.start();
    fleet.scrapes(5, 0.5);
    expect(coverageOf(fleet.prometheus.cpuPercent(fleet.nowMs))).toBe(5 / 20);
    fleet.scrapes(15, 0.5);
    expect(coverageOf(fleet.prometheus.cpuPercent(fleet.nowMs))).toBe(1);
    // 21 at the very instant of a scrape are no more than all.
    fleet.scrapes(10, 0.5);
    expect(coverageOf(fleet.prometheus.cpuPercent(fleet.nowMs))).toBe(1);
    fleet.start();
    fleet.scrapes(10, 0.5);
    expect(coverageOf(fleet.prometheus.cpuPercent(fleet.nowMs + 1))).toBe((20 + 10) / 40);
  });

  it('goes on counting a dead node until the window has passed its last two samples', () => {
    const fleet = new Fleet();
    const alive = fleet.start();
    const dead = fleet.start();
    const share = (node: Series): number => (node === alive ? 1 : 0);
    for (let n = 0; n < 30; n++) {
      fleet.scrape(share);
    }
    fleet.stop(dead);
    const lastAtMs = fleet.nowMs;
    const at = (): number => valueOf(fleet.prometheus.cpuPercent(fleet.nowMs));
    expect(at()).toBeCloseTo(50, 9);
    while (fleet.nowMs < lastAtMs + CPU_WINDOW_MS - 15_000) {
      fleet.scrape(share);
      expect(at()).toBeGreaterThan(1);
    }
    // One sample left, at the very edge: no rate any more, but the series is still there.
    fleet.scrape(share);
    expect(at()).toBeCloseTo(0, 9);
    expect(coverageOf(fleet.prometheus.cpuPercent(fleet.nowMs))).toBe(22 / 40);
    fleet.scrape(share);
    expect(coverageOf(fleet.prometheus.cpuPercent(fleet.nowMs))).toBe(1);
  });

  it('says of a fleet that is gone how old its newest sample is', () => {
    const fleet = new Fleet();
    const node = fleet.start();
    fleet.scrapes(30, 0.5);
    fleet.stop(node);
    const lastAtMs = fleet.nowMs;
    fleet.scrapes(5, 0);
    const reading = fleet.prometheus.cpuPercent(fleet.nowMs);
    expect(reading.missing === null && reading.sampledAtMs).toBe(lastAtMs);
    fleet.scrapes(25, 0);
    expect(fleet.prometheus.cpuPercent(fleet.nowMs)).toEqual({ missing: 'empty' });
  });

  it('forgets a slot only when nothing of it is in any window', () => {
    const fleet = new Fleet();
    const node = fleet.start();
    fleet.scrapes(3, 0.5);
    fleet.stop(node);
    while (!fleet.prometheus.hasForgotten(node.slot)) {
      fleet.scrapes(1, 0);
    }
    expect(fleet.nowMs - node.atMs[node.atMs.length - 1]).toBeGreaterThan(CPU_WINDOW_MS);
    expect(fleet.nowMs - node.atMs[node.atMs.length - 1]).toBeLessThan(3 * CPU_WINDOW_MS);
  });
});

/** Why each of the standard readings is missing, in their order; null: it is there. */
const missing = (metrics: Metrics) => METRIC_NAMES.map((name) => metrics[name].missing);

describe('a query at an instant', () => {
  const standard = (metrics: Metrics): Reading[] => METRIC_NAMES.map((name) => metrics[name]);
  const asked = (prometheus: Prometheus, atMs: number) =>
    standard(prometheus.query(atMs)).map(shown);

  it('finds nothing before the first scrape', () => {
    const prometheus = new Prometheus(15_000, CORES, 4);
    expect(asked(prometheus, T)).toEqual(['empty', 'empty', 'empty', 'empty', 'empty']);
  });

  it('sees gauges as they were at the newest scrape, and says when that was', () => {
    const fleet = new Fleet();
    fleet.start();
    fleet.scrapes(2, 0.5);
    fleet.prometheus.setGauges(gauges(61.5, 3, 250, 99.5, 7));
    const metrics = fleet.prometheus.query(fleet.nowMs + 14_999);
    expect(asked(fleet.prometheus, fleet.nowMs + 14_999)).toEqual([
      expect.closeTo(50, 9),
      61.5,
      3,
      250,
      99.5,
    ]);
    for (const reading of standard(metrics)) {
      expect(reading.missing === null && reading.sampledAtMs).toBe(fleet.nowMs);
    }
    expect(coverageOf(metrics.unschedulablePods)).toBe(1);
  });

  it('sees nothing that was scraped after it', () => {
    const fleet = new Fleet();
    fleet.start();
    for (let n = 1; n <= 3; n++) {
      fleet.scrapes(1, 0.5);
      fleet.prometheus.setGauges(gauges(10 * n, n, 100 * n, 1000 * n, 2 * n));
    }
    const justBefore = fleet.prometheus.query(fleet.nowMs - 1);
    expect(asked(fleet.prometheus, fleet.nowMs - 1).slice(1)).toEqual([20, 2, 200, 2000]);
    for (const reading of standard(justBefore)) {
      expect(reading.missing === null && reading.sampledAtMs).toBe(fleet.nowMs - 15_000);
    }
    expect(asked(fleet.prometheus, T - 1)).toEqual(['empty', 'empty', 'empty', 'empty', 'empty']);
  });

  it('knows no memory when no node is up, but still what others export', () => {
    const prometheus = new Prometheus(15_000, CORES, 4);
    prometheus.scrape(T, new Float64Array(4));
    prometheus.setGauges(gauges(50, 2, 80, 10, 4));
    expect(asked(prometheus, T)).toEqual(['empty', 'empty', 2, 80, 10]);
  });
});

describe('the brief’s own queries', () => {
  const written = (fleet: Fleet, name = CPU_AS_WRITTEN): number =>
    valueOf(fleet.prometheus.query(fleet.nowMs, [name]).custom[0].reading);

  it.each([
    [100, 0],
    [70, 0.3],
    [30, 0.7],
    [0, 1],
  ])('a node that is %i %% busy reads a seventh of that: a mean over modes, too', (busy, idle) => {
    const fleet = new Fleet();
    fleet.start();
    fleet.scrapes(30, idle);
    expect(written(fleet)).toBeCloseTo(busy / 7, 9);
    expect(written(fleet)).toBeGreaterThanOrEqual(0);
  });

  it('so that 70 %% is out of reach and 30 %% is never exceeded', () => {
    const fleet = new Fleet();
    fleet.start();
    fleet.start();
    for (let n = 0; n < 40; n++) {
      fleet.scrapes(1, 0);
      expect(n === 0 || written(fleet) < 14.3).toBe(true);
    }
    expect(written(fleet)).toBeCloseTo(100 / 7, 9);
  });

  it('a window that is only partly filled reads less still: nothing cancels', () => {
    const fleet = new Fleet();
    fleet.start();
    fleet.scrapes(6, 0);
    // 5 spacings and half of one to the left, of 300 s.
    expect(written(fleet)).toBeCloseTo((100 / 7) * ((5 * 15 + 7.5) / 300), 9);
  });

  it('pods in phase Pending are a gauge of their own', () => {
    const fleet = new Fleet();
    fleet.start();
    fleet.scrapes(2, 0.5);
    fleet.prometheus.setGauges(gauges(50, 3, 80, 10, 8));
    expect(written(fleet, PENDING_AS_WRITTEN)).toBe(8);
    expect(valueOf(fleet.prometheus.query(fleet.nowMs).unschedulablePods)).toBe(3);
  });
});

describe('custom readings', () => {
  const NAMES = [PENDING_AS_WRITTEN, 'nobody-exports-this', CPU_AS_WRITTEN];

  it('come under their names, in the order in which they were asked for', () => {
    const fleet = new Fleet();
    fleet.start();
    fleet.scrapes(2, 0.5);
    const { custom } = fleet.prometheus.query(fleet.nowMs, NAMES);
    expect(custom.map(({ name }) => name)).toEqual(NAMES);
    expect(custom[1].reading).toEqual({ missing: 'empty' });
  });

  it('are none unless asked for, and empty before the first scrape', () => {
    const prometheus = new Prometheus(15_000, CORES, 4);
    expect(prometheus.query(T).custom).toEqual([]);
    const empty = NAMES.map((name) => ({ name, reading: { missing: 'empty' } }));
    expect(prometheus.query(T, NAMES).custom).toEqual(empty);
  });
});

describe('a scrape that fails', () => {
  it('takes that target’s instant vectors away at once; what ranges hold stays', () => {
    const fleet = new Fleet(15_000, 8, { failedScrapePercent: 30 });
    fleet.start();
    const seen = new Set<string>();
    for (let n = 0; n < 200; n++) {
      fleet.scrapes(1, 0.5);
      fleet.prometheus.setGauges(gauges(61, 3, 250, 99, 8));
      const { unschedulablePods, apiLatencyP95Ms, requestsPerSecond, memoryPercent, cpuPercent } =
        fleet.prometheus.query(fleet.nowMs + 1_000);
      // S1: without kube-state-metrics nothing pending is not known to be nothing.
      seen.add(`pods ${unschedulablePods.missing ?? String(unschedulablePods.value)}`);
      seen.add(`shop ${apiLatencyP95Ms.missing ?? String(apiLatencyP95Ms.value)}`);
      expect(requestsPerSecond.missing).toBe(apiLatencyP95Ms.missing);
      seen.add(`node ${memoryPercent.missing ?? String(memoryPercent.value)}`);
      if (n > 20) {
        expect(cpuPercent.missing).toBeNull();
      }
    }
    expect([...seen].sort()).toEqual([
      'node 61',
      'node exporter-down',
      'pods 3',
      'pods exporter-down',
      'shop 250',
      'shop exporter-down',
    ]);
  });

  it('leaves coverage for what it got: of nodes in an instant, of samples in a window', () => {
    const fleet = new Fleet(15_000, 8, { failedScrapePercent: 50 });
    for (let n = 0; n < 4; n++) {
      fleet.start();
    }
    let partly = 0;
    for (let n = 0; n < 60; n++) {
      fleet.scrapes(1, 0.5);
      fleet.prometheus.setGauges(gauges(61, 3, 250, 99, 8));
      const { cpuPercent, memoryPercent } = fleet.prometheus.query(fleet.nowMs);
      const got = fleet.series.filter(({ atMs }) => atMs.at(-1) === fleet.nowMs).length;
      if (n < 30 || got === 0) {
        continue;
      }
      const samples = fleet.series.flatMap(({ atMs }) =>
        atMs.filter((at) => at >= fleet.nowMs - CPU_WINDOW_MS),
      ).length;
      expect(coverageOf(memoryPercent)).toBe(got / 4);
      expect(coverageOf(cpuPercent)).toBe(samples / 80);
      partly += got < 4 ? 1 : 0;
    }
    expect(partly).toBeGreaterThan(15);
  });

  it('fails the same targets under two policies, whatever else is up', () => {
    const [one, two] = [
      new Fleet(15_000, 8, { failedScrapePercent: 40 }),
      new Fleet(15_000, 8, { failedScrapePercent: 40 }),
    ];
    one.start();
    two.start();
    two.start();
    for (let n = 0; n < 60; n++) {
      for (const fleet of [one, two]) {
        fleet.scrapes(1, 0.5);
        fleet.prometheus.setGauges(gauges(61, 3, 250, 99, 8));
      }
      const of = (fleet: Fleet) => {
        const { unschedulablePods, apiLatencyP95Ms } = fleet.prometheus.query(fleet.nowMs);
        return [unschedulablePods.missing, apiLatencyP95Ms.missing];
      };
      expect(of(two)).toEqual(of(one));
    }
    expect(two.series[0].atMs).toEqual(one.series[0].atMs);
  });

  it('for ever leaves nothing to read, and forgets no node for it', () => {
    const fleet = new Fleet(15_000, 8, { failedScrapePercent: 100 });
    const node = fleet.start();
    fleet.scrapes(100, 0.5);
    expect(fleet.missed).toBe(100);
    expect(missing(fleet.prometheus.query(fleet.nowMs))).toEqual([
      'exporter-down',
      'exporter-down',
      'exporter-down',
      'exporter-down',
      'exporter-down',
    ]);
    expect(fleet.prometheus.hasForgotten(node.slot)).toBe(false);
  });
});

describe('while Prometheus is down', () => {
  const MINUTE_MS = 60_000;
  /** Down from 10:00 up to `minutes` later; two nodes, idle but for a tenth. */
  const through = (minutes: number): Fleet => {
    const outage = { fromMs: T + 10 * MINUTE_MS, toMs: T + (10 + minutes) * MINUTE_MS };
    const fleet = new Fleet(15_000, 8, { outages: [outage] });
    fleet.start();
    fleet.start();
    // Up to the last scrape before the outage is over.
    for (let n = 0; fleet.nowMs < outage.toMs - 15_000; n++) {
      fleet.scrapes(1, 0.9);
      fleet.prometheus.setGauges(gauges(n, n, n, n, n));
    }
    return fleet;
  };

  it('is so from its first instant up to, and without, its last', () => {
    const { prometheus } = through(3);
    const at = [600_000 - 1, 600_000, 780_000 - 1, 780_000];
    expect(at.map((ms) => prometheus.isDown(T + ms))).toEqual([false, true, true, false]);
  });

  it('nothing is scraped; afterwards a window holds what it got, and says how much that is', () => {
    const fleet = through(3);
    fleet.scrapes(1, 0.9);
    // 13:00: 8 samples from 8:00 to 9:45 and the one just now.
    const { cpuPercent } = fleet.prometheus.query(fleet.nowMs);
    expect(valueOf(cpuPercent)).toBeCloseTo(10, 9);
    expect(coverageOf(cpuPercent)).toBe(9 / 20);
  });

  it('nobody marks series as stale: an instant query finds them until they are five minutes old', () => {
    const fleet = through(8);
    const lastAtMs = T + 10 * MINUTE_MS - 15_000;
    const at = (ms: number) => fleet.prometheus.query(lastAtMs + ms);
    expect(at(5 * MINUTE_MS).unschedulablePods).toEqual({
      value: 39,
      sampledAtMs: lastAtMs,
      coverageRatio: 1,
      missing: null,
    });
    const later = at(5 * MINUTE_MS + 1);
    expect(missing(later)).toEqual(['empty', 'empty', 'empty', 'empty', 'empty']);
  });

  it('what its targets show meanwhile is never seen', () => {
    const fleet = through(3);
    const { memoryPercent } = fleet.prometheus.query(fleet.nowMs + 15_000);
    expect(memoryPercent).toMatchObject({ value: 39, sampledAtMs: T + 10 * MINUTE_MS - 15_000 });
  });
});

describe('counters that begin anew', () => {
  it('are no negative rate: what they rose by since 0 counts', () => {
    const fleet = new Fleet();
    const node = fleet.start();
    fleet.scrapes(12, 0.5);
    fleet.restart(node);
    fleet.scrapes(10, 0.5);
    // Nothing is known of the spacing in which it happened; the rest is half idle.
    const reading = fleet.prometheus.cpuPercent(fleet.nowMs);
    expect(valueOf(reading)).toBeCloseTo(50, 9);
    expect(coverageOf(reading)).toBe(1);
  });

  it('of a machine that was down leave a hole, and its series goes on', () => {
    const fleet = new Fleet();
    const node = fleet.start();
    fleet.scrapes(12, 0.5);
    fleet.stop(node);
    fleet.scrapes(5, 0.5);
    fleet.restart(node);
    fleet.scrapes(5, 0.5);
    // Of the 21 scrapes in the window, five found nobody.
    expect(coverageOf(fleet.prometheus.cpuPercent(fleet.nowMs))).toBe((21 - 5) / 20);
  });
});
