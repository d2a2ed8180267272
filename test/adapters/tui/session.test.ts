import { describe, expect, test } from 'vitest';
import { BenchThread } from '../../../adapters/tui/bench-thread.ts';
import { Session, type Answer, type Asked } from '../../../adapters/tui/session.ts';
import { Workbench, type Trial } from '../../../adapters/tui/workbench.ts';
import { readJournal, redecide } from '../../../engine/index.ts';
import { lastScaledBy } from '../../../reports/explanation.ts';
import { explained } from '../../../reports/paragraphs.ts';
import { clusterOf, comparePolicies, priceBook, run } from '../../../simulator/index.ts';
import { policyOf, scenarioOf } from '../../simulator/build.ts';

/** Two hours, of which half an hour needs more than the ten nodes that any policy may have. */
const rates = Array.from({ length: 120 }, (_, minute) => (minute < 45 || minute > 75 ? 60 : 1500));
const scenario = scenarioOf({}, rates);
const SEED = 1;
const start: Trial = { policy: 'node-fleet', overrides: {} };
const other: Trial = { policy: 'node-fleet', overrides: { pendingStep: 6, nodeCountMax: 8 } };

function shared(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4));
}

describe('a workbench', () => {
  const bench = new Workbench({ scenario, seed: SEED });
  const always = (): boolean => true;

  test.each([
    start,
    other,
    { policy: 'trailing-max', overrides: { nodeCountMax: 14 } },
    { policy: 'static', overrides: {} },
  ])('comes to the figures that simulate has beside those of the first trial: %j', (trial) => {
    const fresh = new Workbench({ scenario, seed: SEED });
    const begun = fresh.run(start, always)!;
    const outcome = fresh.run(trial, always)!;
    const policies = [start, trial].map(({ policy, overrides }) => policyOf(policy, overrides));
    const { runs } = comparePolicies({ scenario, seed: SEED, policies });
    const { measures } = runs[1].run;
    expect(outcome).toMatchObject({
      costBdt: measures.costBdt,
      pendingPodMinutes: measures.pendingPodMinutes,
      shortagePodMinutes: measures.shortagePodMinutes,
      timeToCapacitySeconds: measures.timeToCapacitySeconds,
      readyNodes: measures.series.readyNodes,
      unschedulablePods: measures.series.unschedulablePods,
    });
    const [before, now] = runs.map((each) => each.avoidableShortagePodMinutes);
    expect(now).toBeGreaterThan(0);
    expect(now).toBeLessThan(measures.shortagePodMinutes);
    expect(outcome.shortagePodMinutes - outcome.unavoidablePodMinutes).toBe(now);
    expect(begun.shortagePodMinutes - outcome.unavoidablePodMinutes).toBe(before);
  });

  test('explains every cycle in the words that explain has for its journal', () => {
    const outcome = bench.run(other, always);
    const configured = policyOf(other.policy, other.overrides);
    const { journal } = run({ scenario, seed: SEED, configured });
    const { records } = readJournal(journal);
    const cluster = clusterOf(scenario, priceBook(scenario.prices)!, SEED);
    const { timeZoneOffsetMinutes: offsetMinutes } = cluster;
    expect(Array.from(outcome?.cycleAtMs ?? [])).toEqual(
      records.map(({ startedAtMs }) => startedAtMs),
    );
    const texts = new Set<string>();
    for (const [at, again] of [...redecide(records, configured, cluster)].entries()) {
      const { view, memory, decided } = again!;
      const { settings } = configured;
      const telling = {
        view,
        cluster,
        settings,
        offsetMinutes,
        lastScaledBy: lastScaledBy(records, at),
      };
      const { text } = explained({ configured, cluster, view, memory }, decided, telling);
      expect(bench.explain(at)).toBe(text);
      texts.add(text);
      const { action, count } = decided.decision;
      const by = action === 'scaleUp' ? count : action === 'scaleDown' ? -count : 0;
      expect(outcome?.scaledBy[at]).toBe(by);
    }
    expect(texts.size).toBe(records.length);
    expect(bench.explain(records.length)).toBeNull();
  });

  test('gives up a run that is no longer wanted, and still explains the last whole one', () => {
    bench.run(start, always);
    const before = bench.explain(5);
    let asked = 0;
    expect(bench.run(other, () => ++asked < 10)).toBeNull();
    expect(asked).toBe(10);
    expect(bench.explain(5)).toBe(before);
  });
});

/** A bench thread in this one: what it is asked waits until it is let go on. */
function thread() {
  const latest = shared();
  const answers: Answer[] = [];
  const asked: Asked[] = [];
  const tasks: (() => void)[] = [];
  const listeners: ((answer: Answer) => void)[] = [];
  const bench = new BenchThread(
    new Workbench({ scenario, seed: SEED }),
    latest,
    (answer) => {
      answers.push(answer);
      listeners.forEach((listener) => {
        listener(answer);
      });
    },
    (task) => {
      tasks.push(task);
    },
  );
  const heard: Answer[] = [];
  const session = new Session(
    {
      postMessage: (each) => {
        asked.push(each);
      },
      on: (_, listener) => listeners.push(listener),
    },
    latest,
    (answer) => {
      heard.push(answer);
    },
  );
  const goOn = (): void => {
    for (let each = asked.shift(); each !== undefined; each = asked.shift()) {
      bench.asked(each);
    }
  };
  return { bench, session, goOn, answers, heard, tasks, latest };
}

function kinds(answers: readonly Answer[]): string[] {
  return answers.map((answer) =>
    answer.kind === 'ready' ? 'ready' : `${answer.kind} ${String(answer.number)}`,
  );
}

describe('a session', () => {
  test('of trials asked for in a row, only the last is run; but the first always', () => {
    const { session, goOn, heard, answers } = thread();
    session.run(0, start);
    session.run(1, other);
    session.run(2, start);
    goOn();
    expect(kinds(answers)).toEqual(['outcome 0', 'outcome 2']);
    expect(kinds(heard)).toEqual(['outcome 0', 'outcome 2']);
  });

  test('an outcome that was on its way when another trial was asked for is dropped', () => {
    const { session, heard, bench } = thread();
    session.run(0, start);
    session.run(1, other);
    bench.asked({ kind: 'run', number: 1, trial: other });
    session.run(2, start);
    bench.asked({ kind: 'explain', number: 1, cycle: 3 });
    expect(kinds(heard)).toEqual(['outcome 1']);
  });

  test('explanations are asked for one at a time, and of those wanted meanwhile only the last', () => {
    const { session, goOn, heard } = thread();
    session.run(0, start);
    goOn();
    for (const cycle of [1, 2, 3, 4]) {
      session.explain(0, cycle);
    }
    goOn();
    const told = heard.filter((answer) => answer.kind === 'told');
    expect(told.map(({ cycle }) => cycle)).toEqual([1, 4]);
    expect(told[1].paragraph).toMatch(/^\d\d:\d\d:\d\d /);
  });

  test('what is asked of a trial that has not been run is answered with nothing', () => {
    const { bench, answers } = thread();
    bench.asked({ kind: 'explain', number: 0, cycle: 0 });
    expect(answers).toEqual([{ kind: 'told', number: 0, cycle: 0, paragraph: '' }]);
  });

  test('begins with the demand', () => {
    const { bench, heard } = thread();
    bench.begin();
    expect(kinds(heard)).toEqual(['ready']);
  });

  test('the first trial is rehearsed while nothing else is asked for, and answered once', () => {
    const { session, goOn, answers, tasks, latest } = thread();
    session.run(0, start);
    goOn();
    let rehearsals = 0;
    for (let task = tasks.shift(); task !== undefined && rehearsals < 2; task = tasks.shift()) {
      task();
      rehearsals++;
    }
    expect(rehearsals).toBe(2);
    tasks.length = 0;
    expect(kinds(answers)).toEqual(['outcome 0']);
    Atomics.store(latest, 0, 1);
    session.run(1, other);
    goOn();
    expect(tasks).toEqual([]);
  });
});
