import { execFileSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { freePort, start, type Running } from './processes.ts';

const FOLDER = fileURLToPath(new URL('../../../node_modules/.cache/moto', import.meta.url));
const VERSION = '5.2.5';

/** Installs moto once, in a Python environment of its own. Throws when it cannot be had: a test not run is no pass. */
function install(): string {
  const program = `${FOLDER}/bin/moto_server`;
  if (!existsSync(program)) {
    rmSync(FOLDER, { recursive: true, force: true });
    execFileSync('python3', ['-m', 'venv', FOLDER], { stdio: 'pipe' });
    const wanted = `moto[server]==${VERSION}`;
    const pip = ['install', '--quiet', '--disable-pip-version-check', wanted];
    execFileSync(`${FOLDER}/bin/pip`, pip, { stdio: 'pipe' });
  }
  return program;
}

/** EC2, DynamoDB, Secrets Manager and SNS as moto has them, on loopback. */
export async function startMoto(): Promise<Running> {
  const port = await freePort();
  const url = `http://127.0.0.1:${String(port)}`;
  const program = install();
  return start(program, ['-H', '127.0.0.1', '-p', String(port)], url, `${url}/moto-api/data.json`);
}
