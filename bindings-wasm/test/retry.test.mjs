// Retry around the gates: what is made again, when, within what bounds, and what listeners hear. On a clock moved by hand.
import assert from 'node:assert/strict';
import test from 'node:test';

import { definePolicy } from '../dist/index.js';
import { TestClock } from '../dist/testing.js';

const RETRY = { jitter: 'none', baseDelayMs: 100, maxAttempts: 3 };

function build(config, options) {
  const clock = new TestClock();
  const policy = definePolicy({ name: 'api', retry: RETRY, ...config }, { clock, ...options });
  const heard = [];
  for (const type of ['settled', 'retry', 'giveUp']) {
    policy.on(type, ({ outcome, waitMs, why }) => heard.push([type, outcome ?? waitMs ?? why]));
  }
  return { clock, policy, heard };
}

/** A function that fails so often, and then returns its attempt. */
const failing = (times, error = () => new Error('down')) => {
  const calls = [];
  return Object.assign(
    async (call) => {
      calls.push(call.attempt);
      if (calls.length <= times) throw error();
      return call.attempt;
    },
    { calls },
  );
};

/** Runs the clock until a promise is settled. */
async function within(clock, promise, ms = 60_000) {
  const ended = promise.then(
    (value) => ({ value }),
    (error) => ({ error }),
  );
  await clock.advance(ms);
  return ended;
}

test('what failed is made again after the backoff, each attempt through the gates', async () => {
  const { clock, policy, heard } = build({ circuit: { consecutiveFailures: 5 } });
  const fn = failing(2);
  const call = policy.execute(fn, { isIdempotent: true });
  await clock.advance(99);
  assert.deepEqual(fn.calls, [1]);
  await clock.advance(1);
  assert.deepEqual(fn.calls, [1, 2]);
  assert.deepEqual(await within(clock, call), { value: 3 });
  assert.deepEqual(heard, [['settled', 'failure'], ['retry', 100], ['settled', 'failure'], ['retry', 200], ['settled', 'success']]);
});

test('the last error is what comes back when no attempt is left', async () => {
  const { clock, policy, heard } = build();
  const { error } = await within(clock, policy.execute(failing(9), { isIdempotent: true }));
  assert.equal(error.message, 'down');
  assert.deepEqual(heard.at(-1), ['giveUp', 'attempts']);
});

test('what may have been processed is made again only where that does no harm', async () => {
  const { clock, policy, heard } = build();
  const fn = failing(1);
  assert.equal((await within(clock, policy.execute(fn))).error.message, 'down');
  assert.deepEqual([fn.calls, heard.at(-1)], [[1], ['giveUp', 'notIdempotent']]);
  const refused = () => Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
  assert.deepEqual(await within(clock, policy.execute(failing(1, refused))), { value: 2 }, 'nothing was sent');
});

test('a value is made again where the table says so, never before the server allows it', async () => {
  const { clock, policy } = build({ block: {} });
  const replies = [{ status: 429, retryAfter: '7' }, { status: 200 }];
  const classify = (ending) => (ending.isOk ? policy.verdict(ending.value) : undefined);
  const call = policy.execute(() => replies.shift(), { classify });
  await clock.advance(6_999);
  assert.equal(replies.length, 1);
  assert.deepEqual(await within(clock, call), { value: { status: 200 } });
});

test('an open circuit is waited for within waitMs, and not beyond', async () => {
  const config = { circuit: { consecutiveFailures: 1, openMs: 5000 } };
  const short = build(config);
  assert.equal((await within(short.clock, short.policy.execute(failing(1), { isIdempotent: true, waitMs: 4999 }))).error.message, 'down');
  assert.deepEqual(short.heard.at(-1), ['giveUp', 'circuit']);
  const long = build(config);
  assert.deepEqual(await within(long.clock, long.policy.execute(failing(1), { isIdempotent: true, waitMs: 5000 })), { value: 2 });
});

test('the caller ends it: by a deadline over all attempts, or by the signal while it waits', async () => {
  const { clock, policy, heard } = build();
  assert.equal((await within(clock, policy.execute(failing(9), { isIdempotent: true, deadlineMs: 299 }))).error.message, 'down');
  assert.deepEqual(heard.at(-1), ['giveUp', 'deadline']);
  const controller = new AbortController();
  const fn = failing(9);
  const call = policy.execute(fn, { isIdempotent: true, signal: controller.signal });
  await clock.advance(50);
  controller.abort(new Error('no longer wanted'));
  assert.equal((await within(clock, call)).error.message, 'no longer wanted');
  assert.deepEqual([fn.calls, clock.pending], [[1], 0]);
});

test('a refusal is no attempt: the first is thrown, and so is a later one', async () => {
  const { clock, policy } = build({ bulkhead: { maxConcurrent: 1 } });
  const held = await policy.acquire();
  const refused = (await within(clock, policy.execute(failing(0), { isIdempotent: true }), 1)).error;
  assert.deepEqual([refused.code, refused.by.gate], ['rejected', 'bulkhead']);
  await held.settle('success');
  const call = policy.execute(failing(1), { isIdempotent: true });
  await clock.advance(50);
  await policy.acquire();
  assert.equal((await within(clock, call, 100)).error.code, 'rejected');
});

test('all callers together make no more retries than the budget has', async () => {
  const budget = { capacity: 2, percent: 0, refillTokens: 1, refillIntervalMs: 4_000_000_000 };
  const { clock, policy, heard } = build({ retry: { ...RETRY, budget } });
  for (let i = 0; i < 5; i += 1) await within(clock, policy.execute(failing(1), { isIdempotent: true }), 100);
  assert.equal(heard.filter(([type]) => type === 'retry').length, 2);
  assert.deepEqual(heard.at(-1), ['giveUp', 'budget']);
});

test('the jitter is drawn by the host, and can be drawn by a test', async () => {
  const { clock, policy, heard } = build({ retry: { ...RETRY, jitter: 'full' } }, { random: () => 0.25 });
  await within(clock, policy.execute(failing(1), { isIdempotent: true }));
  assert.deepEqual(heard[1], ['retry', 25]);
});

test('it can be asked alone', async () => {
  const { clock, policy } = build();
  const beganAtMs = clock.now();
  const failed = { attempt: 1, beganAtMs, retry: 'idempotent' };
  assert.deepEqual(await policy.retry(failed), { retried: 'giveUp', why: 'notIdempotent' });
  assert.deepEqual(await policy.retry({ ...failed, isIdempotent: true }), { retried: 'retry', atMs: beganAtMs + 100, waitMs: 100 });
  await assert.rejects(policy.retry({ ...failed, attempt: 0 }), (error) => error.code === 'invalid_input' && error.field === 'attempt');
});

test('a call that its own function settled is left at that', async () => {
  const { clock, policy, heard } = build();
  const fn = async ({ permit }) => {
    await permit.settle('success');
    return 1;
  };
  assert.deepEqual(await within(clock, policy.execute(fn, { isIdempotent: true })), { value: 1 });
  assert.deepEqual(heard, [['settled', 'success']]);
});
