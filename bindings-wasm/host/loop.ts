import type { Ticker } from './clock.js';

/** What ends a loop from outside, and what its rests are. */
export interface LoopOptions {
  /** Stops it. */
  readonly signal?: AbortSignal | undefined;
  /** Whether its rests keep the process alive; false by default. */
  readonly keepsAlive?: boolean | undefined;
}

/** Something that goes on until it is stopped, by who began it or by a caller's signal, and that rests in between until it is woken. */
export class Loop {
  readonly #ticker: Ticker;
  readonly #options: LoopOptions;
  readonly #end = new AbortController();
  #isWoken = false;
  #stir = (): void => {};

  constructor(ticker: Ticker, options: LoopOptions) {
    this.#ticker = ticker;
    this.#options = options;
  }

  /** Aborted when it is stopped. */
  get signal(): AbortSignal {
    return this.#end.signal;
  }

  /** Goes on until `body` is done, and is told what the caller's signal says so long. */
  async run(body: () => Promise<void>): Promise<void> {
    const { signal } = this.#options;
    const onAbort = (): void => this.#stop(signal?.reason);
    if (signal?.aborted === true) onAbort();
    signal?.addEventListener('abort', onAbort);
    try {
      await body();
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Ends it: the reason of its signal says what was stopped. */
  stop(what: string): void {
    this.#stop(new DOMException(`${what} was stopped`, 'AbortError'));
  }

  /** Ends the rest, or the next one if there is none now. */
  wake(): void {
    this.#isWoken = true;
    this.#stir();
  }

  /** Begins to look: who wakes it from now on saw what this look may miss. */
  look(): void {
    this.#isWoken = false;
  }

  /** Rests so long, or until it is woken or stopped. */
  rest(ms: number): Promise<void> {
    if (this.#isWoken || this.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wait = this.#options.keepsAlive === true ? 'after' : 'afterIdly';
      const timer = ms === Infinity ? undefined : this.#ticker[wait](ms, () => this.#stir());
      this.#stir = () => {
        this.#stir = () => {};
        if (timer !== undefined) this.#ticker.clear(timer);
        resolve();
      };
    });
  }

  #stop(reason: unknown): void {
    this.#end.abort(reason);
    this.#stir();
  }
}
