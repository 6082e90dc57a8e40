// Both raw engines offer the same functions, so that one TypeScript layer serves both; and a panic ends at the boundary.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';

import { engine } from '../../bindings-wasm/dist/index.js';
import { addon, addonOf } from '../dist/addon.js';
import elsewhere from '../dist/native/elsewhere.js';
import { platform } from '../dist/platform.js';

const NOW = 1_700_000_000_000_000;

test('the addon and WebAssembly export the same engine, but for what needs files', () => {
  const names = (module) => Object.keys(module).filter((name) => typeof module[name] === 'function');
  const only = (module, others) => names(module).filter((name) => !others.has(name)).sort();
  const [{ raw }, wasm] = [addon(), engine.raw()];
  const [inAddon, inWasm] = [new Set(names(raw)), new Set(names(wasm))];
  const classes = ['RawDone', 'RawKey', 'RawSpool', 'RawStore', 'RawTransaction'];
  assert.deepEqual(only(raw, inWasm), [...classes, 'restart', 'slot', 'spoolOpenLater', 'spoolStep', 'storeOpen']);
  assert.deepEqual(only(wasm, inAddon), ['__wbg_reset_state', 'default', 'initSync', 'slotAddress']);
});

test('where there are no files, the error says so, and what to do', () => {
  assert.throws(elsewhere, ({ code, message }) => code === 'no_addon' && /needs files/.test(message) && /`snapshot`/.test(message));
});

const panicking = addonOf(createRequire(import.meta.url)(`../stanchion-test-panic.${platform()}.node`));
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
