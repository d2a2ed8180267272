// Three ways through the schedules of a race: every one of them, every state that any of them reaches, and one of each class
// of schedules that differ only in the order of effects that have nothing to do with each other.
import { isDependent, type Footprint } from './world.ts';
import type { Happened, Move, Race } from './race.ts';

/** Begins the race anew: nothing in it can be copied, so whoever wants another schedule takes it from the start. */
export type Begin = () => Race;
/** Is told of the end of a schedule. True: that is enough. */
export type Ended = (race: Race, schedule: readonly Move[]) => boolean;

/** Takes a race along a schedule. */
export function follow(begin: Begin, schedule: readonly Move[]): Race {
  const race = begin();
  for (const move of schedule) {
    race.take(move);
  }
  return race;
}

/** Every schedule, one after the other. Returns how many. */
export function searchAll(begin: Begin, ended: Ended): number {
  let count = 0;
  const schedule: Move[] = [];
  const from = (reached: Race | null): boolean => {
    const race = reached ?? follow(begin, schedule);
    const moves = race.moves();
    if (moves.length === 0) {
      count++;
      return ended(race, schedule);
    }
    return moves.some((move, n) => {
      if (n === 0) {
        race.take(move);
      }
      schedule.push(move);
      const enough = from(n === 0 ? race : null);
      schedule.pop();
      return enough;
    });
  };
  from(null);
  return count;
}

export interface Reached {
  /** Schedules in which nobody dies, and those in which anybody may, after any of its yields. */
  readonly schedules: bigint;
  readonly schedulesWithDeaths: bigint;
  readonly states: number;
}

interface State {
  readonly path: readonly Move[];
  readonly histories: readonly number[];
  ways: bigint;
}

/**
 * Every state that any schedule reaches, each once, in steps: two schedules are in the same state when the world is the same
 * and each invocation has had the same answers. Says in how many ways the ends can be reached, which is how many schedules
 * there are. `ended` is told of every state between two yields: whoever dies there leaves the world so.
 */
export function searchStates(begin: Begin, invocations: number, ended: Ended): Reached {
  const histories = new Map<string, number>();
  const grown = (history: number, answers: unknown): number => {
    const key = `${String(history)} ${JSON.stringify(answers)}`;
    const before = histories.get(key);
    if (before !== undefined) {
      return before;
    }
    histories.set(key, histories.size + 1);
    return histories.size;
  };
  let schedules = 0n;
  let schedulesWithDeaths = 0n;
  let states = 0;
  let level = new Map<string, State>();
  level.set('', { path: [], histories: new Array<number>(invocations).fill(0), ways: 1n });
  while (level.size > 0) {
    const next = new Map<string, State>();
    for (const { path, histories: before, ways } of level.values()) {
      states++;
      const reached = follow(begin, path);
      const moves = reached.moves();
      if (moves.length === 0) {
        schedules += ways;
      }
      if (reached.halfAnswered === null) {
        schedulesWithDeaths += ways;
        if (ended(reached, path)) {
          return { schedules, schedulesWithDeaths, states };
        }
      }
      for (const move of moves) {
        const race = follow(begin, path);
        const { actor, whole } = race.take(move);
        const after = [...before];
        if (whole !== null) {
          after[actor] = grown(before[actor], whole);
        }
        const key = `${after.join(' ')} ${String(race.halfAnswered)} ${race.world.key()}`;
        const there = next.get(key);
        if (there === undefined) {
          next.set(key, { path: [...path, move], histories: after, ways });
        } else {
          there.ways += ways;
        }
      }
    }
    level = next;
  }
  return { schedules, schedulesWithDeaths, states };
}

export interface Reduced {
  /** Schedules that were taken to their end. */
  readonly schedules: number;
  /** Those given up on the way, because all that could follow was known from another. */
  readonly abandoned: number;
}

interface Node {
  /** Moves that must be tried here. */
  readonly toTry: Move[];
  /** Moves that need not be: what follows them is known, until something happens that they depend on. */
  readonly asleep: Map<Move, Asleep>;
}

interface Asleep {
  readonly actor: number;
  readonly footprint: Footprint;
}

interface Event extends Happened {
  /** Events that must come before it, whatever the schedule: as a bit each. */
  readonly after: bigint;
}

/**
 * One schedule at least of each class of schedules that only differ in the order of independent effects: source sets and sleep
 * sets (Abdulla, Aronis, Jonsson, Sagonas: Optimal dynamic partial order reduction, POPL 2014). Where two effects that depend
 * on each other come one after the other by chance, the other order is tried as well.
 */
export function searchReduced(begin: Begin, ended: Ended): Reduced {
  let schedules = 0;
  let abandoned = 0;
  let race = begin();
  const nodes: Node[] = [];
  const events: Event[] = [];

  /** @returns whether that is enough */
  const from = (asleep: Map<Move, Asleep>): boolean => {
    const depth = events.length;
    const moves = race.moves();
    if (moves.length === 0) {
      schedules++;
      return ended(
        race,
        events.map(({ move }) => move),
      );
    }
    const awake = moves.filter((move) => !asleep.has(move));
    if (awake.length === 0) {
      abandoned++;
      return false;
    }
    // Whoever went last goes on: the first schedules are those with few changes between invocations.
    const last = events.at(-1)?.move[0];
    const node: Node = { toTry: [awake.find((move) => move[0] === last) ?? awake[0]], asleep };
    nodes.push(node);
    let isAhead = false;
    for (let move = node.toTry[0]; ;) {
      if (isAhead) {
        race = follow(
          begin,
          events.map((each) => each.move),
        );
      }
      isAhead = true;
      const happened = race.take(move);
      const event = { ...happened, after: before(events, happened) };
      addRaces(event);
      const stillAsleep = new Map(
        [...node.asleep].filter(
          ([other, { actor, footprint }]) =>
            other !== move && (actor === event.actor || !isDependent(footprint, event.footprint)),
        ),
      );
      events.push(event);
      const enough = from(stillAsleep);
      events.length = depth;
      if (enough) {
        nodes.length = depth;
        return true;
      }
      node.asleep.set(move, { actor: event.actor, footprint: event.footprint });
      const next = node.toTry.find((each) => !node.asleep.has(each));
      if (next === undefined) {
        nodes.length = depth;
        return false;
      }
      move = next;
    }
  };

  /** For each event that this one races with: sees to it that the other order is tried too. */
  const addRaces = (event: Event): void => {
    for (let i = events.length - 1; i >= 0; i--) {
      const earlier = events[i];
      if (
        earlier.actor === event.actor ||
        !isDependent(earlier.footprint, event.footprint) ||
        isBetween(events, i, event)
      ) {
        continue;
      }
      // What could have come before the earlier one: all that need not come after it, and this event.
      const rest = events.filter((each, k) => k > i && !comesAfter(each, i));
      const indices = rest.map((each) => events.indexOf(each));
      const firsts = [...rest, event].filter((each) => !indices.some((k) => comesAfter(each, k)));
      const { toTry } = nodes[i];
      if (!firsts.some(({ move }) => toTry.includes(move))) {
        toTry.push(firsts[0].move);
      }
    }
  };

  from(new Map());
  return { schedules, abandoned };
}

function comesAfter({ after }: Event, index: number): boolean {
  return ((after >> BigInt(index)) & 1n) === 1n;
}

/** Whether some other event must come between the one at `index` and this one: then the two cannot be next to each other. */
function isBetween(events: readonly Event[], index: number, event: Event): boolean {
  return events.some((each, k) => k > index && comesAfter(each, index) && comesAfter(event, k));
}

/** The events that must come before this one: its invocation's earlier yields, those it depends on, and all before those. */
function before(events: readonly Event[], happened: Happened): bigint {
  let mask = 0n;
  events.forEach((each, k) => {
    const isOwn = each.actor === happened.actor && each.nth < happened.nth;
    if (
      isOwn ||
      (each.actor !== happened.actor && isDependent(each.footprint, happened.footprint))
    ) {
      mask |= each.after | (1n << BigInt(k));
    }
  });
  return mask;
}
