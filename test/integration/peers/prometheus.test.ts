import { afterAll, beforeAll, expect, test } from 'vitest';
import { failureOf } from '../../../adapters/failure.ts';
import { Prometheus } from '../../../adapters/prometheus/prometheus.ts';
import { CPU_AS_WRITTEN, PENDING_AS_WRITTEN, type Metrics } from '../../../engine/index.ts';
import { freePort, type Running } from './processes.ts';
import { startPrometheus, type Series } from './prometheus.ts';

// The queries, answered by a real Prometheus. Time is what sets the cases apart: what was scraped in an hour of the past.

const MINUTE_MS = 60_000;
const BEGIN_MS = Date.UTC(2026, 0, 1);
const minute = (minutes: number): number => BEGIN_MS + minutes * MINUTE_MS;

/** A series that was scraped only from one minute to another. */
function between(
  name: string,
  fromMinute: number,
  toMinute: number,
  valueAt: (seconds: number) => number,
): Series {
  return {
    name,
    valueAt: (atMs) =>
      atMs >= minute(fromMinute) && atMs <= minute(toMinute)
        ? valueAt((atMs - minute(fromMinute)) / 1000)
        : NaN,
  };
}

function worker(name: string, fromMinute: number, toMinute: number, busy: number): Series[] {
  const node = `job="kubernetes-nodes",instance="${name}:9100"`;
  return [
    between(
      `node_cpu_seconds_total{${node},cpu="0",mode="idle"}`,
      fromMinute,
      toMinute,
      (s) => s * (1 - busy),
    ),
    between(
      `node_cpu_seconds_total{${node},cpu="0",mode="user"}`,
      fromMinute,
      toMinute,
      (s) => s * busy,
    ),
    between(`up{${node}}`, fromMinute, toMinute, () => 1),
  ];
}

const CUSTOM = [CPU_AS_WRITTEN, PENDING_AS_WRITTEN, 'toString'];
const KSM = 'job="kube-state-metrics",instance="k:8080"';
const SHOP = 'job="pods",instance="s:8080"';
let server: Running;
let prometheus: Prometheus;

beforeAll(async () => {
  server = await startPrometheus(
    [
      ...worker('w1', 0, 40, 0.7),
      ...worker('w2', 9, 40, 0.7),
      // Two are known to discovery until minute 20, and one of them does not answer.
      between('up{job="kubernetes-nodes",instance="w3:9100"}', 12, 20, () => 0),
      between(`up{${KSM}}`, 0, 10, () => 1),
      between(`up{${KSM}}`, 10.25, 20, () => 0),
      between(`kube_pod_info{${KSM},pod="a"}`, 0, 10, () => 1),
      between(`kube_pod_status_unschedulable{${KSM},pod="b"}`, 0, 2, () => 1),
      between(`kube_pod_status_unschedulable{${KSM},pod="c"}`, 0, 2, () => 1),
      between(`kube_pod_status_phase{${KSM},pod="b",phase="Pending"}`, 0, 10, () => 1),
      between(`kube_pod_status_phase{${KSM},pod="a",phase="Pending"}`, 0, 10, () => 0),
      between(`up{${SHOP}}`, 0, 40, () => 1),
      between(`http_requests_total{${SHOP}}`, 0, 40, () => 7),
      between(`http_request_duration_seconds_count{${SHOP}}`, 0, 40, () => 7),
      between(`http_request_duration_seconds_bucket{${SHOP},le="0.1"}`, 0, 40, () => 7),
      between(`http_request_duration_seconds_bucket{${SHOP},le="+Inf"}`, 0, 40, () => 7),
    ],
    minute(0),
    minute(60),
  );
  prometheus = new Prometheus(server.url);
});

afterAll(async () => {
  prometheus?.close();
  await server?.stop();
});

async function at(minutes: number): Promise<Metrics> {
  const answer = await prometheus.queryMetrics(
    minute(minutes),
    CUSTOM,
    AbortSignal.timeout(10_000),
  );
  expect(answer.ok).toBe(true);
  return (answer as Extract<typeof answer, { ok: true }>).metrics;
}

test('unschedulable pods are counted; none is 0 only where the same exporter knows of pods (S1)', async () => {
  expect((await at(1)).unschedulablePods).toMatchObject({ value: 2, coverageRatio: 1 });
  expect((await at(9)).unschedulablePods).toMatchObject({
    value: 0,
    sampledAtMs: minute(9),
    coverageRatio: 1,
    missing: null,
  });
});

test('an exporter that is down, or was never there, is missing and never 0 (S1)', async () => {
  expect((await at(19)).unschedulablePods).toEqual({ missing: 'exporter-down' });
  expect((await at(39)).unschedulablePods).toEqual({ missing: 'empty' });
});

test('a node that has just joined pulls CPU nowhere: the ratio form cancels a partly filled window', async () => {
  const { cpuPercent } = await at(9.75);
  expect(cpuPercent.missing).toBeNull();
  expect(cpuPercent.missing === null && Math.abs(cpuPercent.value - 70)).toBeLessThan(0.001);
  // w1 has its 20 or 21 samples, w2 three or four of 20.
  expect(cpuPercent.missing === null && cpuPercent.coverageRatio).toBeGreaterThan(0.55);
  expect(cpuPercent.missing === null && cpuPercent.coverageRatio).toBeLessThan(0.65);
});

test('a target that does not answer lowers the coverage', async () => {
  const [before, after] = [await at(11.9), await at(19)].map(({ cpuPercent }) =>
    cpuPercent.missing === null ? cpuPercent.coverageRatio : NaN,
  );
  expect(after).toBeLessThan(0.72);
  expect(before).toBeGreaterThan(0.72);
});

test('the age of CPU is that of its newest sample, though the rate goes on for five minutes', async () => {
  const { cpuPercent } = await at(43);
  expect(cpuPercent.missing === null && Math.abs(cpuPercent.value - 70)).toBeLessThan(0.001);
  expect(cpuPercent.missing === null && cpuPercent.sampledAtMs).toBe(minute(40));
  expect((await at(50)).cpuPercent).toEqual({ missing: 'empty' });
});

test('no requests is 0 a second, and a latency that is no number', async () => {
  const { requestsPerSecond, apiLatencyP95Ms } = await at(9);
  expect(requestsPerSecond).toMatchObject({ value: 0, missing: null });
  expect(apiLatencyP95Ms).toEqual({ missing: 'not-a-number' });
});

test('what was never scraped is empty', async () => {
  expect((await at(9)).memoryPercent).toEqual({ missing: 'empty' });
});

test('the brief’s own queries are asked as they are written, by name; a name nobody knows is empty', async () => {
  const [cpu, pending, unknown] = (await at(8)).custom;
  // One mode that is not idle, of one CPU.
  expect(cpu).toMatchObject({ name: CPU_AS_WRITTEN, reading: { coverageRatio: 1 } });
  expect(cpu.reading.missing === null && Math.abs(cpu.reading.value - 70)).toBeLessThan(0.001);
  expect(pending).toMatchObject({ name: PENDING_AS_WRITTEN, reading: { value: 1 } });
  expect(unknown).toEqual({ name: 'toString', reading: { missing: 'empty' } });
});

test('a query is of the time it names, not of now', async () => {
  expect((await at(-5)).cpuPercent).toEqual({ missing: 'empty' });
});

test('a Prometheus that is down fails as a whole', async () => {
  const nobody = new Prometheus(`http://127.0.0.1:${String(await freePort())}`);
  const failed = await nobody
    .queryMetrics(minute(1), [], AbortSignal.timeout(5_000))
    .catch((error: unknown) => failureOf(error));
  expect(failed).toEqual({ ok: false, certainty: 'refused', reason: 'unavailable' });
  nobody.close();
});
