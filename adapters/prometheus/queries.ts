import {
  CPU_AS_WRITTEN,
  PENDING_AS_WRITTEN,
  QUERIES_AS_WRITTEN,
  type MetricName,
} from '../../engine/index.ts';

/**
 * What Prometheus is asked, in one place. Each reading is one query whose answer has up to four parts, told apart by the
 * label `part`, so that all of them are of the same instant: the value; when the newest sample behind it was scraped (an
 * instant query’s own timestamp is only when it ran); the share of samples that its window should hold; and whether the
 * exporters behind it are up. infra/manifests/monitoring.yaml names the jobs; workers alone are `kubernetes-nodes`.
 */
export interface ReadingQuery {
  /** No series: there is nothing to read, which is missing and not zero. */
  readonly value: string;
  /** Seconds since 1970. */
  readonly sampledAt: string;
  /** 0 to 1. */
  readonly coverage: string;
  /** How many of its exporters answered the last scrape. */
  readonly exportersUp: string;
}

/** Prometheus’ scrape interval. */
export const SCRAPE_SECONDS = 15;

const WORKERS = 'job="kubernetes-nodes"';
const KUBE_STATE = 'job="kube-state-metrics"';
const SHOP = 'job="pods"';

/**
 * A failed scrape makes instant vectors vanish at once, while ranges keep their samples: where nothing is left of them, look
 * back for the newest. That alone would not do: a subquery is evaluated at multiples of its step, the last of them up to 15 s ago.
 */
function newestOf(selector: string): string {
  const times = `timestamp(${selector})`;
  return `max(${times}) or max(max_over_time(${times}[5m:${String(SCRAPE_SECONDS)}s]))`;
}

function up(job: string): string {
  return `sum(up{${job}})`;
}

/** Samples in five minutes against those that every target which was there should have. */
function coverageOf5m(series: string, job: string): string {
  const expected = 300 / SCRAPE_SECONDS;
  return `sum(count_over_time(${series}[5m])) / (${String(expected)} * count(count_over_time(up{${job}}[5m])))`;
}

/** How many of a job’s targets have a series now. */
function share(series: string, job: string): string {
  return `count(${series}) / count(up{${job}})`;
}

const CPU_COVERAGE = {
  sampledAt: newestOf(`node_cpu_seconds_total{${WORKERS},mode="idle"}`),
  coverage: coverageOf5m(`node_cpu_seconds_total{${WORKERS},mode="idle",cpu="0"}`, WORKERS),
  exportersUp: up(WORKERS),
};
const POD_COVERAGE = {
  sampledAt: `max(timestamp(kube_pod_info{${KUBE_STATE}}))`,
  coverage: share(`count by (instance) (kube_pod_info{${KUBE_STATE}})`, KUBE_STATE),
  exportersUp: up(KUBE_STATE),
};

/** Readings by the name that the engine knows them by. One more reading is one more row. */
export const QUERIES: Readonly<Record<MetricName, ReadingQuery>> = {
  // The ratio form: what a partly filled window does to one of the two sums it does to the other.
  cpuPercent: {
    value: `100 * (1 - sum(rate(node_cpu_seconds_total{${WORKERS},mode="idle"}[5m])) / sum(rate(node_cpu_seconds_total{${WORKERS}}[5m])))`,
    ...CPU_COVERAGE,
  },
  memoryPercent: {
    value: `100 * (1 - sum(node_memory_MemAvailable_bytes{${WORKERS}}) / sum(node_memory_MemTotal_bytes{${WORKERS}}))`,
    sampledAt: `max(timestamp(node_memory_MemAvailable_bytes{${WORKERS}}))`,
    coverage: share(`node_memory_MemAvailable_bytes{${WORKERS}}`, WORKERS),
    exportersUp: up(WORKERS),
  },
  // Exported only for pods that are: none is 0 only where the same exporter knows of pods at the same instant (S1).
  unschedulablePods: {
    value: `sum(kube_pod_status_unschedulable{${KUBE_STATE}}) or 0 * (count(kube_pod_info{${KUBE_STATE}}) > 0)`,
    ...POD_COVERAGE,
  },
  apiLatencyP95Ms: {
    value: `1000 * histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{${SHOP}}[2m])))`,
    sampledAt: `max(timestamp(http_request_duration_seconds_count{${SHOP}}))`,
    coverage: share(`count by (instance) (http_request_duration_seconds_count{${SHOP}})`, SHOP),
    exportersUp: up(SHOP),
  },
  requestsPerSecond: {
    value: `sum(rate(http_requests_total{${SHOP}}[1m]))`,
    sampledAt: `max(timestamp(http_requests_total{${SHOP}}))`,
    coverage: share(`count by (instance) (http_requests_total{${SHOP}})`, SHOP),
    exportersUp: up(SHOP),
  },
};

/** Readings that only some policy asks for, by the name that it knows them by. */
export const CUSTOM_QUERIES: Readonly<Record<string, ReadingQuery>> = {
  [CPU_AS_WRITTEN]: { value: QUERIES_AS_WRITTEN[CPU_AS_WRITTEN], ...CPU_COVERAGE },
  [PENDING_AS_WRITTEN]: { value: QUERIES_AS_WRITTEN[PENDING_AS_WRITTEN], ...POD_COVERAGE },
};

export type Part = keyof ReadingQuery;
const PARTS: readonly Part[] = ['value', 'sampledAt', 'coverage', 'exportersUp'];

/** A reading’s parts as one instant query. */
export function promQl(query: ReadingQuery): string {
  return PARTS.map((part) => `label_replace(${query[part]}, "part", "${part}", "", "")`).join(
    ' or ',
  );
}
