const QUIET_MS = 1000;

/** One line on a terminal’s stderr that rewrites itself, from the first second on; nothing anywhere else. */
export class Progress {
  readonly #beganAtMs = performance.now();
  #shown = false;

  show(text: string): void {
    if (process.stderr.isTTY !== true || performance.now() - this.#beganAtMs < QUIET_MS) {
      return;
    }
    this.#shown = true;
    process.stderr.write(`\r\u001b[2K${text}`);
  }

  clear(): void {
    if (this.#shown) {
      process.stderr.write('\r\u001b[2K');
      this.#shown = false;
    }
  }
}
