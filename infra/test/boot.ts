import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Config, parseConfig } from '../config.ts';
import type { Surroundings } from '../user-data.ts';

/** What the pretended machine and its surroundings answer. */
export interface World {
  /** What describe-instances prints at each call in turn; the last one for ever. */
  readonly masters: readonly string[];
  readonly joinToken: string;
  /** How long a step is tried again: 0 for a step that is never to succeed. */
  readonly patienceSeconds: number;
}

export const JOIN_TOKEN = `K10${'ab'.repeat(32)}::node:very-secret-join`;
export const KUBERNETES_TOKEN = 'very-secret-kubernetes';
export const CA = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';

/**
 * The binary that is "downloaded": kubectl of a server that has just started. It keeps what is created from a file, and
 * applies what it is given.
 */
const K3S = `#!/bin/bash
echo "k3s $*" >>"$CALLS"
case "$*" in
  *'get --raw /readyz') echo ok ;;
  *'get secret autoscaler-token'*) printf '%s' '${KUBERNETES_TOKEN}' | base64 -w0 ;;
  *'create secret generic alert-token'*)
    for each in "$@"; do
      case $each in --from-file=token=*) cp "\${each#--from-file=token=}" "$WORLD/alert-in-cluster" ;; esac
    done
    echo 'kind: Secret' ;;
  *'apply -f -') cat >"$WORLD/applied" ;;
  *) exit 1 ;;
esac
`;

const STUBS: Readonly<Record<string, string>> = {
  curl: `
case "$*" in
  *latest/api/token*) printf 'imds-session' ;;
  *meta-data/instance-id) printf 'i-0abc' ;;
  *meta-data/placement/availability-zone) printf 'ap-southeast-1b' ;;
  *meta-data/instance-life-cycle) printf 'spot' ;;
  *meta-data/local-ipv4) printf '10.20.1.10' ;;
  *github.com*)
    while [ "$1" != -o ]; do shift; done
    cp "$WORLD/k3s" "$2" ;;
  *) exit 7 ;;
esac`,
  aws: `
case "$1 $2" in
  'ec2 describe-instances')
    count=$(cat "$WORLD/asked" 2>/dev/null || echo 1)
    echo $((count + 1)) >"$WORLD/asked"
    total=$(wc -l <"$WORLD/masters")
    sed -n "$((count < total ? count : total))p" "$WORLD/masters" ;;
  'secretsmanager get-secret-value') cat "$WORLD/join" ;;
  'secretsmanager put-secret-value')
    while [ "$1" != --secret-id ]; do shift; done
    name=$2
    while [ "$1" != --secret-string ]; do shift; done
    mkdir -p "$WORLD/put"
    cp "\${2#file://}" "$WORLD/put/\${name##*/}"
    echo version ;;
  *) exit 1 ;;
esac`,
  systemctl: `
if [ "$*" = 'enable --now --no-block k3s.service' ]; then
  server=$BOOT_ROOT/var/lib/rancher/k3s/server
  mkdir -p "$server/tls"
  printf 'K10%s::node:%s\\n' "$(printf 'ab%.0s' {1..32})" "$(cat "$BOOT_ROOT/etc/rancher/k3s/agent-token")" >"$server/agent-token"
  cp "$WORLD/ca" "$server/tls/server-ca.crt"
fi`,
};

/** A machine that boots into a folder. */
export class Machine {
  readonly folder = mkdtempSync(join(tmpdir(), 'node-fleet-boot-'));
  readonly root = join(this.folder, 'root');
  readonly #world = join(this.folder, 'world');
  readonly #stubs = join(this.folder, 'stubs');
  readonly #patienceSeconds: number;

  constructor(world: Partial<World> = {}) {
    for (const folder of [join(this.root, 'run'), this.#world, this.#stubs]) {
      mkdirSync(folder, { recursive: true });
    }
    const { masters = ['10.20.1.10'], joinToken = JOIN_TOKEN, patienceSeconds = 60 } = world;
    this.#patienceSeconds = patienceSeconds;
    writeFileSync(join(this.#world, 'masters'), masters.map((each) => `${each}\n`).join(''));
    writeFileSync(join(this.#world, 'join'), `${joinToken}\n`);
    writeFileSync(join(this.#world, 'ca'), CA);
    writeFileSync(join(this.#world, 'k3s'), K3S);
    writeFileSync(join(this.#world, 'calls'), '');
    for (const [name, body] of Object.entries(STUBS)) {
      const path = join(this.#stubs, name);
      writeFileSync(path, `#!/bin/bash\necho "${name} $*" >>"$CALLS"${body}\n`);
      chmodSync(path, 0o755);
    }
  }

  get surroundings(): Surroundings {
    return { root: this.root, retrySeconds: 0, patienceSeconds: this.#patienceSeconds };
  }

  /** A configuration whose checksum is that of the pretended binary. */
  config(overrides: Readonly<Record<string, string>> = {}): Config {
    const parsed = parseConfig('node-fleet', {
      'aws:region': 'ap-southeast-1',
      'node-fleet:k3sSha256': createHash('sha256').update(K3S).digest('hex'),
      ...overrides,
    });
    if (!parsed.ok) {
      throw new Error(parsed.problems.join('\n'));
    }
    return parsed.config;
  }

  /** Runs user data; every command it runs by name is a stub or a core utility. */
  boot(userData: string): { readonly exitCode: number | null; readonly printed: string } {
    const { status, stdout, stderr } = spawnSync('bash', ['-s'], {
      input: userData,
      encoding: 'utf8',
      env: {
        PATH: `${this.#stubs}:/usr/bin:/bin`,
        CALLS: join(this.#world, 'calls'),
        WORLD: this.#world,
        BOOT_ROOT: this.root,
      },
    });
    return { exitCode: status, printed: stdout + stderr };
  }

  /** Every command with its arguments, as anyone on the machine could have seen it. */
  get calls(): string {
    return readFileSync(join(this.#world, 'calls'), 'utf8');
  }

  has(path: string): boolean {
    return existsSync(join(this.root, path));
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), 'utf8');
  }

  /** Permission bits, such as 0o600. */
  mode(path: string): number {
    return statSync(join(this.root, path)).mode & 0o777;
  }

  /** What reached the outside: `put/NAME` of a secret, `alert-in-cluster`, `applied`. */
  outside(name: string): string {
    return readFileSync(join(this.#world, name), 'utf8');
  }

  discard(): void {
    rmSync(this.folder, { recursive: true });
  }
}
