import { Agent, createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { failureOf } from '../../adapters/failure.ts';
import { call } from '../../adapters/http.ts';

let server: Server | null = null;
const agent = new Agent({ keepAlive: true });

afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => server?.close(resolve) ?? resolve(null));
  server = null;
});

async function listen(handle: Parameters<typeof createServer>[1]): Promise<URL> {
  server = createServer(handle!);
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  return new URL(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}/x`);
}

test('an answer of any status is an answer, with its whole body', async () => {
  const url = await listen((request, reply) => {
    request.resume();
    request.on('end', () => {
      reply.writeHead(429);
      reply.write('slow ');
      reply.end(request.method);
    });
  });
  const wanted = { method: 'POST', url, headers: {}, body: 'körper' };
  expect(await call(agent, wanted, AbortSignal.timeout(5_000))).toEqual({
    status: 429,
    body: 'slow POST',
  });
});

test('a peer that hangs is given up when the time is over, and may have done it', async () => {
  const url = await listen(() => {});
  const hung = call(agent, { method: 'GET', url, headers: {} }, AbortSignal.timeout(50));
  expect(failureOf(await hung.catch((error: unknown) => error))).toMatchObject({
    certainty: 'unknown',
    reason: 'timeout',
  });
});

test('a body that hangs half-way is given up as well', async () => {
  const url = await listen((_request, reply) => {
    reply.writeHead(200);
    reply.write('half');
  });
  const hung = call(agent, { method: 'GET', url, headers: {} }, AbortSignal.timeout(50));
  expect(failureOf(await hung.catch((error: unknown) => error)).reason).toBe('timeout');
});

test('a body that breaks off half-way is no answer', async () => {
  const url = await listen((_request, reply) => {
    reply.writeHead(200, { 'content-length': '10' });
    reply.write('half', () => reply.destroy());
  });
  const broken = call(agent, { method: 'GET', url, headers: {} }, AbortSignal.timeout(5_000));
  expect(failureOf(await broken.catch((error: unknown) => error))).toMatchObject({
    certainty: 'unknown',
    reason: 'unavailable',
  });
});

test('a connection that breaks off may have done it; one that never was has not', async () => {
  const url = await listen((request) => request.socket.destroy());
  const broken = call(agent, { method: 'GET', url, headers: {} }, AbortSignal.timeout(5_000));
  expect(failureOf(await broken.catch((error: unknown) => error))).toMatchObject({
    certainty: 'unknown',
    reason: 'unavailable',
  });
  await new Promise((resolve) => server!.close(resolve));
  const refused = call(agent, { method: 'GET', url, headers: {} }, AbortSignal.timeout(5_000));
  expect(failureOf(await refused.catch((error: unknown) => error))).toMatchObject({
    certainty: 'refused',
    reason: 'unavailable',
  });
});
