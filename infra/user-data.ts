import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { Config } from './config.ts';
import { CLUSTER_TAG, MASTER_ROLE, ROLE_TAG } from './names.ts';
import { secretName } from './secrets.ts';

/**
 * User data: the scripts of boot/ under a header of facts. Anyone on the instance may read user data, so it carries the
 * names of secrets and never a value.
 */

/** EC2 takes no more, before base64. */
export const USER_DATA_BYTES_MAX = 16_384;

export interface Surroundings {
  /** Put before every path that is written; empty but in tests, which boot into a folder. */
  readonly root: string;
  /** Pause between tries. */
  readonly retrySeconds: number;
  /** How long one step is tried again. The engine gives up on a worker after ten minutes too. */
  readonly patienceSeconds: number;
}

const ON_AN_INSTANCE: Surroundings = { root: '', retrySeconds: 5, patienceSeconds: 600 };

function script(name: string): string {
  return readFileSync(new URL(`boot/${name}.sh`, import.meta.url), 'utf8');
}

function manifest(name: string): string {
  return readFileSync(new URL(`manifests/${name}.yaml`, import.meta.url), 'utf8');
}

/** A word that the shell takes as it is. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

function header(facts: Readonly<Record<string, string>>): string {
  const lines = Object.entries(facts).map(([name, value]) => `${name}=${quoted(value)}`);
  return ['#!/bin/bash', ...lines, ''].join('\n');
}

/** What a boot needs to know: which binary, what its checksum must be, and how patient to be. */
function bootFacts(
  { k3sVersion, k3sSha256, architecture }: Config,
  { root, retrySeconds, patienceSeconds }: Surroundings,
): Readonly<Record<string, string>> {
  const file = architecture === 'arm64' ? 'k3s-arm64' : 'k3s';
  return {
    ROOT: root,
    RETRY_SECONDS: String(retrySeconds),
    PATIENCE_SECONDS: String(patienceSeconds),
    K3S_URL: `https://github.com/k3s-io/k3s/releases/download/${encodeURIComponent(k3sVersion)}/${file}`,
    K3S_SHA256: k3sSha256,
  };
}

/** A file written by the script, word for word. */
function heredoc(path: string, mode: string, body: string): string {
  const end = 'END_OF_FILE';
  const folder = path.slice(0, path.lastIndexOf('/'));
  return [
    `mkdir -p "$ROOT${folder}"`,
    `cat >"$ROOT${path}" <<'${end}'`,
    body.trimEnd(),
    end,
    `chmod ${mode} "$ROOT${path}"`,
    '',
  ].join('\n');
}

/** What every worker runs once, whichever market it is from. */
export function workerUserData(
  config: Config,
  surroundings: Surroundings = ON_AN_INSTANCE,
): string {
  const facts = {
    ...bootFacts(config, surroundings),
    REGION: config.region,
    CLUSTER_ID: config.clusterId,
    CLUSTER_TAG,
    ROLE_TAG,
    MASTER_ROLE,
    JOIN_SECRET: secretName(config, 'joinToken'),
  };
  return header(facts) + script('prelude') + script('common') + script('worker');
}

/** What the master runs once. `alertUrl` is where its Alertmanager reports pods that find no room. */
export function masterUserData(
  config: Config,
  alertUrl: string,
  surroundings: Surroundings = ON_AN_INSTANCE,
): string {
  const publish =
    header({
      ROOT: surroundings.root,
      REGION: config.region,
      JOIN_SECRET: secretName(config, 'joinToken'),
      ACCESS_SECRET: secretName(config, 'kubernetesAccess'),
      ALERT_SECRET: secretName(config, 'alertToken'),
    }) +
    script('prelude') +
    script('publish');
  const manifests = '/var/lib/rancher/k3s/server/manifests/node-fleet';
  return (
    header(bootFacts(config, surroundings)) +
    script('prelude') +
    script('common') +
    heredoc('/usr/local/sbin/node-fleet-publish', '0700', publish) +
    heredoc(`${manifests}-autoscaler.yaml`, '0600', manifest('autoscaler')) +
    heredoc(
      `${manifests}-monitoring.yaml`,
      '0600',
      manifest('monitoring').replaceAll('@ALERT_URL@', alertUrl),
    ) +
    script('master')
  );
}

/** As EC2 wants it. cloud-init unpacks gzip, which keeps the master's under the limit. */
export function packed(userData: string): string {
  const bytes = gzipSync(userData, { level: 9 });
  // The header's last byte names the operating system that packed it, and would differ from one to the next.
  bytes[9] = 255;
  if (bytes.length > USER_DATA_BYTES_MAX) {
    throw new RangeError(
      `user data has ${bytes.length} bytes packed, and EC2 takes ${USER_DATA_BYTES_MAX} at most`,
    );
  }
  return bytes.toString('base64');
}
