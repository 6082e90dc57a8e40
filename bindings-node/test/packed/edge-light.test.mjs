// The packed package by its condition `edge-light`. No such runtime is to be had as a package, so it is emulated: a loader of
// esbuild compiles what is imported with `?module`, as those runtimes' builds do, and the bundle runs in a context that has the
// web's globals only, and compiles nothing itself.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'node:test';
import vm from 'node:vm';

import { build } from 'esbuild';

import { FACTS, withAddon } from './support.mjs';

const compiled = [];
const compilesModules = {
  name: 'wasm-module',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\.wasm\?module$/ }, ({ path, importer }) => ({
      path: join(dirname(importer), path.replace('?module', '')),
      namespace: 'wasm-module',
    }));
    onLoad({ filter: /./, namespace: 'wasm-module' }, ({ path }) => {
      compiled.push(new WebAssembly.Module(readFileSync(path)));
      return { contents: `export default compiled[${compiled.length - 1}];` };
    });
  },
};

/** What compiles nothing, and knows a module when it sees one. */
class Module {
  constructor() {
    throw new WebAssembly.CompileError('edge runtimes compile no bytes');
  }

  static [Symbol.hasInstance](value) {
    return value instanceof WebAssembly.Module;
  }
}

async function inEdge(entry, conditions) {
  const plugins = [compilesModules];
  const options = { entryPoints: [join(withAddon, entry)], bundle: true, format: 'iife', conditions, plugins, write: false };
  const [{ text }] = (await build(options)).outputFiles;
  const { Instance, Memory, Table, RuntimeError } = WebAssembly;
  const web = { AbortController, Request, Response, ReadableStream, URL, MessageChannel, TextDecoder, TextEncoder, atob, performance };
  const context = { compiled, ...web, WebAssembly: { Module, Instance, Memory, Table, RuntimeError } };
  vm.runInNewContext(text, context);
  return JSON.parse(JSON.stringify(await context.facts));
}

test('an edge runtime decides with the module that its build compiled', async () => {
  assert.deepEqual(await inEdge('page.mjs', ['edge-light']), FACTS);
  assert.equal(compiled.length, 1);
});

test('the emulation compiles no bytes: the browser\'s files do not start there', async () => {
  await assert.rejects(inEdge('page.mjs', ['browser']), { name: 'CompileError' });
});

test('the store says there that it needs files', async () => {
  const { code, message } = await inEdge('no-store.mjs', ['edge-light']);
  assert.equal(code, 'no_addon');
  assert.match(message, /`stanchion\/store` needs files/);
});
