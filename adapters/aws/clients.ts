import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EC2Client } from '@aws-sdk/client-ec2';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { SNSClient } from '@aws-sdk/client-sns';
import { SSMClient } from '@aws-sdk/client-ssm';

/**
 * Clients of one invocation. A sandbox is frozen between two of them, and its connections die meanwhile: none is kept.
 * Region, credentials and endpoints come from Lambda’s environment.
 */
export class Clients {
  /** Retries are the cycle’s to decide (S7); only what changes nothing may be asked twice. */
  readonly reading = new EC2Client({ maxAttempts: 2 });
  readonly ec2 = new EC2Client({ maxAttempts: 1 });
  readonly dynamo = new DynamoDBClient({ maxAttempts: 1 });
  readonly secrets = new SecretsManagerClient({ maxAttempts: 2 });
  readonly sns = new SNSClient({ maxAttempts: 1 });
  readonly ssm = new SSMClient({ maxAttempts: 2 });
  /** Two cycles for one event are one: the second finds nothing left to do. */
  readonly lambda = new LambdaClient({ maxAttempts: 2 });

  readonly quotas = new ServiceQuotasClient({ maxAttempts: 2 });

  /** Ends every connection. */
  close(): void {
    const { reading, ec2, dynamo, secrets, sns, ssm, lambda, quotas } = this;
    for (const each of [reading, ec2, dynamo, secrets, sns, ssm, lambda, quotas]) {
      each.destroy();
    }
  }
}
