import { Option, type Command } from 'commander';
import type { Decided, ReadRecord, Redecided, RuleVerdict } from '../../engine/index.ts';
import type { Flip } from '../../reports/counterfactual.ts';
import { lastScaledBy, partsOf, type Part, type PlacedRule } from '../../reports/explanation.ts';
import type { Situation } from '../../reports/levers.ts';
import { explained, whyNotTold } from '../../reports/paragraphs.ts';
import { ruleSentence } from '../../reports/rules.ts';
import {
  decisionSentence,
  decisionWords,
  eventSentence,
  outcomeSentence,
  type CycleTelling,
} from '../../reports/sentences.ts';
import { date, timeOfDay, zoneName } from '../../reports/words.ts';
import { formatInstant } from '../../simulator/index.ts';
import { newCommand } from './command.ts';
import { readJournalFile, redecideFile, sourceFacts, type JournalFile } from './journal-file.ts';
import { recordAt } from './journal-time.ts';
import { ENGINE_DIGEST } from './project.ts';
import { wrapped, WIDTH } from '../../reports/text.ts';

interface ExplainOptions {
  readonly at: string;
  readonly whyNot?: 'up' | 'down';
  readonly json?: true;
}

export function explainCommand(): Command {
  return newCommand('explain')
    .summary('say why a cycle of a journal decided as it did')
    .description(
      'Says in one paragraph why a cycle decided as it did: which rule, what it compared, and the one value that would have changed it.',
    )
    .argument('<journal>', 'a journal, as simulate --journal writes it')
    .requiredOption(
      '--at <time>',
      "the cycle in force then: 20:04[:00] of the journal's only day, 2026-11-27T20:04 in its zone or another, Unix seconds, or a cycle's number",
    )
    .addOption(
      new Option(
        '--why-not <direction>',
        'say why it did not add (up) or remove (down) nodes, and what would have made it',
      ).choices(['up', 'down']),
    )
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample: npm run explain -- sale.journal --at 2026-11-27T20:04 --why-not up',
    )
    .action(explain);
}

function explain(path: string, options: ExplainOptions): void {
  const file = readJournalFile(path);
  if (file.cutOff !== null) {
    process.stderr.write(`node-fleet: warning: ${path}: ${file.cutOff}\n`);
  }
  const at = recordAt(options.at, file.records, file.header);
  const told = toldOf(file, at, options.whyNot ?? null);
  if (file.engineDigest !== null && file.engineDigest !== ENGINE_DIGEST && !told.isOtherwise) {
    const engines = `written by engine ${file.engineDigest}, explained by engine ${ENGINE_DIGEST}, which decides the same here`;
    process.stderr.write(`node-fleet: warning: ${path}: ${engines}\n`);
  }
  process.stdout.write(
    options.json
      ? `${JSON.stringify(explainJson(file, at, told), null, 2)}\n`
      : explainText(file, at, told),
  );
}

/** A cycle as it is explained. */
interface ToldCycle {
  readonly record: ReadRecord;
  readonly paragraph: string;
  /** Null where nothing was decided, or this engine decides otherwise, so that its numbers would explain nothing. */
  readonly decided: Decided | null;
  readonly rules: readonly ToldRule[];
  readonly rule: PlacedRule | null;
  readonly flip: Flip | null;
  readonly whyNot: { readonly direction: 'up' | 'down'; readonly kind: string } | null;
  readonly isOtherwise: boolean;
  /** What the shadow would have done, in a sentence; null: there is none, or this engine decides otherwise. */
  readonly shadow: { readonly decided: Decided; readonly text: string } | null;
}
interface ToldRule extends RuleVerdict {
  readonly part: Part;
  readonly sentence: string;
}

function toldOf(file: JournalFile, at: number, direction: 'up' | 'down' | null): ToldCycle {
  const { header, configured, records } = file;
  const record = records[at];
  const offsetMinutes = header.cluster.timeZoneOffsetMinutes;
  const nothing = { decided: null, rules: [], rule: null, flip: null, whyNot: null, shadow: null };
  if (record.decided === null) {
    const paragraph = outcomeSentence(record.outcome, record.startedAtMs, offsetMinutes);
    return { ...nothing, record, paragraph, isOtherwise: false };
  }
  let again = null;
  let number = 0;
  for (const each of redecideFile(file)) {
    if (number++ === at) {
      again = each;
      break;
    }
  }
  if (again === null || !again.same) {
    return {
      ...nothing,
      record,
      paragraph: otherwise(file, record, again?.decided ?? null),
      isOtherwise: true,
    };
  }
  const { view, memory, decided } = again;
  const situation: Situation = { configured, cluster: header.cluster, view, memory };
  const telling: CycleTelling = {
    view,
    cluster: header.cluster,
    settings: configured.settings,
    offsetMinutes,
    lastScaledBy: lastScaledBy(records, at),
  };
  const shadow = shadowTold(file, again, telling);
  const parts = partsOf(decided.explanation);
  const policyDirection = decided.explanation.proposed < 0 ? 'down' : 'up';
  const rules = (['repair', 'asks', 'guards'] as const).flatMap((part) =>
    parts[part].map((rule) => ({
      ...rule,
      part,
      sentence: ruleSentence(rule, {
        ...telling,
        direction: part === 'repair' ? 'up' : policyDirection,
      }),
    })),
  );
  const told = { record, decided, rules, isOtherwise: false, shadow };
  if (direction === null) {
    const { text: paragraph, rule, flip } = explained(situation, decided, telling);
    return { ...told, paragraph, rule, flip, whyNot: null };
  }
  const { kind, text: paragraph, rule, flip } = whyNotTold(situation, decided, direction, telling);
  return { ...told, paragraph, rule, flip, whyNot: { direction, kind } };
}

/** `Beside it sustained: 20:04:00 add 1: …`: what a shadow would have done, as this engine decides it too. */
function shadowTold(
  { shadow }: JournalFile,
  { shadow: again }: Redecided,
  telling: CycleTelling,
): ToldCycle['shadow'] {
  if (shadow === null || again === null || !again.same) {
    return null;
  }
  const { decided } = again;
  const sentence = decisionSentence(decided, { ...telling, settings: shadow.settings });
  return { decided, text: `Beside it ${shadow.policy.name} would have decided: ${sentence}` };
}

/** What can be said of a cycle that this engine decides otherwise: what the journal says, by its codes. */
function otherwise(file: JournalFile, { decided }: ReadRecord, now: Decided | null): string {
  if (decided === null) {
    return '';
  }
  const { decision, rules, view } = decided;
  const time = timeOfDay(view.nowMs, file.header.cluster.timeZoneOffsetMinutes);
  const said = rules.map(({ rule, verdict }) => `${rule} ${verdict}`).join(', ');
  const engine = `engine ${ENGINE_DIGEST} ${now === null ? 'cannot decide' : `decides to ${decisionWords(now.decision)}`} on the same view`;
  return `${time} ${decisionWords(decision)}: ${said}. ${engineSentence(file)} ${engine.charAt(0).toUpperCase()}${engine.slice(1)}, so it cannot say what was compared.`;
}

function engineSentence({ engineDigest }: JournalFile): string {
  return engineDigest === null
    ? 'The journal does not say which engine wrote it.'
    : `Engine ${engineDigest} wrote this journal.`;
}

function explainText(file: JournalFile, at: number, told: ToldCycle): string {
  const { header, records } = file;
  const { record, paragraph, rules } = told;
  const offset = header.cluster.timeZoneOffsetMinutes;
  const { startedAtMs } = record;
  const facts = [
    `cycle ${String(at + 1)} of ${String(records.length)}`,
    `${date(startedAtMs, offset)} ${timeOfDay(startedAtMs, offset)} ${zoneName(offset)}`,
    ...sourceFacts(header),
  ];
  const lines = [...wrapped(facts.join(', '), WIDTH), '', ...wrapped(paragraph, WIDTH)];
  if (told.shadow !== null) {
    lines.push('', ...wrapped(told.shadow.text, WIDTH));
  }
  if (rules.length > 0) {
    lines.push('', 'What was compared, in order:', ...rules.flatMap(ruleLines));
  }
  if (record.events.length > 0) {
    lines.push('', 'What happened:');
    lines.push(...record.events.flatMap((event) => wrapped(eventSentence(event), WIDTH, '  ')));
  }
  return `${lines.join('\n')}\n`;
}

function ruleLines({ rule, verdict, sentence }: ToldRule): string[] {
  const head = `  ${rule.padEnd(22)} ${verdict.padEnd(8)}`;
  const indent = ' '.repeat(head.length);
  const [first, ...rest] = wrapped(sentence, WIDTH, indent);
  return [head + first.slice(indent.length), ...rest];
}

function explainJson(file: JournalFile, at: number, told: ToldCycle): object {
  const { header, records, engineDigest } = file;
  const { record, decided, rules, rule, flip } = told;
  const offset = header.cluster.timeZoneOffsetMinutes;
  const journalled = record.decided;
  return {
    schema: 'node-fleet/explain@1',
    source: header.source,
    scenario: header.scenario,
    policy: header.policy,
    seed: header.seed,
    engineDigest: ENGINE_DIGEST,
    journalEngineDigest: engineDigest,
    cycle: at + 1,
    cycles: records.length,
    startedAt: formatInstant(record.startedAtMs, offset),
    outcome: record.outcome,
    text: told.paragraph,
    decision: journalled?.decision ?? null,
    level: journalled?.level ?? null,
    proposed: journalled?.proposed ?? null,
    /** What this engine decides on the same view, where that is something else. */
    isDecidedOtherwise: told.isOtherwise,
    rules: decided === null ? (journalled?.rules ?? []) : rules,
    whyNot: told.whyNot,
    rule: rule === null ? null : { part: rule.part, ...rule.rule },
    flip: flip === null ? null : flipJson(flip, offset),
    events: record.events,
    shadow:
      told.shadow === null
        ? null
        : {
            policy: header.shadow?.policy ?? null,
            text: told.shadow.text,
            decision: told.shadow.decided.decision,
          },
  };
}

/** A flip with its values as what they are: instants as text, truth as truth. */
function flipJson({ variable, was, value, side, then }: Flip, offset: number): object {
  const shown = (number: number | null): unknown =>
    number === null
      ? null
      : variable === 'nowMs'
        ? formatInstant(number, offset)
        : variable === 'mode'
          ? number === 1
            ? 'act'
            : 'paused'
          : /Known$|^contradicted$/.test(variable)
            ? number === 1
            : number;
  return {
    variable,
    was: shown(was),
    value: shown(value),
    side,
    decision: then?.decided.decision ?? null,
  };
}
