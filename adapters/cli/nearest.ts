/**
 * The known name that `name` was probably meant to be, or null: one that holds it, or differs from it in at most a third,
 * or two letters.
 */
export function nearestName(name: string, known: readonly string[]): string | null {
  const holding = known.filter((candidate) => candidate.toLowerCase().includes(name.toLowerCase()));
  if (name.length >= 3 && holding.length > 0) {
    return holding[0];
  }
  let nearest: string | null = null;
  let fewest = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const edits = editDistance(name.toLowerCase(), candidate.toLowerCase());
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
