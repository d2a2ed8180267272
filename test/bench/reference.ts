import type { Scenario } from '../../simulator/index.ts';
import { fillSteps } from '../../simulator/index.ts';

/**
 * The yardstick: a plain loop that does only an autoscaler’s ceiling, first fit and the five rules, everything recomputed at
 * each step, on arrays. No lock, no start-up model, no Prometheus, no journal. Returns node-steps, so that nothing is
 * optimised away.
 */
export function referenceRun(
  scenario: Scenario,
  nodeCountMin: number,
  nodeCountMax: number,
): number {
  const { trace, workload, cluster, worldStepSeconds, cycleSeconds } = scenario;
  const { web, cpuMsPerRequest } = workload;
  const stepMs = worldStepSeconds * 1000;
  const steps = Math.floor((trace.endAtMs - trace.startAtMs) / stepMs);
  const requestsPerSecond = fillSteps(trace, trace.startAtMs, stepMs, steps);
  const stepsPerCycle = Math.round(cycleSeconds / worldStepSeconds);
  const bootSteps = Math.round(75 / worldStepSeconds);
  const perPod = (web.requestMillicpu * web.hpa.targetUtilizationPercent) / 100;
  const free = new Int32Array(nodeCountMax);
  const readyAt = new Int32Array(nodeCountMax);
  const recommended = new Int32Array(20);
  let nodes = Math.min(nodeCountMax, Math.max(nodeCountMin, cluster.nodeCountInitial));
  let lastActionAt = -1e9;
  let nodeSteps = 0;
  for (let k = 0; k < steps; k++) {
    const millicpu = requestsPerSecond[k] * cpuMsPerRequest;
    recommended[k % 20] = Math.max(web.hpa.replicasMin, Math.ceil(millicpu / perPod));
    let replicas = 0;
    for (let i = 0; i < 20; i++) {
      if (recommended[i] > replicas) {
        replicas = recommended[i];
      }
    }
    let ready = 0;
    for (let n = 0; n < nodes; n++) {
      const up = readyAt[n] <= k;
      free[n] = up ? cluster.worker.allocatableMillicpu : 0;
      if (up) {
        ready++;
      }
    }
    let pending = replicas;
    for (let n = 0; n < nodes && pending > 0; n++) {
      while (pending > 0 && free[n] >= web.requestMillicpu) {
        free[n] -= web.requestMillicpu;
        pending--;
      }
    }
    const cpu = ready > 0 ? (100 * Math.min(millicpu, ready * 1930)) / (ready * 2000) : 0;
    if (k % stepsPerCycle === 0 && (k - lastActionAt) * worldStepSeconds >= 300) {
      let change = 0;
      if (pending > 0) {
        change = 2;
      } else if (cpu > 70) {
        change = 1;
      } else if (cpu < 30 && (k - lastActionAt) * worldStepSeconds >= 600) {
        change = -1;
      }
      const wanted = Math.min(nodeCountMax, Math.max(nodeCountMin, nodes + change));
      for (let n = nodes; n < wanted; n++) {
        readyAt[n] = k + bootSteps;
      }
      if (wanted !== nodes) {
        lastActionAt = k;
      }
      nodes = wanted;
    }
    nodeSteps += nodes;
  }
  return nodeSteps;
}
