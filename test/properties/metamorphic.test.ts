import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  countFleet,
  decide,
  decodeState,
  configurePolicy,
  GUARDS,
  POLICIES,
  readJournal,
  redecide,
  type Asked,
  type Cluster,
  type ReadRecord,
  type View,
} from '../../engine/index.ts';
import {
  INVARIANTS,
  nodeCostMicroBdt,
  priceBook,
  run,
  type Fault,
  type Observer,
  type Table,
} from '../../simulator/index.ts';
import type { CalendarEntry } from '../../simulator/scenario.ts';
import { anyCase, build, runCase, runs, type Case } from './arbitraries.ts';

const DAY_MS = 86_400_000;

/** A record without its shadow, and without the readings that only a shadow asks for. */
function withoutShadow({ decided, ...rest }: ReadRecord): unknown {
  if (decided === null) {
    return rest;
  }
  const { view } = decided;
  const metrics = { ...view.metrics, custom: [] };
  // A memory stands in whichever records have no other to differ from.
  const others = { shadow: undefined, memory: undefined, view: { ...view, metrics } };
  return { ...rest, decided: { ...decided, ...others } };
}

function journalOf(each: Case, also: Observer = {}): Uint8Array {
  return runCase(each, [], also).journal;
}

describe('metamorphic', () => {
  test('the same input gives the same bytes, watched or not', () => {
    fc.assert(
      fc.property(anyCase, (each) => {
        const { scenario, configured, changes, faults, invocations } = build(each);
        const alone = { ...each, hands: [] };
        const { seed } = each;
        const first = run({ scenario, configured, changes, seed, faults, invocations });
        expect(journalOf(alone)).toEqual(first.journal);
        expect(runCase(alone, INVARIANTS).journal).toEqual(first.journal);
        expect(runCase(alone, INVARIANTS).measures).toEqual(first.measures);
        expect(journalOf(each)).toEqual(journalOf(each));
      }),
      runs(20),
    );
  });

  test('a run split after every cycle, and resumed from what was saved as JSON, is the run', () => {
    fc.assert(
      fc.property(anyCase, (each) => {
        let table: Table;
        const resuming: Observer = {
          begun: (_world, theTable) => {
            table = theTable;
          },
          cycleBegins: () => {
            const { stored } = table;
            if (stored.kind === 'known') {
              table.stored = decodeState(JSON.parse(JSON.stringify(stored.state)));
              expect(table.stored).toEqual(stored);
            }
          },
        };
        expect(journalOf(each, resuming)).toEqual(journalOf(each));
      }),
      runs(20),
    );
  });

  test('whatever a shadow decides, the live policy does what it would have done', () => {
    const anyPolicy = fc.constantFrom(...POLICIES.map(({ name }) => name));
    fc.assert(
      fc.property(anyCase, anyPolicy, (each, name) => {
        const result = configurePolicy(name);
        const { configured: shadow } = result as Extract<typeof result, { ok: true }>;
        const beside = runCase(each, INVARIANTS, {}, { shadow });
        const { header, records } = readJournal<{ cluster: Cluster }>(beside.journal);
        const live = records.map(withoutShadow);
        const alone = readJournal(journalOf(each)).records.map(withoutShadow);
        expect(live).toEqual(alone);
        const again = [...redecide(records, shadow, header.cluster, 'journal', shadow)];
        expect(again.every((one) => one === null || one.shadow === null || one.shadow.same)).toBe(
          true,
        );
      }),
      runs(10),
    );
  });

  test('no guard ever raises a count, or asks for less than nothing', () => {
    const asks = fc.record({
      direction: fc.constantFrom<Asked['direction']>('up', 'down'),
      count: fc.integer({ min: 1, max: 20 }),
      evidence: fc.constantFrom<Asked['evidence']>('pods', 'cpu', 'calendar', 'none'),
      repair: fc.integer({ min: 0, max: 5 }),
    });
    fc.assert(
      fc.property(anyCase, asks, (each, wanted) => {
        const { settings } = build(each).configured;
        const { header, records } = readJournal<{ cluster: Cluster }>(journalOf(each));
        for (const { decided } of records) {
          if (decided === null) {
            continue;
          }
          const { view } = decided;
          const input = { view, fleet: countFleet(view), cluster: header.cluster, settings };
          const asked: Asked = { ...wanted, victims: [], launches: [] };
          for (const guard of GUARDS) {
            if (guard.appliesTo !== 'both' && guard.appliesTo !== asked.direction) {
              continue;
            }
            const before = asked.count;
            const { verdict } = guard.check(asked, input);
            expect(asked.count).toBeLessThanOrEqual(before);
            expect(asked.count).toBeGreaterThanOrEqual(0);
            const now = asked.count === before ? 'passes' : asked.count > 0 ? 'clips' : 'blocks';
            expect(verdict).toBe(now);
            if (asked.count === 0) {
              break;
            }
          }
        }
      }),
      runs(15),
    );
  });

  test('whatever a view lacks, there is a decision, and it removes nothing that was not seen', () => {
    const flags = fc.record(
      {
        instancesKnown: fc.boolean(),
        nodesKnown: fc.boolean(),
        podsKnown: fc.boolean(),
        inboxKnown: fc.boolean(),
        contradicted: fc.boolean(),
        desired: fc.option(fc.nat(30)),
        joinFailures: fc.nat(9),
        workers: fc.constant([]),
        shapes: fc.constant([]),
        unschedulable: fc.constant([]),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(anyCase, flags, (each, lacking) => {
        const { configured, journal } = runCase(each, []);
        const { header, records } = readJournal<{ cluster: Cluster }>(journal);
        for (const { decided } of records) {
          if (decided === null) {
            continue;
          }
          const { view } = decided;
          // Counts of pods go with their shapes.
          const bare = 'shapes' in lacking || 'unschedulable' in lacking;
          const workers = lacking.workers ?? view.workers;
          const less: View = {
            ...view,
            ...lacking,
            shapes: bare ? [] : view.shapes,
            unschedulable: bare ? [] : view.unschedulable,
            workers: bare ? workers.map((worker) => ({ ...worker, pods: [] })) : workers,
          };
          const { decision } = decide(configured, header.cluster, less, []);
          expect(decision.count).toBeGreaterThanOrEqual(0);
          expect(decision.repair).toBeGreaterThanOrEqual(0);
          const ids = less.workers.map(({ id }) => id);
          expect(decision.victims.filter((id) => !ids.includes(id))).toEqual([]);
        }
      }),
      runs(15),
    );
  });

  test('a journal read back decides the same again, verdict for verdict', () => {
    fc.assert(
      fc.property(anyCase, (each) => {
        const { configured, journal } = runCase(each, []);
        const { header, records } = readJournal<{ cluster: Cluster }>(journal);
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
        const { configured, journal } = runCase(each, []);
        const { header, records } = readJournal<{ cluster: Cluster }>(journal);
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

  test('a trace and all that is to happen in it, moved by whole days, move the journal, and nothing else', () => {
    fc.assert(
      fc.property(anyCase, fc.integer({ min: 1, max: 400 }), (each, days) => {
        const { scenario, configured, faults } = build(each);
        const byMs = days * DAY_MS;
        const later = ({ fromMs, toMs, ...fault }: Fault): Fault => ({
          ...fault,
          fromMs: fromMs + byMs,
          toMs: toMs + byMs,
        });
        const laterWindow = (each: CalendarEntry): CalendarEntry => ({
          ...each,
          startAtMs: each.startAtMs + byMs,
          endAtMs: each.endAtMs + byMs,
        });
        const { trace } = scenario;
        const moved = {
          ...scenario,
          trace: {
            ...trace,
            startAtMs: trace.startAtMs + byMs,
            endAtMs: trace.endAtMs + byMs,
            atMs: trace.atMs.map((atMs) => atMs + byMs),
          },
          calendar: scenario.calendar.map(laterWindow),
          freezes: scenario.freezes.map(laterWindow),
          holds: scenario.holds.map(({ min, fromMs, untilMs }) => ({
            min,
            fromMs: fromMs + byMs,
            untilMs: untilMs + byMs,
          })),
          market: {
            ...scenario.market,
            events: scenario.market.events.map((event) => ({
              ...event,
              atMs: event.atMs + byMs,
              untilMs: event.untilMs + byMs,
            })),
          },
          prometheus: {
            ...scenario.prometheus,
            outages: scenario.prometheus.outages.map(({ fromMs, toMs }) => ({
              fromMs: fromMs + byMs,
              toMs: toMs + byMs,
            })),
          },
        };
        const decisions = (of: typeof scenario, wrong: readonly Fault[], offsetMs: number) =>
          readJournal(
            run({ scenario: of, configured, seed: each.seed, faults: wrong }).journal,
          ).records.map(({ startedAtMs, outcome, decided, events }) => ({
            startedAtMs: startedAtMs - offsetMs,
            outcome,
            decision: decided?.decision,
            rules: decided?.rules,
            events,
          }));
        // Ids of drains carry the epoch; decisions and events do not.
        expect(decisions(moved, faults.map(later), byMs)).toEqual(decisions(scenario, faults, 0));
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
