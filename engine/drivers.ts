import type { Effect, Process, Result, Yielded } from './effects.ts';

/**
 * The two drivers of a process. Neither decides anything: they hand each effect to an interpreter and the answer back.
 * An interpreter that throws crashes the cycle where it stands, as a killed Lambda would be. So does the deadline: once an
 * answer comes after it, nothing more is started, whatever the process had in mind (a sandbox that was frozen and thaws
 * must not send what it meant to send minutes ago, S7).
 */

/** Runs a process to its end. */
export function runSync<T>(process: Process<T>, interpret: (effect: Effect) => Result): T;
/** Runs a process to its end, or until its deadline has passed: then null. */
export function runSync<T>(
  process: Process<T>,
  interpret: (effect: Effect) => Result,
  deadlineMs: number,
): T | null;
export function runSync<T>(
  process: Process<T>,
  interpret: (effect: Effect) => Result,
  deadlineMs = Infinity,
): T | null {
  const resume = process as Generator<Yielded, T, unknown>;
  let step = resume.next();
  while (!step.done) {
    const wanted = step.value;
    if (wanted.kind !== 'parallel') {
      const result = interpret(wanted);
      if (result.completedAtMs > deadlineMs) {
        return null;
      }
      step = resume.next(result);
      continue;
    }
    const results: Result[] = [];
    for (const effect of wanted.effects) {
      const result = interpret(effect);
      if (result.completedAtMs > deadlineMs) {
        return null;
      }
      results.push(result);
    }
    step = resume.next(results);
  }
  return step.value;
}

/** As `runSync`, with effects that take real time; those of one `parallel` run together. Null: the deadline has passed. */
export async function runAsync<T>(
  process: Process<T>,
  interpret: (effect: Effect) => Promise<Result>,
  deadlineMs = Infinity,
): Promise<T | null> {
  const resume = process as Generator<Yielded, T, unknown>;
  let step = resume.next();
  while (!step.done) {
    const wanted = step.value;
    const effects = wanted.kind === 'parallel' ? wanted.effects : [wanted];
    const results = await Promise.all(effects.map(interpret));
    if (results.some((result) => result.completedAtMs > deadlineMs)) {
      return null;
    }
    step = resume.next(wanted.kind === 'parallel' ? results : results[0]);
  }
  return step.value;
}
