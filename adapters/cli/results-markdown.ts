import { formatLakh } from '../../reports/money.ts';
import {
  formatCount,
  formatMinutes,
  formatShare,
  formatSpan,
  formatTimeToCapacity,
} from '../../reports/words.ts';
import type { Comparison, PolicyRun, Scenario } from '../../simulator/index.ts';
import { peakRequestsPerSecond } from '../../simulator/index.ts';
import { ATTRIBUTIONS } from './attributions.ts';
import { journalDigest } from './journal-file.ts';
import type { ResultsOptions } from './results.ts';
import { markdownTable } from '../../reports/text.ts';

/** What all policies made of one trace. */
export interface TraceResult {
  /** The file’s name, without its folder. */
  readonly file: string;
  readonly scenario: Scenario;
  readonly comparison: Comparison;
  /** What the trace was multiplied by; null: it is as it was recorded. */
  readonly factor: number | null;
}

const COLUMNS = [
  'policy',
  'cost ৳ a month',
  'saved %',
  'pending pod-min',
  'shortage pod-min',
  'avoidable',
  'p95 to capacity',
  'requests lost %',
  'total ৳',
  'regret %',
  'digest',
] as const;

/**
 * `docs/results.md`. It holds neither the engine’s digest nor the machine’s paths, so it changes only when a result does.
 */
export function resultsMarkdown(
  traces: readonly TraceResult[],
  { traces: folder, only, peakNodes }: Pick<ResultsOptions, 'traces' | 'only' | 'peakNodes'>,
): string {
  const nodes = String(peakNodes);
  const scaled = traces.some(({ factor }) => factor !== null);
  const asIs = traces.some(({ factor }) => factor === null);
  const how = scaled
    ? `Each trace is scaled so that the 99.9th percentile of its rate needs ${nodes} nodes${asIs ? ', except those of `scenarios/`, which are as they are' : ''}.`
    : 'Each trace is as it is.';
  const options = [
    ...(folder === undefined ? [] : ['--traces FOLDER']),
    ...(only ? ['--only'] : []),
    ...(peakNodes === 8 ? [] : [`--peak-nodes ${nodes}`]),
  ];
  const lines = [
    '# Results',
    '',
    '<!-- Written by `npm run results`; do not edit. -->',
    '',
    'Every policy with its defaults and seed 1, on every trace:',
    '',
    '```',
    ['npm run results', ...(options.length > 0 ? ['--', ...options] : [])].join(' '),
    '```',
    '',
    `${folder === undefined ? '' : 'The folder holds the recorded traces named at the end. '}${how} The same command writes the same bytes; with \`--check\` it compares instead.`,
    '',
    '* **cost** per 720 h at the price book `techflow`; **saved** against 5 static on-demand nodes. Spot is 70 % cheaper and reclaimed as often as AWS says (5 % a month).',
    '* **pending**: unschedulable pods × minutes. **shortage**: pods missing against a cluster with room for everything; **avoidable**: what of it exceeds the shortage of as many static nodes as any of these policies may have.',
    '* **p95 to capacity**: from a pod’s first being unschedulable until it runs, for 95 % of pods; `never` when fewer ever did.',
    '* **total**: what the run itself cost, plus its shortage at ৳20 a pod-minute, ৳100 in sales.',
    '* **regret**: what it cost above the least that buys as little shortage, for who knows all demand beforehand and has every node at the spot price (`–`: no nodes at all would do).',
    `* **digest**: the first 12 digits of the journal’s SHA-256, which \`npm run simulate -- TRACE.csv --peak-nodes ${nodes}\` prints in full.`,
    '',
    ...traces.flatMap(section),
    '## The traces',
    '',
    ...markdownTable(
      ['trace', 'what it is', 'source', 'licence'],
      traces.map(({ file }) => attributionRow(file)),
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function section({ file, scenario, comparison, factor }: TraceResult): string[] {
  const { measures } = comparison.runs[0].run;
  const peak = peakRequestsPerSecond(scenario.trace);
  const facts = [
    formatSpan(scenario.trace.endAtMs - scenario.trace.startAtMs),
    `${formatCount(measures.requestsArrived)} requests`,
    `99.9th percentile ${peak.toFixed(1)} requests/s`,
    ...(factor === null ? [] : [`scaled × ${factor.toPrecision(4)}`]),
  ];
  return [
    `## ${file.replace(/\.csv$/, '')}`,
    '',
    `${facts.join(', ')}.`,
    '',
    ...markdownTable(COLUMNS, comparison.runs.map(policyRow)),
    '',
  ];
}

function policyRow(compared: PolicyRun): string[] {
  const { run, savings } = compared;
  const { measures } = run;
  return [
    run.configured.policy.name,
    formatLakh(compared.costPerMonthBdt),
    savings.percent.toFixed(1).replace('-', '−'),
    formatMinutes(measures.pendingPodMinutes),
    formatMinutes(measures.shortagePodMinutes),
    formatMinutes(compared.avoidableShortagePodMinutes),
    formatTimeToCapacity(measures.timeToCapacitySeconds),
    formatShare(measures.requestsLost, measures.requestsArrived),
    formatLakh(compared.totalBdt),
    compared.regretPercent === null ? '–' : formatLakh(compared.regretPercent),
    `\`${journalDigest(run.journal).slice(0, 12)}\``,
  ];
}

function attributionRow(file: string): string[] {
  const name = file.replace(/\.csv$/, '');
  const known = ATTRIBUTIONS[name];
  return known === undefined
    ? [name, 'not known to this command', '–', '–']
    : [name, known.what, known.source, known.licence];
}
