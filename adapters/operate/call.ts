import { errorWords } from '../failure.ts';
import { InputError } from '../import/input-error.ts';

const CALL_MS = 10_000;

/** The limit of one call to AWS: a person waits for it. */
export function callLimit(): AbortSignal {
  return AbortSignal.timeout(CALL_MS);
}

/** The region where the AWS CLI would look: of its two variables the SDK knows only the first, and then asks profiles. */
export function regionGiven(
  environment: Readonly<Record<string, string | undefined>>,
): { readonly region: string } | object {
  const region = environment['AWS_REGION'] ?? environment['AWS_DEFAULT_REGION'];
  return region === undefined ? {} : { region };
}

/** What a failed call to AWS means to the person who typed the command. Messages of the SDK are not quoted: they may hold anything. */
export function callWords(error: unknown): string {
  const { name = '', message = '' } = (error ?? {}) as { name?: string; message?: string };
  if (message === 'Region is missing') {
    return 'no region is set: AWS_REGION, or one in the profile';
  }
  const words = errorWords(error);
  switch (name) {
    case 'CredentialsProviderError':
    case 'TokenProviderError':
      return 'no AWS credentials were found: set AWS_PROFILE, or log in anew with aws sso login';
    case 'ExpiredToken':
    case 'ExpiredTokenException':
    case 'InvalidSignatureException':
    case 'UnrecognizedClientException':
      return `AWS refuses these credentials: log in anew (${words})`;
    case 'AccessDeniedException':
      return `these credentials may not do that (${words})`;
    case 'ResourceNotFoundException':
      return `there is none in this account and region (${words})`;
    default:
      return `could not be reached (${words})`;
  }
}

/** A call to AWS, whose failure is the operator’s to know: what was called, and what went wrong. */
export async function reached<T>(what: string, called: Promise<T>): Promise<T> {
  try {
    return await called;
  } catch (error) {
    throw new InputError(what, null, callWords(error));
  }
}
