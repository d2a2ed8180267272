import type { ClusterSettings } from './scenario.ts';
import { grown } from './scheduler.ts';

/** A CPU credit is a vCPU busy for a minute. */
export const CPU_MS_PER_CREDIT = 60_000;

/**
 * What a burstable machine may do without credits: `unlimited` spends what it has not earned and is billed for it, `standard`
 * falls back to its baseline. `none` is a machine that has all of its CPU at any time.
 */
export const CREDIT_MODES = ['unlimited', 'standard', 'none'] as const;

/** The accounts of a scenario’s workers; null: they need no credits. */
export function creditsOf(
  { credits: { mode, perHour }, millicpu }: ClusterSettings['worker'],
  stepSeconds: number,
  slots: number,
): Credits | null {
  return mode === 'none'
    ? null
    : new Credits(mode === 'standard', perHour, millicpu, stepSeconds, slots);
}

/**
 * CPU credits, an account for each instance (EC2 User Guide: “Key concepts for burstable performance instances”, “Unlimited
 * mode concepts”, “Monitor your CPU credits”, whose adjusted balance this is):
 *
 * - 24 credits an hour are earned as long as the instance runs, and spent by the CPU that it uses: 400 m of a t3.medium’s
 *   2,000 m sustain themselves, 20 % a vCPU.
 * - What is left is saved up to a day’s earnings, 576; what would be above is lost. T3 begins with nothing.
 * - `unlimited`: at 0 it goes on and spends surplus credits. Later earnings pay those back before any is saved. Surplus
 *   beyond a day’s earnings is charged, and what is not paid back at termination is charged then.
 * - `standard`: at 0 it gets the baseline.
 *
 * Accounts are whole CPU-milliseconds, a credit being 60,000, settled once a world step. An account runs while the node is
 * up: what a machine earns and spends while it boots is taken to cancel, and so is the hour that the first fleet had
 * before the run.
 */
export class Credits {
  /** Whether `capacityMillicpu` can be less than all of it: standard mode. */
  readonly limited: boolean = false;
  readonly #stepSeconds: number = 0;
  readonly #millicpu: number = 0;
  readonly #earnedCpuMs: number = 0;
  readonly #dayCpuMs: number = 0;
  /** Credits saved, or below 0 the surplus spent and not yet paid back. */
  #balanceCpuMs: Float64Array;
  #chargedCpuMs: Float64Array;

  constructor(
    limited: boolean,
    perHour: number,
    millicpu: number,
    stepSeconds: number,
    slots: number,
  ) {
    this.limited = limited;
    this.#stepSeconds = stepSeconds;
    this.#millicpu = millicpu;
    this.#earnedCpuMs = Math.round((perHour * CPU_MS_PER_CREDIT * stepSeconds) / 3600);
    this.#dayCpuMs = 24 * perHour * CPU_MS_PER_CREDIT;
    this.#balanceCpuMs = new Float64Array(slots);
    this.#chargedCpuMs = new Float64Array(slots);
  }

  ensureSlots(slots: number): void {
    this.#balanceCpuMs = grown(this.#balanceCpuMs, slots, 0);
    this.#chargedCpuMs = grown(this.#chargedCpuMs, slots, 0);
  }

  /** Another instance has the slot: a new account. */
  open(slot: number): void {
    this.#balanceCpuMs[slot] = 0;
    this.#chargedCpuMs[slot] = 0;
  }

  /** The CPU that the machine can use all through the step that begins, millicpu. */
  capacityMillicpu(slot: number): number {
    if (!this.limited) {
      return this.#millicpu;
    }
    const millicpu = (this.#balanceCpuMs[slot]! + this.#earnedCpuMs) / this.#stepSeconds;
    return millicpu < this.#millicpu ? millicpu : this.#millicpu;
  }

  /**
   * Settles a step.
   * @param slots the machines that ran, the first `count` of the array
   * @param usedMillicpu what each used on average, by slot
   */
  spend(slots: Int32Array, count: number, usedMillicpu: Float64Array): void {
    const balances = this.#balanceCpuMs;
    const earnedCpuMs = this.#earnedCpuMs;
    const seconds = this.#stepSeconds;
    const day = this.#dayCpuMs;
    for (let i = 0; i < count; i++) {
      const slot = slots[i]!;
      const balance =
        balances[slot]! + earnedCpuMs - Math.floor(usedMillicpu[slot]! * seconds + 0.5);
      balances[slot] = balance > day ? day : balance;
      if (balance < -day) {
        this.#charge(slot, -balance - day);
      }
    }
  }

  #charge(slot: number, surplusCpuMs: number): void {
    this.#balanceCpuMs[slot] = -this.#dayCpuMs;
    this.#chargedCpuMs[slot] = this.#chargedCpuMs[slot]! + surplusCpuMs;
  }

  /** Credits saved; below 0, the surplus that is not paid back. CPU-milliseconds. */
  balanceCpuMs(slot: number): number {
    return this.#balanceCpuMs[slot]!;
  }

  /** The surplus to pay for if the instance were terminated now: charged before, and not paid back. CPU-milliseconds. */
  owedCpuMs(slot: number): number {
    const balance = this.#balanceCpuMs[slot]!;
    return this.#chargedCpuMs[slot]! + (balance < 0 ? -balance : 0);
  }
}
