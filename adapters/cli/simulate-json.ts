import type { ConfiguredPolicy } from '../../engine/index.ts';
import {
  bestByWaitingPrice,
  breakEvenBdtPerPodMinute,
  waitingCostBdt,
  type Clairvoyant,
  formatInstant,
  settingsOfFault,
  type Comparison,
  type Money,
  type PolicyRun,
  type Scenario,
} from '../../simulator/index.ts';
import { journalDigest } from './journal-file.ts';
import { ENGINE_DIGEST } from './project.ts';
import { shadowTrial } from './shadow-trial.ts';

/** The document that `simulate --json` prints. Its keys are a contract: they are added to, never changed. */
export function simulateJson(
  scenario: Scenario,
  seed: number,
  comparison: Comparison,
  shadow: ConfiguredPolicy | null,
  warnings: readonly string[],
): object {
  const { runs, waitingPrice, clairvoyant } = comparison;
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
    runs: runs.map((compared) => ({
      ...runJson(compared),
      shadow: shadow === null ? null : shadowJson(shadow, compared, scenario),
    })),
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
    unavoidable: unavoidableJson(comparison),
  };
}

/** What the largest static fleet lacks too, and what one node more would change. */
function unavoidableJson({ largest, larger, waitingPrice }: Comparison): object {
  const { shortagePodMinutes, costBdt } = largest.measures;
  return {
    nodeCount: largest.configured.settings.nodeCountMax,
    shortagePodMinutes: rounded(shortagePodMinutes, 2),
    waitingCostBdt: rounded(waitingCostBdt(largest.measures, waitingPrice), 2),
    oneNodeMore:
      larger === null
        ? null
        : {
            addedCostBdt: rounded(larger.measures.costBdt - costBdt, 2),
            shortagePodMinutes: rounded(larger.measures.shortagePodMinutes, 2),
            waitingCostBdt: rounded(waitingCostBdt(larger.measures, waitingPrice), 2),
          },
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
  const { run, elasticity } = compared;
  const { measures } = run;
  const { costBdt, ...money } = moneyJson(compared);
  const waitingBdt = rounded(compared.waitingCostBdt, 2);
  return {
    policy: run.configured.policy.name,
    settings: run.configured.settings,
    journalSha256: journalDigest(run.journal),
    costBdt,
    ...money,
    pendingPodMinutes: rounded(measures.pendingPodMinutes, 2),
    shortagePodMinutes: rounded(measures.shortagePodMinutes, 2),
    avoidableShortagePodMinutes: rounded(compared.avoidableShortagePodMinutes, 2),
    waitingCostBdt: waitingBdt,
    totalBdt: rounded(costBdt + waitingBdt, 2),
    timeToCapacitySeconds: measures.timeToCapacitySeconds,
    requestsLost: measures.requestsLost,
    requestsLate: measures.requestsLate,
    requestsRetried: measures.requestsRetried,
    requestsStayedAway: measures.requestsStayedAway,
    badMinutes: measures.badMinutes,
    longestBadMinutes: measures.longestBadMinutes,
    disruptions: measures.disruptions,
    reclaims: measures.reclaims,
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
    byPriceBook: Object.fromEntries(
      compared.byPriceBook.map((money) => [money.bill.prices, moneyJson(money)]),
    ),
  };
}

/** What the shadow would have done otherwise beside this policy. */
function shadowJson(
  { policy, settings }: ConfiguredPolicy,
  { run }: PolicyRun,
  { timeZoneOffsetMinutes }: Scenario,
): object {
  const { firstAtMs, ...counts } = shadowTrial(run.journal);
  const firstAt = firstAtMs === null ? null : formatInstant(firstAtMs, timeZoneOffsetMinutes);
  return { policy: policy.name, settings, ...counts, firstAt };
}

function moneyJson({ bill, costPerMonthBdt, savings }: Money) {
  const percent = rounded(savings.percent, 2);
  const spot = rounded(savings.split.spot, 2);
  const overhead = rounded(savings.split.overhead, 2);
  const lines = Object.entries(bill.costBreakdownBdt).map(
    ([line, bdt]: [string, number]) => [line, rounded(bdt, 2)] as const,
  );
  return {
    costBdt: rounded(bill.costBdt, 2),
    costPerMonthBdt: rounded(costPerMonthBdt, 2),
    costBreakdownBdt: Object.fromEntries(lines),
    savingsVsStatic5Percent: percent,
    // Adds up to the saving, to the last digit.
    savingsSplitPercent: { fewerNodes: rounded(percent - spot - overhead, 2), spot, overhead },
    savingsVsStatic5SameSpotMixPercent: rounded(savings.sameSpotMixPercent, 2),
  };
}

/** To `decimals` digits; never −0. */
function rounded(value: number, decimals: number): number {
  const scale = 10 ** decimals;
  return Math.round(value * scale) / scale + 0;
}
