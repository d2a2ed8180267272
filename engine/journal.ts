import type { Decision, ShadowDecision } from './decide.ts';
import { LEVELS, RULES, VERDICTS, type Explanation } from './explain.ts';
import {
  MARKETS,
  METRIC_NAMES,
  missingMetrics,
  type Market,
  type MissingReason,
  type PodShape,
  type Reading,
} from './observation.ts';
import { isBefore } from './sorted.ts';
import { MODES, PHASES, type Cluster, type PoolShare, type View, type Worker } from './view.ts';

/**
 * The journal: one header, then one record a cycle, "no action" included. A record holds what was seen as the difference
 * to the record before, what was decided, and each rule’s verdict, as whole numbers; the rest derives, because deciding
 * again on the same view gives the same answer. The simulator and the Lambda write the same bytes.
 */

/** How a cycle ended. Only `decided` carries a view and a decision. */
export const CYCLE_OUTCOMES = [
  'decided',
  'lock-held',
  'lock-unavailable',
  'lock-lost',
  'stale-trigger',
  'too-soon',
  'lease-too-short',
] as const;
export type CycleOutcome = (typeof CYCLE_OUTCOMES)[number];

/** What happened in a cycle besides its decision. Append-only: a code is its index. */
export const EVENT_CODES = [
  'adopted',
  'gone',
  'scale-down',
  'reclaim',
  'rebalance',
  'unhealthy',
  'never-joined',
  'drain-undone',
  'launched',
  'launch-refused',
  'launch-unanswered',
  'tainted',
  'evicted',
  'eviction-refused',
  'terminated',
  'terminate-failed',
  'memory-lost',
  'policy-changed',
  'out-of-time',
  'effect-failed',
  'disowned',
] as const;
export type EventCode = (typeof EVENT_CODES)[number];

/** `subject`: an instance, a pool or an effect; `value`: a count. */
export interface CycleEvent {
  readonly code: EventCode;
  readonly subject: string;
  readonly value: number;
}

export interface DecisionRecord {
  readonly startedAtMs: number;
  readonly epoch: number;
  readonly outcome: CycleOutcome;
  readonly decided: {
    readonly view: View;
    /** The policy’s memory before it was asked, and after. */
    readonly memory: readonly number[];
    readonly memoryAfter: readonly number[];
    readonly decision: Decision;
    readonly explanation: Explanation;
    /** What a shadow would have done; null, or left out: there is none. */
    readonly shadow?: ShadowDecision | null;
  } | null;
  readonly events: readonly CycleEvent[];
}

export const JOURNAL_SCHEMA = 'node-fleet/journal@1';

/** The first line of a journal: what was run. With it and the records every decision can be taken again. */
export interface JournalHeader {
  readonly schema: typeof JOURNAL_SCHEMA;
  readonly source: string;
  readonly scenario: string;
  readonly seed: number;
  readonly cycleSeconds: number;
  /** What went wrong on purpose, as a scenario writes it. */
  readonly faults: readonly object[];
  readonly cluster: Cluster;
  readonly policy: string;
  readonly settings: Readonly<Record<string, number>>;
  /** What decided beside it. Left out: nothing. */
  readonly shadow?: {
    readonly policy: string;
    readonly settings: Readonly<Record<string, number>>;
  };
}
/** A record that stands alone at least this often, so that a reader need not start at the beginning. */
const KEYFRAME_EVERY = 720;

const MISSING_REASONS: readonly MissingReason[] = [
  'unavailable',
  'timeout',
  'empty',
  'not-a-number',
  'exporter-down',
  'stale',
  'low-coverage',
];

const INT31_MAX = 0x7fffffff;

/**
 * Writes records as bytes. Numbers are variable-length integers; strings are written once and then named by number.
 * Layout of a record: `outcome, keyframe?, startedAtMs, epoch`, then for `decided` the view (see `#view`), the decision,
 * the verdicts, and the same of a shadow after its memory; then the events.
 */
export class JournalWriter {
  #bytes = new Uint8Array(1 << 16);
  #length = 0;
  #strings = new Map<string, number>();
  #previous: View | null = null;
  #previousMemory: readonly number[] = [];
  #previousAtMs = 0;
  #previousEpoch = 0;
  #sinceKeyframe = KEYFRAME_EVERY;
  #begun = false;

  /** @param header written first, as one line of JSON: what was run, so that the bytes are a claim about something */
  constructor(header: object) {
    const line = UTF8.encode(JSON.stringify(header) + '\n');
    this.#reserve(line.length);
    this.#bytes.set(line);
    this.#length = line.length;
  }

  /** The bytes so far; valid until the next `append`. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  append(record: DecisionRecord): void {
    const { decided } = record;
    const lost = decided !== null && !sameNumbers(decided.memory, this.#previousMemory);
    // The first stands alone whatever it is: so the records of journals with one header can be joined.
    const keyframe =
      !this.#begun ||
      (decided !== null &&
        (lost || ++this.#sinceKeyframe > KEYFRAME_EVERY || this.#previous === null));
    this.#begun = true;
    const shadow = decided?.shadow ?? null;
    this.#uint(
      CYCLE_OUTCOMES.indexOf(record.outcome) * 2 +
        (keyframe ? 1 : 0) +
        (shadow === null ? 0 : SHADOWED),
    );
    if (keyframe) {
      this.#sinceKeyframe = 0;
      this.#strings.clear();
      this.#previous = null;
      this.#previousAtMs = 0;
      this.#previousEpoch = 0;
    }
    this.#int(record.startedAtMs - this.#previousAtMs);
    this.#int(record.epoch - this.#previousEpoch);
    this.#previousAtMs = record.startedAtMs;
    this.#previousEpoch = record.epoch;
    if (decided !== null) {
      if (keyframe) {
        this.#memory(decided.memory);
      }
      this.#view(decided.view, this.#previous);
      this.#decision(decided.decision);
      this.#explanation(decided.explanation);
      if (shadow !== null) {
        this.#memory(shadow.memoryBefore);
        this.#decision(shadow.decision);
        this.#explanation(shadow.explanation);
      }
      this.#previous = decided.view;
      this.#previousMemory = decided.memoryAfter;
    }
    this.#uint(record.events.length);
    for (const event of record.events) {
      this.#uint(EVENT_CODES.indexOf(event.code));
      this.#string(event.subject);
      this.#int(event.value);
    }
  }

  #memory(memory: readonly number[]): void {
    this.#uint(memory.length);
    for (const value of memory) {
      this.#int(value);
    }
  }

  #view(view: View, before: View | null): void {
    this.#int(view.nowMs - this.#previousAtMs);
    this.#uint(
      MODES.indexOf(view.mode) * 32 +
        (view.instancesKnown ? 16 : 0) +
        (view.nodesKnown ? 8 : 0) +
        (view.podsKnown ? 4 : 0) +
        (view.inboxKnown ? 2 : 0) +
        (view.contradicted ? 1 : 0) +
        (view.hold === null ? 0 : HELD),
    );
    if (view.hold !== null) {
      this.#uint(view.hold.min);
      this.#int(view.hold.untilMs);
    }
    const { nowMs, metrics } = view;
    const earlier = before?.metrics ?? NO_METRICS;
    // In the order of `METRIC_NAMES`, which the reader goes by.
    this.#reading(metrics.cpuPercent, earlier.cpuPercent, nowMs);
    this.#reading(metrics.memoryPercent, earlier.memoryPercent, nowMs);
    this.#reading(metrics.unschedulablePods, earlier.unschedulablePods, nowMs);
    this.#reading(metrics.apiLatencyP95Ms, earlier.apiLatencyP95Ms, nowMs);
    this.#reading(metrics.requestsPerSecond, earlier.requestsPerSecond, nowMs);
    const { custom } = metrics;
    this.#uint(custom.length);
    for (let c = 0; c < custom.length; c++) {
      const { name, reading } = custom[c]!;
      this.#string(name);
      this.#reading(reading, customBefore(before, c), view.nowMs);
    }
    this.#standing(view, before);
    this.#workers(view.workers, before?.workers ?? NO_WORKERS);
  }

  #reading(reading: Reading, before: Reading | null, nowMs: number): void {
    if (reading.missing !== null) {
      this.#uint(1 + MISSING_REASONS.indexOf(reading.missing));
      return;
    }
    this.#uint(0);
    const valueBefore =
      before !== null && before.missing === null ? Math.round(before.value * 1000) : 0;
    this.#int(Math.round(reading.value * 1000) - valueBefore);
    this.#int(nowMs - reading.sampledAtMs);
    this.#uint(Math.round(reading.coverageRatio * 1000));
  }

  /** What rarely changes: one byte says that nothing did. */
  #standing(view: View, before: View | null): void {
    const same =
      before !== null &&
      view.desired === before.desired &&
      view.lastScaleUpAtMs === before.lastScaleUpAtMs &&
      view.lastScaleDownAtMs === before.lastScaleDownAtMs &&
      view.recoveryUntilMs === before.recoveryUntilMs &&
      view.joinFailures === before.joinFailures &&
      view.joinFailedAtMs === before.joinFailedAtMs &&
      samePools(view.poolBackoffs, before.poolBackoffs) &&
      sameVictims(view.victimBackoffs, before.victimBackoffs) &&
      sameShares(view.unanswered, before.unanswered) &&
      sameNumbers(view.unschedulable, before.unschedulable) &&
      sameShapes(view.shapes, before.shapes);
    this.#uint(same ? 0 : 1);
    if (same) {
      return;
    }
    this.#int(view.desired ?? -1);
    this.#int(view.lastScaleUpAtMs ?? -1);
    this.#int(view.lastScaleDownAtMs ?? -1);
    this.#int(view.recoveryUntilMs);
    this.#uint(view.joinFailures);
    this.#int(view.joinFailedAtMs);
    this.#uint(view.poolBackoffs.length);
    for (const backoff of view.poolBackoffs) {
      this.#string(backoff.zone);
      this.#uint(MARKETS.indexOf(backoff.market));
      this.#uint(backoff.failures);
      this.#int(backoff.untilMs);
    }
    this.#uint(view.victimBackoffs.length);
    for (const backoff of view.victimBackoffs) {
      this.#string(backoff.instanceId);
      this.#uint(backoff.failures);
      this.#int(backoff.untilMs);
    }
    this.#shares(view.unanswered);
    this.#uint(view.shapes.length);
    for (const shape of view.shapes) {
      this.#string(JSON.stringify(shape));
    }
    for (const count of view.unschedulable) {
      this.#uint(count);
    }
  }

  /**
   * Workers are sorted by id, so the difference is a merge: which left, which are new (whole), and for each that stayed and
   * changed, its distance from the last such one and its fields.
   */
  #workers(workers: readonly Worker[], before: readonly Worker[]): void {
    if (workers === before) {
      this.#uint(workers.length * 4 + WORKERS_END);
      return;
    }
    let gap = 0;
    let b = 0;
    for (const worker of workers) {
      if (b < before.length && before[b] === worker) {
        gap++;
        b++;
        continue;
      }
      while (b < before.length && isBefore(before[b]!.id, worker.id)) {
        this.#uint(gap * 4 + WORKER_GONE);
        gap = 0;
        b++;
      }
      const old = b < before.length && before[b]!.id === worker.id ? before[b++]! : null;
      if (old === null) {
        this.#uint(gap * 4 + WORKER_NEW);
        this.#string(worker.id);
        this.#worker(worker);
        gap = 0;
      } else if (sameWorker(worker, old)) {
        gap++;
      } else {
        this.#uint(gap * 4 + WORKER_CHANGED);
        this.#worker(worker);
        gap = 0;
      }
    }
    while (b < before.length) {
      this.#uint(gap * 4 + WORKER_GONE);
      gap = 0;
      b++;
    }
    this.#uint(gap * 4 + WORKERS_END);
  }

  #worker(worker: Worker): void {
    this.#string(worker.zone);
    this.#uint(
      (PHASES.indexOf(worker.phase) * 2 + MARKETS.indexOf(worker.market)) * 2 +
        (worker.cordoned ? 1 : 0),
    );
    this.#int(worker.launchedAtMs);
    this.#int(worker.readySinceMs);
    this.#uint(worker.allocatableMillicpu);
    this.#uint(worker.allocatableMib);
    this.#uint(worker.pods.length);
    for (const count of worker.pods) {
      this.#uint(count);
    }
  }

  #decision(decision: Decision): void {
    this.#uint(decision.action === 'hold' ? 0 : decision.action === 'scaleUp' ? 1 : 2);
    this.#uint(decision.count);
    this.#uint(decision.repair);
    this.#uint(decision.desired);
    this.#shares(decision.launches);
    this.#uint(decision.victims.length);
    for (const victim of decision.victims) {
      this.#string(victim);
    }
  }

  #shares(shares: readonly PoolShare[]): void {
    this.#uint(shares.length);
    for (const share of shares) {
      this.#string(share.zone);
      this.#uint(MARKETS.indexOf(share.market));
      this.#uint(share.count);
    }
  }

  #explanation(explanation: Explanation): void {
    this.#uint(LEVELS.indexOf(explanation.level));
    this.#int(explanation.proposed);
    this.#uint(explanation.rules.length);
    for (const rule of explanation.rules) {
      this.#uint(RULE_CODES.get(rule.rule)! * VERDICTS.length + VERDICTS.indexOf(rule.verdict));
    }
  }

  #string(text: string): void {
    const known = this.#strings.get(text);
    if (known !== undefined) {
      this.#uint(known);
      return;
    }
    this.#uint(this.#strings.size);
    this.#strings.set(text, this.#strings.size);
    this.#text(text);
  }

  #int(value: number): void {
    this.#uint(value >= 0 ? value * 2 : -value * 2 - 1);
  }

  /** Seven bits a byte, lowest first; whole numbers up to 2^52. */
  #uint(value: number): void {
    let at = this.#length;
    if (at + 8 > this.#bytes.length) {
      this.#reserve(8);
    }
    const bytes = this.#bytes;
    let rest = value;
    // Remainders of what does not fit 31 bits are slow, and instants do not.
    while (rest > INT31_MAX) {
      bytes[at++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    let small = rest | 0;
    while (small >= 128) {
      bytes[at++] = small | 128;
      small >>= 7;
    }
    bytes[at++] = small;
    this.#length = at;
  }

  #text(text: string): void {
    const encoded = UTF8.encode(text);
    this.#uint(encoded.length);
    this.#reserve(encoded.length);
    this.#bytes.set(encoded, this.#length);
    this.#length += encoded.length;
  }

  #reserve(needed: number): void {
    if (this.#length + needed <= this.#bytes.length) {
      return;
    }
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + needed));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

/** A rule’s code is its place in the list, which is long and looked through several times a cycle. */
const RULE_CODES = new Map(RULES.map((rule, code) => [rule, code]));
const UTF8 = new TextEncoder();
const FROM_UTF8 = new TextDecoder();
const NO_WORKERS: readonly Worker[] = [];
const NO_METRICS = missingMetrics('empty');
/** What the eighth byte of a number counts in: 128^7. */
const UINT_SCALE_MAX = 562_949_953_421_312;
/** Of a record’s first number: above its outcome, which has five bits. */
const SHADOWED = 64;
/** Of a view’s flags: above its mode, which has two bits. */
const HELD = 128;
const WORKERS_END = 0;
const WORKER_GONE = 1;
const WORKER_NEW = 2;
const WORKER_CHANGED = 3;

/** What the record before has in this place: nearly always the same reading. */
function customBefore(before: View | null, index: number): Reading | null {
  return before?.metrics.custom[index]?.reading ?? null;
}

function sameWorker(a: Worker, b: Worker): boolean {
  return (
    a.phase === b.phase &&
    a.readySinceMs === b.readySinceMs &&
    a.cordoned === b.cordoned &&
    a.launchedAtMs === b.launchedAtMs &&
    a.zone === b.zone &&
    a.market === b.market &&
    a.allocatableMillicpu === b.allocatableMillicpu &&
    a.allocatableMib === b.allocatableMib &&
    sameNumbers(a.pods, b.pods)
  );
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  if (a === b) {
    return true;
  }
  if (a.length !== b.length) {
    return false;
  }
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) {
      return false;
    }
  }
  return true;
}

function sameShares(a: readonly PoolShare[], b: readonly PoolShare[]): boolean {
  if (a === b) {
    return true;
  }
  if (a.length !== b.length) {
    return false;
  }
  return a.every((share, i) => {
    const other = b[i]!;
    return (
      share.zone === other.zone && share.market === other.market && share.count === other.count
    );
  });
}

function sameShapes(a: readonly PodShape[], b: readonly PodShape[]): boolean {
  if (a === b) {
    return true;
  }
  return (
    a.length === b.length && a.every((shape, i) => JSON.stringify(shape) === JSON.stringify(b[i]))
  );
}

// ---------------------------------------------------------------- reading

export interface Journal<Header = Record<string, unknown>> {
  readonly header: Header;
  readonly records: readonly ReadRecord[];
}

/** A decision as read back. */
export interface ReadDecision {
  readonly decision: Decision;
  readonly level: Explanation['level'];
  readonly proposed: number;
  readonly rules: readonly {
    readonly rule: (typeof RULES)[number];
    readonly verdict: (typeof VERDICTS)[number];
  }[];
}

/** A record as read back: verdict codes without the numbers they compared, which deciding again gives. */
export interface ReadRecord {
  readonly startedAtMs: number;
  readonly epoch: number;
  readonly outcome: CycleOutcome;
  readonly decided:
    | (ReadDecision & {
        readonly view: View;
        /** Null: what the decision of the record before returned. */
        readonly memory: readonly number[] | null;
        /** Left out: no shadow decided beside it. */
        readonly shadow?: ReadDecision & { readonly memory: readonly number[] };
      })
    | null;
  readonly events: readonly CycleEvent[];
}

/** Thrown by `readJournal` when bytes are not a journal, or end in the middle of a record. */
export class JournalError extends Error {
  override readonly name = 'JournalError';
  /** How many bytes could be read. */
  readonly offset: number;
  /** What they hold: the header and every record before the damage; null without a header. */
  readonly whole: Journal<unknown> | null;

  constructor(message: string, offset = 0, whole: Journal<unknown> | null = null) {
    super(message);
    this.offset = offset;
    this.whole = whole;
  }
}

/**
 * Reads a journal’s bytes back: header and records, views whole.
 * @throws JournalError when the bytes are not a journal of this schema
 */
export function readJournal<Header = Record<string, unknown>>(bytes: Uint8Array): Journal<Header> {
  const reader = new JournalReader(bytes);
  const header = reader.header() as Header;
  const records: ReadRecord[] = [];
  while (!reader.done) {
    try {
      records.push(reader.record());
    } catch (error) {
      throw error instanceof JournalError
        ? new JournalError(error.message, reader.offset, { header, records })
        : error;
    }
  }
  return { header, records };
}

class JournalReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #strings: string[] = [];
  #previous: View | null = null;
  #previousAtMs = 0;
  #previousEpoch = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  get offset(): number {
    return this.#at;
  }

  header(): unknown {
    const end = this.#bytes.indexOf(10);
    if (end < 0) {
      throw new JournalError('no header line: expected a journal');
    }
    let header: unknown;
    try {
      header = JSON.parse(FROM_UTF8.decode(this.#bytes.subarray(0, end)));
    } catch {
      throw new JournalError('the first line is not JSON: expected the header of a journal');
    }
    const schema = (header as { schema?: unknown } | null)?.schema;
    if (schema !== JOURNAL_SCHEMA) {
      throw new JournalError(`schema is ${JSON.stringify(schema)}: expected "${JOURNAL_SCHEMA}"`);
    }
    this.#at = end + 1;
    return header;
  }

  record(): ReadRecord {
    const tag = this.#uint();
    const shadowed = Math.floor(tag / SHADOWED) % 2 === 1;
    const outcome = this.#code(CYCLE_OUTCOMES, Math.floor((shadowed ? tag - SHADOWED : tag) / 2));
    const keyframe = tag % 2 === 1;
    if (keyframe) {
      this.#strings = [];
      this.#previous = null;
      this.#previousAtMs = 0;
      this.#previousEpoch = 0;
    }
    const startedAtMs = (this.#previousAtMs += this.#int());
    const epoch = (this.#previousEpoch += this.#int());
    let decided: ReadRecord['decided'] = null;
    if (outcome === 'decided') {
      const memory = keyframe ? this.#list(() => this.#int()) : null;
      const view = this.#view(this.#previous);
      decided = { view, memory, ...this.#decided() };
      if (shadowed) {
        const shadow = { memory: this.#list(() => this.#int()), ...this.#decided() };
        decided = { ...decided, shadow };
      }
      this.#previous = view;
    }
    const events = this.#list(() => ({
      code: this.#code(EVENT_CODES, this.#uint()),
      subject: this.#string(),
      value: this.#int(),
    }));
    return { startedAtMs, epoch, outcome, decided, events };
  }

  #decided(): ReadDecision {
    const decision = this.#decision();
    const level = this.#code(LEVELS, this.#uint());
    const proposed = this.#int();
    const rules = this.#list(() => {
      const code = this.#uint();
      return {
        rule: this.#code(RULES, Math.floor(code / VERDICTS.length)),
        verdict: this.#code(VERDICTS, code % VERDICTS.length),
      };
    });
    return { decision, level, proposed, rules };
  }

  #view(before: View | null): View {
    const nowMs = this.#previousAtMs + this.#int();
    const flags = this.#uint();
    const held = Math.floor(flags / HELD) % 2 === 1;
    const hold = held ? { min: this.#uint(), untilMs: this.#int() } : null;
    const standard = {} as Record<(typeof METRIC_NAMES)[number], Reading>;
    for (const name of METRIC_NAMES) {
      standard[name] = this.#reading(before?.metrics[name] ?? null, nowMs);
    }
    let c = 0;
    const custom = this.#list(() => {
      const name = this.#string();
      return { name, reading: this.#reading(customBefore(before, c++), nowMs) };
    });
    const metrics = { ...standard, custom };
    const standing = this.#uint() === 0 ? before : this.#standing();
    if (standing === null) {
      throw new JournalError('the first record refers to one before it');
    }
    const {
      desired,
      lastScaleUpAtMs,
      lastScaleDownAtMs,
      recoveryUntilMs,
      joinFailures,
      joinFailedAtMs,
    } = standing;
    const { poolBackoffs, victimBackoffs, unanswered, shapes, unschedulable } = standing;
    return {
      nowMs,
      mode: this.#code(MODES, Math.floor((held ? flags - HELD : flags) / 32)),
      metrics,
      instancesKnown: (flags & 16) !== 0,
      nodesKnown: (flags & 8) !== 0,
      podsKnown: (flags & 4) !== 0,
      inboxKnown: (flags & 2) !== 0,
      contradicted: (flags & 1) !== 0,
      workers: this.#workers(before?.workers ?? NO_WORKERS),
      shapes,
      unschedulable,
      unanswered,
      desired,
      lastScaleUpAtMs,
      lastScaleDownAtMs,
      recoveryUntilMs,
      joinFailures,
      joinFailedAtMs,
      poolBackoffs,
      victimBackoffs,
      hold,
    };
  }

  #reading(before: Reading | null, nowMs: number): Reading {
    const missing = this.#uint();
    if (missing > 0) {
      return { missing: this.#code(MISSING_REASONS, missing - 1) };
    }
    const valueBefore =
      before !== null && before.missing === null ? Math.round(before.value * 1000) : 0;
    const value = (valueBefore + this.#int()) / 1000;
    const sampledAtMs = nowMs - this.#int();
    return { value, sampledAtMs, coverageRatio: this.#uint() / 1000, missing: null };
  }

  #standing() {
    const orNull = (value: number): number | null => (value === -1 ? null : value);
    const desired = orNull(this.#int());
    const lastScaleUpAtMs = orNull(this.#int());
    const lastScaleDownAtMs = orNull(this.#int());
    const recoveryUntilMs = this.#int();
    const joinFailures = this.#uint();
    const joinFailedAtMs = this.#int();
    const poolBackoffs = this.#list(() => ({
      zone: this.#string(),
      market: this.#code(MARKETS, this.#uint()),
      failures: this.#uint(),
      untilMs: this.#int(),
    }));
    const victimBackoffs = this.#list(() => ({
      instanceId: this.#string(),
      failures: this.#uint(),
      untilMs: this.#int(),
    }));
    const unanswered = this.#shares();
    const shapes = this.#list(() => this.#shape());
    const unschedulable = shapes.map(() => this.#uint());
    return {
      desired,
      lastScaleUpAtMs,
      lastScaleDownAtMs,
      recoveryUntilMs,
      joinFailures,
      joinFailedAtMs,
      poolBackoffs,
      victimBackoffs,
      unanswered,
      shapes,
      unschedulable,
    };
  }

  #shape(): PodShape {
    try {
      return JSON.parse(this.#string()) as PodShape;
    } catch (error) {
      throw error instanceof JournalError ? error : new JournalError('a pod shape is not JSON');
    }
  }

  #workers(before: readonly Worker[]): readonly Worker[] {
    const workers: Worker[] = [];
    let b = 0;
    for (;;) {
      const tag = this.#uint();
      const gap = Math.floor(tag / 4);
      for (let n = 0; n < gap; n++) {
        workers.push(this.#old(before, b++));
      }
      switch (tag % 4) {
        case WORKERS_END:
          return workers;
        case WORKER_GONE:
          b++;
          break;
        case WORKER_NEW:
          workers.push(this.#worker(this.#string()));
          break;
        case WORKER_CHANGED:
          workers.push(this.#worker(this.#old(before, b++).id));
          break;
      }
    }
  }

  #old(before: readonly Worker[], index: number): Worker {
    const worker = before[index];
    if (worker === undefined) {
      throw new JournalError(`a record refers to worker ${index} of ${before.length}`);
    }
    return worker;
  }

  #worker(id: string): Worker {
    const zone = this.#string();
    const packed = this.#uint();
    return {
      id,
      zone,
      phase: this.#code(PHASES, Math.floor(packed / 4)),
      market: this.#code(MARKETS, Math.floor(packed / 2) % 2),
      cordoned: packed % 2 === 1,
      launchedAtMs: this.#int(),
      readySinceMs: this.#int(),
      allocatableMillicpu: this.#uint(),
      allocatableMib: this.#uint(),
      pods: this.#list(() => this.#uint()),
    };
  }

  #decision(): Decision {
    return {
      action: this.#code(['hold', 'scaleUp', 'scaleDown'] as const, this.#uint()),
      count: this.#uint(),
      repair: this.#uint(),
      desired: this.#uint(),
      launches: this.#shares(),
      victims: this.#list(() => this.#string()),
    };
  }

  #shares(): PoolShare[] {
    return this.#list(() => ({
      zone: this.#string(),
      market: this.#code<Market>(MARKETS, this.#uint()),
      count: this.#uint(),
    }));
  }

  #list<T>(item: () => T): T[] {
    const length = this.#uint();
    if (length > this.#bytes.length) {
      throw new JournalError(`a list of ${length} items cannot be in this journal`);
    }
    const items: T[] = [];
    for (let i = 0; i < length; i++) {
      items.push(item());
    }
    return items;
  }

  #code<T>(codes: readonly T[], code: number): T {
    if (code >= codes.length) {
      throw new JournalError(`code ${code} is not known: a newer journal, or a damaged one`);
    }
    return codes[code]!;
  }

  #string(): string {
    const code = this.#uint();
    if (code < this.#strings.length) {
      return this.#strings[code]!;
    }
    const length = this.#uint();
    if (this.#at + length > this.#bytes.length) {
      throw new JournalError('the journal ends in the middle of a record');
    }
    const text = FROM_UTF8.decode(this.#bytes.subarray(this.#at, this.#at + length));
    this.#at += length;
    this.#strings.push(text);
    return text;
  }

  #int(): number {
    const value = this.#uint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  #uint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      if (this.#at >= this.#bytes.length) {
        throw new JournalError('the journal ends in the middle of a record');
      }
      const byte = this.#bytes[this.#at++]!;
      value += (byte % 128) * scale;
      if (byte < 128) {
        return value;
      }
      scale *= 128;
      if (scale > UINT_SCALE_MAX) {
        throw new JournalError('a number of more than eight bytes');
      }
    }
  }
}

// By what they hold: a state that was read back from the table writes the bytes that the one before it would have.
function samePools(a: View['poolBackoffs'], b: View['poolBackoffs']): boolean {
  return (
    a === b ||
    (a.length === b.length &&
      a.every(
        (each, n) =>
          each.zone === b[n]!.zone &&
          each.market === b[n]!.market &&
          each.failures === b[n]!.failures &&
          each.untilMs === b[n]!.untilMs,
      ))
  );
}

function sameVictims(a: View['victimBackoffs'], b: View['victimBackoffs']): boolean {
  return (
    a === b ||
    (a.length === b.length &&
      a.every(
        (each, n) =>
          each.instanceId === b[n]!.instanceId &&
          each.failures === b[n]!.failures &&
          each.untilMs === b[n]!.untilMs,
      ))
  );
}
