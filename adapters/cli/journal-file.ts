import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, format, parse } from 'node:path';
import * as z from 'zod';
import {
  configurePolicy,
  JOURNAL_SCHEMA,
  JournalError,
  readJournal,
  redecide,
  type Cluster,
  type ConfiguredPolicy,
  type Journal,
  type JournalHeader,
  type Redecided,
  type ReadRecord,
} from '../../engine/index.ts';
import { AT_MS_MAX, OFFSET_MINUTES_MAX, OFFSET_MINUTES_MIN } from '../../simulator/instants.ts';
import { fileError, InputError, quoted } from '../import/input-error.ts';
import { ENGINE_DIGEST } from './project.ts';
import { fileBeginsWith, writeFileWhole } from './write-file.ts';

export const JOURNAL_FILE_SCHEMA = 'node-fleet/journal-file@1';

/** SHA-256 of a journal’s bytes as hex: the digest that every result prints. */
export function journalDigest(journal: Uint8Array): string {
  return createHash('sha256').update(journal).digest('hex');
}

/** `run.journal` for a policy among several is `run.POLICY.journal`. */
export function journalPath(path: string, policy: string, several: boolean): string {
  if (!several) {
    return path;
  }
  const { dir, name, ext } = parse(path);
  return format({ dir, name: `${name}.${policy}`, ext });
}

/** InputError unless a journal may be written there: nothing is lost but, with `force`, an older journal. */
export function checkJournalPath(path: string, force: boolean): void {
  if (!existsSync(path)) {
    if (!existsSync(dirname(path))) {
      throw new InputError(path, null, 'found no folder to write it in');
    }
    return;
  }
  if (!force) {
    throw new InputError(path, null, 'found a file, expected none (--force replaces a journal)');
  }
  if (!isJournalFile(path)) {
    throw new InputError(path, null, 'found something that is no journal, which is not replaced');
  }
}

/**
 * One line of JSON, then the journal’s bytes as they are: `tail -n +2 FILE | sha256sum` gives the digest in that line.
 */
export function writeJournalFile(
  path: string,
  journal: Uint8Array,
  engineDigest = ENGINE_DIGEST,
): void {
  const header = {
    schema: JOURNAL_FILE_SCHEMA,
    engineDigest,
    sha256: journalDigest(journal),
  };
  writeFileWhole(path, Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), journal]));
}

/** A journal as its file has it. */
export interface JournalFile {
  readonly path: string;
  /** The engine that wrote it; null for the bytes of a journal alone, which do not say. */
  readonly engineDigest: string | null;
  readonly header: JournalHeader;
  /** What decided, as the header has it. */
  readonly configured: ConfiguredPolicy;
  /** What decided beside it; null: nothing. */
  readonly shadow: ConfiguredPolicy | null;
  /** At least one. */
  readonly records: readonly ReadRecord[];
  /** Where a file that was cut off ends, in words; null: it is whole. */
  readonly cutOff: string | null;
}

const fileHeader = z.object({
  schema: z.literal(JOURNAL_FILE_SCHEMA),
  engineDigest: z.string(),
  sha256: z.string(),
});

const journalHeader = z.object({
  schema: z.literal(JOURNAL_SCHEMA),
  source: z.string(),
  scenario: z.string(),
  seed: z.number(),
  cycleSeconds: z.number().positive(),
  faults: z.array(z.record(z.string(), z.unknown())),
  cluster: z.custom<Cluster>(
    (value) =>
      z
        .looseObject({
          id: z.string(),
          zones: z.array(z.string()),
          template: z.object({ allocatableMillicpu: z.number(), allocatableMib: z.number() }),
          onDemandBdtPerHour: z.number(),
          spotBdtPerHour: z.number(),
          timeZoneOffsetMinutes: z.int().min(OFFSET_MINUTES_MIN).max(OFFSET_MINUTES_MAX),
          operatorDelaysMs: z.array(z.number()),
          calendar: z.array(
            z.object({ name: z.string(), startAtMs: z.number(), endAtMs: z.number() }),
          ),
        })
        .safeParse(value).success,
    'expected a cluster',
  ),
  policy: z.string(),
  settings: z.record(z.string(), z.number()),
  shadow: z.object({ policy: z.string(), settings: z.record(z.string(), z.number()) }).optional(),
});

/**
 * Reads a journal: the file that `simulate --journal` writes, or the bytes of a journal alone. Of one that was cut off,
 * whatever stands before is kept, with words for the end. InputError when it is no journal, when bytes in it were changed, or
 * when this engine does not know what decided.
 */
export function readJournalFile(path: string): JournalFile {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw fileError(path, error);
  }
  const outer = outerHeader(path, bytes);
  const begin = outer === null ? 0 : bytes.indexOf(NEWLINE) + 1;
  const journal = bytes.subarray(begin);
  const { header: raw, records, cutOff } = recordsOf(path, journal, begin);
  const sha256 = journalDigest(journal);
  if (cutOff === null && outer !== null && sha256 !== outer.sha256) {
    const digests = [sha256, outer.sha256].map((digest) => `${digest.slice(0, 12)}…`);
    const problem = `found a journal that was changed or cut off: its SHA-256 is ${digests[0]}, expected ${digests[1]} by its first line`;
    throw new InputError(path, null, problem);
  }
  const parsed = journalHeader.safeParse(raw);
  if (!parsed.success) {
    const [{ path: keys, message }] = parsed.error.issues;
    const problem = `found the header of a journal with a bad ${keys.join('.')}: ${message}`;
    throw new InputError(path, outer === null ? 1 : 2, problem);
  }
  const { shadow, ...others } = parsed.data;
  const header = shadow === undefined ? others : { ...others, shadow };
  if (records.length === 0) {
    throw new InputError(path, null, cutOff ?? 'found a journal without a single cycle');
  }
  return {
    path,
    engineDigest: outer?.engineDigest ?? null,
    header,
    configured: configuredIn(path, header),
    shadow: shadow === undefined ? null : configuredIn(path, shadow),
    records,
    cutOff,
  };
}

/** What was run, in a few words: `node-fleet on Flash sale`, `seed 1`. Only a simulator has a seed. */
export function sourceFacts({ source, scenario, policy, seed }: JournalHeader): string[] {
  const what = `${policy} on ${scenario}`;
  return source === 'lambda' ? [what] : [what, `seed ${String(seed)}`];
}

/** Decides again on every record, as `redecide` does. InputError where damage that no digest shows makes that impossible. */
export function* redecideFile(
  { path, engineDigest, records, header, configured, shadow }: JournalFile,
  other?: ConfiguredPolicy,
): Generator<Redecided | null, void, undefined> {
  const again =
    other === undefined
      ? redecide(records, configured, header.cluster, 'journal', shadow)
      : redecide(records, other, header.cluster, 'itself');
  for (let number = 1; ; number++) {
    let next;
    try {
      next = again.next();
    } catch (error) {
      if (engineDigest !== null) {
        throw error;
      }
      throw new InputError(
        path,
        null,
        `found cycle ${String(number)} damaged: nothing follows from it`,
      );
    }
    if (next.done === true) {
      return;
    }
    yield next.value;
  }
}

const NEWLINE = 10;

/** The first line of a journal file; null when the bytes begin with the journal’s own header. */
function outerHeader(path: string, bytes: Uint8Array): z.output<typeof fileHeader> | null {
  const expected = 'expected a journal as simulate --journal writes it';
  const end = bytes.indexOf(NEWLINE);
  let line: unknown;
  try {
    line = JSON.parse(new TextDecoder().decode(bytes.subarray(0, Math.max(0, end))));
  } catch {
    const found = bytes.length === 0 ? 'an empty file' : 'a file that is none';
    throw new InputError(path, null, `found ${found}, ${expected}`);
  }
  const schema = (line as { schema?: unknown } | null)?.schema;
  if (schema === JOURNAL_SCHEMA) {
    return null;
  }
  const parsed = fileHeader.safeParse(line);
  if (parsed.success) {
    return parsed.data;
  }
  const found =
    typeof schema === 'string' ? `the format ${quoted(schema)}` : 'JSON that is no journal';
  const known = `expected ${quoted(JOURNAL_FILE_SCHEMA)} or ${quoted(JOURNAL_SCHEMA)}`;
  throw new InputError(path, 1, `found ${found}, ${known}`);
}

/** What is in a journal’s bytes, and where they are cut off, by the byte of the file. */
function recordsOf(
  path: string,
  bytes: Uint8Array,
  begin: number,
): Journal<unknown> & { readonly cutOff: string | null } {
  let journal: Journal<unknown>;
  let cutOff: string | null = null;
  try {
    journal = readJournal<unknown>(bytes);
  } catch (error) {
    if (!(error instanceof JournalError)) {
      throw error;
    }
    const { whole, offset, message } = error;
    if (whole === null) {
      throw new InputError(path, null, `found no journal after its first line (${message})`);
    }
    journal = whole;
    const cycle = `cycle ${String(whole.records.length + 1)}`;
    const at = `byte ${String(begin + offset)} of ${String(begin + bytes.length)}`;
    if (offset < bytes.length) {
      throw new InputError(path, null, `found ${cycle} damaged at ${at} (${message})`);
    }
    cutOff = `found a journal that ends in the middle of ${cycle}, at ${at}`;
  }
  const lost = journal.records.findIndex(
    ({ startedAtMs, decided }) =>
      !isTime(startedAtMs) || (decided !== null && !isTime(decided.view.nowMs)),
  );
  if (lost !== -1) {
    throw new InputError(
      path,
      null,
      `found cycle ${String(lost + 1)} damaged: at no time there is`,
    );
  }
  return { ...journal, cutOff };
}

function isTime(atMs: number): boolean {
  return atMs >= 0 && atMs <= AT_MS_MAX;
}

function configuredIn(
  path: string,
  { policy, settings }: Pick<JournalHeader, 'policy' | 'settings'>,
): ConfiguredPolicy {
  const result = configurePolicy(policy, settings);
  if (result.ok) {
    return result.configured;
  }
  const problems = result.problems.map(({ message }) => message).join('; ');
  const problem = `found a journal that this engine cannot decide again: ${problems}`;
  throw new InputError(path, null, problem);
}

function isJournalFile(path: string): boolean {
  return fileBeginsWith(path, `{"schema":"${JOURNAL_FILE_SCHEMA}"`);
}
