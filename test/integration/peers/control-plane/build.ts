import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('.', import.meta.url));
const CACHE = fileURLToPath(
  new URL('../../../../node_modules/.cache/control-plane', import.meta.url),
);

/** The built program. Throws where there is none: a test not run is no pass. */
export function controlPlaneProgram(): string {
  const program = programPath();
  if (!existsSync(program)) {
    throw new Error(
      'there is no control plane: what kept it from being built is said before the first test',
    );
  }
  return program;
}

/** Where it is, once built from these very files. */
function programPath(): string {
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
 * tests, because no test’s own time is long enough; where it fails, those that need none of it can still run.
 */
export default async function build(): Promise<void> {
  const program = programPath();
  if (existsSync(program)) {
    return;
  }
  console.log('building a Kubernetes control plane with Go: some minutes, once');
  rmSync(CACHE, { recursive: true, force: true });
  mkdirSync(dirname(program), { recursive: true });
  const beside = `${program}.building`;
  const flags = ['-trimpath', '-buildvcs=false', '-ldflags', '-s -w', '-o', beside, '.'];
  const child = spawn('go', ['build', ...flags], {
    cwd: SOURCE,
    // No compiler is fetched, and no C is needed.
    env: { ...process.env, GOTOOLCHAIN: 'local', CGO_ENABLED: '0' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let words = '';
  child.stderr.on('data', (chunk: Buffer) => (words = (words + chunk.toString()).slice(-4000)));
  child.once('error', (error) => (words = error.message));
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code === 0) {
    renameSync(beside, program);
  } else {
    console.error(`the control plane could not be built, which needs Go 1.26: ${words}`);
  }
}
