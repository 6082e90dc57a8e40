// A process that is stopped with the lock in its hands: the event loop goes on, and the thread of JavaScript asks once.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { fileURLToPath } from 'node:url';

import { definePolicy } from 'stanchion';
import { Spool, Store } from 'stanchion/store';

const support = (name) => fileURLToPath(new URL(`support/${name}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'stanchion-'));
const path = join(folder, 'held.state');
const counter = join(folder, 'count-flock.so');
const holder = spawn(process.execPath, [support('holder.mjs'), path], { stdio: ['ignore', 'pipe', 'inherit'] });
after(() => {
  holder.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

/** Runs the waiter, and tells its answer and how often its first thread asked for a lock. */
async function wait(path, operation) {
  const env = { ...process.env, LD_PRELOAD: counter };
  const child = spawn(process.execPath, [support('waiter.mjs'), path, operation], { env, stdio: ['ignore', 'pipe', 'inherit', 'pipe'] });
  let [said, asked] = ['', ''];
  child.stdio[1].on('data', (chunk) => (said += chunk));
  child.stdio[3].on('data', (chunk) => (asked += chunk));
  const [status] = await once(child, 'close');
  assert.equal(status, 0);
  return { ...JSON.parse(said), asked: Number(asked) };
}

const skip = process.platform !== 'linux' && 'needs a preloaded library';
test('with a stopped lock holder', { skip }, async (t) => {
  execFileSync('gcc', ['-shared', '-fPIC', '-O1', '-Wall', '-Werror', '-o', counter, support('count-flock.c')]);
  await once(holder.stdout, 'data');
  holder.kill('SIGSTOP');
  for (const [operation, expected] of [
    ['acquire', { admitted: false, code: 'busy' }],
    ['settle', { code: 'busy' }],
    ['transact', { code: 'busy' }],
  ]) {
    await t.test(`${operation} asks once on the thread of JavaScript, waits elsewhere, and says that it was busy`, async () => {
      const { answer, ticks, asked } = await wait(path, operation);
      assert.deepEqual(answer, expected);
      assert(ticks >= 10, `the timer of the event loop fired ${ticks} times in 300 ms`);
      assert.equal(asked, 1);
    });
  }
  for (const [operation, name] of [
    ['left by signal', 'TimeoutError'],
    ['left by deadline', 'TimeoutError'],
    ['left by deadline, nested', 'TimeoutError'],
  ]) {
    await t.test(`${operation}: nobody waits for the lock to the end`, async () => {
      const { answer, asked } = await wait(path, operation);
      assert.deepEqual([answer, asked], [{ name }, 1]);
    });
  }
  await t.test('who only reads asks for no lock', async () => {
    const { answer, asked } = await wait(path, 'peek');
    assert.deepEqual([answer, asked], [{ admitted: true }, 0]);
  });
  await t.test('a spool is opened in the thread pool', async () => {
    const spool = join(folder, 'spool');
    await Spool.open(spool, definePolicy({ name: 's', spool: {} }));
    // Whichever of its files has the lock.
    const holders = readdirSync(spool).map((file) => spawn('flock', ['--no-fork', join(spool, file), 'sh', '-c', 'echo held; exec sleep 60']));
    await Promise.all(holders.map(({ stdout }) => once(stdout, 'data')));
    const { answer, ticks, asked } = await wait(spool, 'spool');
    holders.forEach((child) => child.kill());
    assert.deepEqual([answer, asked], [{ code: 'busy' }, 0]);
    assert(ticks >= 10, `the timer of the event loop fired ${ticks} times in 300 ms`);
  });
});

test('where each write is synced, the thread of JavaScript asks for no lock and writes nothing', { skip }, async () => {
  const synced = join(folder, 'synced.state');
  const { answer, asked } = await wait(synced, 'synced');
  assert.deepEqual([answer, asked], [{ admitted: true }, 0]);
  const store = Store.open(synced, { sync: true });
  assert.equal(store.read('k').sequence, 2, 'acquire and settle');
  assert.equal(await store.transact('other', () => Uint8Array.of(1)), 1);
  assert.deepEqual(store.read('other'), { bytes: Uint8Array.of(1), sequence: 1 });
});
