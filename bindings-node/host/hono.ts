/** Limits requests in Hono, in whatever runtime. */
import type { Context, Handler, MiddlewareHandler } from 'hono';
import { type HealthParts, type Keyed, type LimiterOptions, type Policy, admitRequest, health } from 'stanchion-wasm/host';

export type { LimiterOptions } from 'stanchion-wasm/host';

/**
 * A middleware that admits each request by a policy, or answers 429 (a limit) or 503 (anything else) with `Retry-After`. Every answer
 * tells of the limits by `RateLimit` and `RateLimit-Policy`. What was admitted is settled when the handlers are done, by their status.
 *
 * @example
 * ```ts
 * app.use(limit(users, { key: (c) => c.req.header('x-api-key') }));
 * ```
 */
export function limit(policies: Policy | Keyed<Policy>, options: LimiterOptions<Context> = {}): MiddlewareHandler {
  return async (context, next) => {
    const admission = await admitRequest(policies, context, options, context.req.raw.signal);
    if (!admission.isAdmitted) {
      const { status, headers, body } = admission;
      return typeof body === 'string' ? new Response(body, { status, headers }) : Response.json(body, { status, headers });
    }
    let status: number | undefined;
    try {
      await next();
      status = context.res.status;
      for (const [name, value] of Object.entries(admission.headers)) context.header(name, value);
    } finally {
      admission.end(status ?? 500);
    }
    return undefined;
  };
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
