import { parseScenario, type FaultSettings } from '../../simulator/index.ts';
import { formatInstant, parseInstantMs, parseTimeMs } from '../../simulator/instants.ts';
import { InputError, quoted } from '../import/input-error.ts';

const FORM = 'EFFECT:MODE[:PERCENT[:FROM-TO]]';

/**
 * A fault as `--fault` takes it: `launchInstances:fail`, `queryMetrics:hang:25`, with a window of two instants (ISO-8601
 * with a zone, or Unix seconds) of which either may be left out. InputError, in one line a problem, when it is anything else.
 */
export function parseFault(written: string): FaultSettings {
  const match = /^([^:]+):([^:]+)(?::([^:]*)(?::(.+))?)?$/.exec(written);
  if (match === null) {
    const example = 'like launchInstances:fail:50';
    throw new InputError('--fault', null, `found ${quoted(written)}, expected ${FORM}, ${example}`);
  }
  const [, effect, mode, percent, window] = match;
  const raw = {
    effect,
    mode,
    // Text that is no number is what the reader of scenarios complains of.
    ...(percent === undefined || percent === '' ? {} : { ratePercent: numberIn(percent) }),
    ...(window === undefined ? {} : windowIn(window)),
  };
  const { settings, issues } = parseScenario({ version: 1, faults: [raw] });
  if (issues !== null) {
    const problems = issues.map(({ message }) => message.replace(/^faults\.0\./, ''));
    throw new InputError('--fault', null, `${quoted(written)}: ${problems.join('; ')}`);
  }
  return settings.faults[0];
}

function numberIn(text: string): number | string {
  return /^(\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : text;
}

/** Instants are full of dashes: the one between two of them is that with an instant, or nothing, on either side. */
function windowIn(window: string): { from: string | null; to: string | null } {
  for (let dash = window.indexOf('-'); dash !== -1; dash = window.indexOf('-', dash + 1)) {
    const [from, to] = [window.slice(0, dash), window.slice(dash + 1)].map(instantIn);
    if (from !== undefined && to !== undefined && (from ?? to) !== null) {
      return { from, to };
    }
  }
  const expected =
    'expected FROM-TO, two instants in ISO-8601 with a zone or in Unix seconds; either may be left out';
  throw new InputError('--fault', null, `found the window ${quoted(window)}, ${expected}`);
}

/** An instant as a scenario writes it; null for nothing; undefined for what is no instant. */
function instantIn(text: string): string | null | undefined {
  if (text === '') {
    return null;
  }
  if (parseInstantMs(text) !== null) {
    return text;
  }
  const atMs = parseTimeMs(text);
  return atMs === null ? undefined : formatInstant(atMs, 0);
}
