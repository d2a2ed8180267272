// Explores a scenario: every order of what may happen in it, whoever dies and whichever answer is lost, and each end judged.
import { Race, type Move, type RaceOptions } from './race.ts';
import { raceOf, SCENARIOS, type Plan, type Scenario } from './races.ts';
import { wrongAfter } from './outcome.ts';
import { planText } from './readable.ts';
import { searchReduced, searchStates } from './search.ts';

export interface ExploreOptions {
  /** Invocations die, too: after each of their effects, and in every pair of places. */
  readonly deaths: boolean;
  /** Every state is visited as well: how many schedules there are, and whether the reduction has lost an end. */
  readonly states: boolean;
  /** Plants a bug. */
  readonly bend?: (race: RaceOptions) => RaceOptions;
}

/** How a scenario’s clocks go, and whether EC2’s lists show at once what was launched. */
export interface Case {
  readonly listsLag: boolean;
  readonly skewsMs: readonly number[];
}

export function casesOf({ skews }: Scenario): Case[] {
  return skews.flatMap((skewsMs) => [true, false].map((listsLag) => ({ listsLag, skewsMs })));
}

export interface Explored {
  readonly scenario: string;
  /** Schedules that the reduction took to their end: with everybody alive, and with deaths and lost answers. */
  readonly schedules: number;
  readonly faultySchedules: number;
  /** How many there are without it: everybody alive, and with deaths; null: not counted. */
  readonly allSchedules: bigint | null;
  readonly allWithDeaths: bigint | null;
  readonly states: number;
  /** Ways in which the world was left. */
  readonly ends: number;
  readonly failure: Failure | null;
}

export interface Failure {
  readonly plan: Plan;
  readonly schedule: readonly Move[];
  readonly wrong: readonly string[];
  /** The how-manieth schedule it was. */
  readonly found: number;
}

/** The reduction missed an end that there is, or made one up: then nothing it says is worth anything. */
export class ReductionFailed extends Error {
  override readonly name = 'ReductionFailed';
}

/** @throws ReductionFailed where the two searches disagree */
export function explore(
  scenario: Scenario,
  options: ExploreOptions,
  cases: readonly Case[] = casesOf(scenario),
): Explored {
  const exploration = new Exploration(scenario, options);
  exploration.run(cases);
  return exploration.explored;
}

/** Where a planted bug is found first, counting the schedules of every scenario until then; null: nowhere. */
export function findBug(bend: (race: RaceOptions) => RaceOptions): Failure | null {
  let before = 0;
  for (const deaths of [false, true]) {
    for (const scenario of SCENARIOS) {
      const explored = explore(scenario, { deaths, states: false, bend });
      if (explored.failure !== null) {
        return { ...explored.failure, found: before + explored.failure.found };
      }
      before += explored.schedules + explored.faultySchedules;
    }
  }
  return null;
}

/** Plans of one case in which everybody lives and hears all: one for each effect at which the first may freeze. */
function* plansOf({ name, invocations, freezesForMs }: Scenario, each: Case): Generator<Plan> {
  const nobody = invocations.map(() => null);
  const plain = { scenario: name, ...each, frozenAfter: null, diesAfter: nobody, unheard: nobody };
  if (freezesForMs === undefined) {
    yield plain;
    return;
  }
  for (let frozenAfter = 0; ; frozenAfter++) {
    const plan = { ...plain, frozenAfter };
    if (!new Race(raceOf(plan)).froze) {
      return;
    }
    yield plan;
  }
}

class Exploration {
  #schedules = 0;
  #faultySchedules = 0;
  #allSchedules = 0n;
  #allWithDeaths = 0n;
  #states = 0;
  readonly #ends = new Map<string, readonly string[]>();
  #failure: Failure | null = null;
  readonly #scenario: Scenario;
  readonly #options: ExploreOptions;

  constructor(scenario: Scenario, options: ExploreOptions) {
    this.#scenario = scenario;
    this.#options = options;
  }

  get explored(): Explored {
    const { states } = this.#options;
    return {
      scenario: this.#scenario.name,
      schedules: this.#schedules,
      faultySchedules: this.#faultySchedules,
      allSchedules: states ? this.#allSchedules : null,
      allWithDeaths: states ? this.#allWithDeaths : null,
      states: this.#states,
      ends: this.#ends.size,
      failure: this.#failure,
    };
  }

  run(cases: readonly Case[]): void {
    const { deaths, states } = this.#options;
    const alive = new Map<Plan, ReadonlySet<string>>();
    // First everything that happens to invocations that live: what breaks there breaks in the plainest way.
    for (const each of cases) {
      for (const plan of plansOf(this.#scenario, each)) {
        const ends = new Set<string>();
        this.#reduce(plan, ends);
        if (this.#failure !== null) {
          return;
        }
        alive.set(plan, ends);
      }
    }
    for (const [plan, ends] of alive) {
      const all = new Set(ends);
      if (deaths && this.#failure === null) {
        this.#withDeaths(plan, 0, all);
      }
      if (states && this.#failure === null) {
        this.#compare(plan, ends, deaths ? all : null);
      }
      if (deaths && this.#failure === null) {
        this.#withLostAnswers(plan);
      }
    }
  }

  /** @returns whether the faults of the plan struck in any schedule */
  #reduce(plan: Plan, ends: Set<string>): boolean {
    const isFaulty = [...plan.diesAfter, ...plan.unheard].some((each) => each !== null);
    let everStruck = false;
    searchReduced(this.#begin(plan), (race, schedule) => {
      const struck =
        plan.diesAfter.every((each, n) => each === null || race.died(n)) &&
        plan.unheard.every((each, n) => each === null || race.lost(n));
      everStruck ||= struck;
      if (!struck) {
        return false;
      }
      if (isFaulty) {
        this.#faultySchedules++;
      } else {
        this.#schedules++;
      }
      const [key, wrong] = this.#judge(race);
      ends.add(key);
      if (wrong.length > 0) {
        const found = this.#schedules + this.#faultySchedules;
        this.#failure = { plan, schedule: [...schedule], wrong, found };
      }
      return this.#failure !== null;
    });
    return everStruck;
  }

  /** Each invocation from the `n`th on dies at each of its effects, or lives. */
  #withDeaths(plan: Plan, n: number, ends: Set<string>): void {
    if (n === plan.diesAfter.length) {
      return;
    }
    this.#withDeaths(plan, n + 1, ends);
    for (let after = n === 0 ? (plan.frozenAfter ?? 0) : 0; this.#failure === null; after++) {
      const dying = { ...plan, diesAfter: plan.diesAfter.with(n, after) };
      if (!this.#reduce(dying, ends)) {
        return;
      }
      this.#withDeaths(dying, n + 1, ends);
    }
  }

  /** One answer is lost on its way, each in turn. */
  #withLostAnswers(plan: Plan): void {
    plan.unheard.forEach((_, n) => {
      let missed = 0;
      for (let nth = 0; this.#failure === null && missed < 2; nth++) {
        // Reads that are sent together, and pauses, are not lost: two in a row that are not are the end.
        const deaf = { ...plan, unheard: plan.unheard.with(n, nth) };
        missed = this.#reduce(deaf, new Set()) ? 0 : missed + 1;
      }
    });
  }

  /** Visits every state, and says whether the reduction came to the same ends. */
  #compare(plan: Plan, alive: ReadonlySet<string>, all: ReadonlySet<string> | null): void {
    const reachedAlive = new Set<string>();
    const reachedAll = new Set<string>();
    const begin = this.#begin(plan);
    const reached = searchStates(begin, plan.skewsMs.length, (race) => {
      const isOver = race.moves().length === 0;
      const [key] = this.#judge(race);
      reachedAll.add(key);
      if (isOver) {
        reachedAlive.add(key);
      }
      return false;
    });
    this.#allSchedules += reached.schedules;
    this.#allWithDeaths += reached.schedulesWithDeaths;
    this.#states += reached.states;
    const where = planText(plan);
    differ(where, 'everybody alive', alive, reachedAlive);
    if (all !== null) {
      differ(where, 'deaths', all, reachedAll);
    }
  }

  #begin(plan: Plan): () => Race {
    const options = raceOf(plan);
    const bent = this.#options.bend?.(options) ?? options;
    return () => new Race(bent);
  }

  /** The end's key, and what is wrong with it. The race is of no use afterwards. */
  #judge(race: Race): [string, readonly string[]] {
    const key = `${String(race.successorAtMs)} ${race.world.key()}`;
    let wrong = this.#ends.get(key);
    if (wrong === undefined) {
      wrong = wrongAfter(race, this.#scenario);
      this.#ends.set(key, wrong);
    }
    return [key, wrong];
  }
}

function differ(
  where: string,
  what: string,
  reduced: ReadonlySet<string>,
  whole: ReadonlySet<string>,
): void {
  const lost = [...whole].filter((each) => !reduced.has(each)).length;
  const madeUp = [...reduced].filter((each) => !whole.has(each)).length;
  if (lost + madeUp > 0) {
    throw new ReductionFailed(
      `${where}, ${what}: of ${String(whole.size)} ends ${String(lost)} are lost, and ${String(madeUp)} made up`,
    );
  }
}
