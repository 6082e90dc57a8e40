// Probes of an orchestrator in each framework, and the health of a policy whose store is away.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';

import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';

import * as forExpress from 'stanchion/express';
import * as forFastify from 'stanchion/fastify';
import * as forHono from 'stanchion/hono';
import { definePolicy, health, recover } from 'stanchion';
import { Store } from 'stanchion/store';

async function listening(t, handler) {
  const server = createServer(handler);
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  t.after(() => void (server.closeAllConnections(), server.close()));
  return (path) => fetch(`http://127.0.0.1:${server.address().port}${path}`);
}

const FRAMEWORKS = {
  async express(t, parts) {
    const { live, ready } = forExpress.probes(parts);
    return listening(t, express().get('/live', live).get('/ready', ready));
  },
  async fastify(_, parts) {
    const { live, ready } = forFastify.probes(parts);
    const app = fastify().get('/live', live).get('/ready', ready);
    return async (path) => {
      const { statusCode, headers, body } = await app.inject(path);
      return new Response(body, { status: statusCode, headers });
    };
  },
  async hono(_, parts) {
    const { live, ready } = forHono.probes(parts);
    const app = new Hono().get('/live', live).get('/ready', ready);
    return (path) => app.request(path);
  },
};

for (const [name, start] of Object.entries(FRAMEWORKS)) {
  test(`${name}: the probes say what is live and ready, and why not`, async (t) => {
    const mail = definePolicy({ name: 'mail', circuit: { consecutiveFailures: 1 } });
    const get = await start(t, { mail });
    assert.deepEqual([(await get('/live')).status, (await get('/ready')).status], [200, 200]);
    await mail.trip();
    const [live, ready] = [await get('/live'), await get('/ready')];
    assert.deepEqual([live.status, ready.status], [200, 503]);
    assert.match(ready.headers.get('content-type'), /^application\/health\+json/);
    assert.deepEqual([(await live.json()).status, (await ready.json()).reasons], ['warn', ['circuit_open']]);
  });
}

function opened(t) {
  const folder = mkdtempSync(join(tmpdir(), 'stanchion-health-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'state');
  return { path, open: () => Store.open(path) };
}

test('a store that cannot be read is one of the reasons, and no error', async (t) => {
  const { path, open } = opened(t);
  const policy = definePolicy({ name: 'mail' }, { store: open() });
  await policy.execute(() => {});
  assert.equal((await policy.health()).degraded, false);
  truncateSync(path, 100);
  assert.deepEqual(await health(policy).read(), { live: true, ready: true, degraded: true, reasons: ['store_away'] });
});

test('of all who share the state one recovers, and the others wait for it', async (t) => {
  const { open } = opened(t);
  const recovery = { steps: [{ name: 'refresh' }] };
  const [one, other] = [0, 1].map(() => definePolicy({ name: 'mail', recovery }, { store: open() }));
  let calls = 0;
  let end;
  let begun;
  const isBegun = new Promise((resolve) => (begun = resolve));
  const steps = { refresh: () => new Promise((resolve) => ((calls += 1), (end = resolve), begun())) };
  const first = recover(one, 'transient', steps);
  await isBegun;
  const second = recover(other, 'transient', steps);
  setTimeout(end, 30);
  assert.deepEqual([await first, await second, calls], [{ by: 'step', step: 'refresh' }, { by: 'another' }, 1]);
});
