// The real program, started as a user starts it, on files of its own.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../..', import.meta.url));
const launcher = join(root, 'adapters', 'cli', 'launch.mjs');

export interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface NodeFleetOptions {
  /** Nobody reads what it prints. */
  readonly deaf?: boolean;
  /** Options for Node itself, like `--max-old-space-size=64`. */
  readonly nodeOptions?: readonly string[];
}

/** Runs `node-fleet` with these arguments. */
export function nodeFleet(
  args: readonly string[],
  { deaf = false, nodeOptions = [] }: NodeFleetOptions = {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...nodeOptions, launcher, ...args], { cwd: root });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    if (deaf) {
      child.stdout.destroy();
    }
    child.on('error', reject);
    child.on('close', (exitCode) => {
      resolve({ exitCode, stdout, stderr });
    });
  });
}

/** A folder of its own, and how to be rid of it. */
export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'node-fleet-test-'));
  return {
    path,
    remove: () => {
      rmSync(path, { recursive: true, force: true });
    },
  };
}

const START_AT_MS = Date.UTC(2026, 10, 27, 12);

/** Minutes of traffic from 2026-11-27T12:00:00Z on: by default quiet, then a rise that two nodes cannot carry. */
export function traceCsv(
  minutes = 120,
  rate = (minute: number): number => (minute < 45 || minute > 75 ? 60 : 600),
): string {
  const rows = Array.from({ length: minutes }, (_, minute) => {
    const at = new Date(START_AT_MS + minute * 60_000).toISOString();
    return `${at},${String(rate(minute))}\n`;
  });
  return `timestamp,requests_per_second\n${rows.join('')}`;
}

/** Writes a file of that name into a folder and returns its path. */
export function writeText(folder: string, name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}
