// The host layer: what `execute`, permits, timeouts, aborts, leases, classification and commands do, by a clock that a test moves.
import assert from 'node:assert/strict';
import test from 'node:test';

import {
  RejectedError,
  TimeoutError,
  defineKeyed,
  definePolicy,
  engine,
  guardFetch,
  isStanchionError,
  nest,
  policy,
  recover,
  schedule,
  supervise,
} from '../dist/index.js';
import { Ticker } from '../dist/clock.js';
import { TestClock } from '../dist/testing.js';

const GATES = {
  name: 'api',
  circuit: { consecutiveFailures: 2, openMs: 1000 },
  limits: [{ name: 'calls', capacity: 4, refillTokens: 1, refillIntervalMs: 1000 }],
  block: { afterBlockPercent: 100 },
  bulkhead: { maxConcurrent: 2, leaseMs: 300 },
};
const UNLIMITED = { name: 'u', circuit: { consecutiveFailures: 2 }, bulkhead: { maxConcurrent: 5, leaseMs: 300 } };
const boom = new Error('boom');
const fails = () => Promise.reject(boom);
const never = () => new Promise(() => {});

/** A policy over a clock of its own, and the names of its events. */
function guarded(config = GATES, options = {}) {
  const clock = new TestClock();
  const guard = definePolicy(config, { clock, ...options });
  const events = [];
  const listen = () => Object.values({ all: guard.common.events.on('*', ({ type }) => events.push(type)) });
  return { clock, guard, events, listen };
}

const inFlight = (guard) => guard.explain().bulkhead.inFlight;
const failures = (guard) => guard.explain().circuit.consecutiveFailures.count;

test('execute returns what the function returns, and settles a success', async () => {
  const { guard } = guarded();
  assert.equal(await guard.execute(() => 7), 7);
  assert.equal(await guard.execute(async () => 'later', { cost: 2 }), 'later');
  assert.deepEqual([inFlight(guard), failures(guard), guard.explain().limits[0].tokens], [0, 0, 1]);
});

test('execute throws what the function throws, at once or later, and settles a failure', async () => {
  for (const options of [undefined, { waitMs: 0 }]) {
    const { guard } = guarded();
    await assert.rejects(guard.execute(fails, options), boom);
    assert.equal(failures(guard), 1);
    await assert.rejects(
      guard.execute(() => {
        throw boom;
      }, options),
      boom,
    );
    assert.deepEqual([guard.explain().circuit.phase, inFlight(guard)], ['open', 0]);
  }
});

test('a refusal is a RejectedError with its gates, and nothing is called', async () => {
  const { guard, clock } = guarded();
  await guard.trip();
  await clock.advance(1);
  const error = await guard.execute(assert.fail).catch((rejected) => rejected);
  assert(error instanceof RejectedError && isStanchionError(error, 'RejectedError'));
  const { code, policy: name, by, gates, retryAfterMs, degraded, message } = error;
  const circuit = { gate: 'circuit' };
  assert.deepEqual(
    { code, name, by, gates, retryAfterMs, degraded },
    { code: 'rejected', name: 'api', by: circuit, gates: [circuit], retryAfterMs: 999, degraded: null },
  );
  assert.equal(message, '`api` is held up by its circuit: retry after 999 ms');
  assert.equal(error.status, 503);
  const limited = definePolicy({ name: 'l', limits: GATES.limits });
  await assert.rejects(limited.acquire({ cost: 5 }), { status: 429 });
  assert.equal(Error.stackTraceLimit, 10);
});

test('a refusal that no wait can help says so', async () => {
  const { guard } = guarded();
  const { by, gates, retryAfterMs } = guard.tryAcquire({ cost: 5 });
  assert.deepEqual([by, gates, retryAfterMs], [{ gate: 'limit', name: 'calls' }, [{ gate: 'limit', name: 'calls' }], Infinity]);
  await assert.rejects(guard.acquire({ cost: 5, waitMs: 1e6 }), /`api` is held up by its limit `calls`: waiting cannot help/);
});

test('tryAcquire answers at once and throws nothing', async () => {
  const { guard } = guarded({ name: 'p', bulkhead: { maxConcurrent: 1 } });
  const first = guard.tryAcquire({ holder: 'me' });
  assert.deepEqual([first.admitted, first.isLeased, first.isUsed], [true, true, false]);
  const second = guard.tryAcquire();
  assert.deepEqual(JSON.parse(JSON.stringify(second)), {
    admitted: false,
    by: { gate: 'bulkhead' },
    gates: [{ gate: 'bulkhead' }],
    retryAfterMs: 30_000,
  });
  assert.equal(await first.settle('success'), 'counted');
  assert.equal(guard.tryAcquire().admitted, true);
});

test('a permit is given back once, by settle, cancel, or its disposal', async () => {
  const { guard } = guarded();
  const permit = await guard.acquire({ cost: 2 });
  assert.equal(await permit.cancel(), 'counted');
  await assert.rejects(permit.settle('success'), { code: 'permit_used' });
  assert.equal(guard.explain().limits[0].tokens, 4);
  const dropped = await guard.acquire();
  dropped[Symbol.dispose]();
  dropped[Symbol.dispose]();
  await (await guard.acquire())[Symbol.asyncDispose]();
  assert.deepEqual([inFlight(guard), failures(guard), guard.explain().limits[0].tokens], [0, 0, 2]);
});

test('what is no outcome, cost or duration is refused by the name that it was written with, and the permit stays', async () => {
  const { guard } = guarded();
  const permit = await guard.acquire();
  await assert.rejects(permit.settle('fine'), { name: 'InputError', field: 'outcome', value: 'fine' });
  await assert.rejects(permit.settle('success', { durationMs: -1 }), {
    field: 'durationMs',
    value: '-1',
    message: /^`durationMs`/,
  });
  await assert.rejects(permit.settle('success', { actualCost: 0.5 }), { field: 'actualCost', value: '0.5' });
  await assert.rejects(guard.acquire({ cost: -1 }), { field: 'cost' });
  for (const option of ['waitMs', 'timeoutMs', 'deadlineMs']) {
    await assert.rejects(guard.execute(assert.fail, { [option]: NaN }), { name: 'InputError', field: option, value: 'NaN' });
  }
  assert.equal(await permit.settle('success'), 'counted');
});

/** Where options go in: misspelt ones say nothing, which nobody would notice. */
const MISSPELT = {
  execute: [(guard) => guard.execute(assert.fail, { timeout: 5 }), 'timeout', '5'],
  'execute of several': [(guard) => nest(guard).execute(assert.fail, { toString: 5 }), 'toString', '5'],
  acquire: [(guard) => guard.acquire({ wait: 5 }), 'wait', '5'],
  tryAcquire: [(guard) => guard.tryAcquire({ tokens: 2 }), 'tokens', '2'],
  acquireMany: [(guard) => guard.acquireMany([{}, { tokens: 2 }]), 'tokens', '2'],
  peek: [(guard) => guard.peek({ waitMs: 2 }), 'waitMs', '2'],
  settle: [async (guard) => (await guard.acquire()).settle('success', { duration: 2 }), 'duration', '2'],
  report: [(guard) => guard.report('success', { duration: 2 }), 'duration', '2'],
  block: [(guard) => guard.block({ until: 'soon' }), 'until', 'soon'],
  retry: [(guard) => guard.retry({ attempts: 1 }), 'attempts', '1'],
  run: [(guard) => guard.run('manual', { keys: 1 }), 'keys', '1'],
  recover: [(guard) => guard.recover({ class: 'fatal', until: 1 }), 'until', '1'],
  events: [(guard) => guard.events({ buffered: 1 }), 'buffered', '1'],
  definePolicy: [() => definePolicy(GATES, { maxWating: 5 }), 'maxWating', '5'],
  'definePolicy without a store': [() => definePolicy(GATES, { key: 'k' }), 'key', 'k'],
  defineKeyed: [() => defineKeyed(GATES, { maxKey: null }), 'maxKey', 'null'],
  guardFetch: [(guard) => guardFetch(guard, { timeout: () => 5 }), 'timeout', 'a function'],
  schedule: [(guard) => schedule(guard, assert.fail, { keepAlive: true }), 'keepAlive', 'true'],
  recovery: [(guard) => recover(guard, 'fatal', {}, { signals: {} }), 'signals', '{}'],
  supervise: [(guard) => supervise(guard, assert.fail, { restarts: 5n }), 'restarts', '5'],
};
for (const [where, [use, field, value]] of Object.entries(MISSPELT)) {
  test(`an option that there is not is refused: ${where}`, async () => {
    const { guard } = guarded();
    const error = await (async () => use(guard))().catch((refused) => refused);
    assert.deepEqual([error.name, error.code, error.field, error.value], ['InputError', 'invalid_input', field, value]);
    assert.match(error.message, new RegExp(`^\`${field}\`: got .*, expected no field of that name, only \``));
  });
}

test('a permit crosses as text', async () => {
  const { guard } = guarded();
  const permit = await guard.acquire();
  const there = guard.permit(JSON.parse(JSON.stringify({ permit })).permit);
  assert.equal(await there.settle('failure'), 'counted');
  assert.deepEqual([inFlight(guard), failures(guard)], [0, 1]);
  assert.equal(await permit.settle('success'), 'leaseLost');
});

test("durations are the clock's, so slow calls count", async () => {
  const { guard, clock } = guarded({
    name: 's',
    circuit: { slowCallMs: 100, slowCallRatePercent: 50, minimumCalls: 1, window: { calls: 2 } },
  });
  const wait = (ms) => guard.execute(() => clock.advance(ms));
  await wait(99);
  assert.equal(guard.explain().circuit.rates.slow, 0);
  await wait(100);
  assert.equal(guard.explain().circuit.reason, 'slowCallRate');
});

test('a call that takes too long is a TimeoutError and a failure, and its signal aborts', async () => {
  for (const [options, by, config] of [
    [{ timeoutMs: 50 }, 'timeoutMs', UNLIMITED],
    [{ deadlineMs: 50, timeoutMs: 60 }, 'deadlineMs', UNLIMITED],
    [undefined, 'callTimeoutMs', { ...UNLIMITED, callTimeoutMs: 50 }],
    [{ timeoutMs: 51 }, 'callTimeoutMs', { ...UNLIMITED, callTimeoutMs: 50 }],
  ]) {
    const { guard, clock } = guarded(config);
    let signal;
    const outcome = guard.execute((call) => ((signal = call.signal), never()), options).catch((error) => error);
    await clock.advance(49);
    assert.equal(signal.aborted, false);
    await clock.advance(1);
    const error = await outcome;
    assert(error instanceof TimeoutError && signal.reason === error);
    assert.deepEqual([error.code, error.by, error.timeoutMs], ['timeout', by, 50]);
    assert.deepEqual([failures(guard), inFlight(guard), clock.pending <= 1], [1, 0, true]);
  }
});

test('an abort by the caller rejects at once with its reason, and is ignored', async () => {
  const { guard, clock } = guarded(UNLIMITED);
  const controller = new AbortController();
  let call;
  const outcome = guard.execute((given) => ((call = given), never()), { signal: controller.signal }).catch((error) => error);
  await clock.advance(1);
  const reason = new Error('the user left');
  controller.abort(reason);
  assert.equal(await outcome, reason);
  assert.deepEqual([call.signal.aborted, call.signal.reason, call.permit.isUsed], [true, reason, true]);
  assert.deepEqual([failures(guard), inFlight(guard)], [0, 0]);
  await assert.rejects(guard.execute(assert.fail, { signal: controller.signal }), reason);
});

test('a late end of a call that was given up changes nothing', async () => {
  const { guard, clock } = guarded(UNLIMITED);
  let fail;
  const outcome = guard.execute(() => new Promise((_, reject) => (fail = reject)), { timeoutMs: 5 }).catch((error) => error);
  await clock.advance(5);
  assert.equal((await outcome).code, 'timeout');
  fail(boom);
  await clock.advance(1);
  assert.equal(failures(guard), 1);
});

test('a lease is renewed at each third while the call runs, with and without options', async () => {
  for (const options of [undefined, { timeoutMs: 1e6 }]) {
    const { guard, clock } = guarded(UNLIMITED);
    let end;
    const call = guard.execute(() => new Promise((resolve) => (end = resolve)), options);
    await clock.advance(1000);
    assert.equal(inFlight(guard), 1);
    end();
    await call;
    assert.equal(inFlight(guard), 0);
    await clock.advance(100);
    assert.equal(clock.pending, 0);
  }
});

test('no lease is renewed of a call that cannot outlive it', async () => {
  const { guard, clock } = guarded({ ...UNLIMITED, callTimeoutMs: 300 });
  const outcome = guard.execute(never).catch((error) => error);
  await clock.advance(0);
  assert.equal(clock.pending, 1);
  await clock.advance(300);
  assert.equal((await outcome).code, 'timeout');
});

test('a call whose lease was lost is told by its signal, and counts as nothing', async () => {
  const { guard, clock } = guarded(UNLIMITED);
  let signal;
  const call = guard
    .execute(
      (given) =>
        new Promise((_, reject) => {
          signal = given.signal;
          signal.addEventListener('abort', () => reject(signal.reason));
        }),
      { holder: 'worker' },
    )
    .catch((error) => error);
  await clock.advance(10);
  await guard.releaseHolder('worker');
  await clock.advance(100);
  assert.deepEqual([(await call).code, failures(guard), inFlight(guard)], ['lease_lost', 0, 0]);
});

test('the caller says what an end means, what it cost, and that a server wants to be left alone', async () => {
  const { guard } = guarded({ ...GATES, limits: [{ ...GATES.limits[0], capacity: 100 }] });
  const seen = [];
  await assert.rejects(guard.execute(fails, { classify: (ending, usual) => (seen.push([ending, usual]), 'ignored') }), boom);
  await guard.execute(() => 429, {
    classify: ({ value }) => (value === 429 ? { outcome: 'failure', block: { forMs: 5000 } } : undefined),
  });
  assert.deepEqual(seen, [[{ isOk: false, error: boom }, 'failure']]);
  assert.equal(failures(guard), 1);
  assert.deepEqual(guard.tryAcquire().by, { gate: 'block' });
  assert.equal(await guard.reset(), 'done');
  await guard.execute(() => ({ tokens: 10 }), { cost: 50, classify: ({ value }) => ({ actualCost: value.tokens }) });
  assert.equal(guard.explain().limits[0].tokens, 90);
});

test("a policy's own classification is asked where the call has none, and one that throws loses no settle", async () => {
  const { guard, listen, events } = guarded(UNLIMITED, { classify: () => 'ignored' });
  await assert.rejects(guard.execute(fails), boom);
  assert.equal(failures(guard), 0);
  listen();
  await assert.rejects(
    guard.execute(fails, {
      classify: () => {
        throw new Error('mine');
      },
    }),
    boom,
  );
  assert.deepEqual([failures(guard), inFlight(guard)], [1, 0]);
  assert.deepEqual(events, ['admitted', 'notSettled', 'settled']);
});

test('a verdict that is none loses no settle: the call counts as usual, and it is told', async () => {
  for (const verdict of ['fine', { actualCost: 12.5 }, { actualCost: NaN }, { outcome: 'fine' }, { outcom: 'success' }]) {
    const { guard, listen, events } = guarded();
    const told = [];
    guard.on('notSettled', ({ error }) => told.push(error.name));
    listen();
    await assert.rejects(guard.execute(fails, { classify: () => verdict }), boom);
    assert.deepEqual([failures(guard), inFlight(guard), told], [1, 0, ['InputError']]);
    assert.deepEqual(events, ['admitted', 'notSettled', 'settled']);
  }
});

test('a block that the policy has no gate for is told', async () => {
  const { guard } = guarded(UNLIMITED);
  const told = [];
  guard.on('notSettled', ({ error }) => told.push([error.field, error.message]));
  await guard.execute(() => {}, { classify: () => ({ block: { forMs: 5 } }) });
  assert.deepEqual(told, [['block', '`block`: got {"forMs":5}, expected nothing, as the policy `u` has no gate `block`']]);
});

test('whoever settles a call himself is left at that', async () => {
  const { guard } = guarded(UNLIMITED);
  await guard.execute(async ({ permit }) => void (await permit.settle('failure', { durationMs: 3 })));
  assert.deepEqual([failures(guard), inFlight(guard)], [1, 0]);
});

test('a refusal by a policy within is no failure of the one around it', async () => {
  const { guard: inner } = guarded();
  await inner.forceOpen();
  for (const options of [undefined, { waitMs: 0 }]) {
    const { guard: outer } = guarded(UNLIMITED);
    await assert.rejects(
      outer.execute(() => inner.execute(assert.fail), options),
      RejectedError,
    );
    assert.deepEqual([failures(outer), inFlight(outer)], [0, 0]);
  }
});

test('nested policies are taken all or none, and settled alike', async () => {
  const [{ guard: outer, clock }, { guard: inner }] = [guarded(), guarded(UNLIMITED)];
  const both = nest(outer, inner);
  assert.equal(await both.execute(({ signal }) => signal.aborted), false);
  await assert.rejects(both.execute(fails), boom);
  assert.deepEqual([failures(outer), failures(inner), inFlight(outer), inFlight(inner)], [1, 1, 0, 0]);
  await inner.trip();
  await assert.rejects(both.execute(assert.fail), { policy: 'u' });
  assert.equal(outer.explain().limits[0].tokens, 2);
  await inner.reset();
  const late = both.execute(never, { deadlineMs: 10 }).catch((error) => error);
  await clock.advance(10);
  assert.equal((await late).by, 'deadlineMs');
  assert.deepEqual([outer.explain().circuit.phase, failures(inner), inFlight(inner)], ['open', 1, 0]);
});

test('each of nested policies keeps to its own time', async () => {
  for (const order of [0, 1]) {
    const [{ guard: quick, clock }, { guard: slow }] = [guarded({ ...UNLIMITED, callTimeoutMs: 50 }), guarded(UNLIMITED)];
    const [outer, inner] = order === 0 ? [quick, slow] : [slow, quick];
    let signal;
    const late = nest(outer, inner).execute((call) => ((signal = call.signal), never())).catch((error) => error);
    await clock.advance(50);
    const { code, by, timeoutMs } = await late;
    assert.deepEqual([code, by, timeoutMs, signal.aborted], ['timeout', 'callTimeoutMs', 50, true]);
    assert.deepEqual([failures(quick), failures(slow), inFlight(quick), inFlight(slow)], [1, 1, 0, 0]);
  }
});

test('commands are methods, and explain tells what they did', async () => {
  const { guard, clock } = guarded();
  assert.equal(await guard.trip(), 'done');
  assert.equal(await guard.trip(), 'unchanged');
  assert.equal(await definePolicy({ name: 'none' }).trip(), 'noGate');
  assert.equal(await guard.reset(), 'done');
  assert.equal(await guard.forceOpen({ forMs: 10 }), 'done');
  assert.equal(guard.explain().circuit.mode, 'forcedOpen');
  assert.equal(guard.peek().retryAfterMs, 10);
  assert.equal(await guard.liftMode(), 'done');
  assert.equal(await guard.disable(), 'done');
  assert.equal(await guard.metricsOnly(), 'done');
  assert.equal(await guard.liftMode(), 'done');
  assert.equal(await guard.report('failure', { durationMs: 5 }), 'done');
  assert.equal(await guard.block({ untilMs: clock.now() + 5.5 }), 'done');
  assert.equal(guard.peek().retryAfterMs, 6);
  assert.equal(await guard.unblock(), 'done');
  assert.equal(await guard.block({ forMs: 1500.5 }), 'done');
  assert.equal(guard.peek().retryAfterMs, 1501);
});

const WAIT = 'a number from 0.001 to 4503599627370.495';
const BESIDE = { recovery: { steps: [{ name: 'again' }] }, schedule: { intervalMs: 1000 }, retry: {} };
for (const [said, wrong, field, value, allowed] of [
  ['block for no time', (guard) => guard.block({ forMs: 0 }), 'forMs', '0', 'a whole number from 1 to 4294967295'],
  ['block for NaN', (guard) => guard.block({ forMs: NaN }), 'forMs', '"NaN"'],
  ['block for text', (guard) => guard.block({ forMs: '5' }), 'forMs', '"5"'],
  ['block twice', (guard) => guard.block({ forMs: 5, untilMs: 5 }), 'forMs', '5', 'nothing beside `untilMs`'],
  ['block until the past', (guard) => guard.block({ untilMs: -1.5 }), 'untilMs', '-1.5', WAIT],
  ['block without an end', (guard) => guard.block({}), 'end', '{}', 'either `forMs` or `untilMs`'],
  ['force open until NaN', (guard) => guard.forceOpen({ untilMs: NaN }), 'untilMs', '"NaN"', WAIT],
  ['force open for ever', (guard) => guard.forceOpen({ forMs: Infinity }), 'forMs', '"Infinity"'],
  ['force open until undefined', (guard) => guard.forceOpen({ untilMs: undefined }), 'end', '{}'],
  ['report no outcome', (guard) => guard.report('fine'), 'outcome', '"fine"'],
  ['report NaN', (guard) => guard.report('success', { durationMs: NaN }), 'durationMs', '"NaN"'],
  ['report less than nothing', (guard) => guard.report('success', { durationMs: -1 }), 'durationMs', '-1', 'a number from 0 to 9007199254740.99'],
  ['release nobody', (guard) => guard.releaseHolder(''), 'holder', '""'],
  ['retry from NaN', (guard) => guard.retry({ attempt: 1, beganAtMs: NaN, retry: 'always' }), 'beganAtMs', '"NaN"'],
  ['retry after NaN', (guard) => guard.retry({ attempt: 1, beganAtMs: 1, retry: 'always', retryAtMs: NaN }), 'retryAtMs', '"NaN"'],
  ['retry at no time', (guard) => guard.retry({ attempt: 1, beganAtMs: 1, retry: 'always', isIdempotent: 'no' }), 'isIdempotent', '"no"'],
  ['recover from nothing', (guard) => guard.recover({ class: 'bad' }), 'class', '"bad"', /"sessionLost"/],
  ['recover until NaN', (guard) => guard.recover({ class: 'throttled', untilMs: NaN }), 'untilMs', '"NaN"'],
  ['recovered by half', (guard) => guard.recovered(1.5, 'success'), 'leaseId', '1.5'],
  ['run whenever', (guard) => guard.run('sometimes'), 'intent', '"sometimes"'],
]) {
  test(`what is no input is refused, and not dropped, by the name that it was written with: ${said}`, async () => {
    const { guard } = guarded({ ...GATES, ...BESIDE });
    const error = await wrong(guard).catch((refused) => refused);
    assert.deepEqual([error.name, error.field, error.value], ['InputError', field, value]);
    assert.equal(error.message, `\`${field}\`: got ${value}, expected ${error.allowed}`);
    if (allowed instanceof RegExp) assert.match(error.allowed, allowed);
    else if (allowed !== undefined) assert.equal(error.allowed, allowed);
    assert.equal(guard.peek().admitted, true);
  });
}

test('a snapshot is restored in place, and wrong bytes change nothing', async () => {
  const { guard } = guarded();
  const before = guard.snapshot();
  await guard.execute(() => {}, { cost: 3 });
  await assert.rejects(guard.restore(Uint8Array.of(1)), { name: 'StateError' });
  assert.equal(guard.explain().limits[0].tokens, 1);
  await guard.restore(before);
  assert.equal(guard.explain().limits[0].tokens, 4);
});

test('acquireMany decides in order, at one instant', async () => {
  const { guard } = guarded({ name: 'm', limits: [{ name: 'l', capacity: 3, refillTokens: 1, refillIntervalMs: 1000 }] });
  const answers = await guard.acquireMany([{ cost: 2 }, { cost: 2 }, {}]);
  assert.deepEqual(
    answers.map(({ admitted }) => admitted),
    [true, false, true],
  );
});

test('acquireMany that cannot ask for all gives back what it took', async () => {
  const { guard } = guarded();
  await assert.rejects(guard.acquireMany([{}, {}, { cost: -1 }]), { field: 'cost' });
  assert.deepEqual([inFlight(guard), guard.explain().limits[0].tokens], [0, 4]);
});

test('in shadow mode a call goes ahead that else might not, and says so', async () => {
  const { guard } = guarded({ ...GATES, mode: 'shadow' });
  await guard.trip();
  const permit = await guard.acquire();
  assert.deepEqual([permit.admitted, permit.wouldReject.by], [true, { gate: 'circuit' }]);
});

test('a policy that was freed says so', async () => {
  const own = policy('own', { bulkhead: { maxConcurrent: 1 } });
  own.tryAcquire();
  own[Symbol.dispose]();
  assert.throws(() => own.tryAcquire(), { code: 'policy_freed' });
  await assert.rejects(own.execute(assert.fail), { name: 'EngineError' });
});

test('building a policy reads no clock and starts no timer', () => {
  const forbidden = { now: assert.fail, setTimeout: assert.fail };
  const guard = definePolicy(GATES, { clock: forbidden });
  assert.equal(guard.name, 'api');
  defineKeyed(GATES, { clock: forbidden }).of('k');
});

test('a call reads the clock once for the acquire and once for the settle, and twice more for a deadline', async () => {
  let reads = 0;
  const clock = { now: () => ((reads += 1), 1_767_225_600_000) };
  const guard = definePolicy(UNLIMITED, { clock });
  await guard.execute(() => {});
  for (const [options, expected] of [[undefined, 2], [{ timeoutMs: 100 }, 2], [{ waitMs: 100 }, 2], [{ deadlineMs: 100 }, 4]]) {
    reads = 0;
    await guard.execute(() => {}, options);
    assert.equal(reads, expected, JSON.stringify(options));
  }
  reads = 0;
  await guard.tryAcquire().settle('success');
  assert.equal(reads, 2);
});

test('the offset to the wall clock is taken anew when it is a second old, and not before', async (t) => {
  let [steadyMs, wallMs, walls] = [5000.25, 1_767_225_600_000, 0];
  t.mock.method(performance, 'now', () => steadyMs);
  t.mock.method(Date, 'now', () => ((walls += 1), wallMs));
  const ticker = new Ticker();
  assert.deepEqual([ticker.nowUs(), walls], [1_767_225_600_000_000, 1]);
  // The wall clock is set forward by an hour: for a second nobody looks.
  wallMs += 3_600_000;
  steadyMs += 999;
  assert.deepEqual([ticker.nowUs(), walls], [1_767_225_600_999_000, 1]);
  steadyMs += 1;
  assert.deepEqual([ticker.nowUs(), ticker.nowUs(), walls], [1_767_229_200_000_000, 1_767_229_200_000_000, 2]);
});

test("the system's clock serves where none is given", async () => {
  const guard = definePolicy(GATES);
  const before = Date.now();
  assert.equal(await guard.execute(async ({ signal }) => signal.aborted), false);
  assert(Math.abs(guard.explain().lastAtMs - before) < 5000);
  await assert.rejects(definePolicy(UNLIMITED).execute(never, { timeoutMs: 1 }), TimeoutError);
  assert.equal(typeof engine.waitMs(1), 'number');
});
