// A fleet that an operator holds: `hold --min 8 --until 22:00`.
import { describe, expect, test } from 'vitest';
import {
  decide,
  JournalWriter,
  readJournal,
  reconcile,
  redecide,
  type FleetState,
  type Hold,
  type Inbox,
  type View,
} from '../../engine/index.ts';
import {
  alarmsOf,
  asking,
  cluster,
  configured,
  decidedIn,
  drain,
  EMPTY_INBOX,
  HOUR,
  idOf,
  NOW,
  play,
  seen,
  state,
  view,
  workers,
} from './build.ts';

const held = (min: number, untilMs = NOW + HOUR): Hold => ({ min, untilMs });
const inbox = (hold: Hold): Inbox => ({ ...EMPTY_INBOX, hold });
const QUIET = asking('hold', 0, { stepUpMax: 2 });
const REMOVES = asking('scaleDown', 2);
const decideOn = (changes: Partial<View>, policy = QUIET) =>
  decide(policy, cluster(), view(changes), []);

describe('while the fleet is held', () => {
  test('what is lacking is bought at once, past steps and cooldown, and is meant to stay', () => {
    const { decision, explanation } = decideOn({ hold: held(8), lastScaleUpAtMs: NOW });
    expect(decision).toMatchObject({ action: 'hold', repair: 5, desired: 8 });
    expect(explanation.rules[0]).toEqual({
      rule: 'desired-capacity',
      verdict: 'fires',
      observed: 3,
      threshold: 8,
    });
  });

  test('max goes before it', () => {
    const policy = asking('hold', 0, { nodeCountMax: 6 });
    expect(decideOn({ hold: held(8) }, policy).decision).toMatchObject({ repair: 3, desired: 6 });
  });

  test('a setting that asks for more goes before it', () => {
    const policy = asking('hold', 0, { nodeCountMin: 5 });
    expect(decideOn({ hold: held(4) }, policy).decision.desired).toBe(5);
  });

  test('nothing is removed below it', () => {
    const eight = { workers: workers(8), desired: 8 };
    const removed = (min: number) => {
      const { decision, explanation } = decideOn({ ...eight, hold: held(min) }, REMOVES);
      const rule = explanation.rules.find((each) => each.rule === 'min')!;
      return [decision.victims.length, rule.verdict, rule.observed, rule.threshold];
    };
    expect(removed(8)).toEqual([0, 'blocks', 6, 8]);
    expect(removed(7)).toEqual([1, 'clips', 6, 7]);
    expect(removed(6)).toEqual([2, 'passes', 6, 6]);
  });

  test('what is on its way down comes back before anything is bought', () => {
    const [a, b] = [idOf(1), idOf(2)];
    const before: FleetState = state({ drains: [drain(a), drain(b)] });
    const left = (hold: Hold): string[] =>
      reconcile(
        seen({ inbox: inbox(hold) }),
        before,
        configured('node-fleet', { nodeCountMin: 1 }),
        cluster(),
      ).state.drains.map(({ instanceId }) => instanceId);
    expect(left(held(3))).toEqual([]);
    expect(left(held(2))).toEqual([b]);
    expect(left(held(1))).toEqual([a, b]);
    expect(left(held(3, NOW))).toEqual([a, b]);
  });
});

test('a hold ends by itself', () => {
  expect(decideOn({ hold: held(8, NOW + 1) }).decision.repair).toBe(5);
  expect(decideOn({ hold: held(8, NOW) }).decision.repair).toBe(0);
});

test('it comes out of the inbox; one that has expired is not even looked at', () => {
  const saw = (hold: Hold): View['hold'] =>
    decidedIn(play({ seen: { inbox: inbox(hold) }, policy: QUIET })).view.hold;
  expect(saw(held(4))).toEqual(held(4));
  expect(saw(held(4, NOW))).toBeNull();
});

test('where the inbox could not be read nothing is bought for a hold, and nothing removed', () => {
  const unread = play({ seen: { inbox: null }, policy: REMOVES });
  expect(decidedIn(unread).decision).toMatchObject({ action: 'hold', repair: 0 });
  expect(alarmsOf(unread)).toContain('inbox-unreadable');
});

test('a journal has it, and decides the same again', () => {
  const decidedWith = (hold: Hold | null) => {
    const { record } = play({
      seen: { inbox: hold === null ? EMPTY_INBOX : inbox(hold) },
      policy: configured('node-fleet'),
    });
    const writer = new JournalWriter({ schema: 'node-fleet/journal@1' });
    writer.append(record!);
    return writer.bytes;
  };
  const bytes = decidedWith(held(7));
  const { records } = readJournal(bytes);
  expect(records[0]!.decided!.view.hold).toEqual(held(7));
  const [again] = [...redecide(records, configured('node-fleet'), cluster())];
  expect(again!.same).toBe(true);
  expect(again!.decided.decision.repair).toBe(4);
  const { records: plain } = readJournal(decidedWith(null));
  expect(plain[0]!.decided!.view.hold).toBeNull();
});
