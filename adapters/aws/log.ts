/** What a log line may say besides its message: never an error itself, nor anything that was received. */
export type LogFields = Readonly<Record<string, string | number | null>>;
export type Log = (level: 'info' | 'warn' | 'error', message: string, fields?: LogFields) => void;

/** One line of JSON on stdout, which is where Lambda’s log and its embedded metrics are read from. */
export function writeLine(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/**
 * A log whose every line carries these fields.
 * @param always such as the decision’s id: `cluster_id/started_at_ms`, the key of its journal item
 */
export function logWith(always: LogFields): Log {
  return (level, message, fields = {}) => {
    writeLine({ level, message, ...always, ...fields });
  };
}
