import { type BasePolicy, asyncDispose } from 'stanchion-wasm/host';

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
  readonly #options: KeepDrainingOptions;
  readonly #end = new AbortController();
  #stir = (): void => {};
  #isTold = false;
  readonly stopped: Promise<void>;

  constructor(spool: Spool, deliver: Deliver, options: KeepDrainingOptions) {
    this.#spool = spool;
    this.#deliver = deliver;
    this.#options = options;
    const { signal } = options;
    const onAbort = (): void => this.#stop(signal?.reason);
    if (signal?.aborted === true) onAbort();
    signal?.addEventListener('abort', onAbort);
    this.stopped = this.#loop().finally(() => signal?.removeEventListener('abort', onAbort));
  }

  wake(): void {
    this.#isTold = true;
    this.#stir();
  }

  stop(): Promise<void> {
    this.#stop(new DOMException('the draining was stopped', 'AbortError'));
    return this.stopped;
  }

  [asyncDispose](): Promise<void> {
    return this.stop();
  }

  #stop(reason: unknown): void {
    this.#end.abort(reason);
    this.#stir();
  }

  /** What goes wrong with the folder is told as an event, and tried again at the next look. */
  async #loop(): Promise<void> {
    const { signal } = this.#end;
    const { common, key } = this.#spool.policy as BasePolicy;
    while (!signal.aborted) {
      this.#isTold = false;
      let nextAtMs: number | null = null;
      try {
        ({ nextAtMs } = await this.#spool.drain(this.#deliver, { ...this.#options, signal }));
      } catch (error) {
        if (!signal.aborted) common.events.tell('degraded', key, { error });
      }
      const untilNextMs = nextAtMs === null ? Infinity : Math.max(nextAtMs - common.ticker.nowUs() / 1000, 0);
      await this.#rest(Math.min(untilNextMs, this.#options.pollMs ?? 1000));
    }
  }

  #rest(ms: number): Promise<void> {
    if (this.#isTold || this.#end.signal.aborted) return Promise.resolve();
    const { ticker } = (this.#spool.policy as BasePolicy).common;
    return new Promise((resolve) => {
      const wakeUp = (): void => this.#stir();
      const timer = this.#options.keepsAlive === true ? ticker.after(ms, wakeUp) : ticker.afterIdly(ms, wakeUp);
      this.#stir = () => {
        this.#stir = () => {};
        ticker.clear(timer);
        resolve();
      };
    });
  }
}
