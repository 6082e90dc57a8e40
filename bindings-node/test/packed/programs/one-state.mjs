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
  const [module, commonJs] = [await import(`stanchion${entry}`), require(`stanchion${entry}`)];
  const names = Object.keys(module).filter((name) => !['default', 'module.exports'].includes(name));
  entries[entry] = names.length > 0 && names.every((name) => module[name] === commonJs[name]) ? names.length : names;
}
console.log(
  JSON.stringify({
    entries,
    isOneEngine: imported.engine === required.engine,
    isOneStore: importedStore.Store === requiredStore.Store,
    areErrorsShared: importedStore.StoreError === required.StoreError,
    areNamesTheSame: String(Object.keys(imported)) === String(Object.keys(required).sort()),
  }),
);
