// A scenario's `holds:` are what an operator gives with `npm run hold`.
import { expect, test } from 'vitest';
import type { DecisionRecord } from '../../engine/index.ts';
import { checkers, INVARIANTS, together } from '../../simulator/checkers.ts';
import { run } from '../../simulator/run.ts';
import { parseScenario } from '../../simulator/scenario.ts';
import { HOUR_MS, policyOf, scenarioOf, START_AT_MS } from './build.ts';

const QUIET_TRAFFIC = [20, 20, 20, 20, 20];
const hold = { min: 6, from: '2026-11-27T01:00:00+06:00', until: '2026-11-27T02:30:00+06:00' };
const heldFromMs = START_AT_MS + HOUR_MS;
const heldUntilMs = heldFromMs + 1.5 * HOUR_MS;

test('a held fleet has its nodes within minutes, keeps them until then, and shrinks by itself', () => {
  const scenario = scenarioOf({ holds: [hold] }, QUIET_TRAFFIC, HOUR_MS);
  const configured = policyOf('node-fleet', { nodeCountMax: 8 });
  const ready = new Map<number, number>();
  const records: DecisionRecord[] = [];
  const looks = {
    decided: (record: DecisionRecord) => {
      records.push(record);
      const workers = record.decided!.view.workers.filter(({ phase }) => phase === 'ready');
      ready.set(record.startedAtMs, workers.length);
    },
  };
  const observer = together([checkers({ scenario, configured }, INVARIANTS), looks]);
  run({ scenario, configured, seed: 3, observer });

  const between = (fromMs: number, toMs: number): number[] =>
    [...ready].filter(([atMs]) => atMs >= fromMs && atMs < toMs).map(([, count]) => count);
  expect(Math.max(...between(0, heldFromMs))).toBe(2);
  const tenMinutes = 600_000;
  expect(between(heldFromMs + tenMinutes, heldUntilMs).every((count) => count >= 6)).toBe(true);
  expect(between(heldUntilMs + HOUR_MS, Infinity).at(-1)).toBeLessThan(6);
  const removals = records.filter(({ decided }) => decided!.decision.action === 'scaleDown');
  expect(removals.every(({ startedAtMs }) => startedAtMs >= heldUntilMs - 60_000)).toBe(true);
});

test('a hold that ends before it begins is refused by its place', () => {
  const { issues } = parseScenario({
    version: 1,
    holds: [{ min: 6, from: hold.until, until: hold.from }],
  });
  expect(issues).toMatchObject([{ path: ['holds', 0, 'until'] }]);
});
