/** Limits requests in Hono, in whatever runtime. */
import type { Context, Handler, MiddlewareHandler } from 'hono';
import { type HealthParts, type Keyed, type LimiterOptions, type Policy, admitRequest, health, limiterOptions, telling } from 'stanchion-wasm/host';

export type { LimiterOptions } from 'stanchion-wasm/host';

/** The status of an answer to a client that left, as proxies write it into their logs. */
const CLIENT_LEFT = 499;

/**
 * A middleware that admits each request by a policy, or answers 429 (a limit) or 503 (anything else) with `Retry-After`. Every answer
 * tells of the limits by `RateLimit` and `RateLimit-Policy`. What was admitted is settled when the answer is out, by its status: a stream
 * holds its slot until it ends.
 *
 * @example
 * ```ts
 * app.use(limit(users, { key: (c) => c.req.header('x-api-key') }));
 * ```
 */
export function limit(policies: Policy | Keyed<Policy>, options: LimiterOptions<Context> = {}): MiddlewareHandler {
  limiterOptions(options);
  return async (context, next) => {
    // Not every runtime has it.
    const signal = context.req.raw.signal as AbortSignal | undefined;
    const admission = await admitRequest(policies, context, options, signal);
    // Nobody reads this any more; an error would be written to the log.
    if (admission === undefined) return new Response(null, { status: CLIENT_LEFT });
    if (!admission.isAdmitted) {
      const { status, headers, body } = admission;
      return typeof body === 'string' ? new Response(body, { status, headers }) : Response.json(body, { status, headers });
    }
    const left = (): void => admission.end(undefined);
    if (signal?.aborted === true) left();
    else signal?.addEventListener('abort', left);
    try {
      await next();
    } catch (error) {
      admission.end(500);
      throw error;
    }
    for (const [name, value] of Object.entries(admission.headers)) context.header(name, value);
    endWith(context, admission.end);
    return undefined;
  };
}

/** Tells the status of an answer when its body is out; undefined when the client left before. */
function endWith(context: Context, end: (status: number | undefined) => void): void {
  const { res } = context;
  if (res.body === null) return end(res.status);
  const left = (): void => end(undefined);
  const body = telling(res.body, { done: () => end(res.status), broken: left, cancelled: left });
  // Without this Hono would put all headers of the old answer over those of the new one.
  context.res = undefined;
  context.res = new Response(body, res);
}

/**
 * Handlers for the probes of an orchestrator: `live` answers 503 where a restart is wanted, `ready` where no work is, both with the
 * reasons as JSON.
 *
 * @example
 * ```ts
 * const { live, ready } = probes({ mail, calendar });
 * app.get('/health/live', live);
 * app.get('/health/ready', ready);
 * ```
 */
export function probes(parts: HealthParts): { readonly live: Handler; readonly ready: Handler } {
  const checks = health(parts);
  return { live: () => checks.live(), ready: () => checks.ready() };
}
