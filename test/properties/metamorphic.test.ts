import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide, readJournal, type Cluster, type View } from '../../engine/index.ts';
import { checkers, nodeCostMicroBdt, priceBook, run } from '../../simulator/index.ts';
import { anyCase, build, runs, type Case } from './arbitraries.ts';

const DAY_MS = 86_400_000;

function journalOf(each: Case, watched = false): Uint8Array {
  const { scenario, configured, faults } = build(each);
  const observer = watched ? checkers({ scenario, configured }, []) : {};
  return run({ scenario, configured, seed: each.seed, faults, observer }).journal;
}

describe('metamorphic', () => {
  test('the same input gives the same bytes, watched or not', () => {
    fc.assert(
      fc.property(anyCase, (each) => {
        const first = journalOf(each);
        expect(journalOf(each)).toEqual(first);
        expect(journalOf(each, true)).toEqual(first);
      }),
      runs(20),
    );
  });

  test('a journal read back decides the same again, verdict for verdict', () => {
    fc.assert(
      fc.property(anyCase, (each) => {
        const { configured } = build(each);
        const { header, records } = readJournal<{ cluster: Cluster }>(journalOf(each));
        let memory: readonly number[] = [];
        for (const { decided } of records) {
          if (decided === null) {
            continue;
          }
          const again = decide(configured, header.cluster, decided.view, decided.memory ?? memory);
          memory = again.memory;
          expect(again.decision).toEqual(decided.decision);
          expect(again.explanation.level).toBe(decided.level);
          expect(again.explanation.rules.map(({ rule, verdict }) => ({ rule, verdict }))).toEqual(
            decided.rules,
          );
        }
      }),
      runs(30),
    );
  });

  test('more unschedulable pods never yield fewer nodes', () => {
    fc.assert(
      fc.property(anyCase, fc.integer({ min: 1, max: 40 }), (each, more) => {
        const { configured } = build(each);
        const { header, records } = readJournal<{ cluster: Cluster }>(journalOf(each));
        for (const { decided } of records) {
          if (decided?.view.podsKnown !== true) {
            continue;
          }
          const { view } = decided;
          const crowded: View = {
            ...view,
            unschedulable: view.unschedulable.map((count, s) => (s === 0 ? count + more : count)),
          };
          const net = (of: View): number => {
            const { decision } = decide(configured, header.cluster, of, []);
            return decision.repair + (decision.action === 'scaleDown' ? -1 : 1) * decision.count;
          };
          expect(net(crowded)).toBeGreaterThanOrEqual(net(view));
        }
      }),
      runs(15),
    );
  });

  test('a trace and its calendar moved by whole days move the journal, and nothing else', () => {
    fc.assert(
      fc.property(anyCase, fc.integer({ min: 1, max: 400 }), (each, days) => {
        const { scenario, configured } = build(each);
        const byMs = days * DAY_MS;
        const { trace } = scenario;
        const moved = {
          ...scenario,
          trace: {
            ...trace,
            startAtMs: trace.startAtMs + byMs,
            endAtMs: trace.endAtMs + byMs,
            atMs: trace.atMs.map((atMs) => atMs + byMs),
          },
          calendar: scenario.calendar.map((sale) => ({
            ...sale,
            startAtMs: sale.startAtMs + byMs,
            endAtMs: sale.endAtMs + byMs,
          })),
        };
        const decisions = (of: typeof scenario, offsetMs: number) =>
          readJournal(run({ scenario: of, configured, seed: each.seed }).journal).records.map(
            ({ startedAtMs, decided, events }) => ({
              startedAtMs: startedAtMs - offsetMs,
              decision: decided?.decision,
              events,
            }),
          );
        // Ids of drains carry the epoch; decisions and events do not.
        expect(decisions(moved, byMs)).toEqual(decisions(scenario, 0));
      }),
      runs(15),
    );
  });

  test('prices scaled by a factor scale a bill by it', () => {
    const book = priceBook('techflow')!;
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 60_000, max: 30 * DAY_MS }),
        fc.constantFrom('on-demand' as const, 'spot' as const),
        (factor, billedMs, market) => {
          const dearer = { ...book, nodeMicroBdtPerMonth: book.nodeMicroBdtPerMonth * factor };
          const once = nodeCostMicroBdt(book, market, billedMs);
          const scaled = nodeCostMicroBdt(dearer, market, billedMs);
          expect(Math.abs(scaled - once * factor)).toBeLessThanOrEqual(factor);
        },
      ),
    );
  });
});
