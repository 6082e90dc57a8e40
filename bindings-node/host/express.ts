/** Limits requests in Express, and in whatever takes handlers of the shape `(request, response, next)`. */
import type { IncomingMessage, ServerResponse } from 'node:http';

import { type HealthParts, type Keyed, type LimiterOptions, type Policy, admitRequest, health, limiterOptions } from 'stanchion-wasm/host';

import { ended, leaving } from './responses.js';

export type { LimiterOptions } from 'stanchion-wasm/host';

/** A handler as Express takes it. */
export type Handler<Request extends IncomingMessage> = (
  request: Request,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/**
 * A handler that admits each request by a policy, or answers 429 (a limit) or 503 (anything else) with `Retry-After`. Every answer
 * tells of the limits by `RateLimit` and `RateLimit-Policy`. What was admitted is settled when the answer is out, by its status.
 *
 * @example
 * ```ts
 * const users = defineKeyed({ name: 'users', limits: [{ name: 'calls', capacity: 60, refillTokens: 60, refillIntervalMs: 60_000 }] });
 * app.use(limit(users, { key: (request) => request.ip }));
 * ```
 */
export function limit<Request extends IncomingMessage>(
  policies: Policy | Keyed<Policy>,
  options: LimiterOptions<Request> = {},
): Handler<Request> {
  limiterOptions(options);
  return (request, response, next) => {
    admitRequest(policies, request, options, leaving(response))
      .then((admission) => {
        if (admission === undefined) return;
        for (const [name, value] of Object.entries(admission.headers)) response.setHeader(name, value);
        if (admission.isAdmitted) {
          ended(response, admission.end);
          return next();
        }
        const isText = typeof admission.body === 'string';
        response.statusCode = admission.status;
        response.setHeader('Content-Type', isText ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8');
        response.end(isText ? admission.body : JSON.stringify(admission.body));
      })
      .catch(next);
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
export function probes(parts: HealthParts): { readonly live: Handler<IncomingMessage>; readonly ready: Handler<IncomingMessage> } {
  const checks = health(parts);
  const handler =
    (probe: 'live' | 'ready'): Handler<IncomingMessage> =>
    (_, response, next) => {
      checks
        .probe(probe)
        .then(({ status, headers, body }) => {
          response.statusCode = status;
          for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
          response.end(body);
        })
        .catch(next);
    };
  return { live: handler('live'), ready: handler('ready') };
}
