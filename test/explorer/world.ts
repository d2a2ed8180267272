// A small world for the explorer: the real table, and as much of EC2 and Kubernetes as two cycles can quarrel about. Nothing
// in it happens by itself or by the clock, so that what two effects do to each other is exactly what they read and write.
import {
  byText,
  type DoomedMark,
  type Effect,
  type EffectOf,
  type Instance,
  type KubeNode,
  type LaunchRequest,
  type Pods,
  type Result,
} from '../../engine/index.ts';
import { Table } from '../../simulator/table.ts';
import { instance, metrics, node, NOW, SECOND, state, WEB } from '../engine/build.ts';

/**
 * What the explorer performs: a cycle's effects, the ingest function's mark, what customers do, and the write of a lock that
 * was only looked at before.
 */
export type Step =
  | Effect
  | { readonly kind: 'markDoomed'; readonly mark: DoomedMark }
  | { readonly kind: 'loadBecomes'; readonly cpuPercent: number; readonly waiting: number }
  | { readonly kind: 'putLock'; readonly lock: EffectOf<'acquireLock'> };

/**
 * What one effect read and wrote, by item. Two that are next to each other may change places unless one wrote what the
 * other read or wrote.
 */
export interface Footprint {
  readonly reads: readonly string[];
  readonly writes: readonly string[];
}

/** Whether the order of two effects may matter. */
export function isDependent(a: Footprint, b: Footprint): boolean {
  return (
    a.writes.some((item) => b.writes.includes(item) || b.reads.includes(item)) ||
    b.writes.some((item) => a.reads.includes(item))
  );
}

/** Who asks, and when: by its own clock, and in truth. */
export interface Asker {
  readonly nowMs: number;
  readonly trueMs: number;
}

export interface Beginning {
  /** Web pods on each worker: eight fill one. Workers are i-01 …, in zones a, b, c in turn, two on demand. */
  readonly workers: readonly number[];
  /** Web pods without room. */
  readonly waiting: number;
  readonly cpuPercent: number;
  readonly stored: ReturnType<typeof state>;
  /** The drain that a node is tainted for. */
  readonly taints?: Readonly<Record<string, string>>;
  /** Evictions that the disruption budget still allows. */
  readonly evictionsAllowed?: number;
  /** Evicted pods stay on their node until their grace is over, after the race; otherwise they are gone at once. */
  readonly grace?: boolean;
  /** Pools that refuse every launch, as `market/zone`. */
  readonly refusing?: readonly string[];
  /** Launches that EC2 has had already: who sent them never heard of it. */
  readonly launched?: readonly LaunchRequest[];
}

/** Where the rules are bent, for the tests that plant a bug. */
export interface Bent {
  readonly table?: Table;
  readonly ignoresClientTokens?: boolean;
  readonly untaintsAny?: boolean;
}

interface NodePods {
  readonly here: readonly string[];
  /** Evicted, within their grace. */
  readonly leaving: readonly string[];
}

interface Sent {
  readonly request: string;
  readonly ids: readonly string[];
}

const OK = { ok: true } as const;
const PODS_PER_NODE = 8;
const GRACE_MS = 30 * SECOND;

export class World {
  readonly table: Table;
  readonly instances = new Map<string, Instance>();
  readonly nodes = new Map<string, KubeNode>();
  readonly pods = new Map<string, NodePods>();
  readonly sent = new Map<string, Sent>();
  waiting: number;
  cpuPercent: number;
  /** Evicted and gone from their node: they look for another one once the race is over. */
  moving = 0;
  evictionsAllowed: number;
  /** What nobody may do, as it was seen to be done. */
  readonly violations = new Set<string>();
  /** What policies began, as committed: launch intents and drains by id, and since when. */
  readonly begun = new Map<string, number>();
  launchedCount = 0;
  readonly takenByAws = new Set<string>();
  /** Whoever was told last that the lock is theirs, and has not been told that it was given back. */
  #holder: string | null = null;
  /** Launched since the lists were last up to date; null: the lists do not lag. */
  #unlisted: Set<string> | null;
  readonly #beginning: Beginning;
  readonly #ignoresTokens: boolean;
  readonly #untaintsAny: boolean;
  #reads: string[] = [];
  #writes: string[] = [];

  constructor(beginning: Beginning, listsLag: boolean, bent: Bent = {}) {
    this.#beginning = beginning;
    this.#ignoresTokens = bent.ignoresClientTokens ?? false;
    this.#untaintsAny = bent.untaintsAny ?? false;
    this.#unlisted = listsLag ? new Set() : null;
    this.table = bent.table ?? new Table();
    this.table.stored = { kind: 'known', state: beginning.stored };
    this.waiting = beginning.waiting;
    this.cpuPercent = beginning.cpuPercent;
    this.evictionsAllowed = beginning.evictionsAllowed ?? Infinity;
    beginning.workers.forEach((count, n) => {
      const id = `i-0${n + 1}`;
      const market = n < 2 ? 'on-demand' : 'spot';
      this.instances.set(id, instance(id, { zone: 'abc'[n % 3]!, market }));
      this.nodes.set(id, node(id, { taintIntentId: beginning.taints?.[id] ?? null }));
      const here = Array.from({ length: count }, (_, p) => `${id}/${p}`);
      this.pods.set(id, { here, leaving: [] });
    });
    for (const request of beginning.launched ?? []) {
      this.#launch(request, NOW - 60 * SECOND);
    }
  }

  /** The footprint of the last effect. */
  get footprint(): Footprint {
    return { reads: this.#reads, writes: this.#writes };
  }

  get alive(): Instance[] {
    return [...this.instances.values()].filter(isAlive);
  }

  /** Everything that a later step may depend on, as text. */
  key(): string {
    const byKey = <T>(map: ReadonlyMap<string, T>): (readonly [string, T])[] =>
      [...map].sort(([a], [b]) => byText(a, b));
    const { lock, stored, inbox } = this.table;
    return JSON.stringify([
      ...[lock, stored, inbox, byKey(this.instances), byKey(this.nodes), byKey(this.pods)],
      ...[byKey(this.sent), this.waiting, this.moving, this.evictionsAllowed, this.cpuPercent],
      ...[this.#holder, byKey(this.begun), [...this.violations].sort(byText), this.launchedCount],
    ]);
  }

  /** Performs one effect, and notes what it read and wrote. */
  perform(step: Step, { nowMs, trueMs }: Asker): Result {
    this.#reads = [];
    this.#writes = [];
    const { table } = this;
    const completedAtMs = nowMs;
    switch (step.kind) {
      case 'acquireLock': {
        this.#reads.push('lock');
        const held = this.#isHeldAt(step.nowMs);
        const result = table.acquireLock(step, completedAtMs);
        if (result.ok) {
          this.#reads.push('state');
          this.#lockTaken(step.owner, held);
        }
        return result;
      }
      case 'putLock': {
        const { owner, epoch, lockExpiryAtMs, holderDeadlineAtMs, nowMs: askedAtMs } = step.lock;
        this.#reads.push('state');
        this.#lockTaken(owner, this.#isHeldAt(askedAtMs));
        table.lock = { owner, epoch, lockExpiryAtMs, holderDeadlineAtMs };
        return { ...OK, stored: table.stored, completedAtMs };
      }
      case 'readLock':
        this.#reads.push('lock', 'state');
        return { ...OK, lock: table.lock, stored: table.stored, completedAtMs };
      case 'commitState': {
        this.#reads.push('lock');
        const result = table.commitState(step, completedAtMs);
        if (result.ok) {
          this.#writes.push('state');
          if (step.nextEpoch !== step.epoch) {
            this.#writes.push('lock');
          }
          this.#committed(step);
        }
        return result;
      }
      case 'releaseLock': {
        this.#reads.push('lock');
        const result = table.releaseLock(step, completedAtMs);
        if (result.ok) {
          this.#writes.push('lock');
          if (this.#holder !== step.owner) {
            this.violations.add('one that does not hold the lock gave it back');
          }
          this.#holder = null;
        }
        return result;
      }
      case 'readInbox':
        this.#reads.push('inbox');
        return { ...OK, inbox: table.inbox, completedAtMs };
      case 'clearInbox':
        this.#writes.push('inbox');
        table.clearInbox(step.marks, step.kickedAtMs);
        return { ...OK, completedAtMs };
      case 'markDoomed':
        this.#writes.push('inbox');
        table.mark(step.mark);
        if (step.mark.cause === 'reclaim') {
          this.takenByAws.add(step.mark.instanceId);
        }
        return { ...OK, completedAtMs };
      case 'loadBecomes':
        this.#writes.push('load');
        this.cpuPercent = step.cpuPercent;
        this.waiting = step.waiting;
        return { ...OK, completedAtMs };
      case 'queryMetrics':
        this.#reads.push('load');
        return { ...OK, metrics: this.#metrics(trueMs), completedAtMs };
      case 'listInstances': {
        this.#reads.push('ec2', ...this.instances.keys());
        const instances = this.#sorted(this.instances).filter(
          ({ id }) => this.#unlisted?.has(id) !== true,
        );
        return { ...OK, instances, completedAtMs };
      }
      case 'describeInstances':
        this.#reads.push('launches', ...step.ids);
        return {
          ...OK,
          instances: this.#sorted(this.instances).filter(({ id }) => step.ids.includes(id)),
          foreign: [],
          completedAtMs,
        };
      case 'listNodes':
        this.#reads.push('nodes', ...[...this.nodes.keys()].map((name) => `node ${name}`));
        return { ...OK, nodes: this.#sorted(this.nodes), completedAtMs };
      case 'listPods':
        this.#reads.push('load', 'nodes', ...[...this.nodes.keys()].map((name) => `pods ${name}`));
        return { ...OK, pods: this.#podList(), completedAtMs };
      case 'listNodePods': {
        this.#reads.push(`pods ${step.nodeName}`);
        const { here, leaving } = this.#podsOn(step.nodeName);
        const listed = (uid: string, terminatesAtMs: number | null) => ({
          ...{ uid, namespace: 'shop', name: `web-${uid}`, terminatesAtMs, pinnedBy: null },
        });
        const pods = [
          ...here.map((uid) => listed(uid, null)),
          ...leaving.map((uid) => listed(uid, NOW + GRACE_MS)),
        ];
        return { ...OK, pods, completedAtMs };
      }
      case 'launchInstances': {
        const answer = this.#launch(step.launch, trueMs);
        if (typeof answer === 'string') {
          return { ok: false, certainty: 'refused', reason: answer, completedAtMs };
        }
        return { ...OK, instanceIds: answer, completedAtMs };
      }
      case 'terminateInstance':
        return this.#terminate(step.instanceId)
          ? { ...OK, completedAtMs }
          : { ok: false, certainty: 'refused', reason: 'not-found', completedAtMs };
      case 'taintNode': {
        const reason = this.#taint(step);
        return reason === null
          ? { ...OK, completedAtMs }
          : { ok: false, certainty: 'refused', reason, completedAtMs };
      }
      case 'untaintNode': {
        const there = this.nodes.get(step.nodeName);
        this.#reads.push('nodes', `node ${step.nodeName}`);
        if (there === undefined) {
          return { ok: false, certainty: 'refused', reason: 'not-found', completedAtMs };
        }
        if (
          there.taintIntentId === step.intentId ||
          (this.#untaintsAny && there.taintIntentId !== null)
        ) {
          this.#setTaint(there, null);
        }
        return { ...OK, completedAtMs };
      }
      case 'evictPod': {
        const reason = this.#evict(step.uid);
        return reason === null
          ? { ...OK, completedAtMs }
          : { ok: false, certainty: 'refused', reason, completedAtMs };
      }
      case 'deleteNode':
        this.#reads.push('nodes');
        if (!this.nodes.delete(step.nodeName)) {
          return { ok: false, certainty: 'refused', reason: 'not-found', completedAtMs };
        }
        this.pods.delete(step.nodeName);
        this.#writes.push('nodes', `node ${step.nodeName}`, `pods ${step.nodeName}`);
        return { ...OK, completedAtMs };
      case 'pause':
      case 'appendJournal':
      case 'publishMetrics':
      case 'notify':
        return { ...OK, completedAtMs };
    }
  }

  /**
   * What the minutes after the race bring: AWS takes what it announced, launched machines become Ready nodes, terminated ones
   * are gone, pods find room, lists are up to date, and the load is an ordinary one.
   */
  settle(trueMs: number): void {
    this.cpuPercent = 50;
    this.evictionsAllowed = this.#beginning.evictionsAllowed ?? Infinity;
    this.#unlisted = this.#unlisted === null ? null : new Set();
    for (const [id, each] of this.instances) {
      if (each.state === 'shutting-down' || (this.takenByAws.has(id) && isAlive(each))) {
        this.#stop(each, trueMs);
      } else if (each.state === 'pending') {
        this.instances.set(id, { ...each, state: 'running' });
        const readyChangedAtMs = trueMs - 10 * SECOND;
        this.nodes.set(id, node(id, { createdAtMs: readyChangedAtMs, readyChangedAtMs }));
        this.pods.set(id, { here: [], leaving: [] });
      }
    }
    let looking = this.waiting + this.moving;
    for (const [name, { here }] of this.pods) {
      const { ready, taintIntentId } = this.nodes.get(name)!;
      const room = ready && taintIntentId === null ? PODS_PER_NODE - here.length : 0;
      const placed = Math.min(room, looking);
      looking -= placed;
      const moved = Array.from({ length: placed }, (_, n) => `${name}/later-${here.length + n}`);
      this.pods.set(name, { here: [...here, ...moved], leaving: [] });
    }
    this.waiting = looking;
    this.moving = 0;
  }

  #stop(each: Instance, trueMs: number): void {
    this.instances.set(each.id, { ...each, state: 'terminated' });
    const dead = this.nodes.get(each.id);
    if (dead !== undefined) {
      this.nodes.set(each.id, { ...dead, ready: false, readyChangedAtMs: trueMs });
      this.waiting += this.#podsOn(each.id).here.length;
      this.pods.set(each.id, { here: [], leaving: [] });
    }
  }

  // ---------------------------------------------------------------- the table, looked at from beside it

  #isHeldAt(nowMs: number): boolean {
    const { owner, lockExpiryAtMs, holderDeadlineAtMs } = this.table.lock;
    return owner !== null && lockExpiryAtMs >= nowMs && holderDeadlineAtMs >= nowMs;
  }

  #lockTaken(owner: string, wasHeld: boolean): void {
    this.#writes.push('lock');
    if (wasHeld) {
      this.violations.add('the lock was taken from one that holds it');
    }
    this.#holder = owner;
  }

  #committed({ owner, state: { launches, drains } }: EffectOf<'commitState'>): void {
    if (owner !== this.#holder) {
      this.violations.add('one that does not hold the lock wrote the state');
    }
    for (const { id, reason, createdAtMs } of launches) {
      if (reason === 'scale-up') {
        this.begun.set(id, createdAtMs);
      }
    }
    for (const { id, reason, startedAtMs } of drains) {
      if (reason === 'scale-down') {
        this.begun.set(id, startedAtMs);
      }
    }
  }

  // ---------------------------------------------------------------- EC2

  /** Ids, the same for the same token, or why not. */
  #launch(
    launch: LaunchRequest,
    trueMs: number,
  ): readonly string[] | 'parameter-mismatch' | 'spent' | 'insufficient-capacity' {
    const { clientToken, zone, market, count, birthEpoch } = launch;
    this.#reads.push(`token ${clientToken}`);
    const request = JSON.stringify(Object.entries(launch).sort(([a], [b]) => byText(a, b)));
    const before = this.sent.get(clientToken);
    if (before !== undefined && before.request !== request) {
      this.violations.add('a token was sent again with another request');
      return 'parameter-mismatch';
    }
    if (before !== undefined && !this.#ignoresTokens) {
      this.#reads.push(...before.ids);
      return before.ids.every((id) => isAlive(this.instances.get(id)!)) ? before.ids : 'spent';
    }
    if (this.#beginning.refusing?.includes(`${market}/${zone}`) === true) {
      return 'insufficient-capacity';
    }
    // Named by their token: what two launches are called does not depend on which came first.
    const again = before === undefined ? '' : `${String(this.launchedCount)}-`;
    const ids = Array.from(
      { length: count },
      (_, n) => `i-${clientToken.slice(0, 8)}-${again}${n}`,
    );
    this.sent.set(clientToken, { request, ids });
    this.#writes.push(`token ${clientToken}`, 'launches', ...ids);
    if (this.#unlisted === null) {
      this.#writes.push('ec2');
    }
    this.launchedCount += count;
    for (const id of ids) {
      const launched = {
        state: 'pending',
        zone,
        market,
        launchedAtMs: trueMs,
        clientToken,
      } as const;
      this.instances.set(id, instance(id, { ...launched, birthEpoch }));
      this.#unlisted?.add(id);
    }
    return ids;
  }

  #terminate(instanceId: string): boolean {
    const there = this.instances.get(instanceId);
    this.#reads.push(instanceId);
    if (there === undefined) {
      return false;
    }
    if (isAlive(there)) {
      this.#writes.push(instanceId);
      this.#reads.push('nodes', `node ${instanceId}`, `pods ${instanceId}`);
      const { here, leaving } = this.#podsOn(instanceId);
      if (here.length + leaving.length > 0) {
        this.violations.add('a node was terminated with pods on it');
      }
      const its = this.nodes.get(instanceId);
      if (its?.ready === true && its.taintIntentId === null) {
        this.violations.add('a node was terminated that pods could still come to: it had no taint');
      }
      this.instances.set(instanceId, { ...there, state: 'shutting-down' });
    }
    return true;
  }

  // ---------------------------------------------------------------- Kubernetes

  #taint({
    nodeName,
    intentId,
    resourceVersion,
  }: EffectOf<'taintNode'>): 'conflict' | 'not-found' | null {
    this.#reads.push('nodes', `node ${nodeName}`);
    const there = this.nodes.get(nodeName);
    if (there === undefined) {
      return 'not-found';
    }
    if (there.resourceVersion !== resourceVersion) {
      return 'conflict';
    }
    this.#setTaint(there, intentId);
    return null;
  }

  #setTaint(there: KubeNode, taintIntentId: string | null): void {
    this.#writes.push(`node ${there.name}`);
    const resourceVersion = String(Number(there.resourceVersion) + 1);
    this.nodes.set(there.name, { ...there, taintIntentId, resourceVersion });
  }

  #evict(uid: string): 'blocked-by-pdb' | 'not-found' | null {
    const nodeName = uid.split('/')[0]!;
    this.#reads.push(`pods ${nodeName}`, 'budget');
    const { here, leaving } = this.#podsOn(nodeName);
    if (leaving.includes(uid)) {
      return null;
    }
    if (!here.includes(uid)) {
      return 'not-found';
    }
    if (this.evictionsAllowed === 0) {
      return 'blocked-by-pdb';
    }
    this.evictionsAllowed--;
    this.moving++;
    this.#writes.push(`pods ${nodeName}`, 'budget');
    this.pods.set(nodeName, {
      here: here.filter((each) => each !== uid),
      leaving: this.#beginning.grace === true ? [...leaving, uid] : leaving,
    });
    return null;
  }

  #podsOn(nodeName: string): NodePods {
    return this.pods.get(nodeName) ?? { here: [], leaving: [] };
  }

  #podList(): Pods {
    const perNode = [...this.pods]
      .map(([nodeName, { here, leaving }]) => ({
        nodeName,
        counts: [here.length + leaving.length],
      }))
      .sort((a, b) => byText(a.nodeName, b.nodeName));
    return { shapes: [WEB], unschedulable: [this.waiting], perNode };
  }

  #metrics(trueMs: number) {
    const at = (value: number) => ({
      ...{ value, sampledAtMs: trueMs - 5 * SECOND, coverageRatio: 1, missing: null },
    });
    return metrics({
      cpuPercent: at(this.cpuPercent),
      memoryPercent: at(50),
      unschedulablePods: at(this.waiting),
      apiLatencyP95Ms: at(80),
      requestsPerSecond: at(100),
    });
  }

  #sorted<T>(map: ReadonlyMap<string, T>): T[] {
    return [...map].sort(([a], [b]) => byText(a, b)).map(([, value]) => value);
  }
}

function isAlive({ state: is }: Instance): boolean {
  return is === 'pending' || is === 'running';
}
