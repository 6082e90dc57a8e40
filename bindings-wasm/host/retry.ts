import type { BasePolicy } from './base.js';
import { atLeastZero } from './options.js';
import { camel, usOf } from './config-json.js';
import { type Ended, conduct } from './conduct.js';
import type { EngineClassified, RetryClass } from './engine-types.js';
import { admit } from './line.js';
import { networkErrorOf } from './network-error.js';
import type { Permit } from './permit.js';
import type { Call, ExecuteOptions, FailedCall, GiveUp, Retried } from './policy.js';

/** What the core answers to a call that failed. */
type Answer =
  | { readonly retry: { readonly at_us: number } }
  | { readonly wait_for_circuit: { readonly at_us: number } }
  | { readonly give_up: string };

/** The last instant that the core knows, in the year 2112: whatever is later is as good as that. */
const LAST_US = 2 ** 52 - 1;

/** A bound that does not bind is none. */
const durationUs = (ms = Infinity): number | null => (ms === Infinity ? null : Math.min(Math.round(ms * 1000), Number.MAX_SAFE_INTEGER));
const instantUs = (ms = Infinity): number | null => (ms === Infinity ? null : Math.min(Math.round(ms * 1000), LAST_US));

/** Asks whether a call that failed is made again. */
export async function askRetry(policy: BasePolicy, failed: FailedCall): Promise<Retried> {
  const { random } = policy.common;
  const answer = (await policy.apply({
    retry: {
      attempt: failed.attempt,
      began_at_us: usOf(failed.beganAtMs, Math.floor),
      previous_delay_us: durationUs(failed.previousDelayMs),
      random: Math.floor(random() * 2 ** 32),
      retry: failed.retry,
      is_idempotent: failed.isIdempotent ?? false,
      retry_at_us: usOf(failed.retryAtMs),
      deadline_at_us: instantUs(failed.deadlineAtMs),
      max_circuit_wait_us: durationUs(failed.maxCircuitWaitMs),
      cost: failed.cost ?? null,
    },
  })) as Answer;
  if ('give_up' in answer) return { retried: 'giveUp', why: camel(answer.give_up) as GiveUp };
  const { at_us } = 'retry' in answer ? answer.retry : answer.wait_for_circuit;
  const retried = 'retry' in answer ? 'retry' : 'waitForCircuit';
  return { retried, atMs: at_us / 1000, waitMs: policy.common.untilMs(at_us) };
}

/** Within what the attempts of a call stay. */
export interface AttemptsOptions {
  readonly cost?: number | undefined;
  readonly holder?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly waitMs?: number | undefined;
  readonly deadlineMs?: number | undefined;
  readonly isIdempotent?: boolean | undefined;
}

/** The attempts of one call: each asks the gates again. What becomes of one that failed, and when, is asked of the core. */
export class Attempts {
  readonly #policy: BasePolicy;
  readonly #options: AttemptsOptions;
  readonly #waitMs: number;
  readonly #deadlineMs: number;
  #attempt = 0;
  #beganAtMs = 0;
  #previousDelayMs: number | undefined;
  /** When it all began, on the steady clock. */
  readonly beganMs: number;

  constructor(policy: BasePolicy, options: AttemptsOptions) {
    this.#policy = policy;
    this.#options = options;
    this.#waitMs = atLeastZero('waitMs', options.waitMs ?? 0);
    this.#deadlineMs = atLeastZero('deadlineMs', options.deadlineMs ?? Infinity);
    this.beganMs = policy.common.ticker.readSteadyMs();
  }

  /** Admits the next attempt. A refusal is none: it is thrown, and nothing is counted. */
  async admit(): Promise<Permit> {
    const { cost = 1, holder, signal } = this.#options;
    const deadline = this.#deadlineMs === Infinity ? undefined : { deadlineMs: this.#deadlineMs, beganMs: this.beganMs };
    const waitMs = Math.min(this.#waitMs, this.#leftMs());
    const permit = await admit(this.#policy, { cost, holder, signal, waitMs, deadline });
    this.#attempt += 1;
    if (this.#attempt === 1) this.#beganAtMs = this.#policy.common.ticker.nowUs() / 1000;
    else permit.countAs(this.#attempt);
    return permit;
  }

  /** How long to wait for the next attempt in ms; undefined where there is none. The permit of the last one was given back before. */
  async next(retry: RetryClass, retryAtMs: number | undefined, error?: unknown): Promise<number | undefined> {
    const { common } = this.#policy;
    if (!common.retries) return undefined;
    let retried: Retried;
    try {
      retried = await askRetry(this.#policy, {
        attempt: this.#attempt,
        beganAtMs: this.#beganAtMs,
        previousDelayMs: this.#previousDelayMs,
        retry,
        isIdempotent: this.#options.isIdempotent,
        retryAtMs,
        deadlineAtMs: common.ticker.nowUs() / 1000 + this.#leftMs(),
        maxCircuitWaitMs: this.#waitMs,
        cost: this.#options.cost,
      });
    } catch (problem) {
      this.#policy.tellNotSettled(problem);
      return undefined;
    }
    if (retried.retried === 'giveUp') return this.#tellGiveUp(retried.why, error);
    common.events.tell('retry', this.#policy.key, { attempt: this.#attempt, waitMs: retried.waitMs, error });
    this.#previousDelayMs = retried.waitMs;
    return retried.waitMs;
  }

  /** Waits for it. Rejects with the signal's reason when the caller aborts. */
  wait(ms: number): Promise<void> {
    return this.#policy.common.ticker.pause(ms, this.#options.signal);
  }

  #leftMs(): number {
    if (this.#deadlineMs === Infinity) return Infinity;
    return Math.max(this.#deadlineMs - (this.#policy.common.ticker.readSteadyMs() - this.beganMs), 0);
  }

  #tellGiveUp(why: GiveUp, error: unknown): undefined {
    this.#policy.common.events.tell('giveUp', this.#policy.key, { attempt: this.#attempt, why, error });
  }
}

/** `execute` under a policy that retries. */
export async function executeAgain<T>(
  policy: BasePolicy,
  fn: (call: Call) => T | PromiseLike<T>,
  options: ExecuteOptions<T>,
): Promise<T> {
  const { signal, timeoutMs, deadlineMs, classify } = options;
  if (timeoutMs !== undefined) atLeastZero('timeoutMs', timeoutMs);
  const attempts = new Attempts(policy, options);
  for (;;) {
    const permit = await attempts.admit();
    let ended: Ended<T> | undefined;
    const seen = (how: Ended<T>): void => void (ended = how);
    const limit = policy.limit(timeoutMs, deadlineMs, attempts.beganMs);
    const call = conduct(policy, permit, fn, { signal, limit, classify, seen });
    const error = await call.then(
      () => undefined,
      (error: unknown) => error,
    );
    const again = ended === undefined ? undefined : retryOf(policy, ended);
    const waitMs = again && (await attempts.next(again.retry, again.retryAtMs, error));
    if (waitMs === undefined) return call;
    await attempts.wait(waitMs);
  }
}

/** Whether the end of a call is one to ask about, and as what. */
function retryOf<T>(
  policy: BasePolicy,
  { ending, usual, verdict }: Ended<T>,
): { readonly retry: RetryClass; readonly retryAtMs?: number | undefined } | undefined {
  const { retry, retryAtMs, outcome = usual } = verdict;
  if (retry !== undefined) return retry === 'never' ? undefined : { retry, retryAtMs };
  // Who gave up, or was refused within, wants no answer any more.
  if (usual === 'ignored' || (ending.isOk && outcome !== 'failure')) return undefined;
  const classified: EngineClassified = policy.common.classifyReply({ error: ending.isOk ? 'other' : networkErrorOf(ending.error) });
  return { retry: classified.retry, retryAtMs };
}
