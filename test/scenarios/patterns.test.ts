import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadScenario } from '../../adapters/import/load-scenario.ts';
import { requestsPerSecondForNodes } from '../../simulator/scenario.ts';
import { root } from '../adapters/cli/program.ts';

const NAMES = [
  'steady',
  'double-spike',
  'slow-ramp',
  'gradual-decline',
  'retry-storm',
  'bot-burst',
] as const;
type Name = (typeof NAMES)[number];

/** What each minute of a scenario needs, in nodes. */
async function load(name: Name) {
  const { scenario, warnings } = await loadScenario(join(root, 'scenarios', `${name}.csv`));
  const one = requestsPerSecondForNodes(1, scenario.workload, scenario.cluster);
  const nodes = Array.from(scenario.trace.requestsPerSecond, (rate) => rate / one);
  const span = (from: number, to: number) => nodes.slice(from, to);
  return {
    scenario,
    warnings,
    nodes,
    highest: (from: number, to: number) => Math.max(...span(from, to)),
    lowest: (from: number, to: number) => Math.min(...span(from, to)),
    mean: (from: number, to: number) =>
      span(from, to).reduce((sum, need) => sum + need) / (to - from),
  };
}

const DAY = 24 * 60;
const at = (hour: number, minute = 0): number => hour * 60 + minute;

describe('every pattern', () => {
  it.each(NAMES)('%s is a day in Dhaka by the minute, without a warning', async (name) => {
    const { scenario, warnings } = await load(name);
    const { atMs, startAtMs, endAtMs, stepMs } = scenario.trace;
    expect(warnings).toEqual([]);
    expect(atMs).toHaveLength(DAY);
    expect(stepMs).toBe(60_000);
    expect(endAtMs - startAtMs).toBe(DAY * 60_000);
    expect((startAtMs / 60_000 + scenario.timeZoneOffsetMinutes) % DAY).toBe(0);
  });

  it.each(NAMES)('%s is no sale that anybody announced', async (name) => {
    expect((await load(name)).scenario.calendar).toEqual([]);
  });

  it.each(NAMES)('%s never needs 10 nodes, and begins with as many as it needs', async (name) => {
    const { scenario, highest } = await load(name);
    expect(highest(0, DAY)).toBeLessThan(9.5);
    const { nodeCountInitial } = scenario.cluster;
    expect(nodeCountInitial).toBe(Math.max(2, Math.ceil(highest(0, 30))));
  });

  it.each(NAMES)('%s looks like traffic: a few per cent from minute to minute', async (name) => {
    const { nodes } = await load(name);
    const changes = nodes.slice(1).map((need, minute) => Math.abs(need / nodes[minute] - 1));
    const typical = changes.sort((a, b) => a - b)[DAY / 2];
    expect(typical).toBeGreaterThan(0.003);
    expect(typical).toBeLessThan(0.03);
  });
});

describe('steady', () => {
  it('needs 3.4 nodes, always within 5 %', async () => {
    const { mean, lowest, highest } = await load('steady');
    expect(mean(0, DAY)).toBeCloseTo(3.4, 1);
    expect(lowest(0, DAY)).toBeGreaterThan(3.4 * 0.95);
    expect(highest(0, DAY)).toBeLessThan(3.4 * 1.05);
  });
});

describe('double-spike', () => {
  it.each([
    ['first', at(14)],
    ['second', at(14, 45)],
  ])('its %s spike rises sevenfold within 3 minutes and holds for 12', async (_, begins) => {
    const { mean, lowest, highest } = await load('double-spike');
    const before = mean(begins - 10, begins);
    expect(before).toBeLessThan(1.2);
    for (const plateau of [lowest(begins + 3, begins + 15), highest(begins + 3, begins + 15)]) {
      expect(plateau / before).toBeGreaterThan(6.5);
      expect(plateau / before).toBeLessThan(8);
    }
  });

  it('leaves 22 quiet minutes between them, and is ordinary otherwise', async () => {
    const { highest } = await load('double-spike');
    expect(highest(at(14, 23), at(14, 45))).toBeLessThan(1.2);
    expect(highest(0, at(14))).toBeLessThan(1.3);
    expect(highest(at(15, 8), DAY)).toBeLessThan(2);
  });
});

describe('slow-ramp', () => {
  it('rises from 1.5 nodes to 9 between 02:00 and 20:00, and stays', async () => {
    const { mean } = await load('slow-ramp');
    expect(mean(0, at(2))).toBeCloseTo(1.5, 1);
    expect(mean(at(20), DAY)).toBeCloseTo(9, 0);
  });

  it('rises by about a third of a node to half a node in every hour of those', async () => {
    const { mean } = await load('slow-ramp');
    const hours = Array.from({ length: 24 }, (_, hour) => mean(at(hour), at(hour + 1)));
    const rises = hours.slice(1).map((need, hour) => need - hours[hour]);
    for (const rise of rises) {
      expect(rise).toBeLessThan(0.6);
      expect(rise).toBeGreaterThan(-0.15);
    }
    expect(Math.min(...rises.slice(5, 17))).toBeGreaterThan(0.25);
  });
});

describe('gradual-decline', () => {
  it('falls from 9 nodes to 1.5 between 02:00 and 22:00', async () => {
    const { mean } = await load('gradual-decline');
    expect(mean(0, at(2))).toBeCloseTo(9, 0);
    expect(mean(at(22), DAY)).toBeCloseTo(1.5, 1);
  });

  it('falls every hour of those, more slowly in the end than in the beginning', async () => {
    const { mean } = await load('gradual-decline');
    const hours = Array.from({ length: 20 }, (_, hour) => mean(at(hour + 2), at(hour + 3)));
    const falls = hours.slice(1).map((need, hour) => hours[hour] - need);
    expect(Math.min(...falls)).toBeGreaterThan(0.05);
    expect(Math.max(...falls)).toBeLessThan(1);
    expect(hours[0] - hours[8]).toBeGreaterThan(2 * (hours[11] - hours[19]));
  });
});

describe('retry-storm', () => {
  const OUTAGE = at(19);
  const BACK = at(19, 30);

  it('has next to nothing for half an hour from 19:00 on', async () => {
    const { mean, highest } = await load('retry-storm');
    expect(mean(OUTAGE - 30, OUTAGE)).toBeGreaterThan(3);
    expect(highest(OUTAGE + 1, BACK)).toBeLessThan(0.1);
  });

  it('comes back within 2 minutes at more than twice the evening’s traffic', async () => {
    const { mean } = await load('retry-storm');
    const surge = mean(BACK + 2, BACK + 8);
    expect(surge / mean(OUTAGE - 10, OUTAGE)).toBeGreaterThan(2.1);
    expect(surge / mean(OUTAGE - 10, OUTAGE)).toBeLessThan(2.7);
    expect(surge).toBeGreaterThan(8.5);
  });

  it('decays over an hour and a half to an ordinary evening', async () => {
    const { mean } = await load('retry-storm');
    const minutes = [8, 20, 30, 45, 60, 75, 90].map((since) =>
      mean(BACK + since - 5, BACK + since),
    );
    expect(minutes).toEqual(minutes.toSorted((a, b) => b - a));
    expect(mean(BACK + 90, BACK + 100)).toBeLessThan(4.4);
    expect(mean(BACK + 90, BACK + 100)).toBeGreaterThan(3.8);
  });
});

describe('bot-burst', () => {
  it('has eight bursts of 2 to 5 minutes that come and go within a minute', async () => {
    const { nodes } = await load('bot-burst');
    const bursts: { begins: number; minutes: number }[] = [];
    nodes.forEach((need, minute) => {
      const isBurst = need > 4;
      const last = bursts.at(-1);
      if (isBurst && last !== undefined && last.begins + last.minutes === minute) {
        last.minutes++;
      } else if (isBurst) {
        bursts.push({ begins: minute, minutes: 1 });
      }
    });
    expect(bursts.map(({ minutes }) => minutes)).toEqual([3, 2, 4, 3, 2, 3, 5, 3]);
    for (const { begins, minutes } of bursts) {
      const ordinary = nodes[begins - 1];
      expect(ordinary).toBeLessThan(2.3);
      expect(nodes[begins] - ordinary).toBeGreaterThan(4);
      expect(nodes[begins + minutes] / ordinary).toBeCloseTo(1, 0);
    }
    const gaps = bursts.slice(1).map(({ begins }, each) => begins - bursts[each].begins);
    // Neither a period nor a season to learn.
    expect(new Set(gaps).size).toBe(gaps.length);
    expect(Math.min(...gaps)).toBeLessThan(20);
  });
});
