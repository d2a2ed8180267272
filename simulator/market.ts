import type { DoomedMark, Market } from '../engine/index.ts';
import { stream } from './random.ts';
import type { MarketEvent, Scenario } from './scenario.ts';

/** AWS takes a spot instance two minutes after its notice (EC2 User Guide, “Spot Instance interruption notices”). */
export const NOTICE_MS = 120_000;
/** How long before its notice a hint comes, where one does. An assumption: AWS says “sooner” and “best effort”. */
const HINT_LEAD_MIN_MS = 120_000;
const HINT_LEAD_SPREAD_MS = 1_080_000;
/** How long a pool that reclaims refuses launches. An assumption. */
const SHORTAGE_MIN_MS = 600_000;
const SHORTAGE_SPREAD_MS = 4_800_000;
/** A reclaim takes anything from one to all of a pool, evenly drawn: half of it on average. */
const RECLAIMED_MEAN_RATIO = 0.5;
const HOUR_MS = 3_600_000;
const HOURS_PER_MONTH = 720;
/**
 * A spot price’s step, each hour: of the swing, how far it moves at most, and how much of the way it comes back to the mean.
 * AWS says no more than that prices follow the trend of supply and demand gradually.
 */
const PRICE_MOVE = 0.1;
const PRICE_RETURN = 0.02;
/** AWS charges nothing for a Linux spot instance that it takes within its first hour; see `spotCostRatio`. */
const FREE_MS = HOUR_MS;

/** What the market does to the world. */
export interface MarketWorld {
  /** Instances that are pending or running, by id. */
  aliveInstances(): readonly {
    readonly id: string;
    readonly zone: string;
    readonly market: Market;
  }[];
  /** AWS takes an instance. */
  reclaim(instanceId: string, nowMs: number): void;
  /** A machine loses its power, or comes up again. */
  setPower(instanceId: string, on: boolean, nowMs: number): void;
}

/** Which instances of a pool something strikes: that share of them, beginning somewhere in the order of their ids. */
interface Draw {
  readonly ratio: number;
  readonly rounding: number;
  readonly offset: number;
}
const ALL: Draw = { ratio: 1, rounding: 0, offset: 0 };

/** Something that happens to one pool, or to all of a zone. */
type Happening = { readonly atMs: number; readonly zone: string } & (
  { readonly kind: 'hint' | 'notice' | 'take'; readonly draw: Draw } | { readonly kind: 'power' }
);

/** Launches into this pool are refused; `market` null: into both of the zone. */
interface Shortage {
  readonly zone: string;
  readonly market: Market | null;
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * EC2’s pools, a zone and a market each: what they reclaim, refuse and charge. All of it is drawn before the run, by pool
 * and by time, from streams of its own, so that every policy meets the same market whatever it has running there.
 *
 * Reclaims strike a pool in any hour alike, so often that each instance is taken `reclaimPercentPerMonth` times in a
 * hundred months. AWS publishes that per type and region as the “frequency of interruption” of the Spot Instance Advisor, in
 * classes of 5 %; the default is the lowest one’s end.
 */
export class SpotMarket {
  readonly #scenario: Scenario;
  readonly #firstStepAtMs: number = 0;
  readonly #happenings: readonly Happening[];
  readonly #shortages: readonly Shortage[];
  #next = 0;
  /** Noticed instances and when they are taken, in that order. */
  readonly #taking: { readonly atMs: number; readonly instanceId: string }[] = [];
  /** The spot price of each hour by zone, as a ratio to the book’s; empty while prices do not move. */
  readonly #priceRatios: readonly (readonly number[])[];
  /** What AWS has announced since somebody last took it from here. */
  announced: DoomedMark[] = [];
  /** When the market acts next. */
  nextAtMs = Infinity;

  /** @param toMs the end of the run */
  constructor(scenario: Scenario, seed: number, firstStepAtMs: number, toMs: number) {
    const { zones } = scenario.cluster;
    this.#scenario = scenario;
    this.#firstStepAtMs = firstStepAtMs;
    const hours = Math.ceil((toMs - firstStepAtMs) / HOUR_MS);
    const happenings: Happening[] = [];
    const shortages: Shortage[] = [];
    for (const zone of zones) {
      drawReclaims(scenario, seed, zone, firstStepAtMs, hours, happenings, shortages);
    }
    scenario.market.events.forEach((event, n) => {
      planEvent(scenario, seed, event, n, happenings, shortages);
    });
    this.#happenings = happenings.sort((a, b) => a.atMs - b.atMs);
    this.#shortages = shortages;
    const swing = scenario.market.priceSwingPercent / 100;
    this.#priceRatios = swing === 0 ? [] : zones.map((zone) => pricePath(seed, zone, swing, hours));
    this.#setNext();
  }

  /** Lets happen what is due. */
  pass(world: MarketWorld, nowMs: number): void {
    while (this.#taking.length > 0 && this.#taking[0]!.atMs <= nowMs) {
      world.reclaim(this.#taking.shift()!.instanceId, nowMs);
    }
    while (this.#next < this.#happenings.length && this.#happenings[this.#next]!.atMs <= nowMs) {
      this.#happen(this.#happenings[this.#next++]!, world, nowMs);
    }
    this.#setNext();
  }

  /** Why a launch is refused, for certain; null: it goes through. */
  refusal(
    pool: { readonly zone: string; readonly market: Market; readonly count: number },
    world: MarketWorld,
    nowMs: number,
  ): 'quota' | 'insufficient-capacity' | null {
    const { zone, market, count } = pool;
    for (const each of this.#shortages) {
      if (
        each.zone === zone &&
        (each.market === null || each.market === market) &&
        nowMs >= each.fromMs &&
        nowMs < each.toMs
      ) {
        return 'insufficient-capacity';
      }
    }
    const { onDemandVcpusMax } = this.#scenario.market;
    if (market === 'spot' || onDemandVcpusMax === null) {
      return null;
    }
    const running = world.aliveInstances().filter((each) => each.market === 'on-demand').length;
    const vcpus = Math.ceil(this.#scenario.cluster.worker.millicpu / 1000);
    return (running + count) * vcpus > onDemandVcpusMax ? 'quota' : null;
  }

  /**
   * What a spot instance is charged from the run’s first step on, as a ratio to the book’s price: the mean of the spot price
   * while it ran, and nothing for one that AWS took within its first hour (EC2 User Guide, “Billing for interrupted Spot
   * Instances”, Linux).
   * @param takenByAws whether AWS ended it; who terminates a noticed one himself pays for it
   */
  spotCostRatio(
    zoneIndex: number,
    launchedAtMs: number,
    endedAtMs: number,
    takenByAws: boolean,
  ): number {
    if (takenByAws && endedAtMs - launchedAtMs < FREE_MS) {
      return 0;
    }
    const ratios = this.#priceRatios[zoneIndex];
    const fromMs = Math.max(launchedAtMs, this.#firstStepAtMs);
    if (ratios === undefined || endedAtMs <= fromMs) {
      return 1;
    }
    let paid = 0;
    let atMs = fromMs;
    while (atMs < endedAtMs) {
      const hour = Math.floor((atMs - this.#firstStepAtMs) / HOUR_MS);
      const untilMs = Math.min(endedAtMs, this.#firstStepAtMs + (hour + 1) * HOUR_MS);
      paid += (untilMs - atMs) * ratios[Math.min(hour, ratios.length - 1)]!;
      atMs = untilMs;
    }
    return paid / (endedAtMs - fromMs);
  }

  /** Whether a zone is without power: outages may overlap. */
  #isDark(zone: string, nowMs: number): boolean {
    return this.#scenario.market.events.some(
      (event) =>
        event.kind === 'zone-outage' &&
        (event.zone === null || event.zone === zone) &&
        nowMs >= event.atMs &&
        nowMs < event.untilMs,
    );
  }

  #setNext(): void {
    const happens = this.#happenings[this.#next]?.atMs ?? Infinity;
    const takes = this.#taking[0]?.atMs ?? Infinity;
    this.nextAtMs = happens < takes ? happens : takes;
  }

  #happen(happening: Happening, world: MarketWorld, nowMs: number): void {
    const inZone = world.aliveInstances().filter(({ zone }) => zone === happening.zone);
    if (happening.kind === 'power') {
      const powered = !this.#isDark(happening.zone, nowMs);
      for (const { id } of inZone) {
        world.setPower(id, powered, nowMs);
      }
      return;
    }
    for (const instanceId of drawn(inZone, happening.draw)) {
      switch (happening.kind) {
        case 'hint':
          this.announced.push({ instanceId, cause: 'rebalance', markedAtMs: nowMs });
          break;
        case 'notice':
          this.announced.push({ instanceId, cause: 'reclaim', markedAtMs: nowMs });
          this.#taking.push({ atMs: nowMs + NOTICE_MS, instanceId });
          break;
        case 'take':
          world.reclaim(instanceId, nowMs);
          break;
      }
    }
  }
}

/** The spot instances that a draw strikes. On average that share of them, however few they are. */
function drawn(
  instances: readonly { readonly id: string; readonly market: Market }[],
  { ratio, rounding, offset }: Draw,
): string[] {
  const ids = instances.filter(({ market }) => market === 'spot').map(({ id }) => id);
  const count = Math.floor(ratio * ids.length + rounding);
  const first = Math.floor(offset * ids.length);
  return Array.from({ length: count }, (_, n) => ids[(first + n) % ids.length]!);
}

/** The reclaims of one zone’s spot pool, hour by hour, and the shortage that goes with each. */
function drawReclaims(
  { market }: Scenario,
  seed: number,
  zone: string,
  fromMs: number,
  hours: number,
  happenings: Happening[],
  shortages: Shortage[],
): void {
  const perHour = market.reclaimPercentPerMonth / 100 / RECLAIMED_MEAN_RATIO / HOURS_PER_MONTH;
  if (perHour === 0) {
    return;
  }
  const hourly = stream(seed, 'spot', 'reclaim', zone);
  for (let hour = 0; hour < hours; hour++) {
    if (hourly.nextUnit() >= perHour) {
      continue;
    }
    const luck = stream(seed, 'spot', 'reclaim', zone, hour);
    const noticeAtMs = fromMs + hour * HOUR_MS + luck.nextInt(HOUR_MS);
    const draw = { ratio: luck.nextUnit(), rounding: luck.nextUnit(), offset: luck.nextUnit() };
    const noticed = luck.nextUnit() * 100 < market.noticePercent;
    const hinted = luck.nextUnit() * 100 < market.hintPercent;
    const leadMs = HINT_LEAD_MIN_MS + luck.nextInt(HINT_LEAD_SPREAD_MS);
    const shortMs = SHORTAGE_MIN_MS + luck.nextInt(SHORTAGE_SPREAD_MS);
    if (hinted) {
      happenings.push({ kind: 'hint', atMs: noticeAtMs - leadMs, zone, draw });
    }
    happenings.push(reclaimed(noticeAtMs, zone, draw, noticed));
    shortages.push({ zone, market: 'spot', fromMs: noticeAtMs, toMs: noticeAtMs + shortMs });
  }
}

function reclaimed(noticeAtMs: number, zone: string, draw: Draw, noticed: boolean): Happening {
  return noticed
    ? { kind: 'notice', atMs: noticeAtMs, zone, draw }
    : { kind: 'take', atMs: noticeAtMs + NOTICE_MS, zone, draw };
}

/** What a scenario asks for. A reclaim takes the whole pool at its instant; only whether it is announced is drawn. */
function planEvent(
  { cluster, market }: Scenario,
  seed: number,
  event: MarketEvent,
  number: number,
  happenings: Happening[],
  shortages: Shortage[],
): void {
  const zones = event.zone === null ? cluster.zones : [event.zone];
  for (const zone of zones) {
    const { atMs, untilMs } = event;
    switch (event.kind) {
      case 'reclaim': {
        const luck = stream(seed, 'spot', 'event', number, zone);
        const noticed = luck.nextUnit() * 100 < market.noticePercent;
        const fromMs = atMs - NOTICE_MS;
        happenings.push(reclaimed(fromMs, zone, ALL, noticed));
        shortages.push({ zone, market: 'spot', fromMs, toMs: untilMs });
        break;
      }
      case 'shortage':
        shortages.push({ zone, market: event.market, fromMs: atMs, toMs: untilMs });
        break;
      case 'zone-outage':
        happenings.push({ kind: 'power', atMs, zone }, { kind: 'power', atMs: untilMs, zone });
        shortages.push({ zone, market: null, fromMs: atMs, toMs: untilMs });
        break;
    }
  }
}

/**
 * A spot price by hour, as a ratio to its mean: small steps to either side, drawn back to 1, never further from it than
 * `swing`. It begins somewhere in the middle half.
 */
function pricePath(seed: number, zone: string, swing: number, hours: number): number[] {
  const random = stream(seed, 'spot', 'price', zone);
  const path: number[] = [];
  let away = random.nextUnit() - 0.5;
  for (let hour = 0; hour < Math.max(1, hours); hour++) {
    path.push(1 + swing * away);
    away += (2 * random.nextUnit() - 1) * PRICE_MOVE - away * PRICE_RETURN;
    away = away > 1 ? 1 : away < -1 ? -1 : away;
  }
  return path;
}
