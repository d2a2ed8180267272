import { MetricAlarm } from '@pulumi/aws/cloudwatch/metricAlarm.js';
import type { Instance } from '@pulumi/aws/ec2/instance.js';
import { Topic } from '@pulumi/aws/sns/topic.js';
import { TopicSubscription } from '@pulumi/aws/sns/topicSubscription.js';
import type { Input } from '@pulumi/pulumi';
import type { Config } from './config.ts';
import { AUTOSCALER_TIMEOUT_S, type Functions } from './functions.ts';
import { ALARM_METRIC, METRIC_DIMENSION, METRIC_NAMESPACE } from './names.ts';
import { tagsOf } from './tags.ts';

/** Where alarms go, CloudWatch's and the engine's own. */
export function alarmTopic(config: Config): Topic {
  const topic = new Topic('alarms', {
    name: `${config.namePrefix}-alarms`,
    tags: tagsOf(config, 'alarms'),
  });
  if (config.alarmEmail !== '') {
    new TopicSubscription('alarms', {
      topic: topic.arn,
      protocol: 'email',
      endpoint: config.alarmEmail,
    });
  }
  return topic;
}

interface Alarm {
  readonly name: string;
  readonly description: string;
  readonly namespace: string;
  readonly metric: string;
  readonly dimensions: Readonly<Record<string, Input<string>>>;
  readonly statistic: 'Sum' | 'Maximum';
  readonly comparison: 'GreaterThanThreshold' | 'LessThanThreshold';
  readonly threshold: number;
  readonly periodSeconds: number;
  readonly missing: 'notBreaching' | 'breaching';
}

/** What nobody would otherwise notice: an autoscaler that is dead looks like a quiet one. */
export function alarms(config: Config, topic: Topic, functions: Functions, master: Instance): void {
  const { autoscaler, spot, alert } = functions;
  const ofFunction = { namespace: 'AWS/Lambda', missing: 'notBreaching' } as const;
  const list: readonly Alarm[] = [
    {
      ...ofFunction,
      name: 'cycle-errors',
      description: 'A control cycle ended in an error.',
      metric: 'Errors',
      dimensions: { FunctionName: autoscaler.name },
      statistic: 'Sum',
      comparison: 'GreaterThanThreshold',
      threshold: 0,
      periodSeconds: 300,
    },
    {
      ...ofFunction,
      name: 'cycle-throttles',
      description: 'Cycles are refused more often than kicks that meet a running one explain.',
      metric: 'Throttles',
      dimensions: { FunctionName: autoscaler.name },
      statistic: 'Sum',
      comparison: 'GreaterThanThreshold',
      threshold: 5,
      periodSeconds: 600,
    },
    {
      name: 'cycle-missing',
      description: 'Fewer than three of five scheduled cycles began: nothing scales.',
      namespace: 'AWS/Lambda',
      metric: 'Invocations',
      dimensions: { FunctionName: autoscaler.name },
      statistic: 'Sum',
      comparison: 'LessThanThreshold',
      threshold: 3,
      periodSeconds: 600,
      missing: 'breaching',
    },
    {
      ...ofFunction,
      name: 'cycle-slow',
      description: 'A cycle came within ten seconds of its timeout.',
      metric: 'Duration',
      dimensions: { FunctionName: autoscaler.name },
      statistic: 'Maximum',
      comparison: 'GreaterThanThreshold',
      threshold: (AUTOSCALER_TIMEOUT_S - 10) * 1000,
      periodSeconds: 300,
    },
    {
      name: 'engine',
      description:
        'The engine raised an alarm: its message is on this topic, its code in the journal.',
      namespace: METRIC_NAMESPACE,
      metric: ALARM_METRIC,
      dimensions: { [METRIC_DIMENSION]: config.clusterId },
      statistic: 'Sum',
      comparison: 'GreaterThanThreshold',
      threshold: 0,
      periodSeconds: 600,
      missing: 'notBreaching',
    },
    {
      ...ofFunction,
      name: 'spot-errors',
      description: 'A spot notice could not be marked.',
      metric: 'Errors',
      dimensions: { FunctionName: spot.name },
      statistic: 'Sum',
      comparison: 'GreaterThanThreshold',
      threshold: 0,
      periodSeconds: 300,
    },
    {
      ...ofFunction,
      name: 'alert-errors',
      description: 'A call of Alertmanager could not be taken.',
      metric: 'Errors',
      dimensions: { FunctionName: alert.name },
      statistic: 'Sum',
      comparison: 'GreaterThanThreshold',
      threshold: 0,
      periodSeconds: 300,
    },
    {
      name: 'master-status',
      description: 'The master fails its status checks: no pod is scheduled and nothing scales.',
      namespace: 'AWS/EC2',
      metric: 'StatusCheckFailed',
      dimensions: { InstanceId: master.id },
      statistic: 'Maximum',
      comparison: 'GreaterThanThreshold',
      threshold: 0,
      periodSeconds: 300,
      missing: 'breaching',
    },
  ];
  for (const each of list) {
    new MetricAlarm(each.name, {
      name: `${config.namePrefix}-${each.name}`,
      alarmDescription: each.description,
      namespace: each.namespace,
      metricName: each.metric,
      dimensions: each.dimensions,
      statistic: each.statistic,
      comparisonOperator: each.comparison,
      threshold: each.threshold,
      period: each.periodSeconds,
      evaluationPeriods: 1,
      treatMissingData: each.missing,
      alarmActions: [topic.arn],
      okActions: [topic.arn],
      tags: tagsOf(config, each.name),
    });
  }
}
