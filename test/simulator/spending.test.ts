import { describe, expect, test } from 'vitest';
import {
  billBy,
  comparePolicies,
  PRICE_BOOKS,
  spending,
  type BilledInstance,
  type Run,
} from '../../simulator/index.ts';
import { techflow } from '../../simulator/prices/techflow.ts';
import { demandOf, HOUR_MS, policyOf, scenarioOf, START_AT_MS, STEP_MS } from './build.ts';

const HOURS_2 = (2 * HOUR_MS) / STEP_MS;

function instance(changes: Partial<BilledInstance>): BilledInstance {
  return {
    market: 'on-demand',
    launchedAtMs: START_AT_MS,
    endedAtMs: null,
    surplusCpuMs: 0,
    costRatio: 1,
    ...changes,
  };
}

const instant = (hours: number): string => new Date(START_AT_MS + hours * HOUR_MS).toISOString();

describe('how a bill grows', () => {
  test('straight between launches and ends: ৳33.33 an hour each', () => {
    const instances = [
      instance({}),
      instance({ launchedAtMs: START_AT_MS + HOUR_MS / 2, endedAtMs: START_AT_MS + HOUR_MS }),
    ];
    const points = spending(instances, demandOf(HOURS_2, 1), techflow, false);
    const hours = points.map(({ atMs, bdt }) => [(atMs - START_AT_MS) / HOUR_MS, bdt]);
    const hourly = 24_000 / 720;
    expect(hours).toEqual([
      [0, 0],
      [0.5, expect.closeTo(hourly / 2, 4)],
      [1, expect.closeTo(hourly * 1.5, 4)],
      [2, expect.closeTo(hourly * 2.5, 4)],
    ]);
  });

  test('an instance of ten seconds costs the minute that is billed; one that ended as it began, nothing', () => {
    const atMs = START_AT_MS + HOUR_MS;
    const ended = (ms: number): BilledInstance =>
      instance({ launchedAtMs: atMs, endedAtMs: atMs + ms });
    const points = spending([ended(10_000), ended(0)], demandOf(HOURS_2, 1), techflow, false);
    const minute = expect.closeTo(24_000 / 720 / 60, 4) as number;
    expect(points.map(({ bdt }) => bdt)).toEqual([0, 0, minute, minute]);
  });

  test('it ends at the bill, by every book, whatever was launched, taken and waived', () => {
    const rates = Array.from({ length: 240 }, (_, minute) => (minute % 90 < 45 ? 60 : 500));
    const scenario = scenarioOf(
      {
        market: {
          events: [{ kind: 'reclaim', market: 'spot', at: instant(1), until: instant(3) }],
        },
      },
      rates,
    );
    const instancesOf = new Map<Run, readonly BilledInstance[]>();
    const { runs, demand } = comparePolicies({
      scenario,
      seed: 3,
      policies: [policyOf('node-fleet'), policyOf('static')],
      finished: (run, world) => instancesOf.set(run, world.bills()),
    });
    for (const { run } of runs) {
      for (const book of PRICE_BOOKS) {
        const points = spending(
          instancesOf.get(run) ?? [],
          demand,
          book,
          run.configured.policy.scales,
        );
        const bdts = points.map(({ bdt }) => bdt);
        expect(bdts.at(-1)).toBeCloseTo(billBy(run.measures, book).costBdt, 4);
        expect(bdts).toEqual([...bdts].sort((a, b) => a - b));
        expect(points.at(-1)?.atMs).toBe(demand.firstStepAtMs + demand.stepCount * demand.stepMs);
      }
    }
    expect(runs[0].run.measures.reclaims).toBeGreaterThan(0);
  });
});
