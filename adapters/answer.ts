import type { Effect, EffectKind, ResultOf } from '../engine/index.ts';

type Without<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
type Of<K extends EffectKind> = Extract<Effect, { readonly kind: K }>;

/** What an adapter answers to an effect; the interpreter adds when the world had done with it. */
export type AnswerTo<K extends EffectKind> = Without<ResultOf<Of<K>>, 'completedAtMs'>;

/** Performs one kind of effect. It rejects with what went wrong, and is settled when it does (S7). */
export type Performer<K extends EffectKind> = (
  effect: Of<K>,
  signal: AbortSignal,
) => Promise<AnswerTo<K>>;

export type Performers<K extends EffectKind = EffectKind> = { readonly [E in K]: Performer<E> };
