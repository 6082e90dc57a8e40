import type { Ticker } from './clock.js';
import type { Permit } from './permit.js';

/** So long after it was due a timer is taken for lost: some edge runtimes drop a timer with the request that began it. */
const LOST_AFTER_MS = 1000;

/**
 * Renews the leases of running calls, all in one round at each third of a lease: so a short call pays for its place in a list, and
 * not for a timer. A timer is pending while calls run, and for a third of a lease at most after the last.
 */
export class Keeper {
  private readonly ticker: Ticker;
  private readonly everyMs: number;
  private readonly kept: Permit[] = [];
  /** From when on the timer is set anew: at once where none is pending, else when that one is lost. */
  private armsAtMs = -Infinity;

  constructor(ticker: Ticker, everyMs: number) {
    this.ticker = ticker;
    this.everyMs = everyMs;
  }

  /** Renews a permit's lease from now on. */
  enter(permit: Permit): void {
    permit.keptAt = this.kept.push(permit) - 1;
    if (this.ticker.steadyMs > this.armsAtMs) this.arm();
  }

  /** Ends that: the last one takes its place. */
  leave(permit: Permit): void {
    const at = permit.keptAt;
    if (at < 0) return;
    permit.keptAt = -1;
    const last = this.kept.pop()!;
    if (last === permit) return;
    this.kept[at] = last;
    last.keptAt = at;
  }

  private arm(): void {
    this.armsAtMs = this.ticker.steadyMs + this.everyMs + LOST_AFTER_MS;
    this.ticker.afterIdly(this.everyMs, () => this.round());
  }

  private round(): void {
    this.armsAtMs = -Infinity;
    if (this.kept.length === 0) return;
    this.ticker.nowUs();
    this.arm();
    for (const permit of [...this.kept]) permit.policy.keep(permit);
  }
}

/**
 * Renews one lease at each third of it, until it is told to stop. `renew` answers whether it is still held; where it is not, `lost` is
 * called, and that is the end.
 */
export function keepLease(ticker: Ticker, untilMs: number, renew: () => Promise<boolean>, lost: () => void): () => void {
  const everyMs = Math.max((untilMs - ticker.nowUs() / 1000) / 3, 1);
  let isOver = false;
  const round = async (): Promise<void> => {
    try {
      if (!(await renew())) return lost();
    } catch {
      // What goes wrong with what is shared is tried again in the next round, of which a lease has two more.
    }
    if (!isOver) arm();
  };
  let timer: unknown;
  const arm = (): void => void (timer = ticker.afterIdly(everyMs, () => void round()));
  arm();
  return () => {
    isOver = true;
    ticker.clear(timer);
  };
}
