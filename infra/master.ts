import { Instance } from '@pulumi/aws/ec2/instance.js';
import { all, type Output } from '@pulumi/pulumi';
import { masterPolicy, type Place } from './access.ts';
import { type Config, isBurstable } from './config.ts';
import type { Image } from './image.ts';
import { MASTER_ROLE } from './names.ts';
import { masterAddress, type Network } from './network.ts';
import { grant, instanceProfile, role } from './roles.ts';
import type { Secrets } from './secrets.ts';
import { tagsOf } from './tags.ts';
import { masterUserData, packed } from './user-data.ts';

/**
 * The K3s server, with Prometheus on it: one instance, in a private subnet, at a fixed address, without SSH. Its disk is
 * the cluster's memory, so neither a new image nor new user data replaces it; README.md says how to do that by hand.
 */
export function master(
  config: Config,
  place: Output<Place>,
  network: Network,
  secrets: Secrets,
  image: Image,
  alertUrl: Output<string>,
): Instance {
  const masterRole = role(config, place, 'master', 'ec2.amazonaws.com');
  const arns = [secrets.joinToken.arn, secrets.kubernetesAccess.arn, secrets.alertToken.arn];
  const { policy } = grant(
    'master',
    masterRole,
    place.apply((here) => all(arns).apply((each) => masterPolicy(here, each))),
  );
  const profile = instanceProfile(config, 'master', masterRole);
  return new Instance(
    'master',
    {
      ami: image.id,
      instanceType: config.masterInstanceType,
      ...(isBurstable(config.masterInstanceType)
        ? { creditSpecification: { cpuCredits: 'unlimited' } }
        : {}),
      subnetId: network.masterSubnetId,
      privateIp: masterAddress(config),
      associatePublicIpAddress: false,
      vpcSecurityGroupIds: [network.masterGroup.id],
      iamInstanceProfile: profile.name,
      metadataOptions: {
        httpEndpoint: 'enabled',
        httpTokens: 'required',
        httpPutResponseHopLimit: 1,
      },
      rootBlockDevice: {
        volumeSize: 30,
        volumeType: 'gp3',
        encrypted: true,
        deleteOnTermination: true,
        tags: tagsOf(config, 'master'),
      },
      disableApiTermination: config.protect,
      userDataBase64: alertUrl.apply((url) => packed(masterUserData(config, url))),
      tags: tagsOf(config, 'master', MASTER_ROLE),
    },
    {
      protect: config.protect,
      dependsOn: [policy, ...network.egress],
      ignoreChanges: ['ami', 'userDataBase64'],
      // The address is free only once the old one is gone.
      deleteBeforeReplace: true,
    },
  );
}
