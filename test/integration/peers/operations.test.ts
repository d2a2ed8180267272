import { execFile, execFileSync } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Check } from '../../../adapters/aws/doctor.ts';
import type { ScheduledAnswer } from '../../../adapters/aws/handler.ts';
import { inboxIn } from '../../../adapters/aws/table.ts';
import {
  configurePolicy,
  emptyState,
  readJournal,
  redecide,
  type JournalHeader,
} from '../../../engine/index.ts';
import { makeCertificate } from '../../adapters/kubernetes/certificate.ts';
import { drain } from '../../engine/build.ts';
import { FakeKubernetes } from '../../adapters/kubernetes/fake-api.ts';
import { kubeNode, kubePod, replicaSet } from '../../adapters/kubernetes/objects.ts';
import { scheduledEnvironment } from './deployment.ts';
import { startMoto } from './moto.ts';
import { freePort, type Running } from './processes.ts';
import { SCRAPE_MS, shopSeries, startPrometheus } from './prometheus.ts';
import { Sandbox } from './sandbox.ts';
import { Shop, ZONES } from './shop.ts';
import { CLUSTER_ID, CREDENTIALS, JOURNAL_TABLE, REGION, STATE_TABLE } from './tables.ts';

// What operators do: the policy document with its kill switch, a hold, a freeze, a shadow, the doctor. One story.

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const HOUR_MS = 3_600_000;
const TOKEN = 'kubernetes-token';
const PARAMETER = '/node-fleet/node-fleet-test/policy';

const certificate = makeCertificate();
let moto: Running;
let idle: Running;
let kubernetes: FakeKubernetes;
let shop: Shop;
let ssm: SSMClient;
/** Lambda as far as a command asks it: it hands the event to a sandbox. */
let lambda: Server;
let lambdaUrl = '';
let written = '';

beforeAll(async () => {
  kubernetes = await FakeKubernetes.start(certificate);
  kubernetes.token = TOKEN;
  moto = await startMoto();
  shop = new Shop(moto.url);
  const caBase64 = Buffer.from(certificate.cert).toString('base64');
  await shop.build({ token: TOKEN, caBase64 }, 'alert-token');
  ssm = new SSMClient({ endpoint: moto.url, region: REGION, credentials: CREDENTIALS });
  const now = Math.floor(Date.now() / SCRAPE_MS) * SCRAPE_MS;
  const series = shopSeries(['w1', 'w2', 'w3', 'w4'], { cpuRatio: 0.1, unschedulable: 0 });
  idle = await startPrometheus(series, now - 900_000, now + 900_000);
  kubernetes.put(kubeNode('master', { controlPlane: true }));
  kubernetes.replicaSets = [replicaSet('shop-1', 18)];
  const ids = [];
  for (const n of [0, 1, 0, 1]) {
    ids.push(await shop.launch(ZONES[n]));
  }
  for (const instanceId of ids) {
    kubernetes.put(kubeNode(instanceId, { instanceId, sinceMs: Date.now() - HOUR_MS }));
    kubernetes.pods.push(kubePod(`${instanceId}-0`, { nodeName: instanceId }));
  }
  const known = ids.sort();
  await shop.remember({
    ...emptyState('node-fleet'),
    known,
    joined: known,
    desired: 4,
    lastScaleUpAtMs: Date.now() - HOUR_MS,
  });
  lambda = createServer((request, reply) => {
    request.resume().on('end', () => {
      void invoke({ trigger: 'doctor' }).then(({ result }) => {
        reply.end(JSON.stringify(result));
      });
    });
  });
  await new Promise<void>((resolve) => lambda.listen(0, '127.0.0.1', resolve));
  lambdaUrl = `http://127.0.0.1:${String((lambda.address() as AddressInfo).port)}`;
});

afterAll(async () => {
  ssm?.destroy();
  await new Promise((resolve) => lambda.close(resolve));
  await Promise.all([idle, moto, kubernetes, shop].map((each) => each?.stop()));
});

function environment(changes: Readonly<Record<string, string>> = {}): Record<string, string> {
  return scheduledEnvironment({
    ...shop.awsEnvironment,
    NODE_FLEET_MODE: 'observe',
    NODE_FLEET_POLICY: 'static',
    NODE_FLEET_SETTINGS: '{}',
    NODE_FLEET_POLICY_PARAMETER: PARAMETER,
    NODE_FLEET_TEMPLATES: JSON.stringify(shop.templates),
    NODE_FLEET_SUBNETS: JSON.stringify(shop.subnets),
    NODE_FLEET_KUBERNETES_URL: kubernetes.url,
    NODE_FLEET_PROMETHEUS_URL: idle.url,
    NODE_FLEET_ALARM_TOPIC: shop.topic,
    ...changes,
  });
}

/** One invocation in a sandbox of its own. */
async function invoke<T>(event: object, changes: Readonly<Record<string, string>> = {}) {
  const sandbox = new Sandbox('scheduled', environment(changes));
  const answer = await sandbox.invoke<T>(event);
  expect(await sandbox.end()).toBe(0);
  written += sandbox.output;
  return { ...answer, sandbox };
}

async function cycle(changes: Readonly<Record<string, string>> = {}): Promise<ScheduledAnswer> {
  const event = { trigger: 'schedule', time: new Date().toISOString() };
  const { result, error, sandbox } = await invoke<ScheduledAnswer>(event, changes);
  expect(error, sandbox.output).toBeNull();
  return result;
}

const ACT = { mode: 'act', policy: 'node-fleet', settings: { nodeCountMin: 2, nodeCountMax: 8 } };

async function put(document: object | string): Promise<void> {
  const Value = typeof document === 'string' ? document : JSON.stringify(document);
  const command = { Name: PARAMETER, Value, Type: 'String', Overwrite: true } as const;
  await ssm.send(new PutParameterCommand(command));
}

async function lastJournal() {
  const items = await shop.journal(CLUSTER_ID);
  return readJournal<JournalHeader>(items.at(-1)!['journal'].B!);
}

/** A command as an operator runs it, with no terminal: its exit code and what it printed. */
function run(
  script: string,
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  execFileSync(process.execPath, [join(ROOT, 'adapters/aws/bundle.mjs'), `--${script}`], {
    cwd: ROOT,
  });
  const env = { ...process.env, ...shop.awsEnvironment, AWS_ENDPOINT_URL_LAMBDA: lambdaUrl };
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(ROOT, `dist/${script}.mjs`), ...args],
      { cwd: ROOT, env, encoding: 'utf8' },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : ((error as { code?: number }).code ?? -1);
        resolve({ code, stdout, stderr });
      },
    );
  });
}

const HOLD = ['--cluster', CLUSTER_ID, '--table', STATE_TABLE, '--journal', JOURNAL_TABLE];
const told = (code: string) =>
  shop.messages.filter(({ Subject }) => Subject?.includes(code)).length;

test('without a document the deployment governs, and people are told', async () => {
  const answer = await cycle();
  expect(answer.decisionId).toContain('#observe/');
  expect(told('policy-document-unreadable')).toBe(1);
});

test('in a freeze an idle shop loses no worker, and a shadow says what it would have done', async () => {
  const hour = (n: number): string =>
    new Date(Date.now() + n * HOUR_MS).toISOString().slice(0, 16) + 'Z';
  await put({
    ...ACT,
    freezes: [{ name: 'audit', start: hour(-1), end: hour(1) }],
    shadow: { policy: 'sustained', settings: { nodeCountMax: 7 } },
  });
  for (let n = 0; n < 2; n++) {
    expect(await cycle()).toMatchObject({ outcome: 'decided', action: 'hold' });
  }
  const { header, records } = await lastJournal();
  const { decided } = records[0];
  expect(decided!.rules).toContainEqual({ rule: 'frozen', verdict: 'blocks' });
  expect(header.shadow).toMatchObject({ policy: 'sustained', settings: { nodeCountMax: 7 } });
  // It has remembered over two sandboxes.
  expect(decided!.shadow!.memory.length).toBeGreaterThan(0);
  const [live, trial] = [header, header.shadow!].map(({ policy, settings }) => {
    const chosen = configurePolicy(policy, settings);
    return (chosen as Extract<typeof chosen, { ok: true }>).configured;
  });
  const [again] = [...redecide(records, live, header.cluster, 'journal', trial)];
  expect([again!.same, again!.shadow!.same]).toEqual([true, true]);
});

test('a bad document is refused, and the last good one governs in a new sandbox', async () => {
  await put({ ...ACT, policy: 'clever' });
  const answer = await cycle();
  expect(answer.decisionId).not.toContain('#observe');
  expect((await lastJournal()).header.policy).toBe('node-fleet');
  expect(told('policy-document-refused')).toBe(1);
});

test('the kill switch stops everything with the next cycle', async () => {
  await put({ ...ACT, mode: 'paused' });
  expect(await cycle()).toMatchObject({ outcome: 'decided', action: 'hold' });
  expect((await lastJournal()).records[0].decided!.view.mode).toBe('paused');
});

test('who only observes ends what is in flight first: no node stays tainted', async () => {
  const [worker] = (await shop.running()).map(({ InstanceId }) => InstanceId!).sort();
  const id = 'drain-1';
  const node = kubernetes.nodes.get(worker)!;
  kubernetes.put({
    ...node,
    spec: {
      ...node.spec,
      taints: [{ key: 'node-fleet/draining', value: id, effect: 'NoSchedule' }],
    },
  });
  const before = await shop.state();
  const nowMs = Date.now();
  const draining = drain(worker, {
    ...{ id, nodeName: worker, startedAtMs: nowMs, progressedAtMs: nowMs, podsLeft: 1 },
    stage: 'evicting',
  });
  await shop.remember({ ...before, desired: 3, drains: [draining] });
  await put({ ...ACT, mode: 'observe' });
  expect((await cycle()).decisionId).not.toContain('#observe');
  expect((await lastJournal()).records[0].decided!.view.mode).toBe('paused');
  expect(kubernetes.nodes.get(worker)!.spec?.taints ?? []).toEqual([]);
  expect((await shop.state()).drains).toEqual([]);
  expect((await cycle()).decisionId).toContain('#observe');
});

test('hold asks first, then holds; the next cycle buys what is lacking, and clear ends it', async () => {
  const asked = await run('hold', ...HOLD, '--min', '6', '--until', '23:59');
  expect(asked).toMatchObject({ code: 1, stderr: '' });
  expect(asked.stdout).toContain('nothing was changed');
  expect(asked.stdout).toContain('৳');
  expect(inboxIn(await shop.item(`${CLUSTER_ID}#inbox`)).hold).toBeUndefined();

  const until = new Date(Date.now() + 2 * HOUR_MS).toISOString();
  const done = await run('hold', ...HOLD, '--min', '6', '--until', until, '--yes', '--json');
  expect(done).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(done.stdout)).toMatchObject({
    schema: 'node-fleet/hold@1',
    hold: { min: 6 },
    effectiveMin: 6,
    workers: 4,
    boughtNow: 2,
    written: true,
  });
  expect(inboxIn(await shop.item(`${CLUSTER_ID}#inbox`)).hold).toEqual({
    min: 6,
    untilMs: Date.parse(until),
  });
  await put(ACT);
  await cycle();
  const { decided } = (await lastJournal()).records[0];
  expect(decided!.view.hold?.min).toBe(6);
  expect(decided!.decision.repair).toBe(2);
  expect((await run('hold', ...HOLD)).stdout).toContain('held at 6 until');

  expect((await run('hold', ...HOLD, '--clear')).code).toBe(0);
  expect((await run('hold', ...HOLD)).stdout).toContain('not held');
});

test.each([
  [['--min', '8'], '--min: found it alone, expected --until as well'],
  [['--min', 'x', '--until', '22:00'], '--min: found "x"'],
  [['--min', '8', '--until', 'soon'], '--until: found "soon"'],
  [['--clear', '--min', '8'], '--clear: found --min or --until beside it'],
  [['--table', 'nowhere'], 'nowhere: could not be reached'],
])('hold %j is refused in a line', async (args, words) => {
  const { code, stdout, stderr } = await run('hold', ...HOLD, ...args);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toContain(words);
  expect(stderr.split('\n')).toHaveLength(2);
});

test('the doctor looks at everything and changes nothing', async () => {
  kubernetes.budgets = [
    {
      metadata: { name: 'shop', namespace: 'shop' },
      spec: { selector: { matchLabels: { app: 'shop' } } },
      status: { disruptionsAllowed: 0, desiredHealthy: 4, expectedPods: 4 },
    },
  ];
  const [state, running] = [await shop.item(CLUSTER_ID), (await shop.running()).length];
  const { stdout } = await run('doctor', '--json');
  const { checks } = JSON.parse(stdout) as { checks: Check[] };
  const by = Object.fromEntries(checks.map(({ check, verdict }) => [check, verdict]));
  expect(by).toMatchObject({
    timeout: 'ok',
    'write state table': 'ok',
    'write journal table': 'ok',
    'secret kubernetes access': 'ok',
    'template on-demand': 'ok',
    'template spot': 'ok',
    [`launch on-demand in ${ZONES[0]}`]: 'ok',
    [`launch spot in ${ZONES[1]}`]: 'ok',
    terminate: 'ok',
    subnets: 'ok',
    prometheus: 'ok',
    clock: 'ok',
    'policy document': 'ok',
    'disruption budgets': 'warn',
  });
  expect(await shop.item(CLUSTER_ID)).toEqual(state);
  expect(await shop.running()).toHaveLength(running);
});

test('the doctor fails where something is missing, says what to do, and exits with 1', async () => {
  const changes = {
    NODE_FLEET_CLUSTER: environment()['NODE_FLEET_CLUSTER'].replace('"1/1"', '"1/9"'),
    NODE_FLEET_PROMETHEUS_URL: `http://127.0.0.1:${String(await freePort())}`,
    NODE_FLEET_KUBERNETES_SECRET: 'nobody-made-it',
  };
  const { result } = await invoke<{ checks: Check[] }>({ trigger: 'doctor' }, changes);
  const failed = result.checks.filter(({ verdict }) => verdict === 'fail');
  expect(failed.map(({ check }) => check)).toEqual(
    expect.arrayContaining([
      'template spot',
      'prometheus',
      'secret kubernetes access',
      'kubernetes pods',
      'disruption budgets',
    ]),
  );
  expect(failed.every(({ advice }) => advice !== '')).toBe(true);
  const wrong = await invoke<{ checks: Check[] }>({ trigger: 'doctor' }, { NODE_FLEET_MODE: 'x' });
  expect(wrong.result.checks).toMatchObject([{ check: 'environment', verdict: 'fail' }]);
  await put('{');
  const { code, stdout } = await run('doctor');
  expect(code).toBe(1);
  expect(stdout).toContain('fail  policy document: expected a JSON object\n      put a right one');
});

test('no secret was ever written to a log', () => {
  expect(written).toContain('cycle');
  for (const each of [TOKEN, certificate.cert.split('\n')[1]]) {
    expect(written.includes(each)).toBe(false);
  }
});
