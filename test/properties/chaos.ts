// What happens to a fleet from outside: reclaims, dead machines, people, lost memory. It happens as a cycle begins, so that
// whoever judges knows when.
import { decodeState, type CycleInput, type DoomedMark } from '../../engine/index.ts';
import type { Observer, Table, World } from '../../simulator/index.ts';
import { calmFromMs, MINUTE, START, type Case } from './cases.ts';

export const HAPPENINGS = [
  'reclaim',
  'snatch',
  'hint',
  'add',
  'cordon',
  'die',
  'flap',
  'untaint',
  'kick',
  'forget',
  'newer-schema',
  'damage',
] as const;

export const TRIGGERS = ['missed', 'twice', 'late', 'paused'] as const;

/** Marks the instances, kills them two minutes later, and so on: `minute` and `which` choose when and whom. */
export function happenings(drawn: Case): Observer {
  const due = [...drawn.happenings].sort((a, b) => a.minute - b.minute);
  const later: { readonly atMs: number; readonly happen: () => void }[] = [];
  let world: World;
  let table: Table;
  const calmMs = calmFromMs(drawn);
  return {
    begun: (each, itsTable) => {
      world = each;
      table = itsTable;
    },
    cycleBegins: (nowMs) => {
      for (const each of later.filter(({ atMs }) => atMs <= nowMs)) {
        later.splice(later.indexOf(each), 1);
        each.happen();
      }
      while (due.length > 0) {
        const atMs = START + due[0]!.minute * MINUTE;
        if (atMs > nowMs || atMs >= calmMs) {
          return;
        }
        happen(due.shift()!, nowMs);
      }
    },
  };

  function happen({ what, which }: Case['happenings'][number], nowMs: number): void {
    const alive = world.aliveInstances();
    const chosen = alive[which % Math.max(1, alive.length)];
    switch (what) {
      case 'forget':
        table.lose();
        return;
      case 'newer-schema':
        if (table.stored.kind === 'known') {
          table.stored = decodeState({ ...table.stored.state, schema: 99 });
        }
        return;
      case 'damage':
        table.stored = decodeState({ drains: 'gone' });
        return;
      case 'kick':
        table.inbox = { ...table.inbox, kickedAtMs: nowMs };
        return;
      case 'add': {
        const { zones } = world.scenario.cluster;
        const clientToken = `by-hand-${nowMs}-${which}`;
        // Tags copied from elsewhere may be ahead of every epoch of ours (S6).
        const birthEpoch = Math.floor(nowMs / 1000) + (which % 2) * 5_000;
        const zone = zones[which % zones.length]!;
        world.launch({ clientToken, zone, market: 'on-demand', count: 1, birthEpoch }, nowMs);
        return;
      }
    }
    if (chosen === undefined) {
      return;
    }
    const { id } = chosen;
    switch (what) {
      case 'reclaim':
        mark({ instanceId: id, cause: 'reclaim', markedAtMs: nowMs });
        after(nowMs + 2 * MINUTE, () => world.terminate(id, world.nowMs));
        return;
      case 'snatch':
        world.terminate(id, nowMs);
        return;
      case 'hint':
        mark({ instanceId: id, cause: 'rebalance', markedAtMs: nowMs });
        return;
      case 'cordon':
        world.cordon(id, true);
        after(nowMs + 30 * MINUTE, () => world.cordon(id, false));
        return;
      case 'die':
        world.setHealth(id, false, true, nowMs);
        return;
      case 'flap':
        world.setHealth(id, false, false, nowMs);
        after(nowMs + 4 * MINUTE, () => world.setHealth(id, true, false, world.nowMs));
        return;
      case 'untaint':
        for (const { name, taintIntentId } of world.listNodes()) {
          if (taintIntentId !== null) {
            world.untaint(name);
          }
        }
        return;
    }
  }

  function mark(each: DoomedMark): void {
    const others = table.inbox.doomed.filter(({ instanceId }) => instanceId !== each.instanceId);
    table.inbox = { ...table.inbox, doomed: [...others, each] };
  }

  function after(atMs: number, happen: () => void): void {
    later.push({ atMs, happen });
  }
}

/** Triggers that are missed, sent twice, late, or meet a pause. */
export function triggersOf(drawn: Case): (due: CycleInput) => readonly CycleInput[] {
  return (due) => {
    const minute = (due.nowMs - START) / MINUTE;
    if (due.nowMs >= calmFromMs(drawn)) {
      return [due];
    }
    let inputs: CycleInput[] = [due];
    for (const { what, minute: from, minutes } of drawn.triggers) {
      if (minute < from || minute >= from + minutes) {
        continue;
      }
      switch (what) {
        case 'missed':
          return [];
        case 'twice':
          inputs = inputs.flatMap((each) => [each, { ...each, nonce: `${each.nonce}-again` }]);
          break;
        case 'late':
          inputs = inputs.map((each) => ({
            ...each,
            triggeredAtMs: each.triggeredAtMs - 2 * MINUTE,
          }));
          break;
        case 'paused':
          inputs = inputs.map((each) => ({ ...each, mode: 'paused' }));
          break;
      }
    }
    return inputs;
  };
}
