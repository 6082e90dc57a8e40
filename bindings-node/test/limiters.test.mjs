// The limiters, on the real frameworks over loopback: keys, headers, refusals, and what becomes of a permit.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import test from 'node:test';

import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';

import { limit as inExpress } from '../dist/express.js';
import { limit as inFastify } from '../dist/fastify.js';
import { limit as inHono } from '../dist/hono.js';
import { defineKeyed, definePolicy } from '../dist/index.js';
import { TestClock } from '../dist/testing.js';

const CONFIG = {
  name: 'users',
  circuit: { consecutiveFailures: 1, openMs: 5000 },
  limits: [{ name: 'calls', capacity: 2, refillTokens: 1, refillIntervalMs: 10_000 }],
};

/** The same three routes in each framework: an answer, a failure, and one that never comes. */
const FRAMEWORKS = {
  async express(t, policies, options) {
    const app = express();
    app.use(
      inExpress(
        policies,
        options((request) => request.get('x-user')),
      ),
    );
    app.get('/', (_, response) => void response.send('hello'));
    app.get('/broken', (_, response) => void response.status(500).send('oops'));
    app.get('/hangs', () => {});
    app.use((error, _request, response, _next) => void response.status(500).send(error.message));
    return listening(t, createServer(app));
  },
  async fastify(t, policies, options) {
    const app = fastify();
    app.addHook(
      'onRequest',
      inFastify(
        policies,
        options((request) => request.headers['x-user']),
      ),
    );
    app.get('/', async () => 'hello');
    app.get('/broken', async (_, reply) => reply.code(500).send('oops'));
    app.get('/hangs', () => new Promise(() => {}));
    t.after(() => app.close());
    t.after(() => app.server.closeAllConnections());
    return app.listen({ port: 0, host: '127.0.0.1' });
  },
  async hono(t, policies, options) {
    const app = new Hono();
    app.use(
      inHono(
        policies,
        options((context) => context.req.header('x-user')),
      ),
    );
    app.get('/', (context) => context.text('hello'));
    app.get('/broken', (context) => context.text('oops', 500));
    app.get('/hangs', () => new Promise(() => {}));
    return (path, init) => app.request(path, init);
  },
};

async function listening(t, server) {
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  t.after(() => void (server.closeAllConnections(), server.close()));
  return `http://127.0.0.1:${server.address().port}`;
}

/** Asks a framework as a user. */
const asking = (app) => (path, user, init) => {
  const headers = user === undefined ? {} : { 'x-user': user };
  return typeof app === 'string' ? fetch(app + path, { ...init, headers }) : app(path, { ...init, headers });
};
const withKey = (key) => ({ key });

for (const [name, start] of Object.entries(FRAMEWORKS)) {
  test(`${name}: each key has its limit, and every answer tells of it`, async (t) => {
    const clock = new TestClock();
    const get = asking(await start(t, defineKeyed(CONFIG, { clock }), withKey));
    const first = await get('/', 'ann');
    assert.deepEqual([first.status, await first.text()], [200, 'hello']);
    assert.equal(first.headers.get('ratelimit-policy'), '"calls";q=2;w=20');
    assert.equal(first.headers.get('ratelimit'), '"calls";r=1;t=10');
    assert.equal(first.headers.get('retry-after'), null);
    await (await get('/', 'ann')).text();
    await clock.advance(2500);
    const refused = await get('/', 'ann');
    assert.deepEqual([refused.status, await refused.text()], [429, 'Too Many Requests']);
    assert.deepEqual([refused.headers.get('retry-after'), refused.headers.get('ratelimit')], ['8', '"calls";r=0;t=8']);
    assert.equal((await get('/', 'bob')).status, 200);
    const free = await get('/');
    assert.deepEqual([free.status, free.headers.get('ratelimit')], [200, null]);
  });

  test(`${name}: an answer settles its call by its status, and a refusal that is no limit's is 503`, async (t) => {
    const clock = new TestClock();
    const options = (key) => ({ key, body: ({ by, status }) => ({ by: by.gate, status }) });
    const get = asking(await start(t, defineKeyed(CONFIG, { clock }), options));
    await (await get('/broken', 'ann')).text();
    const refused = await get('/', 'ann');
    assert.deepEqual(
      [refused.status, refused.headers.get('retry-after'), await refused.json()],
      [503, '5', { by: 'circuit', status: 503 }],
    );
    assert.match(refused.headers.get('content-type'), /^application\/json/);
  });

  test(`${name}: one policy serves all, and a request may cost more`, async (t) => {
    const policy = definePolicy({ ...CONFIG, circuit: null }, { clock: new TestClock() });
    const get = asking(await start(t, policy, () => ({ cost: () => 2 })));
    assert.deepEqual([(await get('/', 'ann')).status, (await get('/', 'bob')).status], [200, 429]);
  });

  test(`${name}: a limiter over many keys without a key is an error of the server`, async (t) => {
    const get = asking(await start(t, defineKeyed(CONFIG), () => ({})));
    assert.equal((await get('/', 'ann')).status, 500);
  });
}

for (const name of ['express', 'fastify']) {
  test(`${name}: a client that leaves gives its slot back, and says nothing about the server`, async (t) => {
    const policy = definePolicy({ name: 'all', circuit: { consecutiveFailures: 1 }, bulkhead: { maxConcurrent: 1 } });
    const settled = new Promise((resolve) => policy.on('settled', ({ outcome }) => resolve(outcome)));
    const admitted = new Promise((resolve) => policy.on('admitted', resolve));
    const get = asking(await FRAMEWORKS[name](t, policy, () => ({})));
    const controller = new AbortController();
    const asked = get('/hangs', 'ann', { signal: controller.signal }).catch((error) => error.name);
    await admitted;
    controller.abort();
    assert.deepEqual([await asked, await settled, policy.explain().bulkhead.inFlight], ['AbortError', 'ignored', 0]);
  });
}

test('a policy in a store tells of its limits, too', async (t) => {
  const { mkdtempSync, rmSync } = await import('node:fs');
  const { Store } = await import('../dist/store.js');
  const folder = mkdtempSync('/tmp/stanchion-limiter-');
  t.after(() => rmSync(folder, { recursive: true }));
  const policy = definePolicy({ ...CONFIG, circuit: null }, { store: Store.open(`${folder}/state`) });
  assert.deepEqual(policy.rateLimitHeaders(), { 'RateLimit-Policy': '"calls";q=2;w=20', RateLimit: '"calls";r=2' });
  await policy.execute(() => {});
  assert.equal(policy.rateLimitHeaders({ retryAfterMs: 1001 })['Retry-After'], '2');
  assert.match(policy.rateLimitHeaders().RateLimit, /r=1;t=10$/);
});
