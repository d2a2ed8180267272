import type {
  DecodedState,
  DoomedMark,
  EffectOf,
  FleetState,
  Hold,
  Inbox,
  LockItem,
  ResultOf,
} from '../engine/index.ts';

const FREE: LockItem = { owner: null, epoch: 0, lockExpiryAtMs: 0, holderDeadlineAtMs: 0 };
const EMPTY_INBOX: Inbox = { doomed: [], kickedAtMs: null };
const ABSENT: DecodedState = { kind: 'absent' };

/**
 * The DynamoDB table: one item with lock and state, one inbox item. Each write is conditional and atomic, as UpdateItem is.
 */
export class Table {
  lock: LockItem = FREE;
  stored: DecodedState = ABSENT;
  inbox: Inbox = EMPTY_INBOX;

  acquireLock(
    request: EffectOf<'acquireLock'>,
    completedAtMs: number,
  ): ResultOf<EffectOf<'acquireLock'>> {
    const { lock } = this;
    const free =
      lock.owner === null ||
      lock.lockExpiryAtMs < request.nowMs ||
      lock.holderDeadlineAtMs < request.nowMs;
    if (!free || lock.epoch >= request.epoch) {
      return { ok: false, certainty: 'refused', reason: 'held', completedAtMs };
    }
    const { owner, epoch, lockExpiryAtMs, holderDeadlineAtMs } = request;
    this.lock = { owner, epoch, lockExpiryAtMs, holderDeadlineAtMs };
    return { ok: true, stored: this.stored, completedAtMs };
  }

  commitState(
    request: EffectOf<'commitState'>,
    completedAtMs: number,
  ): ResultOf<EffectOf<'commitState'>> {
    if (!this.#isHeldBy(request.owner, request.epoch)) {
      return { ok: false, certainty: 'refused', reason: 'lock-lost', completedAtMs };
    }
    this.#setState(request.state);
    if (request.nextEpoch !== request.epoch) {
      this.lock = { ...this.lock, epoch: request.nextEpoch };
    }
    return { ok: true, completedAtMs };
  }

  releaseLock(
    request: EffectOf<'releaseLock'>,
    completedAtMs: number,
  ): ResultOf<EffectOf<'releaseLock'>> {
    if (!this.#isHeldBy(request.owner, request.epoch)) {
      return { ok: false, certainty: 'refused', reason: 'lock-lost', completedAtMs };
    }
    this.lock = { owner: null, epoch: request.epoch, lockExpiryAtMs: 0, holderDeadlineAtMs: 0 };
    return { ok: true, completedAtMs };
  }

  /** What the ingest function writes without the lock: `doomed[instanceId]`, in place of an earlier mark. */
  mark(mark: DoomedMark): void {
    const others = this.inbox.doomed.filter(({ instanceId }) => instanceId !== mark.instanceId);
    this.inbox = { ...this.inbox, doomed: [...others, mark] };
  }

  /** What the alert function writes without the lock (S19). */
  kick(nowMs: number): void {
    this.inbox = { ...this.inbox, kickedAtMs: nowMs };
  }

  /** What an operator writes without the lock: a floor for a while. */
  hold(hold: Hold): void {
    this.inbox = { ...this.inbox, hold };
  }

  clearInbox(marks: Inbox['doomed'], kickedAtMs: number | null): void {
    const doomed = this.inbox.doomed.filter(
      (mark) =>
        !marks.some(
          ({ instanceId, cause, markedAtMs }) =>
            instanceId === mark.instanceId &&
            cause === mark.cause &&
            markedAtMs === mark.markedAtMs,
        ),
    );
    this.inbox = {
      ...this.inbox,
      doomed,
      kickedAtMs: this.inbox.kickedAtMs === kickedAtMs ? null : this.inbox.kickedAtMs,
    };
  }

  /** Loses the item with lock and state, as an operator’s mistake would. */
  lose(): void {
    this.lock = FREE;
    this.stored = ABSENT;
  }

  #setState(state: FleetState): void {
    this.stored = { kind: 'known', state };
  }

  #isHeldBy(owner: string, epoch: number): boolean {
    return this.lock.owner === owner && this.lock.epoch === epoch;
  }
}
