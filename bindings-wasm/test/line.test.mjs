// Waiting: first in, first out, bounded, cancellable, never longer than is said, and nobody is in another's way.
import assert from 'node:assert/strict';
import test from 'node:test';

import fc from 'fast-check';

import { definePolicy } from '../dist/index.js';
import { TestClock } from '../dist/testing.js';

const LIMIT = { name: 'calls', capacity: 1, refillTokens: 1, refillIntervalMs: 1000 };
const limited = (options) => {
  const clock = new TestClock();
  return { clock, guard: definePolicy({ name: 'api', limits: [LIMIT] }, { clock, ...options }) };
};
const single = (options) => {
  const clock = new TestClock();
  return { clock, guard: definePolicy({ name: 'api', bulkhead: { maxConcurrent: 1, leaseMs: 60_000 } }, { clock, ...options }) };
};
const code = (error) => error.code ?? error.message;

test('who waits is let in by retry_after, in order', async () => {
  const { guard, clock } = limited();
  const start = clock.now();
  const order = [];
  const wait = (name) => guard.acquire({ waitMs: 5000 }).then(() => order.push([name, clock.now() - start]));
  const all = Promise.all(['a', 'b', 'c', 'd'].map(wait));
  await clock.advance(5000);
  await all;
  assert.deepEqual(order, [
    ['a', 0],
    ['b', 1000],
    ['c', 2000],
    ['d', 3000],
  ]);
  assert.equal(clock.pending, 0);
});

test('a slot that is given back goes to the first who waits, at once', async () => {
  const { guard, clock } = single();
  const held = guard.tryAcquire();
  const order = [];
  const waiting = ['a', 'b'].map((name) => guard.execute(() => order.push(name), { waitMs: 1000 }));
  await clock.advance(10);
  assert.deepEqual(order, []);
  await held.settle('success');
  await Promise.all(waiting);
  assert.deepEqual(order, ['a', 'b']);
  await clock.advance(0);
});

test('a wait that cannot help is refused at once, one for a slot goes on to its end', async () => {
  const { guard, clock } = limited();
  guard.tryAcquire();
  await assert.rejects(guard.acquire({ waitMs: 999 }), { code: 'rejected', retryAfterMs: 1000 });
  const { guard: slots, clock: other } = single();
  slots.tryAcquire();
  const refused = slots.acquire({ waitMs: 50 }).catch((error) => [error.code, error.by.gate, error.retryAfterMs]);
  let isOver = false;
  refused.then(() => (isOver = true));
  await other.advance(49);
  assert.equal(isOver, false);
  await other.advance(1);
  assert.deepEqual(await refused, ['rejected', 'bulkhead', 59_950]);
  assert.equal(clock.pending + other.pending, 0);
});

test('the deadline bounds the wait, too', async () => {
  const { guard, clock } = single();
  guard.tryAcquire();
  const refused = guard.execute(assert.fail, { waitMs: 1000, deadlineMs: 20 }).catch(code);
  await clock.advance(20);
  assert.equal(await refused, 'rejected');
});

test("what is left of the deadline after the wait is the call's", async () => {
  const { guard, clock } = single();
  const held = guard.tryAcquire();
  const start = clock.now();
  let ended;
  const late = guard
    .execute(() => new Promise(() => {}), { waitMs: 1000, deadlineMs: 100 })
    .catch((error) => ((ended = clock.now() - start), error.by));
  await clock.advance(40);
  await held.settle('success');
  await clock.advance(100);
  assert.deepEqual([await late, ended], ['deadlineMs', 100]);
});

test('the line is bounded', async () => {
  const { guard, clock } = single({ maxWaiting: 1 });
  const held = guard.tryAcquire();
  const first = guard.acquire({ waitMs: 100 });
  await clock.advance(0);
  await assert.rejects(guard.acquire({ waitMs: 100 }), { code: 'queue_full', by: { gate: 'bulkhead' } });
  await held.cancel();
  await (await first).settle('success');
  assert.equal((await guard.acquire({ waitMs: 100 })).admitted, true);
});

test('who gives up leaves the line, and the next one is let in', async () => {
  const { guard, clock } = single();
  const held = guard.tryAcquire();
  const [first, second] = [new AbortController(), new AbortController()];
  const waits = [first, second].map(({ signal }) =>
    guard.acquire({ waitMs: 1000, signal }).then((permit) => permit.admitted, code),
  );
  const third = guard.acquire({ waitMs: 1000 });
  await clock.advance(1);
  first.abort(new Error('left'));
  assert.equal(await waits[0], 'left');
  second.abort(new Error('left, too'));
  await held.settle('success');
  assert.deepEqual([await waits[1], (await third).admitted], ['left, too', true]);
});

test('who aborts in the moment of its admission holds nothing', async () => {
  const { guard, clock } = single();
  const held = guard.tryAcquire();
  const controller = new AbortController();
  const wait = guard.acquire({ waitMs: 1000, signal: controller.signal }).catch(code);
  await clock.advance(1);
  const settled = held.settle('success');
  controller.abort(new Error('left'));
  await settled;
  assert.equal(await wait, 'left');
  assert.equal(guard.explain().bulkhead.inFlight, 0);
});

test('a first in line whose timers are gone does not block those behind it', async () => {
  const clock = new TestClock();
  const dying = { isDead: true };
  // An edge runtime that drops the timers of a request that ended: here those of the first who waits.
  const mortal = {
    now: () => clock.now(),
    clearTimeout: (timer) => clock.clearTimeout(timer),
    setTimeout: (fn, ms) => (dying.isDead ? {} : clock.setTimeout(fn, ms)),
  };
  const guard = definePolicy({ name: 'api', limits: [LIMIT] }, { clock: mortal });
  guard.tryAcquire();
  let isFirstIn = false;
  guard.acquire({ waitMs: 60_000 }).then(() => (isFirstIn = true));
  await clock.advance(0);
  dying.isDead = false;
  const second = guard.acquire({ waitMs: 60_000 });
  await clock.advance(5000);
  assert.deepEqual([(await second).admitted, isFirstIn], [true, false]);
});

test('a circuit that probes lets the line in when the probe closes it', async () => {
  const clock = new TestClock();
  const guard = definePolicy({ name: 'api', circuit: { consecutiveFailures: 1, openMs: 100 } }, { clock });
  await guard.trip();
  await clock.advance(100);
  const probe = guard.tryAcquire();
  const waiting = guard.acquire({ waitMs: 1000 });
  await clock.advance(10);
  await probe.settle('success');
  assert.equal((await waiting).admitted, true);
});

// Calls that come, wait, give up, hold a slot for a while; in any order and of any patience.
const call = fc.record({ atMs: fc.nat(300), waitMs: fc.nat(300), holdMs: fc.nat(60), abortAfterMs: fc.option(fc.nat(200)) });

test('over any history: in order, in time, bounded, and nothing is left behind', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(call, { minLength: 1, maxLength: 25 }),
      fc.integer({ min: 1, max: 3 }),
      async (calls, maxConcurrent) => {
        const clock = new TestClock();
        const guard = definePolicy({ name: 'api', bulkhead: { maxConcurrent, leaseMs: 60_000 } }, { clock, maxWaiting: 8 });
        const start = clock.now();
        const log = calls.map((entry, at) => ({
          ...entry,
          at,
          came: undefined,
          inAt: undefined,
          outAt: undefined,
          said: undefined,
        }));
        let inside = 0;
        for (const entry of log) {
          clock.setTimeout(() => {
            entry.came = clock.now() - start;
            const controller = new AbortController();
            if (entry.abortAfterMs !== null) clock.setTimeout(() => controller.abort(new Error('left')), entry.abortAfterMs);
            guard.acquire({ waitMs: entry.waitMs, signal: controller.signal }).then(
              (permit) => {
                entry.inAt = clock.now() - start;
                inside += 1;
                assert(inside <= maxConcurrent);
                clock.setTimeout(() => ((inside -= 1), permit.settle('success')), entry.holdMs);
              },
              (error) => ((entry.outAt = clock.now() - start), (entry.said = code(error))),
            );
          }, entry.atMs);
        }
        await clock.advance(2000);
        const cameInOrder = [...log].sort((a, b) => a.came - b.came || a.at - b.at);
        let last = -1;
        for (const entry of cameInOrder) {
          assert(entry.inAt !== undefined || ['rejected', 'queue_full', 'left'].includes(entry.said), JSON.stringify(entry));
          assert((entry.inAt ?? entry.outAt) - entry.came <= entry.waitMs, 'nobody waits longer than it said');
          if (entry.inAt === undefined || entry.waitMs === 0) continue;
          assert(entry.inAt >= last, 'first in, first out');
          last = entry.inAt;
        }
        assert.equal(guard.explain().bulkhead.inFlight, 0);
        assert.equal(clock.pending, 0);
      },
    ),
    { numRuns: Number(process.env.STANCHION_CASES ?? 60) },
  );
});
