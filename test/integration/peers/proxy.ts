import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** `refuse` ends every connection; `hang` lets nothing through; `drip` lets answers through, five bytes a second. */
export type Trouble = 'refuse' | 'hang' | 'drip';

const DRIP_MS = 200;

/** A TCP proxy before a peer, which can be made to trouble it in the middle of anything. */
export class Proxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #trouble: Trouble | null = null;

  private constructor(port: number) {
    this.#server = createServer((near) => {
      const far = connect(port, '127.0.0.1');
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from);
        from.on('error', () => to.destroy());
        from.on('close', () => {
          this.#sockets.delete(from);
          to.destroy();
        });
        from.on('data', (chunk: Buffer) => this.#pass(chunk, to, from === far));
      }
      if (this.#trouble === 'refuse') {
        near.resetAndDestroy();
      }
    });
  }

  /** @param url of the peer */
  static async before(url: string): Promise<Proxy> {
    const proxy = new Proxy(Number(new URL(url).port));
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  /** The peer’s address by this way. */
  by(url: string): string {
    const { port } = this.#server.address() as AddressInfo;
    return `${new URL(url).protocol}//127.0.0.1:${String(port)}`;
  }

  /** From now on; null: none any more. */
  set trouble(trouble: Trouble | null) {
    this.#trouble = trouble;
    if (trouble === 'refuse') {
      this.#sockets.forEach((each) => each.resetAndDestroy());
    }
  }

  async stop(): Promise<void> {
    this.#sockets.forEach((each) => each.destroy());
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #pass(chunk: Buffer, to: Socket, isAnswer: boolean): void {
    if (this.#trouble === null) {
      to.write(chunk);
    } else if (this.#trouble === 'drip') {
      if (!isAnswer) {
        to.write(chunk);
        return;
      }
      let at = 0;
      const timer = setInterval(() => {
        if (at >= chunk.length || to.destroyed) {
          clearInterval(timer);
        } else {
          to.write(chunk.subarray(at, ++at));
        }
      }, DRIP_MS);
    }
  }
}
