import { formatRange, moved } from './settings.ts';
import {
  cycleAtCursor,
  hasUnsaved,
  redone,
  shownSettings,
  trialOf,
  undone,
  withCycle,
  withNextAction,
  withNotice,
  withOtherPage,
  withOtherPolicy,
  withSelected,
  withStart,
  withTime,
  withValue,
  withZoom,
  type SavePlan,
  type Screen,
  type TuneState,
} from './state.ts';

/** A key as it was pressed: one character, or a key that has a name. */
export interface Press {
  readonly character: string;
  readonly name: KeyName | null;
  readonly shift: boolean;
}
export type KeyName =
  'up' | 'down' | 'left' | 'right' | 'page-up' | 'page-down' | 'tab' | 'enter' | 'escape' | 'erase';

/** Notches of a slider with shift held. */
const COARSE = 10;

/** The keys and what they do, as the keys’ own screen shows them. */
export const KEYS: readonly (readonly [keys: string, does: string])[] = [
  ['↑ ↓', 'select a setting'],
  ['tab, PgUp PgDn', 'next page of settings (shift tab: the page before)'],
  ['← →', 'move the slider by a notch; with shift by ten'],
  ['0–9, Enter', 'type a value'],
  ['r', 'the setting as at the start'],
  ['d', 'the setting at its default'],
  ['R', 'all settings of the policy as at the start'],
  ['u  U', 'undo, redo'],
  ['p  P', 'next policy, the one before'],
  ['[  ]', 'the cycle before, the next one'],
  ['{  }', 'the cycle before that added or removed nodes, the next one'],
  ['g', 'go to a time'],
  ['+  −', 'less time in the chart, more'],
  ['e', 'the whole explanation'],
  ['s', 'save as a policy file; what changes is shown first'],
  ['q', 'leave; asks once when something is not saved'],
  ['ctrl c', 'leave at once'],
];

/** What a key does, on whatever is on the screen. */
export function pressed(before: TuneState, press: Press): TuneState {
  const state = before.notice === null ? before : { ...before, notice: null };
  const { screen } = state;
  switch (screen.kind) {
    case 'tune':
      return pressedTuning(state, press);
    case 'keys':
    case 'explanation':
      return pressedReading(state, press);
    case 'value':
    case 'time':
    case 'path':
      return pressedTyping(state, screen, press);
    case 'save':
      return pressedSaving(state, screen, press);
    case 'leave':
      return pressedLeaving(state, press);
  }
}

function show(state: TuneState, screen: Screen): TuneState {
  return { ...state, screen };
}

function pressedTuning(state: TuneState, press: Press): TuneState {
  const settings = shownSettings(state);
  const { key, setting, value, startValue } = settings[state.selected];
  const slide = (direction: 1 | -1): TuneState => {
    const to = moved(value, direction * (press.shift ? COARSE : 1), setting);
    return to === value
      ? withNotice(state, `${key} goes from ${formatRange(setting).replace('–', 'to')}`)
      : withValue(state, key, to);
  };
  switch (press.name) {
    case 'up':
      return withSelected(state, state.selected - 1);
    case 'down':
      return withSelected(state, state.selected + 1);
    case 'left':
      return slide(-1);
    case 'right':
      return slide(1);
    case 'tab':
      return withOtherPage(state, press.shift ? -1 : 1);
    case 'page-down':
      return withOtherPage(state, 1);
    case 'page-up':
      return withOtherPage(state, -1);
    case 'enter':
      return show(state, { kind: 'value', typed: '' });
    case 'escape':
    case 'erase':
      return state;
    case null:
      break;
  }
  switch (press.character) {
    case 'k':
      return withSelected(state, state.selected - 1);
    case 'j':
      return withSelected(state, state.selected + 1);
    case 'h':
      return slide(-1);
    case 'l':
      return slide(1);
    case 'r':
      return withValue(state, key, startValue);
    case 'd':
      return withValue(state, key, setting.default);
    case 'R':
      return withStart(state);
    case 'u':
      return undone(state);
    case 'U':
      return redone(state);
    case 'p':
      return withOtherPolicy(state, 1);
    case 'P':
      return withOtherPolicy(state, -1);
    case '[':
      return withCycle(state, -1);
    case ']':
      return withCycle(state, 1);
    case '{':
      return withNextAction(state, -1);
    case '}':
      return withNextAction(state, 1);
    case '+':
    case '=':
      return withZoom(state, 0.5);
    case '-':
    case '−':
      return withZoom(state, 2);
    case 'g':
      return cycleAtCursor(state) === null ? state : show(state, { kind: 'time', typed: '' });
    case 'e':
      return cycleAtCursor(state) === null ? state : show(state, { kind: 'explanation' });
    case '?':
      return show(state, { kind: 'keys' });
    case 's':
      return show(state, { kind: 'path', typed: state.savedTo ?? state.setup.path });
    case 'q':
      return hasUnsaved(state) ? show(state, { kind: 'leave' }) : { ...state, ended: true };
    default:
      return /^[\d.]$/.test(press.character)
        ? show(state, { kind: 'value', typed: press.character })
        : state;
  }
}

function pressedReading(state: TuneState, { name, character }: Press): TuneState {
  if (state.screen.kind === 'explanation' && '[]{}'.includes(character) && character !== '') {
    return {
      ...pressedTuning(show(state, { kind: 'tune' }), { name, character, shift: false }),
      screen: state.screen,
    };
  }
  return name === 'escape' || name === 'enter' || ['q', 'e', '?', ' '].includes(character)
    ? show(state, { kind: 'tune' })
    : state;
}

function pressedTyping(
  state: TuneState,
  screen: Extract<Screen, { typed: string }>,
  { name, character }: Press,
): TuneState {
  if (name === 'escape') {
    return show(state, { kind: 'tune' });
  }
  if (name === 'enter') {
    switch (screen.kind) {
      case 'value':
        return withTypedValue(state, screen.typed);
      case 'time':
        return taken(withTime(state, screen.typed.trim()));
      case 'path':
        return withTypedPath(state, screen.typed);
    }
  }
  const typed =
    name === 'erase' ? [...screen.typed].slice(0, -1).join('') : screen.typed + character;
  return show(state, { ...screen, typed });
}

/** Grouping, as values are shown, is no mistake. */
function withTypedValue(state: TuneState, typed: string): TuneState {
  const { key, setting } = shownSettings(state)[state.selected];
  const text = typed.replaceAll(',', '').trim();
  if (text === '') {
    return show(state, { kind: 'tune' });
  }
  const value = /^(\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : NaN;
  const next = Number.isNaN(value)
    ? withNotice(
        state,
        `found ${JSON.stringify(typed)}, expected a number from ${formatRange(setting).replace('–', 'to')}`,
        true,
      )
    : withValue({ ...state, lastChange: null }, key, value);
  return taken(next);
}

/** What was typed is done with; what is refused can be corrected. */
function taken(next: TuneState): TuneState {
  return next.notice?.isProblem === true ? next : show(next, { kind: 'tune' });
}

function withTypedPath(state: TuneState, typed: string): TuneState {
  const path = typed.trim();
  return path === ''
    ? show(state, { kind: 'tune' })
    : { ...state, request: { kind: 'plan', path, trial: trialOf(state) } };
}

function pressedSaving(
  state: TuneState,
  screen: { readonly kind: 'save'; readonly plan: SavePlan; readonly scrolled: number },
  { name, character }: Press,
): TuneState {
  if (character === 'y') {
    return { ...state, request: { kind: 'write', plan: screen.plan } };
  }
  if (character === 'n' || character === 'q' || name === 'escape') {
    return withNotice(show(state, { kind: 'tune' }), 'nothing was written');
  }
  const by = name === 'down' || character === 'j' ? 1 : name === 'up' || character === 'k' ? -1 : 0;
  const last = Math.max(0, screen.plan.diff.length - 1);
  return show(state, { ...screen, scrolled: Math.min(last, Math.max(0, screen.scrolled + by)) });
}

function pressedLeaving(state: TuneState, { name, character }: Press): TuneState {
  if (character === 'q' || character === 'y') {
    return { ...state, ended: true };
  }
  if (character === 's') {
    return pressedTuning(show(state, { kind: 'tune' }), { name, character, shift: false });
  }
  return show(state, { kind: 'tune' });
}
