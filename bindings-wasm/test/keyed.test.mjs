// A policy for many keys: states of their own, forgotten when they say nothing, in little memory.
import assert from 'node:assert/strict';
import test from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { defineKeyed, keyed } from '../dist/index.js';
import { TestClock } from '../dist/testing.js';

test('keys have states of their own, and one that says nothing is forgotten', async () => {
  const clock = new TestClock();
  const users = defineKeyed(
    { name: 'users', limits: [{ name: 'l', capacity: 1, refillTokens: 1, refillIntervalMs: 1000 }] },
    { clock, maxKeys: 3 },
  );
  const [ann, bob] = [users.of('ann'), users.of('bob')];
  assert.deepEqual(
    [ann.tryAcquire(), ann.tryAcquire(), bob.tryAcquire()].map(({ admitted }) => admitted),
    [true, false, true],
  );
  assert.equal(users.of('ann').tryAcquire().admitted, false);
  users.of('cyd').tryAcquire();
  assert.throws(() => users.of('dan').tryAcquire(), { code: 'too_many_keys' });
  await clock.advance(1000);
  assert.equal(users.of('dan').tryAcquire().admitted, true);
  assert.equal(users.size, 1);
  // The old views find their keys anew: none of them decides over another's state.
  assert.deepEqual(
    [ann.tryAcquire().admitted, users.of('dan').tryAcquire().admitted, bob.tryAcquire().admitted],
    [true, false, true],
  );
  users[Symbol.dispose]();
  assert.throws(() => users.of('ann').tryAcquire(), { code: 'policy_freed' });
});

test('more keys than live at once keep their states, also by views that were made before', () => {
  const KEYS = 1000;
  const clock = new TestClock();
  const users = keyed(
    'users',
    { circuit: { consecutiveFailures: 3 }, limits: [{ name: 'l', capacity: 5, refillTokens: 1, refillIntervalMs: 60_000 }] },
    { clock },
  );
  const views = Array.from({ length: KEYS }, (_, i) => users.of(`user-${i}`));
  const left = (view) => view.explain().limits[0].tokens;
  for (let round = 0; round < 3; round += 1) {
    for (const [i, view] of views.entries()) if (i % 4 > round) view.tryAcquire().settle('failure');
  }
  assert.deepEqual(views.map(left), Array.from(views, (_, i) => 5 - (i % 4)));
  assert.deepEqual(
    views.map((view) => view.tryAcquire().admitted),
    Array.from(views, (_, i) => i % 4 !== 3),
  );
});

test('a number of a forgotten key is given again, to a state that is new', async () => {
  const clock = new TestClock();
  const users = keyed('users', { limits: [{ name: 'l', capacity: 2, refillTokens: 1, refillIntervalMs: 1000 }] }, { clock });
  const use = (from) => {
    for (let i = from; i < from + 600; i += 1) assert.equal(users.of(`user-${i}`).tryAcquire().admitted, true);
  };
  use(0);
  await clock.advance(1000);
  use(600);
  assert(users.size < 700, `${users.size} keys are kept`);
  for (let i = 600; i < 1200; i += 1) assert.equal(users.of(`user-${i}`).explain().limits[0].tokens, 1);
});

test('an hour of failure is seven attempts, whatever may be forgotten meanwhile', async () => {
  const clock = new TestClock();
  const users = keyed(
    'users',
    { circuit: { consecutiveFailures: 3, openMs: 300_000, openMultiplier: 2, openMaxMs: 1_200_000 } },
    { clock, maxKeys: 5 },
  );
  let attempts = 0;
  for (let minute = 0; minute < 60; minute += 1) {
    const call = users.of('ann').tryAcquire();
    if (call.admitted) {
      attempts += 1;
      await call.settle('failure');
    }
    await users.of(`user-${minute}`).tryAcquire().settle('success');
    await clock.advance(60_000);
  }
  assert.equal(attempts, 7);
});

test('a key costs at most 200 bytes, its name included', () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc');
  const COUNT = 100_000;
  const used = () => {
    gc();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const users = defineKeyed({
    name: 'u',
    circuit: { consecutiveFailures: 5 },
    limits: [{ name: 'l', capacity: 9, refillTokens: 1, refillIntervalMs: 60_000 }],
  });
  users.of('0').tryAcquire();
  const before = used();
  for (let i = 0; i < COUNT; i += 1) users.of(`user-${i}`).tryAcquire();
  const bytes = (used() - before) / COUNT;
  users[Symbol.dispose]();
  assert(bytes <= 200, `${bytes.toFixed(0)} bytes a key`);
});
