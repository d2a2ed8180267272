/** The decision engine: pure data in, effects out. `README.md` beside this file says what is where, and the safety rules. */
export * from './cycle.ts';
export * from './decide.ts';
export * from './demand.ts';
export * from './drivers.ts';
export * from './effects.ts';
export * from './explain.ts';
export * from './guards.ts';
export * from './journal.ts';
export * from './lifecycle.ts';
export * from './observation.ts';
export * from './placement.ts';
export * from './policies/index.ts';
export * from './replay.ts';
export * from './settings.ts';
export * from './state.ts';
export * from './view.ts';
