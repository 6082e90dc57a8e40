// A policy in a store: the same interface as one in the process, and one state for all who open the file.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after } from 'node:test';

import { defineKeyed, definePolicy, schedule } from 'stanchion';
import { Store } from 'stanchion/store';
import { TestClock } from 'stanchion/testing';

const folder = mkdtempSync(join(tmpdir(), 'stanchion-stored-'));
after(() => rmSync(folder, { recursive: true }));
let files = 0;
const open = (options) => Store.open(join(folder, `${(files += 1)}.state`), options);
const CONFIG = {
  name: 'api',
  circuit: { consecutiveFailures: 2, openMs: 1000 },
  limits: [{ name: 'calls', capacity: 100, refillTokens: 1, refillIntervalMs: 1000 }],
  bulkhead: { maxConcurrent: 1, leaseMs: 300 },
};
const boom = new Error('boom');

/** The same work on a policy, whichever it is; what it saw. */
async function work(policy, clock) {
  const [seen, events] = [[], []];
  for (const type of ['open', 'halfOpen', 'close', 'admitted', 'rejected', 'settled'])
    policy.on(type, (event) => events.push(event.type));
  seen.push(await policy.execute(({ signal }) => signal.aborted));
  const permit = await policy.acquire({ cost: 10, holder: 'me' });
  seen.push(policy.peek().by, await permit.renew(), policy.explain().bulkhead.inFlight);
  await assert.rejects(policy.acquire(), { code: 'rejected', retryAfterMs: 300 });
  const waiting = policy.acquire({ waitMs: 200 });
  await clock.advance(20);
  seen.push(await permit.settle('success', { actualCost: 4 }));
  // The one that waits is told here; in another process it would look.
  await (await waiting).cancel();
  for (let i = 0; i < 2; i += 1)
    await assert.rejects(
      policy.execute(() => Promise.reject(boom), { timeoutMs: 100 }),
      boom,
    );
  const [refused] = await policy.acquireMany([{}]);
  seen.push(refused.toJSON(), policy.permit('0'.repeat(32)).isLeased);
  await clock.advance(1000);
  seen.push(await policy.trip(), await policy.reset(), await policy.execute(() => 5), policy.explain().limits[0].tokens);
  return { seen, events };
}

test('the retries of all who open the file draw on one budget', async () => {
  const clock = new TestClock();
  const store = open();
  const retry = { jitter: 'none', baseDelayMs: 10, budget: { capacity: 1, percent: 0, refillTokens: 1, refillIntervalMs: 4_000_000_000 } };
  const [one, other] = [0, 1].map(() => definePolicy({ name: 'api', retry }, { store, clock }));
  const given = [];
  other.on('giveUp', ({ why }) => given.push(why));
  let calls = 0;
  const fails = () => {
    calls += 1;
    throw boom;
  };
  for (const policy of [one, other]) {
    const call = assert.rejects(policy.execute(fails, { isIdempotent: true }), boom);
    // The file answers in real time.
    for (let i = 0; i < 20; i += 1) await clock.advance(1);
    await call;
  }
  assert.deepEqual([calls, given], [3, ['budget']]);
});

test('what runs by itself runs once for each slot, whoever of those who share the file comes first', async () => {
  const clock = new TestClock();
  const store = open();
  const runs = [];
  const loops = ['one', 'other'].map((name) => {
    const policy = definePolicy({ name: 'beat', schedule: { intervalMs: 60_000 } }, { store, clock });
    return schedule(policy, () => void runs.push([clock.now(), name]));
  });
  for (let i = 0; i < 240; i += 1) await clock.advance(1000);
  await Promise.all(loops.map((loop) => loop.stop()));
  const slots = runs.map(([at]) => at);
  assert.deepEqual([slots.length, new Set(slots).size, new Set(slots.map((at) => at % 60_000)).size], [4, 4, 1]);
});

test('the same work says the same in the process and in a store', async () => {
  const [here, there] = [new TestClock(), new TestClock()];
  const local = await work(definePolicy(CONFIG, { clock: here }), here);
  const stored = await work(definePolicy(CONFIG, { clock: there, store: open() }), there);
  assert.deepEqual(stored, local);
});

test('two policies over one key of a file share its state, and its bytes go both ways', async () => {
  const store = open();
  const [left, right] = [store.policy(CONFIG), store.policy(CONFIG)];
  assert.equal(store.keys().length, 0);
  await right.restore(left.snapshot());
  assert.deepEqual([store.keys().length, right.explain().circuit.consecutiveFailures.count], [1, 0]);
  await assert.rejects(right.restore(new Uint8Array()), ({ name }) => name === 'StoreError' || name === 'StateError');
  const permit = await left.acquire();
  await assert.rejects(right.acquire(), { by: { gate: 'bulkhead' } });
  assert.equal(await right.permit(String(permit)).settle('failure'), 'counted');
  assert.equal(left.explain().circuit.consecutiveFailures.count, 1);
  const local = definePolicy(CONFIG);
  await local.restore(left.snapshot());
  assert.equal(local.explain().circuit.consecutiveFailures.count, 1);
  await right.reset();
  await left.restore(local.snapshot());
  assert.equal(right.explain().circuit.consecutiveFailures.count, 1);
});

test('keys of a file have states of their own', async () => {
  const store = open();
  const users = defineKeyed({ ...CONFIG, name: 'users' }, { store });
  const held = await users.of('ann').acquire();
  assert.equal((await users.of('bob').acquire()).admitted, true);
  await assert.rejects(users.of('ann').acquire(), { by: { gate: 'bulkhead' } });
  await held.cancel();
  users.of('ann')[Symbol.dispose]();
  assert.equal((await users.of('cyd').acquire()).admitted, true);
  assert.deepEqual(
    store.keys().map(({ key }) => key),
    ['users/ann', 'users/bob', 'users/cyd'],
  );
  users[Symbol.dispose]();
  assert.throws(() => users.of('dan'), { code: 'policy_freed' });
});

test('who waits for what all wait for comes later by the jitter that `random` draws', async () => {
  for (const [drawn, ms] of [[0, 1000], [0.5, 1005], [0.999, 1010]]) {
    const clock = new TestClock();
    const limits = [{ name: 'calls', capacity: 1, refillTokens: 1, refillIntervalMs: 1000 }];
    const policy = open().policy({ name: 'api', limits }, { clock, random: () => drawn });
    await policy.acquire();
    let isIn = false;
    const waiting = policy.acquire({ waitMs: 5000 }).then(() => (isIn = true));
    await clock.advance(ms - 1);
    assert.equal(isIn, false);
    await clock.advance(1);
    assert.equal(await waiting, true);
  }
});

test('who waits for a slot that others hold looks at half of the time to all of it, as `random` draws', async () => {
  for (const [drawn, ms] of [[0, 4], [0.999, 3]]) {
    const clock = new TestClock();
    const policy = open().policy(CONFIG, { clock, random: () => drawn });
    await policy.acquire();
    const waiting = policy.acquire({ waitMs: 100 }).catch((error) => error.code);
    await clock.advance(0);
    let asked = 0;
    policy.on('stored', () => (asked += 1));
    await clock.advance(ms - 1);
    assert.equal(asked, 0);
    await clock.advance(1);
    assert.equal(asked, 1);
    await clock.advance(1000);
    assert.equal(await waiting, 'rejected');
  }
});

test('who waits finds out by itself what another one gave back', async () => {
  const store = open();
  const held = await store.policy(CONFIG).acquire();
  const waiting = store.policy(CONFIG).acquire({ waitMs: 10_000 });
  await held.settle('success');
  assert.equal((await waiting).admitted, true);
});

test("without the file, the policy's word decides, and every answer says degraded", async () => {
  const store = open({ waitMs: 5 });
  const [admits, rejects] = [store.policy(CONFIG), store.policy({ ...CONFIG, onStoreError: 'reject' })];
  const events = [];
  for (const policy of [admits, rejects]) policy.on('degraded', ({ error }) => events.push(error.code));
  await store.transact('other', () => {
    // The lock is held here, by this very thread: both are begun now, and come to nothing before it is given back.
    events.admitted = admits.execute(() => 'called');
    events.rejected = rejects.execute(assert.fail).catch((error) => error);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60);
    return null;
  });
  assert.equal(await events.admitted, 'called');
  const error = await events.rejected;
  assert.deepEqual(
    [error.code, error.status, error.by, error.retryAfterMs, error.degraded.code],
    ['store_unavailable', 503, null, null, 'busy'],
  );
  assert.deepEqual(events.slice(0, 2), ['busy', 'busy']);
});

test('an option that there is not is refused where a store is opened and used, too', async () => {
  const wrong = { name: 'InputError', field: 'wait', message: /expected no field of that name, only `/ };
  assert.throws(() => open({ wait: 5 }), wrong);
  const store = open();
  assert.throws(() => store.policy(CONFIG, { wait: 5 }), wrong);
  assert.throws(() => store.keyed(CONFIG, { wait: 5 }), wrong);
  await assert.rejects(store.policy(CONFIG).acquireMany([{}, { wait: 5 }]), wrong);
  assert.equal(store.policy(CONFIG).explain().bulkhead.inFlight, 0);
});

test('errors of a policy in a store name fields as they were written', () => {
  assert.throws(() => open().policy({ name: 'p', bulkhead: { maxConcurrent: 0 } }), {
    name: 'ConfigError',
    field: 'bulkhead.maxConcurrent',
  });
});

test('what the program closed is an error for all who still ask it, whatever the policy says of a store that is away', async () => {
  for (const onStoreError of ['admit', 'reject', 'local']) {
    const store = open();
    const config = { ...CONFIG, name: `closed-${onStoreError}`, retry: {}, onStoreError };
    const policy = definePolicy(config, { store });
    const users = defineKeyed(config, { store });
    const key = store.key({ name: 'k', bulkhead: { max_concurrent: 1 }, on_store_error: onStoreError }, 'k');
    const [permit, { permit: own }] = [await policy.acquire(), await key.acquire()];
    store.close();
    store[Symbol.dispose]();
    const closed = { name: 'StoreError', code: 'closed' };
    for (const late of [
      () => policy.acquire(),
      () => policy.execute(() => 1),
      () => policy.acquire({ waitMs: 50 }),
      () => policy.acquireMany([{}]),
      () => permit.settle('success'),
      () => permit.cancel(),
      () => permit.renew(),
      () => policy.trip(),
      () => policy.retry({ attempt: 1, beganAtMs: 1, retry: 'always' }),
      () => users.of('ann').acquire(),
      () => key.acquire(),
      () => key.settle(own, { outcome: 'success' }),
      () => store.remove('k'),
      () => store.transact('k', () => null),
    ])
      await assert.rejects(late, closed, String(late));
    for (const late of [() => policy.peek(), () => policy.explain(), () => key.snapshot(), () => store.keys(), () => store.read('k')])
      assert.throws(late, closed, String(late));
    assert.equal(permit.isUsed, false, 'nothing happened');
  }
});
