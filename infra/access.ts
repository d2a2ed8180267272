import {
  CLUSTER_KEY,
  CLUSTER_TAG,
  INBOX_SUFFIX,
  KICK,
  MARK_PREFIX,
  ROLE_TAG,
  WORKER_ROLE,
} from './names.ts';

/**
 * Who may do what: policy documents as pure functions of the resources they name, and nothing broader. The only
 * statements on `*` are calls that AWS cannot limit to a resource; they are held to the region. test/access.test.ts walks
 * every document, and plays requests against them.
 */

export type Condition = Readonly<
  Record<string, Readonly<Record<string, string | readonly string[]>>>
>;

export interface Statement {
  readonly Sid: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
  readonly Condition?: Condition;
}

export interface PolicyDocument {
  readonly Version: '2012-10-17';
  readonly Statement: readonly Statement[];
}

/** Calls that know no resource, or need all of them. */
export const UNLIMITABLE_ACTIONS: readonly string[] = [
  'ec2:DescribeInstances',
  'ec2:DescribeInstanceStatus',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeLaunchTemplateVersions',
  'ec2:DescribeSubnets',
  'servicequotas:GetServiceQuota',
  'ssm:UpdateInstanceInformation',
  'ssmmessages:CreateControlChannel',
  'ssmmessages:CreateDataChannel',
  'ssmmessages:OpenControlChannel',
  'ssmmessages:OpenDataChannel',
];

/** Where everything is. */
export interface Place {
  readonly region: string;
  readonly accountId: string;
  readonly clusterId: string;
}

/** What every function has: a log, and its own name to be told by. */
export interface FunctionFacts extends Place {
  readonly functionArn: string;
  readonly logGroupArn: string;
}

/** Where a function stands that looks at the cluster from inside the VPC. */
export interface InsideFacts {
  readonly workerSubnetArns: readonly string[];
  readonly functionGroupArn: string;
}

export interface AutoscalerFacts extends FunctionFacts, InsideFacts {
  readonly stateTableArn: string;
  readonly journalTableArn: string;
  readonly kubernetesAccessArn: string;
  readonly topicArn: string;
  readonly policyParameterArn: string;
  /** Null: there is no such secret. */
  readonly slackWebhookArn: string | null;
  readonly templateArns: readonly string[];
  readonly workerGroupArn: string;
  readonly workerRoleArn: string;
}

export interface SpotFacts extends FunctionFacts, InsideFacts {
  readonly stateTableArn: string;
  readonly kubernetesAccessArn: string;
  readonly autoscalerArn: string;
}

export interface AlertFacts extends FunctionFacts {
  readonly stateTableArn: string;
  readonly alertTokenArn: string;
  readonly autoscalerArn: string;
}

function document(...statements: readonly Statement[]): PolicyDocument {
  return { Version: '2012-10-17', Statement: statements };
}

function allow(
  sid: string,
  actions: readonly string[],
  resources: readonly string[],
  condition?: Condition,
): Statement {
  return {
    Sid: sid,
    Effect: 'Allow',
    Action: actions,
    Resource: resources,
    ...(condition === undefined ? {} : { Condition: condition }),
  };
}

/** Calls without a resource, in our region alone. */
function look(sid: string, { region }: Place, actions: readonly string[]): Statement {
  return allow(sid, actions, ['*'], { StringEquals: { 'aws:RequestedRegion': region } });
}

/** EC2 resources of our account that get their names only when they are made. */
function any({ region, accountId }: Place, ...kinds: readonly string[]): readonly string[] {
  return kinds.map((kind) => `arn:aws:ec2:${region}:${accountId}:${kind}/*`);
}

function writeLog({ logGroupArn }: FunctionFacts): Statement {
  return allow('Log', ['logs:CreateLogStream', 'logs:PutLogEvents'], [`${logGroupArn}:*`]);
}

/**
 * Lambda itself makes and removes the function's network interfaces, with the function's role. The Deny keeps these
 * rights from the code: requests made from inside the function carry `lambda:SourceFunctionArn`.
 */
function standInside(facts: FunctionFacts & InsideFacts): readonly Statement[] {
  const interfaces = [
    'ec2:CreateNetworkInterface',
    'ec2:DeleteNetworkInterface',
    'ec2:AssignPrivateIpAddresses',
    'ec2:UnassignPrivateIpAddresses',
  ];
  return [
    allow('NetworkInterfaces', interfaces, [
      ...any(facts, 'network-interface'),
      ...facts.workerSubnetArns,
      facts.functionGroupArn,
    ]),
    look('SeeNetworkInterfaces', facts, ['ec2:DescribeNetworkInterfaces', 'ec2:DescribeSubnets']),
    {
      Sid: 'NoNetworkInterfacesFromCode',
      Effect: 'Deny',
      Action: interfaces,
      Resource: ['*'],
      Condition: { ArnEquals: { 'lambda:SourceFunctionArn': facts.functionArn } },
    },
  ];
}

/** The items of one cluster: `id` and `id#…`. */
function ownItems({ clusterId }: Place): Condition {
  return {
    'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [clusterId, `${clusterId}#*`] },
  };
}

/**
 * Leaves a mark in the inbox, and touches nothing else of the table: no lock, no state, no operator’s hold (S2, S19). A list of
 * attributes must name the key’s as well.
 */
function markInbox(facts: Place, stateTableArn: string, mark: string): Statement {
  return allow('Inbox', ['dynamodb:UpdateItem'], [stateTableArn], {
    'ForAllValues:StringEquals': {
      'dynamodb:LeadingKeys': [`${facts.clusterId}${INBOX_SUFFIX}`],
    },
    'ForAllValues:StringLike': { 'dynamodb:Attributes': [CLUSTER_KEY, mark] },
  });
}

function readSecret(sid: string, arn: string): Statement {
  return allow(sid, ['secretsmanager:GetSecretValue'], [arn]);
}

/** Launches workers from our two templates, removes our workers, keeps its state, and reads what it decides on. */
export function autoscalerPolicy(facts: AutoscalerFacts): PolicyDocument {
  const { clusterId, region } = facts;
  const fromTemplate = { 'ec2:LaunchTemplate': facts.templateArns };
  const asOurs = { [`aws:RequestTag/${CLUSTER_TAG}`]: clusterId };
  return document(
    look('Look', facts, ['ec2:DescribeInstances', 'ec2:DescribeInstanceStatus']),
    // For `npm run doctor`, which looks with this very role.
    look('Doctor', facts, ['ec2:DescribeLaunchTemplateVersions', 'servicequotas:GetServiceQuota']),
    allow('LaunchWorkers', ['ec2:RunInstances'], any(facts, 'instance'), {
      StringEquals: {
        ...asOurs,
        [`aws:RequestTag/${ROLE_TAG}`]: WORKER_ROLE,
        'ec2:MetadataHttpTokens': 'required',
      },
      ArnEquals: fromTemplate,
    }),
    allow('LaunchDisks', ['ec2:RunInstances'], any(facts, 'volume', 'network-interface'), {
      ArnEquals: fromTemplate,
    }),
    // The image must come from a template, of whatever version: an intent may have pinned an older one (S5).
    allow('LaunchImage', ['ec2:RunInstances'], [`arn:aws:ec2:${region}::image/*`], {
      ArnEquals: fromTemplate,
      Bool: { 'ec2:IsLaunchTemplateResource': 'true' },
    }),
    allow('LaunchSpot', ['ec2:RunInstances'], any(facts, 'spot-instances-request'), {
      StringEquals: asOurs,
    }),
    allow(
      'LaunchHere',
      ['ec2:RunInstances'],
      [...facts.templateArns, ...facts.workerSubnetArns, facts.workerGroupArn],
    ),
    allow(
      'TagAtLaunch',
      ['ec2:CreateTags'],
      any(facts, 'instance', 'volume', 'spot-instances-request'),
      { StringEquals: { ...asOurs, 'ec2:CreateAction': 'RunInstances' } },
    ),
    allow('RemoveWorkers', ['ec2:TerminateInstances'], any(facts, 'instance'), {
      StringEquals: {
        [`ec2:ResourceTag/${CLUSTER_TAG}`]: clusterId,
        [`ec2:ResourceTag/${ROLE_TAG}`]: WORKER_ROLE,
      },
    }),
    allow('PassWorkerRole', ['iam:PassRole'], [facts.workerRoleArn], {
      StringEquals: { 'iam:PassedToService': 'ec2.amazonaws.com' },
    }),
    allow(
      'State',
      ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'],
      [facts.stateTableArn],
      ownItems(facts),
    ),
    allow('Journal', ['dynamodb:PutItem'], [facts.journalTableArn], ownItems(facts)),
    allow('PolicyDocument', ['ssm:GetParameter'], [facts.policyParameterArn]),
    readSecret('KubernetesAccess', facts.kubernetesAccessArn),
    ...(facts.slackWebhookArn === null ? [] : [readSecret('SlackWebhook', facts.slackWebhookArn)]),
    allow('Notify', ['sns:Publish', 'sns:GetTopicAttributes'], [facts.topicArn]),
    writeLog(facts),
    ...standInside(facts),
  );
}

/** Marks a reclaimed worker, taints its node, and starts a cycle early. */
export function spotPolicy(facts: SpotFacts): PolicyDocument {
  return document(
    look('Look', facts, ['ec2:DescribeInstances']),
    markInbox(facts, facts.stateTableArn, `${MARK_PREFIX}*`),
    readSecret('KubernetesAccess', facts.kubernetesAccessArn),
    allow('StartCycle', ['lambda:InvokeFunction'], [facts.autoscalerArn]),
    writeLog(facts),
    ...standInside(facts),
  );
}

/** Sets the kick, and starts a cycle early. */
export function alertPolicy(facts: AlertFacts): PolicyDocument {
  return document(
    markInbox(facts, facts.stateTableArn, KICK),
    readSecret('AlertToken', facts.alertTokenArn),
    allow('StartCycle', ['lambda:InvokeFunction'], [facts.autoscalerArn]),
    writeLog(facts),
  );
}

export function schedulerPolicy(autoscalerArn: string): PolicyDocument {
  return document(allow('StartCycle', ['lambda:InvokeFunction'], [autoscalerArn]));
}

/** A worker finds the master and joins; it can do nothing else. */
export function workerPolicy(place: Place, joinTokenArn: string): PolicyDocument {
  return document(
    look('FindMaster', place, ['ec2:DescribeInstances']),
    readSecret('JoinToken', joinTokenArn),
  );
}

/** The master writes the three secrets; Session Manager is the way in, for there is no SSH. */
export function masterPolicy(place: Place, secretArns: readonly string[]): PolicyDocument {
  return document(
    allow('WriteSecrets', ['secretsmanager:PutSecretValue'], secretArns),
    look('SessionManager', place, [
      'ssm:UpdateInstanceInformation',
      'ssmmessages:CreateControlChannel',
      'ssmmessages:CreateDataChannel',
      'ssmmessages:OpenControlChannel',
      'ssmmessages:OpenDataChannel',
    ]),
  );
}

/** A trust policy: which service may act in this role, for our account alone. */
export function trust(service: string, accountId: string): object {
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Action: 'sts:AssumeRole',
        Principal: { Service: service },
        // EC2 and Lambda set no source account; only the scheduler acts for others.
        ...(service === 'scheduler.amazonaws.com'
          ? { Condition: { StringEquals: { 'aws:SourceAccount': accountId } } }
          : {}),
      },
    ],
  };
}
