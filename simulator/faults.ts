import {
  CALL_TIMEOUT_MS,
  missingMetrics,
  type Effect,
  type EffectKind,
  type Failure,
  type Result,
} from '../engine/index.ts';
import type { RandomStream } from './random.ts';

/**
 * What may go wrong with an effect. `fail`: refused, and certainly not done. `hang`: not done, and no answer until the call
 * times out. `slow`: done, late. `lost-answer`: done, and no answer. `frozen`: done, and whoever asked sleeps for minutes
 * before it sees the answer. `empty` and `stale`: a list or query answers with nothing, or with what it answered last.
 * `partial`: a launch gets one instance fewer; `shortage`: none, for certain. The last two kill whoever asked.
 */
export const FAULT_MODES = [
  'fail',
  'hang',
  'slow',
  'lost-answer',
  'frozen',
  'empty',
  'stale',
  'partial',
  'shortage',
  'crash-before',
  'crash-after',
] as const;
export type FaultMode = (typeof FAULT_MODES)[number];

/** One fault: which effect, how, how often, and when. */
export interface Fault {
  readonly effect: EffectKind;
  readonly mode: FaultMode;
  /** Probability, 0–1, for each time the effect is asked for. */
  readonly rate: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/** The invocation was killed here, as a Lambda is: nothing after it ran. */
export class CrashedCycle extends Error {
  override readonly name = 'CrashedCycle';
}

/** A clock that effects advance. */
export interface Clock {
  readonly nowMs: number;
  advance(ms: number): void;
}

/**
 * Wraps an interpreter so that effects fail as `faults` say. Draws come from a stream of their own, one for each fault that
 * an effect meets, so that the same seed meets the same luck.
 *
 * @param met is told of each fault that strikes
 */
export function withFaults(
  interpret: (effect: Effect) => Result,
  faults: readonly Fault[],
  random: RandomStream,
  clock: Clock,
  met?: (mode: FaultMode, effect: Effect) => void,
): (effect: Effect) => Result {
  if (faults.length === 0) {
    return interpret;
  }
  const remembered = new Map<EffectKind, Result>();
  const meet = new Meeting(interpret, clock, remembered);
  const remembers = faults.some((fault) => fault.mode === 'stale');
  return (effect) => {
    for (const fault of faults) {
      if (
        fault.effect !== effect.kind ||
        clock.nowMs < fault.fromMs ||
        clock.nowMs >= fault.toMs ||
        !canMeet(fault.mode, effect.kind)
      ) {
        continue;
      }
      if (random.nextUnit() < fault.rate) {
        met?.(fault.mode, effect);
        return meet.with(fault.mode, effect);
      }
    }
    const result = interpret(effect);
    if (remembers && canMeet('stale', effect.kind)) {
      remembered.set(effect.kind, result);
    }
    return result;
  };
}

/** Reads that are eventually consistent: only these may be empty or stale without being down. */
const MAY_BE_STALE: readonly EffectKind[] = ['queryMetrics', 'listInstances'];
const MAY_BE_EMPTY: readonly EffectKind[] = ['queryMetrics', 'listInstances', 'listNodes'];

/** Whether an effect can go wrong in this way at all: letting time pass cannot fail, a write has no stale answer. */
export function canMeet(mode: FaultMode, kind: EffectKind): boolean {
  switch (mode) {
    case 'fail':
    case 'hang':
    case 'lost-answer':
      return kind !== 'pause';
    case 'stale':
      return MAY_BE_STALE.includes(kind);
    case 'empty':
      return MAY_BE_EMPTY.includes(kind);
    case 'partial':
    case 'shortage':
      return kind === 'launchInstances';
    case 'slow':
    case 'frozen':
    case 'crash-before':
    case 'crash-after':
      return true;
  }
}

/** How an effect goes when a fault strikes it. */
class Meeting {
  readonly #interpret: (effect: Effect) => Result;
  readonly #clock: Clock;
  readonly #remembered: ReadonlyMap<EffectKind, Result>;

  constructor(
    interpret: (effect: Effect) => Result,
    clock: Clock,
    remembered: ReadonlyMap<EffectKind, Result>,
  ) {
    this.#interpret = interpret;
    this.#clock = clock;
    this.#remembered = remembered;
  }

  with(mode: FaultMode, effect: Effect): Result {
    const clock = this.#clock;
    switch (mode) {
      case 'fail':
        clock.advance(20);
        return failure('refused', 'unavailable', clock.nowMs);
      case 'hang':
        clock.advance(CALL_TIMEOUT_MS);
        return failure('unknown', 'timeout', clock.nowMs);
      case 'slow': {
        clock.advance(SLOW_MS);
        return this.#interpret(effect);
      }
      case 'lost-answer': {
        const timesOutAtMs = clock.nowMs + CALL_TIMEOUT_MS;
        this.#interpret(effect);
        clock.advance(Math.max(0, timesOutAtMs - clock.nowMs));
        return failure('unknown', 'timeout', clock.nowMs);
      }
      case 'frozen': {
        const result = this.#interpret(effect);
        clock.advance(FROZEN_MS);
        return { ...result, completedAtMs: clock.nowMs };
      }
      case 'empty':
        return emptied(this.#interpret(effect), effect);
      case 'stale': {
        const result = this.#interpret(effect);
        const before = this.#remembered.get(effect.kind);
        return before === undefined ? result : { ...before, completedAtMs: result.completedAtMs };
      }
      case 'partial':
        return this.#partly(effect);
      case 'shortage':
        return this.#refused();
      case 'crash-before':
        throw new CrashedCycle(`killed before ${effect.kind}`);
      case 'crash-after':
        this.#interpret(effect);
        throw new CrashedCycle(`killed after ${effect.kind}`);
    }
  }

  /** RunInstances with a minimum below its maximum: one fewer, or the refusal that none is. */
  #partly(effect: Effect): Result {
    if (effect.kind !== 'launchInstances') {
      return this.#interpret(effect);
    }
    const { launch } = effect;
    if (launch.count > 1) {
      return this.#interpret({ ...effect, launch: { ...launch, count: launch.count - 1 } });
    }
    return this.#refused();
  }

  #refused(): Result {
    this.#clock.advance(20);
    const completedAtMs = this.#clock.nowMs;
    return { ok: false, certainty: 'refused', reason: 'insufficient-capacity', completedAtMs };
  }
}

/** Below the call timeout together with the slowest call. */
const SLOW_MS = 3_500;
/** Longer than a lock is held, shorter than its outer bound. */
const FROZEN_MS = 150_000;

function emptied(result: Result, effect: Effect): Result {
  const { completedAtMs } = result;
  if (effect.kind === 'queryMetrics') {
    return { ok: true, metrics: missingMetrics('empty', effect.custom), completedAtMs };
  }
  if (effect.kind === 'listInstances') {
    return { ok: true, instances: [], completedAtMs };
  }
  if (effect.kind === 'listNodes') {
    return { ok: true, nodes: [], completedAtMs };
  }
  return result;
}

function failure(
  certainty: 'refused' | 'unknown',
  reason: 'unavailable' | 'timeout',
  completedAtMs: number,
): Failure<typeof reason> & { completedAtMs: number } {
  return { ok: false, certainty, reason, completedAtMs };
}
