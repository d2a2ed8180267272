// What a run may come across: the marks that a sweep, or the swarm, must have made somewhere.
import {
  CYCLE_OUTCOMES,
  EVENT_CODES,
  GUARDS,
  POLICIES,
  type DecisionRecord,
  type EventCode,
} from '../../engine/index.ts';
import {
  canMeet,
  FAULT_MODES,
  together,
  type Observer,
  type Table,
} from '../../simulator/index.ts';
import { EFFECTS, ELSEWHERE, HANDS, type Case } from './arbitraries.ts';

/** What needs half an hour in no list. */
const RARE_EVENTS: readonly EventCode[] = ['disowned'];

/** Everything that must have happened at least once. */
export const EXPECTED: readonly string[] = [
  ...FAULT_MODES.flatMap((mode) =>
    EFFECTS.filter((kind) => canMeet(mode, kind)).map((kind) => `fault ${mode} of ${kind}`),
  ),
  ...HANDS.map((hand) => `hand ${hand}`),
  ...GUARDS.flatMap(({ rule }) => `guard ${rule} blocks`),
  ...['max', 'min', 'joining-works', 'nothing-in-flight', 'victim', 'step', 'spend', 'pools'].map(
    (rule) => `guard ${rule} clips`,
  ),
  ...CYCLE_OUTCOMES.map((outcome) => `outcome ${outcome}`),
  ...EVENT_CODES.filter((code) => !RARE_EVENTS.includes(code)).map((code) => `event ${code}`),
  ...['CRITICAL', 'HIGH_LOAD', 'PREDICTIVE', 'LOW_LOAD', 'TARGET'].map((level) => `level ${level}`),
  ...POLICIES.filter(({ name }) => name !== 'static').flatMap(({ name }) => [
    `${name} adds`,
    `${name} removes`,
  ]),
  'repair',
  'killed',
  'lock taken over',
  'lock answer lost and found',
  'launch repeated',
  'mode paused',
  'mode observe',
  'reclaim announced',
  'reclaim without notice',
  'reclaim forestalled',
  'hint',
  'zone without power',
  'launch refused insufficient-capacity',
  'launch refused quota',
  'requests retried',
  'customers away',
  'Prometheus down',
  'exporter down',
  'node scrape failed',
  'metrics missing',
  'instances unknown',
  'nodes unknown',
  'pods unknown',
  'inbox unknown',
  'contradicted',
  'held',
  'pods wait in a zone',
  'pods wait elsewhere',
  'pods wait that are too large',
];

/** Nothing leads here: a step is at least 1. */
export const UNREACHED: readonly string[] = ['guard step blocks'];

/** Tells of everything on the list that happens in a case, by its name. */
export function sightings(each: Case, saw: (what: string) => void): Observer {
  return together([engineSightings(each, saw), worldSightings(each, saw)]);
}

function engineSightings(each: Case, saw: (what: string) => void): Observer {
  const sent = new Set<string>();
  let killedHolder = false;
  return {
    faulted: (mode, effect) => saw(`fault ${mode} of ${effect.kind}`),
    reaches: (effect) => {
      if (effect.kind === 'launchInstances') {
        if (sent.has(effect.launch.clientToken)) {
          saw('launch repeated');
        }
        sent.add(effect.launch.clientToken);
      }
    },
    performed: (effect, result) => {
      if (effect.kind === 'acquireLock' && result.ok && killedHolder) {
        saw('lock taken over');
        killedHolder = false;
      }
      if (effect.kind === 'readLock' && result.ok && 'lock' in result) {
        const { owner, epoch } = result.lock;
        if (owner !== null && epoch > 0 && result.completedAtMs < result.lock.holderDeadlineAtMs) {
          saw('lock answer lost and found');
        }
      }
    },
    cycleEnds: (_, killed) => {
      if (killed) {
        saw('killed');
        killedHolder = true;
      }
    },
    decided: (record) => {
      for (const what of seenIn(record)) {
        saw(what);
      }
      const action = record.decided?.decision.action ?? 'hold';
      if (action !== 'hold') {
        saw(`${each.policy} ${action === 'scaleUp' ? 'adds' : 'removes'}`);
      }
    },
    begun: () => each.hands.forEach(({ does }) => saw(`hand ${does}`)),
  };
}

function* seenIn({ outcome, decided, events }: DecisionRecord): Generator<string> {
  yield `outcome ${outcome}`;
  for (const { code } of events) {
    yield `event ${code}`;
  }
  if (decided === null) {
    return;
  }
  const { view, decision, explanation } = decided;
  for (const { rule, verdict } of explanation.rules) {
    yield `guard ${rule} ${verdict}`;
  }
  yield `level ${explanation.level}`;
  yield `mode ${view.mode}`;
  if (decision.repair > 0) {
    yield 'repair';
  }
  if (view.metrics.cpuPercent.missing !== null) {
    yield 'metrics missing';
  }
  for (const list of ['instances', 'nodes', 'pods', 'inbox'] as const) {
    if (!view[`${list}Known`]) {
      yield `${list} unknown`;
    }
  }
  if (view.hold !== null) {
    yield 'held';
  }
  if (view.contradicted) {
    yield 'contradicted';
  }
  for (const [s, { zone, requestMillicpu }] of view.shapes.entries()) {
    if (view.unschedulable[s]! === 0) {
      continue;
    }
    if (zone !== null) {
      yield zone === ELSEWHERE ? 'pods wait elsewhere' : 'pods wait in a zone';
    }
    if (view.workers.some(({ allocatableMillicpu: room }) => 0 < room && room < requestMillicpu)) {
      yield 'pods wait that are too large';
    }
  }
}

/** What the world itself does wrong, whatever the engine asks of it. */
function worldSightings(each: Case, saw: (what: string) => void): Observer {
  const byHand = new Set(each.hands.map(({ does }) => does));
  const outages = each.market.events.some(({ kind }) => kind === 'zone-outage');
  let table: Table;
  let reclaims = 0;
  return {
    begun: (_world, theTable) => {
      table = theTable;
    },
    stepped: (world) => {
      if (world.retriedRequests > 0) {
        saw('requests retried');
      }
      if (world.stayedAwayRequests > 0) {
        saw('customers away');
      }
      if (outages && !byHand.has('sicken')) {
        if (world.aliveInstances().some(({ statusCheckFailed }) => statusCheckFailed)) {
          saw('zone without power');
        }
      }
      const { doomed } = table.inbox;
      if (!byHand.has('rebalance') && doomed.some(({ cause }) => cause === 'rebalance')) {
        saw('hint');
      }
      if (world.reclaims > reclaims) {
        reclaims = world.reclaims;
        const alive = new Set(world.aliveInstances().map(({ id }) => id));
        const announced = doomed.some(({ instanceId }) => !alive.has(instanceId));
        saw(announced ? 'reclaim announced' : 'reclaim without notice');
      }
    },
    happened: (effect, result) => {
      if (effect.kind === 'launchInstances' && !result.ok) {
        saw(`launch refused ${result.reason}`);
      } else if (effect.kind === 'terminateInstance' && result.ok && !byHand.has('reclaim')) {
        const mark = table.inbox.doomed.find((known) => known.instanceId === effect.instanceId);
        if (mark?.cause === 'reclaim') {
          saw('reclaim forestalled');
        }
      } else if (effect.kind === 'queryMetrics') {
        if (!result.ok) {
          saw('Prometheus down');
        } else if ('metrics' in result) {
          const { unschedulablePods, memoryPercent } = result.metrics;
          if (unschedulablePods.missing === 'exporter-down') {
            saw('exporter down');
          }
          if (memoryPercent.missing === null && memoryPercent.coverageRatio < 1) {
            saw('node scrape failed');
          }
        }
      }
    },
  };
}
