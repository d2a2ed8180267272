import { createServer, Agent, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { nothingTold } from '../../../adapters/aws/alarms.ts';
import { slackChannel, type WebhookSource } from '../../../adapters/aws/slack.ts';
import { CallFailed } from '../../../adapters/failure.ts';
import { makeCertificate } from '../kubernetes/certificate.ts';

const certificate = makeCertificate();
const agent = new Agent({ ca: certificate.cert });
const heard: { path: string; body: string }[] = [];
/** Webhooks that are taken; any other is 404, as a deleted one is. */
let valid = '/services/one';
let busy = false;
let server: Server;
let url = '';

beforeAll(async () => {
  server = createServer(certificate, (request, reply) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString('utf8')));
    request.on('end', () => {
      heard.push({ path: request.url ?? '', body });
      reply.statusCode = busy ? 429 : request.url === valid ? 200 : 404;
      reply.end('ok');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `https://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
});
afterAll(async () => {
  agent.destroy();
  await new Promise((resolve) => server.close(resolve));
});
beforeEach(() => {
  heard.length = 0;
  valid = '/services/one';
  busy = false;
});

function source(first: string, renewed = first): WebhookSource & { renewals: number } {
  const made = {
    renewals: 0,
    get: () => Promise.resolve(first),
    renew: () => {
      made.renewals++;
      return Promise.resolve(renewed);
    },
  };
  return made;
}
const send = (webhook: WebhookSource, text = 'x') =>
  slackChannel(webhook, agent, nothingTold()).send('shop: lost', text, AbortSignal.timeout(5_000));

test('the same text as by SNS is posted, and nothing in it is a link or a mention', async () => {
  await send(source(`${url}/services/one\n`), 'a <!channel> & b');
  expect(heard).toEqual([
    {
      path: '/services/one',
      body: JSON.stringify({ text: '*shop: lost*\na &lt;!channel&gt; &amp; b' }),
    },
  ]);
});

test('a webhook that is gone is read anew, and tried again if it is another', async () => {
  valid = '/services/two';
  await send(source(`${url}/services/one`, `${url}/services/two`));
  expect(heard.map(({ path }) => path)).toEqual(['/services/one', '/services/two']);
  await expect(send(source(`${url}/services/one`))).rejects.toThrow('Slack answered 404');
  expect(heard).toHaveLength(3);
});

test('one that is only busy is neither read anew nor asked again', async () => {
  busy = true;
  const webhook = source(`${url}/services/one`, `${url}/services/two`);
  await expect(send(webhook)).rejects.toThrow('Slack answered 429');
  expect([webhook.renewals, heard.length]).toEqual([0, 1]);
});

test.each(['hunter2', 'http://127.0.0.1/hunter2', ''])(
  'what is no https address is refused without a word of it: %s',
  async (address) => {
    const failed = await send(source(address)).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(CallFailed);
    expect(String(failed)).not.toContain('hunter2');
  },
);
