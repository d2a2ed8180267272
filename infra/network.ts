import { Eip } from '@pulumi/aws/ec2/eip.js';
import { InternetGateway } from '@pulumi/aws/ec2/internetGateway.js';
import { NatGateway } from '@pulumi/aws/ec2/natGateway.js';
import { Route } from '@pulumi/aws/ec2/route.js';
import { RouteTable } from '@pulumi/aws/ec2/routeTable.js';
import { RouteTableAssociation } from '@pulumi/aws/ec2/routeTableAssociation.js';
import { SecurityGroup } from '@pulumi/aws/ec2/securityGroup.js';
import { Subnet } from '@pulumi/aws/ec2/subnet.js';
import { Vpc } from '@pulumi/aws/ec2/vpc.js';
import { VpcEndpoint } from '@pulumi/aws/ec2/vpcEndpoint.js';
import { SecurityGroupEgressRule } from '@pulumi/aws/vpc/securityGroupEgressRule.js';
import { SecurityGroupIngressRule } from '@pulumi/aws/vpc/securityGroupIngressRule.js';
import type { Output } from '@pulumi/pulumi';
import type { Config } from './config.ts';
import {
  FLANNEL_PORT,
  KUBELET_PORT,
  KUBERNETES_PORT,
  NODE_EXPORTER_PORT,
  PROMETHEUS_PORT,
} from './names.ts';
import { tagsOf } from './tags.ts';

/**
 * One VPC: a public subnet for the NAT gateway, a private one for the master, a private one a zone for workers. The NAT
 * gateway is in the master's zone: without the master nothing scales anyway (docs/decisions/070).
 */

export interface Network {
  readonly vpcId: Output<string>;
  readonly masterSubnetId: Output<string>;
  /** By zone. */
  readonly workerSubnets: Readonly<Record<string, Subnet>>;
  readonly masterGroup: SecurityGroup;
  readonly workerGroup: SecurityGroup;
  readonly functionGroup: SecurityGroup;
  /** What must exist before an instance can reach the internet. */
  readonly egress: readonly Route[];
}

/** Blocks of the VPC's /16. Workers get 4,091 usable addresses a zone. */
export function blocksOf(config: Config): {
  readonly nat: string;
  readonly master: string;
  readonly workers: readonly string[];
} {
  const [a, b] = config.vpcCidr.split('.');
  return {
    nat: `${a}.${b}.0.0/24`,
    master: `${a}.${b}.1.0/24`,
    workers: config.zones.map((_, index) => `${a}.${b}.${16 * (index + 1)}.0/20`),
  };
}

/** The master's address outlives the instance: its certificate, the functions and the agents know it by this. */
export function masterAddress(config: Config): string {
  const [a, b] = config.vpcCidr.split('.');
  return `${a}.${b}.1.10`;
}

interface Opening {
  readonly name: string;
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  readonly from: 'workers' | 'master' | 'functions';
  readonly to: 'workers' | 'master';
}

/** Everything that may come in. Whatever is not here is closed. */
export const OPENINGS: readonly Opening[] = [
  {
    name: 'agents-to-api',
    protocol: 'tcp',
    port: KUBERNETES_PORT,
    from: 'workers',
    to: 'master',
  },
  {
    name: 'functions-to-api',
    protocol: 'tcp',
    port: KUBERNETES_PORT,
    from: 'functions',
    to: 'master',
  },
  {
    name: 'functions-to-prometheus',
    protocol: 'tcp',
    port: PROMETHEUS_PORT,
    from: 'functions',
    to: 'master',
  },
  {
    name: 'master-to-kubelets',
    protocol: 'tcp',
    port: KUBELET_PORT,
    from: 'master',
    to: 'workers',
  },
  {
    name: 'master-to-node-exporters',
    protocol: 'tcp',
    port: NODE_EXPORTER_PORT,
    from: 'master',
    to: 'workers',
  },
  { name: 'pods-up', protocol: 'udp', port: FLANNEL_PORT, from: 'workers', to: 'master' },
  { name: 'pods-down', protocol: 'udp', port: FLANNEL_PORT, from: 'master', to: 'workers' },
  { name: 'pods-across', protocol: 'udp', port: FLANNEL_PORT, from: 'workers', to: 'workers' },
];

export function network(config: Config): Network {
  const blocks = blocksOf(config);
  const cloud = new Vpc('vpc', {
    cidrBlock: config.vpcCidr,
    enableDnsHostnames: true,
    enableDnsSupport: true,
    tags: tagsOf(config, 'vpc'),
  });
  const subnet = (name: string, cidrBlock: string, zone: string): Subnet =>
    new Subnet(name, {
      vpcId: cloud.id,
      cidrBlock,
      availabilityZone: zone,
      mapPublicIpOnLaunch: false,
      tags: tagsOf(config, name),
    });
  const routes = (name: string): RouteTable =>
    new RouteTable(name, { vpcId: cloud.id, tags: tagsOf(config, name) });
  const attach = (name: string, to: Subnet, table: RouteTable): void => {
    new RouteTableAssociation(name, { subnetId: to.id, routeTableId: table.id });
  };

  const natSubnet = subnet('nat', blocks.nat, config.zones[0]!);
  const masterSubnet = subnet('master', blocks.master, config.zones[0]!);
  const workerSubnets = Object.fromEntries(
    config.zones.map((zone, index) => [
      zone,
      subnet(`workers-${zone}`, blocks.workers[index]!, zone),
    ]),
  );

  const gateway = new InternetGateway('internet', {
    vpcId: cloud.id,
    tags: tagsOf(config, 'internet'),
  });
  const outside = routes('public');
  const toInternet = new Route('public-to-internet', {
    routeTableId: outside.id,
    destinationCidrBlock: '0.0.0.0/0',
    gatewayId: gateway.id,
  });
  attach('nat', natSubnet, outside);

  const address = new Eip('nat', { domain: 'vpc', tags: tagsOf(config, 'nat') });
  const nat = new NatGateway(
    'nat',
    { allocationId: address.id, subnetId: natSubnet.id, tags: tagsOf(config, 'nat') },
    { dependsOn: [toInternet] },
  );
  const inside = routes('private');
  const toNat = new Route('private-to-nat', {
    routeTableId: inside.id,
    destinationCidrBlock: '0.0.0.0/0',
    natGatewayId: nat.id,
  });
  attach('master', masterSubnet, inside);
  for (const [zone, each] of Object.entries(workerSubnets)) {
    attach(`workers-${zone}`, each, inside);
  }

  // Gateway endpoints cost nothing, and keep the lock and image layers off the NAT gateway's meter.
  for (const service of ['dynamodb', 's3']) {
    new VpcEndpoint(service, {
      vpcId: cloud.id,
      serviceName: `com.amazonaws.${config.region}.${service}`,
      vpcEndpointType: 'Gateway',
      routeTableIds: [inside.id],
      tags: tagsOf(config, service),
    });
  }

  const group = (name: string, description: string): SecurityGroup =>
    new SecurityGroup(name, {
      vpcId: cloud.id,
      name: `${config.namePrefix}-${name}`,
      description,
      tags: tagsOf(config, name),
    });
  const groups = {
    master: group('master', 'The K3s server'),
    workers: group('workers', 'Workers'),
    functions: group('functions', 'Functions that look at the cluster'),
  };
  for (const { name, protocol, port, from, to } of OPENINGS) {
    new SecurityGroupIngressRule(name, {
      securityGroupId: groups[to].id,
      referencedSecurityGroupId: groups[from].id,
      ipProtocol: protocol,
      fromPort: port,
      toPort: port,
      tags: tagsOf(config, name),
    });
  }
  // Nodes pull images and serve a shop that talks to whom it likes; the functions talk to AWS and to the master only.
  for (const name of ['master', 'workers'] as const) {
    new SecurityGroupEgressRule(`${name}-out`, {
      securityGroupId: groups[name].id,
      cidrIpv4: '0.0.0.0/0',
      ipProtocol: '-1',
      tags: tagsOf(config, `${name}-out`),
    });
  }
  new SecurityGroupEgressRule('functions-to-aws', {
    securityGroupId: groups.functions.id,
    cidrIpv4: '0.0.0.0/0',
    ipProtocol: 'tcp',
    fromPort: 443,
    toPort: 443,
    tags: tagsOf(config, 'functions-to-aws'),
  });
  for (const [name, port] of [
    ['api', KUBERNETES_PORT],
    ['prometheus', PROMETHEUS_PORT],
  ] as const) {
    new SecurityGroupEgressRule(`functions-out-to-${name}`, {
      securityGroupId: groups.functions.id,
      referencedSecurityGroupId: groups.master.id,
      ipProtocol: 'tcp',
      fromPort: port,
      toPort: port,
      tags: tagsOf(config, `functions-out-to-${name}`),
    });
  }

  return {
    vpcId: cloud.id,
    masterSubnetId: masterSubnet.id,
    workerSubnets,
    masterGroup: groups.master,
    workerGroup: groups.workers,
    functionGroup: groups.functions,
    egress: [toInternet, toNat],
  };
}
