import type { Effect, EffectKind, Result } from '../../engine/index.ts';
import type { RandomStream } from '../random.ts';
import { crashAfter } from './crash-after.ts';
import { crashBefore } from './crash-before.ts';
import { doubled } from './doubled.ts';
import { empty } from './empty.ts';
import { fail } from './fail.ts';
import type { Clock, FaultKind, Struck } from './fault.ts';
import { frozen } from './frozen.ts';
import { hang } from './hang.ts';
import { lostAnswer } from './lost-answer.ts';
import { partial } from './partial.ts';
import { shortage } from './shortage.ts';
import { slow } from './slow.ts';
import { stale } from './stale.ts';
import { truncated } from './truncated.ts';

/** Every way in which an effect may go wrong, in the order in which they are shown. */
export const FAULTS = [
  fail,
  hang,
  slow,
  lostAnswer,
  frozen,
  empty,
  stale,
  partial,
  shortage,
  crashBefore,
  crashAfter,
  doubled,
  truncated,
] as const;
export type FaultMode = (typeof FAULTS)[number]['name'];
export const FAULT_MODES: readonly FaultMode[] = FAULTS.map(({ name }) => name);

/** One fault: which effect, how, how often, and when. */
export interface Fault {
  readonly effect: EffectKind;
  readonly mode: FaultMode;
  /** Probability, 0–1, for each time the effect is asked for. */
  readonly rate: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Whether an effect can go wrong in this way at all: letting time pass cannot fail, a write has no stale answer. */
export function canMeet(mode: FaultMode, kind: EffectKind): boolean {
  return kindOf(mode).strikes(kind);
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
  const answers = new Map<EffectKind, Result>();
  const struck: Struck = { interpret, clock, lastAnswer: (kind) => answers.get(kind) };
  const remembering = faults
    .map(({ mode }) => kindOf(mode))
    .filter(({ remembers }) => remembers === true);
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
        return kindOf(fault.mode).meet(effect, struck);
      }
    }
    const result = interpret(effect);
    if (remembering.some(({ strikes }) => strikes(effect.kind))) {
      answers.set(effect.kind, result);
    }
    return result;
  };
}

const BY_NAME = new Map<FaultMode, FaultKind>(FAULTS.map((kind) => [kind.name, kind]));

function kindOf(mode: FaultMode): FaultKind {
  return BY_NAME.get(mode)!;
}

export { CrashedCycle, type Clock, type FaultKind } from './fault.ts';
