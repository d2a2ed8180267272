// A trace of a million rows, read by the real program in a small heap. For ten million:
//     TRACE_ROWS=10000000 npx vitest run test/adapters/import/long-trace.test.ts
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeFleet, temporaryFolder } from '../cli/program.ts';

const ROWS = Number(process.env['TRACE_ROWS'] ?? 1_000_000);
/** Three arrays in a list for each of a million rows need twice as much. */
const HEAP_MIB = 64;
const TIMEOUT_MS = 600_000;

const folder = temporaryFolder();
const file = join(folder.path, 'long.csv');
const simulate = async (...args: string[]) =>
  nodeFleet(['simulate', file, '--policy', 'static', ...args], {
    nodeOptions: [`--max-old-space-size=${String(HEAP_MIB)}`],
  });

beforeAll(() => {
  append('timestamp,requests_per_second\n');
  for (let row = 0; row < ROWS;) {
    let text = '';
    for (const end = Math.min(ROWS, row + 50_000); row < end; row++) {
      text += `${String(row)},${String(100 + (row % 1000) / 10)}\n`;
    }
    append(text);
  }
}, TIMEOUT_MS);
afterAll(() => {
  folder.remove();
});

function append(text: string): void {
  const handle = openSync(file, 'a');
  writeSync(handle, text);
  closeSync(handle);
}

describe(`a trace of ${String(ROWS)} rows`, { timeout: TIMEOUT_MS }, () => {
  it('is read and scaled in a small heap, without a word in a pipe', async () => {
    const from = String(ROWS - 3600);
    const { exitCode, stdout, stderr } = await simulate(
      ...['--from', from, '--peak-nodes', '8', '--json'],
    );
    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
    const { scenario, durationSeconds } = JSON.parse(stdout) as Record<string, unknown>;
    expect(scenario).toBe('long');
    // The last hour, less the phase of the first step.
    expect(durationSeconds).toBeGreaterThan(3500);
    expect(durationSeconds).toBeLessThanOrEqual(3600);
  });

  it('has its last line named when a mistake is there', async () => {
    append(`${String(ROWS)},many\n`);
    const { exitCode, stdout, stderr } = await simulate();
    expect(stderr).toContain(`long.csv:${String(ROWS + 2)}: found the rate "many", expected`);
    expect(exitCode).toBe(2);
    expect(stdout).toBe('');
  });
});
