import { PublishCommand, type SNSClient } from '@aws-sdk/client-sns';
import type { Alarm } from '../../engine/index.ts';
import type { Performers } from '../answer.ts';
import { errorWords } from '../failure.ts';
import type { Log } from './log.ts';

/** An alarm that lasts is told this often; a cycle runs every two minutes. */
const TELL_EVERY_MS = 30 * 60_000;
/** Whatever happens, nobody is sent more: what is not told now is told with what comes next. */
const MESSAGES_MAX = 12;
const MESSAGES_PER_MS = 60 * 60_000;
/** SNS takes no more. */
const SUBJECT_MAX = 100;

/** What was told by one way and when: kept for the life of the sandbox; a new one tells again. */
export interface Told {
  /** By code and subject. */
  readonly alarms: Map<string, number>;
  /** When messages were sent, lately. */
  messages: readonly number[];
}

export function nothingTold(): Told {
  return { alarms: new Map(), messages: [] };
}

function keyOf({ code, subject }: Alarm): string {
  return `${code} ${subject}`;
}

/** Alarms that were not told of their subject lately, each once; none, where too many messages were sent within the hour. */
export function dueAlarms(alarms: readonly Alarm[], told: Told, nowMs: number): readonly Alarm[] {
  const lately = told.messages.filter((atMs) => nowMs - atMs < MESSAGES_PER_MS);
  if (lately.length >= MESSAGES_MAX) {
    return [];
  }
  const due = new Map<string, Alarm>();
  for (const alarm of alarms) {
    const key = keyOf(alarm);
    if (nowMs - (told.alarms.get(key) ?? -Infinity) >= TELL_EVERY_MS && !due.has(key)) {
      due.set(key, alarm);
    }
  }
  return [...due.values()];
}

/** Notes that these were told. What was told long ago is forgotten. */
export function noteTold(alarms: readonly Alarm[], told: Told, nowMs: number): void {
  for (const [key, atMs] of told.alarms) {
    if (nowMs - atMs >= TELL_EVERY_MS) {
      told.alarms.delete(key);
    }
  }
  for (const alarm of alarms) {
    told.alarms.set(keyOf(alarm), nowMs);
  }
  told.messages = [...told.messages.filter((atMs) => nowMs - atMs < MESSAGES_PER_MS), nowMs];
}

/** A way of telling people. It rejects with what went wrong. */
export interface Channel {
  readonly name: string;
  readonly told: Told;
  readonly send: (subject: string, text: string, signal: AbortSignal) => Promise<void>;
}

export function snsChannel(client: SNSClient, topic: string, told: Told): Channel {
  return {
    name: 'SNS',
    told,
    send: async (subject, text, signal) => {
      const message = { Subject: subject.slice(0, SUBJECT_MAX), Message: text };
      await client.send(new PublishCommand({ TopicArn: topic, ...message }), {
        abortSignal: signal,
      });
    },
  };
}

export interface AlarmFacts {
  readonly clusterId: string;
  readonly decisionId: string;
}

/**
 * Tells people by every way at once, each code and subject at most every half hour. A way that fails is logged and tries again
 * with the next cycle’s alarms; it is a failure of the effect only where every one failed.
 */
export function alarmPerformer(
  channels: readonly Channel[],
  { clusterId, decisionId }: AlarmFacts,
  clock: () => number,
  log: Log,
): Performers<'notify'> {
  return {
    notify: async ({ alarms }, signal) => {
      const nowMs = clock();
      const failures: unknown[] = [];
      const tell = async ({ name, told, send }: Channel): Promise<void> => {
        const due = dueAlarms(alarms, told, nowMs);
        if (due.length === 0) {
          return;
        }
        const codes = [...new Set(due.map(({ code }) => code))].join(', ');
        const lines = due.map(({ code, subject }) => `${code}: ${subject}`);
        const text = [...lines, '', `Decision ${decisionId}`].join('\n');
        try {
          await send(`${clusterId}: ${codes}`, text, signal);
          noteTold(due, told, nowMs);
        } catch (error) {
          failures.push(error);
          log('warn', 'not told', { by: name, error: errorWords(error) });
        }
      };
      await Promise.all(channels.map(tell));
      if (failures.length === channels.length) {
        throw failures[0];
      }
      return { ok: true };
    },
  };
}
