// One process that imports the package and requires it: how many engines has it?
import { createRequire } from 'node:module';

import * as imported from 'stanchion';
import * as importedStore from 'stanchion/store';

const ENTRIES = ['', '/store', '/testing', '/express', '/fastify', '/hono', '/opentelemetry', '/prom-client'];
const require = createRequire(import.meta.url);
const required = require('stanchion');
const requiredStore = require('stanchion/store');
const entries = {};
for (const entry of ENTRIES) {
  const commonJs = require(`stanchion${entry}`);
  const names = Object.keys(commonJs).sort();
  const forBundlers = `./node_modules/stanchion/bundle/node/${entry.slice(1) || 'index'}.bundler.mjs`;
  const isTheSame = (module) => String(Object.keys(module)) === String(names) && names.every((name) => module[name] === commonJs[name]);
  const are = [await import(`stanchion${entry}`), await import(forBundlers)].map(isTheSame);
  entries[entry] = are.every(Boolean) ? names.length : [names, are];
}
console.log(
  JSON.stringify({
    entries,
    isOneEngine: imported.engine === required.engine,
    isOneStore: importedStore.Store === requiredStore.Store,
    areErrorsShared: importedStore.StoreError === required.StoreError,
  }),
);
