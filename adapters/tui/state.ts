import {
  configurePolicy,
  describeSettings,
  type ConfiguredPolicy,
  type NumberSetting,
  type Policy,
} from '../../engine/index.ts';
import { stepsToShow } from '../../reports/chart.ts';
import { date, hourAndMinute } from '../../reports/words.ts';
import type { Demand, Scenario } from '../../simulator/index.ts';
import { formatOffset, parseInstantMs } from '../../simulator/instants.ts';
import type { Answer } from './session.ts';
import { settingsByGroup, type Group } from './settings.ts';
import type { Outcome, Trial } from './workbench.ts';

/** A policy that may be tuned, and what it begins with. */
export interface Offer {
  readonly policy: Policy;
  /** The settings that may be changed. */
  readonly settable: readonly string[];
  /** Those that do not have the policy’s default at the start. */
  readonly overrides: Overrides;
}
type Overrides = Readonly<Record<string, number>>;

/** What a session is about. */
export interface Setup {
  readonly scenario: Pick<Scenario, 'name' | 'calendar' | 'timeZoneOffsetMinutes' | 'prices'>;
  readonly seed: number;
  readonly offers: readonly Offer[];
  /** The name of the policy to begin with. */
  readonly policy: string;
  /** Where to save unless told otherwise. */
  readonly path: string;
}

/** What is tuned: a policy, and what each has been given that is not its default. */
interface Tuning {
  readonly policy: string;
  readonly overrides: Readonly<Record<string, Overrides>>;
}

/** A line of a file before and after: kept, gone, or new. */
export interface DiffLine {
  readonly sign: ' ' | '-' | '+';
  readonly text: string;
}

/** What saving would do. */
export interface SavePlan {
  readonly path: string;
  /** What is there now; null: nothing. */
  readonly before: string | null;
  readonly text: string;
  readonly diff: readonly DiffLine[];
}

export type Screen =
  | { readonly kind: 'tune' | 'keys' | 'explanation' | 'leave' }
  /** Typing a value, a time to go to, or a file’s name. */
  | { readonly kind: 'value' | 'time' | 'path'; readonly typed: string }
  | { readonly kind: 'save'; readonly plan: SavePlan; readonly scrolled: number };

/** What only the world outside can do, once. */
export type Request =
  | { readonly kind: 'plan'; readonly path: string; readonly trial: Trial }
  | { readonly kind: 'write'; readonly plan: SavePlan };

export interface Notice {
  readonly text: string;
  readonly isProblem: boolean;
}

export interface TuneState {
  readonly setup: Setup;
  readonly tuning: Tuning;
  readonly past: readonly Tuning[];
  readonly future: readonly Tuning[];
  /** What the last change was about: another to the same is undone with it. */
  readonly lastChange: string | null;
  /** The place of the selected setting among those of the policy, page after page. */
  readonly selected: number;
  /** The number of the latest trial. */
  readonly number: number;
  readonly demand: Demand | null;
  /** What the session began with came to. */
  readonly start: Outcome | null;
  /** The last outcome there is. It is what the settings shown come to when its number is the latest. */
  readonly outcome: { readonly number: number; readonly outcome: Outcome } | null;
  /** The time that the chart shows; null before the demand is known. */
  readonly span: Span | null;
  readonly cursorAtMs: number | null;
  readonly told: {
    readonly number: number;
    readonly cycle: number;
    readonly paragraph: string;
  } | null;
  readonly screen: Screen;
  readonly notice: Notice | null;
  readonly request: Request | null;
  /** What is in a file, or was at the start. */
  readonly kept: Trial;
  /** The last file written; null: none. */
  readonly savedTo: string | null;
  readonly ended: boolean;
}
interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

export function initialState(setup: Setup): TuneState {
  const overrides = Object.fromEntries(
    setup.offers.map((offer) => [offer.policy.name, offer.overrides]),
  );
  const tuning = { policy: setup.policy, overrides };
  return {
    setup,
    tuning,
    past: [],
    future: [],
    lastChange: null,
    selected: 0,
    number: 0,
    demand: null,
    start: null,
    outcome: null,
    span: null,
    cursorAtMs: null,
    told: null,
    screen: { kind: 'tune' },
    notice: null,
    request: null,
    kept: { policy: setup.policy, overrides: overrides[setup.policy] },
    savedTo: null,
    ended: false,
  };
}

// ---------------------------------------------------------------- what is seen

export function offerOf({ setup, tuning }: TuneState): Offer {
  const offer = setup.offers.find(({ policy }) => policy.name === tuning.policy);
  if (offer === undefined) {
    throw new RangeError(`there is no policy "${tuning.policy}"`);
  }
  return offer;
}

/** What is to be simulated. */
export function trialOf({ tuning }: TuneState): Trial {
  return { policy: tuning.policy, overrides: tuning.overrides[tuning.policy] };
}

/** The settings as they stand. What is tuned is always valid. */
export function configuredOf({ policy, overrides }: Trial): ConfiguredPolicy {
  const result = configurePolicy(policy, overrides);
  if (!result.ok) {
    throw new RangeError(result.problems.map(({ message }) => message).join('; '));
  }
  return result.configured;
}

/** A setting as it stands and as it stood. */
export interface ShownSetting {
  readonly key: string;
  readonly group: Group;
  readonly setting: NumberSetting;
  readonly value: number;
  /** At the start of the session. */
  readonly startValue: number;
}

/** Every setting of the policy that may be changed, page after page. */
export function shownSettings(state: TuneState): readonly ShownSetting[] {
  const { policy, settable, overrides } = offerOf(state);
  const trial = trialOf(state);
  const { settings } = configuredOf(trial);
  const { settings: started } = configuredOf({ policy: policy.name, overrides });
  const described = describeSettings(policy, trial.overrides);
  return settingsByGroup(policy, settable).flatMap(({ group, keys }) =>
    keys.map((key) => ({
      key,
      group,
      setting: described[key],
      value: settings[key],
      startValue: started[key],
    })),
  );
}

/** Whether the outcome that is shown is that of the settings that are shown. */
export function isCurrent({ outcome, number }: TuneState): boolean {
  return outcome?.number === number;
}

/** Whether leaving now would lose something. */
export function hasUnsaved(state: TuneState): boolean {
  return !isSameTrial(trialOf(state), state.kept);
}

/** How many settings of the policy are not as at the start. */
export function changedCount(state: TuneState): number {
  return shownSettings(state).filter(({ value, startValue }) => value !== startValue).length;
}

/** The place of the cycle in force at the cursor: the last that had begun; null where there is none. */
export function cycleAtCursor({ outcome, cursorAtMs }: TuneState): number | null {
  if (outcome === null || cursorAtMs === null) {
    return null;
  }
  const { cycleAtMs } = outcome.outcome;
  let [low, high] = [0, cycleAtMs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (cycleAtMs[middle] <= cursorAtMs) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return cycleAtMs.length === 0 ? null : Math.max(0, low - 1);
}

/** The cycle to be explained: null while what is shown is not current. */
export function cycleToExplain(
  state: TuneState,
): { readonly number: number; readonly cycle: number } | null {
  const cycle = cycleAtCursor(state);
  return cycle === null || !isCurrent(state) ? null : { number: state.number, cycle };
}

function isSameTrial(a: Trial, b: Trial): boolean {
  const keys = Object.keys(a.overrides);
  return (
    a.policy === b.policy &&
    keys.length === Object.keys(b.overrides).length &&
    keys.every((key) => a.overrides[key] === b.overrides[key])
  );
}

// ---------------------------------------------------------------- what is changed

export function withNotice(state: TuneState, text: string, isProblem = false): TuneState {
  return { ...state, notice: { text, isProblem } };
}

/** Gives the selected policy other settings; what contradicts itself is refused with a notice. */
function withOverrides(state: TuneState, overrides: Overrides, change: string): TuneState {
  const { tuning } = state;
  const result = configurePolicy(tuning.policy, overrides);
  if (!result.ok) {
    return withNotice(state, result.problems.map(({ message }) => message).join('; '), true);
  }
  const next = {
    ...tuning,
    overrides: { ...tuning.overrides, [tuning.policy]: overrides },
  };
  return withTuning(state, next, change);
}

/** Takes a step that can be undone, and asks for its simulation. */
function withTuning(state: TuneState, tuning: Tuning, change: string): TuneState {
  const before = trialOf(state);
  const next = { ...state, tuning };
  if (isSameTrial(before, trialOf(next))) {
    return state;
  }
  const isMore = state.lastChange === change && state.past.length > 0;
  return {
    ...next,
    past: isMore ? state.past : [...state.past, state.tuning],
    future: [],
    lastChange: change,
    number: state.number + 1,
  };
}

/** A setting given a value. At its default it is not given at all, so that it follows what it depends on. */
export function withValue(state: TuneState, key: string, value: number): TuneState {
  const { policy } = offerOf(state);
  const others = Object.fromEntries(
    Object.entries(trialOf(state).overrides).filter(([each]) => each !== key),
  );
  const described = describeSettings(policy, others);
  const given: Overrides = described[key].default === value ? others : { ...others, [key]: value };
  // In the order of their descriptions, whatever was changed first.
  const keys = Object.keys(described).filter((each) => each in given);
  return withOverrides(state, Object.fromEntries(keys.map((each) => [each, given[each]])), key);
}

/** Every setting of the policy as it was at the start. */
export function withStart(state: TuneState): TuneState {
  return withOverrides(state, offerOf(state).overrides, 'start');
}

export function undone(state: TuneState): TuneState {
  const tuning = state.past.at(-1);
  if (tuning === undefined) {
    return withNotice(state, 'nothing to undo');
  }
  const past = state.past.slice(0, -1);
  return withStep(state, { tuning, past, future: [state.tuning, ...state.future] });
}

export function redone(state: TuneState): TuneState {
  const [tuning, ...future] = state.future;
  if (tuning === undefined) {
    return withNotice(state, 'nothing to redo');
  }
  return withStep(state, { tuning, past: [...state.past, state.tuning], future });
}

function withStep(
  state: TuneState,
  step: Pick<TuneState, 'tuning' | 'past' | 'future'>,
): TuneState {
  const next = { ...state, ...step, lastChange: null, number: state.number + 1 };
  return { ...next, selected: Math.min(state.selected, shownSettings(next).length - 1) };
}

/** The next policy (1), or the one before (−1). The setting selected stays so where the other has it. */
export function withOtherPolicy(state: TuneState, direction: 1 | -1): TuneState {
  const { offers } = state.setup;
  const at = offers.indexOf(offerOf(state));
  const { policy } = offers[(at + direction + offers.length) % offers.length];
  const before = shownSettings(state)[state.selected];
  const next = withTuning(state, { ...state.tuning, policy: policy.name }, 'policy');
  const selected = shownSettings(next).findIndex(({ key }) => key === before.key);
  return withNotice({ ...next, selected: Math.max(0, selected) }, policy.summary);
}

export function withSelected(state: TuneState, selected: number): TuneState {
  const last = shownSettings(state).length - 1;
  return { ...state, selected: Math.min(last, Math.max(0, selected)), lastChange: null };
}

/** The first setting of the next page (1), or of the one before (−1), round and round. */
export function withOtherPage(state: TuneState, direction: 1 | -1): TuneState {
  const settings = shownSettings(state);
  const groups = [...new Set(settings.map(({ group }) => group))];
  const at = groups.indexOf(settings[state.selected].group);
  const group = groups[(at + direction + groups.length) % groups.length];
  return withSelected(
    state,
    settings.findIndex((each) => each.group === group),
  );
}

// ---------------------------------------------------------------- time

/** The cursor at an instant within the run, and the chart moved so that it shows it. */
export function withCursor(state: TuneState, atMs: number): TuneState {
  const { demand, span } = state;
  if (demand === null || span === null) {
    return state;
  }
  const whole = wholeSpan(demand);
  const cursorAtMs = Math.min(whole.toMs - 1, Math.max(whole.fromMs, atMs));
  const lengthMs = span.toMs - span.fromMs;
  let { fromMs } = span;
  if (cursorAtMs < fromMs || cursorAtMs >= span.toMs) {
    fromMs = within(whole, cursorAtMs - lengthMs / 2, lengthMs);
  }
  return { ...state, cursorAtMs, span: { fromMs, toMs: fromMs + lengthMs } };
}

/**
 * The cursor at a time as a person types it: `20:04` of the cursor’s day, or `2026-11-27 20:04`, by the scenario’s clock. What
 * is no time of the run is said.
 */
export function withTime(state: TuneState, text: string): TuneState {
  const { demand, cursorAtMs, setup } = state;
  if (demand === null || cursorAtMs === null || text === '') {
    return state;
  }
  const offset = setup.scenario.timeZoneOffsetMinutes;
  const isTimeOfDay = /^\d?\d:\d\d(:\d\d)?$/.test(text);
  const whole = isTimeOfDay
    ? `${date(cursorAtMs, offset)} ${/^\d:/.test(text) ? '0' : ''}${text}`
    : text;
  const atMs = parseInstantMs(`${whole}${formatOffset(offset)}`);
  const { fromMs, toMs } = wholeSpan(demand);
  if (atMs === null || atMs < fromMs || atMs >= toMs) {
    const span = [fromMs, toMs]
      .map((each) => `${date(each, offset)} ${hourAndMinute(each, offset)}`)
      .join(' to ');
    return withNotice(state, `${JSON.stringify(text)}: expected a time from ${span}`, true);
  }
  return withCursor(state, atMs);
}

/** So many cycles on (above 0) or back. */
export function withCycle(state: TuneState, by: number): TuneState {
  const cycle = cycleAtCursor(state);
  if (cycle === null || state.outcome === null) {
    return state;
  }
  const { cycleAtMs } = state.outcome.outcome;
  const at = Math.min(cycleAtMs.length - 1, Math.max(0, cycle + by));
  return withCursor(state, cycleAtMs[at]);
}

/** The next cycle that added or removed nodes (1), or the one before (−1). */
export function withNextAction(state: TuneState, direction: 1 | -1): TuneState {
  const cycle = cycleAtCursor(state);
  if (cycle === null || state.outcome === null) {
    return state;
  }
  const { cycleAtMs, scaledBy } = state.outcome.outcome;
  for (let at = cycle + direction; at >= 0 && at < cycleAtMs.length; at += direction) {
    if (scaledBy[at] !== 0) {
      return withCursor(state, cycleAtMs[at]);
    }
  }
  return withNotice(state, `nothing was added or removed ${direction > 0 ? 'later' : 'earlier'}`);
}

const SPAN_MS_MIN = 30 * 60_000;

/** Half the time in the chart, or twice as much, about the cursor. */
export function withZoom(state: TuneState, factor: 0.5 | 2): TuneState {
  const { demand, span, cursorAtMs } = state;
  if (demand === null || span === null || cursorAtMs === null) {
    return state;
  }
  const whole = wholeSpan(demand);
  const longestMs = whole.toMs - whole.fromMs;
  const beforeMs = span.toMs - span.fromMs;
  const lengthMs = Math.min(
    longestMs,
    Math.max(Math.min(SPAN_MS_MIN, longestMs), beforeMs * factor),
  );
  // The cursor stays where it is on the screen.
  const share = (cursorAtMs - span.fromMs) / beforeMs;
  const fromMs = within(whole, cursorAtMs - share * lengthMs, lengthMs);
  return { ...state, span: { fromMs, toMs: fromMs + lengthMs } };
}

function wholeSpan({ firstStepAtMs, stepMs, stepCount }: Demand): Span {
  return { fromMs: firstStepAtMs, toMs: firstStepAtMs + stepCount * stepMs };
}

function within(whole: Span, fromMs: number, lengthMs: number): number {
  return Math.max(whole.fromMs, Math.min(whole.toMs - lengthMs, fromMs));
}

// ---------------------------------------------------------------- what is heard

/** What the simulating thread says. An outcome of other settings than those shown is kept as the start, or not at all. */
export function withAnswer(state: TuneState, answer: Answer): TuneState {
  switch (answer.kind) {
    case 'ready': {
      const { demand } = answer;
      const { from, to } = stepsToShow(state.setup.scenario, demand);
      const atMs = (step: number): number => demand.firstStepAtMs + step * demand.stepMs;
      return { ...state, demand, span: { fromMs: atMs(from), toMs: atMs(to) } };
    }
    case 'outcome': {
      const { number, outcome } = answer;
      const start = number === 0 ? outcome : state.start;
      if (number !== state.number) {
        return { ...state, start };
      }
      const next = { ...state, start, outcome: { number, outcome } };
      return state.cursorAtMs === null ? withCursor(next, busiestMs(next, outcome)) : next;
    }
    case 'told':
      return answer.number === state.number
        ? {
            ...state,
            told: { number: answer.number, cycle: answer.cycle, paragraph: answer.paragraph },
          }
        : state;
  }
}

/** When most pods waited for room; where none did, the middle of what the chart shows. */
function busiestMs({ demand, span }: TuneState, { unschedulablePods }: Outcome): number {
  let [most, at] = [0, -1];
  for (let step = 0; step < unschedulablePods.length; step++) {
    if (unschedulablePods[step] > most) {
      [most, at] = [unschedulablePods[step], step];
    }
  }
  if (demand === null || span === null) {
    return 0;
  }
  return at === -1 ? (span.fromMs + span.toMs) / 2 : demand.firstStepAtMs + at * demand.stepMs;
}
