import { describe, expect, it } from 'vitest';
import { loadScenario } from '../../adapters/import/load-scenario.ts';
import { Alertmanager } from '../../simulator/alertmanager.ts';
import { checkers, INVARIANTS, run, type Run, type World } from '../../simulator/index.ts';
import { policyOf } from './build.ts';

const STEP_MS = 15_000;

/** When it knocks, in steps, at pods that are so many in each step; null: nothing could be scraped. */
function knocks(
  forSeconds: number,
  pods: readonly (number | null)[],
  down: number[] = [],
): number[] {
  const alertmanager = new Alertmanager(forSeconds);
  return pods.flatMap((value, step) => {
    const reading =
      value === null
        ? { missing: 'exporter-down' }
        : { value, sampledAtMs: step * STEP_MS, coverageRatio: 1, missing: null };
    const world = {
      nowMs: step * STEP_MS,
      prometheus: {
        query: () => ({ unschedulablePods: reading }),
        isDown: () => down.includes(step),
      },
    } as unknown as World;
    return alertmanager.knocks(world) ? [step] : [];
  });
}

describe('Alertmanager', () => {
  it('knocks once pods have been without room for its time, at every scrape', () => {
    expect(knocks(0, [0, 1, 1])).toEqual([1]);
    expect(knocks(15, [0, 1, 1, 1])).toEqual([2]);
    expect(knocks(30, [0, 1, 1, 0, 1, 1, 1])).toEqual([6]);
  });

  it('knocks again every two minutes while they wait, and anew when others do', () => {
    const waiting = new Array<number>(20).fill(3);
    expect(knocks(15, waiting)).toEqual([1, 9, 17]);
    expect(knocks(0, [1, 0, 1])).toEqual([0, 2]);
  });

  it('knows nothing of what was not scraped', () => {
    expect(knocks(15, [1, null, 1, 1])).toEqual([3]);
    expect(knocks(15, [1, 1, 1, 1], [1])).toEqual([3]);
  });
});

describe('a sale with alerts', () => {
  const opensAtMs = Date.parse('2026-11-27T20:00+06:00');
  const played = async (
    alertAfterSeconds: number | null,
  ): Promise<{ run: Run; firstLaunchAtMs: number; outcomes: Set<string> }> => {
    const { scenario: loaded } = await loadScenario('scenarios/flash-sale.yaml');
    const scenario = { ...loaded, prometheus: { ...loaded.prometheus, alertAfterSeconds } };
    const configured = policyOf('trailing-max', {});
    let firstLaunchAtMs = Infinity;
    const outcomes = new Set<string>();
    const watching = checkers({ scenario, configured }, INVARIANTS);
    const finished = run({
      scenario,
      configured,
      seed: 1,
      observer: {
        ...watching,
        decided: (record, world) => {
          watching.decided?.(record, world);
          outcomes.add(record.outcome);
          if ((record.decided?.decision.count ?? 0) > 0 && record.startedAtMs >= opensAtMs) {
            firstLaunchAtMs = Math.min(firstLaunchAtMs, record.startedAtMs);
          }
        },
      },
    });
    return { run: finished, firstLaunchAtMs, outcomes };
  };

  it('launches sooner, in cycles ahead of their time, and every invariant holds', async () => {
    const without = await played(null);
    const withAlerts = await played(0);
    expect(withAlerts.run.cycles).toBeGreaterThan(without.run.cycles);
    expect(withAlerts.firstLaunchAtMs).toBeLessThanOrEqual(without.firstLaunchAtMs);
    expect(withAlerts.run.measures.shortagePodMinutes).toBeLessThan(
      without.run.measures.shortagePodMinutes,
    );
    expect(without.outcomes).not.toContain('too-soon');
  });
});
