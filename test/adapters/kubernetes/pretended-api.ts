import type { IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Certificate } from './certificate.ts';

export interface Answer {
  readonly status: number;
  readonly json: object;
}

/** JSON over TLS on loopback, as the Kubernetes API speaks it: what it answers is told by who pretends to be it. */
export abstract class PretendedApi {
  readonly #server: Server;

  constructor({ key, cert }: Certificate) {
    this.#server = createServer({ key, cert }, (request, reply) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString('utf8');
        const url = new URL(request.url ?? '', 'https://localhost');
        const parsed: unknown = body === '' ? null : JSON.parse(body);
        const { status, json } = this.answer(request, url, parsed);
        reply.writeHead(status, { 'content-type': 'application/json' });
        reply.end(JSON.stringify(json));
      });
    });
  }

  protected abstract answer(request: IncomingMessage, url: URL, body: unknown): Answer;

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get url(): string {
    return `https://127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
