import { describe, expect, test } from 'vitest';
import { countFleet, decide } from '../../../engine/index.ts';
import { cluster, configured, metrics, reading, view, worker, workers } from '../build.ts';

describe('static', () => {
  test.each([
    { what: 'pods wait and CPU is full', cpu: 100, unschedulable: [50] },
    { what: 'everything is idle', cpu: 0, unschedulable: [0] },
  ])('asks for nothing, ever: $what', ({ cpu, unschedulable }) => {
    const { policy, settings } = configured('static');
    const now = view({ metrics: metrics({ cpuPercent: reading(cpu) }), unschedulable });
    const input = { view: now, fleet: countFleet(now), cluster: cluster(), settings, memory: [3] };
    expect(policy.propose(input)).toEqual({
      action: 'hold',
      count: 0,
      level: 'NONE',
      evidence: 'none',
      rules: [],
      memory: [3],
    });
  });

  test('its bounds and its on-demand base are its node count', () => {
    expect(configured('static').settings).toMatchObject({
      nodeCount: 5,
      nodeCountMin: 5,
      nodeCountMax: 5,
      onDemandBase: 5,
    });
    expect(configured('static', { nodeCount: 8 }).settings).toMatchObject({
      nodeCountMin: 8,
      nodeCountMax: 8,
      onDemandBase: 8,
    });
  });

  test('a lost node is replaced, on demand: repairs hold the count', () => {
    const lost = [...workers(4, { market: 'on-demand' }), worker('i-9', { phase: 'doomed' })];
    const { decision } = decide(configured('static'), cluster(), view({ workers: lost }), []);
    expect(decision).toMatchObject({ action: 'hold', repair: 1, desired: 5 });
    expect(decision.launches).toEqual([{ zone: 'b', market: 'on-demand', count: 1 }]);
  });

  test('it costs nothing to run', () => {
    expect(configured('static').policy.scales).toBe(false);
    expect(configured('node-fleet').policy.scales).toBe(true);
    expect(configured('trailing-max').policy.scales).toBe(true);
  });
});
