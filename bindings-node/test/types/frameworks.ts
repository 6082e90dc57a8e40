// Compiled by the tests, never run: the limiters and adapters fit the real packages' types.
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import { Registry } from 'prom-client';
import { type Keyed, type Policy, defineKeyed, definePolicy, guardFetch } from 'stanchion';
import { limit as inExpress } from 'stanchion/express';
import { limit as inFastify } from 'stanchion/fastify';
import { limit as inHono } from 'stanchion/hono';
import { measure as measureByOpenTelemetry } from 'stanchion/opentelemetry';
import { measure as measureByProm } from 'stanchion/prom-client';
import { TestClock } from 'stanchion/testing';

const users: Keyed<Policy> = defineKeyed({ name: 'users', bulkhead: { maxConcurrent: 5 } }, { clock: new TestClock() });

express().use(inExpress(users, { key: (request: express.Request) => request.ip }));
express().get('/', inExpress(definePolicy({ name: 'all' })), (_request, response) => void response.send('hello'));
fastify().addHook('onRequest', inFastify(users, { key: (request) => request.ip, cost: 2 }));
new Hono().use(inHono(users, { key: (context) => context.req.header('x-user'), body: ({ by, status }) => ({ by, status }) }));

measureByOpenTelemetry(users)();
measureByProm(users, { registry: new Registry(), buckets: [0.1, 1] })();

const guarded: typeof fetch = guardFetch((url) => users.of(url.host), { timeoutMs: 5 });
void guarded(new URL('https://example.com'), { method: 'POST' });
