import { expect, test } from 'vitest';
import { dueAlarms } from '../../../adapters/aws/alarms.ts';
import { embeddedMetrics } from '../../../adapters/aws/metrics.ts';
import { parseAccess } from '../../../adapters/aws/secrets.ts';
import { CallFailed } from '../../../adapters/failure.ts';

test('an alarm is told again after half an hour, each code by itself', () => {
  const lost = { code: 'state-lost', subject: 'shop' } as const;
  const stuck = { code: 'drain-stuck', subject: 'i-1' } as const;
  const told = new Map([['state-lost', 1_000]]);
  const halfHourMs = 1_800_000;
  expect(dueAlarms([lost, stuck], told, 1_000 + halfHourMs - 1)).toEqual([stuck]);
  expect(dueAlarms([lost, stuck], told, 1_000 + halfHourMs)).toEqual([lost, stuck]);
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
