// Bugs that are planted where the engine meets the world, never in the engine: the explorer must find each.
import type { EffectOf, ResultOf } from '../../engine/index.ts';
import { Table } from '../../simulator/table.ts';
import type { Invocation, RaceOptions, Script } from './race.ts';

export interface Bug {
  readonly name: string;
  readonly bend: (race: RaceOptions) => RaceOptions;
}

class UnfencedCommits extends Table {
  override commitState(
    request: EffectOf<'commitState'>,
    completedAtMs: number,
  ): ResultOf<EffectOf<'commitState'>> {
    this.stored = { kind: 'known', state: request.state };
    return { ok: true, completedAtMs };
  }
}

class AnyoneReleases extends Table {
  override releaseLock(
    { epoch }: EffectOf<'releaseLock'>,
    completedAtMs: number,
  ): ResultOf<EffectOf<'releaseLock'>> {
    this.lock = { owner: null, epoch, lockExpiryAtMs: 0, holderDeadlineAtMs: 0 };
    return { ok: true, completedAtMs };
  }
}

class AnyoneTakes extends Table {
  override acquireLock(
    request: EffectOf<'acquireLock'>,
    completedAtMs: number,
  ): ResultOf<EffectOf<'acquireLock'>> {
    this.lock = { ...this.lock, owner: null };
    return super.acquireLock(request, completedAtMs);
  }
}

class ForgetsActions extends Table {
  override commitState(
    request: EffectOf<'commitState'>,
    completedAtMs: number,
  ): ResultOf<EffectOf<'commitState'>> {
    const state = { ...request.state, lastScaleUpAtMs: null, lastScaleDownAtMs: null };
    return super.commitState({ ...request, state }, completedAtMs);
  }
}

/** The lock is read and, where it is free, written: two calls, and another may come between. */
function checkingThenActing(script: Invocation['script']): Invocation['script'] {
  return function* checked(begins): Script {
    const inner = script(begins);
    let next = inner.next();
    while (next.done !== true) {
      const asked = next.value;
      if (asked.kind !== 'acquireLock') {
        next = inner.next(yield asked);
        continue;
      }
      const read = (yield { kind: 'readLock' }) as ResultOf<EffectOf<'readLock'>>;
      const { completedAtMs } = read;
      const isFree =
        read.ok &&
        read.lock.epoch < asked.epoch &&
        (read.lock.owner === null || read.lock.holderDeadlineAtMs < asked.nowMs);
      const held = { ok: false, certainty: 'refused', reason: 'held', completedAtMs };
      next = inner.next(isFree ? yield { kind: 'putLock', lock: asked } : held);
    }
  };
}

const withTable = (table: new () => Table) => (race: RaceOptions) => ({
  ...race,
  bent: () => ({ table: new table() }),
});

export const BUGS: readonly Bug[] = [
  {
    name: 'a lock that is looked at, then taken',
    bend: (race) => ({
      ...race,
      invocations: race.invocations.map((each) => ({
        ...each,
        script: checkingThenActing(each.script),
      })),
    }),
  },
  { name: 'a lock that anyone takes', bend: withTable(AnyoneTakes) },
  { name: 'a commit that no epoch fences', bend: withTable(UnfencedCommits) },
  { name: 'a lock that anyone gives back', bend: withTable(AnyoneReleases) },
  { name: 'a table that forgets when the fleet was scaled', bend: withTable(ForgetsActions) },
  {
    name: 'an EC2 that ignores client tokens',
    bend: (race) => ({ ...race, bent: () => ({ ignoresClientTokens: true }) }),
  },
  {
    name: 'an API that takes any taint of ours off, not the one that was meant',
    bend: (race) => ({ ...race, bent: () => ({ untaintsAny: true }) }),
  },
];
