// Takes the lock of a state file, says so, and keeps it until it is killed.
import { writeSync } from 'node:fs';

import { Store } from 'stanchion/store';

await Store.open(process.argv[2]).transact('held', () => {
  writeSync(1, 'held');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});
