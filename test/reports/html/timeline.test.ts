import { describe, expect, test } from 'vitest';
import { readJournal } from '../../../engine/index.ts';
import { timelineOf } from '../../../reports/html/timeline.ts';
import { run } from '../../../simulator/index.ts';
import { HOUR_MS, policyOf, scenarioOf, START_AT_MS } from '../../simulator/build.ts';

/** Two hours in which traffic needs five nodes for half an hour, and a sale is announced for that time. */
function rise(settings: object = {}) {
  const rates = Array.from({ length: 120 }, (_, minute) => (minute < 45 || minute > 75 ? 60 : 500));
  return scenarioOf(
    {
      name: 'rise',
      calendar: [
        {
          name: 'Sale',
          startAt: new Date(START_AT_MS + 0.75 * HOUR_MS).toISOString(),
          endAt: new Date(START_AT_MS + 1.25 * HOUR_MS).toISOString(),
        },
      ],
      ...settings,
    },
    rates,
  );
}
const ran = run({ scenario: rise(), configured: policyOf('node-fleet'), seed: 1 });
const { records } = readJournal(ran.journal);

describe('a run’s decisions', () => {
  const timeline = timelineOf(ran);

  test('every cycle is in one row, in order', () => {
    expect(timeline.cycles).toBe(records.length);
    expect(timeline.rows.reduce((sum, { cycles }) => sum + cycles, 0)).toBe(records.length);
    const times = timeline.rows.flatMap(({ fromMs, toMs }) => [fromMs, toMs]);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  test('each change is a row of its own that says why, and what would have made it another', () => {
    const acts = timeline.rows.filter(({ kind }) => kind === 'act');
    const changed = records.filter(
      ({ decided }) => decided !== null && decided.decision.count + decided.decision.repair > 0,
    );
    expect(changed.length).toBeGreaterThan(3);
    expect(acts.map(({ fromMs }) => fromMs)).toEqual(
      changed.map(({ decided }) => decided?.view.nowMs),
    );
    for (const { cycles, what, why } of acts) {
      expect(cycles).toBe(1);
      expect(what).toMatch(/^(add|remove|replace) \d+( and (add|remove) \d+)?$/);
      expect(why).toMatch(/^[A-Z0-9].*\. (With|Seen|No one value).*\.$/);
    }
    expect(timeline.acts).toBe(changed.length);
  });

  test('changes in cycles that follow each other are rows of their own as well', () => {
    const hasty = run({
      scenario: rise(),
      configured: policyOf('node-fleet', { cooldownAfterActionSeconds: 60 }),
      seed: 1,
    });
    const { rows, acts } = timelineOf(hasty);
    const changes = rows.filter(({ kind }) => kind === 'act');
    expect(changes).toHaveLength(acts);
    expect(changes.every(({ cycles }) => cycles === 1)).toBe(true);
    expect(rows.some(({ kind }, n) => kind === 'act' && rows.at(n + 1)?.kind === 'act')).toBe(true);
  });

  test('holds that are alike are one row, and far fewer than cycles', () => {
    const holds = timeline.rows.filter(({ kind }) => kind !== 'act');
    expect(holds.some(({ cycles }) => cycles > 1)).toBe(true);
    for (const [n, row] of timeline.rows.entries()) {
      const next = timeline.rows.at(n + 1);
      expect(row.kind === 'quiet' && next?.kind === 'quiet').toBe(false);
    }
    expect(timeline.rows.length).toBeLessThan(records.length / 2);
  });

  test('nodes that were asked for and refused are told of, with the guard', () => {
    const held = timeline.rows.filter(({ kind }) => kind === 'held');
    expect(held.map(({ why }) => why).join(' ')).toMatch(/but cooling down until/);
    const cycles = held.reduce((sum, row) => sum + row.cycles, 0);
    const covered = records.filter(({ decided }) =>
      timeline.heldBack.some(
        ({ fromMs, toMs }) =>
          decided !== null && decided.view.nowMs >= fromMs && decided.view.nowMs <= toMs,
      ),
    );
    expect(covered).toHaveLength(cycles);
  });

  test('a quiet stretch in which removals were refused says how often and why at first', () => {
    const quiet = timeline.rows.filter(({ kind }) => kind === 'quiet').map(({ why }) => why);
    expect(quiet.join(' ')).toMatch(
      /A removal was refused( in \d+ cycles; at first)?: CPU .*, but /,
    );
  });

  test('changes that the calendar asked for are counted', () => {
    expect(timeline.actsByCalendar).toBeGreaterThan(0);
    expect(timeline.actsByCalendar).toBeLessThan(timeline.acts);
    const without = run({
      scenario: rise({ calendar: [] }),
      configured: policyOf('node-fleet'),
      seed: 1,
    });
    expect(timelineOf(without).actsByCalendar).toBe(0);
  });

  test('what happened to the fleet is there for a chart', () => {
    const kinds = timeline.events.map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'added').length).toBeGreaterThan(2);
    expect(kinds).toContain('removed');
    expect(timeline.events[0].what).toMatch(/^Launched \d node/);
  });

  test('where there is too much, it says how much is left out', () => {
    const short = timelineOf(ran, { rowsMax: 3, flipsMax: 1 });
    expect(short.rows).toEqual(
      timeline.rows.slice(0, 3).map((row, n) => ({ ...row, why: short.rows[n].why })),
    );
    expect(short.rowsLeftOut).toBe(timeline.rows.length - 3);
    expect(short.rowsWithoutFlip).toBe(
      short.rows.filter(({ kind }) => kind === 'act' || kind === 'held').length - 1,
    );
    // The charts still have everything.
    expect(short.heldBack).toEqual(timeline.heldBack);
  });

  test('a cycle that decided nothing says why', () => {
    const scenario = rise({
      faults: [{ effect: 'acquireLock', mode: 'fail', ratePercent: 100 }],
    });
    const none = timelineOf(run({ scenario, configured: policyOf('node-fleet'), seed: 1 }));
    expect(none.rows).toMatchObject([
      { kind: 'undecided', what: 'no decision', why: 'The table did not give the lock.' },
    ]);
    expect(none.acts).toBe(0);
  });
});
