import type { DecisionRecord, Effect, PodOnNode, Result } from '../engine/index.ts';
import type { Table } from './table.ts';
import type { World } from './world.ts';

/**
 * How long each kind of call takes, ms: typical of AWS and of a Prometheus in the same zone. `RunInstances` is the slow one.
 */
const LATENCY_MS: Readonly<Record<Effect['kind'], number>> = {
  acquireLock: 12,
  readLock: 8,
  commitState: 12,
  releaseLock: 12,
  readInbox: 8,
  clearInbox: 12,
  queryMetrics: 60,
  listInstances: 90,
  describeInstances: 80,
  listNodes: 25,
  listPods: 40,
  listNodePods: 20,
  launchInstances: 1_200,
  terminateInstance: 300,
  taintNode: 25,
  untaintNode: 25,
  evictPod: 30,
  deleteNode: 25,
  pause: 0,
  appendJournal: 12,
  publishMetrics: 1,
  notify: 40,
};
/** Every kind of effect, in the order of a cycle. */
export const EFFECT_KINDS = Object.keys(LATENCY_MS) as readonly Effect['kind'][];

/**
 * Performs effects on the simulated world. It is the clock of the cycle: an effect takes its time, and the world goes on
 * meanwhile. It decides nothing.
 */
export class Interpreter {
  nowMs = 0;
  readonly #world: World;
  readonly #table: Table;
  readonly #journal: (record: DecisionRecord) => void;
  readonly #stepped: () => void;

  /**
   * @param journal takes each record
   * @param stepped is called after each step of the world that passes during a cycle
   */
  constructor(
    world: World,
    table: Table,
    journal: (record: DecisionRecord) => void,
    stepped: () => void,
  ) {
    this.#world = world;
    this.#table = table;
    this.#journal = journal;
    this.#stepped = stepped;
  }

  /** Lets time pass; steps of the world that fall due happen. */
  advance(ms: number): void {
    this.nowMs += ms;
    while (this.#world.nextStepAtMs <= this.nowMs && !this.#world.done) {
      this.#world.step();
      this.#stepped();
    }
  }

  readonly interpret = (effect: Effect): Result => {
    this.advance(LATENCY_MS[effect.kind]);
    return this.#perform(effect);
  };

  #perform(effect: Effect): Result {
    const world = this.#world;
    const table = this.#table;
    const completedAtMs = this.nowMs;
    switch (effect.kind) {
      case 'acquireLock':
        return table.acquireLock(effect, completedAtMs);
      case 'readLock':
        return { ok: true, lock: table.lock, stored: table.stored, completedAtMs };
      case 'commitState':
        return table.commitState(effect, completedAtMs);
      case 'releaseLock':
        return table.releaseLock(effect, completedAtMs);
      case 'readInbox':
        return { ok: true, inbox: table.inbox, completedAtMs };
      case 'clearInbox':
        table.clearInbox(effect.marks, effect.kickedAtMs);
        return { ok: true, completedAtMs };
      case 'queryMetrics':
        if (world.prometheus.isDown(this.nowMs)) {
          return { ok: false, certainty: 'refused', reason: 'unavailable', completedAtMs };
        }
        return {
          ok: true,
          metrics: world.prometheus.query(effect.atMs, effect.custom),
          completedAtMs,
        };
      case 'listInstances':
        return { ok: true, instances: world.listInstances(this.nowMs), completedAtMs };
      case 'describeInstances':
        return { ok: true, instances: world.describe(effect.ids), foreign: [], completedAtMs };
      case 'listNodes':
        return { ok: true, nodes: world.listNodes(), completedAtMs };
      case 'listPods':
        return { ok: true, pods: world.listPods(), completedAtMs };
      case 'listNodePods':
        return { ok: true, pods: podsOnNode(world, effect.nodeName), completedAtMs };
      case 'launchInstances': {
        const { clientToken, zone, market, count, birthEpoch } = effect.launch;
        const ids = world.launch({ clientToken, zone, market, count, birthEpoch }, this.nowMs);
        if (typeof ids === 'string') {
          return { ok: false, certainty: 'refused', reason: ids, completedAtMs };
        }
        return { ok: true, instanceIds: ids, completedAtMs };
      }
      case 'terminateInstance':
        return world.terminate(effect.instanceId, this.nowMs)
          ? { ok: true, completedAtMs }
          : { ok: false, certainty: 'refused', reason: 'not-found', completedAtMs };
      case 'taintNode': {
        const answer = world.taint(effect.nodeName, effect.intentId, effect.resourceVersion);
        return answer === 'ok'
          ? { ok: true, completedAtMs }
          : { ok: false, certainty: 'refused', reason: answer, completedAtMs };
      }
      case 'untaintNode':
        return world.untaint(effect.nodeName, effect.intentId)
          ? { ok: true, completedAtMs }
          : { ok: false, certainty: 'refused', reason: 'not-found', completedAtMs };
      case 'evictPod': {
        const [nodeName, shape] = effect.uid.split('/');
        const answer = world.evict(nodeName!, Number(shape));
        return answer === 'ok'
          ? { ok: true, completedAtMs }
          : { ok: false, certainty: 'refused', reason: answer, completedAtMs };
      }
      case 'deleteNode':
        return world.deleteNode(effect.nodeName)
          ? { ok: true, completedAtMs }
          : { ok: false, certainty: 'refused', reason: 'not-found', completedAtMs };
      case 'pause':
        this.advance(Math.max(0, effect.untilMs - this.nowMs));
        return { ok: true, completedAtMs: this.nowMs };
      case 'appendJournal':
        this.#journal(effect.record);
        return { ok: true, completedAtMs };
      case 'publishMetrics':
      case 'notify':
        return { ok: true, completedAtMs };
    }
  }
}

/** The pods of one node, made up from its counts: a uid is `node/shape/number`. */
function podsOnNode(world: World, nodeName: string): PodOnNode[] {
  const pods: PodOnNode[] = [];
  for (const { shape, active, terminating, goneByMs } of world.podsOn(nodeName) ?? []) {
    const { key, pinnedBy } = world.shapes[shape]!;
    for (let n = 0; n < active + terminating; n++) {
      pods.push({
        uid: `${nodeName}/${shape}/${n}`,
        namespace: 'shop',
        name: `${key}-${nodeName}-${n}`,
        terminatesAtMs: n < active ? null : goneByMs,
        pinnedBy,
      });
    }
  }
  return pods;
}
