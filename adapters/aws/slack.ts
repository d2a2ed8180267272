import type { Agent } from 'node:https';
import { CallFailed } from '../failure.ts';
import { call } from '../http.ts';
import type { Channel, Told } from './alarms.ts';

/** Where the address of the incoming webhook comes from. Whoever has it may write to the channel: it is in no log or error. */
export interface WebhookSource {
  readonly get: (signal: AbortSignal) => Promise<string>;
  /** Reads it anew: it may have been replaced. */
  readonly renew: (signal: AbortSignal) => Promise<string>;
}

/** Tells people by an incoming webhook of Slack. A webhook that was refused is read anew, and tried once more if it is another. */
export function slackChannel(webhook: WebhookSource, agent: Agent, told: Told): Channel {
  return {
    name: 'Slack',
    told,
    send: async (subject, text, signal) => {
      const body = JSON.stringify({ text: `*${escaped(subject)}*\n${escaped(text)}` });
      const address = await webhook.get(signal);
      const status = await post(agent, address, body, signal);
      if (status === 200) {
        return;
      }
      const renewed = status < 500 && status !== 429 ? await webhook.renew(signal) : address;
      const again = renewed === address ? status : await post(agent, renewed, body, signal);
      if (again !== 200) {
        throw new CallFailed('refused', 'unavailable', `Slack answered ${String(again)}`);
      }
    },
  };
}

async function post(
  agent: Agent,
  address: string,
  body: string,
  signal: AbortSignal,
): Promise<number> {
  const url = URL.canParse(address.trim()) ? new URL(address.trim()) : null;
  if (url?.protocol !== 'https:') {
    throw new CallFailed(
      'refused',
      'unavailable',
      'the secret with Slack’s webhook is no https address',
    );
  }
  const headers = { 'content-type': 'application/json' };
  return (await call(agent, { method: 'POST', url, headers, body }, signal)).status;
}

/** What Slack would take for a link or a mention. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
