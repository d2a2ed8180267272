import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { BUGS } from './bugs.ts';
import { casesOf, explore, findBug } from './explore.ts';
import { Race, type Move } from './race.ts';
import { raceOf, SCENARIOS, scenarioNamed, type Plan } from './races.ts';
import { failureText, parseReplay, readable, replayText } from './readable.ts';
import { wrongAfter } from './outcome.ts';
import { searchAll, searchReduced, searchStates } from './search.ts';

const SECOND = 1000;
const BUG_FOUND_WITHIN = 10_000;

function plan(scenario: string, changes: Partial<Plan> = {}): Plan {
  const { invocations } = scenarioNamed(scenario)!;
  const nobody = invocations.map(() => null);
  return {
    ...{ scenario, listsLag: true, skewsMs: invocations.map(() => 0), frozenAfter: null },
    ...{ diesAfter: nobody, unheard: nobody, ...changes },
  };
}

describe('the reduction', () => {
  // Lock, reads, inbox, first commit: and both hold the lock, for their clocks are two minutes apart.
  const toFirstCommit = { diesAfter: [4, 4], skewsMs: [-60 * SECOND, 60 * SECOND] };

  test.each([
    ['scale-up', toFirstCommit],
    ['scale-down', toFirstCommit],
    ['scale-down', { diesAfter: [6, 4], skewsMs: [0, 0] }],
    ['spot-mark-drain', { diesAfter: [4, 6] }],
  ])('of %s to %o comes to every end that trying all schedules does', (scenario, changes) => {
    const options = { ...raceOf(plan(scenario, changes)), readsInOrder: true };
    const begin = () => new Race(options);
    const ends = [new Set<string>(), new Set<string>(), new Set<string>()];
    const into = (n: number) => (race: Race) => {
      if (race.moves().length === 0) {
        ends[n].add(race.world.key());
      }
      return false;
    };
    const all = searchAll(begin, into(0));
    const { schedules } = searchReduced(begin, into(1));
    const states = searchStates(begin, 2, into(2));
    expect([...ends[1]].sort()).toEqual([...ends[0]].sort());
    expect([...ends[2]].sort()).toEqual([...ends[0]].sort());
    expect(ends[0].size).toBeGreaterThan(1);
    expect(states.schedules).toBe(BigInt(all));
    expect(schedules * 10).toBeLessThan(all);
  });

  const agreeing = 0;
  const overlapping = -1;
  test.each([
    ['scale-up', agreeing],
    ['scale-up', overlapping],
    ['scale-up-unanswered', agreeing],
    ['scale-down', agreeing],
    ['scale-down', overlapping],
    ['alert', agreeing],
    ['frozen-down', agreeing],
  ])(
    'of %s, whoever dies in it, comes to every end that there is, and none of them is wrong (case %i)',
    (name, nth) => {
      const scenario = scenarioNamed(name)!;
      const clocks = casesOf(scenario).at(nth)!;
      const explored = explore(scenario, { deaths: true, states: true }, [clocks]);
      expect(explored.failure).toBeNull();
      expect(explored.faultySchedules).toBeGreaterThan(100);
      expect(explored.allWithDeaths).toBeGreaterThan(BigInt(explored.faultySchedules) * 100n);
    },
  );
});

describe('two invocations that live', () => {
  test.each(SCENARIOS.map(({ name }) => name))(
    'leave the fleet right, in any order: %s',
    (name) => {
      const { failure, schedules } = explore(scenarioNamed(name)!, {
        deaths: false,
        states: false,
      });
      expect(failure === null ? '' : failureText(failure)).toBe('');
      expect(schedules).toBeGreaterThan(0);
    },
  );
});

// Found by the explorer. Each began with a cycle whose lock had been taken over, and that had nothing to write: so it did not
// hear of it, and took off a taint that its successor had put on for a drain of its own. A node was terminated though pods
// could have come to it since it was found empty.
describe('one whose lock was taken over', () => {
  const overlapping = { skewsMs: [-60 * SECOND, 60 * SECOND, 0] };
  test.each([
    [
      'does not take its successor’s taint for a stray one',
      plan('load-falls', overlapping),
      'A.A0.A1.A3.B.B1.B2.B3.C.B0.B.B.B.B.B.A2',
    ],
    [
      'does not take its successor’s taint off because it is paused',
      plan('paused', { skewsMs: [60 * SECOND, -60 * SECOND] }),
      'B.B0.B1.B3.A.A0.A1.A2.A3.A.A.A.A.A.B2',
    ],
    [
      'does not take off the taint that has come in the place of a stray one',
      plan('stray-taint', overlapping),
      'A.A0.A1.A2.A3.A.A.B.B1.B2.B3.C.B0.B.B.B.B.B.B.B.B',
    ],
  ])('%s', (_, planned, begins) => {
    const race = new Race(raceOf(planned));
    const schedule: Move[] = [];
    const take = (move: Move): void => {
      schedule.push(move);
      race.take(move);
    };
    begins.split('.').forEach(take);
    // Whoever went last goes on to its end, and then the other.
    const last = schedule.at(-1)![0] === 'A' ? 0 : 1;
    const late = planned.scenario === 'stray-taint' ? 0 : last;
    for (const n of [late, 1 - late]) {
      for (let next = race.movesOf(n); next.length > 0; next = race.movesOf(n)) {
        take(next[0]);
      }
    }
    const { lines } = readable({ plan: planned, schedule });
    expect(lines.join('\n')).toContain('terminateInstance');
    expect(wrongAfter(race, scenarioNamed(planned.scenario)!)).toEqual([]);
  });
});

describe('a planted bug', () => {
  test.each(BUGS.map(({ name, bend }) => [name, bend] as const))(
    'is found within ten thousand schedules: %s',
    (_, bend) => {
      const { found, wrong } = findBug(bend)!;
      expect(found).toBeLessThan(BUG_FOUND_WITHIN);
      expect(wrong).not.toEqual([]);
    },
  );
});

describe('a failure', () => {
  const { failure } = explore(
    scenarioNamed('scale-up-unanswered')!,
    {
      deaths: false,
      states: false,
      bend: BUGS.find(({ name }) => name.includes('client tokens'))!.bend,
    },
    [{ listsLag: true, skewsMs: [0, 60 * SECOND] }],
  );

  test('is printed as what is wrong, what happened, and one command that does it again', () => {
    const text = failureText(failure!);
    expect(text).toContain('4 workers were launched where 2 were needed');
    expect(text).toMatch(/^A {3}\d\d:\d\d:\d\d {2}launchInstances 2 on-demand\/a for 5-old → ok$/m);
    const [, again] = /^Again: npm run test:explore -- --replay (\S+)$/m.exec(text)!;
    const { plan: planned, schedule } = failure!;
    expect(parseReplay(again)).toEqual({ plan: planned, schedule });
  });

  test.each([
    plan('overlap-up', {
      ...{ listsLag: false, skewsMs: [0, 60 * SECOND], frozenAfter: 3 },
      ...{ diesAfter: [null, 0], unheard: [4, null] },
    }),
    plan('three', { diesAfter: [0, 2, null] }),
  ])('is read back as it was written: %o', (planned) => {
    const schedule = new Race(raceOf(planned)).moves().slice(0, 1);
    expect(parseReplay(replayText({ plan: planned, schedule }))).toEqual({
      plan: planned,
      schedule,
    });
  });

  test.each([
    ['scale-sideways:A', 'there is no scenario "scale-sideways"'],
    [
      'scale-up,dies=1:A',
      '"dies=1" says nothing: expected lag, frozen=N, or skew, dies, unheard with 2 numbers, as in dies=-/4',
    ],
    ['scale-up:A.A7', '"A7", 2. of the schedule, cannot happen there: expected A0, A1, A2, A3, B'],
  ])('that nobody printed is not replayed: %s', (text, why) => {
    expect(parseReplay(text)).toBe(why);
  });

  test('is replayed by the command: exit 0 where it ends well now, 2 and one line where it is none', () => {
    const program = fileURLToPath(new URL('./explore.mjs', import.meta.url));
    const ran = (replay: string) =>
      spawnSync(process.execPath, [program, '--replay', replay], { encoding: 'utf8' });
    const well = ran('scale-up,dies=0/0:');
    expect(well).toMatchObject({ status: 0, stderr: '' });
    expect(well.stdout).toBe('A is never delivered\nB is never delivered\n\nit ends well\n');
    expect(ran('none')).toMatchObject({
      ...{ status: 2, stdout: '' },
      stderr: 'node-fleet: --replay: there is no scenario "none"\n',
    });
  });
});
