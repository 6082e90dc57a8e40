// The packed package in Node, imported and required, with the platform's addon and without it.
import assert from 'node:assert/strict';
import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

import { platform } from '../../dist/platform.js';
import { FACTS, assertReplayed, installed, said, withAddon, withoutAddon } from './support.mjs';

const node = process.execPath;

for (const [name, folder] of Object.entries({ 'with the addon': withAddon, 'without the addon': withoutAddon })) {
  for (const program of ['say.mjs', 'say.cjs']) {
    test(`${program} decides, ${name}`, async () => {
      assert.deepEqual(await said(folder, node, program), FACTS);
    });
  }
}

test('the store opens with the addon', async () => {
  assert.deepEqual(await said(withAddon, node, 'open-store.mjs', join(withAddon, 'one.state')), { answer: 'called' });
});

test('without the addon the store says which platform lacks which package, when it is first used', async () => {
  const { message, ...error } = await said(withoutAddon, node, 'open-store.mjs', join(withoutAddon, 'one.state'));
  assert.deepEqual(error, { name: 'EngineError', code: 'no_addon', isOurs: true });
  assert(message.startsWith(`no addon for ${platform()}: `), message);
  assert(message.includes(`the package \`stanchion-${platform()}\``), message);
});

test('a process that imports and requires has one engine', async () => {
  const { entries, ...facts } = await said(withAddon, node, 'one-state.mjs');
  assert.deepEqual(facts, { isOneEngine: true, isOneStore: true, areErrorsShared: true });
  const { exports } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  const names = Object.keys(exports).filter((entry) => !entry.endsWith('.json')).map((entry) => entry.slice(1));
  assert.deepEqual(Object.keys(entries).sort(), names.sort());
  for (const [entry, found] of Object.entries(entries)) assert(found > 0, `${entry}: ${found}`);
});

test('Node reads one file of the package, the engine with the first policy, and what few call when it is called', async () => {
  const { required, defined, nested, folder } = await said(withAddon, node, 'read.cjs');
  // The bytes are read from the `.wasm` file: as text they are there for bundlers.
  assert.deepEqual([folder, required, defined, nested], ['node', ['index.cjs'], ['glue.cjs'], ['seldom.cjs']]);
});

test('an import has Node search no CommonJS file for its exports', async (t) => {
  const [before, imported, byStatement] = await said(withAddon, node, 'searched.mjs');
  if (!byStatement) t.skip('this Node searches by other means than those of Node 20');
  assert.deepEqual([before, imported], [false, false]);
});

test('where the `.wasm` file is not, the bytes that are text do', async (t) => {
  const [file, away] = ['stanchion_bg.wasm', 'away.wasm'].map((name) => join(withoutAddon, 'node_modules/stanchion/bundle', name));
  renameSync(file, away);
  t.after(() => renameSync(away, file));
  const { required, defined } = await said(withoutAddon, node, 'read.cjs');
  assert.deepEqual([required, defined], [['index.cjs'], ['glue.cjs', 'bytes.cjs']]);
});

test('the vectors', async () => {
  assertReplayed(await said(withAddon, node, 'replayed.mjs'));
});

for (const what of ['stanchion', './node_modules/stanchion/bundle/default/index.js']) {
  test(`import and construction of ${what} read no clock, draw no random number and start no timer; an import compiles nothing`, async () => {
    const { before, after, compiledByImport, compiled } = await said(withAddon, node, 'quiet.mjs', what);
    assert.deepEqual(before, []);
    assert.notEqual(after.length, 0, 'the counters count');
    assert.deepEqual([compiledByImport, compiled], [0, 1]);
  });
}
