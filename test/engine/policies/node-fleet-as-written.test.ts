import { describe, expect, test } from 'vitest';
import {
  CPU_AS_WRITTEN,
  decide,
  firstBlocking,
  PENDING_AS_WRITTEN,
  QUERIES_AS_WRITTEN,
  type Reading,
  type View,
} from '../../../engine/index.ts';
import {
  cluster,
  configured,
  HOUR,
  metrics,
  MINUTE,
  MISSING,
  NOW,
  reading,
  SECOND,
  view,
  worker,
  workers,
} from '../build.ts';
import { asked, propose, verdicts, type Given } from './propose.ts';

const NAME = 'node-fleet-as-written';
const EMPTY: Reading = { missing: 'empty' };

/** What its two queries answer, while all that others look at is quiet. */
function seen(pending: Reading, cpu: Reading = reading(50)): Partial<View> {
  const custom = [
    { name: CPU_AS_WRITTEN, reading: cpu },
    { name: PENDING_AS_WRITTEN, reading: pending },
  ];
  return { metrics: metrics({ custom }) };
}
const NONE = reading(0);

describe('its readings', () => {
  test('are the brief’s two queries, which nobody else asks for', () => {
    expect(configured(NAME).policy.readings).toEqual([CPU_AS_WRITTEN, PENDING_AS_WRITTEN]);
    expect(Object.keys(QUERIES_AS_WRITTEN)).toEqual([CPU_AS_WRITTEN, PENDING_AS_WRITTEN]);
    expect(QUERIES_AS_WRITTEN[CPU_AS_WRITTEN]).toBe(
      'avg(rate(node_cpu_seconds_total{mode!="idle"}[5m])) * 100',
    );
    expect(QUERIES_AS_WRITTEN[PENDING_AS_WRITTEN]).toBe(
      'sum(kube_pod_status_phase{phase="Pending"})',
    );
    expect(configured('node-fleet').policy.readings).toBeUndefined();
  });
});

describe('pods in phase Pending: +2 CRITICAL', () => {
  test.each([
    { pods: 0, expected: 0 },
    { pods: 1, expected: 2 },
    { pods: 100, expected: 2 },
  ])('$pods → $expected', ({ pods, expected }) => {
    expect(asked(propose(NAME, seen(reading(pods))))).toBe(expected);
  });

  test('the proposal says what it saw', () => {
    expect(propose(NAME, seen(reading(7)), { memory: [4] })).toEqual({
      action: 'scaleUp',
      count: 2,
      level: 'CRITICAL',
      evidence: 'pods',
      rules: [{ rule: 'pods-pending', verdict: 'fires', observed: 7, threshold: 0 }],
      memory: [4],
    });
  });

  test('whatever they wait for: no credit for nodes on their way, none for pods that only start', () => {
    const booting = [...workers(3), ...workers(5, { phase: 'booting' }), worker('i-9')];
    expect(asked(propose(NAME, { ...seen(reading(1)), workers: booting }))).toBe(2);
    expect(asked(propose(NAME, { ...seen(reading(1)), unschedulable: [0] }))).toBe(2);
  });

  test('what the pod list knows is not asked', () => {
    expect(asked(propose(NAME, { ...seen(NONE), unschedulable: [50] }))).toBe(0);
  });
});

describe('CPU above 70 %: +1 HIGH_LOAD', () => {
  test.each([
    { what: '70', cpu: reading(70), expected: 0 },
    { what: '70.001', cpu: reading(70.001), expected: 1 },
    { what: '70.001, an hour old', cpu: reading(70.001, HOUR), expected: 1 },
    { what: 'not answered', cpu: MISSING, expected: 0 },
  ])('$what → $expected', ({ cpu, expected }) => {
    expect(asked(propose(NAME, seen(NONE, cpu)))).toBe(expected);
  });

  test('no credit for nodes on their way', () => {
    const booting = { workers: [...workers(3), ...workers(9, { phase: 'booting' })] };
    expect(asked(propose(NAME, { ...seen(NONE, reading(71)), ...booting }))).toBe(1);
  });

  test('the CPU that everybody else looks at is not asked', () => {
    const { custom } = seen(NONE).metrics!;
    const busy = metrics({ cpuPercent: reading(100), custom });
    expect(asked(propose(NAME, { metrics: busy }))).toBe(0);
  });
});

describe('CPU below 30 % and nothing Pending: −1 LOW_LOAD', () => {
  test.each([
    { what: '30', pending: NONE, cpu: reading(30), expected: 0 },
    { what: '29.999', pending: NONE, cpu: reading(29.999), expected: -1 },
    { what: '29.999, an hour old', pending: NONE, cpu: reading(29.999, HOUR), expected: -1 },
    { what: '29.999, a tenth covered', pending: NONE, cpu: reading(29.999, 0, 0.1), expected: -1 },
    { what: 'not answered', pending: NONE, cpu: MISSING, expected: 0 },
    { what: '10, pods not answered', pending: MISSING, cpu: reading(10), expected: 0 },
  ])('$what → $expected', ({ pending, cpu, expected }) => {
    expect(asked(propose(NAME, seen(pending, cpu)))).toBe(expected);
  });

  test('a fleet that is busy to the last cycle reads 14 %, and asks for less', () => {
    const proposal = propose(NAME, seen(NONE, reading(14.286)));
    expect(verdicts(proposal)).toEqual([
      'pods-pending quiet',
      'cpu-high quiet',
      'sale-incoming quiet',
      'cpu-low fires',
    ]);
    expect(asked(proposal)).toBe(-1);
  });
});

describe('an empty answer is read as 0, as the brief’s code did', () => {
  test('no pods Pending', () => {
    expect(verdicts(propose(NAME, seen(EMPTY, reading(10))))).toEqual([
      'pods-pending quiet',
      'cpu-high quiet',
      'sale-incoming quiet',
      'cpu-low fires',
    ]);
  });

  test('CPU idle: it asks to remove, and the guard of readings does not let it', () => {
    const empty = seen(EMPTY, EMPTY);
    expect(asked(propose(NAME, empty))).toBe(-1);
    const { custom } = empty.metrics!;
    const outage = view({ metrics: metrics({ cpuPercent: EMPTY, custom }) });
    const { decision, explanation } = decide(configured(NAME), cluster(), outage, []);
    expect(decision.action).toBe('hold');
    expect(explanation.proposed).toBe(-1);
    expect(firstBlocking(explanation)?.rule).toBe('readings');
  });

  test('a query that was not answered at all is unknown', () => {
    expect(verdicts(propose(NAME, seen(MISSING, MISSING)))).toEqual([
      'pods-pending unknown',
      'cpu-high unknown',
      'sale-incoming quiet',
      'cpu-low unknown',
    ]);
    // So are readings that nobody asked for: a policy that has just been changed to this one.
    expect(verdicts(propose(NAME))).toContain('pods-pending unknown');
  });
});

describe('otherwise it is node-fleet', () => {
  const sale = (ms: number): Given => ({
    cluster: { calendar: [{ name: 's', startAtMs: NOW + ms, endAtMs: NOW + ms + HOUR }] },
  });

  test.each([
    { ms: 15 * MINUTE, expected: 1 },
    { ms: 15 * MINUTE + SECOND, expected: 0 },
  ])('a sale in $ms ms → $expected', ({ ms, expected }) => {
    expect(asked(propose(NAME, seen(NONE), sale(ms)))).toBe(expected);
  });

  test('the same settings, and the same cool-down', () => {
    const { policy, settings } = configured(NAME);
    expect(policy.settings).toBe(configured('node-fleet').policy.settings);
    expect(settings).toEqual(configured('node-fleet').settings);
    expect(asked(propose(NAME, seen(reading(1)), { settings: { pendingStep: 5 } }))).toBe(5);
  });
});
