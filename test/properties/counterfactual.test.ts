// A counterfactual is a claim about the engine: these tests make the change themselves and ask the engine.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decide,
  describeSettings,
  isHelpable,
  provenTemplate,
  readJournal,
  redecide,
  type Decided,
  type JournalHeader,
  type MetricName,
  type Reading,
  type RuleId,
  type View,
} from '../../engine/index.ts';
import { flipOfDecision, whyNot, type Flip } from '../../reports/counterfactual.ts';
import { partsOf, type PlacedRule } from '../../reports/explanation.ts';
import type { Situation, ViewVariable } from '../../reports/levers.ts';
import { anyCase, runCase, runs, type Case } from './arbitraries.ts';

/** Decisions of one run that are looked at: spread over all of it. */
const LOOKS = 12;

/** Decisions of a run, and what they followed from. */
function situationsOf(each: Case): { situation: Situation; decided: Decided }[] {
  const { configured, journal } = runCase(each, []);
  const { header, records } = readJournal<JournalHeader>(journal);
  const { cluster } = header;
  const all = [...redecide(records, configured, cluster)].filter((again) => again !== null);
  const apart = Math.max(1, Math.floor(all.length / LOOKS));
  return all
    .filter((_, n) => n % apart === 0)
    .map(({ view, memory, decided }) => ({
      situation: { configured, cluster, view, memory },
      decided,
    }));
}

/** The situation with that one variable at `value`, and nothing else changed. */
function changed(situation: Situation, { variable, was }: Flip, value: number): Situation {
  const { configured, view } = situation;
  const see = (changes: Partial<View>): Situation => ({
    ...situation,
    view: { ...view, ...changes },
  });
  const [family, name] = variable.split('.') as [string, string | undefined];
  if (family === 'settings') {
    const settings = { ...configured.settings, [name!]: value };
    return { ...situation, configured: { ...configured, settings } };
  }
  if (family === 'metrics') {
    const before = view.metrics[name as MetricName];
    // One that was known changes its value alone; one that was not becomes one that can be used.
    const reading: Reading =
      was !== null && before.missing === null
        ? { ...before, value }
        : { value, sampledAtMs: view.nowMs, coverageRatio: 1, missing: null };
    return see({ metrics: { ...view.metrics, [name!]: reading } });
  }
  if (family === 'custom') {
    const custom = view.metrics.custom.map((each) =>
      each.name !== name
        ? each
        : { name, reading: { sampledAtMs: view.nowMs, coverageRatio: 1, value, missing: null } },
    );
    return see({ metrics: { ...view.metrics, custom } });
  }
  switch (variable as ViewVariable) {
    case 'nowMs': {
      // A policy that remembers has looked every five minutes meanwhile, and seen the same.
      let { memory } = situation;
      for (let atMs = view.nowMs; memory.length > 0 && atMs < value; atMs += 300_000) {
        memory = decide(configured, situation.cluster, later(view, atMs), memory).memory;
      }
      return { ...situation, memory, view: later(view, value) };
    }
    case 'draining': {
      const leaving = ['tainted', 'draining', 'terminating'];
      return see({ workers: view.workers.filter(({ phase }) => !leaving.includes(phase)) });
    }
    case 'unschedulable': {
      if (!view.podsKnown) {
        return see({
          metrics: {
            ...view.metrics,
            unschedulablePods: {
              value,
              sampledAtMs: view.nowMs,
              coverageRatio: 1,
              missing: null,
            },
          },
        });
      }
      return see({ unschedulable: spread(situation, value - (was ?? 0)) });
    }
    case 'unsettled':
      return see({
        unanswered: [],
        workers: view.workers.map((worker) =>
          ['booting', 'joining', 'not-ready', 'absent', 'unknown', 'ready'].includes(worker.phase)
            ? { ...worker, phase: 'ready' as const, readySinceMs: view.nowMs - 86_400_000 }
            : worker,
        ),
      });
    case 'poolBackoffs':
      return see({ poolBackoffs: [] });
    case 'mode':
      return see({ mode: value === 1 ? 'act' : 'paused' });
    case 'desired':
    case 'joinFailures':
      return see({ [variable]: value });
    case 'contradicted':
    case 'instancesKnown':
    case 'nodesKnown':
    case 'podsKnown':
    case 'inboxKnown':
      return see({ [variable]: value === 1 });
  }
}

/** The same view later: its readings as old as they were. */
function later(view: View, nowMs: number): View {
  const move = (reading: Reading): Reading =>
    reading.missing === null
      ? { ...reading, sampledAtMs: reading.sampledAtMs + nowMs - view.nowMs }
      : reading;
  const { cpuPercent, memoryPercent, unschedulablePods, apiLatencyP95Ms, requestsPerSecond } =
    view.metrics;
  const metrics = {
    cpuPercent: move(cpuPercent),
    memoryPercent: move(memoryPercent),
    unschedulablePods: move(unschedulablePods),
    apiLatencyP95Ms: move(apiLatencyP95Ms),
    requestsPerSecond: move(requestsPerSecond),
    custom: view.metrics.custom.map(({ name, reading }) => ({ name, reading: move(reading) })),
  };
  return { ...view, nowMs, metrics };
}

/** So many more, or fewer, unschedulable pods of shapes that a node could hold. */
function spread({ view, cluster }: Situation, more: number): number[] {
  const template = provenTemplate(view.workers, cluster.template);
  const fits = view.shapes.map((shape) => isHelpable(shape, cluster, template));
  const counts = view.unschedulable.slice();
  let left = more;
  // What is commonest grows; everything shrinks.
  const running = (s: number): number =>
    view.workers.reduce((sum, { pods }) => sum + (pods[s] ?? 0), counts[s]);
  const order = [...counts.keys()]
    .filter((s) => fits[s])
    .sort(
      (a, b) =>
        Number(view.shapes[a].zone !== null) - Number(view.shapes[b].zone !== null) ||
        running(b) - running(a) ||
        a - b,
    );
  if (left > 0) {
    counts[order[0]] += left;
    return counts;
  }
  for (const s of order.toReversed()) {
    const fewer = Math.min(counts[s], -left);
    counts[s] -= fewer;
    left += fewer;
  }
  return counts;
}

function decidedIn({ configured, cluster, view, memory }: Situation): Decided {
  return decide(configured, cluster, view, memory);
}

/** What the rule says in the same part of an explanation: nothing, where it is no longer asked. */
function answersOf(decided: Decided, { part, rule }: PlacedRule): string[] {
  return partsOf(decided.explanation)
    [part].filter((each) => each.rule === rule.rule)
    .map(({ verdict }) => verdict);
}

/** Whether the rule answers otherwise, about the same thing. */
function hasFlipped(again: Decided, placed: PlacedRule, before: Decided): boolean {
  const answers = answersOf(again, placed);
  const { rule, verdict } = placed.rule;
  if (rule === 'desired-capacity') {
    // It speaks only while something is lacking.
    return answers.length === 0;
  }
  const [asked, askedBefore] = [again, before].map(({ explanation }) =>
    Math.sign(explanation.proposed),
  );
  return (
    answers.length > 0 &&
    (placed.part !== 'guards' || asked === askedBefore) &&
    !answers.includes(verdict) &&
    !answers.includes('unknown')
  );
}

/** Where what was asked for is no longer asked: whether the rule is out of the way, and something else is done. */
function isOutOfTheWay(again: Decided, placed: PlacedRule, before: Decided): boolean {
  return !answersOf(again, placed).includes('blocks') && deedOf(again) !== deedOf(before);
}

function deedOf({ decision: { action, count, repair } }: Decided): string {
  return `${action} ${String(count)}, repair ${String(repair)}`;
}

/** The smallest change of a variable. */
function stepOf({ configured }: Situation, { variable }: Flip): number {
  const [family, key] = variable.split('.');
  if (family === 'settings') {
    return describeSettings(configured.policy)[key].step;
  }
  if (family === 'custom') {
    return key.includes('Percent') ? 0.1 : 1;
  }
  return family === 'metrics' ? 0.1 : variable === 'nowMs' ? 1000 : 1;
}

/** What must hold of every flip, whoever asked for it. */
function check(situation: Situation, decided: Decided, placed: PlacedRule, flip: Flip): void {
  expect(hasFlipped(decided, placed, decided)).toBe(false);

  const then = decidedIn(changed(situation, flip, flip.value));
  const what = `${placed.rule.rule} ${placed.rule.verdict} by ${flip.variable} ${String(flip.was)} → ${String(flip.value)}`;
  const answersOtherwise = hasFlipped(then, placed, decided);
  const holds = answersOtherwise || placed.rule.verdict !== 'blocks' ? hasFlipped : isOutOfTheWay;
  expect(holds(then, placed, decided), what).toBe(true);
  if (flip.then !== null) {
    expect(flip.then.decided, what).toEqual(then);
  }

  // One step back towards what it was the rule still says what it said.
  const step = stepOf(situation, flip);
  if (flip.was !== null && !['unsettled', 'draining', 'poolBackoffs'].includes(flip.variable)) {
    const back = Math.round((flip.value + (flip.side === 'atLeast' ? -step : step)) * 1e6) / 1e6;
    const isBetween = flip.side === 'atLeast' ? back > flip.was : back < flip.was;
    if (isBetween) {
      const before = decidedIn(changed(situation, flip, back));
      expect(holds(before, placed, decided), `${what}, at ${String(back)}`).toBe(false);
    }
  }

  // A guard that stood alone in the way: without it something is done.
  const { guards } = partsOf(then.explanation);
  const { proposed } = then.explanation;
  if (placed.part === 'guards' && !guards.some(({ verdict }) => verdict === 'blocks')) {
    const action = proposed === 0 ? 'hold' : proposed > 0 ? 'scaleUp' : 'scaleDown';
    expect(then.decision.action, what).toBe(action);
    expect(deedOf(then), what).not.toBe(deedOf(decided));
  }
}

describe('a counterfactual', () => {
  test('is true: with the value that it names the rule answers otherwise, and one step before it does not', () => {
    fc.assert(
      fc.property(anyCase, (each) => {
        for (const { situation, decided } of situationsOf(each)) {
          const found = flipOfDecision(situation, decided);
          if (found !== null && found.flip !== null) {
            check(situation, decided, found.placed, found.flip);
          }
        }
      }),
      runs(25),
    );
  });

  test.each(['up', 'down'] as const)('is true of what was not done, %s', (direction) => {
    fc.assert(
      fc.property(anyCase, (each) => {
        for (const { situation, decided } of situationsOf(each)) {
          const answer = whyNot(situation, decided, direction);
          const { decision } = decided;
          const added = decision.repair + (decision.action === 'scaleUp' ? decision.count : 0);
          const removed = decision.action === 'scaleDown' ? decision.count : 0;
          const done = direction === 'up' ? added : removed;
          expect(answer.kind === 'done').toBe(done > 0);
          if (answer.kind === 'done') {
            expect(answer.count).toBe(done);
          }
          if (answer.kind === 'rule' && answer.flip !== null) {
            check(situation, decided, answer.placed, answer.flip);
          }
        }
      }),
      runs(25),
    );
  });

  test('is there for every rule whose threshold is a time, a bound or a switch', () => {
    const always: readonly RuleId[] = ['mode', 'memory-lost', 'max', 'spend', 'pools'];
    fc.assert(
      fc.property(anyCase, (each) => {
        for (const { situation, decided } of situationsOf(each)) {
          const found = flipOfDecision(situation, decided);
          const { rule, verdict } = found?.placed.rule ?? {};
          if (rule !== undefined && verdict === 'blocks' && always.includes(rule)) {
            expect(found?.flip, rule).not.toBe(null);
          }
        }
      }),
      runs(25),
    );
  });
});
