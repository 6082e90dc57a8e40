import type { BasePolicy } from './base.js';
import type { Health } from './beside-types.js';
import { EngineError } from './errors.js';
import type { Policy } from './policy.js';

/** Policies whose health is told together: by names, or each by its own. */
export type HealthParts = Policy | readonly Policy[] | Readonly<Record<string, Policy>>;

/** Which probe of an orchestrator: `live` asks whether a restart is wanted, `ready` whether work may be sent. */
export type Probe = 'live' | 'ready';

/** What a probe is answered. */
export interface ProbeAnswer {
  /** 200, or 503. */
  readonly status: number;
  /** Its media type, and that nobody keeps it. */
  readonly headers: Readonly<Record<string, string>>;
  /** JSON (`application/health+json`): `pass`, `warn` or `fail` with the reasons, all together and for each part. */
  readonly body: string;
}

/** The health of several policies together. */
export interface HealthChecks {
  /** Whether all of them are well; the worst of all counts, and all reasons are told. */
  read(): Promise<Health>;
  /** Answers a probe, for any framework. */
  probe(probe: Probe): Promise<ProbeAnswer>;
  /** The answer of the liveness probe in the form of `fetch`: a handler for Hono, Deno, Bun and edge runtimes. */
  live(): Promise<Response>;
  /** The same of the readiness probe. */
  ready(): Promise<Response>;
}

/**
 * Tells the health of what policies protect: for the probes of an orchestrator, and for people. `stanchion/express`,
 * `stanchion/fastify` and `stanchion/hono` make handlers of it.
 *
 * @example
 * ```ts
 * const checks = health({ mail, calendar });
 * Deno.serve(({ url }) => (url.endsWith('/health/ready') ? checks.ready() : checks.live()));
 * ```
 */
export function health(parts: HealthParts): HealthChecks {
  const named = namesOf(parts);
  const [first] = named.values();
  if (first === undefined) throw new EngineError({ code: 'no_parts', message: 'health is told of one policy at least' });
  const { engine } = first.common;
  const read = async (): Promise<string> => {
    const all = await Promise.all([...named].map(async ([name, policy]) => [name, await policy.health()] as const));
    return JSON.stringify(Object.fromEntries(all));
  };
  const probe = async (which: Probe): Promise<ProbeAnswer> => {
    const { status, text } = engine.healthReport(await read(), which);
    return { status, headers: { 'Content-Type': engine.healthContentType(), 'Cache-Control': 'no-store' }, body: text };
  };
  const respond = async (which: Probe): Promise<Response> => {
    const { status, headers, body } = await probe(which);
    return new Response(body, { status, headers });
  };
  return {
    read: async () => JSON.parse(engine.healthReport(await read(), 'all').text) as Health,
    probe,
    live: () => respond('live'),
    ready: () => respond('ready'),
  };
}

function namesOf(parts: HealthParts): Map<string, BasePolicy> {
  if ('health' in parts && typeof parts.health === 'function') return new Map([[parts.name as string, parts as BasePolicy]]);
  if (!Array.isArray(parts)) return new Map(Object.entries(parts as Readonly<Record<string, BasePolicy>>));
  const names = new Map<string, BasePolicy>();
  for (const policy of parts as readonly BasePolicy[]) {
    const { name, key } = policy;
    names.set(names.has(name) ? `${name}/${key ?? names.size}` : name, policy);
  }
  return names;
}
