import { MICRO_BDT_PER_BDT, type PriceBook } from './book.ts';

/**
 * The client’s own figures, all-inclusive: five nodes cost 1.2 lakh a month. About five times the
 * list price of t3.medium, so it bills no disks, gateways, traffic or CPU credits beside the nodes.
 */
export const techflow: PriceBook = {
  name: 'techflow',
  source:
    'Project brief: ৳1.2 lakh a month for 5 static nodes (Project Overview; Cost Analysis), ৳1,000 a month for Lambda and DynamoDB (Cost Analysis). Spot discount of 70 % assumed.',
  asOf: 'undated project brief',
  nodeMicroBdtPerMonth: 24_000 * MICRO_BDT_PER_BDT,
  spotDiscountPercent: 70,
  diskMicroBdtPerMonth: 0,
  surplusMicroBdtPerVcpuHour: 0,
  clusterMicroBdtPerMonth: 0,
  overheadMicroBdtPerMonth: 1_000 * MICRO_BDT_PER_BDT,
  minimumBilledSeconds: 60,
};
