import { parentPort, workerData } from 'node:worker_threads';
import { BenchThread } from './bench-thread.ts';
import type { Asked } from './session.ts';
import { Workbench, type Bench } from './workbench.ts';

// Started as a thread by `start.tsx`.

/** What the thread is started with. */
export interface WorkerStart {
  readonly bench: Bench;
  /** Shared: the number of the latest trial. */
  readonly latest: Int32Array;
}

const { bench, latest } = workerData as WorkerStart;
const thread = new BenchThread(
  new Workbench(bench),
  latest,
  (answer) => parentPort?.postMessage(answer),
  setImmediate,
);
thread.begin();
parentPort?.on('message', (asked: Asked) => {
  thread.asked(asked);
});
