import { GetParameterCommand, type SSMClient } from '@aws-sdk/client-ssm';
import * as z from 'zod';
import {
  configurePolicy,
  MODES,
  type Alarm,
  type ConfiguredPolicy,
  type Mode,
  type PolicyResult,
  type SaleWindow,
} from '../../engine/index.ts';
import { CallFailed, errorWords } from '../failure.ts';
import type { Log } from './log.ts';

/** What may be changed between two cycles, without a deployment: one JSON document in one parameter. */
export interface PolicyDocument {
  /** `paused` is the kill switch: nothing is launched or removed, and drains that can be undone are (S18). */
  readonly mode: Mode;
  readonly configured: ConfiguredPolicy;
  /** Null: the calendar of the deployment. */
  readonly calendar: readonly SaleWindow[] | null;
  /** When nothing is removed by choice. */
  readonly freezes: readonly SaleWindow[];
  /** A policy that decides beside the live one and is only journalled; null: none. */
  readonly shadow: ConfiguredPolicy | null;
}

export type ParsedDocument =
  | { readonly ok: true; readonly document: PolicyDocument }
  | {
      readonly ok: false;
      /** A sentence each: where, what, and what was expected. */
      readonly problems: readonly string[];
      /** It says `paused`, whatever else is wrong with it: a slip elsewhere must not keep the switch from working. */
      readonly stops: boolean;
    };

/** With its offset: without one it would mean another time on another machine. */
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)$/;
/** `Date.parse` knows a 31st of November: it is the 1st of December. */
const isDay = (text: string): boolean => new Date(Date.parse(text)).toJSON()?.slice(0, 10) === text;
const instant = z.string().transform((text, context): number => {
  const atMs = INSTANT.test(text) && isDay(text.slice(0, 10)) ? Date.parse(text) : NaN;
  if (Number.isNaN(atMs)) {
    context.addIssue(`expected a time such as 2026-12-16T20:00:00+06:00, got ${text}`);
    return z.NEVER;
  }
  return atMs;
});

const timeWindow = z
  .strictObject({ name: z.string().min(1), start: instant, end: instant })
  .refine(({ start, end }) => start < end, 'expected an end after its start')
  .transform(({ name, start, end }): SaleWindow => ({ name, startAtMs: start, endAtMs: end }));

const settings = z.record(z.string(), z.number('expected a number')).default({});

const documentSchema = z.strictObject({
  mode: z.enum(MODES, `expected one of ${MODES.join(', ')}`),
  policy: z.string('expected the name of a policy'),
  settings,
  calendar: z.array(timeWindow).nullable().default(null),
  freezes: z.array(timeWindow).default([]),
  shadow: z
    .strictObject({ policy: z.string('expected the name of a policy'), settings })
    .nullable()
    .default(null),
});

/** Reads a document. Total: whatever is wrong with it comes back as sentences. */
export function parseDocument(text: string): ParsedDocument {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    // A missing comma neither: nothing else in a document has a mode.
    const stops = /"mode"\s*:\s*"paused"/.test(text);
    const problem = `expected a JSON object: ${(error as Error).message}`;
    return { ok: false, problems: [problem], stops };
  }
  const stops = (raw as { mode?: unknown } | null)?.mode === 'paused';
  const parsed = documentSchema.safeParse(raw);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) =>
      path.length === 0 ? message : `${path.join('.')}: ${message}`,
    );
    return { ok: false, problems, stops };
  }
  const { mode, policy, settings: overrides, calendar, freezes, shadow } = parsed.data;
  const chosen = configurePolicy(policy, overrides);
  const beside = shadow === null ? null : configurePolicy(shadow.policy, shadow.settings);
  const problems = [...problemsOf('', chosen), ...problemsOf('shadow.', beside)];
  if (!chosen.ok || beside?.ok === false) {
    return { ok: false, problems, stops };
  }
  const { configured } = chosen;
  const document = {
    mode,
    configured,
    calendar,
    freezes,
    shadow: beside?.configured ?? null,
  };
  return { ok: true, document };
}

function problemsOf(of: string, result: PolicyResult | null): string[] {
  return result === null || result.ok
    ? []
    : result.problems.map(({ setting, message }) =>
        setting === null ? `${of}policy: ${message}` : `${of}settings: ${message}`,
      );
}

/** A document that was good, as it was written. */
interface Good {
  readonly text: string;
  readonly document: PolicyDocument;
  /** Whether the table has it. */
  kept: boolean;
}

/** The last good document that this sandbox has seen. */
export interface DocumentMemory {
  lastGood: Good | null;
}

/** Where documents come from, and where the last good one survives the sandbox. All reject with what went wrong. */
export interface DocumentSource {
  readonly read: () => Promise<string>;
  /** The last good one, as any sandbox left it; null: there never was one. */
  readonly recall: () => Promise<string | null>;
  readonly keep: (text: string) => Promise<void>;
}

/** What governs a cycle, and what people should know of how it came to that. */
export interface InForce {
  readonly document: PolicyDocument;
  readonly alarms: readonly Alarm[];
}

/**
 * The document that governs this cycle: the one that stands in the parameter; where that is bad or cannot be read, the last
 * good one, with an alarm; where there never was a good one, the deployment’s.
 *
 * @throws CallFailed where neither can be read: whether the fleet was stopped is not known then, and a cycle would guess
 */
export async function documentInForce(
  { read, recall, keep }: DocumentSource,
  memory: DocumentMemory,
  deployed: PolicyDocument,
  log: Log,
): Promise<InForce> {
  const alarms: Alarm[] = [];
  let stops = false;
  try {
    const text = await read();
    if (text !== memory.lastGood?.text) {
      const parsed = parseDocument(text);
      if (parsed.ok) {
        memory.lastGood = { text, document: parsed.document, kept: false };
      } else {
        stops = parsed.stops;
        const [first = ''] = parsed.problems;
        alarms.push({ code: 'policy-document-refused', subject: first });
        log('error', 'policy document refused', { problems: parsed.problems.join('; ') });
      }
    }
  } catch (error) {
    alarms.push({ code: 'policy-document-unreadable', subject: errorWords(error) });
    log('warn', 'policy document not read', { error: errorWords(error) });
  }
  const good = memory.lastGood;
  if (good === null) {
    memory.lastGood = await recalled(recall);
  } else if (!good.kept) {
    try {
      await keep(good.text);
      good.kept = true;
    } catch (error) {
      // The next cycle tries again.
      log('warn', 'policy document not kept', { error: errorWords(error) });
    }
  }
  const document = memory.lastGood?.document ?? deployed;
  return { document: stops ? { ...document, mode: 'paused' } : document, alarms };
}

/** The last good one. Null as well where this engine would refuse it: an older one may know less. */
async function recalled(recall: DocumentSource['recall']): Promise<Good | null> {
  let text: string | null;
  try {
    text = await recall();
  } catch (error) {
    const words = `neither the policy document nor the last good one could be read (${errorWords(error)})`;
    throw new CallFailed('refused', 'unavailable', words);
  }
  const parsed = text === null ? null : parseDocument(text);
  return text !== null && parsed?.ok === true
    ? { text, document: parsed.document, kept: true }
    : null;
}

/** The text of a parameter. */
export async function readParameter(
  client: SSMClient,
  name: string,
  signal: AbortSignal,
): Promise<string> {
  const answer = await client.send(new GetParameterCommand({ Name: name }), {
    abortSignal: signal,
  });
  return answer.Parameter?.Value ?? '';
}
