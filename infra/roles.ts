import { InstanceProfile } from '@pulumi/aws/iam/instanceProfile.js';
import { Role } from '@pulumi/aws/iam/role.js';
import { RolePolicy } from '@pulumi/aws/iam/rolePolicy.js';
import type { Output } from '@pulumi/pulumi';
import { type Place, type PolicyDocument, trust } from './access.ts';
import type { Config } from './config.ts';
import { tagsOf } from './tags.ts';

/** A role that one service may take, with the one policy it has. */
export interface Granted {
  readonly role: Role;
  /** Wait for this before anything needs the rights. */
  readonly policy: RolePolicy;
}

export function role(config: Config, place: Output<Place>, name: string, service: string): Role {
  return new Role(name, {
    name: `${config.namePrefix}-${name}`,
    assumeRolePolicy: place.apply(({ accountId }) => JSON.stringify(trust(service, accountId))),
    tags: tagsOf(config, name),
  });
}

export function grant(name: string, to: Role, document: Output<PolicyDocument>): Granted {
  const policy = new RolePolicy(name, {
    role: to.id,
    policy: document.apply((each) => JSON.stringify(each)),
  });
  return { role: to, policy };
}

export function instanceProfile(config: Config, name: string, of: Role): InstanceProfile {
  return new InstanceProfile(name, {
    name: `${config.namePrefix}-${name}`,
    role: of.name,
    tags: tagsOf(config, name),
  });
}
