import type { BasePolicy } from './base.js';
import type { Fault, FaultClass } from './beside-types.js';
import { EngineError } from './errors.js';
import { Loop } from './loop.js';
import { type Names, known } from './options.js';
import type { Policy } from './policy.js';
import { recover } from './recovery.js';
import { asyncDispose } from './symbols.js';

/** What is started gets. */
export interface Supervised {
  /** Aborted when the supervisor is stopped. */
  readonly signal: AbortSignal;
  /** How often it was started, this time included. */
  readonly start: number;
}

/** A child process of Node, Deno or Bun, as far as a supervisor looks at it. */
export interface ChildLike {
  /** Tells its end. */
  once(event: 'exit', listener: (code: number | null, signal: string | null) => void): unknown;
  /** Tells that it could not be started. */
  once(event: 'error', listener: (error: Error) => void): unknown;
  /** Ends it. */
  kill(signal?: string): unknown;
}

/** How something is kept running. */
export interface SuperviseOptions {
  /** Stops it. */
  readonly signal?: AbortSignal | undefined;
  /** Whether it is started again also where it ended well; false by default: then the supervisor is done. */
  readonly restartsAlways?: boolean | undefined;
  /** What an end was at fault with; `transient` by default. */
  readonly faultOf?: ((error: unknown) => Fault | FaultClass | undefined) | undefined;
}

const SUPERVISE: Names<SuperviseOptions> = { signal: true, restartsAlways: true, faultOf: true };

/** Something that is kept running. */
export interface Supervisor extends AsyncDisposable {
  /** How often it was started. */
  readonly starts: number;
  /** Ends it, and waits for its end: a function by its signal, a child process by SIGTERM. */
  stop(): Promise<void>;
  /** Resolves when it ended well or was stopped; rejects with a `RecoveryError` when it is given up. */
  readonly done: Promise<void>;
}

/**
 * Keeps a function or a child process running: what ends badly is started again, as often and as late as the policy's `recovery` says.
 * A ladder of one step does: at most `maxAttempts` restarts within its `windowMs`, and then it is given up.
 *
 * @example
 * ```ts
 * const restarts = policy('worker', { recovery: { steps: [{ name: 'restart', maxAttempts: 5, windowMs: 60_000 }] } });
 * const worker = supervise(restarts, () => spawn('node', ['worker.js']));
 * await worker.done;
 * ```
 */
export function supervise(
  policy: Policy,
  start: (call: Supervised) => ChildLike | PromiseLike<unknown> | unknown,
  options: SuperviseOptions = {},
): Supervisor {
  return new Keeping(policy as BasePolicy, start, known(options, SUPERVISE));
}

class Keeping implements Supervisor {
  readonly #policy: BasePolicy;
  readonly #start: (call: Supervised) => unknown;
  readonly #options: SuperviseOptions;
  readonly #loop: Loop;
  starts = 0;
  readonly done: Promise<void>;

  constructor(policy: BasePolicy, start: (call: Supervised) => unknown, options: SuperviseOptions) {
    this.#policy = policy;
    this.#start = start;
    this.#options = options;
    this.#loop = new Loop(policy.common.ticker, options);
    this.done = this.#loop.run(() => this.#goOn());
    this.done.catch(() => {});
  }

  async stop(): Promise<void> {
    this.#loop.stop('the supervisor');
    await this.done.catch(() => {});
  }

  [asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #goOn(): Promise<void> {
    const { signal } = this.#loop;
    let running = this.#begin();
    for (;;) {
      let problem: unknown;
      try {
        await running;
        if (this.#options.restartsAlways !== true || signal.aborted) return;
        problem = new EngineError({ code: 'ended', message: `\`${this.#policy.name}\` ended, though it should not` });
      } catch (error) {
        if (signal.aborted) return;
        problem = error;
      }
      const next = await this.#again(problem);
      if (next === undefined) return;
      ({ running } = next);
    }
  }

  /** Starts it again as the ladder allows: whichever step it is, it is the start that the step does. */
  async #again(problem: unknown): Promise<{ readonly running: Promise<void> } | undefined> {
    const { signal } = this.#loop;
    let running: Promise<void> | undefined;
    const restart = (): void => {
      running = this.#begin();
    };
    const { faultOf } = this.#options;
    const steps = new Proxy({}, { get: () => restart });
    try {
      while (running === undefined) {
        const { by } = await recover(this.#policy, faultOf?.(problem) ?? 'transient', steps, { signal });
        if (by === 'nobody') return undefined;
      }
    } catch (error) {
      if (signal.aborted) return undefined;
      (error as { cause?: unknown }).cause ??= problem;
      throw error;
    }
    return { running };
  }

  #begin(): Promise<void> {
    this.starts += 1;
    const { signal } = this.#loop;
    const { starts } = this;
    const run = async (): Promise<void> => {
      const begun = await this.#start({ signal, start: starts });
      if (isChild(begun)) await endOf(begun, signal);
    };
    const running = run();
    running.catch(() => {});
    return running;
  }
}

function isChild(value: unknown): value is ChildLike {
  const { once, kill } = (value ?? {}) as Partial<ChildLike>;
  return typeof once === 'function' && typeof kill === 'function';
}

/** The end of a child process: well with status 0. */
async function endOf(child: ChildLike, signal: AbortSignal): Promise<void> {
  const kill = (): void => void child.kill();
  if (signal.aborted) kill();
  signal.addEventListener('abort', kill);
  try {
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, by) => {
        if (code === 0) return resolve();
        const message = by === null ? `the process ended with status ${code}` : `the process was ended by ${by}`;
        reject(new EngineError({ code: 'exited', message }));
      });
    });
  } finally {
    signal.removeEventListener('abort', kill);
  }
}
