// What acquire + settle of the whole gate costs on an idle state file from Node, as a policy makes it (promises) and as the addon does
// it. In time of the processor, which other processes disturb less; medians of interleaved rounds. `npm run build` first.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { definePolicy } from 'stanchion';
import { Store } from 'stanchion/store';

import { addon } from '../dist/addon.js';

const ROUNDS = Number(process.env.ROUNDS ?? 21);
const CALLS = 5000;
const LIMIT = { name: 'calls', capacity: 1_000_000 };

const folder = mkdtempSync(join(tmpdir(), 'stanchion-bench-'));
const policy = definePolicy(
  {
    name: 'p',
    circuit: { consecutiveFailures: 5 },
    limits: [{ ...LIMIT, refillTokens: 1_000_000, refillIntervalMs: 1 }],
    bulkhead: { maxConcurrent: 10 },
  },
  { store: await Store.open(join(folder, 'policy.state')) },
);
const { raw, engine } = addon();
const rules = engine.policy({
  name: 'p',
  circuit: { consecutive_failures: 5 },
  limits: [{ ...LIMIT, refill_tokens: 1_000_000, refill_interval_ms: 1 }],
  bulkhead: { max_concurrent: 10 },
});
const key = raw.storeOpen(join(folder, 'addon.state'), {}).key(rules.handle, 'p');
const words = raw.slot();
const succeeded = (status) => {
  if (status !== 0) throw new Error(`status ${status}`);
};

const work = {
  'acquire + settle of a policy in a store': async () => {
    for (let i = 0; i < CALLS; i += 1) await (await policy.acquire()).settle('success');
  },
  'the same by execute': async () => {
    for (let i = 0; i < CALLS; i += 1) await policy.execute(() => i);
  },
  'the same by the addon': async () => {
    for (let i = 0; i < CALLS; i += 1) {
      succeeded(key.acquire(1, 0, 0, 0));
      succeeded(key.settle(words[0], words[1], words[2], words[3], 0, 0, 0, 0));
    }
  },
};

const microseconds = Object.fromEntries(Object.keys(work).map((name) => [name, []]));
for (let round = 0; round < ROUNDS; round += 1) {
  for (const [name, run] of Object.entries(work)) {
    const before = process.cpuUsage();
    await run();
    const { user, system } = process.cpuUsage(before);
    microseconds[name].push((user + system) / CALLS);
  }
}
for (const [name, list] of Object.entries(microseconds)) {
  console.log(`${name}: ${list.sort((a, b) => a - b)[list.length >> 1].toFixed(1)} µs`);
}
rmSync(folder, { recursive: true });
