import { getAmiOutput } from '@pulumi/aws/ec2/getAmi.js';
import { getParameterOutput } from '@pulumi/aws/ssm/getParameter.js';
import type { Output } from '@pulumi/pulumi';
import type { Config } from './config.ts';

/** The image of master and workers, and the device its root is on, whose encryption we ask for. */
export interface Image {
  readonly id: Output<string>;
  readonly rootDevice: Output<string>;
}

/** Looks the image up anew at each `pulumi up`: a newer one gives workers a new template version. */
export function image(config: Config): Image {
  const id = getParameterOutput({ name: config.imageParameter }).insecureValue;
  const found = getAmiOutput({
    owners: ['amazon', '099720109477'],
    filters: [{ name: 'image-id', values: [id] }],
  });
  return { id, rootDevice: found.rootDeviceName };
}
