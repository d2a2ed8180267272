import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { PROMETHEUS_PORT } from '../names.ts';

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

interface PodSpec {
  readonly hostNetwork?: boolean;
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly affinity?: object;
  readonly tolerations?: readonly Readonly<Record<string, string>>[];
  readonly containers: readonly {
    readonly name: string;
    readonly image: string;
    readonly args: readonly string[];
    readonly resources?: { readonly limits?: { readonly memory?: string } };
  }[];
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly type?: string;
  readonly data?: Readonly<Record<string, string>>;
  readonly rules?: readonly Rule[];
  readonly spec?: { readonly template?: { readonly spec: PodSpec } };
}

function manifests(name: string): Manifest[] {
  const text = readFileSync(new URL(`../manifests/${name}.yaml`, import.meta.url), 'utf8');
  return parseAllDocuments(text).map((each) => {
    expect(each.errors).toEqual([]);
    return each.toJS() as Manifest;
  });
}

const monitoring = manifests('monitoring');
const autoscaler = manifests('autoscaler');
const all = [...monitoring, ...autoscaler];

function one(kind: string, name: string): Manifest {
  const found = all.filter((each) => each.kind === kind && each.metadata.name === name);
  expect(found).toHaveLength(1);
  return found[0]!;
}

function pods(): { readonly of: Manifest; readonly spec: PodSpec }[] {
  return all.flatMap((of) => (of.spec?.template ? [{ of, spec: of.spec.template.spec }] : []));
}

function file(map: string, name: string): unknown {
  return parse(one('ConfigMap', map).data![name]!);
}

describe('what runs in the cluster', () => {
  it('is pinned by version and digest', () => {
    const images = pods().flatMap(({ spec }) => spec.containers.map(({ image }) => image));
    expect(images).toHaveLength(4);
    for (const image of images) {
      expect(image).toMatch(/^[a-z0-9./-]+:v\d+\.\d+\.\d+@sha256:[0-9a-f]{64}$/);
    }
  });

  it('is on the master, or it would pin a worker; node exporters are on workers alone', () => {
    const selector = { 'node-role.kubernetes.io/control-plane': 'true' };
    for (const { of, spec } of pods()) {
      if (of.kind === 'Deployment') {
        expect(spec.nodeSelector, of.metadata.name).toEqual(selector);
        expect(spec.tolerations).toEqual([
          {
            key: 'node-role.kubernetes.io/control-plane',
            operator: 'Exists',
            effect: 'NoSchedule',
          },
        ]);
      } else {
        expect([of.kind, of.metadata.name]).toEqual(['DaemonSet', 'node-exporter']);
        expect(JSON.stringify(spec.affinity)).toContain(
          '{"key":"node-role.kubernetes.io/control-plane","operator":"DoesNotExist"}',
        );
      }
    }
  });

  it('cannot take all of a node’s memory', () => {
    for (const { spec } of pods()) {
      for (const { name, resources } of spec.containers) {
        expect(resources?.limits?.memory, name).toMatch(/^\d+Mi$/);
      }
    }
  });
});

describe('Prometheus', () => {
  const config = file('prometheus', 'prometheus.yml') as {
    global: { scrape_interval: string };
    scrape_configs: { job_name: string; relabel_configs?: Record<string, unknown>[] }[];
  };
  const job = (name: string) => config.scrape_configs.find(({ job_name }) => job_name === name)!;

  it('scrapes nodes, kube-state-metrics and the shop every 15 s', () => {
    expect(config.global.scrape_interval).toBe('15s');
    expect(config.scrape_configs.map(({ job_name }) => job_name)).toEqual([
      'kubernetes-nodes',
      'kube-state-metrics',
      'pods',
    ]);
  });

  it('averages over workers alone: the master’s exporter is not among them', () => {
    expect(job('kubernetes-nodes').relabel_configs).toEqual([
      {
        source_labels: [
          '__meta_kubernetes_node_labelpresent_node_role_kubernetes_io_control_plane',
        ],
        regex: 'true',
        action: 'drop',
      },
      {
        source_labels: ['__address__'],
        regex: '(.*):10250',
        replacement: '${1}:9100',
        target_label: '__address__',
      },
      { source_labels: ['__meta_kubernetes_node_name'], target_label: 'node' },
    ]);
  });

  it('listens where the functions look, and Alertmanager where nobody else can', () => {
    const { spec } = pods().find(({ of }) => of.metadata.name === 'prometheus')!;
    expect(spec.hostNetwork).toBe(true);
    expect(PROMETHEUS_PORT).toBe(9090);
    const [prometheus, alertmanager] = spec.containers;
    expect(prometheus!.args.filter((each) => each.startsWith('--web.'))).toEqual([]);
    expect(alertmanager!.args).toContain('--web.listen-address=127.0.0.1:9093');
  });

  it('may look at nodes and pods, and change nothing', () => {
    for (const name of ['prometheus', 'kube-state-metrics']) {
      for (const { resources, verbs } of one('ClusterRole', name).rules!) {
        expect(resources).toEqual(['nodes', 'pods']);
        expect(['get', 'list', 'watch']).toEqual(expect.arrayContaining([...verbs]));
      }
    }
  });

  it('exports pods and nodes from kube-state-metrics', () => {
    const { spec } = pods().find(({ of }) => of.metadata.name === 'kube-state-metrics')!;
    expect(spec.containers[0]!.args).toEqual(['--resources=nodes,pods']);
  });

  it('reports pods that find no room, soon and again while they do (S19)', () => {
    const rules = file('prometheus', 'rules.yml') as {
      groups: { rules: { expr: string; for: string }[] }[];
    };
    expect(rules.groups[0]!.rules).toEqual([
      {
        alert: 'PodsUnschedulable',
        expr: 'sum(kube_pod_status_unschedulable) > 0',
        for: '15s',
      },
    ]);
    expect(file('alertmanager', 'alertmanager.yml')).toEqual({
      route: {
        receiver: 'node-fleet',
        group_wait: '0s',
        group_interval: '30s',
        repeat_interval: '2m',
      },
      receivers: [
        {
          name: 'node-fleet',
          webhook_configs: [
            {
              url: '@ALERT_URL@',
              send_resolved: false,
              http_config: {
                authorization: { type: 'Bearer', credentials_file: '/etc/alert-token/token' },
              },
            },
          ],
        },
      ],
    });
  });
});

describe('the autoscaler’s identity', () => {
  const rules = autoscaler.flatMap((each) => each.rules ?? []);

  it('may do what the effects need, and no more', () => {
    expect(
      rules.map(({ resources, verbs }) => `${resources.join(',')}: ${verbs.join(',')}`),
    ).toEqual([
      'nodes: list,get,patch,delete',
      'pods: list,get',
      'pods/eviction: create',
      'replicasets,daemonsets,statefulsets: list',
      'poddisruptionbudgets: list',
      'secrets: delete',
    ]);
  });

  it('never sees a secret, and deletes them only where K3s keeps nodes’ passwords', () => {
    const role = one('Role', 'node-fleet-passwords');
    expect(role.metadata.namespace).toBe('kube-system');
    expect(role.rules).toEqual([{ apiGroups: [''], resources: ['secrets'], verbs: ['delete'] }]);
    expect(
      one('ClusterRole', 'node-fleet-autoscaler').rules!.flatMap((each) => each.resources),
    ).not.toContain('secrets');
  });

  it('has no pattern in it', () => {
    expect(JSON.stringify(rules)).not.toContain('*');
  });

  it('has a token that Kubernetes makes, with no value in the manifest', () => {
    const secret = one('Secret', 'autoscaler-token');
    expect(secret.type).toBe('kubernetes.io/service-account-token');
    expect(secret.data).toBeUndefined();
  });
});
