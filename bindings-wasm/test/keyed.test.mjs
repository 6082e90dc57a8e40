// A policy for many keys: states of their own, forgotten when they say nothing, in little memory.
import assert from 'node:assert/strict';
import test from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { defineKeyed } from '../dist/index.js';
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

test('a key costs its name and some 200 bytes', () => {
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
  assert(bytes <= 280, `${bytes.toFixed(0)} bytes a key`);
});
