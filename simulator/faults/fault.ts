import type { Effect, EffectKind, Result } from '../../engine/index.ts';

/** A clock that effects advance. */
export interface Clock {
  readonly nowMs: number;
  advance(ms: number): void;
}

/** What a fault has in its hands when it strikes. */
export interface Struck {
  /** Performs the effect as if nothing were wrong; it takes its time. */
  readonly interpret: (effect: Effect) => Result;
  readonly clock: Clock;
  /** What this kind of effect answered last without a fault, or undefined. Kept only while a fault `remembers`. */
  readonly lastAnswer: (kind: EffectKind) => Result | undefined;
}

/** A way in which an effect may go wrong: one file here, a line in `index.ts`, and a test. */
export interface FaultKind<Name extends string = string> {
  /** The mode: what a scenario, `--fault` and a journal call it. */
  readonly name: Name;
  /** What happens, in a few words for a list. */
  readonly summary: string;
  /** The effects that can go wrong in this way at all. */
  readonly strikes: (kind: EffectKind) => boolean;
  /** Whether it answers with what was answered before, which is then kept. */
  readonly remembers?: true;
  /** How the effect goes. */
  readonly meet: (effect: Effect, struck: Struck) => Result;
}

/** A fault kind with its name as a type. */
export function faultKind<const Name extends string>(kind: FaultKind<Name>): FaultKind<Name> {
  return kind;
}

/** The invocation was killed here, as a Lambda is: nothing after it ran. */
export class CrashedCycle extends Error {
  override readonly name = 'CrashedCycle';
}

/** The world refuses at once: this long after it was asked. */
export const REFUSAL_MS = 20;

/** Every effect that talks to something; letting time pass does not. */
export function callsOut(kind: EffectKind): boolean {
  return kind !== 'pause';
}
