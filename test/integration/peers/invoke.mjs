// Runs the built bundle as Lambda would: one process is one sandbox, and each message one invocation.
// Usage: fork with the handler's name; send events; 'end' ends it. It must then end by itself.
const [bundle, handler] = process.argv.slice(2);
const handlers = await import(/** @type {string} */ (bundle));
process.on(
  'message',
  async (/** @type {{event: unknown, timeoutMs: number} | 'end'} */ message) => {
    if (message === 'end') {
      process.disconnect();
      return;
    }
    const endsAtMs = Date.now() + message.timeoutMs;
    const context = { getRemainingTimeInMillis: () => endsAtMs - Date.now() };
    try {
      const result = await handlers[/** @type {string} */ (handler)](message.event, context);
      process.send?.({ result });
    } catch (error) {
      process.send?.({ error: String(error) });
    }
  },
);
