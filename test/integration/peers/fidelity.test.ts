// What the simulator’s Prometheus answers is what a real one answers to our queries over the same scrapes. The figures of
// docs/fidelity.md are written anew by UPDATE_DOCS=1 npm run test:integration -- fidelity.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadScenario } from '../../../adapters/import/load-scenario.ts';
import { readingOf } from '../../../adapters/prometheus/prometheus.ts';
import { promQl, QUERIES } from '../../../adapters/prometheus/queries.ts';
import type { MetricName, Metrics, Reading } from '../../../engine/index.ts';
import { run, type Scenario } from '../../../simulator/index.ts';
import { root } from '../../adapters/cli/program.ts';
import { policyOf } from '../../simulator/build.ts';
import { expectStated } from '../../stated.ts';
import { recordScrapes } from './exporters.ts';
import type { Running } from './processes.ts';
import { startEmptyPrometheus } from './prometheus.ts';
import { Samples } from './remote-write.ts';

const COMPARED = ['cpuPercent', 'memoryPercent', 'unschedulablePods', 'requestsPerSecond'] as const;

/** Sums taken in another order differ by less. */
const NOISE = 1e-9;

function figure(value: number): string {
  return value === 0 ? '0' : value < NOISE ? '< 10⁻⁹' : value.toFixed(2);
}

interface Asked {
  readonly atMs: number;
  readonly metrics: Metrics;
}

/** One scenario: every reading that its cycles asked for, and a real Prometheus with the same scrapes. */
class Twin {
  readonly asked: Asked[] = [];
  nodes = 0;
  readonly #server: Running;

  private constructor(server: Running) {
    this.#server = server;
  }

  static async of(scenario: Scenario, seed: number): Promise<Twin> {
    const twin = new Twin(await startEmptyPrometheus());
    const samples = new Samples();
    run({
      scenario,
      configured: policyOf('node-fleet'),
      seed,
      observer: {
        begun: (world) => {
          recordScrapes(world, samples);
          const query = world.prometheus.query.bind(world.prometheus);
          world.prometheus.query = (atMs, custom) => {
            const metrics = query(atMs, custom);
            twin.asked.push({ atMs, metrics });
            return metrics;
          };
        },
        finished: (_, world) => {
          twin.nodes = world.launches;
        },
      },
    });
    await samples.writeTo(twin.#server.url);
    return twin;
  }

  /** What the real one answers, at the same instants. */
  async answers(name: MetricName): Promise<readonly Reading[]> {
    const answers: Reading[] = [];
    // Cycles of one schedule in one request: of so many at once Prometheus takes no more than 11,000.
    for (let from = 0; from < this.asked.length;) {
      let to = from + 1;
      const stepMs =
        to < this.asked.length ? this.asked[to]!.atMs - this.asked[from]!.atMs : 120_000;
      while (
        to < this.asked.length &&
        to - from < 180 &&
        this.asked[to]!.atMs === this.asked[from]!.atMs + (to - from) * stepMs
      ) {
        to++;
      }
      answers.push(...(await this.#range(name, this.asked[from]!.atMs, stepMs, to - from)));
      from = to;
    }
    return answers;
  }

  async #range(
    name: MetricName,
    fromMs: number,
    stepMs: number,
    count: number,
  ): Promise<Reading[]> {
    const answer = await fetch(`${this.#server.url}/api/v1/query_range`, {
      method: 'POST',
      body: new URLSearchParams({
        query: promQl(QUERIES[name]),
        start: String(fromMs / 1000),
        end: String((fromMs + (count - 1) * stepMs) / 1000),
        step: String(stepMs / 1000),
      }),
    });
    const { status, data, error } = (await answer.json()) as {
      status: string;
      error?: string;
      data: { result: { metric: object; values: [number, string][] }[] };
    };
    expect(error).toBeUndefined();
    const vectors = Array.from({ length: count }, (): object[] => []);
    for (const { metric, values } of data.result) {
      for (const value of values) {
        vectors[Math.round((value[0] * 1000 - fromMs) / stepMs)]!.push({ metric, value });
      }
    }
    return vectors.map((result) => readingOf({ status, data: { result } }));
  }

  async stop(): Promise<void> {
    await this.#server.stop();
  }
}

/** How far two Prometheuses are apart in one reading, over all cycles of a run. */
interface Differences {
  /** Cycles in which one of them has nothing to read and the other has. */
  readonly missingOnce: number;
  /** Cycles in which both have nothing, and say different reasons. */
  readonly reasons: number;
  /** Cycles in which neither has. */
  readonly missing: number;
  readonly valueMax: number;
  readonly valueMean: number;
  readonly sampledAtMaxMs: number;
  readonly coverageMax: number;
  /** Cycles in which coverage differs. */
  readonly coverages: number;
}

function differences(
  asked: readonly Asked[],
  answers: readonly Reading[],
  name: MetricName,
): Differences {
  const found = {
    missingOnce: 0,
    reasons: 0,
    missing: 0,
    valueMax: 0,
    valueMean: 0,
    sampledAtMaxMs: 0,
    coverageMax: 0,
    coverages: 0,
  };
  asked.forEach(({ metrics }, n) => {
    const ours = metrics[name];
    const theirs = answers[n];
    if (ours.missing !== null || theirs.missing !== null) {
      const both = ours.missing !== null && theirs.missing !== null;
      found.missing += both ? 1 : 0;
      found.missingOnce += both ? 0 : 1;
      found.reasons += both && ours.missing !== theirs.missing ? 1 : 0;
      return;
    }
    const off = Math.abs(ours.value - theirs.value);
    const ageMs = Math.abs(ours.sampledAtMs - theirs.sampledAtMs);
    const coverage = Math.abs(ours.coverageRatio - theirs.coverageRatio);
    found.valueMax = Math.max(found.valueMax, off);
    found.valueMean += off / asked.length;
    found.sampledAtMaxMs = Math.max(found.sampledAtMaxMs, ageMs);
    found.coverageMax = Math.max(found.coverageMax, coverage);
    found.coverages += coverage > NOISE ? 1 : 0;
  });
  return found;
}

const CASES = [
  { file: 'month.csv', title: 'the month', failed: 0, seed: 1 },
  {
    file: 'sale-zone-outage.yaml',
    title: 'a zone goes dark, 3 % of scrapes fail',
    failed: 3,
    seed: 2,
  },
  {
    file: 'sale-prometheus-outage.yaml',
    title: 'Prometheus is down for 20 min',
    failed: 0,
    seed: 3,
  },
] as const;

const rows: string[] = [];

describe.each(CASES)('$file', ({ file, title, failed, seed }) => {
  let twin: Twin;
  const of = new Map<MetricName, Differences>();

  beforeAll(async () => {
    const { scenario } = await loadScenario(join(root, 'scenarios', file), {
      setting: { key: 'prometheus.failedScrapePercent', value: failed },
    });
    twin = await Twin.of(scenario, seed);
    for (const name of COMPARED) {
      of.set(name, differences(twin.asked, await twin.answers(name), name));
    }
    const nodes = `${String(twin.asked.length)} cycles, ${String(twin.nodes)} nodes`;
    for (const [name, each] of of) {
      const values = `${figure(each.valueMax)} | ${figure(each.valueMean)}`;
      const coverage =
        each.coverages === 0
          ? '0'
          : `${figure(each.coverageMax)} in ${String(each.coverages)} cycles`;
      const head = name === COMPARED[0] ? `${title}: ${nodes}` : '';
      rows.push(
        `| ${head} | \`${name}\` | ${String(each.missing)} | ${values} | ${String(each.sampledAtMaxMs)} | ${coverage} |`,
      );
    }
  });

  afterAll(async () => {
    await twin?.stop();
  });

  test('CPU and pods without room are what a real Prometheus makes of the same scrapes, in every cycle', () => {
    for (const name of ['cpuPercent', 'unschedulablePods'] as const) {
      const { missing, valueMax } = of.get(name)!;
      expect({ name, missing, off: valueMax < NOISE }).toEqual({ name, missing, off: true });
      expect(missing).toBeLessThan(twin.asked.length / 10);
    }
    const young = twin.asked.filter(
      ({ metrics: { cpuPercent } }) => cpuPercent.missing === null && cpuPercent.coverageRatio < 1,
    );
    expect(young.length).toBeGreaterThan(10);
  });

  test('memory is, wherever every node was scraped', () => {
    expect(of.get('memoryPercent')!.valueMax < NOISE).toBe(failed === 0);
  });

  test('what is missing in one is missing in the other, for the same reason; age and coverage are the same', () => {
    for (const [name, { missingOnce, reasons, sampledAtMaxMs, coverages }] of of) {
      expect({ name, missingOnce, reasons, sampledAtMaxMs, coverages }).toEqual({
        name,
        missingOnce: 0,
        reasons: 0,
        sampledAtMaxMs: 0,
        coverages: 0,
      });
    }
  });
});

test('docs/fidelity.md states what was measured', () => {
  const table = [
    '|  | reading | missing in both | differs at most | on average | in age, ms | in coverage |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
  expect(rows).toHaveLength(CASES.length * COMPARED.length);
  expectStated('docs/fidelity.md', 'prometheus', table);
});
