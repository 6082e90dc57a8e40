// A trap ends an instance, in a release build: nobody decides on half-written state, and a fresh instance goes on.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import { localKeyed, localPolicy } from '../dist/define.js';
import { EngineError } from '../dist/errors.js';
import { TestClock } from '../dist/testing.js';
import { wasmEngine } from '../dist/wasm.js';
import * as glue from '../pkg-test-panic/stanchion.js';

const module = readFileSync(new URL('../pkg-test-panic/stanchion_bg.wasm', import.meta.url));
const NOW = 1_700_000_000_000_000;

const isBroken = (error) => error instanceof EngineError && error.code === 'engine_broken';

test('after a trap every policy throws, until its state is restored into a fresh instance', () => {
  const engine = wasmEngine(() => glue, () => module);
  const policy = engine.policy({ name: 'p', circuit: { consecutive_failures: 1 } });
  const state = policy.newState(NOW);
  state.command({ trip: {} }, NOW);
  const kept = state.snapshot();

  assert.throws(() => engine.run(() => glue.testPanic()), isBroken);
  assert.equal(engine.isBroken, true);
  for (const use of [
    () => state.acquire({}, NOW),
    () => state.snapshot(),
    () => policy.newState(NOW),
    () => engine.policy({ name: 'q' }),
    () => engine.parseRetryAfter('1', NOW),
  ]) {
    assert.throws(use, isBroken);
  }

  engine.restart();
  assert.equal(engine.isBroken, false);
  assert.throws(() => state.acquire({}, NOW), isBroken, 'a state of the old instance stays unusable');
  policy.free();
  const again = engine.policy({ name: 'p', circuit: { consecutive_failures: 1 } }).decode(kept);
  assert.equal(again.acquire({}, NOW).by.gate, 'circuit');
});

test('a trap under policies and keys of many breaks no call, and nobody decides until they are built and restored anew', async () => {
  const engine = wasmEngine(() => glue, () => module);
  const clock = new TestClock();
  const config = { name: 'p', circuit: { consecutiveFailures: 1 }, bulkhead: { maxConcurrent: 1 } };
  const build = () => [localPolicy(engine, config, { clock }), localKeyed(engine, config, { clock }).of('ann')];
  const guards = build();
  const told = [];
  const running = [];
  for (const guard of guards) {
    guard.on('notSettled', ({ error }) => told.push(error.code));
    await guard.trip();
    await clock.advance(30_000);
    running.push({ guard, kept: guard.snapshot(), permit: guard.tryAcquire(), waiting: guard.acquire({ waitMs: 60_000 }).catch((error) => error) });
  }
  await clock.advance(0);
  const other = localPolicy(engine, { name: 'other' }, { clock });
  other.on('notSettled', ({ error }) => told.push(error.code));
  assert.equal(await other.execute(() => assert.throws(() => engine.run(() => glue.testPanic()), isBroken) ?? 'returned'), 'returned');
  const isRefused = async (guard) => {
    for (const use of ['execute', 'acquire', 'tryAcquire', 'peek', 'snapshot', 'explain', 'reset', 'health']) {
      await assert.rejects(async () => guard[use](assert.fail), isBroken, use);
    }
  };
  for (const { guard, permit, waiting } of running) {
    await isRefused(guard);
    await assert.rejects(permit.settle('success'), isBroken);
    assert.equal(permit.isUsed, false);
    permit[Symbol.dispose]();
    await clock.advance(60_000);
    assert(isBroken(await waiting));
  }
  assert.deepEqual(told, ['engine_broken', 'engine_broken', 'engine_broken']);
  engine.restart();
  for (const { guard } of running) await isRefused(guard);
  for (const [at, guard] of build().entries()) {
    await guard.restore(running[at].kept);
    assert.equal(guard.explain().circuit.phase, 'halfOpen');
    assert.equal(await guard.execute(() => 7), 7);
  }
});
