import { Agent } from 'node:https';
import { CallFailed, isNotTrusted } from '../failure.ts';
import { call, type HttpAnswer } from '../http.ts';

/** Who we are to the cluster, and the authority whose certificate we believe: no other. */
export interface KubernetesAccess {
  readonly token: string;
  /** PEM. */
  readonly ca: string;
}

export interface AccessSource {
  /** The access as last read. */
  get(signal: AbortSignal): Promise<KubernetesAccess>;
  /** Reads it anew: the one we have was refused. */
  renew(signal: AbortSignal): Promise<KubernetesAccess>;
}

export interface KubernetesCall {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
  readonly contentType?: string;
}

export interface KubernetesAnswer {
  readonly status: number;
  readonly json: unknown;
}

const PAGE = 500;
/** A list longer than this is not believed to end. */
const PAGES_MAX = 100;

/** The Kubernetes API, as far as the autoscaler needs it. */
export class KubernetesApi {
  readonly #url: URL;
  readonly #source: AccessSource;
  /** By the authority that each believes. One is not ended while another call may still use it. */
  readonly #agents = new Map<string, Agent>();

  /** @param url such as `https://10.20.0.10:6443`: nothing but https will do */
  constructor(url: string, source: AccessSource) {
    this.#url = new URL(url);
    if (this.#url.protocol !== 'https:') {
      throw new RangeError(`the Kubernetes API must be reached over https, not ${url}`);
    }
    this.#source = source;
  }

  /**
   * One call, its answer of whatever status. A refused token or an authority we no longer believe is read anew, and the
   * call, which certainly did nothing, made once more with it.
   */
  async call(wanted: KubernetesCall, signal: AbortSignal): Promise<KubernetesAnswer> {
    const access = await this.#source.get(signal);
    let answer: HttpAnswer | null = null;
    let failed: unknown = null;
    try {
      answer = await this.#send(wanted, access, signal);
    } catch (error) {
      failed = error;
    }
    if (answer?.status === 401 || (failed !== null && isNotTrusted(failed))) {
      const renewed = await this.#source.renew(signal);
      if (renewed.token !== access.token || renewed.ca !== access.ca) {
        answer = await this.#send(wanted, renewed, signal);
        failed = null;
      }
    }
    if (answer === null) {
      throw failed;
    }
    return { status: answer.status, json: jsonOf(answer.body) };
  }

  /** Every item of a list, page by page, as of one moment that is no older than the call. */
  async list(
    path: string,
    signal: AbortSignal,
    query: Readonly<Record<string, string>> = {},
  ): Promise<readonly unknown[]> {
    const items: unknown[] = [];
    let next = '';
    for (let page = 0; page < PAGES_MAX; page++) {
      const paged = { ...query, limit: String(PAGE), ...(next === '' ? {} : { continue: next }) };
      const answer = await this.call({ method: 'GET', path, query: paged }, signal);
      const { items: some, metadata } = (answer.json ?? {}) as {
        items?: unknown;
        metadata?: { continue?: string };
      };
      if (answer.status !== 200 || !Array.isArray(some)) {
        throw unexpected(`GET ${path}`, answer.status);
      }
      items.push(...(some as unknown[]));
      next = metadata?.continue ?? '';
      if (next === '') {
        return items;
      }
    }
    throw new CallFailed('refused', 'unavailable', `GET ${path} has no end`);
  }

  /** Ends every connection. */
  close(): void {
    for (const agent of this.#agents.values()) {
      agent.destroy();
    }
    this.#agents.clear();
  }

  #send(
    { method, path, query = {}, body, contentType = 'application/json' }: KubernetesCall,
    { token, ca }: KubernetesAccess,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    const agent = this.#agents.get(ca) ?? new Agent({ ca, keepAlive: true });
    this.#agents.set(ca, agent);
    const url = new URL(path, this.#url);
    url.search = new URLSearchParams(query).toString();
    const headers = {
      accept: 'application/json',
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': contentType }),
    };
    const text = body === undefined ? {} : { body: JSON.stringify(body) };
    return call(agent, { method, url, headers, ...text }, signal);
  }
}

/**
 * A status that no effect has a word for: 4xx was refused, 429 by the API’s own rate limit; whatever else may have
 * happened.
 */
export function unexpected(what: string, status: number): CallFailed {
  const words = `${what} was answered with ${String(status)}`;
  if (status === 429) {
    return new CallFailed('refused', 'throttled', words);
  }
  const refused = status >= 400 && status < 500;
  return new CallFailed(refused ? 'refused' : 'unknown', 'unavailable', words);
}

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return null;
  }
}
