import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { nodeBinary } from '../node-binary.ts';

const HARNESS = fileURLToPath(new URL('invoke.mjs', import.meta.url));
const BUNDLE = pathToFileURL(
  fileURLToPath(new URL('../../../dist/lambda/index.mjs', import.meta.url)),
).href;

export interface Invoked<T> {
  readonly result: T;
  /** Why it failed, in its own words; null: it did not. */
  readonly error: string | null;
}

/** Where an invocation’s clock stands, and the nonce that chance would give it: 16 hex digits, or 8. */
export interface Stage {
  readonly nowMs: number;
  readonly nonce: string;
}

interface Message {
  readonly id: number;
  readonly begun?: true;
  readonly result?: unknown;
  readonly error?: string;
}

/** A Lambda sandbox: a process of the Node that Lambda has, with the built bundle and nothing of this one’s environment. */
export class Sandbox {
  /** All that it wrote, stdout and stderr. */
  output = '';
  readonly #child: ChildProcess;
  readonly #exited: Promise<number | null>;
  readonly #waiting = new Map<
    number,
    { begun: (() => void) | undefined; done: (message: Message) => void }
  >();
  #invocations = 0;

  /** @param staged every invocation brings its own clock and nonce */
  constructor(
    handler: 'scheduled' | 'spot' | 'alert',
    environment: Readonly<Record<string, string>>,
    staged = false,
  ) {
    this.#child = fork(HARNESS, [BUNDLE, handler, ...(staged ? ['staged'] : [])], {
      execPath: nodeBinary(22),
      env: environment,
      silent: true,
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => (this.output += chunk.toString('utf8')));
    }
    this.#child.on('message', (message: Message) => {
      const waiting = this.#waiting.get(message.id);
      if (message.begun === true) {
        waiting?.begun?.();
      } else {
        this.#waiting.delete(message.id);
        waiting?.done(message);
      }
    });
    this.#exited = once(this.#child, 'exit').then(([code]: (number | null)[]) => {
      for (const [id, { done }] of this.#waiting) {
        done({ id, error: 'the sandbox ended' });
      }
      return code ?? null;
    });
  }

  /** @param begun is called when the handler is */
  async invoke<T>(
    event: unknown,
    timeoutMs = 60_000,
    stage?: Stage,
    begun?: () => void,
  ): Promise<Invoked<T>> {
    const id = this.#invocations++;
    const answered = new Promise<Message>((done) => this.#waiting.set(id, { begun, done }));
    this.#child.send({ id, event, timeoutMs, ...stage });
    const { result, error } = await answered;
    return { result: result as T, error: error ?? null };
  }

  /** Ends it by giving it nothing more to do: what would keep it alive would live on in a frozen sandbox (S7). */
  async end(): Promise<number | null> {
    this.#child.send('end');
    return this.#exited;
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  /** The most memory that it ever had, MB, as Linux counts it. */
  get peakMemoryMb(): number {
    const status = readFileSync(`/proc/${String(this.#child.pid)}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
  }

  /** The JSON lines that it wrote. */
  get lines(): readonly Record<string, unknown>[] {
    return this.output
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }
}
