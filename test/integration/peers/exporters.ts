import { nodeLuck } from '../../../simulator/prometheus.ts';
import { stream, type World } from '../../../simulator/index.ts';
import type { Samples } from './remote-write.ts';

const MIB = 1024 ** 2;
/** Of a machine that was there before the first step, as of any other: so long after its launch its counters are 0. */
const BOOTS_IN_MS = 10_000;
const KUBE_STATE = 'job="kube-state-metrics",instance="k:8080"';
const SHOP = 'job="pods",instance="shop-0:8080"';

/**
 * What the exporters of a simulated shop show at each of its scrapes, written down as a Prometheus has it that scraped them:
 * every node’s counters and memory, pods without room, requests; `up` of whatever discovery knows; and the end of what is
 * gone. A node is known as long as Kubernetes has an object of it, though its machine be down.
 *
 * It is told what the simulator’s Prometheus is told, and scrapes that fail are those that fail there.
 */
export function recordScrapes(world: World, samples: Samples): void {
  const { prometheus, scenario } = world;
  const { cluster, workload } = scenario;
  const cores = cluster.worker.millicpu / 1000;
  const workingSets = [workload.web, ...workload.others].map((each) => each.workingSetMib);
  const failedRatio = scenario.prometheus.failedScrapePercent / 100;
  const luck = stream(world.seed, 'scrape');
  const bootedAtMs = new Map(
    world.aliveInstances().map(({ id, launchedAtMs }) => [id, launchedAtMs + BOOTS_IN_MS]),
  );
  // Whose exporter is up: the fleet that there was before the first step has the first slots.
  const slots = new Map(
    world.aliveInstances().map((_, slot) => [world.instanceIdAt(slot), slot] as const),
  );
  let known = new Set<string>();
  let kubeScraped = true;
  let shopScraped = true;
  let unschedulableShown = 0;
  let requests = 0;

  const track = prometheus.track.bind(prometheus);
  prometheus.track = (slot, atMs) => {
    bootedAtMs.set(world.instanceIdAt(slot), atMs);
    slots.set(world.instanceIdAt(slot), slot);
    track(slot, atMs);
  };
  const lose = prometheus.lose.bind(prometheus);
  prometheus.lose = (slot) => {
    slots.delete(world.instanceIdAt(slot));
    lose(slot);
  };

  const scrape = prometheus.scrape.bind(prometheus);
  prometheus.scrape = (nowMs, idleSeconds) => {
    scrape(nowMs, idleSeconds);
    const [kubeLuck, shopLuck, nodesLuck] =
      failedRatio === 0 ? [1, 1, 0] : [luck.nextUnit(), luck.nextUnit(), luck.nextUint32()];
    kubeScraped = kubeLuck >= failedRatio;
    shopScraped = shopLuck >= failedRatio;
    if (prometheus.isDown(nowMs)) {
      // Its process: what it had scraped last it does not know when it comes back.
      samples.forget();
      return;
    }
    const nodes = world.listNodes().filter(({ controlPlane }) => !controlPlane);
    for (const { name } of nodes) {
      const slot = slots.get(name);
      const answers =
        slot !== undefined && (failedRatio === 0 || nodeLuck(nodesLuck, slot) >= failedRatio);
      samples.add(`up{${ofNode(name)}}`, nowMs, answers ? 1 : 0);
      if (!answers) {
        nodeSeries(name).forEach((series) => samples.end(series, nowMs));
        continue;
      }
      const idle = idleSeconds[slot]!;
      const all = (cores * (nowMs - bootedAtMs.get(name)!)) / 1000;
      const usedMib = (world.podsOn(name) ?? []).reduce(
        (sum, { shape, active }) => sum + active * workingSets[shape]!,
        cluster.systemMib,
      );
      const [idleName, userName, availableName, totalName] = nodeSeries(name);
      samples.add(idleName, nowMs, idle);
      samples.add(userName, nowMs, all - idle);
      samples.add(availableName, nowMs, Math.max(0, cluster.worker.mib - usedMib) * MIB);
      samples.add(totalName, nowMs, cluster.worker.mib * MIB);
    }
    for (const name of known) {
      if (!nodes.some((node) => node.name === name)) {
        samples.end(`up{${ofNode(name)}}`, nowMs);
        nodeSeries(name).forEach((series) => samples.end(series, nowMs));
      }
    }
    known = new Set(nodes.map(({ name }) => name));
  };

  const setGauges = prometheus.setGauges.bind(prometheus);
  prometheus.setGauges = (gauges) => {
    setGauges(gauges);
    const { unschedulablePods, requestsPerSecond } = gauges;
    const { nowMs } = world;
    requests += (requestsPerSecond * world.demand.stepMs) / 1000;
    if (prometheus.isDown(nowMs)) {
      return;
    }
    samples.add(`up{${KUBE_STATE}}`, nowMs, kubeScraped ? 1 : 0);
    const shown = kubeScraped ? unschedulablePods : 0;
    for (let n = 0; n < shown; n++) {
      samples.add(waiting(n), nowMs, 1);
    }
    for (let n = shown; n < unschedulableShown; n++) {
      samples.end(waiting(n), nowMs);
    }
    unschedulableShown = shown;
    sampleOrEnd(kubeScraped, `kube_pod_info{${KUBE_STATE},pod="shop-0"}`, nowMs, 1);
    samples.add(`up{${SHOP}}`, nowMs, shopScraped ? 1 : 0);
    sampleOrEnd(shopScraped, `http_requests_total{${SHOP}}`, nowMs, requests);
  };

  function sampleOrEnd(scraped: boolean, series: string, nowMs: number, value: number): void {
    if (scraped) {
      samples.add(series, nowMs, value);
    } else {
      samples.end(series, nowMs);
    }
  }
}

function ofNode(name: string): string {
  return `job="kubernetes-nodes",instance="${name}"`;
}

function nodeSeries(name: string): readonly [string, string, string, string] {
  const node = ofNode(name);
  return [
    `node_cpu_seconds_total{${node},cpu="0",mode="idle"}`,
    `node_cpu_seconds_total{${node},cpu="0",mode="user"}`,
    `node_memory_MemAvailable_bytes{${node}}`,
    `node_memory_MemTotal_bytes{${node}}`,
  ];
}

function waiting(n: number): string {
  return `kube_pod_status_unschedulable{${KUBE_STATE},pod="wait-${String(n)}"}`;
}
