import { beforeEach, describe, expect, it } from 'vitest';
import {
  CALL_TIMEOUT_MS,
  HOLDER_GRACE_MS,
  LOCK_MS,
  missingMetrics,
  type Effect,
  type EffectKind,
  type Instance,
  type Result,
} from '../../engine/index.ts';
import {
  canMeet,
  CrashedCycle,
  FAULT_MODES,
  withFaults,
  type Fault,
  type FaultMode,
} from '../../simulator/faults/index.ts';
import { stream } from '../../simulator/random.ts';

const T = 1_795_716_000_000;
/** How long each effect takes when nothing goes wrong. */
const LATENCY_MS = 100;

const clock = {
  nowMs: T,
  advance(ms: number): void {
    this.nowMs += ms;
  },
};
/** What reached the world, and when it had done with it. */
let performed: { effect: Effect; atMs: number }[];
/** What the world answers to `listInstances`. */
let instances: readonly Instance[];
let met: [FaultMode, EffectKind][];
beforeEach(() => {
  clock.nowMs = T;
  performed = [];
  instances = [instance('i-1')];
  met = [];
});

function instance(id: string): Instance {
  return {
    id,
    state: 'running',
    zone: 'a',
    market: 'spot',
    launchedAtMs: T,
    privateIp: null,
    clientToken: null,
    birthEpoch: 1,
    statusCheckFailed: false,
  };
}

function interpret(effect: Effect): Result {
  clock.advance(LATENCY_MS);
  performed.push({ effect, atMs: clock.nowMs });
  const completedAtMs = clock.nowMs;
  if (effect.kind === 'listInstances') {
    return { ok: true, instances, completedAtMs };
  }
  if (effect.kind === 'listNodes') {
    return { ok: true, nodes: [], completedAtMs };
  }
  if (effect.kind === 'queryMetrics') {
    return { ok: true, metrics: missingMetrics('stale'), completedAtMs };
  }
  if (effect.kind === 'launchInstances') {
    const instanceIds = Array.from({ length: effect.launch.count }, (_, n) => `i-${String(n)}`);
    return { ok: true, instanceIds, completedAtMs };
  }
  return { ok: true, completedAtMs };
}

const LIST: Effect = { kind: 'listInstances' };
const TERMINATE: Effect = { kind: 'terminateInstance', instanceId: 'i-1' };
const QUERY: Effect = { kind: 'queryMetrics', atMs: T, custom: [] };
const launchOf = (count: number): Effect => ({
  kind: 'launchInstances',
  launch: {
    clientToken: 't',
    zone: 'a',
    market: 'spot',
    count,
    templateVersion: '1',
    intentId: 'x',
    birthEpoch: 1,
  },
});

const always = { rate: 1, fromMs: -Infinity, toMs: Infinity };

/** The interpreter with these faults; each strikes always unless it says otherwise. */
function faulty(
  ...faults: (Pick<Fault, 'effect' | 'mode'> & Partial<Fault>)[]
): (effect: Effect) => Result {
  return withFaults(
    interpret,
    faults.map((fault) => ({ ...always, ...fault })),
    stream(1, 'faults'),
    clock,
    (mode, effect) => met.push([mode, effect.kind]),
  );
}

const UNKNOWN_AFTER_TIMEOUT = {
  ok: false,
  certainty: 'unknown',
  reason: 'timeout',
  completedAtMs: T + CALL_TIMEOUT_MS,
};

describe('an effect that a fault strikes', () => {
  it('fail: is refused at once, and was certainly not done', () => {
    const answer = faulty({ effect: 'terminateInstance', mode: 'fail' })(TERMINATE);
    expect(answer).toEqual({
      ok: false,
      certainty: 'refused',
      reason: 'unavailable',
      completedAtMs: T + 20,
    });
    expect(performed).toEqual([]);
  });

  it('hang: was not done, and nobody can know: the call times out', () => {
    expect(faulty({ effect: 'terminateInstance', mode: 'hang' })(TERMINATE)).toEqual(
      UNKNOWN_AFTER_TIMEOUT,
    );
    expect(clock.nowMs).toBe(T + CALL_TIMEOUT_MS);
    expect(performed).toEqual([]);
  });

  it('lost-answer: was done, and nobody can know: the same answer as a hang', () => {
    expect(faulty({ effect: 'terminateInstance', mode: 'lost-answer' })(TERMINATE)).toEqual(
      UNKNOWN_AFTER_TIMEOUT,
    );
    expect(clock.nowMs).toBe(T + CALL_TIMEOUT_MS);
    expect(performed).toEqual([{ effect: TERMINATE, atMs: T + LATENCY_MS }]);
  });

  it('slow: is done late, and answers before the call would time out', () => {
    const answer = faulty({ effect: 'terminateInstance', mode: 'slow' })(TERMINATE);
    expect(answer).toEqual({ ok: true, completedAtMs: T + 3_500 + LATENCY_MS });
    expect(performed).toEqual([{ effect: TERMINATE, atMs: T + 3_500 + LATENCY_MS }]);
    // RunInstances is the slowest call, 1.2 s.
    expect(3_500 + 1_200).toBeLessThan(CALL_TIMEOUT_MS);
  });

  it('frozen: is done in time, and whoever asked sees it minutes later, with its lock gone', () => {
    const answer = faulty({ effect: 'terminateInstance', mode: 'frozen' })(TERMINATE);
    expect(answer).toEqual({ ok: true, completedAtMs: clock.nowMs });
    expect(performed).toEqual([{ effect: TERMINATE, atMs: T + LATENCY_MS }]);
    const sleptMs = clock.nowMs - T;
    expect(sleptMs).toBeGreaterThan(60_000 + HOLDER_GRACE_MS);
    expect(sleptMs).toBeLessThan(LOCK_MS);
  });

  it('crash-before: was not done, and kills the cycle', () => {
    const strike = faulty({ effect: 'terminateInstance', mode: 'crash-before' });
    expect(() => strike(TERMINATE)).toThrow(CrashedCycle);
    expect(() => strike(TERMINATE)).toThrow('killed before terminateInstance');
    expect(performed).toEqual([]);
  });

  it('crash-after: was done, and kills the cycle', () => {
    const strike = faulty({ effect: 'terminateInstance', mode: 'crash-after' });
    expect(() => strike(TERMINATE)).toThrow(CrashedCycle);
    expect(performed).toEqual([{ effect: TERMINATE, atMs: T + LATENCY_MS }]);
  });

  it('empty: a list answers, with nothing in it', () => {
    expect(faulty({ effect: 'listInstances', mode: 'empty' })(LIST)).toEqual({
      ok: true,
      instances: [],
      completedAtMs: T + LATENCY_MS,
    });
    expect(faulty({ effect: 'listNodes', mode: 'empty' })({ kind: 'listNodes' })).toEqual({
      ok: true,
      nodes: [],
      completedAtMs: T + 2 * LATENCY_MS,
    });
  });

  it('empty: a query answers without a single reading', () => {
    expect(faulty({ effect: 'queryMetrics', mode: 'empty' })(QUERY)).toEqual({
      ok: true,
      metrics: missingMetrics('empty'),
      completedAtMs: T + LATENCY_MS,
    });
    const asking: Effect = { ...QUERY, custom: ['queue'] };
    expect(faulty({ effect: 'queryMetrics', mode: 'empty' })(asking)).toMatchObject({
      metrics: { custom: [{ name: 'queue', reading: { missing: 'empty' } }] },
    });
  });

  it('stale: a list answers with what it answered last, as of now', () => {
    const ask = faulty({ effect: 'listInstances', mode: 'stale', fromMs: T + 1000 });
    const before = ask(LIST);
    instances = [instance('i-1'), instance('i-2')];
    clock.nowMs = T + 1000;
    expect(ask(LIST)).toEqual({ ...before, completedAtMs: T + 1000 + LATENCY_MS });
    // Again, and still what it answered before the fault.
    expect(ask(LIST)).toEqual({ ...before, completedAtMs: T + 1000 + 2 * LATENCY_MS });
  });

  it('stale: with nothing answered before, it answers as it is', () => {
    const ask = faulty({ effect: 'listInstances', mode: 'stale' });
    expect(ask(LIST)).toEqual({ ok: true, instances, completedAtMs: T + LATENCY_MS });
  });

  it('doubled: a list shows each of its items twice', () => {
    const [one, two] = [instance('i-1'), instance('i-2')];
    instances = [one, two];
    const answer = faulty({ effect: 'listInstances', mode: 'doubled' })(LIST);
    expect(answer).toMatchObject({ ok: true, instances: [one, one, two, two] });
  });

  it('truncated: a list lacks the second half of its items', () => {
    instances = ['i-1', 'i-2', 'i-3'].map(instance);
    const answer = faulty({ effect: 'listInstances', mode: 'truncated' })(LIST);
    expect(answer).toMatchObject({ ok: true, instances: instances.slice(0, 2) });
  });

  it('partial: a launch gets one instance fewer than it asked for', () => {
    const answer = faulty({ effect: 'launchInstances', mode: 'partial' })(launchOf(3));
    expect(answer).toMatchObject({ ok: true, instanceIds: ['i-0', 'i-1'] });
    expect(performed).toEqual([{ effect: launchOf(2), atMs: T + LATENCY_MS }]);
  });

  it('partial: a launch of one is refused for want of capacity', () => {
    const answer = faulty({ effect: 'launchInstances', mode: 'partial' })(launchOf(1));
    expect(answer).toEqual({
      ok: false,
      certainty: 'refused',
      reason: 'insufficient-capacity',
      completedAtMs: T + 20,
    });
    expect(performed).toEqual([]);
  });

  it('shortage: a launch is refused for want of capacity, however many it is for', () => {
    const answer = faulty({ effect: 'launchInstances', mode: 'shortage' })(launchOf(3));
    expect(answer).toMatchObject({ certainty: 'refused', reason: 'insufficient-capacity' });
    expect(performed).toEqual([]);
  });

  it.each(FAULT_MODES)('%s: is told of, once', (mode) => {
    const effect: EffectKind = canMeet(mode, 'listInstances') ? 'listInstances' : 'launchInstances';
    const strike = faulty({ effect, mode });
    try {
      strike(effect === 'listInstances' ? LIST : launchOf(2));
    } catch (error) {
      expect(error).toBeInstanceOf(CrashedCycle);
    }
    expect(met).toEqual([[mode, effect]]);
  });
});

describe('what can go wrong with what', () => {
  const meets = (kind: EffectKind): FaultMode[] =>
    FAULT_MODES.filter((mode) => canMeet(mode, kind));
  const WRITE = ['fail', 'hang', 'slow', 'lost-answer', 'frozen', 'crash-before', 'crash-after'];

  it('letting time pass cannot fail: it can be slow, or the last thing that was done', () => {
    expect(meets('pause')).toEqual(['slow', 'frozen', 'crash-before', 'crash-after']);
  });

  it('a write has no stale or empty answer', () => {
    expect(meets('commitState')).toEqual(WRITE);
    expect(meets('terminateInstance')).toEqual(WRITE);
  });

  it('a launch may also be answered in part, or find no capacity', () => {
    expect(meets('launchInstances').filter((mode) => !WRITE.includes(mode))).toEqual([
      'partial',
      'shortage',
    ]);
  });

  it('the table and describing by id are consistent: never stale, never empty', () => {
    for (const kind of ['readLock', 'readInbox', 'describeInstances', 'listPods'] as const) {
      expect(meets(kind)).toEqual(WRITE);
    }
  });

  it('listing nodes may be empty or doubled, instances stale or truncated as well', () => {
    const more = (kind: EffectKind) => meets(kind).filter((mode) => !WRITE.includes(mode));
    expect(more('listNodes')).toEqual(['empty', 'doubled']);
    expect(more('listInstances')).toEqual(['empty', 'stale', 'doubled', 'truncated']);
    expect(more('queryMetrics')).toEqual(['empty', 'stale']);
  });

  it('a fault that cannot be does not strike', () => {
    const ask = faulty({ effect: 'terminateInstance', mode: 'empty' });
    expect(ask(TERMINATE)).toEqual({ ok: true, completedAtMs: T + LATENCY_MS });
    expect(met).toEqual([]);
  });
});

describe('when faults strike', () => {
  it('only their own effect', () => {
    const ask = faulty({ effect: 'listInstances', mode: 'fail' });
    expect(ask(TERMINATE).ok).toBe(true);
    expect(ask(LIST).ok).toBe(false);
  });

  it('from fromMs on, up to but not at toMs, by the instant of asking', () => {
    const ask = faulty({ effect: 'listInstances', mode: 'fail', fromMs: T + 10, toMs: T + 20 });
    const okAt = (atMs: number): boolean => {
      clock.nowMs = atMs;
      return ask(LIST).ok;
    };
    expect([T + 9, T + 10, T + 19, T + 20].map(okAt)).toEqual([true, false, false, true]);
  });

  it('as often as their rate says', () => {
    const ask = faulty({ effect: 'listInstances', mode: 'fail', rate: 0.3 });
    let failed = 0;
    for (let n = 0; n < 10_000; n++) {
      failed += ask(LIST).ok ? 0 : 1;
    }
    // σ = √(10,000 × 0.3 × 0.7) = 46; four of them.
    expect(Math.abs(failed - 3000)).toBeLessThan(184);
  });

  it('never at rate 0, always at rate 1', () => {
    const never = faulty({ effect: 'listInstances', mode: 'fail', rate: 0 });
    const ever = faulty({ effect: 'listInstances', mode: 'fail', rate: 1 });
    for (let n = 0; n < 1000; n++) {
      expect(never(LIST).ok).toBe(true);
      expect(ever(LIST).ok).toBe(false);
    }
  });

  it('the first of several that strikes is the one', () => {
    const ask = faulty(
      { effect: 'listInstances', mode: 'slow', rate: 0 },
      { effect: 'listInstances', mode: 'hang' },
      { effect: 'listInstances', mode: 'fail' },
    );
    expect(ask(LIST)).toMatchObject({ reason: 'timeout' });
    expect(met).toEqual([['hang', 'listInstances']]);
  });

  describe('by the seed', () => {
    const half: Fault = { effect: 'listInstances', mode: 'fail', ...always, rate: 0.5 };
    const luck = (seed: number): string => {
      const ask = withFaults(interpret, [half], stream(seed, 'faults'), clock);
      return Array.from({ length: 64 }, () => {
        // Nothing can happen to this one, so it uses up no luck.
        ask(TERMINATE);
        return ask(LIST).ok ? '.' : 'x';
      }).join('');
    };

    it('the same seed meets the same luck, another seed another', () => {
      expect(luck(1)).toBe(luck(1));
      expect(luck(1)).not.toBe(luck(2));
    });

    it('one draw for each fault that an effect may meet, and none for others', () => {
      const random = stream(1, 'faults');
      const draws = Array.from({ length: 64 }, () => (random.nextUnit() < 0.5 ? 'x' : '.'));
      expect(luck(1)).toBe(draws.join(''));
    });
  });

  it('without faults it is the interpreter itself', () => {
    expect(faulty()).toBe(interpret);
  });
});
