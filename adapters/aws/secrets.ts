import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import * as z from 'zod';
import { CallFailed } from '../failure.ts';
import type { AccessSource, KubernetesAccess } from '../kubernetes/client.ts';

/** Secrets as last read, for the life of the sandbox. Nothing of one is ever in an error or a log. */
const cached = new Map<string, string>();
const reading = new Map<string, Promise<string>>();

/** A secret’s text. Several who ask at once share one call. */
export async function secret(
  client: SecretsManagerClient,
  id: string,
  signal: AbortSignal,
): Promise<string> {
  return cached.get(id) ?? (await renewSecret(client, id, signal));
}

/** Reads a secret anew. */
export async function renewSecret(
  client: SecretsManagerClient,
  id: string,
  signal: AbortSignal,
): Promise<string> {
  const underWay = reading.get(id);
  if (underWay !== undefined) {
    return underWay;
  }
  const read = (async () => {
    try {
      const command = new GetSecretValueCommand({ SecretId: id });
      const { SecretString } = await client.send(command, { abortSignal: signal });
      if (SecretString === undefined || SecretString === '') {
        throw new CallFailed('refused', 'unavailable', `the secret ${id} has no text`);
      }
      cached.set(id, SecretString);
      return SecretString;
    } finally {
      reading.delete(id);
    }
  })();
  reading.set(id, read);
  return read;
}

/** A secret as it was last read, and anew. */
export function secretSource(client: SecretsManagerClient, id: string) {
  return {
    get: (signal: AbortSignal): Promise<string> => secret(client, id, signal),
    renew: (signal: AbortSignal): Promise<string> => renewSecret(client, id, signal),
  };
}

const accessSchema = z.object({ token: z.string().min(1), caBase64: z.base64().min(1) });

/** The access that the master publishes: `{"token", "caBase64"}`. */
export function parseAccess(id: string, text: string): KubernetesAccess {
  let raw: unknown = null;
  try {
    raw = JSON.parse(text);
  } catch {
    // Told below, without a word of it.
  }
  const parsed = accessSchema.safeParse(raw);
  if (!parsed.success) {
    const words = `the secret ${id} is not {"token", "caBase64"}`;
    throw new CallFailed('refused', 'unavailable', words);
  }
  const { token, caBase64 } = parsed.data;
  return { token, ca: Buffer.from(caBase64, 'base64').toString('utf8') };
}

export function accessFrom(client: SecretsManagerClient, id: string): AccessSource {
  return {
    get: async (signal) => parseAccess(id, await secret(client, id, signal)),
    renew: async (signal) => parseAccess(id, await renewSecret(client, id, signal)),
  };
}
