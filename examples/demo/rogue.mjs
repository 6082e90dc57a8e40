/**
 * A host that breaks one law on purpose, so that the tests see the judge notice: `DEMO_BREAK=limit make demo`. It makes up
 * permits; the write sequences that go with them are real, from transactions that write the bytes back as they are.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { Store } from 'stanchion/store';

import { writePermit } from './judge/permit.mjs';
import { nowUs, settings } from './lib/host.mjs';
import { Reporter } from './lib/reporter.mjs';

const config = settings();
const store = Store.open(config.state, { waitMs: 2000 });
const key = store.key(readFileSync(config.policy, 'utf8'), config.key);
const rules = JSON.parse(key.policy.toJson());
const reporter = new Reporter(config, 0);
const isOver = new Promise((resolve) => process.stdin.on('end', () => resolve(true)).resume());

/** A write that decides nothing. */
const idleWrite = () => store.transact(config.key, (bytes) => bytes);

let made = 0;
/** A permit that the store never gave, with a write of its own. */
async function madeUp(cost) {
  made += 1;
  // The clock is read in whole milliseconds; the end of one is never before what others decided in it.
  const atUs = nowUs() + 999;
  return { permit: writePermit({ atUs, cost, leaseId: made }), cost, sequence: await idleWrite(), atUs, events: [] };
}

/** A permit that the store gave, however often it refuses before. */
async function real() {
  for (;;) {
    const atUs = nowUs();
    const decision = await key.acquire();
    if (decision.admitted) return { permit: String(decision.permit), handle: decision.permit, cost: 1, sequence: decision.sequence, atUs, events: decision.events };
    await sleep(20);
  }
}

/** Calls the upstream, whatever it answers. */
async function call({ permit, cost, sequence, atUs, events }) {
  const headers = {
    ...reporter.headers, 'x-permit': permit, 'x-cost': String(cost), 'x-sequence': String(sequence), 'x-at-us': String(atUs), 'x-events': events.join(' '),
  };
  await fetch(`${config.upstream}/work`, { headers, signal: AbortSignal.timeout(config.callTimeoutMs) }).catch(() => {});
}

/** Ends a made-up call as hosts do. */
async function end({ permit }) {
  const atUs = nowUs();
  await reporter.tell({
    kind: 'settled', at_us: atUs, permit, outcome: 'ignored', status: 200, answer: 'counted', sequence: await idleWrite(), changed: true, events: [],
  });
}

async function callMadeUp(count, cost) {
  const calls = [];
  for (let i = 0; i < count; i += 1) calls.push(await madeUp(cost));
  await Promise.all(calls.map(call));
  for (const made of calls) await end(made);
}

/** Waits until the store's own word is so. */
async function until(isSo) {
  while (store.read(config.key) === null || !isSo(JSON.parse(key.explain()))) await sleep(2);
}

/** Each law with what breaks it once. */
const BREAKS = {
  limit: () => callMadeUp(2, rules.limits[1].capacity),
  concurrency: () => callMadeUp(rules.bulkhead.max_concurrent + 1, 0),
  open: async () => {
    await until(({ circuit }) => circuit.phase === 'open');
    await callMadeUp(1, 0);
  },
  probe: async () => {
    await until(({ circuit }) => circuit.phase === 'half_open');
    await callMadeUp(rules.circuit.half_open_permits + 1, 0);
  },
  retry_after: async () => {
    const untilUs = nowUs() + 2_000_000;
    const atUs = nowUs();
    const { sequence, changed, events } = await key.command({ block: { until_us: untilUs } });
    await reporter.tell({ kind: 'blocked', at_us: atUs, permit: '', until_us: untilUs, sequence, changed, events });
    await callMadeUp(1, 0);
  },
  leak: async () => call(await real()),
  permit: async () => {
    const taken = await real();
    await call(taken);
    await call(taken);
    const atUs = nowUs();
    const { settled, sequence, changed, events } = await key.settle(taken.handle, { outcome: 'ignored' });
    await reporter.tell({ kind: 'settled', at_us: atUs, permit: taken.permit, outcome: 'ignored', status: 200, answer: settled, sequence, changed, events });
  },
  store: async () => {
    for (let i = 0; i < 20; i += 1) await idleWrite();
  },
};

const breakLaw = BREAKS[process.argv[2]];
await Promise.race([isOver, until(() => true)]);
while (!(await Promise.race([isOver, sleep(500)]))) {
  await Promise.race([isOver, breakLaw()]);
}
process.exit(0);
