import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import {
  CYCLE_OUTCOMES,
  cycle,
  decide,
  decodeState,
  EVENT_CODES,
  JOURNAL_SCHEMA,
  JournalError,
  JournalWriter,
  LEVELS,
  MARKETS,
  METRIC_NAMES,
  MODES,
  PHASES,
  readJournal,
  RULES,
  runAsync,
  runSync,
  VERDICTS,
  type Decided,
  type DecisionRecord,
  type Effect,
  type Metrics,
  type Process,
  type Reading,
  type Result,
  type View,
  type Worker,
} from '../../engine/index.ts';
import {
  attempt,
  cluster,
  configured,
  drain,
  EMPTY_INBOX,
  EPOCH,
  fleetOf,
  idOf,
  known,
  launch,
  metrics,
  MINUTE,
  NOW,
  play,
  pods,
  state,
  view,
  WEB,
  shape,
} from './build.ts';

const HEADER = { schema: JOURNAL_SCHEMA, source: 'test' };

function write(records: readonly DecisionRecord[]): Uint8Array {
  const writer = new JournalWriter(HEADER);
  records.forEach((record) => {
    writer.append(record);
  });
  return writer.bytes.slice();
}

/** The JournalError that this throws, or null. */
function caught(read: () => unknown): JournalError | null {
  try {
    read();
    return null;
  } catch (error) {
    expect(error).toBeInstanceOf(JournalError);
    return error as JournalError;
  }
}

const three = known(state({ known: [1, 2, 3].map(idOf), desired: 3 }));
const quiet = play({ seen: fleetOf(3), stored: three }).record!;
const busy = play({
  seen: { ...fleetOf(3), pods: { ...fleetOf(3).pods!, unschedulable: [3] } },
  stored: three,
}).record!;

describe('the journal', () => {
  test('reads back what was written: views, decisions, verdicts, events', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(quiet, busy), { maxLength: 30 }), (records) => {
        const read = readJournal(write(records));
        expect(read.header).toEqual(HEADER);
        expect(read.records).toHaveLength(records.length);
        read.records.forEach((record, i) => {
          const { decided, ...rest } = records[i];
          expect(record).toMatchObject(rest);
          expect(record.decided?.view).toEqual(decided?.view);
          expect(record.decided?.decision).toEqual(decided?.decision);
          expect(record.decided?.level).toBe(decided?.explanation.level);
          expect(record.decided?.proposed).toBe(decided?.explanation.proposed);
        });
      }),
    );
  });

  test('a quiet record after another is small', () => {
    const once = write([quiet, quiet]).length;
    expect(write([quiet, quiet, quiet]).length - once).toBeLessThanOrEqual(48);
  });

  test('cut or damaged bytes are a JournalError, never another exception', () => {
    const whole = write([quiet, busy, quiet]);
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: whole.length - 1 }),
        fc.integer({ min: 0, max: 255 }),
        fc.boolean(),
        (at, byte, cut) => {
          const bytes = cut ? whole.slice(0, at) : whole.map((old, i) => (i === at ? byte : old));
          try {
            readJournal(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(JournalError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test('what was read before the damage is not lost, and where it is said', () => {
    const begins = [0, 1, 2, 3].map((n) => write([quiet, busy, quiet].slice(0, n)).length);
    const whole = write([quiet, busy, quiet]);
    const records = readJournal(whole).records;
    fc.assert(
      fc.property(fc.integer({ min: begins[0], max: whole.length - 1 }), (at) => {
        // The record that is cut is the one that begins last before the cut.
        const n = begins.filter((begin) => begin <= at).length - 1;
        const read = caught(() => readJournal(whole.slice(0, at)));
        if (begins.includes(at)) {
          expect(read).toBe(null);
          return;
        }
        expect(read?.whole).toEqual({ header: HEADER, records: records.slice(0, n) });
        expect(read?.offset).toBeGreaterThanOrEqual(begins[n]);
        expect(read?.offset).toBeLessThanOrEqual(at);
      }),
      { numRuns: 300 },
    );
  });

  test('without a header there is nothing to keep', () => {
    expect(caught(() => readJournal(new Uint8Array(3)))).toMatchObject({ offset: 0, whole: null });
  });

  test('a number has eight bytes at most', () => {
    const endless = Uint8Array.from([...write([]), ...Array<number>(400).fill(255), 1]);
    expect(() => readJournal(endless)).toThrow('a number of more than eight bytes');
  });

  test('of another schema is refused by name', () => {
    const other = new JournalWriter({ schema: 'node-fleet/journal@9' }).bytes;
    expect(() => readJournal(other)).toThrow('node-fleet/journal@9');
  });
});

describe('stored state', () => {
  const full = state({
    known: [idOf(1)],
    launches: [launch({ attempts: [attempt()] })],
    drains: [drain(idOf(1))],
  });

  test('survives JSON', () => {
    expect(decodeState(JSON.parse(JSON.stringify(full)))).toEqual({ kind: 'known', state: full });
  });

  test('of a newer schema counts as lost memory, with its intents kept', () => {
    const newer = { ...(JSON.parse(JSON.stringify(full)) as object), schema: 2, desired: 'many' };
    expect(decodeState(newer)).toEqual({
      kind: 'lost',
      launches: full.launches,
      drains: full.drains,
    });
  });

  test('that is damaged is lost, and that is not there is absent', () => {
    expect(decodeState('rubbish')).toEqual({ kind: 'lost', launches: [], drains: [] });
    expect(decodeState(null)).toEqual({ kind: 'absent' });
  });
});

describe('the drivers', () => {
  function* twice(): Process<number> {
    const first = yield { kind: 'readInbox' };
    yield { kind: 'parallel', effects: [{ kind: 'listNodes' }, { kind: 'listPods' }] };
    return (first as { completedAtMs: number }).completedAtMs;
  }
  const answering = (): ((effect: unknown) => Result) => {
    let nowMs = 0;
    return () => ({ ok: true, completedAtMs: ++nowMs }) as Result;
  };

  test('sync and async give the same', async () => {
    const interpret = answering();
    expect(runSync(twice(), answering())).toBe(1);
    expect(await runAsync(twice(), (effect) => Promise.resolve(interpret(effect)))).toBe(1);
  });

  test('start nothing more once an answer comes after the deadline (S7)', async () => {
    const asked: unknown[] = [];
    const interpret = answering();
    const watched = (effect: unknown): Result => {
      asked.push(effect);
      return interpret(effect);
    };
    expect(runSync(twice(), watched, 1)).toBeNull();
    expect(asked).toHaveLength(2);
    const other = answering();
    expect(await runAsync(twice(), (effect) => Promise.resolve(other(effect)), 2)).toBeNull();
    expect(runSync(twice(), answering(), 3)).toBe(1);
  });
});

// ---------------------------------------------------------------- any record at all

const anyCount = fc.nat({ max: 5000 });
const anyInstant = fc.integer({ min: -MINUTE, max: 90 * MINUTE }).map((ms) => NOW + ms);
const anyName = fc.constantFrom('i-01', 'i-02', 'spot/a', 'Ünïcode — ঢাকা', '');
const anyMarket = fc.constantFrom(...MARKETS);
const anyZone = fc.constantFrom('a', 'b', 'c', '');
const anyShares = fc.array(fc.record({ zone: anyZone, market: anyMarket, count: anyCount }), {
  maxLength: 3,
});
const anyReading: fc.Arbitrary<Reading> = fc.oneof(
  fc.record({
    value: fc.integer({ min: 0, max: 1e9 }).map((n) => n / 1000),
    sampledAtMs: anyInstant,
    coverageRatio: fc.nat({ max: 1000 }).map((n) => n / 1000),
    missing: fc.constant(null),
  }),
  fc.record({ missing: fc.constantFrom('unavailable', 'timeout', 'stale', 'low-coverage') }),
) as fc.Arbitrary<Reading>;
const anyCustom = fc.array(
  fc.record({ name: fc.constantFrom('queue', 'errorsPercent', ''), reading: anyReading }),
  { maxLength: 3 },
);
const anyMetrics = fc.record({
  ...Object.fromEntries(METRIC_NAMES.map((name) => [name, anyReading])),
  custom: anyCustom,
}) as fc.Arbitrary<unknown> as fc.Arbitrary<Metrics>;

const anyWorkers = (shapes: number): fc.Arbitrary<Worker[]> =>
  fc
    .uniqueArray(fc.nat({ max: 12 }), { maxLength: 8 })
    .map((numbers) => numbers.sort((a, b) => a - b).map(idOf))
    .chain((ids) =>
      fc.tuple(
        ...ids.map((id) =>
          fc.record({
            id: fc.constant(id),
            zone: anyZone,
            market: anyMarket,
            phase: fc.constantFrom(...PHASES),
            launchedAtMs: anyInstant,
            readySinceMs: fc.constantFrom(0, NOW),
            cordoned: fc.boolean(),
            allocatableMillicpu: anyCount,
            allocatableMib: anyCount,
            pods: fc.array(anyCount, { minLength: shapes, maxLength: shapes }),
          }),
        ),
      ),
    );

const SHAPES = [[], [WEB], [WEB, shape('db', { zone: 'b', pinnedBy: 'stateful-set' })]];
const anyView: fc.Arbitrary<View> = fc.constantFrom(...SHAPES).chain((shapes) =>
  fc.record({
    nowMs: anyInstant,
    mode: fc.constantFrom(...MODES),
    metrics: anyMetrics,
    instancesKnown: fc.boolean(),
    nodesKnown: fc.boolean(),
    podsKnown: fc.boolean(),
    inboxKnown: fc.boolean(),
    contradicted: fc.boolean(),
    workers: anyWorkers(shapes.length),
    shapes: fc.constant(shapes),
    unschedulable: fc.array(anyCount, { minLength: shapes.length, maxLength: shapes.length }),
    unanswered: anyShares,
    desired: fc.option(anyCount),
    lastScaleUpAtMs: fc.option(anyInstant),
    lastScaleDownAtMs: fc.option(anyInstant),
    recoveryUntilMs: fc.constantFrom(0, NOW + MINUTE),
    joinFailures: anyCount,
    joinFailedAtMs: fc.constantFrom(0, NOW),
    poolBackoffs: fc.array(
      fc.record({ zone: anyZone, market: anyMarket, failures: anyCount, untilMs: anyInstant }),
      { maxLength: 2 },
    ),
    victimBackoffs: fc.array(
      fc.record({ instanceId: anyName, failures: anyCount, untilMs: anyInstant }),
      { maxLength: 2 },
    ),
    hold: fc.option(fc.record({ min: anyCount, untilMs: anyInstant })),
  }),
);

const anyDecision = fc.record({
  action: fc.constantFrom('hold', 'scaleUp', 'scaleDown'),
  count: anyCount,
  repair: anyCount,
  launches: anyShares,
  victims: fc.array(anyName, { maxLength: 2 }),
  desired: anyCount,
});

const anyExplanation = fc.record({
  level: fc.constantFrom(...LEVELS),
  proposed: fc.integer({ min: -100, max: 100 }),
  rules: fc.array(
    fc.record({
      rule: fc.constantFrom(...RULES),
      verdict: fc.constantFrom(...VERDICTS),
      observed: fc.integer(),
      threshold: fc.integer(),
    }),
    { maxLength: 4 },
  ),
});

const anyRecord: fc.Arbitrary<DecisionRecord> = fc
  .record({
    startedAtMs: anyInstant,
    epoch: fc.integer({ min: EPOCH - 9, max: EPOCH + 9 }),
    outcome: fc.constantFrom(...CYCLE_OUTCOMES),
    events: fc.array(
      fc.record({
        code: fc.constantFrom(...EVENT_CODES),
        subject: anyName,
        value: fc.integer({ min: -100, max: 1_000_000 }),
      }),
      { maxLength: 3 },
    ),
    decided: fc.record({
      view: anyView,
      memory: fc.array(fc.integer({ min: -9, max: 9 }), { maxLength: 2 }),
      memoryAfter: fc.array(fc.integer({ min: -9, max: NOW }), { maxLength: 2 }),
      decision: anyDecision,
      shadow: fc.option(
        fc.record({
          memoryBefore: fc.array(fc.integer({ min: -9, max: NOW }), { maxLength: 2 }),
          memory: fc.constant([]),
          decision: anyDecision,
          explanation: anyExplanation,
        }),
      ),
      explanation: anyExplanation,
    }),
  })
  .map((record) =>
    record.outcome === 'decided' ? record : { ...record, decided: null },
  ) as fc.Arbitrary<DecisionRecord>;

/** Records one after another; half of the time each begins with the memory that the one before returned. */
const anyRecords = fc.array(fc.tuple(anyRecord, fc.boolean()), { maxLength: 12 }).map((drawn) => {
  let memory: readonly number[] = [];
  return drawn.map(([record, goesOn]) => {
    if (record.decided === null) {
      return record;
    }
    const decided = goesOn ? { ...record.decided, memory } : record.decided;
    memory = decided.memoryAfter;
    return { ...record, decided };
  });
});

/** What a reader must get back of a record: all but what deciding again gives. */
function readable(record: DecisionRecord): unknown {
  const { decided, ...rest } = record;
  if (decided === null) {
    return { ...rest, decided };
  }
  const { shadow } = decided;
  return {
    ...rest,
    decided: {
      view: decided.view,
      ...readableDecision(decided),
      shadow: shadow ? { memory: shadow.memoryBefore, ...readableDecision(shadow) } : undefined,
    },
  };
}

function readableDecision({ decision, explanation }: Pick<Decided, 'decision' | 'explanation'>) {
  const { level, proposed, rules } = explanation;
  return {
    decision,
    level,
    proposed,
    rules: rules.map(({ rule, verdict }) => ({ rule, verdict })),
  };
}

describe('any sequence of records', () => {
  test('is read back as it was written, whatever changed from one to the next', () => {
    fc.assert(
      fc.property(anyRecords, (records) => {
        const read = readJournal(write(records)).records.map(({ decided, ...rest }) => {
          if (decided === null) {
            return { ...rest, decided };
          }
          return { ...rest, decided: { ...decided, memory: undefined } };
        });
        expect(read).toEqual(records.map(readable));
      }),
      { numRuns: 300 },
    );
  });

  test('has its memory where it is not what the decision before returned', () => {
    fc.assert(
      fc.property(anyRecords, (records) => {
        let returned: readonly number[] = [];
        readJournal(write(records)).records.forEach(({ decided }, i) => {
          const written = records[i].decided;
          if (decided === null || written === null) {
            return;
          }
          expect(decided.memory ?? returned).toEqual(written.memory);
          returned = written.memoryAfter;
        });
      }),
    );
  });

  test('cut anywhere, or with any byte changed, gives records or a JournalError', () => {
    fc.assert(
      fc.property(anyRecords, fc.nat(), fc.nat({ max: 255 }), (records, where, byte) => {
        const whole = write(records);
        const at = where % whole.length;
        for (const bytes of [whole.slice(0, at), whole.map((old, i) => (i === at ? byte : old))]) {
          try {
            readJournal(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(JournalError);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  test('random bytes after a header give records or a JournalError', () => {
    const header = write([]);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (tail) => {
        try {
          readJournal(Uint8Array.from([...header, ...tail]));
        } catch (error) {
          expect(error).toBeInstanceOf(JournalError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('the size of a journal', () => {
  const quietAt = (n: number): DecisionRecord => ({
    ...quiet,
    startedAtMs: NOW + n * 2 * MINUTE,
    epoch: EPOCH + n * 120,
    decided: {
      ...quiet.decided!,
      view: view({ nowMs: NOW + n * 2 * MINUTE, metrics: at(n * 2 * MINUTE) }),
    },
  });
  const at = (afterMs: number): Metrics =>
    metrics(
      Object.fromEntries(
        METRIC_NAMES.map((name) => [
          name,
          { ...metrics()[name], sampledAtMs: NOW + afterMs - 7_000 },
        ]),
      ),
    );

  test('a quiet record takes at most 64 bytes, whenever it comes', () => {
    const writer = new JournalWriter(HEADER);
    writer.append(quietAt(0));
    for (let n = 1; n < 700; n++) {
      const before = writer.bytes.length;
      writer.append(quietAt(n));
      expect(writer.bytes.length - before).toBeLessThanOrEqual(64);
    }
  });

  test('a record stands alone every day, so that damage before it is not fatal', () => {
    const records = Array.from({ length: 1500 }, (_, n) => quietAt(n));
    const read = readJournal(write(records)).records;
    const alone = read.flatMap(({ decided }, n) => (decided?.memory === null ? [] : [n]));
    expect(alone[0]).toBe(0);
    expect(alone.length).toBeGreaterThanOrEqual(3);
    for (let n = 1; n < alone.length; n++) {
      expect(alone[n] - alone[n - 1]).toBeLessThanOrEqual(721);
    }
    expect(read.map(({ startedAtMs }) => startedAtMs)).toEqual(
      records.map(({ startedAtMs }) => startedAtMs),
    );
  });

  test('what is read decides as it did: a journal is enough to check a decision', () => {
    for (const record of [quiet, busy]) {
      const [read] = readJournal(write([record])).records;
      const { view: seen, memory, decision } = read.decided!;
      expect(decide(configured(), cluster(), seen, memory!).decision).toEqual(decision);
    }
  });
});

describe('a whole cycle', () => {
  /** A small world whose answers take 10 ms each. */
  function world(): (effect: Effect) => Result {
    let nowMs = NOW;
    const fleet = fleetOf(3);
    const answers: Partial<Record<Effect['kind'], object>> = {
      acquireLock: { stored: three },
      readInbox: { inbox: EMPTY_INBOX },
      queryMetrics: { metrics: metrics() },
      listInstances: { instances: fleet.instances },
      listNodes: { nodes: fleet.nodes },
      listPods: { pods: pods({ ...fleet.pods, unschedulable: [9] }) },
      launchInstances: { instanceIds: ['i-91'] },
    };
    return (effect) =>
      ({ ok: true, ...answers[effect.kind], completedAtMs: (nowMs += 10) }) as unknown as Result;
  }
  const begun = (): Process<DecisionRecord> =>
    cycle({
      nowMs: NOW,
      triggeredAtMs: NOW,
      deadlineMs: NOW + MINUTE,
      trigger: 'schedule',
      nonce: 'n1',
      mode: 'act',
      cluster: cluster(),
      configured: configured(),
    });

  test('gives the same record and asks for the same effects, sync or async', async () => {
    const asked: [Effect[], Effect[]] = [[], []];
    const [one, two] = [world(), world()];
    const sync = runSync(begun(), (effect) => (asked[0].push(effect), one(effect)));
    const later = await runAsync(begun(), (effect) => {
      asked[1].push(effect);
      return Promise.resolve(two(effect));
    });
    expect(sync.decided?.decision.action).toBe('scaleUp');
    expect(later).toEqual(sync);
    expect(asked[1]).toEqual(asked[0]);
    expect(write([later!])).toEqual(write([sync]));
  });
});
