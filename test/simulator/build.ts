import { configurePolicy, type ConfiguredPolicy, type KubeNode } from '../../engine/index.ts';
import { parseScenario, resolveScenario, type Scenario } from '../../simulator/scenario.ts';
import { makeTrace } from '../../simulator/trace.ts';
import type { Demand } from '../../simulator/unconstrained.ts';
import { World } from '../../simulator/world.ts';

/** Friday 2026-11-27 00:00 +06:00: a real epoch, as everywhere. */
export const START_AT_MS = 1_795_716_000_000;
export const STEP_MS = 15_000;
export const HOUR_MS = 3_600_000;

/**
 * A scenario of these settings, as a YAML file would give them, whose traffic holds each rate for one `spacingMs`.
 */
export function scenarioOf(
  settings: object = {},
  requestsPerSecond: readonly number[] = [10, 10],
  spacingMs = 60_000,
): Scenario {
  const parsed = parseScenario({ version: 1, ...settings });
  if (parsed.issues !== null) {
    throw new Error(JSON.stringify(parsed.issues));
  }
  const atMs = Float64Array.from(requestsPerSecond, (_, row) => START_AT_MS + row * spacingMs);
  const trace = makeTrace('traffic', atMs, Float64Array.from(requestsPerSecond));
  return resolveScenario(parsed.settings, trace).scenario;
}

export function policyOf(name: string, settings: Record<string, number> = {}): ConfiguredPolicy {
  const result = configurePolicy(name, settings);
  if (!result.ok) {
    throw new Error(JSON.stringify(result.problems));
  }
  return result.configured;
}

/**
 * Demand written by hand: the world reads `requestsPerSecond`, `startSteps` and the first of `replicas`; its arrays may be
 * changed as the world goes.
 */
export function demandOf(stepCount: number, replicas: number, requestsPerSecond = 0): Demand {
  return {
    firstStepAtMs: START_AT_MS,
    stepMs: STEP_MS,
    stepCount,
    requestsPerSecond: new Float64Array(stepCount).fill(requestsPerSecond),
    replicas: new Int32Array(stepCount).fill(replicas),
    running: new Int32Array(stepCount).fill(replicas),
    nodes: new Int32Array(stepCount).fill(1),
    startSteps: new Uint16Array(stepCount).fill(1),
  };
}

export const ZONE_A = 'ap-southeast-1a';
export const ZONE_B = 'ap-southeast-1b';

/**
 * A world of nodes in the first zone, on demand, with pods that nobody asks anything of: they stay `replicas`. `rates`: the
 * traffic of the first steps.
 */
export function quietWorld(
  nodes: number,
  replicas: number,
  { steps = 1000, settings = {} as Settings, seed = 1, rates = [] as readonly number[] } = {},
): { world: World; demand: Demand } {
  const { workload = {}, ...rest } = settings;
  const { web = {}, ...others } = workload;
  const scenario = scenarioOf({
    ...rest,
    workload: { ...others, web: { ...web, hpa: { replicasMin: replicas, ...web.hpa } } },
  });
  const demand = demandOf(steps, replicas);
  demand.requestsPerSecond.set(rates);
  const world = new World(scenario, demand, seed);
  world.startWith(Array.from({ length: nodes }, () => ({ zone: ZONE_A, market: 'on-demand' })));
  return { world, demand };
}

/** Settings of a scenario as a YAML file gives them, as far as a test adds to them. */
export interface Settings {
  readonly workload?: {
    readonly web?: { readonly hpa?: object; readonly [key: string]: unknown };
    readonly [key: string]: unknown;
  };
  readonly [key: string]: unknown;
}

export function step(world: World, count = 1): void {
  for (let n = 0; n < count; n++) {
    world.step();
  }
}

/** A launch of `count` in a zone, on demand, that was not asked for before. */
export function launch(
  world: World,
  count = 1,
  { zone = ZONE_A, nowMs = world.nowMs } = {},
): readonly string[] {
  const clientToken = `token-${String(world.launches)}`;
  const ids = world.launch({ clientToken, zone, market: 'on-demand', count, birthEpoch: 1 }, nowMs);
  if (typeof ids === 'string') {
    throw new Error(ids);
  }
  return ids;
}

/** The workers among the nodes, by name. */
export function workers(world: World): KubeNode[] {
  return world.listNodes().filter((node) => !node.controlPlane);
}

/** As many steps as it takes for the node to be Ready. */
export function stepUntilReady(world: World, name: string): void {
  for (let n = 0; n < 100; n++) {
    if (workers(world).some((node) => node.name === name && node.ready)) {
      return;
    }
    world.step();
  }
  throw new Error(`${name} is not Ready after 100 steps`);
}

/** Pods of a shape on a node: bound and not ending, and ending. */
export function podsOn(
  world: World,
  name: string,
  shape = 0,
): { active: number; terminating: number } {
  const pods = world.podsOn(name);
  if (pods === null) {
    throw new Error(`there is no node ${name}`);
  }
  return { active: pods[shape].active, terminating: pods[shape].terminating };
}
