import { quantile, stream, type QuantilePoint, type RandomStream } from './random.ts';
import type { StartupSettings } from './scenario.ts';

/**
 * Start-up time as a share: below 0 of the median, above 0 of (p95 − median). A lognormal’s shape to two digits.
 */
const STARTUP_SPREAD: readonly QuantilePoint[] = [
  [0, -0.45],
  [0.05, -0.31],
  [0.25, -0.15],
  [0.5, 0],
  [0.75, 0.35],
  [0.95, 1],
  [0.99, 1.6],
  [1, 2.4],
];
/**
 * A batch shares its registry, NAT and master: mostly nothing, now and then slower for all of it. The p95 over all instances is
 * 4 % above the setting because of it.
 */
const BATCH_SPREAD: readonly QuantilePoint[] = [
  [0, 0.94],
  [0.9, 1.06],
  [0.97, 1.1],
  [1, 1.5],
];
/** Shares of the start-up after which the instance runs, and its node appears. */
const RUNS_AT = 0.3;
const JOINS_AT = 0.85;
/** DescribeInstances shows a new instance only after up to this long. */
const DESCRIBE_LAG_MAX_MS = 8_000;
/** What makes a whole batch fail (a registry or a master that is down) lasts so long, and strikes all who launch in it. */
const COMMON_CAUSE_MS = 600_000;

/** From launch to Ready, for one draw of each spread. */
function startupMs(
  { medianSeconds, p95Seconds }: StartupSettings,
  spread: number,
  batch: number,
): number {
  const seconds =
    spread < 0
      ? medianSeconds * (1 + spread)
      : medianSeconds + spread * (p95Seconds - medianSeconds);
  return Math.round(seconds * batch * 1000);
}

/** The least that any node takes from launch to Ready, ms: both spreads at their luckiest. */
export function leastStartupMs(startup: StartupSettings): number {
  return startupMs(startup, quantile(STARTUP_SPREAD, 0), quantile(BATCH_SPREAD, 0));
}

/** How one instance comes up, in ms after its launch. */
export interface Boot {
  readonly visibleAfterMs: number;
  readonly runsAfterMs: number;
  readonly joinsAfterMs: number;
  readonly readyAfterMs: number;
  readonly joins: boolean;
}

/**
 * Draws start-ups. What the instances of one request have in common is drawn once for it: how slow all of them are, and
 * whether any joins at all. The latter goes by the time of day, so that whoever launches then meets it, under any policy.
 */
export class Startup {
  readonly #settings: StartupSettings;
  readonly #seed: number;
  readonly #startAtMs: number;
  readonly #boot: RandomStream;

  /** @param startAtMs the run’s first step, from which the common causes are counted */
  constructor(settings: StartupSettings, seed: number, startAtMs: number) {
    this.#settings = settings;
    this.#seed = seed;
    this.#startAtMs = startAtMs;
    this.#boot = stream(seed, 'boot');
  }

  /** The start-ups of `count` instances that are launched together. */
  batch(count: number, nowMs: number): Boot[] {
    const factor = quantile(BATCH_SPREAD, this.#boot.nextUnit());
    const mayJoin = !this.#strikes(nowMs);
    return Array.from({ length: count }, () => this.#one(factor, mayJoin));
  }

  #one(factor: number, mayJoin: boolean): Boot {
    const spread = quantile(STARTUP_SPREAD, this.#boot.nextUnit());
    const joins = this.#boot.nextUnit() * 100 >= this.#settings.neverJoinsPercent;
    const visibleAfterMs = this.#boot.nextInt(DESCRIBE_LAG_MAX_MS);
    const readyAfterMs = startupMs(this.#settings, spread, factor);
    return {
      visibleAfterMs,
      runsAfterMs: Math.round(readyAfterMs * RUNS_AT),
      joinsAfterMs: Math.round(readyAfterMs * JOINS_AT),
      readyAfterMs,
      joins: joins && mayJoin,
    };
  }

  #strikes(nowMs: number): boolean {
    const percent = this.#settings.batchNeverJoinsPercent;
    if (percent === 0) {
      return false;
    }
    const period = Math.floor((nowMs - this.#startAtMs) / COMMON_CAUSE_MS);
    return stream(this.#seed, 'boot', 'batch', period).nextUnit() * 100 < percent;
  }
}
