// Imports the package and builds a policy, while every clock, timer and source of random numbers counts who asks it; then makes a
// call, which asks: `quiet.mjs <what to import>`. Counts compiled modules, too.
const asked = [];

function count(owner, ...names) {
  for (const name of names) {
    const original = owner[name];
    owner[name] = function counted(...args) {
      asked.push(name);
      return Reflect.apply(original, this, args);
    };
  }
}

count(globalThis, 'setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'fetch');
count(Date, 'now');
count(performance, 'now');
count(Math, 'random');
count(crypto, 'getRandomValues', 'randomUUID');
globalThis.Date = new Proxy(Date, {
  construct(target, args) {
    if (args.length === 0) asked.push('new Date');
    return Reflect.construct(target, args);
  },
});

let compiled = 0;
WebAssembly.Module = new Proxy(WebAssembly.Module, {
  construct(target, args) {
    compiled += 1;
    return Reflect.construct(target, args);
  },
});

const { definePolicy } = await import(process.argv[2]);
const compiledByImport = compiled;
const policy = definePolicy({ name: 'api', circuit: { consecutiveFailures: 2 }, bulkhead: { maxConcurrent: 3 } });
policy.on('open', () => {});
const before = [...asked];
await policy.execute(() => {});
console.log(JSON.stringify({ before, after: asked.slice(before.length), compiledByImport, compiled }));
process.exit();
