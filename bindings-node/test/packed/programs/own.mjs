// What a page does with its own `fetch`, which is guarded; and the vectors, which it replays.
import { replay } from './replay.mjs';
import './using.mjs';
import { definePolicy, engine, guardFetch } from 'stanchion';

/** One call, read by `read`: what came, how it was settled, and what is still held. */
async function told(url, init, read) {
  const policy = definePolicy({ name: 'up', circuit: { consecutiveFailures: 9 }, bulkhead: { maxConcurrent: 1 } });
  const settled = new Promise((resolve) => policy.on('settled', ({ outcome }) => resolve(outcome)));
  const came = await guardFetch(policy)(url, init).then(read).catch(({ name }) => name);
  return [came, await settled, policy.explain().bulkhead.inFlight];
}

/** Reads into memory of its own, as `reader.read(view)` does. */
async function intoOwnMemory({ body }) {
  const reader = body.getReader({ mode: 'byob' });
  let text = '';
  for (let view = new Uint8Array(4); ; ) {
    const { done, value } = await reader.read(view);
    if (done) return text;
    text += new TextDecoder().decode(value);
    view = new Uint8Array(value.buffer);
  }
}

/** An abort once the answer has begun. */
async function abortedBody(url) {
  const controller = new AbortController();
  return told(url, { signal: controller.signal }, async ({ body }) => {
    const reader = body.getReader();
    await reader.read();
    controller.abort();
    return reader.read().then(() => 'read', ({ name }) => name);
  });
}

globalThis.ownFetch = async (elsewhere) => ({
  opaque: await told(`${elsewhere}/text`, { mode: 'no-cors' }, ({ type, status }) => [type, status]),
  redirect: await told('/redirect', { redirect: 'manual' }, ({ type, status }) => [type, status]),
  followed: await told('/redirect', {}, async (response) => [response.redirected, new URL(response.url).pathname, await response.text()]),
  byob: await told('/text', {}, intoOwnMemory),
  aborted: await told('/never', { signal: AbortSignal.timeout(20) }, () => 'answered'),
  abortedBody: await abortedBody('/endless'),
  forbidden: await told(`${elsewhere}/text`, {}, () => 'answered'),
  reset: await told('/reset', { method: 'POST' }, () => 'answered'),
});

globalThis.replayed = async () => replay(engine, await (await fetch('vectors.json')).json());
