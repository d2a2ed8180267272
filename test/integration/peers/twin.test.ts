import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ScheduledAnswer } from '../../../adapters/aws/handler.ts';
import { loadScenario } from '../../../adapters/import/load-scenario.ts';
import {
  cycle,
  JournalWriter,
  readJournal,
  runSync,
  type Cluster,
  type ConfiguredPolicy,
  type CycleInput,
  type DecisionRecord,
  type Effect,
  type FleetState,
  type ReadRecord,
  type Result,
} from '../../../engine/index.ts';
import {
  clusterOf,
  Interpreter,
  priceBook,
  runUnconstrained,
  stream,
  Table,
  World,
  startFleet,
  type Scenario,
} from '../../../simulator/index.ts';
import { root } from '../../adapters/cli/program.ts';
import { policyOf } from '../../simulator/build.ts';
import { Peers } from './cluster.ts';
import { scheduledEnvironment } from './deployment.ts';
import { recordScrapes } from './exporters.ts';
import type { Fleet } from './fake-aws.ts';
import { startEmptyPrometheus } from './prometheus.ts';
import { Samples } from './remote-write.ts';
import { Sandbox } from './sandbox.ts';
import { SimulatedKubernetes } from './simulated-kubernetes.ts';
import { CLUSTER_ID } from './tables.ts';

// The same flash sale twice: in one world the engine acts as the simulator runs it, in the other the built bundle does, as
// Lambda invokes it, over EC2’s, Kubernetes’, Prometheus’ and DynamoDB’s own protocols. Both worlds have the same luck, so that
// they stay the same for as long as both do the same.

const SEED = 1;
const FROM = '2026-11-27T19:30:00+06:00';
const TO = '2026-11-27T22:00:00+06:00';
const TIMEOUT_MS = 60_000;
/** What Lambda’s handler keeps for itself at the end. */
const MARGIN_MS = 1_000;
/** Cycles fall between two steps of the world, and all of one is at one instant. */
const PHASE_MS = 4_000;

let peers: Peers;
beforeAll(async () => {
  peers = await Peers.start();
});

afterAll(async () => {
  await peers?.stop();
});

/** A world and what performs effects on it; a cycle takes no time. */
class Side {
  readonly world: World;
  readonly table = new Table();
  readonly #interpreter: Interpreter;
  nowMs = 0;
  record: DecisionRecord | null = null;

  constructor(scenario: Scenario) {
    this.world = new World(scenario, runUnconstrained(scenario, SEED), SEED);
    this.#interpreter = new Interpreter(
      this.world,
      this.table,
      (record) => (this.record = record),
      () => {},
    );
  }

  readonly perform = (effect: Effect): Result => {
    if (effect.kind === 'pause') {
      return { ok: true, completedAtMs: this.nowMs };
    }
    this.#interpreter.nowMs = this.nowMs;
    return { ...this.#interpreter.interpret(effect), completedAtMs: this.nowMs };
  };

  advanceTo(nowMs: number): void {
    this.nowMs = nowMs;
    while (!this.world.done && this.world.nextStepAtMs <= nowMs) {
      this.world.step();
    }
  }

  begin(cluster: Cluster, configured: ConfiguredPolicy): FleetState {
    return startFleet(this.world, this.table, configured, cluster);
  }

  /** This world as what stands behind EC2. */
  get fleet(): Fleet {
    return {
      list: () => {
        const listed = this.perform({ kind: 'listInstances' });
        return listed.ok && 'instances' in listed ? listed.instances : [];
      },
      launch: (launch) => {
        const answer = this.perform({ kind: 'launchInstances', launch } as Effect);
        if (answer.ok && 'instanceIds' in answer) {
          return answer.instanceIds;
        }
        return (answer as { reason: 'insufficient-capacity' }).reason;
      },
      terminate: (instanceId) => this.perform({ kind: 'terminateInstance', instanceId }).ok,
    };
  }
}

/** A record as a journal has it, without what docs/fidelity.md says is not modelled, and what shapes are called. */
function compared(record: ReadRecord): unknown {
  if (record.decided === null) {
    return record;
  }
  const { view } = record.decided;
  const { cpuPercent, memoryPercent, unschedulablePods, custom } = view.metrics;
  const shapes = view.shapes.map((shape) => ({ ...shape, key: '' }));
  const metrics = { cpuPercent, memoryPercent, unschedulablePods, custom };
  return { ...record, decided: { ...record.decided, view: { ...view, metrics, shapes } } };
}

test.each(['node-fleet', 'consolidating'])(
  'a flash sale under %s: the bundle decides as the simulator does, in every cycle and field by field',
  async (name) => {
    const { scenario } = await loadScenario(join(root, 'scenarios/flash-sale.csv'), {
      from: FROM,
      to: TO,
    });
    const configured = policyOf(name);
    const id = `${CLUSTER_ID}-${name}`;
    const cluster: Cluster = {
      ...clusterOf(scenario, priceBook(scenario.prices)!, SEED),
      id,
      templateVersion: '1/1',
      operatorDelaysMs: [],
    };
    const simulated = new Side(scenario);
    const deployed = new Side(scenario);
    const samples = new Samples();
    simulated.begin(cluster, configured);
    await peers.tables.remember(deployed.begin(cluster, configured), id);
    recordScrapes(deployed.world, samples);
    // The one before it has instances of the same names.
    peers.aws.fleets.clear();
    peers.aws.fleets.set(id, deployed.fleet);
    const kubernetes = await SimulatedKubernetes.start(
      peers.certificate,
      deployed.world,
      deployed.perform,
    );
    const prometheus = await startEmptyPrometheus();
    peers.stops.push(
      () => kubernetes.stop(),
      () => prometheus.stop(),
    );
    const told = {
      ...peers.aws.environment(peers.dynalite.url),
      NODE_FLEET_CLUSTER: JSON.stringify(cluster),
      NODE_FLEET_POLICY: name,
      NODE_FLEET_SETTINGS: '{}',
      NODE_FLEET_KUBERNETES_URL: kubernetes.url,
      NODE_FLEET_PROMETHEUS_URL: prometheus.url,
    };
    const sandbox = new Sandbox('scheduled', scheduledEnvironment(told, id), true);

    const actions: string[] = [];
    const nonces = stream(SEED, 'nonces');
    const { firstStepAtMs, stepCount, stepMs } = simulated.world.demand;
    const endAtMs = firstStepAtMs + stepCount * stepMs;
    for (let nowMs = firstStepAtMs + PHASE_MS; nowMs < endAtMs; nowMs += 120_000) {
      const nonce = nonces.nextUint32().toString(16).padStart(16, '0');
      simulated.advanceTo(nowMs);
      deployed.advanceTo(nowMs);
      await samples.writeTo(prometheus.url);
      const input: CycleInput = {
        nowMs,
        triggeredAtMs: nowMs,
        deadlineMs: nowMs + TIMEOUT_MS - MARGIN_MS,
        nonce,
        trigger: 'schedule',
        mode: 'act',
        cluster,
        configured,
      };
      runSync(cycle(input), simulated.perform, input.deadlineMs);
      const event = { trigger: 'schedule', time: new Date(nowMs).toISOString() };
      const { error } = await sandbox.invoke<ScheduledAnswer>(event, TIMEOUT_MS, { nowMs, nonce });
      expect(error, sandbox.output).toBeNull();

      const [item] = (await peers.tables.journal(id)).slice(-1);
      const journal = readJournal<object>(item['journal'].B!);
      const writer = new JournalWriter(journal.header);
      writer.append(simulated.record!);
      const [theirs] = readJournal(writer.bytes).records;
      const when = new Date(nowMs).toISOString();
      expect({ when, ...(compared(journal.records[0]) as object) }).toEqual({
        when,
        ...(compared(theirs) as object),
      });
      expect({ kind: 'known', state: await peers.tables.state(id) }).toEqual(
        simulated.table.stored,
      );
      expect(deployed.world.aliveInstances()).toEqual(simulated.world.aliveInstances());
      actions.push(simulated.record!.decided!.decision.action);
    }
    expect(await sandbox.end()).toBe(0);
    expect(deployed.world.bills()).toEqual(simulated.world.bills());
    expect(actions.length).toBeGreaterThanOrEqual(60);
    expect(actions.filter((each) => each === 'scaleUp').length).toBeGreaterThan(2);
    expect(actions.filter((each) => each === 'scaleDown').length).toBeGreaterThan(2);
  },
);
