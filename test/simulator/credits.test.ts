import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CPU_MS_PER_CREDIT, Credits, creditsOf } from '../../simulator/credits.ts';
import { runs } from '../properties/arbitraries.ts';
import { scenarioOf, STEP_MS } from './build.ts';

const STEP_SECONDS = STEP_MS / 1000;
const STEPS_PER_HOUR = 3600 / STEP_SECONDS;
const MILLICPU = 2000;

/** One account of a machine with two vCPUs, in credits and percent of them. */
function account(mode: 'unlimited' | 'standard', perHour: number) {
  const credits = new Credits(mode === 'standard', perHour, MILLICPU, STEP_SECONDS, 1);
  return {
    /** Lets it run for so many hours, using what it wants of its CPU or what it can get. */
    run(hours: number, percent: number): void {
      for (let n = 0; n < hours * STEPS_PER_HOUR; n++) {
        const wanted = (MILLICPU * percent) / 100;
        spend(credits, 0, Math.min(wanted, credits.capacityMillicpu(0)));
      }
    },
    get balance(): number {
      return credits.balanceCpuMs(0) / CPU_MS_PER_CREDIT;
    },
    get owed(): number {
      return credits.owedCpuMs(0) / CPU_MS_PER_CREDIT;
    },
    get capacity(): number {
      return credits.capacityMillicpu(0);
    },
  };
}

/** One machine’s step. */
function spend(credits: Credits, slot: number, usedMillicpu: number): void {
  credits.spend(Int32Array.of(slot), 1, new Float64Array(8).fill(usedMillicpu));
}

describe('the user guide’s t3.nano, 6 credits an hour and a cap of 144, in unlimited mode', () => {
  const nano = account('unlimited', 6);

  it('P1: idle for a day, it saves 144 credits', () => {
    nano.run(24, 0);
    expect(nano.balance).toBe(144);
  });

  it('P2: below the baseline it earns more than it spends, and the balance stays at its cap', () => {
    nano.run(12, 2.5);
    expect(nano.balance).toBe(144);
  });

  it('P3: a day at 7 %, 2 % above the baseline, takes 57.6', () => {
    nano.run(24, 7);
    expect(nano.balance).toBe(86.4);
  });

  it('P4: 12 hours at 2.5 % give 36 back', () => {
    nano.run(12, 2.5);
    expect(nano.balance).toBe(122.4);
  });

  it('P5: 5 hours at 100 % take 570, so 447.6 surplus: 144 may still be earned, 303.6 are charged', () => {
    nano.run(5, 100);
    expect(nano.balance).toBe(-144);
    expect(nano.owed).toBeCloseTo(144 + 303.6, 9);
  });

  it('P6: at the baseline it pays nothing back', () => {
    nano.run(13, 5);
    expect(nano.balance).toBe(-144);
  });

  it('P7: an idle day pays back the 144, and the 303.6 stay charged', () => {
    nano.run(24, 0);
    expect(nano.balance).toBe(0);
    expect(nano.owed).toBeCloseTo(303.6, 9);
  });
});

describe('credits', () => {
  it('a balance of 2, 5 minutes that earn 0.5 and spend 1: 1.5, as the user guide’s equation has it', () => {
    const nano = account('unlimited', 6);
    nano.run(1 / 3, 0);
    expect(nano.balance).toBe(2);
    // A credit in 5 minutes is 20 % of one vCPU, 10 % of two.
    nano.run(1 / 12, 10);
    expect(nano.balance).toBe(1.5);
  });

  it('a t3.medium begins with none, and sustains 20 % a vCPU', () => {
    const medium = account('unlimited', 24);
    expect([medium.balance, medium.owed]).toEqual([0, 0]);
    medium.run(10, 20);
    expect([medium.balance, medium.owed]).toEqual([0, 0]);
  });

  it('both vCPUs for an hour from nothing: 120 spent, 24 earned, 96 to pay if it ends now', () => {
    const medium = account('unlimited', 24);
    medium.run(1, 100);
    expect([medium.balance, medium.owed]).toEqual([-96, 96]);
  });

  it('four idle hours pay that back, and only then is anything saved', () => {
    const medium = account('unlimited', 24);
    medium.run(1, 100);
    medium.run(4, 0);
    expect([medium.balance, medium.owed]).toEqual([0, 0]);
    medium.run(1, 0);
    expect([medium.balance, medium.owed]).toEqual([24, 0]);
  });

  it('at 100 % a day’s worth is owed after 6 hours; each further hour charges 96, whatever is earned later', () => {
    const medium = account('unlimited', 24);
    medium.run(6, 100);
    expect([medium.balance, medium.owed]).toEqual([-576, 576]);
    medium.run(2, 100);
    expect([medium.balance, medium.owed]).toEqual([-576, 576 + 192]);
    medium.run(48, 0);
    expect([medium.balance, medium.owed]).toEqual([576, 192]);
  });

  it('idle for a day and longer, 576 are saved and no more', () => {
    const medium = account('unlimited', 24);
    medium.run(23.5, 0);
    expect(medium.balance).toBe(564);
    medium.run(10, 0);
    expect(medium.balance).toBe(576);
  });

  it('in unlimited mode never bound its CPU', () => {
    const medium = account('unlimited', 24);
    medium.run(20, 100);
    expect(medium.capacity).toBe(MILLICPU);
  });

  it('in standard mode bound it to the baseline when there are none', () => {
    const medium = account('standard', 24);
    expect(medium.capacity).toBe(400);
    medium.run(5, 100);
    expect([medium.capacity, medium.balance, medium.owed]).toEqual([400, 0, 0]);
  });

  it('in standard mode let it burst for as long as they last: 24 credits for 15 minutes of both vCPUs', () => {
    const medium = account('standard', 24);
    medium.run(1, 0);
    expect([medium.balance, medium.capacity]).toEqual([24, MILLICPU]);
    medium.run(0.25, 100);
    expect([medium.balance, medium.capacity]).toEqual([0, 400]);
  });

  it('in standard mode give what is left when they end within a step', () => {
    // 8,000 CPU-ms saved, and 6,000 earned in the step to come, for 15 s.
    const credits = new Credits(true, 24, MILLICPU, STEP_SECONDS, 1);
    spend(credits, 0, 0);
    spend(credits, 0, 4000 / STEP_SECONDS);
    expect(credits.balanceCpuMs(0)).toBe(8_000);
    expect(credits.capacityMillicpu(0)).toBeCloseTo(14_000 / 15, 9);
    spend(credits, 0, credits.capacityMillicpu(0));
    expect(credits.balanceCpuMs(0)).toBe(0);
  });

  it('that sustain more than the machine has do not make it larger', () => {
    const credits = new Credits(true, 1000, MILLICPU, STEP_SECONDS, 1);
    expect(credits.capacityMillicpu(0)).toBe(MILLICPU);
  });

  it('belong to an instance: whoever has its slot next begins with none', () => {
    const credits = new Credits(false, 24, MILLICPU, STEP_SECONDS, 2);
    for (let n = 0; n < 7 * STEPS_PER_HOUR; n++) {
      spend(credits, 1, MILLICPU);
    }
    expect(credits.owedCpuMs(1)).toBe(7 * 96 * CPU_MS_PER_CREDIT);
    expect(credits.owedCpuMs(0)).toBe(0);
    credits.open(1);
    expect([credits.balanceCpuMs(1), credits.owedCpuMs(1)]).toEqual([0, 0]);
  });

  it('are kept when there are more slots', () => {
    const credits = new Credits(false, 24, MILLICPU, STEP_SECONDS, 2);
    for (let n = 0; n < 7 * STEPS_PER_HOUR; n++) {
      spend(credits, 0, MILLICPU);
    }
    credits.ensureSlots(4);
    expect(credits.owedCpuMs(0)).toBe(7 * 96 * CPU_MS_PER_CREDIT);
    expect([credits.balanceCpuMs(3), credits.owedCpuMs(3)]).toEqual([0, 0]);
  });

  it('are no matter of a machine whose mode is none', () => {
    const { worker } = scenarioOf({ cluster: { worker: { credits: { mode: 'none' } } } }).cluster;
    expect(creditsOf(worker, STEP_SECONDS, 1)).toBeNull();
    const limited = scenarioOf({ cluster: { worker: { credits: { mode: 'standard' } } } });
    expect(creditsOf(limited.cluster.worker, STEP_SECONDS, 1)?.capacityMillicpu(0)).toBe(400);
    const standard = scenarioOf().cluster.worker;
    expect(creditsOf(standard, STEP_SECONDS, 1)?.capacityMillicpu(0)).toBe(MILLICPU);
  });
});

describe('no credit comes from nowhere or is lost, step by step', () => {
  const day = (perHour: number): number => 24 * perHour * CPU_MS_PER_CREDIT;

  it.each([false, true])('in standard mode: %s', (limited) => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 120 }),
        fc.integer({ min: 1, max: 60 }),
        // Stretches at one level, so that cap and bottom are reached.
        fc.array(
          fc.tuple(
            fc.integer({ min: 1, max: 3000 }),
            fc.double({ min: 0, max: 2000, noNaN: true }),
          ),
          { minLength: 1, maxLength: 8 },
        ),
        (perHour, stepSeconds, stretches) => {
          const credits = new Credits(limited, perHour, MILLICPU, stepSeconds, 1);
          const earned = Math.round((perHour * CPU_MS_PER_CREDIT * stepSeconds) / 3600);
          let charged = 0;
          for (const [steps, wanted] of stretches) {
            for (let n = 0; n < steps; n++) {
              const used = Math.min(wanted, credits.capacityMillicpu(0));
              const before = credits.balanceCpuMs(0);
              spend(credits, 0, used);
              const after = credits.balanceCpuMs(0);
              const chargedNow = credits.owedCpuMs(0) - Math.max(0, -after) - charged;
              charged += chargedNow;
              // earned + charged = spent + change of the balance + lost
              const lost = earned + chargedNow - Math.round(used * stepSeconds) - (after - before);
              if (lost < 0 || (lost > 0 && after !== day(perHour)) || chargedNow < 0) {
                expect.fail(`${lost} CPU-ms lost at ${after}, ${chargedNow} charged`);
              }
              if (chargedNow > 0 && after !== -day(perHour)) {
                expect.fail(`${chargedNow} CPU-ms charged at ${after}`);
              }
              if (limited && (after < 0 || chargedNow > 0)) {
                expect.fail(`standard mode at ${after}, ${chargedNow} charged`);
              }
            }
          }
          expect(Number.isSafeInteger(credits.balanceCpuMs(0))).toBe(true);
          expect(Number.isSafeInteger(credits.owedCpuMs(0))).toBe(true);
        },
      ),
      runs(60),
    );
  });
});
