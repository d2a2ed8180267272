// Lists of text in ascending order: instances, nodes and what is remembered of them are, so that they are walked side by side.

/** As `a < b`, for two walks side by side: nearly always they stand at the same text, and `!==` sees that at once. */
export function isBefore(a: string, b: string): boolean {
  return a !== b && a < b;
}

/** Whether a sorted list has this element. */
export function contains(sorted: readonly string[], element: string): boolean {
  return sorted[placeIn(sorted, element)] === element;
}

/** What two sorted lists have in common. */
export function inBoth(a: readonly string[], b: readonly string[]): string[] {
  const common: string[] = [];
  let j = 0;
  for (const each of a) {
    while (j < b.length && isBefore(b[j]!, each)) {
      j++;
    }
    if (j < b.length && b[j] === each) {
      common.push(each);
    }
  }
  return common;
}

/** Two sorted lists as one. */
export function merged(a: readonly string[], b: readonly string[]): string[] {
  const all: string[] = [];
  let j = 0;
  for (const each of a) {
    while (j < b.length && isBefore(b[j]!, each)) {
      all.push(b[j++]!);
    }
    all.push(each);
  }
  while (j < b.length) {
    all.push(b[j++]!);
  }
  return all;
}

/** Where an element stands in a sorted list, or would. */
export function placeIn(sorted: readonly string[], element: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < element) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

/** The element of a list sorted by some text that has this one; the first of several; undefined: none has. */
export function foundIn<T>(
  sorted: readonly T[],
  text: string,
  textOf: (element: T) => string,
): T | undefined {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (textOf(sorted[middle]!) < text) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  const found = sorted[low];
  return found !== undefined && textOf(found) === text ? found : undefined;
}
