import { verdict } from '../explain.ts';
import { numberSetting, type SettingDescriptions, type SettingValues } from '../settings.ts';
import type { SaleWindow } from '../view.ts';
import { hold, type Policy } from './policy.ts';

const settings = {
  nightNodeCount: nodes(2, 'Workers at night.'),
  dayNodeCount: nodes(3, 'Workers in business hours.'),
  eveningNodeCount: nodes(4, 'Workers in the evening, when the shop is busiest.'),
  saleNodeCount: nodes(10, 'Workers in a sale of the calendar, if that is more.'),
  dayFromHour: hour(8, 'When the day begins, on the cluster’s own clocks.'),
  eveningFromHour: hour(18, 'When the evening begins.'),
  nightFromHour: hour(0, 'When the night begins.'),
  saleLeadSeconds: numberSetting({
    default: 900,
    min: 0,
    max: 86_400,
    step: 1,
    unit: 's',
    help: 'How long before a sale its nodes are there.',
  }),
} satisfies SettingDescriptions;

/**
 * A calendar, as of AWS scheduled actions or a cron job: so many nodes by the hour, more in sales, and no look at the load. Every
 * day is alike: a shop’s weekend is no quieter. The guards still keep it from taking a node whose pods would have nowhere to go.
 */
export const scheduled: Policy<typeof settings> = {
  name: 'scheduled',
  summary: 'a calendar: so many nodes by the hour and in sales, whatever the load',
  settings,
  scales: true,
  fleetDefaults: () => ({
    cooldownBeforeRemovalSeconds: 60,
    stepDownMax: 10,
    drainsInFlightMax: 10,
    removalHeadroomPercent: 0,
  }),
  pendingPatienceMs: () => Infinity,
  propose({ view, fleet, cluster, settings, memory }) {
    const leadMs = settings.saleLeadSeconds * 1000;
    const opensAtMs = opening(view.nowMs, cluster.calendar, leadMs);
    const isOpen = opensAtMs > 0 && view.nowMs >= opensAtMs;
    const rules = [verdict('sale-open', isOpen ? 'fires' : 'quiet', view.nowMs, opensAtMs)];
    const hourly = floorAt(view.nowMs, cluster.timeZoneOffsetMinutes, settings);
    const floor = isOpen ? Math.max(hourly, settings.saleNodeCount) : hourly;
    const target = Math.max(settings.nodeCountMin, Math.min(settings.nodeCountMax, floor));
    const above = target > fleet.supply;
    rules.push(verdict('target-above-supply', above ? 'fires' : 'quiet', target, fleet.supply));
    if (above) {
      return {
        action: 'scaleUp',
        count: target - fleet.supply,
        level: isOpen ? 'PREDICTIVE' : 'TARGET',
        evidence: 'calendar',
        rules,
        memory,
      };
    }
    const below = target < fleet.supply;
    rules.push(verdict('target-below-supply', below ? 'fires' : 'quiet', target, fleet.supply));
    if (!below) {
      return hold(rules, memory);
    }
    return {
      action: 'scaleDown',
      count: fleet.supply - target,
      level: 'TARGET',
      evidence: 'calendar',
      rules,
      memory,
    };
  },
};

/** When the sale that is on began to count, lead included, or else the next one will; 0: there is none any more. */
function opening(nowMs: number, calendar: readonly SaleWindow[], leadMs: number): number {
  let soonestMs = 0;
  for (const { startAtMs, endAtMs } of calendar) {
    const opensAtMs = startAtMs - leadMs;
    if (nowMs < endAtMs && (soonestMs === 0 || opensAtMs < soonestMs)) {
      soonestMs = opensAtMs;
    }
  }
  return soonestMs;
}

type Hours = SettingValues<typeof settings>;

/** The nodes of the part of the day that began last; of parts that begin together, the later one named. */
function floorAt(nowMs: number, offsetMinutes: number, settings: Hours): number {
  const minute = modulo(Math.floor(nowMs / 60_000) + offsetMinutes, MINUTES_A_DAY);
  let floor = settings.nightNodeCount;
  let agoMinutes = modulo(minute - settings.nightFromHour * 60, MINUTES_A_DAY);
  const dayAgoMinutes = modulo(minute - settings.dayFromHour * 60, MINUTES_A_DAY);
  if (dayAgoMinutes <= agoMinutes) {
    floor = settings.dayNodeCount;
    agoMinutes = dayAgoMinutes;
  }
  const eveningAgoMinutes = modulo(minute - settings.eveningFromHour * 60, MINUTES_A_DAY);
  return eveningAgoMinutes <= agoMinutes ? settings.eveningNodeCount : floor;
}

const MINUTES_A_DAY = 1440;

/** The remainder that is never negative. */
function modulo(a: number, b: number): number {
  return ((a % b) + b) % b;
}

function nodes(count: number, help: string) {
  return numberSetting({ default: count, min: 1, max: 100_000, step: 1, unit: 'nodes', help });
}

function hour(at: number, help: string) {
  return numberSetting({ default: at, min: 0, max: 23.5, step: 0.5, unit: 'h', help });
}
