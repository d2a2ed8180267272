/** The simulator: a scenario’s world, the engine’s effects on it, and the score. */
export * from './checkers.ts';
export * from './compare.ts';
export * from './elasticity.ts';
export * from './faults/index.ts';
export * from './instants.ts';
export * from './interpret.ts';
export * from './optimum.ts';
export * from './prices.ts';
export { stream, type RandomStream } from './random.ts';
export * from './run.ts';
export {
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
export { Table } from './table.ts';
export * from './trace.ts';
export * from './unconstrained.ts';
export { World } from './world.ts';
