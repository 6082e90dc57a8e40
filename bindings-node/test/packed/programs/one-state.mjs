// One process that imports the package and requires it: how many engines has it?
import { createRequire } from 'node:module';

import * as imported from 'stanchion';
import * as importedStore from 'stanchion/store';

const require = createRequire(import.meta.url);
const required = require('stanchion');
const requiredStore = require('stanchion/store');
console.log(
  JSON.stringify({
    isOneEngine: imported.engine === required.engine,
    isOneStore: importedStore.Store === requiredStore.Store,
    areErrorsShared: importedStore.StoreError === required.StoreError,
    areNamesTheSame: String(Object.keys(imported)) === String(Object.keys(required).sort()),
  }),
);
