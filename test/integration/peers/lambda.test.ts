import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EPOCH_TAG, INTENT_TAG } from '../../../adapters/aws/ec2.ts';
import type { ScheduledAnswer } from '../../../adapters/aws/handler.ts';
import { joinJournals } from '../../../adapters/operate/join-journal.ts';
import { JOURNAL_FILE_SCHEMA } from '../../../adapters/cli/journal-file.ts';
import {
  configurePolicy,
  decide,
  doomedDrainId,
  emptyState,
  readJournal,
  type Cluster,
  type ReadRecord,
} from '../../../engine/index.ts';
import { makeCertificate } from '../../adapters/kubernetes/certificate.ts';
import { FakeKubernetes } from '../../adapters/kubernetes/fake-api.ts';
import { kubeNode, kubePod, replicaSet } from '../../adapters/kubernetes/objects.ts';
import { startMoto } from './moto.ts';
import { freePort, type Running } from './processes.ts';
import { SCRAPE_MS, shopSeries, startPrometheus } from './prometheus.ts';
import { Sandbox } from './sandbox.ts';
import { deployedCluster, scheduledEnvironment } from './deployment.ts';
import { ALERT_SECRET, KUBERNETES_SECRET, Shop, ZONES } from './shop.ts';
import { CLUSTER_ID, JOURNAL_TABLE } from './tables.ts';

// The built bundle, under the Node that Lambda has, against moto (EC2, DynamoDB, Secrets Manager, SNS), a real Prometheus
// and a pretended Kubernetes API. The tests are one story and follow one another.

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const HOUR_MS = 3_600_000;
const TOKENS = ['kubernetes-token-one', 'kubernetes-token-two'];
const ALERT_TOKEN = 'alert-token-one';

const certificate = makeCertificate();
let moto: Running;
let busy: Running;
let idle: Running;
let kubernetes: FakeKubernetes;
let shop: Shop;
/** Everything that any sandbox ever wrote. */
let written = '';

function access(token: string): object {
  return { token, caBase64: Buffer.from(certificate.cert).toString('base64') };
}

beforeAll(async () => {
  kubernetes = await FakeKubernetes.start(certificate);
  [kubernetes.token] = TOKENS;
  moto = await startMoto();
  shop = new Shop(moto.url);
  await shop.build(access(TOKENS[0]), ALERT_TOKEN);
  // Scraped until just now, and for some minutes to come: queries look no further than their own time.
  const now = Math.floor(Date.now() / SCRAPE_MS) * SCRAPE_MS;
  const span = [now - 900_000, now + 900_000] as const;
  busy = await startPrometheus(
    shopSeries(['w1', 'w2'], { cpuRatio: 0.85, unschedulable: 4 }),
    ...span,
  );
  idle = await startPrometheus(
    shopSeries(['w1', 'w2', 'w3', 'w4'], { cpuRatio: 0.1, unschedulable: 0 }),
    ...span,
  );
});

afterAll(async () => {
  await Promise.all([busy, idle, moto, kubernetes, shop].map((each) => each?.stop()));
});

function environment(
  prometheusUrl: string,
  changes: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return scheduledEnvironment({
    ...shop.awsEnvironment,
    AWS_ENDPOINT_URL_LAMBDA: shop.lambdaUrl,
    NODE_FLEET_AUTOSCALER: 'node-fleet-autoscaler',
    NODE_FLEET_CLUSTER: JSON.stringify(deployedCluster()),
    NODE_FLEET_CLUSTER_ID: CLUSTER_ID,
    NODE_FLEET_TEMPLATES: JSON.stringify(shop.templates),
    NODE_FLEET_SUBNETS: JSON.stringify(shop.subnets),
    NODE_FLEET_KUBERNETES_URL: kubernetes.url,
    NODE_FLEET_PROMETHEUS_URL: prometheusUrl,
    NODE_FLEET_ALARM_TOPIC: shop.topic,
    NODE_FLEET_ALERT_SECRET: ALERT_SECRET,
    ...changes,
  });
}

/** One cycle in a sandbox of its own, which must end by itself. */
async function cycleAgainst(
  prometheusUrl: string,
  changes: Readonly<Record<string, string>> = {},
  event: unknown = { trigger: 'schedule', time: new Date().toISOString() },
): Promise<{ answer: ScheduledAnswer; sandbox: Sandbox }> {
  const sandbox = new Sandbox('scheduled', environment(prometheusUrl, changes));
  const { result, error } = await sandbox.invoke<ScheduledAnswer>(event);
  const code = await sandbox.end();
  written += sandbox.output;
  expect({ error, code }, sandbox.output).toEqual({ error: null, code: 0 });
  return { answer: result, sandbox };
}

/** The newest record, read from its item alone. */
async function lastRecord(key = CLUSTER_ID): Promise<ReadRecord> {
  const item = (await shop.journal(key)).at(-1)!;
  return readJournal(item['journal'].B!).records[0];
}

/** Puts workers’ nodes where there are none yet, Ready for an hour, with pods of the shop. */
function nodesJoin(
  workers: readonly { InstanceId?: string | undefined }[],
  podsEach: number,
): void {
  for (const { InstanceId = '' } of workers) {
    if (!kubernetes.nodes.has(InstanceId)) {
      const sinceMs = Date.now() - HOUR_MS;
      kubernetes.put(kubeNode(InstanceId, { instanceId: InstanceId, sinceMs }));
      kubernetes.secrets.add(`${InstanceId}.node-password.k3s`);
      for (let n = 0; n < podsEach; n++) {
        kubernetes.pods.push(kubePod(`${InstanceId}-${String(n)}`, { nodeName: InstanceId }));
      }
    }
  }
}

test('pods without room: two workers are launched as the intent says, and the table remembers it', async () => {
  kubernetes.put(kubeNode('master', { controlPlane: true }));
  kubernetes.replicaSets = [replicaSet('shop-1', 18)];
  const first = [await shop.launch(ZONES[0]), await shop.launch(ZONES[1])].sort();
  await shop.launch(ZONES[0], { Role: 'k3s-master' });
  nodesJoin(
    first.map((InstanceId) => ({ InstanceId })),
    7,
  );
  kubernetes.pods.push(...[0, 1, 2, 3].map((n) => kubePod(`wait-${String(n)}`)));
  await shop.remember({ ...emptyState('node-fleet'), known: first, joined: first, desired: 2 });

  const { answer, sandbox } = await cycleAgainst(busy.url);
  expect(answer).toMatchObject({ outcome: 'decided', action: 'scaleUp', count: 2 });

  const launched = (await shop.running()).filter(
    ({ Tags }) => Tags?.some(({ Key }) => Key === INTENT_TAG) ?? false,
  );
  expect(launched).toHaveLength(2);
  const { launches, known } = await shop.state();
  const tag = (n: number, key: string): string | undefined =>
    launched[n].Tags?.find(({ Key }) => Key === key)?.Value;
  expect(launches).toHaveLength(1);
  for (const n of [0, 1]) {
    expect(tag(n, INTENT_TAG)).toBe(launches[0].id);
    expect(tag(n, EPOCH_TAG)).toBe(String(launches[0].birthEpoch));
    expect(known).toContain(launched[n].InstanceId);
  }
  expect(launches[0].attempts.every(({ outcome }) => outcome === 'launched')).toBe(true);
  expect(launched.map(({ ClientToken }) => ClientToken).sort()).toEqual(
    launches[0].attempts
      .flatMap(({ clientToken, count }) => new Array<string>(count).fill(clientToken))
      .sort(),
  );

  const item = await shop.item(CLUSTER_ID);
  expect(item['scaling_in_progress']).toEqual({ BOOL: true });
  expect(item['node_count']).toEqual({ N: '2' });
  expect(item['owner']).toBeUndefined();
  expect(Number(item['epoch'].N)).toBe(launches[0].birthEpoch);

  const { decided, epoch } = await lastRecord();
  expect(epoch).toBe(launches[0].birthEpoch);
  const { cpuPercent, unschedulablePods, memoryPercent, requestsPerSecond, apiLatencyP95Ms } =
    decided!.view.metrics;
  const whole = { coverageRatio: 1, missing: null };
  expect(cpuPercent).toMatchObject({ value: 85, ...whole });
  expect(memoryPercent).toMatchObject({ value: 75, ...whole });
  expect(unschedulablePods).toMatchObject({ value: 4, ...whole });
  expect(requestsPerSecond).toMatchObject({ value: 120, ...whole });
  // 114 of 120 are within the 95th percentile, beyond the last finite bucket.
  expect(apiLatencyP95Ms).toMatchObject({ value: 500, ...whole });
  const ages = [cpuPercent, unschedulablePods].map((reading) =>
    reading.missing === null ? decided!.view.nowMs - reading.sampledAtMs : NaN,
  );
  for (const ageMs of ages) {
    expect(ageMs).toBeGreaterThanOrEqual(0);
    expect(ageMs).toBeLessThan(SCRAPE_MS + 5_000);
  }

  const metrics = sandbox.lines.find((line) => '_aws' in line && 'Workers' in line);
  expect(metrics).toMatchObject({ ClusterId: CLUSTER_ID, Workers: 2, Ready: 2, PendingPods: 4 });
  const line = sandbox.lines.find(({ message }) => message === 'cycle');
  expect(line).toMatchObject({ decisionId: answer.decisionId, action: 'scaleUp', count: 2 });
});

test('another sandbox holds the lock: the cycle leaves and journals that', async () => {
  await shop.lock('someone-else', Date.now() + 60_000);
  const before = await shop.item(CLUSTER_ID);
  const { answer } = await cycleAgainst(busy.url);
  expect(answer.outcome).toBe('lock-held');
  expect((await lastRecord()).outcome).toBe('lock-held');
  expect(await shop.item(CLUSTER_ID)).toEqual(before);
  await shop.unlock();
});

test('a refused Kubernetes token is read anew, and the cycle goes on with it', async () => {
  const sandbox = new Sandbox('scheduled', environment(busy.url));
  const event = () => ({ trigger: 'schedule', time: new Date().toISOString() });
  const first = await sandbox.invoke<ScheduledAnswer>(event());
  await shop.putSecret(KUBERNETES_SECRET, JSON.stringify(access(TOKENS[1])));
  [, kubernetes.token] = TOKENS;
  const second = await sandbox.invoke<ScheduledAnswer>(event());
  expect(await sandbox.end()).toBe(0);
  written += sandbox.output;
  expect([first.result.outcome, second.result.outcome]).toEqual(['decided', 'decided']);
  const { decided } = await lastRecord();
  expect([decided?.view.nodesKnown, decided?.view.podsKnown]).toEqual([true, true]);
});

test('observe mode decides on an item of its own and changes nothing', async () => {
  const before = await shop.item(CLUSTER_ID);
  const count = (await shop.running()).length;
  const { answer } = await cycleAgainst(busy.url, { NODE_FLEET_MODE: 'observe' });
  expect(answer.outcome).toBe('decided');
  expect((await lastRecord(`${CLUSTER_ID}#observe`)).decided?.view.mode).toBe('observe');
  expect(await shop.item(CLUSTER_ID)).toEqual(before);
  expect(await shop.running()).toHaveLength(count);
});

test('Prometheus is down: nothing is removed, people are told once, and the readings say why', async () => {
  const workers = (await shop.running()).filter(
    ({ Tags }) => Tags?.some(({ Value }) => Value === 'k3s-worker') ?? false,
  );
  kubernetes.pods = kubernetes.pods.filter(({ metadata }) => !metadata.name.startsWith('wait-'));
  nodesJoin(workers, 1);
  // An hour has passed.
  await shop.remember({ ...(await shop.state()), lastScaleUpAtMs: Date.now() - HOUR_MS });

  const nobody = `http://127.0.0.1:${String(await freePort())}`;
  const sandbox = new Sandbox('scheduled', environment(nobody));
  const event = () => ({ trigger: 'schedule', time: new Date().toISOString() });
  const told = () => shop.messages.filter(({ Subject }) => Subject?.includes('metrics-missing'));
  const before = told().length;
  const first = await sandbox.invoke<ScheduledAnswer>(event());
  const second = await sandbox.invoke<ScheduledAnswer>(event());
  expect(await sandbox.end()).toBe(0);
  written += sandbox.output;
  for (const { result } of [first, second]) {
    expect(result).toMatchObject({ outcome: 'decided', action: 'hold' });
  }
  const { decided } = await lastRecord();
  expect(decided!.view.metrics.cpuPercent).toEqual({ missing: 'unavailable' });
  expect(decided!.view.workers.map(({ phase }) => phase)).toEqual([
    'ready',
    'ready',
    'ready',
    'ready',
  ]);
  expect(told()).toHaveLength(before + 1);
  expect(sandbox.lines.filter((line) => 'Alarms' in line)).toHaveLength(2);
});

test('an idle shop: a worker is tainted and drained, terminated when a later list is empty, then forgotten', async () => {
  kubernetes.budgets = [
    {
      metadata: { name: 'shop', namespace: 'shop' },
      spec: { selector: { matchLabels: { app: 'shop' } } },
      status: { disruptionsAllowed: 1, desiredHealthy: 10, expectedPods: 18 },
    },
  ];
  kubernetes.graceMs = 300;
  const before = (await shop.running()).length;
  const { answer } = await cycleAgainst(idle.url);
  expect(answer).toMatchObject({ outcome: 'decided', action: 'scaleDown', count: 1 });
  const [drain] = (await shop.state()).drains;
  const victim = drain.instanceId;
  expect(kubernetes.nodes.get(victim)!.spec?.taints).toEqual([
    { key: 'node-fleet/draining', value: drain.id, effect: 'NoSchedule' },
  ]);
  expect(kubernetes.calls.filter((call) => call.endsWith('/eviction'))).not.toEqual([]);
  // Evicted is not gone (S22).
  expect(await shop.running()).toHaveLength(before);
  await new Promise((resolve) => setTimeout(resolve, 500));

  await cycleAgainst(idle.url);
  const running = await shop.running();
  expect(running).toHaveLength(before - 1);
  expect(running.map(({ InstanceId }) => InstanceId)).not.toContain(victim);

  await cycleAgainst(idle.url);
  expect(kubernetes.nodes.has(victim)).toBe(false);
  expect(kubernetes.secrets.has(`${victim}.node-password.k3s`)).toBe(false);
  const after = await shop.state();
  expect(after.drains).toEqual([]);
  expect(after.known).not.toContain(victim);
});

const START = {
  path: '/2015-03-31/functions/node-fleet-autoscaler/invocations',
  type: 'Event',
};

test('a spot notice is marked without the lock, and the node tainted; a stale or foreign one is not', async () => {
  const [worker] = (await shop.state()).known;
  await shop.lock('someone-else', Date.now() + 60_000);
  const foreign = await shop.launch(ZONES[0], { Role: 'something-else' });
  const sandbox = new Sandbox('spot', environment(idle.url));
  const notice = (instanceId: string, ageMs: number) => ({
    source: 'aws.ec2',
    'detail-type': 'EC2 Spot Instance Interruption Warning',
    time: new Date(Date.now() - ageMs).toISOString(),
    detail: { 'instance-id': instanceId, 'instance-action': 'terminate' },
  });
  const outcomes = [];
  for (const event of [notice(worker, 130_000), notice(foreign, 0), notice(worker, 1_000)]) {
    outcomes.push((await sandbox.invoke<{ outcome: string }>(event)).result.outcome);
  }
  expect(await sandbox.end()).toBe(0);
  written += sandbox.output;
  expect(outcomes).toEqual(['too-old', 'not-ours', 'marked-and-tainted']);
  const inbox = await shop.item(`${CLUSTER_ID}#inbox`);
  expect(Object.keys(inbox).filter((name) => name.startsWith('doomed#'))).toEqual([
    `doomed#${worker}`,
  ]);
  expect(kubernetes.nodes.get(worker)!.spec?.taints).toMatchObject([
    { value: doomedDrainId(worker) },
  ]);
  await shop.unlock();

  // It has asked for one cycle ahead of its time; this is what Lambda then does.
  expect(shop.invoked).toMatchObject([{ ...START, event: { trigger: 'spot' } }]);
  const { answer } = await cycleAgainst(idle.url, {}, shop.invoked[0].event);
  expect(answer.outcome).toBe('decided');
  const { decided } = await lastRecord();
  expect(decided!.view.workers.find(({ id }) => id === worker)?.phase).toBe('doomed');
});

test('an alert with the right token leaves a kick, starts a cycle and is answered 202; any other is 401', async () => {
  const sandbox = new Sandbox('alert', environment(idle.url));
  const call = (authorization: string, method = 'POST') => ({
    headers: { authorization },
    requestContext: { http: { method } },
    body: '{"status":"firing"}',
  });
  const codes = [];
  for (const event of [
    call('Bearer guessed'),
    call(''),
    call(`Bearer ${ALERT_TOKEN}`, 'GET'),
    call(`Bearer ${ALERT_TOKEN}`),
  ]) {
    codes.push((await sandbox.invoke<{ statusCode: number }>(event)).result.statusCode);
    expect('kicked_at_ms' in (await shop.item(`${CLUSTER_ID}#inbox`))).toBe(codes.length === 4);
  }
  expect(await sandbox.end()).toBe(0);
  written += sandbox.output;
  expect(codes).toEqual([401, 401, 405, 202]);
  expect(shop.invoked.slice(1)).toMatchObject([{ ...START, event: { trigger: 'alert' } }]);
  // One has only just been: this one leaves the kick to the next (S19). Cycles in quick succession run ahead of the clock.
  const lastMs = Number((await shop.item(CLUSTER_ID))['epoch'].N) * 1000;
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, lastMs - Date.now())));
  const { answer } = await cycleAgainst(
    idle.url,
    {},
    {
      ...(shop.invoked[1].event as object),
      time: new Date().toISOString(),
    },
  );
  expect({ answer, agoMs: Date.now() - lastMs }).toMatchObject({ answer: { outcome: 'too-soon' } });
  expect('kicked_at_ms' in (await shop.item(`${CLUSTER_ID}#inbox`))).toBe(true);
});

test('where no cycle can be started the mark is made all the same, and the log says so', async () => {
  const [, worker] = (await shop.state()).known;
  const nobody = `http://127.0.0.1:${String(await freePort())}`;
  const sandbox = new Sandbox('spot', environment(idle.url, { AWS_ENDPOINT_URL_LAMBDA: nobody }));
  const { result } = await sandbox.invoke<{ outcome: string }>({
    'detail-type': 'EC2 Instance Rebalance Recommendation',
    time: new Date().toISOString(),
    detail: { 'instance-id': worker },
  });
  expect(await sandbox.end()).toBe(0);
  written += sandbox.output;
  expect(result.outcome).toBe('marked');
  expect(sandbox.lines.map(({ message }) => message)).toContain('no early cycle');
  expect(await shop.item(`${CLUSTER_ID}#inbox`)).toHaveProperty([`doomed#${worker}`]);
});

test('a wrong configuration is told by variable, and nothing is done', async () => {
  const changes = { NODE_FLEET_MODE: 'fast', NODE_FLEET_KUBERNETES_URL: 'http://10.20.0.10:6443' };
  const sandbox = new Sandbox('scheduled', environment(idle.url, changes));
  const { error } = await sandbox.invoke({ trigger: 'schedule' });
  await sandbox.end();
  expect(error).toContain('NODE_FLEET_MODE: expected one of act, observe, paused');
  expect(error).toContain('NODE_FLEET_KUBERNETES_URL: expected an https address');
});

test('every decision is taken again, identically, from the journal’s items', async () => {
  const items = await shop.journal(CLUSTER_ID);
  const [journal, ...others] = joinJournals(items);
  expect(others).toEqual([]);
  const { header, records } = readJournal<{
    cluster: Cluster;
    policy: string;
    settings: Record<string, number>;
  }>(journal.bytes);
  expect(records).toHaveLength(items.length);
  expect(records.map(({ startedAtMs }) => String(startedAtMs))).toEqual(
    items.map((item) => item['started_at_ms'].N),
  );
  const chosen = configurePolicy(header.policy, header.settings);
  expect(chosen.ok).toBe(true);
  const { configured } = chosen as Extract<typeof chosen, { ok: true }>;
  let actions = 0;
  for (const { decided } of records) {
    if (decided === null) {
      continue;
    }
    const again = decide(configured, header.cluster, decided.view, decided.memory ?? []);
    expect(again.decision).toEqual(decided.decision);
    expect(again.explanation.rules.map(({ rule, verdict }) => ({ rule, verdict }))).toEqual(
      decided.rules,
    );
    actions += decided.decision.action === 'hold' ? 0 : 1;
  }
  expect(actions).toBeGreaterThanOrEqual(2);
  expect(records.map(({ outcome }) => outcome)).toContain('lock-held');
});

test('the journal command writes what the table holds as a journal file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'node-fleet-journal-'));
  try {
    const out = join(folder, 'shop.journal');
    const command = ['run', '--silent', 'journal', '--'];
    const options = ['--table', JOURNAL_TABLE, '--cluster', CLUSTER_ID, '--out', out];
    const env = { ...process.env, ...shop.awsEnvironment };
    const text = execFileSync('npm', [...command, ...options], {
      cwd: ROOT,
      env,
      encoding: 'utf8',
    });
    const count = (await shop.journal(CLUSTER_ID)).length;
    expect(text).toContain(`${out}: ${String(count)} cycles`);
    const bytes = readFileSync(out);
    const end = bytes.indexOf(10) + 1;
    const first = JSON.parse(bytes.subarray(0, end).toString('utf8')) as Record<string, string>;
    expect(first['schema']).toBe(JOURNAL_FILE_SCHEMA);
    const journal = bytes.subarray(end);
    expect(first['sha256']).toBe(createHash('sha256').update(journal).digest('hex'));
    expect(readJournal(journal).records).toHaveLength(count);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('no secret was ever written to a log', () => {
  expect(written).toContain('cycle');
  const secrets = [...TOKENS, ALERT_TOKEN, certificate.cert.split('\n')[1], 'BEGIN CERTIFICATE'];
  for (const each of secrets) {
    expect(written.includes(each)).toBe(false);
  }
});
