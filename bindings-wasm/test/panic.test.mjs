// A trap ends an instance, in a release build: nobody decides on half-written state, and a fresh instance goes on.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import { EngineError } from '../dist/errors.js';
import { wasmEngine } from '../dist/wasm.js';
import * as glue from '../pkg-test-panic/stanchion.js';

const module = readFileSync(new URL('../pkg-test-panic/stanchion_bg.wasm', import.meta.url));
const NOW = 1_700_000_000_000_000;

test('after a trap every policy throws, until its state is restored into a fresh instance', () => {
  const engine = wasmEngine(glue, () => module);
  const policy = engine.policy({ name: 'p', circuit: { consecutive_failures: 1 } });
  const state = policy.newState(NOW);
  state.command({ trip: {} }, NOW);
  const kept = state.snapshot();

  const isBroken = (error) => error instanceof EngineError && error.code === 'engine_broken';
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
