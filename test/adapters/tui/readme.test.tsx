// The picture in README.md is what the terminal shows. A change of the engine may move it: UPDATE_DOCS=1 npx vitest run
// test/adapters/tui/readme.test.tsx draws it anew.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { render } from 'ink-testing-library';
import { expect, test } from 'vitest';
import { loadScenario } from '../../../adapters/import/load-scenario.ts';
import { tune } from '../../../adapters/tui/reducer.ts';
import { TuneScreen } from '../../../adapters/tui/screen.tsx';
import {
  cycleToExplain,
  initialState,
  trialOf,
  type TuneState,
} from '../../../adapters/tui/state.ts';
import { Workbench } from '../../../adapters/tui/workbench.ts';
import { root } from '../cli/program.ts';
import { after, heard, setup } from './build.ts';

test('README.md shows the screen as it is, 80 columns wide', async () => {
  const { scenario } = await loadScenario(join(root, 'scenarios/flash-sale.csv'));
  const bench = new Workbench({ scenario, seed: 1 });
  const simulated = (state: TuneState): TuneState =>
    heard(
      state,
      state.number,
      bench.run(trialOf(state), () => true)!,
    );
  const begun = tune(initialState(setup({ scenario })), {
    kind: 'answered',
    answer: { kind: 'ready', demand: bench.demand },
  });
  const moved = simulated(after(simulated(begun), 'right', 'right', 'right'));
  const { number, cycle } = cycleToExplain(moved)!;
  const paragraph = bench.explain(cycle)!;
  const told = tune(moved, {
    kind: 'answered',
    answer: { kind: 'told', number, cycle, paragraph },
  });
  const { lastFrame, unmount } = render(<TuneScreen state={told} columns={80} rows={24} />);
  const picture = (lastFrame() ?? '')
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
  unmount();

  const path = join(root, 'README.md');
  const readme = readFileSync(path, 'utf8');
  const section = readme.slice(readme.indexOf('\n## Tune it\n'));
  const [, , , shown = ''] = section.split('```\n');
  if (process.env['UPDATE_DOCS'] !== undefined && shown !== '') {
    writeFileSync(
      path,
      readme.replace(shown, () => `${picture}\n`),
    );
  } else {
    expect(shown).toBe(`${picture}\n`);
  }
  const { costBdt, shortagePodMinutes, unavoidablePodMinutes } = told.outcome!.outcome;
  const begunAt = told.start!;
  const dearer = Math.round(costBdt - begunAt.costBdt);
  expect(section).toContain(`which halves the waiting for ৳${String(dearer)}.`);
  const avoidable = (all: number): number => all - unavoidablePodMinutes;
  const left = avoidable(shortagePodMinutes) / avoidable(begunAt.shortagePodMinutes);
  expect(left).toBeCloseTo(0.5, 1);
});
