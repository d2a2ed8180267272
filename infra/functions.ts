import { LogGroup } from '@pulumi/aws/cloudwatch/logGroup.js';
import type { Subnet } from '@pulumi/aws/ec2/subnet.js';
import { Function as LambdaFunction } from '@pulumi/aws/lambda/function.js';
import { FunctionEventInvokeConfig } from '@pulumi/aws/lambda/functionEventInvokeConfig.js';
import { FunctionUrl } from '@pulumi/aws/lambda/functionUrl.js';
import { Permission } from '@pulumi/aws/lambda/permission.js';
import type { Topic } from '@pulumi/aws/sns/topic.js';
import type { Parameter } from '@pulumi/aws/ssm/parameter.js';
import { all, asset, type Input, type Output, output } from '@pulumi/pulumi';
import {
  alertPolicy,
  autoscalerPolicy,
  type FunctionFacts,
  type Place,
  type PolicyDocument,
  spotPolicy,
} from './access.ts';
import { clusterOf, type Config, settingsOf } from './config.ts';
import {
  HANDLERS,
  INBOX_SUFFIX,
  KUBERNETES_PORT,
  METRIC_NAMESPACE,
  PROMETHEUS_PORT,
} from './names.ts';
import { masterAddress, type Network } from './network.ts';
import { grant, role } from './roles.ts';
import type { Secrets } from './secrets.ts';
import type { State } from './state.ts';
import { tagsOf } from './tags.ts';
import type { Workers } from './workers.ts';

/**
 * Three functions from one bundle: the control cycle, and two small ones that leave a mark in the inbox and start the
 * cycle early. The lock alone makes the cycle safe; concurrency 1 only saves money (S20).
 */
export interface Functions {
  readonly autoscaler: LambdaFunction;
  readonly spot: LambdaFunction;
  readonly alert: LambdaFunction;
  readonly alertUrl: Output<string>;
}

/** With 120 s of clock skew on top it must stay inside the lock's 300 s: the engine checks each call against that (S8). */
export const AUTOSCALER_TIMEOUT_S = 60;
/** A tick that waited longer is dropped: another has come since (S20). */
export const TICK_AGE_MAX_S = 60;
/** A spot notice is good for two minutes (S2). */
export const SPOT_AGE_MAX_S = 120;
const INGEST_TIMEOUT_S = 15;

export function autoscalerName(config: Config): string {
  return `${config.namePrefix}-autoscaler`;
}

interface Plan {
  readonly name: string;
  readonly description: string;
  readonly handler: string;
  readonly timeout: number;
  readonly memorySize: number;
  readonly concurrency: number;
  /** In the VPC, to look at the cluster; otherwise it reaches AWS alone. */
  readonly inside: boolean;
  readonly environment: Readonly<Record<string, Input<string>>>;
  readonly policy: (facts: FunctionFacts) => Output<PolicyDocument>;
}

/**
 * @param codeDir folder with the bundle, `index.mjs` and nothing else that matters
 */
export function functions(
  config: Config,
  place: Output<Place>,
  network: Network,
  state: State,
  secrets: Secrets,
  workers: Workers,
  topic: Topic,
  policy: Parameter,
  codeDir: string,
): Functions {
  const code = new asset.FileArchive(codeDir);
  const subnets: readonly Subnet[] = Object.values(network.workerSubnets);
  const arnOf = ({ region, accountId }: Place, name: string): string =>
    `arn:aws:lambda:${region}:${accountId}:function:${name}`;

  const make = (logical: string, plan: Plan): LambdaFunction => {
    const name = plan.name;
    const log = new LogGroup(logical, {
      name: `/aws/lambda/${name}`,
      retentionInDays: config.logRetentionDays,
      tags: tagsOf(config, logical),
    });
    const as = role(config, place, logical, 'lambda.amazonaws.com');
    const { policy } = grant(
      logical,
      as,
      all([place, log.arn]).apply(([here, logGroupArn]) =>
        plan.policy({ ...here, functionArn: arnOf(here, name), logGroupArn }),
      ),
    );
    return new LambdaFunction(
      logical,
      {
        name,
        description: plan.description,
        code,
        handler: plan.handler,
        runtime: 'nodejs22.x',
        architectures: ['arm64'],
        role: as.arn,
        timeout: plan.timeout,
        memorySize: plan.memorySize,
        reservedConcurrentExecutions: plan.concurrency,
        environment: { variables: plan.environment },
        loggingConfig: { logFormat: 'Text', logGroup: log.name },
        ...(plan.inside
          ? {
              vpcConfig: {
                subnetIds: subnets.map(({ id }) => id),
                securityGroupIds: [network.functionGroup.id],
              },
            }
          : {}),
        tags: tagsOf(config, logical),
      },
      // Lambda makes its network interfaces with the role, and looks before it does.
      { dependsOn: [policy, ...(plan.inside ? network.egress : [])] },
    );
  };
  const insideFacts = all([all(subnets.map(({ arn }) => arn)), network.functionGroup.arn]).apply(
    ([workerSubnetArns, functionGroupArn]) => ({ workerSubnetArns, functionGroupArn }),
  );

  const kubernetes = {
    NODE_FLEET_KUBERNETES_URL: `https://${masterAddress(config)}:${KUBERNETES_PORT}`,
    NODE_FLEET_KUBERNETES_SECRET: secrets.kubernetesAccess.arn,
  };
  const inbox = {
    NODE_FLEET_CLUSTER_ID: config.clusterId,
    NODE_FLEET_STATE_TABLE: state.stateTable.name,
    NODE_FLEET_INBOX_KEY: `${config.clusterId}${INBOX_SUFFIX}`,
    NODE_FLEET_AUTOSCALER: autoscalerName(config),
  };

  const autoscaler = make('autoscaler', {
    name: autoscalerName(config),
    description: 'node-fleet: one control cycle',
    handler: HANDLERS.scheduled,
    timeout: AUTOSCALER_TIMEOUT_S,
    memorySize: 512,
    concurrency: 1,
    inside: true,
    environment: {
      ...kubernetes,
      NODE_FLEET_CLUSTER: workers.templateVersion.apply((version) =>
        JSON.stringify(clusterOf(config, version)),
      ),
      NODE_FLEET_MODE: config.mode,
      NODE_FLEET_POLICY: config.policy,
      NODE_FLEET_SETTINGS: JSON.stringify(settingsOf(config)),
      NODE_FLEET_POLICY_PARAMETER: policy.name,
      NODE_FLEET_TEMPLATES: all([workers.onDemand.id, workers.spot.id]).apply(([onDemand, spot]) =>
        JSON.stringify({ 'on-demand': onDemand, spot }),
      ),
      NODE_FLEET_SUBNETS: all(subnets.map(({ id }) => id)).apply((ids) =>
        JSON.stringify(Object.fromEntries(config.zones.map((zone, index) => [zone, ids[index]]))),
      ),
      NODE_FLEET_STATE_TABLE: state.stateTable.name,
      NODE_FLEET_INBOX_KEY: inbox.NODE_FLEET_INBOX_KEY,
      NODE_FLEET_JOURNAL_TABLE: state.journalTable.name,
      NODE_FLEET_JOURNAL_DAYS: String(config.journalRetentionDays),
      NODE_FLEET_PROMETHEUS_URL: `http://${masterAddress(config)}:${PROMETHEUS_PORT}`,
      NODE_FLEET_ALARM_TOPIC: topic.arn,
      ...(secrets.slackWebhook === null
        ? {}
        : { NODE_FLEET_SLACK_SECRET: secrets.slackWebhook.arn }),
      NODE_FLEET_METRIC_NAMESPACE: METRIC_NAMESPACE,
    },
    policy: (facts) =>
      all([
        insideFacts,
        output({
          stateTableArn: state.stateTable.arn,
          journalTableArn: state.journalTable.arn,
          kubernetesAccessArn: secrets.kubernetesAccess.arn,
          topicArn: topic.arn,
          policyParameterArn: policy.arn,
          slackWebhookArn: secrets.slackWebhook?.arn ?? null,
          workerGroupArn: network.workerGroup.arn,
          workerRoleArn: workers.role.arn,
        }),
        all([workers.onDemand.arn, workers.spot.arn]),
      ]).apply(([inside, arns, templateArns]) =>
        autoscalerPolicy({ ...facts, ...inside, ...arns, templateArns }),
      ),
  });
  const spot = make('spot', {
    name: `${config.namePrefix}-spot`,
    description: 'node-fleet: marks a worker that AWS takes back',
    handler: HANDLERS.spot,
    timeout: INGEST_TIMEOUT_S,
    memorySize: 256,
    concurrency: 5,
    inside: true,
    environment: { ...kubernetes, ...inbox },
    policy: (facts) =>
      all([
        insideFacts,
        output({
          stateTableArn: state.stateTable.arn,
          kubernetesAccessArn: secrets.kubernetesAccess.arn,
          autoscalerArn: autoscaler.arn,
        }),
      ]).apply(([inside, arns]) => spotPolicy({ ...facts, ...inside, ...arns })),
  });
  const alert = make('alert', {
    name: `${config.namePrefix}-alert`,
    description: 'node-fleet: hears from Alertmanager that pods find no room',
    handler: HANDLERS.alert,
    timeout: INGEST_TIMEOUT_S,
    memorySize: 256,
    // Anyone may knock at its URL: this bounds what that costs.
    concurrency: 2,
    inside: false,
    environment: { ...inbox, NODE_FLEET_ALERT_SECRET: secrets.alertToken.arn },
    policy: (facts) =>
      output({
        stateTableArn: state.stateTable.arn,
        alertTokenArn: secrets.alertToken.arn,
        autoscalerArn: autoscaler.arn,
      }).apply((arns) => alertPolicy({ ...facts, ...arns })),
  });

  // A queued start is never repeated, and never stale (S20). A mark may be made twice, within its two minutes (S2).
  const asynchronous = (
    name: string,
    of: LambdaFunction,
    maximumEventAgeInSeconds: number,
    maximumRetryAttempts: number,
  ): void => {
    new FunctionEventInvokeConfig(name, {
      functionName: of.name,
      maximumEventAgeInSeconds,
      maximumRetryAttempts,
    });
  };
  asynchronous('autoscaler', autoscaler, TICK_AGE_MAX_S, 0);
  asynchronous('spot', spot, SPOT_AGE_MAX_S, 2);

  // Alertmanager cannot sign requests for IAM, so the function checks a token itself (docs/decisions/072). Since
  // October 2025 a function URL needs both permissions.
  const url = new FunctionUrl('alert', {
    functionName: alert.name,
    authorizationType: 'NONE',
  });
  new Permission('alert-url', {
    function: alert.name,
    action: 'lambda:InvokeFunctionUrl',
    principal: '*',
    functionUrlAuthType: 'NONE',
  });
  new Permission('alert-invoke', {
    function: alert.name,
    action: 'lambda:InvokeFunction',
    principal: '*',
    invokedViaFunctionUrl: true,
  });
  return { autoscaler, spot, alert, alertUrl: url.functionUrl };
}
