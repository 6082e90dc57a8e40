// Both raw engines offer the same functions, so that one TypeScript layer serves both; and a panic ends at the boundary.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import test from 'node:test';

import * as glue from '../../bindings-wasm/pkg/stanchion.js';
import { addon, load } from '../dist/addon.js';
import { platform } from '../dist/platform.js';

const NOW = 1_700_000_000_000_000;

test('the addon and WebAssembly export the same engine', () => {
  const names = (module) => Object.keys(module).filter((name) => typeof module[name] === 'function');
  const only = (module, others) => names(module).filter((name) => !others.has(name)).sort();
  const { raw } = addon();
  const [inAddon, inWasm] = [new Set(names(raw)), new Set(names(glue))];
  const classes = ['RawDone', 'RawKey', 'RawStore', 'RawTransaction'];
  assert.deepEqual(only(raw, inWasm), [...classes, 'restart', 'slot', 'storeOpen']);
  assert.deepEqual(only(glue, inAddon), ['__wbg_reset_state', 'default', 'initSync', 'slotAddress']);
});

test('without an addon for the platform, the error says which and what to do', () => {
  assert.throws(() => load('/nowhere/stanchion.node'), (error) => {
    assert.equal(error.code, 'no_addon');
    assert(error.message.includes(platform()) && error.message.includes('npm run build'));
    return true;
  });
});

const panicking = load(fileURLToPath(new URL(`../stanchion-test-panic.${platform()}.node`, import.meta.url)));
const isBroken = (error) => error.name === 'EngineError' && error.code === 'engine_broken';

test('a panic on the thread of JavaScript is an error, and ends the engine until a restart', () => {
  const { raw, engine } = panicking;
  const state = engine.policy({ name: 'p' }).newState(NOW);
  assert.throws(() => engine.run(() => raw.testPanic()), isBroken);
  assert.throws(() => state.acquire({}, NOW), isBroken);
  engine.restart();
  assert.throws(() => state.acquire({}, NOW), isBroken);
  assert.equal(engine.policy({ name: 'p' }).newState(NOW).acquire({}, NOW).admitted, true);
});

test('a panic in the thread pool is a rejected promise', async () => {
  await assert.rejects(panicking.raw.testPanicLater(), /the engine panicked: a panic on purpose/);
});
