import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Prometheus } from '../../../adapters/prometheus/prometheus.ts';
import type { Metrics } from '../../../engine/index.ts';
import type { Running } from './processes.ts';
import { shopSeries, startScrapingPrometheus } from './prometheus.ts';

// Exporters that run, and a Prometheus that scrapes them: nothing of time is made up here. It scrapes every second, so that
// what the shop waits a quarter of a minute for is seen at once.

const BUSY_RATIO = 0.7;
/** A series of one of the jobs that a shop’s Prometheus knows. */
const LABELS = /\{job="([^"]+)",instance="([^"]+)",?(.*)\}/;

/** An exporter of what the series of one instance show now, while it is there. */
class Exporter {
  readonly #server: Server;
  #fromMs = 0;
  silent = false;

  constructor(job: string, instance: string, series: ReturnType<typeof shopSeries>) {
    this.#server = createServer((_, reply) => {
      if (this.silent) {
        reply.writeHead(503).end();
        return;
      }
      const lines = series.flatMap(({ name, valueAt }) => {
        const found = LABELS.exec(name);
        // Prometheus says itself who is up.
        return found?.[1] === job && found[2] === instance && !name.startsWith('up{')
          ? [
              `${name.slice(0, found.index)}{${found[3]!}} ${String(valueAt(Date.now() - this.#fromMs))}`,
            ]
          : [];
      });
      reply.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' });
      reply.end(`${lines.join('\n')}\n`);
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`;
  }

  /** Its counters begin anew. */
  restart(): void {
    this.#fromMs = Date.now();
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

const series = shopSeries(['w1', 'w2'], { cpuRatio: BUSY_RATIO, unschedulable: 3 });
const workers = ['w1', 'w2'].map(
  (name) => new Exporter('kubernetes-nodes', `${name}:9100`, series),
);
const kubeState = new Exporter('kube-state-metrics', 'k:8080', series);
let server: Running;
let prometheus: Prometheus;

beforeAll(async () => {
  server = await startScrapingPrometheus({
    'kubernetes-nodes': await Promise.all(workers.map((each) => each.listen())),
    'kube-state-metrics': [await kubeState.listen()],
    pods: [],
  });
  prometheus = new Prometheus(server.url);
});

afterAll(async () => {
  [...workers, kubeState].forEach((each) => each.close());
  await server?.stop();
});

/** Reads until it is so. */
async function once(isSo: (metrics: Metrics) => boolean): Promise<Metrics> {
  for (let looks = 0; ; looks++) {
    const answer = await prometheus.queryMetrics(Date.now(), [], AbortSignal.timeout(5_000));
    if (answer.ok && isSo(answer.metrics)) {
      return answer.metrics;
    }
    if (looks > 100) {
      throw new Error(`still ${JSON.stringify(answer)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

test('exporters that are scraped as they run are read as what they show', async () => {
  const { cpuPercent, memoryPercent, unschedulablePods } = await once(
    ({ cpuPercent: cpu }) => cpu.missing === null && cpu.coverageRatio >= 0.25,
  );
  expect(cpuPercent).toMatchObject({ value: expect.closeTo(100 * BUSY_RATIO, 1) as number });
  expect(memoryPercent).toMatchObject({ value: 75, coverageRatio: 1 });
  expect(unschedulablePods).toMatchObject({ value: 3, coverageRatio: 1 });
  for (const reading of [cpuPercent, memoryPercent, unschedulablePods]) {
    expect(Date.now() - (reading as { sampledAtMs: number }).sampledAtMs).toBeLessThan(5_000);
  }
});

test('nothing pending is not read from an exporter that has stopped answering (S1)', async () => {
  kubeState.silent = true;
  const { unschedulablePods, cpuPercent } = await once(
    (metrics) => metrics.unschedulablePods.missing !== null,
  );
  expect(unschedulablePods.missing).toBe('exporter-down');
  expect(cpuPercent.missing).toBeNull();
  kubeState.silent = false;
  const again = await once((metrics) => metrics.unschedulablePods.missing === null);
  expect(again.unschedulablePods).toMatchObject({ value: 3 });
});

test('counters that begin anew leave the CPU reading as it was', async () => {
  workers[0]!.restart();
  const until = Date.now() + 5_000;
  const { cpuPercent } = await once(() => Date.now() > until);
  expect(cpuPercent).toMatchObject({ value: expect.closeTo(100 * BUSY_RATIO, 0) as number });
});
