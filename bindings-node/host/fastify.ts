/** Limits requests in Fastify. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type HealthParts, type Keyed, type LimiterOptions, type Policy, admitRequest, health, limiterOptions } from 'stanchion-wasm/host';

import { ended, leaving } from './responses.js';

export type { LimiterOptions } from 'stanchion-wasm/host';

/**
 * A hook for `onRequest` or `preHandler` that admits each request by a policy, or answers 429 (a limit) or 503 (anything else) with
 * `Retry-After`. Every answer tells of the limits by `RateLimit` and `RateLimit-Policy`. What was admitted is settled when the answer
 * is out, by its status.
 *
 * @example
 * ```ts
 * app.addHook('onRequest', limit(users, { key: (request) => request.ip }));
 * ```
 */
export function limit(
  policies: Policy | Keyed<Policy>,
  options: LimiterOptions<FastifyRequest> = {},
): (request: FastifyRequest, reply: FastifyReply) => Promise<unknown> {
  limiterOptions(options);
  return async (request, reply) => {
    const admission = await admitRequest(policies, request, options, leaving(reply.raw));
    if (admission === undefined) return reply.hijack();
    for (const [name, value] of Object.entries(admission.headers)) reply.header(name, value);
    if (admission.isAdmitted) return void ended(reply.raw, admission.end);
    reply.code(admission.status);
    return reply.send(admission.body);
  };
}

/** A handler of Fastify. */
export type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;

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
  const handler =
    (probe: 'live' | 'ready'): Handler =>
    async (_, reply) => {
      const { status, headers, body } = await checks.probe(probe);
      return reply.code(status).headers(headers).send(body);
    };
  return { live: handler('live'), ready: handler('ready') };
}
