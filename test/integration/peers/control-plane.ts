import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  KubernetesApi,
  type KubernetesAccess,
  type KubernetesAnswer,
} from '../../../adapters/kubernetes/client.ts';
import { makeCertificate } from '../../adapters/kubernetes/certificate.ts';
import { controlPlaneProgram } from './control-plane/build.ts';
import { freePort, start, type Running } from './processes.ts';

/** A Kubernetes object to be sent: what we set of it. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

/** A Kubernetes without machines: nodes and pods are objects, and nothing runs. */
export interface ControlPlane extends Running {
  /** PEM, of the authority that signs for it. */
  readonly ca: string;
  /** As an administrator, who may do anything. */
  readonly admin: Admin;
}

const ADMIN_TOKEN = 'administrator';

/**
 * The real kube-apiserver with RBAC, its etcd, the real controllers and the real scheduler, on loopback. There is no
 * kubelet: a node is what is said of it, for as long as nobody says otherwise.
 *
 * @param silenceSeconds after so long without a heartbeat a node is NotReady; nobody sends any
 */
export async function startControlPlane(silenceSeconds = 86_400): Promise<ControlPlane> {
  const program = controlPlaneProgram();
  const folder = mkdtempSync(join(tmpdir(), 'node-fleet-control-plane-'));
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const { key, cert } = makeCertificate();
  const keyFile = file('serving.key', key);
  const certFile = file('serving.crt', cert);
  const signerFile = file('service-accounts.key', signingKey());
  const [etcdPort, peerPort, port] = [await freePort(), await freePort(), await freePort()];
  const etcd = `http://127.0.0.1:${String(etcdPort)}`;
  const peer = `http://127.0.0.1:${String(peerPort)}`;
  const url = `https://127.0.0.1:${String(port)}`;
  const config = file('kubeconfig', kubeconfig(url, certFile));
  const started: Running[] = [];
  const stop = async (): Promise<void> => {
    for (const each of started.reverse()) {
      await each.stop();
    }
    rmSync(folder, { recursive: true, force: true });
  };
  const run = async (name: string, ready: () => Promise<boolean>, flags: string[]) => {
    started.push(await start(program, [name, ...flags], url, ready));
  };
  const serves = (path: string) => () => answersOk(`${url}${path}`, cert);
  try {
    await run('etcd', () => fetch(`${etcd}/health`).then(({ ok }) => ok), [
      `--data-dir=${join(folder, 'etcd')}`,
      `--listen-client-urls=${etcd}`,
      `--advertise-client-urls=${etcd}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      '--unsafe-no-fsync',
      '--log-level=error',
    ]);
    await run('kube-apiserver', serves('/readyz'), [
      `--etcd-servers=${etcd}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${String(port)}`,
      '--endpoint-reconciler-type=none',
      '--service-cluster-ip-range=10.43.0.0/16',
      `--tls-cert-file=${certFile}`,
      `--tls-private-key-file=${keyFile}`,
      '--authorization-mode=RBAC',
      `--token-auth-file=${file('tokens.csv', `${ADMIN_TOKEN},admin,admin,system:masters\n`)}`,
      '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
      `--service-account-key-file=${signerFile}`,
      `--service-account-signing-key-file=${signerFile}`,
    ]);
    const always = () => Promise.resolve(true);
    // Nobody waits for a test as a cluster can for its controllers.
    const brisk = ['--kube-api-qps=1000', '--kube-api-burst=2000'];
    await run('kube-controller-manager', always, [
      `--kubeconfig=${config}`,
      '--leader-elect=false',
      '--secure-port=0',
      `--root-ca-file=${certFile}`,
      `--service-account-private-key-file=${signerFile}`,
      `--node-monitor-grace-period=${String(silenceSeconds)}s`,
      ...brisk,
    ]);
    await run('kube-scheduler', always, [
      `--kubeconfig=${config}`,
      '--leader-elect=false',
      '--secure-port=0',
      ...brisk,
    ]);
  } catch (error) {
    await stop();
    throw error;
  }
  const admin = new Admin(url, cert);
  return {
    url,
    ca: cert,
    admin,
    stop: async () => {
      admin.close();
      await stop();
    },
  };
}

/** What a person with all rights does to a cluster. Whatever is refused is thrown. */
export class Admin {
  readonly access: KubernetesAccess;
  readonly #api: KubernetesApi;

  constructor(url: string, ca: string) {
    this.access = { token: ADMIN_TOKEN, ca };
    const get = () => Promise.resolve(this.access);
    this.#api = new KubernetesApi(url, { get, renew: get });
  }

  async get<T>(path: string): Promise<T> {
    return (await this.#call('GET', path)).json as T;
  }

  list(path: string): Promise<readonly unknown[]> {
    return this.#api.list(path, AbortSignal.timeout(30_000));
  }

  async create<T>(path: string, body: object): Promise<T> {
    return (await this.#call('POST', path, body)).json as T;
  }

  /** A strategic merge, as kubectl patches: lists are joined by their key. */
  async patch<T>(path: string, body: object): Promise<T> {
    return (await this.#call('PATCH', path, body, 'application/strategic-merge-patch+json'))
      .json as T;
  }

  /** As `kubectl apply --server-side`. */
  async apply(object: KubeObject): Promise<void> {
    const path = `${await this.#collection(object)}/${object.metadata.name}`;
    const type = 'application/apply-patch+yaml';
    await this.#call('PATCH', path, object, type, { fieldManager: 'test', force: 'true' });
  }

  /** Now, or with a grace; there is no kubelet that would end it. What is gone is gone. */
  async remove(path: string, gracePeriodSeconds = 0): Promise<void> {
    await this.#call('DELETE', path, { gracePeriodSeconds }, undefined, {}, [404]);
  }

  /** Every object of a collection, likewise. */
  async removeAll(path: string): Promise<void> {
    await this.#call('DELETE', path, { gracePeriodSeconds: 0 });
  }

  close(): void {
    this.#api.close();
  }

  async #collection({ apiVersion, kind, metadata }: KubeObject): Promise<string> {
    const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const { resources } = await this.get<{
      resources: readonly { name: string; kind: string; namespaced: boolean }[];
    }>(root);
    const found = resources.find((each) => each.kind === kind && !each.name.includes('/'));
    if (found === undefined) {
      throw new Error(`${apiVersion} has no ${kind}`);
    }
    const within = found.namespaced ? `/namespaces/${metadata.namespace ?? 'default'}` : '';
    return `${root}${within}/${found.name}`;
  }

  async #call(
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    path: string,
    body?: object,
    contentType?: string,
    query: Readonly<Record<string, string>> = {},
    also: readonly number[] = [],
  ): Promise<KubernetesAnswer> {
    const wanted = {
      method,
      path,
      query,
      ...(body && { body }),
      ...(contentType && { contentType }),
    };
    const answer = await this.#api.call(wanted, AbortSignal.timeout(30_000));
    if (answer.status >= 300 && !also.includes(answer.status)) {
      const { message = '' } = (answer.json ?? {}) as { message?: string };
      throw new Error(`${method} ${path} was answered with ${String(answer.status)}: ${message}`);
    }
    return answer;
  }
}

/** Waits until it is true of the cluster, whose controllers take their time. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | null>,
  waitMs = 30_000,
): Promise<T> {
  const giveUpAtMs = Date.now() + waitMs;
  for (;;) {
    const found = await ask();
    if (found !== null) {
      return found;
    }
    if (Date.now() > giveUpAtMs) {
      throw new Error(`waited in vain for ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function signingKey(): string {
  const wanted = ['ecparam', '-name', 'prime256v1', '-genkey', '-noout'];
  return execFileSync('openssl', wanted, { encoding: 'utf8', stdio: 'pipe' });
}

function kubeconfig(server: string, authority: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority': authority } }],
    users: [{ name: 'admin', user: { token: ADMIN_TOKEN } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    'current-context': 'test',
  });
}

function answersOk(url: string, ca: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request(url, { ca, agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    asked.on('error', () => resolve(false));
    asked.end();
  });
}
