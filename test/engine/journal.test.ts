import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import {
  decodeState,
  JOURNAL_SCHEMA,
  JournalError,
  JournalWriter,
  readJournal,
  runAsync,
  runSync,
  type DecisionRecord,
  type Process,
  type Result,
} from '../../engine/index.ts';
import { attempt, drain, launch, play, fleetOf, known, state, idOf } from './build.ts';

const HEADER = { schema: JOURNAL_SCHEMA, source: 'test' };

function write(records: readonly DecisionRecord[]): Uint8Array {
  const writer = new JournalWriter(HEADER);
  records.forEach((record) => {
    writer.append(record);
  });
  return writer.bytes.slice();
}

const three = known(state({ known: [1, 2, 3].map(idOf), desired: 3 }));
const quiet = play({ seen: fleetOf(3), stored: three }).record!;
const busy = play({
  seen: { ...fleetOf(3), pods: { ...fleetOf(3).pods!, unschedulable: [3] } },
  stored: three,
}).record!;

describe('the journal', () => {
  test('reads back what was written: views, decisions, verdicts, events', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(quiet, busy), { maxLength: 30 }), (records) => {
        const read = readJournal(write(records));
        expect(read.header).toEqual(HEADER);
        expect(read.records).toHaveLength(records.length);
        read.records.forEach((record, i) => {
          const { decided, ...rest } = records[i];
          expect(record).toMatchObject(rest);
          expect(record.decided?.view).toEqual(decided?.view);
          expect(record.decided?.decision).toEqual(decided?.decision);
          expect(record.decided?.level).toBe(decided?.explanation.level);
          expect(record.decided?.proposed).toBe(decided?.explanation.proposed);
        });
      }),
    );
  });

  test('a quiet record after another is small', () => {
    const once = write([quiet, quiet]).length;
    expect(write([quiet, quiet, quiet]).length - once).toBeLessThanOrEqual(48);
  });

  test('cut or damaged bytes are a JournalError, never another exception', () => {
    const whole = write([quiet, busy, quiet]);
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: whole.length - 1 }),
        fc.integer({ min: 0, max: 255 }),
        fc.boolean(),
        (at, byte, cut) => {
          const bytes = cut ? whole.slice(0, at) : whole.map((old, i) => (i === at ? byte : old));
          try {
            readJournal(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(JournalError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test('of another schema is refused by name', () => {
    const other = new JournalWriter({ schema: 'node-fleet/journal@9' }).bytes;
    expect(() => readJournal(other)).toThrow('node-fleet/journal@9');
  });
});

describe('stored state', () => {
  const full = state({
    known: [idOf(1)],
    launches: [launch({ attempts: [attempt()] })],
    drains: [drain(idOf(1))],
  });

  test('survives JSON', () => {
    expect(decodeState(JSON.parse(JSON.stringify(full)))).toEqual({ kind: 'known', state: full });
  });

  test('of a newer schema counts as lost memory, with its intents kept', () => {
    const newer = { ...(JSON.parse(JSON.stringify(full)) as object), schema: 2, desired: 'many' };
    expect(decodeState(newer)).toEqual({
      kind: 'lost',
      launches: full.launches,
      drains: full.drains,
    });
  });

  test('that is damaged is lost, and that is not there is absent', () => {
    expect(decodeState('rubbish')).toEqual({ kind: 'lost', launches: [], drains: [] });
    expect(decodeState(null)).toEqual({ kind: 'absent' });
  });
});

describe('the drivers', () => {
  function* twice(): Process<number> {
    const first = yield { kind: 'readInbox' };
    yield { kind: 'parallel', effects: [{ kind: 'listNodes' }, { kind: 'listPods' }] };
    return (first as { completedAtMs: number }).completedAtMs;
  }
  const answering = (): ((effect: unknown) => Result) => {
    let nowMs = 0;
    return () => ({ ok: true, completedAtMs: ++nowMs }) as Result;
  };

  test('sync and async give the same', async () => {
    const interpret = answering();
    expect(runSync(twice(), answering())).toBe(1);
    expect(await runAsync(twice(), (effect) => Promise.resolve(interpret(effect)))).toBe(1);
  });

  test('start nothing more once an answer comes after the deadline (S7)', async () => {
    const asked: unknown[] = [];
    const interpret = answering();
    const watched = (effect: unknown): Result => {
      asked.push(effect);
      return interpret(effect);
    };
    expect(runSync(twice(), watched, 1)).toBeNull();
    expect(asked).toHaveLength(2);
    const other = answering();
    expect(await runAsync(twice(), (effect) => Promise.resolve(other(effect)), 2)).toBeNull();
    expect(runSync(twice(), answering(), 3)).toBe(1);
  });
});
