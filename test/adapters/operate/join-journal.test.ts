import { expect, test } from 'vitest';
import { joinJournals } from '../../../adapters/operate/join-journal.ts';
import {
  JOURNAL_SCHEMA,
  JournalError,
  JournalWriter,
  readJournal,
  type CycleOutcome,
  type DecisionRecord,
} from '../../../engine/index.ts';

function record(startedAtMs: number, outcome: CycleOutcome, subject: string): DecisionRecord {
  return {
    startedAtMs,
    epoch: startedAtMs / 1000,
    outcome,
    decided: null,
    events: [{ code: 'effect-failed', subject, value: 0 }],
  };
}

function item(each: DecisionRecord, { policy = 'p', engine = 'e1' } = {}) {
  const writer = new JournalWriter({ schema: JOURNAL_SCHEMA, policy });
  writer.append(each);
  return { engine: { S: engine }, journal: { B: writer.bytes } };
}

const records = [
  record(7_000, 'lock-held', 'a'),
  record(9_000, 'stale-trigger', 'b'),
  record(8_000, 'too-soon', 'a'),
];

test('items with one header are one journal, each record whole: time, epoch and names', () => {
  const [run, ...others] = joinJournals(records.map((each) => item(each)));
  expect(others).toEqual([]);
  expect(run).toMatchObject({ engine: 'e1', fromMs: 7_000, toMs: 8_000, cycles: 3, decided: 0 });
  expect(readJournal(run.bytes).records).toEqual(records);
});

test('another header or another engine begins another journal', () => {
  const [a, b, c] = records;
  const runs = joinJournals([
    item(a),
    item(b, { policy: 'q' }),
    item(c, { policy: 'q', engine: 'e2' }),
  ]);
  expect(runs.map(({ bytes }) => readJournal(bytes).header['policy'])).toEqual(['p', 'q', 'q']);
  expect(runs.map(({ engine }) => engine)).toEqual(['e1', 'e1', 'e2']);
});

test('an item that holds no journal is an error', () => {
  expect(() => joinJournals([{ engine: { S: 'e1' } }])).toThrow(JournalError);
});
