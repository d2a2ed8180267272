/**
 * How long something has been so, for policies that act only on what lasts. A streak is the instant since which it has been
 * seen to be so, and 0 while it is not: a whole number, as a policy’s memory wants it. Streaks are spans of time, never counts
 * of cycles.
 */

/**
 * Looks further apart than this leave too much unseen: what lasted before is not known to have lasted since. Twice the window
 * of a CPU reading, and of the slowest schedule in use.
 */
export const UNSEEN_MAX_MS = 600_000;

/** The instant a remembered list has in this place; 0 when there is none. */
export function remembered(memory: readonly number[], index: number): number {
  return memory[index] ?? 0;
}

/** Whether what was remembered at `seenAtMs` may be continued now. */
export function isUnbroken(seenAtMs: number, nowMs: number): boolean {
  return nowMs - seenAtMs <= UNSEEN_MAX_MS;
}

/** A streak after another look: it begins, goes on, or ends. */
export function streak(sinceMs: number, isSo: boolean, nowMs: number): number {
  return isSo ? (sinceMs > 0 ? sinceMs : nowMs) : 0;
}

/** How long a streak has lasted, ms; 0 when there is none. */
export function lastedMs(sinceMs: number, nowMs: number): number {
  return sinceMs > 0 ? nowMs - sinceMs : 0;
}

/**
 * Since when there have been at least one, two, three … of something, of which there are `count` now: instants that do not
 * descend. The memory of a policy that looks at how many, not at which. A gap between looks ends them all.
 *
 * @param memory with the instant of the last look in front, and these instants from `from` on
 */
export function rankedStreaks(
  memory: readonly number[],
  from: number,
  count: number,
  nowMs: number,
): readonly number[] {
  const kept = isUnbroken(remembered(memory, 0), nowMs) ? memory.length - from : 0;
  const sinceMs: number[] = [];
  for (let rank = 0; rank < count; rank++) {
    sinceMs.push(rank < kept ? memory[from + rank]! : nowMs);
  }
  return sinceMs;
}
