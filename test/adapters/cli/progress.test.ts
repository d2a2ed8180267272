import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Progress } from '../../../adapters/cli/progress.ts';

let written: string;
const wasTerminal = process.stderr.isTTY;
const onTerminal = (isTTY: boolean): void => {
  process.stderr.isTTY = isTTY;
};

beforeEach(() => {
  written = '';
  vi.useFakeTimers({ toFake: ['performance'] });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  process.stderr.isTTY = wasTerminal;
});

describe('progress', () => {
  it('is shown on a terminal after a second, on one line, and taken away', () => {
    onTerminal(true);
    const progress = new Progress();
    vi.advanceTimersByTime(999);
    progress.show('1 row read');
    expect(written).toBe('');
    vi.advanceTimersByTime(1);
    progress.show('2 rows read');
    progress.show('3 rows read');
    expect(written).toBe('\r\u001b[2K2 rows read\r\u001b[2K3 rows read');
    progress.clear();
    expect(written.endsWith('3 rows read\r\u001b[2K')).toBe(true);
  });

  it('is not taken away when there was none', () => {
    onTerminal(true);
    const progress = new Progress();
    progress.show('1 row read');
    progress.clear();
    expect(written).toBe('');
  });

  it('is never shown in a pipe', () => {
    onTerminal(false);
    const progress = new Progress();
    vi.advanceTimersByTime(60_000);
    progress.show('9 rows read');
    progress.clear();
    expect(written).toBe('');
  });
});
