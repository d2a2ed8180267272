import * as iam from '@pulumi/aws/iam/index.js';
import type { Output } from '@pulumi/pulumi';
import { type Place, type PolicyDocument, trust } from './access.ts';
import type { Config } from './config.ts';
import { tagsOf } from './tags.ts';

/** A role that one service may take, with the one policy it has. */
export interface Granted {
  readonly role: iam.Role;
  /** Wait for this before anything needs the rights. */
  readonly policy: iam.RolePolicy;
}

export function role(
  config: Config,
  place: Output<Place>,
  name: string,
  service: string,
): iam.Role {
  return new iam.Role(name, {
    name: `${config.namePrefix}-${name}`,
    assumeRolePolicy: place.apply(({ accountId }) => JSON.stringify(trust(service, accountId))),
    tags: tagsOf(config, name),
  });
}

export function grant(name: string, to: iam.Role, document: Output<PolicyDocument>): Granted {
  const policy = new iam.RolePolicy(name, {
    role: to.id,
    policy: document.apply((each) => JSON.stringify(each)),
  });
  return { role: to, policy };
}

export function instanceProfile(config: Config, name: string, of: iam.Role): iam.InstanceProfile {
  return new iam.InstanceProfile(name, {
    name: `${config.namePrefix}-${name}`,
    role: of.name,
    tags: tagsOf(config, name),
  });
}
