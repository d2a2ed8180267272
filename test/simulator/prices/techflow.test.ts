import { describe, expect, test } from 'vitest';
import {
  clusterMicroBdt,
  diskCostMicroBdt,
  nodeCostMicroBdt,
  overheadMicroBdt,
  priceMicroBdtPerHour,
  surplusCostMicroBdt,
} from '../../../simulator/prices/index.ts';
import { techflow } from '../../../simulator/prices/techflow.ts';

const HOUR_MS = 3_600_000;
const MONTH_MS = 720 * HOUR_MS;

describe('invoices by the techflow book', () => {
  test('5 nodes for 720 h are ৳1,20,000 exactly, the figure of the brief', () => {
    // 24,000 × 5
    expect(5 * nodeCostMicroBdt(techflow, 'on-demand', MONTH_MS)).toBe(120_000_000_000);
  });

  test('the same on spot are ৳36,000', () => {
    // 30 % of it
    expect(5 * nodeCostMicroBdt(techflow, 'spot', MONTH_MS)).toBe(36_000_000_000);
  });

  test('a spot node of 61 s', () => {
    // 7,200 ÷ 2,592,000 × 61 = ৳0.169444…
    expect(nodeCostMicroBdt(techflow, 'spot', 61_000)).toBe(169_444);
  });

  test('a node of 10 s is billed 60 s', () => {
    // 24,000 ÷ 2,592,000 × 60 = ৳0.5555555…, rounded to ৳0.555556
    expect(nodeCostMicroBdt(techflow, 'on-demand', 10_000)).toBe(555_556);
    expect(nodeCostMicroBdt(techflow, 'on-demand', 60_000)).toBe(555_556);
    expect(nodeCostMicroBdt(techflow, 'on-demand', 60_001)).toBe(564_815); // 61 s
  });

  test('a second begun is a second billed', () => {
    expect(nodeCostMicroBdt(techflow, 'spot', 90_001)).toBe(
      nodeCostMicroBdt(techflow, 'spot', 91_000),
    );
    expect(nodeCostMicroBdt(techflow, 'spot', 90_000)).toBeLessThan(
      nodeCostMicroBdt(techflow, 'spot', 90_001),
    );
  });

  test('an instance that never ran costs nothing', () => {
    expect(nodeCostMicroBdt(techflow, 'on-demand', 0)).toBe(0);
  });

  test('90 minutes of 2 nodes on demand and 3 on spot are ৳145', () => {
    // 24,000 ÷ 720 × 1.5 = ৳50 and 7,200 ÷ 720 × 1.5 = ৳15: 2 × 50 + 3 × 15
    const onDemand = nodeCostMicroBdt(techflow, 'on-demand', 1.5 * HOUR_MS);
    const spot = nodeCostMicroBdt(techflow, 'spot', 1.5 * HOUR_MS);
    expect(2 * onDemand + 3 * spot).toBe(145_000_000);
  });

  test('a month of the autoscaler is ৳1,000, half a day ৳16.67', () => {
    expect(overheadMicroBdt(techflow, MONTH_MS)).toBe(1_000_000_000);
    expect(overheadMicroBdt(techflow, 12 * HOUR_MS)).toBe(16_666_667);
    expect(overheadMicroBdt(techflow, 0)).toBe(0);
  });

  test('an hour is ৳33.33 on demand and ৳10 on spot', () => {
    expect(priceMicroBdtPerHour(techflow, 'on-demand')).toBe(33_333_333);
    expect(priceMicroBdtPerHour(techflow, 'spot')).toBe(10_000_000);
  });

  test('is all-inclusive: no disks, no surplus credits, no cluster beside the nodes', () => {
    expect(diskCostMicroBdt(techflow, MONTH_MS)).toBe(0);
    expect(surplusCostMicroBdt(techflow, MONTH_MS)).toBe(0);
    expect(clusterMicroBdt(techflow, MONTH_MS)).toBe(0);
  });
});
