import { describe, expect, test } from 'vitest';
import { awsApSoutheast1 as aws } from '../../../simulator/prices/aws-ap-southeast-1.ts';
import {
  clusterMicroBdt,
  diskCostMicroBdt,
  nodeCostMicroBdt,
  overheadMicroBdt,
  priceMicroBdtPerHour,
  surplusCostMicroBdt,
} from '../../../simulator/prices/index.ts';

const HOUR_MS = 3_600_000;
const MONTH_MS = 720 * HOUR_MS;
/** A minute of one vCPU. */
const CREDIT_CPU_MS = 60_000;

// ৳122.31 a dollar throughout.
describe('invoices by AWS’s list prices in Singapore', () => {
  test('a t3.medium for 720 h is $38.016, ৳4,649.74; on spot 30 % of it', () => {
    // 0.0528 × 720 × 122.31
    expect(nodeCostMicroBdt(aws, 'on-demand', MONTH_MS)).toBe(4_649_736_960);
    expect(nodeCostMicroBdt(aws, 'spot', MONTH_MS)).toBe(1_394_921_088);
  });

  test('an hour of it is ৳6.46 and its disk’s ৳0.33', () => {
    // 0.0528 × 122.31 = 6.457968
    expect(nodeCostMicroBdt(aws, 'on-demand', HOUR_MS)).toBe(6_457_968);
    // 20 × 0.096 ÷ 720 × 122.31 = 0.32616
    expect(diskCostMicroBdt(aws, HOUR_MS)).toBe(326_160);
    expect(priceMicroBdtPerHour(aws, 'on-demand')).toBe(6_784_128);
  });

  test('10 s are billed as 60, of the node and of its disk', () => {
    // 6.457968 ÷ 60 and 0.32616 ÷ 60
    expect(nodeCostMicroBdt(aws, 'on-demand', 10_000)).toBe(107_633);
    expect(diskCostMicroBdt(aws, 10_000)).toBe(5_436);
  });

  test('a month of 20 GB of gp3 is $1.92, ৳234.84', () => {
    expect(diskCostMicroBdt(aws, MONTH_MS)).toBe(234_835_200);
  });

  test('25 surplus credits are 0.42 vCPU-hours, the 2 cents of the user guide’s bill', () => {
    // 25 ÷ 60 × 0.05 × 122.31 = 2.548125
    expect(surplusCostMicroBdt(aws, 25 * CREDIT_CPU_MS)).toBe(2_548_125);
    expect(2_548_125 / 1e6 / 122.31).toBeCloseTo(0.0208, 4);
  });

  test('both vCPUs for an hour from nothing are 96 surplus credits, ৳9.78', () => {
    // 120 spent, 24 earned; 1.6 vCPU-hours × 0.05 × 122.31 = 9.7848
    expect(surplusCostMicroBdt(aws, 96 * CREDIT_CPU_MS)).toBe(9_784_800);
  });

  test('a month of the cluster is its server, the server’s disk, a NAT gateway and its address: $86.016', () => {
    // (38.016 + 1.92 + 0.064 × 720) × 122.31
    expect(clusterMicroBdt(aws, MONTH_MS)).toBe(10_520_616_960);
  });

  test('a month of the autoscaler is $3.97: metrics $3, a secret $0.40, Lambda $0.36, DynamoDB $0.20', () => {
    // 21,600 cycles: 0.0000168667 of Lambda, 12 × 0.0000007125 and 6 × 0.0000001425 of DynamoDB
    const usd = 3 + 0.4 + 21_600 * (0.0000168667 + 0.00000855 + 0.000000855);
    expect(usd).toBeCloseTo(3.967, 3);
    expect(overheadMicroBdt(aws, MONTH_MS)).toBeCloseTo(usd * 122.31 * 1e6, -2);
  });

  test('the client’s fleet, 5 nodes for a month without surplus, is ৳34,943, under a third of the brief’s figure', () => {
    const nodes = 5 * nodeCostMicroBdt(aws, 'on-demand', MONTH_MS);
    const disks = 5 * diskCostMicroBdt(aws, MONTH_MS);
    // 23,248.6848 + 1,174.176 + 10,520.61696
    expect(nodes + disks + clusterMicroBdt(aws, MONTH_MS)).toBe(34_943_477_760);
  });
});
