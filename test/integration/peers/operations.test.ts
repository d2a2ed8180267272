import { execFile, execFileSync } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Check } from '../../../adapters/aws/doctor.ts';
import type { ScheduledAnswer } from '../../../adapters/aws/handler.ts';
import { inboxIn } from '../../../adapters/aws/table.ts';
import { readJournalFile } from '../../../adapters/cli/journal-file.ts';
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
import { ShellInTerminal } from './terminal.ts';
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

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What the AWS CLI would have from its environment. */
function operator(): Record<string, string> {
  return { ...shop.awsEnvironment, AWS_ENDPOINT_URL_LAMBDA: lambdaUrl };
}

function buildCommand(script: string): void {
  execFileSync(process.execPath, [join(ROOT, 'adapters/aws/bundle.mjs'), `--${script}`], {
    cwd: ROOT,
  });
}

/** A command as an operator runs it, with no terminal: its exit code and what it printed. */
function run(script: string, ...args: string[]): Promise<Ran> {
  return runAs(operator(), script, ...args);
}

function runAs(
  told: Readonly<Record<string, string>>,
  script: string,
  ...args: string[]
): Promise<Ran> {
  buildCommand(script);
  // Nothing of whoever runs the tests: neither their credentials nor their profile.
  const env = { PATH: process.env['PATH']!, HOME: tmpdir(), ...told };
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

  // Another in its place, or none: not before a person has seen what ends.
  const other = await run('hold', ...HOLD, '--min', '3', '--until', '23:59', '--json');
  expect(other.code).toBe(1);
  expect(JSON.parse(other.stdout)).toMatchObject({
    hold: { min: 3 },
    replaces: { min: 6 },
    written: false,
  });
  const cleared = await run('hold', ...HOLD, '--clear');
  expect(cleared).toMatchObject({ code: 1, stderr: '' });
  expect(cleared.stdout).toContain('the hold at 6 until');
  expect(inboxIn(await shop.item(`${CLUSTER_ID}#inbox`)).hold?.min).toBe(6);
  expect((await run('hold', ...HOLD, '--clear', '--yes')).code).toBe(0);
  expect((await run('hold', ...HOLD)).stdout).toContain('not held');
  expect(await run('hold', ...HOLD, '--clear')).toMatchObject({ code: 0, stderr: '' });
});

test('at a terminal hold takes y for yes, and who leaves for no', async () => {
  buildCommand('hold');
  const shell = new ShellInTerminal('hold', 100, 24, ROOT);
  try {
    for (const [name, value] of Object.entries(operator())) {
      shell.run(`export ${name}='${value}'`);
    }
    const answered = async (...keys: string[]): Promise<string> => {
      shell.run('clear');
      const args = [...HOLD, '--min', '6', '--until', '23:59'].join(' ');
      shell.run(`${process.execPath} dist/hold.mjs ${args}; echo "ended with $?"`);
      const wait = { timeout: 30_000, interval: 50 };
      await vi.waitFor(() => {
        expect(shell.text).toContain('Do it? [y/N]');
      }, wait);
      shell.press(...keys);
      await vi.waitFor(() => {
        expect(shell.text).toMatch(/ended with \d/);
      }, wait);
      return shell.text;
    };
    for (const keys of [['C-c'], ['C-d'], ['n', 'Enter'], ['Enter']]) {
      const text = await answered(...keys);
      expect(text).toContain('nothing was changed');
      expect(text).toContain('ended with 1');
      expect(text).not.toContain('bug');
    }
    expect(inboxIn(await shop.item(`${CLUSTER_ID}#inbox`)).hold).toBeUndefined();
    expect(await answered('y', 'Enter')).toContain('done: the next cycle begins with it');
    expect(inboxIn(await shop.item(`${CLUSTER_ID}#inbox`)).hold?.min).toBe(6);
    expect((await run('hold', ...HOLD, '--clear', '--yes')).code).toBe(0);
  } finally {
    shell.end();
  }
});

test('a journal that cannot be read, or knows no such cluster, keeps nobody from holding: it is said', async () => {
  const min = ['--min', '3', '--until', '23:59'];
  for (const [args, words] of [
    [['--journal', 'nowhere'], 'nowhere: there is none in this account and region'],
    [['--cluster', 'typo'], 'no decision of "typo" is in node-fleet-journal (is --cluster right?)'],
  ] as const) {
    const { code, stdout, stderr } = await run('hold', ...HOLD, ...args, ...min);
    expect([code, stderr]).toEqual([1, '']);
    expect(stdout).toContain(`warning: ${words}`);
  }
});

test('without region, credentials or a way there, each command says so in a line', async () => {
  const { AWS_REGION: region, ...others } = operator();
  const away = `http://127.0.0.1:${String(await freePort())}`;
  const nobody = { AWS_REGION: region, AWS_EC2_METADATA_DISABLED: 'true' };
  const journal = ['--table', JOURNAL_TABLE, '--cluster', CLUSTER_ID, '--out', '/nowhere/x'];
  for (const [told, words] of [
    [others, 'no region is set'],
    [nobody, 'no AWS credentials were found'],
    [
      { ...shop.awsEnvironment, AWS_ENDPOINT_URL: away },
      'could not be reached (Error ECONNREFUSED)',
    ],
  ] as const) {
    for (const [script, ...args] of [['hold', ...HOLD], ['doctor'], ['journal', ...journal]]) {
      const { code, stdout, stderr } = await runAs(told, script, ...args);
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toContain(words);
      expect(stderr.split('\n')).toHaveLength(2);
    }
  }
  const byItsOtherName = { ...others, AWS_DEFAULT_REGION: region };
  expect(await runAs(byItsOtherName, 'hold', ...HOLD)).toMatchObject({ code: 0, stderr: '' });
});

test('the journal is a file that replay reads; what stands there is replaced only where it is one, and asked for', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'node-fleet-operations-'));
  const out = join(folder, 'shop.journal');
  const from = new Date(Date.now() - HOUR_MS).toISOString();
  const args = ['--cluster', CLUSTER_ID, '--out', out];
  const last = (await lastJournal()).header;
  try {
    const done = await run('journal', ...args, '--from', from, '--json');
    expect(done).toMatchObject({ code: 0, stderr: '' });
    const { journals } = JSON.parse(done.stdout) as { journals: { path: string; from: string }[] };
    const newest = journals.at(-1)!;
    const { header, configured } = readJournalFile(newest.path);
    expect(header).toEqual(last);
    expect(configured.policy.name).toBe('node-fleet');
    writeFileSync(out, 'precious');
    for (const [more, words] of [
      [['--from', newest.from], 'found a file, expected none'],
      [['--from', newest.from, '--force'], 'found something that is no journal'],
      [['--from', '2026-11-24'], '--from: found "2026-11-24", expected'],
      [['--from', '2026-11-24T20:00Z', '--to', '2026-11-24T19:00Z'], 'expected it after --from'],
      [['--cluster', 'typo'], 'found no decision of "typo"'],
      [['--from', newest.from, '--out', join(folder, 'no', 'such')], 'found no folder'],
    ] as const) {
      const { code, stdout, stderr } = await run('journal', ...args, ...more);
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toContain(words);
      expect(stderr.split('\n')).toHaveLength(2);
    }
    expect(readFileSync(out, 'utf8')).toBe('precious');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.each([
  [['--min', '8'], '--min: found it alone, expected --until as well'],
  [['--min', 'x', '--until', '22:00'], '--min: found "x"'],
  [['--min', '-1', '--until', '22:00'], '--min: found "-1"'],
  [['--min', '8', '--until', 'soon'], '--until: found "soon"'],
  [['--min', '8', '--until', '2026-01-01T00:00Z'], 'expected a time ahead'],
  // What is wrong on the command line is said before anything is asked of AWS.
  [['--min', 'x', '--until', '22:00', '--table', 'nowhere'], '--min: found "x"'],
  [['--clear', '--min', '8'], '--clear: found --min or --until beside it'],
  [['--table', 'nowhere'], 'nowhere: there is none in this account and region'],
])('hold %j is refused in a line', async (args, words) => {
  const { code, stdout, stderr } = await run('hold', ...HOLD, ...args);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toContain(words);
  expect(stderr.split('\n')).toHaveLength(2);
});

test('the doctor looks at everything and changes nothing', async () => {
  const [state, running] = [await shop.item(CLUSTER_ID), (await shop.running()).length];
  const [pods, heard] = [kubernetes.pods, shop.messages.length];
  const examined = async (): Promise<Record<string, string>> => {
    const { stdout } = await run('doctor', '--json');
    const { checks } = JSON.parse(stdout) as { checks: Check[] };
    return Object.fromEntries(checks.map(({ check, verdict }) => [check, verdict]));
  };
  expect(await examined()).toMatchObject({ evict: 'ok', 'disruption budgets': 'ok' });
  expect(kubernetes.pods).toEqual(pods);
  kubernetes.budgets = [
    {
      metadata: { name: 'shop', namespace: 'shop' },
      spec: { selector: { matchLabels: { app: 'shop' } } },
      status: { disruptionsAllowed: 0, desiredHealthy: 4, expectedPods: 4 },
    },
  ];
  expect(await examined()).toMatchObject({
    timeout: 'ok',
    'write state table': 'ok',
    'write journal table': 'ok',
    'secret kubernetes access': 'ok',
    'template on-demand': 'ok',
    'template spot': 'ok',
    [`launch on-demand in ${ZONES[0]}`]: 'ok',
    [`launch spot in ${ZONES[1]}`]: 'ok',
    terminate: 'ok',
    // Permitted, but for that budget.
    evict: 'warn',
    subnets: 'ok',
    // moto counts no subscriptions.
    'alarm topic': 'warn',
    prometheus: 'ok',
    clock: 'ok',
    'policy document': 'ok',
    'disruption budgets': 'warn',
  });
  expect(await shop.item(CLUSTER_ID)).toEqual(state);
  expect(await shop.running()).toHaveLength(running);
  expect(kubernetes.pods).toEqual(pods);
  expect(shop.messages).toHaveLength(heard);
});

test('the doctor fails where something is missing, says what to do, and exits with 1', async () => {
  const changes = {
    NODE_FLEET_CLUSTER: environment()['NODE_FLEET_CLUSTER'].replace('"1/1"', '"1/9"'),
    NODE_FLEET_PROMETHEUS_URL: `http://127.0.0.1:${String(await freePort())}`,
    NODE_FLEET_KUBERNETES_SECRET: 'nobody-made-it',
    NODE_FLEET_ALARM_TOPIC: `${shop.topic}-2`,
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
      'evict',
      'alarm topic',
    ]),
  );
  expect(failed.every(({ advice }) => advice !== '')).toBe(true);
  const wrong = await invoke<{ checks: Check[] }>({ trigger: 'doctor' }, { NODE_FLEET_MODE: 'x' });
  expect(wrong.result.checks).toMatchObject([{ check: 'environment', verdict: 'fail' }]);
  await put('{');
  const { code, stdout } = await run('doctor');
  expect(code).toBe(1);
  expect(stdout).toMatch(
    /^fail {2}policy document: expected a JSON object: .*\n {6}put a right one/m,
  );
});

test('the doctor judges a policy document before it is put, and asks nothing of AWS', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'node-fleet-operations-'));
  const file = join(folder, 'policy.json');
  try {
    writeFileSync(file, JSON.stringify(ACT));
    expect(await runAs({}, 'doctor', '--document', file)).toEqual({
      code: 0,
      stdout: 'ok    policy document: act, by node-fleet, 2 to 8 workers\n',
      stderr: '',
    });
    writeFileSync(file, JSON.stringify({ ...ACT, setings: {} }));
    const wrong = await runAs({}, 'doctor', '--document', file, '--json');
    expect(wrong).toMatchObject({ code: 1, stderr: '' });
    expect(JSON.parse(wrong.stdout)).toMatchObject({
      document: file,
      checks: [{ verdict: 'fail' }],
    });
    const absent = await runAs({}, 'doctor', '--document', join(folder, 'none'));
    expect(absent).toMatchObject({ code: 2, stdout: '' });
    expect(absent.stderr).toContain('found nothing here, expected a file');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('no secret was ever written to a log', () => {
  expect(written).toContain('cycle');
  for (const each of [TOKEN, certificate.cert.split('\n')[1]]) {
    expect(written.includes(each)).toBe(false);
  }
});
