// The packed package in workerd: its state is in a Durable Object; an upstream on loopback is what it guards.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer, get } from 'node:http';
import { join } from 'node:path';
import test, { after } from 'node:test';

import { bundle } from '../../../bindings-wasm/test/support/bundle.mjs';
import { startWorkerd } from '../../../bindings-wasm/test/support/workerd.mjs';
import { assertReplayed, withAddon } from './support.mjs';

/** Requests to `/hold`, which are not answered by themselves; `/fail` fails. */
const held = [];
const upstream = createServer((request, response) => {
  if (request.url === '/hold') {
    held.push(response);
    upstream.emit('held');
  } else {
    response.writeHead(request.url === '/fail' ? 500 : 200).end('from upstream');
  }
});
upstream.listen(0, '127.0.0.1');
await once(upstream, 'listening');
after(() => upstream.close());

const folder = join(withAddon, 'worker');
mkdirSync(join(folder, 'objects'), { recursive: true });
await bundle(join(withAddon, 'worker.mjs'), folder, ['workerd', 'worker'], ['cloudflare:workers']);

const start = () =>
  startWorkerd(folder, {
    modules: ['worker.js', 'stanchion_bg.wasm'],
    compatibilityDate: '2026-01-01',
    more: `compatibilityFlags = ["enable_request_signal"],
  globalOutbound = "upstream",
  durableObjectNamespaces = [(className = "Gate", uniqueKey = "gate")],
  durableObjectStorage = (localDisk = "objects"),
  bindings = [(name = "GATES", durableObjectNamespace = "Gate")],`,
    services: `,
    (name = "upstream", external = (address = "127.0.0.1:${upstream.address().port}", http = ())),
    (name = "objects", disk = (path = "${join(folder, 'objects')}", writable = true))`,
  });

async function ask(server, path) {
  const response = await fetch(server.url + path);
  return [response.status, await response.text()];
}

async function explain(server) {
  return (await fetch(`${server.url}/explain`)).json();
}

/** Waits until so many calls are in flight. */
async function inFlight(server, count) {
  const endAt = Date.now() + 10_000;
  while ((await explain(server)).bulkhead.inFlight !== count) {
    if (Date.now() > endAt) throw new Error(`there are not ${count} calls in flight`);
  }
}

test('a worker guards its fetches by a Durable Object', async (t) => {
  let server = await start();
  t.after(() => server.stop());

  await t.test('two calls at once have their slots, a third is refused, an aborted one gives its slot back', async () => {
    const aborted = get(`${server.url}/hold`).on('error', () => {});
    await once(upstream, 'held');
    const second = ask(server, '/hold');
    await once(upstream, 'held');
    assert.deepEqual(await ask(server, '/ok'), [503, 'bulkhead']);

    aborted.socket.resetAndDestroy();
    await inFlight(server, 1);
    assert.deepEqual(await ask(server, '/ok'), [200, 'from upstream']);
    held[1].end('late');
    assert.deepEqual(await second, [200, 'late']);
    assert.equal((await explain(server)).circuit.phase, 'closed', 'an abort by the caller is no failure');
  });

  await t.test('a guarded fetch holds its permit until the body has ended', async () => {
    const get = async (path) => (await fetch(server.url + path)).json();
    assert.deepEqual(await get('/own/ok'), { status: 200, text: 'from upstream', held: [1, 0] });
    assert.equal(await (await fetch(`${server.url}/through/ok`)).text(), 'from upstream');
    const { circuit, bulkhead } = await get('/own-state');
    assert.deepEqual([circuit.consecutiveFailures.count, bulkhead.inFlight], [0, 0]);
    for (let i = 0; i < 3; i += 1) assert.equal((await get('/own/fail')).status, 500);
    assert.equal((await get('/own-state')).circuit.phase, 'open');
  });

  await t.test('the vectors', async () => {
    const body = readFileSync(join(withAddon, 'vectors.json'));
    assertReplayed(await (await fetch(`${server.url}/vectors`, { method: 'POST', body })).json());
  });

  await t.test('an open circuit outlives the object, and the process', async () => {
    assert.deepEqual(await ask(server, '/fail'), [500, 'from upstream']);
    const { instance } = await explain(server);
    await ask(server, '/evict');
    assert.deepEqual(await ask(server, '/ok'), [503, 'circuit']);
    assert.notEqual((await explain(server)).instance, instance);

    await server.stop();
    server = await start();
    assert.deepEqual(await ask(server, '/ok'), [503, 'circuit']);
  });
});
