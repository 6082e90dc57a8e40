// The ladder of a recovery with functions as steps, and what a supervisor makes of it. On a clock moved by hand.
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import test from 'node:test';

import { RecoveryError, definePolicy, recover, supervise } from '../dist/index.js';
import { TestClock } from '../dist/testing.js';

const LADDER = {
  steps: [
    { name: 'refresh', maxAttempts: 2, baseDelayMs: 1000 },
    { name: 'recreate', maxAttempts: 1, leaseMs: 30_000 },
  ],
  sessionLost: 'recreate',
};

function build(recovery = LADDER) {
  const clock = new TestClock();
  return { clock, policy: definePolicy({ name: 'mail', recovery }, { clock }) };
}

/** Steps that fail so often each, and what was called. */
function steps(failures) {
  const calls = [];
  const step = (name) => ({ attempt, fault }) => {
    calls.push(`${name} ${attempt} ${fault.class}`);
    if (failures[name]-- > 0) throw new Error(`${name} failed`);
  };
  return { calls, refresh: step('refresh'), recreate: step('recreate') };
}

async function within(clock, promise, ms) {
  const ended = promise.then((value) => ({ value }), (error) => ({ error }));
  await clock.advance(ms);
  return ended;
}

test('the ladder is climbed until something helps', async () => {
  const { clock, policy } = build();
  const { calls, ...ladder } = steps({ refresh: 2, recreate: 0 });
  const recovered = recover(policy, 'transient', ladder);
  await clock.advance(999);
  assert.deepEqual(calls, ['refresh 1 transient']);
  assert.deepEqual(await within(clock, recovered, 60_000), { value: { by: 'step', step: 'recreate' } });
  assert.deepEqual(calls, ['refresh 1 transient', 'refresh 2 transient', 'recreate 1 transient']);
});

test('the kind of fault says where it begins, and a step that failed may say another', async () => {
  const { clock, policy } = build();
  const lost = steps({ refresh: 0, recreate: 0 });
  assert.deepEqual(await within(clock, recover(policy, { class: 'sessionLost' }, lost), 0), { value: { by: 'step', step: 'recreate' } });
  const other = build();
  const ladder = steps({ refresh: 1, recreate: 0 });
  const recovered = recover(other.policy, 'unauthenticated', ladder, { faultOf: () => 'sessionLost' });
  assert.deepEqual(await within(other.clock, recovered, 0), { value: { by: 'step', step: 'recreate' } });
});

test('it is given up when all is spent, and at once for what nothing helps against', async () => {
  const { clock, policy } = build();
  const { error } = await within(clock, recover(policy, 'transient', steps({ refresh: 9, recreate: 9 })), 60_000);
  assert(error instanceof RecoveryError);
  assert.deepEqual([error.code, error.policy, error.cause.message], ['exhausted', 'mail', 'recreate failed']);
  assert.deepEqual((await policy.health()).reasons, ['gave_up']);
  await policy.reset();
  assert.equal((await within(clock, recover(policy, 'fatal', {}), 0)).error.code, 'fatal');
  assert.equal((await within(build().clock, recover(definePolicy({ name: 'p' }), 'transient', {}), 0)).error.code, 'no_recovery');
  assert.deepEqual(await recover(build().policy, 'cancelled', {}), { by: 'nobody' });
});

test('who comes meanwhile waits for the one who is at it', async () => {
  const { clock, policy } = build();
  let calls = 0;
  let end;
  const ladder = { refresh: () => new Promise((resolve) => ((calls += 1), (end = resolve))) };
  const [first, second] = [recover(policy, 'transient', ladder), recover(policy, 'transient', ladder)];
  await clock.advance(10);
  end();
  assert.deepEqual(await Promise.all([first, second]), [{ by: 'step', step: 'refresh' }, { by: 'another' }]);
  assert.equal(calls, 1);
});

test('a step that takes long keeps its lease, and another process waits until it is over', async () => {
  const { clock, policy } = build({ steps: [{ name: 'refresh', leaseMs: 3000 }] });
  let end;
  const first = recover(policy, 'transient', { refresh: () => new Promise((resolve) => (end = resolve)) });
  await clock.advance(10_000);
  assert.deepEqual((await policy.recover({ class: 'transient' })).why, 'inProgress');
  end();
  await clock.advance(0);
  assert.deepEqual(await first, { by: 'step', step: 'refresh' });
});

test('the caller ends it: what was begun counts as nothing', async () => {
  const { clock, policy } = build();
  const controller = new AbortController();
  const untilAborted = ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  const recovered = recover(policy, 'transient', { refresh: untilAborted }, { signal: controller.signal });
  await clock.advance(10);
  controller.abort('enough');
  assert.deepEqual(await within(clock, recovered, 0), { error: 'enough' });
  const again = await policy.recover({ class: 'transient' });
  assert.deepEqual([again.recovery, again.step, again.attempt], ['do', 'refresh', 1]);
});

test('a step without a function is an error that names it', async () => {
  const { clock, policy } = build();
  const { error } = await within(clock, recover(policy, 'transient', {}), 0);
  assert.deepEqual([error.code, /`refresh`/.test(error.message)], ['no_step', true]);
});

const RESTARTS = { steps: [{ name: 'restart', maxAttempts: 5, windowMs: 600_000, baseDelayMs: 0 }] };

test('at most so many restarts in a window, and no less', async () => {
  const { clock, policy } = build(RESTARTS);
  const worker = supervise(policy, async ({ start }) => {
    throw new Error(`crash ${start}`);
  });
  const { error } = await within(clock, worker.done, 60_000);
  assert.deepEqual([worker.starts, error.code, error.cause.message], [6, 'exhausted', 'crash 6'], 'the first start is no restart');
});

test('what ended well is done, or is started again where it should not end', async () => {
  const { clock, policy } = build(RESTARTS);
  const once = supervise(policy, () => 1);
  await within(clock, once.done, 0);
  assert.equal(once.starts, 1);
  const always = supervise(policy, () => 1, { restartsAlways: true });
  await within(clock, always.done, 60_000);
  assert.equal(always.starts, 6);
});

class Child extends EventEmitter {
  kill() {
    this.emit('exit', null, 'SIGTERM');
  }
}

test('a child process that ends badly is started again, and ended with the supervisor', async () => {
  const { clock, policy } = build(RESTARTS);
  const children = [];
  const worker = supervise(policy, () => children[children.push(new Child()) - 1]);
  await clock.advance(0);
  children[0].emit('exit', 1, null);
  await clock.advance(0);
  assert.deepEqual([children.length, worker.starts], [2, 2]);
  const stopped = worker.stop();
  await clock.advance(0);
  await stopped;
  await worker.done;
  assert.deepEqual([children.length, clock.pending], [2, 0]);
});

test('what an answer says is at fault goes to the ladder as it is', () => {
  const { clock, policy } = build();
  const untilMs = clock.now() + 7000;
  assert.deepEqual(policy.faultOf({ status: 429, retryAfter: '7' }), { class: 'throttled', untilMs });
  assert.deepEqual(policy.faultOf({ status: 429 }), { class: 'throttled' });
  assert.deepEqual([404, 401, 409, 400, 503].map((status) => policy.faultOf({ status }).class), [
    'sessionLost',
    'unauthenticated',
    'conflict',
    'fatal',
    'transient',
  ]);
  assert.equal(policy.faultOf({ status: 204 }), undefined);
  assert.deepEqual(policy.faultOf({ error: 'aborted' }), { class: 'cancelled' });
});
