/**
 * What a policy tells the time and wakes by, in place of the runtime's: for tests and simulations. `TestClock` of
 * `stanchion/testing` is one that is moved by hand.
 */
export interface Clock {
  /** The instant in ms since the Unix epoch; fractions are kept down to a µs. */
  now(): number;
  /** Calls `fn` once after `ms`. The runtime's by default. */
  setTimeout?(fn: () => void, ms: number): unknown;
  /** Calls off what `setTimeout` returned. The runtime's by default. */
  clearTimeout?(timer: unknown): void;
}

/** Milliseconds after which the offset to the wall clock is taken anew. */
const RENEWED_AFTER_MS = 1000;
/** The longest wait that the runtime's timers take. */
const LONGEST_TIMER_MS = 2_147_483_647;

/**
 * A policy's time: whole µs since the Unix epoch for the engine, and steady ms for durations, by one reading. The system's is the
 * monotonic clock, which is fine and cheap, plus an offset to the wall clock that is taken anew when it is a second old.
 * Nothing is read before it is asked.
 */
export class Ticker {
  private readonly clock: Clock | undefined;
  // Kept, because in Node the global is a getter, which would be paid for twice a call.
  private readonly source: Pick<Clock, 'now'>;
  private offsetMs = 0;
  private renewsAtMs: number;
  /** The steady clock in ms at the last reading. */
  steadyMs = 0;

  constructor(clock?: Clock) {
    this.clock = clock;
    this.source = clock ?? performance;
    // A clock that was given tells the instant itself.
    this.renewsAtMs = clock === undefined ? -Infinity : Infinity;
  }

  /** The instant. */
  nowUs(): number {
    const steadyMs = this.source.now();
    if (steadyMs >= this.renewsAtMs) this.renew(steadyMs);
    this.steadyMs = steadyMs;
    return Math.floor((steadyMs + this.offsetMs) * 1000);
  }

  private renew(steadyMs: number): void {
    this.offsetMs = Date.now() - steadyMs;
    this.renewsAtMs = steadyMs + RENEWED_AFTER_MS;
  }

  /** The steady clock in ms. */
  readSteadyMs(): number {
    this.nowUs();
    return this.steadyMs;
  }

  /** Whether it is the system's. */
  get isSystem(): boolean {
    return this.clock === undefined;
  }

  /** Calls `fn` after `ms`, rounded up, or after some 25 days if that is sooner. */
  after(ms: number, fn: () => void): unknown {
    const wait = Math.min(Math.max(Math.ceil(ms), 0), LONGEST_TIMER_MS);
    return this.clock?.setTimeout === undefined ? setTimeout(fn, wait) : this.clock.setTimeout(fn, wait);
  }

  /** The same, without keeping a process alive for it. */
  afterIdly(ms: number, fn: () => void): unknown {
    const timer = this.after(ms, fn);
    (timer as { unref?: () => void }).unref?.();
    return timer;
  }

  /** Waits so long, at least; rejects with the signal's reason when it is aborted. An idle wait keeps no process alive. */
  async pause(ms: number, signal?: AbortSignal, isIdle = false): Promise<void> {
    signal?.throwIfAborted();
    let onAbort = (): void => {};
    try {
      await new Promise<void>((resolve, reject) => {
        const timer = isIdle ? this.afterIdly(ms, resolve) : this.after(ms, resolve);
        onAbort = () => {
          this.clear(timer);
          reject(signal?.reason);
        };
        signal?.addEventListener('abort', onAbort);
      });
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Calls off what `after` returned. */
  clear(timer: unknown): void {
    if (this.clock?.clearTimeout !== undefined) this.clock.clearTimeout(timer);
    else clearTimeout(timer as ReturnType<typeof setTimeout>);
  }
}

/** The µs between two readings of a steady clock, which one that was replaced may not be. */
export function sinceUs(startedMs: number, nowMs: number): number {
  const us = Math.floor((nowMs - startedMs) * 1000);
  return us < 0 ? 0 : us;
}
