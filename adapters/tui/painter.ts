import { EventEmitter } from 'node:events';

/** As much of a terminal as is drawn on. */
export interface Terminal {
  readonly columns: number;
  readonly rows: number;
  write(text: string): unknown;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

/** The other screen of the terminal, which leaves no trace on the first, without a cursor. */
const ENTER = '\u001b[?1049h\u001b[?25l\u001b[2J';
const LEAVE = '\u001b[?25h\u001b[?1049l';
/** Terminals that know them show what is between at once; others ignore them. */
const BEGIN_FRAME = '\u001b[?2026h';
const END_FRAME = '\u001b[?2026l';

/**
 * What Ink draws to: it gets whole frames, and writes the lines that are not as they were. So a frame costs what it changes,
 * nothing flickers, and the last row can be used, which Ink’s own output cannot without clearing the screen each time.
 */
export class Painter extends EventEmitter {
  readonly isTTY = true;
  readonly #terminal: Terminal;
  #shown: readonly string[] = [];
  #wanted: readonly string[] | null = null;
  #hasEnded = false;
  readonly #resized = (): void => {
    // Terminals move what they show, each in its own way.
    this.#shown = [];
    this.#terminal.write('\u001b[2J');
    this.emit('resize');
  };

  constructor(terminal: Terminal) {
    super();
    this.#terminal = terminal;
    terminal.on('resize', this.#resized);
    terminal.write(ENTER);
  }

  get columns(): number {
    return this.#terminal.columns;
  }

  get rows(): number {
    return this.#terminal.rows;
  }

  /** Takes a frame. Of those that come at once only the last is painted. */
  write(frame: string): boolean {
    if (this.#wanted === null) {
      setImmediate(() => {
        this.#paint();
      });
    }
    this.#wanted = frame.split('\n');
    return true;
  }

  /** What leaves the terminal as it was before. Nothing is painted afterwards. */
  end(): string {
    this.#terminal.off('resize', this.#resized);
    this.#hasEnded = true;
    return LEAVE;
  }

  #paint(): void {
    if (this.#hasEnded) {
      return;
    }
    const lines = (this.#wanted ?? []).slice(0, this.rows);
    this.#wanted = null;
    let changes = '';
    for (let row = 0; row < Math.max(lines.length, this.#shown.length); row++) {
      const line = lines[row] ?? '';
      if (line !== (this.#shown[row] ?? '')) {
        changes += `\u001b[${String(row + 1)};1H\u001b[0m${line}\u001b[0m\u001b[K`;
      }
    }
    this.#shown = lines;
    if (changes !== '') {
      this.#terminal.write(BEGIN_FRAME + changes + END_FRAME);
    }
  }
}
