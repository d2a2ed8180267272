import { spawn, type ChildProcess } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';

/** A program that was started, and how it is ended. */
export interface Running {
  readonly url: string;
  stop(): Promise<void>;
}

/** A port on loopback that nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts a program and waits until it is ready: answers at a URL, or says so. Throws with its last words when it ends before. */
export async function start(
  command: string,
  args: readonly string[],
  url: string,
  ready: string | (() => Promise<boolean>),
): Promise<Running> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let words = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      words = (words + chunk.toString('utf8')).slice(-4000);
    });
  }
  let failed: Error | null = null;
  child.on('error', (error) => (failed = error));
  const isReady = typeof ready === 'string' ? () => fetch(ready).then(({ ok }) => ok) : ready;
  const giveUpAtMs = Date.now() + 60_000;
  for (;;) {
    if (failed !== null || child.exitCode !== null || Date.now() > giveUpAtMs) {
      await stop(child);
      throw new Error(`${command} did not start: ${String(failed ?? words)}`);
    }
    if (await isReady().catch(() => false)) {
      return { url, stop: () => stop(child) };
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}
