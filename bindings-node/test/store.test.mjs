// The state file from Node: answers, errors, transactions, threads.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { Worker } from 'node:worker_threads';

import { engine } from 'stanchion';
import { Store, StoreError } from 'stanchion/store';

const folder = mkdtempSync(join(tmpdir(), 'stanchion-'));
after(() => rmSync(folder, { recursive: true }));
let files = 0;
const newPath = () => join(folder, `${(files += 1)}.state`);

const NOW = 1_700_000_000_000_000;
const LIMIT = {
  name: 'p',
  circuit: { consecutive_failures: 2 },
  limits: [{ name: 'calls', capacity: 10, refill_tokens: 1, refill_interval_ms: 4_000_000_000 }],
  bulkhead: { max_concurrent: 100 },
};

test('what lies beside the gates is asked as JSON; a query takes no lock and says nothing of the call before', async () => {
  const store = Store.open(newPath());
  const key = store.key({ name: 'p', retry: { jitter: 'none', budget: { capacity: 1 } } }, 'k');
  const failed = { retry: { attempt: 1, began_at_us: NOW, retry: 'always' } };
  const first = await key.apply(failed, NOW);
  assert.deepEqual([JSON.parse(first.text).answer, first.sequence], [{ retry: { at_us: NOW + 100_000 } }, 1]);
  assert.deepEqual(JSON.parse((await key.apply(failed, NOW)).text).answer, { give_up: 'budget' });
  await assert.rejects(key.apply({ retry: {} }, NOW), (error) => error.code === 'invalid_input' && error.field === 'retry.attempt');
  let health;
  await store.transact('other', () => void (health = key.apply({ health: {} }, NOW)));
  const { text, sequence, degraded } = await health;
  assert.deepEqual([JSON.parse(text).answer.live, sequence, degraded], [true, 0, null]);
});

test('a call is guarded through a file, and every write has its sequence', async () => {
  const key = Store.open(newPath()).key(LIMIT, 'k');
  assert.equal(key.snapshot(), null);
  const first = await key.acquire({ cost: 2, holder: 'me' }, NOW);
  assert.deepEqual([first.admitted, first.sequence, first.degraded, first.changed], [true, 1, null, true]);
  assert.equal((await key.renew(first.permit, NOW + 5)).untilUs, NOW + 5 + 30_000_000);
  const { settled, sequence } = await key.settle(first.permit, { outcome: 'failure', durationUs: 9 }, NOW + 9);
  assert.deepEqual([settled, sequence], ['counted', 3]);
  assert.throws(() => key.settle(first.permit, { outcome: 'success' }), (error) => error.code === 'permit_used');
  const tripped = await key.command({ trip: {} }, NOW + 10);
  assert.deepEqual([tripped.commanded, tripped.events], ['done', ['opened']]);
  const refused = await key.acquire({}, NOW + 11);
  assert.deepEqual([refused.admitted, refused.by, refused.changed], [false, { gate: 'circuit' }, false]);
  assert.equal(key.peek({}, NOW + 11).by.gate, 'circuit');
  assert.equal(JSON.parse(key.explain(NOW + 11)).circuit.phase, 'open');
  const cancelled = await key.acquire({}, NOW + 60_000_000);
  assert.equal((await key.cancel(cancelled.permit, NOW + 60_000_001)).settled, 'counted');
});

test('a permit that the file did not take is given back later', async () => {
  const path = newPath();
  const key = Store.open(path).key(LIMIT, 'k');
  const reader = Store.open(path, { readOnly: true }).key(key.policy, 'k');
  const [ended, begun] = [await key.acquire({}, NOW), await key.acquire({}, NOW)];
  await assert.rejects(reader.settle(ended.permit, { outcome: 'failure' }, NOW), (error) => error.code === 'read_only');
  await assert.rejects(reader.cancel(begun.permit, NOW), (error) => error.code === 'read_only');
  assert.equal((await key.settle(ended.permit, { outcome: 'failure' }, NOW)).settled, 'counted');
  assert.equal((await key.cancel(begun.permit, NOW)).settled, 'counted');
  assert.throws(() => key.settle(ended.permit, { outcome: 'failure' }, NOW), (error) => error.code === 'permit_used');
});

test('bytes go from key to key, and from the file into WebAssembly', async () => {
  const store = Store.open(newPath());
  const shared = engine.policy(LIMIT);
  const key = store.key(shared, 'a');
  await key.acquire({ cost: 4 }, NOW);
  const bytes = key.snapshot();
  await store.key(shared, 'b').restore(bytes);
  assert.deepEqual(store.read('b').bytes, bytes);
  assert.deepEqual(shared.decode(bytes).snapshot(), bytes);
  assert.deepEqual(store.keys().map((info) => [info.key, info.sequence]), [['a', 1], ['b', 1]]);
  assert.deepEqual([await store.remove('b'), await store.remove('b'), store.read('b')], [true, false, null]);
  await assert.rejects(key.restore(Uint8Array.of(1)), StoreError);
});

test('a transaction writes what its function returns, and nothing when that throws', async () => {
  const store = Store.open(newPath());
  const rules = engine.policy(LIMIT);
  const decide = (bytes) => {
    const state = bytes === null ? rules.newState(NOW) : rules.decode(bytes);
    assert.equal(state.acquire({ cost: 3 }, NOW).admitted, true);
    return { bytes: state.snapshot(), vacuousAtUs: state.vacuousAt() };
  };
  assert.deepEqual([await store.transact('k', decide), await store.transact('k', decide)], [1, 2]);
  const before = store.read('k');
  const boom = new Error('boom');
  await assert.rejects(store.transact('k', () => { throw boom; }), boom);
  await assert.rejects(store.transact('k', async () => Uint8Array.of(1)), /must return bytes, not a promise/);
  assert.equal(await store.transact('k', () => null), 2);
  assert.deepEqual(store.read('k'), before);
  assert.equal(store.key(rules, 'k').peek({ cost: 5 }, NOW).by.name, 'calls');
});

test('an unusable file is a typed error with its path, and stays as it is', () => {
  const path = newPath();
  writeFileSync(path, 'none of ours, and long enough to be read as a header of something else entirely'.repeat(100));
  const { size } = statSync(path);
  assert.throws(() => Store.open(path), (error) => {
    assert(error instanceof StoreError);
    assert.deepEqual([error.code, error.path], ['not_a_store', path]);
    return true;
  });
  assert.equal(statSync(path).size, size);
  assert.throws(() => Store.open(newPath(), { create: false }), (error) => error.code === 'missing');
  assert.throws(() => Store.open(newPath()).key(LIMIT, ''), (error) => error.code === 'key');
});

test('arguments are refused by name', async () => {
  const key = Store.open(newPath()).key(LIMIT, 'k');
  await assert.rejects(key.acquire({ cost: -1 }, NOW), (error) => error.field === 'cost' && error.value === '-1');
  await assert.rejects(key.acquire({}, 0.5), (error) => error.field === 'now_us');
  await assert.rejects(key.command({ dance: {} }), (error) => error.name === 'InputError');
  assert.equal(key.snapshot(), null);
});

test('two threads share a limit through a file', async () => {
  const path = newPath();
  const code = `
    import { parentPort, workerData } from 'node:worker_threads';
    const { Store } = await import(workerData.module);
    const key = Store.open(workerData.path, { waitMs: 10000 }).key(workerData.rules, 'k');
    let admitted = 0;
    for (let i = 0; i < 50; i += 1) admitted += (await key.acquire({}, ${NOW})).admitted;
    parentPort.postMessage(admitted);`;
  const module = new URL('../bundle/node/store.mjs', import.meta.url).href;
  const worker = () =>
    new Promise((resolve, reject) => {
      const thread = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), { workerData: { module, path, rules: LIMIT } });
      thread.once('message', resolve).once('error', reject);
    });
  const [left, right] = await Promise.all([worker(), worker()]);
  assert.equal(left + right, 10);
});
