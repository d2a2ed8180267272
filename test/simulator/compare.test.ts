import { describe, expect, test } from 'vitest';
import { configurePolicy, type ConfiguredPolicy } from '../../engine/index.ts';
import {
  comparePolicies,
  defaultScenarioSettings,
  makeTrace,
  regretPercent,
  resolveScenario,
  run,
  type Scenario,
} from '../../simulator/index.ts';

const START_AT_MS = 1_795_780_800_000;

/** Two hours; for half an hour of them traffic needs `peakNodes` nodes. */
function scenario(peakNodes: number): Scenario {
  const rows = 120;
  const atMs = new Float64Array(rows).map((_, row) => START_AT_MS + row * 60_000);
  const rates = new Float64Array(rows).map((_, row) => (row >= 45 && row < 75 ? 100 : 10));
  const settings = defaultScenarioSettings();
  return resolveScenario(
    { ...settings, workload: { ...settings.workload, peakNodes } },
    makeTrace('rise', atMs, rates),
  ).scenario;
}

function policy(name: string, settings: Record<string, number> = {}): ConfiguredPolicy {
  const result = configurePolicy(name, settings);
  if (!result.ok) {
    throw new Error(JSON.stringify(result.problems));
  }
  return result.configured;
}

/** The policies that were run, in order, as `static 5`. */
function compared(world: Scenario, policies: ConfiguredPolicy[]) {
  const began: { policy: string; index: number; count: number }[] = [];
  const comparison = comparePolicies({
    scenario: world,
    seed: 1,
    policies,
    onRun: (next) => began.push(next),
  });
  return { comparison, began };
}

describe('comparing policies', () => {
  const world = scenario(8);

  test('one run a policy, in the order asked for, each as if alone', () => {
    const asked = [policy('trailing-max'), policy('node-fleet')];
    const { comparison } = compared(world, asked);
    expect(comparison.runs.map(({ run }) => run.configured)).toEqual(asked);
    for (const [at, configured] of asked.entries()) {
      const alone = run({ scenario: world, configured, seed: 1 });
      expect(comparison.runs[at].run.journal).toEqual(alone.journal);
      expect(comparison.runs[at].run.measures.costBdt).toBe(alone.measures.costBdt);
    }
  });

  test('what the largest fleet lacks, one node more lacks less of; where it lacks nothing none is run', () => {
    const { comparison, began } = compared(scenario(16), [policy('node-fleet')]);
    const { largest, larger } = comparison;
    expect(largest.configured.settings['nodeCount']).toBe(10);
    expect(larger?.configured.settings['nodeCount']).toBe(11);
    expect(began.at(-1)).toEqual({ policy: 'static', index: 3, count: 4 });
    expect(larger?.measures.shortagePodMinutes).toBeLessThan(largest.measures.shortagePodMinutes);
    expect(larger?.measures.shortagePodMinutes).toBeGreaterThan(0);
    // Two hours of one node more.
    expect((larger?.measures.costBdt ?? 0) - largest.measures.costBdt).toBeCloseTo(66.6667, 3);

    const enough = compared(world, [policy('node-fleet')]);
    expect(enough.comparison.largest.measures.shortagePodMinutes).toBe(0);
    expect(enough.comparison.larger).toBeNull();
  });

  test('one node more than the largest fleet is not run again where a policy is that', () => {
    const { comparison, began } = compared(scenario(16), [
      policy('static', { nodeCount: 5 }),
      policy('static', { nodeCount: 6 }),
    ]);
    expect(comparison.largest.configured.settings['nodeCount']).toBe(6);
    expect(began.map(({ count }) => count)).toEqual([2, 2, 3]);
  });

  test('two references are run beside them, and told of', () => {
    const { comparison, began } = compared(world, [policy('node-fleet')]);
    expect(began).toEqual([
      { policy: 'node-fleet', index: 0, count: 3 },
      { policy: 'static', index: 1, count: 3 },
      { policy: 'static', index: 2, count: 3 },
    ]);
    expect(comparison.baseline.configured.settings['nodeCount']).toBe(5);
    expect(comparison.largest.configured.settings['nodeCount']).toBe(10);
  });

  test('a policy that is a reference is not run again', () => {
    const five = compared(scenario(4), [policy('static')]);
    expect(five.began).toHaveLength(1);
    expect(five.comparison.runs[0].run).toBe(five.comparison.baseline);
    expect(five.comparison.runs[0].run).toBe(five.comparison.largest);

    const three = compared(world, [policy('node-fleet'), policy('static', { nodeCount: 10 })]);
    expect(three.began).toHaveLength(3);
    expect(three.comparison.runs[1].run).toBe(three.comparison.largest);
  });

  test('static under another setting is another policy', () => {
    const { began } = compared(scenario(4), [policy('static', { joinTimeoutSeconds: 300 })]);
    expect(began).toHaveLength(2);
  });

  test('the same policy twice is run once', () => {
    const { comparison, began } = compared(scenario(4), [policy('static'), policy('static')]);
    expect(began).toHaveLength(1);
    expect(comparison.runs).toHaveLength(2);
  });

  test('avoidable is what the largest fleet does not lack as well', () => {
    // 16 nodes are needed and 10 allowed: even those are short.
    const { comparison } = compared(scenario(16), [
      policy('static', { nodeCount: 10 }),
      policy('node-fleet'),
    ]);
    const unavoidable = comparison.largest.measures.shortagePodMinutes;
    expect(unavoidable).toBeGreaterThan(100);
    const [ten, brief] = comparison.runs;
    expect(ten.avoidableShortagePodMinutes).toBe(0);
    expect(brief.run.measures.shortagePodMinutes).toBeGreaterThan(unavoidable);
    expect(brief.avoidableShortagePodMinutes).toBe(
      brief.run.measures.shortagePodMinutes - unavoidable,
    );
    // And never below zero, for a policy that is short of less than its reference.
    for (const each of comparison.runs) {
      expect(each.avoidableShortagePodMinutes).toBeGreaterThanOrEqual(0);
    }
  });

  test('a boundless maximum does not make a boundless reference', () => {
    const { comparison } = compared(world, [policy('node-fleet', { nodeCountMax: 100_000 })]);
    const pods = comparison.demand.replicas.reduce((most, each) => Math.max(most, each), 0);
    // One node a pod in each of two zones.
    expect(comparison.largest.configured.settings.nodeCountMax).toBe(2 * pods);
    expect(comparison.largest.measures.pendingPodMinutes).toBe(0);
  });

  test('money: a month is 360 times two hours, and waiting adds to the cost', () => {
    const { comparison } = compared(world, [policy('static'), policy('node-fleet')]);
    const [five, brief] = comparison.runs;
    expect(five.costPerMonthBdt).toBeCloseTo(120_000, 2);
    expect(five.savings.percent).toBeCloseTo(0, 9);
    for (const each of [five, brief]) {
      expect(each.totalBdt).toBe(each.run.measures.costBdt + each.waitingCostBdt);
      const { fewerNodes, spot, overhead } = each.savings.split;
      expect(fewerNodes + spot + overhead).toBeCloseTo(each.savings.percent, 9);
      // No sale in the calendar: ৳20 a pod-minute.
      expect(each.waitingCostBdt).toBeCloseTo(20 * each.run.measures.shortagePodMinutes, 9);
    }
  });

  test('money by every price book, the scenario’s among them', () => {
    const { comparison } = compared(world, [policy('static'), policy('node-fleet')]);
    for (const { run: ran, byPriceBook, ...own } of comparison.runs) {
      expect(byPriceBook.map(({ bill }) => bill.prices)).toEqual([
        'techflow',
        'aws-ap-southeast-1',
      ]);
      const [techflow, aws] = byPriceBook;
      expect(own).toMatchObject(techflow);
      expect(own.bill.costBdt).toBe(ran.measures.costBdt);
      // Two hours of a month of 720.
      expect(aws.costPerMonthBdt).toBeCloseTo(360 * aws.bill.costBdt, 6);
    }
    // List prices are lower, and both pay for the cluster, so that less is saved.
    const [, brief] = comparison.runs;
    const [techflow, aws] = brief.byPriceBook;
    expect(aws.bill.costBdt).toBeLessThan(techflow.bill.costBdt / 2);
    expect(aws.savings.percent).toBeLessThan(techflow.savings.percent);
  });

  test('a scenario’s price book decides what its money is, and nothing else', () => {
    const [techflow, aws] = ['techflow', 'aws-ap-southeast-1'].map(
      (prices) => compared({ ...world, prices }, [policy('node-fleet')]).comparison.runs[0],
    );
    expect(aws.bill).toEqual(techflow.byPriceBook[1].bill);
    expect(techflow.bill).toEqual(aws.byPriceBook[0].bill);
    expect(aws.run.measures.series).toEqual(techflow.run.measures.series);
  });

  test('elasticity is the run’s own, with a speedup over static 5', () => {
    const { comparison } = compared(world, [policy('static'), policy('node-fleet')]);
    const [five, brief] = comparison.runs;
    expect(five.elasticity.elasticSpeedup).toBeCloseTo(1, 12);
    expect(brief.elasticity.elasticSpeedup).not.toBeCloseTo(1, 3);
    expect({ ...brief.elasticity, elasticSpeedup: null }).toEqual(brief.run.measures.elasticity);
  });

  test('the clairvoyant is below each of them, at the waiting price asked for', () => {
    const policies = [policy('static'), policy('node-fleet'), policy('trailing-max')];
    // At ৳0.02 a pod is not worth its seventh of a node.
    const totals = [20, 0.02].map((each) => {
      const waitingPrice = { saleBdtPerPodMinute: 3 * each, otherBdtPerPodMinute: each };
      const comparison = comparePolicies({ scenario: world, seed: 1, policies, waitingPrice });
      expect(comparison.waitingPrice).toEqual(waitingPrice);
      for (const { run: ran, totalBdt, waitingCostBdt } of comparison.runs) {
        expect(waitingCostBdt).toBeCloseTo(each * ran.measures.shortagePodMinutes, 9);
        expect(comparison.clairvoyant.totalBdt).toBeLessThan(totalBdt);
      }
      return comparison.clairvoyant.totalBdt;
    });
    expect(totals[1]).toBeLessThan(totals[0]);
  });

  test('regret is against its frontier, which the references have no part in', () => {
    const { comparison } = compared(world, [policy('node-fleet', { nodeCountMax: 3 })]);
    const [brief] = comparison.runs;
    const { costBdt, shortagePodMinutes } = brief.run.measures;
    const regret = regretPercent(comparison.clairvoyant, costBdt, shortagePodMinutes);
    expect(brief.regretPercent).toBe(regret);
    expect(regret).toBeGreaterThan(0);
    // Not even who knows it all has more than 3 nodes, though static 5 is run as well.
    expect(Math.max(...comparison.clairvoyant.nodes)).toBe(3);
  });

  test('an unknown price book is refused', () => {
    expect(() => compared({ ...world, prices: 'none' }, [policy('static')])).toThrow(RangeError);
  });
});
