import type { Demand } from '../../simulator/index.ts';
import type { Outcome, Trial } from './workbench.ts';

/** What the thread that simulates is asked. Each trial has a number of its own, rising from 0. */
export type Asked =
  | { readonly kind: 'run'; readonly number: number; readonly trial: Trial }
  | { readonly kind: 'explain'; readonly number: number; readonly cycle: number };

/** What it answers. */
export type Answer =
  | { readonly kind: 'ready'; readonly demand: Demand }
  | { readonly kind: 'outcome'; readonly number: number; readonly outcome: Outcome }
  | {
      readonly kind: 'told';
      readonly number: number;
      readonly cycle: number;
      readonly paragraph: string;
    };

/** The thread, as much of it as a session needs. */
export interface Thread {
  postMessage(asked: Asked): void;
  on(event: 'message', listener: (answer: Answer) => void): unknown;
}

/**
 * One person’s trials, simulated off the thread that draws. The latest wins: asking for a trial gives up the one that runs,
 * which sees in `latest` that it is no longer wanted, and an answer to an older one is dropped. The first trial is what all
 * others are compared with, and is never given up.
 */
export class Session {
  readonly #thread: Thread;
  readonly #latest: Int32Array;
  #explaining = false;
  /** Asked for while an explanation was under way: only the last is wanted. */
  #next: { readonly number: number; readonly cycle: number } | null = null;

  /** @param latest shared with the thread: the number of the latest trial */
  constructor(thread: Thread, latest: Int32Array, answered: (answer: Answer) => void) {
    this.#thread = thread;
    this.#latest = latest;
    thread.on('message', (answer) => {
      if (answer.kind === 'told') {
        this.#told();
      }
      if (answer.kind === 'ready' || answer.number === 0 || this.#isLatest(answer.number)) {
        answered(answer);
      }
    });
  }

  run(number: number, trial: Trial): void {
    Atomics.store(this.#latest, 0, number);
    this.#thread.postMessage({ kind: 'run', number, trial });
  }

  /** Asks why a cycle of a trial decided as it did. */
  explain(number: number, cycle: number): void {
    if (this.#explaining) {
      this.#next = { number, cycle };
      return;
    }
    this.#explaining = true;
    this.#thread.postMessage({ kind: 'explain', number, cycle });
  }

  #told(): void {
    this.#explaining = false;
    const next = this.#next;
    this.#next = null;
    if (next !== null && this.#isLatest(next.number)) {
      this.explain(next.number, next.cycle);
    }
  }

  #isLatest(number: number): boolean {
    return number === Atomics.load(this.#latest, 0);
  }
}
