// What acquire + settle of the whole gate (breaker, one limit, bulkhead) costs in WebAssembly from Node, as a policy asks: the
// short way, the whole one where that does not lead there. Beside two calls of an empty WebAssembly function. In time of the processor, which other processes disturb less;
// medians of interleaved rounds. Then what the download costs.
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

import { engine } from '../dist/index.js';
import * as raw from '../pkg/stanchion.js';

const ROUNDS = 21;
const CALLS = 500_000;
const START_US = 1_700_000_000_000_000;

// (module (func (export "f") (param i32 f64 i32 i32 f64) (result i32) i32.const 0))
const EMPTY = '0061736d01000000010a01' + '60057f7c7f7f7c017f' + '03020100' + '0705010166' + '0000' + '0a0601040041000b';
const { f: empty } = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(EMPTY, 'hex'))).exports;

const rules = engine.policy({
  name: 'p',
  circuit: { consecutive_failures: 5 },
  limits: [{ name: 'calls', capacity: 1_000_000, refill_tokens: 1_000_000, refill_interval_ms: 1 }],
  bulkhead: { max_concurrent: 10 },
});
const layered = rules.newState(START_US);
raw.stateNew(rules.handle, START_US);
const { memory, acquire, acquirePlainly, settle, settlePlainly } = raw.initSync({ module: new Uint8Array() });
const handle = new Float64Array(memory.buffer, raw.slotAddress(), 8)[6];
const words = new Uint32Array(memory.buffer, raw.slotAddress(), 16);
const NOT_PLAIN = 12;
let nowUs = START_US;

// Each with a loop and a clock of its own: shared, they would be slower than in a program. The clock is a float from the start, as what
// a program's clock says: a parameter that the loop goes on with would be a box on the heap in each round.
const work = {
  'two empty calls': (startUs) => {
    let now = startUs * 1;
    for (let i = 0; i < CALLS; i += 1) {
      empty(handle, 1, 0, 0, (now += 10));
      empty(handle, 1, 0, 0, (now += 10));
    }
    return now;
  },
  'acquire + settle, raw': (startUs) => {
    let now = startUs * 1;
    for (let i = 0; i < CALLS; i += 1) {
      if (acquirePlainly(handle, (now += 10)) !== 0 && acquire(handle, 1, 0, 0, now) !== 0) throw new Error('refused');
      if (settlePlainly(handle, words[1], words[3], (now += 10)) === NOT_PLAIN) {
        settle(handle, words[0], words[1], words[2], words[3], 0, 0, 0, now);
      }
    }
    return now;
  },
  'acquire + settle, the whole way': (startUs) => {
    let now = startUs * 1;
    for (let i = 0; i < CALLS; i += 1) {
      if (acquire(handle, 1, 0, 0, (now += 10)) !== 0) throw new Error('refused');
      settle(handle, words[0], words[1], words[2], words[3], 0, 0, 0, (now += 10));
    }
    return now;
  },
  'acquire + settle, by the TypeScript layer': (startUs) => {
    let now = startUs * 1;
    for (let i = 0; i < CALLS; i += 1) {
      const { permit } = layered.acquire(undefined, (now += 10));
      layered.settle(permit, { outcome: 'success' }, (now += 10));
    }
    return now;
  },
};

const nanoseconds = Object.fromEntries(Object.keys(work).map((name) => [name, []]));
for (let round = 0; round < ROUNDS; round += 1) {
  for (const [name, run] of Object.entries(work)) {
    const before = process.cpuUsage();
    nowUs = run(nowUs);
    const { user, system } = process.cpuUsage(before);
    nanoseconds[name].push(((user + system) * 1000) / CALLS);
  }
}
const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];
const floor = median(nanoseconds['two empty calls']);
for (const [name, list] of Object.entries(nanoseconds)) {
  console.log(`${name}: ${median(list).toFixed(1)} ns, ${(median(list) / floor).toFixed(1)} × two empty calls`);
}

const perState = (count) => {
  const before = memory.buffer.byteLength;
  for (let i = 0; i < count; i += 1) raw.stateNew(limited.handle, START_US);
  return (memory.buffer.byteLength - before) / count;
};
const limited = engine.policy({ name: 'p', circuit: { consecutive_failures: 5 }, limits: [{ name: 'l', capacity: 9, refill_tokens: 1, refill_interval_ms: 1 }] });
console.log(`memory of a state (breaker + limit), of 100,000: ${perState(100_000).toFixed(0)} bytes`);
const wasm = readFileSync(new URL('../pkg/stanchion_bg.wasm', import.meta.url));
console.log(`module: ${wasm.length} bytes, ${gzipSync(wasm, { level: 9 }).length} gzipped`);
engine.restart();
