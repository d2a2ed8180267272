import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { Agent as HttpsAgent } from 'node:https';
import * as z from 'zod';
import {
  CALL_TIMEOUT_MS,
  cycle,
  doomedDrainId,
  firstBlocking,
  nodeOfInstance,
  runAsync,
  type CycleInput,
  type DecisionRecord,
  type Mode,
  type Shadow,
} from '../../engine/index.ts';
import { errorWords } from '../failure.ts';
import { KubernetesApi } from '../kubernetes/client.ts';
import { kubernetesPerformers, taintNode } from '../kubernetes/perform.ts';
import { Prometheus } from '../prometheus/prometheus.ts';
import { alarmPerformer, nothingTold, snsChannel } from './alarms.ts';
import { Clients } from './clients.ts';
import {
  alertConfig,
  ConfigError,
  scheduledConfig,
  spotConfig,
  type ScheduledConfig,
} from './config.ts';
import { diagnose, misconfigured, type Check, type Diagnosis } from './doctor.ts';
import { ec2Performers, isOurWorker } from './ec2.ts';
import { interpreter, pausePerformer } from './interpret.ts';
import { ENGINE_DIGEST, journalHeader, journalPerformer } from './journal.ts';
import { logWith, writeLine, type Log } from './log.ts';
import { embeddedMetrics, type MetricValues } from './metrics.ts';
import {
  documentInForce,
  readParameter,
  type DocumentMemory,
  type InForce,
  type PolicyDocument,
} from './policy-document.ts';
import { accessFrom, renewSecret, secret, secretSource } from './secrets.ts';
import { slackChannel } from './slack.ts';
import { startCycle } from './start-cycle.ts';
import {
  keepDocument,
  keepShadowMemory,
  keptDocument,
  markDoomed,
  setKick,
  shadowMemory,
  tablePerformers,
} from './table.ts';

/** The part of Lambda’s context that is looked at. */
export interface LambdaContext {
  readonly getRemainingTimeInMillis: () => number;
}

/** Left at the end of an invocation to close connections and return. */
const MARGIN_MS = 1_000;

const toldBySns = nothingTold();
const toldBySlack = nothingTold();

const scheduledEvent = z.object({
  trigger: z.enum(['schedule', 'spot', 'alert']).default('schedule'),
  time: z.iso.datetime({ offset: true }).optional(),
});

/** Of `npm run doctor`. It is the same function, so that what is looked at is what cycles have. */
const doctorEvent = z.object({ trigger: z.literal('doctor') });

/** What one invocation came to. */
export interface ScheduledAnswer {
  readonly decisionId: string;
  readonly outcome: DecisionRecord['outcome'];
  readonly action: string | null;
  readonly count: number;
}

/**
 * One control cycle, or a look at all that cycles rest on where a doctor asks. Rejects where the configuration is wrong or the deadline passed in the middle; whatever else fails is
 * in the record.
 */
export async function scheduled(
  event: unknown,
  context: LambdaContext,
): Promise<ScheduledAnswer | Diagnosis> {
  const calledAtMs = Date.now();
  if (doctorEvent.safeParse(event).success) {
    return { checks: await examined(context) };
  }
  const config = scheduledConfig(process.env);
  const { trigger, time } = scheduledEvent.parse(event);
  const clients = new Clients();
  try {
    const { document, alarms } = await governing(config, clients);
    const { configured, calendar, freezes } = document;
    const mode = await modeOf(document, config, clients);
    const shadow = await shadowOf(document, config, clients);
    const nowMs = Date.now();
    const { id } = config.cluster;
    const stateKey = mode === 'observe' ? `${id}#observe` : id;
    const decisionId = `${stateKey}/${String(nowMs)}`;
    const log = logWith({ decisionId, engine: ENGINE_DIGEST });
    const input: CycleInput = {
      nowMs,
      triggeredAtMs: time === undefined ? calledAtMs : Date.parse(time),
      trigger,
      deadlineMs: nowMs + context.getRemainingTimeInMillis() - MARGIN_MS,
      nonce: randomBytes(8).toString('hex'),
      mode,
      cluster: {
        ...config.cluster,
        calendar: calendar ?? config.cluster.calendar,
        ...(freezes.length === 0 ? {} : { freezes }),
      },
      configured,
      ...(shadow === null ? {} : { shadow }),
      alarms,
    };
    const record = await runCycle(config, input, clients, stateKey, decisionId, log);
    if (record === null) {
      log('error', 'deadline passed');
      throw new Error(`the deadline passed before cycle ${decisionId} was over`);
    }
    await keepShadow(record, shadow, config, clients, context, log);
    const { outcome, decided } = record;
    const action = decided?.decision.action ?? null;
    const count = decided?.decision.count ?? 0;
    log('info', 'cycle', {
      outcome,
      action,
      count,
      repair: decided?.decision.repair ?? 0,
      blockedBy: decided === null ? null : (firstBlocking(decided.explanation)?.rule ?? null),
      events: record.events.map(({ code, subject }) => `${code} ${subject}`.trim()).join(', '),
    });
    return { decisionId, outcome, action, count };
  } finally {
    // Every effect is settled by now; no connection outlives the invocation (S7).
    clients.close();
  }
}

/** Looks at all that a cycle rests on, and changes nothing that one looks at. */
async function examined(context: LambdaContext): Promise<readonly Check[]> {
  const remainingMs = context.getRemainingTimeInMillis();
  let config: ScheduledConfig;
  try {
    config = scheduledConfig(process.env);
  } catch (error) {
    if (error instanceof ConfigError) {
      return [misconfigured(error.message)];
    }
    throw error;
  }
  const clients = new Clients();
  const { cluster, stateTable, policyParameter, slackSecret } = config;
  const access = accessFrom(clients.secrets, config.kubernetesSecret);
  const prometheus = new Prometheus(config.prometheusUrl);
  const api = new KubernetesApi(config.kubernetesUrl, access);
  const key = `${cluster.id}#doctor`;
  const { appendJournal } = journalPerformer(clients.dynamo, {
    table: config.journalTable,
    key,
    days: 1,
    header: journalHeader(cluster, config.configured),
  });
  const nowMs = Date.now();
  const nothing: DecisionRecord = {
    startedAtMs: nowMs,
    epoch: 0,
    outcome: 'too-soon',
    decided: null,
    events: [],
  };
  try {
    const settings = await settingsInForce(config, clients);
    return await diagnose({
      config,
      nodeCountMax: settings.nodeCountMax,
      spotPercent: settings.spotPercent,
      onDemandBase: settings.onDemandBase,
      remainingMs,
      ec2: clients.reading,
      quotas: clients.quotas,
      sns: clients.sns,
      api,
      prometheus,
      writes: {
        'state table': (wait) => setKick(clients.dynamo, stateTable, key, nowMs, wait),
        'journal table': async (wait) => {
          await appendJournal({ kind: 'appendJournal', record: nothing }, wait);
        },
      },
      secrets: {
        'kubernetes access': async (wait) => {
          await access.renew(wait);
        },
        ...(slackSecret === null
          ? {}
          : {
              'slack webhook': async (wait: AbortSignal) => {
                await renewSecret(clients.secrets, slackSecret, wait);
              },
            }),
      },
      document:
        policyParameter === null
          ? null
          : () => readParameter(clients.ssm, policyParameter, signal()),
      clock: Date.now,
    });
  } finally {
    clients.close();
    prometheus.close();
    api.close();
  }
}

/** What the document says, or the deployment where it cannot be read: that is a check of its own. */
async function settingsInForce(config: ScheduledConfig, clients: Clients) {
  const { configured } = await governing(config, clients).then(
    ({ document }) => document,
    () => config,
  );
  return configured.settings;
}

const documents: DocumentMemory = { lastGood: null };
/** A cycle that waits longer for its policy document goes by the last good one. */
const DOCUMENT_WAIT_MS = 2_000;

/** The policy document in force, if there is one at all; otherwise what the deployment says. */
async function governing(config: ScheduledConfig, { ssm, dynamo }: Clients): Promise<InForce> {
  const { policyParameter, policyKey, stateTable, mode, configured } = config;
  const deployed = { mode, configured, calendar: null, freezes: [], shadow: null };
  if (policyParameter === null) {
    return { document: deployed, alarms: [] };
  }
  const wait = (): AbortSignal => AbortSignal.timeout(DOCUMENT_WAIT_MS);
  return documentInForce(
    {
      read: () => readParameter(ssm, policyParameter, wait()),
      recall: () => keptDocument(dynamo, stateTable, policyKey, wait()),
      keep: (text) => keepDocument(dynamo, stateTable, policyKey, text, wait()),
    },
    documents,
    deployed,
    logWith({ cluster: config.cluster.id }),
  );
}

/**
 * The mode of this cycle. Who only observes changes nothing, so what is in flight is ended first, as `paused` does: otherwise a
 * node would stay tainted for as long as that lasts (S25).
 */
async function modeOf(
  { mode }: PolicyDocument,
  { cluster, stateTable, inboxKey }: ScheduledConfig,
  { dynamo }: Clients,
): Promise<Mode> {
  if (mode !== 'observe') {
    return mode;
  }
  const live = { table: stateTable, stateKey: cluster.id, inboxKey };
  try {
    const wait = AbortSignal.timeout(DOCUMENT_WAIT_MS);
    const read = await tablePerformers(dynamo, live).readLock({ kind: 'readLock' }, wait);
    const isDraining =
      read.ok && read.stored.kind === 'known' && read.stored.state.drains.length > 0;
    return isDraining ? 'paused' : mode;
  } catch {
    return mode;
  }
}

/** The shadow policy with its memory; null: there is none, or what it remembers cannot be read now. */
async function shadowOf(
  { shadow }: PolicyDocument,
  { stateTable, shadowKey, cluster }: ScheduledConfig,
  { dynamo }: Clients,
): Promise<Shadow | null> {
  if (shadow === null) {
    return null;
  }
  const { name } = shadow.policy;
  try {
    const wait = AbortSignal.timeout(DOCUMENT_WAIT_MS);
    const memory = await shadowMemory(dynamo, stateTable, shadowKey, name, wait);
    return { configured: shadow, memory };
  } catch (error) {
    logWith({ cluster: cluster.id })('warn', 'no shadow', { error: errorWords(error) });
    return null;
  }
}

/** Keeps what the shadow remembers now. Where that fails it goes on from what it remembered before. */
async function keepShadow(
  { decided }: DecisionRecord,
  shadow: Shadow | null,
  { stateTable, shadowKey }: ScheduledConfig,
  { dynamo }: Clients,
  context: LambdaContext,
  log: Log,
): Promise<void> {
  const memory = decided?.shadow?.memory;
  const leftMs = context.getRemainingTimeInMillis() - MARGIN_MS;
  if (shadow === null || memory === undefined || leftMs <= 0) {
    return;
  }
  try {
    const wait = AbortSignal.timeout(Math.min(leftMs, DOCUMENT_WAIT_MS));
    const { name } = shadow.configured.policy;
    await keepShadowMemory(dynamo, stateTable, shadowKey, name, memory, wait);
  } catch (error) {
    log('warn', 'shadow memory not kept', { error: errorWords(error) });
  }
}

async function runCycle(
  config: ScheduledConfig,
  input: CycleInput,
  clients: Clients,
  stateKey: string,
  decisionId: string,
  log: Log,
): Promise<DecisionRecord | null> {
  const { cluster, configured } = input;
  const clock = Date.now;
  const prometheus = new Prometheus(config.prometheusUrl);
  const api = new KubernetesApi(
    config.kubernetesUrl,
    accessFrom(clients.secrets, config.kubernetesSecret),
  );
  const publish = (values: MetricValues): void => {
    const line = embeddedMetrics(config.metricNamespace, cluster.id, clock(), values);
    if (line !== null) {
      writeLine(line);
    }
  };
  const slack = new HttpsAgent();
  const { slackSecret } = config;
  const webhook = slackSecret === null ? null : secretSource(clients.secrets, slackSecret);
  const alarms = alarmPerformer(
    [
      snsChannel(clients.sns, config.alarmTopic, toldBySns),
      ...(webhook === null ? [] : [slackChannel(webhook, slack, toldBySlack)]),
    ],
    { clusterId: cluster.id, decisionId },
    clock,
    log,
  );
  const interpret = interpreter(
    {
      ...tablePerformers(clients.dynamo, {
        table: config.stateTable,
        stateKey,
        inboxKey: config.inboxKey,
      }),
      ...ec2Performers(clients.reading, clients.ec2, {
        clusterId: cluster.id,
        templates: config.templates,
        subnets: config.subnets,
      }),
      ...kubernetesPerformers(api),
      ...pausePerformer(clock),
      ...journalPerformer(clients.dynamo, {
        table: config.journalTable,
        key: stateKey,
        days: config.journalDays,
        header: journalHeader(cluster, configured, input.shadow?.configured),
      }),
      queryMetrics: ({ atMs, custom }, signal) => prometheus.queryMetrics(atMs, custom, signal),
      publishMetrics: ({ workers, ready, inFlight, doomed, pending }) => {
        publish({
          Workers: workers,
          Ready: ready,
          InFlight: inFlight,
          Doomed: doomed,
          PendingPods: pending,
        });
        return Promise.resolve({ ok: true });
      },
      notify: (effect, signal) => {
        publish({ Alarms: effect.alarms.length });
        return alarms.notify(effect, signal);
      },
    },
    clock,
    log,
  );
  try {
    return await runAsync(cycle(input), interpret, input.deadlineMs);
  } finally {
    prometheus.close();
    api.close();
    slack.destroy();
  }
}

/** A spot notice is good for two minutes (S2). */
const NOTICE_MAX_AGE_MS = 120_000;
const NOTICE = 'EC2 Spot Instance Interruption Warning';
const HINT = 'EC2 Instance Rebalance Recommendation';

const spotEvent = z.object({
  'detail-type': z.enum([NOTICE, HINT]),
  time: z.iso.datetime({ offset: true }),
  detail: z.object({ 'instance-id': z.string().regex(/^i-[0-9a-f]+$/) }),
});

/**
 * Marks a worker that AWS takes back, without the lock, taints its node (S2), and starts a cycle ahead of its time. For a hint
 * nothing is tainted: the replacement comes first (S23). Rejects where the mark could not be written, so that Lambda asks again
 * within its two minutes.
 */
export async function spot(event: unknown): Promise<{ readonly outcome: string }> {
  const nowMs = Date.now();
  const config = spotConfig(process.env);
  const parsed = spotEvent.parse(event);
  const instanceId = parsed.detail['instance-id'];
  const markedAtMs = Date.parse(parsed.time);
  const log = logWith({ instanceId, event: parsed['detail-type'] });
  const ended = (outcome: string): { readonly outcome: string } => {
    log('info', 'spot event', { outcome });
    return { outcome };
  };
  if (nowMs - markedAtMs > NOTICE_MAX_AGE_MS) {
    return ended('too-old');
  }
  const clients = new Clients();
  const api = new KubernetesApi(
    config.kubernetesUrl,
    accessFrom(clients.secrets, config.kubernetesSecret),
  );
  try {
    // Where EC2 does not say, it is marked all the same: cycles clear the mark of an instance that is not theirs.
    const ours = await isOurWorker(clients.reading, config.clusterId, instanceId, signal()).catch(
      () => true,
    );
    if (!ours) {
      return ended('not-ours');
    }
    const cause = parsed['detail-type'] === NOTICE ? 'reclaim' : 'rebalance';
    const { stateTable, inboxKey } = config;
    const mark = { instanceId, cause, markedAtMs } as const;
    await markDoomed(clients.dynamo, stateTable, inboxKey, mark, signal());
    const started = startEarly(clients, config.autoscaler, 'spot', markedAtMs, log);
    if (cause === 'rebalance') {
      await started;
      return ended('marked');
    }
    // What could not be tainted here is tainted by the cycle.
    const tainted = await taintDoomed(api, instanceId).catch((error: unknown) => {
      log('warn', 'not tainted', { error: errorWords(error) });
      return false;
    });
    await started;
    return ended(tainted ? 'marked-and-tainted' : 'marked');
  } finally {
    clients.close();
    api.close();
  }
}

/** Starts a cycle ahead of its time; where that fails the next tick is soon enough, and the log says so. */
async function startEarly(
  clients: Clients,
  autoscaler: string,
  trigger: 'spot' | 'alert',
  atMs: number,
  log: Log,
): Promise<void> {
  try {
    await startCycle(clients.lambda, autoscaler, trigger, atMs, signal());
  } catch (error) {
    log('warn', 'no early cycle', { error: errorWords(error) });
  }
}

async function taintDoomed(api: KubernetesApi, instanceId: string): Promise<boolean> {
  const listed = await kubernetesPerformers(api).listNodes({ kind: 'listNodes' }, signal());
  const node = listed.ok ? nodeOfInstance(instanceId, listed.nodes, null) : undefined;
  if (node === undefined) {
    return false;
  }
  const { name, resourceVersion } = node;
  const drainId = doomedDrainId(instanceId);
  const answer = await taintNode(api, name, drainId, resourceVersion, signal());
  return answer.ok;
}

const alertEvent = z.object({
  headers: z.record(z.string(), z.string()).default({}),
  requestContext: z.object({ http: z.object({ method: z.string() }) }),
});

/** A wrong token makes us read the right one anew at most this often: anyone may knock. */
const RENEW_EVERY_MS = 60_000;
let renewedAtMs = -Infinity;

/**
 * Hears from Alertmanager, over a function URL, that pods find no room: leaves a kick and starts a cycle, which leaves the kick
 * to the next where one has only just been (S19). Answers 202; 401 to a wrong bearer token; 503 where the kick could not be left, so that Alertmanager comes again.
 */
export async function alert(event: unknown): Promise<{ readonly statusCode: number }> {
  const nowMs = Date.now();
  const config = alertConfig(process.env);
  const { headers, requestContext } = alertEvent.parse(event);
  const log = logWith({ cluster: config.clusterId });
  const ended = (statusCode: number): { readonly statusCode: number } => {
    log('info', 'alert', { statusCode });
    return { statusCode };
  };
  if (requestContext.http.method !== 'POST') {
    return ended(405);
  }
  const clients = new Clients();
  try {
    const given = headers['authorization'] ?? '';
    const id = config.alertSecret;
    let known = isSame(given, `Bearer ${await secret(clients.secrets, id, signal())}`);
    if (!known && nowMs - renewedAtMs >= RENEW_EVERY_MS) {
      renewedAtMs = nowMs;
      known = isSame(given, `Bearer ${await renewSecret(clients.secrets, id, signal())}`);
    }
    if (!known) {
      return ended(401);
    }
    await setKick(clients.dynamo, config.stateTable, config.inboxKey, nowMs, signal());
    await startEarly(clients, config.autoscaler, 'alert', nowMs, log);
    return ended(202);
  } catch (error) {
    log('error', 'no kick', { error: errorWords(error) });
    return ended(503);
  } finally {
    clients.close();
  }
}

/** Compares by digest, in a time that says nothing of where they differ. */
function isSame(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

function signal(): AbortSignal {
  return AbortSignal.timeout(CALL_TIMEOUT_MS);
}
