import type { BasePolicy } from './base.js';
import type { Intent, RunAnswer } from './beside-types.js';
import { usualOutcome } from './conduct.js';
import type { Outcome } from './engine-types.js';
import { Loop } from './loop.js';
import { type Names, known } from './options.js';
import type { Ending, Policy } from './policy.js';
import { asyncDispose } from './symbols.js';

/** What a run gets. */
export interface ScheduledCall {
  /** Aborted when the schedule is stopped. */
  readonly signal: AbortSignal;
  /** Why it runs. */
  readonly intent: Intent;
}

/** How something runs by itself. */
export interface ScheduleOptions<T = unknown> {
  /** Runs of different keys are spread over the interval; the policy's own key by default. */
  readonly key?: string | undefined;
  /** Stops it. */
  readonly signal?: AbortSignal | undefined;
  /** Says what the end of a run means; a run that was refused by a policy within is `ignored`, and so counts as skipped. */
  readonly classify?: ((ending: Ending<T>, usual: Outcome) => Outcome | undefined) | undefined;
  /** Whether the process stays alive for the next run; false by default, as beside a server that does so anyway. */
  readonly keepsAlive?: boolean | undefined;
}

const SCHEDULE: Names<ScheduleOptions> = { key: true, signal: true, classify: true, keepsAlive: true };

/** Something that runs by itself. */
export interface Schedule extends AsyncDisposable {
  /**
   * Asks for a run beside the interval: `event` because something happened, `manual` because somebody wants it now, which goes past
   * the backoff, too. Answers whether it goes, or until when it is held; a run under way ends first.
   */
  wake(intent: 'event' | 'manual'): Promise<RunAnswer>;
  /** When the next run goes if nothing else happens, in ms since the Unix epoch; null while that is not known, and for never. */
  readonly nextRunAtMs: number | null;
  /** Whether something runs now. */
  readonly isRunning: boolean;
  /** Ends it: no run begins any more, the signal of one under way is aborted, and its end is waited for. */
  stop(): Promise<void>;
  /** Resolves when it was stopped. */
  readonly stopped: Promise<void>;
}

/** How soon a store that cannot be reached is asked again. */
const AWAY_MS = 1000;

/**
 * Runs a function whenever its policy's `schedule` says so: at its slots, later after failures, never within a server's block. Where the
 * state is in a store, all processes that share it run it once for each slot, not once each.
 *
 * What a run throws is told by the event `ran`, and makes the next ones wait as the policy's `backoff` says.
 *
 * @example
 * ```ts
 * const heartbeat = policy('heartbeat', { schedule: { intervalMs: 60_000, backoff: {} } });
 * const beats = schedule(heartbeat, ({ signal }) => beat(signal));
 * await beats.wake('manual');
 * await beats.stop();
 * ```
 */
export function schedule<T>(
  policy: Policy,
  fn: (call: ScheduledCall) => T | PromiseLike<T>,
  options: ScheduleOptions<T> = {},
): Schedule {
  return new Runs(policy as BasePolicy, fn, known(options, SCHEDULE));
}

interface Wake {
  readonly intent: 'event' | 'manual';
  readonly resolve: (answer: RunAnswer) => void;
  readonly reject: (error: unknown) => void;
}

class Runs<T> implements Schedule {
  readonly #policy: BasePolicy;
  readonly #fn: (call: ScheduledCall) => T | PromiseLike<T>;
  readonly #options: ScheduleOptions<T>;
  readonly #loop: Loop;
  readonly #wakes: Wake[] = [];
  nextRunAtMs: number | null = null;
  isRunning = false;
  readonly stopped: Promise<void>;

  constructor(policy: BasePolicy, fn: (call: ScheduledCall) => T | PromiseLike<T>, options: ScheduleOptions<T>) {
    this.#policy = policy;
    this.#fn = fn;
    this.#options = options;
    this.#loop = new Loop(policy.common.ticker, options);
    this.stopped = this.#loop.run(() => this.#goOn());
    // Who does not look at it has the event `degraded`, or none at all.
    this.stopped.catch(() => {});
  }

  wake(intent: 'event' | 'manual'): Promise<RunAnswer> {
    return new Promise((resolve, reject) => {
      const { signal } = this.#loop;
      if (signal.aborted) return reject(signal.reason);
      this.#wakes.push({ intent, resolve, reject });
      this.#loop.wake();
    });
  }

  stop(): Promise<void> {
    this.#loop.stop('the schedule');
    return this.stopped;
  }

  [asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** One after the other: what somebody asked for first, then what is due. */
  async #goOn(): Promise<void> {
    const { signal } = this.#loop;
    while (!signal.aborted) {
      this.#loop.look();
      const wake = this.#wakes.shift();
      const intent = wake?.intent ?? 'scheduled';
      let answer: RunAnswer;
      try {
        answer = await this.#policy.run(intent, { key: this.#options.key ?? this.#policy.key });
      } catch (error) {
        if (wake === undefined) this.#policy.common.events.tell('degraded', this.#policy.key, { error });
        wake?.reject(error);
        if (this.#wakes.length === 0) await this.#loop.rest(AWAY_MS);
        continue;
      }
      wake?.resolve(answer);
      if (answer.run === 'go') await this.#runOnce(intent);
      else if (wake === undefined) {
        this.nextRunAtMs = answer.atMs;
        await this.#loop.rest(answer.waitMs);
      }
    }
    this.nextRunAtMs = null;
    for (const { reject } of this.#wakes.splice(0)) reject(signal.reason);
  }

  async #runOnce(intent: Intent): Promise<void> {
    const { signal } = this.#loop;
    const { events, ticker } = this.#policy.common;
    if (signal.aborted) return;
    this.isRunning = true;
    const beganMs = ticker.readSteadyMs();
    let ending: Ending<T>;
    try {
      ending = { isOk: true, value: await this.#fn({ signal, intent }) };
    } catch (error) {
      ending = { isOk: false, error };
    }
    const durationMs = Math.max(ticker.readSteadyMs() - beganMs, 0);
    const usual = ending.isOk ? 'success' : usualOutcome(ending.error, signal);
    const error = ending.isOk ? undefined : ending.error;
    try {
      const outcome = this.#options.classify?.(ending, usual) ?? usual;
      await this.#policy.ran(outcome);
      events.tell('ran', this.#policy.key, { intent, outcome, durationMs, error });
    } catch (problem) {
      this.#policy.tellNotSettled(problem);
    } finally {
      this.isRunning = false;
    }
  }
}
