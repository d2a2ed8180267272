import { INVARIANTS, type Observer } from '../../simulator/index.ts';
import { formatInstant } from '../../simulator/instants.ts';
import { QUIET, runCase, type Case } from '../properties/arbitraries.ts';

/** What a case has that a quiet one has not. */
export function differenceFromQuiet(each: Case): Partial<Case> {
  return Object.fromEntries(
    Object.entries(each).filter(
      ([key, value]) => JSON.stringify(value) !== JSON.stringify(QUIET[key as keyof Case]),
    ),
  );
}

/** A line for each cycle of a case up to the violation: when, what it did, what struck it. */
export function timeline(each: Case): readonly string[] {
  const lines: string[] = [];
  let startedAtMs = 0;
  let faults: string[] = [];
  let told = '';
  const watching: Observer = {
    cycleBegins: (nowMs) => {
      startedAtMs = nowMs;
      faults = [];
      told = 'nothing journalled';
    },
    faulted: (mode, effect) => faults.push(`${mode} ${effect.kind}`),
    decided: ({ outcome, decided, events }) => {
      const { action, count, repair, desired } = decided?.decision ?? {};
      const decision =
        decided === null
          ? outcome
          : `${action} ${count}, repair ${repair}, desired ${desired}, ${decided.view.workers.map(({ id, phase }) => `${id.slice(-2)} ${phase}`).join(' ')}`;
      told = [decision, ...events.map(({ code, subject }) => `${code} ${subject}`.trim())].join(
        '; ',
      );
    },
    cycleEnds: (_, killed) => {
      const struck = faults.length === 0 ? '' : `  [${faults.join(', ')}]`;
      lines.push(
        `${formatInstant(startedAtMs, 0).slice(11, 19)} ${told}${struck}${killed ? ' killed' : ''}`,
      );
    },
  };
  try {
    runCase(each, INVARIANTS, watching);
  } catch {
    lines.push(`${formatInstant(startedAtMs, 0).slice(11, 19)} ${told} [${faults.join(', ')}]`);
  }
  return lines;
}
