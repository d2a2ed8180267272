import { POLICIES } from '../../../engine/index.ts';
import { settableKeys } from '../../../adapters/cli/policy-settings.ts';
import { tune } from '../../../adapters/tui/reducer.ts';
import type { KeyName } from '../../../adapters/tui/press.ts';
import { initialState, type Setup, type TuneState } from '../../../adapters/tui/state.ts';
import type { Outcome } from '../../../adapters/tui/workbench.ts';
import type { Demand, Scenario } from '../../../simulator/index.ts';

/** 2026-11-27T18:00:00+06:00. */
export const START_AT_MS = Date.UTC(2026, 10, 27, 12);
const STEP_MS = 15_000;
const CYCLE_MS = 120_000;

const calendar: Scenario['calendar'] = [];

/** Every policy at its defaults, beginning with `node-fleet`. */
export function setup(more: Partial<Setup> = {}): Setup {
  return {
    scenario: { name: 'Sale', calendar, timeZoneOffsetMinutes: 360, prices: 'techflow' },
    seed: 1,
    offers: POLICIES.map((policy) => ({
      policy,
      settable: settableKeys(policy),
      overrides: {},
    })),
    policy: 'node-fleet',
    path: 'node-fleet.yaml',
    ...more,
  };
}

/** Two hours that need three nodes in their second half. */
export function demand(hours = 2): Demand {
  const stepCount = (hours * 3_600_000) / STEP_MS;
  const line = (): Int32Array => new Int32Array(stepCount);
  return {
    firstStepAtMs: START_AT_MS,
    stepMs: STEP_MS,
    stepCount,
    requestsPerSecond: new Float64Array(stepCount),
    replicas: line(),
    running: line(),
    nodes: line().map((_, step) => (step < stepCount / 2 ? 1 : 3)),
    startSteps: new Uint16Array(stepCount),
  };
}

/** An outcome in which pods wait at 75 % of the time, and the cycles numbered in `scaled` added so many nodes. */
export function outcome(
  costBdt: number,
  { stepCount } = demand(),
  scaled: Readonly<Record<number, number>> = {},
): Outcome {
  const cycles = Math.floor((stepCount * STEP_MS) / CYCLE_MS);
  const unschedulablePods = new Int32Array(stepCount);
  unschedulablePods[Math.floor(stepCount * 0.75)] = 7;
  return {
    costBdt,
    pendingPodMinutes: 1.75,
    shortagePodMinutes: 12,
    unavoidablePodMinutes: 2,
    timeToCapacitySeconds: { p50: 60, p95: 120, max: 120, censored: 0 },
    readyNodes: new Int32Array(stepCount).fill(2),
    unschedulablePods,
    cycleAtMs: Float64Array.from({ length: cycles }, (_, n) => START_AT_MS + n * CYCLE_MS),
    scaledBy: Int16Array.from({ length: cycles }, (_, n) => scaled[n] ?? 0),
  };
}

/** The state after keys: a character each, or the name of one. */
export function after(
  state: TuneState,
  ...keys: readonly (string | { shift: KeyName })[]
): TuneState {
  return keys.reduce<TuneState>((before, key) => {
    const shift = typeof key !== 'string';
    const name = shift ? key.shift : key;
    const isNamed = [...name].length > 1;
    const press = isNamed
      ? { character: '', name: name as KeyName, shift }
      : { character: name, name: null, shift };
    return tune(before, { kind: 'pressed', press });
  }, state);
}

/** A session whose first trial has come back. */
export function running(scaled: Readonly<Record<number, number>> = {}, from = setup()): TuneState {
  const begun = initialState(from);
  const ready = tune(begun, { kind: 'answered', answer: { kind: 'ready', demand: demand() } });
  return heard(ready, 0, outcome(3517, demand(), scaled));
}

/** The state after an outcome of a trial. */
export function heard(state: TuneState, number: number, what: Outcome): TuneState {
  return tune(state, { kind: 'answered', answer: { kind: 'outcome', number, outcome: what } });
}
