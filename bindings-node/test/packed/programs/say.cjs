const stanchion = require('stanchion');
const testing = require('stanchion/testing');

async function main() {
  const { factsOf } = await import('./facts.mjs');
  console.log(JSON.stringify(await factsOf({ ...stanchion, ...testing })));
}

main();
