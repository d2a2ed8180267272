// The simulator’s scheduler finds room where kube-scheduler finds it. The figures of docs/fidelity.md are written anew by
// UPDATE_DOCS=1 npm run test:integration -- scheduling.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectStated } from '../../stated.ts';
import { startControlPlane, type ControlPlane } from './control-plane.ts';
import {
  drawCase,
  pendingThroughTheApi,
  placedByKubernetes,
  simulated,
  type Answer,
} from './scheduling.ts';

const SHAPE_COUNTS = [1, 2, 3, 4];
const CLUSTERS_EACH = 250;
const THROUGH_THE_API_EACH = 8;

const groups = SHAPE_COUNTS.map((shapeCount) =>
  Array.from({ length: CLUSTERS_EACH }, (_, seed) => drawCase(seed, shapeCount)),
);
const ours = groups.map((cases) => cases.map(simulated));
let theirs: Answer[][];
let plane: ControlPlane;

beforeAll(async () => {
  const flat = await placedByKubernetes(groups.flat());
  theirs = groups.map((_, g) => flat.slice(g * CLUSTERS_EACH, (g + 1) * CLUSTERS_EACH));
  plane = await startControlPlane();
});

afterAll(async () => {
  await plane?.stop();
});

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

test('a pod is let in by the same nodes, whatever their room, zone, taint, cordon and readiness', () => {
  const seen = { all: 0, some: 0, none: 0 };
  for (const [g, cases] of groups.entries()) {
    for (const [n, { name, nodes }] of cases.entries()) {
      expect({ name, feasible: ours[g][n].feasible }).toEqual({
        name,
        feasible: theirs[g][n].feasible,
      });
      for (const { length } of theirs[g][n].feasible) {
        seen[length === 0 ? 'none' : length === nodes.length ? 'all' : 'some']++;
      }
    }
  }
  // Or nothing would have been compared.
  expect(Math.min(seen.all, seen.some, seen.none)).toBeGreaterThan(100);
  for (const closed of ['cordoned', 'draining', 'not-ready'] as const) {
    const count = groups
      .flat()
      .flatMap(({ nodes }) => nodes.filter((node) => node.closed === closed));
    expect({ closed, seen: count.length > 100 }).toEqual({ closed, seen: true });
  }
});

test('pods of one shape: as many have no room', () => {
  expect(ours[0].map(({ pending }) => pending)).toEqual(theirs[0].map(({ pending }) => pending));
  expect(ours[0].filter(({ pending }) => pending[0] > 0).length).toBeGreaterThan(50);
});

/** How far two lists of counts are apart. */
function differences(
  cases: readonly (readonly number[])[],
  others: readonly (readonly number[])[],
) {
  const apart = cases.map((pending, n) =>
    sum(pending.map((count, s) => Math.abs(count - others[n][s]))),
  );
  return { clusters: apart.filter((each) => each > 0).length, pods: Math.max(...apart) };
}

test('pods of several shapes: hardly ever has a pod more or less no room, since nodes fill in another order', () => {
  for (const [g] of groups.entries()) {
    const { clusters, pods } = differences(
      ours[g].map(({ pending }) => pending),
      theirs[g].map(({ pending }) => pending),
    );
    expect(clusters).toBeLessThanOrEqual(CLUSTERS_EACH * 0.04);
    expect(pods).toBeLessThanOrEqual(3);
  }
});

test('through the API, with controllers and all, as many of each shape are Unschedulable', async () => {
  const cases = groups.flatMap((each) => each.slice(0, THROUGH_THE_API_EACH));
  const found = await pendingThroughTheApi(plane, cases);
  const expected = ours.flatMap((each) =>
    each.slice(0, THROUGH_THE_API_EACH).map(({ pending }) => pending),
  );
  expect(found).toEqual(expected);
  expect(sum(found.flat())).toBeGreaterThan(100);
});

test('docs/fidelity.md says so', () => {
  const rows = groups.map((cases, g) => {
    const [mine, real] = [ours[g], theirs[g]];
    const pending = (answers: readonly Answer[]): number =>
      sum(answers.flatMap((answer) => answer.pending));
    const { clusters, pods } = differences(
      mine.map((answer) => answer.pending),
      real.map((answer) => answer.pending),
    );
    // Of each node that lets a shape in, here or there: whether it does so in both.
    const together = real.flatMap(({ feasible }, n) =>
      feasible.flatMap((nodes, s) =>
        [...new Set([...nodes, ...mine[n].feasible[s]])].map(
          (node) => nodes.includes(node) && mine[n].feasible[s].includes(node),
        ),
      ),
    );
    return [
      SHAPE_COUNTS[g],
      cases.length,
      sum(cases.map(({ nodes, shapes }) => nodes.length * shapes.length)),
      together.filter((both) => both).length,
      together.filter((both) => !both).length,
      sum(cases.flatMap(({ waiting }) => waiting)),
      pending(mine),
      pending(real),
      clusters === 0 ? 'none' : `${String(clusters)}, by ${String(pods)} at most`,
    ];
  });
  const table = [
    '| shapes of pods | clusters | nodes × shapes | let in by both | by one alone | pods that wait | without room in the simulator | in Kubernetes | clusters that differ in it |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows.map((row) => `| ${row.join(' | ')} |`),
  ].join('\n');
  expectStated('docs/fidelity.md', 'scheduling', table);
});
