import { describe, expect, test } from 'vitest';
import {
  decide,
  JOURNAL_SCHEMA,
  JournalWriter,
  readJournal,
  redecide,
  type ConfiguredPolicy,
  type DecisionRecord,
  type ReadRecord,
  type View,
} from '../../engine/index.ts';
import { cluster, configured, MINUTE, NOW, view, workers } from './build.ts';

const trailing = configured('trailing-max', { windowSeconds: 600, nodeCountMin: 3 });

/** Pods pending in turn, minute by minute: the maximum of a window is remembered when they are gone. */
const VIEWS = [0, 40, 0, 0, 0].map((pending, n) =>
  view({
    nowMs: NOW + n * MINUTE,
    unschedulable: [pending],
    desired: 3,
    workers: workers(3),
  }),
);

function recordOf(policy: ConfiguredPolicy, seen: View, memory: readonly number[]): DecisionRecord {
  const decided = decide(policy, cluster(), seen, memory);
  return {
    startedAtMs: seen.nowMs,
    epoch: 1,
    outcome: 'decided',
    decided: {
      view: seen,
      memory,
      memoryAfter: decided.memory,
      decision: decided.decision,
      explanation: decided.explanation,
    },
    events: [],
  };
}

/** Written and read back, as a journal has them; the third cycle finds its memory lost. */
function journalled(policy: ConfiguredPolicy): readonly ReadRecord[] {
  const writer = new JournalWriter({ schema: JOURNAL_SCHEMA });
  let memory: readonly number[] = [];
  VIEWS.forEach((seen, n) => {
    const record = recordOf(policy, seen, n === 2 ? [] : memory);
    writer.append(record);
    memory = record.decided!.memoryAfter;
    writer.append({
      startedAtMs: seen.nowMs,
      epoch: 1,
      outcome: 'lock-held',
      decided: null,
      events: [],
    });
  });
  return readJournal(writer.bytes).records;
}

/** Each cycle that decided: what it is decided as now, and whether that is the same. */
function again(
  records: readonly ReadRecord[],
  ...how: [ConfiguredPolicy, ('itself' | 'journal')?]
) {
  const [policy, remembers] = how;
  return [...redecide(records, policy, cluster(), remembers)].map(
    (each) =>
      each && {
        wants: each.decided.decision.action,
        same: each.same,
        memory: each.memory.length,
      },
  );
}

describe('deciding again', () => {
  test('under the same policy and settings it is the same, memory lost and found again included', () => {
    expect(again(journalled(trailing), trailing)).toEqual([
      { wants: 'hold', same: true, memory: 0 },
      null,
      { wants: 'scaleUp', same: true, memory: 2 },
      null,
      { wants: 'hold', same: true, memory: 0 },
      null,
      { wants: 'hold', same: true, memory: 2 },
      null,
      { wants: 'hold', same: true, memory: 2 },
      null,
    ]);
  });

  test('a policy that remembers for itself does not lose what the journal’s lost', () => {
    // The peak of the second cycle is still in the window of the third.
    expect(
      again(journalled(trailing), trailing, 'itself').map((each) => each && each.wants),
    ).toEqual(['hold', null, 'scaleUp', null, 'scaleUp', null, 'scaleUp', null, 'scaleUp', null]);
  });

  test('another policy decides otherwise, and it is said where', () => {
    const other = configured('static', { nodeCount: 3 });
    expect(again(journalled(trailing), other, 'itself').map((each) => each && each.same)).toEqual(
      // It holds where the other did, but its rules are not the same rules.
      [false, null, false, null, false, null, false, null, false, null],
    );
  });

  test.each<[string, (record: NonNullable<ReadRecord['decided']>) => object]>([
    ['action', ({ decision }) => ({ decision: { ...decision, action: 'scaleDown' } })],
    ['count', ({ decision }) => ({ decision: { ...decision, count: 9 } })],
    ['repair', ({ decision }) => ({ decision: { ...decision, repair: 9 } })],
    ['desired', ({ decision }) => ({ decision: { ...decision, desired: 9 } })],
    ['launches', ({ decision }) => ({ decision: { ...decision, launches: [] } })],
    [
      'where it launches',
      ({ decision }) => ({
        decision: {
          ...decision,
          launches: decision.launches.map((each) => ({ ...each, zone: 'z' })),
        },
      }),
    ],
    ['victims', ({ decision }) => ({ decision: { ...decision, victims: ['i-1'] } })],
    ['level', () => ({ level: 'PREDICTIVE' })],
    ['what was asked for', ({ proposed }) => ({ proposed: proposed + 1 })],
    ['which rules', ({ rules }) => ({ rules: rules.slice(1) })],
    ['a verdict', ({ rules }) => ({ rules: rules.map((each) => ({ ...each, verdict: 'clips' })) })],
  ])('the %s belongs to what is compared', (_, change) => {
    const records = journalled(trailing).filter(({ decided }) => decided !== null);
    const changed = records.map((record, n): ReadRecord => {
      const { decided } = record;
      return n !== 1 || decided === null
        ? record
        : ({ ...record, decided: { ...decided, ...change(decided) } } as ReadRecord);
    });
    expect(again(changed, trailing).map((each) => each && each.same)).toEqual([
      true,
      false,
      true,
      true,
      true,
    ]);
  });
});
