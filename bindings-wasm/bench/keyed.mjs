// What a key of `defineKeyed` takes (breaker and limit, a failure counted and a token taken, its name included), and what a call on
// one key, on a few and on all of them costs (`tryAcquire`). `node --expose-gc bindings-wasm/bench/keyed.mjs [keys]`
import { defineKeyed } from '../dist/index.js';

const KEYS = Number(process.argv[2] ?? 1_000_000);
const CALLS = 300_000;
const ROUNDS = 7;

const used = () => {
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

const CONFIG = {
  name: 'users',
  circuit: { consecutiveFailures: 5 },
  limits: [{ name: 'calls', capacity: 100_000_000, refillTokens: 1, refillIntervalMs: 60_000 }],
};
const users = defineKeyed(CONFIG, { maxKeys: 2 * KEYS });
users.of('').tryAcquire().settle('failure');
const before = used();
const beganMs = performance.now();
for (let i = 0; i < KEYS; i += 1) {
  users.of(`user-${i}`).tryAcquire().settle('failure');
  if (i % 1000 === 0) await null;
}
const newNs = ((performance.now() - beganMs) * 1e6) / KEYS;
console.log(`${KEYS} keys: ${((used() - before) / KEYS).toFixed(0)} bytes a key, ${newNs.toFixed(0)} ns for each new one`);

const names = Array.from({ length: KEYS }, (_, i) => `user-${i}`);
const call = (view) => view.tryAcquire();
const one = users.of('user-7');
const few = names.slice(0, 100).map((name) => users.of(name));
// Each with a loop of its own: shared, they would be slower than in a program.
const work = {
  'one key, its view kept': () => {
    for (let i = 0; i < CALLS; i += 1) call(one);
  },
  'one key, by its name': () => {
    for (let i = 0; i < CALLS; i += 1) call(users.of('user-7'));
  },
  '100 keys in turn, their views kept': () => {
    for (let i = 0; i < CALLS; i += 1) call(few[i % few.length]);
  },
  '100 keys in turn, by their names': () => {
    for (let i = 0; i < CALLS; i += 1) call(users.of(names[i % 100]));
  },
  '10,000 keys in no order': () => {
    for (let i = 0; i < CALLS; i += 1) call(users.of(names[(i * 7919) % 10_000]));
  },
  'all keys in no order': () => {
    for (let i = 0; i < CALLS; i += 1) call(users.of(names[(i * 7919) % KEYS]));
  },
};
const nanoseconds = Object.fromEntries(Object.keys(work).map((name) => [name, []]));
for (let round = 0; round < ROUNDS; round += 1) {
  for (const [name, run] of Object.entries(work)) {
    const start = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(start);
    nanoseconds[name].push(((user + system) * 1000) / CALLS);
  }
}
for (const [name, list] of Object.entries(nanoseconds)) {
  console.log(`${name}: ${list.sort((a, b) => a - b)[list.length >> 1].toFixed(0)} ns`);
}
