import { decide, type Decided } from './decide.ts';
import type { ReadDecision, ReadRecord } from './journal.ts';
import type { ConfiguredPolicy } from './policies/index.ts';
import { NO_MEMORY } from './state.ts';
import type { Cluster, View } from './view.ts';

/** A record, and what is decided on its view now. */
export interface Redecided {
  readonly view: View;
  /** The policy’s memory before it was asked. */
  readonly memory: readonly number[];
  readonly decided: Decided;
  /** Whether it is what the journal says: the decision, what was asked for, and every rule’s verdict. */
  readonly same: boolean;
  /** The same of the shadow, where the journal has one and its policy was given. */
  readonly shadow: { readonly decided: Decided; readonly same: boolean } | null;
}

/**
 * Decides again on the view of every record, in order; null for a cycle that did not decide. The same engine, policy and
 * settings decide the same.
 *
 * @param remembers `journal`: a policy begins with the memory that the journal has, where it has one; `itself`: it remembers
 * only what it returned here, as a policy must that did not write the journal
 * @param shadow what decided beside it, by the journal’s header
 */
export function* redecide(
  records: readonly ReadRecord[],
  configured: ConfiguredPolicy,
  cluster: Cluster,
  remembers: 'journal' | 'itself' = 'journal',
  shadow: ConfiguredPolicy | null = null,
): Generator<Redecided | null, void, undefined> {
  let memory = NO_MEMORY;
  for (const record of records) {
    const { decided: journalled } = record;
    if (journalled === null) {
      yield null;
      continue;
    }
    if (remembers === 'journal') {
      memory = journalled.memory ?? memory;
    }
    const decided = decide(configured, cluster, journalled.view, memory);
    const beside = shadow === null ? undefined : journalled.shadow;
    let besideNow = null;
    if (shadow !== null && beside !== undefined) {
      const now = decide(shadow, cluster, journalled.view, beside.memory);
      besideNow = { decided: now, same: isSame(beside, now) };
    }
    const same = isSame(journalled, decided);
    yield { view: journalled.view, memory, decided, same, shadow: besideNow };
    ({ memory } = decided);
  }
}

function isSame(journalled: ReadDecision, { decision, explanation }: Decided): boolean {
  const before = journalled.decision;
  return (
    before.action === decision.action &&
    before.count === decision.count &&
    before.repair === decision.repair &&
    before.desired === decision.desired &&
    before.launches.length === decision.launches.length &&
    before.launches.every(({ zone, market, count }, n) => {
      const share = decision.launches[n]!;
      return zone === share.zone && market === share.market && count === share.count;
    }) &&
    before.victims.length === decision.victims.length &&
    before.victims.every((id, n) => id === decision.victims[n]) &&
    journalled.level === explanation.level &&
    journalled.proposed === explanation.proposed &&
    journalled.rules.length === explanation.rules.length &&
    journalled.rules.every(({ rule, verdict }, n) => {
      const now = explanation.rules[n]!;
      return rule === now.rule && verdict === now.verdict;
    })
  );
}
