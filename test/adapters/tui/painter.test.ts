import { EventEmitter, once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { Painter } from '../../../adapters/tui/painter.ts';

/** A terminal that keeps what is written to it. */
class Paper extends EventEmitter {
  columns = 80;
  rows = 3;
  written = '';

  write(text: string): boolean {
    this.written += text;
    return true;
  }

  /** What was written since last asked, once everything is painted. */
  async news(): Promise<string> {
    await new Promise((resolve) => setImmediate(resolve));
    const { written } = this;
    this.written = '';
    return written.replaceAll('\u001b', '^');
  }
}

function paper(): { terminal: Paper; painter: Painter } {
  const terminal = new Paper();
  return { terminal, painter: new Painter(terminal) };
}

/** A line as it is painted. */
function line(row: number, text: string): string {
  return `^[${String(row)};1H^[0m${text}^[0m^[K`;
}

describe('a painter', () => {
  test('begins on the other screen, without a cursor, and ends on the first with one', async () => {
    const { terminal, painter } = paper();
    expect(await terminal.news()).toBe('^[?1049h^[?25l^[2J');
    expect(painter.end()).toBe('\u001b[?25h\u001b[?1049l');
  });

  test('paints the lines that are not as they were, in one frame', async () => {
    const { terminal, painter } = paper();
    painter.write('a\nb\nc');
    expect(await terminal.news()).toContain(
      `^[?2026h${line(1, 'a')}${line(2, 'b')}${line(3, 'c')}^[?2026l`,
    );
    painter.write('a\nB\nc');
    expect(await terminal.news()).toBe(`^[?2026h${line(2, 'B')}^[?2026l`);
    painter.write('a\nB\nc');
    expect(await terminal.news()).toBe('');
  });

  test('of frames that come at once only the last is painted', async () => {
    const { terminal, painter } = paper();
    await terminal.news();
    painter.write('a');
    painter.write('b');
    expect(await terminal.news()).toBe(`^[?2026h${line(1, 'b')}^[?2026l`);
  });

  test('lines that are gone are cleared, and what is below the window is left out', async () => {
    const { terminal, painter } = paper();
    painter.write('a\nb\nc\nd');
    expect(await terminal.news()).not.toContain('^[4;1H');
    painter.write('a');
    expect(await terminal.news()).toBe(`^[?2026h${line(2, '')}${line(3, '')}^[?2026l`);
  });

  test('a window of another size is painted whole', async () => {
    const { terminal, painter } = paper();
    painter.write('a\nb');
    await terminal.news();
    const told = once(painter, 'resize');
    terminal.rows = 5;
    terminal.emit('resize');
    await told;
    expect(painter.rows).toBe(5);
    painter.write('a\nb');
    expect(await terminal.news()).toBe(`^[2J^[?2026h${line(1, 'a')}${line(2, 'b')}^[?2026l`);
  });

  test('paints nothing once it has ended', async () => {
    const { terminal, painter } = paper();
    painter.write('a');
    await terminal.news();
    painter.write('b');
    painter.end();
    painter.write('c');
    expect(await terminal.news()).toBe('');
    expect(terminal.listenerCount('resize')).toBe(0);
  });
});
