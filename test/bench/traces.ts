import {
  defaultScenarioSettings,
  makeTrace,
  resolveScenario,
  stream,
  type Scenario,
} from '../../simulator/index.ts';

/** Monday 2026-11-02 00:00 +06:00: a real epoch, since milliseconds counted from 0 are small integers for 24 days. */
const START_AT_MS = 1_793_556_000_000;

/** Share of the peak by hour of the day: night, morning, noon, evening peak. */
const DAY = [
  30, 24, 20, 18, 18, 20, 26, 34, 44, 52, 58, 62, 64, 62, 60, 60, 64, 72, 84, 94, 100, 96, 74, 48,
];

/** A diurnal trace at 1 min with 3 % noise, scaled so that its peak needs `nodes` nodes, in a cluster of one kind of pod. */
export function benchScenario(days: number, nodes: number, podsPerNode = 7): Scenario {
  const noise = stream(1, 'bench');
  const rows = days * 1440;
  const atMs = new Float64Array(rows);
  const requestsPerSecond = new Float64Array(rows);
  for (let i = 0; i < rows; i++) {
    const minute = i % 1440;
    const hour = Math.floor(minute / 60);
    const part = (minute % 60) / 60;
    const level = DAY[hour] * (1 - part) + DAY[(hour + 1) % 24] * part;
    atMs[i] = START_AT_MS + i * 60_000;
    requestsPerSecond[i] = level * (0.97 + 0.06 * noise.nextUnit());
  }
  const settings = defaultScenarioSettings();
  const requestMillicpu = Math.floor(settings.cluster.worker.allocatableMillicpu / podsPerNode);
  return resolveScenario(
    {
      ...settings,
      name: `bench-${String(days)}d-${String(nodes)}n`,
      cluster: { ...settings.cluster, nodeCountInitial: nodes },
      workload: {
        ...settings.workload,
        peakNodes: nodes,
        web: { ...settings.workload.web, requestMillicpu, requestMib: 200, workingSetMib: 150 },
      },
    },
    makeTrace(`bench-${String(days)}d`, atMs, requestsPerSecond),
  ).scenario;
}
