// Runs the built bundle as Lambda would: one process is one sandbox, and each message one invocation, several at once if need
// be. Usage: fork with the handler's name; send events; 'end' ends it. It must then end by itself.
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';

const [bundle, handler, staged] = process.argv.slice(2);
/** Of an invocation on a stage: its clock, which stands still, and the nonce that chance would give it. */
let nowMs = 0;
let nonce = '';
if (staged !== undefined) {
  const RealDate = Date;
  globalThis.Date = /** @type {DateConstructor} */ (
    class extends RealDate {
      /** @param {[]} given */
      constructor(...given) {
        if (given.length === 0) {
          super(nowMs);
        } else {
          super(...given);
        }
      }
      static now() {
        return nowMs;
      }
    }
  );
  // Where time stands still, a cycle that waits would wait for nothing; whatever else has timers has shorter ones.
  const { setTimeout } = globalThis;
  globalThis.setTimeout = /** @type {typeof setTimeout} */ (
    (/** @type {() => void} */ run, /** @type {number} */ ms, /** @type {unknown[]} */ ...rest) =>
      setTimeout(run, ms > 5_000 ? 0 : ms, ...rest)
  );
  const { randomBytes } = crypto;
  crypto.randomBytes = /** @type {typeof randomBytes} */ (
    (/** @type {number} */ size) => (size === 8 ? Buffer.from(nonce, 'hex') : randomBytes(size))
  );
  syncBuiltinESMExports();
}

const handlers = await import(/** @type {string} */ (bundle));
process.on(
  'message',
  async (
    /** @type {{id: number, event: unknown, timeoutMs: number, nowMs?: number, nonce?: string} | 'end'} */ message,
  ) => {
    if (message === 'end') {
      process.disconnect();
      return;
    }
    const { id, event, timeoutMs } = message;
    nowMs = message.nowMs ?? 0;
    nonce = message.nonce ?? '';
    const endsAtMs = Date.now() + timeoutMs;
    const context = { getRemainingTimeInMillis: () => endsAtMs - Date.now() };
    process.send?.({ id, begun: true });
    try {
      const result = await handlers[/** @type {string} */ (handler)](event, context);
      process.send?.({ id, result });
    } catch (error) {
      process.send?.({ id, error: String(error) });
    }
  },
);
