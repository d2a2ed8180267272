import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import type { Container, PodObject } from '../../../adapters/kubernetes/objects.ts';
import { stream } from '../../../simulator/random.ts';
import { Scheduler } from '../../../simulator/scheduler.ts';
import { eventually, type ControlPlane, type KubeObject } from './control-plane.ts';
import { controlPlaneProgram } from './control-plane/build.ts';
import { asking, join, workerNode } from './kubelet.ts';

// Clusters at random, shown to the simulator's scheduler and, as objects, to kube-scheduler.

const ZONES = ['ap-southeast-1a', 'ap-southeast-1b', 'ap-southeast-1c'] as const;

export interface Shape {
  readonly millicpu: number;
  readonly mib: number;
  /** Index of the only zone it may run in; −1: any. */
  readonly zone: number;
}

/** How a node keeps pods away; null: it does not. */
export type Closed = 'cordoned' | 'draining' | 'not-ready' | null;

export interface Case {
  readonly name: string;
  /** Of every worker, what is left beside its DaemonSets. */
  readonly allocatableMillicpu: number;
  readonly allocatableMib: number;
  readonly daemonMillicpu: number;
  readonly daemonMib: number;
  readonly shapes: readonly Shape[];
  readonly nodes: readonly {
    readonly zone: number;
    readonly closed: Closed;
    /** Pods bound to it by shape, and how many of each are being terminated. */
    readonly bound: readonly number[];
    readonly terminating: readonly number[];
  }[];
  /** Pods that wait, by shape, in the order in which they came. */
  readonly waiting: readonly number[];
}

/** A cluster in the middle of its life, with pods of so many shapes, drawn from a seed. */
export function drawCase(seed: number, shapeCount: number): Case {
  const random = stream(seed, 'scheduling', shapeCount);
  const between = (min: number, max: number): number => min + random.nextInt(max - min + 1);
  const allocatableMillicpu = between(800, 4_000);
  const allocatableMib = between(1_000, 8_000);
  const zoneCount = between(1, ZONES.length);
  const shapes = Array.from({ length: shapeCount }, () => ({
    // From small ones to such as no node can hold.
    millicpu: between(10, random.nextInt(5) === 0 ? allocatableMillicpu + 50 : 500),
    mib: between(10, random.nextInt(5) === 0 ? allocatableMib + 50 : 700),
    zone: random.nextInt(3) === 0 ? random.nextInt(zoneCount) : -1,
  }));
  const nodes = Array.from({ length: between(1, 12) }, () => {
    const zone = random.nextInt(zoneCount);
    const open = random.nextInt(4) > 0;
    const closed = open
      ? null
      : (['cordoned', 'draining', 'not-ready'] as const)[random.nextInt(3)];
    const left = { millicpu: allocatableMillicpu, mib: allocatableMib };
    const bound = shapes.map(() => 0);
    const terminating = shapes.map(() => 0);
    for (let pod = between(0, 12); pod > 0; pod--) {
      const s = random.nextInt(shapes.length);
      const shape = shapes[s];
      const fits = shape.millicpu <= left.millicpu && shape.mib <= left.mib;
      if (fits && (shape.zone < 0 || shape.zone === zone)) {
        left.millicpu -= shape.millicpu;
        left.mib -= shape.mib;
        bound[s]++;
        terminating[s] += random.nextInt(5) === 0 ? 1 : 0;
      }
    }
    return { zone, closed, bound, terminating };
  });
  return {
    name: `c${String(shapeCount)}-${String(seed)}`,
    allocatableMillicpu,
    allocatableMib,
    daemonMillicpu: between(0, 150),
    daemonMib: between(0, 300),
    shapes,
    nodes,
    waiting: shapes.map(() => between(1, 24)),
  };
}

export interface Answer {
  /** By shape: the nodes that let one pod in, before any is placed. */
  readonly feasible: readonly (readonly number[])[];
  /** By shape: how many pods have no room when all have been tried, one after the other. */
  readonly pending: readonly number[];
}

/** What the simulator makes of it. */
export function simulated(drawn: Case): Answer {
  const { allocatableMillicpu, allocatableMib, shapes, nodes, waiting } = drawn;
  const build = (eligible: (slot: number) => boolean): Scheduler => {
    const scheduler = new Scheduler(
      allocatableMillicpu,
      allocatableMib,
      shapes.length,
      nodes.length,
    );
    for (const [slot, { zone, closed, bound }] of nodes.entries()) {
      scheduler.zone[slot] = zone;
      scheduler.setEligible(slot, closed === null && eligible(slot));
      for (const [s, count] of bound.entries()) {
        scheduler.occupy(slot, count * shapes[s].millicpu, count * shapes[s].mib);
      }
    }
    return scheduler;
  };
  const place = (scheduler: Scheduler, s: number): boolean =>
    scheduler.place(s, shapes[s].millicpu, shapes[s].mib, shapes[s].zone) >= 0;
  // Whether a node lets a pod in: whether it is placed where there is no other.
  const feasible = shapes.map((_, s) =>
    [...nodes.keys()].filter((slot) =>
      place(
        build((other) => other === slot),
        s,
      ),
    ),
  );
  const all = build(() => true);
  const pending = waiting.map((count, s) => {
    let left = count;
    while (left > 0 && place(all, s)) {
      left--;
    }
    return left;
  });
  return { feasible, pending };
}

/** What the controllers put on a node that is not Ready: the scheduler looks at nothing else. */
const NOT_READY = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };
const DRAINING = { key: 'node-fleet/draining', value: 'drain-1', effect: 'NoSchedule' };
/** Which cluster an object is of, where several share one control plane. */
const CLUSTER = 'test/cluster';
const SHAPE = 'test/shape';

export interface Objects {
  readonly nodes: readonly KubeObject[];
  readonly bound: readonly KubeObject[];
  readonly waiting: readonly KubeObject[];
}

/** The same cluster as Kubernetes' objects, with a control plane that has room and is tainted. */
export function objectsOf(drawn: Case): Objects {
  const { name, shapes, daemonMillicpu, daemonMib } = drawn;
  const nodeName = (n: number): string => `${name}-n${String(n)}`;
  const labelled = (node: KubeObject): KubeObject => {
    const labels = { ...(node.metadata['labels'] as object), [CLUSTER]: name };
    return { ...node, metadata: { ...node.metadata, labels } };
  };
  const nodes = drawn.nodes.map(({ zone, closed }, n) =>
    labelled(
      workerNode(nodeName(n), {
        zone: ZONES[zone],
        cpu: `${String(drawn.allocatableMillicpu + daemonMillicpu)}m`,
        memory: `${String(drawn.allocatableMib + daemonMib)}Mi`,
        ready: closed !== 'not-ready',
        cordoned: closed === 'cordoned',
        taints: closed === 'draining' ? [DRAINING] : [],
      }),
    ),
  );
  const master = workerNode(`${name}-master`, { controlPlane: true, cpu: '64', memory: '64Gi' });
  const pod = (id: string, shape: string, containers: readonly Container[], spec: object) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: id, namespace: name, uid: id, labels: { [SHAPE]: shape } },
    spec: { schedulerName: 'default-scheduler', containers, ...spec },
  });
  const sized = ({ millicpu, mib }: Pick<Shape, 'millicpu' | 'mib'>): readonly Container[] =>
    asking(`${String(millicpu)}m`, `${String(mib)}Mi`);
  const bound = drawn.nodes.flatMap((node, n) => [
    pod(`${nodeName(n)}-daemon`, 'daemon', sized({ millicpu: daemonMillicpu, mib: daemonMib }), {
      nodeName: nodeName(n),
      tolerations: [{ operator: 'Exists' }],
    }),
    ...shapes.flatMap((shape, s) =>
      Array.from({ length: node.bound[s] }, (_, i) => {
        const made = pod(`${nodeName(n)}-${String(s)}-${String(i)}`, String(s), sized(shape), {
          nodeName: nodeName(n),
        });
        return i < node.terminating[s]
          ? { ...made, metadata: { ...made.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }
          : made;
      }),
    ),
  ]);
  const waiting = shapes.flatMap((shape, s) => {
    // Every other shape says its zone as an affinity.
    const zone = shape.zone < 0 ? null : ZONES[shape.zone];
    const key = 'topology.kubernetes.io/zone';
    const term = { matchExpressions: [{ key, operator: 'In', values: [zone] }] };
    const required = {
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] },
    };
    const byAffinity = zone !== null && s % 2 === 1;
    const nodeSelector = {
      [CLUSTER]: name,
      ...(zone !== null && !byAffinity && { [key]: zone }),
    };
    return Array.from({ length: drawn.waiting[s] }, (_, i) =>
      pod(`${name}-w${String(s)}-${String(i)}`, String(s), sized(shape), {
        nodeSelector,
        ...(byAffinity && { affinity: { nodeAffinity: required } }),
      }),
    );
  });
  return { nodes: [...nodes, labelled(master)], bound, waiting };
}

/** Nodes as they are once the controllers have seen them. */
function withTaints(drawn: Case, { nodes, ...pods }: Objects): Objects {
  const seen = nodes.map((node, n) => {
    const spec = node['spec'] as { taints: readonly object[] };
    return drawn.nodes[n]?.closed === 'not-ready'
      ? { ...node, spec: { ...spec, taints: [...spec.taints, NOT_READY] } }
      : node;
  });
  return { nodes: seen, ...pods };
}

/** What kube-scheduler makes of clusters, asked alone with its default profile. */
export async function placedByKubernetes(cases: readonly Case[]): Promise<Answer[]> {
  const child = spawn(controlPlaneProgram(), ['place'], { stdio: ['pipe', 'pipe', 'pipe'] });
  const lines = cases.map((each) => JSON.stringify(withTaints(each, objectsOf(each))));
  child.stdin.end(`${lines.join('\n')}\n`);
  const ended = new Promise((resolve) => child.once('close', resolve));
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if ((await ended) !== 0) {
    throw new Error(`the scheduler could not be asked: ${err.slice(-4000)}`);
  }
  const answers = out.trimEnd().split('\n');
  return cases.map(({ name, shapes, waiting }, at) => {
    const { feasible, placed } = JSON.parse(answers[at]) as {
      feasible: string[][];
      placed: string[];
    };
    const slot = (node: string): number => Number(node.slice(`${name}-n`.length));
    let begin = 0;
    const answer = { feasible: [] as number[][], pending: [] as number[] };
    for (const s of shapes.keys()) {
      const end = begin + waiting[s];
      answer.feasible.push(feasible[begin].map(slot).sort((a, b) => a - b));
      answer.pending.push(placed.slice(begin, end).filter((host) => host === '').length);
      begin = end;
    }
    return answer;
  });
}

/**
 * What is left waiting, by shape, when clusters are built through the API, and the controllers and the scheduler see to
 * the rest. All of them share one control plane; a pod sees its own cluster’s nodes alone.
 */
export async function pendingThroughTheApi(
  { admin }: ControlPlane,
  cases: readonly Case[],
): Promise<number[][]> {
  const all = cases.map(objectsOf);
  await eventually('the account of the pods', () =>
    admin.get('/api/v1/namespaces/default/serviceaccounts/default').catch(() => null),
  );
  await join(
    admin,
    all.flatMap(({ nodes }) => nodes),
  );
  const pods = '/api/v1/namespaces/default/pods';
  const create = async (objects: readonly KubeObject[]): Promise<void> => {
    for (const { metadata, spec } of objects) {
      const { name, labels, deletionTimestamp } = metadata;
      await admin.create(pods, { metadata: { name, labels }, spec });
      if (deletionTimestamp !== undefined) {
        // Nobody ends it: it stays, and takes its room.
        await admin.remove(`${pods}/${name}`, 3_600);
      }
    }
  };
  await Promise.all(all.map(({ bound }) => create(bound)));
  // One after the other: the scheduler tries them in the order in which they came.
  await Promise.all(all.map(({ waiting }) => create(waiting)));
  const decided = await eventually(
    'every pod to be scheduled or not',
    async () => {
      const listed = (await admin.list('/api/v1/pods')) as PodObject[];
      const tried = listed.every(
        ({ spec, status }) =>
          (spec?.nodeName ?? '') !== '' ||
          status?.conditions?.some(({ reason }) => reason === 'Unschedulable'),
      );
      return tried ? listed : null;
    },
    120_000,
  );
  return cases.map(({ name, shapes }) => {
    const own = decided.filter(
      ({ metadata, spec }) =>
        (spec?.nodeName ?? '') === '' && metadata.name.startsWith(`${name}-w`),
    );
    return shapes.map(
      (_, s) => own.filter(({ metadata }) => metadata.labels?.[SHAPE] === String(s)).length,
    );
  });
}
