import type { Config } from './config.ts';
import { CLUSTER_TAG, ROLE_TAG } from './names.ts';

/** The tags of one resource: its name, whose it is and, for an instance, what it is. */
export function tagsOf(
  config: Config,
  what: string,
  role?: string,
): Readonly<Record<string, string>> {
  return {
    Name: `${config.namePrefix}-${what}`,
    [CLUSTER_TAG]: config.clusterId,
    ...(role === undefined ? {} : { [ROLE_TAG]: role }),
  };
}
