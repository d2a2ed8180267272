import { describeSettings } from '../../engine/index.ts';
import {
  perMonth,
  priceBook,
  type Measures,
  type PolicyRun,
  type Run,
} from '../../simulator/index.ts';
import { faultLine, scenarioFacts, signedPercent, unavoidable } from '../comparison.ts';
import { formatBdt, formatLakh } from '../money.ts';
import { sentence } from '../rules.ts';
import {
  counted,
  date,
  dayAndMonth,
  formatCount,
  formatMinutes,
  formatShare,
  formatSpan,
  formatTimeToCapacity,
  hourAndMinute,
  timeOfDay,
} from '../words.ts';
import { html, type Html } from './escape.ts';
import { priceWords } from './recommendation.ts';
import { rankOf, type Report } from './report.ts';
import type { Row } from './timeline.ts';

/** Where there is nothing to tell. */
const NONE = '–';
const TODAY = 'today';

// ---------------------------------------------------------------- the answer

/** The first screen: what we pay, who waits, what we should do. */
export function answer(report: Report): Html {
  const { scenario, seed, comparison, chosen, recommendation, warnings } = report;
  const { best, headline, near, why, breakEven } = recommendation;
  const facts = scenarioFacts(
    scenario,
    seed,
    comparison.demand,
    chosen.run.measures.requestsArrived,
  );
  return html`<header>
    <h1>${scenario.name}</h1>
    <p class="facts">${facts.join(' · ')}</p>
    ${scenario.faults.map((fault) => html`<p class="facts">${faultLine(fault, scenario.timeZoneOffsetMinutes)}</p>`)}
    <p class="lead">${headline}</p>
    ${
      warnings.length === 0
        ? null
        : html`<ul class="warnings">
            ${warnings.map((each) => html`<li>Warning: ${each}</li>`)}
          </ul>`
    }
    <div class="cards">
      ${costCard(report)} ${waitingCard(report)}
      <section class="card">
        <h2>What should we do?</h2>
        <dl class="change">
          <div class="then">
            <dt>recommended</dt>
            <dd>${best.name}</dd>
          </div>
        </dl>
        <p>${why}</p>
        ${near === null ? null : html`<p>${near}</p>`}
        <p>${breakEven}</p>
      </section>
    </div>
  </header> `;
}

function costCard(report: Report): Html {
  const { comparison, chosen, chosenCandidate } = report;
  const { baseline } = comparison;
  const { measures } = chosen.run;
  const { percent, sameSpotMixPercent } = chosen.savings;
  const span = formatSpan(measures.durationMs);
  const [todayBdt, thenBdt] = [baseline.measures, measures].map(({ costBdt, durationMs }) =>
    perMonth(costBdt, durationMs),
  );
  return html`<section class="card">
    <h2>What do we pay?</h2>
    ${changed(report, formatBdt(baseline.measures.costBdt), formatBdt(measures.costBdt))}
    ${
      chosenCandidate.isToday
        ? html`<p>In these ${span}; in a month of 720 h at this rate ${formatBdt(todayBdt)}.</p>`
        : html`<p>
              In these ${span}: ${saved(percent)}, or ${saved(sameSpotMixPercent)} than static nodes
              with as much spot.
            </p>
            <p>
              In a month of 720 h at this rate ${formatBdt(thenBdt)}; today ${formatBdt(todayBdt)}.
            </p>`
    }
  </section>`;
}

function saved(percent: number): string {
  const shown = signedPercent(Math.abs(percent));
  return `${shown} % ${percent < 0 && shown !== '0.0' ? 'more' : 'less'}`;
}

function waitingCard(report: Report): Html {
  const { comparison, chosen } = report;
  const [before, after] = [comparison.baseline.measures, chosen.run.measures];
  return html`<section class="card">
    <h2>Who waits, and how long?</h2>
    ${changed(report, formatMinutes(before.shortagePodMinutes), formatMinutes(after.shortagePodMinutes))}
    <p>pod-minutes missing: pods that should have served, × minutes.</p>
    <p>
      ${sentence(waitWords(after))} Customers lost ${lostWords(after)}; today ${lostWords(before)}.
      Bad minutes, with over 1 % lost or late: ${badWords(after)}; today ${badWords(before)}.
    </p>
  </section>`;
}

function waitWords({ timeToCapacitySeconds: time }: Measures): string {
  const { p95, censored } = time;
  if (p95 !== null) {
    return `95 % of the pods that found no room ran within ${formatTimeToCapacity(time)}`;
  }
  return censored > 0
    ? 'of the pods that found no room, more than one in twenty never ran'
    : 'no pod was without room';
}

function lostWords({ requestsLost, requestsArrived }: Measures): string {
  return requestsLost === 0
    ? 'no request'
    : `${formatCount(requestsLost)} requests (${formatShare(requestsLost, requestsArrived)} %)`;
}

function badWords({ badMinutes, longestBadMinutes: longest }: Measures): string {
  const onEnd = longest > 1 && longest < badMinutes ? ` (${formatLakh(longest)} on end)` : '';
  return `${badMinutes === 0 ? 'none' : formatLakh(badMinutes)}${onEnd}`;
}

/** Two figures side by side: what is, and what would be, where that is something else. */
function changed(
  { chosenCandidate: { name, isToday } }: Report,
  today: string,
  then: string,
): Html {
  return html`<dl class="change">
    <div>
      <dt>${TODAY}</dt>
      <dd>${today}</dd>
    </div>
    ${
      isToday
        ? null
        : html`<div class="then">
            <dt>${name}</dt>
            <dd>${then}</dd>
          </div>`
    }
  </dl>`;
}

// ---------------------------------------------------------------- the policies

/** Every policy that was run, by its total; what follows from them; and what they could not have been below. */
export function policies(report: Report): Html {
  const { comparison, ranked, recommendation } = report;
  const { clairvoyant, baseline, waitingPrice } = comparison;
  const rest = unavoidable(comparison);
  const isBest = ({ measures }: Run): boolean => measures === recommendation.best.measures;
  const columns = [
    'cost\u00a0৳',
    'saved\u00a0%',
    'missing pod-min',
    'of it avoidable',
    'pending pod-min',
    'wait, 95\u00a0% of\u00a0pods',
    'requests lost %',
    'waiting\u00a0৳',
    'total\u00a0৳',
    'regret\u00a0%',
  ];
  return html`<section>
    <h2>The policies</h2>
    <ul class="reasons">
      ${[...recommendation.further, ...restsOn(report)].map((each) => html`<li>${each}</li>`)}
      ${rest === null ? null : html`<li>${rest}</li>`}
    </ul>
    <div class="scroll" role="region" aria-label="The policies by their total" tabindex="0">
      <table class="wide">
        <thead>
          <tr>
            <th scope="col">#</th>
            <th scope="col" class="text">policy</th>
            ${columns.map((each) => html`<th scope="col">${each}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${ranked.map((each) => policyRow(each, rankOf(ranked, each), isBest(each.run), each.run === baseline))}
          ${ranked.some(({ run }) => run === baseline) ? null : todayRow(report)}
          <tr class="bound">
            <td></td>
            <th scope="row">clairvoyant</th>
            <td>${formatLakh(clairvoyant.costBdt)}</td>
            <td>${signedPercent(100 * (1 - clairvoyant.costBdt / baseline.measures.costBdt))}</td>
            <td>${formatMinutes(clairvoyant.shortagePodMinutes)}</td>
            <td>${NONE}</td>
            <td>${NONE}</td>
            <td>${NONE}</td>
            <td>${NONE}</td>
            <td>${formatLakh(clairvoyant.waitingCostBdt)}</td>
            <td>${total(clairvoyant.costBdt, clairvoyant.waitingCostBdt)}</td>
            <td>${NONE}</td>
          </tr>
        </tbody>
      </table>
    </div>
    <p class="note">
      Total: cost and waiting together, at ${priceWords(waitingPrice)}. Missing: pods against a
      cluster with room for all, × minutes; avoidable: what the largest allowed static fleet would
      not miss. Pending: pods that the scheduler found no room for, × minutes; a pod autoscaler that
      is starved stops asking, which is why missing ranks. Wait: in which 95 % of pending pods ran;
      never: fewer did. Clairvoyant: the least total for who knows all demand beforehand and has
      every node at the lowest price. Regret: cost above the least that buys as little missing.
    </p>
    <figure>
      <figcaption>
        What less waiting costs<span
          >Each policy by its number in the
          table${ranked.some(({ run }) => run === baseline) ? '' : '; 0 is today’s static nodes'}.
          Nobody can be below the dashed line, not even who knows the traffic beforehand.</span
        >
      </figcaption>
      <div
        id="chart-tradeOff"
        role="img"
        aria-label="Cost against missing pod-minutes of each policy: the figures are in the table above"
      ></div>
    </figure>
  </section> `;
}

function policyRow(
  { run, savings, avoidableShortagePodMinutes, waitingCostBdt, regretPercent }: PolicyRun,
  rank: number,
  isBest: boolean,
  isToday: boolean,
): Html {
  const label = `${run.configured.policy.name}${isToday ? ` (${TODAY})` : ''}`;
  const cells = cellsOf(
    run.measures,
    savings.percent,
    avoidableShortagePodMinutes,
    waitingCostBdt,
    regretPercent,
  );
  return tableRow(rank, label, cells, isBest);
}

/** What runs today, where it is none of the policies that were asked for. */
function todayRow({ comparison, recommendation }: Report): Html {
  const { baseline, largest } = comparison;
  const { measures } = baseline;
  const avoidable = measures.shortagePodMinutes - largest.measures.shortagePodMinutes;
  const { best, today } = recommendation;
  const { name, waitingCostBdt } = today;
  const cells = cellsOf(measures, 0, Math.max(0, avoidable), waitingCostBdt, null);
  return tableRow(0, `${name} (${TODAY})`, cells, best === today);
}

function cellsOf(
  measures: Measures,
  savedPercent: number,
  avoidablePodMinutes: number,
  waitingCostBdt: number,
  regretPercent: number | null,
): string[] {
  return [
    formatLakh(measures.costBdt),
    signedPercent(savedPercent),
    formatMinutes(measures.shortagePodMinutes),
    formatMinutes(avoidablePodMinutes),
    formatMinutes(measures.pendingPodMinutes),
    formatTimeToCapacity(measures.timeToCapacitySeconds),
    formatShare(measures.requestsLost, measures.requestsArrived),
    formatLakh(waitingCostBdt),
    total(measures.costBdt, waitingCostBdt),
    regretPercent === null ? NONE : formatLakh(regretPercent),
  ];
}

/** Of the rounded parts, so that a row adds up. */
function total(costBdt: number, waitingCostBdt: number): string {
  return formatLakh(Math.round(costBdt) + Math.round(waitingCostBdt));
}

function tableRow(rank: number, label: string, cells: readonly string[], isBest: boolean): Html {
  return html`<tr class="${isBest ? 'chosen' : 'other'}">
    <td>${rank}</td>
    <th scope="row">${label}</th>
    ${cells.map((cell) => html`<td>${cell}</td>`)}
  </tr>`;
}

/** What the recommendation rests on, in so far as the runs tell. */
function restsOn({ chosen, timeline, scenario, seed }: Report): string[] {
  const { name } = chosen.run.configured.policy;
  const { acts, actsByCalendar } = timeline;
  return [
    ...(actsByCalendar === 0
      ? []
      : [
          `${formatLakh(actsByCalendar)} of the ${counted(acts, 'change')} that ${name} made ${actsByCalendar === 1 ? 'was' : 'were'} asked for by the calendar: a sale that is not in it would meet fewer nodes.`,
        ]),
    `All of this is one run of one trace (seed ${String(seed)}), billed by ${scenario.prices}. Another seed draws other start-ups and reclaims: run it again before relying on small differences.`,
  ];
}

// ---------------------------------------------------------------- the run over time

/** Charts under one brush. */
export function overTime({ chosen, comparison, charts, scenario }: Report): Html {
  const { name } = chosen.run.configured.policy;
  const isToday = chosen.run === comparison.baseline;
  const { measures } = chosen.run;
  const before = comparison.baseline.measures;
  const most = (values: Int32Array): string =>
    formatLakh(values.reduce((a, b) => Math.max(a, b), 0));
  const today = isToday
    ? null
    : html`<span class="legend"
        ><span><i class="key accent"></i>${name}</span
        ><span><i class="key today"></i>${TODAY}</span></span
      >`;
  const chart = (id: string, label: string): Html =>
    html`<div id="chart-${id}" role="img" aria-label="${label}"></div>`;
  return html`<section>
    <h2>The run under ${name}</h2>
    <p class="note">
      Drag over the traffic to choose a time: the charts below show that part. Times are the
      scenario’s.${charts.sales.length === 0 ? null : html` Shaded: <i class="key sale"></i>${charts.sales.map((sale) => sale.name).join(', ')}.`}
    </p>
    <noscript
      ><p class="note">
        The charts need JavaScript; every figure they rest on is in the tables and in the timeline.
      </p></noscript
    >
    <div id="windows" hidden></div>
    <figure>
      <figcaption>Traffic, requests a second</figcaption>
      ${chart('traffic', `Requests per second, at most ${most(Int32Array.from(comparison.demand.requestsPerSecond, Math.ceil))}`)}
    </figure>
    <figure>
      <figcaption>
        Nodes<span class="legend"
          ><span><i class="key need"></i>needed</span><span><i class="key alarm"></i>missing</span
          ><span><i class="key accent"></i>Ready</span
          >${isToday ? null : html`<span><i class="key today"></i>Ready ${TODAY} (dashed)</span>`}</span
        >
      </figcaption>
      ${chart('nodes', `Nodes: at most ${most(comparison.demand.nodes)} needed, ${most(measures.series.readyNodes)} Ready, ${most(before.series.readyNodes)} today`)}
      ${chart('deeds', 'When nodes were added, removed, taken by AWS, and when more were asked for and refused: the timeline below tells of each')}
    </figure>
    <figure>
      <figcaption>
        Pending pods<span class="legend"
          ><span><i class="key alarm"></i>${name}</span
          >${isToday ? null : html`<span><i class="key today"></i>${TODAY}</span>`}</span
        >
      </figcaption>
      ${chart('pending', `Pods without room: at most ${most(measures.series.unschedulablePods)} under ${name}, ${most(before.series.unschedulablePods)} today`)}
    </figure>
    <figure>
      <figcaption>Money spent, ৳ by ${scenario.prices}${today}</figcaption>
      ${chart('spent', `Money spent: ${formatBdt(measures.costBdt)} under ${name}, ${formatBdt(before.costBdt)} today, by the end`)}
    </figure>
  </section> `;
}

// ---------------------------------------------------------------- the timeline

/** Decisions with their reasons, a day at a time; stretches of holds are one line each. */
export function decisions({ chosen, timeline, scenario, charts }: Report): Html {
  const { name } = chosen.run.configured.policy;
  const offset = scenario.timeZoneOffsetMinutes;
  const days = new Map<string, Row[]>();
  for (const row of timeline.rows) {
    const day = date(row.fromMs, offset);
    days.set(day, [...(days.get(day) ?? []), row]);
  }
  const saleDays = new Set(
    charts.sales.flatMap(({ fromMs, toMs }) => [date(fromMs, 0), date(toMs - 1, 0)]),
  );
  const openAll = days.size <= 2;
  return html`<section>
    <h2>What was decided, and why</h2>
    <p>
      ${counted(timeline.cycles, 'cycle')} of ${name}: ${counted(timeline.acts, 'change')}; holds
      that are alike are one line. Each change names the one value that would have made it another.
    </p>
    ${[...days].map(([day, rows]) => dayOf(day, rows, offset, openAll || saleDays.has(day)))}
    ${timeline.rowsLeftOut === 0 ? null : html`<p class="note">${formatLakh(timeline.rowsLeftOut)} later lines are left out; simulate --journal and explain tell them.</p>`}
    ${timeline.rowsWithoutFlip === 0 ? null : html`<p class="note">The last ${formatLakh(timeline.rowsWithoutFlip)} changes say why, but not what would have made them others; explain does.</p>`}
  </section> `;
}

function dayOf(day: string, rows: readonly Row[], offset: number, open: boolean): Html {
  const ofKind = (kind: Row['kind']): number => rows.filter((row) => row.kind === kind).length;
  const held = rows.reduce((sum, row) => sum + (row.kind === 'held' ? row.cycles : 0), 0);
  const facts = [
    counted(ofKind('act'), 'change'),
    ...(held === 0 ? [] : [`held back in ${counted(held, 'cycle')}`]),
    ...(ofKind('undecided') === 0 ? [] : ['cycles without a decision']),
  ];
  const label = dayAndMonth(rows[0].fromMs, offset);
  return html`<details${open ? html` open` : null}><summary><strong><time datetime="${day}">${label}</time></strong>: ${facts.join(', ')}</summary>
<ol class="rows">
${rows.map((row) => rowOf(row, offset))}
</ol></details>
`;
}

function rowOf({ kind, fromMs, toMs, cycles, what, why, events }: Row, offset: number): Html {
  const sameDay = date(fromMs, offset) === date(toMs, offset);
  const until = `${hourAndMinute(toMs, offset)}${sameDay ? '' : ` ${dayAndMonth(toMs, offset)}`}`;
  const when =
    cycles === 1 ? timeOfDay(fromMs, offset) : `${hourAndMinute(fromMs, offset)} – ${until}`;
  const deed = cycles === 1 ? what : `${what}, ${formatLakh(cycles)} cycles`;
  return html`<li class="${kind}">
    <time>${when}</time><span class="what">${deed}</span>
    <div>
      <p>${why}</p>
      ${events.length === 0 ? null : html`<p class="also">${events.join(' ')}</p>`}
    </div>
  </li> `;
}

// ---------------------------------------------------------------- what it rests on

/** Money by every price book, the settings, the assumptions and what is not modelled. */
export function assumptions(report: Report): Html {
  const { scenario, seed, comparison, chosen } = report;
  const { startup, market, workload, cluster } = scenario;
  const offset = scenario.timeZoneOffsetMinutes;
  const book = priceBook(scenario.prices);
  const at = (atMs: number): string =>
    `${dayAndMonth(atMs, offset)} ${hourAndMinute(atMs, offset)}`;
  const facts: readonly (readonly [string, string])[] = [
    [
      'Price of waiting',
      `${priceWords(comparison.waitingPrice)}. Assumed, not measured: a two-hour crash in a sale cost the client ৳8,00,000.`,
    ],
    ['Price book', `${scenario.prices} (${book?.asOf ?? 'undated'}). ${book?.source ?? ''}`],
    [
      'Start-up of a node',
      `Median ${formatLakh(startup.medianSeconds)} s, 95 % within ${formatLakh(startup.p95Seconds)} s; ${String(startup.neverJoinsPercent)} % never join. Then a pod’s image, ${formatLakh(startup.imagePullSecondsMin)} to ${formatLakh(startup.imagePullSecondsMax)} s, and ${formatLakh(startup.warmUpSeconds)} s of warm-up.`,
    ],
    [
      'Spot',
      `${book === undefined ? '' : `${String(book.spotDiscountPercent)} % below on demand; `}AWS takes ${String(market.reclaimPercentPerMonth)} % of instances a month, ${String(market.noticePercent)} % with notice.`,
    ],
    [
      'Shop',
      `${String(workload.cpuMsPerRequest)} CPU-ms a request, a pod asks for ${formatLakh(workload.web.requestMillicpu)} m and ${formatLakh(workload.web.requestMib)} MiB of a node’s ${formatLakh(cluster.worker.allocatableMillicpu)} m and ${formatLakh(cluster.worker.allocatableMib)} MiB${workload.peakNodes === null ? '' : `; the trace is scaled so that its peak needs ${String(workload.peakNodes)} nodes`}.`,
    ],
    [
      'Chance',
      `Seed ${String(seed)}: every policy meets the same traffic and draws from the same streams.`,
    ],
    [
      'Calendar',
      scenario.calendar.length === 0
        ? 'No sales are announced.'
        : scenario.calendar
            .map(({ name, startAtMs, endAtMs }) => `${name}, ${at(startAtMs)} to ${at(endAtMs)}`)
            .join('; '),
    ],
    ['Not modelled', NOT_MODELLED],
  ];
  return html`<section>
    <h2>What this rests on</h2>
    <dl class="facts-list">
      ${facts.map(
        ([term, text]) =>
          html`<dt>${term}</dt>
            <dd>${text}</dd>`,
      )}
    </dl>
    <h3>What ${chosen.run.configured.policy.name} saves, by price book</h3>
    <div class="scroll" role="region" aria-label="Saving by price book" tabindex="0">
      <table>
        <thead>
          <tr>
            <th scope="col" class="text">price book</th>
            <th scope="col">month of 720 h, ৳</th>
            <th scope="col">saved %</th>
            <th scope="col">by fewer nodes</th>
            <th scope="col">by spot</th>
            <th scope="col">overhead</th>
            <th scope="col">saved % at equal spot</th>
          </tr>
        </thead>
        <tbody>
          ${chosen.byPriceBook.map(
            ({ bill, costPerMonthBdt, savings }) =>
              html`<tr>
                <th scope="row">${bill.prices}</th>
                <td>${formatLakh(costPerMonthBdt)}</td>
                <td>${signedPercent(savings.percent)}</td>
                <td>${signedPercent(savings.split.fewerNodes)}</td>
                <td>${signedPercent(savings.split.spot)}</td>
                <td>${signedPercent(savings.split.overhead)}</td>
                <td>${signedPercent(savings.sameSpotMixPercent)}</td>
              </tr> `,
          )}
        </tbody>
      </table>
    </div>
    ${settingsOf(chosen)}
  </section> `;
}

function settingsOf({ run }: PolicyRun): Html {
  const { policy, settings } = run.configured;
  const described = describeSettings(policy);
  return html`<details>
    <summary>The settings of ${policy.name}</summary>
    <div class="scroll" role="region" aria-label="Settings" tabindex="0">
      <table>
        <thead>
          <tr>
            <th scope="col" class="text">setting</th>
            <th scope="col">value</th>
            <th scope="col">default</th>
            <th scope="col" class="text">unit</th>
          </tr>
        </thead>
        <tbody>
          ${Object.entries(settings).map(
            ([key, value]) =>
              html`<tr>
                <th scope="row"><code>${key}</code></th>
                <td>${String(value)}</td>
                <td>${String(described[key]?.default ?? NONE)}</td>
                <td class="text">${described[key]?.unit ?? ''}</td>
              </tr> `,
          )}
        </tbody>
      </table>
    </div>
  </details>`;
}

/** README.md says it at length. */
const NOT_MODELLED =
  'Memory pressure, network and disk, pods that crash, affinity between pods, more than one worker shape, CPU credits while a machine boots. How customers retry and how AWS reclaims beyond its published rate are assumptions. A recorded trace shows only what was served: a crash in it hides the traffic that was turned away.';

/** How to make this page again, byte for byte. */
export function reproduction({
  command,
  engineDigest,
  ranked,
  comparison,
  digestOf,
}: Report): Html {
  const runs = ranked.map(({ run }) => run);
  const all = runs.includes(comparison.baseline) ? runs : [...runs, comparison.baseline];
  return html`<section>
    <h2>How to make it again</h2>
    <pre>${command}</pre>
    <p>
      The same command, on the same files and the same version, writes the same bytes. Engine
      ${engineDigest}; SHA-256 of each journal:
    </p>
    <div class="scroll" role="region" aria-label="Digests of the journals" tabindex="0">
      <table>
        <tbody>
          ${all.map(
            (run) =>
              html`<tr>
                <th scope="row">${run.configured.policy.name}</th>
                <td class="text"><code>${digestOf(run)}</code></td>
              </tr> `,
          )}
        </tbody>
      </table>
    </div>
  </section> `;
}
