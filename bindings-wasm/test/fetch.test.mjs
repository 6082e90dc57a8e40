// A guarded fetch, against a real server on loopback: what counts as what, how long the permit is held, how it ends.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import test, { after, before } from 'node:test';

import { RejectedError, TimeoutError, defineKeyed, definePolicy, guardFetch } from '../dist/index.js';
import { networkErrorOf } from '../dist/network-error.js';
import { TestClock } from '../dist/testing.js';

const CONFIG = { name: 'up', circuit: { consecutiveFailures: 3 }, block: {}, bulkhead: { maxConcurrent: 2, leaseMs: 30_000 } };

const ROUTES = {
  '/ok': (_, response) => response.end('hello'),
  '/none': (_, response) => response.writeHead(204).end(),
  '/missing': (_, response) => response.writeHead(404).end('no'),
  '/broken': (_, response) => response.writeHead(500).end('oops'),
  '/busy': (_, response) => response.writeHead(429, { 'retry-after': '7' }).end('later'),
  '/away': (_, response) => response.writeHead(503, { 'retry-after': '5abc' }).end('later'),
  '/moved': (_, response) => response.writeHead(302, { location: '/ok' }).end(),
  '/parts': (_, response) => {
    response.write('first ');
    setTimeout(() => response.end('second'), 20);
  },
  '/cut': (_, response) => {
    response.writeHead(200, { 'content-length': 100 });
    response.write('a bit');
    setTimeout(() => response.destroy(), 20);
  },
  '/slow': () => {},
  '/endless': (_, response) => response.write('and so on'),
  '/flaky': async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    flaky.push(`${request.method} ${text}`);
    response.writeHead(flaky.length < 3 ? 503 : 200, { 'content-type': 'text/plain' }).end(`answer ${flaky.length}`);
  },
  '/echo': async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    response.end(`${request.method} ${text} ${request.headers['x-mine']}`);
  },
};
let origin;
let flaky = [];
const server = createServer((request, response) => ROUTES[request.url](request, response));
before(async () => {
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  origin = `http://127.0.0.1:${server.address().port}`;
});
after(() => {
  server.closeAllConnections();
  server.close();
});

const build = (options, config = CONFIG, more) => {
  const policy = definePolicy(config, more);
  const settled = [];
  policy.on('settled', ({ outcome }) => settled.push(outcome));
  const guarded = guardFetch(policy, options);
  return { policy, settled, guarded, get: (path, init) => guarded(origin + path, init) };
};
const inFlight = (policy) => policy.explain().bulkhead.inFlight;

test('an answer is as without a guard, and holds its permit until the body has ended', async () => {
  const { policy, settled, get } = build();
  const response = await get('/parts');
  assert.deepEqual(
    [response.status, response.ok, response.url, response.redirected, response.type],
    [200, true, `${origin}/parts`, false, 'basic'],
  );
  assert.deepEqual([inFlight(policy), settled], [1, []]);
  assert.equal(await response.text(), 'first second');
  assert.deepEqual([inFlight(policy), settled], [0, ['success']]);
});

test('a body that nobody reads gives its permit back when the caller aborts, and when its time is over', async () => {
  const clock = new TestClock();
  const { policy, settled, get } = build({}, CONFIG, { clock });
  const controller = new AbortController();
  const left = await get('/endless', { signal: controller.signal });
  controller.abort(new Error('left'));
  await new Promise(setImmediate);
  assert.deepEqual([inFlight(policy), settled], [0, ['ignored']]);
  await assert.rejects(left.text(), { message: 'left' });
  const late = guardFetch(policy, { timeoutMs: 20 });
  const unread = await late(`${origin}/endless`);
  await clock.advance(20);
  await assert.rejects(unread.text(), TimeoutError);
  assert.deepEqual([inFlight(policy), settled], [0, ['ignored', 'failure']]);
});

test('an answer without a body is settled at once', async () => {
  const { policy, settled, get } = build();
  assert.equal((await get('/none')).body, null);
  assert.equal((await get('/ok', { method: 'HEAD' })).status, 200);
  assert.deepEqual([inFlight(policy), settled], [0, ['success', 'success']]);
});

test("statuses count by the core's table, and by what the policy says otherwise", async () => {
  const { settled, get } = build();
  for (const path of ['/missing', '/broken']) await (await get(path)).text();
  assert.deepEqual(settled, ['success', 'failure']);
  const strict = build({}, { ...CONFIG, classify: { 404: { outcome: 'failure' } } });
  await (await strict.get('/missing')).text();
  assert.deepEqual(strict.settled, ['failure']);
});

test('Retry-After closes the block before the body is read; what is no such header does not', async () => {
  const { policy, settled, get } = build();
  const away = await get('/away');
  assert.equal(policy.peek().admitted, true);
  await away.body.cancel();
  const busy = await get('/busy');
  const { by, retryAfterMs } = policy.peek();
  assert.equal(by.gate, 'block');
  assert(retryAfterMs > 6000 && retryAfterMs <= 7000);
  await assert.rejects(get('/ok'), RejectedError);
  assert.equal(await busy.text(), 'later');
  assert.deepEqual(settled, ['failure', 'ignored']);
});

test('a refusal may be answered instead', async () => {
  const { policy, get } = build({
    onRejected: ({ retryAfterMs }) =>
      new Response('busy', { status: 503, headers: { 'retry-after': String(retryAfterMs / 1000) } }),
  });
  await policy.forceOpen({ forMs: 9000 });
  const response = await get('/ok');
  assert.deepEqual([response.status, Number(response.headers.get('retry-after')) > 8], [503, true]);
  assert.throws(() => guardFetch(policy, { timeoutMs: NaN }), { field: 'timeoutMs' });
});

test('methods, headers, bodies and requests go through', async () => {
  const { guarded, get, settled } = build();
  const init = { method: 'POST', body: 'text', headers: { 'x-mine': 'yes' } };
  assert.equal(await (await get('/echo', init)).text(), 'POST text yes');
  assert.equal(await (await guarded(new Request(`${origin}/echo`, init))).text(), 'POST text yes');
  assert.equal(await (await guarded(new URL(`${origin}/ok`))).text(), 'hello');
  assert.deepEqual(settled, ['success', 'success', 'success']);
});

test('redirects are followed as ever, and by hand they are answers', async () => {
  const { settled, get } = build();
  const followed = await get('/moved');
  assert.deepEqual([followed.url, followed.redirected, await followed.text()], [`${origin}/ok`, true, 'hello']);
  const byHand = await get('/moved', { redirect: 'manual' });
  assert.equal(byHand.status, 302);
  await byHand.text();
  assert.deepEqual(settled, ['success', 'success']);
});

test('a clone is read, too, and still knows where it is from', async () => {
  const { settled, get } = build();
  const response = await get('/ok');
  const copy = response.clone();
  assert.equal(copy.url, `${origin}/ok`);
  assert.deepEqual([await copy.text(), await response.text(), settled], ['hello', 'hello', ['success']]);
});

test('no connection is a failure', async () => {
  const { settled, guarded } = build();
  const closed = createServer();
  await new Promise((listening) => closed.listen(0, '127.0.0.1', listening));
  const { port } = closed.address();
  await new Promise((done) => closed.close(done));
  const error = await guarded(`http://127.0.0.1:${port}`).catch((thrown) => thrown);
  assert.deepEqual([error.name, networkErrorOf(error), settled], ['TypeError', 'refused', ['failure']]);
});

test('what is no request asks for nothing and counts as nothing', async () => {
  const { policy, settled, guarded } = build();
  await assert.rejects(guarded('not a url'), TypeError);
  await assert.rejects(guarded(origin, { method: 'IN VALID' }), TypeError);
  assert.deepEqual([inFlight(policy), settled], [0, []]);
});

test('a body that breaks is a failure, whatever the status was', async () => {
  const { policy, settled, get } = build();
  await assert.rejects((await get('/cut')).text(), TypeError);
  assert.deepEqual([inFlight(policy), settled], [0, ['failure']]);
});

test('a body that is cancelled gives the permit back', async () => {
  const { policy, settled, get } = build();
  await (await get('/endless')).body.cancel();
  assert.deepEqual([inFlight(policy), settled], [0, ['success']]);
});

test('an abort by the caller is ignored, before the answer and in its body', async () => {
  const { policy, settled, get } = build();
  const reason = new Error('the user left');
  const first = new AbortController();
  const early = get('/slow', { signal: first.signal });
  setTimeout(() => first.abort(reason), 20);
  await assert.rejects(early, reason);
  const second = new AbortController();
  const response = await get('/endless', { signal: second.signal });
  const text = response.text();
  second.abort(reason);
  await assert.rejects(text, reason);
  await assert.rejects(get('/ok', { signal: second.signal }), reason);
  assert.deepEqual([inFlight(policy), settled], [0, ['ignored', 'ignored']]);
});

test('a call that takes too long is a failure, before the answer and in its body', async () => {
  for (const path of ['/slow', '/endless']) {
    const { policy, settled, get } = build({ timeoutMs: 30 });
    await assert.rejects(async () => (await get(path)).text(), TimeoutError);
    assert.deepEqual([inFlight(policy), settled], [0, ['failure']]);
  }
});

test('a lease is renewed while the answer is awaited and the body is read, and is lost with one that nobody reads', async () => {
  const clock = new TestClock();
  let answer;
  const fake = () => new Promise((resolve) => (answer = resolve));
  const endless = () => new Response(new ReadableStream({ pull: (controller) => controller.enqueue(Uint8Array.of(1)) }));
  const { policy, guarded } = build({ fetch: fake }, { ...CONFIG, bulkhead: { maxConcurrent: 2, leaseMs: 300 } }, { clock });
  const pending = guarded('http://example.test');
  await clock.advance(1000);
  assert.equal(inFlight(policy), 1);
  answer(endless());
  const reader = (await pending).body.getReader();
  for (let i = 0; i < 10; i += 1) {
    await clock.advance(150);
    await reader.read();
    await clock.advance(0);
  }
  assert.equal(inFlight(policy), 1);
  await clock.advance(300);
  assert.equal(inFlight(policy), 0);
  await reader.cancel();
});

test('each host can have a policy of its own', async () => {
  const hosts = defineKeyed({ name: 'hosts', circuit: { consecutiveFailures: 1 } });
  const guarded = guardFetch((url) => hosts.of(url.host), {
    fetch: async (url) => new Response('', { status: url.includes('bad') ? 500 : 200 }),
  });
  await (await guarded('http://bad.test')).text();
  await assert.rejects(guarded('http://bad.test'), { by: { gate: 'circuit' } });
  assert.equal((await guarded('http://good.test')).status, 200);
});

test('what runtimes throw has its class', () => {
  const coded = (code) => new TypeError('fetch failed', { cause: Object.assign(new Error(), { code }) });
  const table = {
    refused: ['ECONNREFUSED', 'EHOSTUNREACH'],
    reset: ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'],
    dns: ['ENOTFOUND', 'EAI_AGAIN'],
    timeout: ['ETIMEDOUT', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'],
    tls: [
      'CERT_HAS_EXPIRED',
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'ERR_TLS_CERT_ALTNAME_INVALID',
      'EPROTO',
    ],
    other: ['EWHATEVER', undefined],
  };
  for (const [name, codes] of Object.entries(table))
    for (const code of codes) assert.equal(networkErrorOf(coded(code)), name, code);
  const several = new TypeError('fetch failed', {
    cause: new AggregateError([Object.assign(new Error(), { code: 'ECONNREFUSED' })]),
  });
  assert.equal(networkErrorOf(several), 'refused');
  assert.equal(networkErrorOf(new DOMException('', 'AbortError')), 'aborted');
  assert.equal(networkErrorOf('text'), 'other');
});

test('what Deno tells in words only is told apart, too', () => {
  const request = 'error sending request for url (http://up.test/): client error';
  const words = {
    refused: ['(Connect): tcp connect error: Connection refused (os error 111)', '(Connect): tcp connect error: No route to host (os error 113)'],
    dns: ['(Connect): dns error: failed to lookup address information: Name or service not known'],
    reset: ['(SendRequest): connection closed before message completed', '(Connect): Connection reset by peer (os error 104)'],
    tls: ['(Connect): tls handshake eof', '(Connect): invalid peer certificate: UnknownIssuer'],
    timeout: ['(Connect): tcp connect error: Connection timed out (os error 110)'],
    other: ['(Connect): something else'],
  };
  for (const [name, ends] of Object.entries(words)) {
    for (const end of ends) {
      assert.equal(networkErrorOf(new TypeError('fetch failed', { cause: new Error(`${request} ${end}`) })), name, end);
    }
  }
});

test('a body that can be read into its reader\'s memory still can; a stream of chunks is read as it is', async () => {
  const chunks = () => new ReadableStream({ start: (controller) => (controller.enqueue(Uint8Array.of(1, 2, 3)), controller.close()) });
  const bytes = () => new ReadableStream({ type: 'bytes', start: (controller) => (controller.enqueue(Uint8Array.of(1, 2, 3)), controller.close()) });
  const readInto = async (stream) => {
    const { policy, guarded, settled } = build({ fetch: async () => new Response(stream) });
    const reader = (await guarded('http://example.test')).body.getReader({ mode: 'byob' });
    const { value } = await reader.read(new Uint8Array(8));
    const { done, value: rest } = await reader.read(new Uint8Array(8));
    return [[...value], done, rest.byteLength, settled, inFlight(policy)];
  };
  assert.deepEqual(await readInto(bytes()), [[1, 2, 3], true, 0, ['success'], 0]);
  await assert.rejects(readInto(chunks()), TypeError);
  const { guarded } = build({ fetch: async () => new Response(chunks()) });
  assert.deepEqual([...new Uint8Array(await (await guarded('http://example.test')).arrayBuffer())], [1, 2, 3]);
});

const RETRYING = { ...CONFIG, circuit: { consecutiveFailures: 9 }, retry: { jitter: 'none', baseDelayMs: 1, maxAttempts: 3 } };

/** What the server saw of a request that it fails twice, and what came back. */
async function flakily(init, config = RETRYING, options = {}) {
  flaky = [];
  const { policy, settled, get } = build(options, config);
  const response = await get('/flaky', init);
  const text = await response.text();
  assert.equal(inFlight(policy), 0);
  return { seen: flaky, status: response.status, text, settled };
}

test('under a policy that retries, a request is made again as its method allows, and the last answer comes back whole', async () => {
  const got = await flakily();
  assert.deepEqual([got.seen, got.status, got.text], [['GET ', 'GET ', 'GET '], 200, 'answer 3']);
  assert.deepEqual(got.settled, ['failure', 'failure', 'success']);
  const put = await flakily({ method: 'put', body: new URLSearchParams({ a: 1 }) });
  assert.deepEqual(put.seen, ['PUT a=1', 'PUT a=1', 'PUT a=1']);
  const posted = await flakily({ method: 'POST', body: 'x' });
  assert.deepEqual([posted.seen, posted.status, posted.text], [['POST x'], 503, 'answer 1']);
  const keyed = await flakily({ method: 'POST', body: 'x' }, RETRYING, { isIdempotent: true });
  assert.equal(keyed.text, 'answer 3');
});

test('a body that is a stream is sent once; without attempts left the failed answer is the caller\'s, with its body', async () => {
  const body = new Blob(['x']).stream();
  const streamed = await flakily({ method: 'PUT', body, duplex: 'half' });
  assert.deepEqual([streamed.seen, streamed.status], [['PUT x'], 503]);
  const twice = await flakily({}, { ...RETRYING, retry: { ...RETRYING.retry, maxAttempts: 2 } });
  assert.deepEqual([twice.seen.length, twice.status, twice.text, twice.settled], [2, 503, 'answer 2', ['failure', 'failure']]);
});

test('between two attempts the caller can leave', async () => {
  const { policy, get } = build({}, { ...RETRYING, retry: { ...RETRYING.retry, baseDelayMs: 20_000 } });
  flaky = [];
  const controller = new AbortController();
  policy.on('retry', () => controller.abort(new Error('left')));
  await assert.rejects(get('/flaky', { signal: controller.signal }), /left/);
  assert.deepEqual([flaky.length, inFlight(policy)], [1, 0]);
});
