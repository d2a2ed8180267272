import type {
  Instance,
  KubeNode,
  LaunchRefusal,
  Market,
  NodePods,
  Pods,
  PodShape,
} from '../engine/index.ts';
import { Clients } from './clients.ts';
import { creditsOf, type Credits } from './credits.ts';
import type { HorizontalPodAutoscaler } from './hpa.ts';
import { SpotMarket } from './market.ts';
import { Prometheus, type Gauges } from './prometheus.ts';
import { stream } from './random.ts';
import type { Scenario } from './scenario.ts';
import { grown, Scheduler } from './scheduler.ts';
import { Startup, type Boot } from './startup.ts';
import { HPA_SYNC_MS, podShapes, webAutoscaler, type Demand } from './unconstrained.ts';

/** Where an instance is in its life. */
const PENDING = 0;
const RUNNING = 1;
const SHUTTING_DOWN = 2;
const TERMINATED = 3;
const STATE_NAMES = ['pending', 'running', 'shutting-down', 'terminated'] as const;

/** Due at an instant, to one slot and its machine of that generation. */
interface NodeEvent {
  readonly atMs: number;
  readonly slot: number;
  readonly generation: number;
  readonly kind: 'runs' | 'joins' | 'ready' | 'visible' | 'terminated' | 'forgotten';
}

const SHUTDOWN_MS = 45_000;
/** EC2 goes on listing a terminated instance for about an hour. */
const TERMINATED_LISTED_MS = 3_600_000;
/** How long pods of `workload.others` take to end. */
const OTHERS_GRACE_MS = 30_000;

interface Workload {
  readonly shape: PodShape;
  readonly zoneIndex: number;
  readonly usageMillicpu: number;
  readonly workingSetMib: number;
  readonly maxUnavailablePercent: number;
  readonly graceMs: number;
}

/** Pods waiting for room, in the order in which they began to. */
class WaitingPods {
  #sinceMs: number[] = [];
  #counts: number[] = [];
  #head = 0;
  total = 0;

  push(sinceMs: number, count: number): void {
    if (count <= 0) {
      return;
    }
    this.total += count;
    const last = this.#counts.length - 1;
    if (last >= this.#head && this.#sinceMs[last] === sinceMs) {
      this.#counts[last] = this.#counts[last]! + count;
      return;
    }
    this.#sinceMs.push(sinceMs);
    this.#counts.push(count);
  }

  /** Takes the one that has waited longest; returns since when. */
  shift(): number {
    const sinceMs = this.#sinceMs[this.#head]!;
    this.total--;
    const left = this.#counts[this.#head]! - 1;
    this.#counts[this.#head] = left;
    if (left === 0) {
      this.#advance();
    }
    return sinceMs;
  }

  /** Drops the newest, at most `count`; `dropped` is called with since when and how many. */
  pop(count: number, dropped: (sinceMs: number, count: number) => void): number {
    let left = count;
    while (left > 0 && this.total > 0) {
      const last = this.#counts.length - 1;
      const taken = Math.min(left, this.#counts[last]!);
      dropped(this.#sinceMs[last]!, taken);
      this.#counts[last] = this.#counts[last]! - taken;
      this.total -= taken;
      left -= taken;
      if (this.#counts[last] === 0) {
        this.#sinceMs.pop();
        this.#counts.pop();
      }
    }
    return count - left;
  }

  forEach(visit: (sinceMs: number, count: number) => void): void {
    for (let i = this.#head; i < this.#counts.length; i++) {
      visit(this.#sinceMs[i]!, this.#counts[i]!);
    }
  }

  #advance(): void {
    this.#head++;
    if (this.#head === this.#counts.length) {
      this.#sinceMs.length = 0;
      this.#counts.length = 0;
      this.#head = 0;
    } else if (this.#head > 1024) {
      this.#sinceMs.splice(0, this.#head);
      this.#counts.splice(0, this.#head);
      this.#head = 0;
    }
  }
}

/** Pods that start or end together, by the step in which they do: a wheel of lists of (slot, generation, shape, count). */
class Cohorts {
  /** As many as a power of two. */
  #wheel: number[][] = Array.from({ length: 16 }, () => []);

  /** What is due in a step; whoever takes it empties it. */
  at(step: number): number[] {
    return this.#wheel[step & (this.#wheel.length - 1)]!;
  }

  /** Adds one pod, due `steps` after the step `now`. */
  add(now: number, steps: number, slot: number, generation: number, s: number): void {
    while (steps >= this.#wheel.length) {
      this.#widen(now);
    }
    const cohorts = this.at(now + steps);
    const last = cohorts.length - 4;
    if (
      last >= 0 &&
      cohorts[last] === slot &&
      cohorts[last + 1] === generation &&
      cohorts[last + 2] === s
    ) {
      cohorts[last + 3] = cohorts[last + 3]! + 1;
    } else {
      cohorts.push(slot, generation, s, 1);
    }
  }

  /** The last step in which pods of a shape on a slot are due; -1 when none are. */
  lastDue(now: number, slot: number, generation: number, s: number): number {
    for (let steps = this.#wheel.length - 1; steps >= 0; steps--) {
      const cohorts = this.at(now + steps);
      for (let i = 0; i < cohorts.length; i += 4) {
        if (cohorts[i] === slot && cohorts[i + 1] === generation && cohorts[i + 2] === s) {
          return now + steps;
        }
      }
    }
    return -1;
  }

  #widen(now: number): void {
    const before = this.#wheel;
    this.#wheel = Array.from({ length: before.length * 2 }, () => []);
    for (let step = now; step < now + before.length; step++) {
      this.#wheel[step % this.#wheel.length] = before[step % before.length]!;
    }
  }
}

/** What an instance cost, or costs so far. */
export interface BilledInstance {
  readonly market: Market;
  readonly launchedAtMs: number;
  /** When billing ended; null: it still runs. */
  readonly endedAtMs: number | null;
  /** Surplus CPU credits to pay for, up to its end or up to now. */
  readonly surplusCpuMs: number;
  /** What is paid of its market’s price in the book: spot prices move, and an hour may be free. */
  readonly costRatio: number;
}

/**
 * The world: traffic, pods, nodes and what Prometheus sees of them, in arrays by slot (an instance) and by slot × shape.
 * No object per pod. It advances in steps, and changes between steps only through the methods that the interpreter calls.
 */
export class World {
  readonly scenario: Scenario;
  readonly demand: Demand;
  readonly seed: number = 0;
  readonly shapes: readonly PodShape[];
  readonly prometheus: Prometheus;
  /** The step that comes next, its instant, and that of the last one. */
  stepIndex = 0;
  nextStepAtMs = 0;
  nowMs = 0;

  readonly #workloads: readonly Workload[];
  readonly #shapeCount: number = 0;
  readonly #scheduler: Scheduler;
  readonly #hpa: HorizontalPodAutoscaler;
  #hpaSyncedAtMs = -Infinity;
  readonly #credits: Credits | null;
  readonly market: SpotMarket;
  readonly #startup: Startup;
  readonly #clients: Clients;
  readonly #stepSeconds: number = 0;
  readonly #cpuMsPerRequest: number = 0;
  readonly #timeoutSeconds: number = 0;
  readonly #millicpu: number = 0;
  readonly #systemMillicpu: number = 0;
  readonly #mib: number = 0;
  readonly #systemMib: number = 0;
  /** Of one pod, by shape. */
  readonly #workingSetMib: Float64Array;
  readonly #endAtMs: number = 0;

  // ---- instances and nodes, by slot
  #slots = 16;
  #slotCount = 0;
  #freeSlots: number[] = [];
  #serial = 0;
  #ids: string[] = [];
  #state = new Uint8Array(this.#slots);
  #launchedAtMs = new Float64Array(this.#slots);
  #visibleAtMs = new Float64Array(this.#slots);
  #endedAtMs = new Float64Array(this.#slots);
  #market: Market[] = [];
  #zoneIndex = new Int32Array(this.#slots);
  #token: (string | null)[] = [];
  #epoch: number[] = [];
  #statusFailed = new Uint8Array(this.#slots);
  #joined = new Uint8Array(this.#slots);
  #ready = new Uint8Array(this.#slots);
  #cordoned = new Uint8Array(this.#slots);
  #createdAtMs = new Float64Array(this.#slots);
  #readyChangedAtMs = new Float64Array(this.#slots);
  #version = new Float64Array(this.#slots);
  #taint: (string | null)[] = [];
  #instanceObjects: (Instance | null)[] = [];
  #nodeObjects: (KubeNode | null)[] = [];
  #podObjects: (NodePods | null)[] = [];
  /** Slots by instance id, ascending: those that EC2 lists, and those with a node object. */
  readonly #listed: number[] = [];
  readonly #noded: number[] = [];
  /** Slots whose machine is up, in no particular order but a deterministic one. */
  #up = new Int32Array(this.#slots);
  #upCount = 0;
  #upAt = new Int32Array(this.#slots).fill(-1);
  readonly #slotOf = new Map<string, number>();
  readonly #tokens = new Map<
    string,
    { readonly request: string; readonly ids: readonly string[] }
  >();
  #events: NodeEvent[] = [];
  #instancesCache: readonly Instance[] | null = null;
  #nodesCache: readonly KubeNode[] | null = null;
  #podsCache: Pods | null = null;
  readonly #billed: BilledInstance[] = [];

  // ---- pods, by slot × shape
  #starting: Int32Array;
  #running: Int32Array;
  #terminating: Int32Array;
  #generation = new Int32Array(this.#slots);
  #othersMillicpu = new Float64Array(this.#slots);
  #idleSeconds = new Float64Array(this.#slots);
  /** In the last interval. */
  #usedMillicpu = new Float64Array(this.#slots);
  /** Totals by shape. */
  readonly replicas: Int32Array;
  readonly startingTotal: Int32Array;
  readonly runningTotal: Int32Array;
  readonly #waiting: readonly WaitingPods[];
  /** Of those waiting, the ones that the scheduler has tried in vain. */
  readonly #unschedulable: Int32Array;
  /** Cohorts due by step: slot, generation, shape, count. Starting ones become running; terminating ones leave. */
  readonly #startsDue = new Cohorts();
  readonly #endsDue = new Cohorts();
  // web pods: nodes by how many they run, so that scaling down takes from the fullest
  readonly #byWebCount: Set<number>[] = [];

  // ---- the last interval
  readonly #gauges: Gauges = {
    memoryPercent: 0,
    unschedulablePods: 0,
    latencyP95Ms: 0,
    requestsPerSecond: 0,
    pendingPods: 0,
  };
  /** Of the web pods, as the metrics server shows it. */
  usageMillicpu = 0;
  backlogRequests = 0;
  /** What customers wanted for the first time, and what came: without those who stay away, with those who try again. */
  arrivedRequests = 0;
  attemptedRequests = 0;
  retriedRequests = 0;
  servedRequests = 0;
  /** Timed out for good; and never made, since their customers stay away. Those that will be tried again are neither. */
  lostRequests = 0;
  stayedAwayRequests = 0;
  retryingRequests = 0;
  lateRequests = 0;
  latencyP95Ms = 0;
  /** Pods for which the scheduler found no room in the last step, of every shape. */
  unschedulableTotal = 0;

  // ---- totals
  readyNodes = 0;
  disruptions = 0;
  evictions = 0;
  /** Instances ever, and how many of them were there before the first step. */
  launches = 0;
  nodesAtStart = 0;
  terminations = 0;
  reclaims = 0;
  /** How many pods that had been unschedulable were running after so many steps; and how many never were. */
  readonly waitSteps: number[] = [];
  censoredPods = 0;

  constructor(scenario: Scenario, demand: Demand, seed: number) {
    this.scenario = scenario;
    this.demand = demand;
    this.seed = seed;
    this.nowMs = demand.firstStepAtMs;
    this.nextStepAtMs = demand.firstStepAtMs;
    this.#stepSeconds = demand.stepMs / 1000;
    const { firstStepAtMs, stepCount, stepMs } = demand;
    this.#endAtMs = firstStepAtMs + stepCount * stepMs;
    this.market = new SpotMarket(scenario, seed, firstStepAtMs, this.#endAtMs);
    this.#startup = new Startup(scenario.startup, seed, firstStepAtMs);
    this.#clients = new Clients(scenario.workload.clients, this.#stepSeconds);
    const { cluster, workload } = scenario;
    this.#cpuMsPerRequest = workload.cpuMsPerRequest;
    this.#timeoutSeconds = workload.timeoutSeconds;
    this.#millicpu = cluster.worker.millicpu;
    this.#systemMillicpu = cluster.systemMillicpu;
    this.#mib = cluster.worker.mib;
    this.#systemMib = cluster.systemMib;
    this.#workloads = workloadsOf(scenario);
    this.#workingSetMib = Float64Array.from(this.#workloads, (each) => each.workingSetMib);
    this.shapes = this.#workloads.map((each) => each.shape);
    this.#shapeCount = this.shapes.length;
    this.#scheduler = new Scheduler(
      cluster.worker.allocatableMillicpu,
      cluster.worker.allocatableMib,
      this.#shapeCount,
      this.#slots,
    );
    this.prometheus = new Prometheus(demand.stepMs, cluster.worker.millicpu / 1000, this.#slots, {
      settings: scenario.prometheus,
      random: stream(seed, 'scrape'),
    });
    this.#credits = creditsOf(cluster.worker, this.#stepSeconds, this.#slots);
    this.#hpa = webAutoscaler(scenario);
    this.#starting = new Int32Array(this.#slots * this.#shapeCount);
    this.#running = new Int32Array(this.#slots * this.#shapeCount);
    this.#terminating = new Int32Array(this.#slots * this.#shapeCount);
    this.replicas = new Int32Array(this.#shapeCount);
    this.startingTotal = new Int32Array(this.#shapeCount);
    this.runningTotal = new Int32Array(this.#shapeCount);
    this.#waiting = this.shapes.map(() => new WaitingPods());
    this.#unschedulable = new Int32Array(this.#shapeCount);
    this.replicas[0] = demand.replicas[0]!;
    workload.others.forEach((other, i) => (this.replicas[i + 1] = other.replicas));
  }

  // ================================================================ time

  get done(): boolean {
    return this.stepIndex >= this.demand.stepCount;
  }

  /**
   * One step: what is due happens, pods start and end, Prometheus scrapes, the autoscaler and the scheduler act, and then
   * traffic is served until the next step.
   */
  step(): void {
    const k = this.stepIndex;
    const nowMs = this.nextStepAtMs;
    this.nowMs = nowMs;
    this.nextStepAtMs = nowMs + this.demand.stepMs;
    this.stepIndex = k + 1;
    while (this.#events.length > 0 && this.#events[this.#events.length - 1]!.atMs <= nowMs) {
      this.#happen(this.#events.pop()!);
    }
    if (this.market.nextAtMs <= nowMs) {
      this.market.pass(this, nowMs);
    }
    this.#mature(k);
    this.prometheus.scrape(nowMs, this.#idleSeconds);
    this.prometheus.setGauges(this.#readGauges());
    if (nowMs - this.#hpaSyncedAtMs >= HPA_SYNC_MS) {
      this.#hpaSyncedAtMs = nowMs;
      this.#autoscale(nowMs, k);
    }
    this.#schedule(nowMs, k);
    this.#serve(this.demand.requestsPerSecond[k]!);
  }

  // ================================================================ traffic

  /**
   * Splits the interval’s requests equally over the running web pods; each node serves what its CPU and credits allow. One that
   * is out of credits always has something to run: it is never idle, and its pods seem to use what is stolen from them
   * (docs/decisions/030).
   */
  #serve(requestsPerSecond: number): void {
    const seconds = this.#stepSeconds;
    const cpuMsPerRequest = this.#cpuMsPerRequest;
    const timeoutSeconds = this.#timeoutSeconds;
    const millicpu = this.#millicpu;
    const systemMillicpu = this.#systemMillicpu;
    const clients = this.#clients;
    const offered = requestsPerSecond * seconds;
    const arrived = clients.arrive(offered);
    const backlog = this.backlogRequests;
    const pods = this.runningTotal[0]!;
    const wantedMillicpu = ((arrived + backlog) * cpuMsPerRequest) / seconds;
    const perPod = pods > 0 ? wantedMillicpu / pods : 0;
    const shapes = this.#shapeCount;
    const up = this.#up;
    const running = this.#running;
    const othersMillicpu = this.#othersMillicpu;
    const idle = this.#idleSeconds;
    const usedMillicpu = this.#usedMillicpu;
    const credits = this.#credits;
    const limited = credits !== null && credits.limited;
    let used = 0;
    let seen = 0;
    let open = 0;
    let busiestMillicpu = 0;
    const upCount = this.#upCount;
    // Nodes that run the same do the same: only the first of a row of them is worked out.
    let webBefore = -1;
    let otherBefore = -1;
    let served = 0;
    let room = 0;
    let idleGainSeconds = 0;
    let seenHere = 0;
    let usedHere = 0;
    for (let i = 0; i < upCount; i++) {
      const slot = up[i]!;
      const web = running[slot * shapes]!;
      const others = othersMillicpu[slot]!;
      if (limited || web !== webBefore || others !== otherBefore) {
        webBefore = web;
        otherBefore = others;
        const other = systemMillicpu + others;
        const capacity = limited ? credits.capacityMillicpu(slot) : millicpu;
        room = capacity - other;
        const wanted = web * perPod;
        served = wanted > room ? (room > 0 ? room : 0) : wanted;
        if (web > 0) {
          const busy = room > served ? served + other : millicpu;
          if (busy > busiestMillicpu) {
            busiestMillicpu = busy;
          }
        }
        if (room > served) {
          idleGainSeconds = ((millicpu - other - served) / 1000) * seconds;
          seenHere = served;
        } else {
          idleGainSeconds = 0;
          seenHere = web > 0 && millicpu > other ? millicpu - other : 0;
        }
        usedHere = room > 0 ? other + served : capacity;
      }
      used += served;
      open += web > 0 && room > 0 ? room : 0;
      idle[slot] = idle[slot]! + idleGainSeconds;
      seen += seenHere;
      usedMillicpu[slot] = usedHere;
    }
    credits?.spend(up, upCount, usedMillicpu);
    this.usageMillicpu = seen;
    const servedRequests = Math.min(arrived + backlog, (used * seconds) / cpuMsPerRequest);
    const left = arrived + backlog - servedRequests;
    // Whoever would wait longer than the timeout is lost; the rest waits into the next interval.
    const queueMax = (open / cpuMsPerRequest) * timeoutSeconds;
    const queued = left < 1e-6 ? 0 : left < queueMax ? left : queueMax;
    clients.settle(queued, left < 1e-6 ? 0 : left - queued);
    this.backlogRequests = queued;
    this.arrivedRequests = offered;
    this.attemptedRequests = arrived;
    this.retriedRequests = clients.retried;
    this.retryingRequests = clients.retrying;
    this.servedRequests = servedRequests;
    this.lostRequests = clients.lost;
    this.stayedAwayRequests = clients.stayedAway;
    // Late is what waited in the queue, and what was tried before.
    const late = backlog < servedRequests ? backlog : servedRequests;
    this.lateRequests =
      clients.retried > 0 ? late + ((servedRequests - late) * clients.retried) / arrived : late;
    const busiest = busiestMillicpu / millicpu;
    const queueMs = open > 0 ? (queued / (open / cpuMsPerRequest)) * 1000 : timeoutSeconds * 1000;
    const latencyMs = BASE_LATENCY_MS / (1 - (busiest < 0.98 ? busiest : 0.98)) + queueMs;
    this.latencyP95Ms = Math.min(latencyMs, timeoutSeconds * 1000);
  }

  #memoryPercent(): number {
    if (this.#upCount === 0) {
      return 0;
    }
    let usedMib = this.#upCount * this.#systemMib;
    for (let s = 0; s < this.#shapeCount; s++) {
      usedMib += (this.runningTotal[s]! + this.startingTotal[s]!) * this.#workingSetMib[s]!;
    }
    return Math.min(100, (100 * usedMib) / (this.#upCount * this.#mib));
  }

  /** What exporters show of the last interval. */
  #readGauges(): Gauges {
    const gauges = this.#gauges;
    gauges.memoryPercent = this.#memoryPercent();
    gauges.unschedulablePods = this.unschedulableTotal;
    gauges.latencyP95Ms = this.latencyP95Ms;
    gauges.requestsPerSecond = this.attemptedRequests / this.#stepSeconds;
    gauges.pendingPods = this.#pendingPods();
    return gauges;
  }

  /** Pods in phase Pending: without a node, or on one and starting. */
  #pendingPods(): number {
    let pods = 0;
    for (let s = 0; s < this.#shapeCount; s++) {
      pods += this.#waiting[s]!.total + this.startingTotal[s]!;
    }
    return pods;
  }

  // ================================================================ pods

  #autoscale(nowMs: number, k: number): void {
    const current = this.replicas[0]!;
    const running = this.runningTotal[0]!;
    const wanted = this.#hpa.sync(nowMs, current, running, current - running, this.usageMillicpu);
    if (wanted > current) {
      this.#waiting[0]!.push(nowMs, wanted - current);
    } else if (wanted < current) {
      this.#removeWebPods(current - wanted, nowMs, k);
    }
    this.replicas[0] = wanted;
  }

  /** As a ReplicaSet ranks them: those without a node first, then those not running yet, then from the node with most. */
  #removeWebPods(count: number, nowMs: number, k: number): void {
    let left =
      count -
      this.#waiting[0]!.pop(count, (sinceMs, pods) => this.#noteGivenUp(sinceMs, pods, nowMs));
    for (let i = 0; left > 0 && this.startingTotal[0]! > 0 && i < this.#upCount; i++) {
      const slot = this.#up[i]!;
      const taken = Math.min(left, this.#starting[slot * this.#shapeCount]!);
      for (let n = 0; n < taken; n++) {
        this.#end(slot, 0, k);
      }
      left -= taken;
    }
    let fullest = this.#byWebCount.length - 1;
    while (left > 0 && fullest > 0) {
      const slots = this.#byWebCount[fullest];
      if (slots === undefined || slots.size === 0) {
        fullest--;
        continue;
      }
      this.#end(slots.values().next().value!, 0, k);
      left--;
    }
  }

  /** A pod that never ran although it waited: it is censored, not counted as served. */
  #noteGivenUp(sinceMs: number, pods: number, nowMs: number): void {
    if (sinceMs < nowMs) {
      this.censoredPods += pods;
    }
  }

  #schedule(nowMs: number, k: number): void {
    let unschedulable = 0;
    for (let s = 0; s < this.#shapeCount; s++) {
      const waiting = this.#waiting[s]!;
      this.#unschedulable[s] = 0;
      if (waiting.total === 0) {
        continue;
      }
      const { shape, zoneIndex } = this.#workloads[s]!;
      while (waiting.total > 0) {
        const slot = this.#scheduler.place(s, shape.requestMillicpu, shape.requestMib, zoneIndex);
        if (slot < 0) {
          break;
        }
        const sinceMs = waiting.shift();
        this.#bind(slot, s, k);
        if (sinceMs < nowMs) {
          const steps =
            Math.round((nowMs - sinceMs) / this.demand.stepMs) + this.demand.startSteps[k]!;
          this.waitSteps[steps] = (this.waitSteps[steps] ?? 0) + 1;
        }
      }
      this.#unschedulable[s] = waiting.total;
      unschedulable += waiting.total;
    }
    this.unschedulableTotal = unschedulable;
  }

  #bind(slot: number, s: number, k: number): void {
    const at = slot * this.#shapeCount + s;
    this.#starting[at] = this.#starting[at]! + 1;
    this.startingTotal[s] = this.startingTotal[s]! + 1;
    this.#podsChanged(slot);
    this.#startsDue.add(k, this.demand.startSteps[k]!, slot, this.#generation[slot]!, s);
  }

  /** Pods that start or end now. */
  #mature(k: number): void {
    const starts = this.#startsDue.at(k);
    if (starts.length > 0) {
      for (let i = 0; i < starts.length; i += 4) {
        const slot = starts[i]!;
        const s = starts[i + 2]!;
        if (this.#generation[slot] !== starts[i + 1]) {
          continue;
        }
        const at = slot * this.#shapeCount + s;
        const count = Math.min(starts[i + 3]!, this.#starting[at]!);
        this.#starting[at] = this.#starting[at]! - count;
        this.startingTotal[s] = this.startingTotal[s]! - count;
        this.#addRunning(slot, s, count);
      }
      starts.length = 0;
    }
    const ends = this.#endsDue.at(k);
    if (ends.length > 0) {
      for (let i = 0; i < ends.length; i += 4) {
        const slot = ends[i]!;
        const s = ends[i + 2]!;
        if (this.#generation[slot] !== ends[i + 1]) {
          continue;
        }
        const count = ends[i + 3]!;
        const at = slot * this.#shapeCount + s;
        this.#terminating[at] = this.#terminating[at]! - count;
        const { requestMillicpu, requestMib } = this.shapes[s]!;
        this.#scheduler.occupy(slot, -count * requestMillicpu, -count * requestMib);
        this.#podsChanged(slot);
      }
      ends.length = 0;
    }
  }

  #addRunning(slot: number, s: number, count: number): void {
    if (count === 0) {
      return;
    }
    const at = slot * this.#shapeCount + s;
    const before = this.#running[at]!;
    this.#running[at] = before + count;
    this.runningTotal[s] = this.runningTotal[s]! + count;
    if (s === 0) {
      this.#moveWebCount(slot, before, before + count);
    } else {
      this.#othersMillicpu[slot] =
        this.#othersMillicpu[slot]! + count * this.#workloads[s]!.usageMillicpu;
    }
  }

  #moveWebCount(slot: number, before: number, after: number): void {
    if (before > 0) {
      this.#byWebCount[before]!.delete(slot);
    }
    if (after === 0) {
      return;
    }
    while (this.#byWebCount.length <= after) {
      this.#byWebCount.push(new Set());
    }
    this.#byWebCount[after]!.add(slot);
  }

  /** A bound pod begins to end, by `fromStep`: no more traffic, and it keeps its room until its grace is over. */
  #end(slot: number, s: number, fromStep: number): void {
    const at = slot * this.#shapeCount + s;
    if (this.#starting[at]! > 0) {
      this.#starting[at] = this.#starting[at]! - 1;
      this.startingTotal[s] = this.startingTotal[s]! - 1;
    } else {
      this.#addRunning(slot, s, -1);
    }
    this.#terminating[at] = this.#terminating[at]! + 1;
    this.#podsChanged(slot);
    const steps = Math.max(1, Math.ceil(this.#workloads[s]!.graceMs / this.demand.stepMs));
    this.#endsDue.add(fromStep, steps, slot, this.#generation[slot]!, s);
  }

  #podsChanged(slot: number): void {
    this.#podObjects[slot] = null;
    this.#podsCache = null;
  }

  // ================================================================ nodes

  #happen(event: NodeEvent): void {
    const { slot } = event;
    // Of a machine that has been stopped since: the slot may be another's by now.
    const stale = event.generation !== this.#generation[slot];
    switch (event.kind) {
      case 'visible':
        this.#instancesCache = null;
        break;
      case 'runs':
        if (stale || this.#state[slot] !== PENDING) {
          return;
        }
        this.#setState(slot, RUNNING);
        break;
      case 'joins':
        if (stale || this.#state[slot] !== RUNNING) {
          return;
        }
        this.#join(slot, event.atMs);
        break;
      case 'ready':
        if (stale || this.#state[slot] !== RUNNING || this.#joined[slot] === 0) {
          return;
        }
        this.setReady(slot, true, event.atMs);
        break;
      case 'terminated':
        this.#setState(slot, TERMINATED);
        break;
      case 'forgotten':
        this.#forget(slot, event.atMs);
        break;
    }
  }

  #due(atMs: number, slot: number, kind: NodeEvent['kind']): void {
    const event: NodeEvent = { atMs, slot, generation: this.#generation[slot]!, kind };
    let at = this.#events.length;
    while (at > 0 && this.#events[at - 1]!.atMs <= atMs) {
      at--;
    }
    this.#events.splice(at, 0, event);
  }

  #join(slot: number, atMs: number): void {
    this.#joined[slot] = 1;
    this.#createdAtMs[slot] = atMs;
    this.#readyChangedAtMs[slot] = atMs;
    let at = this.#noded.length;
    while (at > 0 && this.#ids[this.#noded[at - 1]] > this.#ids[slot]) {
      at--;
    }
    this.#noded.splice(at, 0, slot);
    const bootedAtMs = this.#launchedAtMs[slot]! + 10_000;
    this.#idleSeconds[slot] = this.#idleSince(Math.max(0, atMs - bootedAtMs));
    this.#startMachine(slot, bootedAtMs);
    this.prometheus.discover(slot);
    this.#nodeChanged(slot);
    this.#podsCache = null;
  }

  #startMachine(slot: number, bootedAtMs: number): void {
    this.#upAt[slot] = this.#upCount;
    this.#up[this.#upCount++] = slot;
    this.prometheus.track(slot, bootedAtMs);
  }

  /** What the idle counter of a machine shows that has been up for so long, half of it idle. */
  #idleSince(upMs: number): number {
    return ((upMs / 1000) * (this.scenario.cluster.worker.millicpu / 1000)) / 2;
  }

  /** Turns a node Ready or NotReady. */
  setReady(slot: number, ready: boolean, atMs: number): void {
    if (this.#ready[slot] === (ready ? 1 : 0)) {
      return;
    }
    this.#ready[slot] = ready ? 1 : 0;
    this.#readyChangedAtMs[slot] = atMs;
    this.readyNodes += ready ? 1 : -1;
    this.#eligibilityChanged(slot);
    this.#nodeChanged(slot);
  }

  #eligibilityChanged(slot: number): void {
    const eligible =
      this.#ready[slot] === 1 && this.#taint[slot] === null && this.#cordoned[slot] === 0;
    this.#scheduler.setEligible(slot, eligible);
  }

  #nodeChanged(slot: number): void {
    this.#version[slot] = this.#version[slot]! + 1;
    this.#nodeObjects[slot] = null;
    this.#nodesCache = null;
  }

  #setState(slot: number, state: number): void {
    this.#state[slot] = state;
    this.#instanceObjects[slot] = null;
    this.#instancesCache = null;
  }

  /** The machine stops: its pods are killed and come back as waiting ones, unless they were evicted before. */
  #stopMachine(slot: number): void {
    if (this.#ready[slot] === 1) {
      this.setReady(slot, false, this.nowMs);
    }
    this.#scheduler.setEligible(slot, false);
    this.#generation[slot] = this.#generation[slot]! + 1;
    for (let s = 0; s < this.#shapeCount; s++) {
      const at = slot * this.#shapeCount + s;
      const killed = this.#starting[at]! + this.#running[at]!;
      this.startingTotal[s] = this.startingTotal[s]! - this.#starting[at]!;
      this.#addRunning(slot, s, -this.#running[at]!);
      this.#starting[at] = 0;
      this.#terminating[at] = 0;
      this.disruptions += killed;
      this.#waiting[s]!.push(this.nextStepAtMs, killed);
    }
    this.#scheduler.occupy(
      slot,
      -this.#scheduler.usedMillicpu[slot]!,
      -this.#scheduler.usedMib[slot]!,
    );
    const at = this.#upAt[slot]!;
    if (at >= 0) {
      const moved = this.#up[--this.#upCount]!;
      this.#up[at] = moved;
      this.#upAt[moved] = at;
      this.#upAt[slot] = -1;
      this.prometheus.lose(slot);
    }
    this.#podsChanged(slot);
  }

  #forget(slot: number, atMs: number): void {
    if (this.#joined[slot] === 1 || !this.prometheus.hasForgotten(slot)) {
      this.#due(atMs + CPU_FORGET_RETRY_MS, slot, 'forgotten');
    } else {
      this.#freeSlots.push(slot);
      this.#slotOf.delete(this.#ids[slot]!);
    }
    const at = this.#listed.indexOf(slot);
    if (at >= 0) {
      this.#listed.splice(at, 1);
      this.#instancesCache = null;
    }
  }

  // ================================================================ what the interpreter may do

  /**
   * RunInstances: idempotent by token. Returns the ids, `parameter-mismatch` for the same token with another request,
   * `spent` when all that it launched has been terminated since, or why the pool refuses.
   */
  launch(
    request: {
      clientToken: string;
      zone: string;
      market: Market;
      count: number;
      birthEpoch: number;
    },
    nowMs: number,
  ): readonly string[] | LaunchRefusal {
    const { clientToken, zone, market, count, birthEpoch } = request;
    const same = JSON.stringify(request);
    const earlier = this.#tokens.get(clientToken);
    if (earlier !== undefined) {
      if (earlier.request !== same) {
        return 'parameter-mismatch';
      }
      const gone = earlier.ids.every((id) => {
        const slot = this.#slotOf.get(id);
        return slot === undefined || this.#state[slot]! >= SHUTTING_DOWN;
      });
      return gone ? 'spent' : earlier.ids;
    }
    const zoneIndex = this.scenario.cluster.zones.indexOf(zone);
    if (zoneIndex < 0 || count < 1) {
      return 'invalid';
    }
    const refusal = this.market.refusal(request, this, nowMs);
    if (refusal !== null) {
      return refusal;
    }
    const ids = this.#startup
      .batch(count, nowMs)
      .map((boot) => this.#launchOne(zoneIndex, market, clientToken, birthEpoch, boot, nowMs));
    this.#tokens.set(clientToken, { request: same, ids });
    return ids;
  }

  #launchOne(
    zoneIndex: number,
    market: Market,
    token: string,
    epoch: number,
    boot: Boot,
    nowMs: number,
  ): string {
    const slot = this.#newSlot(zoneIndex, market, token, epoch, nowMs);
    this.#visibleAtMs[slot] = nowMs + boot.visibleAfterMs;
    this.launches++;
    this.#due(nowMs + boot.visibleAfterMs, slot, 'visible');
    this.#due(nowMs + boot.runsAfterMs, slot, 'runs');
    if (boot.joins) {
      this.#due(nowMs + boot.joinsAfterMs, slot, 'joins');
      this.#due(nowMs + boot.readyAfterMs, slot, 'ready');
    }
    return this.#ids[slot]!;
  }

  #newSlot(
    zoneIndex: number,
    market: Market,
    token: string | null,
    epoch: number,
    nowMs: number,
  ): number {
    const slot = this.#freeSlots.pop() ?? this.#slotCount++;
    if (slot >= this.#slots) {
      this.#grow();
    }
    const id = `i-${(++this.#serial).toString(16).padStart(17, '0')}`;
    this.#ids[slot] = id;
    this.#slotOf.set(id, slot);
    this.#state[slot] = PENDING;
    this.#launchedAtMs[slot] = nowMs;
    this.#visibleAtMs[slot] = nowMs;
    this.#endedAtMs[slot] = -1;
    this.#market[slot] = market;
    this.#zoneIndex[slot] = zoneIndex;
    this.#token[slot] = token;
    this.#epoch[slot] = epoch;
    this.#statusFailed[slot] = 0;
    this.#joined[slot] = 0;
    this.#ready[slot] = 0;
    this.#cordoned[slot] = 0;
    this.#version[slot] = 0;
    this.#taint[slot] = null;
    this.#instanceObjects[slot] = null;
    this.#nodeObjects[slot] = null;
    this.#podObjects[slot] = null;
    this.#upAt[slot] = -1;
    this.#idleSeconds[slot] = 0;
    this.#othersMillicpu[slot] = 0;
    this.#credits?.open(slot);
    this.#scheduler.zone[slot] = zoneIndex;
    this.#listed.push(slot);
    this.#instancesCache = null;
    return slot;
  }

  #grow(): void {
    const slots = this.#slots * 2;
    this.#slots = slots;
    this.#scheduler.ensureSlots(slots);
    this.prometheus.ensureSlots(slots);
    this.#credits?.ensureSlots(slots);
    this.#state = grown(this.#state, slots, 0);
    this.#launchedAtMs = grown(this.#launchedAtMs, slots, 0);
    this.#visibleAtMs = grown(this.#visibleAtMs, slots, 0);
    this.#endedAtMs = grown(this.#endedAtMs, slots, 0);
    this.#zoneIndex = grown(this.#zoneIndex, slots, 0);
    this.#statusFailed = grown(this.#statusFailed, slots, 0);
    this.#joined = grown(this.#joined, slots, 0);
    this.#ready = grown(this.#ready, slots, 0);
    this.#cordoned = grown(this.#cordoned, slots, 0);
    this.#createdAtMs = grown(this.#createdAtMs, slots, 0);
    this.#readyChangedAtMs = grown(this.#readyChangedAtMs, slots, 0);
    this.#version = grown(this.#version, slots, 0);
    this.#up = grown(this.#up, slots, 0);
    this.#upAt = grown(this.#upAt, slots, -1);
    this.#starting = grown(this.#starting, slots * this.#shapeCount, 0);
    this.#running = grown(this.#running, slots * this.#shapeCount, 0);
    this.#terminating = grown(this.#terminating, slots * this.#shapeCount, 0);
    this.#generation = grown(this.#generation, slots, 0);
    this.#othersMillicpu = grown(this.#othersMillicpu, slots, 0);
    this.#idleSeconds = grown(this.#idleSeconds, slots, 0);
    this.#usedMillicpu = grown(this.#usedMillicpu, slots, 0);
  }

  /**
   * Nodes that are Ready before the first step, with the pods that the traffic then needs on them and running; what does not
   * fit waits. They have run for an hour, and are billed from the first step.
   */
  startWith(nodes: readonly { readonly zone: string; readonly market: Market }[]): void {
    const { zones } = this.scenario.cluster;
    const sinceMs = this.nowMs - EARLIER_MS;
    for (const node of nodes) {
      const slot = this.#newSlot(zones.indexOf(node.zone), node.market, null, 0, sinceMs);
      this.#state[slot] = RUNNING;
      this.#join(slot, sinceMs);
      this.setReady(slot, true, sinceMs + 1000 * this.scenario.startup.medianSeconds);
      this.#readyChangedAtMs[slot] = sinceMs + 1000 * this.scenario.startup.medianSeconds;
      this.#idleSeconds[slot] = this.#idleSince(EARLIER_MS);
      this.launches++;
      this.nodesAtStart++;
    }
    for (let s = this.#shapeCount - 1; s >= 0; s--) {
      const { shape, zoneIndex } = this.#workloads[s]!;
      for (let n = 0; n < this.replicas[s]!; n++) {
        const slot = this.#scheduler.place(s, shape.requestMillicpu, shape.requestMib, zoneIndex);
        if (slot < 0) {
          this.#waiting[s]!.push(this.nowMs, this.replicas[s]! - n);
          break;
        }
        this.#addRunning(slot, s, 1);
        this.#podsChanged(slot);
      }
    }
    this.usageMillicpu = this.demand.requestsPerSecond[0]! * this.scenario.workload.cpuMsPerRequest;
  }

  /** TerminateInstances: billing ends, the machine goes down, and a minute later it is gone. False: no such instance. */
  terminate(instanceId: string, nowMs: number, takenByAws = false): boolean {
    const slot = this.#slotOf.get(instanceId);
    if (slot === undefined) {
      return false;
    }
    if (this.#state[slot]! >= SHUTTING_DOWN) {
      return true;
    }
    this.#setState(slot, SHUTTING_DOWN);
    this.#endedAtMs[slot] = nowMs;
    this.#billed.push(this.#billOf(slot, nowMs, takenByAws));
    this.terminations++;
    this.#stopMachine(slot);
    this.#due(nowMs + SHUTDOWN_MS, slot, 'terminated');
    this.#due(nowMs + SHUTDOWN_MS + TERMINATED_LISTED_MS, slot, 'forgotten');
    return true;
  }

  /** AWS takes a spot instance: as if it were terminated, but for the bill. */
  reclaim(instanceId: string, nowMs: number): void {
    const slot = this.#slotOf.get(instanceId);
    if (slot !== undefined && this.#state[slot]! < SHUTTING_DOWN) {
      this.reclaims++;
      this.terminate(instanceId, nowMs, true);
    }
  }

  #billOf(slot: number, endedAtMs: number | null, takenByAws: boolean): BilledInstance {
    const market = this.#market[slot]!;
    const launchedAtMs = this.#launchedAtMs[slot]!;
    const costRatio =
      market === 'spot'
        ? this.market.spotCostRatio(
            this.#zoneIndex[slot]!,
            launchedAtMs,
            endedAtMs ?? this.#endAtMs,
            takenByAws,
          )
        : 1;
    const billedFromMs = Math.max(launchedAtMs, this.demand.firstStepAtMs);
    const surplusCpuMs = this.#credits?.owedCpuMs(slot) ?? 0;
    return { market, launchedAtMs: billedFromMs, endedAtMs, costRatio, surplusCpuMs };
  }

  /** Sets our taint, if the node is still at that version. */
  taint(
    nodeName: string,
    intentId: string,
    resourceVersion: string,
  ): 'ok' | 'conflict' | 'not-found' {
    const slot = this.#nodeSlot(nodeName);
    if (slot < 0) {
      return 'not-found';
    }
    if (String(this.#version[slot]) !== resourceVersion) {
      return 'conflict';
    }
    this.#taint[slot] = intentId;
    this.#eligibilityChanged(slot);
    this.#nodeChanged(slot);
    return 'ok';
  }

  /** Takes our taint off: the one for that intent, or whichever it is. False: there is no such node. */
  untaint(nodeName: string, intentId: string | null = null): boolean {
    const slot = this.#nodeSlot(nodeName);
    if (slot < 0) {
      return false;
    }
    const taint = this.#taint[slot];
    if (taint === null || (intentId !== null && taint !== intentId)) {
      return true;
    }
    this.#taint[slot] = null;
    this.#eligibilityChanged(slot);
    this.#nodeChanged(slot);
    return true;
  }

  /** A person’s cordon, set or lifted. */
  cordon(nodeName: string, cordoned: boolean): void {
    const slot = this.#nodeSlot(nodeName);
    if (slot < 0) {
      return;
    }
    this.#cordoned[slot] = cordoned ? 1 : 0;
    this.#eligibilityChanged(slot);
    this.#nodeChanged(slot);
  }

  /** A machine that stops answering, or answers again; `statusFailed` says whether EC2 notices. */
  setHealth(instanceId: string, ready: boolean, statusFailed: boolean, nowMs: number): void {
    const slot = this.#nodeSlot(instanceId);
    if (slot < 0 || this.#state[slot] !== RUNNING || this.#upAt[slot]! < 0) {
      return;
    }
    this.#statusFailed[slot] = statusFailed ? 1 : 0;
    this.#setState(slot, RUNNING);
    this.setReady(slot, ready, nowMs);
  }

  /**
   * A machine loses its power, or comes up again with nothing on it. Its pods are killed, EC2 notices that it fails its
   * status checks, and its exporter’s counters begin anew. One that had not joined by then never does.
   */
  setPower(instanceId: string, on: boolean, nowMs: number): void {
    const slot = this.#slotOf.get(instanceId);
    if (slot === undefined || this.#state[slot]! >= SHUTTING_DOWN) {
      return;
    }
    const isOn = this.#upAt[slot]! >= 0;
    if (!on && (isOn || this.#joined[slot] === 0)) {
      this.#stopMachine(slot);
      this.#statusFailed[slot] = 1;
      this.#setState(slot, RUNNING);
    } else if (on && !isOn && this.#joined[slot] === 1) {
      this.#statusFailed[slot] = 0;
      this.#setState(slot, RUNNING);
      this.#idleSeconds[slot] = 0;
      this.#startMachine(slot, nowMs);
      this.setReady(slot, true, nowMs);
    }
  }

  deleteNode(nodeName: string): boolean {
    const slot = this.#nodeSlot(nodeName);
    if (slot < 0) {
      return false;
    }
    // Of a machine that still runs: its pods go with it, and it stays without a node until its agent restarts.
    if (this.#upAt[slot]! >= 0) {
      this.#stopMachine(slot);
    }
    this.#joined[slot] = 0;
    this.#noded.splice(this.#noded.indexOf(slot), 1);
    this.prometheus.undiscover(slot);
    this.#nodesCache = null;
    this.#podsCache = null;
    return true;
  }

  #nodeSlot(nodeName: string): number {
    const slot = this.#slotOf.get(nodeName);
    return slot === undefined || this.#joined[slot] === 0 ? -1 : slot;
  }

  /** Pods bound to a node: shape, how many, how many of them end already, and when the last will have. Null: no such node. */
  podsOn(
    nodeName: string,
  ): { shape: number; active: number; terminating: number; goneByMs: number }[] | null {
    const slot = this.#nodeSlot(nodeName);
    if (slot < 0) {
      return null;
    }
    return this.shapes.map((_, s) => {
      const at = slot * this.#shapeCount + s;
      return {
        shape: s,
        active: this.#starting[at]! + this.#running[at]!,
        terminating: this.#terminating[at]!,
        goneByMs: this.#goneByMs(slot, s),
      };
    });
  }

  #goneByMs(slot: number, s: number): number {
    if (this.#terminating[slot * this.#shapeCount + s] === 0) {
      return 0;
    }
    const step = this.#endsDue.lastDue(this.stepIndex, slot, this.#generation[slot]!, s);
    return this.demand.firstStepAtMs + step * this.demand.stepMs;
  }

  /** The eviction API: one pod of a shape on a node, unless its disruption budget forbids it. */
  evict(nodeName: string, s: number): 'ok' | 'blocked-by-pdb' | 'not-found' {
    const slot = this.#nodeSlot(nodeName);
    if (slot < 0) {
      return 'not-found';
    }
    const at = slot * this.#shapeCount + s;
    if (this.#starting[at]! + this.#running[at]! === 0) {
      return 'not-found';
    }
    // policy/v1: desiredHealthy = replicas − ceil(maxUnavailable %), and one more healthy pod must be left than that.
    const unavailable = Math.ceil(
      (this.replicas[s]! * this.#workloads[s]!.maxUnavailablePercent) / 100,
    );
    if (this.#starting[at] === 0 && this.runningTotal[s]! <= this.replicas[s]! - unavailable) {
      return 'blocked-by-pdb';
    }
    this.#end(slot, s, this.stepIndex);
    this.evictions++;
    this.#waiting[s]!.push(this.nextStepAtMs, 1);
    return 'ok';
  }

  // ================================================================ what can be listed

  /** Instances as DescribeInstances shows them at `nowMs`, sorted by id. */
  listInstances(nowMs: number): readonly Instance[] {
    if (this.#instancesCache !== null) {
      return this.#instancesCache;
    }
    let settled = true;
    const instances: Instance[] = [];
    for (const slot of this.#listed) {
      if (this.#visibleAtMs[slot]! > nowMs) {
        settled = false;
      } else {
        instances.push(this.#instanceOf(slot));
      }
    }
    if (settled) {
      this.#instancesCache = instances;
    }
    return instances;
  }

  describe(ids: readonly string[]): readonly Instance[] {
    const wanted = new Set(ids);
    return this.#listed
      .filter((slot) => wanted.has(this.#ids[slot]!))
      .map((slot) => this.#instanceOf(slot));
  }

  #instanceOf(slot: number): Instance {
    return (this.#instanceObjects[slot] ??= {
      id: this.#ids[slot]!,
      state: STATE_NAMES[this.#state[slot]!]!,
      zone: this.scenario.cluster.zones[this.#zoneIndex[slot]!]!,
      market: this.#market[slot]!,
      launchedAtMs: this.#launchedAtMs[slot]!,
      privateIp: null,
      clientToken: this.#token[slot]!,
      birthEpoch: this.#epoch[slot]!,
      statusCheckFailed: this.#statusFailed[slot] === 1,
    });
  }

  /** Nodes, sorted by name. */
  listNodes(): readonly KubeNode[] {
    return (this.#nodesCache ??= [CONTROL_PLANE, ...this.#noded.map((slot) => this.#nodeOf(slot))]);
  }

  #nodeOf(slot: number): KubeNode {
    const { allocatableMillicpu, allocatableMib } = this.scenario.cluster.worker;
    return (this.#nodeObjects[slot] ??= {
      name: this.#ids[slot]!,
      instanceId: this.#ids[slot]!,
      internalIp: null,
      controlPlane: false,
      createdAtMs: this.#createdAtMs[slot]!,
      ready: this.#ready[slot] === 1,
      readyChangedAtMs: this.#readyChangedAtMs[slot]!,
      cordoned: this.#cordoned[slot] === 1,
      taintIntentId: this.#taint[slot]!,
      resourceVersion: String(this.#version[slot]),
      allocatableMillicpu,
      allocatableMib,
    });
  }

  /** Pods by node and shape, and those without room. */
  listPods(): Pods {
    const last = this.#podsCache;
    const same = last?.unschedulable.every((count, s) => count === this.#unschedulable[s]) ?? false;
    return last !== null && same
      ? last
      : (this.#podsCache = {
          shapes: this.shapes,
          unschedulable: Array.from(this.#unschedulable),
          perNode: last?.perNode ?? this.#noded.map((slot) => this.#nodePods(slot)),
        });
  }

  #nodePods(slot: number): NodePods {
    const known = this.#podObjects[slot];
    if (known) {
      return known;
    }
    const counts: number[] = [];
    for (let s = 0; s < this.#shapeCount; s++) {
      const at = slot * this.#shapeCount + s;
      counts.push(this.#starting[at]! + this.#running[at]! + this.#terminating[at]!);
    }
    return (this.#podObjects[slot] = { nodeName: this.#ids[slot]!, counts });
  }

  // ================================================================ what judges may look at

  /** Whose slot it is. */
  instanceIdAt(slot: number): string {
    return this.#ids[slot]!;
  }

  /** Every instance that was ever billed, in the order in which billing ended, then those that still run, by id. */
  bills(): readonly BilledInstance[] {
    const running = this.#listed
      .filter((slot) => this.#state[slot]! < SHUTTING_DOWN)
      .map((slot) => this.#billOf(slot, null, false));
    return [...this.#billed, ...running];
  }

  /** Pods that should exist, and that do: waiting, starting or running. Equal after every step. */
  podsExpectedAndFound(): { expected: number; found: number } {
    let expected = 0;
    let found = 0;
    for (let s = 0; s < this.#shapeCount; s++) {
      expected += this.replicas[s]!;
      found += this.#waiting[s]!.total + this.startingTotal[s]! + this.runningTotal[s]!;
    }
    return { expected, found };
  }

  /** Whether no node holds more than it can. */
  fitsEverywhere(): boolean {
    return this.#noded.every(
      (slot) =>
        this.#scheduler.usedMillicpu[slot]! <= this.#scheduler.allocatableMillicpu &&
        this.#scheduler.usedMib[slot]! <= this.#scheduler.allocatableMib,
    );
  }

  /** Pods that waited longer than a step and still do. */
  stillWaiting(): number {
    let pods = 0;
    for (const waiting of this.#waiting) {
      waiting.forEach((sinceMs, count) => {
        if (sinceMs < this.nowMs) {
          pods += count;
        }
      });
    }
    return pods;
  }

  /** Instances that are pending or running, whether or not Describe shows them yet. */
  aliveInstances(): readonly Instance[] {
    return this.#listed
      .filter((slot) => this.#state[slot]! < SHUTTING_DOWN)
      .map((slot) => this.#instanceOf(slot));
  }
}

/** K3s' own server: always listed, tainted, never a worker. Its name sorts before any instance's. */
const CONTROL_PLANE: KubeNode = {
  name: 'control-plane',
  instanceId: null,
  internalIp: null,
  controlPlane: true,
  createdAtMs: 0,
  ready: true,
  readyChangedAtMs: 0,
  cordoned: false,
  taintIntentId: null,
  resourceVersion: '1',
  allocatableMillicpu: 0,
  allocatableMib: 0,
};
/** p95 of an idle shop; what an M/M/1 queue makes of it under load. */
const BASE_LATENCY_MS = 80;
/** Nodes of before the first step were launched this much earlier. */
const EARLIER_MS = 3_600_000;
const CPU_FORGET_RETRY_MS = 600_000;

function workloadsOf(scenario: Scenario): readonly Workload[] {
  const { web, others } = scenario.workload;
  const { zones } = scenario.cluster;
  const graceMs = web.terminationGraceSeconds * 1000;
  return podShapes(scenario).map((shape, s) => {
    // Bound to a zone in which no node can be, a pod waits for ever.
    const at = shape.zone === null ? -1 : zones.indexOf(shape.zone);
    const zoneIndex = shape.zone !== null && at < 0 ? zones.length : at;
    if (s === 0) {
      return { shape, zoneIndex, usageMillicpu: 0, ...pick(web), graceMs };
    }
    const other = others[s - 1]!;
    return {
      shape,
      zoneIndex,
      usageMillicpu: other.usageMillicpu,
      ...pick(other),
      graceMs: OTHERS_GRACE_MS,
    };
  });
}

function pick(each: { workingSetMib: number; maxUnavailablePercent: number }) {
  return { workingSetMib: each.workingSetMib, maxUnavailablePercent: each.maxUnavailablePercent };
}
