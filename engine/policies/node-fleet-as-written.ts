import { customReading, type Reading } from '../observation.ts';
import { askFiveRules, FIVE_RULES_COOLDOWNS, fiveRulesSettings } from './node-fleet.ts';
import type { Policy } from './policy.ts';

export const CPU_AS_WRITTEN = 'cpuPercentAsWritten';
export const PENDING_AS_WRITTEN = 'pendingPodsAsWritten';

/**
 * The brief’s two queries, word for word. The first is a mean over the modes that are not idle, and over CPUs: a node that is
 * busy to the last cycle reads 100 / 7 = 14 %. The second counts every Pending pod: those without room, those that pull their
 * image, and those that no node could ever hold.
 */
export const QUERIES_AS_WRITTEN: Readonly<Record<string, string>> = {
  [CPU_AS_WRITTEN]: 'avg(rate(node_cpu_seconds_total{mode!="idle"}[5m])) * 100',
  [PENDING_AS_WRITTEN]: 'sum(kube_pod_status_phase{phase="Pending"})',
};

/**
 * The client’s five rules on the client’s own queries, to show what those cost: with them CPU is never high and always low, and
 * whatever is Pending asks for two nodes, again and again until it runs. Nodes on their way are not counted against it, and an
 * empty answer is read as 0, as the brief’s code did. What surrounds every policy surrounds this one too.
 */
export const nodeFleetAsWritten: Policy<typeof fiveRulesSettings> = {
  name: 'node-fleet-as-written',
  summary: 'node-fleet with the brief’s own two queries, to show what they cost',
  settings: fiveRulesSettings,
  readings: Object.keys(QUERIES_AS_WRITTEN),
  scales: true,
  fleetDefaults: () => FIVE_RULES_COOLDOWNS,
  propose(input) {
    const { metrics } = input.view;
    const cpu = valueAsWritten(customReading(metrics, CPU_AS_WRITTEN));
    const pods = valueAsWritten(customReading(metrics, PENDING_AS_WRITTEN));
    return askFiveRules(
      {
        podsRule: 'pods-pending',
        pods,
        nodesLacking: pods,
        cpuForAdding: cpu,
        cpuForRemoving: cpu,
      },
      input,
    );
  },
};

/** An empty answer is 0, however old a sample is it counts, and only what was not answered at all is unknown. */
function valueAsWritten(reading: Reading): number | null {
  return reading.missing === null ? reading.value : reading.missing === 'empty' ? 0 : null;
}
