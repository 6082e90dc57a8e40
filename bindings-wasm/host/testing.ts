import type { Clock } from './clock.js';

interface Timer {
  readonly atMs: number;
  readonly fn: () => void;
}

/**
 * A clock that stands still until a test moves it, with timers that fire as it moves: what a policy waits for, gives up and renews
 * by it happens then, in order, and takes no time.
 *
 * @example
 * ```ts
 * const clock = new TestClock();
 * const policy = definePolicy({ name: 'api', circuit: { consecutiveFailures: 1 } }, { clock });
 * await policy.trip();
 * await clock.advance(30_000);
 * await policy.execute(probe);
 * ```
 */
export class TestClock implements Clock {
  #nowMs: number;
  #timers: Timer[] = [];

  /** It stands at an instant in ms since the Unix epoch; 1 January 2026 by default. */
  constructor(startMs = 1_767_225_600_000) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  setTimeout(fn: () => void, ms: number): unknown {
    const timer: Timer = { atMs: this.#nowMs + ms, fn };
    this.#timers.push(timer);
    return timer;
  }

  clearTimeout(timer: unknown): void {
    this.#timers = this.#timers.filter((other) => other !== timer);
  }

  /** How many timers are pending. */
  get pending(): number {
    return this.#timers.length;
  }

  /** Moves it on by so many ms, and fires what is due on the way; what follows from that has happened when it returns. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (;;) {
      await settled();
      const due = this.#timers.filter(({ atMs }) => atMs <= endMs).sort((left, right) => left.atMs - right.atMs)[0];
      if (due === undefined) break;
      this.clearTimeout(due);
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      due.fn();
    }
    this.#nowMs = Math.max(this.#nowMs, endMs);
    await settled();
  }

  /** Sets it, also back, as a clock that is corrected. Fires nothing. */
  set(nowMs: number): void {
    this.#nowMs = nowMs;
  }
}

/** Lets promises that are ready be followed up, as far as that goes without any timer: a turn of the event loop. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
