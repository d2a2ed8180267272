import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
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

/** A Lambda sandbox: a process of the Node that Lambda has, with the built bundle and nothing of this one’s environment. */
export class Sandbox {
  /** All that it wrote, stdout and stderr. */
  output = '';
  readonly #child: ChildProcess;

  constructor(
    handler: 'scheduled' | 'spot' | 'alert',
    environment: Readonly<Record<string, string>>,
  ) {
    this.#child = fork(HARNESS, [BUNDLE, handler], {
      execPath: nodeBinary(22),
      env: environment,
      silent: true,
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => (this.output += chunk.toString('utf8')));
    }
  }

  async invoke<T>(event: unknown, timeoutMs = 60_000): Promise<Invoked<T>> {
    this.#child.send({ event, timeoutMs });
    const [message] = (await once(this.#child, 'message')) as [{ result: T; error?: string }];
    return { result: message.result, error: message.error ?? null };
  }

  /** Ends it by giving it nothing more to do: what would keep it alive would live on in a frozen sandbox (S7). */
  async end(): Promise<number> {
    this.#child.send('end');
    const [code] = (await once(this.#child, 'exit')) as [number];
    return code;
  }

  /** The JSON lines that it wrote. */
  get lines(): readonly Record<string, unknown>[] {
    return this.output
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }
}
