// The TypeScript layer over the engine in WebAssembly: shapes, errors, lifetimes. What the engine decides is the vectors'.
import assert from 'node:assert/strict';
import test from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { ConfigError, InputError, StateError, engine, isStanchionError } from '../dist/index.js';
import { Ticker } from '../dist/clock.js';
import { FAULT } from '../dist/raw.js';
import * as raw from '../pkg/stanchion.js';

const NOW = 1_700_000_000_000_001;
const GATES = {
  name: 'p',
  circuit: { consecutive_failures: 2 },
  limits: [{ name: 'calls', capacity: 2, refill_tokens: 1, refill_interval_ms: 1000 }],
  bulkhead: { max_concurrent: 3 },
};

const thrown = (run) => {
  try {
    run();
  } catch (error) {
    return error;
  }
  return assert.fail('nothing was thrown');
};

test('every permit of a bulkhead says that it is leased, and no other does', () => {
  const leased = (gates) => {
    const state = engine.policy({ name: 'leases', ...gates }).newState(NOW);
    return Array.from({ length: 600 }, (_, i) => state.acquire({}, NOW + i).permit.isLeased);
  };
  assert.deepEqual(new Set(leased({ bulkhead: { max_concurrent: 1000 } })), new Set([true]));
  assert.deepEqual(new Set(leased({ circuit: { consecutive_failures: 5 } })), new Set([false]));
});

test('an admitted call is settled, a refusal says who and how long', () => {
  const state = engine.policy(GATES).newState(NOW);
  const first = state.acquire({ holder: 'me' }, NOW);
  assert.equal(first.admitted && first.permit.isLeased, true);
  assert.deepEqual(state.settle(first.permit, { outcome: 'success', durationUs: 3, actualCost: 1 }, NOW + 3), {
    settled: 'counted',
    changed: true,
    events: [],
  });
  state.acquire(undefined, NOW + 3);
  const { admitted, by, gates, retryAfterUs } = state.acquire({}, NOW + 3);
  const limit = { gate: 'limit', name: 'calls' };
  assert.deepEqual({ admitted, by, gates, retryAfterUs }, { admitted: false, by: limit, gates: [limit], retryAfterUs: 999_997 });
  assert.equal(engine.waitMs(retryAfterUs), 1000);
  assert.deepEqual([engine.waitS(retryAfterUs), engine.waitS(1_000_001), engine.waitS(Infinity)], [1, 2, Infinity]);
  assert.equal(state.acquire({ cost: 3 }, NOW + 3).retryAfterUs, Infinity);
});

test('events come by name and in order', () => {
  const state = engine.policy(GATES).newState(NOW);
  assert.deepEqual(state.command({ trip: {} }, NOW).events, ['opened']);
  assert.deepEqual(state.command('{"reset":{}}', NOW).events, ['reset']);
  assert.deepEqual(state.command({ unblock: {} }, NOW), { commanded: 'no_gate', changed: false, events: [] });
});

test('a reply is classified, and what is none is told', () => {
  const policy = engine.policy({ name: 'p', block: {} });
  const [busy, aborted] = [policy.classify({ status: 429, retryAfter: '7' }, NOW), policy.classify({ error: 'aborted' }, NOW)];
  assert.deepEqual(busy, { outcome: 'ignored', blockUntilUs: NOW + 7e6, retry: 'always', retryAtUs: NOW + 7e6, fault: 'throttled' });
  assert.deepEqual(aborted, { outcome: 'ignored', blockUntilUs: null, retry: 'never', retryAtUs: null, fault: 'cancelled' });
  assert.equal(policy.classify({ status: 503, retryAfter: null }, NOW).blockUntilUs, null);
  for (const reply of [{}, { status: 1.5 }, { status: -1 }, { status: 'OK' }]) {
    assert.equal(thrown(() => policy.classify(reply, NOW)).field, 'status');
  }
  const { name, field, value, allowed } = thrown(() => policy.classify({ error: 'timeuot' }, NOW));
  assert.deepEqual([name, field, value], ['InputError', 'error', '"timeuot"']);
  assert.match(allowed, /`timeout`/);
  assert.equal(thrown(() => policy.classify({ status: 200 }, 0)).field, 'now_us');
});

test('instants are exact up to the last one', () => {
  const lease = 30_000_000;
  for (const now of [1, NOW, 2 ** 51 + 1, 2 ** 52 - 1 - lease]) {
    const state = engine.policy({ name: 'p', bulkhead: { max_concurrent: 1 } }).newState(now);
    const { permit } = state.acquire({}, now);
    assert.equal(state.renew(permit, now).untilUs, now + lease);
    assert.equal(state.nextChangeAt(now), now + lease);
  }
});

test('an error of a policy names field, value and range', () => {
  const error = thrown(() => engine.policy({ name: 'p', circuit: { consecutive_failures: 0 } }));
  assert(error instanceof ConfigError && isStanchionError(error, 'ConfigError'));
  const { code, field, value } = error;
  assert.deepEqual({ code, field, value }, { code: 'invalid_config', field: 'circuit.consecutive_failures', value: '0' });
  assert.match(error.allowed, /1/);
  assert.match(error.message, /`circuit.consecutive_failures`/);
});

test('a number that is none is refused with its own text, and changes nothing', () => {
  const state = engine.policy(GATES).newState(NOW);
  const before = state.snapshot();
  const refusals = [
    [() => state.acquire({}, NOW + 0.5), 'now_us', '1700000000000001.5'],
    [() => state.acquire({}, 2 ** 52), 'now_us', '4503599627370496'],
    [() => state.acquire({ cost: -1 }, NOW), 'cost', '-1'],
    [() => state.acquire({ cost: 2 ** 32 }, NOW), 'cost', '4294967296'],
    [() => state.peek({ cost: Number.NaN }, NOW), 'cost', 'NaN'],
    [() => state.settle(engine.permit('0'.repeat(32)), { outcome: 'success', durationUs: -1 }, NOW), 'duration_us', '-1'],
    [() => state.settle(engine.permit('0'.repeat(32)), { outcome: 'success', actualCost: 1.5 }, NOW), 'actual_cost', '1.5'],
    [() => state.settle(engine.permit('0'.repeat(32)), { outcome: 'fine' }, NOW), 'outcome', 'fine'],
    [() => engine.permit('12'), 'permit', '12'],
    [() => state.command({ dance: {} }, NOW), 'dance', undefined],
  ];
  for (const [run, field, value] of refusals) {
    const error = thrown(run);
    assert(error instanceof InputError, String(error));
    assert.equal(error.code, 'invalid_input');
    assert.equal(error.field, field);
    if (value !== undefined) assert.equal(error.value, value);
  }
  assert.deepEqual(state.snapshot(), before);
});

test('a permit is given back once, unless giving it back failed', () => {
  const state = engine.policy(GATES).newState(NOW);
  const { permit } = state.acquire({}, NOW);
  assert.equal(thrown(() => state.cancel(permit, Number.NaN)).field, 'now_us');
  assert.equal(permit.isUsed, false);
  state.cancel(permit, NOW);
  assert.equal(permit.isUsed, true);
  assert.equal(thrown(() => state.settle(permit, { outcome: 'success' }, NOW)).code, 'permit_used');
});

test('a permit crosses as text', () => {
  const state = engine.policy(GATES).newState(NOW);
  const text = JSON.parse(JSON.stringify(state.acquire({}, NOW))).permit;
  assert.match(text, /^[0-9a-f]{32}$/);
  assert.equal(state.settle(engine.permit(text), { outcome: 'success' }, NOW).settled, 'counted');
});

test('bytes that are no state are refused, and the state stays', () => {
  const state = engine.policy(GATES).newState(NOW);
  const before = state.snapshot();
  const error = thrown(() => state.restore(Uint8Array.of(1, 2, 3)));
  assert(error instanceof StateError && error.code !== '');
  assert.deepEqual(state.snapshot(), before);
  state.acquire({}, NOW);
  state.restore(before);
  assert.deepEqual(state.snapshot(), before);
});

test('another policy adopts a state', () => {
  const state = engine.policy(GATES).newState(NOW);
  state.use(engine.policy({ ...GATES, circuit: { consecutive_failures: 9 } }));
  assert.deepEqual(state.acquire({}, NOW).events, ['adopted']);
});

test('a policy frees its states with it', () => {
  const own = engine.policy(GATES);
  const state = own.newState(NOW);
  own[Symbol.dispose]();
  own.free();
  assert.equal(thrown(() => state.acquire({}, NOW)).code, 'policy_freed');
  assert.equal(thrown(() => own.newState(NOW)).code, 'policy_freed');
  const other = engine.policy(GATES).newState(NOW);
  other.free();
  assert.equal(thrown(() => other.snapshot()).code, 'state_freed');
});

test('what nobody refers to is freed', async () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc');
  const handles = Array.from({ length: 50 }, () => engine.policy(GATES).handle);
  // A handle that was freed is a fault, which the raw engine tells by its status.
  const isFreed = () => handles.some((handle) => raw.policyFingerprint(handle) === FAULT);
  assert.equal(isFreed(), false);
  for (let i = 0; i < 100 && !isFreed(); i += 1) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert(isFreed());
});

test('answers are read right after the memory grew', () => {
  const many = engine.policy(GATES);
  const states = Array.from({ length: 20_000 }, (_, i) => many.newState(NOW + i));
  for (const [i, state] of states.entries()) {
    const decision = state.acquire({ cost: 2 }, NOW + i);
    assert(decision.admitted);
    assert.equal(decision.permit.words[0] & 0xffff, 2, 'the cost, as it lies in a permit of this release');
  }
  many.free();
});

test('Retry-After is read by the core', () => {
  assert.equal(engine.parseRetryAfter('120', NOW), NOW + 120_000_000);
  for (const none of ['-5', '0x10', '5abc', '']) assert.equal(engine.parseRetryAfter(none, NOW), null);
});

test('the clock tells whole microseconds of the wall clock and never runs far off', () => {
  const ticker = new Ticker();
  const [first, wall, second] = [ticker.nowUs(), Date.now() * 1000, ticker.nowUs()];
  assert(Number.isSafeInteger(first) && second >= first);
  assert(Math.abs(first - wall) < 5_000_000);
});
