// What `await execute(fn)` costs beside a hand-written gate with two clock readings, cockatiel's wrap of three and opossum, and what
// a refusal by `tryAcquire` costs. In time of the processor, which other processes disturb less; medians of interleaved rounds.
// Steadier with `chrt -f 50 node bindings-wasm/bench/execute.mjs`; not on one core, where V8 would never come to optimizing.
import { ConsecutiveBreaker, bulkhead, circuitBreaker, handleAll, retry, wrap } from 'cockatiel';
import CircuitBreaker from 'opossum';

import { definePolicy } from '../dist/index.js';

const ROUNDS = Number(process.env.ROUNDS ?? 25);
const CALLS = 100_000;

/** What a program would write by hand: a breaker, a token bucket and a bulkhead, two readings of the clock. */
class HandWritten {
  #failures = 0;
  #openUntilMs = 0;
  #tokens = 1e6;
  #atMs = 0;
  #inFlight = 0;

  async execute(fn) {
    const nowMs = performance.now();
    if (nowMs < this.#openUntilMs) throw new Error('open');
    this.#tokens = Math.min(1e6, this.#tokens + (nowMs - this.#atMs) * 1e6);
    this.#atMs = nowMs;
    if (this.#tokens < 1) throw new Error('limited');
    if (this.#inFlight >= 10) throw new Error('full');
    this.#tokens -= 1;
    this.#inFlight += 1;
    try {
      const value = await fn();
      this.#failures = 0;
      return value;
    } catch (error) {
      this.#failures += 1;
      if (this.#failures >= 5) this.#openUntilMs = performance.now() + 30_000;
      throw error;
    } finally {
      this.#inFlight -= 1;
      this.#atMs = Math.max(this.#atMs, performance.now());
    }
  }
}

const CONFIG = {
  name: 'p',
  circuit: { consecutiveFailures: 5 },
  limits: [{ name: 'calls', capacity: 1_000_000, refillTokens: 1_000_000, refillIntervalMs: 1 }],
  bulkhead: { maxConcurrent: 10 },
};
const ours = definePolicy(CONFIG);
const bare = definePolicy({ ...CONFIG, bulkhead: null });
const full = definePolicy({ name: 'full', bulkhead: { maxConcurrent: 1, leaseMs: 4e9 } });
full.tryAcquire();
const open = definePolicy({ name: 'open', circuit: { consecutiveFailures: 1, openMs: 3e6 } });
await open.trip();
const byHand = new HandWritten();
const breaker = () => circuitBreaker(handleAll, { halfOpenAfter: 30_000, breaker: new ConsecutiveBreaker(5) });
const three = wrap(retry(handleAll, { maxAttempts: 1 }), breaker(), bulkhead(10));
const one = breaker();
const fn = async () => 1;
const opossum = new CircuitBreaker(fn, { timeout: false, errorThresholdPercentage: 50, rollingCountTimeout: 10_000 });

const awaited = (call) => async () => {
  for (let i = 0; i < CALLS; i += 1) await call();
};
// Each with a loop of its own: shared, it would be slower than in a program.
const loops = {
  'a bare async call': async () => {
    for (let i = 0; i < CALLS; i += 1) await fn();
  },
  'hand-written gate': async () => {
    for (let i = 0; i < CALLS; i += 1) await byHand.execute(fn);
  },
  'execute, whole gate': async () => {
    for (let i = 0; i < CALLS; i += 1) await ours.execute(fn);
  },
  'execute, without a bulkhead': async () => {
    for (let i = 0; i < CALLS; i += 1) await bare.execute(fn);
  },
  "cockatiel's wrap of three": awaited(() => three.execute(fn)),
  "cockatiel's breaker": awaited(() => one.execute(fn)),
  opossum: awaited(() => opossum.fire()),
  'tryAcquire refused by the bulkhead': async () => {
    for (let i = 0; i < CALLS; i += 1) if (full.tryAcquire().admitted) throw new Error('admitted');
  },
  'tryAcquire refused by the circuit': async () => {
    for (let i = 0; i < CALLS; i += 1) if (open.tryAcquire().admitted) throw new Error('admitted');
  },
  'execute refused': async () => {
    for (let i = 0; i < CALLS / 10; i += 1) await open.execute(fn).catch(() => {});
  },
};
const PER_CALL = { 'execute refused': 10 };

const nanoseconds = Object.fromEntries(Object.keys(loops).map((name) => [name, []]));
for (let round = 0; round < ROUNDS; round += 1) {
  for (const [name, run] of Object.entries(loops)) {
    const before = process.cpuUsage();
    await run();
    const { user, system } = process.cpuUsage(before);
    nanoseconds[name].push(((user + system) * 1000 * (PER_CALL[name] ?? 1)) / CALLS);
  }
}
opossum.shutdown();
const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];
const floor = median(nanoseconds['hand-written gate']);
for (const [name, list] of Object.entries(nanoseconds)) {
  console.log(
    `${name.padEnd(36)} ${median(list).toFixed(0).padStart(6)} ns  ${(median(list) / floor).toFixed(2)} × the hand-written gate`,
  );
}
