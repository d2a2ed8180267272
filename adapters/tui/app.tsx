import { Box, Text, useInput, useStdout, type Key } from 'ink';
import { useLayoutEffect, useReducer, useState, type ReactElement } from 'react';
import { isTooSmall, tooSmall, type Size } from './layout.ts';
import type { KeyName, Press } from './press.ts';
import { tune } from './reducer.ts';
import { ExplanationScreen, KeysScreen, SaveScreen, TuneScreen } from './screen.tsx';
import type { Answer } from './session.ts';
import {
  cycleToExplain,
  initialState,
  trialOf,
  type SavePlan,
  type Setup,
  type TuneState,
} from './state.ts';
import type { Trial } from './workbench.ts';

/** Whoever simulates: told where its answers go, and asked. */
export interface Simulating {
  listen(answered: (answer: Answer) => void): void;
  run(number: number, trial: Trial): void;
  explain(number: number, cycle: number): void;
}

/** Policy files. What goes wrong comes back as words. */
export interface PolicyFiles {
  plan(path: string, trial: Trial): SavePlan | { readonly problem: string };
  write(plan: SavePlan): { readonly problem: string } | null;
}

export interface AppProps {
  readonly setup: Setup;
  readonly simulating: Simulating;
  readonly files: PolicyFiles;
  /** Called once, when the person leaves. */
  readonly left: (state: TuneState) => void;
  /** Called when Ctrl-C is pressed, which is no signal on a terminal in raw mode. */
  readonly interrupted: () => void;
}

/** Carries out what the state asks for, as soon as it does, and draws it. */
export function App({ setup, simulating, files, left, interrupted }: AppProps): ReactElement {
  const [state, happened] = useReducer(tune, setup, initialState);
  const size = useSize();
  const { columns, rows } = size;

  useInput((input, key) => {
    if (key.ctrl && input === 'c') {
      interrupted();
      return;
    }
    for (const press of pressesOf(input, key)) {
      if (!isTooSmall(size) || press.character === 'q') {
        happened({ kind: 'pressed', press });
      }
    }
  });
  useLayoutEffect(() => {
    simulating.listen((answer) => {
      happened({ kind: 'answered', answer });
    });
  }, [simulating]);
  useLayoutEffect(() => {
    simulating.run(state.number, trialOf(state));
    // A trial has its number; nothing else in the state changes what is run.
  }, [simulating, state.number]);
  const toExplain = cycleToExplain(state);
  useLayoutEffect(() => {
    if (toExplain !== null) {
      simulating.explain(toExplain.number, toExplain.cycle);
    }
  }, [simulating, toExplain?.number, toExplain?.cycle]);
  useLayoutEffect(() => {
    const { request } = state;
    if (request?.kind === 'plan') {
      const plan = files.plan(request.path, request.trial);
      happened(
        'problem' in plan ? { kind: 'refused', problem: plan.problem } : { kind: 'planned', plan },
      );
    } else if (request?.kind === 'write') {
      const failure = files.write(request.plan);
      happened(
        failure === null
          ? { kind: 'written', path: request.plan.path }
          : { kind: 'refused', problem: failure.problem },
      );
    }
  }, [files, state.request]);
  useLayoutEffect(() => {
    if (state.ended) {
      left(state);
    }
  }, [state.ended]);

  if (isTooSmall(size)) {
    return <TooSmall columns={columns} rows={rows} asks={state.screen.kind === 'leave'} />;
  }
  const { screen } = state;
  switch (screen.kind) {
    case 'keys':
      return <KeysScreen state={state} columns={columns} rows={rows} />;
    case 'explanation':
      return <ExplanationScreen state={state} columns={columns} rows={rows} />;
    case 'save':
      return (
        <SaveScreen plan={screen.plan} scrolled={screen.scrolled} columns={columns} rows={rows} />
      );
    case 'tune':
    case 'value':
    case 'time':
    case 'path':
    case 'leave':
      return <TuneScreen state={state} columns={columns} rows={rows} />;
  }
}

function TooSmall({ columns, rows, asks }: Size & { readonly asks: boolean }): ReactElement {
  const next = asks
    ? 'Not saved. q leaves without saving.'
    : 'Make it larger to go on, or press q.';
  return (
    <Box flexDirection="column" width={columns}>
      <Text>{tooSmall({ columns, rows })}.</Text>
      <Text>{next}</Text>
    </Box>
  );
}

/** The window’s size, also after it has changed. */
function useSize(): Size {
  const { stdout } = useStdout();
  const sizeNow = (): Size => ({ columns: stdout.columns, rows: stdout.rows });
  const [size, setSize] = useState(sizeNow);
  useLayoutEffect(() => {
    const resized = (): void => {
      setSize(sizeNow());
    };
    stdout.on('resize', resized);
    return () => {
      stdout.off('resize', resized);
    };
  }, [stdout]);
  return size;
}

/** What was pressed: several keys when they come in one piece, as what is pasted or typed ahead does. */
function pressesOf(input: string, key: Key): Press[] {
  const { shift } = key;
  const name = nameOf(key);
  if (name !== null) {
    return [{ character: '', name, shift }];
  }
  if (key.ctrl || key.meta) {
    return [];
  }
  return [...input].flatMap((character): Press[] => {
    const control = CONTROLS.get(character);
    if (control !== undefined) {
      return [{ character: '', name: control, shift }];
    }
    return /\p{C}/u.test(character) ? [] : [{ character, name: null, shift }];
  });
}

/** Keys that are characters, where Ink does not name them. */
const CONTROLS: ReadonlyMap<string, KeyName> = new Map([
  ['\r', 'enter'],
  ['\n', 'enter'],
  ['\t', 'tab'],
  ['\b', 'erase'],
  ['\u007f', 'erase'],
]);

function nameOf(key: Key): KeyName | null {
  const names: readonly (readonly [boolean, KeyName])[] = [
    [key.upArrow, 'up'],
    [key.downArrow, 'down'],
    [key.leftArrow, 'left'],
    [key.rightArrow, 'right'],
    [key.pageUp, 'page-up'],
    [key.pageDown, 'page-down'],
    [key.tab, 'tab'],
    [key.return, 'enter'],
    [key.escape, 'escape'],
    [key.backspace || key.delete, 'erase'],
  ];
  return names.find(([isPressed]) => isPressed)?.[1] ?? null;
}
