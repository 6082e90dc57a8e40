import type { Ticker } from './clock.js';
import type { Permit } from './permit.js';

/** So long after it was due a timer is taken for lost: some edge runtimes drop a timer with the request that began it. */
const LOST_AFTER_MS = 1000;

/**
 * Renews the leases of running calls, all in one round at each third of a lease: so a short call pays for its place in a list, and
 * not for a timer. A timer is pending while calls run, and for a third of a lease at most after the last.
 */
export class Keeper {
  readonly #ticker: Ticker;
  readonly #everyMs: number;
  #first: Permit | undefined;
  #isArmed = false;
  #dueMs = 0;

  constructor(ticker: Ticker, everyMs: number) {
    this.#ticker = ticker;
    this.#everyMs = everyMs;
  }

  /** Renews a permit's lease from now on. */
  enter(permit: Permit): void {
    permit.isKept = true;
    permit.nextKept = this.#first;
    if (this.#first !== undefined) this.#first.previousKept = permit;
    this.#first = permit;
    if (!this.#isArmed || this.#ticker.steadyMs > this.#dueMs + LOST_AFTER_MS) this.#arm();
  }

  /** Ends that. */
  leave(permit: Permit): void {
    if (!permit.isKept) return;
    const { nextKept, previousKept } = permit;
    if (previousKept === undefined) this.#first = nextKept;
    else previousKept.nextKept = nextKept;
    if (nextKept !== undefined) nextKept.previousKept = previousKept;
    permit.isKept = false;
    permit.nextKept = permit.previousKept = undefined;
  }

  #arm(): void {
    this.#isArmed = true;
    this.#dueMs = this.#ticker.steadyMs + this.#everyMs;
    this.#ticker.afterIdly(this.#everyMs, this.#round);
  }

  readonly #round = (): void => {
    this.#isArmed = false;
    if (this.#first === undefined) return;
    this.#ticker.nowUs();
    this.#arm();
    let next: Permit | undefined;
    for (let permit: Permit | undefined = this.#first; permit !== undefined; permit = next) {
      next = permit.nextKept;
      permit.policy.keep(permit);
    }
  };
}
