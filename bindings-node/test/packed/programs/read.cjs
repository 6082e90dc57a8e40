// Which of the package's files Node has read: with the package, with the first policy, and with a function that few call.
const { basename, dirname } = require('node:path');

let known = [__filename];
function readSince() {
  const fresh = Object.keys(require.cache).filter((path) => !known.includes(path));
  known = known.concat(fresh);
  return fresh.map((path) => basename(path));
}

const { definePolicy, nest } = require('stanchion');
const required = readSince();
const policy = definePolicy({ name: 'api' });
const defined = readSince();
nest(policy);
console.log(JSON.stringify({ required, defined, nested: readSince(), folder: basename(dirname(require.resolve('stanchion'))) }));
