import { Text } from 'ink';
import type { ReactElement } from 'react';

/** A stretch of a line that looks alike. */
export interface Piece {
  readonly text: string;
  readonly color?: 'green' | 'red' | 'yellow' | 'cyan';
  readonly isBold?: boolean;
  readonly isDim?: boolean;
}

/** One line of the screen. What is too long is cut off. */
export function Line({ pieces }: { readonly pieces: readonly Piece[] }): ReactElement {
  return (
    <Text wrap="truncate">
      {pieces.map(({ text, color, isBold = false, isDim = false }, at) => (
        <Text key={at} {...(color === undefined ? {} : { color })} bold={isBold} dimColor={isDim}>
          {text}
        </Text>
      ))}
      {/* An empty line is no line to Ink. */}
      {pieces.every(({ text }) => text === '') ? ' ' : ''}
    </Text>
  );
}

/** Lines of plain text, so many: filled up with empty ones, or the last kept ends with `more` for what is cut off. */
export function exactly(lines: readonly string[], count: number, more = '…'): string[] {
  const kept = lines.slice(0, count);
  if (lines.length > count && count > 0) {
    const last = kept[count - 1];
    const room = Math.max(0, Math.max(...kept.map((line) => line.length)) - more.length - 1);
    kept[count - 1] =
      `${last.length <= room ? last : last.slice(0, room).replace(/ [^ ]*$/, '')} ${more}`;
  }
  return [...kept, ...new Array<string>(Math.max(0, count - kept.length)).fill('')];
}

/** In so many characters: cut, or filled up on the right. */
export function fitted(text: string, width: number): string {
  const characters = [...text];
  return characters.length > width
    ? `${characters.slice(0, width - 1).join('')}…`
    : text + ' '.repeat(width - characters.length);
}
