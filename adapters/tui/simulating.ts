import { Worker } from 'node:worker_threads';
import type { Simulating } from './app.tsx';
import { Session, type Answer } from './session.ts';
import type { Bench } from './workbench.ts';
import type { WorkerStart } from './worker.ts';

/** A thread that simulates, warm from the start, and how it ends. */
export interface SimulatingThread extends Simulating {
  /** Told once when the thread dies, which it never should. */
  failed(listener: (error: Error) => void): void;
  end(): Promise<void>;
}

/** Starts the thread. What it answers before anybody listens is kept. */
export function startSimulating(bench: Bench, workerPath: string): SimulatingThread {
  const latest = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const workerData: WorkerStart = { bench, latest };
  const worker = new Worker(workerPath, { workerData });
  let waiting: Answer[] = [];
  let answered = (answer: Answer): void => {
    waiting.push(answer);
  };
  const death = new Promise<Error>((resolve) => {
    worker.once('error', resolve);
  });
  const session = new Session(worker, latest, (answer) => {
    answered(answer);
  });
  return {
    listen(listener) {
      answered = listener;
      const early = waiting;
      waiting = [];
      early.forEach(listener);
    },
    run: (number, trial) => {
      session.run(number, trial);
    },
    explain: (number, cycle) => {
      session.explain(number, cycle);
    },
    failed: (listener) => {
      void death.then(listener);
    },
    end: async () => {
      await worker.terminate();
    },
  };
}
