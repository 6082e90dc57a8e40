// Takes what it gets of a shared limit and says how much that was: `take.mjs <path> <tries>`; as a worker thread likewise.
import { parentPort, workerData } from 'node:worker_threads';

import { definePolicy } from 'stanchion';
import { Store } from 'stanchion/store';

const [path, tries] = workerData ?? process.argv.slice(2);
const limits = [{ name: 'calls', capacity: 40, refillTokens: 1, refillIntervalMs: 4_000_000_000 }];
const store = Store.open(path, { waitMs: 10_000 });
const policy = definePolicy({ name: 'api', limits, onStoreError: 'reject' }, { store });
let taken = 0;
for (let i = 0; i < Number(tries); i += 1) {
  const took = await policy.execute(() => 1).catch((error) => (error.code === 'rejected' ? 0 : Promise.reject(error)));
  taken += took;
}
if (parentPort === null) console.log(JSON.stringify(taken));
else parentPort.postMessage(taken);
