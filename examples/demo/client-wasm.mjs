/**
 * A guarded client in Node that decides in WebAssembly: the store only lends the key's bytes under its lock. So does whoever
 * keeps the state elsewhere, in a Durable Object or a database.
 */
import { readFileSync } from 'node:fs';

import { engine } from 'stanchion';
import { Store } from 'stanchion/store';

import { nowUs, serve, settings } from './lib/host.mjs';

const config = settings();
const store = Store.open(config.state, { waitMs: 2000 });
const policy = engine.policy(readFileSync(config.policy, 'utf8'));
const state = policy.newState(nowUs());

/** One step on the key's state under the file's lock. A step that changed nothing is not written. */
async function transact(step) {
  let done;
  const sequence = await store.transact(config.key, (bytes) => {
    const now = nowUs();
    if (bytes === null) return firstState(step, now, (answer) => (done = answer));
    state.restore(bytes);
    done = step(state, now);
    return done.changed ? { bytes: state.snapshot(), vacuousAtUs: state.vacuousAt() } : null;
  });
  return { ...done, sequence };
}

function firstState(step, now, tell) {
  const first = policy.newState(now);
  tell(step(first, now));
  const write = { bytes: first.snapshot(), vacuousAtUs: first.vacuousAt() };
  first.free();
  return write;
}

/** A refusal because the file was busy, as the store's own key says it. */
async function acquire(cost) {
  try {
    return await transact((at, now) => at.acquire({ cost }, now));
  } catch (error) {
    if (error.code !== 'busy') throw error;
    return { admitted: false, by: null, retryAfterUs: null, sequence: 0, changed: false, events: [] };
  }
}

await serve(
  {
    acquire,
    settle: (permit, result) => transact((at, now) => at.settle(permit, result, now)),
    cancel: (permit) => transact((at, now) => at.cancel(permit, now)),
    block: (untilUs) => transact((at, now) => at.command({ block: { until_us: untilUs } }, now)),
    parseRetryAfter: (header, now) => engine.parseRetryAfter(header, now),
  },
  config,
);
