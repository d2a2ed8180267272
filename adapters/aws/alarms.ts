import { PublishCommand, type SNSClient } from '@aws-sdk/client-sns';
import type { Alarm } from '../../engine/index.ts';
import type { Performers } from '../answer.ts';

/** An alarm that lasts is told this often; a cycle runs every two minutes. */
const TELL_EVERY_MS = 30 * 60_000;
/** SNS takes no more. */
const SUBJECT_MAX = 100;

/** When each code was last told: kept for the life of the sandbox; a new one tells again. */
export type Told = Map<string, number>;

/** Alarms whose code was not told lately. */
export function dueAlarms(alarms: readonly Alarm[], told: Told, nowMs: number): readonly Alarm[] {
  return alarms.filter(({ code }) => nowMs - (told.get(code) ?? -Infinity) >= TELL_EVERY_MS);
}

export interface AlarmFacts {
  readonly topic: string;
  readonly clusterId: string;
  readonly decisionId: string;
}

/** Tells people by SNS, each code at most every half hour. */
export function alarmPerformer(
  client: SNSClient,
  { topic, clusterId, decisionId }: AlarmFacts,
  told: Told,
  clock: () => number,
): Performers<'notify'> {
  return {
    notify: async ({ alarms }, signal) => {
      const nowMs = clock();
      const due = dueAlarms(alarms, told, nowMs);
      if (due.length === 0) {
        return { ok: true };
      }
      const codes = [...new Set(due.map(({ code }) => code))];
      const lines = due.map(({ code, subject }) => `${code}: ${subject}`);
      const command = new PublishCommand({
        TopicArn: topic,
        Subject: `${clusterId}: ${codes.join(', ')}`.slice(0, SUBJECT_MAX),
        Message: [...lines, '', `Decision ${decisionId}`].join('\n'),
      });
      await client.send(command, { abortSignal: signal });
      for (const code of codes) {
        told.set(code, nowMs);
      }
      return { ok: true };
    },
  };
}
