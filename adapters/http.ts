import { request as requestHttp, type Agent as HttpAgent } from 'node:http';
import { request as requestHttps, type Agent as HttpsAgent } from 'node:https';
import { CallFailed } from './failure.ts';

export interface HttpCall {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** A list of a thousand pods is some 10 MB; what is longer is not read to its end. */
const ANSWER_BYTES_MAX = 32_000_000;

/**
 * One request and its whole answer, of whatever status. Follows nothing, repeats nothing. Rejects with the system’s error,
 * with an AbortError, or with CallFailed where the answer is too long or breaks off.
 */
export function call(
  agent: HttpAgent | HttpsAgent,
  { method, url, headers, body }: HttpCall,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
    const sent = request(
      url,
      { method, agent, signal, headers: { ...headers, ...length } },
      (answer) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        answer.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > ANSWER_BYTES_MAX) {
            const most = `${String(ANSWER_BYTES_MAX)} bytes`;
            sent.destroy(
              new CallFailed('unknown', 'unavailable', `an answer of more than ${most}`),
            );
            return;
          }
          chunks.push(chunk);
        });
        answer.on('end', () => {
          resolve({
            status: answer.statusCode ?? 0,
            body: Buffer.concat(chunks).toString('utf8'),
          });
        });
        answer.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}
