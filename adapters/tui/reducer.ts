import { pressed, type Press } from './press.ts';
import type { Answer } from './session.ts';
import { trialOf, withAnswer, withNotice, type SavePlan, type TuneState } from './state.ts';

/** Whatever happens to a session. */
export type Happening =
  | { readonly kind: 'pressed'; readonly press: Press }
  | { readonly kind: 'answered'; readonly answer: Answer }
  /** What saving would do, or why it cannot be done. */
  | { readonly kind: 'planned'; readonly plan: SavePlan }
  | { readonly kind: 'refused'; readonly problem: string }
  /** The plan on the screen was carried out. */
  | { readonly kind: 'written'; readonly path: string };

/** The state after something has happened: pure, so that a session can be told by what was pressed and heard. */
export function tune(state: TuneState, happening: Happening): TuneState {
  switch (happening.kind) {
    case 'pressed':
      return pressed(state, happening.press);
    case 'answered':
      return withAnswer(state, happening.answer);
    case 'planned': {
      const { plan } = happening;
      return { ...state, request: null, screen: { kind: 'save', plan, scrolled: 0 } };
    }
    case 'refused':
      return withNotice(
        { ...state, request: null, screen: { kind: 'tune' } },
        happening.problem,
        true,
      );
    case 'written': {
      const { path } = happening;
      const next = { ...state, request: null, kept: trialOf(state), savedTo: path };
      return withNotice({ ...next, screen: { kind: 'tune' } }, `saved: ${path}`);
    }
  }
}
