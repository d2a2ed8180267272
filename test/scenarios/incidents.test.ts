// What must not happen in the shop’s busiest night, whatever else happens in it: a sale with each incident in the middle of it.
import { describe, expect, test } from 'vitest';
import { loadScenario } from '../../adapters/import/load-scenario.ts';
import type { DecisionRecord } from '../../engine/index.ts';
import {
  checkers,
  INVARIANTS,
  run,
  together,
  type Observer,
  type Run,
  type Scenario,
  type World,
} from '../../simulator/index.ts';
import { policyOf } from '../simulator/build.ts';

const at = (clock: string): number => Date.parse(`2026-11-27T${clock}+06:00`);
/** By then each incident is over, and pods that still wait wait in vain. */
const CALM_AT_MS = at('22:30');

interface Told {
  readonly run: Run;
  readonly records: readonly DecisionRecord[];
  /** What people were told, and when. */
  readonly alarms: readonly { readonly atMs: number; readonly code: string }[];
  /** Nodes lost or terminated, by when. */
  readonly nodesAt: (atMs: number) => { readonly launches: number; readonly terminations: number };
}

async function told(name: string, policy: string, also: Observer = {}): Promise<Told> {
  const { scenario } = await loadScenario(`scenarios/${name}.yaml`);
  return toldOf(scenario, policy, also);
}

function toldOf(scenario: Scenario, policy: string, also: Observer = {}): Told {
  const configured = policyOf(policy, {});
  const records: DecisionRecord[] = [];
  const alarms: { atMs: number; code: string }[] = [];
  const counts: { atMs: number; launches: number; terminations: number }[] = [];
  const watching: Observer = {
    decided: (record) => records.push(record),
    performed: (effect, { completedAtMs }) => {
      if (effect.kind === 'notify') {
        alarms.push(...effect.alarms.map(({ code }) => ({ atMs: completedAtMs, code })));
      }
    },
    stepped: ({ nowMs, launches, terminations }: World) =>
      counts.push({ atMs: nowMs, launches, terminations }),
  };
  const observer = together([
    also,
    checkers({ scenario, configured, calmFromMs: CALM_AT_MS }, INVARIANTS),
    watching,
  ]);
  const finished = run({ scenario, configured, seed: 1, observer });
  const nodesAt = (atMs: number) => counts.findLast((each) => each.atMs <= atMs)!;
  return { run: finished, records, alarms, nodesAt };
}

const between = (records: readonly DecisionRecord[], from: string, to: string): DecisionRecord[] =>
  records.filter(({ startedAtMs }) => startedAtMs >= at(from) && startedAtMs < at(to));

const INCIDENTS = [
  'sale-mass-reclaim',
  'sale-zone-outage',
  'sale-prometheus-outage',
  'sale-spot-shortage',
];

test.each(
  INCIDENTS.flatMap((name) =>
    ['node-fleet', 'trailing-max', 'scheduled'].map((policy) => [name, policy]),
  ),
)('%s under %s: every invariant holds, and nobody waits once it is over', async (name, policy) => {
  const { run } = await told(name, policy);
  const { unschedulablePods } = run.measures.series;
  const stepMs = run.measures.durationMs / unschedulablePods.length;
  const calmFrom = Math.ceil((CALM_AT_MS - at('00:00') + 24 * 3_600_000) / stepMs);
  expect(unschedulablePods.slice(calmFrom).some((pods) => pods > 0)).toBe(false);
});

describe('Prometheus is down from 20:01 to 20:21 of the sale', () => {
  test('nothing is removed, nothing is bought on a guess, and people are told', async () => {
    const { records, alarms, nodesAt } = await told('sale-prometheus-outage', 'node-fleet');
    const dark = between(records, '20:02', '20:21').flatMap(({ decided }) => decided ?? []);
    expect(dark.length).toBeGreaterThanOrEqual(9);
    for (const { view, decision, explanation } of dark) {
      expect(view.metrics.cpuPercent.missing).not.toBeNull();
      expect(decision.victims).toEqual([]);
      // What is bought is for pods that the Kubernetes API shows without room, and for nothing else.
      if (decision.launches.length > 0) {
        expect(view.unschedulable.some((count) => count > 0)).toBe(true);
        expect(explanation.level).toBe('CRITICAL');
      }
    }
    expect(dark.some(({ decision }) => decision.action === 'scaleUp')).toBe(true);
    expect(nodesAt(at('20:21')).terminations).toBe(nodesAt(at('20:01')).terminations);
    const missing = alarms.filter(({ code }) => code === 'metrics-missing');
    expect(missing[0].atMs).toBeGreaterThanOrEqual(at('20:01'));
    expect(missing[0].atMs).toBeLessThan(at('20:04'));
    expect(missing.at(-1)!.atMs).toBeLessThan(at('20:22'));
  });

  test('and within one cycle of its return the readings are there again', async () => {
    const { records } = await told('sale-prometheus-outage', 'node-fleet');
    const [first] = between(records, '20:21:15', '20:24');
    expect(first.startedAtMs).toBeLessThan(at('20:23:15'));
    expect(first.decided!.view.metrics.unschedulablePods.missing).toBeNull();
  });
});

test('all spot is taken at 20:15: each node’s pods leave before it does, and as many come back as were lost', async () => {
  const { run, records, nodesAt } = await told('sale-mass-reclaim', 'node-fleet');
  const taken = nodesAt(at('20:18')).terminations - nodesAt(at('20:14')).terminations;
  expect(taken).toBeGreaterThan(0);
  const repaired = between(records, '20:13', '20:25').reduce(
    (sum, { decided }) => sum + (decided?.decision.repair ?? 0),
    0,
  );
  expect(repaired).toBeGreaterThanOrEqual(taken);
  // On demand: spot is not to be had.
  expect(run.measures.reclaims).toBeGreaterThan(0);
});

test('no spot for the sale: what is refused is asked for on demand, in the same cycle', async () => {
  const { records } = await told('sale-spot-shortage', 'node-fleet');
  const refused = between(records, '19:55', '20:45').filter(({ events }) =>
    events.some(({ code, subject }) => code === 'launch-refused' && subject.startsWith('spot/')),
  );
  expect(refused).not.toEqual([]);
  for (const { events } of refused) {
    const launched = events.filter(({ code }) => code === 'launched');
    expect(launched.map(({ subject }) => subject.split('/')[0])).toContain('on-demand');
  }
});

test('a zone without power at 20:12: its nodes are not capacity, and others are bought where there is some', async () => {
  const { records } = await told('sale-zone-outage', 'node-fleet');
  const dark = between(records, '20:16', '20:40').flatMap(({ decided }) => decided ?? []);
  const launches = dark.flatMap(({ decision }) => decision.launches);
  expect(launches).not.toEqual([]);
  expect(dark.some(({ view }) => view.workers.some(({ phase }) => phase === 'not-ready'))).toBe(
    true,
  );
});

test('somebody cordons a node and terminates another in the sale: the one is left alone, the other replaced', async () => {
  const { scenario } = await loadScenario('scenarios/flash-sale.yaml');
  let world: World;
  let cordoned = '';
  const operator: Observer = {
    begun: (theWorld) => {
      world = theWorld;
    },
    cycleBegins: (nowMs) => {
      if (cordoned !== '' || nowMs < at('20:15')) {
        return;
      }
      const [first, second] = world.listNodes().filter((node) => !node.controlPlane && node.ready);
      cordoned = first.name;
      world.cordon(cordoned, true);
      world.terminate(second.name, nowMs);
    },
  };
  const { records } = toldOf(scenario, 'node-fleet', operator);
  const after = between(records, '20:15', '23:00');
  expect(cordoned).not.toBe('');
  const touched = after
    .flatMap(({ events }) => events)
    .filter(({ subject }) => subject === cordoned);
  expect(touched).toEqual([]);
  expect(after.some(({ decided }) => (decided?.decision.repair ?? 0) > 0)).toBe(true);
});
