import { formatLakh } from '../../reports/money.ts';
import { formatMinutes, formatTimeToCapacity } from '../../reports/words.ts';
import type { Outcome } from './workbench.ts';

/** One figure of an outcome, and how it differs from the start’s. */
export interface Measure {
  readonly label: string;
  readonly value: string;
  /** Empty where there is nothing to compare with. */
  readonly difference: string;
  /** The same in percent, where that says something. */
  readonly share: string;
  readonly trend: 'better' | 'worse' | 'same';
}

/**
 * What a person tunes for: less is better in each. Money is the last, because terminals do not agree on how wide its sign is,
 * and nothing stands to the right of it.
 */
export function measuresOf(now: Outcome, begun: Outcome | null): readonly Measure[] {
  const start = begun === now ? null : begun;
  const minutes = (label: string, of: (outcome: Outcome) => number): Measure => ({
    label,
    value: formatMinutes(of(now)),
    ...compared(of(now), start === null ? null : of(start), formatMinutes),
  });
  return [
    minutes('pending pod-min', (outcome) => outcome.pendingPodMinutes),
    minutes('avoidable short', ({ shortagePodMinutes }) =>
      // Both by the same measure.
      Math.max(0, shortagePodMinutes - now.unavoidablePodMinutes),
    ),
    timeToCapacity(now, start),
    {
      label: 'cost',
      value: `৳${formatLakh(now.costBdt)}`,
      ...compared(now.costBdt, start?.costBdt ?? null, formatLakh),
    },
  ];
}

function timeToCapacity(now: Outcome, start: Outcome | null): Measure {
  const value = formatTimeToCapacity(now.timeToCapacitySeconds);
  const label = 'p95 to capacity';
  if (start === null) {
    return { label, value, difference: '', share: '', trend: 'same' };
  }
  const before = formatTimeToCapacity(start.timeToCapacitySeconds);
  if (value === before) {
    return { label, value, difference: 'same', share: '', trend: 'same' };
  }
  const [is, was] = [secondsOf(now), secondsOf(start)];
  const trend = is < was ? 'better' : 'worse';
  return { label, value, difference: `was ${before}`, share: '', trend };
}

/** For ever, where too many pods never ran; nothing, where none waited. */
function secondsOf({ timeToCapacitySeconds: { p95, censored } }: Outcome): number {
  return p95 ?? (censored > 0 ? Infinity : 0);
}

function compared(
  now: number,
  start: number | null,
  format: (value: number) => string,
): Omit<Measure, 'label' | 'value'> {
  if (start === null) {
    return { difference: '', share: '', trend: 'same' };
  }
  const change = now - start;
  const size = format(Math.abs(change));
  if (!/[1-9]/.test(size)) {
    return { difference: 'same', share: '', trend: 'same' };
  }
  const percent = start > 0 ? formatLakh(Math.abs((100 * change) / start)) : '0';
  return {
    difference: signed(change, size),
    share: percent === '0' ? '' : `${signed(change, percent)} %`,
    trend: change < 0 ? 'better' : 'worse',
  };
}

function signed(change: number, size: string): string {
  return `${change < 0 ? '−' : '+'}${size}`;
}
