/** Words for what is wrong with a name or a value, for every reader of scenarios, policy files and options. */

/** A value as an error message quotes it: short, on one line, what a terminal might obey escaped. */
export function quoted(text: string): string {
  const json = JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
  // JSON leaves C1 controls, marks of direction and line separators as they are.
  return json.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (each) => `\\u${(each.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
}

/** A value from a file as an error message shows it. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) {
    return 'nothing';
  }
  if (typeof value === 'object') {
    return Array.isArray(value) ? 'a list' : 'a mapping';
  }
  return typeof value === 'string' ? quoted(value) : String(value);
}

/** What to write instead of an unknown name: the one that was probably meant, or else `otherwise`. */
export function adviceOn(
  name: string,
  known: readonly string[],
  otherwise = `expected one of ${known.join(', ')}`,
): string {
  const nearest = nearestName(name, known);
  return nearest === null ? otherwise : `did you mean "${nearest}"?`;
}

/**
 * The known name that `name` was probably meant to be, or null: one that holds it, or differs from it in at most a third,
 * or two letters.
 */
export function nearestName(name: string, known: readonly string[]): string | null {
  const wanted = name.toLowerCase();
  const holding = known.find((candidate) => candidate.toLowerCase().includes(wanted));
  if (name.length >= 3 && holding !== undefined) {
    return holding;
  }
  let nearest: string | null = null;
  let fewest = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const edits = editDistance(wanted, candidate.toLowerCase());
    if (edits < fewest) {
      nearest = candidate;
      fewest = edits;
    }
  }
  return nearest;
}

/** Levenshtein’s distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[b.length];
}
