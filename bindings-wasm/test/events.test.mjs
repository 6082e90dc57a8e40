// Events: typed names, in order; a listener that throws loses nothing; an iterator that is bounded.
import assert from 'node:assert/strict';
import test from 'node:test';

import { defineKeyed, definePolicy } from '../dist/index.js';
import { TestClock } from '../dist/testing.js';

const CONFIG = { name: 'api', circuit: { consecutiveFailures: 1, openMs: 100 }, block: {}, bulkhead: { maxConcurrent: 1 } };
const build = () => {
  const clock = new TestClock();
  return { clock, guard: definePolicy(CONFIG, { clock }) };
};
const fails = () => Promise.reject(new Error('boom'));

test("a circuit's life, as it is told", async () => {
  const { guard, clock } = build();
  const seen = [];
  for (const type of ['open', 'halfOpen', 'close', 'rejected', 'admitted', 'settled', 'block', 'unblock', 'reset', 'modeChange']) {
    guard.on(type, (event) =>
      seen.push(
        [event.type, event.policy, event.rejection?.by.gate ?? event.outcome].filter((part) => part !== undefined).join(' '),
      ),
    );
  }
  await guard.execute(() => clock.advance(5));
  await guard.execute(fails).catch(() => {});
  guard.tryAcquire();
  await clock.advance(100);
  await guard.execute(() => {});
  await guard.block({ forMs: 5 });
  await guard.unblock();
  await guard.disable();
  await guard.reset();
  assert.deepEqual(seen, [
    'admitted api',
    'settled api success',
    'admitted api',
    'open api',
    'settled api failure',
    'rejected api circuit',
    'halfOpen api',
    'admitted api',
    'close api',
    'settled api success',
    'block api',
    'unblock api',
    'modeChange api',
    'reset api',
  ]);
});

test('a settled call tells how long it took', async () => {
  const { guard, clock } = build();
  const took = [];
  guard.on('settled', ({ durationMs }) => took.push(durationMs));
  await guard.execute(() => clock.advance(5));
  await guard.permit((await guard.acquire()).toString()).settle('success');
  assert.deepEqual(took, [5, undefined]);
});

test('a listener that throws loses no settle and no call, and is heard of', async (t) => {
  const { guard } = build();
  const told = [];
  const uncaught = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  const caught = [];
  process.on('uncaughtException', (error) => caught.push(error.message));
  t.after(() => {
    process.removeAllListeners('uncaughtException');
    for (const listener of uncaught) process.on('uncaughtException', listener);
  });
  guard.on('admitted', () => {
    throw new Error('mine');
  });
  guard.on('admitted', () => told.push('admitted'));
  assert.equal(await guard.execute(() => 7), 7);
  await new Promise(setImmediate);
  assert.deepEqual([caught, told, guard.explain().bulkhead.inFlight], [['mine'], ['admitted'], 0]);
});

test('a listener may ask the policy, and is taken away again', async () => {
  const { guard } = build();
  let count = 0;
  const off = guard.on('admitted', () => {
    count += 1;
    guard.explain();
    guard.tryAcquire();
  });
  const permit = await guard.acquire();
  assert.equal(await permit.settle('success'), 'counted');
  off();
  off();
  await guard.execute(() => {});
  assert.equal(count, 1);
});

test('`once` hears the next one, and `off` takes a listener away however it came', async () => {
  const { guard } = build();
  const heard = [];
  const listener = ({ type }) => heard.push(type);
  guard.once('open', listener);
  for (let i = 0; i < 2; i += 1) {
    await guard.trip();
    await guard.reset();
  }
  assert.deepEqual(heard, ['open']);
  guard.on('block', listener);
  guard.on('block', listener);
  guard.once('block', listener);
  guard.off('block', listener);
  await guard.block({ forMs: 5 });
  const cancel = guard.once('unblock', listener);
  cancel();
  await guard.unblock();
  assert.deepEqual(heard, ['open']);
  const users = defineKeyed(CONFIG, { clock: new TestClock() });
  users.once('open', ({ key }) => heard.push(key));
  for (const key of ['ann', 'bob']) await users.of(key).trip();
  assert.deepEqual(heard, ['open', 'ann']);
});

test('an event that there is not is refused, and not awaited for ever', () => {
  const { guard } = build();
  for (const listen of ['on', 'once']) {
    for (const told of [guard, defineKeyed(CONFIG)]) {
      assert.throws(() => told[listen]('opened', () => {}), { name: 'InputError', field: 'type', value: 'opened', allowed: /`open`, `halfOpen`/ });
    }
  }
  assert.throws(() => guard.on('toString', () => {}), { field: 'type' });
  assert.equal(guard.common.events.isHeard, false);
});

test('an iterator tells everything until its signal, and keeps no more than it may', async () => {
  const { guard } = build();
  const controller = new AbortController();
  const seen = [];
  const reading = (async () => {
    for await (const { type } of guard.events({ signal: controller.signal, maxBuffered: 3 })) seen.push(type);
  })();
  for (let i = 0; i < 4; i += 1) guard.tryAcquire();
  await new Promise(setImmediate);
  await guard.trip();
  await new Promise(setImmediate);
  controller.abort();
  await reading;
  assert.deepEqual(seen, ['rejected', 'rejected', 'rejected', 'open']);
  assert.equal(guard.common.events.isHeard, false);
});
