import { LaunchTemplate, type LaunchTemplateArgs } from '@pulumi/aws/ec2/launchTemplate.js';
import type { Role } from '@pulumi/aws/iam/role.js';
import { interpolate, type Output } from '@pulumi/pulumi';
import { type Place, workerPolicy } from './access.ts';
import { type Config, isBurstable } from './config.ts';
import type { Image } from './image.ts';
import { WORKER_ROLE } from './names.ts';
import type { Network } from './network.ts';
import { grant, instanceProfile, role } from './roles.ts';
import type { Secrets } from './secrets.ts';
import { tagsOf } from './tags.ts';
import { workerUserData } from './user-data.ts';

/**
 * How a worker is launched: two templates, alike but for the market. The engine pins a version in each intent, and repeats
 * it byte for byte; so old versions stay, and a template names no subnet, which the request brings (S5).
 */
export interface Workers {
  readonly role: Role;
  readonly onDemand: LaunchTemplate;
  readonly spot: LaunchTemplate;
  /** Both versions as one word, `ON-DEMAND/SPOT`: what the engine pins as `templateVersion`. */
  readonly templateVersion: Output<string>;
}

export function workers(
  config: Config,
  place: Output<Place>,
  network: Network,
  secrets: Secrets,
  image: Image,
): Workers {
  const workerRole = role(config, place, 'worker', 'ec2.amazonaws.com');
  grant(
    'worker',
    workerRole,
    place.apply((here) => secrets.joinToken.arn.apply((arn) => workerPolicy(here, arn))),
  );
  const profile = instanceProfile(config, 'worker', workerRole);
  const tags = tagsOf(config, 'worker', WORKER_ROLE);

  const template = (
    name: string,
    market: Pick<LaunchTemplateArgs, 'instanceMarketOptions'>,
    tagged: readonly string[],
  ): LaunchTemplate =>
    new LaunchTemplate(name, {
      ...market,
      name: `${config.namePrefix}-${name}`,
      updateDefaultVersion: true,
      imageId: image.id,
      instanceType: config.workerInstanceType,
      ...(isBurstable(config.workerInstanceType)
        ? { creditSpecification: { cpuCredits: config.cpuCredits } }
        : {}),
      iamInstanceProfile: { arn: profile.arn },
      // Groups at this level, not on an interface: the subnet comes with the request, and has no public addresses.
      vpcSecurityGroupIds: [network.workerGroup.id],
      metadataOptions: {
        httpEndpoint: 'enabled',
        httpTokens: 'required',
        // Pods are a hop further, and cannot borrow the instance's role.
        httpPutResponseHopLimit: 1,
      },
      blockDeviceMappings: [
        {
          deviceName: image.rootDevice,
          ebs: {
            volumeSize: config.workerDiskGib,
            volumeType: 'gp3',
            encrypted: 'true',
            deleteOnTermination: 'true',
          },
        },
      ],
      // Nothing of ours is ever stopped: a worker that shuts itself down is gone.
      instanceInitiatedShutdownBehavior: 'terminate',
      userData: Buffer.from(workerUserData(config)).toString('base64'),
      tagSpecifications: tagged.map((resourceType) => ({ resourceType, tags })),
      tags: tagsOf(config, name),
    });

  const onDemand = template('worker-on-demand', {}, ['instance', 'volume']);
  const spot = template(
    'worker-spot',
    {
      instanceMarketOptions: {
        marketType: 'spot',
        spotOptions: { spotInstanceType: 'one-time', instanceInterruptionBehavior: 'terminate' },
      },
    },
    ['instance', 'volume', 'spot-instances-request'],
  );
  return {
    role: workerRole,
    onDemand,
    spot,
    templateVersion: interpolate`${onDemand.latestVersion}/${spot.latestVersion}`,
  };
}
