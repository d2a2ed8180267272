import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('.', import.meta.url));
const CACHE = fileURLToPath(
  new URL('../../../../node_modules/.cache/control-plane', import.meta.url),
);

/** Where the program is, once built from these very files. */
export function controlPlaneProgram(): string {
  const hash = createHash('sha256');
  for (const file of readdirSync(SOURCE).sort()) {
    if (/\.go$|^go\.(mod|sum)$/.test(file)) {
      hash.update(`${file}\n`).update(readFileSync(`${SOURCE}${file}`));
    }
  }
  return `${CACHE}/${hash.digest('hex').slice(0, 16)}/control-plane`;
}

/**
 * Builds the control plane where it is not built yet: minutes on a new machine, and nothing from then on. Before all
 * tests, because no test’s own time is long enough. Throws when it cannot be built: a test not run is no pass.
 */
export default async function build(): Promise<void> {
  const program = controlPlaneProgram();
  if (existsSync(program)) {
    return;
  }
  console.log('building a Kubernetes control plane with Go: some minutes, once');
  rmSync(CACHE, { recursive: true, force: true });
  mkdirSync(CACHE, { recursive: true });
  const beside = `${CACHE}/building`;
  const flags = ['-trimpath', '-buildvcs=false', '-ldflags', '-s -w', '-o', beside, '.'];
  const child = spawn('go', ['build', ...flags], {
    cwd: SOURCE,
    // No compiler is fetched, and no C is needed.
    env: { ...process.env, GOTOOLCHAIN: 'local', CGO_ENABLED: '0' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let words = '';
  child.stderr.on('data', (chunk: Buffer) => (words = (words + chunk.toString()).slice(-4000)));
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  if (code !== 0) {
    throw new Error(`the control plane could not be built with Go 1.26: ${words}`);
  }
  mkdirSync(program.slice(0, program.lastIndexOf('/')));
  renameSync(beside, program);
}
