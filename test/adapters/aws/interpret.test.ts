import { expect, test, vi } from 'vitest';
import type { Performers } from '../../../adapters/answer.ts';
import { interpreter, pausePerformer } from '../../../adapters/aws/interpret.ts';
import { CallFailed } from '../../../adapters/failure.ts';
import { CALL_TIMEOUT_MS, performAll, runAsync, type Process } from '../../../engine/index.ts';

test('whatever is thrown is a failure with the time at which it was over, and is logged without its message', async () => {
  const logged: unknown[] = [];
  const performers = {
    readInbox: () => Promise.reject(Object.assign(new Error('a secret'), { code: 'ECONNRESET' })),
    readLock: () => Promise.reject(new CallFailed('refused', 'throttled', 'GET x')),
  } as unknown as Performers;
  const interpret = interpreter(
    performers,
    () => 42,
    (...line) => logged.push(line),
  );
  expect(await interpret({ kind: 'readInbox' })).toEqual({
    ok: false,
    certainty: 'unknown',
    reason: 'unavailable',
    completedAtMs: 42,
  });
  expect(await interpret({ kind: 'readLock' })).toMatchObject({
    certainty: 'refused',
    reason: 'throttled',
  });
  expect(JSON.stringify(logged)).not.toContain('a secret');
  expect(logged).toHaveLength(2);
});

test('when one of several fails, the others are still awaited: nothing is under way when the cycle goes on (S7)', async () => {
  let over = false;
  const performers = {
    listNodes: () => Promise.reject(new Error('at once')),
    listPods: async () => {
      await new Promise((resolve) => setTimeout(resolve, 30));
      over = true;
      return { ok: true, pods: { shapes: [], unschedulable: [], perNode: [] } };
    },
  } as unknown as Performers;
  function* both(): Process<boolean> {
    const [nodes, pods] = yield* performAll([{ kind: 'listNodes' }, { kind: 'listPods' }]);
    return !nodes.ok && pods.ok && over;
  }
  const interpret = interpreter(
    performers,
    () => 0,
    () => {},
  );
  expect(await runAsync(both(), interpret)).toBe(true);
});

test('a call is given up before the engine counts on its end (S8)', async () => {
  const given = vi.spyOn(AbortSignal, 'timeout');
  const performers = {
    listNodes: () => Promise.resolve({ ok: true, nodes: [] }),
  } as unknown as Performers;
  await interpreter(
    performers,
    () => 0,
    () => {},
  )({ kind: 'listNodes' });
  expect(given.mock.calls).toEqual([[expect.any(Number)]]);
  expect(given.mock.calls[0][0]).toBeLessThan(CALL_TIMEOUT_MS);
  given.mockRestore();
});

test('a pause lasts until its time by the clock, and no longer', async () => {
  const { pause } = pausePerformer(() => 1_000);
  const beganAtMs = performance.now();
  await pause({ kind: 'pause', untilMs: 1_040 }, AbortSignal.timeout(1));
  expect(performance.now() - beganAtMs).toBeGreaterThanOrEqual(39);
  await pause({ kind: 'pause', untilMs: 0 }, AbortSignal.timeout(1));
});
