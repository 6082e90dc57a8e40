import type { EngineReply } from './engine-types.js';
import { type RejectedError, isStanchionError } from './errors.js';
import type { BasePolicy } from './base.js';
import { type Names, known } from './options.js';
import type { Permit } from './permit.js';
import type { Keyed, Policy } from './policy.js';

/** How requests of a framework are limited. */
export interface LimiterOptions<Request> {
  /**
   * Whose request it is: the address of the client, the user, the API key. A request without a key (undefined) is not limited. Needed
   * where the limiter is given a policy of many keys.
   */
  readonly key?: ((request: Request) => string | undefined | Promise<string | undefined>) | undefined;
  /** What a request costs; 1 by default. */
  readonly cost?: number | ((request: Request) => number) | undefined;
  /** How long a request waits for its admission at most, in ms; 0, the default, does not wait. */
  readonly waitMs?: number | undefined;
  /** The body of a refusal: text, or what JSON is made of. By default a text that says the status. */
  readonly body?: ((error: RejectedError) => unknown) | undefined;
}

/** What becomes of a request. */
export type Admission =
  | { readonly isAdmitted: true; readonly headers: Headers; readonly end: End }
  | { readonly isAdmitted: false; readonly headers: Headers; readonly status: number; readonly body: unknown };

type Headers = Readonly<Record<string, string>>;

/** Tells how a request was answered: by a status, or not at all because the client left. */
export type End = (status: number | undefined) => void;

const LIMITER: Names<LimiterOptions<unknown>> = { key: true, cost: true, waitMs: true, body: true };
/** What a limiter is told, as it is. */
export const limiterOptions = <Request>(options: LimiterOptions<Request>): LimiterOptions<Request> =>
  known<LimiterOptions<Request>>(options, LIMITER);

const NO_HEADERS: Headers = Object.freeze({});
const FREE: Admission = { isAdmitted: true, headers: NO_HEADERS, end: () => {} };

/**
 * Asks for a request. The headers go with whatever is answered. With a signal that tells that the client left: undefined where it left
 * before it was admitted, and nobody wants an answer any more.
 */
export async function admitRequest<Request>(
  policies: Policy | Keyed<Policy>,
  request: Request,
  options: LimiterOptions<Request>,
  signal: AbortSignal | undefined,
): Promise<Admission | undefined> {
  const policy = await policyFor(policies, request, options);
  if (policy === undefined) return FREE;
  const cost = typeof options.cost === 'function' ? options.cost(request) : options.cost;
  try {
    const permit = await policy.acquire({ cost, waitMs: options.waitMs, signal });
    return { isAdmitted: true, headers: policy.rateLimitHeaders(), end: endOf(permit) };
  } catch (error) {
    if (signal?.aborted === true) return undefined;
    if (!isStanchionError(error, 'RejectedError')) throw error;
    const { status } = error;
    const text = status === 429 ? 'Too Many Requests' : 'Service Unavailable';
    return { isAdmitted: false, headers: policy.rateLimitHeaders(error), status, body: options.body?.(error) ?? text };
  }
}

async function policyFor<Request>(
  policies: Policy | Keyed<Policy>,
  request: Request,
  { key }: LimiterOptions<Request>,
): Promise<Policy | undefined> {
  if (!('of' in policies)) return policies;
  if (key === undefined) throw new TypeError('a limiter over many keys needs the option `key`');
  const name = await key(request);
  return name === undefined ? undefined : policies.of(name);
}

/** Settles a request's permit once: an answer by the core's table, no answer as an abort by the caller. */
function endOf(permit: Permit): End {
  const policy: BasePolicy = permit.policy;
  return (status) => {
    if (permit.isUsed) return;
    const reply: EngineReply = status === undefined ? { error: 'aborted' } : { status };
    policy.watch(permit.settle(policy.common.classifyReply(reply).outcome));
  };
}
