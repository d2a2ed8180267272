import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KubernetesApi, type AccessSource } from '../../../adapters/kubernetes/client.ts';
import { RealCluster, SimulatedCluster, type Command, type Said, type Target } from './clusters.ts';
import { eventually, startControlPlane, type ControlPlane } from './control-plane.ts';

// One contract, two clusters: whatever is asked of both, a real Kubernetes behind our adapter answers as the simulator does.

let plane: ControlPlane;
let api: KubernetesApi;

beforeAll(async () => {
  plane = await startControlPlane();
  await RealCluster.deploy(plane.admin);
  api = new KubernetesApi(plane.url, sourceOf(plane));
});

function sourceOf({ admin: { access } }: ControlPlane): AccessSource {
  return { get: () => Promise.resolve(access), renew: () => Promise.resolve(access) };
}

afterAll(async () => {
  api?.close();
  await plane?.stop();
});

/** Asks both the same, and expects the same answers, and after each step the same lists. Returns the answers. */
async function saidByBoth(commands: readonly Command[]): Promise<Said[]> {
  const simulated = new SimulatedCluster();
  const real = new RealCluster(plane.admin, api, simulated.names);
  await real.reset();
  const all: Said[] = [];
  const compare = async (): Promise<void> => {
    const expected = simulated.list();
    expect({
      after: commands.slice(0, all.length),
      listed: await real.settle(expected, simulated.underWay),
    }).toEqual({
      after: commands.slice(0, all.length),
      listed: expected,
    });
  };
  await compare();
  for (const command of commands) {
    const before = simulated.underWay;
    const said = simulated.perform(command);
    const after = command.kind === 'step' ? simulated.underWay : before;
    all.push(said);
    expect({ command, said: await real.perform(command, after), after: all }).toEqual({
      command,
      said,
      after: all,
    });
    if (command.kind === 'step') {
      await compare();
    }
  }
  return all;
}

const taint = (on: Target, intent = 'drain-1', stale = false): Command => ({
  kind: 'taint',
  on,
  intent,
  stale,
});
const untaint = (on: Target, intent = 'drain-1'): Command => ({ kind: 'untaint', on, intent });
const evict = (on: Target): Command => ({ kind: 'evict', on });
const remove = (on: Target): Command => ({ kind: 'delete', on });
const cordon = (on: Target, cordoned = true): Command => ({ kind: 'cordon', on, cordoned });
const step: Command = { kind: 'step' };

const CASES: readonly (readonly [rule: string, steps: readonly (readonly [Command, Said])[]])[] = [
  [
    'what is asked of a node that nobody knows is not found',
    [
      [taint(3), 'not-found'],
      [untaint(3), 'not-found'],
      [evict(3), 'not-found'],
      [remove(3), 'not-found'],
    ],
  ],
  [
    'a taint on a version from before is a conflict; twice, and for another intent, it is put all the same',
    [
      [taint(0, 'drain-1', true), 'conflict'],
      [taint(0), 'ok'],
      [taint(0), 'ok'],
      [step, 'ok'],
      [taint(0, 'drain-2'), 'ok'],
      [step, 'ok'],
    ],
  ],
  [
    'what is not tainted is untainted, and another intent’s taint stays',
    [
      [untaint(0), 'ok'],
      [taint(0), 'ok'],
      [untaint(0, 'drain-2'), 'ok'],
      [step, 'ok'],
      [untaint(0), 'ok'],
      [untaint(0), 'ok'],
      [step, 'ok'],
    ],
  ],
  [
    'a budget allows as many as it says, and more when others have taken their place',
    [
      [evict(0), 'ok'],
      [evict(0), 'blocked-by-pdb'],
      [evict(1), 'blocked-by-pdb'],
      [evict(2), 'ok'],
      [evict(2), 'ok'],
      [evict(2), 'blocked-by-pdb'],
      [step, 'ok'],
      [evict(0), 'blocked-by-pdb'],
      [step, 'ok'],
      [step, 'ok'],
      [step, 'ok'],
      [evict(0), 'ok'],
    ],
  ],
  [
    'what is evicted from a tainted node waits, and comes back when the taint is gone; a cordon does as much',
    [
      [taint(0), 'ok'],
      [cordon(2), 'ok'],
      [evict(0), 'ok'],
      [evict(2), 'ok'],
      [step, 'ok'],
      [step, 'ok'],
      [step, 'ok'],
      [evict(0), 'blocked-by-pdb'],
      [untaint(0), 'ok'],
      [cordon(2, false), 'ok'],
      [step, 'ok'],
      [step, 'ok'],
      [step, 'ok'],
      [evict(0), 'ok'],
    ],
  ],
  [
    'a node is deleted once; its pods wait, and are not to be evicted any more',
    [
      [taint(1), 'ok'],
      [remove(1), 'ok'],
      [remove(1), 'not-found'],
      [taint(1), 'not-found'],
      [untaint(1), 'not-found'],
      [evict(1), 'not-found'],
      [step, 'ok'],
      [step, 'ok'],
    ],
  ],
  [
    'one that is evicted again while it ends is evicted, and one that has gone is not found',
    [
      [taint(2), 'ok'],
      [evict(2), 'ok'],
      [evict(2), 'ok'],
      [step, 'ok'],
      [step, 'ok'],
      [step, 'ok'],
      [evict(2), 'blocked-by-pdb'],
      [remove(2), 'ok'],
      [evict(2), 'not-found'],
    ],
  ],
];

describe('the simulator and a real Kubernetes agree', () => {
  test.each(CASES)('%s', async (_rule, steps) => {
    const answers = await saidByBoth(steps.map(([command]) => command));
    expect(answers).toEqual(steps.map(([, said]) => said));
  });

  // Mostly one node, which stays, so that commands meet.
  const on = fc.constantFrom<Target>(0, 0, 0, 0, 0, 0, 2, 2, 1, 3);
  const deleted = fc.constantFrom<Target>(1, 2, 3);
  const intent = fc.constantFrom('drain-1', 'drain-2');
  const stale = fc.constantFrom(false, false, false, true);
  const cordoned = fc.constantFrom(true, true, false);
  const command: fc.Arbitrary<Command> = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('taint'), on, intent, stale }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('untaint'), on, intent }) },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('evict'), on }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('cordon'), on, cordoned }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete'), on: deleted }) },
    { weight: 9, arbitrary: fc.constant(step) },
  );

  test('on whatever is asked, one after the other', async () => {
    const seen = new Set<string>();
    const property = fc.asyncProperty(
      fc.array(command, { minLength: 8, maxLength: 24, size: 'max' }),
      async (commands) => {
        const answers = await saidByBoth(commands);
        answers.forEach((said, n) => seen.add(`${commands[n].kind} ${said}`));
      },
    );
    await fc.assert(property, { numRuns: 12, seed: 20_261_124, endOnFailure: true });
    expect([...seen].sort()).toEqual(
      expect.arrayContaining([
        'delete not-found',
        'delete ok',
        'evict blocked-by-pdb',
        'evict not-found',
        'evict ok',
        'taint conflict',
        'taint not-found',
        'taint ok',
        'untaint not-found',
        'untaint ok',
      ]),
    );
  });
});

describe('where they differ, as docs/fidelity.md says', () => {
  test('pods of a machine that falls silent spend their budget in Kubernetes alone', async () => {
    const silent = await startControlPlane(10);
    try {
      const simulated = new SimulatedCluster();
      simulated.fallSilent();
      await RealCluster.deploy(silent.admin);
      const adapter = new KubernetesApi(silent.url, sourceOf(silent));
      const real = new RealCluster(silent.admin, adapter, simulated.names);
      await real.reset();
      await eventually('the pods to be unhealthy', async () =>
        (await real.healthy('alpha')) === 0 ? true : null,
      );
      const said = await real.perform(evict(0), simulated.underWay);
      adapter.close();
      expect([said, simulated.perform(evict(0))]).toEqual(['blocked-by-pdb', 'ok']);
    } finally {
      await silent.stop();
    }
  });

  test('pods whose node is deleted are gone at once in the simulator, and within two minutes in Kubernetes', async () => {
    const simulated = new SimulatedCluster();
    const real = new RealCluster(plane.admin, api, simulated.names);
    await real.reset();
    simulated.perform(remove(0));
    await real.perform(remove(0), simulated.underWay);
    const [name] = simulated.names;
    expect(simulated.list().onNode[name]).toEqual([0, 0]);
    expect((await real.list()).onNode[name]).toEqual([4, 0]);
    const left = async () => {
      const [staying, ending] = (await real.list()).onNode[name];
      return staying + ending === 0 ? true : null;
    };
    await eventually('the collector of pods without a node', left, 110_000);
  });
});
