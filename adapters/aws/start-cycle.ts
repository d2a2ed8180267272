import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import type { CycleInput } from '../../engine/index.ts';

/**
 * Asks Lambda to start a control cycle ahead of its time, and does not wait for it. A cycle that runs already has the only
 * place: Lambda then asks again for as long as the function’s events may be old (S20).
 *
 * @param atMs when what it is about happened: a cycle that would begin too long after it is dropped (S20)
 * @throws where it could not be asked for; whoever called has left a mark or a kick, which the next tick finds
 */
export async function startCycle(
  client: LambdaClient,
  functionName: string,
  trigger: Exclude<CycleInput['trigger'], 'schedule'>,
  atMs: number,
  signal: AbortSignal,
): Promise<void> {
  await client.send(
    new InvokeCommand({
      FunctionName: functionName,
      InvocationType: 'Event',
      Payload: Buffer.from(JSON.stringify({ trigger, time: new Date(atMs).toISOString() })),
    }),
    { abortSignal: signal },
  );
}
