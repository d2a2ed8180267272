import { fileURLToPath } from 'node:url';
import { freePort, start, type Running } from './processes.ts';

const PROGRAM = fileURLToPath(new URL('../../../node_modules/dynalite/cli.js', import.meta.url));

/** DynamoDB as dynalite has it, in memory, in a process of its own. */
export async function startDynalite(): Promise<Running> {
  const port = String(await freePort());
  const url = `http://127.0.0.1:${port}`;
  const options = ['--host', '127.0.0.1', '--port', port, '--createTableMs', '0'];
  return start(process.execPath, [PROGRAM, ...options], url, url);
}
