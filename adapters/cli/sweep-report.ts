import { formatLakh } from '../../reports/money.ts';
import { formatMinutes, formatTimeToCapacity } from '../../reports/words.ts';
import { waitingCostBdt, type Comparison } from '../../simulator/index.ts';
import { markdownTable, textTable, WIDTH, wrapped, type Column } from '../../reports/text.ts';

/** The saving that the client’s brief promises (“Cost Analysis”: 53.3 %), in whole percent. */
export const PROMISED_PERCENT = 53;

export type SettingValue = string | number | null;

/** One setting of a scenario, changed. */
export interface Change {
  readonly key: string;
  readonly value: SettingValue;
  /** It is what the scenario has: nothing was run again. */
  readonly asItIs: boolean;
}

/** What became of one policy. */
export interface Outcome {
  readonly policy: string;
  readonly scales: boolean;
  readonly costBdt: number;
  readonly savedPercent: number;
  readonly shortagePodMinutes: number;
  readonly avoidableShortagePodMinutes: number;
  readonly wait: {
    readonly p50: number | null;
    readonly p95: number | null;
    readonly censored: number;
  };
  readonly totalBdt: number;
}

/** What became of all policies, and of five static nodes. */
export interface Outcomes {
  readonly outcomes: readonly Outcome[];
  readonly baseline: { readonly shortagePodMinutes: number; readonly totalBdt: number };
}

export interface Variant extends Outcomes {
  /** Null: the scenario as it is. */
  readonly change: Change | null;
}

/** A scenario, as it is and with one change at a time. */
export interface Sweep {
  readonly name: string;
  readonly file: string;
  readonly seed: number;
  readonly base: Variant;
  /** In the order asked for. */
  readonly variants: readonly Variant[];
}

/** What a sweep keeps of a comparison. */
export function outcomesOf({ runs, baseline, waitingPrice }: Comparison): Outcomes {
  return {
    outcomes: runs.map(({ run, savings, avoidableShortagePodMinutes, totalBdt }) => {
      const { costBdt, shortagePodMinutes, timeToCapacitySeconds: wait } = run.measures;
      return {
        policy: run.configured.policy.name,
        scales: run.configured.policy.scales,
        costBdt,
        savedPercent: savings.percent,
        shortagePodMinutes,
        avoidableShortagePodMinutes,
        wait: { p50: wait.p50, p95: wait.p95, censored: wait.censored },
        totalBdt,
      };
    }),
    baseline: {
      shortagePodMinutes: baseline.measures.shortagePodMinutes,
      totalBdt: baseline.measures.costBdt + waitingCostBdt(baseline.measures, waitingPrice),
    },
  };
}

/** The policy that a sweep is about: the first that scales at all. */
function subjectOf({ outcomes }: Outcomes): Outcome {
  return outcomes.find(({ scales }) => scales) ?? outcomes[0];
}

/** Policies by rising total; of equal ones the first. */
function orderOf({ outcomes }: Outcomes): Outcome[] {
  return outcomes.toSorted((a, b) => a.totalBdt - b.totalBdt);
}

/** Of the pairs of policies, how many change places. */
function pairsSwapped(base: Outcomes, changed: Outcomes): number {
  const place = new Map(orderOf(changed).map(({ policy }, at) => [policy, at]));
  const places = orderOf(base).map(({ policy }) => place.get(policy)!);
  let swapped = 0;
  for (let i = 0; i < places.length; i++) {
    for (let j = i + 1; j < places.length; j++) {
      swapped += places[i] > places[j] ? 1 : 0;
    }
  }
  return swapped;
}

/** Conclusions that someone may draw, and whether a variant bears them out. */
const CLAIMS: readonly {
  readonly text: (subject: string, best: string) => string;
  readonly holds: (variant: Outcomes, base: Outcomes) => boolean;
}[] = [
  {
    text: (subject) => `${subject} costs less than five static nodes`,
    holds: (variant) => subjectOf(variant).savedPercent > 0,
  },
  {
    text: (subject) => `${subject} saves ${String(PROMISED_PERCENT)} %`,
    holds: (variant) => subjectOf(variant).savedPercent >= PROMISED_PERCENT,
  },
  {
    text: (subject) => `${subject} leaves fewer pods missing than five static nodes`,
    holds: (variant) => subjectOf(variant).shortagePodMinutes < variant.baseline.shortagePodMinutes,
  },
  {
    text: (subject) => `${subject} has a lower total than five static nodes`,
    holds: (variant) => subjectOf(variant).totalBdt < variant.baseline.totalBdt,
  },
  {
    text: (_, best) => `${best} has the lowest total`,
    holds: (variant, base) => orderOf(variant)[0].policy === orderOf(base)[0].policy,
  },
];

interface Verdict {
  readonly claim: string;
  readonly asItIs: boolean;
  /** The changes that turn it round. */
  readonly flippedBy: readonly string[];
}

function verdictsOf({ base, variants }: Sweep): Verdict[] {
  const best = orderOf(base)[0].policy;
  return CLAIMS.map(({ text, holds }) => {
    const asItIs = holds(base, base);
    return {
      claim: text(subjectOf(base).policy, best),
      asItIs,
      flippedBy: variants.filter((each) => holds(each, base) !== asItIs).map(labelOf),
    };
  });
}

function verdictSentence({ claim, asItIs, flippedBy }: Verdict, changes: number): string {
  if (flippedBy.length === 0) {
    const throughout = asItIs
      ? 'yes, with each of these changes'
      : 'no, nor with any of these changes';
    return `${claim}: ${changes > 0 ? throughout : asItIs ? 'yes' : 'no'}.`;
  }
  return `${claim}: ${asItIs ? 'yes, but not' : 'no, except'} with ${flippedBy.join(', ')}.`;
}

/** `p95Seconds 240`: the last part of the key is enough beside its table. */
function labelOf({ change }: Variant): string {
  return change === null
    ? 'as it is'
    : `${change.key.slice(change.key.lastIndexOf('.') + 1)} ${String(change.value)}`;
}

function formatPercent(percent: number): string {
  return percent
    .toFixed(1)
    .replace(/^-0\.0$/, '0.0')
    .replace('-', '−');
}

function formatWait({ wait: { censored } }: Outcome, quantile: number | null): string {
  return formatTimeToCapacity({ p95: quantile, censored });
}

const HEADER = [
  ['cost', '৳'],
  ['saved', '%'],
  ['short', 'pod-min'],
  ['avoid-', 'able'],
  ['wait', 'p50'],
  ['wait', 'p95'],
  ['total', '৳'],
  ['place', ''],
  ['pairs', 'swapped'],
  ['lowest', 'total'],
] as const;

/** A variant’s row under `HEADER`. */
function cellsOf(variant: Variant, base: Outcomes): string[] {
  const subject = subjectOf(variant);
  const order = orderOf(variant);
  return [
    formatLakh(subject.costBdt),
    formatPercent(subject.savedPercent),
    formatMinutes(subject.shortagePodMinutes),
    formatMinutes(subject.avoidableShortagePodMinutes),
    formatWait(subject, subject.wait.p50),
    formatWait(subject, subject.wait.p95),
    formatLakh(subject.totalBdt),
    String(order.indexOf(subject) + 1),
    variant.change?.asItIs === false ? String(pairsSwapped(base, variant)) : '–',
    order[0].policy,
  ];
}

/** The variants of one key after the other, each with the scenario as it is where the values do not hold that. */
function groupsOf({ base, variants }: Sweep): { key: string; rows: Variant[] }[] {
  const keys = [...new Set(variants.flatMap(({ change }) => change?.key ?? []))];
  return keys.map((key) => {
    const own = variants.filter(({ change }) => change?.key === key);
    return { key, rows: own.some(({ change }) => change?.asItIs) ? own : [base, ...own] };
  });
}

/** What `sweep` prints for people: a table for each setting, at most 80 columns. */
export function sweepText(sweep: Sweep): string {
  const { base, variants, name, seed } = sweep;
  const subject = subjectOf(base).policy;
  const groups = variants.length === 0 ? [{ key: '', rows: [base] }] : groupsOf(sweep);
  const lines = [
    ...wrapped(`${name}, seed ${String(seed)}: ${subject}, one change at a time`, WIDTH),
    '',
    ...groups.flatMap(({ key, rows }) => [
      ...(key === '' ? [] : [key]),
      ...textTable(columnsOf(rows, base), WIDTH),
      '',
    ]),
    ...wrapped(
      `* as the scenario has it. place: of ${String(base.outcomes.length)} policies by total, which is cost and waiting; pairs swapped: of two policies each, how many change places.`,
      WIDTH,
    ),
    '',
    ...verdictsOf(sweep).flatMap((each) => {
      const [first, ...rest] = wrapped(verdictSentence(each, variants.length), WIDTH - 2);
      return [`* ${first}`, ...rest.map((line) => `  ${line}`)];
    }),
  ];
  return `${lines.join('\n')}\n`;
}

function columnsOf(rows: readonly Variant[], base: Outcomes): Column[] {
  const values = rows.map(({ change }) =>
    change === null ? '*' : `${change.asItIs ? '* ' : ''}${String(change.value)}`,
  );
  const cells = rows.map((row) => cellsOf(row, base));
  // The first to go where the table is too wide: cost, which the saving says again, then what is avoidable.
  const dropped: Readonly<Record<number, number>> = { 0: 3, 3: 2, 8: 1 };
  return [
    { header: [''], values, align: 'right', group: false, dropped: 0 },
    ...HEADER.map((header, at): Column => ({
      header: [...header],
      values: cells.map((row) => row[at]),
      align: at === HEADER.length - 1 ? 'left' : 'right',
      group: false,
      dropped: dropped[at] ?? 0,
    })),
  ];
}

/** The same for a document: one table of everything, the places of all policies, and the conclusions. */
export function sweepMarkdown(sweep: Sweep): string {
  const { base, variants } = sweep;
  const changed = [base, ...variants.filter(({ change }) => !change?.asItIs)];
  const places = changed.map((variant) => orderOf(variant).map(({ policy }) => policy));
  const settingOf = ({ change }: Variant): string =>
    change === null ? 'as it is' : `\`${change.key}\` ${String(change.value)}`;
  const lines = [
    '',
    `\`${subjectOf(base).policy}\`:`,
    '',
    ...markdownTable(
      ['', ...HEADER.map((header) => header.join(' ').replace('- ', '').trim())],
      changed.map((variant) => [settingOf(variant), ...cellsOf(variant, base)]),
    ),
    '',
    'Place by total:',
    '',
    ...markdownTable(
      ['', ...changed.map(labelOf)],
      orderOf(base).map(({ policy }) => [
        policy,
        ...places.map((order) => String(order.indexOf(policy) + 1)),
      ]),
    ),
    '',
    ...verdictsOf(sweep).map((each) => `* ${verdictSentence(each, variants.length)}`),
    '',
  ];
  return `${lines.join('\n')}\n`;
}

/** The document that `sweep --json` prints. */
export function sweepJson(sweeps: readonly Sweep[]): object {
  return {
    schema: 'node-fleet/sweep@1',
    sweeps: sweeps.map((sweep) => ({
      scenario: sweep.name,
      seed: sweep.seed,
      subject: subjectOf(sweep.base).policy,
      variants: [sweep.base, ...sweep.variants].map((variant) => ({
        change:
          variant.change === null ? null : { key: variant.change.key, value: variant.change.value },
        pairsSwapped: pairsSwapped(sweep.base, variant),
        policies: orderOf(variant).map((outcome) => ({
          policy: outcome.policy,
          costBdt: toPaisa(outcome.costBdt),
          savedPercent: toPaisa(outcome.savedPercent),
          shortagePodMinutes: toPaisa(outcome.shortagePodMinutes),
          avoidableShortagePodMinutes: toPaisa(outcome.avoidableShortagePodMinutes),
          waitSeconds: outcome.wait,
          totalBdt: toPaisa(outcome.totalBdt),
        })),
      })),
      conclusions: verdictsOf(sweep),
    })),
  };
}

/** Two digits; never −0. */
function toPaisa(value: number): number {
  return Math.round(value * 100) / 100 + 0;
}
