/**
 * Names that the infrastructure and the code it runs must agree on. Each stands here once; infra/README.md says who
 * else relies on it.
 */

/** On everything we make: `node-fleet:cluster` = the cluster's id. Permissions hang on it. */
export const CLUSTER_TAG = 'node-fleet:cluster';
/** `k3s-master` or `k3s-worker`: how workers find the master, and what keeps the autoscaler's hands off it. */
export const ROLE_TAG = 'Role';
export const MASTER_ROLE = 'k3s-master';
export const WORKER_ROLE = 'k3s-worker';

/** The table's items: the lock with the state, and beside it what others leave for the next holder (S2, S19). */
export const CLUSTER_KEY = 'cluster_id';
export const INBOX_SUFFIX = '#inbox';
/** Attributes of the inbox that the ingest functions may write: `doomed#INSTANCE`, and a kick. */
export const MARK_PREFIX = 'doomed#';
export const KICK = 'kicked_at_ms';
/** The journal's range key: when the cycle began, in ms since 1970. */
export const JOURNAL_RANGE_KEY = 'started_at_ms';
export const JOURNAL_TTL = 'expires_at';

/** Embedded metrics: the namespace, its dimension, and the count of alarms that a cycle raised. */
export const METRIC_NAMESPACE = 'NodeFleet';
export const METRIC_DIMENSION = 'ClusterId';
export const ALARM_METRIC = 'Alarms';

/** One bundle, three entries. */
export const HANDLERS = {
  scheduled: 'index.scheduled',
  spot: 'index.spot',
  alert: 'index.alert',
} as const;

/** Ports, and who may reach them, are in network.ts. */
export const KUBERNETES_PORT = 6443;
export const KUBELET_PORT = 10250;
export const FLANNEL_PORT = 8472;
export const NODE_EXPORTER_PORT = 9100;
export const PROMETHEUS_PORT = 9090;
