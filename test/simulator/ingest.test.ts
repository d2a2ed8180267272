import { beforeEach, describe, expect, it } from 'vitest';
import { doomedDrainId, type DoomedMark } from '../../engine/index.ts';
import { ingest } from '../../simulator/ingest.ts';
import { Table } from '../../simulator/table.ts';
import type { World } from '../../simulator/world.ts';
import { launch, quietWorld, START_AT_MS, step, workers } from './build.ts';

let world: World;
let table: Table;
let name: string;
beforeEach(() => {
  ({ world } = quietWorld(2, 4));
  step(world);
  table = new Table();
  [{ name }] = workers(world);
});

const mark = (instanceId: string, cause: DoomedMark['cause'], markedAtMs = START_AT_MS) => ({
  instanceId,
  cause,
  markedAtMs,
});
const taintOf = (node: string): string | null | undefined =>
  workers(world).find((each) => each.name === node)?.taintIntentId;

describe('the ingest function', () => {
  it('marks a noticed instance and taints its node, as the drain will that the mark leads to (S2)', () => {
    ingest([mark(name, 'reclaim')], table, world);
    expect(table.inbox).toEqual({ doomed: [mark(name, 'reclaim')], kickedAtMs: null });
    expect(workers(world).map(({ taintIntentId }) => taintIntentId)).toEqual([
      doomedDrainId(name),
      null,
    ]);
  });

  it('marks a hint, and leaves its node as good as it is (S23)', () => {
    ingest([mark(name, 'rebalance')], table, world);
    expect(table.inbox.doomed).toEqual([mark(name, 'rebalance')]);
    expect(taintOf(name)).toBeNull();
  });

  it('puts a notice in the place of a hint', () => {
    ingest([mark(name, 'rebalance')], table, world);
    ingest([mark(name, 'reclaim', START_AT_MS + 1)], table, world);
    expect(table.inbox.doomed).toEqual([mark(name, 'reclaim', START_AT_MS + 1)]);
    expect(taintOf(name)).toBe(doomedDrainId(name));
  });

  it('leaves a taint of ours that is there already', () => {
    const [{ resourceVersion }] = workers(world);
    world.taint(name, 'drain-7', resourceVersion);
    ingest([mark(name, 'reclaim')], table, world);
    expect(taintOf(name)).toBe('drain-7');
    expect(table.inbox.doomed).toHaveLength(1);
  });

  it('marks what has not joined yet', () => {
    const [booting] = launch(world);
    ingest([mark(booting, 'reclaim')], table, world);
    expect(table.inbox.doomed).toEqual([mark(booting, 'reclaim')]);
    expect(taintOf(booting)).toBeUndefined();
  });

  it('keeps what others left in the inbox', () => {
    table.inbox = { doomed: [mark('i-other', 'reclaim')], kickedAtMs: 7 };
    ingest([mark(name, 'reclaim')], table, world);
    expect(table.inbox).toEqual({
      doomed: [mark('i-other', 'reclaim'), mark(name, 'reclaim')],
      kickedAtMs: 7,
    });
  });
});
