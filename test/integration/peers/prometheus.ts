import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installFromDebian } from './debian.ts';
import { freePort, start, type Running } from './processes.ts';

/** One series: its name with labels, and its value at an instant. */
export interface Series {
  readonly name: string;
  readonly valueAt: (atMs: number) => number;
}

export const SCRAPE_MS = 15_000;

/** A Prometheus that has scraped these series from `fromMs` to `toMs`, every 15 s, and scrapes nothing more. */
export async function startPrometheus(
  series: readonly Series[],
  fromMs: number,
  toMs: number,
): Promise<Running> {
  // From PATH, or else Debian’s.
  installFromDebian(['prometheus', 'promtool'], ['prometheus']);
  const folder = mkdtempSync(join(tmpdir(), 'node-fleet-prometheus-'));
  const lines: string[] = [];
  for (const { name, valueAt } of series) {
    for (let atMs = fromMs; atMs <= toMs; atMs += SCRAPE_MS) {
      const value = valueAt(atMs);
      if (!Number.isNaN(value)) {
        lines.push(`${name} ${String(value)} ${(atMs / 1000).toFixed(3)}`);
      }
    }
  }
  writeFileSync(join(folder, 'series'), `${lines.join('\n')}\n# EOF\n`);
  writeFileSync(join(folder, 'prometheus.yml'), 'scrape_configs: []\n');
  const data = join(folder, 'data');
  const blocks = ['tsdb', 'create-blocks-from', 'openmetrics', '--max-block-duration=720h'];
  execFileSync('promtool', [...blocks, join(folder, 'series'), data], { stdio: 'pipe' });
  return serve(folder, data, []);
}

/** A Prometheus that holds nothing yet, and takes what is written to it (see `Samples`). */
export async function startEmptyPrometheus(): Promise<Running> {
  installFromDebian(['prometheus'], ['prometheus']);
  const folder = mkdtempSync(join(tmpdir(), 'node-fleet-prometheus-'));
  writeFileSync(join(folder, 'prometheus.yml'), 'scrape_configs: []\n');
  return serve(folder, join(folder, 'data'), ['--web.enable-remote-write-receiver']);
}

/** A Prometheus that scrapes these targets, by job, every second. */
export async function startScrapingPrometheus(
  targets: Readonly<Record<string, readonly string[]>>,
): Promise<Running> {
  installFromDebian(['prometheus'], ['prometheus']);
  const folder = mkdtempSync(join(tmpdir(), 'node-fleet-prometheus-'));
  const jobs = Object.entries(targets).map(([job, addresses]) => ({
    job_name: job,
    static_configs: [{ targets: addresses }],
  }));
  // JSON is YAML too.
  const config = { global: { scrape_interval: '1s', scrape_timeout: '1s' }, scrape_configs: jobs };
  writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(config));
  return serve(folder, join(folder, 'data'), []);
}

async function serve(folder: string, data: string, more: readonly string[]): Promise<Running> {
  const address = `127.0.0.1:${String(await freePort())}`;
  const running = await start(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${data}`,
      '--storage.tsdb.retention.time=10y',
      `--web.listen-address=${address}`,
      ...more,
    ],
    `http://${address}`,
    `http://${address}/-/ready`,
  );
  return {
    url: running.url,
    stop: async () => {
      await running.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What the exporters of a shop show: `cpuRatio` of every worker busy, so many pods without room. */
export function shopSeries(
  workers: readonly string[],
  { cpuRatio, unschedulable }: { readonly cpuRatio: number; readonly unschedulable: number },
): Series[] {
  const seconds = (ratio: number) => (atMs: number) => (atMs / 1000) * ratio;
  const constant = (value: number) => () => value;
  const gib = 1024 ** 3;
  return [
    ...workers.flatMap((worker): Series[] => {
      const node = `job="kubernetes-nodes",instance="${worker}:9100"`;
      const cpus = ['0', '1'].flatMap((cpu): Series[] => [
        {
          name: `node_cpu_seconds_total{${node},cpu="${cpu}",mode="idle"}`,
          valueAt: seconds(1 - cpuRatio),
        },
        {
          name: `node_cpu_seconds_total{${node},cpu="${cpu}",mode="user"}`,
          valueAt: seconds(cpuRatio * 0.75),
        },
        {
          name: `node_cpu_seconds_total{${node},cpu="${cpu}",mode="system"}`,
          valueAt: seconds(cpuRatio * 0.25),
        },
      ]);
      return [
        ...cpus,
        { name: `node_memory_MemAvailable_bytes{${node}}`, valueAt: constant(gib) },
        { name: `node_memory_MemTotal_bytes{${node}}`, valueAt: constant(4 * gib) },
        { name: `up{${node}}`, valueAt: constant(1) },
      ];
    }),
    { name: 'up{job="kube-state-metrics",instance="k:8080"}', valueAt: constant(1) },
    {
      name: 'kube_pod_info{job="kube-state-metrics",instance="k:8080",pod="shop-0"}',
      valueAt: constant(1),
    },
    ...Array.from({ length: unschedulable }, (_, n) => ({
      name: `kube_pod_status_unschedulable{job="kube-state-metrics",instance="k:8080",pod="wait-${String(n)}"}`,
      valueAt: constant(1),
    })),
    { name: 'up{job="pods",instance="shop-0:8080"}', valueAt: constant(1) },
    {
      name: 'http_requests_total{job="pods",instance="shop-0:8080"}',
      valueAt: seconds(120),
    },
    ...[
      ['0.1', 90],
      ['0.5', 110],
      ['+Inf', 120],
    ].map(([le, rate]) => ({
      name: `http_request_duration_seconds_bucket{job="pods",instance="shop-0:8080",le="${String(le)}"}`,
      valueAt: seconds(Number(rate)),
    })),
    {
      name: 'http_request_duration_seconds_count{job="pods",instance="shop-0:8080"}',
      valueAt: seconds(120),
    },
  ];
}
