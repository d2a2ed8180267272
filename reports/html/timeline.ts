import {
  readJournal,
  redecide,
  type CycleEvent,
  type JournalHeader,
  type Redecided,
  type ReadRecord,
  type RuleId,
} from '../../engine/index.ts';
import type { Run } from '../../simulator/index.ts';
import { decidingRules, isBlocking, lastScaledBy, partsOf } from '../explanation.ts';
import { explained } from '../paragraphs.ts';
import { sentence } from '../rules.ts';
import {
  decisionReason,
  decisionSentence,
  decisionWords,
  eventSentence,
  outcomeSentence,
  type CycleTelling,
} from '../sentences.ts';
import { counted } from '../words.ts';

/**
 * `act`: something was added, removed or replaced. `held`: nodes were asked for, and a guard refused. `undecided`: a cycle
 * that decided nothing. `quiet`: nothing was to be added; removals may have been refused.
 */
export type RowKind = 'act' | 'held' | 'undecided' | 'quiet';

/** A decision, or a stretch of cycles that decided alike. */
export interface Row {
  readonly kind: RowKind;
  readonly fromMs: number;
  /** When the last of its cycles was; for one cycle `fromMs`. */
  readonly toMs: number;
  readonly cycles: number;
  /** `add 2`, `hold`. */
  readonly what: string;
  readonly why: string;
  /** What else happened in these cycles, as sentences. */
  readonly events: readonly string[];
}

/** Something that happened to the fleet, for a chart. */
export interface FleetEvent {
  readonly kind: 'added' | 'removed' | 'taken' | 'failed';
  readonly atMs: number;
  readonly what: string;
}

/** Consecutive cycles in which nodes were asked for and refused. */
export interface HeldBack {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Timeline {
  readonly rows: readonly Row[];
  /** Later rows that there was no room for. */
  readonly rowsLeftOut: number;
  /** Rows that say why, but not what would have changed it. */
  readonly rowsWithoutFlip: number;
  readonly events: readonly FleetEvent[];
  readonly heldBack: readonly HeldBack[];
  readonly cycles: number;
  /** Additions, removals and repairs, and how many of them a sale in the calendar asked for. */
  readonly acts: number;
  readonly actsByCalendar: number;
}

export interface TimelineLimits {
  readonly rowsMax: number;
  /** A flip is found by deciding again, which takes some ms. */
  readonly flipsMax: number;
}

const LIMITS: TimelineLimits = { rowsMax: 1_500, flipsMax: 300 };

const CALENDAR_RULES: ReadonlySet<RuleId> = new Set<RuleId>(['sale-incoming', 'sale-open']);

const FLEET_EVENTS: Readonly<Partial<Record<CycleEvent['code'], FleetEvent['kind']>>> = {
  launched: 'added',
  'scale-down': 'removed',
  reclaim: 'taken',
  rebalance: 'taken',
  unhealthy: 'failed',
  'never-joined': 'failed',
  'launch-refused': 'failed',
  'launch-unanswered': 'failed',
};
/** The steps of a drain follow from the decision to remove: not told beside it. */
const UNTOLD: ReadonlySet<CycleEvent['code']> = new Set<CycleEvent['code']>([
  ...(['scale-down', 'tainted', 'evicted', 'eviction-refused', 'terminated', 'gone'] as const),
]);

/** Cycles that decided alike, one after the other. */
interface Stretch {
  readonly kind: RowKind;
  /** What they have in common. */
  readonly key: string;
  readonly first: number;
  last: number;
  readonly again: Redecided | null;
  /** Of quiet cycles: those whose removal a guard refused, by that guard, with the first of each. */
  readonly refused: Map<
    RuleId,
    { count: number; readonly first: number; readonly again: Redecided }
  >;
}

/** What a run decided and why, from its journal: decisions one by one, holds in stretches. */
export function timelineOf(run: Run, limits: TimelineLimits = LIMITS): Timeline {
  const { header, records } = readJournal<JournalHeader>(run.journal);
  const stretches = stretchesOf(run, header, records);
  const acting = stretches.filter(({ kind }) => kind === 'act');
  const byCalendar = acting.filter(
    ({ again }) =>
      again !== null &&
      decidingRules(again.decided).some(({ rule }) => CALENDAR_RULES.has(rule.rule)),
  );
  const teller = new Teller(run, header, records);
  let flipsLeft = limits.flipsMax;
  let rowsWithoutFlip = 0;
  const rows = stretches.slice(0, limits.rowsMax).map((stretch) => {
    const explains = stretch.kind === 'act' || stretch.kind === 'held';
    const withFlip = explains && flipsLeft-- > 0;
    rowsWithoutFlip += explains && !withFlip ? 1 : 0;
    return teller.row(stretch, withFlip);
  });
  return {
    rows,
    rowsLeftOut: stretches.length - rows.length,
    rowsWithoutFlip,
    events: records.flatMap((record) =>
      record.events.flatMap((event): FleetEvent[] => {
        const kind = FLEET_EVENTS[event.code];
        return kind === undefined
          ? []
          : [{ kind, atMs: atMsOf(record), what: eventSentence(event) }];
      }),
    ),
    heldBack: heldBackIn(stretches, records),
    cycles: records.length,
    acts: acting.length,
    actsByCalendar: byCalendar.length,
  };
}

function stretchesOf(run: Run, header: JournalHeader, records: readonly ReadRecord[]): Stretch[] {
  const stretches: Stretch[] = [];
  let at = 0;
  for (const again of redecide(records, run.configured, header.cluster)) {
    const kind = kindOf(again);
    const key = keyOf(kind, records[at], again);
    let stretch = stretches.at(-1);
    if (stretch === undefined || kind === 'act' || stretch.key !== key) {
      stretch = { kind, key, first: at, last: at, again, refused: new Map() };
      stretches.push(stretch);
    }
    stretch.last = at;
    const blocking = kind === 'quiet' && again !== null ? blockingRule(again) : undefined;
    if (blocking !== undefined && again !== null) {
      const before = stretch.refused.get(blocking);
      if (before === undefined) {
        stretch.refused.set(blocking, { count: 1, first: at, again });
      } else {
        before.count++;
      }
    }
    at++;
  }
  return stretches;
}

function kindOf(again: Redecided | null): RowKind {
  if (again === null) {
    return 'undecided';
  }
  const { decision, explanation } = again.decided;
  if (decision.count > 0 || decision.repair > 0) {
    return 'act';
  }
  // Repairs come first: one that was refused is a node that is lacking.
  const lacks = partsOf(explanation).repair.length > 0;
  return explanation.proposed > 0 || lacks ? 'held' : 'quiet';
}

/** Holds are alike when the same guard refused. */
function keyOf(kind: RowKind, { outcome }: ReadRecord, again: Redecided | null): string {
  switch (kind) {
    case 'undecided':
      return `undecided ${outcome}`;
    case 'held':
      return `held ${again === null ? '' : String(blockingRule(again))}`;
    case 'act':
    case 'quiet':
      return kind;
  }
}

function blockingRule({ decided }: Redecided): RuleId | undefined {
  return decided.explanation.rules.find(isBlocking)?.rule;
}

function heldBackIn(stretches: readonly Stretch[], records: readonly ReadRecord[]): HeldBack[] {
  const held: { fromMs: number; toMs: number; last: number }[] = [];
  for (const { kind, first, last } of stretches) {
    if (kind !== 'held') {
      continue;
    }
    const before = held.at(-1);
    const toMs = atMsOf(records[last]);
    if (before !== undefined && before.last === first - 1) {
      before.toMs = toMs;
      before.last = last;
    } else {
      held.push({ fromMs: atMsOf(records[first]), toMs, last });
    }
  }
  return held.map(({ fromMs, toMs }) => ({ fromMs, toMs }));
}

/** Turns stretches of one journal into rows. */
class Teller {
  readonly #run: Run;
  readonly #header: JournalHeader;
  readonly #records: readonly ReadRecord[];

  constructor(run: Run, header: JournalHeader, records: readonly ReadRecord[]) {
    this.#run = run;
    this.#header = header;
    this.#records = records;
  }

  row(stretch: Stretch, withFlip: boolean): Row {
    const { kind, first, last, again } = stretch;
    const cycles = this.#records.slice(first, last + 1);
    const told = cycles.flatMap(({ events }) => events.filter(({ code }) => !UNTOLD.has(code)));
    return {
      kind,
      fromMs: atMsOf(cycles[0]),
      toMs: atMsOf(cycles[cycles.length - 1]),
      cycles: cycles.length,
      what:
        again === null
          ? 'no decision'
          : decisionWords({ ...again.decided.decision, victims: [] }).replace(' ()', ''),
      why:
        again === null
          ? sentence(outcomeSentence(cycles[0].outcome, 0, 0).replace(/^.* no decision: |\.$/g, ''))
          : kind === 'quiet'
            ? this.#quiet(stretch)
            : this.#why(first, again, withFlip),
      events: [...victimsOf(again), ...told.map(eventSentence)],
    };
  }

  #why(at: number, { view, memory, decided }: Redecided, withFlip: boolean): string {
    const { configured } = this.#run;
    const { cluster } = this.#header;
    const telling = this.#tellingOf(at, view);
    const text = withFlip
      ? explained({ configured, cluster, view, memory }, decided, telling).text
      : decisionSentence(decided, telling);
    // What and when stand in columns of their own.
    return sentence(text.slice(text.indexOf(': ') + 2).replace(/\.$/, ''));
  }

  /** Why nothing was removed, where a removal was asked for: the guard that refused most, by its first case. */
  #quiet({ refused }: Stretch): string {
    const all = [...refused.values()];
    if (all.length === 0) {
      return 'Nothing was asked for.';
    }
    const most = all.reduce((a, b) => (b.count > a.count ? b : a));
    const count = all.reduce((sum, each) => sum + each.count, 0);
    const reason = decisionReason(most.again.decided, this.#tellingOf(most.first, most.again.view));
    const often = count === 1 ? '' : ` in ${counted(count, 'cycle')}; at first`;
    return `A removal was refused${often}: ${reason}.`;
  }

  #tellingOf(at: number, view: CycleTelling['view']): CycleTelling {
    const { cluster } = this.#header;
    return {
      view,
      cluster,
      settings: this.#run.configured.settings,
      offsetMinutes: cluster.timeZoneOffsetMinutes,
      lastScaledBy: lastScaledBy(this.#records, at),
    };
  }
}

function victimsOf(again: Redecided | null): string[] {
  const victims = again?.decided.decision.victims ?? [];
  return victims.length === 0 ? [] : [`To go: ${victims.join(', ')}.`];
}

/** When a cycle decided, as its sentences have it; of one that did not, when it began. */
function atMsOf({ startedAtMs, decided }: ReadRecord): number {
  return decided?.view.nowMs ?? startedAtMs;
}
