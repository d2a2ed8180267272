import * as z from 'zod';
import {
  configurePolicy,
  MODES,
  type Cluster,
  type ConfiguredPolicy,
  type Market,
  type Mode,
} from '../../engine/index.ts';

/** The environment says something that we cannot work with; one line for each problem. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** What the scheduled function needs to know. */
export interface ScheduledConfig {
  readonly cluster: Cluster;
  /** What governs until there has been a policy document, and where there is none. */
  readonly mode: Mode;
  readonly configured: ConfiguredPolicy;
  /** The parameter with the policy document, and the item that keeps the last good one. */
  readonly policyParameter: string | null;
  readonly policyKey: string;
  /** The item in which a shadow policy remembers. */
  readonly shadowKey: string;
  readonly templates: Readonly<Record<Market, string>>;
  readonly subnets: Readonly<Record<string, string>>;
  readonly stateTable: string;
  readonly inboxKey: string;
  readonly journalTable: string;
  readonly journalDays: number;
  readonly kubernetesUrl: string;
  readonly kubernetesSecret: string;
  readonly prometheusUrl: string;
  readonly alarmTopic: string;
  /** The secret with Slack’s webhook; null: nobody is told there. */
  readonly slackSecret: string | null;
  readonly metricNamespace: string;
}

interface IngestConfig {
  readonly clusterId: string;
  /** The scheduled function: its name, or its ARN. */
  readonly autoscaler: string;
  readonly stateTable: string;
  readonly inboxKey: string;
}

export interface SpotConfig extends IngestConfig {
  readonly kubernetesUrl: string;
  readonly kubernetesSecret: string;
}

export interface AlertConfig extends IngestConfig {
  readonly alertSecret: string;
}

const text = z.string('expected a value, got nothing').min(1, 'expected a value, got an empty one');

function url(protocol: RegExp, expected: string) {
  return z.url({ protocol, error: `expected ${expected}` });
}

function json<T>(schema: z.ZodType<T>) {
  return text.transform((value, context): T => {
    let parsed: unknown;
    try {
      parsed = JSON.parse(value);
    } catch {
      context.addIssue({ code: 'custom', message: `expected JSON, got ${value}` });
      return z.NEVER;
    }
    const result = schema.safeParse(parsed);
    if (!result.success) {
      for (const { path, message } of result.error.issues) {
        const where = path.length === 0 ? '' : `${path.join('.')}: `;
        context.addIssue({ code: 'custom', message: `${where}${message}` });
      }
      return z.NEVER;
    }
    return result.data;
  });
}

const cluster: z.ZodType<Cluster> = z.object({
  id: text,
  zones: z.array(text).min(1),
  template: z.object({
    allocatableMillicpu: z.int().positive(),
    allocatableMib: z.int().positive(),
  }),
  templateVersion: z.string().regex(/^\d+\/\d+$/, 'expected ON-DEMAND/SPOT, such as 3/4'),
  onDemandBdtPerHour: z.number().nonnegative(),
  spotBdtPerHour: z.number().nonnegative(),
  calendar: z.array(z.object({ name: z.string(), startAtMs: z.int(), endAtMs: z.int() })),
  timeZoneOffsetMinutes: z.int().min(-840).max(840).default(360),
  // Nobody is simulated here.
  operatorDelaysMs: z.tuple([]).default([]),
});

const inbox = { NODE_FLEET_STATE_TABLE: text, NODE_FLEET_INBOX_KEY: text };
const kubernetes = {
  NODE_FLEET_KUBERNETES_URL: url(/^https$/, 'an https address'),
  NODE_FLEET_KUBERNETES_SECRET: text,
};

const scheduledSchema = z.object({
  ...inbox,
  ...kubernetes,
  NODE_FLEET_CLUSTER: json(cluster),
  NODE_FLEET_MODE: z.enum(MODES, `expected one of ${MODES.join(', ')}`),
  NODE_FLEET_POLICY: text,
  NODE_FLEET_SETTINGS: json(z.record(z.string(), z.number())),
  NODE_FLEET_POLICY_PARAMETER: text.optional(),
  NODE_FLEET_TEMPLATES: json(z.object({ 'on-demand': text, spot: text })),
  NODE_FLEET_SUBNETS: json(z.record(z.string(), text)),
  NODE_FLEET_JOURNAL_TABLE: text,
  NODE_FLEET_JOURNAL_DAYS: z.coerce.number('expected a number of days').positive(),
  NODE_FLEET_PROMETHEUS_URL: url(/^https?$/, 'an http address'),
  NODE_FLEET_ALARM_TOPIC: text,
  NODE_FLEET_SLACK_SECRET: text.optional(),
  NODE_FLEET_METRIC_NAMESPACE: text,
});

const ingest = { ...inbox, NODE_FLEET_CLUSTER_ID: text, NODE_FLEET_AUTOSCALER: text };
const spotSchema = z.object({ ...ingest, ...kubernetes });
const alertSchema = z.object({ ...ingest, NODE_FLEET_ALERT_SECRET: text });

/** @throws ConfigError naming each variable that is missing or wrong, and what was expected */
function read<T>(schema: z.ZodType<T>, environment: Environment): T {
  const result = schema.safeParse(environment);
  if (result.success) {
    return result.data;
  }
  throw new ConfigError(
    result.error.issues.map(({ path, message }) => `${String(path[0])}: ${message}`).join('\n'),
  );
}

/** @throws ConfigError */
export function scheduledConfig(environment: Environment): ScheduledConfig {
  const values = read(scheduledSchema, environment);
  const chosen = configurePolicy(values.NODE_FLEET_POLICY, values.NODE_FLEET_SETTINGS);
  if (!chosen.ok) {
    const problems = chosen.problems.map(
      ({ setting, message }) =>
        `${setting === null ? 'NODE_FLEET_POLICY' : 'NODE_FLEET_SETTINGS'}: ${message}`,
    );
    throw new ConfigError(problems.join('\n'));
  }
  const missing = values.NODE_FLEET_CLUSTER.zones.filter(
    (zone) => !(zone in values.NODE_FLEET_SUBNETS),
  );
  if (missing.length > 0) {
    throw new ConfigError(`NODE_FLEET_SUBNETS: expected a subnet for ${missing.join(', ')}`);
  }
  return {
    cluster: values.NODE_FLEET_CLUSTER,
    mode: values.NODE_FLEET_MODE,
    configured: chosen.configured,
    policyParameter: values.NODE_FLEET_POLICY_PARAMETER ?? null,
    policyKey: `${values.NODE_FLEET_CLUSTER.id}#policy`,
    shadowKey: `${values.NODE_FLEET_CLUSTER.id}#shadow`,
    templates: values.NODE_FLEET_TEMPLATES,
    subnets: values.NODE_FLEET_SUBNETS,
    stateTable: values.NODE_FLEET_STATE_TABLE,
    inboxKey: values.NODE_FLEET_INBOX_KEY,
    journalTable: values.NODE_FLEET_JOURNAL_TABLE,
    journalDays: values.NODE_FLEET_JOURNAL_DAYS,
    kubernetesUrl: values.NODE_FLEET_KUBERNETES_URL,
    kubernetesSecret: values.NODE_FLEET_KUBERNETES_SECRET,
    prometheusUrl: values.NODE_FLEET_PROMETHEUS_URL,
    alarmTopic: values.NODE_FLEET_ALARM_TOPIC,
    slackSecret: values.NODE_FLEET_SLACK_SECRET ?? null,
    metricNamespace: values.NODE_FLEET_METRIC_NAMESPACE,
  };
}

/** What both functions that leave something in the inbox need to know. */
function ingestConfig(values: z.infer<z.ZodObject<typeof ingest>>): IngestConfig {
  return {
    clusterId: values.NODE_FLEET_CLUSTER_ID,
    autoscaler: values.NODE_FLEET_AUTOSCALER,
    stateTable: values.NODE_FLEET_STATE_TABLE,
    inboxKey: values.NODE_FLEET_INBOX_KEY,
  };
}

/** @throws ConfigError */
export function spotConfig(environment: Environment): SpotConfig {
  const values = read(spotSchema, environment);
  return {
    ...ingestConfig(values),
    kubernetesUrl: values.NODE_FLEET_KUBERNETES_URL,
    kubernetesSecret: values.NODE_FLEET_KUBERNETES_SECRET,
  };
}

/** @throws ConfigError */
export function alertConfig(environment: Environment): AlertConfig {
  const values = read(alertSchema, environment);
  return { ...ingestConfig(values), alertSecret: values.NODE_FLEET_ALERT_SECRET };
}
