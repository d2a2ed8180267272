// Journals made by hand: a few cycles of which every number is known.
import { join } from 'node:path';
import { writeJournalFile } from '../../../adapters/cli/journal-file.ts';
import {
  decide,
  JOURNAL_SCHEMA,
  JournalWriter,
  type DecisionRecord,
  type JournalHeader,
  type View,
} from '../../../engine/index.ts';
import { cluster, configured, MINUTE, view, worker, workers } from '../../engine/build.ts';

/** 2026-11-27 20:00:00 in Dhaka. */
export const EIGHT = Date.UTC(2026, 10, 27, 14);
const policy = configured('node-fleet');

export const HEADER: JournalHeader = {
  schema: JOURNAL_SCHEMA,
  source: 'test',
  scenario: 'Friday by hand',
  seed: 7,
  cycleSeconds: 120,
  faults: [],
  cluster: cluster(),
  policy: policy.policy.name,
  settings: policy.settings,
};

function seenAt(nowMs: number, changes: Partial<View>): View {
  const fresh = view(changes);
  const sampled = { sampledAtMs: nowMs - 10_000 };
  const metrics = Object.fromEntries(
    Object.entries(fresh.metrics).map(([name, reading]) => [name, { ...reading, ...sampled }]),
  ) as unknown as View['metrics'];
  const settled = fresh.workers.map((each) =>
    each.phase === 'ready' ? { ...each, readySinceMs: nowMs - 60 * MINUTE } : each,
  );
  return { ...fresh, nowMs, metrics, workers: settled };
}

function decidedAt(nowMs: number, changes: Partial<View>): DecisionRecord {
  const seen = seenAt(nowMs, changes);
  const { decision, explanation, memory } = decide(policy, cluster(), seen, []);
  return {
    startedAtMs: nowMs - 200,
    epoch: Math.floor(nowMs / 1000),
    outcome: 'decided',
    decided: { view: seen, memory: [], memoryAfter: memory, decision, explanation },
    events:
      decision.count === 0 ? [] : [{ code: 'launched', subject: 'spot/b', value: decision.count }],
  };
}

/**
 * An evening: quiet at 19:59:12, two nodes for pods that wait at 20:01:12, still cooling down at 20:04:00, the lock held by
 * another at 20:06.
 */
export function evening(): DecisionRecord[] {
  const firstMs = EIGHT + 72_000;
  const arriving = [
    ...workers(3),
    worker('i-04', { phase: 'booting' }),
    worker('i-05', { phase: 'booting' }),
  ];
  return [
    decidedAt(EIGHT - 48_000, {}),
    decidedAt(firstMs, { unschedulable: [3] }),
    decidedAt(EIGHT + 4 * MINUTE, {
      unschedulable: [19],
      workers: arriving,
      desired: 5,
      lastScaleUpAtMs: firstMs,
    }),
    { startedAtMs: EIGHT + 6 * MINUTE, epoch: 1, outcome: 'lock-held', decided: null, events: [] },
  ];
}

/** The bytes of a journal: its header and these records. */
export function journalOf(records: readonly DecisionRecord[], header: object = HEADER): Uint8Array {
  const writer = new JournalWriter(header);
  for (const record of records) {
    writer.append(record);
  }
  return writer.bytes.slice();
}

/** Writes a journal of that name into a folder, as `simulate --journal` does, and returns its path. */
export function writeJournal(
  folder: string,
  name: string,
  records: readonly DecisionRecord[] = evening(),
  header: object = HEADER,
): string {
  const path = join(folder, name);
  writeJournalFile(path, journalOf(records, header));
  return path;
}

const trial = configured('static', { nodeCount: 4 });
/** That evening with `static` 4 on trial beside it. */
export const SHADOWED_HEADER: JournalHeader = {
  ...HEADER,
  shadow: { policy: trial.policy.name, settings: trial.settings },
};
export function shadowed(): DecisionRecord[] {
  return evening().map((record) => {
    const { decided } = record;
    if (decided === null) {
      return record;
    }
    const shadow = { memoryBefore: [], ...decide(trial, cluster(), decided.view, []) };
    return { ...record, decided: { ...decided, shadow } };
  });
}
