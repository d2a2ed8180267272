/** The simulator: a scenario’s world, the engine’s effects on it, and the score. */
export * from './checkers.ts';
export * from './clients.ts';
export * from './compare.ts';
export { CPU_MS_PER_CREDIT, CREDIT_MODES } from './credits.ts';
export * from './elasticity.ts';
export * from './faults/index.ts';
export * from './ingest.ts';
export * from './instants.ts';
export * from './interpret.ts';
export * from './market.ts';
export * from './optimum.ts';
export * from './prices/index.ts';
export { stream, type RandomStream } from './random.ts';
export * from './run.ts';
export * from './savings.ts';
export {
  MARKET_EVENTS,
  parseScenario,
  resolveScenario,
  defaultScenarioSettings,
  faultOf,
  settingsOfFault,
  requestsPerSecondForNodes,
  webPodsPerNode,
  type Scenario,
  type ScenarioSettings,
  type FaultSettings,
} from './scenario.ts';
export * from './score.ts';
export * from './spending.ts';
export * from './startup.ts';
export { Table } from './table.ts';
export * from './trace.ts';
export * from './unconstrained.ts';
export { World, type BilledInstance } from './world.ts';
