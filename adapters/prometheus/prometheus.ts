import { Agent } from 'node:http';
import {
  METRIC_NAMES,
  type MetricName,
  type MissingReason,
  type Reading,
} from '../../engine/index.ts';
import type { AnswerTo } from '../answer.ts';
import { CallFailed, failureOf } from '../failure.ts';
import { call } from '../http.ts';
import { CUSTOM_QUERIES, promQl, QUERIES, type Part } from './queries.ts';

/** The answer to what is not asked. */
const NOTHING = Promise.resolve({ status: 'success', data: { result: [] } });

/** Reads metrics over Prometheus’ HTTP API. */
export class Prometheus {
  readonly #url: URL;
  readonly #agent = new Agent({ keepAlive: true });

  /** @param url where it is, such as `http://10.20.0.10:9090` */
  constructor(url: string) {
    this.#url = new URL('api/v1/query', url.endsWith('/') ? url : `${url}/`);
  }

  /**
   * Every reading at one instant, all asked at once. What cannot be read says why; the whole rejects, with the first reading’s
   * reason, only where Prometheus answered nothing at all.
   *
   * @param custom names of readings beside the standard ones; one that is not known is `empty`
   */
  async queryMetrics(
    atMs: number,
    custom: readonly string[],
    signal: AbortSignal,
  ): Promise<AnswerTo<'queryMetrics'>> {
    const queries = [
      ...METRIC_NAMES.map((name) => QUERIES[name]),
      ...custom.map((name) =>
        Object.hasOwn(CUSTOM_QUERIES, name) ? CUSTOM_QUERIES[name] : undefined,
      ),
    ];
    const asked = await Promise.allSettled(
      queries.map((query) =>
        query === undefined ? NOTHING : this.#query(promQl(query), atMs, signal),
      ),
    );
    const standard = asked.slice(0, METRIC_NAMES.length);
    const [first] = standard;
    if (first.status === 'rejected' && standard.every(({ status }) => status === 'rejected')) {
      throw first.reason;
    }
    const readings = asked.map((answer): Reading => {
      if (answer.status === 'fulfilled') {
        return readingOf(answer.value);
      }
      const { reason } = failureOf(answer.reason);
      return missing(reason === 'timeout' ? 'timeout' : 'unavailable');
    });
    const standardReadings = METRIC_NAMES.map((name, n) => [name, readings[n]]);
    return {
      ok: true,
      metrics: {
        ...(Object.fromEntries(standardReadings) as Record<MetricName, Reading>),
        custom: custom.map((name, n) => ({ name, reading: readings[METRIC_NAMES.length + n] })),
      },
    };
  }

  /** Ends every connection. */
  close(): void {
    this.#agent.destroy();
  }

  async #query(query: string, atMs: number, signal: AbortSignal): Promise<unknown> {
    const body = new URLSearchParams({ query, time: String(atMs / 1000), timeout: '4s' });
    const answer = await call(
      this.#agent,
      {
        method: 'POST',
        url: this.#url,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: body.toString(),
      },
      signal,
    );
    if (answer.status !== 200) {
      // 503: it gave up a query that took too long.
      const reason = answer.status === 503 ? 'timeout' : 'unavailable';
      const { errorType, error } = parsed(answer.body) as { errorType?: string; error?: string };
      const words = `Prometheus answered ${String(answer.status)} ${errorType ?? ''} ${error ?? ''}`;
      throw new CallFailed('refused', reason, words.trim());
    }
    return parsed(answer.body);
  }
}

function parsed(body: string): object {
  try {
    return (JSON.parse(body) ?? {}) as object;
  } catch {
    return {};
  }
}

/** One series of an instant vector: the value comes as text, since it may be NaN or ±Inf. */
interface Sample {
  readonly metric?: { readonly part?: string };
  readonly value?: readonly [number, string];
}

/**
 * A reading from the answer to `promQl`. Missing is never zero: no series at all is `empty`, or `exporter-down` where
 * targets are known and none answered.
 */
export function readingOf(answer: unknown): Reading {
  const { status, data } = (answer ?? {}) as { status?: string; data?: { result?: unknown } };
  if (status !== 'success' || !Array.isArray(data?.result)) {
    return missing('unavailable');
  }
  const samples = data.result as readonly Sample[];
  const part = (name: Part): number | null => {
    const found = samples.find((each) => each.metric?.part === name)?.value?.[1];
    return found === undefined ? null : Number(found);
  };
  const value = part('value');
  const sampledAt = part('sampledAt');
  if (value === null || sampledAt === null) {
    return missing(part('exportersUp') === 0 ? 'exporter-down' : 'empty');
  }
  if (!Number.isFinite(value) || !Number.isFinite(sampledAt)) {
    return missing('not-a-number');
  }
  const coverage = part('coverage');
  if (coverage === null || !Number.isFinite(coverage)) {
    return missing('low-coverage');
  }
  return {
    value,
    sampledAtMs: Math.round(sampledAt * 1000),
    coverageRatio: Math.min(1, Math.max(0, coverage)),
    missing: null,
  };
}

function missing(reason: MissingReason): Reading {
  return { missing: reason };
}
