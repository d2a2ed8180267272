// Asks a policy about the quiet fleet of three, with whatever a test changes in it.
import { expect } from 'vitest';
import { countFleet, type Cluster, type Proposal, type View } from '../../../engine/index.ts';
import { cluster, configured, view } from '../build.ts';

/** What a test changes beside the view. */
export interface Given {
  readonly memory?: readonly number[];
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly cluster?: Partial<Cluster>;
}

export function propose(name: string, changes: Partial<View> = {}, given: Given = {}): Proposal {
  const { policy, settings } = configured(name, given.settings);
  const now = view(changes);
  return policy.propose({
    view: now,
    fleet: countFleet(now),
    cluster: cluster(given.cluster),
    settings,
    memory: given.memory ?? [],
  });
}

/** What was asked for: nodes to add, or, negative, to remove. */
export function asked({ action, count, level, evidence }: Proposal): number {
  if (action === 'hold') {
    expect({ count, level, evidence }).toEqual({ count: 0, level: 'NONE', evidence: 'none' });
    return 0;
  }
  expect(['scaleUp', 'scaleDown']).toContain(action);
  expect(count).toBeGreaterThan(0);
  return action === 'scaleUp' ? count : -count;
}

/** Its rules in order, each with its verdict: `cpu-high fires`. */
export function verdicts(proposal: Proposal): string[] {
  return proposal.rules.map(({ rule, verdict }) => `${rule} ${verdict}`);
}
