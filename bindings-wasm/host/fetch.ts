import type { BasePolicy } from './base.js';
import { telling } from './body.js';
import { TRY_ACQUIRE } from './option-names.js';
import { type Names, atLeastZero, known } from './options.js';
import type { EngineClassified, EngineReply, NetworkError, Outcome } from './engine-types.js';
import { type RejectedError, TimeoutError, isStanchionError } from './errors.js';
import { networkErrorOf } from './network-error.js';
import type { Permit } from './permit.js';
import type { Policy, TryAcquireOptions } from './policy.js';
import { Attempts } from './retry.js';

/** A `fetch`, whichever. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** How a guarded `fetch` makes its calls. */
export interface GuardFetchOptions extends TryAcquireOptions {
  /** The `fetch` that is guarded; the runtime's by default. */
  readonly fetch?: Fetch | undefined;
  /** How long to wait for the admission at most, in ms; 0, the default, does not wait. */
  readonly waitMs?: number | undefined;
  /** How long a call may take in ms, from its admission to the end of its body. */
  readonly timeoutMs?: number | undefined;
  /** How long admission and call may take together, in ms. */
  readonly deadlineMs?: number | undefined;
  /**
   * Whether requests may be processed twice without harm; by default that of their method. Under a policy with `retry` what failed is
   * made again as the policy says, where its body can be sent again: a stream cannot. So `true` is for a POST with an idempotency key.
   */
  readonly isIdempotent?: boolean | undefined;
  /** Answers in place of a refusal, which is thrown by default. */
  readonly onRejected?: ((error: RejectedError) => Response | PromiseLike<Response>) | undefined;
}

const GUARD_FETCH: Names<GuardFetchOptions> = {
  ...TRY_ACQUIRE,
  fetch: true,
  waitMs: true,
  timeoutMs: true,
  deadlineMs: true,
  isIdempotent: true,
  onRejected: true,
};

/**
 * A `fetch` under a policy, to be used in place of the runtime's. Statuses and network errors count by the policy's table (its
 * setting `classify` overrides it), a server's Retry-After closes the policy's block, and the permit is held until the body has
 * ended or was cancelled. A body that nobody reads keeps its slot no longer than its lease.
 *
 * Under a policy with `retry`, what failed is made again, never before the server's Retry-After; the last answer is what comes back.
 *
 * With a function, each host can have a policy of its own: `guardFetch((url) => perHost.of(url.host))`.
 *
 * @example
 * ```ts
 * const upstream = definePolicy({ name: 'upstream', circuit: { consecutiveFailures: 5 }, block: {} });
 * const guarded = guardFetch(upstream, { timeoutMs: 2000 });
 * const response = await guarded('https://api.example.com/items');
 * ```
 * @returns a `fetch` that throws besides `RejectedError` where a call is refused, and `TimeoutError` where it took too long.
 */
export function guardFetch(policy: Policy | ((url: URL) => Policy), options: GuardFetchOptions = {}): Fetch {
  known(options, GUARD_FETCH);
  for (const name of ['waitMs', 'timeoutMs', 'deadlineMs'] as const) atLeastZero(name, options[name] ?? 0);
  return async (input, init = {}) => {
    // What is no request is an error of the caller, and asks for nothing.
    const { url, method } = targetOf(input, init);
    const guard = (typeof policy === 'function' ? policy(url) : policy) as BasePolicy;
    const signal = init.signal ?? (input instanceof Request ? input.signal : undefined) ?? undefined;
    const isIdempotent = options.isIdempotent ?? (guard.common.retries && guard.common.engine.isIdempotentMethod(method));
    const attempts = new Attempts(guard, { ...options, signal, isIdempotent });
    const mayRepeat = guard.common.retries && isRepeatable(input, init, method);
    for (;;) {
      let permit: Permit;
      try {
        permit = await attempts.admit();
      } catch (error) {
        if (options.onRejected === undefined || !isStanchionError(error, 'RejectedError')) throw error;
        return options.onRejected(error);
      }
      const exchange = new Exchange(guard, permit, signal, mayRepeat);
      exchange.bound(options, attempts.beganMs);
      const made = await exchange.make(() => (options.fetch ?? fetch)(input, { ...init, signal: exchange.signal }));
      const { retry, retryAtUs } = made.classified;
      const isAsked = mayRepeat && retry !== 'never';
      const waitMs = isAsked ? await attempts.next(retry, retryAtUs === null ? undefined : retryAtUs / 1000, made.error) : undefined;
      if (waitMs === undefined) return made.result();
      await made.drop();
      await attempts.wait(waitMs);
    }
  };
}

/** Where a request goes, and how. What cannot be one throws here as `fetch` would. */
function targetOf(input: string | URL | Request, init: RequestInit): { readonly url: URL; readonly method: string } {
  if (input instanceof Request && init.method === undefined) return { url: new URL(input.url), method: input.method };
  const { url, method } = new Request(input instanceof Request ? input.url : input, { ...init, body: null, signal: null });
  return { url: new URL(url), method };
}

/** Whether a request can be sent again: a body that is a stream is gone after the first time. */
function isRepeatable(input: string | URL | Request, init: RequestInit, method: string): boolean {
  const { body } = init;
  if (body === undefined || body === null) {
    // Some browsers do not tell of a request's body.
    return !(input instanceof Request) || input.body === null || method === 'GET' || method === 'HEAD';
  }
  if (typeof body === 'string' || ArrayBuffer.isView(body)) return true;
  return [URLSearchParams, FormData, Blob, ArrayBuffer].some((kind) => body instanceof kind);
}

/** What came of an attempt: `result` is the caller's, or else it is dropped. */
interface Made {
  readonly classified: EngineClassified;
  readonly error?: unknown;
  result(): Response;
  drop(): Promise<void>;
}

/** One admitted request: from its beginning to the end of its body. */
class Exchange {
  readonly #policy: BasePolicy;
  readonly #permit: Permit;
  readonly #caller: AbortSignal | undefined;
  readonly #controller = new AbortController();
  #timer: unknown;
  #outcome: Outcome | undefined;
  #renewedMs: number;
  #isSettled = false;
  /** Whether what failed is asked about: then its permit is given back before, and not when the body has ended. */
  readonly #mayRepeat: boolean;

  constructor(policy: BasePolicy, permit: Permit, caller: AbortSignal | undefined, mayRepeat: boolean) {
    this.#mayRepeat = mayRepeat;
    this.#policy = policy;
    this.#permit = permit;
    this.#caller = caller;
    this.#renewedMs = permit.startedMs;
    caller?.addEventListener('abort', this.#onAbort);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Gives it up when its time is over. */
  bound({ timeoutMs, deadlineMs }: GuardFetchOptions, beganMs: number): void {
    const limit = this.#policy.limit(timeoutMs, deadlineMs, beganMs);
    if (limit === undefined) return;
    const giveUp = (): void => this.#abort(new TimeoutError(limit.by, limit.timeoutMs));
    this.#timer = this.#policy.common.ticker.after(limit.leftMs, giveUp);
  }

  async make(send: () => Promise<Response>): Promise<Made> {
    const { keeper } = this.#policy.common;
    if (this.#permit.isLeased) keeper.enter(this.#permit);
    let response: Response;
    try {
      response = await send();
    } catch (error) {
      return this.#failed(error);
    }
    keeper.leave(this.#permit);
    return this.#answered(response);
  }

  async #failed(error: unknown): Promise<Made> {
    const classified = this.#reply({ error: this.#errorOf(error) });
    if (classified.blockUntilUs !== null) await this.#block(classified.blockUntilUs);
    await this.#end(classified.outcome);
    const result = (): never => {
      throw error;
    };
    return { classified, error, result, drop: async () => {} };
  }

  async #answered(response: Response): Promise<Made> {
    const { status, type } = response;
    // Of an opaque answer nothing can be told; one that redirects by hand is an answer like any other.
    const isOpaque = type === 'opaque';
    const classified = this.#reply({
      status: isOpaque ? 200 : type === 'opaqueredirect' ? 302 : status,
      retryAfter: response.headers.get('retry-after'),
    });
    this.#outcome = isOpaque ? 'ignored' : classified.outcome;
    if (classified.blockUntilUs !== null && !isOpaque) await this.#block(classified.blockUntilUs);
    if (response.body === null || status < 200) {
      await this.#end(this.#outcome);
      return { classified, result: () => response, drop: async () => {} };
    }
    // What the call did to the circuit counts before anybody asks whether it is made again.
    if (this.#mayRepeat && classified.retry !== 'never') await this.#settle(this.#outcome);
    const guarded = withBody(response, this.#guarded(response.body));
    return { classified, result: () => guarded, drop: async () => guarded.body?.cancel().catch(() => {}) };
  }

  #guarded(body: ReadableStream<Uint8Array<ArrayBuffer>>): ReadableStream<Uint8Array<ArrayBuffer>> {
    const end = (): Promise<void> => this.#end(this.#outcome);
    return telling(body, {
      moved: () => this.#renew(),
      done: end,
      broken: (error) => this.#broken(error),
      cancelled: end,
    });
  }

  /** A body that breaks says more than a good status. */
  async #broken(error: unknown): Promise<void> {
    await this.#end(this.#outcome === 'success' ? this.#reply({ error: this.#errorOf(error) }).outcome : this.#outcome);
  }

  /** While a body is read, its lease is kept; one that is forgotten is not. */
  #renew(): void {
    const { ticker, bounds } = this.#policy.common;
    if (this.#isSettled || !this.#permit.isLeased || ticker.readSteadyMs() - this.#renewedMs < bounds.leaseMs / 3) return;
    this.#renewedMs = ticker.steadyMs;
    this.#policy.watch(Promise.resolve(this.#permit.renew()));
  }

  #errorOf(error: unknown): NetworkError {
    if (isStanchionError(this.#controller.signal.reason, 'TimeoutError')) return 'timeout';
    return this.#caller?.aborted === true ? 'aborted' : networkErrorOf(error);
  }

  #reply(reply: EngineReply): EngineClassified {
    return this.#policy.common.classifyReply(reply);
  }

  async #block(untilUs: number): Promise<void> {
    try {
      await this.#policy.order({ block: { until_us: untilUs } });
    } catch (error) {
      this.#policy.tellNotSettled(error);
    }
  }

  /** Gives the permit back, once. The answer is the caller's whatever becomes of that. */
  async #settle(outcome: Outcome = 'ignored'): Promise<void> {
    if (this.#isSettled) return;
    this.#isSettled = true;
    try {
      await this.#permit.settle(outcome);
    } catch (error) {
      this.#policy.tellNotSettled(error);
    }
  }

  /** Nothing can end it any more. */
  async #end(outcome: Outcome | undefined): Promise<void> {
    this.#caller?.removeEventListener('abort', this.#onAbort);
    if (this.#timer !== undefined) this.#policy.common.ticker.clear(this.#timer);
    await this.#settle(outcome);
  }

  readonly #onAbort = (): void => this.#abort(this.#caller?.reason);

  /** Ends the request. Where its answer is there, that ends it for good: nobody may ever read the body. */
  #abort(reason: unknown): void {
    this.#controller.abort(reason);
    if (this.#outcome !== undefined) this.#policy.watch(this.#broken(reason));
  }
}

/** The same response with another body. What a constructor cannot set is set on the object. */
function withBody(response: Response, body: ReadableStream<Uint8Array<ArrayBuffer>>): Response {
  const { status, statusText, headers, url, redirected, type } = response;
  return asIf(new Response(body, { status, statusText, headers }), { url, redirected, type });
}

function asIf(
  response: Response,
  seen: { readonly url: string; readonly redirected: boolean; readonly type: ResponseType },
): Response {
  const clone = (): Response => asIf(Response.prototype.clone.call(response), seen);
  for (const [name, value] of Object.entries({ ...seen, clone })) Object.defineProperty(response, name, { value });
  return response;
}
