// What must hold when a race is over, whoever died in it: at once, and once undisturbed cycles have put it right.
import { byText, CLOCK_SKEW_MS, cycle, runSync } from '../../engine/index.ts';
import { cluster, MINUTE } from '../engine/build.ts';
import { TICK_MS, type Race } from './race.ts';
import { POLICY, type Scenario } from './races.ts';
import type { World } from './world.ts';

/** The first of them may meet the lock of one that died; then a drain takes a cycle to empty a node and one to end. */
const SUCCESSORS = 6;
const CALL_MS = 20;
const { nodeCountMax, nodeCountMin, cooldownAfterActionSeconds } = POLICY.settings;
/** By two clocks, each of which may be wrong. */
const COOLDOWN_MIN_MS = cooldownAfterActionSeconds * 1000 - 2 * CLOCK_SKEW_MS;

/**
 * Lets successors run undisturbed, two minutes apart. Returns what is wrong: nothing, as it should be. The race is of no use
 * afterwards.
 */
export function wrongAfter({ world, successorAtMs }: Race, scenario: Scenario): string[] {
  overbought(world);
  for (let n = 0; n < SUCCESSORS; n++) {
    const nowMs = successorAtMs + n * TICK_MS;
    world.settle(nowMs);
    undisturbed(world, nowMs, `s${n}`);
    overbought(world);
  }
  world.settle(successorAtMs + SUCCESSORS * TICK_MS);
  for (const found of unsettled(world, scenario)) {
    world.violations.add(found);
  }
  return [...world.violations].sort(byText);
}

function undisturbed(world: World, nowMs: number, nonce: string): void {
  let clockMs = nowMs;
  runSync(
    cycle({
      ...{ nowMs, triggeredAtMs: nowMs, deadlineMs: nowMs + MINUTE, nonce },
      ...{ trigger: 'schedule', mode: 'act', cluster: cluster(), configured: POLICY },
    }),
    (effect) => {
      clockMs = effect.kind === 'pause' ? Math.max(clockMs, effect.untilMs) : clockMs + CALL_MS;
      return world.perform(effect, { nowMs: clockMs, trueMs: clockMs });
    },
  );
}

/** Nodes that AWS takes, or that go because they are no good, may be replaced before they are gone. */
function overbought(world: World): void {
  const { stored } = world.table;
  const going = new Set(world.takenByAws);
  for (const { instanceId, reason } of stored.kind === 'known' ? stored.state.drains : []) {
    if (reason !== 'scale-down') {
      going.add(instanceId);
    }
  }
  const count = world.alive.filter(({ id }) => !going.has(id)).length;
  if (count > nodeCountMax) {
    world.violations.add(`${String(count)} workers, above max ${String(nodeCountMax)}`);
  }
}

function* unsettled(world: World, scenario: Scenario): Generator<string> {
  const { lock, stored, inbox } = world.table;
  if (stored.kind !== 'known') {
    yield 'the state is gone';
    return;
  }
  const { launches, drains, known, desired } = stored.state;
  const alive = world.alive.map(({ id }) => id).sort(byText);
  if (lock.owner !== null) {
    yield 'the lock is held, and nobody is there';
  }
  if (launches.length > 0) {
    yield 'a launch is not settled';
  }
  if (drains.length > 0) {
    yield `a drain is stuck: ${drains[0].stage} for ${drains[0].reason}`;
  }
  if (inbox.doomed.length > 0) {
    yield 'a mark stays in the inbox';
  }
  for (const { name, taintIntentId, ready } of world.nodes.values()) {
    if (taintIntentId !== null) {
      yield `a taint stays on a node, with no drain`;
    }
    if (!ready) {
      yield `the node of an instance that is gone stays: ${name}`;
    }
  }
  if (known.join() !== alive.join()) {
    yield `the table knows ${known.join()}, EC2 has ${alive.join()}`;
  }
  if (desired !== alive.length) {
    yield `${String(alive.length)} workers, and ${String(desired)} are desired`;
  }
  const { workersMin, workersMax, launchedMax, begunMax } = scenario;
  if (alive.length < Math.max(workersMin, nodeCountMin) || alive.length > workersMax) {
    yield `${String(alive.length)} workers at the end, not ${String(workersMin)} to ${String(workersMax)}`;
  }
  if (world.waiting > 0 && alive.length < nodeCountMax) {
    yield `${String(world.waiting)} pods still wait`;
  }
  if (world.launchedCount > launchedMax) {
    yield `${String(world.launchedCount)} workers were launched where ${String(launchedMax)} were needed`;
  }
  if (world.begun.size > begunMax) {
    yield `policies began ${String(world.begun.size)} actions where ${String(begunMax)} was due`;
  }
  const begunAtMs = [...world.begun.values()].sort((a, b) => a - b);
  if (begunAtMs.some((atMs, n) => n > 0 && atMs - begunAtMs[n - 1] < COOLDOWN_MIN_MS)) {
    yield 'policies began two actions within a cooldown';
  }
}
