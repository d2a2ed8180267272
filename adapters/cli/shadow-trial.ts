import { readJournal, type Decision, type JournalHeader } from '../../engine/index.ts';

/** What a shadow would have done otherwise than the policy beside which it decided. */
export interface ShadowTrial {
  /** Cycles in which both decided. */
  readonly decided: number;
  /** Of them: in which the shadow would have done something else. */
  readonly otherwise: number;
  /** Of those: in which that would have made more nodes, or fewer. */
  readonly moreNodes: number;
  readonly fewerNodes: number;
  /** When the first of those began; null: there is none. */
  readonly firstAtMs: number | null;
}

/** Whether two decisions come to the same, whichever nodes they name. */
export function isSameDecision(a: Decision, b: Decision): boolean {
  return a.action === b.action && a.count === b.count && a.repair === b.repair;
}

/** By how many nodes a decision changes the fleet. */
function nodesAdded({ action, count, repair }: Decision): number {
  return repair + (action === 'scaleUp' ? count : action === 'scaleDown' ? -count : 0);
}

/** How a shadow fared in a journal. It saw the fleet that the other policy made: its own would have been another. */
export function shadowTrial(journal: Uint8Array): ShadowTrial {
  const trial = { decided: 0, otherwise: 0, moreNodes: 0, fewerNodes: 0 };
  let firstAtMs: number | null = null;
  for (const { startedAtMs, decided } of readJournal<JournalHeader>(journal).records) {
    if (decided?.shadow === undefined) {
      continue;
    }
    trial.decided++;
    const [live, shadow] = [decided.decision, decided.shadow.decision];
    if (isSameDecision(live, shadow)) {
      continue;
    }
    trial.otherwise++;
    firstAtMs ??= startedAtMs;
    const more = nodesAdded(shadow) - nodesAdded(live);
    trial.moreNodes += more > 0 ? 1 : 0;
    trial.fewerNodes += more < 0 ? 1 : 0;
  }
  return { ...trial, firstAtMs };
}
