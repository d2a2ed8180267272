import {
  DescribeLaunchTemplateVersionsCommand,
  DescribeSubnetsCommand,
  RunInstancesCommand,
  TerminateInstancesCommand,
  type EC2Client,
} from '@aws-sdk/client-ec2';
import { GetServiceQuotaCommand, type ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { GetTopicAttributesCommand, type SNSClient } from '@aws-sdk/client-sns';
import {
  CALL_TIMEOUT_MS,
  CLOCK_SKEW_MS,
  isAlive,
  LOCK_MS,
  METRIC_NAMES,
  MARKETS,
  type Market,
  type Metrics,
  type PinReason,
  type Pods,
} from '../../engine/index.ts';
import type { AnswerTo } from '../answer.ts';
import { errorWords } from '../failure.ts';
import type { KubernetesApi } from '../kubernetes/client.ts';
import type { DisruptionBudgetObject } from '../kubernetes/objects.ts';
import { evictPod, kubernetesPerformers } from '../kubernetes/perform.ts';
import type { Prometheus } from '../prometheus/prometheus.ts';
import type { ScheduledConfig } from './config.ts';
import { ec2Performers, runInstancesRequest } from './ec2.ts';
import { parseDocument } from './policy-document.ts';

/** What was looked at, what was found, and what to do about it; '' where nothing is to be done. */
export interface Check {
  readonly check: string;
  readonly verdict: 'ok' | 'warn' | 'fail';
  readonly found: string;
  readonly advice: string;
}

/** What the functions answer a doctor. */
export interface Diagnosis {
  readonly checks: readonly Check[];
}

/** Everything that checks look at. Each call goes with the function’s own role, from where it stands. */
export interface Surroundings {
  readonly config: ScheduledConfig;
  /** The largest fleet that the policy in force allows. */
  readonly nodeCountMax: number;
  readonly spotPercent: number;
  readonly onDemandBase: number;
  /** What is left of the invocation, ms. */
  readonly remainingMs: number;
  readonly ec2: Pick<EC2Client, 'send'>;
  readonly quotas: Pick<ServiceQuotasClient, 'send'>;
  readonly sns: Pick<SNSClient, 'send'>;
  readonly api: Pick<KubernetesApi, 'list' | 'call'>;
  readonly prometheus: Pick<Prometheus, 'queryMetrics'>;
  /** Writes to each item that a cycle writes to, beside the ones that matter. */
  readonly writes: Readonly<Record<string, (signal: AbortSignal) => Promise<void>>>;
  /** Reads each secret that a cycle reads. */
  readonly secrets: Readonly<Record<string, (signal: AbortSignal) => Promise<void>>>;
  /** The policy document as it stands; null: there is none to be read. */
  readonly document: (() => Promise<string>) | null;
  readonly clock: () => number;
}

const ok = (check: string, found: string): Check => ({ check, verdict: 'ok', found, advice: '' });
const warn = (check: string, found: string, advice: string): Check => ({
  check,
  verdict: 'warn',
  found,
  advice,
});
const fail = (check: string, found: string, advice: string): Check => ({
  check,
  verdict: 'fail',
  found,
  advice,
});

function signal(): AbortSignal {
  return AbortSignal.timeout(CALL_TIMEOUT_MS);
}

/** Looks at all that a cycle rests on. Total: what cannot be looked at is a check that failed. */
export async function diagnose(around: Surroundings): Promise<Check[]> {
  const checks = await Promise.all([
    judgeLease(around.remainingMs),
    ...each('write', around.writes, 'let its role write its items: see infra/access.ts'),
    ...each('secret', around.secrets, 'write the secret, or let its role read it'),
    ...MARKETS.map((market) => attempt(`template ${market}`, () => templateOf(around, market))),
    ...MARKETS.flatMap((market) =>
      around.config.cluster.zones.map((zone) =>
        attempt(`launch ${market} in ${zone}`, () => dryLaunch(around, market, zone)),
      ),
    ),
    attempt('terminate', () => dryTerminate(around)),
    attempt('subnets', async () => judgeSubnets(await addresses(around), around.nodeCountMax)),
    ...MARKETS.map((market) => attempt(`quota ${market}`, () => quotaOf(around, market))),
    attempt('kubernetes pods', async () => judgePods(await podsIn(around))),
    attempt('evict', () => dryEvict(around)),
    attempt('disruption budgets', async () => judgeBudgets(await budgetsIn(around))),
    attempt('prometheus', async () => {
      const answer = await around.prometheus.queryMetrics(around.clock(), [], signal());
      return answer.ok ? judgeReadings(answer.metrics) : unreached('prometheus', answer.reason);
    }),
    attempt('alarm topic', () => topicOf(around)),
    attempt('policy document', async () => judgeDocument((await around.document?.()) ?? null)),
    attempt('clock', async () => {
      const answer = await around.prometheus.queryMetrics(around.clock(), [], signal());
      return answer.ok
        ? judgeClock(answer.metrics, around.clock())
        : unreached('clock', answer.reason);
    }),
  ]);
  return checks;
}

function each(
  what: string,
  calls: Readonly<Record<string, (signal: AbortSignal) => Promise<void>>>,
  advice: string,
): Promise<Check>[] {
  return Object.entries(calls).map(async ([name, call]) => {
    const check = `${what} ${name}`;
    try {
      await call(signal());
      return ok(check, 'done');
    } catch (error) {
      return fail(check, errorWords(error), advice);
    }
  });
}

async function attempt(check: string, look: () => Promise<Check>): Promise<Check> {
  try {
    return await look();
  } catch (error) {
    return unreached(check, errorWords(error));
  }
}

function unreached(check: string, why: string): Check {
  return fail(
    check,
    why,
    'see that it runs, that the way to it is open, and that the role may ask',
  );
}

/** Whether the policy document would be taken. */
export function judgeDocument(text: string | null): Check {
  const check = 'policy document';
  if (text === null) {
    return warn(check, 'none: the environment alone governs', 'see NODE_FLEET_POLICY_PARAMETER');
  }
  const parsed = parseDocument(text);
  if (!parsed.ok) {
    return fail(check, parsed.problems.join('; '), 'put a right one: the last good one governs');
  }
  const { mode, configured, freezes, shadow } = parsed.document;
  const { nodeCountMin, nodeCountMax } = configured.settings;
  const found = [
    `${mode}, by ${configured.policy.name}, ${String(nodeCountMin)} to ${String(nodeCountMax)} workers`,
    ...(freezes.length === 0 ? [] : [`freezes: ${freezes.map(({ name }) => name).join(' and ')}`]),
    ...(shadow === null ? [] : [`in its shadow ${shadow.policy.name}`]),
  ].join('; ');
  return mode === 'act' ? ok(check, found) : warn(check, found, 'with mode act it would scale');
}

/** That the environment cannot be worked with, so that nothing else can be looked at. */
export function misconfigured(words: string): Check {
  return fail('environment', words.replaceAll('\n', '; '), 'run pulumi up');
}

/** Whether whatever a cycle begins ends inside its lease, by any clock (S8). */
export function judgeLease(remainingMs: number): Check {
  const spareMs = LOCK_MS - 2 * CLOCK_SKEW_MS - remainingMs;
  const found = `${String(Math.round(remainingMs / 1000))} s for a cycle`;
  return spareMs >= 0
    ? ok('timeout', found)
    : fail('timeout', found, `set it to at most ${String((LOCK_MS - 2 * CLOCK_SKEW_MS) / 1000)} s`);
}

async function templateOf({ ec2, config }: Surroundings, market: Market): Promise<Check> {
  const version = versionOf(config, market);
  const id = config.templates[market];
  const { LaunchTemplateVersions = [] } = await ec2.send(
    new DescribeLaunchTemplateVersionsCommand({ LaunchTemplateId: id, Versions: [version] }),
    { abortSignal: signal() },
  );
  const check = `template ${market}`;
  return LaunchTemplateVersions.length === 1
    ? ok(check, `${id} has version ${version}`)
    : fail(
        check,
        `${id} has no version ${version}`,
        'run pulumi up: intents pin that version (S5)',
      );
}

function versionOf({ cluster }: ScheduledConfig, market: Market): string {
  const [onDemand = '', spot = ''] = cluster.templateVersion.split('/');
  return market === 'spot' ? spot : onDemand;
}

/** A launch as a cycle would send it, but for `DryRun`. */
async function dryLaunch(around: Surroundings, market: Market, zone: string): Promise<Check> {
  const { config, ec2, clock } = around;
  const request = runInstancesRequest(
    {
      clientToken: `doctor-${String(clock())}`,
      zone,
      market,
      count: 1,
      templateVersion: config.cluster.templateVersion,
      intentId: 'doctor',
      birthEpoch: 0,
    },
    { clusterId: config.cluster.id, templates: config.templates, subnets: config.subnets },
  );
  const check = `launch ${market} in ${zone}`;
  if (request === null) {
    return fail(check, `no subnet for ${zone}`, 'see NODE_FLEET_SUBNETS');
  }
  const command = new RunInstancesCommand({ ...request, DryRun: true });
  return judgeDryRun(check, await refusalOf(ec2.send(command, { abortSignal: signal() })));
}

/** A removal of a worker that is there, but for `DryRun`. */
async function dryTerminate({ config, ec2 }: Surroundings): Promise<Check> {
  const facts = {
    clusterId: config.cluster.id,
    templates: config.templates,
    subnets: config.subnets,
  };
  const client = ec2 as EC2Client;
  const { listInstances } = ec2Performers(client, client, facts);
  const listed = await listInstances({ kind: 'listInstances' }, signal());
  const worker = listed.ok ? listed.instances.find(isAlive) : undefined;
  if (worker === undefined) {
    return warn('terminate', 'no worker to try it on', 'ask again when there is one');
  }
  const command = new TerminateInstancesCommand({ InstanceIds: [worker.id], DryRun: true });
  return judgeDryRun('terminate', await refusalOf(ec2.send(command, { abortSignal: signal() })));
}

async function refusalOf(sent: Promise<unknown>): Promise<string> {
  try {
    await sent;
    return '';
  } catch (error) {
    return (error as { name?: string }).name ?? 'Error';
  }
}

/** EC2 answers a dry run that would have gone through with `DryRunOperation`. */
export function judgeDryRun(check: string, refusal: string): Check {
  switch (refusal) {
    case 'DryRunOperation':
      return ok(check, 'would go through');
    case 'UnauthorizedOperation':
      return fail(check, 'not permitted', 'see the role against infra/access.ts');
    default:
      return fail(check, refusal === '' ? 'no refusal' : refusal, 'see what EC2 means by that');
  }
}

async function addresses({ ec2, config }: Surroundings): Promise<Record<string, number>> {
  const { Subnets = [] } = await ec2.send(
    new DescribeSubnetsCommand({ SubnetIds: Object.values(config.subnets) }),
    { abortSignal: signal() },
  );
  return Object.fromEntries(
    Object.entries(config.subnets).map(([zone, id]) => [
      zone,
      Subnets.find(({ SubnetId }) => SubnetId === id)?.AvailableIpAddressCount ?? 0,
    ]),
  );
}

/** Whether max fits into the subnets: all of it, and without any one of them, for a zone may be out. */
export function judgeSubnets(free: Readonly<Record<string, number>>, nodeCountMax: number): Check {
  const counts = Object.values(free);
  const all = counts.reduce((sum, count) => sum + count, 0);
  const found = Object.entries(free)
    .map(([zone, count]) => `${zone}: ${String(count)} free`)
    .join(', ');
  const advice = `of at most ${String(nodeCountMax)} workers each needs one: give larger subnets, or lower nodeCountMax`;
  if (all < nodeCountMax) {
    return fail('subnets', found, advice);
  }
  return counts.length > 1 && all - Math.max(...counts) < nodeCountMax
    ? warn('subnets', `${found}: too few where the largest is out`, advice)
    : ok('subnets', found);
}

/** EC2’s quotas of vCPUs: of standard families, on demand and spot. */
const QUOTAS: Readonly<Record<Market, string>> = { 'on-demand': 'L-1216C47A', spot: 'L-34B43A08' };
const MILLI = 1000;

async function quotaOf(around: Surroundings, market: Market): Promise<Check> {
  const { quotas, nodeCountMax, spotPercent, onDemandBase, config } = around;
  const { Quota } = await quotas.send(
    new GetServiceQuotaCommand({ ServiceCode: 'ec2', QuotaCode: QUOTAS[market] }),
    { abortSignal: signal() },
  );
  const above = Math.max(0, nodeCountMax - onDemandBase);
  const spot = Math.floor((above * spotPercent) / 100);
  const nodes = market === 'spot' ? spot : nodeCountMax - spot;
  const vcpus = Math.ceil(config.cluster.template.allocatableMillicpu / MILLI);
  return judgeQuota(market, Quota?.Value ?? 0, nodes * vcpus, nodeCountMax * vcpus);
}

/**
 * Whether a quota allows max: at its usual share of this market, and all of it, which is what is left when the other market
 * refuses. Others in the account use of it too.
 */
export function judgeQuota(market: Market, quota: number, usual: number, all: number): Check {
  const check = `quota ${market}`;
  const found = `${String(quota)} vCPUs of standard families; max needs ${String(usual)} of them, ${String(all)} where the other market refuses`;
  const advice = `ask AWS for more of ${QUOTAS[market]}, or lower nodeCountMax`;
  if (quota < usual) {
    return fail(check, found, advice);
  }
  return quota < all ? warn(check, found, advice) : ok(check, found);
}

async function podsIn({ api }: Surroundings): Promise<Pods> {
  const performers = kubernetesPerformers(api as KubernetesApi);
  const answer = await performers.listPods({ kind: 'listPods' }, signal());
  if (!answer.ok) {
    throw new Error(answer.reason);
  }
  return answer.pods;
}

/** Pods that keep their node from ever being removed, by why. */
export function judgePods({ shapes, perNode }: Pods): Check {
  const counts = new Map<PinReason, number>();
  let nodes = 0;
  for (const { counts: onNode } of perNode) {
    let pinned = false;
    onNode.forEach((count, s) => {
      const why = shapes[s]!.pinnedBy;
      if (why !== null && count > 0) {
        counts.set(why, (counts.get(why) ?? 0) + count);
        pinned = true;
      }
    });
    nodes += pinned ? 1 : 0;
  }
  const found = [...counts].map(([why, count]) => `${why}: ${String(count)}`).sort();
  return found.length === 0
    ? ok('kubernetes pods', 'every pod may be moved')
    : warn(
        'kubernetes pods',
        `nodes with pods that may not be moved: ${String(nodes)} (${found.join(', ')})`,
        'give such pods a second replica or a budget that allows one, or a place on the master',
      );
}

/** An eviction of a pod that may be moved, but for `dryRun`. */
async function dryEvict({ api }: Surroundings): Promise<Check> {
  const { listNodes, listNodePods } = kubernetesPerformers(api as KubernetesApi);
  const listed = await listNodes({ kind: 'listNodes' }, signal());
  if (!listed.ok) {
    throw new Error(listed.reason);
  }
  const workers = listed.nodes.filter(({ controlPlane }) => !controlPlane);
  for (const { name: nodeName } of workers) {
    const on = await listNodePods({ kind: 'listNodePods', nodeName }, signal());
    const pod = on.ok ? on.pods.find(({ pinnedBy }) => pinnedBy === null) : undefined;
    if (pod !== undefined) {
      return judgeEviction(await evictPod(api, pod, signal(), { dryRun: true }));
    }
  }
  return warn('evict', 'no pod to try it on', 'ask again when a worker has one that may be moved');
}

/** Whether an eviction would go through, or be refused only by a budget. */
export function judgeEviction(answer: AnswerTo<'evictPod'>): Check {
  if (answer.ok) {
    return ok('evict', 'would go through');
  }
  return warn(
    'evict',
    `permitted, but ${answer.reason}`,
    answer.reason === 'not-found' ? 'the pod went meanwhile: ask again' : 'see the budgets',
  );
}

async function budgetsIn({ api }: Surroundings): Promise<readonly DisruptionBudgetObject[]> {
  const listed = await api.list('/apis/policy/v1/poddisruptionbudgets', signal());
  return listed as readonly DisruptionBudgetObject[];
}

/** Budgets that allow no disruption now: what they cover blocks every drain for as long as that lasts. */
export function judgeBudgets(budgets: readonly DisruptionBudgetObject[]): Check {
  const none = budgets
    .filter(({ status }) => (status?.disruptionsAllowed ?? 0) === 0)
    .map(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`)
    .sort();
  return none.length === 0
    ? ok('disruption budgets', `there: ${String(budgets.length)}, and each allows a disruption`)
    : warn(
        'disruption budgets',
        `no disruption allowed by ${none.join(', ')}`,
        'a budget needs one replica more than it demands, and pods that are Ready',
      );
}

async function topicOf({ sns, config }: Surroundings): Promise<Check> {
  const command = new GetTopicAttributesCommand({ TopicArn: config.alarmTopic });
  const { Attributes = {} } = await sns.send(command, { abortSignal: signal() });
  const { SubscriptionsConfirmed: confirmed, SubscriptionsPending: pending } = Attributes;
  return judgeTopic(Number(confirmed ?? 0), Number(pending ?? 0), config.slackSecret !== null);
}

/** Whether anybody hears of alarms. Publishing is not tried: it would be heard. */
export function judgeTopic(confirmed: number, pending: number, tellsSlack: boolean): Check {
  const waiting = pending === 0 ? '' : `, ${String(pending)} not confirmed`;
  const slack = tellsSlack ? ', and Slack' : '';
  const found = `${String(confirmed)} subscribed${waiting}${slack}; publishing is not tried`;
  const advice = 'set alarmEmail, and answer the mail by which AWS asks for it to be confirmed';
  return confirmed > 0 || (tellsSlack && pending === 0)
    ? ok('alarm topic', found)
    : warn('alarm topic', found, advice);
}

/** Whether Prometheus has what decisions rest on. */
export function judgeReadings(metrics: Metrics): Check {
  const missing = METRIC_NAMES.flatMap((name) => {
    const { missing: why } = metrics[name];
    return why === null ? [] : [`${name}: ${why}`];
  });
  if (missing.length === 0) {
    return ok('prometheus', 'every reading is there');
  }
  const advice =
    'see that its exporter runs and is scraped: node-exporter, kube-state-metrics, the shop';
  const needed = metrics.cpuPercent.missing ?? metrics.unschedulablePods.missing;
  return needed === null
    ? warn('prometheus', missing.join(', '), advice)
    : fail('prometheus', missing.join(', '), advice);
}

/** A sample is at most a scrape and a rule old, and never of the future. */
const SCRAPED_MS = 90_000;
const AHEAD_MS = 5_000;

/** Whether our clock and that of Prometheus agree, by its newest sample. */
export function judgeClock({ cpuPercent }: Metrics, nowMs: number): Check {
  if (cpuPercent.missing !== null) {
    return warn('clock', 'no sample to compare it with', 'see the check of prometheus');
  }
  const ageMs = nowMs - cpuPercent.sampledAtMs;
  const found = `the newest sample is ${String(Math.round(ageMs / 1000))} s old`;
  const advice = 'set the clock of the master by NTP: leases reckon with a minute (S8)';
  if (ageMs < -CLOCK_SKEW_MS || ageMs > SCRAPED_MS + CLOCK_SKEW_MS) {
    return fail('clock', found, advice);
  }
  return ageMs < -AHEAD_MS || ageMs > SCRAPED_MS
    ? warn('clock', found, advice)
    : ok('clock', found);
}
