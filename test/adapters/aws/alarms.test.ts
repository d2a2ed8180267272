import { expect, test } from 'vitest';
import type { Alarm } from '../../../engine/index.ts';
import {
  alarmPerformer,
  dueAlarms,
  noteTold,
  nothingTold,
  type Channel,
} from '../../../adapters/aws/alarms.ts';
import { embeddedMetrics } from '../../../adapters/aws/metrics.ts';
import { parseAccess } from '../../../adapters/aws/secrets.ts';
import { CallFailed } from '../../../adapters/failure.ts';

const MINUTE = 60_000;
const halfHourMs = 30 * MINUTE;
const lost: Alarm = { code: 'state-lost', subject: 'shop' };
const stuck: Alarm = { code: 'drain-stuck', subject: 'i-1' };

test('an alarm is told again after half an hour, each code and subject by itself', () => {
  const told = nothingTold();
  noteTold([stuck], told, 1_000);
  const other: Alarm = { ...stuck, subject: 'i-2' };
  expect(dueAlarms([lost, stuck, other], told, 1_000 + halfHourMs - 1)).toEqual([lost, other]);
  expect(dueAlarms([lost, stuck], told, 1_000 + halfHourMs)).toEqual([lost, stuck]);
  expect(dueAlarms([lost, { ...lost }], told, 1_000)).toEqual([lost]);
  // What was told long ago takes no room.
  noteTold([lost], told, 1_000 + halfHourMs);
  expect(told.alarms.size).toBe(1);
});

test('nobody is sent more than twelve messages an hour; what is left waits', () => {
  const told = nothingTold();
  const alarm = (n: number): Alarm => ({ code: 'launch-unanswered', subject: `intent-${n}` });
  let sent = 0;
  for (let n = 0; n < 30; n++) {
    const due = dueAlarms([alarm(n)], told, n * 2 * MINUTE);
    if (due.length > 0) {
      sent++;
      noteTold(due, told, n * 2 * MINUTE);
    }
  }
  expect(sent).toBe(12);
  expect(dueAlarms([alarm(40)], told, 60 * MINUTE)).toEqual([alarm(40)]);
});

/** A way of telling that fails for as long as it is told to. */
function channel(name: string): Channel & { heard: string[]; works: boolean } {
  const made = {
    name,
    told: nothingTold(),
    heard: [] as string[],
    works: true,
    send: (subject: string, text: string): Promise<void> => {
      if (!made.works) {
        return Promise.reject(new Error('hunter2'));
      }
      made.heard.push(`${subject}|${text}`);
      return Promise.resolve();
    },
  };
  return made;
}

test('everyone is told the same; a way that fails is logged and catches up, and stops nobody', async () => {
  const [sns, slack] = [channel('SNS'), channel('Slack')];
  const logged: string[] = [];
  let nowMs = 0;
  const { notify } = alarmPerformer(
    [sns, slack],
    { clusterId: 'shop', decisionId: 'shop/7' },
    () => nowMs,
    (...line) => logged.push(JSON.stringify(line)),
  );
  const tell = () => notify({ kind: 'notify', alarms: [lost, stuck] }, AbortSignal.timeout(1_000));
  slack.works = false;
  expect(await tell()).toEqual({ ok: true });
  const text =
    'shop: state-lost, drain-stuck|state-lost: shop\ndrain-stuck: i-1\n\nDecision shop/7';
  expect([sns.heard, slack.heard]).toEqual([[text], []]);
  expect(logged).toHaveLength(1);
  expect(logged[0]).toContain('Slack');
  expect(logged[0]).not.toContain('hunter2');
  slack.works = true;
  nowMs += 2 * MINUTE;
  await tell();
  expect([sns.heard, slack.heard]).toEqual([[text], [text]]);
  nowMs += halfHourMs;
  [sns.works, slack.works] = [false, false];
  await expect(tell()).rejects.toThrow('hunter2');
});

test('what is not known is left out of the metrics, and never zero', () => {
  expect(embeddedMetrics('NodeFleet', 'shop', 7, { Workers: 3, Ready: null, Doomed: 0 })).toEqual({
    _aws: {
      Timestamp: 7,
      CloudWatchMetrics: [
        {
          Namespace: 'NodeFleet',
          Dimensions: [['ClusterId']],
          Metrics: [
            { Name: 'Workers', Unit: 'Count' },
            { Name: 'Doomed', Unit: 'Count' },
          ],
        },
      ],
    },
    ClusterId: 'shop',
    Workers: 3,
    Doomed: 0,
  });
  expect(embeddedMetrics('NodeFleet', 'shop', 7, { Workers: null })).toBeNull();
});

test('an access is a token and a CA; anything else is refused without a word of it', () => {
  const caBase64 = Buffer.from('PEM').toString('base64');
  expect(parseAccess('arn', JSON.stringify({ token: 't', caBase64 }))).toEqual({
    token: 't',
    ca: 'PEM',
  });
  for (const text of [
    'hunter2',
    '{"token":"hunter2"}',
    '{"token":"hunter2","caBase64":"!"}',
    'null',
  ]) {
    let thrown: unknown = null;
    try {
      parseAccess('arn', text);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(CallFailed);
    expect((thrown as Error).message).not.toContain('hunter2');
  }
});
