import type { Command } from 'commander';
import type { ConfiguredPolicy, Decision, ReadRecord, Redecided } from '../../engine/index.ts';
import { formatLakh } from '../../reports/money.ts';
import { decisionSentence, decisionWords } from '../../reports/sentences.ts';
import { counted, date, timeOfDay, zoneName } from '../../reports/words.ts';
import { formatInstant } from '../../simulator/index.ts';
import { InputError } from '../import/input-error.ts';
import { collect, newCommand } from './command.ts';
import { EXIT_CHECK_FAILED } from './failure.ts';
import { readJournalFile, redecideFile, sourceFacts, type JournalFile } from './journal-file.ts';
import { choosePolicy } from './policy-settings.ts';
import { ENGINE_DIGEST } from './project.ts';
import { isSameDecision } from './shadow-trial.ts';
import { wrapped, WIDTH } from '../../reports/text.ts';

interface ReplayOptions {
  readonly policy?: string;
  readonly set?: readonly string[];
  readonly json?: true;
}

/** Differences that are told to people; --json has all. */
const SHOWN = 5;

export function replayCommand(): Command {
  return newCommand('replay')
    .summary('decide every cycle of a journal again and compare')
    .description(
      'Decides every cycle of a journal again, on what it saw, and compares. Exits with 1 if a cycle is decided otherwise.',
    )
    .argument('<journal>', 'a journal, as simulate --journal writes it')
    .option('--policy <name>', 'what this policy would have decided on the same views')
    .option(
      '--set <key=number>',
      "a setting instead of the journal's, or of --policy's default; repeatable",
      collect,
    )
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample: npm run replay -- sale.journal --set cpuHighPercent=60')
    .action(replay);
}

/** A cycle that is decided otherwise. */
interface Difference {
  readonly number: number;
  readonly record: ReadRecord;
  readonly again: Redecided;
}

function replay(path: string, options: ReplayOptions): void {
  const file = readJournalFile(path);
  const other = otherPolicy(file, options);
  const differences: Difference[] = [];
  let decidedCount = 0;
  const beside = { decided: 0, otherwise: 0, changed: 0 };
  let number = 0;
  for (const again of redecideFile(file, other)) {
    number++;
    if (again === null) {
      continue;
    }
    decidedCount++;
    if (again.shadow !== null) {
      beside.decided++;
      beside.changed += again.shadow.same ? 0 : 1;
      beside.otherwise += isSameDecision(again.shadow.decided.decision, again.decided.decision)
        ? 0
        : 1;
    }
    const record = file.records[number - 1];
    // Another policy has other rules: what it does is what is compared.
    if (other === undefined ? !again.same : !isSameDeed(again, record)) {
      differences.push({ number, record, again });
    }
  }
  const replayed: Replayed = {
    file,
    other: other ?? null,
    sets: options.set ?? [],
    differences,
    decidedCount,
    beside,
  };
  if (file.cutOff !== null) {
    const before =
      differences.length === 0
        ? 'are decided the same again'
        : `are not all decided the same again: ${String(differences.length)} differ`;
    throw new InputError(
      path,
      null,
      `${file.cutOff}; the ${String(number)} cycles before ${before}`,
    );
  }
  process.stdout.write(
    options.json ? `${JSON.stringify(replayJson(replayed), null, 2)}\n` : replayText(replayed),
  );
  if (differences.length > 0 || beside.changed > 0) {
    process.exitCode = EXIT_CHECK_FAILED;
  }
}

interface Replayed {
  readonly file: JournalFile;
  readonly other: ConfiguredPolicy | null;
  readonly sets: readonly string[];
  readonly differences: readonly Difference[];
  readonly decidedCount: number;
  /** Of the shadow: how often it decided, otherwise than the live policy, and otherwise now than then. */
  readonly beside: {
    readonly decided: number;
    readonly otherwise: number;
    readonly changed: number;
  };
}

/** What to decide with instead of what the journal was decided with; undefined: that. */
function otherPolicy(
  file: JournalFile,
  { policy, set }: ReplayOptions,
): ConfiguredPolicy | undefined {
  if (policy === undefined && set === undefined) {
    return undefined;
  }
  const { name } = file.configured.policy;
  const before = policy === undefined || policy === name ? file.header.settings : {};
  return choosePolicy(policy ?? name, before, set ?? []);
}

function isSameDeed({ decided }: Redecided, { decided: journalled }: ReadRecord): boolean {
  return journalled !== null && isSameDecision(decided.decision, journalled.decision);
}

function replayText(replayed: Replayed): string {
  const { file, other, sets, differences, decidedCount } = replayed;
  const { header, records } = file;
  const heading = [
    ...sourceFacts(header),
    `${counted(records.length, 'cycle')}, of which ${formatLakh(decidedCount)} decided`,
  ];
  const lines = [...wrapped(heading.join(', '), WIDTH)];
  if (file.engineDigest !== ENGINE_DIGEST) {
    const wrote =
      file.engineDigest === null
        ? 'The journal does not say which engine wrote it'
        : `Written by engine ${file.engineDigest}`;
    lines.push(...wrapped(`${wrote}; this is engine ${ENGINE_DIGEST}.`, WIDTH));
  }
  const changed = sets.length === 0 ? '' : ` with ${sets.join(', ')}`;
  const by = other === null ? '' : ` by ${other.policy.name}${changed}`;
  if (differences.length === 0) {
    lines.push(...wrapped(`Every cycle is decided the same again${by}.`, WIDTH));
    lines.push(...shadowLines(replayed));
    return `${lines.join('\n')}\n`;
  }
  const count = `${formatLakh(differences.length)} of ${counted(decidedCount, 'cycle')}`;
  const verb = differences.length === 1 ? 'is' : 'are';
  lines.push(...wrapped(`${count} ${verb} decided otherwise${by}:`, WIDTH));
  for (const difference of differences.slice(0, SHOWN)) {
    lines.push('', ...differenceLines(difference, replayed));
  }
  const more = differences.length - SHOWN;
  if (more > 0) {
    lines.push('', `and ${String(more)} more; --json has them all`);
  }
  lines.push(...shadowLines(replayed));
  return `${lines.join('\n')}\n`;
}

/** What a shadow would have done otherwise, where one decided beside the journal’s policy. */
function shadowLines({ file, beside }: Replayed): string[] {
  if (file.shadow === null || beside.decided === 0) {
    return [];
  }
  const { name } = file.shadow.policy;
  const of = counted(beside.decided, 'cycle');
  const lines = [
    `Beside it ${name} would have decided otherwise in ${formatLakh(beside.otherwise)} of ${of}.`,
  ];
  if (beside.changed > 0) {
    lines.push(`${name} itself is decided otherwise now in ${formatLakh(beside.changed)} of them.`);
  }
  return lines.flatMap((line) => wrapped(line, WIDTH));
}

/** The same rules under another engine: which verdicts differ is what matters. Another policy: what it does, and why. */
function differenceLines(
  { number, record, again }: Difference,
  { file, other }: Replayed,
): string[] {
  const { header } = file;
  const offsetMinutes = header.cluster.timeZoneOffsetMinutes;
  const { startedAtMs, decided } = record;
  const time = `${date(startedAtMs, offsetMinutes)} ${timeOfDay(startedAtMs, offsetMinutes)}`;
  const [before, now] =
    other === null
      ? [withVerdicts(decided), withVerdicts({ ...again.decided, ...again.decided.explanation })]
      : [
          decided === null ? 'nothing' : decisionWords(decided.decision),
          decisionSentence(again.decided, {
            view: again.view,
            cluster: header.cluster,
            settings: other.settings,
            offsetMinutes,
            lastScaledBy: null,
          }),
        ];
  return [
    `cycle ${String(number)}, ${time} ${zoneName(offsetMinutes)}`,
    ...wrapped(`journal: ${before}`, WIDTH, '  '),
    ...wrapped(`now: ${now}`, WIDTH, '  '),
  ];
}

function withVerdicts(
  decided: {
    readonly decision: Decision;
    readonly rules: readonly { readonly rule: string; readonly verdict: string }[];
  } | null,
): string {
  if (decided === null) {
    return 'nothing';
  }
  const said = decided.rules.map(({ rule, verdict }) => `${rule} ${verdict}`).join(', ');
  return `${decisionWords(decided.decision)}${said === '' ? '' : ` (${said})`}`;
}

/** The document that `replay --json` prints. Its keys are a contract: they are added to, never changed. */
function replayJson({ file, other, differences, decidedCount, beside }: Replayed): object {
  const { header, records, engineDigest } = file;
  return {
    schema: 'node-fleet/replay@1',
    source: header.source,
    scenario: header.scenario,
    seed: header.seed,
    policy: header.policy,
    settings: header.settings,
    faults: header.faults,
    other: other === null ? null : { policy: other.policy.name, settings: other.settings },
    engineDigest: ENGINE_DIGEST,
    journalEngineDigest: engineDigest,
    cycles: records.length,
    decided: decidedCount,
    shadow:
      file.shadow === null || beside.decided === 0
        ? null
        : { policy: file.shadow.policy.name, ...beside },
    isSame: differences.length === 0,
    differences: differences.map(({ number, record, again }) => ({
      cycle: number,
      startedAt: formatInstant(record.startedAtMs, header.cluster.timeZoneOffsetMinutes),
      journal: record.decided && {
        decision: record.decided.decision,
        rules: record.decided.rules,
      },
      now: {
        decision: again.decided.decision,
        rules: again.decided.explanation.rules.map(({ rule, verdict }) => ({ rule, verdict })),
      },
    })),
  };
}
