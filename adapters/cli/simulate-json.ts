import {
  bestByWaitingPrice,
  breakEvenBdtPerPodMinute,
  type Clairvoyant,
  settingsOfFault,
  type Comparison,
  type PolicyRun,
  type Scenario,
} from '../../simulator/index.ts';
import { journalDigest } from './journal-file.ts';
import { ENGINE_DIGEST } from './project.ts';

/** The document that `simulate --json` prints. Its keys are a contract: they are added to, never changed. */
export function simulateJson(
  scenario: Scenario,
  seed: number,
  { runs, waitingPrice, clairvoyant }: Comparison,
  warnings: readonly string[],
): object {
  return {
    schema: 'node-fleet/simulate@1',
    scenario: scenario.name,
    seed,
    durationSeconds: runs[0].run.measures.durationMs / 1000,
    engineDigest: ENGINE_DIGEST,
    priceBook: scenario.prices,
    waitingPriceBdtPerPodMinute: {
      sale: waitingPrice.saleBdtPerPodMinute,
      other: waitingPrice.otherBdtPerPodMinute,
    },
    runs: runs.map(runJson),
    clairvoyant: clairvoyantJson(clairvoyant),
    breakEvens: breakEvensJson(runs),
    bestByWaitingPrice: bestByWaitingPrice(runs.map(({ run }) => run.measures)).map(
      ({ index, fromBdtPerPodMinute }) => ({
        policy: runs[index].run.configured.policy.name,
        fromBdtPerPodMinute: rounded(fromBdtPerPodMinute, 4),
      }),
    ),
    faults: scenario.faults.map((fault) => settingsOfFault(fault, scenario.timeZoneOffsetMinutes)),
    warnings,
  };
}

function clairvoyantJson(clairvoyant: Clairvoyant): object {
  const costBdt = rounded(clairvoyant.costBdt, 2);
  const waitingCostBdt = rounded(clairvoyant.waitingCostBdt, 2);
  return {
    costBdt,
    shortagePodMinutes: rounded(clairvoyant.shortagePodMinutes, 2),
    waitingCostBdt,
    totalBdt: rounded(costBdt + waitingCostBdt, 2),
    frontier: clairvoyant.frontier.map((point) => ({
      costBdt: rounded(point.costBdt, 2),
      shortagePodMinutes: rounded(point.shortagePodMinutes, 2),
      waitingPriceBdtPerPodMinute: rounded(point.waitingPriceBdtPerPodMinute, 4),
    })),
  };
}

/** Of each pair in which the dearer run leaves fewer pods missing: from which price on `policy` is better than `over`. */
function breakEvensJson(runs: readonly PolicyRun[]): object[] {
  return runs.flatMap(({ run: dearer }) =>
    runs.flatMap(({ run: cheaper }) => {
      const price = breakEvenBdtPerPodMinute(dearer.measures, cheaper.measures);
      return price === null
        ? []
        : [
            {
              policy: dearer.configured.policy.name,
              over: cheaper.configured.policy.name,
              fromBdtPerPodMinute: rounded(price, 4),
            },
          ];
    }),
  );
}

function runJson(compared: PolicyRun): object {
  const { run, savings, elasticity } = compared;
  const { measures } = run;
  const breakdown = measures.costBreakdownBdt;
  const costBdt = rounded(measures.costBdt, 2);
  const waitingCostBdt = rounded(compared.waitingCostBdt, 2);
  const savingsPercent = rounded(savings.percent, 2);
  const spot = rounded(savings.split.spot, 2);
  const overhead = rounded(savings.split.overhead, 2);
  return {
    policy: run.configured.policy.name,
    settings: run.configured.settings,
    journalSha256: journalDigest(run.journal),
    costBdt,
    costPerMonthBdt: rounded(compared.costPerMonthBdt, 2),
    costBreakdownBdt: {
      onDemandNodes: rounded(breakdown.onDemandNodes, 2),
      spotNodes: rounded(breakdown.spotNodes, 2),
      autoscaler: rounded(breakdown.autoscaler, 2),
    },
    savingsVsStatic5Percent: savingsPercent,
    // Adds up to the saving, to the last digit.
    savingsSplitPercent: {
      fewerNodes: rounded(savingsPercent - spot - overhead, 2),
      spot,
      overhead,
    },
    pendingPodMinutes: rounded(measures.pendingPodMinutes, 2),
    shortagePodMinutes: rounded(measures.shortagePodMinutes, 2),
    avoidableShortagePodMinutes: rounded(compared.avoidableShortagePodMinutes, 2),
    waitingCostBdt,
    totalBdt: rounded(costBdt + waitingCostBdt, 2),
    timeToCapacitySeconds: measures.timeToCapacitySeconds,
    requestsLost: measures.requestsLost,
    requestsLate: measures.requestsLate,
    badMinutes: measures.badMinutes,
    longestBadMinutes: measures.longestBadMinutes,
    disruptions: measures.disruptions,
    evictions: measures.evictions,
    launches: measures.launches,
    scaleUps: run.scaleUps,
    scaleDowns: run.scaleDowns,
    nodeHours: {
      onDemand: rounded(measures.nodeHours.onDemand, 4),
      spot: rounded(measures.nodeHours.spot, 4),
    },
    elasticity: Object.fromEntries(
      Object.entries(elasticity).map(([name, value]: [string, number | null]) => [
        name,
        value === null ? null : rounded(value, 4),
      ]),
    ),
    regretPercent: compared.regretPercent === null ? null : rounded(compared.regretPercent, 2),
  };
}

/** To `decimals` digits; never −0. */
function rounded(value: number, decimals: number): number {
  const scale = 10 ** decimals;
  return Math.round(value * scale) / scale + 0;
}
