import { nodesNeeded, type PinReason, type PodShape } from '../engine/index.ts';
import { HorizontalPodAutoscaler } from './hpa.ts';
import { stream } from './random.ts';
import type { OtherWorkloadSettings, Scenario } from './scenario.ts';
import { fillSteps } from './trace.ts';

/**
 * What the shop would run with room for everything: the same traffic, autoscaler and pod start-up without nodes. Shortage is
 * measured against it, because an autoscaler that is starved of pods stops asking for them.
 */
export interface Demand {
  readonly firstStepAtMs: number;
  readonly stepMs: number;
  readonly stepCount: number;
  readonly requestsPerSecond: Float64Array;
  /** Web pods that would be asked for, and that would be running, by step. */
  readonly replicas: Int32Array;
  readonly running: Int32Array;
  /** Nodes that all pods asked for would pack into, by step; neither min nor max applies. */
  readonly nodes: Int32Array;
  /** Steps from binding to running, for a pod that is bound in that step: image pull and warm-up, the same for every policy. */
  readonly startSteps: Uint16Array;
}

/** An hour of image pull and one of warm-up, the longest that a scenario may set, at the shortest step of a second. */
const START_STEPS_MAX = 7_201;
/** No maximum: far above any cluster simulated here. */
export const REPLICAS_MAX = 1_000_000;
/** Kubernetes’ `--horizontal-pod-autoscaler-sync-period`. */
export const HPA_SYNC_MS = 15_000;

/** The web autoscaler of a scenario, as the world and the unconstrained run both use it. */
export function webAutoscaler(scenario: Scenario): HorizontalPodAutoscaler {
  const { requestMillicpu, hpa } = scenario.workload.web;
  return new HorizontalPodAutoscaler({
    replicasMin: hpa.replicasMin,
    replicasMax: REPLICAS_MAX,
    targetUtilizationPercent: hpa.targetUtilizationPercent,
    tolerancePercent: hpa.tolerancePercent,
    requestMillicpu,
    scaleDownWindowMs: hpa.scaleDownWindowSeconds * 1000,
    syncMs: Math.max(HPA_SYNC_MS, scenario.worldStepSeconds * 1000),
    metricsLagMs: hpa.metricsLagSeconds * 1000,
  });
}

/**
 * Runs a scenario’s demand. The phase of the steps within the trace is drawn from the seed, so that a sale at 20:00:00 does
 * not lock to the grid. Wherever it lies the run lasts as long as the trace, in whole steps: what it begins later it ends
 * later, while the last row holds.
 */
export function runUnconstrained(scenario: Scenario, seed: number): Demand {
  const { trace, workload, startup } = scenario;
  const stepMs = scenario.worldStepSeconds * 1000;
  const firstStepAtMs = trace.startAtMs + stream(seed, 'phase', 'scrape').nextInt(stepMs);
  const stepCount = Math.ceil((trace.endAtMs - trace.startAtMs) / stepMs);
  const requestsPerSecond = fillSteps(trace, firstStepAtMs, stepMs, stepCount);
  const pulls = stream(seed, 'pull');
  const startSteps = new Uint16Array(stepCount);
  const pullSpreadSeconds = startup.imagePullSecondsMax - startup.imagePullSecondsMin;
  for (let k = 0; k < stepCount; k++) {
    const pullSeconds = startup.imagePullSecondsMin + pulls.nextUnit() * pullSpreadSeconds;
    const startSeconds = pullSeconds + startup.warmUpSeconds;
    startSteps[k] = Math.max(1, Math.ceil((startSeconds * 1000) / stepMs));
  }

  const { requestMillicpu, hpa } = workload.web;
  const autoscaler = webAutoscaler(scenario);
  const perPod = (requestMillicpu * hpa.targetUtilizationPercent) / 100;
  const replicas = new Int32Array(stepCount);
  const running = new Int32Array(stepCount);
  const starting = new Int32Array(stepCount + START_STEPS_MAX);
  let current = initialReplicas(
    requestsPerSecond[0]!,
    workload.cpuMsPerRequest,
    perPod,
    hpa.replicasMin,
  );
  let ready = current;
  let usageMillicpu = requestsPerSecond[0]! * workload.cpuMsPerRequest;
  let syncedAtMs = -Infinity;
  for (let k = 0; k < stepCount; k++) {
    const nowMs = firstStepAtMs + k * stepMs;
    ready = Math.min(current, ready + starting[k]!);
    if (nowMs - syncedAtMs >= HPA_SYNC_MS) {
      syncedAtMs = nowMs;
      const wanted = autoscaler.sync(nowMs, current, ready, current - ready, usageMillicpu);
      if (wanted > current) {
        const at = k + startSteps[k]!;
        starting[at] = starting[at]! + (wanted - current);
      } else if (wanted < ready) {
        ready = wanted;
      }
      current = wanted;
    }
    usageMillicpu = requestsPerSecond[k]! * workload.cpuMsPerRequest;
    replicas[k] = current;
    running[k] = ready;
  }
  const nodes = packedNodes(scenario, replicas);
  return {
    firstStepAtMs,
    stepMs,
    stepCount,
    requestsPerSecond,
    replicas,
    running,
    nodes,
    startSteps,
  };
}

function packedNodes(scenario: Scenario, replicas: Int32Array): Int32Array {
  const shapes = podShapes(scenario);
  const counts = [0, ...scenario.workload.others.map((other) => other.replicas)];
  const packed = new Map<number, number>();
  let webBefore = -1;
  let nodes = 0;
  return replicas.map((web) => {
    if (web !== webBefore) {
      webBefore = web;
      counts[0] = web;
      nodes = packed.get(web) ?? nodesNeeded(shapes, counts, scenario.cluster.worker);
      packed.set(web, nodes);
    }
    return nodes;
  });
}

const PINS: Readonly<Record<OtherWorkloadSettings['kind'], PinReason | null>> = {
  deployment: null,
  statefulset: 'stateful-set',
  'single-replica': 'single-replica',
  'local-data': 'local-data',
  'critical-system': 'system-critical',
  'do-not-evict': 'do-not-evict',
};

/** The pod shapes of a scenario: web first, then the others in their order. */
export function podShapes(scenario: Scenario): readonly PodShape[] {
  const { web, others } = scenario.workload;
  const { requestMillicpu, requestMib } = web;
  return [
    { key: 'web', requestMillicpu, requestMib, zone: null, pinnedBy: null },
    ...others.map(({ name, kind, requestMillicpu, requestMib, zone }) => ({
      key: name,
      requestMillicpu,
      requestMib,
      zone,
      pinnedBy: PINS[kind],
    })),
  ];
}

/** Replicas that the autoscaler would have settled at before the trace begins. */
export function initialReplicas(
  requestsPerSecond: number,
  cpuMsPerRequest: number,
  millicpuPerPod: number,
  replicasMin: number,
): number {
  return Math.max(replicasMin, Math.ceil((requestsPerSecond * cpuMsPerRequest) / millicpuPerPod));
}
