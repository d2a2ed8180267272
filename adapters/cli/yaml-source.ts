import { readFileSync } from 'node:fs';
import { isMap, isScalar, isSeq, isNode, LineCounter, parseDocument } from 'yaml';
import { fileError, InputError } from '../import/input-error.ts';

/** A YAML or JSON file, and where in it each value stands. */
export interface YamlSource {
  readonly file: string;
  readonly value: unknown;
  /** The line of the deepest part of the path that the file has, from 1. */
  readonly lineOf: (path: readonly (string | number)[]) => number;
}

/** Reads a YAML file, of which JSON is a part. InputError when it is neither. */
export function readYamlSource(file: string): YamlSource {
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
    throw new InputError(file, line, `found neither YAML nor JSON (${reason})`);
  }
  let value: unknown;
  try {
    value = document.toJS();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InputError(file, null, `found YAML that cannot be resolved (${reason})`);
  }
  const lineOf = (path: readonly (string | number)[]): number => {
    let offset = 0;
    let node: unknown = document.contents;
    for (const key of path) {
      if (isMap(node)) {
        const pair = node.items.find((item) => isScalar(item.key) && item.key.value === key);
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
