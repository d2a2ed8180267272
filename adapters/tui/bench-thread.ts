import type { Answer, Asked } from './session.ts';
import type { Workbench } from './workbench.ts';

/** Trials run again before anybody asks, so that V8 has compiled the simulator when somebody does. */
const REHEARSALS = 3;
/** A run of more steps is rehearsal enough in itself. */
const REHEARSED_STEPS_MAX = 50_000;

/** The thread’s side of a session: answers what it is asked, in order, and drops what is no longer wanted. */
export class BenchThread {
  readonly #bench: Workbench;
  readonly #latest: Int32Array;
  readonly #answer: (answer: Answer) => void;
  readonly #later: (task: () => void) => void;
  /** The trial whose cycles can be told. */
  #ran = -1;
  #rehearsed = 0;

  /** @param later runs a task once whatever was asked meanwhile is answered */
  constructor(
    bench: Workbench,
    latest: Int32Array,
    answer: (answer: Answer) => void,
    later: (task: () => void) => void,
  ) {
    this.#bench = bench;
    this.#latest = latest;
    this.#answer = answer;
    this.#later = later;
  }

  begin(): void {
    this.#answer({ kind: 'ready', demand: this.#bench.demand });
  }

  asked(asked: Asked): void {
    if (asked.kind === 'run') {
      this.#run(asked);
      return;
    }
    const { number, cycle } = asked;
    const paragraph = number === this.#ran ? this.#bench.explain(cycle) : null;
    this.#answer({ kind: 'told', number, cycle, paragraph: paragraph ?? '' });
  }

  #run({ number, trial }: Extract<Asked, { kind: 'run' }>): void {
    // The first is what all others are compared with.
    const isWanted = (): boolean => number === 0 || Atomics.load(this.#latest, 0) === number;
    const outcome = isWanted() ? this.#bench.run(trial, isWanted) : null;
    if (outcome === null) {
      return;
    }
    this.#ran = number;
    this.#answer({ kind: 'outcome', number, outcome });
    if (number === 0 && this.#bench.demand.stepCount <= REHEARSED_STEPS_MAX) {
      this.#later(() => {
        this.#rehearse(trial);
      });
    }
  }

  #rehearse(trial: Extract<Asked, { kind: 'run' }>['trial']): void {
    const isWanted = (): boolean => Atomics.load(this.#latest, 0) === 0;
    if (this.#rehearsed < REHEARSALS && isWanted() && this.#bench.run(trial, isWanted) !== null) {
      this.#rehearsed++;
      this.#later(() => {
        this.#rehearse(trial);
      });
    }
  }
}
