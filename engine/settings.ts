import * as z from 'zod';

/**
 * Every setting is described once, here and beside its policy: default, range, step, unit and help. The command
 * line, the terminal and the report read the same description, so a slider and an error message cannot disagree.
 */
export interface NumberSetting {
  readonly kind: 'number';
  readonly default: number;
  readonly min: number;
  readonly max: number;
  /** The grid a slider moves on; values are validated as multiples of it from `min`. */
  readonly step: number;
  readonly unit: string;
  readonly help: string;
}

export type SettingDescriptions = Readonly<Record<string, NumberSetting>>;
export type SettingValues<D extends SettingDescriptions> = { readonly [K in keyof D]: number };

/** Describes one numeric setting. */
export function numberSetting(description: Omit<NumberSetting, 'kind'>): NumberSetting {
  return { kind: 'number', ...description };
}

/** The zod schema of a set of descriptions: strict (an unknown key is an error), every key defaulted. */
export function settingsSchema<D extends SettingDescriptions>(descriptions: D) {
  const shape: Record<string, z.ZodType<number>> = {};
  for (const [key, setting] of Object.entries(descriptions)) {
    shape[key] = z
      .number()
      .min(setting.min)
      .max(setting.max)
      .refine((value) => isOnGrid(value, setting), {
        error: `expected a multiple of ${setting.step} from ${setting.min}`,
      })
      .default(setting.default)
      .describe(setting.help);
  }
  return z.strictObject(shape) as unknown as z.ZodType<SettingValues<D>>;
}

function isOnGrid(value: number, setting: NumberSetting): boolean {
  const steps = (value - setting.min) / setting.step;
  return Math.abs(steps - Math.round(steps)) < 1e-6;
}

/**
 * Guards and placement surround every policy alike. A policy may bring other defaults for them (its cooldowns, say);
 * whoever runs it may then override any of them.
 */
export const fleetSettings = {
  nodeCountMin: numberSetting({
    default: 2,
    min: 0,
    max: 100_000,
    step: 1,
    unit: 'nodes',
    help: 'Workers that are never voluntarily gone below.',
  }),
  nodeCountMax: numberSetting({
    default: 10,
    min: 1,
    max: 100_000,
    step: 1,
    unit: 'nodes',
    help: 'Workers that are never launched past; a doomed one does not count.',
  }),
  cooldownAfterActionSeconds: numberSetting({
    default: 60,
    min: 60,
    max: 7200,
    step: 1,
    unit: 's',
    help: 'Quiet time after any scaling action before the next one; a minute is the guard of last resort (S21).',
  }),
  cooldownBeforeRemovalSeconds: numberSetting({
    default: 600,
    min: 0,
    max: 86_400,
    step: 1,
    unit: 's',
    help: 'Quiet time after any scaling action before a voluntary removal.',
  }),
  stepUpMax: numberSetting({
    default: 10,
    min: 1,
    max: 100_000,
    step: 1,
    unit: 'nodes',
    help: 'Most nodes that one decision may add.',
  }),
  stepDownMax: numberSetting({
    default: 1,
    min: 1,
    max: 1000,
    step: 1,
    unit: 'nodes',
    help: 'Most nodes that one decision may begin to remove.',
  }),
  drainsInFlightMax: numberSetting({
    default: 1,
    min: 1,
    max: 1000,
    step: 1,
    unit: 'nodes',
    help: 'Most nodes that may be draining voluntarily at once.',
  }),
  removalHeadroomPercent: numberSetting({
    default: 100,
    min: 0,
    max: 500,
    step: 5,
    unit: '% of a node',
    help: 'Room that must be left on the remaining nodes once the victim’s pods have moved there (S12).',
  }),
  readingMaxAgeSeconds: numberSetting({
    default: 90,
    min: 15,
    max: 3600,
    step: 1,
    unit: 's',
    help: 'A reading older than this is stale, and stale is missing.',
  }),
  readingCoverageMinPercent: numberSetting({
    default: 60,
    min: 0,
    max: 100,
    step: 1,
    unit: '%',
    help: 'Share of a window’s expected samples that a reading needs before anything is removed on it.',
  }),
  onDemandBase: numberSetting({
    default: 2,
    min: 0,
    max: 100_000,
    step: 1,
    unit: 'nodes',
    help: 'Workers bought on demand before any spot, and the floor that removals leave.',
  }),
  spotPercent: numberSetting({
    default: 70,
    min: 0,
    max: 100,
    step: 1,
    unit: '%',
    help: 'Share of spot among the workers above the on-demand base.',
  }),
  spendMaxBdtPerHour: numberSetting({
    default: 0,
    min: 0,
    max: 10_000_000,
    step: 0.01,
    unit: 'BDT/h',
    help: 'Ceiling on what the workers may cost an hour; 0 means none.',
  }),
  joinTimeoutSeconds: numberSetting({
    default: 600,
    min: 120,
    max: 7200,
    step: 1,
    unit: 's',
    help: 'A launched instance without a node after this long never joined, and is replaced.',
  }),
  notReadyTimeoutSeconds: numberSetting({
    default: 600,
    min: 120,
    max: 7200,
    step: 1,
    unit: 's',
    help: 'A node that is NotReady this long, with a failed status check, is doomed (S17).',
  }),
  drainStallSeconds: numberSetting({
    default: 300,
    min: 60,
    max: 7200,
    step: 1,
    unit: 's',
    help: 'A voluntary drain without progress for this long is given up (S11).',
  }),
  drainMaxSeconds: numberSetting({
    default: 1800,
    min: 60,
    max: 86_400,
    step: 1,
    unit: 's',
    help: 'A voluntary drain is given up after this long in all (S11).',
  }),
} satisfies SettingDescriptions;

export type FleetSettings = SettingValues<typeof fleetSettings>;
