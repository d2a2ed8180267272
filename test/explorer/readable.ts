// A schedule for people: in one line that replays it, and as what happened, effect by effect.
import { formatInstant } from '../../simulator/instants.ts';
import type { Failure } from './explore.ts';
import { letterOf, Race, type Happened, type Move } from './race.ts';
import { raceOf, scenarioNamed, type Plan } from './races.ts';
import { wrongAfter } from './outcome.ts';

export interface Replay {
  readonly plan: Plan;
  readonly schedule: readonly Move[];
}

/** A plan in one line. */
export function planText(plan: Plan): string {
  const { scenario, listsLag, skewsMs, frozenAfter, diesAfter, unheard } = plan;
  const each = (values: readonly (number | null)[]): string =>
    values.map((value) => (value === null ? '-' : String(value))).join('/');
  const isAny = (values: readonly (number | null)[]): boolean => values.some((v) => v !== null);
  return [
    scenario,
    ...(listsLag ? ['lag'] : []),
    ...(isAny(skewsMs.map((ms) => (ms === 0 ? null : ms)))
      ? [`skew=${each(skewsMs.map((ms) => ms / 1000))}`]
      : []),
    ...(frozenAfter === null ? [] : [`frozen=${String(frozenAfter)}`]),
    ...(isAny(diesAfter) ? [`dies=${each(diesAfter)}`] : []),
    ...(isAny(unheard) ? [`unheard=${each(unheard)}`] : []),
  ].join(',');
}

export function replayText({ plan, schedule }: Replay): string {
  return `${planText(plan)}:${schedule.join('.')}`;
}

/** Reads what `replayText` wrote; or says what is wrong with it. */
export function parseReplay(text: string): Replay | string {
  const [planned, moves = ''] = text.split(':');
  const [name, ...fields] = planned.split(',');
  const scenario = scenarioNamed(name);
  if (scenario === undefined) {
    return `there is no scenario "${name}"`;
  }
  const { length } = scenario.invocations;
  const nobody: (number | null)[] = scenario.invocations.map(() => null);
  let plan: Plan = {
    ...{ scenario: name, listsLag: false, skewsMs: nobody.map(() => 0) },
    ...{ frozenAfter: null, diesAfter: nobody, unheard: nobody },
  };
  for (const field of fields) {
    const [key, value = ''] = field.split('=');
    const values = value.split('/').map((each) => (each === '-' ? null : Number(each)));
    const isList =
      values.length === length && values.every((each) => each === null || Number.isInteger(each));
    if (field === 'lag') {
      plan = { ...plan, listsLag: true };
    } else if (key === 'frozen' && /^\d+$/.test(value)) {
      plan = { ...plan, frozenAfter: Number(value) };
    } else if (key === 'skew' && isList && values.every((each) => each !== null)) {
      plan = { ...plan, skewsMs: values.map((each) => each * 1000) };
    } else if ((key === 'dies' || key === 'unheard') && isList) {
      plan = { ...plan, [key === 'dies' ? 'diesAfter' : 'unheard']: values };
    } else {
      return `"${field}" says nothing: expected lag, frozen=N, or skew, dies, unheard with ${String(length)} numbers, as in dies=-/4`;
    }
  }
  const schedule = moves === '' ? [] : moves.split('.');
  const race = new Race(raceOf(plan));
  for (const [n, move] of schedule.entries()) {
    if (!race.moves().includes(move)) {
      const may = race.moves().join(', ') || 'nothing';
      return `"${move}", ${String(n + 1)}. of the schedule, cannot happen there: expected ${may}`;
    }
    race.take(move);
  }
  return { plan, schedule };
}

/** What happens in a schedule, a line for each effect; and what is wrong at its end. */
export function readable({ plan, schedule }: Replay): {
  readonly lines: readonly string[];
  readonly wrong: readonly string[];
} {
  const race = new Race(raceOf(plan));
  const lines = race.past.map(lineOf);
  if (plan.frozenAfter !== null) {
    lines.push('A freezes');
  }
  plan.diesAfter.forEach((after, n) => {
    if (after === 0) {
      lines.push(`${letterOf(n)} is never delivered`);
    }
  });
  for (const move of schedule) {
    const happened = race.take(move);
    lines.push(lineOf(happened));
    if (happened.whole !== null && race.died(happened.actor)) {
      lines.push(`${letterOf(happened.actor)} dies`);
    }
  }
  return { lines, wrong: wrongAfter(race, scenarioNamed(plan.scenario)!) };
}

function lineOf({ move, atMs, step, result }: Happened): string {
  const at = formatInstant(atMs, 0).slice(11, 19);
  return `${move.padEnd(3)} ${at}  ${wordsOf(step)} → ${result.ok ? 'ok' : result.reason}`;
}

/** An effect and what matters of what it asks. */
function wordsOf(step: Happened['step']): string {
  switch (step.kind) {
    case 'acquireLock':
      return `acquireLock as ${step.owner}, epoch ${String(step.epoch)}`;
    case 'commitState': {
      const { launches, drains } = step.state;
      const intents = [
        ...launches.flatMap(({ id, attempts }) =>
          attempts.map(
            ({ number, count, outcome }) => `launch ${id}#${number} ${count} ${outcome}`,
          ),
        ),
        ...drains.map(({ id, stage }) => `${id} ${stage}`),
      ];
      return `commitState as ${step.owner} [${intents.join(', ')}]`;
    }
    case 'releaseLock':
      return `releaseLock as ${step.owner}`;
    case 'launchInstances': {
      const { count, market, zone, intentId } = step.launch;
      return `launchInstances ${count} ${market}/${zone} for ${intentId}`;
    }
    case 'terminateInstance':
      return `terminateInstance ${step.instanceId}`;
    case 'taintNode':
    case 'untaintNode':
      return `${step.kind} ${step.nodeName} for ${step.intentId}`;
    case 'evictPod':
      return `evictPod ${step.uid}`;
    case 'listNodePods':
    case 'deleteNode':
      return `${step.kind} ${step.nodeName}`;
    case 'appendJournal':
      return `appendJournal ${step.record.outcome}`;
    case 'markDoomed':
      return `markDoomed ${step.mark.instanceId}`;
    case 'loadBecomes':
      return `loadBecomes ${step.cpuPercent} %, ${step.waiting} waiting`;
    case 'readLock':
    case 'putLock':
    case 'readInbox':
    case 'clearInbox':
    case 'queryMetrics':
    case 'listInstances':
    case 'describeInstances':
    case 'listNodes':
    case 'listPods':
    case 'pause':
    case 'publishMetrics':
    case 'notify':
      return step.kind;
  }
}

/** A failure as it is printed: what is wrong, what happened, and the command that does it again. */
export function failureText({ plan, schedule, wrong, found }: Failure): string {
  return [
    ...wrong,
    `after ${String(found)} schedules, in ${planText(plan)}:`,
    '',
    ...readable({ plan, schedule }).lines,
    '',
    `Again: npm run test:explore -- --replay ${replayText({ plan, schedule })}`,
    '',
  ].join('\n');
}
