import { expect, test } from 'vitest';
import { mib, millicpu, quantity } from '../../../adapters/kubernetes/quantity.ts';
import { requestsOf } from '../../../adapters/kubernetes/requests.ts';

test.each([
  ['2', 2],
  ['0.5', 0.5],
  ['.5', 0.5],
  ['250m', 0.25],
  ['1e3', 1000],
  ['1E2', 100],
  ['1E', 1e18],
  ['1k', 1000],
  ['1Ki', 1024],
  ['128Mi', 134_217_728],
  ['2G', 2e9],
  ['-1', -1],
])('%s is %d', (text, value) => {
  expect(quantity(text)).toBeCloseTo(value, 9);
});

test.each(['', 'x', '1mi', '1KiB', '1e', '1 Mi', 'Mi'])('"%s" is no quantity', (text) => {
  expect(quantity(text)).toBeNaN();
});

test('what is asked for is rounded up and what there is down, and 0.1 is 100 thousandths', () => {
  expect(millicpu('0.1', Math.ceil)).toBe(100);
  expect(millicpu('100u', Math.ceil)).toBe(1);
  expect(millicpu('1930500u', Math.floor)).toBe(1930);
  expect(mib('1M', Math.ceil)).toBe(1);
  expect(mib('3977212Ki', Math.floor)).toBe(3883);
});

const asks = (cpu: string, restartPolicy?: string) => ({
  resources: { requests: { cpu, memory: '64Mi' } },
  ...(restartPolicy === undefined ? {} : { restartPolicy }),
});

test.each([
  ['containers together', { containers: [asks('100m'), asks('200m')] }, 300],
  [
    'or the largest of what runs before them',
    { containers: [asks('100m')], initContainers: [asks('400m'), asks('50m')] },
    400,
  ],
  [
    'a sidecar runs beside them',
    { containers: [asks('100m')], initContainers: [asks('200m', 'Always')] },
    300,
  ],
  [
    'and beside what comes after it',
    { containers: [asks('100m')], initContainers: [asks('200m', 'Always'), asks('300m')] },
    500,
  ],
  ['the runtime takes its share', { containers: [asks('100m')], overhead: { cpu: '20m' } }, 120],
  [
    'what the pod itself asks for counts instead',
    { containers: [asks('100m')], resources: { requests: { cpu: '1' } } },
    1000,
  ],
  ['nothing asked is nothing', { containers: [{}] }, 0],
])('a pod asks for: %s', (_what, spec, wanted) => {
  expect(requestsOf(spec).requestMillicpu).toBe(wanted);
});

test('other resources are named, local disk is not counted, and what cannot be read fits nowhere', () => {
  const spec = {
    containers: [
      { resources: { requests: { 'nvidia.com/gpu': '1', 'ephemeral-storage': '1Gi', cpu: 'x' } } },
    ],
  };
  expect(requestsOf(spec).others).toEqual(['nvidia.com/gpu']);
  expect(requestsOf(spec).requestMillicpu).toBeNaN();
});
