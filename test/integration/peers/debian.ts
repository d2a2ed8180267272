import { execFileSync } from 'node:child_process';

function has(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
}

/** Programs from PATH, or else from Debian’s packages. Throws when they cannot be had: a test not run is no pass. */
export function installFromDebian(programs: readonly string[], packages: readonly string[]): void {
  if (programs.every(has)) {
    return;
  }
  execFileSync('apt-get', ['update'], { stdio: 'pipe' });
  execFileSync('apt-get', ['install', '-y', '--no-install-recommends', ...packages], {
    stdio: 'pipe',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
}
