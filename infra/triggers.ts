import { EventRule } from '@pulumi/aws/cloudwatch/eventRule.js';
import { EventTarget } from '@pulumi/aws/cloudwatch/eventTarget.js';
import { Permission } from '@pulumi/aws/lambda/permission.js';
import { Schedule } from '@pulumi/aws/scheduler/schedule.js';
import type { Output } from '@pulumi/pulumi';
import { type Place, schedulerPolicy } from './access.ts';
import type { Config } from './config.ts';
import { type Functions, SPOT_AGE_MAX_S, TICK_AGE_MAX_S } from './functions.ts';
import { grant, role } from './roles.ts';
import { tagsOf } from './tags.ts';

/** What starts a cycle by itself: the clock every two minutes, and EC2 when it takes a spot instance back. */
export function triggers(config: Config, place: Output<Place>, functions: Functions): void {
  const { autoscaler, spot } = functions;
  const as = role(config, place, 'scheduler', 'scheduler.amazonaws.com');
  const { policy } = grant('scheduler', as, autoscaler.arn.apply(schedulerPolicy));
  new Schedule(
    'cycle',
    {
      name: `${config.namePrefix}-cycle`,
      description: 'node-fleet: a control cycle every two minutes',
      scheduleExpression: 'rate(2 minutes)',
      flexibleTimeWindow: { mode: 'OFF' },
      target: {
        arn: autoscaler.arn,
        roleArn: as.arn,
        // The engine drops a tick by the time it was due, not by the time it arrived (S20).
        input: JSON.stringify({ trigger: 'schedule', time: '<aws.scheduler.scheduled-time>' }),
        retryPolicy: { maximumRetryAttempts: 0, maximumEventAgeInSeconds: TICK_AGE_MAX_S },
      },
    },
    { dependsOn: [policy] },
  );

  // Events name an instance and carry no tags: the function looks whether it is one of ours.
  const rule = new EventRule('spot', {
    name: `${config.namePrefix}-spot`,
    description: 'Spot instances that AWS takes back, or soon may',
    eventPattern: JSON.stringify({
      source: ['aws.ec2'],
      'detail-type': [
        'EC2 Spot Instance Interruption Warning',
        'EC2 Instance Rebalance Recommendation',
      ],
    }),
    tags: tagsOf(config, 'spot'),
  });
  const permission = new Permission('spot-events', {
    function: spot.name,
    action: 'lambda:InvokeFunction',
    principal: 'events.amazonaws.com',
    sourceArn: rule.arn,
  });
  new EventTarget(
    'spot',
    {
      rule: rule.name,
      arn: spot.arn,
      retryPolicy: { maximumRetryAttempts: 2, maximumEventAgeInSeconds: SPOT_AGE_MAX_S },
    },
    { dependsOn: [permission] },
  );
}
