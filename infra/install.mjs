// Installs infra's own packages if they are missing or older than its lock file. `npm run check` and `npm test` begin with it, so
// that the root's `npm ci` stays quick for whoever only simulates.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = import.meta.dirname;
/** Written last: an install that was cut short is made again. */
const mark = join(folder, 'node_modules/.installed-lock');

/** Also vitest's `globalSetup`. */
export default function install() {
  const lock = readFileSync(join(folder, 'package-lock.json'), 'utf8');
  if (existsSync(mark) && readFileSync(mark, 'utf8') === lock) {
    return;
  }
  const { status, output } = spawnSync('npm', ['ci', '--no-progress'], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (status !== 0) {
    throw new Error(`npm ci in infra/ failed:\n${output?.join('') ?? 'npm could not be started'}`);
  }
  writeFileSync(mark, lock);
}

if (process.argv[1] === import.meta.filename) {
  install();
}
