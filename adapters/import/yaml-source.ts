import { readFileSync } from 'node:fs';
import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, visit } from 'yaml';
import { fileError, InputError, place } from './input-error.ts';

/** A YAML or JSON file, and where in it each value stands. */
export interface YamlSource {
  readonly file: string;
  readonly value: unknown;
  /** The line of the deepest key or list item on the path that the file has, from 1. */
  readonly lineOf: (path: readonly (string | number)[]) => number;
}

/**
 * Reads a YAML file, of which JSON is a part. InputError when it is neither.
 *
 * @param expected what the file should be, for its error messages: `a scenario`
 */
export function readYamlSource(file: string, expected: string): YamlSource {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw fileError(file, error);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [syntax] = document.errors;
  if (syntax !== undefined) {
    const { line } = lines.linePos(syntax.pos[0]);
    const reason = syntax.message.replaceAll('\n', ' ');
    throw new InputError(
      file,
      line,
      `found text that is not YAML (${reason}), expected ${expected}`,
    );
  }
  visit(document, {
    Alias: (_, alias) => {
      if (alias.resolve(document) === undefined) {
        const { line } = lines.linePos(alias.range?.[0] ?? 0);
        const problem = `found *${alias.source}, expected an alias of an anchor before it`;
        throw new InputError(file, line, problem);
      }
    },
  });
  let value: unknown;
  try {
    value = document.toJS();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const problem = `found YAML that cannot be resolved (${reason}), expected ${expected}`;
    throw new InputError(file, null, problem);
  }
  const lineOf = (path: readonly (string | number)[]): number => {
    let offset = 0;
    let node: unknown = document.contents;
    for (const key of path) {
      if (isAlias(node)) {
        node = node.resolve(document);
      }
      if (isMap(node)) {
        const pair = node.items.find(
          (item) => isScalar(item.key) && String(item.key.value) === String(key),
        );
        if (pair === undefined) {
          break;
        }
        offset = (isScalar(pair.key) ? pair.key.range?.[0] : undefined) ?? offset;
        node = pair.value;
      } else if (isSeq(node) && typeof key === 'number') {
        node = node.items[key];
        offset = (isNode(node) ? node.range?.[0] : undefined) ?? offset;
      } else {
        break;
      }
    }
    return lines.linePos(offset).line;
  };
  return { file, value, lineOf };
}

/** One thing wrong with a file: where in it, and what. */
export interface Problem {
  readonly file: string;
  readonly line: number | null;
  readonly message: string;
}

/** All problems in one error, in the order of their lines, each with its own place. There is at least one. */
export function problemsError(problems: readonly Problem[]): InputError {
  // The sort keeps problems of one line as they are.
  const [first, ...others] = [...problems].sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  const more = others.map(({ file, line, message }) => `\n${place(file, line)}: ${message}`);
  return new InputError(first.file, first.line, first.message + more.join(''));
}
