import { Secret } from '@pulumi/aws/secretsmanager/secret.js';
import type { Config } from './config.ts';
import { tagsOf } from './tags.ts';

/**
 * Empty boxes. The master makes each value where it is first used and puts it in (boot/publish.sh), so that none is ever
 * in this program, its state, an environment or user data (docs/decisions/071).
 */
export interface Secrets {
  /** What an agent joins with: `K10<hash of the CA>::node:<token>`. */
  readonly joinToken: Secret;
  /** `{"token", "caBase64"}`: the autoscaler's Kubernetes identity, and the CA to believe. */
  readonly kubernetesAccess: Secret;
  /** What Alertmanager shows the alert function. */
  readonly alertToken: Secret;
  /** The address of Slack's incoming webhook, which a person puts in; null: nobody is told there. */
  readonly slackWebhook: Secret | null;
}

/** The only secrets there are, by name within the cluster. */
export const SECRET_NAMES = {
  joinToken: 'k3s-token',
  kubernetesAccess: 'kubernetes-access',
  alertToken: 'alert-token',
  slackWebhook: 'slack-webhook',
} as const;

export function secretName(config: Config, which: keyof typeof SECRET_NAMES): string {
  return `${config.namePrefix}/${config.clusterId}/${SECRET_NAMES[which]}`;
}

export function secrets(config: Config): Secrets {
  const box = (which: keyof typeof SECRET_NAMES, description: string): Secret =>
    new Secret(SECRET_NAMES[which], {
      name: secretName(config, which),
      description,
      recoveryWindowInDays: config.protect ? 7 : 0,
      tags: tagsOf(config, SECRET_NAMES[which]),
    });
  return {
    joinToken: box('joinToken', 'What a K3s agent joins with. Written by the master.'),
    kubernetesAccess: box(
      'kubernetesAccess',
      'The Kubernetes token of the autoscaler and the CA to believe. Written by the master.',
    ),
    alertToken: box(
      'alertToken',
      'What Alertmanager shows the alert function. Written by the master.',
    ),
    slackWebhook: config.slack
      ? box('slackWebhook', 'The address of an incoming webhook of Slack. Written by a person.')
      : null,
  };
}
