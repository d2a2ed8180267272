import type { Failure, TransportReason } from '../engine/index.ts';

/** A call that came to nothing, already in the engine’s words. Its message never holds a header or a body. */
export class CallFailed extends Error {
  override readonly name = 'CallFailed';
  readonly certainty: Failure['certainty'];
  readonly reason: TransportReason;

  constructor(certainty: Failure['certainty'], reason: TransportReason, message: string) {
    super(message);
    this.certainty = certainty;
    this.reason = reason;
  }
}

/** Errors of a connection that never was: nothing can have been sent. */
const NEVER_CONNECTED: readonly string[] = [
  'ECONNREFUSED',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
];

/** Errors of a peer whose certificate we do not believe: the request stays with us. */
const NOT_TRUSTED =
  /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT_|HOSTNAME_MISMATCH|ERR_SSL_)/;

const THROTTLES: readonly string[] = [
  'EC2ThrottledException',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'Throttled',
  'ThrottledException',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
];

/** The code of a system or TLS error, if it is one. */
export function errorCode(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

export function isNotTrusted(error: unknown): boolean {
  return NOT_TRUSTED.test(errorCode(error));
}

/**
 * What became of a call, told by how it failed. `refused` only where it certainly did not happen: no connection, a
 * throttle, or an answer that faults the request. A timeout, a lost connection or a server’s own error may have come after
 * the deed, and is `unknown`; so is what we do not know.
 */
export function failureOf(error: unknown): Failure<TransportReason> {
  const fail = (certainty: Failure['certainty'], reason: TransportReason) =>
    ({ ok: false, certainty, reason }) as const;
  if (error instanceof CallFailed) {
    return fail(error.certainty, error.reason);
  }
  const { name = '', $metadata } = (error ?? {}) as {
    name?: string;
    $metadata?: { httpStatusCode?: number };
  };
  if (name === 'AbortError' || name === 'TimeoutError') {
    return fail('unknown', 'timeout');
  }
  const status = $metadata?.httpStatusCode;
  if (THROTTLES.includes(name) || status === 429) {
    return fail('refused', 'throttled');
  }
  if (status !== undefined && status >= 400 && status < 500) {
    return fail('refused', 'unavailable');
  }
  const unsent =
    NEVER_CONNECTED.includes(errorCode(error)) ||
    isNotTrusted(error) ||
    name === 'CredentialsProviderError';
  return fail(unsent ? 'refused' : 'unknown', 'unavailable');
}

/** An error in few words for a log: its name and code, and a message only where we wrote it ourselves. */
export function errorWords(error: unknown): string {
  if (error instanceof CallFailed) {
    return error.message;
  }
  const { name = 'Error' } = (error ?? {}) as { name?: string };
  const code = errorCode(error);
  return code === '' ? name : `${name} ${code}`;
}
