// What an operator is told, in the words and units of this layer: gates as objects, instants in ms, camelCase.
import assert from 'node:assert/strict';
import test from 'node:test';

import { definePolicy } from '../dist/index.js';
import { TestClock } from '../dist/testing.js';

const clock = new TestClock();
const guard = (config) => definePolicy({ name: 'page', ...config }, { clock });

test('a policy is explained gate by gate', async () => {
  const limits = [{ name: 'my_calls', capacity: 2, refillTokens: 1, refillIntervalMs: 3 }];
  const policy = guard({ circuit: { failuresInWindow: { count: 1, windowMs: 10_000 }, openMs: 30_000 }, limits, block: {}, bulkhead: { maxConcurrent: 2 } });
  const fresh = policy.explain();
  assert.deepEqual([fresh.admits, fresh.by, fresh.gates, fresh.retryAfterMs], [true, null, [], null]);

  const atMs = clock.now();
  await policy.acquire({ cost: 2, holder: 'me' });
  await policy.report('failure');
  await policy.block({ forMs: 60_000 });
  const { by, gates, retryAfterMs, circuit, limits: [limit], bulkhead, ...page } = policy.explain();
  // Limits refill when the block has ended: so the limit holds it up longest.
  assert.deepEqual([by, retryAfterMs], [{ gate: 'limit', name: 'my_calls' }, 60_003]);
  assert.deepEqual(gates, [{ gate: 'circuit' }, { gate: 'block' }, { gate: 'limit', name: 'my_calls' }]);
  assert.deepEqual([page.atMs, page.lastAtMs, page.blockUntilMs], [atMs, atMs, atMs + 60_000]);
  const { phase, reason, sinceMs, untilMs } = circuit;
  assert.deepEqual({ phase, reason, sinceMs, untilMs }, { phase: 'open', reason: 'failuresInWindow', sinceMs: atMs, untilMs: atMs + 30_000 });
  assert.deepEqual([limit.name, limit.tokens, bulkhead.inFlight, bulkhead.holders.length], ['my_calls', 0, 1, 1]);
  const names = JSON.stringify({ ...page, circuit, limit, bulkhead }).match(/"\w+"(?=:)/g);
  assert.deepEqual(names.filter((name) => /_|Us"$/.test(name)), []);
});

test('a wait is rounded up, and one that cannot help is Infinity', async () => {
  const limits = [{ name: 'calls', capacity: 1, refillTokens: 3, refillIntervalMs: 10 }];
  const policy = guard({ limits });
  await policy.acquire();
  assert.equal(policy.explain().retryAfterMs, 4);
  const shut = guard({ circuit: { consecutiveFailures: 1 } });
  await shut.forceOpen();
  const { retryAfterMs, circuit } = shut.explain();
  assert.deepEqual([retryAfterMs, circuit.mode], [Infinity, 'forcedOpen']);
});

test('what lies beside the gates is there where the policy has it', async () => {
  const steps = [{ name: 'my_step', maxAttempts: 1 }];
  const policy = guard({ schedule: { intervalMs: 1000, flood: { count: 5, windowMs: 60_000 } }, recovery: { steps }, health: { maxSuccessAgeMs: 600_000 } });
  await policy.run('manual');
  await policy.recovered((await policy.recover({ class: 'transient' })).leaseId, 'failure');
  await policy.recover({ class: 'transient' });
  const { schedule, recovery, health } = policy.explain();
  assert.deepEqual([schedule.lastRunMs, schedule.runs], [clock.now(), { count: 1, of: 5 }]);
  assert.deepEqual([recovery.gaveUp, recovery.steps[0].name, recovery.sinceMs], ['exhausted', 'my_step', clock.now()]);
  assert.deepEqual([health.live, health.reasons], [false, ['gave_up']]);
  const plain = guard({}).explain();
  assert.deepEqual([plain.schedule, plain.recovery, plain.health], [undefined, undefined, undefined]);
});
