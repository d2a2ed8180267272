import type { PinReason } from '../../engine/index.ts';
import {
  selects,
  type DisruptionBudgetObject,
  type PodObject,
  type PodSpec,
  type ReplicaSetObject,
} from './objects.ts';
import { requestsOf } from './requests.ts';

/** What else must be known to tell whether a pod may be moved. */
export interface Surroundings {
  readonly replicaSets: readonly ReplicaSetObject[];
  readonly budgets: readonly DisruptionBudgetObject[];
}

export const ZONE_LABEL = 'topology.kubernetes.io/zone';
/** A person’s word that a pod stays where it is. */
export const DO_NOT_EVICT = 'node-fleet/do-not-evict';
/** The Cluster Autoscaler’s own annotation is heard as well, either way. */
const SAFE_TO_EVICT = 'cluster-autoscaler.kubernetes.io/safe-to-evict';

const SYSTEM_PRIORITY_CLASSES = ['system-cluster-critical', 'system-node-critical'];
/** Priorities from here on are the system’s own. */
const SYSTEM_PRIORITY = 2_000_000_000;

/** Volumes that are the same wherever a pod runs, and those that stay behind. Any other may bind it to a place. */
const ANYWHERE = ['configMap', 'secret', 'projected', 'downwardAPI'];
const LOCAL = ['emptyDir', 'hostPath'];

/** The one zone a pod may run in (null: any), and whether that is all that binds it. */
export interface Placement {
  readonly zone: string | null;
  readonly modelled: boolean;
}

/**
 * Reads where a pod may run. Modelled is a zone, by selector or by a required node affinity, and nothing else; whatever
 * may keep it off a worker with room is not: other selectors, affinity to pods, spread that must be kept, ports and
 * resources of the host, volumes that are somewhere.
 */
export function placementOf(spec: PodSpec): Placement {
  const zones = new Set<string>();
  let modelled = true;
  for (const [key, value] of Object.entries(spec.nodeSelector ?? {})) {
    if (key === ZONE_LABEL) {
      zones.add(value);
    } else if (key !== 'kubernetes.io/os' || value !== 'linux') {
      modelled = false;
    }
  }
  const { nodeAffinity, podAffinity, podAntiAffinity } = spec.affinity ?? {};
  const terms = nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  if (terms !== undefined) {
    modelled &&= terms.length === 1;
    for (const { matchExpressions = [], matchFields = [] } of terms) {
      modelled &&= matchFields.length === 0;
      for (const { key, operator, values = [] } of matchExpressions) {
        if (key === ZONE_LABEL && operator === 'In' && values.length === 1) {
          zones.add(values[0]);
        } else {
          modelled = false;
        }
      }
    }
  }
  const required = [podAffinity, podAntiAffinity].some(
    (each) => (each?.requiredDuringSchedulingIgnoredDuringExecution ?? []).length > 0,
  );
  const spread = (spec.topologySpreadConstraints ?? []).some(
    ({ whenUnsatisfiable }) => whenUnsatisfiable !== 'ScheduleAnyway',
  );
  const hostPorts = (spec.containers ?? []).some(({ ports = [] }) =>
    ports.some(({ hostPort }) => hostPort !== undefined),
  );
  const elsewhere = volumeKinds(spec).some(
    (kind) => !ANYWHERE.includes(kind) && !LOCAL.includes(kind),
  );
  const scheduled = (spec.schedulerName ?? 'default-scheduler') === 'default-scheduler';
  modelled &&=
    zones.size <= 1 &&
    !required &&
    !spread &&
    !hostPorts &&
    spec.hostNetwork !== true &&
    !elsewhere &&
    scheduled &&
    requestsOf(spec).others.length === 0;
  const [zone = null] = zones;
  return { zone: zones.size === 1 ? zone : null, modelled };
}

function volumeKinds(spec: PodSpec): string[] {
  return (spec.volumes ?? []).flatMap((volume) =>
    Object.keys(volume).filter((key) => key !== 'name'),
  );
}

/** The controller that would make a pod anew. */
export function controllerOf({ metadata }: PodObject): { kind: string; name: string } | undefined {
  return metadata.ownerReferences?.find(({ controller }) => controller === true);
}

/**
 * Why a pod may not be moved, or null. Each filter fails closed: what we cannot read counts. Affinity comes first, because
 * the engine buys no node for a pod with that reason (S13).
 *
 * @param moment `now`: a disruption budget that allows none at this moment pins; `ever`: only one that never can, since
 * the eviction itself is refused while it allows none, and asked for again
 */
export function pinOf(
  pod: PodObject,
  { replicaSets, budgets }: Surroundings,
  moment: 'now' | 'ever',
): PinReason | null {
  const { metadata, spec = {} } = pod;
  const { annotations = {}, labels = {}, namespace } = metadata;
  if (!placementOf(spec).modelled) {
    return 'unmodelled-affinity';
  }
  if (
    SYSTEM_PRIORITY_CLASSES.includes(spec.priorityClassName ?? '') ||
    (spec.priority ?? 0) >= SYSTEM_PRIORITY
  ) {
    return 'system-critical';
  }
  if (
    (annotations[DO_NOT_EVICT] ?? 'false') !== 'false' ||
    annotations[SAFE_TO_EVICT] === 'false'
  ) {
    return 'do-not-evict';
  }
  const controller = controllerOf(pod);
  if (controller?.kind === 'StatefulSet') {
    return 'stateful-set';
  }
  if (controller?.kind !== 'ReplicaSet') {
    return 'no-controller';
  }
  const replicaSet = replicaSets.find(
    (each) => each.metadata.namespace === namespace && each.metadata.name === controller.name,
  );
  if ((replicaSet?.spec?.replicas ?? 0) < 2) {
    return 'single-replica';
  }
  const isLocal = volumeKinds(spec).some((kind) => LOCAL.includes(kind));
  if (isLocal && annotations[SAFE_TO_EVICT] !== 'true') {
    return 'local-data';
  }
  const own = budgets.filter(
    (budget) => budget.metadata.namespace === namespace && selects(budget.spec?.selector, labels),
  );
  // Two budgets on one pod: the API refuses every eviction.
  return own.length > 1 || own.some((budget) => refuses(budget, moment)) ? 'blocked-by-pdb' : null;
}

function refuses({ status = {} }: DisruptionBudgetObject, moment: 'now' | 'ever'): boolean {
  const { disruptionsAllowed = 0, desiredHealthy, expectedPods } = status;
  if (disruptionsAllowed > 0) {
    return false;
  }
  return (
    moment === 'now' ||
    desiredHealthy === undefined ||
    expectedPods === undefined ||
    desiredHealthy >= expectedPods
  );
}
