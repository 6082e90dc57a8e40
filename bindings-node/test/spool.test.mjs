// The spool from Node: what waits, what goes out through the gates, what comes back, and what nobody delivers any more.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after } from 'node:test';

import { definePolicy } from 'stanchion';
import { Spool, StoreError } from 'stanchion/store';
import { TestClock } from 'stanchion/testing';

const folder = mkdtempSync(join(tmpdir(), 'stanchion-spool-'));
after(() => rmSync(folder, { recursive: true }));
let folders = 0;

async function build(config, path = join(folder, String((folders += 1)))) {
  const clock = new TestClock();
  const usual = { name: 'sync', circuit: { consecutiveFailures: 2, openMs: 60_000 }, spool: { baseDelayMs: 1000 } };
  const policy = definePolicy({ ...usual, ...config }, { clock });
  return { clock, policy, path, spool: await Spool.open(path, policy) };
}
const text = ({ payload }) => new TextDecoder().decode(payload);
const down = () => Promise.reject(new Error('down'));

test('what is handed in is delivered in its order, once it is acknowledged it is gone', async () => {
  const { spool } = await build();
  assert.deepEqual(await spool.append('a', { id: 'one' }), { appended: 'accepted', seq: 1, why: null });
  assert.deepEqual(await spool.append('a', { id: 'one' }), { appended: 'duplicate', seq: 1, why: null });
  for (const payload of ['b', 'c']) await spool.append(new TextEncoder().encode(payload));
  assert.deepEqual((await spool.items()).map(({ seq, id, bytes, status }) => [seq, id, bytes, status]), [
    [1, 'one', 1, 'waiting'],
    [2, null, 1, 'waiting'],
    [3, null, 1, 'waiting'],
  ]);
  const got = [];
  const drained = await spool.drain((delivery) => void got.push([delivery.seq, delivery.attempt, text(delivery)]));
  assert.deepEqual(got, [[1, 1, 'a'], [2, 1, 'b'], [3, 1, 'c']]);
  assert.deepEqual(drained, { delivered: 3, failed: 0, why: 'empty', nextAtMs: null });
  const { items, bytes, dead } = await spool.report();
  assert.deepEqual([items, bytes, dead], [0, 0, 0]);
});

test('while the server is down the circuit opens, and nothing is lost or spent', async () => {
  const { spool, clock, policy } = await build();
  for (let i = 0; i < 5; i += 1) await spool.append(`${i}`);
  const first = await spool.drain(down);
  assert.deepEqual([first.delivered, first.failed, first.why, first.nextAtMs], [0, 2, 'rejected', clock.now() + 60_000]);
  const attempts = (await spool.items()).map((item) => item.attempts);
  assert.deepEqual(attempts, [1, 1, 0, 0, 0]);
  await clock.advance(60_000);
  const got = [];
  assert.equal((await spool.drain((delivery) => void got.push(text(delivery)))).delivered, 5);
  assert.deepEqual([got.join(''), policy.explain().circuit.phase], ['01234', 'closed']);
});

test('what failed waits, and those behind it go on unless the order is strict', async () => {
  const fails = (seq) => (delivery) => (delivery.seq === seq ? down() : undefined);
  const loose = await build();
  for (const payload of ['a', 'b']) await loose.spool.append(payload);
  const { delivered, failed, why, nextAtMs } = await loose.spool.drain(fails(1));
  assert.deepEqual([delivered, failed, why, nextAtMs], [1, 1, 'wait', loose.clock.now() + 1000]);
  const strict = await build({ spool: { order: 'strict' } });
  for (const payload of ['a', 'b']) await strict.spool.append(payload);
  assert.equal((await strict.spool.drain(fails(1))).delivered, 0);
});

test('a letter that nobody will ever take is a dead one, to be looked at, brought back or thrown away', async () => {
  const { spool } = await build();
  await spool.append('bad');
  await spool.append('good');
  const isDead = (error) => error.message === 'bad';
  const drained = await spool.drain((delivery) => {
    if (text(delivery) === 'bad') throw new Error('bad');
  }, { isDead });
  assert.deepEqual([drained.delivered, drained.failed], [1, 1]);
  const [{ seq, status, why }] = await spool.deadLetters();
  assert.deepEqual([seq, status, why, new TextDecoder().decode(await spool.payload(seq))], [1, 'dead', 'refused', 'bad']);
  assert.equal((await spool.requeue(1)).settled, 'requeued');
  assert.equal((await spool.drain(() => {})).delivered, 1);
  assert.deepEqual([(await spool.remove(1)).settled, await spool.payload(1)], ['notFound', null]);
});

test('what became of a delivery can be judged, and a caller who leaves counts as no attempt', async () => {
  const { spool, clock } = await build();
  await spool.append('a');
  const retryAtMs = clock.now() + 90_000;
  const classify = () => ({ outcome: 'failure', retryAtMs });
  assert.equal((await spool.drain(() => 'later', { classify })).nextAtMs, retryAtMs);
  await clock.advance(90_000);
  const controller = new AbortController();
  await assert.rejects(spool.drain(() => controller.abort(new Error('left')), { signal: controller.signal }), /left/);
  await spool.append('b');
  const again = new AbortController();
  const hangs = () => new Promise(() => again.abort(new Error('left')));
  await assert.rejects(spool.drain(hangs, { signal: again.signal }), /left/);
  assert.deepEqual((await spool.items()).map(({ attempts, status }) => [attempts, status]), [[1, 'waiting'], [0, 'waiting']]);
});

test('what threw is not delivered, whatever it says of the server', async () => {
  const { spool } = await build();
  await spool.append('a');
  const gone = () => Promise.reject(Object.assign(new Error('the mailbox is gone'), { status: 404 }));
  const { delivered, failed } = await spool.drain(gone, { classify: () => 'success' });
  assert.deepEqual([delivered, failed, (await spool.items()).length], [0, 1, 1]);
});

test('what is told to come later waits without an attempt, and what waits for nothing counts one', async () => {
  for (const [verdict, waitMs, attempts] of [
    [{ outcome: 'ignored' }, 1000, 1],
    [{ outcome: 'ignored', block: { forMs: 7000 } }, 7000, 0],
    [undefined, 9000, 0],
  ]) {
    const { spool, clock } = await build({ block: {} });
    const within = definePolicy({ name: 'within', block: {} }, { clock });
    await within.block({ forMs: 9000 });
    await spool.append('a');
    const deliver = () => (verdict === undefined ? within.execute(() => {}) : down());
    const { delivered, failed } = await spool.drain(deliver, { classify: () => verdict });
    const [item] = await spool.items();
    assert.deepEqual([delivered, failed, item.attempts, item.atMs - clock.now()], [0, 1, attempts, waitMs]);
  }
});

test('two that have it open share it: a lease holds until its end, and is renewed while a delivery runs', async () => {
  const { spool, path, policy, clock } = await build({ spool: { leaseMs: 3000 } });
  const other = await Spool.open(path, policy);
  await spool.append('a');
  let end;
  const draining = spool.drain(() => new Promise((resolve) => (end = resolve)));
  for (let i = 0; i < 200 && end === undefined; i += 1) await clock.advance(1);
  for (let i = 0; i < 10; i += 1) {
    await clock.advance(1000);
    await spool.report(); // so that the thread pool has done what it was asked for
  }
  const { delivery, wait } = await other.lease();
  assert.deepEqual([delivery, wait.by], [null, 'lease']);
  end();
  assert.equal((await draining).delivered, 1);
});

test('a lease of one\'s own is settled by its number', async () => {
  const { spool } = await build();
  await spool.append('a');
  const { delivery } = await spool.lease();
  assert.equal((await spool.renew(delivery)).settled, 'renewed');
  assert.equal((await spool.settle(delivery, 'ignored')).settled, 'returned');
  assert.equal((await spool.settle(delivery, 'failure')).settled, 'leaseLost');
  await assert.rejects(spool.settle(delivery, 'perhaps'), (error) => error.code === 'invalid_input');
});

test('it is drained again and again until it is stopped', async () => {
  const policy = definePolicy({ name: 'sync', spool: { baseDelayMs: 1 } });
  const spool = await Spool.open(join(folder, 'again'), policy);
  const got = [];
  const draining = spool.keepDraining((delivery) => {
    got.push(`${text(delivery)}${delivery.attempt}`);
    if (delivery.attempt === 1) throw new Error('once more');
  }, { pollMs: 60_000, keepsAlive: true });
  const delivered = new Promise((resolve) => policy.on('settled', ({ outcome }) => outcome === 'success' && resolve()));
  await spool.append('a');
  await delivered;
  await draining.stop();
  assert.deepEqual(got, ['a1', 'a2']);
  await spool.append('b');
  assert.equal((await spool.report()).items, 1);
});

test('an option that there is not is refused', async () => {
  const { path, policy, spool } = await build();
  const wrong = { name: 'InputError', field: 'ids', value: '5' };
  await assert.rejects(Spool.open(path, policy, { ids: 5 }), wrong);
  await assert.rejects(spool.append('a', { ids: 5 }), wrong);
  await assert.rejects(spool.settle({ seq: 1, lease: 1 }, 'success', { ids: 5 }), wrong);
  await assert.rejects(spool.settle({ seq: 1, lease: 1 }, 'failure', { notBeforeMs: NaN }), { field: 'notBeforeMs', value: 'NaN' });
  await assert.rejects(spool.drain(assert.fail, { ids: 5 }), wrong);
  assert.throws(() => spool.keepDraining(assert.fail, { ids: 5 }), wrong);
});

test('a policy without a spool, and a folder that is none, are errors', async () => {
  const isNoSpool = (error) => error instanceof StoreError && error.code === 'no_spool';
  await assert.rejects(Spool.open(join(folder, 'none'), definePolicy({ name: 'p' })), isNoSpool);
  await assert.rejects(Spool.open('/dev/null', (await build()).policy), StoreError);
});
