import { expect, test } from 'vitest';
import { CallFailed, errorWords, failureOf } from '../../adapters/failure.ts';

function aws(name: string, httpStatusCode?: number): object {
  return {
    name,
    message: 'secret-in-a-message',
    $metadata: httpStatusCode === undefined ? {} : { httpStatusCode },
  };
}
const system = (code: string): object => ({ name: 'Error', message: 'x', code });

test.each([
  ['a refused connection', system('ECONNREFUSED'), 'refused', 'unavailable'],
  ['a host that is not known', system('ENOTFOUND'), 'refused', 'unavailable'],
  ['a host that cannot be reached', system('EHOSTUNREACH'), 'refused', 'unavailable'],
  [
    'a certificate of another authority',
    system('SELF_SIGNED_CERT_IN_CHAIN'),
    'refused',
    'unavailable',
  ],
  [
    'a certificate of another host',
    system('ERR_TLS_CERT_ALTNAME_INVALID'),
    'refused',
    'unavailable',
  ],
  ['no credentials to sign with', aws('CredentialsProviderError'), 'refused', 'unavailable'],
  ['a connection that broke off', system('ECONNRESET'), 'unknown', 'unavailable'],
  ['a pipe that broke', system('EPIPE'), 'unknown', 'unavailable'],
  ['an abort', { name: 'AbortError' }, 'unknown', 'timeout'],
  ['a timeout', { name: 'TimeoutError' }, 'unknown', 'timeout'],
  [
    'a throttle of EC2, whatever its status',
    aws('RequestLimitExceeded', 503),
    'refused',
    'throttled',
  ],
  ['a throttle of DynamoDB', aws('ThrottlingException', 400), 'refused', 'throttled'],
  ['a status of too many requests', aws('Whatever', 429), 'refused', 'throttled'],
  ['a fault found with the request', aws('ValidationException', 400), 'refused', 'unavailable'],
  ['a permission that is missing', aws('AccessDeniedException', 403), 'refused', 'unavailable'],
  ['a server’s own error', aws('InternalServerError', 500), 'unknown', 'unavailable'],
  ['what we do not know', new TypeError('x'), 'unknown', 'unavailable'],
  ['not even an error', undefined, 'unknown', 'unavailable'],
  ['one of ours', new CallFailed('refused', 'throttled', 'x'), 'refused', 'throttled'],
])('%s', (_what, error, certainty, reason) => {
  expect(failureOf(error)).toEqual({ ok: false, certainty, reason });
});

test('a log is told names and codes of others’ errors, and never their messages', () => {
  expect(errorWords(aws('ValidationException', 400))).toBe('ValidationException');
  expect(errorWords(system('ECONNRESET'))).toBe('Error ECONNRESET');
  expect(errorWords(undefined)).toBe('Error');
  expect(errorWords(new CallFailed('refused', 'unavailable', 'GET /x was answered with 403'))).toBe(
    'GET /x was answered with 403',
  );
});
