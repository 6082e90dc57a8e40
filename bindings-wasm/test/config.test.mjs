// A configuration in camelCase is the core's in its own names, and its errors speak the user's.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import { ConfigError, TimeoutError, definePolicy, engine, isStanchionError, policy } from '../dist/index.js';
import { OUTPUT, configTypes } from '../scripts/config-types.mjs';

const LIMIT = { name: 'l', capacity: 2, refillTokens: 1, refillIntervalMs: 1000 };

test('the types are those of the schema', () => {
  assert.equal(readFileSync(OUTPUT, 'utf8'), configTypes(), 'run node bindings-wasm/scripts/config-types.mjs');
});

test('an object in camelCase and JSON text are the same policy', () => {
  const written = definePolicy({
    name: 'p',
    circuit: {
      failuresInWindow: { count: 3, windowMs: 60_000 },
      openMs: 5,
      forgetMs: null,
      openMultiplier: 1.5,
      lateFailure: 'extend',
    },
    limits: [{ ...LIMIT, maxDebt: 0 }],
    bulkhead: undefined,
    onStoreError: 'reject',
    classify: { '302': { fault: 'sessionLost' } },
  });
  const circuit = {
    failures_in_window: { count: 3, window_ms: 60_000 },
    open_ms: 5,
    forget_ms: null,
    open_multiplier: 1.5,
    late_failure: 'extend',
  };
  const limits = [{ name: 'l', capacity: 2, refill_tokens: 1, refill_interval_ms: 1000, max_debt: 0 }];
  const classify = { 302: { fault: 'session_lost' } };
  const json = JSON.stringify({ name: 'p', circuit, limits, on_store_error: 'reject', classify });
  assert.equal(written.common.rules.toJson(), engine.policy(json).toJson());
  assert.equal(definePolicy(json).common.rules.toJson(), engine.policy(json).toJson());
  assert.equal(policy('p', { limits: [LIMIT] }).name, 'p');
});

test('errors name fields as their user wrote them', () => {
  const refused = (config, field, value, more) => {
    assert.throws(
      () => definePolicy(config),
      (error) => {
        assert(error instanceof ConfigError);
        assert.deepEqual([error.code, error.field, error.value], ['invalid_config', field, value]);
        assert(error.message.startsWith(`\`${field}\``), error.message);
        for (const word of more ?? []) assert(error.message.includes(word), error.message);
        assert(!/_ms|[a-z]_[a-z]/.test(error.message), error.message);
        return true;
      },
    );
  };
  refused({ name: 'p', circuit: { consecutiveFailures: 0 } }, 'circuit.consecutiveFailures', '0', ['1000000']);
  refused({ name: 'p', circuit: { consecutiveFailures: 1, openMs: NaN } }, 'circuit.openMs', '"NaN"');
  refused({ name: 'p', limits: [LIMIT, { ...LIMIT, name: 'm', refillTokens: -1 }] }, 'limits[1].refillTokens', '-1');
  refused({ name: 'p', circuit: { consecutiveFailures: 1, openMs: 9, openMaxMs: 8 } }, 'circuit.openMaxMs', '8', ['openMs']);
  refused({ name: 'p', circuit: { consecutiveFailures: 1, opneMs: 9 } }, 'circuit.opneMs', '9');
  refused({ name: 'p', classify: { tls: { fault: 'broken' } } }, 'classify.tls.fault', '"broken"', ['"sessionLost"']);
});

test('the names of JSON are no names of an object', () => {
  assert.throws(() => definePolicy({ name: 'p', circuit: { consecutiveFailures: 1, open_ms: 5 } }), {
    field: 'circuit.open_ms',
    name: 'ConfigError',
  });
  assert.throws(() => definePolicy('{"name":"p","circuit":{"openMs":5}}'), { field: 'circuit.openMs' });
  assert.throws(() => definePolicy('{"name":"p","circuit":{"open_ms":0}}'), { field: 'circuit.open_ms' });
});

test('an error is known by its brand, whichever copy of the package threw it', async () => {
  const copy = await import('../dist/errors.js?copy');
  const error = new copy.TimeoutError('timeoutMs', 5);
  assert.equal(error instanceof TimeoutError, false);
  assert.deepEqual(
    [isStanchionError(error), isStanchionError(error, 'TimeoutError'), isStanchionError(error, 'ConfigError')],
    [true, true, false],
  );
  assert.equal(isStanchionError(new Error('TimeoutError'), 'TimeoutError'), false);
  assert.deepEqual([error.name, `${error}`], ['TimeoutError', 'TimeoutError: the call was given up after 5 ms, by `timeoutMs`']);
});
