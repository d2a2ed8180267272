/**
 * The horizontal pod autoscaler on CPU utilization, as Kubernetes computes it.
 *
 * Sources: kubernetes/kubernetes, pkg/controller/podautoscaler, v1.33 and later:
 *  - replica_calculator.go: GetResourceReplicas, Tolerances.isWithin, and groupPods for which pods
 *    count as unready or missing; metrics/utilization.go: GetResourceUtilizationRatio
 *  - horizontal.go: reconcileAutoscaler, recordInitialRecommendation,
 *    stabilizeRecommendationWithBehaviors, convertDesiredReplicasWithBehaviorRate
 * and the documented default behavior,
 * kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#default-behavior
 *
 * Modelled is a target with one CPU utilization metric and `behavior: {}`, to which the documented
 * defaults apply. An HPA without any `behavior` runs older code (normalizeDesiredReplicas), different
 * in two ways: its limit is max(2 × current, 4) replicas, the same from 4 replicas up; and a higher
 * recommendation of the last 5 minutes is applied even while it scales up.
 *
 * Left out: several metrics, container metrics, any other `behavior` (rates of scaling down, a
 * window for scaling up, per-direction tolerance) · autoscaling switched off by 0 replicas · pods
 * over 5 minutes old that turned unready, which Kubernetes goes on counting · a metric's averaging
 * window that straddles the moment its pod became ready · metrics-server failures · rounding of each
 * pod's usage up to a millicpu · somebody else scaling the same target within 15 seconds.
 */

/** Default `behavior.scaleUp`: 4 pods or 100 % more in 15 seconds, whichever allows more. */
const SCALE_UP_PODS = 4;
const SCALE_UP_FACTOR = 2;
const SCALE_UP_PERIOD_MS = 15_000;

/** What one decision looks at. Pods and replicas are whole numbers. */
export interface UtilizationReading {
  /** `spec.replicas` of the target. */
  readonly currentReplicas: number;
  /** Ready pods with a metric: those that usageMillicpu sums over. */
  readonly readyPods: number;
  /** Pods that are pending, or not ready, or whose metric is from before they were ready. */
  readonly unreadyPods: number;
  /** Running pods without any metric. */
  readonly missingPods: number;
  /** Sum over readyPods, whole millicpu. */
  readonly usageMillicpu: number;
  /** Of each pod, whole millicpu, above 0. */
  readonly requestMillicpu: number;
  /** Whole percent of the request, above 0. */
  readonly targetUtilizationPercent: number;
  /** Half-width of the dead band, percent of the target; Kubernetes' default is 10. */
  readonly tolerancePercent: number;
}

/**
 * The replicas that the metric alone asks for, before stabilization, limits and bounds. See
 * `replicasForUtilization`.
 */
export function desiredReplicas(reading: UtilizationReading): number {
  return replicasForUtilization(
    reading.currentReplicas,
    reading.readyPods,
    reading.unreadyPods,
    reading.missingPods,
    reading.usageMillicpu,
    reading.requestMillicpu,
    reading.targetUtilizationPercent,
    1 - reading.tolerancePercent / 100,
    1 + reading.tolerancePercent / 100,
  );
}

/**
 * GetResourceReplicas for pods of equal request, with plain arguments for the hot loop; units as in
 * `UtilizationReading`. ratioLow and ratioHigh, 1 ∓ tolerance, bound the dead band and belong to it
 * (`isWithin`; before v1.33, `abs(1 - ratio) <= tolerance` left 1.1 outside by a rounding error).
 *
 * Unknown is conservative both ways. When usage is above the target, pods that are unready or
 * without a metric count as idle. When it is below, those without a metric count as busy (100 % of
 * the request, or the target if that is higher) and unready ones not at all. Where the unknown would
 * turn the direction round, nothing changes.
 *
 * Rounding is Kubernetes' own and nothing is added to it: utilization is cut to a whole percent, then
 * one division by the target and one product with the pods, which Go rounds by IEEE 754 as we do,
 * then ceil. So its overshoots are kept: 29 % on 70 pods at target 70 % asks for 30, not 29.
 */
export function replicasForUtilization(
  currentReplicas: number,
  readyPods: number,
  unreadyPods: number,
  missingPods: number,
  usageMillicpu: number,
  requestMillicpu: number,
  targetUtilizationPercent: number,
  ratioLow: number,
  ratioHigh: number,
): number {
  // "did not receive metrics for targeted pods": an error, after which nothing is changed.
  if (readyPods === 0) {
    return currentReplicas;
  }

  // Floor of the quotient is exact integer division for whole numbers below 2^53.
  const utilizationPercent = Math.floor((usageMillicpu * 100) / (requestMillicpu * readyPods));
  const ratio = utilizationPercent / targetUtilizationPercent;
  const unreadyCount = ratio > 1 ? unreadyPods : 0;
  if (unreadyCount === 0 && missingPods === 0) {
    if (ratioLow <= ratio && ratio <= ratioHigh) {
      return currentReplicas;
    }
    return Math.ceil(ratio * readyPods);
  }
  const countedPods = readyPods + missingPods + unreadyCount;
  let countedMillicpu = usageMillicpu;
  if (ratio < 1) {
    const assumedPercent = targetUtilizationPercent > 100 ? targetUtilizationPercent : 100;
    countedMillicpu += missingPods * Math.floor((requestMillicpu * assumedPercent) / 100);
  }
  const countedPercent = Math.floor((countedMillicpu * 100) / (requestMillicpu * countedPods));
  const countedRatio = countedPercent / targetUtilizationPercent;
  if (ratioLow <= countedRatio && countedRatio <= ratioHigh) {
    return currentReplicas;
  }
  // Exactly on target Kubernetes fills nothing in and changes nothing; here it ends up below it.
  if (ratio < 1 !== countedRatio < 1) {
    return currentReplicas;
  }

  // The count of pods, other than the replicas asked for, may turn it round as well.
  const replicas = Math.ceil(countedRatio * countedPods);
  if (ratio < 1 ? replicas > currentReplicas : replicas < currentReplicas) {
    return currentReplicas;
  }
  return replicas;
}

export interface HorizontalPodAutoscalerOptions {
  readonly replicasMin: number;
  /** For no maximum, any large number. */
  readonly replicasMax: number;
  readonly targetUtilizationPercent: number;
  readonly tolerancePercent: number;
  /** Of each pod. */
  readonly requestMillicpu: number;
  /** `stabilizationWindowSeconds` of scaling down, in ms; 0 for none. */
  readonly scaleDownWindowMs: number;
  /** Least time between two calls of `sync`: at least the 15 s that the limit counts over. */
  readonly syncMs: number;
  /** Age of a metric when it can be used: scraping, averaging and transport together. */
  readonly metricsLagMs: number;
}

/**
 * The controller of one target. It remembers recent usage, for the metrics' lag, and recent
 * recommendations, for the stabilization window; it starts without either.
 */
export class HorizontalPodAutoscaler {
  private readonly replicasMin: number = 0;
  private readonly replicasMax: number = 0;
  private readonly targetUtilizationPercent: number = 0;
  private readonly ratioLow: number = 0;
  private readonly ratioHigh: number = 0;
  private readonly requestMillicpu: number = 0;
  private readonly scaleDownWindowMs: number = 0;
  private readonly syncMs: number = 0;
  private readonly metricsLagMs: number = 0;

  private syncedAtMs = -Infinity;

  // Ring of samples in the order of time: sampleCount of them from sampleHead, the newest that is
  // old enough to use, on.
  private readonly sampleAtMs: Float64Array;
  private readonly sampleMillicpu: Float64Array;
  private readonly samplePods: Int32Array;
  private sampleHead = 0;
  private sampleCount = 0;

  // Deque of the recommendations that are or may become the highest of the window: from windowHead
  // on, times rise and replicas fall.
  private readonly windowAtMs: Float64Array;
  private readonly windowReplicas: Int32Array;
  private windowHead = 0;
  private windowCount = 0;

  constructor(options: HorizontalPodAutoscalerOptions) {
    requireWhole('replicasMin', options.replicasMin, 1);
    requireWhole('replicasMax', options.replicasMax, options.replicasMin);
    requireWhole('targetUtilizationPercent', options.targetUtilizationPercent, 1);
    requireWhole('requestMillicpu', options.requestMillicpu, 1);
    requireWhole('scaleDownWindowMs', options.scaleDownWindowMs, 0);
    requireWhole('syncMs', options.syncMs, SCALE_UP_PERIOD_MS);
    requireWhole('metricsLagMs', options.metricsLagMs, 0);
    if (!(options.tolerancePercent >= 0 && options.tolerancePercent < 100)) {
      throw new RangeError(
        `tolerancePercent of an HPA is from 0 to below 100, not ${String(options.tolerancePercent)}.`,
      );
    }
    this.replicasMin = options.replicasMin;
    this.replicasMax = options.replicasMax;
    this.targetUtilizationPercent = options.targetUtilizationPercent;
    this.ratioLow = 1 - options.tolerancePercent / 100;
    this.ratioHigh = 1 + options.tolerancePercent / 100;
    this.requestMillicpu = options.requestMillicpu;
    this.scaleDownWindowMs = options.scaleDownWindowMs;
    this.syncMs = options.syncMs;
    this.metricsLagMs = options.metricsLagMs;

    // Calls are at least syncMs apart. Too young to use are at most lag ÷ sync samples; one more is
    // in use, and one more just arrives. The window likewise, with the initial recommendation.
    const samplesMax = Math.ceil(options.metricsLagMs / options.syncMs) + 2;
    this.sampleAtMs = new Float64Array(samplesMax);
    this.sampleMillicpu = new Float64Array(samplesMax);
    this.samplePods = new Int32Array(samplesMax);
    const recommendationsMax = Math.ceil(options.scaleDownWindowMs / options.syncMs) + 2;
    this.windowAtMs = new Float64Array(recommendationsMax);
    this.windowReplicas = new Int32Array(recommendationsMax);
  }

  /**
   * One reconciliation: notes the usage at nowMs and returns the replicas to set. To be called once
   * per syncMs, or less often; a call that comes sooner is a RangeError.
   *
   * The metrics used are the newest that are at least metricsLagMs old, so the lag rounds up to whole
   * calls. Before there are any, and while no ready pod has one, nothing changes. Pods that became
   * ready after that sample count as unready (groupPods: a metric must be from after its pod was
   * ready); where pods are gone since, their equal shares of the usage are gone with them. Only their
   * number is known here: a pod replaced within the lag passes for the one before it.
   *
   * @param currentReplicas `spec.replicas` of the target
   * @param readyPods pods ready now, terminating ones not counted
   * @param unreadyPods its other pods: unschedulable, starting, failing their readiness probe
   * @param usageMillicpu CPU that readyPods use together; a fraction rounds to the nearest millicpu
   */
  sync(
    nowMs: number,
    currentReplicas: number,
    readyPods: number,
    unreadyPods: number,
    usageMillicpu: number,
  ): number {
    if (!(nowMs >= this.syncedAtMs + this.syncMs)) {
      throw new RangeError(
        `An HPA synced at ${String(this.syncedAtMs)} ms syncs again ${String(this.syncMs)} ms later or after that, not at ${String(nowMs)} ms.`,
      );
    }
    // Without it, the first quiet reading would scale down with no window to hold it.
    if (this.syncedAtMs === -Infinity) {
      this.recommend(nowMs, currentReplicas);
    }
    this.syncedAtMs = nowMs;
    this.addSample(nowMs, readyPods, usageMillicpu);

    // Out of bounds is put right at once, whatever the metrics say.
    if (currentReplicas > this.replicasMax) {
      return this.replicasMax;
    }
    if (currentReplicas < this.replicasMin) {
      return this.replicasMin;
    }

    const head = this.sampleHead;
    if (this.sampleAtMs[head] > nowMs - this.metricsLagMs) {
      return currentReplicas;
    }
    const sampledPods = this.samplePods[head];
    if (sampledPods === 0 || readyPods === 0) {
      return currentReplicas;
    }

    let measuredPods = sampledPods;
    let measuredMillicpu = this.sampleMillicpu[head];
    let unmeasuredPods = unreadyPods;
    if (readyPods > sampledPods) {
      unmeasuredPods += readyPods - sampledPods;
    } else if (readyPods < sampledPods) {
      measuredPods = readyPods;
      measuredMillicpu = Math.floor((measuredMillicpu * readyPods) / sampledPods + 0.5);
    }
    const desired = replicasForUtilization(
      currentReplicas,
      measuredPods,
      unmeasuredPods,
      0,
      measuredMillicpu,
      this.requestMillicpu,
      this.targetUtilizationPercent,
      this.ratioLow,
      this.ratioHigh,
    );
    const highest = this.recommend(nowMs, desired);

    if (desired > currentReplicas) {
      const plusPods = currentReplicas + SCALE_UP_PODS;
      const timesFactor = currentReplicas * SCALE_UP_FACTOR;
      let limit = plusPods > timesFactor ? plusPods : timesFactor;
      if (limit > this.replicasMax) {
        limit = this.replicasMax;
      }
      return desired < limit ? desired : limit;
    }
    const stabilized = highest < currentReplicas ? highest : currentReplicas;
    return stabilized > this.replicasMin ? stabilized : this.replicasMin;
  }

  /** Appends a sample, and moves the head to the newest that is old enough to use. */
  private addSample(nowMs: number, readyPods: number, usageMillicpu: number): void {
    const size = this.sampleAtMs.length;
    let end = this.sampleHead + this.sampleCount;
    if (end >= size) {
      end -= size;
    }
    this.sampleAtMs[end] = nowMs;
    this.sampleMillicpu[end] = Math.floor(usageMillicpu + 0.5);
    this.samplePods[end] = readyPods;
    this.sampleCount += 1;

    const usableAtMs = nowMs - this.metricsLagMs;
    while (this.sampleCount > 1) {
      const second = this.sampleHead + 1 === size ? 0 : this.sampleHead + 1;
      if (this.sampleAtMs[second] > usableAtMs) {
        return;
      }
      this.sampleHead = second;
      this.sampleCount -= 1;
    }
  }

  /** Adds a recommendation; returns the highest in (nowMs − scaleDownWindowMs, nowMs]. */
  private recommend(nowMs: number, replicas: number): number {
    const size = this.windowAtMs.length;
    const expiredAtMs = nowMs - this.scaleDownWindowMs;
    while (this.windowCount > 0 && this.windowAtMs[this.windowHead] <= expiredAtMs) {
      this.windowHead = this.windowHead + 1 === size ? 0 : this.windowHead + 1;
      this.windowCount -= 1;
    }
    let end = this.windowHead + this.windowCount;
    if (end >= size) {
      end -= size;
    }
    while (this.windowCount > 0) {
      const last = end === 0 ? size - 1 : end - 1;
      if (this.windowReplicas[last] > replicas) {
        break;
      }
      end = last;
      this.windowCount -= 1;
    }
    this.windowAtMs[end] = nowMs;
    this.windowReplicas[end] = replicas;
    this.windowCount += 1;
    return this.windowReplicas[this.windowHead];
  }
}

function requireWhole(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new RangeError(
      `${name} of an HPA is a whole number from ${String(least)}, not ${String(value)}.`,
    );
  }
}
