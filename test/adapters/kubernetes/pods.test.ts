import { describe, expect, it, test } from 'vitest';
import type { DisruptionBudgetObject, PodSpec } from '../../../adapters/kubernetes/objects.ts';
import { selects } from '../../../adapters/kubernetes/objects.ts';
import { pinOf, placementOf } from '../../../adapters/kubernetes/pins.ts';
import { podsByShape, podsOnNode } from '../../../adapters/kubernetes/pods.ts';
import { kubePod, replicaSet } from './objects.ts';

const ZONE = 'topology.kubernetes.io/zone';
const surroundings = {
  replicaSets: [replicaSet('shop-1', 3), replicaSet('lonely', 1)],
  budgets: [],
};

function budget(
  matchLabels: Record<string, string>,
  disruptionsAllowed: number,
  desiredHealthy = 2,
): DisruptionBudgetObject {
  return {
    metadata: { name: 'pdb', namespace: 'shop' },
    spec: { selector: { matchLabels } },
    status: { disruptionsAllowed, desiredHealthy, expectedPods: 3 },
  };
}

function inZones(values: string[], operator = 'In'): PodSpec {
  return {
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: ZONE, operator, values }] }],
        },
      },
    },
  };
}
const required = { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'zone' }] };

describe('where a pod may run', () => {
  it.each<[string, PodSpec, string | null]>([
    ['anywhere', {}, null],
    ['a zone, by selector', { nodeSelector: { [ZONE]: 'a' } }, 'a'],
    ['a zone, by affinity', inZones(['a']), 'a'],
    ['Linux is everywhere', { nodeSelector: { 'kubernetes.io/os': 'linux' } }, null],
    ['a preference binds nothing', { affinity: { podAntiAffinity: {} } }, null],
    [
      'spread that may be given up',
      { topologySpreadConstraints: [{ whenUnsatisfiable: 'ScheduleAnyway' }] },
      null,
    ],
    [
      'configuration goes along',
      {
        volumes: [
          { name: 'v', configMap: {} },
          { name: 't', projected: {} },
        ],
      },
      null,
    ],
    ['so does scratch space', { volumes: [{ name: 'v', emptyDir: {} }] }, null],
  ])('%s', (_what, spec, zone) => {
    expect(placementOf(spec)).toEqual({ zone, modelled: true });
  });

  it.each<[string, PodSpec]>([
    ['another label', { nodeSelector: { disk: 'ssd' } }],
    ['the control plane', { nodeSelector: { 'node-role.kubernetes.io/control-plane': 'true' } }],
    ['one of two zones', inZones(['a', 'b'])],
    ['any zone but one', inZones(['a'], 'NotIn')],
    ['two zones at once', { nodeSelector: { [ZONE]: 'b' }, ...inZones(['a']) }],
    ['beside other pods', { affinity: { podAffinity: required } }],
    ['apart from other pods', { affinity: { podAntiAffinity: required } }],
    [
      'spread that must be kept',
      { topologySpreadConstraints: [{ whenUnsatisfiable: 'DoNotSchedule' }] },
    ],
    ['a port of the host', { containers: [{ ports: [{ hostPort: 80 }] }] }],
    ['the host’s network', { hostNetwork: true }],
    ['a claimed volume', { volumes: [{ name: 'v', persistentVolumeClaim: {} }] }],
    ['another scheduler', { schedulerName: 'mine' }],
    ['a GPU', { containers: [{ resources: { requests: { 'nvidia.com/gpu': '1' } } }] }],
  ])('%s is not modelled', (_what, spec) => {
    expect(placementOf(spec).modelled).toBe(false);
  });
});

describe('why a pod may not be moved', () => {
  it.each([
    ['nothing', {}, null],
    [
      'affinity, before all else',
      { spec: { hostNetwork: true }, owner: { kind: 'StatefulSet', name: 's' } },
      'unmodelled-affinity',
    ],
    [
      'a class of the system',
      { spec: { priorityClassName: 'system-node-critical' } },
      'system-critical',
    ],
    ['a priority of the system', { spec: { priority: 2_000_000_000 } }, 'system-critical'],
    ['a person’s word', { annotations: { 'node-fleet/do-not-evict': 'true' } }, 'do-not-evict'],
    [
      'a word that is none',
      { annotations: { 'node-fleet/do-not-evict': 'yes please' } },
      'do-not-evict',
    ],
    ['taken back', { annotations: { 'node-fleet/do-not-evict': 'false' } }, null],
    [
      'the Cluster Autoscaler’s word',
      { annotations: { 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false' } },
      'do-not-evict',
    ],
    ['a StatefulSet', { owner: { kind: 'StatefulSet', name: 's' } }, 'stateful-set'],
    ['nobody would make it anew', { owner: null }, 'no-controller'],
    ['a Job would begin again', { owner: { kind: 'Job', name: 'j' } }, 'no-controller'],
    ['it is the only one', { owner: { kind: 'ReplicaSet', name: 'lonely' } }, 'single-replica'],
    [
      'nobody knows how many there are',
      { owner: { kind: 'ReplicaSet', name: 'unknown' } },
      'single-replica',
    ],
    ['scratch space', { spec: { volumes: [{ name: 'v', emptyDir: {} }] } }, 'local-data'],
    ['the host’s disk', { spec: { volumes: [{ name: 'v', hostPath: {} }] } }, 'local-data'],
    [
      'said to be safe',
      {
        spec: { volumes: [{ name: 'v', emptyDir: {} }] },
        annotations: { 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'true' },
      },
      null,
    ],
  ])('%s', (_what, pod, pinnedBy) => {
    expect(pinOf(kubePod('p', pod), surroundings, 'now')).toBe(pinnedBy);
  });

  it('a disruption budget that allows none now pins; for a drain under way only one that never can', () => {
    const pod = kubePod('p');
    const pins = (budgets: DisruptionBudgetObject[]) =>
      (['now', 'ever'] as const).map((moment) => pinOf(pod, { ...surroundings, budgets }, moment));
    expect(pins([budget({ app: 'shop' }, 1)])).toEqual([null, null]);
    expect(pins([budget({ app: 'shop' }, 0)])).toEqual(['blocked-by-pdb', null]);
    expect(pins([budget({ app: 'shop' }, 0, 3)])).toEqual(['blocked-by-pdb', 'blocked-by-pdb']);
    expect(pins([budget({ app: 'other' }, 0)])).toEqual([null, null]);
    const elsewhere = { ...budget({ app: 'shop' }, 0), metadata: { name: 'pdb', namespace: 'x' } };
    expect(pins([elsewhere])).toEqual([null, null]);
    // The API refuses every eviction of a pod with two.
    expect(pins([budget({ app: 'shop' }, 1), budget({}, 1)])).toEqual([
      'blocked-by-pdb',
      'blocked-by-pdb',
    ]);
  });
});

test('a selector’s expressions', () => {
  const labels = { app: 'shop' };
  const matches = (key: string, operator: string, values: string[] = []) =>
    selects({ matchExpressions: [{ key, operator, values }] }, labels);
  expect(matches('app', 'In', ['shop'])).toBe(true);
  expect(matches('app', 'In', ['x'])).toBe(false);
  expect(matches('app', 'NotIn', ['shop'])).toBe(false);
  expect(matches('zone', 'NotIn', ['x'])).toBe(true);
  expect(matches('app', 'Exists')).toBe(true);
  expect(matches('zone', 'Exists')).toBe(false);
  expect(matches('app', 'DoesNotExist')).toBe(false);
  expect(matches('zone', 'DoesNotExist')).toBe(true);
  expect(selects({}, labels)).toBe(true);
  expect(selects(undefined, labels)).toBe(false);
});

describe('pods by shape', () => {
  const gated = [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }];
  const scheduled = [{ type: 'PodScheduled', status: 'True' }];
  const list = [
    kubePod('b', { nodeName: 'n2' }),
    kubePod('a', { nodeName: 'n1' }),
    kubePod('big', {
      nodeName: 'n1',
      spec: { containers: [{ resources: { requests: { cpu: '1' } } }] },
    }),
    kubePod('waits'),
    kubePod('gated', { conditions: gated }),
    kubePod('starting', { nodeName: 'n1', phase: 'Pending', conditions: scheduled }),
    kubePod('over', { nodeName: 'n1', phase: 'Succeeded' }),
    kubePod('daemon', { nodeName: 'n1', owner: { kind: 'DaemonSet', name: 'd' } }),
    kubePod('daemon-waits', { owner: { kind: 'DaemonSet', name: 'd' } }),
    kubePod('static', { nodeName: 'n1', annotations: { 'kubernetes.io/config.mirror': 'x' } }),
  ];

  it('counts those without room apart from those that are gated, starting, over, or of their node (S13)', () => {
    const pods = podsByShape(list, surroundings);
    expect(pods.shapes.map(({ key }) => key)).toEqual([
      '1000m 0Mi any-zone movable',
      '250m 256Mi any-zone movable',
    ]);
    expect(pods.unschedulable).toEqual([0, 1]);
    expect(pods.perNode).toEqual([
      { nodeName: 'n1', counts: [1, 2] },
      { nodeName: 'n2', counts: [0, 1] },
    ]);
  });

  it('is the same in whatever order pods come', () => {
    expect(podsByShape([...list].reverse(), surroundings)).toEqual(podsByShape(list, surroundings));
  });

  it('one that is on its way out waits for nothing; a request that cannot be read has no room anywhere', () => {
    const leaving = kubePod('leaving');
    const deleted = { ...leaving, metadata: { ...leaving.metadata, deletionTimestamp: 'x' } };
    const strange = kubePod('strange', {
      spec: { containers: [{ resources: { requests: { cpu: 'x' } } }] },
    });
    const pods = podsByShape([deleted, strange], surroundings);
    expect(pods.shapes).toEqual([
      expect.objectContaining({ pinnedBy: 'unmodelled-affinity', requestMillicpu: 0 }),
    ]);
    expect(pods.unschedulable).toEqual([1]);
  });
});

test('a drained node’s list has terminating pods with the end of their grace, and no DaemonSet’s (S22)', () => {
  const leaving = kubePod('b', { nodeName: 'n1' });
  const deletionTimestamp = '2026-11-24T14:00:30Z';
  const pods = [
    { ...leaving, metadata: { ...leaving.metadata, deletionTimestamp } },
    kubePod('a', { nodeName: 'n1', owner: null }),
    kubePod('d', { nodeName: 'n1', owner: { kind: 'DaemonSet', name: 'd' } }),
    kubePod('over', { nodeName: 'n1', phase: 'Failed' }),
  ];
  // A budget that refuses at this moment only is asked again.
  const budgets = [budget({ app: 'shop' }, 0)];
  expect(podsOnNode(pods, { ...surroundings, budgets })).toEqual([
    { uid: 'uid-a', namespace: 'shop', name: 'a', terminatesAtMs: null, pinnedBy: 'no-controller' },
    {
      uid: 'uid-b',
      namespace: 'shop',
      name: 'b',
      terminatesAtMs: Date.parse(deletionTimestamp),
      pinnedBy: null,
    },
  ]);
});
