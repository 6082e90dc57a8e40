import { type BasePolicy, Loop, asyncDispose } from 'stanchion-wasm/host';

import type { Deliver, DrainOptions } from './spool-types.js';
import type { Spool } from './spool.js';

/** How a spool is drained again and again. */
export interface KeepDrainingOptions extends DrainOptions {
  /** How often to look for what other processes handed in, in ms; 1,000 by default. What this one hands in is seen at once. */
  readonly pollMs?: number | undefined;
  /** Whether the process stays alive for it; false by default, as beside a server that does so anyway. */
  readonly keepsAlive?: boolean | undefined;
}

/** A spool that is drained until it is stopped. */
export interface Draining extends AsyncDisposable {
  /** Looks at once. */
  wake(): void;
  /** Ends it: a delivery under way is abandoned, and its item waits as before. */
  stop(): Promise<void>;
  /** Resolves when it was stopped. */
  readonly stopped: Promise<void>;
}

/** Drains a spool whenever something may go out. */
export class DrainLoop implements Draining {
  readonly #spool: Spool;
  readonly #deliver: Deliver;
  readonly #options: DrainOptions;
  readonly #pollMs: number;
  readonly #loop: Loop;
  readonly stopped: Promise<void>;

  constructor(spool: Spool, deliver: Deliver, { pollMs = 1000, keepsAlive, ...options }: KeepDrainingOptions) {
    this.#spool = spool;
    this.#deliver = deliver;
    this.#options = options;
    this.#pollMs = pollMs;
    this.#loop = new Loop((spool.policy as BasePolicy).common.ticker, { signal: options.signal, keepsAlive });
    this.stopped = this.#loop.run(() => this.#goOn());
  }

  wake(): void {
    this.#loop.wake();
  }

  stop(): Promise<void> {
    this.#loop.stop('the draining');
    return this.stopped;
  }

  [asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** What goes wrong with the folder is told as an event, and tried again at the next look. */
  async #goOn(): Promise<void> {
    const { signal } = this.#loop;
    const { common, key } = this.#spool.policy as BasePolicy;
    while (!signal.aborted) {
      this.#loop.look();
      let nextAtMs: number | null = null;
      try {
        ({ nextAtMs } = await this.#spool.drain(this.#deliver, { ...this.#options, signal }));
      } catch (error) {
        if (!signal.aborted) common.events.tell('degraded', key, { error });
      }
      const untilNextMs = nextAtMs === null ? Infinity : Math.max(nextAtMs - common.ticker.nowUs() / 1000, 0);
      await this.#loop.rest(Math.min(untilNextMs, this.#pollMs));
    }
  }
}
