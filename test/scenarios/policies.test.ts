// What each policy does in the flash sale, where that follows from its rules rather than from luck.
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadScenario } from '../../adapters/import/load-scenario.ts';
import {
  CPU_AS_WRITTEN,
  customReading,
  POLICIES,
  type DecisionRecord,
  type RuleVerdict,
} from '../../engine/index.ts';
import {
  run,
  runUnconstrained,
  type Demand,
  type Run,
  type Scenario,
} from '../../simulator/index.ts';
import { policyOf } from '../simulator/build.ts';

const FOLDER = new URL('../../scenarios/', import.meta.url).pathname;
const MINUTE = 60_000;
const SEEDS = [1, 2];
/** Friday 20:00 in Dhaka. */
const OPENS_AT_MS = Date.UTC(2026, 10, 27, 14);
const CYCLE_MS = 2 * MINUTE;

type Decided = NonNullable<DecisionRecord['decided']>;
let scenario: Scenario;
const demands = new Map<number, Demand>();
const done = new Map<string, { run: Run; decided: Decided[] }>();

beforeAll(async () => {
  ({ scenario } = await loadScenario(join(FOLDER, 'flash-sale.yaml')));
});

function play(name: string, seed: number): { run: Run; decided: Decided[] } {
  const key = `${name} ${String(seed)}`;
  const before = done.get(key);
  if (before !== undefined) {
    return before;
  }
  const demand = demands.get(seed) ?? runUnconstrained(scenario, seed);
  demands.set(seed, demand);
  const decided: Decided[] = [];
  const ran = run({
    scenario,
    configured: policyOf(name),
    seed,
    demand,
    observer: { decided: (record) => decided.push(record.decided!) },
  });
  const played = { run: ran, decided };
  done.set(key, played);
  return played;
}

const ruleOf = ({ explanation }: Decided, rule: RuleVerdict['rule']): RuleVerdict | undefined =>
  explanation.rules.find((each) => each.rule === rule);
const cpuOf = ({ view }: Decided): number =>
  view.metrics.cpuPercent.missing === null ? view.metrics.cpuPercent.value : NaN;
const readyIn = ({ view }: Decided): number =>
  view.workers.filter(({ phase }) => phase === 'ready').length;

describe.each(SEEDS)('in the flash sale, with seed %i,', (seed) => {
  it('node-fleet-as-written never sees CPU above 70 %, and always sees it below 30 %', () => {
    const { decided } = play('node-fleet-as-written', seed);
    const asked = decided.map((each) => ruleOf(each, 'cpu-high')?.verdict);
    expect(asked).toContain('quiet');
    expect(asked).not.toContain('fires');
    const low = decided.flatMap((each) => ruleOf(each, 'cpu-low')?.verdict ?? []);
    expect(new Set(low)).toEqual(new Set(['fires']));
    // Though the nodes were busy to the last cycle, and its own reading never above a seventh.
    expect(Math.max(...decided.map(cpuOf))).toBeGreaterThan(80);
    for (const { view } of decided) {
      const reading = customReading(view.metrics, CPU_AS_WRITTEN);
      expect(reading.missing === null && reading.value < 14.3).toBe(true);
    }
  });

  it('so it takes nodes away from a fleet that is not idle at all; node-fleet does not', () => {
    const cpuAtRemovals = (name: string): number[] =>
      play(name, seed)
        .decided.filter(({ decision }) => decision.action === 'scaleDown')
        .map(cpuOf);
    expect(Math.max(...cpuAtRemovals('node-fleet-as-written'))).toBeGreaterThan(40);
    expect(Math.max(...cpuAtRemovals('node-fleet'))).toBeLessThan(30);
  });

  it('manual adds 15 to 20 min after the trouble begins, on demand, and is back at five by the end', () => {
    const { decided, run: ran } = play('manual', seed);
    const troubled = decided.find(
      (each) =>
        ruleOf(each, 'pods-unschedulable')?.verdict === 'fires' ||
        ruleOf(each, 'cpu-high')?.verdict === 'fires',
    )!;
    // Not the base, which is a standing order.
    const added = decided.find(
      ({ decision, explanation }) =>
        decision.action === 'scaleUp' && explanation.level !== 'TARGET',
    )!;
    expect(troubled.view.nowMs).toBeGreaterThan(OPENS_AT_MS);
    const lateMs = added.view.nowMs - troubled.view.nowMs;
    expect(lateMs).toBeGreaterThanOrEqual(15 * MINUTE);
    expect(lateMs).toBeLessThan(20 * MINUTE + CYCLE_MS);
    expect(ran.measures.costBreakdownBdt.spotNodes).toBe(0);
    expect(ran.measures.costBreakdownBdt.autoscaler).toBe(0);
    expect(readyIn(decided.at(-1)!)).toBe(5);
  });

  it('scheduled has its ten nodes before the doors open, and changes them only by the clock', () => {
    const { decided } = play('scheduled', seed);
    const opening = decided.find(({ view }) => view.nowMs >= OPENS_AT_MS)!;
    expect(opening.view.workers.length).toBeGreaterThanOrEqual(10);
    const hours = decided
      .filter(({ decision }) => decision.action !== 'hold')
      .map(({ view }) => {
        const minute = Math.floor(view.nowMs / MINUTE) + 360;
        return (minute % 1440) - ((minute % 1440) % 15);
      });
    // 00:00, 08:00, 18:00, a quarter of an hour before the sale, and its end.
    expect(new Set(hours.map((minute) => minute / 60))).toEqual(new Set([0, 8, 18, 19.75, 22]));
  });

  it('sustained adds for pods only once some have waited for 3 min, and removes only after 10 min of calm', () => {
    const { decided } = play('sustained', seed);
    decided.forEach((each, n) => {
      if (ruleOf(each, 'pods-waiting-lasts')?.verdict === 'fires') {
        const earlier = decided
          .slice(0, n)
          .filter(({ view }) => each.view.nowMs - view.nowMs < 3 * MINUTE);
        for (const { view } of [each, ...earlier]) {
          expect(view.unschedulable[0]).toBeGreaterThan(0);
        }
      }
      if (each.decision.action === 'scaleDown') {
        const before = decided
          .slice(0, n)
          .filter(({ view }) => each.view.nowMs - view.nowMs < 10 * MINUTE);
        expect(Math.max(...before.map(cpuOf), cpuOf(each))).toBeLessThan(30);
      }
    });
    expect(decided.some(({ decision }) => decision.action === 'scaleDown')).toBe(true);
  });

  it.each(POLICIES.map(({ name }) => name).filter((name) => !['static', 'manual'].includes(name)))(
    '%s costs less than five static nodes and lacks fewer pods; it grows in the sale and shrinks after it',
    (name) => {
      const { decided, run: ran } = play(name, seed);
      const { measures } = ran;
      const today = play('static', seed).run.measures;
      expect(measures.costBdt).toBeLessThan(today.costBdt * 0.65);
      expect(measures.shortagePodMinutes).toBeLessThan(today.shortagePodMinutes / 2);
      const most = Math.max(...decided.map(readyIn));
      expect(most).toBeGreaterThanOrEqual(9);
      expect(readyIn(decided.at(-1)!)).toBeLessThanOrEqual(4);
    },
  );

  it('manual lacks fewer pods than five static nodes, and pays for it', () => {
    const { measures } = play('manual', seed).run;
    const today = play('static', seed).run.measures;
    expect(measures.shortagePodMinutes).toBeLessThan(today.shortagePodMinutes);
    expect(measures.costBdt).toBeGreaterThan(today.costBdt);
  });
});
