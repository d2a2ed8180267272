import {
  describeSettings,
  fleetSettings,
  type FleetSettings,
  type NumberSetting,
  type Policy,
} from '../../engine/index.ts';
import { formatLakh } from '../../reports/money.ts';
import { formatSpan } from '../../reports/words.ts';

/** Pages of settings, in order. */
export const GROUPS = ['policy', 'fleet', 'pace', 'readings', 'time-outs'] as const;
export type Group = (typeof GROUPS)[number];

/** Where the settings stand that every policy has. The compiler asks for the place of a new one. */
const GROUP_OF: Readonly<Record<keyof FleetSettings, Group>> = {
  nodeCountMin: 'fleet',
  nodeCountMax: 'fleet',
  onDemandBase: 'fleet',
  spotPercent: 'fleet',
  spendMaxBdtPerHour: 'fleet',
  cooldownAfterActionSeconds: 'pace',
  cooldownBeforeRemovalSeconds: 'pace',
  stepUpMax: 'pace',
  stepDownMax: 'pace',
  drainsInFlightMax: 'pace',
  removalHeadroomPercent: 'pace',
  readingMaxAgeSeconds: 'readings',
  readingCoverageMinPercent: 'readings',
  joinTimeoutSeconds: 'time-outs',
  notReadyTimeoutSeconds: 'time-outs',
  drainStallSeconds: 'time-outs',
  drainMaxSeconds: 'time-outs',
};

/** Settings of a policy by page: those of them that may be set. Pages without any are left out. */
export function settingsByGroup(
  policy: Policy,
  settable: readonly string[],
): readonly { readonly group: Group; readonly keys: readonly string[] }[] {
  const keys = Object.keys(describeSettings(policy)).filter((key) => settable.includes(key));
  return GROUPS.map((group) => ({
    group,
    keys: keys.filter((key) => (isFleetSetting(key) ? GROUP_OF[key] : 'policy') === group),
  })).filter((page) => page.keys.length > 0);
}

function isFleetSetting(key: string): key is keyof FleetSettings {
  return Object.hasOwn(fleetSettings, key);
}

/** Settings whose range is this many times their smallest value or more are drawn by the logarithm. */
const LOGARITHMIC_FROM = 200;

/** Where on its slider a value stands: 0 to 1. Long ranges are logarithmic, or everything in use would be at one end. */
export function sliderRatio(value: number, { min, max, step }: NumberSetting): number {
  const least = min > 0 ? min : step;
  if (max / least < LOGARITHMIC_FROM) {
    return (value - min) / (max - min);
  }
  // From one step below the least above 0, so that 0 has a place of its own.
  const place = (each: number): number => Math.log1p((each - min) / least);
  return place(value) / place(max);
}

/** A notch is about this part of a value. */
const NOTCHES_PER_VALUE = 20;

/** How far one press moves a value: 1, 2 or 5 of a power of ten, about a twentieth of the value, and whole steps. */
function notchAt(value: number, step: number): number {
  const wanted = value / NOTCHES_PER_VALUE;
  if (!(wanted > step)) {
    return step;
  }
  let notch = 10 ** Math.floor(Math.log10(wanted));
  notch *= wanted >= 5 * notch ? 5 : wanted >= 2 * notch ? 2 : 1;
  return Math.ceil(notch / step) * step;
}

/**
 * The value some notches up (above 0) or down from another: on multiples of the notch, so that up and down meet the same
 * values, and within the range.
 */
export function moved(value: number, notches: number, setting: NumberSetting): number {
  const { min, max, step } = setting;
  // Multiples are met in spite of the last bits of a fraction.
  const nearly = 1e-9;
  let at = value;
  for (let left = Math.abs(notches); left > 0; left--) {
    if (notches > 0) {
      const notch = notchAt(at, step);
      at = (Math.floor(at / notch + nearly) + 1) * notch;
    } else {
      // As seen from just below.
      const notch = notchAt(at - step / 2, step);
      at = (Math.ceil(at / notch - nearly) - 1) * notch;
    }
  }
  return onGrid(at, { min, max, step });
}

/** The nearest value that the setting can have. */
export function onGrid(
  value: number,
  { min, max, step }: Pick<NumberSetting, 'min' | 'max' | 'step'>,
): number {
  const nearest = min + Math.round((Math.min(max, Math.max(min, value)) - min) / step) * step;
  return Number(Math.min(max, nearest).toFixed(decimalsOf(step)));
}

function decimalsOf(step: number): number {
  return (String(step).split('.')[1] ?? '').length;
}

/** A value with as many digits as it has, grouped in lakh: `1,20,000`, `70.5`. */
export function formatValue(value: number, { step }: NumberSetting): string {
  const text = formatLakh(value, decimalsOf(step));
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

/** A value with its unit, and longer spans in words where there is room: `900 s (15 min)`. */
export function formatWithUnit(value: number, setting: NumberSetting, width: number): string {
  const unit = value === 1 ? setting.unit.replace(/^nodes$/, 'node') : setting.unit;
  const text = `${formatValue(value, setting)} ${unit}`;
  const span = setting.unit === 's' && value >= 120 ? ` (${formatSpan(value * 1000)})` : '';
  return text.length + span.length <= width ? text + span : text;
}

/** `60 – 7,200`. */
export function formatRange(setting: NumberSetting): string {
  return `${formatValue(setting.min, setting)} – ${formatValue(setting.max, setting)}`;
}
