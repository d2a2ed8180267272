import { beforeEach, describe, expect, it } from 'vitest';
import { emptyState } from '../../engine/index.ts';
import { Table } from '../../simulator/table.ts';

const T = 1_795_716_000_000;
const MINUTE_MS = 60_000;

let table: Table;
beforeEach(() => {
  table = new Table();
});

function acquire(
  owner: string,
  epoch: number,
  nowMs: number,
  { lockExpiryAtMs = nowMs + 5 * MINUTE_MS, holderDeadlineAtMs = nowMs + 90_000 } = {},
) {
  return table.acquireLock(
    { kind: 'acquireLock', owner, epoch, nowMs, lockExpiryAtMs, holderDeadlineAtMs },
    nowMs + 12,
  );
}

function commit(owner: string, epoch: number, { nextEpoch = epoch, desired = 3 } = {}) {
  const state = { ...emptyState('node-fleet'), desired };
  return table.commitState(
    { kind: 'commitState', owner, epoch, nextEpoch, state, nodeCount: 3, scalingInProgress: false },
    T + 100,
  );
}

function release(owner: string, epoch: number) {
  return table.releaseLock({ kind: 'releaseLock', owner, epoch }, T + 200);
}

const desired = (): number | null =>
  table.stored.kind === 'known' ? table.stored.state.desired : null;

describe('acquireLock', () => {
  it('takes a lock that nobody holds, and answers with the state', () => {
    expect(acquire('a', 7, T)).toEqual({
      ok: true,
      stored: { kind: 'absent' },
      completedAtMs: T + 12,
    });
    expect(table.lock).toEqual({
      owner: 'a',
      epoch: 7,
      lockExpiryAtMs: T + 5 * MINUTE_MS,
      holderDeadlineAtMs: T + 90_000,
    });
  });

  it('is refused while another holds it, who keeps it', () => {
    acquire('a', 7, T);
    const before = table.lock;
    expect(acquire('b', 8, T + 1000)).toEqual({
      ok: false,
      certainty: 'refused',
      reason: 'held',
      completedAtMs: T + 1012,
    });
    expect(table.lock).toBe(before);
  });

  it('is refused to its own owner too: who asks again has to look', () => {
    acquire('a', 7, T);
    expect(acquire('a', 8, T + 1000).ok).toBe(false);
  });

  it('takes it over once the holder’s deadline has passed, not at it', () => {
    acquire('a', 7, T, { holderDeadlineAtMs: T + 90_000 });
    expect(acquire('b', 8, T + 90_000).ok).toBe(false);
    expect(acquire('b', 8, T + 90_001).ok).toBe(true);
    expect(table.lock.owner).toBe('b');
  });

  it('takes it over once the lock has expired, not at it', () => {
    const never = { holderDeadlineAtMs: T + 3600_000, lockExpiryAtMs: T + 300_000 };
    acquire('a', 7, T, never);
    expect(acquire('b', 8, T + 300_000).ok).toBe(false);
    expect(acquire('b', 8, T + 300_001).ok).toBe(true);
  });

  it.each([6, 7])('refuses an epoch that does not rise: %i after 7', (epoch) => {
    acquire('a', 7, T);
    release('a', 7);
    expect(acquire('b', epoch, T + 1000).ok).toBe(false);
    expect(table.lock.owner).toBeNull();
    expect(acquire('b', 8, T + 1000).ok).toBe(true);
  });

  it('refuses an epoch that does not rise even from a holder who is past its deadline', () => {
    acquire('a', 7, T);
    expect(acquire('b', 7, T + 3600_000).ok).toBe(false);
  });

  it('hands on what the last holder committed', () => {
    acquire('a', 7, T);
    commit('a', 7, { desired: 5 });
    release('a', 7);
    const answer = acquire('b', 8, T + 1000);
    expect(answer.ok && answer.stored.kind === 'known' && answer.stored.state.desired).toBe(5);
  });
});

describe('commitState', () => {
  beforeEach(() => {
    acquire('a', 7, T);
  });

  it('writes for the holder at its epoch', () => {
    expect(commit('a', 7)).toEqual({ ok: true, completedAtMs: T + 100 });
    expect(desired()).toBe(3);
    expect(table.lock.epoch).toBe(7);
  });

  it.each([
    ['another owner', 'b', 7],
    ['an earlier epoch', 'a', 6],
    ['a later epoch', 'a', 8],
  ])('refuses %s, and writes nothing', (_, owner, epoch) => {
    commit('a', 7, { desired: 3 });
    const lock = table.lock;
    expect(commit(owner, epoch, { desired: 9, nextEpoch: 99 })).toEqual({
      ok: false,
      certainty: 'refused',
      reason: 'lock-lost',
      completedAtMs: T + 100,
    });
    expect(desired()).toBe(3);
    expect(table.lock).toBe(lock);
  });

  it('refuses a holder that was superseded', () => {
    acquire('b', 8, T + 100_000);
    expect(commit('a', 7).ok).toBe(false);
    expect(commit('b', 8).ok).toBe(true);
  });

  it('raises the epoch to nextEpoch, under which the holder then writes', () => {
    expect(commit('a', 7, { nextEpoch: 40 }).ok).toBe(true);
    expect(commit('a', 7).ok).toBe(false);
    expect(commit('a', 40).ok).toBe(true);
    expect(table.lock.owner).toBe('a');
  });
});

describe('releaseLock', () => {
  beforeEach(() => {
    acquire('a', 7, T);
    commit('a', 7);
  });

  it('frees the lock and keeps epoch and state', () => {
    expect(release('a', 7)).toEqual({ ok: true, completedAtMs: T + 200 });
    expect(table.lock).toEqual({
      owner: null,
      epoch: 7,
      lockExpiryAtMs: 0,
      holderDeadlineAtMs: 0,
    });
    expect(desired()).toBe(3);
  });

  it.each([
    ['another owner', 'b', 7],
    ['another epoch', 'a', 6],
  ])('refuses %s: the lock stays', (_, owner, epoch) => {
    expect(release(owner, epoch)).toMatchObject({ ok: false, reason: 'lock-lost' });
    expect(table.lock.owner).toBe('a');
  });

  it('after it nobody writes without the lock', () => {
    release('a', 7);
    expect(commit('a', 7).ok).toBe(false);
    expect(release('a', 7).ok).toBe(false);
  });
});

describe('the inbox', () => {
  const mark = (instanceId: string) => ({ instanceId, cause: 'reclaim', markedAtMs: T }) as const;

  it('loses the marks that are cleared, and no others', () => {
    table.inbox = { doomed: [mark('i-1'), mark('i-2'), mark('i-3')], kickedAtMs: null };
    table.clearInbox([mark('i-3'), mark('i-1'), mark('i-9')], null);
    expect(table.inbox).toEqual({ doomed: [mark('i-2')], kickedAtMs: null });
  });

  it('keeps a notice that came after the hint that is cleared', () => {
    const hint = { instanceId: 'i-1', cause: 'rebalance', markedAtMs: T } as const;
    const later = { ...mark('i-1'), markedAtMs: T + 1 };
    table.inbox = { doomed: [hint, mark('i-1'), later], kickedAtMs: null };
    table.clearInbox([hint, mark('i-1')], null);
    expect(table.inbox.doomed).toEqual([later]);
  });

  it('has one mark an instance, the last', () => {
    table.inbox = { doomed: [mark('i-1'), mark('i-2')], kickedAtMs: 7 };
    const hint = { ...mark('i-1'), cause: 'rebalance', markedAtMs: T + 1 } as const;
    table.mark(hint);
    expect(table.inbox).toEqual({ doomed: [mark('i-2'), hint], kickedAtMs: 7 });
  });

  it('loses the kick that was seen, and keeps one that came since', () => {
    table.inbox = { doomed: [], kickedAtMs: T };
    table.clearInbox([], T);
    expect(table.inbox.kickedAtMs).toBeNull();
    table.inbox = { doomed: [], kickedAtMs: T + 1 };
    table.clearInbox([], T);
    expect(table.inbox.kickedAtMs).toBe(T + 1);
  });

  it('is an item of its own: losing the other does not lose it', () => {
    table.inbox = { doomed: [mark('i-1')], kickedAtMs: T };
    table.lose();
    expect(table.inbox).toEqual({ doomed: [mark('i-1')], kickedAtMs: T });
  });
});

describe('a lost item', () => {
  it('takes lock, epoch and state with it', () => {
    acquire('a', 7, T);
    commit('a', 7);
    table.lose();
    expect(table.stored).toEqual({ kind: 'absent' });
    expect(commit('a', 7).ok).toBe(false);
    // An item that is not there has no epoch to be above.
    expect(acquire('b', 1, T + 1).ok).toBe(true);
  });
});
