// One race: a world and the invocations that meet in it, taken forward one effect at a time in whatever order is asked for.
import {
  CALL_TIMEOUT_MS,
  type DecisionRecord,
  type Effect,
  type Failure,
  type Result,
} from '../../engine/index.ts';
import { NOW, SECOND } from '../engine/build.ts';
import { World, type Beginning, type Bent, type Footprint, type Step } from './world.ts';

/** Effects of one `together` have no order among themselves. */
export interface Together {
  readonly kind: 'parallel';
  readonly effects: readonly Effect[];
}
/** Whatever yields steps: a cycle, or the ingest function before it. */
export type Script = Generator<Step | Together, DecisionRecord | void, unknown>;

/** One invocation: when it is delivered, by a clock that goes wrong by so much. */
export interface Invocation {
  readonly script: (begins: Begins) => Script;
  readonly afterMs: number;
  readonly skewMs: number;
  /** Dies when so many of its yields have been answered: 0 is a missed delivery. */
  readonly diesAfter: number;
  /** What this one of its yields asks for is done, and the answer is lost on the way: it hears of a timeout. */
  readonly unheard: number;
}

export interface Begins {
  /** By its own clock. */
  readonly nowMs: number;
  readonly deadlineMs: number;
  readonly nonce: string;
}

export interface RaceOptions {
  readonly beginning: Beginning;
  readonly listsLag: boolean;
  readonly invocations: readonly Invocation[];
  /** The first invocation freezes when so many of its yields have been answered, before the others begin. */
  readonly frozen: { readonly after: number; readonly forMs: number } | null;
  /** Reads that are sent together answer in their order, so that a small case can be tried out whole. */
  readonly readsInOrder?: boolean;
  readonly bent?: () => Bent;
}

/** What may happen next: a letter for the invocation, and a digit where several of its effects are under way. */
export type Move = string;

export interface Happened {
  readonly move: Move;
  readonly actor: number;
  /** The how-manieth yield of its invocation it belongs to. */
  readonly nth: number;
  readonly atMs: number;
  readonly step: Step;
  readonly result: Result;
  readonly footprint: Footprint;
  /** All answers of the yield, once it has them all. */
  readonly whole: readonly (Result | undefined)[] | null;
}

/** AWS Lambda's timeout as deployed. */
const TIMEOUT_MS = 60 * SECOND;
const CALL_MS = 20;
export const TICK_MS = 120 * SECOND;
const LOST: Failure<'timeout'> = { ok: false, certainty: 'unknown', reason: 'timeout' };

interface Actor {
  readonly script: Script;
  readonly skewMs: number;
  readonly deadlineMs: number;
  readonly diesAfter: number;
  readonly unheard: number;
  /** In truth. */
  clockMs: number;
  /** What it waits for, with the answers that are there; null: it is over. */
  asks: readonly Step[] | null;
  isGroup: boolean;
  answers: (Result | undefined)[];
  answered: number;
  /** Its driver ended it: an answer came after its deadline. */
  overdue: boolean;
  /** It had more to do. */
  died: boolean;
  /** An answer was lost on the way to it. */
  lost: boolean;
}

export class Race {
  readonly world: World;
  /** What the first one did before it froze. */
  readonly past: Happened[] = [];
  readonly #actors: Actor[];
  readonly #readsInOrder: boolean;
  /** Whether the first one had more to do when it froze. */
  readonly froze: boolean;

  constructor(options: RaceOptions) {
    this.world = new World(options.beginning, options.listsLag, options.bent?.());
    this.#readsInOrder = options.readsInOrder ?? false;
    this.#actors = options.invocations.map(({ script, afterMs, skewMs, diesAfter, unheard }, n) => {
      const clockMs = NOW + afterMs;
      const nowMs = clockMs + skewMs;
      const deadlineMs = nowMs + TIMEOUT_MS;
      const actor: Actor = {
        ...{ script: script({ nowMs, deadlineMs, nonce: `n${n}` }), skewMs },
        ...{ deadlineMs, diesAfter, unheard },
        ...{ clockMs, asks: null, isGroup: false, answers: [], answered: 0, overdue: false },
        ...{ died: false, lost: false },
      };
      resume(actor, undefined);
      return actor;
    });
    let froze = false;
    if (options.frozen !== null) {
      const [first] = this.#actors;
      while (first.asks !== null && first.answered < options.frozen.after) {
        this.past.push(this.take(this.movesOf(0)[0]));
      }
      froze = first.asks !== null;
      first.clockMs += options.frozen.forMs;
    }
    this.froze = froze;
  }

  /** What may happen next; nothing: the race is over. */
  moves(): Move[] {
    return this.#actors.flatMap((_, n) => this.movesOf(n));
  }

  movesOf(n: number): Move[] {
    const { asks, isGroup, answers } = this.#actors[n];
    const letter = letterOf(n);
    if (asks === null) {
      return [];
    }
    if (!isGroup) {
      return [letter];
    }
    const open = asks.flatMap((_, i) => (answers[i] === undefined ? [`${letter}${i}`] : []));
    return this.#readsInOrder ? open.slice(0, 1) : open;
  }

  take(move: Move): Happened {
    const n = move.charCodeAt(0) - 65;
    const actor = this.#actors[n];
    const i = move.length === 1 ? 0 : Number(move.slice(1));
    const step = actor.asks![i];
    const nth = actor.answered;
    const startsMs = actor.clockMs + actor.skewMs;
    const isLost = nth === actor.unheard && !actor.isGroup && step.kind !== 'pause';
    const tookMs = isLost ? CALL_TIMEOUT_MS : CALL_MS;
    const endsMs = step.kind === 'pause' ? Math.max(step.untilMs, startsMs) : startsMs + tookMs;
    const trueMs = endsMs - actor.skewMs;
    const done = this.world.perform(step, { nowMs: endsMs, trueMs });
    const { footprint } = this.world;
    const result = isLost ? { ...LOST, completedAtMs: endsMs } : done;
    actor.lost ||= isLost;
    actor.answers[i] = result;
    actor.overdue ||= endsMs > actor.deadlineMs;
    const isWhole = actor.asks!.every((_, each) => actor.answers[each] !== undefined);
    const whole = isWhole ? actor.answers : null;
    if (isWhole) {
      const answer = actor.isGroup ? actor.answers : actor.answers[0];
      actor.clockMs = trueMs;
      actor.answered++;
      actor.asks = null;
      if (!actor.overdue) {
        resume(actor, answer);
      }
    }
    return { move, actor: n, nth, atMs: endsMs, step, result, footprint, whole };
  }

  /** Whether an invocation died before it was over. */
  died(n: number): boolean {
    return this.#actors[n].died;
  }

  /** Whether an answer was lost on the way to an invocation. */
  lost(n: number): boolean {
    return this.#actors[n].lost;
  }

  /** The answers that are there of reads that are half answered, as text; null: none are. There an invocation may die. */
  get halfAnswered(): string | null {
    const parts = this.#actors.map(({ asks, answers }) => (asks === null ? [] : answers));
    return parts.some(({ length }) => length > 0) ? JSON.stringify(parts) : null;
  }

  /** When the next invocation is due, in truth: two minutes apart, the first one after all that happened here. */
  get successorAtMs(): number {
    const passedMs = Math.max(...this.#actors.map(({ clockMs }) => clockMs)) - NOW;
    return NOW + (Math.floor(passedMs / TICK_MS) + 1) * TICK_MS;
  }
}

function resume(actor: Actor, answer: unknown): void {
  const next = actor.script.next(answer);
  if (next.done === true) {
    return;
  }
  if (actor.answered >= actor.diesAfter) {
    actor.died = true;
    return;
  }
  const asked = next.value;
  actor.isGroup = asked.kind === 'parallel';
  actor.asks = asked.kind === 'parallel' ? asked.effects : [asked];
  actor.answers = [];
}

export function letterOf(n: number): string {
  return String.fromCharCode(65 + n);
}
