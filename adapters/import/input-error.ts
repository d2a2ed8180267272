export { quoted } from '../../simulator/complaint.ts';

/**
 * Something wrong with what a person gave us. The message reads `FILE:LINE: what was found, what
 * was expected`, without the line where there is none to name. The command that meets it prints the
 * message and exits with 2.
 */
export class InputError extends Error {
  override readonly name = 'InputError';
  readonly file: string;
  readonly line: number | null;

  /** `problem` is the message without its place; `line` counts from 1. */
  constructor(file: string, line: number | null, problem: string) {
    super(`${place(file, line)}: ${problem}`);
    this.file = file;
    this.line = line;
  }
}

/** `FILE:LINE`, or `FILE` alone. */
export function place(file: string, line: number | null): string {
  return line === null ? file : `${file}:${String(line)}`;
}

/** What a failed file operation means to the person who named the file. */
export function fileError(file: string, error: unknown): InputError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') {
    return new InputError(file, null, 'found nothing here, expected a file');
  }
  if (code === 'EISDIR') {
    return new InputError(file, null, 'found a folder, expected a file');
  }
  if (code === 'EACCES') {
    return new InputError(file, null, 'found a file that may not be read');
  }
  const reason = error instanceof Error ? error.message : String(error);
  return new InputError(file, null, `could not be read (${reason})`);
}
