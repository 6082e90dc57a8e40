// The limiters, on the real frameworks over loopback: keys, headers, refusals, and what becomes of a permit.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { Readable, Writable } from 'node:stream';
import test from 'node:test';

import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';

import { limit as inExpress } from 'stanchion/express';
import { limit as inFastify } from 'stanchion/fastify';
import { limit as inHono } from 'stanchion/hono';
import { defineKeyed, definePolicy } from 'stanchion';
import { TestClock } from 'stanchion/testing';

const CONFIG = {
  name: 'users',
  circuit: { consecutiveFailures: 1, openMs: 5000 },
  limits: [{ name: 'calls', capacity: 2, refillTokens: 1, refillIntervalMs: 10_000 }],
};

/** The same routes in each framework: an answer, a failure, one that never comes, and one that comes in parts. */
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
    app.get('/parts', (_, response) => void parts().pipeTo(Writable.toWeb(response)).catch(() => {}));
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
    app.get('/parts', (_, reply) => reply.send(Readable.fromWeb(parts())));
    // What runs afterwards runs in its order: `close` waits for connections that the client keeps.
    t.after(() => (app.server.closeAllConnections(), app.close()));
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
    app.get('/parts', () => new Response(parts()));
    // As `fetch` does, it is over for the client when that leaves.
    const left = (signal) => new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
    return (path, init) => Promise.race([app.request(path, init), left(init.signal)]);
  },
};

/** Ends the answers that come in parts. */
let goOn;
const parts = () =>
  new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode('one '));
      goOn = () => (controller.enqueue(new TextEncoder().encode('two')), controller.close());
    },
  });

/** What needs a turn of the network, at most a few seconds. */
async function until(isSo) {
  for (const end = Date.now() + 5000; !isSo(); await new Promise((resolve) => setTimeout(resolve, 1))) {
    assert(Date.now() < end, `${isSo}`);
  }
}

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

const ONE_SLOT = { name: 'all', circuit: { consecutiveFailures: 1 }, bulkhead: { maxConcurrent: 1 } };

for (const name of Object.keys(FRAMEWORKS)) {
  test(`${name}: a client that leaves gives its slot back, and says nothing about the server`, async (t) => {
    const policy = definePolicy(ONE_SLOT);
    const settled = new Promise((resolve) => policy.on('settled', ({ outcome }) => resolve(outcome)));
    const admitted = new Promise((resolve) => policy.on('admitted', resolve));
    const get = asking(await FRAMEWORKS[name](t, policy, () => ({})));
    const controller = new AbortController();
    const asked = get('/hangs', 'ann', { signal: controller.signal }).catch((error) => error.name);
    await admitted;
    await new Promise(setImmediate);
    controller.abort();
    assert.deepEqual([await asked, await settled, policy.explain().bulkhead.inFlight], ['AbortError', 'ignored', 0]);
  });

  test(`${name}: a client that leaves while it waits is never admitted`, async (t) => {
    const policy = definePolicy(ONE_SLOT);
    const get = asking(await FRAMEWORKS[name](t, policy, () => ({ waitMs: 60_000 })));
    const held = policy.tryAcquire();
    const seen = [];
    for (const type of ['admitted', 'settled']) policy.on(type, () => seen.push(type));
    const controller = new AbortController();
    const asked = get('/', 'ann', { signal: controller.signal }).catch((error) => error.name);
    await until(() => policy.common.waiting === 1);
    controller.abort();
    assert.equal(await asked, 'AbortError');
    await until(() => policy.common.waiting === 0);
    await held.settle('success');
    assert.equal(await (await get('/', 'bob')).text(), 'hello');
    await until(() => seen.length === 3);
    assert.deepEqual([seen, policy.explain().bulkhead.inFlight], [['settled', 'admitted', 'settled'], 0]);
  });

  test(`${name}: an answer in parts holds its slot until the last is out, or nobody wants more of it`, async (t) => {
    const policy = definePolicy(ONE_SLOT);
    const outcomes = [];
    policy.on('settled', ({ outcome }) => outcomes.push(outcome));
    const get = asking(await FRAMEWORKS[name](t, policy, () => ({ waitMs: 60_000 })));
    const whole = (await get('/parts', 'ann')).body.getReader();
    assert.equal(new TextDecoder().decode((await whole.read()).value), 'one ');
    assert.deepEqual([policy.explain().bulkhead.inFlight, outcomes], [1, []]);
    goOn();
    assert.equal(new TextDecoder().decode((await whole.read()).value), 'two');
    assert.equal((await whole.read()).done, true);
    await until(() => outcomes.length === 1);
    const half = (await get('/parts', 'ann')).body.getReader();
    await half.read();
    await half.cancel();
    await until(() => outcomes.length === 2);
    assert.deepEqual([policy.explain().bulkhead.inFlight, outcomes], [0, ['success', 'ignored']]);
  });
}

test('an option of a limiter that there is not is refused', () => {
  for (const limit of [inExpress, inFastify, inHono]) {
    assert.throws(() => limit(definePolicy(CONFIG), { keys: () => 'ann' }), { name: 'InputError', field: 'keys', value: 'a function' });
  }
});

test('a policy in a store tells of its limits, too', async (t) => {
  const { mkdtempSync, rmSync } = await import('node:fs');
  const { Store } = await import('stanchion/store');
  const folder = mkdtempSync('/tmp/stanchion-limiter-');
  t.after(() => rmSync(folder, { recursive: true }));
  const policy = definePolicy({ ...CONFIG, circuit: null }, { store: Store.open(`${folder}/state`) });
  assert.deepEqual(policy.rateLimitHeaders(), { 'RateLimit-Policy': '"calls";q=2;w=20', RateLimit: '"calls";r=2' });
  await policy.execute(() => {});
  assert.equal(policy.rateLimitHeaders({ retryAfterMs: 1001 })['Retry-After'], '2');
  assert.match(policy.rateLimitHeaders().RateLimit, /r=1;t=10$/);
});
