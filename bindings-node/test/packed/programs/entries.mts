// What people write who use the entries for frameworks and metrics. Compiled as a module and as CommonJS.
import { definePolicy } from 'stanchion';
import { limit as inExpress } from 'stanchion/express';
import { limit as inFastify, probes } from 'stanchion/fastify';
import { limit as inHono } from 'stanchion/hono';
import { measure as byOpenTelemetry } from 'stanchion/opentelemetry';
import { measure as byProm } from 'stanchion/prom-client';

const policy = definePolicy({ name: 'api' });
export const handlers = [inExpress(policy, { waitMs: 5 }), inFastify(policy), inHono(policy), probes({ policy }).ready] as const;
export const stops: (() => void)[] = [byOpenTelemetry(policy), byProm(policy)];

// @ts-expect-error there is no such option
inExpress(policy, { wait: 5 });
