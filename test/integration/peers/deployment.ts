import type { Cluster } from '../../../engine/index.ts';
import { KUBERNETES_SECRET, ZONES } from './shop.ts';
import { CLUSTER_ID, JOURNAL_TABLE, STATE_TABLE } from './tables.ts';

/** The cluster as infra/ tells the function of it. */
export function deployedCluster(id = CLUSTER_ID): Cluster {
  return {
    id,
    zones: ZONES,
    template: { allocatableMillicpu: 1930, allocatableMib: 3300 },
    templateVersion: '1/1',
    onDemandBdtPerHour: 33.33,
    spotBdtPerHour: 10,
    calendar: [],
    timeZoneOffsetMinutes: 360,
    operatorDelaysMs: [],
  };
}

/** The scheduled function’s environment, as infra/ gives it; what differs from one test to another is told. */
export function scheduledEnvironment(
  told: Readonly<Record<string, string>>,
  clusterId = CLUSTER_ID,
): Record<string, string> {
  return {
    NODE_FLEET_MODE: 'act',
    NODE_FLEET_POLICY: 'node-fleet',
    NODE_FLEET_SETTINGS: '{"nodeCountMin":2,"nodeCountMax":5}',
    NODE_FLEET_CLUSTER: JSON.stringify(deployedCluster(clusterId)),
    NODE_FLEET_STATE_TABLE: STATE_TABLE,
    NODE_FLEET_INBOX_KEY: `${clusterId}#inbox`,
    NODE_FLEET_JOURNAL_TABLE: JOURNAL_TABLE,
    NODE_FLEET_JOURNAL_DAYS: '90',
    NODE_FLEET_KUBERNETES_SECRET: KUBERNETES_SECRET,
    NODE_FLEET_METRIC_NAMESPACE: 'NodeFleet',
    ...told,
  };
}
