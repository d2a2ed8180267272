import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { readJournal } from '../../engine/index.ts';

const NEWLINE = 10;

/** Neighbouring records that one engine took under one header: one cluster, policy, settings and calendar. */
export interface JournalRun {
  readonly engine: string;
  /** A whole journal: header and records. */
  readonly bytes: Uint8Array;
  readonly fromMs: number;
  readonly toMs: number;
  readonly cycles: number;
  readonly decided: number;
}

type Growing = { -readonly [K in keyof Omit<JournalRun, 'bytes'>]: JournalRun[K] } & {
  readonly header: string;
  readonly parts: Uint8Array[];
};

/**
 * Joins items of the journal table, in their order, to whole journals: a new one begins where engine or header changes.
 * @throws JournalError where an item holds no journal
 */
export function joinJournals(
  items: readonly Readonly<Record<string, AttributeValue>>[],
): JournalRun[] {
  const runs: Growing[] = [];
  for (const item of items) {
    const bytes = item['journal']?.B ?? new Uint8Array();
    const engine = item['engine']?.S ?? '';
    const { records } = readJournal(bytes);
    const end = bytes.indexOf(NEWLINE) + 1;
    const header = Buffer.from(bytes.subarray(0, end)).toString('utf8');
    let run = runs.at(-1);
    if (run === undefined || run.engine !== engine || run.header !== header) {
      const fromMs = records[0]?.startedAtMs ?? 0;
      const parts = [bytes.subarray(0, end)];
      run = { engine, header, parts, fromMs, toMs: fromMs, cycles: 0, decided: 0 };
      runs.push(run);
    }
    run.parts.push(bytes.subarray(end));
    for (const { startedAtMs, outcome } of records) {
      run.toMs = startedAtMs;
      run.cycles++;
      run.decided += outcome === 'decided' ? 1 : 0;
    }
  }
  return runs.map(({ engine, parts, fromMs, toMs, cycles, decided }) => ({
    engine,
    bytes: Buffer.concat(parts),
    fromMs,
    toMs,
    cycles,
    decided,
  }));
}
