import type { Level, RuleVerdict } from '../explain.ts';
import type { FleetSettings, SettingDescriptions, SettingValues } from '../settings.ts';
import type { Cluster, Fleet, View } from '../view.ts';

/** What a policy may look at. It never sees future demand, the score, or a clock but `view.nowMs`. */
export interface PolicyInput<Settings> {
  readonly view: View;
  readonly fleet: Fleet;
  readonly cluster: Cluster;
  readonly settings: Settings & FleetSettings;
  /** What it returned as `memory` last time; empty at first. Whole numbers; instants and spans, never counts of cycles. */
  readonly memory: readonly number[];
}

/** What a policy asks for. Guards may clip or refuse it. */
export interface Proposal {
  readonly action: 'hold' | 'scaleUp' | 'scaleDown';
  readonly count: number;
  readonly level: Level;
  /** What the proposal rests on: the guard of readings asks for these. */
  readonly evidence: 'pods' | 'cpu' | 'memory' | 'calendar' | 'none';
  readonly rules: RuleVerdict[];
  readonly memory: readonly number[];
}

/** A policy: data plus one pure function. Adding one is one file here, a line in `index.ts`, and a test. */
export interface Policy<D extends SettingDescriptions = SettingDescriptions> {
  readonly name: string;
  readonly summary: string;
  readonly settings: D;
  /** Its own defaults for the settings that surround every policy. */
  readonly fleetDefaults: (own: SettingValues<D>) => Partial<FleetSettings>;
  /** Readings that it needs beside the standard ones, by name (`customReading`). Left out: none. */
  readonly readings?: readonly string[];
  /**
   * How long pods may be unschedulable before it asks for a node, ms; Infinity: it does not look at pods. Left out: 0. What
   * liveness (17) may expect of it.
   */
  readonly pendingPatienceMs?: (
    settings: SettingValues<D> & FleetSettings,
    cluster: Cluster,
  ) => number;
  /** Whether it costs what running an autoscaler costs (Lambda, table). */
  readonly scales: boolean;
  readonly propose: (input: PolicyInput<SettingValues<D>>) => Proposal;
}

export function hold(rules: RuleVerdict[], memory: readonly number[]): Proposal {
  return { action: 'hold', count: 0, level: 'NONE', evidence: 'none', rules, memory };
}
