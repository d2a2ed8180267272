import {
  closeSync,
  linkSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { InputError } from '../import/input-error.ts';

/**
 * Writes a file whole or not at all: beside it first, then renamed. InputError when it cannot be written, or with `replaces`
 * false when something is there.
 */
export function writeFileWhole(
  path: string,
  content: Uint8Array | string,
  { replaces = true } = {},
): void {
  const draft = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  try {
    writeFileSync(draft, content, { flag: 'wx' });
    if (replaces) {
      renameSync(draft, path);
    } else {
      linkSync(draft, path);
      rmSync(draft);
    }
  } catch (error) {
    rmSync(draft, { force: true });
    const reason = error instanceof Error ? error.message : String(error);
    throw new InputError(path, null, `could not be written (${reason})`);
  }
}

/** Whether a file begins with this text. A folder, or what may not be read, does not. */
export function fileBeginsWith(path: string, text: string): boolean {
  const beginning = Buffer.from(text);
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
