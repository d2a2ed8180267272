import { execFileSync } from 'node:child_process';
import { installFromDebian } from './debian.ts';

/** A shell in a terminal that nobody sees, by tmux: what is typed, and what is on the screen. */
export class ShellInTerminal {
  readonly #server: string;

  constructor(name: string, columns: number, rows: number, folder: string) {
    installFromDebian(['tmux'], ['tmux']);
    this.#server = `node-fleet-${name}-${String(process.pid)}`;
    const size = ['-x', String(columns), '-y', String(rows)];
    // A shell without anybody’s settings, its prompt a plain dollar.
    const shell = ['env', 'PS1=$ ', 'TERM=screen-256color', 'bash', '--norc', '--noprofile'];
    this.#tmux('-f', '/dev/null', 'new-session', '-d', ...size, '-c', folder, ...shell);
    this.#tmux('set', '-g', 'status', 'off');
  }

  /** Presses keys by tmux’s names, or types text. */
  press(...keys: readonly string[]): void {
    this.#tmux('send-keys', ...keys);
  }

  /** Types a command and Enter. */
  run(command: string): void {
    this.#tmux('send-keys', '-l', command);
    this.press('Enter');
  }

  resize(columns: number, rows: number): void {
    this.#tmux('resize-window', '-x', String(columns), '-y', String(rows));
  }

  /** The screen’s lines, without what is empty at their ends. */
  get lines(): string[] {
    return this.#tmux('capture-pane', '-p')
      .split('\n')
      .slice(0, -1)
      .map((line) => line.trimEnd());
  }

  get text(): string {
    return this.lines.join('\n');
  }

  /** Whether a program has the terminal’s other screen, and whether the cursor shows. */
  get state(): string {
    const format = '#{?alternate_on,other,first} screen, cursor #{?cursor_flag,shown,hidden}';
    return this.#tmux('display-message', '-p', format).trim();
  }

  /** The process that the shell has started. */
  get childPid(): number {
    const shell = this.#tmux('display-message', '-p', '#{pane_pid}').trim();
    const [pid] = execFileSync('ps', ['--ppid', shell, '-o', 'pid='], { encoding: 'utf8' })
      .trim()
      .split('\n');
    return Number(pid);
  }

  end(): void {
    this.#tmux('kill-server');
  }

  #tmux(...args: readonly string[]): string {
    return execFileSync('tmux', ['-L', this.#server, ...args], { encoding: 'utf8' });
  }
}
