import type { ClientSettings } from './scenario.ts';

/** Below this share of the traffic nobody is away any more. */
const AWAY_MIN_RATIO = 1e-4;
/** Below this many requests nobody is about to try again: what sums of fractions leave. */
const REQUESTS_MIN = 1e-6;

/**
 * What customers do about bad service, as a fluid: fractions of requests, no single customers. Nothing is drawn.
 *
 * A request that times out is tried again by some of them, spread evenly over the next seconds, and so often at most; the
 * others leave, and the request is lost. Who has been turned away comes back later: of the traffic that the trace offers, the
 * share stays away that was lost of late (an exponential average). While nothing times out none of this costs anything.
 *
 * Every first try is in one place: `offered = served + lost + stayed away + queued + waiting to retry`.
 *
 * The defaults are assumptions, with what surveys say as far as it goes: 57 % of shoppers buy elsewhere when a site is
 * too slow, so 40 % try again (Retail Systems Research, 2020); 41 % put up with one or two bad experiences, so two retries
 * (Equation Research for Gomez, 2009). How soon they retry and how long they stay away nobody has measured for this shop.
 */
export class Clients {
  readonly #retryRatio: number = 0;
  readonly #retriesMax: number = 0;
  readonly #retrySteps: number = 0;
  readonly #awayStep: number = 0;
  /** Requests by how often they were tried before: those in the queue with the ones that arrive. */
  readonly #mix: Float64Array;
  /** Retries by the step in which they are due, round: `[step % steps × tries + try]`. */
  readonly #due: Float64Array;
  readonly #tries: number = 0;
  #step = 0;
  #firstTries = 0;
  #queued = 0;
  #awayRatio = 0;

  /** Requests that wait to be tried again. */
  retrying = 0;
  /** Of the last step: requests tried again, lost for good, and those that nobody came to make. */
  retried = 0;
  lost = 0;
  stayedAway = 0;

  constructor(settings: ClientSettings, stepSeconds: number) {
    this.#retryRatio = settings.retryPercent / 100;
    this.#retriesMax = settings.retriesMax;
    this.#retrySteps = Math.max(1, Math.ceil(settings.retryWithinSeconds / stepSeconds));
    const awaySeconds = settings.awayMinutes * 60;
    this.#awayStep = awaySeconds === 0 ? 0 : Math.min(1, stepSeconds / awaySeconds);
    this.#tries = settings.retriesMax + 1;
    this.#mix = new Float64Array(this.#tries);
    this.#due = new Float64Array((this.#retrySteps + 1) * this.#tries);
  }

  /**
   * Begins a step in which the trace offers so many requests.
   * @returns how many arrive: without those who stay away, with those who try again
   */
  arrive(offered: number): number {
    this.stayedAway = this.#awayRatio * offered;
    this.#firstTries = offered - this.stayedAway;
    this.retried = 0;
    this.#mix[0] = this.#mix[0]! + this.#firstTries;
    if (this.retrying > 0) {
      this.#takeDue();
    }
    return this.#firstTries + this.retried;
  }

  /**
   * Ends the step: of all that arrived or was queued, `queued` wait on and `timedOut` get no answer; the others were served.
   * Each is a fair sample of the whole, however often it was tried.
   */
  settle(queued: number, timedOut: number): void {
    const total = this.#queued + this.#firstTries + this.retried;
    this.lost = 0;
    if (timedOut > 0) {
      this.#timeOut(timedOut / total);
    }
    const kept = total > 0 ? queued / total : 0;
    for (let n = 0; n < this.#tries; n++) {
      this.#mix[n] = this.#mix[n]! * kept;
    }
    this.#queued = queued;
    if (this.#awayStep > 0 && (this.lost > 0 || this.#awayRatio > 0)) {
      const lostRatio = total > 0 ? this.lost / total : 0;
      this.#awayRatio += (lostRatio - this.#awayRatio) * this.#awayStep;
      if (lostRatio === 0 && this.#awayRatio < AWAY_MIN_RATIO) {
        this.#awayRatio = 0;
      }
    }
    this.#step++;
  }

  #takeDue(): void {
    const at = (this.#step % (this.#retrySteps + 1)) * this.#tries;
    for (let n = 0; n < this.#tries; n++) {
      const due = this.#due[at + n]!;
      this.#due[at + n] = 0;
      this.#mix[n] = this.#mix[n]! + due;
      this.retried += due;
    }
    this.retrying -= this.retried;
    if (this.retrying < REQUESTS_MIN) {
      this.retrying = 0;
    }
  }

  #timeOut(ratio: number): void {
    for (let n = 0; n < this.#tries; n++) {
      const timedOut = this.#mix[n]! * ratio;
      const again = n < this.#retriesMax ? timedOut * this.#retryRatio : 0;
      this.lost += timedOut - again;
      if (again === 0) {
        continue;
      }
      this.retrying += again;
      for (let later = 1; later <= this.#retrySteps; later++) {
        const at = ((this.#step + later) % (this.#retrySteps + 1)) * this.#tries + n + 1;
        this.#due[at] = this.#due[at]! + again / this.#retrySteps;
      }
    }
  }
}
