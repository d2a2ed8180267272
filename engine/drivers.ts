import type { Effect, Process, Result, Yielded } from './effects.ts';

/**
 * The two drivers of a process. Neither decides anything: they hand each effect to an interpreter and the answer back.
 * An interpreter that throws crashes the cycle where it stands, as a killed Lambda would be.
 */
export function runSync<T>(process: Process<T>, interpret: (effect: Effect) => Result): T {
  const resume = process as Generator<Yielded, T, unknown>;
  let step = resume.next();
  while (!step.done) {
    const wanted = step.value;
    step = resume.next(
      wanted.kind === 'parallel' ? wanted.effects.map(interpret) : interpret(wanted),
    );
  }
  return step.value;
}

/** As `runSync`, with effects that take real time; those of one `parallel` run together. */
export async function runAsync<T>(
  process: Process<T>,
  interpret: (effect: Effect) => Promise<Result>,
): Promise<T> {
  const resume = process as Generator<Yielded, T, unknown>;
  let step = resume.next();
  while (!step.done) {
    const wanted = step.value;
    step = resume.next(
      wanted.kind === 'parallel'
        ? await Promise.all(wanted.effects.map(interpret))
        : await interpret(wanted),
    );
  }
  return step.value;
}
