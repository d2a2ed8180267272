import { expect, test } from 'vitest';
import { callWords, reached, regionGiven } from '../../../adapters/operate/call.ts';
import { InputError } from '../../../adapters/import/input-error.ts';

test('the region is looked for where the AWS CLI looks: AWS_REGION, then AWS_DEFAULT_REGION', () => {
  expect(regionGiven({ AWS_REGION: 'a', AWS_DEFAULT_REGION: 'b' })).toEqual({ region: 'a' });
  expect(regionGiven({ AWS_DEFAULT_REGION: 'b' })).toEqual({ region: 'b' });
  // Then the SDK asks the profile.
  expect(regionGiven({})).toEqual({});
});

test.each([
  ['Error', 'Region is missing', 'no region is set: AWS_REGION'],
  ['CredentialsProviderError', 'hunter2', 'no AWS credentials were found: set AWS_PROFILE'],
  ['ExpiredTokenException', 'hunter2', 'log in anew (ExpiredTokenException)'],
  ['AccessDeniedException', 'hunter2', 'these credentials may not do that (AccessDeniedException)'],
  ['ResourceNotFoundException', 'hunter2', 'there is none in this account and region'],
  ['TimeoutError', 'hunter2', 'could not be reached (TimeoutError)'],
])('%s is told in words that say what to do, and quote nothing', (name, message, words) => {
  const said = callWords(Object.assign(new Error(message), { name }));
  expect(said).toContain(words);
  expect(said).not.toContain('hunter2');
});

test('a call that fails names what was called, for an exit with 2', async () => {
  const refused = Promise.reject(Object.assign(new Error(), { code: 'ECONNREFUSED' }));
  const failed = reached('node-fleet-journal', refused);
  await expect(failed).rejects.toThrow(InputError);
  await expect(failed).rejects.toThrow(
    'node-fleet-journal: could not be reached (Error ECONNREFUSED)',
  );
});
