import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { InputError } from '../import/input-error.ts';

/** Writes a file whole or not at all: beside it first, then renamed. InputError when it cannot be written. */
export function writeFileWhole(path: string, content: Uint8Array | string): void {
  const draft = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  try {
    writeFileSync(draft, content, { flag: 'wx' });
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    const reason = error instanceof Error ? error.message : String(error);
    throw new InputError(path, null, `could not be written (${reason})`);
  }
}
