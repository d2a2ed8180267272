import { createHash } from 'node:crypto';
import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { dirname, format, parse } from 'node:path';
import { InputError } from '../import/input-error.ts';
import { ENGINE_DIGEST } from './project.ts';
import { writeFileWhole } from './write-file.ts';

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
export function writeJournalFile(path: string, journal: Uint8Array): void {
  const header = {
    schema: JOURNAL_FILE_SCHEMA,
    engineDigest: ENGINE_DIGEST,
    sha256: journalDigest(journal),
  };
  writeFileWhole(path, Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), journal]));
}

function isJournalFile(path: string): boolean {
  const beginning = Buffer.from(`{"schema":"${JOURNAL_FILE_SCHEMA}"`);
  const read = Buffer.alloc(beginning.length);
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    readSync(file, read, 0, read.length, 0);
  } catch {
    return false;
  } finally {
    if (file !== undefined) {
      closeSync(file);
    }
  }
  return read.equals(beginning);
}
