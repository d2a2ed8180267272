import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import {
  masterUserData,
  packed,
  quoted,
  USER_DATA_BYTES_MAX,
  workerUserData,
} from '../user-data.ts';
import { CA, JOIN_TOKEN, KUBERNETES_TOKEN, Machine } from './boot.ts';
import { deploy } from './deployed.ts';

const ALERT_URL = 'https://abc.lambda-url.example/';
const machines: Machine[] = [];

function machine(...world: ConstructorParameters<typeof Machine>): Machine {
  const made = new Machine(...world);
  machines.push(made);
  return made;
}

afterEach(() => {
  for (const each of machines.splice(0)) {
    each.discard();
  }
});

/** Boots a worker that has the pretended K3s to download. */
function bootWorker(on: Machine, overrides: Readonly<Record<string, string>> = {}) {
  return on.boot(workerUserData(on.config(overrides), on.surroundings));
}

function bootMaster(on: Machine) {
  return on.boot(masterUserData(on.config(), ALERT_URL, on.surroundings));
}

describe('a script', () => {
  it('is one that bash can read, on a worker and on the master', () => {
    const on = machine();
    for (const text of [workerUserData(on.config()), masterUserData(on.config(), ALERT_URL)]) {
      expect(text.startsWith('#!/bin/bash\n')).toBe(true);
      const { status, stderr } = spawnSync('bash', ['-n'], { input: text, encoding: 'utf8' });
      expect([status, stderr]).toEqual([0, '']);
    }
  });

  it('pipes nothing from the internet into a shell', () => {
    const on = machine();
    for (const text of [workerUserData(on.config()), masterUserData(on.config(), ALERT_URL)]) {
      expect(text).not.toMatch(/curl[^\n]*\|\s*(ba)?sh|get\.k3s\.io/);
      expect(text).not.toMatch(/set -x|--insecure|curl -[a-zA-Z]*k|insecure-skip/);
    }
  });

  it('fits into what EC2 takes', async () => {
    const deployed = await deploy();
    const bytes = (kind: string, name: string, key: string): Buffer =>
      Buffer.from(deployed.one(kind, name).inputs[key] as string, 'base64');
    const worker = bytes('LaunchTemplate', 'worker-spot', 'userData');
    const master = bytes('Instance', 'master', 'userDataBase64');
    expect(worker.length).toBeLessThan(USER_DATA_BYTES_MAX);
    expect(master.length).toBeLessThan(USER_DATA_BYTES_MAX);
    expect(gunzipSync(master).toString()).toContain(ALERT_URL);
  });

  it('is packed to the same bytes everywhere, and refused when it is too long', () => {
    expect(Buffer.from(packed('x'), 'base64').subarray(0, 10).toString('hex')).toBe(
      '1f8b08000000000002ff',
    );
    const noise = Array.from({ length: 20_000 }, (_, i) => String((i * 7919) % 104_729)).join();
    expect(() => packed(noise)).toThrow(/EC2 takes 16384 at most/);
  });

  it('takes any word as it is', () => {
    const words = ["it's", '$HOME `id` "x"', '\\n'];
    for (const word of words) {
      const { stdout } = spawnSync('bash', ['-c', `printf %s ${quoted(word)}`], {
        encoding: 'utf8',
      });
      expect(stdout).toBe(word);
    }
  });

  it('holds no secret, only names of secrets', () => {
    const on = machine();
    const known = /K10[0-9a-f]{8}|BEGIN (CERTIFICATE|.*PRIVATE)|eyJ[A-Za-z0-9]|AKIA|password=/;
    for (const text of [workerUserData(on.config()), masterUserData(on.config(), ALERT_URL)]) {
      expect(text).not.toMatch(known);
      expect(text).toContain("JOIN_SECRET='node-fleet/node-fleet-prod/k3s-token'");
    }
  });
});

describe('a worker', () => {
  it('joins under its instance id, with its provider id, zone and market (S15)', () => {
    const on = machine();
    expect(bootWorker(on)).toEqual({ exitCode: 0, printed: '' });
    expect(parse(on.read('etc/rancher/k3s/config.yaml'))).toEqual({
      server: 'https://10.20.1.10:6443',
      'token-file': join(on.root, 'etc/rancher/k3s/join-token'),
      'node-name': 'i-0abc',
      'node-label': ['topology.kubernetes.io/zone=ap-southeast-1b', 'node-fleet/market=spot'],
      'kubelet-arg': ['provider-id=aws:///ap-southeast-1b/i-0abc'],
    });
    expect(on.calls).toMatch(/^systemctl enable --now --no-block k3s-agent\.service$/m);
    expect(on.read('etc/systemd/system/k3s-agent.service')).toContain(
      'ExecStart=/usr/local/bin/k3s agent\n',
    );
    expect(on.mode('usr/local/bin/k3s')).toBe(0o755);
  });

  it('looks for the one running master with its cluster’s tags', () => {
    const on = machine();
    bootWorker(on, { 'node-fleet:clusterId': 'shop-test' });
    expect(on.calls).toContain(
      'Name=tag:node-fleet:cluster,Values=shop-test Name=tag:Role,Values=k3s-master Name=instance-state-name,Values=running',
    );
  });

  it('keeps its token to root, and shows it to nobody', () => {
    const on = machine();
    const { printed } = bootWorker(on);
    expect(on.read('etc/rancher/k3s/join-token').trim()).toBe(JOIN_TOKEN);
    expect(on.mode('etc/rancher/k3s/join-token')).toBe(0o600);
    expect(on.calls).not.toContain('very-secret');
    expect(printed).not.toContain('very-secret');
    expect(on.read('etc/rancher/k3s/config.yaml')).not.toContain('very-secret');
  });

  it('waits for a master that is still starting', () => {
    const on = machine({ masters: ['', '', '10.20.1.10'] });
    expect(bootWorker(on).exitCode).toBe(0);
  });

  it('runs nothing whose checksum is wrong, and leaves nothing of it behind', () => {
    const on = machine();
    const { exitCode, printed } = bootWorker(on, { 'node-fleet:k3sSha256': 'a'.repeat(64) });
    expect(exitCode).toBe(1);
    expect(printed).toMatch(
      /^node-fleet: the checksum of https:\/\/github\.com\/k3s-io\/.* is not a{64}$/m,
    );
    expect(on.has('usr/local/bin/k3s')).toBe(false);
    expect(on.has('usr/local/bin/k3s.part')).toBe(false);
    expect(on.calls).not.toMatch(/^(systemctl|k3s)/m);
  });

  it.each([['10.20.1.10\t10.20.1.11'], ['']])(
    'joins no cluster when the masters found are “%s”',
    (masters) => {
      const on = machine({ masters: [masters], patienceSeconds: 0 });
      const { exitCode, printed } = bootWorker(on);
      expect(exitCode).toBe(1);
      expect(printed).toContain('expected one running master of node-fleet-prod');
      expect(on.calls).not.toMatch(/^systemctl/m);
    },
  );

  it('refuses a token that does not name the CA: it would believe whoever answers', () => {
    const on = machine({ joinToken: 'short', patienceSeconds: 0 });
    const { exitCode, printed } = bootWorker(on);
    expect(exitCode).toBe(1);
    expect(printed).toContain('holds no token that names the CA');
    expect(on.calls).not.toMatch(/^systemctl/m);
  });

  it('downloads the binary of its architecture', () => {
    const on = machine();
    bootWorker(on, {
      'node-fleet:workerInstanceType': 't4g.medium',
      'node-fleet:masterInstanceType': 't4g.medium',
      'node-fleet:workerAllocatableMillicpu': '1930',
      'node-fleet:workerAllocatableMib': '3300',
    });
    expect(on.calls).toMatch(/download\/v1\.36\.4%2Bk3s1\/k3s-arm64$/m);
  });
});

describe('the master', () => {
  it('is a tainted server, with a token for agents that is not its own', () => {
    const on = machine();
    const { exitCode, printed } = bootMaster(on);
    expect([exitCode, printed]).toEqual([0, expect.any(String)]);
    expect(parse(on.read('etc/rancher/k3s/config.yaml'))).toEqual({
      'node-name': 'i-0abc',
      'agent-token-file': join(on.root, 'etc/rancher/k3s/agent-token'),
      'tls-san': ['10.20.1.10'],
      'node-label': ['topology.kubernetes.io/zone=ap-southeast-1b'],
      'node-taint': ['node-role.kubernetes.io/control-plane:NoSchedule'],
      'kubelet-arg': ['provider-id=aws:///ap-southeast-1b/i-0abc'],
      'secrets-encryption': true,
      disable: ['local-storage'],
    });
    expect(on.read('etc/rancher/k3s/agent-token')).toMatch(/^[0-9a-f]{64}$/);
    expect(on.mode('etc/rancher/k3s/agent-token')).toBe(0o600);
  });

  it('publishes the join token with the CA’s hash in it', () => {
    const on = machine();
    bootMaster(on);
    expect(on.outside('put/k3s-token')).toBe(
      `K10${'ab'.repeat(32)}::node:${on.read('etc/rancher/k3s/agent-token')}`,
    );
  });

  it('publishes the autoscaler’s token and the CA to believe, together', () => {
    const on = machine();
    bootMaster(on);
    const access = JSON.parse(on.outside('put/kubernetes-access')) as Record<string, string>;
    expect(access['token']).toBe(KUBERNETES_TOKEN);
    expect(Buffer.from(access['caBase64']!, 'base64').toString()).toBe(CA);
  });

  it('gives Alertmanager and the alert function the same token', () => {
    const on = machine();
    bootMaster(on);
    expect(on.outside('put/alert-token')).toMatch(/^[0-9a-f]{64}$/);
    expect(on.outside('alert-in-cluster')).toBe(on.outside('put/alert-token'));
    expect(on.outside('applied')).toBe('kind: Secret\n');
  });

  it('shows none of them in an argument or a log, and leaves no copy', () => {
    const on = machine();
    const { printed } = bootMaster(on);
    const secrets = [
      KUBERNETES_TOKEN,
      on.outside('put/alert-token'),
      on.read('etc/rancher/k3s/agent-token'),
    ];
    for (const each of secrets) {
      expect(on.calls).not.toContain(each);
      expect(printed).not.toContain(each);
    }
    expect(readdirSync(join(on.root, 'run'))).toEqual([]);
  });

  it('keeps its agents’ token when its script runs again, and renews the alert token', () => {
    const on = machine();
    bootMaster(on);
    const before = [on.read('etc/rancher/k3s/agent-token'), on.outside('put/alert-token')];
    bootMaster(on);
    expect(on.read('etc/rancher/k3s/agent-token')).toBe(before[0]);
    expect(on.outside('put/alert-token')).not.toBe(before[1]);
  });

  it('has its manifests in place before K3s starts, with the function’s address in them', () => {
    const on = machine();
    bootMaster(on);
    const folder = 'var/lib/rancher/k3s/server/manifests';
    expect(on.read(`${folder}/node-fleet-monitoring.yaml`)).toContain(`- url: '${ALERT_URL}'`);
    expect(on.read(`${folder}/node-fleet-autoscaler.yaml`)).toContain('name: autoscaler-token');
    for (const name of ['monitoring', 'autoscaler']) {
      expect(on.read(`${folder}/node-fleet-${name}.yaml`)).not.toMatch(/@[A-Z_]+@/);
    }
  });

  it('keeps CoreDNS and metrics-server off the workers, after each start', () => {
    const on = machine();
    bootMaster(on);
    const unit = on.read('etc/systemd/system/node-fleet-settle.service');
    const patches = [...unit.matchAll(/^ExecStart=.* patch deployment (\S+) --patch '(.*)'$/gm)];
    expect(patches.map(([, name]) => name)).toEqual(['coredns', 'metrics-server']);
    for (const [, , patch] of patches) {
      expect(JSON.parse(patch!)).toEqual({
        spec: {
          template: {
            spec: { nodeSelector: { 'node-role.kubernetes.io/control-plane': 'true' } },
          },
        },
      });
    }
    expect(on.calls).toMatch(/^systemctl enable --now --no-block node-fleet-settle\.service$/m);
  });

  it('starts nothing whose checksum is wrong', () => {
    const on = machine();
    const config = { ...on.config(), k3sSha256: 'a'.repeat(64) };
    expect(on.boot(masterUserData(config, ALERT_URL, on.surroundings)).exitCode).toBe(1);
    expect(on.calls).not.toMatch(/^(systemctl|k3s)/m);
  });
});
