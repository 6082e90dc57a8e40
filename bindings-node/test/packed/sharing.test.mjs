// Threads and processes on one state file, all by the packed package: together they get what one policy allows.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import test from 'node:test';
import { Worker } from 'node:worker_threads';

import { BUN, DENO, said, withAddon } from './support.mjs';

const CAPACITY = 40;
const TRIES = '30';
const sum = (taken) => taken.reduce((left, right) => left + right, 0);

test('four processes', async () => {
  const path = join(withAddon, 'processes.state');
  const taken = await Promise.all([1, 2, 3, 4].map(() => said(withAddon, process.execPath, 'take.mjs', path, TRIES)));
  assert.equal(sum(taken), CAPACITY);
});

test('two worker threads', async () => {
  const path = join(withAddon, 'threads.state');
  const thread = async () => {
    const worker = new Worker(join(withAddon, 'take.mjs'), { workerData: [path, TRIES] });
    return (await once(worker, 'message'))[0];
  };
  assert.equal(sum(await Promise.all([thread(), thread()])), CAPACITY);
});

test('Node, Deno and Bun', async () => {
  const path = join(withAddon, 'runtimes.state');
  const taken = await Promise.all([
    said(withAddon, process.execPath, 'take.mjs', path, TRIES),
    said(withAddon, ...DENO, 'take.mjs', path, TRIES),
    said(withAddon, ...BUN, 'take.mjs', path, TRIES),
  ]);
  assert.equal(sum(taken), CAPACITY);
});
