import { expect, test } from 'vitest';
import { readingOf } from '../../../adapters/prometheus/prometheus.ts';

const part = (name: string, value: string) => ({ metric: { part: name }, value: [1, value] });
const answer = (...result: object[]) => ({
  status: 'success',
  data: { resultType: 'vector', result },
});
const whole = [part('value', '70.5'), part('sampledAt', '1700000000.25'), part('coverage', '0.9')];

test('a reading is a value, the instant of its newest sample, and its coverage', () => {
  expect(readingOf(answer(...whole))).toEqual({
    value: 70.5,
    sampledAtMs: 1_700_000_000_250,
    coverageRatio: 0.9,
    missing: null,
  });
  expect(readingOf(answer(...whole.slice(0, 2), part('coverage', '1.05')))).toMatchObject({
    coverageRatio: 1,
  });
});

test.each([
  ['no series at all', answer(), 'empty'],
  ['targets that answer, and no series', answer(part('exportersUp', '2')), 'empty'],
  ['targets, none of which answers', answer(part('exportersUp', '0')), 'exporter-down'],
  [
    'a value without a sample’s time',
    answer(part('value', '0'), part('exportersUp', '1')),
    'empty',
  ],
  ['0 ÷ 0', answer(part('value', 'NaN'), ...whole.slice(1)), 'not-a-number'],
  ['1 ÷ 0', answer(part('value', '+Inf'), ...whole.slice(1)), 'not-a-number'],
  ['a coverage of nothing', answer(...whole.slice(0, 2)), 'low-coverage'],
  ['an error', { status: 'error', errorType: 'execution' }, 'unavailable'],
  ['something else', '<html>', 'unavailable'],
  ['nothing', null, 'unavailable'],
])('%s is missing, and never zero', (_what, given, missing) => {
  expect(readingOf(given)).toEqual({ missing });
});
