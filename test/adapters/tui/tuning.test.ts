import { describe, expect, test } from 'vitest';
import {
  changedCount,
  cycleAtCursor,
  cycleToExplain,
  hasUnsaved,
  initialState,
  isCurrent,
  shownSettings,
  trialOf,
  type SavePlan,
  type TuneState,
} from '../../../adapters/tui/state.ts';
import { tune } from '../../../adapters/tui/reducer.ts';
import { after, demand, heard, outcome, running, setup, START_AT_MS } from './build.ts';

function selected(state: TuneState) {
  return shownSettings(state)[state.selected];
}

/** Selects a setting by its name. */
function at(state: TuneState, key: string): TuneState {
  const place = shownSettings(state).findIndex((each) => each.key === key);
  return after({ ...state, selected: 0 }, ...new Array<string>(place).fill('down'));
}

describe('a slider', () => {
  test('moved by a key asks for a new trial with that value alone', () => {
    const state = after(at(running(), 'cpuHighPercent'), 'right');
    expect(trialOf(state)).toEqual({ policy: 'node-fleet', overrides: { cpuHighPercent: 72 } });
    expect(state.number).toBe(1);
    expect(changedCount(state)).toBe(1);
  });

  test('moves ten notches with shift', () => {
    const state = after(at(running(), 'pendingStep'), { shift: 'right' });
    expect(selected(state).value).toBe(12);
  });

  test('at its end says the range, and asks for nothing', () => {
    const state = after(at(running(), 'pendingStep'), 'left', 'left');
    expect(selected(state).value).toBe(1);
    expect(state.number).toBe(1);
    expect(state.notice?.text).toBe('pendingStep goes from 1 to 100');
  });

  test('back at its default is no longer given, so that what follows it may follow again', () => {
    const state = after(at(running(), 'cpuHighPercent'), 'right', 'left');
    expect(trialOf(state).overrides).toEqual({});
    expect(changedCount(state)).toBe(0);
  });

  test('is refused what contradicts another setting, in the engine’s words', () => {
    const state = after(at(running(), 'nodeCountMin'), 'enter', '1', '1', 'enter');
    expect(trialOf(state).overrides).toEqual({});
    expect(state.number).toBe(0);
    expect(state.notice).toEqual({
      text: 'nodeCountMin is 11: expected at most nodeCountMax, 10',
      isProblem: true,
    });
  });
});

describe('a typed value', () => {
  test('begins with its first digit, may be grouped, and is taken by Enter', () => {
    const state = after(at(running(), 'saleLeadSeconds'), ...'1,800', 'enter');
    expect(selected(state).value).toBe(1800);
    expect(state.screen.kind).toBe('tune');
  });

  test('is corrected with backspace and left with Escape', () => {
    const typing = after(at(running(), 'cpuHighPercent'), ...'65', 'erase', '0');
    expect(typing.screen).toEqual({ kind: 'value', typed: '60' });
    expect(trialOf(after(typing, 'escape')).overrides).toEqual({});
  });

  test.each([
    ['250', /cpuHighPercent is 250: expected a number from 1 to 100 %/],
    ['70.3', /expected a number from 1 to 100 % in steps of 0.5/],
    ['7x', /found "7x", expected a number from 1 to 100/],
  ])('%s is refused and can be corrected', (typed, message) => {
    const state = after(at(running(), 'cpuHighPercent'), ...typed, 'enter');
    expect(state.notice?.text).toMatch(message);
    expect(state.screen).toEqual({ kind: 'value', typed });
    expect(state.number).toBe(0);
  });
});

describe('undo', () => {
  test('takes back all moves of one slider at once, and redo repeats them', () => {
    const moved = after(at(running(), 'cpuHighPercent'), 'right', 'right', 'right');
    const undone = after(moved, 'u');
    expect(trialOf(undone).overrides).toEqual({});
    expect(undone.number).toBe(4);
    expect(trialOf(after(undone, 'U')).overrides).toEqual({ cpuHighPercent: 76 });
  });

  test('goes back setting by setting; a change forgets what was undone', () => {
    const two = after(at(after(at(running(), 'cpuHighPercent'), 'right'), 'pendingStep'), 'right');
    expect(trialOf(two).overrides).toEqual({ cpuHighPercent: 72, pendingStep: 3 });
    const one = after(two, 'u');
    expect(trialOf(one).overrides).toEqual({ cpuHighPercent: 72 });
    const other = after(one, 'right', 'U');
    expect(other.notice?.text).toBe('nothing to redo');
    expect(after(running(), 'u').notice?.text).toBe('nothing to undo');
  });

  test('brings a policy back as well', () => {
    const state = after(running(), 'p', 'u');
    expect(trialOf(state).policy).toBe('node-fleet');
  });
});

describe('reset', () => {
  const [, , nodeFleet] = setup().offers;
  const begun = running(
    {},
    setup({ offers: [{ ...nodeFleet, overrides: { cpuHighPercent: 60 } }] }),
  );

  test('r brings a setting back to the start, d to its default', () => {
    const moved = after(at(begun, 'cpuHighPercent'), 'right', 'right');
    expect(selected(after(moved, 'r')).value).toBe(60);
    expect(selected(after(moved, 'd')).value).toBe(70);
  });

  test('R brings back all of them', () => {
    const moved = after(
      at(after(at(begun, 'cpuHighPercent'), 'right'), 'pendingStep'),
      'right',
      'R',
    );
    expect(trialOf(moved).overrides).toEqual({ cpuHighPercent: 60 });
    expect(trialOf(after(moved, 'u')).overrides).toEqual({ cpuHighPercent: 62, pendingStep: 3 });
  });
});

describe('selecting', () => {
  test('stops at both ends', () => {
    const state = running();
    expect(after(state, 'up').selected).toBe(0);
    const last = shownSettings(state).length - 1;
    expect(after(state, ...new Array<string>(99).fill('down')).selected).toBe(last);
  });

  test('goes to the first setting of the next page, round and round', () => {
    const pages = ['policy', 'fleet', 'pace', 'readings', 'time-outs', 'policy'];
    let state = after(running(), 'down', 'down');
    for (const group of pages.slice(1)) {
      state = after(state, 'tab');
      expect(selected(state).group).toBe(group);
      expect(shownSettings(state)[state.selected - 1]?.group).not.toBe(group);
    }
    expect(selected(after(state, { shift: 'tab' })).group).toBe('time-outs');
  });

  test('another policy keeps the selected setting where it has it, and its own changes', () => {
    const moved = after(at(running(), 'nodeCountMax'), 'right', 'p', 'p');
    expect(trialOf(moved)).toEqual({ policy: 'sustained', overrides: {} });
    expect(selected(moved).key).toBe('nodeCountMax');
    expect(trialOf(after(moved, 'P', 'P')).overrides).toEqual({ nodeCountMax: 11 });
  });

  test('bounds of a fleet that is held by a setting of its own follow it', () => {
    const held = after(running({}, setup({ policy: 'static' })), 'right');
    expect(trialOf(held)).toEqual({ policy: 'static', overrides: { nodeCount: 6 } });
    expect(shownSettings(held).map(({ key }) => key)).not.toContain('nodeCountMax');
  });
});

describe('outcomes', () => {
  test('of older settings are not shown as those of what is shown', () => {
    const moved = after(running(), 'right', 'right');
    expect(isCurrent(moved)).toBe(false);
    const late = heard(moved, 1, outcome(1));
    expect(late.outcome?.outcome.costBdt).toBe(3517);
    expect(isCurrent(late)).toBe(false);
    const latest = heard(late, 2, outcome(4000));
    expect(latest.outcome?.outcome.costBdt).toBe(4000);
    expect(isCurrent(latest)).toBe(true);
  });

  test('the first is what others are compared with, even when it comes after a slider was moved', () => {
    const begun = after(initialState(setup()), 'right');
    expect(heard(begun, 1, outcome(4000)).start).toBeNull();
    const late = heard(begun, 0, outcome(3517));
    expect(late.start?.costBdt).toBe(3517);
    expect(late.outcome).toBeNull();
  });

  test('nothing is explained of settings that have not been simulated', () => {
    expect(cycleToExplain(running())).toEqual({ number: 0, cycle: 45 });
    expect(cycleToExplain(after(running(), 'right'))).toBeNull();
  });

  test('an explanation of an older trial is dropped', () => {
    const told = { kind: 'told', number: 0, cycle: 3, paragraph: 'why' } as const;
    const state = tune(running(), { kind: 'answered', answer: told });
    expect(state.told?.paragraph).toBe('why');
    const moved = after(running(), 'right');
    expect(tune(moved, { kind: 'answered', answer: told }).told).toBeNull();
  });
});

describe('time', () => {
  const scaled = { 10: 2, 50: -1 };

  test('begins where most pods waited', () => {
    const state = running();
    expect(state.cursorAtMs).toBe(START_AT_MS + 5_400_000);
    expect(cycleAtCursor(state)).toBe(45);
  });

  test('is scrubbed by the cycle, up to both ends', () => {
    const state = running();
    expect(cycleAtCursor(after(state, ']', ']', '['))).toBe(46);
    expect(cycleAtCursor(after(state, ...new Array<string>(99).fill('[')))).toBe(0);
    expect(cycleAtCursor(after(state, ...new Array<string>(99).fill(']')))).toBe(59);
  });

  test('jumps to cycles that added or removed nodes', () => {
    const state = running(scaled);
    expect(cycleAtCursor(after(state, '}'))).toBe(50);
    expect(cycleAtCursor(after(state, '{'))).toBe(10);
    const none = after(state, '}', '}');
    expect(cycleAtCursor(none)).toBe(50);
    expect(none.notice?.text).toBe('nothing was added or removed later');
  });

  test('stays where it is when other settings are simulated', () => {
    const state = after(running(), '[', '[', 'right');
    expect(heard(state, 1, outcome(1)).cursorAtMs).toBe(state.cursorAtMs);
  });

  test('zooms about the cursor, within the run, and follows it', () => {
    const state = running();
    const hour = 3_600_000;
    const near = after(state, '+');
    expect(near.span).toEqual({
      fromMs: START_AT_MS + 0.75 * hour,
      toMs: START_AT_MS + 1.75 * hour,
    });
    expect(after(near, '+', '+', '+').span).toEqual(after(near, '+').span);
    expect(after(near, '-', '-').span).toEqual({
      fromMs: START_AT_MS,
      toMs: START_AT_MS + 2 * hour,
    });
    const moved = after(near, ...new Array<string>(30).fill('['));
    const { span, cursorAtMs } = moved;
    expect(cursorAtMs).toBeGreaterThanOrEqual(span?.fromMs ?? Infinity);
    expect((span?.toMs ?? 0) - (span?.fromMs ?? 0)).toBe(hour);
  });

  test('a run shorter than the closest zoom is shown whole', () => {
    const short = demand(0.25);
    const ready = tune(initialState(setup()), {
      kind: 'answered',
      answer: { kind: 'ready', demand: short },
    });
    const state = after(heard(ready, 0, outcome(1, short)), '+', '-');
    expect(state.span).toEqual({ fromMs: START_AT_MS, toMs: START_AT_MS + 900_000 });
  });
});

describe('saving', () => {
  const plan: SavePlan = { path: 'a.yaml', before: null, text: 'text', diff: [] };
  const moved = after(running(), 'right');

  test('asks for a name, then for what would change, and only then is anything written', () => {
    const named = after(moved, 's', 'enter');
    expect(named.request).toEqual({ kind: 'plan', path: 'node-fleet.yaml', trial: trialOf(moved) });
    const planned = tune(named, { kind: 'planned', plan });
    expect(planned.screen).toEqual({ kind: 'save', plan, scrolled: 0 });
    expect(planned.request).toBeNull();
    expect(after(planned, 'y').request).toEqual({ kind: 'write', plan });
  });

  test('is left with n: nothing is written', () => {
    const left = after(tune(moved, { kind: 'planned', plan }), 'n');
    expect(left.request).toBeNull();
    expect(left.notice?.text).toBe('nothing was written');
    expect(hasUnsaved(left)).toBe(true);
  });

  test('keeps the name it was given, and knows what is saved', () => {
    const written = tune(tune(moved, { kind: 'planned', plan }), {
      kind: 'written',
      path: 'a.yaml',
    });
    expect(hasUnsaved(written)).toBe(false);
    expect(written.notice?.text).toBe('saved: a.yaml');
    expect(after(written, 's').screen).toEqual({ kind: 'path', typed: 'a.yaml' });
    expect(hasUnsaved(after(written, 'right'))).toBe(true);
  });

  test('says why it cannot', () => {
    const state = tune(moved, { kind: 'refused', problem: 'x.yaml: found a folder' });
    expect(state.notice).toEqual({ text: 'x.yaml: found a folder', isProblem: true });
    expect(state.screen.kind).toBe('tune');
  });
});

describe('leaving', () => {
  test('q leaves at once while nothing is unsaved', () => {
    expect(after(running(), 'q').ended).toBe(true);
    expect(after(running(), 'right', 'left', 'q').ended).toBe(true);
  });

  test('asks once otherwise; any other key stays', () => {
    const asked = after(running(), 'right', 'q');
    expect(asked.ended).toBe(false);
    expect(asked.screen.kind).toBe('leave');
    expect(after(asked, 'q').ended).toBe(true);
    expect(after(asked, 'x').screen.kind).toBe('tune');
    expect(after(asked, 's').screen.kind).toBe('path');
  });

  test('a policy that was not begun with is not saved either', () => {
    expect(after(running(), 'p', 'q').ended).toBe(false);
  });
});

describe('a time to go to', () => {
  const typed = (state: TuneState, text: string) => after(state, 'g', ...text, 'enter');
  // The run begins at 18:00 on 27 November, by its clock.
  const placed = running();

  test('is of the cursor’s day, or of another that is named', () => {
    for (const text of ['18:30', '2026-11-27 18:30', '18:30:00']) {
      const state = typed(placed, text);
      expect(state.cursorAtMs).toBe(START_AT_MS + 1_800_000);
      expect(state.screen.kind).toBe('tune');
    }
    for (const leaving of ['escape', 'enter']) {
      expect(after(placed, 'g', leaving)).toMatchObject({
        cursorAtMs: placed.cursorAtMs,
        screen: { kind: 'tune' },
      });
    }
  });

  test.each(['9:00', 'soon', '25:00', '2026-11-25 18:30'])(
    '%s is none of the run: it says which are, and can be corrected',
    (text) => {
      const state = typed(placed, text);
      expect(state.cursorAtMs).toBe(placed.cursorAtMs);
      expect(state.screen).toEqual({ kind: 'time', typed: text });
      expect(state.notice?.text).toContain('expected a time from 2026-11-27 18:00 to');
    },
  );
});

describe('the other screens', () => {
  test('show the keys and the explanation, and go back', () => {
    expect(after(running(), '?').screen.kind).toBe('keys');
    expect(after(running(), '?', 'escape').screen.kind).toBe('tune');
    expect(after(running(), 'e', 'q').screen.kind).toBe('tune');
  });

  test('the explanation is scrubbed as well', () => {
    const state = after(running(), 'e', ']');
    expect(state.screen.kind).toBe('explanation');
    expect(cycleAtCursor(state)).toBe(46);
  });
});
