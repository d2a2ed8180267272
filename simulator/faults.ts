import {
  CALL_TIMEOUT_MS,
  type Effect,
  type EffectKind,
  type Failure,
  type Result,
} from '../engine/index.ts';
import type { RandomStream } from './random.ts';

/**
 * What may go wrong with an effect. `fail`: refused, and certainly not done. `hang`: not done, and no answer until the call
 * times out. `slow`: done, late. `lost-answer`: done, and no answer. The last two kill whoever asked.
 */
export const FAULT_MODES = [
  'fail',
  'hang',
  'slow',
  'lost-answer',
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
 */
export function withFaults(
  interpret: (effect: Effect) => Result,
  faults: readonly Fault[],
  random: RandomStream,
  clock: Clock,
): (effect: Effect) => Result {
  if (faults.length === 0) {
    return interpret;
  }
  return (effect) => {
    for (const fault of faults) {
      if (fault.effect !== effect.kind || clock.nowMs < fault.fromMs || clock.nowMs >= fault.toMs) {
        continue;
      }
      if (random.nextUnit() < fault.rate) {
        return meet(fault.mode, effect, interpret, clock);
      }
    }
    return interpret(effect);
  };
}

function meet(
  mode: FaultMode,
  effect: Effect,
  interpret: (effect: Effect) => Result,
  clock: Clock,
): Result {
  switch (mode) {
    case 'fail':
      clock.advance(20);
      return failure('refused', 'unavailable', clock.nowMs);
    case 'hang':
      clock.advance(CALL_TIMEOUT_MS);
      return failure('unknown', 'timeout', clock.nowMs);
    case 'slow': {
      clock.advance(SLOW_MS);
      return interpret(effect);
    }
    case 'lost-answer':
      interpret(effect);
      clock.advance(CALL_TIMEOUT_MS);
      return failure('unknown', 'timeout', clock.nowMs);
    case 'crash-before':
      throw new CrashedCycle(`killed before ${effect.kind}`);
    case 'crash-after':
      interpret(effect);
      throw new CrashedCycle(`killed after ${effect.kind}`);
  }
}

const SLOW_MS = 4_000;

function failure(
  certainty: 'refused' | 'unknown',
  reason: 'unavailable' | 'timeout',
  completedAtMs: number,
): Failure<typeof reason> & { completedAtMs: number } {
  return { ok: false, certainty, reason, completedAtMs };
}
