import { describe, expect, test } from 'vitest';
import { countFleet, type Cluster, type Proposal, type View } from '../../../engine/index.ts';
import {
  cluster,
  configured,
  KUBERNETES_DOWN,
  metrics,
  MINUTE,
  MISSING,
  NOW,
  reading,
  SECOND,
  shape,
  view,
  WEB,
  worker,
  workers,
} from '../build.ts';

function propose(
  changes: Partial<View> = {},
  settings: Readonly<Record<string, unknown>> = {},
  clusterChanges: Partial<Cluster> = {},
): Proposal {
  const { policy, settings: resolved } = configured('node-fleet', settings);
  const now = view(changes);
  return policy.propose({
    view: now,
    fleet: countFleet(now),
    cluster: cluster(clusterChanges),
    settings: resolved,
    memory: [4, 2],
  });
}

/** What was asked for, in one word: `+2 CRITICAL`. */
function asked(proposal: Proposal): string {
  const { action, count, level } = proposal;
  return action === 'hold' ? 'hold' : `${action === 'scaleUp' ? '+' : '-'}${count} ${level}`;
}

/** Verdicts of its rules, in order: `cpu-high fires 71 > 70`. */
function verdicts(proposal: Proposal): string[] {
  return proposal.rules.map((each) => `${each.rule} ${each.verdict}`);
}

const cpu = (value: number, ageMs = 0, coverageRatio = 1): Partial<View> => ({
  metrics: metrics({ cpuPercent: reading(value, ageMs, coverageRatio) }),
});
const NO_CPU: Partial<View> = { metrics: metrics({ cpuPercent: MISSING }) };
const saleIn = (ms: number): Partial<Cluster> => ({
  calendar: [{ name: 'sale', startAtMs: NOW + ms, endAtMs: NOW + ms + 60 * MINUTE }],
});

describe('pending pods: +2 CRITICAL', () => {
  test.each([
    { pods: 0, expected: 'hold' },
    { pods: 1, expected: '+2 CRITICAL' },
    { pods: 100, expected: '+2 CRITICAL' },
  ])('$pods unschedulable → $expected', ({ pods, expected }) => {
    expect(asked(propose({ unschedulable: [pods] }))).toBe(expected);
  });

  test('the proposal says what it saw and rests on the pods', () => {
    expect(propose({ unschedulable: [7] })).toEqual({
      action: 'scaleUp',
      count: 2,
      level: 'CRITICAL',
      evidence: 'pods',
      rules: [{ rule: 'pods-unschedulable', verdict: 'fires', observed: 7, threshold: 0 }],
      memory: [4, 2],
    });
  });

  test('pods for which enough nodes are on their way ask for nothing more', () => {
    // 8 pods fill the node that boots; the ninth needs another.
    const booting = [...workers(3), worker('i-9', { phase: 'booting' })];
    expect(asked(propose({ unschedulable: [8], workers: booting }))).toBe('hold');
    expect(asked(propose({ unschedulable: [9], workers: booting }))).toBe('+2 CRITICAL');
  });

  test('a pod that no node could ever hold asks for nothing', () => {
    const shapes = [WEB, shape('huge', { requestMillicpu: 2001 })];
    expect(asked(propose({ shapes, unschedulable: [0, 3] }))).toBe('hold');
  });

  test('without the pod list, what Prometheus says counts', () => {
    const blind = { ...KUBERNETES_DOWN, workers: workers(3, { pods: [] }) };
    const saying = (pods: number) => metrics({ unschedulablePods: reading(pods) });
    expect(asked(propose({ ...blind, metrics: saying(1) }))).toBe('+2 CRITICAL');
    expect(asked(propose({ ...blind, metrics: saying(0) }))).toBe('hold');
  });

  test('when nobody knows, the rule is unknown and the next ones are asked', () => {
    const blind = metrics({ unschedulablePods: MISSING, cpuPercent: reading(71) });
    const proposal = propose({ ...KUBERNETES_DOWN, metrics: blind });
    expect(verdicts(proposal)).toEqual(['pods-unschedulable unknown', 'cpu-high fires']);
    expect(asked(proposal)).toBe('+1 HIGH_LOAD');
  });

  test('how many is a setting', () => {
    expect(asked(propose({ unschedulable: [1] }, { pendingStep: 5 }))).toBe('+5 CRITICAL');
  });
});

describe('CPU above 70 %: +1 HIGH_LOAD', () => {
  test.each([
    { what: '70', given: cpu(70), expected: 'hold' },
    { what: '70.001', given: cpu(70.001), expected: '+1 HIGH_LOAD' },
    { what: '100', given: cpu(100), expected: '+1 HIGH_LOAD' },
    { what: '90, 90 s old', given: cpu(90, 90 * SECOND), expected: '+1 HIGH_LOAD' },
    { what: '90, 90.001 s old', given: cpu(90, 90_001), expected: 'hold' },
    { what: 'missing', given: NO_CPU, expected: 'hold' },
    // Coverage is asked of removals only: a thin reading may still add.
    { what: '90, a tenth covered', given: cpu(90, 0, 0.1), expected: '+1 HIGH_LOAD' },
  ])('$what → $expected', ({ given, expected }) => {
    expect(asked(propose(given))).toBe(expected);
  });

  test('the proposal says what it saw and rests on the CPU', () => {
    const { rules, evidence, memory } = propose(cpu(80));
    expect(rules.at(-1)).toEqual({
      rule: 'cpu-high',
      verdict: 'fires',
      observed: 80,
      threshold: 70,
    });
    expect({ evidence, memory }).toEqual({ evidence: 'cpu', memory: [4, 2] });
  });

  test('capacity that came after the sample takes its share first', () => {
    // 93 % on 3 nodes is 69.75 % on 4; 94 % is 70.5 %.
    const booting = { workers: [...workers(3), worker('i-9', { phase: 'booting' })] };
    expect(asked(propose({ ...cpu(93), ...booting }))).toBe('hold');
    expect(asked(propose({ ...cpu(94), ...booting }))).toBe('+1 HIGH_LOAD');
  });

  test('stale is unknown, not low: nothing is removed either', () => {
    const proposal = propose(cpu(5, 90_001));
    expect(verdicts(proposal).slice(1)).toEqual([
      'cpu-high unknown',
      'sale-incoming quiet',
      'cpu-low unknown',
    ]);
    expect(asked(proposal)).toBe('hold');
  });

  test('threshold and step are settings', () => {
    expect(asked(propose(cpu(61), { cpuHighPercent: 60.5, cpuStep: 3 }))).toBe('+3 HIGH_LOAD');
    expect(asked(propose(cpu(60.5), { cpuHighPercent: 60.5 }))).toBe('hold');
  });
});

describe('a sale ahead: +1 PREDICTIVE', () => {
  test.each([
    { what: 'in 15 min', ms: 15 * MINUTE, expected: '+1 PREDICTIVE' },
    { what: 'in 15 min and 1 ms', ms: 15 * MINUTE + 1, expected: 'hold' },
    { what: 'in 1 ms', ms: 1, expected: '+1 PREDICTIVE' },
    { what: 'now', ms: 0, expected: 'hold' },
    { what: 'begun 1 min ago', ms: -MINUTE, expected: 'hold' },
  ])('a sale that begins $what → $expected', ({ ms, expected }) => {
    expect(asked(propose({}, {}, saleIn(ms)))).toBe(expected);
  });

  test('of several, the next one counts', () => {
    const at = (ms: number) => ({ name: 's', startAtMs: NOW + ms, endAtMs: NOW + ms + 1 });
    const calendar = [at(-MINUTE), at(60 * MINUTE), at(5 * MINUTE), at(30 * MINUTE)];
    const proposal = propose({}, {}, { calendar });
    expect(proposal.rules.at(-1)).toEqual({
      rule: 'sale-incoming',
      verdict: 'fires',
      observed: 5 * MINUTE,
      threshold: 15 * MINUTE,
    });
    expect(proposal.evidence).toBe('calendar');
  });

  test.each([
    { what: 'none ahead', calendar: {}, observed: -1 },
    { what: 'one in an hour', calendar: saleIn(60 * MINUTE), observed: 60 * MINUTE },
  ])('a quiet rule says when the next sale is: $what → $observed', ({ calendar, observed }) => {
    const rule = propose({}, {}, calendar).rules.find((each) => each.rule === 'sale-incoming');
    expect(rule).toEqual({
      rule: 'sale-incoming',
      verdict: 'quiet',
      observed,
      threshold: 15 * MINUTE,
    });
  });

  test('it needs no reading: the calendar is enough', () => {
    expect(asked(propose(NO_CPU, {}, saleIn(MINUTE)))).toBe('+1 PREDICTIVE');
  });

  test('lead and step are settings', () => {
    const settings = { saleLeadSeconds: 60, cpuStep: 4 };
    expect(asked(propose({}, settings, saleIn(MINUTE)))).toBe('+4 PREDICTIVE');
    expect(asked(propose({}, settings, saleIn(MINUTE + 1)))).toBe('hold');
  });
});

describe('CPU below 30 % and nothing pending: −1 LOW_LOAD', () => {
  test.each([
    { what: '30', given: cpu(30), expected: 'hold' },
    { what: '29.999', given: cpu(29.999), expected: '-1 LOW_LOAD' },
    { what: '0', given: cpu(0), expected: '-1 LOW_LOAD' },
    { what: '10, 90 s old', given: cpu(10, 90 * SECOND), expected: '-1 LOW_LOAD' },
    { what: '10, 90.001 s old', given: cpu(10, 90_001), expected: 'hold' },
    { what: '10, 60 % covered', given: cpu(10, 0, 0.6), expected: '-1 LOW_LOAD' },
    { what: '10, 59.9 % covered', given: cpu(10, 0, 0.599), expected: 'hold' },
    { what: 'missing', given: NO_CPU, expected: 'hold' },
  ])('$what → $expected', ({ given, expected }) => {
    expect(asked(propose(given))).toBe(expected);
  });

  test('the plain reading is compared, not the one credited with what arrives', () => {
    // 40 % on 3 nodes would be 30 × … on more: 40 × 3 / 6 = 20, but nothing of that has carried load yet.
    const arriving = { workers: [...workers(3), ...workers(3, { phase: 'booting' })] };
    expect(asked(propose({ ...cpu(40), ...arriving }))).toBe('hold');
  });

  test('the proposal says what it saw and rests on the CPU', () => {
    const { rules, evidence, memory } = propose(cpu(20));
    expect(rules.at(-1)).toEqual({
      rule: 'cpu-low',
      verdict: 'fires',
      observed: 20,
      threshold: 30,
    });
    expect({ evidence, memory }).toEqual({ evidence: 'cpu', memory: [4, 2] });
  });

  test('while a pod waits for a node that is on its way, nothing is removed', () => {
    const booting = { workers: [...workers(3), worker('i-9', { phase: 'booting' })] };
    const proposal = propose({ ...cpu(10), ...booting, unschedulable: [1] });
    expect(asked(proposal)).toBe('hold');
    expect(proposal.rules.at(-1)).toMatchObject({ rule: 'cpu-low', verdict: 'quiet' });
  });

  test('while nobody knows whether pods wait, nothing is removed', () => {
    const blind = metrics({ unschedulablePods: MISSING, cpuPercent: reading(10) });
    const proposal = propose({ ...KUBERNETES_DOWN, metrics: blind });
    expect(asked(proposal)).toBe('hold');
    expect(proposal.rules.at(-1)).toMatchObject({ rule: 'cpu-low', verdict: 'unknown' });
  });

  test('the threshold is a setting', () => {
    expect(asked(propose(cpu(44), { cpuLowPercent: 44.5 }))).toBe('-1 LOW_LOAD');
    expect(asked(propose(cpu(44.5), { cpuLowPercent: 44.5 }))).toBe('hold');
  });
});

describe('the rules are asked in the client’s order, and the first that fires is the proposal', () => {
  const pending: Partial<View> = { unschedulable: [1] };
  const sale = saleIn(MINUTE);
  test.each([
    { what: 'pods, CPU and a sale', given: { ...pending, ...cpu(90) }, cal: sale, asks: 1 },
    { what: 'CPU and a sale', given: cpu(90), cal: sale, asks: 2 },
    { what: 'a sale and low CPU', given: cpu(10), cal: sale, asks: 3 },
    { what: 'low CPU alone', given: cpu(10), cal: {}, asks: 4 },
    { what: 'nothing', given: {}, cal: {}, asks: 0 },
  ])('$what', ({ given, cal, asks }) => {
    const rules = ['pods-unschedulable', 'cpu-high', 'sale-incoming', 'cpu-low'];
    const proposal = propose(given, {}, cal);
    expect(verdicts(proposal)).toEqual(
      rules
        .slice(0, asks === 0 ? 4 : asks)
        .map((rule, n) => `${rule} ${n + 1 === asks ? 'fires' : 'quiet'}`),
    );
    expect(asked(proposal)).toBe(
      ['hold', '+2 CRITICAL', '+1 HIGH_LOAD', '+1 PREDICTIVE', '-1 LOW_LOAD'][asks],
    );
  });

  test('a hold proposes nothing on no evidence and keeps its memory', () => {
    expect(propose()).toMatchObject({
      action: 'hold',
      count: 0,
      level: 'NONE',
      evidence: 'none',
      memory: [4, 2],
    });
  });

  test('the first of the client’s five rules is the cool-down: 5 min, and 10 min before a removal', () => {
    const { settings } = configured('node-fleet');
    expect(settings.cooldownAfterActionSeconds).toBe(300);
    expect(settings.cooldownBeforeRemovalSeconds).toBe(600);
  });
});
