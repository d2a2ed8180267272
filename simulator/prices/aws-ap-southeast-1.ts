import { HOURS_PER_MONTH, MICRO_BDT_PER_BDT, type PriceBook } from './book.ts';

/** Bangladesh Bank’s reference rate at the close of 2025-05-19 (The Financial Express, Dhaka, of that day). */
const BDT_PER_USD = 122.31;

/**
 * USD, before tax, Asia Pacific (Singapore), Linux. Hourly prices, gp3, IPv4 and CloudWatch as billed there in May 2025;
 * they are those of aws.amazon.com/ec2/pricing/on-demand, /ebs/pricing, /vpc/pricing and /cloudwatch/pricing.
 */
const T3_MEDIUM_PER_HOUR = 0.0528;
const GP3_PER_GB_MONTH = 0.096;
const NAT_GATEWAY_PER_HOUR = 0.059;
const PUBLIC_IPV4_PER_HOUR = 0.005;
const METRIC_PER_MONTH = 0.3;
/** EC2 User Guide, “Unlimited mode examples”; the same in every region. */
const SURPLUS_PER_VCPU_HOUR = 0.05;
/** aws.amazon.com/lambda/pricing and /secrets-manager/pricing. */
const LAMBDA_PER_GB_SECOND = 0.0000166667;
const LAMBDA_PER_REQUEST = 0.0000002;
const SECRET_PER_MONTH = 0.4;
/** On demand, since the cut of November 2024; not confirmed for this region, to be re-checked. */
const DYNAMODB_PER_WRITE_UNIT = 0.7125e-6;
const DYNAMODB_PER_READ_UNIT = 0.1425e-6;

/** A root disk of K3s and its images. */
const DISK_GB = 20;
/** Every two minutes. Alertmanager and spot events add few. */
const CYCLES_PER_MONTH = HOURS_PER_MONTH * 30;
/** A cycle of 2 s at 512 MB. */
const LAMBDA_GB_SECONDS_PER_CYCLE = 1;
/** Lock, intent, outcome, release and the journal record; state and inbox. */
const WRITE_UNITS_PER_CYCLE = 12;
const READ_UNITS_PER_CYCLE = 6;
const METRICS = 10;

const DISK_PER_MONTH = DISK_GB * GP3_PER_GB_MONTH;
const NODE_PER_MONTH = T3_MEDIUM_PER_HOUR * HOURS_PER_MONTH;
/** K3s’ server, a t3.medium on demand as well, and one NAT gateway with its address. */
const CLUSTER_PER_MONTH =
  NODE_PER_MONTH + DISK_PER_MONTH + (NAT_GATEWAY_PER_HOUR + PUBLIC_IPV4_PER_HOUR) * HOURS_PER_MONTH;
const CYCLE =
  LAMBDA_GB_SECONDS_PER_CYCLE * LAMBDA_PER_GB_SECOND +
  LAMBDA_PER_REQUEST +
  WRITE_UNITS_PER_CYCLE * DYNAMODB_PER_WRITE_UNIT +
  READ_UNITS_PER_CYCLE * DYNAMODB_PER_READ_UNIT;
const AUTOSCALER_PER_MONTH =
  CYCLES_PER_MONTH * CYCLE + METRICS * METRIC_PER_MONTH + SECRET_PER_MONTH;

/**
 * List prices of AWS in Singapore, in taka. No free tiers, no savings plans, no tax. Not billed: what passes through the NAT
 * gateway ($0.059 a GB) and leaves AWS, which the traffic says nothing of, and the control plane’s own surplus credits.
 */
export const awsApSoutheast1: PriceBook = {
  name: 'aws-ap-southeast-1',
  source:
    'AWS list prices for Asia Pacific (Singapore): t3.medium Linux $0.0528 an hour, gp3 $0.096 a GB-month (20 GB a node), NAT gateway $0.059 and its IPv4 address $0.005 an hour, surplus CPU credits $0.05 a vCPU-hour, Lambda, DynamoDB, CloudWatch. Spot discount of 70 % assumed. ৳122.31 a dollar: Bangladesh Bank, 2025-05-19.',
  asOf: '2025-05; to be re-checked before a decision rests on it',
  nodeMicroBdtPerMonth: microBdt(NODE_PER_MONTH),
  spotDiscountPercent: 70,
  diskMicroBdtPerMonth: microBdt(DISK_PER_MONTH),
  surplusMicroBdtPerVcpuHour: microBdt(SURPLUS_PER_VCPU_HOUR),
  clusterMicroBdtPerMonth: microBdt(CLUSTER_PER_MONTH),
  overheadMicroBdtPerMonth: microBdt(AUTOSCALER_PER_MONTH),
  minimumBilledSeconds: 60,
};

function microBdt(usd: number): number {
  return Math.round(usd * BDT_PER_USD * MICRO_BDT_PER_BDT);
}
