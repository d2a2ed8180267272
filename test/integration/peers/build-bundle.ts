import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Builds what runs in Lambda once, before any test: files that run side by side share it. */
export function setup(): void {
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  execFileSync('npm', ['run', 'bundle'], { cwd: root, stdio: 'pipe' });
}
