import {
  type Cluster,
  configurePolicy,
  fleetSettings,
  type Mode,
  MODES,
  POLICIES,
  type SaleWindow,
} from '../engine/index.ts';

/**
 * What may be set with `pulumi config set KEY VALUE`: each key once, with its default, what it expects and what it is
 * for. README.md's table is held to this one by a test.
 */

/** One key. `read` gives undefined for text that is not what `expected` says. */
interface Field<T> {
  readonly default: T;
  readonly expected: string;
  readonly help: string;
  readonly read: (text: string) => T | undefined;
}

export type Architecture = 'amd64' | 'arm64';

const K3S_VERSION = 'v1.36.4+k3s1';
/** Of the binaries `k3s` and `k3s-arm64` of that release. */
const K3S_SHA256: Readonly<Record<Architecture, string>> = {
  amd64: '835873f37245fc615f547a2fe2af9402a347875f13fa64a1f136de644955ea3f',
  arm64: 'c920706346d5ad4e5cd3c7bf1bb09ce71ebe07fec829e513e40f1caf98aed8bb',
};
const IMAGE_PARAMETER: Readonly<Record<Architecture, string>> = {
  amd64: '/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64',
  arm64: '/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64',
};

/** A function's environment may hold 4 KB in all: this much of it is left to these two. */
const SETTINGS_BYTES_MAX = 900;
const CALENDAR_BYTES_MAX = 1500;

function text(pattern: RegExp): (value: string) => string | undefined {
  return (value) => (pattern.test(value) ? value : undefined);
}

function oneOf<const T extends string>(values: readonly T[]): (value: string) => T | undefined {
  return (value) => values.find((each) => each === value);
}

function wholeNumber(min: number, max: number): (value: string) => number | undefined {
  return (value) => {
    const number = Number(value);
    return /^-?\d+$/.test(value) && number >= min && number <= max ? number : undefined;
  };
}

function price(value: string): number | undefined {
  return /^\d+(\.\d+)?$/.test(value) && Number(value) > 0 ? Number(value) : undefined;
}

function json(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}

function truth(value: string): boolean | undefined {
  return value === 'true' ? true : value === 'false' ? false : undefined;
}

const ZONE = /^[a-z]{2}(-[a-z]+)+-\d[a-z]$/;

function zones(value: string): readonly string[] | undefined {
  const list = json(value);
  return Array.isArray(list) &&
    list.length >= 2 &&
    list.length <= 3 &&
    list.every((zone) => typeof zone === 'string' && ZONE.test(zone)) &&
    new Set(list).size === list.length
    ? (list as string[])
    : undefined;
}

function settings(value: string): Readonly<Record<string, number>> | undefined {
  const map = json(value);
  return typeof map === 'object' &&
    map !== null &&
    !Array.isArray(map) &&
    Object.values(map).every((each) => typeof each === 'number') &&
    Buffer.byteLength(value) <= SETTINGS_BYTES_MAX
    ? (map as Record<string, number>)
    : undefined;
}

/** An instant with its offset: without one it would mean another time on another machine. */
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)$/;

/** NaN: it is none. `Date.parse` knows a 31st of November: it is the 1st of December. */
function instant(value: string): number {
  const day = value.slice(0, 10);
  const isDay = new Date(Date.parse(day)).toJSON()?.slice(0, 10) === day;
  return INSTANT.test(value) && isDay ? Date.parse(value) : NaN;
}

function saleWindow(value: unknown): SaleWindow | undefined {
  if (typeof value !== 'object' || value === null) {
    return undefined;
  }
  const { name, start, end, ...others } = value as Record<string, unknown>;
  if (typeof name !== 'string' || typeof start !== 'string' || typeof end !== 'string') {
    return undefined;
  }
  const [startAtMs, endAtMs] = [start, end].map(instant);
  return Object.keys(others).length === 0 && startAtMs < endAtMs
    ? { name, startAtMs, endAtMs }
    : undefined;
}

function calendar(value: string): readonly SaleWindow[] | undefined {
  const list = json(value);
  if (!Array.isArray(list)) {
    return undefined;
  }
  const windows = list.map(saleWindow);
  return windows.every((each) => each !== undefined) &&
    Buffer.byteLength(JSON.stringify(windows)) <= CALENDAR_BYTES_MAX
    ? windows
    : undefined;
}

const INSTANCE_TYPE = /^[a-z]+\d[a-z0-9-]*\.[a-z0-9]+$/;

function field<T>(declared: Field<T>): Field<T> {
  return declared;
}

export const FIELDS = {
  clusterId: field({
    default: 'node-fleet-prod',
    expected: '3 to 40 of a-z, 0-9 and -',
    help: 'Which cluster this is: the tag on all it owns, and its key in the table.',
    read: text(/^[a-z][a-z0-9-]{1,38}[a-z0-9]$/),
  }),
  namePrefix: field({
    default: 'node-fleet',
    expected: '3 to 24 of a-z, 0-9 and -',
    help: 'Begins the name of everything. A second cluster in one account needs another.',
    read: text(/^[a-z][a-z0-9-]{1,22}[a-z0-9]$/),
  }),
  zones: field<readonly string[]>({
    default: ['ap-southeast-1a', 'ap-southeast-1b'],
    expected: '2 or 3 different availability zones',
    help: 'Where workers run. The master and the NAT gateway are in the first.',
    read: zones,
  }),
  vpcCidr: field({
    default: '10.20.0.0/16',
    expected: 'a private /16 other than 10.42.0.0/16 and 10.43.0.0/16, which K3s uses inside',
    help: 'Addresses of the VPC.',
    read: text(
      /^(10\.(?!42\.|43\.)(\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])|172\.(1[6-9]|2\d|3[01])|192\.168)\.0\.0\/16$/,
    ),
  }),
  workerInstanceType: field({
    default: 't3.medium',
    expected: 'an EC2 instance type',
    help: 'One shape for all workers.',
    read: text(INSTANCE_TYPE),
  }),
  workerAllocatableMillicpu: field({
    default: 1930,
    expected: 'a whole number from 100 to 1000000',
    help: 'CPU that pods can ask for on an empty worker, in millicores.',
    read: wholeNumber(100, 1_000_000),
  }),
  workerAllocatableMib: field({
    default: 3300,
    expected: 'a whole number from 100 to 10000000',
    help: 'Memory that pods can ask for on an empty worker, in MiB.',
    read: wholeNumber(100, 10_000_000),
  }),
  workerDiskGib: field({
    default: 20,
    expected: 'a whole number from 8 to 1000',
    help: 'Root disk of a worker.',
    read: wholeNumber(8, 1000),
  }),
  cpuCredits: field<'unlimited' | 'standard'>({
    default: 'unlimited',
    expected: 'unlimited or standard',
    help: 'For burstable types: unlimited bills surplus credits, standard throttles.',
    read: oneOf(['unlimited', 'standard']),
  }),
  masterInstanceType: field({
    default: 't3.medium',
    expected: 'an EC2 instance type of the same architecture as the workers',
    help: 'The K3s server, with Prometheus on it.',
    read: text(INSTANCE_TYPE),
  }),
  imageParameter: field({
    default: '',
    expected: 'the path of a public SSM parameter, /aws/service/…',
    help: 'Which image. Empty: Amazon Linux 2023, the latest at each `pulumi up`.',
    read: text(/^(|\/aws\/service\/[\w./-]+)$/),
  }),
  k3sVersion: field({
    default: K3S_VERSION,
    expected: 'a K3s release from v1.33 on, such as v1.36.4+k3s1',
    help: 'Of master and workers alike.',
    read: text(/^v1\.(3[3-9]|[4-9]\d)\.\d+\+k3s\d+$/),
  }),
  k3sSha256: field({
    default: '',
    expected: '64 hex digits',
    help: 'Checksum of that release’s binary, from its sha256sum-ARCH.txt. Known for the default version.',
    read: text(/^(|[0-9a-f]{64})$/),
  }),
  bundle: field({
    default: '../dist/lambda',
    expected: 'a folder',
    help: 'The functions as built, `index.mjs` among them; from infra/.',
    read: text(/./),
  }),
  mode: field<Mode>({
    default: 'observe',
    expected: 'act, observe or paused',
    help: 'What a cycle may do at first, and until there is a policy document. It begins by only watching.',
    read: oneOf(MODES),
  }),
  policy: field({
    default: 'node-fleet',
    expected: `one of ${POLICIES.map(({ name }) => name).join(', ')}`,
    help: 'Which policy decides, likewise.',
    read: oneOf(POLICIES.map(({ name }) => name)),
  }),
  nodeCountMin: field({
    default: fleetSettings.nodeCountMin.default,
    expected: 'a whole number from 0 to 1000',
    help: 'Workers that are never voluntarily gone below, likewise.',
    read: wholeNumber(0, 1000),
  }),
  nodeCountMax: field({
    default: fleetSettings.nodeCountMax.default,
    expected: 'a whole number from 1 to 1000',
    help: 'Workers that are never launched past, likewise.',
    read: wholeNumber(1, 1000),
  }),
  settings: field<Readonly<Record<string, number>>>({
    default: {},
    expected: `an object of numbers, ${SETTINGS_BYTES_MAX} bytes at most, without nodeCountMin and nodeCountMax`,
    help: 'Other settings of the policy and its guards, as in `simulate --list-policies`, likewise.',
    read: settings,
  }),
  calendar: field<readonly SaleWindow[]>({
    default: [],
    expected: `a list of { name, start, end } with times such as 2026-12-16T20:00:00+06:00, ${CALENDAR_BYTES_MAX} bytes at most`,
    help: 'Sales to come, where the policy document names none.',
    read: calendar,
  }),
  timeZoneOffsetMinutes: field({
    default: 360,
    expected: 'a whole number from -720 to 840',
    help: 'Where the shop’s people read clocks: minutes ahead of UTC, for policies with opening hours.',
    read: wholeNumber(-720, 840),
  }),
  onDemandBdtPerHour: field({
    default: 33.33,
    expected: 'a price above 0',
    help: 'One worker on demand, for the spend ceiling. The default is the client’s ৳24,000 a month.',
    read: price,
  }),
  spotBdtPerHour: field({
    default: 10,
    expected: 'a price above 0',
    help: 'One worker on the spot market.',
    read: price,
  }),
  alarmEmail: field({
    default: '',
    expected: 'an e-mail address',
    help: 'Who is told of alarms; AWS asks them to confirm. Empty: the topic has no subscriber.',
    read: text(/^(|[^@\s]+@[^@\s]+\.[^@\s]+)$/),
  }),
  slack: field({
    default: false,
    expected: 'true or false',
    help: 'Whether Slack is told too, by the webhook in the secret `slack-webhook`.',
    read: truth,
  }),
  logRetentionDays: field({
    default: 30,
    expected: 'one of 1, 3, 5, 7, 14, 30, 60, 90, 180, 365',
    help: 'How long the functions’ logs are kept.',
    read: (value) => [1, 3, 5, 7, 14, 30, 60, 90, 180, 365].find((days) => String(days) === value),
  }),
  journalRetentionDays: field({
    default: 90,
    expected: 'a whole number from 1 to 3650',
    help: 'How long a decision record is kept.',
    read: wholeNumber(1, 3650),
  }),
  protect: field({
    default: true,
    expected: 'true or false',
    help: 'Whether the master and the tables refuse to be deleted.',
    read: truth,
  }),
} as const;

type Fields = typeof FIELDS;
type Values = { readonly [K in keyof Fields]: Fields[K]['default'] };

/** The whole configuration, complete and consistent. */
export interface Config extends Values {
  readonly region: string;
  readonly architecture: Architecture;
  /** Master and workers alike, none of them empty. */
  readonly imageParameter: string;
  readonly k3sSha256: string;
}

export type ParsedConfig =
  | { readonly ok: true; readonly config: Config }
  /** Each problem is a sentence: key, value, what was expected. */
  | { readonly ok: false; readonly problems: readonly string[] };

/** Graviton families have a g after the generation: t4g, m7gd, im4gn; a1 is the first of them. */
export function architectureOf(instanceType: string): Architecture {
  return /^([a-z]+\d+[a-z]*g[a-z]*|a1)(-[a-z0-9]+)?\./.test(instanceType) ? 'arm64' : 'amd64';
}

/** Burstable types alone have CPU credits. */
export function isBurstable(instanceType: string): boolean {
  return /^t\d/.test(instanceType);
}

/**
 * Reads the stack's configuration.
 *
 * @param project prefix of our keys, as in `node-fleet:zones`
 * @param raw every key of the stack, with its text; structured values are JSON
 */
export function parseConfig(project: string, raw: Readonly<Record<string, string>>): ParsedConfig {
  const problems: string[] = [];
  const complain = (key: string, value: string, expected: string): void => {
    problems.push(`${key}: expected ${expected}, got ${value === '' ? 'nothing' : value}`);
  };

  const values: Record<string, unknown> = {};
  for (const [name, { default: fallback, expected, read }] of Object.entries<Field<unknown>>(
    FIELDS,
  )) {
    const given = raw[`${project}:${name}`];
    const value = given === undefined ? fallback : read(given);
    if (value === undefined) {
      complain(`${project}:${name}`, given!, expected);
    }
    values[name] = value;
  }
  for (const [key, value] of Object.entries(raw)) {
    if (key.startsWith(`${project}:`) && !(key.slice(project.length + 1) in FIELDS)) {
      complain(key, value, `one of the keys ${Object.keys(FIELDS).join(', ')}`);
    }
  }
  if (problems.length > 0) {
    return { ok: false, problems };
  }
  const given = values as unknown as Values;

  const region = given.zones[0]!.slice(0, -1);
  const awsRegion = raw['aws:region'];
  if (awsRegion === undefined || given.zones.some((zone) => zone.slice(0, -1) !== awsRegion)) {
    complain('aws:region', awsRegion ?? '', `the region of the zones ${given.zones.join(', ')}`);
  }
  const architecture = architectureOf(given.workerInstanceType);
  if (architectureOf(given.masterInstanceType) !== architecture) {
    complain(
      `${project}:masterInstanceType`,
      given.masterInstanceType,
      `a type with ${architecture} like the workers’ ${given.workerInstanceType}: one image serves both`,
    );
  }
  for (const name of ['nodeCountMin', 'nodeCountMax']) {
    if (name in given.settings) {
      complain(`${project}:settings`, name, 'it as a key of its own');
    }
  }
  // The engine's own checks, now rather than at the first cycle.
  const configured = configurePolicy(given.policy, settingsOf(given));
  if (!configured.ok) {
    problems.push(...configured.problems.map(({ message }) => `${project}:settings: ${message}`));
  }
  const shaped = ['workerAllocatableMillicpu', 'workerAllocatableMib'].filter(
    (name) => raw[`${project}:${name}`] === undefined,
  );
  if (given.workerInstanceType !== FIELDS.workerInstanceType.default && shaped.length > 0) {
    complain(
      shaped.map((name) => `${project}:${name}`).join(', '),
      '',
      `what a ${given.workerInstanceType} has: the default is that of ${FIELDS.workerInstanceType.default}`,
    );
  }
  const k3sSha256 =
    given.k3sSha256 === '' && given.k3sVersion === K3S_VERSION
      ? K3S_SHA256[architecture]
      : given.k3sSha256;
  if (k3sSha256 === '') {
    complain(
      `${project}:k3sSha256`,
      '',
      `the checksum of K3s ${given.k3sVersion} for ${architecture}`,
    );
  }
  if (problems.length > 0) {
    return { ok: false, problems };
  }
  const imageParameter = given.imageParameter || IMAGE_PARAMETER[architecture];
  return { ok: true, config: { ...given, region, architecture, imageParameter, k3sSha256 } };
}

/** What the engine is told of the cluster. `templateVersion` is known only once the templates exist. */
export function clusterOf(config: Config, templateVersion: string): Cluster {
  return {
    id: config.clusterId,
    zones: config.zones,
    template: {
      allocatableMillicpu: config.workerAllocatableMillicpu,
      allocatableMib: config.workerAllocatableMib,
    },
    templateVersion,
    onDemandBdtPerHour: config.onDemandBdtPerHour,
    spotBdtPerHour: config.spotBdtPerHour,
    calendar: config.calendar,
    timeZoneOffsetMinutes: config.timeZoneOffsetMinutes,
    operatorDelaysMs: [],
  };
}

/** Settings of guards and policy, as the engine's own checks expect them. */
export function settingsOf(
  config: Pick<Config, 'nodeCountMin' | 'nodeCountMax' | 'settings'>,
): Readonly<Record<string, number>> {
  const { nodeCountMin, nodeCountMax, settings: others } = config;
  return { nodeCountMin, nodeCountMax, ...others };
}
