// A policy on trial: it decides beside the live one, from the same view, and is only journalled.
import { expect, test } from 'vitest';
import {
  JournalWriter,
  readJournal,
  redecide,
  type ConfiguredPolicy,
  type Shadow,
} from '../../engine/index.ts';
import {
  alarmsOf,
  asking,
  cluster,
  configured,
  decidedIn,
  only,
  play,
  seen,
  storedState,
} from './build.ts';

const LIVE = asking('scaleUp', 1);
const other = asking('scaleDown', 1);
const TRIAL: Shadow = { configured: other, memory: [7] };

/** A policy that counts how often it was asked, in its memory. */
const counting: ConfiguredPolicy = {
  ...other,
  policy: {
    ...other.policy,
    name: 'counting',
    propose: ({ memory, ...input }) => ({
      ...other.policy.propose({ memory, ...input }),
      memory: [(memory[0] ?? 0) + 1],
    }),
  },
};

test('it is journalled beside the live decision, and the cycle does what it would have done without it', () => {
  const alone = play({ policy: LIVE });
  const beside = play({ policy: LIVE, input: { shadow: TRIAL } });
  const { shadow, ...live } = decidedIn(beside);
  expect(shadow).toMatchObject({
    memoryBefore: [7],
    decision: { action: 'scaleDown', count: 1 },
    explanation: { proposed: -1 },
  });
  expect(live).toEqual({ ...decidedIn(alone), shadow: undefined });
  const deeds = (played: typeof alone) =>
    played.effects.filter(({ kind }) => kind !== 'appendJournal');
  expect(deeds(beside)).toEqual(deeds(alone));
  expect(storedState(beside)).toEqual(storedState(alone));
});

test('it has a memory of its own, and leaves the live one’s alone', () => {
  const trial = { configured: counting, memory: [41] };
  const played = play({ policy: LIVE, input: { shadow: trial } });
  expect(decidedIn(played).shadow?.memory).toEqual([42]);
  expect(storedState(played)).toMatchObject({ policy: LIVE.policy.name, memory: [] });
});

test('one that throws is an alarm, and the live one acts all the same', () => {
  const broken: ConfiguredPolicy = {
    ...other,
    policy: {
      ...other.policy,
      name: 'broken',
      propose: () => {
        throw new Error('no');
      },
    },
  };
  const trial = { configured: broken, memory: [] };
  const played = play({ policy: LIVE, input: { shadow: trial } });
  expect(only(played, 'launchInstances')).toHaveLength(1);
  expect(alarmsOf(played)).toContain('shadow-failed');
  expect(decidedIn(played).shadow).toBeNull();
});

test('what it reads beside the usual is asked for too', () => {
  const asWritten = configured('node-fleet-as-written');
  const played = play({
    policy: configured('node-fleet'),
    input: { shadow: { configured: asWritten, memory: [] } },
  });
  expect(only(played, 'queryMetrics')[0]!.custom).toEqual(asWritten.policy.readings);
  const both = play({
    policy: asWritten,
    input: { shadow: { configured: asWritten, memory: [] } },
  });
  expect(only(both, 'queryMetrics')[0]!.custom).toEqual(asWritten.policy.readings);
});

test('a journal has it with its memory, and decides the same again', () => {
  const live = configured('node-fleet');
  const trial = configured('sustained');
  const writer = new JournalWriter({ schema: 'node-fleet/journal@1' });
  let memory: readonly number[] = [];
  for (let n = 0; n < 3; n++) {
    const shadow = { configured: trial, memory };
    const { record } = play({ policy: live, seen: seen(), input: { shadow } });
    writer.append(record!);
    memory = record!.decided!.shadow!.memory;
  }
  const { records } = readJournal(writer.bytes);
  const again = [...redecide(records, live, cluster(), 'journal', trial)];
  expect(again.map((each) => [each!.same, each!.shadow!.same])).toEqual([
    [true, true],
    [true, true],
    [true, true],
  ]);
  // Another would have decided otherwise, or for other reasons.
  const [wrong] = [...redecide(records, live, cluster(), 'journal', configured('static'))];
  expect(wrong!.shadow!.same).toBe(false);
  expect([...redecide(records, live, cluster())][0]!.shadow).toBeNull();
});
